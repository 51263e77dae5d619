/* csv_parts.h - what the files of the CSV reader share: columns, rows and times of one file.
 *
 * Threads: the caller's.
 */
#ifndef MW_HISTORY_CSV_PARTS_H
#define MW_HISTORY_CSV_PARTS_H

#include "base/limits.h"
#include "history/csv.h"

typedef enum mw_csv_column {
    MW_CSV_OPEN_TIME,
    MW_CSV_OPEN,
    MW_CSV_HIGH,
    MW_CSV_LOW,
    MW_CSV_CLOSE,
    MW_CSV_VOLUME,
    MW_CSV_TURNOVER,
    MW_CSV_TRADES,
    MW_CSV_COLUMN_COUNT,
    MW_CSV_IGNORED = MW_CSV_COLUMN_COUNT,
    MW_CSV_REQUIRED_COUNT = MW_CSV_TURNOVER,
} mw_csv_column;

/* What the columns of a file are. */
struct mw_csv_layout {
    uint8_t columns[MW_CSV_COLUMNS_MAX]; /* mw_csv_column */
    uint32_t count;
    char delimiter;
    mw_csv_time time; /* AUTO until a row has told */
};

/* Fills columns and count. In a header names that are not known are ignored; in a list of columns
 * that a person gave, "-" is, and others are wrong. Errors: MW_EHISTORY, MW_EINVAL. */
MW_MUST_USE mw_status mw_csv_layout_read_header(struct mw_csv_layout *layout, const char *line,
                                                size_t length, struct mw_error *err);
MW_MUST_USE mw_status mw_csv_layout_read_list(struct mw_csv_layout *layout, const char *list,
                                              struct mw_error *err);
/* Whether the first line of a file is a row as in Binance's files: twelve columns, no header. */
bool mw_csv_layout_is_binance(const struct mw_csv_layout *layout, const char *line, size_t length);
/* The columns of a file without a header, from its first row: Binance's or the usual ones. */
MW_MUST_USE mw_status mw_csv_layout_read_row(struct mw_csv_layout *layout, const char *line,
                                             size_t length, struct mw_error *err);

/* Reads one row, without newline: its text alone, whether it makes a candle is not looked at. An
 * AUTO time in `layout` becomes the one of this row, if it is good. Errors: MW_EHISTORY with the
 * column; all else is untouched then. */
MW_MUST_USE mw_status mw_csv_row_parse(struct mw_csv_layout *layout, const char *line,
                                       size_t length, struct mw_candle *candle,
                                       struct mw_error *err);

/* What the time in `text` looks like; false when like none. */
bool mw_csv_time_guess(const char *text, size_t length, mw_csv_time *time);
/* Reads one time, which is not AUTO; false for what is no time within the years 1 to 9999. */
bool mw_csv_time_read(mw_csv_time time, const char *text, size_t length, int64_t *time_ms);
/* "milliseconds", "seconds", ..., "ISO 8601". */
const char *mw_csv_time_unit(mw_csv_time time);

/* Copies the beginning of `text` for a message, with '?' for what a terminal would obey. Returns
 * `shown`, which holds MW_CSV_SHOWN_BYTES. */
enum { MW_CSV_SHOWN_BYTES = 41 };
char *mw_csv_show(const char *text, size_t length, char *shown);

#endif
