-- backtest_cli_spec.lua - moonwick backtest: reports, files, grids, what is refused, Ctrl-C.

local json = require "cjson"
local live = require "live"
local spec = require "spec"

local assert_finds = spec.assert_finds

local FIRST_MS, STEP_MS = 1704067200000, 60000 -- 2024-01-01
local HEADER = "open_time,open,high,low,close,volume\n"

-- Buys at the bars that params.buy says, sells at those of params.sell; counts from 1.
local SCRIPT = [[
local s = { params = { symbol = "AAA", frequency = "1m", buy = 2, sell = 4, amount = 10,
                       note = "none" } }

function s.handle_bar(context, bar)
  local p, state = context.params, context.state
  state.count = (state.count or 0) + 1
  if state.count == p.buy then
    context:signal { side = "buy", price = bar.close }
    assert(context:buy(p.symbol, p.amount))
  elseif state.count == p.sell then
    assert(context:close(p.symbol))
  elseif p.note == "raise" then
    error "as told"
  elseif p.note == "random" then
    context:signal { value = math.random() }
  end
end

return s
]]

-- A file of a series that opens at 100, 101, ... and closes half above.
local function csv(count, name, first, step_ms)
  return spec.file(name or "aaa.csv", spec.uncollected(function()
    local lines = {}
    for i = 0, (count or 10) - 1 do
      local open = (first or 100) + i
      lines[i + 1] = ("%d,%d,%d,%d,%s,1\n"):format(FIRST_MS + i * (step_ms or STEP_MS), open,
        open + 1, open - 1, open + 0.5)
    end
    return HEADER .. table.concat(lines)
  end))
end

local function backtest(...)
  return spec.finish(spec.process { spec.program, "backtest", ... }, 60)
end

local function script(text)
  return spec.file("hand.lua", text or SCRIPT)
end

local function assert_refused(code, pattern, ...)
  local result = backtest(...)
  assert.equal(code, result.code, pattern .. "\n" .. result.errors)
  assert.equal("", result.text)
  assert_finds(result.errors, "^moonwick backtest: .*" .. pattern)
end

-- Bars 1 to 10 open at 100 to 109 and close 0.5 above. Bought at the open of bar 3, which is 102,
-- sold at that of bar 5, 104, 10 each; the fee is 0.1 %:
--     fees    1.02 + 1.04 = 2.06        profit   20 - 2.06 = 17.94
--     return  17.94 / 10000             holding  109.5 / 100 - 1
describe("the report of a back-test", function()
  it("tells what was run, the figures, trades and costs", function()
    local result = backtest(script(), "--data", csv())
    assert.equal(0, result.code, result.errors)
    for _, line in ipairs {
      "^Back%-test of hand\nParameters        amount=10 buy=2 frequency=1m note=none sell=4 ",
      "\nData              AAA 1m  10 bars\n",
      "\nTime              2024%-01%-01 00:00 to 2024%-01%-01 00:10 UTC, 10m\n",
      "\nAccount           10,000%.00, seed 1\nCosts             fee 0%.1%%, slippage 0%%\n",
      "\nReturn                      %+0%.18%%          %+9%.",
      "\nFinal equity             10,017%.94       10,9",
      "\nExposure                    20%.00%%         100%.00%%\n",
      "\nTrades            1: 1 won %(100%.00%%%), 0 lost, profit factor inf\n",
      "\n                  net %+17%.94, average %+17%.94, held 2m\n",
      "\nOrders            2: 2 filled, 0 cancelled, 0 rejected\n",
      "\nFees              2%.06 on a turnover of 2,060%.00\n",
      "\nSignals           1\n", "\nEquity            [▁▂▃▄▅▆▇█]+\n",
    } do
      assert_finds(result.text, line)
    end
    assert_finds(result.errors, "^moonwick backtest: 10 bars in [%d.]+ s: %d+ bars/s\n$")
    local plain = backtest(script(), "--data", csv(), "--plain", "--quiet")
    assert.equal("", plain.errors)
    assert.falsy(plain.text:find "[\128-\255]")
    for _, line in ipairs(plain.lines) do
      assert.truthy(#line <= 80 and not line:find " $", line)
    end
  end)

  it("shows what is still open", function()
    local result = backtest(script(), "--data", csv(), "--param", "sell=99")
    assert_finds(result.text, "\nTrades            none\n")
    assert_finds(result.text, "\nOpen at the end   AAA long 10 at 102, last 109%.5: %+75%.00\n")
  end)

  it("is one JSON object, with --full all of it", function()
    local file, data = script(), csv()
    local brief = backtest(file, "--data", data, "--json", "--quiet")
    assert.equal(1, #brief.lines)
    local told = json.decode(brief.text)
    assert.equal("hand", told.strategy)
    assert.equal(10, told.bars)
    assert.equal(1, told.trades.count)
    assert.near(17.94, told.trades.profit, 1e-9)
    assert.near(17.94 / 10000, told.figures.total_return, 1e-12)
    assert.equal(json.null, told.trades.profit_factor) -- infinite
    assert.equal(json.null, told.figures.sharpe) -- of one day
    assert.is_nil(told.trade_list)
    local full = json.decode(backtest(file, "--data", data, "--json", "--full", "--quiet").text)
    assert.equal(10, #full.equity_points)
    assert.equal(FIRST_MS + 10 * STEP_MS, full.equity_points[10].time)
    assert.same({ order = 1, symbol = "AAA", side = "buy", time = FIRST_MS + 2 * STEP_MS,
                  amount = 10, price = 102, fee = full.fills[1].fee }, full.fills[1])
    assert.equal(1, #full.trade_list)
    assert.equal("buy", full.trade_list[1].side)
    assert.equal(101.5, full.signal_list[1].signal.price)
  end)

  it("writes trades and equity as CSV", function()
    local folder = spec.tmpdir()
    local trades, equity = folder .. "/trades.csv", folder .. "/equity.csv"
    local result = backtest(script(), "--data", csv(), "--csv", trades, "--equity", equity)
    assert_finds(result.text, "^Back%-test of hand\n")
    assert_finds(spec.read(trades), "^symbol,side,amount,entry_time,entry,exit_time,exit,fees," ..
      "profit,tag\nAAA,buy,10,2024%-01%-01T00:02:00Z,102,2024%-01%-01T00:04:00Z,104,2%.0")
    local _, lines = spec.read(equity):gsub("\n", "")
    assert.equal(11, lines)
    local dash = backtest(script(), "--data", csv(), "--csv", "-", "--quiet")
    assert.equal(spec.read(trades), dash.text .. "\n") -- and nothing else
    local lost = backtest(script(), "--data", csv(), "--csv", folder .. "/no/such/file")
    assert.equal(1, lost.code)
    assert_finds(lost.text, "^Back%-test of hand\n")
    assert_finds(lost.errors, "no/such/file")
  end)

  it("is the same to the last byte each time", function()
    local file, data = script(), csv(500)
    for _, options in ipairs { { "--json", "--full" }, {} } do
      local runs = {}
      for i = 1, 2 do
        runs[i] = backtest(file, "--data", data, "--param", "note=random", "--quiet",
          table.unpack(options)).text
      end
      assert.equal(runs[1], runs[2])
      local other = backtest(file, "--data", data, "--param", "note=random", "--quiet", "--seed",
        "2", table.unpack(options)).text
      assert.not_equal(runs[1], other)
    end
  end)

  it("charges what the account is told", function()
    local told = json.decode(backtest(script(), "--data", csv(), "--json", "--cash", "5000",
      "--fee", "1%", "--slippage", "0.1%", "--fixed-fee", "2", "--quiet").text)
    -- 102.102 and 103.896 with slippage, 1 % of each, and 2 twice
    local profit = 10 * (103.896 - 102.102) - 0.01 * 10 * (102.102 + 103.896) - 4
    assert.near(profit, told.trades.profit, 1e-9)
    assert.near(5000 + profit, told.equity, 1e-9)
    assert.equal(0.01, told.account.fee)
  end)
end)

describe("the data of a back-test", function()
  it("is of the symbol that the strategy wants, and of the time that is asked for", function()
    local told = json.decode(backtest(script(), "--data", csv(), "--from",
      "2024-01-01T00:03:00Z", "--to", "2024-01-01T00:07:00Z", "--json", "--quiet").text)
    assert.equal(5, told.bars)
    assert.equal(FIRST_MS + 3 * STEP_MS, told.from)
    assert.equal(FIRST_MS + 8 * STEP_MS, told.to)
  end)

  it("finds the timeframe of a file, unless it is told", function()
    local hours = csv(10, "hours.csv", 100, 3600000)
    local told = json.decode(backtest(script(), "--data", hours, "--param", "frequency=1h",
      "--json", "--quiet").text)
    assert.equal("1h", told.series[1].timeframe)
    told = json.decode(backtest(script(), "--data", "AAA:1m=" .. hours, "--json", "--quiet").text)
    assert.equal("1m", told.series[1].timeframe)
    assert.equal(9 * 59, told.series[1].absent)
    assert.equal("quiet", told.series[1].absent_as)
    told = json.decode(backtest(script(), "--data", hours, "--timeframe", "1m", "--holes", "--json",
      "--quiet").text)
    assert.equal("holes", told.series[1].absent_as)
  end)

  it("is of several symbols at once", function()
    local both = [[
      local s = {}
      function s.subscriptions()
        return { { symbol = "AAA", frequency = "1m" }, { symbol = "BBB", frequency = "1m" } }
      end
      function s.handle_bar(context, bar)
        if context:position(bar.symbol) == 0 then context:buy(bar.symbol, 1) end
      end
      return s
    ]]
    local one, other = csv(10, "a.csv"), csv(10, "b.csv", 200)
    local told = json.decode(backtest(script(both), "--data", "AAA=" .. one, "--data",
      "f:BBB:1m=" .. other, "--json", "--quiet").text)
    assert.equal(20, told.bars)
    assert.equal("f", told.series[2].feed)
    assert.equal(2, #told.positions)
    assert_refused(2, "whose is .*a%.csv%? the strategy wants AAA and BBB", script(both), "--data",
      one)
  end)

  it("is named by the file for a strategy that takes every series", function()
    local every = "return { handle_bar = function(_, bar) assert(bar.symbol == 'some_file') end }"
    local told = json.decode(backtest(script(every), "--data", csv(3, "some_file.csv"), "--json",
      "--quiet").text)
    assert.equal(3, told.bars)
  end)

  it("comes out of a store, as much of it as the strategy wants", function()
    local folder = spec.tmpdir()
    local store = folder .. "/moonwick.db"
    for _, import in ipairs { { "AAA", csv(120) }, { "BBB", csv(5, "b.csv") } } do
      local done = spec.finish(spec.process { spec.program, "history", "import", import[2],
        "--store", store, "--symbol", import[1], "--timeframe", "1m", "--feed", "demo" }, 20)
      assert.equal(0, done.code, done.errors)
    end
    local told = json.decode(backtest(script(), "--data", store, "--json", "--quiet").text)
    assert.same({ 1, 120, "demo" }, { #told.series, told.bars, told.series[1].feed })
    -- Hours are made of minutes.
    told = json.decode(backtest(script(), "--data", store, "--param", "frequency=1h", "--json",
      "--quiet").text)
    assert.same({ "1h", 2 }, { told.series[1].timeframe, told.bars })
    local every = script "return { handle_bar = function() end }"
    told = json.decode(backtest(every, "--data", store, "--json", "--quiet").text)
    assert.same({ 2, 125 }, { #told.series, told.bars })
    told = json.decode(backtest(every, "--data", store, "--symbol", "BBB", "--json",
      "--quiet").text)
    assert.same({ 1, 5 }, { #told.series, told.bars })
    -- The parameter says which symbol.
    local lines = backtest(script(), "--data", store, "--param", "symbol=AAA,BBB", "--json",
      "--quiet").lines
    assert.equal(2, #lines)
    assert.is_nil(json.decode(lines[2]).error)
    -- Without --data it is moonwick.db of this folder.
    local code, output = live.run({ "sh", "-c", 'cd "$1" && "$2" backtest "$3" --json --quiet',
      "sh", folder, spec.program, script() }, nil, 20)
    assert.equal(0, code)
    assert.equal(120, json.decode(output).bars)
  end)

  it("may be real", function()
    local path = spec.shared "data/btcusdt_bybit_1m_2022-12-13.csv"
    if not path then pending("no shared data") return end
    local told = json.decode(backtest("strategies/sma_cross.lua", "--data", path, "--json",
      "--quiet").text)
    assert.equal(1440, told.bars)
    assert.near(17774.03 / 17205.5 - 1, told.hold.total_return, 0.01)
  end)
end)

describe("a grid", function()
  it("prints a line for each run, the best first, whatever the threads", function()
    local file, data = script(), csv(60)
    local texts = {}
    for jobs = 1, 3 do
      local result = backtest(file, "--data", data, "--param", "buy=1..5", "--param",
        "sell=10..30:10", "--jobs", tostring(jobs), "--quiet")
      assert.equal(0, result.code, result.errors)
      texts[jobs] = result.text
    end
    assert_finds(texts[1], "^Back%-tests of hand: 15 runs\n")
    assert_finds(texts[1], "\nbuy  sell        return   drawdown   Sharpe   trades  factor\n" ..
      "  1    30        %+2%.88%%      0%.00%%        %-        1     inf\n" ..
      "  2    30        %+2%.78%%")
    assert.equal(texts[1], texts[2])
    assert.equal(texts[1], texts[3])
  end)

  it("is sorted by any figure, cut, and written for machines", function()
    local file, data = script(), csv(60)
    local table_file = spec.tmpdir() .. "/grid.csv"
    local sorted = backtest(file, "--data", data, "--param", "amount=1..30", "--sort", "fees",
      "--csv", table_file, "--quiet")
    assert_finds(sorted.text, "\namount        return[^\n]*\n     1 .*\n    20 .*\n" ..
      "and 10 more, by fees: %-%-top 0 shows all$")
    local _, lines = spec.read(table_file):gsub("\n", "")
    assert.equal(31, lines)
    local three = backtest(file, "--data", data, "--param", "amount=1..30", "--top", "3", "--json",
      "--quiet")
    assert.equal(3, #three.lines)
    assert.equal("30", json.decode(three.lines[1]).params.amount)
  end)

  it("tells of runs that fail in their place", function()
    local file, data = script(), csv()
    local some = backtest(file, "--data", data, "--param", "note=none,raise", "--quiet")
    assert.equal(0, some.code)
    assert_finds(some.text, "\nraise  failed\n")
    assert_finds(some.text, "\nfailed: note=raise strategy hand at 2024%-01%-01T00:01:00Z, bar " ..
      "AAA 1m of 2024%-01%-01T00:00:00Z: .*hand%.lua:13: as told$")
    local all = backtest(file, "--data", data, "--param", "note=raise", "--param", "sell=5,6")
    assert.equal(1, all.code)
    assert.equal("", all.text)
    assert_finds(all.errors, "^moonwick backtest: all runs failed, the first with: strategy hand ")
  end)
end)

describe("moonwick backtest", function()
  it("explains itself", function()
    local help = backtest "--help"
    assert.equal(0, help.code)
    assert_finds(help.text, "^usage: moonwick backtest %[OPTION%]%.%.%. %[STRATEGY%]\n")
    assert_finds(help.text, "\nexamples:\n  moonwick backtest ")
    for _, line in ipairs(help.lines) do assert.truthy(#line <= 100, line) end
  end)

  it("refuses what it cannot use, and says what is wanted", function()
    local file, data = script(), csv()
    for pattern, arguments in pairs {
      ["want a strategy to run\ntry 'moonwick backtest %-%-help'"] = {},
      ["want %-%-data FILE: a CSV file or a store; there is no moonwick%.db here"] = { file },
      ["no option '%-%-dta', did you mean .*data"] = { file, "--dta", data },
      ["one argument too many"] = { file, file },
      ["%-%-data: 'a:b:c:d': want SYMBOL, SYMBOL:TIMEFRAME or FEED"] =
        { file, "--data", "a:b:c:d=x.csv" },
      ["%-%-data: timeframe '1x'"] = { file, "--data", "A:1x=" .. data },
      ["%-%-data: '': want SYMBOL"] = { file, "--data", "=" .. "x.csv" },
      ["%-%-timeframe: timeframe '1x'"] = { file, "--timeframe", "1x" },
      ["%-%-from: 'x': want a date"] = { file, "--from", "x" },
      ["%-%-from is after %-%-to"] = { file, "--from", "2024-01-02", "--to", "2024-01-01" },
      ["%-%-cash: 'x': want a number"] = { file, "--cash", "x" },
      ["cash"] = { file, "--cash", "0" },
      ["%-%-fee: '1e%-3%%': want a fraction, like 0%.001 or 0%.1%%"] = { file, "--fee", "1e-3%" },
      ["%-%-fee: '0%.10+%.%.%.': more than 62 digits"] =
        { file, "--fee", "0.1" .. ("0"):rep(62) .. "%" },
      ["fee"] = { file, "--fee", "-1" },
      ["maker"] = { file, "--maker-fee", "2" },
      ["slippage"] = { file, "--slippage", "100%" },
      ["leverage"] = { file, "--leverage", "0" },
      ["%-%-seed: 'x': want a whole number"] = { file, "--seed", "x" },
      ["%-%-jobs: 257: at most 256"] = { file, "--jobs", "257" },
      ["%-%-cache%-bars: 1048577: at most 1048576"] = { file, "--cache-bars", "1048577" },
      ["%-%-sort: 'sharp', did you mean sharpe%?"] = { file, "--sort", "sharp" },
      ["%-%-sort: 'zzzzzzzzz': want one of total_return, "] = { file, "--sort", "zzzzzzzzz" },
      ["%-%-param: 'fast': want NAME=VALUE"] = { file, "--param", "fast" },
      ["%-%-param: parameter 'x': '5%.%.3': want a step above 0"] = { file, "--param", "x=5..3" },
      ["%-%-param: 'x' is given twice"] = { file, "--param", "x=1", "--param", "x=2" },
      ["%-%-full goes with %-%-json"] = { file, "--full" },
      ["standard output takes one of"] = { file, "--csv", "-", "--json" },
      ["%-%-equity and %-%-html are of one run"] =
        { file, "--param", "buy=1,2", "--equity", "x.csv" },
      ["%-%-log%-level: "] = { file, "--log-level", "loud" },
      ["the parameters make more than 1048576 runs"] =
        { file, "--data", data, "--param", "buy=1..1025", "--param", "sell=1..1024" },
    } do
      assert_refused(2, pattern, table.unpack(arguments))
    end
  end)

  it("writes no report over what it reads, nor over another report", function()
    local file, data, one = script(), csv(), spec.tmpdir() .. "/one.csv"
    local before = spec.read(data)
    assert_refused(2, "aaa%.csv is read: want another file to write", file, "--data", data,
      "--csv", data)
    assert_refused(2, "aaa%.csv is read", file, "--data", "AAA:1m=" .. data, "--equity", data)
    assert_refused(2, "hand%.lua is read", file, "--data", data, "--html", file)
    assert_refused(2, "one%.csv is to be written twice", file, "--data", data, "--csv", one,
      "--equity", one)
    assert.equal(before, spec.read(data))
    assert.is_nil(io.open(one))
    local nowhere = backtest(file, "--data", data, "--csv", "/dev/null", "--equity", "/dev/null",
      "--quiet")
    assert.same({ 0, "" }, { nowhere.code, nowhere.errors })
  end)

  it("reads a CSV file from a pipe", function()
    local data = csv()
    local piped = spec.finish(spec.process { "sh", "-c",
      'cat "$3" | "$1" backtest "$2" --data AAA:1m=/dev/stdin --quiet', "sh", spec.program,
      script(), data }, 60)
    local plain = backtest(script(), "--data", "AAA:1m=" .. data, "--quiet")
    assert.same({ 0, "", plain.text }, { piped.code, piped.errors, piped.text })
  end)

  it("fails with what is wrong in files and scripts", function()
    local file, data = script(), csv()
    for pattern, arguments in pairs {
      ["nowhere%.lua"] = { "nowhere.lua", "--data", data },
      ["nowhere%.csv: No such file"] = { file, "--data", "AAA=nowhere.csv" },
      ["bad%.csv:2: "] = { file, "--data", spec.file("bad.csv", HEADER .. "1,2\n") },
      ["params%.byu: the script has no such parameter, did you mean buy%?"] =
        { file, "--data", data, "--param", "byu=1" },
      ["BBB"] = { file, "--data", data, "--symbol", "BBB" },
      ["hand%.lua:1: "] = { script "local =", "--data", data },
      ["strategy hand at 2024%-01%-01T00:01:00Z, bar AAA 1m of 2024%-01%-01T00:00:00Z: " ..
       ".*hand%.lua:13: as told"] = { file, "--data", data, "--param", "note=raise" },
    } do
      assert_refused(1, pattern, table.unpack(arguments))
    end
    local page = backtest(file, "--data", data, "--html", spec.tmpdir() .. "/x.html")
    if page.code ~= 0 then
      assert_finds(page.errors, "%-%-html: this program was built without the chart library")
      assert_finds(page.text, "^Back%-test of hand\n") -- the report is not lost
    end
  end)

  it("shows what a script says without what a terminal obeys", function()
    local file = script [[return { handle_bar = function() error "\27[31mred\u{9b}" end }]]
    local failed = backtest(file, "--data", csv(), "--quiet")
    assert.equal(1, failed.code)
    assert_finds(failed.errors, "%?%[31mred%?.*\nstack traceback:\n\t")
    assert.is_nil(failed.errors:find("[\27]") or failed.errors:find("\u{9b}", 1, true))
  end)

  it("hears Ctrl-C while it reads, however short the run is", function()
    local folder = spec.tmpdir()
    local fifo, data = folder .. "/pipe", csv(10)
    assert(os.execute(("mkfifo '%s'"):format(fifo)))
    local process = spec.process { spec.program, "backtest", script(), "--data", "AAA:1m=" .. fifo,
      "--data", "BBB:1m=" .. data, "--quiet" }
    local file <close> = assert(io.open(fifo, "w")) -- opens once it is read
    process:signal(2)
    file:write(spec.read(data))
    file:close()
    assert.equal(1, process:wait(20))
    assert_finds(process:errors(), "moonwick backtest: interrupted\n$")
    assert.is_nil(process:read_line(1))
  end)

  it("ends soon after Ctrl-C, a grid as well", function()
    local slow = script [[
      return {
        params = { x = 1 },
        init = function() log.info "begun" end,
        handle_bar = function() for _ = 1, 50000 do end end,
      }
    ]]
    local data = csv(30000)
    for _, param in ipairs { "x=1", "x=1..64" } do
      local process = spec.process { spec.program, "backtest", slow, "--data", "A=" .. data,
        "--param", param, "--jobs", "2", "--log-level", "info" }
      assert(spec.wait_for(function() return process:errors():find("begun", 1, true) end))
      process:signal(2)
      assert.equal(1, process:wait(10))
      assert_finds(process:errors(), "moonwick backtest: interrupted\n$")
      assert.is_nil(process:read_line(1))
    end
  end)
end)

-- In a terminal of its own: tmux with a socket in a folder of the test.
describe("the progress of a back-test", function()
  local socket

  local function tmux(...)
    return live.run({ "tmux", "-S", socket, "-f", "/dev/null", ... }, { "TMUX=" }, 20)
  end

  after_each(function()
    if socket then tmux "kill-server" end
    socket = nil
  end)

  it("is a bar with a rate, which is gone when the report comes", function()
    if not os.execute "command -v tmux >/dev/null 2>&1" then pending("no tmux") return end
    socket = spec.tmpdir() .. "/tmux"
    local slow = script "return { handle_bar = function() for _ = 1, 4000 do end end }"
    local command = ("'%s' backtest '%s' --data 'A=%s' --plain; echo ended; cat"):format(
      spec.program, slow, csv(50000))
    local code, _, errors = tmux("new-session", "-d", "-x", "100", "-y", "40", command)
    assert.equal(0, code, errors)
    local text
    local function shows(pattern)
      return spec.wait_for(function()
        _, text = tmux("capture-pane", "-p", "-J")
        return text:find(pattern)
      end, 60)
    end
    assert(shows "hand%.lua +%d+%% %[#*%.+%]  %d+ bars  %d+s left  %d+ bars/s", text)
    assert(shows "\nended", text)
    assert_finds(text, "^Back%-test of hand\n")
    assert_finds(text, "moonwick backtest: 50000 bars in [%d.]+ s: %d+ bars/s\n")
    assert.falsy(text:find("[#", 1, true), text)
  end)
end)
