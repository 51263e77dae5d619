-- timeframe_spec.lua - bars of a length that the venue does not send, and of one that it does.

local live = require "live"
local spec = require "spec"

local MINUTE = 60000

local function feed(changes)
  local whole = { name = "demo", protocol = "binance", endpoint = "simulator",
                  symbols = { "BTCUSDT" }, timeframes = { "1m" },
                  simulator = { speed = 6000, seed = 7, start = "2024-02-28T22:00:00Z" } }
  for key, value in pairs(changes) do whole[key] = value end
  return whole
end

describe("a timeframe that the venue does not send", function()
  -- Collects bars of 7m until there are `wanted`; the last of a day is shorter.
  local function check_sevens(engine, wanted)
    local bars, day = {}, 24 * 60 * MINUTE
    engine:on("bar", function(bar)
      assert.is_not.equal("1m", bar.frequency) -- nobody asked for it
      if bar.frequency == "7m" then bars[#bars + 1] = bar end
    end)
    assert(engine:start())
    assert(live.wait(engine, function() return #bars >= wanted end, 60))
    for i, bar in ipairs(bars) do
      local before = bars[i - 1]
      assert.equal("resampled", bar.source)
      assert.is_true(bar.closed)
      if before then
        local next_ms = math.min(before.time + 7 * MINUTE, (before.time // day + 1) * day)
        assert.equal(next_ms, bar.time)
      end
      if i > 1 then assert.is_true(bar.proven) end -- the first began before anybody looked
    end
  end

  it("goes on over a disconnect, with what back-fill brings", function()
    local faults = spec.file("faults.lua",
      [[return { { kind = "reset", after = 150, times = 3 } }]])
    local engine <close> = live.open {
      reconnect = { base = 0.01, attempts = 1000 },
      feeds = { feed { timeframes = { "7m" }, simulator = {
        speed = 3000, seed = 7, start = "2024-02-28T22:00:00Z", faults = faults } } } }
    check_sevens(engine, 25)
    assert.is_true(engine:status().feeds.demo.reconnects > 0)
  end)

  it("is made of the coarsest that divides it, each bar in order", function()
    local engine <close> = live.open { feeds = { feed { timeframes = { "7m", "90m" } } } }
    check_sevens(engine, 25)
    local from = {}
    for _, series in ipairs(engine:status().series) do
      from[series.frequency] = series.from or "venue"
    end
    assert.same({ ["1m"] = "venue", ["7m"] = "1m", ["30m"] = "venue", ["90m"] = "30m" }, from)
  end)

  it("is subscribed on behalf of what is made of it", function()
    local engine <close> = live.open { feeds = { feed {} } }
    assert.is_true(engine:subscribe("BTCUSDT", "7m"))
    assert.is_true(engine:unsubscribe("BTCUSDT", "7m"))
    local ok, why = engine:unsubscribe("BTCUSDT", "7m")
    assert.is_nil(ok)
    assert.equal("feed demo: BTCUSDT 7m is not subscribed", why.message)
    assert.equal(1, engine:status().feeds.demo.subscriptions)
    assert.is_true(engine:subscribe("BTCUSDT", "90m"))
    assert.equal(2, engine:status().feeds.demo.subscriptions)
    assert.is_true(engine:unsubscribe("BTCUSDT", "90m"))
    assert.equal(1, engine:status().feeds.demo.subscriptions)
    assert.is_true(engine:subscribe("BTCUSDT", "3m"))
    assert.is_true(engine:subscribe("BTCUSDT", "6m"))
    assert.is_true(engine:unsubscribe("BTCUSDT", "3m")) -- 6m needs it
    assert.equal(2, engine:status().feeds.demo.subscriptions)
    assert.is_true(engine:unsubscribe("BTCUSDT", "6m"))
    assert.equal(1, engine:status().feeds.demo.subscriptions)
  end)
end)

describe("five minutes made of minutes", function()
  it("are the venue's own", function()
    local engine <close> = live.start { feeds = {
      feed { name = "sent", timeframes = { "5m" } },
      feed { name = "made", timeframes = { "1m" } } } }
    local count, common = 15, 0
    assert(live.wait(engine, function()
      local made = engine:get_price("made:BTCUSDT", { frequency = "5m" })
      return #made > count and #engine:get_price("sent:BTCUSDT", { frequency = "5m" }) > count
    end, 60))
    local by_time = {}
    for _, bar in ipairs(engine:get_price("sent:BTCUSDT", { frequency = "5m" })) do
      by_time[bar.time] = bar
    end
    for _, bar in ipairs(engine:get_price("made:BTCUSDT", { frequency = "5m" })) do
      local sent = by_time[bar.time]
      if sent and bar.proven and bar.closed and sent.proven and sent.closed then
        common = common + 1
        assert.same({ sent.open, sent.high, sent.low, sent.close, sent.trades },
          { bar.open, bar.high, bar.low, bar.close, bar.trades })
        assert.near(sent.volume, bar.volume, 1e-15 * sent.volume)
      end
    end
    assert.is_true(common >= count - 5, common)
  end)
end)
