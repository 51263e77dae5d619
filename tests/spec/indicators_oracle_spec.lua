-- indicators_oracle_spec.lua - indicators against values that others have published.
--
-- The values lie beside the project, not in it: without them the tests are pending.

local candles = require "candles"
local indicators = require "moonwick.indicators"
local spec = require "spec"

local FOLDER = "data/oracle/"
local TOLERANCE = 1e-9 -- relative

-- Whether the extreme of the last `n` values up to row `i` is there more than once.
local function is_tied(column, i, n)
  local values = column:slice(math.max(1, i - n + 1), i)
  local extreme, count = values:max(), 0
  for _, value in ipairs(values) do count = count + (value == extreme and 1 or 0) end
  return count > 1
end

-- What each indicator is asked for, and what its outputs are called in the file of expected values.
-- Where a convention differs, `why` says so and one of these says what is compared all the same:
--     from     the first row that is compared, counted from 1
--     later    the expected values come so many rows later
--     except   a function of the frame and a row, true of rows that are not compared
local SKENDER = {
  { "adl", file = "adl", is = { adl = "adl" } },
  { "adx", { 14 }, file = "adx", is = { plus = "pdi", minus = "mdi", adx = "adx" } },
  { "aroon", { 25 }, file = "aroon",
    is = { up = "aroonUp", down = "aroonDown", oscillator = "oscillator" },
    except = function(bars, i) return is_tied(bars.high, i, 26) or is_tied(-bars.low, i, 26) end,
    why = "of equal extremes Skender takes the oldest" },
  { "atr", { 14 }, file = "atr", is = { atr = "atr" } },
  { "bbands", { 20, 2 }, file = "bb",
    is = { middle = "sma", upper = "upperBand", lower = "lowerBand", percent_b = "percentB",
           width = "width" } },
  { "cci", { 20 }, file = "cci", is = { cci = "cci" } },
  { "cmf", { 20 }, file = "cmf", is = { cmf = "cmf" } },
  { "dema", { 14 }, file = "dema", is = { dema = "dema" } },
  { "donchian", { 20 }, file = "donchian",
    is = { upper = "upperBand", middle = "centerline", lower = "lowerBand" },
    later = 1, why = "Skender leaves the current bar out of its channel" },
  { "ema", { 20 }, file = "ema", is = { ema = "ema" } },
  { "hma", { 14 }, file = "hma", is = { hma = "hma" } },
  { "ichimoku", { 9, 26, 52 }, file = "ichimoku",
    is = { conversion = "tenkanSen", base = "kijunSen", span_a = "senkouSpanA",
           span_b = "senkouSpanB" } },
  { "kama", { 10, 2, 30 }, file = "kama", is = { kama = "kama" } },
  { "keltner", { 20, 2, 10 }, file = "keltner",
    is = { upper = "upperBand", middle = "centerline", lower = "lowerBand" } },
  { "macd", { 12, 26, 9 }, file = "macd",
    is = { macd = "macd", signal = "signal", histogram = "histogram" } },
  { "mfi", { 14 }, file = "mfi", is = { mfi = "mfi" } },
  { "mom", { 14 }, file = "roc", is = { mom = "momentum" } },
  { "obv", file = "obv", is = { obv = "obv" } },
  { "psar", { 0.02, 0.2 }, file = "psar", is = { psar = "sar" },
    from = 15, except = function(_, i) return i == 251 end,
    why = "Skender shows nothing before the first turn, and where a turn's own row has the " ..
      "extreme leaves that out" },
  { "rma", { 20 }, file = "smma", is = { rma = "smma" } },
  { "roc", { 14 }, file = "roc", is = { roc = "roc" } },
  { "rsi", { 14 }, file = "rsi", is = { rsi = "rsi" } },
  { "sma", { 20 }, file = "sma", is = { sma = "sma" } },
  { "stddev", { 14 }, file = "stdev", is = { stddev = "stdDev" } },
  { "stoch", { 14, 3, 3 }, file = "stoch", is = { k = "oscillator", d = "signal" } },
  { "stochrsi", { 14, 14, 1, 3 }, file = "stoch-rsi", is = { k = "stochRsi", d = "signal" } },
  { "supertrend", { 10, 3 }, file = "supertrend", is = { value = "superTrend" } },
  { "tema", { 20 }, file = "tema", is = { tema = "tema" } },
  { "tr", file = "tr", is = { tr = "tr" } },
  { "vwap", file = "vwap", is = { vwap = "vwap" } },
  { "willr", { 14 }, file = "willr", is = { willr = "williamsR" } },
  { "wma", { 14 }, file = "wma", is = { wma = "wma" } },
}

-- Last values on eth_jesse_candles19.csv, rounded to so many digits: test, expression, indicator,
-- parameters, output.
local JESSE = {
  { "test_ad", "single", "adl" },
  { "test_aroon", "aroon.down", "aroon", { 14 }, "down" },
  { "test_aroon", "aroon.up", "aroon", { 14 }, "up" },
  { "test_cci", "single", "cci", { 14 } },
  { "test_di", "single.plus", "adx", { 14 }, "plus" },
  { "test_di", "single.minus", "adx", { 14 }, "minus" },
  { "test_donchian", "single.upperband", "donchian", { 20 }, "upper" },
  { "test_donchian", "single.middleband", "donchian", { 20 }, "middle" },
  { "test_donchian", "single.lowerband", "donchian", { 20 }, "lower" },
  { "test_macd", "single.macd", "macd", { 12, 26, 9 }, "macd" },
  { "test_macd", "single.signal", "macd", { 12, 26, 9 }, "signal" },
  { "test_macd", "single.hist", "macd", { 12, 26, 9 }, "histogram" },
  { "test_mfi", "single", "mfi", { 9 } },
  { "test_mom", "single", "mom", { 9 } },
  { "test_roc", "single", "roc", { 14 } },
  { "test_sar", "single", "psar", { 0.02, 0.2 } },
  { "test_supertrend", "single.trend", "supertrend", { 10, 3 }, "value" },
  { "test_trange", "single", "tr" },
  { "test_willr", "single", "willr", { 9 } },
  { "test_wma", "single", "wma", { 9 } },
}

local described = {}
for _, entry in ipairs(indicators.list()) do described[entry.name] = entry end

-- The outputs of `name` on a frame, by name.
local function outputs_of(bars, name, params)
  local results = table.pack(bars[name](bars, table.unpack(params or {})))
  local by_name = {}
  assert.equal(#described[name].outputs, results.n)
  for i, output in ipairs(described[name].outputs) do by_name[output] = results[i] end
  return by_name
end

local function is_near(got, wanted)
  if got ~= got or wanted ~= wanted then return got ~= got and wanted ~= wanted end
  return got == wanted or math.abs(got - wanted) <= TOLERANCE * math.abs(wanted)
end

local function assert_near(case, bars, output, got, expected)
  local later, compared = case.later or 0, 0
  assert.equal(#expected, #got)
  for i = (case.from or 1) + later, #expected do
    if not (case.except and case.except(bars, i)) then
      local mine, wanted = got[i - later], expected[i]
      compared = compared + (wanted == wanted and 1 or 0)
      if not is_near(mine, wanted) then
        error(("%s of %s in row %d: got %.17g, want %.17g"):format(output, case[1], i, mine,
          wanted))
      end
    end
  end
  assert(compared > 300, ("only %d values of %s were compared"):format(compared, output))
end

describe("indicators agree with Skender's values:", function()
  local path = spec.shared("data/spy_1d_2017-2018_oracle_input.csv")
  local bars = path and candles.frame(candles.read(path), "1d")

  for _, case in ipairs(SKENDER) do
    local name = case[1]
    it(name .. (case.why and ", but " .. case.why or ""), function()
      local file = spec.shared(FOLDER .. "skender/" .. case.file .. ".csv")
      if not path or not file then return pending("no shared data") end
      local expected = candles.read(file)
      local got = outputs_of(bars, name, case[2])
      for output, column in pairs(case.is) do
        assert(got[output], name .. " has no output " .. output)
        assert_near(case, bars, output, got[output], expected[column])
      end
    end)
  end
end)

-- The rounded values by test and expression.
local function read_jesse(path)
  local expected = {}
  for line in io.lines(path) do
    local test, rest = line:match("^([%w_]+),(.*)$")
    local expression, digits, value = rest:match('"([^"]*)",(%d+),(%S+)$')
    if expression then
      expected[test .. " " .. expression] = { value = tonumber(value), digits = tonumber(digits) }
    end
  end
  return expected
end

describe("indicators agree with jesse's last values:", function()
  local path = spec.shared("data/eth_jesse_candles19.csv")
  local file = spec.shared(FOLDER .. "jesse/expected_candles19.csv")
  local bars = path and candles.frame(candles.read(path), "1d")
  local expected = file and read_jesse(file)

  for _, case in ipairs(JESSE) do
    local test, expression, name, params, output = table.unpack(case, 1, 5)
    it(name .. " " .. (output or ""), function()
      if not path or not file then return pending("no shared data") end
      local wanted = assert(expected[test .. " " .. expression], test)
      local got = outputs_of(bars, name, params)[output or described[name].outputs[1]][-1]
      -- Rounded to `digits` decimals, by a language that rounds halves to even.
      assert.is_true(math.abs(got - wanted.value) <= 0.5 * 10 ^ -wanted.digits + 1e-9,
        ("%s: got %.10g, want %.10g"):format(test, got, wanted.value))
    end)
  end
end)
