/* event.h - what happened, on its way from feeds and workers to whoever listens.
 *
 * Bars do not travel as events, and neither does what is said of their series: both are read from
 * the cache, by whoever has a cursor there. What is queued is rare: states of feeds, refusals,
 * signals, errors of strategies. A queue is bounded; when a slow reader lets it fill up the oldest
 * are dropped and counted.
 *
 * Threads: a queue takes events from any thread; one thread reads it. `lock` covers all of it.
 */
#ifndef MW_SCRIPT_EVENT_H
#define MW_SCRIPT_EVENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "base/thread.h"
#include "feed/connection.h"
#include "script/account.h"
#include "script/cursor.h"

/* X(name, text as scripts see it in event.kind) */
#define MW_EVENT_LIST(X)                                                                           \
    X(STATE, "state")     /* a feed's state changed: feed, state, error */                         \
    X(REFUSED, "refused") /* a venue refused a request and goes on: feed, state, error */          \
    X(HISTORY, "history") /* a venue's history cannot be asked, or can again: feed, error */       \
    X(STORE, "store")     /* the store cannot be written, or can again: error */                   \
    X(SIGNAL, "signal")   /* a strategy says something: strategy, text, json */                    \
    X(ERROR, "error")     /* a strategy failed: strategy, error */                                 \
    X(ORDER, "order")     /* an order of its account is done: strategy, order, key */              \
    /* What readers of a series are told, see cursor.h; never queued. All have the key. */         \
    X(LAGGED, "lagged")         /* the ring dropped bars before delivery: count */                 \
    X(GAP, "gap")               /* delivery goes on without what is missing: from, to, count */    \
    X(BACKFILLED, "backfilled") /* a gap that was told is closed: from, to, count */               \
    X(REVISED, "revised")       /* a bar that was delivered has other values: candle */            \
    X(BAR, "bar")               /* a bar closed: candle */

typedef enum mw_event_kind {
#define MW_EVENT_ENUM(name, text) MW_EVENT_##name,
    MW_EVENT_LIST(MW_EVENT_ENUM)
#undef MW_EVENT_ENUM
        MW_EVENT_KIND_COUNT
} mw_event_kind;

struct mw_event {
    mw_event_kind kind;
    int64_t time_ms; /* wall clock; ORDER: when it was done, engine time */
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    mw_connection_state state;
    bool has_error;
    struct mw_error error;
    char strategy[MW_STRATEGY_NAME_BYTES_MAX + 1];
    uint64_t count;           /* of bars lost, of buckets missing, of bars that came for them */
    struct mw_series_key key; /* of the series that is told of */
    struct mw_candle candle;
    int64_t from_ms, to_ms; /* open times of the first and the last bucket of a gap */
    struct mw_order order;  /* filled, cancelled or rejected; key has feed and symbol only */
    char *text;             /* owns; a signal for people: "buy BTCUSDT price=64117.5" */
    char *json;             /* owns; the same for machines */
};

/* Makes the event of what a cursor tells of the series of `key`: LAGGED, GAP, BACKFILLED, REVISED
 * or BAR. */
struct mw_event mw_event_of_news(const struct mw_cursor_news *news,
                                 const struct mw_series_key *key);

/* Whether events of this kind come from cursors. */
bool mw_event_kind_is_of_series(mw_event_kind kind);

/* "state", "bar", ... Never NULL. */
const char *mw_event_kind_text(mw_event_kind kind);

/* Frees what the event owns; not the event itself. */
void mw_event_deinit(struct mw_event *event);

struct mw_event_queue {
    pthread_mutex_t lock;
    struct mw_event *events[MW_EVENTS_MAX]; /* owns; a ring */
    uint32_t first, count;
    uint64_t dropped_count;
    struct mw_wake *wake; /* borrows; raised with every event; NULL for nobody */
};

void mw_event_queue_init(struct mw_event_queue *queue, struct mw_wake *wake);
void mw_event_queue_deinit(struct mw_event_queue *queue);
/* Adds a copy, with texts of its own. */
void mw_event_queue_put(struct mw_event_queue *queue, const struct mw_event *event);
/* How many were dropped because nobody took them. */
uint64_t mw_event_queue_dropped(struct mw_event_queue *queue);
/* Takes the oldest event; the caller owns its texts. False when there is none. */
bool mw_event_queue_take(struct mw_event_queue *queue, struct mw_event *event);

#endif
