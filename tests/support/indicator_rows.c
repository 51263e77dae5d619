/* indicator_rows.c - made rows for indicators, and comparing what comes out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_rows.h"

enum { GIVEN = 7, HOUR_MS = 3600000 };

static const double untouched = -12345.678;

void indicator_rows_init(struct indicator_rows *rows, const struct mw_indicator *indicator,
                         const double *params, uint32_t count)
{
    *rows = (struct indicator_rows){.indicator = indicator,
                                    .count = count,
                                    .input_count = mw_indicator_input_count(indicator),
                                    .output_count = mw_indicator_output_count(indicator)};
    uint32_t param_count = mw_indicator_param_count(indicator);
    for (uint32_t i = 0; i < param_count; i++) {
        double usual = indicator->params[i].usual;
        rows->params[i] = params != NULL ? params[i] : isnan(usual) ? GIVEN : usual;
    }
    struct mw_error err;
    if (mw_indicator_check(indicator, rows->params, &err) != MW_OK)
        fail_msg("%s: %s", indicator->name, err.message);
    for (uint32_t i = 0; i < rows->input_count; i++)
        rows->in[i] = mw_alloc_zero(count * sizeof(double));
    for (uint32_t i = 0; i < rows->output_count; i++)
        rows->out[i] = mw_alloc_zero(count * sizeof(double));
}

void indicator_rows_deinit(struct indicator_rows *rows)
{
    for (uint32_t i = 0; i < rows->input_count; i++)
        mw_free(rows->in[i]);
    for (uint32_t i = 0; i < rows->output_count; i++)
        mw_free(rows->out[i]);
}

/* One bar of a walk; `w` is a second walk for those who compare two. */
struct bar {
    double o, h, l, c, v, t, w;
};

static double of_bar(const struct bar *bar, char letter)
{
    switch (letter) {
    case 'o':
        return bar->o;
    case 'h':
        return bar->h;
    case 'l':
        return bar->l;
    case 't':
        return bar->t;
    case 'w':
        return bar->w;
    default:
        return letter == 'V' ? bar->v : bar->c;
    }
}

static void put_bar(struct indicator_rows *rows, uint32_t row, const struct bar *bar)
{
    bool bars = rows->indicator->inputs[0] == 'B';
    for (uint32_t i = 0; i < rows->input_count; i++) {
        char letter = rows->indicator->inputs[bars ? i + 1 : i];
        if (bars && letter == 'v')
            letter = 'V';
        rows->in[i][row] = of_bar(bar, letter);
    }
}

static double move(struct mw_random *random, double from, bool whole)
{
    double to = from + 4 * mw_random_unit(random) - 2;
    to = to < 50 ? 50 : to > 150 ? 150 : to;
    return whole ? floor(to + 0.5) : to;
}

void indicator_rows_fill(struct indicator_rows *rows, struct mw_random *random)
{
    bool whole = mw_random_next(random) % 2 == 0;
    struct bar bar = {.c = 100, .t = 1500000000000, .w = 100};
    for (uint32_t row = 0; row < rows->count; row++) {
        bar.o = move(random, bar.c, whole);
        bar.c = move(random, bar.o, whole);
        bar.h = move(random, fmax(bar.o, bar.c), whole);
        bar.h = fmax(bar.h, fmax(bar.o, bar.c));
        bar.l = move(random, fmin(bar.o, bar.c), whole);
        bar.l = fmin(bar.l, fmin(bar.o, bar.c));
        bar.v = 1 + floor(100 * mw_random_unit(random));
        bar.w = move(random, bar.w, whole);
        bar.t += HOUR_MS;
        put_bar(rows, row, &bar);
    }
}

void indicator_rows_fill_constant(struct indicator_rows *rows, double value)
{
    for (uint32_t row = 0; row < rows->count; row++) {
        const struct bar bar = {value, value, value, value, value, row * (double)HOUR_MS, value};
        put_bar(rows, row, &bar);
    }
}

static void *state_of(struct indicator_rows *rows)
{
    size_t bytes = mw_indicator_bytes(rows->indicator, rows->params);
    void *state = mw_alloc(bytes);
    memset(state, 0xA5, bytes);
    for (uint32_t i = 0; i < rows->output_count; i++)
        for (uint32_t row = 0; row < rows->count; row++)
            rows->out[i][row] = untouched;
    return state;
}

static void check_touched(const struct indicator_rows *rows)
{
    for (uint32_t i = 0; i < rows->output_count; i++)
        for (uint32_t row = 0; row < rows->count; row++)
            if (rows->out[i][row] == untouched)
                fail_msg("%s: output %u of row %u is missing", rows->indicator->name, i, row);
}

void indicator_rows_run(struct indicator_rows *rows)
{
    void *state = state_of(rows);
    const double *in[MW_INDICATOR_COLUMNS_MAX];
    for (uint32_t i = 0; i < rows->input_count; i++)
        in[i] = rows->in[i];
    const struct mw_indicator_call call = {rows->params, in, rows->out, rows->count, state};
    mw_indicator_run(rows->indicator, &call);
    mw_free(state);
    check_touched(rows);
}

void indicator_rows_step(struct indicator_rows *rows)
{
    void *state = state_of(rows);
    rows->indicator->init(state, rows->params);
    for (uint32_t row = 0; row < rows->count; row++) {
        double in[MW_INDICATOR_COLUMNS_MAX], out[MW_INDICATOR_COLUMNS_MAX];
        for (uint32_t i = 0; i < rows->input_count; i++)
            in[i] = rows->in[i][row];
        rows->indicator->step(state, in, out);
        for (uint32_t i = 0; i < rows->output_count; i++)
            rows->out[i][row] = out[i];
    }
    mw_free(state);
    check_touched(rows);
}

void indicator_rows_compare(const struct indicator_rows *a, const struct indicator_rows *b,
                            struct indicator_span span)
{
    for (uint32_t i = 0; i < a->output_count; i++) {
        for (uint32_t row = 0; row < span.count; row++) {
            double x = a->out[i][span.a_begin + row], y = b->out[i][span.b_begin + row];
            if (isnan(x) ? isnan(y) : x == y || fabs(x - y) <= span.error * fmax(1, fabs(y)))
                continue;
            fail_msg("%s(%g, %g, %g, %g), output %u, row %u of %u: %.17g and %.17g",
                     a->indicator->name, a->params[0], a->params[1], a->params[2], a->params[3], i,
                     span.a_begin + row, a->count, x, y);
        }
    }
}
