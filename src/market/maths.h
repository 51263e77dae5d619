/* maths.h - what one number says of a row of doubles: sums, extremes, deviation.
 *
 * Sums are compensated: what rounding takes off is kept in a second double and added at the end
 * (sum.h), so a mean of a million prices is as good as one of ten. NaN means "not
 * known" and reaches every result that depends on it. What moves along a row is in indicator.h.
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

#endif
