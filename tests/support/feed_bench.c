/* feed_bench.c - a feed whose every word is kept. */
#include "feed_bench.h"

#include <errno.h>
#include <setjmp.h>
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

enum { STOP_MS_MAX = 1000 };

const struct mw_timeframe mw_feed_bench_minute = {1, 'm'};

static void on_event(void *user, const struct mw_feed_event *event)
{
    struct mw_feed_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    assert_false(bench->busy);
    bench->busy = true;
    assert_string_equal(event->feed, "demo");
    uint32_t at = bench->told_count++;
    assert_true(at < MW_FEED_BENCH_TOLD_MAX);
    bench->told[at].is_state = event->is_state;
    bench->told[at].state = event->state;
    bench->told[at].has_error = event->err != NULL;
    if (event->err != NULL)
        bench->told[at].error = *event->err;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
    pthread_mutex_lock(&bench->lock);
    bench->busy = false;
    pthread_mutex_unlock(&bench->lock);
}

/* A feed "demo" of the protocol after `change`, with so many retries. */
void mw_feed_bench_begin(struct mw_feed_bench *bench, const char *change, uint32_t attempts)
{
    *bench = (struct mw_feed_bench){.cache = mw_cache_new(16)};
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    mw_crowd_venue_start(&bench->venue);
    char url[32];
    const char *endpoint = mw_crowd_venue_url(&bench->venue, url);
    const struct mw_connection_options options = {
        .name = "demo",
        .endpoints = &endpoint,
        .endpoint_count = 1,
        .connect_ms = MW_FEED_BENCH_WAIT_MS,
        .tls_ms = MW_FEED_BENCH_WAIT_MS,
        .upgrade_ms = MW_FEED_BENCH_WAIT_MS,
        .confirm_ms = MW_FEED_BENCH_WAIT_MS,
        .frame_bytes_max = 1 << 16,
        .ping_ms = MW_FEED_BENCH_WAIT_MS,
        .pong_ms = MW_FEED_BENCH_WAIT_MS,
        .stall_ms = MW_FEED_BENCH_WAIT_MS,
        .grace_ms = MW_FEED_BENCH_WAIT_MS,
        .reconnect = {.attempts = attempts, .base_s = 0.001, .cap_s = 0.001},
        .cache = bench->cache,
        .on_event = on_event,
        .user = bench};
    struct mw_error err = {.message = ""};
    mw_protocol_file_write(change, bench->protocol);
    if (mw_feed_new(&options, bench->protocol, &bench->feed, &err) != MW_OK)
        print_error("%s\n", err.message);
    assert_non_null(bench->feed);
}

void mw_feed_bench_stop(struct mw_feed_bench *bench)
{
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_feed_stop(bench->feed);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, STOP_MS_MAX);
}

void mw_feed_bench_end(struct mw_feed_bench *bench)
{
    mw_feed_bench_stop(bench);
    mw_feed_free(bench->feed);
    mw_crowd_venue_stop(&bench->venue);
    mw_cache_free(bench->cache);
    unlink(bench->protocol);
    pthread_cond_destroy(&bench->changed);
    pthread_mutex_destroy(&bench->lock);
}

void mw_feed_bench_start(struct mw_feed_bench *bench)
{
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_feed_start(bench->feed, &err), MW_OK);
}

/* The next thing told is this state. Returns its error. */
struct mw_error mw_feed_bench_expect(struct mw_feed_bench *bench, mw_connection_state state)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += MW_FEED_BENCH_WAIT_MS / MW_MS_PER_SECOND;
    pthread_mutex_lock(&bench->lock);
    while (bench->told_count == bench->seen_count)
        if (pthread_cond_timedwait(&bench->changed, &bench->lock, &until) == ETIMEDOUT) {
            print_error("waiting for %s\n", mw_connection_state_text(state));
            abort();
        }
    uint32_t at = bench->seen_count++;
    if (bench->told[at].state != state)
        print_error("told %s '%s', want %s\n", mw_connection_state_text(bench->told[at].state),
                    bench->told[at].error.message, mw_connection_state_text(state));
    assert_true(bench->told[at].is_state);
    assert_int_equal(bench->told[at].state, state);
    struct mw_error error = bench->told[at].error;
    pthread_mutex_unlock(&bench->lock);
    return error;
}

void mw_feed_bench_expect_nothing(struct mw_feed_bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    assert_int_equal(bench->told_count, bench->seen_count);
    pthread_mutex_unlock(&bench->lock);
}

void mw_feed_bench_start_confirmed(struct mw_feed_bench *bench)
{
    mw_feed_bench_start(bench);
    mw_feed_bench_expect(bench, MW_CONNECTION_CONNECTING);
    mw_feed_bench_expect(bench, MW_CONNECTION_CONNECTED);
    mw_feed_bench_expect(bench, MW_CONNECTION_CONFIRMED);
}

struct mw_series *mw_feed_bench_subscribe(struct mw_feed_bench *bench, const char *symbol)
{
    struct mw_series *series = NULL;
    struct mw_error err = {.message = ""};
    if (mw_feed_subscribe(bench->feed, symbol, mw_feed_bench_minute, &series, &err) != MW_OK)
        print_error("%s\n", err.message);
    assert_non_null(series);
    return series;
}

void mw_feed_bench_unsubscribe(struct mw_feed_bench *bench, const char *symbol)
{
    assert_int_equal(mw_feed_unsubscribe(bench->feed, symbol, mw_feed_bench_minute, NULL), MW_OK);
}

/* The number of the connection that said `text`; waits for it. */
uint32_t mw_feed_bench_guest(struct mw_feed_bench *bench, const char *text)
{
    for (int64_t until = mw_clock_monotonic_ms() + MW_FEED_BENCH_WAIT_MS;
         mw_clock_monotonic_ms() < until;) {
        for (uint32_t i = 0; i < mw_crowd_venue_count(&bench->venue); i++)
            if (mw_crowd_venue_heard(&bench->venue, i, text))
                return i;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    print_error("nobody says '%s'\n", text);
    abort();
}

/* Pushes the bar of a mw_feed_bench_minute, closed. */
void mw_feed_bench_push(struct mw_feed_bench *bench, uint32_t index, const char *symbol,
                        int minute_number)
{
    char text[128];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":%d,\"o\":1,\"h\":1,\"l\":1,\"c\":1,"
             "\"v\":1,\"x\":true}",
             symbol, minute_number * 60000);
    mw_crowd_venue_push(&bench->venue, index, text);
}

/* Waits until the connections have had so many candles in all. */
void mw_feed_bench_wait_candles(struct mw_feed_bench *bench, uint64_t candles)
{
    struct mw_connection_status status = {.candles = 0};
    for (int64_t until = mw_clock_monotonic_ms() + MW_FEED_BENCH_WAIT_MS;
         mw_clock_monotonic_ms() < until;) {
        mw_feed_get_status(bench->feed, &status);
        if (status.candles >= candles)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(status.candles, candles);
}

void mw_feed_bench_wait_connections(struct mw_feed_bench *bench, uint32_t count)
{
    int64_t until = mw_clock_monotonic_ms() + MW_FEED_BENCH_WAIT_MS;
    while (mw_feed_connection_count(bench->feed) != count && mw_clock_monotonic_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(mw_feed_connection_count(bench->feed), count);
}

void mw_feed_bench_expect_bars(struct mw_series *series, int first_minute, uint32_t count)
{
    struct mw_candle bars[16];
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 16, true, bars), count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(bars[i].open_ms, (first_minute + (int)i) * 60000);
    assert_int_equal(mw_series_revision_count(series), 0);
    assert_false(mw_series_find_gap(series, INT64_MIN, INT64_MAX, NULL));
}
