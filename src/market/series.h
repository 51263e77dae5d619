/* series.h - the bounded history of candles of one symbol and timeframe.
 *
 *      oldest                     newest
 *      [0]  [1]  ...  [count - 2] [count - 1]       open_ms strictly rising, one bar per bucket
 *       closed, never touched     forming or closed
 *
 * One ring. A new bucket takes the next slot; when the ring is full the oldest is dropped. Only the
 * newest candle changes while its bucket forms; everything before it is closed and still, but for
 * the rare repair (a revised bar, a late one in the middle).
 *
 * Writers serialise on a lock. Readers take none and never see a torn candle or a series out of
 * order:
 *
 *   - `span` (how many slots were ever filled, how many are visible) is published after the slot;
 *   - `newest_seq` is odd while the newest slot is being written: a reader copies that one candle
 *     again until the number was even and the same before and after;
 *   - `repair_seq` does the same for everything else, which only repairs change;
 *   - a few spare slots let a long copy finish although bars are appended meanwhile.
 *
 * So a reader of 1,000 bars is not held up by a feed that updates the newest bar a million times a
 * second. The candle's words are atomics (acquire loads, release stores: plain moves on x86), which
 * ThreadSanitizer understands.
 *
 * Ownership: the cache owns every series; they live as long as it does.
 * Threads: any thread reads and writes.
 */
#ifndef MW_MARKET_SERIES_H
#define MW_MARKET_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "market/candle.h"
#include "market/timeframe.h"

struct mw_series; /* opaque */

/* What a series is of. */
struct mw_series_key {
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
    struct mw_timeframe timeframe;
};

/* What a put did. */
typedef enum mw_put {
    MW_PUT_APPENDED, /* a new newest candle; the one before was closed if it was forming */
    MW_PUT_UPDATED,  /* a forming candle has new values, or is closed now */
    MW_PUT_INSERTED, /* an older bucket that was missing */
    MW_PUT_REVISED,  /* a closed candle has other values */
    MW_PUT_SAME,     /* nothing new in it */
    MW_PUT_LATE,     /* older than the ring reaches, or a forming update of a closed bar: ignored */
    MW_PUT_REJECTED, /* no candle: see `fault`; the series is unchanged */
} mw_put;

/* Makes an empty series of 1..MW_SERIES_CANDLES_MAX candles. Never NULL. */
struct mw_series *mw_series_new(const struct mw_series_key *key, uint32_t capacity);
void mw_series_free(struct mw_series *series);

const struct mw_series_key *mw_series_key(const struct mw_series *series);

/* The cache's note on a series: its number, whether it is live (below), the next one with the same
 * symbol and timeframe in another feed, and one bit for each watcher that wants to know of
 * changes. */
struct mw_series_note {
    uint32_t id;
    _Atomic bool live;
    struct mw_series *next; /* guarded by the cache's lock */
    _Atomic uint64_t watchers;
};
struct mw_series_note *mw_series_note(struct mw_series *series);

/* Whether somebody is asked to keep the series up to date: set by its feed while it is subscribed.
 * What is in a series that is not live stays, and grows old. False at first. */
void mw_series_set_live(struct mw_series *series, bool live);
bool mw_series_is_live(const struct mw_series *series);

/* Merges one candle by the rules at the top of series.c. `now_ms` is the wall clock, for what lies
 * too far ahead. `fault` (may be NULL) says why when MW_PUT_REJECTED is returned. Copies. */
mw_put mw_series_put(struct mw_series *series, const struct mw_candle *candle, int64_t now_ms,
                     mw_fault *fault);

/* How many candles there are now. */
uint32_t mw_series_count(const struct mw_series *series);

/* How many slots were ever taken by new buckets; the candles visible are the last of them. What a
 * reader that keeps count has missed shows as a difference. */
uint64_t mw_series_total(const struct mw_series *series);

/* Copies the newest `count` candles with open_ms <= until_ms, oldest first, into `out`, which holds
 * `count`. Candles that form are left out unless `forming`. Returns how many there were. */
uint32_t mw_series_read_last(const struct mw_series *series, int64_t until_ms, uint32_t count,
                             bool forming, struct mw_candle *out);

/* The same for the oldest `count` candles with from_ms <= open_ms <= until_ms. */
uint32_t mw_series_read_from(const struct mw_series *series, int64_t from_ms, int64_t until_ms,
                             uint32_t count, bool forming, struct mw_candle *out);

/* Copies the oldest `count` closed candles after after_ms: what a reader that delivers each closed
 * bar once asks for. `first_number` gets the number of the first one copied (of the next one to
 * come when there is none): candles are numbered as they are appended, and a jump is what the ring
 * has dropped. */
uint32_t mw_series_read_after(const struct mw_series *series, int64_t after_ms, uint32_t count,
                              struct mw_candle *out, uint64_t *first_number);

/* Bytes that the series takes, all in; for status and benches. */
size_t mw_series_bytes(const struct mw_series *series);

#endif
