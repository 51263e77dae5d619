/* raw_ws.c - sockets, OpenSSL's client side and RFC 6455 by hand. */
#include "raw_ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/check.h"

enum { TIMEOUT_S = 10, BUFFER_BYTES = 1 << 20 };

struct raw_ws {
    int fd;
    SSL_CTX *tls_context; /* both NULL without TLS */
    SSL *tls;
    int status;
    int error;         /* errno of the last read */
    char *buffer;      /* what was read and not yet returned: [start, end) */
    size_t start, end; /* a NUL is put in place of the byte at `held`, and taken back */
    size_t held;       /* 0 when there is none */
    char held_byte;
};

static long read_some(struct raw_ws *ws, char *bytes, size_t size)
{
    errno = 0;
    long got = ws->tls != NULL ? SSL_read(ws->tls, bytes, (int)size) : recv(ws->fd, bytes, size, 0);
    ws->error = got < 0 ? errno : 0;
    return got;
}

static bool write_all(struct raw_ws *ws, const char *bytes, size_t length)
{
    while (length > 0) {
        long sent = ws->tls != NULL ? SSL_write(ws->tls, bytes, (int)length)
                                    : send(ws->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool trust(SSL_CTX *context, const char *ca_pem)
{
    BIO *bio = BIO_new_mem_buf(ca_pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool good = x509 != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), x509) == 1;
    X509_free(x509);
    BIO_free(bio);
    return good;
}

static bool open_tls(struct raw_ws *ws, const char *ca_pem)
{
    ws->tls_context = SSL_CTX_new(TLS_client_method());
    if (ws->tls_context == NULL || !trust(ws->tls_context, ca_pem))
        return false;
    SSL_CTX_set_verify(ws->tls_context, SSL_VERIFY_PEER, NULL);
    ws->tls = SSL_new(ws->tls_context);
    return ws->tls != NULL && SSL_set1_host(ws->tls, "localhost") == 1 &&
           SSL_set_fd(ws->tls, ws->fd) == 1 && SSL_connect(ws->tls) == 1;
}

static bool open_socket(struct raw_ws *ws, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int one = 1; /* a header alone would wait 40 ms for its payload */
    ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(ws->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(ws->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return connect(ws->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool fill_more(struct raw_ws *ws)
{
    if (ws->start > 0) {
        memmove(ws->buffer, ws->buffer + ws->start, ws->end - ws->start);
        ws->end -= ws->start;
        ws->start = 0;
    }
    if (ws->end == BUFFER_BYTES)
        return false;
    long got = read_some(ws, ws->buffer + ws->end, BUFFER_BYTES - ws->end);
    if (got <= 0)
        return false;
    ws->end += (size_t)got;
    return true;
}

void raw_ws_upgrade(struct raw_ws *ws, const char *path)
{
    char request[512];
    int length = snprintf(request, sizeof(request),
                          "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          path);
    if (!write_all(ws, request, (size_t)length))
        return;
    char *end;
    while ((end = memmem(ws->buffer + ws->start, ws->end - ws->start, "\r\n\r\n", 4)) == NULL)
        if (!fill_more(ws))
            return;
    static const char version[] = "HTTP/1.1 ";
    if (strncmp(ws->buffer + ws->start, version, sizeof(version) - 1) == 0)
        ws->status = (int)strtol(ws->buffer + ws->start + sizeof(version) - 1, NULL, 10);
    ws->start = (size_t)(end + 4 - ws->buffer);
}

struct raw_ws *raw_ws_connect(uint16_t port, const char *ca_pem)
{
    struct raw_ws *ws = mw_alloc_zero(sizeof(*ws));
    ws->buffer = mw_alloc_zero(BUFFER_BYTES + 1);
    if (!open_socket(ws, port) || (ca_pem != NULL && !open_tls(ws, ca_pem))) {
        raw_ws_close(ws);
        return NULL;
    }
    return ws;
}

struct raw_ws *raw_ws_open(uint16_t port, const char *path, const char *ca_pem)
{
    struct raw_ws *ws = raw_ws_connect(port, ca_pem);
    if (ws != NULL)
        raw_ws_upgrade(ws, path);
    return ws;
}

void raw_ws_close(struct raw_ws *ws)
{
    if (ws == NULL)
        return;
    SSL_free(ws->tls);
    SSL_CTX_free(ws->tls_context);
    close(ws->fd);
    mw_free(ws->buffer);
    mw_free(ws);
}

bool raw_ws_write(struct raw_ws *ws, const char *bytes, size_t length)
{
    return write_all(ws, bytes, length);
}

const char *raw_ws_read_all(struct raw_ws *ws)
{
    while (fill_more(ws))
        ;
    ws->buffer[ws->end] = '\0';
    return ws->buffer + ws->start;
}

int raw_ws_errno(const struct raw_ws *ws)
{
    return ws->error;
}

void raw_ws_set_patience(struct raw_ws *ws, int ms)
{
    struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};
    setsockopt(ws->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

int raw_ws_status(const struct raw_ws *ws)
{
    return ws->status;
}

bool raw_ws_send(struct raw_ws *ws, int first, const char *data, size_t length)
{
    char header[14] = {(char)first, (char)0x80};
    size_t used = 2;
    if (length < 126) {
        header[1] = (char)(0x80 | length);
    } else {
        int size = length <= UINT16_MAX ? 2 : 8;
        header[1] = (char)(0x80 | (size == 2 ? 126 : 127));
        for (int i = 0; i < size; i++)
            header[used++] = (char)((uint64_t)length >> (8 * (size - 1 - i)) & 0xff);
    }
    used += 4; /* a mask of zeros */
    return write_all(ws, header, used) && write_all(ws, data, length);
}

bool raw_ws_send_text(struct raw_ws *ws, const char *text)
{
    return raw_ws_send(ws, RAW_FIN | RAW_TEXT, text, strlen(text));
}

/* Reads until `count` bytes are there. */
static bool need(struct raw_ws *ws, size_t count)
{
    while (ws->end - ws->start < count)
        if (!fill_more(ws))
            return false;
    return true;
}

struct raw_frame raw_ws_read(struct raw_ws *ws)
{
    const struct raw_frame none = {.opcode = -1, .data = "", .length = 0};
    if (ws->held > 0)
        ws->buffer[ws->held] = ws->held_byte;
    ws->held = 0;
    if (!need(ws, 2))
        return none;
    size_t header = 2, length = (unsigned char)ws->buffer[ws->start + 1];
    if (length >= 126) {
        size_t size = length == 126 ? 2 : 8;
        header += size;
        if (!need(ws, header))
            return none;
        length = 0;
        for (size_t i = 0; i < size; i++)
            length = length << 8 | (unsigned char)ws->buffer[ws->start + 2 + i];
    }
    if (!need(ws, header + length))
        return none;
    struct raw_frame frame = {.opcode = ws->buffer[ws->start] & 0x0f,
                              .fin = (ws->buffer[ws->start] & RAW_FIN) != 0,
                              .data = ws->buffer + ws->start + header,
                              .length = length};
    ws->start += header + length;
    ws->held = ws->start;
    ws->held_byte = ws->buffer[ws->held];
    ws->buffer[ws->held] = '\0';
    return frame;
}
