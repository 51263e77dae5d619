/* history.h - a stretch of the past, bar by bar: what a venue answers when it is asked.
 *
 * The same bars that are pushed live, to the last digit: made-up ones are made from their ticks
 * anew, replayed ones are the rows, and a row that is absent stays absent. The bar that forms at
 * the end of the past comes last, as far as it has come.
 *
 * Making a bar of a day takes 86,400 ticks, so that it goes on in parts, and an answer has no more
 * bars than MW_HISTORY_TICKS_MAX ticks make.
 *
 * Ownership: borrows the stage until deinit.
 * Threads: the owner's.
 */
#ifndef MW_SERVER_HISTORY_H
#define MW_SERVER_HISTORY_H

#include "server/playback.h"

enum {
    MW_SERVED_ROWS_MAX = 1000,
    MW_HISTORY_TICKS_MAX = 50000000, /* 2.5 s of one core */
};

/* What is asked for: bars that open at from_ms..to_ms, both included. */
struct mw_history_range {
    uint32_t symbol, timeframe; /* indices into the stage */
    int64_t from_ms, to_ms;
    uint32_t limit; /* 1..MW_SERVED_ROWS_MAX; past it the newest are left out */
    bool newest;    /* there is no from_ms: the newest `limit` up to to_ms */
};

struct mw_history {
    const struct mw_stage *stage;
    struct mw_history_range range;
    int64_t past_ms;           /* where the past ends */
    int64_t open_ms, last_ms;  /* made up: the next bar, and the last one */
    size_t row, row_end;       /* replay: the same as indices */
    uint32_t left;             /* bars that may still come */
    struct mw_price_walk walk; /* made up: those of the bar that is being made */
    struct mw_price_bar bar;
};

typedef enum mw_history_step {
    MW_HISTORY_BAR,  /* there was one */
    MW_HISTORY_END,  /* there is none any more */
    MW_HISTORY_BUSY, /* the budget is used up before it was made */
} mw_history_step;

/* Starts before the oldest bar. `past_ms` is what mw_stage_past_ms says. */
void mw_history_init(struct mw_history *history, const struct mw_stage *stage,
                     const struct mw_history_range *range, int64_t past_ms);

/* Takes the next bar, oldest first. *budget, in ticks, goes down by what it took. */
mw_history_step mw_history_next(struct mw_history *history, int64_t *budget,
                                struct mw_playback_event *event);

#endif
