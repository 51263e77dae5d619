/* protocol.c - loading protocols and giving them up.
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
#include "feed/protocol_run.h"

static const char any_marker; /* its address is ANY in protocol files; NULL is cjson's null, 0 */

/* urlencode(text) -> text: everything but letters, digits and "-._~" as %XX. */
static int url_encode(lua_State *L)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("-._~", c) != NULL);
        if (plain) {
            luaL_addchar(&out, (char)c);
        } else {
            luaL_addchar(&out, '%');
            luaL_addchar(&out, digits[c >> 4]);
            luaL_addchar(&out, digits[c & 15]);
        }
    }
    luaL_pushresult(&out);
    return 1;
}

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
    lua_pushcfunction(L, url_encode);
    lua_setglobal(L, "urlencode");
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
    mw_protocol_open(protocol);
    status = mw_protocol_run(protocol, load_protected, &load, MW_LOAD_MS_MAX, name_or_path, err);
    if (status == MW_OK)
        *out = protocol;
    else
        mw_protocol_free(protocol);
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

static void candles_deinit(struct mw_candle_pattern *candles)
{
    pattern_deinit(&candles->when);
    pattern_deinit(&candles->snapshot);
    path_deinit(&candles->rows);
    for (int field = 0; field < MW_FIELD_COUNT; field++)
        locator_deinit(&candles->fields[field]);
}

static void heartbeat_deinit(struct mw_heartbeat *heartbeat)
{
    mw_free(heartbeat->reply_text);
    pattern_deinit(&heartbeat->reply);
    for (uint32_t i = 0; i < heartbeat->ping_count; i++) {
        mw_free(heartbeat->pings[i].text);
        pattern_deinit(&heartbeat->pings[i].when);
    }
}

void mw_protocol_free(struct mw_protocol *protocol)
{
    if (protocol == NULL)
        return;
    for (uint32_t i = 0; i < protocol->endpoint_count; i++)
        mw_free(protocol->endpoints[i]);
    for (uint32_t i = 0; i < protocol->timeframe_count; i++)
        mw_free(protocol->timeframes[i].code);
    candles_deinit(&protocol->candles);
    heartbeat_deinit(&protocol->heartbeat);
    candles_deinit(&protocol->history.rows);
    mw_free(protocol->history.base);
    for (uint32_t i = 0; i < MW_REPLIES_MAX; i++) {
        reply_deinit(&protocol->ok[i]);
        reply_deinit(&protocol->error[i]);
        reply_deinit(&protocol->history.error[i]);
        pattern_deinit(&protocol->notices[i]);
    }
    lua_close(protocol->L);
    mw_heap_deinit(&protocol->heap);
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
