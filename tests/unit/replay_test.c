/* replay_test.c - captures made by hand: what each record does to the cache, and which are refused.
 */
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
#include "base/log.h"
#include "base/str.h"
#include "history/replay.h"

#include "protocol_file.h"

static char path[] = "/tmp/moonwick_capture_XXXXXX";
static char protocol[MW_PROTOCOL_FILE_BYTES];
static struct mw_capture *capture;
static struct mw_capture_tap tap;

/* A capture with the feed "demo", of protocol_file.h; `tap` is its connection. */
static int begin(void **state)
{
    (void)state;
    snprintf(path + sizeof(path) - 7, 7, "XXXXXX");
    int fd = mkstemp(path);
    mw_log_set_level(MW_LOG_OFF);
    mw_protocol_file_write("", protocol);
    const struct mw_capture_fields feed = {.bars = 100, .name = "demo", .protocol = protocol};
    uint8_t number;
    if (fd < 0 || close(fd) != 0 || mw_capture_open(path, &capture, NULL, NULL) != MW_OK ||
        mw_capture_add_feed(capture, &feed, &number, NULL) != MW_OK)
        return -1;
    tap = mw_capture_tap(capture, number);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(protocol);
    return unlink(path);
}

static void put(mw_capture_kind kind, int64_t time_ms, const char *data)
{
    mw_capture_put(&tap, kind, time_ms,
                   &(struct mw_capture_fields){.data = data, .length = strlen(data)});
}

static void put_series(mw_capture_kind kind, const char *symbol)
{
    mw_capture_put(&tap, kind, 1000,
                   &(struct mw_capture_fields){.symbol = symbol, .timeframe = "1m", .code = "1m"});
}

/* A message about the bar of this minute; closed: 0 or 1, or -1 when the venue does not say. */
static void put_bar(const char *symbol, int minute, double close, int closed)
{
    static const char *const flags[] = {"", ",\"x\":false", ",\"x\":true"};
    char text[256];
    snprintf(text, sizeof(text),
             "{\"k\":\"bar\",\"s\":\"%s\",\"f\":\"1m\",\"t\":%d,\"o\":1,\"h\":9,\"l\":1,\"c\":%g,"
             "\"v\":1%s}",
             symbol, minute * 60000, close, flags[closed + 1]);
    put(MW_CAPTURE_RECEIVED, minute * 60000 + 1000, text);
}

static struct mw_replay *open_replay(void)
{
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
    capture = NULL;
    struct mw_replay *replay = NULL;
    struct mw_error err = {.message = ""};
    if (mw_replay_open(path, &replay, &err) != MW_OK)
        fail_msg("%s", err.message);
    return replay;
}

static struct mw_replay *replay_all(void)
{
    struct mw_replay *replay = open_replay();
    struct mw_replay_step step = {.is_record = true};
    struct mw_error err = {.message = ""};
    while (step.is_record)
        if (mw_replay_next(replay, &step, &err) != MW_OK)
            fail_msg("%s", err.message);
    return replay;
}

/* The replay stops with an error whose message has this text. */
static void replay_fails(mw_status status, const char *message)
{
    struct mw_replay *replay = open_replay();
    struct mw_replay_step step = {.is_record = true};
    struct mw_error err = {.message = ""};
    mw_status got = MW_OK;
    while (got == MW_OK && step.is_record)
        got = mw_replay_next(replay, &step, &err);
    assert_int_equal(got, status);
    if (strstr(err.message, message) == NULL)
        fail_msg("got '%s', want '%s'", err.message, message);
    mw_replay_close(replay);
}

static struct mw_series *find(struct mw_replay *replay, const char *feed, const char *symbol)
{
    struct mw_series *series = NULL;
    const struct mw_timeframe minute = {1, 'm'};
    assert_int_equal(mw_cache_find(mw_replay_cache(replay), feed, symbol, minute, &series), 1);
    return series;
}

static struct mw_candle newest(struct mw_series *series)
{
    struct mw_candle candle;
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 1, true, &candle), 1);
    return candle;
}

static void messages_become_bars(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put(MW_CAPTURE_OPEN, 1000, "ws://127.0.0.1:1/");
    put(MW_CAPTURE_SENT, 1000, "");
    put_bar("BTC", 1, 2, 0);
    put_bar("BTC", 1, 3, 1);
    put_bar("BTC", 2, 4, 0);
    put_bar("ETH", 2, 4, 0);
    put(MW_CAPTURE_RECEIVED, 2000, "{");
    put(MW_CAPTURE_RECEIVED, 2000, "{}");
    put(MW_CAPTURE_RECEIVED_BINARY, 2000, "{}");
    struct mw_replay *replay = replay_all();
    struct mw_series *series = find(replay, "demo", "BTC");
    assert_int_equal(mw_series_count(series), 2);
    struct mw_candle bars[2];
    assert_int_equal(mw_series_read_last(series, INT64_MAX, 2, true, bars), 2);
    assert_int_equal(bars[0].closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_true(bars[0].close == 3);
    assert_int_equal(bars[1].state, MW_CANDLE_FORMING);
    assert_int_equal(mw_cache_bars(mw_replay_cache(replay)), 100);

    struct mw_replay_feed feed;
    assert_int_equal(mw_replay_feed_count(replay), 1);
    mw_replay_get_feed(replay, 0, &feed);
    assert_string_equal(feed.name, "demo");
    assert_string_equal(feed.protocol, protocol);
    assert_int_equal(feed.connections, 1);
    assert_int_equal(feed.messages, 7);
    assert_int_equal(feed.candles, 3);
    assert_int_equal(feed.other, 1);
    assert_int_equal(feed.rejects[MW_REJECT_UNKNOWN_SYMBOL], 1);
    assert_int_equal(feed.rejects[MW_REJECT_NOT_JSON], 1);
    assert_int_equal(feed.rejects[MW_REJECT_BINARY], 1);
    struct mw_replay_counts counts;
    mw_replay_get_counts(replay, &counts);
    assert_int_equal(counts.messages, 7);
    assert_int_equal(counts.records, 11);
    assert_int_equal(counts.tail.bytes, 0);
    mw_replay_close(replay);
}

static void what_is_not_subscribed_is_not_taken(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_bar("BTC", 1, 2, 1);
    put_series(MW_CAPTURE_UNSUBSCRIBE, "BTC");
    put_bar("BTC", 2, 2, 1);
    struct mw_replay *replay = replay_all();
    assert_int_equal(mw_series_count(find(replay, "demo", "BTC")), 1);
    struct mw_replay_feed feed;
    mw_replay_get_feed(replay, 0, &feed);
    assert_int_equal(feed.unsubscribed, 1);
    mw_replay_close(replay);
}

static void connections_have_subscriptions_of_their_own(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    tap = mw_capture_tap(capture, 0);
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_series(MW_CAPTURE_UNSUBSCRIBE, "BTC");
    put_bar("BTC", 1, 2, 1);
    tap.link = 0;
    put_bar("BTC", 2, 2, 1);
    struct mw_replay *replay = replay_all();
    assert_int_equal(mw_series_count(find(replay, "demo", "BTC")), 1);
    assert_int_equal(newest(find(replay, "demo", "BTC")).open_ms, 120000);
    mw_replay_close(replay);
}

static void a_closed_connection_leaves_the_forming_bar_in_doubt(void **state)
{
    (void)state;
    const mw_capture_kind kinds[] = {MW_CAPTURE_CLOSED, MW_CAPTURE_INTERRUPT};
    for (size_t i = 0; i < MW_COUNT(kinds); i++) {
        put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
        put_bar("BTC", 1, 2, -1);
        if (kinds[i] == MW_CAPTURE_CLOSED)
            put(MW_CAPTURE_CLOSED, 61000, "gone");
        else
            put_series(MW_CAPTURE_INTERRUPT, "BTC");
        put_bar("BTC", 2, 2, -1);
        struct mw_replay *replay = replay_all();
        assert_true(mw_series_find_gap(find(replay, "demo", "BTC"), 60000, 60000, NULL));
        mw_replay_close(replay);
        end(NULL);
        begin(NULL);
    }
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
}

static void the_clock_closes_what_it_closed(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_bar("BTC", 1, 2, -1);
    mw_capture_put(
        &tap, MW_CAPTURE_CLOCK, 122000,
        &(struct mw_capture_fields){.open_ms = 60000, .symbol = "BTC", .timeframe = "1m"});
    struct mw_replay *replay = replay_all();
    assert_int_equal(newest(find(replay, "demo", "BTC")).closed_by, MW_CLOSED_BY_CLOCK);
    mw_replay_close(replay);
}

static void a_new_section_goes_on_with_the_same_series(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_bar("BTC", 1, 2, -1);
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);

    /* Other feeds come first this time, so that the number is another one. */
    assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
    struct mw_capture_fields feed = {.bars = 7, .name = "other", .protocol = "binance"};
    uint8_t number = 9;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    feed.name = "demo";
    feed.protocol = protocol;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    assert_int_equal(number, 1);
    tap = mw_capture_tap(capture, number);
    put_bar("BTC", 2, 2, -1); /* nobody has asked for it again */
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_bar("BTC", 2, 3, -1);
    struct mw_replay *replay = replay_all();
    struct mw_series *series = find(replay, "demo", "BTC");
    assert_int_equal(mw_cache_bars(mw_replay_cache(replay)), 100);
    assert_int_equal(mw_series_count(series), 2);
    assert_true(mw_series_find_gap(series, 60000, 60000, NULL));
    struct mw_replay_feed counted;
    assert_int_equal(mw_replay_feed_count(replay), 2);
    mw_replay_get_feed(replay, 0, &counted);
    assert_int_equal(counted.messages, 3);
    assert_int_equal(counted.rejects[MW_REJECT_UNKNOWN_SYMBOL], 1);
    mw_replay_close(replay);
}

static void digests_tell_series_apart(void **state)
{
    (void)state;
    uint64_t digests[4];
    for (int i = 0; i < 4; i++) {
        put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
        put_bar("BTC", 1, 2, 1);
        put_bar("BTC", i == 2 ? 3 : 2, i == 1 ? 3 : 2, 1);
        struct mw_replay *replay = replay_all();
        digests[i] = mw_replay_digest(find(replay, "demo", "BTC"));
        mw_replay_close(replay);
        end(NULL);
        begin(NULL);
    }
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
    assert_true(digests[0] == digests[3]);
    assert_true(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
}

static void a_capture_without_records_is_empty(void **state)
{
    (void)state;
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
    struct mw_replay *replay = replay_all();
    assert_int_equal(mw_replay_feed_count(replay), 0);
    assert_int_equal(mw_cache_series_count(mw_replay_cache(replay)), 0);
    mw_replay_close(replay);
    mw_replay_close(NULL);
}

static void a_torn_tail_ends_it(void **state)
{
    (void)state;
    put_series(MW_CAPTURE_SUBSCRIBE, "BTC");
    put_bar("BTC", 1, 2, 1);
    mw_capture_flush(capture);
    struct mw_capture_status status;
    mw_capture_get_status(capture, &status);
    assert_int_equal(truncate(path, (off_t)(8 + status.bytes - 1)), 0);
    struct mw_replay *replay = replay_all();
    struct mw_replay_counts counts;
    mw_replay_get_counts(replay, &counts);
    assert_int_equal(counts.records, 2);
    assert_true(counts.tail.bytes > 0);
    assert_false(counts.tail.is_damage);
    mw_replay_close(replay);
}

static void refuses_records_that_mean_nothing(void **state)
{
    (void)state;
    char blank[] = "B TC";
    for (int i = 0; i < 9; i++) {
        struct mw_capture_fields feed = {.bars = 1, .name = "demo", .protocol = protocol};
        uint8_t number;
        const char *message = NULL;
        switch (i) {
        case 0:
            put_series(MW_CAPTURE_SUBSCRIBE, blank);
            message = "the SUBSCRIBE record before byte ";
            break;
        case 1:
            put_series(MW_CAPTURE_SUBSCRIBE, "");
            message = "its symbol is none";
            break;
        case 2:
            mw_capture_put(
                &tap, MW_CAPTURE_SUBSCRIBE, 1,
                &(struct mw_capture_fields){.symbol = "BTC", .timeframe = "1x", .code = "1"});
            message = "its timeframe is none";
            break;
        case 3:
            tap.feed = 1;
            put(MW_CAPTURE_OPEN, 1, "");
            message = "its feed was not announced";
            break;
        case 4:
            put(MW_CAPTURE_OPEN, INT64_MAX, "");
            message = "its time is none";
            break;
        case 5:
            put(MW_CAPTURE_OPEN, MW_CANDLE_OPEN_MS_MIN - 1, "");
            message = "its time is none";
            break;
        case 6:
            assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
            message = "its name is taken";
            break;
        case 7:
            feed.name = "\033[31m";
            assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
            message = "its name is none";
            break;
        default:
            put(MW_CAPTURE_OPEN, MW_CANDLE_OPEN_MS_MIN, "");
            put(MW_CAPTURE_OPEN, INT64_C(253402300799999), "");
            put(MW_CAPTURE_OPEN, INT64_C(253402300800000), "");
            message = "the OPEN record";
            break;
        }
        replay_fails(MW_EPARSE, message);
        end(NULL);
        begin(NULL);
    }
    struct mw_capture_fields feed = {.bars = 1, .name = "x", .protocol = "/none/such.lua"};
    uint8_t number;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    replay_fails(MW_EIO, "feed x: ");
}

static void holds_what_a_feed_may_have_against_limits(void **state)
{
    (void)state;
    for (int i = 0; i < MW_REPLAY_CONNECTIONS_MAX; i++) {
        tap.link = (uint16_t)i;
        put(MW_CAPTURE_OPEN, 1, "");
    }
    mw_replay_close(replay_all());
    assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
    tap.capture = capture;
    tap.link = MW_REPLAY_CONNECTIONS_MAX;
    put(MW_CAPTURE_OPEN, 1, "");
    replay_fails(MW_EPARSE, "one connection too many");
    end(NULL);

    static const int64_t bars[] = {0, 1, MW_SERIES_CANDLES_MAX, MW_SERIES_CANDLES_MAX + 1};
    for (size_t i = 0; i < MW_COUNT(bars); i++) {
        begin(NULL);
        assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
        assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
        const struct mw_capture_fields feed = {
            .bars = bars[i], .name = "demo", .protocol = protocol};
        uint8_t number;
        assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
        assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
        struct mw_replay *replay = NULL;
        bool good = bars[i] > 0 && bars[i] <= MW_SERIES_CANDLES_MAX;
        assert_int_equal(mw_replay_open(path, &replay, NULL), good ? MW_OK : MW_EPARSE);
        assert_int_equal(replay != NULL, good);
        mw_replay_close(replay);
        end(NULL);
    }
    begin(NULL);
    mw_capture_close(capture, NULL);
}

static void series_together_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
    const struct mw_capture_fields feed = {
        .bars = MW_SERIES_CANDLES_MAX, .name = "demo", .protocol = protocol};
    uint8_t number;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    tap = mw_capture_tap(capture, number);
    for (int i = 0; i < MW_REPLAY_CANDLES_MAX / MW_SERIES_CANDLES_MAX + 1; i++) {
        char symbol[16];
        snprintf(symbol, sizeof(symbol), "S%d", i);
        put_series(MW_CAPTURE_SUBSCRIBE, symbol);
    }
    replay_fails(MW_ELIMIT, "bars in all series together");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_become_bars),
        TEST(what_is_not_subscribed_is_not_taken),
        TEST(connections_have_subscriptions_of_their_own),
        TEST(a_closed_connection_leaves_the_forming_bar_in_doubt),
        TEST(the_clock_closes_what_it_closed),
        TEST(a_new_section_goes_on_with_the_same_series),
        TEST(digests_tell_series_apart),
        TEST(a_capture_without_records_is_empty),
        TEST(a_torn_tail_ends_it),
        TEST(refuses_records_that_mean_nothing),
        TEST(holds_what_a_feed_may_have_against_limits),
        TEST(series_together_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
