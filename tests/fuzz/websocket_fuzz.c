/* websocket_fuzz.c - however a stream is split, the same messages, close frames and errors come out. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "net/websocket.h"

static uint64_t heard; /* a hash of everything that was said, in order */

static void on_message(void *user, bool text, const char *data, size_t length)
{
    heard = heard * 31 + mw_hash(data, length) + text + (user != NULL);
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    heard = heard * 31 + mw_hash(reason, strlen(reason)) + code + (user != NULL);
}

static bool on_output(void *user, const void *frame, size_t length)
{
    heard = heard * 31 + mw_hash(frame, 2) + length; /* the rest is masked */
    return user == NULL;
}

static uint64_t run(const uint8_t *data, size_t size, size_t step)
{
    const struct mw_websocket_handler handler = {NULL, on_message, on_close, on_output};
    struct mw_websocket *websocket = mw_websocket_new(1000, &handler);
    struct mw_error err = {0};
    heard = 0;
    for (size_t at = 0; at < size; at += step) {
        if (mw_websocket_feed(websocket, data + at, size - at < step ? size - at : step, &err))
            heard = heard * 31 + (uint64_t)err.code;
    }
    mw_websocket_free(websocket);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = size < 1 ? 0 : run(data + 1, size - 1, size);
    MW_CHECK(size < 1 || whole == run(data + 1, size - 1, 1));
    MW_CHECK(size < 1 || whole == run(data + 1, size - 1, (size_t)data[0] + 1));
    return 0;
}
