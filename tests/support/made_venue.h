/* made_venue.h - a venue on loopback, speaking protocol_file.h, that misbehaves on demand.
 *
 * It confirms what it is asked for ("+1 BTC@1m"), refuses whatever names BAD, says nothing to what
 * names MUTE, and hangs up, on its first connection only, when it is asked for DROP. All that it
 * hears is noted: each message with a ';', "#" for a new connection, "close" for a close frame,
 * "ping" and "pong" with their payload for those. Messages in braces are heartbeats.
 *
 * Threads: the test's; the server's behind `lock`.
 */
#ifndef MW_SUPPORT_MADE_VENUE_H
#define MW_SUPPORT_MADE_VENUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "raw_server.h"

struct mw_made_venue {
    /* What it is to do; set before the start. */
    bool silent;               /* never answers the upgrade */
    bool stubborn;             /* does not answer a close frame */
    bool nameless;             /* its replies have no id */
    bool leaves;               /* hangs up after its first answer on each connection */
    uint32_t deaf_count;       /* its first connections hear nothing after their first answer */
    bool pongless;             /* does not answer WebSocket pings */
    const char *beat;          /* what it answers a heartbeat; NULL for nothing */
    const char *const *pushes; /* sent after the first answer of a connection, NULL at the end */

    struct mw_raw_server *server;
    pthread_mutex_t lock; /* covers what is below */
    pthread_cond_t changed;
    struct mw_raw_peer *peer; /* the connection there is, once it has been answered */
    uint32_t connection_count;
    int64_t heard_ms[64]; /* monotonic; when the messages came */
    uint32_t heard_count;
    char heard[4096];
};

void mw_made_venue_start(struct mw_made_venue *venue);
void mw_made_venue_stop(struct mw_made_venue *venue);

/* Writes "ws://127.0.0.1:port/". Returns `url`. */
char *mw_made_venue_url(const struct mw_made_venue *venue, char url[32]);

/* Waits until `text` was heard. Aborts after 20 s. */
void mw_made_venue_wait(struct mw_made_venue *venue, const char *text);
/* The same for at most `wait_ms`. Returns whether it was. */
bool mw_made_venue_wait_for(struct mw_made_venue *venue, const char *text, int64_t wait_ms);

/* Sends a message on the connection that has been answered: as text, but for a leading '!', which
 * makes it binary, or '~', which makes a ping of what follows. Waits for such a connection; aborts
 * after 20 s. */
void mw_made_venue_push(struct mw_made_venue *venue, const char *text);
/* Cuts that connection off. */
void mw_made_venue_cut(struct mw_made_venue *venue);
/* Whether `text` was heard so far. */
bool mw_made_venue_heard(struct mw_made_venue *venue, const char *text);

#endif
