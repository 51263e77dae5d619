/* bind_bar.h - class moonwick.bar: one candle as a script sees it.
 *
 * A bar is a copy: nothing that happens to the series later shows in it, and no script can change
 * it.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_BAR_H
#define MW_BIND_BIND_BAR_H

#include <lua.h>

#include "market/candle.h"
#include "market/series.h"

#define MW_BAR_TYPE "moonwick.bar"

/* The userdata. */
struct mw_bar {
    struct mw_candle candle;
    struct mw_series_key key; /* what it is a bar of */
};

/* Pushes a new bar; copies both. Stack: [-0, +1, m] */
void mw_bar_push(lua_State *L, const struct mw_candle *candle, const struct mw_series_key *key);

/* The bar at `index`, or NULL when it is none. Stack: [-0, +0, -] */
const struct mw_bar *mw_bar_find(lua_State *L, int index);

/* Makes the metatable; once per lua_State. Stack: [-0, +0, m] */
void mw_bar_register(lua_State *L);

#endif
