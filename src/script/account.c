/* account.c - options and instruments of a paper account, and what is asked of it. */
#include "script/account.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "script/account_parts.h"

/* In place of an instrument: several feeds have the symbol. */
static char ambiguous;

struct mw_account_options mw_account_defaults(void)
{
    return (struct mw_account_options){
        .cash = 10000, .fee = 0.001, .maker_fee = (double)NAN, .leverage = 1};
}

static mw_status check_range(const char *name, double value, double low, double high,
                             struct mw_error *err)
{
    if (value >= low && value <= high)
        return MW_OK;
    return mw_fail(err, MW_EINVAL, "%s %g: want a number from %g to %g", name, value, low, high);
}

mw_status mw_account_check_options(const struct mw_account_options *options, struct mw_error *err)
{
    const double money_min = MW_ORDER_NUMBER_MIN, money_max = MW_ORDER_NUMBER_MAX;
    mw_status status = check_range("cash", options->cash, money_min, money_max, err);
    if (status == MW_OK)
        status = check_range("fee", options->fee, 0, MW_FEE_MAX, err);
    if (status == MW_OK && !isnan(options->maker_fee))
        status = check_range("maker_fee", options->maker_fee, -MW_FEE_MAX, MW_FEE_MAX, err);
    if (status == MW_OK)
        status = check_range("fixed_fee", options->fixed_fee, 0, money_max, err);
    if (status == MW_OK)
        status = check_range("slippage", options->slippage, 0, MW_FEE_MAX, err);
    if (status == MW_OK)
        status = check_range("leverage", options->leverage, MW_LEVERAGE_MIN, MW_LEVERAGE_MAX, err);
    if (status == MW_OK)
        status = check_range("history", options->history, 0, MW_ACCOUNT_HISTORY_MAX, err);
    return status;
}

struct mw_account *mw_account_new(const struct mw_account_options *options)
{
    MW_CHECK(mw_account_check_options(options, NULL) == MW_OK);
    struct mw_account *account = mw_alloc_zero(sizeof(*account));
    account->options = *options;
    if (isnan(options->maker_fee))
        account->options.maker_fee = options->fee;
    if (options->history == 0)
        account->options.history = MW_ACCOUNT_HISTORY_MAX;
    account->cash = options->cash;
    account->trades.item_size = sizeof(struct mw_trade);
    account->fills.item_size = sizeof(struct mw_fill);
    account->trades.count_max = account->fills.count_max = account->options.history;
    return account;
}

void mw_account_free(struct mw_account *account)
{
    if (account == NULL)
        return;
    mw_free(account->fills.items);
    mw_free(account->trades.items);
    mw_free(account->done);
    mw_free(account->orders);
    mw_free(account->held);
    mw_map_deinit(&account->by_name);
    mw_map_deinit(&account->by_symbol);
    mw_free(account->instruments);
    mw_free(account);
}

const struct mw_account_options *mw_account_options(const struct mw_account *account)
{
    return &account->options;
}

enum { NAME_BYTES = MW_FEED_NAME_BYTES_MAX + MW_SYMBOL_BYTES_MAX + 2 };

static size_t format_name(const char *feed, const char *symbol, char name[NAME_BYTES])
{
    return (size_t)snprintf(name, NAME_BYTES, "%s:%s", feed, symbol);
}

/* Maps hold pointers: a place is one into this array of nothing. */
static void *place_of(uint32_t instrument)
{
    return (void *)(uintptr_t)(instrument + 1);
}

static bool find_place(const struct mw_map *map, const char *name, uint32_t *instrument)
{
    const void *place = mw_map_find(map, name, strlen(name));
    if (place == NULL || place == &ambiguous)
        return false;
    *instrument = (uint32_t)((uintptr_t)place - 1);
    return true;
}

static void grow(struct mw_account *account)
{
    if (account->instrument_count < account->instrument_capacity)
        return;
    uint32_t capacity = account->instrument_capacity == 0 ? 4 : 2 * account->instrument_capacity;
    account->instruments =
        mw_realloc_array(account->instruments, capacity, sizeof(*account->instruments));
    account->held = mw_realloc_array(account->held, capacity, sizeof(*account->held));
    account->instrument_capacity = capacity;
}

mw_status mw_account_add(struct mw_account *account, const char *feed, const char *symbol,
                         uint32_t *instrument, struct mw_error *err)
{
    MW_CHECK(strlen(feed) <= MW_FEED_NAME_BYTES_MAX && strlen(symbol) <= MW_SYMBOL_BYTES_MAX);
    char name[NAME_BYTES];
    size_t length = format_name(feed, symbol, name);
    if (find_place(&account->by_name, name, instrument))
        return MW_OK;
    if (account->instrument_count == MW_INSTRUMENTS_MAX)
        return mw_fail(err, MW_ELIMIT, "an account has at most %d instruments", MW_INSTRUMENTS_MAX);
    grow(account);
    *instrument = account->instrument_count++;
    struct mw_instrument *added = &account->instruments[*instrument];
    *added = (struct mw_instrument){
        .open_ms = INT64_MIN, .last = (double)NAN, .price = (double)NAN, .latest_ms = INT64_MAX};
    snprintf(added->feed, sizeof(added->feed), "%s", feed);
    snprintf(added->symbol, sizeof(added->symbol), "%s", symbol);
    mw_map_set(&account->by_name, name, length, place_of(*instrument));
    if (mw_map_set(&account->by_symbol, symbol, strlen(symbol), place_of(*instrument)) != NULL)
        mw_map_set(&account->by_symbol, symbol, strlen(symbol), &ambiguous);
    return MW_OK;
}

static mw_status fail_unknown(const struct mw_account *account, const char *name,
                              struct mw_error *err)
{
    const char **symbols = mw_realloc_array(NULL, account->instrument_count + 1, sizeof(*symbols));
    for (uint32_t i = 0; i < account->instrument_count; i++)
        symbols[i] = account->instruments[i].symbol;
    const char *near = strlen(name) < NAME_BYTES
                           ? mw_nearest_name(name, symbols, account->instrument_count)
                           : NULL;
    mw_free(symbols);
    return mw_fail(err, MW_EINVAL, "the account knows no symbol '%.*s'%s%s%s", NAME_BYTES, name,
                   near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                   near != NULL ? "?" : "");
}

mw_status mw_account_find(const struct mw_account *account, const char *name, uint32_t *instrument,
                          struct mw_error *err)
{
    if (find_place(&account->by_symbol, name, instrument) ||
        find_place(&account->by_name, name, instrument))
        return MW_OK;
    if (mw_map_find(&account->by_symbol, name, strlen(name)) == &ambiguous) {
        uint32_t first = 0;
        while (strcmp(account->instruments[first].symbol, name) != 0)
            first++;
        return mw_fail(err, MW_EINVAL, "several feeds have %s: want one, as in \"%s:%s\"", name,
                       account->instruments[first].feed, name);
    }
    return fail_unknown(account, name, err);
}

uint32_t mw_account_instrument_count(const struct mw_account *account)
{
    return account->instrument_count;
}

static const struct mw_instrument *get(const struct mw_account *account, uint32_t instrument)
{
    MW_CHECK(instrument < account->instrument_count);
    return &account->instruments[instrument];
}

const char *mw_account_symbol(const struct mw_account *account, uint32_t instrument)
{
    return get(account, instrument)->symbol;
}

const char *mw_account_feed(const struct mw_account *account, uint32_t instrument)
{
    return get(account, instrument)->feed;
}

bool mw_account_is_used(const struct mw_account *account)
{
    return account->is_used;
}

double mw_account_cash(const struct mw_account *account)
{
    return account->cash;
}

/* Summed up each time from what is held, so that it cannot drift from it. */
double mw_account_equity(const struct mw_account *account)
{
    double equity = account->cash;
    for (uint32_t i = 0; i < account->held_count; i++) {
        const struct mw_instrument *instrument = &account->instruments[account->held[i]];
        equity += instrument->amount * instrument->last;
    }
    return equity;
}

double mw_account_exposure(const struct mw_account *account)
{
    double exposure = 0;
    for (uint32_t i = 0; i < account->held_count; i++) {
        const struct mw_instrument *instrument = &account->instruments[account->held[i]];
        exposure += fabs(instrument->amount) * instrument->last;
    }
    return exposure;
}

uint32_t mw_account_position_count(const struct mw_account *account)
{
    return account->held_count;
}

struct mw_position mw_account_position(const struct mw_account *account, uint32_t instrument)
{
    const struct mw_instrument *of = get(account, instrument);
    struct mw_position position = {
        .amount = of->amount, .price = of->price, .last = of->last, .entry_ms = of->entry_ms};
    if (of->amount != 0)
        position.profit = of->amount * (of->last - of->price);
    return position;
}

const struct mw_order *mw_account_orders(const struct mw_account *account, uint32_t *count)
{
    *count = account->order_count;
    return account->orders;
}

static const void *items_of(const struct mw_account_history *history, uint32_t *count)
{
    *count = history->count;
    return history->count == 0 ? NULL : history->items + history->first * history->item_size;
}

const struct mw_trade *mw_account_trades(const struct mw_account *account, uint32_t *count)
{
    return items_of(&account->trades, count);
}

const struct mw_fill *mw_account_fills(const struct mw_account *account, uint32_t *count)
{
    return items_of(&account->fills, count);
}

void mw_account_get_totals(const struct mw_account *account, struct mw_account_totals *totals)
{
    *totals = account->totals;
}
