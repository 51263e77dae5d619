/* backtest_bench.c - how many bars a second go through a strategy, and through as little as can be.
 *
 * All over the same bars, in one thread, in turns:
 *
 *     backtest_bare_lua_kept    C calls an empty Lua function with two values that are there
 *     backtest_bare_lua         the second is made for each bar: a userdata that the candle is
 *                               copied into, with a metatable
 *     backtest_bare_lua_table   it is a table with seven fields
 *     backtest_empty            a strategy whose handle_bar is empty: the cache, the strategy
 *     backtest_sma_cross        one that asks get_price for 21 bars and crosses two averages
 *
 * The bare loops have a lua_State with the standard libraries and its own allocator, and one
 * lua_pcall a bar.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/str.h"
#include "bench.h"
#include "bind/bind_moonwick.h"
#include "script/strategy.h"

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

static uint32_t find_series(void *user, const char *feed, const char *symbol,
                            struct mw_timeframe timeframe, struct mw_series **series)
{
    return mw_cache_find(user, feed, symbol, timeframe, series);
}

static void on_event(void *user, const struct mw_event *event)
{
    (void)user;
    fprintf(stderr, "bench: %s\n", event->error.message);
    exit(EXIT_FAILURE);
}

static void write_script(char *path, const char *source)
{
    int fd = mkstemps(path, 4);
    MW_CHECK(fd >= 0);
    FILE *file = fdopen(fd, "w");
    MW_CHECK(file != NULL);
    fputs(source, file);
    fclose(file);
}

static double run_strategy(const struct bars *bars, const char *source)
{
    char path[] = "/tmp/mw-bench-XXXXXX.lua";
    write_script(path, source);
    struct mw_cache *cache = mw_cache_new(CACHE_BARS);
    const struct mw_market market = {mw_prices_new(cache), find_series, cache};
    const struct mw_strategy_options options = {.name = "bench",
                                                .file = path,
                                                .runs_free = true,
                                                .bindings = &mw_lua_bindings,
                                                .market = &market,
                                                .on_event = on_event};
    struct mw_strategy *strategy;
    struct mw_series *series;
    struct mw_error err;
    bench_require(mw_strategy_load(&options, &strategy, &err), &err);
    remove(path);
    bench_require(mw_cache_add(cache, &key, &series, &err), &err);
    mw_series_set_health(series, MW_SERIES_LIVE);
    mw_strategy_init(strategy);
    int64_t start_ns = mw_clock_monotonic_ns();
    for (uint32_t i = 0; i < bars->count; i++) {
        const struct mw_candle *candle = &bars->rows[i];
        int64_t now_ms = candle->open_ms + MW_MS_PER_MINUTE;
        mw_strategy_set_clock(strategy, now_ms);
        MW_CHECK(mw_cache_put(cache, series, candle, now_ms, NULL) == MW_PUT_APPENDED);
        mw_strategy_handle_bar(strategy, candle, &key);
    }
    int64_t ns = mw_clock_monotonic_ns() - start_ns;
    mw_strategy_stop(strategy);
    mw_strategy_free(strategy);
    mw_prices_free(market.prices);
    mw_cache_free(cache);
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
    size_t runs = bench_is_quick() ? QUICK_RUNS : RUNS;
    double each[MW_COUNT(cases)][RUNS];
    for (size_t run = 0; run < runs; run++)
        for (size_t i = 0; i < MW_COUNT(cases); i++)
            each[i][run] = cases[i].push_bar != NULL ? run_bare(&bars, cases[i].push_bar)
                                                     : run_strategy(&bars, cases[i].source);
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        bench_print(cases[i].name, bench_median(each[i], runs) / 1e6, "Mbars/s");
    mw_free(bars.rows);
    return 0;
}
