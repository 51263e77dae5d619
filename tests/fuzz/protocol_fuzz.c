/* protocol_fuzz.c - any table is compiled or refused with a place; JSON stands in for Lua. */
#include <lauxlib.h>
#include <lua-cjson.h>

#include "base/check.h"
#include "feed/protocol_compile.h"
#include "fuzz.h"

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* (text): decodes it, gives it the functions that JSON cannot have, and compiles it. */
static int compile(lua_State *L)
{
    struct mw_protocol *protocol = lua_touserdata(L, lua_upvalueindex(1));
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    lua_getfield(L, -1, "decode");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_istable(L, -1)) {
        lua_pushcfunction(L, nothing);
        lua_setfield(L, -2, "subscribe");
        if (lua_getfield(L, -1, "history") == LUA_TTABLE) {
            lua_pushcfunction(L, nothing);
            lua_setfield(L, -2, "request");
        }
        lua_pop(L, 1);
    }
    mw_protocol_compile(L, lua_gettop(L), protocol);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mw_protocol *protocol = mw_alloc_zero(sizeof(*protocol));
    protocol->L = luaL_newstate();
    lua_pushlightuserdata(protocol->L, protocol);
    lua_pushcclosure(protocol->L, compile, 1);
    lua_pushlstring(protocol->L, (const char *)data, size);
    if (lua_pcall(protocol->L, 1, 0, 0) != LUA_OK)
        MW_CHECK(lua_type(protocol->L, -1) == LUA_TSTRING && lua_rawlen(protocol->L, -1) > 0);
    else
        MW_CHECK(protocol->endpoint_count > 0 && protocol->candles.when.condition_count > 0);
    mw_protocol_free(protocol);
    return 0;
}
