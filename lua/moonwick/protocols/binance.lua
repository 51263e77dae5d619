-- binance.lua - Binance spot, combined candle streams.
--
-- Source: Binance's "WebSocket Streams" documentation for spot (2026-07). Up to 1024 streams a
-- connection and 5 incoming messages a second, pings included.

local function topics(series)
  local params = {}
  for i, one in ipairs(series) do
    params[i] = one.symbol:lower() .. "@kline_" .. one.timeframe
  end
  return params
end

return {
  name = "binance",
  endpoints = {
    "wss://data-stream.binance.vision:443/stream",
    "wss://stream.binance.com:9443/stream",
  },
  timeframes = {
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w",
    "1M",
  },
  limits = { streams = 1024, messages_per_second = 4, batch = 200 },

  subscribe = function(series, id)
    return { { method = "SUBSCRIBE", params = topics(series), id = id } }
  end,
  unsubscribe = function(series, id)
    return { { method = "UNSUBSCRIBE", params = topics(series), id = id } }
  end,

  replies = {
    ok = { { when = { result = NULL, id = ANY }, id = "id" } },
    error = {
      { when = { error = ANY }, id = "id", message = "error.msg", code = "error.code" },
      { when = { code = ANY, msg = ANY }, id = "id", message = "msg", code = "code" },
    },
  },

  candles = {
    when = { ["data.e"] = "kline" },
    symbol = "data.k.s", timeframe = "data.k.i",
    open_time = { "data.k.t", unit = "ms" },
    open = "data.k.o", high = "data.k.h", low = "data.k.l", close = "data.k.c",
    volume = "data.k.v", turnover = "data.k.q", trades = "data.k.n",
    closed = "data.k.x",
  },
}
