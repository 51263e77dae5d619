/* backfill_test.c - the history thread against a venue on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "history/backfill.h"

#include "backfill_bench.h"
#include "history_server.h"

/* --- rings ------------------------------------------------------------------------------------ */

static void fills_the_ring_in_chunks_newest_first(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 200, 40);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == MW_HISTORY_BENCH_BARS &&
                              mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 100, 199);
    assert_false(mw_history_bench_has_gap(&bench, false));
    mw_history_bench_expect_request(&bench, 0, ".. 40");
    mw_history_bench_expect_request(&bench, 1, "..161 40");
    mw_history_bench_expect_request(&bench, 2, "..122 23");
    assert_int_equal(mw_history_server_count(&bench.server), 3);
    assert_int_equal(bench.told.answers, 3);
    assert_int_equal(mw_series_note(bench.series)->gap_wait_ms, 1234);
    mw_backfill_want(bench.backfill, bench.series); /* is known */
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_true(status.has_history && !status.has_error);
    assert_int_equal(status.requests, 3);
    assert_int_equal(status.bars, MW_HISTORY_BENCH_BARS);
    assert_int_equal(status.failures, 0);
    mw_history_bench_end(&bench);
    assert_int_equal(bench.server.request_count, 3);
}

static void a_venue_without_more_ends_the_filling(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 30);
    for (int minute = 0; minute <= 30; minute++)
        bench.server.quiet[minute] = minute % 4 == 1;
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_put_live(&bench, 30, false); /* a live bar was faster */
    mw_history_bench_begin_with(&bench, 30, &source);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == 23 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 0, 29);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    mw_history_bench_end(&bench);
}

static void one_answer_without_rows_does_not_end_the_filling(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 30, 40);
    bench.server.body = "[]";
    mw_history_server_set(&bench.server, MW_HISTORY_BODY, 1);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == 30 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 0, 29);
    mw_history_bench_end(&bench);
}

/* --- holes ------------------------------------------------------------------------------------ */

static void fills_a_hole_with_the_bars_beside_it(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 9, false);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    mw_history_bench_expect_bars(&bench, 0, 8);
    mw_history_bench_expect_request(&bench, 0, "0..9 10");
    mw_history_bench_end(&bench);
}

static void long_holes_are_filled_in_chunks_newest_first(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 90);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    for (int minute = 20; minute < 80; minute++) /* longer than an answer */
        bench.server.quiet[minute] = true;
    mw_history_bench_begin_with(&bench, 90, &source);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 90, false);
    MW_WAIT_UNTIL(&bench,
                  !mw_history_bench_has_gap(&bench, false) && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 0, 89);
    mw_history_bench_expect_request(&bench, 0, "52..90 39");
    mw_history_bench_end(&bench);
}

static void put_live_bars(void *user)
{
    struct mw_history_bench *bench = user;
    for (int minute = 12; minute <= bench->last_live; minute++) {
        mw_history_server_set_last(&bench->server, minute);
        mw_history_bench_put_live(bench, minute, false);
        if (minute % 3 != 0) /* the next one closes the others */
            mw_history_bench_put_live(bench, minute, true);
    }
}

static void fills_holes_while_live_bars_come(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 11, 7);
    mw_history_bench_put_live(&bench, 0, true);
    bench.last_live = 60;
    struct mw_thread thread = {.running = false};
    assert_int_equal(mw_thread_start(&thread, "live", &mw_feed_thread, put_live_bars, &bench, NULL),
                     MW_OK);
    MW_WAIT_UNTIL(&bench,
                  !mw_history_bench_has_gap(&bench, false) && mw_series_count(bench.series) == 61);
    mw_thread_join(&thread);
    mw_history_bench_expect_bars(&bench, 0, 59);
    mw_history_bench_end(&bench);
}

static void a_history_that_lags_is_asked_again(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 2, 40);
    mw_history_server_set_last(&bench.server, 2);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 4, false);
    mw_history_server_wait(&bench.server, 3);
    struct mw_candle bars[MW_HISTORY_BENCH_BARS];
    uint32_t count =
        mw_series_read_last(bench.series, INT64_MAX, MW_HISTORY_BENCH_BARS, true, bars);
    for (uint32_t i = 0; i < count; i++) /* row 2 may form */
        assert_true(bars[i].open_ms != mw_history_open_ms(2));
    struct mw_gap gap;
    assert_true(
        mw_series_find_gap(bench.series, mw_history_open_ms(2), mw_history_open_ms(3), &gap));
    mw_history_server_set_last(&bench.server, 4);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false) &&
                              !mw_history_bench_has_gap(&bench, true));
    mw_history_bench_expect_bars(&bench, 0, 3);
    mw_history_bench_end(&bench);
}

static void an_answer_that_leaves_rows_out_makes_nothing_quiet(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    bench.server.without = 5;
    mw_history_server_set(&bench.server, MW_HISTORY_WITHOUT, 1);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 9, false);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    mw_history_bench_expect_bars(&bench, 0, 8);
    assert_int_equal(mw_history_server_count(&bench.server), 2);
    mw_history_bench_end(&bench);
}

static void the_clocks_last_bar_is_confirmed_or_corrected(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 3, 40);
    mw_history_bench_put_live(&bench, 2, true);
    struct mw_candle bar = mw_history_bar(3);
    bar.state = MW_CANDLE_FORMING;
    bar.closed_by = MW_CLOSED_BY_NOBODY;
    bar.high = bar.close = bar.open; /* updates are missing */
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    mw_series_interrupt(bench.series);
    assert_true(mw_series_close_newest(bench.series, bar.open_ms));
    mw_backfill_check(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    mw_history_bench_expect_bars(&bench, 2, 3);
    mw_history_bench_expect_request(&bench, 0, "2..4 3");
    mw_history_bench_end(&bench);
}

/* --- probes ----------------------------------------------------------------------------------- */

/* The stream may have been cut since it asked: it is for it to say what that means. */
static void a_probe_that_finds_nothing_newer_leaves_the_health_to_the_stream(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 5, 40);
    mw_history_bench_put_live(&bench, 5, false);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_probe(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_history_bench_has_told(&bench, "quiet;"));
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    mw_history_bench_expect_request(&bench, 0, "5.. 40");
    mw_history_bench_end(&bench);
}

static void a_probe_puts_what_was_missed(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 8, 40);
    bench.server.quiet[6] = true;
    mw_history_bench_put_live(&bench, 5, false);
    mw_series_interrupt(bench.series);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_probe(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_history_bench_has_told(&bench, "missed;"));
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    mw_history_bench_expect_bars(&bench, 5, 7);
    mw_history_bench_end(&bench);
}

static void a_series_that_nobody_wants_any_more_is_dropped(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    bench.server.code = 400;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 0);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    mw_history_server_wait(&bench.server, 2);
    mw_series_set_health(bench.series, MW_SERIES_IDLE);
    MW_WAIT_UNTIL(&bench, mw_history_bench_is_idle(&bench));
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == 9);
    mw_history_bench_end(&bench);
}

static void a_series_that_is_wanted_again_is_filled_further(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == 9 && mw_history_bench_is_idle(&bench));
    mw_series_set_health(bench.series, MW_SERIES_IDLE); /* while nothing is left to ask */
    int count = mw_history_server_count(&bench.server);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    mw_history_server_wait(&bench.server, count + 1);
    mw_history_bench_end(&bench);
}

/* --- sources ---------------------------------------------------------------------------------- */

static void knows_where_to_ask(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 9);
    struct mw_error err;
    static const char *const bad[] = {"", "ws://127.0.0.1", "http://127.0.0.1/", "127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        struct mw_backfill_source source =
            mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
        source.base = bad[i];
        assert_int_equal(mw_backfill_add(bench.backfill, &source, &err), MW_EPARSE);
    }
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    source.base = NULL;
    assert_int_equal(mw_backfill_add(bench.backfill, &source, &err), MW_OK);
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_false(status.has_history);
    mw_backfill_get_status(bench.backfill, "other", &status);
    assert_false(status.has_history);
    mw_backfill_want(bench.backfill, bench.series); /* goes nowhere yet */
    assert_int_equal(mw_series_note(bench.series)->gap_wait_ms, 0);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "made", "ftp://x", &err), MW_EPARSE);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "other", bench.server.base, &err),
                     MW_EINVAL);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "made", bench.server.base, &err), MW_OK);
    mw_backfill_want(bench.backfill, bench.series);
    assert_int_equal(mw_backfill_start(bench.backfill, &err), MW_OK);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == 9);
    mw_history_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_the_ring_in_chunks_newest_first),
        cmocka_unit_test(a_venue_without_more_ends_the_filling),
        cmocka_unit_test(one_answer_without_rows_does_not_end_the_filling),
        cmocka_unit_test(fills_a_hole_with_the_bars_beside_it),
        cmocka_unit_test(long_holes_are_filled_in_chunks_newest_first),
        cmocka_unit_test(fills_holes_while_live_bars_come),
        cmocka_unit_test(a_history_that_lags_is_asked_again),
        cmocka_unit_test(an_answer_that_leaves_rows_out_makes_nothing_quiet),
        cmocka_unit_test(the_clocks_last_bar_is_confirmed_or_corrected),
        cmocka_unit_test(a_probe_that_finds_nothing_newer_leaves_the_health_to_the_stream),
        cmocka_unit_test(a_probe_puts_what_was_missed),
        cmocka_unit_test(a_series_that_nobody_wants_any_more_is_dropped),
        cmocka_unit_test(a_series_that_is_wanted_again_is_filled_further),
        cmocka_unit_test(knows_where_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
