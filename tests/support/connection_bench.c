/* connection_bench.c - a connection whose every word is kept. */
#include "connection_bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#include "protocol_file.h"

static const int64_t wait_ms = 20000;

const char mw_bench_bar[] = "{\"k\":\"bar\",\"s\":\"BTC\",\"f\":\"1m\",\"t\":60000,\"o\":1,\"h\":1,"
                            "\"l\":1,\"c\":1,\"v\":1,\"x\":true}";

static void on_event(void *user, const struct mw_feed_event *event)
{
    struct mw_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    assert_string_equal(event->feed, "demo");
    assert_true(bench->told_count < MW_BENCH_EVENTS_MAX);
    struct mw_bench_told *told = &bench->told[bench->told_count++];
    *told = (struct mw_bench_told){.is_state = event->is_state, .state = event->state};
    if (event->err != NULL) {
        told->has_error = true;
        told->error = *event->err;
    }
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void on_probe(void *user, struct mw_series *series)
{
    struct mw_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    if (bench->probe_count < MW_BENCH_PROBES_MAX)
        bench->probed[bench->probe_count] = series;
    bench->probe_count++;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void on_expiring(void *user)
{
    struct mw_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    bench->expiring_count++;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void on_change(void *user)
{
    struct mw_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

void mw_bench_begin(struct mw_bench *bench, const struct mw_bench_setup *setup)
{
    *bench = (struct mw_bench){.cache = mw_cache_new(16)};
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    bench->watcher = mw_cache_attach(bench->cache, on_change, bench);
    const struct mw_connection_options options = {
        .name = "demo",
        .endpoints = setup->endpoints,
        .endpoint_count = setup->endpoint_count,
        .connect_ms = wait_ms,
        .tls_ms = wait_ms,
        .upgrade_ms = wait_ms,
        .confirm_ms = setup->confirm_ms > 0 ? setup->confirm_ms : wait_ms,
        .frame_bytes_max = 1 << 16,
        .csrf_token = setup->csrf_token,
        .ca_file = setup->ca_file,
        .ping_ms = setup->ping_ms,
        .pong_ms = setup->pong_ms,
        .stall_ms = setup->stall_ms,
        .grace_ms = setup->grace_ms,
        .capture = setup->capture,
        .probe = setup->probes ? on_probe : NULL,
        .on_expiring = on_expiring,
        .reconnect = {.attempts = setup->attempt_count,
                      .base_s = setup->wait_s,
                      .cap_s = setup->wait_s,
                      .settle_s = setup->settle_s},
        .cache = bench->cache,
        .on_event = on_event,
        .user = bench};
    const char *change = setup->change != NULL ? setup->change : "";
    assert_int_equal(
        mw_connection_new(&options, mw_protocol_file_get(change), &bench->connection, NULL), MW_OK);
}

void mw_bench_end(struct mw_bench *bench)
{
    mw_connection_free(bench->connection);
    mw_cache_free(bench->cache);
    pthread_cond_destroy(&bench->changed);
    pthread_mutex_destroy(&bench->lock);
}

/* Waits for a change, with the lock held. Returns false once `until` has come. */
static bool wait_change(struct mw_bench *bench, const struct timespec *until)
{
    return pthread_cond_timedwait(&bench->changed, &bench->lock, until) != ETIMEDOUT;
}

static _Noreturn void give_up(const char *awaited)
{
    print_error("waited in vain for %s\n", awaited);
    abort();
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

struct mw_bench_told mw_bench_next_told(struct mw_bench *bench)
{
    struct timespec until = in_ms(wait_ms);
    pthread_mutex_lock(&bench->lock);
    while (bench->told_count == bench->seen_count)
        if (!wait_change(bench, &until))
            give_up("the next word of the connection");
    struct mw_bench_told told = bench->told[bench->seen_count++];
    pthread_mutex_unlock(&bench->lock);
    return told;
}

struct mw_error mw_bench_expect_state(struct mw_bench *bench, mw_connection_state state)
{
    struct mw_bench_told told = mw_bench_next_told(bench);
    if (!told.is_state || told.state != state)
        print_error("told %s '%s', want %s\n", mw_connection_state_text(told.state),
                    told.has_error ? told.error.message : "", mw_connection_state_text(state));
    assert_true(told.is_state);
    assert_int_equal(told.state, state);
    assert_int_equal(told.has_error,
                     state == MW_CONNECTION_RECONNECTING || state == MW_CONNECTION_FAILED);
    return told.error;
}

void mw_bench_expect_error(const struct mw_error *err, mw_status status, uint32_t attempts,
                           const char *endpoint)
{
    assert_string_equal(mw_status_name(err->status), mw_status_name(status));
    assert_int_equal(err->attempts, attempts);
    assert_string_equal(err->endpoint, endpoint);
    assert_null(strstr(err->message, "demo")); /* its name is in the event already */
}

struct mw_series *mw_bench_subscribe(struct mw_bench *bench, const char *symbol)
{
    struct mw_error err = {.message = ""};
    struct mw_series *series = NULL;
    assert_int_equal(mw_connection_subscribe(bench->connection, symbol,
                                             (struct mw_timeframe){1, 'm'}, &series, &err),
                     MW_OK);
    mw_watcher_watch(bench->watcher, series);
    return series;
}

/* Takes the marks, so that the next change wakes again. */
static void take_marks(struct mw_bench *bench)
{
    uint32_t at = 0;
    while (mw_watcher_take(bench->watcher, &at) != NULL)
        ;
}

void mw_bench_wait_health(struct mw_bench *bench, struct mw_series *series, mw_series_health health)
{
    struct timespec until = in_ms(wait_ms);
    pthread_mutex_lock(&bench->lock);
    for (take_marks(bench); mw_series_get_health(series) != health; take_marks(bench))
        if (!wait_change(bench, &until))
            give_up("a series' health");
    pthread_mutex_unlock(&bench->lock);
}

struct mw_candle mw_bench_wait_candle(struct mw_bench *bench, struct mw_series *series,
                                      int64_t open_ms, uint8_t candle_state)
{
    struct timespec until = in_ms(wait_ms);
    struct mw_candle candle = {.open_ms = INT64_MIN};
    pthread_mutex_lock(&bench->lock);
    for (;;) {
        take_marks(bench);
        uint32_t rows = mw_series_read_last(series, INT64_MAX, 1, true, &candle);
        if (rows == 1 && candle.open_ms == open_ms && candle.state == candle_state)
            break;
        if (!wait_change(bench, &until))
            give_up("a candle");
    }
    pthread_mutex_unlock(&bench->lock);
    return candle;
}

uint32_t mw_bench_wait_probes(struct mw_bench *bench, uint32_t probe_count, int64_t ms)
{
    struct timespec until = in_ms(ms);
    pthread_mutex_lock(&bench->lock);
    while (bench->probe_count < probe_count && wait_change(bench, &until))
        ;
    uint32_t count = bench->probe_count;
    pthread_mutex_unlock(&bench->lock);
    return count;
}

uint32_t mw_bench_wait_expiring(struct mw_bench *bench)
{
    struct timespec until = in_ms(wait_ms);
    pthread_mutex_lock(&bench->lock);
    while (bench->expiring_count == 0)
        if (!wait_change(bench, &until))
            give_up("an expiry that is near");
    uint32_t count = bench->expiring_count;
    pthread_mutex_unlock(&bench->lock);
    return count;
}

void mw_bench_unsubscribe(struct mw_bench *bench, const char *symbol)
{
    assert_int_equal(
        mw_connection_unsubscribe(bench->connection, symbol, (struct mw_timeframe){1, 'm'}, NULL),
        MW_OK);
}

void mw_bench_start(struct mw_bench *bench)
{
    assert_int_equal(mw_connection_start(bench->connection, NULL), MW_OK);
}

void mw_bench_stop(struct mw_bench *bench)
{
    bool failed = mw_connection_get_state(bench->connection) == MW_CONNECTION_FAILED;
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_connection_stop(bench->connection);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, MW_BENCH_STOP_MS_MAX);
    if (!failed) /* that is its last word */
        mw_bench_expect_state(bench, MW_CONNECTION_DISCONNECTED);
}

void mw_bench_start_confirmed(struct mw_bench *bench)
{
    mw_bench_start(bench);
    mw_bench_expect_state(bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(bench, MW_CONNECTION_CONFIRMED);
}

void mw_bench_finish(struct mw_bench *bench, struct mw_made_venue *venue)
{
    mw_bench_stop(bench);
    mw_bench_end(bench);
    mw_made_venue_stop(venue);
}

int mw_bench_be_quiet(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF);
    return 0;
}
