/* decimal_fuzz.c - decimals are what strtod reads, and survive being written and read again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mw_strndup((const char *)data, size);
    double value = 42.0;
    if (mw_decimal_parse(text, size, &value)) {
        double expected = strtod(text, NULL);
        MW_CHECK(memcmp(&value, &expected, sizeof(value)) == 0);
        char again[MW_DECIMAL_TEXT_BYTES];
        double reread;
        MW_CHECK(mw_decimal_parse(mw_decimal_format(value, again), strlen(again), &reread));
        MW_CHECK(memcmp(&value, &reread, sizeof(value)) == 0);
    } else {
        MW_CHECK(value == 42.0);
    }
    mw_free(text);
    return 0;
}
