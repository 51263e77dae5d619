/* backtest_test.c - what a script is told in a back-test, in which order, and what it can see. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backtest_bench.h"

/* Tells of every bar: symbol, frequency, minute of its opening. */
#define TELL                                                                                       \
    "local function minute(ms) return (ms - 1704067200000) // 60000 end\n"                         \
    "local function tell(context, bar)\n"                                                          \
    "  context:signal(('%s %s %d'):format(bar.symbol, bar.frequency, minute(bar.time)))\n"         \
    "end\n"

static void tells_each_bar_when_it_closes(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL "return { init = function(context) context:signal 'init' end,\n"
                                "  handle_bar = tell,\n"
                                "  stop = function(context) context:signal 'stop' end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 3, NULL);
    backtest_expect(&bench, "0 init\n1 BTC 1m 0\n2 BTC 1m 1\n3 BTC 1m 2\n3 stop\n");
    const struct mw_backtest_result *result = bench.result;
    assert_int_equal(result->from_ms, backtest_ms(0));
    assert_int_equal(result->to_ms, backtest_ms(3));
    assert_int_equal(result->bars, 3);
    assert_int_equal(result->point_count, 3);
    assert_int_equal(result->points[0].time_ms, backtest_ms(1));
    assert_string_equal(result->name, "tested");
    assert_true(result->data == bench.data);
    backtest_end(&bench);
}

static void tells_finer_bars_first_and_then_in_the_order_of_the_data(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL "return { handle_bar = tell }\n");
    backtest_add(&bench, "SLOW", "5m", 0, 2, NULL);
    backtest_add(&bench, "B", "1m", 3, 3, NULL);
    backtest_add(&bench, "A", "1m", 3, 7, NULL);
    backtest_expect(&bench, "4 B 1m 3\n4 A 1m 3\n"
                            "5 B 1m 4\n5 A 1m 4\n5 SLOW 5m 0\n"
                            "6 B 1m 5\n6 A 1m 5\n"
                            "7 A 1m 6\n8 A 1m 7\n9 A 1m 8\n"
                            "10 A 1m 9\n10 SLOW 5m 5\n");
    backtest_end(&bench);
}

static void makes_what_is_asked_for_of_finer_bars(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL
                   "return { subscriptions = function() return {\n"
                   "  { symbol = 'BTC', frequency = '3m' }, { symbol = 'BTC', frequency = '1m' },\n"
                   "  { symbol = 'BTC', frequency = '3m' } } end, handle_bar = tell }\n");
    backtest_add(&bench, "BTC", "1m", 0, 7, NULL);
    backtest_expect(&bench, "1 BTC 1m 0\n2 BTC 1m 1\n3 BTC 1m 2\n3 BTC 3m 0\n"
                            "4 BTC 1m 3\n5 BTC 1m 4\n6 BTC 1m 5\n6 BTC 3m 3\n7 BTC 1m 6\n");
    assert_int_equal(bench.result->series_count, 2);
    assert_int_equal(bench.result->series[1].bars, 2);
    backtest_end(&bench);
}

/* 1m: 0 1 2 3 . 5 6 . . 9: the bucket of 3..5 ends with a row, 0..2 too, 6..8 in silence. */
static void closes_a_made_bar_at_its_end_though_nothing_was_traded_there(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   TELL "return { params = { symbol = 'BTC', frequency = '3m' },\n"
                        "  handle_bar = function(context, bar)\n"
                        "    assert(context.now == bar.time + 180000)\n"
                        "    local bars = get_price('BTC', { count = 1, frequency = '3m' })\n"
                        "    assert(bars.complete, bars.reason)\n"
                        "    assert(bars[-1].time == bar.time)\n"
                        "    tell(context, bar)\n"
                        "  end,\n"
                        "  handle_state = function(context, event)\n"
                        "    context:signal(event.kind)\n"
                        "  end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 10, "xxxx.xx..x");
    backtest_expect(&bench, "3 BTC 3m 0\n6 BTC 3m 3\n9 BTC 3m 6\n");
    backtest_end(&bench);
}

static void a_series_that_has_ended_is_quiet(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(
        &bench,
        TELL "return { subscriptions = function() return {\n"
             "  { symbol = 'OLD', frequency = '5m' }, { symbol = 'BTC', frequency = '5m' } }\n"
             "  end, handle_bar = function(context, bar)\n"
             "    local old = get_price('OLD', { count = 1 })\n"
             "    assert(old.complete, old.reason)\n"
             "    tell(context, bar)\n"
             "  end }\n");
    backtest_add(&bench, "OLD", "1m", 0, 7, NULL);
    backtest_add(&bench, "BTC", "1m", 0, 15, NULL);
    backtest_expect(&bench, "5 OLD 5m 0\n5 BTC 5m 0\n10 OLD 5m 5\n10 BTC 5m 5\n15 BTC 5m 10\n");
    backtest_end(&bench);
}

/* The collector may run while pairs puts names in order, and a finaliser is the script's. */
static void pairs_bears_what_a_finaliser_does_to_the_table(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "table.sort = nil\n"
                           "return { handle_bar = function(context)\n"
                           "  local names, count = {}, 0\n"
                           "  local function add()\n"
                           "    for i = 1, 100 do count = count + 1 names['z' .. count] = 1 end\n"
                           "  end\n"
                           "  for i = 1, 200 do names['k' .. i] = i end\n"
                           "  for i = 1, 20 do setmetatable({}, { __gc = add }) end\n"
                           "  for i = 1, 20 do\n"
                           "    local last = ''\n"
                           "    for name in pairs(names) do assert(last < name) last = name end\n"
                           "  end\n"
                           "end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 60, NULL);
    backtest_expect(&bench, "");
    backtest_end(&bench);
}

/* OLD ends at minute 7, SLOW has nothing from there to minute 18: the bucket of 5..10 is long over
 * when somebody asks for it first. */
static void a_series_asked_for_late_has_what_was_quiet_before(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   TELL "return { params = { symbol = 'BTC', frequency = '1m' },\n"
                        "  handle_bar = function(context, bar)\n"
                        "    if minute(context.now) < 14 then return end\n"
                        "    local old = get_price('OLD', { count = 2, frequency = '5m' })\n"
                        "    local slow = get_price('SLOW', { count = 2, frequency = '5m' })\n"
                        "    context:signal(('%s %s %s'):format(context.now == bar.time + 60000,\n"
                        "      old.complete and minute(old[-1].time) or old.reason,\n"
                        "      slow.complete and minute(slow[-1].time) or slow.reason))\n"
                        "  end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 16, NULL);
    backtest_add(&bench, "OLD", "1m", 0, 7, NULL);
    backtest_add(&bench, "SLOW", "1m", 0, 19, "xxxxxxx...........x");
    backtest_expect(&bench, "14 true 5 5\n15 true 5 5\n16 true 5 5\n");
    backtest_end(&bench);
}

static void a_script_that_asks_while_it_is_loaded_begins_nothing(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "local cold = get_price('x:BTC', { count = 1 })\n"
                           "return { params = { symbol = 'x:BTC', frequency = '1m' },\n"
                           "  init = function(context)\n"
                           "    context:signal(('%d %s'):format(#cold, cold.reason))\n"
                           "    context:signal(tostring(#get_price('x:BTC', { count = 9 })))\n"
                           "  end, handle_bar = function() end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 20, NULL);
    bench.options.from_ms = backtest_ms(15);
    backtest_expect(&bench, "15 0 unsubscribed\n15 9\n");
    assert_int_equal(bench.result->point_count, 5);
    assert_int_equal(bench.result->points[0].time_ms, backtest_ms(16));
    backtest_end(&bench);
}

static void tells_a_hole_before_the_bar_after_it(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL
                   "local function state(context, event)\n"
                   "  context:signal(('%s %s %s %d-%d %d'):format(event.kind, event.symbol,\n"
                   "    event.frequency, minute(event.from), minute(event.to), event.count))\n"
                   "  assert(event.time == context.now)\n"
                   "end\n"
                   "return { subscriptions = function() return {\n"
                   "  { symbol = 'BTC', frequency = '1m' }, { symbol = 'BTC', frequency = '3m' },\n"
                   "  { symbol = 'ETH', frequency = '1m' } } end,\n"
                   "  handle_bar = function(context, bar)\n"
                   "    tell(context, bar)\n"
                   "    if bar.symbol == 'ETH' then\n"
                   "      local btc = get_price('BTC', { count = 1 })\n"
                   "      context:signal(tostring(btc.reason) .. ' ' .. minute(btc[1].time))\n"
                   "    end\n"
                   "  end, handle_state = state }\n");
    backtest_add_holes(&bench, "BTC", "1m", 0, 6, "xx..xx");
    backtest_add(&bench, "ETH", "1m", 1, 4, NULL);
    backtest_expect(&bench, "1 BTC 1m 0\n"
                            "2 BTC 1m 1\n2 ETH 1m 1\n2 nil 1\n"
                            "3 ETH 1m 2\n3 stale 1\n"
                            "4 ETH 1m 3\n4 stale 1\n"
                            "5 gap BTC 1m 2-3 2\n5 BTC 1m 4\n5 ETH 1m 4\n5 nil 4\n"
                            "5 gap BTC 3m 0-0 1\n5 BTC 3m 0\n"
                            "6 BTC 1m 5\n6 gap BTC 3m 3-3 1\n6 BTC 3m 3\n");
    assert_int_equal(bench.result->series[0].absent, 2);
    assert_int_equal(bench.result->series[0].absent_count, 1);
    assert_true(bench.result->series[0].with_holes);
    assert_false(bench.result->series[1].with_holes);
    backtest_end(&bench);
}

static void says_nothing_of_silence(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   TELL "return { params = { symbol = 'BTC' },\n"
                        "  handle_bar = function(context, bar)\n"
                        "    tell(context, bar)\n"
                        "    local bars = get_price('BTC', { start = 1704067200000 })\n"
                        "    assert(bars.complete, bars.reason)\n"
                        "    assert(bars[-1].time == bar.time)\n"
                        "  end, handle_state = function(_, event) error(event.kind) end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 6, "xx..xx");
    backtest_expect(&bench, "1 BTC 1m 0\n2 BTC 1m 1\n5 BTC 1m 4\n6 BTC 1m 5\n");
    assert_int_equal(bench.result->series[0].absent, 2);
    assert_false(bench.result->series[0].with_holes);
    backtest_end(&bench);
}

static void knows_what_was_before_without_telling_it(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL "return { params = { symbol = 'BTC' },\n"
                                "  init = function(context)\n"
                                "    local bars = get_price('BTC', { count = 4 })\n"
                                "    assert(bars.complete, bars.reason)\n"
                                "    context:signal(('%d %d'):format(minute(bars[1].time),\n"
                                "      minute(bars[-1].time)))\n"
                                "    assert(#get_price('BTC', { count = 6 }) == 6)\n"
                                "  end, handle_bar = tell }\n");
    backtest_add(&bench, "BTC", "1m", 0, 10, NULL);
    bench.options.from_ms = backtest_ms(6);
    bench.options.to_ms = backtest_ms(8);
    bench.options.cache_bars = 3; /* the rest is behind the ring */
    backtest_expect(&bench, "6 2 5\n7 BTC 1m 6\n8 BTC 1m 7\n9 BTC 1m 8\n");
    assert_int_equal(bench.result->from_ms, backtest_ms(6));
    assert_int_equal(bench.result->to_ms, backtest_ms(9));
    assert_int_equal(bench.result->point_count, 3);
    backtest_end(&bench);
}

/* The 5m bar of 0 opens before the test and closes in it. */
static void a_bar_that_opened_before_is_seen_when_it_closes_and_not_told(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   TELL "local function newest()\n"
                        "  local bars = get_price('BTC', { count = 1, frequency = '5m' })\n"
                        "  return #bars > 0 and minute(bars[-1].time) or -1\n"
                        "end\n"
                        "return { init = function(context) context:signal(newest() .. '') end,\n"
                        "  handle_bar = function(context, bar)\n"
                        "    tell(context, bar)\n"
                        "    context:signal(newest() .. '')\n"
                        "  end }\n");
    backtest_add(&bench, "BTC", "5m", 0, 3, NULL);
    backtest_add(&bench, "BTC", "1m", 0, 11, NULL);
    bench.options.from_ms = backtest_ms(3);
    backtest_expect(&bench, "3 -1\n4 BTC 1m 3\n4 -1\n5 BTC 1m 4\n5 0\n6 BTC 1m 5\n6 0\n"
                            "7 BTC 1m 6\n7 0\n8 BTC 1m 7\n8 0\n9 BTC 1m 8\n9 0\n"
                            "10 BTC 1m 9\n10 5\n10 BTC 5m 5\n10 5\n11 BTC 1m 10\n11 5\n"
                            "15 BTC 5m 10\n15 10\n");
    backtest_end(&bench);
}

/* Asks for everything in every hook; nothing may close after the moment. */
static void nothing_that_closes_later_is_seen_from_any_hook(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(
        &bench,
        "local lengths = { ['1m'] = 1, ['3m'] = 3, ['5m'] = 5, ['7m'] = 7, ['1h'] = 60 }\n"
        "local asked = 0\n"
        "local function look(context, told)\n"
        "  for _, symbol in ipairs { 'BTC', 'ETH' } do\n"
        "    for frequency, length in pairs(lengths) do\n"
        "      for _, options in ipairs { { count = 500 }, { start = 0 },\n"
        "          { start = context.now - 600000, finish = context.now + 600000 },\n"
        "          { finish = context.now + 86400000, count = 3 }, { count = 3, forming = true } } "
        "do\n"
        "        options.frequency = frequency\n"
        "        local bars = get_price(symbol, options)\n"
        "        for i = 1, #bars do\n"
        "          local bar = bars[i]\n"
        "          asked = asked + 1\n"
        "          assert(not options.forming or bar.time <= context.now)\n"
        "          assert(options.forming or bar.time + length * 60000 <= context.now,\n"
        "            symbol .. frequency)\n"
        "          -- Each minute has a volume and a price of its own: a bar that had seen more\n"
        "          -- than it may would have a close that comes later.\n"
        "          -- What forms is as it is at the moment, which may be later than the end of a\n"
        "          -- bar that is told after a hole.\n"
        "          assert(options.forming and told and told.symbol == 'ETH' or\n"
        "            bar.close - 100 <= (context.now - 1704067200000) / 60000)\n"
        "        end\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "  assert(os.time() == context.now // 1000)\n"
        "end\n"
        "return { subscriptions = function() return { { symbol = 'BTC', frequency = '1m' },\n"
        "  { symbol = 'BTC', frequency = '3m' }, { symbol = 'ETH', frequency = '5m' } } end,\n"
        "  init = look, handle_bar = look, handle_state = look,\n"
        "  stop = function(context) look(context); context:signal(tostring(asked > 20000)) end "
        "}\n");
    backtest_add(&bench, "BTC", "1m", 0, 90, "xxxxxx.xx..xxxx.....");
    backtest_add_holes(&bench, "ETH", "1m", 4, 85, "xxxx.xxxx...xxx");
    bench.options.from_ms = backtest_ms(10);
    bench.options.cache_bars = 16;
    backtest_expect(&bench, "89 true\n");
    backtest_end(&bench);
}

static void counts_reach_beyond_the_ring(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   "return { params = { symbol = 'BTC' },\n"
                   "  handle_bar = function(context, bar)\n"
                   "    local at = (bar.time - 1704067200000) // 60000\n"
                   "    local bars = get_price('BTC', { count = at + 1 })\n"
                   "    assert(bars.complete and #bars == at + 1, bars.reason)\n"
                   "    assert(bars[1].close == 100 and bars[-1].close == 100 + at)\n"
                   "    local more = get_price('BTC', { count = at + 2 })\n"
                   "    assert(not more.complete and #more == at + 1)\n"
                   "    local count = (at + 1) // 5\n"
                   "    if count > 0 then\n"
                   "      local fives = get_price('BTC', { count = count, frequency = '5m' })\n"
                   "      assert(fives.complete and #fives == count, fives.reason)\n"
                   "      assert(fives[1].open == 100 and fives[-1].close == 99 + 5 * count)\n"
                   "    end\n"
                   "  end, stop = function(context) context:signal 'done' end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 200, NULL);
    bench.options.cache_bars = 7;
    backtest_expect(&bench, "200 done\n");
    backtest_end(&bench);
}

static void what_is_asked_for_in_passing_is_as_good_as_what_is_told(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench,
                   "return { params = { symbol = 'BTC', frequency = '5m' },\n"
                   "  handle_bar = function(context, bar)\n"
                   "    local minutes = (context.now - 1704067200000) // 60000\n"
                   "    if minutes < 15 then return end\n"
                   "    local eth = get_price('ETH', { count = 3 })\n"
                   "    assert(eth.complete and eth[-1].close == 100 + minutes - 1, eth.reason)\n"
                   "    local seven = get_price('ETH', { count = 1, frequency = '7m' })\n"
                   "    assert(seven.complete and seven[-1].time + 420000 > context.now - 420000)\n"
                   "    context:signal(('%g %d'):format(eth[-1].close,\n"
                   "      (seven[-1].time - 1704067200000) // 60000))\n"
                   "  end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 30, NULL);
    backtest_add(&bench, "ETH", "1m", 0, 40, "xxxxxxxxxxxxxxxxxxxxxxxxxxx.xx");
    backtest_expect(&bench, "15 114 7\n20 119 7\n25 124 14\n30 129 21\n");
    assert_int_equal(bench.result->symbol_count, 1);
    backtest_end(&bench);
}

static void a_strategy_without_wishes_is_told_of_all_data(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL "return { handle_bar = tell }\n");
    backtest_add(&bench, "one:BTC", "1m", 0, 1, NULL);
    backtest_add(&bench, "two:BTC", "1m", 0, 1, NULL);
    backtest_expect(&bench, "1 BTC 1m 0\n1 BTC 1m 0\n");
    assert_string_equal(bench.result->series[1].key.feed, "two");
    backtest_end(&bench);
}

static void data_without_a_feed_is_of_the_one_that_the_script_names(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(
        &bench,
        TELL "return { params = { symbol = 'venue:BTC' }, handle_bar = function(context, bar)\n"
             "  assert(get_price('venue:BTC', { count = 1 }).complete)\n"
             "  assert(get_price('BTC', { count = 1 }).complete)\n"
             "  tell(context, bar)\n"
             "end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 2, NULL);
    backtest_expect(&bench, "1 BTC 1m 0\n2 BTC 1m 1\n");
    assert_string_equal(bench.result->series[0].key.feed, "venue");
    backtest_end(&bench);
}

static void refuses_what_the_data_does_not_have(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "return { params = { symbol = 'BTC', frequency = '1m' } }\n");
    backtest_expect_failure(&bench, MW_EINVAL, "there are no series at all");
    backtest_add(&bench, "ETH", "1m", 0, 2, NULL);
    backtest_add(&bench, "venue:BTC", "5m", 0, 2, NULL);
    backtest_expect_failure(&bench, MW_EINVAL,
                            "strategy tested wants BTC 1m: the data does not have it, nor what it "
                            "is made of; there are ETH 1m, venue:BTC 5m");
    backtest_add(&bench, "one:BTC", "1m", 0, 2, NULL);
    backtest_add(&bench, "two:BTC", "1m", 0, 2, NULL);
    backtest_expect_failure(&bench, MW_EINVAL, "several feeds have it");
    bench.options.from_ms = backtest_ms(100);
    backtest_write(&bench, "return { params = { symbol = 'one:BTC', frequency = '1m' } }\n");
    backtest_expect_failure(&bench, MW_EINVAL,
                            "no bar of what strategy tested is told of opens in that time; the "
                            "data are from 2024-01-01T00:00:00Z to 2024-01-01T00:05:00Z");
    bench.options.to_ms = backtest_ms(99);
    backtest_expect_failure(&bench, MW_EINVAL, "ends before it begins");
    backtest_end(&bench);
}

static void refuses_limits_and_options_that_are_none(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "return {}\n");
    backtest_add(&bench, "BTC", "1m", 0, 2, NULL);
    bench.options.cache_bars = MW_SERIES_CANDLES_MAX + 1;
    backtest_expect_failure(&bench, MW_ELIMIT, "cache_bars");
    bench.options.cache_bars = MW_SERIES_CANDLES_MAX;
    assert_true(backtest_run(&bench));
    bench.options.account.cash = -1;
    backtest_expect_failure(&bench, MW_EINVAL, "cash");
    bench.options.account = mw_account_defaults();
    bench.options.file = "/nowhere/strategy.lua";
    backtest_expect_failure(&bench, MW_EIO, "/nowhere/strategy.lua");
    backtest_end(&bench);
}

static void an_error_of_the_script_ends_it_with_moment_and_bar(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "local n = 0\n"
                           "return { handle_bar = function() n = n + 1\n"
                           "  if n == 2 then error 'no more' end end,\n"
                           "  stop = function() error 'stop' end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 5, NULL);
    backtest_expect_failure(&bench, MW_ESTRATEGY,
                            "strategy tested at 2024-01-01T00:02:00Z, bar BTC 1m of "
                            "2024-01-01T00:01:00Z: ");
    assert_non_null(strstr(bench.err.message, "no more"));
    backtest_write(&bench, "return { init = function() error 'never' end }\n");
    backtest_expect_failure(&bench, MW_ESTRATEGY, "strategy tested at 2024-01-01T00:00:00Z: ");
    backtest_write(&bench, "return { stop = function() error 'at last' end }\n");
    backtest_expect_failure(&bench, MW_ESTRATEGY, "strategy tested at 2024-01-01T00:05:00Z: ");
    backtest_write(&bench, "return {\n");
    backtest_expect_failure(&bench, MW_ESTRATEGY, bench.path);
    backtest_end(&bench);
}

struct watcher {
    uint64_t calls, done, total;
    uint64_t until; /* calls after which it says stop */
};

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    struct watcher *watcher = user;
    watcher->calls++;
    assert_true(done >= watcher->done && done <= total);
    watcher->done = done;
    watcher->total = total;
    return watcher->calls < watcher->until;
}

static void tells_how_far_it_is_and_can_be_cancelled(void **state)
{
    (void)state;
    struct backtest_bench bench;
    struct watcher watcher = {.until = 20000};
    backtest_begin(&bench, "return {}\n");
    backtest_add(&bench, "BTC", "1m", 0, 20000, NULL);
    bench.options.on_progress = on_progress;
    bench.options.user = &watcher;
    assert_true(backtest_run(&bench));
    assert_in_range(watcher.calls, 3, 20000 / 10); /* now and then, not with every bar */
    assert_int_equal(watcher.done, 20000);
    assert_int_equal(watcher.total, 20000);
    watcher = (struct watcher){.until = 1};
    backtest_expect_failure(&bench, MW_ECANCELLED, "cancelled");
    assert_int_equal(watcher.calls, 1);
    backtest_end(&bench);
}

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-9;
}

static void holding_is_what_equal_shares_of_all_symbols_come_to(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "return {}\n");
    backtest_add(&bench, "A", "1m", 0, 100, NULL); /* 100 to 199 */
    backtest_add(&bench, "B", "1m", 99, 2, NULL);  /* 100 to 101, from the end on */
    assert_true(backtest_run(&bench));
    const struct mw_backtest_result *result = bench.result;
    assert_int_equal(result->point_count, 101);
    assert_true(near(result->points[0].hold, 10000));
    assert_true(near(result->points[98].hold, 5000 * 1.98 + 5000));
    assert_true(near(result->points[100].hold, 5000 * 1.99 + 5000 * 1.01));
    assert_true(near(result->points[100].equity, 10000));
    assert_int_equal(result->symbol_count, 2);
    backtest_end(&bench);
}

static void signals_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, "return { handle_bar = function(context) context:signal 'x' end }\n");
    backtest_add(&bench, "BTC", "1s", 0, MW_BACKTEST_SIGNALS_MAX, NULL);
    assert_true(backtest_run(&bench));
    assert_int_equal(bench.result->signal_count, MW_BACKTEST_SIGNALS_MAX);
    assert_int_equal(bench.result->signals_total, MW_BACKTEST_SIGNALS_MAX);
    backtest_add(&bench, "ETH", "1s", 0, 1, NULL);
    assert_true(backtest_run(&bench));
    assert_int_equal(bench.result->signal_count, MW_BACKTEST_SIGNALS_MAX);
    assert_int_equal(bench.result->signals_total, MW_BACKTEST_SIGNALS_MAX + 1);
    backtest_end(&bench);
}

/* B's bar of 7m opens at minute 7. At minute 10 the bar 0 of A 5m is told, late, as of minute 5. */
static void an_order_of_a_bar_told_late_is_placed_now(void **state)
{
    (void)state;
    struct backtest_bench bench;
    backtest_begin(&bench, TELL
                   "return { subscriptions = function() return {\n"
                   "  { symbol = 'A', frequency = '5m' }, { symbol = 'B', frequency = '7m' } }\n"
                   "  end, handle_bar = function(context, bar)\n"
                   "    tell(context, bar)\n"
                   "    if bar.symbol == 'A' and bar.time == 1704067200000 then\n"
                   "      context:buy('B', 1)\n"
                   "    end\n"
                   "  end, handle_state = function(context, event)\n"
                   "    if event.kind == 'order' then\n"
                   "      context:signal(('filled %d'):format(minute(event.time)))\n"
                   "    end\n"
                   "  end }\n");
    backtest_add_holes(&bench, "A", "1m", 0, 20, "xxxx.....xxxxxxxxxxx");
    backtest_add(&bench, "B", "7m", 0, 3, NULL);
    backtest_expect(&bench, "7 B 7m 0\n10 A 5m 0\n10 A 5m 5\n14 filled 14\n14 B 7m 7\n"
                            "15 A 5m 10\n20 A 5m 15\n21 B 7m 14\n");
    backtest_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_bar_when_it_closes),
        cmocka_unit_test(tells_finer_bars_first_and_then_in_the_order_of_the_data),
        cmocka_unit_test(makes_what_is_asked_for_of_finer_bars),
        cmocka_unit_test(closes_a_made_bar_at_its_end_though_nothing_was_traded_there),
        cmocka_unit_test(a_series_that_has_ended_is_quiet),
        cmocka_unit_test(pairs_bears_what_a_finaliser_does_to_the_table),
        cmocka_unit_test(a_series_asked_for_late_has_what_was_quiet_before),
        cmocka_unit_test(a_script_that_asks_while_it_is_loaded_begins_nothing),
        cmocka_unit_test(tells_a_hole_before_the_bar_after_it),
        cmocka_unit_test(an_order_of_a_bar_told_late_is_placed_now),
        cmocka_unit_test(says_nothing_of_silence),
        cmocka_unit_test(knows_what_was_before_without_telling_it),
        cmocka_unit_test(a_bar_that_opened_before_is_seen_when_it_closes_and_not_told),
        cmocka_unit_test(nothing_that_closes_later_is_seen_from_any_hook),
        cmocka_unit_test(counts_reach_beyond_the_ring),
        cmocka_unit_test(what_is_asked_for_in_passing_is_as_good_as_what_is_told),
        cmocka_unit_test(a_strategy_without_wishes_is_told_of_all_data),
        cmocka_unit_test(data_without_a_feed_is_of_the_one_that_the_script_names),
        cmocka_unit_test(refuses_what_the_data_does_not_have),
        cmocka_unit_test(refuses_limits_and_options_that_are_none),
        cmocka_unit_test(an_error_of_the_script_ends_it_with_moment_and_bar),
        cmocka_unit_test(tells_how_far_it_is_and_can_be_cancelled),
        cmocka_unit_test(holding_is_what_equal_shares_of_all_symbols_come_to),
        cmocka_unit_test(signals_beyond_the_limit_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
