/* protocol_run.h - calls into a protocol's lua_State, which come back.
 *
 * Every call is protected, has a time by which it must be done, since a function that loops for
 * ever would hold up a feed, and a cap on memory. What runs without end in spite of it is a
 * finaliser and a message handler of xpcall that is called for this very error, as Lua runs these
 * without hooks.
 *
 * Threads: the protocol's.
 */
#ifndef MW_FEED_PROTOCOL_RUN_H
#define MW_FEED_PROTOCOL_RUN_H

#include <lua.h>

#include "feed/protocol.h"

/* Makes the protocol's lua_State, without libraries. It may use MW_PROTOCOL_LUA_BYTES_MAX; running
 * out of these is an ordinary Lua error. */
void mw_protocol_open(struct mw_protocol *protocol);

/* Calls `function` with `data` as a light userdata. Errors: MW_ECONFIG with `place` and what was
 * raised, or that it took longer than `limit_ms`. */
MW_MUST_USE mw_status mw_protocol_run(struct mw_protocol *protocol, lua_CFunction function,
                                      void *data, int64_t limit_ms, const char *place,
                                      struct mw_error *err);

/* Pushes cjson's "encode" or "decode", whatever a protocol did to its global.
 * Stack: [-0, +1, m] */
void mw_protocol_push_json(lua_State *L, const char *name);

#endif
