/* frame_source.h - a venue that floods whoever connects, in a process of its own.
 *
 * It takes one WebSocket client after the other: completes the handshake, waits for one message,
 * confirms it with its id, and then writes the frames of a ring (frame_ring.h) as fast as TCP takes
 * them, from the first bar on, until it is told to cut or the client is gone. Everything is made
 * before the first client, so that next to nothing but writing is left.
 *
 * Threads: main only; start it before there are other threads, because it forks.
 */
#ifndef MW_BENCH_FRAME_SOURCE_H
#define MW_BENCH_FRAME_SOURCE_H

#include <stdint.h>

#include "frame_ring.h"

struct frame_source; /* opaque */

/* Never NULL. */
struct frame_source *frame_source_start(frame_ring_venue venue);
void frame_source_stop(struct frame_source *source);
uint16_t frame_source_port(const struct frame_source *source);

/* Ends the connection at hand, without a close frame. */
void frame_source_cut(struct frame_source *source);

#endif
