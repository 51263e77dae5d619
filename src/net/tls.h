/* tls.h - what OpenSSL is told and asked for one client: trust, names and reasons.
 *
 * libwebsockets makes the TLS objects from a context that is made here, so that the certificate and the
 * name are checked by code of ours: when a handshake starts, the name (or the address) and the check
 * are set on the TLS object. libwebsockets does that too, but cuts IPv6 addresses at their first ':'
 * and finds its connection through an index that another thread's context may have replaced.
 *
 * Threads: the owner's; different objects in different threads.
 */
#ifndef MW_NET_TLS_H
#define MW_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct mw_tls;     /* opaque */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* Makes a context that trusts the system's certificates and those in `ca_file` (PEM; NULL for none).
 * `on_verified(user)` is called when a handshake is done and the certificate is good. Errors: MW_ETLS. */
MW_MUST_USE mw_status mw_tls_new(const char *ca_file, void (*on_verified)(void *user), void *user,
                                 struct mw_tls **out, struct mw_error *err);
void mw_tls_free(struct mw_tls *tls);

/* Borrowed until mw_tls_free. */
struct ssl_ctx_st *mw_tls_context(struct mw_tls *tls);

/* Sets the name or address that the next connection's certificate must have. Copies. The first call
 * loads the system's certificates, which takes 20 ms where they are one file: clients that never use
 * TLS do not pay that. */
void mw_tls_begin(struct mw_tls *tls, const char *host);

/* Why the last handshake failed ("certificate has expired"), or "" when OpenSSL did not say. Borrowed
 * until the next mw_tls_begin. */
const char *mw_tls_reason(const struct mw_tls *tls);

#endif
