-- donchian_breakout.lua - the turtles' rule: buys a new high, sells a new low.

local donchian_breakout = {
  params = { symbol = "BTCUSDT", frequency = "1m", enter = 20, leave = 10, share = 0.95 },
}

function donchian_breakout.handle_bar(context, bar)
  local p = context.params
  local count = math.max(p.enter, p.leave) + 1
  local bars = get_price(p.symbol, { count = count, frequency = p.frequency })
  if not bars.complete then return end

  -- Of the bars before this one: -1 is this one.
  local top, bottom = bars.high:highest(p.enter)[-2], bars.low:lowest(p.leave)[-2]
  local held = context:position(p.symbol)
  if held == 0 and bar.close > top then
    context:signal { side = "buy", symbol = p.symbol, price = bar.close }
    local value = p.share * context.cash
    local id, err = context:order { symbol = p.symbol, side = "buy", value = value }
    if not id then log.warn(err) end
  elseif held > 0 and bar.close < bottom then
    context:signal { side = "sell", symbol = p.symbol, price = bar.close }
    context:close(p.symbol)
  end
end

return donchian_breakout
