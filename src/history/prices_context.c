/* prices_context.c - candles that a host hands in, and which series there are besides the cache. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/prices_parts.h"
#include "market/resample.h"

enum { KEY_BYTES = MW_FEED_NAME_BYTES_MAX + MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 3 };
enum { LOOK_MS = 1000 }; /* between two looks through the store for what nobody has */

struct mw_prices *mw_prices_new(struct mw_cache *cache)
{
    struct mw_prices *prices = mw_alloc_zero(sizeof(*prices));
    prices->cache = cache;
    prices->asked_ms = mw_alloc_zero(MW_SERIES_MAX * sizeof(*prices->asked_ms));
    pthread_mutex_init(&prices->lock, NULL);
    return prices;
}

void mw_prices_free(struct mw_prices *prices)
{
    if (prices == NULL)
        return;
    for (uint32_t i = 0; i < prices->context_count; i++) {
        mw_free(prices->contexts[i]->owned);
        mw_stretches_deinit(&prices->contexts[i]->holes);
        mw_free(prices->contexts[i]);
    }
    mw_free(prices->contexts);
    mw_map_deinit(&prices->by_key);
    mw_free(prices->asked_ms);
    mw_free(prices->stored);
    pthread_mutex_destroy(&prices->lock);
    mw_free(prices);
}

void mw_prices_set_store(struct mw_prices *prices, struct mw_store *store)
{
    prices->store = store;
}

/* --- contexts --------------------------------------------------------------------------------- */

static size_t write_key(const char *feed, const struct mw_series_key *key, char text[KEY_BYTES])
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    return (size_t)snprintf(text, KEY_BYTES, "%s\n%s\n%s", feed, key->symbol,
                            mw_timeframe_format(key->timeframe, timeframe));
}

mw_status mw_prices_check_rows(const struct mw_series_key *key, struct mw_candle *rows,
                               size_t row_count, struct mw_error *err)
{
    for (size_t i = 0; i < row_count; i++) {
        mw_fault fault = mw_candle_check(&rows[i], key->timeframe, MW_PRICE_MS_MAX);
        if (fault != MW_FAULT_NONE)
            return mw_fail(err, MW_EHISTORY, "%s: candle %zu is none: %s", key->symbol, i + 1,
                           mw_fault_text(fault));
        if (i > 0 && rows[i].open_ms <= rows[i - 1].open_ms)
            return mw_fail(err, MW_EHISTORY, "%s: candle %zu is not later than the one before",
                           key->symbol, i + 1);
        rows[i].state = MW_CANDLE_CLOSED;
        if (rows[i].closed_by == MW_CLOSED_BY_NOBODY)
            rows[i].closed_by = MW_CLOSED_BY_EXCHANGE;
        rows[i].source = MW_SOURCE_CONTEXT;
        rows[i].flags = 0;
    }
    return row_count > 0 ? MW_OK : mw_fail(err, MW_EHISTORY, "%s: no candles", key->symbol);
}

/* Adds a context without holes, which is the caller's to fill in; `*out` is set when it
 * succeeds. */
static mw_status add(struct mw_prices *prices, const struct mw_series_key *key,
                     struct mw_price_context **out, struct mw_error *err)
{
    char text[KEY_BYTES];
    size_t length = write_key(key->feed, key, text);
    if (mw_map_find(&prices->by_key, text, length) != NULL)
        return mw_fail(err, MW_EINVAL, "%s: has candles already", key->symbol);
    if (prices->context_count == MW_CONTEXTS_MAX)
        return mw_fail(err, MW_ELIMIT, "%s: more than %d series with candles of their own",
                       key->symbol, MW_CONTEXTS_MAX);
    struct mw_price_context *context = mw_alloc_zero(sizeof(*context));
    context->key = *key;
    prices->contexts = mw_realloc_array(prices->contexts, prices->context_count + 1,
                                        sizeof(struct mw_price_context *));
    prices->contexts[prices->context_count++] = context;
    mw_map_set(&prices->by_key, text, length, context);
    *out = context;
    return MW_OK;
}

mw_status mw_prices_add_context(struct mw_prices *prices, const struct mw_series_key *key,
                                struct mw_candle *rows, uint32_t row_count, bool whole,
                                struct mw_error *err)
{
    struct mw_price_context *context = NULL;
    mw_status status = mw_prices_check_rows(key, rows, row_count, err);
    if (status == MW_OK)
        status = add(prices, key, &context, err);
    if (context == NULL) {
        mw_free(rows);
        return status;
    }
    context->rows = context->owned = rows;
    context->count = row_count;
    for (uint32_t i = 1; i < row_count && !whole; i++)
        mw_stretches_append(&context->holes, mw_timeframe_next(key->timeframe, rows[i - 1].open_ms),
                            rows[i].open_ms);
    return MW_OK;
}

mw_status mw_prices_lend_context(struct mw_prices *prices, const struct mw_series_key *key,
                                 const struct mw_price_context_rows *rows, struct mw_error *err)
{
    struct mw_price_context *context = NULL;
    MW_CHECK(rows->count > 0);
    mw_status status = add(prices, key, &context, err);
    if (context == NULL)
        return status;
    context->rows = rows->rows;
    context->count = rows->count;
    for (uint32_t i = 0; i < rows->hole_count; i++)
        mw_stretches_append(&context->holes, rows->holes[i].from_ms,
                            mw_timeframe_next(key->timeframe, rows->holes[i].to_ms));
    return MW_OK;
}

const struct mw_price_context *mw_prices_find_context(const struct mw_prices *prices,
                                                      const struct mw_series_key *key)
{
    char text[KEY_BYTES];
    if (prices->context_count == 0)
        return NULL;
    const struct mw_price_context *context =
        mw_map_find(&prices->by_key, text, write_key(key->feed, key, text));
    return context != NULL || key->feed[0] == '\0'
               ? context
               : mw_map_find(&prices->by_key, text, write_key("", key, text));
}

/* --- what there is ---------------------------------------------------------------------------- */

void mw_prices_log_failure(struct mw_prices *prices, const struct mw_error *err)
{
    uint64_t held;
    if (mw_log_gate_pass(&prices->gate, mw_clock_monotonic_ms(), &held))
        mw_log(MW_LOG_WARN, "the store cannot be read: %s", err->message);
}

/* A series that is looked for, and what has been found. */
struct search {
    const char *feed; /* NULL: any */
    const char *symbol;
    struct mw_timeframe timeframe;
    bool finer; /* one that it can be made of, the coarsest */
    uint32_t found;
    struct mw_series_key *key;
};

static void consider(struct search *search, const struct mw_series_key *key)
{
    bool any_feed = key->feed[0] == '\0';
    if (strcmp(key->symbol, search->symbol) != 0 ||
        (search->feed != NULL && !any_feed && strcmp(key->feed, search->feed) != 0))
        return;
    if (search->finer ? !mw_timeframe_divides(key->timeframe, search->timeframe)
                      : !mw_timeframe_equal(key->timeframe, search->timeframe))
        return;
    if (search->found > 0 && !any_feed && search->key->feed[0] != '\0' &&
        strcmp(key->feed, search->key->feed) != 0) {
        search->found++; /* another feed's; which one is meant has to be said */
        return;
    }
    bool better = search->found == 0 || (search->key->feed[0] == '\0' && !any_feed) ||
                  mw_timeframe_ms(key->timeframe) > mw_timeframe_ms(search->key->timeframe);
    search->found += search->found == 0;
    if (!better)
        return;
    char feed[sizeof(key->feed)];
    snprintf(feed, sizeof(feed), "%s", any_feed ? search->key->feed : key->feed);
    *search->key = *key;
    snprintf(search->key->feed, sizeof(search->key->feed), "%s", feed);
}

static bool keep_stored(void *user, const struct mw_store_series *series)
{
    struct mw_prices *prices = user;
    if (prices->stored_count % 64 == 0)
        prices->stored =
            mw_realloc_array(prices->stored, prices->stored_count + 64, sizeof(*prices->stored));
    prices->stored[prices->stored_count++] = *series;
    return true;
}

static void look_through(struct mw_prices *prices, struct search *search)
{
    for (uint32_t i = 0; i < prices->context_count; i++)
        consider(search, &prices->contexts[i]->key);
    for (uint32_t i = 0; i < prices->stored_count; i++)
        consider(search, &prices->stored[i].key);
}

/* The list of what is stored is read again when it does not have what is looked for. */
static uint32_t look(struct mw_prices *prices, struct search *search)
{
    struct mw_error err;
    search->found = 0;
    *search->key = (struct mw_series_key){.feed = ""};
    pthread_mutex_lock(&prices->lock);
    look_through(prices, search);
    int64_t now_ms = mw_clock_monotonic_ms();
    if (search->found == 0 && prices->store != NULL &&
        (prices->stored_at_ms == 0 || now_ms - prices->stored_at_ms >= LOOK_MS)) {
        prices->stored_count = 0;
        prices->stored_at_ms = now_ms;
        if (mw_store_each(prices->store, keep_stored, prices, &err) != MW_OK)
            mw_prices_log_failure(prices, &err);
        look_through(prices, search);
    }
    pthread_mutex_unlock(&prices->lock);
    if (search->found > 0 && search->key->feed[0] == '\0' && search->feed != NULL)
        snprintf(search->key->feed, sizeof(search->key->feed), "%s", search->feed);
    return search->found;
}

uint32_t mw_prices_find(struct mw_prices *prices, const char *feed, const char *symbol,
                        struct mw_timeframe timeframe, struct mw_series_key *key)
{
    struct mw_series_key found;
    struct search search = {.feed = feed, .symbol = symbol, .timeframe = timeframe, .key = &found};
    if (prices->store == NULL && prices->context_count == 0)
        return 0;
    uint32_t count = look(prices, &search);
    if (count == 0) {
        search.finer = true;
        count = look(prices, &search);
    }
    if (count == 0)
        return 0;
    *key = found;
    key->timeframe = timeframe;
    return count;
}

bool mw_prices_find_finer(struct mw_prices *prices, const struct mw_series_key *key,
                          struct mw_series_key *finer)
{
    struct search search = {.feed = key->feed[0] != '\0' ? key->feed : NULL,
                            .symbol = key->symbol,
                            .timeframe = key->timeframe,
                            .finer = true,
                            .key = finer};
    return look(prices, &search) > 0;
}
