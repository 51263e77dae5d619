/* acceptor.c - bind, listen, accept, and not doing so. */
#include "server/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

enum {
    BACKLOG = 128,
    ACCEPT_AT_ONCE = 16,
    AGAIN_MS = 50, /* after the port could not be had back */
};

/* A client that waits to be served. */
struct waiting {
    struct waiting *next, **link; /* in the acceptor's list */
    struct mw_acceptor *acceptor; /* borrows */
    int fd;                       /* owns */
    lws_sorted_usec_list_t timer;
};

struct mw_acceptor {
    struct mw_acceptor_options options;
    struct lws *wsi; /* the listening socket; NULL while there is none */
    int bound;       /* owns; keeps the port from others meanwhile; -1 for none */
    uint16_t port;
    struct waiting *waiting;
    lws_sorted_usec_list_t refusal; /* by time alone */
    lws_sorted_usec_list_t refuse_timer, return_timer;
    int64_t refuse_ms;
};

/* Returns a socket that has the port and refuses clients until it listens, or -1 with errno. */
static int make_bound(const struct mw_address *address, uint16_t port)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address->text, service, &wanted, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int one = 1, fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
                bind(fd, found->ai_addr, found->ai_addrlen) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!good && fd >= 0)
        close(fd);
    errno = error;
    return good ? fd : -1;
}

/* The same for one that listens: `bound`, which it owns, or a new one when that is -1. */
static int make_listening(const struct mw_address *address, uint16_t port, int bound)
{
    int fd = bound >= 0 ? bound : make_bound(address, port);
    if (fd < 0 || listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char service[8] = "0";
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        getnameinfo((struct sockaddr *)&address, length, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV);
    return (uint16_t)strtoul(service, NULL, 10);
}

/* Has libwebsockets watch a listening socket, which it closes if it cannot. */
static bool watch(struct mw_acceptor *acceptor, int fd)
{
    const lws_sock_file_fd_type file = {.filefd = fd};
    acceptor->wsi = lws_adopt_descriptor_vhost(acceptor->options.vhost, LWS_ADOPT_RAW_FILE_DESC,
                                               file, MW_ACCEPTOR_PROTOCOL, NULL);
    if (acceptor->wsi == NULL)
        close(fd);
    return acceptor->wsi != NULL;
}

static void serve(struct mw_acceptor *acceptor, int fd)
{
    int one = 1; /* frames go out at once */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    lws_adopt_socket_vhost(acceptor->options.vhost, fd); /* closes it if it cannot */
}

/* Clients that are made to wait. */

static void forget(struct waiting *waiting)
{
    lws_sul_cancel(&waiting->timer);
    *waiting->link = waiting->next;
    if (waiting->next != NULL)
        waiting->next->link = waiting->link;
    mw_free(waiting);
}

static void on_waited(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct waiting *waiting = MW_CONTAINER(timer, struct waiting, timer);
    struct mw_acceptor *acceptor = waiting->acceptor;
    int fd = waiting->fd;
    forget(waiting);
    serve(acceptor, fd);
}

static void keep_waiting(struct mw_acceptor *acceptor, int fd, int64_t ms)
{
    struct waiting *waiting = mw_alloc_zero(sizeof(*waiting));
    waiting->acceptor = acceptor;
    waiting->fd = fd;
    waiting->next = acceptor->waiting;
    waiting->link = &acceptor->waiting;
    if (waiting->next != NULL)
        waiting->next->link = &waiting->next;
    acceptor->waiting = waiting;
    lws_sul_schedule(acceptor->options.context, 0, &waiting->timer, on_waited, ms * LWS_US_PER_MS);
}

/* The socket taken away, and put back. The port is kept: whoever tries it again and again would
 * sooner or later be given it as the port to come from, and be connected with itself. */

static void on_return(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct mw_acceptor *acceptor = MW_CONTAINER(timer, struct mw_acceptor, return_timer);
    int fd = make_listening(acceptor->options.address, acceptor->port, acceptor->bound);
    acceptor->bound = -1;
    if (fd >= 0 && watch(acceptor, fd))
        return;
    if (fd < 0)
        mw_log(MW_LOG_WARN, "simulator: port %u cannot be had back: %s", acceptor->port,
               strerror(errno));
    lws_sul_schedule(acceptor->options.context, 0, timer, on_return,
                     (lws_usec_t)AGAIN_MS * LWS_US_PER_MS);
}

static void on_refuse(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct mw_acceptor *acceptor = MW_CONTAINER(timer, struct mw_acceptor, refuse_timer);
    if (acceptor->wsi != NULL)
        lws_set_timeout(acceptor->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    acceptor->wsi = NULL;
    if (acceptor->bound < 0)
        acceptor->bound = make_bound(acceptor->options.address, acceptor->port);
    lws_sul_schedule(acceptor->options.context, 0, &acceptor->return_timer, on_return,
                     acceptor->refuse_ms * LWS_US_PER_MS);
}

/* From a timer, because libwebsockets may be in the middle of closing another. */
static void refuse_for(struct mw_acceptor *acceptor, int64_t ms)
{
    acceptor->refuse_ms = ms;
    lws_sul_schedule(acceptor->options.context, 0, &acceptor->refuse_timer, on_refuse, 1);
}

static void on_time_to_refuse(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct mw_acceptor *acceptor = MW_CONTAINER(timer, struct mw_acceptor, refusal);
    mw_acceptor_on_gone(acceptor, 0);
}

static void plan_refusal(struct mw_acceptor *acceptor) MW_ON(mw_server_thread)
{
    int64_t wait_ms = mw_saboteur_wait_ms(acceptor->options.saboteur);
    if (wait_ms >= 0)
        lws_sul_schedule(acceptor->options.context, 0, &acceptor->refusal, on_time_to_refuse,
                         wait_ms * LWS_US_PER_MS + 1);
}

void mw_acceptor_on_gone(struct mw_acceptor *acceptor, uint64_t session)
{
    const struct mw_occasion_facts facts = {.session = session};
    if (acceptor->options.saboteur == NULL)
        return;
    const struct mw_sabotage *sabotage =
        mw_saboteur_strike(acceptor->options.saboteur, MW_OCCASION_GONE, &facts);
    if (sabotage != NULL)
        refuse_for(acceptor, sabotage->duration_ms);
    plan_refusal(acceptor);
}

static void take(struct mw_acceptor *acceptor, int fd) MW_ON(mw_server_thread)
{
    struct mw_saboteur *saboteur = acceptor->options.saboteur;
    const struct mw_sabotage *sabotage = NULL;
    if (saboteur != NULL) {
        const struct mw_occasion_facts facts = {.session = 0};
        mw_saboteur_begin(saboteur);
        plan_refusal(acceptor);
        sabotage = mw_saboteur_strike(saboteur, MW_OCCASION_CONNECT, &facts);
    }
    if (sabotage != NULL)
        keep_waiting(acceptor, fd, sabotage->duration_ms);
    else
        serve(acceptor, fd);
}

void mw_acceptor_on_readable(struct mw_acceptor *acceptor)
{
    int fd = lws_get_socket_fd(acceptor->wsi);
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return; /* none is left; or one has gone already */
        take(acceptor, client);
    }
}

mw_status mw_acceptor_open(const struct mw_acceptor_options *options, struct mw_acceptor **out,
                           struct mw_error *err)
{
    int fd = make_listening(options->address, options->port, -1);
    if (fd < 0)
        return mw_fail(err, MW_ECONNECT, "cannot listen on %s port %u: %s", options->address->text,
                       options->port, strerror(errno));
    struct mw_acceptor *acceptor = mw_alloc_zero(sizeof(*acceptor));
    acceptor->options = *options;
    acceptor->bound = -1;
    acceptor->port = port_of(fd);
    if (!watch(acceptor, fd)) {
        mw_free(acceptor);
        return mw_fail(err, MW_ELIMIT, "cannot watch a listening socket");
    }
    *out = acceptor;
    return MW_OK;
}

void mw_acceptor_close(struct mw_acceptor *acceptor)
{
    if (acceptor == NULL)
        return;
    lws_sul_cancel(&acceptor->refusal);
    lws_sul_cancel(&acceptor->refuse_timer);
    lws_sul_cancel(&acceptor->return_timer);
    while (acceptor->waiting != NULL) {
        close(acceptor->waiting->fd);
        forget(acceptor->waiting);
    }
    if (acceptor->bound >= 0)
        close(acceptor->bound);
    mw_free(acceptor);
}

uint16_t mw_acceptor_port(const struct mw_acceptor *acceptor)
{
    return acceptor->port;
}
