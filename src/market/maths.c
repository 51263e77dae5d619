/* maths.c - compensated sums, and what is made of them. */
#include "market/maths.h"

#include <math.h>
#include <stddef.h>

#include "market/sum.h"

double mw_maths_sum(const double *values, uint32_t count)
{
    struct mw_sum sum = {0, 0};
    for (size_t i = 0; i < count; i++)
        mw_sum_add(&sum, values[i]);
    return mw_sum_value(&sum);
}

double mw_maths_mean(const double *values, uint32_t count)
{
    return count == 0 ? (double)NAN : mw_maths_sum(values, count) / count;
}

double mw_maths_min(const double *values, uint32_t count)
{
    double least = count == 0 ? (double)NAN : values[0];
    for (size_t i = 1; i < count && !isnan(least); i++)
        least = values[i] >= least ? least : values[i]; /* takes a NaN */
    return least;
}

double mw_maths_max(const double *values, uint32_t count)
{
    double most = count == 0 ? (double)NAN : values[0];
    for (size_t i = 1; i < count && !isnan(most); i++)
        most = values[i] <= most ? most : values[i]; /* takes a NaN */
    return most;
}

/* Two passes, corrected by the sum of the deviations, which is not quite 0 because the mean is
 * rounded: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance",
 * 1983. */
double mw_maths_std(const double *values, uint32_t count)
{
    double mean = mw_maths_mean(values, count);
    struct mw_sum squares = {0, 0}, deviations = {0, 0};
    for (size_t i = 0; i < count; i++) {
        double deviation = values[i] - mean;
        mw_sum_add(&squares, deviation * deviation);
        mw_sum_add(&deviations, deviation);
    }
    double rest = mw_sum_value(&deviations);
    double variance = (mw_sum_value(&squares) - rest * rest / count) / count;
    return variance < 0 ? 0 : sqrt(variance);
}
