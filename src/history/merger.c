/* merger.c - from the body of an answer to bars and proofs. */
#include "history/merger.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "feed/decoder.h"
#include "history/rows.h"
#include "market/derive.h"

/* What earlier answers said of a series. */
struct memory {
    int64_t doubt_from_ms, doubt_to_ms; /* the last answer was whole here, and had empty buckets */
    int64_t reached_ms;                 /* the newest row of any answer */
};

struct mw_merger {
    struct mw_cache *cache;             /* borrows */
    const struct mw_protocol *protocol; /* borrows */
    struct mw_decoder *decoder;         /* owns */
    int64_t settle_ms;
    struct mw_map memories; /* id of the series to struct memory, owns the values */
};

struct mw_merger *mw_merger_new(struct mw_cache *cache, const struct mw_protocol *protocol,
                                int64_t settle_ms)
{
    MW_CHECK(protocol->history.known);
    struct mw_merger *merger = mw_alloc_zero(sizeof(*merger));
    merger->cache = cache;
    merger->protocol = protocol;
    merger->decoder = mw_decoder_new(protocol);
    merger->settle_ms = settle_ms;
    return merger;
}

void mw_merger_free(struct mw_merger *merger)
{
    if (merger == NULL)
        return;
    size_t at = 0;
    for (const struct mw_map_item *item; (item = mw_map_next(&merger->memories, &at)) != NULL;)
        mw_free(item->value);
    mw_map_deinit(&merger->memories);
    mw_decoder_free(merger->decoder);
    mw_free(merger);
}

static struct memory *memory_of(struct mw_merger *merger, struct mw_series *series)
{
    uint32_t id = mw_series_note(series)->id;
    struct memory *memory = mw_map_find(&merger->memories, &id, sizeof(id));
    if (memory != NULL)
        return memory;
    memory = mw_alloc(sizeof(*memory));
    *memory = (struct memory){
        .doubt_from_ms = INT64_MAX, .doubt_to_ms = INT64_MIN, .reached_ms = INT64_MIN};
    mw_map_set(&merger->memories, &id, sizeof(id), memory);
    return memory;
}

/* The rows of an answer, and what they come to. */
struct rows {
    struct mw_rows read;
    uint32_t count;
    struct mw_timeframe timeframe;
    uint32_t final_count;       /* so many of the oldest are final */
    int64_t from_ms, proven_ms; /* what the answer is whole about; none if proven_ms is less */
};

static const struct mw_candle *row_at(const struct rows *rows, uint32_t i)
{
    return mw_rows_at(&rows->read, i);
}

static int64_t open_at(const struct rows *rows, uint32_t i)
{
    return row_at(rows, i)->open_ms;
}

bool mw_merger_explain(struct mw_merger *merger, const char *body, size_t length,
                       struct mw_error *err)
{
    return mw_rows_explain(merger->decoder, body, length, err);
}

static mw_status decode(struct mw_merger *merger, const struct mw_answer *answer, struct rows *rows,
                        struct mw_error *err)
{
    const struct mw_rows_answer read = {.key = mw_series_key(answer->series),
                                        .from_ms = answer->from_ms,
                                        .to_ms = answer->to_ms,
                                        .sent_ms = answer->sent_ms,
                                        .body = answer->body,
                                        .length = answer->length};
    mw_status status = mw_rows_read(merger->decoder, merger->protocol, &read, &rows->read, err);
    rows->count = rows->read.count;
    rows->timeframe = read.key->timeframe;
    return status;
}

/* --- what it proves --------------------------------------------------------------------------- */

/* Whether the newest row is final although none is later. */
static bool newest_is_final(const struct mw_merger *merger, const struct rows *rows,
                            const struct mw_answer *answer)
{
    const struct mw_candle *row = row_at(rows, rows->count - 1);
    if (row->state == MW_CANDLE_CLOSED)
        return true;
    struct mw_candle bar;
    bool is_newest = mw_series_read_last(answer->series, INT64_MAX, 1, true, &bar) == 1 &&
                     bar.open_ms == row->open_ms;
    return is_newest && bar.closed_by == MW_CLOSED_BY_CLOCK && row->volume >= bar.volume &&
           answer->sent_ms >= mw_timeframe_next(rows->timeframe, row->open_ms) + merger->settle_ms;
}

/* Whether all up to to_ms is over for the venue's history, though nothing in the answer says so:
 * an earlier one reached further, and there is no bar at to_ms whose row should be here. */
static bool was_reached(const struct memory *memory, const struct mw_answer *answer)
{
    struct mw_candle bar;
    return answer->to_ms < memory->reached_ms &&
           mw_series_read_from(answer->series, answer->to_ms, answer->to_ms, 1, true, &bar) == 0;
}

static void find_proven(const struct mw_merger *merger, const struct memory *memory,
                        const struct mw_answer *answer, struct rows *rows)
{
    uint32_t count = rows->count;
    bool full = count >= merger->protocol->history.row_count_max; /* older ones may be left out */
    bool open = answer->from_ms == INT64_MIN || full;
    rows->from_ms = open && count > 0 ? open_at(rows, 0) : answer->from_ms;
    rows->proven_ms = INT64_MIN;
    if (open && count == 0) {
        rows->from_ms = INT64_MAX;
        return;
    }
    while (rows->final_count + 1 < count) {
        if (mw_rows_is_flagged(row_at(rows, rows->final_count)))
            break;
        rows->final_count++;
    }
    if (rows->final_count + 1 >= count && was_reached(memory, answer)) {
        rows->final_count = count;
        rows->proven_ms = answer->to_ms;
    } else if (count > 0 && rows->final_count + 1 == count &&
               newest_is_final(merger, rows, answer)) {
        rows->final_count = count;
        rows->proven_ms = open_at(rows, count - 1);
    } else if (count > 0) {
        rows->proven_ms = mw_timeframe_floor(rows->timeframe, open_at(rows, rows->final_count) - 1);
    }
}

/* Whatever the protocol says, a venue may give fewer rows at once than it is asked for. */
static void distrust_edges(struct rows *rows)
{
    if (rows->count < MW_ROWS_CUT_MIN)
        return;
    int64_t first_ms = open_at(rows, 0), last_ms = open_at(rows, rows->count - 1);
    if (rows->from_ms < first_ms)
        rows->from_ms = first_ms;
    if (rows->proven_ms > last_ms)
        rows->proven_ms = last_ms;
}

/* An answer that lacks what we have seen ourselves lacks other things too. */
static mw_status check_against_series(const struct rows *rows, const struct mw_answer *answer,
                                      struct mw_error *err)
{
    enum { STEP = 64 };
    struct mw_candle bars[STEP];
    int64_t from_ms = rows->from_ms;
    uint32_t at = 0, got;
    do {
        got = mw_series_read_from(answer->series, from_ms, rows->proven_ms, STEP, true, bars);
        for (uint32_t i = 0; i < got; i++) {
            while (at < rows->count && open_at(rows, at) < bars[i].open_ms)
                at++;
            bool there = at < rows->count && open_at(rows, at) == bars[i].open_ms;
            char text[MW_TIME_TEXT_BYTES];
            if (!there && bars[i].source != MW_SOURCE_FILL && bars[i].volume > 0)
                return mw_fail(err, MW_EHISTORY, "the answer is not whole: it lacks the bar of %s",
                               mw_time_format(bars[i].open_ms, text));
            from_ms = bars[i].open_ms + 1;
        }
    } while (got == STEP);
    return MW_OK;
}

static bool has_empty_buckets(const struct rows *rows)
{
    int64_t expected_ms = rows->from_ms;
    for (uint32_t i = 0; i < rows->final_count; i++) {
        if (open_at(rows, i) != expected_ms)
            return true;
        expected_ms = mw_timeframe_next(rows->timeframe, expected_ms);
    }
    return expected_ms <= rows->proven_ms;
}

static bool prove(struct memory *memory, struct mw_series *series, const struct rows *rows)
{
    if (rows->proven_ms < rows->from_ms)
        return false;
    if (!has_empty_buckets(rows)) {
        mw_series_prove(series, rows->from_ms, rows->proven_ms);
        return false;
    }
    int64_t from_ms = rows->from_ms, to_ms = rows->proven_ms;
    if (from_ms < memory->doubt_from_ms)
        from_ms = memory->doubt_from_ms;
    if (to_ms > memory->doubt_to_ms)
        to_ms = memory->doubt_to_ms;
    if (from_ms <= to_ms)
        mw_series_prove(series, from_ms, to_ms);
    memory->doubt_from_ms = rows->from_ms;
    memory->doubt_to_ms = rows->proven_ms;
    return from_ms != rows->from_ms || to_ms != rows->proven_ms;
}

/* --- putting ---------------------------------------------------------------------------------- */

/* With `part` what is made of the series follows later, once. */
static bool put_row(struct mw_merger *merger, const struct mw_answer *answer,
                    const struct mw_candle *row, bool part)
{
    struct mw_candle candle = *row;
    candle.state = MW_CANDLE_CLOSED;
    candle.closed_by = MW_CLOSED_BY_EXCHANGE;
    candle.source = MW_SOURCE_BACKFILL;
    candle.flags = 0;
    mw_put put = (part ? mw_cache_put_part : mw_cache_put)(merger->cache, answer->series, &candle,
                                                           answer->sent_ms, NULL);
    return put == MW_PUT_APPENDED || put == MW_PUT_UPDATED || put == MW_PUT_INSERTED ||
           put == MW_PUT_REVISED;
}

/* Rows before the series' newest bar go in newest first, which costs the ring nothing where they
 * are older than all of it; those after it oldest first, so that no hole appears between them, and
 * seen one by one by what is made of the series, since the ring may drop the first of them. */
static uint32_t put_rows(struct mw_merger *merger, const struct mw_answer *answer,
                         const struct rows *rows)
{
    struct mw_candle newest;
    bool empty = mw_series_read_last(answer->series, INT64_MAX, 1, true, &newest) == 0;
    uint32_t put = 0, older = rows->final_count;
    while (older > 0 && !empty && open_at(rows, older - 1) >= newest.open_ms)
        older--;
    for (uint32_t i = older; i-- > 0;)
        put += put_row(merger, answer, row_at(rows, i), true);
    for (uint32_t i = older; i < rows->final_count; i++)
        put += put_row(merger, answer, row_at(rows, i), false);
    return put;
}

/* The row of the bar that forms, where the venue knows of trades in it which the series does not:
 * its updates do not come. It may be behind the stream again by the time it is put, so that bar is
 * good only with the next update, or with its row when it is final. */
static bool catch_up(struct mw_merger *merger, const struct mw_answer *answer,
                     const struct rows *rows)
{
    struct mw_candle bar;
    if (answer->to_ms != INT64_MAX || rows->final_count == rows->count ||
        mw_series_read_last(answer->series, INT64_MAX, 1, true, &bar) == 0)
        return false;
    struct mw_candle row = *row_at(rows, rows->count - 1);
    if (row.open_ms != bar.open_ms || bar.state != MW_CANDLE_FORMING ||
        !(row.volume > bar.volume || row.high > bar.high || row.low < bar.low))
        return false;
    row.state = MW_CANDLE_FORMING;
    row.closed_by = MW_CLOSED_BY_NOBODY;
    row.source = MW_SOURCE_BACKFILL;
    row.flags = MW_CANDLE_UNPROVEN | (bar.flags & MW_CANDLE_FLAGGED);
    mw_cache_put(merger->cache, answer->series, &row, answer->sent_ms, NULL);
    return true;
}

mw_status mw_merger_merge(struct mw_merger *merger, const struct mw_answer *answer,
                          struct mw_merged *merged, struct mw_error *err)
{
    struct rows rows = {.count = 0};
    mw_status status = decode(merger, answer, &rows, err);
    if (status != MW_OK)
        return status;
    struct memory *memory = memory_of(merger, answer->series);
    find_proven(merger, memory, answer, &rows);
    status = check_against_series(&rows, answer, err);
    if (status != MW_OK)
        return status;
    *merged =
        (struct mw_merged){.rows = rows.count, .oldest_ms = INT64_MAX, .newest_ms = INT64_MIN};
    if (rows.count > 0) {
        merged->oldest_ms = open_at(&rows, 0);
        merged->newest_ms = open_at(&rows, rows.count - 1);
    }
    distrust_edges(&rows);
    uint64_t version = mw_series_gap_version(answer->series);
    merged->put = put_rows(merger, answer, &rows);
    merged->caught_up = catch_up(merger, answer, &rows);
    merged->doubt = prove(memory, answer->series, &rows);
    if (merged->newest_ms > memory->reached_ms)
        memory->reached_ms = merged->newest_ms;
    merged->holes_changed = mw_series_gap_version(answer->series) != version;
    if (merged->holes_changed)
        mw_cache_touch(merger->cache, answer->series);
    else
        mw_derive_update(merger->cache, answer->series);
    return MW_OK;
}
