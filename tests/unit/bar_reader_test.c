/* bar_reader_test.c - the bars of many series, handed to one reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "script/bar_reader.h"

enum { CAPACITY = 8 };

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

static int64_t ms_of(int64_t minute)
{
    return minute * MW_MS_PER_MINUTE;
}

static struct mw_series *add_series(struct mw_cache *cache, const char *symbol)
{
    struct mw_series_key key = {.feed = "demo", .timeframe = {1, 'm'}};
    snprintf(key.symbol, sizeof(key.symbol), "%s", symbol);
    struct mw_series *series;
    assert_int_equal(mw_cache_add(cache, &key, &series, NULL), MW_OK);
    return series;
}

static void put_in(struct mw_cache *cache, struct mw_series *series, int64_t first, int64_t last)
{
    for (int64_t minute = first; minute <= last; minute++) {
        const struct mw_candle candle = candle_at(minute, 1, true);
        mw_cache_put(cache, series, &candle, INT64_MAX / 2, NULL);
    }
    mw_cache_flush(cache);
}

static void a_reader_hands_out_the_bars_of_all_series(void **state)
{
    (void)state;
    struct mw_wake wake;
    mw_wake_init(&wake);
    struct mw_cache *cache = mw_cache_new(CAPACITY);
    struct mw_series *old = add_series(cache, "OLD");
    put_in(cache, old, 1, 3);
    struct mw_bar_reader *reader = mw_bar_reader_new(cache, &old, 1, &wake);
    struct mw_event event = {.kind = MW_EVENT_ERROR};
    assert_false(mw_bar_reader_take(reader, &event)); /* from now on */
    assert_int_equal(event.kind, MW_EVENT_ERROR);
    mw_wake_wait(&wake, 0);

    struct mw_series *new = add_series(cache, "NEW");
    put_in(cache, new, 1, 2); /* before anybody watches */
    mw_bar_reader_watch(reader, new);
    put_in(cache, old, 4, 15); /* 4 more than the ring holds */
    assert_true(mw_wake_wait(&wake, 0));
    int64_t next[2] = {8, 1};
    uint64_t lost = 0;
    while (mw_bar_reader_take(reader, &event)) {
        assert_string_equal(event.feed, "demo");
        bool is_new = strcmp(event.key.symbol, "NEW") == 0;
        if (event.kind == MW_EVENT_LAGGED) {
            assert_false(is_new);
            lost += event.count;
            continue;
        }
        assert_int_equal(event.kind, MW_EVENT_BAR);
        assert_int_equal(event.candle.open_ms / MW_MS_PER_MINUTE, next[is_new]++);
    }
    assert_int_equal(lost, 4);
    assert_int_equal(next[0], 16);
    assert_int_equal(next[1], 3);
    put_in(cache, new, 3, 3);
    assert_true(mw_wake_wait(&wake, 0));
    assert_true(mw_bar_reader_take(reader, &event));
    assert_false(mw_bar_reader_take(reader, &event));
    mw_bar_reader_free(reader);
    mw_bar_reader_free(NULL);
    mw_cache_free(cache);
    mw_wake_deinit(&wake);
}

static void a_reader_says_when_held_bars_are_due(void **state)
{
    (void)state;
    enum { HOLD_MS = 60 };
    struct mw_wake wake;
    mw_wake_init(&wake);
    struct mw_cache *cache = mw_cache_new(CAPACITY);
    struct mw_series *series = add_series(cache, "A");
    atomic_store(&mw_series_note(series)->gap_wait_ms, HOLD_MS);
    struct mw_bar_reader *reader = mw_bar_reader_new(cache, &series, 1, &wake);
    struct mw_event event;
    put_in(cache, series, 1, 1);
    put_in(cache, series, 4, 4);
    assert_true(mw_bar_reader_take(reader, &event));
    assert_int_equal(mw_bar_reader_due_ms(reader), INT64_MAX);
    int64_t before_ms = mw_clock_monotonic_ms();
    assert_false(mw_bar_reader_take(reader, &event));
    int64_t due_ms = mw_bar_reader_due_ms(reader);
    assert_in_range(due_ms, before_ms, mw_clock_monotonic_ms() + HOLD_MS);
    while (!mw_bar_reader_take(reader, &event)) { /* nothing is put */
        assert_true(mw_clock_monotonic_ms() <= due_ms);
        mw_wake_wait(&wake, mw_bar_reader_due_ms(reader) - mw_clock_monotonic_ms());
    }
    assert_true(mw_clock_monotonic_ms() >= due_ms);
    assert_int_equal(event.kind, MW_EVENT_GAP);
    assert_int_equal(event.from_ms, ms_of(2));
    assert_int_equal(event.to_ms, ms_of(3));
    assert_int_equal(event.count, 2);
    assert_true(mw_bar_reader_take(reader, &event));
    assert_int_equal(event.kind, MW_EVENT_BAR);
    assert_false(mw_bar_reader_take(reader, &event));
    assert_int_equal(mw_bar_reader_due_ms(reader), INT64_MAX);
    put_in(cache, series, 2, 3);
    assert_true(mw_bar_reader_take(reader, &event));
    assert_int_equal(event.kind, MW_EVENT_BACKFILLED);
    assert_int_equal(event.count, 2);
    const struct mw_candle changed = candle_at(4, 9, true);
    mw_cache_put(cache, series, &changed, INT64_MAX / 2, NULL);
    assert_true(mw_bar_reader_take(reader, &event));
    assert_int_equal(event.kind, MW_EVENT_REVISED);
    assert_true(event.candle.close == 9);
    mw_bar_reader_free(reader);
    mw_cache_free(cache);
    mw_wake_deinit(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_hands_out_the_bars_of_all_series),
        cmocka_unit_test(a_reader_says_when_held_bars_are_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
