/* report.h - a result as people and machines read it: text, JSON, CSV, a page.
 *
 * Each adds to `out` and is the same to the last byte for equal results. False when `out` cannot
 * take it all.
 *
 * Threads: pure functions.
 */
#ifndef MW_BACKTEST_REPORT_H
#define MW_BACKTEST_REPORT_H

#include <stdbool.h>

#include "backtest/result.h"
#include "base/str.h"

/* For a terminal: a table of figures beside buy-and-hold, and the equity as one line of blocks. */
struct mw_report_style {
    int width;  /* columns; 0: 80 */
    bool plain; /* no characters beyond ASCII */
};
bool mw_report_text(const struct mw_backtest_result *result, const struct mw_report_style *style,
                    struct mw_str *out);

/* Figures by name and number, which begin with 0: "total_return", "sharpe", ... The name of a
 * number that there is none of is NULL. */
const char *mw_report_figure_name(uint32_t figure);
bool mw_report_figure_less_is_better(uint32_t figure);
double mw_report_figure(const struct mw_backtest_result *result, uint32_t figure);

/* One object on a line; with `full` also equity_points, trade_list, fills and signal_list. Keys
 * come in the same order always; times are milliseconds, NaN and infinite figures null. */
bool mw_report_json(const struct mw_backtest_result *result, bool full, struct mw_str *out);

/* A line per trade, or per point of the equity, with a header; times are ISO 8601. */
bool mw_report_trades_csv(const struct mw_backtest_result *result, struct mw_str *out);
bool mw_report_equity_csv(const struct mw_backtest_result *result, struct mw_str *out);

/* One self-contained page: candles with the trades marked, equity, drawdown, figures, trades.
 * Errors: MW_ENOTSUP when this program was built without the chart library, saying how to build it
 * with; MW_ELIMIT. */
MW_MUST_USE mw_status mw_report_html(const struct mw_backtest_result *result, struct mw_str *out,
                                     struct mw_error *err);

#endif
