/* bench.h - what the benchmarks share: medians of timed batches, and lines of `name value unit`.
 *
 *     int main(int argc, char **argv)
 *     {
 *         bench_begin(argc, argv);
 *         bench_print("series_put_update", bench_time(put_updates, &state), "ns");
 *         return 0;
 *     }
 *
 * Other work on the machine makes single figures jump by a third: a figure is the median of many
 * batches, and what is to be compared is measured in one run, in turns.
 *
 * Threads: main only.
 */
#ifndef MW_BENCH_BENCH_H
#define MW_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { BENCH_SEED = 20260101 }; /* of everything random, so that each run does the same work */

/* Reads the command line, of which `--quick` is all there may be: one short batch of each figure,
 * to see that it runs. Exits with 2 for anything else. */
void bench_begin(int argc, char **argv);
bool bench_is_quick(void);

/* Prints one line. Names are letters, digits and '_', units have no blanks. */
void bench_print(const char *name, double value, const char *unit);

/* Does what is measured `count` times. */
typedef void (*bench_fn)(void *user, uint64_t count);

/* Nanoseconds for one of what `fn` does: the median of 101 batches of 2 ms. */
double bench_time(bench_fn fn, void *user);

/* Sorts `values`; count is at least 1. */
double bench_median(double *values, size_t count);

/* Makes the compiler believe that `value` is needed and its memory changed. */
static inline void bench_keep(const void *value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* Ends the program with err's message unless `status` is MW_OK. */
void bench_require(mw_status status, const struct mw_error *err);

#endif
