/* backoff.h - how long to wait before the next attempt to connect.
 *
 *     wait(n) = min(cap, base * 2^(n-1)) * (1 - jitter + 2 * jitter * random)      n = 1, 2, 3, ...
 *
 * Jitter keeps the clients of a venue that came back from all connecting in the same instant.
 *
 * Threads: the owner's.
 */
#ifndef MW_NET_BACKOFF_H
#define MW_NET_BACKOFF_H

#include <stdint.h>

#include "base/random.h"

#define MW_ATTEMPTS_FOREVER UINT32_MAX /* an enumerator would have to fit an int */

struct mw_backoff_options {
    uint32_t attempts;    /* after a failure, in a row; MW_ATTEMPTS_FOREVER for no end */
    double base_s, cap_s; /* seconds */
    double jitter;        /* 0..1, the part of the wait that is random to either side */
    double settle_s;      /* data that flowed this long makes the next failure the first again */
};

struct mw_backoff {
    struct mw_backoff_options options;
    struct mw_random random;
    uint32_t attempt_count; /* attempts that failed since the last reset */
};

void mw_backoff_init(struct mw_backoff *backoff, const struct mw_backoff_options *options,
                     uint64_t seed);

/* Counts a failed attempt. Returns the milliseconds to wait before the next, or -1 when attempts
 * are used up. */
int64_t mw_backoff_next_ms(struct mw_backoff *backoff);

/* The connection works: the next failure is the first again. */
void mw_backoff_reset(struct mw_backoff *backoff);

#endif
