/* subscription.h - the series that a connection wants, and where a frame's candle goes.
 *
 * The feed thread owns the set: it looks series up for every frame, without a lock. Other threads
 * ask for changes through the connection's command queue.
 *
 * Threads: feed thread only.
 */
#ifndef MW_FEED_SUBSCRIPTION_H
#define MW_FEED_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/map.h"
#include "feed/decoder.h"
#include "market/series.h"

/* One series of a feed. */
struct mw_subscription {
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
    char timeframe_code[MW_TIMEFRAME_BYTES_MAX]; /* the venue's spelling */
    struct mw_series *series;                    /* borrows from the cache */
    bool requested;                              /* asked for on this connection */
    int64_t request_id;                          /* by the request with this id */
    bool confirmed; /* the venue agreed to it once, or pushed a candle of it */
    /* The bar that a live update showed forming before its end, by the wall clock; INT64_MIN for
     * none. */
    int64_t forming_ms, forming_end_ms;
    /* Liveness, monotonic: the last candle pushed on this connection, INT64_MIN before there was
     * one; the smoothed time between such, 0 while unknown. */
    int64_t candle_at, cadence_ms;
    bool heard;          /* a live row came since the connection opened or was interrupted */
    bool flows;          /* a live candle came since it was asked for */
    int64_t looked_at;   /* when its silence was last looked into */
    uint32_t look_count; /* in vain, since the last candle */
    int64_t probed_at;   /* when its history was last asked about */
    bool probing;        /* and has not answered yet */
    bool verified;       /* it has, since the series was asked for: what came before is known */
    bool renewed;        /* the series was subscribed again at that look */
};

struct mw_subscriptions {
    struct mw_map by_key;    /* "symbol\0code" to its struct mw_subscription, owned */
    struct mw_map by_symbol; /* every symbol that was ever wanted, to any non-NULL pointer */
};

void mw_subscriptions_init(struct mw_subscriptions *subscriptions);
void mw_subscriptions_deinit(struct mw_subscriptions *subscriptions);

/* Adds a series that is not there yet, not requested. Returns borrowed, or NULL, with nothing done,
 * for one that is there. Copies. */
struct mw_subscription *mw_subscriptions_add(struct mw_subscriptions *subscriptions,
                                             const char *symbol, const char *timeframe_code,
                                             struct mw_series *series);
/* Removes a series. Returns whether it had been requested. */
bool mw_subscriptions_remove(struct mw_subscriptions *subscriptions, const char *symbol,
                             const char *timeframe_code);

/* The subscription of that name, or NULL. */
struct mw_subscription *mw_subscriptions_find_named(const struct mw_subscriptions *subscriptions,
                                                    const char *symbol, const char *timeframe_code);
/* The subscription that fills `series`, or NULL. Looks at all. */
struct mw_subscription *mw_subscriptions_find_series(const struct mw_subscriptions *subscriptions,
                                                     const struct mw_series *series);
/* The subscription that a row of a frame belongs to, or NULL. */
struct mw_subscription *mw_subscriptions_find(const struct mw_subscriptions *subscriptions,
                                              const struct mw_decoded_row *row);
/* Whether any series of this symbol was ever wanted. */
bool mw_subscriptions_has_symbol(const struct mw_subscriptions *subscriptions,
                                 struct mw_text symbol);

/* A new connection: nothing is requested on it yet, nor was anything heard. */
void mw_subscriptions_forget_requests(struct mw_subscriptions *subscriptions);

/* Marks as confirmed what the request `id` (NULL: any) asked for. */
void mw_subscriptions_confirm(struct mw_subscriptions *subscriptions, const int64_t *id);

/* Collects pointers to the subscriptions that are not requested yet, or to all with `every`, in the
 * order of their names, so that requests are the same each time. Returns an owned array. */
struct mw_subscription **mw_subscriptions_list(const struct mw_subscriptions *subscriptions,
                                               bool every, uint32_t *count);

#endif
