/* decode_bench.c - the way of a frame, layer by layer and without sockets.
 *
 * `websocket` is mw_websocket_feed with pieces as large as one read from a socket, into a handler
 * that does nothing; `parse` is JSON alone, which validates the message and indexes it; `decode` is
 * all of mw_decoder_decode, which is that and the fields of the candle.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "bench.h"
#include "feed/decoder.h"
#include "feed/json.h"
#include "frame_ring.h"
#include "net/websocket.h"

struct state {
    struct frame_ring *ring;
    struct mw_websocket *websocket;
    struct mw_json *json;
    struct mw_decoder *decoder;
    uint64_t message_count,
        wanted_count; /* that came out of the frame layer; that were asked for */
    size_t fed, next; /* bytes of the ring; the payload to be decoded */
};

static void on_message(void *user, bool text, const char *data, size_t length)
{
    (void)text;
    (void)length;
    bench_keep(data);
    ((struct state *)user)->message_count++;
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    (void)user;
    (void)code;
    (void)reason;
}

static bool on_output(void *user, const void *frame, size_t length)
{
    (void)user;
    (void)frame;
    (void)length;
    return true;
}

/* Feeds until `count` more messages came out. What the last piece has too many counts for the next
 * call. */
static void feed(void *user, uint64_t count)
{
    struct state *state = user;
    struct mw_error err;
    state->wanted_count += count;
    while (state->message_count < state->wanted_count) {
        size_t left = state->ring->length - state->fed;
        size_t length = left < MW_RECEIVE_BYTES ? left : MW_RECEIVE_BYTES;
        bench_require(
            mw_websocket_feed(state->websocket, state->ring->bytes + state->fed, length, &err),
            &err);
        state->fed = (state->fed + length) % state->ring->length;
    }
}

static const struct frame_ring_payload *take(struct state *state)
{
    const struct frame_ring_payload *payload = &state->ring->payloads[state->next];
    state->next = (state->next + 1) % FRAME_RING_FRAMES;
    return payload;
}

static void parse(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t i = 0; i < count; i++) {
        const struct frame_ring_payload *payload = take(state);
        MW_CHECK(mw_json_parse(state->json, payload->data, payload->length) == MW_JSON_OK);
    }
}

static void decode(void *user, uint64_t count)
{
    struct state *state = user;
    struct mw_decoded decoded;
    for (uint64_t i = 0; i < count; i++) {
        const struct frame_ring_payload *payload = take(state);
        mw_decoder_decode(state->decoder, payload->data, payload->length, &decoded);
        MW_CHECK(decoded.kind == MW_DECODED_CANDLES && decoded.row_count == 1);
        bench_keep(decoded.rows);
    }
}

static void run(const char *name, frame_ring_venue venue)
{
    struct mw_protocol *protocol;
    struct mw_error err;
    bench_require(mw_protocol_load(name, &protocol, &err), &err);
    struct state state = {
        .ring = frame_ring_new(venue), .json = mw_json_new(), .decoder = mw_decoder_new(protocol)};
    const struct mw_websocket_handler handler = {
        .user = &state, .on_message = on_message, .on_close = on_close, .on_output = on_output};
    state.websocket = mw_websocket_new(MW_FRAME_BYTES_DEFAULT, &handler);

    char line[64];
    double bytes = 0;
    for (size_t i = 0; i < FRAME_RING_FRAMES; i++)
        bytes += (double)state.ring->payloads[i].length;
    snprintf(line, sizeof(line), "message_%s", name);
    bench_print(line, bytes / FRAME_RING_FRAMES, "bytes");
    const struct {
        const char *what;
        bench_fn fn;
    } steps[] = {{"websocket", feed}, {"parse", parse}, {"decode", decode}};
    for (size_t i = 0; i < MW_COUNT(steps); i++) {
        snprintf(line, sizeof(line), "%s_%s", steps[i].what, name);
        bench_print(line, bench_time(steps[i].fn, &state), "ns/frame");
    }
    mw_websocket_free(state.websocket);
    mw_decoder_free(state.decoder);
    mw_json_free(state.json);
    frame_ring_free(state.ring);
    mw_protocol_free(protocol);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    run("binance", FRAME_RING_BINANCE);
    run("wealthdata", FRAME_RING_WEALTHDATA);
    return 0;
}
