/* run.h - running the feeds and strategies of a configuration, for the commands that do.
 *
 * Threads: main thread only.
 */
#ifndef MW_CLI_RUN_H
#define MW_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "script/settings.h"

struct mw_run_options {
    const char *command; /* for messages */
    const char *config;  /* path of the configuration */
    int64_t for_ms;      /* 0: until a signal */
    struct {
        bool given;
        mw_log_level level;
    } log; /* instead of the configuration's level */
    bool quiet, no_bars;
};

/* For the option that reads `log`. */
mw_status mw_run_read_log_level(const char *text, void *target, struct mw_error *err);

/* Loads the configuration. Returns MW_EXIT_OK, or the exit code after it has said what is wrong. */
int mw_run_load(const struct mw_run_options *options, struct mw_settings **settings);

/* Runs it, prints what happens, and returns the exit code. Takes `settings`. */
int mw_run(const struct mw_run_options *options, struct mw_settings *settings);

#endif
