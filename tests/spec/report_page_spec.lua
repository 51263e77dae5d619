-- report_page_spec.lua - the page of a back-test in a real browser.

local spec = require "spec"
local cjson = require "cjson"

local BARS, STEP_MS = 600, 60000
local FIRST_MS = 1700000040000 // STEP_MS * STEP_MS

-- Minutes whose price swings around `level`, with two decimals.
local function candles(level, period)
  local lines, before = { "open_time,open,high,low,close,volume\n" }, level
  for i = 0, BARS - 1 do
    local close = level * (1 + 0.02 * math.sin(2 * math.pi * i / period))
    lines[#lines + 1] = ("%d,%.2f,%.2f,%.2f,%.2f,%d\n"):format(FIRST_MS + i * STEP_MS, before,
      math.max(before, close) + 0.5, math.min(before, close) - 0.5, close, 1 + i % 7)
    before = close
  end
  return spec.file("candles.csv", table.concat(lines))
end

-- Buys and sells both symbols every so many bars; its tag is what a page must not obey.
local SCRIPT = [[
  local S = {}
  function S.subscriptions()
    return { { symbol = "AAA", frequency = "1m" }, { symbol = "BBB", frequency = "1m" } }
  end
  local count = {}
  function S.handle_bar(context, bar)
    count[bar.symbol] = (count[bar.symbol] or 0) + 1
    local every = bar.symbol == "AAA" and 20 or 50
    if count[bar.symbol] % every ~= 0 then return end
    local held = context:position(bar.symbol)
    assert(context:order { symbol = bar.symbol, side = held == 0 and "buy" or "sell",
      amount = held == 0 and 1 or held, tag = "</script><b>&" })
  end
  return S]]

local function page_of(...)
  local page = spec.tmpdir() .. "/report.html"
  local script = spec.file("two <b>symbols.lua", SCRIPT)
  local done = spec.finish(spec.process { spec.program, "backtest", script,
    "--data", "AAA:1m=" .. candles(100, 120), "--data", "BBB:1m=" .. candles(2000, 77),
    "--quiet", "--html", page, ... }, 60)
  return done, page
end

-- A chart draws in the frame after the one that it is told of.
local DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

-- What the expressions are in the page, once it is drawn.
local function look(page, expressions)
  local done = spec.finish(spec.process { spec.python,
    spec.source_dir .. "/tests/support/browser.py", page, "-", DRAWN, table.unpack(expressions) },
    90)
  assert.equal("", done.errors)
  local found = cjson.decode(done.text)
  table.remove(found.values, 1)
  return found
end

-- Distinct colours in the canvases of a chart: one that drew nothing has one.
local function colours(id)
  return ([[(() => {
    const seen = new Set();
    for (const canvas of document.querySelectorAll("#%s canvas")) {
      const { width, height } = canvas;
      if (!width || !height) continue;
      const words = new Uint32Array(
        canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
      for (const word of words) seen.add(word);
    }
    return seen.size;
  })()]]):format(id)
end

local function succeeds(...)
  return spec.finish(spec.process { ... }, 20).code == 0
end

local has_charts = succeeds("grep", "-q", "TradingView Lightweight", spec.program)
local has_browser = succeeds("sh", "-c", "command -v chromium")

describe("the page of a back-test", function()
  if not has_charts then
    it("is not there in a program without the chart library, which says so", function()
      local done, page = page_of()
      assert.equal(1, done.code)
      spec.assert_finds(done.errors, "built without the chart library: install npm")
      assert.is_nil(io.open(page))
    end)
    return
  end
  if not has_browser then
    pending("no chromium here")
    return
  end

  it("draws candles, trades, equity and drawdown, and loads nothing", function()
    local done, page = page_of()
    assert.same({ 0, "" }, { done.code, done.errors })
    local found = look(page, {
      "document.body.dataset.ready",
      "document.title",
      "document.getElementById('trades').rows.length",
      "document.getElementById('trades').rows[1].cells[9].textContent",
      "document.body.dataset.candles",
      "document.body.dataset.marks",
      colours "candles", colours "equity", colours "drawdown",
      [[(() => {
        const choice = document.getElementById("symbol");
        choice.value = 1;
        choice.dispatchEvent(new Event("change"));
        return [...choice.options].map((option) => option.text).join(", ");
      })()]],
      "document.body.dataset.marks",
      DRAWN,
      colours "candles",
      "document.getElementById('curves').innerText + document.getElementById('totals').innerText",
      "document.documentElement.scrollWidth <= window.innerWidth",
    })
    local values = found.values
    assert.same({ {}, {} }, { found.errors, found.requests })
    assert.equal("yes", values[1])
    assert.equal("two <b>symbols", values[2])
    assert.equal(1 + 14 + 5, values[3]) -- of 29 and 11 fills; an order in the last bar has none
    assert.equal("</script><b>&", values[4])
    assert.equal(tostring(BARS), values[5])
    assert.equal("29", values[6])
    for i = 7, 9 do assert.is_true(values[i] > 5, "chart " .. i - 6 .. " drew nothing") end
    assert.equal("AAA 1m, BBB 1m", values[10])
    assert.equal("11", values[11])
    assert.is_true(values[13] > 5)
    assert.is_nil(values[14]:find("NaN") or values[14]:find("undefined"))
    assert.is_true(values[15])
  end)

  it("is the same to the last byte in two runs", function()
    local script, data = spec.file("one.lua", SCRIPT), candles(100, 120)
    local pages = {}
    for i = 1, 2 do
      pages[i] = spec.tmpdir() .. "/report.html"
      local done = spec.finish(spec.process { spec.program, "backtest", script,
        "--data", "AAA:1m=" .. data, "--data", "BBB:1m=" .. data, "--quiet", "--html", pages[i] },
        60)
      assert.same({ 0, "" }, { done.code, done.errors })
    end
    assert.is_true(spec.read(pages[1]) == spec.read(pages[2]))
  end)

  it("marks a stop at the bar that it was filled in, and falls from the cash", function()
    -- Bought at the first open, 100; the second bar falls through the stop at 95 while it happens.
    local script = spec.file("stop.lua", [[
      local S = {}
      function S.init(context)
        assert(context:order { symbol = "AAA", side = "buy", amount = 10 })
        assert(context:order { symbol = "AAA", side = "sell", type = "stop", price = 95,
          amount = 10, reduce = true })
      end
      function S.handle_bar() end
      return S]])
    local rows = { "open_time,open,high,low,close,volume\n" }
    for i, row in ipairs { "100,100,98,98", "98,98,90,91", "91,91,91,91", "91,91,91,91" } do
      rows[i + 1] = ("%d,%s,1\n"):format(FIRST_MS + (i - 1) * STEP_MS, row)
    end
    local page = spec.tmpdir() .. "/report.html"
    local done = spec.finish(spec.process { spec.program, "backtest", script, "--data",
      "AAA:1m=" .. spec.file("fall.csv", table.concat(rows)), "--quiet", "--fee", "0",
      "--html", page }, 60)
    assert.same({ 0, "" }, { done.code, done.errors })
    local values = look(page, {
      "JSON.stringify(marksOf(data.series[0]).map((mark) => [mark.time, mark.text]))",
      "JSON.stringify(data.curve.drawdown)",
      "result.figures.max_drawdown",
    }).values
    assert.same({ { FIRST_MS // 1000, "buy 10 at 100" },
      { (FIRST_MS + STEP_MS) // 1000, "sell 10 at 95" } }, cjson.decode(values[1]))
    assert.same({ 0.002, 0.005, 0.005, 0.005 }, cjson.decode(values[2]))
    assert.equal(0.005, values[3])
  end)
end)
