/* maths.c - compensated sums, and moving averages built from them. */
#include "market/maths.h"

#include <math.h>
#include <stddef.h>

#include "base/check.h"

/* A sum in two doubles. */
struct sum {
    double total;
    double lost; /* what rounding took off `total`, exact for each addition */
};

/* The rounding error of an addition without a branch: D. E. Knuth, TAOCP 2, section 4.2.2, theorem
 * B. */
static inline void sum_add(struct sum *sum, double value)
{
    double total = sum->total + value;
    double taken = total - sum->total;
    sum->lost += (sum->total - (total - taken)) + (value - taken);
    sum->total = total;
}

/* The error of an infinite total is NaN and means nothing. */
static inline double sum_value(const struct sum *sum)
{
    double value = sum->total + sum->lost;
    return isnan(value) ? sum->total : value;
}

double mw_maths_sum(const double *values, uint32_t count)
{
    struct sum sum = {0, 0};
    for (size_t i = 0; i < count; i++)
        sum_add(&sum, values[i]);
    return sum_value(&sum);
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
    struct sum squares = {0, 0}, deviations = {0, 0};
    for (size_t i = 0; i < count; i++) {
        double deviation = values[i] - mean;
        sum_add(&squares, deviation * deviation);
        sum_add(&deviations, deviation);
    }
    double rest = sum_value(&deviations);
    double variance = (sum_value(&squares) - rest * rest / count) / count;
    return variance < 0 ? 0 : sqrt(variance);
}

static void fill_nan(double *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (double)NAN;
}

/* Cut the values into blocks of n. A window is the tail of one block and the head of the next:
 *
 *      |  previous  |  block     |
 *      |      t t t | h h        |      n = 5: window = tail of 3, head of 2
 *
 * so walking a block backwards leaves the sums of its tails in the results where they belong, and
 * walking the next one forwards adds the sums of its heads: two additions per value whatever n is,
 * and no subtraction (M. van Herk, 1992, does this for minima). In the first block the tails are
 * NaN. */
void mw_maths_sma(const double *values, uint32_t count, uint32_t n, double *out)
{
    MW_CHECK(n >= 1);
    fill_nan(out, n <= count ? n - 1 : count);
    for (size_t begin = 0; begin < count && n <= count; begin += n) {
        size_t last = begin + n - 1; /* may lie behind the values */
        struct sum head = {0, 0}, tail = {0, 0};
        for (size_t i = begin; i < last && i < count; i++) {
            sum_add(&head, values[i]);
            out[i] = (out[i] + sum_value(&head)) / n;
        }
        if (last >= count)
            break;
        sum_add(&head, values[last]);
        out[last] = sum_value(&head) / n;
        for (size_t i = last; i > begin; i--) {
            sum_add(&tail, values[i]);
            if (i + n - 1 < count)
                out[i + n - 1] = sum_value(&tail);
        }
    }
}

void mw_maths_ema(const double *values, uint32_t count, uint32_t n, double *out)
{
    MW_CHECK(n >= 1);
    uint32_t first = 0;
    while (first < count && isnan(values[first]))
        first++;
    if (n > count - first) {
        fill_nan(out, count);
        return;
    }
    size_t seed = (size_t)first + n - 1;
    double alpha = 2 / ((double)n + 1);
    fill_nan(out, seed);
    out[seed] = mw_maths_mean(values + first, n);
    for (size_t i = seed + 1; i < count; i++)
        out[i] = out[i - 1] + alpha * (values[i] - out[i - 1]);
}
