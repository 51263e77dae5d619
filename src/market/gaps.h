/* gaps.h - holes of a series: ranges of buckets that something may be missing from.
 *
 * Each bucket is in no hole, in one that is open, or in one that was given up: nobody fills it. The
 * list has the ranges of buckets that are alike, in order; those of one kind do not touch. A range
 * begins and ends with the open time of a bucket, both inclusive.
 *
 * Threads: the owner's; a series guards its own with its lock.
 */
#ifndef MW_MARKET_GAPS_H
#define MW_MARKET_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "market/timeframe.h"

struct mw_gap {
    int64_t from_ms, to_ms; /* open times of the first and the last bucket */
    bool given_up;          /* nobody fills it */
};

struct mw_gaps {
    struct mw_gap *list; /* owns */
    uint32_t count, capacity;
};

void mw_gaps_deinit(struct mw_gaps *gaps);

/* Opens a range, which is joined with open ones that it overlaps or touches; what was given up
 * within it is open again, what lies beside it is not. Returns whether anything changed. */
bool mw_gaps_add(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                 int64_t to_ms);

/* Takes a range out; ranges are cut and split. Its bounds are open times. Returns whether anything
 * changed. */
bool mw_gaps_remove(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                    int64_t to_ms);

/* Marks what is open within as given up; ranges are split. Its bounds are open times.
 * Returns whether anything changed. */
bool mw_gaps_give_up(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                     int64_t to_ms);

/* The first range that reaches into from_ms..to_ms, borrowed until the next change, or NULL. */
const struct mw_gap *mw_gaps_find(const struct mw_gaps *gaps, int64_t from_ms, int64_t to_ms);

#endif
