/* protocol_compile.c - a protocol's table, checked key by key into structs.
 *
 * Errors are raised as strings that begin with the place in the table ("candles.open_time: ...").
 */
#include "feed/protocol_compile.h"

#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"

/* Raises unless every key of the table at `index` is one of `names`. */
static void check_keys(lua_State *L, int index, const char *place, const char *const *names,
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

/* Pushes table[key] and raises unless it has `type`, or is nil and not required. Returns whether
 * there is a value; nil is popped. */
static bool get_field(lua_State *L, int index, const char *place, const char *key, int type,
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

static uint32_t get_count(lua_State *L, int index, const char *place, const char *key)
{
    if (!get_field(L, index, place, key, LUA_TNUMBER, false))
        return 0;
    lua_Integer value = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || value < 1 || value > 1000000)
        luaL_error(L, "%s.%s: want a whole number from 1 to 1000000", place, key);
    lua_pop(L, 1);
    return (uint32_t)value;
}

static void read_path(lua_State *L, const char *place, const char *text, struct mw_path *path)
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

/* A path, or a list of paths of which the first that is there counts; the value is at the top. */
static void read_paths(lua_State *L, const char *place, struct mw_locator *locator)
{
    if (lua_type(L, -1) == LUA_TSTRING) {
        read_path(L, place, lua_tostring(L, -1), &locator->paths[locator->path_count++]);
        return;
    }
    lua_Integer count = lua_istable(L, -1) ? luaL_len(L, -1) : 0;
    if (count < 1 || count > MW_ALTERNATIVES_MAX)
        luaL_error(L, "%s: want a path or a list of 1 to %d paths", place, MW_ALTERNATIVES_MAX);
    check_list(L, place, count, strcmp(place, "candles.open_time") == 0);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, -1, i) != LUA_TSTRING)
            luaL_error(L, "%s[%I]: want a path, got %s", place, i, luaL_typename(L, -1));
        read_path(L, place, lua_tostring(L, -1), &locator->paths[locator->path_count++]);
        lua_pop(L, 1);
    }
}

static void read_locator(lua_State *L, int index, const char *place, const char *key, bool required,
                         struct mw_locator *locator)
{
    const char *full = lua_pushfstring(L, "%s.%s", place, key);
    if (lua_getfield(L, index, key) != LUA_TNIL)
        read_paths(L, full, locator);
    else if (required)
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
    read_path(L, full, lua_tostring(L, -3), &condition->path);
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

static void read_pattern(lua_State *L, int index, const char *place, struct mw_pattern *pattern)
{
    const char *full = lua_pushfstring(L, "%s.when", place);
    get_field(L, index, place, "when", LUA_TTABLE, true);
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

static double read_unit(lua_State *L, const char *unit)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"us", 1e-3}, {"ns", 1e-6}};
    for (size_t i = 0; i < MW_COUNT(units); i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ms;
    luaL_error(L, "candles.open_time.unit: '%s': want ms, s, us or ns", unit);
    return 0;
}

static void read_candles(lua_State *L, int index, struct mw_candle_pattern *candles)
{
    static const char *const names[] = {"symbol",   "timeframe", "open_time", "open",
                                        "high",     "low",       "close",     "volume",
                                        "turnover", "trades",    "closed",    "when"};
    get_field(L, index, "protocol", "candles", LUA_TTABLE, true);
    int table = lua_absindex(L, -1);
    check_keys(L, table, "candles", names, MW_COUNT(names));
    read_pattern(L, table, "candles", &candles->when);
    for (int field = 0; field < MW_FIELD_COUNT; field++)
        read_locator(L, table, "candles", names[field], field < MW_FIELD_REQUIRED_COUNT,
                     &candles->fields[field]);
    candles->open_time_ms = 1;
    if (lua_getfield(L, table, "open_time") == LUA_TTABLE &&
        get_field(L, -1, "candles.open_time", "unit", LUA_TSTRING, false)) {
        candles->open_time_ms = read_unit(L, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static void read_replies(lua_State *L, int index, const char *key, struct mw_reply_pattern *replies,
                         uint32_t *count)
{
    static const char *const names[] = {"when", "id", "message", "code"};
    if (!get_field(L, index, "replies", key, LUA_TTABLE, false))
        return;
    lua_Integer length = luaL_len(L, -1);
    if (length < 1 || length > MW_REPLIES_MAX)
        luaL_error(L, "replies.%s: want a list of 1 to %d patterns", key, MW_REPLIES_MAX);
    for (lua_Integer i = 1; i <= length; i++) {
        const char *place = lua_pushfstring(L, "replies.%s[%I]", key, i);
        if (lua_geti(L, -2, i) != LUA_TTABLE)
            luaL_error(L, "%s: want a table, got %s", place, luaL_typename(L, -1));
        struct mw_reply_pattern *reply = &replies[(*count)++];
        int table = lua_absindex(L, -1);
        check_keys(L, table, place, names, MW_COUNT(names));
        read_pattern(L, table, place, &reply->when);
        read_locator(L, table, place, "id", false, &reply->id);
        read_locator(L, table, place, "message", false, &reply->message);
        read_locator(L, table, place, "code", false, &reply->code);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static void read_endpoints(lua_State *L, int index, struct mw_protocol *protocol)
{
    get_field(L, index, "protocol", "endpoints", LUA_TTABLE, true);
    lua_Integer count = luaL_len(L, -1);
    if (count < 1 || count > MW_FEED_ENDPOINTS_MAX)
        luaL_error(L, "endpoints: want 1 to %d URLs", MW_FEED_ENDPOINTS_MAX);
    protocol->endpoints = mw_alloc_zero((size_t)count * sizeof(char *));
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, -1, i) != LUA_TSTRING)
            luaL_error(L, "endpoints[%I]: want a URL, got %s", i, luaL_typename(L, -1));
        protocol->endpoints[protocol->endpoint_count++] = mw_strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* One entry of `timeframes`: "1m" in the list part, or ["1h"] = "60" with the venue's spelling. */
static void read_timeframe(lua_State *L, struct mw_protocol *protocol)
{
    bool listed = lua_type(L, -2) == LUA_TNUMBER;
    if (lua_type(L, -1) != LUA_TSTRING || (!listed && lua_type(L, -2) != LUA_TSTRING))
        luaL_error(L, "timeframes: want names like \"1m\", or [\"1h\"] = \"the venue's spelling\"");
    const char *name = lua_tostring(L, listed ? -1 : -2);
    size_t code_length;
    const char *code = lua_tolstring(L, -1, &code_length);
    struct mw_error err;
    struct mw_timeframe timeframe;
    if (mw_timeframe_parse(name, &timeframe, &err) != MW_OK)
        luaL_error(L, "timeframes: %s", err.message);
    if (code_length == 0 || code_length >= MW_TIMEFRAME_BYTES_MAX)
        luaL_error(L, "timeframes: '%s': want a spelling of 1 to %d bytes", name,
                   MW_TIMEFRAME_BYTES_MAX - 1);
    if (protocol->timeframe_count == MW_FEED_TIMEFRAMES_MAX)
        luaL_error(L, "timeframes: more than %d", MW_FEED_TIMEFRAMES_MAX);
    protocol->timeframes[protocol->timeframe_count].timeframe = timeframe;
    protocol->timeframes[protocol->timeframe_count++].code = mw_strdup(code);
}

static void read_timeframes(lua_State *L, int index, struct mw_protocol *protocol)
{
    if (lua_getfield(L, index, "timeframes") == LUA_TSTRING &&
        strcmp(lua_tostring(L, -1), "any") == 0) {
        protocol->any_timeframe = true;
    } else if (lua_istable(L, -1)) {
        protocol->timeframes =
            mw_alloc_zero(MW_FEED_TIMEFRAMES_MAX * sizeof(*protocol->timeframes));
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            read_timeframe(L, protocol);
            lua_pop(L, 1);
        }
    }
    if (!protocol->any_timeframe && protocol->timeframe_count == 0)
        luaL_error(L, "timeframes: want a list, or \"any\"");
    lua_pop(L, 1);
}

static void read_limits(lua_State *L, int index, struct mw_protocol *protocol)
{
    static const char *const names[] = {"streams", "messages_per_second", "batch"};
    if (!get_field(L, index, "protocol", "limits", LUA_TTABLE, false))
        return;
    check_keys(L, -1, "limits", names, MW_COUNT(names));
    protocol->stream_count_max = get_count(L, -1, "limits", "streams");
    protocol->messages_per_second = get_count(L, -1, "limits", "messages_per_second");
    protocol->batch_count_max = get_count(L, -1, "limits", "batch");
    lua_pop(L, 1);
}

static void read_functions(lua_State *L, int index, struct mw_protocol *protocol)
{
    get_field(L, index, "protocol", "subscribe", LUA_TFUNCTION, true);
    protocol->subscribe = luaL_ref(L, LUA_REGISTRYINDEX);
    if (get_field(L, index, "protocol", "unsubscribe", LUA_TFUNCTION, false))
        protocol->unsubscribe = luaL_ref(L, LUA_REGISTRYINDEX);
    if (get_field(L, index, "protocol", "subscription", LUA_TSTRING, false)) {
        const char *style = lua_tostring(L, -1);
        if (strcmp(style, "replace") != 0 && strcmp(style, "add") != 0)
            luaL_error(L, "subscription: '%s': want \"add\" or \"replace\"", style);
        protocol->replaces = strcmp(style, "replace") == 0;
        lua_pop(L, 1);
    }
}

void mw_protocol_compile(lua_State *L, int index, struct mw_protocol *protocol)
{
    static const char *const names[] = {"name",    "endpoints", "timeframes",
                                        "limits",  "subscribe", "unsubscribe",
                                        "replies", "candles",   "subscription"};
    if (!lua_istable(L, index))
        luaL_error(L, "want a table returned, got %s", luaL_typename(L, index));
    check_keys(L, index, "protocol", names, MW_COUNT(names));
    get_field(L, index, "protocol", "name", LUA_TSTRING, true);
    if (lua_rawlen(L, -1) == 0 || lua_rawlen(L, -1) > MW_FEED_NAME_BYTES_MAX)
        luaL_error(L, "protocol.name: want 1 to %d bytes", MW_FEED_NAME_BYTES_MAX);
    protocol->name = mw_strdup(lua_tostring(L, -1));
    lua_pop(L, 1);
    read_endpoints(L, index, protocol);
    read_timeframes(L, index, protocol);
    read_limits(L, index, protocol);
    read_functions(L, index, protocol);
    if (get_field(L, index, "protocol", "replies", LUA_TTABLE, false)) {
        static const char *const kinds[] = {"ok", "error"};
        int replies = lua_absindex(L, -1);
        check_keys(L, replies, "replies", kinds, MW_COUNT(kinds));
        read_replies(L, replies, "ok", protocol->ok, &protocol->ok_count);
        read_replies(L, replies, "error", protocol->error, &protocol->error_count);
        lua_pop(L, 1);
    }
    read_candles(L, index, &protocol->candles);
}
