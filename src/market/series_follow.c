/* series_follow.c - what of a series has changed since each of its followers looked last. */
#include "market/series_parts.h"

#include "base/check.h"

struct mw_follower {
    struct mw_series *series;
    struct mw_follower *next; /* guarded by the series' lock */
    struct mw_gaps changed;   /* guarded by the series' lock; owns; `given_up` is of no meaning */
    _Atomic bool behind;      /* there is something in `changed` */
};

static void note(struct mw_follower *follower, int64_t from_ms, int64_t to_ms)
{
    mw_gaps_add(&follower->changed, follower->series->key.timeframe, from_ms, to_ms);
    atomic_store_explicit(&follower->behind, true, memory_order_release);
}

void mw_series_note_change(struct mw_series *series, int64_t from_ms, int64_t to_ms)
{
    for (struct mw_follower *follower = series->followers; follower != NULL;
         follower = follower->next)
        note(follower, from_ms, to_ms);
}

struct mw_follower *mw_series_follow(struct mw_series *series)
{
    struct mw_follower *follower = mw_alloc_zero(sizeof(*follower));
    follower->series = series;
    pthread_mutex_lock(&series->lock);
    follower->next = series->followers;
    series->followers = follower;
    struct mw_span span = mw_series_span(series);
    if (span.count > 0) {
        struct mw_candle oldest, newest;
        mw_series_load(series, span.total - span.count, &oldest);
        mw_series_load(series, span.total - 1, &newest);
        note(follower, oldest.open_ms, newest.open_ms);
    }
    pthread_mutex_unlock(&series->lock);
    return follower;
}

void mw_series_unfollow(struct mw_follower *follower)
{
    if (follower == NULL)
        return;
    struct mw_series *series = follower->series;
    pthread_mutex_lock(&series->lock);
    struct mw_follower **link = &series->followers;
    while (*link != follower)
        link = &(*link)->next;
    *link = follower->next;
    pthread_mutex_unlock(&series->lock);
    mw_gaps_deinit(&follower->changed);
    mw_free(follower);
}

void mw_series_free_followers(struct mw_series *series)
{
    while (series->followers != NULL)
        mw_series_unfollow(series->followers);
}

bool mw_follower_is_behind(const struct mw_follower *follower)
{
    return atomic_load_explicit(&follower->behind, memory_order_acquire);
}

bool mw_follower_take(struct mw_follower *follower, struct mw_range *range)
{
    if (!mw_follower_is_behind(follower))
        return false;
    struct mw_series *series = follower->series;
    pthread_mutex_lock(&series->lock);
    bool any = follower->changed.count > 0;
    if (any) {
        const struct mw_gap oldest = follower->changed.list[0];
        *range = (struct mw_range){.from_ms = oldest.from_ms, .to_ms = oldest.to_ms};
        mw_gaps_remove(&follower->changed, series->key.timeframe, oldest.from_ms, oldest.to_ms);
    }
    if (follower->changed.count == 0)
        atomic_store_explicit(&follower->behind, false, memory_order_release);
    pthread_mutex_unlock(&series->lock);
    return any;
}

void mw_follower_return(struct mw_follower *follower, const struct mw_range *range)
{
    pthread_mutex_lock(&follower->series->lock);
    note(follower, range->from_ms, range->to_ms);
    pthread_mutex_unlock(&follower->series->lock);
}
