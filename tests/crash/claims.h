/* claims.h - what victims have told to be stored, bucket by bucket, and whether a store keeps it.
 *
 * The simulator has a bar for every bucket. So within what a store knows of a series each bucket
 * has a row or lies in a hole, and a row that is in no hole has the simulator's prices, to the last
 * digit. What was told to be known, and in no hole, is there with its row.
 *
 * Threads: the owner's.
 */
#ifndef MW_CRASH_CLAIMS_H
#define MW_CRASH_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "../fault/truth.h"
#include "history/store.h"
#include "victim.h"

#define CLAIMS_FEED "venue"

struct claims; /* opaque */

/* What a store has, and what does not hold. */
struct verdict {
    uint64_t rows;     /* in the store */
    uint64_t told;     /* rows of which somebody was told that they are stored, so far */
    uint64_t missing;  /* buckets in holes */
    uint64_t reopened; /* of these, told as stored and in no hole once */
    uint64_t lost;     /* told as stored, and not there, or with other values */
    char failure[512]; /* the first thing that is wrong; empty: nothing is */
};

/* Series of the feed CLAIMS_FEED with the simulator's symbols, from before_ms on at the
 * earliest. */
struct claims *claims_new(const struct truth *truth, const struct mw_timeframe *timeframes,
                          uint32_t timeframe_count, int64_t before_ms);
void claims_free(struct claims *claims);

/* Adds what was told; `rows` and `holes` follow the tale. What cannot be goes into `why`, and false
 * is returned. */
bool claims_add(struct claims *claims, const struct tale *tale, const struct mw_candle *rows,
                const struct mw_gap *holes, char *why, size_t room);

/* Whether the newest `count` buckets that were told of every series are rows in no hole. */
bool claims_are_whole(const struct claims *claims, uint32_t count);

/* Rows that were told. */
uint64_t claims_count(const struct claims *claims);

/* Reads all of a store and holds it against what was told and what is true. */
void claims_judge(struct claims *claims, struct mw_store *store, struct verdict *verdict);

#endif
