/* cache.h - every series by (feed, symbol, timeframe), and who wants to know when one changes.
 *
 * The cache is the queue between feeds and strategies: a put marks the series dirty for each
 * watcher that watches it, one atomic bit; at the end of a read from the socket the feed flushes,
 * which wakes each watcher with anything marked, once. A woken watcher takes the dirty series and
 * reads what it has not seen yet. There is no queue to overflow.
 *
 *     feed:     mw_cache_put(...) x many, mw_cache_flush(cache)
 *     watcher:  while ((series = mw_watcher_take(watcher, &at)) != NULL) read it
 *
 * Series are added and never removed, so a pointer to one is good as long as the cache is.
 *
 * Threads: any thread, but mw_cache_free after all others are done. `lock` covers the maps and
 * lists; it is taken to add and find, never to put or read.
 */
#ifndef MW_MARKET_CACHE_H
#define MW_MARKET_CACHE_H

#include <pthread.h>

#include "market/series.h"

struct mw_cache;   /* opaque */
struct mw_watcher; /* opaque; the cache owns it */

/* Makes a cache whose series hold `bars` candles (1..MW_SERIES_CANDLES_MAX) each. */
struct mw_cache *mw_cache_new(uint32_t bars);
void mw_cache_free(struct mw_cache *cache);

uint32_t mw_cache_bars(const struct mw_cache *cache);

/* Finds the series of `key` or adds it, empty. Returns borrowed. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_cache_add(struct mw_cache *cache, const struct mw_series_key *key,
                                   struct mw_series **series, struct mw_error *err);

/* Takes "feed:SYMBOL" apart: returns the symbol, and `feed` gets the feed's name. NULL when there
 * is no colon with a name of possible length before it; then `feed` is unchanged. */
const char *mw_cache_split_name(const char *name, char feed[MW_FEED_NAME_BYTES_MAX + 1]);

/* How many series of `symbol` and `timeframe` there are, over all feeds or in `feed` alone (NULL
 * for all). `series` gets the first of them when there is one. */
uint32_t mw_cache_find(const struct mw_cache *cache, const char *feed, const char *symbol,
                       struct mw_timeframe timeframe, struct mw_series **series);

uint32_t mw_cache_series_count(const struct mw_cache *cache);
/* The series with number `index` in the order they were added; index < mw_cache_series_count. */
struct mw_series *mw_cache_series_get(const struct mw_cache *cache, uint32_t index);

/* The lock that covers which series are made of which: taken before `lock`, never to put or
 * read. */
pthread_mutex_t *mw_cache_derive_lock(struct mw_cache *cache);

/* Calls `on_gap(user, series)` from whichever thread puts when the holes of a series that a
 * feed sends have changed; it must not block. Set before anything is put; NULL for nobody. */
void mw_cache_on_gap(struct mw_cache *cache, void (*on_gap)(void *user, struct mw_series *series),
                     void *user);

/* Marks `series` for its watchers: something besides a put changed (holes, health). What is made of
 * it (derive.h) follows. */
void mw_cache_touch(struct mw_cache *cache, struct mw_series *series);

/* mw_series_put, and marks the series for its watchers when something changed. */
mw_put mw_cache_put(struct mw_cache *cache, struct mw_series *series,
                    const struct mw_candle *candle, int64_t now_ms, mw_fault *fault);

/* The same for one of several bars at once: what is made of the series follows with
 * mw_cache_touch or mw_derive_update, once for all of them. */
mw_put mw_cache_put_part(struct mw_cache *cache, struct mw_series *series,
                         const struct mw_candle *candle, int64_t now_ms, mw_fault *fault);

/* mw_series_close_newest, and what mw_cache_put does. */
bool mw_cache_close_newest(struct mw_cache *cache, struct mw_series *series, int64_t open_ms);

/* Wakes the watchers for which something was marked since the last flush. */
void mw_cache_flush(struct mw_cache *cache);

/* Makes a watcher; `wake(user)` is called by flushing threads, one at a time, and must not block.
 * Returns borrowed, or NULL when MW_WATCHERS_MAX are attached. */
struct mw_watcher *mw_cache_attach(struct mw_cache *cache, void (*wake)(void *user), void *user);

/* Ends it: `wake` is not called any more once this returns. */
void mw_cache_detach(struct mw_cache *cache, struct mw_watcher *watcher);

/* Marks changes of `series` for `watcher` from now on, and marks it once right away. */
void mw_watcher_watch(struct mw_watcher *watcher, struct mw_series *series);

/* Takes the next dirty series, or NULL when none is left. Start with *at = 0; its owner's
 * thread. */
struct mw_series *mw_watcher_take(struct mw_watcher *watcher, uint32_t *at);

#endif
