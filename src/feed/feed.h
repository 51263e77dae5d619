/* feed.h - one configured feed: the connections that its series need, seen as one.
 *
 *     feed ---- shard 1: a connection, and for a moment its replacement
 *          \--- shard 2: ...
 *
 * A connection (connection.h) is one socket on one thread. A feed opens another one when a
 * subscription does not fit the venue's limit of streams, and closes one that has nothing left to
 * carry. Before a connection reaches the venue's lifetime, or when the venue gives notice, a second
 * one with the same series is made and confirmed before the first is ended; what both deliver
 * meanwhile is merged by the series.
 *
 * State: of all shards the one that is worst off (failed, reconnecting, connecting, connected,
 * confirmed); told when it changes, and with each error of the shard that it is of. A replacement
 * counts once it is confirmed, so that one that succeeds is not seen. Counters are sums, over
 * connections that are gone too.
 *
 * Events come from threads of connections, of the feed and of whoever stops it, one at a time;
 * `on_event` must not call back into the feed. Of the options `on_expiring` and `is_covered` are
 * the feed's own.
 *
 * Threads: made, started, stopped and freed by one owner; the rest any thread. `lock` covers the
 * list of shards.
 */
#ifndef MW_FEED_FEED_H
#define MW_FEED_FEED_H

#include "feed/connection.h"

struct mw_feed; /* opaque */

/* Makes a feed that is not started. Copies the options; `protocol_file` is loaded once for each
 * connection, whose thread owns the protocol's Lua state. Errors: those of mw_protocol_load and
 * mw_connection_new. */
MW_MUST_USE mw_status mw_feed_new(const struct mw_connection_options *options,
                                  const char *protocol_file, struct mw_feed **out,
                                  struct mw_error *err);
/* Stops it and frees everything. */
void mw_feed_free(struct mw_feed *feed);

/* As of mw_connection_; see there. */
MW_MUST_USE mw_status mw_feed_set_endpoints(struct mw_feed *feed, const char *const *endpoints,
                                            uint32_t endpoint_count, struct mw_error *err);
MW_MUST_USE mw_status mw_feed_start(struct mw_feed *feed, struct mw_error *err);
void mw_feed_stop(struct mw_feed *feed);
void mw_feed_stop_begin(struct mw_feed *feed);
MW_MUST_USE mw_status mw_feed_subscribe(struct mw_feed *feed, const char *symbol,
                                        struct mw_timeframe timeframe, struct mw_series **series,
                                        struct mw_error *err);
MW_MUST_USE mw_status mw_feed_unsubscribe(struct mw_feed *feed, const char *symbol,
                                          struct mw_timeframe timeframe, struct mw_error *err);

/* Starts again what has failed; what waits for its next attempt tries now. Errors: MW_EINVAL when
 * the feed is not started. */
MW_MUST_USE mw_status mw_feed_reconnect(struct mw_feed *feed, struct mw_error *err);

/* What the history thread found out about a silent series. */
void mw_feed_on_probe(struct mw_feed *feed, struct mw_series *series, bool missed);

const char *mw_feed_name(const struct mw_feed *feed);
mw_connection_state mw_feed_get_state(struct mw_feed *feed);

/* The status of all shards together: the endpoint and error of the one that is worst off. */
void mw_feed_get_status(struct mw_feed *feed, struct mw_connection_status *status);
uint32_t mw_feed_connection_count(struct mw_feed *feed);

#endif
