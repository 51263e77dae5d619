/* listener.c - callbacks of libwebsockets and the loop that runs them. */
#include "server/listener.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/lws_global.h"
#include "server/acceptor.h"
#include "server/rest.h"
#include "server/session.h"

enum {
    DRAIN_MS = 100, /* for clients to answer a close, at the end */
    DRAIN_STEP_MS = 10,
    SPARE_FDS = 64,         /* connections that get a refusal, the listener, the wake-up */
    SEND_BYTES = 128 << 10, /* at once to a socket; a session makes about 64 KiB at a time */
    PONG_S = 60,            /* after a ping, before the client counts as gone */
    AH_IDLE_S = 2 * 86400,  /* a request may be left unanswered for a day on purpose */
    VALIDITY_MS = 5000,     /* how often a half-open connection is called alive */
    PATH_BYTES = 128,
    ANSWER_BYTES = 256,
};

static_assert(MW_SESSION_PAD >= LWS_PRE, "libwebsockets may write before the bytes it is given");

/* A client, in memory of libwebsockets that begins zeroed. */
struct link {
    struct link *previous, *next; /* in the listener's list */
    struct lws *wsi;              /* borrows */
    struct mw_session *session;   /* owns; after an upgrade */
    struct mw_rest *rest;         /* owns; a request for history instead */
    uint64_t number;              /* of the session */
    enum { GOING_ON, ENDING, HALF_OPEN } end;
    int64_t half_open_until_ms;   /* monotonic */
    struct mw_str incoming;       /* a message whose end has not come yet */
    lws_sorted_usec_list_t timer; /* the next candle is due */
};

struct mw_listener {
    struct mw_listener_options options; /* the pointers to texts and files until started */
    struct mw_thread thread;
    struct mw_wake started;
    mw_status status; /* of starting; written before `started` is raised, read after */
    struct mw_error error;
    uint16_t port;
    lws_retry_bo_t policy; /* when to ping */

    pthread_mutex_t lock; /* covers the two below, and calls of lws_cancel_service */
    bool stopping;
    struct lws_context *context;

    /* Server thread. */
    SSL_CTX *no_client;           /* owns; see make_vhost; NULL without TLS */
    struct mw_acceptor *acceptor; /* owns */
    struct link *links;
    uint32_t link_count;
    uint64_t session_count; /* ever */
    bool draining;
    lws_sorted_usec_list_t drain_timer;
};

static struct mw_listener *listener_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* The index of the request's path among the venue's, or -1. */
static int64_t find_path(const struct mw_listener *listener, struct lws *wsi)
{
    char path[PATH_BYTES];
    if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0)
        return -1;
    const char *const *paths = listener->options.venue->paths;
    for (int64_t i = 0; paths[i] != NULL; i++)
        if (strcmp(path, paths[i]) == 0)
            return i;
    return -1;
}

/* Answers with a status instead of what was asked, and closes. Made by hand, because libwebsockets
 * answers a refused upgrade as HTTP/1.0, which strict clients do not take. */
static int refuse(struct lws *wsi, const char *status)
{
    unsigned char answer[LWS_PRE + ANSWER_BYTES];
    int length = snprintf((char *)answer + LWS_PRE, ANSWER_BYTES,
                          "HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status);
    lws_write(wsi, answer + LWS_PRE, (size_t)length, LWS_WRITE_HTTP_HEADERS);
    return -1;
}

/* Answers an upgrade with a status that is no yes, if that is the plan. */
static bool is_sabotaged(struct mw_listener *listener, struct lws *wsi) MW_ON(mw_server_thread)
{
    const struct mw_occasion_facts facts = {.session = listener->session_count + 1};
    if (listener->options.saboteur == NULL)
        return false;
    const struct mw_sabotage *sabotage =
        mw_saboteur_strike(listener->options.saboteur, MW_OCCASION_UPGRADE, &facts);
    if (sabotage == NULL)
        return false;
    char status[MW_REST_STATUS_BYTES];
    refuse(wsi, mw_rest_status(sabotage->code, sabotage->duration_ms, status));
    return true;
}

static int on_upgrade(struct mw_listener *listener, struct lws *wsi) MW_ON(mw_server_thread)
{
    if (find_path(listener, wsi) < 0)
        return refuse(wsi, "404 Not Found");
    if (listener->draining || listener->link_count >= MW_SIMULATOR_SESSIONS_MAX)
        return refuse(wsi, "503 Service Unavailable");
    return is_sabotaged(listener, wsi) ? -1 : 0;
}

static int on_http(struct lws *wsi, struct link *link) MW_ON(mw_server_thread)
{
    struct mw_listener *listener = listener_of(wsi);
    char path[PATH_BYTES];
    if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) > 0 &&
        strcmp(path, listener->options.venue->history_path) == 0) {
        link->rest = mw_rest_new(wsi, listener->options.stage, listener->options.venue,
                                 listener->options.saboteur);
        return 0;
    }
    return refuse(wsi, find_path(listener, wsi) < 0 ? "404 Not Found" : "426 Upgrade Required");
}

static int on_open(struct mw_listener *listener, struct lws *wsi, struct link *link)
    MW_ON(mw_server_thread)
{
    int64_t path = find_path(listener, wsi);
    if (path < 0)
        return -1;
    link->wsi = wsi;
    link->number = ++listener->session_count;
    const struct mw_session_options options = {.stage = listener->options.stage,
                                               .venue = listener->options.venue,
                                               .saboteur = listener->options.saboteur,
                                               .path = (size_t)path,
                                               .number = link->number};
    link->session = mw_session_new(&options);
    link->incoming = (struct mw_str)MW_STR_INIT(MW_SIMULATOR_MESSAGE_BYTES_MAX);
    link->next = listener->links;
    if (link->next != NULL)
        link->next->previous = link;
    listener->links = link;
    listener->link_count++;
    return 0;
}

static void on_due(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    lws_callback_on_writable(MW_CONTAINER(timer, struct link, timer)->wsi);
}

static void on_closed(struct mw_listener *listener, struct link *link) MW_ON(mw_server_thread)
{
    if (link->session == NULL)
        return;
    lws_sul_cancel(&link->timer);
    mw_str_deinit(&link->incoming);
    mw_session_free(link->session);
    link->session = NULL;
    if (link->next != NULL)
        link->next->previous = link->previous;
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        listener->links = link->next;
    listener->link_count--;
    if (!listener->draining)
        mw_acceptor_on_gone(listener->acceptor, link->number);
}

static int close_with(struct lws *wsi, enum lws_close_status code, const char *reason)
{
    unsigned char text[64]; /* libwebsockets wants it writable */
    int length = snprintf((char *)text, sizeof(text), "%s", reason);
    lws_close_reason(wsi, code, text, (size_t)length);
    return -1;
}

static int on_received(struct link *link, const char *bytes, size_t length) MW_ON(mw_server_thread)
{
    struct lws *wsi = link->wsi;
    if (lws_frame_is_binary(wsi))
        return close_with(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "text only");
    if (!mw_str_add(&link->incoming, bytes, length))
        return close_with(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message over 65536 bytes");
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
        return 0;
    const char *text = link->incoming.data != NULL ? link->incoming.data : "";
    bool good = mw_session_receive(link->session, text, link->incoming.length);
    mw_str_clear(&link->incoming);
    if (!good)
        return close_with(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, "replies are not read");
    lws_callback_on_writable(wsi);
    return 0;
}

/* Cuts the connection under libwebsockets' feet: on Linux the peer gets a RST at once. Where that
 * fails, the peer has gone before. */
static int reset(struct lws *wsi)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    if (connect(lws_get_socket_fd(wsi), &nowhere, sizeof(nowhere)) != 0)
        mw_log(MW_LOG_DEBUG, "simulator: a connection was cut before its time");
    return -1;
}

/* Says nothing and hears nothing, until it is time to end. libwebsockets, which pings for some
 * venues, is told that all is well. */
static int stay_half_open(struct link *link)
{
    int64_t left_ms = link->half_open_until_ms - mw_clock_monotonic_ms();
    if (left_ms <= 0)
        return reset(link->wsi);
    lws_validity_confirmed(link->wsi);
    left_ms = left_ms < VALIDITY_MS ? left_ms : VALIDITY_MS;
    lws_sul_schedule(lws_get_context(link->wsi), 0, &link->timer, on_due, left_ms * LWS_US_PER_MS);
    return 0;
}

/* Ends the connection as a fault has it; what was made before has left libwebsockets. */
static int end(struct link *link) MW_ON(mw_server_thread)
{
    const struct mw_sabotage *sabotage = mw_session_end(link->session);
    switch (sabotage->kind) {
    case MW_SABOTAGE_RESET:
        return reset(link->wsi);
    case MW_SABOTAGE_HALF_OPEN:
        link->end = HALF_OPEN;
        link->half_open_until_ms = mw_clock_monotonic_ms() + sabotage->duration_ms;
        lws_rx_flow_control(link->wsi, 0);
        return stay_half_open(link);
    case MW_SABOTAGE_CLOSE:
    case MW_SABOTAGE_NOTICE:
        return close_with(link->wsi, (enum lws_close_status)sabotage->code, "on purpose");
    default:
        return -1; /* a FIN, without a close frame */
    }
}

/* The frames go out as raw bytes, many at once; libwebsockets keeps what the socket does not take
 * and asks for more only when that is gone. */
static int on_writeable(struct mw_listener *listener, struct link *link) MW_ON(mw_server_thread)
{
    if (listener->draining)
        return link->end == HALF_OPEN
                   ? reset(link->wsi)
                   : close_with(link->wsi, LWS_CLOSE_STATUS_GOINGAWAY, "simulator stops");
    if (link->end != GOING_ON)
        return link->end == HALF_OPEN ? stay_half_open(link) : end(link);
    char *bytes;
    int64_t wait_ms;
    size_t length = mw_session_fill(link->session, &bytes, &wait_ms);
    if (length > 0 && lws_write(link->wsi, (unsigned char *)bytes, length, LWS_WRITE_RAW) < 0)
        return -1;
    if (mw_session_end(link->session) != NULL) {
        link->end = ENDING;
        wait_ms = 0;
    }
    if (wait_ms == 0)
        lws_callback_on_writable(link->wsi);
    else if (wait_ms > 0)
        lws_sul_schedule(lws_get_context(link->wsi), 0, &link->timer, on_due,
                         wait_ms * LWS_US_PER_MS);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    mw_role_assert(&mw_server_thread);
    struct link *link = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_http(wsi, link);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return link != NULL && link->rest != NULL ? mw_rest_go_on(link->rest) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
        if (link != NULL)
            mw_rest_free(link->rest);
        if (link != NULL)
            link->rest = NULL;
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(listener_of(wsi), wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_open(listener_of(wsi), wsi, link);
    case LWS_CALLBACK_CLOSED:
        on_closed(listener_of(wsi), link);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return on_received(link, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writeable(listener_of(wsi), link);
    case LWS_CALLBACK_RAW_RX_FILE:
        mw_acceptor_on_readable(listener_of(wsi)->acceptor);
        return 0;
    default:
        return 0;
    }
}

/* The first takes clients that ask for no subprotocol. */
static const struct lws_protocols protocols[] = {
    {.name = "moonwick",
     .callback = on_event,
     .per_session_data_size = sizeof(struct link),
     .tx_packet_size = SEND_BYTES},
    {.name = MW_ACCEPTOR_PROTOCOL, .callback = on_event},
    {0},
};

static struct lws_context *make_context(struct mw_listener *listener)
{
    struct lws_context_creation_info info = {0};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (listener->options.tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.timeout_secs_ah_idle = AH_IDLE_S;
    info.fd_limit_per_thread = MW_SIMULATOR_SESSIONS_MAX + SPARE_FDS;
    info.user = listener;
    return lws_create_context(&info);
}

static struct lws_vhost *make_vhost(struct mw_listener *listener)
{
    const struct mw_listener_options *options = &listener->options;
    listener->policy = (lws_retry_bo_t){0};
    if (options->venue->ping_s > 0) {
        listener->policy.secs_since_valid_ping = options->venue->ping_s;
        listener->policy.secs_since_valid_hangup = (uint16_t)(options->venue->ping_s + PONG_S);
    }
    struct lws_context_creation_info info = {0};
    info.vhost_name = "simulator";
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.retry_and_idle_policy = &listener->policy;
    if (options->tls) {
        /* Left alone, libwebsockets makes one for a client too, with all of the system's
         * certificates, and does not find it again to free it when another context was made in this
         * process meanwhile. */
        listener->no_client = SSL_CTX_new(TLS_client_method());
        info.provided_client_ssl_ctx = listener->no_client;
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.alpn = "http/1.1";
        if (options->certificate_file != NULL) {
            info.ssl_cert_filepath = options->certificate_file;
            info.ssl_private_key_filepath = options->key_file;
        } else {
            info.server_ssl_cert_mem = options->certificate_text;
            info.server_ssl_cert_mem_len = (unsigned)strlen(options->certificate_text);
            info.server_ssl_private_key_mem = options->key_text;
            info.server_ssl_private_key_mem_len = (unsigned)strlen(options->key_text);
        }
    }
    return lws_create_vhost(listener->context, &info);
}

static void start_listening(struct mw_listener *listener) MW_ON(mw_server_thread)
{
    struct mw_error *err = &listener->error;
    mw_lws_lock();
    listener->context = make_context(listener);
    struct lws_vhost *vhost = listener->context != NULL ? make_vhost(listener) : NULL;
    mw_lws_unlock();
    if (listener->context == NULL) {
        listener->status = mw_fail(err, MW_ELIMIT, "cannot make an event loop for the simulator");
        return;
    }
    if (vhost == NULL) {
        listener->status =
            mw_fail(err, listener->options.tls ? MW_ETLS : MW_ELIMIT,
                    "cannot serve %s on %s port %u", listener->options.tls ? "TLS" : "clients",
                    listener->options.address->text, listener->options.port);
        return;
    }
    const struct mw_acceptor_options options = {.context = listener->context,
                                                .vhost = vhost,
                                                .address = listener->options.address,
                                                .port = listener->options.port,
                                                .saboteur = listener->options.saboteur};
    listener->status = mw_acceptor_open(&options, &listener->acceptor, err);
    if (listener->status == MW_OK)
        listener->port = mw_acceptor_port(listener->acceptor);
}

static bool is_stopping(struct mw_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    bool stopping = listener->stopping;
    pthread_mutex_unlock(&listener->lock);
    return stopping;
}

/* Keeps the loop turning while it waits for clients. */
static void on_drain_timer(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct mw_listener *listener = MW_CONTAINER(timer, struct mw_listener, drain_timer);
    lws_sul_schedule(listener->context, 0, timer, on_drain_timer,
                     (lws_usec_t)DRAIN_STEP_MS * LWS_US_PER_MS);
}

static void drain(struct mw_listener *listener) MW_ON(mw_server_thread)
{
    listener->draining = true;
    for (struct link *link = listener->links; link != NULL; link = link->next)
        lws_callback_on_writable(link->wsi);
    on_drain_timer(&listener->drain_timer);
    int64_t until_ms = mw_clock_monotonic_ms() + DRAIN_MS;
    while (listener->links != NULL && mw_clock_monotonic_ms() < until_ms)
        if (lws_service(listener->context, 0) < 0)
            break;
    lws_sul_cancel(&listener->drain_timer);
}

static void run(void *user)
{
    mw_role_assert(&mw_server_thread);
    struct mw_listener *listener = user;
    start_listening(listener);
    bool good = listener->status == MW_OK;
    mw_wake_raise(&listener->started);
    while (good && !is_stopping(listener))
        good = lws_service(listener->context, 0) >= 0;
    if (listener->status == MW_OK)
        drain(listener);
    mw_acceptor_close(listener->acceptor);
    pthread_mutex_lock(&listener->lock);
    struct lws_context *context = listener->context;
    listener->context = NULL;
    pthread_mutex_unlock(&listener->lock);
    if (context != NULL) {
        mw_lws_lock();
        lws_context_destroy(context);
        mw_lws_unlock();
    }
    SSL_CTX_free(listener->no_client);
    listener->no_client = NULL;
}

static void free_listener(struct mw_listener *listener)
{
    mw_thread_join(&listener->thread);
    mw_wake_deinit(&listener->started);
    pthread_mutex_destroy(&listener->lock);
    mw_free(listener);
}

mw_status mw_listener_start(const struct mw_listener_options *options, struct mw_listener **out,
                            struct mw_error *err)
{
    struct mw_listener *listener = mw_alloc_zero(sizeof(*listener));
    listener->options = *options;
    MW_CHECK(pthread_mutex_init(&listener->lock, NULL) == 0);
    mw_wake_init(&listener->started);
    mw_status status =
        mw_thread_start(&listener->thread, "mw-simulator", &mw_server_thread, run, listener, err);
    if (status != MW_OK) {
        free_listener(listener);
        return status;
    }
    while (!mw_wake_wait(&listener->started, -1))
        ;
    if (listener->status != MW_OK) {
        status = listener->status;
        mw_thread_join(&listener->thread);
        if (err != NULL)
            *err = listener->error;
        free_listener(listener);
        return status;
    }
    *out = listener;
    return MW_OK;
}

void mw_listener_stop(struct mw_listener *listener)
{
    if (listener == NULL)
        return;
    pthread_mutex_lock(&listener->lock);
    listener->stopping = true;
    if (listener->context != NULL)
        lws_cancel_service(listener->context);
    pthread_mutex_unlock(&listener->lock);
    free_listener(listener);
}

uint16_t mw_listener_port(const struct mw_listener *listener)
{
    return listener->port;
}
