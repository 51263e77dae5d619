-- history_download_spec.lua - `moonwick history download` against `moonwick simulate`: lines, a bar
-- on a real terminal, interruptions of every kind.

local live = require "live"
local spec = require "spec"

local SIGINT, SIGKILL = 2, 9

local server, rest

local function start_server()
  local url
  server, url = live.simulate { "--symbols", "BTCUSDT,ETHUSDT", "--timeframes", "1m,1h" }
  rest = url:gsub("^ws", "http"):gsub("/market_data$", "")
end

local function arguments(store, ...)
  return { spec.program, "history", "download", "--protocol", "wealthdata", "--rest", rest,
           "--store", store, ... }
end

local function download(store, ...)
  return live.run(arguments(store, ...), nil, 60)
end

-- The store has every bar from the first to the last, and no hole.
local function assert_whole(store, series)
  local code, output, errors = live.run { spec.program, "history", "verify", store, "--strict" }
  assert.equal("", errors)
  assert.equal(0, code)
  assert.truthy(output:find(("%d series: ok"):format(series), 1, true), output)
end

-- Of `history list`; empty where it was killed before there was a store.
local function output_of_list(store)
  local code, output = live.run { spec.program, "history", "list", store }
  return code == 0 and not output:find("^0 series") and output or ""
end

-- Rows and holes of the line about a series.
local function summary(output, name)
  local rows, holes, new = output:match(name .. ": (%d+) rows?, (%d+) holes?, .-; (%d+) new")
  assert(rows, output)
  return tonumber(rows), tonumber(holes), tonumber(new)
end

describe("history download", function()
  before_each(start_server)
  after_each(function() server:stop() end)

  it("brings the past of several series and does not ask for it twice", function()
    local store = spec.tmpdir() .. "/x.db"
    local range = { "--symbol", "BTCUSDT,ETHUSDT", "--timeframe", "1m,1h", "--from", "3d", "--to",
                    "1d" }
    local code, output, errors = download(store, table.unpack(range))
    assert.equal("", errors)
    assert.equal(0, code)
    for _, symbol in ipairs { "BTCUSDT", "ETHUSDT" } do
      local rows, holes, new = summary(output, "wealthdata " .. symbol .. " 1m")
      assert.same({ 0, rows }, { holes, new })
      assert.truthy(rows == 2880 or rows == 2881, rows)
      rows = summary(output, "wealthdata " .. symbol .. " 1h")
      assert.truthy(rows == 48 or rows == 49, rows)
    end
    assert_whole(store, 4)
    code, output = download(store, "--symbols", "BTCUSDT,ETHUSDT", "--timeframes", "1m,1h",
      table.unpack(range, 5))
    assert.equal(0, code)
    local _, _, new = summary(output, "wealthdata BTCUSDT 1m")
    assert.truthy(new <= 1, output)
  end)

  it("takes exact times, and the venue from a configuration", function()
    local store = spec.tmpdir() .. "/x.db"
    local config = spec.file("config.lua", ([[
      return { feeds = { { name = "mine", protocol = "wealthdata", endpoint = "%s",
                           symbols = { "ETHUSDT" }, timeframes = { "1h" } } },
               history = { store = "%s" } }
    ]]):format(rest:gsub("^http", "ws") .. "/market_data", store))
    local code, output, errors = live.run { spec.program, "history", "download", "--config", config,
      "--from", "2026-03-01", "--to", "2026-03-02T23:00" }
    assert.equal("", errors)
    assert.equal(0, code)
    assert.equal("mine ETHUSDT 1h: 48 rows, 0 holes, "
      .. "2026-03-01T00:00Z .. 2026-03-02T23:00Z; 48 new", output)
    assert_whole(store, 1)
  end)

  it("says what is wrong with what it is asked for", function()
    for _, case in ipairs {
      { 2, "%-%-from is missing", "--symbol", "BTCUSDT" },
      { 2, "%-%-symbol is missing", "--from", "1d" },
      { 2, "%-%-from: '2024': want a date", "--from", "2024" },
      { 2, "%-%-from is after %-%-to", "--from", "1d", "--to", "2d", "--symbol", "BTCUSDT" },
      { 2, "%-%-timeframe: .*'1x'", "--from", "1d", "--symbol", "BTCUSDT", "--timeframe", "1x" },
      { 2, "%-%-feed: want", "--from", "1d", "--symbol", "BTCUSDT", "--feed", "a b" },
      { 1, "BTCUSDT 3m: .*unknown", "--from", "1d", "--symbol", "BTCUSDT", "--timeframe", "3m" },
      { 1, "NOPE 1m: status 400: .*unknown symbol", "--from", "1d", "--symbol", "NOPE" },
    } do
      local code, _, errors = download(spec.tmpdir() .. "/x.db", table.unpack(case, 3))
      assert.equal(case[1], code)
      assert.truthy(errors:find("^moonwick history download: " .. case[2])
        or errors:find(case[2]), errors)
    end
  end)

  it("writes a line now and then where there is no terminal, and ends with Ctrl-C", function()
    local store = spec.tmpdir() .. "/x.db"
    local child = spec.process(arguments(store, "--symbol", "BTCUSDT", "--from", "1500d",
      "--every", "100ms"))
    local line
    assert(spec.wait_for(function()
      line = child:errors():match("BTCUSDT 1m +%d+%% +[1-9]%d* rows  %d[%dhms]+ left  %d+ rows/s\n")
      return line
    end, 20), child:errors())
    assert.falsy(child:errors():find("\27", 1, true))
    child:signal(SIGINT)
    local output = child:expect("^wealthdata BTCUSDT 1m: .*")
    assert.equal(1, child:wait(10))
    assert.truthy(output:find("still to be asked for", 1, true), output)
    assert.truthy(child:errors():find("stopped; run it again to go on\n", 1, true))
    assert_whole(store, 1)
    assert.truthy(summary(output, "BTCUSDT 1m") > 0)
  end)

  it("goes on after kill -9 at any moment", function()
    local store, rounds, ended = spec.tmpdir() .. "/x.db", 0
    math.randomseed(7)
    repeat
      local child = spec.process(arguments(store, "--symbol", "ETHUSDT", "--from", "2026-01-01",
        "--to", "2026-04-01"))
      ended = child:wait(math.random(30, 200 + 60 * rounds) / 1000)
      if not ended then child:signal(SIGKILL) end
      child:wait(10)
      child:stop()
      if rounds % 3 == 2 and output_of_list(store) ~= "" then assert_whole(store, 1) end
      rounds = rounds + 1
    until ended == 0 or rounds > 60
    assert.truthy(rounds > 3, rounds)
    assert.equal(0, ended)
    local _, output = download(store, "--symbol", "ETHUSDT", "--from", "2026-01-01", "--to",
      "2026-04-01")
    assert.equal(90 * 1440 + 1, (summary(output, "wealthdata ETHUSDT 1m")))
    assert_whole(store, 1)
  end)
end)

-- A terminal of its own: tmux with a socket in a folder of the test.
local function tmux(socket, ...)
  return live.run({ "tmux", "-S", socket, "-f", "/dev/null", ... }, { "TMUX=" }, 20)
end

local function has_tmux()
  return (os.execute "command -v tmux >/dev/null 2>&1")
end

describe("the bar of history download", function()
  local socket
  before_each(start_server)
  after_each(function()
    if socket then tmux(socket, "kill-server") end
    socket = nil
    server:stop()
  end)

  -- Runs it in a terminal of so many columns; returns a function that gives its lines.
  local function open(columns, environment, ...)
    socket = spec.tmpdir() .. "/tmux"
    local words = {}
    for i, word in ipairs(arguments(spec.tmpdir() .. "/x.db", ...)) do
      words[i] = ("'%s'"):format(word)
    end
    local command = environment .. " " .. table.concat(words, " ") .. "; echo ended; cat"
    local code, _, errors = tmux(socket, "new-session", "-d", "-x", tostring(columns), "-y", "20",
      command)
    assert.equal(0, code, errors)
    return function()
      local _, text = tmux(socket, "capture-pane", "-p", "-J")
      return text
    end
  end

  it("is drawn on one line, as wide as the terminal has room for", function()
    if not has_tmux() then pending("no tmux") return end
    for _, columns in ipairs { 100, 30 } do
      local screen = open(columns, "env", "--symbol", "BTCUSDT", "--from", "90d")
      local text
      local pattern = "BTCUSDT 1m +%d+%%"
      if columns > 40 then
        pattern = pattern .. " %[#+%.+%]  %d+ rows  %d+s left  %d+ rows/s"
      end
      assert(spec.wait_for(function()
        text = screen()
        return text:find(pattern)
      end, 20), text)
      local _, lines = text:gsub("BTCUSDT 1m +%d+%%", "")
      assert.equal(1, lines, text)
      assert(spec.wait_for(function()
        text = screen()
        return text:find("ended", 1, true)
      end, 60), text)
      assert.falsy(text:find("%d%%"), text) -- it is gone
      assert.truthy(text:find("wealthdata BTCUSDT 1m: 1[23]%d%d%d%d rows, 0 holes"), text)
      tmux(socket, "kill-server")
    end
  end)

  it("is lines on a terminal that cannot go back", function()
    if not has_tmux() then pending("no tmux") return end
    local screen = open(90, "env TERM=dumb", "--symbol", "BTCUSDT", "--from", "90d", "--every",
      "200ms")
    local text
    assert(spec.wait_for(function()
      text = screen()
      return text:find("BTCUSDT 1m +%d+%%  %d+ rows[^\n]*\nBTCUSDT 1m +%d+%%  %d+ rows")
    end, 20), text)
    assert.falsy(text:find("[#", 1, true))
  end)
end)
