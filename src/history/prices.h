/* prices.h - one answer to "what were the prices": live, stored and past candles in one.
 *
 *     cache      what feeds push and history fills in: the newest truth
 *     store      what was written down before
 *     context    candles that a host handed in (a back-test's data, files named in the settings)
 *
 * One bar per bucket, oldest first: of a bucket that several have, the cache's is taken, then the
 * store's, then the context's; but a closed bar is taken before one that forms. Each bar keeps its
 * source. From its oldest bar on the ring alone is asked; what is older is read on from the store
 * and the context. Where neither has the timeframe itself, older bars are made of the coarsest
 * finer rows there are; a series that is derived (derive.h) prefers those of its own source.
 *
 * What is not known is a hole, wherever the rows come from: holes of the series, holes of the
 * store, the time between them that neither knows. A context knows the buckets that it has bars
 * for; a `whole` one all between its first and its last. An answer that a hole reaches into is not
 * complete, and says why:
 *
 *     warming        fewer bars than asked for, and more are on their way
 *     short          fewer bars than asked for, and there are no more
 *     gap            a hole reaches into it
 *     stale          newer bars may be missing
 *     unsubscribed   nobody keeps the series up to date, and it does not end in what is known
 *
 * Newer bars cannot be missing while the bucket after the newest closed bar has not ended by the
 * wall clock, whatever the feed is up to: so a warm start is complete before the first message.
 *
 * Nothing is returned of a bar that closes after `now_ms`, wherever it comes from. Without one the
 * store and the context are held to the wall clock, and the cache to what its venue has closed;
 * where a feed has its own time (a simulator that begins anew), to the newest bar of the cache.
 *
 * Without `count` and `start` an answer has what the ring has; as long as that is not full, up to
 * as many bars as it can hold.
 *
 * Threads: any thread; the answer's rows are the caller's, and so is a buffer.
 */
#ifndef MW_HISTORY_PRICES_H
#define MW_HISTORY_PRICES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "history/store.h"
#include "market/cache.h"

struct mw_prices; /* opaque: where to look */

/* Borrows `cache`. */
struct mw_prices *mw_prices_new(struct mw_cache *cache);
/* NULL is fine. */
void mw_prices_free(struct mw_prices *prices);

/* Before anybody asks. Borrows until mw_prices_free; NULL for none. */
void mw_prices_set_store(struct mw_prices *prices, struct mw_store *store);

/* Adds candles of the past for a series, closed and oldest first: source MW_SOURCE_CONTEXT. Takes
 * `rows` (mw_free), also on failure. `feed` may be empty: of whichever feed has the symbol. Absent
 * buckets are holes unless `whole`. Before anybody asks. Errors: MW_EHISTORY for rows that are no
 * candles, off the grid or out of order, with their number; MW_EINVAL when the series has a context
 * already; MW_ELIMIT. */
MW_MUST_USE mw_status mw_prices_add_context(struct mw_prices *prices,
                                            const struct mw_series_key *key, struct mw_candle *rows,
                                            uint32_t row_count, bool whole, struct mw_error *err);

/* What mw_prices_add_context checks: that rows are candles of the key's timeframe, on its grid, and
 * rise. Makes them what contexts have: closed, MW_SOURCE_CONTEXT, without flags. Errors:
 * MW_EHISTORY with the number of the row; MW_EHISTORY for none. */
MW_MUST_USE mw_status mw_prices_check_rows(const struct mw_series_key *key, struct mw_candle *rows,
                                           size_t row_count, struct mw_error *err);

/* The same as mw_prices_add_context for rows that are good already and stay the caller's until
 * mw_prices_free: closed, of MW_SOURCE_CONTEXT, within limits. `holes` are stretches between the
 * first and the last row that something may be missing from, oldest first; all other absent buckets
 * were quiet. Errors: MW_EINVAL, MW_ELIMIT. */
struct mw_price_context_rows {
    const struct mw_candle *rows;
    uint32_t count;
    const struct mw_gap *holes;
    uint32_t hole_count;
};
MW_MUST_USE mw_status mw_prices_lend_context(struct mw_prices *prices,
                                             const struct mw_series_key *key,
                                             const struct mw_price_context_rows *rows,
                                             struct mw_error *err);

/* Which series besides those of the cache can be answered for: looks for `symbol` and `timeframe`,
 * or finer ones it can be made of, in the store and the contexts. `feed` NULL: of any. Returns how
 * many feeds have it; `key` gets that of the first. */
uint32_t mw_prices_find(struct mw_prices *prices, const char *feed, const char *symbol,
                        struct mw_timeframe timeframe, struct mw_series_key *key);

/* What is asked for. */
struct mw_price_query {
    uint32_t count;              /* the newest so many; 0: see above */
    bool has_start;              /* start_ms was given */
    int64_t start_ms, finish_ms; /* open times, both inclusive; INT64_MIN and INT64_MAX for none */
    bool is_past;   /* start or finish was given: it asks for a window, not for the newest */
    bool forming;   /* the bar that forms, too */
    int64_t now_ms; /* engine time; INT64_MAX for live, where it is the wall clock */
};

/* Memory in which an answer is put together when the ring alone does not have it. Zero-initialise;
 * kept between answers, for one at a time. */
struct mw_price_buffer {
    struct mw_candle *rows; /* owns */
    uint32_t count, capacity;
};
void mw_price_buffer_deinit(struct mw_price_buffer *buffer);

/* Where the rows go. Both may leave by longjmp: nothing is held while they are called. */
struct mw_price_room {
    /* Returns room for exactly `count` (0 too). May be called several times; what was returned last
     * has the answer. */
    struct mw_candle *(*rows)(void *user, uint32_t count);
    /* Returns a buffer that outlives the answer; called when one is needed. */
    struct mw_price_buffer *(*buffer)(void *user);
    void *user;
};

struct mw_price_answer {
    uint32_t count;     /* rows, in what `room` returned last */
    const char *reason; /* static text; NULL when the answer is complete */
};

/* Answers for one series: one of the cache, or with `series` NULL the key alone, of which only the
 * store and the context can know. Never fails: a store that cannot be read is logged, and the
 * answer is not complete. At most MW_PRICE_ROWS_MAX rows are returned, the newest, and made of at
 * most so many finer ones. */
void mw_prices_answer(struct mw_prices *prices, struct mw_series *series,
                      const struct mw_series_key *key, const struct mw_price_query *query,
                      const struct mw_price_room *room, struct mw_price_answer *answer);

/* Where scripts ask for prices: in an engine that runs, or in a back-test. */
struct mw_market {
    struct mw_prices *prices; /* borrows */
    /* Finds the series of `feed` (NULL: of any), or makes it of finer ones. Returns how many feeds
     * have the symbol; with 1 `*series` is it, with more it is of one of them. */
    uint32_t (*find_series)(void *user, const char *feed, const char *symbol,
                            struct mw_timeframe timeframe, struct mw_series **series);
    void *user;
};

#endif
