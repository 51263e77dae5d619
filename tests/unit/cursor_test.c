/* cursor_test.c - each closed bar once, in order, and what was lost is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "script/bar_reader.h"
#include "script/cursor.h"

enum { CAPACITY = 8 };

static struct mw_series *new_series(uint32_t capacity)
{
    return mw_series_new(&(struct mw_series_key){.symbol = "BTC", .timeframe = {1, 'm'}}, capacity);
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

/* Reads all there is, `batch` at a time, and expects these minutes, ended by -1. */
static void expect_read(struct mw_cursor *cursor, uint32_t batch, const int64_t *minutes,
                        uint64_t lost_expected)
{
    /* NOLINTBEGIN(clang-analyzer-core.CallAndMessage): the minutes end with -1, the analyser reads
     * on */
    size_t at = 0;
    struct mw_candle rows[CAPACITY];
    uint64_t lost_count = 0;
    uint32_t row_count;
    do {
        uint64_t lost;
        row_count = mw_cursor_read(cursor, batch, rows, &lost);
        lost_count += lost;
        for (uint32_t i = 0; i < row_count; i++) {
            assert_int_equal(rows[i].open_ms / MW_MS_PER_MINUTE, minutes[at++]);
            assert_int_equal(rows[i].state, MW_CANDLE_CLOSED);
        }
    } while (row_count == batch);
    assert_int_equal(minutes[at], -1);
    /* NOLINTEND(clang-analyzer-core.CallAndMessage) */
    assert_int_equal(lost_count, lost_expected);
}

#define MINUTES(...)                                                                               \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__, -1                                                                            \
    }
#define NOTHING ((const int64_t[]){-1})

static void reads_closed_bars_once_and_in_order(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor cursor;
    mw_cursor_init(&cursor, series, false);
    expect_read(&cursor, 4, NOTHING, 0);
    put(series, 1, 1, false);
    expect_read(&cursor, 4, NOTHING, 0);
    put(series, 2, 1, false); /* closes 1 */
    expect_read(&cursor, 4, MINUTES(1), 0);
    put(series, 2, 2, true);
    put(series, 3, 2, true);
    put(series, 4, 2, true);
    put(series, 5, 2, false);
    expect_read(&cursor, 2, MINUTES(2, 3, 4), 0);
    expect_read(&cursor, 2, NOTHING, 0);
    assert_int_equal(put(series, 4, 3, true), MW_PUT_REVISED); /* delivered is delivered */
    expect_read(&cursor, 2, NOTHING, 0);
    mw_series_free(series);
}

static void starts_after_what_is_there_or_with_the_oldest(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    for (int64_t minute = 1; minute <= 20; minute++)
        put(series, minute, 1, true);
    put(series, 21, 1, false);
    struct mw_cursor from_now, from_oldest;
    mw_cursor_init(&from_now, series, false);
    mw_cursor_init(&from_oldest, series, true);
    expect_read(&from_now, 4, NOTHING, 0);
    expect_read(&from_oldest, 4, MINUTES(14, 15, 16, 17, 18, 19, 20), 0);
    put(series, 22, 1, false);
    expect_read(&from_now, 4, MINUTES(21), 0);
    expect_read(&from_oldest, 4, MINUTES(21), 0);
    mw_series_free(series);
}

static void an_inserted_bar_comes_where_it_belongs_or_not_at_all(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor cursor;
    mw_cursor_init(&cursor, series, false);
    put(series, 1, 1, true);
    put(series, 5, 1, true);
    expect_read(&cursor, 1, MINUTES(1, 5), 0);
    put(series, 9, 1, false);
    assert_int_equal(put(series, 7, 1, true), MW_PUT_INSERTED); /* after 5, before 9 */
    assert_int_equal(put(series, 3, 1, true), MW_PUT_INSERTED); /* behind the reader */
    expect_read(&cursor, 1, MINUTES(7), 0);
    put(series, 10, 1, false);
    expect_read(&cursor, 1, MINUTES(9), 0);
    mw_series_free(series);
}

static void an_overrun_ring_is_told_once(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor cursor, idle, forming;
    mw_cursor_init(&idle, series, false); /* has never read a bar */
    mw_cursor_init(&cursor, series, false);
    put(series, 1, 1, true);
    put(series, 2, 1, true);
    expect_read(&cursor, 4, MINUTES(1, 2), 0);
    put(series, 3, 1, false);
    mw_cursor_init(&forming, series, false);
    for (int64_t minute = 3; minute <= 20; minute++)
        put(series, minute, 1, true);
    expect_read(&cursor, 4, MINUTES(13, 14, 15, 16, 17, 18, 19, 20), 10);
    expect_read(&idle, 4, MINUTES(13, 14, 15, 16, 17, 18, 19, 20), 12);
    expect_read(&forming, 4, MINUTES(13, 14, 15, 16, 17, 18, 19, 20), 10);
    expect_read(&cursor, 4, NOTHING, 0);
    mw_series_free(series);
}

static void a_ring_of_one_bar_counts_each_loss_once(void **state)
{
    (void)state;
    struct mw_series *series = new_series(1);
    struct mw_cursor cursor;
    mw_cursor_init(&cursor, series, false);
    put(series, 1, 1, true);
    expect_read(&cursor, 1, MINUTES(1), 0);
    put(series, 2, 1, true);
    put(series, 3, 1, false); /* 2 is gone, 3 forms */
    expect_read(&cursor, 1, NOTHING, 1);
    expect_read(&cursor, 1, NOTHING, 0);
    put(series, 3, 1, true);
    expect_read(&cursor, 1, MINUTES(3), 0);
    mw_series_free(series);
}

static void a_forming_bar_is_read_when_it_changed(void **state)
{
    (void)state;
    struct mw_series *series = new_series(CAPACITY);
    struct mw_cursor cursor;
    struct mw_candle forming = {.open_ms = 7};
    mw_cursor_init(&cursor, series, false);
    assert_false(mw_cursor_read_forming(&cursor, &forming));
    assert_int_equal(forming.open_ms, 7);
    put(series, 1, 1, false);
    assert_true(mw_cursor_read_forming(&cursor, &forming));
    assert_false(mw_cursor_read_forming(&cursor, &forming));
    put(series, 1, 1, false);
    assert_false(mw_cursor_read_forming(&cursor, &forming));
    put(series, 1, 2, false);
    put(series, 1, 3, false);
    assert_true(mw_cursor_read_forming(&cursor, &forming));
    assert_true(forming.close == 3);
    put(series, 1, 4, true);
    assert_false(mw_cursor_read_forming(&cursor, &forming));
    put(series, 2, 4, false);
    assert_true(mw_cursor_read_forming(&cursor, &forming));
    assert_int_equal(forming.open_ms, 2 * MW_MS_PER_MINUTE);
    mw_series_free(series);
}

/* --- the reader of all series ----------------------------------------------------------------- */

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
    struct mw_bar_reader *reader = mw_bar_reader_new(cache, &wake);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_closed_bars_once_and_in_order),
        cmocka_unit_test(starts_after_what_is_there_or_with_the_oldest),
        cmocka_unit_test(an_inserted_bar_comes_where_it_belongs_or_not_at_all),
        cmocka_unit_test(an_overrun_ring_is_told_once),
        cmocka_unit_test(a_ring_of_one_bar_counts_each_loss_once),
        cmocka_unit_test(a_forming_bar_is_read_when_it_changed),
        cmocka_unit_test(a_reader_hands_out_the_bars_of_all_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
