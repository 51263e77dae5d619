/* loop.h - one libwebsockets context: an event loop, its timers, and its two ways out.
 *
 * Connections are made from one of two vhosts, one without a proxy and one with the proxy that the
 * environment names. What libwebsockets logs goes to our log, warnings and errors only.
 *
 * Threads: the thread that made it; making and freeing are serialised in here, since they touch
 * state of libwebsockets and OpenSSL that is the process's.
 */
#ifndef MW_NET_LOOP_H
#define MW_NET_LOOP_H

#include <libwebsockets.h>
#include <stdint.h>

#include "base/status.h"

struct mw_loop {
    struct lws_context *context; /* owns; NULL until mw_loop_init */
    struct lws_vhost *direct;    /* owned by context */
    struct lws_vhost *proxied;   /* owned by context; NULL without a proxy */
};

/* A timer in a loop; zero-initialise, then set loop. */
struct mw_loop_timer {
    lws_sorted_usec_list_t entry;
    struct mw_loop *loop; /* borrows */
};

/* Makes the context. `protocols` is borrowed until mw_loop_deinit, and so is `tls_context`, which
 * TLS objects are made from; lws_context_user gives `user`. On failure mw_loop_deinit is still to
 * be called. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_loop_init(struct mw_loop *loop, const struct lws_protocols *protocols,
                                   void *user, SSL_CTX *tls_context, struct mw_error *err);
void mw_loop_deinit(struct mw_loop *loop);

/* Calls `fire` once, `delay_ms` from now, instead of any time set before. */
void mw_loop_timer_set(struct mw_loop_timer *timer, sul_cb_t fire, int64_t delay_ms);
void mw_loop_timer_cancel(struct mw_loop_timer *timer);

#endif
