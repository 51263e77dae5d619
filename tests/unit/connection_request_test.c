/* connection_request_test.c - what a connection asks its venue for, and what comes of it. */
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

/* --- requests --------------------------------------------------------------------------------- */

static void asks_in_batches_and_for_changes_only(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.change = "p.limits.streams = 4",
                                                    .endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 5});
    mw_bench_subscribe(&bench, "C");
    mw_bench_subscribe(&bench, "A");
    mw_bench_subscribe(&bench, "A"); /* is subscribed */
    mw_bench_subscribe(&bench, "X");
    mw_bench_unsubscribe(&bench, "X"); /* before anybody asked */
    mw_bench_subscribe(&bench, "B");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_wait(&venue, "#;+1 A@1m B@1m;+2 C@1m;");
    mw_bench_unsubscribe(&bench, "B");
    mw_made_venue_wait(&venue, "-3 B@1m;");
    mw_bench_subscribe(&bench, "B");
    mw_made_venue_wait(&venue, "+4 B@1m;");
    mw_bench_subscribe(&bench, "DROP");
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_made_venue_wait(&venue, "#;+1 A@1m B@1m;+2 C@1m;-3 B@1m;+4 B@1m;+5 DROP@1m;"
                               "#;+6 A@1m B@1m;+7 C@1m DROP@1m;");
    struct mw_error err;
    assert_int_equal(
        mw_connection_subscribe(bench.connection, "E", (struct mw_timeframe){1, 'm'}, NULL, &err),
        MW_ELIMIT);
    assert_string_equal(err.message, "feed demo: made carries at most 4 streams");
    mw_bench_finish(&bench, &venue);
}

static void a_protocol_that_replaces_names_everything_each_time(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.nameless = true};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(
        &bench, &(struct mw_bench_setup){.change = "p.subscription = 'replace' p.unsubscribe = nil",
                                         .endpoints = {mw_made_venue_url(&venue, url)},
                                         .endpoint_count = 1});
    mw_bench_subscribe(&bench, "A");
    mw_bench_subscribe(&bench, "B");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_wait(&venue, "+1 A@1m B@1m;");
    mw_bench_subscribe(&bench, "C"); /* more than a batch: still one message */
    mw_made_venue_wait(&venue, "+2 A@1m B@1m C@1m;");
    mw_bench_unsubscribe(&bench, "A");
    mw_made_venue_wait(&venue, "+3 B@1m C@1m;");
    mw_bench_unsubscribe(&bench, "B");
    mw_made_venue_wait(&venue, "+4 C@1m;");
    mw_bench_unsubscribe(&bench, "C");
    mw_made_venue_wait(&venue, "+5 ;");
    mw_bench_finish(&bench, &venue);
}

static void keeps_to_the_rate_and_waits_for_answers_from_then_on(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    /* Eight messages take 350 ms, more than the venue has for an answer. */
    mw_bench_begin(&bench, &(struct mw_bench_setup){
                               .change = "p.limits = { messages_per_second = 20, batch = 1 }",
                               .endpoints = {mw_made_venue_url(&venue, url)},
                               .endpoint_count = 1,
                               .confirm_ms = 200});
    for (char symbol[] = "A"; symbol[0] <= 'H'; symbol[0]++)
        mw_bench_subscribe(&bench, symbol);
    mw_bench_start_confirmed(&bench);
    pthread_mutex_lock(&venue.lock);
    assert_int_equal(venue.heard_count, 8);
    assert_true(venue.heard_ms[7] - venue.heard_ms[0] >= 300);
    pthread_mutex_unlock(&venue.lock);
    mw_bench_finish(&bench, &venue);
}

static void a_quiet_venue_confirms_with_its_first_candle(void **state)
{
    (void)state;
    static const char *const pushes[] = {mw_bench_bar, "{\"ok\":false,\"id\":1}", NULL};
    struct mw_made_venue venue = {.pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.change = "p.replies.ok = nil",
                                                    .endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_subscribe(&bench, "ETH");
    mw_bench_start_confirmed(&bench);
    struct mw_bench_told told =
        mw_bench_next_told(&bench); /* and a refusal ends nothing: who knows of what */
    assert_false(told.is_state);
    assert_string_equal(told.error.message, "the venue refuses with code 0");
    struct mw_connection_status status;
    mw_connection_get_status(bench.connection, &status);
    assert_int_equal(status.subscription_count, 2);
    mw_bench_finish(&bench, &venue);
}

static void bad_series_are_refused(void **state)
{
    (void)state;
    struct mw_bench bench;
    mw_bench_begin(
        &bench, &(struct mw_bench_setup){.endpoints = {"ws://127.0.0.1:1/"}, .endpoint_count = 1});
    char symbol[MW_SYMBOL_BYTES_MAX + 2];
    memset(symbol, 'S', sizeof(symbol) - 1);
    symbol[sizeof(symbol) - 1] = '\0';
    const char *const symbols[] = {"", " ", "A B", "A\n", "\x80", symbol};
    struct mw_error err;
    for (size_t i = 0; i < MW_COUNT(symbols); i++)
        assert_int_equal(mw_connection_subscribe(bench.connection, symbols[i],
                                                 (struct mw_timeframe){1, 'm'}, NULL, &err),
                         MW_EINVAL);
    symbol[MW_SYMBOL_BYTES_MAX] = '\0';
    mw_bench_subscribe(&bench, symbol);
    assert_int_equal(
        mw_connection_subscribe(bench.connection, "A", (struct mw_timeframe){7, 'm'}, NULL, &err),
        MW_EINVAL);
    assert_string_equal(err.message, "feed demo: made does not offer the timeframe 7m");
    assert_int_equal(
        mw_connection_unsubscribe(bench.connection, "A", (struct mw_timeframe){1, 'm'}, &err),
        MW_EINVAL);
    assert_string_equal(err.message, "feed demo: A 1m is not subscribed");
    mw_bench_end(&bench);

    struct mw_connection *connection = NULL;
    const char *const endpoints[] = {"ws://ok/", "http://no/"};
    const struct mw_connection_options options = {
        .name = "demo", .endpoints = endpoints, .endpoint_count = 2};
    assert_int_equal(mw_connection_new(&options, mw_protocol_file_get(""), &connection, &err),
                     MW_EPARSE);
    assert_string_equal(err.message, "feed demo: URL 'http://no/': want ws:// or wss://");
    assert_null(connection);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void counts_what_becomes_of_each_message(void **state)
{
    (void)state;
    static const char *const pushes[] = {
        mw_bench_bar,
        mw_bench_bar, /* the same */
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":60000,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":0}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"60\",\"t\":0,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":0}",
        "{\"k\":7,\"s\":\"ETH\",\"f\":\"1m\",\"t\":0,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":0}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":1,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":0}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":0,\"o\":1,\"h\":1,\"l\":2,\"c\":1,\"v\":0}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":0,\"o\":\"NaN\",\"h\":1,\"l\":2,\"c\":1}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":0,\"o\":1,\"h\":1,\"l\":2,\"c\":1}",
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":9e13,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":1}",
        "hello",
        "\"\xff\"",
        "!binary",
        "{\"news\":true}",
        "{\"ok\":false,\"id\":99,\"message\":\"the last\"}",
        NULL};
    struct mw_made_venue venue = {.pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    assert_non_null(strstr(mw_bench_next_told(&bench).error.message, "the last"));
    struct mw_connection_status status;
    mw_connection_get_status(bench.connection, &status);
    assert_int_equal(status.frames, MW_COUNT(pushes)); /* the answer, too */
    assert_int_equal(status.candles, 3);
    assert_int_equal(status.late, 1);
    assert_int_equal(status.unsubscribed, 1);
    assert_int_equal(status.other, 1);
    static const mw_reject rejects[] = {MW_REJECT_UNKNOWN_SYMBOL, MW_REJECT_NOT_A_NUMBER,
                                        MW_REJECT_MISSING_FIELD,  MW_REJECT_NOT_JSON,
                                        MW_REJECT_NOT_UTF8,       MW_REJECT_BINARY};
    for (size_t i = 0; i < MW_COUNT(rejects); i++)
        assert_int_equal(status.rejects[rejects[i]], 1);
    assert_int_equal(status.rejects[mw_reject_of_fault(MW_FAULT_OFF_GRID)], 1);
    assert_int_equal(status.rejects[mw_reject_of_fault(MW_FAULT_RANGE)], 1);
    assert_int_equal(status.rejects[mw_reject_of_fault(MW_FAULT_FUTURE)], 1);
    mw_bench_finish(&bench, &venue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_in_batches_and_for_changes_only),
        cmocka_unit_test(a_protocol_that_replaces_names_everything_each_time),
        cmocka_unit_test(keeps_to_the_rate_and_waits_for_answers_from_then_on),
        cmocka_unit_test(a_quiet_venue_confirms_with_its_first_candle),
        cmocka_unit_test(bad_series_are_refused),
        cmocka_unit_test(counts_what_becomes_of_each_message),
    };
    return cmocka_run_group_tests(tests, mw_bench_be_quiet, NULL);
}
