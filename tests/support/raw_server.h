/* raw_server.h - a server on loopback that says exactly what a test wants, right or wrong.
 *
 * It runs in a thread, takes one connection after the other and hands each to `serve`, with the
 * TLS handshake done when it has a certificate; as a crowd it takes them all at once, each in a
 * thread. Stopping cuts connections off and joins the threads, so a `serve` that waits for the
 * client never hangs.
 *
 *     static void serve(struct mw_raw_peer *peer, void *user)
 *     {
 *         if (mw_raw_upgrade(peer, "\x81\x02hi", 4))
 *             mw_raw_wait_end(peer);
 *     }
 *
 * Threads: start and stop the owner's; `serve` and what it calls run in the server's threads.
 */
#ifndef MW_SUPPORT_RAW_SERVER_H
#define MW_SUPPORT_RAW_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "certificate.h"

struct mw_raw_server; /* opaque */
struct mw_raw_peer;   /* opaque; one connection */

typedef void (*mw_raw_serve_fn)(struct mw_raw_peer *peer, void *user);

struct mw_raw_server_options {
    mw_raw_serve_fn serve;
    void *user;
    const struct mw_certificate *certificate; /* borrows; NULL for no TLS */
    bool crowd;                               /* connections at the same time */
};

/* Listens on a free port of 127.0.0.1. Never NULL. */
struct mw_raw_server *mw_raw_server_start(const struct mw_raw_server_options *options);
void mw_raw_server_stop(struct mw_raw_server *server);
uint16_t mw_raw_server_port(const struct mw_raw_server *server);

/* A port of 127.0.0.1 that refuses connections; it was free a moment ago. */
uint16_t mw_raw_refusing_port(void);

/* Reads what there is, at least one byte. 0 at the end, also when it is not a clean one. */
size_t mw_raw_read(struct mw_raw_peer *peer, void *bytes, size_t size);
/* Reads exactly `length` bytes. */
bool mw_raw_read_all(struct mw_raw_peer *peer, void *bytes, size_t length);
bool mw_raw_write(struct mw_raw_peer *peer, const void *bytes, size_t length);
/* Reads a request up to its empty line, terminated. */
bool mw_raw_read_request(struct mw_raw_peer *peer, char *request, size_t size);
/* Reads a request and answers it as a WebSocket server does, with `length` more bytes in the same
 * write. */
bool mw_raw_upgrade(struct mw_raw_peer *peer, const void *more, size_t length);
/* Writes the Sec-WebSocket-Accept for the key in `request`, 28 characters and a NUL. */
bool mw_raw_accept_key(const char *request, char accept[29]);
/* Reads one frame of up to 125 bytes of a client and unmasks it. Returns the payload's length, or
 * -1; `first` gets the first byte. The payload is terminated. */
ssize_t mw_raw_read_frame(struct mw_raw_peer *peer, unsigned char *first, char payload[126]);
/* Reads and drops everything until the client is gone. */
void mw_raw_wait_end(struct mw_raw_peer *peer);
/* Ends the connection both ways; reading and writing fail from then on. Any thread, while `serve`
 * runs. */
void mw_raw_cut(struct mw_raw_peer *peer);
/* Makes the coming close a reset (RST). */
void mw_raw_reset(struct mw_raw_peer *peer);

#endif
