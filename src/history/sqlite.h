/* sqlite.h - SQLite with every call checked, and its codes as ours.
 *
 * A connection and its statements. The only file that knows SQLite's own header is sqlite.c.
 *
 *     the disk is full or fails, no permission, no file     MW_EIO
 *     no database, damaged, not the tables it should have   MW_EHISTORY
 *     somebody else holds the lock for too long             MW_ETIMEOUT
 *
 * Messages begin with the path. Using it wrongly aborts.
 *
 * Threads: a connection and its statements are used by one thread at a time.
 */
#ifndef MW_HISTORY_SQLITE_H
#define MW_HISTORY_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct mw_sqlite;    /* opaque: a connection */
struct mw_statement; /* opaque: a prepared statement */

typedef enum mw_sqlite_mode {
    MW_SQLITE_READ,  /* the file must be there */
    MW_SQLITE_STILL, /* the same, of a file that nobody changes meanwhile: nothing is locked */
    MW_SQLITE_WRITE, /* the file must be there */
    MW_SQLITE_CREATE /* it is made where it is not */
} mw_sqlite_mode;

/* Whether `path` is of a length that a path can have. Errors: MW_EIO. */
MW_MUST_USE mw_status mw_sqlite_check_path(const char *path, struct mw_error *err);
/* Opens `path`. Whoever finds it locked waits for `busy_ms`. */
MW_MUST_USE mw_status mw_sqlite_open(const char *path, mw_sqlite_mode mode, int busy_ms,
                                     struct mw_sqlite **out, struct mw_error *err);
/* Has it wait no longer than until until_ms (monotonic), also where it waits now; INT64_MAX is no
 * limit. Any thread. */
void mw_sqlite_wait_until(struct mw_sqlite *db, int64_t until_ms);
/* After its statements are freed. NULL is fine. */
void mw_sqlite_close(struct mw_sqlite *db);
const char *mw_sqlite_path(const struct mw_sqlite *db);

/* Runs statements that have no parameters; rows are dropped. */
MW_MUST_USE mw_status mw_sqlite_run(struct mw_sqlite *db, const char *sql, struct mw_error *err);
/* Runs one statement and gives the first column of its first row; 0 where there is no row. */
MW_MUST_USE mw_status mw_sqlite_ask(struct mw_sqlite *db, const char *sql, int64_t *value,
                                    struct mw_error *err);
/* The same for a text, cut to `room` bytes with its NUL; empty where there is no row. */
MW_MUST_USE mw_status mw_sqlite_ask_text(struct mw_sqlite *db, const char *sql, char *text,
                                         size_t room, struct mw_error *err);
/* Ends a transaction that is open, if there is one, without its changes. */
void mw_sqlite_roll_back(struct mw_sqlite *db);

/* Rows that the last statement has deleted or changed. */
int64_t mw_sqlite_change_count(struct mw_sqlite *db);

/* `sql` is one statement, kept ready. Free before the connection is closed. */
MW_MUST_USE mw_status mw_statement_new(struct mw_sqlite *db, const char *sql,
                                       struct mw_statement **out, struct mw_error *err);
void mw_statement_free(struct mw_statement *statement);

/* Parameters count from 1, and stay until they are bound again. A NaN is bound as NULL. Text is
 * copied. */
void mw_statement_bind(struct mw_statement *statement, int index, int64_t value);
void mw_statement_bind_double(struct mw_statement *statement, int index, double value);
void mw_statement_bind_text(struct mw_statement *statement, int index, const char *text);

/* Goes to the next row; `*row` is whether there is one. After the last and on failure the statement
 * is reset. */
MW_MUST_USE mw_status mw_statement_step(struct mw_statement *statement, bool *row,
                                        struct mw_error *err);
/* Runs a statement that has no rows. */
MW_MUST_USE mw_status mw_statement_run(struct mw_statement *statement, struct mw_error *err);
/* Ends it before its last row. */
void mw_statement_reset(struct mw_statement *statement);

/* Columns of the row that it is at, from 0. A double that is NULL or no number is NaN. Text is
 * borrowed until the next step; NULL where it is none or holds a NUL. */
int64_t mw_statement_int(struct mw_statement *statement, int column);
double mw_statement_double(struct mw_statement *statement, int column);
const char *mw_statement_text(struct mw_statement *statement, int column);

#endif
