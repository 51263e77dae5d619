/* options.c - the parser and the help of command lines. */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/limits.h"

enum {
    OPTIONS_MAX = 32,     /* of one command */
    HELP_COLUMN = 24,     /* where the explanations begin */
    LIST_ITEMS_MAX = 4096 /* MW_FEED_SYMBOLS_MAX; no list on a command line is longer */
};

/* The option called by the first `length` bytes of `name`, or NULL. */
static const struct mw_option *find_named(const struct mw_option_set *set, const char *name,
                                          size_t length)
{
    for (size_t i = 0; i < set->option_count; i++) {
        const struct mw_option *option = &set->options[i];
        if (option->name != NULL && strlen(option->name) == length &&
            memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

/* The positional argument `index`, counted from 0, or NULL. */
static const struct mw_option *find_positional(const struct mw_option_set *set, size_t index)
{
    for (size_t i = 0; i < set->option_count; i++)
        if (set->options[i].name == NULL && index-- == 0)
            return &set->options[i];
    return NULL;
}

/* The one that takes any number of them, or NULL. */
static const struct mw_option *find_repeated(const struct mw_option_set *set)
{
    for (size_t i = 0; i < set->option_count; i++)
        if (set->options[i].name == NULL && strstr(set->options[i].value, "...") != NULL)
            return &set->options[i];
    return NULL;
}

static mw_status fail_unknown(const struct mw_option_set *set, const char *name, size_t length,
                              struct mw_error *err)
{
    MW_CHECK(set->option_count < OPTIONS_MAX);
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < set->option_count; i++)
        if (set->options[i].name != NULL)
            names[count++] = set->options[i].name;
    names[count++] = "help";

    char *text = mw_strndup(name, length);
    const char *nearest = mw_nearest_name(text, names, count);
    mw_status status =
        nearest == NULL
            ? mw_fail(err, MW_EINVAL, "no option '--%.60s'", text)
            : mw_fail(err, MW_EINVAL, "no option '--%.60s', did you mean --%s?", text, nearest);
    mw_free(text);
    return status;
}

static mw_status read_value(const struct mw_option *option, const char *text, void *target,
                            struct mw_error *err)
{
    mw_status status = option->read(text, (char *)target + option->offset, err);
    if (status == MW_OK)
        return MW_OK;
    if (option->name == NULL)
        mw_fail_within(err, MW_EINVAL, "%s", option->value);
    else
        mw_fail_within(err, MW_EINVAL, "--%s", option->name);
    if (err != NULL)
        err->status = MW_EINVAL; /* whatever the reader found, it is a wrong argument */
    return MW_EINVAL;
}

/* Reads the option argv[*at], and its value from the next argument where it has none of its own. */
static mw_status read_option(const struct mw_option_set *set, char **argv, int *at, void *target,
                             struct mw_error *err)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const struct mw_option *option = find_named(set, name, length);
    if (option == NULL)
        return fail_unknown(set, name, length, err);

    if (option->value == NULL) {
        if (equals != NULL)
            return mw_fail(err, MW_EINVAL, "--%s takes no value", option->name);
        *(bool *)(void *)((char *)target + option->offset) = true;
        return MW_OK;
    }
    if (equals != NULL)
        return read_value(option, equals + 1, target, err);
    const char *next = argv[*at + 1];
    if (next == NULL || strncmp(next, "--", 2) == 0)
        return mw_fail(err, MW_EINVAL, "--%s wants a value: --%s %s", option->name, option->name,
                       option->value);
    (*at)++;
    return read_value(option, next, target, err);
}

mw_status mw_options_parse(const struct mw_option_set *set, int argc, char **argv, void *target,
                           bool *help, struct mw_error *err)
{
    bool options_ended = false;
    size_t positional_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        mw_status status;
        if (!options_ended && strcmp(text, "--") == 0) {
            options_ended = true;
            continue;
        }
        if (!options_ended && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
            *help = true;
            return MW_OK;
        }
        if (!options_ended && strncmp(text, "--", 2) == 0) {
            status = read_option(set, argv, &i, target, err);
        } else if (!options_ended && text[0] == '-' && text[1] != '\0') {
            status =
                mw_fail(err, MW_EINVAL, "no option '%.60s': options are long, as in --help", text);
        } else {
            const struct mw_option *option = find_positional(set, positional_count++);
            if (option == NULL)
                option = find_repeated(set);
            status = option != NULL
                         ? read_value(option, text, target, err)
                         : mw_fail(err, MW_EINVAL, "'%.60s': one argument too many", text);
        }
        if (status != MW_OK)
            return status;
    }
    return MW_OK;
}

/* "  --for DURATION        stops by itself"; a long name puts its explanation on the next line. */
static void add_line(struct mw_str *text, const struct mw_option *option)
{
    size_t start = text->length;
    if (option->name == NULL)
        mw_str_addf(text, "  %s", option->value);
    else if (option->value == NULL)
        mw_str_addf(text, "  --%s", option->name);
    else
        mw_str_addf(text, "  --%s %s", option->name, option->value);
    size_t width = text->length - start;
    if (width + 2 > HELP_COLUMN) {
        mw_str_adds(text, "\n");
        width = 0;
    }
    mw_str_addf(text, "%*s%s\n", (int)(HELP_COLUMN - width), "", option->help);
}

void mw_options_add_help(const struct mw_option_set *set, struct mw_str *text)
{
    static const struct mw_option help = {"help", NULL, "show this", NULL, 0};

    mw_str_addf(text, "usage: moonwick %s [OPTION]...", set->name);
    for (size_t i = 0; find_positional(set, i) != NULL; i++)
        mw_str_addf(text, " [%s]", find_positional(set, i)->value);
    mw_str_addf(text, "\n\n%s.\n\n", set->summary);
    for (size_t i = 0; find_positional(set, i) != NULL; i++)
        add_line(text, find_positional(set, i));
    for (size_t i = 0; i < set->option_count; i++)
        if (set->options[i].name != NULL)
            add_line(text, &set->options[i]);
    add_line(text, &help);
    if (set->examples == NULL)
        return;
    mw_str_adds(text, "\nexamples:\n");
    for (size_t i = 0; set->examples[i] != NULL; i++)
        mw_str_addf(text, "  %s\n", set->examples[i]);
}

void mw_text_list_deinit(struct mw_text_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        mw_free(list->items[i]);
    mw_free(list->items);
    list->items = NULL;
    list->count = 0;
}

mw_status mw_option_read_text(const char *text, void *target, struct mw_error *err)
{
    if (text[0] == '\0')
        return mw_fail(err, MW_EINVAL, "want something, not an empty text");
    *(const char **)target = text;
    return MW_OK;
}

static mw_status add_text(struct mw_text_list *list, const char *text, size_t length,
                          struct mw_error *err)
{
    if (list->count == LIST_ITEMS_MAX)
        return mw_fail(err, MW_ELIMIT, "more than %d names", LIST_ITEMS_MAX);
    list->items = mw_realloc_array(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = mw_strndup(text, length);
    return MW_OK;
}

mw_status mw_option_read_each(const char *text, void *target, struct mw_error *err)
{
    if (text[0] == '\0')
        return mw_fail(err, MW_EINVAL, "want something, not an empty text");
    return add_text(target, text, strlen(text), err);
}

mw_status mw_option_read_list(const char *text, void *target, struct mw_error *err)
{
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (length == 0)
            return mw_fail(err, MW_EINVAL, "'%.60s': want names with a comma between", text);
        mw_status status = add_text(target, at, length, err);
        if (status != MW_OK)
            return status;
        at += length;
        if (*at == '\0')
            return MW_OK;
    }
}

mw_status mw_option_read_duration(const char *text, void *target, struct mw_error *err)
{
    return mw_duration_parse(text, target, err);
}

mw_status mw_option_read_unsigned(const char *text, void *target, struct mw_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno == ERANGE)
        return mw_fail(err, MW_EINVAL, "'%.40s': want a whole number, 0 or more", text);
    *(uint64_t *)target = value;
    return MW_OK;
}

mw_status mw_option_read_speed(const char *text, void *target, struct mw_error *err)
{
    size_t length = strlen(text);
    double speed = 0;
    if (strcmp(text, "max") != 0) {
        if (length > 0 && text[length - 1] == 'x')
            length--;
        if (!mw_decimal_parse(text, length, &speed) ||
            !(speed > 0 && speed <= MW_SIMULATOR_SPEED_MAX))
            return mw_fail(err, MW_EINVAL, "'%.40s': want 60x, 0.5x or the like, or max", text);
    }
    *(double *)target = speed;
    return MW_OK;
}
