/* cursor.h - how far a reader has got in one series, and what it is told on the way.
 *
 * Each closed bar once, in order, and the truth about what is missing.
 *
 * What a reader is told, in this order, by mw_cursor_next:
 *
 *     LAGGED      the ring dropped bars before they could be read
 *     REVISED     a bar that was delivered has other values now
 *     BACKFILLED  a hole that was told is closed: how many bars are there for it now (0: it was
 *                 quiet)
 *     GAP         a hole before the next bar is not going to be filled in time
 *     BAR         the next closed bar
 *     HELD        newer bars wait for a hole to be filled, until `until_ms`
 *     NOTHING     there is nothing new
 *
 * A hole before the next closed bar, or a bar that may lack its last updates, holds newer bars back
 * while somebody works on it, at most gap_wait_ms (the series' note) from when the first of them
 * could have been delivered, and not until the ring drops them. Then it is told as GAP and
 * remembered: bars that come for it later are told as BACKFILLED with its range, and not delivered
 * out of order. A bar that was there all the time but in doubt is delivered after the GAP that
 * tells so; a hole with several such bars is told in several parts, each of which ends before the
 * next of them.
 *
 * A reader begins after the newest closed bar, or with the oldest one, but never before the first
 * bar that came live: what back-fill puts before that is history. A bar that appears, behind the
 * reader, in a bucket that was known to be quiet is told as REVISED, unless the bucket was in a gap
 * that was told: of bars there that were not delivered nothing is told after BACKFILLED. A hole
 * that was told and that the ring does not reach any more is forgotten; so are all but the last
 * MW_SERIES_REVISIONS_MAX revisions when a reader did not look for so long.
 *
 * Threads: the reader's.
 */
#ifndef MW_SCRIPT_CURSOR_H
#define MW_SCRIPT_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "market/series.h"

enum {
    MW_CURSOR_BATCH = 64,      /* bars copied at once; 4 KiB */
    MW_CURSOR_SKIPPED_MAX = 64 /* told holes that are remembered; the oldest is forgotten */
};

struct mw_cursor; /* opaque: 6 KiB with its batch */

typedef enum mw_cursor_kind {
    MW_CURSOR_NOTHING,
    MW_CURSOR_HELD,
    MW_CURSOR_LAGGED,
    MW_CURSOR_REVISED,
    MW_CURSOR_BACKFILLED,
    MW_CURSOR_GAP,
    MW_CURSOR_BAR,
} mw_cursor_kind;

/* Only what goes with its kind is set. */
struct mw_cursor_news {
    mw_cursor_kind kind;
    struct mw_candle candle; /* BAR, REVISED: as it is now */
    int64_t from_ms, to_ms;  /* GAP, BACKFILLED: open times of its first and last bucket */
    uint64_t count;   /* LAGGED: bars lost; BACKFILLED: bars that are there now; GAP: buckets */
    int64_t until_ms; /* HELD: monotonic time at which to ask again */
};

/* Makes a cursor that borrows `series`. Never NULL. */
struct mw_cursor *mw_cursor_new(struct mw_series *series, bool from_oldest);
void mw_cursor_free(struct mw_cursor *cursor);
struct mw_series *mw_cursor_series(const struct mw_cursor *cursor);

/* The next thing to tell, also in news->kind; `now_ms` is the monotonic clock. */
mw_cursor_kind mw_cursor_next(struct mw_cursor *cursor, int64_t now_ms,
                              struct mw_cursor_news *news);

/* Copies the forming bar when it is not the one delivered last. Not while newer bars are held. */
bool mw_cursor_read_forming(struct mw_cursor *cursor, struct mw_candle *out);

#endif
