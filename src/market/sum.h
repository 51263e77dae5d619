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

#endif
