/* connection_parts.h - the inside of a connection, shared by its source files.
 *
 *     connection.c            what other threads call
 *     connection_thread.c     the feed thread: attempts, states, deadlines
 *     connection_message.c    what is received, and what follows from it
 *     connection_request.c    what is subscribed
 *     connection_series.c     the same, as other threads see it
 *     connection_send.c       what is sent, within the venue's rate; what is recorded
 *     connection_liveness.c   whether the socket and each series live, and the clock
 *
 * Everything from `client` down in the struct belongs to the feed thread. It has one timer, armed
 * for the nearest of all deadlines. Once it stops there is one deadline, the end of waiting for the
 * closing handshake. Other threads leave commands and wake it.
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
#include "feed/capture.h"
#include "feed/connection.h"
#include "feed/intake.h"
#include "net/client.h"

#define MW_NEVER INT64_MAX /* a deadline that is not set */

/* What other threads want of the feed thread. */
struct mw_command {
    struct mw_command *next; /* owns */
    enum {
        MW_COMMAND_SUBSCRIBE,
        MW_COMMAND_UNSUBSCRIBE,
        MW_COMMAND_PROBED, /* history has newer bars than `series`, or not: `missed` */
    } kind;
    bool missed;
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
    char timeframe_code[MW_TIMEFRAME_BYTES_MAX];
    struct mw_series *series;
};

/* A message that waits for the venue's rate. */
struct mw_outgoing {
    struct mw_outgoing *next; /* owns */
    bool urgent;              /* an answer or a heartbeat: goes before requests */
    size_t length;
    char text[];
};

/* What is watched while a connection is open. Times are monotonic ms; deadlines may be never. */
struct mw_liveness {
    int64_t opened_at;
    int64_t socket_at; /* the socket is looked at */
    int64_t beat_at;   /* the next heartbeat that the venue wants, whatever else is sent */
    int64_t pinged_at; /* the first ping since something was received, or never */
    int64_t stuck_at;  /* since when nothing of what waits could be sent, or never */
    uint64_t sent;     /* bytes sent by then */

    int64_t look_at;         /* the series are looked at */
    int64_t flow_since;      /* since when one series or another has flowed */
    int64_t first_candle_at; /* of this connection; never: none yet */
    int64_t quiet_at;        /* when a silence of all was last looked into */
    uint32_t quiet_count;    /* in vain, since the last candle */

    int64_t expire_at; /* the venue's lifetime is nearly over */
    bool expiring;     /* and that was told */
};

struct mw_connection {
    char name[MW_FEED_NAME_BYTES_MAX + 1];
    struct mw_connection_options options; /* its texts point into the owned ones below */
    char *ca_file, *csrf_token, *market_type;
    char **endpoints; /* owns; the configured ones or the protocol's */
    uint32_t endpoint_count;
    struct mw_protocol *protocol; /* owns */
    struct mw_capture_tap tap;    /* of one connection, for as long as it exists */
    struct mw_thread thread;
    _Atomic bool stopping, retired; /* retired: its series are somebody else's */
    _Atomic bool hurried;           /* mw_connection_reconnect was called */
    _Atomic int state;              /* mw_connection_state */
    _Atomic uint64_t reconnects, resubscribes;

    pthread_mutex_t lock; /* covers the seven below */
    struct mw_command *first_command, **last_command;
    struct mw_map wanted;  /* "symbol\0code": what subscribe added and unsubscribe did not remove */
    struct mw_map flowing; /* series of which live candles came since it was opened */
    char endpoint_shown[MW_ERROR_ENDPOINT_BYTES];
    bool has_error;
    struct mw_error error;
    struct mw_client *waker; /* borrows; the client while there is one to wake */

    struct mw_wake idle; /* what the thread sleeps on while it could not make a client */

    struct mw_client *client; /* owns */
    struct mw_intake intake;
    uint32_t flow_count; /* the intake's, that `flowing` was made from */
    struct mw_backoff backoff;
    uint32_t endpoint_index, failure_count; /* attempts that failed in a row */
    bool open, opened_once;                 /* from on_open to on_closed; since the start */
    bool has_cause;                         /* why we close, when it is our doing */
    struct mw_error cause;
    int64_t next_id;
    struct mw_map pending; /* ids of requests that the venue has not answered */
    struct mw_outgoing *first_outgoing, **last_outgoing;
    uint32_t urgent_count;                          /* of these */
    int64_t retry_at, confirm_at, send_at, stop_at; /* monotonic ms, or never */
    bool time_known; /* the clocks were read for this read from the socket */
    struct mw_liveness live;
    struct mw_log_gate silence_gate;
    int64_t clock_at;      /* when the next bar is to be closed; monotonic, or never */
    int64_t clock_ends_ms; /* the intake's ends_ms that clock_at was made from */
};

/* The whole life of the feed thread; `user` is the connection. */
void mw_connection_run(void *user);

/* Sets the state, keeps the error and tells the owner. The feed thread, or the owner's when there
 * is none. */
void mw_connection_set_state(struct mw_connection *connection, mw_connection_state state,
                             const struct mw_error *err);

/* Sets the timer to the nearest deadline. */
void mw_connection_arm_timer(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Tells the owner of an error that does not change the state. */
void mw_connection_tell_error(struct mw_connection *connection, const struct mw_error *err);

/* Closes for a reason of our own, which is then what the attempt failed of. */
void mw_connection_give_up(struct mw_connection *connection, const struct mw_error *cause)
    MW_ON(mw_feed_thread);
/* The same without a closing handshake, which nobody would answer. */
void mw_connection_drop(struct mw_connection *connection, const struct mw_error *cause)
    MW_ON(mw_feed_thread);

/* The connection works: the next failure is the first again. */
void mw_connection_settle(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* on_message and on_read_end of the client. */
void mw_connection_on_message(void *user, bool text, const char *data, size_t length);
void mw_connection_on_read_end(void *user);

enum { MW_WANTED_KEY_BYTES = MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 2 };

/* Writes "symbol\0code", the key in `wanted`. Returns its length. */
size_t mw_connection_wanted_key(const char *symbol, const char *timeframe_code, char *key);

/* Takes the commands that other threads left. Returns owned, linked; NULL for none. */
struct mw_command *mw_connection_take_commands(struct mw_connection *connection);

/* Applies the commands, without sending anything for what is not requested yet. Returns whether the
 * subscriptions have changed. */
bool mw_connection_apply_commands(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Applies the commands, and sends what follows from them when connected. */
void mw_connection_run_commands(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Asks for what is wanted and not requested yet; a protocol that replaces asks for everything when
 * `changed`. */
void mw_connection_request_wanted(struct mw_connection *connection, bool changed)
    MW_ON(mw_feed_thread);

/* Ends and begins the subscription of series that the venue seems to have forgotten. */
void mw_connection_resubscribe(struct mw_connection *connection,
                               struct mw_subscription *const *list, uint32_t list_count)
    MW_ON(mw_feed_thread);

/* Forgets the series that the request `id` (NULL: any) asked for and the venue never agreed to. */
void mw_connection_drop_refused(struct mw_connection *connection, const int64_t *id)
    MW_ON(mw_feed_thread);

/* Passes on to other threads which series flow; none, when it has just been opened. */
void mw_connection_show_flows(struct mw_connection *connection) MW_ON(mw_feed_thread);
void mw_connection_hide_flows(struct mw_connection *connection);
/* One flows no more. */
void mw_connection_hide_flow(struct mw_connection *connection, const struct mw_series *series);

/* --- connection_send.c ----------------------------------------------------------------------- */

/* Queues a message; `user` is the connection. */
void mw_connection_add_outgoing(void *user, const char *text, size_t length);
/* The same, before all that is not urgent. */
void mw_connection_add_urgent(void *user, const char *text, size_t length);

/* Sends what the venue's rate allows now; the rest waits for the timer. */
void mw_connection_send_outgoing(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Forgets messages that were not sent. */
void mw_connection_drop_outgoing(struct mw_connection *connection);

/* Answers the venue's ping number `index` of the protocol. */
void mw_connection_answer(struct mw_connection *connection, uint32_t index, const char *message,
                          size_t length) MW_ON(mw_feed_thread);
/* Sends the protocol's heartbeat, or a WebSocket ping where it has none. Returns whether the venue
 * has to answer. */
bool mw_connection_send_heartbeat(struct mw_connection *connection) MW_ON(mw_feed_thread);
/* Sends a WebSocket ping, which every peer has to answer. */
void mw_connection_send_ping(struct mw_connection *connection) MW_ON(mw_feed_thread);

/* Record into the capture, if there is one; `open_ms` matters to MW_CAPTURE_CLOCK only. */
void mw_connection_record(struct mw_connection *connection, mw_capture_kind kind,
                          const struct mw_capture_fields *fields);
void mw_connection_record_text(struct mw_connection *connection, mw_capture_kind kind,
                               const char *text, size_t length);
void mw_connection_record_series(struct mw_connection *connection, mw_capture_kind kind,
                                 const struct mw_subscription *subscription, int64_t open_ms);

/* --- connection_liveness.c ------------------------------------------------------------------- */

/* From when a connection is open until it is not. */
void mw_connection_begin_liveness(struct mw_connection *connection) MW_ON(mw_feed_thread);
void mw_connection_end_liveness(struct mw_connection *connection);

/* The nearest deadline of all this. */
int64_t mw_connection_liveness_at(const struct mw_connection *connection);
/* Does what is due. */
void mw_connection_check_liveness(struct mw_connection *connection, int64_t now)
    MW_ON(mw_feed_thread);

/* A live candle came. */
void mw_connection_note_candle(struct mw_connection *connection) MW_ON(mw_feed_thread);
/* Sets clock_at when the bars that form have changed. */
void mw_connection_set_clock(struct mw_connection *connection) MW_ON(mw_feed_thread);
/* The connection will end soon, as its owner is told once. `why` is for the log. */
void mw_connection_expire(struct mw_connection *connection, const char *why) MW_ON(mw_feed_thread);
/* What history knows of the silent `series`. */
void mw_connection_probed(struct mw_connection *connection, const struct mw_series *series,
                          bool missed) MW_ON(mw_feed_thread);

#endif
