/* backtest.h - one strategy over candles of the past, as it would run live.
 *
 * A simulated clock drives a cache of its own, get_price and the hooks of the script, in one thread
 * and without any clock of the machine:
 *
 *     for each moment at which bars close, oldest first
 *         put all of them into the cache             what is made of them (derive.h) follows
 *         tell the account of them                   orders of before are filled, hooks hear of it
 *         note the equity
 *         for each series: handle_bar                finer ones first, then in the data's order
 *
 * Engine time is the moment: nothing that closes later is seen. Rows before `from_ms` are history
 * when the test begins: in the cache, and behind it in a context; they are not delivered.
 *
 * Threads: the caller's; any number of back-tests at the same time.
 */
#ifndef MW_BACKTEST_BACKTEST_H
#define MW_BACKTEST_BACKTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "backtest/dataset.h"
#include "backtest/result.h"
#include "script/strategy.h"

struct mw_backtest_options {
    const char *file;       /* the script */
    const char *name;       /* NULL: the file's stem */
    lua_State *params_from; /* where a table of parameters is, or NULL for none */
    int params_ref;         /* in its registry */
    bool params_are_texts;  /* values are texts, read as what the script's defaults are */
    struct mw_dataset *data;
    int64_t from_ms, to_ms; /* bars that open in between, inclusive; INT64_MIN, INT64_MAX */
    struct mw_account_options account;
    uint64_t seed;                      /* of math.random */
    uint32_t cache_bars;                /* 0: MW_SERIES_CANDLES_DEFAULT */
    const struct mw_bindings *bindings; /* borrows */
    /* Called now and then; false ends the test with MW_ECANCELLED. NULL for nobody. */
    bool (*on_progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Runs. A script's error ends it: figures of a script that failed half-way mean nothing. `*out` is
 * the caller's (mw_backtest_result_free). Errors: MW_ESTRATEGY with the message, the moment and the
 * bar; MW_EINVAL for a series that the data does not have, naming what there is; MW_ECANCELLED;
 * MW_ELIMIT. */
MW_MUST_USE mw_status mw_backtest_run(const struct mw_backtest_options *options,
                                      struct mw_backtest_result **out, struct mw_error *err);

/* Loads the script as a back-test does, under `name`, which must be given, and copies what it
 * subscribes to: `*interests` is the caller's (mw_free), with `*count` 0 it takes every series. Of
 * the options only those of the script, the seed and the bindings are read. Errors:
 * MW_ESTRATEGY. */
MW_MUST_USE mw_status mw_backtest_ask(const struct mw_backtest_options *options,
                                      struct mw_interest **interests, uint32_t *count,
                                      struct mw_error *err);

#endif
