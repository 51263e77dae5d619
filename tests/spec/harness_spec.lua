-- harness_spec.lua - the harness itself: deadlines, processes, and that its guards do bite.

local spec = require "spec"

describe("spec.wait_for", function()
  it("returns what the predicate returns", function()
    local calls = 0
    assert.equal("done", spec.wait_for(function()
      calls = calls + 1
      return calls == 3 and "done"
    end, 5))
    assert.equal(3, calls)
  end)

  it("gives up at the deadline and waits in the function it is given", function()
    local start, pauses = spec.now(), 0
    assert.is_nil(spec.wait_for(function() end, 0.05, function(seconds)
      pauses = pauses + 1
      spec.pause(seconds)
    end))
    assert.is_true(spec.now() - start >= 0.05)
    assert.is_true(pauses > 0)
  end)
end)

describe("spec.process", function()
  it("reads lines, also one without newline at the end", function()
    local child = spec.process { "printf", "one\\n\\nthree" }
    assert.equal("one", child:read_line(5))
    assert.equal("", child:read_line(5))
    assert.equal("three", child:read_line(5))
    assert.same({ nil, "end" }, { child:read_line(5) })
    assert.equal(0, child:wait(5))
    assert.is_nil(child:pid())
  end)

  it("talks to a child and ends with its input", function()
    local child = spec.process { "cat" }
    assert.is_true(child:write("hello\n"))
    assert.equal("hello", child:read_line(5))
    assert.same({ nil, "timeout" }, { child:read_line(0.01) })
    assert.same({ nil, "timeout" }, { child:wait(0.01) })
    child:close_input()
    assert.equal(0, child:wait(5))
  end)

  it("keeps standard error apart, and reports exit codes and signals", function()
    local child = spec.process { "sh", "-c", "echo trouble >&2; exit 3" }
    assert.equal(3, child:wait(5))
    assert.equal("trouble\n", child:errors())
    assert.equal(-15, spec.process({ "sleep", "60" }):stop())
  end)

  it("sets variables for the child", function()
    local child = spec.process({ "sh", "-c", "echo $MW_A$MW_B" }, { "MW_A=1", "MW_B=2" })
    assert.equal("12", child:expect("%d+"))
  end)

  it("raises when there is no such program", function()
    assert.has_error(function() spec.process { "/does/not/exist" } end,
      "/does/not/exist: No such file or directory")
  end)

  it("says what it read when what was expected did not come", function()
    local child = spec.process { "sh", "-c", "echo apples; echo pears >&2" }
    local ok, message = pcall(child.expect, child, "oranges", 5)
    assert.is_false(ok)
    assert.matches("apples", message)
    assert.matches("pears", message)
  end)
end)

describe("spec.free_port", function()
  it("names a port that nobody listens on", function()
    assert.is_false(spec.listens(spec.free_port()))
  end)
end)

describe("spec.file", function()
  local path
  it("writes a file for one test", function()
    path = spec.file("a.txt", "text")
    assert.equal("text", io.open(path):read("a"))
  end)

  it("has removed it in the next one", function()
    assert.is_nil(io.open(path))
  end)
end)

-- Runs a spec of this source through the same interpreter and returns its exit code and output.
local function run_spec(source)
  local child = spec.process { spec.build_dir .. "/spec_runner", spec.file("x_spec.lua", source) }
  local lines = {}
  for line in function() return child:read_line(30) end do lines[#lines + 1] = line end
  return child:wait(5), table.concat(lines, "\n")
end

describe("the guards", function()
  it("let a test pass that leaves nothing", function()
    local code, output = run_spec [[it("is clean", function() local x = 1; assert.equal(1, x) end)]]
    assert.equal(0, code, output)
  end)

  it("fail a test that leaves a global of its own", function()
    local code, output = run_spec [[it("forgets local", function() leaked = 1 end)]]
    assert.equal(1, code)
    assert.matches("test 'forgets local' leaves the global 'leaked'", output, 1, true)
  end)

  it("fail a test whose code under test leaves a global", function()
    local code, output = run_spec [[it("leaves one", function() rawset(_G, "leaked", 1) end)]]
    assert.equal(1, code)
    assert.matches("test 'leaves one' leaves the global 'leaked'", output, 1, true)
  end)

  it("fail a test that leaves an object open, not one that leaves garbage", function()
    local module = [[
      local live = 0
      package.loaded.moonwick = { live_objects = function() return live end }
      local function open()
        live = live + 1
        return setmetatable({}, { __gc = function() live = live - 1 end })
      end
      local kept
      %s
    ]]
    local code, output = run_spec(module:format [[it("drops it", function() open() end)]])
    assert.equal(0, code, output)
    code, output = run_spec(module:format
      [[it("keeps it", function() kept = open() end) it("is clean", function() return kept end)]])
    assert.equal(1, code)
    assert.matches("test 'keeps it' leaves 1 moonwick objects open", output, 1, true)
    assert.not_matches("is clean' leaves", output)
  end)
end)

describe("candle_server.py", function()
  it("listens, and ends with its input", function()
    local rows = "open_time,open,high,low,close,volume\n1522800000000,7,8,6,7.5,1\n"
    local server = spec.process { spec.python, spec.source_dir .. "/tests/support/candle_server.py",
                                  "--csv", spec.file("rows.csv", rows) }
    assert.is_true(spec.listens(tonumber(server:expect("^listening (%d+)$"))))
    server:close_input()
    assert.equal(0, server:wait(10), server:errors())
  end)
end)
