/* true_range.h - the true range, which several indicators average.
 *
 * J. W. Wilder, "New Concepts in Technical Trading Systems", 1978: the greatest of high - low,
 * |high - close before| and |low - close before|. A first row has no close before it and so no true
 * range (TA-Lib, Skender and backtrader do the same; Tulip and Lean take its high - low).
 *
 * Threads: the owner's.
 */
#ifndef MW_MARKET_TRUE_RANGE_H
#define MW_MARKET_TRUE_RANGE_H

#include "market/indicator_parts.h"

struct mw_true_range {
    struct mw_start start;
    double close; /* of the row before, NaN in front of the first */
};

static inline void mw_true_range_init(struct mw_true_range *range)
{
    *range = (struct mw_true_range){.close = (double)NAN};
}

/* Takes a row's high, low and close and returns its true range; NaN in the first row, and where
 * something is NaN. */
static inline double mw_true_range_push(struct mw_true_range *range, const double *in)
{
    if (!mw_start_reached(&range->start, in, 3))
        return (double)NAN;
    double most = in[0] - in[1];
    double above = fabs(in[0] - range->close), below = fabs(in[1] - range->close);
    bool known = !isnan(range->close);
    range->close = in[2];
    most = above > most ? above : most; /* a NaN of high or low stays */
    most = below > most ? below : most;
    return known ? most : (double)NAN;
}

#endif
