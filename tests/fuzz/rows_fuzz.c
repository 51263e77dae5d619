/* rows_fuzz.c - any bytes as a history's answer: rows, an error or a reason, the same twice. */
#include "base/check.h"
#include "fuzz.h"
#include "shipped.h"

static void check_kind(struct mw_protocol *protocol, const char *data, size_t size,
                       const struct mw_decoded *decoded)
{
    (void)protocol;
    (void)data;
    (void)size;
    MW_CHECK(decoded->kind == MW_DECODED_CANDLES || decoded->kind == MW_DECODED_ERROR ||
             decoded->kind == MW_DECODED_REJECTED);
    for (uint32_t i = 0; i < decoded->row_count; i++)
        MW_CHECK(decoded->rows[i].candle.source == MW_SOURCE_BACKFILL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    shipped_check(mw_decoder_decode_history, data, size, check_kind);
    return 0;
}
