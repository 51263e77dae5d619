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

describe("the same minutes", function()
  local ROWS <const> = 400 -- the last of them begins a bar of 7m, and of 5m
  local absent = { [56] = false, [57] = false } -- the end of a bar of 7m, and how the next begins
  for i = 22, 28 do absent[i] = false end       -- all of one

  -- What of a bar has to be the same wherever it is from.
  local function values(bar)
    return { bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.closed, bar.proven }
  end

  local function all_values(bars)
    local list = {}
    for i, bar in ipairs(bars) do list[i] = values(bar) end
    return list
  end

  local function window(engine, frequency, finish)
    return engine:get_price("BTCUSD",
      { frequency = frequency, start = live.first_ms, finish = finish })
  end

  -- Plain sums of the rows. The compensated ones differ in the last digit.
  local function plain(rows, minutes, finish)
    local bars = {}
    for _, row in ipairs(rows) do
      local into_day = tonumber(row.open_time) - live.first_ms
      local open_ms = live.first_ms + into_day // (minutes * MINUTE) * minutes * MINUTE
      local bar = bars[#bars]
      if open_ms > finish then break end
      if not bar or bar.time ~= open_ms then
        bar = { time = open_ms, open = tonumber(row.open), high = 0, low = math.huge, volume = 0 }
        bars[#bars + 1] = bar
      end
      bar.high = math.max(bar.high, tonumber(row.high))
      bar.low = math.min(bar.low, tonumber(row.low))
      bar.close, bar.volume = tonumber(row.close), bar.volume + tonumber(row.volume)
    end
    return bars
  end

  -- Delivers bars of both lengths to a strategy, and keeps the minutes.
  local function replay(path, store)
    local told = { ["7m"] = {}, ["5m"] = {} }
    local engine = live.open { history = { store = store }, feeds = { feed {
      name = "demo", symbols = { "BTCUSD" }, timeframes = { "7m", "5m" }, store = true,
      simulator = { speed = 12000, replay = path } } } }
    engine:on("bar", function(bar) table.insert(told[bar.frequency], bar) end)
    assert(engine:start())
    return engine, told
  end

  it("make the same bars live, in the cache, from the store and from a file", function()
    local rows, store = live.rows(ROWS, absent), spec.tmpdir() .. "/minutes.db"
    local path = live.csv(rows)
    local played <close>, told = replay(path, store)
    local finish = { ["7m"] = live.first_ms + 392 * MINUTE, ["5m"] = live.first_ms + 390 * MINUTE }
    assert(live.wait(played, function()
      local waiting = played:status().store.waiting
      for frequency, bars in pairs(told) do
        if #bars == 0 or bars[#bars].time < finish[frequency] then return false end
        if not window(played, frequency, finish[frequency]).complete then return false end
      end
      return waiting == 0
    end, 30))
    collectgarbage("stop") -- comparing is not what is tested, and takes seconds at full tilt
    local file <close> = live.open { history = { files = {
      { symbol = "BTCUSD", frequency = "1m", file = path, whole = true } } } }
    local kept <close> = live.open { history = { store = store } }
    for frequency, bars in pairs(told) do
      local whole = window(file, frequency, finish[frequency])
      local ring = window(played, frequency, finish[frequency])
      assert.is_true(whole.complete and ring.complete)
      assert.same(all_values(whole), all_values(ring))
      assert.same(all_values(whole), all_values(window(kept, frequency, finish[frequency])))
      local at = 1
      while whole[at].time < bars[1].time do at = at + 1 end
      for i, bar in ipairs(bars) do
        if bar.time > finish[frequency] then break end
        assert.same(values(whole[at + i - 1]), values(bar))
      end
      local sums = plain(rows, tonumber(frequency:sub(1, -2)), finish[frequency])
      assert.equal(#sums, #whole)
      for i, sum in ipairs(sums) do
        assert.same({ sum.time, sum.open, sum.high, sum.low, sum.close },
          { whole[i].time, whole[i].open, whole[i].high, whole[i].low, whole[i].close })
        assert.near(sum.volume, whole[i].volume, 1e-14 * sum.volume)
      end
    end
    collectgarbage("restart")
  end)

  it("are all that a replay has, whatever its venue sends", function()
    local path = live.csv(live.rows(ROWS))
    local ok, why = pcall(live.open, { feeds = { feed { timeframes = { "15s" },
      simulator = { speed = 1, replay = path } } } })
    assert.is_false(ok)
    assert.matches("rows.csv does not offer the timeframe 15s, nor one that divides it: " ..
      "there are 1m", tostring(why), 1, true)
  end)
end)

describe("bars made of minutes that were stored", function()
  -- Seconds, of course: a minute is long.
  local function open(url, store)
    return live.open { history = { store = store }, cache = { bars = 120 }, feeds = { {
      name = "demo", protocol = "binance", endpoint = url, symbols = { "BTCUSDT" },
      rest = url:gsub("^ws", "http"):gsub("/stream$", ""), timeframes = { "2s" } } } }
  end

  local function two_seconds(engine, count)
    return engine:get_price("BTCUSDT", { frequency = "2s", count = count })
  end

  it("are there after a restart, and none of them is new", function()
    local store = spec.tmpdir() .. "/seconds.db"
    local _, url = live.simulate { "--protocol", "binance", "--symbols", "BTCUSDT",
      "--timeframes", "1s" }
    do
      local before <close> = open(url, store)
      assert(before:start())
      assert(live.wait(before, function()
        local status = before:status().store
        return two_seconds(before, 50).complete and status.rows > 100 and status.waiting == 0
      end))
    end
    local began_ms = os.time() * 1000
    local engine <close> = open(url, store)
    local told = live.gather(engine, "bar")
    assert(engine:start())
    assert.equal(50, #two_seconds(engine, 50))
    assert(live.wait(engine, function() return #told >= 3 end))
    for i, bar in ipairs(told) do
      assert.equal("2s", bar.frequency)
      assert.is_true(bar.close_time >= began_ms, ("%d is older than %d"):format(bar.time, began_ms))
      assert.is_true(bar.proven)
      if i > 1 then assert.equal(told[i - 1].time + 2000, bar.time) end
      local parts = engine:get_price("BTCUSDT", { frequency = "1s", start = bar.time,
        finish = bar.time + 1000 })
      assert.same({ 2, parts.open[1], parts.close[2], parts.volume[1] + parts.volume[2] },
        { #parts, bar.open, bar.close, bar.volume })
    end
  end)
end)
