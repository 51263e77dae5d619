/* client_bench.c - a handler that keeps what it is told. */
#include "client_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"

static void on_open(void *user)
{
    struct mw_heard *heard = user;
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
    struct mw_heard *heard = user;
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
    struct mw_heard *heard = user;
    heard->read_ends++;
}

static void on_closed(void *user, const struct mw_error *err)
{
    struct mw_heard *heard = user;
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
    struct mw_heard *heard = user;
    heard->timers++;
    heard->late = true;
}

static void on_wake(void *user)
{
    struct mw_heard *heard = user;
    heard->wakes++;
}

struct mw_client_options mw_heard_options(void)
{
    return (struct mw_client_options){.connect_ms = MW_HEARD_DEADLINE_MS,
                                      .tls_ms = MW_HEARD_DEADLINE_MS,
                                      .upgrade_ms = MW_HEARD_DEADLINE_MS,
                                      .frame_bytes_max = MW_FRAME_BYTES_DEFAULT};
}

struct mw_client_handler mw_heard_handler(struct mw_heard *heard)
{
    return (struct mw_client_handler){heard,     on_open,  on_message, on_read_end,
                                      on_closed, on_timer, on_wake};
}

void mw_heard_begin(struct mw_heard *heard, const struct mw_client_options *options)
{
    mw_role_enter(&mw_feed_thread);
    mw_role_assert(&mw_feed_thread);
    struct mw_client_options usual = mw_heard_options();
    const struct mw_client_handler handler = mw_heard_handler(heard);
    struct mw_error err;
    if (mw_client_new(options != NULL ? options : &usual, &handler, &heard->client, &err) != MW_OK)
        fail_msg("%s", err.message);
}

void mw_heard_end(struct mw_heard *heard)
{
    mw_role_assert(&mw_feed_thread);
    int closes = heard->closes;
    mw_client_free(heard->client);
    assert_int_equal(heard->closes, closes);
}

void mw_heard_connect(struct mw_heard *heard, const char *format, ...)
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

void mw_heard_until(struct mw_heard *heard, const int *what, int count)
{
    mw_role_assert(&mw_feed_thread);
    mw_client_set_timer(heard->client, MW_HEARD_DEADLINE_MS);
    while (*what < count && !heard->late)
        mw_client_service(heard->client);
    assert_false(heard->late);
    mw_client_set_timer(heard->client, -1);
}

void mw_heard_run(struct mw_heard *heard, const struct mw_raw_server_options *server_options,
                  const struct mw_client_options *options, const char *scheme_host)
{
    struct mw_raw_server *server = mw_raw_server_start(server_options);
    mw_heard_begin(heard, options);
    mw_heard_connect(heard, "%s:%u/path?token=secret", scheme_host, mw_raw_server_port(server));
    mw_heard_until(heard, &heard->closes, 1);
    mw_heard_end(heard);
    mw_raw_server_stop(server);
    assert_int_equal(heard->closes, 1);
    assert_non_null(strstr(heard->err.endpoint, "/path"));
    assert_null(strstr(heard->err.endpoint, "secret"));
}

void mw_heard_expect(const struct mw_heard *heard, mw_status status, int code, const char *words)
{
    if (heard->err.status != status || heard->err.code != code ||
        strstr(heard->err.message, words) == NULL)
        fail_msg("want %s %d '%s', got %s %d '%s'", mw_status_name(status), code, words,
                 mw_status_name(heard->err.status), heard->err.code, heard->err.message);
}

void mw_heard_serve_bytes(struct mw_raw_peer *peer, void *user)
{
    const struct mw_str *bytes = user;
    if (mw_raw_upgrade(peer, bytes->data, bytes->length))
        mw_raw_wait_end(peer);
}

void mw_heard_run_bytes(struct mw_heard *heard, const char *bytes, size_t length, size_t limit)
{
    struct mw_str stream = MW_STR_INIT(1 << 20);
    mw_str_add(&stream, bytes, length);
    struct mw_raw_server_options server = {.serve = mw_heard_serve_bytes, .user = &stream};
    struct mw_client_options options = mw_heard_options();
    options.frame_bytes_max = limit;
    mw_heard_run(heard, &server, &options, "ws://127.0.0.1");
    mw_str_deinit(&stream);
}

void mw_heard_serve_nothing(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    mw_raw_wait_end(peer);
}

void mw_heard_serve_and_note(struct mw_raw_peer *peer, void *user)
{
    struct mw_heard_frame *seen = user;
    if (!mw_raw_upgrade(peer, seen->bytes, seen->length))
        return;
    seen->payload_length = mw_raw_read_frame(peer, &seen->first, seen->payload);
    if (seen->answer)
        mw_raw_write(peer, "\x88\x02\x03\xe8", 4);
    mw_raw_wait_end(peer);
}

void mw_heard_serve_garbage(struct mw_raw_peer *peer, void *user)
{
    (void)user;
    char garbage[40000];
    memset(garbage, 'g', sizeof(garbage));
    mw_raw_write(peer, garbage, sizeof(garbage));
    mw_raw_wait_end(peer);
}
