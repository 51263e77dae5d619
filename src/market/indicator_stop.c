/* indicator_stop.c - stops that trail a trend and turn with it.
 *
 * psar       J. W. Wilder, "New Concepts in Technical Trading Systems", 1978, the parabolic system:
 *            sar += af * (extreme - sar), kept out of the ranges of the two rows before. `af`
 *            begins as `step` and grows by it with each new extreme, up to `max`. A row that goes
 *            beyond its sar turns the trend: its sar is the extreme of the trend that ends, that of
 *            the row itself included. First row 1. The first trend is taken to rise from the low of
 *            row 0, and the first row to fall below that turns it. Skender's first trend is the
 *            same (it does not show rows before the first turn), but in the row of a turn it
 *            leaves out that row's own extreme; TA-Lib and TradingView have it. They find the first
 *            trend otherwise, which makes a difference until a turn that both have.
 * supertrend O. Seban, 2008. middle = (high + low) / 2; upper = middle + k * atr(n), which only
 *            falls until a close has been above it; lower = middle - k * atr(n), which only rises
 *            until a close has been below it. A close on or beyond the band that follows the trend
 *            turns it. `value` is the lower band in a rising trend and the upper one in a falling
 *            trend, `direction` 1 and -1. First row n, which rises where the close is not below the
 *            middle. As Skender.
 */
#include <string.h>

#include "base/decimal.h"
#include "market/true_range.h"

/* A falling trend is a rising one upside down, so the trend's prices are kept as those of a rising
 * one: `sign` is 1 or -1, and a falling trend's are multiplied by it. */
struct psar {
    struct mw_start start;
    double step, max;
    double sign; /* 0 in front of the first row */
    double stop, extreme, factor;
    double before[2][2]; /* high and low of the row before, and of the one before that */
};

static size_t psar_bytes(const double *params)
{
    (void)params;
    return sizeof(struct psar);
}

static void psar_init(void *state, const double *params)
{
    *(struct psar *)state = (struct psar){.step = params[0], .max = params[1]};
}

/* The sides of a row, seen by a trend; `row` is its high and low. */
static double top(double sign, const double row[2])
{
    return sign > 0 ? row[0] : -row[1];
}

static double bottom(double sign, const double row[2])
{
    return sign > 0 ? row[1] : -row[0];
}

/* The lesser one; a NaN of `a` stays. */
static double lesser(double a, double b)
{
    return b < a ? b : a;
}

static void psar_begin(struct psar *psar, const double row[2])
{
    psar->sign = 1;
    psar->stop = row[1];
    psar->extreme = row[0];
    psar->factor = psar->step;
    memcpy(psar->before[0], row, sizeof(psar->before[0]));
    memcpy(psar->before[1], row, sizeof(psar->before[1]));
}

static void psar_follow(struct psar *psar, const double row[2])
{
    double sign = psar->sign, new_top = top(sign, row);
    psar->stop += psar->factor * (psar->extreme - psar->stop);
    psar->stop = lesser(psar->stop, bottom(sign, psar->before[0]));
    psar->stop = lesser(psar->stop, bottom(sign, psar->before[1]));
    if (isnan(row[0]) || isnan(row[1]))
        psar->stop = (double)NAN; /* for good: nothing compares with it */
    if (bottom(sign, row) < psar->stop) {
        psar->stop = -(new_top > psar->extreme ? new_top : psar->extreme);
        psar->sign = -sign;
        psar->extreme = top(-sign, row);
        psar->factor = psar->step;
    } else if (new_top > psar->extreme) {
        psar->extreme = new_top;
        psar->factor = lesser(psar->max, psar->factor + psar->step);
    }
    memcpy(psar->before[1], psar->before[0], sizeof(psar->before[1]));
    memcpy(psar->before[0], row, sizeof(psar->before[0]));
}

static void psar_step(void *state, const double *in, double *out)
{
    struct psar *psar = state;
    out[0] = (double)NAN;
    if (!mw_start_reached(&psar->start, in, 2))
        return;
    if (psar->sign == 0) {
        psar_begin(psar, in);
        return;
    }
    psar_follow(psar, in);
    out[0] = psar->sign * psar->stop;
}

static uint32_t psar_first(const double *params, uint32_t output)
{
    (void)params;
    (void)output;
    return 1;
}

static mw_status psar_check(const double *params, struct mw_error *err)
{
    if (params[0] <= params[1])
        return MW_OK;
    char step[MW_DECIMAL_TEXT_BYTES], max[MW_DECIMAL_TEXT_BYTES];
    return mw_fail(err, MW_EINVAL, "step must be at most max, got %s and %s",
                   mw_decimal_format(params[0], step), mw_decimal_format(params[1], max));
}

const struct mw_indicator mw_indicator_psar = {
    .name = "psar",
    .inputs = "Bhl",
    .outputs = "psar",
    .params = {{"step", 0.02, 0, 1, false}, {"max", 0.2, 0, 1, false}},
    .check = psar_check,
    .first = psar_first,
    .bytes = psar_bytes,
    .init = psar_init,
    .step = psar_step,
};

struct supertrend {
    struct mw_true_range range;
    struct mw_smooth average;
    double k;
    double direction; /* 0 in front of the first one */
    double upper, lower, close;
};

static size_t supertrend_bytes(const double *params)
{
    (void)params;
    return sizeof(struct supertrend);
}

static void supertrend_init(void *state, const double *params)
{
    struct supertrend *trend = state;
    uint32_t n = (uint32_t)params[0];
    *trend = (struct supertrend){.k = params[1]};
    mw_true_range_init(&trend->range);
    mw_smooth_init(&trend->average, n, mw_share_wilder(n));
}

static void supertrend_step(void *state, const double *in, double *out)
{
    struct supertrend *trend = state;
    double before = trend->close, close = in[2], middle = (in[0] + in[1]) / 2;
    double average = mw_smooth_push(&trend->average, mw_true_range_push(&trend->range, in));
    double upper = middle + trend->k * average, lower = middle - trend->k * average;
    trend->close = close;
    out[0] = out[1] = (double)NAN;
    if (isnan(average)) /* not yet, or not any more */
        return;
    if (trend->direction == 0)
        trend->direction = close >= middle ? 1 : -1;
    else {
        if (upper >= trend->upper && before <= trend->upper)
            upper = trend->upper;
        if (lower <= trend->lower && before >= trend->lower)
            lower = trend->lower;
    }
    trend->upper = upper;
    trend->lower = lower;
    trend->direction = close <= (trend->direction > 0 ? lower : upper) ? -1 : 1;
    out[0] = trend->direction > 0 ? lower : upper;
    out[1] = trend->direction;
}

const struct mw_indicator mw_indicator_supertrend = {
    .name = "supertrend",
    .inputs = "Bhlc",
    .outputs = "value direction",
    .params = {MW_PERIOD("n", 10), MW_FACTOR("k", 3)},
    .first = mw_indicator_first_change,
    .bytes = supertrend_bytes,
    .init = supertrend_init,
    .step = supertrend_step,
};
