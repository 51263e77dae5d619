/* account_script_test.c - trading as a script sees it: the context's methods and events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bind/bind_moonwick.h"
#include "script/strategy.h"

enum { EVENTS_MAX = 32 };

/* A strategy with two instruments of one feed and one of another, and what it sent. */
struct bench {
    struct mw_strategy *strategy;
    struct mw_event events[EVENTS_MAX]; /* without texts */
    char texts[EVENTS_MAX][256];
    uint32_t event_count;
    int64_t minute;
};

static void on_event(void *user, const struct mw_event *event)
{
    struct bench *bench = user;
    if (event->kind == MW_EVENT_ERROR)
        print_error("%s\n", event->error.message);
    assert_true(bench->event_count < EVENTS_MAX);
    uint32_t at = bench->event_count++;
    bench->events[at] = *event;
    snprintf(bench->texts[at], sizeof(bench->texts[at]), "%s",
             event->text != NULL ? event->text : "");
}

/* Helpers that every script has. */
static const char prelude[] =
    "local s = {}\n"
    "local function refused(words, id, err)\n"
    "  assert(id == nil, 'was accepted')\n"
    "  assert(err.kind == 'OrderError' and err.status == 'EORDER', tostring(err))\n"
    "  assert(err.message == words, err.message)\n"
    "end\n"
    "local function raises(words, ...)\n"
    "  local ok, message = pcall(...)\n"
    "  assert(not ok, 'did not raise')\n"
    "  assert(message:find(words, 1, true), message)\n"
    "end\n"
    "local function near(a, b) assert(math.abs(a - b) < 1e-9, a .. ' is not ' .. b) end\n";

static void begin(struct bench *bench, const struct mw_account_options *account, const char *code)
{
    *bench = (struct bench){.minute = 0};
    char path[] = "/tmp/moonwick_strategy_XXXXXX.lua";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s%sreturn s\n", prelude, code) > 0);
    close(fd);
    const struct mw_strategy_options options = {.name = "tested",
                                                .file = path,
                                                .account = account,
                                                .bindings = &mw_lua_bindings,
                                                .on_event = on_event,
                                                .user = bench};
    struct mw_error err = {.message = ""};
    if (mw_strategy_load(&options, &bench->strategy, &err) != MW_OK)
        print_error("%s\n", err.message);
    unlink(path);
    assert_non_null(bench->strategy);
    struct mw_account *book = mw_strategy_account(bench->strategy);
    const char *const names[][2] = {{"demo", "A"}, {"demo", "B"}, {"other", "B"}};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t instrument;
        assert_int_equal(mw_account_add(book, names[i][0], names[i][1], &instrument, NULL), MW_OK);
        assert_int_equal(instrument, i);
    }
}

static void end(struct bench *bench)
{
    mw_strategy_free(bench->strategy);
}

/* A closed bar of A: first the account hears of it, then the hook. */
static void deliver(struct bench *bench, double open, double high, double low, double close)
{
    const struct mw_series_key key = {.feed = "demo", .symbol = "A", .timeframe = {1, 'm'}};
    const struct mw_candle candle = {.open_ms = bench->minute * INT64_C(60000),
                                     .open = open,
                                     .high = high,
                                     .low = low,
                                     .close = close,
                                     .volume = (double)++bench->minute,
                                     .state = MW_CANDLE_CLOSED,
                                     .closed_by = MW_CLOSED_BY_EXCHANGE};
    mw_strategy_set_clock(bench->strategy, bench->minute * INT64_C(60000));
    mw_strategy_take_price(bench->strategy, 0, &candle, bench->minute * INT64_C(60000));
    mw_strategy_handle_bar(bench->strategy, &candle, &key);
}

static void expect_signal(const struct bench *bench, uint32_t at, const char *text)
{
    assert_true(at < bench->event_count);
    assert_int_equal(bench->events[at].kind, MW_EVENT_SIGNAL);
    assert_string_equal(bench->texts[at], text);
}

static void buys_sells_and_closes_and_is_told_of_it(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, NULL,
          "local bar = 0\n"
          "function s.handle_bar(context)\n"
          "  bar = bar + 1\n"
          "  if bar == 1 then\n"
          "    assert(context.cash == 10000 and context.equity == 10000)\n"
          "    local amount, price = context:position 'A'\n"
          "    assert(amount == 0 and price == nil)\n"
          "    assert(math.type(context:buy('A', 10)) == 'integer')\n"
          "    assert(context:position 'demo:A' == 0)\n"
          "  elseif bar == 2 then\n"
          "    local amount, price = context:position 'demo:A'\n"
          "    assert(amount == 10 and price == 101)\n"
          "    near(context.cash, 10000 - 1010 - 1.01)\n"
          "    near(context.equity, context.cash + 1020)\n"
          "    assert(context:sell('A', 4) == 2)\n"
          "  elseif bar == 3 then\n"
          "    assert(context:position 'A' == 6)\n"
          "    assert(context:close 'A' == 3)\n"
          "  elseif bar == 4 then\n"
          "    assert(context:position 'A' == 0)\n"
          "    refused('close A: there is no position', context:close 'A')\n"
          "    local trades = context:trades()\n"
          "    assert(#trades == 2 and #context:trades(1) == 1 and #context:trades(0) == 0)\n"
          "    local last = context:trades(1)[1]\n"
          "    assert(last.side == 'buy' and last.symbol == 'A' and last.feed == 'demo')\n"
          "    assert(last.amount == 6 and last.entry == 101 and last.exit == 103)\n"
          "    assert(last.entry_time == 60000 and last.exit_time == 180000 and not last.tag)\n"
          "    near(last.fees, 0.606 + 0.618)\n"
          "    near(last.profit, 12 - 0.606 - 0.618)\n"
          "  end\n"
          "end\n"
          "function s.handle_state(context, e)\n"
          "  context:signal(('%s %d %s %s %s %s %s %.4f %d'):format(e.kind, e.id, e.feed,\n"
          "    e.symbol, e.side, e.type, e.state, e.fee, e.time))\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    deliver(&bench, 101, 102, 101, 102);
    deliver(&bench, 102, 103, 102, 103);
    deliver(&bench, 103, 103, 103, 103);
    assert_int_equal(bench.event_count, 6);
    expect_signal(&bench, 0, "order 1 demo A buy market filled 1.0100 60000");
    expect_signal(&bench, 2, "order 2 demo A sell market filled 0.4080 120000");
    expect_signal(&bench, 4, "order 3 demo A sell market filled 0.6180 180000");
    for (uint32_t i = 1; i < 6; i += 2) {
        const struct mw_event *event = &bench.events[i];
        assert_int_equal(event->kind, MW_EVENT_ORDER);
        assert_string_equal(event->strategy, "tested");
        assert_string_equal(event->feed, "demo");
        assert_string_equal(event->key.symbol, "A");
        assert_int_equal(event->order.id, i / 2 + 1);
        assert_int_equal(event->order.state, MW_ORDER_FILLED);
    }
    end(&bench);
}

static void places_orders_of_every_kind_and_lists_and_cancels_them(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, NULL,
          "local bar = 0\n"
          "function s.handle_bar(context)\n"
          "  bar = bar + 1\n"
          "  if bar == 2 then\n"
          "    assert(#context:orders() == 1 and context:cancel() == 1)\n"
          "    return\n"
          "  elseif bar > 2 then return end\n"
          "  assert(context:order{ symbol = 'A', side = 'buy', type = 'limit', value = 500,\n"
          "    price = 90, tag = 'dip' } == 1)\n"
          "  assert(context:order{ symbol = 'A', side = 'sell', type = 'stop', amount = 2,\n"
          "    price = 80, reduce = true } == 2)\n"
          "  assert(context:order{ symbol = 'other:B', side = 'sell', type = 'limit', amount = 1,\n"
          "    price = 7 } == 3)\n"
          "  assert(context:order{ symbol = 'A', side = 'buy', amount = 1 } == 4)\n"
          "  local list = context:orders()\n"
          "  assert(#list == 4)\n"
          "  local o = list[1]\n"
          "  assert(o.id == 1 and o.symbol == 'A' and o.feed == 'demo' and o.side == 'buy')\n"
          "  assert(o.type == 'limit' and o.value == 500 and o.amount == nil and o.price == 90)\n"
          "  assert(o.tag == 'dip' and o.reduce == false and o.time == 60000)\n"
          "  assert(list[2].reduce and list[2].amount == 2 and list[2].tag == nil)\n"
          "  assert(list[4].type == 'market' and list[4].price == nil)\n"
          "  assert(context:cancel(3) == true)\n"
          "  refused('order 3 is not open', context:cancel(3))\n"
          "  refused('order -1 is not open', context:cancel(-1))\n"
          "  assert(context:cancel 'other:B' == 0)\n"
          "end\n"
          "function s.handle_state(context, e)\n"
          "  context:signal(('%d %s %s %s %s %s'):format(e.id, e.state, e.amount, e.price,\n"
          "    e.tag, e.reason))\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    deliver(&bench, 100, 101, 85, 100);
    deliver(&bench, 100, 101, 85, 100);
    assert_int_equal(bench.event_count, 8);
    expect_signal(&bench, 0, "3 cancelled 1.0 7.0 nil nil");
    expect_signal(&bench, 2, "4 filled 1.0 100.0 nil nil");
    expect_signal(&bench, 4, "1 filled 5.5500055500056 90.0 dip nil");
    end(&bench);
}

static void says_why_an_order_is_refused_or_rejected(void **state)
{
    (void)state;
    struct bench bench;
    const struct mw_account_options options = {
        .cash = 10000, .fee = 0.01, .maker_fee = 0.01, .leverage = 1};
    begin(&bench, &options,
          "local first = true\n"
          "function s.handle_bar(context)\n"
          "  if not first then return end\n"
          "  first = false\n"
          "  refused('buy A: needs 10,100.00, the account has 10,000.00', context:buy('A', 100))\n"
          "  refused('buy A: amount 0: want a number from 1e-12 to 1e+15', context:buy('A', 0))\n"
          "  refused('sell A: amount nan: want a number', context:sell('A', 0 / 0))\n"
          "  refused('buy A: price nan: want a number', context:order{ symbol = 'A',\n"
          "    side = 'buy', amount = 1, price = 0 / 0 })\n"
          "  refused('sell A: nothing to reduce: no position, and no order that opens one',\n"
          "    context:order{ symbol = 'A', side = 'sell', amount = 1, reduce = true })\n"
          "  context:buy('A', 99)\n"
          "end\n"
          "function s.handle_state(context, e)\n"
          "  context:signal(e.state .. ' ' .. e.amount .. ' ' .. tostring(e.price) .. ' ' ..\n"
          "    tostring(e.fee) .. ': ' .. e.reason)\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    deliver(&bench, 102, 102, 102, 102);
    assert_int_equal(bench.event_count, 2);
    expect_signal(&bench, 0, "rejected 99.0 nil nil: needs 10,198.98, the account has 10,000.00");
    end(&bench);
}

static void raises_for_what_only_a_mistake_can_be(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, NULL,
          "function s.handle_bar(c)\n"
          "  raises('bad argument #1 to \\'buy\\' (symbol expected, got no value)',\n"
          "    function() c:buy() end)\n"
          "  raises('bad argument #2 to \\'buy\\' (number expected, got no value)',\n"
          "    function() c:buy 'A' end)\n"
          "  raises('(number expected, got string)', c.sell, c, 'A', '5')\n"
          "  raises('the account knows no symbol \\'AA\\'', c.buy, c, 'AA', 1)\n"
          "  raises('several feeds have B: want one, as in \"demo:B\"', c.position, c, 'B')\n"
          "  raises('symbol expected, got no value', c.position, c)\n"
          "  raises('symbol expected, got no value', c.close, c)\n"
          "  raises('table expected', c.order, c, 'A')\n"
          "  raises('symbol expected, got table', c.cancel, c, {})\n"
          "  raises('number has no integer', c.cancel, c, 1.5)\n"
          "  raises('want a count of 0 or more', c.trades, c, -1)\n"
          "  raises('moonwick.context', c.buy, {}, 'A', 1)\n"
          "  local function order(changes, words)\n"
          "    local o = { symbol = 'A', side = 'buy', amount = 1 }\n"
          "    for k, v in pairs(changes) do o[k] = v end\n"
          "    raises(words, c.order, c, o)\n"
          "  end\n"
          "  order({ ammount = 1 }, 'order: no such option \\'ammount\\', did you mean amount?')\n"
          "  order({ [1] = 1 }, 'order: want named options, got a number')\n"
          "  order({ [{}] = 1 }, 'order: want named options, got a table')\n"
          "  order({ symbol = 5 }, 'order: symbol: want a text, got 5')\n"
          "  order({ symbol = 'C' }, 'order: symbol: the account knows no symbol \\'C\\'')\n"
          "  order({ side = 'long' }, 'order: side: want \"buy\" or \"sell\", got long')\n"
          "  order({ type = 'stp' }, 'order: type: want \"market\", \"limit\" or \"stop\", got')\n"
          "  order({ amount = '1' }, 'order: amount: want a number, got 1')\n"
          "  order({ price = {} }, 'order: price: want a number, got table')\n"
          "  order({ reduce = 1 }, 'order: reduce: want true or false, got 1')\n"
          "  order({ tag = ('x'):rep(33) }, 'order: tag: want a text of at most 32 bytes, got x')\n"
          "  order({ tag = 'a\\0b' }, 'order: tag: want a text of at most 32 bytes')\n"
          "  raises('order: side: want \"buy\" or \"sell\", got nil', c.order, c,\n"
          "    { symbol = 'A', amount = 1 })\n"
          "  assert(c:order{ symbol = 'A', side = 'buy', amount = 1, tag = ('x'):rep(32) })\n"
          "  raises('the context is read-only', function() c.cash = 1 end)\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    assert_int_equal(bench.event_count, 0);
    assert_int_equal(mw_account_instrument_count(mw_strategy_account(bench.strategy)), 3);
    end(&bench);
}

/* A hook that places and cancels whenever it is told would never come to an end. */
static void tells_with_the_next_price_what_the_hook_itself_has_done(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, NULL,
          "function s.handle_bar(context) context:buy('A', 1) end\n"
          "function s.handle_state(context, e)\n"
          "  context:cancel(context:order{ symbol = 'A', side = 'buy', type = 'limit',\n"
          "    amount = 1, price = 1 })\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    assert_int_equal(bench.event_count, 0);
    deliver(&bench, 100, 100, 100, 100);
    assert_int_equal(bench.event_count, 1);
    deliver(&bench, 100, 100, 100, 100);
    assert_int_equal(bench.event_count, 3);
    end(&bench);
}

/* An order that handle_state places is of the moment of the news: it waits for the next. */
static void fills_what_handle_state_places_by_later_news_only(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, NULL,
          "local bar = 0\n"
          "function s.handle_bar(context)\n"
          "  bar = bar + 1\n"
          "  if bar == 1 then context:buy('A', 1) end\n"
          "end\n"
          "function s.handle_state(context, e)\n"
          "  if e.side == 'buy' then assert(context:close 'A') end\n"
          "end\n");
    deliver(&bench, 100, 100, 100, 100);
    deliver(&bench, 101, 105, 95, 102);
    assert_int_equal(bench.event_count, 1);
    deliver(&bench, 103, 103, 103, 103);
    assert_int_equal(bench.event_count, 2);
    assert_int_equal(bench.events[1].order.placed_ms, 120000);
    assert_int_equal(bench.events[1].order.done_ms, 120000);
    assert_true(bench.events[1].order.price == 103);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buys_sells_and_closes_and_is_told_of_it),
        cmocka_unit_test(places_orders_of_every_kind_and_lists_and_cancels_them),
        cmocka_unit_test(says_why_an_order_is_refused_or_rejected),
        cmocka_unit_test(raises_for_what_only_a_mistake_can_be),
        cmocka_unit_test(tells_with_the_next_price_what_the_hook_itself_has_done),
        cmocka_unit_test(fills_what_handle_state_places_by_later_news_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
