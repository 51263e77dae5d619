/* call.c - protected calls, and how an error value becomes a sentence. */
#include "script/call.h"

#include <stdbool.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"

/* Replaces the error value at index 1 by a string: what __tostring makes of it, the field `message`
 * of a table, or what tostring would print. Stack: [-1, +1, m] */
static void show_error(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING)
        return;
    if (lua_istable(L, 1) && luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
        lua_pushliteral(L, "message");
        if (lua_rawget(L, 1) != LUA_TSTRING)
            lua_pushliteral(L, "(the error is a table without a message)");
    } else {
        luaL_tolstring(L, 1, NULL);
    }
    lua_replace(L, 1);
    lua_settop(L, 1);
}

/* Whether a Lua function is being called: only then does a traceback say anything. */
static bool runs_lua(lua_State *L)
{
    lua_Debug record;
    for (int level = 1; lua_getstack(L, level, &record); level++) {
        lua_getinfo(L, "S", &record);
        if (strcmp(record.what, "C") != 0)
            return true;
    }
    return false;
}

/* The message handler. Lua does not call it when memory has run out, and a failure of its own ends
 * the call with that failure. */
static int handle_error(lua_State *L)
{
    show_error(L);
    if (runs_lua(L))
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* Calls what stands behind the message handler at `base`, and takes that away. */
static mw_status call_handled(lua_State *L, int base, int argument_count, int result_count,
                              mw_status status, struct mw_error *err)
{
    int result = lua_pcall(L, argument_count, result_count, base);
    lua_remove(L, base);
    if (result == LUA_OK)
        return MW_OK;
    /* Lua's own errors in handling an error are strings too. */
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
    mw_fail(err, status, "%s", message);
    lua_pop(L, 1);
    return status;
}

mw_status mw_call(lua_State *L, int argument_count, int result_count, mw_status status,
                  struct mw_error *err)
{
    int base = lua_gettop(L) - argument_count;
    MW_CHECK(base >= 1);
    if (!lua_checkstack(L, 1)) {
        lua_settop(L, base - 1);
        return mw_fail(err, status, "not enough memory");
    }
    lua_pushcfunction(L, handle_error);
    lua_insert(L, base);
    return call_handled(L, base, argument_count, result_count, status, err);
}

struct protected_call {
    int (*run)(lua_State *L, void *user);
    void *user;
};

static int run_protected(lua_State *L)
{
    const struct protected_call *call = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return call->run(L, call->user);
}

mw_status mw_call_protected(lua_State *L, int (*run)(lua_State *L, void *user), void *user,
                            mw_status status, struct mw_error *err)
{
    struct protected_call call = {.run = run, .user = user};
    if (!lua_checkstack(L, 3))
        return mw_fail(err, status, "not enough memory");
    lua_pushcfunction(L, handle_error); /* none of these allocates */
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, &call);
    return call_handled(L, lua_gettop(L) - 2, 1, LUA_MULTRET, status, err);
}
