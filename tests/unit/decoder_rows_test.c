/* decoder_rows_test.c - messages of several candles, and which of a snapshot's are closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"
#include "feed/decoder.h"
#include "net/client.h"

#include "protocol_file.h"

struct bench {
    struct mw_protocol *protocol;
    struct mw_decoder *decoder;
    struct mw_str message;
    struct mw_decoded decoded;
};

static void begin(struct bench *bench, const char *change)
{
    struct mw_protocol *protocol = mw_protocol_file_get(change);
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

static const struct mw_decoded *decode(struct bench *bench, const char *text)
{
    static const char padding[MW_MESSAGE_PADDING];
    mw_str_clear(&bench->message);
    assert_true(mw_str_adds(&bench->message, text));
    size_t length = bench->message.length;
    assert_true(mw_str_add(&bench->message, padding, sizeof(padding)));
    mw_decoder_decode(bench->decoder, bench->message.data, length, &bench->decoded);
    return &bench->decoded;
}

static void expect_rows(struct bench *bench, const char *text, mw_decoded_kind kind, uint32_t count)
{
    const struct mw_decoded *decoded = decode(bench, text);
    if (decoded->kind != kind)
        print_error("%s\n", text);
    assert_int_equal(decoded->kind, kind);
    assert_int_equal(decoded->row_count, count);
}

/* Row `index` of the last message: its time, whether it is closed, and where it is from. */
static void expect_row(const struct bench *bench, uint32_t index, int64_t open_ms, int state,
                       int source)
{
    const struct mw_candle *candle = &bench->decoded.rows[index].candle;
    assert_true(candle->open_ms == open_ms);
    assert_int_equal(candle->state, state);
    assert_int_equal(candle->closed_by,
                     state == MW_CANDLE_CLOSED ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY);
    assert_int_equal(candle->source, source);
}

static void expect_text(struct mw_text text, const char *expected)
{
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.data, expected, text.length);
}

/* As OKX has it: what the rows are of is beside them, and they are arrays. */
#define ARRAYS                                                                                     \
    "p.candles = { when = { arg = ANY, data = ANY }, rows = 'data', symbol = 'arg.instId', "       \
    "timeframe = 'arg.channel', open_time = 1, open = 2, high = 3, low = 4, close = 5, "           \
    "volume = 6, turnover = 8, closed = 9 } "
#define ARG "{\"arg\":{\"channel\":\"candle1m\",\"instId\":\"BTC-USDT\"},"

static void rows_may_be_arrays(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, ARRAYS);
    expect_rows(&bench,
                ARG "\"data\":[[\"60000\",\"1\",\"2\",\"1\",\"2\",\"3\",\"4\",\"5\",\"1\"],"
                    "[\"120000\",\"1\",\"2\",\"1\",\"2\",\"3\",\"4\",\"5\",\"0\"]]}",
                MW_DECODED_CANDLES, 2);
    expect_row(&bench, 0, 60000, MW_CANDLE_CLOSED, MW_SOURCE_LIVE);
    expect_row(&bench, 1, 120000, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    assert_int_equal(bench.decoded.rows[0].candle.flags, MW_CANDLE_FLAGGED);
    assert_int_equal(bench.decoded.rows[1].candle.flags, MW_CANDLE_FLAGGED);
    assert_true(bench.decoded.rows[0].candle.turnover == 5);
    expect_text(bench.decoded.rows[1].symbol, "BTC-USDT");
    expect_text(bench.decoded.rows[1].timeframe_code, "candle1m");
    expect_rows(&bench, ARG "\"data\":[]}", MW_DECODED_CANDLES, 0);
    expect_rows(&bench, ARG "\"data\":[[60000,1,2,1,2,3]]}", MW_DECODED_CANDLES, 1);
    assert_int_equal(bench.decoded.rows[0].candle.flags, 0);
    expect_rows(&bench, ARG "\"data\":[[60000,1,2,1,2]]}", MW_DECODED_REJECTED, 0);
    expect_rows(&bench, ARG "\"data\":[[60000,1,2,1,2,3],[60000,1,2,1,2,\"x\"]]}",
                MW_DECODED_REJECTED, 0);
    expect_rows(&bench, ARG "\"data\":7}", MW_DECODED_REJECTED, 0);
    expect_rows(&bench, ARG "\"data\":null}", MW_DECODED_REJECTED, 0);
    end(&bench);
}

/* The row counts before the message, and an object in place of the array is the one row. */
static void rows_may_be_objects(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.candles.when = { data = ANY } p.candles.rows = 'data'");
    expect_rows(&bench,
                "{\"s\":\"A\",\"f\":\"1m\",\"t\":5,\"data\":["
                "{\"t\":0,\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":3},"
                "{\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":3,\"s\":\"B\",\"x\":true}]}",
                MW_DECODED_CANDLES, 2);
    expect_row(&bench, 0, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_row(&bench, 1, 5, MW_CANDLE_CLOSED, MW_SOURCE_LIVE);
    expect_text(bench.decoded.rows[0].symbol, "A");
    expect_text(bench.decoded.rows[1].symbol, "B");
    expect_rows(&bench,
                "{\"s\":\"A\",\"f\":\"1m\",\"data\":"
                "{\"t\":0,\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":3}}",
                MW_DECODED_CANDLES, 1);
    expect_row(&bench, 0, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_rows(&bench, "{\"data\":[7]}", MW_DECODED_REJECTED, 0);
    end(&bench);
}

static void a_message_may_be_its_rows(void **state)
{
    (void)state;
    struct bench bench;
    /* A condition on an array cannot hold; on the one object that may stand for it, it can. */
    begin(&bench, "p.candles.rows = ''");
    expect_rows(&bench,
                "{\"k\":\"bar\",\"s\":\"A\",\"f\":\"1m\",\"t\":0,\"o\":1,\"h\":2,\"l\":1,"
                "\"c\":2,\"v\":3}",
                MW_DECODED_CANDLES, 1);
    expect_rows(&bench, "[{\"k\":\"bar\"}]", MW_DECODED_OTHER, 0);
    end(&bench);
}

#define SNAPSHOT ARRAYS "p.candles.snapshot = { when = { action = 'snapshot' } } "

/* Whatever their order, all but the newest are closed, and nothing of it is a live close. */
static void the_newest_row_of_a_snapshot_forms(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, SNAPSHOT);
    expect_rows(&bench,
                ARG "\"action\":\"snapshot\",\"data\":[[60000,1,2,1,2,3],[180000,1,2,1,2,3],"
                    "[120000,1,2,1,2,3],[0,1,2,1,2,3]]}",
                MW_DECODED_SNAPSHOT, 4);
    expect_row(&bench, 0, 60000, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    expect_row(&bench, 1, 180000, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_row(&bench, 2, 120000, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    expect_row(&bench, 3, 0, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    expect_rows(&bench, ARG "\"action\":\"snapshot\",\"data\":[[0,1,2,1,2,3]]}",
                MW_DECODED_SNAPSHOT, 1);
    expect_row(&bench, 0, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_rows(&bench, ARG "\"action\":\"snapshot\",\"data\":[]}", MW_DECODED_SNAPSHOT, 0);
    expect_rows(&bench, ARG "\"action\":\"update\",\"data\":[[0,1,2,1,2,3],[60000,1,2,1,2,3]]}",
                MW_DECODED_CANDLES, 2);
    expect_row(&bench, 0, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_rows(&bench, ARG "\"action\":\"snapshot\",\"data\":[[0,1,2,1,2,\"x\"]]}",
                MW_DECODED_REJECTED, 0);
    end(&bench);
}

/* A row that says itself whether it is closed is believed. */
static void flags_count_in_a_snapshot(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, SNAPSHOT);
    expect_rows(&bench,
                ARG "\"action\":\"snapshot\",\"data\":[[0,1,2,1,2,3,4,5,0],[60000,1,2,1,2,3,4,5,1],"
                    "[120000,1,2,1,2,3,4,5,1]]}",
                MW_DECODED_SNAPSHOT, 3);
    expect_row(&bench, 0, 0, MW_CANDLE_FORMING, MW_SOURCE_BACKFILL);
    expect_row(&bench, 1, 60000, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    expect_row(&bench, 2, 120000, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    end(&bench);
}

/* Each series has its newest row; names that are too long for any are cut and do no harm. */
static void a_snapshot_may_be_of_several_series(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.candles.when = { data = ANY } p.candles.rows = 'data' "
                  "p.candles.snapshot = { when = { data = ANY } }");
    char name[1001];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct mw_str message = MW_STR_INIT(8192);
    mw_str_adds(&message, "{\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":3,\"data\":[");
    mw_str_adds(&message,
                "{\"s\":\"A\",\"f\":\"1m\",\"t\":0},{\"s\":\"B\",\"f\":\"1m\",\"t\":60000},"
                "{\"s\":\"A\",\"f\":\"1h\",\"t\":0},{\"s\":\"A\",\"f\":\"1m\",\"t\":60000},"
                "{\"s\":\"A1\",\"f\":\"m\",\"t\":0},");
    mw_str_addf(&message,
                "{\"s\":\"%s1\",\"f\":\"1m\",\"t\":0},{\"s\":\"%s2\",\"f\":\"1m\","
                "\"t\":60000}]}",
                name, name);
    expect_rows(&bench, message.data, MW_DECODED_SNAPSHOT, 7);
    expect_row(&bench, 0, 0, MW_CANDLE_CLOSED, MW_SOURCE_BACKFILL);
    expect_row(&bench, 1, 60000, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_row(&bench, 2, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_row(&bench, 3, 60000, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    expect_row(&bench, 4, 0, MW_CANDLE_FORMING, MW_SOURCE_LIVE);
    mw_str_deinit(&message);
    end(&bench);
}

static void the_rows_of_one_message_are_bounded(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_str text = MW_STR_INIT(1 << 20);
    begin(&bench, SNAPSHOT);
    for (uint32_t count = MW_CANDLE_ROWS_MAX; count <= MW_CANDLE_ROWS_MAX + 1; count++) {
        mw_str_clear(&text);
        mw_str_adds(&text, ARG "\"action\":\"snapshot\",\"data\":[");
        for (uint32_t i = 0; i < count; i++)
            mw_str_addf(&text, "%s[%u,1,2,1,2,3]", i > 0 ? "," : "", i);
        assert_true(mw_str_adds(&text, "]}"));
        bool fits = count == MW_CANDLE_ROWS_MAX;
        expect_rows(&bench, text.data, fits ? MW_DECODED_SNAPSHOT : MW_DECODED_REJECTED,
                    fits ? count : 0);
    }
    assert_int_equal(bench.decoded.reject, MW_REJECT_TOO_MANY_ROWS);
    mw_str_deinit(&text);
    end(&bench);
}

static void bad_rows_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p.candles.rows = 7", "candles.rows: want a string, got number"},
        {"p.candles.rows = 'a.'", "candles.rows: path 'a.': want 1 to 8 keys"},
        {"p.candles.open = 2", "candles.open: want a path or a list of 1 to 4 paths"},
        {"p.candles.snapshot = 'x'", "candles.snapshot: want a table, got string"},
        {"p.candles.snapshot = {}", "candles.snapshot.when: want a table, got nil"},
        {"p.candles.snapshot = { whn = 1 }", "candles.snapshot: no such key 'whn'"},
    };
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_may_be_arrays),
        cmocka_unit_test(rows_may_be_objects),
        cmocka_unit_test(a_message_may_be_its_rows),
        cmocka_unit_test(the_newest_row_of_a_snapshot_forms),
        cmocka_unit_test(flags_count_in_a_snapshot),
        cmocka_unit_test(a_snapshot_may_be_of_several_series),
        cmocka_unit_test(the_rows_of_one_message_are_bounded),
        cmocka_unit_test(bad_rows_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
