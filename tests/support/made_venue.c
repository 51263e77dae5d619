/* made_venue.c - one connection after the other, message by message. */
#include "made_venue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

enum { WAIT_S = 20, TEXT = 0x81, CLOSE = 0x88, LENGTH_16 = 126 };

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

static void note(struct mw_made_venue *venue, const char *text)
{
    pthread_mutex_lock(&venue->lock);
    size_t used = strlen(venue->heard);
    snprintf(venue->heard + used, sizeof(venue->heard) - used, "%s;", text);
    if (text[0] == '#')
        venue->connection_count++;
    else if (venue->heard_count < MW_COUNT(venue->heard_ms))
        venue->heard_ms[venue->heard_count++] = mw_clock_monotonic_ms();
    pthread_cond_broadcast(&venue->changed);
    pthread_mutex_unlock(&venue->lock);
}

static void answer(const struct mw_made_venue *venue, struct mw_raw_peer *peer, const char *request)
{
    char reply[160], id[32] = "";
    bool bad = strstr(request, "BAD") != NULL;
    if (!venue->nameless)
        snprintf(id, sizeof(id), ",\"id\":%ld", strtol(request + 1, NULL, 10));
    int length = snprintf(reply, sizeof(reply), "{\"ok\":%s%s%s}", bad ? "false" : "true", id,
                          bad ? ",\"message\":\"no such symbol\",\"code\":7" : "");
    send_frame(peer, TEXT, reply, (size_t)length);
}

/* Text is pushed as it is, but for a leading '!', which makes the message binary. */
static void push_all(const struct mw_made_venue *venue, struct mw_raw_peer *peer)
{
    for (const char *const *push = venue->pushes; push != NULL && *push != NULL; push++)
        send_frame(peer, **push == '!' ? 0x82 : TEXT, *push, strlen(*push));
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct mw_made_venue *venue = user;
    note(venue, "#");
    if (venue->silent) {
        mw_raw_wait_end(peer);
        return;
    }
    if (!mw_raw_upgrade(peer, NULL, 0))
        return;
    bool answered = false;
    char request[126];
    unsigned char first;
    ssize_t length;
    while ((length = mw_raw_read_frame(peer, &first, request)) >= 0) {
        note(venue, first == CLOSE ? "close" : request);
        if (first == CLOSE) {
            if (!venue->stubborn) {
                send_frame(peer, CLOSE, request, (size_t)length);
                return;
            }
            continue;
        }
        if (strstr(request, "MUTE") != NULL)
            continue;
        answer(venue, peer, request);
        if (!answered)
            push_all(venue, peer);
        answered = true;
        bool first_connection = venue->connection_count == 1; /* only this thread counts */
        if (venue->leaves || (first_connection && strstr(request, "DROP") != NULL))
            return;
    }
}

void mw_made_venue_start(struct mw_made_venue *venue)
{
    pthread_mutex_init(&venue->lock, NULL);
    pthread_cond_init(&venue->changed, NULL);
    venue->server =
        mw_raw_server_start(&(struct mw_raw_server_options){.serve = serve, .user = venue});
}

void mw_made_venue_stop(struct mw_made_venue *venue)
{
    mw_raw_server_stop(venue->server);
    pthread_cond_destroy(&venue->changed);
    pthread_mutex_destroy(&venue->lock);
}

char *mw_made_venue_url(const struct mw_made_venue *venue, char url[32])
{
    snprintf(url, 32, "ws://127.0.0.1:%u/", mw_raw_server_port(venue->server));
    return url;
}

void mw_made_venue_wait(struct mw_made_venue *venue, const char *text)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&venue->lock);
    while (strstr(venue->heard, text) == NULL)
        if (pthread_cond_timedwait(&venue->changed, &venue->lock, &until) == ETIMEDOUT) {
            fprintf(stderr, "waiting for '%s', heard '%s'\n", text, venue->heard);
            abort();
        }
    pthread_mutex_unlock(&venue->lock);
}

bool mw_made_venue_heard(struct mw_made_venue *venue, const char *text)
{
    pthread_mutex_lock(&venue->lock);
    bool heard = strstr(venue->heard, text) != NULL;
    pthread_mutex_unlock(&venue->lock);
    return heard;
}
