/* options.h - command lines as tables: one table gives the parser and the help.
 *
 * A command names its options once, each with the function that reads its value and the place in a
 * struct of the command's own where that goes:
 *
 *     struct wait_options { int64_t for_ms; bool quiet; const char *file; };
 *
 *     static const struct mw_option options[] = {
 *         {NULL, "FILE", "what to wait for", mw_option_read_text,
 *          offsetof(struct wait_options, file)},
 *         {"for", "DURATION", "for how long", mw_option_read_duration,
 *          offsetof(struct wait_options, for_ms)},
 *         {"quiet", NULL, "say nothing", NULL, offsetof(struct wait_options, quiet)},
 *     };
 *
 * Accepted are `--for 10s`, `--for=10s`, flags, positional arguments anywhere, `--` before those
 * that begin with a dash, and `--help` or `-h`. A positional argument whose value is called
 * "FILE..." or the like takes all that follow, too. An option that is given twice is read twice:
 * the last one wins, lists grow. What is not given keeps the value that the struct had before.
 *
 * Threads: the caller's.
 */
#ifndef MW_CLI_OPTIONS_H
#define MW_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

/* Reads `text` into `target`; the message of a failure says what is wanted. */
typedef mw_status (*mw_option_read_fn)(const char *text, void *target, struct mw_error *err);

struct mw_option {
    const char *name;       /* without dashes; NULL for a positional argument */
    const char *value;      /* what the help calls the value, "DURATION"; NULL for a flag */
    const char *help;       /* one phrase, with the default where there is one */
    mw_option_read_fn read; /* NULL for a flag, which sets a bool */
    size_t offset;          /* of the target in the command's struct */
};

struct mw_option_set {
    const char *name;    /* of the command */
    const char *summary; /* one sentence without period, for the list of commands too */
    const struct mw_option *options;
    size_t option_count;
    const char *const *examples; /* command lines, closed by NULL; NULL for none */
};

/* Reads argv[1..argc-1] into the struct at `target`; `*help` is set when help was asked for, and
 * what follows is not looked at. Errors: MW_EINVAL with the option's name, and the nearest one
 * where it is not known; `target` may be partly filled then. */
MW_MUST_USE mw_status mw_options_parse(const struct mw_option_set *set, int argc, char **argv,
                                       void *target, bool *help, struct mw_error *err);

/* Adds the help: usage, summary, arguments, options, examples. */
void mw_options_add_help(const struct mw_option_set *set, struct mw_str *text);

/* Texts from a comma list; repeated options add to it. */
struct mw_text_list {
    char **items; /* owns, and the texts too */
    uint32_t count;
};

void mw_text_list_deinit(struct mw_text_list *list);

/* Readers; targets are a const char *, a struct mw_text_list, the same where each argument is one
 * text, commas and all, an int64_t of milliseconds, a uint64_t, and a double for "60x", "0.5x", or
 * "max", which is 0. */
mw_status mw_option_read_text(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_list(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_each(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_duration(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_unsigned(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_speed(const char *text, void *target, struct mw_error *err);

#endif
