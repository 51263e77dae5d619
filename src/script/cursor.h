/* cursor.h - how far a reader has got in one series: each closed bar once, in order.
 *
 * Threads: the reader's.
 */
#ifndef MW_SCRIPT_CURSOR_H
#define MW_SCRIPT_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "market/series.h"

struct mw_cursor {
    struct mw_series *series; /* borrows from the cache */
    int64_t after_ms;         /* open time of the last closed bar delivered; INT64_MIN for none */
    uint64_t next_number;     /* number of the bar to be delivered next */
    struct mw_candle forming; /* the forming bar delivered last; open_ms 0 for none */
};

/* Starts after what is in the series now, or with the oldest bar there. */
void mw_cursor_init(struct mw_cursor *cursor, struct mw_series *series, bool from_oldest);

/* Copies up to `count` closed bars that were not delivered yet and moves past them. `lost` gets how
 * many the ring dropped before they could be read. */
uint32_t mw_cursor_read(struct mw_cursor *cursor, uint32_t count, struct mw_candle *out,
                        uint64_t *lost);

/* Copies the forming bar when it is not the one delivered last. */
bool mw_cursor_read_forming(struct mw_cursor *cursor, struct mw_candle *out);

#endif
