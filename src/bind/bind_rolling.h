/* bind_rolling.h - class moonwick.rolling: each n values in a row of a column, to be summed up.
 *
 * What column:rolling(n) gives. It keeps the column in a user value, and computes when a method is
 * called; each is one of the indicators: the mean is sma(n), the minimum lowest(n), and so on.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_ROLLING_H
#define MW_BIND_BIND_ROLLING_H

#include <lua.h>

#define MW_ROLLING_TYPE "moonwick.rolling"

/* column:rolling(n) -> rolling. A method of columns. */
int mw_rolling_of(lua_State *L);

/* Makes the metatable; once per lua_State. Stack: [-0, +0, m] */
void mw_rolling_register(lua_State *L);

#endif
