/* bar_reader.h - every bar that closes, of all series that are watched, for one reader who asks.
 *
 * A watcher of the cache like any worker's, with a cursor per series, handing out one thing at a
 * time: bars, and what is to be said of them.
 *
 * Threads: the owner's, but mw_bar_reader_watch any thread.
 */
#ifndef MW_SCRIPT_BAR_READER_H
#define MW_SCRIPT_BAR_READER_H

#include "base/thread.h"
#include "market/cache.h"
#include "script/event.h"

struct mw_bar_reader; /* opaque */

/* Makes a reader of `count` series of `cache`, from now on; raises `wake` when there may be a bar
 * to take. Borrows the cache and the wake until it is freed. */
struct mw_bar_reader *mw_bar_reader_new(struct mw_cache *cache, struct mw_series *const *series,
                                        uint32_t count, struct mw_wake *wake);
void mw_bar_reader_free(struct mw_bar_reader *reader);

/* Adds a series that is new, with every live bar that is in it. Does nothing for one that is
 * there. */
void mw_bar_reader_watch(struct mw_bar_reader *reader, struct mw_series *series);

/* Takes the next bar as an event (MW_EVENT_BAR), or what is to be told before it (LAGGED, REVISED,
 * BACKFILLED, GAP). False, and `event` untouched, when there is none now. */
bool mw_bar_reader_take(struct mw_bar_reader *reader, struct mw_event *event);

/* Monotonic time at which bars that are held back may be taken although nothing was put; INT64_MAX
 * when none are. */
int64_t mw_bar_reader_due_ms(const struct mw_bar_reader *reader);

#endif
