std = "lua54"
max_line_length = 100
max_cyclomatic_complexity = 12
self = false
ignore = { "21./_.*" }                                  -- unused names that start with _
exclude_files = { "build" }
files["lua/moonwick/protocols"] = { read_globals = { "ANY", "NULL", "json", "urlencode" } }
files["config.lua"] = { read_globals = { "env" } }
files["strategies"] = { read_globals = { "moonwick", "get_price", "log", "json" } }
files["tests/fault"] = { read_globals = { "get_price" } }
files["tests/spec"] = { std = "+busted" }
files["lua/types"]  = { ignore = { "212", "241", "111", "131" } }   -- annotation-only stubs
