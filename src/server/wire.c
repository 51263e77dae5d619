/* wire.c - frame headers, and what follows them. */
#include "server/wire.h"

enum {
    HEADER_BYTES = 10, /* the longest; servers do not mask */
    FIN = 0x80,        /* the message's last frame */
    LENGTH_16 = 126,   /* the length follows in two bytes */
    LENGTH_64 = 127,   /* or in eight */
};

static bool add_header(struct mw_str *out, int first, size_t length)
{
    char header[HEADER_BYTES] = {(char)first, (char)length};
    size_t size = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;
    if (size > 0)
        header[1] = size == 2 ? LENGTH_16 : LENGTH_64;
    for (size_t i = 0; i < size; i++)
        header[2 + i] = (char)(length >> (8 * (size - 1 - i)) & 0xff);
    return mw_str_add(out, header, 2 + size);
}

bool mw_wire_add(struct mw_str *out, int opcode, const char *data, size_t length)
{
    return add_header(out, FIN | opcode, length) && mw_str_add(out, data, length);
}

bool mw_wire_add_fragments(struct mw_str *out, const char *text, size_t length, uint32_t count)
{
    size_t frames = count < length ? count : length;
    for (size_t i = 0; i < frames; i++) {
        size_t from = length * i / frames, to = length * (i + 1) / frames;
        int opcode = i == 0 ? MW_WIRE_TEXT : MW_WIRE_CONTINUATION;
        if (!add_header(out, (i + 1 == frames ? FIN : 0) | opcode, to - from) ||
            !mw_str_add(out, text + from, to - from))
            return false;
    }
    return true;
}

bool mw_wire_add_half(struct mw_str *out, const char *text, size_t length)
{
    return add_header(out, FIN | MW_WIRE_TEXT, length) && mw_str_add(out, text, length / 2);
}
