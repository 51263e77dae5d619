-- history_cli_spec.lua - moonwick history import, export, list and verify, as people meet them.

local spec = require "spec"

local assert_finds = spec.assert_finds
local read = spec.read

local HEADER = "open_time,open,high,low,close,volume\n"
local FIRST_MS, STEP_MS = 1522800000000, 60000

local function finish(command)
  return spec.finish(spec.process(command), 20)
end

local function history(...)
  return finish { spec.program, "history", ... }
end

local function shell(script, ...)
  return finish { "sh", "-c", script, spec.program, ... }
end

-- Rows of one minute each at the given positions, 0 for the first; a second value is the price.
local function rows(positions, price)
  local parts = {}
  for _, position in ipairs(positions) do
    local open = price or 7000 + position
    parts[#parts + 1] = ("%d,%d,%d.5,%d.25,%d,3.125\n"):format(FIRST_MS + position * STEP_MS,
      open, open, open - 1, open)
  end
  return table.concat(parts)
end

local function csv(text, name)
  return spec.file(name or "bars.csv", text)
end

-- A file of so many minutes.
local function long_csv(count)
  return csv(spec.uncollected(function()
    local positions = {}
    for i = 1, count do positions[i] = i end
    return HEADER .. rows(positions)
  end))
end

local function new_store()
  return spec.tmpdir() .. "/history.db"
end

-- Imports one minute bars of demo's BTCUSDT; more arguments follow the file.
local function import(store, file, ...)
  return history("import", file, "--store", store, "--symbol", "BTCUSDT", "--timeframe", "1m",
    "--feed", "demo", ...)
end

local function export(store, ...)
  return history("export", "--store", store, "--symbol", "BTCUSDT", "--timeframe", "1m", ...)
end

local function assert_imported(result, pattern)
  assert.equal("", result.errors)
  assert.equal(0, result.code)
  assert_finds(result.text, pattern)
end

describe("moonwick history", function()
  it("lists and explains its sub-commands", function()
    local help = history "--help"
    assert.equal(0, help.code)
    for _, name in ipairs { "import", "export", "verify", "list" } do
      assert_finds(help.text, "\n  " .. name .. " +%u%l+")
      local own = history(name, "--help")
      assert.equal(0, own.code)
      assert_finds(own.text, "^usage: moonwick history " .. name .. " ")
      assert_finds(own.text, "\nexamples:\n  moonwick history " .. name)
      assert.same(own, finish { spec.program, "help", "history", name })
    end
    assert.same(help, finish { spec.program, "help", "history" })
    local nothing = history()
    assert.equal(2, nothing.code)
    assert.equal(help.text .. "\n", nothing.errors)
  end)

  it("names the nearest sub-command and option", function()
    local wrong = history "improt"
    assert.equal(2, wrong.code)
    assert.equal("moonwick history: no sub-command 'improt', did you mean import?\n", wrong.errors)
    wrong = history("list", "--jsom")
    assert.equal(2, wrong.code)
    assert_finds(wrong.errors, "^moonwick history list: no option '%-%-jsom', did you mean .*json")
  end)

  it("says what an import wants", function()
    local file = csv(HEADER .. rows { 0 })
    for wanted, arguments in pairs {
      ["want a file to import"] = {},
      ["want %-%-symbol"] = { file },
      ["want %-%-timeframe"] = { file, "--symbol", "A" },
      ["want %-%-feed NAME: the feed's name in the configuration"] =
        { file, "--symbol", "A", "--timeframe", "1m" },
      ["%-%-timeframe: timeframe '1x'"] = { file, "--timeframe", "1x" },
      ["%-%-time: 'm': want ms, s"] = { file, "--time", "m" },
      ["%-%-delimiter: 'x': want ','"] = { file, "--delimiter", "x" },
      ["standard input is read alone"] = { "-", file },
      ["%-%-symbol: 'A+%.*': want 1 to 64 bytes"] =
        { file, "--symbol", ("A"):rep(65), "--timeframe", "1m" },
    } do
      local refused = history("import", "--store", new_store(), table.unpack(arguments))
      assert.equal(2, refused.code, wanted)
      assert_finds(refused.errors, "^moonwick history import: .*" .. wanted)
    end
  end)
end)

describe("moonwick history import", function()
  it("brings rows in, with holes where the file lacks bars, and the rates", function()
    local store = new_store()
    local done = import(store, csv(HEADER .. rows { 0, 1, 4, 5, 7 }))
    assert_imported(done, "^demo BTCUSDT 1m: 5 rows in [%d.]+ s: " ..
      "%d+ rows/s %(parsing [%d.]+ s%)\n" ..
      "  5 new, 0 were there\n  2 holes, 3 bars missing ")
    local list = history("list", store)
    assert_finds(list.lines[1], "^demo BTCUSDT 1m  2018%-04%-04T00:00:00Z  " ..
      "2018%-04%-04T00:07:00Z +5 rows, 2 holes with 3 missing$")
    assert_finds(list.lines[2], "^1 series, 5 rows, [%d.]+ KiB on disk$")
    local json = history("list", store, "--json")
    assert_finds(json.lines[1], '"feed":"demo","symbol":"BTCUSDT","timeframe":"1m",' ..
      '"first_time":1522800000000,"last_time":1522800420000,"rows":5,"holes":2,"missing":3,' ..
      '"sources":{"import":5}}$')
  end)

  it("counts what is absent as quiet with --whole", function()
    local store = new_store()
    assert_imported(import(store, csv(HEADER .. rows { 0, 1, 4 }), "--whole"),
      "3 new, 0 were there$")
    local verify = history("verify", store, "--strict")
    assert.equal(0, verify.code)
    assert_finds(verify.lines[1], "3 rows, 2 quiet: ok$")
  end)

  it("tells of the bars that are missing between two files", function()
    local store = new_store()
    local late, early = csv(HEADER .. rows { 6, 7 }, "late.csv"), csv(HEADER .. rows { 0, 2 })
    assert_imported(history("import", late, early, "--store", store, "--symbol", "A",
      "--timeframe", "1m", "--feed", "f"), "\n  2 holes, 4 bars missing in the series now ")
    assert_finds(history("list", store, "--timeframe", "1m").lines[1], "2 holes with 4 missing$")
    assert.equal(1, #history("list", store, "--timeframe", "5m").lines)
  end)

  it("reads files as venues give them", function()
    local store, binance = new_store(), {}
    for minute = 1, 0, -1 do
      local line = ("%d000,7000.10,7001,6999.5,7000,1.5,%d999,10500.5,42,0.5,3500,0\n"):format(
        1522800000000 + minute * 60000, 1522800059999 + minute * 60000)
      table.insert(binance, 1, line)
    end
    assert_imported(import(store, csv(table.concat(binance))), "\n  2 new, 0 were there$")
    assert_finds(export(store).text, "\n1522800000000,7000.1,7001,6999.5,7000,1.5,10500.5,42\n")
    local newest_first = csv("Date;Open;High;Low;Close;Volume\n" ..
      '"2018-04-04 00:03";1;2;1;2;3\n"2018-04-04 00:02";1;2;1;2;3\n')
    assert_imported(import(store, newest_first), "\n  2 new, 0 were there$")
    local zipped = import(store, csv "PK\3\4 and so on")
    assert.equal(1, zipped.code)
    assert_finds(zipped.errors, "bars%.csv: a zip archive: unpack it")
    local wrong = import(store, newest_first, "--columns", "time,opne")
    assert.equal(2, wrong.code)
    assert_finds(wrong.errors, "no column 'opne', did you mean open%?")
  end)

  it("keeps what the store knows of the bars that a file lacks", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0, 1, 4 }), "--whole")
    assert_imported(import(store, csv(HEADER .. rows { 1, 4, 6 })),
      "1 new, 2 were there\n  1 hole, 1 bar missing")
    assert_imported(import(store, csv(HEADER .. rows { 4, 5, 6, 9 })),
      "2 new, 2 were there\n  1 hole, 2 bars missing")
    assert_finds(history("verify", store).lines[1],
      "6 rows, 2 quiet, 1 hole with 2 missing: ok$")
    assert_imported(import(store, csv(HEADER .. rows { 6, 9 }), "--whole"), "0 new")
    assert_finds(history("verify", store, "--strict").lines[1], "6 rows, 4 quiet: ok$")
  end)

  it("keeps rows that are there, and replaces them when asked", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0, 1, 2 }))
    local changed = csv(HEADER .. rows({ 1 }, 42) .. rows { 2, 3 })
    assert_imported(import(store, changed),
      "1 new, 2 were there, 1 with other values, which were kept")
    assert_finds(export(store).text, "\n1522800060000,7001,")
    assert_imported(import(store, changed, "--replace"), "0 new, 3 were there, 1 replaced")
    assert_finds(export(store).text, "\n1522800060000,42,")
  end)

  it("takes the only feed that the store has", function()
    local store, file = new_store(), csv(HEADER .. rows { 0 })
    import(store, file)
    local arguments = { "import", file, "--store", store, "--symbol", "ETHUSDT",
                        "--timeframe", "1m" }
    assert_imported(history(table.unpack(arguments)), "^demo ETHUSDT 1m: 1 row ")
    history("import", file, "--store", store, "--symbol", "A", "--timeframe", "1m", "--feed", "b")
    local refused = history(table.unpack(arguments))
    assert.equal(2, refused.code)
    assert_finds(refused.errors, "want %-%-feed NAME: the store has several %(b, demo%)")
  end)

  it("names a bad row by line and imports nothing", function()
    for text, wanted in pairs {
      [HEADER .. rows { 0 } .. "1522800060000,1,2,3,1,1\n"] = ":3: column high: not a candle",
      [HEADER .. rows { 0 } .. "1522800060000,1,x,1,1,1\n"] =
        ":3: column high: 'x' is not a decimal",
      [HEADER .. rows { 0 } .. "1522800060000,1\n"] = ":3: column high is missing: want 6 columns",
      [HEADER .. rows { 1, 2, 0 }] =
        ":4: column open_time: 2018.* is not later than the row before",
      [HEADER .. rows { 1, 1 }] = ":3: column open_time: 2018.* is there twice, .* the same values",
      [HEADER .. "1522800000001,1,1,1,1,1\n"] =
        ":2: column open_time: .* not the start of a bar of 1m",
      [HEADER .. "4102444800000,1,1,1,1,1\n"] = ":2: column open_time: 2100.* has not come yet",
      [HEADER] = ": there is no row in it",
      ["a,b,c\n"] = ":1: header 'a,b,c': no column open_time",
      [""] = ": there is nothing in it",
    } do
      local store = new_store()
      local refused = import(store, csv(text))
      assert.equal(1, refused.code, wanted)
      assert_finds(refused.errors, "^moonwick history import: /.*bars%.csv" .. wanted)
      assert_finds(refused.errors, "\nnothing was imported\n$")
      assert.is_nil(io.open(store))
    end
  end)

  it("imports nothing of several files when the last is bad", function()
    local store = new_store()
    local good, bad = csv(HEADER .. rows { 0, 1 }), csv(HEADER .. "x\n", "bad.csv")
    local arguments = { "--store", store, "--symbol", "A", "--timeframe", "1m", "--feed", "f" }
    local refused = history("import", good, bad, table.unpack(arguments))
    assert.equal(1, refused.code)
    assert_finds(refused.errors, "bad%.csv:2: ")
    assert.is_nil(io.open(store))
    local more = csv(HEADER .. rows { 2, 3 })
    assert_imported(history("import", more, good, table.unpack(arguments)),
      "^f A 1m: 4 rows .*\n  4 new, 0 were there$")
    assert_finds(history("verify", store, "--strict").lines[1], "4 rows: ok$")
  end)

  it("leaves bad rows out with --skip-bad, shows the first few and counts them all", function()
    local store = new_store()
    local done = import(store, csv(HEADER .. rows { 0 } .. ("x,1\n"):rep(7) .. rows { 0, 1 }),
      "--skip-bad")
    assert.equal(0, done.code)
    assert_finds(done.text, "\n  2 new, 0 were there\n" ..
      "  8 bad rows left out: 7 unreadable, 1 duplicate$")
    local shown = select(2, done.errors:gsub("moonwick history import: left out: /%S+:%d+: ", ""))
    assert.equal(5, shown)
    assert_finds(done.errors, "bars%.csv:3: column ")
  end)

  it("reads other columns, times and delimiters, gzip and standard input", function()
    local store = new_store()
    local text = "close;x;when;open;high;low;vol\n7000;;1522800000;7000;7000.5;6999.25;3.125\n"
    assert_imported(import(store, csv(text), "--delimiter", ";", "--columns",
      "close,-,time,open,high,low,volume"), "1 new")
    local iso = csv("Date,Open,High,Low,Close,Volume\r\n2018-04-04 00:01,1,2,1,2,3\r\n")
    assert_imported(import(store, iso), "1 new")
    local file = csv(rows { 2 })
    local piped = shell('gzip -c <"$1" | "$0" history import - --store "$2" --symbol BTCUSDT ' ..
      '--timeframe 1m --no-header', file, store)
    assert_imported(piped, "^demo BTCUSDT 1m: 1 row ")
    assert.equal(HEADER .. rows { 0 } .. "1522800060000,1,2,1,2,3\n" .. rows { 2 },
      export(store).text .. "\n")
    local refused = import(store, iso, "--time", "ms")
    assert.equal(1, refused.code)
    assert_finds(refused.errors, ":2: column open_time: '2018%-04%-04 00:01' is not a time in mill")
  end)

  it("leaves out the bar that has not ended", function()
    local store = new_store()
    local now = os.time() // 86400 * 86400
    local done = history("import", csv(HEADER .. ("%d000,1,1,1,1,1\n%d000,1,1,1,1,1\n"):format(
      now - 86400, now)), "--store", store, "--symbol", "A", "--timeframe", "1d", "--feed", "f")
    assert_imported(done, "^f A 1d: 1 row .*\n  1 row left out: the bar has not ended$")
  end)

  it("tells of files and stores that are none", function()
    local store, file = new_store(), csv(HEADER .. rows { 0 })
    local missing = import(store, spec.tmpdir() .. "/none.csv")
    assert.equal(1, missing.code)
    assert_finds(missing.errors, "none%.csv: No such file or directory\n")
    assert_finds(import(store, spec.tmpdir()).errors, ": Is a directory\n")
    local other = import(file, file)
    assert.equal(1, other.code)
    assert_finds(other.errors, "bars%.csv: ")
    assert.equal(HEADER .. rows { 0 }, read(file))
    assert.equal(1, import(spec.tmpdir() .. "/no/such/folder.db", file).code)
  end)

  it("tells of a full disk, and goes on when there is room", function()
    local store, file = new_store(), long_csv(20000)
    local full = shell('ulimit -f 600; exec "$0" history import "$1" --store "$2" ' ..
      '--symbol BTCUSDT --timeframe 1m --feed demo', file, store)
    assert.equal(1, full.code)
    assert_finds(full.errors, "^moonwick history import: .*history%.db: ")
    assert_finds(full.errors, "\n0 rows were imported; the same command imports the rest\n$")
    assert_imported(import(store, file), "20000 new, 0 were there")
    local output = spec.tmpdir() .. "/out.csv"
    full = shell('ulimit -f 600; exec "$0" history export --store "$1" --symbol BTCUSDT ' ..
      '--timeframe 1m --output "$2"', store, output)
    assert.equal(1, full.code)
    assert_finds(full.errors, "^moonwick history export: .*out%.csv: File too large\n$")
    assert.same({}, shell('ls -A "$1"', (output:gsub("/out.csv$", ""))).lines)
  end)
end)

describe("moonwick history export", function()
  it("writes what was asked for, where it was asked for", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0, 1, 2, 3 }))
    local all = export(store)
    assert.equal(0, all.code)
    assert.equal(HEADER .. rows { 0, 1, 2, 3 }, all.text .. "\n")
    assert_finds(all.errors, "^moonwick history export: demo BTCUSDT 1m: 4 rows in [%d.]+ s: ")
    local some = export(store, "--from", "2018-04-04T00:01:00Z", "--to", "1522800120000", "--feed",
      "demo")
    assert.equal(HEADER .. rows { 1, 2 }, some.text .. "\n")
    assert.equal(HEADER, export(store, "--from", "2030-01-01").text .. "\n")
    assert.equal(HEADER, export(store, "--from", "1d", "--to", "now").text .. "\n")
    for _, wrong in ipairs { "2018", "soon", "2018-13-01" } do
      local refused = export(store, "--from", wrong)
      assert.equal(2, refused.code)
      assert_finds(refused.errors, "%-%-from: '" .. wrong:gsub("%-", "%%-") .. "': want a date")
    end
    assert.equal(2, export(store, "--from", "2018-04-05", "--to", "2018-04-04").code)
    assert_finds(export(store, "--time", "iso").lines[2], "^2018%-04%-04T00:00:00Z,7000,")
    assert_finds(export(store, "--time", "s").lines[2], "^1522800000,7000,")
  end)

  it("is quiet about a reader that has seen enough", function()
    local store = new_store()
    import(store, long_csv(20000))
    local head = shell('{ "$0" history export --store "$1" --symbol BTCUSDT --timeframe 1m; ' ..
      'echo "exit $?" >&2; } | head -1', store)
    assert.equal(HEADER, head.text .. "\n")
    assert.equal("exit 0\n", head.errors)
  end)

  it("writes a file when all of it is there, gzipped when its name says so", function()
    local store, output = new_store(), spec.tmpdir() .. "/out.csv.gz"
    import(store, csv(HEADER .. rows { 0, 1 }))
    local done = export(store, "--output", output)
    assert.same({ 0, "" }, { done.code, done.text })
    assert.equal("\31\139", read(output):sub(1, 2))
    assert.equal(HEADER .. rows { 0, 1 }, shell('gzip -dc "$1"', output).text .. "\n")
    local again = new_store()
    assert_imported(import(again, output), "2 new")
    assert.equal(1, export(store, "--output", "/dev/full").code)
    assert.equal(1, export(store, "--output", spec.tmpdir()).code)
  end)

  it("has turnover and trades where they are known", function()
    local store = new_store()
    local text = "open_time,open,high,low,close,volume,turnover,trades\n" ..
      "1522800000000,1,2,1,2,3,4.5,6\n1522800060000,1,2,1,2,3,,\n"
    import(store, csv(text))
    assert.equal(text, export(store).text .. "\n")
  end)

  it("says what there is when a series is not", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0 }))
    local none = history("export", "--store", store, "--symbol", "ETH", "--timeframe", "1m")
    assert.equal(1, none.code)
    assert_finds(none.errors, "there is no series ETH 1m\ntry 'moonwick history list'\n$")
    none = export(store, "--feed", "other")
    assert_finds(none.errors, "there is no series BTCUSDT 1m of feed other\n")
    history("import", csv(HEADER .. rows { 0 }), "--store", store, "--symbol", "BTCUSDT",
      "--timeframe", "1m", "--feed", "other")
    none = export(store)
    assert.equal(1, none.code)
    assert_finds(none.errors, "want %-%-feed NAME: the store has several %(demo, other%)")
    assert.equal(1, export(new_store()).code)
    assert.equal(1, history("list", csv "no store at all").code)
    assert.equal(1, history("list", new_store()).code)
  end)

  -- The values are the same: where a file writes zeros at the end of a number ("202.0" in one of
  -- them), the shortest text of the same double is compared.
  it("gives every file of real data back to the last digit", function()
    local folder = spec.shared "data/README.md"
    if not folder then
      pending "no folder of market data beside the sources"
      return
    end
    folder = folder:gsub("/README.md$", "")
    local store, count = new_store(), 0
    for _, name in ipairs(shell('cd "$1" && ls *.csv derived/*.csv', folder).lines) do
      local symbol = name:gsub("^derived/", "")
      local timeframe = symbol:match "_(%d+[mhd])_" or "1d"
      local key = { "--store", store, "--symbol", symbol, "--timeframe", timeframe }
      local source = folder .. "/" .. name
      assert_imported(history("import", source, "--feed", "f", table.unpack(key)),
        " new, 0 were there")
      local output = spec.tmpdir() .. "/out.csv"
      assert.equal(0, history("export", "--output", output, table.unpack(key)).code)
      local compared = shell([[cut -d, -f1-6 "$1" | sed -E 's/(\.[0-9]*[1-9])0+(,|$)/\1\2/g; ]] ..
        [[s/\.0+(,|$)/\1/g' | cmp - "$2"]], source, output)
      assert.same({ 0, "", name }, { compared.code, compared.text .. compared.errors, name })
      count = count + 1
    end
    assert.is_true(count >= 13)
    assert.equal(0, history("verify", store).code)
  end)
end)

describe("moonwick history verify", function()
  it("tells holes of a store, and takes them as wrong with --strict", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0, 1, 4 }))
    local verify = history("verify", store)
    assert.equal(0, verify.code)
    assert.equal("demo BTCUSDT 1m: 2018-04-04T00:00:00Z to 2018-04-04T00:04:00Z, 3 rows, " ..
      "1 hole with 2 missing: ok\n" .. store .. ": 1 series: ok", verify.text)
    verify = history("verify", "--store", store, "--strict")
    assert.equal(1, verify.code)
    assert_finds(verify.text, "WRONG: there are holes$")
  end)

  it("finds candles that cannot be, and a store that is damaged", function()
    local store = new_store()
    import(store, csv(HEADER .. rows { 0, 1, 2 }))
    local damage = shell(
      [[sqlite3 "$1" "UPDATE candles SET high = 1 WHERE key IN (SELECT max(key) FROM candles)"]],
      store)
    if damage.code == 127 then
      pending "no sqlite3 program"
      return
    end
    assert.same({ 0, "" }, { damage.code, damage.errors })
    local verify = history("verify", store)
    assert.equal(1, verify.code)
    assert_finds(verify.text, "^demo BTCUSDT 1m: WRONG: .*2018%-04%-04T00:02:00Z: bad_range")
    assert.equal(1, history("verify", csv(("SQLite format 3\0"):rep(100))).code)
  end)

  it("checks CSV files: a line each, and the first few bad rows", function()
    local file = csv(HEADER .. rows { 0, 1, 4 })
    local verify = history("verify", file, "--timeframe", "1m")
    assert.equal(0, verify.code)
    assert_finds(verify.text, ": 2018%-04%-04T00:00:00Z to 2018%-04%-04T00:04:00Z, 3 rows, " ..
      "times in ms, 1 gap with 2 missing: ok$")
    assert.equal(1, history("verify", file, "--timeframe", "1m", "--strict").code)
    local bad = csv(HEADER .. rows { 0, 2, 1, 2 } .. "1522800180000,3,2,1,2,1\n" ..
      "1522800180001,1,1,1,1,1\n")
    verify = history("verify", file, bad, "--timeframe", "1m")
    assert.equal(1, verify.code)
    assert.equal(2, #verify.lines)
    assert_finds(verify.lines[2],
      ": WRONG: 1 impossible, 1 off the grid, 1 out of order, 1 duplicate$")
    assert_finds(verify.errors, "^moonwick history verify: /%S+:4: column open_time: ")
  end)

  it("wants to know the timeframe of a CSV file", function()
    local verify = history("verify", csv(HEADER .. rows { 0 }))
    assert.equal(2, verify.code)
    assert_finds(verify.errors, "is no store; for a CSV file want %-%-timeframe LENGTH")
    assert.equal(1, history("verify", spec.tmpdir() .. "/none.csv", "--timeframe", "1m").code)
    verify = history("verify", spec.tmpdir() .. "/none.db")
    assert.equal(1, verify.code)
    assert_finds(verify.errors, "none%.db: No such file or directory\n$")
  end)
end)
