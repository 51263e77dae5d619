/* decoder_test.c - messages of venues, real ones and broken ones, to candles and replies. */
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

/* A decoder with its protocol, and the message that the last result points into. */
struct bench {
    struct mw_protocol *protocol;
    struct mw_decoder *decoder;
    struct mw_str message;
    struct mw_decoded decoded;
};

static void begin(struct bench *bench, struct mw_protocol *protocol)
{
    *bench = (struct bench){.protocol = protocol,
                            .decoder = mw_decoder_new(protocol),
                            .message = MW_STR_INIT(MW_FRAME_BYTES_MAX)};
}

static void end(struct bench *bench)
{
    mw_decoder_free(bench->decoder);
    mw_protocol_free(bench->protocol);
    mw_str_deinit(&bench->message);
}

/* Decodes bytes, with what must follow them. */
static const struct mw_decoded *decode_bytes(struct bench *bench, const char *bytes, size_t length)
{
    static const char padding[MW_MESSAGE_PADDING];
    mw_str_clear(&bench->message);
    assert_true(mw_str_add(&bench->message, bytes, length));
    assert_true(mw_str_add(&bench->message, padding, sizeof(padding)));
    mw_decoder_decode(bench->decoder, bench->message.data, length, &bench->decoded);
    return &bench->decoded;
}

static const struct mw_decoded *decode(struct bench *bench, const char *text)
{
    return decode_bytes(bench, text, strlen(text));
}

static void expect_rejected(struct bench *bench, const char *text, mw_reject reject)
{
    const struct mw_decoded *decoded = decode(bench, text);
    if (decoded->kind != MW_DECODED_REJECTED || decoded->reject != reject)
        print_error("%s\n", text);
    assert_int_equal(decoded->kind, MW_DECODED_REJECTED);
    assert_string_equal(mw_reject_text(decoded->reject), mw_reject_text(reject));
}

static const struct mw_candle *expect_candle(struct bench *bench, const char *text)
{
    const struct mw_decoded *decoded = decode(bench, text);
    if (decoded->kind != MW_DECODED_CANDLES)
        print_error("%s\n", text);
    assert_int_equal(decoded->kind, MW_DECODED_CANDLES);
    assert_int_equal(decoded->row_count, 1);
    return &decoded->rows[0].candle;
}

static void expect_text(struct mw_text text, const char *expected)
{
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.data, expected, text.length);
}

#define FRONT  "{\"k\":\"bar\",\"s\":\"BTC\",\"f\":\"1m\","
#define PRICES "\"o\":1.5,\"h\":2,\"l\":1,\"c\":\"1.25\",\"v\":\"0\""

static void binance_candles_are_read(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_protocol *protocol;
    assert_int_equal(mw_protocol_load("binance", &protocol, NULL), MW_OK);
    begin(&bench, protocol);
    static const char frame[] =
        "{\"stream\":\"btcusdt@kline_1m\",\"data\":{\"e\":\"kline\",\"E\":1786539494037,"
        "\"s\":\"BTCUSDT\",\"k\":{\"t\":1786539480000,\"T\":1786539539999,\"s\":\"BTCUSDT\","
        "\"i\":\"1m\",\"f\":6569906771,\"L\":6569906885,\"o\":\"64117.67000000\","
        "\"c\":\"64117.99000000\",\"h\":\"64118.00000000\",\"l\":\"64117.66000000\","
        "\"v\":\"0.38518000\",\"n\":115,\"x\":true,\"q\":\"24696.88116430\","
        "\"V\":\"0.17878000\",\"Q\":\"11462.96470450\",\"B\":\"0\"}}}";
    const struct mw_candle *candle = expect_candle(&bench, frame);
    expect_text(bench.decoded.rows[0].symbol, "BTCUSDT");
    expect_text(bench.decoded.rows[0].timeframe_code, "1m");
    assert_true(candle->open_ms == 1786539480000 && candle->open == 64117.67 &&
                candle->high == 64118 && candle->low == 64117.66 && candle->close == 64117.99);
    assert_true(candle->volume == 0.38518 && candle->turnover == 24696.8811643);
    assert_int_equal(candle->trades, 115);
    assert_int_equal(candle->state, MW_CANDLE_CLOSED);
    assert_int_equal(candle->closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(candle->source, MW_SOURCE_LIVE);

    struct mw_candle first = *candle; /* and once more, from a decoder that has seen it */
    assert_memory_equal(expect_candle(&bench, frame), &first, sizeof(first));
    end(&bench);
}

static void binance_replies_are_read(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_protocol *protocol;
    assert_int_equal(mw_protocol_load("binance", &protocol, NULL), MW_OK);
    begin(&bench, protocol);
    const struct mw_decoded *decoded = decode(&bench, "{\"result\":null,\"id\":12}");
    assert_int_equal(decoded->kind, MW_DECODED_OK);
    assert_true(decoded->has_id && decoded->id == 12);
    decoded = decode(&bench, "{\"error\":{\"code\":2,\"msg\":\"Invalid request\"},\"id\":3}");
    assert_int_equal(decoded->kind, MW_DECODED_ERROR);
    assert_true(decoded->has_id && decoded->id == 3 && decoded->code == 2);
    expect_text(decoded->message, "Invalid request");
    decoded = decode(&bench, "{\"code\":-1121,\"msg\":\"Bad symbol \\\"X\\\"\"}");
    assert_int_equal(decoded->kind, MW_DECODED_ERROR);
    assert_true(!decoded->has_id && decoded->code == -1121);
    expect_text(decoded->message, "Bad symbol \"X\"");
    decoded = decode(&bench, "{\"error\":{\"code\":1e99,\"msg\":7},\"id\":null}");
    assert_int_equal(decoded->kind, MW_DECODED_ERROR);
    assert_true(!decoded->has_id && decoded->code == 0 && decoded->message.length == 0);
    assert_int_equal(decode(&bench, "{\"result\":[\"a\"],\"id\":3}")->kind, MW_DECODED_OTHER);
    assert_int_equal(decode(&bench, "{\"data\":{\"e\":\"trade\"}}")->kind, MW_DECODED_OTHER);
    assert_int_equal(decode(&bench, "[]")->kind, MW_DECODED_OTHER);
    assert_int_equal(decode(&bench, "null")->kind, MW_DECODED_OTHER);
    end(&bench);
}

static void wealthdata_messages_are_read(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_protocol *protocol;
    assert_int_equal(mw_protocol_load("wealthdata", &protocol, NULL), MW_OK);
    begin(&bench, protocol);
    const struct mw_candle *candle = expect_candle(
        &bench, "{\"type\":\"KLINE\",\"symbol\":\"BTCUSDT\",\"resolution\":\"1m\","
                "\"open_time\":60000,\"close_time\":119999,\"open\":\"1\",\"high\":\"2\","
                "\"low\":\"1\",\"close\":\"2\",\"volume\":\"3\"}");
    expect_text(bench.decoded.rows[0].timeframe_code, "1m");
    assert_int_equal(candle->state, MW_CANDLE_FORMING);
    assert_int_equal(candle->closed_by, MW_CLOSED_BY_NOBODY);
    assert_true(isnan(candle->turnover));
    assert_int_equal(candle->trades, 0);
    const struct mw_decoded *decoded =
        decode(&bench, "{\"type\":\"CONNECTED\",\"request_id\":\"7\"}");
    assert_int_equal(decoded->kind, MW_DECODED_OK);
    assert_true(decoded->has_id && decoded->id == 7);
    decoded = decode(&bench, "{\"type\":\"CONNECTED\"}");
    assert_true(decoded->kind == MW_DECODED_OK && !decoded->has_id);
    decoded = decode(&bench, "{\"type\":\"CONNECTED\",\"request_id\":\"8f-a\"}");
    assert_true(decoded->kind == MW_DECODED_OK && !decoded->has_id);
    decoded = decode(&bench, "{\"type\":\"ERROR\",\"message\":\"no such symbol\"}");
    assert_true(decoded->kind == MW_DECODED_ERROR && !decoded->has_id);
    expect_text(decoded->message, "no such symbol");
    end(&bench);
}

static void real_frames_are_read(void **state)
{
    (void)state;
    FILE *file = fopen(MW_TEST_FRAMES "/binance_spot.jsonl", "r");
    if (file == NULL) {
        print_message("no %s/binance_spot.jsonl\n", MW_TEST_FRAMES);
        skip();
    }
    struct bench bench;
    struct mw_protocol *protocol;
    assert_int_equal(mw_protocol_load("binance", &protocol, NULL), MW_OK);
    begin(&bench, protocol);
    static char line[1 << 16], wrapped[sizeof(line) + 64];
    size_t candle_count = 0, kinds[MW_DECODED_REJECTED + 1] = {0};
    while (fgets(line, sizeof(line), file) != NULL) {
        kinds[decode(&bench, line)->kind]++;
        if (strstr(line, "\"e\":\"kline\"") == NULL || strstr(line, "\"stream\"") != NULL)
            continue;
        /* What a raw stream sends is `data` of a combined one. */
        snprintf(wrapped, sizeof(wrapped), "{\"stream\":\"x\",\"data\":%s}", line);
        const struct mw_candle *candle = expect_candle(&bench, wrapped);
        assert_int_equal(mw_candle_check(candle, (struct mw_timeframe){1, 's'}, INT64_MAX / 2),
                         MW_FAULT_NONE);
        candle_count++;
    }
    fclose(file);
    assert_true(candle_count > 0 && kinds[MW_DECODED_OK] > 0 && kinds[MW_DECODED_ERROR] > 0);
    assert_int_equal(kinds[MW_DECODED_REJECTED], 0);
    end(&bench);
}

static void numbers_may_be_bare_or_text(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    const struct mw_candle *candle =
        expect_candle(&bench, FRONT "\"t\":\"60000\",\"o\":\"1e2\",\"h\":12345678901234567890,"
                                    "\"l\":-0.5,\"c\":\"007\",\"v\":5e-324}");
    assert_true(candle->open_ms == 60000 && candle->open == 100 &&
                candle->high == 12345678901234567890.0 && candle->low == -0.5 &&
                candle->close == 7 && candle->volume == 5e-324);
    end(&bench);
}

static void fields_are_required_and_of_their_type(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    expect_candle(&bench, FRONT "\"t\":60000," PRICES "}");
    expect_rejected(&bench, FRONT PRICES "}", MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"k\":\"bar\",\"f\":\"1m\",\"t\":60000," PRICES "}",
                    MW_REJECT_MISSING_FIELD);
    expect_rejected(&bench, "{\"k\":7,\"s\":7,\"f\":\"1m\",\"t\":60000," PRICES "}",
                    MW_REJECT_WRONG_TYPE);
    expect_rejected(&bench, FRONT "\"t\":60000,\"o\":{},\"h\":2,\"l\":1,\"c\":1,\"v\":1}",
                    MW_REJECT_WRONG_TYPE);
    expect_rejected(&bench, FRONT "\"t\":60000,\"o\":null,\"h\":2,\"l\":1,\"c\":1,\"v\":1}",
                    MW_REJECT_WRONG_TYPE);
    expect_rejected(&bench, FRONT "\"t\":true," PRICES "}", MW_REJECT_WRONG_TYPE);
    static const char *const texts[] = {"NaN", "Infinity", "", " 1", "1 ", "0x10", "1,5", "1e999"};
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        char message[256];
        snprintf(message, sizeof(message),
                 FRONT "\"t\":60000,\"o\":\"%s\",\"h\":2,\"l\":1,\"c\":1,\"v\":1}", texts[i]);
        expect_rejected(&bench, message, MW_REJECT_NOT_A_NUMBER);
    }
    expect_rejected(&bench, FRONT "\"t\":\"soon\"," PRICES "}", MW_REJECT_NOT_A_NUMBER);
    expect_rejected(&bench, FRONT "\"t\":60000," PRICES ",\"q\":\"NaN\"}", MW_REJECT_NOT_A_NUMBER);
    expect_rejected(&bench, FRONT "\"t\":60000," PRICES ",\"q\":[]}", MW_REJECT_WRONG_TYPE);
    const struct mw_candle *candle =
        expect_candle(&bench, FRONT "\"t\":60000," PRICES ",\"q\":null,\"n\":null,\"x\":null}");
    assert_true(isnan(candle->turnover) && candle->trades == 0 &&
                candle->state == MW_CANDLE_FORMING);
    end(&bench);
}

static void the_first_path_that_is_there_counts(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get("p.candles.symbol = { 'a.b', 's' }"));
    expect_candle(&bench,
                  "{\"k\":7,\"a\":{\"b\":\"ETH\"},\"s\":\"BTC\",\"r\":\"5m\",\"t\":0," PRICES "}");
    expect_text(bench.decoded.rows[0].symbol, "ETH");
    expect_text(bench.decoded.rows[0].timeframe_code, "5m");
    expect_candle(&bench, "{\"k\":7,\"a\":[1],\"s\":\"BTC\",\"r\":\"5m\",\"t\":0," PRICES "}");
    expect_text(bench.decoded.rows[0].symbol, "BTC");
    /* A key that is there twice: the first. */
    expect_candle(&bench, "{\"k\":7,\"s\":\"A\",\"s\":\"B\",\"r\":\"5m\",\"t\":0," PRICES "}");
    expect_text(bench.decoded.rows[0].symbol, "A");
    end(&bench);
}

static void times_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *text;
        int64_t ms;
    } cases[] = {{"ms", "1786539480123", 1786539480123},
                 {"ms", "\"1786539480123\"", 1786539480123},
                 {"ms", "9007199254740993", 9007199254740993}, /* one more than a double holds */
                 {"ms", "-1", -1},
                 {"s", "1786539480", 1786539480000},
                 {"s", "\"1786539480.5\"", 1786539480500},
                 {"us", "1786539480123999", 1786539480123},
                 {"ns", "1786539480000000000", 1786539480000},
                 {"ns", "-1", -1}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct bench bench;
        char change[64], message[256];
        snprintf(change, sizeof(change), "p.candles.open_time = { 't', unit = '%s' }",
                 cases[i].unit);
        begin(&bench, mw_protocol_file_get(change));
        snprintf(message, sizeof(message), FRONT "\"t\":%s," PRICES "}", cases[i].text);
        assert_true(expect_candle(&bench, message)->open_ms == cases[i].ms);
        end(&bench);
    }
    struct bench bench;
    begin(&bench, mw_protocol_file_get("p.candles.open_time = { 't', unit = 's' }"));
    expect_rejected(&bench, FRONT "\"t\":1e300," PRICES "}", MW_REJECT_NOT_A_NUMBER);
    expect_rejected(&bench, FRONT "\"t\":9223372036854775807," PRICES "}", MW_REJECT_NOT_A_NUMBER);
    end(&bench);
}

static void absurd_times_make_no_candle(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    static const struct mw_timeframe timeframes[] = {
        {1, 's'}, {7, 'm'}, {1, 'd'}, {1, 'w'}, {1, 'M'}};
    static const char *const times[] = {"-9223372036854775808", "9223372036854775807",
                                        "-62135596800001"};
    for (size_t i = 0; i < MW_COUNT(times); i++) {
        char message[256];
        snprintf(message, sizeof(message), FRONT "\"t\":%s," PRICES "}", times[i]);
        struct mw_candle candle = *expect_candle(&bench, message);
        for (size_t j = 0; j < MW_COUNT(timeframes); j++)
            assert_int_not_equal(mw_candle_check(&candle, timeframes[j], 1786539480000),
                                 MW_FAULT_NONE);
    }
    end(&bench);
}

static void closed_flags_come_in_three_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int state;
    } cases[] = {{"true", MW_CANDLE_CLOSED},  {"false", MW_CANDLE_FORMING},
                 {"\"1\"", MW_CANDLE_CLOSED}, {"\"0\"", MW_CANDLE_FORMING},
                 {"1", MW_CANDLE_CLOSED},     {"0", MW_CANDLE_FORMING},
                 {"0.0", MW_CANDLE_FORMING}};
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char message[256];
        snprintf(message, sizeof(message), FRONT "\"t\":0," PRICES ",\"x\":%s}", cases[i].text);
        const struct mw_candle *candle = expect_candle(&bench, message);
        assert_int_equal(candle->state, cases[i].state);
        assert_int_equal(candle->closed_by == MW_CLOSED_BY_EXCHANGE,
                         cases[i].state == MW_CANDLE_CLOSED);
    }
    expect_rejected(&bench, FRONT "\"t\":0," PRICES ",\"x\":\"yes\"}", MW_REJECT_NOT_A_NUMBER);
    expect_rejected(&bench, FRONT "\"t\":0," PRICES ",\"x\":{}}", MW_REJECT_WRONG_TYPE);
    end(&bench);
}

static void counts_of_trades_are_bounded(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    assert_true(expect_candle(&bench, FRONT "\"t\":0," PRICES ",\"n\":4294967295}")->trades ==
                UINT32_MAX);
    assert_int_equal(expect_candle(&bench, FRONT "\"t\":0," PRICES ",\"n\":4294967296}")->trades,
                     0);
    assert_int_equal(expect_candle(&bench, FRONT "\"t\":0," PRICES ",\"n\":-1}")->trades, 0);
    assert_int_equal(expect_candle(&bench, FRONT "\"t\":0," PRICES ",\"n\":\"12\"}")->trades, 12);
    end(&bench);
}

static void what_is_no_json_is_rejected(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    static const char *const texts[] = {
        "",        " ",    "ping", "{",      "{\"a\":1", "{}{}",       "{\"a\"}",
        "{'a':1}", "[1,]", "nul",  "\"\n\"", "NaN",      "{\"a\":01}", "{\"a\":1e999}"};
    for (size_t i = 0; i < MW_COUNT(texts); i++)
        expect_rejected(&bench, texts[i], MW_REJECT_NOT_JSON);
    assert_int_equal(decode_bytes(&bench, "{}\0{}", 5)->reject, MW_REJECT_NOT_JSON);
    expect_rejected(&bench, "{\"a\":\"\xff\"}", MW_REJECT_NOT_UTF8);
    expect_rejected(&bench, "{\"a\":\"\xc0\xaf\"}", MW_REJECT_NOT_UTF8);
    expect_rejected(&bench, "{\"a\":\"\xed\xa0\x80\"}", MW_REJECT_NOT_UTF8);
    expect_candle(&bench, FRONT "\"t\":0," PRICES "}"); /* and goes on */
    end(&bench);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, mw_protocol_file_get(""));
    static char text[1 << 20];
    for (int depth = MW_JSON_DEPTH_MAX - 2; depth <= MW_JSON_DEPTH_MAX + 2; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[(size_t)depth * 2] = '\0';
        mw_decoded_kind kind = decode(&bench, text)->kind;
        if (depth < MW_JSON_DEPTH_MAX - 1)
            assert_int_equal(kind, MW_DECODED_OTHER);
        else if (depth > MW_JSON_DEPTH_MAX)
            assert_int_equal(kind, MW_DECODED_REJECTED);
    }
    memset(text, '[', sizeof(text) - 1); /* longer than what was allocated first, as deep */
    text[sizeof(text) - 1] = '\0';
    expect_rejected(&bench, text, MW_REJECT_NOT_JSON);
    memset(text, ' ', sizeof(text) - 1);
    memset(text, '[', 100);
    memset(text + sizeof(text) - 101, ']', 100);
    expect_rejected(&bench, text, MW_REJECT_NOT_JSON);
    end(&bench);
}

static void every_reject_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < MW_REJECT_COUNT; i++)
        assert_true(strlen(mw_reject_text((mw_reject)i)) > 0);
    for (int i = 1; i < MW_FAULT_COUNT; i++)
        assert_string_equal(mw_reject_text(mw_reject_of_fault((mw_fault)i)),
                            mw_fault_text((mw_fault)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binance_candles_are_read),
        cmocka_unit_test(binance_replies_are_read),
        cmocka_unit_test(wealthdata_messages_are_read),
        cmocka_unit_test(real_frames_are_read),
        cmocka_unit_test(numbers_may_be_bare_or_text),
        cmocka_unit_test(fields_are_required_and_of_their_type),
        cmocka_unit_test(the_first_path_that_is_there_counts),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(absurd_times_make_no_candle),
        cmocka_unit_test(closed_flags_come_in_three_kinds),
        cmocka_unit_test(counts_of_trades_are_bounded),
        cmocka_unit_test(what_is_no_json_is_rejected),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(every_reject_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
