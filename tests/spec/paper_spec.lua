-- paper_spec.lua - paper trading and on_signal through `moonwick run`, as its user meets them.

local live = require "live"
local moonwick = require "moonwick"
local spec = require "spec"

local assert_finds = spec.assert_finds
local ROWS, SIGINT = 30, 2

-- A configuration with one simulated feed; `more` is text of further keys.
local function config(strategy, more)
  return spec.file("config.lua", ([[
    return {
      feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                  symbols = { "BTCUSD" }, timeframes = { "1m" },
                  simulator = { speed = "max", replay = %q } } },
      strategies = { %q },
      %s
    }]]):format(live.csv(live.rows(ROWS)), strategy, more or ""))
end

-- Buys at the third bar, sells at the tenth, and then asks for more than it can pay.
local trader = [[
  local trader, bars = { params = { symbol = "BTCUSD" } }, 0
  function trader.handle_bar(context, bar)
    bars = bars + 1
    if bars == 3 then
      assert(context:buy(bar.symbol, 0.5))
      context:signal { side = "buy", symbol = bar.symbol, price = bar.close, strategy = "mine" }
    elseif bars == 10 then
      assert(context:close(bar.symbol))
      context:signal "sold"
    elseif bars == 12 then
      local id, err = context:buy(bar.symbol, 1000)
      context:signal { refused = id == nil, kind = err.kind }
    end
  end
  return trader
]]

-- Runs that until it has said all that it will, and what came is over; returns lines and errors.
local function run_trader(more, last)
  local run = spec.process { spec.program, "run", "--no-bars",
    config(spec.file("trader.lua", trader), more) }
  local lines = {}
  repeat
    local line = assert(run:read_line(10), run:errors())
    lines[#lines + 1] = line
  until line:find(last or "refused=true", 1, true)
  run:signal(SIGINT)
  local rest = spec.finish(run, 10)
  assert.equal(0, rest.code)
  return table.concat(lines, "\n"), rest.errors
end

describe("orders in moonwick run", function()
  it("are lines when they are done, and a sum at the end", function()
    local text, errors = run_trader()
    -- The open of the fourth bar is 7004.04, that of the eleventh 7011.11: fees of 0.1 %.
    assert_finds(text, "%d%d:%d%d:%d%d%.%d%d%d order   trader  " ..
      "bought 0%.5 BTCUSD at 7004%.04, fee 3%.50\n")
    assert_finds(text, " order   trader  sold 0%.5 BTCUSD at 7011%.11, fee 3%.51\n")
    assert_finds(text, " signal  trader  kind=OrderError refused=true$")
    -- 10,000 + 0.5 * (7011.11 - 7004.04) - 3.50202 - 3.505555
    assert_finds(errors, " info  strategy trader: equity 9996%.53, cash 9996%.53, 0 positions, " ..
      "1 trade, 2 fills, fees 7%.01, 1 rejected\n")
  end)

  it("cost what the configuration says", function()
    local text, errors = run_trader "account = { cash = 20000, fee = 0, slippage = 0.01 },"
    assert_finds(text, "bought 0%.5 BTCUSD at 7074%.0804, fee 0%.00\n") -- 1 % more
    assert_finds(text, "sold 0%.5 BTCUSD at 6940%.9989, fee 0%.00\n")   -- 1 % less
    assert_finds(errors, "equity 19933%.46, ")
  end)

  it("are in the status of an engine, also after its end, and are events", function()
    local engine <close> = live.open {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(live.rows(ROWS)) } } },
      account = { cash = 20000 },
      strategies = { { file = spec.file("trader.lua", trader), account = { fee = 0 } } },
    }
    local orders, signals = live.gather(engine, "order"), live.gather(engine, "signal")
    assert(engine:start())
    assert.is_number(engine:status().strategies.trader.account.cash) -- it may have bought already
    assert(live.wait(engine, function() return #signals == 3 and #orders == 2 end))
    engine:stop()
    local account = engine:status().strategies.trader.account
    assert.near(20000 + 0.5 * (7011.11 - 7004.04), account.cash, 1e-9)
    account.cash = nil
    assert.near(20000 + 0.5 * (7011.11 - 7004.04), account.equity, 1e-9)
    account.equity = nil
    assert.same({ positions = 0, orders = 0, fills = 2, trades = 1, cancelled = 0, rejected = 1,
                  fees = 0 }, account)
    assert.equal("trader", orders[1].strategy)
    assert.same({ "demo", "BTCUSD", "buy", "market", "filled", 0.5, 7004.04 },
      { orders[1].feed, orders[1].symbol, orders[1].side, orders[1].type, orders[1].state,
        orders[1].amount, orders[1].price })
  end)
end)

describe("moonwick check", function()
  it("shows the account of each strategy, and on_signal", function()
    local path = config(spec.file("trader.lua", trader),
      "account = { fee = 0.002, fixed_fee = 1.5 }, on_signal = print,")
    local check = spec.finish(spec.process { spec.program, "check", path }, 10)
    assert.equal(0, check.code)
    assert_finds(check.text, "\n  account     cash 10000, fee 0%.2 %%, fixed_fee 1%.5, " ..
      "slippage 0 %%, leverage 1\n")
    assert_finds(check.text, "\non_signal\n  calls       a function of .*config%.lua\n")
  end)

  it("refuses options with their place", function()
    local path = config("x.lua", "account = { fee = 5 },")
    local check = spec.finish(spec.process { spec.program, "check", path }, 10)
    assert.equal(3, check.code)
    assert_finds(check.errors, "config%.lua: account%.fee = 5: want a number from 0 to ")
  end)
end)

describe("on_signal", function()
  it("gets every signal of any strategy, in order, with its values", function()
    local path = spec.tmpdir() .. "/signals.txt"
    run_trader(([[on_signal = function(signal)
      assert(signal.kind == "signal" and math.type(signal.time) == "integer")
      local file <close> = assert(io.open(%q, "a"))
      file:write(signal.strategy, "|", signal.text, "|", tostring(signal.values.price), "\n")
    end,]]):format(path))
    assert.equal("trader|buy BTCUSD price=7003.021 strategy=mine|7003.021\n" ..
      "trader|sold|nil\ntrader|kind=OrderError refused=true|nil\n", spec.read(path))
  end)

  it("is called again after it raised, and its error is logged with a traceback", function()
    local path = spec.tmpdir() .. "/signals.txt"
    local _, errors = run_trader(([[on_signal = function(signal)
      if signal.text == "sold" then error "no route" end
      local file <close> = assert(io.open(%q, "a"))
      file:write(signal.text, "\n")
    end,]]):format(path))
    assert.equal("buy BTCUSD price=7003.021 strategy=mine\nkind=OrderError refused=true\n",
      spec.read(path))
    assert_finds(errors, " error on_signal: .*config%.lua:%d+: no route.*stack traceback:")
    assert_finds(errors, " warn  on_signal: 3 calls, 1 failed, ")
  end)

  it("that does not come back is ended, and nothing stops", function()
    local start = spec.now()
    local text, errors = run_trader [[on_signal = function(signal)
      if signal.text == "sold" then while true do pcall(function() while true do end end) end end
    end,]]
    assert.is_true(spec.now() - start < 8)
    assert_finds(text, " signal  trader  sold\n")
    assert_finds(errors, " error on_signal: .*it takes too long")
    assert_finds(errors, " warn  on_signal: 3 calls, 1 failed, ")
  end)

  it("cannot come in a table, which says what to do instead", function()
    local engine, err = moonwick.open { on_signal = function() end }
    assert.is_nil(engine)
    assert.equal("ConfigError", err.kind)
    assert_finds(err.message, "^config: on_signal: .*engine:on%(\"signal\", %.%.%.%)")
  end)

  it("runs when a host polls, and is counted", function()
    local path = spec.tmpdir() .. "/signals.txt"
    local engine <close> = assert(moonwick.open(config(spec.file("trader.lua", trader),
      ([[log = { level = "off" }, on_signal = function(signal)
        if signal.text == "sold" then error "no route" end
        assert(io.open(%q, "a")):write(signal.text, "\n"):close()
      end,]]):format(path))))
    local heard = live.gather(engine, "signal")
    assert(engine:start())
    assert(live.wait(engine, function() return #heard == 3 end))
    assert.same({ calls = 3, errors = 1, dropped = 0 }, engine:status().on_signal)
    assert.equal(0, engine:status().events_dropped)
    assert.equal("buy BTCUSD price=7003.021 strategy=mine\nkind=OrderError refused=true\n",
      spec.read(path))
  end)

  it("misses the oldest when too many wait, which is counted", function()
    local strategy = spec.file("talker.lua", [[
      local talker = { params = { symbol = "BTCUSD" } }
      function talker.handle_bar(context, bar)
        for i = 1, 200 do context:signal { time = bar.time, i = i } end
      end
      return talker
    ]])
    local path = spec.tmpdir() .. "/last.txt"
    local engine <close> = assert(moonwick.open(config(strategy, ([[
      log = { level = "off" }, on_signal = function(signal)
        if signal.values.i == 200 then
          assert(io.open(%q, "w")):write(("%%d"):format(signal.values.time)):close()
        end
      end,]]):format(path))))
    assert(engine:start())
    local function sent() return engine:status().strategies.talker.signals end
    assert(spec.wait_for(function() return sent() == ROWS * 200 end, 20))
    engine:stop()
    engine:poll()
    local status = engine:status()
    assert.is_true(status.events_dropped >= ROWS * 200 - 4096)
    assert.is_true(status.on_signal.calls <= 4096)
    assert.equal(tostring(live.first_ms + (ROWS - 1) * live.step_ms), spec.read(path))
  end)

  it("hears no more after a second when a loop of it outlives the engine", function()
    local strategy = spec.file("talker.lua", [[
      local talker = { params = { symbol = "BTCUSD" } }
      function talker.stop(context) for i = 1, 20 do context:signal("bye " .. i) end end
      return talker
    ]])
    local run = spec.process { spec.program, "run", "--no-bars",
      config(strategy, "on_signal = function() while true do end end,") }
    run:expect " confirmed "
    local start = spec.now()
    run:signal(SIGINT)
    local rest = spec.finish(run, 10)
    assert.equal(0, rest.code)
    assert.is_true(spec.now() - start < 4)
    assert_finds(rest.errors, " on_signal: not called for the last signals")
    assert_finds(rest.errors, " on_signal: 1 call, 1 failed, 19 signals not handed on")
  end)
end)
