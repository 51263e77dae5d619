/* bind_frame.h - class moonwick.frame: the bars that one get_price answers with.
 *
 * One userdata, the rows in it as they lie in a series. A column is made from the rows when a
 * script first asks for it, and kept in a user value of the frame, one per column; a frame of which
 * only `close` is used costs one copy of the rows and one column, and is one piece of garbage. A
 * frame is a snapshot: it never changes once it is filled, and nothing that a script does to it
 * reaches a cache.
 *
 *     userdata  | count capacity complete reason key | row row row ... |
 *     user value 1..8      time open high low close volume turnover trades      nil until asked for
 *
 * Columns copy their values, so one outlives its frame.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_FRAME_H
#define MW_BIND_BIND_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "market/candle.h"
#include "market/series.h"

#define MW_FRAME_TYPE "moonwick.frame"

/* The userdata. */
struct mw_frame {
    uint32_t count, capacity;
    bool complete;            /* all that was asked for is there */
    const char *reason;       /* static text "warming", "gap", ...; NULL when complete */
    uint32_t fields;          /* columns that may be read, a bit each; 0 for all */
    struct mw_series_key key; /* what it is of (copied) */
    struct mw_candle rows[];  /* oldest first */
};

/* Pushes a new empty frame with room for `capacity` rows, not complete; the caller fills in the
 * rest before a script sees it. Borrowed for as long as it is on the stack. Stack: [-0, +1, m] */
struct mw_frame *mw_frame_new(lua_State *L, uint32_t capacity);

/* The number of the column called `name`, its bit in `fields`; -1 when there is none. */
int mw_frame_column(const char *name);

/* Whether that column may be read. */
bool mw_frame_has_column(const struct mw_frame *frame, int column);
/* Pushes a column that the frame at index 1 has, made now or before. Returns its values, borrowed
 * for as long as the frame or the column is on the stack. Stack: [-0, +1, m] */
const double *mw_frame_push_column(lua_State *L, const struct mw_frame *frame, int column);

/* Makes the metatable; once per lua_State, with those of bars and columns. Stack: [-0, +0, m] */
void mw_frame_register(lua_State *L);

#endif
