/* replay.h - a row of a replay as it looked while it formed.
 *
 * A bar starts as its open alone, then goes by way of low and high (high and low when it falls) to
 * its close, while its volume grows; at its end it is the row itself.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_REPLAY_H
#define MW_SERVER_REPLAY_H

#include "server/stage.h"

/* Makes the candle that rows[row], whose bar ends at `end_ms`, is at the simulated time `at_ms`,
 * from its open on. */
void mw_replay_candle(const struct mw_stage *stage, size_t row, int64_t end_ms, int64_t at_ms,
                      struct mw_candle *candle);

/* The first row whose bar ends after `time_ms`; row_count when there is none. */
size_t mw_replay_find(const struct mw_stage *stage, struct mw_timeframe timeframe, int64_t time_ms);

#endif
