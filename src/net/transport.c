/* transport.c - what libwebsockets is told, and what it tells.
 *
 * One lws_context per transport, with one connection at a time (`wsi`). A connection that is
 * being left is killed asynchronously and forgotten: callbacks for any other wsi than the current
 * one are ignored, and told to close.
 *
 * Facts about libwebsockets 4.1.6 that shape this file:
 * - It answers readable before writable, and not both in one turn, so that a server that never
 *   pauses would keep us from writing: what is queued is also written after each read.
 * - Bytes that came in the same segment as the 101 wait in a list that only the next event on the
 *   socket looks at: a timer of no delay fetches them.
 * - A request line over 2 KiB and a Host header over 128 bytes are cut: longer ones are refused
 *   here.
 */
#include "net/transport.h"

#include <libwebsockets.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "net/upgrade.h"
#include "net/url.h"
#include "net/websocket.h"

enum {
    WRITE_BYTES = 16 << 10,        /* one TLS record */
    DRAIN_MS = 1000,               /* for what is queued when a connection is left */
    QUEUE_SLACK_BYTES = 4096,      /* room for close frames when the queue is full */
    REQUEST_PATH_BYTES_MAX = 2000, /* lws cuts the request line at 2,047 */
    REQUEST_HOST_BYTES_MAX = 110,  /* and "Host: name:port" at 127 */
};

#define PROTOCOL_NAME "moonwick"

enum state { IDLE, RESOLVE, CONNECT, TLS, UPGRADE, OPEN, DRAIN, OVER };

struct mw_transport {
    struct mw_transport_handler handler;
    struct mw_client_options options; /* ca_file is not kept */
    struct mw_loop loop;
    struct mw_tls *tls; /* owns */

    enum state state;
    struct lws *wsi; /* the current connection, or NULL; owned by context */
    bool dialing;    /* inside lws_client_connect_via_info, where wsi is not known yet */
    bool freeing;    /* inside lws_context_destroy: callbacks are ignored */
    struct mw_url url;
    struct mw_resolve *resolve; /* owns; NULL unless looking up */
    struct mw_addresses addresses;
    size_t address_at;
    int64_t connect_until_ms; /* monotonic: when all addresses together have had their time */
    char key[MW_UPGRADE_KEY_BYTES];
    struct mw_error err; /* why the connection is over */

    /* A phase's time-out; on_closed is due; bytes that came with the 101. */
    struct mw_loop_timer phase, report, fetch;
    struct mw_loop_timer timers[MW_TRANSPORT_TIMER_COUNT];
    struct mw_str queue; /* bytes to be sent */
    uint64_t sent;       /* bytes that were */
    atomic_bool woken;   /* mw_transport_wake was called and on_wake not yet */
    char input[MW_RECEIVE_BYTES];
};

/* lws_service fires timers first and then waits for the socket, which may take for ever: makes it
 * return, because the owner has just been told something. */
static void do_not_wait(struct mw_transport *transport)
{
    lws_cancel_service(transport->loop.context);
}

static void report_fired(lws_sorted_usec_list_t *entry)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_transport *transport = MW_CONTAINER(entry, struct mw_transport, report.entry);
    MW_CHECK(transport->state == OVER);
    do_not_wait(transport);
    transport->state = IDLE;
    struct mw_error err = transport->err; /* the next connection may begin inside on_closed */
    mw_url_format_public(&transport->url, err.endpoint, sizeof(err.endpoint));
    transport->handler.on_closed(transport->handler.user, &err);
}

/* The connection is over: forgets it, and has on_closed called from the event loop. */
static void finish(struct mw_transport *transport)
{
    if (transport->state == IDLE || transport->state == OVER)
        return;
    transport->state = OVER;
    mw_resolve_free(transport->resolve);
    transport->resolve = NULL;
    mw_loop_timer_cancel(&transport->phase);
    mw_loop_timer_cancel(&transport->fetch);
    mw_loop_timer_cancel(&transport->timers[MW_TRANSPORT_TIMER_CLOSE]);
    mw_str_clear(&transport->queue);
    if (transport->wsi != NULL)
        lws_set_timeout(transport->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    transport->wsi = NULL;
    mw_loop_timer_set(&transport->report, report_fired, 0);
}

/* Fails with a message unless the connection is over, or has a reason to be, already. */
static void fail(struct mw_transport *transport, mw_status status, int code, const char *format,
                 ...) MW_PRINTF(4, 5);

static void fail(struct mw_transport *transport, mw_status status, int code, const char *format,
                 ...)
{
    if (transport->state != DRAIN && transport->state != OVER) {
        char text[MW_ERROR_MESSAGE_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        mw_fail_code(&transport->err, status, code, "%s", text);
    }
    finish(transport);
}

static void phase_fired(lws_sorted_usec_list_t *entry);

static void phase_begin(struct mw_transport *transport, enum state state, int64_t limit_ms)
{
    transport->state = state;
    mw_loop_timer_set(&transport->phase, phase_fired, limit_ms);
}

static void dial(struct mw_transport *transport)
{
    const struct mw_url *url = &transport->url;
    bool through_proxy = transport->loop.proxied != NULL && !mw_url_is_loopback(url);
    size_t left = transport->addresses.count - transport->address_at;
    int64_t limit_ms = transport->connect_until_ms - mw_clock_monotonic_ms();
    phase_begin(transport, CONNECT, left > 1 ? limit_ms / (int64_t)left : limit_ms);

    char host[REQUEST_HOST_BYTES_MAX + 1];
    bool brackets = strchr(url->host, ':') != NULL, usual = url->port == (url->tls ? 443 : 80);
    int used =
        snprintf(host, sizeof(host), "%s%s%s", brackets ? "[" : "", url->host, brackets ? "]" : "");
    if (!usual)
        snprintf(host + used, sizeof(host) - (size_t)used, ":%u", url->port);

    static const lws_retry_bo_t no_validity_checks = {0};
    struct lws *wsi = NULL;
    struct lws_client_connect_info info = {
        .context = transport->loop.context,
        .vhost = through_proxy ? transport->loop.proxied : transport->loop.direct,
        .address = transport->addresses.text[transport->address_at],
        .port = url->port,
        .ssl_connection = (url->tls ? LCCSCF_USE_SSL : 0) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .path = url->path,
        .host = host,
        .method = "GET",
        .alpn = "http/1.1",
        .local_protocol_name = PROTOCOL_NAME,
        .userdata = transport,
        .retry_and_idle_policy = &no_validity_checks,
        .pwsi = &wsi,
    };
    if (through_proxy)
        info.address = url->host; /* the proxy looks the name up */
    if (url->tls)
        mw_tls_begin(transport->tls, url->host);
    transport->dialing = true;
    struct lws *dialed = lws_client_connect_via_info(&info);
    transport->dialing = false;
    if (transport->state == OVER) { /* a callback decided */
        if (dialed != NULL)
            lws_set_timeout(dialed, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
        return;
    }
    transport->wsi = dialed;
    if (dialed == NULL)
        mw_loop_timer_set(&transport->phase, phase_fired,
                          0); /* on to the next address, from the loop */
}

/* The address at hand did not work out. */
static void dial_next(struct mw_transport *transport, const char *why)
{
    const struct mw_url *url = &transport->url;
    if (transport->wsi != NULL)
        lws_set_timeout(transport->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    transport->wsi = NULL;
    transport->address_at++;
    if (transport->address_at < transport->addresses.count)
        dial(transport);
    else if (transport->addresses.count > 1)
        fail(transport, MW_ECONNECT, 0, "cannot connect to any of the %zu addresses of %s, port %u",
             transport->addresses.count, url->host, url->port);
    else
        fail(transport, MW_ECONNECT, 0, "cannot connect to %s, port %u: %s", url->host, url->port,
             why);
}

static void time_out(struct mw_transport *transport, int64_t limit_ms, const char *what)
{
    bool seconds = limit_ms % MW_MS_PER_SECOND == 0;
    fail(transport, MW_ETIMEOUT, 0, "%s within %lld %s", what,
         (long long)(seconds ? limit_ms / MW_MS_PER_SECOND : limit_ms), seconds ? "s" : "ms");
}

static void phase_fired(lws_sorted_usec_list_t *entry)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_transport *transport = MW_CONTAINER(entry, struct mw_transport, phase.entry);
    switch (transport->state) {
    case RESOLVE:
        time_out(transport, transport->options.connect_ms, "host name not resolved");
        break;
    case CONNECT:
        if (transport->connect_until_ms <= mw_clock_monotonic_ms())
            time_out(transport, transport->options.connect_ms, "no TCP connection");
        else
            dial_next(transport, "refused or unreachable");
        break;
    case TLS:
        time_out(transport, transport->options.tls_ms, "TLS handshake not done");
        break;
    case UPGRADE:
        time_out(transport, transport->options.upgrade_ms, "no answer to the upgrade");
        break;
    case DRAIN:
        finish(transport);
        break;
    default:
        break;
    }
}

static void take_addresses(struct mw_transport *transport)
{
    if (transport->state != RESOLVE || !mw_resolve_try_done(transport->resolve))
        return;
    mw_status status = mw_resolve_get(transport->resolve, &transport->addresses, &transport->err);
    mw_resolve_free(transport->resolve);
    transport->resolve = NULL;
    if (status != MW_OK)
        finish(transport);
    else
        dial(transport);
}

static void tcp_connected(struct mw_transport *transport)
{
    if (transport->state != CONNECT)
        return;
    if (transport->url.tls)
        phase_begin(transport, TLS, transport->options.tls_ms);
    else
        phase_begin(transport, UPGRADE, transport->options.upgrade_ms);
}

/* Called by OpenSSL when the handshake is done and the certificate is good. */
static void tls_verified(void *user)
{
    struct mw_transport *transport = user;
    if (transport->state == TLS)
        phase_begin(transport, UPGRADE, transport->options.upgrade_ms);
}

/* Reads once. Returns non-zero when lws is to close the connection. */
static int receive(struct mw_transport *transport)
{
    char *at = transport->input;
    int length = MW_RECEIVE_BYTES;
    if (lws_http_client_read(transport->wsi, &at, &length) < 0)
        return -1;
    return transport->wsi == NULL ? -1 : 0;
}

/* Writes what is queued, as far as the socket takes it. */
static int transmit(struct mw_transport *transport)
{
    struct lws *wsi = transport->wsi;
    while (transport->queue.length > 0 && lws_send_pipe_choked(wsi) == 0) {
        size_t length =
            transport->queue.length < WRITE_BYTES ? transport->queue.length : WRITE_BYTES;
        if (lws_write(wsi, (unsigned char *)transport->queue.data, length, LWS_WRITE_RAW) < 0)
            return -1;
        mw_str_drop(&transport->queue, length);
        transport->sent += length;
    }
    bool waiting = transport->queue.length > 0 || lws_partial_buffered(wsi) != 0;
    if (waiting)
        lws_callback_on_writable(wsi);
    if (waiting || transport->state != DRAIN)
        return 0;
    finish(transport);
    return -1;
}

static void fetch_fired(lws_sorted_usec_list_t *entry)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_transport *transport = MW_CONTAINER(entry, struct mw_transport, fetch.entry);
    do_not_wait(transport);
    if (transport->wsi != NULL && (receive(transport) != 0 || transmit(transport) != 0))
        fail(transport, MW_ECLOSED, MW_CLOSE_ABNORMAL, "connection lost without a close frame");
}

static int answered(struct mw_transport *transport, struct lws *wsi)
{
    if (transport->state != UPGRADE)
        return -1;
    if (mw_upgrade_check(transport->key, wsi, &transport->err) != MW_OK) {
        finish(transport);
        return -1;
    }
    mw_loop_timer_cancel(&transport->phase);
    transport->state = OPEN;
    mw_loop_timer_set(&transport->fetch, fetch_fired, 0);
    transport->handler.on_open(transport->handler.user);
    return transport->wsi == NULL ? -1 : 0;
}

/* lws has given the connection up; `why` is its word for it. */
static void lost(struct mw_transport *transport, const char *why)
{
    const char *reason = mw_tls_reason(transport->tls);
    transport->wsi = NULL; /* it is about to be freed */
    switch (transport->state) {
    case CONNECT:
        dial_next(transport, "refused or unreachable");
        break;
    case TLS:
        fail(transport, MW_ETLS, 0, "TLS handshake failed: %s", reason[0] != '\0' ? reason : why);
        break;
    case UPGRADE:
        fail(transport, MW_EHANDSHAKE, 0, "no valid answer to the upgrade: %s", why);
        break;
    default:
        fail(transport, MW_ECLOSED, MW_CLOSE_ABNORMAL, "connection lost without a close frame");
        break;
    }
}

static void woken(struct mw_transport *transport)
{
    take_addresses(transport);
    if (atomic_exchange_explicit(&transport->woken, false, memory_order_acquire))
        transport->handler.on_wake(transport->handler.user);
}

/* What lws says about the current connection. Returns non-zero to have it closed. */
static int connection_event(struct mw_transport *transport, struct lws *wsi,
                            enum lws_callback_reasons reason, void *in, size_t length)
{
    char why[128] = "the connection was closed";
    switch (reason) {
    case LWS_CALLBACK_WSI_CREATE: /* for clients that means: TCP is connected */
        tcp_connected(transport);
        return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        if (transport->state != UPGRADE)
            return -1; /* TLS is done, and the certificate was not checked */
        return mw_upgrade_ask(transport->key, in, length);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
        return answered(transport, wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
        return receive(transport) != 0 || transmit(transport) != 0 ? -1 : 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
        if (transport->state == OPEN)
            transport->handler.on_data(transport->handler.user, in, length);
        return transport->wsi == NULL ? -1 : 0;
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
        return transport->state >= OPEN ? transmit(transport) : 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        if (in != NULL && length > 0)
            snprintf(why, sizeof(why), "%.*s", (int)length, (const char *)in);
        lost(transport, why);
        return 0;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
        return -1; /* the stream has ended; lws would keep the connection for another request */
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        lost(transport, why);
        return 0;
    default:
        return 0;
    }
}

/* Events of a connection that can still be closed by returning non-zero. */
static bool is_live_event(enum lws_callback_reasons reason)
{
    return reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER ||
           reason == LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP ||
           reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP ||
           reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ ||
           reason == LWS_CALLBACK_CLIENT_HTTP_WRITEABLE ||
           reason == LWS_CALLBACK_COMPLETED_CLIENT_HTTP;
}

/* While dialing, `wsi` is the new connection, which has no name yet; how that fails lws returns. */
static bool is_dialing_event(enum lws_callback_reasons reason)
{
    return reason == LWS_CALLBACK_WSI_CREATE ||
           reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    mw_role_assert(&mw_feed_thread);
    (void)user;
    struct mw_transport *transport = lws_context_user(lws_get_context(wsi));
    if (transport == NULL || transport->freeing)
        return 0;
    if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
        woken(transport);
        return 0;
    }
    if (transport->dialing ? !is_dialing_event(reason) : wsi != transport->wsi)
        return is_live_event(reason) ? -1 : 0; /* it was left behind */
    return connection_event(transport, wsi, reason, in, length);
}

mw_status mw_transport_new(const struct mw_client_options *options,
                           const struct mw_transport_handler *handler, struct mw_transport **out,
                           struct mw_error *err)
{
    static const struct lws_protocols protocols[] = {
        {.name = PROTOCOL_NAME, .callback = on_event, .tx_packet_size = WRITE_BYTES},
        {.name = NULL},
    };
    struct mw_transport *transport = mw_alloc_zero(sizeof(*transport));
    transport->handler = *handler;
    transport->options = *options;
    transport->options.ca_file = NULL;
    transport->queue.length_max = MW_SEND_QUEUE_BYTES_MAX + QUEUE_SLACK_BYTES;
    transport->phase.loop = &transport->loop;
    transport->report.loop = &transport->loop;
    transport->fetch.loop = &transport->loop;
    for (size_t i = 0; i < MW_TRANSPORT_TIMER_COUNT; i++)
        transport->timers[i].loop = &transport->loop;

    mw_status status = mw_tls_new(options->ca_file, tls_verified, transport, &transport->tls, err);
    if (status == MW_OK)
        status = mw_loop_init(&transport->loop, protocols, transport,
                              mw_tls_context(transport->tls), err);
    if (status != MW_OK) {
        mw_transport_free(transport);
        return status;
    }
    *out = transport;
    return MW_OK;
}

void mw_transport_free(struct mw_transport *transport)
{
    if (transport == NULL)
        return;
    mw_resolve_free(transport->resolve); /* first: its thread may be waking us */
    mw_loop_timer_cancel(&transport->phase);
    mw_loop_timer_cancel(&transport->report);
    mw_loop_timer_cancel(&transport->fetch);
    for (size_t i = 0; i < MW_TRANSPORT_TIMER_COUNT; i++)
        mw_loop_timer_cancel(&transport->timers[i]);
    transport->freeing = true;
    mw_loop_deinit(&transport->loop);
    mw_tls_free(transport->tls);
    mw_str_deinit(&transport->queue);
    mw_free(transport);
}

static void resolved(void *user)
{
    struct mw_transport *transport = user;
    lws_cancel_service(transport->loop.context);
}

static mw_status begin(struct mw_transport *transport, struct mw_error *err)
{
    const char *host = transport->url.host;
    transport->connect_until_ms = mw_clock_monotonic_ms() + transport->options.connect_ms;
    transport->address_at = 0;
    if (mw_is_address(host) ||
        (transport->loop.proxied != NULL && !mw_url_is_loopback(&transport->url))) {
        transport->addresses.count = 1; /* for a proxy the name stays in url.host */
        snprintf(transport->addresses.text[0], MW_ADDRESS_TEXT_BYTES, "%s", host);
        dial(transport);
        return MW_OK;
    }
    mw_status status = mw_resolve_start(host, resolved, transport, &transport->resolve, err);
    if (status == MW_OK)
        phase_begin(transport, RESOLVE, transport->options.connect_ms);
    return status;
}

mw_status mw_transport_connect(struct mw_transport *transport, const char *url,
                               struct mw_error *err)
{
    MW_CHECK(transport->state == IDLE);
    struct mw_url parsed;
    mw_status status = mw_url_parse(url, &parsed, err);
    if (status != MW_OK)
        return status;
    if (!parsed.websocket)
        return mw_fail(err, MW_EPARSE, "URL of host %s: want ws:// or wss:// in front",
                       parsed.host);
    if (strlen(parsed.path) > REQUEST_PATH_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "path and query of a WebSocket URL: at most %d bytes",
                       REQUEST_PATH_BYTES_MAX);
    if (strlen(parsed.host) + sizeof("[]:65535") > REQUEST_HOST_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "host name of a WebSocket URL: at most %zu bytes",
                       REQUEST_HOST_BYTES_MAX - sizeof("[]:65535"));

    transport->url = parsed;
    transport->err = (struct mw_error){0};
    mw_upgrade_key(transport->key);
    return begin(transport, err);
}

bool mw_transport_send(struct mw_transport *transport, const void *bytes, size_t length,
                       size_t queue_bytes_max)
{
    if (transport->state != OPEN || transport->queue.length > queue_bytes_max ||
        length > queue_bytes_max - transport->queue.length ||
        !mw_str_add(&transport->queue, bytes, length))
        return false;
    lws_callback_on_writable(transport->wsi);
    return true;
}

void mw_transport_close(struct mw_transport *transport, const struct mw_error *err)
{
    if (transport->state == IDLE || transport->state >= DRAIN)
        return;
    transport->err = *err;
    if (transport->state == OPEN && transport->queue.length > 0)
        phase_begin(transport, DRAIN, DRAIN_MS);
    else
        finish(transport);
}

void mw_transport_drop(struct mw_transport *transport, const struct mw_error *err)
{
    if (transport->state != IDLE && transport->state < DRAIN)
        transport->err = *err;
    finish(transport);
}

size_t mw_transport_unsent(const struct mw_transport *transport, uint64_t *sent)
{
    *sent = transport->sent;
    bool partial = transport->wsi != NULL && lws_partial_buffered(transport->wsi) != 0;
    return transport->queue.length + (partial ? 1 : 0); /* lws does not say how much it holds */
}

static void owner_fired(lws_sorted_usec_list_t *entry)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_transport *transport =
        MW_CONTAINER(entry, struct mw_transport, timers[MW_TRANSPORT_TIMER_OWNER].entry);
    do_not_wait(transport);
    transport->handler.on_timer(transport->handler.user, MW_TRANSPORT_TIMER_OWNER);
}

static void close_fired(lws_sorted_usec_list_t *entry)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_transport *transport =
        MW_CONTAINER(entry, struct mw_transport, timers[MW_TRANSPORT_TIMER_CLOSE].entry);
    do_not_wait(transport);
    transport->handler.on_timer(transport->handler.user, MW_TRANSPORT_TIMER_CLOSE);
}

void mw_transport_set_timer(struct mw_transport *transport, mw_transport_timer timer,
                            int64_t delay_ms)
{
    static const sul_cb_t fired[MW_TRANSPORT_TIMER_COUNT] = {
        [MW_TRANSPORT_TIMER_OWNER] = owner_fired,
        [MW_TRANSPORT_TIMER_CLOSE] = close_fired,
    };
    if (delay_ms < 0)
        mw_loop_timer_cancel(&transport->timers[timer]);
    else
        mw_loop_timer_set(&transport->timers[timer], fired[timer], delay_ms);
}

void mw_transport_service(struct mw_transport *transport)
{
    lws_service(transport->loop.context, 0);
}

void mw_transport_wake(struct mw_transport *transport)
{
    atomic_store_explicit(&transport->woken, true, memory_order_release);
    lws_cancel_service(transport->loop.context);
}
