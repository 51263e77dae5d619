-- tidy.lua - holds the tree to what compilers and formatters do not check (docs/hacking.md).
--
--     lua5.4 tests/tidy/tidy.lua [ROOT]
--
-- Looks at every file that git knows or would add. Prints `file:line: what` per finding and exits
-- with 1 when there are any. selftest.lua shows that each check can fail.

local root = arg[1] or "."

local COLUMNS_MAX, FUNCTION_LINES_MAX, FILE_LINES_MAX = 100, 70, 600

-- Folders below src from the top down; a file includes its own folder and lower ranks only.
local RANKS = {
  main = 10, cli = 9, bind = 8, engine = 7, backtest = 7, script = 6,
  server = 5, history = 4, feed = 3, net = 2, market = 2, base = 1,
}

-- Headers of libraries, as patterns, and where in src they may appear: folders end with a slash,
-- and `once` means that one file of all may have them.
local LIBRARIES = {
  { "^libwebsockets", "^lws%-", "^openssl/", places = { "net/", "server/" } },
  { "^wslay/", places = { "net/" } },
  { "^lua%.h", "^lauxlib%.h", "^lualib%.h", "^luajit", "^lua%.hpp",
    places = { "backtest/grid.c", "script/", "bind/", "cli/", "engine.c", "engine.h",
               "feed/protocol.c", "feed/protocol_build.c", "feed/protocol_candles.c",
               "feed/protocol_compile.c", "feed/protocol_compile.h", "feed/protocol_read.c",
               "feed/protocol_read.h", "feed/protocol_run.c", "feed/protocol_run.h",
               "feed/protocol_upkeep.c" } },
  { "^simdjson", places = { "feed/json.cpp" } },
  { "^sqlite3", places = { "history/" }, once = true },
  { "^zlib%.h", places = { "history/" }, once = true },
  { "^curl/", places = { "net/" }, once = true },
  { "^histedit", "^editline/", "^readline/", places = { "cli/" }, once = true },
  { "^jansson", places = { "" }, once = true },
}

local BANNED = { "strcpy", "strcat", "sprintf", "vsprintf", "strncpy", "strtok", "atoi", "atof",
                 "gets", "alloca" }

local TOP = {}
for name in ([[CMakeLists.txt CMakePresets.json README.md LICENSE bootstrap.sh config.lua src lua
    strategies tests docs]]):gmatch("%S+") do
  TOP[name] = true
end

-- Where the build lists files by name: pattern of the file, the list, what the list says ("%1").
local LISTS = {
  { "^src/(.+%.c)$", "src/CMakeLists.txt", "%1" },
  { "^src/(.+%.cpp)$", "src/CMakeLists.txt", "%1" },
  { "^lua/(moonwick/.+%.lua)$", "src/CMakeLists.txt", "%1" },
  { "^tests/unit/([%w_]+)_test%.c$", "tests/unit/CMakeLists.txt", "mw_unit_test(%1" },
  { "^tests/spec/([%w_]+)_spec%.lua$", "tests/spec/CMakeLists.txt", "mw_spec(%1" },
  { "^tests/fuzz/([%w_]+)_fuzz%.c$", "tests/fuzz/CMakeLists.txt", "mw_fuzz(%1" },
  { "^tests/bench/([%w_]+)_bench%.c$", "tests/bench/CMakeLists.txt", "mw_bench(%1" },
}

local findings = 0

local function report(path, line, what, ...)
  findings = findings + 1
  print(("%s:%d: %s"):format(path, line, what:format(...)))
end

local function read(path)
  local file = io.open(root .. "/" .. path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function git_lines(options)
  local pipe = assert(io.popen(("git -C '%s' ls-files %s"):format(root, options)))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  if not pipe:close() then
    io.stderr:write("tidy: '", root, "' is no git checkout\n")
    os.exit(2)
  end
  return lines
end

local function split_lines(text)
  local lines = {}
  for line in (text:find("\n$") and text or text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

local function blank(text)
  return (text:gsub("[^\n]", " "))
end

-- The position after the string or character literal that begins at `start`.
local function literal_end(text, start)
  local quote, at = text:sub(start, start), start + 1
  while at <= #text do
    local char = text:sub(at, at)
    if char == quote or char == "\n" then return at + 1 end
    at = at + (char == "\\" and 2 or 1)
  end
  return at
end

-- C without comments and the insides of literals, each replaced by blanks so that lines stay.
local function strip(text)
  local parts, at = {}, 1
  while true do
    local start = text:find("[/\"']", at)
    if not start then break end
    local two, stop = text:sub(start, start + 1), nil
    if two == "/*" then
      stop = (select(2, text:find("*/", start + 2, true)) or #text) + 1
    elseif two == "//" then
      stop = text:find("\n", start, true) or #text + 1
    elseif text:sub(start, start) ~= "/" then
      stop = literal_end(text, start)
    end
    parts[#parts + 1] = text:sub(at, start - 1)
    parts[#parts + 1] = stop and blank(text:sub(start, stop - 1)) or "/"
    at = stop or start + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

-- Marks of unfinished work, split here so that they are not found here.
local SIGNED = "TO" .. "DO"
local MARKS = { SIGNED, "FIX" .. "ME", "XX" .. "X" }

local function check_marks(file)
  for number, line in ipairs(file.lines) do
    for _, mark in ipairs(MARKS) do
      local signed = mark == SIGNED and line:find(mark .. "%(%w+%): %S")
      if line:find("%f[%w_]" .. mark .. "%f[^%w_]") and not signed then
        report(file.path, number, "%s: want %s(name): condition", mark, SIGNED)
      end
    end
  end
end

-- Whitespace and width of every file that people write by hand.
local function check_lines(file)
  for number, line in ipairs(file.lines) do
    if line:find("\t", 1, true) then report(file.path, number, "a tab") end
    if line:find("%s$") then report(file.path, number, "blanks at the end of the line") end
    local width = utf8.len(line) or #line
    if width > COLUMNS_MAX and not file.prose then
      report(file.path, number, "%d columns, at most %d", width, COLUMNS_MAX)
    end
  end
  check_marks(file)
  if #file.lines > FILE_LINES_MAX and not file.prose and not file.path:find("^lua/types/") then
    report(file.path, #file.lines, "%d lines, at most %d: split it", #file.lines, FILE_LINES_MAX)
  end
end

-- The first line says what the file is.
local function check_title(file)
  local first, name = file.lines[1] or "", file.path:match("[^/]+$")
  if file.c then
    local start = "/* " .. name .. " - "
    local rest = first:sub(#start + 1):gsub(" %*/$", "")
    if first:sub(1, #start) ~= start or not rest:find("^%S.*%.$") then
      report(file.path, 1, "the first line is not '/* %s - one sentence.'", name)
    end
  elseif file.path:find("%.lua$") and file.text ~= "" and not first:find("^%-%-") then
    report(file.path, 1, "the first line is not a comment that says what the file is")
  end
end

-- Guard and thread rule of a header.
local function check_header(file)
  if not file.path:find("%.h$") then return end
  local in_src = file.path:match("^src/(.+)%.h$")
  local stem = in_src or file.path:match("([^/]+/[^/]+)%.h$") or file.path
  local guard = "MW_" .. stem:upper():gsub("[^%w]", "_") .. "_H"
  if not file.text:find("\n#ifndef " .. guard .. "\n#define " .. guard .. "\n", 1, true) then
    report(file.path, 1, "no guard %s", guard)
  end
  if in_src and not file.text:find("\n %* Threads: %S") then
    report(file.path, 1, "no 'Threads:' line")
  end
end

-- Folder of a file below src, or its stem, up to "_", when it lies in src itself.
local function layer_of(path)
  return path:match("^([^/]+)/") or path:match("^([^/._]+)[^/.]*%.[ch]p*$")
end

local function check_own_include(file, number, header)
  local from, to = layer_of(file.path:sub(5)), layer_of(header)
  if not RANKS[to] then
    report(file.path, number, "'%s': want a path below src", header)
  elseif not RANKS[from] then
    report(file.path, number, "the folder '%s' has no place in the order of includes", from)
  elseif from ~= to and RANKS[from] <= RANKS[to] then
    report(file.path, number, "%s includes %s: includes point down only", from, to)
  end
end

local library_users = {} -- library -> the first file that includes it

local function check_library_include(file, number, header, library)
  local path, allowed = file.path:sub(5), false
  for _, place in ipairs(library.places) do
    local is_folder = place == "" or place:find("/$")
    allowed = allowed or path == place or (is_folder and path:sub(1, #place) == place)
  end
  local user = library_users[library] or file.path
  library_users[library] = user
  if not allowed then
    report(file.path, number, "<%s> belongs in %s only", header, table.concat(library.places, " "))
  elseif library.once and user ~= file.path then
    report(file.path, number, "<%s> is in %s already: one file only", header, user)
  end
end

local function check_includes(file)
  for number, line in ipairs(file.lines) do
    local quote, header = line:match('^%s*#%s*include%s*([<"])([^>"]+)[>"]')
    local own = quote == '"'
    for _, library in ipairs(header and LIBRARIES or {}) do
      for _, pattern in ipairs(library) do
        if header:find(pattern) then
          own = false
          check_library_include(file, number, header, library)
        end
      end
    end
    if own then check_own_include(file, number, header) end
  end
end

local function check_banned(file)
  for number, line in ipairs(file.code) do
    for _, name in ipairs(BANNED) do
      if line:find("%f[%w_]" .. name .. "%s*%(") then
        report(file.path, number, "%s is banned", name)
      end
    end
  end
end

-- The formatter puts the braces of functions, and of nothing else in C, alone into the first
-- column.
local function check_functions(file)
  local start
  for number, line in ipairs(file.code) do
    local before = file.code[number - 1] or ""
    if line:find("^{%s*$") and not before:find("^namespace") and not before:find("^extern") then
      start = number
    elseif line:find("^}") and start then
      local count = number - start - 1
      if count > FUNCTION_LINES_MAX then
        report(file.path, start, "a function of %d lines, at most %d", count, FUNCTION_LINES_MAX)
      end
      start = nil
    end
  end
end

-- Every function that C gives to Lua has a stub for editors and a line in the manual.
local function check_bindings(file)
  local stubs, manual = read("lua/types/moonwick.lua"), read("docs/lua-api.md")
  for start, list in file.text:gmatch("()luaL_Reg%s+[%w_]+%[%]%s*=%s*(%b{})") do
    local number = select(2, file.text:sub(1, start):gsub("\n", "")) + 1
    for name in list:gmatch('{%s*"([%a][%w_]*)"') do
      local word = "%f[%w_]" .. name .. "%f[^%w_]"
      if stubs and not stubs:find("[.:]" .. name .. "%s*%(") and
          not stubs:find("@field%s+" .. name .. "%f[^%w_]") then
        report(file.path, number, "'%s' has no stub in lua/types/moonwick.lua", name)
      end
      if manual and not manual:find(word) then
        report(file.path, number, "'%s' is not in docs/lua-api.md", name)
      end
    end
  end
end

-- Every indicator of the table has a stub for each class that it is a method of, and its paragraph
-- in the manual of indicators.
local function check_indicators(file)
  local stubs, manual = read("lua/types/moonwick.lua"), read("docs/indicators.md")
  for start, name, body in
    file.text:gmatch("()const struct mw_indicator mw_indicator_([%w_]+) = (%b{})") do
    local number = select(2, file.text:sub(1, start):gsub("\n", "")) + 1
    local of_bars = body:find('inputs = "B', 1, true)
    for _, class in ipairs(of_bars and { "frame" } or { "column", "frame" }) do
      if stubs and not stubs:find(("function %s:%s("):format(class, name), 1, true) then
        report(file.path, number, "'%s:%s' has no stub in lua/types/moonwick.lua", class, name)
      end
    end
    if manual and not manual:find(("`%s("):format(name), 1, true) then
      report(file.path, number, "'%s' is not in docs/indicators.md", name)
    end
  end
end

local function check_listed(path)
  for _, entry in ipairs(LISTS) do
    local name = path:match(entry[1])
    local list = name and read(entry[2]) or ""
    local wanted = name and entry[3]:gsub("%%1", name)
    -- What follows may not be a longer name.
    local plain = wanted and wanted:gsub("%p", "%%%0")
    if name and not list:find("%f[%w_]" .. plain .. "%f[^%w_]") then
      report(path, 1, "not in %s", entry[2])
    end
  end
end

local function check_top(path)
  local top = path:match("^[^/]+")
  if not TOP[top] and top:sub(1, 1) ~= "." then
    report(path, 1, "'%s' does not belong at the top of the tree", top)
  end
end

local function is_text(path)
  for _, ending in ipairs { "c", "h", "cpp", "lua", "py", "sh", "cmake", "txt", "md", "map" } do
    if path:find("%." .. ending .. "$") then return true end
  end
  return path == ".ci/run"
end

local function check_c(file)
  file.c = true
  file.code = split_lines(strip(file.text))
  check_header(file)
  check_banned(file)
  check_functions(file)
  if file.path:find("^src/") then check_includes(file) end
  if file.path:find("^src/bind/") then check_bindings(file) end
  if file.path:find("^src/market/") then check_indicators(file) end
end

local function check_file(path)
  local text = is_text(path) and not path:find("^tests/fuzz/corpus/") and read(path)
  if not text then return end
  local file = { path = path, text = text, lines = split_lines(text),
                 prose = path:find("%.md$") ~= nil }
  if path:find("%.[ch]$") or path:find("%.cpp$") then check_c(file) end
  check_lines(file)
  check_title(file)
  check_listed(path)
end

for _, path in ipairs(git_lines("--cached")) do check_top(path) end
for _, path in ipairs(git_lines("--cached --others --exclude-standard --deduplicate")) do
  check_file(path)
end
if findings > 0 then
  print(("tidy: %d findings"):format(findings))
  os.exit(1)
end
