/* cli.c - parsing with messages, failing, colours. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HELP_BYTES_MAX = 16384,
    FAIL_BYTES = 2 * MW_ERROR_MESSAGE_BYTES, /* an error and what is said about it */
};

bool mw_cli_parse(const struct mw_option_set *set, int argc, char **argv, void *target, int *code)
{
    bool help = false;
    struct mw_error err;
    if (mw_options_parse(set, argc, argv, target, &help, &err) != MW_OK) {
        *code = mw_cli_fail(set->name, MW_EXIT_USAGE, "%s\ntry 'moonwick %s --help'", err.message,
                            set->name);
        return false;
    }
    if (help) {
        struct mw_str text = MW_STR_INIT(HELP_BYTES_MAX);
        mw_options_add_help(set, &text);
        fputs(text.data, stdout);
        mw_str_deinit(&text);
        *code = MW_EXIT_OK;
    }
    return !help;
}

/* Takes out what a terminal would obey: a message may come from a script or a file. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ||
            (c == 0xc2 && next >= 0x80 && next < 0xa0)) /* C1 in UTF-8 */
            *text = '?';
    }
}

int mw_cli_fail(const char *name, int code, const char *format, ...)
{
    char text[FAIL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    clean(text);
    fflush(stdout); /* what was said before comes first where both go to one place */
    flockfile(stderr);
    fprintf(stderr, name == NULL ? "moonwick: %s%s\n" : "moonwick %s: %s\n",
            name == NULL ? "" : name, text);
    funlockfile(stderr);
    return code;
}

bool mw_cli_wants_colours(FILE *file)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */
    const char *term = getenv("TERM");
    return isatty(fileno(file)) == 1 && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}
