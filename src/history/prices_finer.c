/* prices_finer.c - bars of the past made of finer ones, a piece of time after the other.
 *
 *     end <------------- pieces, from the newest on -------------- from
 *         | bars of the ring, the store, the context | ... |
 *
 * A piece begins and ends with a bucket of the coarse timeframe and has at most PIECE_BUCKETS finer
 * ones, but always one coarse bucket, so that memory does not grow with the time asked for. What
 * the ring has a part in is a piece of its own: it is read in a moment, in which the ring hardly
 * moves, and whatever happens to the ring while years are read does not matter.
 */
#include <string.h>

#include "history/prices_parts.h"
#include "market/resample.h"

enum { PIECE_BUCKETS = 65536 };

void mw_finer_find(struct mw_prices *prices, const struct mw_series_key *key,
                   struct mw_finer *finer)
{
    struct mw_candle row;
    *finer = (struct mw_finer){.key = *key, .ring_from_ms = INT64_MAX, .ring_end_ms = INT64_MIN};
    mw_past_find(prices, &finer->key, &finer->past);
    finer->from_ms = finer->past.from_ms;
    finer->end_ms = finer->past.end_ms;
    const char *feed = key->feed[0] != '\0' ? key->feed : NULL;
    if (mw_cache_find(prices->cache, feed, key->symbol, key->timeframe, &finer->series) == 0) {
        finer->series = NULL;
        return;
    }
    finer->gap_version = mw_series_gap_version(finer->series);
    if (mw_series_read_last(finer->series, INT64_MAX, 1, false, &row) == 0) {
        if (mw_price_has_own_time(finer->series)) /* all that is stored lies ahead */
            finer->from_ms = finer->past.from_ms = INT64_MAX;
        return;
    }
    finer->ring_end_ms = mw_timeframe_next(key->timeframe, row.open_ms);
    if (mw_series_read_from(finer->series, INT64_MIN, INT64_MAX, 1, false, &row) == 0)
        return;
    finer->ring_from_ms = row.open_ms;
    if (row.open_ms < finer->from_ms)
        finer->from_ms = row.open_ms;
    finer->end_ms = finer->ring_end_ms;
}

/* Whether its ring has changed since it was found, so that what was read may be of two moments. */
static bool has_changed(const struct mw_finer *finer)
{
    struct mw_candle row;
    if (finer->series == NULL)
        return false;
    if (finer->gap_version != mw_series_gap_version(finer->series))
        return true;
    uint32_t count = mw_series_read_from(finer->series, INT64_MIN, INT64_MAX, 1, false, &row);
    return (count > 0 ? row.open_ms : INT64_MAX) != finer->ring_from_ms;
}

/* What the ring does not know of from_ms..end_ms, which it has. */
static void find_ring_holes(const struct mw_finer *finer, int64_t from_ms, int64_t end_ms,
                            struct mw_stretches *unknown)
{
    struct mw_gap gap;
    while (from_ms < end_ms && mw_series_find_gap(finer->series, from_ms, end_ms - 1, &gap)) {
        int64_t gap_end_ms = mw_timeframe_next(finer->key.timeframe, gap.to_ms);
        mw_stretches_append(unknown, gap.from_ms > from_ms ? gap.from_ms : from_ms,
                            gap_end_ms < end_ms ? gap_end_ms : end_ms);
        from_ms = gap_end_ms;
    }
}

/* Appends the finer bars of a piece to the buffer. */
static uint32_t read_piece(struct mw_prices *prices, struct mw_finer *finer,
                           const struct mw_past_range *piece, struct mw_price_buffer *buffer,
                           struct mw_stretches *unknown)
{
    struct mw_past_range past = *piece;
    uint32_t count = 0;
    if (past.end_ms > finer->ring_from_ms)
        past.end_ms = finer->ring_from_ms;
    if (past.from_ms < past.end_ms)
        count = mw_past_read(prices, &finer->past, &past, buffer, unknown);
    int64_t from_ms = piece->from_ms > past.end_ms ? piece->from_ms : past.end_ms;
    if (from_ms >= piece->end_ms)
        return count;
    uint32_t got = mw_series_read_from(finer->series, from_ms, piece->end_ms - 1, piece->count,
                                       false, mw_price_buffer_reserve(buffer, piece->count));
    buffer->count += got;
    int64_t ring_end_ms = piece->end_ms < finer->ring_end_ms ? piece->end_ms : finer->ring_end_ms;
    find_ring_holes(finer, from_ms, ring_end_ms, unknown);
    mw_stretches_append(unknown, ring_end_ms > from_ms ? ring_end_ms : from_ms, piece->end_ms);
    return count + got;
}

/* Makes bars of `rows` in their place. Returns how many. The time they are of is over, so the last
 * one is closed, whether or not there was a bar at its very end. */
static uint32_t resample(const struct mw_finer *finer, struct mw_timeframe timeframe,
                         struct mw_candle *rows, uint32_t count)
{
    struct mw_resampler resampler;
    struct mw_candle bar;
    uint32_t made = 0;
    mw_resampler_init(&resampler, timeframe, finer->key.timeframe);
    for (uint32_t i = 0; i < count; i++)
        if (mw_resampler_add(&resampler, &rows[i], &bar))
            rows[made++] = bar;
    if (mw_resampler_get(&resampler, NULL, &bar)) {
        if (bar.state == MW_CANDLE_FORMING)
            bar.closed_by = MW_CLOSED_BY_SUCCESSOR;
        bar.state = MW_CANDLE_CLOSED;
        rows[made++] = bar;
    }
    return made;
}

static void mark_unknown(struct mw_timeframe timeframe, struct mw_candle *rows, uint32_t count,
                         const struct mw_stretches *unknown)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (at < unknown->count && unknown->list[at].end_ms <= rows[i].open_ms)
            at++;
        if (at < unknown->count &&
            unknown->list[at].from_ms < mw_timeframe_next(timeframe, rows[i].open_ms))
            rows[i].flags |= MW_CANDLE_UNPROVEN;
    }
}

/* Where the piece that ends at end_ms begins: `wanted` coarse buckets before if there is room, or
 * with the ring. */
static int64_t begin_of(const struct mw_finer *finer, struct mw_timeframe timeframe, int64_t end_ms,
                        uint32_t wanted)
{
    int64_t coarse_ms = mw_timeframe_ms(timeframe);
    int64_t most = PIECE_BUCKETS / (coarse_ms / mw_timeframe_ms(finer->key.timeframe) + 1);
    int64_t buckets = wanted < most ? wanted : most;
    int64_t last_ms = mw_timeframe_floor(timeframe, end_ms - 1);
    int64_t from_ms = mw_price_clamp(last_ms - (buckets > 1 ? buckets - 1 : 0) * coarse_ms);
    from_ms = mw_timeframe_floor(timeframe, from_ms);
    if (finer->ring_from_ms < end_ms && from_ms < finer->ring_from_ms)
        from_ms = mw_timeframe_floor(timeframe, finer->ring_from_ms);
    return from_ms < last_ms ? from_ms : last_ms;
}

/* Moves the newest `added` of the rows from `first` on, which are older than the others, before
 * them. */
static void rotate(struct mw_price_buffer *buffer, uint32_t first, uint32_t added)
{
    uint32_t others = buffer->count - first - added;
    struct mw_candle *spare = mw_price_buffer_reserve(buffer, added);
    struct mw_candle *rows = buffer->rows + first;
    memcpy(spare, rows + others, added * sizeof(*rows));
    memmove(rows + added, rows, others * sizeof(*rows));
    memcpy(rows, buffer->rows + buffer->count, added * sizeof(*rows));
}

struct mw_made mw_finer_read(struct mw_prices *prices, struct mw_finer *finer,
                             struct mw_timeframe timeframe, const struct mw_past_range *range,
                             struct mw_price_buffer *buffer)
{
    struct mw_made made = {.unknown_end_ms = INT64_MIN, .from_ms = range->end_ms};
    uint32_t first = buffer->count;
    uint64_t spent = 0;
    struct mw_stretches unknown = {.list = NULL};
    while (made.count < range->count && made.from_ms > range->from_ms && !made.changed) {
        struct mw_past_range piece = {.end_ms = made.from_ms, .is_window = true};
        piece.from_ms = begin_of(finer, timeframe, piece.end_ms, range->count - made.count);
        if (piece.from_ms < range->from_ms)
            piece.from_ms = range->from_ms;
        uint64_t buckets =
            mw_timeframe_buckets(finer->key.timeframe, piece.from_ms,
                                 mw_timeframe_floor(finer->key.timeframe, piece.end_ms - 1));
        if (spent + buckets > MW_PRICE_ROWS_MAX)
            break;
        piece.count = (uint32_t)buckets;
        unknown.count = 0;
        uint32_t at = buffer->count;
        uint32_t rows = read_piece(prices, finer, &piece, buffer, &unknown);
        made.changed = piece.end_ms > finer->ring_from_ms && has_changed(finer);
        spent += rows;
        uint32_t added = resample(finer, timeframe, buffer->rows + at, rows);
        mark_unknown(timeframe, buffer->rows + at, added, &unknown);
        buffer->count = at + added;
        rotate(buffer, first, added);
        made.count += added;
        made.from_ms = piece.from_ms;
        if (made.unknown_end_ms == INT64_MIN && unknown.count > 0)
            made.unknown_end_ms = unknown.list[unknown.count - 1].end_ms;
    }
    mw_stretches_deinit(&unknown);
    if (made.count > range->count) {
        memmove(buffer->rows + first, buffer->rows + first + made.count - range->count,
                range->count * sizeof(*buffer->rows));
        buffer->count -= made.count - range->count;
        made.count = range->count;
    }
    return made;
}
