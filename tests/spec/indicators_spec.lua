-- indicators_spec.lua - indicators as scripts use them: methods, streams, misuse, and the manual.

local indicators = require "moonwick.indicators"
local live = require "live"
local moonwick = require "moonwick"
local spec = require "spec"

local NAN = 0 / 0
local MINUTE = 60000

-- A frame of minutes with these closes; highs and lows are one away.
local function frame(closes, options)
  local bars = {}
  for i, close in ipairs(closes) do
    bars[i] = { time = i * MINUTE, open = close, high = close + 1, low = close - 1, close = close,
                volume = i }
  end
  return moonwick.frame(bars, options)
end

local function range(first, last)
  local values = {}
  for i = first, last do values[#values + 1] = i end
  return values
end

-- Columns, lists and numbers as text, to be compared: "nan 1.5 2".
local function text(values)
  local parts = {}
  for i, value in ipairs(type(values) == "table" and values or values:table()) do
    parts[i] = value ~= value and "nan" or ("%.10g"):format(value)
  end
  return table.concat(parts, " ")
end

-- What a call raises; the call must raise.
local function assert_raises(wanted, call, ...)
  local ok, message = pcall(call, ...)
  assert.is_false(ok, "did not raise: " .. wanted)
  assert(message:find(wanted, 1, true), ("%s\nlacks: %s"):format(message, wanted))
end

describe("methods of columns", function()
  it("take parameters in order, by name, and with defaults", function()
    local c = frame(range(10, 70)).close
    assert.equal("nan 1.5 2.5", text(moonwick.column { 1, 2, 3 }:sma(2)))
    assert.equal("nan 1.5 2.5", text(moonwick.column { 1, 2, 3 }:sma { n = 2 }))
    local macd, signal, histogram = c:macd(12, 26, 9)
    for _, again in ipairs { { c:macd() }, { c:macd(nil, 26) }, { c:macd {} },
                             { c:macd { slow = 26 } } } do
      assert.equal(3, #again)
      assert.equal(text(macd), text(again[1]))
      assert.equal(text(signal), text(again[2]))
      assert.equal(text(histogram), text(again[3]))
    end
    assert.is_not.equal(text(macd), text((c ^ 2):macd { fast = 5 }))
  end)

  it("leave the column alone and give one as long", function()
    local c = moonwick.column { 3, 1, 2 }
    local before = text(c)
    for _, entry in ipairs(indicators.list()) do
      if entry.takes == "column" then
        local values = {}
        for i, param in ipairs(entry.params) do values[i] = param.default or 2 end
        local outputs = { c[entry.name](c, table.unpack(values)) }
        assert.equal(#entry.outputs, #outputs)
        for _, output in ipairs(outputs) do assert.equal(3, #output) end
        for _, output in ipairs { moonwick.column {}[entry.name](moonwick.column {},
                                    table.unpack(values)) } do
          assert.equal(0, #output)
        end
      end
    end
    assert.equal(before, text(c))
  end)

  it("count from behind the warm-up of what the column was made from", function()
    local c = moonwick.column(range(1, 12))
    local twice = c:sma(5):ema(3)
    assert.equal("nan nan nan nan nan nan 4 5 6 7 8 9", text(twice))
    assert.equal("nan nan 1.5 2.5", text(moonwick.column { NAN, 1, 2, 3 }:sma(2)))
    assert.equal("nan nan 1.5 nan nan 4.5", text(moonwick.column { NAN, 1, 2, NAN, 4, 5 }:sma(2)))
  end)

  it("take another column or a number, where there are two", function()
    local fast, slow = moonwick.column { 1, 3, 3, 1, 1 }, moonwick.column { 2, 2, 2, 2, 0 }
    assert.equal(text(fast:cross_above(slow)), text(fast:slice(1, 4):cross_above(2)) .. " 1")
    assert.equal("1", text(fast:cross_above(2):slice(2, 2)))
    assert.equal("1", text(fast:cross_below(2):slice(4, 4)))
    assert_raises("columns differ in length: 5 and 2", fast.cross_above, fast,
      moonwick.column { 1, 2 })
    assert_raises("want a column or a number, got string", fast.cross_above, fast, "2")
    assert_raises("want a column or a number, got no value", fast.cross_above, fast)
    assert_raises("want a column or a number, got moonwick.frame", fast.cross_above, fast,
      frame { 10 })
  end)

  it("refuse what is no parameter, by name", function()
    local c = moonwick.column { 1, 2, 3 }
    local wanted = "n must be an integer from 1 to 1048576, got "
    for _, bad in ipairs { 0, -1, 1.5, 1048577, 1 / 0, "2", true } do
      local got = type(bad) == "string" and '"2"' or tostring(bad)
      assert_raises(wanted .. got, c.sma, c, bad)
      assert_raises(wanted .. got, c.sma, c, { n = bad })
      assert_raises(wanted .. got, c.rolling, c, bad)
      assert_raises(wanted .. got, indicators.sma, bad)
    end
    assert_raises(wanted .. "no value", c.sma, c)
    assert_raises(wanted .. "nil", c.sma, c, {})
    assert_raises(wanted .. "moonwick.column", c.sma, c, c)
    assert_raises("too many arguments: sma takes n", c.sma, c, 2, 3)
    assert_raises("too many arguments: sma takes n", c.sma, c, { n = 2 }, 3)
    assert_raises('rolling has no parameter "m"', c.rolling, c, { m = 2 })
    assert_raises("too many arguments: cumsum takes none", c.cumsum, c, 1)
    assert_raises('macd has no parameter "fats", did you mean "fast"?', c.macd, c, { fats = 1 })
    assert_raises('macd has no parameter "xyzzy"', c.macd, c, { xyzzy = 1 })
    assert_raises("macd takes named parameters, got a number as name", c.macd, c, { 12 })
    assert_raises("fast must be", c.macd, c, 26, 12)
    assert_raises('column has no method "smaa", did you mean "sma"?', function() c:smaa(2) end)
    assert_raises("moonwick.column expected, got moonwick.frame", c.sma, frame { 10 }, 2)
  end)

  it("do not exist for what needs bars", function()
    local c = moonwick.column { 1 }
    for _, entry in ipairs(indicators.list()) do
      local ok = pcall(function() return c[entry.name] end)
      assert.equal(entry.takes ~= "bars", ok, entry.name)
    end
  end)
end)

describe("methods of frames", function()
  it("are computed from bars", function()
    local tr = frame { 10, 11, 15 }:tr()
    assert.equal("2 5", text(tr:slice(2)))
    local adx, plus, minus = frame(range(10, 60)):adx(14)
    assert.same({ 51, 51, 51 }, { #adx, #plus, #minus })
    assert.equal(100 * 1 / 2, plus[-1])
    assert.equal(0, minus[-1])
  end)

  it("are those of the closes for one column", function()
    local bars = frame { 10, 11, 15, 12, 9 }
    assert.equal(text(bars.close:sma(2)), text(bars:sma(2)))
    assert.equal(text(bars.close:rsi(2)), text(bars:rsi(2)))
    assert.equal(text(bars.close:cross_above(12)), text(bars:cross_above(12)))
    assert.equal(text(bars.close:cross_below(bars.open)), text(bars:cross_below(bars.open)))
    assert_raises("columns differ in length: 5 and 1", bars.cross_below, bars,
      moonwick.column { 1 })
    assert_raises('frame has no field "smaa", did you mean "sma"?', function() bars:smaa() end)
    assert_raises("moonwick.frame expected, got moonwick.column", bars.atr, bars.close, 2)
  end)

  it("refuse a frame that was asked for without what they need", function()
    local rows = live.rows(30)
    local engine <close> = live.start {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(rows) } } } }
    live.wait_bar(engine, tonumber(rows[#rows].open_time))
    local bars = engine:get_price("BTCUSD", { count = 20, fields = { "close", "low" } })
    assert.equal(20, #bars:sma(3))
    assert_raises('atr needs the column "high", which is not among the fields that were asked for',
      bars.atr, bars, 3)
    bars = engine:get_price("BTCUSD", { count = 20, fields = { "open" } })
    assert_raises('sma needs the column "close", which is not among the fields', bars.sma, bars, 3)
  end)
end)

describe("rolling", function()
  it("sums up each n values", function()
    local r = moonwick.column { 1, 2, 4, 3 }:rolling(2)
    assert.equal("nan 1.5 3 3.5", text(r:mean()))
    assert.equal("nan 3 6 7", text(r:sum()))
    assert.equal("nan 1 2 3", text(r:min()))
    assert.equal("nan 2 4 4", text(r:max()))
    assert.equal("nan 0.5 1 0.5", text(r:std()))
    assert.equal("each 2 of column of 4: 1, 2, 4, 3", tostring(r))
    assert.equal("nan nan", text(moonwick.column { 1, 2 }:rolling(3):sum()))
    assert.equal("", text(moonwick.column {}:rolling(3):max()))
  end)

  it("keeps its column", function()
    local r = moonwick.column(range(1, 1000)):rolling(1000)
    collectgarbage()
    collectgarbage()
    assert.equal(500500, r:sum()[-1])
  end)

  it("refuses misuse", function()
    local c = moonwick.column { 1 }
    assert_raises("n must be an integer", c.rolling, c)
    assert_raises("too many arguments: rolling takes n", c.rolling, c, 2, 3)
    assert_raises('rolling has no method "men", did you mean "mean"?',
      function() c:rolling(2):men() end)
    assert_raises("a rolling is read-only", function() c:rolling(2).n = 3 end)
    assert_raises("moonwick.rolling expected", c:rolling(2).mean, c)
  end)
end)

describe("an indicator that takes one row at a time", function()
  it("gives NaN until it has enough", function()
    local ema = indicators.ema(3)
    assert.equal("nan", text { ema:value() })
    local got = {}
    for i = 1, 5 do got[i] = ema:push(i) end
    assert.equal("nan nan 2 3 4", text(got))
    assert.same({ 4.0, 5, 3 }, { ema:value(), ema:count(), ema:firsts() })
  end)

  it("starts anew after a reset", function()
    local ema = indicators.ema { n = 2 }
    ema:push(1)
    ema:push(NAN)
    ema:reset()
    assert.equal(0, ema:count())
    assert.equal("nan", text { ema:value() })
    ema:push(5)
    assert.equal(6.0, ema:push(7))
  end)

  it("gives as many values as it has outputs", function()
    local macd = indicators.macd()
    assert.equal(3, select("#", macd:push(1)))
    assert.equal(3, select("#", macd:value()))
    assert.same({ 26, 34, 34 }, { macd:firsts() })
  end)

  it("takes bars, tables and numbers", function()
    local bars = frame { 10, 11, 15, 12 }
    local by_bar, by_table, by_number = indicators.atr(2), indicators.atr(2), indicators.atr(2)
    local column = bars:atr(2)
    for i, bar in ipairs(bars) do
      local wanted = text { column[i] }
      assert.equal(wanted, text { by_bar:push(bar) })
      assert.equal(wanted, text { by_table:push(bar:table()) })
      assert.equal(wanted, text { by_number:push(bar.high, bar.low, bar.close) })
    end
    assert.equal(12.0, indicators.sma(1):push(bars[-1]))
    assert.equal(12.0, indicators.sma(1):push { close = 12 })
    local cross = indicators.cross_above()
    cross:push(1, 2)
    assert.equal(1.0, cross:push(3, 2))
  end)

  it("says what it is", function()
    local macd = indicators.macd()
    assert.equal("macd(fast = 12, slow = 26, signal = 9), 0 rows: nan, nan, nan", tostring(macd))
    local ema = indicators.ema(1)
    ema:push(2.5)
    assert.equal("ema(n = 1), 1 row: 2.5", tostring(ema))
  end)

  it("refuses misuse", function()
    local ema, atr, cross = indicators.ema(3), indicators.atr(3), indicators.cross_above()
    local number = "ema:push takes a number, or a bar; got "
    assert_raises(number .. "0 values", ema.push, ema)
    assert_raises(number .. "2 values", ema.push, ema, 1, 2)
    assert_raises(number .. "string", ema.push, ema, "1")
    assert_raises(number .. "a table in which close is nil", ema.push, ema, { clsoe = 1 })
    local bar = "atr:push takes a bar, or numbers: high, low, close; got "
    assert_raises(bar .. "1 value", atr.push, atr, 1)
    assert_raises(bar .. "nil", atr.push, atr, 1, nil, 2)
    assert_raises(bar .. "a table in which low is string", atr.push, atr, { high = 1, low = "1" })
    assert_raises("cross_above:push takes two numbers; got 1 value", cross.push, cross,
      frame { 10 }[1])
    assert.same({ 0, 0, 0 }, { ema:count(), atr:count(), cross:count() })
    assert_raises('indicator has no method "psh", did you mean "push"?', function() ema:psh() end)
    assert_raises("an indicator is read-only", function() ema.n = 4 end)
    assert_raises("moonwick.indicator expected", ema.push, frame { 10 }, 1)
    assert_raises("fast must be", indicators.macd, { fast = 30 })
  end)

  it("is collected with its state", function()
    local kept, before = {}, collectgarbage("count")
    for i = 1, 200 do kept[i % 3] = indicators.highest(20000 + i) end
    for i = 1, 5 do kept[0]:push(i) end
    assert.equal(5, kept[0]:count())
    kept = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(kept)
    assert.is_true(collectgarbage("count") - before < 1000)
  end)

  it("checks what it is given when its functions are taken by force", function()
    for _, object in ipairs { indicators.ema(3), moonwick.column { 1 }:rolling(2) } do
      for name, call in pairs(debug.getmetatable(object)) do
        if type(call) == "function" and name ~= "__newindex" then
          for _, other in ipairs { {}, io.stdout, "text", true, frame { 10 } } do
            assert.is_false(pcall(call, other, "push"), name)
          end
          assert.is_false(pcall(call), name)
        end
      end
      assert.equal("protected", getmetatable(object))
    end
  end)

  it("is an ordinary error where a strategy has no memory for it", function()
    local path = spec.file("s.lua", [[
      local kept, message, pushed = {}, nil, nil
      return { handle_bar = function(context, bar)
        if not message then
          local ok
          ok, message = pcall(function()
            for i = 1, 100 do kept[i] = moonwick.indicators.sma(1048576) end
          end)
          context:signal { ok = ok, message = tostring(message), made = #kept > 0 }
          kept = nil
        end
        pushed = moonwick.indicators.sma(1):push(bar)
        if pushed ~= bar.close then error("wrong") end
      end }
    ]])
    local engine <close> = live.open {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(live.rows(5)) } } },
      strategies = { path } }
    local signals, errors = live.gather(engine, "signal"), live.gather(engine, "error")
    assert(engine:start())
    assert(live.wait(engine, function() return engine:status().strategies.s.bars == 5 end))
    assert(live.wait(engine, function() return #signals > 0 or #errors > 0 end))
    assert.equal(0, #errors, errors[1] and tostring(errors[1].error))
    assert.same({ ok = false, message = "not enough memory", made = true }, signals[1].values)
  end)

  it("works in a strategy as in a host, and agrees with its columns", function()
    local path = spec.file("s.lua", [[
      local indicators = require "moonwick.indicators"
      assert(indicators == moonwick.indicators and moonwick.column { 1, 2 }:sum() == 3)
      local ema, atr, last = indicators.ema(3), indicators.atr(3), 0
      return { handle_bar = function(context, bar)
        local average, range = ema:push(bar.close), atr:push(bar)
        last = last + 1
        if last < 10 then return end
        local bars = context:history(bar.symbol, last)
        local e, a = bars.close:ema(3)[-1], bars:atr(3)[-1]
        context:signal { same = math.abs(e - average) < 1e-9 and math.abs(a - range) < 1e-9 }
      end }
    ]])
    local rows = live.rows(30)
    local engine <close> = live.open {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(rows) } } },
      strategies = { path } }
    local signals, errors = live.gather(engine, "signal"), live.gather(engine, "error")
    assert(engine:start())
    assert(live.wait(engine, function() return #signals >= 21 or #errors > 0 end))
    assert.equal(0, #errors, errors[1] and tostring(errors[1].error))
    for _, signal in ipairs(signals) do assert.is_true(signal.values.same) end
  end)
end)

describe("columns and frames of one's own numbers", function()
  it("are like any other", function()
    assert.equal("column of 3: 1, 2.5, 3", tostring(moonwick.column { 1, 2.5, 3 }))
    local bars = frame({ 10, 11 }, { symbol = "X", frequency = "1m", feed = "f" })
    assert.same({ "X", "1m", "f", true, 2 },
      { bars.symbol, bars.frequency, bars.feed, bars.complete, #bars })
    assert.same({ 2 * MINUTE, 11.0, 12.0, 10.0, 11.0, 2.0, true, "context" },
      { bars[2].time, bars[2].open, bars[2].high, bars[2].low, bars[2].close, bars[2].volume,
        bars[2].closed, bars[2].source })
    assert.equal("nan nan", text(bars.turnover))
    local copy = moonwick.frame { bars[1], bars[2]:table() }
    assert.equal(text(bars.close), text(copy.close))
    assert.same({ 0, "", "1m" }, { #moonwick.frame {}, moonwick.frame({}).symbol,
      moonwick.frame({}).frequency })
  end)

  it("refuse what is none", function()
    assert_raises("value 2 must be a number, got string", moonwick.column, { 1, "2" })
    assert_raises("table expected, got number", moonwick.column, 1)
    assert_raises("bar 1: want a bar or a table of its fields, got number", moonwick.frame, { 1 })
    local function bar(changes)
      local whole = { time = MINUTE, open = 10, high = 11, low = 9, close = 10 }
      for name, value in pairs(changes) do whole[name] = value end
      return whole
    end
    assert.equal(1, #moonwick.frame { bar {} })
    for wanted, bad in pairs {
      ["bar 2: high must be a number, got string"] = bar { time = 2 * MINUTE, high = "1" },
      ["bar 2: volume must be a number, got boolean"] = bar { volume = false },
      ["bar 2: time must be an integer"] = bar { time = 0.5 },
      ["bar 2: trades must be a count"] = bar { trades = -1 },
      ["bar 2: it is no candle: off_grid"] = bar { time = 2 * MINUTE + 1 },
      ["bar 2: it is no candle: bad_range"] = bar { time = 2 * MINUTE, low = 12 },
      ["bar 2: it is no candle: not_finite"] = bar { time = 2 * MINUTE, close = NAN },
      ["bar 2: its time is not later than that of the bar before"] = bar {},
    } do
      assert_raises(wanted, moonwick.frame, { bar {}, bad })
    end
    assert_raises("symbol must be text, got number", moonwick.frame, {}, { symbol = 1 })
    assert_raises("symbol must be text of at most 64 bytes", moonwick.frame, {},
      { symbol = ("x"):rep(65) })
    assert.equal(("x"):rep(64), moonwick.frame({}, { symbol = ("x"):rep(64) }).symbol)
    assert_raises("frequency: timeframe 'x'", moonwick.frame, {}, { frequency = "x" })
  end)

  it("have a bound", function()
    collectgarbage("stop")
    local values = table.move({ 1 }, 1, 1, 1048577, range(1, 1048576))
    assert_raises("at most 1048576 values, got 1048577", moonwick.column, values)
    assert_raises("at most 1048576 bars, got 1048577", moonwick.frame, values)
    values[1048577] = nil
    local c = moonwick.column(values)
    assert.equal(1048576, #c)
    assert.equal(1048576 / 2 + 0.5, c:sma(1048576)[-1])
    collectgarbage("restart")
  end)
end)

describe("the list of indicators", function()
  it("is complete", function()
    local names = {}
    for i, entry in ipairs(indicators.list()) do
      names[i] = entry.name
      assert.is_function(indicators[entry.name])
      assert.is_true(#entry.inputs > 0 and #entry.outputs > 0)
      for _, param in ipairs(entry.params) do
        assert.is_true(param.least <= param.most)
        assert.is_true(param.default == nil or
          param.least <= param.default and param.default <= param.most)
      end
    end
    assert.equal("adl adx aroon atr bbands cci cmf cross_above cross_below cumsum dema diff " ..
      "donchian ema highest hma ichimoku kama keltner lowest macd mfi mom obv psar rma roc " ..
      "rolling_sum rsi shift sma stddev stoch stochrsi supertrend tema tr vwap willr wma",
      table.concat(names, " "))
  end)

  it("is what the manual says", function()
    local manual = spec.read(spec.source_dir .. "/docs/indicators.md")
    for _, entry in ipairs(indicators.list()) do
      local params, firsts = {}, {}
      for i, param in ipairs(entry.params) do
        params[i] = param.name
        if param.default then params[i] = ("%s = %.12g"):format(param.name, param.default) end
      end
      for i, first in ipairs(entry.firsts or {}) do firsts[i] = tostring(first) end
      local line = ("| `%s(%s)` | %s | %s |"):format(entry.name, table.concat(params, ", "),
        entry.takes == "bars" and table.concat(entry.inputs, " ") or entry.takes,
        table.concat(entry.outputs, " "))
      assert(manual:find(line, 1, true), "the manual lacks: " .. line)
      if entry.firsts then
        assert(manual:find(line .. " " .. table.concat(firsts, " ") .. " |", 1, true),
          "the manual has another first row: " .. line .. " " .. table.concat(firsts, " "))
      end
    end
  end)
end)
