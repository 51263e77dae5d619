/* engine_history_test.c - what an engine keeps, and finds again when it is started anew. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "bind/bind_moonwick.h"
#include "engine.h"
#include "feed/capture.h"
#include "server/simulator.h"

#include "crowd_venue.h"
#include "protocol_file.h"

enum { WAIT_MS = 20000, BARS = 100 };

static const struct mw_timeframe minute = {1, 'm'};

/* A folder with a store, and the engine that has it open. */
struct bench {
    char folder[64], store[96], protocol[MW_PROTOCOL_FILE_BYTES];
    struct mw_engine *engine;
    struct mw_capture *capture;
};

static void begin(struct bench *bench)
{
    *bench = (struct bench){.folder = "/tmp/moonwick_kept_XXXXXX"};
    mw_log_set_level(MW_LOG_OFF);
    assert_non_null(mkdtemp(bench->folder));
    snprintf(bench->store, sizeof(bench->store), "%s/kept.db", bench->folder);
}

static void remove_file(const struct bench *bench, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    remove(path);
}

static void end(struct bench *bench)
{
    mw_engine_free(bench->engine);
    remove_file(bench, "kept.db");
    remove_file(bench, "kept.db-wal");
    remove_file(bench, "kept.db-shm");
    remove_file(bench, "config.lua");
    remove_file(bench, "strategy.lua");
    remove_file(bench, "record.mwcap");
    assert_int_equal(rmdir(bench->folder), 0);
    if (bench->protocol[0] != '\0')
        unlink(bench->protocol);
    mw_log_set_level(MW_LOG_WARN);
}

static void write_file(const struct bench *bench, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* `feeds` is the list, `more` goes beside it. */
static mw_status try_open(struct bench *bench, const char *feeds, const char *more,
                          struct mw_error *err)
{
    struct mw_str code = MW_STR_INIT(4096);
    mw_str_addf(&code,
                "return { log = { level = 'off' }, cache = { bars = %d }, reconnect = { attempts = "
                "math.huge, base = 0.01 }, history = { store = 'kept.db' }, feeds = { %s }, %s }",
                BARS, feeds, more);
    write_file(bench, "config.lua", code.data);
    mw_str_deinit(&code);
    char path[128];
    snprintf(path, sizeof(path), "%s/config.lua", bench->folder);
    struct mw_settings *settings = NULL;
    mw_status status = mw_settings_load_file(path, &settings, err);
    if (status != MW_OK)
        return status;
    settings->capture = bench->capture;
    return mw_engine_open(settings, &mw_lua_bindings, &bench->engine, err);
}

static void open_engine(struct bench *bench, const char *feeds, const char *more)
{
    struct mw_error err = {.message = ""};
    if (try_open(bench, feeds, more, &err) != MW_OK)
        fail_msg("%s", err.message);
}

static void start_engine(struct bench *bench)
{
    struct mw_error err = {.message = ""};
    if (mw_engine_start(bench->engine, &err) != MW_OK)
        fail_msg("%s", err.message);
}

static void close_engine(struct bench *bench)
{
    mw_engine_free(bench->engine);
    bench->engine = NULL;
}

static struct mw_series *series_of(struct bench *bench, const char *symbol)
{
    struct mw_series *series = NULL;
    assert_int_equal(mw_cache_find(mw_engine_cache(bench->engine), NULL, symbol, minute, &series),
                     1);
    return series;
}

static struct mw_engine_store_status status_of(struct bench *bench)
{
    struct mw_engine_store_status status;
    assert_true(mw_engine_get_store_status(bench->engine, &status));
    return status;
}

/* Sleeps until the engine tells something, for a moment at most; drops it. */
static void wait_a_moment(struct bench *bench)
{
    struct mw_event event;
    if (mw_engine_poll(bench->engine, 5, &event))
        mw_event_deinit(&event);
}

/* Waits for what threads of the engine do. */
#define UNTIL(bench, condition)                                                                    \
    for (int64_t until = mw_clock_monotonic_ms() + WAIT_MS; !(condition);) {                       \
        assert_true(mw_clock_monotonic_ms() < until);                                              \
        wait_a_moment(bench);                                                                      \
    }

static uint32_t count_of(struct mw_series *series, uint8_t source)
{
    struct mw_candle bars[BARS];
    uint32_t count = mw_series_read_last(series, INT64_MAX, BARS, false, bars), found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += bars[i].source == source;
    return found;
}

static int64_t newest_ms(struct mw_series *series)
{
    struct mw_candle newest = {.open_ms = INT64_MIN};
    mw_series_read_last(series, INT64_MAX, 1, false, &newest);
    return newest.open_ms;
}

/* --- with a simulator whose time goes on ------------------------------------------------------ */

static struct mw_simulator *start_simulator(char feed[160])
{
    static const char *const symbols[] = {"BTCUSDT", "ETHUSDT"};
    const struct mw_simulator_options options = {.protocol = "wealthdata",
                                                 .symbols = symbols,
                                                 .symbol_count = 2,
                                                 .timeframes = &minute,
                                                 .timeframe_count = 1,
                                                 .seed = 7,
                                                 .speed = 2000};
    struct mw_simulator *simulator;
    assert_int_equal(mw_simulator_start(&options, &simulator, NULL), MW_OK);
    snprintf(feed, 160,
             "{ name = 'demo', protocol = 'wealthdata', endpoint = '%s', symbols = { 'BTCUSDT' } }",
             mw_simulator_url(simulator));
    return simulator;
}

/* Every minute has a bar, and the same as the simulator's own past says. */
static void expect_whole(struct mw_series *series)
{
    struct mw_candle bars[BARS];
    uint32_t count = mw_series_read_last(series, INT64_MAX, BARS, false, bars);
    assert_true(count > 2);
    for (uint32_t i = 1; i < count; i++)
        assert_int_equal(bars[i].open_ms, bars[i - 1].open_ms + MW_MS_PER_MINUTE);
}

static bool is_whole(struct mw_series *series)
{
    return mw_series_gap_count(series) == 0 && mw_series_first_live_ms(series) != INT64_MAX &&
           mw_series_count(series) == BARS;
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    struct bench bench;
    char feed[160];
    begin(&bench);
    struct mw_simulator *simulator = start_simulator(feed);
    open_engine(&bench, feed, "");
    assert_int_equal(mw_series_count(series_of(&bench, "BTCUSDT")), 0);
    start_engine(&bench);
    UNTIL(&bench, is_whole(series_of(&bench, "BTCUSDT")));
    mw_engine_stop(bench.engine); /* what is left is written */
    struct mw_candle before[BARS], after[BARS];
    assert_int_equal(status_of(&bench).writer.waiting, 0);
    assert_int_equal(
        mw_series_read_last(series_of(&bench, "BTCUSDT"), INT64_MAX, BARS - 1, false, before),
        BARS - 1);
    close_engine(&bench);

    open_engine(&bench, feed, "");
    struct mw_series *series = series_of(&bench, "BTCUSDT"); /* nothing has been started yet */
    assert_int_equal(mw_series_read_last(series, INT64_MAX, BARS - 1, false, after), BARS - 1);
    assert_int_equal(count_of(series, MW_SOURCE_STORE), mw_series_count(series));
    for (int i = 0; i < BARS - 1; i++) {
        assert_true(after[i].open_ms == before[i].open_ms && after[i].close == before[i].close);
        assert_true(after[i].volume == before[i].volume);
    }
    assert_int_equal(mw_series_gap_count(series), 0);
    start_engine(&bench);
    UNTIL(&bench, is_whole(series) &&
                      newest_ms(series) > after[BARS - 2].open_ms + INT64_C(20) * MW_MS_PER_MINUTE);
    expect_whole(series);
    assert_true(count_of(series, MW_SOURCE_STORE) > 0); /* those that are left are what they were */
    mw_engine_stop(bench.engine);
    assert_int_equal(status_of(&bench).writer.lost, 0);
    close_engine(&bench);

    /* In between nothing is missing either. */
    struct mw_store *store;
    const struct mw_series_key key = {.feed = "demo", .symbol = "BTCUSDT", .timeframe = minute};
    struct mw_store_counts counts;
    struct mw_store_series stored;
    bool found;
    assert_int_equal(mw_store_open(&(struct mw_store_options){.path = bench.store}, &store, NULL),
                     MW_OK);
    assert_int_equal(mw_store_count(store, &key, &counts, NULL), MW_OK);
    assert_int_equal(mw_store_find(store, &key, &stored, &found, NULL), MW_OK);
    assert_int_equal(counts.holes, 0);
    assert_int_equal(counts.rows, mw_timeframe_buckets(minute, stored.first_ms, stored.last_ms));
    assert_int_equal(counts.by_source[MW_SOURCE_STORE], 0);
    mw_store_close(store);
    mw_simulator_stop(simulator);
    end(&bench);
}

static void a_series_that_is_subscribed_later_is_filled_then(void **state)
{
    (void)state;
    struct bench bench;
    char feed[160];
    begin(&bench);
    struct mw_simulator *simulator = start_simulator(feed);
    open_engine(&bench, feed, "");
    start_engine(&bench);
    assert_int_equal(mw_engine_subscribe(bench.engine, "demo", "ETHUSDT", minute, NULL), MW_OK);
    UNTIL(&bench, is_whole(series_of(&bench, "ETHUSDT")));
    close_engine(&bench);
    open_engine(&bench, feed, "");
    start_engine(&bench);
    assert_int_equal(mw_engine_subscribe(bench.engine, "demo", "ETHUSDT", minute, NULL), MW_OK);
    assert_true(count_of(series_of(&bench, "ETHUSDT"), MW_SOURCE_STORE) > 0);
    UNTIL(&bench, is_whole(series_of(&bench, "ETHUSDT")));
    expect_whole(series_of(&bench, "ETHUSDT"));
    mw_simulator_stop(simulator);
    end(&bench);
}

static void a_time_that_begins_anew_is_not_filled_from_what_lies_ahead(void **state)
{
    (void)state;
    static const char feed[] = "{ name = 'demo', protocol = 'wealthdata', endpoint = 'simulator', "
                               "simulator = { speed = 2000 }, store = true, "
                               "symbols = { 'BTCUSDT' } }";
    struct bench bench;
    begin(&bench);
    for (int round = 0; round < 2; round++) {
        open_engine(&bench, feed, "");
        assert_int_equal(mw_series_count(series_of(&bench, "BTCUSDT")), 0);
        start_engine(&bench);
        UNTIL(&bench, is_whole(series_of(&bench, "BTCUSDT")));
        UNTIL(&bench, status_of(&bench).writer.rows >= BARS);
        assert_int_equal(count_of(series_of(&bench, "BTCUSDT"), MW_SOURCE_STORE), 0);
        close_engine(&bench);
    }
    end(&bench);
}

static void what_is_recorded_begins_with_nothing(void **state)
{
    (void)state;
    struct bench bench;
    char feed[160], path[128];
    uint64_t cut;
    begin(&bench);
    struct mw_simulator *simulator = start_simulator(feed);
    open_engine(&bench, feed, "");
    start_engine(&bench);
    UNTIL(&bench, is_whole(series_of(&bench, "BTCUSDT")));
    close_engine(&bench);
    snprintf(path, sizeof(path), "%s/record.mwcap", bench.folder);
    assert_int_equal(mw_capture_open(path, &bench.capture, &cut, NULL), MW_OK);
    open_engine(&bench, feed, "");
    assert_int_equal(mw_series_count(series_of(&bench, "BTCUSDT")), 0);
    close_engine(&bench);
    assert_int_equal(mw_capture_close(bench.capture, NULL), MW_OK);
    mw_simulator_stop(simulator);
    end(&bench);
}

/* --- with a venue that the test leads --------------------------------------------------------- */

#define HISTORY                                                                                    \
    "p.limits.batch = nil\n"                                                                       \
    "p.history = { count = 10, requests_per_second = 100, request = function() return '/bars' "    \
    "end, rows = '',\n"                                                                            \
    "  open_time = { 1, unit = 'ms' }, open = 2, high = 3, low = 4, close = 5, volume = 6 }"

static void feed_of(struct bench *bench, struct mw_crowd_venue *venue, const char *more,
                    char feed[256])
{
    char url[32];
    if (bench->protocol[0] == '\0')
        mw_protocol_file_write(HISTORY, bench->protocol);
    snprintf(feed, 256,
             "{ name = 'demo', protocol = '%s', endpoint = '%s', symbols = { 'BTC' }%s }",
             bench->protocol, mw_crowd_venue_url(venue, url), more);
}

static void push(struct mw_crowd_venue *venue, uint32_t index, int at)
{
    char text[160];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"BTC\",\"f\":\"1m\",\"t\":%d,\"o\":1,\"h\":1,\"l\":1,\"c\":1,"
             "\"v\":1,\"x\":true}",
             at * 60000);
    mw_crowd_venue_push(venue, index, text);
}

static void wait_confirmed(struct bench *bench)
{
    UNTIL(bench, mw_feed_get_state(mw_engine_feed(bench->engine, 0)) == MW_CONNECTION_CONFIRMED);
}

static void a_stream_that_is_silent_is_no_reason_to_stay_behind(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_crowd_venue venue = {.holds = false};
    char feed[256];
    begin(&bench);
    mw_crowd_venue_start(&venue);
    feed_of(&bench, &venue, ", backfill = false", feed);
    open_engine(&bench, feed, "");
    start_engine(&bench);
    wait_confirmed(&bench);
    for (int at = 1; at <= 3; at++)
        push(&venue, 0, at);
    UNTIL(&bench, status_of(&bench).writer.rows == 3);
    close_engine(&bench);
    pthread_mutex_lock(&venue.lock);
    venue.holds = true; /* and so it says nothing any more */
    venue.history = "[[180000,1,1,1,1,1],[240000,1,1,1,1,1],[300000,1,1,1,1,1],"
                    "[360000,1,1,1,1,1]]";
    pthread_mutex_unlock(&venue.lock);
    feed_of(&bench, &venue, "", feed);
    open_engine(&bench, feed, "");
    struct mw_series *series = series_of(&bench, "BTC");
    assert_int_equal(count_of(series, MW_SOURCE_STORE), 3);
    start_engine(&bench);
    UNTIL(&bench, newest_ms(series) == INT64_C(300000));
    assert_int_equal(count_of(series, MW_SOURCE_STORE), 3);
    assert_int_equal(count_of(series, MW_SOURCE_BACKFILL), 2);
    assert_false(mw_series_find_gap(series, 60000, 300000, NULL));
    end(&bench);
    mw_crowd_venue_stop(&venue);
}

static void a_feed_that_is_not_to_be_kept_is_not(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_crowd_venue venue = {.holds = false};
    char feed[256];
    begin(&bench);
    mw_crowd_venue_start(&venue);
    feed_of(&bench, &venue, ", store = false, backfill = false", feed);
    for (int round = 0; round < 2; round++) {
        open_engine(&bench, feed, "");
        assert_int_equal(mw_series_count(series_of(&bench, "BTC")), 0);
        start_engine(&bench);
        wait_confirmed(&bench);
        push(&venue, (uint32_t)round, 1);
        UNTIL(&bench, mw_series_count(series_of(&bench, "BTC")) == 1);
        mw_engine_stop(bench.engine);
        assert_int_equal(status_of(&bench).writer.rows, 0);
        close_engine(&bench);
    }
    end(&bench);
    mw_crowd_venue_stop(&venue);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static struct mw_event next_of(struct bench *bench, mw_event_kind kind)
{
    struct mw_event event = {.kind = MW_EVENT_BAR};
    do {
        mw_event_deinit(&event);
        assert_true(mw_engine_poll(bench->engine, WAIT_MS, &event));
    } while (event.kind != kind);
    return event;
}

static void a_full_disk_is_told_to_everybody_and_live_goes_on(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_crowd_venue venue = {.holds = false};
    char feed[256], more[160];
    begin(&bench);
    mw_crowd_venue_start(&venue);
    feed_of(&bench, &venue, ", backfill = false", feed);
    write_file(&bench, "strategy.lua",
               "return { subscriptions = function() return { { symbol = 'BTC', frequency = '1m' } "
               "} end,\n  handle_state = function(c, event) if event.kind == 'store' then "
               "c:signal(event.error and event.error.kind or 'works') end end }");
    snprintf(more, sizeof(more), "strategies = { '%s/strategy.lua' }", bench.folder);
    open_engine(&bench, feed, more);
    start_engine(&bench);
    wait_confirmed(&bench);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(512);
    push(&venue, 0, 1);
    struct mw_event event = next_of(&bench, MW_EVENT_STORE);
    assert_true(event.has_error);
    assert_non_null(strstr(event.error.message, bench.store));
    event = next_of(&bench, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, "HistoryError");
    mw_event_deinit(&event);
    push(&venue, 0, 2);
    UNTIL(&bench, mw_series_count(series_of(&bench, "BTC")) == 2);
    assert_true(status_of(&bench).writer.has_error);
    limit_files(RLIM_INFINITY);
    event = next_of(&bench, MW_EVENT_STORE);
    assert_false(event.has_error);
    event = next_of(&bench, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, "works");
    mw_event_deinit(&event);
    mw_engine_stop(bench.engine);
    assert_int_equal(status_of(&bench).writer.rows, 2);
    assert_true(status_of(&bench).bytes > 0);
    assert_string_equal(status_of(&bench).path, bench.store);
    end(&bench);
    mw_crowd_venue_stop(&venue);
}

static void a_store_that_cannot_be_used_is_an_error_of_opening(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_error err = {.message = ""};
    begin(&bench);
    write_file(&bench, "kept.db", "this is no data base, but long enough to be taken for one\n");
    assert_int_equal(try_open(&bench, "", "", &err), MW_EHISTORY);
    assert_memory_equal(err.message, "history.store: ", 15);
    assert_non_null(strstr(err.message, bench.store));
    remove(bench.store);
    assert_int_equal(mkdir(bench.store, 0700), 0);
    assert_int_not_equal(try_open(&bench, "", "", &err), MW_OK);
    assert_non_null(strstr(err.message, bench.store));
    assert_int_equal(rmdir(bench.store), 0);
    open_engine(&bench, "", "");
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_goes_on_where_it_was),
        cmocka_unit_test(a_series_that_is_subscribed_later_is_filled_then),
        cmocka_unit_test(a_time_that_begins_anew_is_not_filled_from_what_lies_ahead),
        cmocka_unit_test(what_is_recorded_begins_with_nothing),
        cmocka_unit_test(a_stream_that_is_silent_is_no_reason_to_stay_behind),
        cmocka_unit_test(a_feed_that_is_not_to_be_kept_is_not),
        cmocka_unit_test(a_full_disk_is_told_to_everybody_and_live_goes_on),
        cmocka_unit_test(a_store_that_cannot_be_used_is_an_error_of_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
