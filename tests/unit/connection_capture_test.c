/* connection_capture_test.c - what a connection records, told again to another cache. */
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
#include "feed/capture.h"
#include "feed/intake.h"

#include "connection_bench.h"
#include "made_venue.h"
#include "protocol_file.h"

#define HEAD "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"o\":1,\"h\":9,\"l\":1,\"v\":1,"

enum { ROWS_MAX = 8, TEXT_BYTES_MAX = 65536 };

static char path[] = "/tmp/moonwick_capture_XXXXXX";

static int make_path(void **state)
{
    (void)state;
    snprintf(path + sizeof(path) - 7, 7, "XXXXXX");
    int fd = mkstemp(path);
    mw_log_set_level(MW_LOG_OFF);
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* Two connections of one life: the first is cut, the second ends. Returns the rows that were there
 * at the end. */
static uint32_t live(const char *token, struct mw_candle *rows, char url[32])
{
    struct mw_capture *capture = NULL;
    const struct mw_capture_fields feed = {.bars = 16, .name = "demo", .protocol = "made"};
    uint8_t number = 42;
    assert_int_equal(mw_capture_open(path, &capture, NULL, NULL), MW_OK);
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    assert_int_equal(number, 0);
    struct mw_made_venue venue = {.silent = false};
    mw_made_venue_start(&venue);
    struct mw_bench bench;
    mw_bench_begin(&bench, &(struct mw_bench_setup){.endpoints = {mw_made_venue_url(&venue, url)},
                                                    .endpoint_count = 1,
                                                    .wait_s = 0.001,
                                                    .attempt_count = 5,
                                                    .csrf_token = token,
                                                    .capture = capture});
    struct mw_series *series = mw_bench_subscribe(&bench, "BTC");
    mw_bench_start_confirmed(&bench);
    mw_made_venue_push(&venue, HEAD "\"t\":0,\"c\":1,\"x\":true}");
    mw_made_venue_push(&venue, "!bytes");
    mw_made_venue_push(&venue, HEAD "\"t\":60000,\"c\":2}");
    mw_bench_wait_candle(&bench, series, 60000, MW_CANDLE_FORMING);
    mw_made_venue_cut(&venue);
    mw_bench_expect_state(&bench, MW_CONNECTION_RECONNECTING);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONNECTED);
    mw_bench_expect_state(&bench, MW_CONNECTION_CONFIRMED);
    mw_made_venue_push(&venue, HEAD "\"t\":120000,\"c\":3}");
    mw_bench_wait_candle(&bench, series, 120000, MW_CANDLE_FORMING);
    mw_bench_unsubscribe(&bench, "BTC");
    mw_made_venue_wait(&venue, "-3 BTC@1m;");
    mw_bench_stop(&bench);
    uint32_t count = mw_series_read_last(series, INT64_MAX, ROWS_MAX, true, rows);
    assert_true(mw_series_find_gap(series, 60000, 60000, NULL)); /* it was cut while it formed */
    mw_bench_end(&bench);
    mw_made_venue_stop(&venue);
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
    return count;
}

/* One line for each record but answers. */
static void show(const struct mw_capture_record *record, struct mw_str *text)
{
    const struct mw_capture_fields *fields = &record->fields;
    if (record->kind == MW_CAPTURE_RECEIVED && strncmp(fields->data, "{\"ok\"", 5) == 0)
        return;
    mw_str_addf(text, "%s", mw_capture_kind_name(record->kind));
    if (fields->symbol != NULL)
        mw_str_addf(text, " %s %s %s", fields->symbol, fields->timeframe, fields->code);
    else if (record->kind == MW_CAPTURE_SENT)
        mw_str_addf(text, " %d %.*s", (int)fields->size, (int)fields->length, fields->data);
    else if (record->kind != MW_CAPTURE_FEED)
        mw_str_addf(text, " %.*s", (int)fields->length, fields->data);
    mw_str_addf(text, "\n");
}

static void replay(struct mw_intake *intake, struct mw_series *series,
                   const struct mw_capture_record *record)
{
    const struct mw_capture_fields *fields = &record->fields;
    struct mw_decoded decoded;
    mw_intake_set_time(intake, record->time_ms, record->time_ms);
    if (record->kind == MW_CAPTURE_SUBSCRIBE)
        mw_intake_subscribe(intake, fields->symbol, fields->code, series);
    else if (record->kind == MW_CAPTURE_UNSUBSCRIBE)
        mw_intake_unsubscribe(intake, fields->symbol, fields->code, false);
    else if (record->kind == MW_CAPTURE_RECEIVED || record->kind == MW_CAPTURE_RECEIVED_BINARY)
        mw_intake_message(intake, record->kind == MW_CAPTURE_RECEIVED, fields->data, fields->length,
                          &decoded);
    else if (record->kind == MW_CAPTURE_CLOSED)
        mw_intake_interrupt(intake);
}

static void what_was_recorded_gives_the_same_candles(void **state)
{
    (void)state;
    struct mw_candle rows[ROWS_MAX], again[ROWS_MAX];
    char url[32], wanted[2048];
    uint32_t count = live(NULL, rows, url);
    assert_int_equal(count, 3);

    struct mw_protocol *protocol = mw_protocol_file_get("");
    struct mw_cache *cache = mw_cache_new(16);
    struct mw_series *series;
    const struct mw_series_key key = {.feed = "demo", .symbol = "BTC", .timeframe = {1, 'm'}};
    assert_int_equal(mw_cache_add(cache, &key, &series, NULL), MW_OK);
    struct mw_intake intake;
    mw_intake_init(&intake, "demo", protocol, cache);
    struct mw_capture_reader *reader = NULL;
    struct mw_capture_record record;
    struct mw_str text = MW_STR_INIT(TEXT_BYTES_MAX);
    assert_int_equal(mw_capture_read_open(path, &reader, NULL), MW_OK);
    while (mw_capture_read(reader, &record)) {
        show(&record, &text);
        replay(&intake, series, &record);
    }
    mw_capture_read_close(reader);
    snprintf(wanted, sizeof(wanted),
             "FEED\nSUBSCRIBE BTC 1m 1m\nOPEN %s\nSENT 9 +1 BTC@1m\n"
             "RECEIVED " HEAD "\"t\":0,\"c\":1,\"x\":true}\nRECEIVED_BINARY !bytes\n"
             "RECEIVED " HEAD "\"t\":60000,\"c\":2}\n"
             "CLOSED connection lost without a close frame\nOPEN %s\nSENT 9 +2 BTC@1m\n"
             "RECEIVED " HEAD "\"t\":120000,\"c\":3}\n"
             "UNSUBSCRIBE BTC 1m 1m\nSENT 9 -3 BTC@1m\nCLOSED closed by this side\n",
             url, url);
    assert_string_equal(text.data, wanted);
    mw_str_deinit(&text);
    assert_int_equal(mw_series_read_last(series, INT64_MAX, ROWS_MAX, true, again), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(again[i].open_ms, rows[i].open_ms);
        assert_true(again[i].close == rows[i].close);
        assert_int_equal(again[i].state, rows[i].state);
        assert_int_equal(again[i].closed_by, rows[i].closed_by);
        assert_int_equal(again[i].flags, rows[i].flags);
    }
    assert_true(mw_series_find_gap(series, 60000, 60000, NULL));
    assert_int_equal(mw_series_get_health(series), MW_SERIES_IDLE);
    mw_intake_deinit(&intake);
    mw_cache_free(cache);
    mw_protocol_free(protocol);
}

static void what_may_hold_secrets_is_not_recorded(void **state)
{
    (void)state;
    struct mw_candle rows[ROWS_MAX];
    char url[32];
    live("secret", rows, url);
    struct mw_capture_reader *reader = NULL;
    struct mw_capture_record record;
    uint32_t sent = 0;
    assert_int_equal(mw_capture_read_open(path, &reader, NULL), MW_OK);
    while (mw_capture_read(reader, &record)) {
        if (record.kind != MW_CAPTURE_SENT)
            continue;
        sent++;
        assert_int_equal(record.fields.size, 9);
        assert_int_equal(record.fields.length, 0);
    }
    assert_int_equal(sent, 3);
    mw_capture_read_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_recorded_gives_the_same_candles, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(what_may_hold_secrets_is_not_recorded, make_path,
                                        remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
