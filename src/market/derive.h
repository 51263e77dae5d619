/* derive.h - series of the cache that are made of finer ones, and follow them.
 *
 *     feed puts 1m --> BTCUSDT 1m --follower--> BTCUSDT 7m    a series like any other: readers,
 *                      (the source)             (derived)     cursors, watchers see no difference
 *
 * A derived series is brought up to date by whoever puts into its source, right after that: the
 * closed part of the bucket that forms is kept, so a put costs the same however long the bucket is.
 * Buckets in which something changed later (a hole was filled, a bar revised) are made anew from
 * the source's ring; the newest of them is that of the forming bar.
 *
 * A hole in the source is a hole of every bucket that it reaches into; the bar there is UNPROVEN,
 * so readers wait for it, are told of it, and see it marked, exactly as with the venue's own bars.
 * A bucket that begins before the source's oldest bar cannot be whole and is such a hole.
 *
 * Health, and the time of the first live bar, are those of the source. Nobody asks a venue for a
 * derived series, and it is not stored: its source is.
 *
 * Threads: any thread. A lock per derived series covers its making; it is taken inside no other.
 */
#ifndef MW_MARKET_DERIVE_H
#define MW_MARKET_DERIVE_H

#include "market/cache.h"

/* Finds the series of `timeframe` with the feed and symbol of `source`, or makes it of `source`,
 * and fills it from there. Returns borrowed. Errors: MW_EINVAL when the source's timeframe does not
 * divide it, or the source is itself derived; MW_ELIMIT. */
MW_MUST_USE mw_status mw_derive(struct mw_cache *cache, struct mw_series *source,
                                struct mw_timeframe timeframe, struct mw_series **out,
                                struct mw_error *err);

/* The coarsest series of `feed` (NULL: of any) and `symbol` that `timeframe` can be made of: one
 * that is subscribed before one that is idle. Returns how many feeds have one; `*source` gets it if
 * there is one. */
uint32_t mw_derive_find_source(const struct mw_cache *cache, const char *feed, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_series **source);

/* What `series` is made of; NULL for one that a venue sends. One atomic load. */
struct mw_series *mw_derive_source(const struct mw_series *series);

/* Ends the derivation, because a venue is going to send it. What is there stays. */
void mw_derive_end(struct mw_cache *cache, struct mw_series *series);

/* Brings everything that is made of `series` up to date; called by the cache after each change. */
void mw_derive_update(struct mw_cache *cache, struct mw_series *series);

#endif
