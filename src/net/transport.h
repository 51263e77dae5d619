/* transport.h - a byte stream to a WebSocket server: one connection, its event loop, two timers.
 *
 *     IDLE -> RESOLVE -> CONNECT -> TLS -> UPGRADE -> OPEN -> DRAIN -> OVER -> on_closed, IDLE
 *               |           |        |        |        |
 *               +-----------+--------+--------+--------+--> OVER
 *
 * libwebsockets does TCP, proxies, the event loop, timers and HTTP; what it is told and what it
 * tells is in transport.c only. Names are looked up by resolve.h, so that nothing here ever
 * blocks, and the addresses are tried in turn within one time-out. The certificate is checked by
 * tls.h. Once the server has answered 101 with the right Sec-WebSocket-Accept the connection is a
 * stream of bytes.
 *
 * However a connection ends, on_closed is called from within mw_transport_service, once, and from
 * inside it the next connection may be begun.
 *
 * A proxy is used when the environment variable http_proxy names one, but never for this machine.
 * The name of the proxy itself is looked up by libwebsockets, which blocks; give an address to
 * avoid that.
 *
 * Threads: feed thread only, but mw_transport_wake any thread.
 */
#ifndef MW_NET_TRANSPORT_H
#define MW_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/thread.h"
#include "net/client.h"

struct mw_transport; /* opaque */

typedef enum mw_transport_timer {
    MW_TRANSPORT_TIMER_OWNER, /* on_timer of client.h */
    MW_TRANSPORT_TIMER_CLOSE, /* the closing handshake has taken too long */
    MW_TRANSPORT_TIMER_COUNT
} mw_transport_timer;

/* Always called from within mw_transport_service. Every function is set. */
struct mw_transport_handler {
    void *user; /* borrows until mw_transport_free */
    void (*on_open)(void *user);
    /* What one read got, at most MW_RECEIVE_BYTES, borrowed for the call. */
    void (*on_data)(void *user, const char *data, size_t length);
    void (*on_closed)(void *user, const struct mw_error *err);
    void (*on_timer)(void *user, mw_transport_timer timer);
    void (*on_wake)(void *user);
};

/* Uses ca_file and the time-outs of `options`. Errors: MW_ETLS, MW_ELIMIT. */
MW_MUST_USE mw_status mw_transport_new(const struct mw_client_options *options,
                                       const struct mw_transport_handler *handler,
                                       struct mw_transport **out, struct mw_error *err)
    MW_ON(mw_feed_thread);

/* Drops a connection that is still there without on_closed. Never waits. */
void mw_transport_free(struct mw_transport *transport) MW_ON(mw_feed_thread);

/* As mw_client_connect. */
MW_MUST_USE mw_status mw_transport_connect(struct mw_transport *transport, const char *url,
                                           struct mw_error *err) MW_ON(mw_feed_thread);

/* Queues bytes while the connection is open. False when more than `queue_bytes_max` would wait. */
MW_MUST_USE bool mw_transport_send(struct mw_transport *transport, const void *bytes, size_t length,
                                   size_t queue_bytes_max) MW_ON(mw_feed_thread);

/* Ends the connection with `err` for on_closed, after what is queued has gone out or a second has
 * passed. When it is ending already, or there is none, nothing happens: the first reason counts. */
void mw_transport_close(struct mw_transport *transport, const struct mw_error *err)
    MW_ON(mw_feed_thread);

/* The same without waiting for what is queued. */
void mw_transport_drop(struct mw_transport *transport, const struct mw_error *err)
    MW_ON(mw_feed_thread);

/* As mw_client_unsent. */
size_t mw_transport_unsent(const struct mw_transport *transport, uint64_t *sent)
    MW_ON(mw_feed_thread);

/* Calls on_timer once, `delay_ms` from now, instead of any time set before; negative cancels. */
void mw_transport_set_timer(struct mw_transport *transport, mw_transport_timer timer,
                            int64_t delay_ms) MW_ON(mw_feed_thread);

/* Waits for the next events and handles them. */
void mw_transport_service(struct mw_transport *transport) MW_ON(mw_feed_thread);

/* Makes mw_transport_service return soon, after on_wake. Any thread. */
void mw_transport_wake(struct mw_transport *transport);

#endif
