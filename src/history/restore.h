/* restore.h - fills a ring from the store: what a restart begins with.
 *
 * The newest bars that the store has go into the ring, up to as many as it holds, with source
 * MW_SOURCE_STORE. What the store knows to be quiet is quiet in the series, its holes are holes,
 * those that were given up are given up. Where the series has bars already they stay, what is newer
 * than all of them is left out, and of the time from the oldest of them on nothing is proven: they
 * may be in doubt where another process was certain.
 *
 * Threads: any thread.
 */
#ifndef MW_HISTORY_RESTORE_H
#define MW_HISTORY_RESTORE_H

#include <stdint.h>

#include "base/status.h"
#include "history/store.h"
#include "market/cache.h"

struct mw_restored {
    uint32_t bars;    /* put */
    uint32_t refused; /* are no candles, or lie ahead of the clock */
};

/* Marks the series for its watchers and wakes them when there was something. `restored` may be
 * NULL. Errors: those of reading a store; the series is unchanged. */
MW_MUST_USE mw_status mw_restore(struct mw_cache *cache, struct mw_store *store,
                                 struct mw_series *series, struct mw_restored *restored,
                                 struct mw_error *err);

#endif
