/* account_test.c - what a paper account does with each kind of order, fill by fill. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "account_bench.h"
#include "base/check.h"

static void fills_a_market_order_at_the_next_open(void **state)
{
    (void)state;
    struct account_bench bench;
    account_bench_begin(&bench, NULL);
    account_bench_close(&bench, 100, 101, 99, 100);
    uint64_t id = account_bench_market(&bench, MW_SIDE_BUY, 10);
    assert_int_equal(id, 1);
    assert_near(mw_account_position(bench.account, 0).amount, 0);
    account_bench_close(&bench, 102, 103, 101, 103);
    struct mw_position position = mw_account_position(bench.account, 0);
    assert_near(position.amount, 10);
    assert_near(position.price, 102);
    /* 10,000 - 10 x 102 - 1.02 of fees */
    assert_near(mw_account_cash(bench.account), 8978.98);
    assert_near(mw_account_equity(bench.account), 8978.98 + 1030);
    struct mw_order order;
    assert_true(mw_account_next_done(bench.account, &order));
    assert_int_equal(order.state, MW_ORDER_FILLED);
    assert_int_equal(order.done_ms, 60000);
    assert_false(mw_account_next_done(bench.account, &order));
    account_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_a_market_order_at_the_next_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
