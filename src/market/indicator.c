/* indicator.c - the table of indicators, and what is the same for all of them. */
#include "market/indicator.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "market/indicator_parts.h"

#define ADDRESS(name) &mw_indicator_##name,
static const struct mw_indicator *const indicators[] = {MW_INDICATOR_LIST(ADDRESS)};
#undef ADDRESS

const struct mw_indicator *const *mw_indicators(uint32_t *count)
{
    *count = MW_COUNT(indicators);
    return indicators;
}

const struct mw_indicator *mw_indicator_find(const char *name)
{
    size_t begin = 0, end = MW_COUNT(indicators);
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = strcmp(name, indicators[middle]->name);
        if (order == 0)
            return indicators[middle];
        if (order < 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return NULL;
}

uint32_t mw_indicator_param_count(const struct mw_indicator *indicator)
{
    uint32_t count = 0;
    while (count < MW_INDICATOR_PARAMS_MAX && indicator->params[count].name != NULL)
        count++;
    return count;
}

uint32_t mw_indicator_input_count(const struct mw_indicator *indicator)
{
    size_t length = strlen(indicator->inputs);
    return (uint32_t)(indicator->inputs[0] == 'B' ? length - 1 : length);
}

uint32_t mw_indicator_output_count(const struct mw_indicator *indicator)
{
    uint32_t count = 1;
    for (const char *at = indicator->outputs; *at != '\0'; at++)
        count += *at == ' ';
    return count;
}

char *mw_indicator_output_name(const struct mw_indicator *indicator, uint32_t output, char *name)
{
    const char *begin = indicator->outputs;
    for (uint32_t i = 0; i < output; i++) {
        begin = strchr(begin, ' ');
        MW_CHECK(begin != NULL);
        begin++;
    }
    size_t length = strcspn(begin, " ");
    MW_CHECK(length < MW_INDICATOR_NAME_BYTES);
    memcpy(name, begin, length);
    name[length] = '\0';
    return name;
}

static mw_status check_param(const struct mw_indicator_param *param, double value,
                             struct mw_error *err)
{
    bool fits = value >= param->least && value <= param->most; /* false for a NaN */
    if (fits && (!param->whole || value == floor(value)))
        return MW_OK;
    char least[MW_DECIMAL_TEXT_BYTES], most[MW_DECIMAL_TEXT_BYTES], got[MW_DECIMAL_TEXT_BYTES];
    return mw_fail(err, MW_EINVAL, "%s must be %s from %s to %s, got %s", param->name,
                   param->whole ? "an integer" : "a number", mw_decimal_format(param->least, least),
                   mw_decimal_format(param->most, most), mw_decimal_format(value, got));
}

mw_status mw_indicator_check(const struct mw_indicator *indicator, const double *params,
                             struct mw_error *err)
{
    uint32_t count = mw_indicator_param_count(indicator);
    for (uint32_t i = 0; i < count; i++) {
        mw_status status = check_param(&indicator->params[i], params[i], err);
        if (status != MW_OK)
            return status;
    }
    return indicator->check == NULL ? MW_OK : indicator->check(params, err);
}

size_t mw_indicator_bytes(const struct mw_indicator *indicator, const double *params)
{
    return indicator->bytes(params);
}

uint32_t mw_indicator_first_window(const double *params, uint32_t output)
{
    (void)output;
    return (uint32_t)params[0] - 1;
}

uint32_t mw_indicator_first_change(const double *params, uint32_t output)
{
    (void)output;
    return (uint32_t)params[0];
}

mw_status mw_indicator_check_order(double fast, double slow, struct mw_error *err)
{
    if (fast < slow)
        return MW_OK;
    char texts[2][MW_DECIMAL_TEXT_BYTES];
    return mw_fail(err, MW_EINVAL, "fast must be less than slow, got %s and %s",
                   mw_decimal_format(fast, texts[0]), mw_decimal_format(slow, texts[1]));
}

void mw_indicator_fill_nan(double *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (double)NAN;
}

double mw_smooth_seed(struct mw_smooth *smooth, double value)
{
    if (smooth->count == 0 && isnan(value))
        return value;
    mw_sum_add(&smooth->seed, value);
    if (++smooth->count == smooth->n)
        smooth->value = mw_sum_value(&smooth->seed) / smooth->n;
    return smooth->value;
}

static void run_steps(const struct mw_indicator *indicator, const struct mw_indicator_call *call)
{
    uint32_t inputs = mw_indicator_input_count(indicator);
    uint32_t outputs = mw_indicator_output_count(indicator);
    double in[MW_INDICATOR_COLUMNS_MAX], out[MW_INDICATOR_COLUMNS_MAX];
    indicator->init(call->state, call->params);
    for (uint32_t row = 0; row < call->count; row++) {
        for (uint32_t i = 0; i < inputs; i++)
            in[i] = call->in[i][row];
        indicator->step(call->state, in, out);
        for (uint32_t i = 0; i < outputs; i++)
            call->out[i][row] = out[i];
    }
}

/* The first row that has all inputs, or `count`. */
static uint32_t find_begin(const struct mw_indicator_call *call, uint32_t inputs)
{
    uint32_t row = 0;
    for (uint32_t i = 0; i < inputs && row < call->count;) {
        if (!isnan(call->in[i][row])) {
            i++;
            continue;
        }
        row++;
        i = 0;
    }
    return row;
}

void mw_indicator_run(const struct mw_indicator *indicator, const struct mw_indicator_call *call)
{
    uint32_t inputs = mw_indicator_input_count(indicator);
    uint32_t outputs = mw_indicator_output_count(indicator);
    uint32_t begin = find_begin(call, inputs);
    const double *in[MW_INDICATOR_COLUMNS_MAX];
    double *out[MW_INDICATOR_COLUMNS_MAX];
    for (uint32_t i = 0; i < inputs; i++)
        in[i] = call->in[i] + begin;
    for (uint32_t i = 0; i < outputs; i++) {
        mw_indicator_fill_nan(call->out[i], begin);
        out[i] = call->out[i] + begin;
    }
    if (begin == call->count)
        return;
    const struct mw_indicator_call rest = {call->params, in, out, call->count - begin, call->state};
    if (indicator->run != NULL)
        indicator->run(&rest);
    else
        run_steps(indicator, &rest);
}
