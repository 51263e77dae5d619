/* indicator_formula.c - comparing indicators with formulas and with published values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_formula.h"

enum { ROUNDS = 40, COUNT_MAX = 70, LINE_BYTES = 512 };

double formula_extreme(const double *values, uint32_t n, int sign)
{
    double most = -(double)INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            return values[i];
        most = fmax(most, sign * values[i]);
    }
    return sign * most;
}

double formula_smooth(const double *values, uint32_t count, uint32_t n, double share)
{
    uint32_t begin = 0;
    while (begin < count && isnan(values[begin]))
        begin++;
    if (count < begin + n)
        return (double)NAN;
    long double average = 0;
    for (uint32_t i = begin; i < begin + n; i++)
        average += (long double)values[i] / n;
    for (uint32_t i = begin + n; i < count; i++)
        average = average * (1 - (long double)share) + (long double)values[i] * (long double)share;
    return (double)average;
}

double formula_range(const struct indicator_rows *rows, uint32_t begin, uint32_t row)
{
    double high = rows->in[0][row], low = rows->in[1][row];
    if (row <= begin || isnan(high) || isnan(low) || isnan(rows->in[2][row - 1]))
        return (double)NAN;
    double before = rows->in[2][row - 1];
    return fmax(high - low, fmax(fabs(high - before), fabs(low - before)));
}

static uint32_t begin_of(const struct indicator_rows *rows)
{
    for (uint32_t row = 0; row < rows->count; row++) {
        bool all = true;
        for (uint32_t i = 0; i < rows->input_count; i++)
            all = all && !isnan(rows->in[i][row]);
        if (all)
            return row;
    }
    return rows->count;
}

static void compare(const struct indicator_rows *rows, formula_fn *formula, const char *how)
{
    uint32_t begin = begin_of(rows);
    for (uint32_t row = 0; row < rows->count; row++) {
        for (uint32_t i = 0; i < rows->output_count; i++) {
            double got = rows->out[i][row];
            double want = row < begin ? (double)NAN : formula(rows, begin, row, i);
            if (isnan(want) ? isnan(got) : fabs(got - want) <= 1e-10 * fmax(1, fabs(want)))
                continue;
            fail_msg("%s(%g, %g, %g, %g) %s, output %u, row %u of %u from %u: %.17g, not %.17g",
                     rows->indicator->name, rows->params[0], rows->params[1], rows->params[2],
                     rows->params[3], how, i, row, rows->count, begin, got, want);
        }
    }
}

static void check_rows(struct indicator_rows *rows, formula_fn *formula)
{
    indicator_rows_run(rows);
    compare(rows, formula, "run");
    indicator_rows_step(rows);
    compare(rows, formula, "step");
}

/* The first row itself has no value where the formula has none, such as one that divides by 0. */
static void check_first(const struct indicator_rows *rows, formula_fn *formula)
{
    for (uint32_t i = 0; i < rows->output_count; i++) {
        uint32_t first = rows->indicator->first(rows->params, i);
        for (uint32_t row = 0; row < rows->count && row <= first; row++)
            if (isnan(rows->out[i][row]) != (row < first || isnan(formula(rows, 0, row, i))))
                fail_msg("%s, output %u, row %u: %.17g, the first row is %u", rows->indicator->name,
                         i, row, rows->out[i][row], first);
    }
}

/* Some rows in front know only a part of the inputs. */
static void hide_front(struct indicator_rows *rows, struct mw_random *random)
{
    uint32_t hidden = (uint32_t)(mw_random_next(random) % (rows->count / 2 + 1));
    for (uint32_t row = 0; row < hidden; row++)
        rows->in[mw_random_next(random) % rows->input_count][row] = (double)NAN;
}

static void make_hole(struct indicator_rows *rows, struct mw_random *random)
{
    uint64_t row = mw_random_next(random) % rows->count;
    rows->in[mw_random_next(random) % rows->input_count][row] = (double)NAN;
}

void formula_check(const char *name, const double *params, formula_fn *formula)
{
    const struct mw_indicator *indicator = mw_indicator_find(name);
    struct mw_random random = {20170103};
    assert_non_null(indicator);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t count = (uint32_t)(mw_random_next(&random) % COUNT_MAX);
        count = round < 4 ? round / 2 : count + 1; /* none twice, and one */
        struct indicator_rows rows;
        indicator_rows_init(&rows, indicator, params, count);
        indicator_rows_fill(&rows, &random);
        check_rows(&rows, formula);
        check_first(&rows, formula);
        if (count > 0) {
            hide_front(&rows, &random);
            check_rows(&rows, formula);
            make_hole(&rows, &random);
            check_rows(&rows, formula);
        }
        indicator_rows_fill_constant(&rows, round % 2 == 0 ? 0.1 : 0);
        check_rows(&rows, formula);
        indicator_rows_deinit(&rows);
    }
}

/* Reads a column by its name; an empty field is NaN. Returns how many rows. */
static uint32_t read_column(const char *path, const char *name, double *values)
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    assert_non_null(fgets(line, sizeof(line), file));
    line[strcspn(line, "\r\n")] = '\0';
    size_t column = 0, length = strlen(name);
    const char *at = line;
    while (strncmp(at, name, length) != 0 || (at[length] != ',' && at[length] != '\0')) {
        at = strchr(at, ',');
        assert_non_null(at);
        at++;
        column++;
    }
    uint32_t count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *field = line;
        for (size_t i = 0; i < column; i++)
            field = strchr(field, ',') + 1;
        char *end;
        assert_true(count < FORMULA_ROWS_MAX);
        values[count] = strtod(field, &end);
        values[count] = end == field ? (double)NAN : values[count];
        count++;
    }
    fclose(file);
    return count;
}

static const char *column_of(char letter, bool bars)
{
    switch (letter) {
    case 'o':
        return "open";
    case 'h':
        return "high";
    case 'l':
        return "low";
    case 'v':
        return bars ? "volume" : "close";
    case 't':
        return "open_time";
    default:
        return "close";
    }
}

/* Runs it over the bars of a file. */
static void run_file(struct indicator_rows *rows, const char *name, const double *params,
                     const char *path)
{
    double values[FORMULA_ROWS_MAX];
    const struct mw_indicator *indicator = mw_indicator_find(name);
    assert_non_null(indicator);
    uint32_t count = read_column(path, "close", values);
    bool bars = indicator->inputs[0] == 'B';
    indicator_rows_init(rows, indicator, params, count);
    for (uint32_t i = 0; i < rows->input_count; i++) {
        read_column(path, column_of(indicator->inputs[bars ? i + 1 : i], bars), values);
        memcpy(rows->in[i], values, count * sizeof(*values));
    }
    indicator_rows_run(rows);
}

void formula_check_oracle(const struct formula_oracle *oracle)
{
    char path[LINE_BYTES];
    double want[FORMULA_ROWS_MAX];
    struct indicator_rows rows;
    snprintf(path, sizeof(path), "%s/oracle/skender/%s", MW_MARKET_DATA, oracle->file);
    uint32_t count = read_column(path, oracle->column, want), compared = 0, other = 0;
    run_file(&rows, oracle->name, oracle->params,
             MW_MARKET_DATA "/spy_1d_2017-2018_oracle_input.csv");
    assert_int_equal(rows.count, count);
    const double *got = rows.out[oracle->output];
    for (uint32_t row = 0; row + oracle->later < count; row++) {
        double value = want[row + oracle->later];
        if (isnan(value))
            continue;
        compared++;
        if (fabs(got[row] - value) <= 1e-9 * fabs(value))
            continue;
        other++;
        if (isnan(got[row]) || other > oracle->except)
            fail_msg("%s, row %u: got %.17g, %s has %.17g", oracle->name, row, got[row],
                     oracle->file, value);
    }
    assert_true(compared > count / 2 + oracle->except);
    assert_int_equal(other, oracle->except);
    indicator_rows_deinit(&rows);
}

void formula_last_of_jesse(const char *name, const double *params, double *last)
{
    struct indicator_rows rows;
    run_file(&rows, name, params, MW_MARKET_DATA "/eth_jesse_candles19.csv");
    for (uint32_t i = 0; i < rows.output_count; i++)
        last[i] = rows.out[i][rows.count - 1];
    indicator_rows_deinit(&rows);
}
