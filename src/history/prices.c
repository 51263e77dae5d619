/* prices.c - answers: rows of the ring alone, and why an answer is not complete.
 *
 * Nearly every question is for bars that the ring has. Those take one copy, no look at a clock and
 * none at the disk; whatever else is asked goes to prices_merge.c.
 */
#include <string.h>

#include "base/clock.h"
#include "history/prices_parts.h"
#include "market/derive.h"

/* One try at an answer. */
struct attempt {
    struct mw_series *series;
    struct mw_timeframe timeframe;
    struct mw_price_query query; /* its finish is clamped to engine time */
    const struct mw_candle *rows;
    uint32_t count;
};

int64_t mw_price_clamp(int64_t time_ms)
{
    if (time_ms < MW_PRICE_MS_MIN)
        return MW_PRICE_MS_MIN;
    return time_ms < MW_PRICE_MS_MAX ? time_ms : MW_PRICE_MS_MAX;
}

int64_t mw_price_first_ms(const struct mw_price_query *query, struct mw_timeframe timeframe)
{
    if (query->start_ms < MW_PRICE_MS_MIN || query->start_ms > MW_PRICE_MS_MAX)
        return query->start_ms;
    int64_t first_ms = mw_timeframe_floor(timeframe, query->start_ms);
    return first_ms < query->start_ms ? mw_timeframe_next(timeframe, first_ms) : first_ms;
}

bool mw_price_is_doubted(const struct mw_series *series)
{
    struct mw_candle newest;
    return mw_series_read_last(series, INT64_MAX, 1, true, &newest) == 1 &&
           newest.state == MW_CANDLE_FORMING && (newest.flags & MW_CANDLE_UNPROVEN) != 0;
}

bool mw_price_has_own_time(struct mw_series *series)
{
    struct mw_series *source = mw_derive_source(series);
    return atomic_load_explicit(&mw_series_note(source != NULL ? source : series)->has_own_time,
                                memory_order_relaxed);
}

bool mw_price_is_fresh(struct mw_timeframe timeframe, int64_t end_ms)
{
    int64_t now_ms = mw_clock_wall_ms();
    return end_ms <= now_ms + MW_CANDLE_AHEAD_MS_MAX &&
           now_ms < mw_timeframe_next(timeframe, end_ms);
}

/* --- why an answer of the ring is not complete ------------------------------------------------ */

/* The end of the newest bar that has closed. False when there is none. */
static bool get_end(const struct attempt *attempt, int64_t *end_ms)
{
    struct mw_candle newest;
    if (mw_series_read_last(attempt->series, INT64_MAX, 1, false, &newest) == 0)
        return false;
    *end_ms = mw_timeframe_next(attempt->timeframe, newest.open_ms);
    return true;
}

/* Whether the newest row read is of the bucket that the window ends in, and has closed. */
static bool has_last(const struct attempt *attempt)
{
    if (attempt->count == 0)
        return false;
    const struct mw_candle *last = &attempt->rows[attempt->count - 1];
    return last->state == MW_CANDLE_CLOSED &&
           mw_timeframe_next(attempt->timeframe, last->open_ms) > attempt->query.finish_ms;
}

/* Whether all of the window lies in buckets that have closed: what comes now does not change it. */
static bool is_over(const struct attempt *attempt)
{
    int64_t end_ms;
    if (attempt->query.finish_ms == INT64_MAX)
        return false;
    return has_last(attempt) || (get_end(attempt, &end_ms) && end_ms > attempt->query.finish_ms);
}

/* Whether the series knows of everything from where the query begins. */
static bool reaches_back(const struct attempt *attempt)
{
    const struct mw_price_query *query = &attempt->query;
    if (query->count > 0)
        return attempt->count == query->count;
    if (!query->has_start)
        return attempt->count > 0;
    int64_t first_ms = mw_price_first_ms(query, attempt->timeframe);
    if (attempt->count > 0 && attempt->rows[0].open_ms <= first_ms)
        return true;
    /* Where an older bar is there, and no hole between, nothing was traded. */
    struct mw_candle oldest;
    return (attempt->count > 0 || (query->start_ms <= query->finish_ms && is_over(attempt))) &&
           mw_series_read_from(attempt->series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1 &&
           oldest.open_ms <= first_ms;
}

/* Whether something is missing from where the answer begins to where the query ends, or in doubt.
 * A bar in doubt that has closed is in a hole. */
static bool has_hole(const struct attempt *attempt)
{
    const struct mw_price_query *query = &attempt->query;
    if (attempt->count > 0 && (attempt->rows[attempt->count - 1].flags & MW_CANDLE_UNPROVEN) != 0)
        return true;
    return mw_series_find_gap(attempt->series,
                              query->has_start ? query->start_ms : attempt->rows[0].open_ms,
                              query->finish_ms, NULL);
}

static bool is_fresh(const struct attempt *attempt)
{
    int64_t end_ms;
    return !attempt->query.forming && get_end(attempt, &end_ms) &&
           mw_price_is_fresh(attempt->timeframe, end_ms);
}

/* Why the answer is not complete, or NULL. Sets `changed` when the rows and the holes may be of
 * different moments, so that the answer says too much. */
static const char *find_reason(const struct mw_prices *prices, const struct attempt *attempt,
                               const struct mw_price_moment *before, bool *changed)
{
    struct mw_series *series = attempt->series;
    bool kept = before->health != MW_SERIES_IDLE;
    *changed = false;
    if (!kept && !is_over(attempt))
        return "unsubscribed";
    if (!reaches_back(attempt)) {
        /* What lies before the oldest bar does not come by waiting. */
        bool full = mw_series_count(series) == mw_cache_bars(prices->cache);
        return full || attempt->query.is_past || !kept ? "short" : "warming";
    }
    if (has_hole(attempt))
        return "gap";
    *changed = mw_series_gap_version(series) != before->gap_version;
    if (*changed)
        return "gap";
    if (is_over(attempt) || (before->health == MW_SERIES_LIVE && !mw_price_is_doubted(series)))
        return NULL;
    return kept && is_fresh(attempt) ? NULL : "stale";
}

/* --- rows of the ring ------------------------------------------------------------------------- */

/* Fills `rows`, which hold `room`, with what the query selects. */
static void read_bars(struct attempt *attempt, struct mw_candle *rows, uint32_t room)
{
    const struct mw_price_query *query = &attempt->query;
    attempt->rows = rows;
    attempt->count =
        query->has_start
            ? mw_series_read_from(attempt->series, query->start_ms, query->finish_ms, room,
                                  query->forming, rows)
            : mw_series_read_last(attempt->series, query->finish_ms, room, query->forming, rows);
}

/* The same, as it was at the query's time: closed bars that had closed by then, and the bucket that
 * had begun only while it is still forming; closed meanwhile, it is the future. */
static void read_bars_until(struct attempt *attempt, struct mw_candle *rows, uint32_t room)
{
    struct mw_price_query *query = &attempt->query;
    int64_t begun_ms = mw_timeframe_floor(attempt->timeframe, mw_price_clamp(query->now_ms));
    int64_t last_ms = query->forming ? begun_ms : begun_ms - 1;
    if (query->finish_ms > last_ms)
        query->finish_ms = last_ms;
    read_bars(attempt, rows, room);
    if (attempt->count == 0)
        return;
    const struct mw_candle *newest = &rows[attempt->count - 1];
    if (newest->open_ms == begun_ms && newest->state == MW_CANDLE_CLOSED) {
        query->finish_ms = begun_ms - 1;
        read_bars(attempt, rows, room);
    }
}

/* Reads the rows of one try into new room. */
static void read_rows(struct attempt *attempt, const struct mw_price_query *query,
                      const struct mw_price_room *room)
{
    uint32_t count = mw_series_count(attempt->series), held;
    do { /* bars may come between counting and reading: then there is not enough room */
        attempt->query = *query;
        held = query->count > 0 && query->count < count ? query->count : count;
        struct mw_candle *rows = room->rows(room->user, held);
        if (query->now_ms == INT64_MAX)
            read_bars(attempt, rows, held);
        else
            read_bars_until(attempt, rows, held);
        count = mw_series_count(attempt->series);
    } while (attempt->count == held && held != query->count && held < count);
}

/* --- whether that is enough ------------------------------------------------------------------- */

/* Whether there are other places to look at. */
static bool has_past(const struct mw_prices *prices)
{
    return prices->store != NULL || prices->context_count > 0;
}

/* Whether a bar that forms in the ring has closed for store or context. They are asked once. */
static bool is_closed_elsewhere(struct mw_prices *prices, struct mw_series *series,
                                const struct mw_candle *newest)
{
    _Atomic int64_t *asked_ms = &prices->asked_ms[mw_series_note(series)->id];
    if (newest->state != MW_CANDLE_FORMING ||
        atomic_load_explicit(asked_ms, memory_order_relaxed) == newest->open_ms + 1 ||
        mw_price_has_own_time(series))
        return false;
    struct mw_candle row;
    struct mw_past past;
    mw_past_find(prices, mw_series_key(series), &past);
    if (mw_past_find_row(prices, &past, newest->open_ms, &row))
        return true;
    atomic_store_explicit(asked_ms, newest->open_ms + 1, memory_order_relaxed);
    return false;
}

/* Whether the ring may have it all, before it is read. */
static bool may_suffice(struct mw_prices *prices, struct mw_series *series,
                        const struct mw_price_query *query)
{
    struct mw_candle row;
    uint32_t count = mw_series_count(series);
    if (count == 0 || query->count > count ||
        (query->count == 0 && !query->has_start && count < mw_cache_bars(prices->cache)))
        return false;
    if (query->has_start && mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &row) == 1 &&
        row.open_ms > query->start_ms)
        return false;
    return mw_series_read_last(series, INT64_MAX, 1, true, &row) == 0 ||
           !is_closed_elsewhere(prices, series, &row);
}

/* Whether the rows read are all there could be. The oldest bar of a derived series may have been
 * made of less than there is elsewhere. */
static bool suffices(const struct attempt *attempt, const char *reason)
{
    const struct mw_price_query *query = &attempt->query;
    if (query->count > 0 ? attempt->count < query->count : !query->has_start && attempt->count == 0)
        return false;
    return reason == NULL || strcmp(reason, "gap") != 0 || attempt->count == 0 ||
           mw_derive_source(attempt->series) == NULL;
}

/* False when others have to be asked. */
static bool answer_from_ring(struct mw_prices *prices, struct mw_series *series,
                             const struct mw_price_query *query, const struct mw_price_room *room,
                             struct mw_price_answer *answer)
{
    bool past = has_past(prices), changed;
    int tries = 0;
    if (past && !may_suffice(prices, series, query))
        return false;
    struct attempt attempt = {.series = series, .timeframe = mw_series_key(series)->timeframe};
    do {
        const struct mw_price_moment before = {.health = mw_series_get_health(series),
                                               .gap_version = mw_series_gap_version(series)};
        read_rows(&attempt, query, room);
        answer->count = attempt.count;
        answer->reason = find_reason(prices, &attempt, &before, &changed);
    } while (changed && ++tries < MW_PRICE_TRIES_MAX);
    return !past || suffices(&attempt, answer->reason);
}

void mw_prices_answer(struct mw_prices *prices, struct mw_series *series,
                      const struct mw_series_key *key, const struct mw_price_query *query,
                      const struct mw_price_room *room, struct mw_price_answer *answer)
{
    if (series == NULL || !answer_from_ring(prices, series, query, room, answer))
        mw_prices_merge(prices, series, key, query, room, answer);
}
