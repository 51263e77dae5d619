/* prices.h - one answer to "what were the prices": live, stored and past candles in one.
 *
 *     cache      what feeds push and history fills in: the newest truth
 *     store      what was written down before
 *     context    candles that a host handed in (a back-test's data, files named in the settings)
 *
 * One bar per bucket, oldest first: of a bucket that several have, the cache's is taken, then the
 * store's, then the context's; but a closed bar is taken before one that forms. Each bar keeps its
 * source. Rows that the ring still reaches come from the ring alone; what is older is read on from
 * the store, then from the context. A series that is derived (derive.h) reads on from the rows of
 * its source, resampled.
 *
 * What is not known is a hole, wherever the rows come from: holes of the series, holes of the
 * store, the time between them that neither knows. An answer that one reaches into is not complete,
 * and says why:
 *
 *     warming        fewer bars than asked for, and more are on their way
 *     short          fewer bars than asked for, and there are no more
 *     gap            a hole reaches into it
 *     stale          newer bars may be missing
 *     unsubscribed   nobody keeps the series up to date
 *
 * Newer bars cannot be missing while the bucket after the newest closed bar has not ended by the
 * wall clock, whatever the feed is up to: so a warm start is complete before the first message.
 *
 * Nothing is returned of a bar that closes after `now_ms`, wherever it comes from.
 *
 * Threads: any thread; the answer's rows are the caller's.
 */
#ifndef MW_HISTORY_PRICES_H
#define MW_HISTORY_PRICES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "history/store.h"
#include "market/cache.h"

struct mw_prices; /* opaque: where to look */

struct mw_prices *mw_prices_new(struct mw_cache *cache);
void mw_prices_free(struct mw_prices *prices);

/* Before anybody asks. Borrows until mw_prices_free. */
void mw_prices_set_store(struct mw_prices *prices, struct mw_store *store);

/* Adds candles of the past for a series, closed and oldest first: source MW_SOURCE_CONTEXT. Takes
 * `rows` (mw_free), also on failure. `feed` may be empty: of whichever feed has the symbol. Absent
 * buckets are holes unless `whole`. Before anybody asks. Errors: MW_EHISTORY for rows off the grid
 * or out of order. */
MW_MUST_USE mw_status mw_prices_add_context(struct mw_prices *prices,
                                            const struct mw_series_key *key, struct mw_candle *rows,
                                            uint32_t row_count, bool whole, struct mw_error *err);

/* What is asked for. */
struct mw_price_query {
    uint32_t count;              /* the newest so many; 0: all there are */
    bool has_start;              /* start_ms was given */
    int64_t start_ms, finish_ms; /* open times, both inclusive */
    bool is_past;   /* start or finish was given: it asks for a window, not for the newest */
    bool forming;   /* the bar that forms, too */
    int64_t now_ms; /* engine time; INT64_MAX for live, where it is the wall clock */
};

/* Where the rows go: returns room for exactly `count` (0 too). May be called several times; only
 * what was returned last is filled. It may leave by longjmp: nothing is held while it is called. */
typedef struct mw_candle *(*mw_price_room_fn)(void *user, uint32_t count);

struct mw_price_answer {
    uint32_t count;     /* rows, in what `room` returned last */
    const char *reason; /* static text; NULL when the answer is complete */
};

/* Answers for one series: one of the cache, or with `series` NULL the key alone, of which only the
 * store and the context can know. Never fails: a store that cannot be read is logged, and the
 * answer is not complete. */
void mw_prices_answer(struct mw_prices *prices, struct mw_series *series,
                      const struct mw_series_key *key, const struct mw_price_query *query,
                      mw_price_room_fn room, void *user, struct mw_price_answer *answer);

#endif
