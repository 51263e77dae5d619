-- bad_input_spec.lua - messages, servers and certificates that are not what they should be.

local certificate = require "certificate"
local live = require "live"
local spec = require "spec"

local SIGTERM = 15
local ROWS = 30
local rows = live.rows(ROWS)

local raw_upgrade = spec.source_dir .. "/tests/support/raw_upgrade.py"

local function serve(behaviour, ...)
  return live.candle_server { "--csv", live.csv(rows), "--behaviour", behaviour, ... }
end

local function serve_raw(answer)
  local server = spec.process { spec.python, raw_upgrade, answer }
  return ("ws://127.0.0.1:%s/market_data"):format(server:expect "^listening (%d+)$")
end

-- What becomes of one attempt at `endpoint` and one more: the error of the failed feed.
local function failure_at(endpoint, changes)
  local feed = { endpoint = endpoint }
  for key, value in pairs(changes or {}) do feed[key] = value end
  local engine <close> = live.open { feeds = { live.feed(feed) } }
  local states = live.gather(engine, "state")
  assert(engine:start())
  local last = live.wait_told(engine, states, "failed")
  local status = engine:status().feeds.demo
  assert.equal("failed", status.state)
  assert.equal(tostring(status.error), tostring(last.error))
  assert.equal(0, #engine:get_price "BTCUSD")
  return last.error, states
end

local function assert_connection_error(err, pattern)
  assert.equal("WebSocketConnectionError", err.kind)
  assert.matches(pattern, err.message)
  assert.equal(2, err.attempts) -- the first, and the one that was left
end

describe("messages", function()
  -- The rows that follow the broken messages are all there, and the connection is the first one.
  local function assert_survives(engine)
    local bars = live.wait_bar(engine, rows[ROWS].open_time, ROWS)
    assert.equal(ROWS, #bars)
    for i, row in ipairs(rows) do
      for _, column in ipairs(live.columns) do
        local field = column == "open_time" and "time" or column
        assert.equal(tonumber(row[column]), bars[i][field])
      end
    end
    -- An answer that was read while the first candle came may still call the series stale.
    assert(live.wait(engine, function() return engine:get_price("BTCUSD").complete end))
    local status = engine:status().feeds.demo
    assert.same({ "confirmed", 0 }, { status.state, status.reconnects })
    assert.is_nil(status.error)
    return status
  end

  for _, protocol in ipairs { "wealthdata", "binance" } do
    it("that are no candles are counted by kind and change nothing, " .. protocol, function()
      local _, url = live.candle_server({ "--csv", live.csv(rows), "--behaviour", "garbage",
        "--protocol", protocol }, protocol == "binance" and "/stream" or nil)
      local engine <close> = live.start { feeds = {
        live.feed { endpoint = url, protocol = protocol } } }
      local refusals = live.gather(engine, "refused")
      local status = assert_survives(engine)
      local rejects, total = status.rejects, 0
      for _, kind in ipairs { "not_json", "not_a_number", "wrong_type", "missing_field",
                              "unknown_symbol", "bad_range", "negative_volume", "future_time",
                              "off_grid" } do
        assert((rejects[kind] or 0) > 0, "no reject of kind " .. kind)
      end
      for _, count in pairs(rejects) do total = total + count end
      assert.equal(total, status.rejected)
      assert.same({}, refusals)
    end)
  end

  it("of binary kind are counted", function()
    local _, url = serve "binary"
    local engine <close> = live.start { feeds = { live.feed { endpoint = url } } }
    assert.same({ binary = 1 }, assert_survives(engine).rejects)
  end)

  it("that are not UTF-8 are counted", function()
    local _, url = serve "bad-text"
    local engine <close> = live.start { feeds = { live.feed { endpoint = url } } }
    assert.same({ not_utf8 = 1 }, assert_survives(engine).rejects)
  end)

  it("that are broken are logged once a second and kind", function()
    local _, url = serve("garbage", "--times", "50")
    local config = spec.file("config.lua", ([[
      return { feeds = { { name = "demo", protocol = "wealthdata", endpoint = %q,
                           symbols = { "BTCUSD" } } } }
    ]]):format(url))
    local start = spec.now()
    local child = spec.process { spec.program, "run", config }
    child:expect("bar +demo +BTCUSD +1m .* c " .. tonumber(rows[ROWS].close) .. " ")
    child:signal(SIGTERM)
    assert.equal(0, child:wait(5))
    local seen, most = {}, 0
    for kind in child:errors():gmatch("message rejected: ([%a_]+)") do
      seen[kind] = (seen[kind] or 0) + 1
      most = math.max(most, seen[kind])
    end
    local seconds = spec.now() - start
    assert(most >= 1 and most <= seconds + 1, ("%d of a kind in %g s"):format(most, seconds))
    assert.is_true(seen.not_json >= 1 and seen.off_grid >= 1)
  end)

  it("of 64 MiB are refused", function()
    local _, url = serve "huge-frame"
    local engine <close> = live.open { feeds = { live.feed { endpoint = url } },
                                       reconnect = { attempts = 1, base = 30 } }
    local states = live.gather(engine, "state")
    assert(engine:start())
    local err = live.wait_told(engine, states, "reconnecting").error
    assert.equal("WebSocketConnectionError", err.kind)
    assert.equal(1009, err.code)
    assert.matches("a message is over the limit", err.message, 1, true)
    local status = engine:status().feeds.demo
    assert.same({ "reconnecting", tostring(err) }, { status.state, tostring(status.error) })
  end)
end)

describe("a server", function()
  it("that answers 404 is told of with the status", function()
    local _, url = live.simulate {}
    local err = failure_at((url:gsub("/market_data$", "/elsewhere")))
    assert_connection_error(err, "HTTP status 404")
    assert.equal(404, err.code)
    assert.matches("/elsewhere$", err.endpoint)
  end)

  for answer, pattern in pairs {
    ["wrong-key"] = "Sec%-WebSocket%-Accept does not belong to our key",
    ["no-key"] = "Sec%-WebSocket%-Accept does not belong to our key",
    ["not-http"] = "answer to the upgrade",
    ["ok"] = "HTTP status 200",
    ["silence"] = "no answer to the upgrade within 300 ms",
    ["masked"] = "broke the WebSocket protocol",
    ["bad-opcode"] = "broke the WebSocket protocol",
  } do
    it("that answers an upgrade with " .. answer .. " is refused", function()
      local url = serve_raw(answer)
      local err, states = failure_at(url, { timeouts = { upgrade = 0.3, confirm = 0.3 } })
      assert_connection_error(err, pattern)
      assert.equal(url, err.endpoint)
      for _, event in ipairs(states) do assert.not_equal("confirmed", event.state) end
    end)
  end

  it("that closes at once is told of in its words", function()
    local _, url = serve "close-at-once"
    local err = failure_at(url)
    assert_connection_error(err, "closed by the server with code 1011: no service today")
    assert.equal(1011, err.code)
  end)

  it("that closes right behind the upgrade is told of in its words every time", function()
    local engine <close> = live.open { feeds = { live.feed { endpoint = serve_raw "close" } },
                                       reconnect = { attempts = 100, base = 0.003, cap = 0.003 } }
    local states = live.gather(engine, "state")
    assert(engine:start())
    live.wait_told(engine, states, "failed")
    for _, event in ipairs(states) do
      if event.error then
        assert.equal("closed by the server with code 1011: bye", event.error.message)
      end
    end
  end)

  it("that never confirms runs out of time", function()
    local _, url = serve "never-confirm"
    local err = failure_at(url, { timeouts = { confirm = 0.3 } })
    assert_connection_error(err, "the venue did not confirm within 0.3 s")
    assert.equal("ETIMEOUT", err.status)
    assert.equal(url, err.endpoint)
  end)

  it("that refuses the subscription ends the feed at once", function()
    local _, url = serve "error-reply"
    local err, states = failure_at(url)
    assert.equal("WebSocketSubscriptionError", err.kind)
    assert.equal("the venue refuses: subscription refused", err.message)
    assert.same({ 1, url }, { err.attempts, err.endpoint })
    for _, event in ipairs(states) do assert.not_equal("reconnecting", event.state) end
  end)

  it("that is not there is told of when the attempts are used up", function()
    local url = ("ws://127.0.0.1:%d/market_data"):format(spec.free_port())
    local engine <close> = live.open { feeds = { live.feed { endpoint = url } },
                                       reconnect = { attempts = 3, base = 0.01 } }
    local states = live.gather(engine, "state")
    assert(engine:start())
    live.wait_told(engine, states, "failed")
    local names = {}
    for i, event in ipairs(states) do
      names[i] = event.state
      if i > 1 then assert.same({ i - 1, url }, { event.error.attempts, event.error.endpoint }) end
    end
    assert.same({ "connecting", "reconnecting", "reconnecting", "reconnecting", "failed" }, names)
    assert.matches("^WebSocketConnectionError: .*%(" .. url:gsub("%p", "%%%0") .. ", 4 attempts%)$",
      tostring(states[5].error))
  end)

  it("that comes back within the attempts is found again", function()
    local port = spec.free_port()
    local listen = "127.0.0.1:" .. port
    local function simulate()
      local server = spec.process { spec.program, "simulate", "--listen", listen, "--symbols",
        "BTCUSD", "--replay", live.csv(rows), "--speed", "max", "--timeframes", "1m" }
      return server, server:expect "^listening on (%S+)$"
    end
    local server, url = simulate()
    local engine <close> = live.open { feeds = { live.feed { endpoint = url } },
                                       reconnect = { attempts = 500, base = 0.02, cap = 0.02 } }
    local states = live.gather(engine, "state")
    assert(engine:start())
    live.wait_bar(engine, rows[ROWS].open_time)
    assert.equal(0, server:stop())
    live.wait_told(engine, states, "reconnecting")
    local bars = engine:get_price("BTCUSD", { count = 5 })
    assert.same({ 5, false, "stale" }, { #bars, bars.complete, bars.reason })
    simulate()
    live.wait_told(engine, states, "confirmed")
    assert.equal(1, engine:status().feeds.demo.reconnects)
    assert(live.wait(engine, function() -- its first candle is still to come
      return engine:get_price("BTCUSD", { count = 5 }).complete
    end))
  end)

  it("that drops the connection is connected to again, and nothing is lost", function()
    local _, url = serve "drop"
    local engine <close> = live.open { feeds = { live.feed { endpoint = url } },
                                       reconnect = { attempts = 20, base = 0.01, cap = 0.01 } }
    assert(engine:start())
    assert(live.wait(engine, function() return engine:status().feeds.demo.reconnects >= 3 end))
    assert.equal(10, #engine:get_price "BTCUSD")
    assert.is_true(engine:status().feeds.demo.error.kind == "WebSocketConnectionError")
  end)
end)

describe("a certificate", function()
  local function failure_with(file, key, ca)
    local _, url = serve("good", "--tls", file, key)
    local err = failure_at(url, { ca_file = ca })
    assert.equal("ETLS", err.status)
    return err
  end

  it("that vouches for itself is refused, unless it is the ca_file", function()
    local file, key = certificate.make()
    assert_connection_error(failure_with(file, key), "self.signed certificate")
    local other = certificate.make()
    assert_connection_error(failure_with(file, key, other), "certificate")
    local _, url = serve("good", "--tls", file, key)
    local engine <close> = live.start { feeds = { live.feed { endpoint = url, ca_file = file } } }
    live.wait_bar(engine, rows[ROWS].open_time)
  end)

  it("for another host is refused", function()
    for _, names in ipairs { "DNS:example.com", "IP:127.0.0.2", "DNS:127.0.0.1" } do
      local file, key = certificate.make(names)
      assert_connection_error(failure_with(file, key, file), "mismatch")
    end
  end)

  it("whose time is over is refused", function()
    local file, key, authority = certificate.make_expired()
    assert_connection_error(failure_with(file, key, authority), "certificate has expired")
  end)

  it("of no TLS server at all is missed", function()
    local _, url = serve "good"
    local err = failure_at((url:gsub("^ws:", "wss:")))
    assert_connection_error(err, "TLS handshake failed")
  end)

  it("file that holds none fails the feed", function()
    local file = spec.file("ca.pem", "not a certificate\n")
    local err = failure_at("wss://127.0.0.1:1/market_data", { ca_file = file })
    assert.matches("CA file '" .. file .. "': want a PEM file", err.message, 1, true)
  end)
end)

describe("moonwick simulate", function()
  it("says which host and port it cannot listen on, and why", function()
    local _, url = live.simulate {}
    local port = url:match(":(%d+)/")
    local code, output, errors = live.run { spec.program, "simulate", "--listen",
                                            "127.0.0.1:" .. port }
    assert.equal(1, code)
    assert.equal("", output)
    assert.matches("cannot listen on 127.0.0.1 port " .. port .. ": address already in use", errors,
      1, true)
  end)
end)

describe("a configuration", function()
  local function message(text)
    local moonwick = require "moonwick"
    local path = spec.file("config.lua", text)
    local engine, err = moonwick.open(path)
    assert.is_nil(engine)
    assert.equal("ConfigError", err.kind)
    return err.message, path
  end

  it("with an unknown key names path, value and the nearest", function()
    local text, path = message [[return { feeds = { { protocol = "binance", symbol = "A" } } }]]
    assert.equal(path .. ': feeds[1].symbol = "A": no such key, did you mean symbols?', text)
    assert.matches("reconnect.atempts = 3: no such key, did you mean attempts?",
      message "return { reconnect = { atempts = 3 } }", 1, true)
  end)

  it("with a value out of range says what is wanted", function()
    for pattern, text in pairs {
      ["cache.bars = 0: want a whole number from 1"] = "return { cache = { bars = 0 } }",
      ['feeds[1].endpoint = "http://x/": want ws://'] =
        [[return { feeds = { { protocol = "binance", endpoint = "http://x/" } } }]],
      ['log.level = "loud": want'] = [[return { log = { level = "loud" } }]],
      ["feeds[1].symbols = 5: want a list"] =
        [[return { feeds = { { protocol = "binance", symbols = 5 } } }]],
    } do
      assert.matches(pattern, message(text), 1, true)
    end
  end)

  it("that raises tells file, line and traceback", function()
    local text, path = message "local function deep() error 'no luck' end\n\ndeep()\nreturn {}"
    assert.matches(path .. ":1: no luck", text, 1, true)
    assert.matches("stack traceback:", text, 1, true)
    assert.matches(path .. ":3: in", text, 1, true)
  end)

  it("that does not compile tells file and line", function()
    local text, path = message "return {\n  feeds = }\n"
    assert.matches(path .. ":2: unexpected symbol", text, 1, true)
  end)

  it("that asks for a variable that is not set names it", function()
    assert.matches('env "MW_NOT_SET": not set',
      message [[return { log = { level = env "MW_NOT_SET" } }]], 1, true)
  end)
end)
