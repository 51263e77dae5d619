/* protocol_run.c - protected calls with a limit of time and memory. */
#include "feed/protocol_run.h"

#include <string.h>

#include <lauxlib.h>
#include <lua-cjson.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

enum { HOOK_INSTRUCTIONS = 1000 }; /* some 10 us between looks at the clock */

void mw_protocol_open(struct mw_protocol *protocol)
{
    protocol->heap.bytes_max = MW_PROTOCOL_LUA_BYTES_MAX;
    protocol->L = lua_newstate(mw_heap_allocate, &protocol->heap);
    MW_CHECK(protocol->L != NULL);
    memcpy(lua_getextraspace(protocol->L), &protocol, sizeof(protocol));
}

/* Raises when it is late, and from then on at every instruction, so that code which catches its
 * errors gets no further. */
static void look_up(lua_State *L, lua_Debug *record)
{
    (void)record;
    struct mw_protocol *protocol;
    memcpy(&protocol, lua_getextraspace(L), sizeof(protocol));
    if (mw_clock_monotonic_ms() < protocol->until_ms)
        return;
    lua_sethook(L, look_up, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    luaL_where(L, 0); /* a hook has no level of its own: 0 is the function that runs */
    lua_pushliteral(L, "it takes too long");
    lua_concat(L, 2);
    lua_error(L);
}

mw_status mw_protocol_run(struct mw_protocol *protocol, lua_CFunction function, void *data,
                          int64_t limit_ms, const char *place, struct mw_error *err)
{
    lua_State *L = protocol->L;
    protocol->until_ms = mw_clock_monotonic_ms() + limit_ms;
    lua_sethook(L, look_up, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, data);
    int result = lua_pcall(L, 1, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    if (result == LUA_OK)
        return MW_OK;
    const char *message = lua_tostring(L, -1);
    mw_status status = mw_fail(err, MW_ECONFIG, "protocol %s: %s", place,
                               message != NULL ? message : "raised an error that is no text");
    lua_pop(L, 1);
    return status;
}

void mw_protocol_push_json(lua_State *L, const char *name)
{
    luaL_requiref(L, "json", luaopen_cjson, 0);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}
