/* bind_context.c - what a strategy's hooks get as their first argument. */
#include <lauxlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "bind/bind.h"
#include "bind/bind_context.h"
#include "bind/class.h"

enum {
    CONTEXT_CASH,
    CONTEXT_EQUITY,
    CONTEXT_NAME,
    CONTEXT_NOW,
    CONTEXT_PARAMS,
    CONTEXT_STATE,
    CONTEXT_FIELD_COUNT
};

static const char *const context_fields[] = {"cash",   "equity", "name", "now",
                                             "params", "state",  NULL};

enum { PARAMS_SLOT = 1, STATE_SLOT, SLOT_COUNT = STATE_SLOT }; /* user values */

/* context:history(symbol, count, frequency = "1m") -> frame */
static int context_history(lua_State *L)
{
    const struct mw_context_box *box = mw_class_check(L, 1);
    lua_settop(L, 4);
    mw_bind_push_memo(L); /* context, symbol, count, frequency, memo */
    return mw_bind_get_history(L, mw_strategy_market(box->native), 5, 2,
                               mw_bind_now_ms(box->native));
}

/* context:signal(values): a table, or one text. moonwick.signal makes text and JSON of it. */
static int context_signal(lua_State *L)
{
    const struct mw_context_box *box = mw_class_check(L, 1);
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "moonwick.signal");
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 1, 2); /* text, json */
    size_t length;
    const char *json = luaL_checklstring(L, -1, &length);
    luaL_argcheck(L, length <= MW_SIGNAL_BYTES_MAX, 2, "want at most 4096 bytes as JSON");
    mw_strategy_signal(box->native, luaL_checkstring(L, -2), json);
    return 0;
}

static const luaL_Reg context_methods[] = {{"buy", mw_context_buy},
                                           {"cancel", mw_context_cancel},
                                           {"close", mw_context_close},
                                           {"history", context_history},
                                           {"order", mw_context_order},
                                           {"orders", mw_context_orders},
                                           {"position", mw_context_position},
                                           {"sell", mw_context_sell},
                                           {"signal", context_signal},
                                           {"trades", mw_context_trades},
                                           {NULL, NULL}};

/* Engine time: of the bar that is being handled, or the wall clock. */
static void push_now(lua_State *L, const struct mw_strategy *strategy)
{
    int64_t now_ms = mw_strategy_time(strategy);
    lua_pushinteger(L, now_ms != 0 ? now_ms : mw_clock_wall_ms());
}

/* context.cash, .equity, .name, .now, .params, .state, and the methods */
static int context_index(lua_State *L)
{
    int field = mw_class_find(L, context_fields, CONTEXT_FIELD_COUNT);
    if (field < 0)
        return 1;
    const struct mw_context_box *box = lua_touserdata(L, 1);
    if (field == CONTEXT_CASH)
        lua_pushnumber(L, mw_account_cash(mw_strategy_account(box->native)));
    else if (field == CONTEXT_EQUITY)
        lua_pushnumber(L, mw_account_equity(mw_strategy_account(box->native)));
    else if (field == CONTEXT_NAME)
        lua_pushstring(L, mw_strategy_name(box->native));
    else if (field == CONTEXT_NOW)
        push_now(L, box->native);
    else
        lua_getiuservalue(L, 1, field == CONTEXT_PARAMS ? PARAMS_SLOT : STATE_SLOT);
    return 1;
}

static int context_newindex(lua_State *L)
{
    return luaL_error(L, "context.%s: the context is read-only, keep values in context.state",
                      luaL_tolstring(L, 2, NULL));
}

static int context_tostring(lua_State *L)
{
    const struct mw_context_box *box = mw_class_check(L, 1);
    lua_pushfstring(L, "context of strategy %s", mw_strategy_name(box->native));
    return 1;
}

static const luaL_Reg context_metamethods[] = {{"__index", context_index},
                                               {"__newindex", context_newindex},
                                               {"__tostring", context_tostring},
                                               {NULL, NULL}};

static const struct mw_class context_class = {"moonwick.context", "context", context_fields,
                                              context_methods, context_metamethods};

void mw_bind_push_context(lua_State *L, struct mw_strategy *strategy, int params)
{
    params = lua_absindex(L, params);
    struct mw_context_box *box = lua_newuserdatauv(L, sizeof(*box), SLOT_COUNT);
    box->native = strategy;
    mw_class_set(L, &context_class);
    lua_pushvalue(L, params);
    lua_setiuservalue(L, -2, PARAMS_SLOT);
    lua_newtable(L);
    lua_setiuservalue(L, -2, STATE_SLOT);
}

void mw_bind_context_register(lua_State *L)
{
    mw_class_register(L, &context_class);
}
