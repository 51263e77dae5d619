/* series_parts.h - the inside of a series, shared by its source files.
 *
 *     series.c         the ring: what may replace what, and the readers without locks
 *     series_gaps.c    holes, revisions, health
 *     series_derived.c bars that are made of others
 *     series_follow.c  what has changed, for each follower
 *
 * Threads: `lock` covers everything that is not atomic, and all writing.
 */
#ifndef MW_MARKET_SERIES_PARTS_H
#define MW_MARKET_SERIES_PARTS_H

#include <pthread.h>

#include "market/series.h"

enum { MW_CANDLE_WORDS = sizeof(struct mw_candle) / sizeof(uint64_t) };

struct mw_slot {
    _Alignas(64) _Atomic uint64_t words[MW_CANDLE_WORDS];
};

struct mw_series {
    struct mw_series_key key;
    struct mw_series_note note;
    uint32_t capacity, slot_count;
    struct mw_slot *slots; /* owns */

    pthread_mutex_t lock; /* serialises writers; covers the three below */
    struct mw_gaps gaps;
    struct mw_follower *followers; /* owns; a list */
    struct mw_revision *revisions; /* owns; a ring by number; NULL before the first */

    /* On a line of their own: readers poll them. */
    _Alignas(64) _Atomic uint64_t span; /* total << COUNT_BITS | count */
    _Atomic uint64_t newest_seq;        /* odd while the newest candle is being written */
    _Atomic uint64_t repair_seq;        /* odd while any other candle is being written */
    _Atomic uint64_t gap_version;
    _Atomic uint32_t gap_count; /* in `gaps` */
    _Atomic uint64_t revision_count;
    _Atomic int64_t first_live_ms, dropped_ms;
};

/* What was visible at one moment. */
struct mw_span {
    uint64_t total;
    uint32_t count;
};

struct mw_span mw_series_span(const struct mw_series *series);

/* The first number in [total - count, total) whose open_ms is at least `open_ms`, or total. */
uint64_t mw_series_lower_bound(const struct mw_series *series, struct mw_span span,
                               int64_t open_ms);

void mw_series_load(const struct mw_series *series, uint64_t number, struct mw_candle *candle);

/* Notes for all followers that closed bars or holes of these buckets change. `lock` is held. */
void mw_series_note_change(struct mw_series *series, int64_t from_ms, int64_t to_ms);
void mw_series_free_followers(struct mw_series *series);

/* Replaces the candle with this number. `lock` is held. */
void mw_series_rewrite(struct mw_series *series, struct mw_span span, uint64_t number,
                       const struct mw_candle *candle);

/* Adds a bar after the newest, and one before number `before`, for which everything older moves
 * down by one; nothing is made of what lies between bars. A full ring drops its oldest, which after
 * the latter is left to be told to mw_series_forget_gaps. `lock` is held. */
void mw_series_push(struct mw_series *series, struct mw_span span, const struct mw_candle *candle);
void mw_series_squeeze(struct mw_series *series, struct mw_span span, uint64_t before,
                       const struct mw_candle *candle);

/* Whether nothing differs of what both tell. */
bool mw_series_values_equal(const struct mw_candle *a, const struct mw_candle *b);

/* Opens, closes and forgets holes, and publishes that. `lock` is held. A hole is opened before the
 * rows around it are published, and closed after. */
void mw_series_open_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms);
void mw_series_close_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms);

/* Publishes the holes in a new version, which tells readers that rows between others may be new.
 * `lock` is held. */
void mw_series_renew_gaps(struct mw_series *series);

/* The ring has dropped its oldest bar, and that is published: holes up to there are forgotten, and
 * those between it and the oldest that is left are given up, since the ring takes nothing there any
 * more. `lock` is held. */
void mw_series_forget_gaps(struct mw_series *series);

/* Remembers that the closed bar of `open_ms` gets other values, or appears where nothing was known
 * to be traded. `lock` is held from before this until they are there: whoever reads the new values
 * sees the new count, and whoever reads of the revision, under the lock, finds the new values. */
void mw_series_note_revision(struct mw_series *series, int64_t open_ms);

#endif
