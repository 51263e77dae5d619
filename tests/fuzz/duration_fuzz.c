/* duration_fuzz.c - durations that are read lie within 10 years, the others touch nothing. */
#include "base/check.h"
#include "base/clock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mw_strndup((const char *)data, size);
    int64_t duration_ms = -7;
    struct mw_error err = {.status = MW_OK};
    if (mw_duration_parse(text, &duration_ms, &err) == MW_OK) {
        MW_CHECK(duration_ms >= 0 && duration_ms <= 3660LL * MW_MS_PER_DAY);
    } else {
        MW_CHECK(duration_ms == -7 && err.status == MW_EPARSE && err.message[0] != '\0');
    }
    mw_free(text);
    return 0;
}
