/* protocol_read.c - keys, paths and patterns of a protocol's table, checked as they are read. */
#include "feed/protocol_read.h"

#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

void mw_protocol_check_keys(lua_State *L, int index, const char *place, const char *const *names,
                            size_t count)
{
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "%s: want named keys, got a %s key", place, luaL_typename(L, -1));
        const char *key = lua_tostring(L, -1);
        size_t i = 0;
        while (i < count && strcmp(key, names[i]) != 0)
            i++;
        if (i == count) {
            const char *near = mw_nearest_name(key, names, count);
            luaL_error(L, "%s: no such key '%s'%s%s%s", place, key, near ? ", did you mean " : "",
                       near ? near : "", near ? "?" : "");
        }
    }
}

bool mw_protocol_get_field(lua_State *L, int index, const char *place, const char *key, int type,
                           bool required)
{
    int got = lua_getfield(L, index, key);
    if (got == type)
        return true;
    if (got != LUA_TNIL || required)
        luaL_error(L, "%s.%s: want a %s, got %s", place, key, lua_typename(L, type),
                   lua_typename(L, got));
    lua_pop(L, 1);
    return false;
}

lua_Integer mw_protocol_get_list(lua_State *L, int index, const char *place, const char *key,
                                 lua_Integer count_max, const char *what)
{
    int got = lua_getfield(L, index, key);
    if (got == LUA_TNIL) {
        lua_pop(L, 1);
        return 0;
    }
    const char *dot = place[0] != '\0' ? "." : "";
    if (got != LUA_TTABLE)
        luaL_error(L, "%s%s%s: want a table, got %s", place, dot, key, lua_typename(L, got));
    lua_Integer count = luaL_len(L, -1);
    if (count < 1 || count > count_max)
        luaL_error(L, "%s%s%s: want a list of 1 to %I %s", place, dot, key, count_max, what);
    return count;
}

uint32_t mw_protocol_get_count(lua_State *L, int index, const char *place, const char *key,
                               uint32_t maximum)
{
    if (!mw_protocol_get_field(L, index, place, key, LUA_TNUMBER, false))
        return 0;
    lua_Integer value = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || value < 1 || value > maximum)
        luaL_error(L, "%s.%s: want a whole number from 1 to %I", place, key, (lua_Integer)maximum);
    lua_pop(L, 1);
    return (uint32_t)value;
}

int64_t mw_protocol_get_duration(lua_State *L, int index, const char *place, const char *key,
                                 int64_t maximum_ms)
{
    if (!mw_protocol_get_field(L, index, place, key, LUA_TSTRING, false))
        return 0;
    struct mw_error err;
    int64_t span_ms = 0;
    if (mw_duration_parse(lua_tostring(L, -1), &span_ms, &err) != MW_OK)
        luaL_error(L, "%s.%s: %s", place, key, err.message);
    if (span_ms > maximum_ms)
        luaL_error(L, "%s.%s: '%s': want at most %I s", place, key, lua_tostring(L, -1),
                   (lua_Integer)(maximum_ms / MW_MS_PER_SECOND));
    lua_pop(L, 1);
    return span_ms;
}

void mw_protocol_read_path(lua_State *L, const char *place, const char *text, struct mw_path *path)
{
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ".");
        if (length == 0 || path->key_count == MW_PATH_KEYS_MAX)
            luaL_error(L, "%s: path '%s': want 1 to %d keys with dots between", place, text,
                       MW_PATH_KEYS_MAX);
        path->keys[path->key_count].text = mw_strndup(at, length);
        path->keys[path->key_count++].length = length;
        at += length;
        if (*at == '\0')
            return;
    }
}

/* A list of paths is that and nothing else, but `unit` where there is one. */
static void check_list(lua_State *L, const char *place, lua_Integer count, bool has_unit)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        bool listed =
            lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= count;
        bool unit =
            has_unit && lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "unit") == 0;
        if (!listed && !unit)
            luaL_error(L, "%s: no such key '%s'%s", place, luaL_tolstring(L, -1, NULL),
                       has_unit ? ", want paths and unit" : ", want paths");
    }
}

/* A path, or the number of an element where rows may be arrays, at the top. False when it is
 * neither. */
static bool read_alternative(lua_State *L, const char *place, unsigned flags,
                             struct mw_locator *locator)
{
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && (type != LUA_TNUMBER || !(flags & MW_PLACE_ELEMENT)))
        return false;
    struct mw_path *path = &locator->paths[locator->path_count++];
    if (type == LUA_TSTRING) {
        mw_protocol_read_path(L, place, lua_tostring(L, -1), path);
        return true;
    }
    lua_Integer number = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || number < 1 || number > MW_PATH_ELEMENT_MAX)
        luaL_error(L, "%s: want an element's number from 1 to %d", place, MW_PATH_ELEMENT_MAX);
    path->keys[0].length = (size_t)number - 1;
    path->key_count = 1;
    return true;
}

/* One, or a list of which the first that is there counts; the value is at the top. */
static void read_alternatives(lua_State *L, const char *place, unsigned flags,
                              struct mw_locator *locator)
{
    if (read_alternative(L, place, flags, locator))
        return;
    const char *or_number = flags & MW_PLACE_ELEMENT ? ", a number" : "";
    lua_Integer count = lua_istable(L, -1) ? luaL_len(L, -1) : 0;
    if (count < 1 || count > MW_ALTERNATIVES_MAX)
        luaL_error(L, "%s: want a path%s or a list of 1 to %d paths", place, or_number,
                   MW_ALTERNATIVES_MAX);
    check_list(L, place, count, (flags & MW_PLACE_UNIT) != 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_geti(L, -1, i);
        if (!read_alternative(L, place, flags, locator))
            luaL_error(L, "%s[%I]: want a path%s, got %s", place, i, or_number,
                       luaL_typename(L, -1));
        lua_pop(L, 1);
    }
}

void mw_protocol_read_place(lua_State *L, int index, const char *place, const char *key,
                            unsigned flags, struct mw_locator *locator)
{
    const char *full = lua_pushfstring(L, "%s.%s", place, key);
    if (lua_getfield(L, index, key) != LUA_TNIL)
        read_alternatives(L, full, flags, locator);
    else if (flags & MW_PLACE_REQUIRED)
        luaL_error(L, "%s: missing", full);
    lua_pop(L, 2);
}

/* Copies the text at the top, which may hold any bytes. */
static char *read_bytes(lua_State *L, size_t *length)
{
    const char *text = lua_tolstring(L, -1, length);
    return mw_strndup(text, *length);
}

static void read_literal(lua_State *L, const char *place, struct mw_literal *literal)
{
    switch (lua_type(L, -1)) {
    case LUA_TLIGHTUSERDATA:
        literal->kind = lua_touserdata(L, -1) == NULL ? MW_LITERAL_NULL : MW_LITERAL_ANY;
        break;
    case LUA_TBOOLEAN:
        literal->kind = MW_LITERAL_BOOLEAN;
        literal->boolean = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        literal->kind = MW_LITERAL_NUMBER;
        literal->number = lua_tonumber(L, -1);
        break;
    case LUA_TSTRING:
        literal->kind = MW_LITERAL_TEXT;
        literal->text = read_bytes(L, &literal->length);
        break;
    default:
        luaL_error(L, "%s: want text, a number, a boolean, NULL or ANY, got %s", place,
                   luaL_typename(L, -1));
    }
}

/* One entry of `when`: the path is the key below the top, the value or list of values the top. */
static void read_condition(lua_State *L, const char *place, struct mw_condition *condition)
{
    const char *full = lua_pushfstring(L, "%s[\"%s\"]", place, lua_tostring(L, -2));
    mw_protocol_read_path(L, full, lua_tostring(L, -3), &condition->path);
    lua_insert(L, -2);
    if (!lua_istable(L, -1)) {
        read_literal(L, full, &condition->literals[condition->literal_count++]);
    } else {
        lua_Integer count = luaL_len(L, -1);
        if (count < 1 || count > MW_ALTERNATIVES_MAX)
            luaL_error(L, "%s: want a list of 1 to %d values", full, MW_ALTERNATIVES_MAX);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, -1, i);
            read_literal(L, full, &condition->literals[condition->literal_count++]);
            lua_pop(L, 1);
        }
    }
    lua_remove(L, -2);
}

void mw_protocol_read_when(lua_State *L, int index, const char *place, struct mw_pattern *pattern)
{
    const char *full = lua_pushfstring(L, "%s.when", place);
    mw_protocol_get_field(L, index, place, "when", LUA_TTABLE, true);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: want paths as keys, got a %s", full, luaL_typename(L, -2));
        if (pattern->condition_count == MW_CONDITIONS_MAX)
            luaL_error(L, "%s: more than %d conditions", full, MW_CONDITIONS_MAX);
        read_condition(L, full, &pattern->conditions[pattern->condition_count++]);
        lua_pop(L, 1);
    }
    if (pattern->condition_count == 0)
        luaL_error(L, "%s: want at least one condition", full);
    lua_pop(L, 2);
}

void mw_protocol_read_replies(lua_State *L, int index, const char *place, const char *key,
                              struct mw_reply_pattern *replies, uint32_t *count)
{
    static const char *const names[] = {"when", "id", "message", "code"};
    lua_Integer length = mw_protocol_get_list(L, index, place, key, MW_REPLIES_MAX, "patterns");
    if (length == 0)
        return;
    for (lua_Integer i = 1; i <= length; i++) {
        const char *full = lua_pushfstring(L, "%s.%s[%I]", place, key, i);
        if (lua_geti(L, -2, i) != LUA_TTABLE)
            luaL_error(L, "%s: want a table, got %s", full, luaL_typename(L, -1));
        struct mw_reply_pattern *reply = &replies[(*count)++];
        int table = lua_absindex(L, -1);
        mw_protocol_check_keys(L, table, full, names, MW_COUNT(names));
        mw_protocol_read_when(L, table, full, &reply->when);
        mw_protocol_read_place(L, table, full, "id", 0, &reply->id);
        mw_protocol_read_place(L, table, full, "message", 0, &reply->message);
        mw_protocol_read_place(L, table, full, "code", 0, &reply->code);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}
