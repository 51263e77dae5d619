/* indicator_volatility_test.c - ranges, deviations, channels against formulas and exact arithmetic.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_formula.h"

enum { MILLION = 1000000 };

static double tr(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    (void)output;
    return formula_range(rows, begin, row);
}

static double average_range(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                            uint32_t n)
{
    double ranges[FORMULA_ROWS_MAX];
    for (uint32_t i = begin; i <= row; i++)
        ranges[i - begin] = formula_range(rows, begin, i);
    return formula_smooth(ranges, row + 1 - begin, n, 1 / (double)n);
}

static double atr(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    (void)output;
    return average_range(rows, begin, row, (uint32_t)rows->params[0]);
}

static double mean_of(const double *values, uint32_t n)
{
    long double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (long double)values[i];
    return (double)(sum / n);
}

/* From the distances of all pairs, which is 0 when all are the same. */
static double deviation_of(const double *values, uint32_t n)
{
    long double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            long double distance = (long double)values[i] - (long double)values[j];
            sum += distance * distance;
        }
    }
    return (double)(sqrtl(sum) / n) + 0 * values[0]; /* one value may be a NaN */
}

static double stddev(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                     uint32_t output)
{
    (void)output;
    uint32_t n = (uint32_t)rows->params[0];
    return row + 1 < begin + n ? (double)NAN : deviation_of(rows->in[0] + row + 1 - n, n);
}

static double bbands(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                     uint32_t output)
{
    uint32_t n = (uint32_t)rows->params[0];
    if (row + 1 < begin + n)
        return (double)NAN;
    const double *window = rows->in[0] + row + 1 - n;
    double mean = mean_of(window, n), reach = rows->params[1] * deviation_of(window, n);
    const double bands[] = {mean, mean + reach, mean - reach, 2 * reach / mean,
                            reach == 0 ? (double)NAN
                                       : (window[n - 1] - mean + reach) / (2 * reach)};
    return bands[output];
}

static double keltner(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                      uint32_t output)
{
    static const double signs[] = {0, 1, -1};
    uint32_t n = (uint32_t)rows->params[0];
    double middle = formula_smooth(rows->in[2] + begin, row + 1 - begin, n, 2 / ((double)n + 1));
    if (output == 0)
        return middle;
    double range = average_range(rows, begin, row, (uint32_t)rows->params[2]);
    return middle + signs[output] * rows->params[1] * range;
}

static double donchian(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                       uint32_t output)
{
    uint32_t n = (uint32_t)rows->params[0];
    if (row + 1 < begin + n)
        return (double)NAN;
    double upper = formula_extreme(rows->in[0] + row + 1 - n, n, 1);
    double lower = formula_extreme(rows->in[1] + row + 1 - n, n, -1);
    return output == 0 ? upper : output == 1 ? lower : (upper + lower) / 2;
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    formula_check("tr", NULL, tr);
    static const double periods[] = {1, 2, 3, 14, 60};
    for (size_t i = 0; i < MW_COUNT(periods); i++) {
        double n = periods[i];
        formula_check("atr", (double[]){n, 0, 0, 0}, atr);
        formula_check("stddev", (double[]){n, 0, 0, 0}, stddev);
        formula_check("bbands", (double[]){n, 2.5, 0, 0}, bbands);
        formula_check("keltner", (double[]){n, 1.5, 5, 0}, keltner);
        formula_check("keltner", (double[]){5, 1.5, n, 0}, keltner);
        formula_check("donchian", (double[]){n, 0, 0, 0}, donchian);
    }
}

/* To the last bit, so that a close is on the same side of both. Prices are in cents, and in half of
 * the rounds the later ones are any numbers. */
static void the_middle_of_bands_is_the_moving_average(void **state)
{
    (void)state;
    struct mw_random random = {3};
    for (int round = 0; round < 20; round++) {
        const double params[MW_INDICATOR_PARAMS_MAX] = {1 + round * 7, 2};
        struct indicator_rows bands, sma;
        indicator_rows_init(&bands, mw_indicator_find("bbands"), params, 400);
        indicator_rows_init(&sma, mw_indicator_find("sma"), params, 400);
        for (uint32_t row = 0; row < 400; row++) {
            double cents = floor(1e6 * mw_random_unit(&random));
            bool any = round % 2 == 1 && row > 200;
            bands.in[0][row] = sma.in[0][row] = any ? sqrt(cents) : cents / 100;
        }
        const struct indicator_span all = {0, 0, 400, 0};
        indicator_rows_run(&sma);
        indicator_rows_run(&bands);
        indicator_rows_compare(&sma, &bands, all);
        indicator_rows_step(&bands);
        indicator_rows_compare(&sma, &bands, all);
        indicator_rows_deinit(&sma);
        indicator_rows_deinit(&bands);
    }
}

static void spy_has_the_published_values(void **state)
{
    (void)state;
    static const struct formula_oracle oracles[] = {
        {"tr", "tr.csv", "tr", {0}, 0, 0, 0},
        {"atr", "atr.csv", "atr", {14}, 0, 0, 0},
        {"stddev", "stdev.csv", "stdDev", {14}, 0, 0, 0},
        {"bbands", "bb.csv", "sma", {20, 2}, 0, 0, 0},
        {"bbands", "bb.csv", "upperBand", {20, 2}, 1, 0, 0},
        {"bbands", "bb.csv", "lowerBand", {20, 2}, 2, 0, 0},
        {"bbands", "bb.csv", "width", {20, 2}, 3, 0, 0},
        {"bbands", "bb.csv", "percentB", {20, 2}, 4, 0, 0},
        {"keltner", "keltner.csv", "centerline", {20, 2, 10}, 0, 0, 0},
        {"keltner", "keltner.csv", "upperBand", {20, 2, 10}, 1, 0, 0},
        {"keltner", "keltner.csv", "lowerBand", {20, 2, 10}, 2, 0, 0},
        /* Skender leaves the row itself out of its channel. */
        {"donchian", "donchian.csv", "upperBand", {20}, 0, 1, 0},
        {"donchian", "donchian.csv", "lowerBand", {20}, 1, 1, 0},
        {"donchian", "donchian.csv", "centerline", {20}, 2, 1, 0},
    };
    for (size_t i = 0; i < MW_COUNT(oracles); i++)
        formula_check_oracle(&oracles[i]);
}

static double rounded(double value, int digits)
{
    double scale = pow(10, digits);
    return round(value * scale) / scale;
}

static void jesse_has_the_same_last_values(void **state)
{
    (void)state;
    double last[MW_INDICATOR_COLUMNS_MAX];
    formula_last_of_jesse("donchian", (double[]){20, 0, 0, 0}, last);
    assert_true(rounded(last[0], 2) == 277.20 && rounded(last[1], 2) == 101.20);
    assert_true(rounded(last[2], 2) == 189.20);
    formula_last_of_jesse("tr", NULL, last);
    assert_true(rounded(last[0], 2) == 94.35);
    formula_last_of_jesse("stddev", (double[]){5, 0, 0, 0}, last);
    assert_true(rounded(last[0], 0) == 37);
}

__extension__ typedef __int128 whole_number;

/* A window of n doubles below 2^52 / 2^shift that are multiples of 2^-shift, summed in integers. */
struct exact {
    whole_number sum, squares;
};

static void exact_add(struct exact *exact, double value, double scale, int sign)
{
    int64_t whole = (int64_t)(value * scale);
    assert_true((double)whole == value * scale);
    exact->sum += (whole_number)sign * whole;
    exact->squares += sign * ((whole_number)whole * whole);
}

/* sqrt(n * squares - sum^2) / n, of which the root is the only part that is rounded. */
static double exact_deviation(const struct exact *exact, uint32_t n, double scale)
{
    whole_number rest = n * exact->squares - exact->sum * exact->sum;
    return (double)(sqrtl((long double)rest) / n / (long double)scale);
}

/* Holds mean and deviation of a million rows against exact sums. */
static void hold_million(const double *values, uint32_t n, double scale, double relative)
{
    double worst = 0;
    double *middle = mw_alloc(MILLION * sizeof(double)), *rest[4];
    double *deviation = mw_alloc(MILLION * sizeof(double));
    for (int i = 0; i < 4; i++)
        rest[i] = mw_alloc(MILLION * sizeof(double));
    double params[] = {n, 2};
    double *const bands[] = {middle, rest[0], rest[1], rest[2], rest[3]};
    const struct mw_indicator *indicators[] = {mw_indicator_find("bbands"),
                                               mw_indicator_find("stddev")};
    void *state = mw_alloc(mw_indicator_bytes(indicators[0], params));
    struct mw_indicator_call call = {params, &values, bands, MILLION, state};
    mw_indicator_run(indicators[0], &call);
    call.out = &deviation;
    mw_indicator_run(indicators[1], &call);
    struct exact exact = {0, 0};
    for (uint32_t i = 0; i < MILLION; i++) {
        exact_add(&exact, values[i], scale, 1);
        if (i >= n)
            exact_add(&exact, values[i - n], scale, -1);
        if (i + 1 < n)
            continue;
        double mean = (double)((long double)exact.sum / n / (long double)scale);
        double want = exact_deviation(&exact, n, scale);
        double off = fabs(deviation[i] - want);
        assert_true(fabs(middle[i] - mean) <= relative * fabs(mean) && off <= relative * want);
        worst = fmax(worst, want > 0 ? off / want : 0);
        double reach = (rest[0][i] - rest[1][i]) / 4; /* of 2 deviations each way */
        assert_true(fabs(reach - want) <= relative * want + 1e-15 * fabs(mean));
    }
    print_message("n %u: the deviation is off by %.2g\n", n, worst);
    mw_free(state);
    mw_free(deviation);
    mw_free(middle);
    for (int i = 0; i < 4; i++)
        mw_free(rest[i]);
}

/* Decimals, so that they are not whole multiples of anything but 2^-37, which prices below 65,536
 * all are. */
static void a_million_narrow_prices_keep_their_deviation(void **state)
{
    (void)state;
    struct mw_random random = {50000};
    double *values = mw_alloc(MILLION * sizeof(double));
    for (uint32_t i = 0; i < MILLION; i++)
        values[i] = (5000000 + (double)(mw_random_next(&random) % 101) / 100) / 100;
    static const uint32_t periods[] = {2, 20, 999};
    for (size_t p = 0; p < MW_COUNT(periods); p++)
        hold_million(values, periods[p], 0x1p37, 1e-14);
    mw_free(values);
}

/* Whole numbers with a spike now and then, which a running sum never gets over; some are the last
 * row of a block, from which distances are measured: the worst case, n roundings. */
static void a_million_prices_with_spikes_do_not_drift(void **state)
{
    (void)state;
    struct mw_random random = {7};
    static const uint32_t periods[] = {2, 20, 999, 300000};
    double *values = mw_alloc(MILLION * sizeof(double));
    for (uint32_t i = 0; i < MILLION; i++) {
        bool spike = i % 10007 == 5000 || i == 300000 - 1 || (i + 1) % (999 * 20) == 0;
        values[i] = spike ? 1e10 : 1 + (double)(mw_random_next(&random) % 10000000);
    }
    for (size_t p = 0; p < MW_COUNT(periods); p++)
        hold_million(values, periods[p], 1, 1e-14 + 4e-16 * periods[p]);
    mw_free(values);
}

/* Wherever in its block it stands. */
static void an_infinity_leaves_a_deviation_with_its_row(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 6; at++) {
        struct indicator_rows rows;
        indicator_rows_init(&rows, mw_indicator_find("stddev"), (double[]){3, 0, 0, 0}, 9);
        for (uint32_t i = 0; i < 9; i++)
            rows.in[0][i] = i == at ? (double)INFINITY : 7;
        indicator_rows_run(&rows);
        assert_true(isnan(rows.out[0][at + 2]) && rows.out[0][at + 3] == 0);
        indicator_rows_deinit(&rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(the_middle_of_bands_is_the_moving_average),
        cmocka_unit_test(spy_has_the_published_values),
        cmocka_unit_test(jesse_has_the_same_last_values),
        cmocka_unit_test(a_million_narrow_prices_keep_their_deviation),
        cmocka_unit_test(a_million_prices_with_spikes_do_not_drift),
        cmocka_unit_test(an_infinity_leaves_a_deviation_with_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
