/* cursor_test.c - what a reader of a series is told, one kind after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "script/cursor.h"

enum { CAPACITY = 8, WAIT_MS = 1000 };

static struct mw_series *new_series(uint32_t capacity)
{
    struct mw_series *series =
        mw_series_new(&(struct mw_series_key){.symbol = "BTC", .timeframe = {1, 'm'}}, capacity);
    atomic_store(&mw_series_note(series)->gap_wait_ms, WAIT_MS);
    return series;
}

static struct mw_candle candle_at(int64_t minute, double close, bool closed)
{
    return (struct mw_candle){.open_ms = minute * MW_MS_PER_MINUTE,
                              .open = close,
                              .high = close,
                              .low = close,
                              .close = close,
                              .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                              .closed_by = closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
}

static mw_put put(struct mw_series *series, int64_t minute, double close, bool closed)
{
    const struct mw_candle candle = candle_at(minute, close, closed);
    return mw_series_put(series, &candle, INT64_MAX / 2, NULL);
}

static mw_put put_history(struct mw_series *series, int64_t minute)
{
    struct mw_candle candle = candle_at(minute, 1, true);
    candle.source = MW_SOURCE_BACKFILL;
    return mw_series_put(series, &candle, INT64_MAX / 2, NULL);
}

/* A forming bar of a venue that says itself when it closes. */
static void put_flagged(struct mw_series *series, int64_t minute)
{
    struct mw_candle candle = candle_at(minute, 1, false);
    candle.flags = MW_CANDLE_FLAGGED;
    mw_series_put(series, &candle, INT64_MAX / 2, NULL);
}

static int64_t ms_of(int64_t minute)
{
    return minute * MW_MS_PER_MINUTE;
}

/* Reads all there is at `now_ms`, and expects it to be `wanted`: "1 2 gap 3-4 5 held". */
static void expect_at(struct mw_cursor *cursor, int64_t now_ms, const char *wanted)
{
    static const char *const names[] = {"",           "held", "lagged", "revised",
                                        "backfilled", "gap",  "bar"};
    char said[512] = "";
    size_t length = 0;
    struct mw_cursor_news news;
    while (mw_cursor_next(cursor, now_ms, &news) != MW_CURSOR_NOTHING) {
        const char *blank = length > 0 ? " " : "";
        char *at = said + length;
        size_t room = sizeof(said) - length;
        int minute = (int)(news.candle.open_ms / MW_MS_PER_MINUTE);
        int from = (int)(news.from_ms / MW_MS_PER_MINUTE),
            to = (int)(news.to_ms / MW_MS_PER_MINUTE);
        if (news.kind == MW_CURSOR_BAR)
            length += (size_t)snprintf(at, room, "%s%d", blank, minute);
        else if (news.kind == MW_CURSOR_REVISED)
            length +=
                (size_t)snprintf(at, room, "%srevised %d=%g", blank, minute, news.candle.close);
        else if (news.kind == MW_CURSOR_GAP || news.kind == MW_CURSOR_BACKFILLED)
            length += (size_t)snprintf(at, room, "%s%s %d-%d:%d", blank, names[news.kind], from, to,
                                       (int)news.count);
        else if (news.kind == MW_CURSOR_LAGGED)
            length += (size_t)snprintf(at, room, "%slagged %d", blank, (int)news.count);
        else
            length += (size_t)snprintf(at, room, "%sheld until %d", blank, (int)news.until_ms);
        assert_true(length < sizeof(said));
        if (news.kind == MW_CURSOR_HELD)
            break;
    }
    assert_string_equal(said, wanted);
}

static void expect(struct mw_cursor *cursor, const char *wanted)
{
    expect_at(cursor, 0, wanted);
}

static void reads_closed_bars_once_and_in_order(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    assert_ptr_equal(mw_cursor_series(cursor), series);
    expect(cursor, "");
    put(series, 1, 1, false);
    expect(cursor, "");
    put(series, 2, 1, false); /* closes 1 */
    expect(cursor, "1");
    put(series, 2, 2, true);
    put(series, 3, 2, true);
    put(series, 4, 2, true);
    put(series, 5, 2, false);
    expect(cursor, "2 3 4");
    expect(cursor, "");
    mw_cursor_free(cursor);
    mw_cursor_free(NULL);
    mw_series_free(series);
}

static void reads_more_than_a_batch(void **state)
{
    (void)state;
    struct mw_series *series = new_series(1000);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    struct mw_cursor_news news;
    for (int64_t minute = 1; minute <= 2 * MW_CURSOR_BATCH + 1; minute++)
        put(series, minute, 1, true);
    for (int64_t minute = 1; minute <= 2 * MW_CURSOR_BATCH + 1; minute++) {
        assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_BAR);
        assert_int_equal(news.candle.open_ms, ms_of(minute));
    }
    assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_NOTHING);
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void starts_after_what_is_there_or_with_the_oldest(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    for (int64_t minute = 1; minute <= 20; minute++)
        put(series, minute, 1, true);
    put(series, 21, 1, false);
    struct mw_cursor *from_now = mw_cursor_new(series, false);
    struct mw_cursor *from_oldest = mw_cursor_new(series, true);
    expect(from_now, "");
    expect(from_oldest, "14 15 16 17 18 19 20");
    put(series, 22, 1, false);
    expect(from_now, "21");
    expect(from_oldest, "21");
    mw_cursor_free(from_now);
    mw_cursor_free(from_oldest);
    mw_series_free(series);
}

static void history_before_the_first_live_bar_is_not_told(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *before = mw_cursor_new(series, true);
    put_history(series, 1);
    put_history(series, 3);
    struct mw_cursor *between = mw_cursor_new(series, false);
    expect(before, "");
    expect(between, "");
    put(series, 6, 1, true);
    put_history(series, 5);
    struct mw_cursor *after = mw_cursor_new(series, true);
    expect(before, "6");
    expect(between, "6");
    expect(after, "6");
    put(series, 3, 2, true); /* a bar that nobody was told of */
    put_history(series, 2);
    expect(before, "");
    mw_cursor_free(before);
    mw_cursor_free(between);
    mw_cursor_free(after);
    mw_series_free(series);
}

static void a_hole_holds_newer_bars_until_it_is_filled(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    struct mw_candle forming;
    put(series, 1, 1, true);
    put(series, 4, 1, false);
    expect_at(cursor, 100, "1"); /* nothing is held back yet */
    assert_true(mw_cursor_read_forming(cursor, &forming));
    put(series, 4, 2, true);
    put(series, 5, 2, false);
    expect_at(cursor, 200, "held until 1200");
    assert_false(mw_cursor_read_forming(cursor, &forming));
    put_history(series, 2);
    expect_at(cursor, 300, "2 held until 1200"); /* 4 has waited since then */
    put_history(series, 3);
    expect_at(cursor, 400, "3 4");
    assert_true(mw_cursor_read_forming(cursor, &forming));
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_quiet_bucket_is_no_hole(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put(series, 4, 1, true);
    expect(cursor, "1 held until 1000");
    mw_series_prove(series, ms_of(2), ms_of(3));
    expect(cursor, "4");
    put(series, 3, 7, true); /* and it was not quiet after all */
    expect(cursor, "revised 3=7");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_hole_that_nobody_fills_in_time_is_told(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put(series, 4, 1, true);
    expect_at(cursor, 100, "1 held until 1100");
    expect_at(cursor, 1099, "held until 1100");
    expect_at(cursor, 1100, "gap 2-3:2 4");
    put_history(series, 2);
    expect_at(cursor, 1101, "");
    put_history(series, 3);
    expect_at(cursor, 1102, "backfilled 2-3:2");
    put(series, 2, 9, true); /* was not delivered */
    put(series, 6, 1, true);
    mw_series_give_up(series, ms_of(5), ms_of(5));
    expect_at(cursor, 1103, "gap 5-5:1 6"); /* at once */
    mw_series_prove(series, ms_of(5), ms_of(5));
    expect_at(cursor, 1104, "backfilled 5-5:0");
    atomic_store(&mw_series_note(series)->gap_wait_ms, 0);
    put(series, 9, 1, true);
    expect_at(cursor, 1105, "gap 7-8:2 9");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void each_bar_waits_from_when_it_could_have_come(void **state)
{
    (void)state;
    struct mw_series *series = new_series(20);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put(series, 3, 1, true);
    expect_at(cursor, 100, "1 held until 1100");
    put(series, 5, 1, true);
    expect_at(cursor, 600, "held until 1100");
    expect_at(cursor, 1100, "gap 2-2:1 3 held until 1600");
    expect_at(cursor, 1600, "gap 4-4:1 5");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_bar_in_doubt_comes_after_the_gap_that_says_so(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put_flagged(series, 2);
    put_flagged(series, 5); /* the word that closes 2 is missing, and 3 and 4 */
    expect_at(cursor, 0, "1 held until 1000");
    expect_at(cursor, 1000, "gap 2-4:3 2");
    put_history(series, 4);
    put(series, 2, 3, true);
    expect_at(cursor, 1001, "revised 2=3");
    mw_series_prove(series, ms_of(3), ms_of(3));
    expect_at(cursor, 1002, "backfilled 2-4:2");
    put(series, 5, 1, true);
    put_flagged(series, 6);
    put_flagged(series, 7);
    put(series, 9, 1, true); /* 6 and 7 are in doubt, 8 is missing */
    expect_at(cursor, 1003, "5 held until 2003");
    put(series, 6, 1, true); /* the word came late */
    expect_at(cursor, 1004, "6 held until 2003");
    expect_at(cursor, 2003, "gap 7-8:2 7 9");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void several_bars_in_doubt_are_told_one_by_one(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    atomic_store(&mw_series_note(series)->gap_wait_ms, 0);
    put(series, 1, 1, true);
    put_flagged(series, 2);
    put_flagged(series, 4);
    put_flagged(series, 5);
    expect(cursor, "1 gap 2-3:2 2 gap 4-4:1 4");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void put_made(struct mw_series *series, int64_t minute, bool closed, mw_hole hole)
{
    struct mw_candle candle = candle_at(minute, 1, closed);
    candle.source = MW_SOURCE_RESAMPLED;
    mw_series_put_derived(series, &candle, hole, false);
}

/* Bars that are made of others: a hole of the source reaches into what forms. */
static void a_gap_that_is_told_ends_before_the_bar_that_forms(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, true);
    atomic_store(&mw_series_note(series)->gap_wait_ms, 0);
    mw_series_set_first_live(series, ms_of(1));
    put_made(series, 1, true, MW_HOLE_NONE);
    put_made(series, 2, true, MW_HOLE_GIVEN_UP);
    mw_series_set_hole(series, ms_of(3), ms_of(3), MW_HOLE_GIVEN_UP);
    put_made(series, 4, false, MW_HOLE_GIVEN_UP);
    expect(cursor, "1 gap 2-3:2 2");
    put_made(series, 4, true, MW_HOLE_GIVEN_UP);
    expect(cursor, "gap 4-4:1 4");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_revision_is_told_once_and_only_of_what_was_delivered(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put(series, 2, 1, true);
    put(series, 3, 1, true);
    struct mw_cursor_news news;
    assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_BAR);
    assert_int_equal(put(series, 1, 5, true), MW_PUT_REVISED);
    assert_int_equal(put(series, 2, 6, true), MW_PUT_REVISED); /* copied, and not delivered */
    assert_int_equal(put(series, 1, 7, true), MW_PUT_REVISED);
    expect(cursor, "revised 1=7 2 3");
    expect(cursor, "");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void an_overrun_ring_is_told_once(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *idle = mw_cursor_new(series, false); /* has never read a bar */
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    put(series, 2, 1, true);
    expect(cursor, "1 2");
    put(series, 3, 1, false);
    struct mw_cursor *forming = mw_cursor_new(series, false);
    for (int64_t minute = 3; minute <= 20; minute++)
        put(series, minute, 1, true);
    expect(cursor, "lagged 10 13 14 15 16 17 18 19 20");
    expect(idle, "lagged 12 13 14 15 16 17 18 19 20");
    expect(forming, "lagged 10 13 14 15 16 17 18 19 20");
    expect(cursor, "");
    mw_cursor_free(idle);
    mw_cursor_free(cursor);
    mw_cursor_free(forming);
    mw_series_free(series);
}

static void history_that_is_dropped_is_not_lost(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    for (int64_t minute = 1; minute <= CAPACITY; minute++)
        put_history(series, minute);
    put(series, CAPACITY + 1, 1, true);
    expect(cursor, "9");
    for (int64_t minute = 10; minute <= 20; minute++)
        put(series, minute, 1, true);
    expect(cursor, "lagged 3 13 14 15 16 17 18 19 20");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_ring_of_one_bar_counts_each_loss_once(void **state)
{
    (void)state;
    struct mw_series *series = new_series(1);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    put(series, 1, 1, true);
    expect(cursor, "1");
    put(series, 2, 1, true);
    put(series, 3, 1, false); /* 2 is gone, 3 forms */
    expect(cursor, "lagged 1");
    expect(cursor, "");
    put(series, 3, 1, true);
    expect(cursor, "3");
    put(series, 6, 1, true); /* the ring takes nothing before it any more */
    expect(cursor, "gap 4-5:2 6");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void waiting_costs_no_bars(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    for (int64_t minute = 1; minute <= 10; minute++)
        put(series, minute, 1, true);
    expect(cursor, "lagged 2 3 4 5 6 7 8 9 10");
    put(series, 12, 1, true);
    expect(cursor, "held until 1000");
    for (int64_t minute = 13; minute <= 16; minute++) {
        put(series, minute, 1, true);
        expect(cursor, "held until 1000");
    }
    put(series, 17, 1, true); /* two that were delivered are left: it is time */
    expect(cursor, "gap 11-11:1 12 13 14 15 16 17");
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void remembers_so_many_gaps_and_no_more(void **state)
{
    (void)state;
    enum { GAPS = MW_CURSOR_SKIPPED_MAX + 1 };
    struct mw_series *series = new_series(10 * GAPS);
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    struct mw_cursor_news news;
    atomic_store(&mw_series_note(series)->gap_wait_ms, 0);
    for (int64_t i = 0; i <= GAPS; i++)
        put(series, 2 * i + 1, 1, true);
    while (mw_cursor_next(cursor, 0, &news) != MW_CURSOR_NOTHING)
        ;
    mw_series_prove(series, 0, ms_of(INT64_C(10) * GAPS));
    for (int64_t i = 1; i < GAPS; i++) { /* the first is forgotten */
        assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_BACKFILLED);
        assert_int_equal(news.from_ms, ms_of(2 * i + 2));
    }
    assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_NOTHING);
    mw_cursor_free(cursor);
    mw_series_free(series);
}

static void a_forming_bar_is_read_when_it_changed(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_candle forming = {.open_ms = 7};
    struct mw_cursor *cursor = mw_cursor_new(series, false);
    assert_false(mw_cursor_read_forming(cursor, &forming));
    assert_int_equal(forming.open_ms, 7);
    put(series, 1, 1, false);
    assert_true(mw_cursor_read_forming(cursor, &forming));
    assert_false(mw_cursor_read_forming(cursor, &forming));
    put(series, 1, 1, false);
    assert_false(mw_cursor_read_forming(cursor, &forming));
    put(series, 1, 2, false);
    put(series, 1, 3, false);
    assert_true(mw_cursor_read_forming(cursor, &forming));
    assert_true(forming.close == 3);
    put(series, 1, 4, true);
    assert_false(mw_cursor_read_forming(cursor, &forming));
    put(series, 2, 4, false);
    assert_true(mw_cursor_read_forming(cursor, &forming));
    assert_int_equal(forming.open_ms, 2 * MW_MS_PER_MINUTE);
    mw_cursor_free(cursor);
    mw_series_free(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_closed_bars_once_and_in_order),
        cmocka_unit_test(reads_more_than_a_batch),
        cmocka_unit_test(starts_after_what_is_there_or_with_the_oldest),
        cmocka_unit_test(history_before_the_first_live_bar_is_not_told),
        cmocka_unit_test(a_hole_holds_newer_bars_until_it_is_filled),
        cmocka_unit_test(a_quiet_bucket_is_no_hole),
        cmocka_unit_test(a_hole_that_nobody_fills_in_time_is_told),
        cmocka_unit_test(each_bar_waits_from_when_it_could_have_come),
        cmocka_unit_test(a_bar_in_doubt_comes_after_the_gap_that_says_so),
        cmocka_unit_test(several_bars_in_doubt_are_told_one_by_one),
        cmocka_unit_test(a_gap_that_is_told_ends_before_the_bar_that_forms),
        cmocka_unit_test(a_revision_is_told_once_and_only_of_what_was_delivered),
        cmocka_unit_test(an_overrun_ring_is_told_once),
        cmocka_unit_test(history_that_is_dropped_is_not_lost),
        cmocka_unit_test(a_ring_of_one_bar_counts_each_loss_once),
        cmocka_unit_test(waiting_costs_no_bars),
        cmocka_unit_test(remembers_so_many_gaps_and_no_more),
        cmocka_unit_test(a_forming_bar_is_read_when_it_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
