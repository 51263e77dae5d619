/* derive.c - keeping the derived series of a series up to date.
 *
 * Whoever has put into the source comes here and takes what has changed since somebody was here
 * last, so it does not matter who put what:
 *
 *   1. Ranges of buckets whose closed bars or holes changed, from the follower. What lies in the
 *      current bucket, after what was added to it, is added; everything else is made anew from the
 *      ring, bucket by bucket.
 *   2. The newest bar of the source, which may form, goes on top of the current bucket. When it
 *      belongs to a later bucket the current one is over.
 *
 * The newest bar is published after the changes before it are noted. So if nothing is noted after
 * it was read, all closed bars before it have been added. The same goes for holes and their
 * version: bars and holes belong together if the version is the same before and after.
 */
#include "market/derive.h"

#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "market/resample.h"

enum { BATCH = 32 }; /* bars copied at once; 2 KiB */

struct mw_derivation {
    struct mw_series *source, *series;
    uint32_t capacity;          /* bars that the source's ring holds */
    struct mw_derivation *next; /* made of the same source; immutable once it is in the list */

    pthread_mutex_t lock;         /* covers what is below */
    struct mw_follower *follower; /* the source owns it; NULL when this has ended */
    int64_t bucket_ms;            /* the current one; INT64_MIN for none */
    struct mw_resampler sum;      /* its closed source bars ... */
    int64_t added_ms;             /* ... up to this one */
    bool damaged;                 /* some that changed could not be added */
    mw_hole hole;                 /* of the current bucket, as of: */
    uint64_t gap_version, total;
    int64_t frozen_ms; /* holes up to here have been given up */
};

/* --- what the source knows -------------------------------------------------------------------- */

static struct mw_timeframe coarse_of(const struct mw_derivation *derivation)
{
    return mw_series_key(derivation->series)->timeframe;
}

static int64_t bucket_of(const struct mw_derivation *derivation, int64_t time_ms)
{
    return mw_timeframe_floor(coarse_of(derivation), time_ms);
}

static int64_t bucket_before(const struct mw_derivation *derivation, int64_t bucket_ms)
{
    return mw_timeframe_floor(coarse_of(derivation), bucket_ms - 1);
}

static int64_t bucket_after(const struct mw_derivation *derivation, int64_t bucket_ms)
{
    return mw_timeframe_next(coarse_of(derivation), bucket_ms);
}

/* Where the ring begins; INT64_MAX for an empty one. */
static int64_t oldest_of(const struct mw_derivation *derivation)
{
    struct mw_candle oldest;
    return mw_series_read_from(derivation->source, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1
               ? oldest.open_ms
               : INT64_MAX;
}

/* A full ring takes nothing that is older than its oldest. */
static bool is_full(const struct mw_derivation *derivation)
{
    return mw_series_count(derivation->source) == derivation->capacity;
}

/* Whether the ring does not have, nor ever get again, the beginning of a bucket. */
static bool is_frozen(const struct mw_derivation *derivation, int64_t bucket_ms)
{
    return is_full(derivation) && bucket_ms < oldest_of(derivation);
}

/* The worst of the source's holes within from_ms..to_ms. */
static mw_hole worst_hole(const struct mw_derivation *derivation, int64_t from_ms, int64_t to_ms)
{
    mw_hole worst = MW_HOLE_NONE;
    struct mw_gap gap;
    while (worst != MW_HOLE_OPEN && from_ms <= to_ms &&
           mw_series_find_gap(derivation->source, from_ms, to_ms, &gap)) {
        worst = gap.given_up ? MW_HOLE_GIVEN_UP : MW_HOLE_OPEN;
        from_ms = gap.to_ms + 1;
    }
    return worst;
}

/* What is known of a bucket that can be made from the ring, or could have been once. */
static mw_hole hole_of(const struct mw_derivation *derivation, int64_t bucket_ms)
{
    if (is_frozen(derivation, bucket_ms))
        return MW_HOLE_GIVEN_UP;
    if (bucket_ms < oldest_of(derivation))
        return MW_HOLE_OPEN;
    return worst_hole(derivation, bucket_ms, bucket_after(derivation, bucket_ms) - 1);
}

/* --- any bucket, from the ring ---------------------------------------------------------------- */

/* Adds the source's bars of from_ms..to_ms. `forming` gets the one that forms, if there is one
 * there. */
static bool add_rows(struct mw_derivation *derivation, struct mw_resampler *sum, int64_t from_ms,
                     int64_t to_ms, struct mw_candle *forming)
{
    struct mw_candle rows[BATCH], finished;
    uint32_t count;
    do {
        count = from_ms > to_ms ? 0
                                : mw_series_read_from(derivation->source, from_ms, to_ms, BATCH,
                                                      forming != NULL, rows);
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].state == MW_CANDLE_FORMING) {
                *forming = rows[i];
                return true;
            }
            bool over = mw_resampler_add(sum, &rows[i], &finished);
            MW_CHECK(!over);
            from_ms = rows[i].open_ms + 1;
        }
    } while (count == BATCH);
    return false;
}

static void publish(struct mw_derivation *derivation, const struct mw_candle *bar, mw_hole hole)
{
    bool patient = mw_series_gap_wait_ms(derivation->series) > 0;
    mw_series_put_derived(derivation->series, bar, hole, patient);
}

/* The bar of a bucket whose beginning the ring has dropped cannot be made again: the one that is
 * there stays, and is in doubt. */
static bool keep_frozen(struct mw_derivation *derivation, int64_t bucket_ms)
{
    struct mw_candle bar;
    if (mw_series_read_from(derivation->series, bucket_ms, bucket_ms, 1, true, &bar) == 0)
        return false;
    if (bar.source == MW_SOURCE_RESAMPLED)
        publish(derivation, &bar, MW_HOLE_GIVEN_UP);
    return true;
}

/* Makes one bucket that has bars or is in a hole. False when the source's holes have changed
 * meanwhile, and nothing was done. */
static bool make_bucket(struct mw_derivation *derivation, int64_t bucket_ms, uint64_t version)
{
    struct mw_candle newest, forming, bar;
    struct mw_resampler sum;
    int64_t next_ms = bucket_after(derivation, bucket_ms);
    mw_resampler_init(&sum, coarse_of(derivation), mw_series_key(derivation->source)->timeframe);
    if (mw_series_read_last(derivation->source, INT64_MAX, 1, true, &newest) == 0)
        return true;
    bool forms = add_rows(derivation, &sum, bucket_ms, next_ms - 1, &forming);
    bool any = newest.open_ms >= next_ms ? mw_resampler_finish(&sum, &bar)
                                         : mw_resampler_get(&sum, forms ? &forming : NULL, &bar);
    bool frozen = is_frozen(derivation, bucket_ms);
    mw_hole hole = hole_of(derivation, bucket_ms);
    if (mw_series_gap_version(derivation->source) != version ||
        (forms && newest.open_ms >= next_ms))
        return false;
    if (frozen && keep_frozen(derivation, bucket_ms))
        return true;
    if (any)
        publish(derivation, &bar, hole);
    else
        mw_series_set_hole(derivation->series, bucket_ms, bucket_ms, hole);
    return true;
}

/* Of buckets that the ring has dropped before anybody looked nothing is known any more. Returns the
 * bucket after those up to `to_ms` that are given up. */
static int64_t skip_frozen(struct mw_derivation *derivation, int64_t at_ms, int64_t to_ms)
{
    int64_t last_ms = bucket_of(derivation, oldest_of(derivation) - 1);
    to_ms = to_ms < last_ms ? to_ms : last_ms;
    struct mw_candle bar;
    mw_series_set_hole(derivation->series, at_ms, to_ms, MW_HOLE_GIVEN_UP);
    while (mw_series_read_from(derivation->series, at_ms, to_ms, 1, true, &bar) == 1) {
        keep_frozen(derivation, bar.open_ms);
        at_ms = bucket_after(derivation, bar.open_ms);
    }
    return bucket_after(derivation, to_ms);
}

/* Makes what comes first at or after `at_ms`, up to the bucket `to_ms`. Returns the bucket after
 * what was made; `at_ms` again when the source has changed meanwhile. */
static int64_t make_next(struct mw_derivation *derivation, int64_t at_ms, int64_t to_ms)
{
    struct mw_series *source = derivation->source;
    uint64_t version = mw_series_gap_version(source);
    int64_t end_ms = bucket_after(derivation, to_ms), row_ms = end_ms, hole_ms = end_ms;
    struct mw_candle row;
    struct mw_gap gap = {.from_ms = end_ms};
    if (mw_series_read_from(source, at_ms, end_ms - 1, 1, true, &row) == 1)
        row_ms = bucket_of(derivation, row.open_ms);
    if (mw_series_find_gap(source, at_ms, end_ms - 1, &gap))
        hole_ms = bucket_of(derivation, gap.from_ms > at_ms ? gap.from_ms : at_ms);
    if (mw_series_gap_version(source) != version)
        return at_ms;
    int64_t first_ms = row_ms < hole_ms ? row_ms : hole_ms;
    if (first_ms > at_ms && is_frozen(derivation, at_ms))
        return skip_frozen(derivation, at_ms, bucket_before(derivation, first_ms));
    if (first_ms > at_ms) { /* quiet */
        mw_series_set_hole(derivation->series, at_ms, bucket_before(derivation, first_ms),
                           MW_HOLE_NONE);
        return first_ms;
    }
    /* Buckets that are nothing but this hole are told at once, however many. */
    int64_t last_ms = hole_ms;
    if (hole_ms == at_ms)
        last_ms = bucket_of(derivation, gap.to_ms);
    if (last_ms > row_ms)
        last_ms = row_ms;
    if (last_ms > end_ms)
        last_ms = end_ms;
    if (hole_ms == at_ms && last_ms > at_ms && at_ms >= oldest_of(derivation)) {
        mw_series_set_hole(derivation->series, at_ms, bucket_before(derivation, last_ms),
                           gap.given_up ? MW_HOLE_GIVEN_UP : MW_HOLE_OPEN);
        return last_ms;
    }
    return make_bucket(derivation, at_ms, version) ? bucket_after(derivation, at_ms) : at_ms;
}

/* Makes the buckets from_ms..to_ms anew. */
static void make_buckets(struct mw_derivation *derivation, int64_t from_ms, int64_t to_ms)
{
    while (from_ms <= to_ms)
        from_ms = make_next(derivation, from_ms, to_ms);
}

/* --- the current bucket ----------------------------------------------------------------------- */

static void begin_bucket(struct mw_derivation *derivation, int64_t bucket_ms)
{
    derivation->bucket_ms = bucket_ms;
    derivation->added_ms = bucket_ms - 1;
    derivation->damaged = is_frozen(derivation, bucket_ms);
    derivation->total = UINT64_MAX; /* the hole is not known */
    derivation->hole = MW_HOLE_NONE;
    mw_resampler_clear(&derivation->sum);
}

/* Adds the closed bars up to `to_ms` that were not added. The ring may have dropped some. */
static void extend(struct mw_derivation *derivation, int64_t to_ms)
{
    int64_t last_ms = bucket_after(derivation, derivation->bucket_ms) - 1;
    int64_t before_ms = derivation->added_ms;
    add_rows(derivation, &derivation->sum, derivation->added_ms + 1,
             to_ms < last_ms ? to_ms : last_ms, NULL);
    if (derivation->sum.any)
        derivation->added_ms = derivation->sum.last_ms;
    if (mw_series_dropped_ms(derivation->source) > before_ms) {
        derivation->damaged = true;
        derivation->total = UINT64_MAX;
    }
}

/* What is known of the current bucket. One whose beginning the ring has dropped is whole if it was
 * when that was there. */
static mw_hole current_hole(struct mw_derivation *derivation)
{
    uint64_t version = mw_series_gap_version(derivation->source);
    uint64_t total = mw_series_total(derivation->source);
    if (version == derivation->gap_version && total == derivation->total)
        return derivation->hole;
    int64_t bucket_ms = derivation->bucket_ms;
    mw_hole hole;
    if (is_frozen(derivation, bucket_ms)) {
        hole = worst_hole(derivation, bucket_ms, bucket_after(derivation, bucket_ms) - 1);
        if (hole != MW_HOLE_NONE || derivation->damaged || derivation->hole != MW_HOLE_NONE)
            hole = MW_HOLE_GIVEN_UP;
    } else {
        hole = hole_of(derivation, bucket_ms);
    }
    derivation->gap_version = version;
    derivation->total = total;
    derivation->hole = hole;
    return hole;
}

/* The source has gone on to a later bucket. */
static void finish_bucket(struct mw_derivation *derivation)
{
    struct mw_candle bar;
    mw_hole hole = current_hole(derivation);
    if (mw_resampler_finish(&derivation->sum, &bar))
        publish(derivation, &bar, hole);
    else
        mw_series_set_hole(derivation->series, derivation->bucket_ms, derivation->bucket_ms, hole);
    derivation->bucket_ms = INT64_MIN;
}

/* Takes over what changed in the current bucket. */
static void change_bucket(struct mw_derivation *derivation, const struct mw_range *range)
{
    int64_t bucket_ms = derivation->bucket_ms, to_ms = range->to_ms;
    if (range->from_ms <= derivation->added_ms) {
        to_ms = to_ms > derivation->added_ms ? to_ms : derivation->added_ms;
        if (is_frozen(derivation, bucket_ms)) {
            derivation->damaged = true;
            derivation->total = UINT64_MAX;
        } else {
            begin_bucket(derivation, bucket_ms);
        }
    }
    extend(derivation, to_ms);
}

static void apply(struct mw_derivation *derivation, const struct mw_range *range)
{
    int64_t from_ms = bucket_of(derivation, range->from_ms);
    int64_t to_ms = bucket_of(derivation, range->to_ms);
    int64_t bucket_ms = derivation->bucket_ms;
    if (bucket_ms == INT64_MIN || to_ms < bucket_ms) {
        make_buckets(derivation, from_ms, to_ms);
        return;
    }
    if (from_ms < bucket_ms)
        make_buckets(derivation, from_ms, bucket_before(derivation, bucket_ms));
    if (from_ms <= bucket_ms)
        change_bucket(derivation, range);
    if (to_ms == bucket_ms)
        return;
    extend(derivation, INT64_MAX);
    finish_bucket(derivation);
    int64_t next_ms = bucket_after(derivation, bucket_ms);
    make_buckets(derivation, from_ms > next_ms ? from_ms : next_ms, to_ms);
}

/* Brings the current bucket up to date with the newest bar. False when the source has changed
 * meanwhile, and nothing was told. */
static bool update_bucket(struct mw_derivation *derivation, const struct mw_candle *newest)
{
    int64_t bucket_ms = bucket_of(derivation, newest->open_ms);
    if (bucket_ms != derivation->bucket_ms) {
        if (derivation->bucket_ms != INT64_MIN)
            finish_bucket(derivation);
        begin_bucket(derivation, bucket_ms);
        extend(derivation, newest->open_ms);
    }
    struct mw_candle bar;
    bool added = newest->open_ms <= derivation->added_ms;
    bool any = mw_resampler_get(&derivation->sum, added ? NULL : newest, &bar);
    MW_CHECK(any);
    mw_hole hole = current_hole(derivation);
    if (mw_follower_is_behind(derivation->follower))
        return false;
    publish(derivation, &bar, hole);
    return true;
}

/* --- the whole series ------------------------------------------------------------------------- */

/* Holes that the source's ring has dropped, and buckets that it has dropped the beginning of, are
 * not filled any more. */
static void give_up_frozen(struct mw_derivation *derivation)
{
    if (mw_series_gap_count(derivation->series) == 0 || !is_full(derivation))
        return;
    int64_t oldest_ms = oldest_of(derivation);
    int64_t frozen_ms = bucket_of(derivation, oldest_ms - 1);
    if (frozen_ms == derivation->frozen_ms)
        return;
    derivation->frozen_ms = frozen_ms;
    mw_series_give_up(derivation->series, INT64_MIN,
                      frozen_ms < derivation->bucket_ms || derivation->bucket_ms == INT64_MIN
                          ? frozen_ms
                          : bucket_before(derivation, derivation->bucket_ms));
}

static void note_live(struct mw_derivation *derivation)
{
    int64_t first_ms = mw_series_first_live_ms(derivation->source);
    if (first_ms != INT64_MAX)
        mw_series_set_first_live(derivation->series, bucket_of(derivation, first_ms));
}

/* `lock` is held. */
static void update(struct mw_derivation *derivation)
{
    struct mw_candle newest;
    struct mw_range range;
    for (;;) {
        while (mw_follower_take(derivation->follower, &range))
            apply(derivation, &range);
        if (mw_series_read_last(derivation->source, INT64_MAX, 1, true, &newest) == 0)
            return;
        if (!mw_follower_is_behind(derivation->follower) && update_bucket(derivation, &newest))
            break;
    }
    give_up_frozen(derivation);
}

void mw_derive_update(struct mw_cache *cache, struct mw_series *series)
{
    struct mw_derivation *derivation =
        atomic_load_explicit(&mw_series_note(series)->derivations, memory_order_acquire);
    for (; derivation != NULL; derivation = derivation->next) {
        pthread_mutex_lock(&derivation->lock);
        bool ended = derivation->follower == NULL;
        if (!ended) {
            note_live(derivation);
            update(derivation);
        }
        pthread_mutex_unlock(&derivation->lock);
        if (!ended)
            mw_cache_touch(cache, derivation->series);
    }
}

/* --- making and ending ------------------------------------------------------------------------ */

struct mw_series *mw_derive_source(const struct mw_series *series)
{
    struct mw_series *writable = (struct mw_series *)(uintptr_t)series; /* for its note */
    return atomic_load_explicit(&mw_series_note(writable)->source, memory_order_acquire);
}

/* The first bar that closes from now on. A source that was not live yet tells later. */
static void begin_live(struct mw_derivation *derivation)
{
    struct mw_candle newest;
    if (mw_series_first_live_ms(derivation->source) == INT64_MAX ||
        mw_series_read_last(derivation->series, INT64_MAX, 1, true, &newest) == 0)
        return;
    mw_series_set_first_live(derivation->series, newest.state == MW_CANDLE_FORMING
                                                     ? newest.open_ms
                                                     : bucket_after(derivation, newest.open_ms));
}

/* The cache's lock for deriving is held. */
static void begin(struct mw_cache *cache, struct mw_derivation *derivation)
{
    struct mw_series *source = derivation->source;
    pthread_mutex_lock(&derivation->lock);
    mw_resampler_init(&derivation->sum, coarse_of(derivation), mw_series_key(source)->timeframe);
    derivation->bucket_ms = INT64_MIN;
    derivation->frozen_ms = INT64_MIN;
    derivation->follower = mw_series_follow(source);
    update(derivation);
    begin_live(derivation);
    pthread_mutex_unlock(&derivation->lock);
    atomic_store_explicit(&mw_series_note(derivation->series)->source, source,
                          memory_order_release);
    mw_cache_touch(cache, derivation->series);
}

static void make(struct mw_cache *cache, struct mw_series *source, struct mw_series *series)
{
    struct mw_derivation *derivation = mw_alloc_zero(sizeof(*derivation));
    struct mw_series_note *note = mw_series_note(source);
    derivation->source = source;
    derivation->series = series;
    derivation->capacity = mw_cache_bars(cache);
    pthread_mutex_init(&derivation->lock, NULL);
    begin(cache, derivation);
    mw_series_note(series)->derivation = derivation;
    derivation->next = atomic_load_explicit(&note->derivations, memory_order_relaxed);
    atomic_store_explicit(&note->derivations, derivation, memory_order_release);
    mw_derive_update(cache, source); /* what was put before this was in the list */
}

static uint32_t count_derivations(struct mw_series *source)
{
    uint32_t count = 0;
    const struct mw_derivation *derivation =
        atomic_load_explicit(&mw_series_note(source)->derivations, memory_order_relaxed);
    for (; derivation != NULL; derivation = derivation->next)
        count++;
    return count;
}

/* The cache's lock for deriving is held. */
static mw_status derive(struct mw_cache *cache, struct mw_series *source,
                        const struct mw_series_key *key, struct mw_series **out,
                        struct mw_error *err)
{
    struct mw_series *series;
    if (mw_cache_find(cache, key->feed, key->symbol, key->timeframe, &series) > 0) {
        struct mw_derivation *derivation = mw_series_note(series)->derivation;
        if (derivation != NULL && derivation->follower == NULL &&
            mw_series_get_health(series) == MW_SERIES_IDLE)
            begin(cache, derivation);
        *out = series;
        return MW_OK;
    }
    if (count_derivations(source) >= MW_DERIVED_MAX)
        return mw_fail(err, MW_ELIMIT, "more than %d timeframes made of one series of %s",
                       MW_DERIVED_MAX, key->symbol);
    mw_status status = mw_cache_add(cache, key, &series, err);
    if (status != MW_OK)
        return status;
    make(cache, source, series);
    *out = series;
    return MW_OK;
}

mw_status mw_derive(struct mw_cache *cache, struct mw_series *source, struct mw_timeframe timeframe,
                    struct mw_series **out, struct mw_error *err)
{
    struct mw_series_key key = *mw_series_key(source);
    char fine[MW_TIMEFRAME_BYTES_MAX], coarse[MW_TIMEFRAME_BYTES_MAX];
    mw_status status;
    pthread_mutex_lock(mw_cache_derive_lock(cache));
    bool is_made = mw_derive_source(source) != NULL;
    if (is_made || !mw_timeframe_divides(key.timeframe, timeframe)) {
        status = mw_fail(err, MW_EINVAL, "bars of %s are not made of %s%s",
                         mw_timeframe_format(timeframe, coarse),
                         mw_timeframe_format(key.timeframe, fine),
                         is_made ? " bars that are made themselves" : "");
    } else {
        key.timeframe = timeframe;
        status = derive(cache, source, &key, out, err);
    }
    pthread_mutex_unlock(mw_cache_derive_lock(cache));
    return status;
}

void mw_derive_end(struct mw_cache *cache, struct mw_series *series)
{
    pthread_mutex_lock(mw_cache_derive_lock(cache));
    struct mw_derivation *derivation = mw_series_note(series)->derivation;
    if (derivation != NULL && derivation->follower != NULL) {
        pthread_mutex_lock(&derivation->lock);
        mw_series_unfollow(derivation->follower);
        derivation->follower = NULL;
        mw_series_interrupt(series);
        atomic_store_explicit(&mw_series_note(series)->source, NULL, memory_order_release);
        pthread_mutex_unlock(&derivation->lock);
    }
    pthread_mutex_unlock(mw_cache_derive_lock(cache));
}

void mw_derive_free(struct mw_series *series)
{
    struct mw_derivation *derivation = mw_series_note(series)->derivation;
    if (derivation == NULL)
        return;
    mw_series_note(series)->derivation = NULL;
    pthread_mutex_destroy(&derivation->lock);
    mw_free(derivation); /* its follower belongs to the source */
}

/* Whether `a` is the better source of two: one that is kept up to date, then the coarser. */
static bool is_better(const struct mw_series *a, const struct mw_series *b)
{
    bool idle_a = mw_series_get_health(a) == MW_SERIES_IDLE;
    bool idle_b = mw_series_get_health(b) == MW_SERIES_IDLE;
    if (idle_a != idle_b)
        return idle_b;
    return mw_timeframe_ms(mw_series_key(a)->timeframe) >
           mw_timeframe_ms(mw_series_key(b)->timeframe);
}

static bool can_be_source(const struct mw_series *series, const char *feed, const char *symbol,
                          struct mw_timeframe timeframe)
{
    const struct mw_series_key *key = mw_series_key(series);
    return strcmp(key->symbol, symbol) == 0 && (feed == NULL || strcmp(key->feed, feed) == 0) &&
           mw_derive_source(series) == NULL && mw_timeframe_divides(key->timeframe, timeframe);
}

uint32_t mw_derive_find_source(const struct mw_cache *cache, const char *feed, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_series **source)
{
    const char *feeds[MW_FEEDS_MAX];
    uint32_t feed_count = 0;
    struct mw_series *best = NULL;
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        if (!can_be_source(series, feed, symbol, timeframe))
            continue;
        if (best == NULL || is_better(series, best))
            best = series;
        const char *name = mw_series_key(series)->feed;
        uint32_t at = 0;
        while (at < feed_count && strcmp(feeds[at], name) != 0)
            at++;
        if (at == feed_count && feed_count < MW_FEEDS_MAX)
            feeds[feed_count++] = name;
    }
    if (best != NULL)
        *source = best;
    return feed_count;
}
