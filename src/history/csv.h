/* csv.h - candles from CSV text, strictly, and back to it.
 *
 * What a column holds is found by its name in the header, whatever the order and the case, or told
 * by position. Names that are known:
 *
 *     time        open_time opentime open_ms time timestamp datetime date unix t
 *     open        open o          high      high h
 *     low         low l           close     close c
 *     volume      volume vol v base_volume
 *     turnover    turnover quote_volume quote_asset_volume     optional
 *     trades      trades trade_count number_of_trades count n  optional
 *
 * Blanks and dashes in a header count as underscores; columns with other names are ignored. Twelve
 * columns without a header are those of Binance's files. Times are the start of a bar as a number
 * since 1970 or as ISO 8601, numbers are decimals with '.', cells may stand in quotes; a turnover
 * or a number of trades that is not known is empty. CRLF, empty lines and a byte-order mark are
 * tolerated, gzip is recognised by its first bytes.
 *
 * Rows rise strictly in time, or fall strictly, as the first two tell; they are given oldest first.
 * Each is a possible candle and lies on the grid of the timeframe. What is not exactly that is
 * refused with file, line and column; or skipped and counted, if asked for.
 *
 * Threads: the caller's.
 */
#ifndef MW_HISTORY_CSV_H
#define MW_HISTORY_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "market/candle.h"

/* How times are written. AUTO takes what the first good row has and holds the others to it: plain
 * numbers below 10^11 are seconds, below 10^14 milliseconds, below 10^17 microseconds. */
typedef enum mw_csv_time {
    MW_CSV_TIME_AUTO,
    MW_CSV_TIME_S,
    MW_CSV_TIME_MS,
    MW_CSV_TIME_US,
    MW_CSV_TIME_NS,
    MW_CSV_TIME_ISO,
    MW_CSV_TIME_COUNT
} mw_csv_time;

/* "auto", "s", "ms", "us", "ns", "iso". Errors: MW_EINVAL with what is wanted. */
MW_MUST_USE mw_status mw_csv_time_parse(const char *text, mw_csv_time *time, struct mw_error *err);
const char *mw_csv_time_text(mw_csv_time time);

/* Why a row is bad. X(name, as it is counted for people) */
#define MW_CSV_FAULT_LIST(X)                                                                       \
    X(UNREADABLE, "unreadable")                                                                    \
    X(IMPOSSIBLE, "impossible") /* high < low, a price of 0, ... */                                \
    X(OFF_GRID, "off the grid") /* does not begin where a bar of the timeframe does */             \
    X(FUTURE, "in the future")                                                                     \
    X(ORDER, "out of order")                                                                       \
    X(DUPLICATE, "duplicate") /* of the row before, with the same values or not */

typedef enum mw_csv_fault {
#define MW_CSV_FAULT_ENUM(name, text) MW_CSV_##name,
    MW_CSV_FAULT_LIST(MW_CSV_FAULT_ENUM)
#undef MW_CSV_FAULT_ENUM
        MW_CSV_FAULT_COUNT
} mw_csv_fault;

const char *mw_csv_fault_text(mw_csv_fault fault);

/* Zero: a header names the columns, times are found out, nothing is skipped. */
struct mw_csv_options {
    struct mw_timeframe timeframe; /* count 0: not known, the grid is not checked */
    const char *columns; /* by position, "time,open,high,low,close,volume,-,trades"; or NULL */
    bool no_header;      /* the first line is a row; without `columns` in the usual order */
    char delimiter;      /* 0: what the first line has of ',', ';', tab and '|' */
    mw_csv_time time;
    int64_t now_ms; /* bars that begin later are bad; 0: none is */
    uint8_t source; /* MW_SOURCE_ of the candles */
    bool skip_bad;
    /* Told of each row that is skipped, with place and reason; or NULL. */
    void (*on_bad)(void *user, mw_csv_fault fault, const struct mw_error *err);
    void *user;
    size_t rows_max; /* more are refused; bad ones count. MW_CSV_ROWS_MAX unless it is known */
};

/* What a file had. */
struct mw_csv_table {
    struct mw_candle *rows; /* owned by who asked (mw_free): closed by the exchange */
    size_t count;
    uint64_t bad[MW_CSV_FAULT_COUNT]; /* skipped */
    mw_csv_time time;                 /* AUTO when there was no row to tell */
};

/* Reads a file, or standard input for "-". Errors: MW_EIO, MW_ELIMIT, MW_EINVAL for options that
 * mean nothing, MW_EHISTORY with file and line. */
MW_MUST_USE mw_status mw_csv_read(const char *path, const struct mw_csv_options *options,
                                  struct mw_csv_table *table, struct mw_error *err);

/* Reads a file of at most `count_max` rows, with a header and times in milliseconds. `*candles` is
 * owned by the caller (mw_free): source MW_SOURCE_CONTEXT. The grid is not checked: a file does not
 * tell its timeframe. Errors as of mw_csv_read. */
MW_MUST_USE mw_status mw_csv_read_file(const char *path, size_t count_max,
                                       struct mw_candle **candles, size_t *count,
                                       struct mw_error *err);

/* --- writing --------------------------------------------------------------------------------- */

struct mw_csv_format {
    bool turnover, trades; /* whether there are such columns */
    mw_csv_time time;      /* AUTO is milliseconds */
};

enum { MW_CSV_ROW_BYTES_MAX = 512 }; /* nine cells of at most 32 bytes */

/* Add a line; false, and nothing added, when `text` cannot take it. Numbers are the shortest that
 * read back as the same double. */
bool mw_csv_add_header(struct mw_str *text, const struct mw_csv_format *format);
bool mw_csv_add_row(struct mw_str *text, const struct mw_csv_format *format,
                    const struct mw_candle *row);

#endif
