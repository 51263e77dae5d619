/* account_order.c - placing and cancelling orders, and handing out those that are done. */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "script/account_parts.h"

const char *mw_side_text(mw_side side)
{
    return side == MW_SIDE_BUY ? "buy" : "sell";
}

const char *mw_order_type_text(mw_order_type type)
{
    static const char *const texts[] = {"market", "limit", "stop"};
    return texts[type];
}

const char *mw_order_state_text(mw_order_state state)
{
    static const char *const texts[] = {"open", "filled", "cancelled", "rejected"};
    return texts[state];
}

static bool is_number(double value)
{
    return value >= MW_ORDER_NUMBER_MIN && value <= MW_ORDER_NUMBER_MAX;
}

/* Amount and value: exactly one of them, a number that makes sense. */
static mw_status check_amount(const struct mw_order_request *request, struct mw_error *err)
{
    bool by_value = isnan(request->amount);
    if (by_value == isnan(request->value))
        return mw_fail(err, MW_EORDER, "want an amount or a value%s", by_value ? "" : ", not both");
    double number = by_value ? request->value : request->amount;
    if (!is_number(number))
        return mw_fail(err, MW_EORDER, "%s %g: want a number from %g to %g",
                       by_value ? "value" : "amount", number, MW_ORDER_NUMBER_MIN,
                       MW_ORDER_NUMBER_MAX);
    if (by_value && (request->side != MW_SIDE_BUY || request->reduce))
        return mw_fail(err, MW_EORDER, "only what buys anew can be by value: want an amount");
    return MW_OK;
}

static mw_status check_price(const struct mw_order_request *request, struct mw_error *err)
{
    const char *type = mw_order_type_text(request->type);
    if (request->type == MW_ORDER_MARKET)
        return isnan(request->price)
                   ? MW_OK
                   : mw_fail(err, MW_EORDER, "price %g: a market order has none", request->price);
    if (isnan(request->price))
        return mw_fail(err, MW_EORDER, "a %s order wants a price", type);
    if (!is_number(request->price))
        return mw_fail(err, MW_EORDER, "price %g: want a number from %g to %g", request->price,
                       MW_ORDER_NUMBER_MIN, MW_ORDER_NUMBER_MAX);
    return MW_OK;
}

/* Whether an open order may yet make a position that an order on `side` reduces. */
static bool is_entry_open(const struct mw_account *account, uint32_t instrument, mw_side side)
{
    for (uint32_t i = 0; i < account->order_count; i++) {
        const struct mw_order *order = &account->orders[i];
        if (order->state == MW_ORDER_OPEN && order->request.instrument == instrument &&
            order->request.side != side && !order->request.reduce)
            return true;
    }
    return false;
}

static bool has_purpose(const struct mw_account *account, const struct mw_order_request *request)
{
    const struct mw_instrument *instrument = &account->instruments[request->instrument];
    return mw_instrument_closable(instrument, request->side) > 0 ||
           is_entry_open(account, request->instrument, request->side);
}

static mw_status check_reduce(const struct mw_account *account,
                              const struct mw_order_request *request, struct mw_error *err)
{
    if (!request->reduce || has_purpose(account, request))
        return MW_OK;
    const struct mw_instrument *instrument = &account->instruments[request->instrument];
    if (instrument->amount == 0)
        return mw_fail(err, MW_EORDER,
                       "nothing to reduce: no position, and no order that opens "
                       "one");
    return mw_fail(err, MW_EORDER, "nothing to reduce: to %s would add to a position of %.12g",
                   mw_side_text(request->side), instrument->amount);
}

/* Only market orders: what others need is known when they are filled. */
static mw_status check_money(struct mw_account *account, const struct mw_order_request *request,
                             struct mw_error *err)
{
    const struct mw_instrument *instrument = &account->instruments[request->instrument];
    if (request->type != MW_ORDER_MARKET || request->reduce || isnan(instrument->last))
        return MW_OK;
    double price = mw_account_slipped(account, request->side, instrument->last);
    double rate = mw_account_fee_rate(account, false);
    double amount = mw_account_amount(account, request, price, rate);
    if (!(amount >= MW_ORDER_NUMBER_MIN))
        return mw_fail(err, MW_EORDER, "a value of %g buys nothing after fees", request->value);
    const struct mw_fill_plan plan = {.instrument = request->instrument,
                                      .change = mw_side_sign(request->side) * amount,
                                      .price = price,
                                      .fee = amount * price * rate + account->options.fixed_fee,
                                      .order = account->last_id + 1};
    char reason[MW_ORDER_REASON_BYTES_MAX + 1];
    if (mw_account_affords(account, &plan, reason))
        return MW_OK;
    return mw_fail(err, MW_EORDER, "%s", reason);
}

static mw_status check_request(struct mw_account *account, const struct mw_order_request *request,
                               struct mw_error *err)
{
    mw_status status = check_amount(request, err);
    if (status == MW_OK)
        status = check_price(request, err);
    if (status == MW_OK && account->order_count == MW_ORDERS_MAX)
        status = mw_fail(err, MW_EORDER, "%d orders are open, which is the most", MW_ORDERS_MAX);
    if (status == MW_OK)
        status = check_reduce(account, request, err);
    if (status == MW_OK)
        status = check_money(account, request, err);
    return status;
}

void mw_account_bound_time(struct mw_account *account, uint32_t instrument, int64_t latest_ms)
{
    MW_CHECK(instrument < account->instrument_count);
    account->instruments[instrument].latest_ms = latest_ms;
    if (latest_ms == INT64_MAX || account->instruments[instrument].order_count == 0)
        return;
    for (uint32_t i = 0; i < account->order_count; i++) {
        struct mw_order *order = &account->orders[i];
        if (order->request.instrument == instrument && order->placed_ms > latest_ms)
            order->placed_ms = latest_ms;
    }
}

/* When something that is done at `now_ms` is done by the time of an instrument's prices. */
static int64_t time_at(const struct mw_account *account, uint32_t instrument, int64_t now_ms)
{
    int64_t latest_ms = account->instruments[instrument].latest_ms;
    return now_ms < latest_ms ? now_ms : latest_ms;
}

mw_status mw_account_submit(struct mw_account *account, const struct mw_order_request *request,
                            int64_t now_ms, uint64_t *id, struct mw_error *err)
{
    MW_CHECK(request->instrument < account->instrument_count);
    struct mw_instrument *instrument = &account->instruments[request->instrument];
    account->is_used = true;
    mw_status status = check_request(account, request, err);
    if (status != MW_OK) {
        account->totals.rejected++;
        return mw_fail_within(err, status, "%s %s", mw_side_text(request->side),
                              instrument->symbol);
    }
    if (account->order_count == account->order_capacity) {
        account->order_capacity = account->order_capacity == 0 ? 8 : 2 * account->order_capacity;
        account->orders =
            mw_realloc_array(account->orders, account->order_capacity, sizeof(*account->orders));
    }
    account->orders[account->order_count++] =
        (struct mw_order){.request = *request,
                          .id = ++account->last_id,
                          .state = MW_ORDER_OPEN,
                          .placed_ms = time_at(account, request->instrument, now_ms)};
    instrument->order_count++;
    account->market_count += request->type == MW_ORDER_MARKET;
    account->totals.orders++;
    *id = account->last_id;
    return MW_OK;
}

/* A place in the ring of done orders; when it is full the oldest gives way. */
static struct mw_order *add_done(struct mw_account *account)
{
    if (account->done_count == MW_ORDERS_DONE_MAX) {
        account->done_first = (account->done_first + 1) % account->done_capacity;
        account->done_count--;
    }
    if (account->done_count == account->done_capacity) {
        uint32_t capacity = account->done_capacity == 0 ? 8 : 2 * account->done_capacity;
        struct mw_order *done = mw_realloc_array(NULL, capacity, sizeof(*done));
        for (uint32_t i = 0; i < account->done_count; i++)
            done[i] = account->done[(account->done_first + i) % account->done_capacity];
        mw_free(account->done);
        account->done = done;
        account->done_capacity = capacity;
        account->done_first = 0;
    }
    return &account->done[(account->done_first + account->done_count++) % account->done_capacity];
}

uint32_t mw_account_done_count(const struct mw_account *account)
{
    return account->done_count;
}

bool mw_account_next_done(struct mw_account *account, struct mw_order *order)
{
    if (account->done_count == 0)
        return false;
    *order = account->done[account->done_first];
    account->done_first = (account->done_first + 1) % account->done_capacity;
    account->done_count--;
    return true;
}

void mw_account_finish(struct mw_account *account, struct mw_order *order, mw_order_state state,
                       int64_t now_ms)
{
    MW_CHECK(order->state == MW_ORDER_OPEN);
    order->state = state;
    order->done_ms = now_ms;
    account->instruments[order->request.instrument].order_count--;
    account->market_count -= order->request.type == MW_ORDER_MARKET;
    account->totals.cancelled += state == MW_ORDER_CANCELLED;
    *add_done(account) = *order;
}

void mw_account_sweep(struct mw_account *account, uint32_t instrument, int64_t now_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < account->order_count; i++) {
        struct mw_order *order = &account->orders[i];
        if (order->state == MW_ORDER_OPEN && order->request.reduce &&
            order->request.instrument == instrument && !has_purpose(account, &order->request)) {
            snprintf(order->reason, sizeof(order->reason), "nothing left to reduce");
            mw_account_finish(account, order, MW_ORDER_CANCELLED, now_ms);
        }
    }
    for (uint32_t i = 0; i < account->order_count; i++)
        if (account->orders[i].state == MW_ORDER_OPEN) {
            if (kept != i)
                account->orders[kept] = account->orders[i];
            kept++;
        }
    account->order_count = kept;
}

mw_status mw_account_cancel(struct mw_account *account, uint64_t id, int64_t now_ms,
                            struct mw_error *err)
{
    for (uint32_t i = 0; i < account->order_count; i++) {
        struct mw_order *order = &account->orders[i];
        if (order->id != id)
            continue;
        uint32_t instrument = order->request.instrument;
        now_ms = time_at(account, instrument, now_ms);
        mw_account_finish(account, order, MW_ORDER_CANCELLED, now_ms);
        mw_account_sweep(account, instrument, now_ms);
        return MW_OK;
    }
    return mw_fail(err, MW_EORDER, "order %lld is not open", (long long)id);
}

uint32_t mw_account_cancel_all(struct mw_account *account, uint32_t instrument, int64_t now_ms)
{
    MW_CHECK(instrument < account->instrument_count);
    uint32_t count = 0;
    now_ms = time_at(account, instrument, now_ms);
    for (uint32_t i = 0; i < account->order_count; i++) {
        struct mw_order *order = &account->orders[i];
        if (order->request.instrument != instrument)
            continue;
        mw_account_finish(account, order, MW_ORDER_CANCELLED, now_ms);
        count++;
    }
    if (count > 0)
        mw_account_sweep(account, instrument, now_ms);
    return count;
}
