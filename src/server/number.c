/* number.c - decimal text, digit by digit. */
#include "server/number.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"

enum { FIXED_DIGITS = 8 };

static const double exact_max = 1e15; /* every whole number below it is a double, with 15 digits */

/* A value as units / 10^digits. */
struct parts {
    uint64_t units;
    int digits;
};

/* Returns false for what is not exactly that, or negative. */
static bool split(double value, struct parts *parts)
{
    static const struct {
        double scale;
        int digits;
    } steps[] = {{1e8, 8}, {1e5, 5}, {1e2, 2}};
    for (size_t i = 0; i < MW_COUNT(steps); i++) {
        double scaled = value * steps[i].scale + 0.5;
        if (!(scaled >= 0.5 && scaled < exact_max))
            continue;
        parts->units = (uint64_t)scaled;
        parts->digits = steps[i].digits;
        /* A division of two exact doubles rounds once, so this is the double nearest to the
         * text. */
        return (double)parts->units / steps[i].scale == value;
    }
    return false;
}

static size_t write_digits(uint64_t value, char *text)
{
    char reversed[20];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    return length;
}

/* Writes `units` with a point before its last `digits`. */
static size_t write_parts(struct parts parts, char *text)
{
    uint64_t scale = 1;
    for (int i = 0; i < parts.digits; i++)
        scale *= 10;
    size_t length = write_digits(parts.units / scale, text);
    if (parts.digits == 0)
        return length;
    text[length] = '.';
    uint64_t fraction = parts.units % scale;
    for (int i = parts.digits; i > 0; i--, fraction /= 10)
        text[length + (size_t)i] = (char)('0' + fraction % 10);
    return length + 1 + (size_t)parts.digits;
}

size_t mw_number_shortest(double value, char *text)
{
    struct parts parts;
    if (!split(value, &parts)) {
        char shortest[MW_DECIMAL_TEXT_BYTES];
        size_t length = strlen(mw_decimal_format(value, shortest));
        memcpy(text, shortest, length);
        return length;
    }
    while (parts.digits > 0 && parts.units % 10 == 0) {
        parts.units /= 10;
        parts.digits--;
    }
    return write_parts(parts, text);
}

size_t mw_number_fixed(double value, char *text)
{
    struct parts parts;
    if (split(value, &parts)) {
        size_t length = write_parts(parts, text);
        for (; parts.digits < FIXED_DIGITS; parts.digits++)
            text[length++] = '0';
        return length;
    }
    size_t length = mw_number_shortest(value, text);
    if (memchr(text, 'e', length) != NULL || !isfinite(value))
        return length;
    const char *point = memchr(text, '.', length);
    size_t digits = point != NULL ? length - 1 - (size_t)(point - text) : 0;
    if (digits > FIXED_DIGITS)
        return length;
    if (point == NULL)
        text[length++] = '.';
    for (; digits < FIXED_DIGITS; digits++)
        text[length++] = '0';
    return length;
}

size_t mw_number_integer(int64_t value, char *text)
{
    if (value >= 0)
        return write_digits((uint64_t)value, text);
    text[0] = '-';
    return 1 + write_digits(-(uint64_t)value, text + 1);
}
