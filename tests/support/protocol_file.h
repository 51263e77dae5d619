/* protocol_file.h - protocols that a test writes: a good one, and a line of Lua that spoils it.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_PROTOCOL_FILE_H
#define MW_SUPPORT_PROTOCOL_FILE_H

#include "feed/protocol.h"

enum { MW_PROTOCOL_FILE_BYTES = 40 };

/* Writes the good protocol, changed, into a file. Returns `path`, which the caller unlinks. */
char *mw_protocol_file_write(const char *change, char path[MW_PROTOCOL_FILE_BYTES]);

/* Loads the good protocol after `change` was run on its table `p`. As mw_protocol_load. */
MW_MUST_USE mw_status mw_protocol_file_load(const char *change, struct mw_protocol **out,
                                            struct mw_error *err);

/* What spoils the good protocol, and what the message says then. */
struct mw_protocol_bad {
    const char *change, *message;
};

/* Whether each is refused with MW_ECONFIG and its message; says on stderr which is not. */
bool mw_protocol_file_refuses(const struct mw_protocol_bad *cases, size_t count);

/* Loads it when nothing is wrong with it. Never NULL. */
struct mw_protocol *mw_protocol_file_get(const char *change);

#endif
