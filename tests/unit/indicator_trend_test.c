/* indicator_trend_test.c - trends and stops against formulas, published values, hand-made examples.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_formula.h"

/* Which way a row moved: 0 range, 1 +DM, 2 -DM; NaN when one of the three is not known. */
static double movement(const struct indicator_rows *rows, uint32_t begin, uint32_t row, int which)
{
    double range = formula_range(rows, begin, row);
    if (isnan(range) || isnan(rows->in[0][row - 1]) || isnan(rows->in[1][row - 1]))
        return (double)NAN;
    double up = rows->in[0][row] - rows->in[0][row - 1];
    double down = rows->in[1][row - 1] - rows->in[1][row];
    const double parts[] = {range, up > fmax(down, 0) ? up : 0, down > fmax(up, 0) ? down : 0};
    return parts[which];
}

static double direction(const struct indicator_rows *rows, uint32_t begin, uint32_t row, int which)
{
    double moves[2][FORMULA_ROWS_MAX];
    uint32_t n = (uint32_t)rows->params[0], count = row + 1 - begin;
    for (uint32_t i = 0; i < count; i++) {
        moves[0][i] = movement(rows, begin, begin + i, which);
        moves[1][i] = movement(rows, begin, begin + i, 0);
    }
    double part = formula_smooth(moves[0], count, n, 1 / (double)n);
    double whole = formula_smooth(moves[1], count, n, 1 / (double)n);
    return whole == 0 ? 0 : 100 * part / whole;
}

static double adx(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    if (output > 0)
        return direction(rows, begin, row, (int)output);
    double indices[FORMULA_ROWS_MAX];
    uint32_t n = (uint32_t)rows->params[0];
    for (uint32_t i = begin; i <= row; i++) {
        double plus = direction(rows, begin, i, 1), minus = direction(rows, begin, i, 2);
        double sum = plus + minus;
        indices[i - begin] = sum == 0 ? 0 : 100 * fabs(plus - minus) / sum;
    }
    return formula_smooth(indices, row + 1 - begin, n, 1 / (double)n);
}

/* How many rows ago the greatest value of the last n + 1 was, the newest of equal ones. */
static double age(const double *values, uint32_t row, uint32_t n, int sign)
{
    double most = formula_extreme(values + row - n, n + 1, sign);
    if (isnan(most))
        return most;
    uint32_t rows = 0;
    while (values[row - rows] != most)
        rows++;
    return rows;
}

static double aroon(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                    uint32_t output)
{
    uint32_t n = (uint32_t)rows->params[0];
    if (row < begin + n)
        return (double)NAN;
    double up = (n - age(rows->in[0], row, n, 1)) / n * 100;
    double down = (n - age(rows->in[1], row, n, -1)) / n * 100;
    return output == 0 ? up : output == 1 ? down : up - down;
}

static double middle(const struct indicator_rows *rows, uint32_t begin, int64_t row, double period)
{
    uint32_t n = (uint32_t)period;
    if (row + 1 < (int64_t)begin + n)
        return (double)NAN;
    size_t from = (size_t)(row + 1 - n);
    return (formula_extreme(rows->in[0] + from, n, 1) +
            formula_extreme(rows->in[1] + from, n, -1)) /
           2;
}

static double ichimoku(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                       uint32_t output)
{
    const double *params = rows->params;
    int64_t then = (int64_t)row - (int64_t)params[3];
    switch (output) {
    case 0:
        return middle(rows, begin, row, params[0]);
    case 1:
        return middle(rows, begin, row, params[1]);
    case 2:
        return (middle(rows, begin, then, params[0]) + middle(rows, begin, then, params[1])) / 2;
    default:
        return middle(rows, begin, then, params[2]);
    }
}

/* Both trends spelled out, from the first row on. */
static double psar(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    const double *high = rows->in[0], *low = rows->in[1];
    double sar = low[begin], extreme = high[begin], factor = rows->params[0];
    bool rising = true;
    (void)output;
    if (row == begin)
        return (double)NAN;
    for (uint32_t i = begin + 1; i <= row; i++) {
        uint32_t two = i >= begin + 2 ? i - 2 : i - 1;
        if (isnan(high[i]) || isnan(low[i]))
            return (double)NAN;
        sar = sar + factor * (extreme - sar);
        sar = rising ? fmin(sar, fmin(low[i - 1], low[two]))
                     : fmax(sar, fmax(high[i - 1], high[two]));
        bool turns = rising ? low[i] < sar : high[i] > sar;
        bool further = rising ? high[i] > extreme : low[i] < extreme;
        if (further)
            extreme = rising ? high[i] : low[i];
        if (turns) {
            sar = extreme;
            extreme = rising ? low[i] : high[i];
            rising = !rising;
            factor = rows->params[0];
        } else if (further) {
            factor = fmin(factor + rows->params[0], rows->params[1]);
        }
    }
    return sar;
}

static double supertrend(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                         uint32_t output)
{
    const double *high = rows->in[0], *low = rows->in[1], *close = rows->in[2];
    uint32_t n = (uint32_t)rows->params[0];
    double ranges[FORMULA_ROWS_MAX], upper = 0, lower = 0;
    bool known = false, rising = false;
    for (uint32_t i = begin; i <= row; i++) {
        ranges[i - begin] = formula_range(rows, begin, i);
        double reach = rows->params[1] * formula_smooth(ranges, i + 1 - begin, n, 1 / (double)n);
        if (isnan(reach) || isnan(close[i])) {
            known = false;
            continue;
        }
        double half = (high[i] + low[i]) / 2;
        if (!known)
            rising = close[i] >= half;
        if (!known || half + reach < upper || close[i - 1] > upper)
            upper = half + reach;
        if (!known || half - reach > lower || close[i - 1] < lower)
            lower = half - reach;
        known = true;
        rising = rising ? close[i] > lower : close[i] > upper;
    }
    if (!known)
        return (double)NAN;
    return output == 1 ? (rising ? 1 : -1) : rising ? lower : upper;
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    static const double periods[] = {1, 2, 3, 14, 40};
    for (size_t i = 0; i < MW_COUNT(periods); i++) {
        double n = periods[i];
        if (n < 40) /* the plain formula takes time */
            formula_check("adx", (double[]){n, 0, 0, 0}, adx);
        formula_check("aroon", (double[]){n, 0, 0, 0}, aroon);
        formula_check("ichimoku", (double[]){n, 5, 9, 4}, ichimoku);
        formula_check("ichimoku", (double[]){3, n, 7, 0}, ichimoku);
        formula_check("ichimoku", (double[]){3, 4, 8, n}, ichimoku);
        formula_check("supertrend", (double[]){n, 0.75, 0, 0}, supertrend);
    }
    formula_check("psar", (double[]){0.02, 0.2, 0, 0}, psar);
    formula_check("psar", (double[]){0.1, 0.1, 0, 0}, psar);
}

static void spy_has_the_published_values(void **state)
{
    (void)state;
    static const struct formula_oracle oracles[] = {
        {"adx", "adx.csv", "adx", {14}, 0, 0, 0},
        {"adx", "adx.csv", "pdi", {14}, 1, 0, 0},
        {"adx", "adx.csv", "mdi", {14}, 2, 0, 0},
        /* Two rows have a low as low as an older one in the window. */
        {"aroon", "aroon.csv", "aroonUp", {25}, 0, 0, 1},
        {"aroon", "aroon.csv", "aroonDown", {25}, 1, 0, 1},
        {"aroon", "aroon.csv", "oscillator", {25}, 2, 0, 2},
        {"ichimoku", "ichimoku.csv", "tenkanSen", {9, 26, 52, 26}, 0, 0, 0},
        {"ichimoku", "ichimoku.csv", "kijunSen", {9, 26, 52, 26}, 1, 0, 0},
        {"ichimoku", "ichimoku.csv", "senkouSpanA", {9, 26, 52, 26}, 2, 0, 0},
        {"ichimoku", "ichimoku.csv", "senkouSpanB", {9, 26, 52, 26}, 3, 0, 0},
        /* One turn is in a row that makes a new extreme first. */
        {"psar", "psar.csv", "sar", {0.02, 0.2}, 0, 0, 1},
        {"supertrend", "supertrend.csv", "superTrend", {10, 3}, 0, 0, 0},
    };
    for (size_t i = 0; i < MW_COUNT(oracles); i++)
        formula_check_oracle(&oracles[i]);
}

static void assert_rounded(double got, double want)
{
    if (round(got * 100) / 100 != want)
        fail_msg("got %.17g, want %g", got, want);
}

static void jesse_has_the_same_last_values(void **state)
{
    (void)state;
    double last[MW_INDICATOR_COLUMNS_MAX];
    formula_last_of_jesse("psar", (double[]){0.02, 0.2, 0, 0}, last);
    assert_rounded(last[0], 243.15);
    formula_last_of_jesse("supertrend", (double[]){10, 3, 0, 0}, last);
    assert_rounded(last[0], 228.45);
    assert_true(last[1] == -1);
    formula_last_of_jesse("adx", (double[]){14, 0, 0, 0}, last);
    assert_rounded(last[1], 10.80);
    assert_true(round(last[2] * 10) / 10 == 45.3);
    formula_last_of_jesse("aroon", (double[]){14, 0, 0, 0}, last);
    assert_rounded(last[0], 64.29);
    assert_rounded(last[1], 100);
}

/* Puts bars of high, low and close in and runs. */
static void run(struct indicator_rows *rows, const char *name, const double *params,
                const double (*bars)[3], uint32_t count)
{
    indicator_rows_init(rows, mw_indicator_find(name), params, count);
    for (uint32_t row = 0; row < count; row++)
        for (uint32_t i = 0; i < rows->input_count; i++)
            rows->in[i][row] = bars[row][i];
    indicator_rows_run(rows);
}

static void assert_rows(const double *got, const double *want, uint32_t count)
{
    for (uint32_t row = 0; row < count; row++)
        if (isnan(want[row]) ? !isnan(got[row]) : !(fabs(got[row] - want[row]) < 1e-12))
            fail_msg("row %u: got %.17g, want %.17g", row, got[row], want[row]);
}

/* Step 0.1, at most 0.2.
 *
 *   row  high low   sar before limits        limits          sar    new extreme, factor
 *   0    12   10                                                    12, 0.1
 *   1    13   11    10 + 0.1 * (12 - 10)     low 10 of row 0  10     13, 0.2
 *   2    15   12    10 + 0.2 * (13 - 10)     10              10      15, 0.2 (the most)
 *   3    16   14    10 + 0.2 * (15 - 10)     11, 12          11      16
 *   4    17   15    11 + 0.2 * (16 - 11)     12, 14          12      17
 *   5    18   12.5  12 + 0.2 * (17 - 12)     14, 15          13      low 12.5 is below: the trend
 *                                             turns; sar = 18, high of this row; extreme 12.5, 0.1
 *   6    14   12    18 - 0.1 * (18 - 12.5)   high 17, 18     18      12, 0.2
 *   7    13   11    18 - 0.2 * (18 - 12)     18, 14          18      11
 *   8    12   11    18 - 0.2 * (18 - 11)     14, 13          16.6    11
 *   9    17   12    16.6 - 0.2 * (16.6 - 11) 13, 12          15.48   17 is above it: sar = 11 */
static void psar_turns_as_worked_out_by_hand(void **state)
{
    (void)state;
    static const double bars[][3] = {{12, 10},   {13, 11}, {15, 12}, {16, 14}, {17, 15},
                                     {18, 12.5}, {14, 12}, {13, 11}, {12, 11}, {17, 12}};
    static const double want[] = {(double)NAN, 10, 10, 11, 12, 18, 18, 18, 16.6, 11};
    struct indicator_rows rows;
    run(&rows, "psar", (double[]){0.1, 0.2, 0, 0}, bars, MW_COUNT(bars));
    assert_rows(rows.out[0], want, MW_COUNT(want));
    indicator_rows_deinit(&rows);
}

/* n = 2, k = 1. The average begins as (2 + 4) / 2 in row 2, then (average + range) / 2.
 *
 *   row  high low close  range  average  middle  bands     kept bands   value, direction
 *   0    11   9   10
 *   1    12   10  11      2
 *   2    15   11  14      4      3        13      16 10     16 10        10  1  (14 >= 13)
 *   3    16   13  15      3      3        14.5    17.5 11.5 16 11.5      11.5  1
 *   4    16   9   10      7      5        12.5    17.5 7.5  16 11.5      16 -1  (10 <= 11.5)
 *   5    12   9   11      3      4        10.5    14.5 6.5  14.5 6.5     14.5 -1 (10 < 11.5)
 *   6    16   11  15      5      4.5      13.5    18 9      14.5 9       9  1  (15 > 14.5)
 *   7    15   14  14.5    1      2.75     14.5    17.25 11.75 17.25 11.75  11.75  1
 */
static void supertrend_turns_as_worked_out_by_hand(void **state)
{
    (void)state;
    static const double bars[][3] = {{11, 9, 10}, {12, 10, 11}, {15, 11, 14}, {16, 13, 15},
                                     {16, 9, 10}, {12, 9, 11},  {16, 11, 15}, {15, 14, 14.5}};
    const double none = (double)NAN;
    const double want[] = {none, none, 10, 11.5, 16, 14.5, 9, 11.75};
    const double directions[] = {none, none, 1, 1, -1, -1, 1, 1};
    struct indicator_rows rows;
    run(&rows, "supertrend", (double[]){2, 1, 0, 0}, bars, MW_COUNT(bars));
    assert_rows(rows.out[0], want, MW_COUNT(want));
    assert_rows(rows.out[1], directions, MW_COUNT(directions));
    indicator_rows_deinit(&rows);
}

static void a_step_beyond_the_most_is_refused(void **state)
{
    (void)state;
    struct mw_error err;
    const struct mw_indicator *indicator = mw_indicator_find("psar");
    assert_int_equal(mw_indicator_check(indicator, (double[]){0.3, 0.2}, &err), MW_EINVAL);
    assert_string_equal(err.message, "step must be at most max, got 0.3 and 0.2");
    assert_int_equal(mw_indicator_check(indicator, (double[]){0.2, 0.2}, &err), MW_OK);
    assert_int_equal(mw_indicator_check(indicator, (double[]){0.2, 1.01}, &err), MW_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(spy_has_the_published_values),
        cmocka_unit_test(jesse_has_the_same_last_values),
        cmocka_unit_test(psar_turns_as_worked_out_by_hand),
        cmocka_unit_test(supertrend_turns_as_worked_out_by_hand),
        cmocka_unit_test(a_step_beyond_the_most_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
