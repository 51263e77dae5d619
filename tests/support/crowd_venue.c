/* crowd_venue.c - many connections, a thread each. */
#include "crowd_venue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

enum { WAIT_S = 20, TEXT = 0x81, CLOSE = 0x88, LENGTH_16 = 126 };

/* Under the lock: the test and the connection's own thread both write. */
static void send_frame(struct mw_raw_peer *peer, unsigned char first, const void *payload,
                       size_t length)
{
    unsigned char header[4] = {first, (unsigned char)length};
    size_t header_length = 2;
    if (length >= LENGTH_16) {
        header[1] = LENGTH_16;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)(length & 0xff);
        header_length = 4;
    }
    mw_raw_write(peer, header, header_length);
    mw_raw_write(peer, payload, length);
}

static void note(struct mw_crowd_venue *venue, uint32_t index, const char *text)
{
    char *heard = venue->guests[index].heard;
    size_t used = strlen(heard);
    snprintf(heard + used, MW_CROWD_HEARD_BYTES - used, "%s;", text);
    pthread_cond_broadcast(&venue->changed);
}

static void answer(struct mw_raw_peer *peer, const char *request)
{
    char reply[128];
    bool bad = strstr(request, "BAD") != NULL;
    int length = snprintf(reply, sizeof(reply), "{\"ok\":%s,\"id\":%ld%s}", bad ? "false" : "true",
                          strtol(request + 1, NULL, 10),
                          bad ? ",\"message\":\"no such symbol\",\"code\":7" : "");
    send_frame(peer, TEXT, reply, (size_t)length);
}

/* Returns false when the connection is over. */
static bool converse(struct mw_crowd_venue *venue, uint32_t index, struct mw_raw_peer *peer)
{
    char request[126];
    unsigned char first;
    ssize_t length = mw_raw_read_frame(peer, &first, request);
    if (length < 0)
        return false;
    pthread_mutex_lock(&venue->lock);
    bool ends = first == CLOSE && !venue->stubborn;
    note(venue, index, first == CLOSE ? "close" : request);
    if (ends)
        send_frame(peer, CLOSE, request, (size_t)length);
    else if (first == TEXT && !venue->holds)
        answer(peer, request);
    pthread_mutex_unlock(&venue->lock);
    return !ends;
}

static void answer_http(struct mw_crowd_venue *venue, struct mw_raw_peer *peer)
{
    char answer[1024];
    pthread_mutex_lock(&venue->lock);
    const char *body = venue->history != NULL ? venue->history : "";
    int length = snprintf(answer, sizeof(answer),
                          "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                          venue->history != NULL ? "200 OK" : "404 Not Found", strlen(body), body);
    pthread_mutex_unlock(&venue->lock);
    MW_CHECK((size_t)length < sizeof(answer));
    mw_raw_write(peer, answer, (size_t)length);
}

/* Notes a new connection. Returns whether it is let in. */
static bool receive(struct mw_crowd_venue *venue, struct mw_raw_peer *peer, const char *key,
                    uint32_t *index)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    char answer[256];
    pthread_mutex_lock(&venue->lock);
    MW_CHECK(venue->count < MW_CROWD_MAX);
    *index = venue->count++;
    venue->guests[*index].peer = peer;
    bool open = venue->guests[*index].open = !venue->refuses;
    int length = snprintf(answer, sizeof(answer),
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          key);
    if (open)
        mw_raw_write(peer, answer, (size_t)length);
    else
        mw_raw_write(peer, busy, sizeof(busy) - 1);
    if (open)
        note(venue, *index, "#");
    pthread_mutex_unlock(&venue->lock);
    return open;
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct mw_crowd_venue *venue = user;
    char request[4096], key[29];
    if (!mw_raw_read_request(peer, request, sizeof(request)))
        return;
    if (!mw_raw_accept_key(request, key)) {
        answer_http(venue, peer);
        return;
    }
    uint32_t index;
    bool going = receive(venue, peer, key, &index);
    while (going)
        going = converse(venue, index, peer);
    pthread_mutex_lock(&venue->lock);
    venue->guests[index].peer = NULL;
    venue->guests[index].open = false;
    note(venue, index, "gone");
    pthread_mutex_unlock(&venue->lock);
}

void mw_crowd_venue_start(struct mw_crowd_venue *venue)
{
    pthread_mutex_init(&venue->lock, NULL);
    pthread_cond_init(&venue->changed, NULL);
    venue->server = mw_raw_server_start(
        &(struct mw_raw_server_options){.serve = serve, .user = venue, .crowd = true});
}

void mw_crowd_venue_stop(struct mw_crowd_venue *venue)
{
    mw_raw_server_stop(venue->server);
    pthread_cond_destroy(&venue->changed);
    pthread_mutex_destroy(&venue->lock);
}

char *mw_crowd_venue_url(const struct mw_crowd_venue *venue, char url[32])
{
    snprintf(url, 32, "ws://127.0.0.1:%u/", mw_raw_server_port(venue->server));
    return url;
}

void mw_crowd_venue_set(struct mw_crowd_venue *venue, bool *flag, bool value)
{
    pthread_mutex_lock(&venue->lock);
    *flag = value;
    pthread_mutex_unlock(&venue->lock);
}

void mw_crowd_venue_wait(struct mw_crowd_venue *venue, uint32_t index, const char *text)
{
    MW_CHECK(index < MW_CROWD_MAX);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&venue->lock);
    while (strstr(venue->guests[index].heard, text) == NULL)
        if (pthread_cond_timedwait(&venue->changed, &venue->lock, &until) == ETIMEDOUT) {
            fprintf(stderr, "waiting for '%s', heard '%s'\n", text, venue->guests[index].heard);
            abort();
        }
    pthread_mutex_unlock(&venue->lock);
}

bool mw_crowd_venue_heard(struct mw_crowd_venue *venue, uint32_t index, const char *text)
{
    MW_CHECK(index < MW_CROWD_MAX);
    pthread_mutex_lock(&venue->lock);
    bool heard = strstr(venue->guests[index].heard, text) != NULL;
    pthread_mutex_unlock(&venue->lock);
    return heard;
}

uint32_t mw_crowd_venue_count(struct mw_crowd_venue *venue)
{
    pthread_mutex_lock(&venue->lock);
    uint32_t count = venue->count;
    pthread_mutex_unlock(&venue->lock);
    return count;
}

uint32_t mw_crowd_venue_open_count(struct mw_crowd_venue *venue)
{
    uint32_t count = 0;
    pthread_mutex_lock(&venue->lock);
    for (uint32_t i = 0; i < venue->count; i++)
        count += venue->guests[i].open;
    pthread_mutex_unlock(&venue->lock);
    return count;
}

void mw_crowd_venue_push(struct mw_crowd_venue *venue, uint32_t index, const char *text)
{
    pthread_mutex_lock(&venue->lock);
    MW_CHECK(venue->guests[index].open);
    send_frame(venue->guests[index].peer, TEXT, text, strlen(text));
    pthread_mutex_unlock(&venue->lock);
}

void mw_crowd_venue_confirm(struct mw_crowd_venue *venue, uint32_t index, int id)
{
    char reply[64];
    snprintf(reply, sizeof(reply), "{\"ok\":true,\"id\":%d}", id);
    mw_crowd_venue_push(venue, index, reply);
}

void mw_crowd_venue_cut(struct mw_crowd_venue *venue, uint32_t index)
{
    pthread_mutex_lock(&venue->lock);
    MW_CHECK(venue->guests[index].peer != NULL);
    mw_raw_cut(venue->guests[index].peer);
    pthread_mutex_unlock(&venue->lock);
}
