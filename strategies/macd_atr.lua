-- macd_atr.lua - follows MACD, with a stop below the market that only ever rises.

local macd_atr = {
  params = {
    symbol = "BTCUSDT", frequency = "1m", fast = 12, slow = 26, signal = 9,
    atr = 14, distance = 3, -- the stop's, in average true ranges
    share = 0.95,
  },
}

-- Puts the stop where it belongs now, unless it is nearer already.
local function move_stop(context, price)
  local p, state = context.params, context.state
  if state.stop and price <= state.stop then return end
  context:cancel(p.symbol)
  context:order { symbol = p.symbol, side = "sell", type = "stop", price = price, reduce = true,
    amount = context:position(p.symbol), tag = "stop" }
  state.stop = price
end

function macd_atr.handle_bar(context, bar)
  local p = context.params
  local bars = get_price(p.symbol, { count = 10 * p.slow, frequency = p.frequency })
  if not bars.complete then return end

  local macd, signal = bars.close:macd(p.fast, p.slow, p.signal)
  if context:position(p.symbol) > 0 then
    if macd:cross_below(signal)[-1] == 1 then
      context:signal { side = "sell", symbol = p.symbol, price = bar.close }
      context:close(p.symbol)
    else
      move_stop(context, bar.close - p.distance * bars:atr(p.atr)[-1])
    end
  elseif macd:cross_above(signal)[-1] == 1 then
    context:signal { side = "buy", symbol = p.symbol, price = bar.close }
    context:order { symbol = p.symbol, side = "buy", value = p.share * context.cash }
    context.state.stop = nil
  end
end

return macd_atr
