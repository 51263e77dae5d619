/* backfill_restart_test.c - what is asked for when a series begins with what the store had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history/backfill.h"

#include "backfill_bench.h"
#include "history_server.h"

/* As a restart does. */
static void put_stored(struct mw_history_bench *bench, int first, int last)
{
    for (int minute = first; minute <= last; minute++) {
        struct mw_candle bar = mw_history_bar(minute);
        bar.source = MW_SOURCE_STORE;
        assert_int_equal(mw_series_put(bench->series, &bar, bar.open_ms, NULL), MW_PUT_APPENDED);
    }
}

static void want(struct mw_history_bench *bench)
{
    mw_backfill_want(bench->backfill, bench->series);
}

static uint8_t source_of(struct mw_history_bench *bench, int minute)
{
    int64_t at_ms = mw_history_open_ms(minute);
    struct mw_candle bar;
    assert_int_equal(mw_series_read_from(bench->series, at_ms, at_ms, 1, true, &bar), 1);
    return bar.source;
}

static void what_came_since_is_asked_for_at_once(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 120);
    put_stored(&bench, 0, 99);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 120, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench,
                  mw_history_server_count(&bench.server) == 2 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 20, 119);
    mw_history_bench_expect_request(&bench, 0, "99.. 40");
    mw_history_bench_expect_request(&bench, 1, "119.. 40"); /* an answer may be cut */
    assert_int_equal(source_of(&bench, 99), MW_SOURCE_STORE);
    assert_int_equal(source_of(&bench, 100), MW_SOURCE_BACKFILL);
    mw_history_bench_end(&bench);
    assert_int_equal(bench.server.request_count, 2);
}

static void a_quiet_market_is_asked_once(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 99); /* the newest that the store has is the venue's newest */
    put_stored(&bench, 0, 99);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 99, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench,
                  mw_history_server_count(&bench.server) == 1 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 0, 99);
    assert_true(mw_history_bench_has_told(&bench, ""));
    mw_history_bench_end(&bench);
    assert_int_equal(bench.server.request_count, 1);
}

static void far_behind_the_newest_come_first_and_then_what_the_ring_holds(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 1000);
    put_stored(&bench, 0, 99);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 1000, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench,
                  mw_history_server_count(&bench.server) >= 5 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 900, 999);
    mw_history_bench_expect_request(&bench, 0, "99.. 40");
    assert_false(mw_history_bench_has_gap(&bench, false));
    /* Not the thousand bars between: the ring takes a hundred. */
    assert_true(mw_history_server_count(&bench.server) <= 9);
    mw_history_bench_end(&bench);
}

static void quiet_minutes_since_take_two_answers(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 110);
    for (int minute = 102; minute < 108; minute++)
        bench.server.quiet[minute] = true;
    put_stored(&bench, 0, 99);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 110, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench,
                  mw_history_server_count(&bench.server) >= 2 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 4, 109); /* the ring has room for the quiet ones */
    assert_false(mw_history_bench_has_gap(&bench, false));
    mw_history_bench_end(&bench);
}

static void a_stream_that_is_faster_leaves_a_hole_to_fill(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 110);
    put_stored(&bench, 0, 99);
    mw_history_bench_put_live(&bench, 110, false);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 110, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench,
                  mw_history_server_count(&bench.server) == 1 && mw_history_bench_is_idle(&bench));
    mw_history_bench_expect_bars(&bench, 11, 109);
    mw_history_bench_expect_request(&bench, 0, "99..110 12");
    mw_history_bench_end(&bench);
}

static void a_venue_that_does_not_know_our_newest_bar_is_not_asked_for_ever(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 50); /* its past ends before what the store has */
    put_stored(&bench, 0, 99);
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 40, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 50, &source);
    want(&bench);
    MW_WAIT_UNTIL(&bench, mw_history_server_count(&bench.server) == MW_BACKFILL_ATTEMPTS_MAX &&
                              mw_history_bench_is_idle(&bench));
    mw_history_bench_put_live(&bench, 100, false); /* the stream tells more than the history */
    mw_history_bench_end(&bench);
    assert_int_equal(bench.server.request_count, MW_BACKFILL_ATTEMPTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_since_is_asked_for_at_once),
        cmocka_unit_test(a_quiet_market_is_asked_once),
        cmocka_unit_test(far_behind_the_newest_come_first_and_then_what_the_ring_holds),
        cmocka_unit_test(quiet_minutes_since_take_two_answers),
        cmocka_unit_test(a_stream_that_is_faster_leaves_a_hole_to_fill),
        cmocka_unit_test(a_venue_that_does_not_know_our_newest_bar_is_not_asked_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
