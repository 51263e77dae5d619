/* connection_test.c - the life of a feed's connection: states, retries, refusals, stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

#include "connection_bench.h"
#include "made_venue.h"
#include "protocol_file.h"

/* --- life ------------------------------------------------------------------------------------- */

static void goes_through_its_states_and_starts_again(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1});
    assert_int_equal(mw_connection_get_state(bench.connection), MW_CONNECTION_DISCONNECTED);
    mw_bench_subscribe(&bench, "BTC");
    for (int round = 1; round <= 3; round++) {
        mw_bench_start_confirmed(&bench);
        struct mw_error err;
        assert_int_equal(mw_connection_start(bench.connection, &err), MW_EINVAL);
        struct mw_connection_status status;
        mw_connection_get_status(bench.connection, &status);
        assert_int_equal(status.state, MW_CONNECTION_CONFIRMED);
        assert_string_equal(status.endpoint, url);
        assert_int_equal(status.subscription_count, 1);
        assert_int_equal(status.reconnects, 0);
        assert_false(status.has_error);
        mw_bench_stop(&bench);
        mw_connection_stop(bench.connection); /* idempotent */
        assert_int_equal(mw_connection_get_state(bench.connection), MW_CONNECTION_DISCONNECTED);
    }
    mw_made_venue_wait(&venue, "#;+1 BTC@1m;close;#;+2 BTC@1m;close;#;+3 BTC@1m;close;");
    mw_bench_end(&bench);
    mw_made_venue_stop(&venue);
}

static void tries_again_what_failed_before_there_was_a_client(void **state)
{
    (void)state;
    char url[32];
    struct mw_made_venue venue = {.silent = false};
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .ca_file = "/nowhere/ca.pem"});
    mw_bench_start(&bench);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    assert_int_equal(err.status, MW_ETLS);
    for (int round = 0; round < 2; round++) {
        mw_connection_reconnect(bench.connection);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
        err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
        assert_int_equal(err.status, MW_ETLS);
    }
    mw_bench_subscribe(&bench, "BTC"); /* wakes it for nothing */
    mw_bench_finish(&bench, &venue);
}

static void takes_endpoints_in_turn_until_attempts_are_used_up(void **state)
{
    (void)state;
    char first[32], second[32];
    snprintf(first, sizeof(first), "ws://127.0.0.1:%u/", mw_raw_refusing_port());
    snprintf(second, sizeof(second), "ws://127.0.0.1:%u/", mw_raw_refusing_port());
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {first, second},
                                                    .endpoint_count = 2,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 2});
    for (int round = 0; round < 2; round++) {
        mw_bench_start(&bench);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
        struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_error(&err, MW_ECONNECT, 1, first);
        err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_error(&err, MW_ECONNECT, 2, second);
        err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
        mw_bench_expect_error(&err, MW_ECONNECT, 3, first);
        struct mw_connection_status status;
        mw_connection_get_status(bench.connection, &status);
        assert_int_equal(status.state, MW_CONNECTION_FAILED);
        assert_int_equal(status.error.attempts, 3);
        assert_string_equal(status.endpoint, first);
        mw_bench_subscribe(&bench, round == 0 ? "BTC" : "ETH"); /* for the next start */
        mw_bench_stop(&bench);
    }
    mw_bench_end(&bench);
}

static void finds_the_endpoint_that_works(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32], refusing[32];
    mw_made_venue_start(&venue);
    snprintf(refusing, sizeof(refusing), "ws://127.0.0.1:%u/", mw_raw_refusing_port());
    struct mw_bench bench;
    mw_bench_begin(&bench,
                   &(struct mw_bench_setup){.endpoints = {refusing, mw_made_venue_url(&venue, url)},
                                            .endpoint_count = 2,
                                            .wait_s = 0.001,
                                            .attempt_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_bench_finish(&bench, &venue);
}

static void data_makes_the_next_failure_the_first_again(void **state)
{
    (void)state;
    static const char *const pushes[] = {mw_bench_bar, NULL};
    struct mw_made_venue venue = {.leaves = true, .pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    for (uint64_t round = 0; round < 4; round++) {
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_error(&err, MW_ECLOSED, 1, url);
        struct mw_connection_status status;
        mw_connection_get_status(bench.connection, &status);
        assert_true(status.reconnects >= round && status.candles > round);
    }
    mw_connection_stop(bench.connection);
    mw_bench_end(&bench);
    mw_made_venue_stop(&venue);
}

static void a_venue_without_data_uses_attempts_up(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.leaves = true};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ECLOSED, 2, url);
    mw_bench_finish(&bench, &venue);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void a_venue_that_never_confirms_is_left(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .confirm_ms = 20,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 1});
    mw_bench_subscribe(&bench, "MUTE");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_error(&err, MW_ETIMEOUT, 1, url);
    assert_string_equal(err.message, "the venue did not confirm within 0.02 s");
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ETIMEOUT, 2, url);
    mw_bench_finish(&bench, &venue);
}

static void a_refusal_before_confirmation_is_final(void **state)
{
    (void)state;
    for (int nameless = 0; nameless < 2; nameless++) {
        struct mw_made_venue venue = {.nameless = nameless != 0};
        char url[32];
        mw_made_venue_start(&venue);
        struct mw_bench bench;
        mw_bench_begin(&bench,
                       &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                .endpoint_count = 1,
                                                .wait_s = 0.001,
                                                .attempt_count = 5});
        mw_bench_subscribe(&bench, "BAD");
        mw_bench_start(&bench);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
        mw_bench_expect_error(&err, MW_ESUBSCRIBE, 1, url);
        assert_string_equal(err.message, "the venue refuses: no such symbol");
        assert_int_equal(err.code, 7);
        mw_bench_stop(&bench);
        mw_bench_end(&bench);
        mw_made_venue_stop(&venue);
    }
}

static void a_refusal_after_confirmation_ends_only_what_was_refused(void **state)
{
    (void)state;
    for (int nameless = 0; nameless < 2; nameless++) {
        struct mw_made_venue venue = {.nameless = nameless != 0};
        char url[32];
        mw_made_venue_start(&venue);
        struct mw_bench bench;
        mw_bench_begin(&bench,
                       &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                .endpoint_count = 1,
                                                .wait_s = 0.001,
                                                .attempt_count = 5});
        mw_bench_subscribe(&bench, "BTC");
        mw_bench_start_confirmed(&bench);
        struct mw_series *series;
        assert_int_equal(mw_connection_subscribe(bench.connection, "BAD",
                                                 (struct mw_timeframe){1, 'm'}, &series, NULL),
                         MW_OK);
        struct mw_bench_told told = mw_bench_next_told(&bench);
        assert_true(!told.is_state && told.has_error && told.state == MW_CONNECTION_CONFIRMED);
        mw_bench_expect_error(&told.error, MW_ESUBSCRIBE, 0, url);
        assert_int_equal(told.error.code, 7);
        struct mw_connection_status status;
        mw_connection_get_status(bench.connection, &status);
        assert_int_equal(status.subscription_count, 1);
        assert_int_equal(status.state, MW_CONNECTION_CONFIRMED);
        assert_int_equal(mw_series_get_health(series), MW_SERIES_IDLE);
        struct mw_error err;
        assert_int_equal(
            mw_connection_unsubscribe(bench.connection, "BAD", (struct mw_timeframe){1, 'm'}, &err),
            MW_EINVAL);
        mw_bench_subscribe(&bench, "BAD"); /* asks again */
        assert_false(mw_bench_next_told(&bench).is_state);
        mw_bench_subscribe(&bench, "DROP");
        mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
        mw_made_venue_wait(&venue, "#;+1 BTC@1m;+2 BAD@1m;+3 BAD@1m;+4 DROP@1m;#;"
                                   "+5 BTC@1m DROP@1m;");
        mw_bench_stop(&bench);
        mw_bench_end(&bench);
        mw_made_venue_stop(&venue);
    }
}

static void a_long_refusal_is_shown(void **state)
{
    (void)state;
    static char push[MW_ERROR_MESSAGE_BYTES + 64];
    char words[MW_ERROR_MESSAGE_BYTES + 1];
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    snprintf(push, sizeof(push), "{\"ok\":false,\"id\":99,\"message\":\"%s\"}", words);
    const char *const pushes[] = {push, NULL};
    struct mw_made_venue venue = {.pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    assert_non_null(strstr(mw_bench_next_told(&bench).error.message, "refuses: wwwwwwww"));
    mw_bench_finish(&bench, &venue);
}

static void a_function_that_raises_is_final(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(
        &bench, &(struct mw_bench_setup){.change = "p.subscribe = function() error('no idea') end",
                                         .endpoints = {mw_made_venue_url(&venue, url)},
                                         .endpoint_count = 1,
                                         .wait_s = 0.001,
                                         .attempt_count = 5});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ECONFIG, 1, url);
    assert_non_null(strstr(err.message, "no idea"));
    mw_bench_finish(&bench, &venue);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stops_within_a_second_in_every_state(void **state)
{
    (void)state;
    struct mw_made_venue silent = {.silent = true}, stubborn = {.stubborn = true};
    char silent_url[32], stubborn_url[32], refusing[32];
    mw_made_venue_start(&silent);
    mw_made_venue_start(&stubborn);
    mw_made_venue_url(&silent, silent_url);
    mw_made_venue_url(&stubborn, stubborn_url);
    snprintf(refusing, sizeof(refusing), "ws://127.0.0.1:%u/", mw_raw_refusing_port());
    const struct {
        const char *url, *symbol, *until;
        mw_connection_state last;
    } cases[] = {
        {refusing, "BTC", NULL, MW_CONNECTION_DISCONNECTED}, /* at once */
        {"ws://nothing.invalid/", "BTC", NULL, MW_CONNECTION_CONNECTING},
        {silent_url, "BTC", "#", MW_CONNECTION_CONNECTING},
        {refusing, "BTC", NULL, MW_CONNECTION_RECONNECTING}, /* in a wait of a minute */
        {stubborn_url, "MUTE", "MUTE", MW_CONNECTION_CONNECTED},
        {stubborn_url, "BTC", NULL, MW_CONNECTION_CONFIRMED},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_bench bench;
        mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {cases[i].url},
                                                        .endpoint_count = 1,
                                                        .wait_s = 60,
                                                        .attempt_count = 5});
        mw_bench_subscribe(&bench, cases[i].symbol);
        mw_bench_start(&bench);
        while (cases[i].last != MW_CONNECTION_DISCONNECTED &&
               mw_bench_next_told(&bench).state != cases[i].last)
            ;
        if (cases[i].until != NULL)
            mw_made_venue_wait(cases[i].url == silent_url ? &silent : &stubborn, cases[i].until);
        int64_t began_ms = mw_clock_monotonic_ms();
        mw_connection_stop(bench.connection);
        assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, MW_BENCH_STOP_MS_MAX);
        assert_int_equal(mw_connection_get_state(bench.connection), MW_CONNECTION_DISCONNECTED);
        mw_bench_end(&bench);
    }
    mw_made_venue_stop(&silent);
    mw_made_venue_stop(&stubborn);
}

static void a_reason_does_not_outlive_its_connection(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.stubborn = true};
    char url[32], refusing[32];
    mw_made_venue_start(&venue);
    snprintf(refusing, sizeof(refusing), "ws://127.0.0.1:%u/", mw_raw_refusing_port());
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .confirm_ms = 20});
    mw_bench_subscribe(&bench, "MUTE");
    mw_bench_start(&bench);
    mw_made_venue_wait(&venue, "close"); /* it has waited long enough, and is leaving */
    mw_connection_stop(bench.connection);
    const char *const endpoints[] = {refusing};
    assert_int_equal(mw_connection_set_endpoints(bench.connection, endpoints, 1, NULL), MW_OK);
    bench.seen_count = bench.told_count;
    mw_bench_start(&bench);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ECONNECT, 1, refusing);
    mw_bench_finish(&bench, &venue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_through_its_states_and_starts_again),
        cmocka_unit_test(tries_again_what_failed_before_there_was_a_client),
        cmocka_unit_test(takes_endpoints_in_turn_until_attempts_are_used_up),
        cmocka_unit_test(finds_the_endpoint_that_works),
        cmocka_unit_test(data_makes_the_next_failure_the_first_again),
        cmocka_unit_test(a_venue_without_data_uses_attempts_up),
        cmocka_unit_test(a_venue_that_never_confirms_is_left),
        cmocka_unit_test(a_refusal_before_confirmation_is_final),
        cmocka_unit_test(a_refusal_after_confirmation_ends_only_what_was_refused),
        cmocka_unit_test(a_long_refusal_is_shown),
        cmocka_unit_test(a_function_that_raises_is_final),
        cmocka_unit_test(stops_within_a_second_in_every_state),
        cmocka_unit_test(a_reason_does_not_outlive_its_connection),
    };
    return cmocka_run_group_tests(tests, mw_bench_be_quiet, NULL);
}
