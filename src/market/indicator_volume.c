/* indicator_volume.c - what volume says of prices. Sums are compensated (sum.h) or rebuilt block
 * by block (window.h).
 *
 * obv        the sum of the volumes of rows that closed higher, less those that closed lower: J.
 *            Granville, "Granville's New Key to Stock Market Profits", 1963. First row 0, which is
 *            0: nothing has changed yet (TradingView, Tulip and Skender). TA-Lib starts with the
 *            first volume and is that much greater in every row.
 * vwap       sum(price * volume) / sum(volume) with price = (high + low + close) / 3, over the last
 *            n rows, or with n = 0 over all since the first row: S. Berkowitz, D. Logue, E. Noser,
 *            "The Total Cost of Transactions on the NYSE", 1988. First row n - 1, or 0. NaN while
 *            nothing was traded.
 * adl        the accumulation/distribution line, the sum of flow = volume * ((close - low) - (high
 *            - close)) / (high - low), which is 0 where high = low: M. Chaikin, after L. Williams,
 *            "The Secret of Selecting Stocks", 1972. First row 0, which is the first flow, as in
 *            TA-Lib, Tulip and Skender.
 * cmf        sum(flow) / sum(volume) over the last n rows: M. Chaikin's money flow. First row
 *            n - 1. 0 where nothing was traded.
 */
#include "market/indicator_parts.h"

static uint32_t first_row(const double *params, uint32_t output)
{
    (void)params;
    (void)output;
    return 0;
}

struct obv {
    struct mw_start start;
    double close; /* of the row before */
    struct mw_sum sum;
};

static size_t obv_bytes(const double *params)
{
    (void)params;
    return sizeof(struct obv);
}

static void obv_init(void *state, const double *params)
{
    (void)params;
    *(struct obv *)state = (struct obv){0};
}

static double signed_volume(double before, double close, double volume)
{
    if (isnan(before) || isnan(close) || isnan(volume))
        return (double)NAN;
    if (close == before)
        return 0;
    return close > before ? volume : -volume;
}

static void obv_step(void *state, const double *in, double *out)
{
    struct obv *obv = state;
    bool begun = obv->start.reached;
    out[0] = (double)NAN;
    if (!mw_start_reached(&obv->start, in, 2))
        return;
    if (begun)
        mw_sum_add(&obv->sum, signed_volume(obv->close, in[0], in[1]));
    obv->close = in[0];
    out[0] = mw_sum_value(&obv->sum);
}

const struct mw_indicator mw_indicator_obv = {
    .name = "obv",
    .inputs = "Bcv",
    .outputs = "obv",
    .first = first_row,
    .bytes = obv_bytes,
    .init = obv_init,
    .step = obv_step,
};

struct vwap {
    struct mw_start start;
    uint32_t n;
    struct mw_sum traded, volume; /* since the first row; n is 0 */
    struct mw_window recent_traded, recent_volume;
};

static size_t vwap_bytes(const double *params)
{
    return sizeof(struct vwap) + 2 * (size_t)params[0] * sizeof(double);
}

static void vwap_init(void *state, const double *params)
{
    struct vwap *vwap = state;
    double *memory = (double *)(vwap + 1);
    *vwap = (struct vwap){.n = (uint32_t)params[0]};
    if (vwap->n == 0)
        return;
    mw_window_init(&vwap->recent_traded, vwap->n, &memory);
    mw_window_init(&vwap->recent_volume, vwap->n, &memory);
}

static void vwap_step(void *state, const double *in, double *out)
{
    struct vwap *vwap = state;
    out[0] = (double)NAN;
    if (!mw_start_reached(&vwap->start, in, 4))
        return;
    double volume = in[3], traded = (in[0] + in[1] + in[2]) / 3 * volume;
    if (vwap->n > 0) {
        traded = mw_window_sum(&vwap->recent_traded, traded);
        volume = mw_window_sum(&vwap->recent_volume, volume);
    } else {
        mw_sum_add(&vwap->traded, traded);
        mw_sum_add(&vwap->volume, volume);
        traded = mw_sum_value(&vwap->traded);
        volume = mw_sum_value(&vwap->volume);
    }
    out[0] = traded / volume;
}

static uint32_t vwap_first(const double *params, uint32_t output)
{
    (void)output;
    return params[0] > 0 ? (uint32_t)params[0] - 1 : 0;
}

const struct mw_indicator mw_indicator_vwap = {
    .name = "vwap",
    .inputs = "Bhlcv",
    .outputs = "vwap",
    .params = {{"n", 0, 0, MW_INDICATOR_N_MAX, true}},
    .first = vwap_first,
    .bytes = vwap_bytes,
    .init = vwap_init,
    .step = vwap_step,
};

/* Of a row's high, low, close and volume. */
static double flow(const double *in)
{
    double high = in[0], low = in[1], close = in[2], volume = in[3];
    if (high == low && !isnan(close) && !isnan(volume))
        return 0;
    return ((close - low) - (high - close)) / (high - low) * volume;
}

struct adl {
    struct mw_start start;
    struct mw_sum sum;
};

static size_t adl_bytes(const double *params)
{
    (void)params;
    return sizeof(struct adl);
}

static void adl_init(void *state, const double *params)
{
    (void)params;
    *(struct adl *)state = (struct adl){0};
}

static void adl_step(void *state, const double *in, double *out)
{
    struct adl *adl = state;
    out[0] = (double)NAN;
    if (!mw_start_reached(&adl->start, in, 4))
        return;
    mw_sum_add(&adl->sum, flow(in));
    out[0] = mw_sum_value(&adl->sum);
}

const struct mw_indicator mw_indicator_adl = {
    .name = "adl",
    .inputs = "Bhlcv",
    .outputs = "adl",
    .first = first_row,
    .bytes = adl_bytes,
    .init = adl_init,
    .step = adl_step,
};

struct cmf {
    struct mw_start start;
    struct mw_window flow, volume;
};

static size_t cmf_bytes(const double *params)
{
    return sizeof(struct cmf) + 2 * (size_t)params[0] * sizeof(double);
}

static void cmf_init(void *state, const double *params)
{
    struct cmf *cmf = state;
    double *memory = (double *)(cmf + 1);
    cmf->start = (struct mw_start){0};
    mw_window_init(&cmf->flow, (uint32_t)params[0], &memory);
    mw_window_init(&cmf->volume, (uint32_t)params[0], &memory);
}

static void cmf_step(void *state, const double *in, double *out)
{
    struct cmf *cmf = state;
    out[0] = (double)NAN;
    if (!mw_start_reached(&cmf->start, in, 4))
        return;
    double moved = mw_window_sum(&cmf->flow, flow(in));
    double volume = mw_window_sum(&cmf->volume, in[3]);
    out[0] = volume == 0 ? moved : moved / volume; /* 0, or NaN where a flow is */
}

const struct mw_indicator mw_indicator_cmf = {
    .name = "cmf",
    .inputs = "Bhlcv",
    .outputs = "cmf",
    .params = {MW_PERIOD("n", 20)},
    .first = mw_indicator_first_window,
    .bytes = cmf_bytes,
    .init = cmf_init,
    .step = cmf_step,
};
