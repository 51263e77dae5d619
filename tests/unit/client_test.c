/* client_test.c - the client against real sockets on loopback: TLS, upgrades, endings, time-outs. */
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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

#include "certificate.h"
#include "raw_server.h"

enum {
    DEADLINE_MS = 20000, /* for anything that is expected; never reached when all is well */
    SHORT_MS = 150,      /* a time-out that is expected */
};

/* What the client said, and the client. */
struct heard {
    struct mw_client *client;
    bool on_open_close, on_open_ping; /* what to do in on_open */
    const char *on_open_text;
    const char *on_closed_url; /* connect there in on_closed, once */
    int opens, closes, wakes, timers;
    bool late;          /* the deadline passed */
    char messages[256]; /* the short ones, each with a ';' */
    size_t message_count, message_bytes, read_ends;
    struct mw_error err;
};

static void on_open(void *user)
{
    struct heard *heard = user;
    mw_role_assert(&mw_feed_thread);
    heard->opens++;
    if (heard->on_open_text != NULL)
        assert_true(
            mw_client_send_text(heard->client, heard->on_open_text, strlen(heard->on_open_text)));
    if (heard->on_open_ping)
        assert_true(mw_client_send_ping(heard->client, "ping", 4));
    if (heard->on_open_close)
        mw_client_close(heard->client, 4000, "enough");
}

static void on_message(void *user, bool text, const char *data, size_t length)
{
    struct heard *heard = user;
    size_t used = strlen(heard->messages);
    snprintf(heard->messages + used, sizeof(heard->messages) - used, "%s%.*s;",
             text ? "" : "binary:", length < 20 ? (int)length : 0, data);
    heard->message_count++;
    heard->message_bytes += length;
    for (size_t i = 0; i < MW_MESSAGE_PADDING; i++)
        assert_int_equal(data[length + i], 0);
}

static void on_read_end(void *user)
{
    struct heard *heard = user;
    heard->read_ends++;
}

static void on_closed(void *user, const struct mw_error *err)
{
    struct heard *heard = user;
    mw_role_assert(&mw_feed_thread);
    heard->closes++;
    heard->err = *err;
    if (heard->on_closed_url != NULL) {
        const char *url = heard->on_closed_url;
        heard->on_closed_url = NULL;
        assert_int_equal(mw_client_connect(heard->client, url, NULL), MW_OK);
    }
}

static void on_timer(void *user)
{
    struct heard *heard = user;
    heard->timers++;
    heard->late = true;
}

static void on_wake(void *user)
{
    struct heard *heard = user;
    heard->wakes++;
}

static struct mw_client_options usual_options(void)
{
    return (struct mw_client_options){.connect_ms = DEADLINE_MS,
                                      .tls_ms = DEADLINE_MS,
                                      .upgrade_ms = DEADLINE_MS,
                                      .frame_bytes_max = MW_FRAME_BYTES_DEFAULT};
}

static void begin(struct heard *heard, const struct mw_client_options *options)
{
    mw_role_enter(&mw_feed_thread);
    mw_role_assert(&mw_feed_thread);
    struct mw_client_options usual = usual_options();
    struct mw_client_handler handler = {heard,     on_open,  on_message, on_read_end,
                                        on_closed, on_timer, on_wake};
    struct mw_error err;
    if (mw_client_new(options != NULL ? options : &usual, &handler, &heard->client, &err) != MW_OK)
        fail_msg("%s", err.message);
}

static void end(struct heard *heard)
{
    mw_role_assert(&mw_feed_thread);
    int closes = heard->closes;
    mw_client_free(heard->client);
    assert_int_equal(heard->closes, closes);
}

static void connect_to(struct heard *heard, const char *format, ...) MW_PRINTF(2, 3);

static void connect_to(struct heard *heard, const char *format, ...)
{
    mw_role_assert(&mw_feed_thread);
    char url[200];
    va_list args;
    va_start(args, format);
    vsnprintf(url, sizeof(url), format, args);
    va_end(args);
    struct mw_error err;
    if (mw_client_connect(heard->client, url, &err) != MW_OK)
        fail_msg("%s: %s", url, err.message);
}

/* Runs the loop until `count` of what is counted has happened. */
static void until(struct heard *heard, const int *what, int count)
{
    mw_role_assert(&mw_feed_thread);
    mw_client_set_timer(heard->client, DEADLINE_MS);
    while (*what < count && !heard->late)
        mw_client_service(heard->client);
    assert_false(heard->late);
    mw_client_set_timer(heard->client, -1);
}

/* One connection to `server` from its beginning to its end; what came of it is in `heard`. */
static void run_once(struct heard *heard, const struct mw_raw_server_options *server_options,
                     const struct mw_client_options *options, const char *scheme_host)
{
    struct mw_raw_server *server = mw_raw_server_start(server_options);
    begin(heard, options);
    connect_to(heard, "%s:%u/path?token=secret", scheme_host, mw_raw_server_port(server));
    until(heard, &heard->closes, 1);
    end(heard);
    mw_raw_server_stop(server);
    assert_int_equal(heard->closes, 1);
    assert_non_null(strstr(heard->err.endpoint, "/path"));
    assert_null(strstr(heard->err.endpoint, "secret"));
}

static void expect_error(const struct heard *heard, mw_status status, int code, const char *words)
{
    if (heard->err.status != status || heard->err.code != code ||
        strstr(heard->err.message, words) == NULL)
        fail_msg("want %s %d '%s', got %s %d '%s'", mw_status_name(status), code, words,
                 mw_status_name(heard->err.status), heard->err.code, heard->err.message);
}

/* The upgrade, and `user` in the same segment; the client closes or the test ends. */
static void serve_bytes(struct mw_raw_peer *peer, void *user)
{
    const struct mw_str *bytes = user;
    if (mw_raw_upgrade(peer, bytes->data, bytes->length))
        mw_raw_wait_end(peer);
}

static void run_bytes(struct heard *heard, const char *bytes, size_t length, size_t limit)
{
    struct mw_str stream = MW_STR_INIT(1 << 20);
    mw_str_add(&stream, bytes, length);
    struct mw_raw_server_options server = {.serve = serve_bytes, .user = &stream};
    struct mw_client_options options = usual_options();
    options.frame_bytes_max = limit;
    run_once(heard, &server, &options, "ws://127.0.0.1");
    mw_str_deinit(&stream);
}

static void hears_frames_that_came_with_the_upgrade(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x05hello\x82\x01x", 10);
    struct mw_raw_server_options options = {.serve = serve_bytes, .user = &stream};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    connect_to(&heard, "ws://localhost:%u", mw_raw_server_port(server));
    until(&heard, &heard.opens, 1);
    mw_client_set_timer(heard.client, DEADLINE_MS);
    while (heard.message_count < 2 && !heard.late) /* nothing more comes from the server */
        mw_client_service(heard.client);
    assert_string_equal(heard.messages, "hello;binary:x;");
    assert_int_equal(heard.read_ends, 1);
    end(&heard);
    mw_raw_server_stop(server);
    mw_str_deinit(&stream);
}

static void tells_the_code_and_reason_of_a_close_frame(void **state)
{
    (void)state;
    struct heard heard = {0};
    run_bytes(&heard, "\x81\x01x\x88\x06\x03\xe9gone", 11, 100);
    expect_error(&heard, MW_ECLOSED, 1001, "gone");
    assert_string_equal(heard.messages, "x;");
    assert_int_equal(heard.opens, 1);
}

struct close_seen {
    const char *bytes;
    size_t length;
    unsigned char first;
    char payload[126];
    ssize_t payload_length;
    bool answer; /* with a close frame of our own */
};

/* As serve_bytes, and notes the next frame of the client. */
static void serve_and_note_frame(struct mw_raw_peer *peer, void *user)
{
    struct close_seen *seen = user;
    if (!mw_raw_upgrade(peer, seen->bytes, seen->length))
        return;
    seen->payload_length = mw_raw_read_frame(peer, &seen->first, seen->payload);
    if (seen->answer)
        mw_raw_write(peer, "\x88\x02\x03\xe8", 4);
    mw_raw_wait_end(peer);
}

static void refuses_a_frame_of_64_mib_and_says_1009(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct close_seen seen = {.bytes = "\x82\x7f\x00\x00\x00\x00\x04\x00\x00\x00more",
                              .length = 14};
    struct mw_raw_server_options server = {.serve = serve_and_note_frame, .user = &seen};
    run_once(&heard, &server, NULL, "ws://127.0.0.1");
    expect_error(&heard, MW_EPROTOCOL, 1009, "over the limit");
    assert_int_equal(seen.first, 0x88);
    assert_memory_equal(seen.payload, "\x03\xf1", 2);
}

static void refuses_a_masked_frame_and_says_1002(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct close_seen seen = {.bytes = "\x81\x81xxxxx", .length = 7};
    struct mw_raw_server_options server = {.serve = serve_and_note_frame, .user = &seen};
    run_once(&heard, &server, NULL, "ws://127.0.0.1");
    expect_error(&heard, MW_EPROTOCOL, 1002, "masked");
    assert_int_equal(seen.first, 0x88);
    assert_memory_equal(seen.payload, "\x03\xea", 2);
}

static void closes_with_a_handshake_and_keeps_its_own_code(void **state)
{
    (void)state;
    for (int answer = 0; answer < 2; answer++) {
        struct heard heard = {.on_open_close = true};
        struct close_seen seen = {.bytes = "", .answer = answer != 0};
        struct mw_raw_server_options server = {.serve = serve_and_note_frame, .user = &seen};
        int64_t began_ms = mw_clock_monotonic_ms();
        run_once(&heard, &server, NULL, "ws://127.0.0.1");
        int64_t took_ms = mw_clock_monotonic_ms() - began_ms;
        expect_error(&heard, MW_ECLOSED, 4000, "enough");
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
        struct heard heard = {0};
        bool reset = i != 0;
        struct mw_raw_server_options server = {.serve = serve_then_drop, .user = &reset};
        run_once(&heard, &server, NULL, "ws://127.0.0.1");
        if (heard.opens == 0 && reset)
            expect_error(&heard, MW_EHANDSHAKE, 0, ""); /* the reset overtook the answer */
        else
            expect_error(&heard, MW_ECLOSED, 1006, "without a close frame");
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
        struct heard heard = {0};
        char answer[512];
        snprintf(answer, sizeof(answer), "%s", cases[i].answer);
        struct mw_raw_server_options server = {.serve = serve_answer, .user = answer};
        run_once(&heard, &server, NULL, "ws://127.0.0.1");
        assert_int_equal(heard.opens, 0);
        expect_error(&heard, MW_EHANDSHAKE, cases[i].code, cases[i].words);
    }
}

static void takes_an_upgrade_in_any_letters(void **state)
{
    (void)state;
    struct heard heard = {.on_open_close = true};
    char answer[] = "HTTP/1.1 101 Whatever\r\nserver: x\r\nUPGRADE: WebSocket\r\n"
                    "connection: keep-alive, upgrade\r\nSEC-WEBSOCKET-ACCEPT: %s\r\n\r\n";
    struct mw_raw_server_options server = {.serve = serve_answer, .user = answer};
    run_once(&heard, &server, NULL, "ws://127.0.0.1");
    assert_int_equal(heard.opens, 1);
}

static void serve_nothing(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    mw_raw_wait_end(peer);
}

static void serve_and_close_at_once(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    char request[4096];
    mw_raw_read_request(peer, request, sizeof(request));
}

static void serve_garbage(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    char garbage[40000];
    memset(garbage, 'g', sizeof(garbage));
    mw_raw_write(peer, garbage, sizeof(garbage));
    mw_raw_wait_end(peer);
}

static void tells_when_there_is_no_answer(void **state)
{
    (void)state;
    struct heard closed = {0};
    struct mw_raw_server_options server = {.serve = serve_and_close_at_once};
    run_once(&closed, &server, NULL, "ws://127.0.0.1");
    expect_error(&closed, MW_EHANDSHAKE, 0, "no valid answer");

    struct heard garbled = {0};
    server.serve = serve_garbage;
    run_once(&garbled, &server, NULL, "ws://127.0.0.1");
    expect_error(&garbled, MW_EHANDSHAKE, 0, "no valid answer");
}

static void each_phase_has_a_time_out(void **state)
{
    (void)state;
    struct mw_raw_server_options server = {.serve = serve_nothing};
    struct mw_client_options options = usual_options();
    options.upgrade_ms = SHORT_MS;
    struct heard upgrade = {0};
    run_once(&upgrade, &server, &options, "ws://127.0.0.1");
    expect_error(&upgrade, MW_ETIMEOUT, 0, "no answer to the upgrade within 150 ms");

    options = usual_options();
    options.tls_ms = SHORT_MS;
    struct heard tls = {0};
    run_once(&tls, &server, &options, "wss://127.0.0.1");
    expect_error(&tls, MW_ETIMEOUT, 0, "TLS handshake not done within 150 ms");
}

/* ---- TLS ---- */

struct authorities {
    char directory[64], good_file[96], other_file[96], bad_file[96];
    struct mw_certificate *good, *other;
};

static struct authorities authorities;

static int make_authorities(void **state)
{
    (void)state;
    struct authorities *made = &authorities;
    snprintf(made->directory, sizeof(made->directory), "/tmp/moonwick-test-XXXXXX");
    MW_CHECK(mkdtemp(made->directory) != NULL);
    snprintf(made->good_file, sizeof(made->good_file), "%s/good.pem", made->directory);
    snprintf(made->other_file, sizeof(made->other_file), "%s/other.pem", made->directory);
    snprintf(made->bad_file, sizeof(made->bad_file), "%s/bad.pem", made->directory);
    made->good = mw_certificate_new_authority("good");
    made->other = mw_certificate_new_authority("other");
    mw_certificate_write(made->good, made->good_file);
    mw_certificate_write(made->other, made->other_file);
    FILE *bad = fopen(made->bad_file, "w");
    MW_CHECK(bad != NULL && fputs("not a certificate\n", bad) >= 0 && fclose(bad) == 0);
    mw_log_set_level(MW_LOG_OFF); /* libwebsockets says what went wrong; here it is expected */
    return 0;
}

static int drop_authorities(void **state)
{
    (void)state;
    unlink(authorities.good_file);
    unlink(authorities.other_file);
    unlink(authorities.bad_file);
    rmdir(authorities.directory);
    mw_certificate_free(authorities.good);
    mw_certificate_free(authorities.other);
    return 0;
}

/* One wss connection to a server with a certificate for `names`. */
static void run_tls(struct heard *heard, const char *names, long until_s, const char *ca_file,
                    const char *host)
{
    struct mw_certificate *certificate =
        mw_certificate_new(authorities.good, names, -1000, until_s);
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x02hi\x88\x02\x03\xe8", 8);
    struct mw_raw_server_options server = {
        .serve = serve_bytes, .user = &stream, .certificate = certificate};
    struct mw_client_options options = usual_options();
    options.ca_file = ca_file;
    char url[100];
    snprintf(url, sizeof(url), "wss://%s", host);
    run_once(heard, &server, &options, url);
    mw_certificate_free(certificate);
    mw_str_deinit(&stream);
}

static void trusts_a_private_authority_by_name_and_by_address(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(hosts); i++) {
        struct heard heard = {0};
        run_tls(&heard, "DNS:localhost,IP:127.0.0.1", 1000, authorities.good_file, hosts[i]);
        expect_error(&heard, MW_ECLOSED, 1000, "code 1000");
        assert_string_equal(heard.messages, "hi;");
        assert_int_equal(heard.message_count, 1);
    }
}

static void refuses_bad_certificates_with_words(void **state)
{
    (void)state;
    const struct {
        const char *names;
        long until_s;
        const char *ca_file, *host, *words;
    } cases[] = {
        {"DNS:localhost", -10, authorities.good_file, "localhost", "certificate has expired"},
        {"DNS:example.com", 1000, authorities.good_file, "localhost", "host name mismatch"},
        {"DNS:localhost", 1000, authorities.good_file, "127.0.0.1", "host name mismatch"},
        {"DNS:127.0.0.1,IP:127.0.0.2", 1000, authorities.good_file, "127.0.0.1",
         "host name mismatch"},
        {"DNS:localhost", 1000, authorities.other_file, "localhost",
         "unable to get local issuer certificate"},
        {"DNS:localhost", 1000, NULL, "localhost", "unable to get local issuer certificate"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct heard heard = {0};
        run_tls(&heard, cases[i].names, cases[i].until_s, cases[i].ca_file, cases[i].host);
        assert_int_equal(heard.opens, 0);
        expect_error(&heard, MW_ETLS, 0, cases[i].words);
    }
}

static void tells_when_the_server_does_not_speak_tls(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct mw_raw_server_options server = {.serve = serve_garbage};
    run_once(&heard, &server, NULL, "wss://127.0.0.1");
    expect_error(&heard, MW_ETLS, 0, "wrong version number");
}

static void refuses_ca_files_that_hold_no_certificate(void **state)
{
    (void)state;
    mw_role_enter(&mw_feed_thread);
    mw_role_assert(&mw_feed_thread);
    const char *files[] = {"/nonexistent/ca.pem", authorities.bad_file};
    struct mw_client_handler handler = {NULL,      on_open,  on_message, on_read_end,
                                        on_closed, on_timer, on_wake};
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        struct mw_client_options options = usual_options();
        options.ca_file = files[i];
        struct mw_client *client = NULL;
        struct mw_error err;
        assert_int_equal(mw_client_new(&options, &handler, &client, &err), MW_ETLS);
        assert_non_null(strstr(err.message, files[i]));
        assert_null(client);
    }
}

/* ---- names, addresses and proxies ---- */

static void tells_unknown_names_from_refused_ports(void **state)
{
    (void)state;
    struct heard heard = {0};
    begin(&heard, NULL);
    connect_to(&heard, "ws://nothing.invalid/x");
    until(&heard, &heard.closes, 1);
    expect_error(&heard, MW_ERESOLVE, 0, "nothing.invalid");
    assert_string_equal(heard.err.endpoint, "ws://nothing.invalid:80/x");
    connect_to(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
    until(&heard, &heard.closes, 2);
    expect_error(&heard, MW_ECONNECT, 0, "127.0.0.1");
    connect_to(&heard, "wss://localhost:%u", mw_raw_refusing_port());
    until(&heard, &heard.closes, 3);
    expect_error(&heard, MW_ECONNECT, 0, "localhost");
    end(&heard);
}

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

static sem_t stuck_go, stuck_gone; /* the resolver may go on; it has ended */

/* Stands in for the resolver where resolve.c calls it. "several.test" has two addresses that refuse
 * and one that does not; "stuck.test" is asked of a resolver that does not answer. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    static const char *const several[] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
    if (strcmp(host, "stuck.test") == 0) {
        sem_wait(&stuck_go);
        sem_post(&stuck_gone);
        return EAI_AGAIN;
    }
    if (strcmp(host, "several.test") != 0)
        return __real_getaddrinfo(host, service, hints, list);
    for (size_t i = 0; i < MW_COUNT(several); i++) {
        assert_int_equal(__real_getaddrinfo(several[i], service, hints, list), 0);
        list = &(*list)->ai_next;
    }
    return 0;
}

static void tries_every_address_of_a_name(void **state)
{
    (void)state;
    struct heard heard = {.on_open_close = true};
    struct close_seen seen = {.bytes = "", .answer = true};
    struct mw_raw_server_options server = {.serve = serve_and_note_frame, .user = &seen};
    run_once(&heard, &server, NULL, "ws://several.test");
    expect_error(&heard, MW_ECLOSED, 4000, "enough");

    struct heard refused = {0};
    begin(&refused, NULL);
    mw_role_assert(&mw_feed_thread);
    connect_to(&refused, "ws://several.test:%u", mw_raw_refusing_port());
    until(&refused, &refused.closes, 1);
    expect_error(&refused, MW_ECONNECT, 0, "any of the 3 addresses");
    end(&refused);
}

static void a_stuck_resolver_holds_nothing_up(void **state)
{
    (void)state;
    sem_init(&stuck_go, 0, 0);
    sem_init(&stuck_gone, 0, 0);
    struct heard heard = {0};
    struct mw_client_options options = usual_options();
    options.connect_ms = SHORT_MS;
    begin(&heard, &options);
    mw_role_assert(&mw_feed_thread);
    connect_to(&heard, "ws://stuck.test");
    until(&heard, &heard.closes, 1);
    expect_error(&heard, MW_ETIMEOUT, 0, "not resolved within 150 ms");
    connect_to(&heard, "ws://stuck.test");
    mw_client_close(heard.client, 1000, NULL);
    until(&heard, &heard.closes, 2);
    connect_to(&heard, "ws://stuck.test");
    end(&heard); /* does not wait */
    for (int i = 0; i < 3; i++)
        sem_post(&stuck_go);
    for (int i = 0; i < 3; i++)
        sem_wait(&stuck_gone);
}

static void refuses_bad_urls_before_anything_is_started(void **state)
{
    (void)state;
    struct heard heard = {0};
    begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    struct mw_error err;
    assert_int_equal(mw_client_connect(heard.client, "localhost", &err), MW_EPARSE);
    assert_int_equal(mw_client_connect(heard.client, "http://localhost", &err), MW_EPARSE);
    char url[MW_URL_BYTES_MAX + 1];
    memset(url, 'p', sizeof(url));
    memcpy(url, "ws://h/", 7);
    url[2006] = '\0'; /* a path of 2,000 bytes */
    assert_int_equal(mw_client_connect(heard.client, url, &err), MW_OK);
    mw_client_close(heard.client, 1000, NULL);
    until(&heard, &heard.closes, 1);
    url[2006] = 'p';
    url[2007] = '\0';
    assert_int_equal(mw_client_connect(heard.client, url, &err), MW_ELIMIT);
    end(&heard);
    assert_int_equal(heard.closes, 1);
}

static void serve_proxy(struct mw_raw_peer *peer, void *user)
{
    char *request = user;
    if (mw_raw_read_request(peer, request, 4096) &&
        mw_raw_write(peer, "HTTP/1.1 200 OK\r\n\r\n", 19) &&
        mw_raw_upgrade(peer, "\x88\x02\x03\xe8", 4))
        mw_raw_wait_end(peer);
}

static void goes_through_a_proxy_but_never_for_loopback(void **state)
{
    (void)state;
    char request[4096] = "", proxy[64];
    struct mw_raw_server_options options = {.serve = serve_proxy, .user = request};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", mw_raw_server_port(server));
    setenv("http_proxy", proxy, 1);
    struct heard heard = {0};
    begin(&heard, NULL);
    unsetenv("http_proxy");
    connect_to(&heard, "ws://nothing.invalid:81/x");
    until(&heard, &heard.closes, 1);
    expect_error(&heard, MW_ECLOSED, 1000, "");
    connect_to(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
    until(&heard, &heard.closes, 2);
    expect_error(&heard, MW_ECONNECT, 0, "");
    end(&heard);
    mw_raw_server_stop(server); /* its thread has ended: the request is ours to read */
    assert_non_null(strstr(request, "CONNECT nothing.invalid:81 "));
}

static void serve_and_keep_request(struct mw_raw_peer *peer, void *user)
{
    mw_raw_read_request(peer, user, 4096);
}

static void asks_as_rfc_6455_wants(void **state)
{
    (void)state;
    char request[4096] = "", host[64];
    struct heard heard = {0};
    struct mw_raw_server_options options = {.serve = serve_and_keep_request, .user = request};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    begin(&heard, NULL);
    uint16_t port = mw_raw_server_port(server);
    connect_to(&heard, "ws://localhost:%u/a?b=c", port);
    until(&heard, &heard.closes, 1);
    end(&heard);
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
    struct heard heard = {0};
    struct echo echo = {0};
    struct mw_raw_server_options options = {.serve = serve_count, .user = &echo};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    char *text = mw_alloc(MW_SEND_QUEUE_BYTES_MAX);
    memset(text, 't', MW_SEND_QUEUE_BYTES_MAX);
    assert_false(mw_client_send_text(heard.client, "early", 5));
    connect_to(&heard, "ws://127.0.0.1:%u", mw_raw_server_port(server));
    until(&heard, &heard.opens, 1);
    size_t most = MW_SEND_QUEUE_BYTES_MAX - 14; /* with its header the queue is full */
    assert_false(mw_client_send_text(heard.client, text, MW_SEND_QUEUE_BYTES_MAX));
    assert_false(mw_client_send_text(heard.client, text, most + 1));
    assert_true(mw_client_send_text(heard.client, text, most));
    assert_false(mw_client_send_text(heard.client, "", 0));
    mw_client_set_timer(heard.client, DEADLINE_MS);
    while (!mw_client_send_ping(heard.client, "p", 1) && !heard.late)
        mw_client_service(heard.client);
    until(&heard, &heard.closes, 1);
    assert_false(mw_client_send_text(heard.client, "late", 4));
    end(&heard);
    mw_raw_server_stop(server);
    assert_int_equal(echo.bytes, most + 1);
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
    struct heard heard = {0};
    int pongs = 0;
    struct mw_raw_server_options server = {.serve = serve_flood, .user = &pongs};
    run_once(&heard, &server, NULL, "ws://127.0.0.1");
    expect_error(&heard, MW_ECLOSED, 1000, "");
    assert_int_equal(pongs, 3);
    assert_int_equal(heard.message_bytes, 3 * 20 * (65536 / 127) * 125);
    assert_true(heard.read_ends <= heard.message_count);
}

/* ---- lifetimes, timers, threads ---- */

static void connects_again_from_within_on_closed(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x01x\x88\x02\x03\xe8", 7);
    struct mw_raw_server_options options = {.serve = serve_bytes, .user = &stream};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    begin(&heard, NULL);
    char url[64];
    for (int i = 1; i <= 20; i++) {
        snprintf(url, sizeof(url), "ws://127.0.0.1:%u", mw_raw_server_port(server));
        heard.on_closed_url = url;
        if (i == 1)
            connect_to(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
        until(&heard, &heard.closes, i);
    }
    until(&heard, &heard.closes, 21);
    assert_int_equal(heard.opens, 20);
    end(&heard);
    mw_raw_server_stop(server);
    mw_str_deinit(&stream);
}

static void may_be_freed_at_any_time(void **state)
{
    (void)state;
    mw_role_assert(&mw_feed_thread);
    struct mw_raw_server_options options = {.serve = serve_nothing};
    static const char *const hosts[] = {"ws://nothing.invalid", "ws://localhost", "ws://127.0.0.1",
                                        "wss://127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(hosts); i++) {
        for (int rounds = 0; rounds < 6; rounds++) {
            struct mw_raw_server *server = mw_raw_server_start(&options);
            struct heard heard = {0};
            begin(&heard, NULL);
            connect_to(&heard, "%s:%u", hosts[i], mw_raw_server_port(server));
            for (int round = 0; round < rounds; round++) {
                mw_client_wake(heard.client);
                mw_client_service(heard.client);
            }
            int closes = heard.closes;
            end(&heard);
            assert_int_equal(heard.closes, closes);
            mw_raw_server_stop(server);
        }
    }
}

static void closing_while_connecting_stops_that(void **state)
{
    (void)state;
    struct mw_raw_server_options options = {.serve = serve_nothing};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    struct heard heard = {0};
    begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    for (int rounds = 0; rounds < 5; rounds++) {
        connect_to(&heard, "%s://localhost:%u", rounds % 2 ? "wss" : "ws",
                   mw_raw_server_port(server));
        for (int round = 0; round < rounds; round++) {
            mw_client_wake(heard.client);
            mw_client_service(heard.client);
        }
        mw_client_close(heard.client, 1000, "stop");
        mw_client_close(heard.client, 1001, "again"); /* nothing more happens */
        assert_int_equal(heard.closes, rounds);       /* not before service */
        until(&heard, &heard.closes, rounds + 1);
        expect_error(&heard, MW_ECLOSED, 1000, "stop");
    }
    mw_client_close(heard.client, 1000, NULL); /* there is nothing to close */
    end(&heard);
    assert_int_equal(heard.opens, 0);
    mw_raw_server_stop(server);
}

static void wake_up(void *user)
{
    mw_client_wake(user);
}

static void wakes_from_another_thread_and_keeps_time(void **state)
{
    (void)state;
    struct heard heard = {0};
    begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    struct mw_thread thread = {0};
    struct mw_error err;
    assert_int_equal(
        mw_thread_start(&thread, "waker", &mw_worker_thread, wake_up, heard.client, &err), MW_OK);
    until(&heard, &heard.wakes, 1);
    mw_thread_join(&thread);

    mw_client_set_timer(heard.client, (int64_t)DEADLINE_MS * 1000);
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_client_set_timer(heard.client, 50);
    while (heard.timers == 0)
        mw_client_service(heard.client);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 49, DEADLINE_MS);
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
    end(&heard);
}

struct crowd {
    const struct mw_certificate *certificate;
    struct mw_thread thread;
    struct heard heard;
};

static void run_in_crowd(void *user)
{
    struct crowd *crowd = user;
    for (int i = 0; i < 5; i++) {
        struct mw_str stream = MW_STR_INIT(100);
        mw_str_add(&stream, "\x81\x02hi\x88\x02\x03\xe8", 8);
        struct mw_raw_server_options server = {
            .serve = serve_bytes, .user = &stream, .certificate = crowd->certificate};
        struct mw_client_options options = usual_options();
        options.ca_file = authorities.good_file;
        crowd->heard = (struct heard){0};
        run_once(&crowd->heard, &server, &options, "wss://localhost");
        mw_str_deinit(&stream);
    }
}

static void many_clients_live_in_one_process(void **state)
{
    (void)state;
    struct mw_certificate *certificate =
        mw_certificate_new(authorities.good, "DNS:localhost", -1000, 1000);
    struct crowd crowds[4];
    for (size_t i = 0; i < MW_COUNT(crowds); i++) {
        struct mw_error err;
        crowds[i] = (struct crowd){.certificate = certificate};
        assert_int_equal(mw_thread_start(&crowds[i].thread, "crowd", &mw_feed_thread, run_in_crowd,
                                         &crowds[i], &err),
                         MW_OK);
    }
    for (size_t i = 0; i < MW_COUNT(crowds); i++) {
        mw_thread_join(&crowds[i].thread);
        assert_int_equal(crowds[i].heard.message_count, 1);
        expect_error(&crowds[i].heard, MW_ECLOSED, 1000, "");
    }
    mw_certificate_free(certificate);
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
        cmocka_unit_test(trusts_a_private_authority_by_name_and_by_address),
        cmocka_unit_test(refuses_bad_certificates_with_words),
        cmocka_unit_test(tells_when_the_server_does_not_speak_tls),
        cmocka_unit_test(refuses_ca_files_that_hold_no_certificate),
        cmocka_unit_test(tells_unknown_names_from_refused_ports),
        cmocka_unit_test(tries_every_address_of_a_name),
        cmocka_unit_test(a_stuck_resolver_holds_nothing_up),
        cmocka_unit_test(refuses_bad_urls_before_anything_is_started),
        cmocka_unit_test(goes_through_a_proxy_but_never_for_loopback),
        cmocka_unit_test(asks_as_rfc_6455_wants),
        cmocka_unit_test(sends_as_much_as_the_queue_may_hold),
        cmocka_unit_test(answers_pings_in_the_middle_of_a_flood),
        cmocka_unit_test(connects_again_from_within_on_closed),
        cmocka_unit_test(may_be_freed_at_any_time),
        cmocka_unit_test(closing_while_connecting_stops_that),
        cmocka_unit_test(wakes_from_another_thread_and_keeps_time),
        cmocka_unit_test(many_clients_live_in_one_process),
    };
    return cmocka_run_group_tests(tests, make_authorities, drop_authorities);
}
