/* playback.h - what one session is told and when: its series, unfolded in time order.
 *
 * A bar gives forming updates at its open and every step after it, and at its end one closed
 * candle:
 *
 *      open      +step     +2 step    ...      end = next open
 *      forming   forming   forming             closed, forming of the next bar
 *
 *      step = min(T / 4, max(1 s, speed * 1 s))
 *
 * so that each bar has four updates at least, and a fast simulation does not drown in them. Made-up
 * updates are the true bar of the ticks so far; those of a replay are in replay.h.
 *
 * The next event of all series is on top of a heap, ordered by time, at one time closed candles
 * first. Making it may take many ticks (a month has 2.6 million), so that it goes on in parts.
 *
 * Ownership: borrows the stage until freed.
 * Threads: the owner's.
 */
#ifndef MW_SERVER_PLAYBACK_H
#define MW_SERVER_PLAYBACK_H

#include "server/stage.h"

struct mw_playback; /* opaque */

struct mw_playback_event {
    uint32_t symbol, timeframe; /* indices into the stage */
    int64_t time_ms;            /* simulated time at which it happens */
    int64_t end_ms;             /* the bar's end, which is the start of the next bucket */
    struct mw_candle candle;
};

typedef enum mw_playback_step {
    MW_PLAYBACK_EVENT, /* there was one */
    MW_PLAYBACK_LATER, /* none until then; mw_playback_due_ms tells when */
    MW_PLAYBACK_BUSY,  /* the budget is used up before the event was made */
} mw_playback_step;

struct mw_playback *mw_playback_new(const struct mw_stage *stage);
void mw_playback_free(struct mw_playback *playback);

/* Follows a series from the bar that forms at `now_ms`, its update at or before then first. Does
 * nothing for one that is followed already. */
void mw_playback_add(struct mw_playback *playback, uint32_t symbol, uint32_t timeframe,
                     int64_t now_ms);
/* Goes on with every series as if it had been added at `now_ms`. */
void mw_playback_enter(struct mw_playback *playback, int64_t now_ms);
/* Returns whether it was followed. */
bool mw_playback_remove(struct mw_playback *playback, uint32_t symbol, uint32_t timeframe);

/* Calls `visit` for each series that is followed, in no particular order. */
void mw_playback_each(const struct mw_playback *playback,
                      void (*visit)(void *user, uint32_t symbol, uint32_t timeframe), void *user);
size_t mw_playback_count(const struct mw_playback *playback);

/* Takes the next event up to `until_ms`. *budget, in ticks, goes down by what it took. */
mw_playback_step mw_playback_next(struct mw_playback *playback, int64_t until_ms, int64_t *budget,
                                  struct mw_playback_event *event);

/* Time of the next event; INT64_MAX when there is none any more. */
int64_t mw_playback_due_ms(const struct mw_playback *playback);

#endif
