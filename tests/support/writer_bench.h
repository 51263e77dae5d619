/* writer_bench.h - a cache, a store in a folder of its own and a writer between them, for tests.
 *
 * Bars are of minutes that are counted from 0; their values follow from the minute and the volume.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_WRITER_BENCH_H
#define MW_SUPPORT_WRITER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "history/writer.h"
#include "market/cache.h"

enum { MW_WRITER_BENCH_MS = 20000, MW_WRITER_BENCH_ROWS = 8192 };

struct mw_writer_bench {
    void *path; /* of the store; text */
    struct mw_store *store;
    struct mw_cache *cache;
    struct mw_series *series;
    struct mw_writer *writer;
    struct mw_wake wake;
    pthread_mutex_t lock;
    char told[256];       /* guarded by lock: "fails;" and "works;" in their order */
    int64_t stored_to_ms; /* guarded by lock: the end of the newest stretch that was stored */
};

/* Waits for what the store thread does to show. */
#define MW_WRITER_UNTIL(bench, condition)                                                          \
    for (int64_t until = mw_clock_monotonic_ms() + MW_WRITER_BENCH_MS; !(condition);) {            \
        assert_true(mw_clock_monotonic_ms() < until);                                              \
        mw_wake_wait(&(bench)->wake, 5);                                                           \
    }

/* All but the writer; the series of "made" X 1m with room for `bars`. */
void mw_writer_bench_begin(struct mw_writer_bench *bench, uint32_t bars);
/* Makes the writer and adds the series; not started. A retention of 0 is none. */
void mw_writer_bench_add(struct mw_writer_bench *bench, int64_t batch_ms, int64_t keep_ms);
void mw_writer_bench_start(struct mw_writer_bench *bench);
/* Stops and frees the writer: what is left has been written. */
void mw_writer_bench_stop(struct mw_writer_bench *bench);
/* Another cache, as a restart has it. The writer is stopped. */
void mw_writer_bench_forget(struct mw_writer_bench *bench, uint32_t bars);
void mw_writer_bench_end(struct mw_writer_bench *bench);

int64_t mw_writer_bench_at(int64_t minute);
struct mw_candle mw_writer_bench_bar(int64_t minute, double volume);
mw_put mw_writer_bench_put(struct mw_writer_bench *bench, int64_t minute, bool closed,
                           double volume);
struct mw_writer_status mw_writer_bench_status(struct mw_writer_bench *bench);

/* The rows that the store has; the bench keeps them until the next call. */
uint32_t mw_writer_bench_rows(struct mw_writer_bench *bench, const struct mw_candle **rows);
/* The store has the rows of these minutes and no others; the list ends with -1. */
void mw_writer_bench_expect_rows(struct mw_writer_bench *bench, const int64_t *minutes);
/* It has these holes, pairs of minutes that end with -1, of which the first `given_up` are. */
void mw_writer_bench_expect_holes(struct mw_writer_bench *bench, const int64_t *pairs,
                                  uint32_t given_up);

#endif
