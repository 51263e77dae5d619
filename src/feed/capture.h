/* capture.h - raw frames on disk: what went over the wire, when, and which way.
 *
 * A file is the eight bytes "MWCAP\0\1\0" (magic, and the version as u16) and records, each with a
 * length and a checksum of its own (capture_record.h). It is only ever appended to. A tail that was
 * torn by a crash is found by that, and cut when the file is opened to be written on; what comes
 * then begins a section of its own. Damage with whole records behind it is no torn tail: such a
 * file can be read up to there, and is not written on.
 *
 * What is recorded is what an intake (intake.h) was told, in the order in which it was told, so
 * that telling it again gives the same candles. Each connection has a tap:
 *
 *     tap = mw_capture_tap(options->capture, options->capture_feed);
 *     mw_capture_put(&tap, MW_CAPTURE_RECEIVED, now_ms,
 *                    &(struct mw_capture_fields){.data = data, .length = length});
 *
 * Records go to a buffer; a full one is written by whoever fills it, while others fill the next.
 * When the disk takes no more the recording has ended: the file keeps what was written whole, which
 * is true up to there, the rest is counted as lost, and the feed goes on.
 *
 * Threads: any thread puts and flushes; `write_lock` orders what is written, `lock` covers buffer
 * and counters and is not held over a write. A reader is its owner's.
 */
#ifndef MW_FEED_CAPTURE_H
#define MW_FEED_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/capture_record.h"

struct mw_capture;        /* opaque; a file that is written */
struct mw_capture_reader; /* opaque */

/* Opens `path` for appending and cuts a torn tail; `cut` (may be NULL) gets how many bytes that
 * was. Errors: MW_EIO, also for a file that somebody else is recording to; MW_EPARSE for a file
 * that is no capture, has a version that is not known, or is damaged before its end. */
MW_MUST_USE mw_status mw_capture_open(const char *path, struct mw_capture **out, uint64_t *cut,
                                      struct mw_error *err);
/* Writes what is buffered, sees it to the disk, and frees. NULL is fine. Errors: MW_EIO, the first
 * that happened since the start. */
mw_status mw_capture_close(struct mw_capture *capture, struct mw_error *err);

/* Announces a feed, with the fields of a FEED record; its records carry `*number`. Errors:
 * MW_ELIMIT past MW_CAPTURE_FEEDS_MAX, or for a protocol's path past MW_PATH_BYTES_MAX. */
MW_MUST_USE mw_status mw_capture_add_feed(struct mw_capture *capture,
                                          const struct mw_capture_fields *feed, uint8_t *number,
                                          struct mw_error *err);

/* Whose records they are. Zero: nobody records. */
struct mw_capture_tap {
    struct mw_capture *capture; /* borrows */
    uint8_t feed;
    uint16_t link;
};

/* A tap for one more connection of `feed`; the zero tap when `capture` is NULL. */
struct mw_capture_tap mw_capture_tap(struct mw_capture *capture, uint8_t feed);

/* Appends a record of what happened at `time_ms`. Does nothing on a zero tap. */
void mw_capture_put(const struct mw_capture_tap *tap, mw_capture_kind kind, int64_t time_ms,
                    const struct mw_capture_fields *fields);

/* Writes what is buffered. NULL is fine. */
void mw_capture_flush(struct mw_capture *capture);

struct mw_capture_status {
    uint64_t records, bytes; /* put since it was opened, without those that were lost */
    uint64_t lost;           /* records that could not be written */
    bool has_error;
    struct mw_error error; /* then, why */
};

void mw_capture_get_status(struct mw_capture *capture, struct mw_capture_status *status);

/* Opens a capture for reading, from the first record on. Errors: MW_EIO, MW_EPARSE. */
MW_MUST_USE mw_status mw_capture_read_open(const char *path, struct mw_capture_reader **out,
                                           struct mw_error *err);
void mw_capture_read_close(struct mw_capture_reader *reader);

/* Reads the next record; false at the end, which is the end of the file or the first byte that no
 * record begins with. */
bool mw_capture_read(struct mw_capture_reader *reader, struct mw_capture_record *record);

/* Where the last record that was read ends: bytes from the beginning of the file. */
uint64_t mw_capture_read_offset(const struct mw_capture_reader *reader);

/* After the end. */
struct mw_capture_tail {
    uint64_t bytes;     /* after the last whole record; 0 when there is nothing wrong */
    bool is_damage;     /* more than a torn tail: whole records come behind it */
    struct mw_error io; /* status is not MW_OK when the file could not be read any further */
};

void mw_capture_read_tail(struct mw_capture_reader *reader, struct mw_capture_tail *tail);

#endif
