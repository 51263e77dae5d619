/* progress_test.c - what is shown of something long: numbers that are right, in lines that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"

enum { START_MS = 100000 };

static const char *const long_name =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-ABCDEFGHIJKLMNOPQRSTUVWXYZ-260925-100000-C 1m";

/* Shows `count` steps of `done_step` a second; nothing is written. */
static struct mw_progress go(FILE *file, int count, uint64_t done_step, uint64_t total)
{
    struct mw_progress progress;
    mw_progress_init(&progress, file, 0);
    progress.bar = true;
    progress.width = 80;
    mw_progress_begin(&progress, START_MS);
    for (int i = 0; i <= count; i++) {
        const struct mw_progress_state state = {.name = "X 1m",
                                                .done = (uint64_t)i * done_step,
                                                .total = total,
                                                .rows = (uint64_t)i * done_step / 2};
        mw_progress_show(&progress, &state, START_MS + i * INT64_C(1000));
    }
    return progress;
}

static FILE *nowhere(void)
{
    FILE *file = fopen("/dev/null", "w");
    assert_non_null(file);
    return file;
}

static void tells_rate_and_time_from_what_was_done_lately(void **state)
{
    (void)state;
    FILE *file = nowhere();
    struct mw_progress progress = go(file, 10, 1000, 100000);
    char text[MW_PROGRESS_BYTES];
    const struct mw_progress_state now = {
        .name = "X 1m", .done = 10000, .total = 100000, .rows = 5000};
    mw_progress_format(&progress, &now, START_MS + 10000, 79, text);
    assert_string_equal(
        text, "X 1m  10% [###.............................]  5000 rows  1m30s left  500 rows/s");
    /* A quick past is forgotten. */
    for (int i = 1; i <= 20; i++) {
        const struct mw_progress_state slow = {.name = "X 1m",
                                               .done = 10000 + (uint64_t)i * 10,
                                               .total = 100000,
                                               .rows = 5000 + (uint64_t)i * 5};
        mw_progress_show(&progress, &slow, START_MS + 10000 + i * INT64_C(1000));
    }
    const struct mw_progress_state later = {
        .name = "X 1m", .done = 10200, .total = 100000, .rows = 5100};
    mw_progress_format(&progress, &later, START_MS + 30000, 79, text);
    assert_non_null(strstr(text, "2h29m left  5 rows/s")); /* 89800 / 10 s */
    fclose(file);
}

static void never_divides_by_nothing_and_never_says_more_than_all(void **state)
{
    static const struct {
        uint64_t done, total;
        const char *percent;
    } cases[] = {{0, 0, "  0%"},
                 {5, 0, "  0%"},
                 {0, 10, "  0%"},
                 {999, 1000, " 99%"},
                 {1000, 1000, "100%"},
                 {5000, 1000, "100%"},
                 {UINT64_MAX - 1, UINT64_MAX, " 99%"}};
    (void)state;
    char text[MW_PROGRESS_BYTES];
    struct mw_progress progress;
    FILE *file = nowhere();
    mw_progress_init(&progress, file, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mw_progress_state now = {
            .name = "X", .done = cases[i].done, .total = cases[i].total};
        mw_progress_begin(&progress, START_MS);
        mw_progress_show(&progress, &now, START_MS);
        mw_progress_format(&progress, &now, START_MS, 79, text);
        assert_non_null(strstr(text, cases[i].percent));
        assert_null(strstr(text, "inf"));
        mw_progress_format(&progress, &now, START_MS + 5000, 79, text); /* nothing was done */
        assert_null(strstr(text, "inf"));
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "left"));
    }
    fclose(file);
}

static void fits_into_every_width(void **state)
{
    (void)state;
    FILE *file = nowhere();
    struct mw_progress progress = go(file, 10, 123456789, 99999999999);
    char text[MW_PROGRESS_BYTES];
    for (int width = 0; width < 600; width++) {
        for (int note = 0; note < 2; note++) {
            const struct mw_progress_state now = {
                .name = long_name,
                .done = 1234567890,
                .total = 99999999999,
                .rows = 617283940,
                .note = note ? "again in 12s: the venue answers with status 429" : NULL};
            mw_progress_format(&progress, &now, START_MS + 10000, width, text);
            assert_true(strlen(text) <= (size_t)width);
        }
    }
    const struct mw_progress_state now = {.name = long_name, .done = 1, .total = 2};
    mw_progress_format(&progress, &now, START_MS, 100, text);
    assert_memory_equal(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ..  50%", 32);
    fclose(file);
}

static void shows_why_it_waits_and_no_control_characters(void **state)
{
    (void)state;
    FILE *file = nowhere();
    struct mw_progress progress = go(file, 3, 10, 100);
    char text[MW_PROGRESS_BYTES];
    const struct mw_progress_state now = {.name = "X\x1b[2J",
                                          .done = 30,
                                          .total = 100,
                                          .rows = 15,
                                          .note = "again in 3s: \x1b]0;bad\x07"};
    mw_progress_format(&progress, &now, START_MS + 3000, 79, text);
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x07'));
    assert_non_null(strstr(text, "15 rows  again in 3s: ?]0;bad?"));
    mw_progress_format(&progress, &now, START_MS + 3000, 34, text);
    assert_string_equal(text, "X?[2J  30%  15 rows  again in 3s..");
    fclose(file);
}

static void writes_a_line_now_and_then_where_there_is_no_terminal(void **state)
{
    (void)state;
    char *written = NULL;
    size_t size = 0;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct mw_progress progress;
    mw_progress_init(&progress, file, 2000);
    assert_false(progress.bar);
    mw_progress_begin(&progress, START_MS);
    for (int i = 0; i <= 50; i++) {
        const struct mw_progress_state now = {
            .name = "X 1m", .done = (uint64_t)i, .total = 100, .rows = (uint64_t)i};
        mw_progress_show(&progress, &now, START_MS + i * 100);
    }
    mw_progress_clear(&progress);
    rewind(file);
    assert_true(getdelim(&written, &size, '\0', file) > 0);
    assert_string_equal(written, "X 1m  20%  20 rows  8s left  10 rows/s\n"
                                 "X 1m  40%  40 rows  6s left  10 rows/s\n");
    free(written);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_rate_and_time_from_what_was_done_lately),
        cmocka_unit_test(never_divides_by_nothing_and_never_says_more_than_all),
        cmocka_unit_test(fits_into_every_width),
        cmocka_unit_test(shows_why_it_waits_and_no_control_characters),
        cmocka_unit_test(writes_a_line_now_and_then_where_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
