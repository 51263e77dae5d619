/* url.h - the parts of a ws, wss, http or https URL.
 *
 * Threads: any thread.
 */
#ifndef MW_NET_URL_H
#define MW_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

enum { MW_HOST_BYTES_MAX = 253 }; /* RFC 1035, section 2.3.4, without the final dot */

struct mw_url {
    bool tls;                         /* wss or https */
    bool websocket;                   /* ws or wss */
    uint16_t port;                    /* the scheme's own where the text has none */
    char host[MW_HOST_BYTES_MAX + 1]; /* name or address; an IPv6 address without brackets */
    char path[MW_URL_BYTES_MAX + 1];  /* path and query, at least "/"; no fragment */
};

/* Reads "scheme://host[:port][/path][?query]". No user and password, no blanks or control
 * characters, at most MW_URL_BYTES_MAX bytes. Errors: MW_EPARSE, MW_ELIMIT. */
MW_MUST_USE mw_status mw_url_parse(const char *text, struct mw_url *url, struct mw_error *err);

/* Writes "wss://host:port/path" without the query, which may hold a token, for logs and errors.
 * Returns `text`, which holds `size` bytes. */
char *mw_url_format_public(const struct mw_url *url, char *text, size_t size);

/* Whether the host is this machine: "localhost", 127.0.0.0/8 or ::1. */
bool mw_url_is_loopback(const struct mw_url *url);

#endif
