/* feed_replace_test.c - connections that are replaced before they end. */
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

/* Two notices, as a protocol file would have them and as the venue says them. */
static const char notices[] = "p.limits.batch = nil; p.notices = { { when = { k = 'bye' } } }";
static const char notice[] = "{\"k\":\"bye\"}";

/* A feed with BTC and ETH, confirmed, whose venue from now on confirms when the test does. */
static void begin_held(struct mw_feed_bench *bench, uint32_t attempts)
{
    mw_feed_bench_begin(bench, notices, attempts);
    mw_feed_bench_subscribe(bench, "BTC");
    mw_feed_bench_subscribe(bench, "ETH");
    mw_feed_bench_start_confirmed(bench);
    mw_crowd_venue_set(&bench->venue, &bench->venue.holds, true);
}

static void is_replaced_on_notice_without_a_loss(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_held(&bench, 0);
    struct mw_series *btc = mw_feed_bench_subscribe(&bench, "BTC"),
                     *eth = mw_feed_bench_subscribe(&bench, "ETH");
    mw_feed_bench_push(&bench, 0, "BTC", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    mw_feed_bench_push(&bench, 0, "BTC", 2);
    mw_feed_bench_wait_candles(&bench, 2);
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    mw_feed_bench_push(&bench, 1, "ETH", 2);
    mw_feed_bench_wait_candles(&bench, 3);
    mw_feed_bench_push(&bench, 0, "BTC",
                       3); /* BTC does not come on the new one yet: the old one is kept */
    mw_feed_bench_wait_candles(&bench, 4);
    assert_false(mw_crowd_venue_heard(&bench.venue, 0, "close"));
    assert_int_equal(mw_feed_connection_count(bench.feed), 2);
    mw_feed_bench_push(&bench, 1, "BTC", 3);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    mw_feed_bench_push(&bench, 1, "BTC", 4);
    mw_feed_bench_push(&bench, 1, "ETH", 3);
    mw_feed_bench_wait_candles(&bench, 7);
    mw_feed_bench_expect_bars(btc, 1, 4);
    mw_feed_bench_expect_bars(eth, 2, 2);
    mw_feed_bench_wait_connections(&bench, 1);
    assert_int_equal(mw_crowd_venue_open_count(&bench.venue), 1);
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_LIVE);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 2);
    assert_int_equal(status.reconnects, 1);
    mw_feed_bench_expect_nothing(&bench); /* confirmed throughout */

    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
    mw_crowd_venue_push(&bench.venue, 1, notice); /* and once more */
    mw_crowd_venue_wait(&bench.venue, 2, "+1 BTC@1m ETH@1m;");
    mw_feed_bench_push(&bench, 2, "BTC", 5);
    mw_feed_bench_push(&bench, 2, "ETH", 4);
    mw_crowd_venue_wait(&bench.venue, 1, "close;gone;");
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void is_replaced_before_its_lifetime_ends(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    mw_feed_bench_begin(&bench, "p.limits.lifetime = '400ms'", 0);
    mw_feed_bench_subscribe(&bench, "BTC");
    mw_feed_bench_start_confirmed(&bench);
    for (uint32_t i = 0; i < 3; i++) {
        mw_crowd_venue_wait(&bench.venue, i + 1, "+1 BTC@1m;");
        mw_crowd_venue_wait(&bench.venue, i, "close;gone;");
    }
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void the_overlap_is_bounded(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_held(&bench, 0);
    bench.feed->overlap_ms = 200;
    mw_feed_bench_push(&bench, 0, "BTC", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    assert_true(mw_clock_monotonic_ms() - began_ms >= 200);
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void what_is_asked_for_meanwhile_is_asked_for_twice(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_held(&bench, 0);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    struct mw_series *ada = mw_feed_bench_subscribe(&bench, "ADA");
    mw_crowd_venue_wait(&bench.venue, 0, "+2 ADA@1m;");
    mw_crowd_venue_wait(&bench.venue, 1, "+2 ADA@1m;");
    mw_feed_bench_unsubscribe(&bench, "ETH");
    mw_crowd_venue_wait(&bench.venue, 0, "-3 ETH@1m;");
    mw_crowd_venue_wait(&bench.venue, 1, "-3 ETH@1m;");
    mw_feed_bench_push(&bench, 0, "ADA", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    for (int id = 1; id <= 3; id++)
        mw_crowd_venue_confirm(&bench.venue, 1, id);
    mw_feed_bench_push(&bench, 1, "ADA", 1);
    mw_crowd_venue_wait(&bench.venue, 0, "close;");
    mw_feed_bench_push(&bench, 1, "ADA", 2);
    mw_feed_bench_wait_candles(&bench, 3);
    mw_feed_bench_expect_bars(ada, 1, 2);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 2);
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void the_old_one_goes_on_while_replacements_fail(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_held(&bench, 0);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, true);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 3, "gone;"); /* tried three times */
    struct mw_series *btc = mw_feed_bench_subscribe(&bench, "BTC");
    mw_feed_bench_push(&bench, 0, "BTC", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, false);
    mw_crowd_venue_wait(&bench.venue, 0, "#;+1 BTC@1m ETH@1m;");
    uint32_t last = mw_crowd_venue_count(&bench.venue) - 1;
    while (!mw_crowd_venue_heard(&bench.venue, last, "BTC@1m"))
        last = mw_crowd_venue_count(&bench.venue) - 1;
    mw_feed_bench_push(&bench, last, "BTC", 2);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    mw_feed_bench_wait_candles(&bench, 2);
    mw_feed_bench_expect_bars(btc, 1, 2);
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

static void a_loss_meanwhile_makes_the_new_one_take_over(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_held(&bench, 3);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    mw_crowd_venue_cut(&bench.venue, 0);
    struct mw_error err = mw_feed_bench_expect(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(err.status, MW_ECLOSED);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONNECTED);
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    mw_feed_bench_expect(&bench, MW_CONNECTION_CONFIRMED);
    mw_feed_bench_push(&bench, 1, "BTC", 1);
    mw_feed_bench_wait_candles(&bench, 1);
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 2); /* nobody else came */
    mw_feed_bench_expect_nothing(&bench);
    mw_feed_bench_end(&bench);
}

/* As mw_feed_bench_push, of a bar that forms. */
static void push_forming(struct mw_feed_bench *bench, uint32_t index, const char *symbol)
{
    char text[128];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":60000,\"o\":1,\"h\":1,\"l\":1,\"c\":1,"
             "\"v\":1,\"x\":false}",
             symbol);
    mw_crowd_venue_push(&bench->venue, index, text);
}

static void expect_interrupted(struct mw_series *series, bool interrupted)
{
    struct mw_candle newest;
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &newest), 1);
    assert_int_equal((newest.flags & MW_CANDLE_UNPROVEN) != 0, interrupted);
    assert_int_equal(mw_series_get_health(series), interrupted ? MW_SERIES_STALE : MW_SERIES_LIVE);
}

/* BTC comes on the old connection and ETH on the new one, which is confirmed; ADA on both. */
static void begin_overlap(struct mw_feed_bench *bench)
{
    begin_held(bench, 0);
    mw_feed_bench_subscribe(bench, "ADA");
    mw_crowd_venue_wait(&bench->venue, 0, "+2 ADA@1m;");
    mw_crowd_venue_confirm(&bench->venue, 0, 2);
    push_forming(bench, 0, "BTC");
    push_forming(bench, 0, "ADA");
    mw_feed_bench_wait_candles(bench, 2);
    mw_crowd_venue_push(&bench->venue, 0, notice);
    mw_crowd_venue_wait(&bench->venue, 1, "+1 ADA@1m BTC@1m ETH@1m;");
    mw_crowd_venue_confirm(&bench->venue, 1, 1);
    push_forming(bench, 1, "ETH");
    push_forming(bench, 1, "ADA");
    mw_feed_bench_wait_candles(bench, 4);
}

static void whichever_is_lost_the_other_ones_series_go_on(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost < 2; lost++) {
        struct mw_feed_bench bench;
        begin_overlap(&bench);
        struct mw_series *ada = mw_feed_bench_subscribe(&bench, "ADA"),
                         *btc = mw_feed_bench_subscribe(&bench, "BTC"),
                         *eth = mw_feed_bench_subscribe(&bench, "ETH");
        mw_crowd_venue_cut(&bench.venue, lost);
        if (lost == 0)
            mw_feed_bench_wait_connections(&bench, 1);
        else
            mw_crowd_venue_wait(&bench.venue, 2, "+");
        expect_interrupted(ada, false);
        expect_interrupted(btc, lost == 0);
        expect_interrupted(eth, lost == 1);
        mw_feed_bench_expect_nothing(&bench);
        mw_feed_bench_end(&bench);
    }
}

static void if_both_are_lost_all_series_are_interrupted(void **state)
{
    (void)state;
    struct mw_feed_bench bench;
    begin_overlap(&bench);
    struct mw_series *ada = mw_feed_bench_subscribe(&bench, "ADA");
    mw_crowd_venue_cut(&bench.venue, 0);
    mw_crowd_venue_cut(&bench.venue, 1);
    mw_feed_bench_expect(&bench, MW_CONNECTION_FAILED);
    expect_interrupted(ada, true);
    mw_feed_bench_end(&bench);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stops_at_any_moment_of_a_replacement(void **state)
{
    (void)state;
    for (int moment = 0; moment < 5; moment++) {
        struct mw_feed_bench bench;
        begin_held(&bench, 0);
        mw_crowd_venue_set(&bench.venue, &bench.venue.stubborn, true);
        mw_feed_bench_push(&bench, 0, "BTC", 1);
        mw_feed_bench_wait_candles(&bench, 1);
        mw_crowd_venue_push(&bench.venue, 0, notice);
        if (moment > 0) /* made */
            mw_feed_bench_wait_connections(&bench, 2);
        if (moment > 1) /* asks */
            mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
        if (moment > 2) /* overlaps */
            mw_crowd_venue_confirm(&bench.venue, 1, 1);
        if (moment > 3) { /* the old one is on its way out */
            mw_feed_bench_push(&bench, 1, "BTC", 2);
            mw_crowd_venue_wait(&bench.venue, 0, "close;");
        }
        mw_feed_bench_stop(&bench);
        mw_feed_bench_expect(&bench, MW_CONNECTION_DISCONNECTED);
        mw_feed_bench_stop(&bench);
        mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
        mw_feed_bench_start_confirmed(&bench); /* with one connection */
        assert_int_equal(mw_feed_connection_count(bench.feed), 1);
        mw_feed_bench_end(&bench);
    }
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
        cmocka_unit_test(is_replaced_on_notice_without_a_loss),
        cmocka_unit_test(is_replaced_before_its_lifetime_ends),
        cmocka_unit_test(the_overlap_is_bounded),
        cmocka_unit_test(what_is_asked_for_meanwhile_is_asked_for_twice),
        cmocka_unit_test(the_old_one_goes_on_while_replacements_fail),
        cmocka_unit_test(a_loss_meanwhile_makes_the_new_one_take_over),
        cmocka_unit_test(whichever_is_lost_the_other_ones_series_go_on),
        cmocka_unit_test(if_both_are_lost_all_series_are_interrupted),
        cmocka_unit_test(stops_at_any_moment_of_a_replacement),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
