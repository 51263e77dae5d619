/* protocol_run.c - protected calls with a limit of time and memory. */
#include "feed/protocol_run.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua-cjson.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

enum { HOOK_INSTRUCTIONS = 1000 }; /* some 10 us between looks at the clock */

/* The lua_Alloc of a protocol. `old_size` is the kind of object where `block` is NULL. */
static void *allocate(void *user, void *block, size_t old_size, size_t size)
{
    struct mw_protocol *protocol = user;
    if (block == NULL)
        old_size = 0;
    if (size > old_size && size - old_size > MW_PROTOCOL_LUA_BYTES_MAX - protocol->bytes)
        return NULL;
    void *moved = NULL;
    if (size == 0)
        free(block);
    else if ((moved = realloc(block, size)) == NULL)
        return NULL;
    protocol->bytes = protocol->bytes - old_size + size;
    return moved;
}

void mw_protocol_open(struct mw_protocol *protocol)
{
    protocol->L = lua_newstate(allocate, protocol);
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
