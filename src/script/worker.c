/* worker.c - dirty series to callbacks. */
#include "script/worker.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "script/cursor.h"

enum {
    STOP_WAIT_MS = 300,     /* what a running hook gets before it is interrupted */
    STOP_WAIT_ALL_MS = 500, /* and all the others */
};

/* One strategy's place in one series. */
struct watch {
    struct watch *next; /* owns; the next watch of the same series */
    struct mw_strategy *strategy;
    struct mw_cursor *cursor; /* owns */
    int64_t due_ms;           /* bars are held back until then, monotonic; INT64_MAX for none */
    struct watch *next_held;  /* of those that have a time or had one at the last look */
    bool listed;
};

struct mw_worker {
    struct mw_cache *cache;
    struct mw_watcher *watcher;
    struct mw_thread thread;
    struct mw_wake wake;
    struct mw_event_queue events; /* for handle_state */
    _Atomic bool stopping;
    int64_t stopping_since_ms; /* monotonic; the owner's, once it is stopping */

    pthread_mutex_t lock;       /* covers the two below */
    struct mw_series **offered; /* owns; series that are new */
    uint32_t offered_count;

    struct mw_strategy **strategies; /* owns the array */
    uint32_t strategy_count;
    struct watch **watches; /* owns; by the series' number */
    uint32_t watch_count;   /* places in it */
    struct watch *held;     /* a list */
};

static void on_marked(void *user)
{
    mw_wake_raise(user);
}

mw_status mw_worker_new(struct mw_cache *cache, struct mw_worker **out, struct mw_error *err)
{
    struct mw_worker *worker = mw_alloc_zero(sizeof(*worker));
    worker->cache = cache;
    mw_wake_init(&worker->wake);
    mw_event_queue_init(&worker->events, &worker->wake);
    pthread_mutex_init(&worker->lock, NULL);
    worker->watcher = mw_cache_attach(cache, on_marked, &worker->wake);
    if (worker->watcher == NULL) {
        mw_worker_free(worker);
        return mw_fail(err, MW_ELIMIT, "more than %d watchers of the cache", MW_WATCHERS_MAX);
    }
    *out = worker;
    return MW_OK;
}

void mw_worker_free(struct mw_worker *worker)
{
    if (worker == NULL)
        return;
    mw_worker_stop(worker);
    if (worker->watcher != NULL)
        mw_cache_detach(worker->cache, worker->watcher);
    for (uint32_t i = 0; i < worker->watch_count; i++) {
        for (struct watch *watch = worker->watches[i], *next; watch != NULL; watch = next) {
            next = watch->next;
            mw_cursor_free(watch->cursor);
            mw_free(watch);
        }
    }
    mw_free(worker->watches);
    mw_free(worker->offered);
    mw_free(worker->strategies);
    mw_event_queue_deinit(&worker->events);
    pthread_mutex_destroy(&worker->lock);
    mw_wake_deinit(&worker->wake);
    mw_free(worker);
}

void mw_worker_add(struct mw_worker *worker, struct mw_strategy *strategy)
{
    MW_CHECK(!worker->thread.running);
    worker->strategies = mw_realloc_array(worker->strategies, worker->strategy_count + 1,
                                          sizeof(struct mw_strategy *));
    worker->strategies[worker->strategy_count++] = strategy;
}

static void watch_series(struct mw_worker *worker, struct mw_strategy *strategy,
                         struct mw_series *series, bool from_oldest)
{
    uint32_t id = mw_series_note(series)->id;
    if (id >= worker->watch_count) {
        uint32_t places = id + 64;
        worker->watches = mw_realloc_array(worker->watches, places, sizeof(struct watch *));
        for (uint32_t i = worker->watch_count; i < places; i++)
            worker->watches[i] = NULL;
        worker->watch_count = places;
    }
    struct watch **last = &worker->watches[id];
    for (; *last != NULL; last = &(*last)->next)
        if ((*last)->strategy == strategy)
            return;
    struct watch *watch = mw_alloc_zero(sizeof(*watch));
    watch->strategy = strategy;
    watch->cursor = mw_cursor_new(series, from_oldest);
    watch->due_ms = INT64_MAX;
    *last = watch;
    mw_watcher_watch(worker->watcher, series);
}

void mw_worker_watch(struct mw_worker *worker, struct mw_strategy *strategy,
                     struct mw_series *series)
{
    MW_CHECK(!worker->thread.running);
    watch_series(worker, strategy, series, false);
}

static void tell(struct mw_strategy *strategy, const struct mw_cursor_news *news,
                 const struct mw_series_key *key)
{
    struct mw_event event = mw_event_of_news(news, key);
    snprintf(event.strategy, sizeof(event.strategy), "%s", mw_strategy_name(strategy));
    if (news->kind == MW_CURSOR_LAGGED)
        mw_strategy_count_lost(strategy, news->count);
    mw_strategy_handle_state(strategy, &event);
}

/* Notes how long a series is held back from a strategy, INT64_MAX for not at all. */
static void hold(struct mw_worker *worker, struct watch *watch, int64_t due_ms)
{
    watch->due_ms = due_ms;
    if (due_ms == INT64_MAX || watch->listed)
        return;
    watch->listed = true;
    watch->next_held = worker->held;
    worker->held = watch;
}

static void deliver(struct mw_worker *worker, struct watch *watch) MW_ON(mw_worker_thread)
{
    const struct mw_series_key *key = mw_series_key(mw_cursor_series(watch->cursor));
    int64_t now_ms = mw_clock_monotonic_ms();
    struct mw_cursor_news news = {.until_ms = INT64_MAX};
    while (!atomic_load(&worker->stopping)) {
        mw_cursor_kind kind = mw_cursor_next(watch->cursor, now_ms, &news);
        if (kind == MW_CURSOR_NOTHING || kind == MW_CURSOR_HELD)
            break;
        if (kind == MW_CURSOR_BAR)
            mw_strategy_handle_bar(watch->strategy, &news.candle, key);
        else
            tell(watch->strategy, &news, key);
    }
    hold(worker, watch, news.kind == MW_CURSOR_HELD ? news.until_ms : INT64_MAX);
    if (mw_strategy_wants_ticks(watch->strategy) &&
        mw_cursor_read_forming(watch->cursor, &news.candle))
        mw_strategy_handle_tick(watch->strategy, &news.candle, key);
}

/* Delivers what has been held back for long enough. Returns how long to wait for the next: -1 for
 * ever. */
static int64_t take_held(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    int64_t now_ms = worker->held != NULL ? mw_clock_monotonic_ms() : 0, due_ms = INT64_MAX;
    struct watch *watch = worker->held;
    worker->held = NULL;
    for (struct watch *next; watch != NULL; watch = next) {
        next = watch->next_held;
        watch->listed = false;
        if (watch->due_ms <= now_ms)
            deliver(worker, watch);
        else
            hold(worker, watch, watch->due_ms);
        due_ms = watch->due_ms < due_ms ? watch->due_ms : due_ms;
    }
    if (due_ms == INT64_MAX)
        return -1;
    int64_t wait_ms = due_ms - mw_clock_monotonic_ms();
    return wait_ms > 0 ? wait_ms : 0;
}

static void take_offers(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    pthread_mutex_lock(&worker->lock);
    struct mw_series **offered = worker->offered;
    uint32_t offered_count = worker->offered_count;
    worker->offered = NULL;
    worker->offered_count = 0;
    pthread_mutex_unlock(&worker->lock);
    for (uint32_t i = 0; i < offered_count; i++) {
        for (uint32_t j = 0; j < worker->strategy_count; j++) {
            uint32_t interest_count;
            mw_strategy_interests(worker->strategies[j], &interest_count);
            if (interest_count == 0)
                watch_series(worker, worker->strategies[j], offered[i], true);
        }
    }
    mw_free(offered);
}

static void take_events(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    struct mw_event event;
    while (mw_event_queue_take(&worker->events, &event)) {
        for (uint32_t i = 0; i < worker->strategy_count; i++)
            mw_strategy_handle_state(worker->strategies[i], &event);
        mw_event_deinit(&event);
    }
}

static void take_series(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    uint32_t at = 0;
    struct mw_series *series;
    while (!atomic_load(&worker->stopping) &&
           (series = mw_watcher_take(worker->watcher, &at)) != NULL) {
        uint32_t id = mw_series_note(series)->id;
        /* A put that was under way when the watcher had another owner may have left a mark. */
        struct watch *watch = id < worker->watch_count ? worker->watches[id] : NULL;
        for (; watch != NULL; watch = watch->next)
            deliver(worker, watch);
    }
}

static void run_worker(void *user)
{
    mw_role_assert(&mw_worker_thread);
    struct mw_worker *worker = user;
    for (uint32_t i = 0; i < worker->strategy_count; i++)
        mw_strategy_init(worker->strategies[i]);
    while (!atomic_load(&worker->stopping)) {
        take_offers(worker);
        take_events(worker);
        take_series(worker);
        mw_wake_wait(&worker->wake, take_held(worker));
    }
    take_events(worker); /* the feeds stopped before: their last words come before the hook */
    for (uint32_t i = 0; i < worker->strategy_count; i++)
        mw_strategy_stop(worker->strategies[i]);
}

mw_status mw_worker_start(struct mw_worker *worker, uint32_t number, struct mw_error *err)
{
    char name[16];
    snprintf(name, sizeof(name), "worker-%u", number);
    atomic_store(&worker->stopping, false);
    return mw_thread_start(&worker->thread, name, &mw_worker_thread, run_worker, worker, err);
}

void mw_worker_stop_begin(struct mw_worker *worker)
{
    if (atomic_exchange(&worker->stopping, true))
        return;
    worker->stopping_since_ms = mw_clock_monotonic_ms();
    mw_wake_raise(&worker->wake);
}

/* Joins, within this time since the first word of stopping. */
static bool join_until(struct mw_worker *worker, int64_t limit_ms)
{
    int64_t left_ms = worker->stopping_since_ms + limit_ms - mw_clock_monotonic_ms();
    return mw_thread_join_for(&worker->thread, left_ms > 0 ? left_ms : 0);
}

/* Interrupts the strategy that holds the others up, or all of them. */
static void interrupt(struct mw_worker *worker, bool all)
{
    for (uint32_t i = 0; i < worker->strategy_count; i++)
        if (all || mw_strategy_is_busy(worker->strategies[i]))
            mw_strategy_interrupt(worker->strategies[i]);
}

void mw_worker_stop(struct mw_worker *worker)
{
    if (!worker->thread.running)
        return;
    mw_worker_stop_begin(worker);
    if (join_until(worker, STOP_WAIT_MS))
        return;
    interrupt(worker, false);
    if (join_until(worker, STOP_WAIT_ALL_MS))
        return;
    interrupt(worker, true);
    mw_thread_join(&worker->thread);
}

void mw_worker_post(struct mw_worker *worker, const struct mw_event *event)
{
    mw_event_queue_put(&worker->events, event);
}

void mw_worker_offer(struct mw_worker *worker, struct mw_series *series)
{
    pthread_mutex_lock(&worker->lock);
    worker->offered =
        mw_realloc_array(worker->offered, worker->offered_count + 1, sizeof(struct mw_series *));
    worker->offered[worker->offered_count++] = series;
    pthread_mutex_unlock(&worker->lock);
    mw_wake_raise(&worker->wake);
}
