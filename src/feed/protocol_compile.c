/* protocol_compile.c - a protocol's table, checked key by key into structs.
 *
 * Errors are raised as strings that begin with the place in the table ("candles.open_time: ...").
 */
#include "feed/protocol_compile.h"

#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "feed/protocol_read.h"

enum { STACK_SLOTS = 40, COUNT_MAX = 1000000 }; /* of `limits` */

static void read_endpoints(lua_State *L, int index, struct mw_protocol *protocol)
{
    mw_protocol_get_field(L, index, "protocol", "endpoints", LUA_TTABLE, true);
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
    static const char *const names[] = {"streams", "messages_per_second", "batch", "lifetime"};
    if (!mw_protocol_get_field(L, index, "protocol", "limits", LUA_TTABLE, false))
        return;
    int table = lua_absindex(L, -1);
    mw_protocol_check_keys(L, table, "limits", names, MW_COUNT(names));
    protocol->stream_count_max = mw_protocol_get_count(L, table, "limits", "streams", COUNT_MAX);
    protocol->messages_per_second =
        mw_protocol_get_count(L, table, "limits", "messages_per_second", COUNT_MAX);
    protocol->batch_count_max = mw_protocol_get_count(L, table, "limits", "batch", COUNT_MAX);
    protocol->lifetime_ms =
        mw_protocol_get_duration(L, table, "limits", "lifetime", MW_LIFETIME_MS_MAX);
    lua_pop(L, 1);
}

static void read_functions(lua_State *L, int index, struct mw_protocol *protocol)
{
    mw_protocol_get_field(L, index, "protocol", "subscribe", LUA_TFUNCTION, true);
    protocol->subscribe = luaL_ref(L, LUA_REGISTRYINDEX);
    if (mw_protocol_get_field(L, index, "protocol", "unsubscribe", LUA_TFUNCTION, false))
        protocol->unsubscribe = luaL_ref(L, LUA_REGISTRYINDEX);
    if (mw_protocol_get_field(L, index, "protocol", "subscription", LUA_TSTRING, false)) {
        const char *style = lua_tostring(L, -1);
        if (strcmp(style, "replace") != 0 && strcmp(style, "add") != 0)
            luaL_error(L, "subscription: '%s': want \"add\" or \"replace\"", style);
        protocol->replaces = strcmp(style, "replace") == 0;
        lua_pop(L, 1);
    }
}

static void read_replies(lua_State *L, int index, struct mw_protocol *protocol)
{
    static const char *const kinds[] = {"ok", "error"};
    if (!mw_protocol_get_field(L, index, "protocol", "replies", LUA_TTABLE, false))
        return;
    int replies = lua_absindex(L, -1);
    mw_protocol_check_keys(L, replies, "replies", kinds, MW_COUNT(kinds));
    mw_protocol_read_replies(L, replies, "replies", "ok", protocol->ok, &protocol->ok_count);
    mw_protocol_read_replies(L, replies, "replies", "error", protocol->error,
                             &protocol->error_count);
    lua_pop(L, 1);
}

void mw_protocol_compile(lua_State *L, int index, struct mw_protocol *protocol)
{
    static const char *const names[] = {
        "name",    "endpoints",   "timeframes", "limits",  "subscribe",    "heartbeat", "pings",
        "notices", "unsubscribe", "replies",    "candles", "subscription", "history"};
    luaL_checkstack(L, STACK_SLOTS, "to read a protocol");
    protocol->subscribe = protocol->unsubscribe = LUA_NOREF;
    protocol->heartbeat.send = protocol->history.request = LUA_NOREF;
    if (!lua_istable(L, index))
        luaL_error(L, "want a table returned, got %s", luaL_typename(L, index));
    mw_protocol_check_keys(L, index, "protocol", names, MW_COUNT(names));
    mw_protocol_get_field(L, index, "protocol", "name", LUA_TSTRING, true);
    if (lua_rawlen(L, -1) == 0 || lua_rawlen(L, -1) > MW_FEED_NAME_BYTES_MAX)
        luaL_error(L, "protocol.name: want 1 to %d bytes", MW_FEED_NAME_BYTES_MAX);
    protocol->name = mw_strdup(lua_tostring(L, -1));
    lua_pop(L, 1);
    read_endpoints(L, index, protocol);
    read_timeframes(L, index, protocol);
    read_limits(L, index, protocol);
    read_functions(L, index, protocol);
    read_replies(L, index, protocol);
    mw_protocol_compile_upkeep(L, index, protocol);
    mw_protocol_compile_candles(L, index, &protocol->candles);
    mw_protocol_compile_history(L, index, &protocol->history);
}
