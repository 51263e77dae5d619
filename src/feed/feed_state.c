/* feed_state.c - lines and what they tell: one state out of many. */
#include "feed/feed_parts.h"

#include <stdio.h>

#include "base/check.h"

/* A replacement counts once it is confirmed; until then the one that it replaces does. */
static const struct mw_line *counting_line(const struct mw_shard *shard)
{
    if (shard->next != NULL && shard->next->state == MW_CONNECTION_CONFIRMED)
        return shard->next;
    return shard->current;
}

/* A thread that has not told anything yet is about to connect. */
static mw_connection_state counted_state(const struct mw_line *line)
{
    return line->state != MW_CONNECTION_DISCONNECTED ? line->state : MW_CONNECTION_CONNECTING;
}

static int badness(mw_connection_state state)
{
    switch (state) {
    case MW_CONNECTION_FAILED:
        return 4;
    case MW_CONNECTION_RECONNECTING:
        return 3;
    case MW_CONNECTION_DISCONNECTED:
    case MW_CONNECTION_CONNECTING:
        return 2;
    case MW_CONNECTION_CONNECTED:
        return 1;
    case MW_CONNECTION_CONFIRMED:
    case MW_CONNECTION_STATE_COUNT:
        break;
    }
    return 0;
}

const struct mw_line *mw_feed_worst(const struct mw_feed *feed, mw_connection_state *state)
{
    const struct mw_line *worst = NULL;
    for (uint32_t i = 0; i < feed->shard_count; i++) {
        const struct mw_line *line = counting_line(&feed->shards[i]);
        if (worst == NULL || badness(counted_state(line)) > badness(*state)) {
            worst = line;
            *state = counted_state(line);
        }
    }
    return worst;
}

bool mw_line_is_up(const struct mw_line *line)
{
    return badness(line->state) <= badness(MW_CONNECTION_CONNECTING);
}

void mw_feed_reconsider(struct mw_feed *feed, const struct mw_line *by)
{
    struct mw_error error;
    pthread_mutex_lock(&feed->lock);
    mw_connection_state state = feed->state;
    const struct mw_line *worst = mw_feed_worst(feed, &state);
    bool tell = feed->started && !feed->stopping && (state != feed->state || worst == by);
    bool has_error = tell && worst->has_error;
    if (tell)
        feed->state = state;
    if (has_error)
        error = worst->error;
    pthread_mutex_unlock(&feed->lock);
    if (!tell)
        return;
    const struct mw_feed_event event = {
        .feed = feed->name, .is_state = true, .state = state, .err = has_error ? &error : NULL};
    feed->options.on_event(feed->options.user, &event);
}

/* Notes what a line tells of its state. Returns whether it counts. */
static bool take_state(struct mw_line *line, const struct mw_feed_event *event)
{
    pthread_mutex_lock(&line->feed->lock);
    bool counts = !line->done && !(line->inherited && event->state == MW_CONNECTION_CONNECTING);
    if (counts) {
        line->state = event->state;
        line->inherited = false;
        line->has_error = event->err != NULL;
        if (event->err != NULL)
            line->error = *event->err;
        if (event->state == MW_CONNECTION_CONNECTED)
            line->expiring = false; /* that was the connection before */
    }
    pthread_mutex_unlock(&line->feed->lock);
    return counts;
}

static void pass_refusal(struct mw_line *line, const struct mw_feed_event *event)
{
    struct mw_feed *feed = line->feed;
    struct mw_feed_event told = *event;
    pthread_mutex_lock(&feed->lock);
    bool tell = feed->started && !feed->stopping && !line->done;
    told.state = feed->state;
    pthread_mutex_unlock(&feed->lock);
    if (tell)
        feed->options.on_event(feed->options.user, &told);
}

static void on_event(void *user, const struct mw_feed_event *event)
{
    struct mw_line *line = user;
    struct mw_feed *feed = line->feed;
    pthread_mutex_lock(&feed->telling);
    if (!event->is_state) {
        pass_refusal(line, event);
    } else if (take_state(line, event)) {
        mw_feed_reconsider(feed, event->err != NULL ? line : NULL);
        if (mw_feed_take_over(feed, line))
            mw_feed_reconsider(feed, NULL);
    }
    pthread_mutex_unlock(&feed->telling);
    mw_wake_raise(&feed->wake);
}

static void on_expiring(void *user)
{
    struct mw_line *line = user;
    pthread_mutex_lock(&line->feed->lock);
    line->expiring = true;
    pthread_mutex_unlock(&line->feed->lock);
    mw_wake_raise(&line->feed->wake);
}

static void on_silence(void *user, struct mw_series *series)
{
    struct mw_feed *feed = ((struct mw_line *)user)->feed;
    feed->options.probe(feed->options.user, series);
}

mw_status mw_line_new(struct mw_feed *feed, struct mw_line **out, struct mw_error *err)
{
    struct mw_protocol *protocol;
    mw_status status = mw_protocol_load(feed->protocol_file, &protocol, err);
    if (status != MW_OK)
        return mw_fail_within(err, status, "feed %s", feed->name);
    struct mw_line *line = mw_alloc_zero(sizeof(*line));
    line->feed = feed;
    line->stream_count_max = protocol->stream_count_max;
    struct mw_connection_options options = feed->options;
    options.endpoints = (const char *const *)feed->endpoints;
    options.endpoint_count = feed->endpoint_count;
    options.probe = options.probe != NULL ? on_silence : NULL;
    options.on_expiring = on_expiring;
    options.on_event = on_event;
    options.user = line;
    status = mw_connection_new(&options, protocol, &line->connection, err);
    if (status != MW_OK)
        mw_line_free(line);
    else
        *out = line;
    return status;
}

void mw_line_free(struct mw_line *line)
{
    if (line == NULL)
        return;
    mw_connection_free(line->connection);
    mw_free(line);
}

void mw_feed_add_counters(struct mw_connection_status *sum, const struct mw_connection_status *more)
{
    sum->frames += more->frames;
    sum->bytes += more->bytes;
    sum->candles += more->candles;
    sum->late += more->late;
    sum->revised += more->revised;
    sum->other += more->other;
    sum->unsubscribed += more->unsubscribed;
    sum->reconnects += more->reconnects;
    sum->resubscribes += more->resubscribes;
    for (int i = 0; i < MW_REJECT_COUNT; i++)
        sum->rejects[i] += more->rejects[i];
}
