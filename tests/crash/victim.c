/* victim.c - an engine that runs until it is killed. */
#include "victim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fault/truth.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "bind/bind_moonwick.h"
#include "engine.h"

enum { LOOK_MS = 20, SAY_MS = 1000 };

struct victim {
    const struct victim_options *options;
    int64_t began_ms;
    pthread_mutex_t lock; /* covers the pipe */
    struct truth truth;
    struct mw_engine *engine;
};

static void write_all(int pipe, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(pipe, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(1); /* nobody listens any more */
        at += written;
        length -= (size_t)written;
    }
}

static void tell(struct victim *victim, struct tale *tale, const struct mw_store_part *part)
{
    int pipe = victim->options->pipe;
    tale->after_ms = mw_clock_monotonic_ms() - victim->began_ms;
    pthread_mutex_lock(&victim->lock);
    write_all(pipe, tale, sizeof(*tale));
    if (part != NULL) {
        write_all(pipe, part->rows, part->row_count * sizeof(*part->rows));
        write_all(pipe, part->holes, part->hole_count * sizeof(*part->holes));
    }
    pthread_mutex_unlock(&victim->lock);
}

static void on_stored(void *user, const struct mw_store_part *part)
{
    struct tale tale;
    memset(&tale, 0, sizeof(tale)); /* padding goes through the pipe too */
    tale.kind = TALE_STORED;
    tale.key = *part->key;
    tale.from_ms = part->from_ms;
    tale.to_ms = part->to_ms;
    tale.row_count = part->row_count;
    tale.hole_count = part->hole_count;
    tell(user, &tale, part);
}

static void tell_kind(struct victim *victim, tale_kind kind, const char *text)
{
    struct tale tale;
    memset(&tale, 0, sizeof(tale));
    tale.kind = kind;
    snprintf(tale.text, sizeof(tale.text), "%s", text);
    tell(victim, &tale, NULL);
}

/* Whether it is worth to hold every bar of the rings against the truth. */
static bool seems_whole(struct mw_cache *cache)
{
    bool whole = mw_cache_series_count(cache) > 0;
    for (uint32_t i = 0; i < mw_cache_series_count(cache) && whole; i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        whole = mw_series_count(series) == mw_cache_bars(cache) &&
                mw_series_gap_count(series) == 0 && mw_series_get_health(series) == MW_SERIES_LIVE;
    }
    return whole;
}

static mw_status start(struct victim *victim, struct mw_error *err)
{
    struct mw_settings *settings;
    mw_status status = mw_settings_load_file(victim->options->config, &settings, err);
    if (status == MW_OK)
        status = mw_engine_open(settings, &mw_lua_bindings, &victim->engine, err);
    if (status == MW_OK)
        status = mw_engine_start(victim->engine, err);
    return status;
}

/* Says in the log, now and then, what keeps it from being whole. */
static void say(const char *why, int64_t *said_ms)
{
    int64_t now_ms = mw_clock_monotonic_ms();
    if (now_ms - *said_ms < SAY_MS)
        return;
    *said_ms = now_ms;
    mw_log(MW_LOG_INFO, "--- not whole: %s", why);
}

void victim_run(const struct victim_options *options)
{
    struct victim victim = {.options = options, .began_ms = mw_clock_monotonic_ms()};
    pthread_mutex_init(&victim.lock, NULL);
    signal(SIGPIPE, SIG_IGN);
    truth_init(&victim.truth, options->seed);
    mutation_set(options->mutation, on_stored, &victim);
    struct mw_error err = {.message = ""};
    if (start(&victim, &err) != MW_OK) {
        tell_kind(&victim, TALE_FAILED, err.message);
        _exit(1);
    }
    tell_kind(&victim, TALE_STARTED, "");
    struct mw_cache *cache = mw_engine_cache(victim.engine);
    int64_t said_ms = victim.began_ms;
    for (bool whole = false;;) {
        char why[512] = "a ring is not full, or has a hole, or is not live";
        struct mw_event event;
        if (mw_engine_poll(victim.engine, LOOK_MS, &event))
            mw_event_deinit(&event);
        if (whole)
            continue;
        if (seems_whole(cache) && truth_is_whole(&victim.truth, cache, why, sizeof(why))) {
            whole = true;
            tell_kind(&victim, TALE_WHOLE, "");
        } else {
            say(why, &said_ms);
        }
    }
}
