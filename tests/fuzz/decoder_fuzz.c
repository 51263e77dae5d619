/* decoder_fuzz.c - any bytes as a message: the same twice, no false candle, pings answered. */
#include "base/check.h"
#include "fuzz.h"
#include "shipped.h"

static void add(void *user, const char *text, size_t length)
{
    (void)text;
    *(size_t *)user += length;
}

/* The venue chooses the message that its ping's answer is made of. */
static void answer(struct mw_protocol *protocol, const char *data, size_t size,
                   const struct mw_decoded *decoded)
{
    size_t length = 0;
    const struct mw_text message = {data, size};
    if (decoded->kind == MW_DECODED_PING &&
        mw_protocol_build_answer(protocol, decoded->ping_index, message, add, &length, NULL) ==
            MW_OK)
        MW_CHECK(length > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    shipped_check(mw_decoder_decode, data, size, answer);
    return 0;
}
