/* loop.c - making, driving and freeing libwebsockets contexts. */
#include "net/loop.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/lws_global.h"

enum {
    FDS_MAX = 16,                /* an event pipe, a socket, and sockets that are being left */
    HEADER_BYTES_MAX = 16 << 10, /* of an HTTP answer; cookies of proxies can be long */
    TIMEOUT_S = 2 * 3600,        /* of lws; never first, since MW_PHASE_MS_MAX is an hour */
    /* lws drops a connection whose HTTP headers it holds for 360 seconds more than this, and an
     * HTTP client's headers are held for as long as it is connected. */
    HEADERS_HELD_S = 10 * 365 * 86400,
};

static struct lws_vhost *make_vhost(struct mw_loop *loop, struct lws_context_creation_info *info,
                                    const char *name, const char *proxy)
{
    info->vhost_name = name;
    info->http_proxy_address = proxy; /* NULL: what http_proxy says */
    return lws_create_vhost(loop->context, info);
}

mw_status mw_loop_init(struct mw_loop *loop, const struct lws_protocols *protocols, void *user,
                       SSL_CTX *tls_context, struct mw_error *err)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .provided_client_ssl_ctx = tls_context,
        .user = user,
        .fd_limit_per_thread = FDS_MAX,
        .pt_serv_buf_size = MW_RECEIVE_BYTES + LWS_PRE, /* a read is never larger */
        .max_http_header_data2 = HEADER_BYTES_MAX,
        .timeout_secs = TIMEOUT_S,
        .connect_timeout_secs = TIMEOUT_S,
        .timeout_secs_ah_idle = HEADERS_HELD_S,
    };
#if defined(LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE) /* from 4.2 on */
    info.options |= LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE;
#endif
    const char *proxy = getenv("http_proxy");
    mw_lws_lock();
    loop->context = lws_create_context(&info);
    if (loop->context != NULL) {
        loop->direct = make_vhost(loop, &info, "direct", "none:0"); /* port 0: no proxy */
        if (proxy != NULL && proxy[0] != '\0')
            loop->proxied = make_vhost(loop, &info, "proxied", NULL);
    }
    mw_lws_unlock();
    if (loop->direct == NULL)
        return mw_fail(err, MW_ELIMIT, "libwebsockets cannot make a context");
    return MW_OK;
}

void mw_loop_deinit(struct mw_loop *loop)
{
    if (loop->context == NULL)
        return;
    mw_lws_lock();
    lws_context_destroy(loop->context);
    mw_lws_unlock();
    loop->context = NULL;
    loop->direct = loop->proxied = NULL;
}

void mw_loop_timer_set(struct mw_loop_timer *timer, sul_cb_t fire, int64_t delay_ms)
{
    lws_usec_t delay_us = delay_ms > 0 ? (lws_usec_t)delay_ms * LWS_US_PER_MS : 1;
    lws_sul_schedule(timer->loop->context, 0, &timer->entry, fire, delay_us);
}

void mw_loop_timer_cancel(struct mw_loop_timer *timer)
{
    lws_sul_cancel(&timer->entry);
}
