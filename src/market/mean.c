/* mean.c - moving means in whole units of decimals, and in blocks where there are none. */
#include "market/mean.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

static const double scale_max = 1e8; /* venues have up to 8 digits behind the point */

/* Below it, one double in 256 at most is taken for a decimal that it is not, which moves it by a
 * last bit or two. It holds prices of 87,000 in units of 1e-8 and of 87 billion in cents. */
static const double units_max = 8796093022208;     /* 2^43 */
static const double sum_max = 4503599627370496;    /* 2^52 */
static const double to_integer = 6755399441055744; /* 1.5 * 2^52: has no room for a fraction */
static const double rounding = 2.25e-16;           /* a little over 2^-52 */

static struct mw_units units_of(uint32_t n)
{
    double most = floor(sum_max / n);
    return (struct mw_units){1, most < units_max ? most : units_max};
}

/* A value in units, to the nearest integer; good for less than 2^51. */
static inline double in_units(double value, double scale)
{
    return (value * scale + to_integer) - to_integer;
}

/* Whether that is the value but for the two roundings of a decimal: into a double, and when it is
 * scaled. False for NaN and infinities. */
static inline bool is_whole(double value, double units, const struct mw_units *kind)
{
    double exact = value * kind->scale;
    return fabs(exact - units) <= rounding * fabs(exact) && fabs(units) <= kind->most;
}

/* Finds a smaller unit that `value` is a whole number of. Returns false, and leaves `kind` alone,
 * if there is none. */
static bool find_unit(double value, struct mw_units *kind)
{
    struct mw_units smaller = *kind;
    while (smaller.scale < scale_max) {
        smaller.scale *= 10;
        if (is_whole(value, in_units(value, smaller.scale), &smaller)) {
            *kind = smaller;
            return true;
        }
    }
    return false;
}

void mw_mean_init(struct mw_mean *mean, uint32_t n, double **memory)
{
    MW_CHECK(n >= 1);
    *mean = (struct mw_mean){.units = units_of(n), .whole = true, .n = n, .slots = *memory};
    *memory += n;
    memset(mean->slots, 0, n * sizeof(*mean->slots));
}

/* Slots from `count` on are 0 already. */
static void begin_anew(struct mw_mean *mean)
{
    memset(mean->slots, 0, mean->count * sizeof(*mean->slots));
    mean->at = mean->count = 0;
    mean->sum = 0;
}

/* All values in the smaller unit. Returns false, with nothing changed, if one gets too large. */
static bool change_unit(struct mw_mean *mean, const struct mw_units *kind)
{
    double factor = kind->scale / mean->units.scale;
    for (uint32_t i = 0; i < mean->count; i++)
        if (fabs(mean->slots[i]) * factor > kind->most)
            return false;
    for (uint32_t i = 0; i < mean->count; i++)
        mean->slots[i] *= factor;
    mean->sum *= factor;
    mean->units = *kind;
    return true;
}

static void reverse(double *slots, uint32_t begin, uint32_t end)
{
    for (; begin + 1 < end; begin++, end--) {
        double first = slots[begin];
        slots[begin] = slots[end - 1];
        slots[end - 1] = first;
    }
}

/* Hands the values over to a window of plain sums. */
static void leave_units(struct mw_mean *mean)
{
    double *memory = mean->slots;
    uint32_t split = mean->count == mean->n ? mean->at : 0; /* the oldest one is there */
    mean->whole = false;
    if (mean->count == 0) {
        mw_window_init(&mean->window, mean->n, &memory);
        return;
    }
    reverse(mean->slots, 0, split);
    reverse(mean->slots, split, mean->count);
    reverse(mean->slots, 0, mean->count);
    for (uint32_t i = 0; i < mean->count; i++)
        mean->slots[i] /= mean->units.scale;
    mean->window = (struct mw_window){.slots = mean->slots, .n = mean->n};
    mw_window_refill(&mean->window, mean->count);
}

/* A value that is no whole number of units as they are. */
static double push_odd(struct mw_mean *mean, double value)
{
    if (isnan(value)) {
        begin_anew(mean);
        return value;
    }
    struct mw_units kind = mean->units;
    if (!find_unit(value, &kind) || !change_unit(mean, &kind))
        leave_units(mean);
    return mw_mean_push(mean, value);
}

double mw_mean_push(struct mw_mean *mean, double value)
{
    if (!mean->whole)
        return mw_window_sum(&mean->window, value) / mean->n;
    double units = in_units(value, mean->units.scale);
    if (!is_whole(value, units, &mean->units))
        return push_odd(mean, value);
    mean->sum += units - mean->slots[mean->at];
    mean->slots[mean->at] = units;
    mean->at = mean->at + 1 == mean->n ? 0 : mean->at + 1;
    mean->count += mean->count < mean->n;
    return mean->count < mean->n ? (double)NAN : mean->sum / (mean->n * mean->units.scale);
}

/* The sums of window.h over an array: those of tails go where their results are to stand. `keep` is
 * at most n; results before it are left alone. Inlined with a known `plain`, as mw_window_sum has
 * it. */
static inline void run_blocks(const double *values, size_t count, uint32_t n, size_t keep,
                              double *out, bool plain)
{
    for (size_t begin = 0; begin < count; begin += n) {
        size_t last = begin + n - 1, end = last < count ? last : count;
        struct mw_sum head = {0, 0}, tail = {0, 0};
        size_t row = begin;
        for (; row < end && begin == 0; row++) {
            mw_window_add(&head, values[row], plain);
            if (row >= keep)
                out[row] = (double)NAN;
        }
        for (; row < end; row++) {
            mw_window_add(&head, values[row], plain);
            out[row] = (out[row] + mw_window_total(&head, plain)) / n;
        }
        if (last >= count)
            break;
        mw_window_add(&head, values[last], plain);
        if (last >= keep)
            out[last] = mw_window_total(&head, plain) / n;
        for (row = last; row > begin; row--) {
            mw_window_add(&tail, values[row], plain);
            if (row + n - 1 < count)
                out[row + n - 1] = mw_window_total(&tail, plain);
        }
    }
}

static void run_sums(const double *values, size_t count, uint32_t n, size_t keep, double *out)
{
    if (n <= MW_WINDOW_PLAIN_MAX)
        run_blocks(values, count, n, keep, out, true);
    else
        run_blocks(values, count, n, keep, out, false);
}

/* Where a run in units is. */
struct run {
    const double *values;
    double *out;
    uint32_t count, n;
    uint32_t begin; /* of the rows since a NaN */
    struct mw_units units;
    double sum; /* of the window that ends before the next row */
};

/* Goes on from `row` while values are whole numbers of units. Returns the row of the first one that
 * is not. */
static uint32_t run_units(struct run *run, uint32_t row)
{
    const double *values = run->values;
    struct mw_units kind = run->units;
    double sum = run->sum, divisor = run->n * kind.scale;
    uint32_t full = run->count - run->begin < run->n ? run->count : run->begin + run->n;
    for (; row < full; row++) {
        double units = in_units(values[row], kind.scale);
        if (!is_whole(values[row], units, &kind))
            break;
        sum += units;
        run->out[row] = row + 1 - run->begin < run->n ? (double)NAN : sum / divisor;
    }
    for (; row >= full && row < run->count; row++) {
        double units = in_units(values[row], kind.scale);
        if (!is_whole(values[row], units, &kind))
            break;
        sum += units - in_units(values[row - run->n], kind.scale);
        run->out[row] = sum / divisor;
    }
    run->sum = sum;
    return row;
}

/* Goes over to the unit that values[row] needs, if the window before it fits. */
static bool run_change_unit(struct run *run, uint32_t row)
{
    struct mw_units kind = run->units;
    if (!find_unit(run->values[row], &kind))
        return false;
    uint32_t begin = row - run->begin < run->n ? run->begin : row - run->n;
    for (uint32_t i = begin; i < row; i++)
        if (fabs(in_units(run->values[i], run->units.scale)) * (kind.scale / run->units.scale) >
            kind.most)
            return false;
    run->sum *= kind.scale / run->units.scale;
    run->units = kind;
    return true;
}

void mw_mean_run(const double *values, uint32_t count, uint32_t n, double *out)
{
    MW_CHECK(n >= 1);
    struct run run = {.values = values, .out = out, .count = count, .n = n, .units = units_of(n)};
    uint32_t row = run_units(&run, 0);
    while (row < count) {
        if (isnan(values[row])) {
            out[row] = values[row];
            run.begin = row + 1;
            run.sum = 0;
            row = run_units(&run, row + 1);
        } else if (run_change_unit(&run, row)) {
            row = run_units(&run, row);
        } else {
            uint32_t begin = row - run.begin < n ? run.begin : row - n;
            run_sums(values + begin, count - begin, n, row - begin, out + begin);
            return;
        }
    }
}
