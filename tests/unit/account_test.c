/* account_test.c - which orders a piece of news fills, at which price, in which order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account_bench.h"

/* Without fees and slippage, so that prices are seen as they are. */
static const struct mw_account_options plain = {
    .cash = 10000, .maker_fee = (double)NAN, .leverage = 1};

static uint32_t fill_count(const struct account_bench *bench)
{
    uint32_t count;
    mw_account_fills(bench->account, &count);
    return count;
}

static double amount_of(const struct account_bench *bench)
{
    return mw_account_position(bench->account, 0).amount;
}

static uint32_t open_count(const struct account_bench *bench)
{
    uint32_t count;
    mw_account_orders(bench->account, &count);
    return count;
}

static uint64_t place_reduce(struct account_bench *bench, mw_side side, mw_order_type type,
                             double amount, double price)
{
    struct mw_order_request request = account_bench_request(side, type, amount);
    request.price = price;
    request.reduce = true;
    return account_bench_place(bench, &request);
}

static struct mw_order next_done(struct account_bench *bench)
{
    struct mw_order order;
    assert_true(mw_account_next_done(bench->account, &order));
    return order;
}

static void fills_a_market_order_at_the_next_open(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, NULL);
    account_bench_close(&bench, 100, 101, 99, 100);
    assert_false(mw_account_is_used(bench.account));
    assert_int_equal(account_bench_market(&bench, MW_SIDE_BUY, 10), 1);
    assert_true(mw_account_is_used(bench.account));
    assert_true(amount_of(&bench) == 0);
    account_bench_close(&bench, 102, 103, 101, 103);
    struct mw_position position = mw_account_position(bench.account, 0);
    assert_true(position.amount == 10 && position.price == 102 && position.last == 103);
    assert_true(position.profit == 10 && position.entry_ms == 60000);
    /* 10,000 - 10 x 102 - 1.02 of fees */
    ASSERT_NEAR(mw_account_cash(bench.account), 8978.98);
    ASSERT_NEAR(mw_account_equity(bench.account), 8978.98 + 1030);
    ASSERT_NEAR(mw_account_exposure(bench.account), 1030);
    assert_int_equal(mw_account_done_count(bench.account), 1);
    struct mw_order order = next_done(&bench);
    assert_int_equal(order.state, MW_ORDER_FILLED);
    assert_int_equal(order.placed_ms, 60000);
    assert_int_equal(order.done_ms, 60000);
    assert_true(order.amount == 10 && order.price == 102);
    ASSERT_NEAR(order.fee, 1.02);
    assert_false(mw_account_next_done(bench.account, &order));
    account_bench_end(&bench);
}

static void fills_nothing_by_the_bar_that_was_there_before_the_order(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 120, 80, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 90);
    account_bench_stop(&bench, MW_SIDE_BUY, 1, 110);
    /* The same bar once more, changed, and one before it: neither is news. */
    bench.open_ms -= 60000;
    account_bench_close(&bench, 100, 130, 70, 110);
    bench.open_ms -= 120000;
    account_bench_close(&bench, 100, 130, 70, 110);
    assert_int_equal(fill_count(&bench), 0);
    assert_true(mw_account_position(bench.account, 0).last == 100);
    bench.open_ms = 60000;
    account_bench_close(&bench, 101, 102, 99, 101); /* between limit and stop */
    assert_int_equal(fill_count(&bench), 1);
    assert_int_equal(open_count(&bench), 2);
    account_bench_end(&bench);
}

static void reaches_a_price_by_touching_it(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95);
    account_bench_stop(&bench, MW_SIDE_BUY, 1, 105);
    account_bench_close(&bench, 100, 104.99, 95.01, 100);
    assert_int_equal(fill_count(&bench), 0);
    account_bench_close(&bench, 100, 104.99, 95, 100);
    assert_int_equal(fill_count(&bench), 1);
    assert_true(account_bench_fill(&bench).price == 95);
    account_bench_close(&bench, 100, 105, 99, 100);
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 105);
    account_bench_end(&bench);
}

static void gives_a_gap_to_new_limits_and_to_stops_but_not_to_limits_that_rested(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.fee = 0.01;
    options.maker_fee = 0.001;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95); /* new: matched on arrival, as taker */
    account_bench_close(&bench, 94, 94, 94, 94);
    assert_true(account_bench_fill(&bench).price == 94);
    ASSERT_NEAR(account_bench_fill(&bench).fee, 0.94);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 90);
    account_bench_close(&bench, 94, 94, 94, 94);
    account_bench_close(&bench, 89, 89, 89, 89); /* rested: at its own, as maker */
    assert_true(account_bench_fill(&bench).price == 90);
    ASSERT_NEAR(account_bench_fill(&bench).fee, 0.09);
    account_bench_stop(&bench, MW_SIDE_SELL, 2, 85);
    account_bench_close(&bench, 88, 88, 88, 88);
    account_bench_close(&bench, 80, 86, 79, 86);
    assert_true(account_bench_fill(&bench).price == 80);
    ASSERT_NEAR(account_bench_fill(&bench).fee, 1.6);
    assert_int_equal(account_bench_fill(&bench).time_ms, 300000); /* the bar's open */
    account_bench_end(&bench);
}

static void takes_stops_before_limits_and_the_nearest_first(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 4);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 103);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 96);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 102);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 97);
    account_bench_close(&bench, 100, 110, 90, 100);
    uint32_t count;
    const struct mw_fill *fills = mw_account_fills(bench.account, &count);
    assert_int_equal(count, 5);
    const double want[] = {100, 97, 96, 102, 103};
    for (uint32_t i = 0; i < count; i++)
        assert_true(fills[i].price == want[i]);
    assert_true(amount_of(&bench) == 0);
    account_bench_end(&bench);
}

static void stops_what_a_limit_opened_in_the_same_bar_but_takes_no_profit_of_it(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 98); /* a bracket, placed at once */
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 102);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 95);
    account_bench_close(&bench, 100, 105, 97, 100);
    assert_int_equal(fill_count(&bench), 1); /* 102 may have been there before 98 */
    account_bench_close(&bench, 100, 103, 99, 103);
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 102);
    assert_int_equal(open_count(&bench), 0); /* the stop has nothing left to reduce */

    account_bench_limit(&bench, MW_SIDE_BUY, 1, 98);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 102);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 95);
    account_bench_close(&bench, 100, 105, 95, 100);
    assert_int_equal(fill_count(&bench), 4);
    assert_true(account_bench_fill(&bench).price == 95);
    assert_int_equal(open_count(&bench), 0);
    account_bench_end(&bench);
}

static void gives_a_stop_no_better_price_than_what_it_guards_was_opened_at(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 98);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 99); /* above the entry */
    account_bench_close(&bench, 100, 101, 97, 100);
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 98);
    account_bench_limit(&bench, MW_SIDE_SELL, 1, 102); /* and the other way round */
    place_reduce(&bench, MW_SIDE_BUY, MW_ORDER_STOP, 1, 101);
    account_bench_close(&bench, 100, 103, 99, 100);
    assert_int_equal(fill_count(&bench), 4);
    assert_true(account_bench_fill(&bench).price == 102);
    account_bench_end(&bench);
}

static void takes_the_profit_of_what_was_opened_at_the_open(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 105);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 90);
    account_bench_close(&bench, 100, 106, 95, 100);
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 105);
    account_bench_end(&bench);
}

static void takes_of_an_update_only_what_is_new(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_form(&bench, 10, 100, 110, 90, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95);
    account_bench_stop(&bench, MW_SIDE_BUY, 1, 105);
    uint64_t market = account_bench_market(&bench, MW_SIDE_BUY, 1);
    account_bench_form(&bench, 20, 100, 110, 90, 101); /* extremes of before the orders */
    assert_int_equal(fill_count(&bench), 1);
    assert_int_equal(account_bench_fill(&bench).order, market);
    assert_true(account_bench_fill(&bench).price == 101); /* the only price that is new */
    assert_int_equal(account_bench_fill(&bench).time_ms, 20000);
    account_bench_form(&bench, 30, 100, 110, 89, 101); /* a new low */
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 95);
    account_bench_form(&bench, 40, 100, 110, 89, 106); /* a close beyond the stop */
    assert_int_equal(fill_count(&bench), 3);
    assert_true(account_bench_fill(&bench).price == 106);
    account_bench_end(&bench);
}

/* What the close opened came after the extremes: they stop it out all the same, and pay it
 * nothing. */
static void takes_extremes_of_an_update_against_what_its_close_opened(void **state)
{
    (void)state;
    for (int reaches_stop = 0; reaches_stop < 2; reaches_stop++) {
        struct account_bench bench;
        account_bench_begin(&bench, &plain);
        account_bench_form(&bench, 10, 100, 101, 99, 100);
        account_bench_market(&bench, MW_SIDE_BUY, 1);
        place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_LIMIT, 1, 102);
        place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 1, 97);
        account_bench_form(&bench, 20, 100, 103, reaches_stop ? 96 : 98, 98.5);
        assert_int_equal(fill_count(&bench), 1 + reaches_stop);
        account_bench_form(&bench, 30, 100, 104, reaches_stop ? 96 : 98, 98.5);
        assert_int_equal(fill_count(&bench), 2);
        assert_true(account_bench_fill(&bench).price == (reaches_stop ? 97 : 102));
        account_bench_end(&bench);
    }
}

static void takes_the_rest_of_a_bar_when_it_closes_and_nothing_after(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_form(&bench, 10, 100, 101, 99, 100);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 97);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95);
    account_bench_close(&bench, 100, 101, 96, 98);
    assert_int_equal(fill_count(&bench), 1);
    assert_true(account_bench_fill(&bench).price == 97);
    bench.open_ms -= 60000;
    account_bench_form(&bench, 59, 100, 101, 90, 98); /* late, and of a bar that is closed */
    assert_int_equal(fill_count(&bench), 1);
    account_bench_end(&bench);
}

static void waits_for_a_trade_where_a_bar_closes_without_one(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_form(&bench, 10, 100, 101, 99, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    bench.volume--; /* the very same values: only the clock has closed it */
    account_bench_close(&bench, 100, 101, 99, 100);
    assert_int_equal(fill_count(&bench), 0);
    account_bench_close(&bench, 103, 103, 103, 103);
    assert_true(account_bench_fill(&bench).price == 103);
    account_bench_end(&bench);
}

/* The order comes 30 s into a bar that the account is told of when it is over. */
static void gives_only_the_last_price_to_an_order_placed_meanwhile(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    bench.now_ms = 90000;
    uint64_t market = account_bench_market(&bench, MW_SIDE_BUY, 1);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95);
    account_bench_stop(&bench, MW_SIDE_BUY, 1, 105);
    account_bench_close(&bench, 98, 110, 90, 101);
    assert_int_equal(fill_count(&bench), 1);
    assert_int_equal(account_bench_fill(&bench).order, market);
    assert_true(account_bench_fill(&bench).price == 101);
    assert_int_equal(account_bench_fill(&bench).time_ms, 120000);
    bench.now_ms = 150000;
    account_bench_stop(&bench, MW_SIDE_BUY, 1, 104);
    account_bench_close(&bench, 101, 104, 96, 104); /* the close itself is beyond the newer one */
    assert_int_equal(fill_count(&bench), 2);
    assert_true(account_bench_fill(&bench).price == 104);
    account_bench_end(&bench);
}

static void leaves_an_order_of_the_same_moment_to_the_next_news(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    bench.now_ms = 120000; /* when another instrument's bar closed that was told before */
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    account_bench_close(&bench, 101, 101, 101, 101);
    assert_int_equal(fill_count(&bench), 0);
    account_bench_close(&bench, 102, 103, 101, 103);
    assert_true(account_bench_fill(&bench).price == 102);
    account_bench_end(&bench);
}

/* It is first told of a bar that has formed for 20 s. */
static void does_not_believe_the_range_of_a_bar_it_comes_late_to(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    bench.now_ms = 15000;
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 95);
    account_bench_form(&bench, 20, 100, 110, 90, 100);
    assert_int_equal(fill_count(&bench), 0);
    account_bench_form(&bench, 30, 100, 110, 90, 99);
    assert_int_equal(fill_count(&bench), 0);
    account_bench_form(&bench, 40, 100, 110, 89, 99);
    assert_int_equal(fill_count(&bench), 1);
    assert_true(account_bench_fill(&bench).price == 95);
    account_bench_end(&bench);
}

static void ignores_what_is_no_candle(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    const double bad[][4] = {{(double)NAN, 101, 99, 100},
                             {100, (double)NAN, 99, 100},
                             {100, 101, (double)NAN, 100},
                             {100, 101, 99, (double)NAN},
                             {100, (double)INFINITY, 99, 100},
                             {100, 101, 0, 100},
                             {100, 101, 5e-324, 100},
                             {100, 1.1e15, 99, 100},
                             {100, 101, -1, 100},
                             {100, 99, 101, 100},
                             {102, 101, 99, 100},
                             {100, 101, 99, 98}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        account_bench_close(&bench, bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
        assert_int_equal(fill_count(&bench), 0);
        assert_true(mw_account_equity(bench.account) == 10000);
        assert_true(mw_account_position(bench.account, 0).last == 100);
    }
    account_bench_end(&bench);
}

static void cancels_reduce_only_orders_when_nothing_is_left_for_them(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 100, 100, 100, 100);
    uint64_t entry = account_bench_limit(&bench, MW_SIDE_BUY, 2, 90);
    uint64_t stop = place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_STOP, 2, 80);
    assert_int_equal(mw_account_cancel(bench.account, entry, 61000, NULL), MW_OK);
    assert_int_equal(open_count(&bench), 0);
    assert_int_equal(next_done(&bench).id, entry);
    struct mw_order order = next_done(&bench);
    assert_int_equal(order.id, stop);
    assert_int_equal(order.state, MW_ORDER_CANCELLED);
    assert_int_equal(order.done_ms, 61000);
    assert_string_equal(order.reason, "nothing left to reduce");

    account_bench_market(&bench, MW_SIDE_BUY, 2);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_MARKET, 1.5, (double)NAN);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_MARKET, 1.5, (double)NAN);
    place_reduce(&bench, MW_SIDE_SELL, MW_ORDER_MARKET, 1.5, (double)NAN);
    bench.now_ms = bench.open_ms;
    account_bench_close(&bench, 100, 100, 100, 100);
    assert_true(next_done(&bench).amount == 2);
    assert_true(next_done(&bench).amount == 1.5);
    assert_true(next_done(&bench).amount == 0.5); /* no more than there is */
    assert_int_equal(next_done(&bench).state, MW_ORDER_CANCELLED);
    assert_true(amount_of(&bench) == 0);
    account_bench_end(&bench);
}

static void cancels_all_orders_of_one_instrument(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    uint32_t other;
    assert_int_equal(mw_account_add(bench.account, "demo", "B", &other, NULL), MW_OK);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 90);
    struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_LIMIT, 1);
    request.instrument = other;
    request.price = 5;
    uint64_t kept = account_bench_place(&bench, &request);
    account_bench_limit(&bench, MW_SIDE_BUY, 1, 91);
    assert_int_equal(mw_account_cancel_all(bench.account, 0, 7), 2);
    assert_int_equal(mw_account_cancel_all(bench.account, 0, 7), 0);
    uint32_t count;
    const struct mw_order *orders = mw_account_orders(bench.account, &count);
    assert_int_equal(count, 1);
    assert_int_equal(orders[0].id, kept);
    account_bench_end(&bench);
}

/* The second instrument is not bound. */
static void places_and_cancels_no_later_than_the_prices_are(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    uint32_t other, count;
    assert_int_equal(mw_account_add(bench.account, "demo", "B", &other, NULL), MW_OK);
    struct mw_order_request request = account_bench_request(MW_SIDE_BUY, MW_ORDER_LIMIT, 1);
    request.price = 5;
    bench.now_ms = 900000;
    account_bench_place(&bench, &request);
    request.instrument = other;
    account_bench_place(&bench, &request);
    mw_account_bound_time(bench.account, 0, 60000);
    account_bench_market(&bench, MW_SIDE_BUY, 1);
    const struct mw_order *orders = mw_account_orders(bench.account, &count);
    assert_int_equal(count, 3);
    assert_int_equal(orders[0].placed_ms, 60000);
    assert_int_equal(orders[1].placed_ms, 900000);
    assert_int_equal(orders[2].placed_ms, 60000);
    assert_int_equal(mw_account_cancel(bench.account, orders[2].id, 900000, NULL), MW_OK);
    assert_int_equal(next_done(&bench).done_ms, 60000);
    mw_account_bound_time(bench.account, 0, INT64_MAX);
    assert_int_equal(mw_account_cancel_all(bench.account, 0, 900001), 1);
    assert_int_equal(next_done(&bench).done_ms, 900001);
    account_bench_end(&bench);
}

static void closes_to_exactly_nothing_whatever_decimals_add_up_to(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 10, 10, 10, 10);
    for (int i = 0; i < 3; i++)
        account_bench_market(&bench, MW_SIDE_BUY, 0.1); /* 0.30000000000000004 in doubles */
    account_bench_close(&bench, 10, 10, 10, 10);
    account_bench_market(&bench, MW_SIDE_SELL, 0.3);
    account_bench_close(&bench, 10, 10, 10, 10);
    assert_true(amount_of(&bench) == 0 && !signbit(amount_of(&bench)));

    account_bench_market(&bench, MW_SIDE_BUY, 0.3);
    account_bench_close(&bench, 10, 10, 10, 10);
    for (int i = 0; i < 3; i++) {
        account_bench_market(&bench, MW_SIDE_SELL, 0.1);
        account_bench_close(&bench, 10, 10, 10, 10);
    }
    assert_true(amount_of(&bench) == 0 && !signbit(amount_of(&bench)));
    assert_true(isnan(mw_account_position(bench.account, 0).price));

    for (int i = 0; i < 1000; i++)
        account_bench_market(&bench, MW_SIDE_SELL, 0.7);
    account_bench_close(&bench, 10, 10, 10, 10);
    assert_true(amount_of(&bench) == -700);
    account_bench_market(&bench, MW_SIDE_BUY, 700);
    account_bench_close(&bench, 10, 10, 10, 10);
    assert_true(amount_of(&bench) == 0);
    ASSERT_NEAR(mw_account_cash(bench.account), 10000);
    account_bench_end(&bench);
}

static void leaves_what_is_smaller_than_the_position_but_no_residue(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &plain);
    account_bench_close(&bench, 10, 10, 10, 10);
    account_bench_market(&bench, MW_SIDE_BUY, 100);
    account_bench_close(&bench, 10, 10, 10, 10);
    account_bench_market(&bench, MW_SIDE_SELL, 99.99999999);
    account_bench_close(&bench, 10, 10, 10, 10);
    assert_true(fabs(amount_of(&bench) - 1e-8) < 1e-13); /* the smallest unit of a coin */
    account_bench_market(&bench, MW_SIDE_SELL, 1e-8);
    account_bench_close(&bench, 10, 10, 10, 10);
    assert_true(amount_of(&bench) == 0);
    account_bench_end(&bench);
}

static void keeps_the_newest_of_its_history_and_counts_all(void **state)
{
    (void)state;
    struct mw_account_options options = plain;
    options.history = 3;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    account_bench_close(&bench, 1, 1, 1, 1);
    for (int i = 1; i <= 100; i++) {
        account_bench_market(&bench, i % 2 == 1 ? MW_SIDE_BUY : MW_SIDE_SELL, 1);
        account_bench_close(&bench, i, i, i, i);
    }
    uint32_t count;
    const struct mw_fill *fills = mw_account_fills(bench.account, &count);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_true(fills[i].price == 98 + i);
    const struct mw_trade *trades = mw_account_trades(bench.account, &count);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_true(trades[i].exit == 96 + 2 * i);
    struct mw_account_totals totals;
    mw_account_get_totals(bench.account, &totals);
    assert_int_equal(totals.fills, 100);
    assert_int_equal(totals.trades, 50);
    assert_true(totals.turnover == 5050);
    account_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_a_market_order_at_the_next_open),
        cmocka_unit_test(fills_nothing_by_the_bar_that_was_there_before_the_order),
        cmocka_unit_test(reaches_a_price_by_touching_it),
        cmocka_unit_test(gives_a_gap_to_new_limits_and_to_stops_but_not_to_limits_that_rested),
        cmocka_unit_test(takes_stops_before_limits_and_the_nearest_first),
        cmocka_unit_test(stops_what_a_limit_opened_in_the_same_bar_but_takes_no_profit_of_it),
        cmocka_unit_test(gives_a_stop_no_better_price_than_what_it_guards_was_opened_at),
        cmocka_unit_test(takes_the_profit_of_what_was_opened_at_the_open),
        cmocka_unit_test(takes_of_an_update_only_what_is_new),
        cmocka_unit_test(takes_extremes_of_an_update_against_what_its_close_opened),
        cmocka_unit_test(takes_the_rest_of_a_bar_when_it_closes_and_nothing_after),
        cmocka_unit_test(waits_for_a_trade_where_a_bar_closes_without_one),
        cmocka_unit_test(gives_only_the_last_price_to_an_order_placed_meanwhile),
        cmocka_unit_test(leaves_an_order_of_the_same_moment_to_the_next_news),
        cmocka_unit_test(does_not_believe_the_range_of_a_bar_it_comes_late_to),
        cmocka_unit_test(ignores_what_is_no_candle),
        cmocka_unit_test(cancels_reduce_only_orders_when_nothing_is_left_for_them),
        cmocka_unit_test(cancels_all_orders_of_one_instrument),
        cmocka_unit_test(places_and_cancels_no_later_than_the_prices_are),
        cmocka_unit_test(closes_to_exactly_nothing_whatever_decimals_add_up_to),
        cmocka_unit_test(leaves_what_is_smaller_than_the_position_but_no_residue),
        cmocka_unit_test(keeps_the_newest_of_its_history_and_counts_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
