/* indicator_volatility.c - how far prices move, and channels made of that.
 *
 * tr         the true range, see true_range.h. First row 1.
 * atr        its average as J. W. Wilder makes it ("New Concepts in Technical Trading Systems",
 *            1978): the mean of the true ranges of rows 1 to n, from then on
 *            atr += (tr - atr) / n. First row n, as TA-Lib, Skender and backtrader; Tulip and Lean
 *            count the high - low of row 0 as a true range and begin one row earlier, which makes
 *            a difference of less than 1e-9 after about 240 rows of atr(14).
 * keltner    middle = ema(close, n), upper and lower = middle +- k * atr(atr_n): C. Keltner, "How
 *            to Make Money in Commodities", 1960, as L. Bradford Raschke changed it in the 1980s.
 *            The first row is n - 1 for `middle`, the greater of n - 1 and atr_n for the others.
 * donchian   upper = greatest high, lower = least low of the last n rows, middle halfway: R.
 *            Donchian, 1960 ("Trend-Following Methods in Commodity Price Analysis"). First row
 *            n - 1. The row itself is in its channel, as in TradingView, TA-Lib's MAX and MIN and
 *            jesse, and as in highest(n) and lowest(n): a close is never above its own channel. A
 *            breakout holds the close against the channel of the row before. Skender leaves the
 *            row itself out: what it says of a row stands here in the row before.
 */
#include "market/true_range.h"

static size_t tr_bytes(const double *params)
{
    (void)params;
    return sizeof(struct mw_true_range);
}

static void tr_init(void *state, const double *params)
{
    (void)params;
    mw_true_range_init(state);
}

static void tr_step(void *state, const double *in, double *out)
{
    out[0] = mw_true_range_push(state, in);
}

static uint32_t tr_first(const double *params, uint32_t output)
{
    (void)params;
    (void)output;
    return 1;
}

const struct mw_indicator mw_indicator_tr = {
    .name = "tr",
    .inputs = "Bhlc",
    .outputs = "tr",
    .first = tr_first,
    .bytes = tr_bytes,
    .init = tr_init,
    .step = tr_step,
};

struct atr {
    struct mw_true_range range;
    struct mw_smooth average;
};

static size_t atr_bytes(const double *params)
{
    (void)params;
    return sizeof(struct atr);
}

static void atr_init(void *state, const double *params)
{
    struct atr *atr = state;
    uint32_t n = (uint32_t)params[0];
    mw_true_range_init(&atr->range);
    mw_smooth_init(&atr->average, n, mw_share_wilder(n));
}

static void atr_step(void *state, const double *in, double *out)
{
    struct atr *atr = state;
    out[0] = mw_smooth_push(&atr->average, mw_true_range_push(&atr->range, in));
}

const struct mw_indicator mw_indicator_atr = {
    .name = "atr",
    .inputs = "Bhlc",
    .outputs = "atr",
    .params = {MW_PERIOD("n", 14)},
    .first = mw_indicator_first_change,
    .bytes = atr_bytes,
    .init = atr_init,
    .step = atr_step,
};

struct keltner {
    struct mw_start start;
    struct mw_true_range range;
    struct mw_smooth middle, average;
    double k;
};

static size_t keltner_bytes(const double *params)
{
    (void)params;
    return sizeof(struct keltner);
}

static void keltner_init(void *state, const double *params)
{
    struct keltner *keltner = state;
    uint32_t n = (uint32_t)params[0], average_n = (uint32_t)params[2];
    *keltner = (struct keltner){.k = params[1]};
    mw_true_range_init(&keltner->range);
    mw_smooth_init(&keltner->middle, n, mw_share_ema(n));
    mw_smooth_init(&keltner->average, average_n, mw_share_wilder(average_n));
}

static void keltner_step(void *state, const double *in, double *out)
{
    struct keltner *keltner = state;
    if (!mw_start_reached(&keltner->start, in, 3)) {
        mw_indicator_fill_nan(out, 3);
        return;
    }
    double middle = mw_smooth_push(&keltner->middle, in[2]);
    double range = mw_true_range_push(&keltner->range, in);
    double reach = keltner->k * mw_smooth_push(&keltner->average, range);
    out[0] = middle;
    out[1] = middle + reach;
    out[2] = middle - reach;
}

static uint32_t keltner_first(const double *params, uint32_t output)
{
    uint32_t middle = (uint32_t)params[0] - 1, range = (uint32_t)params[2];
    return output == 0 || middle > range ? middle : range;
}

const struct mw_indicator mw_indicator_keltner = {
    .name = "keltner",
    .inputs = "Bhlc",
    .outputs = "middle upper lower",
    .params = {MW_PERIOD("n", 20), MW_FACTOR("k", 2), MW_PERIOD("atr_n", 10)},
    .first = keltner_first,
    .bytes = keltner_bytes,
    .init = keltner_init,
    .step = keltner_step,
};

struct donchian {
    struct mw_start start;
    struct mw_window highest, lowest;
};

static size_t donchian_bytes(const double *params)
{
    return sizeof(struct donchian) + 2 * (size_t)params[0] * sizeof(double);
}

static void donchian_init(void *state, const double *params)
{
    struct donchian *donchian = state;
    double *memory = (double *)(donchian + 1);
    donchian->start = (struct mw_start){0};
    mw_window_init(&donchian->highest, (uint32_t)params[0], &memory);
    mw_window_init(&donchian->lowest, (uint32_t)params[0], &memory);
}

static void donchian_step(void *state, const double *in, double *out)
{
    struct donchian *donchian = state;
    if (!mw_start_reached(&donchian->start, in, 2)) {
        mw_indicator_fill_nan(out, 3);
        return;
    }
    out[0] = mw_window_max(&donchian->highest, in[0]);
    out[1] = mw_window_min(&donchian->lowest, in[1]);
    out[2] = (out[0] + out[1]) / 2;
}

const struct mw_indicator mw_indicator_donchian = {
    .name = "donchian",
    .inputs = "Bhl",
    .outputs = "upper lower middle",
    .params = {MW_PERIOD("n", 20)},
    .first = mw_indicator_first_window,
    .bytes = donchian_bytes,
    .init = donchian_init,
    .step = donchian_step,
};
