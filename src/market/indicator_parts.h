/* indicator_parts.h - what the files that implement indicators share.
 *
 * A state is one block of memory that stays where `init` found it: a struct, then the doubles of
 * its windows (window.h), which `init` deals out:
 *
 *     struct spread { struct mw_window highest, lowest; };
 *
 *     static void spread_init(void *state, const double *params)
 *     {
 *         struct spread *spread = state;
 *         double *memory = (double *)(spread + 1);
 *         mw_window_init(&spread->highest, (uint32_t)params[0], &memory);
 *         mw_window_init(&spread->lowest, (uint32_t)params[0], &memory);
 *     }
 *
 * What is made of parts needs no counting: a part that waits gives NaN, and a part that is given
 * NaNs first waits for them to end.
 *
 * `run` is called with `count` of 1 or more and all inputs of the first row known: NaNs in front
 * are mw_indicator_run's business. `step` sees them and has to wait.
 *
 * Threads: as indicator.h.
 */
#ifndef MW_MARKET_INDICATOR_PARTS_H
#define MW_MARKET_INDICATOR_PARTS_H

#include <math.h>

#include "base/limits.h"
#include "market/indicator.h"
#include "market/indicator_list.h"
#include "market/mean.h"
#include "market/window.h"

/* A period, with a default or without one. */
#define MW_PERIOD(name, usual)                                                                     \
    {                                                                                              \
        (name), (usual), 1, MW_INDICATOR_N_MAX, true                                               \
    }
#define MW_PERIOD_GIVEN(name) MW_PERIOD(name, (double)NAN)

/* How many deviations or ranges something is away. */
#define MW_FACTOR(name, usual)                                                                     \
    {                                                                                              \
        (name), (usual), 0, 1000, false                                                            \
    }

/* `first` where a window of params[0] values has to be full, and where one value more is needed. */
uint32_t mw_indicator_first_window(const double *params, uint32_t output);
uint32_t mw_indicator_first_change(const double *params, uint32_t output);

/* For a `check`: MW_EINVAL unless fast < slow. */
mw_status mw_indicator_check_order(double fast, double slow, struct mw_error *err);

/* Fills rows [0, count) with NaN. */
void mw_indicator_fill_nan(double *out, size_t count);

/* Where counting starts: at the first row that has all inputs. Indicators of several inputs that
 * keep something of each need it in `step`. Zeroed to begin with. */
struct mw_start {
    bool reached;
};

static inline bool mw_start_reached(struct mw_start *start, const double *in, uint32_t inputs)
{
    if (start->reached)
        return true;
    for (uint32_t i = 0; i < inputs; i++)
        if (isnan(in[i]))
            return false;
    return start->reached = true;
}

/* Where a value stands between the lowest and the highest, in per cent; 0 where they are the same
 * (TA-Lib, Skender). */
static inline double mw_place(double value, double lowest, double highest)
{
    return highest == lowest ? 0 : 100 * (value - lowest) / (highest - lowest);
}

/* An average that every value moves by a share of its distance: value += share * (x - value). The
 * mean of the first n values is its first value. NaNs in front do not count; a later one stays. */
struct mw_smooth {
    double share, value;
    uint32_t n, count; /* values so far, up to n */
    struct mw_sum seed;
};

/* The share that an exponential average of n gives to a new value, and Wilder's. */
static inline double mw_share_ema(uint32_t n)
{
    return 2 / ((double)n + 1);
}

static inline double mw_share_wilder(uint32_t n)
{
    return 1 / (double)n;
}

static inline void mw_smooth_init(struct mw_smooth *smooth, uint32_t n, double share)
{
    *smooth = (struct mw_smooth){.share = share, .value = (double)NAN, .n = n};
}

/* The first n values; inlining it does not pay. Returns `smooth->value`. */
double mw_smooth_seed(struct mw_smooth *smooth, double value);

static inline double mw_smooth_next(double value, double share, double next)
{
    return value + share * (next - value);
}

static inline double mw_smooth_push(struct mw_smooth *smooth, double value)
{
    if (smooth->count < smooth->n)
        return mw_smooth_seed(smooth, value);
    return smooth->value = mw_smooth_next(smooth->value, smooth->share, value);
}

#endif
