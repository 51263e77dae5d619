/* indicator_bench.c - what indicators cost for each value of a column, and in steps. */
#include <stdio.h>

#include "base/check.h"
#include "base/random.h"
#include "bench.h"
#include "market/indicator.h"

enum { VALUES_FEW = 1000, VALUES_MANY = 100000 };

/* What is named in the figures, with its parameters. */
struct subject {
    const char *figure, *name;
    double params[MW_INDICATOR_PARAMS_MAX];
};

static const struct subject subjects[] = {
    {"sma30", "sma", {30}},        {"ema26", "ema", {26}},          {"rsi14", "rsi", {14}},
    {"macd", "macd", {12, 26, 9}}, {"bbands20", "bbands", {20, 2}},
};

/* One indicator over the same rows again and again. */
struct work {
    const struct mw_indicator *indicator;
    struct mw_indicator_call call;
    const double *in[MW_INDICATOR_COLUMNS_MAX];
    double *out[MW_INDICATOR_COLUMNS_MAX];
};

/* The last of them is as short as what is left, so that figures are for what was done. */
static void run_columns(void *user, uint64_t count)
{
    struct work *work = user;
    struct mw_indicator_call call = work->call;
    for (uint64_t left = count; left > 0; left -= call.count) {
        call.count = left < call.count ? (uint32_t)left : call.count;
        mw_indicator_run(work->indicator, &call);
        bench_keep(work->out[0]);
    }
}

static void push_values(void *user, uint64_t count)
{
    struct work *work = user;
    double out[MW_INDICATOR_COLUMNS_MAX];
    work->indicator->init(work->call.state, work->call.params);
    for (uint64_t i = 0; i < count; i++) {
        work->indicator->step(work->call.state, &work->in[0][i % VALUES_FEW], out);
        bench_keep(out);
    }
}

/* Prices have two decimals, as a venue gives them; what was made of them has many. */
static double *make_values(double divisor)
{
    struct mw_random random = {BENCH_SEED};
    double *values = mw_alloc(VALUES_MANY * sizeof(*values)), cents = 6400000;
    for (size_t i = 0; i < VALUES_MANY; i++) {
        cents += (double)(mw_random_next(&random) % 2001) - 1000;
        values[i] = cents / divisor;
    }
    return values;
}

static void bench_subject(const struct subject *subject, const double *values)
{
    struct work work = {.indicator = mw_indicator_find(subject->name)};
    if (work.indicator == NULL)
        return;
    char name[64];
    uint32_t outputs = mw_indicator_output_count(work.indicator);
    work.in[0] = values;
    for (uint32_t i = 0; i < outputs; i++)
        work.out[i] = mw_alloc(VALUES_MANY * sizeof(double));
    void *state = mw_alloc(mw_indicator_bytes(work.indicator, subject->params));
    work.call = (struct mw_indicator_call){subject->params, work.in, work.out, VALUES_FEW, state};
    bench_print(subject->figure, bench_time(run_columns, &work), "ns");
    work.call.count = VALUES_MANY;
    snprintf(name, sizeof(name), "%s_of_100000", subject->figure);
    bench_print(name, bench_time(run_columns, &work), "ns");
    snprintf(name, sizeof(name), "%s_step", subject->figure);
    bench_print(name, bench_time(push_values, &work), "ns");
    mw_free(state);
    for (uint32_t i = 0; i < outputs; i++)
        mw_free(work.out[i]);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    double *prices = make_values(100), *made = make_values(99.7);
    for (size_t i = 0; i < MW_COUNT(subjects); i++)
        bench_subject(&subjects[i], prices);
    bench_subject(&(struct subject){"sma30_of_made", "sma", {30}}, made);
    mw_free(made);
    mw_free(prices);
    return 0;
}
