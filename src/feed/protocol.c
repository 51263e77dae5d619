/* protocol.c - loading protocols and building their requests.
 *
 * The whole of loading runs in one protected Lua call that fills a struct owned outside of it, so
 * that an error anywhere, Lua's own or ours, leaves nothing behind.
 */
#include "feed/protocol.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua-cjson.h>
#include <lualib.h>

#include "base/check.h"
#include "base/embedded.h"
#include "base/limits.h"
#include "feed/protocol_compile.h"

static const char any_marker; /* its address is ANY in protocol files; NULL is cjson's null, 0 */

static void open_libraries(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},        {LUA_MATHLIBNAME, luaopen_math},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table},
        {"json", luaopen_cjson},          {NULL, NULL}};
    for (const luaL_Reg *library = libraries; library->name != NULL; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    static const char *const removed[] = {"dofile", "loadfile", "load", "print"};
    for (size_t i = 0; i < MW_COUNT(removed); i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    lua_pushlightuserdata(L, NULL); /* what cjson decodes null to, too */
    lua_setglobal(L, "NULL");
    lua_pushlightuserdata(L, (void *)(uintptr_t)&any_marker);
    lua_setglobal(L, "ANY");
}

/* What the protected load works on. */
struct load {
    struct mw_protocol *protocol;
    const char *text, *chunk_name;
    size_t length;
};

static int load_protected(lua_State *L)
{
    struct load *load = lua_touserdata(L, 1);
    open_libraries(L);
    if (luaL_loadbufferx(L, load->text, load->length, load->chunk_name, "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    mw_protocol_compile(L, lua_absindex(L, -1), load->protocol);
    return 0;
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') != NULL || (length > 4 && strcmp(name + length - 4, ".lua") == 0);
}

static mw_status no_such_protocol(const char *name, struct mw_error *err)
{
    char names[256] = "";
    size_t used = 0;
    const char *shipped;
    for (size_t i = 0; (shipped = mw_embedded_name(i)) != NULL && used < sizeof(names); i++) {
        int length = (int)strlen(shipped) - 4;
        static const char prefix[] = "moonwick/protocols/";
        if (strncmp(shipped, prefix, sizeof(prefix) - 1) != 0)
            continue;
        length -= (int)sizeof(prefix) - 1;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.*s", used > 0 ? ", " : "",
                                 length, shipped + sizeof(prefix) - 1);
    }
    return mw_fail(err, MW_ECONFIG, "protocol '%.64s': want the path of a .lua file or one of %s",
                   name, names);
}

/* Gets the text of the protocol: from the file, copied into `file`, or shipped. */
static mw_status find_text(const char *name, struct mw_str *file, char *chunk_name, size_t size,
                           struct load *load, struct mw_error *err)
{
    if (is_path(name)) {
        mw_status status = mw_str_read_file(file, name, err);
        if (status != MW_OK)
            return status;
        snprintf(chunk_name, size, "@%s", name);
        load->text = file->data;
        load->length = file->length;
        return MW_OK;
    }
    char shipped[MW_FEED_NAME_BYTES_MAX + 32];
    int length = snprintf(shipped, sizeof(shipped), "moonwick/protocols/%s.lua", name);
    load->text = (size_t)length < sizeof(shipped) ? mw_embedded_find(shipped, &load->length) : NULL;
    if (load->text == NULL)
        return no_such_protocol(name, err);
    snprintf(chunk_name, size, "@%s", shipped);
    return MW_OK;
}

mw_status mw_protocol_load(const char *name_or_path, struct mw_protocol **out, struct mw_error *err)
{
    char chunk_name[MW_PATH_BYTES_MAX + 2];
    struct mw_str file = MW_STR_INIT(MW_SCRIPT_BYTES_MAX);
    struct load load = {.chunk_name = chunk_name};
    mw_status status = find_text(name_or_path, &file, chunk_name, sizeof(chunk_name), &load, err);
    if (status != MW_OK) {
        mw_str_deinit(&file);
        return status;
    }
    struct mw_protocol *protocol = load.protocol = mw_alloc_zero(sizeof(*protocol));
    protocol->subscribe = protocol->unsubscribe = LUA_NOREF;
    protocol->L = luaL_newstate();
    MW_CHECK(protocol->L != NULL);
    lua_pushcfunction(protocol->L, load_protected);
    lua_pushlightuserdata(protocol->L, &load);
    if (lua_pcall(protocol->L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(protocol->L, -1);
        status = mw_fail(err, MW_ECONFIG, "protocol %s: %s", name_or_path,
                         message != NULL ? message : "raised an error that is no text");
        mw_protocol_free(protocol);
    } else {
        *out = protocol;
    }
    mw_str_deinit(&file);
    return status;
}

static void path_deinit(struct mw_path *path)
{
    for (uint32_t i = 0; i < path->key_count; i++)
        mw_free(path->keys[i].text);
}

static void locator_deinit(struct mw_locator *locator)
{
    for (uint32_t i = 0; i < locator->path_count; i++)
        path_deinit(&locator->paths[i]);
}

static void pattern_deinit(struct mw_pattern *pattern)
{
    for (uint32_t i = 0; i < pattern->condition_count; i++) {
        struct mw_condition *condition = &pattern->conditions[i];
        path_deinit(&condition->path);
        for (uint32_t j = 0; j < condition->literal_count; j++)
            mw_free(condition->literals[j].text);
    }
}

static void reply_deinit(struct mw_reply_pattern *reply)
{
    pattern_deinit(&reply->when);
    locator_deinit(&reply->id);
    locator_deinit(&reply->message);
    locator_deinit(&reply->code);
}

void mw_protocol_free(struct mw_protocol *protocol)
{
    if (protocol == NULL)
        return;
    for (uint32_t i = 0; i < protocol->endpoint_count; i++)
        mw_free(protocol->endpoints[i]);
    for (uint32_t i = 0; i < protocol->timeframe_count; i++)
        mw_free(protocol->timeframes[i].code);
    pattern_deinit(&protocol->candles.when);
    for (int field = 0; field < MW_FIELD_COUNT; field++)
        locator_deinit(&protocol->candles.fields[field]);
    for (uint32_t i = 0; i < MW_REPLIES_MAX; i++) {
        reply_deinit(&protocol->ok[i]);
        reply_deinit(&protocol->error[i]);
    }
    lua_close(protocol->L);
    mw_free(protocol->timeframes);
    mw_free(protocol->endpoints);
    mw_free(protocol->name);
    mw_free(protocol);
}

bool mw_protocol_timeframe_code(const struct mw_protocol *protocol, struct mw_timeframe timeframe,
                                char *code)
{
    if (protocol->any_timeframe) {
        mw_timeframe_format(timeframe, code);
        return true;
    }
    for (uint32_t i = 0; i < protocol->timeframe_count; i++) {
        if (mw_timeframe_equal(protocol->timeframes[i].timeframe, timeframe)) {
            snprintf(code, MW_TIMEFRAME_BYTES_MAX, "%s", protocol->timeframes[i].code);
            return true;
        }
    }
    return false;
}

/* What the protected build works on. */
struct build {
    const struct mw_protocol_request *request;
    int function;
    void (*add)(void *user, const char *text, size_t length);
    void *user;
};

static void push_series(lua_State *L, const struct mw_protocol_request *request)
{
    lua_createtable(L, (int)request->series_count, 0);
    for (uint32_t i = 0; i < request->series_count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, request->series[i].symbol);
        lua_setfield(L, -2, "symbol");
        lua_pushstring(L, request->series[i].timeframe_code);
        lua_setfield(L, -2, "timeframe");
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
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

static int build_protected(lua_State *L)
{
    struct build *build = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, build->function);
    push_series(L, build->request);
    lua_pushinteger(L, build->request->id);
    push_feed(L, build->request->feed);
    lua_call(L, 3, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "want a list of messages, got %s", luaL_typename(L, -1));
    lua_Integer count = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, -1, i) == LUA_TTABLE) {
            lua_getglobal(L, "json");
            lua_getfield(L, -1, "encode");
            lua_pushvalue(L, -3);
            lua_call(L, 1, 1);
        } else if (lua_type(L, -1) != LUA_TSTRING) {
            return luaL_error(L, "message %I: want a table or text, got %s", i,
                              luaL_typename(L, -1));
        }
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        build->add(build->user, text, length);
        lua_settop(L, 2); /* the request and the list of messages */
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
    lua_State *L = protocol->L;
    lua_pushcfunction(L, build_protected);
    lua_pushlightuserdata(L, &build);
    mw_status status = MW_OK;
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        status = mw_fail(err, MW_ECONFIG, "protocol %s: %s: %s", protocol->name,
                         request->subscribe ? "subscribe" : "unsubscribe",
                         message != NULL ? message : "raised an error that is no text");
        lua_pop(L, 1);
    }
    return status;
}
