/* clock.c - system clocks, ISO 8601 and spans. */
#include "base/clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t mw_clock_wall_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t mw_clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t mw_clock_monotonic_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Years are counted from 1 March, so that the leap day is the last of its year; 400 years (an era)
 * have 146,097 days. */
int64_t mw_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned month_from_march = month > 2 ? month - 3 : month + 9;
    unsigned day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

void mw_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

char *mw_time_format(int64_t time_ms, char *text)
{
    int64_t days = time_ms / MW_MS_PER_DAY - (time_ms % MW_MS_PER_DAY < 0);
    int64_t in_day = time_ms - days * MW_MS_PER_DAY;
    int64_t year;
    unsigned month, day;
    mw_civil_from_days(days, &year, &month, &day);
    int seconds = (int)(in_day / MW_MS_PER_SECOND), ms = (int)(in_day % MW_MS_PER_SECOND);
    int used =
        snprintf(text, MW_TIME_TEXT_BYTES, "%04lld-%02u-%02uT%02d:%02d:%02d", (long long)year,
                 month, day, seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (used < 0 || used > MW_TIME_TEXT_BYTES - 6) /* a year past 9999: never cut in the middle */
        used = snprintf(text, MW_TIME_TEXT_BYTES, "+");
    if (ms != 0)
        snprintf(text + used, (size_t)(MW_TIME_TEXT_BYTES - used), ".%03dZ", ms);
    else
        snprintf(text + used, (size_t)(MW_TIME_TEXT_BYTES - used), "Z");
    return text;
}

/* Reads exactly `digits` decimal digits and steps over them. */
static bool read_digits(const char **text, int digits, unsigned *out)
{
    unsigned value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (unsigned)(c - '0');
    }
    *text += digits;
    *out = value;
    return true;
}

static bool read_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Reads 1 to 9 digits after the point; the first three are milliseconds. */
static bool read_fraction(const char **text, unsigned *ms)
{
    int digits = 0;
    unsigned value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, digits++) {
        if (digits == 9)
            return false;
        if (digits < 3)
            value = value * 10 + (unsigned)(**text - '0');
    }
    for (int i = digits; i < 3; i++)
        value *= 10;
    *ms = value;
    return digits > 0;
}

static bool read_date(const char **text, int64_t *days)
{
    unsigned year, month, day;
    if (!read_digits(text, 4, &year) || !read_char(text, '-') || !read_digits(text, 2, &month) ||
        !read_char(text, '-') || !read_digits(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = mw_days_from_civil(year, month, day);
    return true;
}

static bool read_clock(const char **text, int64_t *ms)
{
    unsigned hour, minute, second = 0, fraction = 0;
    if (!read_digits(text, 2, &hour) || !read_char(text, ':') || !read_digits(text, 2, &minute))
        return false;
    if (read_char(text, ':')) {
        if (!read_digits(text, 2, &second))
            return false;
        if (read_char(text, '.') && !read_fraction(text, &fraction))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ms = (((int64_t)hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

mw_status mw_time_parse(const char *text, int64_t *time_ms, struct mw_error *err)
{
    const char *at = text;
    int64_t days, ms = 0;
    bool good = read_date(&at, &days);
    if (good && (*at == 'T' || *at == ' ')) {
        at++;
        good = read_clock(&at, &ms);
        if (good && !read_char(&at, 'Z') && strncmp(at, "+00:00", 6) == 0)
            at += 6;
    }
    if (!good || *at != '\0')
        return mw_fail(err, MW_EPARSE, "time '%.40s': want ISO 8601 in UTC like %s", text,
                       "2026-11-22T18:15:00Z");
    *time_ms = days * MW_MS_PER_DAY + ms;
    return MW_OK;
}

mw_status mw_duration_parse(const char *text, int64_t *duration_ms, struct mw_error *err)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1},
                 {"s", MW_MS_PER_SECOND},
                 {"m", MW_MS_PER_MINUTE},
                 {"h", MW_MS_PER_HOUR},
                 {"d", MW_MS_PER_DAY},
                 {"w", 7.0 * MW_MS_PER_DAY},
                 {"y", 365.0 * MW_MS_PER_DAY}};
    const double longest_ms = 3650.0 * MW_MS_PER_DAY;

    char *end = NULL;
    double value = 0;
    if (text[0] >= '0' && text[0] <= '9')
        value = strtod(text, &end);
    for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        double ms = value * units[i].ms;
        if (!(ms >= 1 && ms <= longest_ms))
            break;
        *duration_ms = llround(ms);
        return MW_OK;
    }
    return mw_fail(err, MW_EPARSE,
                   "duration '%.40s': want a positive number and ms, s, m, h, d, w or y", text);
}
