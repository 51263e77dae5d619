/* capture_test.c - records to a file and back, torn tails, damage, a full disk, several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "feed/capture.h"

enum { HEADER_BYTES = 8, FILE_BYTES_MAX = 256 << 20 };

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

static void write_file(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static struct mw_str read_file(void)
{
    struct mw_str bytes = MW_STR_INIT(FILE_BYTES_MAX);
    assert_int_equal(mw_str_read_file(&bytes, path, NULL), MW_OK);
    return bytes;
}

static struct mw_capture *open_capture(uint64_t cut_wanted)
{
    struct mw_capture *capture = NULL;
    struct mw_error err = {.message = ""};
    uint64_t cut = 42;
    if (mw_capture_open(path, &capture, &cut, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cut, cut_wanted);
    return capture;
}

static struct mw_capture_tap add_feed(struct mw_capture *capture, const char *name)
{
    const struct mw_capture_fields feed = {
        .bars = 1000, .gap_wait_ms = 10000, .name = name, .protocol = "wealthdata"};
    uint8_t number = 0;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
    return mw_capture_tap(capture, number);
}

static void put_data(const struct mw_capture_tap *tap, const char *data, size_t length)
{
    mw_capture_put(tap, MW_CAPTURE_RECEIVED, 5,
                   &(struct mw_capture_fields){.data = data, .length = length});
}

static void close_capture(struct mw_capture *capture)
{
    assert_int_equal(mw_capture_close(capture, NULL), MW_OK);
}

static struct mw_capture_reader *open_reader(void)
{
    struct mw_capture_reader *reader = NULL;
    assert_int_equal(mw_capture_read_open(path, &reader, NULL), MW_OK);
    return reader;
}

/* Reads what there is. Returns the number of records. */
static uint32_t read_all(struct mw_capture_tail *tail)
{
    struct mw_capture_reader *reader = open_reader();
    struct mw_capture_record record;
    uint32_t count = 0;
    while (mw_capture_read(reader, &record))
        count++;
    assert_false(mw_capture_read(reader, &record));
    mw_capture_read_tail(reader, tail);
    mw_capture_read_close(reader);
    return count;
}

/* A file with a FEED record and two of data. Returns where the last one begins. */
static size_t write_three(void)
{
    struct mw_capture *capture = open_capture(0);
    struct mw_capture_tap tap = add_feed(capture, "demo");
    put_data(&tap, "first", 5);
    mw_capture_flush(capture);
    struct mw_str before = read_file();
    size_t length = before.length;
    mw_str_deinit(&before);
    put_data(&tap, "the second", 10);
    close_capture(capture);
    return length;
}

static void what_is_put_is_read(void **state)
{
    (void)state;
    const struct mw_capture_fields fields = {.size = 7,
                                             .open_ms = INT64_MIN,
                                             .from_ms = -1,
                                             .to_ms = INT64_MAX,
                                             .asked_ms = 1,
                                             .symbol = "BTCUSDT",
                                             .timeframe = "1m",
                                             .code = "60",
                                             .data = "by\0tes",
                                             .length = 6};
    struct mw_capture *capture = open_capture(0);
    add_feed(capture, "other");
    add_feed(capture, "demo");
    struct mw_capture_tap tap = mw_capture_tap(capture, 1);
    assert_int_equal(tap.link, 1);
    for (int kind = MW_CAPTURE_SUBSCRIBE; kind < MW_CAPTURE_KIND_COUNT; kind++)
        mw_capture_put(&tap, (mw_capture_kind)kind, INT64_C(1) << (4 * kind), &fields);
    struct mw_capture_status status;
    mw_capture_get_status(capture, &status);
    assert_int_equal(status.records, MW_CAPTURE_KIND_COUNT + 1);
    close_capture(capture);
    struct mw_str bytes = read_file();
    assert_int_equal(bytes.length, HEADER_BYTES + status.bytes);
    mw_str_deinit(&bytes);

    struct mw_capture_reader *reader = open_reader();
    struct mw_capture_record record;
    for (uint8_t feed = 0; feed < 2; feed++) {
        assert_true(mw_capture_read(reader, &record));
        assert_int_equal(record.kind, MW_CAPTURE_FEED);
        assert_int_equal(record.feed, feed);
        assert_string_equal(record.fields.name, feed == 0 ? "other" : "demo");
        assert_string_equal(record.fields.protocol, "wealthdata");
        assert_int_equal(record.fields.bars, 1000);
        assert_int_equal(record.fields.gap_wait_ms, 10000);
    }
    for (int kind = MW_CAPTURE_SUBSCRIBE; kind < MW_CAPTURE_KIND_COUNT; kind++) {
        assert_true(mw_capture_read(reader, &record));
        assert_int_equal(record.kind, kind);
        assert_int_equal(record.feed, 1);
        assert_int_equal(record.link, 1);
        assert_int_equal(record.time_ms, INT64_C(1) << (4 * kind));
        if (record.fields.symbol != NULL) {
            assert_string_equal(record.fields.symbol, "BTCUSDT");
            assert_string_equal(record.fields.timeframe, "1m");
        }
        if (record.fields.code != NULL)
            assert_string_equal(record.fields.code, "60");
        if (record.fields.data != NULL) {
            assert_int_equal(record.fields.length, 6);
            assert_memory_equal(record.fields.data, "by\0tes", 6);
        }
        assert_int_equal(record.fields.open_ms, kind == MW_CAPTURE_CLOCK ? INT64_MIN : 0);
        assert_int_equal(record.fields.to_ms, kind == MW_CAPTURE_HISTORY ? INT64_MAX : 0);
        assert_int_equal(record.fields.size, kind == MW_CAPTURE_SENT ? 7 : 0);
    }
    assert_false(mw_capture_read(reader, &record));
    struct mw_capture_tail tail;
    mw_capture_read_tail(reader, &tail);
    assert_int_equal(tail.bytes, 0);
    assert_false(tail.is_damage);
    mw_capture_read_close(reader);
}

static void the_bytes_are_those_of_the_manual(void **state)
{
    (void)state;
    static const char wanted[] = "MWCAP\0\1\0"
                                 "\41\0\0\0"          /* length */
                                 "\0\0\0\0"           /* crc, not looked at here */
                                 "\0\0\0\0"           /* FEED, feed, link */
                                 "\0\0\0\0\0\0\0\0"   /* time, not looked at */
                                 "\xe8\3\0\0\0\0\0\0" /* bars */
                                 "\0\0\0\0\0\0\0\0"   /* gap_wait_ms */
                                 "d\0we\0"            /* name, protocol */
                                 "\15\0\0\0"          /* length */
                                 "\xfd\x82\xf1\x30"   /* crc of the rest, by other means */
                                 "\4\0\0\0"           /* RECEIVED, feed, link */
                                 "\10\7\6\5\4\3\2\1"  /* time */
                                 "x";
    struct mw_capture *capture = open_capture(0);
    uint8_t feed = 1;
    const struct mw_capture_fields fields = {.bars = 1000, .name = "d", .protocol = "we"};
    assert_int_equal(mw_capture_add_feed(capture, &fields, &feed, NULL), MW_OK);
    struct mw_capture_tap tap = mw_capture_tap(capture, feed);
    mw_capture_put(&tap, MW_CAPTURE_RECEIVED, 0x0102030405060708,
                   &(struct mw_capture_fields){.data = "x", .length = 1});
    close_capture(capture);
    struct mw_str bytes = read_file();
    assert_int_equal(bytes.length, sizeof(wanted) - 1);
    memset(bytes.data + 12, 0, 4);
    memset(bytes.data + 20, 0, 8);
    assert_memory_equal(bytes.data, wanted, sizeof(wanted) - 1);
    mw_str_deinit(&bytes);
}

static void a_tail_torn_anywhere_is_found_and_cut(void **state)
{
    (void)state;
    size_t last = write_three();
    struct mw_str bytes = read_file();
    for (size_t length = last; length < bytes.length; length++) {
        write_file(bytes.data, length);
        struct mw_capture_tail tail;
        assert_int_equal(read_all(&tail), 2);
        assert_int_equal(tail.bytes, length - last);
        assert_false(tail.is_damage);

        struct mw_capture *capture = open_capture(length - last);
        struct mw_capture_tap tap = add_feed(capture, "demo");
        put_data(&tap, "again", 5);
        close_capture(capture);
        assert_int_equal(read_all(&tail), 4);
        assert_int_equal(tail.bytes, 0);
    }
    mw_str_deinit(&bytes);
}

static void a_header_torn_anywhere_is_written_again(void **state)
{
    (void)state;
    write_three();
    struct mw_str bytes = read_file();
    for (size_t length = 0; length < HEADER_BYTES; length++) {
        write_file(bytes.data, length);
        struct mw_error err;
        struct mw_capture_reader *reader = NULL;
        assert_int_equal(mw_capture_read_open(path, &reader, &err), MW_EPARSE);
        assert_null(reader);
        close_capture(open_capture(length));
        struct mw_capture_tail tail;
        assert_int_equal(read_all(&tail), 0);
        assert_int_equal(tail.bytes, 0);
    }
    mw_str_deinit(&bytes);
}

static void zeros_after_a_crash_are_a_torn_tail(void **state)
{
    (void)state;
    write_three();
    struct mw_str bytes = read_file();
    size_t length = bytes.length;
    static const char zeros[8192];
    mw_str_add(&bytes, zeros, sizeof(zeros));
    write_file(bytes.data, bytes.length);
    struct mw_capture_tail tail;
    assert_int_equal(read_all(&tail), 3);
    assert_int_equal(tail.bytes, sizeof(zeros));
    assert_false(tail.is_damage);
    close_capture(open_capture(sizeof(zeros)));
    mw_str_deinit(&bytes);
    bytes = read_file();
    assert_int_equal(bytes.length, length);
    mw_str_deinit(&bytes);
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    (void)state;
    size_t last = write_three();
    struct mw_str bytes = read_file();
    for (size_t bit = (size_t)8 * HEADER_BYTES; bit < 8 * bytes.length; bit++) {
        char *byte = &bytes.data[bit / 8], before = *byte;
        *byte = (char)(*byte ^ (1 << (bit % 8)));
        write_file(bytes.data, bytes.length);
        struct mw_capture_tail tail;
        uint32_t count = read_all(&tail);
        assert_in_range(count, 0, 2);
        assert_int_equal(count == 2, bit / 8 >= last);
        assert_true(tail.bytes > 0);
        assert_int_equal(tail.is_damage, bit / 8 < last);
        *byte = before;
    }
    mw_str_deinit(&bytes);
}

static void damage_before_the_end_is_not_cut(void **state)
{
    (void)state;
    size_t last = write_three();
    struct mw_str bytes = read_file();
    bytes.data[last - 1] ^= 1;
    write_file(bytes.data, bytes.length);
    struct mw_capture *capture = NULL;
    struct mw_error err;
    assert_int_equal(mw_capture_open(path, &capture, NULL, &err), MW_EPARSE);
    assert_null(capture);
    assert_non_null(strstr(err.message, "damaged at byte "));
    struct mw_str after = read_file();
    assert_int_equal(after.length, bytes.length);
    assert_memory_equal(after.data, bytes.data, bytes.length);
    mw_str_deinit(&after);
    mw_str_deinit(&bytes);
}

static void refuses_what_is_no_capture_and_leaves_it_alone(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } cases[] = {{"return { feeds = {} }", 21, "not a capture"},
                 {"MW?", 3, "not a capture"},
                 {"MWCAP\0\2\0", 8, "a capture of version 2, want 1"},
                 {"MWCAP\0\1\1", 8, "a capture of version 257, want 1"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        write_file(cases[i].bytes, cases[i].length);
        struct mw_error err;
        struct mw_capture *capture = NULL;
        struct mw_capture_reader *reader = NULL;
        assert_int_equal(mw_capture_open(path, &capture, NULL, &err), MW_EPARSE);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_int_equal(mw_capture_read_open(path, &reader, &err), MW_EPARSE);
        assert_non_null(strstr(err.message, cases[i].message));
        struct mw_str after = read_file();
        assert_int_equal(after.length, cases[i].length);
        mw_str_deinit(&after);
    }
    struct mw_error err;
    struct mw_capture *capture = NULL;
    struct mw_capture_reader *reader = NULL;
    assert_int_equal(mw_capture_open("/none/such", &capture, NULL, &err), MW_EIO);
    assert_int_equal(mw_capture_open("/dev/null", &capture, NULL, &err), MW_EIO);
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(mw_capture_read_open("/none/such", &reader, &err), MW_EIO);
    assert_int_equal(mw_capture_read_open("/", &reader, &err), MW_EIO);
}

static void two_do_not_record_to_one_file(void **state)
{
    (void)state;
    struct mw_capture *capture = open_capture(0), *second = NULL;
    struct mw_error err;
    assert_int_equal(mw_capture_open(path, &second, NULL, &err), MW_EIO);
    assert_non_null(strstr(err.message, "something else is recording to it"));
    close_capture(capture);
    close_capture(open_capture(0));
}

static void records_of_every_size_fit(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,
                                     1,
                                     MW_CAPTURE_BUFFER_BYTES - 21,
                                     MW_CAPTURE_BUFFER_BYTES - 20,
                                     MW_CAPTURE_BUFFER_BYTES - 19,
                                     (size_t)MW_CAPTURE_BUFFER_BYTES * 2,
                                     MW_CAPTURE_PAYLOAD_BYTES_MAX};
    char *data = mw_alloc_zero(MW_CAPTURE_PAYLOAD_BYTES_MAX);
    struct mw_capture *capture = open_capture(0);
    struct mw_capture_tap tap = add_feed(capture, "demo");
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        data[0] = (char)i;
        put_data(&tap, data, lengths[i]);
    }
    close_capture(capture);
    struct mw_capture_reader *reader = open_reader();
    struct mw_capture_record record;
    assert_true(mw_capture_read(reader, &record));
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        assert_true(mw_capture_read(reader, &record));
        assert_int_equal(record.fields.length, lengths[i]);
        assert_true(lengths[i] == 0 || record.fields.data[0] == (char)i);
    }
    assert_false(mw_capture_read(reader, &record));
    mw_capture_read_close(reader);
    mw_free(data);
}

static void a_length_past_the_limit_is_damage(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct mw_capture_record record;
    size_t size;
    for (int64_t past = -1; past <= 1; past++) {
        uint32_t length = (uint32_t)(12 + MW_CAPTURE_PAYLOAD_BYTES_MAX + past);
        for (int i = 0; i < 4; i++)
            bytes[i] = (uint8_t)(length >> (8 * i));
        assert_int_equal(mw_capture_record_parse(bytes, sizeof(bytes), &record, &size),
                         past > 0 ? MW_CAPTURE_DAMAGED : MW_CAPTURE_SHORT);
    }
    for (uint8_t length = 0; length <= 12; length++) {
        memset(bytes, 0, 4);
        bytes[0] = length;
        assert_int_equal(mw_capture_record_parse(bytes, 12, &record, &size),
                         length < 12 ? MW_CAPTURE_DAMAGED : MW_CAPTURE_SHORT);
    }
}

/* What the payload is as one of this kind. */
static mw_capture_parsed parse_as(mw_capture_kind kind, const char *payload, size_t length)
{
    uint8_t bytes[256];
    struct mw_capture_record record = {.kind = MW_CAPTURE_RECEIVED,
                                       .fields = {.data = payload, .length = length}};
    size_t size = mw_capture_record_size(&record);
    assert_in_range(size, 0, sizeof(bytes));
    mw_capture_record_write(&record, bytes);
    bytes[8] = (uint8_t)kind;
    uint32_t crc = mw_crc32c(bytes + 8, size - 8);
    for (int i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(crc >> (8 * i));
    return mw_capture_record_parse(bytes, size, &record, &size);
}

static void payloads_have_the_form_of_their_kind(void **state)
{
    (void)state;
    char payload[8 + MW_SYMBOL_BYTES_MAX + 1 + 4];
    memset(payload, 'S', sizeof(payload));
    memcpy(payload + 8 + MW_SYMBOL_BYTES_MAX, "\0001m", 4); /* and the NUL of the literal */
    assert_int_equal(parse_as(MW_CAPTURE_CLOCK, payload, 8 + MW_SYMBOL_BYTES_MAX + 4),
                     MW_CAPTURE_WHOLE);
    for (size_t length = 0; length < 8 + MW_SYMBOL_BYTES_MAX + 4; length++)
        assert_int_equal(parse_as(MW_CAPTURE_CLOCK, payload, length), MW_CAPTURE_DAMAGED);
    assert_int_equal(parse_as(MW_CAPTURE_CLOCK, payload, 8 + MW_SYMBOL_BYTES_MAX + 5),
                     MW_CAPTURE_DAMAGED);

    memcpy(payload + 8 + MW_SYMBOL_BYTES_MAX, "S\0001m", 5);
    assert_int_equal(parse_as(MW_CAPTURE_CLOCK, payload, 8 + MW_SYMBOL_BYTES_MAX + 5),
                     MW_CAPTURE_DAMAGED);
    assert_int_equal(parse_as(MW_CAPTURE_SUBSCRIBE, "\0\0", 3), MW_CAPTURE_WHOLE);
    assert_int_equal(parse_as(MW_CAPTURE_SENT, "1234567", 7), MW_CAPTURE_DAMAGED);
    assert_int_equal(parse_as(MW_CAPTURE_SENT, "12345678", 8), MW_CAPTURE_WHOLE);
    assert_int_equal(parse_as(MW_CAPTURE_OPEN, "", 0), MW_CAPTURE_WHOLE);
    assert_int_equal(parse_as(MW_CAPTURE_KIND_COUNT, "", 0), MW_CAPTURE_DAMAGED);
}

static void there_are_as_many_feeds_as_numbers(void **state)
{
    (void)state;
    struct mw_capture *capture = open_capture(0);
    const struct mw_capture_fields feed = {.name = "a", .protocol = "b"};
    uint8_t number = 0;
    for (int i = 0; i < MW_CAPTURE_FEEDS_MAX; i++) {
        assert_int_equal(mw_capture_add_feed(capture, &feed, &number, NULL), MW_OK);
        assert_int_equal(number, i);
    }
    struct mw_error err;
    assert_int_equal(mw_capture_add_feed(capture, &feed, &number, &err), MW_ELIMIT);
    assert_int_equal(number, MW_CAPTURE_FEEDS_MAX - 1);
    close_capture(capture);
}

static void a_full_disk_ends_the_recording_and_keeps_what_is_whole(void **state)
{
    (void)state;
    struct rlimit before, limit = {.rlim_cur = 600000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct mw_capture *capture = open_capture(0);
    struct mw_capture_tap tap = add_feed(capture, "demo");
    static const char data[1000];
    for (int i = 0; i < 1000; i++)
        put_data(&tap, data, sizeof(data));
    struct mw_capture_status status;
    mw_capture_flush(capture);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    put_data(&tap, data, sizeof(data)); /* there is room again, and a hole: too late */
    mw_capture_get_status(capture, &status);
    assert_true(status.has_error);
    assert_non_null(strstr(status.error.message, path));
    assert_int_equal(status.records + status.lost, 1002);
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_capture_close(capture, &err), MW_EIO);
    assert_string_equal(err.message, status.error.message);

    struct mw_capture_tail tail;
    assert_int_equal(read_all(&tail), status.records);
    assert_in_range(status.records, 500, 600);
    assert_int_equal(tail.bytes, 0);
    struct mw_str bytes = read_file();
    assert_int_equal(bytes.length, HEADER_BYTES + status.bytes);
    mw_str_deinit(&bytes);
}

enum { THREADS = 4, PUTS = 20000 };

static void *put_many(void *user)
{
    const struct mw_capture_tap *tap = user;
    char data[128];
    for (int i = 0; i < PUTS; i++) {
        int length = snprintf(data, sizeof(data), "%d%*s", i, i % 100, "");
        put_data(tap, data, (size_t)length);
        if (i % 5000 == 0)
            mw_capture_flush(tap->capture);
    }
    return NULL;
}

static void threads_put_whole_records_in_their_order(void **state)
{
    (void)state;
    struct mw_capture *capture = open_capture(0);
    struct mw_capture_tap taps[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        taps[i] = i == 0 ? add_feed(capture, "demo") : mw_capture_tap(capture, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &taps[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    close_capture(capture);

    struct mw_capture_reader *reader = open_reader();
    struct mw_capture_record record;
    int next[THREADS] = {0};
    assert_true(mw_capture_read(reader, &record));
    while (mw_capture_read(reader, &record)) {
        assert_in_range(record.link, 0, THREADS - 1);
        char text[128];
        snprintf(text, sizeof(text), "%.*s", (int)record.fields.length, record.fields.data);
        assert_int_equal(strtol(text, NULL, 10), next[record.link]++);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], PUTS);
    mw_capture_read_close(reader);
}

static void nothing_is_recorded_where_nobody_wants_it(void **state)
{
    (void)state;
    struct mw_capture_tap tap = mw_capture_tap(NULL, 3);
    assert_null(tap.capture);
    put_data(&tap, "x", 1);
    mw_capture_flush(NULL);
    assert_int_equal(mw_capture_close(NULL, NULL), MW_OK);
    mw_capture_read_close(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_read),
        TEST(the_bytes_are_those_of_the_manual),
        TEST(a_tail_torn_anywhere_is_found_and_cut),
        TEST(a_header_torn_anywhere_is_written_again),
        TEST(zeros_after_a_crash_are_a_torn_tail),
        TEST(a_flipped_bit_anywhere_is_found),
        TEST(damage_before_the_end_is_not_cut),
        TEST(refuses_what_is_no_capture_and_leaves_it_alone),
        TEST(two_do_not_record_to_one_file),
        TEST(records_of_every_size_fit),
        TEST(a_length_past_the_limit_is_damage),
        TEST(payloads_have_the_form_of_their_kind),
        TEST(there_are_as_many_feeds_as_numbers),
        TEST(a_full_disk_ends_the_recording_and_keeps_what_is_whole),
        TEST(threads_put_whole_records_in_their_order),
        TEST(nothing_is_recorded_where_nobody_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
