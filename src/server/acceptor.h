/* acceptor.h - the listening socket, which can be taken away for a while.
 *
 * It is ours and not libwebsockets', so that connections can be refused, and a client that has
 * connected be left to wait. libwebsockets watches the socket as a file and gets each client when
 * that is accepted. Faults of the wire are done here and in the listener, on the sockets
 * themselves, rather than by a relay in front: a relay sees bytes, with TLS not even frames, so
 * that it could neither stall candles while pings are answered nor cut a frame in its middle.
 *
 * Threads: server thread.
 */
#ifndef MW_SERVER_ACCEPTOR_H
#define MW_SERVER_ACCEPTOR_H

#include <stdint.h>

#include "base/status.h"
#include "base/thread.h"
#include "server/address.h"
#include "server/saboteur.h"

struct lws_context;
struct lws_vhost;
struct mw_acceptor; /* opaque */

/* The protocol of the vhost whose LWS_CALLBACK_RAW_RX_FILE is for mw_acceptor_on_readable. */
#define MW_ACCEPTOR_PROTOCOL "accept"

struct mw_acceptor_options {
    struct lws_context *context;      /* borrows until close */
    struct lws_vhost *vhost;          /* borrows until close; clients are handed to it */
    const struct mw_address *address; /* borrows until close */
    uint16_t port;                    /* 0 for any free one */
    struct mw_saboteur *saboteur;     /* borrows until close; NULL for none */
};

/* Listens. Errors: MW_ECONNECT. */
MW_MUST_USE mw_status mw_acceptor_open(const struct mw_acceptor_options *options,
                                       struct mw_acceptor **out, struct mw_error *err)
    MW_ON(mw_server_thread);
/* Before the context of libwebsockets goes, which closes the listening socket. NULL is fine. */
void mw_acceptor_close(struct mw_acceptor *acceptor) MW_ON(mw_server_thread);

uint16_t mw_acceptor_port(const struct mw_acceptor *acceptor) MW_ON(mw_server_thread);

/* The listening socket has something to accept. */
void mw_acceptor_on_readable(struct mw_acceptor *acceptor) MW_ON(mw_server_thread);

/* A session has ended: an occasion to refuse the next. */
void mw_acceptor_on_gone(struct mw_acceptor *acceptor, uint64_t session) MW_ON(mw_server_thread);

#endif
