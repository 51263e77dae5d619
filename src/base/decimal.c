/* decimal.c - decimal text to double. */
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum {
    EXACT_DIGITS = 15,   /* every integer of 15 digits is below 2^53 */
    EXACT_EXPONENT = 22, /* 10^22 is the largest power of ten that is a double */
};

static const double powers_of_ten[EXACT_EXPONENT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* What the text says, before it is a double: digits * 10^exponent. */
struct decimal_parts {
    uint64_t digits; /* wraps round past 19 of them */
    int significant; /* how many digits `digits` has; past EXACT_DIGITS it is not used */
    int exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *scan_digits(const char *at, const char *end, struct decimal_parts *parts)
{
    uint64_t digits = parts->digits; /* in registers; memory is slower than the arithmetic */
    int significant = parts->significant;
    for (; at < end && is_digit(*at); at++) {
        digits = digits * 10 + (uint64_t)(*at - '0');
        significant += significant > 0 || *at != '0';
    }
    parts->digits = digits;
    parts->significant = significant;
    return at;
}

static bool scan_exponent(const char *at, const char *end, int *exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    int value = 0;
    for (; at < end && is_digit(*at); at++)
        if (value < 100000) /* far past any double; more digits change nothing */
            value = value * 10 + (*at - '0');
    *exponent += negative ? -value : value;
    return at == end;
}

static bool parse_general(const char *text, size_t length, double *value)
{
    char copy[MW_DECIMAL_BYTES_MAX + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    double parsed = strtod(copy, NULL);
    if (!isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

bool mw_decimal_parse(const char *text, size_t length, double *value)
{
    if (length == 0 || length > MW_DECIMAL_BYTES_MAX)
        return false;
    const char *at = text, *end = text + length;
    bool negative = *at == '-';
    at += negative;

    struct decimal_parts parts = {0};
    const char *start = at;
    at = scan_digits(at, end, &parts);
    if (at == start)
        return false;
    if (at < end && *at == '.') {
        start = ++at;
        at = scan_digits(at, end, &parts);
        if (at == start)
            return false;
        parts.exponent = -(int)(at - start);
    }
    if (at < end) {
        if ((*at != 'e' && *at != 'E') || !scan_exponent(at + 1, end, &parts.exponent))
            return false;
    }

    if (parts.significant > EXACT_DIGITS || parts.exponent < -EXACT_EXPONENT ||
        parts.exponent > EXACT_EXPONENT)
        return parse_general(text, length, value);
    double magnitude = (double)parts.digits;
    magnitude = parts.exponent < 0 ? magnitude / powers_of_ten[-parts.exponent]
                                   : magnitude * powers_of_ten[parts.exponent];
    *value = negative ? -magnitude : magnitude;
    return true;
}

bool mw_integer_parse(const char *text, size_t length, int64_t *value)
{
    bool negative = length > 0 && text[0] == '-';
    size_t i = negative;
    if (i == length)
        return false;
    int64_t result = 0; /* kept negative: the range reaches one further there */
    for (; i < length; i++) {
        if (!is_digit(text[i]) || __builtin_mul_overflow(result, 10, &result) ||
            __builtin_sub_overflow(result, text[i] - '0', &result))
            return false;
    }
    if (!negative && result == INT64_MIN)
        return false;
    *value = negative ? result : -result;
    return true;
}

/* Writes digits / 10^places; at least one digit stands before the point. */
static void write_fixed(bool negative, uint64_t digits, int places, char *text)
{
    char backwards[MW_DECIMAL_TEXT_BYTES];
    size_t count = 0;
    for (int i = 0; i <= places || digits > 0; i++) {
        if (i > 0 && i == places)
            backwards[count++] = '.';
        backwards[count++] = (char)('0' + digits % 10);
        digits /= 10;
    }
    if (negative)
        *text++ = '-';
    while (count > 0)
        *text++ = backwards[--count];
    *text = '\0';
}

/* Most numbers are decimals of up to 15 digits. No two of those are the same double, so the first
 * one that divides back to `value` is the shortest. False when there is none, or when it is written
 * with an exponent. */
static bool format_short(double value, char *text)
{
    const double bound = 1e15; /* of EXACT_DIGITS */
    double magnitude = fabs(value);
    if (!(magnitude < bound && (magnitude >= 1e-4 || magnitude == 0)))
        return false;
    for (int places = 0; places <= EXACT_EXPONENT; places++) {
        double scaled = magnitude * powers_of_ten[places] + 0.5;
        if (!(scaled < bound))
            return false;
        uint64_t digits = (uint64_t)scaled;
        if ((double)digits / powers_of_ten[places] == magnitude) {
            write_fixed(signbit(value) != 0, digits, places, text);
            return true;
        }
    }
    return false;
}

char *mw_decimal_format(double value, char *text)
{
    if (format_short(value, text))
        return text;
    for (int precision = EXACT_DIGITS; precision <= 17; precision++) {
        snprintf(text, MW_DECIMAL_TEXT_BYTES, "%.*g", precision, value);
        if (precision == 17 || isnan(value) || strtod(text, NULL) == value)
            break;
    }
    return text;
}

char *mw_decimal_group(const char *number, char *text, size_t size)
{
    size_t sign = number[0] == '-', end = sign + strcspn(number + sign, "."), length = 0;
    for (size_t i = 0; number[i] != '\0' && length + 1 < size; i++) {
        if (i > sign && i < end && (end - i) % 3 == 0)
            text[length++] = ',';
        if (length + 1 < size)
            text[length++] = number[i];
    }
    text[length] = '\0';
    return text;
}
