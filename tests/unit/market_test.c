/* market_test.c - timeframes, candle checks, merging rules of a series, the cache and watchers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "market/cache.h"

static const int64_t minute = MW_MS_PER_MINUTE;
static const int64_t start = 1522800000000; /* 2018-04-04T00:00:00Z, a Wednesday */
static const int64_t now = 1600000000000;

static struct mw_timeframe timeframe(const char *text)
{
    struct mw_timeframe parsed;
    assert_int_equal(mw_timeframe_parse(text, &parsed, NULL), MW_OK);
    return parsed;
}

static struct mw_series_key key(const char *feed, const char *symbol, const char *text)
{
    struct mw_series_key made = {.timeframe = timeframe(text)};
    memcpy(made.feed, feed, strlen(feed) + 1);
    memcpy(made.symbol, symbol, strlen(symbol) + 1);
    return made;
}

static struct mw_candle bar(int64_t index, double close, uint8_t closed_by)
{
    return (struct mw_candle){.open_ms = start + index * minute,
                              .open = 100,
                              .high = 200,
                              .low = 50,
                              .close = close,
                              .volume = 1,
                              .turnover = (double)NAN,
                              .state = closed_by != MW_CLOSED_BY_NOBODY ? MW_CANDLE_CLOSED
                                                                        : MW_CANDLE_FORMING,
                              .closed_by = closed_by};
}

static struct mw_candle forming(int64_t index, double close)
{
    return bar(index, close, MW_CLOSED_BY_NOBODY);
}

static struct mw_candle closed(int64_t index, double close)
{
    return bar(index, close, MW_CLOSED_BY_EXCHANGE);
}

static mw_put put(struct mw_series *series, struct mw_candle candle)
{
    return mw_series_put(series, &candle, now, NULL);
}

static struct mw_series *series_of(uint32_t capacity)
{
    struct mw_series_key made = key("demo", "BTCUSDT", "1m");
    return mw_series_new(&made, capacity);
}

static uint32_t read_all(const struct mw_series *series, struct mw_candle *out)
{
    return mw_series_read_last(series, INT64_MAX, MW_SERIES_CANDLES_DEFAULT, true, out);
}

static void timeframes_of_the_same_buckets_are_one(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"60m", "1h"},   {"3600s", "1h"}, {"24h", "1d"},
                                           {"90m", "90m"},  {"7d", "7d"},    {"1w", "1w"},
                                           {"120s", "2m"},  {"1M", "1M"},    {"1m", "1m"},
                                           {"1440m", "1d"}, {"36h", "36h"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        assert_string_equal(mw_timeframe_format(timeframe(cases[i][0]), text), cases[i][1]);
    }
}

static void refuses_what_is_no_timeframe(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "m",   "0m",           "01m", "-1m",
                                      "1",   "1x",  "1mm",          " 1m", "1.5m",
                                      "1 m", "11y", "99999999999s", "200M"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        struct mw_timeframe untouched = {42, 'q'};
        assert_int_equal(mw_timeframe_parse(bad[i], &untouched, NULL), MW_EPARSE);
        assert_int_equal(untouched.count, 42);
    }
}

static int64_t floor_text(const char *step, const char *time)
{
    int64_t ms;
    assert_int_equal(mw_time_parse(time, &ms, NULL), MW_OK);
    return mw_timeframe_floor(timeframe(step), ms);
}

static void buckets_follow_day_week_and_calendar(void **state)
{
    (void)state;
    static const struct {
        const char *step, *time, *open, *next;
    } cases[] = {
        {"1m", "2018-04-04T13:37:59.999Z", "2018-04-04T13:37:00Z", "2018-04-04T13:38:00Z"},
        {"7m", "2018-04-04T00:13:00Z", "2018-04-04T00:07:00Z", "2018-04-04T00:14:00Z"},
        {"7m", "2018-04-04T23:58:00Z", "2018-04-04T23:55:00Z", "2018-04-05T00:00:00Z"},
        {"90m", "2018-04-04T02:00:00Z", "2018-04-04T01:30:00Z", "2018-04-04T03:00:00Z"},
        {"1d", "2018-04-04T23:59:59Z", "2018-04-04", "2018-04-05"},
        {"1w", "2018-04-04", "2018-04-02", "2018-04-09"},
        {"1w", "2018-04-01T23:59:59Z", "2018-03-26", "2018-04-02"},
        {"1M", "2016-02-29T12:00Z", "2016-02-01", "2016-03-01"},
        {"3M", "2018-12-31", "2018-10-01", "2019-01-01"},
        {"1M", "1969-12-15", "1969-12-01", "1970-01-01"},
        {"1h", "1969-12-31T23:30Z", "1969-12-31T23:00Z", "1970-01-01"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        int64_t open, next;
        assert_int_equal(mw_time_parse(cases[i].open, &open, NULL), MW_OK);
        assert_int_equal(mw_time_parse(cases[i].next, &next, NULL), MW_OK);
        assert_int_equal(floor_text(cases[i].step, cases[i].time), open);
        assert_int_equal(mw_timeframe_next(timeframe(cases[i].step), open), next);
        assert_int_equal(mw_timeframe_floor(timeframe(cases[i].step), next), next);
    }
}

static void rejects_what_is_no_candle_and_leaves_the_series_alone(void **state)
{
    (void)state;
    struct mw_series *series = series_of(10);
    assert_int_equal(put(series, closed(0, 100)), MW_PUT_APPENDED);
    struct {
        mw_fault fault;
        struct mw_candle candle;
    } cases[12];
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        cases[i].candle = closed(1, 100);
    cases[0].candle.open = (double)NAN, cases[0].fault = MW_FAULT_NOT_FINITE;
    cases[1].candle.volume = (double)NAN, cases[1].fault = MW_FAULT_NOT_FINITE;
    cases[2].candle.high = (double)INFINITY, cases[2].fault = MW_FAULT_NOT_FINITE;
    cases[3].candle.high = 40, cases[3].fault = MW_FAULT_RANGE;
    cases[4].candle.close = 201, cases[4].fault = MW_FAULT_RANGE;
    cases[5].candle.open = 49, cases[5].fault = MW_FAULT_RANGE;
    cases[6].candle.low = 0, cases[6].fault = MW_FAULT_RANGE;
    cases[7].candle.volume = -1, cases[7].fault = MW_FAULT_VOLUME;
    cases[8].candle.turnover = -1, cases[8].fault = MW_FAULT_VOLUME;
    cases[9].candle.open_ms += 1, cases[9].fault = MW_FAULT_OFF_GRID;
    cases[10].candle.open_ms = now - now % minute + 2 * minute, cases[10].fault = MW_FAULT_FUTURE;
    cases[11].candle.open_ms = INT64_MAX / 2, cases[11].fault = MW_FAULT_FUTURE;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_fault fault = MW_FAULT_NONE;
        assert_int_equal(mw_series_put(series, &cases[i].candle, now, &fault), MW_PUT_REJECTED);
        assert_int_equal(fault, cases[i].fault);
        assert_int_equal(mw_series_count(series), 1);
    }
    struct mw_candle edge = closed(1, 100);
    edge.open_ms = now - now % minute + minute; /* starts within the tolerance */
    assert_int_equal(put(series, edge), MW_PUT_APPENDED);
    mw_series_free(series);
}

static void a_newer_bucket_closes_the_forming_one(void **state)
{
    (void)state;
    struct mw_series *series = series_of(10);
    struct mw_candle rows[10];
    assert_int_equal(put(series, forming(0, 100)), MW_PUT_APPENDED);
    assert_int_equal(put(series, forming(0, 101)), MW_PUT_UPDATED);
    assert_int_equal(put(series, forming(0, 101)), MW_PUT_SAME);
    assert_int_equal(put(series, forming(1, 102)), MW_PUT_APPENDED);
    assert_int_equal(read_all(series, rows), 2);
    assert_int_equal(rows[0].state, MW_CANDLE_CLOSED);
    assert_int_equal(rows[0].closed_by, MW_CLOSED_BY_SUCCESSOR);
    assert_true(rows[0].close == 101);
    assert_int_equal(rows[1].state, MW_CANDLE_FORMING);
    mw_series_free(series);
}

static void a_bar_whose_volume_was_taken_back_is_in_doubt(void **state)
{
    (void)state;
    struct mw_series *series = series_of(10);
    const double volumes[] = {1, 3, 2}; /* the last two came the wrong way round */
    struct mw_candle candle;
    for (size_t i = 0; i < MW_COUNT(volumes); i++) {
        candle = forming(1, 100);
        candle.volume = volumes[i];
        put(series, candle);
    }
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &candle), 1);
    assert_true(candle.flags & MW_CANDLE_UNPROVEN);
    put(series, forming(2, 100));
    struct mw_gap gap;
    assert_true(mw_series_find_gap(series, INT64_MIN, INT64_MAX, &gap));
    assert_int_equal(gap.from_ms, candle.open_ms);
    assert_int_equal(gap.to_ms, candle.open_ms);
    mw_series_free(series);
}

static void a_closed_bar_changes_only_on_authority(void **state)
{
    (void)state;
    struct mw_series *series = series_of(10);
    struct mw_candle rows[10];
    put(series, forming(0, 100));
    put(series, forming(1, 100));
    assert_int_equal(put(series, bar(0, 90, MW_CLOSED_BY_CLOCK)), MW_PUT_LATE);
    /* The venue confirms what the successor closed: final now, and no revision. */
    assert_int_equal(put(series, closed(0, 100)), MW_PUT_SAME);
    read_all(series, rows);
    assert_int_equal(rows[0].closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(rows[0].flags, 0);
    assert_int_equal(put(series, closed(0, 95)), MW_PUT_REVISED);
    assert_int_equal(put(series, forming(0, 97)), MW_PUT_LATE);
    struct mw_candle backfilled = closed(0, 96);
    backfilled.source = MW_SOURCE_BACKFILL;
    assert_int_equal(put(series, backfilled), MW_PUT_LATE); /* live wins */
    read_all(series, rows);
    assert_true(rows[0].close == 95);
    assert_int_equal(rows[0].flags, MW_CANDLE_REVISED);
    /* The newest one too. */
    assert_int_equal(put(series, closed(1, 100)), MW_PUT_UPDATED);
    assert_int_equal(put(series, closed(1, 100)), MW_PUT_SAME);
    assert_int_equal(put(series, closed(1, 99)), MW_PUT_REVISED);
    mw_series_free(series);
}

static void older_bars_are_inserted_where_the_ring_reaches(void **state)
{
    (void)state;
    struct mw_series *series = series_of(4);
    struct mw_candle rows[4];
    put(series, closed(10, 110));
    assert_int_equal(put(series, closed(8, 108)), MW_PUT_INSERTED);  /* before the first */
    assert_int_equal(put(series, forming(9, 109)), MW_PUT_INSERTED); /* has a successor: closed */
    put(series, closed(13, 113));
    assert_int_equal(put(series, closed(7, 107)), MW_PUT_LATE);      /* full, and older than all */
    assert_int_equal(put(series, closed(11, 111)), MW_PUT_INSERTED); /* full: the oldest goes */
    assert_int_equal(read_all(series, rows), 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows[i].open_ms, start + (9 + i) * minute);
        assert_true(rows[i].close == 109 + i);
        assert_int_equal(rows[i].state, MW_CANDLE_CLOSED);
    }
    assert_int_equal(rows[0].closed_by, MW_CLOSED_BY_SUCCESSOR);
    assert_int_equal(rows[3].open_ms, start + 13 * minute);
    mw_series_free(series);
}

static void the_ring_drops_the_oldest_at_its_capacity(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 2, 1000};
    static struct mw_candle rows[1000];
    for (size_t c = 0; c < MW_COUNT(capacities); c++) {
        struct mw_series *series = series_of(capacities[c]);
        for (int64_t i = 0; i < 3000; i++)
            assert_int_equal(put(series, closed(i, 100)), MW_PUT_APPENDED);
        assert_int_equal(mw_series_count(series), capacities[c]);
        assert_int_equal(mw_series_total(series), 3000);
        assert_int_equal(read_all(series, rows), capacities[c]);
        for (uint32_t i = 0; i < capacities[c]; i++)
            assert_int_equal(rows[i].open_ms, start + (3000 - capacities[c] + i) * minute);
        mw_series_free(series);
    }
}

static void reads_select_by_count_time_and_state(void **state)
{
    (void)state;
    struct mw_series *series = series_of(10);
    struct mw_candle rows[10];
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 5, true, rows), 0);
    for (int64_t i = 0; i < 5; i++)
        put(series, closed(2 * i, 100)); /* 0 2 4 6 8 */
    put(series, forming(10, 100));
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 2, false, rows), 2);
    assert_int_equal(rows[1].open_ms, start + 8 * minute);
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 2, true, rows), 2);
    assert_int_equal(rows[1].open_ms, start + 10 * minute);
    assert_int_equal(mw_series_read_last(series, start + 5 * minute, 9, true, rows), 3);
    assert_int_equal(rows[2].open_ms, start + 4 * minute);
    assert_int_equal(mw_series_read_last(series, start - 1, 9, true, rows), 0);
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 0, true, rows), 0);
    assert_int_equal(mw_series_read_from(series, start + minute, start + 6 * minute, 9, true, rows),
                     3);
    assert_int_equal(rows[0].open_ms, start + 2 * minute);
    assert_int_equal(mw_series_read_from(series, start + minute, INT64_MAX, 2, false, rows), 2);
    assert_int_equal(rows[1].open_ms, start + 4 * minute);
    assert_int_equal(mw_series_read_from(series, INT64_MIN, INT64_MAX, 9, false, rows), 5);
    assert_int_equal(mw_series_read_from(series, start + 11 * minute, INT64_MAX, 9, true, rows), 0);
    mw_series_free(series);
}

static void a_name_is_a_feed_and_a_symbol(void **state)
{
    (void)state;
    char feed[MW_FEED_NAME_BYTES_MAX + 1] = "none", name[MW_FEED_NAME_BYTES_MAX + 4];
    assert_null(mw_cache_split_name("BTCUSDT", feed));
    assert_null(mw_cache_split_name(":BTCUSDT", feed));
    memset(name, 'f', sizeof(name));
    memcpy(name + MW_FEED_NAME_BYTES_MAX + 1, ":X", 3);
    assert_null(mw_cache_split_name(name, feed));
    assert_string_equal(feed, "none");
    assert_string_equal(mw_cache_split_name(name + 1, feed), "X");
    assert_int_equal(strlen(feed), MW_FEED_NAME_BYTES_MAX);
    assert_string_equal(mw_cache_split_name("a:b:c", feed), "b:c");
    assert_string_equal(feed, "a");
    assert_string_equal(mw_cache_split_name("a:", feed), "");
}

static void the_cache_finds_series_by_feed_symbol_and_timeframe(void **state)
{
    (void)state;
    struct mw_cache *cache = mw_cache_new(10);
    struct mw_series_key a = key("binance", "BTCUSDT", "1m"), b = key("demo", "BTCUSDT", "1m"),
                         c = key("demo", "BTCUSDT", "1M");
    struct mw_series *first, *second, *third, *again, *found = NULL;
    assert_int_equal(mw_cache_add(cache, &a, &first, NULL), MW_OK);
    assert_int_equal(mw_cache_add(cache, &b, &second, NULL), MW_OK);
    assert_int_equal(mw_cache_add(cache, &c, &third, NULL), MW_OK);
    assert_int_equal(mw_cache_add(cache, &a, &again, NULL), MW_OK);
    assert_ptr_equal(first, again);
    assert_int_equal(mw_cache_series_count(cache), 3);
    assert_int_equal(mw_cache_find(cache, NULL, "BTCUSDT", timeframe("1m"), &found), 2);
    assert_int_equal(mw_cache_find(cache, "demo", "BTCUSDT", timeframe("60s"), &found), 1);
    assert_ptr_equal(found, second);
    assert_int_equal(mw_cache_find(cache, NULL, "BTCUSDT", timeframe("1M"), &found), 1);
    assert_ptr_equal(found, third);
    assert_int_equal(mw_cache_find(cache, NULL, "ETHUSDT", timeframe("1m"), &found), 0);
    mw_cache_free(cache);
}

static void count_wake(void *user)
{
    ++*(int *)user;
}

static void watchers_are_woken_once_and_take_what_changed(void **state)
{
    (void)state;
    struct mw_cache *cache = mw_cache_new(10);
    struct mw_series *series[3];
    static const char *const symbols[] = {"A", "B", "C"};
    for (int i = 0; i < 3; i++) {
        struct mw_series_key made = key("demo", symbols[i], "1m");
        assert_int_equal(mw_cache_add(cache, &made, &series[i], NULL), MW_OK);
    }
    int wakes = 0;
    struct mw_watcher *watcher = mw_cache_attach(cache, count_wake, &wakes);
    mw_watcher_watch(watcher, series[0]);
    mw_watcher_watch(watcher, series[2]);
    uint32_t at = 0;
    assert_ptr_equal(mw_watcher_take(watcher, &at), series[0]);
    assert_ptr_equal(mw_watcher_take(watcher, &at), series[2]);
    assert_null(mw_watcher_take(watcher, &at));

    wakes = 0;
    struct mw_candle candle = forming(0, 100);
    for (int i = 0; i < 3; i++)
        mw_cache_put(cache, series[i], &candle, now, NULL);
    assert_int_equal(wakes, 0);
    mw_cache_flush(cache);
    mw_cache_flush(cache);
    assert_int_equal(wakes, 1);
    at = 0;
    assert_ptr_equal(mw_watcher_take(watcher, &at), series[0]);
    assert_ptr_equal(mw_watcher_take(watcher, &at), series[2]);
    assert_null(mw_watcher_take(watcher, &at));

    mw_cache_put(cache, series[0], &candle, now, NULL); /* nothing new in it: no mark */
    mw_cache_flush(cache);
    assert_int_equal(wakes, 1);
    mw_cache_detach(cache, watcher);
    candle = forming(1, 100);
    mw_cache_put(cache, series[0], &candle, now, NULL);
    mw_cache_flush(cache);
    assert_int_equal(wakes, 1);
    mw_cache_free(cache);
}

static void watchers_stop_at_their_maximum(void **state)
{
    (void)state;
    struct mw_cache *cache = mw_cache_new(1);
    int wakes = 0;
    struct mw_watcher *watcher = NULL;
    for (int i = 0; i < MW_WATCHERS_MAX; i++) {
        watcher = mw_cache_attach(cache, count_wake, &wakes);
        assert_non_null(watcher);
    }
    assert_null(mw_cache_attach(cache, count_wake, &wakes));
    mw_cache_detach(cache, watcher);
    assert_non_null(mw_cache_attach(cache, count_wake, &wakes));
    mw_cache_free(cache);
}

static void counts_buckets_of_every_length(void **state)
{
    (void)state;
    static const struct mw_timeframe timeframes[] = {
        {1, 's'}, {1, 'm'}, {7, 'm'}, {90, 'm'}, {1, 'd'}, {3, 'd'}, {2, 'w'}, {1, 'M'}, {5, 'M'}};
    for (size_t i = 0; i < MW_COUNT(timeframes); i++) {
        /* Across a day's end, a leap day, and 1970. */
        static const int64_t starts[] = {1709164800000 - 3600000, -40 * (int64_t)86400000, 0};
        for (size_t j = 0; j < MW_COUNT(starts); j++) {
            int64_t from_ms = mw_timeframe_floor(timeframes[i], starts[j]), to_ms = from_ms;
            assert_int_equal(mw_timeframe_buckets(timeframes[i], from_ms, from_ms - 1), 0);
            for (uint64_t count = 1; count < 500; count++) {
                assert_int_equal(mw_timeframe_buckets(timeframes[i], from_ms, to_ms), count);
                to_ms = mw_timeframe_next(timeframes[i], to_ms);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_buckets_of_every_length),
        cmocka_unit_test(timeframes_of_the_same_buckets_are_one),
        cmocka_unit_test(refuses_what_is_no_timeframe),
        cmocka_unit_test(buckets_follow_day_week_and_calendar),
        cmocka_unit_test(rejects_what_is_no_candle_and_leaves_the_series_alone),
        cmocka_unit_test(a_newer_bucket_closes_the_forming_one),
        cmocka_unit_test(a_bar_whose_volume_was_taken_back_is_in_doubt),
        cmocka_unit_test(a_closed_bar_changes_only_on_authority),
        cmocka_unit_test(older_bars_are_inserted_where_the_ring_reaches),
        cmocka_unit_test(the_ring_drops_the_oldest_at_its_capacity),
        cmocka_unit_test(reads_select_by_count_time_and_state),
        cmocka_unit_test(a_name_is_a_feed_and_a_symbol),
        cmocka_unit_test(the_cache_finds_series_by_feed_symbol_and_timeframe),
        cmocka_unit_test(watchers_are_woken_once_and_take_what_changed),
        cmocka_unit_test(watchers_stop_at_their_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
