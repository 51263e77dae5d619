/* backfill.h - the history thread: asks venues for what the cache lacks, and merges the answers.
 *
 *     a new series      its ring is filled from the venue's history, newest first
 *     a hole            is asked for, and closed by what comes
 *     a silent series   is looked into: is it quiet, or did we miss something?
 *
 * One thread for all feeds; each feed has its own rate and one request under way at a time, so that
 * a slow venue holds up nobody else. Requests that fail are tried again with back-off; after
 * MW_BACKFILL_ATTEMPTS_MAX in a row the hole is given up (readers do not wait for it any more) and
 * tried again later at a slow pace.
 *
 * What an answer proves. A row is final only if a later row stands in the same answer: the newest
 * may still form, or the venue's history may lag behind its stream. A bucket without a row is quiet
 * only if a later row is there. So a hole is asked for together with the bucket after it. Where no
 * later bar exists yet (the clock closed the bar of a market that has gone quiet) the answer counts
 * if it was asked for MW_BACKFILL_SETTLE_MS after the bucket's end. Rows off the grid, out of the
 * range asked for, out of order, twice, of no shape that is a candle: the answer is wrong and
 * counts as failed, whole.
 *
 * Rows are put as closed by the exchange, source MW_SOURCE_BACKFILL; the rules of series.c keep
 * what came live. Older rows are put newest first, which costs the ring nothing.
 *
 * Threads: made, started, stopped and freed by one owner; the three requests any thread, and they
 * return at once.
 */
#ifndef MW_HISTORY_BACKFILL_H
#define MW_HISTORY_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/protocol.h"
#include "market/cache.h"

struct mw_backfill; /* opaque */

/* A venue's history, for the series of one feed. */
struct mw_backfill_source {
    const char *feed;             /* the feed's name, as in the series' keys */
    struct mw_protocol *protocol; /* takes, also on failure; one of its own, with `history` */
    const char *base;             /* URL that requests are appended to; NULL for the protocol's */
    const char *ca_file, *market_type; /* NULL for none */
    int64_t gap_wait_ms;               /* set on its series when they are wanted */
    /* What mw_backfill_probe found. From the history thread; NULL for nobody. */
    void (*on_probe)(void *user, struct mw_series *series, bool missed);
    /* A request failed for good (`err`), or works again (NULL). From the history thread. */
    void (*on_history)(void *user, const char *feed, const struct mw_error *err);
    /* An answer, before it is merged: for whoever records. NULL for nobody. */
    void (*on_answer)(void *user, struct mw_series *series, int64_t from_ms, int64_t to_ms,
                      const char *body, size_t length);
    void *user;
};

struct mw_backfill *mw_backfill_new(struct mw_cache *cache);
void mw_backfill_free(struct mw_backfill *backfill);

/* Before the start. Copies the texts. Errors: MW_EPARSE for a base that is no http(s) URL. */
MW_MUST_USE mw_status mw_backfill_add(struct mw_backfill *backfill,
                                      const struct mw_backfill_source *source,
                                      struct mw_error *err);
/* Another base for the source of `feed`, before the start. Errors: MW_EPARSE, MW_EINVAL. */
MW_MUST_USE mw_status mw_backfill_set_base(struct mw_backfill *backfill, const char *feed,
                                           const char *base, struct mw_error *err);

MW_MUST_USE mw_status mw_backfill_start(struct mw_backfill *backfill, struct mw_error *err);
/* Joins the thread. Requests under way are dropped. Idempotent. */
void mw_backfill_stop(struct mw_backfill *backfill);

/* Fills the ring of a series that is wanted from now on; does nothing for one that is known, or
 * whose feed has no source. */
void mw_backfill_want(struct mw_backfill *backfill, struct mw_series *series);
/* The holes of `series` have changed: for mw_cache_on_gap. */
void mw_backfill_check(struct mw_backfill *backfill, struct mw_series *series);
/* Asks for what is newer than the newest bar. Nothing is: the series is quiet, and MW_SERIES_LIVE
 * again if it is subscribed. Something is: it is put, and `on_probe` hears that it was missed. */
void mw_backfill_probe(struct mw_backfill *backfill, struct mw_series *series);

struct mw_backfill_status {
    bool has_history;            /* the feed has a source */
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
