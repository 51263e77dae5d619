/* text_file.h - files of text, gzipped or not, read in blocks and written whole or not at all.
 *
 * What is read is recognised by its first bytes: gzip, also several members one after the other, or
 * anything else as it is. What is written goes to a file beside the one that is meant, which takes
 * its place when all of it is on the disk; what is no regular file (a pipe, a device) is written to
 * directly.
 *
 * Threads: the owner's.
 */
#ifndef MW_HISTORY_TEXT_FILE_H
#define MW_HISTORY_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct mw_text_reader; /* opaque */

/* "-" is standard input. Errors of both: MW_EIO with the path, MW_EHISTORY for gzip that is damaged
 * or ends too early. */
MW_MUST_USE mw_status mw_text_reader_open(const char *path, struct mw_text_reader **out,
                                          struct mw_error *err);
/* Reads up to `size` bytes, at least 1; `*got` is 0 at the end. */
MW_MUST_USE mw_status mw_text_reader_read(struct mw_text_reader *reader, char *bytes, size_t size,
                                          size_t *got, struct mw_error *err);
/* NULL is fine. */
void mw_text_reader_close(struct mw_text_reader *reader);

/* The path as messages name it. */
const char *mw_text_reader_name(const struct mw_text_reader *reader);

struct mw_text_writer; /* opaque */

/* "-" is standard output. Errors of all three: MW_EIO with the path,
 * MW_ECLOSED when who read it has gone. */
MW_MUST_USE mw_status mw_text_writer_open(const char *path, bool gzip, struct mw_text_writer **out,
                                          struct mw_error *err);
MW_MUST_USE mw_status mw_text_writer_write(struct mw_text_writer *writer, const char *bytes,
                                           size_t length, struct mw_error *err);
/* Nothing more comes: the file is there when this succeeds. */
MW_MUST_USE mw_status mw_text_writer_finish(struct mw_text_writer *writer, struct mw_error *err);
/* Without mw_text_writer_finish before, nothing of it is left. NULL is fine. */
void mw_text_writer_close(struct mw_text_writer *writer);

#endif
