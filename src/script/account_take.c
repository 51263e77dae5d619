/* account_take.c - what a bar says that is news, and which orders it fills in which order.
 *
 * A piece of news covers a stretch of time: from the bar's open where the bar is new, else from
 * when the account was told last. Orders that were placed before that stretch began take part in
 * all of it. Those placed while it lasted cannot know which of its prices were before them, and
 * get the last one only.
 */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "script/account_parts.h"

/* One piece of news, while it is worked on. */
struct news {
    struct mw_account *account;
    struct mw_instrument *instrument;
    uint32_t index;
    int64_t begin_ms, now_ms;
    double first;      /* the price at which what waits is filled */
    int64_t first_ms;  /* and when that is */
    bool first_begins; /* it is the open of a bar: all else comes after it */
    double high, low;  /* new extremes; NaN, which meets no order, where there is none */
    double last;
    /* What was opened in this news by a price whose place in it is not known. */
    bool opened;
    double opened_low, opened_high; /* the lowest that was bought at, the highest sold at */
};

static bool is_valid(const struct mw_candle *candle)
{
    return candle->low >= MW_ORDER_NUMBER_MIN && candle->low <= candle->open &&
           candle->low <= candle->close && candle->high >= candle->open &&
           candle->high >= candle->close && candle->high <= MW_ORDER_NUMBER_MAX;
}

static bool takes_part(const struct news *news, const struct mw_order *order)
{
    return order->state == MW_ORDER_OPEN && order->request.instrument == news->index &&
           order->placed_ms <= news->begin_ms;
}

/* Placed while the news happened; an order of this very moment waits for the next. */
static bool is_late(const struct news *news, const struct mw_order *order)
{
    return order->state == MW_ORDER_OPEN && order->request.instrument == news->index &&
           order->placed_ms > news->begin_ms && order->placed_ms < news->now_ms;
}

static bool is_idle(const struct news *news, const struct mw_order *order)
{
    return order->request.reduce &&
           !(mw_instrument_closable(news->instrument, order->request.side) > 0);
}

static void fill(struct news *news, struct mw_order *order, double price, bool maker, bool at_first)
{
    const struct mw_fill_terms terms = {.price = price,
                                        .slips = order->request.type != MW_ORDER_LIMIT,
                                        .maker = maker,
                                        .within = !at_first,
                                        .time_ms = at_first ? news->first_ms : news->now_ms};
    double opened = mw_account_fill(news->account, order, &terms);
    if (opened > 0 && !(at_first && news->first_begins)) {
        news->opened = true;
        if (order->request.side == MW_SIDE_BUY)
            news->opened_low = fmin(news->opened_low, price);
        else
            news->opened_high = fmax(news->opened_high, price);
    }
}

/* Whether the price comes down to that of the order, or up to it. */
static bool is_from_above(const struct mw_order *order)
{
    return (order->request.side == MW_SIDE_BUY) == (order->request.type == MW_ORDER_LIMIT);
}

/* Whether `price` triggers a stop, or is as good as a limit. */
static bool is_met(const struct mw_order *order, double price)
{
    return is_from_above(order) ? price <= order->request.price : price >= order->request.price;
}

/* Fills an order by one price if that will do. */
static void fill_at(struct news *news, struct mw_order *order, double price, bool at_first)
{
    if (order->request.type == MW_ORDER_MARKET) {
        if (!is_idle(news, order)) {
            fill(news, order, price, false, at_first);
            return;
        }
        snprintf(order->reason, sizeof(order->reason), "nothing left to reduce");
        mw_account_finish(news->account, order, MW_ORDER_CANCELLED, news->now_ms);
    } else if (!is_idle(news, order) && is_met(order, price)) {
        bool maker = order->request.type == MW_ORDER_LIMIT && order->rested;
        fill(news, order, maker ? order->request.price : price, maker, at_first);
    }
}

/* Each type in turn, and the orders of one as they were placed. */
static void fill_at_price(struct news *news, double price, bool at_first,
                          bool (*takes)(const struct news *, const struct mw_order *))
{
    static const mw_order_type types[] = {MW_ORDER_MARKET, MW_ORDER_STOP, MW_ORDER_LIMIT};
    for (size_t i = 0; i < MW_COUNT(types); i++)
        for (uint32_t j = 0; j < news->account->order_count; j++) {
            struct mw_order *order = &news->account->orders[j];
            if (order->request.type == types[i] && takes(news, order))
                fill_at(news, order, price, at_first);
        }
}

/* A limit must not close what may have been opened after the price that it waits for. */
static bool must_wait(const struct news *news, const struct mw_order *order)
{
    return order->request.type == MW_ORDER_LIMIT && news->opened &&
           mw_instrument_closable(news->instrument, order->request.side) > 0;
}

/* The order of a type that the range reaches first, or NULL. */
static struct mw_order *find_nearest(const struct news *news, mw_order_type type)
{
    struct mw_order *nearest = NULL;
    double distance = (double)INFINITY;
    for (uint32_t i = 0; i < news->account->order_count; i++) {
        struct mw_order *order = &news->account->orders[i];
        if (order->request.type != type || !takes_part(news, order))
            continue;
        double away = fabs(order->request.price - news->first);
        if (away < distance && is_met(order, is_from_above(order) ? news->low : news->high) &&
            !is_idle(news, order) && !must_wait(news, order)) {
            nearest = order;
            distance = away;
        }
    }
    return nearest;
}

/* A stop does not get a better price than what it guards was opened at, nor than the first one. */
static double stop_price(const struct news *news, const struct mw_order *order)
{
    double price = order->request.price;
    if (order->request.side == MW_SIDE_SELL)
        return fmin(price, fmin(news->first, news->opened_low));
    return fmax(price, fmax(news->first, news->opened_high));
}

static void fill_in_range(struct news *news, mw_order_type type)
{
    struct mw_order *order;
    while ((order = find_nearest(news, type)) != NULL) {
        bool is_limit = type == MW_ORDER_LIMIT;
        fill(news, order, is_limit ? order->request.price : stop_price(news, order), is_limit,
             false);
    }
}

static void work(struct news *news)
{
    fill_at_price(news, news->first, true, takes_part);
    fill_in_range(news, MW_ORDER_STOP);
    fill_in_range(news, MW_ORDER_LIMIT);
    fill_in_range(news, MW_ORDER_STOP);
    fill_at_price(news, news->last, false, is_late);
    for (uint32_t i = 0; i < news->account->order_count; i++) {
        struct mw_order *order = &news->account->orders[i];
        order->rested |= takes_part(news, order) || is_late(news, order);
    }
    mw_account_sweep(news->account, news->index, news->now_ms);
}

/* What a bar says that was not told before. */
static struct news find_news(struct mw_account *account, uint32_t index,
                             const struct mw_candle *candle, int64_t now_ms)
{
    struct mw_instrument *instrument = &account->instruments[index];
    struct news news = {.account = account,
                        .instrument = instrument,
                        .index = index,
                        .begin_ms = candle->open_ms,
                        .now_ms = now_ms,
                        .first = candle->open,
                        .first_ms = candle->open_ms,
                        .first_begins = true,
                        .high = candle->high,
                        .low = candle->low,
                        .last = candle->close,
                        .opened_low = (double)INFINITY,
                        .opened_high = -(double)INFINITY};
    if (candle->open_ms == instrument->open_ms) {
        news.begin_ms = instrument->told_ms;
        news.first = candle->close;
        news.first_ms = now_ms;
        news.first_begins = false;
        if (!(candle->high > instrument->high))
            news.high = (double)NAN;
        if (!(candle->low < instrument->low))
            news.low = (double)NAN;
    }
    return news;
}

bool mw_account_take(struct mw_account *account, uint32_t instrument,
                     const struct mw_candle *candle, int64_t now_ms)
{
    MW_CHECK(instrument < account->instrument_count);
    struct mw_instrument *told = &account->instruments[instrument];
    bool is_new = candle->open_ms > told->open_ms;
    if ((!is_new && (candle->open_ms < told->open_ms || told->closed)) || !is_valid(candle))
        return account->done_count > 0;
    /* An update without a trade is no price: a bar that is closed by the clock, for one. */
    bool is_news = is_new || candle->high > told->high || candle->low < told->low ||
                   candle->close != told->last || candle->volume != told->volume;
    struct news news;
    bool has_work = is_news && told->order_count > 0;
    if (has_work)
        news = find_news(account, instrument, candle, now_ms);
    told->open_ms = candle->open_ms;
    told->high = is_new ? candle->high : fmax(told->high, candle->high);
    told->low = is_new ? candle->low : fmin(told->low, candle->low);
    told->last = candle->close;
    told->volume = candle->volume;
    told->closed = candle->state == MW_CANDLE_CLOSED;
    told->told_ms = now_ms;
    if (has_work)
        work(&news);
    return account->done_count > 0;
}
