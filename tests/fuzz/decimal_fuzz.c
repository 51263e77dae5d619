/* decimal_fuzz.c - decimals are what strtod reads, and survive being written and read again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "fuzz.h"

/* The shortest of the general forms with 15 to 17 digits. */
static void check_format(double value)
{
    char text[MW_DECIMAL_TEXT_BYTES], general[MW_DECIMAL_TEXT_BYTES];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(general, sizeof(general), "%.*g", precision, value);
        if (isnan(value) || strtod(general, NULL) == value)
            break;
    }
    MW_CHECK(strcmp(mw_decimal_format(value, text), general) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double any;
    if (size == sizeof(any)) {
        memcpy(&any, data, size);
        check_format(any);
    }
    char *text = mw_strndup((const char *)data, size);
    double value = 42.0;
    if (mw_decimal_parse(text, size, &value)) {
        double expected = strtod(text, NULL);
        MW_CHECK(memcmp(&value, &expected, sizeof(value)) == 0);
        check_format(value);
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
