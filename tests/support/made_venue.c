/* made_venue.c - one connection after the other, message by message. */
#include "made_venue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    WAIT_MS = 20000,
    TEXT = 0x81,
    BINARY = 0x82,
    CLOSE = 0x88,
    PING = 0x89,
    PONG = 0x8a,
    LENGTH_16 = 126,
};

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

static void push(struct mw_raw_peer *peer, const char *text)
{
    bool ping = text[0] == '~';
    unsigned char first = ping ? PING : text[0] == '!' ? BINARY : TEXT;
    send_frame(peer, first, text + ping, strlen(text + ping));
}

static void set_peer(struct mw_made_venue *venue, struct mw_raw_peer *peer)
{
    pthread_mutex_lock(&venue->lock);
    venue->peer = peer;
    pthread_cond_broadcast(&venue->changed);
    pthread_mutex_unlock(&venue->lock);
}

/* Answers what is no request. Returns whether it was none. */
static bool upkeep(struct mw_made_venue *venue, struct mw_raw_peer *peer, unsigned char first,
                   const char *text, size_t length)
{
    char heard[160];
    if (first != PING && first != PONG && text[0] != '{')
        return false;
    snprintf(heard, sizeof(heard), "%s%s",
             first == PING   ? "ping"
             : first == PONG ? "pong"
                             : "",
             text);
    note(venue, heard);
    pthread_mutex_lock(&venue->lock);
    if (first == PING && !venue->pongless)
        send_frame(peer, PONG, text, length);
    else if (first == TEXT && venue->beat != NULL)
        push(peer, venue->beat);
    pthread_mutex_unlock(&venue->lock);
    return true;
}

/* The first answer of a connection. Returns whether it goes on. */
static bool greet(struct mw_made_venue *venue, struct mw_raw_peer *peer)
{
    for (const char *const *one = venue->pushes; one != NULL && *one != NULL; one++)
        push(peer, *one);
    set_peer(venue, peer);
    if (venue->connection_count > venue->deaf_count) /* only this thread counts */
        return true;
    mw_raw_wait_end(peer);
    return false;
}

static void converse(struct mw_made_venue *venue, struct mw_raw_peer *peer)
{
    bool greeted = false;
    char request[126];
    unsigned char first;
    ssize_t length;
    while ((length = mw_raw_read_frame(peer, &first, request)) >= 0) {
        if (upkeep(venue, peer, first, request, (size_t)length))
            continue;
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
        pthread_mutex_lock(&venue->lock);
        answer(venue, peer, request);
        pthread_mutex_unlock(&venue->lock);
        if (!greeted && !greet(venue, peer))
            return;
        greeted = true;
        if (venue->leaves || (venue->connection_count == 1 && strstr(request, "DROP") != NULL))
            return;
    }
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct mw_made_venue *venue = user;
    note(venue, "#");
    if (venue->silent)
        mw_raw_wait_end(peer);
    else if (mw_raw_upgrade(peer, NULL, 0))
        converse(venue, peer);
    set_peer(venue, NULL);
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

static struct timespec in_ms(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

bool mw_made_venue_wait_for(struct mw_made_venue *venue, const char *text, int64_t wait_ms)
{
    struct timespec until = in_ms(wait_ms);
    bool heard, waits = true;
    pthread_mutex_lock(&venue->lock);
    while (!(heard = strstr(venue->heard, text) != NULL) && waits)
        waits = pthread_cond_timedwait(&venue->changed, &venue->lock, &until) != ETIMEDOUT;
    pthread_mutex_unlock(&venue->lock);
    return heard;
}

void mw_made_venue_wait(struct mw_made_venue *venue, const char *text)
{
    if (mw_made_venue_wait_for(venue, text, WAIT_MS))
        return;
    fprintf(stderr, "waiting for '%s', heard '%s'\n", text, venue->heard);
    abort();
}

/* Takes the lock, with a peer. */
static void lock_peer(struct mw_made_venue *venue)
{
    struct timespec until = in_ms(WAIT_MS);
    pthread_mutex_lock(&venue->lock);
    while (venue->peer == NULL)
        if (pthread_cond_timedwait(&venue->changed, &venue->lock, &until) == ETIMEDOUT)
            abort();
}

void mw_made_venue_push(struct mw_made_venue *venue, const char *text)
{
    lock_peer(venue);
    push(venue->peer, text);
    pthread_mutex_unlock(&venue->lock);
}

void mw_made_venue_cut(struct mw_made_venue *venue)
{
    lock_peer(venue);
    mw_raw_cut(venue->peer);
    venue->peer = NULL;
    pthread_mutex_unlock(&venue->lock);
}

bool mw_made_venue_heard(struct mw_made_venue *venue, const char *text)
{
    pthread_mutex_lock(&venue->lock);
    bool heard = strstr(venue->heard, text) != NULL;
    pthread_mutex_unlock(&venue->lock);
    return heard;
}
