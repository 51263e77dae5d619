/* connection_send.c - what a connection sends, within the venue's rate, and what it records. */
#include "feed/connection_parts.h"

#include <stdio.h>
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
    connection->urgent_count = 0;
}

static struct mw_outgoing *make(const char *text, size_t length)
{
    struct mw_outgoing *message = mw_alloc(sizeof(*message) + length);
    *message = (struct mw_outgoing){.length = length};
    memcpy(message->text, text, length);
    return message;
}

void mw_connection_add_outgoing(void *user, const char *text, size_t length)
{
    struct mw_connection *connection = user;
    struct mw_outgoing *message = make(text, length);
    *connection->last_outgoing = message;
    connection->last_outgoing = &message->next;
}

void mw_connection_add_urgent(void *user, const char *text, size_t length)
{
    struct mw_connection *connection = user;
    if (connection->urgent_count == MW_URGENT_MAX)
        return; /* what waits already shows that we live */
    struct mw_outgoing *message = make(text, length);
    message->urgent = true;
    connection->urgent_count++;
    struct mw_outgoing **at = &connection->first_outgoing;
    while (*at != NULL && (*at)->urgent)
        at = &(*at)->next;
    message->next = *at;
    *at = message;
    if (message->next == NULL)
        connection->last_outgoing = &message->next;
}

static void record_sent(struct mw_connection *connection, const struct mw_outgoing *message)
{
    bool secret = connection->csrf_token != NULL;
    const struct mw_capture_fields fields = {.size = (int64_t)message->length,
                                             .data = message->text,
                                             .length = secret ? 0 : message->length};
    mw_connection_record(connection, MW_CAPTURE_SENT, &fields);
}

/* Takes the first message, which was sent at `now`, out of the queue. */
static void take_sent(struct mw_connection *connection, int64_t now)
{
    struct mw_outgoing *message = connection->first_outgoing;
    record_sent(connection, message);
    connection->first_outgoing = message->next;
    if (connection->first_outgoing == NULL)
        connection->last_outgoing = &connection->first_outgoing;
    if (message->urgent)
        connection->urgent_count--;
    else if (connection->pending.count > 0 && connection->confirm_at == MW_NEVER)
        connection->confirm_at = now + connection->options.confirm_ms;
    mw_free(message);
}

void mw_connection_send_outgoing(struct mw_connection *connection)
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
        take_sent(connection, now);
        if (rate > 0)
            connection->send_at = now + (MW_MS_PER_SECOND + rate - 1) / rate;
    }
}

static void send_urgent(struct mw_connection *connection, mw_status status,
                        const struct mw_error *err) MW_ON(mw_feed_thread)
{
    if (status != MW_OK)
        mw_connection_give_up(connection, err);
    mw_connection_send_outgoing(connection);
    mw_connection_arm_timer(connection);
}

void mw_connection_answer(struct mw_connection *connection, uint32_t index, const char *message,
                          size_t length)
{
    const struct mw_text text = {message, length};
    struct mw_error err;
    mw_status status = mw_protocol_build_answer(connection->protocol, index, text,
                                                mw_connection_add_urgent, connection, &err);
    send_urgent(connection, status, &err);
}

bool mw_connection_send_heartbeat(struct mw_connection *connection)
{
    const struct mw_heartbeat *heartbeat = &connection->protocol->heartbeat;
    if (heartbeat->send <= 0) { /* no reference */
        mw_connection_send_ping(connection);
        return true;
    }
    struct mw_error err;
    mw_status status = mw_protocol_build_heartbeat(connection->protocol, mw_connection_add_urgent,
                                                   connection, &err);
    send_urgent(connection, status, &err);
    return heartbeat->reply_text != NULL || heartbeat->reply.condition_count > 0;
}

void mw_connection_send_ping(struct mw_connection *connection)
{
    /* If the queue is full, that it does not empty is found out as well. */
    bool queued = mw_client_send_ping(connection->client, "", 0);
    uint32_t rate = connection->protocol->messages_per_second;
    if (!queued || rate == 0)
        return;
    /* Venues count pings, too: it goes at once, and what waits makes room for it. */
    int64_t now = mw_clock_monotonic_ms();
    bool held = connection->send_at != MW_NEVER && connection->send_at > now;
    connection->send_at = (held ? connection->send_at : now) + (MW_MS_PER_SECOND + rate - 1) / rate;
}

/* --- recording -------------------------------------------------------------------------------- */

void mw_connection_record(struct mw_connection *connection, mw_capture_kind kind,
                          const struct mw_capture_fields *fields)
{
    if (connection->tap.capture == NULL)
        return;
    int64_t now_ms = connection->time_known ? connection->intake.wall_ms : mw_clock_wall_ms();
    mw_capture_put(&connection->tap, kind, now_ms, fields);
}

void mw_connection_record_text(struct mw_connection *connection, mw_capture_kind kind,
                               const char *text, size_t length)
{
    const struct mw_capture_fields fields = {.data = text, .length = length};
    mw_connection_record(connection, kind, &fields);
}

void mw_connection_record_series(struct mw_connection *connection, mw_capture_kind kind,
                                 const struct mw_subscription *subscription, int64_t open_ms)
{
    if (connection->tap.capture == NULL)
        return;
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    const struct mw_capture_fields fields = {
        .open_ms = open_ms,
        .symbol = subscription->symbol,
        .timeframe = mw_timeframe_format(mw_series_key(subscription->series)->timeframe, timeframe),
        .code = subscription->timeframe_code};
    mw_connection_record(connection, kind, &fields);
}
