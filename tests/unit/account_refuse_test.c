/* account_refuse_test.c - what an account refuses, when placed or when filled, and why. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account_bench.h"

static const struct mw_account_options plain = {
    .cash = 10000, .maker_fee = (double)NAN, .leverage = 1};

static uint64_t rejected_count(const struct account_bench *bench)
{
    struct mw_account_totals totals;
    mw_account_get_totals(bench->account, &totals);
    return totals.rejected;
}

/* The request is refused with these words, and nothing else changes. */
static void expect_refused(struct account_bench *bench, const struct mw_order_request *request,
                           const char *words)
{
    uint64_t id = 77, rejected = rejected_count(bench);
    uint32_t before, after;
    mw_account_orders(bench->account, &before);
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_account_submit(bench->account, request, bench->now_ms, &id, &err),
                     MW_EORDER);
    assert_string_equal(err.message, words);
    assert_int_equal(id, 77);
    mw_account_orders(bench->account, &after);
    assert_int_equal(before, after);
    assert_int_equal(rejected_count(bench), rejected + 1);
    assert_int_equal(mw_account_done_count(bench->account), 0);
}

static void refuses_numbers_that_are_none(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    const struct {
        double amount, value, price;
        const char *words;
    } cases[] = {
        {0, (double)NAN, 5, "buy A: amount 0: want a number from 1e-12 to 1e+15"},
        {-0.0, (double)NAN, 5, "buy A: amount -0: want a number from 1e-12 to 1e+15"},
        {-1, (double)NAN, 5, "buy A: amount -1: want a number from 1e-12 to 1e+15"},
        {(double)INFINITY, (double)NAN, 5, "buy A: amount inf: want a number from 1e-12 to 1e+15"},
        {5e-324, (double)NAN, 5, "buy A: amount 4.94066e-324: want a number from 1e-12 to 1e+15"},
        {1.1e15, (double)NAN, 5, "buy A: amount 1.1e+15: want a number from 1e-12 to 1e+15"},
        {(double)NAN, 0, 5, "buy A: value 0: want a number from 1e-12 to 1e+15"},
        {(double)NAN, (double)INFINITY, 5, "buy A: value inf: want a number from 1e-12 to 1e+15"},
        {(double)NAN, (double)NAN, 5, "buy A: want an amount or a value"},
        {1, 1, 5, "buy A: want an amount or a value, not both"},
        {1, (double)NAN, 0, "buy A: price 0: want a number from 1e-12 to 1e+15"},
        {1, (double)NAN, -5, "buy A: price -5: want a number from 1e-12 to 1e+15"},
        {1, (double)NAN, (double)INFINITY, "buy A: price inf: want a number from 1e-12 to 1e+15"},
        {1, (double)NAN, 1e-13, "buy A: price 1e-13: want a number from 1e-12 to 1e+15"},
        {1, (double)NAN, (double)NAN, "buy A: a limit order wants a price"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mw_order_request request =
            account_bench_request(MW_SIDE_BUY, MW_ORDER_LIMIT, cases[i].amount);
        request.value = cases[i].value;
        request.price = cases[i].price;
        expect_refused(&bench, &request, cases[i].words);
    }
    struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, 1);
    request.price = 5;
    expect_refused(&bench, &request, "buy A: price 5: a market order has none");
    request = account_bench_request(MW_SIDE_SELL, MW_ORDER_MARKET, (double)NAN);
    request.value = 5;
    expect_refused(&bench, &request, "sell A: only what buys anew can be by value: want an amount");
    account_bench_end(&bench);
}

static void takes_numbers_at_the_bounds(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1e-12, 1e15);
    account_bench_limit(&bench, MW_SIDE_SELL, 1e15, 1e15);
    account_bench_limit(&bench, MW_SIDE_BUY, 1e15, 1e-12);
    account_bench_limit(&bench, MW_SIDE_BUY, 1e-12, 1e-12);
    account_bench_close(&bench, 100, 1e15, 1e-12, 100);
    struct mw_order order;
    while (mw_account_next_done(bench.account, &order))
        assert_true(order.state != MW_ORDER_REJECTED || order.request.price > 1);
    assert_true(isfinite(mw_account_equity(bench.account)));
    assert_true(mw_account_equity(bench.account) > 0);
    account_bench_end(&bench);
}

static void says_what_a_market_order_needs_and_what_there_is(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.fee = 0.01;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    account_bench_close(&bench, 100, 100, 100, 100);
    struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, 100);
    expect_refused(&bench, &request, "buy A: needs 10,100.00, the account has 10,000.00");
    request.amount = 1e12;
    expect_refused(&bench, &request,
                   "buy A: needs 101,000,000,000,000.00, the account has 10,000.00");
    request.amount = 1e15;
    expect_refused(&bench, &request, "buy A: needs 1.01e+17, the account has 10,000.00");
    request.amount = 99.00990100; /* 1e-6 too much */
    expect_refused(&bench, &request, "buy A: needs 10,000.000001, the account has 10,000.000000");
    request.side = MW_SIDE_SELL; /* a short binds as much */
    request.amount = 100;
    expect_refused(&bench, &request, "sell A: needs 10,100.00, the account has 10,000.00");
    account_bench_market(&bench, MW_SIDE_BUY, 50);
    request.side = MW_SIDE_BUY;
    request.amount = 50; /* what waits counts, with its fee of 50 */
    expect_refused(&bench, &request, "buy A: needs 5,050.00, the account has 4,950.00 free");
    account_bench_close(&bench, 100, 100, 100, 100);
    assert_int_equal(mw_account_done_count(bench.account), 1);
    account_bench_end(&bench);
}

static void spends_all_of_the_cash_by_value(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.fee = 0.00075;
    options.fixed_fee = 0.3;
    options.slippage = 0.0003;
    for (int i = 1; i < 200; i++) {
        struct account_bench bench;
        options.cash = 10000.0 / 3 + i * 0.77;
        account_bench_begin(&bench, &options);
        account_bench_close(&bench, i * 0.37, i * 0.37, i * 0.37, i * 0.37);
        struct mw_order_request request =
            account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, (double)NAN);
        request.value = options.cash;
        account_bench_place(&bench, &request);
        double open = i * 0.371; /* the price has moved: the value has not */
        account_bench_close(&bench, open, open, open, open);
        struct mw_order order;
        assert_true(mw_account_next_done(bench.account, &order));
        assert_int_equal(order.state, MW_ORDER_FILLED);
        ASSERT_NEAR(mw_account_cash(bench.account), 0);
        account_bench_end(&bench);
    }
}

static void rejects_when_filled_what_cannot_be_paid_then(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 100);
    account_bench_close(&bench, 101, 101, 101, 101);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    assert_int_equal(order.state, MW_ORDER_REJECTED);
    assert_string_equal(order.reason, "needs 10,100.00, the account has 10,000.00");
    assert_true(order.amount == 0 && order.fee == 0);
    assert_int_equal(rejected_count(&bench), 1);
    account_bench_limit(&bench, MW_SIDE_BUY, 200, 60); /* judged when it is reached */
    account_bench_close(&bench, 101, 101, 60, 60);
    assert_true(mw_account_next_done(bench.account, &order));
    assert_string_equal(order.reason, "needs 12,000.00, the account has 10,000.00");
    account_bench_end(&bench);
}

static void rejects_a_value_that_does_not_pay_the_fees(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.fixed_fee = 2;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    struct mw_order_request request =
        account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, (double)NAN);
    request.value = 2;
    account_bench_place(&bench, &request); /* no price yet, so nothing is judged */
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_close(&bench, 100, 100, 100, 100);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    assert_int_equal(order.state, MW_ORDER_REJECTED);
    assert_string_equal(order.reason, "a value of 2.00 buys nothing after fees");
    expect_refused(&bench, &request, "buy A: a value of 2 buys nothing after fees");
    account_bench_end(&bench);
}

static void uses_leverage_up_to_the_last_unit(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.leverage = 3;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    account_bench_close(&bench, 100, 100, 100, 100);
    struct mw_order_request request = account_bench_request(MW_SIDE_SELL, MW_ORDER_MARKET, 300.01);
    expect_refused(&bench, &request, "sell A: needs 10,000.33, the account has 10,000.00");
    account_bench_market(&bench, MW_SIDE_SELL, 300);
    account_bench_close(&bench, 100, 100, 100, 100);
    assert_true(mw_account_exposure(bench.account) == 30000);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    /* To the other side of the same size is no more exposure, and one unit more is. */
    request = account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, 601);
    expect_refused(&bench, &request, "buy A: needs 33.33, the account has 0.00 free");
    account_bench_market(&bench, MW_SIDE_BUY, 600);
    account_bench_close(&bench, 100, 100, 100, 100);
    assert_true(mw_account_position(bench.account, 0).amount == 300);
    account_bench_end(&bench);
}

static void lets_a_squeezed_short_close_but_nothing_else(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_market(&bench, MW_SIDE_SELL, 100);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_close(&bench, 250, 250, 250, 250); /* 20,000 in cash less 25,000 */
    assert_true(mw_account_equity(bench.account) == -5000);
    struct mw_order_request request = account_bench_request(MW_SIDE_SELL, MW_ORDER_MARKET, 1);
    const char *words = "an equity of -5,000.00 after fees allows no new position";
    char text[128];
    snprintf(text, sizeof(text), "sell A: %s", words);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    expect_refused(&bench, &request, text);
    account_bench_limit(&bench, MW_SIDE_BUY, 101, 250); /* would flip: rejected when filled */
    account_bench_close(&bench, 250, 250, 250, 250);
    assert_true(mw_account_next_done(bench.account, &order));
    assert_string_equal(order.reason, words);
    account_bench_market(&bench, MW_SIDE_BUY, 100);
    account_bench_close(&bench, 250, 250, 250, 250);
    assert_true(mw_account_position(bench.account, 0).amount == 0);
    assert_true(mw_account_cash(bench.account) == -5000);
    account_bench_end(&bench);
}

/* B's bar comes first, and is bought with what A's sale brings. */
static void moves_from_one_instrument_to_another_in_either_order(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        struct account_bench bench;
        account_bench_begin(&bench, &plain);
        uint32_t other;
        assert_int_equal(mw_account_add(bench.account, "demo", "B", &other, NULL), MW_OK);
        struct mw_candle candle = {
            .open = 100, .high = 100, .low = 100, .close = 100, .state = MW_CANDLE_CLOSED};
        mw_account_take(bench.account, 0, &candle, 60000);
        mw_account_take(bench.account, 1, &candle, 60000);
        bench.now_ms = bench.open_ms = candle.open_ms = 60000;
        account_bench_market(&bench, MW_SIDE_BUY, 100);
        mw_account_take(bench.account, 0, &candle, 120000);
        mw_account_take(bench.account, 1, &candle, 120000);
        bench.now_ms = candle.open_ms = 120000;
        account_bench_market(&bench, MW_SIDE_SELL, 100);
        struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_MARKET, 100);
        request.instrument = other;
        account_bench_place(&bench, &request);
        mw_account_take(bench.account, first, &candle, 180000);
        mw_account_take(bench.account, 1 - first, &candle, 180000);
        assert_true(mw_account_position(bench.account, 0).amount == 0);
        assert_true(mw_account_position(bench.account, 1).amount == 100);
        account_bench_end(&bench);
    }
}

static void refuses_to_reduce_what_is_not_there(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    struct mw_order_request request = account_bench_request(MW_SIDE_SELL, MW_ORDER_MARKET, 1);
    request.reduce = true;
    expect_refused(&bench, &request,
                   "sell A: nothing to reduce: no position, and no order that opens one");
    account_bench_market(&bench, MW_SIDE_SELL, 0.25);
    account_bench_close(&bench, 100, 100, 100, 100);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    expect_refused(&bench, &request,
                   "sell A: nothing to reduce: to sell would add to a position of -0.25");
    account_bench_end(&bench);
}

static void holds_so_many_orders_and_no_more(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    for (int i = 0; i < MW_ORDERS_MAX; i++)
        account_bench_limit(&bench, MW_SIDE_BUY, 1, 1);
    struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_LIMIT, 1);
    request.price = 1;
    expect_refused(&bench, &request, "buy A: 4096 orders are open, which is the most");
    assert_int_equal(mw_account_cancel_all(bench.account, 0, 1), MW_ORDERS_MAX);
    account_bench_place(&bench, &request);
    account_bench_end(&bench);
}

static void remembers_so_many_done_orders_and_drops_the_oldest(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    for (int i = 0; i < MW_ORDERS_DONE_MAX + 5; i++) {
        uint64_t id = account_bench_limit(&bench, MW_SIDE_BUY, 1, 1);
        assert_int_equal(mw_account_cancel(bench.account, id, 1, NULL), MW_OK);
    }
    assert_int_equal(mw_account_done_count(bench.account), MW_ORDERS_DONE_MAX);
    struct mw_order order;
    for (uint64_t id = 6; mw_account_next_done(bench.account, &order); id++)
        assert_int_equal(order.id, id);
    assert_int_equal(order.id, MW_ORDERS_DONE_MAX + 5);
    account_bench_end(&bench);
}

static void cancels_only_what_is_open(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_account_cancel(bench.account, 0, 1, &err), MW_EORDER);
    assert_int_equal(mw_account_cancel(bench.account, 17, 1, &err), MW_EORDER);
    assert_string_equal(err.message, "order 17 is not open");
    uint64_t id = account_bench_limit(&bench, MW_SIDE_BUY, 1, 1);
    assert_int_equal(mw_account_cancel(bench.account, id, 1, &err), MW_OK);
    assert_int_equal(mw_account_cancel(bench.account, id, 1, &err), MW_EORDER);
    account_bench_end(&bench);
}

static void finds_instruments_by_symbol_and_by_feed(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    uint32_t instrument = 9;
    assert_int_equal(mw_account_add(bench.account, "demo", "A", &instrument, NULL), MW_OK);
    assert_int_equal(instrument, 0);
    assert_int_equal(mw_account_add(bench.account, "other", "A", &instrument, NULL), MW_OK);
    assert_int_equal(instrument, 1);
    assert_int_equal(mw_account_add(bench.account, "other", "B:C", &instrument, NULL), MW_OK);
    assert_int_equal(mw_account_instrument_count(bench.account), 3);
    assert_int_equal(mw_account_find(bench.account, "other:A", &instrument, NULL), MW_OK);
    assert_int_equal(instrument, 1);
    assert_int_equal(mw_account_find(bench.account, "B:C", &instrument, NULL), MW_OK);
    assert_int_equal(instrument, 2);
    assert_string_equal(mw_account_feed(bench.account, 2), "other");
    assert_string_equal(mw_account_symbol(bench.account, 2), "B:C");
    struct mw_error err;
    assert_int_equal(mw_account_find(bench.account, "A", &instrument, &err), MW_EINVAL);
    assert_string_equal(err.message, "several feeds have A: want one, as in \"demo:A\"");
    assert_int_equal(mw_account_find(bench.account, "D", &instrument, &err), MW_EINVAL);
    assert_string_equal(err.message, "the account knows no symbol 'D'");
    assert_int_equal(mw_account_find(bench.account, "B-C", &instrument, &err), MW_EINVAL);
    assert_string_equal(err.message, "the account knows no symbol 'B-C', did you mean B:C?");
    assert_int_equal(instrument, 2);
    account_bench_end(&bench);
}

static void takes_so_many_instruments_and_no_more(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    uint32_t instrument;
    for (int i = 1; i < MW_INSTRUMENTS_MAX; i++) {
        char symbol[16];
        snprintf(symbol, sizeof(symbol), "S%d", i);
        assert_int_equal(mw_account_add(bench.account, "demo", symbol, &instrument, NULL), MW_OK);
        assert_int_equal(instrument, i);
    }
    assert_int_equal(mw_account_add(bench.account, "demo", "more", &instrument, NULL), MW_ELIMIT);
    assert_int_equal(mw_account_add(bench.account, "demo", "S4095", &instrument, NULL), MW_OK);
    account_bench_end(&bench);
}

static void names_the_option_that_is_wrong(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const struct {
        struct mw_account_options options;
        const char *name;
    } cases[] = {
        {{.cash = 0, .maker_fee = nan, .leverage = 1}, "cash"},
        {{.cash = -1, .maker_fee = nan, .leverage = 1}, "cash"},
        {{.cash = nan, .maker_fee = nan, .leverage = 1}, "cash"},
        {{.cash = (double)INFINITY, .maker_fee = nan, .leverage = 1}, "cash"},
        {{.cash = 1, .fee = 0.51, .maker_fee = nan, .leverage = 1}, "fee"},
        {{.cash = 1, .fee = -0.001, .maker_fee = nan, .leverage = 1}, "fee"},
        {{.cash = 1, .fee = nan, .maker_fee = nan, .leverage = 1}, "fee"},
        {{.cash = 1, .maker_fee = -0.51, .leverage = 1}, "maker_fee"},
        {{.cash = 1, .maker_fee = 0.51, .leverage = 1}, "maker_fee"},
        {{.cash = 1, .maker_fee = nan, .fixed_fee = -1, .leverage = 1}, "fixed_fee"},
        {{.cash = 1, .maker_fee = nan, .fixed_fee = nextafter(MW_ORDER_NUMBER_MAX, 1e16)},
         "fixed_fee"},
        {{.cash = 1, .maker_fee = nan, .slippage = 0.51, .leverage = 1}, "slippage"},
        {{.cash = 1, .maker_fee = nan, .slippage = nan, .leverage = 1}, "slippage"},
        {{.cash = 1, .maker_fee = nan, .leverage = 0}, "leverage"},
        {{.cash = 1, .maker_fee = nan, .leverage = nextafter(MW_LEVERAGE_MIN, 0)}, "leverage"},
        {{.cash = 1, .maker_fee = nan, .leverage = nextafter(MW_LEVERAGE_MAX, 1e4)}, "leverage"},
        {{.cash = 1, .maker_fee = nan, .leverage = 1, .history = MW_ACCOUNT_HISTORY_MAX + 1},
         "history"},
        {{.cash = nextafter(MW_ORDER_NUMBER_MIN, 0), .maker_fee = nan, .leverage = 1}, "cash"},
        {{.cash = nextafter(MW_ORDER_NUMBER_MAX, 1e16), .maker_fee = nan, .leverage = 1}, "cash"},
    };
    struct mw_error err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(mw_account_check_options(&cases[i].options, &err), MW_EINVAL);
        assert_memory_equal(err.message, cases[i].name, strlen(cases[i].name));
    }
    const struct mw_account_options most = {.cash = MW_ORDER_NUMBER_MAX,
                                            .fee = MW_FEE_MAX,
                                            .maker_fee = -MW_FEE_MAX,
                                            .fixed_fee = MW_ORDER_NUMBER_MAX,
                                            .slippage = MW_FEE_MAX,
                                            .leverage = MW_LEVERAGE_MAX,
                                            .history = MW_ACCOUNT_HISTORY_MAX};
    assert_int_equal(mw_account_check_options(&most, &err), MW_OK);
    const struct mw_account_options least = {.cash = MW_ORDER_NUMBER_MIN,
                                             .leverage = MW_LEVERAGE_MIN};
    assert_int_equal(mw_account_check_options(&least, &err), MW_OK);
    const struct mw_account_options defaults = mw_account_defaults();
    assert_int_equal(mw_account_check_options(&defaults, &err), MW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_numbers_that_are_none),
        cmocka_unit_test(takes_numbers_at_the_bounds),
        cmocka_unit_test(says_what_a_market_order_needs_and_what_there_is),
        cmocka_unit_test(spends_all_of_the_cash_by_value),
        cmocka_unit_test(rejects_when_filled_what_cannot_be_paid_then),
        cmocka_unit_test(rejects_a_value_that_does_not_pay_the_fees),
        cmocka_unit_test(uses_leverage_up_to_the_last_unit),
        cmocka_unit_test(lets_a_squeezed_short_close_but_nothing_else),
        cmocka_unit_test(moves_from_one_instrument_to_another_in_either_order),
        cmocka_unit_test(refuses_to_reduce_what_is_not_there),
        cmocka_unit_test(holds_so_many_orders_and_no_more),
        cmocka_unit_test(remembers_so_many_done_orders_and_drops_the_oldest),
        cmocka_unit_test(cancels_only_what_is_open),
        cmocka_unit_test(finds_instruments_by_symbol_and_by_feed),
        cmocka_unit_test(takes_so_many_instruments_and_no_more),
        cmocka_unit_test(names_the_option_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
