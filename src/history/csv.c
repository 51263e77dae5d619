/* csv.c - reading of candle files in blocks, line by line. */
#include "history/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/limits.h"

enum {
    COLUMNS = 6,
    BLOCK_BYTES = 256 << 10, /* one read; about 5,000 rows */
    SHOWN_BYTES = 40,        /* how much of a bad value goes into a message */
};

static const char header_line[] = "open_time,open,high,low,close,volume";
static const char *const column_names[COLUMNS] = {"open_time", "open",  "high",
                                                  "low",       "close", "volume"};

/* The years 1 to 9999, which is what timeframes can cut into buckets. */
static const int64_t time_ms_min = -62135596800000, time_ms_max = 253402300799999;

/* Where a piece of text lies; not ended by NUL. */
struct span {
    const char *text;
    size_t length;
};

static int shown(size_t length)
{
    return (int)(length < SHOWN_BYTES ? length : SHOWN_BYTES);
}

/* Cuts `line` at its commas. Returns how many columns there are, counting on past what fits. */
static size_t split(const char *line, size_t length, struct span *columns)
{
    size_t count = 0;
    const char *at = line, *end = line + length;
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if (count < COLUMNS)
            columns[count] = (struct span){at, (size_t)(stop - at)};
        count++;
        if (comma == NULL)
            return count;
        at = comma + 1;
    }
}

static mw_status check_values(const struct mw_candle *candle, struct mw_error *err)
{
    mw_fault fault =
        mw_candle_check(candle, (struct mw_timeframe){.count = 1, .unit = 's'}, candle->open_ms);
    if (fault == MW_FAULT_NONE || fault == MW_FAULT_OFF_GRID)
        return MW_OK;
    const char *column = fault == MW_FAULT_VOLUME ? "volume" : "high";
    return mw_fail(err, MW_EHISTORY, "column %s: not a candle (%s)", column, mw_fault_text(fault));
}

mw_status mw_csv_parse_row(const char *line, size_t length, struct mw_candle *candle,
                           struct mw_error *err)
{
    if (length > MW_CSV_LINE_BYTES_MAX)
        return mw_fail(err, MW_EHISTORY, "column volume: the line has more than %d bytes",
                       MW_CSV_LINE_BYTES_MAX);
    struct span columns[COLUMNS];
    size_t count = split(line, length, columns);
    if (count < COLUMNS)
        return mw_fail(err, MW_EHISTORY, "column %s is missing: want %s", column_names[count],
                       header_line);
    if (count > COLUMNS)
        return mw_fail(err, MW_EHISTORY, "column %zu is too many: want %s", count, header_line);

    int64_t open_ms;
    if (!mw_integer_parse(columns[0].text, columns[0].length, &open_ms) || open_ms < time_ms_min ||
        open_ms > time_ms_max)
        return mw_fail(err, MW_EHISTORY, "column open_time: '%.*s' is not a time in milliseconds",
                       shown(columns[0].length), columns[0].text);
    double values[COLUMNS];
    for (size_t i = 1; i < COLUMNS; i++)
        if (!mw_decimal_parse(columns[i].text, columns[i].length, &values[i]))
            return mw_fail(err, MW_EHISTORY, "column %s: '%.*s' is not a decimal", column_names[i],
                           shown(columns[i].length), columns[i].text);

    struct mw_candle read = {.open_ms = open_ms,
                             .open = values[1],
                             .high = values[2],
                             .low = values[3],
                             .close = values[4],
                             .volume = values[5],
                             .turnover = __builtin_nan(""),
                             .state = MW_CANDLE_CLOSED,
                             .closed_by = MW_CLOSED_BY_EXCHANGE,
                             .source = MW_SOURCE_CONTEXT};
    mw_status status = check_values(&read, err);
    if (status == MW_OK)
        *candle = read;
    return status;
}

/* A file while it is read. */
struct reader {
    const char *path;
    size_t line_number; /* of the line being read, from 1 */
    size_t count, capacity, count_max;
    struct mw_candle *candles; /* owns */
};

static mw_status take_row(struct reader *reader, const char *line, size_t length,
                          struct mw_error *err)
{
    if (reader->count == reader->count_max)
        return mw_fail(err, MW_ELIMIT, "%s: more than %zu rows", reader->path, reader->count_max);
    if (reader->count == reader->capacity) {
        reader->capacity = reader->capacity == 0 ? 1024 : reader->capacity * 2;
        reader->candles =
            mw_realloc_array(reader->candles, reader->capacity, sizeof(*reader->candles));
    }
    struct mw_candle *candle = &reader->candles[reader->count];
    mw_status status = mw_csv_parse_row(line, length, candle, err);
    if (status != MW_OK)
        return mw_fail_within(err, status, "%s:%zu", reader->path, reader->line_number);
    if (reader->count > 0 && candle->open_ms <= candle[-1].open_ms)
        return mw_fail(err, MW_EHISTORY,
                       "%s:%zu: column open_time: %lld is not later than the row before (%lld)",
                       reader->path, reader->line_number, (long long)candle->open_ms,
                       (long long)candle[-1].open_ms);
    reader->count++;
    return MW_OK;
}

static mw_status take_line(struct reader *reader, const char *line, size_t length,
                           struct mw_error *err)
{
    reader->line_number++;
    if (reader->line_number > 1)
        return take_row(reader, line, length, err);
    if (length != sizeof(header_line) - 1 || memcmp(line, header_line, length) != 0)
        return mw_fail(err, MW_EHISTORY, "%s:1: '%.*s': want the header %s", reader->path,
                       shown(length), line, header_line);
    return MW_OK;
}

/* Takes the whole lines in `block` and moves what is left to its start. Returns through `kept` how
 * much that is. */
static mw_status take_block(struct reader *reader, char *block, size_t length, size_t *kept,
                            struct mw_error *err)
{
    char *at = block, *end = block + length, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        mw_status status = take_line(reader, at, (size_t)(newline - at), err);
        if (status != MW_OK)
            return status;
        at = newline + 1;
    }
    *kept = (size_t)(end - at);
    if (*kept > MW_CSV_LINE_BYTES_MAX)
        return mw_fail(err, MW_EHISTORY, "%s:%zu: the line has more than %d bytes", reader->path,
                       reader->line_number + 1, MW_CSV_LINE_BYTES_MAX);
    memmove(block, at, *kept);
    return MW_OK;
}

static mw_status read_lines(struct reader *reader, FILE *file, char *block, struct mw_error *err)
{
    size_t kept = 0, got;
    errno = 0;
    while ((got = fread(block + kept, 1, BLOCK_BYTES - kept, file)) > 0) {
        mw_status status = take_block(reader, block, kept + got, &kept, err);
        if (status != MW_OK)
            return status;
    }
    if (ferror(file))
        return mw_fail(err, MW_EIO, "%s: %s", reader->path, strerror(errno));
    if (kept > 0 || reader->line_number == 0) /* a last line without newline; or nothing at all */
        return take_line(reader, block, kept, err);
    return MW_OK;
}

mw_status mw_csv_read_file(const char *path, size_t count_max, struct mw_candle **candles,
                           size_t *count, struct mw_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    char *block = mw_alloc(BLOCK_BYTES);
    struct reader reader = {.path = path, .count_max = count_max};
    mw_status status = read_lines(&reader, file, block, err);
    mw_free(block);
    fclose(file);
    if (status != MW_OK) {
        mw_free(reader.candles);
        return status;
    }
    *candles = mw_realloc_array(reader.candles, reader.count, sizeof(*reader.candles));
    *count = reader.count;
    return MW_OK;
}
