/* indicator_formula.h - holds indicators against plain formulas and against published values. */
#ifndef MW_SUPPORT_INDICATOR_FORMULA_H
#define MW_SUPPORT_INDICATOR_FORMULA_H

#include <stdint.h>

#include "indicator_rows.h"

enum { FORMULA_ROWS_MAX = 512 };

/* What an indicator is by definition: output `output` of row `row`, from `rows->in`, which has its
 * inputs in order, and `rows->params`. `begin` is the first row that has all inputs. */
typedef double formula_fn(const struct indicator_rows *rows, uint32_t begin, uint32_t row,
                          uint32_t output);

/* The greatest (sign 1) or least (sign -1) of n values, NaN if one is. */
double formula_extreme(const double *values, uint32_t n, int sign);
/* NaNs in front do not count; the mean of the first n values, then each by its share. Answers the
 * last of `count` averages. */
double formula_smooth(const double *values, uint32_t count, uint32_t n, double share);
/* The true range of a row of high, low and close; NaN in row `begin`. */
double formula_range(const struct indicator_rows *rows, uint32_t begin, uint32_t row);

/* Runs it over random rows and constant ones, none, one and many, with NaNs in front and with
 * holes, and holds every output against the formula, to 1e-10 of 1 or of the value. Where no input
 * is NaN the first rows must be those that the indicator says. Up to four parameters. */
void formula_check(const char *name, const double *params, formula_fn *formula);

/* Holds an output against a column of oracle/skender/FILE, where a row's value stands `later` rows
 * later, to 1e-9 of the value. There has to be a value wherever the file has one, and exactly
 * `except` rows have another one. Skips the test when there is no file. */
struct formula_oracle {
    const char *name, *file, *column;
    double params[MW_INDICATOR_PARAMS_MAX];
    uint32_t output, later, except;
};
void formula_check_oracle(const struct formula_oracle *oracle);

/* The last values of the outputs for the bars that jesse's tests have; skips likewise. */
void formula_last_of_jesse(const char *name, const double *params, double *last);

#endif
