/* cache.c - the table of series and the marks for their watchers. */
#include "market/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "market/derive.h"

enum { MARK_WORDS = MW_SERIES_MAX / 64 };

struct mw_watcher {
    uint32_t index; /* its bit in mw_series_note.watchers */
    /* One bit per series that changed since its owner took it; words beyond the series in use are
     * never touched. */
    _Atomic uint64_t marks[MARK_WORDS];
    _Atomic bool marked;  /* something was marked since the last flush */
    pthread_mutex_t lock; /* covers the two below, so that detach waits for a wake under way */
    void (*wake)(void *user);
    void *user;
    struct mw_cache *cache;
};

struct mw_cache {
    uint32_t bars;
    pthread_mutex_t derive_lock;
    pthread_mutex_t lock; /* covers the two maps, the links of series, and the adding of series */
    struct mw_map by_key; /* "feed\0symbol\0timeframe" to series */
    struct mw_map by_symbol; /* "symbol\0timeframe" to the first series, linked by note.next */
    _Atomic uint32_t series_count; /* published after the entry */
    struct mw_series **series;     /* owns; MW_SERIES_MAX places */
    _Atomic(struct mw_watcher *)
        watchers[MW_WATCHERS_MAX];                        /* owns; set once, reused after detach */
    _Atomic uint64_t attached;                            /* one bit per watcher in use */
    void (*on_gap)(void *user, struct mw_series *series); /* immutable once puts begin */
    void *gap_user;
};

struct mw_cache *mw_cache_new(uint32_t bars)
{
    MW_CHECK(bars >= 1 && bars <= MW_SERIES_CANDLES_MAX);
    struct mw_cache *cache = mw_alloc_zero(sizeof(*cache));
    cache->bars = bars;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_mutex_init(&cache->derive_lock, NULL);
    cache->series = mw_alloc_zero(MW_SERIES_MAX * sizeof(struct mw_series *));
    return cache;
}

void mw_cache_free(struct mw_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; i < atomic_load(&cache->series_count); i++)
        mw_derive_free(cache->series[i]);
    for (uint32_t i = 0; i < atomic_load(&cache->series_count); i++)
        mw_series_free(cache->series[i]);
    for (uint32_t i = 0; i < MW_WATCHERS_MAX; i++) {
        struct mw_watcher *watcher = atomic_load(&cache->watchers[i]);
        if (watcher != NULL)
            pthread_mutex_destroy(&watcher->lock);
        mw_free(watcher);
    }
    mw_map_deinit(&cache->by_key);
    mw_map_deinit(&cache->by_symbol);
    pthread_mutex_destroy(&cache->lock);
    pthread_mutex_destroy(&cache->derive_lock);
    mw_free(cache->series);
    mw_free(cache);
}

pthread_mutex_t *mw_cache_derive_lock(struct mw_cache *cache)
{
    return &cache->derive_lock;
}

uint32_t mw_cache_bars(const struct mw_cache *cache)
{
    return cache->bars;
}

/* A key of the maps: texts with a NUL after each. Names hold no NUL, so keys are as different as
 * their parts. */
struct key_text {
    char bytes[MW_FEED_NAME_BYTES_MAX + MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 3];
    size_t length;
};

static void key_add(struct key_text *key, const char *text)
{
    size_t length = strlen(text) + 1;
    MW_CHECK(key->length + length <= sizeof(key->bytes));
    memcpy(key->bytes + key->length, text, length);
    key->length += length;
}

static struct key_text key_of(const char *feed, const char *symbol, struct mw_timeframe timeframe)
{
    struct key_text key = {.length = 0};
    char text[MW_TIMEFRAME_BYTES_MAX];
    if (feed != NULL)
        key_add(&key, feed);
    key_add(&key, symbol);
    key_add(&key, mw_timeframe_format(timeframe, text));
    return key;
}

static mw_status add_locked(struct mw_cache *cache, const struct mw_series_key *key,
                            struct mw_series **out, struct mw_error *err)
{
    struct key_text full = key_of(key->feed, key->symbol, key->timeframe);
    struct mw_series *series = mw_map_find(&cache->by_key, full.bytes, full.length);
    if (series == NULL) {
        uint32_t id = atomic_load_explicit(&cache->series_count, memory_order_relaxed);
        if (id == MW_SERIES_MAX)
            return mw_fail(err, MW_ELIMIT, "more than %d series", MW_SERIES_MAX);
        series = mw_series_new(key, cache->bars);
        struct key_text shared = key_of(NULL, key->symbol, key->timeframe);
        struct mw_series_note *note = mw_series_note(series);
        note->id = id;
        note->next = mw_map_find(&cache->by_symbol, shared.bytes, shared.length);
        mw_map_set(&cache->by_symbol, shared.bytes, shared.length, series);
        mw_map_set(&cache->by_key, full.bytes, full.length, series);
        cache->series[id] = series;
        atomic_store_explicit(&cache->series_count, id + 1, memory_order_release);
    }
    *out = series;
    return MW_OK;
}

mw_status mw_cache_add(struct mw_cache *cache, const struct mw_series_key *key,
                       struct mw_series **series, struct mw_error *err)
{
    pthread_mutex_lock(&cache->lock);
    mw_status status = add_locked(cache, key, series, err);
    pthread_mutex_unlock(&cache->lock);
    return status;
}

const char *mw_cache_split_name(const char *name, char feed[MW_FEED_NAME_BYTES_MAX + 1])
{
    const char *colon = strchr(name, ':');
    if (colon == NULL || colon == name || colon - name > MW_FEED_NAME_BYTES_MAX)
        return NULL;
    size_t length = (size_t)(colon - name);
    memcpy(feed, name, length);
    feed[length] = '\0';
    return colon + 1;
}

uint32_t mw_cache_find(const struct mw_cache *cache, const char *feed, const char *symbol,
                       struct mw_timeframe timeframe, struct mw_series **series)
{
    if (strlen(symbol) > MW_SYMBOL_BYTES_MAX ||
        (feed != NULL && strlen(feed) > MW_FEED_NAME_BYTES_MAX))
        return 0;
    struct mw_cache *writable = (struct mw_cache *)(uintptr_t)cache; /* for its lock */
    struct key_text key = key_of(feed, symbol, timeframe);
    uint32_t count = 0;
    pthread_mutex_lock(&writable->lock);
    struct mw_series *found =
        mw_map_find(feed != NULL ? &cache->by_key : &cache->by_symbol, key.bytes, key.length);
    if (found != NULL)
        *series = found;
    for (; found != NULL; found = feed != NULL ? NULL : mw_series_note(found)->next)
        count++;
    pthread_mutex_unlock(&writable->lock);
    return count;
}

uint32_t mw_cache_series_count(const struct mw_cache *cache)
{
    return atomic_load_explicit(&cache->series_count, memory_order_acquire);
}

struct mw_series *mw_cache_series_get(const struct mw_cache *cache, uint32_t index)
{
    MW_CHECK(index < mw_cache_series_count(cache));
    return cache->series[index];
}

static void mark(struct mw_watcher *watcher, uint32_t id)
{
    atomic_fetch_or_explicit(&watcher->marks[id / 64], UINT64_C(1) << (id % 64),
                             memory_order_acq_rel);
    atomic_store_explicit(&watcher->marked, true, memory_order_release);
}

void mw_cache_on_gap(struct mw_cache *cache, void (*on_gap)(void *user, struct mw_series *series),
                     void *user)
{
    cache->on_gap = on_gap;
    cache->gap_user = user;
}

static void mark_watchers(struct mw_cache *cache, struct mw_series *series)
{
    struct mw_series_note *note = mw_series_note(series);
    uint64_t bits = atomic_load_explicit(&note->watchers, memory_order_acquire);
    for (; bits != 0; bits &= bits - 1) {
        unsigned index = (unsigned)__builtin_ctzll(bits);
        mark(atomic_load_explicit(&cache->watchers[index], memory_order_relaxed), note->id);
    }
}

void mw_cache_touch(struct mw_cache *cache, struct mw_series *series)
{
    mark_watchers(cache, series);
    mw_derive_update(cache, series);
}

/* With `derive` what is made of it follows. */
static mw_put put_one(struct mw_cache *cache, struct mw_series *series,
                      const struct mw_candle *candle, int64_t now_ms, mw_fault *fault, bool derive)
{
    uint64_t version = mw_series_gap_version(series);
    mw_put put = mw_series_put(series, candle, now_ms, fault);
    bool holes = mw_series_gap_version(series) != version;
    if (put <= MW_PUT_REVISED || holes)
        mark_watchers(cache, series);
    /* What closed a bar may be known better, which is no news. */
    if (derive && (put <= MW_PUT_SAME || holes))
        mw_derive_update(cache, series);
    if (holes && cache->on_gap != NULL)
        cache->on_gap(cache->gap_user, series);
    return put;
}

mw_put mw_cache_put(struct mw_cache *cache, struct mw_series *series,
                    const struct mw_candle *candle, int64_t now_ms, mw_fault *fault)
{
    return put_one(cache, series, candle, now_ms, fault, true);
}

mw_put mw_cache_put_part(struct mw_cache *cache, struct mw_series *series,
                         const struct mw_candle *candle, int64_t now_ms, mw_fault *fault)
{
    return put_one(cache, series, candle, now_ms, fault, false);
}

bool mw_cache_close_newest(struct mw_cache *cache, struct mw_series *series, int64_t open_ms)
{
    uint64_t version = mw_series_gap_version(series);
    if (!mw_series_close_newest(series, open_ms))
        return false;
    mw_cache_touch(cache, series);
    if (mw_series_gap_version(series) != version && cache->on_gap != NULL)
        cache->on_gap(cache->gap_user, series);
    return true;
}

void mw_cache_flush(struct mw_cache *cache)
{
    uint64_t bits = atomic_load_explicit(&cache->attached, memory_order_acquire);
    for (; bits != 0; bits &= bits - 1) {
        unsigned index = (unsigned)__builtin_ctzll(bits);
        struct mw_watcher *watcher =
            atomic_load_explicit(&cache->watchers[index], memory_order_relaxed);
        if (!atomic_load_explicit(&watcher->marked, memory_order_relaxed) ||
            !atomic_exchange_explicit(&watcher->marked, false, memory_order_acq_rel))
            continue;
        pthread_mutex_lock(&watcher->lock);
        if (watcher->wake != NULL)
            watcher->wake(watcher->user);
        pthread_mutex_unlock(&watcher->lock);
    }
}

struct mw_watcher *mw_cache_attach(struct mw_cache *cache, void (*wake)(void *user), void *user)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t attached = atomic_load_explicit(&cache->attached, memory_order_relaxed);
    struct mw_watcher *watcher = NULL;
    if (attached != UINT64_MAX) {
        uint32_t index = (uint32_t)__builtin_ctzll(~attached);
        watcher = atomic_load_explicit(&cache->watchers[index], memory_order_relaxed);
        if (watcher == NULL) {
            watcher = mw_alloc_zero(sizeof(*watcher));
            watcher->index = index;
            watcher->cache = cache;
            pthread_mutex_init(&watcher->lock, NULL);
            atomic_store_explicit(&cache->watchers[index], watcher, memory_order_release);
        }
        pthread_mutex_lock(&watcher->lock);
        watcher->wake = wake;
        watcher->user = user;
        pthread_mutex_unlock(&watcher->lock);
        atomic_store_explicit(&cache->attached, attached | UINT64_C(1) << index,
                              memory_order_release);
    }
    pthread_mutex_unlock(&cache->lock);
    return watcher;
}

void mw_cache_detach(struct mw_cache *cache, struct mw_watcher *watcher)
{
    uint64_t bit = UINT64_C(1) << watcher->index;
    pthread_mutex_lock(&cache->lock);
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        atomic_fetch_and_explicit(&mw_series_note(cache->series[i])->watchers, ~bit,
                                  memory_order_acq_rel);
        atomic_store_explicit(&watcher->marks[i / 64], 0, memory_order_relaxed);
    }
    pthread_mutex_lock(&watcher->lock);
    watcher->wake = NULL;
    pthread_mutex_unlock(&watcher->lock);
    atomic_fetch_and_explicit(&cache->attached, ~bit, memory_order_acq_rel);
    pthread_mutex_unlock(&cache->lock);
}

void mw_watcher_watch(struct mw_watcher *watcher, struct mw_series *series)
{
    struct mw_series_note *note = mw_series_note(series);
    atomic_fetch_or_explicit(&note->watchers, UINT64_C(1) << watcher->index, memory_order_acq_rel);
    mark(watcher, note->id);
    mw_cache_flush(watcher->cache);
}

struct mw_series *mw_watcher_take(struct mw_watcher *watcher, uint32_t *at)
{
    uint32_t count = mw_cache_series_count(watcher->cache);
    for (; *at * 64 < count; (*at)++) {
        _Atomic uint64_t *word = &watcher->marks[*at];
        uint64_t bits = atomic_load_explicit(word, memory_order_relaxed);
        if (bits == 0)
            continue;
        uint64_t lowest = bits & -bits;
        /* Lowered before the series is read: a put after this marks it again. */
        atomic_fetch_and_explicit(word, ~lowest, memory_order_acq_rel);
        return watcher->cache->series[*at * 64 + (uint32_t)__builtin_ctzll(lowest)];
    }
    return NULL;
}
