#!/bin/sh
# luacheck.sh - runs luacheck over all Lua files; skips (77) where it is not installed.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v luacheck >/dev/null || {
  echo "skipped: no luacheck here"
  exit 77
}
git ls-files -z --cached --others --exclude-standard --deduplicate -- '*.lua' |
  xargs -0 -r luacheck --quiet --no-color
