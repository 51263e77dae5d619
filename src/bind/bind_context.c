/* bind_context.c - what a strategy's hooks get as their first argument. */
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "bind/bind.h"

#define CONTEXT_TYPE "moonwick.context"

enum { PARAMS_SLOT = 1, STATE_SLOT, SLOT_COUNT = STATE_SLOT }; /* user values */

struct context_box {
    struct mw_strategy *native; /* borrows; outlives its lua_State */
};

void mw_bind_push_context(lua_State *L, struct mw_strategy *strategy, int params)
{
    params = lua_absindex(L, params);
    struct context_box *box = lua_newuserdatauv(L, sizeof(*box), SLOT_COUNT);
    box->native = strategy;
    luaL_setmetatable(L, CONTEXT_TYPE);
    lua_pushvalue(L, params);
    lua_setiuservalue(L, -2, PARAMS_SLOT);
    lua_newtable(L);
    lua_setiuservalue(L, -2, STATE_SLOT);
}

static struct mw_strategy *check_context(lua_State *L)
{
    return ((struct context_box *)luaL_checkudata(L, 1, CONTEXT_TYPE))->native;
}

/* context:signal(values): a table, or one text. moonwick.signal makes text and JSON of it. */
static int context_signal(lua_State *L)
{
    struct mw_strategy *strategy = check_context(L);
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "moonwick.signal");
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 1, 2); /* text, json */
    size_t length;
    const char *json = luaL_checklstring(L, -1, &length);
    luaL_argcheck(L, length <= MW_SIGNAL_BYTES_MAX, 2, "want at most 4096 bytes as JSON");
    mw_strategy_signal(strategy, luaL_checkstring(L, -2), json);
    return 0;
}

static const luaL_Reg context_methods[] = {{"signal", context_signal}, {NULL, NULL}};

static int unknown_field(lua_State *L, const char *name)
{
    static const char *const names[] = {"name", "now", "params", "signal", "state"};
    const char *near = mw_nearest_name(name, names, MW_COUNT(names));
    return luaL_error(L, "context has no field \"%s\"%s%s%s", name,
                      near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
                      near != NULL ? "\"?" : "");
}

/* context.params, .state, .now, .name, and the methods (upvalue 1) */
static int context_index(lua_State *L)
{
    struct mw_strategy *strategy = check_context(L);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "params") == 0) {
        lua_getiuservalue(L, 1, PARAMS_SLOT);
    } else if (strcmp(name, "state") == 0) {
        lua_getiuservalue(L, 1, STATE_SLOT);
    } else if (strcmp(name, "now") == 0) {
        lua_pushinteger(L, mw_clock_wall_ms());
    } else if (strcmp(name, "name") == 0) {
        lua_pushstring(L, mw_strategy_name(strategy));
    } else {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL)
            return unknown_field(L, name);
    }
    return 1;
}

static int context_newindex(lua_State *L)
{
    return luaL_error(L, "context.%s: the context is read-only, keep values in context.state",
                      luaL_tolstring(L, 2, NULL));
}

static int context_tostring(lua_State *L)
{
    lua_pushfstring(L, "context of strategy %s", mw_strategy_name(check_context(L)));
    return 1;
}

static const luaL_Reg context_metamethods[] = {
    {"__newindex", context_newindex}, {"__tostring", context_tostring}, {NULL, NULL}};

void mw_bind_context_register(lua_State *L)
{
    luaL_newmetatable(L, CONTEXT_TYPE);
    luaL_setfuncs(L, context_metamethods, 0);
    luaL_newlib(L, context_methods);
    lua_pushcclosure(L, context_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
