/* result_test.c - figures of curves and trades: worked out by hand, and against plain formulas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backtest/result.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"

enum { ROUNDS = 300, POINTS_MAX = 400, MILLION = 1000000 };

#define DAY  ((int64_t)MW_MS_PER_DAY)
#define HOUR ((int64_t)MW_MS_PER_HOUR)

/* A Monday: 2024-01-01. */
static const int64_t start_ms = 1704067200000;

static int unrefs;

/* The linker's --wrap sends calls of mw_dataset_unref here. */
void wrap_unref(struct mw_dataset *dataset) __asm__("__wrap_mw_dataset_unref");

void wrap_unref(struct mw_dataset *dataset)
{
    unrefs += dataset != NULL;
}

static void assert_near(double got, double want)
{
    if (isnan(want) ? isnan(got) : got == want || fabs(got - want) <= 1e-12 * fabs(want) + 1e-15)
        return;
    fail_msg("got %.17g, want %.17g", got, want);
}

/* The figures of `count` values, one at the end of each `step_ms`. */
static struct mw_curve_figures judge(double cash, const double *values, uint32_t count,
                                     int64_t step_ms)
{
    struct mw_curve_figures figures;
    struct mw_equity_point *points = mw_alloc_zero((count + 1) * sizeof(*points));
    for (uint32_t i = 0; i < count; i++) {
        points[i].time_ms = start_ms + (i + 1) * step_ms;
        points[i].equity = values[i];
        points[i].hold = -values[i]; /* is not looked at */
    }
    mw_curve_judge(&(struct mw_curve){start_ms, cash, points, count, false}, &figures);
    mw_free(points);
    return figures;
}

#define JUDGE(cash, step_ms, ...)                                                                  \
    judge(cash, (const double[]){__VA_ARGS__}, MW_COUNT(((const double[]){__VA_ARGS__})), step_ms)

/* Four days from 1000:     1100   990    1188   1188
 *     returns              +10 %  -10 %  +20 %  0          mean 0.05
 *     from the mean         0.05  -0.15   0.15  -0.05      squares: 0.05 in all
 *     deviation            sqrt(0.05 / 3)
 *     downside             sqrt(0.1^2 / 4) = 0.05
 *     years                4 / 365.25, so 365.25 returns a year
 *     drawdown             (1100 - 990) / 1100 = 0.1, from the end of day 1 to that of day 3 */
static void a_curve_comes_to_what_is_worked_out_by_hand(void **state)
{
    (void)state;
    struct mw_curve_figures figures = JUDGE(1000, DAY, 1100, 990, 1188, 1188);
    assert_near(figures.total, 0.188);
    assert_near(figures.cagr, pow(1.188, 365.25 / 4) - 1);
    assert_near(figures.drawdown, 0.1);
    assert_int_equal(figures.drawdown_ms, 2 * DAY);
    assert_near(figures.volatility, sqrt(0.05 / 3) * sqrt(365.25));
    assert_near(figures.sharpe, 0.05 / sqrt(0.05 / 3) * sqrt(365.25));
    assert_near(figures.sortino, 0.05 / 0.05 * sqrt(365.25));
}

static void holding_is_judged_by_its_own_values(void **state)
{
    (void)state;
    const struct mw_equity_point points[] = {{start_ms + DAY, 5, 0, 1100},
                                             {start_ms + 2 * DAY, 6, 0, 990},
                                             {start_ms + 3 * DAY, 7, 0, 1188},
                                             {start_ms + 4 * DAY, 8, 0, 1188}};
    struct mw_curve_figures hold, same = JUDGE(1000, DAY, 1100, 990, 1188, 1188);
    mw_curve_judge(&(struct mw_curve){start_ms, 1000, points, 4, true}, &hold);
    assert_memory_equal(&hold, &same, sizeof(hold));
}

static void a_year_has_as_many_returns_as_the_curve(void **state)
{
    (void)state;
    /* Two weeks of five days each: 10 returns in 12 days, from Monday to the Friday after. */
    struct mw_equity_point points[10];
    double returns[10], mean = 0, squares = 0, before = 100;
    for (int i = 0; i < 10; i++) {
        int day = i < 5 ? i : i + 2;
        points[i] = (struct mw_equity_point){.time_ms = start_ms + (day + 1) * DAY,
                                             .equity = 100 + i * 3 % 7};
        returns[i] = points[i].equity / before - 1;
        mean += returns[i] / 10;
        before = points[i].equity;
    }
    for (int i = 0; i < 10; i++)
        squares += (returns[i] - mean) * (returns[i] - mean);
    struct mw_curve_figures figures;
    mw_curve_judge(&(struct mw_curve){start_ms, 100, points, 10, false}, &figures);
    assert_near(figures.volatility, sqrt(squares / 9) * sqrt(10 / (12 / 365.25)));
}

static void a_day_counts_by_its_last_point_and_ends_at_midnight(void **state)
{
    (void)state;
    /* Every 6 hours: 24:00 is the end of a day, not the beginning of the next. */
    struct mw_curve_figures six = JUDGE(1000, 6 * HOUR, 1, 2, 3, 1100, 4, 5, 6, 990);
    struct mw_curve_figures day = JUDGE(1000, DAY, 1100, 990);
    assert_near(six.sharpe, day.sharpe);
    assert_near(six.sortino, day.sortino);
    assert_near(six.volatility, day.volatility);
    assert_near(six.total, day.total);
    assert_near(six.drawdown, 0.999); /* from 1000 to 1: falls are those of all points */
}

static void expect_nothing(const struct mw_curve_figures *figures)
{
    const double all[] = {figures->total,      figures->cagr,   figures->drawdown,
                          figures->volatility, figures->sharpe, figures->sortino};
    for (size_t i = 0; i < MW_COUNT(all); i++)
        assert_true(isnan(all[i]));
    assert_int_equal(figures->drawdown_ms, 0);
}

static void nothing_can_be_told_of_nothing(void **state)
{
    (void)state;
    struct mw_curve_figures figures = judge(1000, NULL, 0, DAY);
    expect_nothing(&figures);
    figures = JUDGE(0, DAY, 1, 2, 3); /* there was no cash */
    expect_nothing(&figures);
    figures = JUDGE(1000, DAY, 1000, (double)NAN); /* it is not known what holding comes to */
    expect_nothing(&figures);
}

static void one_day_has_a_return_and_no_deviation(void **state)
{
    (void)state;
    struct mw_curve_figures figures = JUDGE(1000, DAY, 900);
    assert_near(figures.total, -0.1);
    assert_near(figures.cagr, pow(0.9, 365.25) - 1);
    assert_near(figures.drawdown, 0.1);
    assert_int_equal(figures.drawdown_ms, DAY);
    assert_true(isnan(figures.sharpe) && isnan(figures.sortino) && isnan(figures.volatility));
}

static void what_never_moves_has_no_drawdown_and_no_ratio(void **state)
{
    (void)state;
    struct mw_curve_figures figures = JUDGE(1000, DAY, 1000, 1000, 1000, 1000);
    assert_true(figures.total == 0 && figures.cagr == 0 && figures.drawdown == 0);
    assert_int_equal(figures.drawdown_ms, 0);
    assert_true(figures.volatility == 0 && isnan(figures.sharpe) && isnan(figures.sortino));
    /* The same return each day, but for rounding: no deviation that a ratio could be made of. */
    figures = JUDGE(1000, DAY, 1010, 1020.1, 1030.301, 1040.60401);
    assert_true(figures.volatility == 0 && isnan(figures.sharpe));
    assert_true(isinf(figures.sortino) && figures.sortino > 0); /* no day lost */
}

static void equity_of_0_and_below_is_told_as_far_as_it_goes(void **state)
{
    (void)state;
    struct mw_curve_figures figures = JUDGE(1000, DAY, 500, 0);
    assert_near(figures.total, -1);
    assert_near(figures.cagr, -1);
    assert_near(figures.drawdown, 1);
    /* -50 % and -100 %: a mean of -0.75, deviations of 0.25 */
    assert_near(figures.sharpe, -0.75 / sqrt(2 * 0.25 * 0.25) * sqrt(365.25));
    figures = JUDGE(1000, DAY, 500, -200);
    assert_near(figures.total, -1.2);
    assert_true(isnan(figures.cagr)); /* no rate leads to a debt */
    assert_near(figures.drawdown, 1.2);
    /* From nothing there is no return. */
    figures = JUDGE(1000, DAY, 0, 10, 20);
    assert_true(isnan(figures.sharpe) && isnan(figures.volatility) && isnan(figures.sortino));
    assert_near(figures.total, -0.98);
    assert_near(figures.drawdown, 1);
    assert_int_equal(figures.drawdown_ms, 3 * DAY);
}

static void a_rate_that_no_number_holds_is_none(void **state)
{
    (void)state;
    struct mw_curve_figures figures = JUDGE(1000, 60000, 1100); /* 10 % in a minute */
    assert_near(figures.total, 0.1);
    assert_true(isnan(figures.cagr));
}

static void drawdowns_last_until_the_peak_is_reached_again_or_the_end(void **state)
{
    (void)state;
    /* 100 110 110 105 110 111 104 105: from the second 110 two days, from 111 to the end two. */
    struct mw_curve_figures figures = JUDGE(100, DAY, 110, 110, 105, 110, 111, 104, 105);
    assert_int_equal(figures.drawdown_ms, 2 * DAY);
    assert_near(figures.drawdown, 7 / 111.0);
    figures = JUDGE(100, DAY, 99, 98, 99, 99.5); /* from the cash on */
    assert_int_equal(figures.drawdown_ms, 4 * DAY);
    figures = JUDGE(100, DAY, 99, 100); /* the moment that it is reached counts */
    assert_int_equal(figures.drawdown_ms, 2 * DAY);
}

/* The same figures by the plainest means. */
static struct mw_curve_figures judge_plainly(double cash, const struct mw_equity_point *points,
                                             int count)
{
    static double returns[POINTS_MAX];
    double before = cash, peak = cash, mean = 0, squares = 0, below = 0;
    int64_t peak_ms = start_ms;
    int days = 0;
    struct mw_curve_figures figures = {.total = points[count - 1].equity / cash - 1};
    for (int i = 0; i < count; i++) {
        int64_t day = (points[i].time_ms - 1) / DAY;
        if (i + 1 == count || (points[i + 1].time_ms - 1) / DAY > day) {
            returns[days++] = (points[i].equity - before) / before;
            before = points[i].equity;
        }
        if (points[i].equity < peak || (i > 0 && points[i - 1].equity < peak)) {
            if (points[i].time_ms - peak_ms > figures.drawdown_ms)
                figures.drawdown_ms = points[i].time_ms - peak_ms;
        }
        if (points[i].equity >= peak) {
            peak = points[i].equity;
            peak_ms = points[i].time_ms;
        }
        if (1 - points[i].equity / peak > figures.drawdown)
            figures.drawdown = 1 - points[i].equity / peak;
    }
    double years = (double)(points[count - 1].time_ms - start_ms) / (365.25 * DAY);
    figures.cagr = exp(log(points[count - 1].equity / cash) / years) - 1;
    for (int i = 0; i < days; i++)
        mean += returns[i] / days;
    for (int i = 0; i < days; i++) {
        squares += (returns[i] - mean) * (returns[i] - mean);
        below += returns[i] < 0 ? returns[i] * returns[i] : 0;
    }
    figures.volatility = sqrt(squares / (days - 1)) * sqrt(days / years);
    figures.sharpe = mean / sqrt(squares / (days - 1)) * sqrt(days / years);
    figures.sortino = mean / sqrt(below / days) * sqrt(days / years);
    return figures;
}

static void assert_close(double got, double want)
{
    if (fabs(got - want) > 1e-9 * fabs(want) + 1e-12)
        fail_msg("got %.17g, want %.17g", got, want);
}

static void random_curves_come_to_what_plain_formulas_say(void **state)
{
    (void)state;
    struct mw_random random = {20240101};
    for (int round = 0; round < ROUNDS; round++) {
        static struct mw_equity_point points[POINTS_MAX];
        int count = 60 + (int)(mw_random_next(&random) % (POINTS_MAX - 60));
        double cash = 1000, value = cash;
        int64_t time_ms = start_ms;
        for (int i = 0; i < count; i++) {
            time_ms += HOUR + (int64_t)(mw_random_next(&random) % (30 * (uint64_t)HOUR));
            value *= 1 + ((double)(mw_random_next(&random) % 2001) - 1000) / 20000;
            points[i] = (struct mw_equity_point){.time_ms = time_ms, .equity = value};
        }
        struct mw_curve_figures got, want = judge_plainly(cash, points, count);
        mw_curve_judge(&(struct mw_curve){start_ms, cash, points, (uint32_t)count, false}, &got);
        assert_close(got.total, want.total);
        assert_close(got.cagr, want.cagr);
        assert_close(got.drawdown, want.drawdown);
        assert_int_equal(got.drawdown_ms, want.drawdown_ms);
        assert_close(got.volatility, want.volatility);
        assert_close(got.sharpe, want.sharpe);
        assert_close(got.sortino, want.sortino);
    }
}

/* --- trades ----------------------------------------------------------------------------------- */

static struct mw_trade trade(double profit, int64_t entry_ms, int64_t exit_ms)
{
    return (struct mw_trade){.profit = profit, .entry_ms = entry_ms, .exit_ms = exit_ms};
}

/* Profits +10, -4, 0, +2: two of four won, 12 / 4 = 3, 8 / 4 = 2 on average, held 1, 2, 3 and 2
 * hours. */
static void trades_come_to_what_is_worked_out_by_hand(void **state)
{
    (void)state;
    struct mw_trade trades[] = {trade(10, 0, HOUR), trade(-4, HOUR, 3 * HOUR),
                                trade(0, 3 * HOUR, 6 * HOUR), trade(2, 7 * HOUR, 9 * HOUR)};
    struct mw_backtest_result result = {
        .trades = trades, .trade_count = 4, .totals = {.fees = 1.5}, .to_ms = 10 * HOUR};
    mw_backtest_result_judge(&result);
    const struct mw_trade_figures *figures = &result.trade_figures;
    assert_int_equal(figures->count, 4);
    assert_int_equal(figures->won, 2);
    assert_int_equal(figures->lost, 1);
    assert_near(figures->win_rate, 0.5);
    assert_near(figures->profit_factor, 3);
    assert_near(figures->profit, 8);
    assert_near(figures->average, 2);
    assert_near(figures->best, 10);
    assert_near(figures->worst, -4);
    assert_int_equal(figures->average_ms, 2 * HOUR);
    assert_near(figures->fees, 1.5);
    assert_near(result.exposed, 0.8); /* all but the hours 7 and 10 */
}

static void without_trades_or_losses_there_is_no_factor_or_an_infinite_one(void **state)
{
    (void)state;
    struct mw_trade won[] = {trade(1, 0, 1)}, even[] = {trade(0, 0, 1)}, lost[] = {trade(-1, 0, 1)};
    struct mw_backtest_result result = {.totals = {.fees = 3}};
    mw_backtest_result_judge(&result);
    assert_true(isnan(result.trade_figures.profit_factor) && isnan(result.trade_figures.win_rate));
    assert_true(isnan(result.trade_figures.average) && isnan(result.trade_figures.best));
    assert_true(isnan(result.trade_figures.worst) && isnan(result.exposed));
    assert_true(result.trade_figures.profit == 0 && result.trade_figures.count == 0);
    assert_true(result.trade_figures.fees == 3); /* of a position that is still open */
    result.trade_count = 1;
    result.trades = won;
    mw_backtest_result_judge(&result);
    assert_true(isinf(result.trade_figures.profit_factor) && result.trade_figures.win_rate == 1);
    result.trades = even;
    mw_backtest_result_judge(&result);
    assert_true(isnan(result.trade_figures.profit_factor) && result.trade_figures.win_rate == 0);
    result.trades = lost;
    mw_backtest_result_judge(&result);
    assert_true(result.trade_figures.profit_factor == 0 && result.trade_figures.lost == 1);
}

static void a_million_trades_add_up_to_the_cent(void **state)
{
    (void)state;
    struct mw_trade *trades = mw_alloc_zero(MILLION * sizeof(*trades));
    for (int i = 0; i < MILLION; i++)
        trades[i].profit = i == 0 ? 1e16 : i == MILLION - 1 ? -1e16 : 0.25;
    struct mw_backtest_result result = {.trades = trades, .trade_count = MILLION};
    mw_backtest_result_judge(&result);
    /* Plain addition loses each 0.25: doubles at 1e16 are 2 apart. */
    assert_true(result.trade_figures.profit == (MILLION - 2) * 0.25);
    mw_free(trades);
}

/* Ten hours: held from 1 to 4, in two parts and two symbols, from 6 to 7, and since 9. */
static void exposure_is_the_union_of_what_was_held(void **state)
{
    (void)state;
    struct mw_trade trades[] = {trade(1, 6 * HOUR, 7 * HOUR), trade(1, HOUR, 3 * HOUR),
                                trade(1, HOUR, 2 * HOUR), trade(1, 2 * HOUR, 4 * HOUR),
                                trade(1, 5 * HOUR, 5 * HOUR)};
    struct mw_position positions[] = {{.amount = 0}, {.amount = -2, .entry_ms = 9 * HOUR}};
    struct mw_backtest_result result = {.trades = trades,
                                        .trade_count = 5,
                                        .positions = positions,
                                        .symbol_count = 2,
                                        .to_ms = 10 * HOUR};
    mw_backtest_result_judge(&result);
    assert_near(result.exposed, 0.5);
    positions[0] = (struct mw_position){.amount = 1, .entry_ms = 0};
    mw_backtest_result_judge(&result);
    assert_near(result.exposed, 1);
}

static void a_result_frees_what_it_owns(void **state)
{
    (void)state;
    mw_backtest_result_free(NULL);
    struct mw_backtest_result *result = mw_alloc_zero(sizeof(*result));
    mw_backtest_result_free(result);
    assert_int_equal(unrefs, 0);
    result = mw_alloc_zero(sizeof(*result));
    result->name = mw_strdup("name");
    result->file = mw_strdup("file");
    result->params = mw_strdup("");
    result->series = mw_alloc_zero(sizeof(*result->series));
    result->points = mw_alloc_zero(sizeof(*result->points));
    result->symbols = mw_alloc_zero(sizeof(*result->symbols));
    result->positions = mw_alloc_zero(sizeof(*result->positions));
    result->trades = mw_alloc_zero(sizeof(*result->trades));
    result->fills = mw_alloc_zero(sizeof(*result->fills));
    result->signals = mw_alloc_zero(2 * sizeof(*result->signals));
    result->signal_count = 2;
    result->signals[1].text = mw_strdup("buy");
    result->signals[1].json = mw_strdup("{}");
    result->data = (struct mw_dataset *)(void *)result;
    mw_backtest_result_free(result); /* the address sanitizer sees what is left */
    assert_int_equal(unrefs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_curve_comes_to_what_is_worked_out_by_hand),
        cmocka_unit_test(holding_is_judged_by_its_own_values),
        cmocka_unit_test(a_year_has_as_many_returns_as_the_curve),
        cmocka_unit_test(a_day_counts_by_its_last_point_and_ends_at_midnight),
        cmocka_unit_test(nothing_can_be_told_of_nothing),
        cmocka_unit_test(one_day_has_a_return_and_no_deviation),
        cmocka_unit_test(what_never_moves_has_no_drawdown_and_no_ratio),
        cmocka_unit_test(equity_of_0_and_below_is_told_as_far_as_it_goes),
        cmocka_unit_test(a_rate_that_no_number_holds_is_none),
        cmocka_unit_test(drawdowns_last_until_the_peak_is_reached_again_or_the_end),
        cmocka_unit_test(random_curves_come_to_what_plain_formulas_say),
        cmocka_unit_test(trades_come_to_what_is_worked_out_by_hand),
        cmocka_unit_test(without_trades_or_losses_there_is_no_factor_or_an_infinite_one),
        cmocka_unit_test(a_million_trades_add_up_to_the_cent),
        cmocka_unit_test(exposure_is_the_union_of_what_was_held),
        cmocka_unit_test(a_result_frees_what_it_owns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
