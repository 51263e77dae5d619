/* cli.h - what the commands of the program share: their table, exit codes and ways to speak.
 *
 * A command is one file with one `const struct mw_command`, which main.c lists. Results go to
 * standard output; everything for people who watch goes to standard error and begins with the
 * command's name.
 *
 * Threads: main thread only.
 */
#ifndef MW_CLI_CLI_H
#define MW_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "cli/options.h"

/* Exit codes, as --help tells them. */
enum {
    MW_EXIT_OK = 0,
    MW_EXIT_FAILED = 1,
    MW_EXIT_USAGE = 2,
    MW_EXIT_CONFIG = 3,
};

struct mw_command {
    const struct mw_option_set *options; /* name and summary are there too */
    int (*run)(int argc, char **argv);   /* argv[0] is the command's name; returns an exit code */
};

extern const struct mw_command mw_command_backtest, mw_command_check, mw_command_history,
    mw_command_record, mw_command_replay, mw_command_run, mw_command_simulate;

/* Parses the command line into `target`. False when there is nothing to run: help was shown, or a
 * message told what is wrong; `*code` is the exit code then. */
bool mw_cli_parse(const struct mw_option_set *set, int argc, char **argv, void *target, int *code);

/* Writes "moonwick NAME: ..." to standard error ("moonwick: ..." for NULL) and returns `code`. */
int mw_cli_fail(const char *name, int code, const char *format, ...) MW_PRINTF(3, 4);

/* Whether `file` is a terminal that wants colours: neither NO_COLOR nor TERM=dumb is set. */
bool mw_cli_wants_colours(FILE *file);

#endif
