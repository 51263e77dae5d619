/* bind_engine_status.h - what engine:status() returns.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_ENGINE_STATUS_H
#define MW_BIND_BIND_ENGINE_STATUS_H

#include <lua.h>

#include "engine.h"

/* Pushes { running, feeds = { name = {...} }, series = { {...} }, strategies = { name = {...} } }.
 * Stack: [-0, +1, m] */
void mw_bind_push_status(lua_State *L, struct mw_engine *engine);

/* Pushes a list of the holes of all series, those of a series oldest first.
 * Stack: [-0, +1, m] */
void mw_bind_push_gaps(lua_State *L, struct mw_engine *engine);

#endif
