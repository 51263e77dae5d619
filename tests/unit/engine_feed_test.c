/* engine_feed_test.c - what strategies see while the connections below them change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "bind/bind_moonwick.h"
#include "engine.h"

#include "crowd_venue.h"
#include "protocol_file.h"

enum { WAIT_MS = 20000 };

/* An engine with the feed "demo" of a venue, and one strategy that says each bar that it gets. */
struct bench {
    struct mw_crowd_venue venue;
    struct mw_engine *engine;
    char protocol[MW_PROTOCOL_FILE_BYTES];
    char strategy[40];
};

static void write_file(char *path, const char *code)
{
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s", code) > 0);
    close(fd);
}

/* What the strategy of most tests does, and one that tells more of what it gets. */
static const char says_bars[] =
    "return {\n"
    "  handle_bar = function(c, bar) c:signal(('%s %d'):format(bar.symbol, bar.time // 60000)) "
    "end,\n"
    "  handle_state = function(c, event) if event.kind == 'history' then c:signal('history') end "
    "end }\n";
static const char says_all[] =
    "return {\n"
    "  handle_bar = function(c, bar)\n"
    "    local window = get_price(bar.symbol, { count = 3 })\n"
    "    c:signal(('%s %d %s'):format(bar.symbol, bar.time // 60000, window.reason or "
    "'complete'))\n"
    "  end,\n"
    "  handle_state = function(c, event)\n"
    "    if event.from then\n"
    "      c:signal(('%s %d-%d'):format(event.kind, event.from // 60000, event.to // 60000))\n"
    "    elseif event.kind == 'revised' or event.kind == 'lagged' then c:signal(event.kind) end\n"
    "  end }\n";

/* `change` goes over the protocol, `more` into the feed's settings; `history` is the venue's. */
static void begin_with(struct bench *bench, const char *strategy, const char *change,
                       const char *more, const char *history)
{
    *bench = (struct bench){.strategy = "/tmp/moonwick_strategy_XXXXXX.lua"};
    bench->venue.history = history;
    mw_crowd_venue_start(&bench->venue);
    write_file(bench->strategy, strategy);
    char url[32], config[] = "/tmp/moonwick_config_XXXXXX.lua";
    struct mw_str code = MW_STR_INIT(4096);
    mw_str_addf(&code,
                "return { log = { level = 'off' }, strategies = { '%s' },\n"
                "  reconnect = { attempts = 1, base = 0.01 },\n"
                "  feeds = { { name = 'demo', protocol = '%s', endpoint = '%s',\n"
                "    symbols = { 'BTC', 'ETH' }, %s } } }\n",
                bench->strategy, mw_protocol_file_write(change, bench->protocol),
                mw_crowd_venue_url(&bench->venue, url), more);
    write_file(config, code.data);
    mw_str_deinit(&code);
    struct mw_settings *settings = NULL;
    struct mw_error err = {.message = ""};
    mw_status status = mw_settings_load_file(config, &settings, &err);
    unlink(config);
    if (status == MW_OK)
        status = mw_engine_open(settings, &mw_lua_bindings, &bench->engine, &err);
    if (status == MW_OK)
        status = mw_engine_start(bench->engine, &err);
    if (status != MW_OK)
        print_error("%s\n", err.message);
    assert_int_equal(status, MW_OK);
}

static void begin(struct bench *bench, const char *change, const char *more, const char *history)
{
    begin_with(bench, says_bars, change, more, history);
}

static void end(struct bench *bench)
{
    mw_engine_free(bench->engine);
    mw_crowd_venue_stop(&bench->venue);
    unlink(bench->protocol);
    unlink(bench->strategy);
}

/* The next event of one kind is told; others before it are dropped. */
static struct mw_event next_event(struct bench *bench, mw_event_kind kind)
{
    struct mw_event event = {.kind = MW_EVENT_BAR};
    do {
        mw_event_deinit(&event);
        assert_true(mw_engine_poll(bench->engine, WAIT_MS, &event));
    } while (event.kind != kind);
    return event;
}

static void expect_state(struct bench *bench, mw_connection_state state)
{
    assert_int_equal(next_event(bench, MW_EVENT_STATE).state, state);
}

static void expect_signal(struct bench *bench, const char *text)
{
    struct mw_event event = next_event(bench, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, text);
    mw_event_deinit(&event);
}

static void push(struct bench *bench, uint32_t index, const char *symbol, int minute, bool closed)
{
    char text[128];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":%d,\"o\":1,\"h\":1,\"l\":1,\"c\":1,"
             "\"v\":1,\"x\":%s}",
             symbol, minute * 60000, closed ? "true" : "false");
    mw_crowd_venue_push(&bench->venue, index, text);
}

static void push_when_confirmed(struct bench *bench, const char *symbol, int minute, bool closed)
{
    expect_state(bench, MW_CONNECTION_CONNECTING);
    expect_state(bench, MW_CONNECTION_CONNECTED);
    expect_state(bench, MW_CONNECTION_CONFIRMED);
    push(bench, 0, symbol, minute, closed);
}

static void a_replacement_delivers_each_bar_once(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.limits.batch = nil; p.notices = { { when = { k = 'bye' } } }", "", NULL);
    expect_state(&bench, MW_CONNECTION_CONNECTING);
    expect_state(&bench, MW_CONNECTION_CONNECTED);
    expect_state(&bench, MW_CONNECTION_CONFIRMED);
    push(&bench, 0, "BTC", 1, true);
    expect_signal(&bench, "BTC 1");
    push(&bench, 0, "BTC", 2, false);
    mw_crowd_venue_push(&bench.venue, 0, "{\"k\":\"bye\"}");
    mw_crowd_venue_wait(&bench.venue, 1, "+1 BTC@1m ETH@1m;");
    push(&bench, 0, "BTC", 2, true); /* closed on the old one */
    push(&bench, 0, "ETH", 2, true); /* and this one keeps the old one alive */
    for (int i = 0; i < 2; i++) {
        struct mw_event event = next_event(&bench, MW_EVENT_SIGNAL);
        assert_string_equal(event.text + 4, "2");
        mw_event_deinit(&event);
    }
    push(&bench, 1, "BTC", 2, false); /* late on the new one */
    push(&bench, 1, "BTC", 2, true);
    push(&bench, 1, "BTC", 3, true);
    expect_signal(&bench, "BTC 3");
    push(&bench, 0, "BTC", 3, true); /* late on the old one */
    push(&bench, 1, "ETH", 2, true);
    mw_crowd_venue_wait(&bench.venue, 0, "close;gone;");
    push(&bench, 1, "BTC", 4, true);
    struct mw_event event;
    assert_true(mw_engine_poll(bench.engine, WAIT_MS, &event)); /* no event of any kind between */
    assert_int_equal(event.kind, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, "BTC 4");
    mw_event_deinit(&event);
    assert_int_equal(mw_feed_get_state(mw_engine_feed(bench.engine, 0)), MW_CONNECTION_CONFIRMED);
    end(&bench);
}

static void a_failed_feed_is_brought_back(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_error err;
    begin(&bench, "p.limits.batch = nil", "", NULL);
    expect_state(&bench, MW_CONNECTION_CONNECTING);
    expect_state(&bench, MW_CONNECTION_CONNECTED);
    expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, true);
    mw_crowd_venue_cut(&bench.venue, 0);
    expect_state(&bench, MW_CONNECTION_RECONNECTING);
    struct mw_event event = next_event(&bench, MW_EVENT_STATE);
    assert_int_equal(event.state, MW_CONNECTION_FAILED);
    assert_string_equal(mw_status_kind(event.error.status), "WebSocketConnectionError");
    assert_int_equal(event.error.attempts, 2);
    assert_int_not_equal(event.error.endpoint[0], '\0');
    assert_int_equal(mw_engine_reconnect(bench.engine, "none", &err), MW_EINVAL);
    mw_crowd_venue_set(&bench.venue, &bench.venue.refuses, false);
    assert_int_equal(mw_engine_reconnect(bench.engine, "demo", &err), MW_OK);
    expect_state(&bench, MW_CONNECTION_CONNECTING);
    expect_state(&bench, MW_CONNECTION_CONNECTED);
    expect_state(&bench, MW_CONNECTION_CONFIRMED);
    push(&bench, 2, "BTC", 1, true);
    expect_signal(&bench, "BTC 1");
    mw_engine_stop(bench.engine);
    assert_int_equal(mw_engine_reconnect(bench.engine, NULL, &err), MW_EINVAL);
    end(&bench);
}

#define HISTORY                                                                                    \
    "p.limits.batch = nil\n"                                                                       \
    "p.history = { count = 10, requests_per_second = 100, request = function() return '/bars' "    \
    "end, rows = '',\n"                                                                            \
    "  open_time = { 1, unit = 'ms' }, open = 2, high = 3, low = 4, close = 5, volume = 6 }"

static const char past[] = "[[60000,1,1,1,1,1],[120000,1,1,1,1,1],[180000,1,1,1,1,1]]";

static void the_history_of_the_stream_s_host_is_asked(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, HISTORY, "gap_wait = 7", past);
    struct mw_backfill_status history;
    int64_t until = mw_clock_monotonic_ms() + WAIT_MS;
    do
        assert_true(mw_engine_get_history_status(bench.engine, "demo", &history));
    while (history.bars < 4 && mw_clock_monotonic_ms() < until && usleep(1000) == 0);
    assert_int_equal(history.bars, 4); /* of two series; the newest may still form */
    assert_false(mw_engine_get_history_status(bench.engine, "none", &history));
    struct mw_series *btc;
    struct mw_candle bars[4];
    assert_int_equal(mw_cache_find(mw_engine_cache(bench.engine), "demo", "BTC",
                                   (struct mw_timeframe){1, 'm'}, &btc),
                     1);
    assert_int_equal(mw_series_read_last(btc, INT64_MAX, 4, true, bars), 2);
    assert_int_equal(bars[0].source, MW_SOURCE_BACKFILL);
    assert_int_equal(mw_series_note(btc)->gap_wait_ms, 7000);
    end(&bench);
}

static void a_history_that_fails_is_told(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, HISTORY, "", NULL);
    struct mw_event event = next_event(&bench, MW_EVENT_HISTORY);
    assert_string_equal(event.feed, "demo");
    assert_string_equal(mw_status_kind(event.error.status), "HistoryError");
    expect_signal(&bench, "history"); /* handle_state hears of it */
    end(&bench);
    begin(&bench, HISTORY, "backfill = false", NULL);
    struct mw_backfill_status history;
    assert_false(mw_engine_get_history_status(bench.engine, "demo", &history));
    end(&bench);
}

/* --- what the cache says of what was missed --------------------------------------------------- */

static void set_history(struct bench *bench, const char *history)
{
    pthread_mutex_lock(&bench->venue.lock);
    bench->venue.history = history;
    pthread_mutex_unlock(&bench->venue.lock);
}

static struct mw_series *btc_of(struct bench *bench)
{
    struct mw_series *series = NULL;
    assert_int_equal(mw_cache_find(mw_engine_cache(bench->engine), "demo", "BTC",
                                   (struct mw_timeframe){1, 'm'}, &series),
                     1);
    return series;
}

static void wait_until(bool (*is_so)(struct mw_series *series), struct mw_series *series)
{
    int64_t until = mw_clock_monotonic_ms() + WAIT_MS;
    while (!is_so(series)) {
        assert_true(mw_clock_monotonic_ms() < until);
        usleep(1000);
    }
}

static bool is_full_of_history(struct mw_series *series)
{
    return mw_series_count(series) == 5; /* 6 to 8, and what is live */
}

static const char six_to_nine[] = "[[360000,1,1,1,1,1],[420000,1,1,1,1,1],[480000,1,1,1,1,1],"
                                  "[540000,1,1,1,1,1]]";

static void history_that_comes_while_bars_flow_is_never_delivered(void **state)
{
    (void)state;
    struct bench bench;
    begin_with(&bench, says_all, HISTORY, "", "no rows yet");
    push_when_confirmed(&bench, "BTC", 9, false);
    struct mw_series *btc = btc_of(&bench);
    push(&bench, 0, "BTC", 9, true);
    expect_signal(&bench, "BTC 9 warming");
    push(&bench, 0, "BTC", 10, false);
    set_history(&bench, six_to_nine);
    wait_until(is_full_of_history, btc);
    assert_int_equal(mw_series_gap_count(btc), 0);
    push(&bench, 0, "BTC", 10, true);
    expect_signal(&bench, "BTC 10 complete");
    end(&bench);
}

static void what_was_missed_while_nobody_subscribed_is_filled_in(void **state)
{
    (void)state;
    struct bench bench;
    begin_with(&bench, says_all, HISTORY, "", "[]");
    push_when_confirmed(&bench, "BTC", 5, true);
    expect_signal(&bench, "BTC 5 warming");
    struct mw_series *btc = btc_of(&bench);
    push(&bench, 0, "BTC", 6, false);
    const struct mw_timeframe minute = {1, 'm'};
    assert_int_equal(mw_engine_unsubscribe(bench.engine, "demo", "BTC", minute, NULL), MW_OK);
    mw_crowd_venue_wait(&bench.venue, 0, "-2 BTC@1m;");
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_IDLE);
    assert_int_equal(mw_engine_subscribe(bench.engine, "demo", "BTC", minute, NULL), MW_OK);
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_STALE);
    mw_crowd_venue_wait(&bench.venue, 0, "+3 BTC@1m;");
    set_history(&bench, "[[300000,1,1,1,1,1],[360000,1,1,1,1,1],[420000,1,1,1,1,1],"
                        "[480000,1,1,1,1,1],[540000,1,1,1,1,1]]");
    push(&bench, 0, "BTC", 9, false);
    expect_signal(&bench, "BTC 6 warming");
    expect_signal(&bench, "BTC 7 complete");
    expect_signal(&bench, "BTC 8 complete");
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_LIVE);
    assert_int_equal(mw_series_gap_count(btc), 0);
    push(&bench, 0, "BTC", 9, true);
    expect_signal(&bench, "BTC 9 complete");
    end(&bench);
}

static bool has_hole(struct mw_series *series)
{
    return mw_series_gap_count(series) > 0;
}

static void what_was_missed_while_the_engine_stood_still_is_known(void **state)
{
    (void)state;
    struct bench bench;
    begin_with(&bench, says_all, HISTORY, "gap_wait = 0", "[]");
    push_when_confirmed(&bench, "BTC", 4, true);
    expect_signal(&bench, "BTC 4 warming");
    push(&bench, 0, "BTC", 5, true);
    expect_signal(&bench, "BTC 5 warming");
    struct mw_series *btc = btc_of(&bench);
    push(&bench, 0, "BTC", 6, false);
    struct mw_candle newest = {.open_ms = 0};
    int64_t until = mw_clock_monotonic_ms() + WAIT_MS;
    while (newest.open_ms != 360000 && mw_clock_monotonic_ms() < until)
        mw_series_read_last(btc, INT64_MAX, 1, true, &newest);
    mw_engine_stop(bench.engine);
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_STALE);
    set_history(&bench, "no rows yet");
    assert_int_equal(mw_engine_start(bench.engine, NULL), MW_OK);
    assert_int_equal(mw_series_get_health(btc), MW_SERIES_STALE);
    expect_state(&bench, MW_CONNECTION_DISCONNECTED);
    expect_state(&bench, MW_CONNECTION_CONNECTING);
    expect_state(&bench, MW_CONNECTION_CONNECTED);
    expect_state(&bench, MW_CONNECTION_CONFIRMED);
    push(&bench, 1, "BTC", 8, false);
    wait_until(has_hole, btc);
    expect_signal(&bench, "gap 6-7");
    expect_signal(&bench, "BTC 6 gap"); /* it is there, in doubt */
    set_history(&bench, "[[300000,1,1,1,1,1],[360000,1,1,1,1,1],[420000,1,1,1,1,1],"
                        "[480000,1,1,1,1,1]]");
    expect_signal(&bench, "backfilled 6-7");
    push(&bench, 1, "BTC", 8, true);
    expect_signal(&bench, "BTC 8 complete");
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
        cmocka_unit_test(a_replacement_delivers_each_bar_once),
        cmocka_unit_test(a_failed_feed_is_brought_back),
        cmocka_unit_test(the_history_of_the_stream_s_host_is_asked),
        cmocka_unit_test(a_history_that_fails_is_told),
        cmocka_unit_test(history_that_comes_while_bars_flow_is_never_delivered),
        cmocka_unit_test(what_was_missed_while_nobody_subscribed_is_filled_in),
        cmocka_unit_test(what_was_missed_while_the_engine_stood_still_is_known),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
