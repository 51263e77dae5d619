-- recorder.lua - writes down all that a strategy is told, and holds get_price to its word.
--
-- One line for each thing told, in order; times are open times in milliseconds:
--
--     B symbol frequency time open high low close volume    a bar was delivered
--     R (the same)                                          revised: what it is now
--     W (the same)                                          seen in a complete answer, with values
--                                                           that were not seen before
--     G symbol frequency from to count                      gap
--     F symbol frequency from to count                      backfilled
--     L symbol frequency count                              lagged
--     C symbol frequency                                    an answer was complete
--     I symbol frequency reason                             an answer was not
--     S state message                                       the feed's state
--     H message                                             the venue's history fails, or works
--     X message                                             an answer that contradicts itself

local recorder = { params = { trace = "trace.txt", counts = { 3, 12, 40 } } }

local trace
local seen = {} -- values by series and time
local turn = 0

local function write(...)
  trace:write(table.concat({ ... }, " "), "\n")
end

local function values_of(bar)
  return ("%.17g %.17g %.17g %.17g %.17g"):format(bar.open, bar.high, bar.low, bar.close,
    bar.volume)
end

local function write_bar(kind, bar)
  local values = values_of(bar)
  write(kind, bar.symbol, bar.frequency, bar.time, values)
  seen[bar.symbol .. bar.frequency .. bar.time] = values
end

-- What is wrong with an answer that says it is complete: `count` bars, `last` the newest if given.
local function contradiction(bars, count, step, last)
  if #bars ~= count then
    return ("%d bars of %d"):format(#bars, count)
  end
  for i = 2, #bars do
    if bars.time[i] - bars.time[i - 1] ~= step then
      return ("no bar between %d and %d"):format(bars.time[i - 1], bars.time[i])
    end
  end
  if last and bars.time[-1] ~= last then
    return ("the last bar is %d, not %d"):format(bars.time[-1], last)
  end
end

local function ask(context, bar, last)
  turn = turn + 1
  local count = context.params.counts[turn % #context.params.counts + 1]
  local bars = get_price(bar.symbol, { count = count, frequency = bar.frequency })
  if not bars.complete then
    write("I", bar.symbol, bar.frequency, bars.reason)
    return
  end
  write("C", bar.symbol, bar.frequency)
  local wrong = contradiction(bars, count, bar.close_time + 1 - bar.time, last)
  if wrong then
    write("X", bar.symbol, bar.frequency, "at", bar.time, "complete, but", wrong)
  end
  for _, one in ipairs(bars) do
    if seen[one.symbol .. one.frequency .. one.time] ~= values_of(one) then
      write_bar("W", one)
    end
  end
end

function recorder.init(context)
  trace = assert(io.open(context.params.trace, "w"))
  trace:setvbuf("line")
end

function recorder.handle_bar(context, bar)
  write_bar("B", bar)
  ask(context, bar, bar.time)
end

-- While a bar forms time does not stand still: newer ones may have closed since.
function recorder.handle_tick(context, bar)
  ask(context, bar, nil)
end

local writers = {
  gap = function(event)
    write("G", event.symbol, event.frequency, event.from, event.to, event.count)
  end,
  backfilled = function(event)
    write("F", event.symbol, event.frequency, event.from, event.to, event.count)
  end,
  lagged = function(event) write("L", event.symbol, event.frequency, event.count) end,
  revised = function(event) write_bar("R", event.bar) end,
  state = function(event) write("S", event.state, event.error and event.error.message or "") end,
  history = function(event) write("H", event.error and event.error.message or "works again") end,
}

function recorder.handle_state(_, event)
  if writers[event.kind] then
    writers[event.kind](event)
  else
    write("E", event.kind, event.error and event.error.message or "")
  end
end

function recorder.stop()
  trace:close()
end

return recorder
