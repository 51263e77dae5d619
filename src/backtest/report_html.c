/* report_html.c - the data of the page, cut down to what a browser draws with ease.
 *
 * The page and the chart library are built into the program (base/embedded.h). Candles and points
 * are merged until there are few enough of them; a drawdown keeps its depth when it is.
 */
#include <math.h>
#include <string.h>

#include "backtest/report.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/embedded.h"
#include "base/json_text.h"

enum {
    CANDLES_MAX = 10000,      /* of a series; a chart is a few thousand pixels wide */
    CANDLES_ALL_MAX = 300000, /* of all; 15 MB */
    CANDLES_MIN = 500,        /* of a series, however many there are */
    POINTS_MAX = 5000,
    FILLS_MAX = 5000,
    TRADES_MAX = 1000,
};

static void add_number(struct mw_str *out, const char *before, double value)
{
    mw_str_adds(out, before);
    mw_json_add_number(out, value);
}

static const char *comma(uint32_t index)
{
    return index > 0 ? "," : "";
}

/* How many rows in a row become one, so that there are at most `most`. */
static uint32_t merge_of(uint32_t count, uint32_t most)
{
    return (count + most - 1) / most;
}

static long long seconds(int64_t time_ms)
{
    return time_ms / MW_MS_PER_SECOND;
}

/* --- candles --------------------------------------------------------------------------------- */

/* Rows of a series that were in the test. */
struct rows {
    const struct mw_candle *first;
    uint32_t count, merge;
};

/* How many candles a series has at most where there are `count` of them. */
static uint32_t candles_of(uint32_t count)
{
    uint32_t share = CANDLES_ALL_MAX / (count > 0 ? count : 1);
    return share > CANDLES_MAX ? CANDLES_MAX : share < CANDLES_MIN ? CANDLES_MIN : share;
}

static struct rows rows_of(const struct mw_dataset_series *series,
                           const struct mw_backtest_result *result)
{
    const int64_t from_ms = result->from_ms, to_ms = result->to_ms;
    uint32_t first = 0, end = series->count;
    while (first < end && series->rows[first].open_ms < from_ms)
        first++;
    while (end > first && series->rows[end - 1].open_ms >= to_ms)
        end--;
    uint32_t count = end - first, merge = merge_of(count, candles_of(result->symbol_count));
    return (struct rows){series->rows + first, count, merge > 0 ? merge : 1};
}

/* One value of each candle, merged: the first open, the highest high, the lowest low, the last
 * close. */
static void add_column(struct mw_str *out, const struct rows *rows, char which)
{
    for (uint32_t i = 0; i < rows->count; i += rows->merge) {
        const struct mw_candle *first = &rows->first[i];
        uint32_t count = rows->count - i < rows->merge ? rows->count - i : rows->merge;
        double value = which == 'o'   ? first->open
                       : which == 'h' ? first->high
                       : which == 'l' ? first->low
                                      : first[count - 1].close;
        for (uint32_t k = 1; k < count; k++) {
            if (which == 'h' && first[k].high > value)
                value = first[k].high;
            if (which == 'l' && first[k].low < value)
                value = first[k].low;
        }
        add_number(out, comma(i), value);
    }
}

static void add_candles(struct mw_str *out, const struct mw_dataset_series *series, uint32_t symbol,
                        const struct rows *rows)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    mw_str_adds(out, "{\"name\":");
    mw_json_add_text(out, series->key.symbol);
    mw_str_addf(out, ",\"frequency\":\"%s\",\"symbol\":%u,\"merged\":%u,\"time\":[",
                mw_timeframe_format(series->key.timeframe, timeframe), symbol, rows->merge);
    for (uint32_t i = 0; i < rows->count; i += rows->merge)
        mw_str_addf(out, "%s%lld", comma(i), seconds(rows->first[i].open_ms));
    mw_str_adds(out, "],\"open\":[");
    add_column(out, rows, 'o');
    mw_str_adds(out, "],\"high\":[");
    add_column(out, rows, 'h');
    mw_str_adds(out, "],\"low\":[");
    add_column(out, rows, 'l');
    mw_str_adds(out, "],\"close\":[");
    add_column(out, rows, 'c');
    mw_str_adds(out, "]}");
}

/* The finest series that the data has of a symbol of the account. */
static const struct mw_dataset_series *find_series(const struct mw_backtest_result *result,
                                                   uint32_t symbol)
{
    const struct mw_dataset_series *found = NULL;
    for (uint32_t i = 0; i < mw_dataset_count(result->data); i++) {
        const struct mw_dataset_series *series = mw_dataset_series(result->data, i);
        if (strcmp(series->key.symbol, result->symbols[symbol]) == 0 &&
            (found == NULL ||
             mw_timeframe_ms(series->key.timeframe) < mw_timeframe_ms(found->key.timeframe)))
            found = series;
    }
    return found;
}

static void add_series(struct mw_str *out, const struct mw_backtest_result *result)
{
    uint32_t added = 0;
    mw_str_adds(out, ",\"series\":[");
    for (uint32_t i = 0; i < result->symbol_count; i++) {
        const struct mw_dataset_series *series = find_series(result, i);
        if (series == NULL)
            continue;
        struct rows rows = rows_of(series, result);
        if (rows.count == 0)
            continue;
        mw_str_adds(out, comma(added++));
        add_candles(out, series, i, &rows);
    }
    mw_str_adds(out, "]");
}

/* --- fills and trades ------------------------------------------------------------------------ */

static void add_fills(struct mw_str *out, const struct mw_backtest_result *result)
{
    mw_str_addf(out, ",\"fill_count\":%u,\"fills\":[", result->fill_count);
    for (uint32_t i = 0; i < result->fill_count && i < FILLS_MAX; i++) {
        const struct mw_fill *fill = &result->fills[i];
        /* What was filled within a bar is of the bar before the moment at which that closed. */
        mw_str_addf(out, "%s[%u,%lld,%d", comma(i), fill->instrument,
                    seconds(fill->time_ms - (fill->within ? MW_MS_PER_SECOND : 0)),
                    fill->side == MW_SIDE_SELL);
        add_number(out, ",", fill->amount);
        add_number(out, ",", fill->price);
        mw_str_adds(out, "]");
    }
    mw_str_adds(out, "]");
}

static void add_trades(struct mw_str *out, const struct mw_backtest_result *result)
{
    mw_str_addf(out, ",\"trade_count\":%u,\"trades\":[", result->trade_count);
    for (uint32_t i = 0; i < result->trade_count && i < TRADES_MAX; i++) {
        const struct mw_trade *trade = &result->trades[i];
        mw_str_addf(out, "%s{\"symbol\":", comma(i));
        mw_json_add_text(out, result->symbols[trade->instrument]);
        mw_str_addf(out, ",\"side\":\"%s\",\"entry_time\":%lld,\"exit_time\":%lld",
                    trade->side == MW_SIDE_BUY ? "long" : "short", (long long)trade->entry_ms,
                    (long long)trade->exit_ms);
        add_number(out, ",\"amount\":", trade->amount);
        add_number(out, ",\"entry\":", trade->entry);
        add_number(out, ",\"exit\":", trade->exit);
        add_number(out, ",\"fees\":", trade->fees);
        add_number(out, ",\"profit\":", trade->profit);
        mw_str_adds(out, ",\"tag\":");
        mw_json_add_text(out, trade->tag);
        mw_str_adds(out, "}");
    }
    mw_str_adds(out, "]");
}

/* --- equity ---------------------------------------------------------------------------------- */

typedef double (*value_fn)(const struct mw_equity_point *point);

static double equity_of(const struct mw_equity_point *point)
{
    return point->equity;
}

static double hold_of(const struct mw_equity_point *point)
{
    return point->hold;
}

/* The last value of each stretch of points. */
static void add_values(struct mw_str *out, const struct mw_backtest_result *result, uint32_t merge,
                       value_fn value)
{
    for (uint32_t i = 0; i < result->point_count; i += merge) {
        uint32_t left = result->point_count - i;
        add_number(out, comma(i), value(&result->points[i + (left < merge ? left : merge) - 1]));
    }
}

/* The greatest fall from a peak in each stretch of points. */
static void add_drawdown(struct mw_str *out, const struct mw_backtest_result *result,
                         uint32_t merge)
{
    double peak = result->account.cash, fall = 0;
    for (uint32_t i = 0; i < result->point_count; i++) {
        double equity = result->points[i].equity;
        peak = equity > peak ? equity : peak;
        double now = peak > 0 ? (peak - equity) / peak : 0;
        fall = now > fall ? now : fall;
        if ((i + 1) % merge != 0 && i + 1 < result->point_count)
            continue;
        add_number(out, comma(i / merge), fall);
        fall = 0;
    }
}

static void add_curve(struct mw_str *out, const struct mw_backtest_result *result)
{
    uint32_t merge = merge_of(result->point_count, POINTS_MAX);
    merge = merge > 0 ? merge : 1;
    mw_str_adds(out, ",\"curve\":{\"time\":[");
    for (uint32_t i = 0; i < result->point_count; i += merge) {
        uint32_t left = result->point_count - i;
        uint32_t last = i + (left < merge ? left : merge) - 1;
        mw_str_addf(out, "%s%lld", comma(i), seconds(result->points[last].time_ms));
    }
    mw_str_adds(out, "],\"equity\":[");
    add_values(out, result, merge, equity_of);
    mw_str_adds(out, "],\"hold\":[");
    add_values(out, result, merge, hold_of);
    mw_str_adds(out, "],\"drawdown\":[");
    add_drawdown(out, result, merge);
    mw_str_adds(out, "]}");
}

/* --- the page -------------------------------------------------------------------------------- */

/* What stands in a script ends at "</": no '<' is left as it is. They occur in texts only. */
static void add_in_script(struct mw_str *out, const struct mw_str *json)
{
    for (size_t at = 0; at < json->length;) {
        const char *from = json->data + at;
        const char *angle = memchr(from, '<', json->length - at);
        size_t length = angle != NULL ? (size_t)(angle - from) : json->length - at;
        mw_str_add(out, from, length);
        if (angle != NULL)
            mw_str_adds(out, "\\u003c");
        at += length + (angle != NULL);
    }
}

/* The page's text up to where something has to be filled in; it goes on after that. */
static const char *add_until(struct mw_str *out, const char *page, const char *mark)
{
    const char *end = strstr(page, mark);
    MW_CHECK(end != NULL);
    mw_str_add(out, page, (size_t)(end - page));
    return end + strlen(mark);
}

static void add_data(struct mw_str *json, const struct mw_backtest_result *result)
{
    mw_str_adds(json, "{\"result\":");
    mw_report_json(result, false, json);
    mw_str_adds(json, ",\"params\":");
    mw_json_add_text(json, result->params);
    add_series(json, result);
    add_fills(json, result);
    add_trades(json, result);
    add_curve(json, result);
    mw_str_adds(json, "}");
}

mw_status mw_report_html(const struct mw_backtest_result *result, struct mw_str *out,
                         struct mw_error *err)
{
    size_t page_length, charts_length;
    const char *page = mw_embedded_find("backtest/page.html", &page_length);
    const char *charts = mw_embedded_find("backtest/charts.js", &charts_length);
    if (page == NULL || charts == NULL)
        return mw_fail(err, MW_ENOTSUP,
                       "this program was built without the chart library: install npm and build "
                       "again with ./bootstrap.sh build");
    struct mw_str json = MW_STR_INIT(MW_REPORT_BYTES_MAX);
    add_data(&json, result);
    page = add_until(out, page, "{{charts}}");
    mw_str_add(out, charts, charts_length);
    page = add_until(out, page, "{{data}}");
    add_in_script(out, &json);
    mw_str_adds(out, page);
    bool cut = json.cut || out->cut;
    mw_str_deinit(&json);
    if (cut)
        return mw_fail(err, MW_ELIMIT, "the page would be longer than %zu bytes", out->length_max);
    return MW_OK;
}
