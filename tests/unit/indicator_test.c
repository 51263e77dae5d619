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
#include "market/indicator.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_and_finds_each_by_name),
        cmocka_unit_test(each_description_is_complete),
        cmocka_unit_test(a_period_is_an_integer_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
