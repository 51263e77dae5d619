/* bind_engine.c - class moonwick.engine: an engine in the hands of a host's script. */
#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/str.h"
#include "bind/bind.h"
#include "bind/bind_bar.h"
#include "bind/bind_engine_status.h"
#include "bind/bind_moonwick.h"
#include "bind/class.h"

enum { MEMO_SLOT = 1, HANDLERS_SLOT, SLOT_COUNT = HANDLERS_SLOT }; /* user values */

static const double poll_seconds_max = 86400;

struct engine_box {
    struct mw_engine *native; /* owns; NULL when closed */
};

static struct mw_engine *check_engine(lua_State *L)
{
    struct engine_box *box = mw_class_check(L, 1);
    if (box->native == NULL)
        luaL_error(L, "attempt to use a closed engine");
    return box->native;
}

/* engine:close(). Stops it and frees it; a closed engine raises when it is used. Idempotent. */
static int engine_close(lua_State *L)
{
    struct engine_box *box = mw_class_check(L, 1);
    struct mw_engine *engine = box->native;
    box->native = NULL;
    mw_engine_free(engine);
    return 0;
}

/* engine:gaps() -> list */
static int engine_gaps(lua_State *L)
{
    mw_bind_push_gaps(L, check_engine(L));
    return 1;
}

/* engine:get_price(symbol, options) -> frame */
static int engine_get_price(lua_State *L)
{
    struct mw_engine *engine = check_engine(L);
    lua_settop(L, 3);
    lua_getiuservalue(L, 1, MEMO_SLOT); /* engine, symbol, options, memo */
    return mw_bind_get_price(L, mw_engine_market(engine), 4, 2, INT64_MAX);
}

/* engine:is_running() -> boolean */
static int engine_is_running(lua_State *L)
{
    lua_pushboolean(L, mw_engine_is_running(check_engine(L)));
    return 1;
}

static int check_kind(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    const char *names[MW_EVENT_KIND_COUNT];
    for (int kind = 0; kind < MW_EVENT_KIND_COUNT; kind++) {
        names[kind] = mw_event_kind_text((mw_event_kind)kind);
        if (strcmp(names[kind], name) == 0)
            return kind;
    }
    const char *near = mw_nearest_name(name, names, MW_EVENT_KIND_COUNT);
    return luaL_error(L, "there is no event \"%s\"%s%s%s", name,
                      near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
                      near != NULL ? "\"?" : "");
}

/* engine:on(kind, handler) -> engine. Handlers run inside engine:poll. */
static int engine_on(lua_State *L)
{
    struct mw_engine *engine = check_engine(L);
    int kind = check_kind(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (mw_event_kind_is_of_series((mw_event_kind)kind))
        mw_engine_want_bars(engine);
    lua_getiuservalue(L, 1, HANDLERS_SLOT);
    if (lua_geti(L, -1, kind + 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_seti(L, -3, kind + 1);
    }
    lua_pushvalue(L, 3);
    lua_seti(L, -2, luaL_len(L, -2) + 1);
    lua_settop(L, 1);
    return 1;
}

/* Calls the handlers of one event; a handler of "bar" gets the bar, the others the event. */
static void dispatch(lua_State *L, const struct mw_event *event)
{
    lua_getiuservalue(L, 1, HANDLERS_SLOT);
    if (lua_geti(L, -1, event->kind + 1) == LUA_TTABLE) {
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, -1, i);
            if (event->kind == MW_EVENT_BAR)
                mw_bar_push(L, &event->candle, &event->key);
            else
                mw_bind_push_event(L, event);
            lua_call(L, 1, 0);
        }
    }
    lua_settop(L, 2);
}

/* An event in a box, so that a handler that raises leaks nothing. */
static int event_box_gc(lua_State *L)
{
    mw_event_deinit(lua_touserdata(L, 1));
    return 0;
}

static struct mw_event *push_event_box(lua_State *L)
{
    struct mw_event *event = lua_newuserdatauv(L, sizeof(*event), 0);
    event->text = event->json = NULL;
    if (luaL_newmetatable(L, "moonwick.event_box")) {
        lua_pushcfunction(L, event_box_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return event;
}

/* engine:poll(seconds = 0) -> count. Waits for the first event, then handles all that are there. */
static int engine_poll(lua_State *L)
{
    struct mw_engine *engine = check_engine(L);
    double seconds = luaL_optnumber(L, 2, 0);
    luaL_argcheck(L, seconds >= 0, 2, "want seconds, 0 or more");
    double wait_ms = ceil((seconds < poll_seconds_max ? seconds : poll_seconds_max) * 1000);
    lua_settop(L, 1);
    struct mw_event *event = push_event_box(L); /* 2 */
    const struct engine_box *box = lua_touserdata(L, 1);
    lua_Integer count = 0;
    while (box->native != NULL &&
           mw_engine_poll(engine, count == 0 ? (int64_t)wait_ms : 0, event)) {
        count++;
        dispatch(L, event);
        mw_event_deinit(event);
    }
    lua_pushinteger(L, count);
    return 1;
}

/* engine:reconnect(feed) -> true | nil, err. Without a feed: all of them. */
static int engine_reconnect(lua_State *L)
{
    struct mw_error err;
    if (mw_engine_reconnect(check_engine(L), luaL_optstring(L, 2, NULL), &err) != MW_OK)
        return mw_bind_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* engine:start() -> true | nil, err */
static int engine_start(lua_State *L)
{
    struct mw_error err;
    if (mw_engine_start(check_engine(L), &err) != MW_OK)
        return mw_bind_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* engine:status() -> table */
static int engine_status(lua_State *L)
{
    mw_bind_push_status(L, check_engine(L));
    return 1;
}

/* engine:stop(). Idempotent. */
static int engine_stop(lua_State *L)
{
    mw_engine_stop(check_engine(L));
    return 0;
}

/* Reads "SYMBOL" or "feed:SYMBOL" and a frequency, and calls `change` with them. */
static int change_series(lua_State *L,
                         mw_status (*change)(struct mw_engine *, const char *, const char *,
                                             struct mw_timeframe, struct mw_error *))
{
    struct mw_engine *engine = check_engine(L);
    const char *symbol = luaL_checkstring(L, 2);
    struct mw_timeframe timeframe;
    struct mw_error err;
    if (mw_timeframe_parse(luaL_optstring(L, 3, "1m"), &timeframe, &err) != MW_OK)
        return luaL_argerror(L, 3, err.message);
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    const char *rest = mw_cache_split_name(symbol, feed);
    bool named = rest != NULL && mw_engine_find_feed(engine, feed) != NULL;
    if (named) /* else the colon is part of the symbol */
        symbol = rest;
    if (change(engine, named ? feed : NULL, symbol, timeframe, &err) != MW_OK)
        return mw_bind_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* engine:subscribe(symbol, frequency = "1m") -> true | nil, err */
static int engine_subscribe(lua_State *L)
{
    return change_series(L, mw_engine_subscribe);
}

/* engine:unsubscribe(symbol, frequency = "1m") -> true | nil, err */
static int engine_unsubscribe(lua_State *L)
{
    return change_series(L, mw_engine_unsubscribe);
}

static int engine_index(lua_State *L)
{
    static const char *const none[] = {NULL};
    mw_class_find(L, none, 0);
    return 1;
}

static int engine_tostring(lua_State *L)
{
    const struct engine_box *box = mw_class_check(L, 1);
    if (box->native == NULL)
        lua_pushliteral(L, "engine (closed)");
    else
        lua_pushfstring(L, "engine (%s, %d feeds, %d series)",
                        mw_engine_is_running(box->native) ? "running" : "stopped",
                        (int)mw_engine_feed_count(box->native),
                        (int)mw_cache_series_count(mw_engine_cache(box->native)));
    return 1;
}

static const luaL_Reg engine_methods[] = {{"close", engine_close},
                                          {"gaps", engine_gaps},
                                          {"get_price", engine_get_price},
                                          {"is_running", engine_is_running},
                                          {"on", engine_on},
                                          {"poll", engine_poll},
                                          {"reconnect", engine_reconnect},
                                          {"start", engine_start},
                                          {"status", engine_status},
                                          {"stop", engine_stop},
                                          {"subscribe", engine_subscribe},
                                          {"unsubscribe", engine_unsubscribe},
                                          {NULL, NULL}};

static const luaL_Reg engine_metamethods[] = {{"__close", engine_close},
                                              {"__gc", engine_close},
                                              {"__index", engine_index},
                                              {"__tostring", engine_tostring},
                                              {NULL, NULL}};

static const char *const engine_fields[] = {NULL};

static const struct mw_class engine_class = {"moonwick.engine", "engine", engine_fields,
                                             engine_methods, engine_metamethods};

void mw_bind_engine_register(lua_State *L)
{
    mw_class_register(L, &engine_class);
}

int mw_bind_engine_open(lua_State *L)
{
    if (!lua_istable(L, 1) && lua_type(L, 1) != LUA_TSTRING)
        return luaL_argerror(L, 1, "want the path of a configuration, or a table");
    lua_settop(L, 1);
    struct engine_box *box = lua_newuserdatauv(L, sizeof(*box), SLOT_COUNT);
    box->native = NULL; /* closed: __gc is safe from here on */
    mw_class_set(L, &engine_class);
    for (int slot = 1; slot <= SLOT_COUNT; slot++) {
        lua_newtable(L);
        lua_setiuservalue(L, 2, slot);
    }
    struct mw_settings *settings;
    struct mw_error err;
    mw_status status = lua_istable(L, 1)
                           ? mw_settings_load_table(L, 1, &settings, &err)
                           : mw_settings_load_file(lua_tostring(L, 1), &settings, &err);
    if (status == MW_OK)
        status = mw_engine_open(settings, &mw_lua_bindings, &box->native, &err);
    return status == MW_OK ? 1 : mw_bind_fail(L, &err);
}
