/* number.h - doubles as the decimal text that venues send.
 *
 * The usual price is a whole number of 1e-8, 1e-5 or 1e-2 and has at most 15 digits; such a number
 * is written digit by digit, because printf would take half of a simulator's time. 15 digits are
 * always enough to tell two doubles apart, so the text reads back as the same double.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_NUMBER_H
#define MW_SERVER_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum { MW_NUMBER_TEXT_BYTES = 40 };

/* The shortest decimal that reads back as `value`, written without exponent where 15 digits after
 * the point do. Returns the length; `text` holds MW_NUMBER_TEXT_BYTES and gets no NUL. */
size_t mw_number_shortest(double value, char *text);

/* The same with 8 digits after the point ("0.38518000") when that reads back as `value`. */
size_t mw_number_fixed(double value, char *text);

/* A whole number. */
size_t mw_number_integer(int64_t value, char *text);

#endif
