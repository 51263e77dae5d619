-- disk_spec.lua - a disk that is full or slow: live bars go on, and what was not written is later.

local live = require "live"
local spec = require "spec"

local STEP_MS = 60000
local SYMBOLS = { "BTCUSDT", "ETHUSDT" }
local WINDOW = 1         -- seconds over which bars are counted
local PAUSE_MAX = 0.75   -- seconds between two bars of a series, of which ten a second come
local FULL_BYTES = 4096  -- past this no file grows

-- Takes the lock that writers of a store wait for, until its input is closed.
local HOLDER = [[
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
store.execute("ROLLBACK")
]]

describe("a store", function()
  local path, engine, told

  before_each(function()
    path = spec.tmpdir() .. "/store.db"
    local _, url = live.simulate { "--symbols", table.concat(SYMBOLS, ","), "--speed", "600x" }
    engine = live.open {
      history = { store = path }, cache = { bars = 1000 },
      feeds = { live.feed { endpoint = url, symbols = SYMBOLS, backfill = false } },
    }
    told = {}
    engine:on("bar", function(bar)
      local list = told[bar.symbol] or { longest = 0 }
      told[bar.symbol] = list
      local now = spec.now()
      if list.at then list.longest = math.max(list.longest, now - list.at) end
      list.at = now
      list[#list + 1] = bar.time
    end)
    assert(engine:start())
    assert.truthy(live.wait(engine, function()
      return told[SYMBOLS[1]] and told[SYMBOLS[2]] and engine:status().store.rows > 10
    end))
  end)

  after_each(function()
    spec.limit_files()
    engine:close()
  end)

  -- How many bars come in WINDOW seconds, and the longest time between two of a series.
  local function watch()
    local before, longest = 0, 0
    for _, symbol in ipairs(SYMBOLS) do
      before = before + #told[symbol]
      told[symbol].longest = 0
    end
    local over = spec.now() + WINDOW
    while spec.now() < over do engine:poll(0.01) end
    local after = 0
    for _, symbol in ipairs(SYMBOLS) do
      after = after + #told[symbol]
      longest = math.max(longest, told[symbol].longest)
    end
    return after - before, longest
  end

  -- Bars come as before, while `trouble` lasts.
  local function assert_live(undisturbed)
    local count, longest = watch()
    assert.is_true(count > 0.7 * undisturbed,
      ("%d bars, %d without the trouble"):format(count, undisturbed))
    assert.is_true(longest < PAUSE_MAX, ("%.3f s without a bar"):format(longest))
  end

  -- No bar was skipped, and all of them are in the store when nothing waits any more.
  local function assert_all_written()
    assert.truthy(live.wait(engine, function()
      local store = engine:status().store
      return not store.error and store.waiting == 0
    end))
    engine:stop()
    assert.equal(0, engine:status().store.lost)
    for _, symbol in ipairs(SYMBOLS) do
      local list = told[symbol]
      for i = 2, #list do assert.equal(list[i - 1] + STEP_MS, list[i]) end
    end
    local again <close> = live.open {
      history = { store = path }, cache = { bars = 1000 },
      feeds = { live.feed { endpoint = "ws://127.0.0.1:1/market_data", symbols = SYMBOLS,
                            backfill = false } },
    }
    assert(again:start())
    for _, symbol in ipairs(SYMBOLS) do
      local list = told[symbol]
      local bars = again:get_price(symbol, { start = list[1], finish = list[#list] })
      assert.equal(#list, #bars)
      for i, bar in ipairs(bars) do
        assert.same({ list[i], "store" }, { bar.time, bar.source })
      end
    end
    assert.same({}, again:gaps())
  end

  it("on a disk that is full is written later, and live bars go on", function()
    local events = live.gather(engine, "store")
    local undisturbed = watch()
    spec.limit_files(FULL_BYTES)
    assert.truthy(live.wait(engine, function() return #events > 0 end))
    assert.matches("store.db", tostring(events[1].error), 1, true)
    local rows = engine:status().store.rows
    assert_live(undisturbed)
    local store = engine:status().store
    assert.equal(rows, store.rows)
    assert.is_true(store.failures > 0 and store.waiting > 0)
    assert.matches("store.db", tostring(store.error), 1, true)
    spec.limit_files()
    assert.truthy(live.wait(engine, function() return not events[#events].error end))
    assert_all_written()
  end)

  it("that somebody else has locked for seconds is written later", function()
    local undisturbed = watch()
    local holder = spec.process { spec.python, "-c", HOLDER, path }
    holder:expect("^locked$")
    assert_live(undisturbed)
    local rows = engine:status().store.rows
    assert_live(undisturbed)
    -- One write waits for two seconds, and gives up.
    assert.truthy(live.wait(engine, function() return engine:status().store.failures > 0 end))
    assert_live(undisturbed)
    local store = engine:status().store
    assert.equal(rows, store.rows)
    assert.is_true(store.waiting > 0)
    assert.matches("store.db", tostring(store.error), 1, true)
    holder:close_input()
    assert.equal(0, holder:wait(5))
    assert_all_written()
  end)

  it("says in the log of the program that it fails, and that it works again", function()
    local config = spec.file("config.lua", [[
      return {
        history = { store = "store.db" },
        feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator", store = true,
                    simulator = { speed = "600x" }, symbols = { "BTCUSDT" },
                    timeframes = { "1m" }, backfill = false } },
      }]])
    -- Blocks of 512 bytes: room for the schema and a moment.
    local child = spec.process { "sh", "-c", "ulimit -S -f 250; trap '' XFSZ; exec \"$@\"", "sh",
      spec.program, "run", "--log-level", "info", config }
    child:expect(" store  .*store.db", 20)
    for _ = 1, 20 do child:expect(" bar ", 5) end
    assert.matches("store: .*it is tried again", child:errors())
    live.run { "prlimit", "--pid", tostring(child:pid()), "--fsize=unlimited:" }
    child:expect(" store  .*works again", 20)
    assert.matches("store: works again", child:errors(), 1, true)
    assert.equal(0, child:stop())
  end)
end)
