/* grid.h - one strategy with many parameters, over several cores.
 *
 *     fast=3..10   slow=20..60:10   side=long,short        8 x 5 x 2 = 80 runs
 *
 * Results come in the order of the parameters, the last varying fastest, whatever the number of
 * threads.
 *
 * Threads: the caller's, and those that it starts and joins.
 */
#ifndef MW_BACKTEST_GRID_H
#define MW_BACKTEST_GRID_H

#include "backtest/backtest.h"

/* The values of one parameter, as texts. */
struct mw_grid_axis {
    char *name;    /* owns */
    char **values; /* owns, and the texts too */
    uint32_t count;
};

/* Reads "name=value", "name=a,b,c", "name=3..10", "name=20..60:10", "name=0.1..0.5:0.1", and lists
 * of these. What a range makes are the decimals that a person would write. Errors: MW_EINVAL,
 * MW_ELIMIT past MW_GRID_VALUES_MAX. */
MW_MUST_USE mw_status mw_grid_axis_read(const char *text, struct mw_grid_axis *axis,
                                        struct mw_error *err);
void mw_grid_axis_deinit(struct mw_grid_axis *axis);

struct mw_grid {
    const struct mw_grid_axis *axes;
    uint32_t axis_count;
    struct mw_backtest_options options; /* of each run; params and progress are the grid's */
    uint32_t jobs;                      /* threads, 1..MW_GRID_JOBS_MAX */
    /* Called from the caller's thread, at least ten times a second; false ends it. `bars`:
     * delivered by all runs so far. NULL for nobody. */
    bool (*on_progress)(void *user, uint64_t runs_done, uint64_t runs, uint64_t bars);
    void *user;
};

/* One run. */
struct mw_grid_run {
    const char **values;               /* owns the array; by axis, borrowed from it */
    struct mw_backtest_result *result; /* owns; figures, without what they are made of */
    struct mw_error *error;            /* owns; why there is no result */
};

/* Runs all of it. `*runs` is the caller's (mw_grid_runs_free) and borrows from the axes. A run that
 * fails is told in its place and the others go on. Points, trades, fills, signals and the data of a
 * run are let go at its end, so that a million of them fit. Errors: MW_EINVAL for a parameter that
 * two axes have, MW_ELIMIT past MW_GRID_RUNS_MAX, _AXES_MAX or _JOBS_MAX, MW_ECANCELLED. */
MW_MUST_USE mw_status mw_grid_run(const struct mw_grid *grid, struct mw_grid_run **runs,
                                  uint32_t *count, struct mw_error *err);
void mw_grid_runs_free(struct mw_grid_run *runs, uint32_t count);

#endif
