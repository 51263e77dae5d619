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
 * What was given up there is given up here. A bucket that is absent and in no hole was quiet. While
 * somebody fills holes, a closed bar in an open one keeps its values until the last of them is
 * filled, so that it is revised once and not with every bar that comes.
 *
 * A bucket that begins before the source's oldest bar cannot be known to be whole and is an open
 * hole, until back-fill has brought what is before it. Once the source's ring is full it takes
 * nothing older, and such a bucket is given up. The bucket that forms does not need the ring: a
 * "1w" bar of "1m" bars is right although the ring has dropped its first days, as long as nothing
 * of it that was added changes. What changes then cannot be repaired: the bar goes on with what is
 * known, as a hole that was given up.
 *
 * Health, and how long readers wait for holes, are those of the source. The first live bar is the
 * one that the source's first live bar belongs to, or the one that forms when the series is made
 * later than that. Nobody asks a venue for a derived series, and it is not stored: its source is.
 *
 * Threads: any thread. A lock per derived series covers its making; no other is held when it is
 * taken.
 */
#ifndef MW_MARKET_DERIVE_H
#define MW_MARKET_DERIVE_H

#include "market/cache.h"

/* Finds the series of `timeframe` with the feed and symbol of `source`, or makes it of `source`,
 * and fills it from there; makes it again if that was ended and its venue is not asked for it any
 * more. One that only a venue has sent is returned as it is. Returns borrowed. Errors: MW_EINVAL
 * when the source's timeframe does not divide it, or the source is itself derived; MW_ELIMIT. */
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

/* Ends the derivation, because a venue is going to send it. What is there stays; a bar that forms
 * is in doubt. Does nothing for a series that is not derived. */
void mw_derive_end(struct mw_cache *cache, struct mw_series *series);

/* Brings everything that is made of `series` up to date, and marks it for its watchers; called by
 * the cache after each change. One atomic load when there is nothing. */
void mw_derive_update(struct mw_cache *cache, struct mw_series *series);

/* Frees what makes `series`; called by the cache before its series go. */
void mw_derive_free(struct mw_series *series);

#endif
