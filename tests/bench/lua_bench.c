/* lua_bench.c - what get_price and columns cost a script: time, and bytes for the collector.
 *
 * The lua_State is made as a strategy's is, the engine has one feed that never connects, and its
 * cache is filled by hand. Times include the collector's work at its default pace; garbage is what
 * a call leaves behind while the collector is stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "bench.h"
#include "bind/bind.h"
#include "bind/bind_moonwick.h"
#include "script/vm.h"

enum { BARS = 1000, GARBAGE_CALLS = 50, BATCH = 10080, WEEKS = 104 };

static const int64_t first_open_ms = 1577836800000; /* 2020-01-01 */

static const char settings_source[] =
    "return { feeds = { { name = 'bench', protocol = 'wealthdata', symbols = { 'BTCUSDT' },"
    " endpoint = 'ws://127.0.0.1:9/' } }, cache = { bars = 1000 } }";

/* Each returns a function that does it n times. */
static const struct {
    const char *name, *source;
} cases[] = {
    {"lua_get_price_20", "return function(n) for _ = 1, n do"
                         " get_price('BTCUSDT', { count = 20, frequency = '1m' }) end end"},
    {"lua_get_price_20_kept_options",
     "local options = { count = 20 }\n"
     "return function(n) for _ = 1, n do get_price('BTCUSDT', options) end end"},
    {"lua_get_price_20_close",
     "local options = { count = 20 }\n"
     "return function(n) for _ = 1, n do local _ = get_price('BTCUSDT', options).close end end"},
    {"lua_get_price_1000", "return function(n) for _ = 1, n do"
                           " get_price('BTCUSDT', { count = 1000, frequency = '1m' }) end end"},
    {"lua_sma_20_of_20", "local bars = get_price('BTCUSDT', { count = 20 }) assert(#bars == 20)\n"
                         "return function(n) for _ = 1, n do bars.close:sma(20) end end"},
    {"lua_sma_20_of_1000",
     "local bars = get_price('BTCUSDT', { count = 1000 }) assert(#bars == 1000)\n"
     "return function(n) for _ = 1, n do bars.close:sma(20) end end"},
    {"lua_sma_cross",
     "local p = { symbol = 'BTCUSDT', frequency = '1m', fast = 5, slow = 20 }\n"
     "local crossings = 0\n"
     "return function(n) for _ = 1, n do\n"
     "  local bars = get_price(p.symbol, { count = p.slow + 1, frequency = p.frequency })\n"
     "  local fast, slow = bars.close:sma(p.fast), bars.close:sma(p.slow)\n"
     "  if fast[-1] > slow[-1] and fast[-2] <= slow[-2] then crossings = crossings + 1 end\n"
     "end end"},
};

static const char stored_20[] =
    "local options = { count = 20 }\n"
    "return function(n) for _ = 1, n do get_price('BTCUSDT', options) end end";
static const char stored_5000[] =
    "assert(get_price('BTCUSDT', { count = 5000 }).complete)\n"
    "return function(n) for _ = 1, n do get_price('BTCUSDT', { count = 5000 }) end end";

/* get_price(symbol, options) -> frame, as strategies have it while handle_bar runs with the newest
 * bar. Upvalues: engine, memo */
static int get_price(lua_State *L)
{
    int64_t now_ms = first_open_ms + (int64_t)BARS * MW_MS_PER_MINUTE;
    struct mw_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    return mw_bind_get_price(L, mw_engine_market(engine), lua_upvalueindex(2), 1, now_ms);
}

static void open_core(lua_State *L, void *user)
{
    (void)user;
    luaL_requiref(L, "moonwick.core", luaopen_moonwick_core, 0);
    lua_pop(L, 1);
}

static struct mw_engine *open_engine(lua_State *L)
{
    struct mw_settings *settings;
    struct mw_engine *engine;
    struct mw_error err;
    MW_CHECK(luaL_dostring(L, settings_source) == LUA_OK);
    bench_require(mw_settings_load_table(L, -1, &settings, &err), &err);
    lua_pop(L, 1);
    bench_require(mw_engine_open(settings, &mw_lua_bindings, &engine, &err), &err);
    return engine;
}

static void fill(struct mw_cache *cache)
{
    struct mw_series *series;
    MW_CHECK(mw_cache_find(cache, "bench", "BTCUSDT", (struct mw_timeframe){1, 'm'}, &series) == 1);
    for (int64_t i = 0; i < BARS; i++) {
        const struct mw_candle candle = {.open_ms = first_open_ms + i * MW_MS_PER_MINUTE,
                                         .open = 64000 + (double)(i % 37),
                                         .high = 64100,
                                         .low = 63900,
                                         .close = 64000 + (double)(i * i % 41),
                                         .volume = 0.38518,
                                         .state = MW_CANDLE_CLOSED,
                                         .closed_by = MW_CLOSED_BY_EXCHANGE};
        MW_CHECK(mw_cache_put(cache, series, &candle, mw_clock_wall_ms(), NULL) == MW_PUT_APPENDED);
    }
}

/* Two years of minutes before those of the cache, a week at a time. */
static void fill_store(struct mw_store *store)
{
    static struct mw_candle rows[BATCH];
    const struct mw_series_key key = {"bench", "BTCUSDT", {1, 'm'}};
    struct mw_store_part part = {.key = &key, .rows = rows, .row_count = BATCH};
    struct mw_error err;
    for (int64_t week = bench_is_quick() ? 1 : WEEKS; week > 0; week--) {
        part.from_ms = first_open_ms - week * BATCH * MW_MS_PER_MINUTE;
        part.to_ms = part.from_ms + (BATCH - 1) * (int64_t)MW_MS_PER_MINUTE;
        for (int64_t i = 0; i < BATCH; i++)
            rows[i] = (struct mw_candle){.open_ms = part.from_ms + i * MW_MS_PER_MINUTE,
                                         .open = 64000.25,
                                         .high = 64100.5,
                                         .low = 63900,
                                         .close = 64000 + (double)(i % 41),
                                         .volume = 0.38518,
                                         .state = MW_CANDLE_CLOSED,
                                         .closed_by = MW_CLOSED_BY_EXCHANGE};
        bench_require(mw_store_write(store, &part, 1, NULL, &err), &err);
    }
}

/* The function is at the top. */
static void call(void *user, uint64_t count)
{
    lua_State *L = user;
    lua_pushvalue(L, -1);
    lua_pushinteger(L, (lua_Integer)count);
    lua_call(L, 1, 0);
}

static double lua_bytes(lua_State *L)
{
    return (double)lua_gc(L, LUA_GCCOUNT) * 1024 + lua_gc(L, LUA_GCCOUNTB);
}

static double get_garbage(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCSTOP);
    double before = lua_bytes(L);
    call(L, GARBAGE_CALLS);
    double after = lua_bytes(L);
    lua_gc(L, LUA_GCRESTART);
    return (after - before) / GARBAGE_CALLS;
}

static void run(lua_State *L, size_t index)
{
    char line[64];
    if (luaL_dostring(L, cases[index].source) != LUA_OK) {
        fprintf(stderr, "bench: %s\n", lua_tostring(L, -1));
        exit(EXIT_FAILURE);
    }
    bench_print(cases[index].name, bench_time(call, L), "ns");
    snprintf(line, sizeof(line), "%s_garbage", cases[index].name);
    bench_print(line, get_garbage(L), "bytes");
    lua_pop(L, 1);
}

/* What the ring has when there is a store, too; and what it reads on for. */
static void run_store(lua_State *L, struct mw_engine *engine)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char folder[] = "/tmp/mw-bench-XXXXXX", path[64], name[80];
    struct mw_store *store;
    struct mw_error err;
    MW_CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/candles.db", folder);
    const struct mw_store_options options = {.path = path};
    bench_require(mw_store_open(&options, &store, &err), &err);
    fill_store(store);
    mw_prices_set_store(mw_engine_prices(engine), store);
    MW_CHECK(luaL_dostring(L, stored_20) == LUA_OK);
    bench_print("lua_get_price_20_of_store", bench_time(call, L), "ns");
    MW_CHECK(luaL_dostring(L, stored_5000) == LUA_OK);
    bench_print("lua_get_price_store_5000", bench_time(call, L) / 1000, "us");
    mw_prices_set_store(mw_engine_prices(engine), NULL);
    mw_store_close(store);
    for (size_t i = 0; i < MW_COUNT(ends); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        remove(name);
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    const struct mw_vm_options options = {.bytes_max = MW_LUA_BYTES_DEFAULT, .open = open_core};
    struct mw_vm *vm;
    struct mw_error err;
    bench_require(mw_vm_new(&options, &vm, &err), &err);
    lua_State *L = mw_vm_state(vm);
    struct mw_engine *engine = open_engine(L);
    fill(mw_engine_cache(engine));
    lua_pushlightuserdata(L, engine);
    lua_newtable(L);
    lua_pushcclosure(L, get_price, 2);
    lua_setglobal(L, "get_price");
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        run(L, i);
    run_store(L, engine);
    mw_vm_free(vm);
    mw_engine_free(engine);
    return 0;
}
