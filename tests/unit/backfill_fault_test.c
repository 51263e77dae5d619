/* backfill_fault_test.c - the history thread and a venue that fails it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "history/backfill.h"

#include "backfill_bench.h"
#include "history_server.h"

/* --- failures --------------------------------------------------------------------------------- */

static void wrong_answers_leave_the_series_and_are_asked_again(void **state)
{
    (void)state;
    static const struct {
        int mode, code;
        const char *body;
    } cases[] = {
        {MW_HISTORY_BODY, 200, "<html>Bad gateway</html>"},
        {MW_HISTORY_BODY, 200, "[[1600000080001,1,2,1,1,1,1,1]]"},
        {MW_HISTORY_BODY, 200, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"},
        {MW_HISTORY_STATUS, 400, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"},
        {MW_HISTORY_STATUS, 500, NULL},
        {MW_HISTORY_STATUS, 302, NULL},
        {MW_HISTORY_CUT, 200, NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_history_bench bench;
        mw_history_bench_begin(&bench, 9, 40);
        bench.server.body = cases[i].body;
        bench.server.code = cases[i].code;
        mw_history_server_set(&bench.server, cases[i].mode, 0);
        mw_history_bench_put_live(&bench, 0, true);
        mw_history_bench_put_live(&bench, 9, false);
        mw_history_server_wait(&bench.server, 2); /* the first was read, and changed nothing */
        assert_int_equal(mw_series_count(bench.series), 2);
        mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
        MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false) &&
                                  !mw_history_bench_has_gap(&bench, true));
        mw_history_bench_expect_bars(&bench, 0, 8);
        MW_WAIT_UNTIL(&bench, mw_history_bench_is_idle(&bench));
        struct mw_backfill_status status;
        mw_backfill_get_status(bench.backfill, "made", &status);
        assert_in_range(status.failures, 2, MW_HISTORY_BENCH_MS);
        assert_int_equal(status.requests, 1);
        assert_false(status.has_error);
        mw_history_bench_end(&bench);
    }
}

/* `mode` for long, then not any more. */
static void expect_given_up(int mode, int code, const char *message)
{
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    bench.server.code = code;
    mw_history_server_set(&bench.server, mode, 0);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 9, false);
    MW_WAIT_UNTIL(&bench, mw_history_bench_has_told(&bench, "failed;"));
    assert_true(mw_history_bench_has_gap(&bench, true));
    assert_false(mw_history_bench_has_gap(&bench, false));
    assert_true(mw_history_server_count(&bench.server) >= MW_BACKFILL_ATTEMPTS_MAX);
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_true(status.has_error);
    assert_non_null(strstr(status.error.message, message));
    mw_history_server_wait(&bench.server, MW_BACKFILL_ATTEMPTS_MAX + 2); /* slowly, for ever */
    assert_true(mw_history_bench_has_gap(&bench, true));
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    MW_WAIT_UNTIL(&bench, mw_history_bench_has_told(&bench, "failed;works;"));
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, true));
    mw_history_bench_expect_bars(&bench, 0, 8);
    mw_history_bench_end(&bench);
}

static void gives_a_hole_up_and_comes_back_to_it(void **state)
{
    (void)state;
    expect_given_up(MW_HISTORY_STATUS, 400, "history of X 1m: the venue answers with status 400");
    expect_given_up(MW_HISTORY_STATUS, 503, "history of X 1m: the venue answers with status 503");
    expect_given_up(MW_HISTORY_CUT, 200, "history of X 1m: http://127.0.0.1:");
}

static void a_stretch_that_cannot_be_filled_does_not_hold_up_older_ones(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 20, 5);
    bench.server.code = 400;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 0);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 10, true);
    mw_history_bench_put_live(&bench, 30, true); /* the history ends before it */
    MW_WAIT_UNTIL(&bench, mw_history_bench_has_gap(&bench, true) &&
                              !mw_history_bench_has_gap(&bench, false));
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    MW_WAIT_UNTIL(&bench, !mw_series_find_gap(bench.series, mw_history_open_ms(1),
                                              mw_history_open_ms(9), NULL));
    assert_true(mw_history_bench_has_gap(&bench, true));
    mw_history_bench_end(&bench);
}

static void stays_away_for_as_long_as_it_is_asked_to(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    bench.server.code = 429;
    bench.server.retry_after_s = 1;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 1);
    mw_history_bench_put_live(&bench, 0, true);
    mw_history_bench_put_live(&bench, 9, false);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false));
    assert_int_equal(mw_history_server_count(&bench.server), 2);
    assert_in_range(bench.server.request_ms[1] - bench.server.request_ms[0], 990,
                    MW_HISTORY_BENCH_MS);
    mw_history_bench_end(&bench);
}

static void keeps_to_the_rate(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 100);
    struct mw_backfill_source source = mw_history_bench_source_of(&bench, 12, 20);
    mw_history_bench_begin_with(&bench, 100, &source);
    mw_backfill_want(bench.backfill, bench.series);
    MW_WAIT_UNTIL(&bench, mw_series_count(bench.series) == MW_HISTORY_BENCH_BARS &&
                              mw_history_bench_is_idle(&bench));
    int count = mw_history_server_count(&bench.server);
    assert_int_equal(count, 10); /* 11 new bars each */
    assert_in_range(bench.server.request_ms[count - 1] - bench.server.request_ms[0],
                    (count - 2) * 50, MW_HISTORY_BENCH_MS);
    mw_history_bench_end(&bench);
}

static void stops_at_once_with_a_request_under_way(void **state)
{
    (void)state;
    struct mw_history_bench bench;
    mw_history_bench_begin(&bench, 9, 40);
    mw_history_server_set(&bench.server, MW_HISTORY_SILENT, 0);
    mw_backfill_want(bench.backfill, bench.series);
    mw_history_server_wait(&bench.server, 1);
    int64_t begun_ms = mw_clock_monotonic_ms();
    mw_backfill_stop(bench.backfill);
    mw_backfill_stop(bench.backfill);
    assert_in_range(mw_clock_monotonic_ms() - begun_ms, 0, 199);
    mw_backfill_check(bench.backfill, bench.series); /* nobody listens */
    mw_history_bench_end(&bench);
}

/* One schedule: bars come live or are missed, answers are of any kind, buckets are quiet. */
static void run_schedule(uint64_t seed)
{
    enum { MINUTES = 60 };
    static const int modes[] = {MW_HISTORY_GOOD,    MW_HISTORY_CUT,       MW_HISTORY_STATUS,
                                MW_HISTORY_WITHOUT, MW_HISTORY_BACKWARDS, MW_HISTORY_BODY};
    struct mw_random random = {.state = seed};
    struct mw_history_bench bench;
    mw_history_bench_prepare(&bench, 0);
    for (int minute = 1; minute < MINUTES; minute++)
        bench.server.quiet[minute] = mw_random_next(&random) % 5 == 0;
    bench.server.code = mw_random_next(&random) % 2 ? 503 : 404;
    bench.server.body = "[[1,2,3]]";
    struct mw_backfill_source source =
        mw_history_bench_source_of(&bench, 5 + (int)(seed % 30), MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(&bench, 0, &source);
    mw_history_bench_put_live(&bench, 0, true);
    for (int minute = 1; minute <= MINUTES; minute++) {
        pthread_mutex_lock(&bench.server.lock);
        bench.server.last = minute - (int)(mw_random_next(&random) % 2); /* it may lag */
        bench.server.mode = modes[mw_random_next(&random) % MW_COUNT(modes)];
        bench.server.mode_count = 1;
        bench.server.without = minute - 1; /* never the same one twice */
        pthread_mutex_unlock(&bench.server.lock);
        if (mw_random_next(&random) % 4 == 0)
            mw_series_interrupt(bench.series);
        if (mw_random_next(&random) % 3 == 0 || bench.server.quiet[minute])
            continue;
        mw_history_bench_put_live(&bench, minute, false);
        if (mw_random_next(&random) % 2)
            mw_history_bench_put_live(&bench, minute, true);
        mw_wake_wait(&bench.wake, (int64_t)(mw_random_next(&random) % 3));
    }
    mw_history_bench_put_live(&bench, MINUTES, false);
    mw_history_bench_put_live(&bench, MINUTES, true);
    mw_history_server_set_last(&bench.server, MINUTES + 1);
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    MW_WAIT_UNTIL(&bench, !mw_history_bench_has_gap(&bench, false) &&
                              !mw_history_bench_has_gap(&bench, true));
    mw_history_bench_expect_bars(&bench, 0, MINUTES);
    mw_history_bench_end(&bench);
}

static void whatever_goes_wrong_the_series_is_right_in_the_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_schedule(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_answers_leave_the_series_and_are_asked_again),
        cmocka_unit_test(gives_a_hole_up_and_comes_back_to_it),
        cmocka_unit_test(a_stretch_that_cannot_be_filled_does_not_hold_up_older_ones),
        cmocka_unit_test(stays_away_for_as_long_as_it_is_asked_to),
        cmocka_unit_test(keeps_to_the_rate),
        cmocka_unit_test(stops_at_once_with_a_request_under_way),
        cmocka_unit_test(whatever_goes_wrong_the_series_is_right_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
