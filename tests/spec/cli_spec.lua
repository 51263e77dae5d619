-- cli_spec.lua - the program as people and scripts meet it: output, messages, exit codes, signals.

local spec = require "spec"

local assert_finds = spec.assert_finds

local SIGINT = 2

-- What a command that ends by itself does: its lines, standard error and exit code.
local function result_of(...)
  return spec.finish(spec.process { spec.program, ... }, 10)
end

-- A configuration with one simulated feed; `more` is text of further keys.
local function config(more)
  return spec.file("config.lua", ([[
    return {
      feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                  symbols = { "BTCUSDT" }, timeframes = { "1m" },
                  simulator = { speed = "600x" } } },
      %s
    }]]):format(more or ""))
end

describe("moonwick", function()
  it("shows its commands and exit codes with --help and with help", function()
    local long = result_of "--help"
    assert.equal(0, long.code)
    for _, name in ipairs { "run", "check", "record", "replay", "history", "backtest", "simulate",
                            "help" } do
      assert_finds(long.text, "\n  " .. name .. " +%u%l+")
    end
    for code = 0, 3 do assert_finds(long.text, "\n  " .. code .. "  %l+") end
    assert.same(long, result_of "help")
  end)

  it("tells the same on standard error, and fails, when no command is given", function()
    local nothing = result_of()
    assert.equal(2, nothing.code)
    assert.same({}, nothing.lines)
    assert.equal(result_of("--help").text .. "\n", nothing.errors)
  end)

  it("explains each command", function()
    for _, name in ipairs { "run", "check", "record", "replay", "simulate" } do
      local help = result_of(name, "--help")
      assert.equal(0, help.code)
      assert_finds(help.text, "^usage: moonwick " .. name .. " ")
      assert_finds(help.text, "\nexamples:\n  moonwick " .. name)
      assert.same(help, result_of("help", name))
    end
  end)

  it("tells its version and those of Lua and libwebsockets", function()
    local version = result_of "--version"
    assert.equal(0, version.code)
    assert_finds(version.text,
      "^moonwick %d+%.%d+%.%d+ %(Lua 5%.4%.%d+, libwebsockets %d+%.%d+%.%d+%)$")
  end)

  it("names the nearest command and option", function()
    local command = result_of "simluate"
    assert.equal(2, command.code)
    assert.equal("moonwick: no command 'simluate', did you mean simulate?\n", command.errors)
    local option = result_of("run", "--four", "1s")
    assert.equal(2, option.code)
    assert_finds(option.errors, "^moonwick run: no option '%-%-four', did you mean %-%-for%?\n")
  end)

  it("says which value was wanted", function()
    for arguments, wanted in pairs {
      [{ "run", "--for", "10" }] = "%-%-for: duration '10': want .* ms, s, m, h, d, w or y",
      [{ "run", "--for" }] = "%-%-for wants a value: %-%-for DURATION",
      [{ "run", "--log-level=loud" }] = "%-%-log%-level: log level 'loud': want debug, info",
      [{ "run", "a.lua", "b.lua" }] = "'b.lua': one argument too many",
      [{ "simulate", "--speed", "0" }] = "%-%-speed: '0': want 60x",
      [{ "simulate", "--listen", "here" }] = "%-%-listen: 'here': want ADDRESS:PORT",
      [{ "simulate", "--listen", "::1:80" }] = "%-%-listen: '::1:80': want ADDRESS:PORT",
      [{ "simulate", "--listen", ":65536" }] = "%-%-listen: ':65536': want",
      [{ "simulate", "--start", "noon" }] = "%-%-start: time 'noon': want ISO 8601",
      [{ "simulate", "--timeframes", "1m,x" }] = "%-%-timeframes: timeframe 'x': want",
      [{ "simulate", "--cert", "a.pem" }] = "%-%-cert and %-%-key go together",
      [{ "simulate", "--protocol", "nyse" }] = "nyse",
    } do
      local refused = result_of(table.unpack(arguments))
      assert.equal(2, refused.code, table.concat(arguments, " "))
      assert_finds(refused.errors, "^moonwick " .. arguments[1] .. ": .*" .. wanted)
      assert.same({}, refused.lines)
    end
  end)
end)

describe("moonwick check", function()
  it("shows what would be subscribed where", function()
    local strategy = spec.file("good.lua", "return {}")
    local path = config(("strategies = { %q }, reconnect = { attempts = 7 },"):format(strategy))
    local check = result_of("check", path)
    assert.equal("", check.errors)
    assert.equal(0, check.code)
    assert_finds(check.text, "^feed demo\n  protocol +wealthdata\n  endpoint +simulator\n")
    assert_finds(check.text, "\n  symbols +BTCUSDT\n  timeframes +1m\n")
    assert_finds(check.text, "\n  liveness +ping 15 s, pong 10 s, stall 10 s\n")
    assert_finds(check.text, "\n  closing +grace 2 s\n  backfill +gap_wait 10 s\n")
    assert_finds(check.text, "\n  attempts +7\n")
    assert_finds(check.text, "\nstrategy good\n  file +/.*good%.lua\n  account +cash 10000, " ..
      "fee 0%.1 %%, slippage 0 %%, leverage 1\n  compiles +yes\n")
    assert.equal(path .. ": ok", check.lines[#check.lines])
    assert.is_nil(check.text:find("\nhistory\n", 1, true))
  end)

  it("shows what is kept, and of which feeds nothing", function()
    local check = result_of("check", spec.file("config.lua", [[
      return {
        feeds = {
          { protocol = "binance", symbols = { "A" } },
          { name = "demo", protocol = "binance", endpoint = "simulator",
            simulator = { speed = "600x" }, symbols = { "A" } },
        },
        history = { store = "bars.db", retention = { ["1s"] = "36h" } },
      }]]))
    assert.equal(0, check.code)
    assert_finds(check.text, "\nhistory\n  store +/.*/bars%.db\n" ..
      "  keeps +1s for 1%.5 days, others for ever\n  not of +demo\n")
  end)

  it("looks at the store and makes none", function()
    local folder = spec.tmpdir()
    local function check(store)
      return result_of("check", config(("history = { store = %q },"):format(store)))
    end
    local fresh = check(folder .. "/fresh.db")
    assert.equal("", fresh.errors)
    assert.equal(0, fresh.code)
    assert.is_nil(io.open(folder .. "/fresh.db"))
    for store, wanted in pairs {
      [folder] = "history%.store: .*: Is a directory",
      [folder .. "/none/fresh.db"] = "history%.store: .*: No such file or directory",
      [spec.file("text.db", ("no database "):rep(100))] = "history%.store: .* not a database",
    } do
      local refused = check(store)
      assert.equal(3, refused.code, store)
      assert_finds(refused.errors, "^moonwick check: " .. wanted)
    end
  end)

  it("shows no secrets", function()
    local check = result_of("check", spec.file("config.lua", [[
      return { feeds = { { protocol = "wealthdata", csrf_token = "hush-hush",
        endpoint = "wss://example.test/market_data?token=hush-hush", symbols = { "A" } } } }]]))
    assert.equal(0, check.code)
    assert_finds(check.text, "\n  endpoint +wss://example.test:443/market_data\n")
    assert_finds(check.text, "\n  csrf_token +set\n")
    assert.is_nil((check.text .. check.errors):find("hush"))
  end)

  it("refuses what is wrong with its place, value and nearest name", function()
    for text, wanted in pairs {
      ["return { feeds = { { protocol = 'wealthdata', symbol = 'BTCUSDT' } } }"] =
        "config%.lua: feeds%[1%]%.symbol = .*BTCUSDT.*did you mean symbols",
      ["return { log = { level = 'loud' } }"] = "log%.level = .*loud",
      ["return { feeds = { { protocol = 'nyse', symbols = { 'A' } } } }"] = "nyse",
      ["return {"] = "config%.lua:1:",
      ["return 1"] = "config%.lua",
    } do
      local check = result_of("check", spec.file("config.lua", text))
      assert.equal(3, check.code, text)
      assert_finds(check.errors, "^moonwick check: .*" .. wanted)
    end
    local missing = result_of("check", spec.tmpdir() .. "/none.lua")
    assert.equal(3, missing.code)
    assert_finds(missing.errors, "none%.lua: No such file")
  end)

  it("finds a strategy that does not compile, and runs none", function()
    local folder = spec.tmpdir()
    local bad = spec.file("bad.lua", "return {\n  x = = 1 }")
    local good = spec.file("good.lua", ("io.open(%q, 'w'):close()"):format(folder .. "/ran"))
    local check = result_of("check", config(("strategies = { %q, %q },"):format(bad, good)))
    assert.equal(3, check.code)
    assert_finds(check.errors, "^moonwick check: strategy bad: .*bad%.lua:2: ")
    assert.is_nil(io.open(folder .. "/ran"))
  end)
end)

describe("moonwick simulate", function()
  it("says where it listens, and that the port is in use", function()
    local server = spec.process { spec.program, "simulate", "--listen", "127.0.0.1:0" }
    local port = server:expect "^listening on ws://127%.0%.0%.1:(%d+)/market_data$"
    local second = result_of("simulate", "--listen", "127.0.0.1:" .. port)
    assert.equal(1, second.code)
    assert_finds(second.errors, "^moonwick simulate: .*" .. port .. ".*in use")
    local start = spec.now()
    assert.equal(0, server:stop(SIGINT))
    assert.is_true(spec.now() - start < 1)
  end)

  it("speaks binance, and stops by itself", function()
    local done = result_of("simulate", "--protocol=binance", "--listen=:0", "--for", "50ms")
    assert.equal(0, done.code)
    assert_finds(done.text, "^listening on ws://127%.0%.0%.1:%d+/stream")
  end)

  it("writes the certificate that it made before it listens", function()
    local ca_file = spec.tmpdir() .. "/ca.pem"
    local done = result_of("simulate", "--tls-ca", ca_file, "--listen=:0", "--for", "50ms")
    assert.equal(0, done.code)
    assert_finds(done.lines[1], ca_file:gsub("%p", "%%%0"))
    assert_finds(done.lines[2], "^listening on wss://127%.0%.0%.1:%d+/market_data$")
    local file = assert(io.open(ca_file))
    assert_finds(file:read("l"), "^%-+BEGIN CERTIFICATE%-+$")
    file:close()
  end)
end)

-- A configuration with a feed of this endpoint; `more` is text of further keys of the feed.
local function config_of(endpoint, more)
  return spec.file("config.lua", ([[
    return {
      feeds = { { name = "demo", protocol = "wealthdata", endpoint = %q, symbols = { "BTCUSDT" },
                  timeframes = { "1m" }, %s } },
      reconnect = { base = 0.1 },
    }]]):format(endpoint, more or ""))
end

describe("faults on purpose", function()
  it("are told as they happen, with a sum at the end", function()
    local faults = spec.file("faults.lua",
      [[return { seed = 1, { kind = "duplicate" }, { kind = "fin", after = 5 } }]])
    local server = spec.process { spec.program, "simulate", "--listen=127.0.0.1:0",
      "--speed=600x", "--for=2s", "--faults", faults }
    local port = server:expect "^listening on ws://127%.0%.0%.1:(%d+)/market_data$"
    local run = spec.process { spec.program, "run", "--quiet", "--for=2s",
      config_of("ws://127.0.0.1:" .. port .. "/market_data") }
    server:expect "^ +%d+%.%d+  duplicate +session 1  BTCUSDT 1m$"
    server:expect "^ +%d+%.%d+  fin +session 1  BTCUSDT 1m$"
    server:expect "^2 faults: 1 fin, 1 duplicate$"
    assert.equal(0, server:wait(10))
    run:stop()
  end)

  it("happen to a feed of the same process", function()
    local faults = spec.file("faults.lua", [[return { { kind = "reset", after = 5 } }]])
    local run = spec.process { spec.program, "run", config_of("simulator",
      ("simulator = { speed = 600, faults = %q }"):format(faults)) }
    run:expect " state +demo +reconnecting "
    run:expect " state +demo +confirmed "
    run:expect " bar "
    assert.equal(0, run:stop(SIGINT))
  end)

  it("are refused with place, value and the nearest name", function()
    local faults = spec.file("faults.lua", [[return { { kind = "rest" } }]])
    local refused = result_of("simulate", "--listen=:0", "--faults", faults)
    assert.equal(1, refused.code)
    assert_finds(refused.errors,
      "faults%.lua: %[1%]%.kind = \"rest\": no such kind, did you mean reset%?\n")
    refused = result_of("run", config_of("simulator",
      ("simulator = { faults = %q }"):format(faults)))
    assert.equal(1, refused.code)
    assert_finds(refused.errors, "feed demo: simulator: .*no such kind, did you mean reset%?")
  end)
end)

describe("moonwick run", function()
  it("prints states and bars, and stops by itself", function()
    local run = result_of("run", "--for", "2s", config())
    assert.equal(0, run.code)
    assert_finds(run.text,
      "%d%d:%d%d:%d%d%.%d%d%d state   demo  confirmed     ws://127%.0%.0%.1:%d+/market_data\n")
    assert_finds(run.text, "\n%S+ bar     demo  BTCUSDT    1m   %d+%-%d+%-%d+ %d%d:%d%d  " ..
      "o [%d.]+ h [%d.]+ l [%d.]+ c [%d.]+ v [%d.]+\n")
    assert_finds(run.errors, " info  feed demo: %d+ frames, %d+ candles, 0 rejects, 0 reconnects\n")
    assert.is_nil(run.text:find("\27"))
  end)

  it("prints what it is asked for", function()
    local run = result_of("run", "--for=500ms", "--no-bars", "--log-level", "warn", config())
    assert.same({ 0, "" }, { run.code, run.errors })
    assert_finds(run.text, " state ")
    assert.is_nil(run.text:find(" bar "))
    run = result_of("run", "--for=500ms", "--quiet", "--log-level=warn", config())
    assert.same({ code = 0, lines = {}, text = "", errors = "" }, run)
  end)

  it("stops within a second of Ctrl-C", function()
    local run = spec.process { spec.program, "run", config() }
    run:expect " bar "
    local start = spec.now()
    assert.equal(0, run:stop(SIGINT))
    assert.is_true(spec.now() - start < 1)
  end)

  it("goes on when a strategy raises or does not load", function()
    local raises = spec.file("raises.lua", "return { handle_bar = function() error 'boom' end }")
    local strategies = ("strategies = { %q, %q },"):format(raises,
      spec.file("broken.lua", "return {"))
    local run = spec.process { spec.program, "run", config(strategies) }
    run:expect " error   broken  .*broken%.lua:1: "
    run:expect " error   raises  .*raises%.lua:1: boom$"
    run:expect " bar "
    run:expect " boom$"
    run:expect " bar "
    assert.equal(0, run:stop(SIGINT))
  end)

  it("fails when every feed has failed", function()
    local port = spec.free_port()
    local run = result_of("run", spec.file("config.lua", ([[
      return { feeds = { { name = "gone", protocol = "wealthdata", symbols = { "A" },
        endpoint = "ws://127.0.0.1:%d/market_data" } }, reconnect = { attempts = 1 } }
      ]]):format(port)))
    assert.equal(1, run.code)
    assert_finds(run.text, " state   gone  failed  ")
    assert_finds(run.errors, "moonwick run: the feed has failed: .")
  end)

  it("ends quietly when its reader leaves", function()
    local command = ('"%s" run "%s" 2>"$0" | head -n 3; echo "${PIPESTATUS[0]}"')
      :format(spec.program, config())
    local errors = spec.file("errors", "")
    local shell = spec.process { "bash", "-c", command, errors }
    assert.equal("0", shell:expect("^%d+$", 20))
    assert.equal(0, shell:wait(5))
    local file = assert(io.open(errors))
    local text = file:read("a")
    file:close()
    assert.is_nil(text:find("moonwick run:"))
  end)

  it("refuses a wrong configuration", function()
    local run = result_of("run", spec.file("config.lua", "return { fed = {} }"))
    assert.equal(3, run.code)
    assert_finds(run.errors, "^moonwick run: .*config%.lua: fed.*did you mean feeds")
  end)
end)
