/* feed.c - what other threads call of a feed. */
#include "feed/feed.h"

#include <stdio.h>

#include "base/check.h"
#include "base/str.h"
#include "feed/feed_parts.h"

static void copy_endpoints(struct mw_feed *feed, const char *const *endpoints,
                           uint32_t endpoint_count)
{
    mw_texts_free(&feed->endpoints, &feed->endpoint_count);
    feed->endpoints = mw_alloc_zero((endpoint_count + 1) * sizeof(char *));
    for (uint32_t i = 0; i < endpoint_count; i++)
        feed->endpoints[feed->endpoint_count++] = mw_strdup(endpoints[i]);
}

mw_status mw_feed_new(const struct mw_connection_options *options, const char *protocol_file,
                      struct mw_feed **out, struct mw_error *err)
{
    MW_CHECK(options->on_event != NULL);
    struct mw_feed *feed = mw_alloc_zero(sizeof(*feed));
    snprintf(feed->name, sizeof(feed->name), "%s", options->name);
    feed->overlap_ms = MW_FEED_OVERLAP_MS;
    feed->options = *options;
    feed->options.name = feed->name;
    feed->options.ca_file = feed->ca_file = mw_text_copy(options->ca_file);
    feed->options.csrf_token = feed->csrf_token = mw_text_copy(options->csrf_token);
    feed->options.market_type = feed->market_type = mw_text_copy(options->market_type);
    feed->protocol_file = mw_strdup(protocol_file);
    copy_endpoints(feed, options->endpoints, options->endpoint_count);
    pthread_mutex_init(&feed->telling, NULL);
    pthread_mutex_init(&feed->lock, NULL);
    mw_wake_init(&feed->wake);
    mw_status status = mw_line_new(feed, &feed->shards[0].current, err);
    if (status == MW_OK) {
        feed->shard_count = 1;
        *out = feed;
    } else {
        mw_feed_free(feed);
    }
    return status;
}

void mw_feed_free(struct mw_feed *feed)
{
    if (feed == NULL)
        return;
    mw_feed_stop(feed);
    for (uint32_t i = 0; i < feed->shard_count; i++)
        mw_line_free(feed->shards[i].current);
    mw_wake_deinit(&feed->wake);
    pthread_mutex_destroy(&feed->lock);
    pthread_mutex_destroy(&feed->telling);
    mw_texts_free(&feed->endpoints, &feed->endpoint_count);
    mw_free(feed->retired);
    mw_free(feed->market_type);
    mw_free(feed->csrf_token);
    mw_free(feed->ca_file);
    mw_free(feed->protocol_file);
    mw_free(feed);
}

mw_status mw_feed_set_endpoints(struct mw_feed *feed, const char *const *endpoints,
                                uint32_t endpoint_count, struct mw_error *err)
{
    mw_status status = MW_OK;
    pthread_mutex_lock(&feed->lock);
    MW_CHECK(!feed->started);
    for (uint32_t i = 0; i < feed->shard_count && status == MW_OK; i++)
        status = mw_connection_set_endpoints(feed->shards[i].current->connection, endpoints,
                                             endpoint_count, err);
    if (status == MW_OK)
        copy_endpoints(feed, endpoints, endpoint_count);
    pthread_mutex_unlock(&feed->lock);
    return status;
}

/* --- starting and stopping -------------------------------------------------------------------- */

/* Frees the shards that carry nothing, but the first one. */
static void free_empty(struct mw_feed *feed)
{
    uint32_t kept = 1;
    for (uint32_t i = 1; i < feed->shard_count; i++) {
        struct mw_line *line = feed->shards[i].current;
        if (mw_connection_series_count(line->connection) > 0)
            feed->shards[kept++] = feed->shards[i];
        else
            mw_line_free(line);
    }
    feed->shard_count = kept;
}

mw_status mw_feed_start(struct mw_feed *feed, struct mw_error *err)
{
    pthread_mutex_lock(&feed->lock);
    if (feed->started) {
        pthread_mutex_unlock(&feed->lock);
        return mw_fail(err, MW_EINVAL, "feed %s is started already", feed->name);
    }
    feed->started = true;
    free_empty(feed);
    for (uint32_t i = 0; i < feed->shard_count; i++)
        feed->shards[i].current->state = MW_CONNECTION_DISCONNECTED;
    mw_status status =
        mw_thread_start(&feed->keeper, "keeper", &mw_keeper_thread, mw_feed_keep, feed, err);
    for (uint32_t i = 0; i < feed->shard_count && status == MW_OK; i++)
        status = mw_connection_start(feed->shards[i].current->connection, err);
    pthread_mutex_unlock(&feed->lock);
    if (status != MW_OK)
        mw_feed_stop(feed);
    return status;
}

void mw_feed_stop_begin(struct mw_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    if (feed->started) {
        feed->stopping = true;
        for (uint32_t i = 0; i < feed->shard_count; i++) {
            mw_connection_stop_begin(feed->shards[i].current->connection);
            if (feed->shards[i].next != NULL)
                mw_connection_stop_begin(feed->shards[i].next->connection);
        }
    }
    pthread_mutex_unlock(&feed->lock);
    mw_wake_raise(&feed->wake);
}

/* The feed's last word is that it failed, if it did. */
static void tell_stopped(struct mw_feed *feed)
{
    pthread_mutex_lock(&feed->telling);
    pthread_mutex_lock(&feed->lock);
    feed->started = feed->stopping = false;
    bool tell = feed->state != MW_CONNECTION_FAILED && feed->state != MW_CONNECTION_DISCONNECTED;
    if (tell)
        feed->state = MW_CONNECTION_DISCONNECTED;
    pthread_mutex_unlock(&feed->lock);
    const struct mw_feed_event event = {
        .feed = feed->name, .is_state = true, .state = MW_CONNECTION_DISCONNECTED};
    if (tell)
        feed->options.on_event(feed->options.user, &event);
    pthread_mutex_unlock(&feed->telling);
}

void mw_feed_stop(struct mw_feed *feed)
{
    mw_feed_stop_begin(feed);
    pthread_mutex_lock(&feed->lock);
    bool started = feed->started;
    pthread_mutex_unlock(&feed->lock);
    if (!started)
        return;
    mw_thread_join(&feed->keeper); /* from here on nobody but us takes a line away */
    struct mw_line *lines[MW_FEED_CONNECTIONS_MAX];
    pthread_mutex_lock(&feed->lock);
    uint32_t line_count = feed->shard_count;
    for (uint32_t i = 0; i < line_count; i++) {
        struct mw_shard *shard = &feed->shards[i];
        lines[i] = shard->current;
        if (shard->next != NULL)
            mw_feed_retire(feed, shard->next);
        *shard = (struct mw_shard){.current = shard->current};
    }
    pthread_mutex_unlock(&feed->lock);
    for (uint32_t i = 0; i < line_count; i++)
        mw_connection_stop(lines[i]->connection);
    mw_feed_reap(feed);
    tell_stopped(feed);
}

mw_status mw_feed_reconnect(struct mw_feed *feed, struct mw_error *err)
{
    mw_status status = MW_OK;
    pthread_mutex_lock(&feed->lock);
    if (!feed->started || feed->stopping)
        status = mw_fail(err, MW_EINVAL, "feed %s is not started", feed->name);
    for (uint32_t i = 0; i < feed->shard_count && status == MW_OK; i++) {
        mw_connection_reconnect(feed->shards[i].current->connection);
        if (feed->shards[i].next != NULL)
            mw_connection_reconnect(feed->shards[i].next->connection);
    }
    pthread_mutex_unlock(&feed->lock);
    return status;
}

/* --- series ----------------------------------------------------------------------------------- */

static bool line_carries(const struct mw_line *line, const struct mw_series *series)
{
    return line != NULL && mw_connection_carries(line->connection, series);
}

/* The shard that carries `series`, or NULL. */
static struct mw_shard *find_shard(struct mw_feed *feed, const struct mw_series *series)
{
    for (uint32_t i = 0; i < feed->shard_count; i++)
        if (line_carries(feed->shards[i].current, series) ||
            line_carries(feed->shards[i].next, series))
            return &feed->shards[i];
    return NULL;
}

static struct mw_shard *find_room(struct mw_feed *feed)
{
    for (uint32_t i = 0; i < feed->shard_count; i++) {
        const struct mw_line *line = feed->shards[i].current;
        if (line->stream_count_max == 0 ||
            mw_connection_series_count(line->connection) < line->stream_count_max)
            return &feed->shards[i];
    }
    return NULL;
}

/* One more shard with its first series. */
static mw_status add_shard(struct mw_feed *feed, const char *symbol, struct mw_timeframe timeframe,
                           struct mw_series **series, struct mw_error *err)
{
    if (feed->shard_count == MW_FEED_CONNECTIONS_MAX)
        return mw_fail(
            err, MW_ELIMIT, "feed %s: at most %d connections of %u streams each, and all are full",
            feed->name, MW_FEED_CONNECTIONS_MAX, feed->shards[0].current->stream_count_max);
    struct mw_line *line = NULL;
    mw_status status = mw_line_new(feed, &line, err);
    if (status == MW_OK)
        status = mw_connection_subscribe(line->connection, symbol, timeframe, series, err);
    if (status == MW_OK && feed->started && !feed->stopping)
        status = mw_connection_start(line->connection, err);
    if (status != MW_OK) {
        mw_line_free(line); /* not started */
        return status;
    }
    feed->shards[feed->shard_count++] = (struct mw_shard){.current = line};
    return MW_OK;
}

/* Adds a series to a shard that has it or has room. */
static mw_status add_series(struct mw_shard *shard, const char *symbol,
                            struct mw_timeframe timeframe, struct mw_series **series,
                            struct mw_error *err)
{
    mw_status status =
        mw_connection_subscribe(shard->current->connection, symbol, timeframe, series, err);
    if (status == MW_OK && shard->next != NULL &&
        mw_connection_subscribe(shard->next->connection, symbol, timeframe, NULL, NULL) != MW_OK)
        shard->next->unfit = true; /* the keeper makes another one */
    return status;
}

mw_status mw_feed_subscribe(struct mw_feed *feed, const char *symbol, struct mw_timeframe timeframe,
                            struct mw_series **series, struct mw_error *err)
{
    struct mw_series *known;
    struct mw_shard *shard = NULL;
    pthread_mutex_lock(&feed->lock);
    if (mw_cache_find(feed->options.cache, feed->name, symbol, timeframe, &known) > 0)
        shard = find_shard(feed, known);
    if (shard == NULL)
        shard = find_room(feed);
    mw_status status = shard != NULL ? add_series(shard, symbol, timeframe, series, err)
                                     : add_shard(feed, symbol, timeframe, series, err);
    pthread_mutex_unlock(&feed->lock);
    return status;
}

mw_status mw_feed_unsubscribe(struct mw_feed *feed, const char *symbol,
                              struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_series *series;
    struct mw_shard *shard = NULL;
    pthread_mutex_lock(&feed->lock);
    if (mw_cache_find(feed->options.cache, feed->name, symbol, timeframe, &series) > 0)
        shard = find_shard(feed, series);
    if (shard == NULL)
        shard = &feed->shards[0]; /* which says what is wrong */
    mw_status status =
        mw_connection_unsubscribe(shard->current->connection, symbol, timeframe, err);
    if (shard->next != NULL &&
        mw_connection_unsubscribe(shard->next->connection, symbol, timeframe, NULL) == MW_OK)
        status = MW_OK;
    pthread_mutex_unlock(&feed->lock);
    mw_wake_raise(&feed->wake); /* the shard may be empty */
    return status;
}

void mw_feed_on_probe(struct mw_feed *feed, struct mw_series *series, bool missed)
{
    pthread_mutex_lock(&feed->lock);
    const struct mw_shard *shard = find_shard(feed, series);
    if (shard != NULL && line_carries(shard->current, series))
        mw_connection_on_probe(shard->current->connection, series, missed);
    if (shard != NULL && line_carries(shard->next, series))
        mw_connection_on_probe(shard->next->connection, series, missed);
    pthread_mutex_unlock(&feed->lock);
}

/* --- looking ---------------------------------------------------------------------------------- */

const char *mw_feed_name(const struct mw_feed *feed)
{
    return feed->name;
}

mw_connection_state mw_feed_get_state(struct mw_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    mw_connection_state state = feed->state;
    pthread_mutex_unlock(&feed->lock);
    return state;
}

void mw_feed_get_status(struct mw_feed *feed, struct mw_connection_status *status)
{
    struct mw_connection_status one;
    pthread_mutex_lock(&feed->lock);
    struct mw_connection_status sum = feed->gone;
    mw_connection_state state = feed->state;
    const struct mw_line *worst = mw_feed_worst(feed, &state);
    for (uint32_t i = 0; i < feed->shard_count; i++) {
        const struct mw_shard *shard = &feed->shards[i];
        mw_connection_get_status(shard->current->connection, &one);
        mw_feed_add_counters(&sum, &one);
        sum.subscription_count += one.subscription_count;
        if (shard->next == NULL)
            continue;
        mw_connection_get_status(shard->next->connection, &one);
        mw_feed_add_counters(&sum, &one);
    }
    for (uint32_t i = 0; i < feed->retired_count; i++) {
        mw_connection_get_status(feed->retired[i]->connection, &one);
        mw_feed_add_counters(&sum, &one);
    }
    mw_connection_get_status(worst->connection, &one);
    snprintf(sum.endpoint, sizeof(sum.endpoint), "%s", one.endpoint);
    sum.has_error = one.has_error;
    sum.error = one.error;
    sum.state = feed->state;
    pthread_mutex_unlock(&feed->lock);
    *status = sum;
}

uint32_t mw_feed_connection_count(struct mw_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    uint32_t count = feed->shard_count;
    for (uint32_t i = 0; i < feed->shard_count; i++)
        count += feed->shards[i].next != NULL;
    pthread_mutex_unlock(&feed->lock);
    return count;
}
