/* json_text.h - strings and numbers as JSON writes them.
 *
 * Threads: the caller's.
 */
#ifndef MW_BASE_JSON_TEXT_H
#define MW_BASE_JSON_TEXT_H

#include <stdbool.h>

#include "base/str.h"

/* Add a string and a number; false, and nothing added, when `out` cannot take it. What is no UTF-8
 * becomes U+FFFD, byte by byte; a number is the shortest that reads back as the same double, and
 * null where it is none or infinite. */
bool mw_json_add_text(struct mw_str *out, const char *text);
bool mw_json_add_number(struct mw_str *out, double number);

#endif
