/* bind_options.h - tables of named options: each is known, of its type, and told by name if not.
 *
 * `what` is the function that has the options, for messages: "backtest". All of them raise.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_OPTIONS_H
#define MW_BIND_BIND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "market/timeframe.h"

/* Raises for a key of the table at `index` that is none of `count` names, with the nearest of them.
 * Stack: [-0, +0, e] */
void mw_options_check(lua_State *L, int index, const char *what, const char *const *names,
                      size_t count);

/* Raises for an option that is not what is `wanted`; its value is at the top. Returns nothing.
 * Stack: [-0, +0, e] */
int mw_options_fail(lua_State *L, const char *what, const char *name, const char *wanted);

/* The option of the table at `index`; NULL or `otherwise` where it is nil. A text is borrowed for
 * as long as the table has it. Stack: [-0, +0, e] */
const char *mw_options_text(lua_State *L, int index, const char *what, const char *name,
                            size_t bytes_max);
double mw_options_number(lua_State *L, int index, const char *what, const char *name,
                         double otherwise);
int64_t mw_options_integer(lua_State *L, int index, const char *what, const char *name,
                           int64_t otherwise);
bool mw_options_boolean(lua_State *L, int index, const char *what, const char *name);
/* Milliseconds, or ISO 8601 in UTC. */
int64_t mw_options_time(lua_State *L, int index, const char *what, const char *name,
                        int64_t otherwise);
/* Count 0 where it is nil. */
struct mw_timeframe mw_options_timeframe(lua_State *L, int index, const char *what,
                                         const char *name);

#endif
