/* bind_table.h - fields of tables that scripts are handed, and what several of them show alike.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_TABLE_H
#define MW_BIND_BIND_TABLE_H

#include <stdint.h>

#include <lua.h>

#include "script/account.h"

/* Set a field of the table at the top. Stack: [-0, +0, m] */
void mw_table_set_integer(lua_State *L, const char *key, int64_t value);
void mw_table_set_number(lua_State *L, const char *key, double value);
void mw_table_set_text(lua_State *L, const char *key, const char *text);

/* The same, but NaN, and a text that is empty or NULL, are left out. Stack: [-0, +0, m] */
void mw_table_set_known(lua_State *L, const char *key, double value);
void mw_table_set_given(lua_State *L, const char *key, const char *text);

/* Sets what a trade is, but for its instrument. Stack: [-0, +0, m] */
void mw_table_set_trade(lua_State *L, const struct mw_trade *trade);

#endif
