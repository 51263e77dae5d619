/* protocol_history_test.c - a venue's REST for candles: described, asked, and its answers read. */
#include <math.h>
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
#include "feed/decoder.h"
#include "net/client.h"

#include "protocol_file.h"

/* A history whose rows are arrays, as a change of the good protocol. */
#define HISTORY                                                                                    \
    "p.history = { base = 'https://api.made', count = 500, requests_per_second = 2.5, rows = 'd'," \
    " request = function(series, from_ms, to_ms, count, feed)"                                     \
    "   return '/k/' .. urlencode(series.symbol) .. '?' .. series.timeframe .. '&' .. count end,"  \
    " open_time = { 1, unit = 's' }, open = 2, high = 3, low = 4, close = 5, volume = 6,"          \
    " closed = 7, error = { { when = { bad = ANY }, message = 'bad.text', code = 'bad.code' } } "  \
    "} "

static struct mw_protocol *shipped(const char *name)
{
    struct mw_protocol *protocol = NULL;
    assert_int_equal(mw_protocol_load(name, &protocol, NULL), MW_OK);
    return protocol;
}

/* What came of asking; on failure the first two are as they were, NULL. */
struct asked {
    char *url, *body;
    struct mw_error err;
};

static mw_status ask(struct mw_protocol *protocol, const char *symbol, int64_t from_ms,
                     int64_t to_ms, struct asked *asked)
{
    static const struct mw_protocol_feed feed = {.name = "demo"};
    const struct mw_protocol_history_request request = {
        .series = {symbol, "1m"}, .from_ms = from_ms, .to_ms = to_ms, .count = 300, .feed = &feed};
    *asked = (struct asked){.err = {.message = ""}};
    return mw_protocol_build_history(protocol, &request, &asked->url, &asked->body, &asked->err);
}

static void forget(struct asked *asked)
{
    mw_free(asked->url);
    mw_free(asked->body);
}

static void expect_url(struct mw_protocol *protocol, const char *symbol, int64_t from_ms,
                       int64_t to_ms, const char *expected)
{
    struct asked asked;
    assert_int_equal(ask(protocol, symbol, from_ms, to_ms, &asked), MW_OK);
    assert_string_equal(asked.url, expected);
    assert_null(asked.body);
    forget(&asked);
}

/* A decoder and the answer that the last result points into. */
struct bench {
    struct mw_protocol *protocol;
    struct mw_decoder *decoder;
    struct mw_str answer;
    struct mw_decoded decoded;
};

static void begin(struct bench *bench, struct mw_protocol *protocol)
{
    *bench = (struct bench){.protocol = protocol,
                            .decoder = mw_decoder_new(protocol),
                            .answer = MW_STR_INIT(MW_FRAME_BYTES_MAX)};
}

static void end(struct bench *bench)
{
    mw_decoder_free(bench->decoder);
    mw_protocol_free(bench->protocol);
    mw_str_deinit(&bench->answer);
}

static const struct mw_decoded *decode(struct bench *bench, const char *text)
{
    static const char padding[MW_MESSAGE_PADDING];
    mw_str_clear(&bench->answer);
    assert_true(mw_str_adds(&bench->answer, text));
    size_t length = bench->answer.length;
    assert_true(mw_str_add(&bench->answer, padding, sizeof(padding)));
    mw_decoder_decode_history(bench->decoder, bench->answer.data, length, &bench->decoded);
    return &bench->decoded;
}

static void expect_rejected(struct bench *bench, const char *text, mw_reject reject)
{
    const struct mw_decoded *decoded = decode(bench, text);
    if (decoded->kind != MW_DECODED_REJECTED || decoded->reject != reject)
        print_error("%s\n", text);
    assert_int_equal(decoded->kind, MW_DECODED_REJECTED);
    assert_string_equal(mw_reject_text(decoded->reject), mw_reject_text(reject));
    assert_int_equal(decoded->row_count, 0);
}

static void binance_is_asked_for_klines(void **state)
{
    (void)state;
    struct mw_protocol *protocol = shipped("binance");
    assert_true(protocol->history.known);
    assert_string_equal(protocol->history.base, "https://data-api.binance.vision");
    assert_int_equal(protocol->history.row_count_max, 1000);
    assert_true(protocol->history.requests_per_second == 10);
    expect_url(protocol, "btcusdt", 60000, 120000,
               "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=300&startTime=60000"
               "&endTime=120000");
    expect_url(protocol, "BTCUSDT", INT64_MIN, 1786539480000,
               "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=300&endTime=1786539480000");
    expect_url(protocol, "BTCUSDT", INT64_MIN, INT64_MAX,
               "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=300");
    mw_protocol_free(protocol);
}

static void binance_klines_are_read(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, shipped("binance"));
    /* The row of the documentation, and one of our own. */
    const struct mw_decoded *decoded = decode(
        &bench, "[[1499040000000,\"0.01634790\",\"0.80000000\",\"0.01575800\",\"0.01577100\","
                "\"148976.11427815\",1499644799999,\"2434.19055334\",308,\"1756.87402397\","
                "\"28.46694368\",\"0\"],"
                "[1499644800000,\"1\",\"2\",\"1\",\"2\",\"3\",1500249599999,\"4\",5,\"1\",\"1\","
                "\"0\"]]");
    assert_int_equal(decoded->kind, MW_DECODED_CANDLES);
    assert_int_equal(decoded->row_count, 2);
    const struct mw_candle *candle = &decoded->rows[0].candle;
    assert_true(candle->open_ms == 1499040000000 && candle->open == 0.0163479 &&
                candle->high == 0.8 && candle->low == 0.015758 && candle->close == 0.015771 &&
                candle->volume == 148976.11427815 && candle->turnover == 2434.19055334);
    assert_int_equal(candle->trades, 308);
    assert_int_equal(candle->state, MW_CANDLE_FORMING);
    assert_int_equal(candle->source, MW_SOURCE_BACKFILL);
    assert_int_equal(candle->flags, 0);
    assert_int_equal(decoded->rows[0].symbol.length, 0);
    assert_int_equal(decoded->rows[0].timeframe_code.length, 0);
    assert_true(decoded->rows[1].candle.open_ms == 1499644800000);

    decoded = decode(&bench, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}");
    assert_int_equal(decoded->kind, MW_DECODED_ERROR);
    assert_int_equal(decoded->code, -1121);
    assert_memory_equal(decoded->message.data, "Invalid symbol.", decoded->message.length);
    decoded = decode(&bench, "[]");
    assert_int_equal(decoded->kind, MW_DECODED_CANDLES);
    assert_int_equal(decoded->row_count, 0);
    end(&bench);
}

static void wealthdata_is_asked_and_read(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, shipped("wealthdata"));
    assert_null(bench.protocol->history.base);
    expect_url(bench.protocol, "BTC/USDT &x", 60000, 120000,
               "/history?symbol=BTC%2FUSDT%20%26x&resolution=1m&limit=300&from=60000&to=120000");
    expect_url(bench.protocol, "BTCUSDT", 0, INT64_MAX,
               "/history?symbol=BTCUSDT&resolution=1m&limit=300&from=0");
    const struct mw_decoded *decoded = decode(
        &bench, "{\"type\":\"HISTORY\",\"symbol\":\"BTCUSDT\",\"resolution\":\"1m\",\"bars\":["
                "{\"open_time\":60000,\"open\":\"1\",\"high\":\"2\",\"low\":\"1\",\"close\":\"2\","
                "\"volume\":\"3\"},{\"open_time\":120000,\"open\":2,\"high\":2,\"low\":1,"
                "\"close\":2,\"volume\":0}]}");
    assert_int_equal(decoded->kind, MW_DECODED_CANDLES);
    assert_int_equal(decoded->row_count, 2);
    assert_true(decoded->rows[1].candle.open_ms == 120000 && decoded->rows[1].candle.open == 2);
    assert_true(isnan(decoded->rows[1].candle.turnover));
    assert_memory_equal(decoded->rows[1].symbol.data, "BTCUSDT", decoded->rows[1].symbol.length);
    assert_int_equal(decoded->rows[1].timeframe_code.length, 2);
    decoded = decode(&bench, "{\"type\":\"ERROR\",\"message\":\"unknown symbol 'X'\"}");
    assert_int_equal(decoded->kind, MW_DECODED_ERROR);
    assert_int_equal(decoded->message.length, 18);
    expect_rejected(&bench, "{\"type\":\"KLINE\"}", MW_REJECT_UNEXPECTED);
    expect_rejected(&bench, "{\"type\":\"HISTORY\",\"symbol\":\"X\",\"resolution\":\"1m\"}",
                    MW_REJECT_MISSING_FIELD);
    end(&bench);
}

static void rows_may_be_arrays_and_say_that_they_are_closed(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(HISTORY));
    assert_int_equal(bench.protocol->history.row_count_max, 500);
    assert_true(bench.protocol->history.requests_per_second == 2.5);
    const struct mw_decoded *decoded =
        decode(&bench, "{\"d\":[[\"120\",2,3,1,2,9,\"0\",\"more\"],[60,\"1\",2,1,2,9,\"1\"],"
                       "[0,1,2,1,2,9]]}");
    assert_int_equal(decoded->kind, MW_DECODED_CANDLES);
    assert_int_equal(decoded->row_count, 3); /* in the order of the answer */
    assert_true(decoded->rows[0].candle.open_ms == 120000 &&
                decoded->rows[1].candle.open_ms == 60000 && decoded->rows[2].candle.open_ms == 0);
    assert_int_equal(decoded->rows[0].candle.state, MW_CANDLE_FORMING);
    assert_int_equal(decoded->rows[0].candle.flags, MW_CANDLE_FLAGGED);
    assert_int_equal(decoded->rows[1].candle.state, MW_CANDLE_CLOSED);
    assert_int_equal(decoded->rows[1].candle.closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(decoded->rows[2].candle.flags, 0);
    end(&bench);
}

static void an_answer_with_a_bad_row_is_rejected(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(HISTORY));
    expect_rejected(&bench, "{\"d\":[[60,1,2,1,2,9],[120,1,2,1,2]]}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"d\":[[60,1,2,1,2,9],[120,1,2,1,2,\"x\"]]}", MW_REJECT_NOT_A_NUMBER);
    expect_rejected(&bench, "{\"d\":[[60,1,2,1,2,{}]]}", MW_REJECT_WRONG_TYPE);
    expect_rejected(&bench, "{\"d\":[[60,1,2,1,2,9],7]}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"d\":[null]}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"d\":7}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "[[60,1,2,1,2,9]]", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"d\":[[60,1,2,1,2,9]", MW_REJECT_NOT_JSON);
    expect_rejected(&bench, "", MW_REJECT_NOT_JSON);
    expect_rejected(&bench, "<html>429</html>", MW_REJECT_NOT_JSON);
    end(&bench);
    /* A row that is too short has nothing to find in the array around it. */
    begin(&bench, mw_protocol_file_get(HISTORY "p.history.rows = ''"));
    expect_rejected(&bench, "[[60,1,2,1,2],1,2,1,2,9]", MW_REJECT_MISSING_FIELD);
    assert_int_equal(decode(&bench, "[[60,1,2,1,2,9]]")->row_count, 1);
    end(&bench);
}

static void the_rows_of_one_answer_are_bounded(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(HISTORY));
    struct mw_str text = MW_STR_INIT(1 << 20);
    for (int count = MW_CANDLE_ROWS_MAX - 1; count <= MW_CANDLE_ROWS_MAX + 1; count++) {
        mw_str_clear(&text);
        mw_str_adds(&text, "{\"d\":[");
        for (int i = 0; i < count; i++)
            mw_str_addf(&text, "%s[%d,1,2,1,2,9]", i > 0 ? "," : "", i * 60);
        assert_true(mw_str_adds(&text, "]}"));
        if (count > MW_CANDLE_ROWS_MAX) {
            expect_rejected(&bench, text.data, MW_REJECT_TOO_MANY_ROWS);
        } else {
            const struct mw_decoded *decoded = decode(&bench, text.data);
            assert_int_equal(decoded->row_count, count);
            assert_true(decoded->rows[count - 1].candle.open_ms == (count - 1) * 60000LL);
        }
    }
    mw_str_deinit(&text);
    end(&bench);
}

static void a_request_may_be_whole_and_have_a_body(void **state)
{
    (void)state;
    struct asked asked;
    struct mw_protocol *protocol = mw_protocol_file_get(
        HISTORY "p.history.base = nil "
                "p.history.request = function(series, from_ms, to_ms, count, feed) "
                "  return 'https://other/info', { type = feed.name .. tostring(from_ms) } end");
    assert_int_equal(ask(protocol, "X", INT64_MIN, 0, &asked), MW_OK);
    assert_string_equal(asked.url, "https://other/info");
    assert_string_equal(asked.body, "{\"type\":\"demonil\"}");
    forget(&asked);
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get(HISTORY "p.history.request = function() "
                                            "return '/' .. ('x'):rep(2047), ('b'):rep(4096) end");
    assert_int_equal(ask(protocol, "X", 0, 0, &asked), MW_OK);
    assert_int_equal(strlen(asked.url), MW_URL_BYTES_MAX);
    assert_int_equal(strlen(asked.body), MW_HISTORY_BODY_BYTES_MAX);
    forget(&asked);
    mw_protocol_free(protocol);
}

static void bad_requests_are_told_and_leave_the_output_alone(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"return nil", "protocol made: history.request: want a URL, got nil"},
        {"return 7", "history.request: want a URL, got number"},
        {"return ''", "want a URL that begins with '/', http:// or https://, got ''"},
        {"return 'k'", "want a URL that begins with '/', http:// or https://, got 'k'"},
        {"return 'ftp://x/'", "want a URL that begins with"},
        {"return '/a b'",
         "want a URL without blanks and control characters (see urlencode), got '/a b'"},
        {"return '/a\\r\\nHost: x'", "want a URL without blanks and control characters"},
        {"return '/\\xc3\\xa4'", "want a URL without blanks and control characters"},
        {"return '/a\\0b'", "want a URL without blanks and control characters"},
        {"return '/' .. ('x'):rep(2048)", "want a URL of at most 2048 bytes, got 2049"},
        {"return '/', 7", "body: want a table or text, got number"},
        {"return '/', { math.sin }", "type not supported"},
        {"return '/', ('x'):rep(4097)", "body: want text of at most 4096 bytes"},
        {"return '/', 'a\\0b'", "body: want text of at most 4096 bytes"},
        {"error('no way')", "no way"},
        {"urlencode({})", "bad argument #1 to 'urlencode'"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char change[2048];
        struct asked asked;
        snprintf(change, sizeof(change), HISTORY "p.history.request = function() %s end",
                 cases[i].change);
        struct mw_protocol *protocol = mw_protocol_file_get(change);
        assert_int_equal(ask(protocol, "X", 0, 0, &asked), MW_ECONFIG);
        if (strstr(asked.err.message, cases[i].message) == NULL) {
            print_error("%s\n  got  %s\n", cases[i].change, asked.err.message);
            fail();
        }
        assert_null(asked.url);
        assert_null(asked.body);
        mw_protocol_free(protocol);
    }
}

static void bad_histories_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p.history = 7", "protocol.history: want a table, got number"},
        {"p.history = {}", "history.request: want a function, got nil"},
        {HISTORY "p.history.raws = 'd'", "history: no such key 'raws', did you mean rows?"},
        {HISTORY "p.history.rows = 7", "history.rows: want a string, got number"},
        {HISTORY "p.history.rows = 'a..b'", "history.rows: path 'a..b': want 1 to 8 keys"},
        {HISTORY "p.history.base = 'wss://x'",
         "history.base: want \"https://host\" of at most 2048 bytes"},
        {HISTORY "p.history.base = 'https://x/'", "without a slash at its end, got 'https://x/'"},
        {HISTORY "p.history.base = 'https://' .. ('x'):rep(2041)", "of at most 2048 bytes"},
        {HISTORY "p.history.count = nil", "history.count: missing"},
        {HISTORY "p.history.count = 0", "history.count: want a whole number from 1 to 10000"},
        {HISTORY "p.history.count = 10001", "history.count: want a whole number from 1 to 10000"},
        {HISTORY "p.history.requests_per_second = 0",
         "history.requests_per_second: want a number above 0, at most 1000"},
        {HISTORY "p.history.requests_per_second = 0/0", "want a number above 0, at most 1000"},
        {HISTORY "p.history.requests_per_second = 1001", "want a number above 0, at most 1000"},
        {HISTORY "p.history.open = nil", "history.open: missing"},
        {HISTORY "p.history.open = 0", "history.open: want an element's number from 1 to 64"},
        {HISTORY "p.history.open = 65", "history.open: want an element's number from 1 to 64"},
        {HISTORY "p.history.open = 1.5", "history.open: want an element's number from 1 to 64"},
        {HISTORY "p.history.open = true",
         "history.open: want a path, a number or a list of 1 to 4"},
        {HISTORY "p.history.open = { true }",
         "history.open[1]: want a path, a number, got boolean"},
        {HISTORY "p.history.open_time = { 1, unit = 'h' }",
         "history.open_time.unit: 'h': want ms, s, us or ns"},
        {HISTORY "p.history.when = {}", "history.when: want at least one condition"},
        {HISTORY "p.history.error = { when = {} }",
         "history.error: want a list of 1 to 8 patterns"},
        {HISTORY "p.history.error = { { whne = {} } }", "history.error[1]: no such key 'whne'"},
    };
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
    struct mw_protocol *protocol =
        mw_protocol_file_get(HISTORY "p.history.open = { 64, 'o' } p.history.count = 10000 "
                                     "p.history.requests_per_second = 1000 "
                                     "p.history.base = 'https://' .. ('x'):rep(2040)");
    assert_int_equal(protocol->history.rows.fields[MW_FIELD_OPEN].paths[0].keys[0].length, 63);
    assert_int_equal(protocol->history.row_count_max, 10000);
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get("");
    assert_false(protocol->history.known);
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get(HISTORY "p.history.requests_per_second = nil");
    assert_true(protocol->history.requests_per_second == 1);
    mw_protocol_free(protocol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binance_is_asked_for_klines),
        cmocka_unit_test(binance_klines_are_read),
        cmocka_unit_test(wealthdata_is_asked_and_read),
        cmocka_unit_test(rows_may_be_arrays_and_say_that_they_are_closed),
        cmocka_unit_test(an_answer_with_a_bad_row_is_rejected),
        cmocka_unit_test(the_rows_of_one_answer_are_bounded),
        cmocka_unit_test(a_request_may_be_whole_and_have_a_body),
        cmocka_unit_test(bad_requests_are_told_and_leave_the_output_alone),
        cmocka_unit_test(bad_histories_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
