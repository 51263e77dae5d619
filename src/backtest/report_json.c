/* report_json.c - a result for machines: one object, with its keys always in the same order. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "backtest/report.h"
#include "backtest/report_parts.h"
#include "base/check.h"
#include "base/json_text.h"

/* What is written so far. Once something did not fit nothing more is added. */
struct writer {
    struct mw_str *out;
    bool fits, comma; /* comma: something stands before the next item */
};

static void add_raw(struct writer *writer, const char *text)
{
    writer->fits = writer->fits && mw_str_adds(writer->out, text);
}

/* A comma where there is one before, and the key, unless it is NULL: then it is an array's item. */
static void begin_item(struct writer *writer, const char *key)
{
    if (writer->comma)
        add_raw(writer, ",");
    if (key != NULL) {
        writer->fits = writer->fits && mw_json_add_text(writer->out, key);
        add_raw(writer, ":");
    }
    writer->comma = true;
}

static void open_group(struct writer *writer, const char *key, const char *bracket)
{
    begin_item(writer, key);
    add_raw(writer, bracket);
    writer->comma = false;
}

static void close_group(struct writer *writer, const char *bracket)
{
    add_raw(writer, bracket);
    writer->comma = true;
}

static void add_text(struct writer *writer, const char *key, const char *text)
{
    begin_item(writer, key);
    writer->fits = writer->fits && mw_json_add_text(writer->out, text);
}

static void add_number(struct writer *writer, const char *key, double number)
{
    begin_item(writer, key);
    writer->fits = writer->fits && mw_json_add_number(writer->out, number);
}

static void add_count(struct writer *writer, const char *key, uint64_t count)
{
    begin_item(writer, key);
    writer->fits = writer->fits && mw_str_addf(writer->out, "%" PRIu64, count);
}

/* Milliseconds: a moment or a span. */
static void add_ms(struct writer *writer, const char *key, int64_t ms)
{
    begin_item(writer, key);
    writer->fits = writer->fits && mw_str_addf(writer->out, "%" PRId64, ms);
}

static void add_curve(struct writer *writer, const char *key, const struct mw_curve_figures *curve)
{
    open_group(writer, key, "{");
    add_number(writer, "total_return", curve->total);
    add_number(writer, "cagr", curve->cagr);
    add_number(writer, "max_drawdown", curve->drawdown);
    add_ms(writer, "max_drawdown_ms", curve->drawdown_ms);
    add_number(writer, "volatility", curve->volatility);
    add_number(writer, "sharpe", curve->sharpe);
    add_number(writer, "sortino", curve->sortino);
    close_group(writer, "}");
}

static void add_setting(struct writer *writer, const struct mw_backtest_result *result)
{
    const struct mw_account_options *account = &result->account;
    add_text(writer, "strategy", result->name);
    add_text(writer, "file", result->file);
    add_text(writer, "params", result->params);
    add_count(writer, "seed", result->seed);
    add_ms(writer, "from", result->from_ms);
    add_ms(writer, "to", result->to_ms);
    open_group(writer, "account", "{");
    add_number(writer, "cash", account->cash);
    add_number(writer, "fee", account->fee);
    add_number(writer, "maker_fee", isnan(account->maker_fee) ? account->fee : account->maker_fee);
    add_number(writer, "fixed_fee", account->fixed_fee);
    add_number(writer, "slippage", account->slippage);
    add_number(writer, "leverage", account->leverage);
    close_group(writer, "}");
    open_group(writer, "series", "[");
    for (uint32_t i = 0; i < result->series_count; i++) {
        const struct mw_backtest_series *series = &result->series[i];
        char timeframe[MW_TIMEFRAME_BYTES_MAX];
        open_group(writer, NULL, "{");
        add_text(writer, "feed", series->key.feed);
        add_text(writer, "symbol", series->key.symbol);
        add_text(writer, "timeframe", mw_timeframe_format(series->key.timeframe, timeframe));
        add_count(writer, "bars", series->bars);
        add_count(writer, "absent", series->absent);
        add_count(writer, "absent_places", series->absent_count);
        add_text(writer, "absent_as", series->with_holes ? "holes" : "quiet");
        close_group(writer, "}");
    }
    close_group(writer, "]");
    add_count(writer, "bars", result->bars);
}

static void add_figures(struct writer *writer, const struct mw_backtest_result *result)
{
    const struct mw_trade_figures *trades = &result->trade_figures;
    const struct mw_account_totals *totals = &result->totals;
    add_number(writer, "cash", result->cash);
    add_number(writer, "equity", result->equity);
    add_number(writer, "exposure", result->exposed);
    add_curve(writer, "figures", &result->curve);
    add_curve(writer, "hold", &result->hold);
    open_group(writer, "trades", "{");
    add_count(writer, "count", trades->count);
    add_count(writer, "won", trades->won);
    add_count(writer, "lost", trades->lost);
    add_number(writer, "win_rate", trades->win_rate);
    add_number(writer, "profit_factor", trades->profit_factor);
    add_number(writer, "profit", trades->profit);
    add_number(writer, "average", trades->average);
    add_number(writer, "best", trades->best);
    add_number(writer, "worst", trades->worst);
    add_number(writer, "average_ms", trades->count > 0 ? (double)trades->average_ms : (double)NAN);
    close_group(writer, "}");
    open_group(writer, "orders", "{");
    add_count(writer, "count", totals->orders);
    add_count(writer, "filled", totals->fills);
    add_count(writer, "cancelled", totals->cancelled);
    add_count(writer, "rejected", totals->rejected);
    add_number(writer, "turnover", totals->turnover);
    add_number(writer, "fees", totals->fees);
    close_group(writer, "}");
    add_count(writer, "signals", result->signals_total);
    open_group(writer, "positions", "[");
    for (uint32_t i = 0; i < result->symbol_count; i++) {
        const struct mw_position *position = &result->positions[i];
        if (position->amount == 0)
            continue;
        open_group(writer, NULL, "{");
        add_text(writer, "symbol", result->symbols[i]);
        add_number(writer, "amount", position->amount);
        add_number(writer, "price", position->price);
        add_number(writer, "last", position->last);
        add_number(writer, "profit", position->profit);
        add_ms(writer, "entry_time", position->entry_ms);
        close_group(writer, "}");
    }
    close_group(writer, "]");
}

/* --- all of it -------------------------------------------------------------------------------- */

static const char *symbol_of(const struct mw_backtest_result *result, uint32_t instrument)
{
    MW_CHECK(instrument < result->symbol_count);
    return result->symbols[instrument];
}

static void add_points(struct writer *writer, const struct mw_backtest_result *result)
{
    open_group(writer, "equity_points", "[");
    for (uint32_t i = 0; i < result->point_count && writer->fits; i++) {
        const struct mw_equity_point *point = &result->points[i];
        open_group(writer, NULL, "{");
        add_ms(writer, "time", point->time_ms);
        add_number(writer, "equity", point->equity);
        add_number(writer, "exposure", point->exposure);
        add_number(writer, "hold", point->hold);
        close_group(writer, "}");
    }
    close_group(writer, "]");
}

static void add_trades(struct writer *writer, const struct mw_backtest_result *result)
{
    open_group(writer, "trade_list", "[");
    for (uint32_t i = 0; i < result->trade_count && writer->fits; i++) {
        const struct mw_trade *trade = &result->trades[i];
        open_group(writer, NULL, "{");
        add_text(writer, "symbol", symbol_of(result, trade->instrument));
        add_text(writer, "side", mw_side_text(trade->side));
        add_number(writer, "amount", trade->amount);
        add_ms(writer, "entry_time", trade->entry_ms);
        add_number(writer, "entry", trade->entry);
        add_ms(writer, "exit_time", trade->exit_ms);
        add_number(writer, "exit", trade->exit);
        add_number(writer, "fees", trade->fees);
        add_number(writer, "profit", trade->profit);
        add_text(writer, "tag", trade->tag);
        close_group(writer, "}");
    }
    close_group(writer, "]");
}

static void add_fills(struct writer *writer, const struct mw_backtest_result *result)
{
    open_group(writer, "fills", "[");
    for (uint32_t i = 0; i < result->fill_count && writer->fits; i++) {
        const struct mw_fill *fill = &result->fills[i];
        open_group(writer, NULL, "{");
        add_count(writer, "order", fill->order);
        add_text(writer, "symbol", symbol_of(result, fill->instrument));
        add_text(writer, "side", mw_side_text(fill->side));
        add_ms(writer, "time", fill->time_ms);
        add_number(writer, "amount", fill->amount);
        add_number(writer, "price", fill->price);
        add_number(writer, "fee", fill->fee);
        close_group(writer, "}");
    }
    close_group(writer, "]");
}

/* JSON that a script's value became, with what is no UTF-8 in its texts replaced. */
static void add_json(struct writer *writer, const char *json)
{
    for (size_t left = strlen(json), step; left > 0 && writer->fits; left -= step, json += step) {
        for (step = 0; step < left;) {
            size_t length = mw_utf8_length(json + step, left - step);
            if (length == 0)
                break;
            step += length;
        }
        writer->fits = mw_str_add(writer->out, json, step);
        if (step < left) {
            add_raw(writer, "\\ufffd");
            step++;
        }
    }
}

static void add_signals(struct writer *writer, const struct mw_backtest_result *result)
{
    open_group(writer, "signal_list", "[");
    for (uint32_t i = 0; i < result->signal_count && writer->fits; i++) {
        const struct mw_backtest_signal *signal = &result->signals[i];
        open_group(writer, NULL, "{");
        add_ms(writer, "time", signal->time_ms);
        add_text(writer, "text", signal->text);
        begin_item(writer, "signal");
        add_json(writer, signal->json != NULL ? signal->json : "null");
        close_group(writer, "}");
    }
    close_group(writer, "]");
}

bool mw_report_json(const struct mw_backtest_result *result, bool full, struct mw_str *out)
{
    struct writer writer = {.out = out, .fits = true};
    open_group(&writer, NULL, "{");
    add_setting(&writer, result);
    add_figures(&writer, result);
    if (full) {
        add_points(&writer, result);
        add_trades(&writer, result);
        add_fills(&writer, result);
        add_signals(&writer, result);
    }
    close_group(&writer, "}\n");
    return writer.fits;
}
