/* bind_table.c - fields of tables that scripts are handed. */
#include "bind/bind_table.h"

#include <math.h>

void mw_table_set_integer(lua_State *L, const char *key, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

void mw_table_set_number(lua_State *L, const char *key, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

void mw_table_set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

void mw_table_set_known(lua_State *L, const char *key, double value)
{
    if (!isnan(value))
        mw_table_set_number(L, key, value);
}

void mw_table_set_given(lua_State *L, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        mw_table_set_text(L, key, text);
}

void mw_table_set_trade(lua_State *L, const struct mw_trade *trade)
{
    mw_table_set_text(L, "side", mw_side_text(trade->side));
    mw_table_set_integer(L, "entry_time", trade->entry_ms);
    mw_table_set_integer(L, "exit_time", trade->exit_ms);
    mw_table_set_number(L, "amount", trade->amount);
    mw_table_set_number(L, "entry", trade->entry);
    mw_table_set_number(L, "exit", trade->exit);
    mw_table_set_number(L, "fees", trade->fees);
    mw_table_set_number(L, "profit", trade->profit);
    mw_table_set_given(L, "tag", trade->tag);
}
