/* bind_event.c - events as scripts see them. */
#include <lauxlib.h>

#include "bind/bind.h"
#include "bind/bind_bar.h"
#include "bind/bind_table.h"

/* A signal's values went from one lua_State to another as JSON. */
static void set_values(lua_State *L, const char *json)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "cjson");
    lua_remove(L, -2);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "decode");
        lua_pushstring(L, json);
        lua_call(L, 1, 1);
        lua_setfield(L, -3, "values");
    }
    lua_pop(L, 1);
}

/* What is told of a series. */
static void set_series(lua_State *L, const struct mw_event *event)
{
    char text[MW_TIMEFRAME_BYTES_MAX];
    mw_table_set_given(L, "symbol", event->key.symbol);
    mw_table_set_given(L, "frequency", mw_timeframe_format(event->key.timeframe, text));
    if (event->kind == MW_EVENT_REVISED || event->kind == MW_EVENT_BAR) {
        mw_bar_push(L, &event->candle, &event->key);
        lua_setfield(L, -2, "bar");
        return;
    }
    mw_table_set_integer(L, "count", (int64_t)event->count);
    if (event->kind != MW_EVENT_LAGGED) {
        mw_table_set_integer(L, "from", event->from_ms);
        mw_table_set_integer(L, "to", event->to_ms);
    }
}

/* What was filled, or what was asked for. */
static void set_order(lua_State *L, const struct mw_event *event)
{
    const struct mw_order *order = &event->order;
    const struct mw_order_request *request = &order->request;
    bool filled = order->state == MW_ORDER_FILLED;
    mw_table_set_integer(L, "id", (int64_t)order->id);
    mw_table_set_given(L, "symbol", event->key.symbol);
    mw_table_set_given(L, "side", mw_side_text(request->side));
    mw_table_set_given(L, "type", mw_order_type_text(request->type));
    mw_table_set_given(L, "state", mw_order_state_text(order->state));
    mw_table_set_known(L, "amount", filled ? order->amount : request->amount);
    mw_table_set_known(L, "price", filled ? order->price : request->price);
    if (filled)
        mw_table_set_known(L, "fee", order->fee);
    mw_table_set_given(L, "reason", order->reason);
    mw_table_set_given(L, "tag", request->tag);
}

void mw_bind_push_event(lua_State *L, const struct mw_event *event)
{
    lua_createtable(L, 0, 8);
    mw_table_set_given(L, "kind", mw_event_kind_text(event->kind));
    lua_pushinteger(L, event->time_ms);
    lua_setfield(L, -2, "time");
    mw_table_set_given(L, "feed", event->feed);
    mw_table_set_given(L, "strategy", event->strategy);
    if (event->kind == MW_EVENT_STATE || event->kind == MW_EVENT_REFUSED)
        mw_table_set_given(L, "state", mw_connection_state_text(event->state));
    if (event->has_error) {
        mw_bind_push_error(L, &event->error);
        lua_setfield(L, -2, "error");
    }
    if (mw_event_kind_is_of_series(event->kind))
        set_series(L, event);
    if (event->kind == MW_EVENT_ORDER)
        set_order(L, event);
    mw_table_set_given(L, "text", event->text);
    if (event->json != NULL)
        set_values(L, event->json);
}
