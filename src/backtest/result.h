/* result.h - what a back-test has shown, and the figures that people judge it by.
 *
 * All of it follows from the data, the script, its parameters and the seed: two runs are equal to
 * the last byte, so nothing here tells of a clock.
 *
 * Threads: immutable once it is made.
 */
#ifndef MW_BACKTEST_RESULT_H
#define MW_BACKTEST_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "backtest/dataset.h"
#include "script/account.h"

/* The account at one moment, after all that closed then. */
struct mw_equity_point {
    int64_t time_ms;
    double equity;
    double exposure; /* sum of the absolute values of positions */
    double hold;     /* the equity of buying all symbols at the first open and holding them */
};

/* What a curve of equity comes to. NaN where it cannot be told. Fractions, not per cents. */
struct mw_curve_figures {
    double total;           /* last / start - 1 */
    double cagr;            /* (last / start) ^ (1 / years) - 1, years of 365.25 days */
    double drawdown;        /* greatest fall from a peak, as a positive fraction of it */
    int64_t drawdown_ms;    /* longest time from a peak until it is reached again, or the end */
    double volatility;      /* of daily returns, a year */
    double sharpe, sortino; /* of daily returns, a year, against 0 */
};

/* What trades come to. */
struct mw_trade_figures {
    uint64_t count, won, lost;
    double win_rate;      /* won / count */
    double profit_factor; /* sum of profits / sum of losses; infinite without a loss */
    double profit, average, best, worst; /* quote currency, net */
    int64_t average_ms;                  /* held */
    double fees;                         /* of all fills, not only of trades */
};

/* A signal that the script gave. */
struct mw_backtest_signal {
    int64_t time_ms;
    char *text, *json; /* owns */
};

struct mw_backtest_series {
    struct mw_series_key key;
    uint64_t bars;         /* delivered */
    uint32_t absent_count; /* stretches without a bar in the time of the test */
    uint64_t absent;       /* and how many buckets that are */
    bool with_holes;       /* taken as holes; else as times without a trade */
};

struct mw_backtest_result {
    char *name, *file; /* owns; of the script */
    char *params;      /* owns; "fast=5 slow=20 symbol=BTCUSDT", by name */
    uint64_t seed;
    struct mw_account_options account;
    int64_t from_ms, to_ms;            /* opening of the first bar delivered, close of the last */
    struct mw_backtest_series *series; /* owns; what was delivered */
    uint32_t series_count;
    uint64_t bars, signals_total;   /* signals_total: also those that were not kept */
    struct mw_equity_point *points; /* owns; one for each moment at which bars closed */
    uint32_t point_count;
    double cash, equity, exposed; /* at the end; exposed: fraction of time with a position */
    struct mw_curve_figures curve, hold;
    struct mw_trade_figures trade_figures;
    struct mw_account_totals totals;
    char (*symbols)[MW_SYMBOL_BYTES_MAX + 1]; /* owns; of the account's instruments */
    struct mw_position *positions;            /* owns; of each, at the end */
    uint32_t symbol_count;
    struct mw_trade *trades; /* owns */
    uint32_t trade_count;
    struct mw_fill *fills; /* owns */
    uint32_t fill_count;
    struct mw_backtest_signal *signals; /* owns; the first MW_BACKTEST_SIGNALS_MAX */
    uint32_t signal_count;
    struct mw_dataset *data; /* a user of it; for charts */
};

void mw_backtest_result_free(struct mw_backtest_result *result);

/* Lets go of points, trades, fills, signals and the data, which the figures were made of. */
void mw_backtest_result_strip(struct mw_backtest_result *result);

/* Computes curve, hold, trade_figures and exposed from from_ms, to_ms, the account's options,
 * points, trades, positions and totals. */
void mw_backtest_result_judge(struct mw_backtest_result *result);

/* The figures of a curve that begins with `cash` at `from_ms` and goes on with `count` points: of
 * their equity, or of what holding makes of it. */
struct mw_curve {
    int64_t from_ms;
    double cash;
    const struct mw_equity_point *points; /* borrows; their times rise and lie behind from_ms */
    uint32_t count;
    bool hold;
};
void mw_curve_judge(const struct mw_curve *curve, struct mw_curve_figures *figures);

#endif
