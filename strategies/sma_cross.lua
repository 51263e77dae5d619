-- sma_cross.lua - buys when a fast average of closes crosses a slow one, sells once it is below.

local sma_cross = {
  params = { symbol = "BTCUSDT", frequency = "1m", fast = 5, slow = 20, share = 0.95 },
}

function sma_cross.init(context)
  local p = context.params
  log.info(("watching %s %s: sma %d against %d"):format(p.symbol, p.frequency, p.fast, p.slow))
end

function sma_cross.handle_bar(context, bar)
  local p = context.params
  local bars = get_price(p.symbol, { count = p.slow + 1, frequency = p.frequency })
  if not bars.complete then return end -- still warming up, or a gap: the engine says so

  local fast, slow = bars.close:sma(p.fast), bars.close:sma(p.slow)
  local held = context:position(p.symbol)
  if held == 0 and fast[-1] > slow[-1] and fast[-2] <= slow[-2] then
    context:signal { side = "buy", symbol = p.symbol, price = bar.close }
    local value = p.share * context.cash
    local id, err = context:order { symbol = p.symbol, side = "buy", value = value }
    if not id then log.warn(err) end
  elseif held > 0 and fast[-1] < slow[-1] then -- also where the crossing itself fell into a gap
    context:signal { side = "sell", symbol = p.symbol, price = bar.close }
    context:close(p.symbol)
  end
end

return sma_cross
