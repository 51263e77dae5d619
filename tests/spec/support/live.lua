-- live.lua - what specs with running engines share: bars to replay, servers of them, waiting.
--
--     local path = live.csv(live.rows(20))
--     local server, url = live.simulate { "--replay", path, "--speed", "max" }
--     local engine <close> = live.open { feeds = { live.feed { endpoint = url } } }

local moonwick = require "moonwick"
local spec = require "spec"

local live = {
  first_ms = 1522800000000, -- 2018-04-04T00:00:00Z
  step_ms = 60000,
  columns = { "open_time", "open", "high", "low", "close", "volume" },
}

local candle_server = spec.source_dir .. "/tests/support/candle_server.py"

--- Rows of decimal text, one a minute, all different; `changes` maps positions to replacements of
--- the row, false for none.
---@param count integer
---@param changes table<integer, table|false>?
function live.rows(count, changes)
  local rows = {}
  for i = 1, count do
    local row = {
      open_time = tostring(live.first_ms + (i - 1) * live.step_ms),
      open = ("%d.%02d"):format(7000 + i, i % 100),
      high = ("%d.5"):format(7001 + i),
      low = ("%d.125"):format(6999 + i),
      close = ("%d.%03d"):format(7000 + i, (i * 7) % 1000),
      volume = ("%d.00%06d"):format(i % 10, i),
    }
    local change = changes and changes[i]
    for key, value in pairs(change or {}) do row[key] = value end
    if change ~= false then rows[#rows + 1] = row end
  end
  return rows
end

--- Writes rows as a CSV file for one test.
function live.csv(rows)
  return spec.file("rows.csv", spec.uncollected(function()
    local lines = { table.concat(live.columns, ",") }
    for _, row in ipairs(rows) do
      local fields = {}
      for i, column in ipairs(live.columns) do fields[i] = row[column] end
      lines[#lines + 1] = table.concat(fields, ",")
    end
    return table.concat(lines, "\n") .. "\n"
  end))
end

--- The columns of such a file as numbers: lists by name, and `count`.
function live.read_csv(path)
  collectgarbage("stop") -- this is not what is tested, and takes seconds with it at full tilt
  local data, count = {}, -1
  for _, column in ipairs(live.columns) do data[column] = {} end
  for line in io.lines(path) do
    count = count + 1
    local column = 0
    for field in line:gmatch("[^,]+") do
      column = column + 1
      data[live.columns[column]][count] = tonumber(field)
    end
  end
  data.count = count
  collectgarbage("restart")
  return data
end

--- Starts `moonwick simulate` on a free port; returns the process and the URL it says.
function live.simulate(arguments)
  local argv = { spec.program, "simulate", "--listen", "127.0.0.1:0" }
  local server = spec.process(table.move(arguments, 1, #arguments, #argv + 1, argv))
  return server, server:expect("^listening on (wss?://%S+)$")
end

--- Starts candle_server.py; returns the process and the URL, for a certificate of 127.0.0.1.
function live.candle_server(arguments, path)
  local argv = { spec.python, candle_server }
  local server = spec.process(table.move(arguments, 1, #arguments, #argv + 1, argv))
  local scheme = "ws"
  for _, argument in ipairs(arguments) do
    if argument == "--tls" then scheme = "wss" end
  end
  return server, ("%s://127.0.0.1:%s%s"):format(scheme, server:expect("^listening (%d+)$"),
    path or "/market_data")
end

--- A feed called demo with BTCUSD in minutes; `changes` go over that.
function live.feed(changes)
  local feed = { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                 symbols = { "BTCUSD" }, timeframes = { "1m" } }
  for key, value in pairs(changes or {}) do feed[key] = value end
  return feed
end

--- Opens an engine that logs nothing and soon gives up, unless `config` says otherwise.
function live.open(config)
  local whole = { log = { level = "off" }, reconnect = { attempts = 1, base = 0.01 } }
  for key, value in pairs(config) do whole[key] = value end
  return assert(moonwick.open(whole))
end

--- Opens and starts one.
function live.start(config)
  local engine = live.open(config)
  assert(engine:start())
  return engine
end

--- Polls the engine until the predicate is true, and returns what it returns.
function live.wait(engine, predicate, seconds)
  return spec.wait_for(predicate, seconds or 20, function(pause) engine:poll(pause) end)
end

--- Waits for a state of a feed; raises with the status when it does not come.
function live.wait_state(engine, state, feed)
  local function status() return engine:status().feeds[feed or "demo"] end
  if not live.wait(engine, function() return status().state == state end) then
    error(("no state %s but %s: %s"):format(state, status().state, tostring(status().error)), 2)
  end
  return status()
end

--- Waits until the last of the states that live.gather collects is `state`, and returns it. The
--- status says so a moment earlier.
function live.wait_told(engine, states, state)
  local function is_told() return #states > 0 and states[#states].state == state end
  if not live.wait(engine, is_told) then
    error(("not told of %s but of %s"):format(state, states[#states] and states[#states].state), 2)
  end
  return states[#states]
end

--- Waits until the newest closed bar opens at `time` (of a row, text or number); returns the frame
--- of `count` bars. Raises with what there is when nothing new has come for as long as live.wait
--- waits: how long thousands of bars take is up to the machine.
function live.wait_bar(engine, time, count, symbol)
  symbol = symbol or "BTCUSD"
  local bars, newest
  local function is_there()
    bars = engine:get_price(symbol, { count = 1 }) -- the rest is copied once, when it is wanted
    newest = #bars > 0 and bars[-1].time
    if newest ~= tonumber(time) then return false end
    if count then bars = engine:get_price(symbol, { count = count }) end
    return bars[-1].time == newest
  end
  local before
  repeat
    before = newest
    if live.wait(engine, is_there) then return bars end
  until newest == before or not newest
  local feeds = {}
  for name, feed in pairs(engine:status().feeds) do
    feeds[#feeds + 1] = ("%s %s %s"):format(name, feed.state, feed.error)
  end
  error(("no bar %s; %s; %s"):format(time, bars, table.concat(feeds, "; ")), 2)
end

--- Gathers events of a kind in a list that grows while the engine is polled.
function live.gather(engine, kind)
  local events = {}
  engine:on(kind, function(event) events[#events + 1] = event end)
  return events
end

--- Writes a strategy for one test and returns its path.
function live.strategy(name, source)
  return spec.file(name .. ".lua", source)
end

--- Runs a program to its end; returns exit code, output and standard error.
function live.run(argv, environment, seconds)
  local child = spec.process(argv, environment)
  local deadline, lines = spec.now() + (seconds or 20), {}
  for line in function() return child:read_line(math.max(0, deadline - spec.now())) end do
    lines[#lines + 1] = line
  end
  return child:wait(math.max(0, deadline - spec.now())), table.concat(lines, "\n"), child:errors()
end

return live
