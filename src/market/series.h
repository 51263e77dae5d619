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
 * A series also knows its holes (gaps.h): ranges of buckets that a bar may be missing from, or
 * whose bar may lack its last updates. One appears when a bar is appended that is not the next one,
 * or when a bar is closed without certainty; it goes when bars fill it, or when the venue's history
 * says that there is nothing. So a bucket that is absent and in no hole is known to be quiet.
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
#include "market/gaps.h"
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

/* How far what is in a series can be trusted to be the newest. */
typedef enum mw_series_health {
    MW_SERIES_IDLE,  /* nobody is asked to keep it up to date; it grows old */
    MW_SERIES_STALE, /* subscribed, but updates may be missing since the newest bar */
    MW_SERIES_LIVE,  /* subscribed, and updates flow, or it is known that nothing is traded */
} mw_series_health;

/* The cache's note on a series: its number, its health, how long readers wait for a hole to be
 * filled before they go on without, whose time it has, the next series with the same symbol and
 * timeframe in another feed, and one bit for each watcher that wants to know of changes. */
struct mw_series_note {
    uint32_t id;
    _Atomic int health;          /* mw_series_health */
    _Atomic int64_t gap_wait_ms; /* 0 where nobody fills holes */
    _Atomic bool has_own_time;   /* its feed's time is not the clock's: what is stored lies ahead */
    struct mw_series *next;      /* guarded by the cache's lock */
    _Atomic uint64_t watchers;
    /* derive.h: */
    _Atomic(struct mw_series *) source;          /* that this one is made of, NULL for none */
    _Atomic(struct mw_derivation *) derivations; /* a list of what is made of this one */
    struct mw_derivation *derivation;            /* owns; what makes, or made, this one; guarded by
                                                     the cache's lock for deriving */
};
struct mw_series_note *mw_series_note(struct mw_series *series);

/* Set by its feed; MW_SERIES_IDLE at first. That of a derived series is its source's. */
void mw_series_set_health(struct mw_series *series, mw_series_health health);
mw_series_health mw_series_get_health(const struct mw_series *series);
/* The same, unless it is MW_SERIES_IDLE: whoever ended it must not find it taken up again by what
 * was still under way. Returns whether it has changed. */
bool mw_series_shift_health(struct mw_series *series, mw_series_health health);
/* How long readers wait for a hole of it; a derived series' are filled when its source's are. */
int64_t mw_series_gap_wait_ms(const struct mw_series *series);

/* Open time of the first bar that came live, or INT64_MAX before one has: what is older is history
 * and was never anybody's to be told as it closed. */
int64_t mw_series_first_live_ms(const struct mw_series *series);

/* Merges one candle by the rules at the top of series.c. `now_ms` is the wall clock, for what lies
 * too far ahead. `fault` (may be NULL) says why when MW_PUT_REJECTED is returned. Copies. */
mw_put mw_series_put(struct mw_series *series, const struct mw_candle *candle, int64_t now_ms,
                     mw_fault *fault);

/* The feed may have missed updates: if the newest bar forms it is unproven until a newer update of
 * it comes. What closes it meanwhile leaves a hole there. */
void mw_series_interrupt(struct mw_series *series);

/* Closes the newest bar (MW_CLOSED_BY_CLOCK) if it is the one of `open_ms` and forms. Returns
 * whether it did. */
bool mw_series_close_newest(struct mw_series *series, int64_t open_ms);

/* --- holes ----------------------------------------------------------------------------------- */

/* Changes whenever a hole appears, shrinks or goes, and when a bar comes between others. Whoever
 * reads rows and then asks about holes has one answer if this is the same before the rows and after
 * the question. */
uint64_t mw_series_gap_version(const struct mw_series *series);

/* The first hole that reaches into from_ms..to_ms (open times, inclusive), whole. False when there
 * is none. Takes no lock when the series has no holes at all. `gap` may be NULL. */
bool mw_series_find_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms,
                        struct mw_gap *gap);

/* The newest hole, given up or not, that begins at or before until_ms, whole. False when there is
 * none. */
bool mw_series_find_newest_gap(struct mw_series *series, bool given_up, int64_t until_ms,
                               struct mw_gap *gap);

/* How many holes there are; takes no lock. */
uint32_t mw_series_gap_count(const struct mw_series *series);

/* Copies up to `room` holes, oldest first. Returns how many there are. */
uint32_t mw_series_copy_gaps(struct mw_series *series, struct mw_gap *out, uint32_t room);

/* The venue's history has been asked for from_ms..to_ms and its bars were put: what is there is
 * right, what is absent was quiet. */
void mw_series_prove(struct mw_series *series, int64_t from_ms, int64_t to_ms);

/* Nobody can fill the holes in from_ms..to_ms: they stay, and readers do not wait for them. */
void mw_series_give_up(struct mw_series *series, int64_t from_ms, int64_t to_ms);

/* --- derived bars (derive.h) ----------------------------------------------------------------- */

/* What is known of a bucket of a derived series besides its bar. */
typedef enum mw_hole {
    MW_HOLE_NONE,     /* it is whole: without a bar it was quiet */
    MW_HOLE_GIVEN_UP, /* it is not, and stays so */
    MW_HOLE_OPEN,
} mw_hole;

/* Sets what is known of the buckets from_ms..to_ms (open times), whatever it was. */
void mw_series_set_hole(struct mw_series *series, int64_t from_ms, int64_t to_ms, mw_hole hole);

/* Puts a bar that is made of others (MW_SOURCE_RESAMPLED), which is right as it is, with what is
 * known of its bucket: replaces what is there; a closed bar with other values is REVISED. With
 * `patient` a closed bar in an open hole stays as it is until the hole is not open any more. */
mw_put mw_series_put_derived(struct mw_series *series, const struct mw_candle *candle, mw_hole hole,
                             bool patient);

/* Says which bar is the first that closes live; once. */
void mw_series_set_first_live(struct mw_series *series, int64_t open_ms);

/* --- revisions ------------------------------------------------------------------------------- */

/* A closed bar that got other values, or that came for a bucket which was known to be quiet. */
struct mw_revision {
    uint64_t number; /* from 1 on */
    int64_t open_ms;
};

/* How many there were ever. */
uint64_t mw_series_revision_count(const struct mw_series *series);
/* Copies those after number `after`, oldest first; the last MW_SERIES_REVISIONS_MAX are kept. */
uint32_t mw_series_read_revisions(struct mw_series *series, uint64_t after, uint32_t room,
                                  struct mw_revision *out);

/* --- followers ------------------------------------------------------------------------------- */

/* Somebody who keeps something that is made of the closed bars and holes of a series: a copy on
 * disk, bars of another timeframe. The series notes for each which buckets have changed, so that a
 * follower is never told, never waited for, and misses nothing however late it looks (but bars that
 * the ring has dropped by then). */
struct mw_follower; /* opaque */

/* A range of buckets: open times of the first and the last, both inclusive. */
struct mw_range {
    int64_t from_ms, to_ms;
};

/* Adds one, for which all that is there counts as changed. The series owns what is not ended with
 * mw_series_unfollow. Any thread; one follower is used by one thread at a time. */
struct mw_follower *mw_series_follow(struct mw_series *series);
void mw_series_unfollow(struct mw_follower *follower);

/* Whether there is something to take; one atomic load. */
bool mw_follower_is_behind(const struct mw_follower *follower);
/* Takes the oldest range in which bars that are closed now, or holes, may have changed. What
 * changes after this is noted again. False when there is none. */
bool mw_follower_take(struct mw_follower *follower, struct mw_range *range);
/* Gives a range back, to be taken again. */
void mw_follower_return(struct mw_follower *follower, const struct mw_range *range);

/* How many candles there are now. */
uint32_t mw_series_count(const struct mw_series *series);

/* How many slots were ever taken by new buckets; the candles visible are the last of them. What a
 * reader that keeps count has missed shows as a difference. */
uint64_t mw_series_total(const struct mw_series *series);

/* How many of them have from_ms <= open_ms <= to_ms. Takes the lock. */
uint32_t mw_series_count_between(struct mw_series *series, int64_t from_ms, int64_t to_ms);

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

/* Open time of the newest bar that was dropped because the ring was full; INT64_MIN before one
 * was. */
int64_t mw_series_dropped_ms(const struct mw_series *series);

/* Bytes that the series takes, all in; for status and benches. */
size_t mw_series_bytes(const struct mw_series *series);

#endif
