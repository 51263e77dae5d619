/* restore.c - from the rows and holes of a store to a ring. */
#include "history/restore.h"

#include "base/check.h"
#include "base/clock.h"
#include "market/derive.h"

/* What the store has of a series. */
struct stored {
    struct mw_candle *rows; /* owns */
    uint32_t row_count;
    struct mw_gaps holes; /* those that reach between the first and the last row */
};

static void stored_deinit(struct stored *stored)
{
    mw_free(stored->rows);
    mw_gaps_deinit(&stored->holes);
}

/* Of one moment: another process that fills a hole between the rows and the holes would have its
 * bucket look quiet. */
static mw_status read_stored(struct mw_store *store, const struct mw_series_key *key,
                             int64_t until_ms, uint32_t count, struct stored *stored,
                             struct mw_error *err)
{
    stored->rows = mw_realloc_array(NULL, count, sizeof(*stored->rows));
    struct mw_store_query query = {
        .key = key, .from_ms = INT64_MIN, .until_ms = until_ms, .count = count, .newest = true};
    return mw_store_read(store, &query, stored->rows, &stored->row_count, &stored->holes, err);
}

/* A bar is in doubt as long as it is in a hole, whatever was thought when it was written. */
static void settle_doubts(struct stored *stored)
{
    const struct mw_gaps *holes = &stored->holes;
    uint32_t hole = 0;
    for (uint32_t i = 0; i < stored->row_count; i++) {
        struct mw_candle *row = &stored->rows[i];
        while (hole < holes->count && holes->list[hole].to_ms < row->open_ms)
            hole++;
        bool within = hole < holes->count && holes->list[hole].from_ms <= row->open_ms;
        row->flags &= (uint8_t)~MW_CANDLE_UNPROVEN;
        if (within && row->closed_by != MW_CLOSED_BY_EXCHANGE)
            row->flags |= MW_CANDLE_UNPROVEN;
    }
}

static void put_row(struct mw_series *series, struct mw_candle *row, int64_t now_ms,
                    struct mw_restored *restored)
{
    row->source = MW_SOURCE_STORE;
    mw_put put = MW_PUT_REJECTED;
    if (row->state == MW_CANDLE_CLOSED && row->closed_by != MW_CLOSED_BY_NOBODY)
        put = mw_series_put(series, row, now_ms, NULL);
    restored->bars += put == MW_PUT_APPENDED || put == MW_PUT_INSERTED;
    restored->refused += put == MW_PUT_REJECTED;
}

/* What lies between the holes is known, up to until_ms. */
static void prove_between(struct mw_series *series, const struct stored *stored, int64_t until_ms)
{
    int64_t at_ms = stored->rows[0].open_ms, last_ms = stored->rows[stored->row_count - 1].open_ms;
    if (last_ms > until_ms)
        last_ms = until_ms;
    for (uint32_t i = 0; i < stored->holes.count && at_ms <= last_ms; i++) {
        const struct mw_gap *hole = &stored->holes.list[i];
        if (hole->from_ms > at_ms)
            mw_series_prove(series, at_ms,
                            hole->from_ms - 1 < last_ms ? hole->from_ms - 1 : last_ms);
        if (hole->to_ms >= at_ms)
            at_ms = hole->to_ms + 1;
        if (hole->given_up)
            mw_series_give_up(series, hole->from_ms, hole->to_ms < last_ms ? hole->to_ms : last_ms);
    }
    if (at_ms <= last_ms)
        mw_series_prove(series, at_ms, last_ms);
}

mw_status mw_restore(struct mw_cache *cache, struct mw_store *store, struct mw_series *series,
                     struct mw_restored *restored, struct mw_error *err)
{
    struct mw_restored done = {.bars = 0};
    struct mw_candle oldest, newest;
    bool empty = mw_series_read_last(series, INT64_MAX, 1, true, &newest) == 0 ||
                 mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 0;
    struct stored stored = {.row_count = 0};
    mw_status status = read_stored(store, mw_series_key(series), empty ? INT64_MAX : newest.open_ms,
                                   mw_cache_bars(cache), &stored, err);
    if (status != MW_OK) {
        stored_deinit(&stored);
        return status;
    }
    settle_doubts(&stored);
    int64_t now_ms = mw_clock_wall_ms();
    for (uint32_t i = 0; i < stored.row_count; i++) /* the cheap way round for either ring */
        put_row(series, &stored.rows[empty ? i : stored.row_count - 1 - i], now_ms, &done);
    if (done.bars > 0) {
        if (done.refused == 0) /* else nothing tells their buckets from quiet ones */
            prove_between(series, &stored, empty ? INT64_MAX : oldest.open_ms - 1);
        mw_derive_update(cache, series);
        mw_cache_touch(cache, series);
        mw_cache_flush(cache);
    }
    stored_deinit(&stored);
    if (restored != NULL)
        *restored = done;
    return MW_OK;
}
