/* shipped.h - a decoder for every shipped protocol, and what is true of anything they give.
 *
 * Threads: one.
 */
#ifndef MW_FUZZ_SHIPPED_H
#define MW_FUZZ_SHIPPED_H

#include <stddef.h>
#include <stdint.h>

#include "feed/decoder.h"

typedef void (*shipped_decode_fn)(struct mw_decoder *decoder, const char *data, size_t length,
                                  struct mw_decoded *decoded);

/* Gives the bytes to `decode` with the decoder of each shipped protocol, twice each: the result is
 * the same, within its bounds, and each row of it that is taken for a candle is one. Calls `also`
 * with the result, unless it is NULL. */
void shipped_check(shipped_decode_fn decode, const uint8_t *data, size_t size,
                   void (*also)(struct mw_protocol *protocol, const char *data, size_t size,
                                const struct mw_decoded *decoded));

#endif
