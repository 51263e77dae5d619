/* address.h - where a server listens, tried before it does.
 *
 * libwebsockets tells only that a vhost cannot be made; why is found out here, by binding once.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_ADDRESS_H
#define MW_SERVER_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { MW_ADDRESS_TEXT_BYTES = 64 };

struct mw_address {
    char text[MW_ADDRESS_TEXT_BYTES]; /* numeric, as to listen on: "127.0.0.1", "::1" */
    char peer[MW_ADDRESS_TEXT_BYTES]; /* as in a URL of this machine: "127.0.0.1", "[::1]" */
    bool ipv6;
};

/* Finds the address that `host` (a number, or a name of this machine) means, and checks that `port`
 * (0 for any) is free there. Errors: MW_ECONNECT with host, port and reason. */
MW_MUST_USE mw_status mw_address_check(const char *host, uint16_t port, struct mw_address *address,
                                       struct mw_error *err);

#endif
