/* wire.h - a server's WebSocket frames, made by hand: RFC 6455, section 5.2.
 *
 * By hand, because many go out as one piece of bytes, and because some are to be wrong.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_WIRE_H
#define MW_SERVER_WIRE_H

#include <stdint.h>

#include "base/str.h"

enum { MW_WIRE_CONTINUATION = 0, MW_WIRE_TEXT = 1, MW_WIRE_BINARY = 2 };

/* Adds a message in one frame. False when it does not fit. */
bool mw_wire_add(struct mw_str *out, int opcode, const char *data, size_t length);
/* Adds a text message in `count` frames, or as many as it has bytes. */
bool mw_wire_add_fragments(struct mw_str *out, const char *text, size_t length, uint32_t count);
/* Adds a text message without its second half. */
bool mw_wire_add_half(struct mw_str *out, const char *text, size_t length);

#endif
