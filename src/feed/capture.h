/* capture.h - raw frames on disk: what went over the wire, when, and which way.
 *
 * A file is a header and records, each with a length and a checksum (CRC-32C) of its own, so that a
 * tail that was torn by a crash is found, and cut when the file is opened to be written on:
 *
 *     "MWCAP\0\1\0"                           magic and version, 8 bytes
 *     length  u32   of kind .. payload        little-endian, as all numbers here
 *     crc     u32   of kind .. payload
 *     kind    u8    MW_CAPTURE_
 *     feed    u8    index in the order of the FEED records
 *     link    u16   the connection's number within its feed
 *     time    i64   wall clock, ms
 *     payload       length - 12 bytes
 *
 * Threads: a writer takes records from any thread (`lock`); a reader is its owner's.
 */
#ifndef MW_FEED_CAPTURE_H
#define MW_FEED_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* X(name, what the payload is) */
#define MW_CAPTURE_KIND_LIST(X)                                                                    \
    X(FEED, "JSON: name, protocol, history base; defines the next feed index")                     \
    X(SUBSCRIBE, "symbol NUL timeframe NUL the venue's spelling of it")                            \
    X(UNSUBSCRIBE, "the same")                                                                     \
    X(OPEN, "endpoint without secrets")                                                            \
    X(RECEIVED, "a message")                                                                       \
    X(SENT, "a message; only its length where it may hold secrets")                                \
    X(CLOSED, "reason")                                                                            \
    X(CLOCK, "open time i64, symbol NUL spelling: the clock closed that bar")                      \
    X(HISTORY, "from i64, to i64, symbol NUL spelling NUL, the answer's body")

typedef enum mw_capture_kind {
#define MW_CAPTURE_KIND_ENUM(name, text) MW_CAPTURE_##name,
    MW_CAPTURE_KIND_LIST(MW_CAPTURE_KIND_ENUM)
#undef MW_CAPTURE_KIND_ENUM
        MW_CAPTURE_KIND_COUNT
} mw_capture_kind;

struct mw_capture_record {
    mw_capture_kind kind;
    uint8_t feed;
    uint16_t link;
    int64_t time_ms;
    const char *payload; /* borrowed until the next read; MW_MESSAGE_PADDING bytes follow */
    size_t length;
};

struct mw_capture;        /* opaque; a file that is written */
struct mw_capture_reader; /* opaque */

/* Opens `path` for appending and cuts a torn tail; `cut` (may be NULL) gets how many bytes that
 * was. Errors: MW_EIO, MW_EPARSE for a file that is no capture. */
MW_MUST_USE mw_status mw_capture_open(const char *path, struct mw_capture **out, uint64_t *cut,
                                      struct mw_error *err);
/* Writes what is buffered. NULL is fine. Errors: MW_EIO, the first that happened since the
 * start. */
mw_status mw_capture_close(struct mw_capture *capture, struct mw_error *err);

/* Appends a record; buffered, written at the latest when mw_capture_flush is called. What cannot be
 * written is counted and told once. */
void mw_capture_put(struct mw_capture *capture, const struct mw_capture_record *record);
void mw_capture_flush(struct mw_capture *capture);

/* Records and bytes so far. */
void mw_capture_count(struct mw_capture *capture, uint64_t *records, uint64_t *bytes);

MW_MUST_USE mw_status mw_capture_read_open(const char *path, struct mw_capture_reader **out,
                                           struct mw_error *err);
void mw_capture_read_close(struct mw_capture_reader *reader);
/* Reads the next record; false at the end. `torn` bytes at the end are told by mw_capture_torn. A
 * record in the middle that is damaged ends the reading too. */
bool mw_capture_read(struct mw_capture_reader *reader, struct mw_capture_record *record);
uint64_t mw_capture_torn(const struct mw_capture_reader *reader);

#endif
