/* csv_row.c - the columns of a file by name or position, and one row of it. */
#include <ctype.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "history/csv_parts.h"

enum {
    NAME_BYTES = 32,      /* longer names are none that is known */
    BINANCE_COLUMNS = 12, /* of the files of data.binance.vision, which have no header */
    BINANCE_CLOSE_TIME = 6,
};

static const char usual_columns[] = "open_time,open,high,low,close,volume";
static const char binance_columns[] =
    "open_time,open,high,low,close,volume,-,turnover,trades,-,-,-";

static const char *const column_texts[MW_CSV_COLUMN_COUNT + 1] = {
    "open_time", "open", "high", "low", "close", "volume", "turnover", "trades", "-"};

static const struct {
    const char *name;
    mw_csv_column column;
} known_names[] = {
    {"open_time", MW_CSV_OPEN_TIME},
    {"opentime", MW_CSV_OPEN_TIME},
    {"open_ms", MW_CSV_OPEN_TIME},
    {"time", MW_CSV_OPEN_TIME},
    {"timestamp", MW_CSV_OPEN_TIME},
    {"datetime", MW_CSV_OPEN_TIME},
    {"date", MW_CSV_OPEN_TIME},
    {"unix", MW_CSV_OPEN_TIME},
    {"t", MW_CSV_OPEN_TIME},
    {"open", MW_CSV_OPEN},
    {"o", MW_CSV_OPEN},
    {"high", MW_CSV_HIGH},
    {"h", MW_CSV_HIGH},
    {"low", MW_CSV_LOW},
    {"l", MW_CSV_LOW},
    {"close", MW_CSV_CLOSE},
    {"c", MW_CSV_CLOSE},
    {"volume", MW_CSV_VOLUME},
    {"vol", MW_CSV_VOLUME},
    {"v", MW_CSV_VOLUME},
    {"base_volume", MW_CSV_VOLUME},
    {"turnover", MW_CSV_TURNOVER},
    {"quote_volume", MW_CSV_TURNOVER},
    {"quote_asset_volume", MW_CSV_TURNOVER},
    {"trades", MW_CSV_TRADES},
    {"trade_count", MW_CSV_TRADES},
    {"number_of_trades", MW_CSV_TRADES},
    {"count", MW_CSV_TRADES},
    {"n", MW_CSV_TRADES},
};

char *mw_csv_show(const char *text, size_t length, char *shown)
{
    size_t count = length < MW_CSV_SHOWN_BYTES - 1 ? length : MW_CSV_SHOWN_BYTES - 1;
    memcpy(shown, text, count);
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)shown[i] < ' ' || shown[i] == '\x7f')
            shown[i] = '?';
    shown[count] = '\0';
    return shown;
}

/* Takes quotes away that are around all of a cell. */
static void unquote(const char **text, size_t *length)
{
    if (*length >= 2 && (*text)[0] == '"' && (*text)[*length - 1] == '"') {
        (*text)++;
        *length -= 2;
    }
}

/* --- columns ---------------------------------------------------------------------------------- */

/* Lower case, '_' for blanks and dashes, none of either around it. False when it is too long. */
static bool normalise(const char *text, size_t length, char *name)
{
    while (length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= NAME_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = (char)tolower((unsigned char)text[i]);
        name[i] = (char)(c == ' ' || c == '-' ? '_' : c);
    }
    name[length] = '\0';
    return true;
}

static mw_csv_column find_column(const char *text, size_t length)
{
    char name[NAME_BYTES];
    unquote(&text, &length);
    if (normalise(text, length, name))
        for (size_t i = 0; i < MW_COUNT(known_names); i++)
            if (strcmp(known_names[i].name, name) == 0)
                return known_names[i].column;
    return MW_CSV_IGNORED;
}

/* Adds the next column. Errors: of `status`. */
static mw_status add_column(struct mw_csv_layout *layout, mw_csv_column column, mw_status status,
                            struct mw_error *err)
{
    if (layout->count == MW_CSV_COLUMNS_MAX)
        return mw_fail(err, status, "more than %d columns", MW_CSV_COLUMNS_MAX);
    for (uint32_t i = 0; column != MW_CSV_IGNORED && i < layout->count; i++)
        if (layout->columns[i] == column)
            return mw_fail(err, status,
                           "columns %u and %u are both %s: say by position which one is meant, as "
                           "in --columns time,open,high,low,close,volume,-",
                           i + 1, layout->count + 1, column_texts[column]);
    layout->columns[layout->count++] = (uint8_t)column;
    return MW_OK;
}

static bool has_column(const struct mw_csv_layout *layout, int column)
{
    return memchr(layout->columns, column, layout->count) != NULL;
}

static mw_status check_required(const struct mw_csv_layout *layout, mw_status status,
                                struct mw_error *err)
{
    for (int i = 0; i < MW_CSV_REQUIRED_COUNT; i++)
        if (!has_column(layout, i))
            return mw_fail(err, status, "no column %s: want %s", column_texts[i],
                           "open_time,open,high,low,close,volume or names like these");
    return MW_OK;
}

/* How many columns a line has. */
static size_t count_columns(const char *line, size_t length, char delimiter)
{
    size_t count = 1;
    for (size_t i = 0; i < length; i++)
        count += line[i] == delimiter;
    return count;
}

/* The cell in column `index` of a line that has so many. Returns its length. */
static size_t find_cell(const struct mw_csv_layout *layout, const char *line, size_t length,
                        size_t index, const char **cell)
{
    const char *at = line, *end = line + length;
    for (; index > 0; index--)
        at = (const char *)memchr(at, layout->delimiter, (size_t)(end - at)) + 1;
    const char *stop = memchr(at, layout->delimiter, (size_t)(end - at));
    size_t cell_length = (size_t)((stop != NULL ? stop : end) - at);
    unquote(&at, &cell_length);
    *cell = at;
    return cell_length;
}

static bool begins_with_time(const struct mw_csv_layout *layout, const char *line, size_t length)
{
    const char *cell;
    size_t cell_length = find_cell(layout, line, length, 0, &cell);
    mw_csv_time time;
    return mw_csv_time_guess(cell, cell_length, &time);
}

mw_status mw_csv_layout_read_header(struct mw_csv_layout *layout, const char *line, size_t length,
                                    struct mw_error *err)
{
    layout->count = 0;
    mw_status status = MW_OK;
    const char *at = line, *end = line + length;
    for (;;) {
        const char *stop = memchr(at, layout->delimiter, (size_t)(end - at));
        size_t name_length = (size_t)((stop != NULL ? stop : end) - at);
        status = add_column(layout, find_column(at, name_length), MW_EHISTORY, err);
        if (status != MW_OK || stop == NULL)
            break;
        at = stop + 1;
    }
    if (status == MW_OK)
        status = check_required(layout, MW_EHISTORY, err);
    char shown[MW_CSV_SHOWN_BYTES];
    if (status != MW_OK && begins_with_time(layout, line, length))
        mw_fail(err, status,
                "this is a row: say what its columns are, as in --no-header --columns %s",
                usual_columns);
    if (status != MW_OK)
        mw_fail_within(err, status, "header '%s'", mw_csv_show(line, length, shown));
    return status;
}

static mw_status fail_unknown(const char *text, size_t length, struct mw_error *err)
{
    char name[NAME_BYTES], shown[MW_CSV_SHOWN_BYTES];
    const char *nearest = normalise(text, length, name)
                              ? mw_nearest_name(name, column_texts, MW_CSV_COLUMN_COUNT)
                              : NULL;
    mw_csv_show(text, length, shown);
    if (nearest != NULL)
        return mw_fail(err, MW_EINVAL, "columns: no column '%s', did you mean %s?", shown, nearest);
    return mw_fail(err, MW_EINVAL,
                   "columns: no column '%s': want time, open, high, low, close, volume, turnover, "
                   "trades, or - for one to ignore",
                   shown);
}

mw_status mw_csv_layout_read_list(struct mw_csv_layout *layout, const char *list,
                                  struct mw_error *err)
{
    layout->count = 0;
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ",");
        mw_csv_column column = find_column(at, length);
        if (column == MW_CSV_IGNORED && !(length == 1 && *at == '-'))
            return fail_unknown(at, length, err);
        mw_status status = add_column(layout, column, MW_EINVAL, err);
        if (status != MW_OK)
            return mw_fail_within(err, status, "columns");
        at += length;
        if (*at == '\0')
            break;
    }
    mw_status status = check_required(layout, MW_EINVAL, err);
    return status == MW_OK ? MW_OK : mw_fail_within(err, status, "columns");
}

bool mw_csv_layout_is_binance(const struct mw_csv_layout *layout, const char *line, size_t length)
{
    const char *cell;
    int64_t open = 0, close = 0; /* in ms, or since 2025 in us */
    if (count_columns(line, length, layout->delimiter) != BINANCE_COLUMNS)
        return false;
    size_t cell_length = find_cell(layout, line, length, 0, &cell);
    bool is_number = mw_integer_parse(cell, cell_length, &open);
    cell_length = find_cell(layout, line, length, BINANCE_CLOSE_TIME, &cell);
    return is_number && mw_integer_parse(cell, cell_length, &close) && close > open;
}

mw_status mw_csv_layout_read_row(struct mw_csv_layout *layout, const char *line, size_t length,
                                 struct mw_error *err)
{
    bool binance = mw_csv_layout_is_binance(layout, line, length);
    return mw_csv_layout_read_list(layout, binance ? binance_columns : usual_columns, err);
}

/* --- rows ------------------------------------------------------------------------------------- */

static mw_status fail_time(mw_csv_time time, const char *text, size_t length, struct mw_error *err)
{
    char shown[MW_CSV_SHOWN_BYTES];
    mw_csv_show(text, length, shown);
    if (time == MW_CSV_TIME_AUTO)
        return mw_fail(err, MW_EHISTORY,
                       "column open_time: '%s' is not a time: want ms, s, us or ns since 1970, or "
                       "ISO 8601 in UTC, like 2018-04-04 00:00",
                       shown);
    return mw_fail(err, MW_EHISTORY, "column open_time: '%s' is not a time in %s", shown,
                   mw_csv_time_unit(time));
}

static mw_status read_time(mw_csv_time *time, const char *text, size_t length, int64_t *open_ms,
                           struct mw_error *err)
{
    if (*time == MW_CSV_TIME_AUTO && !mw_csv_time_guess(text, length, time))
        return fail_time(MW_CSV_TIME_AUTO, text, length, err);
    if (!mw_csv_time_read(*time, text, length, open_ms))
        return fail_time(*time, text, length, err);
    return MW_OK;
}

static mw_status read_trades(const char *text, size_t length, uint32_t *trades,
                             struct mw_error *err)
{
    int64_t count = 0;
    char shown[MW_CSV_SHOWN_BYTES];
    if (length > 0 && (!mw_integer_parse(text, length, &count) || count < 0 || count > UINT32_MAX))
        return mw_fail(err, MW_EHISTORY, "column trades: '%s' is not a number of trades",
                       mw_csv_show(text, length, shown));
    *trades = (uint32_t)count;
    return MW_OK;
}

static mw_status read_number(mw_csv_column column, const char *text, size_t length, double *values,
                             struct mw_error *err)
{
    char shown[MW_CSV_SHOWN_BYTES];
    if (mw_decimal_parse(text, length, &values[column]))
        return MW_OK;
    if (column == MW_CSV_TURNOVER && length == 0) /* not known; it is NaN */
        return MW_OK;
    return mw_fail(err, MW_EHISTORY, "column %s: '%s' is not a decimal", column_texts[column],
                   mw_csv_show(text, length, shown));
}

static mw_status fail_count(const struct mw_csv_layout *layout, const char *line, size_t length,
                            struct mw_error *err)
{
    size_t count = count_columns(line, length, layout->delimiter);
    if (count > layout->count)
        return mw_fail(err, MW_EHISTORY, "column %u is too many: want %u", layout->count + 1,
                       layout->count);
    mw_csv_column missing = layout->columns[count];
    if (missing == MW_CSV_IGNORED)
        return mw_fail(err, MW_EHISTORY, "column %zu is missing: want %u", count + 1,
                       layout->count);
    return mw_fail(err, MW_EHISTORY, "column %s is missing: want %u columns", column_texts[missing],
                   layout->count);
}

mw_status mw_csv_row_parse(struct mw_csv_layout *layout, const char *line, size_t length,
                           struct mw_candle *candle, struct mw_error *err)
{
    if (length > MW_CSV_LINE_BYTES_MAX)
        return mw_fail(err, MW_EHISTORY, "the line has more than %d bytes", MW_CSV_LINE_BYTES_MAX);
    const char *at = line, *end = line + length;
    mw_csv_time time = layout->time;
    int64_t open_ms = 0;
    uint32_t trades = 0;
    double values[MW_CSV_COLUMN_COUNT] = {[MW_CSV_TURNOVER] = __builtin_nan("")};
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *stop = memchr(at, layout->delimiter, (size_t)(end - at));
        if ((stop == NULL) != (i + 1 == layout->count))
            return fail_count(layout, line, length, err);
        const char *text = at;
        size_t cell = (size_t)((stop != NULL ? stop : end) - at);
        at += cell + (stop != NULL);
        unquote(&text, &cell);
        mw_csv_column column = layout->columns[i];
        mw_status status = MW_OK;
        if (column == MW_CSV_OPEN_TIME)
            status = read_time(&time, text, cell, &open_ms, err);
        else if (column == MW_CSV_TRADES)
            status = read_trades(text, cell, &trades, err);
        else if (column != MW_CSV_IGNORED)
            status = read_number(column, text, cell, values, err);
        if (status != MW_OK)
            return status;
    }
    layout->time = time;
    *candle = (struct mw_candle){.open_ms = open_ms,
                                 .open = values[MW_CSV_OPEN],
                                 .high = values[MW_CSV_HIGH],
                                 .low = values[MW_CSV_LOW],
                                 .close = values[MW_CSV_CLOSE],
                                 .volume = values[MW_CSV_VOLUME],
                                 .turnover = values[MW_CSV_TURNOVER],
                                 .trades = trades,
                                 .state = MW_CANDLE_CLOSED,
                                 .closed_by = MW_CLOSED_BY_EXCHANGE};
    return MW_OK;
}
