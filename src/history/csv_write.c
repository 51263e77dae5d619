/* csv_write.c - candles as lines of CSV. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "history/csv_parts.h"

bool mw_csv_add_header(struct mw_str *text, const struct mw_csv_format *format)
{
    return mw_str_addf(text, "open_time,open,high,low,close,volume%s%s\n",
                       format->turnover ? ",turnover" : "", format->trades ? ",trades" : "");
}

static size_t write_time(char *at, mw_csv_time time, int64_t open_ms)
{
    switch (time) {
    case MW_CSV_TIME_ISO:
        return strlen(mw_time_format(open_ms, at));
    case MW_CSV_TIME_S:
        return (size_t)snprintf(at, MW_TIME_TEXT_BYTES, "%" PRId64, open_ms / MW_MS_PER_SECOND);
    case MW_CSV_TIME_US:
    case MW_CSV_TIME_NS: /* within 64 bits these reach some 290 years */
        return (size_t)snprintf(at, MW_TIME_TEXT_BYTES, "%" PRId64 "%s", open_ms,
                                open_ms == 0             ? ""
                                : time == MW_CSV_TIME_US ? "000"
                                                         : "000000");
    default:
        return (size_t)snprintf(at, MW_TIME_TEXT_BYTES, "%" PRId64, open_ms);
    }
}

static size_t write_number(char *at, double value)
{
    *at = ',';
    return 1 + strlen(mw_decimal_format(value, at + 1));
}

bool mw_csv_add_row(struct mw_str *text, const struct mw_csv_format *format,
                    const struct mw_candle *row)
{
    char line[MW_CSV_ROW_BYTES_MAX];
    char *at = line + write_time(line, format->time, row->open_ms);
    at += write_number(at, row->open);
    at += write_number(at, row->high);
    at += write_number(at, row->low);
    at += write_number(at, row->close);
    at += write_number(at, row->volume);
    if (format->turnover && isnan(row->turnover))
        *at++ = ',';
    else if (format->turnover)
        at += write_number(at, row->turnover);
    if (format->trades && row->trades == 0)
        *at++ = ',';
    else if (format->trades)
        at += snprintf(at, MW_TIME_TEXT_BYTES, ",%" PRIu32, row->trades);
    *at++ = '\n';
    return mw_str_add(text, line, (size_t)(at - line));
}
