-- rsi_reversion.lua - buys what has fallen too fast, sells once it has recovered.

local rsi_reversion = {
  params = { symbol = "BTCUSDT", frequency = "1m", n = 14, low = 30, high = 55, share = 0.95 },
}

function rsi_reversion.handle_bar(context, bar)
  local p = context.params
  -- Wilder's average never quite forgets; ten times n bars back, it hardly matters what was before.
  local bars = get_price(p.symbol, { count = 10 * p.n, frequency = p.frequency })
  if not bars.complete then return end

  local rsi = bars.close:rsi(p.n)[-1]
  local held = context:position(p.symbol)
  if held == 0 and rsi < p.low then
    context:signal { side = "buy", symbol = p.symbol, price = bar.close, rsi = rsi }
    local value = p.share * context.cash
    local id, err = context:order { symbol = p.symbol, side = "buy", value = value }
    if not id then log.warn(err) end
  elseif held > 0 and rsi > p.high then
    context:signal { side = "sell", symbol = p.symbol, price = bar.close, rsi = rsi }
    context:close(p.symbol)
  end
end

return rsi_reversion
