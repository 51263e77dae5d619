/* bind_moonwick.c - the module moonwick.core, for hosts and for strategies.
 *
 * A host opens engines; a strategy lives in one, and its core module has get_price instead of open.
 * Both have indicators, columns and frames.
 * lua/moonwick/init.lua makes the module `moonwick` out of either.
 */
#include "bind/bind_moonwick.h"

#include <stdio.h>

#include <lauxlib.h>
#include <lua-cjson.h>

#include "bind/bind.h"
#include "bind/bind_bar.h"
#include "bind/bind_column.h"
#include "bind/bind_frame.h"
#include "bind/bind_stream.h"
#include "engine.h"
#include "script/vm.h"

static void register_classes(lua_State *L)
{
    mw_bar_register(L);
    mw_column_register(L);
    mw_frame_register(L);
    mw_stream_register(L);
    mw_bind_error_register(L);
    mw_bind_context_register(L);
    mw_bind_engine_register(L);
}

/* core.live_objects() -> how many engines are open in this process */
static int core_live_objects(lua_State *L)
{
    lua_pushinteger(L, mw_engine_live_count());
    return 1;
}

/* What hosts and strategies have alike. */
static const luaL_Reg common_functions[] = {
    {"column", mw_bind_make_column}, {"frame", mw_bind_make_frame}, {NULL, NULL}};

static const luaL_Reg core_functions[] = {
    {"live_objects", core_live_objects}, {"open", mw_bind_engine_open}, {NULL, NULL}};

/* Adds it to the module on top of the stack. Stack: [-0, +0, m] */
static void set_common(lua_State *L)
{
    luaL_setfuncs(L, common_functions, 0);
    mw_indicators_push(L);
    lua_setfield(L, -2, "indicators");
    lua_pushliteral(L, MW_VERSION);
    lua_setfield(L, -2, "version");
}

int luaopen_moonwick_core(lua_State *L)
{
    register_classes(L);
    mw_vm_add_searcher(L);
    luaL_requiref(L, "cjson", luaopen_cjson, 0); /* signals' values come as JSON */
    lua_pop(L, 1);
    luaL_newlib(L, core_functions);
    set_common(L);
    return 1;
}

void mw_bind_push_memo(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "moonwick.memo");
}

int64_t mw_bind_now_ms(const struct mw_strategy *strategy)
{
    int64_t now_ms = mw_strategy_time(strategy);
    return now_ms != 0 ? now_ms : INT64_MAX;
}

/* get_price(symbol, options) -> frame. Upvalues: strategy, memo */
static int strategy_get_price(lua_State *L)
{
    const struct mw_strategy *strategy = lua_touserdata(L, lua_upvalueindex(1));
    return mw_bind_get_price(L, mw_strategy_market(strategy), lua_upvalueindex(2), 1,
                             mw_bind_now_ms(strategy));
}

/* moonwick.core for a strategy. Upvalue: strategy */
static int open_strategy_core(lua_State *L)
{
    lua_createtable(L, 0, 5);
    lua_pushvalue(L, lua_upvalueindex(1));
    mw_bind_push_memo(L);
    lua_pushcclosure(L, strategy_get_price, 2);
    lua_setfield(L, -2, "get_price");
    set_common(L);
    return 1;
}

static void open_strategy(lua_State *L, struct mw_strategy *strategy)
{
    register_classes(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushlightuserdata(L, strategy);
    lua_pushcclosure(L, open_strategy_core, 1);
    lua_setfield(L, -2, "moonwick.core");
    lua_pop(L, 1);

    lua_getglobal(L, "require");
    lua_pushliteral(L, "moonwick");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "get_price");
    lua_setglobal(L, "get_price");
    lua_setglobal(L, "moonwick");
    char who[MW_STRATEGY_NAME_BYTES_MAX + 16];
    snprintf(who, sizeof(who), "strategy %s", mw_strategy_name(strategy));
    mw_bind_push_log(L, who);
    lua_setglobal(L, "log");
}

const struct mw_bindings mw_lua_bindings = {.open = open_strategy,
                                            .push_context = mw_bind_push_context,
                                            .push_bar = mw_bar_push,
                                            .push_event = mw_bind_push_event};
