/* indicator_bands.c - standard deviation, and bands of it around the mean.
 *
 * stddev     sqrt(sum((x - mean)^2) / n) over the last n rows: the population's deviation, as
 *            TA-Lib, Tulip, Skender, Lean and backtrader have it. pandas divides by n - 1, which is
 *            greater by sqrt(n / (n - 1)). First row n - 1.
 * bbands     middle = mean of the last n rows, upper and lower = middle +- k * stddev(n),
 *            width = (upper - lower) / middle, percent_b = (x - lower) / (upper - lower): J.
 *            Bollinger, "Bollinger on Bollinger Bands", 2001. percent_b is NaN while the bands have
 *            no width. First row n - 1.
 *
 * Mean and deviation come from the sums of d and d * d, where d is the distance to a reference: the
 * last row of the block before. Blocks, heads and tails are those of window.h, and every window
 * that reaches into a block contains that row, so distances are of the size of the deviation
 * itself: prices of 50,000 that move by 0.01 lose no digit, rows that are all the same have a
 * deviation of exactly 0, and what cancels in
 *
 *      variance = sum(d * d) / n - (sum(d) / n)^2
 *
 * is at most n - 1 times what is left, whatever the rows are.
 */
#include <math.h>

#include "market/indicator_parts.h"

/* What is known of some rows, in distances from `reference`. */
struct spread {
    double reference, sum, squares;
};

/* Tails have two slots a row: one of d, and one of d * d. The rows of the block that grows wait in
 * the former, where the tails are used up. */
struct moments {
    double *tails, *tail_squares; /* each n */
    uint32_t n, at;               /* rows in this block */
    bool begun;
    struct spread head;
    double k; /* bbands: how many deviations the bands are away */
};

static size_t moments_bytes(const double *params)
{
    return sizeof(struct moments) + 2 * (size_t)params[0] * sizeof(double);
}

static void moments_init(void *state, const double *params)
{
    struct moments *moments = state;
    *moments = (struct moments){.n = (uint32_t)params[0]};
    moments->tails = (double *)(moments + 1);
    moments->tail_squares = moments->tails + moments->n;
    mw_indicator_fill_nan(moments->tails, 2 * (size_t)moments->n);
}

static void bbands_init(void *state, const double *params)
{
    struct moments *moments = state;
    moments_init(state, params);
    moments->k = params[1];
}

static inline void add(struct spread *spread, double value)
{
    double distance = value - spread->reference;
    spread->sum += distance;
    spread->squares += distance * distance;
}

/* Turns a whole block into what stands behind each of its rows, and answers what is known of the
 * block. `values` may be where the tails go. */
static inline struct spread end_block(const struct moments *moments, const double *values)
{
    double last = values[moments->n - 1];
    /* Windows that have it know no deviation when it is infinite, and their mean is infinite. */
    struct spread spread = {isfinite(last) ? last : 0, 0, 0};
    for (size_t i = moments->n; i-- > 0;) {
        double value = values[i];
        moments->tails[i] = spread.sum;
        moments->tail_squares[i] = spread.squares;
        add(&spread, value);
    }
    return spread;
}

/* Head and tail of a window whose last row is row `at` of the block, and not its last one. */
static inline struct spread join(const struct moments *moments, const struct spread *head,
                                 uint32_t at)
{
    return (struct spread){head->reference, moments->tails[at] + head->sum,
                           moments->tail_squares[at] + head->squares};
}

/* Takes a row in. Returns false, and no window, while there are NaNs only. */
static inline bool push(struct moments *moments, double value, struct spread *window)
{
    if (!moments->begun && isnan(value))
        return false;
    moments->begun = true;
    uint32_t at = moments->at++;
    if (at + 1 < moments->n) {
        add(&moments->head, value);
        *window = join(moments, &moments->head, at);
        moments->tails[at] = value;
        return true;
    }
    moments->tails[at] = value;
    *window = end_block(moments, moments->tails);
    moments->head = (struct spread){window->reference, 0, 0};
    moments->at = 0;
    return true;
}

static inline double deviation(const struct spread *window, double n)
{
    double share = 1 / n, mean = window->sum * share;
    double variance = (window->squares - window->sum * mean) * share;
    return variance < 0 ? 0 : sqrt(variance);
}

/* Writes one row of the columns `out`. */
typedef void put_fn(const struct moments *moments, const struct spread *window, double value,
                    double *const *out, size_t row);

static inline void put_stddev(const struct moments *moments, const struct spread *window,
                              double value, double *const *out, size_t row)
{
    (void)value;
    out[0][row] = deviation(window, moments->n);
}

static inline void put_bands(const struct moments *moments, const struct spread *window,
                             double value, double *const *out, size_t row)
{
    double n = moments->n, mean = window->reference + window->sum / n;
    double reach = moments->k * deviation(window, n);
    double upper = mean + reach, lower = mean - reach;
    out[0][row] = mean;
    out[1][row] = upper;
    out[2][row] = lower;
    out[3][row] = (upper - lower) / mean;
    out[4][row] = (value - lower) / (upper - lower);
}

/* Whole columns, block by block: the same numbers as step by step, without the rows' detour through
 * the state. */
static inline void run_blocks(const struct mw_indicator_call *call, put_fn *put)
{
    const struct moments *moments = call->state;
    const double *values = call->in[0];
    uint32_t n = moments->n;
    struct spread head = {0, 0, 0};
    for (size_t begin = 0; begin < call->count; begin += n) {
        size_t left = call->count - begin;
        uint32_t grown = left < n ? (uint32_t)left : n - 1;
        for (uint32_t at = 0; at < grown; at++) {
            add(&head, values[begin + at]);
            struct spread window = join(moments, &head, at);
            put(moments, &window, values[begin + at], call->out, begin + at);
        }
        if (left < n)
            break;
        struct spread window = end_block(moments, values + begin);
        put(moments, &window, values[begin + n - 1], call->out, begin + n - 1);
        head = (struct spread){window.reference, 0, 0};
    }
}

static void stddev_step(void *state, const double *in, double *out)
{
    struct moments *moments = state;
    struct spread window;
    if (push(moments, in[0], &window))
        put_stddev(moments, &window, in[0], &out, 0);
    else
        out[0] = (double)NAN;
}

static void stddev_run(const struct mw_indicator_call *call)
{
    moments_init(call->state, call->params);
    run_blocks(call, put_stddev);
}

static void bbands_step(void *state, const double *in, double *out)
{
    struct moments *moments = state;
    struct spread window;
    double *const columns[] = {out, out + 1, out + 2, out + 3, out + 4};
    if (push(moments, in[0], &window))
        put_bands(moments, &window, in[0], columns, 0);
    else
        mw_indicator_fill_nan(out, 5);
}

static void bbands_run(const struct mw_indicator_call *call)
{
    bbands_init(call->state, call->params);
    run_blocks(call, put_bands);
}

const struct mw_indicator mw_indicator_stddev = {
    .name = "stddev",
    .inputs = "v",
    .outputs = "stddev",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = moments_bytes,
    .init = moments_init,
    .step = stddev_step,
    .run = stddev_run,
};

const struct mw_indicator mw_indicator_bbands = {
    .name = "bbands",
    .inputs = "v",
    .outputs = "middle upper lower width percent_b",
    .params = {MW_PERIOD("n", 20), MW_FACTOR("k", 2)},
    .first = mw_indicator_first_window,
    .bytes = moments_bytes,
    .init = bbands_init,
    .step = bbands_step,
    .run = bbands_run,
};
