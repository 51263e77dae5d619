/* frame_source.c - the child process, and the pipe that its owner steers it with. */
#include "frame_source.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "raw_server.h"

enum { CHUNK_BYTES = 256 << 10, REQUEST_BYTES_MAX = 4096 };

/* What the owner writes to the child; a cut is confirmed with itself. */
enum { ORDER_CUT = 'c', ORDER_QUIT = 'q' };

struct frame_source {
    pid_t pid;
    int control; /* our end of a pair of sockets */
    uint16_t port;
};

/* What the child's server works with. */
struct flood {
    frame_ring_venue venue;
    struct frame_ring *ring; /* owns */
    atomic_bool cut;
};

/* Reads one masked frame of the client. Returns false when it is none. */
static bool read_request(struct mw_raw_peer *peer, char *text)
{
    unsigned char header[2], extended[2] = {0}, mask[4];
    if (!mw_raw_read_all(peer, header, sizeof(header)) || !(header[1] & 0x80))
        return false;
    size_t length = header[1] & 0x7f;
    if (length == 126) {
        if (!mw_raw_read_all(peer, extended, sizeof(extended)))
            return false;
        length = (size_t)extended[0] << 8 | extended[1];
    }
    if (length >= REQUEST_BYTES_MAX || !mw_raw_read_all(peer, mask, sizeof(mask)) ||
        !mw_raw_read_all(peer, text, length))
        return false;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(text[i] ^ mask[i % 4]);
    text[length] = '\0';
    return true;
}

static bool confirm(struct mw_raw_peer *peer, frame_ring_venue venue)
{
    static const char key[] = "id\":"; /* of "id":1 and of "request_id":"1" */
    char request[REQUEST_BYTES_MAX], frame[128];
    if (!read_request(peer, request))
        return false;
    const char *id = strstr(request, key);
    long number =
        id != NULL ? strtol(id + sizeof(key) - 1 + (id[sizeof(key) - 1] == '"'), NULL, 10) : 0;
    char *payload = frame + 2;
    size_t room = sizeof(frame) - 2;
    int length =
        venue == FRAME_RING_BINANCE
            ? snprintf(payload, room, "{\"result\":null,\"id\":%ld}", number)
            : snprintf(payload, room, "{\"type\":\"CONNECTED\",\"request_id\":\"%ld\"}", number);
    frame[0] = (char)0x81;
    frame[1] = (char)length;
    return mw_raw_write(peer, frame, (size_t)length + 2);
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct flood *flood = user;
    atomic_store(&flood->cut, false);
    if (!mw_raw_upgrade(peer, NULL, 0) || !confirm(peer, flood->venue))
        return;
    struct frame_ring *ring = flood->ring;
    for (frame_ring_rewind(ring);; frame_ring_advance(ring)) {
        for (size_t at = 0; at < ring->length; at += CHUNK_BYTES) {
            size_t left = ring->length - at;
            if (atomic_load(&flood->cut) ||
                !mw_raw_write(peer, ring->bytes + at, left < CHUNK_BYTES ? left : CHUNK_BYTES))
                return;
        }
    }
}

/* The child: tells its port, then obeys until the owner is gone. */
static _Noreturn void run(int control, frame_ring_venue venue)
{
    struct flood flood = {.venue = venue, .ring = frame_ring_new(venue)};
    const struct mw_raw_server_options options = {.serve = serve, .user = &flood};
    uint16_t port = mw_raw_server_port(mw_raw_server_start(&options));
    MW_CHECK(write(control, &port, sizeof(port)) == sizeof(port));
    char order;
    while (read(control, &order, 1) == 1 && order == ORDER_CUT) {
        atomic_store(&flood.cut, true);
        MW_CHECK(write(control, &order, 1) == 1);
    }
    _exit(0);
}

struct frame_source *frame_source_start(frame_ring_venue venue)
{
    int ends[2];
    MW_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    struct frame_source *source = mw_alloc_zero(sizeof(*source));
    source->pid = fork();
    MW_CHECK(source->pid >= 0);
    if (source->pid == 0) {
        close(ends[0]);
        run(ends[1], venue);
    }
    close(ends[1]);
    source->control = ends[0];
    MW_CHECK(read(source->control, &source->port, sizeof(source->port)) == sizeof(source->port));
    return source;
}

void frame_source_stop(struct frame_source *source)
{
    if (source == NULL)
        return;
    char order = ORDER_QUIT;
    MW_CHECK(write(source->control, &order, 1) == 1);
    close(source->control);
    waitpid(source->pid, NULL, 0);
    mw_free(source);
}

uint16_t frame_source_port(const struct frame_source *source)
{
    return source->port;
}

void frame_source_cut(struct frame_source *source)
{
    char order = ORDER_CUT;
    MW_CHECK(write(source->control, &order, 1) == 1 && read(source->control, &order, 1) == 1);
}
