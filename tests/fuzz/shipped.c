/* shipped.c - the decoders are made once, for as long as the fuzzer runs. */
#include "shipped.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/embedded.h"
#include "base/limits.h"
#include "net/client.h"

enum { SHIPPED_MAX = 64 };

static struct mw_protocol *protocols[SHIPPED_MAX];
static struct mw_decoder *decoders[SHIPPED_MAX];

static size_t load_all(void)
{
    static const char prefix[] = "moonwick/protocols/";
    static size_t count;
    const char *path;
    if (count > 0)
        return count;
    for (size_t i = 0; (path = mw_embedded_name(i)) != NULL; i++) {
        char name[MW_FEED_NAME_BYTES_MAX + 1];
        if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
            continue;
        path += sizeof(prefix) - 1;
        snprintf(name, sizeof(name), "%.*s", (int)strlen(path) - 4, path);
        MW_CHECK(count < SHIPPED_MAX);
        MW_CHECK(mw_protocol_load(name, &protocols[count], NULL) == MW_OK);
        decoders[count] = mw_decoder_new(protocols[count]);
        count++;
    }
    MW_CHECK(count > 0);
    return count;
}

static void check_candle(const struct mw_candle *c)
{
    if (mw_candle_check(c, (struct mw_timeframe){1, 'm'}, INT64_MAX / 2) != MW_FAULT_NONE)
        return;
    MW_CHECK(isfinite(c->volume) && isfinite(c->high) && c->volume >= 0 && c->low > 0 &&
             c->low <= fmin(c->open, c->close) && fmax(c->open, c->close) <= c->high);
    MW_CHECK(c->state == MW_CANDLE_FORMING || c->closed_by == MW_CLOSED_BY_EXCHANGE);
}

static bool same_row(const struct mw_decoded_row *a, const struct mw_decoded_row *b)
{
    return memcmp(&a->candle, &b->candle, sizeof(a->candle)) == 0 &&
           a->symbol.length == b->symbol.length &&
           a->timeframe_code.length == b->timeframe_code.length;
}

void shipped_check(shipped_decode_fn decode, const uint8_t *data, size_t size,
                   void (*also)(struct mw_protocol *protocol, const char *data, size_t size,
                                const struct mw_decoded *decoded))
{
    size_t count = load_all();
    char *message = mw_alloc_zero(size + MW_MESSAGE_PADDING);
    memcpy(message, size > 0 ? data : (const uint8_t *)"", size);
    for (size_t i = 0; i < count; i++) {
        struct mw_decoded first, second;
        decode(decoders[i], message, size, &first);
        MW_CHECK(first.row_count <= MW_CANDLE_ROWS_MAX);
        MW_CHECK(first.row_count == 0 || first.kind == MW_DECODED_CANDLES ||
                 first.kind == MW_DECODED_SNAPSHOT);
        struct mw_decoded_row *rows =
            mw_realloc_array(NULL, (size_t)first.row_count + 1, sizeof(*rows));
        for (uint32_t r = 0; r < first.row_count; r++) {
            rows[r] = first.rows[r];
            check_candle(&rows[r].candle);
        }
        decode(decoders[i], message, size, &second);
        MW_CHECK(second.kind == first.kind && second.reject == first.reject &&
                 second.row_count == first.row_count && second.ping_index == first.ping_index);
        for (uint32_t r = 0; r < first.row_count; r++)
            MW_CHECK(same_row(&rows[r], &second.rows[r]));
        if (also != NULL)
            also(protocols[i], message, size, &second);
        mw_free(rows);
    }
    mw_free(message);
}
