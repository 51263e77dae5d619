/* stage.h - what all sessions of a simulator share: symbols, timeframes, prices or rows, the clock.
 *
 * Simulated time starts with the first subscription and runs `speed` times as fast as real time.
 * Made-up prices never pass the wall clock; a replay has times of its own. At speed 0 there is no
 * clock: each session goes from the start as fast as its socket takes it, until the same end.
 *
 * Threads: immutable after init but for the clock, which is the server thread's.
 */
#ifndef MW_SERVER_STAGE_H
#define MW_SERVER_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/status.h"
#include "base/thread.h"
#include "market/candle.h"
#include "market/timeframe.h"
#include "server/price.h"
#include "server/simulator.h"

struct mw_stage_symbol {
    char name[MW_SYMBOL_BYTES_MAX + 1];
    char lower[MW_SYMBOL_BYTES_MAX + 1]; /* as some venues write it in topics */
    struct mw_price_model model;
};

struct mw_stage_timeframe {
    struct mw_timeframe timeframe;
    char text[MW_TIMEFRAME_BYTES_MAX];
};

struct mw_stage {
    struct mw_stage_symbol *symbols; /* owns */
    uint32_t symbol_count;
    struct mw_stage_timeframe *timeframes; /* owns */
    uint32_t timeframe_count;
    struct mw_candle *rows; /* owns; NULL for made-up prices */
    size_t row_count;
    double row_scale; /* prices of the rows are multiples of 1 / row_scale; 10^0 to 10^8 */
    double speed;     /* 0 for no clock */
    int64_t start_ms;
    struct mw_map by_name, by_lower; /* to elements of `symbols` */
    bool clock_running;
    int64_t clock_started_ns; /* monotonic; when clock_running */
    int64_t jumped_ms;        /* by how much the clock is ahead of where it ran to */
    uint32_t jumps;           /* how often it jumped */
    int64_t reached_ms;       /* the furthest time that anybody was told of; 0 before that */
};

/* Fills `stage` from what mw_simulator_start was given. Errors: as there. Nothing to deinit
 * then. */
MW_MUST_USE mw_status mw_stage_init(struct mw_stage *stage,
                                    const struct mw_simulator_options *options,
                                    struct mw_error *err);
void mw_stage_deinit(struct mw_stage *stage);

/* Indices, or -1 for what is not offered. */
int64_t mw_stage_find_symbol(const struct mw_stage *stage, const char *name, size_t length);
int64_t mw_stage_find_lower(const struct mw_stage *stage, const char *lower, size_t length);
int64_t mw_stage_find_timeframe(const struct mw_stage *stage, const char *text, size_t length);

/* Starts the clock unless it runs already. */
void mw_stage_run_clock(struct mw_stage *stage) MW_ON(mw_server_thread);

/* Up to which simulated time things have happened by now. The clock runs. */
int64_t mw_stage_now_ms(const struct mw_stage *stage) MW_ON(mw_server_thread);

/* Makes the clock, which runs, jump ahead or back; not past the wall clock, nor before 1970. */
void mw_stage_jump(struct mw_stage *stage, int64_t by_ms) MW_ON(mw_server_thread);
/* The time nearest to `time_ms` that the clock may be set to. */
int64_t mw_stage_limit_ms(const struct mw_stage *stage, int64_t time_ms);

/* Notes that a client was told of what happens at `time_ms`. */
void mw_stage_reach(struct mw_stage *stage, int64_t time_ms) MW_ON(mw_server_thread);

/* Up to which simulated time there is a past to ask for: the clock's now; without a clock as far as
 * the furthest client has come; the start before anybody subscribed. Never goes back. */
int64_t mw_stage_past_ms(struct mw_stage *stage) MW_ON(mw_server_thread);

/* How many real milliseconds from now, at least 1, `due_ms` is; at most an hour, after which one
 * asks again, because the wall clock may be set. */
int64_t mw_stage_wait_ms(const struct mw_stage *stage, int64_t due_ms) MW_ON(mw_server_thread);

#endif
