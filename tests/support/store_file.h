/* store_file.h - a store in a folder of its own, for tests.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_STORE_FILE_H
#define MW_SUPPORT_STORE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "history/store.h"

/* A cmocka set-up and tear-down: `*state` is the path of a file that is not there yet, in an empty
 * folder. What belongs to the store goes with it; the tear-down fails if anything else is there. */
int store_file_setup(void **state);
int store_file_teardown(void **state);

/* Opens for writing, or fails the test. */
struct mw_store *store_file_open(const char *path);

/* A closed candle that no rounding leaves as it is: any bits that make one. */
struct mw_candle store_random_candle(struct mw_random *random, int64_t open_ms);
/* Fails the test unless both are the same to the bit, but for their source. */
void store_assert_same(const struct mw_candle *a, const struct mw_candle *b);

#endif
