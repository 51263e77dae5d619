/* bind_result.c - what a back-test has shown, as a table, and its report as text of all kinds. */

#include <lauxlib.h>

#include "backtest/report.h"
#include "base/check.h"
#include "base/limits.h"
#include "bind/bind.h"
#include "bind/bind_backtest.h"
#include "bind/bind_column.h"
#include "bind/bind_options.h"
#include "bind/bind_table.h"
#include "bind/class.h"

#define REPORT_TYPE "moonwick.report"

/* --- the report ------------------------------------------------------------------------------- */

static const struct mw_backtest_result *check_result(lua_State *L)
{
    const struct mw_report_box *box = mw_class_check(L, 1);
    if (box->native == NULL)
        luaL_error(L, "attempt to use a closed report");
    return box->native;
}

/* report:close(). Frees what it is made of; the table of the result stays good. Idempotent. */
static int report_close(lua_State *L)
{
    struct mw_report_box *box = mw_class_check(L, 1);
    struct mw_backtest_result *result = box->native;
    box->native = NULL;
    mw_backtest_result_free(result);
    luaL_unref(L, LUA_REGISTRYINDEX, box->params_ref);
    box->params_ref = LUA_NOREF;
    return 0;
}

static int free_text(lua_State *L)
{
    mw_str_deinit(lua_touserdata(L, 1));
    return 0;
}

/* Pushes a text that is filled next, in a box: what raises meanwhile leaks nothing. */
static struct mw_str *push_text_box(lua_State *L)
{
    struct mw_str *text = lua_newuserdatauv(L, sizeof(*text), 0);
    *text = (struct mw_str)MW_STR_INIT(MW_REPORT_BYTES_MAX);
    if (luaL_newmetatable(L, "moonwick.report_text")) {
        lua_pushcfunction(L, free_text);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return text;
}

/* The text as a string, or an error when it did not fit. */
static int return_text(lua_State *L, struct mw_str *text, bool fits)
{
    struct mw_error err;
    if (!fits) {
        mw_fail(&err, MW_ELIMIT, "a report of more than %d bytes", MW_REPORT_BYTES_MAX);
        return mw_bind_fail(L, &err);
    }
    lua_pushlstring(L, text->data != NULL ? text->data : "", text->length);
    mw_str_deinit(text);
    return 1;
}

/* report:equity_csv() -> text | nil, err */
static int report_equity_csv(lua_State *L)
{
    const struct mw_backtest_result *result = check_result(L);
    struct mw_str *text = push_text_box(L);
    return return_text(L, text, mw_report_equity_csv(result, text));
}

/* report:html() -> text | nil, err */
static int report_html(lua_State *L)
{
    const struct mw_backtest_result *result = check_result(L);
    struct mw_str *text = push_text_box(L);
    struct mw_error err;
    if (mw_report_html(result, text, &err) != MW_OK)
        return mw_bind_fail(L, &err);
    return return_text(L, text, true);
}

/* report:json(options) -> text | nil, err. Options: full */
static int report_json(lua_State *L)
{
    static const char *const names[] = {"full"};
    const struct mw_backtest_result *result = check_result(L);
    bool full = false;
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        mw_options_check(L, 2, "json", names, MW_COUNT(names));
        full = mw_options_boolean(L, 2, "json", "full");
    }
    struct mw_str *text = push_text_box(L);
    return return_text(L, text, mw_report_json(result, full, text));
}

/* report:text(options) -> text | nil, err. Options: width, plain */
static int report_text(lua_State *L)
{
    static const char *const names[] = {"plain", "width"};
    const struct mw_backtest_result *result = check_result(L);
    struct mw_report_style style = {.width = 0};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        mw_options_check(L, 2, "text", names, MW_COUNT(names));
        int64_t width = mw_options_integer(L, 2, "text", "width", 0);
        luaL_argcheck(L, width >= 0 && width <= 1000, 2, "width: want 0 to 1000");
        style.width = (int)width;
        style.plain = mw_options_boolean(L, 2, "text", "plain");
    }
    struct mw_str *text = push_text_box(L);
    return return_text(L, text, mw_report_text(result, &style, text));
}

/* report:trades_csv() -> text | nil, err */
static int report_trades_csv(lua_State *L)
{
    const struct mw_backtest_result *result = check_result(L);
    struct mw_str *text = push_text_box(L);
    return return_text(L, text, mw_report_trades_csv(result, text));
}

static const luaL_Reg report_methods[] = {{"close", report_close},
                                          {"equity_csv", report_equity_csv},
                                          {"html", report_html},
                                          {"json", report_json},
                                          {"text", report_text},
                                          {"trades_csv", report_trades_csv},
                                          {NULL, NULL}};

static const char *const report_fields[] = {NULL};

static int report_index(lua_State *L)
{
    mw_class_find(L, report_fields, 0);
    return 1;
}

static int report_tostring(lua_State *L)
{
    const struct mw_report_box *box = mw_class_check(L, 1);
    if (box->native == NULL)
        lua_pushliteral(L, "report (closed)");
    else
        lua_pushfstring(L, "report of %s over %I bars", box->native->name,
                        (lua_Integer)box->native->bars);
    return 1;
}

static const luaL_Reg report_metamethods[] = {{"__close", report_close},
                                              {"__gc", report_close},
                                              {"__index", report_index},
                                              {"__tostring", report_tostring},
                                              {NULL, NULL}};

static const struct mw_class report_class = {REPORT_TYPE, "report", report_fields, report_methods,
                                             report_metamethods};

struct mw_report_box *mw_bind_push_report(lua_State *L)
{
    struct mw_report_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
    *box = (struct mw_report_box){.params_ref = LUA_NOREF}; /* __gc is safe from here on */
    mw_class_set(L, &report_class);
    return box;
}

void mw_bind_report_register(lua_State *L)
{
    mw_class_register(L, &report_class);
}

/* --- the result ------------------------------------------------------------------------------- */

static void set_curve_figures(lua_State *L, const struct mw_curve_figures *figures)
{
    mw_table_set_number(L, "total_return", figures->total);
    mw_table_set_number(L, "cagr", figures->cagr);
    mw_table_set_number(L, "max_drawdown", figures->drawdown);
    mw_table_set_integer(L, "max_drawdown_ms", figures->drawdown_ms);
    mw_table_set_number(L, "volatility", figures->volatility);
    mw_table_set_number(L, "sharpe", figures->sharpe);
    mw_table_set_number(L, "sortino", figures->sortino);
}

static void set_trade_figures(lua_State *L, const struct mw_backtest_result *result)
{
    const struct mw_trade_figures *figures = &result->trade_figures;
    mw_table_set_integer(L, "trade_count", (int64_t)figures->count);
    mw_table_set_integer(L, "won", (int64_t)figures->won);
    mw_table_set_integer(L, "lost", (int64_t)figures->lost);
    mw_table_set_number(L, "win_rate", figures->win_rate);
    mw_table_set_number(L, "profit_factor", figures->profit_factor);
    mw_table_set_number(L, "profit", figures->profit);
    mw_table_set_number(L, "average", figures->average);
    mw_table_set_number(L, "best", figures->best);
    mw_table_set_number(L, "worst", figures->worst);
    mw_table_set_integer(L, "average_ms", figures->average_ms);
    mw_table_set_number(L, "fees", figures->fees);
}

static void set_orders(lua_State *L, const struct mw_account_totals *totals)
{
    lua_createtable(L, 0, 5);
    mw_table_set_integer(L, "placed", (int64_t)totals->orders);
    mw_table_set_integer(L, "filled", (int64_t)totals->fills);
    mw_table_set_integer(L, "cancelled", (int64_t)totals->cancelled);
    mw_table_set_integer(L, "rejected", (int64_t)totals->rejected);
    mw_table_set_number(L, "turnover", totals->turnover);
    lua_setfield(L, -2, "orders");
}

static void set_series(lua_State *L, const struct mw_backtest_result *result)
{
    lua_createtable(L, (int)result->series_count, 0);
    for (uint32_t i = 0; i < result->series_count; i++) {
        const struct mw_backtest_series *series = &result->series[i];
        char timeframe[MW_TIMEFRAME_BYTES_MAX];
        lua_createtable(L, 0, 6);
        mw_table_set_text(L, "feed", series->key.feed);
        mw_table_set_text(L, "symbol", series->key.symbol);
        mw_table_set_text(L, "frequency", mw_timeframe_format(series->key.timeframe, timeframe));
        mw_table_set_integer(L, "bars", (int64_t)series->bars);
        mw_table_set_integer(L, "absent", (int64_t)series->absent);
        lua_pushboolean(L, series->with_holes);
        lua_setfield(L, -2, "holes");
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "series");
}

static void set_trades(lua_State *L, const struct mw_backtest_result *result)
{
    lua_createtable(L, (int)result->trade_count, 0);
    for (uint32_t i = 0; i < result->trade_count; i++) {
        const struct mw_trade *trade = &result->trades[i];
        lua_createtable(L, 0, 10);
        mw_table_set_text(L, "symbol", result->symbols[trade->instrument]);
        mw_table_set_trade(L, trade);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "trades");
}

static void set_positions(lua_State *L, const struct mw_backtest_result *result)
{
    lua_createtable(L, 0, (int)result->symbol_count);
    for (uint32_t i = 0; i < result->symbol_count; i++) {
        if (result->positions[i].amount == 0)
            continue;
        lua_createtable(L, 0, 4);
        mw_table_set_text(L, "symbol", result->symbols[i]);
        mw_table_set_number(L, "amount", result->positions[i].amount);
        mw_table_set_number(L, "price", result->positions[i].price);
        mw_table_set_number(L, "profit", result->positions[i].profit);
        lua_seti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    lua_setfield(L, -2, "positions");
}

static void set_signals(lua_State *L, const struct mw_backtest_result *result)
{
    lua_createtable(L, (int)result->signal_count, 0);
    for (uint32_t i = 0; i < result->signal_count; i++) {
        const struct mw_backtest_signal *signal = &result->signals[i];
        lua_createtable(L, 0, 3);
        mw_table_set_integer(L, "time", signal->time_ms);
        mw_table_set_text(L, "text", signal->text);
        mw_table_set_text(L, "json", signal->json);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "signals");
}

static void set_curve(lua_State *L, const struct mw_backtest_result *result)
{
    uint32_t count = result->point_count;
    lua_createtable(L, 0, 4);
    double *times = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++)
        times[i] = (double)result->points[i].time_ms;
    lua_setfield(L, -2, "time");
    double *values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = result->points[i].equity;
    lua_setfield(L, -2, "equity");
    values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = result->points[i].exposure;
    lua_setfield(L, -2, "exposure");
    values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = result->points[i].hold;
    lua_setfield(L, -2, "hold");
    lua_setfield(L, -2, "curve");
}

void mw_bind_push_result(lua_State *L, int report)
{
    const struct mw_report_box *box = lua_touserdata(L, report);
    const struct mw_backtest_result *result = box->native;
    lua_createtable(L, 0, 40);
    mw_table_set_text(L, "strategy", result->name);
    mw_table_set_text(L, "params", result->params);
    mw_table_set_integer(L, "seed", (int64_t)result->seed);
    mw_table_set_integer(L, "from", result->from_ms);
    mw_table_set_integer(L, "to", result->to_ms);
    mw_table_set_integer(L, "bars", (int64_t)result->bars);
    mw_table_set_number(L, "cash", result->cash);
    mw_table_set_number(L, "equity", result->equity);
    mw_table_set_number(L, "exposure", result->exposed);
    set_curve_figures(L, &result->curve);
    lua_createtable(L, 0, 7);
    set_curve_figures(L, &result->hold);
    lua_setfield(L, -2, "hold");
    set_trade_figures(L, result);
    set_orders(L, &result->totals);
    set_series(L, result);
    set_trades(L, result);
    set_positions(L, result);
    mw_table_set_integer(L, "signal_count", (int64_t)result->signals_total);
    set_signals(L, result);
    set_curve(L, result);
    lua_pushvalue(L, report);
    lua_setfield(L, -2, "report");
}
