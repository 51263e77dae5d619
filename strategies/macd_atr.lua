-- macd_atr.lua - follows MACD, with a stop below the market that only ever rises.

local macd_atr = {
  params = {
    symbol = "BTCUSDT", frequency = "1m", fast = 12, slow = 26, signal = 9,
    atr = 14, distance = 3, -- the stop's, in average true ranges
    share = 0.95,
  },
}

-- The stop before this one goes only when this one stands: a position is never without.
local function set_stop(context, amount, price)
  local p, state = context.params, context.state
  local id, err = context:order { symbol = p.symbol, side = "sell", type = "stop", price = price,
    amount = amount, reduce = true, tag = "stop" }
  if not id then return log.warn(err) end
  if state.stop then context:cancel(state.stop.id) end
  state.stop = { id = id, price = price }
end

local function enter(context, price, stop)
  local p = context.params
  context:signal { side = "buy", symbol = p.symbol, price = price }
  local amount = p.share * context.cash / price
  local id, err = context:buy(p.symbol, amount)
  if not id then return log.warn(err) end
  context.state.stop = nil -- that of the last position is done
  set_stop(context, amount, stop) -- waits for what was just bought, and goes if that is refused
end

function macd_atr.handle_bar(context, bar)
  local p, state = context.params, context.state
  local bars = get_price(p.symbol, { count = 10 * p.slow, frequency = p.frequency })
  if not bars.complete then return end

  local macd, signal = bars.close:macd(p.fast, p.slow, p.signal)
  local stop = bar.close - p.distance * bars:atr(p.atr)[-1]
  local held = context:position(p.symbol)
  if held == 0 then
    if macd:cross_above(signal)[-1] == 1 then enter(context, bar.close, stop) end
  elseif macd[-1] < signal[-1] then
    context:signal { side = "sell", symbol = p.symbol, price = bar.close }
    context:close(p.symbol) -- and with the position goes its stop
  elseif not state.stop or stop > state.stop.price then
    set_stop(context, held, stop)
  end
end

-- Who acts on signals has to hear of the stop, too.
function macd_atr.handle_state(context, event)
  if event.kind == "order" and event.state == "filled" and event.tag == "stop" then
    context:signal { side = "sell", symbol = event.symbol, price = event.price }
  end
end

return macd_atr
