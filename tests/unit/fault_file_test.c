/* fault_file_test.c - files of faults: what they may say, and how they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "script/fault_file.h"

static char path[64];

static int make_file(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "fault_file_test_XXXXXX");
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static mw_status load(const char *text, struct mw_fault_plan *plan, struct mw_error *err)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return mw_fault_file_load(path, plan, err);
}

static void reads_faults_with_all_their_keys(void **state)
{
    (void)state;
    struct mw_fault_plan plan;
    struct mw_error err;
    mw_status status =
        load("return { seed = 7, { kind = 'reset', at = 2.5 },\n"
             "{ kind = 'lost_close', chance = 0.01, times = 0, symbol = 'BTCUSDT', after = 9 },\n"
             "{ kind = 'status', code = 429, duration = '2s' }, { kind = 'fragmented', count = 3 },"
             "{ kind = 'clock_jump', duration = -60 }, { kind = 'close' },\n"
             "random = { rate = 0.5, kinds = { 'garbage', 'duplicate' } } }",
             &plan, &err);
    if (status != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(plan.seed, 7);
    assert_int_equal(plan.count, 6);
    assert_int_equal(plan.list[0].kind, MW_SABOTAGE_RESET);
    assert_int_equal(plan.list[0].at_ms, 2500);
    assert_int_equal(plan.list[0].times, 1);
    assert_int_equal(plan.list[1].kind, MW_SABOTAGE_LOST_CLOSE);
    assert_true(plan.list[1].chance == 0.01);
    assert_int_equal(plan.list[1].times, 0);
    assert_int_equal(plan.list[1].after, 9);
    assert_string_equal(plan.list[1].symbol, "BTCUSDT");
    assert_int_equal(plan.list[2].code, 429);
    assert_int_equal(plan.list[2].duration_ms, 2000);
    assert_int_equal(plan.list[3].count, 3);
    assert_int_equal(plan.list[4].duration_ms, -60000);
    assert_int_equal(plan.list[5].code, 1001);
    assert_true(plan.rate == 0.5);
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        assert_int_equal(plan.at_random[i], i == MW_SABOTAGE_GARBAGE || i == MW_SABOTAGE_DUPLICATE);
    mw_fault_plan_deinit(&plan);

    assert_int_equal(load("return {}", &plan, NULL), MW_OK);
    assert_int_equal(plan.count, 0);
    assert_true(plan.rate == 0);
    mw_fault_plan_deinit(&plan);
    assert_int_equal(load("return { random = { rate = 1 } }", &plan, NULL), MW_OK);
    assert_true(plan.at_random[MW_SABOTAGE_RESET] && plan.at_random[MW_SABOTAGE_REST_WRONG]);
    mw_fault_plan_deinit(&plan);
}

static void refuses_with_place_value_and_the_nearest_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"return 1", " = 1: want a table"},
        {"return {", "expected"},
        {"error 'no'", "no"},
        {"return { sede = 7 }", ": sede = 7: no such key, did you mean seed?"},
        {"return { seed = -1 }", "seed = -1: want a whole number"},
        {"return { 1 }", ": [1] = 1: want a table"},
        {"return { {} }", ": [1]: want a kind"},
        {"return { { kind = 'rest' } }",
         ": [1].kind = \"rest\": no such kind, did you mean reset?"},
        {"return { { kind = 'earthquake' } }", "want a kind of fault, such as reset"},
        {"return { { kind = 'reset' }, { kind = 'fin', att = 1 } }",
         ": [2].att = 1: no such key, did you mean at?"},
        {"return { { kind = 'reset', duration = 1 } }", ": [1].duration: reset has no duration"},
        {"return { { kind = 'reset', code = 1 } }", "reset has no code"},
        {"return { { kind = 'reset', count = 1 } }", "reset has no count"},
        {"return { { kind = 'status', symbol = 'X' } }", "status has no symbol"},
        {"return { { kind = 'stall', duration = -1 } }", "duration = -1: want seconds from 0"},
        {"return { { kind = 'clock_jump', duration = -86401 } }", "want seconds from -86400 to"},
        {"return { { kind = 'reset', at = 86401 } }", "at = 86401: want seconds from 0 to 86400"},
        {"return { { kind = 'fin', chance = 1.1 } }", "chance = 1.1: want a number from 0 to 1"},
        {"return { { kind = 'fin', times = 1.5 } }", "times = 1.5: want a whole number"},
        {"return { { kind = 'close', code = 999 } }", "code = 999: want"},
        {"return { { kind = 'close', code = 1006 } }", "want a code that may be sent"},
        {"return { { kind = 'close', code = 5000 } }", "code = 5000: want"},
        {"return { { kind = 'status', code = 101 } }", "code = 101: want"},
        {"return { { kind = 'rest_status', code = 600 } }", "code = 600: want"},
        {"return { { kind = 'fragmented', count = 0 } }", "count = 0: want"},
        {"return { { kind = 'fragmented', count = 257 } }", "count = 257: want"},
        {"return { { kind = 'fin', symbol = '' } }", "symbol = \"\": want 1 to 64 bytes"},
        {"return { { kind = 'fin', symbol = ('x'):rep(65) } }", "want 1 to 64 bytes"},
        {"return { [0] = { kind = 'fin' } }", "want at most 1024 faults"},
        {"return { [2] = { kind = 'fin' } }", "want faults without holes, got 1 up to [2]"},
        {"return { [1.5] = 1 }", "want keys that are names, got a number as a key"},
        {"return { random = {} }", ": random: want a rate"},
        {"return { random = { rate = 0 } }", "rate = 0: want a number from 0.001 to 1000"},
        {"return { random = { rate = 1, kinds = {} } }", "want a list of 1 to 28 entries, got 0"},
        {"return { random = { rate = 1, kinds = { 'garbige' } } }",
         ": random.kinds[1] = \"garbige\": no such kind, did you mean garbage?"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_fault_plan plan = {.seed = 99};
        struct mw_error err = {.message = ""};
        assert_int_equal(load(cases[i].text, &plan, &err), MW_ECONFIG);
        assert_int_equal(plan.seed, 99);
        if (strstr(err.message, cases[i].message) == NULL ||
            strncmp(err.message, path, strlen(path)) != 0)
            fail_msg("%s: got '%s', want '%s'", cases[i].text, err.message, cases[i].message);
    }
    struct mw_error err;
    struct mw_fault_plan plan;
    assert_int_equal(mw_fault_file_load("no/such.lua", &plan, &err), MW_EIO);
}

static void bounds_the_number_of_faults(void **state)
{
    (void)state;
    struct mw_fault_plan plan;
    struct mw_error err;
    static const char at_bound[] =
        "local t = {} for i = 1, 1024 do t[i] = { kind = 'fin' } end return t";
    assert_int_equal(load(at_bound, &plan, &err), MW_OK);
    assert_int_equal(plan.count, MW_SABOTAGES_MAX);
    mw_fault_plan_deinit(&plan);
    static const char past[] =
        "local t = {} for i = 1, 1025 do t[i] = { kind = 'fin' } end return t";
    assert_int_equal(load(past, &plan, &err), MW_ECONFIG);
    assert_non_null(strstr(err.message, "want at most 1024 faults"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_faults_with_all_their_keys),
        cmocka_unit_test(refuses_with_place_value_and_the_nearest_name),
        cmocka_unit_test(bounds_the_number_of_faults),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
