/* handshake_fuzz.c - whatever a server answers to the upgrade, only a right answer opens.
 *
 * A server on loopback sends the bytes, with each byte 1 replaced by the key's right accept text,
 * and hangs up. The client is the real one, libwebsockets' parser of HTTP included.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "fuzz.h"
#include "net/client.h"
#include "net/upgrade.h"

enum { ANSWER_BYTES_MAX = 16384, REQUEST_BYTES_MAX = 4096, PHASE_MS = 5000 };

static int listener;
static struct mw_str answer = MW_STR_INIT(ANSWER_BYTES_MAX); /* the server's until `served` */
static const uint8_t *wanted;
static size_t wanted_size;
static sem_t served;
static int opens, closes;
static struct mw_error why;

static void make_answer(const char *request)
{
    char key[MW_UPGRADE_KEY_BYTES] = "", accept[MW_UPGRADE_ACCEPT_BYTES];
    const char *at = strcasestr(request, "Sec-WebSocket-Key: ");
    MW_CHECK(at != NULL);
    snprintf(key, sizeof(key), "%s", at + strlen("Sec-WebSocket-Key: "));
    mw_upgrade_accept(key, accept);
    mw_str_clear(&answer);
    for (size_t i = 0; i < wanted_size; i++) {
        const char byte = (char)wanted[i];
        bool added = byte == 1 ? mw_str_adds(&answer, accept) : mw_str_add(&answer, &byte, 1);
        if (!added)
            break;
    }
}

static void *serve(void *user)
{
    (void)user;
    for (;;) {
        char request[REQUEST_BYTES_MAX] = "";
        size_t length = 0;
        ssize_t got = 1;
        int fd = accept(listener, NULL, NULL);
        MW_CHECK(fd >= 0);
        while (got > 0 && strstr(request, "\r\n\r\n") == NULL) {
            got = recv(fd, request + length, sizeof(request) - 1 - length, 0);
            length += got > 0 ? (size_t)got : 0;
            request[length] = '\0';
        }
        make_answer(request);
        if (answer.length > 0)
            (void)!send(fd, answer.data, answer.length, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof(request), 0) > 0)
            ;
        close(fd);
        sem_post(&served);
    }
    return NULL;
}

static void on_open(void *user)
{
    opens += user == NULL;
}

static void on_message(void *user, bool text, const char *data, size_t length)
{
    MW_CHECK(user == NULL && opens == 1 && data != NULL && (text || length < ANSWER_BYTES_MAX));
}

static void on_closed(void *user, const struct mw_error *err)
{
    closes += user == NULL;
    why = *err;
}

static void on_nothing(void *user)
{
    (void)user;
}

static struct mw_client *begin(char *url, size_t room)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof(address);
    pthread_t thread;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    MW_CHECK(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 8) == 0);
    MW_CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    snprintf(url, room, "ws://127.0.0.1:%u/", ntohs(address.sin_port));
    MW_CHECK(sem_init(&served, 0, 0) == 0 && pthread_create(&thread, NULL, serve, NULL) == 0);
    const struct mw_client_handler handler = {NULL,      on_open,    on_message, on_nothing,
                                              on_closed, on_nothing, on_nothing};
    const struct mw_client_options options = {.connect_ms = PHASE_MS,
                                              .tls_ms = PHASE_MS,
                                              .upgrade_ms = PHASE_MS,
                                              .frame_bytes_max = 1024};
    struct mw_client *client = NULL;
    mw_role_enter(&mw_feed_thread);
    mw_role_assert(&mw_feed_thread);
    MW_CHECK(mw_client_new(&options, &handler, &client, NULL) == MW_OK);
    return client;
}

/* What has to be in an answer that opens, wherever it stands. */
static void check_answer(void)
{
    char head[ANSWER_BYTES_MAX + 1];
    size_t length = 0;
    for (; length < answer.length; length++)
        head[length] = answer.data[length] == '\0' ? ' ' : answer.data[length];
    head[length] = '\0';
    MW_CHECK(strstr(head, "101") != NULL && strcasestr(head, "websocket") != NULL);
    MW_CHECK(strcasestr(head, "connection") != NULL && memchr(wanted, 1, wanted_size) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mw_client *client;
    static char url[64];
    if (client == NULL)
        client = begin(url, sizeof(url));
    mw_role_assert(&mw_feed_thread);
    wanted = data;
    wanted_size = size;
    opens = closes = 0;
    MW_CHECK(mw_client_connect(client, url, NULL) == MW_OK);
    while (closes == 0)
        mw_client_service(client);
    sem_wait(&served);
    MW_CHECK(closes == 1 && opens <= 1 && why.status != MW_OK && why.message[0] != '\0');
    MW_CHECK(why.status != MW_ETIMEOUT && why.status != MW_ERESOLVE && why.status != MW_ETLS);
    if (opens > 0)
        check_answer();
    return 0;
}
