-- strategies_spec.lua - the strategies that come with the program: none sees the future, all trade.

local live = require "live"
local moonwick = require "moonwick"
local spec = require "spec"

local SHIPPED = { "sma_cross", "rsi_reversion", "donchian_breakout", "macd_atr" }
local FILE = "data/btcusd_coinbase_1m_2018-04.csv" -- two holes in it
local ROWS, CUTS = 1500, 8

local function run(file, data, params)
  local result, err = moonwick.backtest {
    strategy = file, data = data, symbol = "BTCUSDT", params = params,
  }
  if not result then error(tostring(err), 2) end
  return result
end

-- What a strategy said and did: signals, and trades in the order in which they were closed. A trade
-- that ends with the last bar has the time of one that ends with the opening of the next.
local function told(result, until_ms)
  local lines = {}
  for _, signal in ipairs(result.signals) do
    if signal.time <= until_ms then
      lines[#lines + 1] = ("%d signal %s"):format(signal.time, signal.text)
    end
  end
  for _, trade in ipairs(result.trades) do
    if trade.exit_time < until_ms then
      lines[#lines + 1] = ("%d %.17g at %.17g, %d %.17g: %.17g"):format(trade.entry_time,
        trade.amount, trade.entry, trade.exit_time, trade.exit, trade.profit)
    end
  end
  return table.concat(lines, "\n")
end

-- Whether the script says of the first bars what it says of all of them, wherever they end.
local function assert_blind(file, path, first, params)
  local whole = run(file, path, params and params(path))
  for i = 1, CUTS do
    local count = whole.bars * i // (CUTS + 1) + 7 * i -- not at the same place of a day
    local data = first(count)
    local cut = run(file, data, params and params(data))
    assert.equal(count, cut.bars)
    assert.equal(told(whole, cut.to), told(cut, cut.to))
  end
  return whole
end

-- How many signals were to sell.
local function count_sales(result)
  local count = 0
  for _, signal in ipairs(result.signals) do
    if signal.text:find("^sell ") then count = count + 1 end
  end
  return count
end

describe("the strategies that are shipped", function()
  it("trade live, and nothing of it fails", function()
    -- So that they do it within few bars.
    local params = {
      rsi_reversion = { n = 5, low = 40, high = 50 },
      donchian_breakout = { enter = 5, leave = 3 },
      macd_atr = { fast = 3, slow = 6, signal = 3, atr = 5 },
    }
    local strategies = {}
    for i, name in ipairs(SHIPPED) do
      strategies[i] = { file = ("%s/strategies/%s.lua"):format(spec.source_dir, name),
                        params = params[name] }
    end
    local simulator = { speed = "max", seed = 7, start = "2024-01-05" }
    local engine <close> = live.start {
      feeds = { live.feed { simulator = simulator, symbols = { "BTCUSDT" } } },
      strategies = strategies,
    }
    assert.is_true(live.wait(engine, function()
      for _, name in ipairs(SHIPPED) do
        if engine:status().strategies[name].account.trades < 2 then return false end
      end
      return true
    end, 60))
    engine:stop()
    for _, name in ipairs(SHIPPED) do
      local status = engine:status().strategies[name]
      assert.equal(0, status.errors, name)
      assert.equal(0, status.account.rejected, name)
    end
  end)
end)

describe("every strategy that is shipped", function()
  local shared = spec.shared(FILE)
  if not shared then
    pending("no shared data")
    return
  end
  local rows = {}
  for line in io.lines(shared) do
    if #rows > ROWS then break end
    rows[#rows + 1] = line .. "\n"
  end

  -- A file of the header and so many rows.
  local function first(count)
    return spec.file("first.csv", table.concat(rows, "", 1, count + 1))
  end

  for _, name in ipairs(SHIPPED) do
    it("sees no future: " .. name, function()
      local file = ("%s/strategies/%s.lua"):format(spec.source_dir, name)
      local whole = assert_blind(file, first(ROWS), first)
      assert.is_true(#whole.signals > 10 and #whole.trades > 5, "it hardly did anything")
      -- Who follows the signals is out when the account is, also when that was a stop.
      assert.equal(#whole.trades, count_sales(whole))
      assert.equal(0, whole.orders.rejected)
    end)
  end

  it("would be found out if it did", function()
    local script = spec.file("peeks.lua", [[
      local closes, at = {}, 0
      local S = { params = { symbol = "BTCUSDT", frequency = "1m", file = "" } }
      function S.init(context)
        for line in io.lines(context.params.file) do
          closes[#closes + 1] = tonumber(line:match "^%d+,[^,]+,[^,]+,[^,]+,([^,]+)")
        end
      end
      function S.handle_bar(context)
        at = at + 1
        context:signal(tostring(closes[at + 1]))
      end
      return S]])
    assert.has_error(function()
      assert_blind(script, first(ROWS), first, function(file) return { file = file } end)
    end)
    local blind = spec.file("blind.lua", (spec.read(script):gsub("at %+ 1%]", "at]")))
    assert_blind(blind, first(ROWS), first, function(file) return { file = file } end)
  end)
end)
