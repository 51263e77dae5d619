/* merger.h - the answers of a venue's history, checked and put into their series.
 *
 * The same code for the history thread and for the replay of a capture. What an answer proves:
 *
 *     asked:    from                                     to
 *     rows:      |  r0    r1    .    r3    .    .    r6  |
 *                 final            final            may form
 *     proven:   [from ......................... r5]
 *
 * A row is final if a later row stands in the same answer, or if the venue says so in the row. So
 * the newest is not put, and nothing is known of the time from it on. There are two exceptions.
 * Where the newest bar of the series was closed by the clock, no later row may come for long: its
 * row is final if it was asked for MW_BACKFILL_SETTLE_MS after the end of its bucket, unless it has
 * less volume than was seen live: then the venue's history lags. And where the
 * next bar is further away than one answer reaches, it counts that an earlier answer had it.
 *
 * A bucket without a row is quiet only if two answers in a row say so: answers that lack rows are
 * the one fault that cannot be seen in an answer. One of several rows may also have been cut to
 * what the venue gives at once, every time, at either end: it says nothing of the time before its
 * first row and after its last, which is asked for again.
 *
 * The newest row is put after all where it is of the bar that forms, has trades that the bar lacks,
 * and was asked for as what is newest: the bar forms on, and stays unproven until its next update.
 *
 * An answer that lacks a bar which is in the series and had trades is wrong. So is one with a row
 * off the grid, out of the range asked for, out of order, twice, or of no shape that is a candle:
 * nothing of it is put.
 *
 * Threads: the owner's.
 */
#ifndef MW_HISTORY_MERGER_H
#define MW_HISTORY_MERGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/protocol.h"
#include "market/cache.h"

struct mw_merger; /* opaque */

/* For the answers of one venue. `cache` and `protocol` (with history) are borrowed until
 * mw_merger_free. */
struct mw_merger *mw_merger_new(struct mw_cache *cache, const struct mw_protocol *protocol,
                                int64_t settle_ms);
void mw_merger_free(struct mw_merger *merger);

/* An answer, and what it answers. */
struct mw_answer {
    struct mw_series *series;
    int64_t from_ms, to_ms; /* open times, inclusive; INT64_MIN and INT64_MAX for no bound */
    int64_t sent_ms;        /* wall clock when it was asked for */
    const char *body;       /* MW_MESSAGE_PADDING readable bytes follow */
    size_t length;
};

struct mw_merged {
    uint32_t rows;                /* in the answer */
    uint32_t put;                 /* bars that are new or have changed */
    int64_t oldest_ms, newest_ms; /* of the rows; where there are none INT64_MAX, INT64_MIN */
    bool doubt;                   /* buckets without a row wait for a second answer */
    bool holes_changed;           /* some were closed or cut, others may have opened */
    bool caught_up; /* the bar that forms lacked trades; asked for without an upper bound */
};

/* Decodes, checks, puts, proves, and marks the series for its watchers; the caller flushes. Errors:
 * MW_EHISTORY, and the series is unchanged. */
MW_MUST_USE mw_status mw_merger_merge(struct mw_merger *merger, const struct mw_answer *answer,
                                      struct mw_merged *merged, struct mw_error *err);

/* Fills `err` with what the venue says in the body of a refusal. False when it says nothing that
 * the protocol describes. */
bool mw_merger_explain(struct mw_merger *merger, const char *body, size_t length,
                       struct mw_error *err);

#endif
