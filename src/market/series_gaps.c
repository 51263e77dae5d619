/* series_gaps.c - holes, revisions and health of a series. */
#include "market/series_parts.h"

#include "base/check.h"

void mw_series_set_health(struct mw_series *series, mw_series_health health)
{
    atomic_store_explicit(&series->note.health, (int)health, memory_order_release);
}

bool mw_series_shift_health(struct mw_series *series, mw_series_health health)
{
    int before = atomic_load_explicit(&series->note.health, memory_order_acquire);
    while (before != MW_SERIES_IDLE && before != (int)health)
        if (atomic_compare_exchange_weak(&series->note.health, &before, (int)health))
            return true;
    return false;
}

/* The series whose feed keeps this one up to date. */
static const struct mw_series *origin_of(const struct mw_series *series)
{
    const struct mw_series *source =
        atomic_load_explicit(&series->note.source, memory_order_acquire);
    return source != NULL ? source : series;
}

mw_series_health mw_series_get_health(const struct mw_series *series)
{
    return (mw_series_health)atomic_load_explicit(&origin_of(series)->note.health,
                                                  memory_order_acquire);
}

int64_t mw_series_gap_wait_ms(const struct mw_series *series)
{
    return atomic_load_explicit(&origin_of(series)->note.gap_wait_ms, memory_order_relaxed);
}

int64_t mw_series_first_live_ms(const struct mw_series *series)
{
    return atomic_load_explicit(&series->first_live_ms, memory_order_acquire);
}

int64_t mw_series_dropped_ms(const struct mw_series *series)
{
    return atomic_load_explicit(&series->dropped_ms, memory_order_acquire);
}

/* The version goes first: whoever sees that there are no holes any more sees that something has
 * changed, too. Rows that are published after this, with a release, carry both along. */
void mw_series_renew_gaps(struct mw_series *series)
{
    atomic_fetch_add_explicit(&series->gap_version, 1, memory_order_acq_rel);
    atomic_store_explicit(&series->gap_count, series->gaps.count, memory_order_release);
}

void mw_series_open_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    if (!mw_gaps_add(&series->gaps, series->key.timeframe, from_ms, to_ms))
        return;
    mw_series_renew_gaps(series);
    mw_series_note_change(series, from_ms, to_ms);
}

void mw_series_close_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    if (series->gaps.count == 0 ||
        !mw_gaps_remove(&series->gaps, series->key.timeframe, from_ms, to_ms))
        return;
    mw_series_renew_gaps(series);
    mw_series_note_change(series, from_ms, to_ms);
}

uint64_t mw_series_gap_version(const struct mw_series *series)
{
    return atomic_load_explicit(&series->gap_version, memory_order_acquire);
}

bool mw_series_find_gap(struct mw_series *series, int64_t from_ms, int64_t to_ms,
                        struct mw_gap *gap)
{
    if (atomic_load_explicit(&series->gap_count, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&series->lock);
    const struct mw_gap *found = mw_gaps_find(&series->gaps, from_ms, to_ms);
    if (found != NULL && gap != NULL)
        *gap = *found;
    pthread_mutex_unlock(&series->lock);
    return found != NULL;
}

bool mw_series_find_newest_gap(struct mw_series *series, bool given_up, int64_t until_ms,
                               struct mw_gap *gap)
{
    if (atomic_load_explicit(&series->gap_count, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&series->lock);
    const struct mw_gap *list = series->gaps.list;
    uint32_t i = series->gaps.count;
    while (i > 0 && (list[i - 1].given_up != given_up || list[i - 1].from_ms > until_ms))
        i--;
    if (i > 0)
        *gap = list[i - 1];
    pthread_mutex_unlock(&series->lock);
    return i > 0;
}

uint32_t mw_series_copy_gaps(struct mw_series *series, struct mw_gap *out, uint32_t room)
{
    pthread_mutex_lock(&series->lock);
    uint32_t count = series->gaps.count;
    for (uint32_t i = 0; i < count && i < room; i++)
        out[i] = series->gaps.list[i];
    pthread_mutex_unlock(&series->lock);
    return count;
}

/* The first and the last bucket that begin in from_ms..to_ms and are not newer than the newest
 * bar. There is no hole beyond that one. Returns whether there are any. */
static bool clip(const struct mw_series *series, struct mw_span span, int64_t *from_ms,
                 int64_t *to_ms)
{
    if (span.count == 0)
        return false;
    struct mw_timeframe timeframe = series->key.timeframe;
    struct mw_candle newest;
    mw_series_load(series, span.total - 1, &newest);
    if (*to_ms > newest.open_ms)
        *to_ms = newest.open_ms;
    if (*from_ms > *to_ms || *to_ms < MW_CANDLE_OPEN_MS_MIN)
        return false;
    if (*from_ms < MW_CANDLE_OPEN_MS_MIN)
        *from_ms = MW_CANDLE_OPEN_MS_MIN;
    int64_t floor_ms = mw_timeframe_floor(timeframe, *from_ms);
    if (floor_ms < *from_ms)
        *from_ms = mw_timeframe_next(timeframe, floor_ms);
    *to_ms = mw_timeframe_floor(timeframe, *to_ms);
    return *from_ms <= *to_ms;
}

/* What is there within a hole is right as it is. */
static void trust(struct mw_series *series, struct mw_span span, int64_t from_ms, int64_t to_ms)
{
    struct mw_candle candle;
    for (uint64_t number = mw_series_lower_bound(series, span, from_ms); number < span.total;
         number++) {
        mw_series_load(series, number, &candle);
        if (candle.open_ms > to_ms || candle.state == MW_CANDLE_FORMING)
            break;
        if (candle.flags & MW_CANDLE_UNPROVEN) {
            candle.flags &= (uint8_t)~MW_CANDLE_UNPROVEN;
            if (candle.source == MW_SOURCE_STORE)
                candle.source = MW_SOURCE_BACKFILL;
            mw_series_rewrite(series, span, number, &candle);
        }
    }
}

void mw_series_prove(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    pthread_mutex_lock(&series->lock);
    struct mw_span span = mw_series_span(series);
    if (clip(series, span, &from_ms, &to_ms)) {
        int64_t at_ms = from_ms;
        const struct mw_gap *gap;
        while (at_ms <= to_ms && (gap = mw_gaps_find(&series->gaps, at_ms, to_ms)) != NULL) {
            trust(series, span, gap->from_ms > at_ms ? gap->from_ms : at_ms,
                  gap->to_ms < to_ms ? gap->to_ms : to_ms);
            at_ms = mw_timeframe_next(series->key.timeframe, gap->to_ms);
        }
        mw_series_close_gap(series, from_ms, to_ms);
    }
    pthread_mutex_unlock(&series->lock);
}

void mw_series_give_up(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    pthread_mutex_lock(&series->lock);
    if (clip(series, mw_series_span(series), &from_ms, &to_ms) &&
        mw_gaps_give_up(&series->gaps, series->key.timeframe, from_ms, to_ms)) {
        mw_series_renew_gaps(series);
        mw_series_note_change(series, from_ms, to_ms);
    }
    pthread_mutex_unlock(&series->lock);
}

void mw_series_forget_gaps(struct mw_series *series)
{
    struct mw_span span = mw_series_span(series);
    int64_t dropped_ms = atomic_load_explicit(&series->dropped_ms, memory_order_relaxed);
    if (series->gaps.count == 0 || dropped_ms == INT64_MIN)
        return;
    struct mw_timeframe timeframe = series->key.timeframe;
    int64_t first_ms = series->gaps.list[0].from_ms,
            next_ms = mw_timeframe_next(timeframe, dropped_ms);
    bool changed =
        first_ms <= dropped_ms && mw_gaps_remove(&series->gaps, timeframe, first_ms, dropped_ms);
    struct mw_candle oldest;
    mw_series_load(series, span.total - span.count, &oldest);
    if (next_ms < oldest.open_ms &&
        mw_gaps_give_up(&series->gaps, timeframe, next_ms,
                        mw_timeframe_floor(timeframe, oldest.open_ms - 1)))
        changed = true;
    if (changed)
        mw_series_renew_gaps(series);
}

void mw_series_note_revision(struct mw_series *series, int64_t open_ms)
{
    uint64_t number = atomic_load_explicit(&series->revision_count, memory_order_relaxed) + 1;
    if (series->revisions == NULL)
        series->revisions = mw_alloc_zero(MW_SERIES_REVISIONS_MAX * sizeof(*series->revisions));
    series->revisions[number % MW_SERIES_REVISIONS_MAX] =
        (struct mw_revision){.number = number, .open_ms = open_ms};
    atomic_store_explicit(&series->revision_count, number, memory_order_release);
}

uint32_t mw_series_count_between(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    pthread_mutex_lock(&series->lock);
    struct mw_span span = mw_series_span(series);
    uint64_t begin = mw_series_lower_bound(series, span, from_ms);
    uint64_t end = mw_series_lower_bound(series, span, to_ms + 1);
    pthread_mutex_unlock(&series->lock);
    return end > begin ? (uint32_t)(end - begin) : 0;
}

uint32_t mw_series_gap_count(const struct mw_series *series)
{
    return atomic_load_explicit(&series->gap_count, memory_order_acquire);
}

uint64_t mw_series_revision_count(const struct mw_series *series)
{
    return atomic_load_explicit(&series->revision_count, memory_order_acquire);
}

uint32_t mw_series_read_revisions(struct mw_series *series, uint64_t after, uint32_t room,
                                  struct mw_revision *out)
{
    uint32_t copied = 0;
    pthread_mutex_lock(&series->lock);
    uint64_t last = atomic_load_explicit(&series->revision_count, memory_order_relaxed);
    uint64_t number = last > MW_SERIES_REVISIONS_MAX ? last - MW_SERIES_REVISIONS_MAX : 0;
    for (number = number > after ? number : after; number < last && copied < room; number++)
        out[copied++] = series->revisions[(number + 1) % MW_SERIES_REVISIONS_MAX];
    pthread_mutex_unlock(&series->lock);
    return copied;
}
