/* store.h - closed candles on disk: one file, every series, what is known of holes too.
 *
 *     series     feed, symbol, timeframe; the stretch of time that is known
 *     candles    one row per series and open time, with who closed it and where it came from
 *     holes      ranges within that stretch that something may be missing from
 *
 * The same convention as in a series (gaps.h): within the stretch a bucket that is absent and in no
 * hole is known to be quiet. So a restart knows as much as the engine did.
 *
 *     first                                                         last
 *       | row row  .  row row [------ hole ------] row row row  .  . |
 *                  ^ quiet                                     ^  ^ quiet
 *
 * Everything is written in transactions that are whole after a crash of the process, and after one
 * of the machine but for the last of them (WAL, synchronous = NORMAL). Several processes may have
 * the same file open.
 *
 * A store is SQLite; nothing of that shows here. Its connections are kept in a pool: one that
 * writes, and one for each thread that reads at the same time.
 *
 * Threads: any thread, but mw_store_close after all others are done. Writers wait for each other;
 * readers wait for nobody.
 */
#ifndef MW_HISTORY_STORE_H
#define MW_HISTORY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "market/candle.h"
#include "market/gaps.h"
#include "market/series.h"

struct mw_store; /* opaque */

struct mw_store_options {
    const char *path;
    bool read_only; /* the file must be there, and nothing in it changes */
    bool must_exist;
};

/* Opens the file, makes it if it is not there, and brings its schema up to date. Errors, all with
 * the path: MW_EIO, MW_EHISTORY for a file that is no store, is damaged, or was written by a newer
 * version. */
MW_MUST_USE mw_status mw_store_open(const struct mw_store_options *options, struct mw_store **out,
                                    struct mw_error *err);
/* NULL is fine. */
void mw_store_close(struct mw_store *store);

/* --- writing --------------------------------------------------------------------------------- */

/* What is known of one stretch of a series: its rows, its holes, and that there is nothing else. */
struct mw_store_part {
    const struct mw_series_key *key;
    int64_t from_ms, to_ms;       /* open times of the first and the last bucket, inclusive */
    const struct mw_candle *rows; /* closed, oldest first, within the stretch */
    uint32_t row_count;
    const struct mw_gap *holes; /* within the stretch, oldest first */
    uint32_t hole_count;
    bool keep; /* rows that are there stay as they are; else these take their place */
};

/* What a write did. */
struct mw_stored {
    uint64_t rows;      /* new */
    uint64_t replaced;  /* had other values */
    uint64_t differing; /* were kept although these have other values */
};

/* Writes all parts in one transaction; series are added as they are met. Holes of each stretch are
 * replaced by those given, also with `keep`. Rows that are there and not given stay. What lies
 * between the stretch and what was known before becomes a hole. `stored` may be NULL. Errors:
 * MW_EHISTORY, MW_EIO (the disk is full or fails), MW_ETIMEOUT (somebody else writes for too long);
 * nothing is written then. */
MW_MUST_USE mw_status mw_store_write(struct mw_store *store, const struct mw_store_part *parts,
                                     uint32_t part_count, struct mw_stored *stored,
                                     struct mw_error *err);

/* Deletes up to `count_max` of the oldest rows before before_ms, and moves the beginning of what is
 * known. Returns through `erased` how many there were. Errors as of a write. */
MW_MUST_USE mw_status mw_store_erase_before(struct mw_store *store, const struct mw_series_key *key,
                                            int64_t before_ms, uint32_t count_max, uint32_t *erased,
                                            struct mw_error *err);

/* --- reading --------------------------------------------------------------------------------- */

/* One series of a store. */
struct mw_store_series {
    struct mw_series_key key;
    int64_t first_ms, last_ms; /* open times of the first and the last bucket that is known */
};

/* False in `*found` when there is no such series. Errors: MW_EHISTORY, MW_EIO. */
MW_MUST_USE mw_status mw_store_find(struct mw_store *store, const struct mw_series_key *key,
                                    struct mw_store_series *series, bool *found,
                                    struct mw_error *err);

/* Calls `each` with every series, by feed, symbol and length, until it returns false. */
MW_MUST_USE mw_status mw_store_each(struct mw_store *store,
                                    bool (*each)(void *user, const struct mw_store_series *series),
                                    void *user, struct mw_error *err);

/* What one series has, counted by reading all of it. */
struct mw_store_counts {
    uint64_t rows, holes, missing; /* missing: buckets in holes */
    uint64_t by_source[MW_SOURCE_COUNT];
};
MW_MUST_USE mw_status mw_store_count(struct mw_store *store, const struct mw_series_key *key,
                                     struct mw_store_counts *counts, struct mw_error *err);

/* Copies the newest `count` rows with from_ms <= open_ms <= until_ms, oldest first, into `out`,
 * which holds `count`: source MW_SOURCE_STORE. `*got` is how many there were; 0 for a series that
 * is not there. */
MW_MUST_USE mw_status mw_store_read_last(struct mw_store *store, const struct mw_series_key *key,
                                         int64_t from_ms, int64_t until_ms, uint32_t count,
                                         struct mw_candle *out, uint32_t *got,
                                         struct mw_error *err);

/* The same for the oldest `count` rows. */
MW_MUST_USE mw_status mw_store_read_from(struct mw_store *store, const struct mw_series_key *key,
                                         int64_t from_ms, int64_t until_ms, uint32_t count,
                                         struct mw_candle *out, uint32_t *got,
                                         struct mw_error *err);

/* Copies up to `room` holes that reach into from_ms..to_ms, oldest first, whole. `*count` is how
 * many there are. What lies outside of first..last is in no hole, and not known either. */
MW_MUST_USE mw_status mw_store_read_holes(struct mw_store *store, const struct mw_series_key *key,
                                          int64_t from_ms, int64_t to_ms, struct mw_gap *out,
                                          uint32_t room, uint32_t *count, struct mw_error *err);

/* --- health ---------------------------------------------------------------------------------- */

/* Reads the whole file and checks what SQLite can check of it. Errors: MW_EHISTORY with the first
 * thing that is wrong. */
MW_MUST_USE mw_status mw_store_check(struct mw_store *store, struct mw_error *err);

/* Bytes of the file and its log; 0 when that cannot be told. */
uint64_t mw_store_bytes(struct mw_store *store);
const char *mw_store_path(const struct mw_store *store);

#endif
