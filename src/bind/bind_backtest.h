/* bind_backtest.h - back-tests for a host's script.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_BACKTEST_H
#define MW_BIND_BIND_BACKTEST_H

#include <lua.h>

#include "backtest/result.h"

/* core.backtest(options) -> result | nil, err */
int mw_bind_backtest(lua_State *L);

/* The userdata of a report. */
struct mw_report_box {
    struct mw_backtest_result *native; /* owns; NULL before the run, and when closed */
    int params_ref;                    /* in the registry, for as long as the run takes */
};

/* Pushes a report without a result. Stack: [-0, +1, m] */
struct mw_report_box *mw_bind_push_report(lua_State *L);
/* Pushes the table of the result of the report at `report`. Stack: [-0, +1, m] */
void mw_bind_push_result(lua_State *L, int report);

/* Makes the metatable of reports; once per lua_State. Stack: [-0, +0, m] */
void mw_bind_report_register(lua_State *L);

#endif
