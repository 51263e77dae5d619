/* indicator_trend.c - whether prices go somewhere: adx, aroon, ichimoku.
 *
 * adx        J. W. Wilder, "New Concepts in Technical Trading Systems", 1978. up = high - high
 *            before, down = low before - low; a row's +DM is `up` where that is positive and
 *            greater than `down`, else 0, and -DM the other way round. +DM, -DM and the true range
 *            are averaged as atr does; plus = 100 * avg(+DM) / avg(tr), minus likewise, and adx is
 *            Wilder's average of dx = 100 * |plus - minus| / (plus + minus). First row n for plus
 *            and minus, 2 * n - 1 for adx, as Skender and the book; TA-Lib averages n - 1 rows to
 *            begin with and is up to 4.7 % off at the start of adx(14), 1e-9 after 294 rows. Where
 *            nothing has moved plus, minus and dx are 0.
 * aroon      up = 100 * (n - rows since the greatest high of the last n + 1 rows) / n, down of the
 *            least low, oscillator = up - down: T. Chande, "Time Price Oscillator", 1995. First
 *            row n. Of equal highs the newest counts, as in TA-Lib and Tulip; in Skender the
 *            oldest.
 * ichimoku   conversion, base and span_b = (greatest high + least low) / 2 of the last `conversion`
 *            (9), `base` (26) and `span` (52) rows; span_a = (conversion + base) / 2: G. Hosoda,
 *            1969. The spans are given where they are plotted: that of a row was computed
 *            `displacement` (26) rows before, so a row's cloud is known in that row and needs no
 *            future. As in Skender; TradingView plots them 25 rows on. First rows: conversion - 1,
 *            base - 1, and those of what the spans are made of + displacement. There is no lagging
 *            span: it is the close 26 rows later, which a row cannot know. What it is read for, how
 *            the close stands to the one 26 rows before, is close - shift(close, 26).
 */
#include "market/true_range.h"

struct adx {
    struct mw_true_range range;
    double high, low; /* of the row before */
    struct mw_smooth true_range, plus, minus, index;
};

static size_t adx_bytes(const double *params)
{
    (void)params;
    return sizeof(struct adx);
}

static void adx_init(void *state, const double *params)
{
    struct adx *adx = state;
    uint32_t n = (uint32_t)params[0];
    double share = mw_share_wilder(n);
    adx->high = adx->low = (double)NAN;
    mw_true_range_init(&adx->range);
    mw_smooth_init(&adx->true_range, n, share);
    mw_smooth_init(&adx->plus, n, share);
    mw_smooth_init(&adx->minus, n, share);
    mw_smooth_init(&adx->index, n, share);
}

/* `part` of `whole` in percent; of nothing it is 0. */
static double percent(double part, double whole)
{
    return whole == 0 ? 0 : 100 * part / whole;
}

static void adx_step(void *state, const double *in, double *out)
{
    struct adx *adx = state;
    double range = mw_true_range_push(&adx->range, in);
    double up = in[0] - adx->high, down = adx->low - in[1];
    adx->high = in[0];
    adx->low = in[1];
    double rise = up > down && up > 0 ? up : 0;
    double fall = down > up && down > 0 ? down : 0;
    if (isnan(range) || isnan(up) || isnan(down)) /* the first row, and what a NaN reaches */
        range = rise = fall = (double)NAN;
    double whole = mw_smooth_push(&adx->true_range, range);
    double plus = percent(mw_smooth_push(&adx->plus, rise), whole);
    double minus = percent(mw_smooth_push(&adx->minus, fall), whole);
    out[0] = mw_smooth_push(&adx->index, percent(fabs(plus - minus), plus + minus));
    out[1] = plus;
    out[2] = minus;
}

static uint32_t adx_first(const double *params, uint32_t output)
{
    uint32_t n = (uint32_t)params[0];
    return output == 0 ? 2 * n - 1 : n;
}

const struct mw_indicator mw_indicator_adx = {
    .name = "adx",
    .inputs = "Bhlc",
    .outputs = "adx plus minus",
    .params = {MW_PERIOD("n", 14)},
    .first = adx_first,
    .bytes = adx_bytes,
    .init = adx_init,
    .step = adx_step,
};

/* The greatest of the newest n values with the row that it stands in; blocks, heads and tails are
 * those of window.h. */
struct peak {
    double *slots, *rows; /* n each */
    uint32_t n, at;
    double head, head_row;
};

static void peak_init(struct peak *peak, uint32_t n, double **memory)
{
    *peak = (struct peak){.slots = *memory, .rows = *memory + n, .n = n};
    *memory += 2 * (size_t)n;
    mw_indicator_fill_nan(peak->slots, n);
}

/* The tails of a whole block: what is behind each of its rows. */
static void peak_end_block(struct peak *peak)
{
    double most = -(double)INFINITY, row = -1;
    for (size_t i = peak->n; i-- > 0;) {
        double value = peak->slots[i], value_row = peak->rows[i];
        peak->slots[i] = most;
        peak->rows[i] = row;
        if (row < 0 || value > most || isnan(value)) {
            most = value;
            row = value_row;
        }
    }
    peak->at = 0;
}

/* Takes the value of `row` and returns the row of the greatest one, NaN while the window is not
 * full and where it has a NaN in it. */
static double peak_push(struct peak *peak, double value, double row)
{
    uint32_t at = peak->at++;
    double tail = peak->slots[at], tail_row = peak->rows[at];
    peak->slots[at] = value;
    peak->rows[at] = row;
    if (at == 0 || value >= peak->head || isnan(value)) {
        peak->head = value;
        peak->head_row = row;
    }
    double head = peak->head, head_row = peak->head_row;
    if (at + 1 == peak->n) {
        peak_end_block(peak);
        return isnan(head) ? head : head_row;
    }
    if (isnan(head) || isnan(tail))
        return (double)NAN;
    return head >= tail ? head_row : tail_row;
}

struct aroon {
    struct mw_start start;
    uint32_t n;
    double row;
    struct peak high, low;
};

static size_t aroon_bytes(const double *params)
{
    return sizeof(struct aroon) + 4 * ((size_t)params[0] + 1) * sizeof(double);
}

static void aroon_init(void *state, const double *params)
{
    struct aroon *aroon = state;
    double *memory = (double *)(aroon + 1);
    uint32_t n = (uint32_t)params[0];
    *aroon = (struct aroon){.n = n};
    peak_init(&aroon->high, n + 1, &memory);
    peak_init(&aroon->low, n + 1, &memory);
}

static void aroon_step(void *state, const double *in, double *out)
{
    struct aroon *aroon = state;
    mw_indicator_fill_nan(out, 3);
    if (!mw_start_reached(&aroon->start, in, 2))
        return;
    double row = aroon->row++, n = aroon->n;
    double highest = peak_push(&aroon->high, in[0], row);
    double lowest = peak_push(&aroon->low, -in[1], row);
    out[0] = 100 * (n - (row - highest)) / n;
    out[1] = 100 * (n - (row - lowest)) / n;
    out[2] = out[0] - out[1];
}

const struct mw_indicator mw_indicator_aroon = {
    .name = "aroon",
    .inputs = "Bhl",
    .outputs = "up down oscillator",
    .params = {MW_PERIOD("n", 25)},
    .first = mw_indicator_first_change,
    .bytes = aroon_bytes,
    .init = aroon_init,
    .step = aroon_step,
};

/* Halfway between the greatest high and the least low. */
struct middle {
    struct mw_window highest, lowest;
};

static void middle_init(struct middle *middle, double n, double **memory)
{
    mw_window_init(&middle->highest, (uint32_t)n, memory);
    mw_window_init(&middle->lowest, (uint32_t)n, memory);
}

static double middle_push(struct middle *middle, const double *in)
{
    return (mw_window_max(&middle->highest, in[0]) + mw_window_min(&middle->lowest, in[1])) / 2;
}

enum { CONVERSION, BASE, SPAN, DISPLACEMENT };

struct ichimoku {
    struct mw_start start;
    struct middle middles[3];
    struct mw_ring span_a, span_b; /* none without displacement */
    bool displaced;
};

static size_t ichimoku_bytes(const double *params)
{
    double doubles = params[CONVERSION] + params[BASE] + params[SPAN] + params[DISPLACEMENT];
    return sizeof(struct ichimoku) + 2 * (size_t)doubles * sizeof(double);
}

static void ichimoku_init(void *state, const double *params)
{
    struct ichimoku *ichimoku = state;
    double *memory = (double *)(ichimoku + 1);
    uint32_t displacement = (uint32_t)params[DISPLACEMENT];
    *ichimoku = (struct ichimoku){.displaced = displacement > 0};
    for (int i = CONVERSION; i <= SPAN; i++)
        middle_init(&ichimoku->middles[i], params[i], &memory);
    if (displacement == 0)
        return;
    mw_ring_init(&ichimoku->span_a, displacement, &memory);
    mw_ring_init(&ichimoku->span_b, displacement, &memory);
}

static void ichimoku_step(void *state, const double *in, double *out)
{
    struct ichimoku *ichimoku = state;
    mw_indicator_fill_nan(out, 4);
    if (!mw_start_reached(&ichimoku->start, in, 2))
        return;
    out[0] = middle_push(&ichimoku->middles[CONVERSION], in);
    out[1] = middle_push(&ichimoku->middles[BASE], in);
    out[2] = (out[0] + out[1]) / 2;
    out[3] = middle_push(&ichimoku->middles[SPAN], in);
    if (!ichimoku->displaced)
        return;
    out[2] = mw_ring_push(&ichimoku->span_a, out[2]);
    out[3] = mw_ring_push(&ichimoku->span_b, out[3]);
}

static uint32_t ichimoku_first(const double *params, uint32_t output)
{
    uint32_t base = (uint32_t)params[BASE], conversion = (uint32_t)params[CONVERSION];
    uint32_t displacement = (uint32_t)params[DISPLACEMENT];
    switch (output) {
    case 0:
        return conversion - 1;
    case 1:
        return base - 1;
    case 2:
        return (base > conversion ? base : conversion) - 1 + displacement;
    default:
        return (uint32_t)params[SPAN] - 1 + displacement;
    }
}

const struct mw_indicator mw_indicator_ichimoku = {
    .name = "ichimoku",
    .inputs = "Bhl",
    .outputs = "conversion base span_a span_b",
    .params = {MW_PERIOD("conversion", 9),
               MW_PERIOD("base", 26),
               MW_PERIOD("span", 52),
               {"displacement", 26, 0, MW_INDICATOR_N_MAX, true}},
    .first = ichimoku_first,
    .bytes = ichimoku_bytes,
    .init = ichimoku_init,
    .step = ichimoku_step,
};
