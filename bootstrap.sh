#!/usr/bin/env bash
# bootstrap.sh - from a fresh Debian 12, Debian 13 or Ubuntu 24.04 to a running, tested Moonwick.
set -euo pipefail

usage() {
  cat <<'END'
usage: ./bootstrap.sh [-v] COMMAND [ARGUMENT...]

  run [ARGUMENT...]       install what is missing, build, run `moonwick run config.lua ARGUMENT...`
  build                   the same without running; the program is build/release/moonwick
  test [ARGUMENT...]      build with warnings as errors and run every test; arguments go to ctest
  sanitize [ARGUMENT...]  the tests again under the address and the thread sanitizer
  lint                    layers, format, Lua and C checks
  fuzz                    every fuzzer for a few seconds (MW_FUZZ_SECONDS, default 10)
  bench                   benchmarks; prints lines of `name value unit`

Missing Debian packages are installed with apt-get, through sudo unless you are root. The output of
installing and building is shown when it fails; -v shows it always.
END
}

# To build and run.
run_packages=(gcc g++ libc6-dev cmake ninja-build pkgconf lua5.4 liblua5.4-dev lua-cjson
  lua-cjson-dev libcurl4-openssl-dev libjansson-dev libwebsockets-dev libssl-dev libwslay-dev
  libsimdjson-dev libsqlite3-dev zlib1g-dev)
# To test and lint, on top.
test_packages=(git libcmocka-dev lua-busted lua-check python3 python3-websockets clang clang-tidy
  clang-format libclang-rt-dev llvm openssl sqlite3 tmux chromium)

cd "$(dirname "${BASH_SOURCE[0]}")"
verbose=0
jobs=$(nproc 2>/dev/null || echo 2)

log=
make_log() {
  log=$(mktemp "${TMPDIR:-/tmp}/moonwick-bootstrap.XXXXXX")
  trap 'rm -f "$log"' EXIT
}

say() {
  printf '%s\n' "$*" >&2
}

# step TITLE COMMAND...: runs it quietly, one line with the time it took; on failure its output.
step() {
  local title=$1 status=0
  shift
  SECONDS=0
  if [ "$verbose" = 1 ]; then
    "$@" </dev/null >&2 || status=$?
  else
    "$@" </dev/null >"$log" 2>&1 || status=$?
  fi
  if [ "$status" != 0 ]; then
    [ "$verbose" = 1 ] || cat "$log" >&2
    say "bootstrap: $title failed after $SECONDS s"
    exit 1
  fi
  say "bootstrap: $title, $SECONDS s"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "need root or sudo for: $*"
    return 1
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q || return
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

# install PACKAGE...: installs those that are missing; does not touch apt when none is.
install() {
  local installed missing=() package
  command -v dpkg-query >/dev/null || {
    say "bootstrap: no dpkg here; install the counterparts of: $*"
    return
  }
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || step "install ${#missing[@]} packages" apt_install "${missing[@]}"
}

# build PRESET [TARGET...]: configures once, and when the charts have come, then lets ninja decide.
build() {
  local preset=$1
  shift
  fetch_charts
  [ -e "build/$preset/build.ninja" ] && [ ! "$charts" -nt "build/$preset/build.ninja" ] ||
    step "configure $preset" cmake --preset "$preset"
  step "build $preset" cmake --build "build/$preset" -j "$jobs" ${1+--target "$@"}
}

build_release() {
  install "${run_packages[@]}"
  build release
}

# The library that draws the charts of a report: one script out of an npm package, built into the
# program. It is not needed for anything else, so a machine without npm or network does without.
charts=build/charts/lightweight-charts.js
charts_package=lightweight-charts@5.2.1
charts_sha256=64310292298df4dd527494865e5d91d447f8bb397b68de3912c2a6465025ee5e

unpack_charts() {
  local archive
  archive=$(cd build/charts && npm pack --silent --fetch-retries=0 "$charts_package") || return
  (cd build/charts && sha256sum -c <<<"$charts_sha256  $archive") || return
  tar -xzOf "build/charts/$archive" package/dist/lightweight-charts.standalone.production.js \
    >"$charts.part" && mv "$charts.part" "$charts"
}

fetch_charts() {
  [ ! -e "$charts" ] || return 0
  command -v npm >/dev/null || {
    say "bootstrap: no npm here, so reports have no --html"
    return 0
  }
  mkdir -p build/charts
  if ! unpack_charts </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    say "bootstrap: could not fetch $charts_package, so reports have no --html"
  fi
}

install_all() {
  install "${run_packages[@]}" "${test_packages[@]}"
}

# Tests show their own output: one line per test, and all of a test that fails.
run_tests() {
  local preset=$1
  shift
  ctest --preset "$preset" "$@" </dev/null
}

sanitize() {
  local preset
  for preset in asan tsan; do
    build "$preset"
    run_tests "$preset" "$@"
  done
}

# clang-tidy's checks grow with each version; the list in .clang-tidy is for 14.
tidy_build() {
  if clang-tidy --version 2>/dev/null | grep -q 'version 14\.'; then
    build tidy
  else
    say "bootstrap: skipped clang-tidy, want version 14"
  fi
}

# All of it, also after a failure, so that one run tells everything.
lint() {
  local name failed=0
  for name in tidy.lua selftest.lua; do
    lua5.4 "tests/tidy/$name" || failed=1
  done
  for name in format.sh luacheck.sh; do
    sh "tests/tidy/$name" || [ $? = 77 ] || failed=1
  done
  [ "$failed" = 0 ] || say "bootstrap: lint failed"
  tidy_build
  exit "$failed"
}

bench() {
  local program
  build release bench
  for program in build/release/bench_*; do
    if [ -x "$program" ]; then
      "$program" </dev/null
    fi
  done
}

while [ $# -gt 0 ]; do
  case $1 in
  -v | --verbose) verbose=1 ;;
  -h | --help) usage && exit 0 ;;
  *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || { usage >&2 && exit 2; }
command=$1
shift

make_log
case $command in
run)
  build_release
  rm -f "$log"
  exec build/release/moonwick run config.lua "$@"
  ;;
build) build_release ;;
test)
  install_all
  build dev
  run_tests dev "$@"
  ;;
sanitize)
  install_all
  sanitize "$@"
  ;;
lint)
  install_all
  lint
  ;;
fuzz)
  install_all
  step "configure fuzz" cmake --preset fuzz "-DMW_FUZZ_SECONDS=${MW_FUZZ_SECONDS:-10}"
  build fuzz
  run_tests fuzz -j "$jobs"
  ;;
bench)
  install_all
  bench
  ;;
help) usage ;;
*)
  say "bootstrap: unknown command '$command'"
  usage >&2
  exit 2
  ;;
esac
