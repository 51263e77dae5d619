/* indicator_average.c - moving averages. */
#include "market/indicator_parts.h"

struct sma {
    struct mw_window window;
};

static size_t sma_bytes(const double *params)
{
    return sizeof(struct sma) + (size_t)params[0] * sizeof(double);
}

static void sma_init(void *state, const double *params)
{
    struct sma *sma = state;
    double *memory = (double *)(sma + 1);
    mw_window_init(&sma->window, (uint32_t)params[0], &memory);
}

static void sma_step(void *state, const double *in, double *out)
{
    struct sma *sma = state;
    out[0] = mw_window_sum(&sma->window, in[0]) / sma->window.n;
}

const struct mw_indicator mw_indicator_sma = {
    .name = "sma",
    .inputs = "v",
    .outputs = "sma",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = sma_bytes,
    .init = sma_init,
    .step = sma_step,
};

static size_t ema_bytes(const double *params)
{
    (void)params;
    return sizeof(struct mw_smooth);
}

static void ema_init(void *state, const double *params)
{
    mw_smooth_init(state, (uint32_t)params[0], mw_share_ema((uint32_t)params[0]));
}

static void ema_step(void *state, const double *in, double *out)
{
    out[0] = mw_smooth_push(state, in[0]);
}

const struct mw_indicator mw_indicator_ema = {
    .name = "ema",
    .inputs = "v",
    .outputs = "ema",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = ema_bytes,
    .init = ema_init,
    .step = ema_step,
};
