-- wealthdata.lua - the project's own protocol; what the simulator speaks.
--
-- One CONNECT names every symbol and resolution wanted and replaces what was subscribed before; the
-- server confirms with CONNECTED. A bar may say whether it is closed; one that does not is closed
-- by its successor. A PING of the server's is answered; our own heartbeats are WebSocket pings,
-- which every server answers, also one that knows no PING. A SHUTDOWN says that the server is about
-- to go. The history is on the WebSocket's own host and port.

-- The distinct values of one key, in order of appearance.
local function distinct(series, key)
  local seen, list = {}, {}
  for _, one in ipairs(series) do
    if not seen[one[key]] then
      seen[one[key]] = true
      list[#list + 1] = one[key]
    end
  end
  return #list > 0 and json.encode(list) or "[]" -- an empty Lua table would become an object
end

local function connect(series, id, feed)
  return {
    ('{"type":"CONNECT","request_id":"%d","symbols":%s,"resolutions":%s,"csrf_token":%s,'
      .. '"market_type":%s}'):format(id, distinct(series, "symbol"), distinct(series, "timeframe"),
      json.encode(feed.csrf_token or ""), json.encode(feed.market_type or "")),
  }
end

return {
  name = "wealthdata",
  endpoints = {
    "ws://127.0.0.1:18000/market_data",
    "ws://127.0.0.1:18001/market_data",
    "ws://127.0.0.1:18002/market_data",
  },
  timeframes = "any",        -- spelled as the engine spells them
  subscription = "replace",  -- subscribe gets every series wanted, not only the new ones

  subscribe = connect,

  replies = {
    ok = { { when = { type = "CONNECTED" }, id = "request_id" } },
    error = { { when = { type = "ERROR" }, id = "request_id", message = "message" } },
  },

  candles = {
    when = { type = { "BAR", "KLINE" } },
    symbol = "symbol", timeframe = { "timeframe", "resolution" },
    open_time = { "open_time", unit = "ms" },
    open = "open", high = "high", low = "low", close = "close", volume = "volume",
    closed = "closed",
  },

  heartbeat = { reply = { when = { type = "PONG" } } },
  pings = {
    {
      when = { type = "PING" },
      answer = function(message) return { type = "PONG", time = message.time } end,
    },
  },
  notices = { { when = { type = "SHUTDOWN" } } },

  history = {
    count = 1000, requests_per_second = 100,
    request = function(series, from_ms, to_ms, count)
      local url = ("/history?symbol=%s&resolution=%s&limit=%d"):format(
        urlencode(series.symbol), urlencode(series.timeframe), count)
      if from_ms then url = url .. ("&from=%d"):format(from_ms) end
      if to_ms then url = url .. ("&to=%d"):format(to_ms) end
      return url
    end,
    when = { type = "HISTORY" },
    symbol = "symbol", timeframe = "resolution",
    rows = "bars",
    open_time = { "open_time", unit = "ms" },
    open = "open", high = "high", low = "low", close = "close", volume = "volume",
    error = { { when = { type = "ERROR" }, message = "message" } },
  },
}
