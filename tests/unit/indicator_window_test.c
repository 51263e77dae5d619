/* indicator_window_test.c - extremes, sums, shifts and crosses against plain formulas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_formula.h"

enum { MILLION = 1000000 };

static const double *window_of(const struct indicator_rows *rows, uint32_t begin, uint32_t row)
{
    uint32_t n = (uint32_t)rows->params[0];
    return row + 1 < begin + n ? NULL : rows->in[0] + row + 1 - n;
}

static double highest(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                      uint32_t output)
{
    (void)output;
    const double *window = window_of(rows, begin, row);
    return window == NULL ? (double)NAN : formula_extreme(window, (uint32_t)rows->params[0], 1);
}

static double lowest(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                     uint32_t output)
{
    (void)output;
    const double *window = window_of(rows, begin, row);
    return window == NULL ? (double)NAN : formula_extreme(window, (uint32_t)rows->params[0], -1);
}

static double rolling_sum(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                          uint32_t output)
{
    (void)output;
    const double *window = window_of(rows, begin, row);
    long double sum = 0;
    for (uint32_t i = 0; window != NULL && i < (uint32_t)rows->params[0]; i++)
        sum += (long double)window[i];
    return window == NULL ? (double)NAN : (double)sum;
}

static double cumsum(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                     uint32_t output)
{
    (void)output;
    long double sum = 0;
    for (uint32_t i = begin; i <= row; i++)
        sum += (long double)rows->in[0][i];
    return (double)sum;
}

static double shift(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                    uint32_t output)
{
    (void)output;
    uint32_t n = (uint32_t)rows->params[0];
    return row < begin + n ? (double)NAN : rows->in[0][row - n];
}

static double diff(const struct indicator_rows *rows, uint32_t begin, uint32_t row, uint32_t output)
{
    return rows->in[0][row] - shift(rows, begin, row, output);
}

/* Which side a row is on: 1 above, -1 below, 0 equal. */
static double side(const struct indicator_rows *rows, uint32_t row)
{
    double a = rows->in[0][row], b = rows->in[1][row];
    return isnan(a) || isnan(b) ? (double)NAN : a > b ? 1 : a < b ? -1 : 0;
}

static double crosses_to(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                         double which)
{
    if (row == begin || isnan(side(rows, row)) || isnan(side(rows, row - 1)))
        return (double)NAN;
    return side(rows, row) == which && side(rows, row - 1) != which ? 1 : 0;
}

static double cross_above(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                          uint32_t output)
{
    (void)output;
    return crosses_to(rows, begin, row, 1);
}

static double cross_below(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                          uint32_t output)
{
    (void)output;
    return crosses_to(rows, begin, row, -1);
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    static const double periods[] = {1, 2, 3, 7, 20, 60};
    for (size_t i = 0; i < MW_COUNT(periods); i++) {
        const double params[MW_INDICATOR_PARAMS_MAX] = {periods[i]};
        formula_check("highest", params, highest);
        formula_check("lowest", params, lowest);
        formula_check("rolling_sum", params, rolling_sum);
        formula_check("shift", params, shift);
        formula_check("diff", params, diff);
    }
    formula_check("shift", (double[]){0, 0, 0, 0}, shift);
    formula_check("cumsum", NULL, cumsum);
    formula_check("cross_above", NULL, cross_above);
    formula_check("cross_below", NULL, cross_below);
}

static void init(struct indicator_rows *rows, const char *name, double n, const double *values,
                 uint32_t count)
{
    const double params[MW_INDICATOR_PARAMS_MAX] = {n};
    indicator_rows_init(rows, mw_indicator_find(name), params, count);
    for (uint32_t row = 0; row < count; row++)
        rows->in[0][row] = values[row];
}

static void assert_results(const struct indicator_rows *rows, const double *want)
{
    for (uint32_t row = 0; row < rows->count; row++) {
        double got = rows->out[0][row];
        if (isnan(want[row]) ? !isnan(got) : got != want[row])
            fail_msg("%s, row %u: got %.17g, want %.17g", rows->indicator->name, row, got,
                     want[row]);
    }
}

/* A row that is equal is on neither side: reaching it is no cross, leaving it is one. */
static void crosses_are_those_worked_out_by_hand(void **state)
{
    (void)state;
    const double none = (double)NAN;
    const double a[] = {none, 1, 3, 3, 1, 2, 2, 3, 2, 3, 2, 1, none, 3, 1};
    const double b[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    const double above[] = {none, none, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, none, none, 0};
    const double below[] = {none, none, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, none, none, 1};
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find("cross_above"), NULL, MW_COUNT(a));
    for (uint32_t row = 0; row < rows.count; row++) {
        rows.in[0][row] = a[row];
        rows.in[1][row] = b[row];
    }
    indicator_rows_run(&rows);
    assert_results(&rows, above);
    rows.indicator = mw_indicator_find("cross_below");
    indicator_rows_run(&rows);
    assert_results(&rows, below);
    indicator_rows_step(&rows);
    assert_results(&rows, below);
    indicator_rows_deinit(&rows);
}

static void extremes_and_sums_take_infinities_and_let_them_go(void **state)
{
    (void)state;
    const double none = (double)NAN, most = (double)INFINITY;
    const double values[] = {1, most, 2, 4, -most, 3, 5, 6};
    const double high[] = {none, most, most, 4, 4, 3, 5, 6};
    const double low[] = {none, 1, 2, 2, -most, -most, 3, 5};
    const double sum[] = {none, most, most, 6, -most, -most, 8, 11};
    struct indicator_rows rows;
    init(&rows, "highest", 2, values, MW_COUNT(values));
    indicator_rows_run(&rows);
    assert_results(&rows, high);
    rows.indicator = mw_indicator_find("lowest");
    indicator_rows_run(&rows);
    assert_results(&rows, low);
    rows.indicator = mw_indicator_find("rolling_sum");
    indicator_rows_run(&rows);
    assert_results(&rows, sum);
    indicator_rows_deinit(&rows);
}

static void a_shift_into_the_future_is_refused(void **state)
{
    (void)state;
    struct mw_error err;
    const struct mw_indicator *indicator = mw_indicator_find("shift");
    assert_int_equal(mw_indicator_check(indicator, (double[]){0}, &err), MW_OK);
    assert_int_equal(mw_indicator_check(indicator, (double[]){-1}, &err), MW_EINVAL);
    assert_string_equal(err.message, "n must be an integer from 0 to 1048576, got -1");
    assert_int_equal(mw_indicator_check(mw_indicator_find("diff"), (double[]){0}, &err), MW_EINVAL);
}

/* A walk of whole numbers with jumps far beyond what the sums come to. */
static void a_million_sums_do_not_drift(void **state)
{
    (void)state;
    struct mw_random random = {11};
    struct indicator_rows rows;
    const uint32_t n = 30;
    indicator_rows_init(&rows, mw_indicator_find("rolling_sum"), (double[]){n, 0, 0, 0}, MILLION);
    int64_t *sums = mw_alloc(MILLION * sizeof(*sums)), sum = 0;
    for (uint32_t i = 0; i < MILLION; i++) {
        int64_t value = (int64_t)(mw_random_next(&random) % 1000001) - 500000;
        value += i % 1009 == 0 ? INT64_C(1) << 45 : 0;
        rows.in[0][i] = (double)value / 1024;
        sums[i] = sum += value;
    }
    indicator_rows_run(&rows);
    for (uint32_t i = n; i < MILLION; i++)
        assert_true(rows.out[0][i] == (double)(sums[i] - sums[i - n]) / 1024);
    rows.indicator = mw_indicator_find("cumsum");
    indicator_rows_run(&rows);
    for (uint32_t i = 0; i < MILLION; i++)
        assert_true(rows.out[0][i] == (double)sums[i] / 1024);
    mw_free(sums);
    indicator_rows_deinit(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(crosses_are_those_worked_out_by_hand),
        cmocka_unit_test(extremes_and_sums_take_infinities_and_let_them_go),
        cmocka_unit_test(a_shift_into_the_future_is_refused),
        cmocka_unit_test(a_million_sums_do_not_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
