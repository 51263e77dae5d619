/* sum.h - a sum in two doubles, as good as one rounding at the end.
 *
 * Threads: the owner's.
 */
#ifndef MW_MARKET_SUM_H
#define MW_MARKET_SUM_H

#include <math.h>

struct mw_sum {
    double total;
    double lost; /* what rounding took off `total`, exact for each addition */
};

/* The rounding error of an addition without a branch: D. E. Knuth, TAOCP 2, section 4.2.2, theorem
 * B. */
static inline void mw_sum_add(struct mw_sum *sum, double value)
{
    double total = sum->total + value;
    double taken = total - sum->total;
    sum->lost += (sum->total - (total - taken)) + (value - taken);
    sum->total = total;
}

/* The error of an infinite total is NaN and means nothing. */
static inline double mw_sum_value(const struct mw_sum *sum)
{
    double value = sum->total + sum->lost;
    return isnan(value) ? sum->total : value;
}

/* The mean of `count` values, corrected by what is left of the sum: of equal values it is that
 * value. 26 times 0.1, rounded and divided by 26, is not 0.1. */
static inline double mw_sum_mean(const struct mw_sum *sum, double count)
{
    double mean = sum->total / count;
    double rest = (fma(-mean, count, sum->total) + sum->lost) / count;
    return isnan(rest) ? mean : mean + rest;
}

#endif
