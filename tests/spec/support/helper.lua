-- helper.lua - holds every test to leaving nothing behind: no global, no open engine, no process.
--
-- busted loads this once, before the spec files. What a test leaves is an error that names the
-- test.

local busted = require "busted"
local spec = require "spec"

-- busted takes the modules of one spec file away from the next one; these hold state of their own.
local kept = { spec = spec, spec_native = package.loaded.spec_native }

local current -- of the test that runs: element, globals and live objects before it

local function globals()
  local names = {}
  for name in pairs(_G) do names[name] = true end
  return names
end

-- Open engines and other handles, once what is only garbage has been collected.
local function live_objects()
  local moonwick = package.loaded["moonwick"]
  if type(moonwick) ~= "table" or not moonwick.live_objects then return 0 end
  collectgarbage()
  collectgarbage()
  return moonwick.live_objects()
end

local function complain(what, ...)
  error(("test '%s' leaves %s"):format(current.name, what:format(...)), 0)
end

-- busted gives each test an environment; what is there after the test and was not there before is a
-- variable that lacks `local`. What code under test leaves is in _G.
local function check_globals()
  for name in pairs(_G) do
    if not current.globals[name] then
      _G[name] = nil
      complain("the global '%s'", name)
    end
  end
  for name in pairs(current.element.env or {}) do
    if not current.environment[name] then complain("the global '%s'", name) end
  end
end

busted.before_each(function()
  for name, module in pairs(kept) do package.loaded[name] = module end
  current = { name = "?", element = {}, globals = globals(), environment = {},
              live = live_objects() }
end)

busted.subscribe({ "test", "start" }, function(element)
  if not current then return nil, true end
  current.name, current.element = element.name, element
  for name in pairs(element.env or {}) do current.environment[name] = true end
  return nil, true
end)

busted.after_each(function()
  spec.clean_up()
  check_globals()
  local left = live_objects() - current.live
  if left > 0 then complain("%d moonwick objects open", left) end
end)
