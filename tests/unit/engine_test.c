/* engine_test.c - feeds, strategies and the owner's poll together, against a server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "bind/bind_moonwick.h"
#include "engine.h"
#include "feed/feed.h"

#include "made_venue.h"
#include "protocol_file.h"

enum { WAIT_MS = 20000, STOP_MS_MAX = 1000, STRATEGIES_MAX = 4 };

#define BAR(symbol, minute)                                                                        \
    "{\"k\":\"bar\",\"s\":\"" symbol "\",\"f\":\"1m\",\"t\":" minute "0000,\"o\":1,\"h\":1,"       \
    "\"l\":1,\"c\":1,\"v\":1,\"x\":true}"

/* What is pushed in every test; the first bar lies in its ring before the second comes. */
static const char *const pushes[] = {BAR("BTC", "6"), BAR("BTC", "12"), BAR("ETH", "6"), NULL};

/* An engine with one feed of made_venue.h and strategies from temporary files. */
struct bench {
    struct mw_made_venue venue;
    struct mw_engine *engine;
    char protocol[MW_PROTOCOL_FILE_BYTES];
    char strategies[STRATEGIES_MAX][40];
    uint32_t strategy_count;
};

static void write_file(char *path, const char *code)
{
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s", code) > 0);
    close(fd);
}

/* Opens an engine for the symbols, a Lua list, with these strategies, NULL at the end. */
static void begin(struct bench *bench, const char *symbols, const char *const *codes)
{
    *bench = (struct bench){.venue = {.pushes = pushes, .stubborn = true}};
    mw_made_venue_start(&bench->venue);
    char url[32], config[] = "/tmp/moonwick_config_XXXXXX.lua";
    struct mw_str code = MW_STR_INIT(4096);
    mw_str_addf(&code,
                "return { log = { level = 'off' }, workers = 4,\n"
                "  feeds = { { name = 'demo', protocol = '%s', endpoint = '%s', symbols = %s } },\n"
                "  strategies = {",
                mw_protocol_file_write("", bench->protocol), mw_made_venue_url(&bench->venue, url),
                symbols);
    for (; *codes != NULL; codes++) {
        char *path = bench->strategies[bench->strategy_count++];
        snprintf(path, sizeof(bench->strategies[0]), "/tmp/moonwick_strategy_XXXXXX.lua");
        write_file(path, *codes);
        mw_str_addf(&code, " '%s',", path);
    }
    mw_str_adds(&code, " } }\n");
    write_file(config, code.data);
    struct mw_settings *settings = NULL;
    struct mw_error err = {.message = ""};
    mw_status status = mw_settings_load_file(config, &settings, &err);
    unlink(config);
    if (status == MW_OK)
        status = mw_engine_open(settings, &mw_lua_bindings, &bench->engine, &err);
    if (status != MW_OK)
        print_error("%s\n", err.message);
    assert_int_equal(status, MW_OK);
    mw_str_deinit(&code);
}

static void stop(struct bench *bench)
{
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_engine_stop(bench->engine);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, STOP_MS_MAX);
    assert_false(mw_engine_is_running(bench->engine));
}

static void end(struct bench *bench)
{
    uint32_t live_count = mw_engine_live_count();
    mw_engine_free(bench->engine);
    assert_int_equal(mw_engine_live_count(), live_count - 1);
    mw_made_venue_stop(&bench->venue);
    unlink(bench->protocol);
    for (uint32_t i = 0; i < bench->strategy_count; i++)
        unlink(bench->strategies[i]);
}

static void start(struct bench *bench)
{
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_engine_start(bench->engine, &err), MW_OK);
}

/* Polls until an event of this kind, and for signals with this text, comes. */
static struct mw_event next_event(struct bench *bench, mw_event_kind kind, const char *text)
{
    for (;;) {
        struct mw_event event;
        assert_true(mw_engine_poll(bench->engine, WAIT_MS, &event));
        bool wanted = event.kind == kind &&
                      (text == NULL || (event.text != NULL && strcmp(event.text, text) == 0));
        mw_event_deinit(&event);
        if (wanted)
            return event;
    }
}

static const char *const nothing[] = {NULL};

static const char wants_btc[] =
    "return { params = { symbol = 'BTC' },\n"
    "  handle_bar = function(context, bar) context:signal('one ' .. bar.symbol) end }\n";
static const char wants_all[] =
    "return { handle_bar = function(context, bar) context:signal('all ' .. bar.symbol) end }\n";
static const char wants_too_much[] =
    "return { subscriptions = function() return { { symbol = 'BTC' }, { symbol = 'no:X' } } end,\n"
    "  handle_bar = function(context, bar) context:signal('never') end }\n";
static const char is_stuck[] = "return { handle_bar = function(context)\n"
                               "  context:signal('in') while true do end end }\n";

static void bars_that_only_a_strategy_asked_for_are_told(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'ETH' }", (const char *const[]){wants_btc, NULL});
    mw_engine_want_bars(bench.engine);
    start(&bench);
    int64_t next_ms = MW_MS_PER_MINUTE;
    bool eth = false;
    while (!eth || next_ms <= (int64_t)2 * MW_MS_PER_MINUTE) {
        struct mw_event event = next_event(&bench, MW_EVENT_BAR, NULL);
        assert_string_equal(event.feed, "demo");
        if (strcmp(event.key.symbol, "ETH") == 0) {
            assert_false(eth);
            eth = true;
            continue;
        }
        assert_string_equal(event.key.symbol, "BTC");
        assert_int_equal(event.candle.open_ms, next_ms);
        next_ms += MW_MS_PER_MINUTE;
    }
    end(&bench);
}

static void who_wants_all_sees_what_others_asked_for(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'ETH' }", (const char *const[]){wants_all, wants_btc, NULL});
    start(&bench);
    next_event(&bench, MW_EVENT_SIGNAL, "all BTC");
    next_event(&bench, MW_EVENT_SIGNAL, "all BTC");
    end(&bench);
}

static void a_series_subscribed_later_reaches_everybody(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'ADA' }", (const char *const[]){wants_all, NULL});
    struct mw_error err;
    assert_int_equal(
        mw_engine_subscribe(bench.engine, NULL, "BTC", (struct mw_timeframe){1, 'm'}, &err), MW_OK);
    start(&bench);
    next_event(&bench, MW_EVENT_SIGNAL, "all BTC");
    assert_int_equal(
        mw_engine_subscribe(bench.engine, "none", "BTC", (struct mw_timeframe){1, 'm'}, &err),
        MW_EINVAL);
    assert_string_equal(err.message, "there is no feed 'none'");
    assert_int_equal(
        mw_engine_unsubscribe(bench.engine, "demo", "BTC", (struct mw_timeframe){1, 'm'}, &err),
        MW_OK);
    struct mw_series *series;
    assert_int_equal(mw_cache_find(mw_engine_cache(bench.engine), "demo", "BTC",
                                   (struct mw_timeframe){1, 'm'}, &series),
                     1);
    assert_int_equal(mw_series_get_health(series), MW_SERIES_IDLE);
    assert_int_equal(mw_series_count(series), 2); /* what was there stays */
    end(&bench);
}

static void a_strategy_that_asks_for_too_much_leaves_no_trace(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'ETH' }", (const char *const[]){wants_too_much, wants_all, NULL});
    for (int round = 0; round < 2; round++) {
        start(&bench);
        struct mw_event event = next_event(&bench, MW_EVENT_ERROR, NULL);
        assert_non_null(strstr(event.error.message, "there is no feed 'no'"));
        next_event(&bench, MW_EVENT_SIGNAL, "all ETH"); /* after both of BTC */
        struct mw_strategy_status status;
        struct mw_error err;
        assert_false(mw_engine_get_strategy_status(bench.engine, 0, &status, &err));
        assert_int_equal(err.status, MW_ESTRATEGY);
        assert_true(mw_engine_get_strategy_status(bench.engine, 1, &status, &err));
        stop(&bench);
        assert_false(mw_engine_get_strategy_status(bench.engine, 1, &status, &err));
        assert_string_equal(err.message, "not started");
        end(&bench);
        begin(&bench, "{ 'ETH' }", (const char *const[]){wants_too_much, wants_all, NULL});
    }
    end(&bench);
}

static void starts_as_often_as_it_stops(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'BTC' }", (const char *const[]){wants_all, NULL});
    mw_engine_stop(bench.engine); /* nothing runs */
    for (int round = 0; round < 3; round++) {
        start(&bench);
        assert_true(mw_engine_is_running(bench.engine));
        struct mw_error err;
        assert_int_equal(mw_engine_start(bench.engine, &err), MW_EINVAL);
        while (next_event(&bench, MW_EVENT_STATE, NULL).state != MW_CONNECTION_CONFIRMED)
            ;
        stop(&bench);
        mw_engine_stop(bench.engine);
        while (next_event(&bench, MW_EVENT_STATE, NULL).state != MW_CONNECTION_DISCONNECTED)
            ;
    }
    end(&bench);
}

static void *wake_later(void *user)
{
    mw_engine_wake(user);
    return NULL;
}

static void a_poll_ends_with_an_event_a_wake_or_its_time(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_event event = {.kind = MW_EVENT_ERROR};
    begin(&bench, "{ 'BTC' }", nothing);
    assert_false(mw_engine_poll(bench.engine, 0, &event));
    int64_t began_ms = mw_clock_monotonic_ms();
    assert_false(mw_engine_poll(bench.engine, 30, &event));
    assert_true(mw_clock_monotonic_ms() - began_ms >= 30);
    mw_engine_wake(bench.engine); /* is not lost */
    assert_false(mw_engine_poll(bench.engine, -1, &event));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_later, bench.engine), 0);
    assert_false(mw_engine_poll(bench.engine, -1, &event));
    pthread_join(thread, NULL);
    assert_int_equal(event.kind, MW_EVENT_ERROR);
    start(&bench);
    assert_true(mw_engine_poll(bench.engine, -1, &event));
    assert_int_equal(event.kind, MW_EVENT_STATE);
    assert_int_equal(event.state, MW_CONNECTION_CONNECTING);
    end(&bench);
}

static void stops_in_a_second_with_every_worker_stuck(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'BTC' }", (const char *const[]){is_stuck, is_stuck, is_stuck, is_stuck, NULL});
    start(&bench);
    for (int i = 0; i < STRATEGIES_MAX; i++)
        next_event(&bench, MW_EVENT_SIGNAL, "in");
    stop(&bench); /* and the venue does not answer the close either */
    end(&bench);
}

/* Looks at everything while it comes and goes. */
static void *look(void *user)
{
    struct mw_engine *engine = user;
    struct mw_strategy_status strategy;
    struct mw_connection_status feed;
    struct mw_error err;
    for (int i = 0; i < 2000; i++) {
        mw_engine_get_strategy_status(engine, 0, &strategy, &err);
        mw_feed_get_status(mw_engine_feed(engine, 0), &feed);
        mw_engine_is_running(engine);
        if (mw_engine_subscribe(engine, NULL, "ETH", (struct mw_timeframe){1, 'm'}, &err) == MW_OK)
            (void)!mw_engine_unsubscribe(engine, NULL, "ETH", (struct mw_timeframe){1, 'm'}, &err);
    }
    return NULL;
}

static void other_threads_may_look_while_it_starts_and_stops(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "{ 'BTC' }", (const char *const[]){wants_all, NULL});
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, look, bench.engine), 0);
    for (int round = 0; round < 5; round++) {
        start(&bench);
        mw_engine_stop(bench.engine);
    }
    pthread_join(thread, NULL);
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
        cmocka_unit_test(bars_that_only_a_strategy_asked_for_are_told),
        cmocka_unit_test(who_wants_all_sees_what_others_asked_for),
        cmocka_unit_test(a_series_subscribed_later_reaches_everybody),
        cmocka_unit_test(a_strategy_that_asks_for_too_much_leaves_no_trace),
        cmocka_unit_test(starts_as_often_as_it_stops),
        cmocka_unit_test(a_poll_ends_with_an_event_a_wake_or_its_time),
        cmocka_unit_test(stops_in_a_second_with_every_worker_stuck),
        cmocka_unit_test(other_threads_may_look_while_it_starts_and_stops),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
