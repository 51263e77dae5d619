/* indicator_bands.c - standard deviation, and bands of it around the mean.
 *
 * stddev     sqrt(sum((x - mean)^2) / n) over the last n rows: the population's deviation, as
 *            TA-Lib, Tulip, Skender, Lean and backtrader have it. pandas divides by n - 1, which is
 *            greater by sqrt(n / (n - 1)). First row n - 1.
 * bbands     middle = sma(n), to the last bit (mean.h); upper and lower = middle +- k * stddev(n),
 *            width = (upper - lower) / middle, percent_b = (x - lower) / (upper - lower): J.
 *            Bollinger, "Bollinger on Bollinger Bands", 2001. percent_b is NaN while the bands have
 *            no width. First row n - 1.
 *
 * The deviation comes from the sums of d and d * d, where d is the distance to a reference: the
 * last row of the block before. Blocks, heads and tails are those of window.h, and every window
 * that reaches into a block contains that row, so distances are of the size of the deviation
 * itself: prices of 50,000 that move by 0.01 lose no digit, rows that are all the same have a
 * deviation of exactly 0, and what cancels in
 *
 *      variance = sum(d * d) / n - (sum(d) / n)^2
 *
 * is at most n - 1 times what is left, whatever the rows are: a deviation is good to n times 2^-53
 * where a spike is the reference, and to the last few digits where rows are of one kind.
 */
#include <math.h>

#include "market/indicator_parts.h"

/* Windows wider than this compensate their sums (sum.h), which takes half as long again. Narrower
 * ones have too few rows to need it: 100 roundings of one part in 2^53. */
enum { WIDE = 100 };

/* What is known of some rows, in distances from `reference`. */
struct spread {
    double reference;
    struct mw_sum sum, squares;
};

/* What a window comes to. */
struct window {
    double reference, sum, squares;
};

/* Tails have two slots a row: one of d, and one of d * d. The rows of the block that grows wait in
 * the former, where the tails are used up. */
struct moments {
    double *tails, *tail_squares; /* each n */
    uint32_t n, at;               /* rows in this block */
    bool begun;
    struct spread head;
};

struct bbands {
    struct moments moments;
    struct mw_mean middle;
    double k;
};

static void moments_init(struct moments *moments, uint32_t n, double **memory)
{
    *moments = (struct moments){.tails = *memory, .tail_squares = *memory + n, .n = n};
    *memory += 2 * (size_t)n;
    mw_indicator_fill_nan(moments->tails, 2 * (size_t)n);
}

static size_t stddev_bytes(const double *params)
{
    return sizeof(struct moments) + 2 * (size_t)params[0] * sizeof(double);
}

static void stddev_init(void *state, const double *params)
{
    double *memory = (double *)((struct moments *)state + 1);
    moments_init(state, (uint32_t)params[0], &memory);
}

static size_t bbands_bytes(const double *params)
{
    return sizeof(struct bbands) + 3 * (size_t)params[0] * sizeof(double);
}

static void bbands_init(void *state, const double *params)
{
    struct bbands *bbands = state;
    double *memory = (double *)(bbands + 1);
    moments_init(&bbands->moments, (uint32_t)params[0], &memory);
    mw_mean_init(&bbands->middle, (uint32_t)params[0], &memory);
    bbands->k = params[1];
}

/* `wide` is a constant where it matters, so that loops are made for either. */
static inline void add(struct spread *spread, double value, bool wide)
{
    double distance = value - spread->reference, square = distance * distance;
    if (wide) {
        mw_sum_add(&spread->sum, distance);
        mw_sum_add(&spread->squares, square);
    } else {
        spread->sum.total += distance;
        spread->squares.total += square;
    }
}

static inline double value_of(const struct mw_sum *sum, bool wide)
{
    return wide ? mw_sum_value(sum) : sum->total;
}

/* Turns a whole block into what stands behind each of its rows, and answers the window that is the
 * block. `values` may be where the tails go. */
static inline struct window end_block(const struct moments *moments, const double *values,
                                      bool wide)
{
    double last = values[moments->n - 1];
    /* Windows that have it know no deviation when it is infinite. */
    struct spread spread = {.reference = isfinite(last) ? last : 0};
    for (size_t i = moments->n; i-- > 0;) {
        double value = values[i];
        moments->tails[i] = value_of(&spread.sum, wide);
        moments->tail_squares[i] = value_of(&spread.squares, wide);
        add(&spread, value, wide);
    }
    return (struct window){spread.reference, value_of(&spread.sum, wide),
                           value_of(&spread.squares, wide)};
}

/* Adds row `at` of the block, which is not its last one, and answers the window that ends there. */
static inline struct window grow_block(const struct moments *moments, struct spread *head,
                                       uint32_t at, double value, bool wide)
{
    add(head, value, wide);
    return (struct window){head->reference, moments->tails[at] + value_of(&head->sum, wide),
                           moments->tail_squares[at] + value_of(&head->squares, wide)};
}

/* Takes a row in. Returns false, and no window, while there are NaNs only. */
static inline bool push(struct moments *moments, double value, struct window *window)
{
    if (!moments->begun && isnan(value))
        return false;
    moments->begun = true;
    bool wide = moments->n > WIDE;
    uint32_t at = moments->at++;
    if (at + 1 < moments->n) {
        *window = grow_block(moments, &moments->head, at, value, wide);
        moments->tails[at] = value;
        return true;
    }
    moments->tails[at] = value;
    *window = end_block(moments, moments->tails, wide);
    moments->head = (struct spread){.reference = window->reference};
    moments->at = 0;
    return true;
}

/* `share` is 1 / n. */
static inline double deviation(const struct window *window, double share)
{
    double mean = window->sum * share;
    double variance = (window->squares - window->sum * mean) * share;
    return variance < 0 ? 0 : sqrt(variance);
}

/* Writes one row of bands around `middle`. */
static inline void put_bands(double middle, double reach, double value, double *const *out,
                             size_t row)
{
    double upper = middle + reach, lower = middle - reach;
    out[0][row] = middle;
    out[1][row] = upper;
    out[2][row] = lower;
    out[3][row] = (upper - lower) / middle;
    out[4][row] = (value - lower) / (upper - lower);
}

/* What a run does with the deviation of the window that ends in `row`. */
typedef void put_fn(const struct mw_indicator_call *call, double k, double deviation, size_t row);

static inline void put_deviation(const struct mw_indicator_call *call, double k, double deviation,
                                 size_t row)
{
    (void)k;
    call->out[0][row] = deviation;
}

/* The middle is there already. */
static inline void put_around(const struct mw_indicator_call *call, double k, double deviation,
                              size_t row)
{
    put_bands(call->out[0][row], k * deviation, call->in[0][row], call->out, row);
}

/* Whole columns, block by block: the same numbers as step by step, without the rows' detour through
 * the state. Inlined with known functions, so that the loop has no call in it. */
static inline void run_blocks(const struct mw_indicator_call *call, const struct moments *moments,
                              put_fn *put, double k, bool wide)
{
    const double *values = call->in[0];
    uint32_t n = moments->n;
    double share = 1 / (double)n;
    struct spread head = {0};
    for (size_t begin = 0; begin < call->count; begin += n) {
        size_t left = call->count - begin;
        uint32_t grown = left < n ? (uint32_t)left : n - 1;
        for (uint32_t at = 0; at < grown; at++) {
            struct window window = grow_block(moments, &head, at, values[begin + at], wide);
            put(call, k, deviation(&window, share), begin + at);
        }
        if (left < n)
            break;
        struct window window = end_block(moments, values + begin, wide);
        put(call, k, deviation(&window, share), begin + n - 1);
        head = (struct spread){.reference = window.reference};
    }
}

static inline void run(const struct mw_indicator_call *call, const struct moments *moments,
                       put_fn *put, double k)
{
    if (moments->n > WIDE)
        run_blocks(call, moments, put, k, true);
    else
        run_blocks(call, moments, put, k, false);
}

static void stddev_step(void *state, const double *in, double *out)
{
    struct moments *moments = state;
    struct window window;
    out[0] =
        push(moments, in[0], &window) ? deviation(&window, 1 / (double)moments->n) : (double)NAN;
}

static void stddev_run(const struct mw_indicator_call *call)
{
    stddev_init(call->state, call->params);
    run(call, call->state, put_deviation, 0);
}

const struct mw_indicator mw_indicator_stddev = {
    .name = "stddev",
    .inputs = "v",
    .outputs = "stddev",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = stddev_bytes,
    .init = stddev_init,
    .step = stddev_step,
    .run = stddev_run,
};

static void bbands_step(void *state, const double *in, double *out)
{
    struct bbands *bbands = state;
    struct window window;
    double *const columns[] = {out, out + 1, out + 2, out + 3, out + 4};
    double middle = mw_mean_push(&bbands->middle, in[0]);
    if (push(&bbands->moments, in[0], &window))
        put_bands(middle, bbands->k * deviation(&window, 1 / (double)bbands->moments.n), in[0],
                  columns, 0);
    else
        mw_indicator_fill_nan(out, 5);
}

static void bbands_run(const struct mw_indicator_call *call)
{
    struct bbands *bbands = call->state;
    bbands_init(bbands, call->params);
    mw_mean_run(call->in[0], call->count, bbands->moments.n, call->out[0]);
    run(call, &bbands->moments, put_around, bbands->k);
}

const struct mw_indicator mw_indicator_bbands = {
    .name = "bbands",
    .inputs = "v",
    .outputs = "middle upper lower width percent_b",
    .params = {MW_PERIOD("n", 20), MW_FACTOR("k", 2)},
    .first = mw_indicator_first_window,
    .bytes = bbands_bytes,
    .init = bbands_init,
    .step = bbands_step,
    .run = bbands_run,
};
