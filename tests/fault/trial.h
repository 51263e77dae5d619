/* trial.h - one fault schedule: what it is made of, how it is run, and what came of it.
 *
 *     simulator, with a plan of faults  --- real sockets --->  engine  --->  recorder.lua
 *
 * While the plan lasts things go wrong; then the trial waits until the cache is whole. It is judged
 * by what the simulator's prices say (truth.h) and by what the strategy was told (ledger.h).
 *
 * Threads: each trial has a process of its own.
 */
#ifndef MW_FAULT_TRIAL_H
#define MW_FAULT_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "market/timeframe.h"
#include "server/fault.h"

enum { TRIAL_TIMEFRAMES_MAX = 2, TRIAL_PATH_BYTES = 256 };

/* All of it follows from a seed, or from the kind of the one fault. */
struct trial {
    uint64_t seed;
    const char *protocol;
    bool tls;
    uint32_t symbol_count, timeframe_count;
    struct mw_timeframe timeframes[TRIAL_TIMEFRAMES_MAX];
    double speed;
    uint32_t cache_bars;
    int64_t faults_ms;   /* faults begin before this; they may take longer */
    int64_t patience_ms; /* of pings, pongs and streams, half of the stall */
    struct mw_fault_plan plan;
    char folder[TRIAL_PATH_BYTES]; /* where its files are */
};

/* What came of it; travels through a pipe. */
struct trial_result {
    bool done; /* false: the process ended before it could say */
    uint64_t faults[MW_SABOTAGE_KIND_COUNT];
    uint64_t delivered, lost;                   /* bars; lost: neither delivered nor told */
    uint64_t gaps, backfilled, revised, lagged; /* told */
    uint64_t revisions;                         /* of bars in the cache, told or not */
    uint64_t repaired; /* live bars' buckets for which history has the word */
    uint64_t reconnects, resubscribes;
    uint64_t complete, incomplete; /* answers of get_price */
    int64_t repair_ms;             /* from the end of the last fault until all is whole */
    char failure[512];             /* empty: all is as it should be */
};

/* The schedule of a seed. `folder` is copied. */
void trial_of_seed(struct trial *trial, uint64_t seed, const char *folder);
/* One fault of this kind in a plain setting, after another that brings about its occasion: a
 * connection that ends, or a bar that has to be asked for. */
void trial_of_kind(struct trial *trial, mw_sabotage_kind kind, const char *folder);
void trial_deinit(struct trial *trial);

/* Prints setting and plan, a line each. */
void trial_print(const struct trial *trial);

/* Runs it; files of its own are left in its folder: config.lua, trace.txt, log.txt. */
void trial_run(const struct trial *trial, struct trial_result *result);

#endif
