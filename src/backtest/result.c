/* result.c - the figures of curves and trades, and the end of a result. */
#include "backtest/result.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "market/maths.h"

#define DAYS_PER_YEAR 365.25

/* Daily returns that differ by less than this differ by rounding: a return is a quotient near 1,
 * which is good to 1.1e-16. */
#define NO_DEVIATION 1e-14

void mw_backtest_result_strip(struct mw_backtest_result *result)
{
    for (uint32_t i = 0; i < result->signal_count; i++) {
        mw_free(result->signals[i].text);
        mw_free(result->signals[i].json);
    }
    mw_free(result->signals);
    mw_free(result->fills);
    mw_free(result->trades);
    mw_free(result->points);
    result->signals = NULL;
    result->fills = NULL;
    result->trades = NULL;
    result->points = NULL;
    result->signal_count = result->fill_count = result->trade_count = result->point_count = 0;
    mw_dataset_unref(result->data);
    result->data = NULL;
}

void mw_backtest_result_free(struct mw_backtest_result *result)
{
    if (result == NULL)
        return;
    mw_backtest_result_strip(result);
    mw_free(result->positions);
    mw_free(result->symbols);
    mw_free(result->series);
    mw_free(result->params);
    mw_free(result->file);
    mw_free(result->name);
    mw_free(result);
}

/* --- curves ----------------------------------------------------------------------------------- */

static double value_at(const struct mw_curve *curve, uint32_t i)
{
    return curve->hold ? curve->points[i].hold : curve->points[i].equity;
}

/* The UTC day that a moment ends a part of: bars that close at midnight are of the day before. */
static int64_t day_of(int64_t time_ms)
{
    int64_t last_ms = time_ms - 1;
    int64_t day = last_ms / MW_MS_PER_DAY;
    return last_ms % MW_MS_PER_DAY < 0 ? day - 1 : day;
}

/* Writes the simple return of each UTC day that has a point, from the last value before it (of the
 * first day: from the cash) to its own last value. Returns how many; 0 when a return cannot be told
 * because nothing was left at the end of a day before. `returns` holds `count` of the curve. */
static uint32_t find_daily_returns(const struct mw_curve *curve, double *returns)
{
    uint32_t count = 0;
    double before = curve->cash;
    for (uint32_t i = 0; i < curve->count; i++) {
        bool is_last = i + 1 == curve->count ||
                       day_of(curve->points[i + 1].time_ms) != day_of(curve->points[i].time_ms);
        if (!is_last)
            continue;
        if (!(before > 0))
            return 0;
        returns[count++] = value_at(curve, i) / before - 1;
        before = value_at(curve, i);
    }
    return count;
}

/* Volatility, Sharpe ratio and Sortino ratio of daily simple returns, against a risk-free rate of
 * 0, made annual by the square root of the days with a return that the curve has in a year: some
 * 252 on an exchange with a night, 365 on one without.
 *
 * Sharpe: mean / sample standard deviation, which divides by n - 1 (W. F. Sharpe, "The Sharpe
 * ratio", 1994). Sortino: mean / downside deviation, the root of the mean over all days of
 * min(return, 0)^2 (F. A. Sortino, L. N. Price, "Performance measurement in a downside risk
 * framework", 1994). */
static void judge_days(double *returns, uint32_t count, double years,
                       struct mw_curve_figures *figures)
{
    if (count < 2 || !(years > 0))
        return;
    double year = sqrt(count / years);
    double mean = mw_maths_mean(returns, count);
    double deviation = mw_maths_std(returns, count) * sqrt(count / ((double)count - 1));
    if (deviation < NO_DEVIATION)
        deviation = 0;
    for (uint32_t i = 0; i < count; i++)
        returns[i] = returns[i] < 0 ? returns[i] * returns[i] : 0;
    double downside = sqrt(mw_maths_mean(returns, count));
    figures->volatility = deviation * year;
    if (deviation > 0)
        figures->sharpe = mean / deviation * year;
    if (downside > 0)
        figures->sortino = mean / downside * year;
    else if (mean > 0)
        figures->sortino = (double)INFINITY;
}

/* The greatest fall from a peak as a fraction of it, which is more than 1 where equity falls below
 * 0, and the longest time spent below one: from when the peak was last seen. */
static void judge_falls(const struct mw_curve *curve, struct mw_curve_figures *figures)
{
    double peak = curve->cash;
    int64_t peak_ms = curve->from_ms;
    bool below = false;
    for (uint32_t i = 0; i < curve->count; i++) {
        double value = value_at(curve, i);
        int64_t time_ms = curve->points[i].time_ms;
        bool is_peak = value >= peak;
        if ((below || !is_peak) && time_ms - peak_ms > figures->drawdown_ms)
            figures->drawdown_ms = time_ms - peak_ms;
        below = !is_peak;
        if (is_peak) {
            peak = value;
            peak_ms = time_ms;
        } else if (peak > 0 && (peak - value) / peak > figures->drawdown) {
            figures->drawdown = (peak - value) / peak;
        }
    }
}

void mw_curve_judge(const struct mw_curve *curve, struct mw_curve_figures *figures)
{
    const double nan = (double)NAN;
    *figures = (struct mw_curve_figures){
        .total = nan, .cagr = nan, .volatility = nan, .sharpe = nan, .sortino = nan};
    double growth = curve->count > 0 ? value_at(curve, curve->count - 1) / curve->cash : nan;
    if (!(curve->cash > 0) || isnan(growth)) {
        figures->drawdown = nan;
        return;
    }
    double years = (double)(curve->points[curve->count - 1].time_ms - curve->from_ms) /
                   (DAYS_PER_YEAR * MW_MS_PER_DAY);
    figures->total = growth - 1;
    /* What is owed has no rate, and that of an hour overflows. */
    if (growth >= 0 && years > 0 && isfinite(pow(growth, 1 / years)))
        figures->cagr = pow(growth, 1 / years) - 1;
    judge_falls(curve, figures);
    double *returns = mw_realloc_array(NULL, curve->count, sizeof(*returns));
    judge_days(returns, find_daily_returns(curve, returns), years, figures);
    mw_free(returns);
}

/* --- trades ----------------------------------------------------------------------------------- */

/* Profit factor: the sum of what won / the sum of what lost. A trade that came to exactly 0 is
 * neither won nor lost, but counts in the rate. */
static void judge_trades(const struct mw_backtest_result *result, struct mw_trade_figures *figures)
{
    const uint32_t count = result->trade_count;
    const double nan = (double)NAN;
    *figures = (struct mw_trade_figures){.count = count,
                                         .win_rate = nan,
                                         .profit_factor = nan,
                                         .average = nan,
                                         .best = nan,
                                         .worst = nan,
                                         .fees = result->totals.fees};
    if (count == 0)
        return;
    double *profits = mw_realloc_array(NULL, count, sizeof(*profits));
    double *parts = mw_realloc_array(NULL, count, sizeof(*parts));
    double held_ms = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct mw_trade *trade = &result->trades[i];
        profits[i] = trade->profit;
        figures->won += trade->profit > 0;
        figures->lost += trade->profit < 0;
        held_ms += (double)(trade->exit_ms - trade->entry_ms); /* exact up to 2^53 ms in all */
    }
    for (uint32_t i = 0; i < count; i++)
        parts[i] = profits[i] > 0 ? profits[i] : 0;
    double gains = mw_maths_sum(parts, count);
    for (uint32_t i = 0; i < count; i++)
        parts[i] = profits[i] < 0 ? -profits[i] : 0;
    double losses = mw_maths_sum(parts, count);
    figures->win_rate = (double)figures->won / count;
    if (losses > 0)
        figures->profit_factor = gains / losses;
    else if (gains > 0)
        figures->profit_factor = (double)INFINITY;
    figures->profit = mw_maths_sum(profits, count);
    figures->average = figures->profit / count;
    figures->best = mw_maths_max(profits, count);
    figures->worst = mw_maths_min(profits, count);
    figures->average_ms = (int64_t)(held_ms / count);
    mw_free(parts);
    mw_free(profits);
}

/* A time with a position. */
struct span {
    int64_t from_ms, to_ms;
};

static int compare_spans(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    return (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
}

/* The share of the test's time with a position in any instrument: of the union of what trades and
 * open positions were held. */
static double find_exposed(const struct mw_backtest_result *result)
{
    if (result->to_ms <= result->from_ms)
        return (double)NAN;
    uint32_t count = 0;
    struct span *spans =
        mw_realloc_array(NULL, (size_t)result->trade_count + result->symbol_count, sizeof(*spans));
    for (uint32_t i = 0; i < result->trade_count; i++)
        spans[count++] = (struct span){result->trades[i].entry_ms, result->trades[i].exit_ms};
    for (uint32_t i = 0; i < result->symbol_count; i++)
        if (result->positions[i].amount != 0)
            spans[count++] = (struct span){result->positions[i].entry_ms, result->to_ms};
    if (count > 0)
        qsort(spans, count, sizeof(*spans), compare_spans);
    int64_t until_ms = result->from_ms, held_ms = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t from_ms = spans[i].from_ms > until_ms ? spans[i].from_ms : until_ms;
        if (spans[i].to_ms <= from_ms)
            continue;
        held_ms += spans[i].to_ms - from_ms;
        until_ms = spans[i].to_ms;
    }
    mw_free(spans);
    return (double)held_ms / (double)(result->to_ms - result->from_ms);
}

void mw_backtest_result_judge(struct mw_backtest_result *result)
{
    struct mw_curve curve = {.from_ms = result->from_ms,
                             .cash = result->account.cash,
                             .points = result->points,
                             .count = result->point_count};
    mw_curve_judge(&curve, &result->curve);
    curve.hold = true;
    mw_curve_judge(&curve, &result->hold);
    judge_trades(result, &result->trade_figures);
    result->exposed = find_exposed(result);
}
