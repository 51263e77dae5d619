/* backfill_bench.h - a history thread, a venue on loopback and one series, for tests.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_BACKFILL_BENCH_H
#define MW_SUPPORT_BACKFILL_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "history/backfill.h"

#include "history_server.h"

enum {
    MW_HISTORY_BENCH_BARS = 100,
    MW_HISTORY_BENCH_MS = 20000, /* longer than anything takes */
    MW_HISTORY_BENCH_RATE = 1000,
};

/* What is told by the history thread, in the order in which it came. */
struct mw_history_told {
    pthread_mutex_t lock;
    char text[512];   /* guarded by lock */
    uint32_t answers; /* guarded by lock */
};

struct mw_history_bench {
    struct mw_history_server server;
    struct mw_cache *cache;
    struct mw_backfill *backfill;
    struct mw_series *series;
    struct mw_watcher *watcher;
    struct mw_wake wake;
    struct mw_history_told told;
    int last_live; /* of the thread that puts live bars */
};

/* Waits for what the history thread does to show. */
#define MW_WAIT_UNTIL(bench, condition)                                                            \
    for (int64_t until = mw_clock_monotonic_ms() + MW_HISTORY_BENCH_MS; !(condition);) {           \
        assert_true(mw_clock_monotonic_ms() < until);                                              \
        mw_wake_wait(&(bench)->wake, 20);                                                          \
    }

/* A source with short times, that tells the bench. */
struct mw_backfill_source mw_history_bench_source_of(struct mw_history_bench *bench,
                                                     int row_count_max, int rate);
/* Everything but the source. */
void mw_history_bench_prepare(struct mw_history_bench *bench, int last);
/* Adds the source and starts. */
void mw_history_bench_begin_with(struct mw_history_bench *bench, int last,
                                 const struct mw_backfill_source *source);
/* All of it: the venue has the minutes 0..last. */
void mw_history_bench_begin(struct mw_history_bench *bench, int last, int row_count_max);
void mw_history_bench_end(struct mw_history_bench *bench);

/* As a feed does. */
void mw_history_bench_put_live(struct mw_history_bench *bench, int minute, bool closed);
bool mw_history_bench_has_gap(struct mw_history_bench *bench, bool given_up);
/* The bars first..last are there, with the venue's values, and nothing else but one that forms. */
void mw_history_bench_expect_bars(struct mw_history_bench *bench, int first, int last);
bool mw_history_bench_has_told(struct mw_history_bench *bench, const char *text);
bool mw_history_bench_is_idle(struct mw_history_bench *bench);
void mw_history_bench_expect_request(struct mw_history_bench *bench, int index, const char *text);

#endif
