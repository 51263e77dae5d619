-- check_lines.lua - runs a benchmark for a moment and checks what it prints: `name value unit`.
--
--     lua5.4 tests/bench/check_lines.lua PROGRAM

local function fail(format, ...)
  io.stderr:write(format:format(...), "\n")
  os.exit(1)
end

local program = arg[1] or fail("usage: check_lines.lua PROGRAM")
local pipe = assert(io.popen(("'%s' --quick"):format(program)))
local seen, count = {}, 0
for line in pipe:lines() do
  local name, value = line:match("^([%w_]+) ([%d.]+) [%w/]+$")
  if not tonumber(value) then fail("want `name value unit`, got: %s", line) end
  if seen[name] then fail("twice: %s", name) end
  seen[name], count = true, count + 1
  print(line)
end
local good, how, code = pipe:close()
if not good then fail("%s: %s %d", program, how, code) end
if count == 0 then fail("%s printed nothing", program) end
