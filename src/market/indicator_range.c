/* indicator_range.c - oscillators of bars: stoch willr cci mfi. */
#include "market/indicator_parts.h"

/* An input of a bar, which is known as a whole or not at all. */
static double known(double value, double other)
{
    return isnan(other) ? other : value;
}

/* G. Lane. */
struct stoch {
    struct mw_window highest, lowest;
    struct mw_mean k, d;
};

static size_t stoch_bytes(const double *params)
{
    size_t slots = 2 * (size_t)params[0] + (size_t)params[1] + (size_t)params[2];
    return sizeof(struct stoch) + slots * sizeof(double);
}

static uint32_t stoch_first(const double *params, uint32_t output)
{
    uint32_t k = (uint32_t)params[0] - 1 + (uint32_t)params[1] - 1;
    return output == 0 ? k : k + (uint32_t)params[2] - 1;
}

static void stoch_init(void *state, const double *params)
{
    struct stoch *stoch = state;
    double *memory = (double *)(stoch + 1);
    mw_window_init(&stoch->highest, (uint32_t)params[0], &memory);
    mw_window_init(&stoch->lowest, (uint32_t)params[0], &memory);
    mw_mean_init(&stoch->k, (uint32_t)params[1], &memory);
    mw_mean_init(&stoch->d, (uint32_t)params[2], &memory);
}

static void stoch_step(void *state, const double *in, double *out)
{
    struct stoch *stoch = state;
    double highest = mw_window_max(&stoch->highest, known(in[0], in[2]));
    double lowest = mw_window_min(&stoch->lowest, known(in[1], in[2]));
    out[0] = mw_mean_push(&stoch->k, mw_place(in[2], lowest, highest));
    out[1] = mw_mean_push(&stoch->d, out[0]);
}

const struct mw_indicator mw_indicator_stoch = {
    .name = "stoch",
    .inputs = "Bhlc",
    .outputs = "k d",
    .params = {MW_PERIOD("k", 14), MW_PERIOD("smooth", 3), MW_PERIOD("d", 3)},
    .first = stoch_first,
    .bytes = stoch_bytes,
    .init = stoch_init,
    .step = stoch_step,
};

/* L. Williams. */
struct willr {
    struct mw_window highest, lowest;
};

static size_t willr_bytes(const double *params)
{
    return sizeof(struct willr) + 2 * (size_t)params[0] * sizeof(double);
}

static void willr_init(void *state, const double *params)
{
    struct willr *willr = state;
    double *memory = (double *)(willr + 1);
    mw_window_init(&willr->highest, (uint32_t)params[0], &memory);
    mw_window_init(&willr->lowest, (uint32_t)params[0], &memory);
}

/* Always the fast %K less 100: -100 where that is 0 because the window is flat (Skender; TA-Lib
 * says 0). */
static void willr_step(void *state, const double *in, double *out)
{
    struct willr *willr = state;
    double highest = mw_window_max(&willr->highest, known(in[0], in[2]));
    double lowest = mw_window_min(&willr->lowest, known(in[1], in[2]));
    out[0] = mw_place(in[2], lowest, highest) - 100;
}

const struct mw_indicator mw_indicator_willr = {
    .name = "willr",
    .inputs = "Bhlc",
    .outputs = "willr",
    .params = {MW_PERIOD("n", 14)},
    .first = mw_indicator_first_window,
    .bytes = willr_bytes,
    .init = willr_init,
    .step = willr_step,
};

static double typical_price(const double *high_low_close)
{
    return (high_low_close[0] + high_low_close[1] + high_low_close[2]) / 3;
}

/* D. Lambert. */
struct cci {
    struct mw_mean mean;
    struct mw_ring prices;
};

static size_t cci_bytes(const double *params)
{
    return sizeof(struct cci) + 2 * (size_t)params[0] * sizeof(double);
}

static void cci_init(void *state, const double *params)
{
    struct cci *cci = state;
    double *memory = (double *)(cci + 1);
    mw_mean_init(&cci->mean, (uint32_t)params[0], &memory);
    mw_ring_init(&cci->prices, (uint32_t)params[0], &memory);
}

/* The mean distance from a mean that moves is made anew: n steps a row. In a flat window it is 0
 * (TA-Lib; Skender says nothing); a mean that rounding moved a little must not make it a signal. */
static void cci_step(void *state, const double *in, double *out)
{
    struct cci *cci = state;
    double price = typical_price(in), mean = mw_mean_push(&cci->mean, price);
    mw_ring_push(&cci->prices, price);
    out[0] = mean;
    if (isnan(mean))
        return;
    double distance = 0;
    bool flat = true;
    for (uint32_t i = 0; i < cci->prices.n; i++) {
        distance += fabs(cci->prices.slots[i] - mean);
        flat = flat && cci->prices.slots[i] == price;
    }
    out[0] = flat ? 0 : (price - mean) / (0.015 * (distance / cci->prices.n));
}

const struct mw_indicator mw_indicator_cci = {
    .name = "cci",
    .inputs = "Bhlc",
    .outputs = "cci",
    .params = {MW_PERIOD("n", 20)},
    .first = mw_indicator_first_window,
    .bytes = cci_bytes,
    .init = cci_init,
    .step = cci_step,
};

/* G. Quong, A. Soudack: an RSI of money that flows, with sums in place of averages. */
struct mfi {
    struct mw_window in, out;
    double previous;
};

static size_t mfi_bytes(const double *params)
{
    return sizeof(struct mfi) + 2 * (size_t)params[0] * sizeof(double);
}

static void mfi_init(void *state, const double *params)
{
    struct mfi *mfi = state;
    double *memory = (double *)(mfi + 1);
    mw_window_init(&mfi->in, (uint32_t)params[0], &memory);
    mw_window_init(&mfi->out, (uint32_t)params[0], &memory);
    mfi->previous = (double)NAN;
}

/* Where nothing flows out it is 100 (Skender; TA-Lib says 0 where less than 1 flows at all). */
static void mfi_step(void *state, const double *in, double *out)
{
    struct mfi *mfi = state;
    double price = typical_price(in), flow = price * in[3], moved = price - mfi->previous;
    bool whole = !isnan(flow) && !isnan(moved);
    double gain = mw_window_sum(&mfi->in, whole ? (moved > 0 ? flow : 0) : (double)NAN);
    double loss = mw_window_sum(&mfi->out, whole ? (moved < 0 ? flow : 0) : (double)NAN);
    mfi->previous = known(price, in[3]);
    out[0] = loss == 0 ? 100 : 100 * gain / (gain + loss);
}

const struct mw_indicator mw_indicator_mfi = {
    .name = "mfi",
    .inputs = "Bhlcv",
    .outputs = "mfi",
    .params = {MW_PERIOD("n", 14)},
    .first = mw_indicator_first_change,
    .bytes = mfi_bytes,
    .init = mfi_init,
    .step = mfi_step,
};
