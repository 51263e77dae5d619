/* feed_test.c - many connections as one feed, and connections that are replaced. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "feed/feed_parts.h"

#include "crowd_venue.h"
#include "protocol_file.h"

enum { WAIT_MS = 20000, TOLD_MAX = 256, STOP_MS_MAX = 1000 };

static const struct mw_timeframe minute = {1, 'm'};

/* A feed of a venue, and what it told. */
struct bench {
    struct mw_crowd_venue venue;
    struct mw_feed *feed;
    struct mw_cache *cache;
    char protocol[MW_PROTOCOL_FILE_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy; /* somebody is in on_event */
    uint32_t told_count, seen_count;
    struct {
        bool is_state, has_error;
        mw_connection_state state;
        struct mw_error error;
    } told[TOLD_MAX];
};

static void on_event(void *user, const struct mw_feed_event *event)
{
    struct bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    assert_false(bench->busy);
    bench->busy = true;
    assert_string_equal(event->feed, "demo");
    uint32_t at = bench->told_count++;
    assert_true(at < TOLD_MAX);
    bench->told[at].is_state = event->is_state;
    bench->told[at].state = event->state;
    bench->told[at].has_error = event->err != NULL;
    if (event->err != NULL)
        bench->told[at].error = *event->err;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
    pthread_mutex_lock(&bench->lock);
    bench->busy = false;
    pthread_mutex_unlock(&bench->lock);
}

/* A feed "demo" of the protocol after `change`, with so many retries. */
static void begin(struct bench *bench, const char *change, uint32_t attempts)
{
    *bench = (struct bench){.cache = mw_cache_new(16)};
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    mw_crowd_venue_start(&bench->venue);
    char url[32];
    const char *endpoint = mw_crowd_venue_url(&bench->venue, url);
    const struct mw_connection_options options = {
        .name = "demo",
        .endpoints = &endpoint,
        .endpoint_count = 1,
        .connect_ms = WAIT_MS,
        .tls_ms = WAIT_MS,
        .upgrade_ms = WAIT_MS,
        .confirm_ms = WAIT_MS,
        .frame_bytes_max = 1 << 16,
        .ping_ms = WAIT_MS,
        .pong_ms = WAIT_MS,
        .stall_ms = WAIT_MS,
        .grace_ms = WAIT_MS,
        .reconnect = {.attempts = attempts, .base_s = 0.001, .cap_s = 0.001},
        .cache = bench->cache,
        .on_event = on_event,
        .user = bench};
    struct mw_error err = {.message = ""};
    mw_protocol_file_write(change, bench->protocol);
    if (mw_feed_new(&options, bench->protocol, &bench->feed, &err) != MW_OK)
        print_error("%s\n", err.message);
    assert_non_null(bench->feed);
}

static void stop(struct bench *bench)
{
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_feed_stop(bench->feed);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, STOP_MS_MAX);
}

static void end(struct bench *bench)
{
    stop(bench);
    mw_feed_free(bench->feed);
    mw_crowd_venue_stop(&bench->venue);
    mw_cache_free(bench->cache);
    unlink(bench->protocol);
    pthread_cond_destroy(&bench->changed);
    pthread_mutex_destroy(&bench->lock);
}

static void start(struct bench *bench)
{
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_feed_start(bench->feed, &err), MW_OK);
}

/* The next thing told is this state. Returns its error. */
static struct mw_error expect(struct bench *bench, mw_connection_state state)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / MW_MS_PER_SECOND;
    pthread_mutex_lock(&bench->lock);
    while (bench->told_count == bench->seen_count)
        if (pthread_cond_timedwait(&bench->changed, &bench->lock, &until) == ETIMEDOUT) {
            print_error("waiting for %s\n", mw_connection_state_text(state));
            abort();
        }
    uint32_t at = bench->seen_count++;
    if (bench->told[at].state != state)
        print_error("told %s '%s', want %s\n", mw_connection_state_text(bench->told[at].state),
                    bench->told[at].error.message, mw_connection_state_text(state));
    assert_true(bench->told[at].is_state);
    assert_int_equal(bench->told[at].state, state);
    struct mw_error error = bench->told[at].error;
    pthread_mutex_unlock(&bench->lock);
    return error;
}

static void expect_nothing_told(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    assert_int_equal(bench->told_count, bench->seen_count);
    pthread_mutex_unlock(&bench->lock);
}

static void start_confirmed(struct bench *bench)
{
    start(bench);
    expect(bench, MW_CONNECTION_CONNECTING);
    expect(bench, MW_CONNECTION_CONNECTED);
    expect(bench, MW_CONNECTION_CONFIRMED);
}

static struct mw_series *subscribe(struct bench *bench, const char *symbol)
{
    struct mw_series *series = NULL;
    struct mw_error err = {.message = ""};
    if (mw_feed_subscribe(bench->feed, symbol, minute, &series, &err) != MW_OK)
        print_error("%s\n", err.message);
    assert_non_null(series);
    return series;
}

static void unsubscribe(struct bench *bench, const char *symbol)
{
    assert_int_equal(mw_feed_unsubscribe(bench->feed, symbol, minute, NULL), MW_OK);
}

/* The number of the connection that said `text`; waits for it. */
static uint32_t guest_of(struct bench *bench, const char *text)
{
    for (int64_t until = mw_clock_monotonic_ms() + WAIT_MS; mw_clock_monotonic_ms() < until;) {
        for (uint32_t i = 0; i < mw_crowd_venue_count(&bench->venue); i++)
            if (mw_crowd_venue_heard(&bench->venue, i, text))
                return i;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    print_error("nobody says '%s'\n", text);
    abort();
}

/* Pushes the bar of a minute, closed. */
static void push(struct bench *bench, uint32_t index, const char *symbol, int minute_number)
{
    char text[128];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":%d,\"o\":1,\"h\":1,\"l\":1,\"c\":1,"
             "\"v\":1,\"x\":true}",
             symbol, minute_number * 60000);
    mw_crowd_venue_push(&bench->venue, index, text);
}

/* Waits until the connections have had so many candles in all. */
static void wait_candles(struct bench *bench, uint64_t candles)
{
    struct mw_connection_status status;
    for (int64_t until = mw_clock_monotonic_ms() + WAIT_MS; mw_clock_monotonic_ms() < until;) {
        mw_feed_get_status(bench->feed, &status);
        if (status.candles >= candles)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(status.candles, candles);
}

static void wait_connection_count(struct bench *bench, uint32_t count)
{
    int64_t until = mw_clock_monotonic_ms() + WAIT_MS;
    while (mw_feed_connection_count(bench->feed) != count && mw_clock_monotonic_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(mw_feed_connection_count(bench->feed), count);
}

static void expect_bars(struct mw_series *series, int first_minute, uint32_t count)
{
    struct mw_candle bars[16];
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 16, true, bars), count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(bars[i].open_ms, (first_minute + (int)i) * 60000);
    assert_int_equal(mw_series_revision_count(series), 0);
    assert_false(mw_series_find_gap(series, INT64_MIN, INT64_MAX, NULL));
}

/* --- many connections ------------------------------------------------------------------------- */

static const char two_streams[] = "p.limits.streams = 2; p.limits.batch = nil";

static void spreads_its_series_over_connections(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, two_streams, 0);
    static const char *const symbols[] = {"A", "B", "C", "D", "E"};
    struct mw_series *series[5];
    for (int i = 0; i < 5; i++) {
        series[i] = subscribe(&bench, symbols[i]);
        assert_ptr_equal(subscribe(&bench, symbols[i]), series[i]);
    }
    assert_int_equal(mw_feed_connection_count(bench.feed), 3);
    start_confirmed(&bench);
    push(&bench, guest_of(&bench, "+1 A@1m B@1m;"), "B", 1);
    push(&bench, guest_of(&bench, "+1 C@1m D@1m;"), "C", 1);
    push(&bench, guest_of(&bench, "+1 E@1m;"), "E", 1);
    wait_candles(&bench, 3);
    expect_bars(series[1], 1, 1);
    expect_bars(series[2], 1, 1);
    expect_bars(series[4], 1, 1);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 5);
    assert_int_equal(status.frames, 3 + 3);
    assert_int_equal(status.state, MW_CONNECTION_CONFIRMED);
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 3);
    stop(&bench);
    expect(&bench, MW_CONNECTION_DISCONNECTED);
    expect_nothing_told(&bench);
    end(&bench);
}

static void a_connection_with_nothing_left_is_ended_but_the_first(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, two_streams, 0);
    for (const char *symbol = "A\0B\0C\0D\0"; *symbol != '\0'; symbol += 2)
        subscribe(&bench, symbol);
    start_confirmed(&bench);
    uint32_t first = guest_of(&bench, "A@1m"), second = guest_of(&bench, "C@1m");
    push(&bench, second, "C", 1);
    wait_candles(&bench, 1);
    unsubscribe(&bench, "C");
    unsubscribe(&bench, "D");
    mw_crowd_venue_wait(&bench.venue, second, "close;gone;");
    wait_connection_count(&bench, 1);
    unsubscribe(&bench, "A");
    mw_crowd_venue_wait(&bench.venue, first, "-2 A@1m;");
    unsubscribe(&bench, "B");
    assert_int_equal(mw_feed_unsubscribe(bench.feed, "B", minute, NULL), MW_EINVAL);
    mw_crowd_venue_wait(&bench.venue, first, "-3 B@1m;");
    subscribe(&bench, "F");
    mw_crowd_venue_wait(&bench.venue, first, "+4 F@1m;");
    wait_candles(&bench, 1); /* of a connection that is gone */
    expect_nothing_told(&bench);
    end(&bench);
}

static void opens_as_many_connections_as_the_limit_says(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.limits.streams = 1", 0);
    char symbol[16];
    for (int i = 0; i < MW_FEED_CONNECTIONS_MAX; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i);
        subscribe(&bench, symbol);
    }
    struct mw_error err;
    assert_int_equal(mw_feed_subscribe(bench.feed, "MORE", minute, NULL, &err), MW_ELIMIT);
    assert_string_equal(err.message,
                        "feed demo: at most 64 connections of 1 streams each, and all are full");
    assert_int_equal(mw_feed_connection_count(bench.feed), MW_FEED_CONNECTIONS_MAX);
    unsubscribe(&bench, "S7");
    subscribe(&bench, "MORE");
    for (int i = 1; i < MW_FEED_CONNECTIONS_MAX; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i);
        if (i != 7)
            unsubscribe(&bench, symbol);
    }
    start_confirmed(&bench); /* the empty ones are not even made */
    assert_int_equal(mw_feed_connection_count(bench.feed), 2);
    guest_of(&bench, "+1 S0@1m;");
    guest_of(&bench, "+1 MORE@1m;");
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 2);
    end(&bench);
}

static void what_no_connection_takes_opens_none(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.limits.streams = 1", 0);
    subscribe(&bench, "A");
    struct mw_error err;
    assert_int_equal(mw_feed_subscribe(bench.feed, "with blank", minute, NULL, &err), MW_EINVAL);
    assert_int_equal(mw_feed_subscribe(bench.feed, "B", (struct mw_timeframe){7, 'm'}, NULL, &err),
                     MW_EINVAL);
    assert_int_equal(mw_feed_unsubscribe(bench.feed, "B", minute, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "B 1m is not subscribed"));
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    const char *bad = "http://127.0.0.1/";
    assert_int_equal(mw_feed_set_endpoints(bench.feed, &bad, 1, &err), MW_EPARSE);
    start_confirmed(&bench);
    assert_int_equal(mw_feed_start(bench.feed, &err), MW_EINVAL);
    end(&bench);
}

static void the_worst_connection_is_the_state(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, two_streams, 2);
    subscribe(&bench, "A");
    subscribe(&bench, "B");
    start_confirmed(&bench);
    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, true);
    subscribe(&bench, "C");
    expect(&bench, MW_CONNECTION_CONNECTING);
    expect(&bench, MW_CONNECTION_CONNECTED);
    uint32_t first = guest_of(&bench, "A@1m"), second = guest_of(&bench, "C@1m");
    mw_crowd_venue_confirm(&bench.venue, second, 1);
    expect(&bench, MW_CONNECTION_CONFIRMED);
    mw_crowd_venue_cut(&bench.venue, second);
    struct mw_error err = expect(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(err.status, MW_ECLOSED);
    assert_int_equal(err.attempts, 1);
    push(&bench, first, "A", 1); /* the other one goes on */
    wait_candles(&bench, 1);
    expect(&bench, MW_CONNECTION_CONNECTED);
    mw_crowd_venue_wait(&bench.venue, 2, "C@1m");
    mw_crowd_venue_confirm(&bench.venue, 2, 2);
    expect(&bench, MW_CONNECTION_CONFIRMED);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.reconnects, 1);

    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, true);
    mw_crowd_venue_cut(&bench.venue, 2);
    expect(&bench, MW_CONNECTION_RECONNECTING);
    err = expect(&bench, MW_CONNECTION_FAILED);
    assert_int_equal(err.code, 503);
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.state, MW_CONNECTION_FAILED);
    assert_int_equal(status.error.code, 503);
    unsubscribe(&bench, "C"); /* with it goes what was bad */
    expect(&bench, MW_CONNECTION_CONFIRMED);
    assert_int_equal(mw_feed_get_state(bench.feed), MW_CONNECTION_CONFIRMED);
    end(&bench);
}

static void refusals_are_passed_on(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, two_streams, 0);
    subscribe(&bench, "A");
    start_confirmed(&bench);
    struct mw_series *bad = subscribe(&bench, "BAD");
    int64_t until = mw_clock_monotonic_ms() + WAIT_MS;
    while (mw_series_get_health(bad) != MW_SERIES_IDLE && mw_clock_monotonic_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    subscribe(&bench, "B"); /* its place is free again */
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    stop(&bench);
    assert_int_equal(bench.told_count - bench.seen_count, 2);
    assert_false(bench.told[bench.seen_count].is_state);
    assert_int_equal(bench.told[bench.seen_count].error.code, 7);
    assert_int_equal(bench.told[bench.seen_count].state, MW_CONNECTION_CONFIRMED);
    end(&bench);
}

/* --- replacements ----------------------------------------------------------------------------- */

/* Two notices, as a protocol file would have them and as the venue says them. */
static const char notices[] = "p.limits.batch = nil; p.notices = { { when = { k = 'bye' } } }";
static const char notice[] = "{\"k\":\"bye\"}";

/* A feed with BTC and ETH, confirmed, whose venue from now on confirms when the test does. */
static void begin_held(struct bench *bench, uint32_t attempts)
{
    begin(bench, notices, attempts);
    subscribe(bench, "BTC");
    subscribe(bench, "ETH");
    start_confirmed(bench);
    mw_crowd_venue_set(&bench->venue, &bench->venue.holds, true);
}

static void is_replaced_on_notice_without_a_loss(void **state)
{
    (void)state;
    struct bench bench;
    begin_held(&bench, 0);
    struct mw_series *btc = subscribe(&bench, "BTC"), *eth = subscribe(&bench, "ETH");
    push(&bench, 0, "BTC", 1);
    wait_candles(&bench, 1);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    push(&bench, 0, "BTC", 2);
    wait_candles(&bench, 2);
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    push(&bench, 1, "ETH", 2);
    wait_candles(&bench, 3);
    push(&bench, 0, "BTC", 3); /* BTC does not come on the new one yet: the old one is kept */
    wait_candles(&bench, 4);
    assert_false(mw_crowd_venue_heard(&bench.venue, 0, "close"));
    assert_int_equal(mw_feed_connection_count(bench.feed), 2);
    push(&bench, 1, "BTC", 3);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    push(&bench, 1, "BTC", 4);
    push(&bench, 1, "ETH", 3);
    wait_candles(&bench, 7);
    expect_bars(btc, 1, 4);
    expect_bars(eth, 2, 2);
    wait_connection_count(&bench, 1);
    assert_int_equal(mw_crowd_venue_open_count(&bench.venue), 1);
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_LIVE);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 2);
    assert_int_equal(status.reconnects, 1);
    expect_nothing_told(&bench); /* confirmed throughout */

    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
    mw_crowd_venue_push(&bench.venue, 1, notice); /* and once more */
    mw_crowd_venue_wait(&bench.venue, 2, "+1 BTC@1m ETH@1m;");
    push(&bench, 2, "BTC", 5);
    push(&bench, 2, "ETH", 4);
    mw_crowd_venue_wait(&bench.venue, 1, "close;gone;");
    expect_nothing_told(&bench);
    end(&bench);
}

static void is_replaced_before_its_lifetime_ends(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.limits.lifetime = '400ms'", 0);
    subscribe(&bench, "BTC");
    start_confirmed(&bench);
    for (uint32_t i = 0; i < 3; i++) {
        mw_crowd_venue_wait(&bench.venue, i + 1, "+1 BTC@1m;");
        mw_crowd_venue_wait(&bench.venue, i, "close;gone;");
    }
    expect_nothing_told(&bench);
    end(&bench);
}

static void the_overlap_is_bounded(void **state)
{
    (void)state;
    struct bench bench;
    begin_held(&bench, 0);
    bench.feed->overlap_ms = 200;
    push(&bench, 0, "BTC", 1);
    wait_candles(&bench, 1);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    assert_true(mw_clock_monotonic_ms() - began_ms >= 200);
    expect_nothing_told(&bench);
    end(&bench);
}

static void what_is_asked_for_meanwhile_is_asked_for_twice(void **state)
{
    (void)state;
    struct bench bench;
    begin_held(&bench, 0);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    struct mw_series *ada = subscribe(&bench, "ADA");
    mw_crowd_venue_wait(&bench.venue, 0, "+2 ADA@1m;");
    mw_crowd_venue_wait(&bench.venue, 1, "+2 ADA@1m;");
    unsubscribe(&bench, "ETH");
    mw_crowd_venue_wait(&bench.venue, 0, "-3 ETH@1m;");
    mw_crowd_venue_wait(&bench.venue, 1, "-3 ETH@1m;");
    push(&bench, 0, "ADA", 1);
    wait_candles(&bench, 1);
    for (int id = 1; id <= 3; id++)
        mw_crowd_venue_confirm(&bench.venue, 1, id);
    push(&bench, 1, "ADA", 1);
    mw_crowd_venue_wait(&bench.venue, 0, "close;");
    push(&bench, 1, "ADA", 2);
    wait_candles(&bench, 3);
    expect_bars(ada, 1, 2);
    struct mw_connection_status status;
    mw_feed_get_status(bench.feed, &status);
    assert_int_equal(status.subscription_count, 2);
    expect_nothing_told(&bench);
    end(&bench);
}

static void the_old_one_goes_on_while_replacements_fail(void **state)
{
    (void)state;
    struct bench bench;
    begin_held(&bench, 0);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, true);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 3, "gone;"); /* tried three times */
    struct mw_series *btc = subscribe(&bench, "BTC");
    push(&bench, 0, "BTC", 1);
    wait_candles(&bench, 1);
    mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, false);
    mw_crowd_venue_wait(&bench.venue, 0, "#;+1 BTC@1m ETH@1m;");
    uint32_t last = mw_crowd_venue_count(&bench.venue) - 1;
    while (!mw_crowd_venue_heard(&bench.venue, last, "BTC@1m"))
        last = mw_crowd_venue_count(&bench.venue) - 1;
    push(&bench, last, "BTC", 2);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    wait_candles(&bench, 2);
    expect_bars(btc, 1, 2);
    expect_nothing_told(&bench);
    end(&bench);
}

static void a_loss_meanwhile_makes_the_new_one_take_over(void **state)
{
    (void)state;
    struct bench bench;
    begin_held(&bench, 3);
    mw_crowd_venue_push(&bench.venue, 0, notice);
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    mw_crowd_venue_cut(&bench.venue, 0);
    struct mw_error err = expect(&bench, MW_CONNECTION_RECONNECTING);
    assert_int_equal(err.status, MW_ECLOSED);
    expect(&bench, MW_CONNECTION_CONNECTED);
    assert_int_equal(mw_feed_connection_count(bench.feed), 1);
    mw_crowd_venue_confirm(&bench.venue, 1, 1);
    expect(&bench, MW_CONNECTION_CONFIRMED);
    push(&bench, 1, "BTC", 1);
    wait_candles(&bench, 1);
    assert_int_equal(mw_crowd_venue_count(&bench.venue), 2); /* nobody else came */
    expect_nothing_told(&bench);
    end(&bench);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stops_at_any_moment_of_a_replacement(void **state)
{
    (void)state;
    for (int moment = 0; moment < 5; moment++) {
        struct bench bench;
        begin_held(&bench, 0);
        mw_crowd_venue_set(&bench.venue, &bench.venue.stubborn, true);
        push(&bench, 0, "BTC", 1);
        wait_candles(&bench, 1);
        mw_crowd_venue_push(&bench.venue, 0, notice);
        if (moment > 0) /* made */
            wait_connection_count(&bench, 2);
        if (moment > 1) /* asks */
            mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
        if (moment > 2) /* overlaps */
            mw_crowd_venue_confirm(&bench.venue, 1, 1);
        if (moment > 3) { /* the old one is on its way out */
            push(&bench, 1, "BTC", 2);
            mw_crowd_venue_wait(&bench.venue, 0, "close;");
        }
        stop(&bench);
        expect(&bench, MW_CONNECTION_DISCONNECTED);
        stop(&bench);
        mw_crowd_venue_set(&bench.venue, &bench.venue.holds, false);
        start_confirmed(&bench); /* with one connection */
        assert_int_equal(mw_feed_connection_count(bench.feed), 1);
        end(&bench);
    }
}

/* Touches everything while it comes and goes. */
static void *touch(void *user)
{
    struct bench *bench = user;
    struct mw_connection_status status;
    char symbol[8];
    for (int i = 0; i < 400; i++) {
        snprintf(symbol, sizeof(symbol), "S%d", i % 7);
        struct mw_series *series;
        if (mw_feed_subscribe(bench->feed, symbol, minute, &series, NULL) == MW_OK)
            mw_feed_on_probe(bench->feed, series, false);
        mw_feed_get_status(bench->feed, &status);
        snprintf(symbol, sizeof(symbol), "S%d", (i + 3) % 7);
        (void)!mw_feed_unsubscribe(bench->feed, symbol, minute, NULL);
        (void)!mw_feed_reconnect(bench->feed, NULL);
        mw_feed_connection_count(bench->feed);
    }
    return NULL;
}

static void other_threads_may_touch_it_at_any_time(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.limits.streams = 2", 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, touch, &bench), 0);
    for (int round = 0; round < 3; round++) {
        start(&bench);
        stop(&bench);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    end(&bench);
}

static int be_quiet(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_its_series_over_connections),
        cmocka_unit_test(a_connection_with_nothing_left_is_ended_but_the_first),
        cmocka_unit_test(opens_as_many_connections_as_the_limit_says),
        cmocka_unit_test(what_no_connection_takes_opens_none),
        cmocka_unit_test(the_worst_connection_is_the_state),
        cmocka_unit_test(refusals_are_passed_on),
        cmocka_unit_test(is_replaced_on_notice_without_a_loss),
        cmocka_unit_test(is_replaced_before_its_lifetime_ends),
        cmocka_unit_test(the_overlap_is_bounded),
        cmocka_unit_test(what_is_asked_for_meanwhile_is_asked_for_twice),
        cmocka_unit_test(the_old_one_goes_on_while_replacements_fail),
        cmocka_unit_test(a_loss_meanwhile_makes_the_new_one_take_over),
        cmocka_unit_test(stops_at_any_moment_of_a_replacement),
        cmocka_unit_test(other_threads_may_touch_it_at_any_time),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
