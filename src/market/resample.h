/* resample.h - bars of a coarser timeframe from finer ones.
 *
 *     1m   | 12:00 | 12:01 | 12:02 |   .   | 12:04 | 12:05 ...
 *     5m   |                 12:00                 | 12:05 ...
 *
 * open is the first's, high the highest, low the lowest, close the last's; volume, turnover and
 * trades are sums (turnover NaN if one of them is, trades 0 if one with a volume does not tell).
 * Sums are compensated (sum.h), so that a day of minutes is right to the last bit but one, and
 * taken in order of time, so that the same bars give the same sum whenever they come.
 *
 * Both timeframes cut time where mw_timeframe_floor says: every end of a coarse bucket has to be
 * the end of a fine one (mw_timeframe_divides). Below a day that is so when the one step is a
 * multiple of the other, since both begin again at midnight; the last of a day may be cut short in
 * either, and a fine one that is cut short ends where the coarse one does. Midnight ends a bucket
 * of every step below a day, so each divides all whole days, weeks and months, "7m" too. Weeks and
 * months divide nothing but their own multiples, and of whole days only "1d" divides months.
 *
 * The result is closed when its last source bar is, or when the source has gone on to a later
 * bucket; it is closed by whoever closed the last source bar, or by the successor if there was no
 * bar in the last of the finer buckets. It is UNPROVEN if one of its source bars is; holes are the
 * caller's to look up. What else its source bars are flagged with is their own.
 *
 * Threads: the owner's.
 */
#ifndef MW_MARKET_RESAMPLE_H
#define MW_MARKET_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "market/candle.h"
#include "market/sum.h"
#include "market/timeframe.h"

struct mw_resampler {
    struct mw_timeframe coarse, fine;
    bool any;             /* there is a bucket: */
    struct mw_candle bar; /* of all source bars that were added, but volume and turnover */
    struct mw_sum volume, turnover;
    int64_t next_ms; /* where its bucket ends */
    int64_t last_ms; /* of the newest source bar */
    bool counted;    /* each source bar tells its trades */
};

/* Whether bars of `coarse` can be made of bars of `fine`, which is another timeframe. */
bool mw_timeframe_divides(struct mw_timeframe fine, struct mw_timeframe coarse);

/* `fine` divides `coarse`. */
void mw_resampler_init(struct mw_resampler *resampler, struct mw_timeframe coarse,
                       struct mw_timeframe fine);

/* Forgets what was added. */
void mw_resampler_clear(struct mw_resampler *resampler);

/* Adds the next source bar, closed and later than those before. When it begins another bucket the
 * bar before is over: it goes to `finished`, closed, and true is returned. */
bool mw_resampler_add(struct mw_resampler *resampler, const struct mw_candle *candle,
                      struct mw_candle *finished);

/* The bar as it is with `newest` added to it, which is the newest source bar, of the same bucket
 * and later than those that were added, or NULL; nothing is kept of that. Closed if its last source
 * bar is and ends with it. Source MW_SOURCE_RESAMPLED. False when there is none. */
bool mw_resampler_get(const struct mw_resampler *resampler, const struct mw_candle *newest,
                      struct mw_candle *bar);

/* The bar as it is, closed because the source has gone on to a later bucket. False when there is
 * none. */
bool mw_resampler_finish(const struct mw_resampler *resampler, struct mw_candle *bar);

#endif
