/* backtest.h - `moonwick backtest`: what was asked for, and the data that it is run over.
 *
 * Threads: main thread only.
 */
#ifndef MW_CLI_BACKTEST_H
#define MW_CLI_BACKTEST_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "backtest/grid.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/progress.h"

#define MW_BACKTEST_NAME "backtest"

enum { MW_BACKTEST_TOP_DEFAULT = 20 }; /* lines of a grid's table: a screen */

struct mw_backtest_command {
    const char *strategy;
    struct mw_text_list data, symbols, timeframes, param_texts;
    int64_t from_ms, to_ms;
    struct mw_account_options account;
    uint64_t seed, jobs, top; /* jobs 0: as many as there are cores; top 0: all */
    uint64_t cache_bars;      /* 0: as many as an engine has */
    uint32_t sort;            /* number of a figure */
    mw_log_level log_level;
    bool holes, json, full, quiet, plain;
    const char *csv, *equity, *html; /* files; NULL for none */
    struct mw_grid_axis *axes;       /* owns; of param_texts */
    uint32_t axis_count;
};

/* Pushes a table of the first value of each parameter as texts, but value `index` of `varied`. */
void mw_backtest_command_push_params(const struct mw_backtest_command *command, lua_State *L,
                                     uint32_t varied, uint32_t index);

/* Makes the data: of the files and stores that were named, or of the default store; in these what
 * was asked for, or else what the strategy subscribes to. Returns owned; incomplete once
 * mw_signals_stopping(). Errors: those of reading and of the strategy; MW_ECONFIG for what the
 * command line says. */
MW_MUST_USE mw_status mw_backtest_command_read_data(const struct mw_backtest_command *command,
                                                    struct mw_dataset **data, struct mw_error *err);

/* Runs a grid, prints it, and returns the exit code. */
int mw_backtest_command_run_grid(const struct mw_backtest_command *command,
                                 const struct mw_backtest_options *options);

/* Writes what `add` makes of a result to a file, or to standard output for "-". */
typedef bool (*mw_backtest_add_fn)(const void *what, struct mw_str *out);
MW_MUST_USE mw_status mw_backtest_command_write(const char *path, mw_backtest_add_fn add,
                                                const void *what, struct mw_error *err);

#endif
