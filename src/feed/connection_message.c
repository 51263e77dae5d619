/* connection_message.c - what a connection receives, and what follows from it. */
#include "feed/connection_parts.h"

#include <string.h>

#include "base/clock.h"

static void confirm(struct mw_connection *connection)
{
    if (mw_connection_get_state(connection) == MW_CONNECTION_CONNECTED)
        mw_connection_set_state(connection, MW_CONNECTION_CONFIRMED, NULL);
}

/* Takes an answer, good or bad, off what is waited for. The next one has its time from now on, or
 * from when a message that is still held back for the rate is sent. An answer to nothing that was
 * asked changes nothing. */
static void answered(struct mw_connection *connection, const struct mw_decoded *decoded)
    MW_ON(mw_feed_thread)
{
    if (!decoded->has_id)
        mw_map_deinit(&connection->pending); /* the venue names no request: all are meant */
    else if (mw_map_remove(&connection->pending, &decoded->id, sizeof(decoded->id)) == NULL)
        return;
    bool waiting = connection->pending.count > 0 && connection->first_outgoing == NULL;
    connection->confirm_at =
        waiting ? mw_clock_monotonic_ms() + connection->options.confirm_ms : MW_NEVER;
    mw_connection_arm_timer(connection);
}

static void agreed(struct mw_connection *connection, const struct mw_decoded *decoded)
    MW_ON(mw_feed_thread)
{
    mw_subscriptions_confirm(&connection->intake.subscriptions,
                             decoded->has_id ? &decoded->id : NULL);
    answered(connection, decoded);
    if (connection->pending.count == 0)
        confirm(connection);
}

static void refused(struct mw_connection *connection, const struct mw_decoded *decoded)
    MW_ON(mw_feed_thread)
{
    struct mw_error err;
    size_t shown = decoded->message.length;
    if (shown > MW_ERROR_MESSAGE_BYTES)
        shown = MW_ERROR_MESSAGE_BYTES;
    if (shown > 0)
        mw_fail_code(&err, MW_ESUBSCRIBE, decoded->code, "the venue refuses: %.*s", (int)shown,
                     decoded->message.data);
    else
        mw_fail_code(&err, MW_ESUBSCRIBE, decoded->code, "the venue refuses with code %d",
                     decoded->code);
    pthread_mutex_lock(&connection->lock);
    memcpy(err.endpoint, connection->endpoint_shown, sizeof(err.endpoint));
    pthread_mutex_unlock(&connection->lock);
    answered(connection, decoded);
    if (mw_connection_get_state(connection) == MW_CONNECTION_CONNECTED) {
        mw_connection_give_up(connection, &err);
    } else {
        /* Without confirmations nobody knows what the venue did not agree to. */
        if (connection->protocol->ok_count > 0)
            mw_connection_drop_refused(connection, decoded->has_id ? &decoded->id : NULL);
        mw_connection_tell_error(connection, &err);
    }
}

/* Both clocks are read once for all messages of a read. */
static void note_time(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    if (!connection->time_known)
        mw_intake_set_time(&connection->intake, mw_clock_wall_ms(),
                           mw_client_heard_ms(connection->client));
    connection->time_known = true;
}

void mw_connection_on_message(void *user, bool text, const char *data, size_t length)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    struct mw_intake *intake = &connection->intake;
    note_time(connection);
    mw_connection_record_text(connection, text ? MW_CAPTURE_RECEIVED : MW_CAPTURE_RECEIVED_BINARY,
                              data, length);
    uint64_t before = atomic_load_explicit(&intake->candles, memory_order_relaxed);
    struct mw_decoded decoded;
    mw_intake_message(intake, text, data, length, &decoded);
    switch (decoded.kind) {
    case MW_DECODED_CANDLES:
        if (atomic_load_explicit(&intake->candles, memory_order_relaxed) != before)
            mw_connection_note_candle(connection);
        if (connection->protocol->ok_count == 0)
            confirm(connection);
        break;
    case MW_DECODED_SNAPSHOT:
        if (connection->protocol->ok_count == 0)
            confirm(connection);
        break;
    case MW_DECODED_OK:
        agreed(connection, &decoded);
        break;
    case MW_DECODED_ERROR:
        refused(connection, &decoded);
        break;
    case MW_DECODED_PING:
        mw_connection_answer(connection, decoded.ping_index, data, length);
        break;
    case MW_DECODED_NOTICE:
        mw_connection_expire(connection, "the venue is going to end the connection");
        break;
    default:
        break;
    }
}

void mw_connection_on_read_end(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    connection->time_known = false;
    mw_connection_show_flows(connection);
    mw_connection_set_clock(connection);
    mw_cache_flush(connection->options.cache);
}
