/* websocket.c - frames through wslay's frame layer.
 *
 * wslay reads headers and hands out the payload in pieces of up to 4 KiB from a buffer of its
 * own; they are copied to the end of the message. It knows about lengths and control frames; what
 * depends on the role and on earlier frames is checked here.
 */
#include "net/websocket.h"

#include <string.h>
#include <wslay/wslay.h>

#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "net/client.h"

enum {
    MESSAGE_BYTES_FIRST = 4096, /* most messages of most venues fit */
    MASK_POOL_BYTES = 1024,     /* masks of 256 frames from one system call */
};

struct mw_websocket {
    struct mw_websocket_handler handler;
    wslay_frame_context_ptr frames; /* owns */

    const uint8_t *input; /* what is left of the bytes being fed; borrowed during feed */
    size_t input_length;

    uint8_t *message; /* owns; message_capacity and MW_MESSAGE_PADDING bytes */
    size_t message_length, message_capacity, message_bytes_max;
    uint8_t message_opcode; /* of the first frame; 0 when no message has begun */

    bool in_frame;       /* the header of the current frame was checked */
    uint64_t frame_left; /* payload bytes of it that are still to come */
    uint8_t control[MW_WEBSOCKET_CONTROL_BYTES_MAX + 1]; /* payload of a control frame */
    size_t control_length;

    bool close_sent, done; /* done: the peer's close frame came, or it broke the rules */

    struct mw_str output; /* the frame being built */
    uint8_t masks[MASK_POOL_BYTES];
    size_t mask_at;
};

static ssize_t take_input(uint8_t *to, size_t length, int flags, void *user)
{
    (void)flags;
    struct mw_websocket *websocket = user;
    if (length > websocket->input_length)
        length = websocket->input_length;
    if (length == 0)
        return -1;
    memcpy(to, websocket->input, length);
    websocket->input += length;
    websocket->input_length -= length;
    return (ssize_t)length;
}

static ssize_t take_output(const uint8_t *bytes, size_t length, int flags, void *user)
{
    (void)flags;
    struct mw_websocket *websocket = user;
    MW_CHECK(mw_str_add(&websocket->output, (const char *)bytes, length));
    return (ssize_t)length;
}

static int take_mask(uint8_t *to, size_t length, void *user)
{
    struct mw_websocket *websocket = user;
    MW_CHECK(length <= MASK_POOL_BYTES);
    if (websocket->mask_at + length > MASK_POOL_BYTES) {
        mw_random_bytes(websocket->masks, MASK_POOL_BYTES);
        websocket->mask_at = 0;
    }
    memcpy(to, websocket->masks + websocket->mask_at, length);
    websocket->mask_at += length;
    return 0;
}

struct mw_websocket *mw_websocket_new(size_t message_bytes_max,
                                      const struct mw_websocket_handler *handler)
{
    struct mw_websocket *websocket = mw_alloc_zero(sizeof(*websocket));
    websocket->handler = *handler;
    websocket->message_bytes_max = message_bytes_max;
    websocket->message_capacity = MESSAGE_BYTES_FIRST;
    websocket->message = mw_alloc(MESSAGE_BYTES_FIRST + MW_MESSAGE_PADDING);
    websocket->output.length_max = SIZE_MAX / 2; /* senders are bounded one by one */
    mw_websocket_reset(websocket);
    return websocket;
}

void mw_websocket_free(struct mw_websocket *websocket)
{
    if (websocket == NULL)
        return;
    wslay_frame_context_free(websocket->frames);
    mw_str_deinit(&websocket->output);
    mw_free(websocket->message);
    mw_free(websocket);
}

void mw_websocket_reset(struct mw_websocket *websocket)
{
    static const struct wslay_frame_callbacks callbacks = {
        .send_callback = take_output,
        .recv_callback = take_input,
        .genmask_callback = take_mask,
    };
    wslay_frame_context_free(websocket->frames);
    MW_CHECK(wslay_frame_context_init(&websocket->frames, &callbacks, websocket) == 0);
    websocket->message_length = 0;
    websocket->message_opcode = 0;
    websocket->in_frame = false;
    websocket->frame_left = 0;
    websocket->control_length = 0;
    websocket->close_sent = websocket->done = false;
    websocket->mask_at = MASK_POOL_BYTES;
}

static bool send_frame(struct mw_websocket *websocket, enum wslay_opcode opcode,
                       const void *payload, size_t length)
{
    if (websocket->close_sent)
        return false;
    struct wslay_frame_iocb frame = {
        .fin = 1,
        .opcode = (uint8_t)opcode,
        .payload_length = length,
        .mask = 1,
        .data = payload,
        .data_length = length,
    };
    mw_str_clear(&websocket->output);
    MW_CHECK(wslay_frame_send(websocket->frames, &frame) == (ssize_t)length);
    return websocket->handler.on_output(websocket->handler.user, websocket->output.data,
                                        websocket->output.length);
}

bool mw_websocket_send_text(struct mw_websocket *websocket, const char *text, size_t length)
{
    return send_frame(websocket, WSLAY_TEXT_FRAME, text, length);
}

bool mw_websocket_send_ping(struct mw_websocket *websocket, const void *payload, size_t length)
{
    return length <= MW_WEBSOCKET_CONTROL_BYTES_MAX &&
           send_frame(websocket, WSLAY_PING, payload, length);
}

bool mw_websocket_send_pong(struct mw_websocket *websocket, const void *payload, size_t length)
{
    return length <= MW_WEBSOCKET_CONTROL_BYTES_MAX &&
           send_frame(websocket, WSLAY_PONG, payload, length);
}

bool mw_websocket_send_close(struct mw_websocket *websocket, uint16_t code, const char *reason)
{
    uint8_t payload[MW_WEBSOCKET_CONTROL_BYTES_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t length = code == MW_CLOSE_NO_CODE ? 0 : 2;
    if (reason != NULL && length > 0) {
        size_t cut = strnlen(reason, MW_WEBSOCKET_REASON_BYTES_MAX + 1);
        if (cut > MW_WEBSOCKET_REASON_BYTES_MAX) {
            cut = MW_WEBSOCKET_REASON_BYTES_MAX;
            while (cut > 0 && ((unsigned char)reason[cut] & 0xc0) == 0x80)
                cut--;
        }
        memcpy(payload + 2, reason, cut);
        length += cut;
    }
    if (!send_frame(websocket, WSLAY_CONNECTION_CLOSE, payload, length))
        return false;
    websocket->close_sent = true;
    return true;
}

static mw_status violate(struct mw_websocket *websocket, uint16_t code, struct mw_error *err,
                         const char *what)
{
    websocket->done = true;
    mw_websocket_send_close(websocket, code, what);
    return mw_fail_code(err, MW_EPROTOCOL, code, "the server broke the WebSocket protocol: %s",
                        what);
}

static bool is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0, count; at < length; at += count) {
        count = mw_utf8_length((const char *)bytes + at, length - at);
        if (count == 0)
            return false;
    }
    return true;
}

/* RFC 6455, section 7.4, and the registry of IANA: 1012 to 1014 were added later. */
static bool may_be_sent(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static mw_status check_header(struct mw_websocket *websocket, const struct wslay_frame_iocb *frame,
                              struct mw_error *err)
{
    const char *wrong = NULL;
    bool control = wslay_is_ctrl_frame(frame->opcode);
    bool begun = websocket->message_opcode != 0;
    if (frame->rsv != 0)
        wrong = "a reserved bit is set";
    else if (frame->mask)
        wrong = "a frame from the server is masked";
    else if (frame->opcode > WSLAY_PONG || (!control && frame->opcode > WSLAY_BINARY_FRAME))
        wrong = "the opcode is reserved";
    else if (!control && frame->opcode == WSLAY_CONTINUATION_FRAME && !begun)
        wrong = "a continuation without a beginning";
    else if (!control && frame->opcode != WSLAY_CONTINUATION_FRAME && begun)
        wrong = "a new message inside a fragmented one";
    if (wrong != NULL)
        return violate(websocket, MW_CLOSE_PROTOCOL, err, wrong);
    if (!control &&
        frame->payload_length > websocket->message_bytes_max - websocket->message_length)
        return violate(websocket, MW_CLOSE_TOO_BIG, err, "a message is over the limit");

    websocket->in_frame = true;
    websocket->frame_left = frame->payload_length;
    if (control)
        websocket->control_length = 0;
    else if (!begun)
        websocket->message_opcode = frame->opcode;
    return MW_OK;
}

static void add_payload(struct mw_websocket *websocket, const struct wslay_frame_iocb *frame)
{
    size_t length = frame->data_length;
    websocket->frame_left -= length;
    if (wslay_is_ctrl_frame(frame->opcode)) {
        MW_CHECK(websocket->control_length + length <= MW_WEBSOCKET_CONTROL_BYTES_MAX);
        memcpy(websocket->control + websocket->control_length, frame->data, length);
        websocket->control_length += length;
        return;
    }
    size_t needed = websocket->message_length + length;
    if (needed > websocket->message_capacity) {
        size_t capacity = websocket->message_capacity * 2;
        if (capacity < needed)
            capacity = needed;
        websocket->message = mw_realloc_array(websocket->message, capacity + MW_MESSAGE_PADDING, 1);
        websocket->message_capacity = capacity;
    }
    memcpy(websocket->message + websocket->message_length, frame->data, length);
    websocket->message_length = needed;
}

static mw_status end_close(struct mw_websocket *websocket, struct mw_error *err)
{
    uint16_t code = MW_CLOSE_NO_CODE;
    const char *reason = "";
    if (websocket->control_length == 1)
        return violate(websocket, MW_CLOSE_PROTOCOL, err, "a close frame with half a code");
    if (websocket->control_length >= 2) {
        code = (uint16_t)(websocket->control[0] << 8 | websocket->control[1]);
        if (!may_be_sent(code))
            return violate(websocket, MW_CLOSE_PROTOCOL, err,
                           "a close frame with a code that must not be sent");
        if (!is_utf8(websocket->control + 2, websocket->control_length - 2))
            return violate(websocket, MW_CLOSE_BAD_TEXT, err,
                           "a close frame with a reason that is not UTF-8");
        websocket->control[websocket->control_length] = '\0';
        reason = (const char *)websocket->control + 2;
    }
    websocket->done = true;
    mw_websocket_send_close(websocket, code, NULL);
    websocket->handler.on_close(websocket->handler.user, code, reason);
    return MW_OK;
}

static mw_status end_frame(struct mw_websocket *websocket, const struct wslay_frame_iocb *frame,
                           struct mw_error *err)
{
    websocket->in_frame = false;
    switch (frame->opcode) {
    case WSLAY_CONNECTION_CLOSE:
        return end_close(websocket, err);
    case WSLAY_PING:
        /* Without room for the pong it is left out: a later ping asks again. */
        mw_websocket_send_pong(websocket, websocket->control, websocket->control_length);
        return MW_OK;
    case WSLAY_PONG:
        return MW_OK;
    default:
        break;
    }
    if (!frame->fin)
        return MW_OK;
    bool text = websocket->message_opcode == WSLAY_TEXT_FRAME;
    size_t length = websocket->message_length;
    websocket->message_opcode = 0;
    websocket->message_length = 0;
    memset(websocket->message + length, 0, MW_MESSAGE_PADDING);
    if (!websocket->close_sent)
        websocket->handler.on_message(websocket->handler.user, text,
                                      (const char *)websocket->message, length);
    return MW_OK;
}

mw_status mw_websocket_feed(struct mw_websocket *websocket, const void *bytes, size_t length,
                            struct mw_error *err)
{
    websocket->input = bytes;
    websocket->input_length = length;
    mw_status status = MW_OK;
    while (!websocket->done) {
        struct wslay_frame_iocb frame;
        ssize_t got = wslay_frame_recv(websocket->frames, &frame);
        if (got == WSLAY_ERR_WANT_READ)
            break;
        if (got < 0) {
            status = violate(websocket, MW_CLOSE_PROTOCOL, err,
                             "a control frame in pieces or over 125 bytes, or an odd length");
            break;
        }
        if (!websocket->in_frame && (status = check_header(websocket, &frame, err)) != MW_OK)
            break;
        add_payload(websocket, &frame);
        if (websocket->frame_left == 0 && (status = end_frame(websocket, &frame, err)) != MW_OK)
            break;
    }
    websocket->input = NULL;
    websocket->input_length = 0;
    return status;
}
