/* connection_life_test.c - what counts as success, what an end leaves, and when it is near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

#include "connection_bench.h"
#include "made_venue.h"

/* A candle of BTC 1m that forms, at a time long ago. */
static const char forming[] = "{\"k\":\"bar\",\"s\":\"BTC\",\"f\":\"1m\",\"t\":60000,\"o\":1,"
                              "\"h\":1,\"l\":1,\"c\":1,\"v\":1}";

static uint8_t newest_flags(const struct mw_series *series)
{
    struct mw_candle candle;
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &candle), 1);
    return candle.flags;
}

/* --- attempts --------------------------------------------------------------------------------- */

static void one_candle_per_connection_is_no_success(void **state)
{
    (void)state;
    static const char *const pushes[] = {mw_bench_bar, NULL};
    struct mw_made_venue venue = {.leaves = true, .pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 2,
                                                    .settle_s = 10});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        struct mw_error err = mw_bench_expect_state(&bench, attempt < 3 ? MW_CONNECTION_RECONNECTING
                                                                        : MW_CONNECTION_FAILED);
        mw_bench_expect_error(&err, MW_ECLOSED, attempt, url);
    }
    mw_bench_finish(&bench, &venue);
}

/* A candle, and the connection has had it. */
static void push_and_wait(struct mw_made_venue *venue, struct mw_bench *bench)
{
    struct mw_connection_status status;
    mw_connection_get_status(bench->connection, &status);
    uint64_t before = status.candles;
    int64_t until_ms = mw_clock_monotonic_ms() + 20000;
    mw_made_venue_push(venue, mw_bench_bar);
    do {
        assert_true(mw_clock_monotonic_ms() < until_ms);
        mw_connection_get_status(bench->connection, &status);
    } while (status.candles == before);
}

static void data_that_flows_for_a_while_is_success(void **state)
{
    (void)state;
    enum { SETTLE_MS = 50 };
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 5,
                                                    .settle_s = SETTLE_MS / 1e3});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        mw_made_venue_push(&venue, mw_bench_bar);
        mw_made_venue_cut(&venue);
        struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_error(&err, MW_ECLOSED, attempt, url);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    }
    push_and_wait(&venue, &bench);
    int64_t began_ms = mw_clock_monotonic_ms();
    while (mw_clock_monotonic_ms() - began_ms < SETTLE_MS)
        mw_made_venue_wait_for(&venue, "never", 5);
    push_and_wait(&venue, &bench);
    mw_made_venue_cut(&venue);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_error(&err, MW_ECLOSED, 1, url);
    mw_connection_stop(bench.connection);
    mw_bench_end(&bench);
    mw_made_venue_stop(&venue);
}

static void reconnect_tries_at_once_after_failure_and_instead_of_waiting(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    for (uint32_t attempt_count = 0; attempt_count < 2; attempt_count++) {
        struct mw_bench bench;
        mw_bench_begin(&bench,
                       &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                .endpoint_count = 1,
                                                .wait_s = 3600,
                                                .attempt_count = attempt_count});
        mw_bench_subscribe(&bench, "BTC");
        mw_connection_reconnect(bench.connection); /* it is not even started */
        mw_bench_start_confirmed(&bench);
        for (int round = 0; round < 2; round++) {
            mw_connection_reconnect(bench.connection); /* there is nothing to hurry */
            mw_made_venue_push(&venue, "~here");
            mw_made_venue_wait(&venue, "ponghere;");
            mw_made_venue_cut(&venue);
            struct mw_error err = mw_bench_expect_state(
                &bench, attempt_count == 0 ? MW_CONNECTION_FAILED : MW_CONNECTION_RECONNECTING);
            mw_bench_expect_error(&err, MW_ECLOSED, 1, url);
            mw_connection_reconnect(bench.connection);
            if (attempt_count == 0)
                mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
            mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
            mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        }
        mw_bench_stop(&bench);
        mw_bench_end(&bench);
    }
    mw_made_venue_stop(&venue);
}

/* --- what an end leaves behind ---------------------------------------------------------------- */

static void an_end_interrupts_every_series(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 5});
    struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
    struct mw_series *other = mw_bench_subscribe(&bench, "ETH");
    mw_bench_start_confirmed(&bench);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_STALE); /* nothing came yet */
    mw_made_venue_push(&venue, forming);
    mw_bench_wait_health(&bench, series, MW_SERIES_LIVE);
    assert_false(newest_flags(series) & MW_CANDLE_UNPROVEN);
    assert_int_equal(mw_series_get_health(other), MW_SERIES_STALE);
    mw_series_set_health(other, MW_SERIES_LIVE); /* as a probe does */
    mw_made_venue_cut(&venue);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_STALE);
    assert_int_equal(mw_series_get_health(other), MW_SERIES_STALE);
    assert_true(newest_flags(series) & MW_CANDLE_UNPROVEN);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_made_venue_push(&venue, forming);
    mw_bench_wait_health(&bench, series, MW_SERIES_LIVE);
    assert_false(newest_flags(series) & MW_CANDLE_UNPROVEN);
    mw_bench_unsubscribe(&bench, "BTC");
    mw_made_venue_wait(&venue, "-3 BTC@1m;");
    assert_int_equal(mw_series_get_health(series), MW_SERIES_IDLE);
    assert_true(newest_flags(series) & MW_CANDLE_UNPROVEN); /* nobody follows it */
    mw_bench_finish(&bench, &venue);
}

static void a_retired_connection_leaves_its_series_alone(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    for (int retired = 0; retired < 2; retired++) {
        struct mw_bench bench;
        mw_bench_begin(&bench,
                       &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                .endpoint_count = 1});
        struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
        mw_bench_start_confirmed(&bench);
        mw_made_venue_push(&venue, forming);
        mw_bench_wait_health(&bench, series, MW_SERIES_LIVE);
        if (retired != 0)
            mw_connection_retire(bench.connection);
        mw_bench_stop(&bench);
        assert_int_equal(mw_series_get_health(series),
                         retired != 0 ? MW_SERIES_LIVE : MW_SERIES_STALE);
        assert_int_equal((newest_flags(series) & MW_CANDLE_UNPROVEN) != 0, retired == 0);
        mw_bench_end(&bench);
    }
    mw_made_venue_stop(&venue);
}

/* --- confirmation ----------------------------------------------------------------------------- */

static void only_our_own_confirmation_counts_and_data_may_come_before(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .confirm_ms = 100});
    struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_push(&venue, forming);
    mw_bench_wait_health(&bench, series, MW_SERIES_LIVE);
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_bench_subscribe(&bench, "MUTE"); /* is never confirmed, whatever else is */
    mw_made_venue_wait(&venue, "+2 MUTE@1m;");
    while (!mw_made_venue_wait_for(&venue, "close;", 5)) {
        mw_made_venue_push(&venue, "{\"ok\":true,\"id\":77}");
        assert_true(mw_clock_monotonic_ms() - began_ms < 10000);
    }
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ETIMEOUT, 1, url);
    mw_bench_finish(&bench, &venue);
}

static void a_series_is_live_before_its_connection_is_confirmed(void **state)
{
    (void)state;
    static const char *const pushes[] = {forming, NULL};
    struct mw_made_venue venue = {.pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.change = "p.limits.batch = 1",
                                                    .endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .confirm_ms = 50});
    struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
    mw_bench_subscribe(&bench, "MUTE");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_STALE);
    assert_true(newest_flags(series) & MW_CANDLE_UNPROVEN); /* it had flowed, and was interrupted */
    mw_bench_finish(&bench, &venue);
}

static void what_is_wanted_meanwhile_is_asked_for_once(void **state)
{
    (void)state;
    for (int replaces = 0; replaces < 2; replaces++) {
        struct mw_made_venue venue = {.nameless = replaces != 0};
        char url[32];
        mw_made_venue_start(&venue);
        struct mw_bench bench;
        mw_bench_begin(
            &bench,
            &(struct mw_bench_setup){
                .change = replaces != 0 ? "p.subscription = 'replace' p.unsubscribe = nil" : NULL,
                .endpoints = {mw_made_venue_url(&venue, url)},
                .endpoint_count = 1,
                .wait_s = 3600,
                .attempt_count = 5});
        mw_bench_subscribe(&bench, "A");
        mw_bench_start_confirmed(&bench);
        mw_made_venue_cut(&venue);
        mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_subscribe(&bench, "B");
        mw_bench_unsubscribe(&bench, "A");
        mw_bench_subscribe(&bench, "C");
        mw_connection_reconnect(bench.connection);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        mw_made_venue_push(&venue, "~done");
        mw_made_venue_wait(&venue, "pongdone;");
        assert_string_equal(venue.heard, "#;+1 A@1m;#;+2 B@1m C@1m;pongdone;");
        mw_bench_stop(&bench);
        mw_bench_end(&bench);
        mw_made_venue_stop(&venue);
    }
}

/* --- the end is near -------------------------------------------------------------------------- */

static void a_lifetime_and_a_notice_are_told_once(void **state)
{
    (void)state;
    static const struct {
        const char *change, *push;
    } cases[] = {
        {"p.limits.lifetime = '80ms'", NULL}, /* three quarters of it are 60 ms */
        {"p.notices = { { when = { op = 'bye' } } }", "{\"op\":\"bye\"}"},
        {"p.limits.lifetime = '80ms' p.notices = { { when = { op = 'bye' } } }",
         "{\"op\":\"bye\"}"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_made_venue venue = {.silent = false};
        char url[32];
        mw_made_venue_start(&venue);
        struct mw_bench bench;
        int64_t began_ms = mw_clock_monotonic_ms();
        mw_bench_begin(&bench,
                       &(struct mw_bench_setup){.change = cases[i].change,
                                                .endpoints = {mw_made_venue_url(&venue, url)},
                                                .endpoint_count = 1,
                                                .wait_s = 0.001,
                                                .attempt_count = 5});
        mw_bench_subscribe(&bench, "BTC");
        mw_bench_start_confirmed(&bench);
        for (uint32_t round = 1; round <= 2; round++) { /* for each connection that was made */
            if (cases[i].push != NULL) {
                mw_made_venue_push(&venue, cases[i].push);
                mw_made_venue_push(&venue, cases[i].push);
            }
            while (mw_bench_wait_expiring(&bench) < round)
                assert_true(mw_clock_monotonic_ms() - began_ms < 20000);
            if (cases[i].push == NULL)
                assert_true(mw_clock_monotonic_ms() - began_ms >= 60 * (int64_t)round);
            mw_made_venue_wait_for(&venue, "never", 100);
            assert_int_equal(mw_bench_wait_expiring(&bench), round);
            mw_made_venue_cut(&venue); /* nothing happens until then */
            mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
            mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
            mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        }
        mw_bench_stop(&bench);
        mw_bench_end(&bench);
        mw_made_venue_stop(&venue);
    }
}

/* --- bars that time closes -------------------------------------------------------------------- */

static void push_second(struct mw_made_venue *venue, const char *symbol, int64_t open_ms,
                        const char *flag)
{
    char text[192];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1s\",\"t\":%lld,\"o\":1,\"h\":1,\"l\":1,"
             "\"c\":1,\"v\":1%s}",
             symbol, (long long)open_ms, flag);
    mw_made_venue_push(venue, text);
}

static struct mw_series *subscribe_seconds(struct mw_bench *bench, const char *symbol)
{
    struct mw_series *series;
    assert_int_equal(mw_connection_subscribe(bench->connection, symbol,
                                             (struct mw_timeframe){1, 's'}, &series, NULL),
                     MW_OK);
    mw_watcher_watch(bench->watcher, series);
    return series;
}

static void the_clock_closes_what_it_saw_forming(void **state)
{
    (void)state;
    enum { GRACE_MS = 30 };
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.change = "p.timeframes = { '1s', '1m' }",
                                                    .endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .grace_ms = GRACE_MS});
    struct mw_series *old = mw_bench_subscribe(&bench, "BTC");
    struct mw_series *series[] = {subscribe_seconds(&bench, "BTC"),
                                  subscribe_seconds(&bench, "ETH")};
    mw_bench_start_confirmed(&bench);
    mw_made_venue_push(&venue, forming); /* its time is not the clock's */
    /* What comes when it is over is not the clock's: there is a second for it to arrive in. */
    int64_t open_ms = mw_clock_wall_ms() / 1000 * 1000 + 1000;
    push_second(&venue, "BTC", open_ms, "");
    push_second(&venue, "ETH", open_ms, ",\"x\":false"); /* the venue would say when */
    for (int flagged = 0; flagged < 2; flagged++) {
        struct mw_candle candle =
            mw_bench_wait_candle(&bench, series[flagged], open_ms, MW_CANDLE_CLOSED);
        assert_true(mw_clock_wall_ms() >= open_ms + 1000 + GRACE_MS);
        assert_int_equal(candle.closed_by, MW_CLOSED_BY_CLOCK);
        assert_int_equal((candle.flags & MW_CANDLE_UNPROVEN) != 0, flagged != 0);
        assert_int_equal(mw_series_find_gap(series[flagged], open_ms, open_ms, NULL), flagged != 0);
    }
    push_second(&venue, "ETH", open_ms, ",\"x\":true"); /* late, and the last word */
    push_second(&venue, "ETH", open_ms + 1000, ",\"x\":true");
    mw_bench_wait_candle(&bench, series[1], open_ms + 1000, MW_CANDLE_CLOSED);
    assert_false(mw_series_find_gap(series[1], open_ms, open_ms, NULL));
    struct mw_candle candle;
    assert_int_equal(mw_series_read_last(old, INT64_MAX, 1, true, &candle), 1);
    assert_int_equal(candle.state, MW_CANDLE_FORMING);
    mw_bench_finish(&bench, &venue);
}

static void a_bar_is_closed_while_there_is_no_connection_and_in_doubt(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.change = "p.timeframes = { '1s', '1m' }",
                                                    .endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 3600,
                                                    .attempt_count = 1,
                                                    .grace_ms = 1});
    struct mw_series *series = subscribe_seconds(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    int64_t open_ms = mw_clock_wall_ms() / 1000 * 1000 + 1000; /* our clock is a little behind */
    push_second(&venue, "BTC", open_ms, "");
    mw_bench_wait_candle(&bench, series, open_ms, MW_CANDLE_FORMING);
    mw_made_venue_cut(&venue);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    struct mw_candle candle = mw_bench_wait_candle(&bench, series, open_ms, MW_CANDLE_CLOSED);
    assert_int_equal(candle.closed_by, MW_CLOSED_BY_CLOCK);
    assert_true(candle.flags & MW_CANDLE_UNPROVEN);
    assert_true(mw_series_find_gap(series, open_ms, open_ms, NULL));
    mw_bench_finish(&bench, &venue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_candle_per_connection_is_no_success),
        cmocka_unit_test(data_that_flows_for_a_while_is_success),
        cmocka_unit_test(reconnect_tries_at_once_after_failure_and_instead_of_waiting),
        cmocka_unit_test(an_end_interrupts_every_series),
        cmocka_unit_test(a_retired_connection_leaves_its_series_alone),
        cmocka_unit_test(only_our_own_confirmation_counts_and_data_may_come_before),
        cmocka_unit_test(a_series_is_live_before_its_connection_is_confirmed),
        cmocka_unit_test(what_is_wanted_meanwhile_is_asked_for_once),
        cmocka_unit_test(a_lifetime_and_a_notice_are_told_once),
        cmocka_unit_test(the_clock_closes_what_it_saw_forming),
        cmocka_unit_test(a_bar_is_closed_while_there_is_no_connection_and_in_doubt),
    };
    return cmocka_run_group_tests(tests, mw_bench_be_quiet, NULL);
}
