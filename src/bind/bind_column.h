/* bind_column.h - class moonwick.column: a row of numbers that scripts compute on.
 *
 * One userdata, the numbers in it. C fills a column right after making it; from then on it never
 * changes: every operation makes a new one. Methods live in bind_column.c, one function each, and
 * compute with market/maths.h; those of indicators come from bind_indicator.c.
 *
 *     userdata  | class count | value value value ... |
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_COLUMN_H
#define MW_BIND_BIND_COLUMN_H

#include <stdint.h>

#include <lua.h>

#include "bind/class.h"

#define MW_COLUMN_TYPE "moonwick.column"

/* The userdata. */
struct mw_column {
    const struct mw_class *class; /* that of columns: no other userdata begins with its address */
    uint32_t count;
    double values[]; /* in the order of the frame: oldest first */
};

/* Pushes a new column of `count` values, which the caller fills in before anything else sees it.
 * Returns them, borrowed for as long as the column is on the stack. Stack: [-0, +1, m] */
double *mw_column_new(lua_State *L, uint32_t count);

/* The column at `index`, or NULL when it is none. Stack: [-0, +0, -] */
const struct mw_column *mw_column_find(lua_State *L, int index);

/* Makes the metatable; once per lua_State. Stack: [-0, +0, m] */
void mw_column_register(lua_State *L);

#endif
