/* series_derived.c - bars that are made of others: right as they are, with holes that are told.
 *
 * The merging rules of series.c weigh words of venues against each other; here there is one who
 * knows. What lies between two bars is quiet unless it is said to be a hole.
 */
#include "market/series_parts.h"

#include <string.h>

#include "base/check.h"

static void open_times(const struct mw_series *series, struct mw_span span, int64_t *oldest_ms,
                       int64_t *newest_ms)
{
    struct mw_candle candle;
    mw_series_load(series, span.total - span.count, &candle);
    *oldest_ms = candle.open_ms;
    mw_series_load(series, span.total - 1, &candle);
    *newest_ms = candle.open_ms;
}

/* Whether all of a range is known to be of that kind. */
static bool is_hole(const struct mw_series *series, int64_t from_ms, int64_t to_ms, mw_hole hole)
{
    const struct mw_gap *met = mw_gaps_find(&series->gaps, from_ms, to_ms);
    if (met == NULL || hole == MW_HOLE_NONE)
        return (met == NULL) == (hole == MW_HOLE_NONE);
    return met->from_ms <= from_ms && met->to_ms >= to_ms &&
           met->given_up == (hole == MW_HOLE_GIVEN_UP);
}

static void set_hole(struct mw_series *series, int64_t from_ms, int64_t to_ms, mw_hole hole)
{
    struct mw_timeframe timeframe = series->key.timeframe;
    if (is_hole(series, from_ms, to_ms, hole))
        return;
    if (hole == MW_HOLE_NONE) {
        mw_series_close_gap(series, from_ms, to_ms);
        return;
    }
    mw_gaps_add(&series->gaps, timeframe, from_ms, to_ms);
    if (hole == MW_HOLE_GIVEN_UP)
        mw_gaps_give_up(&series->gaps, timeframe, from_ms, to_ms);
    mw_series_renew_gaps(series);
    mw_series_note_change(series, from_ms, to_ms);
}

void mw_series_set_hole(struct mw_series *series, int64_t from_ms, int64_t to_ms, mw_hole hole)
{
    pthread_mutex_lock(&series->lock);
    struct mw_span span = mw_series_span(series);
    int64_t oldest_ms = INT64_MIN, newest_ms;
    if (span.count == series->capacity) /* the ring takes nothing that is older */
        open_times(series, span, &oldest_ms, &newest_ms);
    if (from_ms < oldest_ms)
        from_ms = oldest_ms;
    if (from_ms <= to_ms)
        set_hole(series, from_ms, to_ms, hole);
    pthread_mutex_unlock(&series->lock);
}

/* A bar that is there already. */
static mw_put replace(struct mw_series *series, struct mw_span span, uint64_t number,
                      struct mw_candle *next, bool patient)
{
    struct mw_candle old;
    mw_series_load(series, number, &old);
    bool closed = old.state == MW_CANDLE_CLOSED;
    if (closed && next->state == MW_CANDLE_FORMING)
        return MW_PUT_LATE;
    if (closed && patient && (old.flags & MW_CANDLE_UNPROVEN))
        return MW_PUT_SAME;
    if (closed && patient) { /* in doubt from now on, with the values that it had */
        uint8_t flags = next->flags;
        *next = old;
        next->flags |= flags;
    }
    bool revised = closed && !mw_series_values_equal(&old, next);
    if (closed)
        next->flags |= (old.flags | (revised ? MW_CANDLE_REVISED : 0)) & MW_CANDLE_REVISED;
    if (memcmp(&old, next, sizeof(old)) == 0)
        return MW_PUT_SAME;
    if (revised)
        mw_series_note_revision(series, next->open_ms);
    mw_series_rewrite(series, span, number, next);
    return revised ? MW_PUT_REVISED : MW_PUT_UPDATED;
}

/* A bucket that is older than the newest and has no bar. */
static void insert(struct mw_series *series, struct mw_span span, uint64_t number,
                   const struct mw_candle *next, bool was_quiet)
{
    bool full = span.count == series->capacity;
    if (was_quiet)
        mw_series_note_revision(series, next->open_ms);
    mw_series_squeeze(series, span, number, next);
    mw_series_renew_gaps(series);
    if (full)
        mw_series_forget_gaps(series);
}

/* A newer bar comes, and the newest forms: not what the same maker has made. */
static void close_newest(struct mw_series *series, struct mw_span span)
{
    struct mw_candle newest = {.state = MW_CANDLE_CLOSED};
    if (span.count > 0)
        mw_series_load(series, span.total - 1, &newest);
    if (newest.state == MW_CANDLE_CLOSED)
        return;
    newest.state = MW_CANDLE_CLOSED;
    newest.closed_by = MW_CLOSED_BY_SUCCESSOR;
    mw_series_rewrite(series, span, span.total - 1, &newest);
}

static mw_put put_older(struct mw_series *series, struct mw_span span, struct mw_candle *next,
                        bool was_quiet, bool patient)
{
    uint64_t number = mw_series_lower_bound(series, span, next->open_ms);
    struct mw_candle there;
    mw_series_load(series, number, &there);
    if (there.open_ms == next->open_ms)
        return replace(series, span, number, next, patient);
    insert(series, span, number, next, was_quiet);
    return MW_PUT_INSERTED;
}

static mw_put put_locked(struct mw_series *series, struct mw_candle *next, mw_hole hole,
                         bool patient)
{
    struct mw_span span = mw_series_span(series);
    int64_t oldest_ms = INT64_MAX, newest_ms = INT64_MIN;
    if (span.count > 0)
        open_times(series, span, &oldest_ms, &newest_ms);
    if (span.count == series->capacity && next->open_ms < oldest_ms)
        return MW_PUT_LATE;
    bool was_quiet =
        next->open_ms > oldest_ms && is_hole(series, next->open_ms, next->open_ms, MW_HOLE_NONE);
    if (hole != MW_HOLE_NONE)
        set_hole(series, next->open_ms, next->open_ms, hole);
    mw_put put = MW_PUT_APPENDED;
    if (next->open_ms > newest_ms) {
        close_newest(series, span);
        mw_series_push(series, span, next);
    } else if (next->open_ms == newest_ms) {
        put = replace(series, span, span.total - 1, next, patient && hole == MW_HOLE_OPEN);
    } else {
        put = put_older(series, span, next, was_quiet, patient && hole == MW_HOLE_OPEN);
    }
    if (hole == MW_HOLE_NONE)
        set_hole(series, next->open_ms, next->open_ms, hole);
    return put;
}

mw_put mw_series_put_derived(struct mw_series *series, const struct mw_candle *candle, mw_hole hole,
                             bool patient)
{
    MW_CHECK(candle->source == MW_SOURCE_RESAMPLED);
    struct mw_candle next = *candle;
    if (hole != MW_HOLE_NONE)
        next.flags |= MW_CANDLE_UNPROVEN;
    pthread_mutex_lock(&series->lock);
    mw_put put = put_locked(series, &next, hole, patient);
    pthread_mutex_unlock(&series->lock);
    return put;
}

void mw_series_set_first_live(struct mw_series *series, int64_t open_ms)
{
    if (atomic_load_explicit(&series->first_live_ms, memory_order_relaxed) == INT64_MAX)
        atomic_store_explicit(&series->first_live_ms, open_ms, memory_order_release);
}
