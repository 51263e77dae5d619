/* bind_indicator.h - indicators as methods of columns and frames, and how their arguments are read.
 *
 * The table of market/indicator.h names them all. For each there is one method of columns, if it is
 * computed from a column, and one of frames; all are the same two C functions, told by an upvalue
 * which indicator they are. Parameters come in the order of the table, nil for the default, or as
 * one table of names:
 *
 *     close:bbands(20, 2.5)    close:bbands{ k = 2.5 }    bars:atr(14)    fast:cross_above(slow)
 *
 * Each output is a result, a column as long as the input. Nothing else is allocated, except a state
 * that is too large for the C stack.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_INDICATOR_H
#define MW_BIND_BIND_INDICATOR_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "bind/class.h"
#include "market/indicator.h"

/* What a function bound to an indicator needs of the table, counted once; a userdata in an
 * upvalue. */
struct mw_bound_indicator {
    const struct mw_indicator *indicator;
    uint8_t param_count, input_count, output_count;
    bool takes_bars; /* "B...": fields of bars */
    bool takes_pair; /* "vw" */
};

/* Pushes it as a userdata. Stack: [-0, +1, m] */
struct mw_bound_indicator *mw_bound_indicator_push(lua_State *L,
                                                   const struct mw_indicator *indicator);

/* Reads the parameters, the arguments from `first` on, into `params`
 * (MW_INDICATOR_PARAMS_MAX). Raises for what is none, naming it. Stack: [-0, +0, v] */
void mw_bound_indicator_params(lua_State *L, const struct mw_bound_indicator *bound, int first,
                               double *params);

/* Computes `count` rows of `in` with checked parameters and pushes the outputs.
 * Stack: [-0, +output_count (and one below them), m] */
void mw_bound_indicator_run(lua_State *L, const struct mw_bound_indicator *bound,
                            const double *params, const double *const *in, uint32_t count);

/* The name that a script knows an input by, the letter of which is `letter`: "high". */
const char *mw_indicator_input_name(char letter);

/* Add the methods to the classes; once they are registered. Stack: [-0, +0, m] */
void mw_indicator_add_column_methods(lua_State *L, const struct mw_class *class);
void mw_indicator_add_frame_methods(lua_State *L, const struct mw_class *class);

#endif
