/* client_test.c - the client against real sockets: upgrades, frames, endings, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "net/client.h"

#include "client_bench.h"

enum { SHORT_MS = 150 }; /* a time-out that is expected */

static void hears_frames_that_came_with_the_upgrade(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x05hello\x82\x01x", 10);
    struct mw_raw_server_options options = {.serve = mw_heard_serve_bytes, .user = &stream};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    mw_heard_connect(&heard, "ws://localhost:%u", mw_raw_server_port(server));
    mw_heard_until(&heard, &heard.opens, 1);
    mw_client_set_timer(heard.client, MW_HEARD_DEADLINE_MS);
    while (heard.message_count < 2 && !heard.late) /* nothing more comes from the server */
        mw_client_service(heard.client);
    assert_string_equal(heard.messages, "hello;binary:x;");
    assert_int_equal(heard.read_ends, 1);
    mw_heard_end(&heard);
    mw_raw_server_stop(server);
    mw_str_deinit(&stream);
}

static void tells_the_code_and_reason_of_a_close_frame(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    mw_heard_run_bytes(&heard, "\x81\x01x\x88\x06\x03\xe9gone", 11, 100);
    mw_heard_expect(&heard, MW_ECLOSED, 1001, "gone");
    assert_string_equal(heard.messages, "x;");
    assert_int_equal(heard.opens, 1);
}

static void refuses_a_frame_of_64_mib_and_says_1009(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct mw_heard_frame seen = {.bytes = "\x82\x7f\x00\x00\x00\x00\x04\x00\x00\x00more",
                                  .length = 14};
    struct mw_raw_server_options server = {.serve = mw_heard_serve_and_note, .user = &seen};
    mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
    mw_heard_expect(&heard, MW_EPROTOCOL, 1009, "over the limit");
    assert_int_equal(seen.first, 0x88);
    assert_memory_equal(seen.payload, "\x03\xf1", 2);
}

static void refuses_a_masked_frame_and_says_1002(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct mw_heard_frame seen = {.bytes = "\x81\x81xxxxx", .length = 7};
    struct mw_raw_server_options server = {.serve = mw_heard_serve_and_note, .user = &seen};
    mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
    mw_heard_expect(&heard, MW_EPROTOCOL, 1002, "masked");
    assert_int_equal(seen.first, 0x88);
    assert_memory_equal(seen.payload, "\x03\xea", 2);
}

static void closes_with_a_handshake_and_keeps_its_own_code(void **state)
{
    (void)state;
    for (int answer = 0; answer < 2; answer++) {
        struct mw_heard heard = {.on_open_close = true};
        struct mw_heard_frame seen = {.bytes = "", .answer = answer != 0};
        struct mw_raw_server_options server = {.serve = mw_heard_serve_and_note, .user = &seen};
        int64_t began_ms = mw_clock_monotonic_ms();
        mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
        int64_t took_ms = mw_clock_monotonic_ms() - began_ms;
        mw_heard_expect(&heard, MW_ECLOSED, 4000, "enough");
        assert_int_equal(seen.first, 0x88);
        assert_int_equal(seen.payload_length, 8);
        assert_memory_equal(seen.payload,
                            "\x0f\xa0"
                            "enough",
                            8);
        if (!answer)
            assert_true(took_ms >= 900); /* it waits a second for the answer */
    }
}

static void serve_then_drop(struct mw_raw_peer *peer, void *user)
{
    bool *reset = user;
    if (mw_raw_upgrade(peer, "\x81\x01x\x81\x05part", 9) && *reset)
        mw_raw_reset(peer);
}

static void tells_when_the_server_goes_without_a_close_frame(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct mw_heard heard = {0};
        bool reset = i != 0;
        struct mw_raw_server_options server = {.serve = serve_then_drop, .user = &reset};
        mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
        if (heard.opens == 0 && reset)
            mw_heard_expect(&heard, MW_EHANDSHAKE, 0, ""); /* the reset overtook the answer */
        else
            mw_heard_expect(&heard, MW_ECLOSED, 1006, "without a close frame");
    }
}

/* Answers a request with `user`, in which "%s" is the right Sec-WebSocket-Accept. */
static void serve_answer(struct mw_raw_peer *peer, void *user)
{
    const char *answer = user;
    char request[4096], accept[29], text[1024];
    if (!mw_raw_read_request(peer, request, sizeof(request)) || !mw_raw_accept_key(request, accept))
        return;
    const char *place = strstr(answer, "%s");
    if (place == NULL)
        snprintf(text, sizeof(text), "%s", answer);
    else
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - answer), answer, accept, place + 2);
    mw_raw_write(peer, text, strlen(text));
    mw_raw_wait_end(peer);
}

static void refuses_answers_that_are_no_upgrade(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int code;
        const char *words;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, "404"},
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, "401"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "200"},
        {"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", 302, "302"},
        {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
         101, "Accept"},
        {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 101, "Accept"},
        {"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", 101,
         "'Upgrade: websocket'"},
        {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: close\r\n"
         "Sec-WebSocket-Accept: %s\r\n\r\n",
         101, "'Connection: Upgrade'"},
        {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         101, "extension"},
        {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: %s\r\nContent-Length: 0\r\n\r\n",
         101, "body"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_heard heard = {0};
        char answer[512];
        snprintf(answer, sizeof(answer), "%s", cases[i].answer);
        struct mw_raw_server_options server = {.serve = serve_answer, .user = answer};
        mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
        assert_int_equal(heard.opens, 0);
        mw_heard_expect(&heard, MW_EHANDSHAKE, cases[i].code, cases[i].words);
    }
}

static void takes_an_upgrade_in_any_letters(void **state)
{
    (void)state;
    struct mw_heard heard = {.on_open_close = true};
    char answer[] = "HTTP/1.1 101 Whatever\r\nserver: x\r\nUPGRADE: WebSocket\r\n"
                    "connection: keep-alive, upgrade\r\nSEC-WEBSOCKET-ACCEPT: %s\r\n\r\n";
    struct mw_raw_server_options server = {.serve = serve_answer, .user = answer};
    mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
    assert_int_equal(heard.opens, 1);
}

static void serve_and_close_at_once(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    char request[4096];
    mw_raw_read_request(peer, request, sizeof(request));
}

static void tells_when_there_is_no_answer(void **state)
{
    (void)state;
    struct mw_heard closed = {0};
    struct mw_raw_server_options server = {.serve = serve_and_close_at_once};
    mw_heard_run(&closed, &server, NULL, "ws://127.0.0.1");
    mw_heard_expect(&closed, MW_EHANDSHAKE, 0, "no valid answer");

    struct mw_heard garbled = {0};
    server.serve = mw_heard_serve_garbage;
    mw_heard_run(&garbled, &server, NULL, "ws://127.0.0.1");
    mw_heard_expect(&garbled, MW_EHANDSHAKE, 0, "no valid answer");
}

static void each_phase_has_a_time_out(void **state)
{
    (void)state;
    struct mw_raw_server_options server = {.serve = mw_heard_serve_nothing};
    struct mw_client_options options = mw_heard_options();
    options.upgrade_ms = SHORT_MS;
    struct mw_heard upgrade = {0};
    mw_heard_run(&upgrade, &server, &options, "ws://127.0.0.1");
    mw_heard_expect(&upgrade, MW_ETIMEOUT, 0, "no answer to the upgrade within 150 ms");

    options = mw_heard_options();
    options.tls_ms = SHORT_MS;
    struct mw_heard tls = {0};
    mw_heard_run(&tls, &server, &options, "wss://127.0.0.1");
    mw_heard_expect(&tls, MW_ETIMEOUT, 0, "TLS handshake not done within 150 ms");
}

static void serve_and_keep_request(struct mw_raw_peer *peer, void *user)
{
    mw_raw_read_request(peer, user, 4096);
}

static void asks_as_rfc_6455_wants(void **state)
{
    (void)state;
    char request[4096] = "", host[64];
    struct mw_heard heard = {0};
    struct mw_raw_server_options options = {.serve = serve_and_keep_request, .user = request};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    mw_heard_begin(&heard, NULL);
    uint16_t port = mw_raw_server_port(server);
    mw_heard_connect(&heard, "ws://localhost:%u/a?b=c", port);
    mw_heard_until(&heard, &heard.closes, 1);
    mw_heard_end(&heard);
    mw_raw_server_stop(server); /* its thread has ended: the request is ours to read */
    snprintf(host, sizeof(host), "\r\nHost: localhost:%u\r\n", port);
    assert_memory_equal(request, "GET /a?b=c HTTP/1.1\r\n", 21);
    assert_non_null(strstr(request, host));
    assert_non_null(strstr(request, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(request, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
    assert_null(strstr(request, "connection: close"));
    assert_null(strstr(request, "xtensions"));
}

/* ---- sending ---- */

struct echo {
    size_t bytes; /* of payload received */
};

/* Upgrades, counts what comes until a close frame's worth of silence, then closes. */
static void serve_count(struct mw_raw_peer *peer, void *user)
{
    struct echo *echo = user;
    unsigned char header[14];
    if (!mw_raw_upgrade(peer, "", 0))
        return;
    while (mw_raw_read_all(peer, header, 2)) {
        size_t length = header[1] & 0x7f, extra = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (!mw_raw_read_all(peer, header + 2, extra + 4))
            return;
        if (extra > 0)
            length = 0;
        for (size_t i = 0; i < extra; i++)
            length = length << 8 | header[2 + i];
        char *payload = mw_alloc(length);
        bool whole = mw_raw_read_all(peer, payload, length);
        mw_free(payload);
        if (!whole)
            return;
        echo->bytes += length;
        if ((header[0] & 0x0f) == 9) { /* a ping ends it */
            mw_raw_write(peer, "\x88\x02\x03\xe8", 4);
            mw_raw_wait_end(peer);
            return;
        }
    }
}

static void sends_as_much_as_the_queue_may_hold(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct echo echo = {0};
    struct mw_raw_server_options options = {.serve = serve_count, .user = &echo};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    char *text = mw_alloc(MW_SEND_QUEUE_BYTES_MAX);
    memset(text, 't', MW_SEND_QUEUE_BYTES_MAX);
    assert_false(mw_client_send_text(heard.client, "early", 5));
    mw_heard_connect(&heard, "ws://127.0.0.1:%u", mw_raw_server_port(server));
    mw_heard_until(&heard, &heard.opens, 1);
    size_t most = MW_SEND_QUEUE_BYTES_MAX - 14; /* with its header the queue is full */
    assert_false(mw_client_send_text(heard.client, text, MW_SEND_QUEUE_BYTES_MAX));
    assert_false(mw_client_send_text(heard.client, text, most + 1));
    assert_true(mw_client_send_text(heard.client, text, most));
    assert_false(mw_client_send_text(heard.client, "", 0));
    mw_client_set_timer(heard.client, MW_HEARD_DEADLINE_MS);
    while (!mw_client_send_ping(heard.client, "p", 1) && !heard.late)
        mw_client_service(heard.client);
    mw_heard_until(&heard, &heard.closes, 1);
    assert_false(mw_client_send_text(heard.client, "late", 4));
    mw_heard_end(&heard);
    mw_raw_server_stop(server);
    assert_int_equal(echo.bytes, most + 1);
    mw_free(text);
}

/* Reads nothing until the test writes to the pipe. */
static void serve_deaf(struct mw_raw_peer *peer, void *user)
{
    const int *pipe_fds = user;
    char byte;
    if (mw_raw_upgrade(peer, "", 0))
        assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
}

static void knows_what_it_cannot_send_and_drops_without_waiting(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    struct mw_raw_server_options options = {.serve = serve_deaf, .user = pipe_fds};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    mw_client_drop(heard.client); /* there is nothing */
    uint64_t before, sent;
    assert_int_equal(mw_client_unsent(heard.client, &before), 0);
    assert_int_equal(mw_client_heard_ms(heard.client), 0);
    mw_heard_connect(&heard, "ws://127.0.0.1:%u", mw_raw_server_port(server));
    mw_heard_until(&heard, &heard.opens, 1);
    char *text = mw_alloc_zero(MW_SEND_QUEUE_BYTES_MAX);
    /* Until neither the socket nor the queue takes any more for a while. */
    do {
        mw_client_unsent(heard.client, &before);
        while (mw_client_send_text(heard.client, text, MW_SEND_QUEUE_BYTES_MAX / 4))
            ;
        mw_client_set_timer(heard.client, 50);
        for (int timers = heard.timers; heard.timers == timers;)
            mw_client_service(heard.client);
        heard.late = false;
    } while (mw_client_unsent(heard.client, &sent) == 0 || sent != before);
    assert_true(sent > MW_SEND_QUEUE_BYTES_MAX / 4);
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_client_drop(heard.client);
    mw_client_drop(heard.client);
    assert_false(mw_client_is_open(heard.client));
    mw_heard_until(&heard, &heard.closes, 1);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, 500); /* a handshake has a second */
    mw_heard_expect(&heard, MW_ECLOSED, 1006, "dropped by this side");
    assert_int_equal(mw_client_unsent(heard.client, &sent), 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    mw_heard_end(&heard);
    mw_raw_server_stop(server);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    mw_free(text);
}

/* Sends pings in a flood, without pause, until a pong comes back, then closes. */
static void serve_flood(struct mw_raw_peer *peer, void *user)
{
    int *pongs = user;
    char flood[64 << 10], payload[126];
    unsigned char first;
    if (!mw_raw_upgrade(peer, "", 0))
        return;
    for (size_t at = 0; at + 127 <= sizeof(flood); at += 127) {
        flood[at] = (char)0x82;
        flood[at + 1] = 0x7d;
        memset(flood + at + 2, 'x', 125);
    }
    size_t whole = sizeof(flood) / 127 * 127;
    for (int i = 0; i < 3; i++) {
        mw_raw_write(peer, "\x89\x01p", 3);
        for (int round = 0; round < 20; round++)
            mw_raw_write(peer, flood, whole);
        if (mw_raw_read_frame(peer, &first, payload) == 1 && first == 0x8a)
            (*pongs)++;
    }
    mw_raw_write(peer, "\x88\x02\x03\xe8", 4);
    mw_raw_wait_end(peer);
}

static void answers_pings_in_the_middle_of_a_flood(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    int pongs = 0;
    struct mw_raw_server_options server = {.serve = serve_flood, .user = &pongs};
    mw_heard_run(&heard, &server, NULL, "ws://127.0.0.1");
    mw_heard_expect(&heard, MW_ECLOSED, 1000, "");
    assert_int_equal(pongs, 3);
    assert_int_equal(heard.message_bytes, 3 * 20 * (65536 / 127) * 125);
    assert_true(heard.read_ends <= heard.message_count);
}

/* ---- lifetimes, timers, threads ---- */

static void connects_again_from_within_on_closed(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x01x\x88\x02\x03\xe8", 7);
    struct mw_raw_server_options options = {.serve = mw_heard_serve_bytes, .user = &stream};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    mw_heard_begin(&heard, NULL);
    char url[64];
    for (int i = 1; i <= 20; i++) {
        snprintf(url, sizeof(url), "ws://127.0.0.1:%u", mw_raw_server_port(server));
        heard.on_closed_url = url;
        if (i == 1)
            mw_heard_connect(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
        mw_heard_until(&heard, &heard.closes, i);
    }
    mw_heard_until(&heard, &heard.closes, 21);
    assert_int_equal(heard.opens, 20);
    mw_heard_end(&heard);
    mw_raw_server_stop(server);
    mw_str_deinit(&stream);
}

static void wake_up(void *user)
{
    mw_client_wake(user);
}

static void wakes_from_another_thread_and_keeps_time(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    struct mw_thread thread = {0};
    struct mw_error err;
    assert_int_equal(
        mw_thread_start(&thread, "waker", &mw_worker_thread, wake_up, heard.client, &err), MW_OK);
    mw_heard_until(&heard, &heard.wakes, 1);
    mw_thread_join(&thread);

    mw_client_set_timer(heard.client, (int64_t)MW_HEARD_DEADLINE_MS * 1000);
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_client_set_timer(heard.client, 50);
    while (heard.timers == 0)
        mw_client_service(heard.client);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 49, MW_HEARD_DEADLINE_MS);
    mw_client_set_timer(heard.client, 0);
    while (heard.timers == 1)
        mw_client_service(heard.client);
    heard.late = false;
    mw_client_set_timer(heard.client, 1);
    mw_client_set_timer(heard.client, -1);
    mw_client_wake(heard.client);
    mw_client_wake(heard.client);
    while (heard.wakes == 1)
        mw_client_service(heard.client);
    assert_int_equal(heard.timers, 2);
    assert_int_equal(heard.wakes, 2);
    mw_heard_end(&heard);
}

static int be_quiet(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF); /* libwebsockets says what went wrong; here it is expected */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_frames_that_came_with_the_upgrade),
        cmocka_unit_test(tells_the_code_and_reason_of_a_close_frame),
        cmocka_unit_test(refuses_a_frame_of_64_mib_and_says_1009),
        cmocka_unit_test(refuses_a_masked_frame_and_says_1002),
        cmocka_unit_test(closes_with_a_handshake_and_keeps_its_own_code),
        cmocka_unit_test(tells_when_the_server_goes_without_a_close_frame),
        cmocka_unit_test(refuses_answers_that_are_no_upgrade),
        cmocka_unit_test(takes_an_upgrade_in_any_letters),
        cmocka_unit_test(tells_when_there_is_no_answer),
        cmocka_unit_test(each_phase_has_a_time_out),
        cmocka_unit_test(asks_as_rfc_6455_wants),
        cmocka_unit_test(sends_as_much_as_the_queue_may_hold),
        cmocka_unit_test(knows_what_it_cannot_send_and_drops_without_waiting),
        cmocka_unit_test(answers_pings_in_the_middle_of_a_flood),
        cmocka_unit_test(connects_again_from_within_on_closed),
        cmocka_unit_test(wakes_from_another_thread_and_keeps_time),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
