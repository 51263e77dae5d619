/* mean_test.c - moving means against exact arithmetic: integers of cents tell every sum. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "market/mean.h"

enum { MILLION = 1000000, ROWS = 3000 };

/* A million prices, as cents and as the doubles that a file of decimals gives. */
struct prices {
    int64_t *cents;
    double *values;
};

/* A walk that comes back to `from`, so that averages meet often. */
static struct prices make_walk(int64_t from, int64_t step)
{
    struct mw_random random = {7};
    struct prices prices = {mw_alloc(MILLION * sizeof(int64_t)),
                            mw_alloc(MILLION * sizeof(double))};
    int64_t at = from;
    for (size_t i = 0; i < MILLION; i++) {
        at += (int64_t)(mw_random_next(&random) % (uint64_t)(2 * step + 1)) - step;
        at += (from - at) / 200;
        prices.cents[i] = at;
        prices.values[i] = (double)at / 100;
    }
    return prices;
}

static void free_prices(struct prices *prices)
{
    mw_free(prices->cents);
    mw_free(prices->values);
}

/* What many programs do: add the newest, take the oldest away. */
static void running_mean(const double *values, uint32_t count, uint32_t n, double *out)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += values[i] - (i >= n ? values[i - n] : 0);
        out[i] = i + 1 < n ? (double)NAN : sum / n;
    }
}

typedef void (*mean_fn)(const double *values, uint32_t count, uint32_t n, double *out);

/* Rows in which `fast` crosses over `slow` in one of exact arithmetic and `mean`, not in both. */
static uint32_t count_false_crosses(const struct prices *prices, uint32_t fast, uint32_t slow,
                                    mean_fn mean)
{
    double *fasts = mw_alloc(MILLION * sizeof(double)), *slows = mw_alloc(MILLION * sizeof(double));
    mean(prices->values, MILLION, fast, fasts);
    mean(prices->values, MILLION, slow, slows);
    int64_t fast_sum = 0, slow_sum = 0, before = 0;
    uint32_t crosses = 0, wrong = 0, ties = 0;
    for (uint32_t i = 0; i < MILLION; i++) {
        fast_sum += prices->cents[i] - (i >= fast ? prices->cents[i - fast] : 0);
        slow_sum += prices->cents[i] - (i >= slow ? prices->cents[i - slow] : 0);
        int64_t above = fast_sum * slow - slow_sum * fast;
        bool exact = above > 0 && before <= 0;
        bool told = i >= slow && fasts[i] > slows[i] && fasts[i - 1] <= slows[i - 1];
        if (i >= slow) {
            crosses += exact;
            ties += above == 0;
            wrong += exact != told;
        }
        before = above;
    }
    assert_true(crosses > 1000 && ties > 100); /* there is something to get wrong */
    mw_free(slows);
    mw_free(fasts);
    return wrong;
}

/* A market at 100.00 that moves by up to 5 cents a bar has 3285 bars in which sma(5) and sma(20)
 * are equal: all that rounds makes cross-overs of them. The running sum is wrong about 3,000 times,
 * sums of doubles without any rounding 100 times. */
static void no_cross_over_of_a_million_bars_is_made_or_lost_by_rounding(void **state)
{
    (void)state;
    struct prices prices = make_walk(10000, 5);
    assert_int_equal(count_false_crosses(&prices, 5, 20, mw_mean_run), 0);
    assert_int_equal(count_false_crosses(&prices, 50, 200, mw_mean_run), 0);
    assert_true(count_false_crosses(&prices, 5, 20, running_mean) > 100);
    assert_true(count_false_crosses(&prices, 50, 200, running_mean) > 0);
    free_prices(&prices);
}

/* Every mean is the double nearest to the exact one, after spikes that a running sum of doubles
 * never forgets. */
static void a_million_decimals_have_exact_means(void **state)
{
    (void)state;
    static const uint32_t periods[] = {1, 2, 20, 999};
    struct prices prices = make_walk(6400000, 3000);
    double *out = mw_alloc(MILLION * sizeof(*out));
    for (size_t i = 5000; i < MILLION; i += 100003) {
        prices.cents[i] = 4000000000000;
        prices.values[i] = 40000000000;
    }
    for (size_t p = 0; p < MW_COUNT(periods); p++) {
        uint32_t n = periods[p];
        int64_t sum = 0;
        mw_mean_run(prices.values, MILLION, n, out);
        for (uint32_t i = 0; i < MILLION; i++) {
            sum += prices.cents[i] - (i >= n ? prices.cents[i - n] : 0);
            if (i + 1 >= n && out[i] != (double)sum / (100.0 * n))
                fail_msg("row %u of %u: %.17g, not %.17g", i, n, out[i], (double)sum / (100.0 * n));
        }
    }
    mw_free(out);
    free_prices(&prices);
}

/* Too large to be counted in cents: sums of blocks, which forget what has left. */
static void larger_numbers_do_not_drift(void **state)
{
    (void)state;
    static const uint32_t periods[] = {1, 2, 20, 999, 1025, 500000, MILLION};
    struct prices prices = make_walk(6400000, 3000);
    double *out = mw_alloc(MILLION * sizeof(*out));
    for (size_t i = 5000; i < MILLION; i += 100003) {
        prices.cents[i] = 900000000000000;
        prices.values[i] = 9000000000000;
    }
    for (size_t p = 0; p < MW_COUNT(periods); p++) {
        uint32_t n = periods[p];
        int64_t sum = 0;
        mw_mean_run(prices.values, MILLION, n, out);
        for (uint32_t i = 0; i < MILLION; i++) {
            sum += prices.cents[i] - (i >= n ? prices.cents[i - n] : 0);
            double want = (double)((long double)sum / 100 / n);
            if (i + 1 >= n && fabs(out[i] - want) > 1e-13 * want)
                fail_msg("row %u of %u: %.17g, not %.17g", i, n, out[i], want);
        }
    }
    mw_free(out);
    free_prices(&prices);
}

/* Both forms are the same to the last bit, and near a plain sum in more digits. */
static void check_both(const double *values, uint32_t count, uint32_t n)
{
    double *out = mw_alloc(count * sizeof(*out)), *slots = mw_alloc(n * sizeof(*slots));
    double *memory = slots;
    struct mw_mean mean;
    mw_mean_init(&mean, n, &memory);
    assert_ptr_equal(memory, slots + n);
    mw_mean_run(values, count, n, out);
    for (uint32_t i = 0; i < count; i++) {
        double pushed = mw_mean_push(&mean, values[i]);
        long double sum = 0, size = 0;
        for (uint32_t back = 0; back < n && back <= i; back++) {
            sum += (long double)values[i - back];
            size += fabsl((long double)values[i - back]);
        }
        double want = i + 1 < n ? (double)NAN : (double)(sum / n);
        bool near = isnan(want) ? isnan(out[i]) : fabs(out[i] - want) <= 1e-14 * (double)size / n;
        if (!near || !(out[i] == pushed || (isnan(out[i]) && isnan(pushed))))
            fail_msg("row %u of mean(%u): %.17g and %.17g, not %.17g", i, n, out[i], pushed, want);
    }
    mw_free(slots);
    mw_free(out);
}

static const uint32_t few[] = {1, 2, 3, 7, 64, 1500};

/* Kinds of values one after the other: fewer and more digits, NaNs, no decimals, large ones. */
static double make_value(struct mw_random *random, uint32_t kind)
{
    static const double scales[] = {1, 10, 100, 1e4, 1e8, 1e9};
    double units = (double)(mw_random_next(random) % 2000001) - 1000000;
    if (kind < MW_COUNT(scales))
        return units / scales[kind];
    if (kind == MW_COUNT(scales))
        return mw_random_unit(random);
    return kind == MW_COUNT(scales) + 1 ? units * 1e6 : (double)NAN;
}

static void every_change_of_kind_keeps_both_forms_together(void **state)
{
    (void)state;
    struct mw_random random = {11};
    double values[ROWS];
    for (int round = 0; round < 40; round++) {
        uint32_t kind = 0, kinds = 1 + (uint32_t)(mw_random_next(&random) % 9);
        for (size_t i = 0; i < ROWS; i++) {
            if (mw_random_next(&random) % 100 == 0)
                kind = (uint32_t)(mw_random_next(&random) % kinds);
            values[i] = make_value(&random, i == 0 ? 0 : kind);
        }
        uint32_t n = few[(size_t)round % MW_COUNT(few)];
        check_both(values, ROWS, n);
    }
}

/* As many units as are counted, one more, and none. */
static void the_largest_decimals_are_exact_and_larger_ones_near(void **state)
{
    (void)state;
    const double most = 8796093022208; /* 2^43 */
    const double values[] = {most, 0, -most, most, most + 1, 1, 0.5, -most - 1, 2 * most, 0, 0.25};
    for (size_t p = 0; p < 4; p++)
        check_both(values, MW_COUNT(values), few[p]);
    double out[2];
    const double cents[] = {87960930222.07, 87960930222.05};
    mw_mean_run(cents, 2, 2, out);
    assert_true(out[1] == 87960930222.06);
    double mean[3]; /* 0.000024719999999999998 by doubles */
    mw_mean_run((const double[]){0.00002202, 0.00001034, 0.0000418}, 3, 3, mean);
    assert_true(mean[2] == 0.00002472);
}

/* Most doubles are none of 8 digits, and one that is taken for one all the same moves by no more
 * than two last bits. */
static void what_is_no_decimal_stays_as_it_is(void **state)
{
    (void)state;
    struct mw_random random = {13};
    uint32_t moved = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        double value = 87000 * mw_random_unit(&random), out;
        mw_mean_run(&value, 1, 1, &out);
        assert_true(fabs(out - value) <= 4.5e-16 * value);
        moved += out != value;
    }
    assert_true(moved < 20000 / 256);
}

/* Four times as many units are past 2^53, where a running sum rounds. */
static void n_values_are_counted_as_far_as_their_sum_is_exact(void **state)
{
    (void)state;
    enum { N = 4000 };
    const double most = 1125899906842; /* of N values: 2^52 / N, rounded down */
    double values[3 * N], out[MW_COUNT(values)];
    for (uint32_t step = 0; step < 4; step++) {
        for (size_t i = 0; i < MW_COUNT(values); i++)
            values[i] = i < N ? most * (1 + step) - (double)(i % 3) : 1;
        check_both(values, MW_COUNT(values), N);
        mw_mean_run(values, MW_COUNT(values), N, out);
        for (size_t i = (size_t)2 * N - 1; i < MW_COUNT(values); i++)
            assert_true(out[i] == 1);
    }
}

static void a_nan_and_an_infinity_leave_with_their_row(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, (double)NAN, 5, 6, 7, (double)INFINITY, 9, 10, 11};
    double out[MW_COUNT(values)];
    mw_mean_run(values, MW_COUNT(values), 3, out);
    assert_true(isnan(out[1]) && out[2] == 2);
    assert_true(isnan(out[3]) && isnan(out[4]) && isnan(out[5]) && out[6] == 6);
    assert_true(isinf(out[7]) && isinf(out[9]) && out[10] == 10);
}

static void without_values_nothing_is_written(void **state)
{
    (void)state;
    double untouched = 42;
    mw_mean_run(NULL, 0, 1, &untouched);
    assert_true(untouched == 42);
    const double one = 0.1;
    mw_mean_run(&one, 1, 1, &untouched);
    assert_true(untouched == 0.1);
    mw_mean_run(&one, 1, 1 << 20, &untouched);
    assert_true(isnan(untouched));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cross_over_of_a_million_bars_is_made_or_lost_by_rounding),
        cmocka_unit_test(a_million_decimals_have_exact_means),
        cmocka_unit_test(larger_numbers_do_not_drift),
        cmocka_unit_test(every_change_of_kind_keeps_both_forms_together),
        cmocka_unit_test(the_largest_decimals_are_exact_and_larger_ones_near),
        cmocka_unit_test(what_is_no_decimal_stays_as_it_is),
        cmocka_unit_test(n_values_are_counted_as_far_as_their_sum_is_exact),
        cmocka_unit_test(a_nan_and_an_infinity_leave_with_their_row),
        cmocka_unit_test(without_values_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
