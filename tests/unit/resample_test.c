/* resample_test.c - which timeframes divide which, and bars of one made of bars of another. */
#include <math.h>
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
#include "market/resample.h"

enum { ROUNDS = 4000, ENDS_MAX = 400, ROWS_MAX = 8192, COLUMNS = 7 };

static struct mw_timeframe timeframe(const char *text)
{
    struct mw_timeframe parsed;
    assert_int_equal(mw_timeframe_parse(text, &parsed, NULL), MW_OK);
    return parsed;
}

static bool divides(const char *fine, const char *coarse)
{
    return mw_timeframe_divides(timeframe(fine), timeframe(coarse));
}

/* --- which divides which ---------------------------------------------------------------------- */

static void below_a_day_multiples_are_divided(void **state)
{
    (void)state;
    assert_true(divides("1m", "5m") && divides("1s", "1m") && divides("30m", "90m"));
    assert_true(divides("7m", "14m") && divides("7h", "21h"));
    assert_false(divides("7m", "1h") || divides("2m", "5m") || divides("5m", "1m"));
    assert_false(divides("1m", "1m") || divides("60m", "1h") || divides("1d", "1h"));
}

static void midnight_ends_a_bucket_of_every_step_below_a_day(void **state)
{
    (void)state;
    assert_true(divides("7m", "1d") && divides("7m", "1w") && divides("7m", "1M"));
    assert_true(divides("23h", "3d") && divides("90m", "5w") && divides("1s", "7M"));
}

static void days_weeks_and_months_count_from_where_they_do(void **state)
{
    (void)state;
    assert_true(divides("1d", "1w") && divides("1d", "1M") && divides("1d", "3d"));
    assert_true(divides("2d", "4d") && divides("2d", "2w") && divides("4d", "4w"));
    assert_true(divides("1w", "2w") && divides("1M", "3M"));
    assert_false(divides("4M", "1M"));
    assert_false(divides("2d", "1w") || divides("2d", "1M") || divides("7d", "1w"));
    assert_false(divides("1w", "7d") || divides("1w", "1M") || divides("1M", "1w"));
    assert_false(divides("2w", "3w") || divides("2M", "3M") || divides("1M", "30d"));
}

static void steps_beyond_a_day_that_are_no_days_count_from_1970(void **state)
{
    (void)state;
    assert_true(divides("1h", "36h") && divides("12h", "36h") && divides("36h", "3d"));
    assert_false(divides("7m", "36h") || divides("8h", "36h") || divides("36h", "1w"));
    assert_true(divides("32h", "4w"));
    assert_false(divides("90m", "25h"));
}

/* Whether all ends of coarse buckets around some moments are ends of fine ones. */
static bool divides_by_trying(struct mw_timeframe fine, struct mw_timeframe coarse)
{
    static const char *const around[] = {"1969-12-30T00:00:00Z", "1972-02-28T00:00:00Z",
                                         "2000-02-27T00:00:00Z", "2023-12-30T00:00:00Z",
                                         "2024-02-27T00:00:00Z", "2099-12-30T00:00:00Z"};
    for (size_t i = 0; i < MW_COUNT(around); i++) {
        int64_t at_ms;
        assert_int_equal(mw_time_parse(around[i], &at_ms, NULL), MW_OK);
        at_ms = mw_timeframe_floor(coarse, at_ms);
        for (int end = 0; end < ENDS_MAX; end++) {
            if (mw_timeframe_floor(fine, at_ms) != at_ms)
                return false;
            at_ms = mw_timeframe_next(coarse, at_ms);
        }
    }
    return !mw_timeframe_equal(fine, coarse);
}

/* Mostly steps that have to do with one another. */
static struct mw_timeframe random_timeframe(struct mw_random *random)
{
    static const char units[] = "smhdwM";
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 24, 30, 36, 48, 60, 90};
    char unit = units[mw_random_next(random) % 6];
    uint32_t count = mw_random_next(random) % 4 == 0
                         ? (uint32_t)(mw_random_next(random) % 121) + 1
                         : counts[mw_random_next(random) % MW_COUNT(counts)];
    char text[16];
    snprintf(text, sizeof(text), "%u%c", count, unit);
    return timeframe(text);
}

static void check_pair(struct mw_timeframe fine, struct mw_timeframe coarse, uint32_t *divided)
{
    bool want = divides_by_trying(fine, coarse);
    *divided += want;
    if (mw_timeframe_divides(fine, coarse) == want)
        return;
    char left[MW_TIMEFRAME_BYTES_MAX], right[MW_TIMEFRAME_BYTES_MAX];
    fail_msg("%s %s %s", mw_timeframe_format(fine, left), want ? "divides" : "does not divide",
             mw_timeframe_format(coarse, right));
}

static void dividing_is_what_trying_says(void **state)
{
    (void)state;
    struct mw_random random = {.state = 4};
    uint32_t divided = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct mw_timeframe fine = random_timeframe(&random), coarse = random_timeframe(&random);
        check_pair(fine, coarse, &divided);
        if (fine.unit != 'M' && fine.unit != 'w') /* more that do than chance finds */
            check_pair(fine,
                       (struct mw_timeframe){.count = (uint32_t)(mw_random_next(&random) % 120) + 1,
                                             .unit = mw_random_next(&random) % 2 ? 'M' : 'w'},
                       &divided);
        coarse = fine;
        coarse.count *= (uint32_t)(mw_random_next(&random) % 5) + 1;
        char text[MW_TIMEFRAME_BYTES_MAX];
        if (mw_timeframe_parse(mw_timeframe_format(coarse, text), &coarse, NULL) == MW_OK)
            check_pair(fine, coarse, &divided);
    }
    assert_true(divided > ROUNDS / 2 && divided < ROUNDS * 2);
}

/* --- one bar ---------------------------------------------------------------------------------- */

static struct mw_candle minute(int64_t index, double price, double volume)
{
    return (struct mw_candle){.open_ms = index * MW_MS_PER_MINUTE,
                              .open = price,
                              .high = price + 2,
                              .low = price - 2,
                              .close = price + 1,
                              .volume = volume,
                              .turnover = price * volume,
                              .trades = 3,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static struct mw_resampler resampler(const char *coarse, const char *fine)
{
    struct mw_resampler made;
    mw_resampler_init(&made, timeframe(coarse), timeframe(fine));
    return made;
}

static void a_bar_is_what_its_source_bars_are_together(void **state)
{
    (void)state;
    struct mw_resampler five = resampler("5m", "1m");
    struct mw_candle bar, finished;
    assert_false(mw_resampler_get(&five, NULL, &bar));
    assert_false(mw_resampler_finish(&five, &bar));
    for (int i = 0; i < 5; i++) {
        struct mw_candle next = minute(10 + i, i == 2 ? 300 : i == 3 ? 50 : 100 + i, 0.1);
        assert_false(mw_resampler_add(&five, &next, &finished));
        assert_true(mw_resampler_get(&five, NULL, &bar));
        assert_int_equal(bar.state, i == 4 ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING);
        assert_int_equal(bar.closed_by, i == 4 ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY);
    }
    assert_int_equal(bar.open_ms, 10 * MW_MS_PER_MINUTE);
    assert_true(bar.open == 100 && bar.high == 302 && bar.low == 48 && bar.close == 105);
    assert_true(bar.volume == 0.5 && fabs(bar.turnover - 65.5) < 1e-12);
    assert_int_equal(bar.trades, 15);
    assert_int_equal(bar.source, MW_SOURCE_RESAMPLED);
    struct mw_candle next = minute(15, 1000, 1);
    assert_true(mw_resampler_add(&five, &next, &finished));
    assert_memory_equal(&finished, &bar, sizeof(bar));
    mw_resampler_clear(&five);
    assert_false(mw_resampler_get(&five, NULL, &bar));
}

static void the_forming_bar_is_added_for_one_look_only(void **state)
{
    (void)state;
    struct mw_resampler five = resampler("5m", "1m");
    struct mw_candle first = minute(0, 100, 1), forming = minute(1, 200, 1), bar, finished;
    forming.state = MW_CANDLE_FORMING;
    forming.closed_by = MW_CLOSED_BY_NOBODY;
    assert_true(mw_resampler_get(&five, &forming, &bar) && bar.open == 200);
    mw_resampler_add(&five, &first, &finished);
    for (int i = 0; i < 3; i++) {
        forming.volume = i;
        assert_true(mw_resampler_get(&five, &forming, &bar));
        assert_true(bar.volume == 1 + i && bar.close == 201 && bar.open == 100);
        assert_int_equal(bar.state, MW_CANDLE_FORMING);
    }
    forming.open_ms = INT64_C(4) * MW_MS_PER_MINUTE; /* its end is the bucket's; not over yet */
    assert_true(mw_resampler_get(&five, &forming, &bar));
    assert_int_equal(bar.state, MW_CANDLE_FORMING);
    forming.state = MW_CANDLE_CLOSED;
    forming.closed_by = MW_CLOSED_BY_CLOCK;
    assert_true(mw_resampler_get(&five, &forming, &bar));
    assert_int_equal(bar.closed_by, MW_CLOSED_BY_CLOCK);
    assert_true(mw_resampler_get(&five, NULL, &bar) && bar.volume == 1);
}

static void without_its_last_source_bar_it_is_closed_by_the_successor(void **state)
{
    (void)state;
    struct mw_resampler five = resampler("5m", "1m");
    struct mw_candle early = minute(7, 100, 1), late = minute(21, 100, 1), finished;
    assert_false(mw_resampler_add(&five, &early, &finished));
    assert_true(mw_resampler_add(&five, &late, &finished));
    assert_int_equal(finished.open_ms, INT64_C(5) * MW_MS_PER_MINUTE);
    assert_int_equal(finished.state, MW_CANDLE_CLOSED);
    assert_int_equal(finished.closed_by, MW_CLOSED_BY_SUCCESSOR);
}

/* 24 h are 205 times 7 min and 5 min over, and 102 times 14 min and 12 min over. */
static void the_last_bucket_of_a_day_ends_at_midnight(void **state)
{
    (void)state;
    struct mw_resampler fourteen = resampler("14m", "7m");
    struct mw_candle bar, finished;
    struct mw_candle last = minute(INT64_C(205) * 7, 100, 1);
    mw_resampler_add(&fourteen, &last, &finished);
    assert_true(mw_resampler_get(&fourteen, NULL, &bar));
    assert_int_equal(bar.open_ms, INT64_C(102) * 14 * MW_MS_PER_MINUTE);
    assert_int_equal(bar.state, MW_CANDLE_CLOSED);
    struct mw_candle next_day = minute(INT64_C(24) * 60, 100, 1);
    assert_true(mw_resampler_add(&fourteen, &next_day, &finished));
    assert_true(mw_resampler_get(&fourteen, NULL, &bar));
    assert_int_equal(bar.open_ms, MW_MS_PER_DAY);
}

static void what_one_does_not_tell_the_bar_does_not_tell(void **state)
{
    (void)state;
    struct mw_resampler five = resampler("5m", "1m");
    struct mw_candle next[] = {minute(0, 100, 1), minute(1, 100, 0), minute(2, 100, 1),
                               minute(3, 100, 1), minute(4, 100, 1)};
    struct mw_candle bar, finished;
    next[1].trades = 0; /* there were none */
    next[2].flags = MW_CANDLE_UNPROVEN | MW_CANDLE_REVISED | MW_CANDLE_FLAGGED;
    next[3].trades = UINT32_MAX;
    next[4].trades = 0;
    next[4].turnover = (double)NAN;
    for (size_t i = 0; i < MW_COUNT(next); i++) {
        mw_resampler_add(&five, &next[i], &finished);
        assert_true(mw_resampler_get(&five, NULL, &bar));
        static const uint32_t trades[] = {3, 3, 6, UINT32_MAX, 0};
        assert_int_equal(bar.trades, trades[i]);
        assert_int_equal(bar.flags, i < 2 ? 0 : MW_CANDLE_UNPROVEN);
        assert_int_equal(isnan(bar.turnover), i == 4);
    }
}

static void sums_keep_what_plain_addition_loses(void **state)
{
    (void)state;
    struct mw_resampler day = resampler("1d", "1m");
    struct mw_candle bar, finished, next = minute(0, 100, 1e16);
    mw_resampler_add(&day, &next, &finished);
    for (int i = 1; i < 1440; i++) {
        next = minute(i, 100, 1);
        mw_resampler_add(&day, &next, &finished);
    }
    assert_true(mw_resampler_get(&day, NULL, &bar));
    assert_true(bar.volume == 1e16 + 1440); /* 1e16 + 1439, rounded to even once */
}

/* --- real bars -------------------------------------------------------------------------------- */

struct row {
    struct mw_candle candle;
    int bars;
};

/* Reads open_time,open,high,low,close,volume and n_bars if it is there. 0 when there is no file. */
static uint32_t read_rows(const char *path, struct row *rows)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    char line[256];
    uint32_t count = 0;
    assert_non_null(fgets(line, sizeof(line), file)); /* names */
    while (fgets(line, sizeof(line), file) != NULL) {
        double cells[COLUMNS] = {0};
        char *at = line;
        for (int i = 0; i < COLUMNS && *at != '\n' && *at != '\r'; i++) {
            cells[i] = strtod(at, &at);
            at += *at == ',';
        }
        assert_true(count < ROWS_MAX);
        rows[count++] = (struct row){.candle = {.open_ms = (int64_t)cells[0],
                                                .open = cells[1],
                                                .high = cells[2],
                                                .low = cells[3],
                                                .close = cells[4],
                                                .volume = cells[5],
                                                .turnover = (double)NAN,
                                                .state = MW_CANDLE_CLOSED,
                                                .closed_by = MW_CLOSED_BY_EXCHANGE},
                                     .bars = (int)cells[6]};
    }
    fclose(file);
    return count;
}

/* Volumes of these files have eight decimals and were summed exactly. A sum of doubles is that of
 * the doubles nearest to them, so it may be off by an ulp of what is printed, and by no more. */
static void check_row(const struct mw_candle *got, int bars, const struct row *want, int *exact)
{
    assert_int_equal(got->open_ms, want->candle.open_ms);
    assert_true(got->open == want->candle.open && got->high == want->candle.high);
    assert_true(got->low == want->candle.low && got->close == want->candle.close);
    assert_int_equal(bars, want->bars);
    *exact += got->volume == want->candle.volume;
    assert_true(fabs(got->volume - want->candle.volume) <= 3e-16 * want->candle.volume);
}

static void check_against(const char *coarse, const char *path, const struct row *minutes,
                          uint32_t minute_count)
{
    static struct row want[ROWS_MAX];
    uint32_t want_count = read_rows(path, want), at = 0;
    assert_true(want_count > 0);
    struct mw_resampler made = resampler(coarse, "1m");
    struct mw_candle bar;
    int bars = 0, exact = 0;
    for (uint32_t i = 0; i < minute_count; i++) {
        if (mw_resampler_add(&made, &minutes[i].candle, &bar)) {
            check_row(&bar, bars, &want[at++], &exact);
            bars = 0;
        }
        bars++;
    }
    assert_true(mw_resampler_finish(&made, &bar));
    check_row(&bar, bars, &want[at++], &exact);
    assert_int_equal(at, want_count);
    print_message("%s: %u bars, %d volumes equal to the last bit\n", coarse, at, exact);
}

static void minutes_of_coinbase_make_the_published_bars(void **state)
{
    (void)state;
    static struct row minutes[ROWS_MAX];
    uint32_t count = read_rows(MW_MARKET_DATA "/btcusd_coinbase_1m_2018-04.csv", minutes);
    if (count == 0) {
        print_message("skipped: no market data in " MW_MARKET_DATA "\n");
        skip();
    }
    static const char *const steps[] = {"5m", "15m", "1h", "1d"};
    for (size_t i = 0; i < MW_COUNT(steps); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/derived/btcusd_coinbase_%s_from1m_2018-04.csv",
                 MW_MARKET_DATA, steps[i]);
        check_against(steps[i], path, minutes, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_a_day_multiples_are_divided),
        cmocka_unit_test(midnight_ends_a_bucket_of_every_step_below_a_day),
        cmocka_unit_test(days_weeks_and_months_count_from_where_they_do),
        cmocka_unit_test(steps_beyond_a_day_that_are_no_days_count_from_1970),
        cmocka_unit_test(dividing_is_what_trying_says),
        cmocka_unit_test(a_bar_is_what_its_source_bars_are_together),
        cmocka_unit_test(the_forming_bar_is_added_for_one_look_only),
        cmocka_unit_test(without_its_last_source_bar_it_is_closed_by_the_successor),
        cmocka_unit_test(the_last_bucket_of_a_day_ends_at_midnight),
        cmocka_unit_test(what_one_does_not_tell_the_bar_does_not_tell),
        cmocka_unit_test(sums_keep_what_plain_addition_loses),
        cmocka_unit_test(minutes_of_coinbase_make_the_published_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
