/* frame_ring.h - precomputed WebSocket frames of candles, as a venue sends them, that never end.
 *
 * Ten symbols in turn, one-minute bars, 60 messages a bar: it forms for 59 of them and the last
 * one closes it. Values are a random walk with a fixed seed, spelled as the venue spells them; a
 * message of Binance's combined stream is 352 bytes long on average.
 *
 *     | header payload | header payload | ...      5 bars of each symbol: 3,000 frames, 1 MB
 *
 * Replayed as they are, old bars would be late. 5 minutes are 3 times 100,000 ms, so moving on by
 * them changes the first 8 of the 13 digits of a time and leaves the rest: a time costs one store
 * of 8 bytes.
 *
 * Threads: the owner's.
 */
#ifndef MW_BENCH_FRAME_RING_H
#define MW_BENCH_FRAME_RING_H

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_RING_SYMBOLS = 10,
    FRAME_RING_BARS = 5,
    FRAME_RING_UPDATES = 60,
    FRAME_RING_FRAMES = FRAME_RING_SYMBOLS * FRAME_RING_BARS * FRAME_RING_UPDATES,
    FRAME_RING_TIMES = FRAME_RING_FRAMES * 3, /* at most */
};

typedef enum frame_ring_venue { FRAME_RING_BINANCE, FRAME_RING_WEALTHDATA } frame_ring_venue;

struct frame_ring {
    char *bytes;   /* owns; MW_MESSAGE_PADDING zeros follow the last frame */
    size_t length; /* of all frames */
    struct frame_ring_payload {
        const char *data; /* borrows from bytes */
        size_t length;
    } payloads[FRAME_RING_FRAMES];

    uint64_t round; /* how often it moved on */
    uint32_t time_count;
    struct {
        uint32_t at;   /* of the first digit in bytes */
        uint32_t step; /* of 100,000 ms since the first bar of the ring opened */
    } times[FRAME_RING_TIMES];
};

extern const char *const frame_ring_symbols[FRAME_RING_SYMBOLS];

/* Never NULL. */
struct frame_ring *frame_ring_new(frame_ring_venue venue);
void frame_ring_free(struct frame_ring *ring);

/* Moves every time on by FRAME_RING_BARS minutes. */
void frame_ring_advance(struct frame_ring *ring);
/* Begins with the first bars again. */
void frame_ring_rewind(struct frame_ring *ring);

#endif
