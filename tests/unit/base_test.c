/* base_test.c - clock texts, decimals, strings, maps, errors, gates and wake-ups. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/decimal.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/str.h"
#include "base/thread.h"

static void formats_and_parses_times_both_ways(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1522800000000, "2018-04-04T00:00:00Z"},
        {951782400000, "2000-02-29T00:00:00Z"},
        {4102444799999, "2099-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[MW_TIME_TEXT_BYTES];
        assert_string_equal(mw_time_format(cases[i].ms, text), cases[i].text);
        int64_t ms;
        assert_int_equal(mw_time_parse(cases[i].text, &ms, NULL), MW_OK);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void parses_the_time_spellings_of_venues(void **state)
{
    (void)state;
    static const char *const same[] = {"2018-04-04", "2018-04-04T00:00Z", "2018-04-04 00:00:00",
                                       "2018-04-04T00:00:00.000000000Z",
                                       "2018-04-04T00:00:00+00:00"};
    for (size_t i = 0; i < MW_COUNT(same); i++) {
        int64_t ms = 0;
        assert_int_equal(mw_time_parse(same[i], &ms, NULL), MW_OK);
        assert_int_equal(ms, 1522800000000);
    }
}

static void refuses_bad_times_and_leaves_output_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2018",
                                      "2018-13-01",
                                      "2018-02-29",
                                      "2018-04-31",
                                      "2018-04-04T24:00",
                                      "2018-04-04T00:60",
                                      "2018-04-04T00:00:00.",
                                      "2018-04-04T00:00:00.1234567890Z",
                                      "2018-04-04T00:00Zx",
                                      "2018-04-04T00:00+02:00",
                                      "18-04-04"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        int64_t ms = 42;
        struct mw_error err;
        assert_int_equal(mw_time_parse(bad[i], &ms, &err), MW_EPARSE);
        assert_int_equal(ms, 42);
    }
}

static void parses_durations(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_int_equal(mw_duration_parse("250ms", &ms, NULL), MW_OK);
    assert_int_equal(ms, 250);
    assert_int_equal(mw_duration_parse("1.5s", &ms, NULL), MW_OK);
    assert_int_equal(ms, 1500);
    assert_int_equal(mw_duration_parse("24h", &ms, NULL), MW_OK);
    assert_int_equal(ms, MW_MS_PER_DAY);
    assert_int_equal(mw_duration_parse("2y", &ms, NULL), MW_OK);
    assert_int_equal(ms, INT64_C(730) * MW_MS_PER_DAY);
    assert_int_equal(mw_duration_parse("1w", &ms, NULL), MW_OK);
    assert_int_equal(ms, 7 * MW_MS_PER_DAY);
    static const char *const bad[] = {"",   "s",     "10",  "-1s",   "0s",
                                      "1M", "4000d", "11y", "0.1ms", "1e400s"};
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_int_equal(mw_duration_parse(bad[i], &ms, NULL), MW_EPARSE);
    assert_int_equal(ms, 7 * MW_MS_PER_DAY);
}

static void converts_dates_of_four_centuries_both_ways(void **state)
{
    (void)state;
    for (int64_t days = -200000; days < 200000; days++) {
        int64_t year;
        unsigned month, day;
        mw_civil_from_days(days, &year, &month, &day);
        assert_int_equal(mw_days_from_civil(year, month, day), days);
    }
}

static void parses_decimals_as_strtod_does(void **state)
{
    (void)state;
    struct mw_random random = {7};
    for (int i = 0; i < 200000; i++) {
        char text[MW_DECIMAL_BYTES_MAX + 1];
        uint64_t digits = mw_random_next(&random) >> (mw_random_next(&random) % 60);
        switch (i % 4) {
        case 0:
            snprintf(text, sizeof(text), "%.8f", (double)(digits % 100000000000) / 1e4);
            break;
        case 1:
            snprintf(text, sizeof(text), "%llu", (unsigned long long)digits);
            break;
        case 2:
            snprintf(text, sizeof(text), "-%llue%d", (unsigned long long)digits, i % 61 - 30);
            break;
        default:
            snprintf(text, sizeof(text), "0.%llu", (unsigned long long)digits);
        }
        double value = 0;
        assert_true(mw_decimal_parse(text, strlen(text), &value));
        double expected = strtod(text, NULL);
        assert_memory_equal(&value, &expected, sizeof(value));
    }
}

static void refuses_what_is_no_decimal(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "-",   ".",   "1.",   ".5",   "1e", "1e+",
                                      "+1",    "0x1", "nan", "inf",  " 1",   "1 ", "1,5",
                                      "1e400", "--1", "1-2", "1e1x", "1e1.5"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        double value = 42;
        assert_false(mw_decimal_parse(bad[i], strlen(bad[i]), &value));
        assert_true(value == 42);
    }
}

static void holds_decimals_to_their_limit(void **state)
{
    (void)state;
    char text[MW_DECIMAL_BYTES_MAX + 2];
    memset(text, '1', sizeof(text));
    double value;
    assert_true(mw_decimal_parse(text, MW_DECIMAL_BYTES_MAX, &value));
    assert_false(mw_decimal_parse(text, MW_DECIMAL_BYTES_MAX + 1, &value));
    assert_false(mw_decimal_parse(text, 0, &value));
}

static void formats_the_shortest_decimal(void **state)
{
    (void)state;
    char text[MW_DECIMAL_TEXT_BYTES];
    assert_string_equal(mw_decimal_format(0.1, text), "0.1");
    assert_string_equal(mw_decimal_format(0, text), "0");
    assert_string_equal(mw_decimal_format(-0.0, text), "-0");
    assert_string_equal(mw_decimal_format(-40, text), "-40");
    assert_string_equal(mw_decimal_format(0.0001, text), "0.0001");
    assert_string_equal(mw_decimal_format(0.00001, text), "1e-05");
    assert_string_equal(mw_decimal_format(0.000123456789012345, text), "0.000123456789012345");
    assert_string_equal(mw_decimal_format(999999999999999, text), "999999999999999");
    assert_string_equal(mw_decimal_format(1e15, text), "1e+15");
    assert_string_equal(mw_decimal_format(99999999999999.9, text), "99999999999999.9");
    assert_string_equal(mw_decimal_format(999999999999999.9, text), "999999999999999.9");
    assert_string_equal(mw_decimal_format(7424.91, text), "7424.91");
    assert_string_equal(mw_decimal_format(0.1 + 0.2, text), "0.30000000000000004");
    assert_string_equal(mw_decimal_format(-2.2250738585072014e-308, text),
                        "-2.2250738585072014e-308");
}

static void groups_the_digits_of_a_number(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"-", "-"},
        {"0", "0"},
        {"-999.1234", "-999.1234"},
        {"1000", "1,000"},
        {"-123456", "-123,456"},
        {"1234567.8901", "1,234,567.8901"},
    };
    char text[16];
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        assert_string_equal(mw_decimal_group(cases[i][0], text, sizeof(text)), cases[i][1]);
    assert_string_equal(mw_decimal_group("1234567", text, 9), "1,234,56");
    assert_string_equal(mw_decimal_group("1234", text, 3), "1,");
    assert_string_equal(mw_decimal_group("1234", text, 1), "");
}

static void parses_integers_to_the_last(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(mw_integer_parse("9223372036854775807", 19, &value));
    assert_true(value == INT64_MAX);
    assert_true(mw_integer_parse("-9223372036854775808", 20, &value));
    assert_true(value == INT64_MIN);
    assert_false(mw_integer_parse("9223372036854775808", 19, &value));
    assert_false(mw_integer_parse("-9223372036854775809", 20, &value));
    assert_false(mw_integer_parse("-", 1, &value));
    assert_false(mw_integer_parse("", 0, &value));
    assert_false(mw_integer_parse("1.0", 3, &value));
}

static void strings_stop_at_their_maximum(void **state)
{
    (void)state;
    struct mw_str str = MW_STR_INIT(5);
    assert_true(mw_str_adds(&str, "abc"));
    assert_true(mw_str_addf(&str, "%d", 42));
    assert_false(str.cut);
    assert_false(mw_str_adds(&str, "x"));
    assert_true(str.cut);
    assert_false(mw_str_addf(&str, "%s", "y"));
    assert_string_equal(str.data, "abc42");
    mw_str_drop(&str, 3);
    assert_string_equal(str.data, "42");
    mw_str_clear(&str);
    assert_false(str.cut);
    mw_str_deinit(&str);
}

static void json_texts_are_escaped_and_numbers_are_the_shortest(void **state)
{
    (void)state;
    struct mw_str str = MW_STR_INIT(64);
    assert_true(mw_json_add_text(&str, "a\"b\\c\n\x7f\xc3\xa9"));
    assert_string_equal(str.data, "\"a\\\"b\\\\c\\u000a\\u007f\xc3\xa9\"");
    mw_str_clear(&str);
    /* No UTF-8: a byte that goes on with nothing, an end too early, an overlong '/'. */
    assert_true(mw_json_add_text(&str, "\x80 \xe2\x82 \xc0\xaf"));
    assert_string_equal(str.data, "\"\\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\"");
    mw_str_clear(&str);
    const double numbers[] = {0.1, -3, 1e22, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < MW_COUNT(numbers); i++) {
        assert_true(mw_json_add_number(&str, numbers[i]));
        assert_true(mw_str_adds(&str, " "));
    }
    assert_string_equal(str.data, "0.1 -3 1e+22 null null null ");
    mw_str_deinit(&str);
    struct mw_str five = MW_STR_INIT(5);
    assert_false(mw_json_add_text(&five, "abcd"));
    assert_int_equal(five.length, 0);
    assert_true(mw_json_add_text(&five, "abc"));
    assert_false(mw_json_add_number(&five, 1));
    assert_string_equal(five.data, "\"abc\"");
    mw_str_deinit(&five);
}

static void reads_files_up_to_the_limit(void **state)
{
    (void)state;
    char path[] = "/tmp/moonwick-base-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    struct mw_str exact = MW_STR_INIT(5), small = MW_STR_INIT(4);
    struct mw_error err;
    assert_int_equal(mw_str_read_file(&exact, path, &err), MW_OK);
    assert_string_equal(exact.data, "12345");
    assert_int_equal(mw_str_read_file(&small, path, &err), MW_ELIMIT);
    unlink(path);
    assert_int_equal(mw_str_read_file(&small, path, &err), MW_EIO);
    mw_str_deinit(&exact);
    mw_str_deinit(&small);
}

static void finds_the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"symbols", "timeframes", "endpoint", "protocol"};
    assert_string_equal(mw_nearest_name("symbol", names, 4), "symbols");
    assert_string_equal(mw_nearest_name("timeframe", names, 4), "timeframes");
    assert_string_equal(mw_nearest_name("end_point", names, 4), "endpoint");
    assert_null(mw_nearest_name("cash", names, 4));
    assert_null(mw_nearest_name("", names, 4));
    static const char *const short_names[] = {"on", "stop"};
    assert_null(mw_nearest_name("foo", short_names, 2)); /* two edits are all of "on" */
    assert_string_equal(mw_nearest_name("no", (const char *const[]){"now"}, 1), "now");
}

static void maps_find_what_was_set_and_not_removed(void **state)
{
    (void)state;
    enum { KEYS = 2000 };
    static int values[KEYS];
    struct mw_map map = MW_MAP_INIT;
    struct mw_random random = {11};
    char key[16];
    for (int round = 0; round < 20000; round++) {
        int i = (int)(mw_random_next(&random) % KEYS);
        int length = snprintf(key, sizeof(key), "k%d", i);
        if (mw_random_next(&random) % 3 == 0) {
            void *removed = mw_map_remove(&map, key, (size_t)length);
            assert_ptr_equal(removed, values[i] ? &values[i] : NULL);
            values[i] = 0;
        } else {
            void *before = mw_map_set(&map, key, (size_t)length, &values[i]);
            assert_ptr_equal(before, values[i] ? &values[i] : NULL);
            values[i] = 1;
        }
    }
    size_t present = 0;
    for (int i = 0; i < KEYS; i++) {
        int length = snprintf(key, sizeof(key), "k%d", i);
        assert_ptr_equal(mw_map_find(&map, key, (size_t)length), values[i] ? &values[i] : NULL);
        present += (size_t)values[i];
    }
    assert_int_equal(map.count, present);
    size_t at = 0, seen = 0;
    while (mw_map_next(&map, &at) != NULL)
        seen++;
    assert_int_equal(seen, present);
    mw_map_deinit(&map);
}

static void errors_carry_kind_code_and_place(void **state)
{
    (void)state;
    struct mw_error err;
    assert_int_equal(mw_fail_code(&err, MW_EHANDSHAKE, 404, "status %d", 404), MW_EHANDSHAKE);
    assert_int_equal(err.code, 404);
    assert_string_equal(mw_status_kind(err.status), "WebSocketConnectionError");
    assert_int_equal(mw_fail_within(&err, MW_EINVAL, "feed %s", "demo"), MW_EHANDSHAKE);
    assert_string_equal(err.message, "feed demo: status 404");
    assert_int_equal(mw_fail(NULL, MW_EPARSE, "no one listens"), MW_EPARSE);
}

static void gate_lets_one_line_a_second_through(void **state)
{
    (void)state;
    struct mw_log_gate gate = {0};
    uint64_t held = 99;
    assert_true(mw_log_gate_pass(&gate, 5000, &held));
    assert_int_equal(held, 0);
    assert_false(mw_log_gate_pass(&gate, 5001, &held));
    assert_false(mw_log_gate_pass(&gate, 5999, &held));
    assert_true(mw_log_gate_pass(&gate, 6000, &held));
    assert_int_equal(held, 2);
}

static void keep_line(void *user, mw_log_level level, const char *line)
{
    (void)level;
    snprintf(user, 256, "%s", line);
}

static void log_masks_control_characters(void **state)
{
    (void)state;
    char line[256] = "";
    mw_log_set_sink(keep_line, line);
    mw_log(MW_LOG_ERROR, "title \033]0;owned\007 end");
    mw_log_set_sink(NULL, NULL);
    assert_non_null(strstr(line, "error title ?]0;owned? end"));
}

static void raise_from_thread(void *user)
{
    mw_role_assert(&mw_worker_thread);
    mw_wake_raise(user);
}

static void wake_crosses_threads_and_times_out(void **state)
{
    (void)state;
    struct mw_wake wake;
    mw_wake_init(&wake);
    assert_false(mw_wake_wait(&wake, 0));
    struct mw_thread thread = {0};
    struct mw_error err;
    assert_int_equal(
        mw_thread_start(&thread, "raiser", &mw_worker_thread, raise_from_thread, &wake, &err),
        MW_OK);
    assert_true(mw_wake_wait(&wake, 10000));
    mw_thread_join(&thread);
    assert_false(mw_wake_wait(&wake, 0));
    mw_wake_deinit(&wake);
}

static void checksums_are_those_of_the_standard(void **state)
{
    (void)state;
    uint8_t bytes[48];
    assert_int_equal(mw_crc32c("", 0), 0);
    assert_int_equal(mw_crc32c("123456789", 9), 0xe3069283);
    memset(bytes, 0, 32); /* these four: RFC 3720, B.4 */
    assert_int_equal(mw_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(mw_crc32c(bytes, 32), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(mw_crc32c(bytes, 32), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(mw_crc32c(bytes, 32), 0x113fdb5c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_parses_times_both_ways),
        cmocka_unit_test(parses_the_time_spellings_of_venues),
        cmocka_unit_test(refuses_bad_times_and_leaves_output_alone),
        cmocka_unit_test(parses_durations),
        cmocka_unit_test(converts_dates_of_four_centuries_both_ways),
        cmocka_unit_test(parses_decimals_as_strtod_does),
        cmocka_unit_test(refuses_what_is_no_decimal),
        cmocka_unit_test(holds_decimals_to_their_limit),
        cmocka_unit_test(formats_the_shortest_decimal),
        cmocka_unit_test(groups_the_digits_of_a_number),
        cmocka_unit_test(parses_integers_to_the_last),
        cmocka_unit_test(strings_stop_at_their_maximum),
        cmocka_unit_test(json_texts_are_escaped_and_numbers_are_the_shortest),
        cmocka_unit_test(reads_files_up_to_the_limit),
        cmocka_unit_test(finds_the_nearest_name),
        cmocka_unit_test(maps_find_what_was_set_and_not_removed),
        cmocka_unit_test(errors_carry_kind_code_and_place),
        cmocka_unit_test(gate_lets_one_line_a_second_through),
        cmocka_unit_test(log_masks_control_characters),
        cmocka_unit_test(wake_crosses_threads_and_times_out),
        cmocka_unit_test(checksums_are_those_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
