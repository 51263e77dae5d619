/* engine.c - building, starting and stopping everything. */
#include "engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "feed/connection.h"
#include "feed/protocol.h"
#include "script/bar_reader.h"
#include "script/fault_file.h"
#include "script/worker.h"
#include "server/simulator.h"

/* One strategy of the settings, while the engine runs. */
struct slot {
    struct mw_strategy *strategy; /* owns; NULL when it did not load */
    struct mw_error error;        /* then, why */
};

struct mw_engine {
    struct mw_settings *settings; /* owns */
    const struct mw_bindings *bindings;
    struct mw_cache *cache;           /* owns */
    struct mw_connection **feeds;     /* owns; as in the settings */
    struct mw_simulator **simulators; /* owns; NULL for feeds without */
    struct slot *slots;               /* owns; as in the settings */
    _Atomic bool running, woken;      /* between start and stop; wake was called */
    _Atomic bool listened;            /* somebody reads the events */
    struct mw_wake wake;
    struct mw_event_queue events;

    pthread_mutex_t lock; /* covers what is below, and `slots`, for threads besides the owner */
    struct mw_worker **workers; /* owns; while it runs */
    uint32_t worker_count;
    struct mw_bar_reader *reader; /* owns; NULL unless bars are wanted */
};

static _Atomic uint32_t live_count;

uint32_t mw_engine_live_count(void)
{
    return atomic_load(&live_count);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Nobody may ever read the events of an engine that a script holds: what went wrong is logged
 * then. */
static void publish(struct mw_engine *engine, const struct mw_event *event)
{
    mw_event_queue_put(&engine->events, event);
    if (atomic_load_explicit(&engine->listened, memory_order_relaxed) || !event->has_error)
        return;
    if (event->kind == MW_EVENT_ERROR)
        mw_log(MW_LOG_ERROR, "strategy %s: %s", event->strategy, event->error.message);
    else
        mw_log(MW_LOG_WARN, "feed %s %s: %s", event->feed, mw_connection_state_text(event->state),
               event->error.message);
}

static void on_feed_event(void *user, const struct mw_feed_event *told)
{
    struct mw_engine *engine = user;
    struct mw_event event = {.kind = told->is_state ? MW_EVENT_STATE : MW_EVENT_REFUSED,
                             .time_ms = mw_clock_wall_ms(),
                             .state = told->state};
    snprintf(event.feed, sizeof(event.feed), "%s", told->feed);
    if (told->err != NULL) {
        event.has_error = true;
        event.error = *told->err;
    }
    publish(engine, &event);
    /* Feeds run only while the workers are there. */
    for (uint32_t i = 0; i < engine->worker_count; i++)
        mw_worker_post(engine->workers[i], &event);
}

static void on_strategy_event(void *user, const struct mw_event *event)
{
    publish(user, event);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Makes the connection of one feed and subscribes what the settings name. */
static mw_status open_feed(struct mw_engine *engine, uint32_t index, struct mw_error *err)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    struct mw_protocol *protocol;
    mw_status status = mw_protocol_load(feed->protocol, &protocol, err);
    if (status != MW_OK)
        return mw_fail_within(err, status, "feed %s", feed->name);
    const struct mw_connection_options options = {
        .name = feed->name,
        .endpoints = (const char *const *)feed->endpoints,
        .endpoint_count = mw_feed_settings_simulates(feed) ? 0 : feed->endpoint_count,
        .ca_file = feed->ca_file,
        .csrf_token = feed->csrf_token,
        .market_type = feed->market_type,
        .connect_ms = feed->connect_ms,
        .tls_ms = feed->tls_ms,
        .upgrade_ms = feed->upgrade_ms,
        .confirm_ms = feed->confirm_ms,
        .frame_bytes_max = feed->frame_bytes_max,
        .reconnect = engine->settings->reconnect,
        .cache = engine->cache,
        .on_event = on_feed_event,
        .user = engine};
    status = mw_connection_new(&options, protocol, &engine->feeds[index], err);
    for (uint32_t i = 0; i < feed->symbol_count && status == MW_OK; i++)
        for (uint32_t j = 0; j < feed->timeframe_count && status == MW_OK; j++)
            status = mw_connection_subscribe(engine->feeds[index], feed->symbols[i],
                                             feed->timeframes[j], NULL, err);
    return status;
}

mw_status mw_engine_open(struct mw_settings *settings, const struct mw_bindings *bindings,
                         struct mw_engine **out, struct mw_error *err)
{
    struct mw_engine *engine = mw_alloc_zero(sizeof(*engine));
    atomic_fetch_add(&live_count, 1);
    engine->settings = settings;
    engine->bindings = bindings;
    engine->cache = mw_cache_new(settings->cache_bars);
    engine->feeds = mw_alloc_zero((settings->feed_count + 1) * sizeof(struct mw_connection *));
    engine->simulators = mw_alloc_zero((settings->feed_count + 1) * sizeof(struct mw_simulator *));
    engine->slots = mw_alloc_zero((settings->strategy_count + 1) * sizeof(*engine->slots));
    pthread_mutex_init(&engine->lock, NULL);
    mw_wake_init(&engine->wake);
    mw_event_queue_init(&engine->events, &engine->wake);
    mw_log_set_level(settings->log_level);

    mw_status status = MW_OK;
    for (uint32_t i = 0; i < settings->feed_count && status == MW_OK; i++)
        status = open_feed(engine, i, err);
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
    for (uint32_t i = 0; i < engine->settings->feed_count; i++)
        mw_connection_free(engine->feeds[i]);
    mw_bar_reader_free(engine->reader);
    mw_event_queue_deinit(&engine->events);
    mw_wake_deinit(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    mw_cache_free(engine->cache);
    mw_settings_free(engine->settings);
    mw_free(engine->feeds);
    mw_free(engine->simulators);
    mw_free(engine->slots);
    mw_free(engine);
    atomic_fetch_sub(&live_count, 1);
}

/* --- series ----------------------------------------------------------------------------------- */

struct mw_connection *mw_engine_find_feed(const struct mw_engine *engine, const char *name)
{
    for (uint32_t i = 0; i < engine->settings->feed_count; i++)
        if (strcmp(mw_connection_name(engine->feeds[i]), name) == 0)
            return engine->feeds[i];
    return NULL;
}

static bool lists_symbol(const struct mw_feed_settings *feed, const char *symbol)
{
    for (uint32_t i = 0; i < feed->symbol_count; i++)
        if (strcmp(feed->symbols[i], symbol) == 0)
            return true;
    return false;
}

/* The feed that `name` means: itself, the only one, or the only one whose settings list the
 * symbol. */
static mw_status choose_feed(const struct mw_engine *engine, const char *name, const char *symbol,
                             struct mw_connection **feed, struct mw_error *err)
{
    uint32_t feed_count = engine->settings->feed_count, found = 0;
    if (name != NULL && name[0] != '\0') {
        struct mw_connection *named = mw_engine_find_feed(engine, name);
        if (named == NULL)
            return mw_fail(err, MW_EINVAL, "there is no feed '%s'", name);
        *feed = named;
        return MW_OK;
    }
    struct mw_connection *chosen = NULL;
    for (uint32_t i = 0; i < feed_count; i++) {
        if (feed_count == 1 || lists_symbol(&engine->settings->feeds[i], symbol)) {
            chosen = engine->feeds[i];
            found++;
        }
    }
    if (found != 1)
        return mw_fail(err, MW_EINVAL, "%s feeds have the symbol %s: name one, as in \"feed:%s\"",
                       found == 0 ? "no" : "several", symbol, symbol);
    *feed = chosen;
    return MW_OK;
}

/* Subscribes, and shows the series to everybody who wants all there are. */
static mw_status subscribe(struct mw_engine *engine, const char *name, const char *symbol,
                           struct mw_timeframe timeframe, struct mw_series **series,
                           struct mw_error *err)
{
    struct mw_connection *feed;
    mw_status status = choose_feed(engine, name, symbol, &feed, err);
    if (status == MW_OK)
        status = mw_connection_subscribe(feed, symbol, timeframe, series, err);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&engine->lock);
    for (uint32_t i = 0; i < engine->worker_count; i++)
        mw_worker_offer(engine->workers[i], *series);
    if (engine->reader != NULL)
        mw_bar_reader_watch(engine->reader, *series);
    pthread_mutex_unlock(&engine->lock);
    return MW_OK;
}

mw_status mw_engine_subscribe(struct mw_engine *engine, const char *feed, const char *symbol,
                              struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_series *series;
    return subscribe(engine, feed, symbol, timeframe, &series, err);
}

mw_status mw_engine_unsubscribe(struct mw_engine *engine, const char *feed, const char *symbol,
                                struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_connection *chosen = NULL;
    mw_status status = choose_feed(engine, feed, symbol, &chosen, err);
    return status == MW_OK ? mw_connection_unsubscribe(chosen, symbol, timeframe, err) : status;
}

/* --- starting --------------------------------------------------------------------------------- */

/* Gives a strategy the series it asked for, or all there are. The worker hears of it only when all
 * of them are there: on failure the strategy is freed. */
static mw_status pin(struct mw_engine *engine, struct mw_worker *worker,
                     struct mw_strategy *strategy, struct mw_error *err)
{
    uint32_t interest_count;
    const struct mw_interest *interests = mw_strategy_interests(strategy, &interest_count);
    struct mw_series **series = mw_alloc((interest_count + 1) * sizeof(struct mw_series *));
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < interest_count && status == MW_OK; i++)
        status = subscribe(engine, interests[i].feed, interests[i].symbol, interests[i].timeframe,
                           &series[i], err);
    if (status == MW_OK) {
        mw_worker_add(worker, strategy);
        for (uint32_t i = 0; i < interest_count; i++)
            mw_worker_watch(worker, strategy, series[i]);
        for (uint32_t i = 0; interest_count == 0 && i < mw_cache_series_count(engine->cache); i++)
            mw_worker_watch(worker, strategy, mw_cache_series_get(engine->cache, i));
    }
    mw_free(series);
    return status;
}

/* Loads one strategy and pins it; what goes wrong is told and the others run. */
static void load_strategy(struct mw_engine *engine, uint32_t index)
{
    const struct mw_strategy_settings *settings = &engine->settings->strategies[index];
    const struct mw_strategy_options options = {.name = settings->name,
                                                .file = settings->file,
                                                .params_from = engine->settings->L,
                                                .params_ref = settings->params,
                                                .bindings = engine->bindings,
                                                .engine = engine,
                                                .on_event = on_strategy_event,
                                                .user = engine};
    struct slot *slot = &engine->slots[index];
    struct mw_worker *worker = engine->workers[index % engine->worker_count];
    struct mw_strategy *strategy = NULL;
    struct mw_error err = {.status = MW_OK};
    mw_status status = mw_strategy_load(&options, &strategy, &err);
    if (status == MW_OK && pin(engine, worker, strategy, &err) != MW_OK) {
        err.status = status = MW_ESTRATEGY;
        mw_strategy_free(strategy);
        strategy = NULL;
    }
    pthread_mutex_lock(&engine->lock);
    slot->strategy = strategy;
    slot->error = err;
    pthread_mutex_unlock(&engine->lock);
    if (status == MW_OK)
        return;
    struct mw_event event = {
        .kind = MW_EVENT_ERROR, .time_ms = mw_clock_wall_ms(), .has_error = true, .error = err};
    snprintf(event.strategy, sizeof(event.strategy), "%s", settings->name);
    publish(engine, &event);
}

static uint32_t wanted_workers(const struct mw_settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = settings->worker_count > 0 ? settings->worker_count
                       : cores > 0                ? (uint32_t)cores
                                                  : 1;
    if (workers > settings->strategy_count)
        workers = settings->strategy_count;
    return workers < MW_WORKERS_MAX ? workers : MW_WORKERS_MAX;
}

static mw_status make_workers(struct mw_engine *engine, struct mw_error *err)
{
    uint32_t wanted = wanted_workers(engine->settings);
    struct mw_worker **workers = mw_alloc_zero((wanted + 1) * sizeof(struct mw_worker *));
    mw_status status = MW_OK;
    uint32_t made = 0;
    for (; made < wanted && status == MW_OK; made += status == MW_OK)
        status = mw_worker_new(engine->cache, &workers[made], err);
    pthread_mutex_lock(&engine->lock);
    engine->workers = workers;
    engine->worker_count = made;
    pthread_mutex_unlock(&engine->lock);
    return status;
}

/* Adds the distinct symbols and timeframes that the cache has for a feed: what the settings and the
 * strategies subscribed. */
static void collect_series(const struct mw_engine *engine, const char *feed,
                           struct mw_simulator_options *options, const char **symbols,
                           struct mw_timeframe *timeframes)
{
    for (uint32_t i = 0; i < mw_cache_series_count(engine->cache); i++) {
        const struct mw_series_key *key = mw_series_key(mw_cache_series_get(engine->cache, i));
        if (strcmp(key->feed, feed) != 0)
            continue;
        uint32_t at = 0;
        while (at < options->symbol_count && strcmp(symbols[at], key->symbol) != 0)
            at++;
        if (at == options->symbol_count)
            symbols[options->symbol_count++] = key->symbol;
        at = 0;
        while (at < options->timeframe_count && !mw_timeframe_equal(timeframes[at], key->timeframe))
            at++;
        if (at == options->timeframe_count)
            timeframes[options->timeframe_count++] = key->timeframe;
    }
}

static mw_status start_simulator(struct mw_engine *engine, uint32_t index, struct mw_error *err)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    uint32_t series_count = mw_cache_series_count(engine->cache);
    const char **symbols = mw_alloc((series_count + 1) * sizeof(*symbols));
    struct mw_timeframe *timeframes =
        mw_alloc((feed->timeframe_count + series_count) * sizeof(*timeframes));
    memcpy(timeframes, feed->timeframes, feed->timeframe_count * sizeof(*timeframes));
    struct mw_simulator_options options = {.protocol = feed->protocol,
                                           .symbols = symbols,
                                           .timeframes = timeframes,
                                           .timeframe_count = feed->timeframe_count,
                                           .seed = feed->simulator.seed,
                                           .speed = feed->simulator.speed,
                                           .start_ms = feed->simulator.start_ms,
                                           .replay_file = feed->simulator.replay_file};
    struct mw_fault_plan faults = MW_FAULT_PLAN_INIT;
    mw_status status = MW_OK;
    if (feed->simulator.faults_file != NULL) {
        status = mw_fault_file_load(feed->simulator.faults_file, &faults, err);
        options.faults = &faults;
    }
    collect_series(engine, feed->name, &options, symbols, timeframes);
    if (status == MW_OK)
        status = mw_simulator_start(&options, &engine->simulators[index], err);
    if (status == MW_OK) {
        const char *url = mw_simulator_url(engine->simulators[index]);
        status = mw_connection_set_endpoints(engine->feeds[index], &url, 1, err);
    } else {
        mw_fail_within(err, status, "feed %s: simulator", feed->name);
    }
    mw_fault_plan_deinit(&faults);
    mw_free(symbols);
    mw_free(timeframes);
    return status;
}

static mw_status start_all(struct mw_engine *engine, struct mw_error *err)
{
    const struct mw_settings *settings = engine->settings;
    mw_status status = make_workers(engine, err);
    if (status != MW_OK)
        return status;
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        load_strategy(engine, i);
    for (uint32_t i = 0; i < settings->feed_count && status == MW_OK; i++)
        if (mw_feed_settings_simulates(&settings->feeds[i]))
            status = start_simulator(engine, i, err);
    for (uint32_t i = 0; i < engine->worker_count && status == MW_OK; i++)
        status = mw_worker_start(engine->workers[i], i, err);
    for (uint32_t i = 0; i < settings->feed_count && status == MW_OK; i++)
        status = mw_connection_start(engine->feeds[i], err);
    return status;
}

mw_status mw_engine_start(struct mw_engine *engine, struct mw_error *err)
{
    if (engine->running)
        return mw_fail(err, MW_EINVAL, "the engine is started already");
    /* A socket that the peer closed is an error to handle, not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    engine->running = true;
    mw_status status = start_all(engine, err);
    if (status != MW_OK)
        mw_engine_stop(engine);
    return status;
}

bool mw_engine_is_running(const struct mw_engine *engine)
{
    return engine->running;
}

void mw_engine_stop(struct mw_engine *engine)
{
    if (!engine->running)
        return;
    const struct mw_settings *settings = engine->settings;
    for (uint32_t i = 0; i < settings->feed_count; i++)
        mw_connection_stop_begin(engine->feeds[i]);
    for (uint32_t i = 0; i < settings->feed_count; i++)
        mw_connection_stop(engine->feeds[i]);

    pthread_mutex_lock(&engine->lock); /* nobody offers series to workers that go */
    struct mw_worker **workers = engine->workers;
    uint32_t worker_count = engine->worker_count;
    engine->workers = NULL;
    engine->worker_count = 0;
    pthread_mutex_unlock(&engine->lock);
    for (uint32_t i = 0; i < worker_count; i++)
        mw_worker_stop_begin(workers[i]);
    for (uint32_t i = 0; i < worker_count; i++)
        mw_worker_free(workers[i]);
    mw_free(workers);
    for (uint32_t i = 0; i < settings->strategy_count; i++) {
        pthread_mutex_lock(&engine->lock);
        struct mw_strategy *strategy = engine->slots[i].strategy;
        engine->slots[i].strategy = NULL;
        pthread_mutex_unlock(&engine->lock);
        mw_strategy_free(strategy);
    }
    for (uint32_t i = 0; i < settings->feed_count; i++) {
        mw_simulator_stop(engine->simulators[i]);
        engine->simulators[i] = NULL;
    }
    engine->running = false;
}

/* --- polling ---------------------------------------------------------------------------------- */

void mw_engine_want_bars(struct mw_engine *engine)
{
    mw_engine_listen(engine);
    pthread_mutex_lock(&engine->lock); /* no series is added between looking and watching */
    if (engine->reader == NULL)
        engine->reader = mw_bar_reader_new(engine->cache, &engine->wake);
    pthread_mutex_unlock(&engine->lock);
}

void mw_engine_listen(struct mw_engine *engine)
{
    atomic_store_explicit(&engine->listened, true, memory_order_relaxed);
}

bool mw_engine_poll(struct mw_engine *engine, int64_t timeout_ms, struct mw_event *event)
{
    mw_engine_listen(engine);
    int64_t until = timeout_ms < 0 ? INT64_MAX : mw_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        if (mw_event_queue_take(&engine->events, event) ||
            (engine->reader != NULL && mw_bar_reader_take(engine->reader, event)))
            return true;
        int64_t left = until == INT64_MAX ? -1 : until - mw_clock_monotonic_ms();
        if (atomic_exchange(&engine->woken, false) || (until != INT64_MAX && left <= 0))
            return false;
        mw_wake_wait(&engine->wake, left);
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

uint32_t mw_engine_feed_count(const struct mw_engine *engine)
{
    return engine->settings->feed_count;
}

struct mw_connection *mw_engine_feed(const struct mw_engine *engine, uint32_t index)
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
    const struct slot *slot = &engine->slots[index];
    *status = (struct mw_strategy_status){.bars = 0};
    snprintf(status->name, sizeof(status->name), "%s", engine->settings->strategies[index].name);
    pthread_mutex_lock(&engine->lock);
    bool loaded = slot->strategy != NULL;
    if (loaded)
        mw_strategy_get_status(slot->strategy, status);
    else if (slot->error.status == MW_OK)
        mw_fail(err, MW_EINVAL, "not started");
    else if (err != NULL)
        *err = slot->error;
    pthread_mutex_unlock(&engine->lock);
    return loaded;
}
