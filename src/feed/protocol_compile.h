/* protocol_compile.h - the checking half of protocol.c: from a Lua table to a struct.
 *
 * Threads: the thread that loads the protocol.
 */
#ifndef MW_FEED_PROTOCOL_COMPILE_H
#define MW_FEED_PROTOCOL_COMPILE_H

#include <lua.h>

#include "feed/protocol.h"

/* Fills `protocol` from the table at `index`. Raises a Lua error that names the place in the table;
 * what was filled in until then belongs to `protocol` and goes with mw_protocol_free. */
void mw_protocol_compile(lua_State *L, int index, struct mw_protocol *protocol);

/* Its parts, of the same table: `heartbeat`, `pings` and `notices`; `candles`; `history`. */
void mw_protocol_compile_upkeep(lua_State *L, int index, struct mw_protocol *protocol);
void mw_protocol_compile_candles(lua_State *L, int index, struct mw_candle_pattern *candles);
void mw_protocol_compile_history(lua_State *L, int index, struct mw_history_pattern *history);

#endif
