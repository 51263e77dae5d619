/* subscription.c - a map of wanted series. */
#include "feed/subscription.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct key {
    char bytes[MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 2];
    size_t length;
};

/* False for texts that are longer than any name: there is no such series. */
static bool key_of(struct mw_text symbol, struct mw_text code, struct key *key)
{
    if (symbol.length > MW_SYMBOL_BYTES_MAX || code.length >= MW_TIMEFRAME_BYTES_MAX)
        return false;
    memcpy(key->bytes, symbol.data, symbol.length);
    key->bytes[symbol.length] = '\0';
    memcpy(key->bytes + symbol.length + 1, code.data, code.length);
    key->length = symbol.length + 1 + code.length;
    return true;
}

static struct key key_get(const char *symbol, const char *code)
{
    struct key key;
    MW_CHECK(key_of((struct mw_text){symbol, strlen(symbol)}, (struct mw_text){code, strlen(code)},
                    &key));
    return key;
}

void mw_subscriptions_init(struct mw_subscriptions *subscriptions)
{
    *subscriptions = (struct mw_subscriptions){MW_MAP_INIT, MW_MAP_INIT};
}

void mw_subscriptions_deinit(struct mw_subscriptions *subscriptions)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&subscriptions->by_key, &at)) != NULL)
        mw_free(item->value);
    mw_map_deinit(&subscriptions->by_key);
    mw_map_deinit(&subscriptions->by_symbol);
}

struct mw_subscription *mw_subscriptions_add(struct mw_subscriptions *subscriptions,
                                             const char *symbol, const char *timeframe_code,
                                             struct mw_series *series)
{
    struct key key = key_get(symbol, timeframe_code);
    if (mw_map_find(&subscriptions->by_key, key.bytes, key.length) != NULL)
        return NULL;
    struct mw_subscription *subscription = mw_alloc_zero(sizeof(*subscription));
    snprintf(subscription->symbol, sizeof(subscription->symbol), "%s", symbol);
    snprintf(subscription->timeframe_code, sizeof(subscription->timeframe_code), "%s",
             timeframe_code);
    subscription->series = series;
    subscription->forming_ms = subscription->forming_end_ms = INT64_MIN;
    subscription->candle_at = subscription->looked_at = subscription->probed_at = INT64_MIN;
    mw_map_set(&subscriptions->by_key, key.bytes, key.length, subscription);
    mw_map_set(&subscriptions->by_symbol, symbol, strlen(symbol), series);
    return subscription;
}

bool mw_subscriptions_remove(struct mw_subscriptions *subscriptions, const char *symbol,
                             const char *timeframe_code)
{
    struct key key = key_get(symbol, timeframe_code);
    struct mw_subscription *removed = mw_map_remove(&subscriptions->by_key, key.bytes, key.length);
    bool requested = removed != NULL && removed->requested;
    mw_free(removed);
    return requested;
}

struct mw_subscription *mw_subscriptions_find_named(const struct mw_subscriptions *subscriptions,
                                                    const char *symbol, const char *timeframe_code)
{
    struct key key = key_get(symbol, timeframe_code);
    return mw_map_find(&subscriptions->by_key, key.bytes, key.length);
}

struct mw_subscription *mw_subscriptions_find_series(const struct mw_subscriptions *subscriptions,
                                                     const struct mw_series *series)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&subscriptions->by_key, &at)) != NULL) {
        struct mw_subscription *subscription = item->value;
        if (subscription->series == series)
            return subscription;
    }
    return NULL;
}

struct mw_subscription *mw_subscriptions_find(const struct mw_subscriptions *subscriptions,
                                              const struct mw_decoded_row *row)
{
    struct key key;
    if (!key_of(row->symbol, row->timeframe_code, &key))
        return NULL;
    return mw_map_find(&subscriptions->by_key, key.bytes, key.length);
}

bool mw_subscriptions_has_symbol(const struct mw_subscriptions *subscriptions,
                                 struct mw_text symbol)
{
    return mw_map_find(&subscriptions->by_symbol, symbol.data, symbol.length) != NULL;
}

static void forget(struct mw_subscription *subscription)
{
    subscription->requested = subscription->heard = subscription->flows = false;
    subscription->candle_at = INT64_MIN;
}

void mw_subscriptions_forget_requests(struct mw_subscriptions *subscriptions)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&subscriptions->by_key, &at)) != NULL)
        forget(item->value);
}

void mw_subscriptions_confirm(struct mw_subscriptions *subscriptions, const int64_t *id)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&subscriptions->by_key, &at)) != NULL) {
        struct mw_subscription *subscription = item->value;
        if (subscription->requested && (id == NULL || subscription->request_id == *id))
            subscription->confirmed = true;
    }
}

static int compare(const void *a, const void *b)
{
    const struct mw_subscription *left = *(struct mw_subscription *const *)a;
    const struct mw_subscription *right = *(struct mw_subscription *const *)b;
    int order = strcmp(left->symbol, right->symbol);
    return order != 0 ? order : strcmp(left->timeframe_code, right->timeframe_code);
}

struct mw_subscription **mw_subscriptions_list(const struct mw_subscriptions *subscriptions,
                                               bool every, uint32_t *count)
{
    struct mw_subscription **list =
        mw_alloc((subscriptions->by_key.count + 1) * sizeof(struct mw_subscription *));
    size_t at = 0;
    const struct mw_map_item *item;
    *count = 0;
    while ((item = mw_map_next(&subscriptions->by_key, &at)) != NULL) {
        struct mw_subscription *subscription = item->value;
        if (every || !subscription->requested)
            list[(*count)++] = subscription;
    }
    qsort(list, *count, sizeof(struct mw_subscription *), compare);
    return list;
}
