/* intake.h - from a message to the cache: decoder, subscriptions, counters; no socket, no timer.
 *
 * What a live connection and a replayed capture have in common, so that both do the same with the
 * same bytes. Candles are put here; everything else that a message can be (a reply, a ping, a
 * notice) is handed back for the caller to act on.
 *
 *     mw_intake_set_time, mw_intake_message x many, mw_cache_flush        once per read
 *
 * Threads: the owner's (a feed thread, or whoever replays), which also says what the counters are;
 * any thread reads them.
 */
#ifndef MW_FEED_INTAKE_H
#define MW_FEED_INTAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "feed/decoder.h"
#include "feed/subscription.h"
#include "market/cache.h"

struct mw_intake {
    const char *name;                   /* the feed's; borrows */
    const struct mw_protocol *protocol; /* borrows */
    struct mw_cache *cache;             /* borrows */
    struct mw_decoder *decoder;         /* owns */
    struct mw_subscriptions subscriptions;
    int64_t wall_ms, mono_ms; /* both clocks at this read */
    /* See struct mw_connection_status. */
    _Atomic uint64_t frames, bytes, candles, late, other, unsubscribed;
    _Atomic uint64_t rejects[MW_REJECT_COUNT];
    struct mw_log_gate gates[MW_REJECT_COUNT];
};

/* Borrows everything until mw_intake_deinit. */
void mw_intake_init(struct mw_intake *intake, const char *name, const struct mw_protocol *protocol,
                    struct mw_cache *cache);
void mw_intake_deinit(struct mw_intake *intake);

/* The time of the messages that come now, by the wall and by a clock that never jumps. */
void mw_intake_set_time(struct mw_intake *intake, int64_t wall_ms, int64_t mono_ms);

/* Decodes one message, which MW_MESSAGE_PADDING readable bytes follow, and puts its candles.
 * `decoded` says what it was and borrows from the message; MW_DECODED_REJECTED is counted and
 * logged. The caller flushes the cache at the end of a read. */
void mw_intake_message(struct mw_intake *intake, bool text, const char *data, size_t length,
                       struct mw_decoded *decoded);

#endif
