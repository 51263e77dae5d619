/* connection_request.c - what a connection sends: subscriptions, within the venue's rate. */
#include "feed/connection_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"

void mw_connection_drop_outgoing(struct mw_connection *connection)
{
    while (connection->first_outgoing != NULL) {
        struct mw_outgoing *sent = connection->first_outgoing;
        connection->first_outgoing = sent->next;
        mw_free(sent);
    }
    connection->last_outgoing = &connection->first_outgoing;
}

static void add_outgoing(void *user, const char *text, size_t length)
{
    struct mw_connection *connection = user;
    struct mw_outgoing *message = mw_alloc(sizeof(*message) + length);
    message->next = NULL;
    message->length = length;
    memcpy(message->text, text, length);
    *connection->last_outgoing = message;
    connection->last_outgoing = &message->next;
}

void mw_connection_send_outgoing(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    uint32_t rate = connection->protocol->messages_per_second;
    while (mw_client_is_open(connection->client) && connection->first_outgoing != NULL) {
        int64_t now = mw_clock_monotonic_ms();
        if (rate > 0 && connection->send_at != MW_NEVER && now < connection->send_at)
            return;
        struct mw_outgoing *message = connection->first_outgoing;
        if (!mw_client_send_text(connection->client, message->text, message->length)) {
            struct mw_error err;
            mw_fail(&err, MW_ELIMIT, "a message of %zu bytes does not fit the send queue",
                    message->length);
            mw_connection_give_up(connection, &err);
            return;
        }
        connection->first_outgoing = message->next;
        if (connection->first_outgoing == NULL)
            connection->last_outgoing = &connection->first_outgoing;
        mw_free(message);
        if (rate > 0)
            connection->send_at = now + (MW_MS_PER_SECOND + rate - 1) / rate;
        if (connection->pending.count > 0 && connection->confirm_at == MW_NEVER)
            connection->confirm_at = now + connection->options.confirm_ms;
    }
}

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
    if (mw_protocol_build(connection->protocol, &wanted, add_outgoing, connection, &err) != MW_OK) {
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
    uint32_t done = 0;
    do {
        uint32_t until = list_count - done < batch ? list_count : done + batch;
        int64_t id = ++connection->next_id;
        for (uint32_t i = done; i < until; i++) {
            series[i] = (struct mw_protocol_series){list[i]->symbol, list[i]->timeframe_code};
            if (!list[i]->requested)
                list[i]->request_id = id;
            list[i]->requested = true;
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
    while (command != NULL && (strcmp(command->symbol, refused->symbol) != 0 ||
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

void mw_connection_run_commands(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    struct mw_command *command = mw_connection_take_commands(connection);
    bool changed = command != NULL;
    while (command != NULL) {
        struct mw_subscription gone = {0};
        memcpy(gone.symbol, command->symbol, sizeof(gone.symbol));
        memcpy(gone.timeframe_code, command->timeframe_code, sizeof(gone.timeframe_code));
        if (command->subscribe) {
            mw_intake_subscribe(&connection->intake, command->symbol, command->timeframe_code,
                                command->series);
        } else if (mw_intake_unsubscribe(&connection->intake, command->symbol,
                                         command->timeframe_code) &&
                   mw_client_is_open(connection->client) && !connection->protocol->replaces) {
            struct mw_subscription *one = &gone;
            request_list(connection, false, &one, 1);
        }
        struct mw_command *next = command->next;
        mw_free(command);
        command = next;
    }
    if (changed && mw_client_is_open(connection->client))
        mw_connection_request_wanted(connection, true);
}
