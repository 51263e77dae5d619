/* indicator_test.c - the table of indicators: names, parameters, what all of them have to do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/limits.h"
#include "indicator_rows.h"
#include "market/indicator.h"

enum { ROUNDS = 25, ROWS = 160, BLANKS = 5 };

static const double error_max = 1e-12; /* between steps and a run */

static void the_table_is_sorted_and_finds_each_by_name(void **state)
{
    (void)state;
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    assert_true(count >= 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || strcmp(all[i - 1]->name, all[i]->name) < 0);
        assert_ptr_equal(mw_indicator_find(all[i]->name), all[i]);
    }
    assert_null(mw_indicator_find(""));
    assert_null(mw_indicator_find("smb"));
    assert_null(mw_indicator_find("zzz"));
}

static void each_description_is_complete(void **state)
{
    (void)state;
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    for (uint32_t i = 0; i < count; i++) {
        const struct mw_indicator *indicator = all[i];
        char name[MW_INDICATOR_NAME_BYTES];
        bool bars = indicator->inputs[0] == 'B';
        uint32_t inputs = mw_indicator_input_count(indicator);
        uint32_t outputs = mw_indicator_output_count(indicator);
        assert_in_range(inputs, 1, MW_INDICATOR_COLUMNS_MAX);
        assert_in_range(outputs, 1, MW_INDICATOR_COLUMNS_MAX);
        if (bars)
            assert_int_equal(strspn(indicator->inputs + 1, "ohlcvt"), inputs);
        else
            assert_int_equal(strncmp(indicator->inputs, "vw", inputs), 0);
        for (uint32_t output = 0; output < outputs; output++)
            assert_true(strlen(mw_indicator_output_name(indicator, output, name)) > 0);
        for (uint32_t p = 0; p < mw_indicator_param_count(indicator); p++) {
            const struct mw_indicator_param *param = &indicator->params[p];
            assert_true(param->least <= param->most);
            assert_true(isnan(param->usual) ||
                        (param->usual >= param->least && param->usual <= param->most));
        }
        assert_true(indicator->first && indicator->bytes && indicator->init && indicator->step);
    }
}

static void a_period_is_an_integer_within_bounds(void **state)
{
    (void)state;
    const struct mw_indicator *sma = mw_indicator_find("sma");
    const double good[] = {1, 20, MW_INDICATOR_N_MAX};
    const double bad[] = {0, -1, 1.5, MW_INDICATOR_N_MAX + 1.0, (double)INFINITY, (double)NAN};
    struct mw_error err;
    for (size_t i = 0; i < MW_COUNT(good); i++)
        assert_int_equal(mw_indicator_check(sma, &good[i], NULL), MW_OK);
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_int_equal(mw_indicator_check(sma, &bad[i], &err), MW_EINVAL);
    assert_int_equal(mw_indicator_check(sma, &bad[2], &err), MW_EINVAL);
    assert_string_equal(err.message, "n must be an integer from 1 to 1048576, got 1.5");
}

/* Calls `fn` for every indicator, several times, with small parameters that go together. */
static void each(void (*fn)(struct indicator_rows *rows, struct mw_random *random))
{
    struct mw_random random = {5};
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    for (uint32_t i = 0; i < count * ROUNDS; i++) {
        const struct mw_indicator *indicator = all[i / ROUNDS];
        double params[MW_INDICATOR_PARAMS_MAX] = {0};
        do {
            for (uint32_t p = 0; p < mw_indicator_param_count(indicator); p++) {
                const struct mw_indicator_param *param = &indicator->params[p];
                double most = fmin(param->most, param->least + 11);
                double value = param->least + (most - param->least) * mw_random_unit(&random);
                params[p] = param->whole ? floor(value + 0.5) : value;
            }
        } while (mw_indicator_check(indicator, params, NULL) != MW_OK);
        struct indicator_rows rows;
        indicator_rows_init(&rows, indicator, params, ROWS);
        indicator_rows_fill(&rows, &random);
        fn(&rows, &random);
        indicator_rows_deinit(&rows);
    }
}

/* The same rows with `count` of them from `begin`; all is the caller's to free. */
static struct indicator_rows copy(const struct indicator_rows *rows, uint32_t begin, uint32_t count)
{
    struct indicator_rows part;
    indicator_rows_init(&part, rows->indicator, rows->params, count);
    for (uint32_t i = 0; i < part.input_count; i++)
        memcpy(part.in[i], rows->in[i] + begin, count * sizeof(double));
    return part;
}

static void check_steps(struct indicator_rows *rows, struct mw_random *random)
{
    (void)random;
    struct indicator_rows steps = copy(rows, 0, rows->count);
    indicator_rows_run(rows);
    indicator_rows_step(&steps);
    indicator_rows_compare(rows, &steps, (struct indicator_span){0, 0, rows->count, error_max});
    indicator_rows_deinit(&steps);
}

static void steps_give_what_a_run_gives(void **state)
{
    (void)state;
    each(check_steps);
}

static void check_first(struct indicator_rows *rows, struct mw_random *random)
{
    (void)random;
    indicator_rows_run(rows);
    for (uint32_t output = 0; output < rows->output_count; output++) {
        uint32_t first = rows->indicator->first(rows->params, output);
        assert_in_range(first, 0, ROWS - 1);
        for (uint32_t row = 0; row <= first; row++)
            if (isnan(rows->out[output][row]) != (row < first))
                fail_msg("%s(%g, %g, %g), output %u: row %u is %g, the first one is %u",
                         rows->indicator->name, rows->params[0], rows->params[1], rows->params[2],
                         output, row, rows->out[output][row], first);
    }
}

static void the_first_row_with_a_value_is_the_one_that_is_told(void **state)
{
    (void)state;
    each(check_first);
}

static void check_cut(struct indicator_rows *rows, struct mw_random *random)
{
    uint32_t count = (uint32_t)(mw_random_next(random) % ROWS);
    struct indicator_rows part = copy(rows, 0, count);
    indicator_rows_run(rows);
    indicator_rows_run(&part);
    indicator_rows_compare(rows, &part, (struct indicator_span){0, 0, count, 0});
    indicator_rows_deinit(&part);
}

static void no_row_depends_on_a_later_one(void **state)
{
    (void)state;
    each(check_cut);
}

static void blank(struct indicator_rows *rows, uint32_t input, uint32_t begin, uint32_t end)
{
    for (uint32_t row = begin; row < end; row++)
        rows->in[input][row] = (double)NAN;
}

static void check_blanks_in_front(struct indicator_rows *rows, struct mw_random *random)
{
    struct indicator_rows rest = copy(rows, BLANKS, ROWS - BLANKS);
    /* All of a row are missing, or one of them is enough. */
    uint32_t only = (uint32_t)(mw_random_next(random) % (rows->input_count + 1));
    for (uint32_t i = 0; i < rows->input_count; i++)
        if (only == i || only == rows->input_count)
            blank(rows, i, 0, BLANKS);
    struct indicator_rows nothing = copy(rows, 0, BLANKS);
    check_steps(rows, random);
    indicator_rows_run(&rest);
    indicator_rows_compare(rows, &rest,
                           (struct indicator_span){BLANKS, 0, ROWS - BLANKS, error_max});
    indicator_rows_run(&nothing);
    for (uint32_t i = 0; i < rows->output_count; i++)
        for (uint32_t row = 0; row < BLANKS; row++)
            assert_true(isnan(nothing.out[i][row]) && isnan(rows->out[i][row]));
    indicator_rows_deinit(&nothing);
    indicator_rows_deinit(&rest);
}

static void rows_count_from_the_first_one_that_is_known(void **state)
{
    (void)state;
    each(check_blanks_in_front);
}

/* Only windows and changes depend on it: a NaN is forgotten. */
static bool heals(const char *name)
{
    static const char *const names[] = {"bbands", "cci",    "cmf",   "donchian", "highest",
                                        "hma",    "lowest", "mfi",   "mom",      "roc",
                                        "sma",    "stddev", "stoch", "willr",    "wma"};
    for (size_t i = 0; i < MW_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Every value is made of all those before it: a NaN stays. */
static bool stays(const char *name)
{
    static const char *const names[] = {"dema", "ema", "kama",     "macd",
                                        "rma",  "rsi", "stochrsi", "tema"};
    for (size_t i = 0; i < MW_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void check_blank_within(struct indicator_rows *rows, struct mw_random *random)
{
    struct indicator_rows whole = copy(rows, 0, ROWS);
    uint32_t at = 2 + (uint32_t)(mw_random_next(random) % 100); /* changes begin in row 1 */
    for (uint32_t i = 0; i < rows->input_count; i++)
        blank(rows, i, at, at + 1);
    indicator_rows_run(&whole);
    check_steps(rows, random);
    indicator_rows_compare(rows, &whole, (struct indicator_span){0, 0, at, 0});
    if (heals(rows->indicator->name)) /* from 60 rows behind it, of which windows have 33 */
        indicator_rows_compare(rows, &whole, (struct indicator_span){ROWS - 1, ROWS - 1, 1, 1e-11});
    for (uint32_t i = 0; i < rows->output_count && stays(rows->indicator->name); i++)
        assert_true(isnan(rows->out[i][ROWS - 1]));
    indicator_rows_deinit(&whole);
}

static void a_nan_within_leaves_windows_and_stays_in_averages_of_all(void **state)
{
    (void)state;
    each(check_blank_within);
}

/* Before there is a change to count, one value is known: both forms count from behind the hole. */
static void check_blank_in_second_row(struct indicator_rows *rows, struct mw_random *random)
{
    blank(rows, (uint32_t)(mw_random_next(random) % rows->input_count), 1, 2);
    check_steps(rows, random);
}

static void a_nan_in_the_second_row_is_the_same_to_both_forms(void **state)
{
    (void)state;
    each(check_blank_in_second_row);
}

static void check_few(struct indicator_rows *rows, struct mw_random *random)
{
    double nothing = 42;
    double *const out[] = {&nothing, &nothing, &nothing, &nothing, &nothing};
    const double *const in[] = {&nothing, &nothing, &nothing, &nothing, &nothing};
    void *memory = mw_alloc(mw_indicator_bytes(rows->indicator, rows->params));
    const struct mw_indicator_call call = {rows->params, in, out, 0, memory};
    mw_indicator_run(rows->indicator, &call);
    assert_true(nothing == 42);
    mw_free(memory);
    for (uint32_t count = 1; count < 4; count++) {
        struct indicator_rows few = copy(rows, 0, count);
        check_steps(&few, random);
        for (uint32_t i = 0; i < few.output_count; i++)
            for (uint32_t row = 0; row < count; row++)
                if (row < few.indicator->first(few.params, i))
                    assert_true(isnan(few.out[i][row]));
        indicator_rows_deinit(&few);
    }
}

static void few_rows_and_none_are_fine(void **state)
{
    (void)state;
    each(check_few);
}

static void check_constant(struct indicator_rows *rows, struct mw_random *random)
{
    static const double values[] = {100, 0.1, 0};
    indicator_rows_fill_constant(rows, values[mw_random_next(random) % MW_COUNT(values)]);
    check_steps(rows, random);
    for (uint32_t i = 0; i < rows->output_count; i++)
        for (uint32_t row = 0; row < ROWS; row++)
            assert_true(isinf(rows->out[i][row]) == 0);
}

static void a_flat_market_gives_no_infinity(void **state)
{
    (void)state;
    each(check_constant);
}

static void parameters_at_their_bounds_are_fine(void **state)
{
    (void)state;
    struct mw_random random = {6};
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    for (uint32_t i = 0; i < count * 16; i++) {
        const struct mw_indicator *indicator = all[i / 16];
        uint32_t param_count = mw_indicator_param_count(indicator);
        double params[MW_INDICATOR_PARAMS_MAX] = {0};
        for (uint32_t p = 0; p < param_count; p++)
            params[p] = i >> p & 1 ? indicator->params[p].most : indicator->params[p].least;
        if (i % 16 >> param_count != 0 || mw_indicator_check(indicator, params, NULL) != MW_OK)
            continue;
        struct indicator_rows rows;
        indicator_rows_init(&rows, indicator, params, 40);
        indicator_rows_fill(&rows, &random);
        check_steps(&rows, &random);
        indicator_rows_deinit(&rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_and_finds_each_by_name),
        cmocka_unit_test(each_description_is_complete),
        cmocka_unit_test(a_period_is_an_integer_within_bounds),
        cmocka_unit_test(steps_give_what_a_run_gives),
        cmocka_unit_test(the_first_row_with_a_value_is_the_one_that_is_told),
        cmocka_unit_test(no_row_depends_on_a_later_one),
        cmocka_unit_test(rows_count_from_the_first_one_that_is_known),
        cmocka_unit_test(a_nan_within_leaves_windows_and_stays_in_averages_of_all),
        cmocka_unit_test(a_nan_in_the_second_row_is_the_same_to_both_forms),
        cmocka_unit_test(few_rows_and_none_are_fine),
        cmocka_unit_test(a_flat_market_gives_no_infinity),
        cmocka_unit_test(parameters_at_their_bounds_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
