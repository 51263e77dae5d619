/* csv_options_test.c - columns by name and position, times, bad rows that are skipped, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "base/check.h"
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
    snprintf(scratch, sizeof(scratch), "/tmp/csv_options_XXXXXX");
    int fd = mkstemp(scratch);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    return unlink(scratch);
}

static void write_scratch(const char *text, size_t length)
{
    FILE *file = fopen(scratch, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static mw_status read_text(const char *text, struct mw_csv_options options,
                           struct mw_csv_table *table, struct mw_error *err)
{
    write_scratch(text, strlen(text));
    if (options.rows_max == 0)
        options.rows_max = 100;
    return mw_csv_read(scratch, &options, table, err);
}

/* Reads `text`, which must be refused with `message` behind the name of the file. */
static void refuses(const char *text, struct mw_csv_options options, const char *message)
{
    struct mw_csv_table table = {.count = 42};
    struct mw_error err;
    assert_int_not_equal(read_text(text, options, &table, &err), MW_OK);
    assert_int_equal(table.count, 42);
    assert_null(table.rows);
    const char *rest = err.message;
    if (strncmp(rest, scratch, strlen(scratch)) == 0)
        rest += strlen(scratch);
    if (strncmp(rest, message, strlen(message)) != 0)
        fail_msg("got '%s', want '%s'", rest, message);
}

/* Reads `text`, which has two rows: of 2018-04-04T00:00:00Z and one minute later, as below. */
static void accepts(const char *text, struct mw_csv_options options)
{
    struct mw_csv_table table;
    struct mw_error err;
    if (read_text(text, options, &table, &err) != MW_OK)
        fail_msg("'%s': %s", text, err.message);
    assert_int_equal(table.count, 2);
    const struct mw_candle *row = table.rows;
    assert_int_equal(row[0].open_ms, 1522800000000);
    assert_int_equal(row[1].open_ms, 1522800060000);
    assert_true(row[0].open == 2 && row[0].high == 4 && row[0].low == 1 && row[0].close == 3);
    assert_true(row[0].volume == 7.5 && row[1].volume == 0);
    mw_free(table.rows);
}

#define ROWS "1522800000000,2,4,1,3,7.5\n1522800060000,2,4,1,3,0\n"

static void finds_columns_by_their_names_in_any_order_and_case(void **state)
{
    (void)state;
    const struct mw_csv_options none = {0};
    accepts(HEADER ROWS, none);
    accepts("Date,O,H,L,C,Vol\n" ROWS, none);
    accepts("\xef\xbb\xbfTIMESTAMP , Open,High,Low,Close,Base Volume\r\n"
            "1522800000000,2,4,1,3,7.5\r\n1522800060000,2,4,1,3,0\r\n",
            none);
    accepts("symbol,volume,close,low,high,open,open-time,x\n"
            "BTC,7.5,3,1,4,2,1522800000000,\nBTC,0,3,1,4,2,1522800060000,y\n",
            none);
}

static void reads_turnover_and_trades_where_they_are_known(void **state)
{
    (void)state;
    struct mw_csv_table table;
    assert_int_equal(read_text("time,open,high,low,close,volume,quote_volume,count\n"
                               "1522800000000,2,4,1,3,7.5,20.25,4294967295\n"
                               "1522800060000,2,4,1,3,0,,\n",
                               (struct mw_csv_options){.source = MW_SOURCE_IMPORT}, &table, NULL),
                     MW_OK);
    assert_true(table.rows[0].turnover == 20.25 && isnan(table.rows[1].turnover));
    assert_int_equal(table.rows[0].trades, UINT32_MAX);
    assert_int_equal(table.rows[1].trades, 0);
    assert_int_equal(table.rows[0].source, MW_SOURCE_IMPORT);
    mw_free(table.rows);
    const struct mw_csv_options none = {0};
    refuses("time,open,high,low,close,volume,n\n1,2,4,1,3,7,4294967296\n", none,
            ":2: column trades: '4294967296' is not a number of trades");
    refuses("time,open,high,low,close,volume,n\n1,2,4,1,3,7,-1\n", none,
            ":2: column trades: '-1' is not a number of trades");
    refuses("time,open,high,low,close,volume,turnover\n1,2,4,1,3,7,-1\n", none,
            ":2: column turnover: not a candle (negative_volume)");
}

static void takes_columns_by_position(void **state)
{
    (void)state;
    accepts(ROWS, (struct mw_csv_options){.no_header = true});
    accepts("a,b,c,d,e,f\n" ROWS,
            (struct mw_csv_options){.columns = "time,open,high,low,close,volume"});
    accepts("x;7.5;3;1;4;2;1522800000\ny;0;3;1;4;2;1522800060\n",
            (struct mw_csv_options){.columns = "-,volume,close,low,high,open,time",
                                    .delimiter = ';',
                                    .no_header = true});
    accepts("1522800000\t2\t4\t1\t3\t7.5\n1522800060\t2\t4\t1\t3\t0",
            (struct mw_csv_options){.delimiter = '\t', .no_header = true});
    refuses(ROWS, (struct mw_csv_options){.columns = "time,open,high,low,close"},
            "columns: no column volume: want ");
    refuses(ROWS, (struct mw_csv_options){.columns = "time,opne,high,low,close,volume"},
            "columns: no column 'opne', did you mean open?");
    refuses(ROWS, (struct mw_csv_options){.columns = "time,open,high,low,close,volume,v"},
            "columns: columns 6 and 7 are both volume");
    refuses(ROWS, (struct mw_csv_options){.columns = ""}, "columns: no column ''");
    refuses(ROWS, (struct mw_csv_options){.columns = "time,open,high,low,close,volume,-"},
            ":2: column 7 is missing: want 7");
}

static void finds_the_delimiter_in_the_first_line_and_takes_quotes_away(void **state)
{
    (void)state;
    const struct mw_csv_options none = {0};
    accepts("time;o;h;l;c;v\n1522800000000;2;4;1;3;7.5\n1522800060000;2;4;1;3;0\n", none);
    accepts("time\to\th\tl\tc\tv\n1522800000\t2\t4\t1\t3\t7.5\n1522800060\t2\t4\t1\t3\t0\n", none);
    accepts("1522800000|2|4|1|3|7.5\n1522800060|2|4|1|3|0\n",
            (struct mw_csv_options){.no_header = true});
    accepts(
        "\"time\",\"o\",h,l,c,v\n\"1522800000000\",\"2\",4,1,3,7.5\n1522800060000,2,4,1,3,\"0\"\n",
        none);
    refuses("time;o;h;l;c;v\n1;2;4;1;3;7.5\n", (struct mw_csv_options){.delimiter = ','},
            ":1: header 'time;o;h;l;c;v': no column open_time");
    refuses(HEADER "1,\"2,0\",4,1,3,7.5\n", none, ":2: column open: '\"2' is not a decimal");
    refuses(HEADER "1,\"2,4,1,3,7.5\n", none, ":2: column open: '\"2' is not a decimal");
    refuses(HEADER "1,\",4,1,3,7.5\n", none, ":2: column open: '\"' is not a decimal");
    refuses(HEADER "1,\"\",4,1,3,7.5\n", none, ":2: column open: '' is not a decimal");
}

/* As data.binance.vision has them: no header, since 2025 in microseconds. */
static void knows_the_files_of_binance(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "1522800000000,2.0,4,1,3,7.5,1522800059999,20.25,9,1,2,0\n"
        "1522800060000,2,4,1,3,0,1522800119999,0,0,0,0,0\n",
        "1522800000000000,2.0,4,1,3,7.5,1522800059999999,20.25,9,1,2,0\n"
        "1522800060000000,2,4,1,3,0,1522800119999999,0,0,0,0,0\n",
    };
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        accepts(texts[i], (struct mw_csv_options){0});
        accepts(texts[i], (struct mw_csv_options){.no_header = true});
        struct mw_csv_table table;
        assert_int_equal(read_text(texts[i], (struct mw_csv_options){0}, &table, NULL), MW_OK);
        assert_true(table.rows[0].turnover == 20.25);
        assert_int_equal(table.rows[0].trades, 9);
        mw_free(table.rows);
    }
    accepts("open_time,open,high,low,close,volume,close_time,quote_volume,count,x,y,ignore\n"
            "1522800000000,2.0,4,1,3,7.5,1522800059999,20.25,9,1,2,0\n"
            "1522800060000,2,4,1,3,0,1522800119999,0,0,0,0,0\n",
            (struct mw_csv_options){0});
    refuses("1,2,4,1,3,7.5,1,20.25,9,1,2,0\n", (struct mw_csv_options){0},
            ":1: header '1,2,4,1,3,7.5,1,20.25,9,1,2,0': this is a row");
}

static void does_not_pass_over_a_first_line_that_is_a_row(void **state)
{
    (void)state;
    accepts(ROWS, (struct mw_csv_options){.columns = "time,open,high,low,close,volume"});
}

static void takes_files_that_begin_with_the_newest_row(void **state)
{
    (void)state;
    const struct mw_csv_options none = {0}, skip = {.skip_bad = true};
    accepts(HEADER "1522800060000,2,4,1,3,0\n1522800000000,2,4,1,3,7.5\n", none);
    struct mw_csv_table table;
    const char *three = HEADER "3,1,1,1,1,1\n2,1,1,1,1,1\n2,1,1,1,1,1\n1,1,1,1,1,1\n";
    assert_int_equal(read_text(three, skip, &table, NULL), MW_OK);
    assert_int_equal(table.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(table.rows[i].open_ms, 1000 * (i + 1));
    assert_int_equal(table.bad[MW_CSV_DUPLICATE], 1);
    mw_free(table.rows);
    /* The first row or the second is misplaced: which, nobody can tell, and the others are good. */
    refuses(HEADER "2,1,1,1,1,1\n1,1,1,1,1,1\n3,1,1,1,1,1\n4,1,1,1,1,1\n", skip,
            ":4: column open_time: 1970-01-01T00:00:03Z is not earlier than the row before");
}

static void names_what_is_wrong_with_a_header(void **state)
{
    (void)state;
    const struct mw_csv_options none = {0};
    refuses("open_time,open,high,low,close\n", none,
            ":1: header 'open_time,open,high,low,close': no column volume");
    refuses("unix,date,open,high,low,close,volume\n", none,
            ":1: header 'unix,date,open,high,low,close,volume': columns 1 and 2 are both "
            "open_time: say by position which one is meant");
    refuses(ROWS, none,
            ":1: header '1522800000000,2,4,1,3,7.5': this is a row: say what its columns are, as "
            "in --no-header --columns ");
    refuses("", none, ": there is nothing in it");
}

static void tells_times_apart_by_the_first_row_and_holds_the_file_to_it(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        mw_csv_time time;
    } cases[] = {
        {"1522800000", "1522800060", MW_CSV_TIME_S},
        {"1522800000000", "1522800060000", MW_CSV_TIME_MS},
        {"1522800000000000", "1522800060000000", MW_CSV_TIME_US},
        {"1522800000000000000", "1522800060000000000", MW_CSV_TIME_NS},
        {"2018-04-04T00:00:00Z", "2018-04-04T00:01:00.000+00:00", MW_CSV_TIME_ISO},
        {"2018-04-04", "2018-04-04 00:01", MW_CSV_TIME_ISO},
    };
    char text[256], message[128];
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        snprintf(text, sizeof(text), HEADER "%s,2,4,1,3,7.5\n%s,2,4,1,3,0\n", cases[i].first,
                 cases[i].second);
        accepts(text, (struct mw_csv_options){0});
        accepts(text, (struct mw_csv_options){.time = cases[i].time});
        const char *other = cases[(i + 3) % MW_COUNT(cases)].second;
        snprintf(text, sizeof(text), HEADER "%s,2,4,1,3,7.5\n%s,2,4,1,3,0\n", cases[i].first,
                 other);
        snprintf(message, sizeof(message), ":3: column open_time: ");
        refuses(text, (struct mw_csv_options){.timeframe = {1, 'm'}}, message);
    }
    refuses(HEADER "noon,1,1,1,1,1", (struct mw_csv_options){0},
            ":2: column open_time: 'noon' is not a time: want ms, s, us or ns");
    refuses(HEADER "1522800000000001,1,1,1,1,1", (struct mw_csv_options){.time = MW_CSV_TIME_US},
            ":2: column open_time: '1522800000000001' is not a time in microseconds");
    refuses(HEADER "9223372036854775807,1,1,1,1,1", (struct mw_csv_options){.time = MW_CSV_TIME_S},
            ":2: column open_time: '9223372036854775807' is not a time in seconds");
    refuses(HEADER "2018-02-30,1,1,1,1,1", (struct mw_csv_options){.time = MW_CSV_TIME_ISO},
            ":2: column open_time: '2018-02-30' is not a time in ISO 8601 and UTC");
}

static void guesses_units_up_to_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mw_csv_time time;
    } cases[] = {
        {"0", MW_CSV_TIME_S},
        {"99999999999", MW_CSV_TIME_S},
        {"100000000000", MW_CSV_TIME_MS},
        {"99999999999999", MW_CSV_TIME_MS},
        {"100000000000000", MW_CSV_TIME_US},
        {"99999999999999999", MW_CSV_TIME_US},
        {"100000000000000000", MW_CSV_TIME_NS},
        {"-100000000000", MW_CSV_TIME_MS},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_csv_time time;
        assert_true(mw_csv_time_guess(cases[i].text, strlen(cases[i].text), &time));
        assert_int_equal(time, cases[i].time);
    }
}

static void refuses_rows_off_the_grid_and_in_the_future(void **state)
{
    (void)state;
    refuses(HEADER "1522800000001,1,1,1,1,1", (struct mw_csv_options){.timeframe = {1, 'm'}},
            ":2: column open_time: 2018-04-04T00:00:00.001Z is not the start of a bar of 1m");
    const struct mw_csv_options then = {.timeframe = {1, 'm'}, .now_ms = 1522800060000};
    accepts(HEADER ROWS, then);
    refuses(HEADER ROWS "1522800120000,1,1,1,1,1", then,
            ":4: column open_time: 2018-04-04T00:02:00Z has not come yet");
}

struct bad_rows {
    uint32_t count;
    char first[256];
    mw_csv_fault faults[16];
};

static void note_bad(void *user, mw_csv_fault fault, const struct mw_error *err)
{
    struct bad_rows *bad = user;
    assert_true(bad->count < MW_COUNT(bad->faults));
    if (bad->count == 0)
        snprintf(bad->first, sizeof(bad->first), "%s", err->message);
    bad->faults[bad->count++] = fault;
}

static void skips_bad_rows_and_counts_them_by_kind(void **state)
{
    (void)state;
    struct bad_rows bad = {0};
    struct mw_csv_table table;
    assert_int_equal(read_text(HEADER "bad\n"
                                      "1522799880000,2,4,1,3,7.5\n"
                                      "1522800000000,2,4,1,3,7.5\n"
                                      "1522800000000,2,4,1,3,7.5\n"
                                      "1522799940000,2,4,1,3,7.5\n"
                                      "1522800060001,2,4,1,3,7.5\n"
                                      "1522800060000,2,1,4,3,7.5\n"
                                      "1522800180000,2,4,1,3,7.5\n"
                                      "\n"
                                      ",\n"
                                      "1522800060000,2,4,1,3,0",
                               (struct mw_csv_options){.timeframe = {1, 'm'},
                                                       .now_ms = 1522800120000,
                                                       .skip_bad = true,
                                                       .on_bad = note_bad,
                                                       .user = &bad},
                               &table, NULL),
                     MW_OK);
    static const mw_csv_fault faults[] = {MW_CSV_UNREADABLE, MW_CSV_DUPLICATE,  MW_CSV_ORDER,
                                          MW_CSV_OFF_GRID,   MW_CSV_IMPOSSIBLE, MW_CSV_FUTURE,
                                          MW_CSV_UNREADABLE};
    assert_int_equal(bad.count, MW_COUNT(faults));
    assert_memory_equal(bad.faults, faults, sizeof(faults));
    assert_non_null(strstr(bad.first, ":2: column open is missing: want 6 columns"));
    assert_int_equal(table.count, 3);
    assert_int_equal(table.rows[2].open_ms, 1522800060000);
    assert_int_equal(table.bad[MW_CSV_UNREADABLE], 2);
    assert_int_equal(table.bad[MW_CSV_ORDER], 1);
    assert_int_equal(table.time, MW_CSV_TIME_MS);
    mw_free(table.rows);
}

/* Its bytes span several blocks of the reader, so that no end of it is in sight for a while. */
static void skips_a_line_that_is_too_long_as_one_row(void **state)
{
    (void)state;
    struct mw_str text = MW_STR_INIT(4 << 20);
    mw_str_adds(&text, HEADER "1522800000000,2,4,1,3,7.5\n");
    for (int i = 0; i < 1000; i++)
        mw_str_adds(&text, "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,"
                           "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,"
                           "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,"
                           "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,"
                           "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,"
                           "0123456789,0123456789,0123456789,0123456789,0123456789,0123456789,");
    mw_str_adds(&text, "\n1522800060000,2,4,1,3,0\n");
    refuses(text.data, (struct mw_csv_options){0}, ":3: the line has more than 4096 bytes");
    struct mw_csv_table table;
    assert_int_equal(read_text(text.data, (struct mw_csv_options){.skip_bad = true}, &table, NULL),
                     MW_OK);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.bad[MW_CSV_UNREADABLE], 1);
    mw_free(table.rows);
    mw_str_deinit(&text);
}

static void bounds_rows_whether_they_are_good_or_bad(void **state)
{
    (void)state;
    struct mw_csv_options options = {.rows_max = 2, .skip_bad = true};
    accepts(HEADER ROWS, options);
    refuses(HEADER ROWS "1522800120000,1,1,1,1,1", options, ": more than 2 rows");
    refuses(HEADER "x\n" ROWS, options, ": more than 2 rows");
}

static void bounds_the_number_of_columns(void **state)
{
    (void)state;
    struct mw_str text = MW_STR_INIT(4096);
    for (int pass = 0; pass < 2; pass++) {
        static const char *const lines[] = {"time,open,high,low,close,volume",
                                            "1522800000000,2,4,1,3,7.5", "1522800060000,2,4,1,3,0"};
        mw_str_clear(&text);
        for (size_t i = 0; i < MW_COUNT(lines); i++) {
            mw_str_adds(&text, lines[i]);
            for (int column = 6; column < MW_CSV_COLUMNS_MAX + pass; column++)
                mw_str_adds(&text, ",x");
            mw_str_adds(&text, "\n");
        }
        if (pass == 0)
            accepts(text.data, (struct mw_csv_options){0});
        else
            refuses(text.data, (struct mw_csv_options){0}, ":1: header 'time,");
    }
    mw_str_deinit(&text);
}

static void names_the_ways_to_write_times(void **state)
{
    (void)state;
    for (int i = 0; i < MW_CSV_TIME_COUNT; i++) {
        mw_csv_time time;
        assert_int_equal(mw_csv_time_parse(mw_csv_time_text((mw_csv_time)i), &time, NULL), MW_OK);
        assert_int_equal(time, i);
    }
    mw_csv_time time = MW_CSV_TIME_ISO;
    struct mw_error err;
    assert_int_equal(mw_csv_time_parse("m", &time, &err), MW_EINVAL);
    assert_string_equal(err.message, "'m': want ms, s, us, ns, iso or auto");
    assert_int_equal(time, MW_CSV_TIME_ISO);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    static const struct mw_candle rows[] = {
        {.open_ms = 1522800000000,
         .open = 0.1,
         .high = 1e300,
         .low = 5e-324,
         .close = 123456789.012345,
         .volume = 0,
         .turnover = __builtin_nan(""),
         .trades = 7},
        {.open_ms = 1522800060000,
         .open = 2,
         .high = 2,
         .low = 2,
         .close = 2,
         .volume = 1.0 / 3,
         .turnover = 2.0 / 3},
    };
    static const char *const firsts[MW_CSV_TIME_COUNT] = {
        "1522800000000,",    "1522800000,",          "1522800000000,",
        "1522800000000000,", "1522800000000000000,", "2018-04-04T00:00:00Z,"};
    for (int time = 0; time < MW_CSV_TIME_COUNT; time++) {
        const struct mw_csv_format format = {true, true, (mw_csv_time)time};
        struct mw_str text = MW_STR_INIT(4096);
        assert_true(mw_csv_add_header(&text, &format));
        size_t header = text.length;
        for (size_t i = 0; i < MW_COUNT(rows); i++)
            assert_true(mw_csv_add_row(&text, &format, &rows[i]));
        assert_memory_equal(text.data + header, firsts[time], strlen(firsts[time]));
        struct mw_csv_table table;
        assert_int_equal(read_text(text.data, (struct mw_csv_options){0}, &table, NULL), MW_OK);
        assert_int_equal(table.count, 2);
        for (size_t i = 0; i < MW_COUNT(rows); i++) {
            const struct mw_candle *row = &table.rows[i];
            assert_int_equal(row->open_ms, rows[i].open_ms);
            assert_memory_equal(&row->open, &rows[i].open, 5 * sizeof(double));
            assert_int_equal(row->trades, rows[i].trades);
        }
        assert_true(isnan(table.rows[0].turnover) && table.rows[1].turnover == 2.0 / 3);
        mw_free(table.rows);
        mw_str_deinit(&text);
    }
    struct mw_str small = MW_STR_INIT(10);
    const struct mw_csv_format format = {0};
    assert_false(mw_csv_add_header(&small, &format));
    assert_false(mw_csv_add_row(&small, &format, &rows[0]));
    assert_int_equal(small.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_columns_by_their_names_in_any_order_and_case),
        cmocka_unit_test(reads_turnover_and_trades_where_they_are_known),
        cmocka_unit_test(takes_columns_by_position),
        cmocka_unit_test(finds_the_delimiter_in_the_first_line_and_takes_quotes_away),
        cmocka_unit_test(knows_the_files_of_binance),
        cmocka_unit_test(does_not_pass_over_a_first_line_that_is_a_row),
        cmocka_unit_test(takes_files_that_begin_with_the_newest_row),
        cmocka_unit_test(names_what_is_wrong_with_a_header),
        cmocka_unit_test(tells_times_apart_by_the_first_row_and_holds_the_file_to_it),
        cmocka_unit_test(guesses_units_up_to_their_bounds),
        cmocka_unit_test(refuses_rows_off_the_grid_and_in_the_future),
        cmocka_unit_test(skips_bad_rows_and_counts_them_by_kind),
        cmocka_unit_test(skips_a_line_that_is_too_long_as_one_row),
        cmocka_unit_test(bounds_rows_whether_they_are_good_or_bad),
        cmocka_unit_test(bounds_the_number_of_columns),
        cmocka_unit_test(names_the_ways_to_write_times),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
