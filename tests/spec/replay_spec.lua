-- replay_spec.lua - rows of a file through a server, TLS, the engine and get_price: same numbers.

local certificate = require "certificate"
local live = require "live"
local spec = require "spec"

local CACHE_BARS = 5000
local MADE_ROWS, MADE_HOLE = 600, { 401, 450 } -- where the project's data is not there

local fields = { "open", "high", "low", "close", "volume" }

-- Path of the real file, or of one like it: many minutes with one long hole.
local function recorded()
  local path = spec.shared("data/btcusd_coinbase_1m_2018-04.csv")
  if path then return path end
  local hole = {}
  for i = MADE_HOLE[1], MADE_HOLE[2] do hole[i] = false end
  return live.csv(live.rows(MADE_ROWS, hole))
end

local columns
local function recorded_columns(path)
  columns = columns or live.read_csv(path)
  return columns
end

-- Positions of the rows before which minutes are missing.
local function find_gaps(data)
  local gaps = {}
  for i = 2, data.count do
    if data.open_time[i] - data.open_time[i - 1] ~= live.step_ms then gaps[#gaps + 1] = i end
  end
  return gaps
end

local function check_column(wanted, column, name)
  assert.equal(#wanted, #column)
  for i, value in ipairs(wanted) do
    if column[i] ~= value then
      error(("%s[%d]: %.17g in the file is %.17g"):format(name, i, value, column[i]), 2)
    end
  end
end

-- Every value of every row, and what is said of it.
local function assert_same_rows(data, bars)
  assert.equal(data.count, #bars)
  check_column(data.open_time, bars.time, "time")
  for _, field in ipairs(fields) do check_column(data[field], bars[field], field) end
  for i, bar in ipairs(bars) do
    if bar.time ~= data.open_time[i] or bar.close ~= data.close[i] or not bar.closed
      or bar.closed_by ~= "exchange" or bar.source ~= "live" or bar.revised then
      error(("row %d is %s"):format(i, bar), 2)
    end
  end
end

-- An answer is complete when it is, and says "gap" when it spans one.
local function assert_honest(engine, data)
  local gaps, first, times = find_gaps(data), 1, data.open_time
  local whole = engine:get_price("BTCUSD", { count = data.count })
  assert.equal(#gaps == 0, whole.complete)
  assert.equal(#gaps > 0 and "gap" or nil, whole.reason)
  for i = 1, #gaps + 1 do
    local last = gaps[i] and gaps[i] - 1 or data.count
    local window = engine:get_price("BTCUSD", { start = times[first], finish = times[last] })
    assert.equal(last - first + 1, #window)
    assert.is_true(window.complete, tostring(window))
    assert.is_nil(window.reason)
    if gaps[i] then
      local across = engine:get_price("BTCUSD", { start = times[last], finish = times[last + 1] })
      assert.equal(2, #across)
      assert.is_false(across.complete)
      assert.equal("gap", across.reason)
    end
    first = last + 1
  end
end

-- Runs an engine on `feed` until the last row is there and compares all of them. Nobody is asked
-- whether a row that is not there was quiet.
local function assert_replays(path, feed)
  local data = recorded_columns(path)
  feed.backfill = false
  local engine <close> = live.start { feeds = { live.feed(feed) }, cache = { bars = CACHE_BARS } }
  local bars = live.wait_bar(engine, data.open_time[data.count], data.count)
  spec.uncollected(assert_same_rows, data, bars)
  assert_honest(engine, data)
  local status = engine:status().feeds.demo
  assert.equal("confirmed", status.state)
  assert.same({}, status.rejects)
  assert.equal(0, status.late + status.unsubscribed + status.reconnects)
  assert.is_true(status.candles >= data.count)
end

local function simulate(rows_path, ...)
  return select(2, live.simulate { "--replay", rows_path, "--symbols", "BTCUSD", "--timeframes",
                                   "1m", "--speed", "max", ... })
end

describe("the recorded data", function()
  it("is there", function()
    if not spec.shared("data/btcusd_coinbase_1m_2018-04.csv") then
      pending("no ../shared/data beside the project: bars made here are replayed instead")
    end
    assert.equal(3887, recorded_columns(recorded()).count)
  end)

  it("has a hole to be honest about", function()
    assert.is_true(#find_gaps(recorded_columns(recorded())) > 0)
  end)
end)

describe("moonwick simulate --replay", function()
  for _, protocol in ipairs { "wealthdata", "binance" } do
    it("gives every row over wss, " .. protocol, function()
      local path = recorded()
      local ca = spec.tmpdir() .. "/ca.pem"
      local url = simulate(path, "--protocol", protocol, "--tls", "--tls-ca", ca)
      assert.matches("^wss://", url)
      assert_replays(path, { protocol = protocol, endpoint = url, ca_file = ca })
    end)

    it("gives every row over ws, " .. protocol, function()
      local path = recorded()
      local url = simulate(path, "--protocol", protocol)
      assert.matches("^ws://", url)
      assert_replays(path, { protocol = protocol, endpoint = url })
    end)
  end

  it("gives every row to an engine with the simulator inside", function()
    local path = recorded()
    assert_replays(path, { simulator = { speed = "max", replay = path } })
  end)

  it("has a history that says of a hole that nothing was traded there", function()
    local path = recorded()
    local data = recorded_columns(path)
    local engine <close> = live.start {
      feeds = { live.feed { simulator = { speed = "max", replay = path } } },
      cache = { bars = CACHE_BARS },
    }
    live.wait_bar(engine, data.open_time[data.count], data.count)
    assert(live.wait(engine, function() return #engine:gaps() == 0 end))
    local bars = engine:get_price("BTCUSD", { count = data.count })
    assert.is_true(bars.complete, tostring(bars))
    assert.equal(data.count, #bars)
  end)
end)

describe("a server that is not ours", function()
  local function serve(path, protocol, ...)
    return select(2, live.candle_server({ "--csv", path, "--protocol", protocol, "--fragment",
      "--ping", ... }, protocol == "binance" and "/stream" or "/market_data"))
  end

  for _, protocol in ipairs { "wealthdata", "binance" } do
    it("gives every row in fragments between pings over ws, " .. protocol, function()
      local path = recorded()
      assert_replays(path, { protocol = protocol, endpoint = serve(path, protocol) })
    end)

    it("gives every row in fragments between pings over wss, " .. protocol, function()
      local path = recorded()
      local ca, key = certificate.make()
      local url = serve(path, protocol, "--tls", ca, key)
      assert.matches("^wss://", url)
      assert_replays(path, { protocol = protocol, endpoint = url, ca_file = ca })
    end)
  end
end)
