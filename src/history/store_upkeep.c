/* store_upkeep.c - what concerns a whole series or all of them: lists, counts, erasing, checks. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/store_parts.h"

enum { CHECK_ROWS = 4096 }; /* read at once */

/* --- lists ----------------------------------------------------------------------------------- */

struct list {
    struct mw_store_series *items; /* owns */
    uint32_t count, capacity;
};

static int by_key(const void *a_item, const void *b_item)
{
    const struct mw_series_key *a = &((const struct mw_store_series *)a_item)->key;
    const struct mw_series_key *b = &((const struct mw_store_series *)b_item)->key;
    int order = strcmp(a->feed, b->feed);
    if (order == 0)
        order = strcmp(a->symbol, b->symbol);
    if (order != 0)
        return order;
    int64_t a_ms = mw_timeframe_ms(a->timeframe), b_ms = mw_timeframe_ms(b->timeframe);
    if (a_ms != b_ms)
        return a_ms < b_ms ? -1 : 1;
    return (a->timeframe.unit > b->timeframe.unit) - (a->timeframe.unit < b->timeframe.unit);
}

static bool copy_text(char *out, size_t room, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (length == 0 || length >= room)
        return false;
    memcpy(out, text, length + 1);
    return true;
}

static mw_status list_series(struct mw_store_connection *connection, struct list *list,
                             struct mw_error *err)
{
    struct mw_statement *each;
    mw_status status = mw_store_statement(connection, MW_SQL_SERIES_EACH, &each, err);
    if (status != MW_OK)
        return status;
    bool row;
    while ((status = mw_statement_step(each, &row, err)) == MW_OK && row) {
        if (list->count == list->capacity) {
            list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
            list->items = mw_realloc_array(list->items, list->capacity, sizeof(*list->items));
        }
        struct mw_store_series *series = &list->items[list->count];
        *series = (struct mw_store_series){0};
        const char *timeframe = mw_statement_text(each, 2);
        char again[MW_TIMEFRAME_BYTES_MAX];
        if (!copy_text(series->key.feed, sizeof(series->key.feed), mw_statement_text(each, 0)) ||
            !copy_text(series->key.symbol, sizeof(series->key.symbol),
                       mw_statement_text(each, 1)) ||
            timeframe == NULL ||
            mw_timeframe_parse(timeframe, &series->key.timeframe, NULL) != MW_OK ||
            strcmp(mw_timeframe_format(series->key.timeframe, again), timeframe) != 0) {
            mw_statement_reset(each);
            return mw_fail(err, MW_EHISTORY, "%s: the store is damaged: a series without a name",
                           mw_sqlite_path(connection->db));
        }
        series->first_ms = mw_statement_int(each, 3);
        series->last_ms = mw_statement_int(each, 4);
        list->count++;
    }
    return status;
}

mw_status mw_store_each(struct mw_store *store,
                        bool (*each)(void *user, const struct mw_store_series *series), void *user,
                        struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct list list = {0};
    status = list_series(connection, &list, err);
    status = mw_store_give_reader(connection, status, err);
    if (status == MW_OK && list.count > 0)
        qsort(list.items, list.count, sizeof(*list.items), by_key);
    for (uint32_t i = 0; status == MW_OK && i < list.count; i++)
        if (!each(user, &list.items[i]))
            break;
    mw_free(list.items);
    return status;
}

mw_status mw_store_find(struct mw_store *store, const struct mw_series_key *key,
                        struct mw_store_series *series, bool *found, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct mw_store_row row = {0};
    status = mw_store_find_row(connection, key, &row, err);
    status = mw_store_give_reader(connection, status, err);
    if (status != MW_OK)
        return status;
    *found = row.id != 0;
    if (row.id != 0)
        *series =
            (struct mw_store_series){.key = *key, .first_ms = row.first_ms, .last_ms = row.last_ms};
    return MW_OK;
}

/* --- counts ---------------------------------------------------------------------------------- */

static mw_status count_rows(struct mw_store_connection *connection, int64_t id,
                            struct mw_store_counts *counts, struct mw_error *err)
{
    struct mw_statement *sources;
    mw_status status = mw_store_statement(connection, MW_SQL_COUNT_SOURCES, &sources, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(sources, 1, mw_store_key_from(id, INT64_MIN));
    mw_statement_bind(sources, 2, mw_store_key_until(id, INT64_MAX));
    bool row;
    while ((status = mw_statement_step(sources, &row, err)) == MW_OK && row) {
        int64_t source = mw_statement_int(sources, 0);
        uint64_t rows = (uint64_t)mw_statement_int(sources, 1);
        if (source < 0 || source >= MW_SOURCE_COUNT) {
            mw_statement_reset(sources);
            return mw_fail(err, MW_EHISTORY, "%s: the store is damaged: rows of a source %lld",
                           mw_sqlite_path(connection->db), (long long)source);
        }
        counts->by_source[source] += rows;
        counts->rows += rows;
    }
    return status;
}

static mw_status count_all(struct mw_store_connection *connection, const struct mw_series_key *key,
                           struct mw_store_counts *counts, struct mw_error *err)
{
    struct mw_store_row row = {0};
    mw_status status = mw_store_find_row(connection, key, &row, err);
    if (status != MW_OK || row.id == 0)
        return status;
    status = count_rows(connection, row.id, counts, err);
    struct mw_gaps gaps = {0};
    struct mw_store_window window = {
        .key = key, .id = row.id, .from_ms = row.first_ms, .until_ms = row.last_ms};
    if (status == MW_OK)
        status = mw_store_read_gaps(connection, &window, &gaps, err);
    counts->holes = gaps.count;
    for (uint32_t i = 0; i < gaps.count; i++)
        counts->missing +=
            mw_timeframe_buckets(key->timeframe, gaps.list[i].from_ms, gaps.list[i].to_ms);
    mw_gaps_deinit(&gaps);
    return status;
}

mw_status mw_store_count(struct mw_store *store, const struct mw_series_key *key,
                         struct mw_store_counts *counts, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct mw_store_counts found = {0};
    status = count_all(connection, key, &found, err);
    status = mw_store_give_reader(connection, status, err);
    if (status == MW_OK)
        *counts = found;
    return status;
}

/* --- erasing --------------------------------------------------------------------------------- */

struct erasure {
    struct mw_store_connection *connection; /* borrows */
    const struct mw_series_key *key;        /* borrows */
    struct mw_store_row row;
    int64_t before_ms;
    uint32_t count_max;
    int64_t cut_ms; /* the bucket from which on rows stay: at most count_max go */
};

static mw_status find_cut(struct erasure *erasure, struct mw_error *err)
{
    struct mw_timeframe timeframe = erasure->key->timeframe;
    int64_t before_ms = erasure->before_ms, cut_ms = erasure->row.first_ms;
    if (before_ms > erasure->row.last_ms)
        cut_ms = mw_timeframe_next(timeframe, erasure->row.last_ms);
    else if (before_ms > cut_ms)
        cut_ms = mw_timeframe_next(timeframe, mw_timeframe_floor(timeframe, before_ms - 1));
    struct mw_statement *nth;
    mw_status status = mw_store_statement(erasure->connection, MW_SQL_ROW_NTH, &nth, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(nth, 1, mw_store_key_from(erasure->row.id, INT64_MIN));
    mw_statement_bind(nth, 2, mw_store_key_until(erasure->row.id, cut_ms - 1));
    mw_statement_bind(nth, 3, (int64_t)erasure->count_max - 1);
    bool row;
    status = mw_statement_step(nth, &row, err);
    if (status != MW_OK)
        return status;
    if (row) {
        int64_t open_ms = mw_store_key_open_ms(mw_statement_int(nth, 0));
        mw_statement_reset(nth);
        if (!mw_store_is_bucket(timeframe, open_ms))
            return mw_store_fail_damaged(erasure->connection, erasure->key, open_ms, "off_grid",
                                         err);
        cut_ms = mw_timeframe_next(timeframe, open_ms);
    }
    erasure->cut_ms = cut_ms;
    return MW_OK;
}

static mw_status erase_between(struct erasure *erasure, mw_store_sql sql, int64_t first,
                               int64_t last, struct mw_error *err)
{
    struct mw_statement *statement;
    mw_status status = mw_store_statement(erasure->connection, sql, &statement, err);
    if (status != MW_OK)
        return status;
    int index = 0;
    if (sql == MW_SQL_HOLES_ERASE)
        mw_statement_bind(statement, ++index, erasure->row.id);
    mw_statement_bind(statement, ++index, first);
    mw_statement_bind(statement, ++index, last);
    return mw_statement_run(statement, err);
}

/* Holes before the cut go; one that it falls into begins there. */
static mw_status cut_holes(struct erasure *erasure, struct mw_error *err)
{
    struct mw_store_window window = {.key = erasure->key,
                                     .id = erasure->row.id,
                                     .from_ms = erasure->cut_ms,
                                     .until_ms = erasure->cut_ms};
    struct mw_gaps gaps = {0};
    mw_status status = mw_store_read_gaps(erasure->connection, &window, &gaps, err);
    if (status == MW_OK)
        status = erase_between(erasure, MW_SQL_HOLES_ERASE, INT64_MIN, erasure->cut_ms, err);
    struct mw_statement *put;
    if (status == MW_OK)
        status = mw_store_statement(erasure->connection, MW_SQL_HOLE_PUT, &put, err);
    if (status == MW_OK && gaps.count > 0) {
        mw_statement_bind(put, 1, erasure->row.id);
        mw_statement_bind(put, 2, erasure->cut_ms);
        mw_statement_bind(put, 3, gaps.list[0].to_ms);
        mw_statement_bind(put, 4, gaps.list[0].given_up);
        status = mw_statement_run(put, err);
    }
    mw_gaps_deinit(&gaps);
    return status;
}

static mw_status erase(struct erasure *erasure, uint32_t *erased, struct mw_error *err)
{
    mw_status status = find_cut(erasure, err);
    if (status != MW_OK || erasure->cut_ms <= erasure->row.first_ms)
        return status;
    status =
        erase_between(erasure, MW_SQL_ROWS_ERASE, mw_store_key_from(erasure->row.id, INT64_MIN),
                      mw_store_key_until(erasure->row.id, erasure->cut_ms - 1), err);
    if (status != MW_OK)
        return status;
    *erased = (uint32_t)mw_sqlite_change_count(erasure->connection->db);
    status = cut_holes(erasure, err);
    if (status != MW_OK)
        return status;
    /* Where nothing is left to be known the series goes too. */
    bool empty = erasure->cut_ms > erasure->row.last_ms;
    mw_store_sql sql = empty ? MW_SQL_SERIES_DROP : MW_SQL_SERIES_MOVE;
    struct mw_statement *move;
    status = mw_store_statement(erasure->connection, sql, &move, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(move, 1, erasure->row.id);
    if (!empty) {
        mw_statement_bind(move, 2, erasure->cut_ms);
        mw_statement_bind(move, 3, erasure->row.last_ms);
    }
    return mw_statement_run(move, err);
}

mw_status mw_store_erase_before(struct mw_store *store, const struct mw_series_key *key,
                                int64_t before_ms, uint32_t count_max, uint32_t *erased,
                                struct mw_error *err)
{
    MW_CHECK(count_max > 0);
    struct erasure erasure = {.key = key, .before_ms = before_ms, .count_max = count_max};
    mw_status status = mw_store_begin(store, &erasure.connection, err);
    if (status != MW_OK)
        return status;
    uint32_t count = 0;
    status = mw_store_find_row(erasure.connection, key, &erasure.row, err);
    if (status == MW_OK && erasure.row.id != 0)
        status = erase(&erasure, &count, err);
    status = mw_store_end(erasure.connection, status, err);
    if (status == MW_OK)
        *erased = count;
    return status;
}

/* --- checks ---------------------------------------------------------------------------------- */

static mw_status check_rows(struct mw_store_connection *connection,
                            const struct mw_store_series *series, int64_t id,
                            struct mw_candle *room, struct mw_error *err)
{
    struct mw_store_window window = {.key = &series->key,
                                     .id = id,
                                     .from_ms = INT64_MIN,
                                     .until_ms = INT64_MAX,
                                     .count = CHECK_ROWS};
    uint32_t got = CHECK_ROWS;
    while (got == CHECK_ROWS) {
        mw_status status = mw_store_read_window(connection, &window, room, &got, err);
        if (status != MW_OK)
            return status;
        for (uint32_t i = 0; i < got; i++)
            if (room[i].open_ms < series->first_ms || room[i].open_ms > series->last_ms)
                return mw_store_fail_damaged(connection, &series->key, room[i].open_ms,
                                             "a row outside of what is known", err);
        if (got > 0)
            window.from_ms = room[got - 1].open_ms + 1;
    }
    return MW_OK;
}

static mw_status check_series(struct mw_store_connection *connection,
                              const struct mw_store_series *series, struct mw_candle *room,
                              struct mw_error *err)
{
    struct mw_store_row row = {0};
    mw_status status = mw_store_find_row(connection, &series->key, &row, err);
    if (status == MW_OK)
        status = check_rows(connection, series, row.id, room, err);
    if (status != MW_OK)
        return status;
    struct mw_gaps gaps = {0};
    struct mw_store_window window = {
        .key = &series->key, .id = row.id, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
    status = mw_store_read_gaps(connection, &window, &gaps, err);
    if (status == MW_OK && gaps.count > 0 &&
        (gaps.list[0].from_ms < row.first_ms || gaps.list[gaps.count - 1].to_ms > row.last_ms))
        status = mw_store_fail_damaged(connection, &series->key, gaps.list[0].from_ms,
                                       "a hole outside of what is known", err);
    mw_gaps_deinit(&gaps);
    return status;
}

static mw_status check_all(struct mw_store_connection *connection, struct list *list,
                           struct mw_error *err)
{
    char text[256];
    int64_t orphans = 0;
    struct mw_sqlite *db = connection->db;
    mw_status status = mw_sqlite_ask_text(db, "PRAGMA integrity_check(1)", text, sizeof(text), err);
    if (status == MW_OK && strcmp(text, "ok") != 0)
        status =
            mw_fail(err, MW_EHISTORY, "%s: the store is damaged: %s", mw_sqlite_path(db), text);
    if (status == MW_OK)
        status = mw_sqlite_ask(db,
                               "SELECT (SELECT count(*) FROM candles"
                               " WHERE key >> 39 NOT IN (SELECT id FROM series))"
                               " + (SELECT count(*) FROM holes"
                               " WHERE series NOT IN (SELECT id FROM series))",
                               &orphans, err);
    if (status == MW_OK && orphans > 0)
        status = mw_fail(err, MW_EHISTORY, "%s: the store is damaged: rows of no series",
                         mw_sqlite_path(db));
    if (status == MW_OK)
        status = list_series(connection, list, err);
    struct mw_candle *room = mw_alloc(CHECK_ROWS * sizeof(*room));
    for (uint32_t i = 0; i < list->count && status == MW_OK; i++)
        status = check_series(connection, &list->items[i], room, err);
    mw_free(room);
    return status;
}

mw_status mw_store_check(struct mw_store *store, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct list list = {0};
    /* One transaction, so that what others write meanwhile does not show. */
    status = mw_sqlite_run(connection->db, "BEGIN", err);
    if (status == MW_OK)
        status = check_all(connection, &list, err);
    mw_sqlite_roll_back(connection->db);
    status = mw_store_give_reader(connection, status, err);
    mw_free(list.items);
    return status;
}
