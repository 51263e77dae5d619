/* strategy_setup.c - checks of what a script says about its hooks and what it wants to see. */
#include "script/strategy_setup.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/str.h"
#include "market/cache.h"

static const char *const hook_names[] = {
#define MW_HOOK_NAME(name, text) text,
    MW_HOOK_LIST(MW_HOOK_NAME)
#undef MW_HOOK_NAME
};

void mw_strategy_setup_init(struct mw_strategy_setup *setup)
{
    *setup = (struct mw_strategy_setup){.context = LUA_NOREF};
    for (int i = 0; i < MW_HOOK_COUNT; i++)
        setup->hooks[i] = LUA_NOREF;
}

void mw_strategy_setup_deinit(struct mw_strategy_setup *setup)
{
    mw_free(setup->interests);
    mw_free(setup->params);
    setup->interests = NULL;
    setup->params = NULL;
}

/* A misspelt hook would simply never run. */
static void warn_of_near_names(lua_State *L, int hooks, const char *strategy)
{
    lua_pushnil(L);
    while (lua_next(L, hooks) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1)) {
            const char *name = lua_tostring(L, -2);
            const char *near = mw_nearest_name(name, hook_names, MW_COUNT(hook_names));
            if (near != NULL && strcmp(near, name) != 0)
                mw_log(MW_LOG_WARN, "strategy %s: %s is no hook, did you mean %s?", strategy, name,
                       near);
        }
        lua_pop(L, 1);
    }
}

void mw_strategy_setup_hooks(lua_State *L, int hooks, bool returned, const char *name,
                             struct mw_strategy_setup *setup)
{
    for (int i = 0; i < MW_HOOK_COUNT; i++) {
        int type = lua_getfield(L, hooks, hook_names[i]);
        if (type == LUA_TFUNCTION)
            setup->hooks[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        else if (type != LUA_TNIL)
            luaL_error(L, "%s: want a function, got a %s", hook_names[i], lua_typename(L, type));
        else
            lua_pop(L, 1);
    }
    if (returned)
        warn_of_near_names(L, hooks, name);
}

/* Adds "[feed:]symbol" and a timeframe. */
static void add_interest(lua_State *L, const char *symbol, const char *frequency,
                         struct mw_strategy_setup *setup)
{
    struct mw_interest interest = {.feed = ""};
    const char *rest = mw_cache_split_name(symbol, interest.feed);
    if (rest == NULL && strchr(symbol, ':') == NULL)
        rest = symbol;
    if (rest == NULL || strlen(rest) > MW_SYMBOL_BYTES_MAX || *rest == '\0')
        luaL_error(L, "symbol '%s': want \"SYMBOL\" or \"feed:SYMBOL\"", symbol);
    if (setup->interest_count == MW_INTERESTS_MAX)
        luaL_error(L, "subscriptions: more than %d series", MW_INTERESTS_MAX);
    snprintf(interest.symbol, sizeof(interest.symbol), "%s", rest);
    struct mw_error err;
    if (mw_timeframe_parse(frequency, &interest.timeframe, &err) != MW_OK)
        luaL_error(L, "%s", err.message);
    setup->interests =
        mw_realloc_array(setup->interests, setup->interest_count + 1, sizeof(*setup->interests));
    setup->interests[setup->interest_count++] = interest;
}

/* Adds what { symbol =, frequency = } at the top says. */
static void add_interest_of_table(lua_State *L, const char *place, struct mw_strategy_setup *setup)
{
    if (lua_getfield(L, -1, "symbol") != LUA_TSTRING)
        luaL_error(L, "%s.symbol: want text, got %s", place, luaL_typename(L, -1));
    int type = lua_getfield(L, -2, "frequency");
    if (type != LUA_TSTRING && type != LUA_TNIL)
        luaL_error(L, "%s.frequency: want text like \"1m\", got %s", place, luaL_typename(L, -1));
    add_interest(L, lua_tostring(L, -2), type == LUA_TSTRING ? lua_tostring(L, -1) : "1m", setup);
    lua_pop(L, 2);
}

void mw_strategy_setup_interests(lua_State *L, int params, struct mw_strategy_setup *setup)
{
    if (setup->hooks[MW_HOOK_SUBSCRIPTIONS] == LUA_NOREF) {
        bool has_symbol = lua_getfield(L, params, "symbol") == LUA_TSTRING;
        lua_pop(L, 1);
        if (!has_symbol)
            return;
        lua_pushvalue(L, params);
        add_interest_of_table(L, "params", setup);
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, setup->hooks[MW_HOOK_SUBSCRIPTIONS]);
    lua_pushvalue(L, params);
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "subscriptions: want a list of { symbol =, frequency = }, got %s",
                   luaL_typename(L, -1));
    lua_Integer length = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= length; i++) {
        const char *place = lua_pushfstring(L, "subscriptions[%I]", i);
        if (lua_geti(L, -2, i) != LUA_TTABLE)
            luaL_error(L, "%s: want { symbol =, frequency = }, got %s", place,
                       luaL_typename(L, -1));
        add_interest_of_table(L, place, setup);
        lua_pop(L, 2);
    }
    if (length == 0)
        luaL_error(L, "subscriptions: want at least one series");
    lua_pop(L, 1);
}
