/* connection_liveness.c - whether a socket and each of its series live, and bars that time closes.
 *
 * Nothing here runs per message: candles leave their time in the subscription, the client knows
 * when it last read, and a timer compares.
 */
#include "feed/connection_parts.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    LATE_MS = 1000,               /* a timer this late: the whole process was held up */
    LOOK_MS_MAX = MW_MS_PER_HOUR, /* the longest time that doubling leads to */
    PROBES_MAX = 3,               /* questions to the history in one silence of all series */
    LOOKS_MAX = 32,               /* series in one look; the rest has its turn in the next */
    CLOCK_SLEEP_MS_MAX = 60000,   /* how late a jump of the wall clock can be noticed */
    HEALTHY_MS = MW_MS_PER_HOUR,  /* a connection that held this long worked, data or none */
    EXPIRE_MS_MIN = 60000,        /* before the end of a lifetime, or a hundredth of it */
    EXPIRE_PERCENT = 100,         /* a hundredth */
    EXPIRE_SHORT = 4,             /* but never more than this part of it */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- the socket ------------------------------------------------------------------------------- */

static int64_t heard_at(const struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    return most(mw_client_heard_ms(connection->client), connection->live.opened_at);
}

/* Notes since when what waits to be sent cannot be. */
static void note_stuck(struct mw_connection *connection, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    uint64_t sent;
    size_t waiting = mw_client_unsent(connection->client, &sent);
    if (waiting == 0)
        live->stuck_at = MW_NEVER;
    else if (live->stuck_at == MW_NEVER || sent != live->sent)
        live->stuck_at = now;
    live->sent = sent;
}

/* What was received since a ping is looked at after `ping_ms`, too: the next one is due then. */
static void set_socket_at(struct mw_connection *connection, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    const struct mw_connection_options *options = &connection->options;
    live->socket_at = live->beat_at;
    if (live->pinged_at != MW_NEVER && options->pong_ms > 0)
        live->socket_at = least(live->socket_at, live->pinged_at + options->pong_ms);
    int64_t silent_at = live->pinged_at == MW_NEVER ? heard_at(connection) : live->pinged_at;
    if (options->ping_ms > 0 && now < silent_at + options->ping_ms)
        live->socket_at = least(live->socket_at, silent_at + options->ping_ms);
    if (live->stuck_at != MW_NEVER && options->pong_ms > 0)
        live->socket_at = least(live->socket_at, live->stuck_at + options->pong_ms);
}

/* Whether the peer has had its time to answer, or to take what is sent to it. */
static bool is_dead(struct mw_connection *connection, int64_t now, struct mw_error *err)
    MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    int64_t pong_ms = connection->options.pong_ms;
    if (pong_ms == 0)
        return false;
    if (now - live->socket_at > LATE_MS) { /* what has come meanwhile was not read yet */
        live->pinged_at = live->pinged_at != MW_NEVER ? now : MW_NEVER;
        live->stuck_at = live->stuck_at != MW_NEVER ? now : MW_NEVER;
    }
    if (live->pinged_at != MW_NEVER && now - live->pinged_at >= pong_ms) {
        mw_fail(err, MW_ETIMEOUT, "nothing received for %g s, not even an answer to a ping",
                (double)(now - heard_at(connection)) / MW_MS_PER_SECOND);
        return true;
    }
    if (live->stuck_at != MW_NEVER && now - live->stuck_at >= pong_ms) {
        mw_fail(err, MW_ETIMEOUT, "nothing could be sent for %g s",
                (double)(now - live->stuck_at) / MW_MS_PER_SECOND);
        return true;
    }
    return false;
}

static void check_socket(struct mw_connection *connection, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    const struct mw_connection_options *options = &connection->options;
    struct mw_error err;
    if (live->pinged_at != MW_NEVER && heard_at(connection) >= live->pinged_at)
        live->pinged_at = MW_NEVER;
    note_stuck(connection, now);
    if (is_dead(connection, now, &err)) {
        mw_connection_drop(connection, &err);
        return;
    }
    bool silent = options->ping_ms > 0 && live->pinged_at == MW_NEVER &&
                  now - heard_at(connection) >= options->ping_ms;
    if (silent || now >= live->beat_at) {
        bool answered = mw_connection_send_heartbeat(connection);
        if (!answered && silent)
            mw_connection_send_ping(connection);
        if (live->pinged_at == MW_NEVER && (answered || silent))
            live->pinged_at = now;
        if (live->beat_at != MW_NEVER)
            live->beat_at = now + connection->protocol->heartbeat.every_ms;
    }
    set_socket_at(connection, now);
}

/* --- the series ------------------------------------------------------------------------------- */

/* When any series last had a candle, or INT64_MIN. */
static int64_t flowed_at(const struct mw_connection *connection)
{
    int64_t last = INT64_MIN;
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&connection->intake.subscriptions.by_key, &at)) != NULL) {
        const struct mw_subscription *subscription = item->value;
        if (subscription->flows)
            last = most(last, subscription->candle_at);
    }
    return last;
}

/* Whether any series had a candle lately. */
static bool any_flows(const struct mw_connection *connection, int64_t now)
{
    int64_t last = flowed_at(connection);
    return last != INT64_MIN && now - last < connection->options.stall_ms;
}

/* `look_count` looks in vain double the time until the next. */
static int64_t patience(const struct mw_connection *connection, int64_t cadence_ms,
                        uint32_t look_count)
{
    int64_t limit = mw_intake_patience(&connection->intake, cadence_ms);
    int64_t limit_max = most(limit, LOOK_MS_MAX);
    for (uint32_t i = 0; i < look_count && limit < limit_max; i++)
        limit *= 2;
    return least(limit, limit_max);
}

static void probe(struct mw_connection *connection, struct mw_subscription *subscription,
                  int64_t now)
{
    subscription->probed_at = now;
    if (connection->options.probe == NULL)
        return;
    subscription->probing = true;
    connection->options.probe(connection->options.user, subscription->series);
}

/* A series that nothing came of since it was asked for: is it quiet, or not served? */
static bool is_unknown(const struct mw_connection *connection,
                       const struct mw_subscription *subscription, int64_t now)
{
    return connection->options.probe != NULL && subscription->requested && !subscription->flows &&
           subscription->probed_at < subscription->looked_at &&
           now - subscription->looked_at >= connection->options.stall_ms;
}

/* Asks the history about such, once; that alone can tell that they are up to date. */
static void look_at_unknown(struct mw_connection *connection, struct mw_subscription *const *list,
                            uint32_t list_count, int64_t now)
{
    uint32_t probes = 0;
    for (uint32_t i = 0; i < list_count && probes < LOOKS_MAX; i++) {
        if (!is_unknown(connection, list[i], now) ||
            mw_series_get_health(list[i]->series) == MW_SERIES_LIVE)
            continue;
        probes++;
        list[i]->looked_at = now;
        list[i]->renewed = false;
        probe(connection, list[i], now);
    }
}

/* Others went on until `flowed`, and that long without it. Silence after that is a quiet market's,
 * which says nothing about one that fell silent a moment before the rest. */
static bool is_silent(const struct mw_connection *connection,
                      const struct mw_subscription *subscription, int64_t flowed)
{
    int64_t since = most(connection->live.flow_since, subscription->looked_at);
    if (subscription->flows)
        since = most(since, subscription->candle_at);
    return subscription->requested &&
           flowed - since >=
               patience(connection, subscription->cadence_ms, subscription->look_count);
}

/* Others flow: what is silent is subscribed again. */
static void look_at_each(struct mw_connection *connection, struct mw_subscription *const *list,
                         uint32_t list_count, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_subscription *silent[LOOKS_MAX];
    uint32_t silent_count = 0;
    int64_t flowed = flowed_at(connection);
    for (uint32_t i = 0; i < list_count && silent_count < LOOKS_MAX; i++) {
        if (!is_silent(connection, list[i], flowed) || is_unknown(connection, list[i], now))
            continue; /* the latter have their turn */
        list[i]->look_count++;
        silent[silent_count++] = list[i];
    }
    if (silent_count == 0)
        return;
    mw_connection_resubscribe(connection, silent, silent_count);
    for (uint32_t i = 0; i < silent_count; i++) {
        silent[i]->renewed = true;
        probe(connection, silent[i], now);
    }
}

/* Whether more candles are to be expected of `a`. */
static bool is_more_active(const struct mw_subscription *a, const struct mw_subscription *b)
{
    if (a->cadence_ms == 0 || b->cadence_ms == 0)
        return a->cadence_ms != 0 && b->cadence_ms == 0;
    return a->cadence_ms < b->cadence_ms;
}

/* Nothing flows: the history knows whether anything should. */
static void look_at_all(struct mw_connection *connection, struct mw_subscription *const *list,
                        uint32_t list_count, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    int64_t last = live->opened_at, cadence_ms = 0;
    for (uint32_t i = 0; i < list_count; i++) {
        if (list[i]->flows)
            last = most(last, list[i]->candle_at);
        if (list[i]->cadence_ms > 0 && (cadence_ms == 0 || list[i]->cadence_ms < cadence_ms))
            cadence_ms = list[i]->cadence_ms;
    }
    if (live->quiet_at == MW_NEVER || last > live->quiet_at) {
        live->quiet_at = last;
        live->quiet_count = 0;
    }
    if (now - live->quiet_at < patience(connection, cadence_ms, live->quiet_count))
        return;
    live->quiet_at = now;
    live->quiet_count++;
    for (uint32_t probes = 0; probes < PROBES_MAX; probes++) {
        struct mw_subscription *best = NULL;
        for (uint32_t i = 0; i < list_count; i++)
            if (list[i]->requested && list[i]->probed_at != now &&
                (best == NULL || is_more_active(list[i], best)))
                best = list[i];
        if (best == NULL)
            return;
        best->renewed = false;
        probe(connection, best, now);
    }
}

/* Before that there is another time-out, and nothing has to flow yet. */
static bool is_confirmed(const struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    return mw_client_is_open(connection->client) &&
           (mw_connection_get_state(connection) == MW_CONNECTION_CONFIRMED ||
            connection->protocol->ok_count == 0);
}

static void check_series(struct mw_connection *connection, int64_t now) MW_ON(mw_feed_thread)
{
    struct mw_liveness *live = &connection->live;
    live->look_at = now + most(connection->options.stall_ms / 2, 1);
    if (connection->failure_count > 0 && now - live->opened_at >= HEALTHY_MS)
        mw_connection_settle(connection);
    if (!is_confirmed(connection))
        return;
    uint32_t list_count;
    struct mw_subscription **list =
        mw_subscriptions_list(&connection->intake.subscriptions, true, &list_count);
    look_at_unknown(connection, list, list_count, now);
    if (any_flows(connection, now)) {
        look_at_each(connection, list, list_count, now);
    } else {
        live->flow_since = now;
        look_at_all(connection, list, list_count, now);
    }
    mw_free(list);
    mw_cache_flush(connection->options.cache);
}

/* Something was missed: what follows from it. */
static void catch_up(struct mw_connection *connection, struct mw_subscription *subscription)
    MW_ON(mw_feed_thread)
{
    int64_t now = mw_clock_monotonic_ms();
    subscription->look_count = 0; /* that look was not in vain */
    if (!subscription->flows && !subscription->verified) {
        /* It may have happened while there was no connection: the next answer tells. */
        subscription->verified = true;
        subscription->looked_at = now;
        subscription->probed_at = INT64_MIN;
    } else if (!any_flows(connection, now)) {
        struct mw_error err;
        mw_fail(&err, MW_ETIMEOUT, "the stream is dead: history has newer bars");
        mw_connection_give_up(connection, &err);
    } else if (!subscription->renewed) {
        mw_connection_resubscribe(connection, &subscription, 1);
    }
}

void mw_connection_probed(struct mw_connection *connection, const struct mw_series *series,
                          bool missed)
{
    struct mw_intake *intake = &connection->intake;
    struct mw_subscription *subscription =
        mw_subscriptions_find_series(&intake->subscriptions, series);
    if (subscription == NULL || !subscription->probing)
        return;
    subscription->probing = false;
    bool came = subscription->flows && subscription->candle_at >= subscription->probed_at;
    if (!is_confirmed(connection) ||
        !subscription->requested) { /* it was quiet, and is not known */
        mw_intake_set_health(intake, subscription->series, MW_SERIES_STALE);
    } else if (!came && missed) {
        catch_up(connection, subscription);
    } else if (!came) {
        subscription->verified = true;
        mw_intake_set_health(intake, subscription->series, MW_SERIES_LIVE);
    }
    mw_cache_flush(connection->options.cache);
}

void mw_connection_note_candle(struct mw_connection *connection)
{
    struct mw_liveness *live = &connection->live;
    int64_t now = connection->intake.mono_ms;
    if (live->first_candle_at == MW_NEVER)
        live->first_candle_at = now;
    double settle_ms = connection->options.reconnect.settle_s * MW_MS_PER_SECOND;
    if (connection->failure_count > 0 && (double)(now - live->first_candle_at) >= settle_ms)
        mw_connection_settle(connection);
}

/* --- bars that time closes -------------------------------------------------------------------- */

static void record_close(void *user, const struct mw_subscription *subscription, int64_t open_ms)
{
    mw_connection_record_series(user, MW_CAPTURE_CLOCK, subscription, open_ms);
}

static void sleep_until(struct mw_connection *connection, int64_t due_ms, int64_t wall_ms,
                        int64_t now)
{
    connection->clock_ends_ms = connection->intake.ends_ms;
    connection->clock_at =
        due_ms == INT64_MAX ? MW_NEVER : now + most(least(due_ms - wall_ms, CLOCK_SLEEP_MS_MAX), 0);
}

static void check_clock(struct mw_connection *connection, int64_t now)
{
    int64_t wall_ms = mw_clock_wall_ms();
    int64_t due_ms = mw_intake_clock(&connection->intake, wall_ms, connection->options.grace_ms,
                                     record_close, connection);
    sleep_until(connection, due_ms, wall_ms, now);
}

void mw_connection_set_clock(struct mw_connection *connection)
{
    const struct mw_intake *intake = &connection->intake;
    if (intake->ends_ms == connection->clock_ends_ms)
        return;
    int64_t due_ms = intake->ends_ms;
    due_ms += due_ms == INT64_MAX ? 0 : connection->options.grace_ms;
    sleep_until(connection, due_ms, intake->wall_ms, intake->mono_ms);
    mw_connection_arm_timer(connection);
}

/* --- all together ----------------------------------------------------------------------------- */

void mw_connection_expire(struct mw_connection *connection, const char *why)
{
    struct mw_liveness *live = &connection->live;
    live->expire_at = MW_NEVER;
    if (live->expiring || connection->options.on_expiring == NULL)
        return;
    live->expiring = true;
    mw_log(MW_LOG_INFO, "feed %s: %s", connection->name, why);
    connection->options.on_expiring(connection->options.user);
}

void mw_connection_begin_liveness(struct mw_connection *connection)
{
    struct mw_liveness *live = &connection->live;
    int64_t now = mw_clock_monotonic_ms();
    mw_connection_end_liveness(connection);
    live->opened_at = live->flow_since = now;
    if (connection->protocol->heartbeat.every_ms > 0)
        live->beat_at = now + connection->protocol->heartbeat.every_ms;
    set_socket_at(connection, now);
    if (connection->options.stall_ms > 0)
        live->look_at = now + most(connection->options.stall_ms / 2, 1);
    int64_t lifetime_ms = connection->protocol->lifetime_ms;
    if (lifetime_ms > 0)
        live->expire_at =
            now + lifetime_ms -
            least(most(lifetime_ms / EXPIRE_PERCENT, EXPIRE_MS_MIN), lifetime_ms / EXPIRE_SHORT);
}

void mw_connection_end_liveness(struct mw_connection *connection)
{
    connection->live = (struct mw_liveness){.socket_at = MW_NEVER,
                                            .beat_at = MW_NEVER,
                                            .pinged_at = MW_NEVER,
                                            .stuck_at = MW_NEVER,
                                            .look_at = MW_NEVER,
                                            .first_candle_at = MW_NEVER,
                                            .quiet_at = MW_NEVER,
                                            .expire_at = MW_NEVER};
}

int64_t mw_connection_liveness_at(const struct mw_connection *connection)
{
    const struct mw_liveness *live = &connection->live;
    return least(least(live->socket_at, live->look_at),
                 least(live->expire_at, connection->clock_at));
}

void mw_connection_check_liveness(struct mw_connection *connection, int64_t now)
{
    struct mw_liveness *live = &connection->live;
    if (now >= connection->clock_at)
        check_clock(connection, now);
    if (!mw_client_is_open(connection->client)) /* its end is under way */
        live->socket_at = live->look_at = live->expire_at = MW_NEVER;
    if (now >= live->expire_at)
        mw_connection_expire(connection, "the venue's lifetime of a connection is nearly over");
    if (now >= live->look_at)
        check_series(connection, now);
    if (now >= live->socket_at)
        check_socket(connection, now);
}
