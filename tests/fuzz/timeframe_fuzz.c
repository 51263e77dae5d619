/* timeframe_fuzz.c - timeframes survive their text, and buckets hold their times. */
#include "base/check.h"
#include "fuzz.h"
#include "market/timeframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mw_strndup((const char *)data, size), formatted[MW_TIMEFRAME_BYTES_MAX];
    struct mw_timeframe timeframe, again;
    if (mw_timeframe_parse(text, &timeframe, NULL) == MW_OK) {
        mw_timeframe_format(timeframe, formatted);
        MW_CHECK(mw_timeframe_parse(formatted, &again, NULL) == MW_OK);
        MW_CHECK(mw_timeframe_equal(timeframe, again));
        int64_t time_ms = 1522800000000 + (int64_t)size * 86399999;
        int64_t open_ms = mw_timeframe_floor(timeframe, time_ms);
        int64_t next_ms = mw_timeframe_next(timeframe, open_ms);
        MW_CHECK(open_ms <= time_ms && time_ms < next_ms);
        MW_CHECK(mw_timeframe_floor(timeframe, open_ms) == open_ms);
        MW_CHECK(mw_timeframe_floor(timeframe, next_ms - 1) == open_ms);
        MW_CHECK(mw_timeframe_floor(timeframe, next_ms) == next_ms);
    }
    mw_free(text);
    return 0;
}
