/* window.h - sums and extremes of the newest n values, without ever taking one away.
 *
 * Cut the values into blocks of n. A window is the tail of one block and the head of the next:
 *
 *      |  previous  |  block     |
 *      |      t t t | h h        |      n = 5: window = tail of 3, head of 2
 *
 * At the end of a block it is walked backwards once, which leaves the sums of its tails in the
 * slots where the values stood; the next block adds to its head and finds the tail that it needs in
 * the slot that its value then takes. That is two additions a value whatever n is, and nothing that
 * is subtracted: no error outlives its window, and a NaN or an infinity is gone once it has left
 * (M. van Herk, 1992, does this for minima). The first block has tails of NaN, so that the first
 * result is that of row n - 1. NaNs in front of the first value do not count as rows.
 *
 * Every n values one push takes time in proportion to n: O(1) each, on average.
 *
 * Threads: the owner's.
 */
#ifndef MW_MARKET_WINDOW_H
#define MW_MARKET_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "market/sum.h"

/* What so few additions round off stays below 1e-13 of the sum of the magnitudes; sums of larger
 * windows are compensated. That takes twice the time. */
enum { MW_WINDOW_PLAIN_MAX = 1024 };

static inline void mw_window_add(struct mw_sum *sum, double value, bool plain)
{
    if (plain)
        sum->total += value;
    else
        mw_sum_add(sum, value);
}

static inline double mw_window_total(const struct mw_sum *sum, bool plain)
{
    return plain ? sum->total : mw_sum_value(sum);
}

struct mw_window {
    double *slots; /* borrows n: values of this block, then tails of the previous one */
    uint32_t n;
    uint32_t at;        /* values in this block */
    bool begun;         /* a value was no NaN */
    struct mw_sum head; /* of this block; an extreme has its `total` only */
    struct mw_sum ramp; /* of a weighted sum: the first value once, the second twice, ... */
};

/* Takes its slots, n doubles, from `*memory` and moves that behind them. */
void mw_window_init(struct mw_window *window, uint32_t n, double **memory);

/* Each takes a value and returns what it is in the window that ends there, or NaN. A window is used
 * for one of them. `ramp` counts the oldest value once, the next one twice, the newest n times. */
double mw_window_sum(struct mw_window *window, double value);
double mw_window_ramp(struct mw_window *window, double value);
double mw_window_max(struct mw_window *window, double value);
double mw_window_min(struct mw_window *window, double value);

/* As if `count` values, 1..n, had been pushed into a new window of sums that has them, the oldest
 * first, in its slots. */
void mw_window_refill(struct mw_window *window, uint32_t count);

/* The mean of the newest n values with the weights 1, 2, ..., n, the newest with n. */
struct mw_wma {
    struct mw_window window;
    double weights; /* the sum of them */
};

void mw_wma_init(struct mw_wma *wma, uint32_t n, double **memory);
double mw_wma_push(struct mw_wma *wma, double value);

/* The newest n values as they are, for what only they can tell. */
struct mw_ring {
    double *slots; /* borrows n; the oldest is at `at` once there are n */
    uint32_t n, at, count;
};

void mw_ring_init(struct mw_ring *ring, uint32_t n, double **memory);

/* Takes a value and returns the one that it pushes out, which is n rows older; NaN before there is
 * one. NaNs in front of the first value do not count. */
static inline double mw_ring_push(struct mw_ring *ring, double value)
{
    if (ring->count == 0 && isnan(value))
        return value;
    double oldest = ring->slots[ring->at];
    ring->slots[ring->at] = value;
    ring->at = ring->at + 1 == ring->n ? 0 : ring->at + 1;
    ring->count += ring->count < ring->n;
    return oldest;
}

#endif
