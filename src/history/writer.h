/* writer.h - the store thread: brings to disk what has changed in the cache.
 *
 *     feed --> ring --follower--> store thread --> store
 *              a put notes a range   takes ranges, reads closed bars and holes, one transaction
 *
 * It follows each series (series.h): a few times a second it takes the ranges that have changed,
 * reads their closed bars and holes, and writes them in one transaction. There is no queue: a feed
 * never waits for the disk, and what could not be written is still in the rings and is taken again.
 * If the disk is slower than a feed for so long that a ring drops bars which were not written,
 * those are counted as lost, and the store has a hole there. Where bars come so fast that a ring
 * would turn over between two looks, the next look follows at once.
 *
 * What is written is what the ring says: bars with their flags, and holes for the whole of each
 * stretch. Bars that came from the store keep the source that they have there, and are written only
 * where another process has erased them meanwhile; bars that were made of finer ones are not
 * stored, their buckets are holes. The bar that forms is not written.
 *
 * A write that fails is logged, counted and tried again with back-off; live data goes on. Rows
 * older than the retention of their timeframe, counted from the newest bar of their series, are
 * deleted a few thousand at a time between writes: only of series that are added here, since a
 * store may also hold what a person brought together.
 *
 * It has a thread of its own, not the history thread: strategies wait for holes to be filled, and a
 * disk that is full would hold that up.
 *
 * Threads: made, started, stopped and freed by one owner; adding series and asking any thread.
 */
#ifndef MW_HISTORY_WRITER_H
#define MW_HISTORY_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "history/store.h"
#include "market/series.h"

struct mw_writer; /* opaque */

/* How long rows of a timeframe are kept. */
struct mw_retention {
    struct mw_timeframe timeframe;
    int64_t keep_ms;
};

struct mw_writer_options {
    struct mw_store *store;                /* borrows until mw_writer_free */
    const struct mw_retention *retentions; /* copies; timeframes that are not named are kept */
    uint32_t retention_count;
    int64_t batch_ms; /* between two writes; 0 for MW_STORE_BATCH_MS */
    /* A stretch of a series is in the store, with all that was known of it. NULL for nobody. */
    void (*on_stored)(void *user, const struct mw_store_part *part);
    /* The store fails (`err`, an MW_EHISTORY), or works again (NULL). NULL for nobody. */
    void (*on_store)(void *user, const struct mw_error *err);
    void *user; /* both are called from the store thread */
};

struct mw_writer *mw_writer_new(const struct mw_writer_options *options);
void mw_writer_free(struct mw_writer *writer);

/* Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_writer_start(struct mw_writer *writer, struct mw_error *err);
/* Writes what is left, for at most MW_STORE_STOP_MS, and joins. Another process that does not let
 * go of the file is waited for no longer than that either. Idempotent. */
void mw_writer_stop(struct mw_writer *writer);

/* Stores `series` from now on, and what is in it already. False, and nothing is done, for one that
 * is stored. */
bool mw_writer_add(struct mw_writer *writer, struct mw_series *series);

struct mw_writer_status {
    uint64_t rows; /* given to the store and not from it; one that was revised counts again */
    uint64_t writes, failures;
    uint64_t lost;    /* live bars that a ring dropped before they were written */
    uint32_t waiting; /* series with something to write; not 0 while that is under way */
    uint64_t erased;  /* rows that were too old */
    bool has_error;
    struct mw_error error; /* the last failure, until a write succeeds again */
};
void mw_writer_get_status(struct mw_writer *writer, struct mw_writer_status *status);

#endif
