/* bind_error.c - errors as scripts see them. */
#include <string.h>

#include <lauxlib.h>

#include "bind/bind.h"

#define ERROR_TYPE "moonwick.error"

void mw_bind_push_error(lua_State *L, const struct mw_error *err)
{
    lua_createtable(L, 0, 6);
    lua_pushstring(L, mw_status_kind(err->status));
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, err->message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, mw_status_name(err->status));
    lua_setfield(L, -2, "status");
    if (err->code != 0) {
        lua_pushinteger(L, err->code);
        lua_setfield(L, -2, "code");
    }
    if (err->endpoint[0] != '\0') {
        lua_pushstring(L, err->endpoint);
        lua_setfield(L, -2, "endpoint");
    }
    if (err->attempts != 0) {
        lua_pushinteger(L, err->attempts);
        lua_setfield(L, -2, "attempts");
    }
    luaL_setmetatable(L, ERROR_TYPE);
}

int mw_bind_fail(lua_State *L, const struct mw_error *err)
{
    lua_pushnil(L);
    mw_bind_push_error(L, err);
    return 2;
}

/* tostring(err) -> "WebSocketConnectionError: feed demo: ... (ws://host:1/path, 4 attempts)" */
static int error_tostring(lua_State *L)
{
    luaL_Buffer buffer;
    lua_settop(L, 1);
    lua_getfield(L, 1, "endpoint"); /* 2 */
    lua_getfield(L, 1, "attempts"); /* 3 */
    lua_getfield(L, 1, "kind");     /* 4 */
    lua_getfield(L, 1, "message");  /* 5 */
    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, luaL_optstring(L, 4, "error"));
    luaL_addstring(&buffer, ": ");
    luaL_addstring(&buffer, luaL_optstring(L, 5, ""));
    bool has_endpoint = !lua_isnil(L, 2), has_attempts = !lua_isnil(L, 3);
    if (has_endpoint || has_attempts) {
        luaL_addstring(&buffer, " (");
        luaL_addstring(&buffer, luaL_optstring(L, 2, ""));
        if (has_attempts) {
            lua_pushfstring(L, "%s%I attempt%s", has_endpoint ? ", " : "", lua_tointeger(L, 3),
                            lua_tointeger(L, 3) == 1 ? "" : "s");
            luaL_addvalue(&buffer);
        }
        luaL_addchar(&buffer, ')');
    }
    luaL_pushresult(&buffer);
    return 1;
}

static const luaL_Reg error_metamethods[] = {{"__tostring", error_tostring}, {NULL, NULL}};

void mw_bind_error_register(lua_State *L)
{
    luaL_newmetatable(L, ERROR_TYPE);
    luaL_setfuncs(L, error_metamethods, 0);
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
