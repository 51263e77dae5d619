/* grid_axis.c - the values of one parameter, read from text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backtest/grid.h"
#include "base/check.h"
#include "base/limits.h"

enum {
    RANGE_DIGITS_MAX = 15, /* of each number of a range, so that a sum of two fits an int64_t */
    RANGE_TEXT_BYTES = 32, /* of a value that a range makes */
};

#define SHOWN "%.60s" /* of a text in a message */

/* A decimal as it is written, without a double's residue: mantissa / 10^digits. */
struct exact {
    int64_t mantissa;
    int digits;
};

/* A piece of the text, not closed. */
struct piece {
    const char *text;
    size_t length;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads [-]digits[.digits], all of it, of at most RANGE_DIGITS_MAX digits. */
static bool read_exact(struct piece piece, struct exact *number)
{
    struct exact read = {0, 0};
    int digits = 0;
    bool negative = piece.length > 0 && piece.text[0] == '-', point = false;
    for (size_t i = negative; i < piece.length; i++) {
        char c = piece.text[i];
        if (c == '.' && !point && digits > 0 && i + 1 < piece.length) {
            point = true;
            continue;
        }
        if (!is_digit(c) || ++digits > RANGE_DIGITS_MAX)
            return false;
        read.mantissa = read.mantissa * 10 + (c - '0');
        read.digits += point;
    }
    if (digits == 0)
        return false;
    if (negative)
        read.mantissa = -read.mantissa;
    *number = read;
    return true;
}

/* Brings `number` to `digits` after the point. False when it does not fit then. */
static bool scale(struct exact *number, int digits)
{
    const int64_t most = INT64_C(1000000000000000); /* 10^RANGE_DIGITS_MAX */
    int64_t mantissa = number->mantissa;
    for (int i = number->digits; i < digits; i++) {
        if (mantissa >= most / 10 || mantissa <= -most / 10)
            return false;
        mantissa *= 10;
    }
    *number = (struct exact){mantissa, digits};
    return true;
}

/* Writes the shortest text of it: "0.5", "-3", "0". */
static void format_exact(struct exact number, char text[RANGE_TEXT_BYTES])
{
    while (number.digits > 0 && number.mantissa % 10 == 0)
        number = (struct exact){number.mantissa / 10, number.digits - 1};
    int64_t unit = 1;
    for (int i = 0; i < number.digits; i++)
        unit *= 10;
    int64_t whole = number.mantissa / unit, rest = number.mantissa % unit;
    const char *sign = number.mantissa < 0 ? "-" : "";
    whole = whole < 0 ? -whole : whole;
    rest = rest < 0 ? -rest : rest;
    if (number.digits == 0)
        snprintf(text, RANGE_TEXT_BYTES, "%s%" PRId64, sign, whole);
    else
        snprintf(text, RANGE_TEXT_BYTES, "%s%" PRId64 ".%0*" PRId64, sign, whole, number.digits,
                 rest);
}

static mw_status add_value(struct mw_grid_axis *axis, struct piece value, struct mw_error *err)
{
    if (value.length == 0)
        return mw_fail(err, MW_EINVAL, "parameter '%s': want a value, like 5, or 3..10",
                       axis->name);
    if (value.length > MW_GRID_VALUE_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "parameter '%s': a value of %zu bytes, at most %d",
                       axis->name, value.length, MW_GRID_VALUE_BYTES_MAX);
    if (axis->count == MW_GRID_VALUES_MAX)
        return mw_fail(err, MW_ELIMIT, "parameter '%s': more than %d values", axis->name,
                       MW_GRID_VALUES_MAX);
    if ((axis->count & (axis->count + 1)) == 0) /* 0, 1, 3, 7, ... are full */
        axis->values = mw_realloc_array(axis->values, axis->count * 2 + 1, sizeof(*axis->values));
    axis->values[axis->count++] = mw_strndup(value.text, value.length);
    return MW_OK;
}

/* The numbers of "3..10" or "0.1..0.5:0.1" at one scale. Errors name what is wrong. */
static mw_status read_range(const char *name, struct piece piece, size_t dots,
                            struct exact numbers[3], struct mw_error *err)
{
    const int length = piece.length < 60 ? (int)piece.length : 60;
    const char *colon = memchr(piece.text, ':', piece.length);
    const char *end = colon != NULL ? colon : piece.text + piece.length;
    const char *to = piece.text + dots + 2;
    struct piece pieces[3] = {
        {piece.text, dots}, {to, end > to ? (size_t)(end - to) : 0}, {"1", 1}};
    if (colon != NULL)
        pieces[2] = (struct piece){colon + 1, (size_t)(piece.text + piece.length - colon - 1)};
    int digits = 0;
    for (int i = 0; i < 3; i++) {
        if (!read_exact(pieces[i], &numbers[i]))
            return mw_fail(err, MW_EINVAL,
                           "parameter '%s': '%.*s': want FROM..TO or FROM..TO:STEP in plain "
                           "decimals of at most %d digits",
                           name, length, piece.text, RANGE_DIGITS_MAX);
        digits = numbers[i].digits > digits ? numbers[i].digits : digits;
    }
    if (colon == NULL && digits > 0)
        return mw_fail(err, MW_EINVAL,
                       "parameter '%s': '%.*s': want a step with it, like 0.1..0.5:0.1", name,
                       length, piece.text);
    for (int i = 0; i < 3; i++)
        if (!scale(&numbers[i], digits))
            return mw_fail(err, MW_EINVAL, "parameter '%s': '%.*s': more than %d digits", name,
                           length, piece.text, RANGE_DIGITS_MAX);
    if (numbers[2].mantissa <= 0 || numbers[0].mantissa > numbers[1].mantissa)
        return mw_fail(err, MW_EINVAL,
                       "parameter '%s': '%.*s': want a step above 0, from the smaller to the "
                       "greater",
                       name, length, piece.text);
    return MW_OK;
}

static mw_status add_range(struct mw_grid_axis *axis, struct piece piece, size_t dots,
                           struct mw_error *err)
{
    struct exact numbers[3] = {{0, 0}};
    mw_status status = read_range(axis->name, piece, dots, numbers, err);
    for (int64_t at = numbers[0].mantissa; status == MW_OK && at <= numbers[1].mantissa;
         at += numbers[2].mantissa) {
        char text[RANGE_TEXT_BYTES];
        format_exact((struct exact){at, numbers[0].digits}, text);
        status = add_value(axis, (struct piece){text, strlen(text)}, err);
    }
    return status;
}

/* Adds what stands between two commas. It is a range where a number stands before two points: a
 * path like "../x" is none. */
static mw_status add_piece(struct mw_grid_axis *axis, struct piece piece, struct mw_error *err)
{
    struct exact ignored;
    for (size_t i = 0; i + 1 < piece.length; i++)
        if (piece.text[i] == '.' && piece.text[i + 1] == '.') {
            bool is_range = read_exact((struct piece){piece.text, i}, &ignored);
            return is_range ? add_range(axis, piece, i, err) : add_value(axis, piece, err);
        }
    return add_value(axis, piece, err);
}

/* Names are those that a script can write behind "params.". */
static mw_status read_name(const char *text, struct mw_grid_axis *axis, struct mw_error *err)
{
    size_t length = 0;
    while ((text[length] >= 'a' && text[length] <= 'z') || text[length] == '_' ||
           (text[length] >= 'A' && text[length] <= 'Z') || (length > 0 && is_digit(text[length])))
        length++;
    if (length == 0 || text[length] != '=')
        return mw_fail(err, MW_EINVAL,
                       "'" SHOWN "': want NAME=VALUE, like fast=5, fast=3..10 or side=long,short",
                       text);
    if (length > MW_GRID_NAME_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "'" SHOWN "': a name of %zu bytes, at most %d", text, length,
                       MW_GRID_NAME_BYTES_MAX);
    axis->name = mw_strndup(text, length);
    return MW_OK;
}

mw_status mw_grid_axis_read(const char *text, struct mw_grid_axis *axis, struct mw_error *err)
{
    struct mw_grid_axis read = {.name = NULL};
    mw_status status = read_name(text, &read, err);
    if (status != MW_OK)
        return status;
    const char *at = text + strcspn(text, "=");
    do {
        at++; /* behind the '=' or a comma */
        size_t length = strcspn(at, ",");
        status = add_piece(&read, (struct piece){at, length}, err);
        at += length;
    } while (status == MW_OK && *at == ',');
    if (status != MW_OK) {
        mw_grid_axis_deinit(&read);
        return status;
    }
    *axis = read;
    return MW_OK;
}

void mw_grid_axis_deinit(struct mw_grid_axis *axis)
{
    mw_texts_free(&axis->values, &axis->count);
    mw_free(axis->name);
    axis->name = NULL;
}
