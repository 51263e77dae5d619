/* maths_test.c - sums, means and deviations against plain formulas and exact sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "market/maths.h"

enum { MILLION = 1000000, ROUNDS = 300, VALUES_MAX = 97 };

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
}

static void of_one_value_all_is_that_value(void **state)
{
    (void)state;
    double one = 0.1;
    assert_true(mw_maths_sum(&one, 1) == 0.1 && mw_maths_mean(&one, 1) == 0.1);
    assert_true(mw_maths_min(&one, 1) == 0.1 && mw_maths_max(&one, 1) == 0.1);
    assert_true(mw_maths_std(&one, 1) == 0);
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
    double values[1000];
    for (size_t i = 0; i < MW_COUNT(values); i++)
        values[i] = 0.1;
    assert_true(mw_maths_std(values, 1000) < 1e-16);
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
    }
}

/* Prices are whole cents, so that integers tell the exact sum. */
static void a_million_prices_do_not_drift(void **state)
{
    (void)state;
    struct mw_random random = {7};
    int64_t *cents = mw_alloc(MILLION * sizeof(*cents));
    double *values = mw_alloc(MILLION * sizeof(*values));
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
    mw_free(values);
    mw_free(cents);
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
        cmocka_unit_test(a_million_prices_do_not_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
