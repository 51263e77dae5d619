/* truth.c - bars made anew, one by one, and compared to the last digit. */
#include "truth.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

const char *const truth_symbols[TRUTH_SYMBOLS_MAX] = {"BTCUSDT", "ETHUSDT", "SOLUSDT"};

void truth_init(struct truth *truth, uint64_t seed)
{
    for (size_t i = 0; i < TRUTH_SYMBOLS_MAX; i++)
        mw_price_model_init(&truth->models[i], seed, truth_symbols[i]);
}

void truth_candle(const struct truth *truth, const char *symbol, struct mw_timeframe timeframe,
                  int64_t open_ms, struct mw_candle *candle)
{
    size_t i = 0;
    while (strcmp(truth_symbols[i], symbol) != 0)
        MW_CHECK(++i < TRUTH_SYMBOLS_MAX);
    mw_price_candle(&truth->models[i], timeframe, open_ms, candle);
}

bool truth_equal(const struct mw_candle *truth, const struct mw_candle *candle)
{
    return candle->open == truth->open && candle->high == truth->high &&
           candle->low == truth->low && candle->close == truth->close &&
           candle->volume == truth->volume &&
           (isnan(candle->turnover) || candle->turnover == truth->turnover) &&
           (candle->trades == 0 || candle->trades == truth->trades);
}

static bool check_rows(const struct truth *truth, const struct mw_series_key *key,
                       const struct mw_candle *rows, uint32_t count, char *why, size_t room)
{
    for (uint32_t i = 0; i < count; i++) {
        char time[MW_TIME_TEXT_BYTES];
        mw_time_format(rows[i].open_ms, time);
        if (i > 0 && mw_timeframe_next(key->timeframe, rows[i - 1].open_ms) != rows[i].open_ms) {
            snprintf(why, room, "%s: no bar before %s, and no hole either", key->symbol, time);
            return false;
        }
        if (rows[i].state != MW_CANDLE_CLOSED)
            continue;
        struct mw_candle right;
        truth_candle(truth, key->symbol, key->timeframe, rows[i].open_ms, &right);
        if (truth_equal(&right, &rows[i]))
            continue;
        snprintf(why, room,
                 "%s %s closed by %s from %s, flags %u: %.17g %.17g %.17g %.17g %.17g, in truth "
                 "%.17g %.17g %.17g %.17g %.17g",
                 key->symbol, time, mw_candle_closed_by_text(rows[i].closed_by),
                 mw_candle_source_text(rows[i].source), rows[i].flags, rows[i].open, rows[i].high,
                 rows[i].low, rows[i].close, rows[i].volume, right.open, right.high, right.low,
                 right.close, right.volume);
        return false;
    }
    return true;
}

static bool series_is_whole(const struct truth *truth, struct mw_series *series, uint32_t bars,
                            char *why, size_t room)
{
    const struct mw_series_key *key = mw_series_key(series);
    char frequency[MW_TIMEFRAME_BYTES_MAX], time[MW_TIME_TEXT_BYTES];
    mw_timeframe_format(key->timeframe, frequency);
    struct mw_gap gap;
    if (mw_series_copy_gaps(series, &gap, 1) > 0) {
        mw_time_format(gap.from_ms, time);
        snprintf(why, room, "%s %s has a hole from %s on%s", key->symbol, frequency, time,
                 gap.given_up ? ", given up" : "");
        return false;
    }
    if (mw_series_get_health(series) != MW_SERIES_LIVE) {
        snprintf(why, room, "%s %s is not live", key->symbol, frequency);
        return false;
    }
    struct mw_candle *rows = mw_alloc(bars * sizeof(*rows));
    uint32_t count = mw_series_read_last(series, INT64_MAX, bars, true, rows);
    bool whole = count == bars;
    if (whole)
        whole = check_rows(truth, key, rows, count, why, room);
    else
        snprintf(why, room, "%s %s has %u bars of %u", key->symbol, frequency, count, bars);
    mw_free(rows);
    return whole;
}

bool truth_is_whole(const struct truth *truth, const struct mw_cache *cache, char *why, size_t room)
{
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++)
        if (!series_is_whole(truth, mw_cache_series_get(cache, i), mw_cache_bars(cache), why, room))
            return false;
    return true;
}
