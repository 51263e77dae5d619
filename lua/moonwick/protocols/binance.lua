-- binance.lua - Binance spot, combined candle streams.
--
-- Source: Binance's "WebSocket Streams" and "Market data endpoints" documentation for spot
-- (2026-07). Up to 1024 streams a connection and 5 incoming messages a second, pings included; a
-- connection lives 24 hours; the server pings with WebSocket pings. A request for klines weighs 2
-- of the 6000 a minute that an address has: ten a second are a fifth of that.

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
  limits = { streams = 1024, messages_per_second = 4, batch = 200, lifetime = "24h" },

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

  notices = {
    { when = { ["data.e"] = "serverShutdown" } },
    { when = { e = "serverShutdown" } },
  },

  history = {
    base = "https://data-api.binance.vision",
    count = 1000, requests_per_second = 10,
    request = function(series, from_ms, to_ms, count)
      local url = ("/api/v3/klines?symbol=%s&interval=%s&limit=%d"):format(
        urlencode(series.symbol:upper()), urlencode(series.timeframe), count)
      if from_ms then url = url .. ("&startTime=%d"):format(from_ms) end
      if to_ms then url = url .. ("&endTime=%d"):format(to_ms) end
      return url
    end,
    rows = "",
    open_time = { 1, unit = "ms" }, open = 2, high = 3, low = 4, close = 5, volume = 6,
    turnover = 8, trades = 9,
    error = { { when = { code = ANY, msg = ANY }, message = "msg", code = "code" } },
  },
}
