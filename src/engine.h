/* engine.h - everything together: feeds, cache, strategies, simulators, from settings.
 *
 *     open    settings are checked against protocols; nothing runs
 *     start   strategies, simulators, workers, the store, the history thread, feeds, in this order
 *     poll    the owner reads what happens
 *     stop    the same in reverse, every thread joined, within a second
 *
 * Threads: one owner calls open, start, poll, stop and free; the rest any thread while it is open.
 */
#ifndef MW_ENGINE_H
#define MW_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "feed/feed.h"
#include "history/backfill.h"
#include "history/prices.h"
#include "history/writer.h"
#include "market/cache.h"
#include "script/event.h"
#include "script/settings.h"
#include "script/strategy.h"

struct mw_engine; /* opaque */

/* Makes an engine. Takes `settings`, also on failure; borrows `bindings` until it is freed. Errors:
 * MW_ECONFIG, MW_EIO, MW_EPARSE, MW_EINVAL of protocols, endpoints and series, with the feed's
 * name; MW_EIO and MW_EHISTORY of the store, with its path. */
MW_MUST_USE mw_status mw_engine_open(struct mw_settings *settings,
                                     const struct mw_bindings *bindings, struct mw_engine **out,
                                     struct mw_error *err);
/* Stops it and frees everything. NULL is fine. */
void mw_engine_free(struct mw_engine *engine);

/* Starts everything. A strategy that does not load is told as an event, and the others run. Errors:
 * what a simulator or a thread fails with; then nothing runs. */
MW_MUST_USE mw_status mw_engine_start(struct mw_engine *engine, struct mw_error *err);
/* Idempotent. */
void mw_engine_stop(struct mw_engine *engine);
bool mw_engine_is_running(const struct mw_engine *engine);

/* Waits up to `timeout_ms` (0: not at all, negative: for ever) for the next event and takes it; the
 * caller frees its texts with mw_event_deinit. Closed bars come only after mw_engine_want_bars.
 * A signal is handed to the settings' on_signal first, for at most MW_ON_SIGNAL_MS_MAX.
 * False when the time is over or mw_engine_wake was called. Owner only. */
bool mw_engine_poll(struct mw_engine *engine, int64_t timeout_ms, struct mw_event *event);
/* Says that events will be polled: until then what goes wrong is logged, so that it is not lost.
 * Called by poll and want_bars too. Owner only. */
void mw_engine_listen(struct mw_engine *engine);
/* From now on poll tells of every bar that closes, of all series. Owner only. */
void mw_engine_want_bars(struct mw_engine *engine);
/* Makes a waiting poll return. Any thread, and signal handlers. */
void mw_engine_wake(struct mw_engine *engine);

/* Adds or ends a series of `feed` (NULL: the only feed, or the one that has the symbol). When the
 * venue does not send that timeframe it is made of the coarsest that divides it, which is
 * subscribed as long as that. Errors: MW_EINVAL, MW_ELIMIT. */
MW_MUST_USE mw_status mw_engine_subscribe(struct mw_engine *engine, const char *feed,
                                          const char *symbol, struct mw_timeframe timeframe,
                                          struct mw_error *err);
MW_MUST_USE mw_status mw_engine_unsubscribe(struct mw_engine *engine, const char *feed,
                                            const char *symbol, struct mw_timeframe timeframe,
                                            struct mw_error *err);

/* Finds the series of `feed` (NULL: of any) or, when there is none, makes it of the coarsest one
 * that it can be made of, one that is subscribed if there is one. Returns how many feeds have the
 * symbol; with 1 `*series` is it, with more it is of one of them. Whether one was made before makes
 * no difference. 0 too when MW_DERIVED_MAX or MW_SERIES_MAX are reached, which is logged. Any
 * thread. */
uint32_t mw_engine_find_series(struct mw_engine *engine, const char *feed, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_series **series);

/* Starts again what has failed of `feed` (NULL: of all); what waits for its next attempt tries now.
 * Errors: MW_EINVAL when there is no such feed or the engine is not started. */
MW_MUST_USE mw_status mw_engine_reconnect(struct mw_engine *engine, const char *feed,
                                          struct mw_error *err);

const struct mw_settings *mw_engine_settings(const struct mw_engine *engine);
struct mw_cache *mw_engine_cache(struct mw_engine *engine);
/* Where questions for prices are answered. */
struct mw_prices *mw_engine_prices(struct mw_engine *engine);
/* The same with the series that there are, as scripts ask. */
const struct mw_market *mw_engine_market(const struct mw_engine *engine);

uint32_t mw_engine_feed_count(const struct mw_engine *engine);
struct mw_feed *mw_engine_feed(const struct mw_engine *engine, uint32_t index);
/* The feed called `name`, or NULL. */
struct mw_feed *mw_engine_find_feed(const struct mw_engine *engine, const char *name);

/* What is known of the history of a feed. False when it has none. */
bool mw_engine_get_history_status(struct mw_engine *engine, const char *feed,
                                  struct mw_backfill_status *status);

/* The store and its thread. False when nothing is kept. */
struct mw_engine_store_status {
    const char *path; /* borrows until the engine is freed */
    uint64_t bytes;   /* of the file and its log */
    struct mw_writer_status writer;
};
bool mw_engine_get_store_status(struct mw_engine *engine, struct mw_engine_store_status *status);

/* What came of the configuration's on_signal. */
struct mw_engine_signal_status {
    uint64_t calls, errors;
    uint64_t dropped;        /* not handed on, because the engine had stopped for too long */
    uint64_t events_dropped; /* of any kind, before they were polled */
};
/* Owner only. */
void mw_engine_get_signal_status(struct mw_engine *engine, struct mw_engine_signal_status *status);

/* Status of the strategy with this index, in the order of the settings; after a stop, as it was
 * then. False when it does not run; `err` then says why. */
uint32_t mw_engine_strategy_count(const struct mw_engine *engine);
bool mw_engine_get_strategy_status(struct mw_engine *engine, uint32_t index,
                                   struct mw_strategy_status *status, struct mw_error *err);

/* Engines that are open in this process; for tests that look for leaks. */
uint32_t mw_engine_live_count(void);

#endif
