/* prices_parts.h - the inside of prices, shared by its source files.
 *
 *     prices.c            answers: the ring alone, and why an answer is not complete
 *     prices_merge.c      answers that the ring alone does not have
 *     prices_past.c       what the store and the contexts have of one series
 *     prices_finer.c      bars made of finer ones
 *     prices_context.c    contexts, and who has what
 *
 * Time that is not known is a list of stretches, in order and apart.
 *
 * Threads: `lock` covers what the fields say; the rest is set before anybody asks.
 */
#ifndef MW_HISTORY_PRICES_PARTS_H
#define MW_HISTORY_PRICES_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/map.h"
#include "history/prices.h"

/* Beyond these there are no buckets: the years 1 to 9999 less some room. */
#define MW_PRICE_MS_MIN MW_CANDLE_OPEN_MS_MIN
#define MW_PRICE_MS_MAX 253000000000000

/* A stretch of time, without its end. */
struct mw_stretch {
    int64_t from_ms, end_ms;
};

struct mw_stretches {
    struct mw_stretch *list; /* owns */
    uint32_t count, capacity;
};

void mw_stretches_deinit(struct mw_stretches *stretches);
/* Adds one that begins at or after the end of the last; empty ones are left out. */
void mw_stretches_append(struct mw_stretches *stretches, int64_t from_ms, int64_t end_ms);

/* Candles that a host handed in, or lent. */
struct mw_price_context {
    struct mw_series_key key;     /* its feed may be empty */
    const struct mw_candle *rows; /* at least one */
    struct mw_candle *owned;      /* the same when they were handed in; NULL when they are lent */
    uint32_t count;
    struct mw_stretches holes; /* all else from the first to the last is known */
};

struct mw_prices {
    struct mw_cache *cache;             /* borrows */
    struct mw_store *store;             /* borrows; NULL for none */
    struct mw_price_context **contexts; /* owns */
    uint32_t context_count;
    struct mw_map by_key; /* "feed\0symbol\0timeframe" to context */

    /* By number of series: 1 + the open time of the bar, forming in the ring, that neither store
     * nor context had closed when they were asked. They are asked once for each. */
    _Atomic int64_t *asked_ms; /* owns; MW_SERIES_MAX places */

    pthread_mutex_t lock;           /* covers the three below */
    struct mw_store_series *stored; /* owns; series of the store when it was last looked through */
    uint32_t stored_count;
    int64_t stored_at_ms; /* monotonic; 0 before the first time */

    struct mw_log_gate gate;
};

/* `time_ms` within the years that have buckets. */
int64_t mw_price_clamp(int64_t time_ms);

/* --- prices_context.c ------------------------------------------------------------------------- */

/* The context of `key`, that of its feed before that of any; NULL for none. */
const struct mw_price_context *mw_prices_find_context(const struct mw_prices *prices,
                                                      const struct mw_series_key *key);

/* The coarsest finer series that bars of `key` can be made of, from all there is: store, contexts,
 * cache. False when there is none. */
bool mw_prices_find_finer(struct mw_prices *prices, const struct mw_series_key *key,
                          struct mw_series_key *finer);

/* Logs, at most once a second, that the store cannot be read. */
void mw_prices_log_failure(struct mw_prices *prices, const struct mw_error *err);

/* --- prices_past.c ---------------------------------------------------------------------------- */

/* What store and context have of one series. */
struct mw_past {
    const struct mw_series_key *key;        /* borrows */
    const struct mw_price_context *context; /* NULL for none */
    bool stored, failed;                    /* the store has it; cannot be read */
    int64_t stored_from_ms, stored_end_ms;  /* what the store knows of it */
    int64_t from_ms, end_ms; /* from the beginning of what is known to its end; empty: of nothing */
};

void mw_past_find(struct mw_prices *prices, const struct mw_series_key *key, struct mw_past *past);

/* What is wanted of the past, and what it was. */
struct mw_past_range {
    int64_t from_ms, end_ms; /* bars that open at from_ms or later and before end_ms: buckets */
    uint32_t count;          /* the newest so many */
    bool is_window;          /* how much is known counts from from_ms on, not from the first row */
};

/* Appends rows to `buffer`, oldest first, and returns how many. `unknown` (empty) gets the time
 * that is not known. */
uint32_t mw_past_read(struct mw_prices *prices, struct mw_past *past,
                      const struct mw_past_range *range, struct mw_price_buffer *buffer,
                      struct mw_stretches *unknown);

/* Copies the bar that opens at `open_ms`, UNPROVEN when it is in a hole. False when there is
 * none. */
bool mw_past_find_row(struct mw_prices *prices, struct mw_past *past, int64_t open_ms,
                      struct mw_candle *row);

/* --- prices_finer.c --------------------------------------------------------------------------- */

/* A series that bars are made of. */
struct mw_finer {
    struct mw_series_key key;
    struct mw_series *series; /* of the cache; NULL for none */
    struct mw_past past;
    int64_t ring_from_ms, ring_end_ms; /* what the ring has closed; empty: nothing */
    int64_t from_ms, end_ms;           /* what is known, from beginning to end */
    uint64_t gap_version;
};

void mw_finer_find(struct mw_prices *prices, const struct mw_series_key *key,
                   struct mw_finer *finer);

/* What was made of finer bars. */
struct mw_made {
    uint32_t count;         /* rows, appended to the buffer */
    int64_t unknown_end_ms; /* where the newest time ends that is not known; INT64_MIN for none */
    int64_t from_ms;        /* how far back was looked: further when all was read that there is */
    bool changed;           /* the ring has, meanwhile: rows may be of different moments */
};

/* Appends bars of `timeframe` made of `finer` to `buffer`; those with a hole in them are UNPROVEN.
 * `range` begins and ends with buckets of `timeframe`. */
struct mw_made mw_finer_read(struct mw_prices *prices, struct mw_finer *finer,
                             struct mw_timeframe timeframe, const struct mw_past_range *range,
                             struct mw_price_buffer *buffer);

/* Makes room for `count` more rows. */
struct mw_candle *mw_price_buffer_reserve(struct mw_price_buffer *buffer, uint32_t count);

/* --- prices_merge.c --------------------------------------------------------------------------- */

/* What was known before rows were read. */
struct mw_price_moment {
    mw_series_health health;
    uint64_t gap_version;
};

/* Answers from everything there is. */
void mw_prices_merge(struct mw_prices *prices, struct mw_series *series,
                     const struct mw_series_key *key, const struct mw_price_query *query,
                     const struct mw_price_room *room, struct mw_price_answer *answer);

/* prices.c */
enum { MW_PRICE_TRIES_MAX = 8 }; /* while holes come and go, before an answer has a gap */

/* The first bucket that opens at the query's start or later. */
int64_t mw_price_first_ms(const struct mw_price_query *query, struct mw_timeframe timeframe);
/* Whether the feed was interrupted while the newest bar formed and nothing has come of it since: it
 * may have closed meanwhile. */
bool mw_price_is_doubted(const struct mw_series *series);
/* Whether its feed has a time of its own, so that stored bars may lie ahead of it. */
bool mw_price_has_own_time(struct mw_series *series);
/* Whether the bucket after the one that ended at end_ms has not ended by the wall clock. A clock by
 * which that one has not ended either was set back, and says nothing. */
bool mw_price_is_fresh(struct mw_timeframe timeframe, int64_t end_ms);

#endif
