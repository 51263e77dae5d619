/* client_bench.h - a client of net/client.h under test, and what it said.
 *
 * Threads: the test's, which becomes a feed thread; the functions that serve run in the server's.
 */
#ifndef MW_SUPPORT_CLIENT_BENCH_H
#define MW_SUPPORT_CLIENT_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "net/client.h"

#include "raw_server.h"

/* For anything that is expected; never reached when all is well. */
enum { MW_HEARD_DEADLINE_MS = 20000 };

/* What the client said, and the client. */
struct mw_heard {
    struct mw_client *client;
    bool on_open_close, on_open_ping; /* what to do in on_open */
    const char *on_open_text;
    const char *on_closed_url; /* connect there in on_closed, once */
    int opens, closes, wakes, timers;
    bool late;          /* the deadline passed */
    char messages[256]; /* the short ones, each with a ';' */
    size_t message_count, message_bytes, read_ends;
    struct mw_error err;
};

/* No time-outs, no authority of its own. */
struct mw_client_options mw_heard_options(void);

/* Keeps everything in `heard`. */
struct mw_client_handler mw_heard_handler(struct mw_heard *heard);

/* Makes the client; `options` may be NULL for mw_heard_options. */
void mw_heard_begin(struct mw_heard *heard, const struct mw_client_options *options);
void mw_heard_end(struct mw_heard *heard);
void mw_heard_connect(struct mw_heard *heard, const char *format, ...) MW_PRINTF(2, 3);
/* Runs the loop until `count` of what is counted has happened. */
void mw_heard_until(struct mw_heard *heard, const int *what, int count);
/* One connection to a server from its beginning to its end; what came of it is in `heard`. */
void mw_heard_run(struct mw_heard *heard, const struct mw_raw_server_options *server_options,
                  const struct mw_client_options *options, const char *scheme_host);
/* The same to one that says these bytes, which have to be frames of at most `limit`. */
void mw_heard_run_bytes(struct mw_heard *heard, const char *bytes, size_t length, size_t limit);
void mw_heard_expect(const struct mw_heard *heard, mw_status status, int code, const char *words);

/* The upgrade, and `user`, a struct mw_str, in the same segment; then waits for the end. */
void mw_heard_serve_bytes(struct mw_raw_peer *peer, void *user);
/* Takes the connection and says nothing. */
void mw_heard_serve_nothing(struct mw_raw_peer *peer, void *user);
/* Takes the connection and says what is no HTTP. */
void mw_heard_serve_garbage(struct mw_raw_peer *peer, void *user);

/* What mw_heard_serve_and_note says, and the frame of the client that it then heard. */
struct mw_heard_frame {
    const char *bytes;
    size_t length;
    unsigned char first;
    char payload[126];
    ssize_t payload_length;
    bool answer; /* with a close frame of our own */
};

/* As mw_heard_serve_bytes, but `user` is a struct mw_heard_frame. */
void mw_heard_serve_and_note(struct mw_raw_peer *peer, void *user);

#endif
