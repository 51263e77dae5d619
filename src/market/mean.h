/* mean.h - the mean of the newest n values, exact for decimals.
 *
 * Prices are decimals: 64117.67 is 6411767 hundredths. The doubles next to them are not, and what
 * they are beside differs from price to price, so that even a sum of doubles without any rounding
 * has two averages apart by a last bit where the decimals have them equal. In a market that moves
 * by few ticks that is one cross-over in a hundred; a sum that also drifts gets one in ten wrong.
 *
 * So as long as all values are decimals of few digits, whole numbers of units are summed:
 *
 *     value * 10^digits, rounded to the nearest integer, is within a rounding of it
 *     |units| <= UNITS_MAX and n * UNITS_MAX < 2^53: no addition or subtraction rounds
 *     mean = sum / (n * 10^digits), rounded once: the double nearest to the mean of the decimals
 *
 * `digits` grows up to 8 when a value needs it. A value that is no such decimal ends this for good:
 * from the window that ends in it on, sums are those of window.h, which do not drift either. After
 * a NaN the window begins anew, because every result has to wait until it has left.
 *
 * Threads: the owner's; mw_mean_run is a pure function.
 */
#ifndef MW_MARKET_MEAN_H
#define MW_MARKET_MEAN_H

#include <stdbool.h>
#include <stdint.h>

#include "market/window.h"

/* What a unit is, and how large a number of them may be. */
struct mw_units {
    double scale; /* units in 1 */
    double most;  /* of a value */
};

struct mw_mean {
    struct mw_units units;
    bool whole;              /* all values are whole numbers of units */
    uint32_t n, at;          /* slot of the next value */
    uint32_t count;          /* values in `slots`, up to n; the others are 0 */
    double sum;              /* of them, in units */
    double *slots;           /* borrows n: units of the newest values */
    struct mw_window window; /* has the same slots once `whole` is false */
};

/* Takes its slots, n doubles, from `*memory` and moves that behind them. */
void mw_mean_init(struct mw_mean *mean, uint32_t n, double **memory);

/* Takes a value and returns the mean of the window that ends there, or NaN. NaNs in front do not
 * count. O(1), on average. */
double mw_mean_push(struct mw_mean *mean, double value);

/* The same for `count` values that do not begin with a NaN. */
void mw_mean_run(const double *values, uint32_t count, uint32_t n, double *out);

#endif
