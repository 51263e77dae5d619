/* download.h - a venue's past into a store: within the venue's rate, and resumable at any moment.
 *
 *     from                 known                          to or now
 *      [ - - - - - - - - - - |======| - hole - |====| - - - -]
 *       <-------- 3rd -------         <-- 2nd -      <- 1st -
 *
 * Only what the store does not know is asked for: what lies outside of its stretch, and its holes.
 * Newest first, each answer with the bar after it, so that an answer which lacks its newest rows is
 * seen; and since the newest bars before a time are asked for, a stretch without any costs nothing,
 * and an answer that has none tells where the venue's history begins.
 *
 * Each answer is one transaction with what it proves, so whatever ends the program, what is stored
 * is whole. A bar is stored only if it is final: there is a later one, or the venue says so, or it
 * ended MW_BACKFILL_SETTLE_MS ago and not so long that the venue's clock cannot be ours
 * (MW_DOWNLOAD_RECENT_MS). A bucket without a row is known to be quiet when two answers in a row
 * say so. A row that cannot be makes the answer wrong (rows.h), and it is asked for again. Of the
 * time before the first bar that the venue has nothing is noted.
 *
 * Threads: the owner's, which has SIGPIPE blocked or ignored; mw_download_stop any thread, and
 * signal handlers.
 */
#ifndef MW_HISTORY_DOWNLOAD_H
#define MW_HISTORY_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/protocol.h"
#include "history/store.h"

struct mw_download; /* opaque */

/* Where from. Borrowed until mw_download_free. */
struct mw_download_source {
    struct mw_protocol *protocol;      /* with `history` */
    const char *base;                  /* URL that requests are appended to */
    const char *ca_file, *market_type; /* NULL for none */
    /* 0 for the defaults in limits.h. */
    uint32_t attempts;     /* failures in a row before it is given up */
    double base_s, cap_s;  /* back-off between attempts */
    int64_t settle_ms;     /* after the end of a bucket its row is final */
    int64_t timeout_ms;    /* of a request */
    uint64_t answer_bytes; /* of an answer's body at most */
};

/* What: the bars that open at or after from_ms and before to_ms. */
struct mw_download_span {
    struct mw_series_key key;
    int64_t from_ms, to_ms;
};

/* How far it is. */
struct mw_download_progress {
    const struct mw_series_key *key;
    uint64_t bucket_count, bucket_done; /* to be asked for when it began, and of these answered */
    uint64_t rows;                      /* stored */
    int64_t wait_ms;                    /* until the next request, after a failure; else 0 */
    const struct mw_error *failure;     /* of the last request; NULL when it was good */
};
/* Called after each answer, and several times a second while it waits for one. */
typedef void (*mw_download_tell_fn)(void *user, const struct mw_download_progress *progress);

/* What it came to, also when it was stopped or has failed. */
struct mw_download_result {
    uint64_t requests, failures; /* sent, and those without a good answer */
    uint64_t rows, replaced;     /* stored: new ones, and others than those that were there */
    uint64_t left;               /* buckets that were not answered */
    bool stopped;                /* by mw_download_stop */
    bool empty;                  /* the venue has no bar of the series at all */
    bool begins;                 /* the venue has none before begins_ms */
    int64_t begins_ms;
    bool forming; /* the venue's newest bar, of forming_ms, may still form, and is not stored */
    int64_t forming_ms;
};

/* `store` is borrowed. Errors: MW_EINVAL for a protocol without a history, MW_EPARSE for a base
 * that is no http(s) URL, MW_ELIMIT. */
MW_MUST_USE mw_status mw_download_new(const struct mw_download_source *source,
                                      struct mw_store *store, struct mw_download **out,
                                      struct mw_error *err);
void mw_download_free(struct mw_download *download);

/* Downloads one series; returns when it is done, has failed or was stopped, which is MW_OK.
 * `result` is filled whatever the outcome. `tell` may be NULL. Errors: MW_EHISTORY and what
 * requests and the store fail with, after the attempts. */
MW_MUST_USE mw_status mw_download_run(struct mw_download *download,
                                      const struct mw_download_span *span, mw_download_tell_fn tell,
                                      void *user, struct mw_download_result *result,
                                      struct mw_error *err);

/* Makes the run, and each later one, end soon. */
void mw_download_stop(struct mw_download *download);

#endif
