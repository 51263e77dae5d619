/* store.c - opening, the pool of connections, and what concerns all series. */
#include "history/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "history/store_parts.h"

enum { WAL_RETRY_MS = 5 };

struct mw_store {
    char *path; /* owns */
    bool read_only;
    pthread_mutex_t write_lock;         /* covers the use of `writer` */
    struct mw_store_connection *writer; /* owns; NULL for reading only */
    pthread_mutex_t pool_lock;          /* covers the two below */
    struct mw_store_connection *free;   /* readers that nobody uses; owns */
    uint32_t reader_count;              /* free and in use */
    pthread_cond_t given;               /* a reader was given back */
};

static const char *const sql_texts[] = {
    [MW_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [MW_SQL_BEGIN_READ] = "BEGIN",
    [MW_SQL_COMMIT] = "COMMIT",
    [MW_SQL_SERIES_FIND] = "SELECT id, first_ms, last_ms FROM series"
                           " WHERE feed = ?1 AND symbol = ?2 AND timeframe = ?3",
    [MW_SQL_SERIES_ADD] = "INSERT INTO series (feed, symbol, timeframe, first_ms, last_ms)"
                          " VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
    [MW_SQL_SERIES_MOVE] = "UPDATE series SET first_ms = ?2, last_ms = ?3 WHERE id = ?1",
    [MW_SQL_SERIES_DROP] = "DELETE FROM series WHERE id = ?1",
    [MW_SQL_SERIES_EACH] = "SELECT feed, symbol, timeframe, first_ms, last_ms FROM series",
    [MW_SQL_ROWS_FROM] = "SELECT key, open, high, low, close, volume, turnover, trades, closed_by,"
                         " source, flags FROM candles WHERE key BETWEEN ?1 AND ?2"
                         " ORDER BY key LIMIT ?3",
    [MW_SQL_ROWS_LAST] = "SELECT key, open, high, low, close, volume, turnover, trades, closed_by,"
                         " source, flags FROM candles WHERE key BETWEEN ?1 AND ?2"
                         " ORDER BY key DESC LIMIT ?3",
    [MW_SQL_ROW_PUT] = "INSERT OR REPLACE INTO candles (key, open, high, low, close, volume,"
                       " turnover, trades, closed_by, source, flags)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [MW_SQL_ROWS_ERASE] = "DELETE FROM candles WHERE key BETWEEN ?1 AND ?2",
    [MW_SQL_ROW_NTH] = "SELECT key FROM candles WHERE key BETWEEN ?1 AND ?2"
                       " ORDER BY key LIMIT 1 OFFSET ?3",
    [MW_SQL_HOLES_READ] =
        "SELECT from_ms, to_ms, given_up FROM holes WHERE series = ?1 AND from_ms <= ?3"
        " AND from_ms >= ifnull((SELECT max(from_ms) FROM holes WHERE series = ?1"
        " AND from_ms <= ?2), ?2) ORDER BY from_ms",
    [MW_SQL_HOLES_ERASE] = "DELETE FROM holes WHERE series = ?1 AND from_ms BETWEEN ?2 AND ?3",
    [MW_SQL_HOLE_PUT] = "INSERT INTO holes (series, from_ms, to_ms, given_up)"
                        " VALUES (?1, ?2, ?3, ?4)",
    [MW_SQL_COUNT_SOURCES] = "SELECT source, count(*) FROM candles"
                             " WHERE key BETWEEN ?1 AND ?2 GROUP BY source",
};

/* --- connections ----------------------------------------------------------------------------- */

static void close_connection(struct mw_store_connection *connection)
{
    if (connection == NULL)
        return;
    for (uint32_t i = 0; i < MW_SQL_COUNT; i++)
        mw_statement_free(connection->statements[i]);
    mw_sqlite_close(connection->db);
    mw_free(connection);
}

/* Whoever changes the journal's mode has to have the file for itself for a moment, and SQLite does
 * not wait for that. */
static mw_status use_wal(struct mw_sqlite *db, struct mw_error *err)
{
    int64_t until_ms = mw_clock_monotonic_ms() + MW_STORE_BUSY_MS;
    char mode[16];
    mw_status status;
    while ((status = mw_sqlite_ask_text(db, "PRAGMA journal_mode = WAL", mode, sizeof(mode),
                                        err)) == MW_ETIMEOUT &&
           mw_clock_monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = WAL_RETRY_MS * 1000000L}, NULL);
    if (status == MW_OK && strcmp(mode, "wal") != 0)
        return mw_fail(err, MW_EIO, "%s: the file system cannot hold a database with a log",
                       mw_sqlite_path(db));
    return status;
}

static mw_status open_connection(struct mw_store *store, mw_sqlite_mode mode,
                                 struct mw_store_connection **out, struct mw_error *err)
{
    struct mw_sqlite *db;
    mw_status status = mw_sqlite_open(store->path, mode, MW_STORE_BUSY_MS, &db, err);
    if (status != MW_OK)
        return status;
    struct mw_store_connection *connection = mw_alloc_zero(sizeof(*connection));
    connection->store = store;
    connection->db = db;
    *out = connection;
    return MW_OK;
}

mw_status mw_store_statement(struct mw_store_connection *connection, mw_store_sql sql,
                             struct mw_statement **out, struct mw_error *err)
{
    struct mw_statement **kept = &connection->statements[sql];
    if (*kept == NULL) {
        mw_status status = mw_statement_new(connection->db, sql_texts[sql], kept, err);
        if (status != MW_OK)
            return status;
    }
    *out = *kept;
    return MW_OK;
}

/* Runs a statement that has no parameters and no rows. */
mw_status mw_store_run(struct mw_store_connection *connection, mw_store_sql sql,
                       struct mw_error *err)
{
    struct mw_statement *statement;
    mw_status status = mw_store_statement(connection, sql, &statement, err);
    return status == MW_OK ? mw_statement_run(statement, err) : status;
}

/* --- readers --------------------------------------------------------------------------------- */

/* Beside the file that the path leads to, which may be a link. */
static bool log_path(const struct mw_store *store, struct mw_str *path)
{
    char *file = realpath(store->path, NULL);
    bool added = mw_str_addf(path, "%s-wal", file != NULL ? file : store->path);
    free(file);
    return added;
}

static struct mw_store_stamp look(const struct mw_store *store)
{
    struct stat file, log;
    struct mw_store_stamp stamp = {0};
    struct mw_str path = MW_STR_INIT(MW_PATH_BYTES_MAX + 8);
    if (store->read_only && stat(store->path, &file) == 0 && log_path(store, &path) &&
        stat(path.data, &log) != 0 && errno == ENOENT)
        stamp = (struct mw_store_stamp){.still = true,
                                        .inode = file.st_ino,
                                        .bytes = file.st_size,
                                        .changed_ns = file.st_mtim.tv_sec * INT64_C(1000000000) +
                                                      file.st_mtim.tv_nsec};
    mw_str_deinit(&path);
    return stamp;
}

static bool stamps_equal(const struct mw_store_stamp *a, const struct mw_store_stamp *b)
{
    return a->still == b->still && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed_ns == b->changed_ns;
}

/* Waits for one that is free, or for room to make one: NULL then, and it is counted. */
static struct mw_store_connection *wait_for_reader(struct mw_store *store)
{
    pthread_mutex_lock(&store->pool_lock);
    while (store->free == NULL && store->reader_count == MW_STORE_READERS_MAX)
        pthread_cond_wait(&store->given, &store->pool_lock);
    struct mw_store_connection *connection = store->free;
    if (connection != NULL)
        store->free = connection->next;
    else
        store->reader_count++;
    pthread_mutex_unlock(&store->pool_lock);
    return connection;
}

mw_status mw_store_take_reader(struct mw_store *store, struct mw_store_connection **out,
                               struct mw_error *err)
{
    struct mw_store_connection *connection = wait_for_reader(store);
    struct mw_store_stamp stamp = look(store);
    if (connection != NULL && !stamps_equal(&connection->stamp, &stamp)) {
        close_connection(connection);
        connection = NULL;
    }
    if (connection != NULL) {
        *out = connection;
        return MW_OK;
    }
    mw_sqlite_mode mode = stamp.still ? MW_SQLITE_STILL : MW_SQLITE_READ;
    mw_status status = open_connection(store, mode, &connection, err);
    if (status == MW_OK) {
        connection->stamp = stamp;
        *out = connection;
        return MW_OK;
    }
    pthread_mutex_lock(&store->pool_lock);
    store->reader_count--;
    pthread_cond_signal(&store->given);
    pthread_mutex_unlock(&store->pool_lock);
    return status;
}

mw_status mw_store_give_reader(struct mw_store_connection *connection, mw_status status,
                               struct mw_error *err)
{
    struct mw_store *store = connection->store;
    struct mw_store_stamp stamp = look(store);
    if (connection->stamp.still && !stamps_equal(&connection->stamp, &stamp))
        status =
            mw_fail(err, MW_ETIMEOUT, "%s: another process began to write meanwhile", store->path);
    pthread_mutex_lock(&store->pool_lock);
    connection->next = store->free;
    store->free = connection;
    pthread_cond_signal(&store->given);
    pthread_mutex_unlock(&store->pool_lock);
    return status;
}

/* --- writing --------------------------------------------------------------------------------- */

mw_status mw_store_begin(struct mw_store *store, struct mw_store_connection **out,
                         struct mw_error *err)
{
    MW_CHECK(store->writer != NULL); /* a store that is only read is not written */
    pthread_mutex_lock(&store->write_lock);
    mw_status status = mw_store_run(store->writer, MW_SQL_BEGIN, err);
    if (status != MW_OK)
        pthread_mutex_unlock(&store->write_lock);
    else
        *out = store->writer;
    return status;
}

mw_status mw_store_end(struct mw_store_connection *connection, mw_status status,
                       struct mw_error *err)
{
    if (status == MW_OK)
        status = mw_store_run(connection, MW_SQL_COMMIT, err);
    if (status != MW_OK)
        mw_sqlite_roll_back(connection->db);
    pthread_mutex_unlock(&connection->store->write_lock);
    return status;
}

void mw_store_wait_until(struct mw_store *store, int64_t until_ms)
{
    MW_CHECK(store->writer != NULL);
    mw_sqlite_wait_until(store->writer->db, until_ms);
}

/* --- opening --------------------------------------------------------------------------------- */

static mw_status open_reader(struct mw_store *store, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    status = mw_store_prepare(connection->db, true, err);
    return mw_store_give_reader(connection, status, err);
}

/* A file that is not there can be made where its folder can be written. */
static mw_status look_at_folder(const char *path, struct mw_error *err)
{
    char *folder = mw_strdup(path), *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    struct stat found;
    const char *name = slash != NULL ? folder : ".";
    int failed = stat(name, &found) != 0          ? errno
                 : !S_ISDIR(found.st_mode)        ? ENOTDIR
                 : access(name, W_OK | X_OK) != 0 ? errno
                                                  : 0;
    mw_free(folder);
    return failed == 0 ? MW_OK : mw_fail(err, MW_EIO, "%s: %s", path, strerror(failed));
}

/* SQLite would read what it cannot write, and has other words for what is missing. */
static mw_status look_at_path(const char *path, struct mw_error *err)
{
    struct stat found;
    mw_status status = mw_sqlite_check_path(path, err);
    if (status != MW_OK)
        return status;
    if (stat(path, &found) != 0)
        return errno == ENOENT ? look_at_folder(path, err)
                               : mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(found.st_mode))
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(EISDIR));
    if (access(path, W_OK) != 0)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    return MW_OK;
}

static mw_status open_writer(struct mw_store *store, bool must_exist, struct mw_error *err)
{
    mw_sqlite_mode mode = must_exist ? MW_SQLITE_WRITE : MW_SQLITE_CREATE;
    mw_status status = look_at_path(store->path, err);
    if (status != MW_OK)
        return status;
    status = open_connection(store, mode, &store->writer, err);
    if (status != MW_OK)
        return status;
    struct mw_sqlite *db = store->writer->db;
    status = mw_store_check_owner(db, err);
    if (status == MW_OK)
        status = use_wal(db, err);
    if (status == MW_OK)
        status = mw_sqlite_run(db,
                               "PRAGMA synchronous = NORMAL;"
                               "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;"
                               "PRAGMA journal_size_limit = 33554432",
                               err);
    if (status == MW_OK)
        status = mw_store_prepare(db, false, err);
    return status;
}

static struct mw_store *make_store(const char *path, bool read_only)
{
    struct mw_store *store = mw_alloc_zero(sizeof(*store));
    store->path = mw_strdup(path);
    store->read_only = read_only;
    pthread_mutex_init(&store->write_lock, NULL);
    pthread_mutex_init(&store->pool_lock, NULL);
    pthread_cond_init(&store->given, NULL);
    return store;
}

mw_status mw_store_open(const struct mw_store_options *options, struct mw_store **out,
                        struct mw_error *err)
{
    struct mw_store *store = make_store(options->path, options->read_only);
    mw_status status =
        options->read_only ? open_reader(store, err) : open_writer(store, options->must_exist, err);
    if (status != MW_OK) {
        mw_store_close(store);
        return status;
    }
    *out = store;
    return MW_OK;
}

mw_status mw_store_look(const char *path, struct mw_error *err)
{
    struct stat found;
    mw_status status = look_at_path(path, err);
    if (status != MW_OK || stat(path, &found) != 0)
        return status;
    struct mw_store *store = make_store(path, true);
    struct mw_store_connection *connection;
    status = mw_store_take_reader(store, &connection, err);
    if (status == MW_OK) {
        status = mw_store_check_owner(connection->db, err);
        status = mw_store_give_reader(connection, status, err);
    }
    mw_store_close(store);
    return status;
}

void mw_store_close(struct mw_store *store)
{
    if (store == NULL)
        return;
    uint32_t closed = 0;
    while (store->free != NULL) {
        struct mw_store_connection *connection = store->free;
        store->free = connection->next;
        close_connection(connection);
        closed++;
    }
    MW_CHECK(closed == store->reader_count);
    close_connection(store->writer); /* the last one puts the log into the file, and deletes it */
    pthread_cond_destroy(&store->given);
    pthread_mutex_destroy(&store->pool_lock);
    pthread_mutex_destroy(&store->write_lock);
    mw_free(store->path);
    mw_free(store);
}

const char *mw_store_path(const struct mw_store *store)
{
    return store->path;
}

uint64_t mw_store_bytes(struct mw_store *store)
{
    struct stat file, log;
    if (stat(store->path, &file) != 0)
        return 0;
    uint64_t bytes = (uint64_t)file.st_size;
    struct mw_str path = MW_STR_INIT(MW_PATH_BYTES_MAX + 8);
    if (log_path(store, &path) && stat(path.data, &log) == 0)
        bytes += (uint64_t)log.st_size;
    mw_str_deinit(&path);
    return bytes;
}
