/* replay.h - a capture, told again: the same bytes through the same code give the same candles.
 *
 * Records are taken in the order of the file. Each connection of the capture has an intake
 * (feed/intake.h) as it had when it was recorded, a feed has its protocol, loaded by the recorded
 * name, and answers of a venue's history go through mw_backfill_merge. Nothing depends on a clock:
 * a record is read at the time it carries.
 *
 *     while (mw_replay_next(replay, &step, &err) == MW_OK && step.is_record)
 *         look at mw_replay_cache(replay)
 *
 * What is repeated is what the feeds did. Whether they flow, and which holes were given up on, is
 * not in a capture.
 *
 * Threads: the owner's.
 */
#ifndef MW_HISTORY_REPLAY_H
#define MW_HISTORY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/capture.h"
#include "feed/decoder.h"
#include "market/cache.h"

struct mw_replay; /* opaque */

/* Opens a capture. Errors: MW_EIO, MW_EPARSE. */
MW_MUST_USE mw_status mw_replay_open(const char *path, struct mw_replay **out,
                                     struct mw_error *err);
void mw_replay_close(struct mw_replay *replay);

/* The cache that is filled; there from the start, borrowed until the close. Its series hold as many
 * bars as those of the first feed in the capture. */
struct mw_cache *mw_replay_cache(struct mw_replay *replay);

struct mw_replay_step {
    bool is_record; /* there was one, and it was taken; false at the end of the capture */
    mw_capture_kind kind;
    int64_t time_ms; /* when it was recorded */
};

/* Takes the next record and flushes the cache. Errors, which end the replay: those of
 * mw_protocol_load with the feed's name; MW_EPARSE with the byte for a record that means nothing
 * (of a feed that was not announced, a time outside the years 1 to 9999, ...); MW_ELIMIT for more
 * series or connections than a cache or feed may have. */
MW_MUST_USE mw_status mw_replay_next(struct mw_replay *replay, struct mw_replay_step *step,
                                     struct mw_error *err);

struct mw_replay_counts {
    uint64_t records, bytes;     /* of the capture, taken so far */
    uint64_t messages;           /* received, over all feeds */
    int64_t first_ms, last_ms;   /* of the records; 0 before there was one */
    struct mw_capture_tail tail; /* after the end */
};

void mw_replay_get_counts(const struct mw_replay *replay, struct mw_replay_counts *counts);

/* One feed of the capture, over all its connections and sections. */
struct mw_replay_feed {
    const char *name, *protocol; /* borrowed until the close */
    uint64_t connections;        /* that were opened */
    uint64_t messages, bytes, candles, late, revised, other, unsubscribed;
    uint64_t rejects[MW_REJECT_COUNT];
    uint64_t answers; /* of the venue's history */
    uint64_t refused; /* of these, wrong ones that were not merged */
};

uint32_t mw_replay_feed_count(const struct mw_replay *replay);
void mw_replay_get_feed(const struct mw_replay *replay, uint32_t index,
                        struct mw_replay_feed *feed);

/* A digest of what `series` has now: 64 bits, the same for the same bars and holes. */
uint64_t mw_replay_digest(struct mw_series *series);

#endif
