/* upgrade.h - the HTTP request and answer that turn a connection into a WebSocket (RFC 6455, 4).
 *
 * Threads: the owner's.
 */
#ifndef MW_NET_UPGRADE_H
#define MW_NET_UPGRADE_H

#include <stddef.h>

#include "base/status.h"

struct lws;

enum {
    MW_UPGRADE_KEY_BYTES = 25,    /* 16 bytes in base64, and the NUL */
    MW_UPGRADE_ACCEPT_BYTES = 29, /* a SHA-1 in base64, and the NUL */
};

/* Writes a fresh Sec-WebSocket-Key. */
void mw_upgrade_key(char key[MW_UPGRADE_KEY_BYTES]);

/* Writes the Sec-WebSocket-Accept that belongs to `key`. */
void mw_upgrade_accept(const char *key, char accept[MW_UPGRADE_ACCEPT_BYTES]);

/* Adds our headers to a request that ends at `*at`, where `room` bytes are left, and moves `*at`.
 * Returns 0, or -1 when they do not fit. */
int mw_upgrade_ask(const char *key, char **at, size_t room);

/* Checks the answer that `wsi` got. Redirects are answers like any other that is not 101. Errors:
 * MW_EHANDSHAKE with the HTTP status. */
MW_MUST_USE mw_status mw_upgrade_check(const char *key, struct lws *wsi, struct mw_error *err);

#endif
