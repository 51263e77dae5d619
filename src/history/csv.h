/* csv.h - candles from CSV text, strictly.
 *
 * The first line names the columns: open_time,open,high,low,close,volume in this order. Times are
 * milliseconds UTC, numbers decimals. Rows rise strictly in time. What is not exactly that is
 * refused with its line number.
 *
 * Threads: the caller's.
 */
#ifndef MW_HISTORY_CSV_H
#define MW_HISTORY_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "market/candle.h"

/* Reads one row (without newline) into `candle`: closed by the exchange, source MW_SOURCE_CONTEXT,
 * turnover NaN, trades 0. Errors: MW_EHISTORY naming the column; `candle` is untouched. */
MW_MUST_USE mw_status mw_csv_parse_row(const char *line, size_t length, struct mw_candle *candle,
                                       struct mw_error *err);

/* Reads a file of at most `count_max` rows. `*candles` is owned by the caller (mw_free). The order
 * is checked, whether values make a candle too (high < low and the like), the grid is not: a file
 * does not tell its timeframe. Errors: MW_EIO, MW_ELIMIT, MW_EHISTORY with file and line. */
MW_MUST_USE mw_status mw_csv_read_file(const char *path, size_t count_max,
                                       struct mw_candle **candles, size_t *count,
                                       struct mw_error *err);

#endif
