/* recording_test.c - an engine that is cut off and comes back is recorded, and replays the same. */
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
#include "feed/capture.h"
#include "history/replay.h"
#include "server/simulator.h"

enum { WAIT_MS = 20000, BARS = 12, SERIES = 4 };

static const char *const symbols[] = {"BTCUSDT", "ETHUSDT"};
static const struct mw_timeframe timeframes[] = {{1, 'm'}, {5, 'm'}};
static const int64_t start_ms = INT64_C(1784073600000); /* 2026-07-15T00:00:00Z */

static char path[] = "/tmp/moonwick_capture_XXXXXX";

/* An engine with one feed and its recording. */
struct bench {
    struct mw_simulator *simulator;
    uint16_t port;
    struct mw_engine *engine;
    struct mw_capture *capture;
};

static void start_simulator(struct bench *bench, int64_t from_ms)
{
    const struct mw_simulator_options options = {.protocol = "wealthdata",
                                                 .port = bench->port,
                                                 .symbols = symbols,
                                                 .symbol_count = MW_COUNT(symbols),
                                                 .timeframes = timeframes,
                                                 .timeframe_count = MW_COUNT(timeframes),
                                                 .seed = 7,
                                                 .speed = 3000,
                                                 .start_ms = from_ms};
    struct mw_error err = {.message = ""};
    if (mw_simulator_start(&options, &bench->simulator, &err) != MW_OK)
        fail_msg("%s", err.message);
    bench->port = mw_simulator_port(bench->simulator);
}

static void begin(struct bench *bench, bool backfill)
{
    char config[] = "/tmp/moonwick_config_XXXXXX.lua";
    struct mw_error err = {.message = ""};
    struct mw_settings *settings = NULL;
    *bench = (struct bench){.port = 0};
    start_simulator(bench, start_ms);
    int fd = mkstemps(config, 4);
    assert_true(fd >= 0);
    assert_true(dprintf(fd,
                        "return { log = { level = 'off' }, cache = { bars = 50 },\n"
                        "  reconnect = { attempts = 1000, base = 0.02, cap = 0.05 },\n"
                        "  feeds = { { name = 'demo', protocol = 'wealthdata', backfill = %s,\n"
                        "    endpoint = 'ws://127.0.0.1:%u/market_data',\n"
                        "    symbols = { 'BTCUSDT', 'ETHUSDT' }, timeframes = { '1m', '5m' } } }\n"
                        "}\n",
                        backfill ? "true" : "false", bench->port) > 0);
    close(fd);
    mw_status status = mw_settings_load_file(config, &settings, &err);
    unlink(config);
    if (status == MW_OK)
        status = mw_capture_open(path, &bench->capture, NULL, &err);
    if (status != MW_OK)
        fail_msg("%s", err.message);
    settings->capture = bench->capture;
    assert_int_equal(mw_engine_open(settings, &mw_lua_bindings, &bench->engine, &err), MW_OK);
    mw_engine_want_bars(bench->engine);
    assert_int_equal(mw_engine_start(bench->engine, &err), MW_OK);
}

/* Waits until each series has told so many more bars of a minute. */
static void wait_for_bars(struct bench *bench)
{
    for (int left = BARS * (int)MW_COUNT(symbols); left > 0;) {
        struct mw_event event;
        assert_true(mw_engine_poll(bench->engine, WAIT_MS, &event));
        left -= event.kind == MW_EVENT_BAR && event.key.timeframe.count == 1;
        mw_event_deinit(&event);
    }
}

static struct mw_replay *replay_all(void)
{
    struct mw_replay *replay = NULL;
    struct mw_error err = {.message = ""};
    struct mw_replay_step step = {.is_record = true};
    mw_status status = mw_replay_open(path, &replay, &err);
    while (status == MW_OK && step.is_record)
        status = mw_replay_next(replay, &step, &err);
    if (status != MW_OK)
        fail_msg("%s", err.message);
    return replay;
}

static void expect_same_bars(const struct mw_series *live, const struct mw_series *replayed)
{
    struct mw_candle bars[2][64];
    uint32_t count = mw_series_read_last(live, INT64_MAX, 64, false, bars[0]);
    assert_true(count > 0);
    assert_int_equal(mw_series_read_last(replayed, INT64_MAX, 64, false, bars[1]), count);
    for (uint32_t i = 0; i < count; i++)
        assert_memory_equal(&bars[0][i], &bars[1][i], sizeof(bars[0][i]));
}

/* Records while the venue goes away and comes back, an hour later each time. */
static void record(struct bench *bench_out, bool backfill)
{
    struct bench bench;
    begin(&bench, backfill);
    wait_for_bars(&bench);
    for (int cut = 1; cut <= 3; cut++) {
        mw_simulator_stop(bench.simulator);
        start_simulator(&bench, start_ms + (int64_t)cut * MW_MS_PER_HOUR);
        wait_for_bars(&bench);
    }
    assert_int_equal(mw_engine_unsubscribe(bench.engine, "demo", symbols[1], timeframes[1], NULL),
                     MW_OK);
    wait_for_bars(&bench);
    assert_int_equal(mw_engine_subscribe(bench.engine, "demo", symbols[1], timeframes[1], NULL),
                     MW_OK);
    wait_for_bars(&bench);
    mw_engine_stop(bench.engine);
    assert_int_equal(mw_capture_close(bench.capture, NULL), MW_OK);
    *bench_out = bench;
}

static void end(struct bench *bench)
{
    mw_engine_free(bench->engine);
    mw_simulator_stop(bench->simulator);
}

static void what_the_engine_had_is_what_a_replay_has(void **state)
{
    (void)state;
    struct bench bench;
    record(&bench, false);
    uint64_t digests[2][SERIES + 1] = {{0}};
    struct mw_cache *cache = mw_engine_cache(bench.engine);
    for (int round = 0; round < 2; round++) {
        struct mw_replay *replay = replay_all();
        struct mw_cache *again = mw_replay_cache(replay);
        assert_int_equal(mw_cache_series_count(again), mw_cache_series_count(cache));
        for (uint32_t i = 0; i < SERIES; i++) {
            const struct mw_series_key *key = mw_series_key(mw_cache_series_get(cache, i));
            struct mw_series *series = NULL;
            assert_int_equal(mw_cache_find(again, key->feed, key->symbol, key->timeframe, &series),
                             1);
            expect_same_bars(mw_cache_series_get(cache, i), series);
            digests[round][i] = mw_replay_digest(series);
            assert_int_equal(digests[round][i], mw_replay_digest(mw_cache_series_get(cache, i)));
        }
        struct mw_replay_feed feed;
        mw_replay_get_feed(replay, 0, &feed);
        assert_int_equal(feed.connections, 4);
        mw_replay_close(replay);
    }
    assert_memory_equal(digests[0], digests[1], sizeof(digests[0]));
    end(&bench);
}

/* Two threads change the series then, so that what forms may be taken in another order. */
static void what_history_filled_is_filled_again(void **state)
{
    (void)state;
    struct bench bench;
    record(&bench, true);
    struct mw_cache *cache = mw_engine_cache(bench.engine);
    struct mw_replay *replay = replay_all();
    for (uint32_t i = 0; i < SERIES; i++) {
        const struct mw_series_key *key = mw_series_key(mw_cache_series_get(cache, i));
        struct mw_series *series = NULL;
        assert_int_equal(
            mw_cache_find(mw_replay_cache(replay), key->feed, key->symbol, key->timeframe, &series),
            1);
        expect_same_bars(mw_cache_series_get(cache, i), series);
    }
    struct mw_replay_feed feed;
    mw_replay_get_feed(replay, 0, &feed);
    assert_true(feed.answers > 0);
    mw_replay_close(replay);
    end(&bench);
}

static int make_path(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF);
    snprintf(path + sizeof(path) - 7, 7, "XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_engine_had_is_what_a_replay_has, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(what_history_filled_is_filled_again, make_path,
                                        remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
