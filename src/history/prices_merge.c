/* prices_merge.c - answers that the ring alone does not have, read on in the store and contexts.
 *
 *     from                    ring_ms                      finish
 *       |    store, contexts     |  ring, a snapshot of it    |
 *
 * All is put together in a buffer first, and why it is not complete is known then, so that nothing
 * is held while room for the answer is made.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/prices_parts.h"
#include "market/derive.h"

enum { KEEP_ROWS_MAX = 65536 }; /* of a buffer, between answers */

/* An answer that is put together. */
struct draft {
    struct mw_prices *prices;
    struct mw_series *series; /* NULL for none */
    const struct mw_series_key *key;
    struct mw_timeframe timeframe;
    struct mw_price_query query; /* its finish is clamped to engine time */
    struct mw_price_buffer *buffer;
    int64_t now_ms;      /* nothing of the past closes after this */
    int64_t first_ms;    /* the first bucket of a query with a start */
    int64_t ring_ms;     /* what the ring begins with; INT64_MAX when it is empty */
    int64_t end_ms;      /* of the newest closed bar, wherever; INT64_MIN for none */
    uint32_t ring_count; /* rows in the buffer, first those of the ring */
    uint32_t past_count;
    int64_t begin_ms;       /* from where on anybody knows anything; INT64_MAX for nowhere */
    int64_t unknown_end_ms; /* where the newest time before the ring ends that nobody knows */
    bool failed, changed;   /* the store cannot be read; rows may be of different moments */
    struct mw_past own;     /* what store and contexts have of the series itself */
    struct mw_finer finer;  /* what bars are made of; its key is empty for nothing */
};

/* --- the ring --------------------------------------------------------------------------------- */

/* A snapshot of the ring up to the query's finish, with the bar that forms. */
static uint32_t copy_ring(struct draft *draft)
{
    uint32_t room, count;
    do {
        room = mw_series_count(draft->series) + 1;
        count = mw_series_read_last(draft->series, draft->query.finish_ms, room, true,
                                    mw_price_buffer_reserve(draft->buffer, room));
    } while (count == room);
    return count;
}

/* Puts the bar that forms at the end of the rows, if it was asked for, or what somebody else has
 * closed in its place. Returns how many rows there are. */
static uint32_t join_newest(struct draft *draft, struct mw_candle *rows, uint32_t count)
{
    struct mw_candle *newest = &rows[count - 1];
    if (newest->state != MW_CANDLE_FORMING)
        return count;
    int64_t next_ms = mw_timeframe_next(draft->timeframe, newest->open_ms);
    if (next_ms <= draft->now_ms &&
        mw_past_find_row(draft->prices, &draft->own, newest->open_ms, newest)) {
        draft->end_ms = next_ms;
        return count;
    }
    return draft->query.forming ? count : count - 1;
}

/* Whether the oldest bar of a derived ring was made of less than what there is. */
static bool is_partial(struct draft *draft, const struct mw_candle *oldest)
{
    return draft->finer.key.symbol[0] != '\0' && oldest->state == MW_CANDLE_CLOSED &&
           draft->finer.from_ms <= oldest->open_ms &&
           ((oldest->flags & MW_CANDLE_UNPROVEN) != 0 ||
            mw_series_find_gap(draft->series, oldest->open_ms, oldest->open_ms, NULL));
}

/* Leaves the rows of the ring that the query selects in the buffer. */
static void read_ring(struct draft *draft, int64_t begun_ms)
{
    struct mw_candle oldest;
    if (mw_series_read_last(draft->series, INT64_MAX, 1, false, &oldest) == 1)
        draft->end_ms = mw_timeframe_next(draft->timeframe, oldest.open_ms);
    uint32_t count = copy_ring(draft), first = 0;
    struct mw_candle *rows = draft->buffer->rows;
    if (count > 0)
        draft->ring_ms = rows[0].open_ms;
    else if (mw_series_read_from(draft->series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1)
        draft->ring_ms = oldest.open_ms;
    if (count > 0 && rows[count - 1].open_ms == begun_ms &&
        rows[count - 1].state == MW_CANDLE_CLOSED) {
        draft->query.finish_ms = begun_ms - 1; /* closed meanwhile, it is the future */
        count--;
    }
    if (count > 0)
        count = join_newest(draft, rows, count);
    if (count > 0 && is_partial(draft, &rows[0])) {
        draft->ring_ms = mw_timeframe_next(draft->timeframe, rows[0].open_ms);
        first++;
    }
    while (draft->query.has_start && first < count && rows[first].open_ms < draft->query.start_ms)
        first++;
    if (draft->query.count > 0 && count - first > draft->query.count)
        first = count - draft->query.count;
    memmove(rows, rows + first, (count - first) * sizeof(*rows));
    draft->ring_count = draft->buffer->count = count - first;
}

/* --- the past --------------------------------------------------------------------------------- */

/* Where the bucket begins that forms by the clock: nothing of the past is known from there on. */
static int64_t closed_end_ms(const struct draft *draft)
{
    return mw_timeframe_floor(draft->timeframe, mw_price_clamp(draft->now_ms));
}

/* The end of what is wanted of the past. */
static int64_t past_end_ms(const struct draft *draft)
{
    int64_t finish_ms = mw_price_clamp(draft->query.finish_ms);
    int64_t end_ms =
        mw_timeframe_next(draft->timeframe, mw_timeframe_floor(draft->timeframe, finish_ms));
    int64_t closed_ms = closed_end_ms(draft);
    end_ms = end_ms < closed_ms ? end_ms : closed_ms;
    return draft->query.finish_ms < MW_PRICE_MS_MIN ? MW_PRICE_MS_MIN
           : end_ms < draft->ring_ms                ? end_ms
                                                    : draft->ring_ms;
}

/* What is known of the past begins at from_ms and ends at end_ms, or where the clock is: what a
 * file or a simulator has of the future does not make a window whole that ends there. A finish that
 * is clamped to engine time ends before it; what begins after that is not known to begin. */
static void know(struct draft *draft, int64_t from_ms, int64_t end_ms)
{
    bool is_live = draft->query.now_ms == INT64_MAX;
    if (from_ms < draft->begin_ms && (is_live || from_ms < closed_end_ms(draft)))
        draft->begin_ms = from_ms;
    if (is_live && end_ms > closed_end_ms(draft))
        end_ms = closed_end_ms(draft);
    if (draft->end_ms == INT64_MIN)
        draft->end_ms = end_ms;
}

static void read_own(struct draft *draft, struct mw_past_range *range)
{
    struct mw_past *past = &draft->own;
    know(draft, past->from_ms, past->end_ms);
    if (range->from_ms < past->from_ms)
        range->from_ms = past->from_ms;
    if (draft->ring_ms == INT64_MAX && range->end_ms > past->end_ms)
        range->end_ms = past->end_ms; /* what comes after that is not known to anybody */
    if (range->from_ms >= range->end_ms)
        return;
    struct mw_stretches unknown = {.list = NULL};
    draft->past_count = mw_past_read(draft->prices, past, range, draft->buffer, &unknown);
    if (unknown.count > 0)
        draft->unknown_end_ms = unknown.list[unknown.count - 1].end_ms;
    mw_stretches_deinit(&unknown);
}

static void read_finer(struct draft *draft, struct mw_past_range *range)
{
    struct mw_finer *finer = &draft->finer;
    if (finer->from_ms >= finer->end_ms)
        return;
    int64_t from_ms = mw_timeframe_floor(draft->timeframe, finer->from_ms);
    int64_t end_ms = mw_timeframe_floor(draft->timeframe, finer->end_ms);
    know(draft, from_ms, end_ms);
    if (range->from_ms < from_ms)
        range->from_ms = from_ms;
    if (range->end_ms > end_ms) {
        if (draft->ring_ms != INT64_MAX)
            draft->unknown_end_ms = range->end_ms;
        range->end_ms = end_ms;
    }
    if (range->from_ms >= range->end_ms)
        return;
    struct mw_made made =
        mw_finer_read(draft->prices, finer, draft->timeframe, range, draft->buffer);
    draft->past_count = made.count;
    if (made.unknown_end_ms > draft->unknown_end_ms)
        draft->unknown_end_ms = made.unknown_end_ms;
    if (made.count < range->count && made.from_ms > range->from_ms)
        draft->begin_ms = made.from_ms; /* there is more, but not in one answer */
    draft->changed = made.changed;
}

/* Reads on where the ring ends. */
static void read_past(struct draft *draft)
{
    const struct mw_price_query *query = &draft->query;
    uint32_t wanted = query->count > 0   ? query->count
                      : query->has_start ? MW_PRICE_ROWS_MAX
                                         : mw_cache_bars(draft->prices->cache);
    struct mw_past_range range = {.from_ms = query->has_start ? draft->first_ms : MW_PRICE_MS_MIN,
                                  .end_ms = past_end_ms(draft),
                                  .is_window = query->has_start};
    if (range.from_ms < MW_PRICE_MS_MIN)
        range.from_ms = MW_PRICE_MS_MIN;
    bool unbounded = query->count == 0 && !query->has_start;
    if (draft->ring_count >= wanted ||
        (unbounded && draft->ring_count > 0 &&
         mw_series_count(draft->series) == mw_cache_bars(draft->prices->cache)))
        return; /* that is enough */
    range.count = wanted - draft->ring_count;
    if (draft->own.from_ms < draft->own.end_ms)
        read_own(draft, &range);
    else if (draft->finer.key.symbol[0] != '\0')
        read_finer(draft, &range);
    draft->failed = draft->own.failed || draft->finer.past.failed;
    if (query->has_start && draft->past_count == range.count && draft->past_count > 0)
        draft->begin_ms = draft->buffer->rows[draft->ring_count].open_ms; /* that is the limit */
}

/* Finds what there is of the past, and what bars are made of where nobody has them: what a derived
 * series is made of, or else the coarsest there is. */
static void find_past(struct draft *draft)
{
    struct mw_series *source = draft->series != NULL ? mw_derive_source(draft->series) : NULL;
    struct mw_series_key key;
    draft->finer = (struct mw_finer){.from_ms = INT64_MAX, .end_ms = INT64_MIN};
    mw_past_find(draft->prices, draft->key, &draft->own);
    if (draft->own.from_ms < draft->own.end_ms)
        return;
    if (source != NULL) {
        mw_finer_find(draft->prices, mw_series_key(source), &draft->finer);
        if (draft->finer.past.from_ms < draft->finer.past.end_ms)
            return;
    }
    if (mw_prices_find_finer(draft->prices, draft->key, &key))
        mw_finer_find(draft->prices, &key, &draft->finer);
}

/* --- why it is not complete ------------------------------------------------------------------- */

static const struct mw_candle *first_row(const struct draft *draft)
{
    const struct mw_candle *rows = draft->buffer->rows;
    return draft->past_count > 0 ? &rows[draft->ring_count] : rows;
}

static bool is_over(const struct draft *draft)
{
    return draft->query.finish_ms != INT64_MAX && draft->end_ms > draft->query.finish_ms;
}

static bool reaches_back(const struct draft *draft)
{
    const struct mw_price_query *query = &draft->query;
    uint32_t count = draft->past_count + draft->ring_count;
    if (query->count > 0)
        return count == query->count;
    if (!query->has_start)
        return count > 0;
    int64_t begin_ms = draft->begin_ms < draft->ring_ms ? draft->begin_ms : draft->ring_ms;
    return begin_ms <= draft->first_ms &&
           (count > 0 || (query->start_ms <= query->finish_ms && is_over(draft)));
}

static bool has_hole(const struct draft *draft)
{
    const struct mw_price_query *query = &draft->query;
    int64_t from_ms = query->has_start ? draft->first_ms : first_row(draft)->open_ms;
    const struct mw_candle *rows = draft->buffer->rows;
    if (draft->failed || draft->unknown_end_ms > from_ms ||
        (draft->ring_count > 0 && (rows[draft->ring_count - 1].flags & MW_CANDLE_UNPROVEN) != 0))
        return true;
    from_ms = from_ms > draft->ring_ms ? from_ms : draft->ring_ms;
    return draft->series != NULL && from_ms <= query->finish_ms &&
           mw_series_find_gap(draft->series, from_ms, query->finish_ms, NULL);
}

static const char *find_reason(struct draft *draft, const struct mw_price_moment *before)
{
    struct mw_series *series = draft->series;
    bool kept = before->health != MW_SERIES_IDLE;
    draft->changed =
        draft->changed || (series != NULL && mw_series_gap_version(series) != before->gap_version);
    if (!kept && !is_over(draft))
        return "unsubscribed";
    if (!reaches_back(draft)) {
        if (draft->failed || draft->changed)
            return "gap"; /* there may be more */
        bool full = kept && mw_series_count(series) == mw_cache_bars(draft->prices->cache);
        return full || draft->query.is_past || !kept ? "short" : "warming";
    }
    if (has_hole(draft) || draft->changed)
        return "gap";
    bool flows = before->health == MW_SERIES_LIVE && draft->ring_ms != INT64_MAX;
    if (is_over(draft) || (flows && !mw_price_is_doubted(series)))
        return NULL;
    return kept && !draft->query.forming && draft->end_ms != INT64_MIN &&
                   mw_price_is_fresh(draft->timeframe, draft->end_ms)
               ? NULL
               : "stale";
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Until when bars of the past may have closed. Where time is the feed's own the newest bar of the
 * ring tells it: what an earlier run has stored goes on after that. */
static int64_t find_now(const struct draft *draft)
{
    struct mw_candle newest;
    if (draft->query.now_ms != INT64_MAX)
        return draft->query.now_ms;
    if (draft->series == NULL || !mw_price_has_own_time(draft->series))
        return mw_clock_wall_ms();
    return mw_series_read_last(draft->series, INT64_MAX, 1, true, &newest) == 1 ? newest.open_ms
                                                                                : MW_PRICE_MS_MIN;
}

/* One try. Returns why it is not complete. */
static const char *compose(struct draft *draft, const struct mw_price_query *query)
{
    struct mw_price_moment before = {.health = MW_SERIES_IDLE};
    if (draft->series != NULL) {
        before.health = mw_series_get_health(draft->series);
        before.gap_version = mw_series_gap_version(draft->series);
    }
    draft->query = *query;
    draft->changed = draft->failed = false;
    draft->ring_count = draft->past_count = draft->buffer->count = 0;
    draft->ring_ms = draft->begin_ms = INT64_MAX;
    draft->end_ms = draft->unknown_end_ms = INT64_MIN;
    draft->first_ms = mw_price_first_ms(query, draft->timeframe);
    draft->now_ms = find_now(draft);
    int64_t begun_ms = INT64_MAX;
    if (query->now_ms != INT64_MAX) {
        begun_ms = mw_timeframe_floor(draft->timeframe, mw_price_clamp(query->now_ms));
        int64_t last_ms = query->forming ? begun_ms : begun_ms - 1;
        if (draft->query.finish_ms > last_ms)
            draft->query.finish_ms = last_ms;
    }
    find_past(draft);
    if (draft->series != NULL)
        read_ring(draft, begun_ms);
    read_past(draft);
    return find_reason(draft, &before);
}

void mw_prices_merge(struct mw_prices *prices, struct mw_series *series,
                     const struct mw_series_key *key, const struct mw_price_query *query,
                     const struct mw_price_room *room, struct mw_price_answer *answer)
{
    struct draft draft = {.prices = prices,
                          .series = series,
                          .key = series != NULL ? mw_series_key(series) : key,
                          .buffer = room->buffer(room->user)};
    draft.timeframe = draft.key->timeframe;
    int tries = 0;
    do
        answer->reason = compose(&draft, query);
    while (draft.changed && ++tries < MW_PRICE_TRIES_MAX);
    answer->count = draft.ring_count + draft.past_count;

    struct mw_candle *rows = room->rows(room->user, answer->count);
    const struct mw_candle *from = draft.buffer->rows;
    if (draft.past_count > 0)
        memcpy(rows, from + draft.ring_count, draft.past_count * sizeof(*rows));
    if (draft.ring_count > 0)
        memcpy(rows + draft.past_count, from, draft.ring_count * sizeof(*rows));
    if (draft.buffer->capacity > KEEP_ROWS_MAX)
        mw_price_buffer_deinit(draft.buffer);
}
