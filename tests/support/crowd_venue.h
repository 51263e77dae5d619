/* crowd_venue.h - a venue on loopback with many connections at once, led by the test.
 *
 * It speaks protocol_file.h and confirms what it is asked for, unless the test holds confirmations
 * back; it refuses whatever names BAD. Bars come only when the test pushes them. What each
 * connection says is kept under its number, from 0 on in the order in which they came: every
 * message with a ';', "close" for a close frame, "gone" when it is over. Requests over HTTP that
 * want no WebSocket have no number.
 *
 * Threads: the test's; the server's behind `lock`.
 */
#ifndef MW_SUPPORT_CROWD_VENUE_H
#define MW_SUPPORT_CROWD_VENUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "raw_server.h"

enum { MW_CROWD_MAX = 96, MW_CROWD_HEARD_BYTES = 512 };

struct mw_crowd_venue {
    struct mw_raw_server *server;
    pthread_mutex_t lock; /* covers what is below */
    pthread_cond_t changed;
    bool holds;          /* confirms nothing */
    bool refuses;        /* answers an upgrade with 503 */
    bool stubborn;       /* does not answer a close frame */
    const char *history; /* answers requests that are no upgrades; NULL: with 404 */
    uint32_t count;
    struct {
        struct mw_raw_peer *peer; /* NULL when it is over */
        bool open;                /* upgraded */
        char heard[MW_CROWD_HEARD_BYTES];
    } guests[MW_CROWD_MAX];
};

void mw_crowd_venue_start(struct mw_crowd_venue *venue);
void mw_crowd_venue_stop(struct mw_crowd_venue *venue);

/* Writes "ws://127.0.0.1:port/". Returns `url`. */
char *mw_crowd_venue_url(const struct mw_crowd_venue *venue, char url[32]);

/* Changes what it does from now on. */
void mw_crowd_venue_set(struct mw_crowd_venue *venue, bool *flag, bool value);

/* Waits until connection `index` has said `text`. Aborts after 20 s. */
void mw_crowd_venue_wait(struct mw_crowd_venue *venue, uint32_t index, const char *text);
bool mw_crowd_venue_heard(struct mw_crowd_venue *venue, uint32_t index, const char *text);
/* How many connections there ever were, and how many are open. */
uint32_t mw_crowd_venue_count(struct mw_crowd_venue *venue);
uint32_t mw_crowd_venue_open_count(struct mw_crowd_venue *venue);

/* Sends a text message on connection `index`, which is open. */
void mw_crowd_venue_push(struct mw_crowd_venue *venue, uint32_t index, const char *text);
/* Confirms what was asked for with `id`. */
void mw_crowd_venue_confirm(struct mw_crowd_venue *venue, uint32_t index, int id);
/* Cuts it off. */
void mw_crowd_venue_cut(struct mw_crowd_venue *venue, uint32_t index);

#endif
