/* bind_moonwick.h - the module that scripts require, and what strategies are given.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_MOONWICK_H
#define MW_BIND_BIND_MOONWICK_H

#include <lua.h>

#include "script/strategy.h"

/* What an engine gives to its strategies: the globals moonwick, get_price, log and json. */
extern const struct mw_bindings mw_lua_bindings;

/* require "moonwick.core" for a host: open, live_objects, version. Stack: [-0, +1, m] */
int luaopen_moonwick_core(lua_State *L);

#endif
