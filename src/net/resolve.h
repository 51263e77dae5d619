/* resolve.h - looking a host name up without waiting for it.
 *
 * getaddrinfo blocks for as long as a dead resolver lets it, and cannot be stopped. So each
 * lookup runs in a detached thread of its own, which shares the result with whoever asked; the
 * last of the two to let go frees it. Freeing a lookup that is still running only forgets it.
 *
 * As RFC 6761, sections 6.3 and 6.4, asks, the resolver never hears of two kinds of names:
 * "localhost" and what ends in it is this machine, also where there is no /etc/hosts, and
 * ".invalid" is nothing.
 *
 * Threads: one thread owns a lookup; only `wake` is called from the lookup's thread.
 */
#ifndef MW_NET_RESOLVE_H
#define MW_NET_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct mw_resolve; /* opaque */

enum {
    MW_ADDRESSES_MAX = 16,      /* of one name; large venues have 4 to 8 */
    MW_ADDRESS_TEXT_BYTES = 64, /* an IPv6 address of 45 bytes, '%' and the name of an interface */
};

struct mw_addresses {
    size_t count;                                       /* at least 1 */
    char text[MW_ADDRESSES_MAX][MW_ADDRESS_TEXT_BYTES]; /* in the order in which to try them */
};

/* Whether `host` is an IPv4 or IPv6 address already. */
bool mw_is_address(const char *host);

/* Starts to look `host` up. `wake(user)` is called once when the result is there, from the thread
 * of the lookup, unless mw_resolve_free came first; it must not call back in. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_resolve_start(const char *host, void (*wake)(void *user), void *user,
                                       struct mw_resolve **out, struct mw_error *err);

/* Never waits. After it `wake` is not called any more. */
void mw_resolve_free(struct mw_resolve *resolve);

/* Whether the result is there. Never waits. */
bool mw_resolve_try_done(struct mw_resolve *resolve);

/* The result of a lookup that is done. Errors: MW_ERESOLVE. */
MW_MUST_USE mw_status mw_resolve_get(struct mw_resolve *resolve, struct mw_addresses *addresses,
                                     struct mw_error *err);

#endif
