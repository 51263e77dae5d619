/* main.c - the table of commands, and what is said when none of them is meant.
 *
 * Threads: main.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "cli/cli.h"

static const struct mw_command *const commands[] = {
    &mw_command_run,     &mw_command_check,    &mw_command_record,   &mw_command_replay,
    &mw_command_history, &mw_command_backtest, &mw_command_simulate,
};

static const struct mw_command *find_command(const char *name)
{
    for (size_t i = 0; i < MW_COUNT(commands); i++)
        if (strcmp(commands[i]->options->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_help(FILE *file)
{
    fprintf(file, "usage: moonwick COMMAND [OPTION]...\n\n"
                  "A market-data engine that is scripted in Lua.\n\n");
    for (size_t i = 0; i < MW_COUNT(commands); i++)
        fprintf(file, "  %-12s%s\n", commands[i]->options->name, commands[i]->options->summary);
    fprintf(file, "  %-12s%s\n", "help", "Show this, or what a command takes");
    fprintf(file, "\n  --help      the same; after a command: what it takes\n"
                  "  --version   show versions\n\n"
                  "exit codes:\n"
                  "  0  fine, also after Ctrl-C where nothing is left undone\n"
                  "  1  failed while running: every feed has failed, the port is in use,\n"
                  "     a file cannot be read, a back-test's script failed; a history command or\n"
                  "     a back-test was interrupted\n"
                  "  2  wrong usage\n"
                  "  3  the configuration is wrong\n");
}

static int fail_command(const char *name)
{
    const char *names[MW_COUNT(commands) + 1];
    for (size_t i = 0; i < MW_COUNT(commands); i++)
        names[i] = commands[i]->options->name;
    names[MW_COUNT(commands)] = "help";
    const char *nearest = mw_nearest_name(name, names, MW_COUNT(names));
    if (nearest == NULL)
        return mw_cli_fail(NULL, MW_EXIT_USAGE, "no command '%.60s'\ntry 'moonwick --help'", name);
    return mw_cli_fail(NULL, MW_EXIT_USAGE, "no command '%.60s', did you mean %s?", name, nearest);
}

/* `moonwick help COMMAND` is `moonwick COMMAND --help`; so is it with a sub-command. */
static int run_help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return MW_EXIT_OK;
    }
    const struct mw_command *command = find_command(argv[1]);
    if (command == NULL)
        return fail_command(argv[1]);
    char help[] = "--help";
    if (argc > 2 && command == &mw_command_history) {
        char *help_argv[] = {argv[1], argv[2], help, NULL};
        return command->run(3, help_argv);
    }
    char *help_argv[] = {argv[1], help, NULL};
    return command->run(2, help_argv);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return MW_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        printf("moonwick " MW_VERSION " (Lua " MW_LUA_VERSION ", libwebsockets " MW_LWS_VERSION
               ")\n");
        return MW_EXIT_OK;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return run_help(argc - 1, argv + 1);
    const struct mw_command *command = find_command(name);
    return command != NULL ? command->run(argc - 1, argv + 1) : fail_command(name);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of write, and no reason to die */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow, as a full disk is */
    int code = run(argc, argv);
    if (fflush(stdout) != 0 && errno != EPIPE && code == MW_EXIT_OK)
        code = mw_cli_fail(NULL, MW_EXIT_FAILED, "standard output: %s", strerror(errno));
    return code;
}
