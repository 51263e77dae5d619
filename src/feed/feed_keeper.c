/* feed_keeper.c - the keeper's thread: replacements, and connections that are done. */
#include "feed/feed_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void mw_feed_retire(struct mw_feed *feed, struct mw_line *line)
{
    if (feed->retired_count == feed->retired_capacity) {
        feed->retired_capacity = 2 * feed->retired_capacity + 4;
        feed->retired =
            mw_realloc_array(feed->retired, feed->retired_capacity, sizeof(struct mw_line *));
    }
    feed->retired[feed->retired_count++] = line;
    line->done = true;
    mw_connection_retire(line->connection);
}

void mw_feed_reap(struct mw_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    while (feed->retired_count > 0) {
        struct mw_line *line = feed->retired[0];
        pthread_mutex_unlock(&feed->lock);
        mw_connection_stop(line->connection);
        struct mw_connection_status last;
        mw_connection_get_status(line->connection, &last);

        pthread_mutex_lock(&feed->lock);
        mw_feed_add_counters(&feed->gone, &last);
        feed->retired_count--;
        memmove(feed->retired, feed->retired + 1, feed->retired_count * sizeof(struct mw_line *));
        pthread_mutex_unlock(&feed->lock);
        mw_line_free(line);
        pthread_mutex_lock(&feed->lock);
    }
    pthread_mutex_unlock(&feed->lock);
}

/* Subscribes all that `from` carries on `to`, which is new. */
static mw_status copy_series(struct mw_connection *from, struct mw_connection *to,
                             struct mw_error *err)
{
    uint32_t count;
    struct mw_series **list = mw_connection_list_series(from, &count);
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < count && status == MW_OK; i++) {
        const struct mw_series_key *key = mw_series_key(list[i]);
        status = mw_connection_subscribe(to, key->symbol, key->timeframe, NULL, err);
    }
    mw_free(list);
    return status;
}

/* Makes another connection with the same series. `lock` is let go while the protocol is loaded: the
 * shards stay, since nobody else takes one away. */
static void make_next(struct mw_feed *feed, struct mw_shard *shard, int64_t now_ms)
{
    struct mw_error err;
    struct mw_line *next = NULL;
    pthread_mutex_unlock(&feed->lock);
    mw_status status = mw_line_new(feed, &next, &err);
    pthread_mutex_lock(&feed->lock);
    if (status == MW_OK && !feed->stopping)
        status = copy_series(shard->current->connection, next->connection, &err);
    if (status == MW_OK && !feed->stopping)
        status = mw_connection_start(next->connection, &err);
    if (status != MW_OK || feed->stopping) {
        if (status != MW_OK)
            mw_log(MW_LOG_WARN, "feed %s: no second connection: %s", feed->name, err.message);
        mw_line_free(next); /* not started */
        shard->replace_at = now_ms + MW_FEED_REPLACE_MS_MAX;
        return;
    }
    mw_log(MW_LOG_INFO, "feed %s: makes another connection before this one ends", feed->name);
    shard->next = next;
    shard->current->refusal_count = 0; /* those were of an overlap before */
    shard->overlap_until = 0;
}

static void promote(struct mw_feed *feed, struct mw_shard *shard)
{
    struct mw_line *gone = shard->current, *next = shard->next;
    bool lost = !mw_line_is_up(gone);
    if (lost && next->state != MW_CONNECTION_CONFIRMED && next->state != MW_CONNECTION_CONNECTED) {
        /* To whoever looks on, this feed lost its connection and makes another. */
        next->state = MW_CONNECTION_RECONNECTING;
        next->has_error = gone->has_error;
        next->error = gone->error;
        next->inherited = true;
    }
    *shard = (struct mw_shard){.current = next};
    mw_feed_retire(feed, gone);
    feed->gone.reconnects++; /* the next one's first connection is the shard's second */
    mw_log(MW_LOG_INFO, "feed %s: goes on with the new connection, the old one is %s", feed->name,
           lost ? "lost" : "ended");
}

bool mw_feed_take_over(struct mw_feed *feed, const struct mw_line *lost)
{
    bool taken = false;
    pthread_mutex_lock(&feed->lock);
    for (uint32_t i = 0; i < feed->shard_count && !feed->stopping; i++) {
        struct mw_shard *shard = &feed->shards[i];
        if (shard->current != lost || shard->next == NULL || shard->next->unfit ||
            mw_line_is_up(lost) || !mw_line_is_up(shard->next))
            continue;
        promote(feed, shard);
        taken = true;
    }
    pthread_mutex_unlock(&feed->lock);
    return taken;
}

static void drop_next(struct mw_feed *feed, struct mw_shard *shard, int64_t now_ms)
{
    mw_log(MW_LOG_WARN, "feed %s: the second connection failed: %s", feed->name,
           shard->next->has_error ? shard->next->error.message : "it is not needed any more");
    mw_feed_retire(feed, shard->next);
    shard->next = NULL;
    double wait_ms = feed->options.reconnect.cap_s * MW_MS_PER_SECOND;
    shard->replace_at =
        now_ms + (wait_ms < MW_FEED_REPLACE_MS_MAX ? (int64_t)wait_ms : MW_FEED_REPLACE_MS_MAX);
}

/* Whether all that came on the old connection comes on the new one. */
static bool covers(const struct mw_shard *shard)
{
    struct mw_connection *from = shard->current->connection, *to = shard->next->connection;
    uint32_t count;
    struct mw_series **list = mw_connection_list_series(from, &count);
    bool all = true;
    for (uint32_t i = 0; i < count && all; i++)
        all = !mw_connection_flows(from, list[i]) || mw_connection_flows(to, list[i]);
    mw_free(list);
    return all;
}

/* Takes the next step with one shard. Returns when to look again. */
static int64_t tend(struct mw_feed *feed, struct mw_shard *shard, int64_t now_ms)
{
    const struct mw_line *current = shard->current, *next = shard->next;
    if (next == NULL) {
        bool open =
            current->state == MW_CONNECTION_CONNECTED || current->state == MW_CONNECTION_CONFIRMED;
        if (!open || !current->expiring)
            return INT64_MAX;
        if (now_ms >= shard->replace_at)
            make_next(feed, shard, now_ms);
        return shard->next == NULL ? shard->replace_at : INT64_MAX;
    }
    bool down = !mw_line_is_up(current);
    if (next->unfit || next->state == MW_CONNECTION_FAILED || (down && !mw_line_is_up(next))) {
        drop_next(feed, shard, now_ms);
        return shard->replace_at;
    }
    if (down) {
        promote(feed, shard);
        return INT64_MAX;
    }
    if (next->state != MW_CONNECTION_CONFIRMED || next->ending) {
        shard->overlap_until = 0;
        return INT64_MAX;
    }
    if (shard->overlap_until == 0)
        shard->overlap_until = now_ms + feed->overlap_ms;
    if (now_ms < shard->overlap_until && !covers(shard))
        return sooner(now_ms + MW_FEED_OVERLAP_LOOK_MS, shard->overlap_until);
    promote(feed, shard);
    return INT64_MAX;
}

/* Ends the shards that carry nothing; the first one stays, as a feed without series does. */
static void end_empty(struct mw_feed *feed)
{
    for (uint32_t i = feed->shard_count - 1; i > 0; i--) {
        struct mw_shard *shard = &feed->shards[i];
        if (mw_connection_series_count(shard->current->connection) > 0 ||
            (shard->next != NULL && mw_connection_series_count(shard->next->connection) > 0))
            continue;
        mw_feed_retire(feed, shard->current);
        if (shard->next != NULL)
            mw_feed_retire(feed, shard->next);
        feed->shard_count--;
        memmove(shard, shard + 1, (feed->shard_count - i) * sizeof(*shard));
    }
}

void mw_feed_keep(void *user)
{
    mw_role_assert(&mw_keeper_thread);
    struct mw_feed *feed = user;
    for (;;) {
        int64_t now_ms = mw_clock_monotonic_ms(), look_at = INT64_MAX;
        pthread_mutex_lock(&feed->lock);
        for (uint32_t i = 0; i < feed->shard_count && !feed->stopping; i++)
            look_at = sooner(look_at, tend(feed, &feed->shards[i], now_ms));
        bool stopping = feed->stopping;
        if (!stopping)
            end_empty(feed);
        pthread_mutex_unlock(&feed->lock);
        if (stopping)
            return;
        pthread_mutex_lock(&feed->telling);
        mw_feed_reconsider(feed, NULL);
        pthread_mutex_unlock(&feed->telling);
        mw_feed_reap(feed);
        int64_t wait_ms = look_at - mw_clock_monotonic_ms();
        mw_wake_wait(&feed->wake, look_at == INT64_MAX ? -1 : wait_ms > 0 ? wait_ms : 0);
    }
}
