-- history_spec.lua - get_price and context:history over files of candles and a store, and time.

local live = require "live"

local MINUTE <const> = 60000
local BEGIN <const> = 1577836800000 -- 2020-01-01

-- A file of minutes, all but those in `absent`.
local function write_minutes(count, absent)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write "open_time,open,high,low,close,volume\n"
  for minute = 0, count - 1 do
    if not (absent and absent[minute]) then
      local price = 100 + minute % 60
      file:write(("%d,%d,%d,%d,%g,1\n"):format(BEGIN + minute * MINUTE, price, price + 2,
        price - 2, price + 0.5))
    end
  end
  file:close()
  return path
end

local function open(files, more)
  local config = { history = { files = files }, log = { level = "error" } }
  for key, value in pairs(more or {}) do config[key] = value end
  local moonwick = require "moonwick"
  return moonwick.open(config)
end

describe("files of candles", function()
  local path, engine

  after_each(function()
    if engine then engine:close() end
    if path then os.remove(path) end
    engine, path = nil, nil
  end)

  it("are answered from where no feed has the symbol", function()
    path = write_minutes(2880)
    engine = assert(open { { symbol = "BTCUSD", frequency = "1m", file = path, whole = true } })
    local bars = engine:get_price("BTCUSD", { start = BEGIN, finish = BEGIN + 59 * MINUTE })
    assert.same({ 60, true }, { #bars, bars.complete })
    assert.equal("context", bars[1].source)
    assert.equal(100.5, bars.close[1])
    bars = engine:get_price("BTCUSD", { count = 5 })
    assert.same({ 5, "unsubscribed" }, { #bars, bars.reason })
    assert.equal(BEGIN + 2879 * MINUTE, bars.time[-1])
    bars = engine:get_price("any:BTCUSD", { count = 2880, finish = BEGIN + 2879 * MINUTE })
    assert.is_true(bars.complete)
  end)

  it("make bars of any length that they divide", function()
    path = write_minutes(2880)
    engine = assert(open { { symbol = "BTCUSD", file = path } })
    local days = engine:get_price("BTCUSD", { frequency = "1d", start = "2020-01-01",
      finish = "2020-01-02" })
    assert.same({ 2, true, "resampled" }, { #days, days.complete, days[1].source })
    assert.same({ 100, 161, 98, 159.5, 1440 }, { days.open[1], days.high[1], days.low[1],
      days.close[1], days.volume[1] })
    local sevens = engine:get_price("BTCUSD", { frequency = "7m", start = BEGIN + 1435 * MINUTE,
      finish = BEGIN + 1446 * MINUTE })
    assert.same({ 2, true }, { #sevens, sevens.complete })
    assert.same({ 5, 7 }, { sevens.volume[1], sevens.volume[2] }) -- the day's last one is shorter
  end)

  it("have a hole wherever a bar is absent, unless they are whole", function()
    path = write_minutes(100, { [50] = true })
    local window = { start = BEGIN, finish = BEGIN + 99 * MINUTE }
    for _, whole in ipairs { false, true } do
      engine = assert(open { { symbol = "BTCUSD", feed = "demo", file = path, whole = whole } })
      local bars = engine:get_price("BTCUSD", window)
      assert.same({ 99, whole }, { #bars, bars.complete })
      assert.equal(not whole and "gap" or nil, bars.reason)
      assert.equal("demo", bars.feed)
      engine:close()
    end
  end)

  it("are refused with what is wrong", function()
    local function refusal(files)
      local got, err = open(files)
      assert.is_nil(got)
      return tostring(err)
    end
    assert.matches("history.files[1].symbol", refusal { { symbol = 5, file = "x" } }, 1, true)
    assert.matches("want a symbol", refusal { { file = "x" } }, 1, true)
    assert.matches("want a file", refusal { { symbol = "x" } }, 1, true)
    assert.matches("did you mean file?", refusal { { symbol = "x", flie = "x" } }, 1, true)
    assert.matches("want a timeframe", refusal { { symbol = "x", file = "x", frequency = "x" } },
      1, true)
    assert.matches("history.files[1]: ", refusal { { symbol = "x", file = "/no/such" } }, 1, true)
    path = write_minutes(3)
    assert.matches("candle 2 is none: off_grid",
      refusal { { symbol = "x", frequency = "5m", file = path } }, 1, true)
    assert.matches("has candles already",
      refusal { { symbol = "x", file = path }, { symbol = "x", file = path } }, 1, true)
  end)
end)

describe("a strategy", function()
  local ROWS <const>, RING <const> = 60, 10
  local rows = live.rows(ROWS)
  local first_ms = tonumber(rows[1].open_time)

  -- Runs a strategy over the rows, with a file of the minutes before them, and returns the texts
  -- that it signalled.
  local function run(source, files)
    local texts = {}
    local engine = live.start {
      feeds = { live.feed { simulator = { speed = "max", replay = live.csv(rows) } } },
      cache = { bars = RING },
      history = { files = files },
      strategies = { live.strategy("asker", source) },
    }
    engine:on("signal", function(event) texts[#texts + 1] = event.text end)
    engine:on("error", function(event) texts[#texts + 1] = tostring(event.error) end)
    live.wait(engine, function() return #texts > 0 and texts[#texts]:match "done" end)
    engine:close()
    return texts
  end

  it("sees nothing that closes after the bar at hand, wherever it is from", function()
    -- The file has the minutes of the feed too, and more: all of that is the future.
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "open_time,open,high,low,close,volume\n"
    for minute = -300, 300 do
      file:write(("%d,1,1,1,1,1\n"):format(first_ms + minute * MINUTE))
    end
    file:close()
    local texts = run(([[
      local asked, seen = 0, 0
      function handle_bar(context, bar)
        local now = context.now
        for _ = 1, 20 do
          local symbol = math.random(2) == 1 and bar.symbol or "OTHER"
          local minutes = ({ 1, 5, 7, 60 })[math.random(4)]
          local options = { frequency = minutes .. "m", forming = math.random(4) == 1 }
          if math.random(2) == 1 then
            options.count = math.random(200)
          else
            options.start = now + math.random(-300, 50) * 60000
          end
          if math.random(2) == 1 then
            options.finish = now + math.random(-100, 100) * 60000
          end
          local bars = get_price(symbol, options)
          asked, seen = asked + 1, seen + #bars
          for _, one in ipairs(bars) do
            if one.closed and one.close_time >= now or one.time > now then
              error(("%%s %%d is the future at %%d"):format(symbol, one.time, now))
            end
          end
        end
        local same = context:history(bar.symbol, 30, "1m")
        local twin = get_price(bar.symbol, { count = 30 })
        assert(#same == #twin and same.complete == twin.complete and same.time[1] == twin.time[1])
        if bar.time == %d then
          assert(asked > 100 and seen > 1000)
          context:signal "done"
        end
      end
    ]]):format(tonumber(rows[ROWS - 1].open_time)), {
      { symbol = "BTCUSD", file = path, whole = true },
      { symbol = "OTHER", file = path, whole = true },
    })
    os.remove(path)
    assert.equal(1, #texts)
    assert.matches("done", texts[1], 1, true)
  end)

  it("names what is wrong with an argument of history", function()
    local texts = run([[
      function handle_bar(context, bar)
        local function try(...)
          local _, message = pcall(context.history, context, ...)
          return message
        end
        context:signal(table.concat({ try(5, 5), try("X", 0), try("X", "5"), try("X", 5, 5),
          try("X", 5, "5x"), "done" }, "|"))
      end
    ]])
    for _, text in ipairs { "string expected, got number", "count: want a whole number",
      "frequency: want text like", "frequency: " } do
      assert.matches(text, texts[1], 1, true)
    end
  end)
end)
