/* capture_record.h - one record of a capture, as a struct and as bytes.
 *
 *     length  u32   of kind .. payload        little-endian, as all numbers here
 *     crc     u32   of kind .. payload        CRC-32C
 *     kind    u8    MW_CAPTURE_
 *     feed    u8    the feed's number, from its FEED record
 *     link    u16   the connection's number within its feed
 *     time    i64   wall clock, ms
 *     payload       length - 12 bytes: the kind's fields in the order below; numbers are i64, texts
 *                   are closed by a NUL, and `data` is the rest
 *
 * Bytes that parse give a struct that writes the same bytes: a record has one form.
 *
 * Threads: plain data.
 */
#ifndef MW_FEED_CAPTURE_RECORD_H
#define MW_FEED_CAPTURE_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* X(name, its fields). A FEED record with number 0 begins a section: a recording that was started
 * anew. What it says of feeds takes the place of all before, and no connection is left open. */
#define MW_CAPTURE_KIND_LIST(X)                                                                    \
    X(FEED, "bars, gap_wait_ms, name, protocol: a feed, before the first record of it")            \
    X(SUBSCRIBE, "symbol, timeframe, code: the connection takes what comes of that series")        \
    X(UNSUBSCRIBE, "symbol, timeframe, code: and does not any more")                               \
    X(OPEN, "data: the endpoint, without secrets")                                                 \
    X(RECEIVED, "data: a text message")                                                            \
    X(RECEIVED_BINARY, "data: a binary message")                                                   \
    X(SENT, "size, data: a message, or its size alone where it may hold secrets")                  \
    X(CLOSED, "data: why; every series may miss updates from now on (mw_intake_interrupt)")        \
    X(INTERRUPT, "symbol, timeframe, code: that series may (mw_intake_interrupt_series)")          \
    X(CLOCK, "open_ms, symbol, timeframe: the clock closed that bar")                              \
    X(HISTORY, "from_ms, to_ms, asked_ms, symbol, timeframe, data: the answer's body")

typedef enum mw_capture_kind {
#define MW_CAPTURE_KIND_ENUM(name, text) MW_CAPTURE_##name,
    MW_CAPTURE_KIND_LIST(MW_CAPTURE_KIND_ENUM)
#undef MW_CAPTURE_KIND_ENUM
        MW_CAPTURE_KIND_COUNT
} mw_capture_kind;

/* "FEED", "SUBSCRIBE", ... Never NULL. */
const char *mw_capture_kind_name(mw_capture_kind kind);

/* What payloads are made of; each kind uses those that it lists. Texts and data are borrowed; of a
 * record that was read they are good until the next read. */
struct mw_capture_fields {
    int64_t bars;           /* candles in each series of the cache */
    int64_t gap_wait_ms;    /* that readers wait for a hole to be filled */
    int64_t size;           /* of the message in `data`, if that is there */
    int64_t open_ms;        /* of the bar */
    int64_t from_ms, to_ms; /* what was asked for, see struct mw_protocol_history_request */
    int64_t asked_ms;       /* when it was */
    const char *name;       /* the feed's, at most MW_FEED_NAME_BYTES_MAX bytes */
    const char *protocol;   /* shipped name, or path, at most MW_PATH_BYTES_MAX bytes */
    const char *symbol;     /* at most MW_SYMBOL_BYTES_MAX bytes */
    const char *timeframe;  /* the engine's spelling, below MW_TIMEFRAME_BYTES_MAX bytes */
    const char *code;       /* the venue's spelling of it, likewise */
    const char *data;       /* MW_MESSAGE_PADDING readable bytes follow it when it was read */
    size_t length;          /* of `data` */
};

struct mw_capture_record {
    mw_capture_kind kind;
    uint8_t feed;
    uint16_t link;
    int64_t time_ms;
    struct mw_capture_fields fields;
};

/* How many bytes the record has. Its texts and data are within their limits. */
size_t mw_capture_record_size(const struct mw_capture_record *record);
/* Writes that many bytes to `out`. */
void mw_capture_record_write(const struct mw_capture_record *record, uint8_t *out);

typedef enum mw_capture_parsed {
    MW_CAPTURE_WHOLE,   /* a record of *size bytes */
    MW_CAPTURE_SHORT,   /* a record of at least *size bytes may begin here; there are fewer */
    MW_CAPTURE_DAMAGED, /* no record begins here */
} mw_capture_parsed;

/* Looks for a record at the beginning of `bytes`. `record` is filled for MW_CAPTURE_WHOLE only, and
 * points into the bytes. */
mw_capture_parsed mw_capture_record_parse(const uint8_t *bytes, size_t length,
                                          struct mw_capture_record *record, size_t *size);

#endif
