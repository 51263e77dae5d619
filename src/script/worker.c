/* worker.c - dirty series to callbacks. */
#include "script/worker.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "script/account.h"
#include "script/cursor.h"

enum {
    STOP_WAIT_MS = 300,     /* what a running hook gets before it is interrupted */
    STOP_WAIT_ALL_MS = 500, /* and all the others */
};

/* One strategy, and by what its account learns of prices. */
struct seat {
    struct mw_strategy *strategy; /* borrows */
    struct watch **sources;       /* owns the array; by instrument */
    uint32_t source_count;
    bool full; /* its account takes no more instruments, and that was said */
};

/* One strategy's place in one series. */
struct watch {
    struct watch *next; /* owns; the next watch of the same series */
    struct seat *seat;
    struct mw_cursor *cursor; /* owns */
    uint32_t instrument;      /* of the account; NO_INSTRUMENT when it has no room for it */
    bool told;                /* the account has had a price of it */
    int64_t due_ms;           /* bars are held back until then, monotonic; INT64_MAX for none */
    struct watch *next_held;  /* of those that have a time or had one at the last look */
    bool listed;
};

#define NO_INSTRUMENT UINT32_MAX

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

    struct seat **seats; /* owns */
    uint32_t seat_count;
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
    for (uint32_t i = 0; i < worker->seat_count; i++) {
        mw_free(worker->seats[i]->sources);
        mw_free(worker->seats[i]);
    }
    mw_free(worker->seats);
    mw_event_queue_deinit(&worker->events);
    pthread_mutex_destroy(&worker->lock);
    mw_wake_deinit(&worker->wake);
    mw_free(worker);
}

void mw_worker_add(struct mw_worker *worker, struct mw_strategy *strategy)
{
    MW_CHECK(!worker->thread.running);
    worker->seats = mw_realloc_array(worker->seats, worker->seat_count + 1, sizeof(struct seat *));
    struct seat *seat = mw_alloc_zero(sizeof(*seat));
    seat->strategy = strategy;
    worker->seats[worker->seat_count++] = seat;
}

/* Gives the series an instrument of the strategy's account. Of several series of one symbol the
 * finest tells the account of prices; one that comes when another has begun to does not take over,
 * because nobody could say what of its past is news. */
static void add_instrument(struct watch *watch)
{
    struct seat *seat = watch->seat;
    const struct mw_series_key *key = mw_series_key(mw_cursor_series(watch->cursor));
    struct mw_error err;
    watch->instrument = NO_INSTRUMENT;
    uint32_t instrument;
    if (mw_account_add(mw_strategy_account(seat->strategy), key->feed, key->symbol, &instrument,
                       &err) != MW_OK) {
        if (!seat->full)
            mw_log(MW_LOG_WARN, "strategy %s: %s cannot be traded: %s",
                   mw_strategy_name(seat->strategy), key->symbol, err.message);
        seat->full = true;
        return;
    }
    watch->instrument = instrument;
    if (instrument >= seat->source_count) {
        uint32_t places = instrument + 16;
        seat->sources = mw_realloc_array(seat->sources, places, sizeof(struct watch *));
        for (uint32_t i = seat->source_count; i < places; i++)
            seat->sources[i] = NULL;
        seat->source_count = places;
    }
    const struct watch *source = seat->sources[instrument];
    if (source == NULL ||
        (!source->told &&
         mw_timeframe_ms(key->timeframe) <
             mw_timeframe_ms(mw_series_key(mw_cursor_series(source->cursor))->timeframe)))
        seat->sources[instrument] = watch;
}

static void watch_series(struct mw_worker *worker, struct seat *seat, struct mw_series *series,
                         bool from_oldest)
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
        if ((*last)->seat == seat)
            return;
    struct watch *watch = mw_alloc_zero(sizeof(*watch));
    watch->seat = seat;
    watch->cursor = mw_cursor_new(series, from_oldest);
    watch->due_ms = INT64_MAX;
    add_instrument(watch);
    *last = watch;
    mw_watcher_watch(worker->watcher, series);
}

void mw_worker_watch(struct mw_worker *worker, struct mw_strategy *strategy,
                     struct mw_series *series)
{
    MW_CHECK(!worker->thread.running);
    uint32_t at = worker->seat_count; /* it is the one that was added last, as a rule */
    while (at > 0 && worker->seats[at - 1]->strategy != strategy)
        at--;
    MW_CHECK(at > 0);
    watch_series(worker, worker->seats[at - 1], series, false);
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

/* The watch by which the account learns of the prices of this symbol, or NULL. */
static struct watch *source_of(const struct watch *watch)
{
    return watch->instrument != NO_INSTRUMENT ? watch->seat->sources[watch->instrument] : NULL;
}

/* Tells the account of a bar, which forms from its beginning to its end whatever the clock says.
 * One that ended long ago is of a feed that plays the past: its orders live in the time of its
 * prices, also those that are placed outside of handle_bar. What was placed before the first price
 * was there when that bar began. */
static void take_price(struct watch *watch, const struct mw_candle *candle)
{
    if (source_of(watch) != watch)
        return;
    const struct mw_series_key *key = mw_series_key(mw_cursor_series(watch->cursor));
    struct mw_strategy *strategy = watch->seat->strategy;
    struct mw_account *account = mw_strategy_account(strategy);
    int64_t now_ms = mw_timeframe_next(key->timeframe, candle->open_ms);
    int64_t wall_ms = mw_clock_wall_ms();
    bool is_past = wall_ms - now_ms > MW_FEED_PAST_MS;
    if (candle->state == MW_CANDLE_FORMING && wall_ms < now_ms)
        now_ms = wall_ms > candle->open_ms ? wall_ms : candle->open_ms;
    if (is_past && !watch->told)
        mw_account_bound_time(account, watch->instrument, candle->open_ms);
    mw_account_bound_time(account, watch->instrument, is_past ? now_ms : INT64_MAX);
    watch->told = true;
    mw_strategy_take_price(strategy, watch->instrument, candle, now_ms);
}

/* Delivers closed bars, and what is to be told of them. Returns the open time of the last bar, or
 * INT64_MIN; `*held` says whether newer bars are held back. */
static int64_t deliver_closed(struct mw_worker *worker, struct watch *watch, bool *held)
    MW_ON(mw_worker_thread)
{
    const struct mw_series_key *key = mw_series_key(mw_cursor_series(watch->cursor));
    struct mw_strategy *strategy = watch->seat->strategy;
    int64_t now_ms = mw_clock_monotonic_ms(), last_ms = INT64_MIN;
    struct mw_cursor_news news = {.until_ms = INT64_MAX};
    while (!atomic_load(&worker->stopping)) {
        mw_cursor_kind kind = mw_cursor_next(watch->cursor, now_ms, &news);
        if (kind == MW_CURSOR_NOTHING || kind == MW_CURSOR_HELD)
            break;
        if (kind == MW_CURSOR_BAR) {
            last_ms = news.candle.open_ms;
            take_price(watch, &news.candle);
            mw_strategy_handle_bar(strategy, &news.candle, key);
        } else {
            tell(strategy, &news, key);
        }
    }
    *held = news.kind == MW_CURSOR_HELD;
    hold(worker, watch, *held ? news.until_ms : INT64_MAX);
    return last_ms;
}

/* Delivers closed bars, then the forming one to whom it matters: the hook, and an account that has
 * been given an order. */
static void deliver_series(struct mw_worker *worker, struct watch *watch) MW_ON(mw_worker_thread)
{
    struct mw_strategy *strategy = watch->seat->strategy;
    bool ticks = mw_strategy_wants_ticks(strategy), held;
    deliver_closed(worker, watch, &held);
    bool wanted =
        ticks || (source_of(watch) == watch && mw_account_is_used(mw_strategy_account(strategy)));
    struct mw_candle forming;
    if (held || !wanted || !mw_cursor_read_forming(watch->cursor, &forming))
        return;
    /* A bar that closed meanwhile comes before this one, or is it. */
    if (deliver_closed(worker, watch, &held) >= forming.open_ms || held)
        return;
    take_price(watch, &forming);
    if (ticks)
        mw_strategy_handle_tick(strategy, &forming, mw_series_key(mw_cursor_series(watch->cursor)));
}

/* The account knows the prices of all bars that a hook is given: a bar of an hour comes after those
 * of the minutes that it is made of, where both are there. */
static void deliver(struct mw_worker *worker, struct watch *watch) MW_ON(mw_worker_thread)
{
    struct watch *source = source_of(watch);
    if (source != NULL && source != watch)
        deliver_series(worker, source);
    deliver_series(worker, watch);
    mw_strategy_publish_account(watch->seat->strategy);
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
        for (uint32_t j = 0; j < worker->seat_count; j++) {
            uint32_t interest_count;
            mw_strategy_interests(worker->seats[j]->strategy, &interest_count);
            if (interest_count == 0)
                watch_series(worker, worker->seats[j], offered[i], true);
        }
    }
    mw_free(offered);
}

/* After hooks that are called of all strategies. */
static void publish_accounts(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    for (uint32_t i = 0; i < worker->seat_count; i++)
        mw_strategy_publish_account(worker->seats[i]->strategy);
}

static void take_events(struct mw_worker *worker) MW_ON(mw_worker_thread)
{
    struct mw_event event;
    while (mw_event_queue_take(&worker->events, &event)) {
        for (uint32_t i = 0; i < worker->seat_count; i++)
            mw_strategy_handle_state(worker->seats[i]->strategy, &event);
        mw_event_deinit(&event);
        publish_accounts(worker);
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
    for (uint32_t i = 0; i < worker->seat_count; i++)
        mw_strategy_init(worker->seats[i]->strategy);
    publish_accounts(worker);
    while (!atomic_load(&worker->stopping)) {
        take_offers(worker);
        take_events(worker);
        take_series(worker);
        mw_wake_wait(&worker->wake, take_held(worker));
    }
    take_events(worker); /* the feeds stopped before: their last words come before the hook */
    for (uint32_t i = 0; i < worker->seat_count; i++)
        mw_strategy_stop(worker->seats[i]->strategy);
    publish_accounts(worker);
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
    for (uint32_t i = 0; i < worker->seat_count; i++)
        if (all || mw_strategy_is_busy(worker->seats[i]->strategy))
            mw_strategy_interrupt(worker->seats[i]->strategy);
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
