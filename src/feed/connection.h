/* connection.h - one feed: a thread that keeps a venue's stream and fills the cache from it.
 *
 *                    start                    upgrade            the venue's ok
 *     disconnected --------> connecting ----------> connected ----------> confirmed
 *          ^                     |                       |                    |
 *          | stop                | fails, is closed, or is not confirmed in time
 *          |                     v                                            |
 *          +---------------- reconnecting <-----------------------------------+
 *                                | attempts used up, or the venue refuses
 *                                v
 *                              failed
 *
 * Attempts take the endpoints in turn, with back-off (net/backoff.h), and are counted until data
 * has flowed for a while (reconnect.settle_s). A refusal before a connection
 * is confirmed is final: the same request would be refused again. One after that is told and the
 * connection kept; the series that were refused are no longer subscribed.
 *
 * A connection is only worth what comes over it:
 *
 *   - the socket: when nothing was received for `ping_ms`, it is pinged; when nothing was then
 *     received for `pong_ms`, or bytes could not be sent for that long, it is dropped;
 *   - a series that is silent for `stall_ms` or 8 times its cadence, whichever is longer, although
 *     others flow, is STALE and is subscribed again;
 *   - when none flows, the venue's history is asked about the most active ones (`probe`): if it has
 *     newer bars the socket is replaced, otherwise the market is quiet.
 *
 * Each look in vain doubles the time until the next, up to an hour.
 *
 * Messages of errors do not name the feed where its name comes beside them: in events and in
 * status.
 *
 * Threads: any thread for what is declared here; `lock` covers commands and the status texts,
 * counters are atomics of which the feed thread is the only writer.
 */
#ifndef MW_FEED_CONNECTION_H
#define MW_FEED_CONNECTION_H

#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "feed/decoder.h"
#include "feed/protocol.h"
#include "market/cache.h"
#include "net/backoff.h"

struct mw_capture;

struct mw_connection; /* opaque */

/* X(name, text as scripts see it) */
#define MW_CONNECTION_STATE_LIST(X)                                                                \
    X(DISCONNECTED, "disconnected")                                                                \
    X(CONNECTING, "connecting")                                                                    \
    X(CONNECTED, "connected")                                                                      \
    X(CONFIRMED, "confirmed")                                                                      \
    X(RECONNECTING, "reconnecting")                                                                \
    X(FAILED, "failed")

typedef enum mw_connection_state {
#define MW_CONNECTION_STATE_ENUM(name, text) MW_CONNECTION_##name,
    MW_CONNECTION_STATE_LIST(MW_CONNECTION_STATE_ENUM)
#undef MW_CONNECTION_STATE_ENUM
        MW_CONNECTION_STATE_COUNT
} mw_connection_state;

/* "disconnected", ... Never NULL. */
const char *mw_connection_state_text(mw_connection_state state);

/* What a connection tells its owner, from the feed thread. */
struct mw_feed_event {
    const char *feed; /* its name */
    bool is_state;    /* the state changed; otherwise the venue refused a request and goes on */
    mw_connection_state state;
    /* Why, or NULL: the reason of reconnecting and failed, the refusal. Borrowed for the call. */
    const struct mw_error *err;
};

struct mw_connection_options {
    const char *name;             /* the feed's; 1..MW_FEED_NAME_BYTES_MAX bytes */
    const char *const *endpoints; /* URLs instead of the protocol's own */
    uint32_t endpoint_count;      /* 0 for the protocol's own */
    const char *ca_file, *csrf_token, *market_type; /* NULL for none */
    int64_t connect_ms, tls_ms, upgrade_ms, confirm_ms;
    size_t frame_bytes_max;
    int64_t ping_ms, pong_ms; /* silence before a ping, 0: none; before its answer is missed */
    int64_t stall_ms; /* silence of one series before it is looked into, at least; 0: never */
    int64_t grace_ms; /* after a bucket's end before the clock closes its bar */
    struct mw_backoff_options reconnect;
    struct mw_capture *capture; /* where to record what goes over the wire; NULL for nowhere */
    uint8_t capture_feed;       /* the feed's number there */
    /* A series is silent although others are not, or all are: finds out whether anything is missed
     * (mw_connection_on_probe). From the feed thread, must not block; NULL where nobody can. */
    void (*probe)(void *user, struct mw_series *series);
    /* The connection will not last: its lifetime is nearly over, or the venue said so. From the
     * feed thread, once per connection that was made; NULL: it is left to happen. */
    void (*on_expiring)(void *user);
    /* Whether another connection delivers `series` at the moment: then the end of this one misses
     * nothing. From the feed thread, without locks; NULL: there is no other. */
    bool (*is_covered)(void *user, const struct mw_series *series);
    struct mw_cache *cache; /* borrows until mw_connection_free */
    void (*on_event)(void *user, const struct mw_feed_event *event);
    void *user;
};

/* Makes a connection that is not started. Copies the options, takes `protocol` (also on failure).
 * Errors: MW_EPARSE for an endpoint that is no WebSocket URL. */
MW_MUST_USE mw_status mw_connection_new(const struct mw_connection_options *options,
                                        struct mw_protocol *protocol, struct mw_connection **out,
                                        struct mw_error *err);
/* Stops it and frees everything. */
void mw_connection_free(struct mw_connection *connection);

/* Replaces the endpoints, before the start. Errors: MW_EPARSE. */
MW_MUST_USE mw_status mw_connection_set_endpoints(struct mw_connection *connection,
                                                  const char *const *endpoints,
                                                  uint32_t endpoint_count, struct mw_error *err);

/* Starts the thread. Errors: MW_ELIMIT, MW_EINVAL when it is started already. */
MW_MUST_USE mw_status mw_connection_start(struct mw_connection *connection, struct mw_error *err);
/* Closes with 1001, joins the thread; state disconnected, unless it failed. Idempotent. */
void mw_connection_stop(struct mw_connection *connection);
/* Tells it to stop and returns at once, so that many can stop at the same time. */
void mw_connection_stop_begin(struct mw_connection *connection);

/* The same for one whose series another connection carries on: they are not interrupted. */
void mw_connection_retire(struct mw_connection *connection);

/* Adds a series to the cache and, when it is new, to what is subscribed: at the next connect, or at
 * once when connected. `*series` (may be NULL) gets it, borrowed from the cache. Errors: MW_EINVAL
 * for a symbol that is none or a timeframe that the venue does not offer, MW_ELIMIT. */
MW_MUST_USE mw_status mw_connection_subscribe(struct mw_connection *connection, const char *symbol,
                                              struct mw_timeframe timeframe,
                                              struct mw_series **series, struct mw_error *err);
/* Ends it; what the cache has stays. Errors: MW_EINVAL when it was not subscribed. */
MW_MUST_USE mw_status mw_connection_unsubscribe(struct mw_connection *connection,
                                                const char *symbol, struct mw_timeframe timeframe,
                                                struct mw_error *err);

/* Which series are subscribed: one of them, how many, all in no order as an owned array. */
bool mw_connection_carries(struct mw_connection *connection, const struct mw_series *series);
uint32_t mw_connection_series_count(struct mw_connection *connection);
struct mw_series **mw_connection_list_series(struct mw_connection *connection, uint32_t *count);
/* Whether live candles of `series` came since the connection was opened. */
bool mw_connection_flows(struct mw_connection *connection, const struct mw_series *series);

/* Starts again after it failed, or tries now instead of waiting, with attempts counted from the
 * beginning. Does nothing in other states. Any thread. */
void mw_connection_reconnect(struct mw_connection *connection);

/* Of a silent series: `missed` when there was something newer than it has. Any thread. */
void mw_connection_on_probe(struct mw_connection *connection, struct mw_series *series,
                            bool missed);

const char *mw_connection_name(const struct mw_connection *connection);
mw_connection_state mw_connection_get_state(const struct mw_connection *connection);

/* Counters since the start, and what is known of the connection now. */
struct mw_connection_status {
    mw_connection_state state;
    char endpoint[MW_ERROR_ENDPOINT_BYTES]; /* the one in use or tried last, without secrets */
    bool has_error;
    struct mw_error error; /* the last one */
    uint32_t subscription_count;
    uint64_t frames, bytes; /* messages received, and their payload */
    uint64_t candles;       /* candles put, whatever became of them */
    uint64_t late;          /* of these, ignored as older than what is there */
    uint64_t revised;       /* of these, that changed a closed bar */
    uint64_t other;         /* valid messages that are neither candle nor reply */
    uint64_t unsubscribed;  /* candles of series that nobody asked for, or not any more */
    uint64_t reconnects;    /* connections made after the first */
    uint64_t resubscribes;  /* series that were subscribed again because they were silent */
    uint64_t rejects[MW_REJECT_COUNT];
};

void mw_connection_get_status(struct mw_connection *connection,
                              struct mw_connection_status *status);

#endif
