/* simulated.c - engine time, seeded chance and ordered pairs for a script. */
#include "script/simulated.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/clock.h"

/* --- time ------------------------------------------------------------------------------------- */

/* Engine time in whole seconds, towards the past. Upvalues: Lua's own function, strategy */
static lua_Integer engine_seconds(lua_State *L)
{
    const struct mw_strategy *strategy = lua_touserdata(L, lua_upvalueindex(2));
    int64_t now_ms = mw_strategy_time(strategy);
    return now_ms / MW_MS_PER_SECOND - (now_ms % MW_MS_PER_SECOND < 0);
}

/* Calls Lua's own function with the arguments. */
static int call_own(lua_State *L)
{
    int count = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, LUA_MULTRET);
    return lua_gettop(L);
}

/* os.time([table]) -> seconds */
static int simulated_time(lua_State *L)
{
    if (!lua_isnoneornil(L, 1))
        return call_own(L);
    lua_pushinteger(L, engine_seconds(L));
    return 1;
}

/* os.date([format [, time]]) -> text or table */
static int simulated_date(lua_State *L)
{
    if (!lua_isnoneornil(L, 2))
        return call_own(L);
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "%c");
        lua_replace(L, 1);
    }
    lua_pushinteger(L, engine_seconds(L));
    return call_own(L);
}

/* --- chance ----------------------------------------------------------------------------------- */

/* math.randomseed([x [, y]]) -> x, y. Upvalues: Lua's own function, seed */
static int simulated_randomseed(lua_State *L)
{
    if (lua_isnone(L, 1)) {
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_pushinteger(L, 0);
    }
    return call_own(L);
}

/* --- order ------------------------------------------------------------------------------------ */

struct name {
    const char *text; /* the list of names keeps it */
    size_t length;
    lua_Integer place; /* in that list */
};

static int compare_names(const void *left, const void *right)
{
    const struct name *a = left, *b = right;
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* How many names the table at index 1 has as keys. */
static size_t count_names(lua_State *L)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        count += lua_type(L, -2) == LUA_TSTRING;
    return count;
}

/* Makes room for all names: names, list of them, keys. A finaliser that runs meanwhile may add to
 * the table; none runs after that. Stack: [-0, +3, m] */
static struct name *make_room(lua_State *L, size_t room)
{
    for (int top = lua_gettop(L);;) {
        struct name *names = lua_newuserdatauv(L, room * sizeof(*names), 0);
        lua_newtable(L);
        lua_newtable(L);
        size_t count = count_names(L);
        if (count <= room)
            return names;
        lua_settop(L, top);
        room = count + count / 2;
    }
}

/* Adds the keys of the table at index 1 that are numbers to the list at index `keys`, in order. */
static lua_Integer add_numbers(lua_State *L, int keys)
{
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TNUMBER) {
            lua_pushvalue(L, -2);
            lua_rawseti(L, keys, ++count);
        }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, keys);
    lua_call(L, 1, 0);
    return count;
}

/* Pushes a list of the keys of the table at index 1: numbers in their order, names in theirs, then
 * all others. Stack: [-0, +1, m] */
static void push_keys(lua_State *L, size_t name_count)
{
    struct name *names = make_room(L, name_count);
    int keys = lua_gettop(L), list = keys - 1;
    lua_Integer count = add_numbers(L, keys), at = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING) {
            struct name *name = &names[at];
            name->text = lua_tolstring(L, -2, &name->length);
            name->place = ++at;
            lua_pushvalue(L, -2);
            lua_rawseti(L, list, at);
        }
    qsort(names, (size_t)at, sizeof(*names), compare_names);
    for (lua_Integer i = 0; i < at; i++) {
        lua_rawgeti(L, list, names[i].place);
        lua_rawseti(L, keys, ++count);
    }
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TNUMBER && lua_type(L, -2) != LUA_TSTRING) {
            lua_pushvalue(L, -2);
            lua_rawseti(L, keys, ++count);
        }
    }
}

/* The next key that still has a value. Upvalues: keys, place */
static int next_key(lua_State *L)
{
    lua_Integer place = lua_tointeger(L, lua_upvalueindex(2));
    for (;;) {
        lua_settop(L, 1);
        bool any = lua_rawgeti(L, lua_upvalueindex(1), ++place) != LUA_TNIL;
        lua_pushinteger(L, place);
        lua_replace(L, lua_upvalueindex(2));
        if (!any)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL)
            return 2;
    }
}

/* pairs(table) -> iterator, table, nil. Upvalues: Lua's own function, its table.sort */
static int simulated_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL || !lua_istable(L, 1)) {
        lua_settop(L, 1);
        return call_own(L);
    }
    lua_settop(L, 1);
    size_t names = count_names(L);
    if (names == 0)
        return call_own(L);
    push_keys(L, names);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_key, 2);
    lua_pushvalue(L, 1);
    return 2;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Replaces a function of the table on top of the stack; the second upvalue is above it.
 * Stack: [-1, +0, m] */
static void replace(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -2, name);
    lua_insert(L, -2);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

void mw_simulated_open(lua_State *L, const struct mw_strategy *strategy, uint64_t seed)
{
    lua_getglobal(L, LUA_OSLIBNAME);
    lua_pushlightuserdata(L, (void *)(uintptr_t)strategy);
    replace(L, "time", simulated_time);
    lua_pushlightuserdata(L, (void *)(uintptr_t)strategy);
    replace(L, "date", simulated_date);
    lua_pop(L, 1);

    lua_getglobal(L, LUA_MATHLIBNAME);
    lua_pushinteger(L, (lua_Integer)seed);
    replace(L, "randomseed", simulated_randomseed);
    lua_getfield(L, -1, "randomseed");
    lua_call(L, 0, 0);
    lua_pop(L, 1);

    lua_pushglobaltable(L);
    lua_getfield(L, -1, LUA_TABLIBNAME);
    lua_getfield(L, -1, "sort");
    lua_remove(L, -2);
    replace(L, "pairs", simulated_pairs);
    lua_pop(L, 1);
}
