/* rest.h - history over plain HTTP: one GET, its answer, in pieces.
 *
 *     query  ->  bars, a millisecond's worth at a time  ->  status line, body, 32 KiB at a time
 *
 * The connection ends with the answer. libwebsockets has cut the query into parameters and decoded
 * them; request lines over 4 KiB never come here.
 *
 * Ownership: borrows stage, venue and saboteur until freed.
 * Threads: server thread only.
 */
#ifndef MW_SERVER_REST_H
#define MW_SERVER_REST_H

#include "base/thread.h"
#include "server/saboteur.h"
#include "server/venue.h"

struct lws;
struct mw_rest; /* opaque: a request under way */

enum { MW_REST_STATUS_BYTES = 96 };

/* Writes what follows "HTTP/1.1 ": the code, its name, and how long to stay away if that is told.
 * Returns `text`, which holds MW_REST_STATUS_BYTES. */
char *mw_rest_status(int code, int64_t retry_ms, char *text);

/* Takes the request that has come on `wsi`, for the venue's history_path. `saboteur` is NULL when
 * nothing goes wrong on purpose. */
struct mw_rest *mw_rest_new(struct lws *wsi, struct mw_stage *stage, const struct mw_venue *venue,
                            struct mw_saboteur *saboteur) MW_ON(mw_server_thread);
void mw_rest_free(struct mw_rest *rest) MW_ON(mw_server_thread);

/* Goes on when the socket takes bytes; asks to be called again unless it is over. Returns 0, or -1
 * when the connection is to be closed. */
int mw_rest_go_on(struct mw_rest *rest) MW_ON(mw_server_thread);

#endif
