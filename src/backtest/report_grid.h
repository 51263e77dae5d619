/* report_grid.h - the runs of a grid as a table, for people and machines.
 *
 * Threads: pure functions.
 */
#ifndef MW_BACKTEST_REPORT_GRID_H
#define MW_BACKTEST_REPORT_GRID_H

#include "backtest/grid.h"
#include "backtest/report.h"

struct mw_report_grid {
    const struct mw_grid_axis *axes; /* borrows */
    uint32_t axis_count;
    const struct mw_grid_run *runs; /* borrows */
    uint32_t count;
    uint32_t figure; /* that they are sorted by, see report.h */
    uint32_t top;    /* lines at most; 0: all */
};

/* A line per run, the best first, failed ones below. Lines are as long as the parameters need. */
bool mw_report_grid_text(const struct mw_report_grid *grid, const struct mw_report_style *style,
                         struct mw_str *out);
/* One object a line: {"params":{...},"total_return":...}, with "error" for a run that failed. */
bool mw_report_grid_json(const struct mw_report_grid *grid, struct mw_str *out);
/* A line per run: parameters, figures, the message of a run that failed. */
bool mw_report_grid_csv(const struct mw_report_grid *grid, struct mw_str *out);

/* Writes the order of the runs, best first, into `order`, which holds `count`: what cannot be told
 * comes behind what can, failed runs last; equals stay in the order of the parameters. */
void mw_report_grid_order(const struct mw_report_grid *grid, uint32_t *order);

#endif
