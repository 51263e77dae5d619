/* intake.h - from a message to the cache: decoder, subscriptions, counters; no socket, no timer.
 *
 * What a live connection and a replayed capture have in common, so that both do the same with the
 * same bytes. Candles are put here; everything else that a message can be (a reply, a ping, a
 * notice) is handed back for the caller to act on.
 *
 *     mw_intake_set_time, mw_intake_message x many, mw_cache_flush        once per read
 *
 * A series is LIVE from its first live candle on, until it is interrupted or no longer subscribed.
 * Rows of a snapshot are history, but for the newest, which still forms: that one says how things
 * are, and nothing of whether more will come.
 *
 * A bar that forms when a connection begins, or a subscription, may have been updated for the last
 * time before anything of it is heard there. If a later one is all that comes it is closed in
 * doubt, even if another connection delivers the series: that one may have ended meanwhile.
 *
 * The clock closes a bar that a live update showed forming before its end by the wall clock, when
 * that end and a grace have gone by. Time in a simulated feed may run anywhere, so that about
 * other bars the clock knows nothing.
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
    uint32_t flow_count;      /* how often a series began to flow */
    int64_t stall_ms;         /* of the connection; bounds what one gap says of the cadence */
    int64_t ends_ms;          /* the first end of a bar that forms, by the wall; INT64_MAX: none */
    /* See struct mw_connection_status. */
    _Atomic uint64_t frames, bytes, candles, late, revised, other, unsubscribed;
    _Atomic uint64_t rejects[MW_REJECT_COUNT];
    struct mw_log_gate gates[MW_REJECT_COUNT];
};

/* Borrows everything until mw_intake_deinit. */
void mw_intake_init(struct mw_intake *intake, const char *name, const struct mw_protocol *protocol,
                    struct mw_cache *cache);
void mw_intake_deinit(struct mw_intake *intake);

/* The time of the messages that come now, by the wall and by a clock that never jumps. */
void mw_intake_set_time(struct mw_intake *intake, int64_t wall_ms, int64_t mono_ms);

/* Adds a series that is not there yet; one that was IDLE is STALE. */
void mw_intake_subscribe(struct mw_intake *intake, const char *symbol, const char *timeframe_code,
                         struct mw_series *series);
/* Removes a series, which may miss updates from then on and is IDLE, or STALE when it is going to
 * be added again. Returns whether it had been requested. */
bool mw_intake_unsubscribe(struct mw_intake *intake, const char *symbol, const char *timeframe_code,
                           bool wanted_again);

/* Decodes one message, which MW_MESSAGE_PADDING readable bytes follow, and puts its candles.
 * `decoded` says what it was and borrows from the message; MW_DECODED_REJECTED is counted and
 * logged. The caller flushes the cache at the end of a read. */
void mw_intake_message(struct mw_intake *intake, bool text, const char *data, size_t length,
                       struct mw_decoded *decoded);

/* How long a series may be silent that has a candle every `cadence_ms`, 0 for unknown. */
int64_t mw_intake_patience(const struct mw_intake *intake, int64_t cadence_ms);

/* Sets it, except of a series that its owner has ended, and tells watchers when it has changed; the
 * caller flushes. */
void mw_intake_set_health(struct mw_intake *intake, struct mw_series *series,
                          mw_series_health health);

/* The series may miss updates from now on: interrupted and STALE. */
void mw_intake_interrupt_series(struct mw_intake *intake, struct mw_subscription *subscription);
/* All of them: the connection is gone. Flushes the cache. */
void mw_intake_interrupt(struct mw_intake *intake);

/* Closes the bars whose end and `grace_ms` lie before `wall_ms`, calls `on_close` (may be NULL) for
 * each, and flushes the cache. Returns when the next one is due, by the wall; INT64_MAX for
 * none. */
int64_t mw_intake_clock(struct mw_intake *intake, int64_t wall_ms, int64_t grace_ms,
                        void (*on_close)(void *user, const struct mw_subscription *subscription,
                                         int64_t open_ms),
                        void *user);

#endif
