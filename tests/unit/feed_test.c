/* feed_test.c - many connections as one feed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

#include "feed_bench.h"

/* --- many connections ------------------------------------------------------------------------- */

static const char two_streams[] = "p.limits.streams = 2; p.limits.batch = nil";

static void spreads_its_series_over_connections(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, two_streams, 0);
    static const char *const symbols[] = {"A", "B", "C", "D", "E"};
    struct mw_series *series[5];
    for (int i = 0; i < 5; i++) {
        series[i] = mw_feed_bench_subscribe(&bench, symbols[i]);
        assert_ptr_equal(mw_feed_bench_subscribe(&bench, symbols[i]), series[i]);
    }
    assert_int_equal(mw_feed_connection_count(bench.feed), 3);
    mw_feed_bench_start_confirmed(&bench);
    mw_feed_bench_push(&bench, mw_feed_bench_guest(&bench, "+1 A@1m B@1m;"), "B", 1);
    mw_feed_bench_push(&bench, mw_feed_bench_guest(&bench, "+1 C@1m D@1m;"), "C", 1);
    mw_feed_bench_push(&bench, mw_feed_bench_guest(&bench, "+1 E@1m;"), "E", 1);
    mw_feed_bench_wait_candles(&bench, 3);
    mw_feed_bench_expect_bars(series[1], 1, 1);
    mw_feed_bench_expect_bars(series[2], 1, 1);
    mw_feed_bench_expect_bars(series[4], 1, 1);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 5);
    assert_int_equal(status.frames, 3 + 3);
    assert_int_equal(status.state, MW_CONNECTION_CONFIRMED);
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 3);
    mw_feed_bench_stop(&bench);
    mw_feed_bench_expect(&bench, MW_CONNECTION_DISCONNECTED);
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void a_connection_with_nothing_left_is_ended_but_the_first(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, two_streams, 0);
    for (const char *symbol = "A\0B\0C\0D\0"; *symbol != '\0'; symbol += 2)
        mw_feed_bench_subscribe(&bench, symbol);
    mw_feed_bench_start_confirmed(&bench);
    uint32_t first = mw_feed_bench_guest(&bench, "A@1m"),
             second = mw_feed_bench_guest(&bench, "C@1m");
    mw_feed_bench_push(&bench, second, "C", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    mw_feed_bench_unsubscribe(&bench, "C");
    mw_feed_bench_unsubscribe(&bench, "D");
    mw_crowd_venue_wait(&bench.venue, second, "close;gone;");
    mw_feed_bench_wait_connections(&bench, 1);
    mw_feed_bench_unsubscribe(&bench, "A");
    mw_crowd_venue_wait(&bench.venue, first, "-2 A@1m;");
    mw_feed_bench_unsubscribe(&bench, "B");
    assert_int_equal(mw_feed_unsubscribe(bench.feed, "B", mw_feed_bench_minute, NULL), MW_EINVAL);
    mw_crowd_venue_wait(&bench.venue, first, "-3 B@1m;");
    mw_feed_bench_subscribe(&bench, "F");
    mw_crowd_venue_wait(&bench.venue, first, "+4 F@1m;");
    mw_feed_bench_wait_candles(&bench, 1); /* of a connection that is gone */
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void opens_as_many_connections_as_the_limit_says(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, "p.limits.streams = 1", 0);
    char symbol[16];
    for (int i = 0; i < MW_FEED_CONNECTIONS_MAX; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i);
        mw_feed_bench_subscribe(&bench, symbol);
    }
    struct mw_error err;
    assert_int_equal(mw_feed_subscribe(bench.feed, "MORE", mw_feed_bench_minute, NULL, &err),
                     MW_ELIMIT);
    assert_string_equal(err.message,
                        "feed demo: at most 64 connections of 1 streams each, and all are full");
    assert_int_equal(mw_feed_connection_count(bench.feed), MW_FEED_CONNECTIONS_MAX);
    mw_feed_bench_unsubscribe(&bench, "S7");
    mw_feed_bench_subscribe(&bench, "MORE");
    for (int i = 1; i < MW_FEED_CONNECTIONS_MAX; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i);
        if (i != 7)
            mw_feed_bench_unsubscribe(&bench, symbol);
    }
    mw_feed_bench_start_confirmed(&bench); /* the empty ones are not even made */
    assert_int_equal(mw_feed_connection_count(bench.feed), 2);
    mw_feed_bench_guest(&bench, "+1 S0@1m;");
    mw_feed_bench_guest(&bench, "+1 MORE@1m;");
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 2);
    mw_feed_bench_end(&bench);
}

static void what_no_connection_takes_opens_none(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, "p.limits.streams = 1", 0);
    mw_feed_bench_subscribe(&bench, "A");
    struct mw_error err;
    assert_int_equal(mw_feed_subscribe(bench.feed, "with blank", mw_feed_bench_minute, NULL, &err),
                     MW_EINVAL);
    assert_int_equal(mw_feed_subscribe(bench.feed, "B", (struct mw_timeframe){7, 'm'}, NULL, &err),
                     MW_EINVAL);
    assert_int_equal(mw_feed_unsubscribe(bench.feed, "B", mw_feed_bench_minute, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "B 1m is not subscribed"));
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    const char *bad = "http://127.0.0.1/";
    assert_int_equal(mw_feed_set_endpoints(bench.feed, &bad, 1, &err), MW_EPARSE);
    mw_feed_bench_start_confirmed(&bench);
    assert_int_equal(mw_feed_start(bench.feed, &err), MW_EINVAL);
    mw_feed_bench_end(&bench);
}

static void the_worst_connection_is_the_state(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, two_streams, 2);
    mw_feed_bench_subscribe(&bench, "A");
    mw_feed_bench_subscribe(&bench, "B");
    mw_feed_bench_start_confirmed(&bench);
    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, true);
    mw_feed_bench_subscribe(&bench, "C");
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONNECTING);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONNECTED);
    uint32_t first = mw_feed_bench_guest(&bench, "A@1m"),
             second = mw_feed_bench_guest(&bench, "C@1m");
    mw_crowd_venue_confirm(&bench.venue, second, 1);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONFIRMED);
    mw_crowd_venue_cut(&bench.venue, second);
    struct mw_error err = mw_feed_bench_expect(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(err.status, MW_ECLOSED);
    assert_int_equal(err.attempts, 1);
    mw_feed_bench_push(&bench, first, "A", 1); /* the other one goes on */
    mw_feed_bench_wait_candles(&bench, 1);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONNECTED);
    mw_crowd_venue_wait(&bench.venue, 2, "C@1m");
    mw_crowd_venue_confirm(&bench.venue, 2, 2);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONFIRMED);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.reconnects, 1);

    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, true);
    mw_crowd_venue_cut(&bench.venue, 2);
    mw_feed_bench_expect(&bench, MW_CONNECTION_RECONNECTING);
    err = mw_feed_bench_expect(&bench, MW_CONNECTION_FAILED);
    assert_int_equal(err.code, 503);
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.state, MW_CONNECTION_FAILED);
    assert_int_equal(status.error.code, 503);
    mw_feed_bench_unsubscribe(&bench, "C"); /* with it goes what was bad */
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONFIRMED);
    assert_int_equal(mw_feed_get_state(bench.feed), MW_CONNECTION_CONFIRMED);
    mw_feed_bench_end(&bench);
}

static void refusals_are_passed_on(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, two_streams, 0);
    mw_feed_bench_subscribe(&bench, "A");
    mw_feed_bench_start_confirmed(&bench);
    struct mw_series *bad = mw_feed_bench_subscribe(&bench, "BAD");
    int64_t until = mw_clock_monotonic_ms() + MW_FEED_BENCH_WAIT_MS;
    while (mw_series_get_health(bad) != MW_SERIES_IDLE && mw_clock_monotonic_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    mw_feed_bench_subscribe(&bench, "B"); /* its place is free again */
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    mw_feed_bench_stop(&bench);
    assert_int_equal(bench.told_count - bench.seen_count, 2);
    assert_false(bench.told[bench.seen_count].is_state);
    assert_int_equal(bench.told[bench.seen_count].error.code, 7);
    assert_int_equal(bench.told[bench.seen_count].state, MW_CONNECTION_CONFIRMED);
    mw_feed_bench_end(&bench);
}

/* --- any thread ------------------------------------------------------------------------------- */

/* Touches everything while it comes and goes. */
static void *touch(void *user)
{
    struct mw_feed_bench *bench = user;
    struct mw_connection_status status;
    char symbol[8];
    for (int i = 0; i < 400; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i % 7);
        struct mw_series *series;
        if (mw_feed_subscribe(bench->feed, symbol, mw_feed_bench_minute, &series, NULL) == MW_OK)
            mw_feed_on_probe(bench->feed, series, false);
        mw_feed_get_status(bench->feed, &status);
        snprintf(symbol, sizeof(symbol), "S%d", (i + 3) % 7);
        (void)!mw_feed_unsubscribe(bench->feed, symbol, mw_feed_bench_minute, NULL);
        (void)!mw_feed_reconnect(bench->feed, NULL);
        mw_feed_connection_count(bench->feed);
    }
    return NULL;
}

static void other_threads_may_touch_it_at_any_time(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, "p.limits.streams = 2", 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, touch, &bench), 0);
    for (int round = 0; round < 3; round++) {
        mw_feed_bench_start(&bench);
        mw_feed_bench_stop(&bench);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    mw_feed_bench_end(&bench);
}

static int be_quiet(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_its_series_over_connections),
        cmocka_unit_test(a_connection_with_nothing_left_is_ended_but_the_first),
        cmocka_unit_test(opens_as_many_connections_as_the_limit_says),
        cmocka_unit_test(what_no_connection_takes_opens_none),
        cmocka_unit_test(the_worst_connection_is_the_state),
        cmocka_unit_test(refusals_are_passed_on),
        cmocka_unit_test(other_threads_may_touch_it_at_any_time),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
