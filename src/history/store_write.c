/* store_write.c - parts of series into the file, and what may take the place of what.
 *
 * A row that is there is never made worse, whoever writes: two processes may have seen the same
 * bar, and one of them less of it.
 *
 *     the exchange's word        goes over everything else; from its history not over what it
 *                                said live, as in a series
 *     nobody's doubt             goes over a row whose updates may be incomplete (UNPROVEN)
 *     more volume                decides between two rows that the exchange has not vouched for
 *     read from the store        never goes over what is there, which may be newer
 *     brought by a person        goes over everything
 *
 * A row with the same prices only completes what is there: who closed it, turnover, trades.
 */
#include "history/store_parts.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum { AHEAD_ROWS = 256 }; /* of those that are there, read at once */

/* What is there, walked through beside the rows that are written. */
struct existing {
    struct mw_store_connection *connection;
    struct mw_store_window window; /* what is to be read yet */
    struct mw_candle rows[AHEAD_ROWS];
    uint32_t at, count;
};

struct job {
    struct mw_store_connection *connection;
    const struct mw_store_part *part;
    struct mw_store_row row;
    bool is_new; /* nothing was known of the series before */
    struct mw_stored *stored;
};

/* --- rows ------------------------------------------------------------------------------------ */

static bool prices_equal(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->open == b->open && a->high == b->high && a->low == b->low && a->close == b->close &&
           a->volume == b->volume;
}

static uint64_t bits(double value)
{
    uint64_t copy;
    memcpy(&copy, &value, sizeof(copy));
    return copy;
}

/* Whether two doubles are the same to the bit; NaN is NaN. */
static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || bits(a) == bits(b);
}

static bool extras_agree(const struct mw_candle *a, const struct mw_candle *b)
{
    bool turnovers = a->turnover == b->turnover || isnan(a->turnover) || isnan(b->turnover);
    return turnovers && (a->trades == b->trades || a->trades == 0 || b->trades == 0);
}

static int certainty(const struct mw_candle *candle)
{
    if (candle->closed_by == MW_CLOSED_BY_EXCHANGE)
        return 2;
    return candle->flags & MW_CANDLE_UNPROVEN ? 0 : 1;
}

/* Whether `given` may take the place of `there`, which has other values. */
static bool may_replace(const struct mw_candle *given, const struct mw_candle *there)
{
    if (given->source == MW_SOURCE_IMPORT)
        return true;
    if (given->source == MW_SOURCE_STORE)
        return false;
    int more = certainty(given) - certainty(there);
    if (more != 0)
        return more > 0;
    if (certainty(given) == 2)
        return given->source != MW_SOURCE_BACKFILL || there->source != MW_SOURCE_LIVE;
    return given->volume >= there->volume;
}

/* `there`, with what `given` knows more, which has the same prices. */
static struct mw_candle completed(const struct mw_candle *given, const struct mw_candle *there)
{
    struct mw_candle next = *there;
    if (certainty(given) > certainty(there)) {
        next.closed_by = given->closed_by;
        next.flags = (uint8_t)(given->flags | (there->flags & ~MW_CANDLE_UNPROVEN));
    }
    if (!isnan(given->turnover))
        next.turnover = given->turnover;
    if (given->trades != 0)
        next.trades = given->trades;
    return next;
}

static bool values_same(const struct mw_candle *a, const struct mw_candle *b)
{
    return same(a->open, b->open) && same(a->high, b->high) && same(a->low, b->low) &&
           same(a->close, b->close) && same(a->volume, b->volume) &&
           same(a->turnover, b->turnover) && a->trades == b->trades;
}

static mw_status put_row(struct job *job, const struct mw_candle *candle, struct mw_error *err)
{
    struct mw_statement *put;
    mw_status status = mw_store_statement(job->connection, MW_SQL_ROW_PUT, &put, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(put, 1, mw_store_key_from(job->row.id, candle->open_ms));
    mw_statement_bind_double(put, 2, candle->open);
    mw_statement_bind_double(put, 3, candle->high);
    mw_statement_bind_double(put, 4, candle->low);
    mw_statement_bind_double(put, 5, candle->close);
    mw_statement_bind_double(put, 6, candle->volume);
    mw_statement_bind_double(put, 7, candle->turnover);
    mw_statement_bind(put, 8, candle->trades);
    mw_statement_bind(put, 9, candle->closed_by);
    mw_statement_bind(put, 10, candle->source);
    mw_statement_bind(put, 11, candle->flags);
    return mw_statement_run(put, err);
}

/* A row for a bucket that has one. */
static mw_status merge_row(struct job *job, const struct mw_candle *given,
                           const struct mw_candle *there, struct mw_error *err)
{
    struct mw_candle next = *there;
    bool agree = prices_equal(given, there) && extras_agree(given, there);
    if (!agree && (job->part->keep || !may_replace(given, there))) {
        job->stored->differing++;
        return MW_OK;
    }
    if (job->part->keep)
        return MW_OK;
    next = agree && given->source != MW_SOURCE_STORE ? completed(given, there)
           : agree                                   ? *there
                                                     : *given;
    if (!agree && isnan(next.turnover) && prices_equal(given, there))
        next.turnover = there->turnover;
    bool changed = !values_same(&next, there);
    if (!changed && next.closed_by == there->closed_by && next.flags == there->flags)
        return MW_OK;
    job->stored->replaced += changed;
    return put_row(job, &next, err);
}

/* The row that is there at `open_ms`, or NULL. Asked for in rising order. */
static mw_status look_up(struct existing *existing, int64_t open_ms, const struct mw_candle **there,
                         struct mw_error *err)
{
    *there = NULL;
    for (;;) {
        while (existing->at < existing->count && existing->rows[existing->at].open_ms < open_ms)
            existing->at++;
        if (existing->at < existing->count) {
            if (existing->rows[existing->at].open_ms == open_ms)
                *there = &existing->rows[existing->at];
            return MW_OK;
        }
        if (existing->window.from_ms > existing->window.until_ms)
            return MW_OK;
        if (existing->window.from_ms < open_ms)
            existing->window.from_ms = open_ms;
        mw_status status = mw_store_read_window(existing->connection, &existing->window,
                                                existing->rows, &existing->count, err);
        if (status != MW_OK)
            return status;
        existing->at = 0;
        existing->window.from_ms = existing->count < existing->window.count
                                       ? INT64_MAX
                                       : existing->rows[existing->count - 1].open_ms + 1;
    }
}

/* Whether a row was read from here, and is here still: rows go only from the beginning of what is
 * known, which goes with them. */
static bool is_kept(const struct job *job, const struct mw_candle *given)
{
    return given->source == MW_SOURCE_STORE && !job->is_new &&
           given->open_ms >= job->row.first_ms && given->open_ms <= job->row.last_ms;
}

static mw_status put_rows(struct job *job, struct mw_error *err)
{
    const struct mw_store_part *part = job->part;
    if (part->row_count == 0)
        return MW_OK;
    struct existing existing = {.connection = job->connection,
                                .window = {.key = part->key,
                                           .id = job->row.id,
                                           .from_ms = part->rows[0].open_ms,
                                           .until_ms = part->rows[part->row_count - 1].open_ms,
                                           .count = AHEAD_ROWS}};
    for (uint32_t i = 0; i < part->row_count; i++) {
        const struct mw_candle *given = &part->rows[i], *there;
        if (is_kept(job, given))
            continue;
        mw_status status = look_up(&existing, given->open_ms, &there, err);
        if (status == MW_OK && there != NULL)
            status = merge_row(job, given, there, err);
        else if (status == MW_OK)
            status = put_row(job, given, err);
        if (status != MW_OK)
            return status;
        job->stored->rows += there == NULL;
    }
    return MW_OK;
}

/* --- holes ----------------------------------------------------------------------------------- */

static int64_t bucket_before(struct mw_timeframe timeframe, int64_t open_ms)
{
    return mw_timeframe_floor(timeframe, open_ms - 1);
}

static mw_status put_gaps(struct job *job, const struct mw_gaps *gaps, int64_t from_ms,
                          int64_t to_ms, struct mw_error *err)
{
    struct mw_statement *erase, *put;
    mw_status status = mw_store_statement(job->connection, MW_SQL_HOLES_ERASE, &erase, err);
    if (status == MW_OK)
        status = mw_store_statement(job->connection, MW_SQL_HOLE_PUT, &put, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(erase, 1, job->row.id);
    mw_statement_bind(erase, 2, from_ms);
    mw_statement_bind(erase, 3, to_ms);
    status = mw_statement_run(erase, err);
    for (uint32_t i = 0; i < gaps->count && status == MW_OK; i++) {
        mw_statement_bind(put, 1, job->row.id);
        mw_statement_bind(put, 2, gaps->list[i].from_ms);
        mw_statement_bind(put, 3, gaps->list[i].to_ms);
        mw_statement_bind(put, 4, gaps->list[i].given_up);
        status = mw_statement_run(put, err);
    }
    return status;
}

static bool gaps_equal(const struct mw_gaps *gaps, const struct mw_gap *list, uint32_t count)
{
    bool equal = gaps->count == count;
    for (uint32_t i = 0; i < count && equal; i++)
        equal = gaps->list[i].from_ms == list[i].from_ms && gaps->list[i].to_ms == list[i].to_ms &&
                gaps->list[i].given_up == list[i].given_up;
    return equal;
}

/* What the part says of its stretch, and that nothing is known of the time beside it. */
static void change_gaps(struct job *job, struct mw_gaps *gaps)
{
    const struct mw_store_part *part = job->part;
    struct mw_timeframe timeframe = part->key->timeframe;
    int64_t before_ms = bucket_before(timeframe, part->from_ms);
    int64_t after_ms = mw_timeframe_next(timeframe, part->to_ms);
    if (job->row.last_ms < before_ms)
        mw_gaps_add(gaps, timeframe, mw_timeframe_next(timeframe, job->row.last_ms), before_ms);
    if (job->row.first_ms > after_ms)
        mw_gaps_add(gaps, timeframe, after_ms, bucket_before(timeframe, job->row.first_ms));
    mw_gaps_remove(gaps, timeframe, part->from_ms, part->to_ms);
    for (uint32_t i = 0; i < part->hole_count; i++) {
        const struct mw_gap *hole = &part->holes[i];
        mw_gaps_add(gaps, timeframe, hole->from_ms, hole->to_ms);
        if (hole->given_up)
            mw_gaps_give_up(gaps, timeframe, hole->from_ms, hole->to_ms);
    }
}

static mw_status put_holes(struct job *job, struct mw_error *err)
{
    /* One bucket more on either side: holes that touch are joined. */
    struct mw_timeframe timeframe = job->part->key->timeframe;
    int64_t from_ms = job->part->from_ms, to_ms = job->part->to_ms;
    if (job->row.last_ms < from_ms)
        from_ms = job->row.last_ms;
    if (job->row.first_ms > to_ms)
        to_ms = job->row.first_ms;
    struct mw_store_window window = {.key = job->part->key,
                                     .id = job->row.id,
                                     .from_ms = bucket_before(timeframe, from_ms),
                                     .until_ms = mw_timeframe_next(timeframe, to_ms)};
    struct mw_gaps gaps = {0};
    mw_status status = mw_store_read_gaps(job->connection, &window, &gaps, err);
    if (status == MW_OK) {
        uint32_t count = gaps.count;
        struct mw_gap *before = mw_alloc(count * sizeof(*before));
        if (count > 0)
            memcpy(before, gaps.list, count * sizeof(*before));
        int64_t erase_from_ms = count > 0 ? before[0].from_ms : window.from_ms;
        if (erase_from_ms > window.from_ms)
            erase_from_ms = window.from_ms;
        change_gaps(job, &gaps);
        if (!gaps_equal(&gaps, before, count))
            status = put_gaps(job, &gaps, erase_from_ms, window.until_ms, err);
        mw_free(before);
    }
    mw_gaps_deinit(&gaps);
    return status;
}

/* --- parts ----------------------------------------------------------------------------------- */

static mw_status add_series(struct job *job, struct mw_error *err)
{
    struct mw_statement *add;
    mw_status status = mw_store_statement(job->connection, MW_SQL_SERIES_ADD, &add, err);
    if (status != MW_OK)
        return status;
    struct mw_store_name name;
    mw_store_name_init(&name, job->part->key);
    mw_statement_bind_text(add, 1, name.feed);
    mw_statement_bind_text(add, 2, name.symbol);
    mw_statement_bind_text(add, 3, name.timeframe);
    mw_statement_bind(add, 4, job->part->from_ms);
    mw_statement_bind(add, 5, job->part->to_ms);
    bool row;
    status = mw_statement_step(add, &row, err);
    if (status != MW_OK)
        return status;
    MW_CHECK(row);
    job->row = (struct mw_store_row){.id = mw_statement_int(add, 0),
                                     .first_ms = job->part->from_ms,
                                     .last_ms = job->part->to_ms};
    mw_statement_reset(add);
    if (job->row.id > MW_STORE_ID_MAX)
        return mw_fail(err, MW_EHISTORY, "%s: the store has more than %lld series",
                       mw_sqlite_path(job->connection->db), (long long)MW_STORE_ID_MAX);
    return MW_OK;
}

static mw_status move_series(struct mw_store_connection *connection, const struct mw_store_row *row,
                             struct mw_error *err)
{
    struct mw_statement *move;
    mw_status status = mw_store_statement(connection, MW_SQL_SERIES_MOVE, &move, err);
    if (status != MW_OK)
        return status;
    mw_statement_bind(move, 1, row->id);
    mw_statement_bind(move, 2, row->first_ms);
    mw_statement_bind(move, 3, row->last_ms);
    return mw_statement_run(move, err);
}

static mw_status write_part(struct mw_store_connection *connection,
                            const struct mw_store_part *part, struct mw_stored *stored,
                            struct mw_error *err)
{
    struct job job = {.connection = connection, .part = part, .stored = stored};
    mw_status status = mw_store_find_row(connection, part->key, &job.row, err);
    job.is_new = job.row.id == 0;
    if (status == MW_OK && job.is_new)
        status = add_series(&job, err);
    if (status == MW_OK)
        status = put_rows(&job, err);
    if (status == MW_OK)
        status = put_holes(&job, err);
    struct mw_store_row next = job.row;
    if (part->from_ms < next.first_ms)
        next.first_ms = part->from_ms;
    if (part->to_ms > next.last_ms)
        next.last_ms = part->to_ms;
    if (status == MW_OK && (next.first_ms != job.row.first_ms || next.last_ms != job.row.last_ms))
        status = move_series(connection, &next, err);
    return status;
}

static bool is_bucket(const struct mw_store_part *part, int64_t open_ms)
{
    return open_ms >= part->from_ms && open_ms <= part->to_ms &&
           mw_timeframe_floor(part->key->timeframe, open_ms) == open_ms;
}

/* The shape of a part is the caller's; the values of its rows come from outside. */
static mw_status check_part(struct mw_store *store, const struct mw_store_part *part,
                            struct mw_error *err)
{
    MW_CHECK(part->from_ms >= MW_CANDLE_OPEN_MS_MIN && part->to_ms <= MW_CANDLE_OPEN_MS_MAX);
    MW_CHECK(is_bucket(part, part->from_ms) && is_bucket(part, part->to_ms));
    for (uint32_t i = 0; i < part->hole_count; i++) {
        const struct mw_gap *hole = &part->holes[i];
        MW_CHECK(is_bucket(part, hole->from_ms) && is_bucket(part, hole->to_ms));
        MW_CHECK(hole->from_ms <= hole->to_ms && (i == 0 || hole[-1].to_ms < hole->from_ms));
    }
    for (uint32_t i = 0; i < part->row_count; i++) {
        const struct mw_candle *row = &part->rows[i];
        MW_CHECK(row->state == MW_CANDLE_CLOSED && row->closed_by != MW_CLOSED_BY_NOBODY);
        MW_CHECK(row->open_ms >= part->from_ms && row->open_ms <= part->to_ms);
        MW_CHECK(i == 0 || row[-1].open_ms < row->open_ms);
        mw_fault fault = mw_candle_check(row, part->key->timeframe, MW_CANDLE_OPEN_MS_MAX);
        if (fault == MW_FAULT_NONE)
            continue;
        struct mw_store_name name;
        mw_store_name_init(&name, part->key);
        char time[MW_TIME_TEXT_BYTES];
        return mw_fail(err, MW_EHISTORY, "%s: %s %s %s at %s is no candle: %s",
                       mw_store_path(store), name.feed, name.symbol, name.timeframe,
                       mw_time_format(row->open_ms, time), mw_fault_text(fault));
    }
    return MW_OK;
}

mw_status mw_store_write(struct mw_store *store, const struct mw_store_part *parts,
                         uint32_t part_count, struct mw_stored *stored, struct mw_error *err)
{
    struct mw_stored counts = {0};
    for (uint32_t i = 0; i < part_count; i++) {
        mw_status status = check_part(store, &parts[i], err);
        if (status != MW_OK)
            return status;
    }
    struct mw_store_connection *connection;
    mw_status status = mw_store_begin(store, &connection, err);
    if (status != MW_OK)
        return status;
    for (uint32_t i = 0; i < part_count && status == MW_OK; i++)
        status = write_part(connection, &parts[i], &counts, err);
    status = mw_store_end(connection, status, err);
    if (status == MW_OK && stored != NULL)
        *stored = counts;
    return status;
}
