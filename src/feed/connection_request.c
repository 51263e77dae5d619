/* connection_request.c - what a connection subscribes to, and asks its venue for. */
#include "feed/connection_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

/* Builds one request, and remembers its id until the venue answers. */
static void request(struct mw_connection *connection, bool subscribe, int64_t id,
                    const struct mw_protocol_series *series, uint32_t series_count)
    MW_ON(mw_feed_thread)
{
    const struct mw_protocol_feed feed = {.name = connection->name,
                                          .csrf_token = connection->csrf_token,
                                          .market_type = connection->market_type};
    const struct mw_protocol_request wanted = {.subscribe = subscribe,
                                               .series = series,
                                               .series_count = series_count,
                                               .id = id,
                                               .feed = &feed};
    struct mw_outgoing **before = connection->last_outgoing;
    struct mw_error err;
    if (mw_protocol_build(connection->protocol, &wanted, mw_connection_add_outgoing, connection,
                          &err) != MW_OK) {
        mw_connection_give_up(connection, &err);
        return;
    }
    if (connection->protocol->ok_count > 0 && *before != NULL)
        mw_map_set(&connection->pending, &id, sizeof(id), connection);
}

/* Requests `list`, in as many messages as the venue wants it. */
static void request_list(struct mw_connection *connection, bool subscribe,
                         struct mw_subscription *const *list, uint32_t list_count)
    MW_ON(mw_feed_thread)
{
    struct mw_protocol_series *series = mw_alloc((list_count + 1) * sizeof(*series));
    uint32_t batch = connection->protocol->batch_count_max;
    if (batch == 0 || connection->protocol->replaces)
        batch = list_count;
    int64_t now = mw_clock_monotonic_ms();
    uint32_t done = 0;
    do {
        uint32_t until = list_count - done < batch ? list_count : done + batch;
        int64_t id = ++connection->next_id;
        for (uint32_t i = done; i < until; i++) {
            series[i] = (struct mw_protocol_series){list[i]->symbol, list[i]->timeframe_code};
            if (list[i]->requested)
                continue;
            list[i]->request_id = id;
            list[i]->looked_at = now;
            list[i]->requested = true;
            list[i]->flows = list[i]->verified = false;
        }
        request(connection, subscribe, id, series + done, until - done);
        done = until;
    } while (done < list_count);
    mw_free(series);
}

void mw_connection_request_wanted(struct mw_connection *connection, bool changed)
    MW_ON(mw_feed_thread)
{
    bool replaces = connection->protocol->replaces;
    uint32_t list_count;
    struct mw_subscription **list =
        mw_subscriptions_list(&connection->intake.subscriptions, replaces, &list_count);
    if (list_count > 0 || (replaces && changed))
        request_list(connection, true, list, list_count);
    mw_free(list);
    mw_connection_send_outgoing(connection);
    mw_connection_arm_timer(connection);
}

/* Ends that other threads see `key` as subscribed, unless one of them has just asked for it
 * again. */
static void unwant(struct mw_connection *connection, const struct mw_subscription *refused)
{
    char key[MW_WANTED_KEY_BYTES];
    size_t length = mw_connection_wanted_key(refused->symbol, refused->timeframe_code, key);
    pthread_mutex_lock(&connection->lock);
    const struct mw_command *command = connection->first_command;
    while (command != NULL &&
           (command->kind == MW_COMMAND_PROBED || strcmp(command->symbol, refused->symbol) != 0 ||
            strcmp(command->timeframe_code, refused->timeframe_code) != 0))
        command = command->next;
    if (command == NULL && mw_map_remove(&connection->wanted, key, length) != NULL)
        mw_series_set_health(refused->series, MW_SERIES_IDLE);
    pthread_mutex_unlock(&connection->lock);
}

void mw_connection_drop_refused(struct mw_connection *connection, const int64_t *id)
{
    uint32_t list_count;
    struct mw_subscription **list =
        mw_subscriptions_list(&connection->intake.subscriptions, true, &list_count);
    for (uint32_t i = 0; i < list_count; i++) {
        if (list[i]->confirmed || !list[i]->requested || (id != NULL && list[i]->request_id != *id))
            continue;
        mw_connection_record_series(connection, MW_CAPTURE_UNSUBSCRIBE, list[i], 0);
        unwant(connection, list[i]);
        const struct mw_subscription gone = *list[i];
        mw_subscriptions_remove(&connection->intake.subscriptions, gone.symbol,
                                gone.timeframe_code);
    }
    mw_free(list);
}

struct mw_command *mw_connection_take_commands(struct mw_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    struct mw_command *first = connection->first_command;
    connection->first_command = NULL;
    connection->last_command = &connection->first_command;
    pthread_mutex_unlock(&connection->lock);
    return first;
}

/* Who has asked for it again meanwhile must not find it idle: the history would drop its work. */
static bool end_subscription(struct mw_connection *connection, const struct mw_subscription *named)
{
    char key[MW_WANTED_KEY_BYTES];
    size_t length = mw_connection_wanted_key(named->symbol, named->timeframe_code, key);
    pthread_mutex_lock(&connection->lock);
    bool wanted_again = mw_map_find(&connection->wanted, key, length) != NULL;
    bool was_there = mw_intake_unsubscribe(&connection->intake, named->symbol,
                                           named->timeframe_code, wanted_again);
    pthread_mutex_unlock(&connection->lock);
    return was_there;
}

static void apply(struct mw_connection *connection, const struct mw_command *command)
    MW_ON(mw_feed_thread)
{
    struct mw_intake *intake = &connection->intake;
    struct mw_subscription named = {.series = command->series};
    memcpy(named.symbol, command->symbol, sizeof(named.symbol));
    memcpy(named.timeframe_code, command->timeframe_code, sizeof(named.timeframe_code));
    if (command->kind == MW_COMMAND_PROBED) {
        mw_connection_probed(connection, command->series, command->missed);
    } else if (command->kind == MW_COMMAND_SUBSCRIBE) {
        mw_connection_record_series(connection, MW_CAPTURE_SUBSCRIBE, &named, 0);
        mw_intake_subscribe(intake, named.symbol, named.timeframe_code, named.series);
    } else {
        const struct mw_subscription *gone =
            mw_subscriptions_find_named(&intake->subscriptions, named.symbol, named.timeframe_code);
        if (gone != NULL) {
            mw_connection_record_series(connection, MW_CAPTURE_UNSUBSCRIBE, gone, 0);
            mw_connection_hide_flow(connection, gone->series);
        }
        struct mw_subscription *one = &named;
        if (end_subscription(connection, &named) && mw_client_is_open(connection->client) &&
            !connection->protocol->replaces)
            request_list(connection, false, &one, 1);
    }
}

bool mw_connection_apply_commands(struct mw_connection *connection)
{
    struct mw_command *command = mw_connection_take_commands(connection);
    bool changed = false;
    mw_intake_set_time(&connection->intake, mw_clock_wall_ms(), mw_clock_monotonic_ms());
    while (command != NULL) {
        changed = changed || command->kind != MW_COMMAND_PROBED;
        apply(connection, command);
        struct mw_command *next = command->next;
        mw_free(command);
        command = next;
    }
    if (changed)
        mw_cache_flush(connection->options.cache);
    return changed;
}

void mw_connection_run_commands(struct mw_connection *connection)
{
    bool changed = mw_connection_apply_commands(connection);
    mw_connection_set_clock(connection);
    if (changed && mw_client_is_open(connection->client))
        mw_connection_request_wanted(connection, true);
}

static void log_silence(struct mw_connection *connection, const struct mw_subscription *first,
                        uint32_t list_count)
{
    uint64_t held;
    if (list_count == 0 ||
        !mw_log_gate_pass(&connection->silence_gate, mw_clock_monotonic_ms(), &held))
        return;
    if (list_count > 1)
        mw_log(MW_LOG_WARN, "feed %s: %s %s and %u others are silent, subscribed again",
               connection->name, first->symbol, first->timeframe_code, list_count - 1);
    else
        mw_log(MW_LOG_WARN, "feed %s: %s %s is silent, subscribed again", connection->name,
               first->symbol, first->timeframe_code);
}

void mw_connection_resubscribe(struct mw_connection *connection,
                               struct mw_subscription *const *list, uint32_t list_count)
{
    log_silence(connection, list_count > 0 ? list[0] : NULL, list_count);
    for (uint32_t i = 0; i < list_count; i++) {
        mw_connection_record_series(connection, MW_CAPTURE_INTERRUPT, list[i], 0);
        mw_intake_interrupt_series(&connection->intake, list[i]);
        mw_connection_hide_flow(connection, list[i]->series);
        atomic_fetch_add_explicit(&connection->resubscribes, 1, memory_order_relaxed);
    }
    if (!connection->protocol->replaces)
        request_list(connection, false, list, list_count);
    for (uint32_t i = 0; i < list_count; i++)
        list[i]->requested = false;
    mw_connection_request_wanted(connection, true);
}
