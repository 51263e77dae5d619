/* engine_parts.h - the inside of an engine, shared by its source files.
 *
 *     engine.c          making it, and what its owner polls and looks at
 *     engine_feed.c     feeds, their histories and their series
 *     engine_start.c    strategies, workers and simulators; starting and stopping everything
 *
 * Threads: as the fields and functions say.
 */
#ifndef MW_ENGINE_PARTS_H
#define MW_ENGINE_PARTS_H

#include <pthread.h>

#include "base/thread.h"
#include "engine.h"
#include "feed/feed.h"
#include "history/backfill.h"
#include "script/bar_reader.h"
#include "script/worker.h"
#include "server/simulator.h"

/* One strategy of the settings, while the engine runs. */
struct mw_engine_slot {
    struct mw_strategy *strategy; /* owns; NULL when it did not load */
    struct mw_error error;        /* then, why */
};

struct mw_engine {
    struct mw_settings *settings; /* owns */
    const struct mw_bindings *bindings;
    struct mw_cache *cache;           /* owns */
    struct mw_prices *prices;         /* owns */
    struct mw_feed **feeds;           /* owns; as in the settings */
    struct mw_backfill *backfill;     /* owns; NULL when no feed has a history */
    struct mw_simulator **simulators; /* owns; NULL for feeds without */
    struct mw_engine_slot *slots;     /* owns; as in the settings */
    _Atomic bool running, woken;      /* between start and stop; wake was called */
    _Atomic bool listened;            /* somebody reads the events */
    struct mw_wake wake;
    struct mw_event_queue events;

    pthread_mutex_t lock; /* covers what is below, and `slots`, for threads besides the owner */
    struct mw_worker **workers; /* owns; while it runs */
    uint32_t worker_count;
    struct mw_bar_reader *reader; /* owns; NULL unless bars are wanted */
};

/* Queues a copy of the event for the owner. Nobody may ever read the events of an engine that a
 * script holds: what went wrong is logged then. Any thread. */
void mw_engine_publish(struct mw_engine *engine, const struct mw_event *event);

/* Makes one feed of the settings, with its history, and subscribes what they name. */
MW_MUST_USE mw_status mw_engine_open_feed(struct mw_engine *engine, uint32_t index,
                                          struct mw_error *err);

/* Connects a feed of the simulator to it, and its history. Before they start. */
MW_MUST_USE mw_status mw_engine_point_feed(struct mw_engine *engine, uint32_t index,
                                           const char *url, struct mw_error *err);

/* Subscribes, and shows the series to everybody who wants all there are. As mw_engine_subscribe. */
MW_MUST_USE mw_status mw_engine_add_series(struct mw_engine *engine, const char *feed,
                                           const char *symbol, struct mw_timeframe timeframe,
                                           struct mw_series **series, struct mw_error *err);

#endif
