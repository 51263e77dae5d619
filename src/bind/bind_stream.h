/* bind_stream.h - class moonwick.indicator: an indicator that is given one value or bar at a time.
 *
 * `indicators.ema(20)` makes one. Each push costs the same however many there were, and gives the
 * numbers that the method of columns gives for the same values. Parameters, last results and state
 * are in the userdata; nothing is allocated after it is made.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_STREAM_H
#define MW_BIND_BIND_STREAM_H

#include <lua.h>

#define MW_STREAM_TYPE "moonwick.indicator"

/* Pushes the module moonwick.indicators: a function for each indicator, and `list`.
 * Stack: [-0, +1, m] */
void mw_indicators_push(lua_State *L);

/* Makes the metatable; once per lua_State. Stack: [-0, +0, m] */
void mw_stream_register(lua_State *L);

#endif
