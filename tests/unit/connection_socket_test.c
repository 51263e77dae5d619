/* connection_socket_test.c - sockets that died, and what is said to keep them alive. */
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

/* --- our pings -------------------------------------------------------------------------------- */

static void a_half_open_connection_is_found_and_replaced(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.deaf_count = 2};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 5,
                                                    .ping_ms = 20,
                                                    .pong_ms = 30});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
        mw_bench_expect_error(&err, MW_ETIMEOUT, attempt, url);
        assert_non_null(strstr(err.message, "nothing received for 0.0"));
        assert_non_null(strstr(err.message, "s, not even an answer to a ping"));
        mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
        mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    }
    mw_made_venue_wait(&venue, "#;+1 BTC@1m;#;+2 BTC@1m;#;+3 BTC@1m;ping;ping;ping;");
    assert_false(mw_made_venue_heard(&venue, "close")); /* nobody would answer that */
    mw_bench_finish(&bench, &venue);
}

static void a_quiet_peer_that_answers_pings_is_kept(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .ping_ms = 5,
                                                    .pong_ms = 2000});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_wait(&venue, "ping;ping;ping;ping;ping;ping;ping;ping;ping;ping;");
    mw_bench_stop(&bench); /* nothing else was told */
    mw_bench_end(&bench);
    mw_made_venue_stop(&venue);
}

static void whatever_is_received_shows_that_the_peer_lives(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.pongless = true};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .ping_ms = 10,
                                                    .pong_ms = 1000});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    /* Pings are never answered. Each of its own counts, and so does any message. */
    mw_made_venue_wait(&venue, "ping;");
    mw_made_venue_push(&venue, "~first");
    mw_made_venue_wait(&venue, "pongfirst;ping;");
    mw_made_venue_push(&venue, "{\"news\":true}");
    mw_made_venue_wait(&venue, "pongfirst;ping;ping;");
    mw_made_venue_push(&venue, "~last");
    mw_made_venue_wait(&venue, "ponglast;");
    struct mw_connection_status status;
    mw_connection_get_status(bench.connection, &status);
    assert_int_equal(status.reconnects, 0);
    mw_bench_finish(&bench, &venue);
}

/* --- the venue's own heartbeats --------------------------------------------------------------- */

static void a_protocols_heartbeat_is_sent_as_often_as_it_says(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.beat = "{\"op\":\"pong\"}", .pongless = true};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){
                               .change = "p.heartbeat = { every = '10ms', send = { op = 'ping' },\n"
                                         "  reply = { when = { op = 'pong' } } }",
                               .endpoints = {mw_made_venue_url(&venue, url)},
                               .endpoint_count = 1,
                               .pong_ms = 2000});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_wait(&venue, "{\"op\":\"ping\"};{\"op\":\"ping\"};{\"op\":\"ping\"};");
    struct mw_connection_status status;
    mw_connection_get_status(bench.connection, &status);
    assert_int_equal(status.other, 0); /* an answer is nothing strange */
    assert_false(mw_made_venue_heard(&venue, ";ping;"));
    mw_bench_finish(&bench, &venue);
}

static void a_heartbeat_that_is_not_answered_ends_the_connection(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.beat = NULL};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){
                               .change = "p.heartbeat = { every = '10ms', send = '{\"beat\":1}',\n"
                                         "  reply = { when = { op = 'pong' } } }",
                               .endpoints = {mw_made_venue_url(&venue, url)},
                               .endpoint_count = 1,
                               .pong_ms = 40});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    struct mw_error err = mw_bench_expect_state(&bench, MW_CONNECTION_FAILED);
    mw_bench_expect_error(&err, MW_ETIMEOUT, 1, url);
    assert_true(mw_made_venue_heard(&venue, "{\"beat\":1}"));
    mw_bench_finish(&bench, &venue);
}

static void a_heartbeat_without_an_answer_proves_nothing_so_a_ping_asks(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.beat = NULL};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench,
                   &(struct mw_bench_setup){.change = "p.heartbeat = { send = '{\"beat\":1}' }",
                                            .endpoints = {mw_made_venue_url(&venue, url)},
                                            .endpoint_count = 1,
                                            .ping_ms = 10,
                                            .pong_ms = 2000});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_wait(&venue, "{\"beat\":1};ping;{\"beat\":1};ping;");
    mw_bench_finish(&bench, &venue);
}

/* --- its pings -------------------------------------------------------------------------------- */

static void pings_of_every_form_are_answered(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench,
                   &(struct mw_bench_setup){
                       .change = "p.pings = { { text = 'ping', answer = '{pong}' },\n"
                                 "  { when = { op = 'ping' },\n"
                                 "    answer = function(m) return '{pong ' .. m.ts .. '}' end } }",
                       .endpoints = {mw_made_venue_url(&venue, url)},
                       .endpoint_count = 1});
    mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_push(&venue, "~\x01payload");
    mw_made_venue_wait(&venue, "pong\x01payload;");
    mw_made_venue_push(&venue, "ping");
    mw_made_venue_wait(&venue, "{pong};");
    mw_made_venue_push(&venue, "{\"op\":\"ping\",\"ts\":\"17\"}");
    mw_made_venue_wait(&venue, "{pong 17};");
    struct mw_connection_status status;
    mw_connection_get_status(bench.connection, &status);
    assert_int_equal(status.other, 0);
    assert_int_equal(status.rejects[MW_REJECT_NOT_JSON], 0);
    mw_bench_finish(&bench, &venue);
}

static void answers_go_first_within_the_rate_and_are_bounded(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){
                               .change = "p.pings = { { text = 'ping', answer = '{pong}' } }\n"
                                         "p.limits = { messages_per_second = 20, batch = 1 }",
                               .endpoints = {mw_made_venue_url(&venue, url)},
                               .endpoint_count = 1});
    for (char symbol[] = "A"; symbol[0] <= 'D'; symbol[0]++)
        mw_bench_subscribe(&bench, symbol);
    mw_bench_start(&bench);
    mw_made_venue_wait(&venue, "+1 A@1m;");
    for (int i = 0; i < 2 * MW_URGENT_MAX; i++)
        mw_made_venue_push(&venue, "ping"); /* 50 ms have to go by before the next message */
    mw_made_venue_push(&venue, "~all");
    mw_made_venue_wait(&venue, "pongall;");
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    pthread_mutex_lock(&venue.lock);
    char *answers = strstr(venue.heard, "{pong};");
    uint32_t count = 0;
    for (const char *at = answers; at != NULL; at = strstr(at + 1, "{pong};"))
        count++;
    assert_in_range(count, 1, MW_URGENT_MAX + 1);
    assert_true(answers < strstr(venue.heard, "+3 C@1m;"));
    int64_t took_ms = venue.heard_ms[venue.heard_count - 1] - venue.heard_ms[0];
    assert_true(took_ms >= (int64_t)(venue.heard_count - 2) * 45); /* the pong is outside of it */
    pthread_mutex_unlock(&venue.lock);
    mw_bench_finish(&bench, &venue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_half_open_connection_is_found_and_replaced),
        cmocka_unit_test(a_quiet_peer_that_answers_pings_is_kept),
        cmocka_unit_test(whatever_is_received_shows_that_the_peer_lives),
        cmocka_unit_test(a_protocols_heartbeat_is_sent_as_often_as_it_says),
        cmocka_unit_test(a_heartbeat_that_is_not_answered_ends_the_connection),
        cmocka_unit_test(a_heartbeat_without_an_answer_proves_nothing_so_a_ping_asks),
        cmocka_unit_test(pings_of_every_form_are_answered),
        cmocka_unit_test(answers_go_first_within_the_rate_and_are_bounded),
    };
    return cmocka_run_group_tests(tests, mw_bench_be_quiet, NULL);
}
