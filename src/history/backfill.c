/* backfill.c - sources and tickets: what other threads touch. */
#include "history/backfill_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "net/url.h"

enum { GAP_ROOM = 64 }; /* at first */

#define JITTER 0.3

struct mw_backfill *mw_backfill_new(struct mw_cache *cache)
{
    struct mw_backfill *backfill = mw_alloc_zero(sizeof(*backfill));
    backfill->cache = cache;
    pthread_mutex_init(&backfill->lock, NULL);
    backfill->gap_room = GAP_ROOM;
    backfill->gaps = mw_realloc_array(NULL, GAP_ROOM, sizeof(*backfill->gaps));
    return backfill;
}

static void free_source(struct mw_backfill_source_state *source)
{
    size_t at = 0;
    for (const struct mw_map_item *item; (item = mw_map_next(&source->tickets, &at)) != NULL;)
        mw_free(item->value);
    mw_map_deinit(&source->tickets);
    mw_merger_free(source->merger);
    mw_protocol_free(source->options.protocol);
    mw_free((char *)(uintptr_t)source->options.feed);
    mw_free((char *)(uintptr_t)source->options.ca_file);
    mw_free((char *)(uintptr_t)source->options.market_type);
    mw_free(source->base);
    mw_free(source);
}

void mw_backfill_free(struct mw_backfill *backfill)
{
    if (backfill == NULL)
        return;
    mw_backfill_stop(backfill);
    for (uint32_t i = 0; i < backfill->source_count; i++)
        free_source(backfill->sources[i]);
    pthread_mutex_destroy(&backfill->lock);
    mw_free(backfill->gaps);
    mw_free(backfill);
}

static mw_status check_base(const char *base, struct mw_error *err)
{
    struct mw_url url;
    if (mw_url_parse(base, &url, err) != MW_OK)
        return MW_EPARSE;
    if (url.websocket || base[strlen(base) - 1] == '/')
        return mw_fail(err, MW_EPARSE,
                       "history's base '%s': want http:// or https:// and no '/' at the end", base);
    return MW_OK;
}

static double or_default(double value, double otherwise)
{
    return value > 0 ? value : otherwise;
}

static void init_backoff(const struct mw_backfill_source_state *source, struct mw_backoff *backoff)
{
    uint64_t seed;
    mw_random_bytes(&seed, sizeof(seed));
    mw_backoff_init(backoff,
                    &(struct mw_backoff_options){.attempts = MW_ATTEMPTS_FOREVER,
                                                 .base_s = source->options.base_s,
                                                 .cap_s = source->options.cap_s,
                                                 .jitter = JITTER},
                    seed);
}

mw_status mw_backfill_add(struct mw_backfill *backfill, const struct mw_backfill_source *source,
                          struct mw_error *err)
{
    mw_status status = MW_OK;
    const char *base = source->base != NULL ? source->base : source->protocol->history.base;
    if (!source->protocol->history.known)
        status = mw_fail(err, MW_EINVAL, "%s has no history", source->protocol->name);
    else if (backfill->source_count == MW_FEEDS_MAX)
        status = mw_fail(err, MW_ELIMIT, "more than %d feeds", MW_FEEDS_MAX);
    else if (base != NULL)
        status = check_base(base, err);
    if (status != MW_OK) {
        mw_protocol_free(source->protocol);
        return status;
    }
    struct mw_backfill_source_state *state = mw_alloc_zero(sizeof(*state));
    state->backfill = backfill;
    struct mw_backfill_source *options = &state->options;
    *options = *source;
    options->feed = mw_strdup(source->feed);
    options->ca_file = mw_text_copy(source->ca_file);
    options->market_type = mw_text_copy(source->market_type);
    options->base = NULL; /* `base` has it */
    options->retry_s = or_default(source->retry_s, MW_BACKFILL_RETRY_MS / 1000.0);
    options->base_s = or_default(source->base_s, MW_BACKFILL_BASE_MS / 1000.0);
    options->cap_s = or_default(source->cap_s, MW_BACKFILL_CAP_MS / 1000.0);
    if (source->settle_ms <= 0)
        options->settle_ms = MW_BACKFILL_SETTLE_MS;
    if (source->timeout_ms <= 0)
        options->timeout_ms = MW_BACKFILL_TIMEOUT_MS;
    if (source->answer_bytes_max == 0)
        options->answer_bytes_max = MW_BACKFILL_ANSWER_BYTES_MAX;
    state->base = mw_text_copy(base);
    state->merger = mw_merger_new(backfill->cache, options->protocol, options->settle_ms);
    init_backoff(state, &state->backoff);
    backfill->sources[backfill->source_count++] = state;
    return MW_OK;
}

static struct mw_backfill_source_state *find_source(struct mw_backfill *backfill, const char *feed)
{
    for (uint32_t i = 0; i < backfill->source_count; i++)
        if (strcmp(backfill->sources[i]->options.feed, feed) == 0)
            return backfill->sources[i];
    return NULL;
}

mw_status mw_backfill_set_base(struct mw_backfill *backfill, const char *feed, const char *base,
                               struct mw_error *err)
{
    struct mw_backfill_source_state *source = find_source(backfill, feed);
    if (source == NULL)
        return mw_fail(err, MW_EINVAL, "feed %s has no history", feed);
    mw_status status = check_base(base, err);
    if (status != MW_OK)
        return status;
    mw_free(source->base);
    source->base = mw_strdup(base);
    return MW_OK;
}

mw_status mw_backfill_start(struct mw_backfill *backfill, struct mw_error *err)
{
    struct mw_http *http;
    mw_status status = mw_http_new(&http, err);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&backfill->lock);
    backfill->http = http;
    pthread_mutex_unlock(&backfill->lock);
    atomic_store_explicit(&backfill->stopping, false, memory_order_release);
    status = mw_thread_start(&backfill->thread, "history", &mw_history_thread, mw_backfill_run,
                             backfill, err);
    if (status != MW_OK)
        mw_backfill_stop(backfill);
    return status;
}

void mw_backfill_stop(struct mw_backfill *backfill)
{
    atomic_store_explicit(&backfill->stopping, true, memory_order_release);
    if (backfill->http == NULL)
        return;
    mw_http_wake(backfill->http);
    mw_thread_join(&backfill->thread);
    pthread_mutex_lock(&backfill->lock);
    struct mw_http *http = backfill->http;
    backfill->http = NULL;
    pthread_mutex_unlock(&backfill->lock);
    mw_http_free(http);
    for (uint32_t i = 0; i < backfill->source_count; i++)
        backfill->sources[i]->busy = false;
}

/* --- demands ---------------------------------------------------------------------------------- */

static struct mw_ticket *find_ticket(struct mw_backfill_source_state *source,
                                     struct mw_series *series)
{
    uint32_t id = mw_series_note(series)->id;
    struct mw_ticket *ticket = mw_map_find(&source->tickets, &id, sizeof(id));
    if (ticket != NULL)
        return ticket;
    ticket = mw_alloc_zero(sizeof(*ticket));
    ticket->series = series;
    ticket->source = source;
    ticket->settle_open_ms = INT64_MIN;
    ticket->retry_to_ms = INT64_MAX;
    for (int kind = 0; kind < MW_WORK_COUNT; kind++)
        init_backoff(source, &ticket->work[kind].backoff);
    mw_map_set(&source->tickets, &id, sizeof(id), ticket);
    return ticket;
}

/* Leaves the demand for the history thread. */
static void leave(struct mw_backfill *backfill, struct mw_ticket *ticket, mw_work_kind kind)
{
    ticket->wants[kind] = true;
    if (ticket->queued)
        return;
    ticket->queued = true;
    ticket->next_queued = ticket->source->inbox;
    ticket->source->inbox = ticket;
    if (backfill->http != NULL)
        mw_http_wake(backfill->http);
}

void mw_backfill_want(struct mw_backfill *backfill, struct mw_series *series)
{
    struct mw_backfill_source_state *source = find_source(backfill, mw_series_key(series)->feed);
    if (source == NULL || source->base == NULL)
        return;
    atomic_store_explicit(&mw_series_note(series)->gap_wait_ms, source->options.gap_wait_ms,
                          memory_order_relaxed);
    pthread_mutex_lock(&backfill->lock);
    struct mw_ticket *ticket = find_ticket(source, series);
    bool is_full = mw_series_count(series) >= mw_cache_bars(backfill->cache);
    if (!ticket->wanted || !is_full) /* it may have been idle while there was nothing to do */
        leave(backfill, ticket, MW_WORK_FILL);
    if (!ticket->wanted) {
        struct mw_candle newest = {.source = MW_SOURCE_LIVE};
        ticket->wanted = true;
        mw_series_read_last(series, INT64_MAX, 1, true, &newest);
        if (newest.source == MW_SOURCE_STORE)
            leave(backfill, ticket, MW_WORK_CATCH_UP);
        leave(backfill, ticket, MW_WORK_HOLES);
        leave(backfill, ticket, MW_WORK_GIVEN_UP);
    }
    pthread_mutex_unlock(&backfill->lock);
}

static void demand(struct mw_backfill *backfill, struct mw_series *series, mw_work_kind kind)
{
    struct mw_backfill_source_state *source = find_source(backfill, mw_series_key(series)->feed);
    if (source == NULL || source->base == NULL)
        return;
    pthread_mutex_lock(&backfill->lock);
    leave(backfill, find_ticket(source, series), kind);
    pthread_mutex_unlock(&backfill->lock);
}

void mw_backfill_check(struct mw_backfill *backfill, struct mw_series *series)
{
    demand(backfill, series, MW_WORK_HOLES);
}

void mw_backfill_probe(struct mw_backfill *backfill, struct mw_series *series)
{
    demand(backfill, series, MW_WORK_PROBE);
}

void mw_backfill_get_status(struct mw_backfill *backfill, const char *feed,
                            struct mw_backfill_status *status)
{
    *status = (struct mw_backfill_status){.has_history = false};
    struct mw_backfill_source_state *source = find_source(backfill, feed);
    if (source == NULL)
        return;
    pthread_mutex_lock(&backfill->lock);
    *status = source->status;
    pthread_mutex_unlock(&backfill->lock);
    status->has_history = source->base != NULL;
}
