/* account_fill.c - one fill: what it does to cash and position, and the trade that it closes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "script/account_parts.h"

/* What is left of a position, as a part of the most that it was, is nothing: the residue of sums of
 * decimals. */
#define RESIDUE 1e-12

void *mw_account_history_add(struct mw_account_history *history)
{
    if (history->count == history->count_max) {
        history->first++;
        history->count--;
    }
    if (history->first + history->count == history->capacity) {
        if (history->first > history->capacity / 2) {
            memmove(history->items, history->items + history->first * history->item_size,
                    history->count * history->item_size);
            history->first = 0;
        } else {
            history->capacity = history->capacity == 0 ? 16 : 2 * history->capacity;
            history->items =
                mw_realloc_array(history->items, history->capacity, history->item_size);
        }
    }
    return history->items + (history->first + history->count++) * history->item_size;
}

/* Adds to the sum that is amount + amount_rest, with what the addition rounds away. */
static void add_amount(struct mw_instrument *instrument, double change)
{
    double a = instrument->amount, sum = a + change, b = sum - a;
    double lost = (a - (sum - b)) + (change - b) + instrument->amount_rest;
    instrument->amount = sum + lost;
    instrument->amount_rest = lost - (instrument->amount - sum);
}

static void begin_position(struct mw_account *account, uint32_t index, int64_t time_ms)
{
    struct mw_instrument *instrument = &account->instruments[index];
    instrument->entry_ms = time_ms;
    instrument->held_at = account->held_count;
    account->held[account->held_count++] = index;
}

static void end_position(struct mw_account *account, uint32_t index)
{
    struct mw_instrument *instrument = &account->instruments[index];
    uint32_t moved = account->held[--account->held_count];
    account->held[instrument->held_at] = moved;
    account->instruments[moved].held_at = instrument->held_at;
    instrument->amount = instrument->amount_rest = instrument->amount_peak = 0;
    instrument->fees = 0;
    instrument->price = (double)NAN;
    instrument->entry_ms = 0;
}

/* Closes `fill->amount` of the position, or all of it; `fill` has that part's amount and fee. */
static void close_part(struct mw_account *account, const struct mw_fill *fill, const char *tag)
{
    struct mw_instrument *instrument = &account->instruments[fill->instrument];
    double held = fabs(instrument->amount), sign = instrument->amount > 0 ? 1 : -1;
    bool all = fill->amount == held;
    double entry_fees = all ? instrument->fees : instrument->fees * (fill->amount / held);
    struct mw_trade *trade = mw_account_history_add(&account->trades);
    *trade = (struct mw_trade){.instrument = fill->instrument,
                               .side = sign > 0 ? MW_SIDE_BUY : MW_SIDE_SELL,
                               .entry_ms = instrument->entry_ms,
                               .exit_ms = fill->time_ms,
                               .amount = fill->amount,
                               .entry = instrument->price,
                               .exit = fill->price,
                               .fees = entry_fees + fill->fee};
    trade->profit = fill->amount * (trade->exit - trade->entry) * sign - trade->fees;
    snprintf(trade->tag, sizeof(trade->tag), "%s", tag);
    account->totals.trades++;
    if (all) {
        end_position(account, fill->instrument);
        return;
    }
    instrument->fees -= entry_fees;
    add_amount(instrument, -sign * fill->amount);
}

/* Opens a position, or adds to it. */
static void open_part(struct mw_account *account, const struct mw_fill *fill)
{
    struct mw_instrument *instrument = &account->instruments[fill->instrument];
    double held = fabs(instrument->amount);
    if (held == 0) {
        begin_position(account, fill->instrument, fill->time_ms);
        instrument->price = fill->price;
    } else {
        /* Between the two prices whatever the rounding. */
        double share = fill->amount / (held + fill->amount);
        instrument->price += (fill->price - instrument->price) * share;
    }
    instrument->fees += fill->fee;
    add_amount(instrument, mw_side_sign(fill->side) * fill->amount);
    instrument->amount_peak = fmax(instrument->amount_peak, fabs(instrument->amount));
}

/* Books a fill; returns how much of it opened. */
static double book(struct mw_account *account, const struct mw_fill *fill, const char *tag)
{
    const struct mw_instrument *instrument = &account->instruments[fill->instrument];
    double turnover = fill->amount * fill->price;
    account->cash -= mw_side_sign(fill->side) * turnover + fill->fee;
    account->totals.fills++;
    account->totals.fees += fill->fee;
    account->totals.turnover += turnover;
    *(struct mw_fill *)mw_account_history_add(&account->fills) = *fill;

    double closing = fmin(mw_instrument_closable(instrument, fill->side), fill->amount);
    double opening = fill->amount - closing, closing_fee = fill->fee;
    if (closing > 0) {
        if (opening > 0)
            closing_fee = fill->fee * (closing / fill->amount);
        struct mw_fill part = *fill;
        part.amount = closing;
        part.fee = closing_fee;
        close_part(account, &part, tag);
    }
    if (opening > 0) {
        struct mw_fill part = *fill;
        part.amount = opening;
        part.fee = closing > 0 ? fill->fee - closing_fee : fill->fee;
        open_part(account, &part);
    }
    return opening;
}

/* The amount of an order at a price: what closes a position but for a residue closes it. */
static double fill_amount(const struct mw_account *account, const struct mw_order_request *request,
                          double price, double fee_rate)
{
    const struct mw_instrument *instrument = &account->instruments[request->instrument];
    double amount = mw_account_amount(account, request, price, fee_rate);
    double closable = mw_instrument_closable(instrument, request->side);
    if (request->reduce)
        amount = fmin(amount, closable);
    if (closable > 0 && fabs(amount - closable) <= RESIDUE * instrument->amount_peak)
        amount = closable;
    return amount;
}

static void reject(struct mw_account *account, struct mw_order *order, int64_t time_ms)
{
    account->totals.rejected++;
    mw_account_finish(account, order, MW_ORDER_REJECTED, time_ms);
}

double mw_account_fill(struct mw_account *account, struct mw_order *order,
                       const struct mw_fill_terms *terms)
{
    const struct mw_order_request *request = &order->request;
    double rate = mw_account_fee_rate(account, terms->maker);
    double price =
        terms->slips ? mw_account_slipped(account, request->side, terms->price) : terms->price;
    double amount = fill_amount(account, request, price, rate);
    if (!(amount >= MW_ORDER_NUMBER_MIN) && !request->reduce) {
        char text[MW_MONEY_BYTES];
        snprintf(order->reason, sizeof(order->reason), "a value of %s buys nothing after fees",
                 mw_account_money(request->value, 2, text));
        reject(account, order, terms->time_ms);
        return 0;
    }
    double fee = amount * price * rate + account->options.fixed_fee;
    const struct mw_fill_plan plan = {.instrument = request->instrument,
                                      .change = mw_side_sign(request->side) * amount,
                                      .price = price,
                                      .fee = fee,
                                      .order = order->id};
    if (!mw_account_affords(account, &plan, order->reason)) {
        reject(account, order, terms->time_ms);
        return 0;
    }
    const struct mw_fill fill = {.order = order->id,
                                 .instrument = request->instrument,
                                 .side = request->side,
                                 .time_ms = terms->time_ms,
                                 .within = terms->within,
                                 .amount = amount,
                                 .price = price,
                                 .fee = fee};
    order->amount = amount;
    order->price = price;
    order->fee = fee;
    double opened = book(account, &fill, request->tag);
    mw_account_finish(account, order, MW_ORDER_FILLED, terms->time_ms);
    return opened;
}
