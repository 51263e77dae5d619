/* protocol_upkeep.c - what keeps a connection alive, and what announces its end.
 *
 * What is sent is encoded while the table is read, so that a table that is no JSON is refused at
 * the start and not in the night.
 */
#include "feed/protocol_compile.h"

#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "feed/protocol_read.h"
#include "feed/protocol_run.h"

/* Takes the value at the top, text, a table that becomes JSON, or a function, and returns a
 * reference to text or function. */
static int read_outgoing(lua_State *L, const char *place)
{
    if (lua_istable(L, -1)) {
        mw_protocol_push_json(L, "encode");
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK)
            luaL_error(L, "%s: %s", place, lua_tostring(L, -1));
    } else if (lua_type(L, -1) != LUA_TSTRING && !lua_isfunction(L, -1)) {
        luaL_error(L, "%s: want text, a table or a function, got %s", place, luaL_typename(L, -1));
    }
    if (lua_isstring(L, -1) && (lua_rawlen(L, -1) == 0 || lua_rawlen(L, -1) > MW_PING_BYTES_MAX))
        luaL_error(L, "%s: want 1 to %d bytes", place, MW_PING_BYTES_MAX);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Returns owned the text at the top, which a message is compared with. */
static char *read_text(lua_State *L, const char *place)
{
    size_t length = lua_rawlen(L, -1);
    const char *text = lua_tostring(L, -1);
    if (length == 0 || length > MW_PING_BYTES_MAX || strlen(text) != length)
        luaL_error(L, "%s: want text of 1 to %d bytes", place, MW_PING_BYTES_MAX);
    return mw_strdup(text);
}

/* heartbeat.reply: the text of it, or a table with `when`. */
static void read_reply(lua_State *L, int table, struct mw_heartbeat *heartbeat)
{
    static const char *const names[] = {"when"};
    int type = lua_getfield(L, table, "reply");
    if (type == LUA_TSTRING) {
        heartbeat->reply_text = read_text(L, "heartbeat.reply");
    } else if (type == LUA_TTABLE) {
        int reply = lua_absindex(L, -1);
        mw_protocol_check_keys(L, reply, "heartbeat.reply", names, MW_COUNT(names));
        mw_protocol_read_when(L, reply, "heartbeat.reply", &heartbeat->reply);
    } else if (type != LUA_TNIL) {
        luaL_error(L, "heartbeat.reply: want text or a table with when, got %s",
                   lua_typename(L, type));
    }
    lua_pop(L, 1);
}

static void read_heartbeat(lua_State *L, int index, struct mw_heartbeat *heartbeat)
{
    static const char *const names[] = {"every", "send", "reply"};
    if (!mw_protocol_get_field(L, index, "protocol", "heartbeat", LUA_TTABLE, false))
        return;
    int table = lua_absindex(L, -1);
    mw_protocol_check_keys(L, table, "heartbeat", names, MW_COUNT(names));
    heartbeat->every_ms = mw_protocol_get_duration(L, table, "heartbeat", "every", MW_PHASE_MS_MAX);
    if (lua_getfield(L, table, "send") != LUA_TNIL)
        heartbeat->send = read_outgoing(L, "heartbeat.send");
    else
        lua_pop(L, 1);
    read_reply(L, table, heartbeat);
    lua_pop(L, 1);
}

static void read_ping(lua_State *L, const char *place, struct mw_ping_pattern *ping)
{
    static const char *const names[] = {"when", "text", "answer"};
    int table = lua_absindex(L, -1);
    mw_protocol_check_keys(L, table, place, names, MW_COUNT(names));
    if (mw_protocol_get_field(L, table, place, "text", LUA_TSTRING, false)) {
        const char *full = lua_pushfstring(L, "%s.text", place);
        lua_insert(L, -2);
        ping->text = read_text(L, full);
        lua_pop(L, 2);
        if (lua_getfield(L, table, "when") != LUA_TNIL)
            luaL_error(L, "%s: want when or text, not both", place);
        lua_pop(L, 1);
    } else {
        mw_protocol_read_when(L, table, place, &ping->when);
    }
    const char *full = lua_pushfstring(L, "%s.answer", place);
    lua_getfield(L, table, "answer");
    ping->answer = read_outgoing(L, full);
    lua_pop(L, 1);
}

static void read_pings(lua_State *L, int index, struct mw_heartbeat *heartbeat)
{
    lua_Integer count = mw_protocol_get_list(L, index, "", "pings", MW_REPLIES_MAX, "patterns");
    for (lua_Integer i = 1; i <= count; i++) {
        const char *place = lua_pushfstring(L, "pings[%I]", i);
        if (lua_geti(L, -2, i) != LUA_TTABLE)
            luaL_error(L, "%s: want a table, got %s", place, luaL_typename(L, -1));
        read_ping(L, place, &heartbeat->pings[heartbeat->ping_count++]);
        lua_pop(L, 2);
    }
    if (count > 0)
        lua_pop(L, 1);
}

static void read_notices(lua_State *L, int index, struct mw_protocol *protocol)
{
    static const char *const names[] = {"when"};
    lua_Integer count = mw_protocol_get_list(L, index, "", "notices", MW_REPLIES_MAX, "patterns");
    for (lua_Integer i = 1; i <= count; i++) {
        const char *place = lua_pushfstring(L, "notices[%I]", i);
        if (lua_geti(L, -2, i) != LUA_TTABLE)
            luaL_error(L, "%s: want a table, got %s", place, luaL_typename(L, -1));
        int table = lua_absindex(L, -1);
        mw_protocol_check_keys(L, table, place, names, MW_COUNT(names));
        mw_protocol_read_when(L, table, place, &protocol->notices[protocol->notice_count++]);
        lua_pop(L, 2);
    }
    if (count > 0)
        lua_pop(L, 1);
}

void mw_protocol_compile_upkeep(lua_State *L, int index, struct mw_protocol *protocol)
{
    read_heartbeat(L, index, &protocol->heartbeat);
    read_pings(L, index, &protocol->heartbeat);
    read_notices(L, index, protocol);
}
