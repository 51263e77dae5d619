/* random.h - repeatable random numbers from a seed, and unpredictable bytes from the system.
 *
 * Threads: a generator belongs to its owner; mw_random_bytes any thread.
 */
#ifndef MW_BASE_RANDOM_H
#define MW_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct mw_random {
    uint64_t state;
};

/* The mixing step of SplitMix64 (S. Vigna, public domain): a hash of 64 bits to 64 bits. */
uint64_t mw_random_mix(uint64_t value);
/* The next 64 bits of the sequence that started with `random->state` as the seed. */
uint64_t mw_random_next(struct mw_random *random);
/* Uniform in [0, 1), with 53 bits. */
double mw_random_unit(struct mw_random *random);
/* Bytes nobody can predict, from getrandom(2); for keys and masks. */
void mw_random_bytes(void *bytes, size_t length);

#endif
