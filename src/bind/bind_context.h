/* bind_context.h - what the files of the context's methods share.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_CONTEXT_H
#define MW_BIND_BIND_CONTEXT_H

#include <lua.h>

#include "script/strategy.h"

struct mw_context_box {
    struct mw_strategy *native; /* borrows; outlives its lua_State */
};

/* Trading (bind_account.c): methods of the class, in its list. */
int mw_context_buy(lua_State *L);
int mw_context_cancel(lua_State *L);
int mw_context_close(lua_State *L);
int mw_context_order(lua_State *L);
int mw_context_orders(lua_State *L);
int mw_context_position(lua_State *L);
int mw_context_sell(lua_State *L);
int mw_context_trades(lua_State *L);

#endif
