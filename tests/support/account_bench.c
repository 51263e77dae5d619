/* account_bench.c - an account with one instrument in minutes, for tests. */
#include "account_bench.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void account_bench_begin(struct account_bench *bench, const struct mw_account_options *options)
{
    struct mw_account_options defaults = mw_account_defaults();
    *bench =
        (struct account_bench){.account = mw_account_new(options != NULL ? options : &defaults)};
    uint32_t instrument;
    assert_int_equal(mw_account_add(bench->account, "demo", "A", &instrument, NULL), MW_OK);
    assert_int_equal(instrument, 0);
}

void account_bench_end(struct account_bench *bench)
{
    mw_account_free(bench->account);
}

static void tell(struct account_bench *bench, const double prices[4], uint8_t state)
{
    const struct mw_candle candle = {.open_ms = bench->open_ms,
                                     .open = prices[0],
                                     .high = prices[1],
                                     .low = prices[2],
                                     .close = prices[3],
                                     .volume = ++bench->volume,
                                     .state = state};
    mw_account_take(bench->account, 0, &candle, bench->now_ms);
}

void account_bench_close(struct account_bench *bench, double open, double high, double low,
                         double close)
{
    bench->now_ms = bench->open_ms + 60000;
    tell(bench, (double[]){open, high, low, close}, MW_CANDLE_CLOSED);
    bench->open_ms += 60000;
}

void account_bench_form(struct account_bench *bench, int seconds, double open, double high,
                        double low, double close)
{
    bench->now_ms = bench->open_ms + seconds * INT64_C(1000);
    tell(bench, (double[]){open, high, low, close}, MW_CANDLE_FORMING);
}

struct mw_order_request account_bench_request(mw_side side, mw_order_type type, double amount)
{
    return (struct mw_order_request){
        .side = side, .type = type, .amount = amount, .value = (double)NAN, .price = (double)NAN};
}

uint64_t account_bench_place(struct account_bench *bench, const struct mw_order_request *request)
{
    uint64_t id = 0;
    struct mw_error err = {.message = ""};
    if (mw_account_submit(bench->account, request, bench->now_ms, &id, &err) != MW_OK)
        fail_msg("%s", err.message);
    return id;
}

static uint64_t place(struct account_bench *bench, mw_side side, mw_order_type type, double amount,
                      double price)
{
    struct mw_order_request request = account_bench_request(side, type, amount);
    request.price = price;
    return account_bench_place(bench, &request);
}

uint64_t account_bench_market(struct account_bench *bench, mw_side side, double amount)
{
    return place(bench, side, MW_ORDER_MARKET, amount, (double)NAN);
}

uint64_t account_bench_limit(struct account_bench *bench, mw_side side, double amount, double price)
{
    return place(bench, side, MW_ORDER_LIMIT, amount, price);
}

uint64_t account_bench_stop(struct account_bench *bench, mw_side side, double amount, double price)
{
    return place(bench, side, MW_ORDER_STOP, amount, price);
}

void account_bench_near(double got, double want, const char *what, const char *file, int line)
{
    double allowed = fmax(1e-9, 1e-11 * fmax(fabs(got), fabs(want)));
    if (fabs(got - want) <= allowed)
        return;
    print_error("%s is %.17g, want %.17g\n", what, got, want);
    _fail(file, line);
}

struct mw_fill account_bench_fill(const struct account_bench *bench)
{
    uint32_t count;
    const struct mw_fill *fills = mw_account_fills(bench->account, &count);
    assert_true(count > 0);
    return fills[count - 1];
}
