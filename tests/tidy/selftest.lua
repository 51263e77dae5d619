-- selftest.lua - shows that each check of tidy.lua can fail, with one violation of each kind.

local tidy = arg[0]:gsub("selftest%.lua$", "tidy.lua")

local function run(command, ...)
  local pipe = assert(io.popen(command:format(...) .. " 2>&1"))
  local output = pipe:read("a")
  return pipe:close(), output
end

local function header(name, guard)
  return ("/* %s - a header.\n *\n * Threads: any thread.\n */\n#ifndef %s\n#define %s\n#endif\n")
    :format(name, guard, guard)
end

-- A tree that is as it should be, with what must not be mistaken for a violation.
local clean = {
  ["src/CMakeLists.txt"] = "base/good.c\nengine.c\nmain.c\nfeed/json.cpp\nfeed/protocol.c\n" ..
    "cli/run.c\nbind/bind_good.c\nmarket/indicator_good.c\nmarket/series.c\nnet/http.c\n",
  ["src/base/good.h"] = header("good.h", "MW_BASE_GOOD_H"),
  ["src/engine.h"] = header("engine.h", "MW_ENGINE_H"),
  ["src/base/good.c"] = "/* good.c - has words in comments: strcpy(a), and text. */\n" ..
    "// TO" .. "DO(anna): when lua 5.5 is in Debian\n" ..
    '#include "base/good.h"\nchar *s = "atoi(x) \\" gets(y)"; // sprintf(z)\n' ..
    "int mw_atoi(int a);\nint x = '\"', y = 4 / 2;\nint z = mw_strtok (1);\n",
  ["src/engine.c"] = '/* engine.c - all. */\n#include "engine.h"\n#include "base/good.h"\n',
  ["src/main.c"] = '/* main.c - all. */\n#include "engine.h"\n#include <stdio.h>\n',
  ["src/cli/run.c"] = '/* run.c - all. */\n#include "engine.h"\n#include <lua.h>\n',
  ["src/market/series.c"] = '/* series.c - all. */\n#include "base/good.h"\n',
  ["src/net/http.c"] = "/* http.c - all. */\n#include <curl/curl.h>\n#include <openssl/ssl.h>\n",
  ["src/feed/protocol.c"] = "/* protocol.c - all. */\n#include <lua.h>\n",
  ["src/feed/json.cpp"] = "/* json.cpp - all. */\n#include <simdjson.h>\nnamespace\n{\n" ..
    ("\n"):rep(80) .. "}\n",
  ["src/bind/bind_good.c"] = "/* bind_good.c - all. */\nstatic const luaL_Reg good[] = {\n" ..
    '    {"__gc", good_gc},\n    {"poll", good_poll},\n    {"sum", good_sum},\n' ..
    "    {NULL, NULL},\n};\n",
  ["src/market/indicator_good.c"] = "/* indicator_good.c - all. */\n" ..
    'const struct mw_indicator mw_indicator_sma = {\n    .inputs = "v",\n};\n' ..
    'const struct mw_indicator mw_indicator_atr = {.inputs = "Bhlc"};\n' ..
    "extern const struct mw_indicator mw_indicator_other;\n",
  ["lua/types/moonwick.lua"] = "---@field sum fun()\nfunction engine:poll(n) end\n" ..
    "function moonwick.castor() end\nfunction column:sma(n) end\nfunction frame:sma(n) end\n" ..
    "function frame:atr(n) end\nfunction frame:obv() end\nfunction frame:mom(n) end\n",
  ["docs/indicators.md"] = "`sma(n)` is, `atr(n)` and `mom(n)` are.\n",
  ["docs/lua-api.md"] = "`engine:poll(seconds)`, `sum`, `pollux`" .. (", long"):rep(40) .. "\n",
  ["tests/unit/CMakeLists.txt"] = "mw_unit_test(longer_name)\n",
  ["README.md"] = "# Title\n",
  [".gitignore"] = "build\n",
}

local long_function = "/* long.c - one. */\nint f(void)\n{\n" .. ("    x();\n"):rep(71) .. "}\n"

-- Path, content, what is reported for it; and lists that name the file, so that nothing else is.
local violations = {
  { "src/base/good.c", '/* good.c - up. */\n#include "market/series.h"\n', "base includes market" },
  { "src/script/vm.c", '/* vm.c - up. */\n#include "bind/engine.h"\n', "script includes bind" },
  { "src/market/x.c", '/* x.c - across. */\n#include "net/url.h"\n', "market includes net" },
  { "src/feed/x.c", '/* x.c - across. */\n#include "history/csv.h"\n', "feed includes history" },
  { "src/engine.c", '/* engine.c - up. */\n#include "cli/run.h"\n', "engine includes cli" },
  { "src/base/x.c", '/* x.c - bare. */\n#include "good.h"\n', "'good.h': want a path below src" },
  { "src/util/x.c", '/* x.c - new. */\n#include "base/good.h"\n', "'util' has no place" },
  { "src/feed/x.c", "/* x.c - lws. */\n#include <libwebsockets.h>\n", "belongs in net/ server/" },
  { "src/server/x.c", "/* x.c - w. */\n#include <wslay/wslay.h>\n", "wslay/wslay.h> belongs in" },
  { "src/market/x.c", "/* x.c - lua. */\n#include <lauxlib.h>\n", "lauxlib.h> belongs in" },
  { "src/feed/protocol.h", (header("protocol.h", "MW_FEED_PROTOCOL_H"):gsub("#endif",
    "#include <lua.h>\n#endif")), "lua.h> belongs in" },
  { "src/feed/y.cpp", "/* y.cpp - s. */\n#include <simdjson.h>\n", "belongs in feed/json.cpp" },
  { "src/net/x.c", "/* x.c - curl. */\n#include <curl/curl.h>\n", "src/net/http.c already" },
  { "src/base/x.c", "/* x.c - calls. */\nint f(void) { return atoi(a); }\n", "atoi is banned" },
  { "src/base/x.c", "/* x.c - calls. */\nvoid *p = alloca (3);\n", "alloca is banned" },
  { "src/base/long.c", long_function, "src/base/long.c:3: a function of 71 lines" },
  { "src/base/x.c", "/* x.c - wide. */\n//" .. ("x"):rep(99) .. "\n", ":2: 101 columns" },
  { "src/base/x.c", "/* x.c - tab. */\n\tint x;\n", "x.c:2: a tab" },
  { "lua/moonwick/x.lua", "-- x.lua - one. \n", "x.lua:1: blanks at the end" },
  { "src/base/x.c", "int x;\n", "the first line is not '/* x.c - one sentence.'" },
  { "src/base/x.c", "/* y.c - another's name. */\n", "the first line is not '/* x.c" },
  { "lua/moonwick/x.lua", "return 1\n", "x.lua:1: the first line is not a comment" },
  { "src/base/x.h", header("x.h", "MW_X_H"), "no guard MW_BASE_X_H" },
  { "src/base/x.h", (header("x.h", "MW_BASE_X_H"):gsub("Threads", "thread")), "no 'Threads:'" },
  { "src/base/x.c", "/* x.c - long. */\n" .. ("\n"):rep(600), "601 lines, at most 600" },
  { "notes.txt", "x\n", "'notes.txt' does not belong at the top" },
  { "src/bind/bind_good.c", '/* bind_good.c - x. */\nconst luaL_Reg r[] = {{"pollux", f}};\n',
    "bind_good.c:2: 'pollux' has no stub" },
  { "src/bind/bind_good.c", '/* bind_good.c - x. */\nconst luaL_Reg r[] = {{"castor", f}};\n',
    "bind_good.c:2: 'castor' is not in docs/lua-api.md" },
  { "src/market/x.c", '/* x.c - x. */\nconst struct mw_indicator mw_indicator_mom = {\n' ..
    '    .inputs = "v",\n};\n', "src/market/x.c:2: 'column:mom' has no stub" },
  { "src/market/x.c", '/* x.c - x. */\nconst struct mw_indicator mw_indicator_obv = {\n' ..
    '    .inputs = "Bcv",\n};\n', "src/market/x.c:2: 'obv' is not in docs/indicators.md" },
  { "src/base/x.c", "/* x.c - w. */\n// TO" .. "DO: later\n", "want TO" .. "DO(name): condition" },
  { "src/base/x.c", "/* x.c - w. */\n// FIX" .. "ME\n", "FIX" .. "ME: want" },
  { "tests/unit/name_test.c", "/* name_test.c - x. */\n", "not in tests/unit/CMakeLists.txt" },
  { "src/base/new.c", "/* new.c - x. */\n", "not in src/CMakeLists.txt", unlisted = true },
}

local function write(root, path, text)
  assert(os.execute(("mkdir -p '%s/%s'"):format(root, path:match("^(.*)/") or ".")))
  local file = assert(io.open(root .. "/" .. path, "wb"))
  file:write(text)
  file:close()
end

local function make_tree(root)
  assert(os.execute(("rm -rf '%s' && mkdir '%s' && git -C '%s' init -q"):format(root, root, root)))
  for path, text in pairs(clean) do write(root, path, text) end
end

local function lists_for(violation)
  local name = violation[1]:match("^src/(.*)$") or violation[1]:match("^lua/(.*)$")
  return clean["src/CMakeLists.txt"] .. (violation.unlisted and "" or name or "") .. "\n"
end

local failures = 0

-- Runs tidy over the tree and holds the result to `wanted`, the one finding, or nil for none.
local function expect(root, wanted, title)
  assert(os.execute(("git -C '%s' add -A"):format(root)))
  local ok, output = run("lua5.4 '%s' '%s'", tidy, root)
  local _, count = output:gsub("[^\n]+:%d+: ", "")
  local right
  if wanted then
    right = not ok and count == 1 and output:find(wanted, 1, true)
  else
    right = ok and output == ""
  end
  if not right then
    failures = failures + 1
    print(("%s: want %s, got:\n%s"):format(title, wanted or "nothing", output))
  end
end

local root = os.tmpname()
os.remove(root)
make_tree(root)
expect(root, nil, "clean tree")
for _, violation in ipairs(violations) do
  local path = violation[1]
  write(root, "src/CMakeLists.txt", lists_for(violation))
  write(root, path, violation[2])
  expect(root, violation[3], path)
  if clean[path] then
    write(root, path, clean[path])
  else
    os.remove(root .. "/" .. path)
  end
end
os.execute(("rm -rf '%s'"):format(root))
print(("%d violations tried, %d not reported as they should be"):format(#violations, failures))
os.exit(failures == 0)
