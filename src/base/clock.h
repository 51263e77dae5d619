/* clock.h - wall time for candles, monotonic time for time-outs, and their text forms.
 *
 * Threads: any thread.
 */
#ifndef MW_BASE_CLOCK_H
#define MW_BASE_CLOCK_H

#include <stdint.h>

#include "base/status.h"

enum {
    MW_MS_PER_SECOND = 1000,
    MW_MS_PER_MINUTE = 60 * MW_MS_PER_SECOND,
    MW_MS_PER_HOUR = 60 * MW_MS_PER_MINUTE,
    MW_MS_PER_DAY = 24 * MW_MS_PER_HOUR,
    MW_TIME_TEXT_BYTES = 32, /* "2026-11-22T18:15:00.123Z" and its NUL */
};

/* Milliseconds since 1970-01-01 UTC. Jumps when the system's clock is set. */
int64_t mw_clock_wall_ms(void);
/* Never goes back; for time-outs and durations only. */
int64_t mw_clock_monotonic_ns(void);
int64_t mw_clock_monotonic_ms(void);

/* Writes "2026-11-22T18:15:00Z", with ".123" before the Z when there are milliseconds. Returns
 * `text`, which holds MW_TIME_TEXT_BYTES. */
char *mw_time_format(int64_t time_ms, char *text);

/* Reads ISO 8601 in UTC: a date, or a date and a time with 'T' or a blank between, seconds and 1 to
 * 9 digits of fraction optional, closed by 'Z', "+00:00" or nothing. Errors: MW_EPARSE. */
MW_MUST_USE mw_status mw_time_parse(const char *text, int64_t *time_ms, struct mw_error *err);

/* Reads a span: a positive decimal and ms, s, m, h, d, w or y, which is 365 days ("250ms", "1.5s",
 * "24h", "2y"). At most 10 years. Errors: MW_EPARSE. */
MW_MUST_USE mw_status mw_duration_parse(const char *text, int64_t *duration_ms,
                                        struct mw_error *err);

/* Days since 1970-01-01 of a civil date in the proleptic Gregorian calendar, and back. Month is
 * 1..12. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t mw_days_from_civil(int64_t year, unsigned month, unsigned day);
void mw_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
