/* history.c - `moonwick history`: the table of its sub-commands. */
#include "cli/history.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

enum { NAMES_MAX = 16 };

/* In the order of the help, closed by NULL. */
static const struct mw_command *const subcommands[] = {
    &mw_command_history_import,
    &mw_command_history_export,
    &mw_command_history_verify,
    &mw_command_history_list,
    NULL,
};

static const struct mw_option_set history_option_set = {
    .name = "history",
    .summary = "Bring stored candles in and out, check and list them",
};

/* "import" of "history import". */
static const char *short_name(const struct mw_command *command)
{
    return strchr(command->options->name, ' ') + 1;
}

static void print_help(FILE *file)
{
    fprintf(file, "usage: moonwick history SUBCOMMAND [OPTION]...\n\n%s.\n\n",
            history_option_set.summary);
    for (size_t i = 0; subcommands[i] != NULL; i++)
        fprintf(file, "  %-12s%s\n", short_name(subcommands[i]), subcommands[i]->options->summary);
    fprintf(file, "\n  --help      show this; after a sub-command: what it takes\n");
}

static int fail_subcommand(const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; subcommands[count] != NULL; count++) {
        MW_CHECK(count < NAMES_MAX);
        names[count] = short_name(subcommands[count]);
    }
    const char *nearest = mw_nearest_name(name, names, count);
    if (nearest == NULL)
        return mw_cli_fail("history", MW_EXIT_USAGE,
                           "no sub-command '%.60s'\ntry 'moonwick history --help'", name);
    return mw_cli_fail("history", MW_EXIT_USAGE, "no sub-command '%.60s', did you mean %s?", name,
                       nearest);
}

static int history_command(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return MW_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return MW_EXIT_OK;
    }
    for (size_t i = 0; subcommands[i] != NULL; i++)
        if (strcmp(short_name(subcommands[i]), name) == 0)
            return subcommands[i]->run(argc - 1, argv + 1);
    return fail_subcommand(name);
}

const struct mw_command mw_command_history = {&history_option_set, history_command};
