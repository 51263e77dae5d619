/* engine_parts.h - the inside of an engine, shared by its source files.
 *
 *     engine.c          making it, and what its owner polls and looks at
 *     engine_feed.c     feeds and their histories
 *     engine_history.c  the store, and candles that files have
 *     engine_series.c   series: subscribed, or made of others
 *     engine_signal.c   signals on their way to the configuration's on_signal
 *     engine_start.c    strategies, workers and simulators; starting and stopping everything
 *
 * Threads: as the fields and functions say.
 */
#ifndef MW_ENGINE_PARTS_H
#define MW_ENGINE_PARTS_H

#include <pthread.h>

#include "base/log.h"
#include "base/thread.h"
#include "engine.h"
#include "feed/feed.h"
#include "history/backfill.h"
#include "history/writer.h"
#include "script/bar_reader.h"
#include "script/worker.h"
#include "server/simulator.h"

/* One strategy of the settings. */
struct mw_engine_slot {
    struct mw_strategy *strategy;   /* owns; NULL when it did not load or does not run */
    struct mw_error error;          /* when it did not load, why */
    struct mw_strategy_status last; /* as it was when it stopped */
    bool stopped;                   /* `last` is of a run */
};

/* The timeframes that a feed's venue sends, or the file that a simulator replays in its place. */
struct mw_engine_offer {
    const char *whose; /* for messages; borrows from the settings */
    bool any;
    struct mw_timeframe *timeframes; /* owns */
    uint32_t count;
};

/* A series that is subscribed. */
struct mw_engine_want {
    struct mw_series *series;
    struct mw_series
        *source; /* it is made of this, which is wanted too; NULL: the venue sends it */
    bool asked;  /* by somebody, not only for what is made of it */
};

struct mw_engine {
    struct mw_settings *settings; /* owns */
    const struct mw_bindings *bindings;
    struct mw_cache *cache;         /* owns */
    struct mw_prices *prices;       /* owns */
    struct mw_market market;        /* for scripts */
    struct mw_feed **feeds;         /* owns; as in the settings */
    struct mw_backfill *backfill;   /* owns; NULL when no feed has a history */
    struct mw_store *store;         /* owns; NULL when nothing is kept */
    struct mw_writer *writer;       /* owns; then NULL too */
    _Atomic uint64_t restored_bars; /* from the store, since that was told */
    struct mw_log_gate restore_gate;
    struct mw_simulator **simulators; /* owns; NULL for feeds without */
    struct mw_engine_offer *offers;   /* owns; as in the settings */
    struct mw_engine_slot *slots;     /* owns; as in the settings */
    _Atomic bool running, woken;      /* between start and stop; wake was called */
    _Atomic bool listened;            /* somebody reads the events */
    struct mw_wake wake;
    struct mw_event_queue events;
    struct mw_engine_signal_status signals; /* the owner's */
    int64_t signals_until_ms;               /* monotonic; for those that are left when it stopped */
    _Atomic uint64_t drops_told;            /* of the queue, when the log last heard of them */
    struct mw_log_gate drop_gate;

    pthread_mutex_t series_lock;  /* covers the four below; taken inside of `lock` or alone */
    struct mw_engine_want *wants; /* owns */
    uint32_t want_count, want_capacity;
    struct mw_log_gate derive_gate;

    pthread_mutex_t lock; /* covers what is below, and `slots`, for threads besides the owner */
    struct mw_worker **workers; /* owns; while it runs */
    uint32_t worker_count;
    struct mw_bar_reader *reader; /* owns; NULL unless bars are wanted */
};

/* Queues a copy of the event for the owner. Nobody may ever read the events of an engine that a
 * script holds: what went wrong is logged then. Any thread. */
void mw_engine_publish(struct mw_engine *engine, const struct mw_event *event);

/* Calls on_signal of the settings, if they have one and this is a signal. Owner only. */
void mw_engine_hand_on(struct mw_engine *engine, const struct mw_event *event);
/* Logs that events were dropped, if somebody wanted them. Any thread. */
void mw_engine_note_drops(struct mw_engine *engine);

/* The same as publish, and to every strategy. Feeds, histories and the store run only while the
 * workers are there. */
void mw_engine_tell(struct mw_engine *engine, const struct mw_event *event);

/* Makes one feed of the settings, with its history, and subscribes what they name. */
MW_MUST_USE mw_status mw_engine_open_feed(struct mw_engine *engine, uint32_t index,
                                          struct mw_error *err);

/* Connects a feed of the simulator to it, and its history. Before they start. */
MW_MUST_USE mw_status mw_engine_point_feed(struct mw_engine *engine, uint32_t index,
                                           const char *url, struct mw_error *err);

/* Notes which timeframes a feed's venue sends. A simulator in this program that replays a file has
 * only that file's; what is wrong with the file is told when it starts. */
void mw_engine_note_offer(struct mw_engine *engine, uint32_t index,
                          const struct mw_protocol *protocol);

/* The timeframe to ask the venue for when `timeframe` is wanted: itself, or the coarsest that it
 * can be made of. Errors: MW_EINVAL, naming those that there are. */
MW_MUST_USE mw_status mw_engine_choose_timeframe(const struct mw_engine *engine, uint32_t index,
                                                 struct mw_timeframe timeframe,
                                                 struct mw_timeframe *chosen, struct mw_error *err);

/* Subscribes, and shows the series to everybody who wants all there are. As mw_engine_subscribe. */
MW_MUST_USE mw_status mw_engine_add_series(struct mw_engine *engine, const char *feed,
                                           const char *symbol, struct mw_timeframe timeframe,
                                           struct mw_series **series, struct mw_error *err);

/* Opens the store of the settings, if they name one, before feeds are made; closes it. */
MW_MUST_USE mw_status mw_engine_open_store(struct mw_engine *engine, struct mw_error *err);
/* Hands the candles of files that the settings name to `prices`. Errors: those of mw_csv_read_file
 * and mw_prices_add_context. */
MW_MUST_USE mw_status mw_engine_read_files(struct mw_engine *engine, struct mw_error *err);
void mw_engine_close_store(struct mw_engine *engine);
/* Fills the ring of a series that has just been subscribed from the store, and keeps it there from
 * now on, if its feed is kept. Does nothing when that was done before. To be called before its
 * history is wanted. */
void mw_engine_keep_series(struct mw_engine *engine, struct mw_series *series);
MW_MUST_USE mw_status mw_engine_start_store(struct mw_engine *engine, struct mw_error *err);
void mw_engine_stop_store(struct mw_engine *engine);

/* The series that somebody asked for, not those that others are made of or that were only read:
 * as an owned array. */
struct mw_series **mw_engine_list_asked(struct mw_engine *engine, uint32_t *count);

#endif
