/* connection_stream_test.c - series that fall silent while their socket is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

#include "connection_bench.h"
#include "made_venue.h"

/* Silence is measured in real time, by threads that a busy machine may not run for as long: what
 * fails is tried once more with all of this SCALE times as long. A defect fails both times. */
enum { STALL_MS = 60, STEP_MS = 10, SCALE = 5, WAIT_MS = 20000 };
static int64_t stall_ms = STALL_MS, step_ms = STEP_MS;

/* A forming candle of the symbol's minute; `close` makes it differ. */
static void push_bar(struct mw_made_venue *venue, const char *symbol, int close)
{
    char text[160];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":60000,\"o\":1,\"h\":9999,\"l\":1,"
             "\"c\":%d,\"v\":1}",
             symbol, close);
    mw_made_venue_push(venue, text);
}

/* Pushes candles of `symbol` until `heard` was heard. */
static void flow_until(struct mw_made_venue *venue, const char *symbol, const char *heard)
{
    int64_t until_ms = mw_clock_monotonic_ms() + WAIT_MS;
    for (int close = 1; !mw_made_venue_wait_for(venue, heard, step_ms); close++) {
        assert_true(mw_clock_monotonic_ms() < until_ms);
        push_bar(venue, symbol, 1 + close % 9000);
    }
}

static void flow_for(struct mw_made_venue *venue, const char *symbol, int64_t ms)
{
    int64_t until_ms = mw_clock_monotonic_ms() + ms;
    for (int close = 1; mw_clock_monotonic_ms() < until_ms; close++) {
        push_bar(venue, symbol, 1 + close % 9000);
        mw_made_venue_wait_for(venue, "never", step_ms);
    }
}

struct stream {
    struct mw_made_venue venue;
    struct mw_bench bench;
    struct mw_series *a, *b;
    char url[32];
};

/* Connects with A and B. */
static void join(struct stream *stream, const char *change, bool probes, int64_t stream_stall_ms)
{
    *stream = (struct stream){.venue = {.nameless = change != NULL}};
    mw_made_venue_start(&stream->venue);
    mw_bench_begin(
        &stream->bench,
        &(struct mw_bench_setup){.change = change,
                                 .endpoints = {mw_made_venue_url(&stream->venue, stream->url)},
                                 .endpoint_count = 1,
                                 .wait_s = 0.001,
                                 .attempt_count = 5,
                                 .stall_ms = stream_stall_ms,
                                 .ping_ms = 20,
                                 .pong_ms = 10000,
                                 .probes = probes});
    stream->a = mw_bench_subscribe(&stream->bench, "A");
    stream->b = mw_bench_subscribe(&stream->bench, "B");
    assert_int_equal(mw_series_get_health(stream->a), MW_SERIES_STALE);
    mw_bench_start_confirmed(&stream->bench);
}

/* The same, and one candle of each. */
static void begin(struct stream *stream, const char *change, bool probes)
{
    join(stream, change, probes, stall_ms);
    push_bar(&stream->venue, "A", 1);
    push_bar(&stream->venue, "B", 1);
    mw_bench_wait_health(&stream->bench, stream->a, MW_SERIES_LIVE);
    mw_bench_wait_health(&stream->bench, stream->b, MW_SERIES_LIVE);
}

static struct mw_connection_status end(struct stream *stream)
{
    struct mw_connection_status status;
    mw_connection_get_status(stream->bench.connection, &status);
    mw_bench_stop(&stream->bench);
    mw_bench_end(&stream->bench);
    mw_made_venue_stop(&stream->venue);
    return status;
}

static void wait_close(const struct mw_series *series, double close)
{
    int64_t until_ms = mw_clock_monotonic_ms() + WAIT_MS;
    struct mw_candle candle;
    do {
        assert_true(mw_clock_monotonic_ms() < until_ms);
        assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &candle), 1);
    } while (candle.close != close);
}

static uint8_t newest_flags(const struct mw_series *series)
{
    struct mw_candle candle;
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &candle), 1);
    return candle.flags;
}

static void a_silent_series_is_subscribed_again_alone(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, true);
    flow_until(&stream.venue, "A", "#;+1 A@1m B@1m;");
    flow_until(&stream.venue, "A", "-2 B@1m;+3 B@1m;");
    mw_bench_wait_health(&stream.bench, stream.b, MW_SERIES_STALE);
    assert_true(newest_flags(stream.b) & MW_CANDLE_UNPROVEN);
    assert_int_equal(mw_series_get_health(stream.a), MW_SERIES_LIVE);
    assert_false(newest_flags(stream.a) & MW_CANDLE_UNPROVEN);
    assert_true(mw_bench_wait_probes(&stream.bench, 1, WAIT_MS) >= 1);
    assert_ptr_equal(stream.bench.probed[0], stream.b);
    push_bar(&stream.venue, "B", 2);
    mw_bench_wait_health(&stream.bench, stream.b, MW_SERIES_LIVE);
    assert_false(newest_flags(stream.b) & MW_CANDLE_UNPROVEN);
    struct mw_connection_status status = end(&stream);
    assert_true(status.resubscribes >= 1);
    assert_int_equal(status.reconnects, 0);
}

static void a_protocol_that_replaces_names_all_again(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, "p.subscription = 'replace' p.unsubscribe = nil", false);
    flow_until(&stream.venue, "A", "#;+1 A@1m B@1m;");
    flow_until(&stream.venue, "A", "+2 A@1m B@1m;");
    mw_bench_wait_health(&stream.bench, stream.b, MW_SERIES_STALE);
    assert_int_equal(mw_series_get_health(stream.a), MW_SERIES_LIVE);
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.reconnects, 0);
}

static void each_look_in_vain_doubles_the_time_until_the_next(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, false);
    flow_for(&stream.venue, "A", 14 * stall_ms); /* looks at 1, 3 and 7, and a little */
    struct mw_connection_status status = end(&stream);
    assert_in_range(status.resubscribes, 2, 3);
}

static void a_series_is_given_eight_times_its_cadence(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, false);
    for (int i = 0; i < 3; i++) {
        flow_for(&stream.venue, "A", stall_ms * 5 / 2);
        push_bar(&stream.venue, "B", i + 2);
    }
    struct mw_connection_status status;
    mw_connection_get_status(stream.bench.connection, &status);
    uint64_t before = status.resubscribes; /* while its cadence was not known */
    int64_t began_ms = mw_clock_monotonic_ms();
    for (int close = 1; status.resubscribes == before; close++) {
        push_bar(&stream.venue, "A", 1 + close % 9000);
        mw_made_venue_wait_for(&stream.venue, "never", step_ms);
        mw_connection_get_status(stream.bench.connection, &status);
        assert_true(mw_clock_monotonic_ms() - began_ms < WAIT_MS);
    }
    assert_true(mw_clock_monotonic_ms() - began_ms >= 8 * stall_ms);
    end(&stream);
}

static void a_quiet_market_on_a_healthy_socket_is_left_alone(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, true);
    /* The history is asked now and then, about few, and finds nothing. */
    uint32_t asked = mw_bench_wait_probes(&stream.bench, 2, WAIT_MS);
    for (uint32_t i = 0; i < asked; i++)
        mw_connection_on_probe(stream.bench.connection, stream.bench.probed[i], false);
    mw_made_venue_wait_for(&stream.venue, "never", 10 * stall_ms);
    assert_in_range(mw_bench_wait_probes(&stream.bench, 0, 0), 2, 8); /* of A and B, doubling */
    assert_int_equal(mw_series_get_health(stream.a), MW_SERIES_LIVE);
    assert_false(newest_flags(stream.a) & MW_CANDLE_UNPROVEN);
    mw_made_venue_wait(&stream.venue, "ping;ping;ping;");
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.resubscribes, 0);
    assert_int_equal(status.reconnects, 0);
}

/* Silence of all begins with one or another; the first is not the only one that is silent. */
static void what_falls_silent_a_moment_before_the_rest_is_left_alone(void **state)
{
    (void)state;
    enum { LONG_STALL_MS = 400 };
    struct stream stream;
    join(&stream, NULL, true, LONG_STALL_MS);
    push_bar(&stream.venue, "A", 1);
    mw_bench_wait_health(&stream.bench, stream.a, MW_SERIES_LIVE);
    flow_for(&stream.venue, "B", LONG_STALL_MS / 2 + 20);
    assert_true(mw_bench_wait_probes(&stream.bench, 2, WAIT_MS) >= 2);
    assert_int_equal(mw_series_get_health(stream.a), MW_SERIES_LIVE);
    assert_false(newest_flags(stream.a) & MW_CANDLE_UNPROVEN);
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.resubscribes, 0);
}

static void a_dead_stream_is_replaced_when_history_knows_more(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, true);
    assert_true(mw_bench_wait_probes(&stream.bench, 2, WAIT_MS) >= 2);
    mw_connection_on_probe(stream.bench.connection, stream.b, true);
    struct mw_error err = mw_bench_expect_state(&stream.bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_error(&err, MW_ETIMEOUT, 1, stream.url);
    assert_string_equal(err.message, "the stream is dead: history has newer bars");
    assert_int_equal(mw_series_get_health(stream.a), MW_SERIES_STALE);
    assert_true(newest_flags(stream.a) & MW_CANDLE_UNPROVEN);
    mw_bench_expect_state(&stream.bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&stream.bench, MW_CONNECTION_CONFIRMED);
    mw_made_venue_wait(&stream.venue, "#;+1 A@1m B@1m;");
    mw_made_venue_wait(&stream.venue, "close;#;+2 A@1m B@1m;");
    end(&stream);
}

static void what_came_after_the_question_is_not_missed(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, true);
    assert_true(mw_bench_wait_probes(&stream.bench, 2, WAIT_MS) >= 2);
    push_bar(&stream.venue, "B", 7);
    wait_close(stream.b, 7);
    mw_connection_on_probe(stream.bench.connection, stream.b, true);
    push_bar(&stream.venue, "B", 8);
    wait_close(stream.b, 8);
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.reconnects, 0);
    assert_int_equal(status.resubscribes, 0);
}

static void a_series_that_missed_something_among_others_is_subscribed_again(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, true);
    assert_true(mw_bench_wait_probes(&stream.bench, 2, WAIT_MS) >= 2);
    push_bar(&stream.venue, "A", 7); /* flows again */
    wait_close(stream.a, 7);
    mw_connection_on_probe(stream.bench.connection, stream.b, true);
    flow_until(&stream.venue, "A", "-2 B@1m;+3 B@1m;");
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.reconnects, 0);
}

static void what_was_never_heard_of_is_verified_first(void **state)
{
    (void)state;
    struct mw_made_venue venue = {.silent = false};
    char url[32];
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 3600,
                                                    .attempt_count = 5,
                                                    .stall_ms = stall_ms,
                                                    .probes = true});
    struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    assert_int_equal(mw_bench_wait_probes(&bench, 1, WAIT_MS), 1);
    /* What it missed may be older than the connection, so that nothing follows but a question. */
    mw_connection_on_probe(bench.connection, series, true);
    assert_int_equal(mw_bench_wait_probes(&bench, 2, WAIT_MS), 2);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_STALE);
    mw_connection_on_probe(bench.connection, series, false);
    mw_bench_wait_health(&bench, series, MW_SERIES_LIVE);
    /* Or it may be the connection's fault. */
    uint32_t asked = mw_bench_wait_probes(&bench, 3, WAIT_MS);
    mw_connection_on_probe(bench.connection, series, true);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_STALE);
    /* An answer to the last connection's question is none to this one's. */
    mw_connection_reconnect(bench.connection);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_bench_wait_probes(&bench, asked + 1, WAIT_MS);
    mw_made_venue_cut(&venue);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_series_set_health(series, MW_SERIES_LIVE); /* as the history thread does */
    mw_connection_on_probe(bench.connection, series, false);
    mw_bench_wait_health(&bench, series, MW_SERIES_STALE);
    mw_bench_finish(&bench, &venue);
}

static void without_a_history_silence_of_all_means_nothing(void **state)
{
    (void)state;
    struct stream stream;
    begin(&stream, NULL, false);
    mw_made_venue_wait_for(&stream.venue, "never", 5 * stall_ms);
    struct mw_connection_status status = end(&stream);
    assert_int_equal(status.resubscribes, 0);
    assert_int_equal(status.reconnects, 0);
}

static int run_all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_series_is_subscribed_again_alone),
        cmocka_unit_test(a_protocol_that_replaces_names_all_again),
        cmocka_unit_test(each_look_in_vain_doubles_the_time_until_the_next),
        cmocka_unit_test(a_series_is_given_eight_times_its_cadence),
        cmocka_unit_test(a_quiet_market_on_a_healthy_socket_is_left_alone),
        cmocka_unit_test(what_falls_silent_a_moment_before_the_rest_is_left_alone),
        cmocka_unit_test(a_dead_stream_is_replaced_when_history_knows_more),
        cmocka_unit_test(what_came_after_the_question_is_not_missed),
        cmocka_unit_test(a_series_that_missed_something_among_others_is_subscribed_again),
        cmocka_unit_test(what_was_never_heard_of_is_verified_first),
        cmocka_unit_test(without_a_history_silence_of_all_means_nothing),
    };
    return cmocka_run_group_tests(tests, mw_bench_be_quiet, NULL);
}

/* In a process of its own, since a failure ends it. Returns whether all passed. */
static bool try_all(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        exit(run_all());
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (try_all())
        return 0;
    print_message("trying again with %d times the patience\n", SCALE);
    stall_ms *= SCALE;
    step_ms *= SCALE;
    return try_all() ? 0 : 1;
}
