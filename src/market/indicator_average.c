/* indicator_average.c - moving averages of one kind: sma wma ema rma kama. */
#include "market/indicator_parts.h"

/* Bytes of a state with the slots of one window of params[0]. */
static size_t mean_bytes(const double *params)
{
    return sizeof(struct mw_mean) + (size_t)params[0] * sizeof(double);
}

static void sma_init(void *state, const double *params)
{
    struct mw_mean *sma = state;
    double *memory = (double *)(sma + 1);
    mw_mean_init(sma, (uint32_t)params[0], &memory);
}

static void sma_step(void *state, const double *in, double *out)
{
    out[0] = mw_mean_push(state, in[0]);
}

static void sma_run(const struct mw_indicator_call *call)
{
    mw_mean_run(call->in[0], call->count, (uint32_t)call->params[0], call->out[0]);
}

const struct mw_indicator mw_indicator_sma = {
    .name = "sma",
    .inputs = "v",
    .outputs = "sma",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = mean_bytes,
    .init = sma_init,
    .step = sma_step,
    .run = sma_run,
};

static size_t wma_bytes(const double *params)
{
    return sizeof(struct mw_wma) + (size_t)params[0] * sizeof(double);
}

static void wma_init(void *state, const double *params)
{
    struct mw_wma *wma = state;
    double *memory = (double *)(wma + 1);
    mw_wma_init(wma, (uint32_t)params[0], &memory);
}

static void wma_step(void *state, const double *in, double *out)
{
    out[0] = mw_wma_push(state, in[0]);
}

const struct mw_indicator mw_indicator_wma = {
    .name = "wma",
    .inputs = "v",
    .outputs = "wma",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = wma_bytes,
    .init = wma_init,
    .step = wma_step,
};

static size_t smooth_bytes(const double *params)
{
    (void)params;
    return sizeof(struct mw_smooth);
}

static void smooth_step(void *state, const double *in, double *out)
{
    out[0] = mw_smooth_push(state, in[0]);
}

/* The state goes into registers: what it depends on is one addition, multiplication and subtraction
 * a row, without a way through memory. */
static void run_smooth(const struct mw_indicator_call *call, double share)
{
    const double *in = call->in[0];
    double *out = call->out[0];
    struct mw_smooth smooth;
    mw_smooth_init(&smooth, (uint32_t)call->params[0], share);
    uint32_t row = 0;
    for (; row < call->count && smooth.count < smooth.n; row++)
        out[row] = mw_smooth_seed(&smooth, in[row]);
    double value = smooth.value;
    for (; row < call->count; row++)
        out[row] = value = mw_smooth_next(value, share, in[row]);
}

static void ema_init(void *state, const double *params)
{
    mw_smooth_init(state, (uint32_t)params[0], mw_share_ema((uint32_t)params[0]));
}

static void ema_run(const struct mw_indicator_call *call)
{
    run_smooth(call, mw_share_ema((uint32_t)call->params[0]));
}

const struct mw_indicator mw_indicator_ema = {
    .name = "ema",
    .inputs = "v",
    .outputs = "ema",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = smooth_bytes,
    .init = ema_init,
    .step = smooth_step,
    .run = ema_run,
};

static void rma_init(void *state, const double *params)
{
    mw_smooth_init(state, (uint32_t)params[0], mw_share_wilder((uint32_t)params[0]));
}

static void rma_run(const struct mw_indicator_call *call)
{
    run_smooth(call, mw_share_wilder((uint32_t)call->params[0]));
}

const struct mw_indicator mw_indicator_rma = {
    .name = "rma",
    .inputs = "v",
    .outputs = "rma",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = smooth_bytes,
    .init = rma_init,
    .step = smooth_step,
    .run = rma_run,
};

/* P. J. Kaufman: the share follows how straight the way of the last n changes was. */
struct kama {
    struct mw_ring values;
    struct mw_window changes; /* without their signs */
    double fast, slow;        /* shares */
    double previous, value;
    bool begun; /* there is a value */
};

static size_t kama_bytes(const double *params)
{
    return sizeof(struct kama) + 2 * (size_t)params[0] * sizeof(double);
}

static void kama_init(void *state, const double *params)
{
    struct kama *kama = state;
    double *memory = (double *)(kama + 1);
    *kama = (struct kama){.fast = mw_share_ema((uint32_t)params[1]),
                          .slow = mw_share_ema((uint32_t)params[2]),
                          .previous = (double)NAN,
                          .value = (double)NAN};
    mw_ring_init(&kama->values, (uint32_t)params[0], &memory);
    mw_window_init(&kama->changes, (uint32_t)params[0], &memory);
}

/* The first value is row n - 1 as it is (Skender). A window without any change counts as a straight
 * one (TA-Lib). */
static void kama_step(void *state, const double *in, double *out)
{
    struct kama *kama = state;
    double oldest = mw_ring_push(&kama->values, in[0]);
    double gone = mw_window_sum(&kama->changes, fabs(in[0] - kama->previous));
    double ratio = gone == 0 ? 1 : fabs(in[0] - oldest) / gone;
    double share = ratio * (kama->fast - kama->slow) + kama->slow;
    if (kama->begun)
        kama->value = mw_smooth_next(kama->value, share * share, in[0]);
    else if (kama->values.count == kama->values.n)
        kama->value = in[0];
    kama->begun = kama->values.count == kama->values.n;
    kama->previous = in[0];
    out[0] = kama->value;
}

static mw_status kama_check(const double *params, struct mw_error *err)
{
    return mw_indicator_check_order(params[1], params[2], err);
}

const struct mw_indicator mw_indicator_kama = {
    .name = "kama",
    .inputs = "v",
    .outputs = "kama",
    .params = {MW_PERIOD("n", 10), MW_PERIOD("fast", 2), MW_PERIOD("slow", 30)},
    .check = kama_check,
    .first = mw_indicator_first_window,
    .bytes = kama_bytes,
    .init = kama_init,
    .step = kama_step,
};
