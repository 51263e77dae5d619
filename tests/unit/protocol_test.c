/* protocol_test.c - protocols as data: what is taken, what is refused and where, what is built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"
#include "feed/protocol.h"

#include "protocol_file.h"

/* Collects messages, one a line. */
static void add(void *user, const char *text, size_t length)
{
    assert_true(mw_str_add(user, text, length));
    assert_true(mw_str_adds(user, "\n"));
}

static mw_status build(struct mw_protocol *protocol, bool subscribe, uint32_t series_count,
                       struct mw_str *messages, struct mw_error *err)
{
    static const struct mw_protocol_series series[] = {
        {"BTCUSDT", "1m"}, {"BTCUSDT", "1h"}, {"ETHUSDT", "1m"}};
    const struct mw_protocol_feed feed = {
        .name = "demo", .csrf_token = "t\"k", .market_type = NULL};
    const struct mw_protocol_request request = {.subscribe = subscribe,
                                                .series = series,
                                                .series_count = series_count,
                                                .id = 42,
                                                .feed = &feed};
    return mw_protocol_build(protocol, &request, add, messages, err);
}

static void expect_messages(struct mw_protocol *protocol, bool subscribe, uint32_t series_count,
                            const char *expected)
{
    struct mw_str messages = MW_STR_INIT(4096);
    struct mw_error err = {.message = ""};
    assert_int_equal(build(protocol, subscribe, series_count, &messages, &err), MW_OK);
    assert_string_equal(messages.length > 0 ? messages.data : "", expected);
    mw_str_deinit(&messages);
}

static void binance_is_shipped(void **state)
{
    (void)state;
    struct mw_protocol *protocol;
    char code[MW_TIMEFRAME_BYTES_MAX];
    assert_int_equal(mw_protocol_load("binance", &protocol, NULL), MW_OK);
    assert_string_equal(protocol->name, "binance");
    assert_int_equal(protocol->endpoint_count, 2);
    assert_int_equal(protocol->timeframe_count, 16);
    assert_int_equal(protocol->stream_count_max, 1024);
    assert_false(protocol->replaces);
    assert_true(mw_protocol_timeframe_code(protocol, (struct mw_timeframe){1, 'M'}, code));
    assert_string_equal(code, "1M");
    assert_false(mw_protocol_timeframe_code(protocol, (struct mw_timeframe){7, 'm'}, code));
    struct mw_str messages = MW_STR_INIT(4096);
    assert_int_equal(build(protocol, true, 2, &messages, NULL), MW_OK);
    assert_non_null(
        strstr(messages.data, "\"params\":[\"btcusdt@kline_1m\",\"btcusdt@kline_1h\"]"));
    assert_non_null(strstr(messages.data, "\"method\":\"SUBSCRIBE\""));
    assert_non_null(strstr(messages.data, "\"id\":42"));
    mw_str_clear(&messages);
    assert_int_equal(build(protocol, false, 1, &messages, NULL), MW_OK);
    assert_non_null(strstr(messages.data, "\"method\":\"UNSUBSCRIBE\""));
    mw_str_deinit(&messages);
    mw_protocol_free(protocol);
}

static void wealthdata_is_shipped(void **state)
{
    (void)state;
    struct mw_protocol *protocol;
    char code[MW_TIMEFRAME_BYTES_MAX];
    assert_int_equal(mw_protocol_load("wealthdata", &protocol, NULL), MW_OK);
    assert_int_equal(protocol->endpoint_count, 3);
    assert_true(protocol->replaces);
    assert_true(protocol->any_timeframe);
    assert_true(mw_protocol_timeframe_code(protocol, (struct mw_timeframe){7, 'm'}, code));
    assert_string_equal(code, "7m");
    expect_messages(protocol, true, 3,
                    "{\"type\":\"CONNECT\",\"request_id\":\"42\",\"symbols\":[\"BTCUSDT\","
                    "\"ETHUSDT\"],\"resolutions\":[\"1m\",\"1h\"],\"csrf_token\":\"t\\\"k\","
                    "\"market_type\":\"\"}\n");
    expect_messages(protocol, true, 0,
                    "{\"type\":\"CONNECT\",\"request_id\":\"42\",\"symbols\":[],\"resolutions\":[],"
                    "\"csrf_token\":\"t\\\"k\",\"market_type\":\"\"}\n");
    expect_messages(protocol, false, 1, ""); /* it has no such request */
    mw_protocol_free(protocol);
}

static void an_unknown_name_is_answered_with_those_there_are(void **state)
{
    (void)state;
    struct mw_protocol *protocol = NULL;
    struct mw_error err;
    assert_int_equal(mw_protocol_load("binnance", &protocol, &err), MW_ECONFIG);
    assert_string_equal(err.message, "protocol 'binnance': want the path of a .lua file or one of "
                                     "binance, wealthdata");
    assert_int_equal(mw_protocol_load("/nowhere/at/all.lua", &protocol, &err), MW_EIO);
    char name[MW_PATH_BYTES_MAX + 100];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(mw_protocol_load(name, &protocol, &err), MW_ECONFIG);
    name[0] = '/';
    assert_int_equal(mw_protocol_load(name, &protocol, &err), MW_EIO);
    assert_null(protocol);
}

static void a_good_file_is_compiled(void **state)
{
    (void)state;
    struct mw_protocol *protocol =
        mw_protocol_file_get("p.candles.open_time = { 'a.b', unit = 's' }");
    char code[MW_TIMEFRAME_BYTES_MAX];
    assert_int_equal(protocol->batch_count_max, 2);
    assert_int_equal(protocol->ok_count, 1);
    assert_int_equal(protocol->error_count, 1);
    assert_true(protocol->candles.open_time_ms == 1000);
    assert_int_equal(protocol->candles.fields[MW_FIELD_OPEN_TIME].paths[0].key_count, 2);
    assert_int_equal(protocol->candles.fields[MW_FIELD_TIMEFRAME].path_count, 2);
    assert_int_equal(protocol->candles.when.conditions[0].literal_count, 2);
    assert_true(mw_protocol_timeframe_code(protocol, (struct mw_timeframe){1, 'h'}, code));
    assert_string_equal(code, "60");
    expect_messages(protocol, true, 2, "+42 BTCUSDT@1m BTCUSDT@1h\n");
    expect_messages(protocol, false, 1, "-42 BTCUSDT@1m\n");
    mw_protocol_free(protocol);

    protocol = mw_protocol_file_get("p.limits = nil p.replies = nil p.unsubscribe = nil "
                                    "p.subscription = 'replace' p.candles.closed = nil");
    assert_int_equal(protocol->batch_count_max, 0);
    assert_int_equal(protocol->ok_count, 0);
    assert_int_equal(protocol->candles.fields[MW_FIELD_CLOSED].path_count, 0);
    assert_true(protocol->replaces);
    mw_protocol_free(protocol);
}

static void bad_values_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p = 7", ": want a table returned, got number"},
        {"p = nil", ": want a table returned, got nil"},
        {"p.nmae = 1", ": protocol: no such key 'nmae', did you mean name?"},
        {"p[1] = 1", ": protocol: want named keys, got a number key"},
        {"p.name = nil", "protocol.name: want a string, got nil"},
        {"p.name = ''", "protocol.name: want 1 to 32 bytes"},
        {"p.name = ('x'):rep(33)", "protocol.name: want 1 to 32 bytes"},
        {"p.endpoints = 'ws://x'", "protocol.endpoints: want a table, got string"},
        {"p.endpoints = {}", "endpoints: want 1 to 16 URLs"},
        {"p.endpoints = { 'ws://x', 7 }", "endpoints[2]: want a URL, got number"},
        {"for i = 1, 17 do p.endpoints[i] = 'ws://x' end", "endpoints: want 1 to 16 URLs"},
        {"p.timeframes = 'all'", "timeframes: want a list, or \"any\""},
        {"p.timeframes = {}", "timeframes: want a list, or \"any\""},
        {"p.timeframes = { '1x' }", "timeframes: timeframe '1x'"},
        {"p.timeframes = { 7 }", "timeframes: want names like \"1m\""},
        {"p.timeframes = { ['1m'] = '' }", "timeframes: '1m': want a spelling of 1 to 15 bytes"},
        {"p.timeframes = { ['1m'] = ('x'):rep(16) }", "want a spelling of 1 to 15 bytes"},
        {"for i = 1, 33 do p.timeframes[i] = i .. 's' end", "timeframes: more than 32"},
        {"p.limits.batch = 0", "limits.batch: want a whole number from 1 to 1000000"},
        {"p.limits.batch = 1.5", "limits.batch: want a whole number from 1 to 1000000"},
        {"p.limits.streams = '7'", "limits.streams: want a number, got string"},
        {"p.limits.batches = 1", "limits: no such key 'batches', did you mean batch?"},
        {"p.subscribe = nil", "protocol.subscribe: want a function, got nil"},
        {"p.unsubscribe = {}", "protocol.unsubscribe: want a function, got table"},
        {"p.subscription = 'swap'", "subscription: 'swap': want \"add\" or \"replace\""},
        {"p.replies.okay = {}", "replies: no such key 'okay', did you mean ok?"},
        {"p.replies.ok = { when = { a = 1 } }", "replies.ok: want a list of 1 to 8 patterns"},
        {"p.replies.ok = { 7 }", "replies.ok[1]: want a table, got number"},
        {"p.replies.ok[1].when = nil", "replies.ok[1].when: want a table, got nil"},
        {"p.replies.error[1].mesage = 'm'",
         "replies.error[1]: no such key 'mesage', did you mean message?"},
        {"p.replies.error[1].code = 7", "replies.error[1].code: want a path or a list"},
        {"error('as it is')", "as it is"},
        {"error({})", "raised an error that is no text"},
        {"io.open('x')", "io"},
        {"p.name = = 7", "'='"},
    };
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
}

static void bad_candles_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p.candles = nil", "protocol.candles: want a table, got nil"},
        {"p.candles.colse = 'x'", "candles: no such key 'colse', did you mean close?"},
        {"p.candles.close = nil", "candles.close: missing"},
        {"p.candles.close = true", "candles.close: want a path or a list of 1 to 4 paths"},
        {"p.candles.close = {}", "candles.close: want a path or a list of 1 to 4 paths"},
        {"p.candles.close = { 'a', 'b', 'c', 'd', 'e' }", "candles.close: want a path or a list"},
        {"p.candles.close = { 'a', 7 }", "candles.close[2]: want a path, got number"},
        {"p.candles.close = { 'a', unit = 's' }", "candles.close: no such key 'unit', want paths"},
        {"p.candles.close = ''", "candles.close: path '': want 1 to 8 keys with dots between"},
        {"p.candles.close = 'a..b'", "candles.close: path 'a..b': want 1 to 8 keys"},
        {"p.candles.close = 'a.'", "candles.close: path 'a.': want 1 to 8 keys"},
        {"p.candles.close = 'a.b.c.d.e.f.g.h.i'", "want 1 to 8 keys"},
        {"p.candles.open_time = { 't', unti = 's' }",
         "candles.open_time: no such key 'unti', want paths and unit"},
        {"p.candles.open_time = { 't', unit = 'h' }",
         "candles.open_time.unit: 'h': want ms, s, us or ns"},
        {"p.candles.open_time = { 't', unit = 1 }",
         "candles.open_time.unit: want a string, got number"},
        {"p.candles.when = {}", "candles.when: want at least one condition"},
        {"p.candles.when = { 'bar' }", "candles.when: want paths as keys, got a number"},
        {"p.candles.when = { k = {} }", "candles.when[\"k\"]: want a list of 1 to 4 values"},
        {"p.candles.when = { k = { 1, 2, 3, 4, 5 } }",
         "candles.when[\"k\"]: want a list of 1 to 4 values"},
        {"p.candles.when = { k = { {} } }",
         "candles.when[\"k\"]: want text, a number, a boolean, NULL or ANY, got table"},
        {"for i = 1, 9 do p.candles.when['k' .. i] = i end",
         "candles.when: more than 8 conditions"},
    };
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
}

static void limits_are_taken_up_to_their_end(void **state)
{
    (void)state;
    struct mw_protocol *protocol = mw_protocol_file_get(
        "p.name = ('x'):rep(32) p.candles.close = { 'a.b.c.d.e.f.g.h', 'b', 'c', 'd' } "
        "p.candles.when = { k = { 1, 'a\\0b', NULL, ANY } } "
        "for i = 2, 8 do p.candles.when['k' .. i] = true end "
        "p.timeframes = {} for i = 1, 31 do p.timeframes[i] = i .. 's' end "
        "p.timeframes['1M'] = ('x'):rep(15) "
        "for i = 1, 16 do p.endpoints[i] = 'ws://x' end "
        "p.limits.streams = 1000000 "
        "for i = 2, 8 do p.replies.ok[i] = p.replies.ok[1] end");
    const struct mw_pattern *when = &protocol->candles.when;
    assert_int_equal(protocol->candles.fields[MW_FIELD_CLOSE].paths[0].key_count, 8);
    assert_int_equal(protocol->candles.fields[MW_FIELD_CLOSE].path_count, 4);
    assert_int_equal(when->condition_count, 8);
    for (uint32_t i = 0; i < when->condition_count; i++) {
        if (when->conditions[i].literal_count != 4)
            continue;
        assert_int_equal(when->conditions[i].literals[1].length, 3);
        assert_memory_equal(when->conditions[i].literals[1].text, "a\0b", 4);
        assert_int_equal(when->conditions[i].literals[2].kind, MW_LITERAL_NULL);
        assert_int_equal(when->conditions[i].literals[3].kind, MW_LITERAL_ANY);
    }
    assert_int_equal(protocol->timeframe_count, 32);
    assert_int_equal(protocol->endpoint_count, 16);
    assert_int_equal(protocol->ok_count, 8);
    mw_protocol_free(protocol);
}

static void messages_may_be_text_or_tables_and_many(void **state)
{
    (void)state;
    struct mw_protocol *protocol =
        mw_protocol_file_get("p.subscribe = function(series, id, feed) "
                             "return { 'ping', { feed.name }, feed.market_type, nil } end");
    expect_messages(protocol, true, 1, "ping\n[\"demo\"]\n");
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get("p.subscribe = function() return {} end");
    expect_messages(protocol, true, 1, "");
    mw_protocol_free(protocol);
}

static void functions_that_fail_are_told_with_their_name(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p.subscribe = function() return 'text' end",
         "protocol made: subscribe: want a list of messages, got string"},
        {"p.subscribe = function() return { 'a', 7 } end",
         "protocol made: subscribe: message 2: want a table or text, got number"},
        {"p.subscribe = function() return { { function() end } } end",
         "protocol made: subscribe: "},
        {"p.subscribe = function() error('no ' .. 'way') end", "no way"},
        {"p.subscribe = function() error({}) end", "raised an error that is no text"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_protocol *protocol = mw_protocol_file_get(cases[i].change);
        struct mw_str messages = MW_STR_INIT(4096);
        for (int round = 0; round < 100; round++) { /* and the stack is as it was */
            struct mw_error err = {.message = ""};
            assert_int_equal(build(protocol, true, 1, &messages, &err), MW_ECONFIG);
            assert_non_null(strstr(err.message, cases[i].message));
        }
        assert_int_equal(build(protocol, true, 1, &messages, NULL), MW_ECONFIG);
        mw_str_deinit(&messages);
        mw_protocol_free(protocol);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binance_is_shipped),
        cmocka_unit_test(wealthdata_is_shipped),
        cmocka_unit_test(an_unknown_name_is_answered_with_those_there_are),
        cmocka_unit_test(a_good_file_is_compiled),
        cmocka_unit_test(bad_values_are_refused_with_their_place),
        cmocka_unit_test(bad_candles_are_refused_with_their_place),
        cmocka_unit_test(limits_are_taken_up_to_their_end),
        cmocka_unit_test(messages_may_be_text_or_tables_and_many),
        cmocka_unit_test(functions_that_fail_are_told_with_their_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
