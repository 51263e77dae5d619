/* report_grid.c - the runs of a grid, sorted: a table, lines of JSON, CSV. */
#include "backtest/report_grid.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backtest/report_parts.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/json_text.h"

enum {
    PARAMETER_COLUMNS_MAX = 24, /* of one parameter */
    FAILURES_MAX = 5,           /* that are told one by one */
    MESSAGE_BYTES = 400,        /* of each: its first line */
};

/* --- order ------------------------------------------------------------------------------------ */

struct place {
    double value;   /* more is better; NaN: not known */
    uint32_t index; /* of the run */
    bool failed;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->failed != b->failed)
        return a->failed - b->failed;
    if (isnan(a->value) != isnan(b->value))
        return isnan(a->value) - isnan(b->value);
    if (a->value != b->value && !isnan(a->value))
        return a->value > b->value ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

void mw_report_grid_order(const struct mw_report_grid *grid, uint32_t *order)
{
    struct place *places = mw_realloc_array(NULL, (size_t)grid->count + 1, sizeof(*places));
    bool less = mw_report_figure_less_is_better(grid->figure);
    for (uint32_t i = 0; i < grid->count; i++) {
        const struct mw_backtest_result *result = grid->runs[i].result;
        double value = result != NULL ? mw_report_figure(result, grid->figure) : (double)NAN;
        places[i] = (struct place){less ? -value : value, i, result == NULL};
    }
    qsort(places, grid->count, sizeof(*places), compare_places);
    for (uint32_t i = 0; i < grid->count; i++)
        order[i] = places[i].index;
    mw_free(places);
}

/* The order, owned, and how many of it are shown. */
static uint32_t *make_order(const struct mw_report_grid *grid, uint32_t *shown)
{
    uint32_t *order = mw_realloc_array(NULL, (size_t)grid->count + 1, sizeof(*order));
    mw_report_grid_order(grid, order);
    *shown = grid->top > 0 && grid->top < grid->count ? grid->top : grid->count;
    return order;
}

/* --- text ------------------------------------------------------------------------------------- */

static size_t columns_of(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xC0) != 0x80;
    return columns;
}

static int width_of(const struct mw_grid_axis *axis)
{
    size_t width = strlen(axis->name);
    for (uint32_t i = 0; i < axis->count; i++) {
        size_t columns = columns_of(axis->values[i]);
        width = columns > width ? columns : width;
    }
    return width < PARAMETER_COLUMNS_MAX ? (int)width : PARAMETER_COLUMNS_MAX;
}

/* Adds `text` at the right of `width` columns, cut, and two blanks. */
static void add_cell(struct mw_str *line, const char *text, int width)
{
    int columns = (int)columns_of(text);
    if (columns <= width) {
        mw_str_addf(line, "%*s%s  ", width - columns, "", text);
        return;
    }
    const char *end = text;
    for (int left = width - 2; *end != '\0'; end++)
        if (((unsigned char)*end & 0xC0) != 0x80 && left-- == 0)
            break;
    mw_str_addf(line, "%.*s..  ", (int)(end - text), text);
}

static void add_run(const struct mw_grid_run *run, const struct mw_report_grid *grid,
                    const int *widths, struct mw_str *line)
{
    char text[MW_REPORT_TEXT_BYTES];
    for (uint32_t i = 0; i < grid->axis_count; i++)
        if (grid->axes[i].count > 1)
            add_cell(line, run->values[i], widths[i]);
    if (run->result == NULL) {
        mw_str_adds(line, "failed");
        return;
    }
    const struct mw_backtest_result *result = run->result;
    mw_str_addf(line, "%12s ", mw_report_percent(result->curve.total, true, text));
    mw_str_addf(line, "%10s ", mw_report_percent(result->curve.drawdown, false, text));
    mw_str_addf(line, "%8s ", mw_report_amount(result->curve.sharpe, 2, false, text));
    mw_str_addf(line, "%8s ",
                mw_report_amount((double)result->trade_figures.count, 0, false, text));
    mw_str_addf(line, "%7s", mw_report_amount(result->trade_figures.profit_factor, 2, false, text));
}

static bool have_same_data(const struct mw_backtest_result *a, const struct mw_backtest_result *b)
{
    if (a->series_count != b->series_count || a->from_ms != b->from_ms || a->to_ms != b->to_ms)
        return false;
    for (uint32_t i = 0; i < a->series_count; i++)
        if (strcmp(a->series[i].key.feed, b->series[i].key.feed) != 0 ||
            strcmp(a->series[i].key.symbol, b->series[i].key.symbol) != 0 ||
            !mw_timeframe_equal(a->series[i].key.timeframe, b->series[i].key.timeframe))
            return false;
    return true;
}

/* Buy and hold of all runs, and whether these were told of the same data: a parameter may be a
 * symbol. */
static bool add_hold(const struct mw_report_grid *grid, struct mw_str *out, struct mw_str *line,
                     int width)
{
    const struct mw_backtest_result *first = NULL;
    double least = (double)NAN, most = (double)NAN;
    char text[MW_REPORT_TEXT_BYTES];
    bool same = true, fits = true;
    for (uint32_t i = 0; i < grid->count; i++) {
        const struct mw_backtest_result *result = grid->runs[i].result;
        if (result == NULL)
            continue;
        first = first != NULL ? first : result;
        same = same && have_same_data(first, result);
        least = fmin(least, result->hold.total);
        most = fmax(most, result->hold.total);
    }
    if (!same) {
        mw_str_addf(line, "%-*sof the first run; others have others", MW_REPORT_LABEL_COLUMNS, "");
        fits = mw_report_add_line(out, line, width);
    }
    mw_str_addf(line, "%-*s%s", MW_REPORT_LABEL_COLUMNS, "Buy & hold",
                mw_report_percent(least, true, text));
    if (most > least)
        mw_str_addf(line, " to %s", mw_report_percent(most, true, text));
    return mw_report_add_line(out, line, width) && fits;
}

/* What all runs have in common: of the first that did not fail. */
static bool add_head(const struct mw_report_grid *grid, struct mw_str *out, struct mw_str *line,
                     int width)
{
    bool fits = true;
    const struct mw_backtest_result *result = NULL;
    for (uint32_t i = 0; i < grid->count && result == NULL; i++)
        result = grid->runs[i].result;
    mw_str_addf(line, "Back-tests of %s: %" PRIu32 " run%s", result != NULL ? result->name : "it",
                grid->count, mw_plural(grid->count));
    fits = mw_report_add_line(out, line, width);
    for (uint32_t i = 0, shown = 0; i < grid->axis_count; i++) {
        if (grid->axes[i].count > 1)
            continue;
        mw_str_addf(line, "%-*s%s=%.*s", MW_REPORT_LABEL_COLUMNS, shown++ == 0 ? "Fixed" : "",
                    grid->axes[i].name, width * 4, grid->axes[i].values[0]);
        fits = mw_report_add_line(out, line, width) && fits;
    }
    if (result == NULL)
        return fits;
    fits = mw_report_add_setting(out, result, line, width) && fits;
    return add_hold(grid, out, line, width) && fits;
}

static bool add_failures(const struct mw_report_grid *grid, struct mw_str *out, struct mw_str *line,
                         int width)
{
    uint32_t failures = 0;
    bool fits = true;
    for (uint32_t i = 0; i < grid->count; i++) {
        const struct mw_grid_run *run = &grid->runs[i];
        if (run->result != NULL || failures++ >= FAILURES_MAX)
            continue;
        if (failures == 1)
            fits = mw_report_add_line(out, line, width) && fits;
        mw_str_adds(line, "failed: ");
        for (uint32_t j = 0; j < grid->axis_count; j++)
            if (grid->axes[j].count > 1)
                mw_str_addf(line, "%s=%.40s ", grid->axes[j].name, run->values[j]);
        const char *message = run->error != NULL ? run->error->message : "";
        int length = (int)strcspn(message, "\n");
        mw_str_addf(line, "%.*s", length < MESSAGE_BYTES ? length : MESSAGE_BYTES, message);
        fits = mw_report_add_line(out, line, MW_REPORT_LINE_BYTES) && fits;
    }
    if (failures > FAILURES_MAX) {
        mw_str_addf(line, "failed: %" PRIu32 " more", failures - FAILURES_MAX);
        fits = mw_report_add_line(out, line, width) && fits;
    }
    return fits;
}

bool mw_report_grid_text(const struct mw_report_grid *grid, const struct mw_report_style *style,
                         struct mw_str *out)
{
    int widths[MW_GRID_AXES_MAX], width = mw_report_width(style);
    uint32_t shown, *order = make_order(grid, &shown);
    struct mw_str line = MW_STR_INIT(MW_REPORT_LINE_BYTES);
    MW_CHECK(grid->axis_count <= MW_GRID_AXES_MAX);
    bool fits = add_head(grid, out, &line, width);
    fits = mw_report_add_line(out, &line, width) && fits;
    for (uint32_t i = 0; i < grid->axis_count; i++) {
        widths[i] = width_of(&grid->axes[i]);
        if (grid->axes[i].count > 1)
            add_cell(&line, grid->axes[i].name, widths[i]);
    }
    mw_str_addf(&line, "%12s%11s%9s%9s%8s", "return", "drawdown", "Sharpe", "trades", "factor");
    fits = mw_report_add_line(out, &line, MW_REPORT_LINE_BYTES) && fits;
    for (uint32_t i = 0; i < shown && fits; i++) {
        add_run(&grid->runs[order[i]], grid, widths, &line);
        fits = mw_report_add_line(out, &line, MW_REPORT_LINE_BYTES);
    }
    if (shown < grid->count) {
        mw_str_addf(&line, "and %" PRIu32 " more, by %s: --top 0 shows all", grid->count - shown,
                    mw_report_figure_name(grid->figure));
        fits = mw_report_add_line(out, &line, width) && fits;
    }
    fits = add_failures(grid, out, &line, width) && fits;
    mw_str_deinit(&line);
    mw_free(order);
    return fits;
}

/* --- JSON and CSV ----------------------------------------------------------------------------- */

bool mw_report_grid_json(const struct mw_report_grid *grid, struct mw_str *out)
{
    uint32_t shown, *order = make_order(grid, &shown);
    bool fits = true;
    for (uint32_t i = 0; i < shown && fits; i++) {
        const struct mw_grid_run *run = &grid->runs[order[i]];
        fits = mw_str_adds(out, "{\"params\":{");
        for (uint32_t j = 0; j < grid->axis_count && fits; j++)
            fits = mw_str_adds(out, j > 0 ? "," : "") &&
                   mw_json_add_text(out, grid->axes[j].name) && mw_str_adds(out, ":") &&
                   mw_json_add_text(out, run->values[j]);
        fits = fits && mw_str_adds(out, "}");
        for (uint32_t figure = 0; fits && run->result != NULL; figure++) {
            const char *name = mw_report_figure_name(figure);
            if (name == NULL)
                break;
            fits = mw_str_addf(out, ",\"%s\":", name) &&
                   mw_json_add_number(out, mw_report_figure(run->result, figure));
        }
        if (run->result == NULL)
            fits = fits && mw_str_adds(out, ",\"error\":") &&
                   mw_json_add_text(out, run->error != NULL ? run->error->message : "");
        fits = fits && mw_str_adds(out, "}\n");
    }
    mw_free(order);
    return fits;
}

bool mw_report_grid_csv(const struct mw_report_grid *grid, struct mw_str *out)
{
    uint32_t shown, *order = make_order(grid, &shown);
    char text[MW_DECIMAL_TEXT_BYTES];
    bool fits = true;
    for (uint32_t i = 0; i < grid->axis_count && fits; i++)
        fits = mw_report_add_cell(out, grid->axes[i].name, ",");
    for (uint32_t figure = 0; mw_report_figure_name(figure) != NULL && fits; figure++)
        fits = mw_str_addf(out, "%s,", mw_report_figure_name(figure));
    fits = fits && mw_str_adds(out, "error\n");
    for (uint32_t i = 0; i < shown && fits; i++) {
        const struct mw_grid_run *run = &grid->runs[order[i]];
        for (uint32_t j = 0; j < grid->axis_count && fits; j++)
            fits = mw_report_add_cell(out, run->values[j], ",");
        for (uint32_t figure = 0; mw_report_figure_name(figure) != NULL && fits; figure++)
            fits =
                run->result == NULL
                    ? mw_str_adds(out, ",")
                    : mw_str_addf(out, "%s,",
                                  mw_decimal_format(mw_report_figure(run->result, figure), text));
        fits = fits && mw_report_add_cell(out, run->error != NULL ? run->error->message : "", "\n");
    }
    mw_free(order);
    return fits;
}
