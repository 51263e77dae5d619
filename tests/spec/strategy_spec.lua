-- strategy_spec.lua - strategies in a running engine: what hooks get, and what errors do.

local live = require "live"
local spec = require "spec"

local ROWS = 100
local rows = live.rows(ROWS)

-- A feed that replays these minutes as fast as they are read.
local function feed()
  return live.feed { simulator = { speed = "max", replay = live.csv(rows) } }
end

-- Opens an engine on that feed, with the sources in `scripts` as strategies s1, s2 and so on; a
-- script is its source, or { source, params = ... }.
local function open(scripts, config)
  local strategies = {}
  for i, script in ipairs(scripts) do
    if type(script) == "string" then script = { script } end
    strategies[i] = { file = spec.file("s" .. i .. ".lua", script[1]), params = script.params }
  end
  local whole = { feeds = { feed() }, strategies = strategies }
  for key, value in pairs(config or {}) do whole[key] = value end
  return live.open(whole)
end

-- Starts it and waits until every strategy that runs was given `bars` bars; the hook may still be
-- at work on the last one.
local function run(engine, bars)
  assert(engine:start())
  assert(live.wait(engine, function()
    for _, strategy in pairs(engine:status().strategies) do
      if strategy.running and strategy.bars < (bars or ROWS) then return false end
    end
    return true
  end), "the strategies did not get all bars")
  engine:poll()
end

-- The values of the signals that a strategy of this source gives until it is stopped.
local function signals_of(script, config)
  local engine <close> = open({ script }, config)
  local signals, errors = live.gather(engine, "signal"), live.gather(engine, "error")
  run(engine)
  engine:stop()
  engine:poll()
  assert.equal(0, #errors, errors[1] and tostring(errors[1].error))
  local values = {}
  for i, signal in ipairs(signals) do values[i] = signal.values end
  return values
end

-- What the one strategy of an engine dies of while it is loaded.
local function load_error(script)
  local engine <close> = open { script }
  local errors = live.gather(engine, "error")
  assert(engine:start())
  engine:poll()
  assert.equal(1, #errors)
  assert.equal("s1", errors[1].strategy)
  local status = engine:status().strategies.s1
  assert.is_false(status.running)
  assert.equal("StrategyError", status.error.kind)
  assert.equal(errors[1].error.message, status.error.message)
  return status.error.message
end

local tells_bars = [[
  local strategy = {}
  function strategy.handle_bar(context, bar)
    context:signal { time = bar.time, close = bar.close, closed = bar.closed, name = bar.symbol }
  end
  return strategy
]]

describe("handle_bar", function()
  it("gets each closed bar once and in order", function()
    local values = signals_of(tells_bars)
    assert.equal(ROWS, #values)
    for i, row in ipairs(rows) do
      assert.same({ time = tonumber(row.open_time), close = tonumber(row.close), closed = true,
                    name = "BTCUSD" }, values[i])
    end
  end)

  it("is called for both of two strategies, on one worker and on two", function()
    for workers = 1, 2 do
      local engine <close> = open({ tells_bars, tells_bars }, { workers = workers })
      local signals, next_time = live.gather(engine, "signal"), {}
      run(engine)
      assert(live.wait(engine, function() return #signals == 2 * ROWS end))
      for _, signal in ipairs(signals) do
        local who = signal.strategy
        assert.equal(next_time[who] or live.first_ms, signal.values.time)
        next_time[who] = signal.values.time + live.step_ms
      end
    end
  end)

  it("finds the bar in get_price, with its neighbours", function()
    local values = signals_of [[
      return { handle_bar = function(context, bar)
        local bars = get_price(bar.symbol, { count = 3, finish = bar.time })
        context:signal { same = bars[-1].close == bar.close, count = #bars,
                         complete = bars.complete }
      end }
    ]]
    assert.same({ same = true, count = 1, complete = false }, values[1])
    for i = 3, ROWS do assert.same({ same = true, count = 3, complete = true }, values[i]) end
  end)
end)

describe("handle_tick", function()
  it("gets forming bars, never an older one after a newer", function()
    local values = signals_of [[
      local strategy = {}
      function strategy.handle_bar() end
      function strategy.handle_tick(context, bar)
        context:signal { time = bar.time, closed = bar.closed, by = tostring(bar.closed_by) }
      end
      return strategy
    ]]
    local last = 0
    for _, tick in ipairs(values) do
      assert.is_false(tick.closed)
      assert.equal("nil", tick.by)
      assert.is_true(tick.time >= last)
      last = tick.time
    end
  end)

  it("gets the newest forming bar when there is one", function()
    local path = spec.file("tick.lua", [[
      return { handle_tick = function(context, bar)
        context:signal { time = bar.time, closed = bar.closed }
      end }
    ]])
    local engine <close> = live.open { feeds = { live.feed { simulator = { speed = 60 } } },
                                       strategies = { path } }
    local signals = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return #signals >= 3 end))
    for _, signal in ipairs(signals) do assert.is_false(signal.values.closed) end
    assert.equal(0, engine:status().strategies.tick.bars)
  end)
end)

describe("subscriptions", function()
  it("chooses series by the parameters, and the strategy gets only those", function()
    local engine <close> = live.open {
      feeds = { live.feed { symbols = { "BTCUSD", "ETHUSD" }, timeframes = { "1m", "5m" },
                            simulator = { speed = 6000 } } },
      strategies = { { file = spec.file("chosen.lua", [[
        return {
          params = { wanted = "BTCUSD" },
          subscriptions = function(params)
            return { { symbol = params.wanted, frequency = "5m" }, { symbol = "LTCUSD" } }
          end,
          handle_bar = function(context, bar)
            context:signal { series = bar.symbol .. " " .. bar.frequency }
          end,
        }
      ]]), params = { wanted = "ETHUSD" } } },
    }
    local seen = {}
    engine:on("signal", function(signal) seen[signal.values.series] = true end)
    assert(engine:start())
    assert(live.wait(engine, function() return seen["ETHUSD 5m"] and seen["LTCUSD 1m"] end))
    local series = {}
    for name in pairs(seen) do series[#series + 1] = name end
    table.sort(series)
    assert.same({ "ETHUSD 5m", "LTCUSD 1m" }, series)
    assert.is_true(#engine:get_price("LTCUSD") > 0) -- nobody but the strategy asked for it
  end)

  it("is refused by name and place when it returns anything else", function()
    local function message(body)
      return load_error("return { subscriptions = function() return " .. body .. " end }")
    end
    assert.matches("subscriptions: want a list of { symbol =, frequency = }, got number",
      message "5", 1, true)
    assert.matches("subscriptions: want at least one series", message "{}", 1, true)
    assert.matches("subscriptions[2]: want { symbol =, frequency = }, got boolean",
      message '{ { symbol = "A" }, true }', 1, true)
    assert.matches("subscriptions[1].symbol: want text, got nil", message "{ {} }", 1, true)
    assert.matches("subscriptions[1].frequency: want text like \"1m\", got boolean",
      message '{ { symbol = "A", frequency = true } }', 1, true)
    assert.matches("17q", message '{ { symbol = "A", frequency = "17q" } }', 1, true)
  end)
end)

describe("params", function()
  local tells_params = [[
    local strategy = { params = { fast = 5, slow = 20, label = "none" } }
    function strategy.init(context)
      local p = context.params
      context:signal { fast = p.fast, slow = p.slow, label = p.label }
    end
    function strategy.handle_bar() end
    return strategy
  ]]

  it("are the script's own where the configuration says nothing", function()
    assert.same({ fast = 5, slow = 20, label = "none" }, signals_of(tells_params)[1])
  end)

  it("come from the configuration where it says something", function()
    local values = signals_of { tells_params, params = { fast = 7, label = "mine" } }
    assert.same({ fast = 7, slow = 20, label = "mine" }, values[1])
  end)

  it("are refused when the script has none of that name, or of another type", function()
    assert.matches("params.fats: the script has no such parameter",
      load_error { tells_params, params = { fats = 7 } }, 1, true)
    assert.matches("params.fast: want a number, got a string",
      load_error { tells_params, params = { fast = "7" } }, 1, true)
  end)
end)

describe("a script of globals", function()
  it("works like one that returns a table", function()
    local values = signals_of { [[
      params = { first = 0 }
      local count = 0
      function init(context) count = context.params.first end
      function handle_bar(context, bar)
        count = count + 1
        context:signal { count = count, time = bar.time }
      end
    ]], params = { first = 1000 } }
    assert.equal(ROWS, #values)
    assert.same({ count = 1000 + ROWS, time = live.first_ms + (ROWS - 1) * live.step_ms },
      values[ROWS])
  end)
end)

describe("get_price inside handle_bar", function()
  it("sees nothing after the bar, however far the feed is ahead", function()
    local values = signals_of [[
      local strategy = {}
      function strategy.handle_bar(context, bar)
        local closed = get_price(bar.symbol, { count = 2 })
        local forming = get_price(bar.symbol, { count = 2, forming = true })
        local window = get_price(bar.symbol, { start = bar.time, finish = bar.time + 3600000 })
        context:signal { behind = closed:last().time - bar.time, rows = #window,
                         closed = forming:last().closed, ahead = forming:last().time - bar.time }
      end
      return strategy
    ]]
    assert.equal(ROWS, #values)
    for _, value in ipairs(values) do
      assert.equal(0, value.behind)
      assert.equal(1, value.rows)
      assert.equal(value.ahead == 0, value.closed) -- a later bar only while it is forming
    end
  end)
end)

describe("the context", function()
  it("has a name, the time, a state that lasts, and is read-only", function()
    local values = signals_of [[
      local strategy = {}
      function strategy.init(context) context.state.count = 0 end
      function strategy.handle_bar(context, bar)
        context.state.count = context.state.count + 1
        local ok, message = pcall(function() context.count = 1 end)
        context:signal { name = context.name, late = context.now - bar.close_time,
                         count = context.state.count,
                         ok = ok, message = message, shown = tostring(context) }
      end
      return strategy
    ]]
    for i, value in ipairs(values) do
      assert.equal(i, value.count)
      assert.equal("s1", value.name)
      assert.equal(1, value.late) -- engine time is when the bar closed
      assert.is_false(value.ok)
      assert.matches("context.count: the context is read-only, keep values in context.state",
        value.message, 1, true)
      assert.equal("context of strategy s1", value.shown)
    end
  end)

  it("signals texts and tables of plain values, and refuses others by name", function()
    local engine <close> = open { [[
      return { init = function(context)
        context:signal "plain words"
        context:signal { side = "buy", symbol = "BTCUSD", price = 1.5, hot = true }
        for _, wrong in ipairs { { deep = {} }, { f = print }, { 1 }, 5, ("x"):rep(5000) } do
          local ok, message = pcall(context.signal, context, wrong)
          context:signal { ok = ok, message = message }
        end
      end }
    ]] }
    local signals = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return #signals == 7 end))
    assert.equal("plain words", signals[1].text)
    assert.equal("buy BTCUSD hot=true price=1.5", signals[2].text)
    assert.same({ side = "buy", symbol = "BTCUSD", price = 1.5, hot = true }, signals[2].values)
    assert.equal("s1", signals[2].strategy)
    for i = 3, 7 do assert.is_false(signals[i].values.ok) end
    assert.matches("signal: deep: want named texts, numbers and booleans, got a table",
      signals[3].values.message, 1, true)
    assert.matches("4096 bytes", signals[7].values.message, 1, true)
  end)
end)

describe("modules", function()
  it("wealthdata, moonwick, json and log are there", function()
    local values = signals_of [[
      local wealthdata, moonwick = require "wealthdata", require "moonwick"
      return { handle_bar = function(context, bar)
        local bars = wealthdata.get_price("BTCUSD", { count = 1, finish = bar.time })
        log.info("one", 2, bars)
        context:signal {
          close = bars.close[1], same = moonwick.get_price == get_price,
          json = json.encode { bar.close }, again = require("json") == json,
        }
      end }
    ]]
    local close = tonumber(rows[ROWS].close)
    assert.same({ close = close, same = true, json = "[" .. close .. "]", again = true },
      values[ROWS])
  end)

  it("beside the script are found", function()
    local path = spec.file("main.lua", [[
      local helper = require "helper"
      return { init = function(context) context:signal { value = helper.value } end }
    ]])
    local helper = assert(io.open(path:gsub("main.lua$", "helper.lua"), "w"))
    helper:write("return { value = 42 }")
    helper:close()
    local engine <close> = live.open { feeds = { feed() }, strategies = { path } }
    local signals = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return signals[1] end))
    assert.equal(42, signals[1].values.value)
  end)
end)

describe("handle_state and stop", function()
  it("are told of the feed and of the end", function()
    local engine <close> = open { [[
      local strategy = {}
      function strategy.handle_bar() end
      function strategy.handle_state(context, event)
        context:signal { kind = event.kind, feed = event.feed, state = event.state }
      end
      function strategy.stop(context) context:signal { kind = "stop" } end
      return strategy
    ]] }
    local signals = live.gather(engine, "signal")
    run(engine)
    assert(live.wait(engine, function() return #signals >= 2 end))
    engine:stop()
    engine:poll()
    local states = {}
    for i, signal in ipairs(signals) do states[i] = signal.values.state or signal.values.kind end
    assert.same({ "connecting", "connected", "confirmed", "disconnected", "stop" }, states)
    assert.equal("demo", signals[1].values.feed)
  end)
end)

describe("errors", function()
  it("of one strategy in every bar leave the other alone", function()
    local engine <close> = open { tells_bars, [[
      local function deeper(bar) error("no luck at " .. bar.time) end
      return {
        handle_bar = function(_, bar)
          deeper(bar)
        end,
      }
    ]] }
    local errors, signals = live.gather(engine, "error"), live.gather(engine, "signal")
    run(engine)
    assert(live.wait(engine, function() return #signals == ROWS and #errors == ROWS end))
    local first = errors[1]
    assert.equal("s2", first.strategy)
    assert.equal("StrategyError", first.error.kind)
    assert.matches("s2%.lua:1: no luck at " .. live.first_ms, first.error.message)
    assert.matches("stack traceback:", first.error.message, 1, true)
    assert.matches("s2%.lua:4: in", first.error.message)
    local status = engine:status().strategies
    assert.same({ ROWS, 0, ROWS }, { status.s1.bars, status.s1.errors, status.s1.signals })
    assert.same({ ROWS, ROWS, 0 }, { status.s2.bars, status.s2.errors, status.s2.signals })
    assert.is_true(status.s2.running)
  end)

  it("of any value have words", function()
    local engine <close> = open { [[
      local kinds = { nil, true, 5, {}, { message = "inside" },
                      setmetatable({}, { __tostring = function() return "shown" end }) }
      local count = 0
      return { handle_bar = function() count = count + 1; error(kinds[(count - 1) % 6 + 1]) end }
    ]] }
    local errors = live.gather(engine, "error")
    run(engine)
    assert(live.wait(engine, function() return #errors == ROWS end))
    for i, wanted in ipairs { "nil", "true", "5", "table without a message", "inside", "shown" } do
      assert.matches(wanted, errors[i].error.message, 1, true)
    end
  end)

  it("of memory are the script's own", function()
    local engine <close> = open { [[
      return { handle_bar = function()
        local hoard = {}
        while true do hoard[#hoard + 1] = ("x"):rep(1 << 20) .. #hoard end
      end }
    ]], tells_bars }
    local errors = live.gather(engine, "error")
    run(engine, 2)
    assert(live.wait(engine, function() return #errors >= 2 end))
    assert.matches("not enough memory", errors[1].error.message, 1, true)
    assert.is_true(engine:status().strategies.s1.memory_bytes < 64 << 20)
  end)

  it("of syntax name file and line, and the others run", function()
    local engine <close> = open { "local x = \nreturn }", tells_bars }
    local errors = live.gather(engine, "error")
    run(engine)
    assert.equal(1, #errors)
    assert.equal("s1", errors[1].strategy)
    assert.matches("s1.lua:2: ", errors[1].error.message, 1, true)
    local status = engine:status().strategies
    assert.is_false(status.s1.running)
    assert.matches("s1.lua:2: ", status.s1.error.message, 1, true)
    assert.equal(ROWS, status.s2.bars)
  end)

  it("in init are told, and the bars come all the same", function()
    local engine <close> = open { [[
      return { init = function() local x; return x.field end, handle_bar = function() end }
    ]] }
    local errors = live.gather(engine, "error")
    run(engine)
    assert.equal(1, #errors)
    assert.matches("s1.lua:1: attempt to index a nil value (local 'x')", errors[1].error.message,
      1, true)
    local status = engine:status().strategies.s1
    assert.same({ true, 1, ROWS }, { status.running, status.errors, status.bars })
  end)

  it("in the chunk, its value or its hooks keep it from running", function()
    assert.matches("s1.lua:1: early", load_error 'error "early"', 1, true)
    assert.matches("want a table of hooks returned, or nothing, got number", load_error "return 5",
      1, true)
    assert.matches("handle_bar: want a function, got a number",
      load_error "return { handle_bar = 5 }", 1, true)
    assert.matches("params: want a table, got a string", load_error "return { params = 'x' }", 1,
      true)
  end)

  it("of a file that is not there name it", function()
    local engine <close> = live.open { feeds = { feed() }, strategies = { "/nowhere/lost.lua" } }
    local errors = live.gather(engine, "error")
    assert(engine:start())
    engine:poll()
    assert.matches("/nowhere/lost.lua: No such file", errors[1].error.message, 1, true)
    assert.equal("lost", errors[1].strategy)
  end)

  it("in spelling a hook are warned of in the log", function()
    local strategy = spec.file("typo.lua", "return { handel_bar = function() end }")
    local config = spec.file("config.lua", ([[
      return { feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                           symbols = { "BTCUSD" } } }, strategies = { %q } }
    ]]):format(strategy))
    local code, _, log = live.run { spec.program, "run", "--for", "100ms", config }
    assert.equal(0, code)
    assert.matches("strategy typo: handel_bar is no hook, did you mean handle_bar?", log, 1, true)
  end)
end)

describe("engine:stop", function()
  local function stops_within_2s(source)
    local engine <close> = open { source }
    local signals = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return #signals > 0 end), "the loop never began")
    local start = spec.now()
    engine:stop()
    assert.is_true(spec.now() - start < 2)
  end

  it("comes back from an endless loop in handle_bar", function()
    stops_within_2s [[
      return { handle_bar = function(context) context:signal "in"; while true do end end }
    ]]
  end)

  it("comes back from one that catches every error", function()
    stops_within_2s [[
      return { handle_bar = function(context)
        context:signal "in"
        while true do pcall(function() while true do end end) end
      end }
    ]]
  end)

  it("of a chunk or of subscriptions() ends the loading, and the others run", function()
    local engine <close> = open { tells_bars, "while true do pcall(function() end) end",
      "return { subscriptions = function() while true do end end }" }
    local errors = live.gather(engine, "error")
    local signals = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return #signals == ROWS end))
    assert.equal(2, #errors)
    for _, event in ipairs(errors) do
      assert.matches("it takes too long\nstack traceback:.*s[23]%.lua:1: in", event.error.message)
    end
  end)

  it("comes back from one in a coroutine", function()
    stops_within_2s [[
      return { handle_bar = function(context)
        context:signal "in"
        coroutine.wrap(function() while true do end end)()
      end }
    ]]
  end)
end)
