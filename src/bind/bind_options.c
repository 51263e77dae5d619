/* bind_options.c - reading tables of named options. */
#include "bind/bind_options.h"

#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/str.h"

int mw_options_fail(lua_State *L, const char *what, const char *name, const char *wanted)
{
    return luaL_error(L, "%s: %s: want %s, got %s", what, name, wanted,
                      luaL_tolstring(L, -1, NULL));
}

void mw_options_check(lua_State *L, int index, const char *what, const char *const *names,
                      size_t count)
{
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: want named options, got a %s", what, luaL_typename(L, -2));
        const char *name = lua_tostring(L, -2);
        size_t at = 0;
        while (at < count && strcmp(names[at], name) != 0)
            at++;
        const char *near = at == count ? mw_nearest_name(name, names, count) : NULL;
        if (at == count)
            luaL_error(L, "%s: no such option '%s'%s%s%s", what, name,
                       near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                       near != NULL ? "?" : "");
        lua_pop(L, 1);
    }
}

const char *mw_options_text(lua_State *L, int index, const char *what, const char *name,
                            size_t bytes_max)
{
    size_t length;
    const char *text = NULL;
    if (lua_getfield(L, index, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            mw_options_fail(L, what, name, "a text");
        text = lua_tolstring(L, -1, &length);
        if (length == 0 || length > bytes_max || strlen(text) != length)
            luaL_error(L, "%s: %s: want 1 to %d characters", what, name, (int)bytes_max);
    }
    lua_pop(L, 1);
    return text;
}

double mw_options_number(lua_State *L, int index, const char *what, const char *name,
                         double otherwise)
{
    double number = otherwise;
    int type = lua_getfield(L, index, name);
    if (type == LUA_TNUMBER)
        number = lua_tonumber(L, -1);
    else if (type != LUA_TNIL)
        mw_options_fail(L, what, name, "a number");
    lua_pop(L, 1);
    return number;
}

int64_t mw_options_integer(lua_State *L, int index, const char *what, const char *name,
                           int64_t otherwise)
{
    int whole;
    int64_t number = otherwise;
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL) {
        number = lua_tointegerx(L, -1, &whole);
        if (type != LUA_TNUMBER || !whole)
            mw_options_fail(L, what, name, "a whole number");
    }
    lua_pop(L, 1);
    return number;
}

bool mw_options_boolean(lua_State *L, int index, const char *what, const char *name)
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        mw_options_fail(L, what, name, "true or false");
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

int64_t mw_options_time(lua_State *L, int index, const char *what, const char *name,
                        int64_t otherwise)
{
    int whole = 1;
    int64_t time_ms = otherwise;
    int type = lua_getfield(L, index, name);
    if (type == LUA_TNUMBER)
        time_ms = lua_tointegerx(L, -1, &whole);
    if ((type == LUA_TSTRING && mw_time_parse(lua_tostring(L, -1), &time_ms, NULL) != MW_OK) ||
        !whole || (type != LUA_TNIL && type != LUA_TNUMBER && type != LUA_TSTRING))
        mw_options_fail(L, what, name, "milliseconds or an ISO 8601 time in UTC");
    lua_pop(L, 1);
    return time_ms;
}

struct mw_timeframe mw_options_timeframe(lua_State *L, int index, const char *what,
                                         const char *name)
{
    struct mw_timeframe timeframe = {.count = 0};
    struct mw_error err;
    const char *text = mw_options_text(L, index, what, name, MW_TIMEFRAME_BYTES_MAX);
    if (text != NULL && mw_timeframe_parse(text, &timeframe, &err) != MW_OK)
        luaL_error(L, "%s: %s: %s", what, name, err.message);
    return timeframe;
}
