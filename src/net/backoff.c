/* backoff.c - exponential back-off with jitter. */
#include "net/backoff.h"

#include <math.h>

enum { DOUBLINGS_MAX = 1000 }; /* 2^1000 is a double; any cap is reached long before */

void mw_backoff_init(struct mw_backoff *backoff, const struct mw_backoff_options *options,
                     uint64_t seed)
{
    backoff->options = *options;
    backoff->random.state = seed;
    backoff->attempt_count = 0;
}

int64_t mw_backoff_next_ms(struct mw_backoff *backoff)
{
    const struct mw_backoff_options *options = &backoff->options;
    uint32_t doublings = backoff->attempt_count;
    if (backoff->attempt_count < UINT32_MAX)
        backoff->attempt_count++;
    if (options->attempts != MW_ATTEMPTS_FOREVER && backoff->attempt_count > options->attempts)
        return -1;
    double wait_s =
        ldexp(options->base_s, (int)(doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX));
    wait_s = fmin(options->cap_s, wait_s);
    wait_s *= 1 - options->jitter + 2 * options->jitter * mw_random_unit(&backoff->random);
    return llround(wait_s * 1000);
}

void mw_backoff_reset(struct mw_backoff *backoff)
{
    backoff->attempt_count = 0;
}
