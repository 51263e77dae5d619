/* backoff_test.c - waits double up to the cap, spread by jitter, and end with the attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/backoff.h"

static struct mw_backoff make(uint32_t attempts, double base_s, double cap_s, double jitter)
{
    struct mw_backoff backoff;
    struct mw_backoff_options options = {
        .attempts = attempts, .base_s = base_s, .cap_s = cap_s, .jitter = jitter};
    mw_backoff_init(&backoff, &options, 7);
    return backoff;
}

static void doubles_up_to_the_cap(void **state)
{
    (void)state;
    struct mw_backoff backoff = make(MW_ATTEMPTS_FOREVER, 0.5, 6, 0);
    static const int64_t waits[] = {500, 1000, 2000, 4000, 6000, 6000};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        assert_int_equal(mw_backoff_next_ms(&backoff), waits[i]);
}

static void ends_when_attempts_are_used_up(void **state)
{
    (void)state;
    struct mw_backoff backoff = make(3, 1, 60, 0);
    assert_int_equal(mw_backoff_next_ms(&backoff), 1000);
    assert_int_equal(mw_backoff_next_ms(&backoff), 2000);
    assert_int_equal(mw_backoff_next_ms(&backoff), 4000);
    assert_int_equal(mw_backoff_next_ms(&backoff), -1);
    assert_int_equal(mw_backoff_next_ms(&backoff), -1);
    assert_int_equal(backoff.attempt_count, 5);
    backoff = make(1, 1, 60, 0);
    assert_int_equal(mw_backoff_next_ms(&backoff), 1000);
    assert_int_equal(mw_backoff_next_ms(&backoff), -1);
    backoff = make(0, 1, 60, 0);
    assert_int_equal(mw_backoff_next_ms(&backoff), -1);
}

static void begins_again_after_a_reset(void **state)
{
    (void)state;
    struct mw_backoff backoff = make(3, 1, 60, 0);
    while (mw_backoff_next_ms(&backoff) >= 0)
        ;
    mw_backoff_reset(&backoff);
    assert_int_equal(mw_backoff_next_ms(&backoff), 1000);
    assert_int_equal(backoff.attempt_count, 1);
}

static void jitter_spreads_to_both_sides_and_repeats_with_the_seed(void **state)
{
    (void)state;
    struct mw_backoff backoff = make(MW_ATTEMPTS_FOREVER, 10, 10, 0.2), twin = backoff;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t wait_ms = mw_backoff_next_ms(&backoff);
        assert_int_equal(wait_ms, mw_backoff_next_ms(&twin));
        least = wait_ms < least ? wait_ms : least;
        most = wait_ms > most ? wait_ms : most;
    }
    assert_in_range(least, 8000, 8100);
    assert_in_range(most, 11900, 12000);
}

static void never_overflows_however_often_it_fails(void **state)
{
    (void)state;
    struct mw_backoff backoff = make(MW_ATTEMPTS_FOREVER, 1, 60, 0);
    for (int i = 0; i < 5000; i++)
        assert_in_range(mw_backoff_next_ms(&backoff), 1000, 60000);
    backoff.attempt_count = UINT32_MAX;
    assert_int_equal(mw_backoff_next_ms(&backoff), 60000);
    backoff = make(MW_ATTEMPTS_FOREVER, 0, 0, 1);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(mw_backoff_next_ms(&backoff), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_cap),
        cmocka_unit_test(ends_when_attempts_are_used_up),
        cmocka_unit_test(begins_again_after_a_reset),
        cmocka_unit_test(jitter_spreads_to_both_sides_and_repeats_with_the_seed),
        cmocka_unit_test(never_overflows_however_often_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
