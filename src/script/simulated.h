/* simulated.h - a script's world in which nothing depends on the machine: time, chance, order.
 *
 * A back-test gives the same result every time. What would differ between two runs is replaced in
 * the script's lua_State:
 *
 *     math.random      starts from the seed; math.randomseed() without arguments, from it again
 *     os.time()        engine time; with a table what it always is
 *     os.date(format)  of engine time; of another time what it always is
 *     pairs            goes through names in alphabetical order, numbers before them: Lua's own
 *                      order of names follows from a seed that it takes from the clock and from
 *                      addresses. Tables that have only numbers and booleans as keys go as always.
 *
 * What stays: `next` called by hand, json.encode of a table, what tostring says of a table or a
 * function (an address), os.clock, collectgarbage "count", and files.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_SIMULATED_H
#define MW_SCRIPT_SIMULATED_H

#include <stdint.h>

#include <lua.h>

#include "script/strategy.h"

/* To be called before the script's chunk runs. Stack: [-0, +0, e] */
void mw_simulated_open(lua_State *L, const struct mw_strategy *strategy, uint64_t seed);

#endif
