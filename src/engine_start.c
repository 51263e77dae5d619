/* engine_start.c - strategies, workers and simulators; starting and stopping everything. */
#include "engine_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "market/derive.h"
#include "script/fault_file.h"

static void on_strategy_event(void *user, const struct mw_event *event)
{
    mw_engine_publish(user, event);
}

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
        status = mw_engine_add_series(engine, interests[i].feed, interests[i].symbol,
                                      interests[i].timeframe, &series[i], err);
    if (status == MW_OK) {
        mw_worker_add(worker, strategy);
        for (uint32_t i = 0; i < interest_count; i++)
            mw_worker_watch(worker, strategy, series[i]);
        uint32_t asked_count;
        struct mw_series **asked = mw_engine_list_asked(engine, &asked_count);
        for (uint32_t i = 0; interest_count == 0 && i < asked_count; i++)
            mw_worker_watch(worker, strategy, asked[i]);
        mw_free(asked);
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
                                                .account = &settings->account,
                                                .bindings = engine->bindings,
                                                .market = &engine->market,
                                                .on_event = on_strategy_event,
                                                .user = engine};
    struct mw_engine_slot *slot = &engine->slots[index];
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
    slot->stopped = false;
    pthread_mutex_unlock(&engine->lock);
    if (status == MW_OK)
        return;
    struct mw_event event = {
        .kind = MW_EVENT_ERROR, .time_ms = mw_clock_wall_ms(), .has_error = true, .error = err};
    snprintf(event.strategy, sizeof(event.strategy), "%s", settings->name);
    mw_engine_publish(engine, &event);
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

static void add_timeframe(struct mw_simulator_options *options, struct mw_timeframe *timeframes,
                          struct mw_timeframe timeframe)
{
    uint32_t at = 0;
    while (at < options->timeframe_count && !mw_timeframe_equal(timeframes[at], timeframe))
        at++;
    if (at == options->timeframe_count)
        timeframes[options->timeframe_count++] = timeframe;
}

/* Adds the distinct symbols and timeframes that the cache has for a feed: what the settings and the
 * strategies subscribed. What is made here of other bars the venue does not send. */
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
        if (mw_derive_source(mw_cache_series_get(engine->cache, i)) == NULL)
            add_timeframe(options, timeframes, key->timeframe);
    }
}

static mw_status start_simulator(struct mw_engine *engine, uint32_t index, struct mw_error *err)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    uint32_t series_count = mw_cache_series_count(engine->cache);
    const char **symbols = mw_alloc((series_count + 1) * sizeof(*symbols));
    struct mw_timeframe *timeframes =
        mw_alloc((feed->timeframe_count + series_count) * sizeof(*timeframes));
    struct mw_simulator_options options = {.protocol = feed->protocol,
                                           .symbols = symbols,
                                           .timeframes = timeframes,
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
    for (uint32_t i = 0; i < feed->timeframe_count && status == MW_OK; i++) {
        struct mw_timeframe sent;
        status = mw_engine_choose_timeframe(engine, index, feed->timeframes[i], &sent, err);
        if (status == MW_OK)
            add_timeframe(&options, timeframes, sent);
    }
    collect_series(engine, feed->name, &options, symbols, timeframes);
    if (status == MW_OK)
        status = mw_simulator_start(&options, &engine->simulators[index], err);
    if (status == MW_OK) {
        status =
            mw_engine_point_feed(engine, index, mw_simulator_url(engine->simulators[index]), err);
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
    if (status == MW_OK)
        status = mw_engine_start_store(engine, err);
    if (engine->backfill != NULL && status == MW_OK)
        status = mw_backfill_start(engine->backfill, err);
    for (uint32_t i = 0; i < settings->feed_count && status == MW_OK; i++)
        status = mw_feed_start(engine->feeds[i], err);
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

static void stop_workers(struct mw_engine *engine)
{
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
    for (uint32_t i = 0; i < engine->settings->strategy_count; i++) {
        struct mw_engine_slot *slot = &engine->slots[i];
        pthread_mutex_lock(&engine->lock);
        struct mw_strategy *strategy = slot->strategy;
        slot->strategy = NULL;
        slot->stopped = strategy != NULL;
        if (strategy != NULL)
            mw_strategy_get_status(strategy, &slot->last);
        pthread_mutex_unlock(&engine->lock);
        mw_strategy_free(strategy);
    }
}

void mw_engine_stop(struct mw_engine *engine)
{
    if (!engine->running)
        return;
    uint32_t feed_count = engine->settings->feed_count;
    for (uint32_t i = 0; i < feed_count; i++)
        mw_feed_stop_begin(engine->feeds[i]);
    for (uint32_t i = 0; i < feed_count; i++)
        mw_feed_stop(engine->feeds[i]);
    if (engine->backfill != NULL)
        mw_backfill_stop(engine->backfill);
    mw_engine_stop_store(engine);
    stop_workers(engine);
    for (uint32_t i = 0; i < feed_count; i++) {
        mw_simulator_stop(engine->simulators[i]);
        engine->simulators[i] = NULL;
    }
    engine->signals_until_ms = mw_clock_monotonic_ms() + MW_ON_SIGNAL_MS_MAX;
    engine->running = false;
}
