/* store_test.c - what is written to a store is what is read from it, and who may replace what. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "history/sqlite.h"
#include "store_file.h"

static const int64_t minute_ms = 60000;

static const struct mw_series_key key = {"demo", "BTC-USD", {1, 'm'}};

static struct mw_candle bar(int64_t minute, double price)
{
    return (struct mw_candle){.open_ms = minute * minute_ms,
                              .open = price,
                              .high = price + 2,
                              .low = price - 2,
                              .close = price + 1,
                              .volume = 3.25,
                              .turnover = (double)NAN,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static void write_part(struct mw_store *store, const struct mw_store_part *part,
                       struct mw_stored *stored)
{
    struct mw_error err;
    if (mw_store_write(store, part, 1, stored, &err) != MW_OK)
        fail_msg("%s", err.message);
}

static struct mw_stored write_row(struct mw_store *store, const struct mw_candle *row, bool keep)
{
    struct mw_stored stored;
    struct mw_store_part part = {.key = &key,
                                 .from_ms = row->open_ms,
                                 .to_ms = row->open_ms,
                                 .rows = row,
                                 .row_count = 1,
                                 .keep = keep};
    write_part(store, &part, &stored);
    return stored;
}

static uint32_t read_all(struct mw_store *store, struct mw_candle *out, uint32_t room)
{
    uint32_t got = 0;
    struct mw_error err;
    if (mw_store_read_rows(store,
                           &(struct mw_store_query){.key = &key,
                                                    .from_ms = INT64_MIN,
                                                    .until_ms = INT64_MAX,
                                                    .count = room,
                                                    .newest = true},
                           out, &got, &err) != MW_OK)
        fail_msg("%s", err.message);
    return got;
}

static struct mw_candle read_one(struct mw_store *store)
{
    struct mw_candle row[2];
    assert_int_equal(read_all(store, row, 2), 1);
    return row[0];
}

static mw_status try_open(const struct mw_store_options *options, struct mw_error *err)
{
    struct mw_store *store = NULL;
    mw_status status = mw_store_open(options, &store, err);
    if (status != MW_OK)
        assert_non_null(strstr(err->message, options->path));
    if (status != MW_OK)
        assert_null(store);
    mw_store_close(store);
    return status;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void candles_come_back_to_the_bit(void **state)
{
    enum { COUNT = 20000 };
    struct mw_store *store = store_file_open(*state);
    struct mw_random random = {7};
    struct mw_candle *rows = mw_alloc(COUNT * sizeof(*rows)), *out = mw_alloc(COUNT * sizeof(*out));
    for (int i = 0; i < COUNT; i++)
        rows[i] = store_random_candle(&random, (int64_t)(i - COUNT / 2) * minute_ms);
    rows[0].turnover = (double)INFINITY;
    struct mw_store_part part = {.key = &key,
                                 .from_ms = rows[0].open_ms,
                                 .to_ms = rows[COUNT - 1].open_ms,
                                 .rows = rows,
                                 .row_count = COUNT};
    struct mw_stored stored;
    write_part(store, &part, &stored);
    assert_int_equal(stored.rows, COUNT);
    mw_store_close(store);
    store = store_file_open(*state);
    assert_int_equal(read_all(store, out, COUNT), COUNT);
    for (int i = 0; i < COUNT; i++)
        store_assert_same(&out[i], &rows[i]);
    write_part(store, &part, &stored);
    assert_int_equal(stored.rows + stored.replaced + stored.differing, 0);
    mw_store_close(store);
    mw_free(rows);
    mw_free(out);
}

static void names_times_and_lengths_at_their_limits_are_kept(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_series_key longest = {.timeframe = {120, 'M'}};
    memset(longest.feed, 'f', MW_FEED_NAME_BYTES_MAX);
    memset(longest.symbol, '\'', MW_SYMBOL_BYTES_MAX);
    struct mw_candle rows[2] = {bar(0, 10), bar(0, 20)}, out[3];
    rows[0].open_ms = mw_timeframe_floor(longest.timeframe, 0);
    rows[1].open_ms = mw_timeframe_floor(longest.timeframe, 253402300799999);
    rows[1].trades = UINT32_MAX;
    struct mw_store_part part = {.key = &longest,
                                 .from_ms = rows[0].open_ms,
                                 .to_ms = rows[1].open_ms,
                                 .rows = rows,
                                 .row_count = 2};
    write_part(store, &part, NULL);
    uint32_t got;
    struct mw_error err;
    assert_int_equal(mw_store_read_rows(store,
                                        &(struct mw_store_query){.key = &longest,
                                                                 .from_ms = INT64_MIN,
                                                                 .until_ms = INT64_MAX,
                                                                 .count = 3},
                                        out, &got, &err),
                     MW_OK);
    assert_int_equal(got, 2);
    store_assert_same(&out[1], &rows[1]);
    assert_int_equal(mw_store_check(store, &err), MW_OK);
    mw_store_close(store);
}

static void what_is_no_candle_is_refused_and_nothing_of_the_write_is_there(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle rows[2] = {bar(5, 10), bar(6, 10)}, out[2];
    rows[1].low = 100;
    struct mw_store_part parts[2] = {
        {.key = &key, .from_ms = 0, .to_ms = 5 * minute_ms, .rows = rows, .row_count = 1},
        {.key = &key,
         .from_ms = 6 * minute_ms,
         .to_ms = 6 * minute_ms,
         .rows = rows + 1,
         .row_count = 1}};
    struct mw_error err;
    struct mw_stored stored = {7, 7, 7};
    assert_int_equal(mw_store_write(store, parts, 2, &stored, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "1970-01-01T00:06:00Z"));
    assert_non_null(strstr(err.message, "bad_range"));
    assert_int_equal(stored.rows, 7);
    assert_int_equal(read_all(store, out, 2), 0);
    bool found = true;
    struct mw_store_series series;
    assert_int_equal(mw_store_find(store, &key, &series, &found, &err), MW_OK);
    assert_false(found);
    mw_store_close(store);
}

static void nothing_is_asked_for_and_nothing_comes(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle row = bar(5, 10);
    write_row(store, &row, false);
    uint32_t got = 9;
    struct mw_error err;
    assert_int_equal(mw_store_read_rows(store,
                                        &(struct mw_store_query){.key = &key,
                                                                 .from_ms = INT64_MIN,
                                                                 .until_ms = INT64_MAX,
                                                                 .count = 0,
                                                                 .newest = true},
                                        NULL, &got, &err),
                     MW_OK);
    assert_int_equal(got, 0);
    assert_int_equal(mw_store_write(store, NULL, 0, NULL, &err), MW_OK);
    mw_store_close(store);
}

/* --- what may take the place of what --------------------------------------------------------- */

/* Writes `given` over `there`; whether it took its place. */
static bool takes_the_place(struct mw_store *store, struct mw_candle there, struct mw_candle given)
{
    struct mw_error err;
    uint32_t erased;
    assert_int_equal(mw_store_erase_before(store, &key, INT64_MAX, 10, &erased, &err), MW_OK);
    write_row(store, &there, false);
    struct mw_stored stored = write_row(store, &given, false);
    assert_int_equal(stored.rows, 0);
    assert_int_equal(stored.replaced + stored.differing, given.source != MW_SOURCE_STORE);
    struct mw_candle row = read_one(store);
    store_assert_same(&row, stored.replaced ? &given : &there);
    return stored.replaced;
}

static struct mw_candle seen(uint8_t closed_by, uint8_t source, uint8_t flags, double volume)
{
    struct mw_candle row = bar(5, 10 + volume);
    row.closed_by = closed_by;
    row.source = source;
    row.flags = flags;
    row.volume = volume;
    return row;
}

static void a_row_is_never_made_worse(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle live = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_LIVE, 0, 5);
    struct mw_candle history = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_BACKFILL, 0, 6);
    struct mw_candle clocked = seen(MW_CLOSED_BY_CLOCK, MW_SOURCE_LIVE, 0, 7);
    struct mw_candle more = seen(MW_CLOSED_BY_SUCCESSOR, MW_SOURCE_LIVE, 0, 8);
    struct mw_candle doubtful = seen(MW_CLOSED_BY_SUCCESSOR, MW_SOURCE_LIVE, MW_CANDLE_UNPROVEN, 9);
    struct mw_candle read = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_STORE, 0, 10);
    struct mw_candle brought = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_IMPORT, 0, 11);
    struct mw_candle revised = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_LIVE, MW_CANDLE_REVISED, 2);

    assert_true(takes_the_place(store, live, revised));
    assert_false(takes_the_place(store, live, history));
    assert_true(takes_the_place(store, history, live));
    assert_false(takes_the_place(store, live, clocked));
    assert_false(takes_the_place(store, history, more));
    assert_true(takes_the_place(store, clocked, history));
    assert_true(takes_the_place(store, clocked, more));
    assert_false(takes_the_place(store, more, clocked));
    assert_false(takes_the_place(store, clocked, doubtful));
    assert_true(takes_the_place(store, doubtful, clocked));
    assert_false(takes_the_place(store, clocked, read));
    assert_true(takes_the_place(store, live, brought));
    assert_true(takes_the_place(store, brought, history));
    mw_store_close(store);
}

static void the_same_prices_only_complete_what_is_there(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle there = seen(MW_CLOSED_BY_CLOCK, MW_SOURCE_LIVE, MW_CANDLE_UNPROVEN, 5);
    there.turnover = 50;
    write_row(store, &there, false);
    struct mw_candle given = seen(MW_CLOSED_BY_EXCHANGE, MW_SOURCE_BACKFILL, 0, 5);
    given.trades = 7;
    struct mw_stored stored = write_row(store, &given, false);
    assert_int_equal(stored.replaced, 1); /* its trades */
    struct mw_candle row = read_one(store), want = there;
    want.trades = 7;
    want.closed_by = MW_CLOSED_BY_EXCHANGE;
    want.flags = 0;
    store_assert_same(&row, &want);
    stored = write_row(store, &there, false);
    assert_int_equal(stored.rows + stored.replaced + stored.differing, 0);
    row = read_one(store);
    store_assert_same(&row, &want);

    struct mw_store_counts counts; /* where it came from stays */
    struct mw_error err;
    assert_int_equal(mw_store_count(store, &key, &counts, &err), MW_OK);
    assert_int_equal(counts.by_source[MW_SOURCE_LIVE], 1);
    mw_store_close(store);
}

static void what_was_read_from_the_store_goes_back_without_a_trace(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle row = bar(5, 10);
    row.source = MW_SOURCE_BACKFILL;
    write_row(store, &row, false);
    struct mw_candle again = read_one(store);
    assert_int_equal(again.source, MW_SOURCE_STORE);
    struct mw_stored stored = write_row(store, &again, false);
    assert_int_equal(stored.rows + stored.replaced + stored.differing, 0);
    struct mw_store_counts counts;
    struct mw_error err;
    assert_int_equal(mw_store_count(store, &key, &counts, &err), MW_OK);
    assert_int_equal(counts.by_source[MW_SOURCE_BACKFILL], 1);
    mw_store_close(store);
}

static void rows_are_kept_where_that_is_asked_for(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_candle there = bar(5, 10), given = bar(5, 11);
    given.source = MW_SOURCE_IMPORT;
    write_row(store, &there, false);
    struct mw_stored stored = write_row(store, &given, true);
    assert_int_equal(stored.differing, 1);
    assert_int_equal(stored.replaced, 0);
    struct mw_candle row = read_one(store);
    store_assert_same(&row, &there);
    stored = write_row(store, &there, true);
    assert_int_equal(stored.differing, 0);
    mw_store_close(store);
}

/* --- series ---------------------------------------------------------------------------------- */

struct names {
    char text[256];
    uint32_t count, count_max;
};

static bool note_name(void *user, const struct mw_store_series *series)
{
    struct names *names = user;
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    size_t length = strlen(names->text);
    snprintf(names->text + length, sizeof(names->text) - length, "%s %s %s;", series->key.feed,
             series->key.symbol, mw_timeframe_format(series->key.timeframe, timeframe));
    assert_int_equal(series->first_ms, 0);
    assert_int_equal(series->last_ms, 0);
    return ++names->count < names->count_max;
}

static void series_are_listed_by_feed_symbol_and_length(void **state)
{
    static const struct mw_series_key keys[] = {{"b", "X", {1, 'd'}},
                                                {"b", "X", {90, 'm'}},
                                                {"a", "Z", {1, 'm'}},
                                                {"b", "X", {2, 'h'}},
                                                {"a", "A", {1, 'M'}}};
    struct mw_store *store = store_file_open(*state);
    struct mw_candle row = bar(0, 10);
    for (size_t i = 0; i < MW_COUNT(keys); i++) {
        struct mw_store_part part = {.key = &keys[i], .rows = &row, .row_count = 1};
        write_part(store, &part, NULL);
    }
    struct names names = {.count_max = 10};
    struct mw_error err;
    assert_int_equal(mw_store_each(store, note_name, &names, &err), MW_OK);
    assert_string_equal(names.text, "a A 1M;a Z 1m;b X 90m;b X 2h;b X 1d;");
    names = (struct names){.count_max = 2};
    assert_int_equal(mw_store_each(store, note_name, &names, &err), MW_OK);
    assert_int_equal(names.count, 2);
    mw_store_close(store);
}

/* --- files ----------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(bytes, 1, strlen(bytes), file);
    fclose(file);
}

static void run_sql(const char *path, const char *sql)
{
    struct mw_sqlite *db;
    struct mw_error err;
    assert_int_equal(mw_sqlite_open(path, MW_SQLITE_CREATE, 100, &db, &err), MW_OK);
    if (mw_sqlite_run(db, sql, &err) != MW_OK)
        fail_msg("%s", err.message);
    mw_sqlite_close(db);
}

static bool has_log(const char *path)
{
    char other[128];
    snprintf(other, sizeof(other), "%s-wal", path);
    if (access(other, F_OK) == 0)
        return true;
    snprintf(other, sizeof(other), "%s-shm", path);
    return access(other, F_OK) == 0;
}

static void a_file_that_is_no_store_is_refused_and_left_alone(void **state)
{
    const char *path = *state;
    struct mw_error err;
    struct mw_store_options options = {.path = path};
    static const char text[] = "open_time,open,high,low,close,volume\nthis is a long text that is "
                               "no database, although somebody gave it such a name\n";
    write_file(path, text);
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    struct stat after;
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, sizeof(text) - 1);
    remove(path);

    run_sql(path, "CREATE TABLE candles (a); CREATE TABLE series (b)");
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "not a store"));
    options.read_only = true;
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    assert_false(has_log(path));
}

static void a_file_of_a_newer_version_is_refused(void **state)
{
    struct mw_store_options options = {.path = *state};
    mw_store_close(store_file_open(*state));
    run_sql(*state, "PRAGMA user_version = 3");
    struct mw_error err;
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "newer version"));
    options.read_only = true;
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
}

static void what_cannot_be_a_file_is_refused(void **state)
{
    char path[MW_PATH_BYTES_MAX + 2];
    snprintf(path, sizeof(path), "%s", (const char *)*state);
    *strrchr(path, '/') = '\0';
    struct mw_error err;
    struct mw_store_options options = {.path = path};
    assert_int_equal(try_open(&options, &err), MW_EIO); /* a folder */
    options.path = "/nowhere/at/all.db";
    assert_int_equal(try_open(&options, &err), MW_EIO);
    options.path = "";
    assert_int_equal(try_open(&options, &err), MW_EIO);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    options.path = path;
    struct mw_store *store = NULL;
    assert_int_equal(mw_store_open(&options, &store, &err), MW_EIO);
    assert_non_null(strstr(err.message, "want a path of 1 to 4096 bytes"));
}

static void a_file_that_must_be_there_is_not_made(void **state)
{
    struct mw_store_options options = {.path = *state, .must_exist = true};
    struct mw_error err;
    assert_int_equal(try_open(&options, &err), MW_EIO);
    assert_int_equal(access(*state, F_OK), -1);
    options = (struct mw_store_options){.path = *state, .read_only = true};
    assert_int_equal(try_open(&options, &err), MW_EIO);
    assert_int_equal(access(*state, F_OK), -1);
    write_file(*state, "");
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    options.read_only = false; /* an empty file becomes one */
    assert_int_equal(try_open(&options, &err), MW_OK);
}

static void a_path_with_odd_letters_is_a_path(void **state)
{
    char path[128];
    snprintf(path, sizeof(path), "%s?mode=ro#%%41", (const char *)*state);
    struct mw_store *store = store_file_open(path);
    assert_string_equal(mw_store_path(store), path);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(mw_store_bytes(store) > 0);
    mw_store_close(store);
    assert_int_equal(remove(path), 0);
}

static void reading_makes_no_files_and_sees_what_is_written_meanwhile(void **state)
{
    struct mw_store *store = store_file_open(*state), *reader = NULL;
    struct mw_candle row = bar(5, 10), out[4];
    write_row(store, &row, false);
    mw_store_close(store);
    assert_false(has_log(*state));

    struct mw_error err;
    struct mw_store_options options = {.path = *state, .read_only = true};
    assert_int_equal(mw_store_open(&options, &reader, &err), MW_OK);
    assert_int_equal(read_all(reader, out, 4), 1);
    assert_int_equal(mw_store_check(reader, &err), MW_OK);
    assert_false(has_log(*state));

    store = store_file_open(*state);
    row = bar(6, 10);
    write_row(store, &row, false);
    assert_int_equal(read_all(reader, out, 4), 2); /* out of the log */
    mw_store_close(store);
    assert_int_equal(read_all(reader, out, 4), 2);
    mw_store_close(reader);

    chmod(*state, 0444);
    assert_int_equal(mw_store_open(&options, &reader, &err), MW_OK);
    assert_int_equal(read_all(reader, out, 4), 2);
    mw_store_close(reader);
}

/* --- older versions -------------------------------------------------------------------------- */

static void a_store_of_version_1_is_brought_up_to_date(void **state)
{
    run_sql(*state,
            "PRAGMA application_id = 1297568596; PRAGMA user_version = 1;"
            "CREATE TABLE series (id INTEGER PRIMARY KEY, feed TEXT NOT NULL, symbol TEXT NOT NULL,"
            " timeframe TEXT NOT NULL, UNIQUE (feed, symbol, timeframe));"
            "CREATE TABLE candles (key INTEGER PRIMARY KEY, open, high, low, close, volume,"
            " turnover, trades INTEGER NOT NULL, closed_by INTEGER NOT NULL,"
            " source INTEGER NOT NULL, flags INTEGER NOT NULL);"
            "INSERT INTO series VALUES (1, 'demo', 'BTC-USD', '1m'), (2, 'demo', 'NONE', '1m'),"
            " (3, 'demo', 'BTC-USD', '7h');"
            "INSERT INTO candles VALUES (611891410748, 1, 2, 0.5, 1.5, 9, NULL, 3, 1, 0, 0),"
            " (611891410808, 1, 2, 0.5, 1.5, 9, NULL, 3, 1, 0, 0),"
            " (611891410988, 1, 2, 0.5, 1.5, 9, NULL, 3, 1, 0, 0),"
            " (1711403038464, 1, 2, 0.5, 1.5, 9, NULL, 3, 1, 0, 0),"
            " (1711403124864, 1, 2, 0.5, 1.5, 9, NULL, 3, 1, 0, 0);");
    struct mw_store_options options = {.path = *state, .read_only = true};
    struct mw_error err;
    assert_int_equal(try_open(&options, &err), MW_EHISTORY); /* nothing in it may change */
    assert_non_null(strstr(err.message, "older version"));
    struct mw_store *store = store_file_open(*state);
    struct mw_store_series series;
    bool found;
    assert_int_equal(mw_store_find(store, &key, &series, &found, &err), MW_OK);
    assert_true(found);
    assert_int_equal(series.first_ms, 60000);
    assert_int_equal(series.last_ms, 300000);
    struct mw_gaps holes = {0};
    struct mw_store_query query = {.key = &key, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
    assert_int_equal(mw_store_read_holes(store, &query, &holes, &err), MW_OK);
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.list[0].from_ms, 180000);
    assert_int_equal(holes.list[0].to_ms, 240000);
    struct mw_series_key odd = {"demo", "BTC-USD", {7, 'h'}};
    query.key = &odd;
    assert_int_equal(mw_store_read_holes(store, &query, &holes, &err), MW_OK);
    assert_int_equal(holes.count, 1);
    /* The day's last is shorter. */
    assert_int_equal(holes.list[0].to_ms, INT64_C(21) * 60 * minute_ms);
    mw_gaps_deinit(&holes);
    struct mw_candle out[4];
    assert_int_equal(read_all(store, out, 4), 3);
    assert_int_equal(mw_store_check(store, &err), MW_OK);
    struct mw_series_key none = {"demo", "NONE", {1, 'm'}};
    assert_int_equal(mw_store_find(store, &none, &series, &found, &err), MW_OK);
    assert_false(found);
    mw_store_close(store);
}

static void a_store_of_version_1_that_makes_no_sense_stays_as_it_is(void **state)
{
    run_sql(*state, "PRAGMA application_id = 1297568596; PRAGMA user_version = 1;"
                    "CREATE TABLE series (id INTEGER PRIMARY KEY, feed, symbol, timeframe);"
                    "CREATE TABLE candles (key INTEGER PRIMARY KEY);"
                    "INSERT INTO series VALUES (1, 'demo', 'BTC-USD', '1x');"
                    "INSERT INTO candles VALUES (611891410748), (611891410808)");
    struct mw_store_options options = {.path = *state};
    struct mw_error err;
    assert_int_equal(try_open(&options, &err), MW_EHISTORY);
    struct mw_sqlite *db;
    int64_t version = 0, tables = 0;
    assert_int_equal(mw_sqlite_open(*state, MW_SQLITE_READ, 100, &db, &err), MW_OK);
    assert_int_equal(mw_sqlite_ask(db, "PRAGMA user_version", &version, &err), MW_OK);
    assert_int_equal(mw_sqlite_ask(db, "SELECT count(*) FROM sqlite_schema", &tables, &err), MW_OK);
    assert_int_equal(version, 1);
    assert_int_equal(tables, 2);
    mw_sqlite_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_file_setup, store_file_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(candles_come_back_to_the_bit),
        TEST(names_times_and_lengths_at_their_limits_are_kept),
        TEST(what_is_no_candle_is_refused_and_nothing_of_the_write_is_there),
        TEST(nothing_is_asked_for_and_nothing_comes),
        TEST(a_row_is_never_made_worse),
        TEST(the_same_prices_only_complete_what_is_there),
        TEST(what_was_read_from_the_store_goes_back_without_a_trace),
        TEST(rows_are_kept_where_that_is_asked_for),
        TEST(series_are_listed_by_feed_symbol_and_length),
        TEST(a_file_that_is_no_store_is_refused_and_left_alone),
        TEST(a_file_of_a_newer_version_is_refused),
        TEST(what_cannot_be_a_file_is_refused),
        TEST(a_file_that_must_be_there_is_not_made),
        TEST(a_path_with_odd_letters_is_a_path),
        TEST(reading_makes_no_files_and_sees_what_is_written_meanwhile),
        TEST(a_store_of_version_1_is_brought_up_to_date),
        TEST(a_store_of_version_1_that_makes_no_sense_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
