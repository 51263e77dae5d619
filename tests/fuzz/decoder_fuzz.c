/* decoder_fuzz.c - any bytes as a message: the same twice, and a candle that is accepted is one. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "feed/decoder.h"
#include "fuzz.h"
#include "net/client.h"

static void check(struct mw_decoder *decoder, const char *message, size_t size)
{
    struct mw_decoded first, second;
    mw_decoder_decode(decoder, message, size, &first);
    const struct mw_candle c =
        first.row_count == 1 ? first.rows->candle : (struct mw_candle){.open_ms = 0};
    mw_decoder_decode(decoder, message, size, &second);
    MW_CHECK(second.kind == first.kind && second.reject == first.reject && first.row_count < 2);
    MW_CHECK(first.row_count == 0 || memcmp(&c, &second.rows->candle, sizeof(c)) == 0);
    if (first.row_count == 1 &&
        mw_candle_check(&c, (struct mw_timeframe){1, 'm'}, INT64_MAX / 2) == MW_FAULT_NONE)
        MW_CHECK(isfinite(c.volume) && isfinite(c.high) && c.volume >= 0 && c.low > 0 &&
                 c.low <= fmin(c.open, c.close) && fmax(c.open, c.close) <= c.high);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"binance", "wealthdata"};
    static struct mw_decoder *decoders[MW_COUNT(names)];
    struct mw_protocol *protocol;
    for (size_t i = 0; i < MW_COUNT(names) && decoders[i] == NULL; i++) {
        MW_CHECK(mw_protocol_load(names[i], &protocol, NULL) == MW_OK);
        decoders[i] = mw_decoder_new(protocol);
    }
    char *message = mw_alloc_zero(size + MW_MESSAGE_PADDING);
    memcpy(message, size > 0 ? data : (const uint8_t *)"", size);
    for (size_t i = 0; i < MW_COUNT(names); i++)
        check(decoders[i], message, size);
    mw_free(message);
    return 0;
}
