/* worker.h - a thread that runs the strategies pinned to it.
 *
 * It sleeps until the cache marked one of its series, an event came in, or bars were held back for
 * long enough (cursor.h), then walks each such series from each strategy's cursor: every newer
 * closed bar, in order, and what is to be told of them, then the newest forming one.
 *
 * Threads: made, started, stopped and freed by one owner; mw_worker_post any thread.
 */
#ifndef MW_SCRIPT_WORKER_H
#define MW_SCRIPT_WORKER_H

#include "market/cache.h"
#include "script/strategy.h"

struct mw_worker; /* opaque */

/* Makes a worker that watches `cache`, borrowed until it is freed. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_worker_new(struct mw_cache *cache, struct mw_worker **out,
                                    struct mw_error *err);
/* Stops it first. Strategies are the owner's. */
void mw_worker_free(struct mw_worker *worker);

/* Pins a strategy, borrowed until the worker is stopped, before the start. */
void mw_worker_add(struct mw_worker *worker, struct mw_strategy *strategy);
/* Makes `strategy` see `series`: what comes from now on. Before the start. */
void mw_worker_watch(struct mw_worker *worker, struct mw_strategy *strategy,
                     struct mw_series *series);

/* Starts the thread: init of each strategy, then deliveries. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_worker_start(struct mw_worker *worker, uint32_t number,
                                      struct mw_error *err);
/* Runs the stop hooks and joins. A hook that does not come back within 300 ms of the first word of
 * stopping is interrupted, all that is left after 500 ms. Idempotent. */
void mw_worker_stop(struct mw_worker *worker);
/* Tells it to stop and returns at once, so that many can stop at the same time. */
void mw_worker_stop_begin(struct mw_worker *worker);

/* Hands an event to every strategy of this worker (handle_state). Copies. */
void mw_worker_post(struct mw_worker *worker, const struct mw_event *event);

/* Gives strategies without interests of their own a series that is new, with every live bar that
 * is in it by the time they look. Any thread. */
void mw_worker_offer(struct mw_worker *worker, struct mw_series *series);

#endif
