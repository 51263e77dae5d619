/* derive_test.c - derived series: first bars, holes, going live, taking turns with the venue. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "market/derive.h"
#include "script/cursor.h"

enum { CAPACITY = 400, MINUTES = 3000, WAIT_MS = 1000 };

static const int64_t now = 4000000000000;

struct bench {
    struct mw_cache *cache;
    struct mw_series *source, *five;
};

static int64_t at(int64_t minute)
{
    return minute * MW_MS_PER_MINUTE;
}

static struct mw_timeframe timeframe(const char *text)
{
    struct mw_timeframe parsed;
    assert_int_equal(mw_timeframe_parse(text, &parsed, NULL), MW_OK);
    return parsed;
}

static struct mw_series *add(struct bench *bench, const char *feed, const char *text)
{
    struct mw_series_key key = {.symbol = "X", .timeframe = timeframe(text)};
    snprintf(key.feed, sizeof(key.feed), "%s", feed);
    struct mw_series *series;
    assert_int_equal(mw_cache_add(bench->cache, &key, &series, NULL), MW_OK);
    return series;
}

static struct mw_series *derive(struct bench *bench, const char *text)
{
    struct mw_series *series;
    assert_int_equal(mw_derive(bench->cache, bench->source, timeframe(text), &series, NULL), MW_OK);
    return series;
}

static struct bench bench_new(void)
{
    struct bench bench = {.cache = mw_cache_new(CAPACITY)};
    bench.source = add(&bench, "demo", "1m");
    bench.five = derive(&bench, "5m");
    return bench;
}

static void put_into(struct bench *bench, struct mw_series *series, int64_t minute, bool closed,
                     double volume, uint8_t source)
{
    struct mw_candle candle = {.open_ms = at(minute),
                               .open = 100,
                               .high = 200,
                               .low = 50,
                               .close = 150,
                               .volume = volume,
                               .turnover = (double)NAN,
                               .source = source,
                               .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                               .closed_by = closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
    assert_true(mw_cache_put(bench->cache, series, &candle, now, NULL) <= MW_PUT_SAME);
}

static void put(struct bench *bench, int64_t minute, bool closed, double volume)
{
    put_into(bench, bench->source, minute, closed, volume, MW_SOURCE_LIVE);
}

static struct mw_candle newest(const struct mw_series *series)
{
    struct mw_candle candle = {.open_ms = -1};
    mw_series_read_last(series, INT64_MAX, 1, true, &candle);
    return candle;
}

static void each_update_of_the_source_shows(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    for (int i = 0; i < 5; i++) {
        put(&bench, 10 + i, false, 1);
        assert_true(newest(bench.five).volume == i * 2 + 1);
        put(&bench, 10 + i, true, 2);
        assert_true(newest(bench.five).volume == i * 2 + 2);
        assert_int_equal(newest(bench.five).state, i == 4 ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING);
    }
    assert_int_equal(newest(bench.five).open_ms, at(10));
    assert_int_equal(newest(bench.five).closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(mw_series_gap_count(bench.five), 0);
    assert_true(mw_derive_source(bench.five) == bench.source);
    assert_null(mw_derive_source(bench.source));
    mw_cache_free(bench.cache);
}

static void the_clock_closes_the_last_of_a_bucket_and_with_it_the_bucket(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    for (int i = 10; i < 14; i++)
        put(&bench, i, true, 1);
    put(&bench, 14, false, 1);
    assert_int_equal(newest(bench.five).state, MW_CANDLE_FORMING);
    assert_true(mw_cache_close_newest(bench.cache, bench.source, at(14)));
    assert_int_equal(newest(bench.five).closed_by, MW_CLOSED_BY_CLOCK);
    mw_cache_free(bench.cache);
}

static void what_begins_before_the_source_is_a_hole_until_back_fill_comes(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct mw_gap gap;
    put(&bench, 13, true, 1);
    assert_true(mw_series_find_gap(bench.five, at(10), at(10), &gap) && !gap.given_up);
    assert_true(newest(bench.five).flags & MW_CANDLE_UNPROVEN);
    put_into(&bench, bench.source, 9, true, 1, MW_SOURCE_BACKFILL);
    put_into(&bench, bench.source, 11, true, 4, MW_SOURCE_BACKFILL);
    assert_true(mw_series_find_gap(bench.five, at(10), at(10), NULL));
    mw_series_prove(bench.source, at(5), at(13));
    mw_cache_touch(bench.cache, bench.source);
    assert_false(mw_series_find_gap(bench.five, at(10), at(10), NULL));
    assert_true(newest(bench.five).volume == 5 && newest(bench.five).flags == 0);
    assert_int_equal(mw_series_first_live_ms(bench.five), at(10));
    mw_cache_free(bench.cache);
}

static void health_and_waiting_are_those_of_the_source(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    assert_int_equal(mw_series_get_health(bench.five), MW_SERIES_IDLE);
    mw_series_set_health(bench.source, MW_SERIES_LIVE);
    atomic_store(&mw_series_note(bench.source)->gap_wait_ms, WAIT_MS);
    assert_int_equal(mw_series_get_health(bench.five), MW_SERIES_LIVE);
    assert_int_equal(mw_series_gap_wait_ms(bench.five), WAIT_MS);
    mw_cache_free(bench.cache);
}

/* What a cursor tells, one letter each. */
static void told(struct mw_cursor *cursor, int64_t now_ms, char *text)
{
    static const char letters[] = "-HLRFGB";
    struct mw_cursor_news news;
    size_t length = 0;
    do {
        mw_cursor_next(cursor, now_ms, &news);
        text[length++] = letters[news.kind];
    } while (news.kind > MW_CURSOR_HELD && length < 30);
    text[length] = '\0';
}

static void cursors_hold_and_tell_as_with_bars_of_a_venue(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    char text[32];
    atomic_store(&mw_series_note(bench.source)->gap_wait_ms, WAIT_MS);
    struct mw_cursor *cursor = mw_cursor_new(bench.five, true);
    for (int i = 10; i < 20; i++)
        put(&bench, i, true, 1);
    told(cursor, 0, text);
    assert_string_equal(text, "BB-");
    put(&bench, 20, true, 1);
    for (int i = 24; i < 30; i++) /* 21 to 23 are missing */
        put(&bench, i, true, 1);
    told(cursor, 0, text);
    assert_string_equal(text, "H");
    put_into(&bench, bench.source, 22, true, 5, MW_SOURCE_BACKFILL);
    told(cursor, 10, text);
    assert_string_equal(text, "H");
    told(cursor, WAIT_MS, text);
    assert_string_equal(text, "GBB-");
    put_into(&bench, bench.source, 21, true, 5, MW_SOURCE_BACKFILL);
    mw_series_prove(bench.source, at(20), at(29));
    mw_cache_touch(bench.cache, bench.source);
    told(cursor, WAIT_MS, text);
    assert_string_equal(text, "RF-"); /* revised once, whole */
    assert_int_equal(mw_series_revision_count(bench.five), 1);
    mw_cursor_free(cursor);
    mw_cache_free(bench.cache);
}

/* Puts the days from 2023-11-27, a Monday, to 2024-03-31, each with a volume of one. Each bar made
 * of them is delivered when its last day closes, and not before; `bars` are their first day and how
 * many days there were. */
static void check_calendar(const char *text, const char *const *bars)
{
    struct bench bench = {.cache = mw_cache_new(CAPACITY)};
    bench.source = add(&bench, "demo", "1d");
    struct mw_cursor *cursor = mw_cursor_new(derive(&bench, text), true);
    for (int64_t day = 19688; day <= 19813; day++) {
        struct mw_cursor_news news = {.kind = MW_CURSOR_NOTHING};
        put(&bench, day * 1440, false, 1);
        assert_int_equal(mw_cursor_next(cursor, 0, &news), MW_CURSOR_NOTHING);
        put(&bench, day * 1440, true, 1);
        if (mw_cursor_next(cursor, 0, &news) == MW_CURSOR_GAP) /* it began before the first day */
            mw_cursor_next(cursor, 0, &news);
        if (news.kind == MW_CURSOR_NOTHING)
            continue;
        int64_t year;
        unsigned month, date;
        char bar[48];
        mw_civil_from_days(news.candle.open_ms / MW_MS_PER_DAY, &year, &month, &date);
        snprintf(bar, sizeof(bar), "%d-%02u-%02u %.0f", (int)year, month, date, news.candle.volume);
        assert_int_equal(news.kind, MW_CURSOR_BAR);
        assert_int_equal(news.candle.closed_by, MW_CLOSED_BY_EXCHANGE);
        assert_int_equal(mw_timeframe_next(timeframe(text), news.candle.open_ms),
                         (day + 1) * MW_MS_PER_DAY);
        assert_non_null(*bars);
        assert_string_equal(bar, *bars++);
    }
    assert_null(*bars);
    mw_cursor_free(cursor);
    mw_cache_free(bench.cache);
}

static void weeks_begin_on_mondays_and_months_have_their_days(void **state)
{
    (void)state;
    static const char *const months[] = {"2023-11-01 4",  "2023-12-01 31", "2024-01-01 31",
                                         "2024-02-01 29", "2024-03-01 31", NULL};
    static const char *const quarters[] = {"2023-10-01 35", "2024-01-01 91", NULL};
    static const char *const weeks[] = {"2023-10-30 14", "2023-12-11 42", "2024-01-22 42", NULL};
    check_calendar("1M", months);
    check_calendar("3M", quarters);
    check_calendar("6w", weeks);
}

static void one_made_while_its_source_is_live_begins_now(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    for (int i = 0; i < 100; i++)
        put(&bench, i, true, 1);
    struct mw_series *ten = derive(&bench, "10m"), *seven = derive(&bench, "7m");
    assert_int_equal(mw_series_count(ten), 10);
    assert_int_equal(mw_series_first_live_ms(ten), at(100));
    assert_int_equal(mw_series_first_live_ms(seven), at(98));
    assert_true(derive(&bench, "7m") == seven);
    mw_cache_free(bench.cache);
}

static void the_venue_can_take_over_and_leave_again(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    put(&bench, 10, true, 1);
    mw_derive_end(bench.cache, bench.five);
    mw_derive_end(bench.cache, bench.five);
    assert_null(mw_derive_source(bench.five));
    assert_true(newest(bench.five).flags & MW_CANDLE_UNPROVEN);
    put(&bench, 11, true, 1);
    assert_true(newest(bench.five).volume == 1);
    put_into(&bench, bench.five, 10, true, 7, MW_SOURCE_LIVE);
    assert_true(newest(bench.five).volume == 7);
    put(&bench, 15, true, 3);
    assert_true(derive(&bench, "5m") == bench.five);
    assert_true(mw_derive_source(bench.five) == bench.source);
    assert_true(newest(bench.five).volume == 3);
    mw_cache_free(bench.cache);
}

static void refuses_what_cannot_be_made(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct mw_series *out = NULL;
    struct mw_error err;
    assert_int_equal(mw_derive(bench.cache, bench.source, timeframe("30s"), &out, &err), MW_EINVAL);
    assert_string_equal(err.message, "bars of 30s are not made of 1m");
    assert_int_equal(mw_derive(bench.cache, bench.five, timeframe("10m"), &out, &err), MW_EINVAL);
    for (uint32_t i = 2; i <= MW_DERIVED_MAX; i++)
        assert_int_equal(mw_derive(bench.cache, bench.source,
                                   (struct mw_timeframe){.count = i * 10, .unit = 'd'}, &out, &err),
                         MW_OK);
    assert_int_equal(mw_derive(bench.cache, bench.source, timeframe("7m"), &out, &err), MW_ELIMIT);
    mw_cache_free(bench.cache);
}

static void the_best_source_is_the_coarsest_that_is_subscribed(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct mw_series *fifteen = add(&bench, "demo", "15m"), *found = NULL;
    assert_int_equal(mw_derive_find_source(bench.cache, NULL, "X", timeframe("1h"), &found), 1);
    assert_true(found == fifteen);
    mw_series_set_health(bench.source, MW_SERIES_STALE);
    assert_int_equal(mw_derive_find_source(bench.cache, "demo", "X", timeframe("1h"), &found), 1);
    assert_true(found == bench.source);
    assert_int_equal(mw_derive_find_source(bench.cache, NULL, "X", timeframe("30s"), &found), 0);
    assert_int_equal(mw_derive_find_source(bench.cache, NULL, "Y", timeframe("1h"), &found), 0);
    add(&bench, "other", "30m");
    assert_int_equal(mw_derive_find_source(bench.cache, NULL, "X", timeframe("1h"), &found), 2);
    assert_int_equal(mw_derive_find_source(bench.cache, "other", "X", timeframe("1h"), &found), 1);
    mw_cache_free(bench.cache);
}

/* --- two threads ------------------------------------------------------------------------------ */

static void *put_live(void *user)
{
    struct bench *bench = user;
    struct mw_random random = {.state = 1};
    for (int i = 0; i < MINUTES; i++) {
        if (mw_random_next(&random) % 8 == 0)
            continue;
        put(bench, i, false, 1);
        put(bench, i, true, 2);
    }
    return NULL;
}

/* Fills holes behind the other thread, and says of some that there is nothing. */
static void *put_history(void *user)
{
    struct bench *bench = user;
    struct mw_random random = {.state = 2};
    struct mw_gap gap;
    for (int i = 0; i < MINUTES;) {
        int64_t newest_ms = newest(bench->source).open_ms;
        if (newest_ms >= at(MINUTES - 50))
            i = MINUTES;
        if (!mw_series_find_newest_gap(bench->source, false, newest_ms, &gap))
            continue;
        if (mw_random_next(&random) % 2 == 0 && mw_series_dropped_ms(bench->source) < 0)
            put_into(bench, bench->source, gap.from_ms / MW_MS_PER_MINUTE, true, 3,
                     MW_SOURCE_BACKFILL);
        mw_series_prove(bench->source, gap.from_ms, gap.to_ms);
        mw_cache_touch(bench->cache, bench->source);
    }
    return NULL;
}

static double sum_of(const struct mw_series *source, int64_t from_ms, int64_t to_ms)
{
    struct mw_candle rows[16];
    double sum = 0;
    uint32_t count = mw_series_read_from(source, from_ms, to_ms, 16, true, rows);
    for (uint32_t i = 0; i < count; i++)
        sum += rows[i].volume;
    return sum;
}

static void two_threads_that_put_make_the_same_as_one(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct mw_series *seven = derive(&bench, "7m");
    pthread_t feed, history;
    assert_int_equal(pthread_create(&history, NULL, put_history, &bench), 0);
    assert_int_equal(pthread_create(&feed, NULL, put_live, &bench), 0);
    pthread_join(feed, NULL);
    pthread_join(history, NULL);
    struct mw_candle oldest, rows[CAPACITY];
    assert_int_equal(mw_series_read_from(bench.source, INT64_MIN, INT64_MAX, 1, true, &oldest), 1);
    struct mw_series *made[] = {bench.five, seven};
    for (size_t i = 0; i < MW_COUNT(made); i++) {
        uint32_t count =
            mw_series_read_from(made[i], oldest.open_ms, INT64_MAX, CAPACITY, true, rows);
        assert_true(count > 40);
        for (uint32_t row = 0; row < count; row++) {
            int64_t next_ms =
                mw_timeframe_next(mw_series_key(made[i])->timeframe, rows[row].open_ms);
            assert_true(rows[row].volume == sum_of(bench.source, rows[row].open_ms, next_ms - 1));
            assert_int_equal(
                mw_series_find_gap(made[i], rows[row].open_ms, rows[row].open_ms, NULL),
                mw_series_find_gap(bench.source, rows[row].open_ms, next_ms - 1, NULL));
        }
    }
    mw_cache_free(bench.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_update_of_the_source_shows),
        cmocka_unit_test(the_clock_closes_the_last_of_a_bucket_and_with_it_the_bucket),
        cmocka_unit_test(what_begins_before_the_source_is_a_hole_until_back_fill_comes),
        cmocka_unit_test(health_and_waiting_are_those_of_the_source),
        cmocka_unit_test(cursors_hold_and_tell_as_with_bars_of_a_venue),
        cmocka_unit_test(weeks_begin_on_mondays_and_months_have_their_days),
        cmocka_unit_test(one_made_while_its_source_is_live_begins_now),
        cmocka_unit_test(the_venue_can_take_over_and_leave_again),
        cmocka_unit_test(refuses_what_cannot_be_made),
        cmocka_unit_test(the_best_source_is_the_coarsest_that_is_subscribed),
        cmocka_unit_test(two_threads_that_put_make_the_same_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
