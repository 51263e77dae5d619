/* bind_dataset.h - class moonwick.dataset: candles of the past that back-tests run over.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_BIND_DATASET_H
#define MW_BIND_BIND_DATASET_H

#include <lua.h>

#include "backtest/dataset.h"

/* What a source does not say of itself. */
struct mw_bind_source {
    struct mw_series_key key; /* empty, or a timeframe of count 0, where it has no default */
    int64_t from_ms, to_ms;   /* of what is taken of a store */
    bool holes;
};

/* The dataset at `index`, borrowed as long as it is there, or NULL when that is something else. */
struct mw_dataset *mw_dataset_test(lua_State *L, int index);

/* Pushes a new dataset with the series of the source at `index`: the path of a CSV file, a table
 * that names one file or store, or a list of these. False, and nothing is pushed, with an error.
 * Raises for what is none of these. Stack: [-0, +1, e] or [-0, +0, e] */
bool mw_dataset_push(lua_State *L, int index, const char *what,
                     const struct mw_bind_source *otherwise, struct mw_error *err);

/* core.dataset(source) -> dataset | nil, err */
int mw_bind_dataset(lua_State *L);

/* Makes the metatable; once per lua_State. Stack: [-0, +0, m] */
void mw_bind_dataset_register(lua_State *L);

#endif
