/* sqlite.c - one place where SQLite is called and its codes are read. */
#include "history/sqlite.h"

#include <math.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

enum { LOOK_MS_MAX = 20 }; /* between two looks whether a lock is gone */

struct mw_sqlite {
    sqlite3 *handle;               /* owns */
    char *path;                    /* owns */
    int busy_ms;                   /* a lock is waited for so long */
    int64_t busy_since_ms;         /* the wait under way */
    _Atomic int64_t busy_until_ms; /* and no longer than this */
};

struct mw_statement {
    struct mw_sqlite *db;   /* borrows */
    sqlite3_stmt *compiled; /* owns */
};

static mw_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return MW_ETIMEOUT;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
        return MW_EIO;
    default: /* no database, damaged, without the tables that it should have */
        return MW_EHISTORY;
    }
}

/* What SQLite last said of `db`. */
static mw_status fail(struct mw_sqlite *db, int code, struct mw_error *err)
{
    MW_CHECK(code != SQLITE_MISUSE && code != SQLITE_RANGE);
    mw_status status = status_of(code);
    if (status == MW_ETIMEOUT)
        return mw_fail(err, status, "%s: another process has been writing for too long", db->path);
    int reason = sqlite3_system_errno(db->handle);
    if (status == MW_EIO && reason != 0)
        return mw_fail(err, status, "%s: %s (%s)", db->path, sqlite3_errmsg(db->handle),
                       strerror(reason));
    return mw_fail(err, status, "%s: %s", db->path, sqlite3_errmsg(db->handle));
}

/* A path as a URI: whatever could mean something in one is escaped. */
static void add_uri(struct mw_str *uri, const char *path, bool still)
{
    bool added = mw_str_adds(uri, path[0] == '/' ? "file://" : "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (strchr("%?#", *at) != NULL)
            added = added && mw_str_addf(uri, "%%%02x", (unsigned)(unsigned char)*at);
        else
            added = added && mw_str_add(uri, at, 1);
    }
    MW_CHECK(added && mw_str_adds(uri, still ? "?immutable=1" : ""));
}

/* Settings of a connection that hold whatever the file says. */
static void harden(struct mw_sqlite *db)
{
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* Returns whether to try again. */
static int on_busy(void *user, int tries)
{
    struct mw_sqlite *db = user;
    int64_t now_ms = mw_clock_monotonic_ms();
    if (tries == 0)
        db->busy_since_ms = now_ms;
    int64_t until_ms = atomic_load_explicit(&db->busy_until_ms, memory_order_relaxed);
    if (until_ms > db->busy_since_ms + db->busy_ms)
        until_ms = db->busy_since_ms + db->busy_ms;
    int64_t wait_ms = tries < LOOK_MS_MAX ? tries + 1 : LOOK_MS_MAX;
    if (wait_ms > until_ms - now_ms)
        wait_ms = until_ms - now_ms;
    if (wait_ms <= 0)
        return 0;
    nanosleep(&(struct timespec){.tv_nsec = (long)wait_ms * 1000000L}, NULL);
    return 1;
}

void mw_sqlite_wait_until(struct mw_sqlite *db, int64_t until_ms)
{
    atomic_store_explicit(&db->busy_until_ms, until_ms, memory_order_relaxed);
}

mw_status mw_sqlite_check_path(const char *path, struct mw_error *err)
{
    if (path[0] == '\0' || strlen(path) > MW_PATH_BYTES_MAX)
        return mw_fail(err, MW_EIO, "'%.*s': want a path of 1 to %d bytes", 64, path,
                       MW_PATH_BYTES_MAX);
    return MW_OK;
}

mw_status mw_sqlite_open(const char *path, mw_sqlite_mode mode, int busy_ms, struct mw_sqlite **out,
                         struct mw_error *err)
{
    mw_status status = mw_sqlite_check_path(path, err);
    if (status != MW_OK)
        return status;
    static const int flags[] = {
        [MW_SQLITE_READ] = SQLITE_OPEN_READONLY,
        [MW_SQLITE_STILL] = SQLITE_OPEN_READONLY,
        [MW_SQLITE_WRITE] = SQLITE_OPEN_READWRITE,
        [MW_SQLITE_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    struct mw_sqlite *db = mw_alloc_zero(sizeof(*db));
    db->path = mw_strdup(path);
    struct mw_str uri = MW_STR_INIT(3 * MW_PATH_BYTES_MAX + 64);
    add_uri(&uri, path, mode == MW_SQLITE_STILL);
    int code = sqlite3_open_v2(uri.data, &db->handle,
                               flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    mw_str_deinit(&uri);
    MW_CHECK(db->handle != NULL);
    if (code != SQLITE_OK) {
        status = fail(db, code, err);
    } else {
        harden(db);
        db->busy_ms = busy_ms;
        mw_sqlite_wait_until(db, INT64_MAX);
        sqlite3_busy_handler(db->handle, on_busy, db);
        /* The first that reads the file: one that is no database is found here. */
        status = mw_sqlite_run(db, "PRAGMA cell_size_check = ON; PRAGMA schema_version", err);
    }
    if (status != MW_OK) {
        mw_sqlite_close(db);
        return status;
    }
    *out = db;
    return MW_OK;
}

void mw_sqlite_close(struct mw_sqlite *db)
{
    if (db == NULL)
        return;
    MW_CHECK(sqlite3_close(db->handle) == SQLITE_OK);
    mw_free(db->path);
    mw_free(db);
}

const char *mw_sqlite_path(const struct mw_sqlite *db)
{
    return db->path;
}

mw_status mw_sqlite_run(struct mw_sqlite *db, const char *sql, struct mw_error *err)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? MW_OK : fail(db, code, err);
}

mw_status mw_sqlite_ask(struct mw_sqlite *db, const char *sql, int64_t *value, struct mw_error *err)
{
    struct mw_statement *statement = NULL;
    mw_status status = mw_statement_new(db, sql, &statement, err);
    if (statement == NULL)
        return status;
    bool row;
    status = mw_statement_step(statement, &row, err);
    if (status == MW_OK)
        *value = row ? mw_statement_int(statement, 0) : 0;
    mw_statement_free(statement);
    return status;
}

mw_status mw_sqlite_ask_text(struct mw_sqlite *db, const char *sql, char *text, size_t room,
                             struct mw_error *err)
{
    struct mw_statement *statement = NULL;
    mw_status status = mw_statement_new(db, sql, &statement, err);
    if (statement == NULL)
        return status;
    bool row;
    status = mw_statement_step(statement, &row, err);
    if (status == MW_OK) {
        const char *found = row ? mw_statement_text(statement, 0) : NULL;
        snprintf(text, room, "%s", found != NULL ? found : "");
    }
    mw_statement_free(statement);
    return status;
}

void mw_sqlite_roll_back(struct mw_sqlite *db)
{
    /* SQLite has done so itself after some failures, and otherwise cannot fail at it: what was
     * written is not yet part of the file. */
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

int64_t mw_sqlite_change_count(struct mw_sqlite *db)
{
    return sqlite3_changes(db->handle);
}

mw_status mw_statement_new(struct mw_sqlite *db, const char *sql, struct mw_statement **out,
                           struct mw_error *err)
{
    sqlite3_stmt *compiled;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &compiled, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    struct mw_statement *statement = mw_alloc(sizeof(*statement));
    *statement = (struct mw_statement){.db = db, .compiled = compiled};
    *out = statement;
    return MW_OK;
}

void mw_statement_free(struct mw_statement *statement)
{
    if (statement == NULL)
        return;
    sqlite3_finalize(statement->compiled); /* says again what the last step said */
    mw_free(statement);
}

void mw_statement_bind(struct mw_statement *statement, int index, int64_t value)
{
    MW_CHECK(sqlite3_bind_int64(statement->compiled, index, value) == SQLITE_OK);
}

void mw_statement_bind_double(struct mw_statement *statement, int index, double value)
{
    MW_CHECK(sqlite3_bind_double(statement->compiled, index, value) == SQLITE_OK);
}

void mw_statement_bind_text(struct mw_statement *statement, int index, const char *text)
{
    MW_CHECK(sqlite3_bind_text(statement->compiled, index, text, -1, SQLITE_TRANSIENT) ==
             SQLITE_OK);
}

mw_status mw_statement_step(struct mw_statement *statement, bool *row, struct mw_error *err)
{
    int code = sqlite3_step(statement->compiled);
    *row = code == SQLITE_ROW;
    if (*row)
        return MW_OK;
    mw_status status = code == SQLITE_DONE ? MW_OK : fail(statement->db, code, err);
    sqlite3_reset(statement->compiled);
    return status;
}

mw_status mw_statement_run(struct mw_statement *statement, struct mw_error *err)
{
    bool row;
    mw_status status = mw_statement_step(statement, &row, err);
    MW_CHECK(!row);
    return status;
}

void mw_statement_reset(struct mw_statement *statement)
{
    sqlite3_reset(statement->compiled);
}

int64_t mw_statement_int(struct mw_statement *statement, int column)
{
    return sqlite3_column_int64(statement->compiled, column);
}

/* One look at the column: a restart asks for hundreds of thousands. */
double mw_statement_double(struct mw_statement *statement, int column)
{
    sqlite3_value *value = sqlite3_column_value(statement->compiled, column);
    int type = sqlite3_value_type(value);
    if (type != SQLITE_FLOAT && type != SQLITE_INTEGER)
        return (double)NAN;
    return sqlite3_value_double(value);
}

const char *mw_statement_text(struct mw_statement *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement->compiled, column);
    if (text == NULL || strlen(text) != (size_t)sqlite3_column_bytes(statement->compiled, column))
        return NULL;
    return text;
}
