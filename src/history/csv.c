/* csv.c - reading of candle files in blocks, line by line. */
#include "history/csv.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/csv_parts.h"
#include "history/text_file.h"

enum { BLOCK_BYTES = 256 << 10 }; /* one read; about 5,000 rows */

static const char zip_magic[] = "PK\x03\x04";
static const char byte_order_mark[] = "\xef\xbb\xbf";

const char *mw_csv_fault_text(mw_csv_fault fault)
{
    static const char *const texts[] = {
#define MW_CSV_FAULT_TEXT(name, text) text,
        MW_CSV_FAULT_LIST(MW_CSV_FAULT_TEXT)
#undef MW_CSV_FAULT_TEXT
    };
    MW_CHECK((unsigned)fault < MW_COUNT(texts));
    return texts[fault];
}

/* A file while it is read. */
struct reader {
    const struct mw_csv_options *options;
    const char *name; /* borrows; of the file */
    struct mw_csv_layout layout;
    bool has_header; /* the first line is one */
    bool in_long;    /* within a line that is too long and was skipped */
    bool descends;   /* the second row is earlier than the first, and so it has to go on */
    uint64_t line;   /* number of the line being read, from 1 */
    uint64_t bad_count;
    size_t capacity;
    struct mw_csv_table table;
};

static mw_status check_candle(const struct mw_candle *row, struct mw_error *err)
{
    mw_fault fault =
        mw_candle_check(row, (struct mw_timeframe){.count = 1, .unit = 's'}, row->open_ms);
    if (fault == MW_FAULT_NONE || fault == MW_FAULT_OFF_GRID)
        return MW_OK;
    const char *column = fault != MW_FAULT_VOLUME ? "high"
                         : row->volume < 0        ? "volume"
                                                  : "turnover";
    return mw_fail(err, MW_EHISTORY, "column %s: not a candle (%s)", column, mw_fault_text(fault));
}

static mw_status check_grid(const struct mw_candle *row, struct mw_timeframe timeframe,
                            struct mw_error *err)
{
    if (timeframe.count == 0 || mw_timeframe_floor(timeframe, row->open_ms) == row->open_ms)
        return MW_OK;
    char time[MW_TIME_TEXT_BYTES], length[MW_TIMEFRAME_BYTES_MAX];
    return mw_fail(err, MW_EHISTORY, "column open_time: %s is not the start of a bar of %s",
                   mw_time_format(row->open_ms, time), mw_timeframe_format(timeframe, length));
}

static bool same_values(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->open == b->open && a->high == b->high && a->low == b->low && a->close == b->close &&
           a->volume == b->volume && a->trades == b->trades &&
           (a->turnover == b->turnover || (isnan(a->turnover) && isnan(b->turnover)));
}

/* Numbers as the rows have them, and what they mean where that is not the same. */
static mw_status fail_order(const struct mw_candle *row, const struct mw_candle *last,
                            bool descends, struct mw_error *err)
{
    char time[MW_TIME_TEXT_BYTES], last_time[MW_TIME_TEXT_BYTES];
    mw_time_format(row->open_ms, time);
    if (descends && row->open_ms > last->open_ms)
        return mw_fail(err, MW_EHISTORY,
                       "column open_time: %s is not earlier than the row before (%s), and the "
                       "newest row is the first",
                       time, mw_time_format(last->open_ms, last_time));
    if (row->open_ms == last->open_ms)
        return mw_fail(err, MW_EHISTORY,
                       "column open_time: %s is there twice, the second time with %s values", time,
                       same_values(row, last) ? "the same" : "other");
    return mw_fail(err, MW_EHISTORY, "column open_time: %s is not later than the row before (%s)",
                   time, mw_time_format(last->open_ms, last_time));
}

/* Oldest first or newest first: the second row decides. */
static mw_status check_order(struct reader *reader, const struct mw_candle *row,
                             mw_csv_fault *fault, struct mw_error *err)
{
    const struct mw_csv_table *table = &reader->table;
    if (table->count == 0)
        return MW_OK;
    const struct mw_candle *last = &table->rows[table->count - 1];
    if (table->count == 1)
        reader->descends = row->open_ms < last->open_ms;
    if (reader->descends ? row->open_ms < last->open_ms : row->open_ms > last->open_ms)
        return MW_OK;
    *fault = row->open_ms == last->open_ms ? MW_CSV_DUPLICATE : MW_CSV_ORDER;
    return fail_order(row, last, reader->descends, err);
}

/* Finds what is wrong with the row in `line`, if anything; `*fault` is set then. */
static mw_status read_row(struct reader *reader, const char *line, size_t length,
                          struct mw_candle *row, mw_csv_fault *fault, struct mw_error *err)
{
    *fault = MW_CSV_UNREADABLE;
    struct mw_csv_layout layout = reader->layout; /* a bad row does not decide how times are */
    mw_status status = mw_csv_row_parse(&reader->layout, line, length, row, err);
    if (status != MW_OK)
        return status;
    row->source = reader->options->source;
    *fault = MW_CSV_IMPOSSIBLE;
    status = check_candle(row, err);
    if (status == MW_OK) {
        *fault = MW_CSV_OFF_GRID;
        status = check_grid(row, reader->options->timeframe, err);
    }
    if (status == MW_OK && reader->options->now_ms != 0 && row->open_ms > reader->options->now_ms) {
        char time[MW_TIME_TEXT_BYTES];
        *fault = MW_CSV_FUTURE;
        status = mw_fail(err, MW_EHISTORY, "column open_time: %s has not come yet",
                         mw_time_format(row->open_ms, time));
    }
    if (status == MW_OK)
        status = check_order(reader, row, fault, err);
    if (status != MW_OK)
        reader->layout.time = layout.time;
    return status;
}

/* A row is bad, as `err` tells: MW_OK when it is to be skipped. */
static mw_status take_bad(struct reader *reader, mw_csv_fault fault, mw_status status, bool is_lost,
                          struct mw_error *err)
{
    mw_fail_within(err, status, "%s:%llu", reader->name, (unsigned long long)reader->line);
    if (!reader->options->skip_bad || is_lost)
        return status;
    reader->table.bad[fault]++;
    reader->bad_count++;
    if (reader->options->on_bad != NULL)
        reader->options->on_bad(reader->options->user, fault, err);
    return MW_OK;
}

static mw_status take_row(struct reader *reader, const char *line, size_t length,
                          struct mw_error *err)
{
    struct mw_csv_table *table = &reader->table;
    if (table->count + reader->bad_count == reader->options->rows_max)
        return mw_fail(err, MW_ELIMIT, "%s: more than %zu rows", reader->name,
                       reader->options->rows_max);
    if (table->count == reader->capacity) {
        reader->capacity = reader->capacity == 0 ? 1024 : reader->capacity * 2;
        table->rows = mw_realloc_array(table->rows, reader->capacity, sizeof(*table->rows));
    }
    mw_csv_fault fault;
    struct mw_error own;
    struct mw_error *reason = err != NULL ? err : &own;
    mw_status status = read_row(reader, line, length, &table->rows[table->count], &fault, reason);
    if (status != MW_OK) {
        /* One of the first two rows was misplaced; what follows would all be skipped. */
        bool is_lost = fault == MW_CSV_ORDER && reader->descends &&
                       table->rows[table->count].open_ms > table->rows[0].open_ms;
        return take_bad(reader, fault, status, is_lost, reason);
    }
    table->count++;
    return MW_OK;
}

/* What stands between columns, where nobody said so: a comma, or what else is there. */
static char find_delimiter(const char *line, size_t length)
{
    static const char delimiters[] = {',', ';', '\t', '|'};
    for (size_t i = 0; i < sizeof(delimiters); i++)
        if (memchr(line, delimiters[i], length) != NULL)
            return delimiters[i];
    return ',';
}

/* Looks at the first line, which is a header or, as `*is_row` tells, a row. */
static mw_status take_first(struct reader *reader, const char *line, size_t length, bool *is_row,
                            struct mw_error *err)
{
    struct mw_csv_layout *layout = &reader->layout;
    size_t magic = sizeof(zip_magic) - 1;
    if (length >= magic && memcmp(line, zip_magic, magic) == 0)
        return mw_fail(err, MW_EHISTORY,
                       "%s: a zip archive: unpack it, as in 'unzip -p FILE | moonwick history "
                       "import - ...'",
                       reader->name);
    if (layout->delimiter == 0)
        layout->delimiter = find_delimiter(line, length);
    *is_row = !reader->has_header;
    if (layout->count > 0) { /* columns are told by position, and a header is passed over */
        struct mw_csv_layout probe = *layout;
        struct mw_candle row;
        *is_row = *is_row || mw_csv_row_parse(&probe, line, length, &row, NULL) == MW_OK;
        return MW_OK;
    }
    *is_row = *is_row || mw_csv_layout_is_binance(layout, line, length);
    mw_status status = *is_row ? mw_csv_layout_read_row(layout, line, length, err)
                               : mw_csv_layout_read_header(layout, line, length, err);
    return status == MW_OK ? MW_OK : mw_fail_within(err, status, "%s:1", reader->name);
}

static mw_status take_line(struct reader *reader, const char *line, size_t length,
                           struct mw_error *err)
{
    size_t mark = sizeof(byte_order_mark) - 1;
    bool is_row = true;
    reader->line++;
    if (reader->line == 1 && length >= mark && memcmp(line, byte_order_mark, mark) == 0) {
        line += mark;
        length -= mark;
    }
    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (reader->line == 1) {
        mw_status status = take_first(reader, line, length, &is_row, err);
        if (status != MW_OK)
            return status;
    }
    if (!is_row || (length == 0 && reader->line > 1)) /* an empty line is no row */
        return MW_OK;
    return take_row(reader, line, length, err);
}

/* Takes the whole lines in `block` and moves what is left to its start. Returns through `kept` how
 * much that is. */
static mw_status take_block(struct reader *reader, char *block, size_t length, size_t *kept,
                            struct mw_error *err)
{
    char *at = block, *end = block + length, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        mw_status status =
            reader->in_long ? MW_OK : take_line(reader, at, (size_t)(newline - at), err);
        if (status != MW_OK)
            return status;
        reader->in_long = false;
        at = newline + 1;
    }
    *kept = reader->in_long ? 0 : (size_t)(end - at);
    if (*kept > MW_CSV_LINE_BYTES_MAX + 4) { /* with CR and byte-order mark; no newline in sight */
        mw_status status = take_line(reader, at, *kept, err);
        if (status != MW_OK)
            return status;
        reader->in_long = true;
        *kept = 0;
    }
    memmove(block, at, *kept);
    return MW_OK;
}

static mw_status read_lines(struct reader *reader, struct mw_text_reader *file, char *block,
                            struct mw_error *err)
{
    size_t kept = 0, got = 1;
    while (got > 0) {
        mw_status status = mw_text_reader_read(file, block + kept, BLOCK_BYTES - kept, &got, err);
        if (status == MW_OK && got > 0)
            status = take_block(reader, block, kept + got, &kept, err);
        if (status != MW_OK)
            return status;
    }
    if (kept > 0) /* a last line without newline */
        return take_line(reader, block, kept, err);
    if (reader->line == 0)
        return mw_fail(err, MW_EHISTORY, "%s: there is nothing in it", reader->name);
    return MW_OK;
}

/* Sets up what the options say of the columns. */
static mw_status prepare(struct reader *reader, struct mw_error *err)
{
    const struct mw_csv_options *options = reader->options;
    reader->layout.delimiter = options->delimiter;
    reader->layout.time = options->time;
    reader->has_header = !options->no_header;
    if (options->columns != NULL)
        return mw_csv_layout_read_list(&reader->layout, options->columns, err);
    return MW_OK;
}

static void reverse(struct mw_csv_table *table)
{
    for (size_t i = 0, j = table->count; i + 1 < j; i++) {
        struct mw_candle row = table->rows[i];
        table->rows[i] = table->rows[--j];
        table->rows[j] = row;
    }
}

mw_status mw_csv_read(const char *path, const struct mw_csv_options *options,
                      struct mw_csv_table *table, struct mw_error *err)
{
    struct reader reader = {.options = options};
    mw_status status = prepare(&reader, err);
    if (status != MW_OK)
        return status;
    struct mw_text_reader *file;
    status = mw_text_reader_open(path, &file, err);
    if (status != MW_OK)
        return status;
    reader.name = mw_text_reader_name(file);
    char *block = mw_alloc(BLOCK_BYTES);
    status = read_lines(&reader, file, block, err);
    mw_free(block);
    mw_text_reader_close(file);
    if (status != MW_OK) {
        mw_free(reader.table.rows);
        return status;
    }
    if (reader.descends)
        reverse(&reader.table);
    *table = reader.table;
    table->rows = mw_realloc_array(table->rows, table->count, sizeof(*table->rows));
    table->time = reader.layout.time;
    return MW_OK;
}

mw_status mw_csv_read_file(const char *path, size_t count_max, struct mw_candle **candles,
                           size_t *count, struct mw_error *err)
{
    const struct mw_csv_options options = {
        .time = MW_CSV_TIME_MS, .source = MW_SOURCE_CONTEXT, .rows_max = count_max};
    struct mw_csv_table table;
    mw_status status = mw_csv_read(path, &options, &table, err);
    if (status != MW_OK)
        return status;
    *candles = table.rows;
    *count = table.count;
    return MW_OK;
}
