/* maths_test.c - sums and averages against plain formulas, exact sums and published values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "market/maths.h"

enum { MILLION = 1000000, ROUNDS = 300, VALUES_MAX = 97, SPY_BARS_MAX = 512 };

static void assert_near(double got, double want, double relative)
{
    if (isnan(want) ? isnan(got) : fabs(got - want) <= relative * fabs(want))
        return;
    fail_msg("got %.17g, want %.17g", got, want);
}

static void of_nothing_the_sum_is_0_and_the_rest_is_nan(void **state)
{
    (void)state;
    assert_true(mw_maths_sum(NULL, 0) == 0);
    assert_true(isnan(mw_maths_mean(NULL, 0)));
    assert_true(isnan(mw_maths_min(NULL, 0)));
    assert_true(isnan(mw_maths_max(NULL, 0)));
    assert_true(isnan(mw_maths_std(NULL, 0)));
    double untouched = 42;
    mw_maths_sma(NULL, 0, 1, &untouched);
    mw_maths_ema(NULL, 0, 1, &untouched);
    assert_true(untouched == 42);
}

static void of_one_value_all_is_that_value(void **state)
{
    (void)state;
    double one = 0.1, out = 0;
    assert_true(mw_maths_sum(&one, 1) == 0.1 && mw_maths_mean(&one, 1) == 0.1);
    assert_true(mw_maths_min(&one, 1) == 0.1 && mw_maths_max(&one, 1) == 0.1);
    assert_true(mw_maths_std(&one, 1) == 0);
    mw_maths_sma(&one, 1, 1, &out);
    assert_true(out == 0.1);
    mw_maths_ema(&one, 1, 1, &out);
    assert_true(out == 0.1);
    mw_maths_sma(&one, 1, UINT32_MAX, &out);
    assert_true(isnan(out));
    mw_maths_ema(&one, 1, UINT32_MAX, &out);
    assert_true(isnan(out));
}

static void sums_keep_what_plain_addition_loses(void **state)
{
    (void)state;
    const double values[] = {1, 1e100, 1, -1e100};
    assert_true(mw_maths_sum(values, 4) == 2);
    const double infinite[] = {1, (double)INFINITY, 2};
    assert_true(mw_maths_sum(infinite, 3) == (double)INFINITY);
    const double both[] = {(double)INFINITY, -(double)INFINITY};
    assert_true(isnan(mw_maths_sum(both, 2)));
}

static void a_nan_anywhere_reaches_every_total(void **state)
{
    (void)state;
    for (size_t at = 0; at < 3; at++) {
        double values[] = {3, 1, 2};
        values[at] = (double)NAN;
        assert_true(isnan(mw_maths_sum(values, 3)) && isnan(mw_maths_mean(values, 3)));
        assert_true(isnan(mw_maths_min(values, 3)) && isnan(mw_maths_max(values, 3)));
        assert_true(isnan(mw_maths_std(values, 3)));
    }
}

static void a_constant_has_no_deviation(void **state)
{
    (void)state;
    double values[1000], out[1000];
    for (size_t i = 0; i < MW_COUNT(values); i++)
        values[i] = 0.1;
    assert_true(mw_maths_std(values, 1000) < 1e-16);
    mw_maths_sma(values, 1000, 7, out);
    assert_near(out[6], 0.1, 1e-15);
    assert_near(out[999], 0.1, 1e-15);
    mw_maths_ema(values, 1000, 7, out);
    assert_near(out[999], 0.1, 1e-15);
}

static long double plain_mean(const double *values, size_t count)
{
    long double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (long double)values[i];
    return sum / (long double)count;
}

static double plain_std(const double *values, size_t count)
{
    long double mean = plain_mean(values, count), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += ((long double)values[i] - mean) * ((long double)values[i] - mean);
    return (double)sqrtl(sum / (long double)count);
}

static void check_averages(const double *values, size_t count, uint32_t n)
{
    double sma[VALUES_MAX], ema[VALUES_MAX], want = (double)NAN;
    size_t first = 0;
    mw_maths_sma(values, (uint32_t)count, n, sma);
    mw_maths_ema(values, (uint32_t)count, n, ema);
    while (first < count && isnan(values[first]))
        first++;
    for (size_t i = 0; i < count; i++) {
        double mean = i + 1 < n ? (double)NAN : (double)plain_mean(values + i + 1 - n, n);
        assert_near(sma[i], mean, 1e-14);
        if (i + 1 == first + n)
            want = mean;
        else if (i + 1 > first + n)
            want = values[i] * 2 / (n + 1) + want * (1 - 2 / ((double)n + 1));
        assert_near(ema[i], want, 1e-13);
    }
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    struct mw_random random = {20180404};
    double values[VALUES_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = mw_random_next(&random) % VALUES_MAX + 1;
        for (size_t i = 0; i < count; i++)
            values[i] = 100 + 50 * mw_random_unit(&random);
        assert_near(mw_maths_std(values, (uint32_t)count), plain_std(values, count), 1e-12);
        assert_near(mw_maths_mean(values, (uint32_t)count), (double)plain_mean(values, count),
                    1e-15);
        if (round % 3 != 0) /* a warm-up at the front, and a hole somewhere */
            values[0] = values[mw_random_next(&random) % count] = (double)NAN;
        for (uint32_t n = 1; n <= count + 2; n++)
            check_averages(values, count, n);
    }
}

static void an_sma_recovers_once_a_nan_has_left_the_window(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, (double)NAN, 5, 6, 7, (double)INFINITY, 9, 10, 11};
    double out[MW_COUNT(values)];
    mw_maths_sma(values, MW_COUNT(values), 3, out);
    assert_true(isnan(out[1]) && out[2] == 2);
    assert_true(isnan(out[3]) && isnan(out[4]) && isnan(out[5]) && out[6] == 6);
    assert_true(isinf(out[7]) && isinf(out[9]) && out[10] == 10);
}

static void an_ema_counts_from_the_end_of_the_warm_up(void **state)
{
    (void)state;
    const double values[] = {(double)NAN, (double)NAN, 1, 2, 3, 5, (double)NAN, 7};
    double out[MW_COUNT(values)];
    mw_maths_ema(values, MW_COUNT(values), 3, out);
    assert_true(isnan(out[0]) && isnan(out[3]) && out[4] == 2 && out[5] == 3.5);
    assert_true(isnan(out[6]) && isnan(out[7]));
}

/* Prices are whole cents, so that integers tell the exact sum of every window. */
static void a_million_prices_do_not_drift(void **state)
{
    (void)state;
    struct mw_random random = {7};
    int64_t *cents = mw_alloc(MILLION * sizeof(*cents));
    double *values = mw_alloc(MILLION * sizeof(*values));
    double *out = mw_alloc(MILLION * sizeof(*out));
    int64_t total = 0;
    for (size_t i = 0; i < MILLION; i++) {
        bool spike = i % 100003 == 5000; /* what a drifting sum never forgets */
        cents[i] = spike ? 900000000000000 : 1 + (int64_t)(mw_random_next(&random) % 10000000);
        values[i] = (double)cents[i] / 100;
        total += cents[i];
    }
    assert_near(mw_maths_sum(values, MILLION), (double)((long double)total / 100), 1e-15);
    assert_near(mw_maths_mean(values, MILLION), (double)((long double)total / 100 / MILLION),
                1e-15);
    static const uint32_t periods[] = {1, 2, 20, 999, 500000, MILLION};
    for (size_t p = 0; p < MW_COUNT(periods); p++) {
        uint32_t n = periods[p];
        int64_t window = 0;
        mw_maths_sma(values, MILLION, n, out);
        for (size_t i = 0; i < MILLION; i++) {
            window += cents[i] - (i >= n ? cents[i - n] : 0);
            if (i + 1 >= n)
                assert_near(out[i], (double)((long double)window / 100 / n), 1e-12);
        }
    }
    mw_free(out);
    mw_free(values);
    mw_free(cents);
}

/* Reads field `column` of each row behind the header; an empty one is NaN. Returns how many
 * rows. */
static uint32_t read_csv(const char *path, int column, double *values)
{
    char line[512];
    uint32_t count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    assert_non_null(fgets(line, sizeof(line), file));
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *field = line;
        for (int i = 0; i < column; i++)
            field = strchr(field, ',') + 1;
        char *end;
        assert_true(count < SPY_BARS_MAX);
        values[count] = strtod(field, &end);
        values[count] = end == field ? (double)NAN : values[count];
        count++;
    }
    fclose(file);
    return count;
}

static void check_published(const char *path,
                            void (*average)(const double *, uint32_t, uint32_t, double *))
{
    double closes[SPY_BARS_MAX], want[SPY_BARS_MAX], out[SPY_BARS_MAX];
    uint32_t count = read_csv(MW_MARKET_DATA "/spy_1d_2017-2018_oracle_input.csv", 4, closes);
    if (count == 0 || read_csv(path, 1, want) != count) {
        print_message("skipped: no market data in " MW_MARKET_DATA "\n");
        skip();
    }
    average(closes, count, 20, out);
    for (uint32_t i = 0; i < count; i++)
        assert_near(out[i], want[i], 1e-9);
}

static void the_sma_of_spy_is_the_published_one(void **state)
{
    (void)state;
    check_published(MW_MARKET_DATA "/oracle/skender/sma.csv", mw_maths_sma);
}

static void the_ema_of_spy_is_the_published_one(void **state)
{
    (void)state;
    check_published(MW_MARKET_DATA "/oracle/skender/ema.csv", mw_maths_ema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_nothing_the_sum_is_0_and_the_rest_is_nan),
        cmocka_unit_test(of_one_value_all_is_that_value),
        cmocka_unit_test(sums_keep_what_plain_addition_loses),
        cmocka_unit_test(a_nan_anywhere_reaches_every_total),
        cmocka_unit_test(a_constant_has_no_deviation),
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(an_sma_recovers_once_a_nan_has_left_the_window),
        cmocka_unit_test(an_ema_counts_from_the_end_of_the_warm_up),
        cmocka_unit_test(a_million_prices_do_not_drift),
        cmocka_unit_test(the_sma_of_spy_is_the_published_one),
        cmocka_unit_test(the_ema_of_spy_is_the_published_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
