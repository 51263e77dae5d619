/* protocol_build.c - what a protocol's functions want sent and asked. */
#include "feed/protocol.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "feed/protocol_run.h"

/* Runs `function`, called `what` in errors. */
static mw_status run(struct mw_protocol *protocol, lua_CFunction function, void *data,
                     const char *what, struct mw_error *err)
{
    char place[MW_FEED_NAME_BYTES_MAX + 32];
    snprintf(place, sizeof(place), "%s: %s", protocol->name, what);
    return mw_protocol_run(protocol, function, data, MW_PROTOCOL_MS_MAX, place, err);
}

/* Makes text of the value at the top: a table becomes JSON. Stack: [-1, +1, e] */
static const char *to_text(lua_State *L, const char *what, size_t *length)
{
    if (lua_istable(L, -1)) {
        mw_protocol_push_json(L, "encode");
        lua_insert(L, -2);
        lua_call(L, 1, 1);
    } else if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "%swant a table or text, got %s", what, luaL_typename(L, -1));
    }
    return lua_tolstring(L, -1, length);
}

static void push_one_series(lua_State *L, const struct mw_protocol_series *series)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, series->symbol);
    lua_setfield(L, -2, "symbol");
    lua_pushstring(L, series->timeframe_code);
    lua_setfield(L, -2, "timeframe");
}

static void push_feed(lua_State *L, const struct mw_protocol_feed *feed)
{
    lua_createtable(L, 0, 3);
    lua_pushstring(L, feed->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, feed->csrf_token);
    lua_setfield(L, -2, "csrf_token");
    lua_pushstring(L, feed->market_type);
    lua_setfield(L, -2, "market_type");
}

/* What the protected build works on. */
struct build {
    const struct mw_protocol_request *request;
    int function;
    void (*add)(void *user, const char *text, size_t length);
    void *user;
};

static int build_protected(lua_State *L)
{
    struct build *build = lua_touserdata(L, 1);
    const struct mw_protocol_request *request = build->request;
    lua_rawgeti(L, LUA_REGISTRYINDEX, build->function);
    lua_createtable(L, (int)request->series_count, 0);
    for (uint32_t i = 0; i < request->series_count; i++) {
        push_one_series(L, &request->series[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, request->id);
    push_feed(L, request->feed);
    lua_call(L, 3, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "want a list of messages, got %s", luaL_typename(L, -1));
    lua_Integer count = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        char what[48];
        size_t length;
        snprintf(what, sizeof(what), "message %lld: ", (long long)i);
        lua_geti(L, -1, i);
        const char *text = to_text(L, what, &length);
        build->add(build->user, text, length);
        lua_pop(L, 1);
    }
    return 0;
}

mw_status mw_protocol_build(struct mw_protocol *protocol, const struct mw_protocol_request *request,
                            void (*add)(void *user, const char *text, size_t length), void *user,
                            struct mw_error *err)
{
    struct build build = {.request = request, .add = add, .user = user};
    build.function = request->subscribe ? protocol->subscribe : protocol->unsubscribe;
    if (build.function == LUA_NOREF)
        return MW_OK;
    return run(protocol, build_protected, &build, request->subscribe ? "subscribe" : "unsubscribe",
               err);
}

/* What the protected asking works on. */
struct ask {
    const struct mw_protocol_history_request *request;
    int function;
    char *url, *body; /* owns */
};

/* nil for a time that is no bound. */
static void push_bound(lua_State *L, int64_t time_ms)
{
    if (time_ms == INT64_MIN || time_ms == INT64_MAX)
        lua_pushnil(L);
    else
        lua_pushinteger(L, time_ms);
}

/* The URL goes into the first line of a request: a blank or a line's end in it, from a symbol
 * perhaps, would make another request of it. */
static void check_url(lua_State *L, const char *url, size_t length)
{
    bool whole = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    if (url[0] != '/' && !whole)
        luaL_error(L, "want a URL that begins with '/', http:// or https://, got '%s'", url);
    if (length > MW_URL_BYTES_MAX)
        luaL_error(L, "want a URL of at most %d bytes, got %I", MW_URL_BYTES_MAX,
                   (lua_Integer)length);
    for (size_t i = 0; i < length; i++)
        if (url[i] <= ' ' || url[i] > '~')
            luaL_error(L,
                       "want a URL without blanks and control characters (see urlencode), got '%s'",
                       url);
}

static int ask_protected(lua_State *L)
{
    struct ask *ask = lua_touserdata(L, 1);
    const struct mw_protocol_history_request *request = ask->request;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ask->function);
    push_one_series(L, &request->series);
    push_bound(L, request->from_ms);
    push_bound(L, request->to_ms);
    lua_pushinteger(L, request->count);
    push_feed(L, request->feed);
    lua_call(L, 5, 2);
    if (lua_type(L, -2) != LUA_TSTRING)
        return luaL_error(L, "want a URL, got %s", luaL_typename(L, -2));
    size_t url_length, body_length = 0;
    const char *url = lua_tolstring(L, -2, &url_length), *body = NULL;
    check_url(L, url, url_length);
    if (!lua_isnil(L, -1))
        body = to_text(L, "body: ", &body_length);
    if (body_length > MW_HISTORY_BODY_BYTES_MAX || (body != NULL && strlen(body) != body_length))
        return luaL_error(L, "body: want text of at most %d bytes", MW_HISTORY_BODY_BYTES_MAX);
    ask->url = mw_strdup(url);
    ask->body = mw_text_copy(body);
    return 0;
}

mw_status mw_protocol_build_history(struct mw_protocol *protocol,
                                    const struct mw_protocol_history_request *request, char **url,
                                    char **body, struct mw_error *err)
{
    MW_CHECK(protocol->history.known);
    struct ask ask = {.request = request, .function = protocol->history.request};
    mw_status status = run(protocol, ask_protected, &ask, "history.request", err);
    if (status != MW_OK)
        return status;
    *url = ask.url;
    *body = ask.body;
    return MW_OK;
}

/* What the protected saying works on. */
struct say {
    int what; /* reference to text or a function */
    bool decode;
    struct mw_text message; /* that is answered; NULL: a heartbeat */
    void (*add)(void *user, const char *text, size_t length);
    void *user;
};

static int say_protected(lua_State *L)
{
    struct say *say = lua_touserdata(L, 1);
    size_t length;
    lua_rawgeti(L, LUA_REGISTRYINDEX, say->what);
    if (lua_isfunction(L, -1) && say->message.data == NULL) {
        lua_pushinteger(L, mw_clock_wall_ms());
        lua_call(L, 1, 1);
    } else if (lua_isfunction(L, -1)) {
        if (say->decode) {
            mw_protocol_push_json(L, "decode");
            lua_pushlstring(L, say->message.data, say->message.length);
            lua_call(L, 1, 1);
        } else {
            lua_pushlstring(L, say->message.data, say->message.length);
        }
        lua_pushlstring(L, say->message.data, say->message.length);
        lua_call(L, 2, 1);
    }
    const char *text = to_text(L, "", &length);
    say->add(say->user, text, length);
    return 0;
}

mw_status mw_protocol_build_heartbeat(struct mw_protocol *protocol,
                                      void (*add)(void *user, const char *text, size_t length),
                                      void *user, struct mw_error *err)
{
    struct say say = {.what = protocol->heartbeat.send, .add = add, .user = user};
    if (say.what == LUA_NOREF)
        return MW_OK;
    return run(protocol, say_protected, &say, "heartbeat.send", err);
}

mw_status mw_protocol_build_answer(struct mw_protocol *protocol, uint32_t index,
                                   struct mw_text message,
                                   void (*add)(void *user, const char *text, size_t length),
                                   void *user, struct mw_error *err)
{
    MW_CHECK(index < protocol->heartbeat.ping_count);
    const struct mw_ping_pattern *ping = &protocol->heartbeat.pings[index];
    struct say say = {.what = ping->answer,
                      .decode = ping->text == NULL,
                      .message = message,
                      .add = add,
                      .user = user};
    char what[32];
    snprintf(what, sizeof(what), "pings[%u].answer", index + 1);
    return run(protocol, say_protected, &say, what, err);
}
