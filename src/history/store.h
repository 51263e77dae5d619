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
 * A row that is there is never made worse, whoever writes (store_write.c): not by a bar that was
 * closed with less certainty or has seen less volume, not by a venue's history where the venue said
 * it live, not by what was read from this store. Only a person's import goes over everything.
 *
 * What is read is held against what a candle is: values that a damaged file makes up are an error.
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
    /* The file must be there, and nothing in it changes; no files are made beside it. Others may
     * write it meanwhile. */
    bool read_only;
    bool must_exist;
};

/* Opens the file, makes it if it is not there, and brings its schema up to date. Errors, all with
 * the path: MW_EIO, MW_EHISTORY for a file that is no store, is damaged, or was written by a newer
 * version (or, for reading only, by an older one), MW_ETIMEOUT. */
MW_MUST_USE mw_status mw_store_open(const struct mw_store_options *options, struct mw_store **out,
                                    struct mw_error *err);
/* Whether mw_store_open could open the file for writing, as far as can be told without changing
 * anything: nothing is made. Errors as of opening it. */
MW_MUST_USE mw_status mw_store_look(const char *path, struct mw_error *err);
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
    bool keep; /* rows that are there stay as they are; else these may take their place */
};

/* What a write did. */
struct mw_stored {
    uint64_t rows;      /* new */
    uint64_t replaced;  /* had other values, or lack turnover or trades */
    uint64_t differing; /* stayed although these have other values */
};

/* Writes all parts in one transaction, of at most some MW_STORE_ROWS_MAX rows; series are added as
 * they are met. Rows with the same values are not written again; those of MW_SOURCE_STORE are not
 * even looked at where they have not been erased since. Holes of each stretch are replaced by those
 * given, also with `keep`. Rows that are there and not given stay. What lies between the stretch
 * and what was known before becomes a hole. `stored` may be NULL. Errors: MW_EHISTORY (the file is
 * damaged, or a row is no candle of its timeframe), MW_EIO (the disk is full or fails), MW_ETIMEOUT
 * (somebody else writes for too long); nothing is written then. */
MW_MUST_USE mw_status mw_store_write(struct mw_store *store, const struct mw_store_part *parts,
                                     uint32_t part_count, struct mw_stored *stored,
                                     struct mw_error *err);

/* Has writes wait for another process no longer than until until_ms (monotonic), also the one that
 * waits now; INT64_MAX for as long as ever. Any thread. */
void mw_store_wait_until(struct mw_store *store, int64_t until_ms);

/* Deletes up to `count_max` (not 0) of the oldest rows before before_ms, and moves the beginning of
 * what is known: to after the last of them, or when that were all to the first bucket from
 * before_ms on. A series of which nothing is known any more goes too. Returns through `erased` how
 * many rows there were. Errors as of a write. */
MW_MUST_USE mw_status mw_store_erase_before(struct mw_store *store, const struct mw_series_key *key,
                                            int64_t before_ms, uint32_t count_max, uint32_t *erased,
                                            struct mw_error *err);

/* --- reading --------------------------------------------------------------------------------- */

/* Errors of all of these: MW_EHISTORY for a damaged file, MW_EIO, MW_ETIMEOUT where it is locked,
 * or where another process began to write a file that nobody had open. */

/* One series of a store. */
struct mw_store_series {
    struct mw_series_key key;
    int64_t first_ms, last_ms; /* open times of the first and the last bucket that is known */
};

/* False in `*found` when there is no such series. */
MW_MUST_USE mw_status mw_store_find(struct mw_store *store, const struct mw_series_key *key,
                                    struct mw_store_series *series, bool *found,
                                    struct mw_error *err);

/* Calls `each` with every series, by feed, symbol and length, until it returns false. It may use
 * the store. */
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

/* What is read of a series: the first `count` of what lies between two times, or the last. */
struct mw_store_query {
    const struct mw_series_key *key;
    int64_t from_ms, until_ms; /* inclusive */
    uint32_t count;            /* rows at most, for which `out` has room; holes come all */
    bool newest;               /* the last, not the first; of rows only */
};

/* Copies rows with from_ms <= open_ms <= until_ms, oldest first: source MW_SOURCE_STORE. `*got` is
 * how many there were; 0 for a series that is not there. On failure it is not said what `out`
 * holds. */
MW_MUST_USE mw_status mw_store_read_rows(struct mw_store *store, const struct mw_store_query *query,
                                         struct mw_candle *out, uint32_t *got,
                                         struct mw_error *err);
/* Puts the holes that reach into from_ms..until_ms into `holes`, whole, in place of what is there;
 * mw_gaps_deinit. What lies outside of first..last is in no hole, and not known either. On failure
 * `holes` is as it was. */
MW_MUST_USE mw_status mw_store_read_holes(struct mw_store *store,
                                          const struct mw_store_query *query, struct mw_gaps *holes,
                                          struct mw_error *err);

/* Both of one moment, whoever writes meanwhile: rows as mw_store_read_rows, and the holes that
 * reach between the first and the last of them, whole, into `holes`, which is empty and the
 * caller's to free, also on failure. */
MW_MUST_USE mw_status mw_store_read(struct mw_store *store, const struct mw_store_query *query,
                                    struct mw_candle *out, uint32_t *got, struct mw_gaps *holes,
                                    struct mw_error *err);

/* --- health ---------------------------------------------------------------------------------- */

/* Reads the whole file: its pages, each row and hole, and that they lie within what is known.
 * Errors: MW_EHISTORY with the first thing that is wrong. */
MW_MUST_USE mw_status mw_store_check(struct mw_store *store, struct mw_error *err);

/* Bytes of the file and its log; 0 when that cannot be told. */
uint64_t mw_store_bytes(struct mw_store *store);
const char *mw_store_path(const struct mw_store *store);

#endif
