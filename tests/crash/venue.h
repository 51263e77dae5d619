/* venue.h - `moonwick simulate` in a process of its own, which lives through all kills.
 *
 * Threads: the owner's; there must be no other while it starts.
 */
#ifndef MW_CRASH_VENUE_H
#define MW_CRASH_VENUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

struct venue_options {
    const char *program; /* moonwick */
    const char *protocol;
    const char *symbols, *timeframes; /* with commas */
    uint64_t seed;
    uint32_t speed;
    int64_t start_ms;
};

struct venue {
    pid_t pid; /* 0 when it does not run */
    char url[128];
};

/* Returns once it listens. Errors: MW_EIO. */
MW_MUST_USE mw_status venue_start(struct venue *venue, const struct venue_options *options,
                                  struct mw_error *err);
/* Ends it. Idempotent. */
void venue_stop(struct venue *venue);

#endif
