/* indicator.h - technical indicators: one description of each, for whole columns and for streams.
 *
 * An indicator takes rows of one to five inputs and gives rows of one to five outputs. It exists
 * twice with the same numbers:
 *
 *     run     whole columns in one pass, nothing allocated but what the caller hands in
 *     step    one row after the other, with a state of fixed size that stays where it is; O(1) each
 *             on average, but for cci, which goes through its window
 *
 * `inputs` says what it is computed from, a letter each, in this order of the `in` arrays:
 *
 *     "v"     one column of any values           column:sma(20), and of frames their closes
 *     "vw"    two columns, or a column and a number              column:cross_above(other)
 *     any of o h l c v t where the first is upper-case "B": bars, "Bhlc"     frame:atr(14)
 *
 * so "Bhlcv" takes high, low, close and volume of a frame's bars, "Btc" open time (ms) and close.
 *
 * NaN stands for "not known yet". NaNs in front of the first row that has all inputs are warm-up of
 * what the values were made from: counting starts behind them, and `first` is counted from there. A
 * NaN later makes every result NaN that depends on it: one of a window until it has left, one of a
 * recursive average (ema, rma, rsi, ...) for good. In the second row it stands before the first
 * change, so that averages of changes (rsi, atr, adx, ...) count from behind it. Infinities are
 * values like any other.
 *
 * Nothing drifts, however many rows there are: means of decimals are exact (mean.h), other sums of
 * windows are rebuilt block by block (window.h). docs/indicators.md has the formula, its source,
 * convention and first valid row of each.
 *
 * Threads: pure functions; a state is used by one thread at a time.
 */
#ifndef MW_MARKET_INDICATOR_H
#define MW_MARKET_INDICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    MW_INDICATOR_COLUMNS_MAX = 5, /* inputs, and outputs */
    MW_INDICATOR_PARAMS_MAX = 4,
};

/* One parameter; `usual` is its default, NaN where it must be given. */
struct mw_indicator_param {
    const char *name; /* "n", "fast", "factor" */
    double usual, least, most;
    bool whole; /* an integer */
};

/* Whole columns: `in` and `out` have `count` rows each. Outputs overlap neither inputs nor each
 * other. `params` are checked; `state` has mw_indicator_bytes() bytes, of any content. */
struct mw_indicator_call {
    const double *params;
    const double *const *in;
    double *const *out;
    uint32_t count;
    void *state;
};

/* One indicator; static and constant. */
struct mw_indicator {
    const char *name;   /* "sma"; the method's name in Lua */
    const char *inputs; /* as above */
    const char
        *outputs; /* names, separated by blanks, the most used first: "macd signal histogram" */
    struct mw_indicator_param params[MW_INDICATOR_PARAMS_MAX]; /* unused ones have no name */
    /* Whether the parameters go together ("fast must be less than slow"); NULL: always. Errors:
     * MW_EINVAL. */
    mw_status (*check)(const double *params, struct mw_error *err);
    /* Index of the first row with a value, for output number `output`, when no input is NaN. */
    uint32_t (*first)(const double *params, uint32_t output);
    size_t (*bytes)(const double *params); /* of a state; 8-byte aligned is enough */
    void (*init)(void *state, const double *params);
    void (*step)(void *state, const double *in, double *out);
    /* NULL: steps. An indicator has one of its own where that is faster. */
    void (*run)(const struct mw_indicator_call *call);
};

/* All of them, by name. */
const struct mw_indicator *const *mw_indicators(uint32_t *count);
/* NULL when there is none. */
const struct mw_indicator *mw_indicator_find(const char *name);

uint32_t mw_indicator_param_count(const struct mw_indicator *indicator);
uint32_t mw_indicator_input_count(const struct mw_indicator *indicator);
uint32_t mw_indicator_output_count(const struct mw_indicator *indicator);
/* Copies the name of an output. Returns `name`, which holds MW_INDICATOR_NAME_BYTES. */
enum { MW_INDICATOR_NAME_BYTES = 24 };
char *mw_indicator_output_name(const struct mw_indicator *indicator, uint32_t output, char *name);

/* Holds parameters, all given, against what they may be, in themselves and together. Errors:
 * MW_EINVAL naming the parameter and what is wanted. */
MW_MUST_USE mw_status mw_indicator_check(const struct mw_indicator *indicator, const double *params,
                                         struct mw_error *err);

/* Bytes of a state for checked parameters. */
size_t mw_indicator_bytes(const struct mw_indicator *indicator, const double *params);

/* Computes whole columns. */
void mw_indicator_run(const struct mw_indicator *indicator, const struct mw_indicator_call *call);

#endif
