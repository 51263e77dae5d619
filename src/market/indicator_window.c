/* indicator_window.c - what looks back over the rows of a column, and where two columns cross.
 *
 * highest    the greatest of the last n rows; lowest the least. First row n - 1.
 * rolling_sum  the sum of the last n rows. First row n - 1.
 * cumsum     the sum of all rows so far. First row 0. A NaN stays for good.
 * shift      the value n rows before: shift(1) is the row before. First row n. A negative n would
 *            show the future and is refused.
 * diff       x - shift(x, n). First row n.
 * cross_above  1 in a row where a > b after a <= b in the row before, else 0; cross_below 1 where
 *            a < b after a >= b. Equal is neither above nor below, so that a column that touches
 *            the other one and goes on crosses it once. NaN where one of the four values is NaN.
 *            First row 1.
 */
#include "market/indicator_parts.h"

static size_t window_bytes(const double *params)
{
    return sizeof(struct mw_window) + (size_t)params[0] * sizeof(double);
}

static void window_init(void *state, const double *params)
{
    double *memory = (double *)((struct mw_window *)state + 1);
    mw_window_init(state, (uint32_t)params[0], &memory);
}

static void highest_step(void *state, const double *in, double *out)
{
    out[0] = mw_window_max(state, in[0]);
}

static void lowest_step(void *state, const double *in, double *out)
{
    out[0] = mw_window_min(state, in[0]);
}

static void rolling_sum_step(void *state, const double *in, double *out)
{
    out[0] = mw_window_sum(state, in[0]);
}

const struct mw_indicator mw_indicator_highest = {
    .name = "highest",
    .inputs = "v",
    .outputs = "highest",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = window_bytes,
    .init = window_init,
    .step = highest_step,
};

const struct mw_indicator mw_indicator_lowest = {
    .name = "lowest",
    .inputs = "v",
    .outputs = "lowest",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = window_bytes,
    .init = window_init,
    .step = lowest_step,
};

const struct mw_indicator mw_indicator_rolling_sum = {
    .name = "rolling_sum",
    .inputs = "v",
    .outputs = "rolling_sum",
    .params = {MW_PERIOD_GIVEN("n")},
    .first = mw_indicator_first_window,
    .bytes = window_bytes,
    .init = window_init,
    .step = rolling_sum_step,
};

struct cumsum {
    struct mw_start start;
    struct mw_sum sum;
};

static size_t cumsum_bytes(const double *params)
{
    (void)params;
    return sizeof(struct cumsum);
}

static void cumsum_init(void *state, const double *params)
{
    (void)params;
    *(struct cumsum *)state = (struct cumsum){0};
}

static void cumsum_step(void *state, const double *in, double *out)
{
    struct cumsum *cumsum = state;
    out[0] = (double)NAN;
    if (!mw_start_reached(&cumsum->start, in, 1))
        return;
    mw_sum_add(&cumsum->sum, in[0]);
    out[0] = mw_sum_value(&cumsum->sum);
}

static uint32_t cumsum_first(const double *params, uint32_t output)
{
    (void)params;
    (void)output;
    return 0;
}

const struct mw_indicator mw_indicator_cumsum = {
    .name = "cumsum",
    .inputs = "v",
    .outputs = "cumsum",
    .first = cumsum_first,
    .bytes = cumsum_bytes,
    .init = cumsum_init,
    .step = cumsum_step,
};

/* The n rows before the next one. */
struct past {
    struct mw_ring ring; /* none when n is 0 */
    uint32_t n;
};

static size_t past_bytes(const double *params)
{
    return sizeof(struct past) + (size_t)params[0] * sizeof(double);
}

static void past_init(void *state, const double *params)
{
    struct past *past = state;
    double *memory = (double *)(past + 1);
    past->n = (uint32_t)params[0];
    if (past->n > 0)
        mw_ring_init(&past->ring, past->n, &memory);
}

static void shift_step(void *state, const double *in, double *out)
{
    struct past *past = state;
    out[0] = past->n == 0 ? in[0] : mw_ring_push(&past->ring, in[0]);
}

static void diff_step(void *state, const double *in, double *out)
{
    struct past *past = state;
    out[0] = in[0] - mw_ring_push(&past->ring, in[0]);
}

const struct mw_indicator mw_indicator_shift = {
    .name = "shift",
    .inputs = "v",
    .outputs = "shift",
    .params = {{"n", 1, 0, MW_INDICATOR_N_MAX, true}},
    .first = mw_indicator_first_change,
    .bytes = past_bytes,
    .init = past_init,
    .step = shift_step,
};

const struct mw_indicator mw_indicator_diff = {
    .name = "diff",
    .inputs = "v",
    .outputs = "diff",
    .params = {MW_PERIOD("n", 1)},
    .first = mw_indicator_first_change,
    .bytes = past_bytes,
    .init = past_init,
    .step = diff_step,
};

struct cross {
    double a, b; /* of the row before */
};

static size_t cross_bytes(const double *params)
{
    (void)params;
    return sizeof(struct cross);
}

static void cross_init(void *state, const double *params)
{
    (void)params;
    *(struct cross *)state = (struct cross){(double)NAN, (double)NAN};
}

/* Whether `a` has come above `b`; takes them in as the row before of the next row. */
static double cross(struct cross *before, double a, double b)
{
    struct cross old = *before;
    *before = (struct cross){a, b};
    if (isnan(a) || isnan(b) || isnan(old.a) || isnan(old.b))
        return (double)NAN;
    return a > b && old.a <= old.b;
}

static void cross_above_step(void *state, const double *in, double *out)
{
    out[0] = cross(state, in[0], in[1]);
}

static void cross_below_step(void *state, const double *in, double *out)
{
    out[0] = cross(state, in[1], in[0]);
}

static uint32_t cross_first(const double *params, uint32_t output)
{
    (void)params;
    (void)output;
    return 1;
}

const struct mw_indicator mw_indicator_cross_above = {
    .name = "cross_above",
    .inputs = "vw",
    .outputs = "cross_above",
    .first = cross_first,
    .bytes = cross_bytes,
    .init = cross_init,
    .step = cross_above_step,
};

const struct mw_indicator mw_indicator_cross_below = {
    .name = "cross_below",
    .inputs = "vw",
    .outputs = "cross_below",
    .first = cross_first,
    .bytes = cross_bytes,
    .init = cross_init,
    .step = cross_below_step,
};
