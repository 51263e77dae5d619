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
            line->expiring = line->ending = false; /* that was the connection before */
    }
    pthread_mutex_unlock(&line->feed->lock);
    return counts;
}

struct mw_line *mw_feed_find_sibling(const struct mw_feed *feed, const struct mw_line *line)
{
    for (uint32_t i = 0; i < feed->shard_count; i++) {
        const struct mw_shard *shard = &feed->shards[i];
        if (shard->current == line || shard->next == line)
            return shard->current == line ? shard->next : shard->current;
    }
    return NULL;
}

static uint64_t hash(const struct mw_error *err)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (const char *at = err->message; *at != '\0'; at++)
        sum = (sum ^ (unsigned char)*at) * 1099511628211u;
    return sum ^ (uint64_t)(uint32_t)err->code;
}

/* While a connection is replaced, both ask for what is subscribed and both are refused. Returns
 * whether the refusal is the first of the two. Under `lock`. */
static bool is_news(struct mw_line *line, const struct mw_error *err)
{
    struct mw_line *sibling = mw_feed_find_sibling(line->feed, line);
    uint64_t text = hash(err);
    for (uint32_t i = 0; sibling != NULL && i < sibling->refusal_count; i++) {
        if (sibling->refusals[i] != text)
            continue;
        sibling->refusals[i] = sibling->refusals[--sibling->refusal_count];
        return false;
    }
    if (sibling != NULL && line->refusal_count < MW_FEED_REFUSALS_MAX)
        line->refusals[line->refusal_count++] = text;
    return true;
}

static void pass_refusal(struct mw_line *line, const struct mw_feed_event *event)
{
    struct mw_feed *feed = line->feed;
    struct mw_feed_event told = *event;
    pthread_mutex_lock(&feed->lock);
    bool tell = feed->started && !feed->stopping && !line->done && is_news(line, event->err);
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

static bool is_current(const struct mw_feed *feed, const struct mw_line *line)
{
    bool found = false;
    for (uint32_t i = 0; i < feed->shard_count && !found; i++)
        found = feed->shards[i].current == line;
    return found;
}

/* The end of a line's connection is noted before it is told, so that of two which end at once one
 * does not count on the other. A quiet series that only the old connection has is still its own. */
static bool is_covered(void *user, const struct mw_series *series)
{
    struct mw_line *line = user;
    struct mw_feed *feed = line->feed;
    pthread_mutex_lock(&feed->lock);
    line->ending = true;
    const struct mw_line *sibling = mw_feed_find_sibling(feed, line);
    bool covered = sibling != NULL && !feed->stopping && !sibling->ending &&
                   sibling->state == MW_CONNECTION_CONFIRMED &&
                   mw_connection_carries(sibling->connection, series);
    if (covered && !mw_connection_flows(sibling->connection, series))
        covered = is_current(feed, sibling) && !mw_connection_flows(line->connection, series);
    pthread_mutex_unlock(&feed->lock);
    return covered;
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
    options.is_covered = is_covered;
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
