/* websocket.h - the frames of RFC 6455, client side, without sockets.
 *
 *     bytes in  -> mw_websocket_feed -> on_message, on_close
 *     send_*    -> one masked frame  -> on_output
 *
 * Bytes may come in pieces of any size. Messages are joined from their fragments in one buffer,
 * which is kept, so that a frame costs no allocation. Pings are answered with their payload, also
 * between fragments. Everything that RFC 6455 forbids a server is refused, with the close code in
 * brackets: masked frames, reserved bits and opcodes, fragmented control frames and such over 125
 * bytes, lengths not in their shortest form, a continuation of nothing, a new message inside a
 * fragmented one, a close payload of one byte and close codes that must not be sent (all 1002), a
 * close reason that is not UTF-8 (1007), a frame or message over the limit (1009). The length
 * decides that, when the first byte of the payload is there: nothing is kept for a frame that is
 * too long. Refusing sends a close frame.
 *
 * Text messages are not checked for UTF-8 (see client.h).
 *
 * Threads: the owner's.
 */
#ifndef MW_NET_WEBSOCKET_H
#define MW_NET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct mw_websocket; /* opaque */

enum {
    MW_WEBSOCKET_HEADER_BYTES_MAX = 14, /* 2, a length of 8 and a mask of 4 */
    MW_WEBSOCKET_CONTROL_BYTES_MAX = 125,
    MW_WEBSOCKET_REASON_BYTES_MAX = 123, /* what a close frame has room for after its code */
};

enum {
    MW_CLOSE_NORMAL = 1000,
    MW_CLOSE_PROTOCOL = 1002,
    MW_CLOSE_NO_CODE = 1005,  /* never sent: the close frame had none */
    MW_CLOSE_ABNORMAL = 1006, /* never sent: there was no close frame */
    MW_CLOSE_BAD_TEXT = 1007,
    MW_CLOSE_TOO_BIG = 1009,
};

/* Called from within mw_websocket_feed and the send functions. Every function is set. They may
 * send, but not feed, reset or free. */
struct mw_websocket_handler {
    void *user; /* borrows until mw_websocket_free */
    /* A whole message, borrowed for the call; MW_MESSAGE_PADDING zero bytes follow it. None comes
     * after a close frame was sent or received. */
    void (*on_message)(void *user, bool text, const char *data, size_t length);
    /* The peer's close frame, after it was answered. `code` is MW_CLOSE_NO_CODE where it has
     * none. The reason is UTF-8, borrowed for the call and terminated. */
    void (*on_close)(void *user, uint16_t code, const char *reason);
    /* One frame to be sent, borrowed for the call. Returns false when there is no room for it. */
    bool (*on_output)(void *user, const void *frame, size_t length);
};

/* Never NULL. `message_bytes_max` bounds a frame and a joined message. */
struct mw_websocket *mw_websocket_new(size_t message_bytes_max,
                                      const struct mw_websocket_handler *handler);
void mw_websocket_free(struct mw_websocket *websocket);

/* Begins again as for a new connection. */
void mw_websocket_reset(struct mw_websocket *websocket);

/* Takes in what was received. After a failure, and after the peer's close frame, bytes are dropped.
 * Errors: MW_EPROTOCOL with the close code that was sent. */
MW_MUST_USE mw_status mw_websocket_feed(struct mw_websocket *websocket, const void *bytes,
                                        size_t length, struct mw_error *err);

/* Send one frame each. False, and nothing sent, when on_output had no room, the payload is longer
 * than its kind of frame may have, or a close frame was sent before. */
bool mw_websocket_send_text(struct mw_websocket *websocket, const char *text, size_t length);
bool mw_websocket_send_ping(struct mw_websocket *websocket, const void *payload, size_t length);
bool mw_websocket_send_pong(struct mw_websocket *websocket, const void *payload, size_t length);
/* The reason is cut at MW_WEBSOCKET_REASON_BYTES_MAX, between two characters; NULL for none. */
bool mw_websocket_send_close(struct mw_websocket *websocket, uint16_t code, const char *reason);

#endif
