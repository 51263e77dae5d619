/* connection_parts.h - the inside of a connection, shared by its three source files.
 *
 *     connection.c           what other threads call
 *     connection_thread.c    the feed thread: attempts, states, answers
 *     connection_request.c   what is sent: subscriptions, within the venue's rate
 *
 * Everything from `client` down in the struct belongs to the feed thread. It has one timer, armed
 * for the nearest of three deadlines: the next attempt, the end of waiting for the venue's answer,
 * and the next message that the venue's rate allows. Once it stops there is one deadline, the end
 * of waiting for the closing handshake. Other threads leave commands and wake it.
 *
 * A request has an id, and each subscription knows the one that asked for it first: what the venue
 * refuses while the connection goes on is forgotten, so that it is not asked for again with the
 * rest after a reconnect, and can be subscribed anew.
 *
 * Threads: as the fields and functions say.
 */
#ifndef MW_FEED_CONNECTION_PARTS_H
#define MW_FEED_CONNECTION_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/thread.h"
#include "feed/connection.h"
#include "feed/intake.h"
#include "net/client.h"

#define MW_NEVER INT64_MAX /* a deadline that is not set */

/* A change of subscriptions that the feed thread has to make. */
struct mw_command {
    struct mw_command *next; /* owns */
    bool subscribe;
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
    char timeframe_code[MW_TIMEFRAME_BYTES_MAX];
    struct mw_series *series;
};

/* A message that waits for the venue's rate. */
struct mw_outgoing {
    struct mw_outgoing *next; /* owns */
    size_t length;
    char text[];
};

struct mw_connection {
    char name[MW_FEED_NAME_BYTES_MAX + 1];
    struct mw_connection_options options; /* its texts point into the owned ones below */
    char *ca_file, *csrf_token, *market_type;
    char **endpoints; /* owns; the configured ones or the protocol's */
    uint32_t endpoint_count;
    struct mw_protocol *protocol; /* owns */
    struct mw_thread thread;
    _Atomic bool stopping;
    _Atomic int state; /* mw_connection_state */
    _Atomic uint64_t reconnects;

    pthread_mutex_t lock; /* covers the six below */
    struct mw_command *first_command, **last_command;
    struct mw_map wanted; /* "symbol\0code": what subscribe added and unsubscribe did not remove */
    char endpoint_shown[MW_ERROR_ENDPOINT_BYTES];
    bool has_error;
    struct mw_error error;
    struct mw_client *waker; /* borrows; the client while there is one to wake */

    struct mw_client *client; /* owns */
    struct mw_intake intake;
    struct mw_backoff backoff;
    uint32_t endpoint_index, failure_count; /* attempts that failed in a row */
    bool open, opened_once;                 /* from on_open to on_closed; since the start */
    bool has_cause;                         /* why we close, when it is our doing */
    struct mw_error cause;
    int64_t next_id;
    struct mw_map pending; /* ids of requests that the venue has not answered */
    struct mw_outgoing *first_outgoing, **last_outgoing;
    int64_t retry_at, confirm_at, send_at, stop_at; /* monotonic ms, or never */
    bool time_known; /* the clocks were read for this read from the socket */
};

/* The whole life of the feed thread; `user` is the connection. */
void mw_connection_run(void *user);

/* Sets the state, keeps the error and tells the owner. The feed thread, or the owner's when there
 * is none. */
void mw_connection_set_state(struct mw_connection *connection, mw_connection_state state,
                             const struct mw_error *err);

/* Sets the timer to the nearest deadline. */
void mw_connection_arm_timer(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Closes for a reason of our own, which is then what the attempt failed of. */
void mw_connection_give_up(struct mw_connection *connection, const struct mw_error *cause)
    MW_ON(mw_feed_thread);

enum { MW_WANTED_KEY_BYTES = MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 2 };

/* Writes "symbol\0code", the key in `wanted`. Returns its length. */
size_t mw_connection_wanted_key(const char *symbol, const char *timeframe_code, char *key);

/* Takes the commands that other threads left. Returns owned, linked; NULL for none. */
struct mw_command *mw_connection_take_commands(struct mw_connection *connection);

/* Applies the commands, and sends what follows from them when connected. */
void mw_connection_run_commands(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Asks for what is wanted and not requested yet; a protocol that replaces asks for everything when
 * `changed`. */
void mw_connection_request_wanted(struct mw_connection *connection, bool changed)
    MW_ON(mw_feed_thread);

/* Sends what the venue's rate allows now; the rest waits for the timer. */
void mw_connection_send_outgoing(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Forgets messages that were not sent. */
void mw_connection_drop_outgoing(struct mw_connection *connection);

/* Forgets the series that the request `id` (NULL: any) asked for and the venue never agreed to. */
void mw_connection_drop_refused(struct mw_connection *connection, const int64_t *id)
    MW_ON(mw_feed_thread);

#endif
