-- spec.lua - what specs share: waiting with a deadline, child processes, folders, test data.
--
--     local spec = require "spec"
--     local server = spec.process { spec.program, "simulate", "--port", "0" }
--     assert.equal("listening", server:read_line(5):match("%a+"))
--     assert.equal(0, server:stop())

local native = require "spec_native"

local helper_path = debug.getinfo(1, "S").source:sub(2)

local spec = {
  source_dir = helper_path:match("^(.*)/tests/spec/support/spec%.lua$"),
  build_dir = os.getenv("MW_BUILD_DIR"), -- set by ctest
  python = "/usr/bin/python3",           -- the one that has Debian's websockets package
  now = native.now,
  pause = native.pause,
  free_port = native.free_port,
  listens = native.listens,
  limit_files = native.limit_files, -- until the test's end
}
spec.build_dir = spec.build_dir or spec.source_dir .. "/build/dev"
spec.program = spec.build_dir .. "/moonwick"

local POLL_SECONDS = 0.01
local TERM_SIGNAL, KILL_SIGNAL = 15, 9
local STOP_SECONDS = 5

--- Calls `predicate` until it returns something true, and returns that; nil after `seconds` (10).
--- Between calls it waits in `pause`, a function of seconds such as one that polls an engine.
---@param predicate fun(): any
---@param seconds number?
---@param pause fun(seconds: number)?
function spec.wait_for(predicate, seconds, pause)
  local deadline = native.now() + (seconds or 10)
  repeat
    local result = predicate()
    if result then return result end
    (pause or native.pause)(POLL_SECONDS)
  until native.now() > deadline
  return predicate() or nil
end

--- Calls a function that makes or compares test data in bulk, and returns its result. The collector
--- waits: that data is not what it is to be tested with, and at full tilt it goes through all of it
--- for every few values that are new.
---@generic T
---@param make fun(...): T
---@return T
function spec.uncollected(make, ...)
  local _ <close> = setmetatable({}, { __close = function() collectgarbage("restart") end })
  collectgarbage("stop")
  local result = make(...)
  return result
end

local process = {}
process.__index = process

local started = {} -- processes that no test has stopped yet, also those it keeps no handle of

--- Starts a program. Methods of the result: read_line(seconds), expect(pattern, seconds),
--- write(text), close_input(), errors() (what it wrote to standard error), signal(number),
--- wait(seconds), pid(), stop(). The test's end kills it if the test did not stop it. Raises when
--- it cannot be started.
---@param argv string[] program (found in PATH) and arguments
---@param environment string[]? "NAME=value" over what this process has
function spec.process(argv, environment)
  if environment then
    local command = table.move(environment, 1, #environment, 2, { "env" })
    argv = table.move(argv, 1, #argv, #command + 1, command)
  end
  local self = setmetatable({ native = assert(native.spawn(argv)) }, process)
  started[self] = true
  return self
end

for _, name in ipairs { "read_line", "write", "close_input", "errors", "signal", "wait", "pid" } do
  process[name] = function(self, ...)
    return self.native[name](self.native, ...)
  end
end

--- Reads lines until one matches; returns the captures (or the line). Raises with what was read and
--- with standard error when none does within `seconds` (10).
function process:expect(pattern, seconds)
  local deadline = native.now() + (seconds or 10)
  local seen = {}
  while true do
    local line, why = self:read_line(math.max(0, deadline - native.now()))
    if not line then
      error(("no line like '%s' (%s); output:\n%s\nstandard error:\n%s"):format(pattern, why,
        table.concat(seen, "\n"), self:errors()), 2)
    end
    if line:find(pattern) then return line:match(pattern) end
    seen[#seen + 1] = line
  end
end

--- Asks it to end (SIGTERM, or `number`), kills it when it does not within 5 s. Returns the exit
--- code, or minus the signal that ended it.
function process:stop(number)
  started[self] = nil
  self:signal(number or TERM_SIGNAL)
  local code = self:wait(STOP_SECONDS)
  if not code then
    self:signal(KILL_SIGNAL)
    code = self:wait(STOP_SECONDS)
  end
  self.native:close()
  return code
end

local directories = {}

--- A new empty folder that goes away at the test's end.
function spec.tmpdir()
  local path = assert(native.make_directory())
  directories[#directories + 1] = path
  return path
end

--- Writes a file in a folder of its own and returns its path.
function spec.file(name, text)
  local path = spec.tmpdir() .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- All bytes of a file.
function spec.read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("a")
  file:close()
  return bytes
end

--- Fails unless the pattern is found, and shows the text.
function spec.assert_finds(text, pattern)
  assert(text:find(pattern), ("no '%s' in:\n%s"):format(pattern, text))
end

--- What a process that ends by itself does: its output, standard error and exit code. Each line is
--- waited for at most so many seconds.
function spec.finish(child, line_seconds)
  local lines = {}
  for line in function() return child:read_line(line_seconds) end do lines[#lines + 1] = line end
  local code = assert(child:wait(10))
  local errors = child:errors()
  child:stop()
  return { code = code, lines = lines, text = table.concat(lines, "\n"), errors = errors }
end

--- The path of test data that the project does not ship, or nil where it is not there; then:
---     if not path then pending("no shared data") end
function spec.shared(path)
  local full = spec.source_dir .. "/../shared/" .. path
  local file = io.open(full)
  if not file then return nil end
  file:close()
  return full
end

--- For helper.lua, after each test: ends what the test left running, removes its folders.
function spec.clean_up()
  native.limit_files()
  for left in pairs(started) do
    started[left] = nil
    left.native:close()
  end
  for i = #directories, 1, -1 do
    local rm = native.spawn { "rm", "-rf", "--", directories[i] }
    rm:wait(STOP_SECONDS)
    directories[i] = nil
  end
end

return spec
