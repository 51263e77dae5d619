/* series_gaps_test.c - what a series knows of holes, doubt and revisions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "market/cache.h"

static const int64_t now = 4000000000000;

/* A bar in the making: open, high and low are the same for all. */
static struct mw_candle bar(int64_t open_ms, double close, double volume, uint8_t flags)
{
    return (struct mw_candle){.open_ms = open_ms,
                              .open = 100,
                              .high = 200,
                              .low = 50,
                              .close = close,
                              .volume = volume,
                              .turnover = (double)NAN,
                              .flags = flags};
}

static struct mw_candle closed(struct mw_candle candle, uint8_t source)
{
    candle.state = MW_CANDLE_CLOSED;
    candle.closed_by = MW_CLOSED_BY_EXCHANGE;
    candle.source = source;
    return candle;
}

/* --- one rule at a time ---------------------------------------------------------------------- */

static struct mw_series *minutes(uint32_t capacity)
{
    struct mw_series_key key = {.feed = "demo", .symbol = "X", .timeframe = {1, 'm'}};
    return mw_series_new(&key, capacity);
}

static int64_t at(int64_t index)
{
    return index * MW_MS_PER_MINUTE;
}

static mw_put put(struct mw_series *series, struct mw_candle candle)
{
    return mw_series_put(series, &candle, now, NULL);
}

static mw_put put_forming(struct mw_series *series, int64_t index, double volume, uint8_t flags)
{
    return put(series, bar(at(index), 100, volume, flags));
}

static mw_put put_closed(struct mw_series *series, int64_t index, double volume)
{
    return put(series, closed(bar(at(index), 100, volume, MW_CANDLE_FLAGGED), MW_SOURCE_LIVE));
}

static mw_put put_history(struct mw_series *series, int64_t index, double volume)
{
    return put(series, closed(bar(at(index), 100, volume, 0), MW_SOURCE_BACKFILL));
}

static mw_put put_stored(struct mw_series *series, int64_t index, double volume, uint8_t flags)
{
    struct mw_candle candle = closed(bar(at(index), 100, volume, flags), MW_SOURCE_STORE);
    if (flags & (MW_CANDLE_UNPROVEN | MW_CANDLE_FLAGGED))
        candle.closed_by = MW_CLOSED_BY_SUCCESSOR;
    return put(series, candle);
}

/* Expects these holes, given as pairs of minutes that end with -1. */
static void expect_gaps(struct mw_series *series, const int64_t *pairs)
{
    struct mw_gap gaps[16];
    uint32_t count = mw_series_copy_gaps(series, gaps, MW_COUNT(gaps)), i = 0;
    for (; pairs[2 * (size_t)i] != -1; i++) {
        assert_true(i < count);
        assert_int_equal(gaps[i].from_ms, at(pairs[2 * (size_t)i]));
        assert_int_equal(gaps[i].to_ms, at(pairs[2 * (size_t)i + 1]));
    }
    assert_int_equal(i, count);
}

static struct mw_candle row(const struct mw_series *series, int64_t index)
{
    struct mw_candle found;
    assert_int_equal(mw_series_read_from(series, at(index), at(index), 1, true, &found), 1);
    return found;
}

static void a_bar_out_of_step_leaves_a_hole_that_bars_fill(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_closed(series, 10, 1);
    put_forming(series, 15, 1, MW_CANDLE_FLAGGED);
    expect_gaps(series, (int64_t[]){11, 14, -1});
    put_history(series, 12, 1);
    expect_gaps(series, (int64_t[]){11, 11, 13, 14, -1});
    put_history(series, 8, 1); /* before the first: 9 is not known */
    expect_gaps(series, (int64_t[]){9, 9, 11, 11, 13, 14, -1});
    mw_series_prove(series, at(11), at(14));
    expect_gaps(series, (int64_t[]){9, 9, -1});
    put_forming(series, 13, 1, 0); /* out of order, in a bucket that was quiet: in doubt */
    expect_gaps(series, (int64_t[]){9, 9, 13, 13, -1});
    assert_int_equal(row(series, 13).flags, MW_CANDLE_UNPROVEN);
    assert_int_equal(row(series, 13).closed_by, MW_CLOSED_BY_SUCCESSOR);
    mw_series_free(series);
}

static void the_venues_word_ends_doubt_and_no_other(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_forming(series, 1, 1, MW_CANDLE_FLAGGED);
    put_forming(series, 2, 1, MW_CANDLE_FLAGGED); /* closes 1, which the venue has not closed */
    expect_gaps(series, (int64_t[]){1, 1, -1});
    assert_int_equal(row(series, 1).flags, MW_CANDLE_FLAGGED | MW_CANDLE_UNPROVEN);
    assert_int_equal(put_forming(series, 1, 2, MW_CANDLE_FLAGGED), MW_PUT_LATE);
    expect_gaps(series, (int64_t[]){1, 1, -1});
    assert_int_equal(put_closed(series, 1, 1), MW_PUT_SAME); /* as it was: no revision */
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(row(series, 1).flags, MW_CANDLE_FLAGGED);
    assert_int_equal(row(series, 1).closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(mw_series_revision_count(series), 0);

    put_forming(series, 3, 1, MW_CANDLE_FLAGGED);
    expect_gaps(series, (int64_t[]){2, 2, -1});
    assert_int_equal(put_history(series, 2, 5), MW_PUT_REVISED); /* its last update was lost */
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(row(series, 2).flags, MW_CANDLE_REVISED);
    struct mw_revision revision;
    assert_int_equal(mw_series_read_revisions(series, 0, 1, &revision), 1);
    assert_int_equal(revision.open_ms, at(2));

    assert_true(mw_series_close_newest(series, at(3)));
    assert_false(mw_series_close_newest(series, at(3)));
    expect_gaps(series, (int64_t[]){3, 3, -1});
    mw_series_prove(series, at(3), at(3)); /* history has asked, and has nothing else to say */
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(row(series, 3).flags, MW_CANDLE_FLAGGED);
    assert_int_equal(row(series, 3).closed_by, MW_CLOSED_BY_CLOCK);
    mw_series_free(series);
}

static void the_store_fills_what_is_missing_and_changes_nothing(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_closed(series, 10, 1);
    put_forming(series, 11, 1, 0);
    assert_int_equal(put_stored(series, 10, 2, 0), MW_PUT_LATE);
    assert_int_equal(put_stored(series, 10, 1, 0), MW_PUT_SAME);
    assert_int_equal(put_stored(series, 11, 2, 0), MW_PUT_LATE); /* not what forms, either */
    assert_int_equal(row(series, 10).source, MW_SOURCE_LIVE);
    assert_int_equal(row(series, 11).state, MW_CANDLE_FORMING);
    put_history(series, 9, 1);
    assert_int_equal(put_stored(series, 9, 2, 0), MW_PUT_LATE);
    assert_int_equal(put_stored(series, 8, 2, 0), MW_PUT_INSERTED);
    assert_int_equal(put_stored(series, 8, 3, 0), MW_PUT_LATE);
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(mw_series_revision_count(series), 0);
    assert_int_equal(mw_series_first_live_ms(series), at(10));
    mw_series_free(series);
}

static void what_the_store_doubts_is_in_doubt_until_the_venue_speaks(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_stored(series, 1, 1, MW_CANDLE_FLAGGED); /* has been proven since: the store is sure */
    put_stored(series, 2, 1, MW_CANDLE_UNPROVEN);
    put_stored(series, 3, 1, MW_CANDLE_UNPROVEN);
    put_stored(series, 4, 1, 0);
    expect_gaps(series, (int64_t[]){2, 3, -1});
    assert_int_equal(put_history(series, 2, 1), MW_PUT_SAME);
    assert_int_equal(row(series, 2).source, MW_SOURCE_BACKFILL); /* whose word it is now */
    assert_int_equal(row(series, 2).flags, 0);
    mw_series_prove(series, at(1), at(4));
    assert_int_equal(row(series, 3).source, MW_SOURCE_BACKFILL);
    assert_int_equal(row(series, 1).source, MW_SOURCE_STORE); /* nobody had asked about it */
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(put_closed(series, 4, 2), MW_PUT_REVISED);
    assert_int_equal(row(series, 4).source, MW_SOURCE_LIVE);
    mw_series_free(series);
}

static void an_interruption_is_over_with_the_next_update_of_the_same_bar(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    mw_series_interrupt(series); /* nothing there */
    put_forming(series, 1, 1, 0);
    mw_series_interrupt(series);
    mw_series_interrupt(series);
    assert_int_equal(row(series, 1).flags, MW_CANDLE_UNPROVEN);
    assert_int_equal(put_forming(series, 1, 1, 0), MW_PUT_UPDATED); /* the same, and certain */
    assert_int_equal(row(series, 1).flags, 0);
    put_forming(series, 2, 1, 0); /* a venue without a flag: the successor's word is good */
    expect_gaps(series, (int64_t[]){-1});
    mw_series_interrupt(series);
    put_forming(series, 3, 1, 0); /* but not after an interruption */
    expect_gaps(series, (int64_t[]){2, 2, -1});
    assert_int_equal(put_forming(series, 2, 3, 0), MW_PUT_REVISED); /* late, and maybe not last */
    expect_gaps(series, (int64_t[]){2, 2, -1});
    assert_int_equal(row(series, 2).flags, MW_CANDLE_REVISED | MW_CANDLE_UNPROVEN);
    put_closed(series, 3, 1);
    mw_series_interrupt(series); /* a bar that is closed has all its updates */
    assert_int_equal(row(series, 3).flags, MW_CANDLE_FLAGGED);
    mw_series_free(series);
}

static void updates_out_of_order_leave_doubt_unless_a_newer_one_comes(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_forming(series, 1, 5, 0);
    put_forming(series, 1, 4, 0);
    assert_int_equal(row(series, 1).flags, MW_CANDLE_UNPROVEN);
    put_forming(series, 1, 6, 0);
    assert_int_equal(row(series, 1).flags, 0);
    put_forming(series, 1, 5, 0);
    put_forming(series, 2, 1, 0);
    expect_gaps(series, (int64_t[]){1, 1, -1});
    mw_series_free(series);
}

/* Whether a venue tells when bars close is known of a bar from one message that says so. */
static void a_bar_stays_flagged(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_forming(series, 1, 1, MW_CANDLE_FLAGGED);
    put_forming(series, 1, 2, 0);
    put_forming(series, 2, 1, 0);
    expect_gaps(series, (int64_t[]){1, 1, -1});
    /* And a flag that comes late tells that the successor's word was not good enough. */
    put_forming(series, 3, 1, 0);
    expect_gaps(series, (int64_t[]){1, 1, -1});
    assert_int_equal(put_forming(series, 2, 2, MW_CANDLE_FLAGGED), MW_PUT_REVISED);
    expect_gaps(series, (int64_t[]){1, 2, -1});
    mw_series_free(series);
}

static void a_confirmation_adds_what_was_not_known(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_forming(series, 1, 1, 0);
    put_forming(series, 2, 1, 0);
    struct mw_candle more = closed(bar(at(1), 100, 1, 0), MW_SOURCE_BACKFILL);
    more.turnover = 77;
    more.trades = 5;
    assert_int_equal(put(series, more), MW_PUT_SAME);
    assert_true(row(series, 1).turnover == 77);
    assert_int_equal(row(series, 1).trades, 5);
    mw_series_free(series);
}

static void what_the_ring_drops_takes_its_holes_along(void **state)
{
    (void)state;
    struct mw_series *series = minutes(2);
    put_closed(series, 10, 1);
    put_closed(series, 13, 1);
    expect_gaps(series, (int64_t[]){11, 12, -1});
    put_history(series, 11, 1); /* 10 drops out; 12 is as unknown as before */
    expect_gaps(series, (int64_t[]){12, 12, -1});
    assert_int_equal(mw_series_dropped_ms(series), at(10));
    put_closed(series, 14, 1); /* 11 drops out; nothing can be put there any more */
    struct mw_gap gap;
    expect_gaps(series, (int64_t[]){12, 12, -1});
    assert_true(mw_series_find_gap(series, at(12), at(12), &gap) && gap.given_up);
    put_closed(series, 16, 1);
    expect_gaps(series, (int64_t[]){15, 15, -1});
    put_history(series, 15, 1);
    expect_gaps(series, (int64_t[]){-1});
    mw_series_free(series);

    series = minutes(1);
    put_closed(series, 1, 1);
    put_forming(series, 5, 1, MW_CANDLE_FLAGGED);
    expect_gaps(series, (int64_t[]){2, 4, -1});
    put_forming(series, 6, 1, MW_CANDLE_FLAGGED);
    expect_gaps(series, (int64_t[]){-1});
    mw_series_free(series);
}

static void giving_up_marks_a_hole_until_it_is_filled(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put_closed(series, 1, 1);
    put_closed(series, 5, 1);
    mw_series_give_up(series, at(2) + 1, at(3) + 1); /* bounds need not be on the grid */
    struct mw_gap gap;
    assert_true(mw_series_find_gap(series, at(3), at(3), &gap));
    assert_true(gap.given_up && gap.from_ms == at(3) && gap.to_ms == at(3));
    mw_series_give_up(series, INT64_MIN, INT64_MAX);
    assert_true(mw_series_find_gap(series, at(2), at(3), &gap));
    assert_true(gap.given_up && gap.from_ms == at(2) && gap.to_ms == at(4));
    put_history(series, 3, 1);
    expect_gaps(series, (int64_t[]){2, 2, 4, 4, -1});
    assert_false(mw_series_find_gap(series, at(3), at(3), NULL));
    mw_series_prove(series, INT64_MIN, INT64_MAX);
    expect_gaps(series, (int64_t[]){-1});
    mw_series_free(series);
}

static void proving_leaves_the_bar_that_forms_alone(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    mw_series_prove(series, 0, INT64_MAX); /* nothing there */
    mw_series_give_up(series, 0, INT64_MAX);
    put_closed(series, 1, 1);
    put_forming(series, 3, 1, 0);
    mw_series_interrupt(series);
    mw_series_prove(series, at(0), at(9));
    expect_gaps(series, (int64_t[]){-1});
    assert_int_equal(row(series, 3).flags, MW_CANDLE_UNPROVEN);
    put_forming(series, 4, 1, 0);
    expect_gaps(series, (int64_t[]){3, 3, -1});
    mw_series_free(series);
}

static void the_first_live_bar_is_one_that_the_ring_took(void **state)
{
    (void)state;
    struct mw_series *series = minutes(2);
    put_history(series, 10, 1);
    put_history(series, 11, 1);
    assert_int_equal(mw_series_first_live_ms(series), INT64_MAX);
    assert_int_equal(put_forming(series, 5, 1, 0), MW_PUT_LATE);
    assert_int_equal(mw_series_first_live_ms(series), INT64_MAX);
    put_forming(series, 12, 1, 0);
    put_closed(series, 14, 1);
    assert_int_equal(mw_series_first_live_ms(series), at(12));
    mw_series_free(series);
}

/* The last MW_SERIES_REVISIONS_MAX are kept. */
static void remembers_revisions_up_to_a_limit(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    struct mw_revision read[MW_SERIES_REVISIONS_MAX + 8];
    assert_int_equal(mw_series_read_revisions(series, 0, MW_COUNT(read), read), 0);
    put_closed(series, 1, 1);
    for (int i = 0; i < MW_SERIES_REVISIONS_MAX + 1; i++)
        assert_int_equal(put_closed(series, 1, 2 + i), MW_PUT_REVISED);
    assert_int_equal(mw_series_revision_count(series), MW_SERIES_REVISIONS_MAX + 1);
    assert_int_equal(mw_series_read_revisions(series, 0, MW_COUNT(read), read),
                     MW_SERIES_REVISIONS_MAX);
    assert_int_equal(read[0].number, 2);
    assert_int_equal(read[MW_SERIES_REVISIONS_MAX - 1].number, MW_SERIES_REVISIONS_MAX + 1);
    assert_int_equal(mw_series_read_revisions(series, MW_SERIES_REVISIONS_MAX, 8, read), 1);
    assert_int_equal(mw_series_read_revisions(series, MW_SERIES_REVISIONS_MAX + 1, 8, read), 0);
    assert_int_equal(mw_series_read_revisions(series, 0, 3, read), 3);
    mw_series_free(series);
}

static void note_gap(void *user, struct mw_series *series)
{
    (void)series;
    ++*(int *)user;
}

static void the_cache_tells_of_holes_and_marks_for_them(void **state)
{
    (void)state;
    struct mw_cache *cache = mw_cache_new(10);
    struct mw_series_key key = {.feed = "demo", .symbol = "X", .timeframe = {1, 'm'}};
    struct mw_series *series;
    assert_int_equal(mw_cache_add(cache, &key, &series, NULL), MW_OK);
    int holes = 0;
    uint32_t place = 0;
    mw_cache_on_gap(cache, note_gap, &holes);
    struct mw_watcher *watcher = mw_cache_attach(cache, NULL, NULL);
    mw_watcher_watch(watcher, series);
    assert_ptr_equal(mw_watcher_take(watcher, &place), series);
    struct mw_candle steps[] = {bar(at(1), 100, 1, MW_CANDLE_FLAGGED),
                                bar(at(2), 100, 1, MW_CANDLE_FLAGGED),
                                closed(bar(at(1), 100, 1, 0), MW_SOURCE_BACKFILL)};
    static const int holes_after[] = {0, 1, 2};
    for (size_t i = 0; i < MW_COUNT(steps); i++) {
        mw_cache_put(cache, series, &steps[i], now, NULL);
        assert_int_equal(holes, holes_after[i]);
        place = 0; /* the third says nothing new but that there is no hole */
        assert_ptr_equal(mw_watcher_take(watcher, &place), series);
    }
    place = 0;
    assert_null(mw_watcher_take(watcher, &place));
    place = 0;
    mw_cache_touch(cache, series);
    assert_ptr_equal(mw_watcher_take(watcher, &place), series);
    mw_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_out_of_step_leaves_a_hole_that_bars_fill),
        cmocka_unit_test(the_venues_word_ends_doubt_and_no_other),
        cmocka_unit_test(the_store_fills_what_is_missing_and_changes_nothing),
        cmocka_unit_test(what_the_store_doubts_is_in_doubt_until_the_venue_speaks),
        cmocka_unit_test(an_interruption_is_over_with_the_next_update_of_the_same_bar),
        cmocka_unit_test(updates_out_of_order_leave_doubt_unless_a_newer_one_comes),
        cmocka_unit_test(a_bar_stays_flagged),
        cmocka_unit_test(a_confirmation_adds_what_was_not_known),
        cmocka_unit_test(what_the_ring_drops_takes_its_holes_along),
        cmocka_unit_test(giving_up_marks_a_hole_until_it_is_filled),
        cmocka_unit_test(proving_leaves_the_bar_that_forms_alone),
        cmocka_unit_test(the_first_live_bar_is_one_that_the_ring_took),
        cmocka_unit_test(remembers_revisions_up_to_a_limit),
        cmocka_unit_test(the_cache_tells_of_holes_and_marks_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
