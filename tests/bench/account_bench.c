/* account_bench.c - what a bar costs a paper account, with and without orders and positions. */
#include <math.h>

#include "base/check.h"
#include "bench.h"
#include "script/account.h"

struct state {
    struct mw_account *account;
    struct mw_candle candle; /* the newest one told */
};

static void begin(struct state *state)
{
    struct mw_account_options options = mw_account_defaults();
    options.fee = 0; /* or millions of trades would eat up the cash */
    options.history = MW_ACCOUNT_HISTORY_DEFAULT;
    struct mw_error err;
    uint32_t instrument;
    *state = (struct state){
        .account = mw_account_new(&options),
        .candle = {.open = 100, .high = 101, .low = 99, .close = 100, .state = MW_CANDLE_CLOSED}};
    bench_require(mw_account_add(state->account, "bench", "A", &instrument, &err), &err);
}

static void tell(struct state *state)
{
    state->candle.open_ms += 60000;
    mw_account_take(state->account, 0, &state->candle, state->candle.open_ms + 60000);
}

static void tell_bars(void *user, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        tell(user);
}

static void tell_bars_and_ask(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t i = 0; i < count; i++) {
        tell(state);
        double equity = mw_account_equity(state->account);
        bench_keep(&equity);
    }
}

static void place(struct state *state, mw_side side, mw_order_type type, double price)
{
    const struct mw_order_request request = {
        .side = side, .type = type, .amount = 1, .value = (double)NAN, .price = price};
    struct mw_error err;
    uint64_t id;
    bench_require(
        mw_account_submit(state->account, &request, state->candle.open_ms + 60000, &id, &err),
        &err);
}

/* A market order on every bar, in turns on both sides. */
static void trade(void *user, uint64_t count)
{
    struct state *state = user;
    struct mw_order order;
    for (uint64_t i = 0; i < count; i++) {
        bool buys = mw_account_position(state->account, 0).amount <= 0;
        place(state, buys ? MW_SIDE_BUY : MW_SIDE_SELL, MW_ORDER_MARKET, (double)NAN);
        tell(state);
        MW_CHECK(mw_account_next_done(state->account, &order));
    }
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    struct state state;
    begin(&state);
    bench_print("account_bar_idle", bench_time(tell_bars, &state), "ns");
    bench_print("account_bar_idle_equity", bench_time(tell_bars_and_ask, &state), "ns");
    place(&state, MW_SIDE_BUY, MW_ORDER_MARKET, (double)NAN);
    tell(&state);
    bench_print("account_bar_held_equity", bench_time(tell_bars_and_ask, &state), "ns");
    place(&state, MW_SIDE_SELL, MW_ORDER_STOP, 90);
    place(&state, MW_SIDE_SELL, MW_ORDER_LIMIT, 110);
    bench_print("account_bar_two_orders", bench_time(tell_bars, &state), "ns");
    mw_account_cancel_all(state.account, 0, 0);
    bench_print("account_trade", bench_time(trade, &state), "ns");
    mw_account_free(state.account);
    return 0;
}
