/* raw_server.c - blocking sockets in a thread. */
#include "raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/thread.h"
#include "net/upgrade.h"

/* One connection of a crowd, or the only one. */
struct guest {
    struct guest *next; /* owns; newest first */
    struct mw_raw_server *server;
    struct mw_thread thread; /* runs in a crowd only */
    int fd;                  /* guarded by lock; -1 when it is closed */
};

struct mw_raw_server {
    struct mw_raw_server_options options;
    struct mw_thread thread;
    SSL_CTX *tls; /* owns; NULL for no TLS */
    int listener;
    uint16_t port;
    pthread_mutex_t lock;
    bool stopping;        /* guarded by lock */
    struct guest *guests; /* guarded by lock; kept until the end in a crowd */
};

struct mw_raw_peer {
    int fd;
    SSL *ssl; /* NULL for no TLS */
};

static int listen_anywhere(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    MW_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
    MW_CHECK(listen(fd, 16) == 0);
    MW_CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Notes the connection that mw_raw_server_stop is to cut off; NULL when it is stopping already. */
static struct guest *add_guest(struct mw_raw_server *server, int fd)
{
    struct guest *guest = mw_alloc_zero(sizeof(*guest));
    *guest = (struct guest){.server = server, .fd = fd};
    pthread_mutex_lock(&server->lock);
    bool going = !server->stopping;
    if (going) {
        guest->next = server->guests;
        server->guests = guest;
    }
    pthread_mutex_unlock(&server->lock);
    if (going)
        return guest;
    mw_free(guest);
    close(fd);
    return NULL;
}

static void serve_one(struct mw_raw_server *server, int fd)
{
    struct mw_raw_peer peer = {.fd = fd};
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bool ready = true;
    if (server->tls != NULL) {
        peer.ssl = SSL_new(server->tls);
        MW_CHECK(peer.ssl != NULL && SSL_set_fd(peer.ssl, fd) == 1);
        ready = SSL_accept(peer.ssl) == 1;
    }
    if (ready)
        server->options.serve(&peer, server->options.user);
    SSL_free(peer.ssl);
}

static void run_guest(void *user)
{
    struct guest *guest = user;
    struct mw_raw_server *server = guest->server;
    serve_one(server, guest->fd);
    pthread_mutex_lock(&server->lock);
    close(guest->fd);
    guest->fd = -1;
    if (!server->options.crowd) {
        server->guests = NULL;
        mw_free(guest);
    }
    pthread_mutex_unlock(&server->lock);
}

static void run(void *user)
{
    struct mw_raw_server *server = user;
    for (;;) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        struct guest *guest = fd >= 0 ? add_guest(server, fd) : NULL;
        if (guest == NULL)
            return;
        struct mw_error err;
        if (!server->options.crowd)
            run_guest(guest);
        else
            MW_CHECK(mw_thread_start(&guest->thread, "raw guest", &mw_server_thread, run_guest,
                                     guest, &err) == MW_OK);
    }
}

struct mw_raw_server *mw_raw_server_start(const struct mw_raw_server_options *options)
{
    struct mw_raw_server *server = mw_alloc_zero(sizeof(*server));
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = listen_anywhere(&server->port);
    if (options->certificate != NULL) {
        server->tls = SSL_CTX_new(TLS_server_method());
        MW_CHECK(server->tls != NULL);
        MW_CHECK(SSL_CTX_use_certificate(server->tls, options->certificate->x509) == 1);
        MW_CHECK(SSL_CTX_use_PrivateKey(server->tls, options->certificate->key) == 1);
    }
    struct mw_error err;
    MW_CHECK(mw_thread_start(&server->thread, "raw server", &mw_server_thread, run, server, &err) ==
             MW_OK);
    return server;
}

void mw_raw_server_stop(struct mw_raw_server *server)
{
    if (server == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct guest *guest = server->guests; guest != NULL; guest = guest->next)
        if (guest->fd >= 0)
            shutdown(guest->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    mw_thread_join(&server->thread);
    for (struct guest *guest = server->guests, *next; guest != NULL; guest = next) {
        next = guest->next;
        mw_thread_join(&guest->thread);
        mw_free(guest);
    }
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    SSL_CTX_free(server->tls);
    mw_free(server);
}

uint16_t mw_raw_server_port(const struct mw_raw_server *server)
{
    return server->port;
}

uint16_t mw_raw_refusing_port(void)
{
    uint16_t port;
    close(listen_anywhere(&port));
    return port;
}

size_t mw_raw_read(struct mw_raw_peer *peer, void *bytes, size_t size)
{
    if (peer->ssl == NULL) {
        ssize_t got = recv(peer->fd, bytes, size, 0);
        return got > 0 ? (size_t)got : 0;
    }
    size_t got = 0;
    return SSL_read_ex(peer->ssl, bytes, size, &got) == 1 ? got : 0;
}

bool mw_raw_read_all(struct mw_raw_peer *peer, void *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t got = mw_raw_read(peer, (char *)bytes + at, length - at);
        if (got == 0)
            return false;
        at += got;
    }
    return true;
}

bool mw_raw_write(struct mw_raw_peer *peer, const void *bytes, size_t length)
{
    if (length == 0)
        return true;
    if (peer->ssl != NULL)
        return SSL_write_ex(peer->ssl, bytes, length, &length) == 1;
    for (size_t at = 0; at < length;) {
        ssize_t put = send(peer->fd, (const char *)bytes + at, length - at, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

bool mw_raw_read_request(struct mw_raw_peer *peer, char *request, size_t size)
{
    for (size_t at = 0; at + 1 < size; at++) {
        if (!mw_raw_read_all(peer, request + at, 1))
            return false;
        request[at + 1] = '\0';
        if (at >= 3 && strcmp(request + at - 3, "\r\n\r\n") == 0)
            return true;
    }
    return false;
}

bool mw_raw_accept_key(const char *request, char accept[29])
{
    static const char name[] = "Sec-WebSocket-Key: ";
    const char *key = strstr(request, name);
    if (key == NULL)
        return false;
    key += sizeof(name) - 1;
    char copy[MW_UPGRADE_KEY_BYTES] = "";
    if (strcspn(key, "\r") != sizeof(copy) - 1)
        return false;
    memcpy(copy, key, sizeof(copy) - 1);
    mw_upgrade_accept(copy, accept);
    return true;
}

bool mw_raw_upgrade(struct mw_raw_peer *peer, const void *more, size_t length)
{
    char request[4096], accept[29];
    if (!mw_raw_read_request(peer, request, sizeof(request)) || !mw_raw_accept_key(request, accept))
        return false;
    char *answer = mw_alloc(256 + length);
    int used = snprintf(answer, 256,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    if (length > 0)
        memcpy(answer + used, more, length);
    bool sent = mw_raw_write(peer, answer, (size_t)used + length);
    mw_free(answer);
    return sent;
}

ssize_t mw_raw_read_frame(struct mw_raw_peer *peer, unsigned char *first, char payload[126])
{
    unsigned char header[6];
    if (!mw_raw_read_all(peer, header, sizeof(header)))
        return -1;
    size_t length = header[1] & 0x7f;
    if (!(header[1] & 0x80) || length > 125 || !mw_raw_read_all(peer, payload, length))
        return -1;
    for (size_t i = 0; i < length; i++)
        payload[i] = (char)(payload[i] ^ header[2 + i % 4]);
    payload[length] = '\0';
    *first = header[0];
    return (ssize_t)length;
}

void mw_raw_wait_end(struct mw_raw_peer *peer)
{
    char bytes[4096];
    while (mw_raw_read(peer, bytes, sizeof(bytes)) > 0)
        ;
}

void mw_raw_cut(struct mw_raw_peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
}

void mw_raw_reset(struct mw_raw_peer *peer)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
