/* prices_past.c - what the store and the contexts have of one series, and what of it is known. */
#include <string.h>

#include "base/check.h"
#include "history/prices_parts.h"

enum { ROOM_MIN = 64, LOOKS_MAX = 3 };

/* --- stretches -------------------------------------------------------------------------------- */

void mw_stretches_deinit(struct mw_stretches *stretches)
{
    mw_free(stretches->list);
    *stretches = (struct mw_stretches){.list = NULL};
}

void mw_stretches_append(struct mw_stretches *stretches, int64_t from_ms, int64_t end_ms)
{
    if (from_ms >= end_ms)
        return;
    if (stretches->count > 0 && stretches->list[stretches->count - 1].end_ms == from_ms) {
        stretches->list[stretches->count - 1].end_ms = end_ms;
        return;
    }
    if (stretches->count == stretches->capacity) {
        stretches->capacity = stretches->capacity == 0 ? 8 : stretches->capacity * 2;
        stretches->list =
            mw_realloc_array(stretches->list, stretches->capacity, sizeof(*stretches->list));
    }
    stretches->list[stretches->count++] = (struct mw_stretch){from_ms, end_ms};
}

/* Takes the time in `others` out. */
static void subtract(struct mw_stretches *stretches, const struct mw_stretches *others)
{
    if (stretches->count == 0 || others->count == 0)
        return;
    struct mw_stretches left = {.list = NULL};
    uint32_t other = 0;
    for (uint32_t i = 0; i < stretches->count; i++) {
        int64_t from_ms = stretches->list[i].from_ms, end_ms = stretches->list[i].end_ms;
        while (other < others->count && others->list[other].end_ms <= from_ms)
            other++;
        for (uint32_t j = other; j < others->count && others->list[j].from_ms < end_ms; j++) {
            mw_stretches_append(&left, from_ms, others->list[j].from_ms);
            from_ms = others->list[j].end_ms;
        }
        mw_stretches_append(&left, from_ms, end_ms);
    }
    mw_stretches_deinit(stretches);
    *stretches = left;
}

/* --- the buffer ------------------------------------------------------------------------------- */

void mw_price_buffer_deinit(struct mw_price_buffer *buffer)
{
    mw_free(buffer->rows);
    *buffer = (struct mw_price_buffer){.rows = NULL};
}

struct mw_candle *mw_price_buffer_reserve(struct mw_price_buffer *buffer, uint32_t count)
{
    uint32_t wanted = buffer->count + count;
    if (wanted > buffer->capacity || buffer->rows == NULL) {
        buffer->capacity = wanted > 2 * buffer->capacity ? wanted : 2 * buffer->capacity;
        if (buffer->capacity < ROOM_MIN)
            buffer->capacity = ROOM_MIN;
        buffer->rows = mw_realloc_array(buffer->rows, buffer->capacity, sizeof(*buffer->rows));
    }
    return buffer->rows + buffer->count;
}

/* --- the store -------------------------------------------------------------------------------- */

static int64_t end_of(const struct mw_past *past, int64_t open_ms)
{
    return mw_timeframe_next(past->key->timeframe, open_ms);
}

static void fail(struct mw_prices *prices, struct mw_past *past, const struct mw_error *err)
{
    past->stored = false;
    past->failed = true;
    mw_prices_log_failure(prices, err);
}

/* What the store knows of the series now. */
static void find_stored(struct mw_prices *prices, struct mw_past *past)
{
    struct mw_store_series series;
    struct mw_error err;
    bool found = false;
    past->stored = false;
    if (mw_store_find(prices->store, past->key, &series, &found, &err) != MW_OK) {
        fail(prices, past, &err);
        return;
    }
    past->stored = found;
    if (!found)
        return;
    past->stored_from_ms = series.first_ms;
    past->stored_end_ms = end_of(past, series.last_ms);
}

void mw_past_find(struct mw_prices *prices, const struct mw_series_key *key, struct mw_past *past)
{
    *past = (struct mw_past){.key = key, .from_ms = INT64_MAX, .end_ms = INT64_MIN};
    past->context = mw_prices_find_context(prices, key);
    if (past->context != NULL) {
        const struct mw_candle *rows = past->context->rows;
        past->from_ms = rows[0].open_ms;
        past->end_ms = end_of(past, rows[past->context->count - 1].open_ms);
    }
    if (prices->store == NULL)
        return;
    find_stored(prices, past);
    if (past->stored && past->stored_from_ms < past->from_ms)
        past->from_ms = past->stored_from_ms;
    if (past->stored && past->stored_end_ms > past->end_ms)
        past->end_ms = past->stored_end_ms;
}

/* What was read of the store. */
struct stored {
    uint32_t count; /* rows, in the free part of the buffer */
    struct mw_stretches holes;
};

/* The holes of the store in from_ms..end_ms, as stretches. */
static mw_status read_holes(struct mw_prices *prices, const struct mw_past *past, int64_t from_ms,
                            int64_t end_ms, struct mw_stretches *holes, struct mw_error *err)
{
    struct mw_gaps gaps = {0};
    const struct mw_store_query query = {
        .key = past->key, .from_ms = from_ms, .until_ms = end_ms - 1};
    mw_status status = mw_store_read_holes(prices->store, &query, &gaps, err);
    holes->count = 0;
    for (uint32_t i = 0; i < gaps.count; i++)
        mw_stretches_append(holes, gaps.list[i].from_ms, end_of(past, gaps.list[i].to_ms));
    mw_gaps_deinit(&gaps);
    return status;
}

/* Reads rows of the store into the free part of the buffer, and its holes before them: a hole that
 * is filled between the two is still one. Holes are looked up for as long a time as so many rows
 * take; where they reach further back, once more. */
static mw_status read_stored(struct mw_prices *prices, const struct mw_past *past,
                             const struct mw_past_range *range, struct mw_price_buffer *buffer,
                             struct stored *stored, struct mw_error *err)
{
    int64_t length_ms = mw_timeframe_ms(past->key->timeframe);
    int64_t from_ms = range->from_ms, end_ms = range->end_ms;
    int64_t reach_ms = range->count < (end_ms - from_ms) / length_ms && !range->is_window
                           ? end_ms - range->count * length_ms
                           : from_ms;
    const struct mw_store_query query = {.key = past->key,
                                         .from_ms = from_ms,
                                         .until_ms = end_ms - 1,
                                         .count = range->count,
                                         .newest = true};
    stored->count = 0;
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        mw_status status = read_holes(prices, past, reach_ms, end_ms, &stored->holes, err);
        if (status == MW_OK)
            status = mw_store_read_rows(prices->store, &query,
                                        mw_price_buffer_reserve(buffer, range->count),
                                        &stored->count, err);
        if (status != MW_OK)
            return status;
        const struct mw_candle *rows = buffer->rows + buffer->count;
        int64_t first_ms = stored->count < range->count ? from_ms : rows[0].open_ms;
        if (reach_ms <= first_ms)
            return MW_OK;
        reach_ms = first_ms;
    }
    stored->holes.count = 0; /* it is being written to all the time: nothing is sure */
    mw_stretches_append(&stored->holes, from_ms, end_ms);
    return MW_OK;
}

/* The same, as far as the store knew of anything when it was found: what others add before that
 * meanwhile has not been read. Rows that are erased as too old meanwhile count as never read. */
static void read_store(struct mw_prices *prices, struct mw_past *past,
                       const struct mw_past_range *range, struct mw_price_buffer *buffer,
                       struct stored *stored)
{
    struct mw_past_range within = *range;
    if (within.from_ms < past->stored_from_ms)
        within.from_ms = past->stored_from_ms;
    if (within.end_ms > past->stored_end_ms)
        within.end_ms = past->stored_end_ms;
    if (!past->stored || within.from_ms >= within.end_ms)
        return;
    uint64_t buckets = mw_timeframe_buckets(
        past->key->timeframe, mw_timeframe_floor(past->key->timeframe, within.from_ms),
        mw_timeframe_floor(past->key->timeframe, within.end_ms - 1));
    if (within.count > buckets)
        within.count = (uint32_t)buckets;
    struct mw_error err;
    int64_t from_ms = past->stored_from_ms, end_ms = past->stored_end_ms;
    if (read_stored(prices, past, &within, buffer, stored, &err) != MW_OK) {
        fail(prices, past, &err);
        stored->count = 0;
        return;
    }
    find_stored(prices, past);
    if (!past->stored) {
        stored->count = 0;
        return;
    }
    if (past->stored_from_ms < from_ms)
        past->stored_from_ms = from_ms;
    past->stored_end_ms = end_ms;
    struct mw_candle *rows = buffer->rows + buffer->count;
    uint32_t gone = 0;
    while (gone < stored->count && rows[gone].open_ms < past->stored_from_ms)
        gone++;
    stored->count -= gone;
    memmove(rows, rows + gone, stored->count * sizeof(*rows));
}

/* --- the two together ------------------------------------------------------------------------- */

/* The first row of the context that opens at `open_ms` or later. */
static uint32_t lower_bound(const struct mw_price_context *context, int64_t open_ms)
{
    uint32_t from = 0, to = context->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (context->rows[middle].open_ms < open_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Merges rows of the context into the `got` rows in the free part of the buffer, from the newest
 * on; of one bucket the row that is there stays. Returns how many there are, at most
 * range->count. */
static uint32_t merge_context(const struct mw_price_context *context,
                              const struct mw_past_range *range, struct mw_price_buffer *buffer,
                              uint32_t got)
{
    uint32_t first = lower_bound(context, range->from_ms);
    uint32_t past = lower_bound(context, range->end_ms);
    if (past - first > range->count)
        first = past - range->count;
    if (past <= first)
        return got;
    struct mw_candle *rows = mw_price_buffer_reserve(buffer, got + past - first);
    uint32_t end = got + past - first, at = end, count = 0;
    while (count < range->count && (got > 0 || past > first)) {
        const struct mw_candle *other = past > first ? &context->rows[past - 1] : NULL;
        if (got == 0 || (other != NULL && other->open_ms > rows[got - 1].open_ms)) {
            rows[--at] = *other;
            past--;
        } else {
            past -= other != NULL && other->open_ms == rows[got - 1].open_ms;
            rows[--at] = rows[--got];
        }
        count++;
    }
    memmove(rows, rows + at, count * sizeof(*rows));
    return count;
}

/* The buckets of rows of the store that are in doubt: in a hole, or marked. */
static void find_doubted(const struct mw_past *past, const struct mw_candle *rows, uint32_t count,
                         const struct mw_stretches *holes, struct mw_stretches *doubted)
{
    uint32_t hole = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (hole < holes->count && holes->list[hole].end_ms <= rows[i].open_ms)
            hole++;
        if ((rows[i].flags & MW_CANDLE_UNPROVEN) != 0 ||
            (hole < holes->count && holes->list[hole].from_ms <= rows[i].open_ms))
            mw_stretches_append(doubted, rows[i].open_ms, end_of(past, rows[i].open_ms));
    }
}

/* The first of the holes that ends after `time_ms`. */
static uint32_t first_hole(const struct mw_stretches *holes, int64_t time_ms)
{
    uint32_t from = 0, to = holes->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (holes->list[middle].end_ms <= time_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* What the context knows of from_ms..end_ms. */
static void find_handed_in(const struct mw_past *past, int64_t from_ms, int64_t end_ms,
                           struct mw_stretches *known)
{
    const struct mw_price_context *context = past->context;
    const struct mw_stretches *holes = &context->holes;
    int64_t last_ms = end_of(past, context->rows[context->count - 1].open_ms);
    if (from_ms < context->rows[0].open_ms)
        from_ms = context->rows[0].open_ms;
    if (end_ms > last_ms)
        end_ms = last_ms;
    for (uint32_t i = first_hole(holes, from_ms);
         i < holes->count && holes->list[i].from_ms < end_ms; i++) {
        mw_stretches_append(known, from_ms, holes->list[i].from_ms);
        from_ms = holes->list[i].end_ms;
    }
    mw_stretches_append(known, from_ms, end_ms);
}

uint32_t mw_past_read(struct mw_prices *prices, struct mw_past *past,
                      const struct mw_past_range *range, struct mw_price_buffer *buffer,
                      struct mw_stretches *unknown)
{
    struct stored stored = {.count = 0};
    struct mw_stretches doubted = {.list = NULL}, known = {.list = NULL};
    read_store(prices, past, range, buffer, &stored);
    uint32_t count = stored.count;
    find_doubted(past, buffer->rows + buffer->count, stored.count, &stored.holes, &doubted);
    if (past->context != NULL)
        count = merge_context(past->context, range, buffer, stored.count);

    int64_t from_ms = range->from_ms;
    if (!range->is_window && count > 0)
        from_ms = buffer->rows[buffer->count].open_ms;
    mw_stretches_append(unknown, from_ms, range->end_ms);
    if (past->stored) {
        mw_stretches_append(&known, past->stored_from_ms, past->stored_end_ms);
        subtract(&known, &stored.holes);
        subtract(&known, &doubted);
        subtract(unknown, &known);
        known.count = 0;
    }
    if (past->context != NULL) {
        find_handed_in(past, from_ms, range->end_ms, &known);
        subtract(&known, &doubted);
        subtract(unknown, &known);
    }
    mw_stretches_deinit(&stored.holes);
    mw_stretches_deinit(&doubted);
    mw_stretches_deinit(&known);
    buffer->count += count;
    return count;
}

bool mw_past_find_row(struct mw_prices *prices, struct mw_past *past, int64_t open_ms,
                      struct mw_candle *row)
{
    const struct mw_past_range range = {
        .from_ms = open_ms, .end_ms = end_of(past, open_ms), .count = 1};
    if (range.end_ms <= past->from_ms || range.from_ms >= past->end_ms)
        return false;
    struct mw_price_buffer buffer = {.rows = NULL};
    struct mw_stretches unknown = {.list = NULL};
    bool found = mw_past_read(prices, past, &range, &buffer, &unknown) == 1;
    if (found)
        *row = buffer.rows[0];
    if (found && unknown.count > 0)
        row->flags |= MW_CANDLE_UNPROVEN;
    mw_stretches_deinit(&unknown);
    mw_price_buffer_deinit(&buffer);
    return found;
}
