/* mischief.h - what goes wrong in one session: messages left out, held back, doubled, spoilt.
 *
 * Every candle that a session is about to send passes through here. What cannot be done to the
 * bytes alone is left to others: a jump of the clock to the session, the end of the connection to
 * the listener.
 *
 *     candle -> muted?  no -> strike?  no  -> frame ------------------> bytes
 *                 |             |  yes: held back, left out, doubled,     ^
 *               nothing         |       spoilt, or the end                |
 *                               +--> held until another message is out ---+
 *
 * Ownership: borrows everything until freed.
 * Threads: server thread only.
 */
#ifndef MW_SERVER_MISCHIEF_H
#define MW_SERVER_MISCHIEF_H

#include "server/saboteur.h"
#include "server/venue.h"

struct mw_mischief; /* opaque */

struct mw_mischief *mw_mischief_new(struct mw_saboteur *saboteur, const struct mw_stage *stage,
                                    const struct mw_venue *venue, size_t path, uint64_t session)
    MW_ON(mw_server_thread);
void mw_mischief_free(struct mw_mischief *mischief);

/* Adds what becomes of a candle, as frames. */
void mw_mischief_put(struct mw_mischief *mischief, const struct mw_playback_event *event,
                     struct mw_str *out) MW_ON(mw_server_thread);

/* Adds what waits for nothing any more: corrections that are owed after a new subscription. */
void mw_mischief_flush(struct mw_mischief *mischief, struct mw_str *out) MW_ON(mw_server_thread);

/* A subscription was carried out. May change what `request` says to be confirmed. Returns whether
 * the confirmation goes out now; mw_mischief_keep has it otherwise. */
bool mw_mischief_on_request(struct mw_mischief *mischief, struct mw_venue_request *request)
    MW_ON(mw_server_thread);
/* Keeps a confirmation until a few candles are out. Copies. */
void mw_mischief_keep(struct mw_mischief *mischief, const struct mw_str *reply)
    MW_ON(mw_server_thread);

/* How long no candle may be sent; 0 when they may. */
int64_t mw_mischief_pause_ms(const struct mw_mischief *mischief) MW_ON(mw_server_thread);

/* Whether a jump of the clock is due; takes it: by how much, or 0. */
bool mw_mischief_jumps(const struct mw_mischief *mischief) MW_ON(mw_server_thread);
int64_t mw_mischief_take_jump(struct mw_mischief *mischief) MW_ON(mw_server_thread);

/* How the connection ends once what was put is sent; NULL while it goes on. Borrowed until
 * freed. */
const struct mw_sabotage *mw_mischief_end(const struct mw_mischief *mischief)
    MW_ON(mw_server_thread);
/* When it is to end by an earlier notice, in real milliseconds from now; -1 for never. At 0
 * mw_mischief_end has it. */
int64_t mw_mischief_notice_ms(struct mw_mischief *mischief) MW_ON(mw_server_thread);

#endif
