/* store_schema.c - the tables, and how those of older versions become them.
 *
 * `user_version` says how many of the steps below have been taken. A step is never changed once it
 * has been released; what comes later is another step.
 */
#include "history/store_parts.h"

#include <stdio.h>

#include "base/check.h"

/* "MWST" in the file's header says whose it is. */
enum { APPLICATION_ID = 0x4d575354 };

/* What follows writes out MW_STORE_KEY_BITS: 2^39 - 1 is 549755813887, and the year 1 begins at
 * -62135596800 seconds. */
static_assert(MW_STORE_KEY_BITS == 39, "the SQL below says so");

/* Version 1: what there is. Columns of numbers have no type, so that SQLite keeps the doubles as
 * they are and does not make integers of them. */
static const char tables_1[] =
    "CREATE TABLE series (id INTEGER PRIMARY KEY, feed TEXT NOT NULL, symbol TEXT NOT NULL,"
    " timeframe TEXT NOT NULL, UNIQUE (feed, symbol, timeframe));"
    "CREATE TABLE candles (key INTEGER PRIMARY KEY, open, high, low, close, volume, turnover,"
    " trades INTEGER NOT NULL, closed_by INTEGER NOT NULL, source INTEGER NOT NULL,"
    " flags INTEGER NOT NULL);";

/* Version 2: what is known, and a view for people. Of a file of version 1 it is known that its rows
 * are there; what lies between them may be missing. */
static const char tables_2[] =
    "ALTER TABLE series ADD COLUMN first_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE series ADD COLUMN last_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE holes (series INTEGER NOT NULL, from_ms INTEGER NOT NULL,"
    " to_ms INTEGER NOT NULL, given_up INTEGER NOT NULL, PRIMARY KEY (series, from_ms))"
    " WITHOUT ROWID;"
    "CREATE VIEW bars AS SELECT feed, symbol, timeframe,"
    " (key & 549755813887) * 1000 - 62135596800000 AS open_ms,"
    " datetime((key & 549755813887) - 62135596800, 'unixepoch') AS open_time,"
    " open, high, low, close, volume, turnover, trades, closed_by, source, flags"
    " FROM series CROSS JOIN candles ON key BETWEEN id << 39 AND (id << 39) + 549755813887;"
    "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM candles"
    " WHERE key BETWEEN id << 39 AND (id << 39) + 549755813887);"
    "UPDATE series SET (first_ms, last_ms) = (SELECT"
    " (min(key) & 549755813887) * 1000 - 62135596800000,"
    " (max(key) & 549755813887) * 1000 - 62135596800000"
    " FROM candles WHERE key BETWEEN id << 39 AND (id << 39) + 549755813887);";

static mw_status make_tables_1(struct mw_sqlite *db, struct mw_error *err)
{
    return mw_sqlite_run(db, tables_1, err);
}

/* Makes a hole of what lies between the rows of each series. */
static mw_status open_holes(struct mw_sqlite *db, struct mw_statement *rows,
                            struct mw_statement *put, struct mw_error *err)
{
    bool row;
    int64_t series = 0, next_ms = 0;
    struct mw_timeframe timeframe = {0};
    mw_status status;
    while ((status = mw_statement_step(rows, &row, err)) == MW_OK && row) {
        int64_t open_ms = mw_store_key_open_ms(mw_statement_int(rows, 1));
        if (mw_statement_int(rows, 0) != series) {
            series = mw_statement_int(rows, 0);
            const char *text = mw_statement_text(rows, 2);
            if (text == NULL || mw_timeframe_parse(text, &timeframe, NULL) != MW_OK)
                return mw_fail(err, MW_EHISTORY, "%s: the store is damaged: timeframe '%s'",
                               mw_sqlite_path(db), text != NULL ? text : "");
        } else if (next_ms < open_ms) {
            mw_statement_bind(put, 1, series);
            mw_statement_bind(put, 2, next_ms);
            mw_statement_bind(put, 3, mw_timeframe_floor(timeframe, open_ms - 1));
            status = mw_statement_run(put, err);
            if (status != MW_OK)
                return status;
        }
        if (open_ms < MW_CANDLE_OPEN_MS_MIN || open_ms > MW_CANDLE_OPEN_MS_MAX)
            return mw_fail(err, MW_EHISTORY, "%s: the store is damaged: a row at %lld",
                           mw_sqlite_path(db), (long long)open_ms);
        next_ms = mw_timeframe_next(timeframe, open_ms);
    }
    return status;
}

static mw_status make_tables_2(struct mw_sqlite *db, struct mw_error *err)
{
    mw_status status = mw_sqlite_run(db, tables_2, err);
    if (status != MW_OK)
        return status;
    struct mw_statement *rows = NULL, *put = NULL;
    status =
        mw_statement_new(db,
                         "SELECT id, key, timeframe FROM series CROSS JOIN candles ON key BETWEEN"
                         " id << 39 AND (id << 39) + 549755813887 ORDER BY id, key",
                         &rows, err);
    if (status == MW_OK)
        status = mw_statement_new(db, "INSERT INTO holes VALUES (?1, ?2, ?3, 0)", &put, err);
    if (status == MW_OK)
        status = open_holes(db, rows, put, err);
    mw_statement_free(put);
    mw_statement_free(rows);
    return status;
}

static mw_status (*const steps[])(struct mw_sqlite *db, struct mw_error *err) = {make_tables_1,
                                                                                 make_tables_2};

/* Whose file it is, and which steps have been taken; 0 for an empty one. */
static mw_status look(struct mw_sqlite *db, int64_t *version, struct mw_error *err)
{
    int64_t application, tables;
    mw_status status = mw_sqlite_ask(db, "PRAGMA application_id", &application, err);
    if (status == MW_OK)
        status = mw_sqlite_ask(db, "PRAGMA user_version", version, err);
    if (status == MW_OK)
        status = mw_sqlite_ask(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status != MW_OK)
        return status;
    bool empty = application == 0 && *version == 0 && tables == 0;
    if (!empty && (application != APPLICATION_ID || *version < 1))
        return mw_fail(err, MW_EHISTORY, "%s: is a database, but not a store of candles",
                       mw_sqlite_path(db));
    if (*version > (int64_t)MW_COUNT(steps))
        return mw_fail(err, MW_EHISTORY,
                       "%s: was written by a newer version (its format is %lld, the newest known "
                       "is %d)",
                       mw_sqlite_path(db), (long long)*version, (int)MW_COUNT(steps));
    return MW_OK;
}

/* The same in a transaction: another process may be about to make the tables. */
static mw_status look_at_once(struct mw_sqlite *db, int64_t *version, struct mw_error *err)
{
    mw_status status = mw_sqlite_run(db, "BEGIN", err);
    if (status == MW_OK)
        status = look(db, version, err);
    mw_sqlite_roll_back(db);
    return status;
}

mw_status mw_store_check_owner(struct mw_sqlite *db, struct mw_error *err)
{
    int64_t version;
    return look_at_once(db, &version, err);
}

static mw_status take_steps(struct mw_sqlite *db, struct mw_error *err)
{
    /* Again within the transaction: another process may have been first. */
    int64_t version;
    mw_status status = look(db, &version, err);
    for (; status == MW_OK && version < (int64_t)MW_COUNT(steps); version++)
        status = steps[version](db, err);
    if (status != MW_OK)
        return status;
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, (int)MW_COUNT(steps));
    return mw_sqlite_run(db, sql, err);
}

mw_status mw_store_prepare(struct mw_sqlite *db, bool read_only, struct mw_error *err)
{
    int64_t version;
    mw_status status = look_at_once(db, &version, err);
    if (status != MW_OK || version == (int64_t)MW_COUNT(steps))
        return status;
    if (read_only && version == 0)
        return mw_fail(err, MW_EHISTORY, "%s: is empty, and no store of candles",
                       mw_sqlite_path(db));
    if (read_only)
        return mw_fail(err, MW_EHISTORY,
                       "%s: was written by an older version; open it for writing once, which "
                       "brings it up to date",
                       mw_sqlite_path(db));
    status = mw_sqlite_run(db, "BEGIN IMMEDIATE", err);
    if (status == MW_OK)
        status = take_steps(db, err);
    if (status == MW_OK)
        status = mw_sqlite_run(db, "COMMIT", err);
    if (status != MW_OK)
        mw_sqlite_roll_back(db);
    return status;
}
