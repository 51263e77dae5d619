/* writer_read.c - from the ranges that a follower notes to rows and holes that belong together. */
#include "history/writer_parts.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

enum {
    TRIES_MAX = 4,  /* to read rows and holes that belong together, before the next look */
    ROOM = 64,      /* of holes and stretches, at first */
    HURRY_PART = 8, /* who brings this part of a ring at once is looked at again at once */
};

static int64_t before(const struct mw_series *series, int64_t open_ms)
{
    return mw_timeframe_floor(mw_series_key(series)->timeframe, open_ms - 1);
}

/* The part of a range that is over, and is to be kept. False when there is none: the bar that forms
 * is told of when it closes. */
static bool clip(const struct mw_writer_entry *entry, struct mw_range *range)
{
    struct mw_candle newest;
    if (mw_series_read_last(entry->series, INT64_MAX, 1, true, &newest) == 0)
        return false;
    int64_t last_ms = newest.open_ms;
    if (newest.state == MW_CANDLE_FORMING)
        last_ms = before(entry->series, last_ms);
    if (range->to_ms > last_ms)
        range->to_ms = last_ms;
    if (entry->keep_ms > 0) {
        int64_t first_ms = mw_timeframe_floor(mw_series_key(entry->series)->timeframe,
                                              newest.open_ms - entry->keep_ms);
        if (range->from_ms < first_ms)
            range->from_ms = first_ms;
    }
    return range->from_ms <= range->to_ms;
}

static void reserve_rows(struct mw_batch *batch, uint32_t count)
{
    if (batch->row_room >= count)
        return;
    batch->row_room = count < MW_STORE_ROWS_MAX / 2 ? count * 2 : MW_STORE_ROWS_MAX;
    batch->rows = mw_realloc_array(batch->rows, batch->row_room, sizeof(*batch->rows));
}

static void add_hole(struct mw_batch *batch, struct mw_gap hole)
{
    if (batch->hole_count == batch->hole_room) {
        batch->hole_room = batch->hole_room == 0 ? ROOM : batch->hole_room * 2;
        batch->holes = mw_realloc_array(batch->holes, batch->hole_room, sizeof(*batch->holes));
    }
    batch->holes[batch->hole_count++] = hole;
}

/* Adds the holes of a series within `range`, cut to it. */
static void read_holes(struct mw_batch *batch, struct mw_series *series,
                       const struct mw_range *range)
{
    int64_t at_ms = range->from_ms;
    struct mw_gap hole;
    while (at_ms <= range->to_ms && mw_series_find_gap(series, at_ms, range->to_ms, &hole)) {
        int64_t next_ms = mw_timeframe_next(mw_series_key(series)->timeframe, hole.to_ms);
        if (hole.from_ms < at_ms)
            hole.from_ms = at_ms;
        if (hole.to_ms > range->to_ms)
            hole.to_ms = range->to_ms;
        add_hole(batch, hole);
        at_ms = next_ms;
    }
}

/* Reads rows and holes of `stretch->range` that belong together, as many as there is room for; the
 * range then ends with the last of them. False when they changed each time. */
static bool read_ring(struct mw_batch *batch, struct mw_stretch *stretch)
{
    struct mw_series *series = stretch->entry->series;
    uint32_t room = MW_STORE_ROWS_MAX - batch->row_count, hole_count = batch->hole_count;
    uint32_t there = mw_series_count(series) + ROOM;
    room = room < there ? room : there;
    reserve_rows(batch, batch->row_count + room);
    for (int i = 0; i < TRIES_MAX; i++) {
        struct mw_range range = stretch->range;
        uint64_t version = mw_series_gap_version(series);
        struct mw_candle *rows = batch->rows + batch->row_count;
        uint32_t count = mw_series_read_from(series, range.from_ms, range.to_ms, room, false, rows);
        if (count == room)
            range.to_ms = rows[count - 1].open_ms;
        batch->hole_count = hole_count;
        read_holes(batch, series, &range);
        if (mw_series_gap_version(series) != version)
            continue;
        stretch->range = range;
        stretch->row_at = batch->row_count;
        stretch->row_count = count;
        stretch->hole_at = hole_count;
        stretch->hole_count = batch->hole_count - hole_count;
        return true;
    }
    batch->hole_count = hole_count;
    return false;
}

static void count_lost(struct mw_writer *writer, const struct mw_series *series, int64_t from_ms,
                       int64_t to_ms) MW_ON(mw_store_thread)
{
    int64_t live_ms = mw_series_first_live_ms(series);
    if (from_ms < live_ms)
        from_ms = live_ms; /* what is older is history, at the end of the ring */
    if (from_ms > to_ms)
        return;
    const struct mw_series_key *key = mw_series_key(series);
    uint64_t count = mw_timeframe_buckets(key->timeframe, from_ms, to_ms), held;
    pthread_mutex_lock(&writer->lock);
    writer->status.lost += count;
    pthread_mutex_unlock(&writer->lock);
    char timeframe[MW_TIMEFRAME_BYTES_MAX], from[MW_TIME_TEXT_BYTES];
    if (mw_log_gate_pass(&writer->lost_gate, mw_clock_monotonic_ms(), &held))
        mw_log(
            MW_LOG_WARN,
            "store: %llu bars of %s %s from %s on were dropped before they could be written: the "
            "disk is too slow, or cache.bars too small",
            (unsigned long long)count, key->symbol, mw_timeframe_format(key->timeframe, timeframe),
            mw_time_format(from_ms, from));
}

/* Counts what the store has not heard of in from_ms..to_ms, which the ring has dropped. */
static mw_status count_dropped(struct mw_writer *writer, const struct mw_series *series,
                               int64_t from_ms, int64_t to_ms, struct mw_error *err)
    MW_ON(mw_store_thread)
{
    struct mw_store_series stored = {.last_ms = INT64_MIN};
    bool found;
    mw_status status =
        mw_store_find(writer->options.store, mw_series_key(series), &stored, &found, err);
    if (status != MW_OK)
        return status;
    if (found && stored.last_ms >= from_ms)
        from_ms = mw_timeframe_next(mw_series_key(series)->timeframe, stored.last_ms);
    count_lost(writer, series, from_ms, to_ms);
    return MW_OK;
}

static int64_t oldest_ms(const struct mw_series *series)
{
    struct mw_candle oldest;
    uint32_t count = mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &oldest);
    return count == 1 ? oldest.open_ms : INT64_MAX;
}

/* What lies before the oldest bar of a ring is left out, unless it was read: the ring may have
 * dropped it, or refused it, and knows nothing of it. The store keeps what it knows of that time;
 * what it does not know becomes a hole there. `known_ms` is where the ring began before it was
 * read: a bar may have come before that one since. `*any` is false when nothing is left. */
static mw_status leave_out_unknown(struct mw_writer *writer, struct mw_stretch *stretch,
                                   int64_t known_ms, bool *any, struct mw_error *err)
    MW_ON(mw_store_thread)
{
    struct mw_series *series = stretch->entry->series;
    struct mw_batch *batch = &writer->batch;
    int64_t first_ms = oldest_ms(series);
    if (first_ms < known_ms)
        first_ms = known_ms;
    if (stretch->row_count > 0 && batch->rows[stretch->row_at].open_ms < first_ms)
        first_ms = batch->rows[stretch->row_at].open_ms; /* it was dropped since, or has come */
    int64_t lost_ms = before(series, first_ms);
    if (lost_ms > stretch->range.to_ms)
        lost_ms = stretch->range.to_ms;
    if (lost_ms < stretch->range.from_ms)
        return MW_OK;
    if (mw_series_dropped_ms(series) != INT64_MIN) {
        mw_status status = count_dropped(writer, series, stretch->range.from_ms, lost_ms, err);
        if (status != MW_OK)
            return status;
    }
    stretch->range.from_ms = mw_timeframe_next(mw_series_key(series)->timeframe, lost_ms);
    while (stretch->hole_count > 0 &&
           batch->holes[stretch->hole_at].to_ms < stretch->range.from_ms) {
        stretch->hole_at++;
        stretch->hole_count--;
    }
    if (stretch->hole_count > 0 && batch->holes[stretch->hole_at].from_ms < stretch->range.from_ms)
        batch->holes[stretch->hole_at].from_ms = stretch->range.from_ms;
    *any = stretch->range.from_ms <= stretch->range.to_ms;
    return MW_OK;
}

/* Keeps the rows of `stretch` that are to be written; where one was made of finer bars there is a
 * hole. Those of the store are given back to it: another process may have erased them. */
static void choose_rows(struct mw_batch *batch, struct mw_stretch *stretch)
{
    struct mw_gaps made = {.count = 0};
    struct mw_timeframe timeframe = mw_series_key(stretch->entry->series)->timeframe;
    struct mw_candle *rows = batch->rows + stretch->row_at;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stretch->row_count; i++) {
        if (rows[i].source == MW_SOURCE_RESAMPLED)
            mw_gaps_add(&made, timeframe, rows[i].open_ms, rows[i].open_ms);
        else
            rows[kept++] = rows[i];
    }
    stretch->row_count = kept;
    if (made.count > 0) {
        for (uint32_t i = 0; i < stretch->hole_count; i++) {
            struct mw_gap hole = batch->holes[stretch->hole_at + i];
            mw_gaps_add(&made, timeframe, hole.from_ms, hole.to_ms);
            if (hole.given_up)
                mw_gaps_give_up(&made, timeframe, hole.from_ms, hole.to_ms);
        }
        batch->hole_count = (uint32_t)stretch->hole_at;
        for (uint32_t i = 0; i < made.count; i++)
            add_hole(batch, made.list[i]);
        stretch->hole_count = made.count;
    }
    mw_gaps_deinit(&made);
}

void mw_writer_give_back(struct mw_writer_entry *entry, int64_t from_ms, int64_t to_ms)
    MW_ON(mw_store_thread)
{
    const struct mw_range range = {.from_ms = from_ms, .to_ms = to_ms};
    if (from_ms <= to_ms)
        mw_follower_return(entry->follower, &range);
}

static void add_stretch(struct mw_batch *batch, const struct mw_stretch *stretch)
{
    if (batch->stretch_count == batch->stretch_room) {
        uint32_t room = batch->stretch_room == 0 ? ROOM : batch->stretch_room * 2;
        batch->stretches = mw_realloc_array(batch->stretches, room, sizeof(*batch->stretches));
        batch->parts = mw_realloc_array(batch->parts, room, sizeof(*batch->parts));
        batch->stretch_room = room;
    }
    batch->stretches[batch->stretch_count++] = *stretch;
    batch->row_count = (uint32_t)stretch->row_at + stretch->row_count;
    batch->hole_count = (uint32_t)stretch->hole_at + stretch->hole_count;
}

mw_status mw_writer_collect(struct mw_writer *writer, struct mw_writer_entry *entry, bool *more,
                            struct mw_error *err) MW_ON(mw_store_thread)
{
    struct mw_batch *batch = &writer->batch;
    struct mw_range taken;
    *more = mw_follower_take(entry->follower, &taken);
    struct mw_stretch stretch = {.entry = entry, .range = taken};
    if (!*more || !clip(entry, &stretch.range))
        return MW_OK;
    taken = stretch.range;
    int64_t known_ms = oldest_ms(entry->series);
    if (!read_ring(batch, &stretch)) {
        mw_writer_give_back(entry, taken.from_ms, taken.to_ms);
        *more = false;
        return MW_OK;
    }
    if (stretch.row_count > mw_series_count(entry->series) / HURRY_PART)
        writer->hurry = true;
    bool any = true;
    mw_status status = leave_out_unknown(writer, &stretch, known_ms, &any, err);
    if (status != MW_OK) {
        mw_writer_give_back(entry, taken.from_ms, taken.to_ms);
        batch->hole_count = (uint32_t)stretch.hole_at;
        return status;
    }
    mw_writer_give_back(
        entry, mw_timeframe_next(mw_series_key(entry->series)->timeframe, stretch.range.to_ms),
        taken.to_ms);
    if (any) {
        choose_rows(batch, &stretch);
        add_stretch(batch, &stretch);
    }
    return MW_OK;
}
