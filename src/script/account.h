/* account.h - a paper account: cash, positions, orders, and the fills that prices allow.
 *
 * The same account runs live, on updates of forming bars, and in back-tests, on closed ones. It is
 * told of each bar of an instrument, of one series (the finest), and derives from it what is news
 * since the last it was told: of a bar that it has not seen the open, the range and the close, of
 * one that it has seen a part of the new extremes and the new close. An update in which nothing was
 * traded is no news, and neither is what is told of a bar after it closed.
 *
 * Only news fills orders: none is filled by a price that was there before it was placed, or by a
 * bar that has not happened. Time is engine time: what handle_bar places is placed when its bar
 * closed, however late that was told of. A piece of news is of a stretch of time, which begins with
 * the open of a new bar, or when the account was told last of the same one. An order takes part in
 * all of it if it was placed when it began or before. One that was placed meanwhile gets its last
 * price only, because which of the others were before the order cannot be told; one that was placed
 * at its very end, or whose trigger lies in the part that it does not get, waits for the next.
 *
 * Within one piece of news the order is the worse one for the account. The first price is the open
 * of a new bar; of an update the close is the only price that is known to be new.
 *
 *     1  at the first price: market orders; stops that it has gone beyond, at that price; limits
 *        that it is better than: at that price when this is the first news they see (they would
 *        have been matched on arrival), at their own when they rested. Each as they were placed
 *     2  stops that the range reaches, at their price, nearest to the first price first
 *     3  limits that the range reaches, at their price, nearest first; but none that would close
 *        what was opened in this same news, unless that was at the open of the bar: whether the
 *        price was there before or after cannot be told, so it waits for the next
 *     4  stops again: those of what was opened in 2 and 3, not better than where it was opened
 *     5  at the last price, as in 1: orders that were placed meanwhile
 *
 * A touch is enough to reach a price. Market orders and stops pay slippage: the price is worse by
 * that fraction, also where that is outside of the bar. Every fill pays a fee of its turnover
 * (amount x price), and a fixed one: the maker's fee what rested and was filled at its own price,
 * all others the fee. An order is filled whole or not at all.
 *
 * Reduce-only orders are filled up to what there is to reduce, and then done. They may be placed
 * while an order is open that opens what they reduce (a bracket: entry, stop and target at once),
 * and are cancelled when neither that nor a position is left.
 *
 * A position is a signed amount with its average price. What closes (a part of) it realises
 *
 *     profit = amount x (exit price - average price) x (+1 long, -1 short) - fees
 *
 * with the exit's fee and that part of the entries' fees; each is a trade. A fill that flips a
 * position closes all of it and opens the rest at the same price, its fee shared by amount. What
 * differs from the position by a 10^12th of the most that it was closes exactly all of it.
 *
 *     equity = cash + sum of amount x last price          (of all instruments, in one currency)
 *
 * A fill that opens anything is refused when it makes the gross exposure greater and that would
 * exceed equity x leverage after fees, its own instrument valued at the fill's price; or when no
 * equity would be left. One that only closes never is. Market orders of other instruments that were
 * placed before and still wait count as filled there, so "sell A, buy B" does not depend on which
 * of them is told of first. Nobody calls for margin: a short that is squeezed stays, with an equity
 * below zero if it comes to that, until the script closes it.
 *
 * Threads: one at a time.
 */
#ifndef MW_SCRIPT_ACCOUNT_H
#define MW_SCRIPT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "market/candle.h"

struct mw_account; /* opaque */

struct mw_account_options {
    double cash;      /* at the beginning, quote currency */
    double fee;       /* of the turnover: 0.001 is 0.1 % */
    double maker_fee; /* of limit orders that rested; below 0: paid to the account; NaN: as `fee` */
    double fixed_fee; /* of each fill, quote currency */
    double slippage;  /* fraction of the price, of market orders and stops */
    double leverage;  /* gross exposure at most so many times the equity */
    uint32_t history; /* trades, and fills, kept, the newest; 0: MW_ACCOUNT_HISTORY_MAX */
};

/* 10,000, 0.1 %, no slippage, leverage 1. */
struct mw_account_options mw_account_defaults(void);
/* Errors: MW_EINVAL naming the option. */
MW_MUST_USE mw_status mw_account_check_options(const struct mw_account_options *options,
                                               struct mw_error *err);

typedef enum mw_side { MW_SIDE_BUY, MW_SIDE_SELL } mw_side;

typedef enum mw_order_type { MW_ORDER_MARKET, MW_ORDER_LIMIT, MW_ORDER_STOP } mw_order_type;

typedef enum mw_order_state {
    MW_ORDER_OPEN,
    MW_ORDER_FILLED,
    MW_ORDER_CANCELLED, /* by the script, or reduce-only with nothing left to reduce */
    MW_ORDER_REJECTED,  /* when it was to be filled: `reason` */
} mw_order_state;

/* "buy", "market", "open", ... Never NULL. */
const char *mw_side_text(mw_side side);
const char *mw_order_type_text(mw_order_type type);
const char *mw_order_state_text(mw_order_state state);

/* What is asked for. */
struct mw_order_request {
    uint32_t instrument;
    mw_side side;
    mw_order_type type;
    double amount; /* base currency; NaN: by value */
    double value;  /* quote currency to spend, fees included; NaN: by amount. Buying only */
    double price;  /* of a limit or a stop; NaN for a market order */
    bool reduce;   /* only makes the position smaller; cancelled when there is none left */
    char tag[MW_ORDER_TAG_BYTES_MAX + 1]; /* the script's own name for it; may be empty */
};

struct mw_order {
    struct mw_order_request request;
    uint64_t id; /* 1, 2, ... */
    mw_order_state state;
    bool rested;                                /* it has seen a piece of news and was not filled */
    int64_t placed_ms, done_ms;                 /* engine time; 0 while open */
    double amount, price, fee;                  /* of the fill */
    char reason[MW_ORDER_REASON_BYTES_MAX + 1]; /* why it was cancelled or rejected */
};

struct mw_fill {
    uint64_t order; /* its id */
    uint32_t instrument;
    mw_side side;
    int64_t time_ms;
    bool within; /* somewhere in the bar that closes at time_ms; else at the beginning of one */
    double amount, price, fee;
};

/* What closed (a part of) a position. */
struct mw_trade {
    uint32_t instrument;
    mw_side side;                         /* of the entry: MW_SIDE_BUY is long */
    int64_t entry_ms, exit_ms;            /* of the first fill of the position, of this exit */
    double amount, entry, exit;           /* prices: average, and of the exit's fill */
    double fees, profit;                  /* of both sides; net of them */
    char tag[MW_ORDER_TAG_BYTES_MAX + 1]; /* of the exit's order */
};

struct mw_position {
    double amount;    /* negative: short; 0: flat */
    double price;     /* average of the entries; NaN when flat */
    double last;      /* last price; NaN before there was one */
    double profit;    /* not realised, before fees; 0 when flat */
    int64_t entry_ms; /* of the first fill; 0 when flat */
};

/* Makes an account of options that are right (mw_account_check_options). */
struct mw_account *mw_account_new(const struct mw_account_options *options);
void mw_account_free(struct mw_account *account);
/* As given, but for maker_fee and history, which say what they come to. */
const struct mw_account_options *mw_account_options(const struct mw_account *account);

/* Adds an instrument, or finds the one that is there. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_account_add(struct mw_account *account, const char *feed,
                                     const char *symbol, uint32_t *instrument,
                                     struct mw_error *err);
/* Finds "SYMBOL" or "feed:SYMBOL". Errors: MW_EINVAL when there is none, or several feeds have
 * it. */
MW_MUST_USE mw_status mw_account_find(const struct mw_account *account, const char *name,
                                      uint32_t *instrument, struct mw_error *err);
uint32_t mw_account_instrument_count(const struct mw_account *account);
const char *mw_account_symbol(const struct mw_account *account, uint32_t instrument);
const char *mw_account_feed(const struct mw_account *account, uint32_t instrument);

/* Places an order. Refused at once is what cannot be: an amount, value or price out of
 * MW_ORDER_NUMBER_MIN .. _MAX, a price on a market order, a reduce-only order with nothing to
 * reduce, more than MW_ORDERS_MAX open ones, and a market order that the account could not pay at
 * the last price; limits and stops are judged when they are filled. Errors: MW_EORDER with the
 * reason; it is counted. */
MW_MUST_USE mw_status mw_account_submit(struct mw_account *account,
                                        const struct mw_order_request *request, int64_t now_ms,
                                        uint64_t *id, struct mw_error *err);
/* Errors: MW_EORDER when it is not open. */
MW_MUST_USE mw_status mw_account_cancel(struct mw_account *account, uint64_t id, int64_t now_ms,
                                        struct mw_error *err);
/* Cancels all open orders of an instrument; returns how many. */
uint32_t mw_account_cancel_all(struct mw_account *account, uint32_t instrument, int64_t now_ms);

/* Takes what a bar says, forming or closed. What is older than what it was told already, or is no
 * candle, is ignored. Returns whether there are orders to hand out as done. */
bool mw_account_take(struct mw_account *account, uint32_t instrument,
                     const struct mw_candle *candle, int64_t now_ms);

/* What is placed or cancelled there from now on counts as not later than `latest_ms`, and so do its
 * open orders: its prices are of a time of their own, behind that of whoever places. INT64_MAX for
 * no bound. */
void mw_account_bound_time(struct mw_account *account, uint32_t instrument, int64_t latest_ms);

/* How many orders are done and were not handed out: the newest MW_ORDERS_DONE_MAX at most. */
uint32_t mw_account_done_count(const struct mw_account *account);
/* Hands out the oldest of them, as a copy; false when there is none. */
bool mw_account_next_done(struct mw_account *account, struct mw_order *order);

/* Whether it was ever given an order: one that was not needs no updates but for its equity. */
bool mw_account_is_used(const struct mw_account *account);

double mw_account_cash(const struct mw_account *account);
double mw_account_equity(const struct mw_account *account);
/* Sum of the absolute values of all positions. */
double mw_account_exposure(const struct mw_account *account);
/* How many instruments have a position. */
uint32_t mw_account_position_count(const struct mw_account *account);
struct mw_position mw_account_position(const struct mw_account *account, uint32_t instrument);

/* Open orders, oldest first. Borrowed until the account is used again; so are these: */
const struct mw_order *mw_account_orders(const struct mw_account *account, uint32_t *count);
/* Oldest first; `history` of them at most. */
const struct mw_trade *mw_account_trades(const struct mw_account *account, uint32_t *count);
const struct mw_fill *mw_account_fills(const struct mw_account *account, uint32_t *count);

struct mw_account_totals {
    uint64_t orders, fills, trades, cancelled, rejected; /* rejected: when placed, too */
    double fees, turnover;
};
void mw_account_get_totals(const struct mw_account *account, struct mw_account_totals *totals);

#endif
