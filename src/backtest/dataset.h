/* dataset.h - candles of the past that back-tests run over: from files, from a store.
 *
 * It is filled once, and then shared by any number of back-tests at the same time. A series has
 * rows, and what is known of the buckets without one: holes are ranges that something may be
 * missing from, all else was quiet.
 *
 * Threads: one until it is filled, then any number; it never changes again.
 */
#ifndef MW_BACKTEST_DATASET_H
#define MW_BACKTEST_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "history/csv.h"
#include "market/candle.h"
#include "market/gaps.h"
#include "market/series.h"

struct mw_dataset; /* opaque */

/* One series of it. */
struct mw_dataset_series {
    struct mw_series_key key; /* the feed may be empty: of whichever is asked for */
    struct mw_candle *rows;   /* owns; closed, oldest first, MW_SOURCE_CONTEXT */
    uint32_t count;           /* at least 1 */
    struct mw_gap *holes;     /* owns; oldest first, between the first and the last row */
    uint32_t hole_count;
    uint32_t absent_count; /* stretches of buckets without a row, and how many buckets */
    uint64_t absent;
};

struct mw_dataset *mw_dataset_new(void);
/* Counts its users: another one, and one less; the last frees it. */
struct mw_dataset *mw_dataset_ref(struct mw_dataset *dataset);
void mw_dataset_unref(struct mw_dataset *dataset);

/* Adds a series. Takes `rows` (mw_free), also on failure. Absent buckets were quiet, or are holes
 * with `with_holes`. Errors: MW_EHISTORY for rows that are no candles, off the grid or out of
 * order, with their number; MW_EINVAL for a series that it has; MW_ELIMIT. */
MW_MUST_USE mw_status mw_dataset_add(struct mw_dataset *dataset, const struct mw_series_key *key,
                                     struct mw_candle *rows, size_t count, bool with_holes,
                                     struct mw_error *err);

/* Adds the series of a CSV file. Without a timeframe (count 0) that is the shortest distance of two
 * of its rows. Errors: those of mw_csv_read and mw_dataset_add. */
MW_MUST_USE mw_status mw_dataset_add_csv(struct mw_dataset *dataset, const char *path,
                                         const struct mw_csv_options *options,
                                         const struct mw_series_key *key, bool with_holes,
                                         struct mw_error *err);

/* What is taken of a store: an empty feed or symbol, or a timeframe of count 0, means any. */
struct mw_dataset_choice {
    struct mw_series_key key;
    int64_t from_ms, to_ms; /* open times, inclusive */
};

/* Adds all series of a store that fit, with the holes that the store knows of. Errors: those of the
 * store; MW_EINVAL when none fits, saying what there is. */
MW_MUST_USE mw_status mw_dataset_add_store(struct mw_dataset *dataset, const char *path,
                                           const struct mw_dataset_choice *choice,
                                           struct mw_error *err);

uint32_t mw_dataset_count(const struct mw_dataset *dataset);
const struct mw_dataset_series *mw_dataset_series(const struct mw_dataset *dataset, uint32_t index);

#endif
