/* call.h - the only door from the host into Lua code.
 *
 * Every call runs protected, with a message handler that adds a traceback where Lua code was
 * running. The budget of a callback will be armed here.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_CALL_H
#define MW_SCRIPT_CALL_H

#include <lua.h>

#include "base/status.h"

/* Calls the function below its `argument_count` arguments on the stack, for `result_count` results
 * (or LUA_MULTRET). Errors: `status`, with the message (an error value that is no string is shown
 * by tostring) and, after a newline, the traceback.
 * Stack: [-(argument_count + 1), +results] on success, [-(argument_count + 1), +0] on failure. */
MW_MUST_USE mw_status mw_call(lua_State *L, int argument_count, int result_count, mw_status status,
                              struct mw_error *err);

/* Runs `run(L, user)` protected, for host code that builds Lua values and may run out of memory.
 * The stack is as before the call, plus what `run` returned (its count of results).
 * Errors: `status` with the message. */
MW_MUST_USE mw_status mw_call_protected(lua_State *L, int (*run)(lua_State *L, void *user),
                                        void *user, mw_status status, struct mw_error *err);

#endif
