/* report_test.c - reports of results made by hand: text to the last blank, JSON, CSV. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backtest/report.h"
#include "backtest/report_parts.h"
#include "base/check.h"
#include "base/clock.h"

enum { POINTS = 4, OUT_BYTES_MAX = 1 << 20, SMALL = 1000 };

#define DAY ((int64_t)MW_MS_PER_DAY)

static const int64_t start_ms = 1704067200000; /* 2024-01-01 */

/* A result on the stack of who asks; nothing of it is freed. */
struct made {
    struct mw_backtest_result result;
    char name[32], file[64], params[4096];
    struct mw_backtest_series series[12];
    struct mw_equity_point points[POINTS];
    char symbols[12][MW_SYMBOL_BYTES_MAX + 1];
    struct mw_position positions[12];
    struct mw_trade trades[3];
    struct mw_fill fills[2];
    struct mw_backtest_signal signals[2];
};

static char signal_text[] = "buy BTCUSDT", signal_json[] = "{\"side\":\"buy\"}";

static void make_trades(struct made *made)
{
    made->trades[0] = (struct mw_trade){.side = MW_SIDE_BUY,
                                        .entry_ms = start_ms,
                                        .exit_ms = start_ms + DAY,
                                        .amount = 0.5,
                                        .entry = 40000,
                                        .exit = 42000,
                                        .fees = 4.5,
                                        .profit = 995.5,
                                        .tag = "target"};
    made->trades[1] = (struct mw_trade){.side = MW_SIDE_SELL,
                                        .entry_ms = start_ms + DAY,
                                        .exit_ms = start_ms + 2 * DAY + 3 * (int64_t)MW_MS_PER_HOUR,
                                        .amount = 0.1,
                                        .entry = 42000,
                                        .exit = 43000,
                                        .fees = 8.5,
                                        .profit = -108.5,
                                        .tag = "a \"stop\", near"};
    made->fills[0] =
        (struct mw_fill){.order = 1, .time_ms = start_ms, .amount = 0.5, .price = 40000, .fee = 2};
    made->fills[1] = (struct mw_fill){.order = 2,
                                      .side = MW_SIDE_SELL,
                                      .time_ms = start_ms + DAY,
                                      .amount = 0.5,
                                      .price = 42000,
                                      .fee = 2.5};
    made->signals[0] = (struct mw_backtest_signal){start_ms + DAY, signal_text, signal_json};
    made->signals[1] = (struct mw_backtest_signal){start_ms + 2 * DAY, signal_text, NULL};
}

/* Four days from 10,000 with two trades and a position that is still open. */
static void make(struct made *made)
{
    static const double equity[POINTS] = {11000, 9900, 11880, 11880},
                        hold[POINTS] = {10100, 10200, 9800, 9900};
    *made = (struct made){.name = "sma_cross",
                          .file = "strategies/sma_cross.lua",
                          .params = "fast=5 slow=20 symbol=BTCUSDT"};
    made->series[0] = (struct mw_backtest_series){
        .key = {.feed = "demo", .symbol = "BTCUSDT", .timeframe = {1, 'm'}},
        .bars = 5757,
        .absent_count = 2,
        .absent = 3};
    for (int i = 0; i < POINTS; i++)
        made->points[i] = (struct mw_equity_point){
            .time_ms = start_ms + (i + 1) * DAY, .equity = equity[i], .hold = hold[i]};
    snprintf(made->symbols[0], sizeof(made->symbols[0]), "BTCUSDT");
    made->positions[0] = (struct mw_position){.amount = 0.25,
                                              .price = 42000.5,
                                              .last = 43000.5,
                                              .profit = 250,
                                              .entry_ms = start_ms + 3 * DAY};
    make_trades(made);
    made->result = (struct mw_backtest_result){
        .name = made->name,
        .file = made->file,
        .params = made->params,
        .seed = 1,
        .account = {.cash = 10000, .fee = 0.001, .maker_fee = (double)NAN, .leverage = 1},
        .from_ms = start_ms,
        .to_ms = start_ms + POINTS * DAY,
        .series = made->series,
        .series_count = 1,
        .bars = 5757,
        .signals_total = 2,
        .points = made->points,
        .point_count = POINTS,
        .cash = 1129.875,
        .equity = 11880,
        .totals = {.orders = 7,
                   .fills = 5,
                   .trades = 2,
                   .cancelled = 1,
                   .rejected = 1,
                   .fees = 15.25,
                   .turnover = 60000},
        .symbols = made->symbols,
        .positions = made->positions,
        .symbol_count = 1,
        .trades = made->trades,
        .trade_count = 2,
        .fills = made->fills,
        .fill_count = 2,
        .signals = made->signals,
        .signal_count = 2,
    };
    mw_backtest_result_judge(&made->result);
}

static char *text_of(const struct mw_backtest_result *result, int width, bool plain)
{
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_text(result, &(struct mw_report_style){width, plain}, &out));
    return out.data;
}

static void assert_text(char *got, const char *want)
{
    if (strcmp(got, want) != 0) {
        fprintf(stderr, "got:\n%s\nwant:\n%s\n", got, want);
        fail();
    }
    mw_free(got);
}

/* Each figure but those of a year is worked out in result_test.c or below:
 *     drawdown     (11000 - 9900) / 11000; (10200 - 9800) / 10200
 *     exposure     day 1, day 2 and 3 hours, day 4: 75 of 96 hours
 *     factor       995.5 / 108.5
 *     held         24 and 27 hours */
static void a_report_is_a_page_of_aligned_figures(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    assert_text(text_of(&made.result, 0, false),
                "Back-test of sma_cross\n"
                "Parameters        fast=5 slow=20 symbol=BTCUSDT\n"
                "Data              demo BTCUSDT 1m  5,757 bars\n"
                "                  3 absent in 2 places, taken as times without a trade\n"
                "Time              2024-01-01 00:00 to 2024-01-05 00:00 UTC, 4d\n"
                "Account           10,000.00, seed 1\n"
                "Costs             fee 0.1%, slippage 0%\n"
                "\n"
                "                          Strategy      Buy & hold\n"
                "Return                     +18.80%          -1.00%\n"
                "Final equity             11,880.00        9,900.00\n"
                "CAGR                             -               -\n"
                "Max drawdown                10.00%           3.92%\n"
                "Longest drawdown                2d              2d\n"
                "Volatility a year          246.73%          47.06%\n"
                "Sharpe                        7.40           -1.77\n"
                "Sortino                      19.11           -2.22\n"
                "Exposure                    78.12%         100.00%\n"
                "\n"
                "Trades            2: 1 won (50.00%), 1 lost, profit factor 9.18\n"
                "                  net +887.00, average +443.50, held 1d 1h\n"
                "                  best +995.50, worst -108.50\n"
                "Orders            7: 5 filled, 1 cancelled, 1 rejected\n"
                "Fees              15.25 on a turnover of 60,000.00\n"
                "Signals           2\n"
                "Open at the end   BTCUSDT long 0.25 at 42,000.5, last 43,000.5: +250.00\n"
                "Equity            ▅▁██\n"
                "                  lowest 9,900.00, highest 11,880.00\n");
}

static void without_bars_and_trades_it_says_so(void **state)
{
    (void)state;
    char name[] = "idle\x1b[2J", nothing[] = "";
    struct mw_backtest_result result = {
        .name = name,
        .file = nothing,
        .params = nothing,
        .account = {.cash = 1,
                    .fee = 0,
                    .maker_fee = 0.0002,
                    .fixed_fee = 0.5,
                    .slippage = 0.00005,
                    .leverage = 3},
        .cash = 1,
        .equity = 1,
    };
    mw_backtest_result_judge(&result);
    assert_text(text_of(&result, 0, true),
                "Back-test of idle?[2J\n"
                "Parameters        none\n"
                "Time              no bars\n"
                "Account           1.000000, leverage 3, seed 0\n"
                "Costs             fee 0%, maker 0.02%, 0.5 a fill, slippage 0.005%\n"
                "\n"
                "                          Strategy      Buy & hold\n"
                "Return                           -               -\n"
                "Final equity              1.000000               -\n"
                "CAGR                             -               -\n"
                "Max drawdown                     -               -\n"
                "Longest drawdown                 -               -\n"
                "Volatility a year                -               -\n"
                "Sharpe                           -               -\n"
                "Sortino                          -               -\n"
                "Exposure                         -               -\n"
                "\n"
                "Trades            none\n"
                "Orders            0: 0 filled, 0 cancelled, 0 rejected\n"
                "Fees              0.000000 on a turnover of 0.000000\n");
}

/* Lines are at most `width` columns, without blanks at the end; with `plain` all is ASCII. */
static void assert_shape(const char *text, int width, bool plain)
{
    for (const char *line = text; *line != '\0';) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        int columns = 0;
        for (const char *at = line; at < end; at++) {
            columns += ((unsigned char)*at & 0xC0) != 0x80;
            assert_true((unsigned char)*at >= ' ' && *at != 0x7F);
            assert_true(!plain || (unsigned char)*at < 0x80);
        }
        assert_true(columns <= width);
        assert_true(end == line || end[-1] != ' ');
        line = end + 1;
    }
}

/* A result of everything at its largest. */
static void make_large(struct made *made)
{
    make(made);
    for (int i = 0; i < 12; i++) {
        made->series[i] = made->series[0];
        memset(made->series[i].key.symbol, 'S', MW_SYMBOL_BYTES_MAX);
        memset(made->series[i].key.feed, 'f', MW_FEED_NAME_BYTES_MAX);
        made->series[i].bars = UINT32_MAX;
        memset(made->symbols[i], i == 3 ? '\n' : 'S', MW_SYMBOL_BYTES_MAX);
        made->positions[i] = (struct mw_position){
            .amount = -1e300, .price = 1e-300, .last = (double)NAN, .profit = -1e300};
    }
    memset(made->params, 'p', sizeof(made->params) - 1);
    for (size_t i = 7; i < sizeof(made->params) - 1000; i += 13)
        made->params[i] = ' ';
    made->result.series_count = made->result.symbol_count = 12;
    made->trades[1].instrument = 11;
    made->points[2].equity = 1e300;
    made->points[3].equity = -1e300;
    made->result.account.cash = 1e15;
    mw_backtest_result_judge(&made->result);
}

static void lines_are_cut_at_the_width_and_wrapped(void **state)
{
    (void)state;
    static struct made made;
    make_large(&made);
    for (int width = 0; width <= 500; width += 20) {
        int columns = width == 0 ? 80 : width < 60 ? 60 : width > 400 ? 400 : width;
        for (int plain = 0; plain < 2; plain++) {
            char *text = text_of(&made.result, width, plain);
            assert_shape(text, columns, plain);
            assert_non_null(strstr(text, "and 5 more series"));
            assert_non_null(strstr(text, "and 4 more\n"));
            mw_free(text);
        }
    }
}

static void a_sparkline_has_all_eight_heights(void **state)
{
    (void)state;
    struct made made;
    static struct mw_equity_point points[620];
    make(&made);
    for (int i = 0; i < 620; i++)
        points[i] =
            (struct mw_equity_point){.time_ms = start_ms + i + 1, .equity = floor(i / 10.0)};
    made.result.points = points;
    made.result.point_count = 8;
    for (int i = 0; i < 8; i++)
        points[i].equity = i;
    char *text = text_of(&made.result, 80, false);
    assert_non_null(strstr(text, "\nEquity            ▁▂▃▄▅▆▇█\n"));
    mw_free(text);
    text = text_of(&made.result, 80, true);
    assert_non_null(strstr(text, "\nEquity            _.-=+*%#\n"));
    mw_free(text);
    /* 620 points share 62 columns, each shown by its last. */
    made.result.point_count = 620;
    text = text_of(&made.result, 80, true);
    assert_non_null(strstr(text, "\nEquity            ________........-------========"
                                 "++++++++*******%%%%%%%%########\n"));
    mw_free(text);
    /* What never moves lies at the bottom. */
    for (int i = 0; i < 620; i++)
        points[i].equity = 10000;
    made.result.point_count = 3;
    text = text_of(&made.result, 80, true);
    assert_non_null(strstr(text, "\nEquity            ___\n"));
    mw_free(text);
}

static void a_rate_a_year_is_told_from_a_month_on(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    made.result.curve.cagr = 0.5;
    made.result.hold.cagr = -0.25;
    for (int days = 27; days <= 28; days++) {
        made.result.to_ms = start_ms + days * DAY;
        char *text = text_of(&made.result, 0, true);
        assert_int_equal(strstr(text, "\nCAGR                       +50.00%         -25.00%\n") !=
                             NULL,
                         days == 28);
        mw_free(text);
    }
}

static void symbols_are_told_apart_when_there_are_several(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    made.result.symbol_count = 2;
    memcpy(made.symbols[1], "ETHUSDT", 8);
    made.trades[1].instrument = 1;
    char *text = text_of(&made.result, 0, true);
    assert_non_null(strstr(text, "By symbol         BTCUSDT: 1 trade, 1 won, net +995.50\n"
                                 "                  ETHUSDT: 1 trade, 0 won, net -108.50\n"));
    mw_free(text);
}

static void large_money_keeps_its_columns_apart(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    made.result.equity = 702438383604.89;
    made.points[POINTS - 1].hold = 1055447675000;
    made.result.trade_figures.won = 12345;
    char *text = text_of(&made.result, 0, true);
    assert_non_null(
        strstr(text, "                                Strategy            Buy & hold\n"));
    assert_non_null(
        strstr(text, "Final equity          702,438,383,604.89  1,055,447,675,000.00\n"));
    assert_non_null(strstr(text, ": 12,345 won ("));
    mw_free(text);
}

/* U+009B begins a command of a terminal as ESC [ does, and so does the byte 0x9B of Latin 1. */
static void nothing_that_a_terminal_obeys_gets_there(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    snprintf(made.params, sizeof(made.params),
             "a=\x1b[31m b=\xc2\x9b"
             "31m c=\x9b\xff d=\xe2\x82 e=\xe2\x82\xac");
    char *text = text_of(&made.result, 0, true);
    assert_non_null(strstr(text, "Parameters        a=?[31m b=??31m c=?? d=?? e=\xe2\x82\xac\n"));
    mw_free(text);
}

static void json_is_utf8_whatever_texts_are(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    snprintf(made.params, sizeof(made.params), "a=\xff\xe2\x82 b=\xe2\x82\xac");
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    char json[] = "{\"note\":\"\xff\xe2\x82\xac\x80\"}";
    made.signals[0].json = json;
    assert_true(mw_report_json(&made.result, true, &out));
    assert_non_null(strstr(out.data, "\"signal\":{\"note\":\"\\ufffd\xe2\x82\xac\\ufffd\"}"));
    assert_non_null(strstr(out.data, "\"params\":\"a=\\ufffd\\ufffd\\ufffd b=\xe2\x82\xac\""));
    mw_str_deinit(&out);
}

static void without_trades_nothing_was_held(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    made.result.trade_count = 0;
    mw_backtest_result_judge(&made.result);
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_json(&made.result, false, &out));
    assert_non_null(strstr(out.data, "\"worst\":null,\"average_ms\":null}"));
    mw_str_deinit(&out);
    for (uint32_t i = 0; mw_report_figure_name(i) != NULL; i++)
        if (strcmp(mw_report_figure_name(i), "average_held_ms") == 0)
            assert_true(isnan(mw_report_figure(&made.result, i)));
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *amount, *percent, *price;
    } cases[] = {
        {0, "0.00", "0.00%", "0"},
        {-0.001, "0.00", "-0.10%", "-0.001"},
        {-0.00001, "0.00", "0.00%", "-0.00001"},
        {0.05, "+0.05", "+5.00%", "0.05"},
        {999.999, "+1,000.00", "+99,999.90%", "999.999"},
        {-1234567.891, "-1,234,567.89", "-123,456,789.10%", "-1,234,567.9"},
        {0.000012345678901, "0.00", "0.00%", "0.000012345679"},
        {16800.5, "+16,800.50", "+1,680,050.00%", "16,800.5"},
        {100, "+100.00", "+10,000.00%", "100"},
        {1e15, "+1.0000e+15", "+1.0000e+17%", "1.0000e+15"},
        {(double)NAN, "-", "-", "-"},
        {(double)INFINITY, "+inf", "+inf%", "inf"},
        {-(double)INFINITY, "-inf", "-inf%", "-inf"},
    };
    char text[MW_REPORT_TEXT_BYTES];
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        assert_string_equal(mw_report_amount(cases[i].value, 2, true, text), cases[i].amount);
        assert_string_equal(mw_report_percent(cases[i].value, true, text), cases[i].percent);
        assert_string_equal(mw_report_price(cases[i].value, text), cases[i].price);
    }
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {
        {0, "0s"},        {999, "0s"},          {59000, "59s"},      {60000, "1m"},
        {61000, "1m 1s"}, {3599999, "59m 59s"}, {3600000, "1h"},     {11520000, "3h 12m"},
        {86400000, "1d"}, {90000000, "1d 1h"},  {400 * DAY, "400d"}, {DAY + 60000, "1d"},
    };
    for (size_t i = 0; i < MW_COUNT(spans); i++)
        assert_string_equal(mw_report_span(spans[i].ms, text), spans[i].text);
    static const struct {
        double cash;
        int digits;
    } digits[] = {{10000, 2},           {1e9, 2}, {9999, 3}, {100, 4}, {1, 6}, {0.01, 6},
                  {(double)INFINITY, 6}};
    for (size_t i = 0; i < MW_COUNT(digits); i++)
        assert_int_equal(mw_report_money_digits(digits[i].cash), digits[i].digits);
}

static void json_is_one_object_with_its_keys_in_order(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX);
    made.result.curve = made.result.hold =
        (struct mw_curve_figures){0.5, (double)NAN, 0.25, 1000, 0.125, -1, (double)INFINITY};
    assert_true(mw_report_json(&made.result, true, &out));
    assert_text(
        out.data,
        "{\"strategy\":\"sma_cross\",\"file\":\"strategies/sma_cross.lua\","
        "\"params\":\"fast=5 slow=20 symbol=BTCUSDT\",\"seed\":1,\"from\":1704067200000,"
        "\"to\":1704412800000,\"account\":{\"cash\":10000,\"fee\":0.001,\"maker_fee\":0.001,"
        "\"fixed_fee\":0,\"slippage\":0,\"leverage\":1},\"series\":[{\"feed\":\"demo\","
        "\"symbol\":\"BTCUSDT\",\"timeframe\":\"1m\",\"bars\":5757,\"absent\":3,"
        "\"absent_places\":2,\"absent_as\":\"quiet\"}],\"bars\":5757,\"cash\":1129.875,"
        "\"equity\":11880,\"exposure\":0.78125,"
        "\"figures\":{\"total_return\":0.5,\"cagr\":null,\"max_drawdown\":0.25,"
        "\"max_drawdown_ms\":1000,\"volatility\":0.125,\"sharpe\":-1,\"sortino\":null},"
        "\"hold\":{\"total_return\":0.5,\"cagr\":null,\"max_drawdown\":0.25,"
        "\"max_drawdown_ms\":1000,\"volatility\":0.125,\"sharpe\":-1,\"sortino\":null},"
        "\"trades\":{\"count\":2,\"won\":1,\"lost\":1,\"win_rate\":0.5,"
        "\"profit_factor\":9.175115207373272,\"profit\":887,\"average\":443.5,\"best\":995.5,"
        "\"worst\":-108.5,\"average_ms\":91800000},\"orders\":{\"count\":7,\"filled\":5,"
        "\"cancelled\":1,\"rejected\":1,\"turnover\":60000,\"fees\":15.25},\"signals\":2,"
        "\"positions\":[{\"symbol\":\"BTCUSDT\",\"amount\":0.25,\"price\":42000.5,"
        "\"last\":43000.5,\"profit\":250,\"entry_time\":1704326400000}],"
        "\"equity_points\":["
        "{\"time\":1704153600000,\"equity\":11000,\"exposure\":0,\"hold\":10100},"
        "{\"time\":1704240000000,\"equity\":9900,\"exposure\":0,\"hold\":10200},"
        "{\"time\":1704326400000,\"equity\":11880,\"exposure\":0,\"hold\":9800},"
        "{\"time\":1704412800000,\"equity\":11880,\"exposure\":0,\"hold\":9900}],"
        "\"trade_list\":[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"amount\":0.5,"
        "\"entry_time\":1704067200000,\"entry\":40000,\"exit_time\":1704153600000,"
        "\"exit\":42000,\"fees\":4.5,\"profit\":995.5,\"tag\":\"target\"},"
        "{\"symbol\":\"BTCUSDT\",\"side\":\"sell\",\"amount\":0.1,"
        "\"entry_time\":1704153600000,\"entry\":42000,\"exit_time\":1704250800000,"
        "\"exit\":43000,\"fees\":8.5,\"profit\":-108.5,\"tag\":\"a \\\"stop\\\", near\"}],"
        "\"fills\":[{\"order\":1,\"symbol\":\"BTCUSDT\",\"side\":\"buy\","
        "\"time\":1704067200000,\"amount\":0.5,\"price\":40000,\"fee\":2},"
        "{\"order\":2,\"symbol\":\"BTCUSDT\",\"side\":\"sell\",\"time\":1704153600000,"
        "\"amount\":0.5,\"price\":42000,\"fee\":2.5}],"
        "\"signal_list\":[{\"time\":1704153600000,\"text\":\"buy BTCUSDT\","
        "\"signal\":{\"side\":\"buy\"}},{\"time\":1704240000000,\"text\":\"buy BTCUSDT\","
        "\"signal\":null}]}\n");
    struct mw_str brief = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_json(&made.result, false, &brief));
    assert_non_null(strstr(brief.data, "\"entry_time\":1704326400000}]}\n"));
    mw_str_deinit(&brief);
}

static void csv_has_a_line_for_each_trade_and_point(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    struct mw_str out = MW_STR_INIT(OUT_BYTES_MAX), equity = MW_STR_INIT(OUT_BYTES_MAX);
    assert_true(mw_report_trades_csv(&made.result, &out));
    assert_text(out.data, "symbol,side,amount,entry_time,entry,exit_time,exit,fees,profit,tag\n"
                          "BTCUSDT,buy,0.5,2024-01-01T00:00:00Z,40000,2024-01-02T00:00:00Z,42000,"
                          "4.5,995.5,target\n"
                          "BTCUSDT,sell,0.1,2024-01-02T00:00:00Z,42000,2024-01-03T03:00:00Z,43000,"
                          "8.5,-108.5,\"a \"\"stop\"\", near\"\n");
    assert_true(mw_report_equity_csv(&made.result, &equity));
    assert_text(equity.data, "time,equity,exposure,hold\n"
                             "2024-01-02T00:00:00Z,11000,0,10100\n"
                             "2024-01-03T00:00:00Z,9900,0,10200\n"
                             "2024-01-04T00:00:00Z,11880,0,9800\n"
                             "2024-01-05T00:00:00Z,11880,0,9900\n");
}

static void what_has_no_room_is_told(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    const struct mw_report_style style = {0};
    for (size_t room = 0; room < SMALL; room += 7) {
        struct mw_str out = MW_STR_INIT(room);
        assert_false(mw_report_text(&made.result, &style, &out));
        mw_str_clear(&out);
        assert_false(mw_report_json(&made.result, true, &out));
        mw_str_clear(&out);
        assert_true(!mw_report_trades_csv(&made.result, &out) || room > 250);
        mw_str_clear(&out);
        assert_true(!mw_report_equity_csv(&made.result, &out) || room > 150);
        mw_str_deinit(&out);
    }
}

static void figures_have_names_and_a_better_end(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    uint32_t count = 0, found = 0;
    for (; mw_report_figure_name(count) != NULL; count++) {
        const char *name = mw_report_figure_name(count);
        if (strcmp(name, "total_return") == 0 && ++found)
            assert_true(mw_report_figure(&made.result, count) == made.result.curve.total &&
                        !mw_report_figure_less_is_better(count));
        if (strcmp(name, "max_drawdown") == 0 && ++found)
            assert_true(mw_report_figure(&made.result, count) == made.result.curve.drawdown &&
                        mw_report_figure_less_is_better(count));
    }
    assert_int_equal(found, 2);
    assert_int_equal(count, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_a_page_of_aligned_figures),
        cmocka_unit_test(without_bars_and_trades_it_says_so),
        cmocka_unit_test(lines_are_cut_at_the_width_and_wrapped),
        cmocka_unit_test(a_sparkline_has_all_eight_heights),
        cmocka_unit_test(a_rate_a_year_is_told_from_a_month_on),
        cmocka_unit_test(symbols_are_told_apart_when_there_are_several),
        cmocka_unit_test(large_money_keeps_its_columns_apart),
        cmocka_unit_test(nothing_that_a_terminal_obeys_gets_there),
        cmocka_unit_test(json_is_utf8_whatever_texts_are),
        cmocka_unit_test(without_trades_nothing_was_held),
        cmocka_unit_test(numbers_are_written_for_people),
        cmocka_unit_test(json_is_one_object_with_its_keys_in_order),
        cmocka_unit_test(csv_has_a_line_for_each_trade_and_point),
        cmocka_unit_test(what_has_no_room_is_told),
        cmocka_unit_test(figures_have_names_and_a_better_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
