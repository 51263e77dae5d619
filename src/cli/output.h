/* output.h - pieces of what several commands print: digits, names of series.
 *
 * Threads: the caller's.
 */
#ifndef MW_CLI_OUTPUT_H
#define MW_CLI_OUTPUT_H

#include <stdint.h>

#include "base/json_text.h"
#include "base/str.h"
#include "market/series.h"

/* Digits after the point for a span of time: "1.9 s", "0.004 s". */
int mw_seconds_digits(double seconds);

/* "demo BTCUSDT 1m", with '?' for what a terminal would obey. Returns `text`. */
enum { MW_SERIES_TEXT_BYTES = MW_FEED_NAME_BYTES_MAX + MW_SYMBOL_BYTES_MAX + 20 };
char *mw_series_text(const struct mw_series_key *key, char *text);

/* Adds ',"feed":...,"symbol":...,"timeframe":...'. */
void mw_json_add_key(struct mw_str *out, const struct mw_series_key *key);

#endif
