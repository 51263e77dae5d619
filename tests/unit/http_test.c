/* http_test.c - HTTP requests against servers on loopback that say what the test wants. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/thread.h"
#include "net/client.h"
#include "net/http.h"

#include "raw_server.h"

enum { DEADLINE_MS = 10000, BODY_MAX = 1000, SECONDS_PER_HOUR = 3600 };

/* --- the server: the path says what comes ----------------------------------------------------- */

struct page {
    const char *path, *answer;
    bool stays; /* the connection, until the client leaves */
};

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static const struct page pages[] = {
    {.path = "/hello", .answer = OK "Content-Length: 5\r\n\r\nhello"},
    {.path = "/empty", .answer = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/chunked",
     .answer = OK "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
    {.path = "/endless", .answer = OK "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"},
    {.path = "/missing",
     .answer = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngone"},
    {.path = "/busy",
     .answer = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 7\r\n"
               "Content-Length: 0\r\n\r\n"},
    {.path = "/banned",
     .answer = "HTTP/1.1 418 I'm a teapot\r\nConnection: close\r\nRetry-After: 259200\r\n"
               "Content-Length: 0\r\n\r\n"},
    {.path = "/moved",
     .answer = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /hello\r\n"
               "Content-Length: 0\r\n\r\n"},
    {.path = "/short", .answer = OK "Content-Length: 50\r\n\r\nhello"},
    {.path = "/large", .answer = OK "Content-Length: 1001\r\n\r\n"},
    {.path = "/nothing", .answer = ""},
    {.path = "/other", .answer = "SSH-2.0-OpenSSH_9.2\r\n"},
    {.path = "/silent", .answer = "", .stays = true},
    {.path = "/slow", .answer = OK "Content-Length: 5\r\n\r\nhel", .stays = true},
};

/* A request as it came in. */
struct heard {
    pthread_mutex_t lock;
    char request[4096]; /* guarded by lock */
};

/* A body of so many bytes, chunked so that the length is not known beforehand. */
static void serve_sized(struct mw_raw_peer *peer, long size)
{
    static const char head[] = OK "Transfer-Encoding: chunked\r\n\r\n";
    mw_raw_write(peer, head, sizeof(head) - 1);
    for (long i = 0; i < size; i++)
        mw_raw_write(peer, "1\r\nx\r\n", 6);
    mw_raw_write(peer, "0\r\n\r\n", 5);
}

static void serve_date(struct mw_raw_peer *peer)
{
    char date[64], answer[256];
    time_t then = time(NULL) + SECONDS_PER_HOUR;
    struct tm parts;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts));
    int length = snprintf(answer, sizeof(answer),
                          "HTTP/1.1 503 Busy\r\nConnection: close\r\nRetry-After: %s\r\n"
                          "Content-Length: 0\r\n\r\n",
                          date);
    mw_raw_write(peer, answer, (size_t)length);
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct heard *heard = user;
    char request[4096];
    if (!mw_raw_read_request(peer, request, sizeof(request)))
        return;
    size_t used = strlen(request);
    const char *body = strstr(request, "Content-Length: ");
    size_t length = body == NULL ? 0 : strtoul(body + 16, NULL, 10);
    if (length > 0 && used + length < sizeof(request) &&
        mw_raw_read_all(peer, request + used, length))
        request[used + length] = '\0';
    pthread_mutex_lock(&heard->lock);
    memcpy(heard->request, request, sizeof(request));
    pthread_mutex_unlock(&heard->lock);

    const char *path = strchr(request, ' ') + 1;
    if (strncmp(path, "/size/", 6) == 0)
        serve_sized(peer, strtol(path + 6, NULL, 10));
    if (strncmp(path, "/date", 5) == 0)
        serve_date(peer);
    for (size_t i = 0; i < MW_COUNT(pages); i++) {
        if (strncmp(path, pages[i].path, strlen(pages[i].path)) != 0)
            continue;
        mw_raw_write(peer, pages[i].answer, strlen(pages[i].answer));
        if (pages[i].stays)
            mw_raw_wait_end(peer);
    }
}

/* --- the client ------------------------------------------------------------------------------- */

struct got {
    uint32_t calls;
    int code;
    char body[32];
    size_t length;
    int64_t retry_after_ms, sent_ms;
    bool failed;
    struct mw_error err;
    struct mw_http *http; /* set: asks `again` from inside the answer */
    const char *again;
};

static void on_done(void *user, const struct mw_http_answer *answer)
{
    struct got *got = user;
    got->calls++;
    got->code = answer->code;
    got->length = answer->length;
    snprintf(got->body, sizeof(got->body), "%s", answer->body);
    for (size_t i = 0; i < MW_MESSAGE_PADDING; i++)
        assert_int_equal(answer->body[answer->length + i], 0);
    got->retry_after_ms = answer->retry_after_ms;
    got->sent_ms = answer->sent_ms;
    got->failed = answer->err != NULL;
    if (answer->err != NULL)
        got->err = *answer->err;
    if (got->again != NULL) {
        struct mw_http_request request = {
            .url = got->again, .timeout_ms = DEADLINE_MS, .bytes_max = BODY_MAX};
        got->again = NULL;
        assert_int_equal(mw_http_start(got->http, &request, on_done, got, NULL), MW_OK);
    }
}

struct bench {
    struct mw_http *http;
    struct mw_raw_server *server;
    struct heard heard;
    struct got got;
    char url[128];
};

static void begin_with(struct bench *bench, const struct mw_certificate *certificate)
{
    memset(bench, 0, sizeof(*bench));
    pthread_mutex_init(&bench->heard.lock, NULL);
    bench->server = mw_raw_server_start(&(struct mw_raw_server_options){
        .serve = serve, .user = &bench->heard, .certificate = certificate});
    assert_int_equal(mw_http_new(&bench->http, NULL), MW_OK);
}

static void begin(struct bench *bench)
{
    begin_with(bench, NULL);
}

static void end(struct bench *bench)
{
    mw_http_free(bench->http);
    mw_raw_server_stop(bench->server);
    pthread_mutex_destroy(&bench->heard.lock);
}

static const char *url_of(struct bench *bench, const char *path)
{
    snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%u%s",
             mw_raw_server_port(bench->server), path);
    return bench->url;
}

static const struct got *wait_calls(struct bench *bench, uint32_t calls)
{
    int64_t until = mw_clock_monotonic_ms() + DEADLINE_MS;
    while (bench->got.calls < calls) {
        assert_true(mw_clock_monotonic_ms() < until);
        mw_http_service(bench->http, until - mw_clock_monotonic_ms());
    }
    return &bench->got;
}

static const struct got *ask(struct bench *bench, const struct mw_http_request *request)
{
    bench->got = (struct got){.calls = 0};
    assert_int_equal(mw_http_start(bench->http, request, on_done, &bench->got, NULL), MW_OK);
    return wait_calls(bench, 1);
}

static const struct got *get(struct bench *bench, const char *path)
{
    return ask(bench, &(struct mw_http_request){.url = url_of(bench, path),
                                                .timeout_ms = DEADLINE_MS,
                                                .bytes_max = BODY_MAX});
}

/* --- answers ---------------------------------------------------------------------------------- */

static void brings_the_body_and_the_status(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    const struct got *got = get(&bench, "/hello?symbol=X");
    int64_t now_ms = mw_clock_wall_ms();
    assert_false(got->failed);
    assert_int_equal(got->code, 200);
    assert_string_equal(got->body, "hello");
    assert_true(got->sent_ms <= now_ms && got->sent_ms > now_ms - DEADLINE_MS);
    assert_ptr_equal(strstr(bench.heard.request, "GET /hello?symbol=X HTTP/1.1\r\n"),
                     bench.heard.request);
    assert_non_null(strstr(bench.heard.request, "User-Agent: moonwick/" MW_VERSION "\r\n"));
    assert_string_equal(get(&bench, "/chunked")->body, "hello");
    assert_int_equal(get(&bench, "/empty")->length, 0);
    assert_int_equal(get(&bench, "/missing")->code, 404);
    assert_string_equal(bench.got.body, "gone");
    assert_false(bench.got.failed);
    assert_int_equal(get(&bench, "/moved")->code, 302);
    assert_int_equal(mw_http_count(bench.http), 0);
    end(&bench);
}

static void posts_a_body_as_json(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    const struct got *got = ask(&bench, &(struct mw_http_request){.url = url_of(&bench, "/hello"),
                                                                  .body = "{\"a\":1}",
                                                                  .timeout_ms = DEADLINE_MS,
                                                                  .bytes_max = BODY_MAX});
    assert_string_equal(got->body, "hello");
    assert_ptr_equal(strstr(bench.heard.request, "POST /hello HTTP/1.1\r\n"), bench.heard.request);
    assert_non_null(strstr(bench.heard.request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(bench.heard.request, "\r\n\r\n{\"a\":1}"));
    end(&bench);
}

static void tells_how_long_the_server_asks_to_wait(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    assert_int_equal(get(&bench, "/busy")->code, 429);
    assert_int_equal(bench.got.retry_after_ms, 7000);
    assert_int_equal(get(&bench, "/banned")->code, 418);
    assert_int_equal(bench.got.retry_after_ms, (int64_t)MW_HTTP_RETRY_AFTER_S_MAX * 1000);
    assert_int_equal(get(&bench, "/date")->code, 503);
    assert_in_range(bench.got.retry_after_ms, (SECONDS_PER_HOUR - 20) * 1000,
                    SECONDS_PER_HOUR * 1000);
    assert_int_equal(get(&bench, "/hello")->retry_after_ms, 0);
    end(&bench);
}

/* --- failures --------------------------------------------------------------------------------- */

static void expect_failure(const struct bench *bench, mw_status status, const char *what)
{
    assert_true(bench->got.failed);
    assert_int_equal(bench->got.err.status, status);
    assert_non_null(strstr(bench->got.err.message, what));
    assert_null(strstr(bench->got.err.message, "secret"));
    assert_null(strstr(bench->got.err.endpoint, "secret"));
    assert_int_equal(bench->got.calls, 1);
    assert_int_equal(mw_http_count(bench->http), 0);
}

static void bounds_the_body(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    assert_int_equal(get(&bench, "/size/1000")->length, BODY_MAX);
    assert_false(bench.got.failed);
    get(&bench, "/size/1001?secret");
    expect_failure(&bench, MW_ELIMIT, "/size/1001: the answer is longer than 1000 bytes");
    get(&bench, "/large?secret");
    expect_failure(&bench, MW_ELIMIT, "/large: the answer is longer than 1000 bytes");
    const struct got *got = ask(&bench, &(struct mw_http_request){.url = url_of(&bench, "/empty"),
                                                                  .timeout_ms = DEADLINE_MS});
    assert_false(got->failed);
    ask(&bench,
        &(struct mw_http_request){.url = url_of(&bench, "/hello"), .timeout_ms = DEADLINE_MS});
    expect_failure(&bench, MW_ELIMIT, "longer than 0 bytes");
    end(&bench);
}

static void tells_an_answer_that_is_not_whole(void **state)
{
    (void)state;
    static const char *const paths[] = {"/short?secret", "/endless?secret", "/nothing?secret"};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < MW_COUNT(paths); i++) {
        get(&bench, paths[i]);
        expect_failure(&bench, MW_ECLOSED, "http://127.0.0.1:");
    }
    get(&bench, "/other?secret");
    expect_failure(&bench, MW_EPROTOCOL, "/other: ");
    end(&bench);
}

static void waits_no_longer_than_it_is_told(void **state)
{
    (void)state;
    static const char *const paths[] = {"/silent?secret", "/slow?secret"};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < MW_COUNT(paths); i++) {
        int64_t begun_ms = mw_clock_monotonic_ms();
        ask(&bench, &(struct mw_http_request){
                        .url = url_of(&bench, paths[i]), .timeout_ms = 50, .bytes_max = BODY_MAX});
        expect_failure(&bench, MW_ETIMEOUT, "no answer within 50 ms");
        assert_in_range(mw_clock_monotonic_ms() - begun_ms, 45, DEADLINE_MS);
    }
    end(&bench);
}

static void tells_where_nobody_answers(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x?secret", mw_raw_refusing_port());
    struct mw_http_request request = {.url = url, .timeout_ms = DEADLINE_MS, .bytes_max = 10};
    ask(&bench, &request);
    expect_failure(&bench, MW_ECONNECT, "/x: ");
    request.url = "http://no.such.name.invalid/x?secret";
    ask(&bench, &request);
    expect_failure(&bench, MW_ERESOLVE, "http://no.such.name.invalid:80/x: ");
    end(&bench);
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    static const char *const urls[] = {"", "ftp://127.0.0.1/", "file:///etc/passwd",
                                       "ws://127.0.0.1/?secret", "http://"};
    struct mw_error err;
    for (size_t i = 0; i < MW_COUNT(urls); i++) {
        struct mw_http_request request = {.url = urls[i], .timeout_ms = 1000};
        assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, &err), MW_EPARSE);
        assert_null(strstr(err.message, "secret"));
    }
    char *url = mw_alloc_zero(MW_URL_BYTES_MAX + 2);
    size_t used = (size_t)snprintf(url, MW_URL_BYTES_MAX, "http://127.0.0.1/");
    memset(url + used, 'a', MW_URL_BYTES_MAX + 1 - used);
    struct mw_http_request request = {.url = url, .timeout_ms = 1000};
    assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, &err), MW_ELIMIT);
    mw_free(url);
    assert_int_equal(mw_http_count(bench.http), 0);
    mw_http_service(bench.http, 0);
    assert_int_equal(bench.got.calls, 0);
    end(&bench);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void checks_certificate_and_name(void **state)
{
    (void)state;
    struct mw_certificate *authority = mw_certificate_new_authority("tests");
    struct mw_certificate *certificate =
        mw_certificate_new(authority, "IP:127.0.0.1", -60, SECONDS_PER_HOUR);
    char ca_file[] = "/tmp/moonwick_http_XXXXXX";
    int fd = mkstemp(ca_file);
    assert_true(fd >= 0);
    close(fd);
    mw_certificate_write(authority, ca_file);
    struct bench bench;
    begin_with(&bench, certificate);
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/hello?secret",
             mw_raw_server_port(bench.server));
    struct mw_http_request request = {
        .url = url, .ca_file = ca_file, .timeout_ms = DEADLINE_MS, .bytes_max = BODY_MAX};
    assert_string_equal(ask(&bench, &request)->body, "hello");
    request.ca_file = NULL; /* nobody knows that authority */
    ask(&bench, &request);
    expect_failure(&bench, MW_ETLS, "certificate");
    request.ca_file = "/no/such/file";
    ask(&bench, &request);
    expect_failure(&bench, MW_ETLS, "/no/such/file");
    request.ca_file = ca_file; /* the certificate is for the address */
    snprintf(url, sizeof(url), "https://localhost:%u/hello?secret",
             mw_raw_server_port(bench.server));
    ask(&bench, &request);
    expect_failure(&bench, MW_ETLS, "localhost");
    end(&bench);
    unlink(ca_file);
    mw_certificate_free(certificate);
    mw_certificate_free(authority);
}

/* --- several, waking, dropping ---------------------------------------------------------------- */

static void asks_again_from_inside_an_answer(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    bench.got = (struct got){.http = bench.http};
    struct mw_http_request request = {
        .url = url_of(&bench, "/missing"), .timeout_ms = DEADLINE_MS, .bytes_max = BODY_MAX};
    char again[128];
    snprintf(again, sizeof(again), "http://127.0.0.1:%u/hello", mw_raw_server_port(bench.server));
    bench.got.again = again;
    assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, NULL), MW_OK);
    assert_string_equal(wait_calls(&bench, 2)->body, "hello");
    end(&bench);
}

static void takes_so_many_at_once_and_drops_them(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mw_http_request request = {
        .url = url_of(&bench, "/silent"), .timeout_ms = DEADLINE_MS, .bytes_max = BODY_MAX};
    for (int i = 0; i < MW_HTTP_REQUESTS_MAX; i++)
        assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, NULL), MW_OK);
    assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, NULL), MW_ELIMIT);
    assert_int_equal(mw_http_count(bench.http), MW_HTTP_REQUESTS_MAX);
    mw_http_service(bench.http, 10);
    end(&bench);
    assert_int_equal(bench.got.calls, 0);
}

static void wake_it(void *user)
{
    mw_http_wake(user);
}

static void is_woken_from_another_thread(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mw_thread thread = {.running = false};
    int64_t begun_ms = mw_clock_monotonic_ms();
    assert_int_equal(
        mw_thread_start(&thread, "waker", &mw_worker_thread, wake_it, bench.http, NULL), MW_OK);
    mw_http_service(bench.http, -1); /* for ever, if it were not woken */
    mw_thread_join(&thread);
    struct mw_http_request request = {
        .url = url_of(&bench, "/silent"), .timeout_ms = DEADLINE_MS, .bytes_max = BODY_MAX};
    assert_int_equal(mw_http_start(bench.http, &request, on_done, &bench.got, NULL), MW_OK);
    mw_http_wake(bench.http); /* before it waits */
    mw_http_service(bench.http, -1);
    assert_true(mw_clock_monotonic_ms() - begun_ms < DEADLINE_MS);
    assert_int_equal(bench.got.calls, 0);
    end(&bench);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    setenv("http_proxy", "http://127.0.0.1:1/", 1); /* which loopback never uses */
    setenv("https_proxy", "http://127.0.0.1:1/", 1);
    setenv("no_proxy", "no.such.name.invalid", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_the_body_and_the_status),
        cmocka_unit_test(posts_a_body_as_json),
        cmocka_unit_test(tells_how_long_the_server_asks_to_wait),
        cmocka_unit_test(bounds_the_body),
        cmocka_unit_test(tells_an_answer_that_is_not_whole),
        cmocka_unit_test(waits_no_longer_than_it_is_told),
        cmocka_unit_test(tells_where_nobody_answers),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(checks_certificate_and_name),
        cmocka_unit_test(asks_again_from_inside_an_answer),
        cmocka_unit_test(takes_so_many_at_once_and_drops_them),
        cmocka_unit_test(is_woken_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
