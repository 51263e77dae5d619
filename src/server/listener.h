/* listener.h - the server: a thread with an event loop of libwebsockets and its sessions.
 *
 *     CONFIRM_UPGRADE  path known? room?   ->  ESTABLISHED  a session  ->  WRITEABLE  frames
 *                      or else 404, 503                                    timer: the next is due
 *     HTTP             the venue's history?    ->  an answer (rest.h), or else 404, 426
 *
 * Threads: start and stop from one owner; all else happens on the server thread.
 */
#ifndef MW_SERVER_LISTENER_H
#define MW_SERVER_LISTENER_H

#include <stdint.h>

#include "base/status.h"
#include "server/address.h"
#include "server/saboteur.h"
#include "server/stage.h"
#include "server/venue.h"

struct mw_listener; /* opaque */

struct mw_listener_options {
    struct mw_stage *stage;       /* borrows until stop */
    const struct mw_venue *venue; /* borrows until stop */
    const struct mw_address *address;
    struct mw_saboteur *saboteur;            /* borrows until stop; NULL for none */
    uint16_t port;                           /* 0 for any free one */
    bool tls;                                /* with either pair of the four below */
    const char *certificate_file, *key_file; /* NULL for the texts */
    const char *certificate_text, *key_text; /* PEM */
};

/* Starts the thread and waits until it listens. Errors: MW_ECONNECT, MW_ETLS, MW_ELIMIT. */
MW_MUST_USE mw_status mw_listener_start(const struct mw_listener_options *options,
                                        struct mw_listener **out, struct mw_error *err);

/* Closes the sessions (1001), waiting for their clients a tenth of a second at most. NULL is
 * fine. */
void mw_listener_stop(struct mw_listener *listener);

uint16_t mw_listener_port(const struct mw_listener *listener);

#endif
