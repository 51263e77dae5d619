-- init.lua - the module `moonwick`: engines for a host, get_price for everyone.
--
--     local moonwick = require "moonwick"
--     local engine <close> = assert(moonwick.open "config.lua")
--     engine:start()
--
-- Inside a strategy there is an engine already, and get_price asks that one.

local core = require "moonwick.core"

local moonwick = {
  version = core.version,
  column = core.column,
  frame = core.frame,
  indicators = core.indicators,
}

if core.get_price then
  moonwick.get_price = core.get_price
  return moonwick
end

-- The engine that was opened last, for as long as somebody else keeps it.
local newest = setmetatable({}, { __mode = "v" })

---Opens an engine from a configuration file or table. It does not run until engine:start().
---@param source string|table
---@return moonwick.engine? engine, moonwick.error? err
function moonwick.open(source)
  local engine, err = core.open(source)
  if engine then newest.engine = engine end
  return engine, err
end

---Asks the engine that was opened last.
---@param symbol string
---@param options? moonwick.price_options
---@return moonwick.frame
function moonwick.get_price(symbol, options)
  if not newest.engine then
    error("get_price: no engine is open, call moonwick.open first", 2)
  end
  return newest.engine:get_price(symbol, options)
end

---@return integer engines how many are open in this process
moonwick.live_objects = core.live_objects

return moonwick
