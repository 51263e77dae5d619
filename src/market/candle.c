/* candle.c - what makes a candle a candle. */
#include "market/candle.h"

#include <math.h>

#include "base/check.h"

mw_fault mw_candle_check(const struct mw_candle *candle, struct mw_timeframe timeframe,
                         int64_t now_ms)
{
    /* A sum with a NaN or an infinity in it is never finite. */
    if (!isfinite(candle->open + candle->high + candle->low + candle->close + candle->volume))
        return MW_FAULT_NOT_FINITE;
    if (!(candle->low > 0 && candle->low <= candle->open && candle->low <= candle->close &&
          candle->open <= candle->high && candle->close <= candle->high))
        return MW_FAULT_RANGE;
    if (candle->volume < 0 || candle->turnover < 0)
        return MW_FAULT_VOLUME;
    if (candle->open_ms > now_ms + MW_CANDLE_AHEAD_MS_MAX)
        return MW_FAULT_FUTURE;
    if (candle->open_ms < MW_CANDLE_OPEN_MS_MIN ||
        mw_timeframe_floor(timeframe, candle->open_ms) != candle->open_ms)
        return MW_FAULT_OFF_GRID;
    return MW_FAULT_NONE;
}

const char *mw_fault_text(mw_fault fault)
{
    static const char *const texts[] = {
#define MW_FAULT_TEXT(name, text) text,
        MW_FAULT_LIST(MW_FAULT_TEXT)
#undef MW_FAULT_TEXT
    };
    MW_CHECK((unsigned)fault < MW_COUNT(texts));
    return texts[fault];
}

const char *mw_candle_source_text(uint8_t source)
{
    static const char *const texts[] = {"live",    "backfill", "store", "resampled",
                                        "context", "fill",     "import"};
    MW_CHECK(source < MW_COUNT(texts));
    return texts[source];
}

const char *mw_candle_closed_by_text(uint8_t closed_by)
{
    static const char *const texts[] = {"nobody", "exchange", "successor", "clock"};
    MW_CHECK(closed_by < MW_COUNT(texts));
    return texts[closed_by];
}
