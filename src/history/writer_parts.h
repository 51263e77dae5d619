/* writer_parts.h - the inside of a writer, shared by its source files.
 *
 *     writer.c        series, the thread, writing, erasing
 *     writer_read.c   from what a follower notes to what is written
 *
 * A batch is what one transaction writes: stretches of series, each with its rows and holes in the
 * arrays of the batch.
 *
 *     stretches   [ BTC 1m 12:00-12:03 ][ ETH 1m 12:01-12:03 ]
 *     rows        [ . . . .            ][ . .                ]
 *     holes       [                    ][ 12:02              ]
 *
 * Threads: fields are the store thread's (`mw_store_thread`) unless they say otherwise.
 */
#ifndef MW_HISTORY_WRITER_PARTS_H
#define MW_HISTORY_WRITER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/map.h"
#include "base/thread.h"
#include "history/writer.h"
#include "net/backoff.h"

/* A series that is stored. */
struct mw_writer_entry {
    struct mw_series *series;     /* immutable */
    struct mw_follower *follower; /* immutable; the series owns it */
    struct mw_writer_entry *next; /* immutable once it is published */
    int64_t keep_ms;              /* immutable; 0 for all */
    bool erasing;                 /* may have rows that are too old */
};

/* What of one series goes into the batch under way; its rows and holes stand in those of the batch,
 * from these places on. */
struct mw_stretch {
    struct mw_writer_entry *entry;
    struct mw_range range;
    size_t row_at;
    size_t hole_at;
    uint32_t row_count, hole_count;
};

struct mw_batch {
    struct mw_candle *rows; /* owns; grows up to MW_STORE_ROWS_MAX */
    uint32_t row_count, row_room;
    struct mw_gap *holes; /* owns */
    uint32_t hole_count, hole_room;
    struct mw_stretch *stretches; /* owns */
    struct mw_store_part *parts;  /* owns; room for as many */
    uint32_t stretch_count, stretch_room;
};

struct mw_writer {
    struct mw_writer_options options; /* `retentions` is owned */
    struct mw_thread thread;          /* the owner's */
    _Atomic bool stopping;
    _Atomic bool writing; /* something was taken from a follower, and is not in the store yet */
    struct mw_wake wake;
    _Atomic(struct mw_writer_entry *) entries; /* owns; only grows, at the front */

    pthread_mutex_t lock; /* covers the two below */
    struct mw_map added;  /* the address of a series to its entry */
    struct mw_writer_status status;

    /* The store thread's, and nobody's while there is none. */
    struct mw_batch batch;
    struct mw_backoff backoff;
    int64_t retry_ms; /* after a failure, not before; 0 after a success */
    int64_t erase_ms; /* when to look for old rows again */
    bool hurry;       /* a ring is turning over */
    bool told;        /* on_store has heard of a failure */
    struct mw_log_gate failed_gate, lost_gate;
};

/* writer_read.c: takes the oldest range of a series and adds it to the batch. `*more` is false when
 * there is none, or when it is better left for the next look. Errors: the store cannot be asked;
 * the range is noted again. */
MW_MUST_USE mw_status mw_writer_collect(struct mw_writer *writer, struct mw_writer_entry *entry,
                                        bool *more, struct mw_error *err) MW_ON(mw_store_thread);
/* Notes a range again, unless it is empty. */
void mw_writer_give_back(struct mw_writer_entry *entry, int64_t from_ms, int64_t to_ms)
    MW_ON(mw_store_thread);

#endif
