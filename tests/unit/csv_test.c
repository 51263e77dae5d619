/* csv_test.c - rows and files of candles: what is read, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/str.h"
#include "history/csv.h"
#include "history/csv_parts.h"

#define HEADER "open_time,open,high,low,close,volume\n"

/* A file of the test's own; its path is in `scratch`. */
static char scratch[64];

static int make_scratch(void **state)
{
    (void)state;
    snprintf(scratch, sizeof(scratch), "csv_test_XXXXXX");
    int fd = mkstemp(scratch);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    return unlink(scratch);
}

static void write_scratch(const char *text)
{
    FILE *file = fopen(scratch, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* A row of the usual columns, with a time in milliseconds. */
static mw_status parse_row(const char *line, size_t length, struct mw_candle *candle,
                           struct mw_error *err)
{
    struct mw_csv_layout layout = {.delimiter = ',', .time = MW_CSV_TIME_MS};
    assert_int_equal(mw_csv_layout_read_list(&layout, "time,open,high,low,close,volume", NULL),
                     MW_OK);
    return mw_csv_row_parse(&layout, line, length, candle, err);
}

static void reads_a_row_as_a_closed_candle(void **state)
{
    (void)state;
    static const char row[] = "1522800000000,7424.91,7424.91,7422,7422.5,7.14319709";
    struct mw_candle candle;
    assert_int_equal(parse_row(row, strlen(row), &candle, NULL), MW_OK);
    assert_int_equal(candle.open_ms, 1522800000000);
    assert_true(candle.open == 7424.91 && candle.high == 7424.91 && candle.low == 7422 &&
                candle.close == 7422.5 && candle.volume == 7.14319709);
    assert_true(isnan(candle.turnover));
    assert_int_equal(candle.trades, 0);
    assert_int_equal(candle.state, MW_CANDLE_CLOSED);
    assert_int_equal(candle.closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_int_equal(candle.flags, 0);
}

static void names_the_column_of_a_bad_row_and_leaves_output_alone(void **state)
{
    (void)state;
    static const struct {
        const char *row, *message;
    } cases[] = {
        {"", "column open is missing"},
        {"1,1,1,1,1", "column volume is missing"},
        {"1,1,1,1,1,1,1", "column 7 is too many"},
        {"x,1,1,1,1,1", "column open_time: 'x' is not a time"},
        {"1.5,1,1,1,1,1", "column open_time: '1.5'"},
        {"253402300800000,1,1,1,1,1", "column open_time: '253402300800000'"},
        {"1,,1,1,1,1", "column open: '' is not a decimal"},
        {"1,1, 1,1,1,1", "column high: ' 1' is not a decimal"},
        {"1,1,1,nan,1,1", "column low: 'nan' is not a decimal"},
        {"1,1,1,1,0x1,1", "column close: '0x1' is not a decimal"},
        {"1,1,1,1,1,1\r", "column volume: '1?' is not a decimal"},
        {"1,1,1,\x1b[31m,1,1", "column low: '?[31m' is not a decimal"},
        {"1,1,1,1,1,1e999", "column volume: '1e999' is not a decimal"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_candle candle = {.open_ms = 42};
        struct mw_error err;
        assert_int_equal(parse_row(cases[i].row, strlen(cases[i].row), &candle, &err), MW_EHISTORY);
        assert_int_equal(candle.open_ms, 42);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s': got '%s', want '%s'", cases[i].row, err.message, cases[i].message);
    }
}

static void reads_a_file_with_and_without_a_last_newline(void **state)
{
    (void)state;
    static const char *const texts[] = {HEADER "1000,1,2,0.5,1,3\n61000,1,2,0.5,1.5,0\n",
                                        HEADER "1000,1,2,0.5,1,3\n61000,1,2,0.5,1.5,0"};
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        struct mw_candle *candles;
        size_t count;
        write_scratch(texts[i]);
        assert_int_equal(mw_csv_read_file(scratch, 2, &candles, &count, NULL), MW_OK);
        assert_int_equal(count, 2);
        assert_int_equal(candles[0].open_ms, 1000);
        assert_true(candles[1].close == 1.5);
        mw_free(candles);
    }
}

static void names_file_and_line_of_what_it_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mw_status status;
        const char *message;
    } cases[] = {
        {"", MW_EHISTORY, ": there is nothing in it"},
        {"open_time,open\n", MW_EHISTORY, ":1: header 'open_time,open': no column high: want open"},
        {"\n" HEADER, MW_EHISTORY, ":1: header '': no column open_time: want open_time,open,"},
        {HEADER "1,1,2,3,1,1", MW_EHISTORY, ":2: column high: not a candle (bad_range)"},
        {HEADER "1,0,1,0,1,1", MW_EHISTORY, ":2: column high: not a candle (bad_range)"},
        {HEADER "1,1,1,1,1,-1", MW_EHISTORY, ":2: column volume: not a candle (negative_volume)"},
        {HEADER "1,1,1,1,1,1\n2,1,1,x,1,1\n", MW_EHISTORY, ":3: column low: 'x'"},
        {HEADER "1,1,1,1,1,1\n\n2\n", MW_EHISTORY, ":4: column open is missing"},
        {HEADER "2,1,1,1,1,1\n2,1,1,1,1,1\n", MW_EHISTORY,
         ":3: column open_time: 1970-01-01T00:00:00.002Z "
         "is there twice, the second time with the "
         "same values"},
        {HEADER "2,1,1,1,1,1\n2,1,1,1,1,2\n", MW_EHISTORY,
         ":3: column open_time: 1970-01-01T00:00:00.002Z "
         "is there twice, the second time with other "
         "values"},
        {HEADER "1,1,1,1,1,1\n3,1,1,1,1,1\n2,1,1,1,1,1\n", MW_EHISTORY,
         ":4: column open_time: 1970-01-01T00:00:00.002Z is not later "
         "than the row before (1970-01-01T00:00:00.003Z)"},
        {HEADER "3,1,1,1,1,1\n1,1,1,1,1,1\n2,1,1,1,1,1\n", MW_EHISTORY,
         ":4: column open_time: 1970-01-01T00:00:00.002Z is not earlier "
         "than the row before (1970-01-01T00:00:00.001Z), and the newest row is the first"},
        {"PK\x03\x04 and so on", MW_EHISTORY, ": a zip archive: unpack it"},
        {HEADER "1,1,1,1,1,1\n2,1,1,1,1,1\n3,1,1,1,1,1\n4,1,1,1,1,1", MW_ELIMIT,
         ": more than 3 rows"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_candle *candles = NULL;
        size_t count = 42;
        struct mw_error err;
        write_scratch(cases[i].text);
        assert_int_equal(mw_csv_read_file(scratch, 3, &candles, &count, &err), cases[i].status);
        assert_null(candles);
        assert_int_equal(count, 42);
        assert_memory_equal(err.message, scratch, strlen(scratch));
        if (strncmp(err.message + strlen(scratch), cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("got '%s', want '%s'", err.message, cases[i].message);
    }
    struct mw_error err;
    struct mw_candle *candles;
    size_t count;
    assert_int_equal(mw_csv_read_file("no/such/file.csv", 1, &candles, &count, &err), MW_EIO);
    assert_string_equal(err.message, "no/such/file.csv: No such file or directory");
}

static void takes_as_many_rows_as_allowed_and_no_rows_at_all(void **state)
{
    (void)state;
    struct mw_candle *candles;
    size_t count;
    write_scratch(HEADER);
    assert_int_equal(mw_csv_read_file(scratch, 0, &candles, &count, NULL), MW_OK);
    assert_int_equal(count, 0);
    mw_free(candles);
    write_scratch(HEADER "1,1,1,1,1,1\n");
    assert_int_equal(mw_csv_read_file(scratch, 1, &candles, &count, NULL), MW_OK);
    assert_int_equal(count, 1);
    mw_free(candles);
    assert_int_equal(mw_csv_read_file(scratch, 0, &candles, &count, NULL), MW_ELIMIT);
}

/* Leading zeros make a line as long as one likes without changing its number, up to the length that
 * a decimal may have; so the line is padded with columns of those. */
static void bounds_the_length_of_a_line(void **state)
{
    (void)state;
    struct mw_candle candle;
    struct mw_error err;
    char line[MW_CSV_LINE_BYTES_MAX + 2];
    memset(line, '0', sizeof(line));
    static const char start[] = "1,1,1,1,1,";
    memcpy(line, start, sizeof(start) - 1);
    assert_int_equal(parse_row(line, 10 + MW_DECIMAL_BYTES_MAX, &candle, NULL), MW_OK);
    assert_int_equal(parse_row(line, 10 + MW_DECIMAL_BYTES_MAX + 1, &candle, NULL), MW_EHISTORY);
    assert_int_equal(parse_row(line, MW_CSV_LINE_BYTES_MAX, &candle, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "is not a decimal"));
    assert_int_equal(parse_row(line, MW_CSV_LINE_BYTES_MAX + 1, &candle, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "the line has more than 4096 bytes"));

    struct mw_str text = MW_STR_INIT(1 << 20);
    mw_str_adds(&text, HEADER);
    for (int i = 0; i < 100; i++)
        mw_str_add(&text, line, sizeof(line));
    write_scratch(text.data);
    mw_str_deinit(&text);
    struct mw_candle *candles;
    size_t count;
    assert_int_equal(mw_csv_read_file(scratch, 1, &candles, &count, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, ":2: the line has more than 4096 bytes"));
}

/* Blocks of the reader end in the middle of lines. */
static void reads_a_file_of_many_blocks(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    FILE *file = fopen(scratch, "wb");
    assert_non_null(file);
    fputs(HEADER, file);
    for (int i = 0; i < ROWS; i++)
        fprintf(file, "%d,%d.25,%d.25,%d.25,%d.25,%d\n", i * 60000, i + 1, i + 2, i + 1, i + 2, i);
    assert_int_equal(fclose(file), 0);
    struct mw_candle *candles;
    size_t count;
    assert_int_equal(mw_csv_read_file(scratch, ROWS, &candles, &count, NULL), MW_OK);
    assert_int_equal(count, ROWS);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(candles[i].open_ms, (int64_t)i * 60000);
        assert_true(candles[i].open == i + 1.25 && candles[i].volume == i);
    }
    mw_free(candles);
}

/* Takes the ".0" off whole numbers, which one of the sources has. */
static void drop_point_zero(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (strncmp(from, ".0,", 3) == 0 || strncmp(from, ".0\n", 3) == 0)
            from += 2;
        *to++ = *from;
    }
    *to = '\0';
}

/* Writes candles the way the files are written and compares the text. */
static void round_trip(const char *path)
{
    struct mw_candle *candles;
    size_t count;
    struct mw_error err;
    struct mw_str before = MW_STR_INIT(64 << 20), after = MW_STR_INIT(64 << 20);
    if (mw_csv_read_file(path, 1 << 20, &candles, &count, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mw_str_read_file(&before, path, NULL), MW_OK);
    mw_str_adds(&after, HEADER);
    for (size_t i = 0; i < count; i++) {
        const double values[] = {candles[i].open, candles[i].high, candles[i].low, candles[i].close,
                                 candles[i].volume};
        mw_str_addf(&after, "%lld", (long long)candles[i].open_ms);
        for (size_t j = 0; j < MW_COUNT(values); j++) {
            char text[MW_DECIMAL_TEXT_BYTES];
            mw_str_addf(&after, ",%s", mw_decimal_format(values[j], text));
        }
        mw_str_adds(&after, "\n");
    }
    assert_true(count > 0);
    drop_point_zero(before.data);
    assert_string_equal(after.data, before.data);
    mw_str_deinit(&after);
    mw_str_deinit(&before);
    mw_free(candles);
}

static void brings_real_files_back_to_the_last_digit(void **state)
{
    (void)state;
    DIR *folder = opendir(MW_TEST_DATA);
    if (folder == NULL) {
        print_message("no folder of market data beside the sources: skipped\n");
        skip();
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".csv") != 0)
            continue;
        char path[MW_PATH_BYTES_MAX];
        snprintf(path, sizeof(path), "%s/%s", MW_TEST_DATA, entry->d_name);
        round_trip(path);
    }
    closedir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_row_as_a_closed_candle),
        cmocka_unit_test(names_the_column_of_a_bad_row_and_leaves_output_alone),
        cmocka_unit_test(reads_a_file_with_and_without_a_last_newline),
        cmocka_unit_test(names_file_and_line_of_what_it_refuses),
        cmocka_unit_test(takes_as_many_rows_as_allowed_and_no_rows_at_all),
        cmocka_unit_test(bounds_the_length_of_a_line),
        cmocka_unit_test(reads_a_file_of_many_blocks),
        cmocka_unit_test(brings_real_files_back_to_the_last_digit),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
