-- price_spec.lua - get_price: each option, good and bad, and what an answer says of itself.

local live = require "live"
local spec = require "spec"

local ROWS, RING = 50, 40
local rows = live.rows(ROWS)

-- What a call raises; the call must raise.
local function raised(call, ...)
  local ok, message = pcall(call, ...)
  assert.is_false(ok)
  return message
end

local function time_of(row)
  return tonumber(rows[row].open_time)
end

local function iso_of(row)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", time_of(row) // 1000)
end

describe("get_price", function()
  local engine

  before_each(function()
    engine = live.start {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(rows) } } },
      cache = { bars = RING },
    }
    live.wait_bar(engine, time_of(ROWS))
    live.wait_state(engine, "confirmed")
  end)

  after_each(function() engine:close() end)

  local function message(options)
    return raised(engine.get_price, engine, "BTCUSD", options)
  end

  -- The rows from `first` to `last`, as get_price has to answer.
  local function assert_rows(first, last, options)
    local bars = engine:get_price("BTCUSD", options)
    assert.equal(last - first + 1, #bars)
    for i, bar in ipairs(bars) do
      assert.same({ time_of(first + i - 1), tonumber(rows[first + i - 1].close) },
        { bar.time, bar.close })
    end
    return bars
  end

  it("without options gives all there are", function()
    local bars = assert_rows(ROWS - RING + 1, ROWS)
    assert.is_true(bars.complete)
    assert.is_nil(bars.reason)
    assert.same({ "BTCUSD", "1m", "demo" }, { bars.symbol, bars.frequency, bars.feed })
  end)

  it("counts from the newest", function()
    assert.is_true(assert_rows(ROWS, ROWS, { count = 1 }).complete)
    assert.is_true(assert_rows(ROWS - 9, ROWS, { count = 10 }).complete)
    assert.is_true(assert_rows(ROWS - RING + 1, ROWS, { count = RING }).complete)
    assert.is_true(assert_rows(20, 24, { count = 5, finish = time_of(24) }).complete)
  end)

  it("says that the ring is short of what was asked for", function()
    local bars = assert_rows(ROWS - RING + 1, ROWS, { count = RING + 1 })
    assert.same({ false, "short" }, { bars.complete, bars.reason })
    bars = assert_rows(ROWS - RING + 1, ROWS, { start = time_of(1) })
    assert.same({ false, "short" }, { bars.complete, bars.reason })
    bars = assert_rows(11, 12, { count = 5, finish = time_of(12) })
    assert.same({ false, "short" }, { bars.complete, bars.reason })
  end)

  it("takes windows, both ends included, as milliseconds and as text", function()
    for _, window in ipairs { { start = time_of(20), finish = time_of(29) },
                              { start = iso_of(20), finish = iso_of(29) },
                              { start = time_of(20) - 1, finish = time_of(29) + 59999 },
                              { start = time_of(20) + 0.0, finish = iso_of(29) } } do
      assert.is_true(assert_rows(20, 29, window).complete)
    end
    assert.is_true(assert_rows(ROWS - 4, ROWS, { start = iso_of(ROWS - 4) }).complete)
    assert_rows(ROWS - RING + 1, 12, { finish = time_of(12) })
  end)

  it("answers windows without bars with an empty frame that is not complete", function()
    for _, window in ipairs { { start = time_of(ROWS) + 60000 }, { finish = time_of(1) - 60000 },
                              { start = time_of(29), finish = time_of(20) } } do
      local bars = engine:get_price("BTCUSD", window)
      assert.equal(0, #bars)
      assert.is_false(bars.complete)
    end
  end)

  it("gives the fields that were asked for", function()
    local bars = engine:get_price("BTCUSD", { count = 3, fields = { "close", "volume" } })
    assert.equal(tonumber(rows[ROWS].close), bars.close[-1])
    assert.equal(3, #bars.volume)
    assert.matches('the column "open" is not among the fields that were asked for',
      raised(function() return bars.open end), 1, true)
  end)

  it("names a bad option, with its value", function()
    for text, options in pairs {
      ["count: want a whole number from 1 to 1048576, got 0"] = { count = 0 },
      ["count: want a whole number from 1 to 1048576, got -5"] = { count = -5 },
      ["count: want a whole number from 1 to 1048576, got 1.5"] = { count = 1.5 },
      ["count: want a whole number from 1 to 1048576, got 5"] = { count = "5" },
      ["count: want a whole number from 1 to 1048576, got 1048577"] = { count = 1048577 },
      ["frequency: want text like \"1m\", got 5"] = { frequency = 5 },
      ["frequency: timeframe '17q': want a whole count"] = { frequency = "17q" },
      ["frequency: timeframe ''"] = { frequency = "" },
      ["forming: want true or false, got 1"] = { forming = 1 },
      ["start: want milliseconds or an ISO 8601 time in UTC, got yesterday"] =
        { start = "yesterday" },
      ["start: want milliseconds or an ISO 8601 time in UTC, got 0.5"] = { start = 0.5 },
      ["start: want milliseconds or an ISO 8601 time in UTC, got 2018-13-01"] =
        { start = "2018-13-01" },
      ["finish: want milliseconds or an ISO 8601 time in UTC, got true"] = { finish = true },
      ["fields: want a list of column names"] = { fields = "close" },
      ["fields: want a list of column names, got table"] = { fields = {} },
      ["fields: want time open high low close volume turnover or trades, got closes"] =
        { fields = { "closes" } },
      ["fields: want time open high low close volume turnover or trades, got 5"] =
        { fields = { "close", 5 } },
      ["no such option 'cuont', did you mean count?"] = { cuont = 5 },
      ["no such option 'frequenzy', did you mean frequency?"] = { frequenzy = "1m" },
      ["no such option 'whatever'"] = { whatever = 5 },
      ["want named options, got a number"] = { 5 },
      ["want count or start, not both"] = { count = 5, start = 0 },
    } do
      assert.matches("get_price: " .. text, message(options), 1, true)
    end
  end)

  it("says that it knows no such series", function()
    for _, symbol in ipairs { "NOSUCH", "demo:NOSUCH", "other:BTCUSD", ("x"):rep(90) } do
      local bars = engine:get_price(symbol)
      assert.same({ 0, false, "unsubscribed" }, { #bars, bars.complete, bars.reason })
    end
    local bars = engine:get_price("BTCUSD", { frequency = "30s" }) -- there is nothing finer
    assert.same({ 0, false, "unsubscribed", "30s" },
      { #bars, bars.complete, bars.reason, bars.frequency })
    assert.equal(5, #engine:get_price("demo:BTCUSD", { count = 5 }))
  end)

  it("makes a frequency that nobody subscribed of a finer one", function()
    local bars = engine:get_price("BTCUSD", { frequency = "5m", forming = true })
    assert.same({ 8, true, "5m" }, { #bars, bars.complete, bars.frequency })
    for i, bar in ipairs(bars) do
      local first = ROWS - RING + 1 + (i - 1) * 5
      local volume = 0
      for row = first, first + 4 do volume = volume + tonumber(rows[row].volume) end
      assert.same({ time_of(first), tonumber(rows[first].open), tonumber(rows[first + 4].close) },
        { bar.time, bar.open, bar.close })
      assert.near(volume, bar.volume, 1e-12)
    end
    assert.equal("1m", engine:status().series[2].from)
    assert.equal(1, engine:status().feeds.demo.subscriptions)
  end)

  it("says that an answer is stale once the feed is gone", function()
    assert.is_true(engine:get_price("BTCUSD", { count = 5 }).complete)
    engine:stop()
    local bars = engine:get_price("BTCUSD", { count = 5 })
    assert.same({ 5, false, "stale" }, { #bars, bars.complete, bars.reason })
  end)

  it("gives frames that nothing changes any more", function()
    local bars = engine:get_price("BTCUSD", { count = 5 })
    local before = tostring(bars)
    assert.matches("a frame is read-only", raised(function() bars.close = 1 end), 1, true)
    assert.matches("a column is read-only", raised(function() bars.close[1] = 1 end), 1, true)
    assert.matches("a bar is read-only", raised(function() bars[1].close = 1 end), 1, true)
    engine:close()
    assert.equal(before, tostring(bars))
  end)
end)

describe("a series", function()
  it("is warming before its first bar, and until there are enough", function()
    local engine <close> = live.open { feeds = {
      live.feed { simulator = { speed = "max", replay = live.csv(live.rows(3)) } } } }
    local bars = engine:get_price("BTCUSD", { count = 5 })
    assert.same({ 0, false, "warming", "BTCUSD", "demo" },
      { #bars, bars.complete, bars.reason, bars.symbol, bars.feed })
    assert(engine:start())
    bars = live.wait_bar(engine, time_of(3), 5)
    assert.same({ 3, false, "warming" }, { #bars, bars.complete, bars.reason })
  end)

  it("has a gap where minutes are missing", function()
    local engine <close> = live.start { feeds = { live.feed { backfill = false, simulator = {
      speed = "max", replay = live.csv(live.rows(20, { [11] = false })) } } } }
    live.wait_bar(engine, live.first_ms + 19 * live.step_ms)
    live.wait_state(engine, "confirmed")
    local function answer(options)
      local bars = engine:get_price("BTCUSD", options)
      return { #bars, bars.complete, bars.reason }
    end
    assert.same({ 9, true }, answer { count = 9 })
    assert.same({ 10, false, "gap" }, answer { count = 10 })
    assert.same({ 10, true }, answer { start = live.first_ms, finish = time_of(10) })
    assert.same({ 11, false, "gap" }, answer { start = live.first_ms, finish = time_of(12) })
    local missing = live.first_ms + 10 * live.step_ms
    local gaps = engine:gaps()
    assert.equal(1, #gaps)
    gaps[1].given_up = nil -- whether anybody asks for it is not the matter here
    assert.same({ { feed = "demo", symbol = "BTCUSD", frequency = "1m", from = missing,
                    to = missing, buckets = 1 } }, gaps)
    assert.equal(1, engine:status().feeds.demo.gaps)
  end)

  it("without gaps has none to list", function()
    local engine <close> = live.start { feeds = { live.feed { simulator = {
      speed = "max", replay = live.csv(live.rows(5)) } } } }
    live.wait_bar(engine, time_of(5))
    assert.same({}, engine:gaps())
    assert.equal(0, engine:status().feeds.demo.gaps)
  end)

  it("tells a host of a gap before the bar behind it", function()
    local engine <close> = live.open { feeds = { live.feed {
      gap_wait = 0, backfill = false, -- else history may prove that there was nothing, before
      simulator = {
        speed = "max", replay = live.csv(live.rows(20, { [11] = false, [12] = false })) } } } }
    local told = {}
    engine:on("gap", function(event) told[#told + 1] = event end)
    engine:on("bar", function(bar) told[#told + 1] = bar.time end)
    assert(engine:start())
    assert(live.wait(engine, function() return #told == 19 end))
    local gap = told[11]
    assert.same({ "gap", "demo", "BTCUSD", "1m", 2 },
      { gap.kind, gap.feed, gap.symbol, gap.frequency, gap.count })
    assert.same({ time_of(11), time_of(12) }, { gap.from, gap.to })
    assert.same({ time_of(10), time_of(13) }, { told[10], told[12] })
  end)

  it("shows the forming bar when it is asked to", function()
    local engine <close> = live.start { feeds = { live.feed { simulator = { speed = 600 } } } }
    assert(live.wait(engine, function()
      local bars = engine:get_price("BTCUSD", { forming = true })
      return #bars >= 2 and not bars[-1].closed
    end))
    assert(spec.wait_for(function()
      local with = engine:get_price("BTCUSD", { forming = true })
      local without = engine:get_price("BTCUSD")
      if with[-1].closed or with[-2].time ~= without[-1].time then return false end -- in between
      assert.is_true(without[-1].closed)
      assert.is_nil(with[-1].closed_by)
      assert.matches("forming", tostring(with), 1, true)
      return true
    end, 10))
  end)

  it("of two feeds is told apart by the feed's name", function()
    local engine <close> = live.start { feeds = {
      live.feed { name = "one", simulator = { speed = "max", replay = live.csv(live.rows(5)) } },
      live.feed { name = "two", simulator = { speed = "max", replay = live.csv(live.rows(7)) } },
    } }
    live.wait_bar(engine, time_of(5), nil, "one:BTCUSD")
    live.wait_bar(engine, time_of(7), nil, "two:BTCUSD")
    assert.matches('get_price: several feeds have BTCUSD: name one, as in "',
      raised(engine.get_price, engine, "BTCUSD"), 1, true)
    for feed, count in pairs { one = 5, two = 7 } do
      local bars = engine:get_price(feed .. ":BTCUSD")
      assert.same({ count, feed }, { #bars, bars.feed })
    end
  end)

  it("that was unsubscribed is not passed off as complete", function()
    local engine <close> = live.start { feeds = {
      live.feed { symbols = { "BTCUSD", "ETHUSD" }, simulator = { speed = 6000 } } } }
    local function is_complete() return engine:get_price("BTCUSD", { count = 2 }).complete end
    assert(live.wait(engine, is_complete))
    assert.is_true(engine:unsubscribe "BTCUSD")
    local bars = engine:get_price("BTCUSD", { count = 2 })
    assert.same({ 2, false, "unsubscribed" }, { #bars, bars.complete, bars.reason })
    assert.is_true(engine:subscribe "BTCUSD")
    assert(live.wait(engine, is_complete))
  end)
end)
