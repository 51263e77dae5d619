-- signal.lua - what context:signal says, for people and for machines.

local json = require "json"

-- These come first, without their names, where they are given: "buy BTCUSDT".
local leading = { "side", "symbol" }

local function text_of(values)
  local parts, shown = {}, {}
  for _, key in ipairs(leading) do
    if values[key] ~= nil then
      parts[#parts + 1] = tostring(values[key])
      shown[key] = true
    end
  end
  local keys = {}
  for key in pairs(values) do
    if not shown[key] then keys[#keys + 1] = tostring(key) end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = key .. "=" .. tostring(values[key])
  end
  return table.concat(parts, " ")
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
  local text = values.text and next(values) == "text" and next(values, "text") == nil
    and values.text or text_of(values)
  return text, json.encode(values)
end
