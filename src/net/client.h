/* client.h - a WebSocket client: one connection at a time, its event loop, one timer, one wake-up.
 *
 *     connect -> (name, TCP) -> (TLS) -> (upgrade) -> on_open -> messages -> on_closed
 *                  each phase with a time-out of its own       exactly once per connect
 *
 * libwebsockets does names, TCP, TLS, proxies, the event loop and the HTTP upgrade (transport.h);
 * from then on the connection is a byte stream that our own frame layer on wslay reads
 * (websocket.h), because libwebsockets' client-side parser works byte by byte before 4.5. The
 * certificate and the host name are always checked; there is no way to turn that off.
 *
 * Messages are joined from their fragments. Pings are answered at once. A frame or message over the
 * limit closes with 1009, a violation of RFC 6455 with 1002. Text is NOT checked for UTF-8 here:
 * the decoder does that, so that one bad message is counted and the connection kept.
 *
 * A client belongs to the thread that made it; only mw_client_wake may be called from others.
 *
 * Threads: feed thread only, but mw_client_wake any thread.
 */
#ifndef MW_NET_CLIENT_H
#define MW_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/thread.h"

struct mw_client; /* opaque */

/* Bytes after a message's last that may be read (not used) by a parser that reads in blocks. */
enum { MW_MESSAGE_PADDING = 64 };

/* What a client tells its owner, always from within mw_client_service. Every function is set.
 * Inside any of them all calls below but mw_client_free and mw_client_service are allowed. */
struct mw_client_handler {
    void *user;                  /* borrows until mw_client_free */
    void (*on_open)(void *user); /* the upgrade is done; messages may be sent */
    /* A whole message, borrowed for the call; MW_MESSAGE_PADDING zero bytes follow it. */
    void (*on_message)(void *user, bool text, const char *data, size_t length);
    /* After the messages of one read from the socket, if there were any: the place to pass on what
     * they changed, once. */
    void (*on_read_end)(void *user);
    /* The connection is over, for whatever reason, also when it never opened. Exactly once for each
     * successful mw_client_connect. `err` has the status, and in `code` the HTTP status or the
     * close code: the peer's, or ours when we closed (then status is MW_ECLOSED). */
    void (*on_closed)(void *user, const struct mw_error *err);
    void (*on_timer)(void *user); /* the time set with mw_client_set_timer has come */
    void (*on_wake)(void *user);  /* mw_client_wake was called */
};

struct mw_client_options {
    const char *ca_file;    /* PEM with certificates trusted besides the system's; NULL for none */
    int64_t connect_ms;     /* name lookup and TCP */
    int64_t tls_ms;         /* TLS handshake */
    int64_t upgrade_ms;     /* HTTP upgrade */
    size_t frame_bytes_max; /* of a frame and of a joined message; 1..MW_FRAME_BYTES_MAX */
};

/* Makes a client and its event loop. Errors: MW_ETLS when the CA file cannot be used. */
MW_MUST_USE mw_status mw_client_new(const struct mw_client_options *options,
                                    const struct mw_client_handler *handler, struct mw_client **out,
                                    struct mw_error *err) MW_ON(mw_feed_thread);

/* Drops a connection that is still there without on_closed, and frees everything. */
void mw_client_free(struct mw_client *client) MW_ON(mw_feed_thread);

/* Starts connecting to a ws or wss URL; how it went comes as on_open or on_closed. There must be no
 * connection. Errors, before anything was started: MW_EPARSE, MW_ELIMIT, MW_ECONNECT. */
MW_MUST_USE mw_status mw_client_connect(struct mw_client *client, const char *url,
                                        struct mw_error *err) MW_ON(mw_feed_thread);

/* Whether messages can be sent: from on_open until either side begins to end the connection. */
bool mw_client_is_open(const struct mw_client *client) MW_ON(mw_feed_thread);

/* Queues a text message, masked as clients must. False when it is not open, or when more than
 * MW_SEND_QUEUE_BYTES_MAX would be waiting. Copies. */
MW_MUST_USE bool mw_client_send_text(struct mw_client *client, const char *text, size_t length)
    MW_ON(mw_feed_thread);

/* Queues a ping with up to 125 bytes of payload. As mw_client_send_text. */
MW_MUST_USE bool mw_client_send_ping(struct mw_client *client, const void *payload, size_t length)
    MW_ON(mw_feed_thread);

/* Begins the closing handshake with `code` (1000..4999); on_closed comes when the peer answered, or
 * after a second without. While still connecting it stops that. Idempotent. */
void mw_client_close(struct mw_client *client, uint16_t code, const char *reason)
    MW_ON(mw_feed_thread);

/* Ends the connection without a closing handshake, for a peer that does not answer. Idempotent. */
void mw_client_drop(struct mw_client *client) MW_ON(mw_feed_thread);

/* When something, be it a pong or a part of a frame, was last received; monotonic. 0 at first. */
int64_t mw_client_heard_ms(const struct mw_client *client) MW_ON(mw_feed_thread);

/* Bytes that wait to be sent; `sent` gets how many have been, since the client was made. */
size_t mw_client_unsent(const struct mw_client *client, uint64_t *sent) MW_ON(mw_feed_thread);

/* Calls on_timer once, `delay_ms` from now, instead of any time set before; negative cancels. */
void mw_client_set_timer(struct mw_client *client, int64_t delay_ms) MW_ON(mw_feed_thread);

/* Waits for the next events and handles them. Call in a loop. */
void mw_client_service(struct mw_client *client) MW_ON(mw_feed_thread);

/* Makes mw_client_service return soon, after on_wake. Any thread, while the client exists. */
void mw_client_wake(struct mw_client *client);

#endif
