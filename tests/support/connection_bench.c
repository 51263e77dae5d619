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

void mw_bench_begin(struct mw_bench *bench, const struct mw_bench_setup *setup)
{
    *bench = (struct mw_bench){.cache = mw_cache_new(16)};
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    const struct mw_connection_options options = {
        .name = "demo",
        .endpoints = setup->endpoints,
        .endpoint_count = setup->endpoint_count,
        .connect_ms = wait_ms,
        .tls_ms = wait_ms,
        .upgrade_ms = wait_ms,
        .confirm_ms = setup->confirm_ms > 0 ? setup->confirm_ms : wait_ms,
        .frame_bytes_max = 1 << 16,
        .reconnect = {.attempts = setup->attempt_count,
                      .base_s = setup->wait_s,
                      .cap_s = setup->wait_s},
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

struct mw_bench_told mw_bench_next_told(struct mw_bench *bench)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    pthread_mutex_lock(&bench->lock);
    while (bench->told_count == bench->seen_count)
        if (pthread_cond_timedwait(&bench->changed, &bench->lock, &until) == ETIMEDOUT)
            abort();
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

void mw_bench_subscribe(struct mw_bench *bench, const char *symbol)
{
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_connection_subscribe(bench->connection, symbol,
                                             (struct mw_timeframe){1, 'm'}, NULL, &err),
                     MW_OK);
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
