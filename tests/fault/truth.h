/* truth.h - the bars that the simulator's prices make, and whether a cache has them.
 *
 * Threads: the owner's.
 */
#ifndef MW_FAULT_TRUTH_H
#define MW_FAULT_TRUTH_H

#include "market/cache.h"
#include "server/price.h"

enum { TRUTH_SYMBOLS_MAX = 3 };

extern const char *const truth_symbols[TRUTH_SYMBOLS_MAX];

struct truth {
    struct mw_price_model models[TRUTH_SYMBOLS_MAX];
};

/* Prices of a simulator with this seed. */
void truth_init(struct truth *truth, uint64_t seed);

/* The closed bar of a bucket. */
void truth_candle(const struct truth *truth, const char *symbol, struct mw_timeframe timeframe,
                  int64_t open_ms, struct mw_candle *candle);

/* Whether prices and volume are the same, and turnover and trades where both are known. */
bool truth_equal(const struct mw_candle *truth, const struct mw_candle *candle);

/* Whether every series is full, without a hole, live, and has the truth in each closed bar. If not,
 * `why` (of `room` bytes) says what is wrong first. */
bool truth_is_whole(const struct truth *truth, const struct mw_cache *cache, char *why,
                    size_t room);

#endif
