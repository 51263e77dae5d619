/* report_parts.c - numbers, spans of time and lines of reports; figures by name. */
#include "backtest/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"

enum {
    SIGNIFICANT = 8,       /* digits of a price */
    PRICE_DIGITS_MAX = 16, /* after its point */
    MONEY_SIGNIFICANT = 7, /* digits of an account's cash */
    MONEY_DIGITS_MAX = 8,
};

#define LARGE 1e15 /* larger numbers are written with an exponent */

/* NaN, what is infinite and what is too large to be written out. */
static bool format_odd(double value, bool sign, char *text)
{
    if (isnan(value))
        snprintf(text, MW_REPORT_TEXT_BYTES, "-");
    else if (isinf(value))
        snprintf(text, MW_REPORT_TEXT_BYTES, value < 0 ? "-inf" : sign ? "+inf" : "inf");
    else if (fabs(value) >= LARGE)
        snprintf(text, MW_REPORT_TEXT_BYTES, sign ? "%+.4e" : "%.4e", value);
    else
        return false;
    return true;
}

char *mw_report_amount(double value, int digits, bool sign, char *text)
{
    char plain[MW_REPORT_TEXT_BYTES];
    if (format_odd(value, sign, text))
        return text;
    snprintf(plain, sizeof(plain), "%.*f", digits, value);
    bool is_zero = strspn(plain, "-0.") == strlen(plain); /* "-0.00" */
    size_t at = sign && !is_zero && value > 0;
    text[0] = '+';
    mw_decimal_group(is_zero && plain[0] == '-' ? plain + 1 : plain, text + at,
                     MW_REPORT_TEXT_BYTES - at);
    return text;
}

char *mw_report_percent(double fraction, bool sign, char *text)
{
    double percent = fraction * 100;
    mw_report_amount(percent, 2, sign, text);
    if (!isnan(percent))
        snprintf(text + strlen(text), MW_REPORT_TEXT_BYTES - strlen(text), "%%");
    return text;
}

char *mw_report_price(double price, char *text)
{
    char plain[MW_REPORT_TEXT_BYTES];
    if (format_odd(price, false, text))
        return text;
    int digits = price == 0 ? 0 : SIGNIFICANT - 1 - (int)floor(log10(fabs(price)));
    digits = digits < 0 ? 0 : digits > PRICE_DIGITS_MAX ? PRICE_DIGITS_MAX : digits;
    snprintf(plain, sizeof(plain), "%.*f", digits, price);
    size_t length = strlen(plain);
    while (digits > 0 && plain[length - 1] == '0')
        length--;
    if (digits > 0 && plain[length - 1] == '.')
        length--;
    plain[length] = '\0';
    return mw_decimal_group(plain, text, MW_REPORT_TEXT_BYTES);
}

char *mw_report_span(int64_t span_ms, char *text)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{MW_MS_PER_DAY, "d"}, {MW_MS_PER_HOUR, "h"}, {MW_MS_PER_MINUTE, "m"}};
    for (size_t i = 0; i < MW_COUNT(units); i++) {
        int64_t count = span_ms / units[i].ms, rest = span_ms % units[i].ms;
        if (count == 0)
            continue;
        int64_t next_ms = i + 1 < MW_COUNT(units) ? units[i + 1].ms : MW_MS_PER_SECOND;
        const char *next = i + 1 < MW_COUNT(units) ? units[i + 1].name : "s";
        if (rest / next_ms == 0)
            snprintf(text, MW_REPORT_TEXT_BYTES, "%" PRId64 "%s", count, units[i].name);
        else
            snprintf(text, MW_REPORT_TEXT_BYTES, "%" PRId64 "%s %" PRId64 "%s", count,
                     units[i].name, rest / next_ms, next);
        return text;
    }
    snprintf(text, MW_REPORT_TEXT_BYTES, "%" PRId64 "s", span_ms / MW_MS_PER_SECOND);
    return text;
}

int mw_report_money_digits(double cash)
{
    int before = cash >= 1 && isfinite(cash) ? (int)floor(log10(cash)) + 1 : 1;
    int digits = MONEY_SIGNIFICANT - before;
    return digits < 2 ? 2 : digits > MONEY_DIGITS_MAX ? MONEY_DIGITS_MAX : digits;
}

/* --- lines ------------------------------------------------------------------------------------ */

int mw_report_width(const struct mw_report_style *style)
{
    if (style->width == 0)
        return MW_REPORT_WIDTH_DEFAULT;
    if (style->width < MW_REPORT_WIDTH_MIN)
        return MW_REPORT_WIDTH_MIN;
    return style->width < MW_REPORT_WIDTH_MAX ? style->width : MW_REPORT_WIDTH_MAX;
}

/* Whether a terminal may obey the character instead of showing it: C0, DEL, C1 (which begins with
 * 0xC2 in UTF-8 and may be a byte of its own elsewhere). */
static bool is_control(const char *character, size_t length)
{
    const unsigned char *at = (const unsigned char *)character;
    return length == 0 || at[0] < ' ' || at[0] == 0x7F || (at[0] == 0xC2 && at[1] < 0xA0);
}

bool mw_report_add_line(struct mw_str *out, struct mw_str *line, int width)
{
    size_t columns = 0, room = 0; /* what is there, and the bytes that fit with ".." */
    for (size_t i = 0, step; i < line->length; i += step, columns++) {
        size_t bytes = mw_utf8_length(line->data + i, line->length - i);
        step = bytes > 0 ? bytes : 1;
        if (is_control(line->data + i, bytes)) {
            memset(line->data + i, '?', step);
            step = 1;
        }
        if (columns == (size_t)width - 2)
            room = i;
    }
    bool cut = columns > (size_t)width;
    size_t length = cut ? room : line->length;
    while (length > 0 && line->data[length - 1] == ' ')
        length--;
    bool added = length == 0 || mw_str_add(out, line->data, length);
    mw_str_clear(line);
    return added && mw_str_adds(out, cut ? "..\n" : "\n");
}

/* "demo BTCUSDT 1m  1,440 bars", and below it what is absent, if anything. */
static bool add_series(struct mw_str *out, const struct mw_backtest_series *series,
                       struct mw_str *line, int width)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX], count[MW_REPORT_TEXT_BYTES];
    const struct mw_series_key *key = &series->key;
    mw_str_addf(line, "%s%s%s %s  %s bar%s", key->feed, key->feed[0] != '\0' ? " " : "",
                key->symbol, mw_timeframe_format(key->timeframe, timeframe),
                mw_report_amount((double)series->bars, 0, false, count), mw_plural(series->bars));
    bool fits = mw_report_add_line(out, line, width);
    if (series->absent == 0)
        return fits;
    mw_str_addf(line, "%-*s%s absent in ", MW_REPORT_LABEL_COLUMNS, "",
                mw_report_amount((double)series->absent, 0, false, count));
    mw_str_addf(
        line, "%s place%s, taken as %s", mw_report_amount(series->absent_count, 0, false, count),
        mw_plural(series->absent_count), series->with_holes ? "holes" : "times without a trade");
    return fits && mw_report_add_line(out, line, width);
}

/* "2022-12-13 00:00" or, where there are seconds, "2022-12-13 00:00:30". */
static char *format_minute(int64_t time_ms, char text[MW_TIME_TEXT_BYTES])
{
    enum { T = 10, SECONDS = 16 };
    mw_time_format(time_ms, text);
    if (strlen(text) > SECONDS && text[T] == 'T') { /* not in the years before 0 or after 9999 */
        text[T] = ' ';
        text[time_ms % MW_MS_PER_MINUTE == 0 ? SECONDS : strlen(text) - 1] = '\0';
    }
    return text;
}

static bool add_account(struct mw_str *out, const struct mw_backtest_result *result,
                        struct mw_str *line, int width)
{
    const struct mw_account_options *account = &result->account;
    int digits = mw_report_money_digits(account->cash);
    char text[MW_REPORT_TEXT_BYTES];
    mw_str_addf(line, "%-*s%s", MW_REPORT_LABEL_COLUMNS, "Account",
                mw_report_amount(account->cash, digits, false, text));
    if (account->leverage != 1)
        mw_str_addf(line, ", leverage %s", mw_report_price(account->leverage, text));
    mw_str_addf(line, ", seed %" PRIu64, result->seed);
    bool fits = mw_report_add_line(out, line, width);
    mw_str_addf(line, "%-*sfee %s%%", MW_REPORT_LABEL_COLUMNS, "Costs",
                mw_report_price(account->fee * 100, text));
    if (!isnan(account->maker_fee) && account->maker_fee != account->fee)
        mw_str_addf(line, ", maker %s%%", mw_report_price(account->maker_fee * 100, text));
    if (account->fixed_fee != 0)
        mw_str_addf(line, ", %s a fill", mw_report_price(account->fixed_fee, text));
    mw_str_addf(line, ", slippage %s%%", mw_report_price(account->slippage * 100, text));
    return mw_report_add_line(out, line, width) && fits;
}

bool mw_report_add_setting(struct mw_str *out, const struct mw_backtest_result *result,
                           struct mw_str *line, int width)
{
    char from[MW_TIME_TEXT_BYTES], to[MW_TIME_TEXT_BYTES], span[MW_REPORT_TEXT_BYTES];
    bool fits = true;
    uint32_t shown = result->series_count;
    if (shown > MW_REPORT_LIST_LINES_MAX)
        shown = MW_REPORT_LIST_LINES_MAX - 1;
    for (uint32_t i = 0; i < shown; i++) {
        mw_str_addf(line, "%-*s", MW_REPORT_LABEL_COLUMNS, i == 0 ? "Data" : "");
        fits = add_series(out, &result->series[i], line, width) && fits;
    }
    if (shown < result->series_count) {
        mw_str_addf(line, "%-*sand %u more series, %s bars in all", MW_REPORT_LABEL_COLUMNS, "",
                    (unsigned)(result->series_count - shown),
                    mw_report_amount((double)result->bars, 0, false, span));
        fits = fits && mw_report_add_line(out, line, width);
    }
    mw_str_addf(line, "%-*s", MW_REPORT_LABEL_COLUMNS, "Time");
    if (result->to_ms > result->from_ms)
        mw_str_addf(line, "%s to %s UTC, %s", format_minute(result->from_ms, from),
                    format_minute(result->to_ms, to),
                    mw_report_span(result->to_ms - result->from_ms, span));
    else
        mw_str_adds(line, "no bars");
    fits = fits && mw_report_add_line(out, line, width);
    return add_account(out, result, line, width) && fits;
}

/* --- figures by name -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool less_is_better;
} figures[] = {
#define FIGURE(name, value, less) {#name, less},
    MW_REPORT_FIGURE_LIST(FIGURE)
#undef FIGURE
};

const char *mw_report_figure_name(uint32_t figure)
{
    return figure < MW_COUNT(figures) ? figures[figure].name : NULL;
}

bool mw_report_figure_less_is_better(uint32_t figure)
{
    MW_CHECK(figure < MW_COUNT(figures));
    return figures[figure].less_is_better;
}

double mw_report_figure(const struct mw_backtest_result *result, uint32_t figure)
{
    const double values[] = {
#define FIGURE(name, value, less) value,
        MW_REPORT_FIGURE_LIST(FIGURE)
#undef FIGURE
    };
    MW_CHECK(figure < MW_COUNT(values));
    return values[figure];
}
