/* indicator_oscillator.c - oscillators of one column: mom roc rsi macd stochrsi. */
#include "market/indicator_parts.h"

static size_t ring_bytes(const double *params)
{
    return sizeof(struct mw_ring) + (size_t)params[0] * sizeof(double);
}

static void ring_init(void *state, const double *params)
{
    struct mw_ring *ring = state;
    double *memory = (double *)(ring + 1);
    mw_ring_init(ring, (uint32_t)params[0], &memory);
}

static void mom_step(void *state, const double *in, double *out)
{
    out[0] = in[0] - mw_ring_push(state, in[0]);
}

static void mom_run(const struct mw_indicator_call *call)
{
    const double *in = call->in[0];
    uint32_t n = (uint32_t)call->params[0];
    mw_indicator_fill_nan(call->out[0], n < call->count ? n : call->count);
    for (size_t row = n; row < call->count; row++)
        call->out[0][row] = in[row] - in[row - n];
}

const struct mw_indicator mw_indicator_mom = {
    .name = "mom",
    .inputs = "v",
    .outputs = "mom",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_change,
    .bytes = ring_bytes,
    .init = ring_init,
    .step = mom_step,
    .run = mom_run,
};

/* From 0 there is no change in per cent: NaN (Skender; TA-Lib says 0). */
static inline double change(double value, double oldest)
{
    return oldest == 0 ? (double)NAN : 100 * (value - oldest) / oldest;
}

static void roc_step(void *state, const double *in, double *out)
{
    out[0] = change(in[0], mw_ring_push(state, in[0]));
}

static void roc_run(const struct mw_indicator_call *call)
{
    const double *in = call->in[0];
    uint32_t n = (uint32_t)call->params[0];
    mw_indicator_fill_nan(call->out[0], n < call->count ? n : call->count);
    for (size_t row = n; row < call->count; row++)
        call->out[0][row] = change(in[row], in[row - n]);
}

const struct mw_indicator mw_indicator_roc = {
    .name = "roc",
    .inputs = "v",
    .outputs = "roc",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_change,
    .bytes = ring_bytes,
    .init = ring_init,
    .step = roc_step,
    .run = roc_run,
};

/* J. W. Wilder. */
struct rsi {
    struct mw_smooth gain, loss;
    double previous;
};

static void rsi_begin(struct rsi *rsi, uint32_t n)
{
    mw_smooth_init(&rsi->gain, n, mw_share_wilder(n));
    mw_smooth_init(&rsi->loss, n, mw_share_wilder(n));
    rsi->previous = (double)NAN;
}

/* 100 - 100 / (1 + gain / loss). Without any loss it is 100, in a flat market too (Skender; TA-Lib
 * says 0 there). */
static inline double rsi_value(double gain, double loss)
{
    return loss == 0 ? 100 : 100 * gain / (gain + loss);
}

/* Twice the gain of a change, and twice its loss; both are NaN where that is. */
static inline double gain_twice(double change)
{
    return fabs(change) + change;
}

static inline double loss_twice(double change)
{
    return fabs(change) - change;
}

static double rsi_push(struct rsi *rsi, double value)
{
    double moved = value - rsi->previous;
    rsi->previous = value;
    double gain = mw_smooth_push(&rsi->gain, gain_twice(moved));
    double loss = mw_smooth_push(&rsi->loss, loss_twice(moved));
    return rsi_value(gain, loss);
}

static size_t rsi_bytes(const double *params)
{
    (void)params;
    return sizeof(struct rsi);
}

static void rsi_init(void *state, const double *params)
{
    rsi_begin(state, (uint32_t)params[0]);
}

static void rsi_step(void *state, const double *in, double *out)
{
    out[0] = rsi_push(state, in[0]);
}

static void rsi_run(const struct mw_indicator_call *call)
{
    const double *in = call->in[0];
    double *out = call->out[0];
    uint32_t n = (uint32_t)call->params[0], row = 0;
    struct rsi rsi;
    rsi_begin(&rsi, n);
    for (; row < call->count && rsi.gain.count < n; row++)
        out[row] = rsi_push(&rsi, in[row]);
    double gain = rsi.gain.value, loss = rsi.loss.value, share = rsi.gain.share;
    for (; row < call->count; row++) {
        double moved = in[row] - in[row - 1];
        gain = mw_smooth_next(gain, share, gain_twice(moved));
        loss = mw_smooth_next(loss, share, loss_twice(moved));
        out[row] = rsi_value(gain, loss);
    }
}

const struct mw_indicator mw_indicator_rsi = {
    .name = "rsi",
    .inputs = "v",
    .outputs = "rsi",
    .params = {MW_PERIOD("n", 14)},
    .first = mw_indicator_first_change,
    .bytes = rsi_bytes,
    .init = rsi_init,
    .step = rsi_step,
    .run = rsi_run,
};

/* G. Appel. */
struct macd {
    struct mw_smooth fast, slow, signal;
};

enum { FAST, SLOW, SIGNAL }; /* parameters */

static mw_status macd_check(const double *params, struct mw_error *err)
{
    return mw_indicator_check_order(params[FAST], params[SLOW], err);
}

static uint32_t macd_first(const double *params, uint32_t output)
{
    return (uint32_t)params[SLOW] - 1 + (output == 0 ? 0 : (uint32_t)params[SIGNAL] - 1);
}

static size_t macd_bytes(const double *params)
{
    (void)params;
    return sizeof(struct macd);
}

static void macd_init(void *state, const double *params)
{
    struct macd *macd = state;
    mw_smooth_init(&macd->fast, (uint32_t)params[FAST], mw_share_ema((uint32_t)params[FAST]));
    mw_smooth_init(&macd->slow, (uint32_t)params[SLOW], mw_share_ema((uint32_t)params[SLOW]));
    mw_smooth_init(&macd->signal, (uint32_t)params[SIGNAL], mw_share_ema((uint32_t)params[SIGNAL]));
}

static void macd_step(void *state, const double *in, double *out)
{
    struct macd *macd = state;
    out[0] = mw_smooth_push(&macd->fast, in[0]) - mw_smooth_push(&macd->slow, in[0]);
    out[1] = mw_smooth_push(&macd->signal, out[0]);
    out[2] = out[0] - out[1];
}

static void macd_run(const struct mw_indicator_call *call)
{
    const double *in = call->in[0];
    double *line = call->out[0], *average = call->out[1], *histogram = call->out[2];
    uint32_t begin = macd_first(call->params, 1) + 1, row = 0;
    struct macd macd;
    macd_init(&macd, call->params);
    for (; row < call->count && row < begin; row++) {
        double out[3];
        macd_step(&macd, &in[row], out);
        line[row] = out[0];
        average[row] = out[1];
        histogram[row] = out[2];
    }
    double fast = macd.fast.value, slow = macd.slow.value, signal = macd.signal.value;
    for (; row < call->count; row++) {
        fast = mw_smooth_next(fast, macd.fast.share, in[row]);
        slow = mw_smooth_next(slow, macd.slow.share, in[row]);
        signal = mw_smooth_next(signal, macd.signal.share, fast - slow);
        line[row] = fast - slow;
        average[row] = signal;
        histogram[row] = fast - slow - signal;
    }
}

const struct mw_indicator mw_indicator_macd = {
    .name = "macd",
    .inputs = "v",
    .outputs = "macd signal histogram",
    .params = {MW_PERIOD("fast", 12), MW_PERIOD("slow", 26), MW_PERIOD("signal", 9)},
    .check = macd_check,
    .first = macd_first,
    .bytes = macd_bytes,
    .init = macd_init,
    .step = macd_step,
    .run = macd_run,
};

/* T. S. Chande, S. Kroll: where the RSI stands in its own range. */
struct stochrsi {
    struct rsi rsi;
    struct mw_window highest, lowest;
    struct mw_mean k, d;
};

static size_t stochrsi_bytes(const double *params)
{
    size_t slots = 2 * (size_t)params[1] + (size_t)params[2] + (size_t)params[3];
    return sizeof(struct stochrsi) + slots * sizeof(double);
}

static uint32_t stochrsi_first(const double *params, uint32_t output)
{
    uint32_t k = (uint32_t)params[0] + (uint32_t)params[1] - 1 + (uint32_t)params[2] - 1;
    return output == 0 ? k : k + (uint32_t)params[3] - 1;
}

static void stochrsi_init(void *state, const double *params)
{
    struct stochrsi *stochrsi = state;
    double *memory = (double *)(stochrsi + 1);
    rsi_begin(&stochrsi->rsi, (uint32_t)params[0]);
    mw_window_init(&stochrsi->highest, (uint32_t)params[1], &memory);
    mw_window_init(&stochrsi->lowest, (uint32_t)params[1], &memory);
    mw_mean_init(&stochrsi->k, (uint32_t)params[2], &memory);
    mw_mean_init(&stochrsi->d, (uint32_t)params[3], &memory);
}

/* While a price stands still its RSI does too, but for rounding. */
static const double rsi_range_min = 1e-9;

static void stochrsi_step(void *state, const double *in, double *out)
{
    struct stochrsi *stochrsi = state;
    double rsi = rsi_push(&stochrsi->rsi, in[0]);
    double highest = mw_window_max(&stochrsi->highest, rsi);
    double lowest = mw_window_min(&stochrsi->lowest, rsi);
    double place = highest - lowest < rsi_range_min ? 0 : mw_place(rsi, lowest, highest);
    out[0] = mw_mean_push(&stochrsi->k, place);
    out[1] = mw_mean_push(&stochrsi->d, out[0]);
}

const struct mw_indicator mw_indicator_stochrsi = {
    .name = "stochrsi",
    .inputs = "v",
    .outputs = "k d",
    .params = {MW_PERIOD("rsi", 14), MW_PERIOD("stoch", 14), MW_PERIOD("smooth", 1),
               MW_PERIOD("d", 3)},
    .first = stochrsi_first,
    .bytes = stochrsi_bytes,
    .init = stochrsi_init,
    .step = stochrsi_step,
};
