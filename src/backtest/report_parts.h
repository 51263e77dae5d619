/* report_parts.h - how reports write numbers, spans of time and lines, and which figures there are.
 *
 * Threads: pure functions.
 */
#ifndef MW_BACKTEST_REPORT_PARTS_H
#define MW_BACKTEST_REPORT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "backtest/report.h"
#include "backtest/result.h"
#include "base/str.h"

enum {
    MW_REPORT_TEXT_BYTES = 48,    /* of one number or span */
    MW_REPORT_LINE_BYTES = 4096,  /* of a line, before it is cut */
    MW_REPORT_LABEL_COLUMNS = 18, /* what a line is about */
    MW_REPORT_WIDTH_DEFAULT = 80, /* columns */
    MW_REPORT_WIDTH_MIN = 60,     /* the table of figures has 52 */
    MW_REPORT_WIDTH_MAX = 400,    /* a wall of screens */
    MW_REPORT_LIST_LINES_MAX = 8, /* series, or symbols, that are told one by one */
};

/* All return `text`, which holds MW_REPORT_TEXT_BYTES, and write "-" for NaN and "inf". */

/* "10,000.00": with thousands and `digits` after the point; "+" in front of gains if `sign`. */
char *mw_report_amount(double value, int digits, bool sign, char *text);
/* "+12.34%" of 0.1234. */
char *mw_report_percent(double fraction, bool sign, char *text);
/* "0.00001234", "16,800.5": at most eight significant digits, no zeros at the end. */
char *mw_report_price(double price, char *text);
/* "45s", "3h 12m", "400d". */
char *mw_report_span(int64_t span_ms, char *text);
/* Digits after the point that money in an account of `cash` wants: 2 for 10,000, 6 for 1. */
int mw_report_money_digits(double cash);

/* The columns that a style has. */
int mw_report_width(const struct mw_report_style *style);
/* Adds `line` and a newline: without what a terminal would obey and without blanks at the end, cut
 * to `width` columns. Empties it. */
bool mw_report_add_line(struct mw_str *out, struct mw_str *line, int width);
/* Adds a cell of CSV, in quotes where it has to be, and what stands behind it. */
bool mw_report_add_cell(struct mw_str *out, const char *text, const char *end);
/* The lines above the figures: data, time, account. `line` is scratch. */
bool mw_report_add_setting(struct mw_str *out, const struct mw_backtest_result *result,
                           struct mw_str *line, int width);

/* Figures of a result by name. X(name, the value, whether less is better) */
#define MW_REPORT_FIGURE_LIST(X)                                                                   \
    X(total_return, result->curve.total, false)                                                    \
    X(cagr, result->curve.cagr, false)                                                             \
    X(max_drawdown, result->curve.drawdown, true)                                                  \
    X(max_drawdown_ms, (double)result->curve.drawdown_ms, true)                                    \
    X(volatility, result->curve.volatility, true)                                                  \
    X(sharpe, result->curve.sharpe, false)                                                         \
    X(sortino, result->curve.sortino, false)                                                       \
    X(exposure, result->exposed, true)                                                             \
    X(equity, result->equity, false)                                                               \
    X(trades, (double)result->trade_figures.count, false)                                          \
    X(won, (double)result->trade_figures.won, false)                                               \
    X(lost, (double)result->trade_figures.lost, true)                                              \
    X(win_rate, result->trade_figures.win_rate, false)                                             \
    X(profit_factor, result->trade_figures.profit_factor, false)                                   \
    X(profit, result->trade_figures.profit, false)                                                 \
    X(average_profit, result->trade_figures.average, false)                                        \
    X(best_trade, result->trade_figures.best, false)                                               \
    X(worst_trade, result->trade_figures.worst, false)                                             \
    X(average_held_ms,                                                                             \
      result->trade_figures.count > 0 ? (double)result->trade_figures.average_ms : (double)NAN,    \
      true)                                                                                        \
    X(fees, result->trade_figures.fees, true)

#endif
