/* capture_file.h - the beginning of a capture, shared by who writes and who reads one.
 *
 * Threads: plain data.
 */
#ifndef MW_FEED_CAPTURE_FILE_H
#define MW_FEED_CAPTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/capture.h"

enum { MW_CAPTURE_HEADER_BYTES = 8 };

/* Magic, and version 1 as u16. */
extern const uint8_t mw_capture_header[MW_CAPTURE_HEADER_BYTES];

/* Makes a reader of the open file `fd`, which it does not own with `borrowed`, at its beginning.
 * `path` is for messages. Errors: as mw_capture_read_open; MW_EPARSE when it is shorter than a
 * header too. */
MW_MUST_USE mw_status mw_capture_reader_new(int fd, bool borrowed, const char *path,
                                            struct mw_capture_reader **out, struct mw_error *err);

#endif
