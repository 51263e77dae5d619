-- backtest_spec.lua - back-tests from Lua: the same script as live, twice the same, misuse told.

local live = require "live"
local moonwick = require "moonwick"
local spec = require "spec"

local ROWS = 300

local function run(options)
  local result, err = moonwick.backtest(options)
  if not result then error(tostring(err), 2) end
  return result
end

local function texts(result)
  local list = {}
  for i, signal in ipairs(result.signals) do list[i] = signal.text end
  return list
end

describe("a script", function()
  local source = [[
    return {
      subscriptions = function()
        return { { symbol = "BTCUSD", frequency = "1m" }, { symbol = "BTCUSD", frequency = "7m" } }
      end,
      handle_bar = function(context, bar)
        local bars = get_price("BTCUSD", { count = 10, frequency = bar.frequency })
        local sevens = get_price("BTCUSD", { start = context.now - 3600000, frequency = "7m" })
        context:signal(("%s bar %d at %d: %.17g %s %d %.17g %s"):format(bar.frequency, bar.time,
          context.now, bar.close, bar.proven, #bars, bars.close:mean(), bars.reason))
        context:signal(("%s sevens of %d: %d %.17g"):format(bar.frequency, bar.time, #sevens,
          sevens.volume:sum()))
      end,
      handle_state = function(context, event)
        if event.kind ~= "gap" then return end
        context:signal(("%s gap %d %d %d"):format(event.frequency, event.from, event.to,
          event.count))
      end,
    }
  ]]

  -- Live, a series is told of as far as it goes before the next one is.
  local function by_frequency(list)
    local lists = { ["1m"] = {}, ["7m"] = {} }
    for _, text in ipairs(list) do
      local mine = lists[text:match("^%w+")]
      mine[#mine + 1] = text
    end
    return lists
  end

  for name, changes in pairs { whole = {}, ["with a hole"] = { [200] = false, [201] = false } } do
    it("says live what it says in a back-test, " .. name, function()
      local path = live.csv(live.rows(ROWS, changes))
      local script = live.strategy("tested", source)
      local tested = by_frequency(texts(run { strategy = script, data = path, holes = true }))
      assert.is_true(#tested["1m"] > ROWS and #tested["7m"] > ROWS // 7)

      local engine <close> = live.open {
        feeds = { live.feed { simulator = { speed = "max", replay = path }, backfill = false } },
        cache = { bars = 5000 }, strategies = { script },
      }
      local told = live.gather(engine, "signal")
      assert(engine:start())
      local wanted = #tested["1m"] + #tested["7m"]
      assert.is_truthy(live.wait(engine, function() return #told >= wanted end),
        "fewer signals than in the back-test")
      local list = {}
      for i, event in ipairs(told) do list[i] = event.text end
      local said = by_frequency(list)
      assert.same(tested["1m"], said["1m"])
      assert.same(tested["7m"], said["7m"])
    end)
  end
end)

describe("a trader", function()
  -- Every kind of order, in hooks of bars and of fills. What it does follows from the bars alone.
  local source = [[
    local trader = { params = { symbol = "BTCUSD" } }
    local draws = 1
    local function draw(n)
      draws = (draws * 1103515245 + 12345) % 2147483648
      return draws // 65536 % n
    end
    local function place(context, symbol, price)
      local kind, side = draw(8), draw(2) == 0 and "buy" or "sell"
      local away = price * (draw(21) - 10) / 1000
      local order = { symbol = symbol, side = side, tag = tostring(kind) }
      if kind == 0 then
        order.side, order.value = "buy", 500 + draw(3000)
      elseif kind == 1 then
        context:close(symbol)
        return
      elseif kind == 2 then
        context:cancel()
        return
      elseif kind == 3 then -- a bracket
        local size = draw(4) / 10 + 0.1
        context:order { symbol = symbol, side = "buy", type = "limit", price = price * 0.999,
                        amount = size }
        context:order { symbol = symbol, side = "sell", type = "stop", price = price * 0.996,
                        amount = size, reduce = true }
        context:order { symbol = symbol, side = "sell", type = "limit", price = price * 1.004,
                        amount = size, reduce = true }
        return
      else
        order.amount = draw(9) / 10 + 0.05
        order.type = ({ "market", "limit", "stop", "limit" })[kind - 3]
        order.price = kind > 4 and price + away or nil
        order.reduce = draw(4) == 0
      end
      context:order(order)
    end
    function trader.init(context) context:buy("BTCUSD", 0.25) end
    function trader.handle_bar(context, bar)
      context:signal(("%d: %.17g %.17g %.17g %d"):format(bar.time, context.cash, context.equity,
        (context:position(bar.symbol)), #context:orders()))
      assert(math.abs(context.equity - context.cash - context:position(bar.symbol) * bar.close) <
        1e-6)
      if draw(3) > 0 then place(context, bar.symbol, bar.close) end
    end
    function trader.handle_state(context, event)
      if event.kind ~= "order" then return end
      context:signal(("%d at %d: %s %s %s %.17g at %.17g %s"):format(event.time, context.now,
        event.side, event.type, event.state, event.amount or 0, event.price or 0,
        event.reason or ""))
      if draw(4) == 0 then place(context, event.symbol, event.price or 7000) end
    end
    function trader.stop(context)
      for _, trade in ipairs(context:trades()) do
        context:signal(("trade %d to %d: %s %.17g from %.17g to %.17g, %.17g"):format(
          trade.entry_time, trade.exit_time, trade.side, trade.amount, trade.entry, trade.exit,
          trade.profit))
      end
    end
    return trader
  ]]

  it("has live the fills of a back-test over the same bars", function()
    local ROWS_TRADED, price, changes = 250, 7000, {}
    for i = 1, ROWS_TRADED do
      local open = price + (i % 17 == 0 and (i % 5 - 2) * 15 or 0)
      price = 7000 + 60 * math.sin(i / 9) + 25 * math.sin(i * 1.7)
      changes[i] = { open = ("%.2f"):format(open), close = ("%.2f"):format(price),
                     high = ("%.2f"):format(math.max(open, price) + i * 7 % 13),
                     low = ("%.2f"):format(math.min(open, price) - i * 11 % 17) }
    end
    local path = live.csv(live.rows(ROWS_TRADED, changes))
    local script = live.strategy("trader", source)
    local account = { cash = 10000, fee = 0.001, maker_fee = 0.0002, fixed_fee = 0.01,
                      slippage = 0.0005, leverage = 2 }
    local options = { strategy = script, data = path }
    for key, value in pairs(account) do options[key] = value end
    local result = run(options)
    local tested = texts(result)
    local orders = result.orders
    assert.is_true(orders.filled > 100 and orders.cancelled > 20 and orders.rejected > 5)

    local _, url = live.candle_server { "--csv", path, "--closed" }
    local engine <close> = live.open {
      feeds = { live.feed { endpoint = url, backfill = false } }, account = account,
      cache = { bars = 5000 }, strategies = { script },
    }
    local told = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function()
      return engine:status().strategies.trader.bars == ROWS_TRADED
    end))
    engine:stop()
    engine:poll()
    local said = {}
    for i, event in ipairs(told) do said[i] = event.text end
    assert.same(tested, said)
  end)
end)

describe("a back-test", function()
  local trader = [[
    local trader = { params = { symbol = "BTCUSD", size = 0.5, tag = "x", short = false } }
    local order = {}
    for name in pairs { delta = 1, alpha = 2, [3] = 0, charlie = 3, bravo = 4, [1] = 0 } do
      order[#order + 1] = name
    end
    function trader.init(context)
      context:signal(table.concat(order, " "))
      context:signal(("%d %s"):format(os.time(), os.date("!%Y-%m-%d %H:%M:%S")))
      context:signal(("%.17g"):format(math.random()))
    end
    function trader.handle_bar(context, bar)
      local draw = math.random(6)
      if draw == 1 then context:buy(bar.symbol, context.params.size) end
      if draw == 2 then context:close(bar.symbol) end
    end
    return trader
  ]]
  local path, script
  before_each(function()
    path = live.csv(live.rows(ROWS))
    script = live.strategy("trader", trader)
  end)

  it("is the same every time, to the last byte", function()
    local first = run { strategy = script, data = path, cash = 1e6 }
    local second = run { strategy = script, data = path, cash = 1e6 }
    assert.is_true(#first.trades > 10)
    assert.equal(assert(first.report:json { full = true }),
                 assert(second.report:json { full = true }))
    assert.equal(assert(first.report:trades_csv()), assert(second.report:trades_csv()))
    local other = run { strategy = script, data = path, cash = 1e6, seed = 2 }
    assert.not_equal(assert(first.report:trades_csv()), assert(other.report:trades_csv()))
  end)

  it("is the same in another process", function()
    local runner = spec.build_dir .. "/spec_runner"
    local output = spec.tmpdir() .. "/report.json"
    local program = spec.file("other_spec.lua", ([[
      it("runs", function()
        local result = assert(require "moonwick".backtest { strategy = %q, data = %q, cash = 1e6 })
        local file = assert(io.open(%q, "w"))
        file:write((assert(result.report:json { full = true })))
        file:close()
      end)
    ]]):format(script, path, output))
    local own = assert(run { strategy = script, data = path, cash = 1e6 }.report
      :json { full = true })
    for _ = 1, 2 do -- in each, Lua takes another seed for the order of names
      local code, said = live.run { runner, program }
      assert.equal(0, code, said)
      assert.equal(own, spec.read(output))
    end
  end)

  it("lives in the time of its data", function()
    local result = run { strategy = script, data = path, cash = 1e6 }
    local said = texts(result)
    assert.equal("1 3 alpha bravo charlie delta", said[1])
    assert.equal(("%d %s"):format(live.first_ms // 1000,
      os.date("!%Y-%m-%d %H:%M:%S", live.first_ms // 1000)), said[2])
    assert.equal(live.first_ms, result.from)
    assert.equal(live.first_ms + ROWS * live.step_ms, result.to)
  end)

  it("returns figures, trades and the curve as plain values", function()
    local result = run { strategy = script, data = path, cash = 1e6, fee = 0, name = "mine" }
    assert.equal("mine", result.strategy)
    assert.equal("short=false size=0.5 symbol=BTCUSD tag=x", result.params)
    assert.equal(ROWS, result.bars)
    assert.equal(ROWS, #result.curve.equity)
    assert.equal(result.equity, result.curve.equity[-1])
    assert.equal(result.to, result.curve.time[-1])
    assert.equal(#result.trades, result.trade_count)
    assert.equal(0, result.fees)
    local profit = 0
    for _, trade in ipairs(result.trades) do
      profit = profit + trade.profit
      assert.equal("BTCUSD", trade.symbol)
      assert.is_true(trade.exit_time > trade.entry_time)
    end
    assert.is_true(math.abs(profit - result.profit) < 1e-6)
    assert.is_true(math.abs(result.equity / 1e6 - 1 - result.total_return) < 1e-12)
    assert.is_number(result.hold.total_return)
    assert.same({ symbol = "BTCUSD", frequency = "1m", feed = "", bars = ROWS, absent = 0,
                  holes = false }, result.series[1])
    spec.assert_finds(assert(result.report:text { width = 100, plain = true }), "mine")
    assert.equal(tostring(result.report), "report of mine over 300 bars")
    result.report:close()
    assert.has_error(function() result.report:text() end, "attempt to use a closed report")
  end)

  it("takes parameters and the time that is wanted", function()
    local result = run {
      strategy = script, data = path, cash = 1e6, params = { size = 2, tag = "y" },
      from = live.first_ms + 100 * live.step_ms, to = live.first_ms + 199 * live.step_ms,
    }
    assert.equal("short=false size=2 symbol=BTCUSD tag=y", result.params)
    assert.equal(100, result.bars)
    assert.equal(live.first_ms + 100 * live.step_ms, result.from)
  end)

  it("runs again and again over one dataset", function()
    local dataset <close> = assert(moonwick.dataset { file = path, symbol = "BTCUSD" })
    assert.equal(1, #dataset)
    assert.same({ { feed = "", symbol = "BTCUSD", frequency = "1m", bars = ROWS, absent = 0,
                    holes = 0, first = live.first_ms,
                    last = live.first_ms + (ROWS - 1) * live.step_ms } }, dataset:series())
    assert.equal("dataset of 1 series, 300 bars", tostring(dataset))
    local best
    for size = 1, 5 do
      local result = run { strategy = script, data = dataset, cash = 1e6,
                           params = { size = size } }
      best = math.max(best or -math.huge, result.total_return)
    end
    assert.is_number(best)
    dataset:close()
    assert.has_error(function() return #dataset end, "attempt to use a closed dataset")
    assert.has_error(function() run { strategy = script, data = dataset } end,
      "attempt to use a closed dataset")
  end)

  it("runs over several symbols and files", function()
    local other = live.csv(live.rows(10))
    local all = live.strategy("all", [[
      return { handle_bar = function(context, bar) context:signal(bar.symbol) end }
    ]])
    local result = run { strategy = all, data = {
      { file = path, symbol = "BTCUSD" }, { file = other, symbol = "ETHUSD", timeframe = "1m" } } }
    assert.equal(2, #result.series)
    assert.same({ "BTCUSD", "ETHUSD", "BTCUSD", "ETHUSD" }, table.move(texts(result), 1, 4, 1, {}))
    assert.equal(ROWS + 10, result.signal_count)
  end)
end)

describe("moonwick.backtest", function()
  local path, script
  before_each(function()
    path = live.csv(live.rows(5))
    script = live.strategy("plain", [[
      return { params = { symbol = "BTCUSD", fast = 5 }, handle_bar = function(context, bar)
        if context.params.fast == 13 then error("unlucky") end
      end }
    ]])
  end)

  local function raises(options, words)
    local ok, message = pcall(moonwick.backtest, options)
    assert.is_false(ok)
    spec.assert_finds(message, words)
  end

  local function fails(options, kind, words)
    local result, err = moonwick.backtest(options)
    assert.is_nil(result)
    assert.equal(kind, err.kind)
    spec.assert_finds(tostring(err), words)
  end

  it("refuses misuse by name", function()
    raises({ data = path }, "strategy: want the path of a script")
    raises({ strategy = script }, "want data or a store")
    raises({ strategy = script, data = path, store = "x.db" }, "want data or a store")
    raises({ strategy = script, data = path, slipage = 1 },
      "no such option 'slipage', did you mean slippage%?")
    raises({ strategy = script, data = path, cash = "much" }, "cash: want a number, got much")
    raises({ strategy = script, data = path, cash = -1 }, "cash")
    raises({ strategy = script, data = path, leverage = 0 / 0 }, "leverage")
    raises({ strategy = script, data = path, seed = 1.5 }, "seed: want a whole number")
    raises({ strategy = script, data = path, bars = 0 }, "bars: want 1 to")
    raises({ strategy = script, data = path, from = "yesterday" }, "from: want milliseconds")
    raises({ strategy = script, data = path, params = 5 }, "params: want a table")
    raises({ strategy = script, data = path, timeframe = "1x" }, "timeframe '1x'")
    raises({ strategy = script, data = 5 }, "data: want the path of a CSV file")
    raises({ strategy = script, data = { { fil = path } } },
      "data%[1%]: no such option 'fil', did you mean file%?")
    raises({ strategy = script, data = { {} } }, "data%[1%]: want a file or a store")
    raises({ strategy = script, data = { 5 } }, "data%[1%]: want a path or a table")
    local dataset <close> = assert(moonwick.dataset(path))
    raises({ strategy = script, data = dataset, symbol = "BTCUSD" }, "a dataset's own")
  end)

  it("tells failures of the world", function()
    fails({ strategy = script, data = "/nowhere.csv" }, "ConfigError", "/nowhere.csv")
    fails({ strategy = "/nowhere.lua", data = path, symbol = "BTCUSD" }, "ConfigError",
      "/nowhere.lua")
    fails({ strategy = script, data = path, symbol = "ETHUSD" }, "ConfigError",
      "strategy plain wants BTCUSD 1m: .* there are ETHUSD 1m")
    fails({ strategy = script, data = path, params = { fsat = 1 } }, "StrategyError",
      "params.fsat: the script has no such parameter, did you mean fast%?")
    fails({ strategy = script, data = path, params = { fast = "a" } }, "StrategyError",
      "params.fast: want a number, got a string")
    fails({ strategy = script, data = path, params = { fast = 13 } }, "StrategyError",
      "strategy plain at .*, bar BTCUSD 1m of .*unlucky")
    fails({ strategy = script, store = "/nowhere.db" }, "ConfigError", "/nowhere.db")
  end)

  it("is not there in a strategy", function()
    local inside = live.strategy("inside", [[
      return { init = function(context)
        context:signal(tostring(moonwick.backtest) .. tostring(moonwick.dataset))
      end }
    ]])
    assert.same({ "nilnil" }, texts(run { strategy = inside, data = path }))
  end)
end)
