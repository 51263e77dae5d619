/* account_model_test.c - thousands of random orders against a second ledger, made of fills alone.
 *
 * Three instruments walk at random, told of as bars that form or are closed at once, some of them
 * never. The second ledger knows nothing of orders: cash, amount, average price and fees follow
 * from the list of fills, and after each bar the account has to have the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "script/account.h"

enum { INSTRUMENTS = 3, BARS = 4000, MINUTE_MS = 60000 };

/* One instrument, and what the ledger knows of it. */
struct side {
    double price;             /* where the walk is */
    double high, low;         /* of all that was told in this call */
    long double amount, cost; /* cost: of what is held, at the average price */
    struct mw_candle candle;  /* the bar as it is now */
    bool is_quiet, forms;     /* it is never told of; it is also told of while it forms */
    bool was_told;            /* in this call */
};

struct model {
    struct mw_account *account;
    struct mw_account_options options;
    struct mw_random random;
    struct side sides[INSTRUMENTS];
    long double cash, fees, turnover, profit;
    uint32_t fills_read, trades_read;
    uint64_t filled, rejected, cancelled;
    int64_t now_ms;
};

static bool happens(struct model *model, double share)
{
    return mw_random_unit(&model->random) < share;
}

static double between(struct model *model, double low, double high)
{
    return low + (high - low) * mw_random_unit(&model->random);
}

static void expect_close(long double got, long double want, long double scale)
{
    if (fabsl(got - want) <= 1e-9L * (fabsl(scale) + 1))
        return;
    print_error("got %.17Lg, want %.17Lg\n", got, want);
    fail();
}

/* One fill in the second ledger. */
static void book(struct model *model, const struct mw_fill *fill)
{
    struct side *side = &model->sides[fill->instrument];
    long double sign = fill->side == MW_SIDE_BUY ? 1 : -1, amount = (long double)fill->amount;
    const long double price = (long double)fill->price, fee = (long double)fill->fee;
    model->cash -= sign * amount * price + fee;
    model->fees += fee;
    model->turnover += amount * price;
    long double held = fabsl(side->amount);
    if (side->amount * sign < 0) {
        long double closed = amount < held ? amount : held;
        long double entry = side->cost / held;
        model->profit += closed * (price - entry) * -sign;
        side->amount += sign * closed;
        side->cost -= closed * entry;
        amount -= closed;
        if (fabsl(side->amount) < 1e-11L)
            side->amount = side->cost = 0;
    }
    if (amount > 1e-11L) {
        side->amount += sign * amount;
        side->cost += amount * price;
    }
}

/* No fill at a price that this news cannot have had; that of a limit may be a worse one, when it
 * rested in a gap. */
static void check_price(const struct model *model, const struct mw_fill *fill,
                        const struct mw_order *order)
{
    const struct side *side = &model->sides[fill->instrument];
    double slip = order->request.type == MW_ORDER_LIMIT ? 0 : model->options.slippage;
    bool is_limit = order->request.type == MW_ORDER_LIMIT, buys = fill->side == MW_SIDE_BUY;
    assert_true(side->was_told);
    if (!is_limit || buys)
        assert_true(fill->price >= side->low * (1 - slip) * (1 - 1e-15));
    if (!is_limit || !buys)
        assert_true(fill->price <= side->high * (1 + slip) * (1 + 1e-15));
    assert_true(fill->amount > 0 && fill->time_ms <= model->now_ms);
}

static void check_done(struct model *model)
{
    struct mw_order order;
    uint32_t count;
    const struct mw_fill *fills = mw_account_fills(model->account, &count);
    while (mw_account_next_done(model->account, &order)) {
        assert_true(order.done_ms >= order.placed_ms);
        model->rejected += order.state == MW_ORDER_REJECTED;
        model->cancelled += order.state == MW_ORDER_CANCELLED;
        if (order.state == MW_ORDER_REJECTED)
            assert_true(order.reason[0] != '\0');
        if (order.state != MW_ORDER_FILLED)
            continue;
        assert_true(order.reason[0] == '\0');
        assert_true(model->fills_read < count);
        const struct mw_fill *fill = &fills[model->fills_read++];
        assert_int_equal(fill->order, order.id);
        assert_true(fill->price == order.price && fill->amount == order.amount);
        check_price(model, fill, &order);
        bool buys = order.request.side == MW_SIDE_BUY;
        if (order.request.type == MW_ORDER_LIMIT)
            assert_true(buys ? fill->price <= order.request.price
                             : fill->price >= order.request.price);
        if (order.request.type == MW_ORDER_STOP)
            assert_true(buys ? fill->price >= order.request.price
                             : fill->price <= order.request.price);
        book(model, fill);
        model->filled++;
    }
    assert_int_equal(model->fills_read, count);
}

static void check_ledger(struct model *model)
{
    long double equity = model->cash, exposure = 0, gain = 0;
    long double scale = model->turnover + 10000;
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        const struct side *side = &model->sides[i];
        struct mw_position position = mw_account_position(model->account, i);
        expect_close((long double)position.amount, side->amount, 1);
        assert_true((position.amount == 0) == (side->amount == 0));
        assert_true((position.amount == 0) == (bool)isnan(position.price));
        assert_true((position.amount == 0) == (position.entry_ms == 0));
        if (position.amount == 0)
            continue;
        expect_close((long double)position.price, side->cost / fabsl(side->amount), 100);
        equity += side->amount * (long double)position.last;
        exposure += fabsl(side->amount) * (long double)position.last;
        gain += (long double)position.profit;
    }
    expect_close((long double)mw_account_cash(model->account), model->cash, scale);
    expect_close((long double)mw_account_equity(model->account), equity, scale);
    expect_close((long double)mw_account_exposure(model->account), exposure, scale);
    struct mw_account_totals totals;
    mw_account_get_totals(model->account, &totals);
    expect_close((long double)totals.fees, model->fees, scale);
    expect_close((long double)totals.turnover, model->turnover, scale);
    expect_close((long double)model->options.cash + model->profit + gain - model->fees, equity,
                 scale);
}

/* What trades say is what the fills have realised. */
static void check_trades(struct model *model)
{
    uint32_t count;
    const struct mw_trade *trades = mw_account_trades(model->account, &count);
    long double profit = 0, fees = 0;
    for (uint32_t i = 0; i < count; i++) {
        profit += (long double)trades[i].profit + (long double)trades[i].fees;
        fees += (long double)trades[i].fees;
        assert_true(trades[i].entry_ms <= trades[i].exit_ms && trades[i].amount > 0);
    }
    expect_close(profit, model->profit, model->turnover);
    assert_true(fees <= model->fees * (1 + 1e-9L));
}

static void place(struct model *model)
{
    struct mw_order_request request = {
        .instrument = (uint32_t)(mw_random_next(&model->random) % INSTRUMENTS),
        .side = happens(model, 0.5) ? MW_SIDE_BUY : MW_SIDE_SELL,
        .type = (mw_order_type)(mw_random_next(&model->random) % 3),
        .amount = floor(between(model, 1, happens(model, 0.3) ? 1200 : 60)) / 10,
        .value = (double)NAN,
        .price = (double)NAN,
        .reduce = happens(model, 0.3)};
    double price = model->sides[request.instrument].price;
    if (request.type != MW_ORDER_MARKET)
        request.price = price * between(model, 0.99, 1.01);
    if (request.side == MW_SIDE_BUY && !request.reduce && happens(model, 0.3)) {
        request.value = request.amount * price;
        request.amount = (double)NAN;
    }
    double held = mw_account_position(model->account, request.instrument).amount;
    if (held != 0 && happens(model, 0.2)) { /* all of it */
        request.side = held > 0 ? MW_SIDE_SELL : MW_SIDE_BUY;
        request.amount = fabs(held);
        request.value = (double)NAN;
    }
    uint64_t id;
    mw_status status = mw_account_submit(model->account, &request, model->now_ms, &id, NULL);
    assert_true(status == MW_OK || status == MW_EORDER);
    if (status == MW_OK && happens(model, 0.1))
        assert_int_equal(mw_account_cancel(model->account, id, model->now_ms, NULL), MW_OK);
}

static void tell(struct model *model, uint32_t instrument, struct mw_candle *candle, int64_t now_ms)
{
    struct side *side = &model->sides[instrument];
    side->was_told = true;
    side->high = candle->high;
    side->low = candle->low;
    model->now_ms = now_ms;
    mw_account_take(model->account, instrument, candle, now_ms);
    check_done(model);
    check_ledger(model);
    side->was_told = false;
}

static double walk(struct model *model, struct side *side)
{
    side->price *= 1 + between(model, -0.002, 0.002);
    return side->price;
}

static void begin_bar(struct model *model, struct side *side, int64_t open_ms)
{
    if (happens(model, 0.05))
        side->price *= between(model, 0.97, 1.03);
    double open = walk(model, side);
    side->candle = (struct mw_candle){
        .open_ms = open_ms, .open = open, .high = open, .low = open, .close = open};
    side->is_quiet = happens(model, 0.05);
    side->forms = happens(model, 0.3);
}

static void go_on(struct model *model, struct side *side)
{
    struct mw_candle *candle = &side->candle;
    candle->close = walk(model, side);
    candle->high = fmax(candle->high, candle->close);
    candle->low = fmin(candle->low, candle->close);
    candle->volume++;
}

/* A minute of all instruments, in the order of time. */
static void tell_minute(struct model *model, int64_t open_ms)
{
    for (uint32_t i = 0; i < INSTRUMENTS; i++)
        begin_bar(model, &model->sides[i], open_ms);
    for (int step = 1; step <= 6; step++)
        for (uint32_t i = 0; i < INSTRUMENTS; i++) {
            struct side *side = &model->sides[i];
            go_on(model, side);
            if (side->is_quiet || !side->forms || !happens(model, 0.7))
                continue;
            tell(model, i, &side->candle, open_ms + step * INT64_C(9000));
            if (happens(model, 0.3))
                place(model);
        }
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        struct side *side = &model->sides[i];
        side->candle.state = MW_CANDLE_CLOSED;
        if (!side->is_quiet && !happens(model, 0.05)) /* else its end is never told */
            tell(model, i, &side->candle, open_ms + MINUTE_MS);
    }
}

static void run(uint64_t seed)
{
    struct model model = {.options = {.cash = 10000,
                                      .fee = 0.001,
                                      .maker_fee = seed % 3 == 0 ? -0.0002 : 0.0004,
                                      .fixed_fee = seed % 2 == 0 ? 0.01 : 0,
                                      .slippage = seed % 5 == 0 ? 0 : 0.0005,
                                      .leverage = seed % 4 == 0 ? 3 : 1}};
    model.random.state = seed;
    model.account = mw_account_new(&model.options);
    model.cash = (long double)model.options.cash;
    const char *const symbols[INSTRUMENTS] = {"A", "B", "C"};
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        uint32_t instrument;
        assert_int_equal(mw_account_add(model.account, "demo", symbols[i], &instrument, NULL),
                         MW_OK);
        model.sides[i].price = 100;
    }
    for (int64_t bar = 0; bar < BARS; bar++) {
        tell_minute(&model, bar * MINUTE_MS);
        if (happens(&model, 0.4))
            place(&model);
    }
    check_trades(&model);
    assert_true(model.filled > 3000 && model.rejected > 100 && model.cancelled > 500);
    mw_account_free(model.account);
}

static void agrees_with_a_second_ledger_after_every_bar(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_second_ledger_after_every_bar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
