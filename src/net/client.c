/* client.c - the transport's bytes through the frame layer. */
#include "net/client.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/transport.h"
#include "net/websocket.h"

enum { CLOSE_WAIT_MS = 1000 }; /* for the peer's answer to our close frame */

enum { OPCODE_MASK = 0x0f, OPCODE_CLOSE = 0x08 }; /* RFC 6455, section 5.2 */

struct mw_client {
    struct mw_client_handler handler;
    struct mw_transport *transport; /* owns */
    struct mw_websocket *websocket; /* owns */
    bool connected;                 /* between a successful connect and on_closed */
    bool open;                      /* between on_open and the first sign of the end */
    bool closing;                   /* we sent the first close frame; close_err says with what */
    bool has_message;               /* since the last on_read_end */
    int64_t heard_ms;
    struct mw_error close_err;
};

/* Ends the connection; the owner hears `status`, `code` and the message. */
static void end(struct mw_client *client, mw_status status, int code, const char *message)
    MW_ON(mw_feed_thread)
{
    struct mw_error err;
    mw_fail_code(&err, status, code, "%s", message);
    client->open = false;
    mw_transport_close(client->transport, client->closing ? &client->close_err : &err);
}

static void on_message(void *user, bool text, const char *data, size_t length)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    client->has_message = true;
    client->handler.on_message(client->handler.user, text, data, length);
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    char message[MW_ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof(message), "closed by the server with code %u%s%s", code,
             reason[0] != '\0' ? ": " : "", reason);
    end(client, MW_ECLOSED, code, message);
}

static bool on_output(void *user, const void *frame, size_t length)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    const unsigned char *header = frame;
    bool close = (header[0] & OPCODE_MASK) == OPCODE_CLOSE; /* always finds room */
    size_t slack = close ? MW_WEBSOCKET_HEADER_BYTES_MAX + MW_WEBSOCKET_CONTROL_BYTES_MAX : 0;
    return mw_transport_send(client->transport, frame, length, MW_SEND_QUEUE_BYTES_MAX + slack);
}

static void on_open(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    client->open = true;
    client->handler.on_open(client->handler.user);
}

static void on_data(void *user, const char *data, size_t length)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    struct mw_error err;
    client->heard_ms = mw_clock_monotonic_ms();
    mw_status status = mw_websocket_feed(client->websocket, data, length, &err);
    if (client->has_message) {
        client->has_message = false;
        client->handler.on_read_end(client->handler.user);
    }
    if (status != MW_OK)
        end(client, status, err.code, err.message);
}

static void on_closed(void *user, const struct mw_error *err)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    struct mw_error final = *err;
    if (client->closing) { /* however it ended, we began it */
        final = client->close_err;
        memcpy(final.endpoint, err->endpoint, sizeof(final.endpoint));
    }
    client->connected = client->open = client->closing = false;
    client->handler.on_closed(client->handler.user, &final);
}

static void on_timer(void *user, mw_transport_timer timer)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    if (timer == MW_TRANSPORT_TIMER_OWNER)
        client->handler.on_timer(client->handler.user);
    else
        mw_transport_close(client->transport, &client->close_err);
}

static void on_wake(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_client *client = user;
    client->handler.on_wake(client->handler.user);
}

mw_status mw_client_new(const struct mw_client_options *options,
                        const struct mw_client_handler *handler, struct mw_client **out,
                        struct mw_error *err)
{
    MW_CHECK(options->frame_bytes_max >= 1 && options->frame_bytes_max <= MW_FRAME_BYTES_MAX);
    MW_CHECK(options->connect_ms > 0 && options->tls_ms > 0 && options->upgrade_ms > 0);
    struct mw_client *client = mw_alloc_zero(sizeof(*client));
    client->handler = *handler;
    const struct mw_transport_handler transport_handler = {
        .user = client,
        .on_open = on_open,
        .on_data = on_data,
        .on_closed = on_closed,
        .on_timer = on_timer,
        .on_wake = on_wake,
    };
    const struct mw_websocket_handler websocket_handler = {
        .user = client,
        .on_message = on_message,
        .on_close = on_close,
        .on_output = on_output,
    };
    mw_status status = mw_transport_new(options, &transport_handler, &client->transport, err);
    if (status != MW_OK) {
        mw_client_free(client);
        return status;
    }
    client->websocket = mw_websocket_new(options->frame_bytes_max, &websocket_handler);
    *out = client;
    return MW_OK;
}

void mw_client_free(struct mw_client *client)
{
    if (client == NULL)
        return;
    mw_transport_free(client->transport);
    mw_websocket_free(client->websocket);
    mw_free(client);
}

mw_status mw_client_connect(struct mw_client *client, const char *url, struct mw_error *err)
{
    MW_CHECK(!client->connected);
    mw_status status = mw_transport_connect(client->transport, url, err);
    if (status != MW_OK)
        return status;
    mw_websocket_reset(client->websocket);
    client->connected = true;
    return MW_OK;
}

bool mw_client_is_open(const struct mw_client *client)
{
    return client->open;
}

bool mw_client_send_text(struct mw_client *client, const char *text, size_t length)
{
    return client->open && length <= MW_SEND_QUEUE_BYTES_MAX &&
           mw_websocket_send_text(client->websocket, text, length);
}

bool mw_client_send_ping(struct mw_client *client, const void *payload, size_t length)
{
    return client->open && mw_websocket_send_ping(client->websocket, payload, length);
}

void mw_client_close(struct mw_client *client, uint16_t code, const char *reason)
{
    MW_CHECK(code >= 1000 && code <= 4999);
    if (!client->connected || client->closing)
        return;
    bool was_open = client->open;
    mw_fail_code(&client->close_err, MW_ECLOSED, code, "closed by this side%s%s",
                 reason != NULL && reason[0] != '\0' ? ": " : "", reason != NULL ? reason : "");
    if (was_open && mw_websocket_send_close(client->websocket, code, reason)) {
        client->closing = true;
        client->open = false;
        mw_transport_set_timer(client->transport, MW_TRANSPORT_TIMER_CLOSE, CLOSE_WAIT_MS);
        return;
    }
    mw_transport_close(client->transport, &client->close_err); /* unless it is ending already */
}

void mw_client_drop(struct mw_client *client)
{
    if (!client->connected)
        return;
    struct mw_error err;
    mw_fail_code(&err, MW_ECLOSED, MW_CLOSE_ABNORMAL, "dropped by this side");
    client->open = false;
    mw_transport_drop(client->transport, client->closing ? &client->close_err : &err);
}

int64_t mw_client_heard_ms(const struct mw_client *client)
{
    return client->heard_ms;
}

size_t mw_client_unsent(const struct mw_client *client, uint64_t *sent)
{
    return mw_transport_unsent(client->transport, sent);
}

void mw_client_set_timer(struct mw_client *client, int64_t delay_ms)
{
    mw_transport_set_timer(client->transport, MW_TRANSPORT_TIMER_OWNER, delay_ms);
}

void mw_client_service(struct mw_client *client)
{
    mw_transport_service(client->transport);
}

void mw_client_wake(struct mw_client *client)
{
    mw_transport_wake(client->transport);
}
