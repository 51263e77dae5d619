/* decoder.h - from the bytes of a message to candles and replies.
 *
 * Every message takes the general path for now: simdjson validates it, then the protocol's compiled
 * patterns are tried, candles first, and fields are looked up by path. Messages of one stream have
 * one shape; a faster path that knows shapes fits in front, inside mw_decoder_decode, without its
 * callers knowing.
 *
 * Threads: feed thread only.
 */
#ifndef MW_FEED_DECODER_H
#define MW_FEED_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed/protocol.h"
#include "market/candle.h"

struct mw_decoder; /* opaque */

/* Makes a decoder for `protocol`, borrowed until mw_decoder_free. */
struct mw_decoder *mw_decoder_new(const struct mw_protocol *protocol);
void mw_decoder_free(struct mw_decoder *decoder);

/* Why a message was not used. The first are the decoder's; what makes a candle none comes after, in
 * the order of mw_fault; the last are the connection's. X(name, text as status() shows it) */
#define MW_REJECT_LIST(X)                                                                          \
    X(NOT_UTF8, "not_utf8")                                                                        \
    X(NOT_JSON, "not_json")                                                                        \
    X(BINARY, "binary")               /* a binary message where text is spoken */                  \
    X(MISSING_FIELD, "missing_field") /* a candle without one of its fields */                     \
    X(WRONG_TYPE, "wrong_type")       /* a field that is no text or number, as it should be */     \
    X(NOT_A_NUMBER, "not_a_number")   /* text where a decimal should be; "NaN" too */              \
    X(TOO_MANY_ROWS, "too_many_rows") /* more than MW_CANDLE_ROWS_MAX */                           \
    X(UNEXPECTED, "unexpected")       /* a history's answer that is none */                        \
    X(UNKNOWN_SYMBOL, "unknown_symbol")

typedef enum mw_reject {
#define MW_REJECT_ENUM(name, text) MW_REJECT_##name,
    MW_REJECT_LIST(MW_REJECT_ENUM)
#undef MW_REJECT_ENUM
        MW_REJECT_FAULTS, /* MW_REJECT_FAULTS + fault - 1 for each mw_fault but NONE */
    MW_REJECT_COUNT = MW_REJECT_FAULTS + MW_FAULT_COUNT - 1
} mw_reject;

/* "not_json", "off_grid", ... Never NULL. */
const char *mw_reject_text(mw_reject reject);
mw_reject mw_reject_of_fault(mw_fault fault);

/* Texts of a result are borrowed until the next decode. */
typedef enum mw_decoded_kind {
    MW_DECODED_CANDLES, /* rows, which may be none */
    MW_DECODED_OK,      /* the venue confirms a request: has_id, id */
    MW_DECODED_ERROR,   /* the venue refuses something: has_id, id, message, code */
    /* Rows that are history: closed by the exchange and of MW_SOURCE_BACKFILL, but the newest of
     * each series, which forms and is of MW_SOURCE_LIVE. Where a row says itself whether it is
     * closed, that counts. */
    MW_DECODED_SNAPSHOT,
    MW_DECODED_PING,     /* wants an answer: ping_index, see mw_protocol_build_answer */
    MW_DECODED_PONG,     /* answers our heartbeat */
    MW_DECODED_NOTICE,   /* the venue is going to end the connection */
    MW_DECODED_OTHER,    /* valid, and nothing that the protocol describes */
    MW_DECODED_REJECTED, /* reject */
} mw_decoded_kind;

struct mw_decoded_row {
    struct mw_text symbol, timeframe_code;
    struct mw_candle candle; /* source MW_SOURCE_LIVE, in an answer of a history MW_SOURCE_BACKFILL;
                                not checked for making sense */
};

struct mw_decoded {
    mw_decoded_kind kind;
    const struct mw_decoded_row *rows; /* borrowed until the next decode */
    uint32_t row_count;
    bool has_id;
    int64_t id;
    struct mw_text message; /* the venue's words; empty where it has none */
    int code;
    mw_reject reject;
    uint32_t ping_index;
};

/* Decodes the answer of a venue's history: CANDLES, ERROR or REJECTED. Rows are in the order of the
 * answer, forming as far as they tell. `symbol` and `timeframe_code` are empty unless the protocol
 * says where an answer has them, and then ought to be what was asked for. Any row that cannot be
 * read rejects the whole answer, as it does a message. MW_MESSAGE_PADDING readable bytes follow. */
void mw_decoder_decode_history(struct mw_decoder *decoder, const char *data, size_t length,
                               struct mw_decoded *decoded);

/* Decodes one text message, which MW_MESSAGE_PADDING readable bytes follow. */
void mw_decoder_decode(struct mw_decoder *decoder, const char *data, size_t length,
                       struct mw_decoded *decoded);

#endif
