-- signal.lua - what context:signal says, for people and for machines.

local json = require "json"

-- These come first, without their names, where they are given: "buy BTCUSDT".
local leading = { "side", "symbol" }

-- The names of all values, the leading ones first, the others in order: the same for the same
-- values in every process, which the order of pairs() is not.
local function names_of(values)
  local names, led = {}, {}
  for _, name in ipairs(leading) do
    if values[name] ~= nil then
      names[#names + 1] = name
      led[name] = true
    end
  end
  local others = {}
  for name in pairs(values) do
    if not led[name] then others[#others + 1] = name end
  end
  table.sort(others)
  return table.move(others, 1, #others, #names + 1, names), #names - #others
end

local function text_of(values, names, led)
  local parts = {}
  for i, name in ipairs(names) do
    local value = tostring(values[name])
    parts[i] = i <= led and value or name .. "=" .. value
  end
  return table.concat(parts, " ")
end

local function json_of(values, names)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = json.encode(name) .. ":" .. json.encode(values[name])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---@param values table|string
---@return string text, string json
return function(values)
  if type(values) == "string" then values = { text = values } end
  for key, value in pairs(values) do
    local kind = type(value)
    if type(key) ~= "string" or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
      error(("signal: %s: want named texts, numbers and booleans, got a %s"):format(
        tostring(key), kind), 3)
    end
  end
  local names, led = names_of(values)
  local text = #names == 1 and values.text or text_of(values, names, led)
  return text, json_of(values, names)
end
