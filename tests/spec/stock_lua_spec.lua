-- stock_lua_spec.lua - the module in the interpreter that users have, instead of the specs' own.

local live = require "live"
local spec = require "spec"

local ROWS = 20
local rows = live.rows(ROWS)

-- Runs a script under the system's lua5.4 with our module in reach; returns exit code, output and
-- standard error.
local function run(source, ...)
  local module = spec.build_dir .. "/lua/moonwick/core.so"
  local file = io.open(module)
  if not file then
    pending("no " .. module .. ": a sanitizer's runtime cannot come in with dlopen")
  end
  file:close()
  return live.run({ "lua5.4", spec.file("script.lua", source), ... }, {
    ("LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua"):format(spec.source_dir, spec.source_dir),
    ("LUA_CPATH=%s/lua/?.so"):format(spec.build_dir),
  })
end

describe("lua5.4", function()
  it("opens a configuration, runs it and gets bars", function()
    local config = spec.file("config.lua", ([[
      return {
        feeds = { { name = "demo", protocol = "wealthdata", endpoint = "simulator",
                    symbols = { "BTCUSD" }, simulator = { speed = "max", replay = %q } } },
        strategies = { %q },
      }
    ]]):format(live.csv(rows), spec.file("tell.lua", [[
      return { handle_bar = function(context, bar) context:signal { close = bar.close } end }
    ]])))
    local code, output, errors = run([[
      local moonwick = require "moonwick"
      local engine <close> = assert(moonwick.open(arg[1]))
      local signals = 0
      engine:on("signal", function(signal) signals = signals + 1; print(signal.values.close) end)
      assert(engine:start())
      for _ = 1, 100 do
        engine:poll(0.1)
        if signals == tonumber(arg[2]) then break end
      end
      local bars = moonwick.get_price("BTCUSD", { count = signals })
      print(#bars, bars.complete, bars.close:sum())
      print(require("wealthdata").get_price("BTCUSD").symbol)
      engine:stop()
    ]], config, tostring(ROWS))
    assert.equal("", errors)
    assert.equal(0, code)
    local lines, sum = {}, 0
    for i, row in ipairs(rows) do
      lines[i] = tostring(tonumber(row.close))
      sum = sum + tonumber(row.close)
    end
    lines[#lines + 1] = ("%d\ttrue\t%s\nBTCUSD"):format(ROWS, sum)
    assert.equal(table.concat(lines, "\n"), output)
  end)

  it("ends well with an engine that is running and forgotten", function()
    local code, _, errors = run [[
      local moonwick = require "moonwick"
      local engine = assert(moonwick.open { feeds = { {
        protocol = "wealthdata", endpoint = "simulator", symbols = { "BTCUSD" } } } })
      assert(engine:start())
      engine:poll(0.1)
    ]]
    assert.same({ 0, "" }, { code, errors })
  end)

  it("gets errors as values", function()
    local code, output = run [[
      local engine, err = require("moonwick").open { feds = {} }
      print(engine, err.kind, err)
    ]]
    assert.equal(0, code)
    assert.equal("nil\tConfigError\tConfigError: config: feds: no such key, did you mean feeds?",
      output)
  end)
end)
