/* price.h - made-up prices: a pure function of seed, symbol and time.
 *
 * Value noise. Each of a dozen octaves has random values at the points of a lattice in time (hashes
 * of seed, symbol, octave and point) and goes from one to the next along a smoothstep. Octave k has
 * points every 15 s * 3^k, up to a month, and an amplitude that grows with the square root of that,
 * as the distance that a random walk covers does. Their sum moves the price around its base:
 *
 *      price(t) = base * (1 + sum over k of  a * sqrt(3)^k * noise_k(t))
 *
 * There is one tick a second, at the second. A bar of any timeframe is made of the ticks in its
 * bucket, and all is counted in integers, so a 5m bar is exactly what its five 1m bars make. Any
 * bar can be had without those before it; in sequence it is cheaper, because a walk remembers the
 * lattice.
 *
 * Threads: a model is immutable after init; a walk and a bar belong to their owner.
 */
#ifndef MW_SERVER_PRICE_H
#define MW_SERVER_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "market/candle.h"
#include "market/timeframe.h"

enum {
    MW_PRICE_OCTAVES = 12,
    MW_PRICE_VOLUME_SCALE = 100000, /* volume and turnover are counted in steps of 1e-5 */
};

/* What does not depend on time. */
struct mw_price_model {
    uint64_t key;          /* hash of seed and symbol */
    double base;           /* price around which it moves */
    int64_t scale;         /* prices are whole multiples of 1 / scale, a power of ten */
    double volume_typical; /* of one tick, in steps */
};

/* One octave's stretch between two lattice points. Empty (all zero) holds no time but -inf..0. */
struct mw_price_cell {
    int64_t start_s, end_s;
    double from, rise; /* amplitude included */
};

/* Memory between ticks. Zero-initialise. */
struct mw_price_walk {
    struct mw_price_cell cells[MW_PRICE_OCTAVES];
};

/* A bar of the ticks so far. */
struct mw_price_bar {
    int64_t open_ms;
    int64_t next_s;                 /* the first second whose tick is not in it yet */
    int64_t open, high, low, close; /* in steps of 1 / scale */
    int64_t volume, turnover;       /* in steps of 1e-5 */
    int64_t trades;
};

void mw_price_model_init(struct mw_price_model *model, uint64_t seed, const char *symbol);

/* Starts an empty bar of the bucket that begins at `open_ms`, a whole second. */
void mw_price_bar_begin(struct mw_price_bar *bar, int64_t open_ms);

/* Adds the ticks up to and including `until_ms`, but no more than *budget, which goes down by one
 * for each. Returns whether all are in. */
bool mw_price_bar_extend(struct mw_price_bar *bar, const struct mw_price_model *model,
                         struct mw_price_walk *walk, int64_t until_ms, int64_t *budget);

/* The bar, which has a tick at least, as a forming candle with source MW_SOURCE_LIVE. */
void mw_price_bar_candle(const struct mw_price_bar *bar, const struct mw_price_model *model,
                         struct mw_candle *candle);

/* The closed candle of the bucket that begins at `open_ms`, from nothing. */
void mw_price_candle(const struct mw_price_model *model, struct mw_timeframe timeframe,
                     int64_t open_ms, struct mw_candle *candle);

#endif
