/* history.h - the sub-commands of `moonwick history`, one file each.
 *
 * A sub-command is a command like any other (cli.h), but its option set is named with both words,
 * "history import", so that help and messages say what was typed. history.c lists them.
 *
 * Threads: main thread only.
 */
#ifndef MW_CLI_HISTORY_H
#define MW_CLI_HISTORY_H

#include "cli/cli.h"

extern const struct mw_command mw_command_history_download, mw_command_history_export,
    mw_command_history_import, mw_command_history_list, mw_command_history_verify;

#endif
