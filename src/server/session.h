/* session.h - one client: its subscription, its place in time, the frames that it is owed.
 *
 * Frames are made when the socket can take them and never before; only replies to requests wait
 * here, up to MW_SIMULATOR_REPLY_BYTES_MAX. Many frames go out as one piece of bytes, because a
 * call into libwebsockets for each costs more than making the frame.
 *
 * Ownership: borrows what it is made with until freed.
 * Threads: server thread only.
 */
#ifndef MW_SERVER_SESSION_H
#define MW_SERVER_SESSION_H

#include "base/thread.h"
#include "server/saboteur.h"
#include "server/venue.h"

struct mw_session; /* opaque */

/* Bytes before the frames that belong to whoever sends them: room for LWS_PRE. */
enum { MW_SESSION_PAD = 64 };

/* What sessions of one listener share; borrowed until freed. */
struct mw_session_options {
    struct mw_stage *stage;
    const struct mw_venue *venue;
    struct mw_saboteur *saboteur; /* NULL when nothing goes wrong on purpose */
    size_t path;                  /* index into the venue's */
    uint64_t number;              /* from 1 */
};

struct mw_session *mw_session_new(const struct mw_session_options *options) MW_ON(mw_server_thread);
void mw_session_free(struct mw_session *session) MW_ON(mw_server_thread);

/* Handles one whole message. False when more replies wait than may: the client does not read. */
MW_MUST_USE bool mw_session_receive(struct mw_session *session, const char *text, size_t length)
    MW_ON(mw_server_thread);

/* Makes the next frames, whole ones, at most about 64 KiB of candles after the replies that wait.
 * `*bytes` is borrowed until the next call and has MW_SESSION_PAD writable bytes before it.
 * `*wait_ms` is 0 when there is more to come at once, the time until there is, or -1 when there is
 * nothing to wait for. Returns how many bytes there are, which may be 0 whatever `*wait_ms` is. */
size_t mw_session_fill(struct mw_session *session, char **bytes, int64_t *wait_ms)
    MW_ON(mw_server_thread);

/* How the connection is to end once the bytes that were made are sent; NULL while it goes on.
 * Borrowed until the session is freed. */
const struct mw_sabotage *mw_session_end(const struct mw_session *session) MW_ON(mw_server_thread);

#endif
