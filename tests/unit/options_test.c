/* options_test.c - command lines: every kind of option, what is refused, and the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "cli/options.h"

struct wait_options {
    const char *file, *other;
    int64_t for_ms;
    uint64_t seed;
    struct mw_text_list symbols;
    bool quiet;
};

static const struct mw_option wait_option_list[] = {
    {NULL, "FILE", "what to wait for", mw_option_read_text, offsetof(struct wait_options, file)},
    {"for", "DURATION", "for how long", mw_option_read_duration,
     offsetof(struct wait_options, for_ms)},
    {"seed", "N", "where to begin", mw_option_read_unsigned, offsetof(struct wait_options, seed)},
    {"symbols", "VERY-LONG-NAME", "which", mw_option_read_list,
     offsetof(struct wait_options, symbols)},
    {"quiet", NULL, "say nothing", NULL, offsetof(struct wait_options, quiet)},
    {NULL, "OTHER", "what else", mw_option_read_text, offsetof(struct wait_options, other)},
};

static const char *const wait_examples[] = {"moonwick wait --for 10s", "moonwick wait x", NULL};

static const struct mw_option_set wait_set = {
    .name = "wait",
    .summary = "Wait for something",
    .options = wait_option_list,
    .option_count = MW_COUNT(wait_option_list),
    .examples = wait_examples,
};

/* Parses up to eight arguments, closed by NULL. */
static mw_status parse(struct wait_options *options, bool *help, struct mw_error *err,
                       const char *const *arguments)
{
    static char copies[9][128];
    char *argv[10] = {copies[0]};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        MW_CHECK(argc < 9 && strlen(arguments[argc - 1]) < sizeof(copies[0]));
        memcpy(copies[argc], arguments[argc - 1], strlen(arguments[argc - 1]) + 1);
        argv[argc] = copies[argc];
    }
    return mw_options_parse(&wait_set, argc, argv, options, help, err);
}

#define PARSE(options, help, err, ...)                                                             \
    parse(options, help, err, (const char *const[]){__VA_ARGS__, NULL})

/* What is said about a command line that is refused. */
static const char *refusal(const char *const *arguments)
{
    static struct mw_error err;
    struct wait_options options = {.for_ms = 7};
    bool help = false;
    err.status = MW_OK;
    assert_int_equal(parse(&options, &help, &err, arguments), MW_EINVAL);
    assert_int_equal(err.status, MW_EINVAL);
    assert_int_equal(options.for_ms, 7);
    assert_false(help);
    mw_text_list_deinit(&options.symbols);
    return err.message;
}

#define REFUSAL(...) refusal((const char *const[]){__VA_ARGS__, NULL})

static void reads_every_kind_in_any_order(void **state)
{
    (void)state;
    struct wait_options options = {.seed = 1};
    bool help = false;
    assert_int_equal(PARSE(&options, &help, NULL, "a.lua", "--for", "10s", "--seed=0", "--quiet",
                           "b.lua", "--symbols=A,BB"),
                     MW_OK);
    assert_string_equal(options.file, "a.lua");
    assert_string_equal(options.other, "b.lua");
    assert_int_equal(options.for_ms, 10000);
    assert_int_equal(options.seed, 0);
    assert_true(options.quiet);
    assert_int_equal(options.symbols.count, 2);
    assert_string_equal(options.symbols.items[1], "BB");
    assert_false(help);
    mw_text_list_deinit(&options.symbols);
}

static void leaves_alone_what_is_not_given(void **state)
{
    (void)state;
    struct wait_options options = {.file = "default", .seed = UINT64_MAX};
    bool help = false;
    assert_int_equal(parse(&options, &help, NULL, (const char *const[]){NULL}), MW_OK);
    assert_string_equal(options.file, "default");
    assert_int_equal(options.seed, UINT64_MAX);
    assert_int_equal(options.symbols.count, 0);
}

static void takes_the_last_of_repeated_options_and_adds_to_lists(void **state)
{
    (void)state;
    struct wait_options options = {.for_ms = 0};
    bool help = false;
    assert_int_equal(
        PARSE(&options, &help, NULL, "--for=1s", "--symbols", "A", "--for=2s", "--symbols=B,C"),
        MW_OK);
    assert_int_equal(options.for_ms, 2000);
    assert_int_equal(options.symbols.count, 3);
    assert_string_equal(options.symbols.items[2], "C");
    mw_text_list_deinit(&options.symbols);
}

static void ends_options_at_two_dashes(void **state)
{
    (void)state;
    struct wait_options options = {.for_ms = 0};
    bool help = false;
    assert_int_equal(PARSE(&options, &help, NULL, "-", "--", "--help"), MW_OK);
    assert_string_equal(options.file, "-");
    assert_string_equal(options.other, "--help");
    assert_false(help);
}

static void asks_for_help_before_looking_further(void **state)
{
    (void)state;
    struct wait_options options = {.for_ms = 0};
    bool help = false;
    assert_int_equal(PARSE(&options, &help, NULL, "--quiet", "--help", "--nonsense"), MW_OK);
    assert_true(help);
    help = false;
    assert_int_equal(PARSE(&options, &help, NULL, "-h"), MW_OK);
    assert_true(help);
}

static void names_the_nearest_of_unknown_options(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL("--symbol", "A"), "no option '--symbol', did you mean --symbols?");
    assert_string_equal(REFUSAL("--sed=1"), "no option '--sed', did you mean --seed?");
    assert_string_equal(REFUSAL("--hlep"), "no option '--hlep', did you mean --help?");
    assert_string_equal(REFUSAL("--something-else"), "no option '--something-else'");
    assert_string_equal(REFUSAL("-q"), "no option '-q': options are long, as in --help");
}

static void says_which_value_is_missing_or_wrong(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL("--for"), "--for wants a value: --for DURATION");
    assert_string_equal(REFUSAL("--for", "--quiet"), "--for wants a value: --for DURATION");
    assert_string_equal(REFUSAL("--for", "10"),
                        "--for: duration '10': want a positive number and ms, s, m, h, d, w or y");
    assert_string_equal(REFUSAL("--for="),
                        "--for: duration '': want a positive number and ms, s, m, h, d, w or y");
    assert_string_equal(REFUSAL("--quiet=1"), "--quiet takes no value");
    assert_string_equal(REFUSAL("--symbols=A,,B"),
                        "--symbols: 'A,,B': want names with a comma between");
    assert_string_equal(REFUSAL("a", "b", "c"), "'c': one argument too many");
    assert_string_equal(REFUSAL(""), "FILE: want something, not an empty text");
}

static void reads_whole_numbers_to_the_last(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(mw_option_read_unsigned("18446744073709551615", &value, NULL), MW_OK);
    assert_int_equal(value, UINT64_MAX);
    static const char *const wrong[] = {"", "-1", "+1", " 1", "1.5", "1x", "18446744073709551616"};
    for (size_t i = 0; i < MW_COUNT(wrong); i++)
        assert_int_equal(mw_option_read_unsigned(wrong[i], &value, NULL), MW_EINVAL);
    assert_int_equal(value, UINT64_MAX);
}

static void writes_the_help_from_the_table(void **state)
{
    (void)state;
    struct mw_str text = MW_STR_INIT(4096);
    mw_options_add_help(&wait_set, &text);
    assert_string_equal(text.data, "usage: moonwick wait [OPTION]... [FILE] [OTHER]\n"
                                   "\n"
                                   "Wait for something.\n"
                                   "\n"
                                   "  FILE                  what to wait for\n"
                                   "  OTHER                 what else\n"
                                   "  --for DURATION        for how long\n"
                                   "  --seed N              where to begin\n"
                                   "  --symbols VERY-LONG-NAME\n"
                                   "                        which\n"
                                   "  --quiet               say nothing\n"
                                   "  --help                show this\n"
                                   "\n"
                                   "examples:\n"
                                   "  moonwick wait --for 10s\n"
                                   "  moonwick wait x\n");
    mw_str_deinit(&text);
}

static void gives_all_further_arguments_to_the_one_that_takes_many(void **state)
{
    (void)state;
    struct many_options {
        const char *first;
        struct mw_text_list rest;
    } options = {0};
    static const struct mw_option list[] = {
        {NULL, "FIRST", "one", mw_option_read_text, offsetof(struct many_options, first)},
        {NULL, "FILE...", "the rest", mw_option_read_each, offsetof(struct many_options, rest)},
    };
    const struct mw_option_set set = {.name = "many", .options = list, .option_count = 2};
    char name[] = "many", a[] = "a", b[] = "b,c", c[] = "-", empty[] = "";
    char *argv[] = {name, a, b, c, a, NULL}, *wrong[] = {name, a, b, empty, NULL};
    bool help = false;
    struct mw_error err;
    assert_int_equal(mw_options_parse(&set, 5, argv, &options, &help, &err), MW_OK);
    assert_string_equal(options.first, "a");
    assert_int_equal(options.rest.count, 3);
    assert_string_equal(options.rest.items[0], "b,c");
    assert_string_equal(options.rest.items[2], "a");
    mw_text_list_deinit(&options.rest);
    assert_int_equal(mw_options_parse(&set, 4, wrong, &options, &help, &err), MW_EINVAL);
    assert_string_equal(err.message, "FILE...: want something, not an empty text");
    mw_text_list_deinit(&options.rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind_in_any_order),
        cmocka_unit_test(leaves_alone_what_is_not_given),
        cmocka_unit_test(takes_the_last_of_repeated_options_and_adds_to_lists),
        cmocka_unit_test(gives_all_further_arguments_to_the_one_that_takes_many),
        cmocka_unit_test(ends_options_at_two_dashes),
        cmocka_unit_test(asks_for_help_before_looking_further),
        cmocka_unit_test(names_the_nearest_of_unknown_options),
        cmocka_unit_test(says_which_value_is_missing_or_wrong),
        cmocka_unit_test(reads_whole_numbers_to_the_last),
        cmocka_unit_test(writes_the_help_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
