/* engine.c - making an engine, and what its owner polls and looks at. */
#include "engine_parts.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

static _Atomic uint32_t live_count;

uint32_t mw_engine_live_count(void)
{
    return atomic_load(&live_count);
}

static uint32_t find_series(void *user, const char *feed, const char *symbol,
                            struct mw_timeframe timeframe, struct mw_series **series)
{
    return mw_engine_find_series(user, feed, symbol, timeframe, series);
}

mw_status mw_engine_open(struct mw_settings *settings, const struct mw_bindings *bindings,
                         struct mw_engine **out, struct mw_error *err)
{
    struct mw_engine *engine = mw_alloc_zero(sizeof(*engine));
    atomic_fetch_add(&live_count, 1);
    engine->settings = settings;
    engine->bindings = bindings;
    engine->cache = mw_cache_new(settings->cache_bars);
    engine->prices = mw_prices_new(engine->cache);
    engine->market = (struct mw_market){engine->prices, find_series, engine};
    engine->feeds = mw_alloc_zero((settings->feed_count + 1) * sizeof(struct mw_feed *));
    engine->simulators = mw_alloc_zero((settings->feed_count + 1) * sizeof(struct mw_simulator *));
    engine->offers = mw_alloc_zero((settings->feed_count + 1) * sizeof(*engine->offers));
    engine->slots = mw_alloc_zero((settings->strategy_count + 1) * sizeof(*engine->slots));
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->series_lock, NULL);
    mw_wake_init(&engine->wake);
    mw_event_queue_init(&engine->events, &engine->wake);
    mw_log_set_level(settings->log_level);

    mw_status status = mw_engine_open_store(engine, err);
    if (status == MW_OK)
        status = mw_engine_read_files(engine, err);
    for (uint32_t i = 0; i < settings->feed_count && status == MW_OK; i++)
        status = mw_engine_open_feed(engine, i, err);
    if (status != MW_OK)
        mw_engine_free(engine);
    else
        *out = engine;
    return status;
}

void mw_engine_free(struct mw_engine *engine)
{
    if (engine == NULL)
        return;
    mw_engine_stop(engine);
    for (uint32_t i = 0; i < engine->settings->feed_count; i++) {
        mw_feed_free(engine->feeds[i]);
        mw_free(engine->offers[i].timeframes);
    }
    mw_backfill_free(engine->backfill);
    mw_prices_free(engine->prices);
    mw_engine_close_store(engine);
    mw_bar_reader_free(engine->reader);
    mw_event_queue_deinit(&engine->events);
    mw_wake_deinit(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->series_lock);
    mw_cache_free(engine->cache);
    mw_settings_free(engine->settings);
    mw_free(engine->feeds);
    mw_free(engine->simulators);
    mw_free(engine->slots);
    mw_free(engine->offers);
    mw_free(engine->wants);
    mw_free(engine);
    atomic_fetch_sub(&live_count, 1);
}

/* --- polling ---------------------------------------------------------------------------------- */

void mw_engine_publish(struct mw_engine *engine, const struct mw_event *event)
{
    mw_event_queue_put(&engine->events, event);
    mw_engine_note_drops(engine);
    if (atomic_load_explicit(&engine->listened, memory_order_relaxed) || !event->has_error ||
        event->kind == MW_EVENT_STORE) /* whose thread logs */
        return;
    if (event->kind == MW_EVENT_ERROR)
        mw_log(MW_LOG_ERROR, "strategy %s: %s", event->strategy, event->error.message);
    else if (event->kind == MW_EVENT_HISTORY)
        mw_log(MW_LOG_WARN, "feed %s history: %s", event->feed, event->error.message);
    else
        mw_log(MW_LOG_WARN, "feed %s %s: %s", event->feed, mw_connection_state_text(event->state),
               event->error.message);
}

void mw_engine_want_bars(struct mw_engine *engine)
{
    mw_engine_listen(engine);
    uint32_t count;
    pthread_mutex_lock(&engine->lock); /* no series is added between looking and watching */
    if (engine->reader == NULL) {
        struct mw_series **asked = mw_engine_list_asked(engine, &count);
        engine->reader = mw_bar_reader_new(engine->cache, asked, count, &engine->wake);
        mw_free(asked);
    }
    pthread_mutex_unlock(&engine->lock);
}

void mw_engine_listen(struct mw_engine *engine)
{
    atomic_store_explicit(&engine->listened, true, memory_order_relaxed);
}

/* How long to wait when `left` is left (negative: for ever): bars that are held back are to be
 * looked at in time. */
static int64_t until_held(const struct mw_engine *engine, int64_t left)
{
    int64_t due_ms = engine->reader != NULL ? mw_bar_reader_due_ms(engine->reader) : INT64_MAX;
    if (due_ms == INT64_MAX)
        return left;
    int64_t wait_ms = due_ms - mw_clock_monotonic_ms();
    wait_ms = wait_ms > 0 ? wait_ms : 0;
    return left < 0 || wait_ms < left ? wait_ms : left;
}

bool mw_engine_poll(struct mw_engine *engine, int64_t timeout_ms, struct mw_event *event)
{
    mw_engine_listen(engine);
    int64_t until = timeout_ms < 0 ? INT64_MAX : mw_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        if (mw_event_queue_take(&engine->events, event)) {
            mw_engine_hand_on(engine, event);
            return true;
        }
        if (engine->reader != NULL && mw_bar_reader_take(engine->reader, event))
            return true;
        int64_t left = until == INT64_MAX ? -1 : until - mw_clock_monotonic_ms();
        if (atomic_exchange(&engine->woken, false) || (until != INT64_MAX && left <= 0))
            return false;
        mw_wake_wait(&engine->wake, until_held(engine, left));
    }
}

void mw_engine_wake(struct mw_engine *engine)
{
    atomic_store(&engine->woken, true);
    mw_wake_raise(&engine->wake);
}

/* --- looking ---------------------------------------------------------------------------------- */

const struct mw_settings *mw_engine_settings(const struct mw_engine *engine)
{
    return engine->settings;
}

struct mw_cache *mw_engine_cache(struct mw_engine *engine)
{
    return engine->cache;
}

const struct mw_market *mw_engine_market(const struct mw_engine *engine)
{
    return &engine->market;
}

struct mw_prices *mw_engine_prices(struct mw_engine *engine)
{
    return engine->prices;
}

uint32_t mw_engine_feed_count(const struct mw_engine *engine)
{
    return engine->settings->feed_count;
}

struct mw_feed *mw_engine_feed(const struct mw_engine *engine, uint32_t index)
{
    MW_CHECK(index < engine->settings->feed_count);
    return engine->feeds[index];
}

uint32_t mw_engine_strategy_count(const struct mw_engine *engine)
{
    return engine->settings->strategy_count;
}

bool mw_engine_get_strategy_status(struct mw_engine *engine, uint32_t index,
                                   struct mw_strategy_status *status, struct mw_error *err)
{
    MW_CHECK(index < engine->settings->strategy_count);
    const struct mw_engine_slot *slot = &engine->slots[index];
    *status = (struct mw_strategy_status){.bars = 0};
    snprintf(status->name, sizeof(status->name), "%s", engine->settings->strategies[index].name);
    pthread_mutex_lock(&engine->lock);
    bool loaded = slot->strategy != NULL;
    if (loaded)
        mw_strategy_get_status(slot->strategy, status);
    else if (slot->error.status != MW_OK && err != NULL)
        *err = slot->error;
    else
        mw_fail(err, MW_EINVAL, "not started");
    if (!loaded && slot->stopped)
        *status = slot->last;
    pthread_mutex_unlock(&engine->lock);
    return loaded;
}
