/* csv_time.c - the ways in which times are written in CSV files. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "history/csv_parts.h"

static const struct {
    const char *text, *unit;
    int64_t per_second; /* 0 where it is no number */
} times[MW_CSV_TIME_COUNT] = {
    [MW_CSV_TIME_AUTO] = {"auto", "any known way", 0},
    [MW_CSV_TIME_S] = {"s", "seconds", 1},
    [MW_CSV_TIME_MS] = {"ms", "milliseconds", 1000},
    [MW_CSV_TIME_US] = {"us", "microseconds", 1000000},
    [MW_CSV_TIME_NS] = {"ns", "nanoseconds", 1000000000},
    [MW_CSV_TIME_ISO] = {"iso", "ISO 8601 and UTC", 0},
};

mw_status mw_csv_time_parse(const char *text, mw_csv_time *time, struct mw_error *err)
{
    for (size_t i = 0; i < MW_COUNT(times); i++) {
        if (strcmp(text, times[i].text) == 0) {
            *time = (mw_csv_time)i;
            return MW_OK;
        }
    }
    return mw_fail(err, MW_EINVAL, "'%.40s': want ms, s, us, ns, iso or auto", text);
}

const char *mw_csv_time_text(mw_csv_time time)
{
    MW_CHECK((unsigned)time < MW_COUNT(times));
    return times[time].text;
}

const char *mw_csv_time_unit(mw_csv_time time)
{
    MW_CHECK((unsigned)time < MW_COUNT(times));
    return times[time].unit;
}

bool mw_csv_time_guess(const char *text, size_t length, mw_csv_time *time)
{
    int64_t value;
    if (!mw_integer_parse(text, length, &value)) {
        int64_t time_ms;
        if (!mw_csv_time_read(MW_CSV_TIME_ISO, text, length, &time_ms))
            return false;
        *time = MW_CSV_TIME_ISO;
        return true;
    }
    /* The bounds are the year 5138 in one unit and 1973 in the next finer one. */
    const int64_t bound = 100000000000;
    if (value > -bound && value < bound)
        *time = MW_CSV_TIME_S;
    else if (value / 1000 > -bound && value / 1000 < bound)
        *time = MW_CSV_TIME_MS;
    else if (value / 1000000 > -bound && value / 1000000 < bound)
        *time = MW_CSV_TIME_US;
    else
        *time = MW_CSV_TIME_NS;
    return true;
}

static bool read_iso(const char *text, size_t length, int64_t *time_ms)
{
    char copy[MW_TIME_TEXT_BYTES + 16]; /* nine digits of fraction, "+00:00" */
    if (length >= sizeof(copy) || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return mw_time_parse(copy, time_ms, NULL) == MW_OK;
}

bool mw_csv_time_read(mw_csv_time time, const char *text, size_t length, int64_t *time_ms)
{
    int64_t value;
    if (time == MW_CSV_TIME_ISO) {
        if (!read_iso(text, length, &value))
            return false;
    } else {
        MW_CHECK(times[time].per_second > 0);
        if (!mw_integer_parse(text, length, &value))
            return false;
        if (time == MW_CSV_TIME_S) {
            if (__builtin_mul_overflow(value, MW_MS_PER_SECOND, &value))
                return false;
        } else if (time != MW_CSV_TIME_MS) {
            int64_t per_ms = times[time].per_second / MW_MS_PER_SECOND;
            if (value % per_ms != 0) /* no bar starts between two milliseconds */
                return false;
            value /= per_ms;
        }
    }
    if (value < MW_CANDLE_OPEN_MS_MIN || value > MW_CANDLE_OPEN_MS_MAX)
        return false;
    *time_ms = value;
    return true;
}
