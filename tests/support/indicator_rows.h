/* indicator_rows.h - an indicator with rows to try it on, run as a whole or step by step. */
#ifndef MW_SUPPORT_INDICATOR_ROWS_H
#define MW_SUPPORT_INDICATOR_ROWS_H

#include "base/random.h"
#include "market/indicator.h"

/* Memory is exactly as large as it is said to be, so that sanitizers see what goes past it. */
struct indicator_rows {
    const struct mw_indicator *indicator;
    double params[MW_INDICATOR_PARAMS_MAX];
    uint32_t count, input_count, output_count;
    double *in[MW_INDICATOR_COLUMNS_MAX];
    double *out[MW_INDICATOR_COLUMNS_MAX];
};

/* Makes `count` rows of 0. `params` may be NULL: the usual ones, 7 where they must be given. */
void indicator_rows_init(struct indicator_rows *rows, const struct mw_indicator *indicator,
                         const double *params, uint32_t count);
void indicator_rows_deinit(struct indicator_rows *rows);

/* A walk of prices above 0, in bars where bars are wanted; half of the walks in whole numbers, so
 * that neighbours are often equal. */
void indicator_rows_fill(struct indicator_rows *rows, struct mw_random *random);
/* Every row is the same; open times still grow. */
void indicator_rows_fill_constant(struct indicator_rows *rows, double value);

/* Fills `out`, first with something that no indicator gives. */
void indicator_rows_run(struct indicator_rows *rows);
void indicator_rows_step(struct indicator_rows *rows);

/* `out` of both is the same, NaN for NaN; fails the test otherwise. Rows [a_begin, a_begin + count)
 * of `a` are held against those from b_begin of `b`. */
struct indicator_span {
    uint32_t a_begin, b_begin, count;
    double error; /* that is allowed, relative to 1 or to the value */
};
void indicator_rows_compare(const struct indicator_rows *a, const struct indicator_rows *b,
                            struct indicator_span span);

#endif
