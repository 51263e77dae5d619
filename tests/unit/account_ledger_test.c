/* account_ledger_test.c - a paper account against a ledger that is worked out by hand.
 *
 * 10,000.00 in cash, fee 0.1 %, maker's fee 0.02 %, 0.50 on each fill, slippage 0.1 %. Each bar has
 * a comment with what happens in it: price, turnover, fee, cash, and equity at the bar's close.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account_bench.h"

static const struct mw_account_options options = {.cash = 10000,
                                                  .fee = 0.001,
                                                  .maker_fee = 0.0002,
                                                  .fixed_fee = 0.5,
                                                  .slippage = 0.001,
                                                  .leverage = 1};

/* What the account has to say after a bar. */
struct line {
    double amount, price; /* of the position; price is not looked at when flat */
    double cash, equity;
    uint32_t trades;
};

static void expect_line(const struct account_bench *bench, struct line line)
{
    struct mw_position position = mw_account_position(bench->account, 0);
    ASSERT_NEAR(position.amount, line.amount);
    if (line.amount != 0)
        ASSERT_NEAR(position.price, line.price);
    else
        assert_true(position.amount == 0 && isnan(position.price));
    ASSERT_NEAR(mw_account_cash(bench->account), line.cash);
    ASSERT_NEAR(mw_account_equity(bench->account), line.equity);
    uint32_t trades;
    mw_account_trades(bench->account, &trades);
    assert_int_equal(trades, line.trades);
}

static void expect_trade(const struct account_bench *bench, struct mw_trade want)
{
    uint32_t count;
    const struct mw_trade *trades = mw_account_trades(bench->account, &count);
    assert_true(count > 0);
    const struct mw_trade *trade = &trades[count - 1];
    assert_int_equal(trade->side, want.side);
    assert_int_equal(trade->entry_ms, want.entry_ms);
    assert_int_equal(trade->exit_ms, want.exit_ms);
    ASSERT_NEAR(trade->amount, want.amount);
    ASSERT_NEAR(trade->entry, want.entry);
    ASSERT_NEAR(trade->exit, want.exit);
    ASSERT_NEAR(trade->fees, want.fees);
    ASSERT_NEAR(trade->profit, want.profit);
}

static void open_and_take_part_of_the_profit(struct account_bench *bench)
{
    account_bench_close(bench, 100, 101, 99, 100);
    expect_line(bench, (struct line){.cash = 10000, .equity = 10000});

    /* Bar 1, a market order at the open with slippage: 20 at 100 x 1.001 = 100.1
     * turnover 2,002.00   fee 2.002 + 0.5 = 2.502
     * cash 10,000 - 2,002 - 2.502 = 7,995.498   equity + 20 x 105 = 10,095.498 */
    account_bench_market(bench, MW_SIDE_BUY, 20);
    account_bench_close(bench, 100, 110, 98, 105);
    expect_line(bench, (struct line){20, 100.1, 7995.498, 10095.498, 0});

    /* Bar 2, a limit at its own price, as maker: -5 at 112
     * turnover 560.00   fee 0.112 + 0.5 = 0.612
     * cash 7,995.498 + 560 - 0.612 = 8,554.886   equity + 15 x 110 = 10,204.886
     * trade 5 x (112 - 100.1) = 59.5   fees 2.502 x 5/20 + 0.612 = 1.2375   profit 58.2625 */
    account_bench_limit(bench, MW_SIDE_SELL, 5, 112);
    account_bench_close(bench, 106, 112, 104, 110);
    expect_line(bench, (struct line){15, 100.1, 8554.886, 10204.886, 1});
    expect_trade(bench, (struct mw_trade){.side = MW_SIDE_BUY,
                                          .entry_ms = 60000,
                                          .exit_ms = 180000,
                                          .amount = 5,
                                          .entry = 100.1,
                                          .exit = 112,
                                          .fees = 1.2375,
                                          .profit = 58.2625});
}

static void gap_through_the_stop(struct account_bench *bench)
{
    /* Bar 3, the open is below the stop at 105: -15 at 103 x 0.999 = 102.897
     * turnover 1,543.455   fee 1.543455 + 0.5 = 2.043455
     * cash 8,554.886 + 1,543.455 - 2.043455 = 10,096.297545, which is the equity
     * trade 15 x (102.897 - 100.1) = 41.955   fees 2.502 x 15/20 + 2.043455 = 3.919955
     * profit 38.035045 */
    account_bench_stop(bench, MW_SIDE_SELL, 15, 105);
    account_bench_close(bench, 103, 104, 100, 101);
    expect_line(bench, (struct line){.cash = 10096.297545, .equity = 10096.297545, .trades = 2});
    expect_trade(bench, (struct mw_trade){.side = MW_SIDE_BUY,
                                          .entry_ms = 60000,
                                          .exit_ms = 180000,
                                          .amount = 15,
                                          .entry = 100.1,
                                          .exit = 102.897,
                                          .fees = 3.919955,
                                          .profit = 38.035045});
}

static void go_short_and_flip(struct account_bench *bench)
{
    /* Bar 4, short: -30 at 101 x 0.999 = 100.899
     * turnover 3,026.97   fee 3.02697 + 0.5 = 3.52697
     * cash 10,096.297545 + 3,026.97 - 3.52697 = 13,119.740575   equity - 30 x 98 = 10,179.740575 */
    account_bench_market(bench, MW_SIDE_SELL, 30);
    account_bench_close(bench, 101, 102, 97, 98);
    expect_line(bench, (struct line){-30, 100.899, 13119.740575, 10179.740575, 2});

    /* Bar 5, 50 at 99 x 1.001 = 99.099 close 30 and open 20
     * turnover 4,954.95   fee 4.95495 + 0.5 = 5.45495: 3.27297 of the exit, 2.18198 of the entry
     * cash 13,119.740575 - 4,954.95 - 5.45495 = 8,159.335625   equity + 20 x 102 = 10,199.335625
     * trade 30 x (100.899 - 99.099) = 54   fees 3.52697 + 3.27297 = 6.79994   profit 47.20006 */
    account_bench_market(bench, MW_SIDE_BUY, 50);
    account_bench_close(bench, 99, 103, 96, 102);
    expect_line(bench, (struct line){20, 99.099, 8159.335625, 10199.335625, 3});
    expect_trade(bench, (struct mw_trade){.side = MW_SIDE_SELL,
                                          .entry_ms = 240000,
                                          .exit_ms = 300000,
                                          .amount = 30,
                                          .entry = 100.899,
                                          .exit = 99.099,
                                          .fees = 6.79994,
                                          .profit = 47.20006});
}

static void reach_stop_and_limit_in_one_bar(struct account_bench *bench)
{
    /* Bar 6, the range has the limit at 105 and the stop at 98: the stop it is
     * -20 at 98 x 0.999 = 97.902   turnover 1,958.04   fee 1.95804 + 0.5 = 2.45804
     * cash 8,159.335625 + 1,958.04 - 2.45804 = 10,114.917585, which is the equity
     * trade 20 x (97.902 - 99.099) = -23.94   fees 2.18198 + 2.45804 = 4.64002
     * profit -28.58002   the limit has nothing left to reduce */
    struct mw_order_request request = account_bench_request(MW_SIDE_SELL, MW_ORDER_LIMIT, 20);
    request.price = 105;
    request.reduce = true;
    account_bench_place(bench, &request);
    request.type = MW_ORDER_STOP;
    request.price = 98;
    account_bench_place(bench, &request);
    account_bench_close(bench, 102, 106, 97, 104);
    expect_line(bench, (struct line){.cash = 10114.917585, .equity = 10114.917585, .trades = 4});
    expect_trade(bench, (struct mw_trade){.side = MW_SIDE_BUY,
                                          .entry_ms = 300000,
                                          .exit_ms = 420000,
                                          .amount = 20,
                                          .entry = 99.099,
                                          .exit = 97.902,
                                          .fees = 4.64002,
                                          .profit = -28.58002});
    uint32_t open;
    mw_account_orders(bench->account, &open);
    assert_int_equal(open, 0);
}

static void spend_a_value_and_close(struct account_bench *bench)
{
    /* Bar 7, 1,000.00 with all fees at a limit of 100: (1,000 - 0.5) / (100 x 1.0002)
     * = 9.99300139972005...   fee 0.199860027994... + 0.5
     * cash 10,114.917585 - 1,000 = 9,114.917585   equity + 101 x amount = 10,124.2107263717... */
    struct mw_order_request request =
        account_bench_request(MW_SIDE_BUY, MW_ORDER_LIMIT, (double)NAN);
    request.value = 1000;
    request.price = 100;
    account_bench_place(bench, &request);
    account_bench_close(bench, 103, 104, 99, 101);
    const double amount = 9.9930013997200560;
    expect_line(bench, (struct line){amount, 100, 9114.917585, 10124.210726371726, 4});

    /* Bar 8, all of it at 101 x 0.999 = 100.899   turnover 1,008.28384823...
     * fee 1.00828384823... + 0.5   cash 9,114.917585 + turnover - fee = 10,121.6931493821...
     * profit 6.7755643821..., all that came since bar 6 */
    request = account_bench_request(MW_SIDE_SELL, MW_ORDER_MARKET, amount);
    request.reduce = true;
    account_bench_place(bench, &request);
    account_bench_close(bench, 101, 102, 100, 102);
    expect_line(bench, (struct line){
                           .cash = 10121.693149382124, .equity = 10121.693149382124, .trades = 5});
    uint32_t count;
    const struct mw_trade *trades = mw_account_trades(bench->account, &count);
    ASSERT_NEAR(trades[count - 1].profit, 6.775564382124);
}

static void agrees_with_the_ledger_line_by_line(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, &options);
    open_and_take_part_of_the_profit(&bench);
    gap_through_the_stop(&bench);
    go_short_and_flip(&bench);
    reach_stop_and_limit_in_one_bar(&bench);
    spend_a_value_and_close(&bench);

    struct mw_account_totals totals;
    mw_account_get_totals(bench.account, &totals);
    assert_int_equal(totals.orders, 9);
    assert_int_equal(totals.fills, 8);
    assert_int_equal(totals.trades, 5);
    assert_int_equal(totals.cancelled, 1);
    assert_int_equal(totals.rejected, 0);
    account_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_ledger_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
