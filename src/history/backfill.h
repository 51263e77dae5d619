/* backfill.h - the history thread: asks venues for what the cache lacks, and merges the answers.
 *
 *     a new series      its ring is filled from the venue's history, newest first
 *     a restart         what has come since the newest bar of the store is asked for at once
 *     a hole            is asked for, and closed by what comes
 *     a silent series   is looked into: is it quiet, or did we miss something?
 *
 * One thread for all feeds; each feed has its own rate and one request under way at a time, so that
 * a slow venue holds up nobody else. Requests that fail are tried again with back-off; after
 * MW_BACKFILL_ATTEMPTS_MAX in a row the hole is given up (readers do not wait for it any more) and
 * tried again later at a slow pace.
 *
 * What an answer proves is said in merger.h. A row is final only if a later one stands in the same
 * answer, so a hole is asked for together with the bar after it; with the bar before it too, since
 * an answer without that one is not whole. Rows are put as closed by the exchange, source
 * MW_SOURCE_BACKFILL; the rules of series.c keep what came live.
 *
 * Where the venue does not answer at all, or asks us to stay away, everything of the feed waits;
 * after MW_BACKFILL_ATTEMPTS_MAX of these in a row all of its holes are given up.
 *
 * Threads: made, started, stopped and freed by one owner; the three requests any thread, and they
 * return at once.
 */
#ifndef MW_HISTORY_BACKFILL_H
#define MW_HISTORY_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/capture.h"
#include "feed/protocol.h"
#include "history/merger.h"
#include "market/cache.h"

struct mw_backfill; /* opaque */

/* A venue's history, for the series of one feed. */
struct mw_backfill_source {
    const char *feed;             /* the feed's name, as in the series' keys */
    struct mw_protocol *protocol; /* takes, also on failure; one of its own, with `history` */
    const char *base;             /* URL that requests are appended to; NULL for the protocol's */
    const char *ca_file, *market_type; /* NULL for none */
    int64_t gap_wait_ms;               /* set on its series when they are wanted */
    /* 0 for the defaults in limits.h. */
    double retry_s;            /* holes that were given up are asked for so soon, then ever later */
    double base_s, cap_s;      /* back-off between attempts */
    int64_t settle_ms;         /* after the end of a bucket its row is final */
    int64_t timeout_ms;        /* of a request */
    uint64_t answer_bytes_max; /* of an answer's body */
    /* What mw_backfill_probe found; not called when the venue does not say. The series' health is
     * left to whoever asked, who alone knows whether it is still subscribed and connected. From the
     * history thread; NULL for nobody. */
    void (*on_probe)(void *user, struct mw_series *series, bool missed);
    /* A request failed for good (`err`), or works again (NULL). From the history thread. */
    void (*on_history)(void *user, const char *feed, const struct mw_error *err);
    /* An answer, before it is merged: for whoever looks on. NULL for nobody. */
    void (*on_answer)(void *user, const struct mw_answer *answer);
    struct mw_capture_tap tap; /* where answers are recorded; zero for nowhere */
    void *user;
};

struct mw_backfill *mw_backfill_new(struct mw_cache *cache);
void mw_backfill_free(struct mw_backfill *backfill);

/* Before the start. Copies the texts. Without a base, here or in the protocol, nothing is asked for
 * until one is set. Errors: MW_EPARSE for a base that is no http(s) URL, MW_EINVAL for a protocol
 * without a history, MW_ELIMIT for more than MW_FEEDS_MAX. */
MW_MUST_USE mw_status mw_backfill_add(struct mw_backfill *backfill,
                                      const struct mw_backfill_source *source,
                                      struct mw_error *err);
/* Another base for the source of `feed`, before the start. Errors: MW_EPARSE, MW_EINVAL. */
MW_MUST_USE mw_status mw_backfill_set_base(struct mw_backfill *backfill, const char *feed,
                                           const char *base, struct mw_error *err);

/* Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_backfill_start(struct mw_backfill *backfill, struct mw_error *err);
/* Joins the thread. Requests under way are dropped. Idempotent. */
void mw_backfill_stop(struct mw_backfill *backfill);

/* Fills the ring of a series that is wanted from now on, and its holes. Where its newest bar is the
 * store's, what is newer is asked for as well, without waiting for the stream: from that bar on,
 * and when that is more than one answer holds, the newest there is; what lies between is a hole
 * then. Does nothing for one that is wanted already and full, or whose feed has no source. A series
 * that was subscribed and is MW_SERIES_IDLE again is dropped, until it is wanted once more. */
void mw_backfill_want(struct mw_backfill *backfill, struct mw_series *series);
/* The holes of `series` have changed: for mw_cache_on_gap. */
void mw_backfill_check(struct mw_backfill *backfill, struct mw_series *series);
/* Asks for what is newer than the newest bar as it is, and tells `on_probe`. Nothing is: the series
 * was quiet. Something is, if only trades in the bar that forms: it is put, and was missed. */
void mw_backfill_probe(struct mw_backfill *backfill, struct mw_series *series);

struct mw_backfill_status {
    bool has_history;            /* the feed has a source with a base */
    uint64_t requests, failures; /* answered; not, or wrongly */
    uint64_t bars;               /* put */
    uint32_t waiting;            /* series with something to ask for */
    bool has_error;
    struct mw_error error; /* the last failure, until a request succeeds again */
};

/* Any thread. */
void mw_backfill_get_status(struct mw_backfill *backfill, const char *feed,
                            struct mw_backfill_status *status);

#endif
