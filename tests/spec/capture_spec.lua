-- capture_spec.lua - moonwick record and replay, as people and scripts meet them.

local spec = require "spec"

local assert_finds = spec.assert_finds
local read = spec.read

local SIGINT = 2

-- What a command that ends by itself does: its output, standard error and exit code.
local function result_of(...)
  return spec.finish(spec.process { spec.program, ... }, 20)
end

local function config()
  return spec.file("config.lua", [[
    return {
      feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                  symbols = { "BTCUSDT", "ETHUSDT" }, timeframes = { "1m" },
                  simulator = { speed = "6000x" } } },
      log = { level = "warn" },
    }]])
end

-- A capture of one second, made once.
local capture
local function recorded()
  if not capture then
    local path = spec.tmpdir() .. "/demo.mwcap"
    local done = result_of("record", config(), "--out", path, "--for", "1s")
    assert.same({ 0, "" }, { done.code, done.errors })
    assert_finds(done.text, " state   demo  confirmed ")
    assert.is_nil(done.text:find " bar ")
    assert_finds(done.lines[#done.lines], "^recorded %d+ records, %d+ bytes to /.*demo%.mwcap$")
    capture = read(path)
    assert.equal("MWCAP\0\1\0", capture:sub(1, 8))
  end
  return spec.file("again.mwcap", capture)
end

describe("moonwick record and replay", function()
  it("give the same bytes each time", function()
    local path = recorded()
    local first = result_of("replay", path, "--bars", "--gaps")
    assert.equal(0, first.code)
    assert_finds(first.errors, "^moonwick replay: %d+ messages in [%d.]+ s, %d+ a second\n$")
    assert_finds(first.text, "^%d%d:%d%d:%d%d%.%d%d%d bar     demo      BTCUSDT    1m   ")
    assert_finds(first.text, "\ncapture  %d+ records, " .. #capture .. " bytes, %S+Z to %S+Z\n")
    assert_finds(first.text, "\nfeed     demo  wealthdata  1 connection, %d+ messages, ")
    assert_finds(first.text, " [1-9]%d* answers, 0 refused\n")
    assert_finds(first.text, "\nseries   demo  BTCUSDT 1m  %d+ bars, %d+ closed, 0 holes, ")
    for _ = 1, 2 do
      assert.equal(first.text, result_of("replay", path, "--bars", "--gaps").text)
    end
    assert.equal(first.text, result_of("replay", path, "--bars", "--gaps", "--speed", "5x").text)
  end)

  it("show what is asked for", function()
    local path = recorded()
    local plain = result_of("replay", path)
    assert.equal(4, #plain.lines)
    local one = result_of("replay", path, "--bars", "--series", "demo:ETHUSDT:1m")
    assert.equal(0, one.code)
    assert.is_nil(one.text:find "BTCUSDT")
    assert_finds(one.text, " bar     demo      ETHUSDT ")
    local none = result_of("replay", path, "--series", "demo:NONE:1m")
    assert.equal(1, none.code)
    assert_finds(none.errors, "again%.mwcap: there is no such series\n$")
  end)

  it("speak JSON", function()
    local cjson = require "cjson"
    local kinds, bars = {}, 0
    for _, line in ipairs(result_of("replay", recorded(), "--json", "--bars", "--gaps").lines) do
      local object = cjson.decode(line)
      kinds[object.kind] = (kinds[object.kind] or 0) + 1
      if object.kind == "bar" and object.symbol == "BTCUSDT" then bars = bars + 1 end
      if object.kind == "series" and object.symbol == "BTCUSDT" then
        assert.is_true(bars > 10 and object.closed >= bars) -- the rest came as history
        assert_finds(object.digest, "^%x+$")
      end
    end
    assert.same({ 1, 1, 2 }, { kinds.capture, kinds.feed, kinds.series })
  end)

  it("go on with a file that is there, after cutting a torn tail", function()
    local path = recorded()
    local whole = result_of("replay", path).lines
    local file = assert(io.open(path, "wb"))
    file:write(capture:sub(1, -4))
    file:close()
    local torn = result_of("replay", path)
    assert.equal(0, torn.code)
    assert_finds(torn.errors, "again%.mwcap: a torn tail of %d+ bytes was left out\n$")
    assert.not_equal(whole[1], torn.lines[1])
    local more = result_of("record", config(), "--out", path, "--for", "300ms", "--quiet")
    assert.equal(0, more.code)
    assert_finds(more.errors, " warn  capture .*again%.mwcap: a torn tail of %d+ bytes was cut\n$")
    local both = result_of("replay", path)
    assert.equal(0, both.code)
    assert_finds(both.text, "\nfeed     demo  wealthdata  2 connections, ")
  end)

  it("keep what was recorded up to Ctrl-C", function()
    local path = spec.tmpdir() .. "/cut.mwcap"
    local child = spec.process { spec.program, "record", config(), "--out", path, "--bars" }
    child:expect " bar "
    assert.equal(0, child:stop(SIGINT))
    assert.equal(0, result_of("replay", path).code)
  end)

  it("refuse bad files with a reason", function()
    local folder = spec.tmpdir()
    local text = spec.file("text.lua", "return {}")
    local newer = spec.file("newer.mwcap", "MWCAP\0\2\0")
    local bytes = recorded() and capture
    local other = string.char(bytes:byte(101) ~ 0xff) -- whatever was there
    local damaged = spec.file("damaged.mwcap", bytes:sub(1, 100) .. other .. bytes:sub(102))
    for arguments, wanted in pairs {
      [{ "replay", text }] = "text%.lua: not a capture %(it does not begin with MWCAP%)\n$",
      [{ "replay", newer }] = "newer%.mwcap: a capture of version 2, want 1\n$",
      [{ "replay", folder .. "/none" }] = "/none: No such file or directory\n$",
      [{ "replay", damaged }] = "damaged%.mwcap: damaged at byte %d+: %d+ bytes were not read\n$",
      [{ "record", config(), "--out", text }] = "text%.lua: not a capture",
      [{ "record", config(), "--out", newer }] = "newer%.mwcap: a capture of version 2",
      [{ "record", config(), "--out", damaged }] = "damaged%.mwcap: damaged at byte %d+, with rec",
      [{ "record", config(), "--out", folder }] = ": Is a directory\n$",
      [{ "record", config(), "--out", folder .. "/no/x" }] = "/no/x: No such file or directory\n$",
    } do
      local refused = result_of(table.unpack(arguments))
      assert.equal(1, refused.code, table.concat(arguments, " "))
      assert_finds(refused.errors, wanted)
    end
    assert.equal("return {}", read(text))
  end)

  it("say what is missing or wrong in the command line", function()
    for arguments, wanted in pairs {
      [{ "replay" }] = "^moonwick replay: want a file to replay\n",
      [{ "replay", "x", "--speed", "fast" }] = "%-%-speed: 'fast': want 60x",
      [{ "replay", "x", "--series", "BTCUSDT:1m" }] = "%-%-series: .* want FEED:SYMBOL:TIMEFRAME",
      [{ "replay", "x", "--series", "a:b:1x" }] = "%-%-series: timeframe '1x': want",
      [{ "record" }] = "^moonwick record: %-%-out is missing: want a file to record to\n",
    } do
      local refused = result_of(table.unpack(arguments))
      assert.equal(2, refused.code, table.concat(arguments, " "))
      assert_finds(refused.errors, wanted)
    end
    local path = spec.tmpdir() .. "/none.mwcap"
    local bad = result_of("record", spec.file("bad.lua", "return 1"), "--out", path)
    assert.equal(3, bad.code)
    assert_finds(bad.errors, "^moonwick record: .*bad%.lua")
    assert.is_nil(io.open(path))
  end)
end)
