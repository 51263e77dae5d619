/* store_read.c - rows and holes out of the file, checked as what comes from outside.
 *
 * SQLite finds pages that make no sense, not values that do not: each row is held against what a
 * candle is, so that a damaged file is an error and never a price.
 */
#include "history/store_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

void mw_store_name_init(struct mw_store_name *name, const struct mw_series_key *key)
{
    name->feed = key->feed;
    name->symbol = key->symbol;
    mw_timeframe_format(key->timeframe, name->timeframe);
}

mw_status mw_store_fail_damaged(struct mw_store_connection *connection,
                                const struct mw_series_key *key, int64_t time_ms, const char *what,
                                struct mw_error *err)
{
    struct mw_store_name name;
    mw_store_name_init(&name, key);
    char time[MW_TIME_TEXT_BYTES] = "a time that is none";
    if (time_ms >= MW_CANDLE_OPEN_MS_MIN && time_ms <= MW_CANDLE_OPEN_MS_MAX)
        mw_time_format(time_ms, time);
    return mw_fail(err, MW_EHISTORY, "%s: the store is damaged: %s %s %s at %s: %s",
                   mw_sqlite_path(connection->db), name.feed, name.symbol, name.timeframe, time,
                   what);
}

static bool is_time(int64_t time_ms)
{
    return time_ms >= MW_CANDLE_OPEN_MS_MIN && time_ms <= MW_CANDLE_OPEN_MS_MAX;
}

bool mw_store_is_bucket(struct mw_timeframe timeframe, int64_t open_ms)
{
    return is_time(open_ms) && mw_timeframe_floor(timeframe, open_ms) == open_ms;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

int64_t mw_store_key_from(int64_t id, int64_t from_ms)
{
    from_ms = clamp(from_ms, MW_CANDLE_OPEN_MS_MIN, MW_CANDLE_OPEN_MS_MAX + 1);
    int64_t seconds = (from_ms - MW_CANDLE_OPEN_MS_MIN + MW_MS_PER_SECOND - 1) / MW_MS_PER_SECOND;
    return id << MW_STORE_KEY_BITS | seconds;
}

int64_t mw_store_key_until(int64_t id, int64_t until_ms)
{
    int64_t first = id << MW_STORE_KEY_BITS;
    if (until_ms < MW_CANDLE_OPEN_MS_MIN)
        return first - 1; /* before any */
    until_ms = clamp(until_ms, MW_CANDLE_OPEN_MS_MIN, MW_CANDLE_OPEN_MS_MAX);
    return first | (until_ms - MW_CANDLE_OPEN_MS_MIN) / MW_MS_PER_SECOND;
}

int64_t mw_store_key_open_ms(int64_t key)
{
    int64_t seconds = key & ((INT64_C(1) << MW_STORE_KEY_BITS) - 1);
    return MW_CANDLE_OPEN_MS_MIN + seconds * MW_MS_PER_SECOND;
}

mw_status mw_store_find_row(struct mw_store_connection *connection, const struct mw_series_key *key,
                            struct mw_store_row *out, struct mw_error *err)
{
    struct mw_statement *find;
    mw_status status = mw_store_statement(connection, MW_SQL_SERIES_FIND, &find, err);
    if (status != MW_OK)
        return status;
    struct mw_store_name name;
    mw_store_name_init(&name, key);
    mw_statement_bind_text(find, 1, name.feed);
    mw_statement_bind_text(find, 2, name.symbol);
    mw_statement_bind_text(find, 3, name.timeframe);
    bool row;
    status = mw_statement_step(find, &row, err);
    if (status != MW_OK)
        return status;
    struct mw_store_row found = {0};
    if (row)
        found = (struct mw_store_row){.id = mw_statement_int(find, 0),
                                      .first_ms = mw_statement_int(find, 1),
                                      .last_ms = mw_statement_int(find, 2)};
    mw_statement_reset(find);
    if (row &&
        (found.id < 1 || found.id > MW_STORE_ID_MAX ||
         !mw_store_is_bucket(key->timeframe, found.first_ms) ||
         !mw_store_is_bucket(key->timeframe, found.last_ms) || found.first_ms > found.last_ms))
        return mw_store_fail_damaged(connection, key, found.first_ms,
                                     "what is known begins or ends wrong", err);
    *out = found;
    return MW_OK;
}

/* A number of a column that has `bits` bits; more of them show in `*excess`. */
static uint32_t small(struct mw_statement *rows, int column, int bits, int64_t *excess)
{
    int64_t value = mw_statement_int(rows, column);
    *excess |= value & ~((INT64_C(1) << bits) - 1);
    return (uint32_t)value;
}

static const char *read_candle(struct mw_statement *rows, struct mw_timeframe timeframe,
                               struct mw_candle *candle)
{
    int64_t excess = 0;
    candle->open_ms = mw_store_key_open_ms(mw_statement_int(rows, 0));
    candle->open = mw_statement_double(rows, 1);
    candle->high = mw_statement_double(rows, 2);
    candle->low = mw_statement_double(rows, 3);
    candle->close = mw_statement_double(rows, 4);
    candle->volume = mw_statement_double(rows, 5);
    candle->turnover = mw_statement_double(rows, 6);
    candle->trades = small(rows, 7, 32, &excess);
    candle->state = MW_CANDLE_CLOSED;
    candle->closed_by = (uint8_t)small(rows, 8, 8, &excess);
    candle->source = (uint8_t)small(rows, 9, 8, &excess);
    candle->flags = (uint8_t)small(rows, 10, 8, &excess);
    if (excess != 0 || candle->closed_by == MW_CLOSED_BY_NOBODY ||
        candle->closed_by > MW_CLOSED_BY_CLOCK || candle->source >= MW_SOURCE_COUNT)
        return "a row with provenance that there is not";
    mw_fault fault = is_time(candle->open_ms)
                         ? mw_candle_check(candle, timeframe, MW_CANDLE_OPEN_MS_MAX)
                         : MW_FAULT_OFF_GRID;
    return fault == MW_FAULT_NONE ? NULL : mw_fault_text(fault);
}

mw_status mw_store_read_window(struct mw_store_connection *connection,
                               const struct mw_store_window *window, struct mw_candle *out,
                               uint32_t *got, struct mw_error *err)
{
    struct mw_statement *rows;
    mw_status status = mw_store_statement(
        connection, window->newest ? MW_SQL_ROWS_LAST : MW_SQL_ROWS_FROM, &rows, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(rows, 1, mw_store_key_from(window->id, window->from_ms));
    mw_statement_bind(rows, 2, mw_store_key_until(window->id, window->until_ms));
    mw_statement_bind(rows, 3, window->count);
    uint32_t count = 0;
    bool row;
    while ((status = mw_statement_step(rows, &row, err)) == MW_OK && row) {
        /* The newest come first and are put from the end on. */
        struct mw_candle *at = out + (window->newest ? window->count - 1 - count : count);
        const char *fault = read_candle(rows, window->key->timeframe, at);
        if (fault == NULL && count > 0 &&
            (window->newest ? at->open_ms >= at[1].open_ms : at->open_ms <= at[-1].open_ms))
            fault = "rows out of order";
        if (fault != NULL) {
            mw_statement_reset(rows);
            return mw_store_fail_damaged(connection, window->key, at->open_ms, fault, err);
        }
        count++;
        MW_CHECK(count <= window->count);
    }
    if (status != MW_OK)
        return status;
    if (window->newest && count < window->count)
        memmove(out, out + (window->count - count), count * sizeof(*out));
    *got = count;
    return MW_OK;
}

/* What a query asks of the series that it is about. `*got` is 0 for one that is not there. */
static mw_status read_query(struct mw_store_connection *connection,
                            const struct mw_store_query *query, struct mw_store_window *window,
                            struct mw_candle *out, uint32_t *got, struct mw_error *err)
{
    struct mw_store_row row = {0};
    *got = 0;
    mw_status status = mw_store_find_row(connection, query->key, &row, err);
    *window = (struct mw_store_window){.key = query->key,
                                       .id = row.id,
                                       .from_ms = query->from_ms,
                                       .until_ms = query->until_ms,
                                       .count = query->count,
                                       .newest = query->newest};
    if (status == MW_OK && row.id != 0 && query->count > 0)
        status = mw_store_read_window(connection, window, out, got, err);
    for (uint32_t i = 0; status == MW_OK && i < *got; i++)
        out[i].source = MW_SOURCE_STORE;
    return status;
}

mw_status mw_store_read_rows(struct mw_store *store, const struct mw_store_query *query,
                             struct mw_candle *out, uint32_t *got, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct mw_store_window window;
    uint32_t count;
    status = read_query(connection, query, &window, out, &count, err);
    status = mw_store_give_reader(connection, status, err);
    if (status == MW_OK)
        *got = count;
    return status;
}

/* --- holes ----------------------------------------------------------------------------------- */

static void add_gap(struct mw_gaps *gaps, struct mw_gap gap)
{
    if (gaps->count == gaps->capacity) {
        gaps->capacity = gaps->capacity < 8 ? 8 : gaps->capacity * 2;
        gaps->list = mw_realloc_array(gaps->list, gaps->capacity, sizeof(*gaps->list));
    }
    gaps->list[gaps->count++] = gap;
}

mw_status mw_store_read_gaps(struct mw_store_connection *connection,
                             const struct mw_store_window *window, struct mw_gaps *gaps,
                             struct mw_error *err)
{
    struct mw_statement *holes;
    mw_status status = mw_store_statement(connection, MW_SQL_HOLES_READ, &holes, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(holes, 1, window->id);
    mw_statement_bind(holes, 2, window->from_ms);
    mw_statement_bind(holes, 3, window->until_ms);
    bool row;
    while ((status = mw_statement_step(holes, &row, err)) == MW_OK && row) {
        struct mw_gap gap = {.from_ms = mw_statement_int(holes, 0),
                             .to_ms = mw_statement_int(holes, 1),
                             .given_up = mw_statement_int(holes, 2) != 0};
        bool after = gaps->count == 0 || gaps->list[gaps->count - 1].to_ms < gap.from_ms;
        if (!after || gap.from_ms > gap.to_ms ||
            !mw_store_is_bucket(window->key->timeframe, gap.from_ms) ||
            !mw_store_is_bucket(window->key->timeframe, gap.to_ms)) {
            mw_statement_reset(holes);
            return mw_store_fail_damaged(connection, window->key, gap.from_ms,
                                         "a hole that is none", err);
        }
        if (gap.to_ms >= window->from_ms)
            add_gap(gaps, gap);
    }
    return status;
}

mw_status mw_store_read_holes(struct mw_store *store, const struct mw_store_query *query,
                              struct mw_gaps *holes, struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    struct mw_gaps gaps = {0};
    struct mw_store_row row = {0};
    status = mw_store_find_row(connection, query->key, &row, err);
    if (status == MW_OK && row.id != 0) {
        struct mw_store_window window = {.key = query->key,
                                         .id = row.id,
                                         .from_ms = query->from_ms,
                                         .until_ms = query->until_ms};
        status = mw_store_read_gaps(connection, &window, &gaps, err);
    }
    status = mw_store_give_reader(connection, status, err);
    if (status != MW_OK) {
        mw_gaps_deinit(&gaps);
        return status;
    }
    mw_gaps_deinit(holes);
    *holes = gaps;
    return MW_OK;
}

/* --- both ------------------------------------------------------------------------------------ */

static mw_status read_both(struct mw_store_connection *connection,
                           const struct mw_store_query *query, struct mw_candle *out, uint32_t *got,
                           struct mw_gaps *holes, struct mw_error *err)
{
    struct mw_store_window window;
    mw_status status = read_query(connection, query, &window, out, got, err);
    if (status != MW_OK || *got == 0)
        return status;
    window.from_ms = out[0].open_ms;
    window.until_ms = out[*got - 1].open_ms;
    return mw_store_read_gaps(connection, &window, holes, err);
}

mw_status mw_store_read(struct mw_store *store, const struct mw_store_query *query,
                        struct mw_candle *out, uint32_t *got, struct mw_gaps *holes,
                        struct mw_error *err)
{
    struct mw_store_connection *connection;
    mw_status status = mw_store_take_reader(store, &connection, err);
    if (status != MW_OK)
        return status;
    uint32_t count = 0;
    status = mw_store_run(connection, MW_SQL_BEGIN_READ, err);
    if (status == MW_OK)
        status = read_both(connection, query, out, &count, holes, err);
    mw_sqlite_roll_back(connection->db);
    status = mw_store_give_reader(connection, status, err);
    if (status == MW_OK)
        *got = count;
    return status;
}
