/* candle.h - one bar of a market: prices, volume, and where it came from.
 *
 * 64 bytes, one cache line, so that a series is an array that hardware likes. Sources, states and
 * the order of trust are enumerated here; what may replace what is decided in one place, series.c.
 *
 * Threads: plain data.
 */
#ifndef MW_MARKET_CANDLE_H
#define MW_MARKET_CANDLE_H

#include <assert.h>
#include <stdint.h>

#include "market/timeframe.h"

/* Whether the bucket's last word has been spoken. */
enum { MW_CANDLE_FORMING, MW_CANDLE_CLOSED };

/* Who said that a closed candle is closed. */
enum {
    MW_CLOSED_BY_NOBODY,    /* it is forming */
    MW_CLOSED_BY_EXCHANGE,  /* the venue's flag, or its history */
    MW_CLOSED_BY_SUCCESSOR, /* a newer bar of the same series began */
    MW_CLOSED_BY_CLOCK,     /* the bucket ended and its grace ran out */
};

enum {
    MW_SOURCE_LIVE,      /* pushed by the feed */
    MW_SOURCE_BACKFILL,  /* asked from the venue's history */
    MW_SOURCE_STORE,     /* read from our own store */
    MW_SOURCE_RESAMPLED, /* made from finer bars */
    MW_SOURCE_CONTEXT,   /* handed in by a back-test */
    MW_SOURCE_FILL,      /* made for a bucket in which nothing was traded */
    MW_SOURCE_IMPORT,    /* read from a file that a person brought */
    MW_SOURCE_COUNT
};

/* Flags. */
enum {
    MW_CANDLE_REVISED = 1, /* its values changed after it had closed */
    MW_CANDLE_FLAGGED =
        2, /* the venue says itself when this bar closes; nobody else's word is good */
    /* Updates may be missing: a feed was interrupted while it formed, or it was closed by somebody
     * else than the venue that says so itself. A newer update or the venue's history clears it. */
    MW_CANDLE_UNPROVEN = 4,
};

struct mw_candle {
    int64_t open_ms;               /* start of the bucket, UTC */
    double open, high, low, close; /* quote currency */
    double volume;                 /* base currency */
    double turnover;               /* quote currency; NaN where the feed does not tell */
    uint32_t trades;               /* 0 where unknown */
    uint8_t state;                 /* MW_CANDLE_FORMING or _CLOSED */
    uint8_t closed_by;             /* MW_CLOSED_BY_ */
    uint8_t source;                /* MW_SOURCE_ */
    uint8_t flags;                 /* MW_CANDLE_REVISED, _FLAGGED, _UNPROVEN */
};

static_assert(sizeof(struct mw_candle) == 64, "a candle is one cache line");

/* Why a candle is none. X(name, text as status() shows it) */
#define MW_FAULT_LIST(X)                                                                           \
    X(NONE, "none")                                                                                \
    X(NOT_FINITE, "not_finite")  /* NaN or infinity in a price or the volume */                    \
    X(RANGE, "bad_range")        /* high < low, open or close outside, or a price not > 0 */       \
    X(VOLUME, "negative_volume") /* volume or turnover below zero */                               \
    X(OFF_GRID, "off_grid")      /* open_ms is not the start of a bucket */                        \
    X(FUTURE, "future_time")     /* the bucket starts too far ahead of the clock */

typedef enum mw_fault {
#define MW_FAULT_ENUM(name, text) MW_FAULT_##name,
    MW_FAULT_LIST(MW_FAULT_ENUM)
#undef MW_FAULT_ENUM
        MW_FAULT_COUNT
} mw_fault;

/* How far a bucket may start ahead of our clock: clocks differ by seconds; a day is absurd. */
enum { MW_CANDLE_AHEAD_MS_MAX = 60000 };

/* The years 1 to 9999: what lies outside is no time, and the arithmetic on buckets ends there. */
#define MW_CANDLE_OPEN_MS_MIN (-62135596800000)
#define MW_CANDLE_OPEN_MS_MAX 253402300799999

/* Returns what is wrong with `candle` as a bar of `timeframe` when the clock says `now_ms`. */
mw_fault mw_candle_check(const struct mw_candle *candle, struct mw_timeframe timeframe,
                         int64_t now_ms);

/* "none", "off_grid", ... Never NULL. */
const char *mw_fault_text(mw_fault fault);
/* "live", "backfill", ...; "exchange", "successor", "clock", "nobody". Never NULL. */
const char *mw_candle_source_text(uint8_t source);
const char *mw_candle_closed_by_text(uint8_t closed_by);

#endif
