-- candles.lua - files of candles and of expected values as lists of numbers, and frames of them.
--
--     local data = candles.read(path)              -- data.close[1], data.count
--     local bars = candles.frame(data, "1d")

local moonwick = require "moonwick"

local candles = {}

local NAN = 0 / 0

-- Lines of a CSV file without quotes: a list of fields, "" where there is nothing.
local function split(line)
  local fields = {}
  for field in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
  return fields
end

--- The columns of a CSV file by the names in its first line, as lists of numbers, and `count`; NaN
--- where there is none.
---@param path string
---@return table<string, number[]>
function candles.read(path)
  collectgarbage("stop") -- this is not what is tested, and takes seconds with it at full tilt
  local next_line = io.lines(path)
  local names, data = split(next_line()), { count = 0 }
  for _, name in ipairs(names) do data[name] = {} end
  for line in next_line do
    data.count = data.count + 1
    for i, field in ipairs(split(line)) do
      data[names[i]][data.count] = tonumber(field) or NAN
    end
  end
  collectgarbage("restart")
  return data
end

--- Row `i` as the table of a bar's fields.
function candles.bar(data, i)
  return { time = math.tointeger(data.open_time[i]), open = data.open[i], high = data.high[i],
           low = data.low[i], close = data.close[i], volume = data.volume[i] }
end

--- A frame of all of them.
---@param data table
---@param frequency string
---@return moonwick.frame
function candles.frame(data, frequency)
  local bars = {}
  for i = 1, data.count do bars[i] = candles.bar(data, i) end
  return moonwick.frame(bars, { symbol = "TEST", frequency = frequency })
end

return candles
