-- print_bars.lua - writes every closed bar of every series to the log.

local print_bars = {}

function print_bars.handle_bar(_context, bar)
  log.info(bar)
end

return print_bars
