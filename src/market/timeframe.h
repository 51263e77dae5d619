/* timeframe.h - bar lengths: any whole step of s m h d w M, and the buckets they cut time into.
 *
 * Buckets lie in UTC. A step below a day counts from midnight, so that a "7m" bar never spans two
 * days (the day's last bucket is shorter where the step does not divide a day); steps of days count
 * from 1970-01-01, weeks start on Monday, months follow the calendar from January 1970 ("3M" is a
 * quarter). Spellings of the same buckets are one timeframe: "60m" is "1h", "24h" is "1d"; "7d" is
 * not "1w".
 *
 * Threads: plain data.
 */
#ifndef MW_MARKET_TIMEFRAME_H
#define MW_MARKET_TIMEFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

struct mw_timeframe {
    uint32_t count; /* at least 1 */
    char unit;      /* 's' 'm' 'h' 'd' 'w' 'M', the largest that fits */
};

enum { MW_TIMEFRAME_MS_MAX_YEARS = 10 }; /* longest step: ten years, in any unit */

/* Reads "1m", "90m", "1M". Errors: MW_EPARSE, with the text and what is wanted. */
MW_MUST_USE mw_status mw_timeframe_parse(const char *text, struct mw_timeframe *timeframe,
                                         struct mw_error *err);

/* Writes the shortest spelling. Returns `text`, which holds MW_TIMEFRAME_BYTES_MAX. */
char *mw_timeframe_format(struct mw_timeframe timeframe, char *text);

/* The timeframe of bars whose starts are `apart_ms` apart where nothing is missing: 7 days are a
 * week, 28 to 31 days a month. False when there is none. */
bool mw_timeframe_from_distance(int64_t apart_ms, struct mw_timeframe *timeframe);

bool mw_timeframe_equal(struct mw_timeframe a, struct mw_timeframe b);

/* The start of the bucket that holds `time_ms`, and the start of the bucket after the one that
 * starts at `open_ms`. Any time within the years 1..9999. */
int64_t mw_timeframe_floor(struct mw_timeframe timeframe, int64_t time_ms);
int64_t mw_timeframe_next(struct mw_timeframe timeframe, int64_t open_ms);

/* How many buckets there are from the one that starts at `from_ms` to the one that starts at
 * `to_ms`, both included; 0 when from_ms > to_ms. */
uint64_t mw_timeframe_buckets(struct mw_timeframe timeframe, int64_t from_ms, int64_t to_ms);

/* The usual length of a bucket in milliseconds; for months that of 30 days each. For ordering and
 * time-outs, not for arithmetic on buckets. */
int64_t mw_timeframe_ms(struct mw_timeframe timeframe);

#endif
