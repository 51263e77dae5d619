/* frame_test.c - frames, bars and columns as a script sees them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bind/bind_bar.h"
#include "bind/bind_column.h"
#include "bind/bind_frame.h"
#include "bind/bind_stream.h"

static const int64_t start = 1522800000000; /* 2018-04-04T00:00:00Z */

/* Row i of a frame: opens where the last one closed, a high and a low one away; the last one
 * forms. */
static struct mw_candle row(double open, double close, uint32_t i, bool forming)
{
    return (struct mw_candle){.open_ms = start + (int64_t)i * 60000,
                              .open = open,
                              .high = fmax(open, close) + 1,
                              .low = fmin(open, close) - 1,
                              .close = close,
                              .volume = 0.5 * i,
                              .turnover = (double)NAN,
                              .trades = i,
                              .state = forming ? MW_CANDLE_FORMING : MW_CANDLE_CLOSED,
                              .closed_by = forming ? MW_CLOSED_BY_NOBODY : MW_CLOSED_BY_EXCHANGE,
                              .source = MW_SOURCE_BACKFILL};
}

/* frame(closes, reason, forming, fields) -> frame; reason nil for a complete one, fields a bit for
 * each column */
static int test_frame(lua_State *L)
{
    static const struct mw_series_key key = {"demo", "BTCUSDT", {1, 'm'}};
    uint32_t count = (uint32_t)luaL_len(L, 1);
    lua_settop(L, 4);
    struct mw_frame *frame = mw_frame_new(L, count + 3); /* room that stays unused */
    frame->fields = (uint32_t)luaL_optinteger(L, 4, 0);
    frame->key = key;
    frame->complete = lua_isnil(L, 2);
    frame->reason = frame->complete ? NULL : "warming";
    double before = 0;
    for (frame->count = 0; frame->count < count; frame->count++) {
        uint32_t i = frame->count;
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        double close = luaL_checknumber(L, -1);
        frame->rows[i] =
            row(i == 0 ? close : before, close, i, lua_toboolean(L, 3) && i + 1 == count);
        before = close;
        lua_pop(L, 1);
    }
    return 1;
}

/* column(values) -> column */
static int test_column(lua_State *L)
{
    uint32_t count = (uint32_t)luaL_len(L, 1);
    double *values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        values[i] = luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    return 1;
}

/* bar(state, closed_by, source, flags) -> bar of seven minutes that ends with its day */
static int test_bar(lua_State *L)
{
    static const struct mw_series_key key = {"demo", "ETHUSDT", {7, 'm'}};
    struct mw_candle candle = row(379.5, 380.25, 4, false);
    candle.open_ms = start + (int64_t)(1440 - 5) * 60000;
    candle.turnover = 760.5;
    candle.state = (uint8_t)luaL_checkinteger(L, 1);
    candle.closed_by = (uint8_t)luaL_checkinteger(L, 2);
    candle.source = (uint8_t)luaL_checkinteger(L, 3);
    candle.flags = (uint8_t)luaL_checkinteger(L, 4);
    mw_bar_push(L, &candle, &key);
    return 1;
}

/* What snippets use besides the classes. `raises` checks that a call fails with a text in it. */
static const char prelude[] =
    "function raises(wanted, f, ...)\n"
    "  local ok, message = pcall(f, ...)\n"
    "  assert(not ok, 'did not raise: ' .. wanted)\n"
    "  assert(message:find(wanted, 1, true), message .. '\\nlacks ' .. wanted)\n"
    "end\n"
    "function set(object, name) object[name] = 1 end\n"
    "function get(object, name) return object[name] end\n"
    "function same(got, wanted)\n"
    "  if got ~= wanted then error(('got\\n%s\\nwant\\n%s'):format(got, wanted), 2) end\n"
    "end\n"
    "function isnan(x) return x ~= x end\n"
    "function range(n) local t = {} for i = 1, n do t[i] = i end return t end\n"
    "nan = 0/0\n";

static int open_all(lua_State *L)
{
    luaL_openlibs(L);
    for (int again = 0; again < 2; again++) { /* twice is as good as once */
        mw_bar_register(L);
        mw_column_register(L);
        mw_frame_register(L);
        mw_stream_register(L);
    }
    mw_indicators_push(L);
    lua_setglobal(L, "indicators");
    lua_pushinteger(L, mw_frame_column("low"));
    lua_setglobal(L, "mw_low");
    lua_pushinteger(L, mw_frame_column("close"));
    lua_setglobal(L, "mw_close");
    lua_register(L, "frame", test_frame);
    lua_register(L, "column", test_column);
    lua_register(L, "bar", test_bar);
    return 0;
}

static void run(lua_State *L, const char *script)
{
    if (luaL_dostring(L, script) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

static int begin(void **state)
{
    lua_State *L = luaL_newstate();
    lua_pushcfunction(L, open_all);
    lua_call(L, 0, 0);
    run(L, prelude);
    *state = L;
    return 0;
}

static int end(void **state)
{
    assert_int_equal(lua_gettop(*state), 0);
    lua_close(*state);
    return 0;
}

static void a_frame_counts_from_1_and_back_from_minus_1(void **state)
{
    run(*state, "local bars = frame{10, 20, 30}\n"
                "assert(#bars == 3)\n"
                "assert(bars[1].close == 10 and bars[3].close == 30 and bars[2.0].close == 20)\n"
                "assert(bars[-1].close == 30 and bars[-3].close == 10)\n"
                "assert(bars[0] == nil and bars[4] == nil and bars[-4] == nil)\n"
                "assert(bars[1.5] == nil and bars[nan] == nil and bars[1/0] == nil)\n"
                "assert(bars[math.maxinteger] == nil and bars[math.mininteger] == nil)\n"
                "assert(bars:last().time == bars[3].time)");
}

static void a_frame_says_what_it_is_and_whether_all_is_there(void **state)
{
    run(*state, "local bars = frame{10}\n"
                "assert(bars.complete == true and bars.reason == nil)\n"
                "same(bars.symbol, 'BTCUSDT') same(bars.frequency, '1m') same(bars.feed, 'demo')\n"
                "bars = frame({}, 'warming')\n"
                "assert(bars.complete == false and bars.reason == 'warming')");
}

static void columns_are_the_rows_turned_and_stay_the_same_object(void **state)
{
    run(*state, "local bars = frame{10, 20, 15}\n"
                "local function row(c) return table.concat(c:table(), ' ') end\n"
                "same(row(bars.time), '1522800000000.0 1522800060000.0 1522800120000.0')\n"
                "same(row(bars.open), '10.0 10.0 20.0')\n"
                "same(row(bars.high), '11.0 21.0 21.0')\n"
                "same(row(bars.low), '9.0 9.0 14.0')\n"
                "same(row(bars.close), '10.0 20.0 15.0')\n"
                "same(row(bars.volume), '0.0 0.5 1.0')\n"
                "same(row(bars.trades), '0.0 1.0 2.0')\n"
                "assert(#bars.turnover == 3 and isnan(bars.turnover[1]))\n"
                "for _, name in ipairs{'time', 'open', 'high', 'low', 'close', 'volume',\n"
                "                      'turnover', 'trades'} do\n"
                "  assert(rawequal(bars[name], bars[name]))\n"
                "end");
}

static void iterating_a_frame_gives_its_bars(void **state)
{
    run(*state, "local bars = frame{10, 20, 30}\n"
                "for _, each in ipairs{ipairs, pairs} do\n"
                "  local seen = {}\n"
                "  for i, bar in each(bars) do seen[#seen + 1] = i .. '=' .. bar.close end\n"
                "  same(table.concat(seen, ' '), '1=10.0 2=20.0 3=30.0')\n"
                "  for _ in each(frame{}) do error('empty') end\n"
                "end");
}

static void a_slice_is_a_frame_and_cuts_as_strings_do(void **state)
{
    run(*state, "local bars = frame(range(6), 'warming')\n"
                "for i = -8, 8 do for j = -8, 8 do\n"
                "  local slice, wanted = bars:slice(i, j), ('123456'):sub(i, j)\n"
                "  same(#slice, #wanted) same(#bars.close:slice(i, j), #wanted)\n"
                "  for at = 1, #wanted do\n"
                "    assert(slice[at].close == tonumber(wanted:sub(at, at)))\n"
                "    assert(bars.close:slice(i, j)[at] == slice.close[at])\n"
                "  end\n"
                "end end\n"
                "local tail = bars:slice(-2)\n"
                "assert(#tail == 2 and tail[1].close == 5 and not tail.complete)\n"
                "assert(tail.reason == 'warming' and tail.symbol == 'BTCUSDT')\n"
                "assert(#bars:slice(math.mininteger, math.maxinteger) == 6)\n"
                "raises('number expected', bars.slice, bars)\n"
                "raises('no integer representation', bars.slice, bars, 1.5)");
}

static void an_empty_frame_has_empty_columns(void **state)
{
    run(*state, "local bars = frame({}, 'warming')\n"
                "assert(#bars == 0 and bars[1] == nil and bars[-1] == nil and bars:last() == nil)\n"
                "assert(#bars.close == 0 and #bars:slice(1, 5) == 0)\n"
                "same(tostring(bars), 'BTCUSDT 1m · 0 bars · incomplete: warming')");
}

static void misuse_of_a_frame_is_named(void **state)
{
    run(*state,
        "local bars = frame{10, 20}\n"
        "raises('frame has no field \"closes\", did you mean \"close\"?', get, bars, 'closes')\n"
        "raises('frame has no field \"slcie\", did you mean \"slice\"?', get, bars, 'slcie')\n"
        "raises('frame has no field \"frobnicate\"', get, bars, 'frobnicate')\n"
        "raises('frame has no field \"__index\"', get, bars, '__index')\n"
        "raises('frame has no field \"__name\"', get, bars, '__name')\n"
        "raises('frame has no field \"1\"', get, bars, '1')\n"
        "raises('frame has no field nil', get, bars, nil)\n"
        "raises('frame has no field true', get, bars, true)\n"
        "raises('frame has no field \"' .. ('x'):rep(9999), get, bars, ('x'):rep(9999))\n"
        "raises('a frame is read-only', set, bars, 'close')\n"
        "raises('a frame is read-only', set, bars, 1)\n"
        "raises('moonwick.frame expected, got table', bars.last, {})\n"
        "raises('moonwick.frame expected, got moonwick.column', bars.last, bars.close)\n"
        "raises('moonwick.frame expected, got FILE*', bars.slice, io.stdout, 1)\n"
        "assert(getmetatable(bars) == 'protected')");
}

static void a_metamethod_taken_by_force_still_checks(void **state)
{
    run(*state, "local bars, one = frame{1}, bar(1, 1, 0, 0)\n"
                "for _, object in ipairs{bars, one, bars.close} do\n"
                "  local meta = debug.getmetatable(object)\n"
                "  for name, f in pairs(meta) do\n"
                "    if type(f) == 'function' and name ~= '__newindex' then\n"
                "      for _, other in ipairs{{}, io.stdout, 'text', true} do\n"
                "        raises('', f, other, 'close') raises('', f, other, 1)\n"
                "      end\n"
                "    end\n"
                "  end\n"
                "  raises('', meta.__index, nil, 'close') raises('', meta.__index)\n"
                "end\n"
                "raises('no field', debug.getmetatable(bars).__index, one, 'close')\n"
                "raises('expected', debug.getmetatable(bars).__index, one, 1)\n"
                "raises('no field', debug.getmetatable(one).__index, bars, 'close')");
}

static void a_short_frame_prints_all_rows(void **state)
{
    run(*state, "same(tostring(frame({7424.91, 7422, 6789.5}, 'warming', true)), [[\n"
                "BTCUSDT 1m · 3 bars · incomplete: warming\n"
                "time                     open     high      low    close  volume  state\n"
                "2018-04-04T00:00:00Z  7424.91  7425.91  7423.91  7424.91     0.0  closed\n"
                "2018-04-04T00:01:00Z  7424.91  7425.91  7421.00  7422.00     0.5  closed\n"
                "2018-04-04T00:02:00Z  7422.00  7423.00  6788.50  6789.50     1.0  forming]])\n"
                "same(tostring(frame{5}), [[\n"
                "BTCUSDT 1m · 1 bar · complete\n"
                "time                  open  high  low  close  volume  state\n"
                "2018-04-04T00:00:00Z     5     6    4      5       0  closed]])");
}

static void a_long_frame_prints_its_ends(void **state)
{
    run(*state, "local text = tostring(frame(range(13)))\n"
                "local lines = {}\n"
                "for line in text:gmatch('[^\\n]+') do lines[#lines + 1] = line end\n"
                "same(#lines, 13) same(lines[1], 'BTCUSDT 1m · 13 bars · complete')\n"
                "same(lines[7], "
                "'2018-04-04T00:04:00Z     4     6    3      5     2.0  closed')\n"
                "same(lines[8], '...')\n"
                "same(lines[9], "
                "'2018-04-04T00:08:00Z     8    10    7      9     4.0  closed')\n"
                "same(lines[13], "
                "'2018-04-04T00:12:00Z    12    14   11     13     6.0  closed')\n"
                "assert(not tostring(frame(range(12))):find('...', 1, true))");
}

static void odd_numbers_still_line_up(void **state)
{
    run(*state, "for _, close in ipairs{0.1 + 0.2, 7.12e-06, 1e300, -1e300, 1/0, nan} do\n"
                "  local lines = {}\n"
                "  for line in tostring(frame{close, 2}):gmatch('[^\\n]+') do\n"
                "    lines[#lines + 1] = line:gsub('  %a+$', '')\n"
                "  end\n"
                "  assert(#lines[2] == #lines[3] and #lines[3] == #lines[4])\n"
                "end\n"
                "assert(tostring(frame{0.1 + 0.2}):find(' 0.3 ', 1, true))\n"
                "assert(tostring(frame{7.12e-06}):find(' 0.00000712 ', 1, true))");
}

static void a_bar_tells_all_about_itself(void **state)
{
    run(*state, "local b = bar(1, 2, 0, 1)\n"
                "assert(b.time == 1522886100000 and math.type(b.time) == 'integer')\n"
                "assert(b.close_time == 1522886399999 and math.type(b.close_time) == 'integer')\n"
                "assert(b.open == 379.5 and b.high == 381.25 and b.low == 378.5)\n"
                "assert(b.close == 380.25 and b.volume == 2 and b.turnover == 760.5)\n"
                "assert(math.type(b.volume) == 'float' and math.type(b.trades) == 'integer')\n"
                "assert(b.trades == 4 and b.closed == true and b.revised == true)\n"
                "assert(b.closed_by == 'successor' and b.source == 'live')\n"
                "assert(b.symbol == 'ETHUSDT' and b.frequency == '7m' and b.feed == 'demo')\n"
                "same(bar(1, 1, 5, 0).closed_by, 'exchange') same(bar(1, 1, 5, 0).source, 'fill')\n"
                "same(bar(1, 3, 3, 0).closed_by, 'clock')\n"
                "same(bar(1, 3, 3, 0).source, 'resampled')\n"
                "b = bar(0, 0, 0, 0)\n"
                "assert(b.closed == false and b.closed_by == nil and b.revised == false)");
}

static void a_bar_prints_one_line(void **state)
{
    run(*state, "same(tostring(bar(1, 1, 0, 1)), 'ETHUSDT 7m 2018-04-04T23:55:00Z open 379.5 '\n"
                "  .. 'high 381.25 low 378.5 close 380.25 volume 2 closed by exchange, revised')\n"
                "assert(tostring(bar(0, 0, 0, 0)):find('volume 2 forming$'))");
}

static void the_fields_of_a_bar_come_in_a_fixed_order(void **state)
{
    run(*state, "local function names(b)\n"
                "  local seen, copy = {}, b:table()\n"
                "  for name, value in pairs(b) do\n"
                "    seen[#seen + 1] = name\n"
                "    assert(value == b[name] and value == copy[name])\n"
                "    copy[name] = nil\n"
                "  end\n"
                "  assert(next(copy) == nil)\n"
                "  return table.concat(seen, ' ')\n"
                "end\n"
                "same(names(bar(1, 1, 0, 0)), 'time close_time open high low close '\n"
                "  .. 'volume turnover trades closed closed_by source revised proven symbol '\n"
                "  .. 'frequency feed')\n"
                "assert(not names(bar(0, 0, 0, 0)):find('closed_by'))\n"
                "local f, b = pairs(bar(1, 1, 0, 0))\n"
                "raises('no field', f, b, 'nonsense')\n"
                "raises('moonwick.bar expected', f, {}, nil)");
}

static void misuse_of_a_bar_is_named(void **state)
{
    run(*state, "local b = bar(1, 1, 0, 0)\n"
                "raises('bar has no field \"clsoe\", did you mean \"close\"?', get, b, 'clsoe')\n"
                "raises('bar has no field 1', get, b, 1)\n"
                "raises('a bar is read-only', set, b, 'close')\n"
                "raises('moonwick.bar expected, got no value', b.table)\n"
                "assert(getmetatable(b) == 'protected')");
}

static void a_column_counts_from_1_and_back_from_minus_1(void **state)
{
    run(*state,
        "local c = column{1.5, 2.5, 3.5}\n"
        "assert(#c == 3 and c[1] == 1.5 and c[3] == 3.5 and c[-1] == 3.5 and c[-3] == 1.5)\n"
        "assert(c[0] == nil and c[4] == nil and c[-4] == nil and c[1.5] == nil)\n"
        "assert(c:first() == 1.5 and c:last() == 3.5)\n"
        "local seen = 0\n"
        "for i, value in ipairs(c) do seen = seen + i * value end\n"
        "for i, value in pairs(c) do seen = seen - i * value end\n"
        "assert(seen == 0)\n"
        "same(table.concat(c:table(), ' '), '1.5 2.5 3.5')\n"
        "local e = column{}\n"
        "assert(#e == 0 and e[1] == nil and e:first() == nil and e:last() == nil)\n"
        "assert(e:sum() == 0 and isnan(e:mean()) and isnan(e:min()) and isnan(e:max()))\n"
        "assert(isnan(e:std()) and #e:sma(3) == 0 and #e:ema(3) == 0 and #(e + 1) == 0)\n"
        "assert(#e:table() == 0 and #e:slice(1) == 0)");
}

static void arithmetic_goes_value_by_value(void **state)
{
    run(*state,
        "local a, b = {7.5, -7.5, 0, 3, 1/0}, {2, 2, -3, 0.5, 4}\n"
        "local function alike(x, y) return x == y or isnan(x) and isnan(y) end\n"
        "local operators = {\n"
        "  function(x, y) return x + y end, function(x, y) return x - y end,\n"
        "  function(x, y) return x * y end, function(x, y) return x / y end,\n"
        "  function(x, y) return x ^ y end, function(x, y) return x % y end,\n"
        "  function(x) return -x end,\n"
        "}\n"
        "local function floats(t) for i = 1, #t do t[i] = t[i] + 0.0 end return t end\n"
        "floats(a) floats(b)\n"
        "for _, f in ipairs(operators) do\n"
        "  local both, left, right = f(column(a), column(b)), f(column(a), -2), f(3, column(b))\n"
        "  for i = 1, #a do\n"
        "    assert(alike(both[i], f(a[i], b[i])) and alike(left[i], f(a[i], -2.0)))\n"
        "    assert(type(right) == 'number' or alike(right[i], f(3.0, b[i])))\n"
        "  end\n"
        "end\n"
        "local c = column{1, 2}\n"
        "same(table.concat((-c):table(), ' '), '-1.0 -2.0')\n"
        "same(table.concat((c - c * 0.5):table(), ' '), '0.5 1.0') assert(c[1] == 1)\n"
        "raises('columns differ in length: 2 and 3', function() return c + column{1, 2, 3} end)\n"
        "raises('a column or a number, got string', function() return c * '2' end)\n"
        "raises('a column or a number, got nil', function() return nil / c end)\n"
        "raises('a column or a number, got userdata', function() return c - frame{1} end)");
}

static void methods_answer_as_the_maths_says(void **state)
{
    run(*state,
        "local c = column{2, 4, 4, 4, 5, 5, 7, 9}\n"
        "assert(c:sum() == 40 and c:mean() == 5 and c:std() == 2 and c:min() == 2 and c:max() == "
        "9)\n"
        "local s = c:sma(3)\n"
        "assert(#s == 8 and isnan(s[2]) and math.abs(s[3] - 10/3) < 1e-15 and s[-1] == 7)\n"
        "local e = c:ema(3)\n"
        "assert(#e == 8 and isnan(e[2]) and e[3] == s[3] and e[4] == e[3] + (4 - e[3]) / 2)\n"
        "assert(c:sma(1)[1] == 2 and c:ema(1)[8] == 9 and c:sma(8)[8] == 5)\n"
        "assert(isnan(c:sma(9)[8]) and isnan(c:ema(9)[8]))\n"
        "assert(isnan(c:sma(1 << 20)[8]) and isnan(c:ema(1 << 20)[8]))\n"
        "assert(c:sma(2.0)[2] == 3)\n"
        "local twice = column(range(10)):sma(3):ema(2)\n"
        "assert(isnan(twice[3]) and twice[4] == 2.5)");
}

static void misuse_of_a_column_is_named(void **state)
{
    run(*state, "local c = column{1, 2, 3}\n"
                "local wanted = 'n must be an integer from 1 to 1048576, got '\n"
                "for _, bad in ipairs{0, -1, 1.5, true, nan, math.mininteger, 1 + (1 << 20)} do\n"
                "  raises(wanted .. tostring(bad), c.sma, c, bad)\n"
                "  raises(wanted .. tostring(bad), c.ema, c, bad)\n"
                "end\n"
                "raises(wanted .. '\"2\"', c.sma, c, '2')\n"
                "raises(wanted .. 'no value', c.sma, c)\n"
                "raises(wanted .. 'nil', c.sma, c, nil)\n"
                "raises(wanted .. 'moonwick.column', c.sma, c, c)\n"
                "raises('bad argument #1 to \\'sma\\'', function() return c:sma(0) end)\n"
                "raises('column has no method \"smaa\", did you mean \"sma\"?', get, c, 'smaa')\n"
                "raises('column has no method \"xyzzyx\"', get, c, 'xyzzyx')\n"
                "raises('column has no method \"__add\"', get, c, '__add')\n"
                "raises('a column is read-only', set, c, 1)\n"
                "raises('moonwick.column expected, got moonwick.frame', c.sum, frame{1})\n"
                "assert(getmetatable(c) == 'protected')");
}

static void a_frame_without_a_column_refuses_what_needs_it(void **state)
{
    run(*state, "local bars = frame({1, 2, 3}, nil, false, 1 << mw_low | 1 << mw_close)\n"
                "assert(bars:sma(2)[-1] == 2.5)\n"
                "raises('atr needs the column \"high\", which is not among the fields that were '\n"
                "  .. 'asked for', bars.atr, bars, 2)\n"
                "raises('obv needs the column \"volume\"', bars.obv, bars)\n"
                "bars = frame({1, 2, 3}, nil, false, 1 << mw_low)\n"
                "raises('sma needs the column \"close\"', bars.sma, bars, 2)");
}

static void a_column_prints_its_ends(void **state)
{
    run(*state, "same(tostring(column{}), 'column of 0')\n"
                "same(tostring(column{0.1}), 'column of 1: 0.1')\n"
                "same(tostring(column{1, 2, 3, 4, nan}):gsub('-nan', 'nan'),\n"
                "     'column of 5: 1, 2, 3, 4, nan')\n"
                "same(tostring(column{7424.91, 7422, 1, 1, 1, 6789.5}),\n"
                "     'column of 6: 7424.91, 7422, ... 6789.5')");
}

static void columns_outlive_their_frame_under_a_busy_collector(void **state)
{
    run(*state, "collectgarbage('incremental') collectgarbage('setpause', 0)\n"
                "collectgarbage('setstepmul', 1000)\n"
                "local kept, lasts = {}, {}\n"
                "for i = 1, 500 do\n"
                "  local bars = frame{i, i + 1, i + 2}\n"
                "  kept[i], lasts[i] = bars.close, bars:slice(2)[-1]\n"
                "  local rest = bars.open + bars.high:sma(2) * tostring(bars):len()\n"
                "  assert(rawequal(bars.close, kept[i]) and #rest == 3)\n"
                "end\n"
                "collectgarbage() collectgarbage()\n"
                "for i = 1, 500 do\n"
                "  assert(kept[i]:sum() == 3 * i + 3 and lasts[i].close == i + 2)\n"
                "end");
}

/* An allocator that refuses what would pass `bytes_max`. */
struct capped {
    size_t bytes, bytes_max;
};

static void *capped_alloc(void *user, void *memory, size_t before, size_t after)
{
    struct capped *capped = user;
    before = memory == NULL ? 0 : before;
    if (after == 0) {
        capped->bytes -= before;
        free(memory);
        return NULL;
    }
    if (after > before && capped->bytes - before + after > capped->bytes_max)
        return NULL;
    void *moved = realloc(memory, after);
    if (moved != NULL)
        capped->bytes += after - before;
    return moved;
}

static void every_lack_of_memory_is_an_error_until_there_is_enough(void **state)
{
    (void)state;
    static const char script[] = "local bars = frame({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})\n"
                                 "local c = bars.close:sma(3) + bars.open * 2\n"
                                 "local roll, stream = c:rolling(2):sum(), indicators.atr(3)\n"
                                 "stream:push(bars[1]) tostring(stream) indicators.list()\n"
                                 "c:sma{n = 2} c:sma(3000) bars:macd() indicators.sma(3000)\n"
                                 "bars:cross_above(2) bars:ichimoku()\n"
                                 "return tostring(bars) .. tostring(c) .. tostring(bars[-1])\n"
                                 "  .. bars:slice(2).close:ema(3)[-1] .. bars[1]:table().close";
    struct capped capped = {0, SIZE_MAX};
    lua_State *L = lua_newstate(capped_alloc, &capped);
    assert_non_null(L);
    lua_pushcfunction(L, luaopen_base);
    lua_call(L, 0, 0);
    int status = LUA_ERRMEM, failures = 0;
    for (size_t room = 0; status != LUA_OK; room += 16) {
        lua_settop(L, 0);
        lua_gc(L, LUA_GCCOLLECT);
        capped.bytes_max = capped.bytes + room;
        lua_pushcfunction(L, open_all);
        status = lua_pcall(L, 0, 0, 0);
        status = status != LUA_OK ? status : luaL_loadstring(L, script);
        status = status != LUA_OK ? status : lua_pcall(L, 0, 1, 0);
        failures += status != LUA_OK;
        assert_true(status == LUA_OK || status == LUA_ERRMEM);
        capped.bytes_max = SIZE_MAX;
    }
    assert_true(failures > 100);
    assert_non_null(strstr(lua_tostring(L, -1), "13 bars"));
    lua_close(L);
    assert_int_equal(capped.bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_frame_counts_from_1_and_back_from_minus_1),
        TEST(a_frame_says_what_it_is_and_whether_all_is_there),
        TEST(columns_are_the_rows_turned_and_stay_the_same_object),
        TEST(iterating_a_frame_gives_its_bars),
        TEST(a_slice_is_a_frame_and_cuts_as_strings_do),
        TEST(an_empty_frame_has_empty_columns),
        TEST(misuse_of_a_frame_is_named),
        TEST(a_metamethod_taken_by_force_still_checks),
        TEST(a_short_frame_prints_all_rows),
        TEST(a_long_frame_prints_its_ends),
        TEST(odd_numbers_still_line_up),
        TEST(a_bar_tells_all_about_itself),
        TEST(a_bar_prints_one_line),
        TEST(the_fields_of_a_bar_come_in_a_fixed_order),
        TEST(misuse_of_a_bar_is_named),
        TEST(a_column_counts_from_1_and_back_from_minus_1),
        TEST(arithmetic_goes_value_by_value),
        TEST(methods_answer_as_the_maths_says),
        TEST(misuse_of_a_column_is_named),
        TEST(a_frame_without_a_column_refuses_what_needs_it),
        TEST(a_column_prints_its_ends),
        TEST(columns_outlive_their_frame_under_a_busy_collector),
        cmocka_unit_test(every_lack_of_memory_is_an_error_until_there_is_enough),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
