/* report_text.c - a result for a terminal. */
#include <math.h>
#include <string.h>

#include "backtest/report.h"
#include "backtest/report_parts.h"
#include "base/check.h"
#include "base/clock.h"

enum {
    VALUE_COLUMNS = 16, /* of the table, at least */
    LEVELS = 8,         /* of the sparkline */
    CAGR_DAYS_MIN = 28, /* a rate a year says nothing of less than a month; JSON has it */
    BYTES_MAX = 4,      /* of a character */
};

/* What is written so far. */
struct page {
    const struct mw_backtest_result *result;
    struct mw_str *out, line;
    int width, digits; /* columns; digits after the point of money */
    int value_columns; /* of the table */
    bool fits;
};

static void end_line(struct page *page)
{
    page->fits = mw_report_add_line(page->out, &page->line, page->width) && page->fits;
}

static void begin_line(struct page *page, const char *label)
{
    mw_str_addf(&page->line, "%-*s", MW_REPORT_LABEL_COLUMNS, label);
}

static void add_head(struct page *page)
{
    const struct mw_backtest_result *result = page->result;
    mw_str_addf(&page->line, "Back-test of %s", result->name);
    end_line(page);
    /* As many parameters on a line as fit; names and values have no blanks as a rule. */
    begin_line(page, "Parameters");
    int used = MW_REPORT_LABEL_COLUMNS;
    for (const char *at = result->params; *at != '\0';) {
        int length = (int)strcspn(at, " ");
        if (used > MW_REPORT_LABEL_COLUMNS && used + length >= page->width) {
            end_line(page);
            begin_line(page, "");
            used = MW_REPORT_LABEL_COLUMNS;
        }
        int shown = length < BYTES_MAX * page->width ? length : BYTES_MAX * page->width;
        mw_str_addf(&page->line, "%.*s ", shown, at);
        used += length + 1;
        at += length;
        at += strspn(at, " ");
    }
    if (result->params[0] == '\0')
        mw_str_adds(&page->line, "none");
    end_line(page);
    page->fits = mw_report_add_setting(page->out, result, &page->line, page->width) && page->fits;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void add_row(struct page *page, const char *label, const char *ours, const char *hold)
{
    begin_line(page, label);
    mw_str_addf(&page->line, " %*s %*s", page->value_columns - 1, ours, page->value_columns - 1,
                hold);
    end_line(page);
}

static void add_percents(struct page *page, const char *label, double ours, double hold, bool sign)
{
    char a[MW_REPORT_TEXT_BYTES], b[MW_REPORT_TEXT_BYTES];
    add_row(page, label, mw_report_percent(ours, sign, a), mw_report_percent(hold, sign, b));
}

static void add_ratios(struct page *page, const char *label, double ours, double hold)
{
    char a[MW_REPORT_TEXT_BYTES], b[MW_REPORT_TEXT_BYTES];
    add_row(page, label, mw_report_amount(ours, 2, false, a), mw_report_amount(hold, 2, false, b));
}

static void add_figures(struct page *page)
{
    const struct mw_backtest_result *result = page->result;
    const struct mw_curve_figures *curve = &result->curve, *hold = &result->hold;
    char a[MW_REPORT_TEXT_BYTES], b[MW_REPORT_TEXT_BYTES];
    double held = result->point_count > 0 ? result->points[result->point_count - 1].hold
                                          : result->account.cash * (1 + hold->total);
    mw_report_amount(result->equity, page->digits, false, a);
    mw_report_amount(held, page->digits, false, b);
    int longest = (int)(strlen(a) > strlen(b) ? strlen(a) : strlen(b));
    page->value_columns = longest + 2 > VALUE_COLUMNS ? longest + 2 : VALUE_COLUMNS;
    end_line(page);
    add_row(page, "", "Strategy", "Buy & hold");
    add_percents(page, "Return", curve->total, hold->total, true);
    add_row(page, "Final equity", a, b);
    bool is_short = result->to_ms - result->from_ms < CAGR_DAYS_MIN * (int64_t)MW_MS_PER_DAY;
    add_percents(page, "CAGR", is_short ? (double)NAN : curve->cagr,
                 is_short ? (double)NAN : hold->cagr, true);
    add_percents(page, "Max drawdown", curve->drawdown, hold->drawdown, false);
    add_row(page, "Longest drawdown",
            isnan(curve->drawdown) ? "-" : mw_report_span(curve->drawdown_ms, a),
            isnan(hold->drawdown) ? "-" : mw_report_span(hold->drawdown_ms, b));
    add_percents(page, "Volatility a year", curve->volatility, hold->volatility, false);
    add_ratios(page, "Sharpe", curve->sharpe, hold->sharpe);
    add_ratios(page, "Sortino", curve->sortino, hold->sortino);
    add_percents(page, "Exposure", result->exposed, isnan(hold->total) ? (double)NAN : 1, false);
    end_line(page);
}

/* --- trades ----------------------------------------------------------------------------------- */

/* "12,345" */
static char *count_text(uint64_t count, char *text)
{
    return mw_report_amount((double)count, 0, false, text);
}

static void add_trades(struct page *page)
{
    const struct mw_trade_figures *trades = &page->result->trade_figures;
    char text[MW_REPORT_TEXT_BYTES], held[MW_REPORT_TEXT_BYTES];
    begin_line(page, "Trades");
    if (trades->count == 0) {
        mw_str_adds(&page->line, "none");
        end_line(page);
        return;
    }
    mw_str_addf(&page->line, "%s: ", count_text(trades->count, text));
    mw_str_addf(&page->line, "%s won ", count_text(trades->won, text));
    mw_str_addf(&page->line, "(%s), ", mw_report_percent(trades->win_rate, false, text));
    mw_str_addf(&page->line, "%s lost, ", count_text(trades->lost, text));
    mw_str_addf(&page->line, "profit factor %s",
                mw_report_amount(trades->profit_factor, 2, false, text));
    end_line(page);
    begin_line(page, "");
    mw_str_addf(&page->line, "net %s, ",
                mw_report_amount(trades->profit, page->digits, true, text));
    mw_str_addf(&page->line, "average %s, held %s",
                mw_report_amount(trades->average, page->digits, true, text),
                mw_report_span(trades->average_ms, held));
    end_line(page);
    begin_line(page, "");
    mw_str_addf(&page->line, "best %s, ", mw_report_amount(trades->best, page->digits, true, text));
    mw_str_addf(&page->line, "worst %s", mw_report_amount(trades->worst, page->digits, true, text));
    end_line(page);
}

/* "and 5 more", below a list that had no room for them. */
static void add_rest(struct page *page, uint32_t count)
{
    if (count <= MW_REPORT_LIST_LINES_MAX)
        return;
    begin_line(page, "");
    mw_str_addf(&page->line, "and %u more", (unsigned)(count - MW_REPORT_LIST_LINES_MAX));
    end_line(page);
}

/* "BTCUSDT: 12 trades, 5 won, net +123.00", where there are several. */
static void add_symbols(struct page *page)
{
    const struct mw_backtest_result *result = page->result;
    if (result->symbol_count < 2 || result->trade_count == 0)
        return;
    struct {
        uint64_t trades, won;
        double profit;
    } *symbols = mw_alloc_zero(result->symbol_count * sizeof(*symbols));
    for (uint32_t i = 0; i < result->trade_count; i++) {
        const struct mw_trade *trade = &result->trades[i];
        MW_CHECK(trade->instrument < result->symbol_count);
        symbols[trade->instrument].trades++;
        symbols[trade->instrument].won += trade->profit > 0;
        symbols[trade->instrument].profit += trade->profit;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < result->symbol_count; i++) {
        char text[MW_REPORT_TEXT_BYTES];
        if (symbols[i].trades == 0 || count++ >= MW_REPORT_LIST_LINES_MAX)
            continue;
        begin_line(page, count == 1 ? "By symbol" : "");
        mw_str_addf(&page->line, "%s: %s trade%s, ", result->symbols[i],
                    count_text(symbols[i].trades, text), mw_plural(symbols[i].trades));
        mw_str_addf(&page->line, "%s won, ", count_text(symbols[i].won, text));
        mw_str_addf(&page->line, "net %s",
                    mw_report_amount(symbols[i].profit, page->digits, true, text));
        end_line(page);
    }
    add_rest(page, count);
    mw_free(symbols);
}

static void add_orders(struct page *page)
{
    const struct mw_account_totals *totals = &page->result->totals;
    char text[MW_REPORT_TEXT_BYTES];
    begin_line(page, "Orders");
    mw_str_addf(&page->line, "%s: ", count_text(totals->orders, text));
    mw_str_addf(&page->line, "%s filled, ", count_text(totals->fills, text));
    mw_str_addf(&page->line, "%s cancelled, ", count_text(totals->cancelled, text));
    mw_str_addf(&page->line, "%s rejected", count_text(totals->rejected, text));
    end_line(page);
    begin_line(page, "Fees");
    mw_str_addf(&page->line, "%s on a turnover of ",
                mw_report_amount(totals->fees, page->digits, false, text));
    mw_str_adds(&page->line, mw_report_amount(totals->turnover, page->digits, false, text));
    end_line(page);
    if (page->result->signals_total > 0) {
        begin_line(page, "Signals");
        mw_str_adds(&page->line, count_text(page->result->signals_total, text));
        end_line(page);
    }
}

/* "BTCUSDT long 0.5 at 16,800, last 17,000: +100.00" */
static void add_positions(struct page *page)
{
    const struct mw_backtest_result *result = page->result;
    uint32_t open = 0;
    for (uint32_t i = 0; i < result->symbol_count; i++) {
        const struct mw_position *position = &result->positions[i];
        char text[MW_REPORT_TEXT_BYTES];
        if (position->amount == 0 || open++ >= MW_REPORT_LIST_LINES_MAX)
            continue;
        begin_line(page, open == 1 ? "Open at the end" : "");
        mw_str_addf(&page->line, "%s %s %s", result->symbols[i],
                    position->amount > 0 ? "long" : "short",
                    mw_report_price(fabs(position->amount), text));
        mw_str_addf(&page->line, " at %s", mw_report_price(position->price, text));
        mw_str_addf(&page->line, ", last %s: ", mw_report_price(position->last, text));
        mw_str_adds(&page->line, mw_report_amount(position->profit, page->digits, true, text));
        end_line(page);
    }
    add_rest(page, open);
}

/* --- equity ----------------------------------------------------------------------------------- */

/* The last point of column `i` of `columns`, which share the points evenly. */
static double column_value(const struct mw_backtest_result *result, uint32_t i, uint32_t columns)
{
    uint64_t end = ((uint64_t)i + 1) * result->point_count / columns;
    return result->points[end - 1].equity;
}

static void add_sparkline(struct page *page, bool plain)
{
    static const char *const blocks[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[LEVELS] = {"_", ".", "-", "=", "+", "*", "%", "#"};
    const struct mw_backtest_result *result = page->result;
    uint32_t columns = (uint32_t)(page->width - MW_REPORT_LABEL_COLUMNS);
    if (result->point_count == 0)
        return;
    columns = result->point_count < columns ? result->point_count : columns;
    double least = result->points[0].equity, most = least;
    for (uint32_t i = 0; i < result->point_count; i++) {
        double equity = result->points[i].equity;
        least = equity < least ? equity : least;
        most = equity > most ? equity : most;
    }
    begin_line(page, "Equity");
    for (uint32_t i = 0; i < columns; i++) {
        double part =
            most > least ? (column_value(result, i, columns) - least) / (most - least) : 0;
        int level = part >= 0 && part < 1 ? (int)(part * LEVELS) : part >= 1 ? LEVELS - 1 : 0;
        mw_str_adds(&page->line, plain ? ascii[level] : blocks[level]);
    }
    end_line(page);
    char low[MW_REPORT_TEXT_BYTES], high[MW_REPORT_TEXT_BYTES];
    begin_line(page, "");
    mw_str_addf(&page->line, "lowest %s, highest %s",
                mw_report_amount(least, page->digits, false, low),
                mw_report_amount(most, page->digits, false, high));
    end_line(page);
}

bool mw_report_text(const struct mw_backtest_result *result, const struct mw_report_style *style,
                    struct mw_str *out)
{
    struct page page = {.result = result,
                        .out = out,
                        .line = MW_STR_INIT(MW_REPORT_LINE_BYTES),
                        .width = mw_report_width(style),
                        .digits = mw_report_money_digits(result->account.cash),
                        .fits = true};
    add_head(&page);
    add_figures(&page);
    add_trades(&page);
    add_symbols(&page);
    add_orders(&page);
    add_positions(&page);
    add_sparkline(&page, style->plain);
    mw_str_deinit(&page.line);
    return page.fits;
}
