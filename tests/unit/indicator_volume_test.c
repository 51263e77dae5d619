/* indicator_volume_test.c - volumes and flows against formulas, published values, exact sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_formula.h"

enum { MILLION = 1000000 };

static double obv(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    const double *close = rows->in[0], *volume = rows->in[1];
    long double sum = 0;
    (void)output;
    for (uint32_t i = begin + 1; i <= row; i++) {
        if (isnan(close[i]) || isnan(close[i - 1]) || isnan(volume[i]))
            return (double)NAN;
        sum += close[i] > close[i - 1] ? (long double)volume[i] : 0;
        sum -= close[i] < close[i - 1] ? (long double)volume[i] : 0;
    }
    return (double)sum;
}

static double vwap(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    uint32_t n = rows->params[0] > 0 ? (uint32_t)rows->params[0] : row + 1 - begin;
    long double traded = 0, volume = 0;
    (void)output;
    if (row + 1 < begin + n)
        return (double)NAN;
    for (uint32_t i = row + 1 - n; i <= row; i++) {
        long double high = (long double)rows->in[0][i], low = (long double)rows->in[1][i];
        long double close = (long double)rows->in[2][i], some = (long double)rows->in[3][i];
        traded += (high + low + close) / 3 * some;
        volume += some;
    }
    return volume == 0 ? (double)NAN : (double)(traded / volume);
}

static long double flow(const struct indicator_rows *rows, uint32_t row)
{
    long double high = (long double)rows->in[0][row], low = (long double)rows->in[1][row];
    long double close = (long double)rows->in[2][row];
    long double part = high == low ? 0 * close : (2 * close - high - low) / (high - low);
    return part * (long double)rows->in[3][row];
}

static double adl(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    long double sum = 0;
    (void)output;
    for (uint32_t i = begin; i <= row; i++)
        sum += flow(rows, i);
    return (double)sum;
}

static double cmf(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    uint32_t n = (uint32_t)rows->params[0];
    long double moved = 0, volume = 0;
    (void)output;
    if (row + 1 < begin + n)
        return (double)NAN;
    for (uint32_t i = row + 1 - n; i <= row; i++) {
        moved += flow(rows, i);
        volume += (long double)rows->in[3][i];
    }
    return volume == 0 ? 0 : (double)(moved / volume);
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    formula_check("obv", NULL, obv);
    formula_check("adl", NULL, adl);
    formula_check("vwap", NULL, vwap);
    static const double periods[] = {1, 2, 3, 20, 60};
    for (size_t i = 0; i < MW_COUNT(periods); i++) {
        formula_check("vwap", (double[]){periods[i], 0, 0, 0}, vwap);
        formula_check("cmf", (double[]){periods[i], 0, 0, 0}, cmf);
    }
}

static void spy_has_the_published_values(void **state)
{
    (void)state;
    static const struct formula_oracle oracles[] = {
        {"obv", "obv.csv", "obv", {0}, 0, 0, 0},
        {"adl", "adl.csv", "adl", {0}, 0, 0, 0},
        {"cmf", "cmf.csv", "cmf", {20}, 0, 0, 0},
        {"vwap", "vwap.csv", "vwap", {0}, 0, 0, 0},
    };
    for (size_t i = 0; i < MW_COUNT(oracles); i++)
        formula_check_oracle(&oracles[i]);
}

static void jesse_has_the_same_last_values(void **state)
{
    (void)state;
    double last[MW_INDICATOR_COLUMNS_MAX];
    formula_last_of_jesse("adl", NULL, last);
    assert_true(round(last[0]) == 6346031);
    formula_last_of_jesse("obv", NULL, last);
    last[0] += 609081.49094; /* the first volume, with which TA-Lib starts */
    assert_true(round(last[0] / 1e6) == -6);
}

/* Steps through bars of high, low, close and volume, or close and volume, and answers the last
 * result. */
static double last_of(const char *name, const double *params, const double (*bars)[4],
                      uint32_t count)
{
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find(name), params, count);
    for (uint32_t row = 0; row < count; row++)
        for (uint32_t i = 0; i < rows.input_count; i++)
            rows.in[i][row] = bars[row][i];
    indicator_rows_step(&rows);
    double last = rows.out[0][count - 1];
    indicator_rows_deinit(&rows);
    return last;
}

static void where_nothing_is_traded_there_is_no_flow_and_no_average_price(void **state)
{
    (void)state;
    static const double bars[][4] = {{12, 10, 11, 5}, {12, 10, 12, 0}, {14, 10, 13, 0}};
    assert_true(last_of("cmf", (double[]){2, 0, 0, 0}, bars, 3) == 0);
    assert_true(isnan(last_of("vwap", (double[]){2, 0, 0, 0}, bars, 3)));
    assert_true(last_of("vwap", (double[]){3, 0, 0, 0}, bars, 3) == 11);
    assert_true(last_of("vwap", NULL, bars, 3) == 11);
    assert_true(last_of("adl", NULL, bars, 3) == 0); /* the close of row 0 is in the middle */
}

static void a_bar_without_a_range_has_no_flow(void **state)
{
    (void)state;
    static const double bars[][4] = {{11, 11, 11, 500}, {12, 10, 12, 3}, {12, 10, 10.5, 4}};
    assert_true(last_of("adl", NULL, bars, 1) == 0);
    assert_true(last_of("adl", NULL, bars, 2) == 3);
    assert_true(last_of("adl", NULL, bars, 3) == 1); /* 3 + 4 * (0.5 - 1.5) / 2 */
    assert_true(last_of("cmf", (double[]){3, 0, 0, 0}, bars, 3) == 1 / 507.0);
}

static void obv_counts_rises_and_falls_only(void **state)
{
    (void)state;
    static const double bars[][4] = {{10, 100}, {11, 5}, {11, 70}, {9, 2}, {9.5, 1}};
    static const double want[] = {0, 5, 5, 3, 4};
    for (uint32_t count = 1; count <= 5; count++)
        assert_true(last_of("obv", NULL, bars, count) == want[count - 1]);
}

/* Volumes are whole multiples of 1/128 with a huge one now and then, so that integers tell the
 * exact sum. */
static void a_million_volumes_do_not_drift(void **state)
{
    (void)state;
    struct mw_random random = {9};
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find("obv"), NULL, MILLION);
    int64_t *sums = mw_alloc(MILLION * sizeof(*sums)), sum = 0;
    for (uint32_t i = 0; i < MILLION; i++) {
        int64_t volume = (int64_t)(mw_random_next(&random) % 100000);
        volume += i % 10007 == 9 ? INT64_C(1) << 54 : 0;
        rows.in[0][i] = (double)(mw_random_next(&random) % 1000);
        rows.in[1][i] = (double)volume / 128;
        double change = i == 0 ? 0 : rows.in[0][i] - rows.in[0][i - 1];
        int64_t taken = (int64_t)(rows.in[1][i] * 128); /* what is left of it in a double */
        sums[i] = sum += change > 0 ? taken : change < 0 ? -taken : 0;
    }
    indicator_rows_run(&rows);
    for (uint32_t i = 0; i < MILLION; i++)
        assert_true(rows.out[0][i] == (double)sums[i] / 128);
    mw_free(sums);
    indicator_rows_deinit(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(spy_has_the_published_values),
        cmocka_unit_test(jesse_has_the_same_last_values),
        cmocka_unit_test(where_nothing_is_traded_there_is_no_flow_and_no_average_price),
        cmocka_unit_test(a_bar_without_a_range_has_no_flow),
        cmocka_unit_test(obv_counts_rises_and_falls_only),
        cmocka_unit_test(a_million_volumes_do_not_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
