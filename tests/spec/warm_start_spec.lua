-- warm_start_spec.lua - a restart loses nothing: the store fills the cache, the venue the rest.

local live = require "live"
local spec = require "spec"

local FAST_MS = 50     -- what is promised of a fresh store
local SLACK = 10       -- how much longer opening files and starting threads may take when busy
local HOUR_MS = 3600000

-- The wall clock in milliseconds, as coarse as os.time.
local function wall_ms()
  return os.time() * 1000
end

-- A feed of `url` whose history is on the same port.
local function feed(url, timeframes)
  return live.feed { endpoint = url, rest = url:gsub("^ws", "http"):gsub("/market_data$", ""),
                     symbols = { "BTCUSDT" }, timeframes = timeframes, name = "venue" }
end

-- Whether all that the rings hold is in the store.
local function is_written(engine)
  local store = engine:status().store
  return store.rows > 0 and store.waiting == 0
end

local function sources(bars)
  local counts = {}
  for _, bar in ipairs(bars) do counts[bar.source] = (counts[bar.source] or 0) + 1 end
  return counts
end

-- Each bucket once, in order.
local function assert_contiguous(bars, step_ms)
  for i = 2, #bars do assert.equal(bars[i - 1].time + step_ms, bars[i].time) end
end

-- A simulator at the pace of real time, on `port` unless any will do.
local function simulate(arguments, port)
  local argv = { spec.program, "simulate", "--symbols", "BTCUSDT", "--listen",
                 "127.0.0.1:" .. (port or 0) }
  local server = spec.process(table.move(arguments, 1, #arguments, #argv + 1, argv))
  return server, server:expect("^listening on (ws://%S+)$")
end

describe("a warm start", function()
  local path

  before_each(function() path = spec.tmpdir() .. "/store.db" end)

  local function start(url, timeframes, ring)
    return live.start { history = { store = path }, cache = { bars = ring },
                        reconnect = { attempts = math.huge, base = 0.05, cap = 0.1 },
                        feeds = { feed(url, timeframes) } }
  end

  -- An engine that fills its rings and writes them; then it is gone.
  local function fill(url, frequency, ring)
    local engine = start(url, { frequency }, ring)
    local function is_full()
      local bars = engine:get_price("BTCUSDT", { count = ring - 1, frequency = frequency })
      return bars.complete and is_written(engine)
    end
    assert.truthy(live.wait(engine, is_full))
    local bars = engine:get_price("BTCUSDT", { count = ring - 1, frequency = frequency })
    engine:close()
    return bars
  end

  it("is complete within 50 ms, whether or not the venue is there", function()
    local COUNT = 400
    local options = { count = COUNT, frequency = "1h" }
    local server, url = simulate { "--timeframes", "1h" }
    local before = fill(url, "1h", COUNT + 1)
    server:stop()

    local called = spec.now()
    local engine <close> = live.open { history = { store = path }, cache = { bars = COUNT + 1 },
                                       feeds = { feed(url, { "1h" }) } }
    assert(engine:start())
    local started = spec.now()
    local bars = engine:get_price("BTCUSDT", options)
    local answered = spec.now()
    if before[-1].time + 2 * HOUR_MS <= wall_ms() then return end -- an hour ended just now
    assert.same({ COUNT, true }, { #bars, bars.complete }, bars.reason)
    assert.same({ store = COUNT }, sources(bars))
    assert.same(before[1].close, bars[1].close)
    assert.same(before[-1].volume, bars[-1].volume)
    assert_contiguous(bars, HOUR_MS)
    local sanitized = spec.build_dir:find("san$") and SLACK or 1
    assert.is_true((answered - started) * 1000 <= FAST_MS * sanitized,
      ("get_price took %.1f ms"):format((answered - started) * 1000))
    assert.is_true((answered - called) * 1000 <= FAST_MS * SLACK,
      ("open, start and get_price took %.1f ms"):format((answered - called) * 1000))
  end)

  it("gets from the venue what it missed, and goes on live", function()
    local COUNT, AWAY_MS = 60, 3000
    local _, url = simulate { "--timeframes", "1s" }
    local before = fill(url, "1s", COUNT + 1)
    local back_ms = before[-1].time + AWAY_MS
    assert.truthy(spec.wait_for(function() return wall_ms() > back_ms end))

    local engine <close> = start(url, { "1s" }, COUNT + 1)
    local bars
    assert.truthy(live.wait(engine, function()
      bars = engine:get_price("BTCUSDT", { count = COUNT, frequency = "1s" })
      return bars.complete and sources(bars).live
    end))
    assert_contiguous(bars, 1000)
    local counts = sources(bars)
    assert.is_true(counts.store > 0 and counts.backfill >= AWAY_MS // 1000 - 1,
      ("%d from the store, %d asked for"):format(counts.store, counts.backfill or 0))
    for _, bar in ipairs(bars) do -- what was stored is what it was
      if bar.source == "store" then
        local at = (bar.time - before[1].time) // 1000 + 1
        assert.equal(before[at].close, bar.close)
        assert.equal(before[at].volume, bar.volume)
      end
    end
    assert.same({}, engine:gaps())
  end)

  it("says what a store of hours ago lacks until it is there", function()
    local COUNT, HOURS = 400, 5
    local options = { count = COUNT, frequency = "1m" }
    local now = wall_ms()
    local server, url = simulate { "--timeframes", "1m", "--start",
      ("%d"):format(now - HOURS * HOUR_MS) }
    local before = fill(url, "1m", COUNT + 1)
    server:stop()

    local engine <close> = start(url, { "1m" }, COUNT + 1)
    local bars = engine:get_price("BTCUSDT", options)
    assert.same({ false, "stale" }, { bars.complete, bars.reason })
    assert.same({ store = COUNT }, sources(bars)) -- old bars, and it says so
    assert.equal(before[-1].time, bars[-1].time)

    simulate({ "--timeframes", "1m", "--start", ("%d"):format(now) }, url:match(":(%d+)/"))
    assert.truthy(live.wait(engine, function()
      bars = engine:get_price("BTCUSDT", options)
      -- Nothing is complete before it reaches up to now.
      assert.is_true(not bars.complete or bars[-1].time >= now - 2 * 60000)
      return bars.complete
    end))
    assert_contiguous(bars, 60000)
    local counts = sources(bars)
    assert.is_true(counts.store > 0 and counts.store <= COUNT - (HOURS * 60 - 2))
    assert.is_true(counts.backfill >= HOURS * 60 - 2)
    assert.same({}, engine:gaps())
  end)
end)
