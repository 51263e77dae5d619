/* timeframe.c - spelling of bar lengths and arithmetic on their buckets. */
#include "market/timeframe.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"

enum { MONDAY_DAY = 4 }; /* 1970-01-05 was the first Monday; day 0 was a Thursday */

static const int64_t ms_per_day = MW_MS_PER_DAY;

static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return MW_MS_PER_SECOND;
    case 'm':
        return MW_MS_PER_MINUTE;
    case 'h':
        return MW_MS_PER_HOUR;
    case 'd':
        return ms_per_day;
    case 'w':
        return 7 * ms_per_day;
    case 'M':
        return 30 * ms_per_day;
    default:
        return 0;
    }
}

int64_t mw_timeframe_ms(struct mw_timeframe timeframe)
{
    return timeframe.count * unit_ms(timeframe.unit);
}

/* Moves to the largest unit that divides the step: 60m is 1h. Days do not become weeks: they count
 * from another day. */
static struct mw_timeframe canonical(struct mw_timeframe timeframe)
{
    static const struct {
        char from, to;
        uint32_t factor;
    } steps[] = {{'s', 'm', 60}, {'m', 'h', 60}, {'h', 'd', 24}};
    for (size_t i = 0; i < MW_COUNT(steps); i++) {
        if (timeframe.unit == steps[i].from && timeframe.count % steps[i].factor == 0) {
            timeframe.count /= steps[i].factor;
            timeframe.unit = steps[i].to;
        }
    }
    return timeframe;
}

mw_status mw_timeframe_parse(const char *text, struct mw_timeframe *timeframe, struct mw_error *err)
{
    const int64_t longest_ms = (int64_t)MW_TIMEFRAME_MS_MAX_YEARS * 366 * ms_per_day;
    const char *at = text;
    int64_t count = 0;
    for (; *at >= '0' && *at <= '9' && count < INT32_MAX / 10; at++)
        count = count * 10 + (*at - '0');
    if (text[0] == '0' || count == 0 || unit_ms(at[0]) == 0 || at[1] != '\0' ||
        count > longest_ms / unit_ms(at[0]))
        return mw_fail(err, MW_EPARSE,
                       "timeframe '%.40s': want a whole count and one of s m h d w M, like 1m, 90m "
                       "or 1d",
                       text);
    *timeframe = canonical((struct mw_timeframe){.count = (uint32_t)count, .unit = at[0]});
    return MW_OK;
}

char *mw_timeframe_format(struct mw_timeframe timeframe, char *text)
{
    snprintf(text, MW_TIMEFRAME_BYTES_MAX, "%u%c", timeframe.count, timeframe.unit);
    return text;
}

bool mw_timeframe_from_distance(int64_t apart_ms, struct mw_timeframe *timeframe)
{
    const int64_t month_ms = 28 * ms_per_day;
    char text[MW_TIMEFRAME_BYTES_MAX] = "1M";
    if (apart_ms <= 0 || apart_ms % MW_MS_PER_SECOND != 0)
        return false;
    if (apart_ms == 7 * ms_per_day)
        snprintf(text, sizeof(text), "1w");
    else if (apart_ms < month_ms || apart_ms > month_ms + 3 * ms_per_day)
        snprintf(text, sizeof(text), "%llds", (long long)(apart_ms / MW_MS_PER_SECOND));
    return mw_timeframe_parse(text, timeframe, NULL) == MW_OK;
}

bool mw_timeframe_equal(struct mw_timeframe a, struct mw_timeframe b)
{
    return a.count == b.count && a.unit == b.unit;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    MW_CHECK(b > 0);
    return a / b - (a % b < 0);
}

/* Months since January 1970 of the month that holds `time_ms`, and back to its first instant. */
static int64_t month_of(int64_t time_ms)
{
    int64_t year;
    unsigned month, day;
    mw_civil_from_days(floor_div(time_ms, ms_per_day), &year, &month, &day);
    return (year - 1970) * 12 + month - 1;
}

static int64_t month_start(int64_t month)
{
    int64_t year = floor_div(month, 12);
    return mw_days_from_civil(1970 + year, (unsigned)(month - year * 12) + 1, 1) * ms_per_day;
}

int64_t mw_timeframe_floor(struct mw_timeframe timeframe, int64_t time_ms)
{
    if (timeframe.unit == 'M')
        return month_start(floor_div(month_of(time_ms), timeframe.count) * timeframe.count);
    int64_t span = mw_timeframe_ms(timeframe);
    int64_t from = timeframe.unit == 'w' ? MONDAY_DAY * ms_per_day
                   : span < ms_per_day   ? floor_div(time_ms, ms_per_day) * ms_per_day
                                         : 0;
    return from + floor_div(time_ms - from, span) * span;
}

int64_t mw_timeframe_next(struct mw_timeframe timeframe, int64_t open_ms)
{
    if (timeframe.unit == 'M')
        return month_start(month_of(open_ms) + timeframe.count);
    int64_t span = mw_timeframe_ms(timeframe);
    if (span >= ms_per_day)
        return open_ms + span;
    int64_t midnight = (floor_div(open_ms, ms_per_day) + 1) * ms_per_day;
    return open_ms + span < midnight ? open_ms + span : midnight;
}

/* The number of the bucket that starts at `open_ms`, counted from some bucket. */
static int64_t bucket_number(struct mw_timeframe timeframe, int64_t open_ms)
{
    if (timeframe.unit == 'M')
        return floor_div(month_of(open_ms), timeframe.count);
    int64_t span = mw_timeframe_ms(timeframe);
    MW_CHECK(span > 0);
    if (span >= ms_per_day) /* steps are of one length */
        return floor_div(open_ms, span);
    int64_t day = floor_div(open_ms, ms_per_day);
    return day * ((ms_per_day + span - 1) / span) + (open_ms - day * ms_per_day) / span;
}

uint64_t mw_timeframe_buckets(struct mw_timeframe timeframe, int64_t from_ms, int64_t to_ms)
{
    if (from_ms > to_ms)
        return 0;
    return (uint64_t)(bucket_number(timeframe, to_ms) - bucket_number(timeframe, from_ms)) + 1;
}
