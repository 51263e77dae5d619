/* account_check.c - whether an account can pay for what an order would do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "script/account_parts.h"

/* Sums of money are compared to this many of their digits: an order for all of the cash is not
 * refused for the last bit of a product. */
#define TOLERANCE 1e-12

const char *mw_account_money(double value, int decimals, char text[MW_MONEY_BYTES])
{
    char plain[MW_MONEY_BYTES];
    if (!(fabs(value) < 1e15)) {
        snprintf(text, MW_MONEY_BYTES, "%.6g", value);
        return text;
    }
    snprintf(plain, sizeof(plain), "%.*f", decimals, value);
    return mw_decimal_group(plain, text, MW_MONEY_BYTES);
}

/* With as many decimals as show the difference. */
static void explain(double needed, double has, bool some_is_bound,
                    char reason[MW_ORDER_REASON_BYTES_MAX + 1])
{
    char needed_text[MW_MONEY_BYTES], has_text[MW_MONEY_BYTES];
    for (int decimals = 2; decimals <= 10; decimals += 4) {
        mw_account_money(needed, decimals, needed_text);
        mw_account_money(has, decimals, has_text);
        if (strcmp(needed_text, has_text) != 0)
            break;
    }
    snprintf(reason, MW_ORDER_REASON_BYTES_MAX + 1, "needs %s, the account has %s%s", needed_text,
             has_text, some_is_bound ? " free" : "");
}

double mw_account_amount(const struct mw_account *account, const struct mw_order_request *request,
                         double price, double fee_rate)
{
    if (isnan(request->value))
        return request->amount;
    return (request->value - account->options.fixed_fee) / (price * (1.0 + fee_rate));
}

double mw_instrument_closable(const struct mw_instrument *instrument, mw_side side)
{
    double against = -mw_side_sign(side) * instrument->amount;
    return against > 0 ? against : 0;
}

/* What a waiting market order will change, at the last price. */
static double change_of(const struct mw_account *account, const struct mw_order *order)
{
    const struct mw_instrument *instrument = &account->instruments[order->request.instrument];
    double sign = mw_side_sign(order->request.side);
    double price = mw_account_slipped(account, order->request.side, instrument->last);
    double amount = mw_account_amount(account, &order->request, price, account->options.fee);
    if (order->request.reduce) {
        double left = -sign * (instrument->amount + instrument->pending);
        amount = fmin(amount, fmax(left, 0));
    }
    return amount > 0 ? sign * amount : 0; /* also when there is no price yet */
}

/* Sets `pending` of all instruments; returns the fees of what waits. */
static double foresee(struct mw_account *account, uint64_t id)
{
    double fees = 0;
    for (uint32_t i = 0; i < account->instrument_count; i++)
        account->instruments[i].pending = 0;
    for (uint32_t i = 0; i < account->order_count; i++) {
        const struct mw_order *order = &account->orders[i];
        if (order->id >= id)
            break;
        if (order->state != MW_ORDER_OPEN || order->request.type != MW_ORDER_MARKET)
            continue;
        struct mw_instrument *instrument = &account->instruments[order->request.instrument];
        double change = isnan(instrument->last) ? 0 : change_of(account, order);
        instrument->pending += change;
        if (change != 0)
            fees +=
                fabs(change) * instrument->last * account->options.fee + account->options.fixed_fee;
    }
    return fees;
}

/* What there is besides one instrument. */
struct rest {
    double equity, exposure;
};

static void add_rest(struct rest *rest, const struct mw_instrument *instrument, double pending)
{
    if (isnan(instrument->last))
        return;
    rest->equity += instrument->amount * instrument->last;
    rest->exposure += fabs(instrument->amount + pending) * instrument->last;
}

/* Cash and all other instruments. Sets `pending` of the instrument itself. */
static struct rest rest_of(struct mw_account *account, uint32_t own, uint64_t id)
{
    struct rest rest = {.equity = account->cash};
    account->instruments[own].pending = 0;
    if (account->market_count == 0) {
        for (uint32_t i = 0; i < account->held_count; i++)
            if (account->held[i] != own)
                add_rest(&rest, &account->instruments[account->held[i]], 0);
        return rest;
    }
    rest.equity -= foresee(account, id);
    for (uint32_t i = 0; i < account->instrument_count; i++)
        if (i != own)
            add_rest(&rest, &account->instruments[i], account->instruments[i].pending);
    return rest;
}

static bool has_no_equity(double equity, char reason[MW_ORDER_REASON_BYTES_MAX + 1])
{
    char text[MW_MONEY_BYTES];
    snprintf(reason, MW_ORDER_REASON_BYTES_MAX + 1,
             "an equity of %s after fees allows no new position",
             mw_account_money(equity, 2, text));
    return false;
}

bool mw_account_affords(struct mw_account *account, const struct mw_fill_plan *plan,
                        char reason[MW_ORDER_REASON_BYTES_MAX + 1])
{
    struct rest rest = rest_of(account, plan->instrument, plan->order);
    const struct mw_instrument *own = &account->instruments[plan->instrument];
    /* Of the instrument itself what waits counts for an order that is only placed: when one is
     * filled those before it are. */
    bool is_placed = plan->order <= account->last_id;
    double before = is_placed ? own->amount : own->amount + own->pending;
    double after = before + plan->change;
    if (after == 0 || (after > 0) != (plan->change > 0))
        return true; /* it only closes */

    double equity = rest.equity + own->amount * plan->price;
    double bound = rest.exposure + fabs(before) * plan->price;
    double more = (fabs(after) - fabs(before)) * plan->price;
    if (equity <= 0 || (more <= 0 && equity - plan->fee <= 0))
        return has_no_equity(equity - plan->fee, reason);
    if (more <= 0)
        return true;
    double needed = more / account->options.leverage + plan->fee;
    double has = equity - bound / account->options.leverage;
    if (needed <= has + TOLERANCE * (equity + bound + more))
        return true;
    explain(needed, has, bound > 0, reason);
    return false;
}
