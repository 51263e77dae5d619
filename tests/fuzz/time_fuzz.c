/* time_fuzz.c - a time that is read is written as text that reads as the same time. */
#include "base/check.h"
#include "base/clock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mw_strndup((const char *)data, size);
    int64_t time_ms = -7, again_ms = 0;
    if (mw_time_parse(text, &time_ms, NULL) == MW_OK) {
        char formatted[MW_TIME_TEXT_BYTES];
        MW_CHECK(mw_time_parse(mw_time_format(time_ms, formatted), &again_ms, NULL) == MW_OK);
        MW_CHECK(again_ms == time_ms);
    } else {
        MW_CHECK(time_ms == -7);
    }
    mw_free(text);
    return 0;
}
