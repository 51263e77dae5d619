/* decimal.h - decimal text to the nearest double, and back to the shortest text.
 *
 * Prices come as decimal text ("64117.67000000"). The double made from it is the one nearest to
 * that decimal, as strtod gives: where at most 15 significant digits and a power of ten up to 22
 * are involved, one exact integer and one correctly rounded multiplication or division do it
 * (W. D. Clinger, "How to read floating point numbers accurately", 1990); the rest goes to strtod.
 *
 * Threads: any thread.
 */
#ifndef MW_BASE_DECIMAL_H
#define MW_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MW_DECIMAL_TEXT_BYTES = 32 }; /* the longest shortest form, "-2.2250738585072014e-308" */

/* Reads all `length` bytes as [-]digits[.digits][(e|E)[+-]digits], the grammar of JSON with leading
 * zeros allowed. At most MW_DECIMAL_BYTES_MAX bytes. Returns false and leaves `value` alone for
 * anything else, and for what overflows a double. */
bool mw_decimal_parse(const char *text, size_t length, double *value);

/* Reads all `length` bytes as [-]digits that fit an int64_t. */
bool mw_integer_parse(const char *text, size_t length, int64_t *value);

/* Writes the shortest decimal that reads back as `value` ("0.1", "7424.91", "1e+22", "nan").
 * Returns `text`, which holds MW_DECIMAL_TEXT_BYTES. */
char *mw_decimal_format(double value, char *text);

/* Copies a number like "-1234567.5" with a comma after each three digits before its point:
 * "-1,234,567.5". Returns `text`, which holds `size` bytes and is cut to them. */
char *mw_decimal_group(const char *number, char *text, size_t size);

#endif
