/* maths.h - what indicators are made of: sums, extremes and moving averages over rows of doubles.
 *
 * Sums are compensated: what rounding takes off is kept in a second double and added at the end
 * (A. Neumaier, 1974), so a mean of a million prices is as good as one of ten. A moving average
 * never subtracts: nothing drifts, and a NaN or an infinity is gone once it has left the window.
 *
 * NaN means "not known": it propagates to every result that depends on it, and stands where a
 * result is not defined yet. Moving functions write `count` results, which must not overlap the
 * values; `n` is at least 1, and where n > count all results are NaN.
 *
 * Threads: pure functions.
 */
#ifndef MW_MARKET_MATHS_H
#define MW_MARKET_MATHS_H

#include <stdint.h>

/* 0 for no values. */
double mw_maths_sum(const double *values, uint32_t count);

/* NaN for no values; `std` is the population's (divides by count). */
double mw_maths_mean(const double *values, uint32_t count);
double mw_maths_min(const double *values, uint32_t count);
double mw_maths_max(const double *values, uint32_t count);
double mw_maths_std(const double *values, uint32_t count);

/* The mean of each `n` values in a row; the first n - 1 results are NaN. */
void mw_maths_sma(const double *values, uint32_t count, uint32_t n, double *out);

/* Exponential average with alpha = 2 / (n + 1), seeded with the mean of the first n values (as
 * TA-Lib does), which is its result number n; those before are NaN. NaNs at the front are the
 * warm-up of what the values were made from: counting starts behind them. A NaN later stays for
 * good. */
void mw_maths_ema(const double *values, uint32_t count, uint32_t n, double *out);

#endif
