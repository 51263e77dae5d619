/* dataset_parts.h - the inside of a dataset, shared by its source files.
 *
 *     dataset.c        series from memory and from CSV files
 *     dataset_store.c  series of a store
 *
 * Threads: as of dataset.h.
 */
#ifndef MW_BACKTEST_DATASET_PARTS_H
#define MW_BACKTEST_DATASET_PARTS_H

#include <stdatomic.h>

#include "backtest/dataset.h"

struct mw_dataset {
    _Atomic uint32_t users;
    struct mw_dataset_series *series; /* owns */
    uint32_t count;
};

/* Takes out all series but the first `count`. */
void mw_dataset_cut(struct mw_dataset *dataset, uint32_t count);

/* mw_dataset_add with the holes that are known, within the rows; takes what is in `holes`, also on
 * failure. */
MW_MUST_USE mw_status mw_dataset_add_known(struct mw_dataset *dataset,
                                           const struct mw_series_key *key, struct mw_candle *rows,
                                           size_t count, struct mw_gaps *holes,
                                           struct mw_error *err);

#endif
