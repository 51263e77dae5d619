/* report_grid_test.c - tables of many runs: order, columns, JSON and CSV. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backtest/report_grid.h"

enum { RUNS = 6, OUT_BYTES_MAX = 1 << 20 };

static char name[] = "cross", nothing[] = "";

/* fast=1..3, side=long,short, symbol=BTCUSDT; run 4 has failed. */
struct made {
    struct mw_grid_axis axes[3];
    struct mw_backtest_result results[RUNS];
    struct mw_error error;
    const char *values[RUNS][3];
    struct mw_grid_run runs[RUNS];
    struct mw_report_grid grid;
};

static uint32_t figure_called(const char *wanted)
{
    uint32_t figure = 0;
    while (strcmp(mw_report_figure_name(figure), wanted) != 0)
        figure++;
    return figure;
}

static void make(struct made *made)
{
    static const double totals[RUNS] = {0.1, 0.3, -0.2, 0.3, 9, (double)NAN};
    *made = (struct made){.grid = {.figure = figure_called("total_return")}};
    assert_int_equal(mw_grid_axis_read("fast=1..3", &made->axes[0], NULL), MW_OK);
    assert_int_equal(mw_grid_axis_read("side=long,sh\"ort", &made->axes[1], NULL), MW_OK);
    assert_int_equal(mw_grid_axis_read("symbol=BTCUSDT", &made->axes[2], NULL), MW_OK);
    mw_fail(&made->error, MW_ESTRATEGY, "cross.lua:3: no, thanks\nstack traceback:\n\t...");
    for (int i = 0; i < RUNS; i++) {
        struct mw_backtest_result *result = &made->results[i];
        *result = (struct mw_backtest_result){.name = name,
                                              .file = nothing,
                                              .params = nothing,
                                              .account = {.cash = 10000, .leverage = 1},
                                              .equity = 10000 + i};
        result->curve = (struct mw_curve_figures){.total = totals[i],
                                                  .drawdown = 0.01 * (i + 1),
                                                  .sharpe = 1.5 - i,
                                                  .cagr = (double)NAN,
                                                  .volatility = 0,
                                                  .sortino = 0};
        result->hold.total = 0.05;
        result->trade_figures = (struct mw_trade_figures){
            .count = 1000 * (uint64_t)i, .profit_factor = i == 0 ? (double)INFINITY : i};
        made->values[i][0] = made->axes[0].values[i / 2];
        made->values[i][1] = made->axes[1].values[i % 2];
        made->values[i][2] = made->axes[2].values[0];
        made->runs[i] = (struct mw_grid_run){.values = made->values[i], .result = result};
    }
    made->runs[4].result = NULL;
    made->runs[4].error = &made->error;
    made->grid.axes = made->axes;
    made->grid.axis_count = 3;
    made->grid.runs = made->runs;
    made->grid.count = RUNS;
}

static void unmake(struct made *made)
{
    for (int i = 0; i < 3; i++)
        mw_grid_axis_deinit(&made->axes[i]);
}

static void expect_order(const struct made *made, const char *figure, const char *want)
{
    struct mw_report_grid grid = made->grid;
    uint32_t order[RUNS];
    char got[RUNS + 1] = "";
    grid.figure = figure_called(figure);
    mw_report_grid_order(&grid, order);
    for (int i = 0; i < RUNS; i++)
        got[i] = (char)('0' + order[i]);
    assert_string_equal(got, want);
}

static void the_best_is_first_and_what_failed_last(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    expect_order(&made, "total_return", "130254"); /* 1 and 3 are equal; 5 is not known */
    expect_order(&made, "max_drawdown", "012354"); /* less is better */
    expect_order(&made, "sharpe", "012354");
    expect_order(&made, "trades", "532104");
    expect_order(&made, "profit_factor", "053214"); /* infinite is best */
    expect_order(&made, "cagr", "012354");          /* none is known */
    unmake(&made);
}

static void assert_text(struct mw_str *out, const char *want)
{
    if (strcmp(out->data, want) != 0) {
        fprintf(stderr, "got:\n%s\nwant:\n%s\n", out->data, want);
        fail();
    }
    mw_str_deinit(out);
}

static void the_table_has_a_line_for_each_run(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX), two = MW_STR_INIT(OUT_BYTES_MAX);
    const struct mw_report_style style = {0};
    assert_true(mw_report_grid_text(&made.grid, &style, &out));
    assert_text(&out, "Back-tests of cross: 6 runs\n"
                      "Fixed             symbol=BTCUSDT\n"
                      "Time              no bars\n"
                      "Account           10,000.00, seed 0\n"
                      "Costs             fee 0%, slippage 0%\n"
                      "Buy & hold        +5.00%\n"
                      "\n"
                      "fast    side        return   drawdown   Sharpe   trades  factor\n"
                      "   1  sh\"ort       +30.00%      2.00%     0.50    1,000    1.00\n"
                      "   2  sh\"ort       +30.00%      4.00%    -1.50    3,000    3.00\n"
                      "   1    long       +10.00%      1.00%     1.50        0     inf\n"
                      "   2    long       -20.00%      3.00%    -0.50    2,000    2.00\n"
                      "   3  sh\"ort             -      6.00%    -3.50    5,000    5.00\n"
                      "   3    long  failed\n"
                      "\n"
                      "failed: fast=3 side=long cross.lua:3: no, thanks\n");
    made.grid.top = 2;
    assert_true(mw_report_grid_text(&made.grid, &style, &two));
    assert_non_null(strstr(two.data, "3.00\nand 4 more, by total_return: --top 0 shows all\n\n"));
    mw_str_deinit(&two);
    unmake(&made);
}

static void runs_over_different_data_are_not_told_as_one(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    struct mw_backtest_series one = {.key = {.symbol = "BTC", .timeframe = {1, 'm'}}};
    struct mw_backtest_series other = {.key = {.symbol = "ETH", .timeframe = {1, 'm'}}};
    for (int i = 0; i < RUNS; i++) {
        made.results[i].series = i < 3 ? &one : &other;
        made.results[i].series_count = 1;
        made.results[i].hold.total = i < 3 ? 0.05 : -0.1;
    }
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_grid_text(&made.grid, &(struct mw_report_style){0}, &out));
    assert_non_null(strstr(out.data, "                  of the first run; others have others\n"
                                     "Buy & hold        -10.00% to +5.00%\n"));
    mw_str_deinit(&out);
    unmake(&made);
}

static void large_figures_keep_apart(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    made.results[0].curve.sharpe = -12345.678;
    made.results[0].trade_figures.count = 1234567;
    made.results[0].trade_figures.profit_factor = 12345.678;
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_grid_text(&made.grid, &(struct mw_report_style){0}, &out));
    assert_non_null(strstr(out.data, " 1.00% -12,345.68 1,234,567 12,345.68\n"));
    mw_str_deinit(&out);
    unmake(&made);
}

static void long_values_are_cut_to_their_column(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    mw_grid_axis_deinit(&made.axes[1]);
    assert_int_equal(mw_grid_axis_read("x=a,\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                       &made.axes[1], NULL),
                     MW_OK);
    for (int i = 0; i < RUNS; i++)
        made.values[i][1] = made.axes[1].values[i % 2];
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_grid_text(&made.grid, &(struct mw_report_style){0}, &out));
    assert_non_null(strstr(out.data, "fast                         x        return"));
    assert_non_null(strstr(out.data, "   1  \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                     "aaaaaaaaaaaaaaaa..       +30.00%"));
    assert_non_null(strstr(out.data, "   1                         a       +10.00%"));
    mw_str_deinit(&out);
    unmake(&made);
}

static void machines_get_every_figure(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    struct mw_str json = MW_STR_INIT(OUT_BYTES_MAX), csv = MW_STR_INIT(OUT_BYTES_MAX);
    made.grid.top = 1;
    assert_true(mw_report_grid_json(&made.grid, &json));
    assert_text(&json,
                "{\"params\":{\"fast\":\"1\",\"side\":\"sh\\\"ort\",\"symbol\":\"BTCUSDT\"},"
                "\"total_return\":0.3,\"cagr\":null,\"max_drawdown\":0.02,\"max_drawdown_ms\":0,"
                "\"volatility\":0,\"sharpe\":0.5,\"sortino\":0,\"exposure\":0,\"equity\":10001,"
                "\"trades\":1000,\"won\":0,\"lost\":0,\"win_rate\":0,\"profit_factor\":1,"
                "\"profit\":0,\"average_profit\":0,\"best_trade\":0,\"worst_trade\":0,"
                "\"average_held_ms\":0,\"fees\":0}\n");
    made.grid.top = 0;
    assert_true(mw_report_grid_csv(&made.grid, &csv));
    assert_non_null(strstr(csv.data, "fast,side,symbol,total_return,cagr,max_drawdown,"));
    assert_non_null(strstr(csv.data, "\n1,\"sh\"\"ort\",BTCUSDT,0.3,nan,0.02,0,0,0.5,0,0,10001,"));
    assert_non_null(strstr(csv.data, "\n3,long,BTCUSDT,,,,,,,,,,,,,,,,,,,,,"
                                     "\"cross.lua:3: no, thanks\nstack traceback:\n\t...\"\n"));
    mw_str_clear(&json);
    assert_true(mw_report_grid_json(&made.grid, &json));
    assert_non_null(strstr(json.data, "{\"params\":{\"fast\":\"3\",\"side\":\"long\","
                                      "\"symbol\":\"BTCUSDT\"},\"error\":\"cross.lua:3: no, "
                                      "thanks\\u000astack traceback:\\u000a\\u0009...\"}\n"));
    mw_str_deinit(&json);
    mw_str_deinit(&csv);
    unmake(&made);
}

static void what_has_no_room_is_told(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    for (size_t room = 0; room < 600; room += 11) {
        struct mw_str out = MW_STR_INIT(room);
        assert_false(mw_report_grid_text(&made.grid, &(struct mw_report_style){0}, &out));
        mw_str_clear(&out);
        assert_false(mw_report_grid_json(&made.grid, &out));
        mw_str_clear(&out);
        assert_false(mw_report_grid_csv(&made.grid, &out));
        mw_str_deinit(&out);
    }
    unmake(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_first_and_what_failed_last),
        cmocka_unit_test(the_table_has_a_line_for_each_run),
        cmocka_unit_test(runs_over_different_data_are_not_told_as_one),
        cmocka_unit_test(large_figures_keep_apart),
        cmocka_unit_test(long_values_are_cut_to_their_column),
        cmocka_unit_test(machines_get_every_figure),
        cmocka_unit_test(what_has_no_room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
