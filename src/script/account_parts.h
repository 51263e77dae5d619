/* account_parts.h - what the files of the account share.
 *
 *     account.c        options, instruments, what is asked of it
 *     account_order.c  placing and cancelling orders, and where they go when they are done
 *     account_take.c   what a bar says that is news, and which orders that fills, in which order
 *     account_check.c  whether it can pay
 *     account_fill.c   one fill: cash, position, fees, trades
 *
 * Threads: as account.h.
 */
#ifndef MW_SCRIPT_ACCOUNT_PARTS_H
#define MW_SCRIPT_ACCOUNT_PARTS_H

#include "base/map.h"
#include "script/account.h"

struct mw_instrument {
    /* What was told of the newest bar: the first cache line is all that a bar without orders
     * touches. */
    int64_t open_ms; /* INT64_MIN before the first */
    double high, low, last, volume;
    int64_t told_ms;      /* when */
    uint32_t order_count; /* open ones */
    uint32_t held_at;     /* place in the account's `held` while there is a position */
    bool closed;          /* nothing more is told of this bar */
    /* The position. The sum of its fills is `amount` + `amount_rest`, to more digits than one
     * double has, so that a thousand fills of 0.1 are a hundred. */
    double amount, amount_rest;
    double amount_peak; /* greatest |amount| since it was opened */
    double price;       /* average of the entries */
    double fees;        /* of the entries that are not closed yet */
    int64_t entry_ms;
    int64_t latest_ms; /* mw_account_bound_time */
    double pending;    /* scratch of mw_account_affords */
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
};

/* The newest `count_max` items of some size, oldest first and in one piece. */
struct mw_account_history {
    char *items; /* owns */
    size_t item_size;
    uint32_t first, count, capacity, count_max;
};

struct mw_account {
    struct mw_account_options options;
    double cash;
    struct mw_instrument *instruments; /* owns */
    uint32_t instrument_count, instrument_capacity;
    struct mw_map by_symbol; /* place + 1, or MW_SYMBOL_AMBIGUOUS */
    struct mw_map by_name;   /* "feed:SYMBOL" to place + 1 */
    uint32_t *held;          /* owns; instruments with a position, as many places as capacity */
    uint32_t held_count;
    struct mw_order *orders; /* owns; open, oldest first; done ones only within a function */
    uint32_t order_count, order_capacity, market_count;
    struct mw_order *done; /* owns; a ring that grows to MW_ORDERS_DONE_MAX */
    uint32_t done_first, done_count, done_capacity;
    struct mw_account_history trades, fills;
    struct mw_account_totals totals;
    uint64_t last_id;
    bool is_used;
};

/* Money for people: "10,100.00". */
enum { MW_MONEY_BYTES = 48 };
const char *mw_account_money(double value, int decimals, char text[MW_MONEY_BYTES]);

static inline double mw_side_sign(mw_side side)
{
    return side == MW_SIDE_BUY ? 1.0 : -1.0;
}

/* The price that an order pays when it takes what there is, `price` being what is seen. */
static inline double mw_account_slipped(const struct mw_account *account, mw_side side,
                                        double price)
{
    return price * (1.0 + mw_side_sign(side) * account->options.slippage);
}

static inline double mw_account_fee_rate(const struct mw_account *account, bool maker)
{
    return maker ? account->options.maker_fee : account->options.fee;
}

/* What a request comes to at a price, fees included where it is by value; not positive when the
 * value does not even pay the fees. */
double mw_account_amount(const struct mw_account *account, const struct mw_order_request *request,
                         double price, double fee_rate);

/* How much of the position a fill on this side would close: 0 when it would add. */
double mw_instrument_closable(const struct mw_instrument *instrument, mw_side side);

/* A fill that may be. */
struct mw_fill_plan {
    uint32_t instrument;
    double change; /* signed amount */
    double price, fee;
    uint64_t order; /* its id, or the one that it will get */
};

/* Whether a fill is allowed. Market orders that were placed before and wait count as filled at the
 * last price, so that it does not matter whose instrument is told of first. Fills `reason` when it
 * is not. */
bool mw_account_affords(struct mw_account *account, const struct mw_fill_plan *plan,
                        char reason[MW_ORDER_REASON_BYTES_MAX + 1]);

/* How an order is filled. */
struct mw_fill_terms {
    double price; /* before slippage */
    bool slips, maker;
    bool within; /* see struct mw_fill */
    int64_t time_ms;
};

/* Fills an open order, or rejects it, and queues it as done. Returns the amount that it opened, 0
 * when it only closed or was rejected. */
double mw_account_fill(struct mw_account *account, struct mw_order *order,
                       const struct mw_fill_terms *terms);

/* Adds an item that the caller fills. */
void *mw_account_history_add(struct mw_account_history *history);

/* An order of the list becomes done: it is queued and stays in the list until it is swept. */
void mw_account_finish(struct mw_account *account, struct mw_order *order, mw_order_state state,
                       int64_t now_ms);
/* Cancels reduce-only orders of an instrument that have nothing left to reduce and nothing to wait
 * for, and takes what is done out of the list. */
void mw_account_sweep(struct mw_account *account, uint32_t instrument, int64_t now_ms);

#endif
