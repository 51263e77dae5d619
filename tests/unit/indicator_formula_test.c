/* indicator_formula_test.c - averages and oscillators against their formulas, written plainly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "indicator_rows.h"
#include "market/indicator.h"

enum { ROUNDS = 60, ROWS = 120, N_MAX = 12 };

static const double error_max = 1e-9;

/* What a formula is given and fills: rows that were filled, and plain outputs. */
struct plain {
    const double *params;
    double *const *in;
    double out[MW_INDICATOR_COLUMNS_MAX][ROWS];
};

static double highest(const double *values, size_t row, size_t n)
{
    double most = values[row];
    for (size_t back = 1; back < n; back++)
        most = values[row - back] > most ? values[row - back] : most;
    return most;
}

static double lowest(const double *values, size_t row, size_t n)
{
    double least = values[row];
    for (size_t back = 1; back < n; back++)
        least = values[row - back] < least ? values[row - back] : least;
    return least;
}

/* NaN where a row of the window is before `first`. */
static double mean(const double *values, size_t first, size_t row, size_t n)
{
    long double sum = 0;
    if (row + 1 < first + n)
        return (double)NAN;
    for (size_t back = 0; back < n; back++)
        sum += (long double)values[row - back];
    return (double)(sum / (long double)n);
}

static double weighted(const double *values, size_t first, size_t row, size_t n)
{
    long double sum = 0, weights = 0;
    if (row + 1 < first + n)
        return (double)NAN;
    for (size_t back = 0; back < n; back++) {
        sum += (long double)values[row - back] * (long double)(n - back);
        weights += (long double)(n - back);
    }
    return (double)(sum / weights);
}

/* alpha * x + (1 - alpha) * previous, from the mean of n values. */
static void exponential(const double *values, size_t first, size_t n, double alpha, double *out)
{
    double previous = (double)NAN;
    for (size_t row = 0; row < ROWS; row++) {
        if (row < first + n)
            out[row] = mean(values, first, row, n);
        else
            out[row] = alpha * values[row] + (1 - alpha) * previous;
        previous = out[row];
    }
}

static double alpha_of(double n)
{
    return 2 / (n + 1);
}

static void plain_sma(struct plain *plain)
{
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = mean(plain->in[0], 0, row, (size_t)plain->params[0]);
}

static void plain_wma(struct plain *plain)
{
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = weighted(plain->in[0], 0, row, (size_t)plain->params[0]);
}

static void plain_ema(struct plain *plain)
{
    double n = plain->params[0];
    exponential(plain->in[0], 0, (size_t)n, alpha_of(n), plain->out[0]);
}

static void plain_rma(struct plain *plain)
{
    double n = plain->params[0];
    exponential(plain->in[0], 0, (size_t)n, 1 / n, plain->out[0]);
}

/* All three averages begin with the first value of the first. */
static void plain_repeated(struct plain *plain, double *first, double *second, double *third)
{
    size_t n = (size_t)plain->params[0];
    double alpha = alpha_of((double)n);
    exponential(plain->in[0], 0, n, alpha, first);
    exponential(first, n - 1, 1, alpha, second);
    exponential(second, n - 1, 1, alpha, third);
}

static void plain_dema(struct plain *plain)
{
    double first[ROWS], second[ROWS], third[ROWS];
    plain_repeated(plain, first, second, third);
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = 2 * first[row] - second[row];
}

static void plain_tema(struct plain *plain)
{
    double first[ROWS], second[ROWS], third[ROWS];
    plain_repeated(plain, first, second, third);
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = 3 * first[row] - 3 * second[row] + third[row];
}

static void plain_hma(struct plain *plain)
{
    size_t n = (size_t)plain->params[0], root = 1;
    double raw[ROWS];
    while ((root + 1) * (root + 1) <= n)
        root++;
    for (size_t row = 0; row < ROWS; row++) {
        raw[row] = 2 * weighted(plain->in[0], 0, row, n / 2) - weighted(plain->in[0], 0, row, n);
        plain->out[0][row] = weighted(raw, n - 1, row, root);
    }
}

static void plain_kama(struct plain *plain)
{
    const double *values = plain->in[0];
    size_t n = (size_t)plain->params[0];
    double fast = alpha_of(plain->params[1]), slow = alpha_of(plain->params[2]);
    for (size_t row = 0; row < ROWS; row++) {
        double way = 0, kama = row + 1 < n ? (double)NAN : values[row];
        for (size_t back = 0; row >= n && back < n; back++)
            way += fabs(values[row - back] - values[row - back - 1]);
        if (row >= n) {
            double ratio = way == 0 ? 1 : fabs(values[row] - values[row - n]) / way;
            double share = pow(ratio * fast + (1 - ratio) * slow, 2);
            kama = plain->out[0][row - 1] + share * (values[row] - plain->out[0][row - 1]);
        }
        plain->out[0][row] = kama;
    }
}

static void plain_mom(struct plain *plain)
{
    size_t n = (size_t)plain->params[0];
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = row < n ? (double)NAN : plain->in[0][row] - plain->in[0][row - n];
}

static void plain_roc(struct plain *plain)
{
    size_t n = (size_t)plain->params[0];
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] =
            row < n ? (double)NAN : (plain->in[0][row] / plain->in[0][row - n] - 1) * 100;
}

static void rsi_of(const double *values, size_t n, double *out)
{
    double gains[ROWS] = {0}, losses[ROWS] = {0}, gain[ROWS], loss[ROWS];
    for (size_t row = 1; row < ROWS; row++) {
        gains[row] = fmax(values[row] - values[row - 1], 0);
        losses[row] = fmax(values[row - 1] - values[row], 0);
    }
    exponential(gains, 1, n, 1 / (double)n, gain);
    exponential(losses, 1, n, 1 / (double)n, loss);
    for (size_t row = 0; row < ROWS; row++)
        out[row] = loss[row] == 0 ? 100 : 100 - 100 / (1 + gain[row] / loss[row]);
}

static void plain_rsi(struct plain *plain)
{
    rsi_of(plain->in[0], (size_t)plain->params[0], plain->out[0]);
}

static void plain_macd(struct plain *plain)
{
    double fast[ROWS], slow[ROWS];
    const double *params = plain->params;
    exponential(plain->in[0], 0, (size_t)params[0], alpha_of(params[0]), fast);
    exponential(plain->in[0], 0, (size_t)params[1], alpha_of(params[1]), slow);
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = fast[row] - slow[row];
    exponential(plain->out[0], (size_t)params[1] - 1, (size_t)params[2], alpha_of(params[2]),
                plain->out[1]);
    for (size_t row = 0; row < ROWS; row++)
        plain->out[2][row] = plain->out[0][row] - plain->out[1][row];
}

/* 100 * (value - lowest) / range, its mean, and the mean of that. */
static void stoch_of(struct plain *plain, double *const *high_low_close, size_t first,
                     const double *params)
{
    size_t n = (size_t)params[0], smooth = (size_t)params[1], d = (size_t)params[2];
    double raw[ROWS];
    for (size_t row = 0; row < ROWS; row++) {
        raw[row] = (double)NAN;
        if (row + 1 < first + n)
            continue;
        double least = lowest(high_low_close[1], row, n);
        double range = highest(high_low_close[0], row, n) - least;
        raw[row] = range < 1e-9 ? 0 : 100 * (high_low_close[2][row] - least) / range;
    }
    for (size_t row = 0; row < ROWS; row++)
        plain->out[0][row] = mean(raw, first + n - 1, row, smooth);
    for (size_t row = 0; row < ROWS; row++)
        plain->out[1][row] = mean(plain->out[0], first + n - 1 + smooth - 1, row, d);
}

static void plain_stoch(struct plain *plain)
{
    stoch_of(plain, plain->in, 0, plain->params);
}

static void plain_stochrsi(struct plain *plain)
{
    double rsi[ROWS];
    double *const same[] = {rsi, rsi, rsi};
    size_t n = (size_t)plain->params[0];
    rsi_of(plain->in[0], n, rsi);
    stoch_of(plain, same, n, plain->params + 1);
}

static void plain_willr(struct plain *plain)
{
    size_t n = (size_t)plain->params[0];
    for (size_t row = 0; row < ROWS; row++) {
        plain->out[0][row] = (double)NAN;
        if (row + 1 < n)
            continue;
        double most = highest(plain->in[0], row, n), least = lowest(plain->in[1], row, n);
        plain->out[0][row] =
            most == least ? -100 : -100 * (most - plain->in[2][row]) / (most - least);
    }
}

static double typical(const struct plain *plain, size_t row)
{
    return (plain->in[0][row] + plain->in[1][row] + plain->in[2][row]) / 3;
}

static void plain_cci(struct plain *plain)
{
    size_t n = (size_t)plain->params[0];
    double price[ROWS];
    for (size_t row = 0; row < ROWS; row++) {
        price[row] = typical(plain, row);
        double middle = mean(price, 0, row, n), away = 0;
        for (size_t back = 0; row + 1 >= n && back < n; back++)
            away += fabs(price[row - back] - middle) / (double)n;
        bool flat = row + 1 >= n && highest(price, row, n) == lowest(price, row, n);
        plain->out[0][row] = flat ? 0 : (price[row] - middle) / (0.015 * away);
    }
}

static void plain_mfi(struct plain *plain)
{
    size_t n = (size_t)plain->params[0];
    for (size_t row = 0; row < ROWS; row++) {
        double in = 0, out = 0;
        for (size_t at = row - n + 1; row >= n && at <= row; at++) {
            double flow = typical(plain, at) * plain->in[3][at];
            in += typical(plain, at) > typical(plain, at - 1) ? flow : 0;
            out += typical(plain, at) < typical(plain, at - 1) ? flow : 0;
        }
        plain->out[0][row] = row < n ? (double)NAN : out == 0 ? 100 : 100 - 100 / (1 + in / out);
    }
}

static const struct {
    const char *name;
    void (*fill)(struct plain *plain);
} formulas[] = {
    {"cci", plain_cci},     {"dema", plain_dema},         {"ema", plain_ema},
    {"hma", plain_hma},     {"kama", plain_kama},         {"macd", plain_macd},
    {"mfi", plain_mfi},     {"mom", plain_mom},           {"rma", plain_rma},
    {"roc", plain_roc},     {"rsi", plain_rsi},           {"sma", plain_sma},
    {"stoch", plain_stoch}, {"stochrsi", plain_stochrsi}, {"tema", plain_tema},
    {"willr", plain_willr}, {"wma", plain_wma},
};

static void check_formula(size_t which, const double *params, struct mw_random *random)
{
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find(formulas[which].name), params, ROWS);
    indicator_rows_fill(&rows, random);
    indicator_rows_run(&rows);
    struct plain plain = {.params = rows.params, .in = rows.in};
    formulas[which].fill(&plain);
    for (uint32_t i = 0; i < rows.output_count; i++) {
        for (uint32_t row = 0; row < ROWS; row++) {
            double got = rows.out[i][row], want = plain.out[i][row];
            if (isnan(want) ? isnan(got) : fabs(got - want) <= error_max * fmax(1, fabs(want)))
                continue;
            fail_msg("%s(%g, %g, %g, %g), output %u, row %u: %.17g, not %.17g",
                     rows.indicator->name, rows.params[0], rows.params[1], rows.params[2],
                     rows.params[3], i, row, got, want);
        }
    }
    indicator_rows_deinit(&rows);
}

static void random_rows_agree_with_plain_formulas(void **state)
{
    (void)state;
    struct mw_random random = {20180404};
    for (size_t i = 0; i < MW_COUNT(formulas) * ROUNDS; i++) {
        const struct mw_indicator *indicator = mw_indicator_find(formulas[i / ROUNDS].name);
        assert_non_null(indicator);
        double params[MW_INDICATOR_PARAMS_MAX];
        do {
            for (size_t p = 0; p < MW_COUNT(params); p++)
                params[p] = 1 + (double)(mw_random_next(&random) % N_MAX);
        } while (mw_indicator_check(indicator, params, NULL) != MW_OK);
        check_formula(i / ROUNDS, params, &random);
    }
}

static void run_constant(const char *name, double *out)
{
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find(name), NULL, ROWS);
    indicator_rows_fill_constant(&rows, 0.1);
    indicator_rows_run(&rows);
    for (uint32_t i = 0; i < rows.output_count; i++)
        out[i] = rows.out[i][ROWS - 1];
    indicator_rows_deinit(&rows);
}

/* Exactly: nothing that rounds may look like a move. */
static void a_flat_market_has_the_values_that_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double want;
    } cases[] = {{"sma", 0.1},  {"ema", 0.1},    {"rma", 0.1},    {"dema", 0.1}, {"tema", 0.1},
                 {"kama", 0.1}, {"mom", 0},      {"roc", 0},      {"rsi", 100},  {"macd", 0},
                 {"stoch", 0},  {"stochrsi", 0}, {"willr", -100}, {"cci", 0},    {"mfi", 100}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double out[MW_INDICATOR_COLUMNS_MAX] = {0};
        run_constant(cases[i].name, out);
        if (out[0] != cases[i].want)
            fail_msg("%s of a flat market is %.17g, not %g", cases[i].name, out[0], cases[i].want);
    }
    double macd[MW_INDICATOR_COLUMNS_MAX] = {0};
    run_constant("macd", macd);
    assert_true(macd[1] == 0 && macd[2] == 0);
}

static void from_0_there_is_no_rate_of_change(void **state)
{
    (void)state;
    struct indicator_rows rows;
    indicator_rows_init(&rows, mw_indicator_find("roc"), (double[]){1, 0, 0, 0}, 3);
    rows.in[0][1] = 5;
    rows.in[0][2] = 4;
    indicator_rows_run(&rows);
    assert_true(isnan(rows.out[0][0]) && isnan(rows.out[0][1]) && rows.out[0][2] == -20);
    indicator_rows_deinit(&rows);
}

static void fast_is_less_than_slow(void **state)
{
    (void)state;
    struct mw_error err;
    const double macd[] = {26, 26, 9, 0}, kama[] = {10, 30, 2, 0};
    assert_int_equal(mw_indicator_check(mw_indicator_find("macd"), macd, &err), MW_EINVAL);
    assert_string_equal(err.message, "fast must be less than slow, got 26 and 26");
    assert_int_equal(mw_indicator_check(mw_indicator_find("kama"), kama, &err), MW_EINVAL);
    assert_string_equal(err.message, "fast must be less than slow, got 30 and 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_agree_with_plain_formulas),
        cmocka_unit_test(a_flat_market_has_the_values_that_are_told),
        cmocka_unit_test(from_0_there_is_no_rate_of_change),
        cmocka_unit_test(fast_is_less_than_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
