-- engine_spec.lua - an engine in the hands of a host: its life, its methods and their misuse.

local live = require "live"
local moonwick = require "moonwick"
local spec = require "spec"

local ROWS = 50
local rows = live.rows(ROWS)

-- What a call raises; the call must raise.
local function raised(call, ...)
  local ok, message = pcall(call, ...)
  assert.is_false(ok)
  return message
end

local function replaying(changes)
  local feed = { simulator = { speed = "max", replay = live.csv(rows) } }
  for key, value in pairs(changes or {}) do feed[key] = value end
  return live.feed(feed)
end

local config_text = [[
  return {
    feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                symbols = { "BTCUSD", "ETHUSD" }, timeframes = { "1m", "5m" },
                simulator = { speed = 60 } } },
    log = { level = "off" },
  }
]]

describe("moonwick.open", function()
  it("takes a table, and copies it", function()
    local config = { feeds = { live.feed() }, log = { level = "off" } }
    local engine <close> = assert(moonwick.open(config))
    config.feeds[1].symbols[1] = "OTHER"
    assert(engine:start())
    assert.equal("BTCUSD", engine:status().series[1].symbol)
    assert.same({ "OTHER" }, config.feeds[1].symbols)
  end)

  it("takes a file", function()
    local engine <close> = assert(moonwick.open(spec.file("config.lua", config_text)))
    assert.equal("engine (stopped, 1 feeds, 4 series)", tostring(engine))
    assert(engine:start())
    assert.equal("engine (running, 1 feeds, 4 series)", tostring(engine))
  end)

  it("raises for anything else", function()
    for _, wrong in ipairs { 5, true, print } do
      assert.matches("bad argument #1 to 'open' (want the path of a configuration, or a table)",
        raised(moonwick.open, wrong), 1, true)
    end
  end)

  it("returns nil and an error for a configuration that is none", function()
    local engine, err = moonwick.open { feeds = { { protocol = "nosuch" } } }
    assert.is_nil(engine)
    assert.equal("ConfigError", err.kind)
    assert.matches("^ConfigError: ", tostring(err))
    assert.same({ nil, "/nowhere/config.lua: No such file or directory" },
      { nil, select(2, moonwick.open "/nowhere/config.lua").message })
  end)
end)

describe("moonwick.get_price", function()
  it("asks the engine opened last, and raises when there is none", function()
    do
      local engine <close> = live.start { feeds = { replaying() } }
      live.wait_bar(engine, rows[ROWS].open_time)
      assert.equal(ROWS, #moonwick.get_price("BTCUSD"))
    end
    collectgarbage()
    collectgarbage()
    assert.matches("get_price: no engine is open, call moonwick.open first",
      raised(moonwick.get_price, "BTCUSD"), 1, true)
  end)
end)

describe("an engine", function()
  it("starts once, stops as often as one likes, and starts again", function()
    local engine <close> = live.open { feeds = { replaying() } }
    assert.is_false(engine:is_running())
    engine:stop()
    for _ = 1, 3 do
      assert.is_true(engine:start())
      assert.is_true(engine:is_running())
      local again, err = engine:start()
      assert.is_nil(again)
      assert.equal("the engine is started already", err.message)
      live.wait_state(engine, "confirmed")
      live.wait_bar(engine, rows[ROWS].open_time)
      engine:stop()
      engine:stop()
      assert.is_false(engine:is_running())
      assert.equal("disconnected", engine:status().feeds.demo.state)
    end
    assert.equal(ROWS, #engine:get_price("BTCUSD")) -- what the cache has stays
  end)

  it("is closed at the end of its block", function()
    local kept
    do
      local engine <close> = live.start { feeds = { replaying() } }
      kept = engine
      assert.equal(1, moonwick.live_objects())
    end
    assert.equal(0, moonwick.live_objects())
    assert.equal("engine (closed)", tostring(kept))
    kept:close()
  end)

  it("joins its threads when it is collected while it runs", function()
    local function forget()
      local engine = live.start { feeds = { replaying() }, strategies = {
        spec.file("busy.lua", "return { handle_bar = function(c, bar) c:signal 'x' end }") } }
      engine:on("signal", function() return engine end) -- a cycle through a handler
      engine:poll(0.01)
    end
    forget()
    collectgarbage()
    collectgarbage()
    assert.equal(0, moonwick.live_objects())
  end)

  it("may be closed by a handler while it is polled", function()
    local engine = live.start { feeds = { replaying() } }
    engine:on("state", function() engine:close() end)
    assert.equal(1, engine:poll(10))
    assert.equal("engine (closed)", tostring(engine))
  end)

  it("passes on what a handler raises, and goes on after it", function()
    local engine <close> = live.start { feeds = { replaying() } }
    local seen = 0
    engine:on("state", function()
      seen = seen + 1
      if seen == 1 then error("handler failed", 0) end
    end)
    assert.equal("handler failed", raised(engine.poll, engine, 10))
    assert(live.wait(engine, function() return seen == 3 end))
  end)

  it("raises in every method once it is closed", function()
    local engine = live.open { feeds = {} }
    engine:close()
    for _, name in ipairs { "get_price", "is_running", "on", "poll", "reconnect", "start",
                            "status", "stop", "subscribe", "unsubscribe" } do
      assert.equal("attempt to use a closed engine", raised(engine[name], engine, "state", print))
    end
  end)
end)

describe("misuse", function()
  local engine
  before_each(function() engine = live.open { feeds = { live.feed() } } end)
  after_each(function() engine:close() end)

  local function assert_raises(wanted, name, ...)
    local arguments = table.pack(...)
    local message = raised(function()
      return engine[name](engine, table.unpack(arguments, 1, arguments.n))
    end)
    assert.matches(wanted, message, 1, true)
  end

  it("names the argument", function()
    local check = assert_raises
    check("string expected, got nil", "get_price")
    check("string expected, got table", "get_price", {})
    check("want a symbol", "get_price", "")
    check("table expected, got number", "get_price", "BTCUSD", 5)
    check("string expected, got nil", "on", nil, print)
    check("function expected, got number", "on", "state", 5)
    check("number expected, got string", "poll", "soon")
    check("want seconds, 0 or more", "poll", -1)
    check("want seconds, 0 or more", "poll", 0 / 0)
    check("string expected, got no value", "subscribe")
    check("timeframe '17q'", "subscribe", "BTCUSD", "17q")
    check("string expected, got boolean", "unsubscribe", true)
    check("timeframe ''", "unsubscribe", "BTCUSD", "")
  end)

  it("counts arguments as the caller does", function()
    assert.matches("bad argument #1 to 'get_price'", raised(function() engine:get_price() end), 1,
      true)
    assert.matches("bad argument #2 to 'get_price'",
      raised(function() engine:get_price("BTCUSD", 5) end), 1, true)
    assert.matches("bad argument #1 to 'poll'", raised(function() engine:poll({}) end), 1, true)
    assert.matches("bad argument #2 to 'on'", raised(function() engine:on("state") end), 1, true)
  end)

  it("of the receiver is told too", function()
    for _, name in ipairs { "close", "get_price", "is_running", "on", "poll", "reconnect",
                            "start", "status", "stop", "subscribe", "unsubscribe" } do
      assert.matches("moonwick.engine expected, got table", raised(engine[name], {}), 1, true)
      assert.matches("moonwick.engine expected, got no value", raised(engine[name]), 1, true)
    end
  end)

  it("names what is nearest", function()
    assert_raises('there is no event "sate", did you mean "state"?', "on", "sate", print)
    assert_raises('there is no event "everything"', "on", "everything", print)
    assert.matches('engine has no method "strat", did you mean "start"?',
      raised(function() engine:strat() end), 1, true)
  end)
end)

-- Bars that close are newer and newer. Their number says nothing once history has filled the ring.
local function assert_goes_on(engine, frequency)
  local function newest()
    local bars = engine:get_price("BTCUSD", { frequency = frequency, count = 1 })
    return #bars > 0 and bars[1].time or 0
  end
  local seen = newest()
  assert(live.wait(engine, function() return newest() > seen end))
end

describe("subscribe", function()
  it("adds a timeframe while the engine runs, and unsubscribe ends it", function()
    local engine <close> = live.start { feeds = {
      live.feed { symbols = { "BTCUSD", "ETHUSD" }, timeframes = { "1m", "5m" },
                  simulator = { speed = 6000 } } } }
    live.wait_state(engine, "confirmed")
    assert.is_true(engine:unsubscribe("BTCUSD", "5m"))
    assert.equal(3, engine:status().feeds.demo.subscriptions)
    local again, err = engine:unsubscribe("BTCUSD", "5m")
    assert.is_nil(again)
    assert.matches("feed demo: BTCUSD 5m is not subscribed", err.message, 1, true)
    assert.is_true(engine:subscribe("demo:BTCUSD", "5m"))
    assert.is_true(engine:subscribe("BTCUSD", "5m")) -- the same once more
    assert.equal(4, engine:status().feeds.demo.subscriptions)
    assert_goes_on(engine, "5m")
    assert.equal("confirmed", engine:status().feeds.demo.state)
  end)

  for _, protocol in ipairs { "wealthdata", "binance" } do
    it("of what the venue has not is refused in its words, " .. protocol, function()
      local engine <close> = live.start { feeds = {
        live.feed { protocol = protocol, simulator = { speed = 6000 } } } }
      local refusals, states = live.gather(engine, "refused"), live.gather(engine, "state")
      live.wait_state(engine, "confirmed")
      assert.is_true(engine:subscribe "DOGEUSD")
      assert(live.wait(engine, function() return refusals[1] end))
      local err = refusals[1].error
      assert.equal("WebSocketSubscriptionError", err.kind)
      assert.matches("the venue refuses: ", err.message, 1, true)
      assert.matches(protocol == "binance" and "Invalid request" or "unknown symbol 'DOGEUSD'",
        err.message, 1, true)
      assert.equal("demo", refusals[1].feed)
      assert.equal("confirmed", refusals[1].state)
      assert.matches("^ws://127.0.0.1:%d+/", err.endpoint)
      assert_goes_on(engine, "1m") -- the rest
      assert.equal("confirmed", states[#states].state)
    end)
  end

  it("of a venue elsewhere has its history from there, not from the venue itself", function()
    local _, url = live.simulate { "--protocol", "binance", "--symbols", "BTCUSD",
      "--speed", "60x" }
    local engine <close> = live.start { feeds = {
      live.feed { protocol = "binance", endpoint = url } } }
    assert(live.wait(engine, function()
      return engine:status().feeds.demo.history.requests > 0
    end))
    assert.equal(0, engine:status().feeds.demo.history.failures)
  end)

  it("needs a feed to choose", function()
    local engine <close> = live.open { feeds = { live.feed(), live.feed { name = "other" } } }
    local function message(symbol)
      local ok, err = engine:subscribe(symbol)
      assert.is_nil(ok)
      return err.message
    end
    assert.equal('several feeds have the symbol BTCUSD: name one, as in "feed:BTCUSD"',
      message "BTCUSD")
    assert.equal('no feeds have the symbol LTCUSD: name one, as in "feed:LTCUSD"',
      message "LTCUSD")
    assert.matches("symbol 'LTC USD': want 1 to 64 printable bytes", message "demo:LTC USD", 1,
      true)
    assert.is_true(engine:subscribe "other:LTCUSD")
  end)
end)

describe("reconnect", function()
  it("brings a feed back that has failed", function()
    local port = spec.free_port()
    local url = ("ws://127.0.0.1:%d/market_data"):format(port)
    local engine <close> = live.open {
      feeds = { live.feed { endpoint = url } },
      strategies = { spec.file("hears.lua", [[
        return { handle_state = function(context, event)
          if event.state == "failed" then context:signal(tostring(event.error)) end
        end }]]) },
    }
    local states, signals = live.gather(engine, "state"), live.gather(engine, "signal")
    assert.equal("the engine is not started", select(2, engine:reconnect()).message)
    assert(engine:start())
    local err = live.wait_told(engine, states, "failed").error
    assert.same({ "WebSocketConnectionError", "ECONNECT", 2, url },
      { err.kind, err.status, err.attempts, err.endpoint })
    assert(live.wait(engine, function() return signals[1] end))
    assert.equal(tostring(err), signals[1].text)

    assert.is_true(engine:reconnect "demo") -- still nobody there: attempts are counted anew
    assert(live.wait(engine, function() return #states == 6 end))
    assert.same({ "connecting", "failed", 2 },
      { states[4].state, states[6].state, states[6].error.attempts })

    local server = spec.process { spec.program, "simulate", "--listen", "127.0.0.1:" .. port,
      "--symbols", "BTCUSD", "--replay", live.csv(rows), "--speed", "max", "--timeframes", "1m" }
    server:expect "^listening on (%S+)$"
    assert.is_true(engine:reconnect())
    live.wait_told(engine, states, "confirmed")
    live.wait_bar(engine, rows[ROWS].open_time)
    assert.is_true(engine:reconnect()) -- what is connected is left alone
    assert.equal(0, engine:status().feeds.demo.reconnects)
    assert.equal(1, engine:status().feeds.demo.connections)
    assert.equal("there is no feed 'demi'", select(2, engine:reconnect "demi").message)
  end)
end)

describe("status", function()
  it("tells of feeds, series and strategies", function()
    local engine <close> = live.start {
      feeds = { replaying() },
      strategies = { spec.file("quiet.lua", "return { handle_bar = function() end }") },
    }
    live.wait_bar(engine, rows[ROWS].open_time)
    assert(live.wait(engine, function() return engine:status().strategies.quiet.bars == ROWS end))
    local status = engine:status()
    assert.is_true(status.running)
    local feed = status.feeds.demo
    assert.equal("confirmed", feed.state)
    assert.matches("^ws://127.0.0.1:%d+/market_data$", feed.endpoint)
    assert.is_true(feed.frames > feed.candles and feed.candles > ROWS and feed.bytes > 100 * ROWS)
    -- What history had brought before comes late, or is no news.
    assert.is_true(feed.late <= feed.candles)
    assert.same({ 1, 0, 0, 0, 0 }, { feed.subscriptions, feed.other,
      feed.unsubscribed, feed.reconnects, feed.rejected })
    assert.same({}, feed.rejects)
    assert.is_nil(feed.error)
    local series = status.series[1]
    assert.same({ 1, "demo", "BTCUSD", "1m", ROWS },
      { #status.series, series.feed, series.symbol, series.frequency, series.bars })
    assert.is_true(series.bytes >= 1000 * 64)
    assert.equal(tonumber(rows[ROWS].open_time), series.last.time)
    local quiet = status.strategies.quiet
    assert.same({ true, ROWS, 0, 0, 0, 0 }, { quiet.running, quiet.bars, quiet.ticks,
      quiet.signals, quiet.errors, quiet.lost })
    assert.is_true(quiet.memory_bytes > 10000)
  end)

  it("tells of the store, and finds its bars again", function()
    local path = spec.file("kept.db", "")
    local _, url = live.simulate { "--replay", live.csv(rows), "--symbols", "BTCUSD",
      "--timeframes", "1m", "--speed", "max" }
    local function options()
      return { feeds = { live.feed { endpoint = url, backfill = false } },
        history = { store = path, retention = { ["1m"] = "1y" } } }
    end
    do
      local engine <close> = live.start(options())
      live.wait_bar(engine, rows[ROWS].open_time)
      assert(live.wait(engine, function()
        local store = engine:status().store
        return store.rows == ROWS and store.waiting == 0
      end))
      local store = engine:status().store
      assert.equal(path, store.path)
      assert.is_true(store.bytes > 0 and store.writes > 0)
      assert.same({ 0, 0, 0, 0 }, { store.failures, store.lost, store.erased, store.waiting })
      assert.is_nil(store.error)
    end
    local engine <close> = live.open(options())
    local bars = engine:get_price("BTCUSD", { count = ROWS })
    assert.equal(ROWS, #bars)
    assert.equal("store", bars[1].source)
    assert.equal(tonumber(rows[1].open_time), bars[1].time)
    assert.equal(tonumber(rows[ROWS].close), bars[-1].close)
    local without <close> = live.open { feeds = { replaying() } }
    assert.is_nil(without:status().store)
  end)

  it("says what is wrong with a store", function()
    local path = spec.file("no_store.db", ("this is a text, no store\n"):rep(40))
    local engine, err = moonwick.open { feeds = { replaying() }, history = { store = path } }
    assert.is_nil(engine)
    assert.equal("HistoryError", err.kind)
    assert.matches(path, err.message, 1, true)
  end)

  it("tells what is not started", function()
    local engine <close> = live.open { feeds = { replaying() }, strategies = { "later.lua" } }
    local status = engine:status()
    assert.is_false(status.running)
    assert.equal("disconnected", status.feeds.demo.state)
    assert.is_nil(status.series[1].last)
    assert.equal("not started", status.strategies.later.error.message)
  end)
end)

describe("on", function()
  it("hands bars to its handlers, each once and in order", function()
    local engine <close> = live.open { feeds = { replaying() } }
    local bars, twice = {}, 0
    assert.equal(engine, engine:on("bar", function(bar) bars[#bars + 1] = bar end))
    engine:on("bar", function() twice = twice + 1 end)
    assert(engine:start())
    assert(live.wait(engine, function() return #bars == ROWS end))
    for i, row in ipairs(rows) do
      assert.same({ tonumber(row.open_time), tonumber(row.close), true },
        { bars[i].time, bars[i].close, bars[i].closed })
    end
    assert.equal(ROWS, twice)
  end)

  it("tells every state of a feed with its time", function()
    local engine <close> = live.open { feeds = { replaying() } }
    local states = live.gather(engine, "state")
    assert(engine:start())
    live.wait_state(engine, "confirmed")
    engine:stop()
    engine:poll()
    local names = {}
    for i, event in ipairs(states) do
      names[i] = event.state
      assert.same({ "state", "demo" }, { event.kind, event.feed })
      assert.is_true(math.abs(event.time - os.time() * 1000) < 60000)
    end
    assert.same({ "connecting", "connected", "confirmed", "disconnected" }, names)
  end)
end)

describe("environment variables", function()
  local function check(environment)
    local code, output, errors = live.run(
      { spec.program, "check", spec.file("config.lua", config_text) }, environment)
    return code, output, errors
  end

  it("go over the file", function()
    local code, output = check { "WEBSOCKET_ENDPOINT=wss://example.com:9/stream?key=secret",
      "WEBSOCKET_SYMBOLS=AAA, BBB", "WEBSOCKET_RESOLUTIONS=15m,1h", "WEBSOCKET_MARKET_TYPE=spot",
      "WEBSOCKET_CSRF_TOKEN=hidden" }
    assert.equal(0, code)
    for _, line in ipairs { "endpoint    wss://example.com:9/stream\n", "symbols     AAA BBB\n",
                            "timeframes  15m 1h\n", "market_type spot\n", "csrf_token  set\n" } do
      assert.matches(line, output, 1, true)
    end
    assert.not_matches("secret", output)
    assert.not_matches("hidden", output)
  end)

  it("are not there when they are empty", function()
    local code, output = check { "WEBSOCKET_ENDPOINT=", "WEBSOCKET_SYMBOLS=" }
    assert.equal(0, code)
    assert.matches("symbols     BTCUSD ETHUSD\n", output, 1, true)
  end)

  it("are held to the rules of the file, and named", function()
    local code, _, errors = check { "WEBSOCKET_RESOLUTIONS=1m,17q" }
    assert.equal(3, code)
    assert.matches("WEBSOCKET_RESOLUTIONS", errors, 1, true)
    assert.matches("17q", errors, 1, true)
  end)
end)
