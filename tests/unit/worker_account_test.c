/* worker_account_test.c - what a strategy's account learns of prices, and when. */
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bind/bind_moonwick.h"
#include "script/account.h"
#include "script/worker.h"

enum { WAIT_MS = 20000 };

/* A worker with one strategy from a temporary file, and what it said. */
struct bench {
    struct mw_cache *cache;
    struct mw_worker *worker;
    struct mw_strategy *strategy;
    struct mw_wake wake;
    struct mw_event_queue events;
    double volume;          /* rises with each update, so that each is news */
    struct mw_series *last; /* M, behind all others */
    int64_t minute;         /* of its last bar */
};

static void on_event(void *user, const struct mw_event *event)
{
    struct bench *bench = user;
    mw_event_queue_put(&bench->events, event);
}

static void begin(struct bench *bench, uint32_t bars, const char *code)
{
    *bench = (struct bench){.cache = mw_cache_new(bars)};
    mw_wake_init(&bench->wake);
    mw_event_queue_init(&bench->events, &bench->wake);
    assert_int_equal(mw_worker_new(bench->cache, &bench->worker, NULL), MW_OK);
    char path[] = "/tmp/moonwick_strategy_XXXXXX.lua";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s", code) > 0);
    close(fd);
    struct mw_account_options account = mw_account_defaults();
    account.fee = 0;
    const struct mw_strategy_options options = {.name = "tested",
                                                .file = path,
                                                .account = &account,
                                                .bindings = &mw_lua_bindings,
                                                .on_event = on_event,
                                                .user = bench};
    struct mw_error err = {.message = ""};
    if (mw_strategy_load(&options, &bench->strategy, &err) != MW_OK)
        fail_msg("%s", err.message);
    unlink(path);
    mw_worker_add(bench->worker, bench->strategy);
}

static void end(struct bench *bench)
{
    mw_worker_free(bench->worker);
    mw_strategy_free(bench->strategy);
    mw_cache_free(bench->cache);
    mw_event_queue_deinit(&bench->events);
    mw_wake_deinit(&bench->wake);
}

static struct mw_series *add_series(struct bench *bench, const char *symbol, uint32_t minutes)
{
    struct mw_series_key key = {.feed = "demo", .timeframe = {minutes, 'm'}};
    snprintf(key.symbol, sizeof(key.symbol), "%s", symbol);
    struct mw_series *series;
    assert_int_equal(mw_cache_add(bench->cache, &key, &series, NULL), MW_OK);
    return series;
}

static struct mw_series *watch(struct bench *bench, const char *symbol, uint32_t minutes)
{
    struct mw_series *series = add_series(bench, symbol, minutes);
    mw_worker_watch(bench->worker, bench->strategy, series);
    return series;
}

static void start(struct bench *bench)
{
    bench->last = watch(bench, "M", 1);
    assert_int_equal(mw_worker_start(bench->worker, 0, NULL), MW_OK);
}

static void put_bar(struct bench *bench, struct mw_series *series, int64_t minute, bool closed,
                    const double prices[4])
{
    const struct mw_candle candle = {.open_ms = minute * MW_MS_PER_MINUTE,
                                     .open = prices[0],
                                     .high = prices[1],
                                     .low = prices[2],
                                     .close = prices[3],
                                     .volume = bench->volume++,
                                     .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                                     .closed_by =
                                         closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
    mw_cache_put(bench->cache, series, &candle, INT64_MAX / 2, NULL);
    mw_cache_flush(bench->cache);
}

/* A bar of one price; of one that forms the range grows. */
static void put(struct bench *bench, struct mw_series *series, int64_t minute, bool closed,
                double price)
{
    put_bar(bench, series, minute, closed, (double[]){price, price, price, price});
}

static struct mw_event next_event(struct bench *bench)
{
    struct mw_event event;
    while (!mw_event_queue_take(&bench->events, &event))
        assert_true(mw_wake_wait(&bench->wake, WAIT_MS));
    if (event.kind == MW_EVENT_ERROR)
        fail_msg("%s", event.error.message);
    return event;
}

static void expect_signal(struct bench *bench, const char *text)
{
    struct mw_event event = next_event(bench);
    if (event.kind == MW_EVENT_ORDER)
        fail_msg("%s, but an order: %s %s at %g, %s", text, mw_side_text(event.order.request.side),
                 mw_order_state_text(event.order.state), event.order.price, event.order.reason);
    assert_int_equal(event.kind, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, text);
    mw_event_deinit(&event);
}

static void expect_fill(struct bench *bench, mw_side side, double amount, double price)
{
    struct mw_event event = next_event(bench);
    if (event.kind != MW_EVENT_ORDER)
        fail_msg("not an order but %s", event.text != NULL ? event.text : "no signal");
    assert_int_equal(event.order.state, MW_ORDER_FILLED);
    assert_int_equal(event.order.request.side, side);
    assert_string_equal(event.strategy, "tested");
    assert_string_equal(event.feed, "demo");
    assert_string_equal(event.key.symbol, "A");
    if (event.order.amount != amount || event.order.price != price)
        fail_msg("%g at %g instead of %g at %g", event.order.amount, event.order.price, amount,
                 price);
    mw_event_deinit(&event);
}

/* What was put before has been delivered. The worker walks through marked series in their order, so
 * when it comes by the last one for the second time it has been at all that were marked before. */
static void expect_mark(struct bench *bench)
{
    for (int i = 0; i < 2; i++) {
        put(bench, bench->last, ++bench->minute, true, 1);
        expect_signal(bench, "mark");
    }
}

/* The beginning of a script, and of its handle_bar: the series M is for marks. */
#define BEGIN "local s = { params = { symbol = 'A' } }\n"
#define HANDLE_BAR                                                                                 \
    "function s.handle_bar(context, bar)\n"                                                        \
    "  if bar.symbol == 'M' then context:signal('mark') return end\n"

static const char buys_at_the_first_bar[] =
    BEGIN HANDLE_BAR "  if context.state.done then return end\n"
                     "  context.state.done = true\n"
                     "  assert(context:buy(bar.symbol, 2))\n"
                     "  context:signal('asked')\n"
                     "end\n"
                     "return s\n";

static void an_order_of_a_bar_is_filled_by_the_next_update_and_not_before(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8, buys_at_the_first_bar);
    struct mw_series *series = watch(&bench, "A", 1);
    start(&bench);
    put(&bench, series, 1, false, 99);
    put(&bench, series, 1, true, 100);
    expect_signal(&bench, "asked");
    expect_mark(&bench);
    put(&bench, series, 2, false, 105);
    expect_fill(&bench, MW_SIDE_BUY, 2, 105);
    put(&bench, series, 2, false, 110);
    expect_mark(&bench);
    mw_worker_stop(bench.worker);
    struct mw_position position = mw_account_position(mw_strategy_account(bench.strategy), 0);
    assert_true(position.amount == 2 && position.price == 105 && position.last == 110);
    end(&bench);
}

/* A strategy that lags behind the feed: in its time that bar has just begun. */
static void a_bar_that_formed_while_the_hook_ran_fills_at_its_open(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8, buys_at_the_first_bar);
    struct mw_series *series = watch(&bench, "A", 1);
    put(&bench, series, 1, true, 100);
    put(&bench, series, 2, false, 105);
    put_bar(&bench, series, 2, false, (double[]){105, 120, 90, 110});
    start(&bench);
    expect_signal(&bench, "asked");
    expect_fill(&bench, MW_SIDE_BUY, 2, 105);
    end(&bench);
}

static void a_stop_is_filled_by_an_update_of_a_forming_bar(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8,
          BEGIN HANDLE_BAR
          "  if not context.state.done then assert(context:buy('A', 2)) end\n"
          "  context.state.done = true\n"
          "end\n"
          "function s.handle_state(context, event)\n"
          "  if event.kind ~= 'order' or event.side ~= 'buy' then return end\n"
          "  assert(event.amount == 2 and context:position('A') == 2)\n"
          "  assert(context:order { symbol = 'A', side = 'sell', type = 'stop', price = 95,\n"
          "                         amount = 2, reduce = true })\n"
          "end\n"
          "return s\n");
    struct mw_series *series = watch(&bench, "A", 1);
    put(&bench, series, 1, true, 100);
    start(&bench);
    put(&bench, series, 2, false, 101);
    expect_fill(&bench, MW_SIDE_BUY, 2, 101);
    int64_t placed_ms = mw_clock_wall_ms();
    while (mw_clock_wall_ms() <= placed_ms) /* what happens in the same moment waits */
        expect_mark(&bench);
    put_bar(&bench, series, 2, false, (double[]){101, 101, 96, 97});
    expect_mark(&bench);
    put_bar(&bench, series, 2, false, (double[]){101, 101, 94, 94});
    expect_fill(&bench, MW_SIDE_SELL, 2, 94);
    mw_worker_stop(bench.worker);
    struct mw_strategy_status status;
    mw_strategy_get_status(bench.strategy, &status);
    assert_true(status.account.cash == 10000 - 2 * 101 + 2 * 94);
    assert_true(status.account.equity == status.account.cash);
    assert_int_equal(status.account.totals.trades, 1);
    assert_int_equal(status.account.totals.fills, 2);
    assert_int_equal(status.account.positions, 0);
    assert_int_equal(status.account.orders, 0);
    end(&bench);
}

/* Whichever of its series is watched first. */
static void of_several_timeframes_only_the_finest_tells_of_prices(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct bench bench;
        begin(&bench, 16,
              BEGIN HANDLE_BAR "  context:signal(bar.frequency)\n"
                               "  if bar.frequency ~= '5m' or context.state.done then return end\n"
                               "  context.state.done = true\n"
                               "  assert(context:buy('A', 1))\n"
                               "end\n"
                               "return s\n");
        struct mw_series *first = watch(&bench, "A", order == 0 ? 5 : 1);
        struct mw_series *second = watch(&bench, "A", order == 0 ? 1 : 5);
        struct mw_series *fine = order == 0 ? second : first;
        struct mw_series *coarse = order == 0 ? first : second;
        assert_int_equal(mw_account_instrument_count(mw_strategy_account(bench.strategy)), 1);
        put(&bench, coarse, 5, false, 100);
        put(&bench, fine, 9, false, 100);
        start(&bench);
        put(&bench, fine, 9, true, 100);
        expect_signal(&bench, "1m");
        put(&bench, coarse, 5, true, 100);
        expect_signal(&bench, "5m");
        put(&bench, coarse, 10, false, 500); /* nothing of this reaches the account */
        put_bar(&bench, coarse, 10, true, (double[]){500, 900, 1, 500});
        expect_signal(&bench, "5m");
        expect_mark(&bench);
        put(&bench, fine, 10, false, 101);
        expect_fill(&bench, MW_SIDE_BUY, 1, 101);
        put(&bench, coarse, 15, true, 700);
        expect_signal(&bench, "5m");
        mw_worker_stop(bench.worker);
        struct mw_strategy_status status;
        mw_strategy_get_status(bench.strategy, &status);
        assert_true(status.account.equity == 10000);
        assert_int_equal(status.account.positions, 1);
        end(&bench);
    }
}

static void bars_come_after_the_finer_ones_that_they_are_made_of(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 16,
          "return { params = { symbol = 'A' }, handle_bar = function(context, bar)\n"
          "  context:signal(bar.frequency .. (' %d'):format(bar.time // 60000))\n"
          "end }\n");
    struct mw_series *coarse = watch(&bench, "A", 5), *fine = watch(&bench, "A", 1);
    put(&bench, coarse, 5, true, 100);
    for (int minute = 5; minute < 10; minute++)
        put(&bench, fine, minute, true, 100);
    start(&bench);
    for (int minute = 5; minute < 10; minute++) {
        char text[8];
        snprintf(text, sizeof(text), "1m %d", minute);
        expect_signal(&bench, text);
    }
    expect_signal(&bench, "5m 5");
    end(&bench);
}

static void series_that_are_offered_can_be_traded(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8,
          "local s = {}\n"
          "function s.handle_bar(context, bar)\n"
          "  if context:position(bar.symbol) == 0 then assert(context:buy(bar.symbol, 3)) end\n"
          "  context:signal('asked')\n"
          "end\n"
          "return s\n");
    start(&bench);
    struct mw_series *series = add_series(&bench, "A", 1);
    mw_worker_offer(bench.worker, series);
    put(&bench, series, 1, true, 100);
    expect_signal(&bench, "asked");
    put(&bench, series, 2, false, 103);
    expect_fill(&bench, MW_SIDE_BUY, 3, 103);
    end(&bench);
}

/* Its open, and how far it went, are from before the order. */
static void an_order_of_init_is_filled_by_the_first_price_that_comes(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8,
          "local s = { params = { symbol = 'A' } }\n"
          "function s.init(context)\n"
          "  assert(context:buy('A', 1))\n"
          "  local id, err = context:buy('A', -1)\n"
          "  assert(id == nil and err.kind == 'OrderError')\n"
          "  context:signal(('%g'):format(context.equity))\n"
          "end\n"
          "return s\n");
    struct mw_series *series = watch(&bench, "A", 30);
    start(&bench);
    expect_signal(&bench, "10000");
    int64_t placed_ms = mw_clock_wall_ms();
    while (mw_clock_wall_ms() <= placed_ms)
        sched_yield();
    int64_t minute = placed_ms / MW_MS_PER_MINUTE / 30 * 30;
    put_bar(&bench, series, minute, false, (double[]){50, 200, 40, 100});
    expect_fill(&bench, MW_SIDE_BUY, 1, 100);
    end(&bench);
}

/* A simulator, or a replay, that plays the past: what hooks other than handle_bar place is filled
 * as in a back-test, and in the time of the prices. */
static void orders_live_in_the_time_of_a_feed_that_plays_the_past(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct bench bench;
        begin(&bench, 16,
              "local s = { params = { symbol = 'A' } }\n"
              "function s.init(context) assert(context:buy('A', 1)) end\n"
              "function s.handle_state(context, event)\n"
              "  if event.kind ~= 'order' then return end\n"
              "  assert(context:order { symbol = 'A', side = 'sell', type = 'limit',\n"
              "                         price = 10000, amount = 1 })\n"
              "  if event.side == 'buy' then assert(context:close('A'))\n"
              "  elseif #context:trades() < 2 then assert(context:buy('A', 1)) end\n"
              "end\n"
              "function s.stop(context)\n"
              "  for _, trade in ipairs(context:trades()) do\n"
              "    context:signal(('%d to %d'):format(trade.entry_time, trade.exit_time))\n"
              "  end\n"
              "  for _, order in ipairs(context:orders()) do\n"
              "    context:signal(('at %d'):format(order.time))\n"
              "  end\n"
              "  context:cancel()\n"
              "end\n"
              "return s\n");
        struct mw_series *series = watch(&bench, "A", 1);
        start(&bench);
        for (int minute = 1; minute <= 4; minute++) {
            put_bar(&bench, series, minute, closed,
                    (double[]){100 + minute, 200, 50, 110 + minute});
            expect_fill(&bench, minute % 2 == 1 ? MW_SIDE_BUY : MW_SIDE_SELL, 1, 100 + minute);
        }
        mw_worker_stop(bench.worker);
        expect_signal(&bench, "60000 to 120000");
        expect_signal(&bench, "180000 to 240000");
        for (int minute = 1; minute <= 4; minute++) {
            char text[16];
            snprintf(text, sizeof(text), "at %d", (minute + 1) * 60000);
            expect_signal(&bench, text);
        }
        end(&bench);
    }
}

static void what_the_ring_dropped_fills_nothing_and_what_is_left_does(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8, "return { params = { symbol = 'A' } }");
    struct mw_series *series = watch(&bench, "A", 1);
    struct mw_account *account = mw_strategy_account(bench.strategy);
    uint64_t id;
    for (int price = 60; price <= 80; price += 20) {
        const struct mw_order_request request = {
            .type = MW_ORDER_LIMIT, .amount = 1, .value = (double)NAN, .price = price};
        assert_int_equal(mw_account_submit(account, &request, 0, &id, NULL), MW_OK);
    }
    put(&bench, series, 1, false, 100);
    for (int minute = 1; minute <= 10; minute++) {
        double low = minute == 2 ? 50 : minute == 5 ? 75 : 100;
        put_bar(&bench, series, minute, true, (double[]){100, 100, low, 100});
    }
    start(&bench);
    expect_fill(&bench, MW_SIDE_BUY, 1, 80);
    mw_worker_stop(bench.worker);
    struct mw_strategy_status status;
    mw_strategy_get_status(bench.strategy, &status);
    assert_int_equal(status.lost, 2);
    assert_int_equal(status.account.orders, 1);
    assert_int_equal(status.account.totals.fills, 1);
    end(&bench);
}

static void forming_bars_pass_by_an_account_that_was_given_no_order(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8,
          BEGIN HANDLE_BAR "end\n"
                           "return s\n");
    struct mw_series *series = watch(&bench, "A", 1);
    start(&bench);
    put(&bench, series, 1, true, 100);
    put(&bench, series, 2, false, 200);
    expect_mark(&bench);
    mw_worker_stop(bench.worker);
    struct mw_account *account = mw_strategy_account(bench.strategy);
    assert_true(mw_account_position(account, 0).last == 100);
    assert_false(mw_account_is_used(account));
    end(&bench);
}

/* At full speed, where bars close between two looks. */
static void no_bar_comes_after_an_update_of_a_later_one(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct bench bench;
    begin(&bench, COUNT + 1,
          "local s, bad, last = { params = { symbol = 'A' } }, 0, 0\n"
          "function s.handle_tick(context, bar)\n"
          "  if bar.time < last then bad = bad + 1 end\n"
          "  last = bar.time\n"
          "end\n"
          "function s.handle_bar(context, bar)\n"
          "  if bar.time < last then bad = bad + 1 end\n"
          "  last = bar.time\n"
          "  if bar.time == 20000 * 60000 then context:signal(('bad %d'):format(bad)) end\n"
          "end\n"
          "return s\n");
    struct mw_series *series = watch(&bench, "A", 1);
    start(&bench);
    for (int minute = 1; minute <= COUNT + 1; minute++)
        put(&bench, series, minute, false, 100);
    expect_signal(&bench, "bad 0");
    end(&bench);
}

static void an_account_knows_the_bar_that_a_hook_is_given(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8,
          BEGIN "local function check(context, bar)\n"
                "  local amount = context:position('A')\n"
                "  assert(amount == 0 or context.equity == context.cash + amount * bar.close)\n"
                "  context:signal(('%d %g'):format(amount, bar.close))\n"
                "end\n"
                "function s.handle_bar(context, bar)\n"
                "  if bar.symbol ~= 'A' then return end\n"
                "  if bar.time == 60000 then assert(context:buy('A', 2)) end\n"
                "  check(context, bar)\n"
                "end\n"
                "s.handle_tick = check\n"
                "return s\n");
    struct mw_series *series = watch(&bench, "A", 1);
    start(&bench);
    put(&bench, series, 1, true, 100);
    expect_signal(&bench, "0 100");
    put(&bench, series, 2, false, 105);
    expect_fill(&bench, MW_SIDE_BUY, 2, 105);
    expect_signal(&bench, "2 105");
    put(&bench, series, 2, false, 107);
    expect_signal(&bench, "2 107");
    put(&bench, series, 2, true, 108);
    expect_signal(&bench, "2 108");
    end(&bench);
}

static void any_thread_reads_the_account_while_it_trades(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct bench bench;
    begin(&bench, COUNT + 1,
          "local s = { params = { symbol = 'A' } }\n"
          "function s.handle_bar(context, bar)\n"
          "  if bar.time >= 2000 * 60000 then context:signal('done') return end\n"
          "  if context:position('A') == 0 then context:buy('A', 1) else context:close('A') end\n"
          "end\n"
          "return s\n");
    struct mw_series *series = watch(&bench, "A", 1);
    struct mw_strategy_status status;
    mw_strategy_get_status(bench.strategy, &status);
    assert_true(status.loaded && status.account.cash == 10000 && status.account.equity == 10000);
    start(&bench);
    uint64_t fills = 0;
    for (int minute = 1; minute <= COUNT; minute++) {
        put(&bench, series, minute, true, 100);
        mw_strategy_get_status(bench.strategy, &status);
        assert_true(status.account.totals.fills >= fills);
        assert_true(status.account.equity == 10000); /* the price never changes, there is no fee */
        assert_true(status.account.cash == (status.account.positions == 0 ? 10000 : 9900));
        fills = status.account.totals.fills;
    }
    struct mw_event event = next_event(&bench);
    for (; event.kind == MW_EVENT_ORDER; event = next_event(&bench))
        mw_event_deinit(&event);
    assert_int_equal(event.kind, MW_EVENT_SIGNAL);
    mw_event_deinit(&event);
    mw_worker_stop(bench.worker);
    mw_strategy_get_status(bench.strategy, &status);
    assert_true(status.account.totals.fills > 1000);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_of_a_bar_is_filled_by_the_next_update_and_not_before),
        cmocka_unit_test(a_bar_that_formed_while_the_hook_ran_fills_at_its_open),
        cmocka_unit_test(a_stop_is_filled_by_an_update_of_a_forming_bar),
        cmocka_unit_test(of_several_timeframes_only_the_finest_tells_of_prices),
        cmocka_unit_test(bars_come_after_the_finer_ones_that_they_are_made_of),
        cmocka_unit_test(series_that_are_offered_can_be_traded),
        cmocka_unit_test(an_order_of_init_is_filled_by_the_first_price_that_comes),
        cmocka_unit_test(orders_live_in_the_time_of_a_feed_that_plays_the_past),
        cmocka_unit_test(what_the_ring_dropped_fills_nothing_and_what_is_left_does),
        cmocka_unit_test(forming_bars_pass_by_an_account_that_was_given_no_order),
        cmocka_unit_test(no_bar_comes_after_an_update_of_a_later_one),
        cmocka_unit_test(an_account_knows_the_bar_that_a_hook_is_given),
        cmocka_unit_test(any_thread_reads_the_account_while_it_trades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
