-- indicators_stream_spec.lua - one row at a time gives what whole columns give, for all indicators.

local candles = require "candles"
local indicators = require "moonwick.indicators"
local spec = require "spec"

local TOLERANCE = 1e-12
local ROWS_MAX = 1500 -- of each file: several times the longest window, and soon done

local FILES = {
  { "btcusd_bitfinex_1h_2013-10.csv", "1h" },
  { "spy_us_1m_2020-12.csv", "1m" },
  { "ltcusd_coinbase_1m_2018-04.csv", "1m" },
}

-- Other parameters than the defaults: for those that have none, and to see that they are heeded.
local PARAMS = {
  { n = 7, k = 1.5, fast = 3, slow = 10, signal = 4 },
  { n = 20 },
  { n = 1 },
  { n = 1400 },
}

-- The parameters of `entry` as positional arguments: `given` over the defaults. Nil when they do
-- not go together.
local function arguments(entry, given)
  local values = {}
  for i, param in ipairs(entry.params) do
    values[i] = given[param.name] or param.default
    if not values[i] then return nil end
  end
  if not pcall(indicators[entry.name], table.unpack(values)) then return nil end
  return values
end

local function is_near(a, b, scale)
  if a ~= a or b ~= b then return a ~= a and b ~= b end
  return a == b or math.abs(a - b) <= TOLERANCE * math.max(math.abs(b), scale)
end

-- What the methods of frames give: one column for each output.
local function whole(bars, entry, values, other)
  local method = bars[entry.name]
  if entry.takes == "pair" then return { method(bars, other, table.unpack(values)) } end
  return { method(bars, table.unpack(values)) }
end

-- A function that gives the inputs of row i.
local function rows_of(data, entry, other)
  local columns = { data.close, other }
  for i, name in ipairs(entry.takes == "bars" and entry.inputs or {}) do columns[i] = data[name] end
  local a, b, c, d = columns[1], columns[2], columns[3], columns[4]
  local rows = {
    function(i) return a[i] end,
    function(i) return a[i], b[i] end,
    function(i) return a[i], b[i], c[i] end,
    function(i) return a[i], b[i], c[i], d[i] end,
  }
  return rows[#entry.inputs]
end

-- Differences of prices lose what prices have: a price is the least scale of what is compared.
local function scale_of(column)
  local most = 0
  for _, value in ipairs(column) do
    if value == value and value < math.huge then most = math.max(most, math.abs(value)) end
  end
  return most
end

-- Holds what one push gave to row `i` of the columns.
local function assert_row(stream, columns, scales, i, ...)
  for at, column in ipairs(columns) do
    local got = select(at, ...)
    if not is_near(got, column[i], scales[at]) then
      error(("%s, output %d, row %d: pushed %.17g, column %.17g"):format(tostring(stream), at, i,
        got, column[i]))
    end
  end
end

-- Holds the places of the first values to what the indicator says of them.
local function assert_firsts(stream, columns, count)
  for at, first in ipairs { stream:firsts() } do
    local column, found = columns[at], 1
    while found <= count and column[found] ~= column[found] do found = found + 1 end
    if found ~= math.min(first, count + 1) then
      error(("%s, output %d: first value at %d, not %d"):format(tostring(stream), at, found, first))
    end
  end
end

local function assert_same(entry, values, data, bars, other)
  local columns = whole(bars, entry, values, other)
  local stream = indicators[entry.name](table.unpack(values))
  local row, scales = rows_of(data, entry, other), {}
  for at, column in ipairs(columns) do scales[at] = scale_of(column) end
  for i = 1, data.count do assert_row(stream, columns, scales, i, stream:push(row(i))) end
  -- Pairs of columns have a warm-up of their own; a window of one row has no width.
  if entry.takes ~= "pair" and values[1] ~= 1 then assert_firsts(stream, columns, data.count) end
end

-- At most ROWS_MAX rows of a file.
local function read(path)
  local data = candles.read(path)
  data.count = math.min(data.count, ROWS_MAX)
  return data
end

describe("one row at a time is the same as whole columns", function()
  for _, file in ipairs(FILES) do
    it("in " .. file[1], function()
      local path = spec.shared("data/" .. file[1])
      if not path then return pending("no shared data") end
      local data = read(path)
      local bars = candles.frame(data, file[2])
      local other = bars:sma(10)
      for _, entry in ipairs(indicators.list()) do
        local tried = 0
        for _, given in ipairs(PARAMS) do
          local values = arguments(entry, given)
          if values then
            tried = tried + 1
            assert_same(entry, values, data, bars, other)
          end
        end
        assert(tried > 0, entry.name .. " was not tried")
      end
    end)
  end

  it("with bars and tables as rows", function()
    local path = spec.shared("data/" .. FILES[1][1])
    if not path then return pending("no shared data") end
    local data = read(path)
    local bars = candles.frame(data, FILES[1][2]):slice(1, 60)
    for _, entry in ipairs(indicators.list()) do
      local values = arguments(entry, { n = 5, fast = 3, slow = 10 })
      if entry.takes ~= "pair" then
        local columns = whole(bars, entry, values)
        local by_bar, by_table = indicators[entry.name](table.unpack(values)),
          indicators[entry.name](table.unpack(values))
        for i, bar in ipairs(bars) do
          local got, again = by_bar:push(bar), by_table:push(candles.bar(data, i))
          assert(is_near(got, again, 0) and is_near(got, columns[1][i], scale_of(columns[1])),
            ("%s in row %d"):format(entry.name, i))
        end
      end
    end
  end)
end)
