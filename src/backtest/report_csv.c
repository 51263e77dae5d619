/* report_csv.c - trades and equity as CSV (RFC 4180), with times as ISO 8601. */
#include <string.h>

#include "backtest/report.h"
#include "backtest/report_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"

static bool add_time(struct mw_str *out, int64_t time_ms)
{
    char text[MW_TIME_TEXT_BYTES];
    return mw_str_addf(out, "%s,", mw_time_format(time_ms, text));
}

static bool add_number(struct mw_str *out, double number, const char *end)
{
    char text[MW_DECIMAL_TEXT_BYTES];
    return mw_str_addf(out, "%s%s", mw_decimal_format(number, text), end);
}

bool mw_report_add_cell(struct mw_str *out, const char *text, const char *end)
{
    if (strpbrk(text, ",\"\r\n") == NULL)
        return mw_str_addf(out, "%s%s", text, end);
    bool added = mw_str_adds(out, "\"");
    for (; *text != '\0' && added; text++)
        added = mw_str_add(out, text, 1) && (*text != '"' || mw_str_adds(out, "\""));
    return added && mw_str_addf(out, "\"%s", end);
}

bool mw_report_trades_csv(const struct mw_backtest_result *result, struct mw_str *out)
{
    bool fits =
        mw_str_adds(out, "symbol,side,amount,entry_time,entry,exit_time,exit,fees,profit,tag\n");
    for (uint32_t i = 0; i < result->trade_count && fits; i++) {
        const struct mw_trade *trade = &result->trades[i];
        MW_CHECK(trade->instrument < result->symbol_count);
        fits = mw_report_add_cell(out, result->symbols[trade->instrument], ",") &&
               mw_str_addf(out, "%s,", mw_side_text(trade->side)) &&
               add_number(out, trade->amount, ",") && add_time(out, trade->entry_ms) &&
               add_number(out, trade->entry, ",") && add_time(out, trade->exit_ms) &&
               add_number(out, trade->exit, ",") && add_number(out, trade->fees, ",") &&
               add_number(out, trade->profit, ",") && mw_report_add_cell(out, trade->tag, "\n");
    }
    return fits;
}

bool mw_report_equity_csv(const struct mw_backtest_result *result, struct mw_str *out)
{
    bool fits = mw_str_adds(out, "time,equity,exposure,hold\n");
    for (uint32_t i = 0; i < result->point_count && fits; i++) {
        const struct mw_equity_point *point = &result->points[i];
        fits = add_time(out, point->time_ms) && add_number(out, point->equity, ",") &&
               add_number(out, point->exposure, ",") && add_number(out, point->hold, "\n");
    }
    return fits;
}
