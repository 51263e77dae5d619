/* backtest_bench.h - a script, candles, and what a back-test of them shows, for tests.
 *
 * Scripts speak through context:signal; what they said is held against one text.
 *
 * Threads: one at a time.
 */
#ifndef MW_SUPPORT_BACKTEST_BENCH_H
#define MW_SUPPORT_BACKTEST_BENCH_H

#include "backtest/backtest.h"

struct backtest_bench {
    char path[64]; /* of the script */
    struct mw_dataset *data;
    struct mw_backtest_options options;
    struct mw_backtest_result *result; /* owns; of the last run, NULL when it failed */
    struct mw_error err;               /* then, why */
    bool adds_holes;                   /* what is absent of the next bars is a hole */
};

/* 2024-01-01T00:00:00Z, a Monday: the first minute of all that is made here. */
#define BACKTEST_BEGIN_MS 1704067200000

/* The start of minute `at`, counted from there. */
int64_t backtest_ms(int64_t at);

void backtest_begin(struct backtest_bench *bench, const char *script);
void backtest_end(struct backtest_bench *bench);
/* Writes another script in its place. */
void backtest_write(struct backtest_bench *bench, const char *script);

/* Adds `count` bars of "[feed:]SYMBOL" and a timeframe, the first of which opens at minute `at`.
 * Bar i has the prices 100 + i and i + 1 as volume. Bars whose place in `pattern` (which repeats;
 * NULL: none) is a '.' are absent. */
void backtest_add(struct backtest_bench *bench, const char *symbol, const char *timeframe,
                  int64_t at, uint32_t count, const char *pattern);
/* The same, and what is absent is a hole. */
void backtest_add_holes(struct backtest_bench *bench, const char *symbol, const char *timeframe,
                        int64_t at, uint32_t count, const char *pattern);

/* Runs, frees what was shown before. False when it failed. */
bool backtest_run(struct backtest_bench *bench);

/* Runs, and fails the test unless the signals are `wanted`: "MINUTE TEXT\n" each, with the minute
 * of the moment. */
void backtest_expect(struct backtest_bench *bench, const char *wanted);
/* Runs, and fails the test unless it failed with `status` and a message that has `words`. */
void backtest_expect_failure(struct backtest_bench *bench, mw_status status, const char *words);

#endif
