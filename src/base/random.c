/* random.c - SplitMix64 and getrandom. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

static const uint64_t golden_gamma = 0x9e3779b97f4a7c15u;

uint64_t mw_random_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t mw_random_next(struct mw_random *random)
{
    random->state += golden_gamma;
    return mw_random_mix(random->state);
}

double mw_random_unit(struct mw_random *random)
{
    return (double)(mw_random_next(random) >> 11) * 0x1p-53;
}

void mw_random_bytes(void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        MW_CHECK(got > 0);
        at += got;
        length -= (size_t)got;
    }
}
