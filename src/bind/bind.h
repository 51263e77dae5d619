/* bind.h - what the binding files share: errors, and each class's way to make itself known.
 *
 * Conventions: misuse by a script raises; a failure from outside comes back as nil, err, where err
 * is a table with `kind`, `message` and what it knows (`status`, `code`, `endpoint`, `attempts`),
 * and whose tostring is one sentence.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_H
#define MW_BIND_BIND_H

#include <lua.h>

#include "base/status.h"
#include "engine.h"
#include "script/event.h"
#include "script/strategy.h"

/* Pushes the error table of `err`. Stack: [-0, +1, m] */
void mw_bind_push_error(lua_State *L, const struct mw_error *err);
/* Pushes nil and the error table, and returns 2: `return mw_bind_fail(L, &err);` */
int mw_bind_fail(lua_State *L, const struct mw_error *err);

/* Pushes an event as a table: kind, time and what it has. Stack: [-0, +1, m] */
void mw_bind_push_event(lua_State *L, const struct mw_event *event);

/* get_price(symbol, options): the arguments start at `first`; `memo` is the index of a table that
 * keeps what symbols and frequencies were found to mean. Bars that close after `now_ms` are not
 * seen; INT64_MAX for all there are. Stack: [-0, +1, e] */
int mw_bind_get_price(lua_State *L, const struct mw_market *market, int memo, int first,
                      int64_t now_ms);

/* history(symbol, count, frequency = "1m"): get_price with these two options. Stack: [-0, +1, e] */
int mw_bind_get_history(lua_State *L, const struct mw_market *market, int memo, int first,
                        int64_t now_ms);

/* Pushes the memo of a strategy's lua_State. Stack: [-0, +1, m] */
void mw_bind_push_memo(lua_State *L);
/* Engine time for what a strategy asks: INT64_MAX where it is the wall clock. */
int64_t mw_bind_now_ms(const struct mw_strategy *strategy);

/* Pushes the context object of a strategy. Stack: [-0, +1, m] */
void mw_bind_push_context(lua_State *L, struct mw_strategy *strategy, int params);

/* Pushes the `log` table; `who` stands in front of every line. Stack: [-0, +1, m] */
void mw_bind_push_log(lua_State *L, const char *who);

/* moonwick.column(values) -> column; moonwick.frame(bars, options) -> frame */
int mw_bind_make_column(lua_State *L);
int mw_bind_make_frame(lua_State *L);

/* core.open(source) -> engine | nil, err. `source` is a path or a table. */
int mw_bind_engine_open(lua_State *L);

/* Make the metatables; once per lua_State. Stack: [-0, +0, m] */
void mw_bind_error_register(lua_State *L);
void mw_bind_context_register(lua_State *L);
void mw_bind_engine_register(lua_State *L);

#endif
