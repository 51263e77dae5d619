/* backtest_bench.c - how many bars a second go through a strategy, and through as little as can be.
 *
 * All over the same bars, in one thread, in turns:
 *
 *     backtest_bare_lua_kept    C calls an empty Lua function with two values that are there
 *     backtest_bare_lua         the second is made for each bar: a userdata that the candle is
 *                               copied into, with a metatable
 *     backtest_bare_lua_table   it is a table with seven fields
 *     backtest_empty            a back-test of a strategy whose handle_bar is empty
 *     backtest_sma_cross        one that asks get_price for 21 bars and crosses two averages
 *
 * The bare loops have a lua_State with the standard libraries and its own allocator, and one
 * lua_pcall a bar.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "backtest/backtest.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "bench.h"
#include "bind/bind_moonwick.h"

enum { BARS = 1000000, QUICK_BARS = 2000, RUNS = 5, QUICK_RUNS = 1, CACHE_BARS = 1000 };

static const struct mw_series_key key = {"bench", "BTCUSDT", {1, 'm'}};

static const char empty_source[] = "return { params = { symbol = 'BTCUSDT', frequency = '1m' },\n"
                                   "  handle_bar = function() end }\n";

static const char sma_cross_source[] =
    "local sma_cross = { params = { symbol = 'BTCUSDT', frequency = '1m', fast = 5, slow = 20 } }\n"
    "function sma_cross.handle_bar(context, bar)\n"
    "  local p = context.params\n"
    "  local bars = get_price(p.symbol, { count = p.slow + 1, frequency = p.frequency })\n"
    "  if not bars.complete then return end\n"
    "  local fast, slow = bars.close:sma(p.fast), bars.close:sma(p.slow)\n"
    "  if fast[-1] > slow[-1] and fast[-2] <= slow[-2] then\n"
    "    context.state.bought = (context.state.bought or 0) + bar.close\n"
    "  elseif fast[-1] < slow[-1] and fast[-2] >= slow[-2] then\n"
    "    context.state.sold = (context.state.sold or 0) + bar.close\n"
    "  end\n"
    "end\n"
    "return sma_cross\n";

struct bars {
    struct mw_candle *rows; /* owns */
    uint32_t count;
};

/* A walk in steps of cents. */
static struct bars make_bars(void)
{
    struct bars bars = {.count = bench_is_quick() ? QUICK_BARS : BARS};
    struct mw_random random = {BENCH_SEED};
    int64_t cents = 6400000;
    bars.rows = mw_alloc_zero(bars.count * sizeof(*bars.rows));
    for (uint32_t i = 0; i < bars.count; i++) {
        int64_t open = cents;
        cents += (int64_t)(mw_random_next(&random) % 4001) - 2000;
        cents = cents < 100000 ? 100000 : cents;
        bars.rows[i] = (struct mw_candle){.open_ms = 1577836800000 + (int64_t)i * MW_MS_PER_MINUTE,
                                          .open = (double)open / 100,
                                          .high = (double)(open > cents ? open : cents) / 100,
                                          .low = (double)(open < cents ? open : cents) / 100,
                                          .close = (double)cents / 100,
                                          .volume = 0.38518,
                                          .state = MW_CANDLE_CLOSED,
                                          .closed_by = MW_CLOSED_BY_EXCHANGE,
                                          .source = MW_SOURCE_CONTEXT};
    }
    return bars;
}

/* --- bare loops ------------------------------------------------------------------------------- */

static void push_kept(lua_State *L, const struct mw_candle *candle)
{
    (void)candle;
    lua_pushvalue(L, 2);
}

static void push_userdata(lua_State *L, const struct mw_candle *candle)
{
    struct mw_candle *copy = lua_newuserdatauv(L, sizeof(*copy), 0);
    *copy = *candle;
    lua_pushvalue(L, 3);
    lua_setmetatable(L, -2);
}

static void push_table(lua_State *L, const struct mw_candle *candle)
{
    lua_createtable(L, 0, 7);
    lua_pushinteger(L, candle->open_ms);
    lua_setfield(L, -2, "time");
    lua_pushnumber(L, candle->open);
    lua_setfield(L, -2, "open");
    lua_pushnumber(L, candle->high);
    lua_setfield(L, -2, "high");
    lua_pushnumber(L, candle->low);
    lua_setfield(L, -2, "low");
    lua_pushnumber(L, candle->close);
    lua_setfield(L, -2, "close");
    lua_pushnumber(L, candle->volume);
    lua_setfield(L, -2, "volume");
    lua_pushinteger(L, candle->trades);
    lua_setfield(L, -2, "trades");
}

/* Bars a second. */
static double run_bare(const struct bars *bars,
                       void (*push_bar)(lua_State *L, const struct mw_candle *candle))
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    MW_CHECK(luaL_dostring(L, "return function(context, bar) end") == LUA_OK); /* 1 */
    lua_newuserdatauv(L, sizeof(struct mw_candle), 0);                         /* 2 */
    lua_newtable(L);                                                           /* 3 */
    int64_t start_ns = mw_clock_monotonic_ns();
    for (uint32_t i = 0; i < bars->count; i++) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        push_bar(L, &bars->rows[i]);
        MW_CHECK(lua_pcall(L, 2, 0, 0) == LUA_OK);
    }
    int64_t ns = mw_clock_monotonic_ns() - start_ns;
    lua_close(L);
    return bars->count * 1e9 / (double)ns;
}

/* --- strategies ------------------------------------------------------------------------------- */

static void write_script(char *path, const char *source)
{
    int fd = mkstemps(path, 4);
    MW_CHECK(fd >= 0);
    FILE *file = fdopen(fd, "w");
    MW_CHECK(file != NULL);
    MW_CHECK(fputs(source, file) >= 0 && fclose(file) == 0);
}

static struct mw_dataset *make_dataset(const struct bars *bars)
{
    struct mw_error err;
    struct mw_candle *rows = mw_alloc_zero(bars->count * sizeof(*rows));
    memcpy(rows, bars->rows, bars->count * sizeof(*rows));
    struct mw_dataset *dataset = mw_dataset_new();
    bench_require(mw_dataset_add(dataset, &key, rows, bars->count, false, &err), &err);
    return dataset;
}

static double run_strategy(const struct bars *bars, struct mw_dataset *dataset, const char *source)
{
    char path[] = "/tmp/mw-bench-XXXXXX.lua";
    write_script(path, source);
    const struct mw_backtest_options options = {.file = path,
                                                .data = dataset,
                                                .from_ms = INT64_MIN,
                                                .to_ms = INT64_MAX,
                                                .account = mw_account_defaults(),
                                                .cache_bars = CACHE_BARS,
                                                .bindings = &mw_lua_bindings};
    struct mw_backtest_result *result;
    struct mw_error err;
    int64_t start_ns = mw_clock_monotonic_ns();
    bench_require(mw_backtest_run(&options, &result, &err), &err);
    int64_t ns = mw_clock_monotonic_ns() - start_ns;
    MW_CHECK(result->bars == bars->count);
    mw_backtest_result_free(result);
    remove(path);
    return bars->count * 1e9 / (double)ns;
}

static const struct {
    const char *name;
    void (*push_bar)(lua_State *L, const struct mw_candle *candle);
    const char *source; /* of a strategy, where there is no function */
} cases[] = {
    {"backtest_bare_lua_kept", push_kept, NULL},    {"backtest_bare_lua", push_userdata, NULL},
    {"backtest_bare_lua_table", push_table, NULL},  {"backtest_empty", NULL, empty_source},
    {"backtest_sma_cross", NULL, sma_cross_source},
};

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    struct bars bars = make_bars();
    struct mw_dataset *dataset = make_dataset(&bars);
    size_t runs = bench_is_quick() ? QUICK_RUNS : RUNS;
    double each[MW_COUNT(cases)][RUNS];
    for (size_t run = 0; run < runs; run++)
        for (size_t i = 0; i < MW_COUNT(cases); i++)
            each[i][run] = cases[i].push_bar != NULL
                               ? run_bare(&bars, cases[i].push_bar)
                               : run_strategy(&bars, dataset, cases[i].source);
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        bench_print(cases[i].name, bench_median(each[i], runs) / 1e6, "Mbars/s");
    mw_dataset_unref(dataset);
    mw_free(bars.rows);
    return 0;
}
