/* ledger.h - what a strategy was told of each series, bucket by bucket, and whether it adds up.
 *
 * The simulator has a bar for every bucket. So from the first one delivered on each bucket has to
 * be delivered, once and in order, or told as missing; what was told as missing has to be told as
 * back-filled in the end; and what was last told of a bucket has to be the truth.
 *
 * Threads: the owner's.
 */
#ifndef MW_FAULT_LEDGER_H
#define MW_FAULT_LEDGER_H

#include "market/cache.h"
#include "trial.h"
#include "truth.h"

struct ledger; /* opaque */

/* Reads the trace at `path`. NULL when it cannot be read. */
struct ledger *ledger_read(const char *path);
void ledger_free(struct ledger *ledger);

/* Open time of the newest bucket of the series that was delivered or told; INT64_MIN for none. */
int64_t ledger_reached_ms(struct ledger *ledger, const struct mw_series_key *key);

/* Adds what was told to the counts of `result`, and writes what does not add up into
 * result->failure. What the ring has dropped since (up to mw_series_dropped_ms) need not be
 * back-filled. */
void ledger_judge(struct ledger *ledger, const struct truth *truth, const struct mw_cache *cache,
                  struct trial_result *result);

#endif
