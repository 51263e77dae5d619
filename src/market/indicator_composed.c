/* indicator_composed.c - averages of averages: dema tema hma. */
#include "market/indicator_parts.h"

/* P. G. Mulloy: an average of averages tells how far the first one lags. The first value of the
 * first average is that of all (Skender; TA-Lib seeds each with a mean of the one before). */
struct repeated {
    struct mw_smooth first, second, third;
};

static size_t repeated_bytes(const double *params)
{
    (void)params;
    return sizeof(struct repeated);
}

static void repeated_init(void *state, const double *params)
{
    struct repeated *repeated = state;
    uint32_t n = (uint32_t)params[0];
    mw_smooth_init(&repeated->first, n, mw_share_ema(n));
    mw_smooth_init(&repeated->second, 1, mw_share_ema(n));
    mw_smooth_init(&repeated->third, 1, mw_share_ema(n));
}

static void dema_step(void *state, const double *in, double *out)
{
    struct repeated *dema = state;
    double first = mw_smooth_push(&dema->first, in[0]);
    double second = mw_smooth_push(&dema->second, first);
    out[0] = 2 * first - second;
}

const struct mw_indicator mw_indicator_dema = {
    .name = "dema",
    .inputs = "v",
    .outputs = "dema",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = repeated_bytes,
    .init = repeated_init,
    .step = dema_step,
};

static void tema_step(void *state, const double *in, double *out)
{
    struct repeated *tema = state;
    double first = mw_smooth_push(&tema->first, in[0]);
    double second = mw_smooth_push(&tema->second, first);
    double third = mw_smooth_push(&tema->third, second);
    out[0] = 3 * (first - second) + third;
}

const struct mw_indicator mw_indicator_tema = {
    .name = "tema",
    .inputs = "v",
    .outputs = "tema",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = repeated_bytes,
    .init = repeated_init,
    .step = tema_step,
};

/* A. Hull: the weighted average of sqrt(n) values of 2 * wma(n / 2) - wma(n), both rounded down. */
struct hma {
    struct mw_wma half, whole, smooth;
};

static uint32_t hma_smooth_n(const double *params)
{
    return (uint32_t)sqrt(params[0]);
}

static size_t hma_bytes(const double *params)
{
    size_t n = (size_t)params[0];
    return sizeof(struct hma) + (n / 2 + n + hma_smooth_n(params)) * sizeof(double);
}

static uint32_t hma_first(const double *params, uint32_t output)
{
    (void)output;
    return (uint32_t)params[0] - 1 + hma_smooth_n(params) - 1;
}

static void hma_init(void *state, const double *params)
{
    struct hma *hma = state;
    double *memory = (double *)(hma + 1);
    mw_wma_init(&hma->half, (uint32_t)params[0] / 2, &memory);
    mw_wma_init(&hma->whole, (uint32_t)params[0], &memory);
    mw_wma_init(&hma->smooth, hma_smooth_n(params), &memory);
}

static void hma_step(void *state, const double *in, double *out)
{
    struct hma *hma = state;
    double half = mw_wma_push(&hma->half, in[0]);
    double whole = mw_wma_push(&hma->whole, in[0]);
    out[0] = mw_wma_push(&hma->smooth, 2 * half - whole);
}

const struct mw_indicator mw_indicator_hma = {
    .name = "hma",
    .inputs = "v",
    .outputs = "hma",
    .params = {{"n", (double)NAN, 2, MW_INDICATOR_N_MAX, true}},
    .first = hma_first,
    .bytes = hma_bytes,
    .init = hma_init,
    .step = hma_step,
};
