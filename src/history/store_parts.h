/* store_parts.h - what the parts of the store share: connections, their statements, the tables.
 *
 * Threads: a connection is used by the one thread that took it.
 */
#ifndef MW_HISTORY_STORE_PARTS_H
#define MW_HISTORY_STORE_PARTS_H

#include <pthread.h>

#include "base/limits.h"
#include "base/map.h"
#include "history/sqlite.h"
#include "history/store.h"

/* A row's key is its series and its open time in one number: the seconds since the year 1 are the
 * lower bits. Rows of a series lie together, in order, in a tree of the cheapest kind. */
enum { MW_STORE_KEY_BITS = 39 };
#define MW_STORE_ID_MAX ((INT64_C(1) << (63 - MW_STORE_KEY_BITS)) - 1)

/* Statements that connections keep ready. */
typedef enum mw_store_sql {
    MW_SQL_BEGIN,
    MW_SQL_BEGIN_READ,
    MW_SQL_COMMIT,
    MW_SQL_SERIES_FIND,   /* feed, symbol, timeframe: id, first, last */
    MW_SQL_SERIES_ADD,    /* feed, symbol, timeframe, first, last: id */
    MW_SQL_SERIES_MOVE,   /* id, first, last */
    MW_SQL_SERIES_DROP,   /* id */
    MW_SQL_SERIES_EACH,   /* : feed, symbol, timeframe, first, last */
    MW_SQL_ROWS_FROM,     /* first key, last, count: columns of a candle, oldest first */
    MW_SQL_ROWS_LAST,     /* the same, newest first */
    MW_SQL_ROW_PUT,       /* columns of a candle */
    MW_SQL_ROWS_ERASE,    /* first key, last */
    MW_SQL_ROW_NTH,       /* first key, last, n from 0: key */
    MW_SQL_HOLES_READ,    /* id, from, to: from, to, given_up */
    MW_SQL_HOLES_ERASE,   /* id, from, to: those that begin there */
    MW_SQL_HOLE_PUT,      /* id, from, to, given_up */
    MW_SQL_COUNT_SOURCES, /* first key, last: source, rows */
    MW_SQL_COUNT
} mw_store_sql;

/* A file that nobody has open has no log beside it. It is then read without locks, which would make
 * files, and what was read counts only if it is still the same file afterwards. */
struct mw_store_stamp {
    bool still; /* no log is there; else what follows is zero */
    uint64_t inode;
    int64_t bytes, changed_ns;
};

struct mw_store_connection {
    struct mw_store *store;                        /* borrows */
    struct mw_sqlite *db;                          /* owns */
    struct mw_statement *statements[MW_SQL_COUNT]; /* owns; NULL until first used */
    struct mw_store_stamp stamp;                   /* of a store for reading only */
    struct mw_store_connection *next;              /* in the pool */
};

/* A series as the tables have it. */
struct mw_store_row {
    int64_t id; /* 0 for one that is not there */
    int64_t first_ms, last_ms;
};

/* The series' name in the tables, and in messages. */
struct mw_store_name {
    const char *feed, *symbol; /* borrows the key */
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
};
void mw_store_name_init(struct mw_store_name *name, const struct mw_series_key *key);

/* store.c: takes a connection that reads, and gives it back. Returns `status`, or that what was
 * read may be wrong, since the file changed meanwhile. */
MW_MUST_USE mw_status mw_store_take_reader(struct mw_store *store, struct mw_store_connection **out,
                                           struct mw_error *err);
MW_MUST_USE mw_status mw_store_give_reader(struct mw_store_connection *connection, mw_status status,
                                           struct mw_error *err);
/* Takes the connection that writes and begins a transaction. The store is not read-only. */
MW_MUST_USE mw_status mw_store_begin(struct mw_store *store, struct mw_store_connection **out,
                                     struct mw_error *err);
/* Gives it back: with what was written, if `status` is MW_OK, or without. Returns `status`, or what
 * kept it from being written. */
MW_MUST_USE mw_status mw_store_end(struct mw_store_connection *connection, mw_status status,
                                   struct mw_error *err);

/* A statement of a connection, prepared. */
MW_MUST_USE mw_status mw_store_statement(struct mw_store_connection *connection, mw_store_sql sql,
                                         struct mw_statement **out, struct mw_error *err);

/* Runs one that has no parameters and no rows. */
MW_MUST_USE mw_status mw_store_run(struct mw_store_connection *connection, mw_store_sql sql,
                                   struct mw_error *err);

/* store_schema.c: whether the file is a store that this version knows, or empty. */
MW_MUST_USE mw_status mw_store_check_owner(struct mw_sqlite *db, struct mw_error *err);
/* Makes the tables, or brings them up to date, or with `read_only` only looks whether they are. */
MW_MUST_USE mw_status mw_store_prepare(struct mw_sqlite *db, bool read_only, struct mw_error *err);

/* store_read.c: the first key of a series at or after from_ms, the last at or before until_ms, and
 * the time in a key. */
int64_t mw_store_key_from(int64_t id, int64_t from_ms);
int64_t mw_store_key_until(int64_t id, int64_t until_ms);
int64_t mw_store_key_open_ms(int64_t key);

/* On a connection. */
bool mw_store_is_bucket(struct mw_timeframe timeframe, int64_t open_ms);
mw_status mw_store_fail_damaged(struct mw_store_connection *connection,
                                const struct mw_series_key *key, int64_t time_ms, const char *what,
                                struct mw_error *err);
MW_MUST_USE mw_status mw_store_find_row(struct mw_store_connection *connection,
                                        const struct mw_series_key *key, struct mw_store_row *row,
                                        struct mw_error *err);

/* Which rows: the first or the last `count` with from_ms <= open_ms <= until_ms. */
struct mw_store_window {
    const struct mw_series_key *key;
    int64_t id, from_ms, until_ms;
    uint32_t count;
    bool newest;
};
/* Reads rows as they were written. What `out` holds on failure is not said. */
MW_MUST_USE mw_status mw_store_read_window(struct mw_store_connection *connection,
                                           const struct mw_store_window *window,
                                           struct mw_candle *out, uint32_t *got,
                                           struct mw_error *err);
/* Adds the holes that reach into from_ms..until_ms to `gaps`, which is empty. */
MW_MUST_USE mw_status mw_store_read_gaps(struct mw_store_connection *connection,
                                         const struct mw_store_window *window, struct mw_gaps *gaps,
                                         struct mw_error *err);

#endif
