/* websocket_test.c - every rule of RFC 6455 that a client has to hold a server to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "net/client.h"
#include "net/websocket.h"

enum { MESSAGE_BYTES_MAX = 100000 };

/* Everything that came out, as text: "text:abc;", "binary:...;", "close:1000,bye;". */
struct heard {
    struct mw_str log;
    struct mw_str output; /* the frames sent, unmasked again: opcode byte, ':', payload, ';' */
    bool full;            /* on_output has no room */
    uint32_t mask_last;
};

static void on_message(void *user, bool text, const char *data, size_t length)
{
    struct heard *heard = user;
    mw_str_adds(&heard->log, text ? "text:" : "binary:");
    mw_str_add(&heard->log, data, length);
    mw_str_adds(&heard->log, ";");
    for (size_t i = 0; i < MW_MESSAGE_PADDING; i++)
        assert_int_equal(data[length + i], 0);
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    struct heard *heard = user;
    mw_str_addf(&heard->log, "close:%u,%s;", code, reason);
}

static bool on_output(void *user, const void *frame, size_t length)
{
    struct heard *heard = user;
    if (heard->full)
        return false;
    const unsigned char *at = frame;
    assert_true(at[0] & 0x80);
    assert_true(at[1] & 0x80); /* masked */
    size_t payload = at[1] & 0x7f, header = 2;
    if (payload == 126) {
        payload = (size_t)at[2] << 8 | at[3];
        header = 4;
    } else if (payload == 127) {
        payload = (size_t)at[6] << 24 | (size_t)at[7] << 16 | (size_t)at[8] << 8 | at[9];
        header = 10;
    }
    assert_int_equal(length, header + 4 + payload);
    uint32_t mask;
    memcpy(&mask, at + header, 4);
    assert_int_not_equal(mask, heard->mask_last); /* fresh each time */
    heard->mask_last = mask;
    mw_str_addf(&heard->output, "%x:", at[0] & 0x0f);
    for (size_t i = 0; i < payload; i++) {
        char c = (char)(at[header + 4 + i] ^ at[header + i % 4]);
        mw_str_add(&heard->output, &c, 1);
    }
    mw_str_adds(&heard->output, ";");
    return true;
}

static struct mw_websocket *make(struct heard *heard, size_t limit)
{
    *heard = (struct heard){.log = MW_STR_INIT(1 << 20), .output = MW_STR_INIT(1 << 20)};
    mw_str_adds(&heard->log, "");
    mw_str_adds(&heard->output, "");
    struct mw_websocket_handler handler = {heard, on_message, on_close, on_output};
    return mw_websocket_new(limit, &handler);
}

static void drop(struct mw_websocket *websocket, struct heard *heard)
{
    mw_websocket_free(websocket);
    mw_str_deinit(&heard->log);
    mw_str_deinit(&heard->output);
}

static const char *text_of(const struct mw_str *str)
{
    return str->data != NULL ? str->data : "";
}

/* Adds a server's frame: `first` is its first byte. */
static void add_frame(struct mw_str *stream, unsigned first, const char *payload, size_t length)
{
    unsigned char header[10] = {(unsigned char)first};
    size_t used = 2;
    if (length < 126) {
        header[1] = (unsigned char)length;
    } else if (length < 65536) {
        header[1] = 126;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)length;
        used = 4;
    } else {
        header[1] = 127;
        for (size_t i = 0; i < 8; i++)
            header[9 - i] = (unsigned char)((uint64_t)length >> (8 * i));
        used = 10;
    }
    assert_true(mw_str_add(stream, (const char *)header, used));
    assert_true(mw_str_add(stream, payload, length));
}

/* Feeds `bytes` to a fresh object and checks what it says of them. */
static void expect(const char *bytes, size_t length, const char *log, int code)
{
    for (size_t step = 1; step <= length; step += length > 1 ? length - 1 : 1) {
        struct heard heard;
        struct mw_websocket *websocket = make(&heard, MESSAGE_BYTES_MAX);
        struct mw_error err = {0};
        mw_status status = MW_OK;
        for (size_t at = 0; at < length && status == MW_OK; at += step)
            status = mw_websocket_feed(websocket, bytes + at,
                                       length - at < step ? length - at : step, &err);
        assert_string_equal(text_of(&heard.log), log);
        assert_int_equal(status, code == 0 ? MW_OK : MW_EPROTOCOL);
        if (code != 0) {
            assert_int_equal(err.code, code);
            char close[8];
            snprintf(close, sizeof(close), "8:%c%c", code >> 8, code & 0xff);
            assert_true(heard.output.length >= 4);
            assert_memory_equal(heard.output.data, close, 4);
            /* It is over: nothing more is said. */
            size_t said = heard.log.length, sent = heard.output.length;
            assert_int_equal(mw_websocket_feed(websocket, "\x81\x01x", 3, &err), MW_OK);
            assert_int_equal(heard.log.length, said);
            assert_int_equal(heard.output.length, sent);
            assert_false(mw_websocket_send_text(websocket, "x", 1));
        }
        drop(websocket, &heard);
    }
}

#define EXPECT(bytes, log, code) expect(bytes, sizeof(bytes) - 1, log, code)

static void delivers_text_and_binary(void **state)
{
    (void)state;
    EXPECT("\x81\x05hello\x82\x02\x01\x02\x81\x00\x8a\x03png", "text:hello;binary:\x01\x02;text:;",
           0);
}

static void joins_fragments_with_control_frames_between(void **state)
{
    (void)state;
    EXPECT("\x01\x02he\x89\x01p\x00\x01l\x8a\x00\x00\x00\x80\x02lo\x02\x01"
           "a\x80\x01"
           "b",
           "text:hello;binary:ab;", 0);
}

static void refuses_masked_frames(void **state)
{
    (void)state;
    EXPECT("\x81\x01"
           "a\x81\x81\x01\x02\x03\x04"
           "b",
           "text:a;", 1002);
}

static void refuses_reserved_bits(void **state)
{
    (void)state;
    EXPECT("\xc1\x01x", "", 1002);
    EXPECT("\xa1\x01x", "", 1002);
    EXPECT("\x91\x01x", "", 1002);
    EXPECT("\xc9\x00", "", 1002);
}

static void refuses_reserved_opcodes(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
        char frame[3] = {(char)(0x80 | opcode), 1, 'x'};
        if (!known)
            expect(frame, sizeof(frame), "", 1002);
    }
}

static void refuses_control_frames_in_pieces_or_too_long(void **state)
{
    (void)state;
    EXPECT("\x09\x01x", "", 1002);
    EXPECT("\x08\x00", "", 1002);
    EXPECT("\x0a\x00", "", 1002);
    EXPECT("\x89\x7e\x00\x7e", "", 1002);
    EXPECT("\x88\x7f", "", 1002);
}

static void answers_pings_of_up_to_125_bytes_with_their_payload(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 124, 125};
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        struct heard heard;
        struct mw_websocket *websocket = make(&heard, MESSAGE_BYTES_MAX);
        struct mw_str stream = MW_STR_INIT(1000);
        char payload[125], answer[130];
        memset(payload, 'p', sizeof(payload));
        add_frame(&stream, 0x89, payload, lengths[i]);
        assert_int_equal(mw_websocket_feed(websocket, stream.data, stream.length, NULL), MW_OK);
        snprintf(answer, sizeof(answer), "a:%.*s;", (int)lengths[i], payload);
        assert_string_equal(text_of(&heard.output), answer);
        mw_str_deinit(&stream);
        drop(websocket, &heard);
    }
}

static void refuses_a_continuation_of_nothing(void **state)
{
    (void)state;
    EXPECT("\x80\x01x", "", 1002);
    EXPECT("\x81\x01x\x80\x00", "text:x;", 1002);
}

static void refuses_a_new_message_inside_a_fragmented_one(void **state)
{
    (void)state;
    EXPECT("\x01\x01x\x81\x01y", "", 1002);
    EXPECT("\x02\x00\x02\x00", "", 1002);
}

static void refuses_lengths_not_in_their_shortest_form(void **state)
{
    (void)state;
    EXPECT("\x81\x7e\x00\x7d", "", 1002);
    EXPECT("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "", 1002);
    EXPECT("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "", 1002);
}

static void answers_a_close_frame_and_hears_nothing_after_it(void **state)
{
    (void)state;
    EXPECT("\x88\x05\x03\xe8"
           "bye\x81\x01x",
           "close:1000,bye;", 0);
    EXPECT("\x88\x00", "close:1005,;", 0);
    struct heard heard;
    struct mw_websocket *websocket = make(&heard, 10);
    assert_int_equal(mw_websocket_feed(websocket, "\x88\x02\x0b\xb8", 4, NULL), MW_OK);
    assert_string_equal(text_of(&heard.output), "8:\x0b\xb8;");
    assert_false(mw_websocket_send_text(websocket, "x", 1));
    drop(websocket, &heard);
}

static void refuses_a_close_payload_of_one_byte(void **state)
{
    (void)state;
    EXPECT("\x88\x01\x03", "", 1002);
}

static void holds_close_codes_to_the_registry(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code += code < 5010 ? 1 : 977) {
        bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        char frame[4] = {(char)0x88, 2, (char)(code >> 8), (char)code}, log[32];
        snprintf(log, sizeof(log), "close:%u,;", code);
        expect(frame, sizeof(frame), good ? log : "", good ? 0 : 1002);
    }
}

static void refuses_close_reasons_that_are_not_utf8(void **state)
{
    (void)state;
    EXPECT("\x88\x0b\x03\xe8\xe2\x82\xac\xf0\x9f\x8c\x99\xc3\xa9",
           "close:1000,\xe2\x82\xac\xf0\x9f\x8c\x99\xc3\xa9;", 0);
    EXPECT("\x88\x03\x03\xe8\xff", "", 1007);
    EXPECT("\x88\x03\x03\xe8\xe2", "", 1007);
    EXPECT("\x88\x04\x03\xe8\xc0\x80", "", 1007);
    EXPECT("\x88\x05\x03\xe8\xe0\x9f\xbf", "", 1007);
    EXPECT("\x88\x05\x03\xe8\xed\xa0\x80", "", 1007);
    EXPECT("\x88\x06\x03\xe8\xf0\x8f\xbf\xbf", "", 1007);
    EXPECT("\x88\x06\x03\xe8\xf4\x90\x80\x80", "", 1007);
    EXPECT("\x88\x05\x03\xe8\xe2\x82x", "", 1007);
}

static void holds_messages_to_their_limit(void **state)
{
    (void)state;
    EXPECT("\x81\x00", "text:;", 0);
    static const size_t sizes[] = {MESSAGE_BYTES_MAX - 1, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1};
    char *payload = mw_alloc(MESSAGE_BYTES_MAX + 1);
    memset(payload, 'm', MESSAGE_BYTES_MAX + 1);
    for (size_t i = 0; i < MW_COUNT(sizes); i++) {
        struct mw_str stream = MW_STR_INIT(1 << 20), log = MW_STR_INIT(1 << 20);
        add_frame(&stream, 0x81, payload, sizes[i]);
        bool good = sizes[i] <= MESSAGE_BYTES_MAX;
        if (good)
            mw_str_addf(&log, "text:%.*s;", (int)sizes[i], payload);
        expect(stream.data, stream.length, good ? log.data : "", good ? 0 : 1009);
        mw_str_deinit(&stream);
        mw_str_deinit(&log);
    }
    mw_free(payload);
}

static void holds_joined_fragments_to_the_same_limit(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct heard heard;
        struct mw_websocket *websocket = make(&heard, 10);
        struct mw_str stream = MW_STR_INIT(100);
        struct mw_error err = {0};
        add_frame(&stream, 0x01, "123456", 6);
        add_frame(&stream, 0x80, "789012", over ? 5 : 4);
        mw_status status = mw_websocket_feed(websocket, stream.data, stream.length, &err);
        assert_int_equal(status, over ? MW_EPROTOCOL : MW_OK);
        assert_int_equal(err.code, over ? 1009 : 0);
        assert_string_equal(text_of(&heard.log), over ? "" : "text:1234567890;");
        mw_str_deinit(&stream);
        drop(websocket, &heard);
    }
}

static void refuses_a_frame_too_long_by_its_header(void **state)
{
    (void)state;
    EXPECT("\x81\x7f\x00\x00\x00\x00\x04\x00\x00\x00x", "", 1009);
    EXPECT("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx", "", 1009);
}

static void does_not_check_text_for_utf8(void **state)
{
    (void)state;
    EXPECT("\x81\x02\xff\xfe", "text:\xff\xfe;", 0);
}

static void any_split_gives_the_same_messages(void **state)
{
    (void)state;
    struct mw_str stream = MW_STR_INIT(1 << 20);
    char payload[5000];
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (char)('a' + i % 26);
    add_frame(&stream, 0x81, payload, 352);
    add_frame(&stream, 0x01, payload, 126);
    add_frame(&stream, 0x89, "ping", 4);
    add_frame(&stream, 0x80, payload, 5000);
    add_frame(&stream, 0x82, payload, 0);
    add_frame(&stream, 0x88, "\x03\xe9gone", 6);
    struct heard whole;
    struct mw_websocket *websocket = make(&whole, MESSAGE_BYTES_MAX);
    assert_int_equal(mw_websocket_feed(websocket, stream.data, stream.length, NULL), MW_OK);
    mw_websocket_free(websocket);
    for (size_t step = 1; step < stream.length; step += step < 20 ? 1 : 97) {
        struct heard parts;
        websocket = make(&parts, MESSAGE_BYTES_MAX);
        for (size_t at = 0; at < stream.length; at += step) {
            size_t left = stream.length - at;
            assert_int_equal(
                mw_websocket_feed(websocket, stream.data + at, left < step ? left : step, NULL),
                MW_OK);
        }
        assert_int_equal(parts.log.length, whole.log.length);
        assert_memory_equal(parts.log.data, whole.log.data, whole.log.length);
        assert_string_equal(parts.output.data, whole.output.data);
        drop(websocket, &parts);
    }
    mw_str_deinit(&whole.log);
    mw_str_deinit(&whole.output);
    mw_str_deinit(&stream);
}

static void sends_masked_frames_of_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 100000};
    char *payload = mw_alloc(100000);
    memset(payload, 's', 100000);
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        struct heard heard;
        struct mw_websocket *websocket = make(&heard, 1);
        assert_true(mw_websocket_send_text(websocket, payload, lengths[i]));
        assert_int_equal(heard.output.length, lengths[i] + 3);
        assert_memory_equal(heard.output.data + 2, payload, lengths[i]);
        drop(websocket, &heard);
    }
    mw_free(payload);
}

static void sends_pings_pongs_and_one_close(void **state)
{
    (void)state;
    struct heard heard;
    struct mw_websocket *websocket = make(&heard, 1);
    char long_payload[126] = "", reason[200];
    assert_true(mw_websocket_send_ping(websocket, "p", 1));
    assert_true(mw_websocket_send_pong(websocket, NULL, 0));
    assert_true(mw_websocket_send_ping(websocket, long_payload, 125));
    assert_false(mw_websocket_send_ping(websocket, long_payload, 126));
    assert_false(mw_websocket_send_pong(websocket, long_payload, 126));
    mw_str_clear(&heard.output);
    memset(reason, 'r', 122);
    memcpy(reason + 122, "\xe2\x82\xac", 4); /* would be cut inside a character */
    assert_true(mw_websocket_send_close(websocket, 3000, reason));
    assert_int_equal(heard.output.length, 2 + 2 + 122 + 1);
    assert_false(mw_websocket_send_close(websocket, 3000, NULL));
    assert_false(mw_websocket_send_ping(websocket, NULL, 0));
    /* After our close frame messages are not delivered, and the peer's close frame still is. */
    assert_int_equal(mw_websocket_feed(websocket, "\x81\x01x\x88\x02\x0b\xb8", 7, NULL), MW_OK);
    assert_string_equal(text_of(&heard.log), "close:3000,;");
    drop(websocket, &heard);
}

static void sends_nothing_where_there_is_no_room(void **state)
{
    (void)state;
    struct heard heard;
    struct mw_websocket *websocket = make(&heard, 10);
    heard.full = true;
    assert_false(mw_websocket_send_text(websocket, "x", 1));
    assert_int_equal(mw_websocket_feed(websocket, "\x89\x01p", 3, NULL), MW_OK);
    assert_false(mw_websocket_send_close(websocket, 1000, NULL));
    heard.full = false;
    assert_true(mw_websocket_send_text(websocket, "y", 1));
    assert_string_equal(text_of(&heard.output), "1:y;");
    drop(websocket, &heard);
}

static void begins_again_after_a_reset(void **state)
{
    (void)state;
    struct heard heard;
    struct mw_websocket *websocket = make(&heard, 10);
    assert_int_equal(mw_websocket_feed(websocket, "\x01\x01x\x80\x05", 5, NULL), MW_OK);
    mw_websocket_reset(websocket);
    assert_int_equal(mw_websocket_feed(websocket, "\x81\x01y\xff\x01z", 6, NULL), MW_EPROTOCOL);
    mw_websocket_reset(websocket);
    assert_int_equal(mw_websocket_feed(websocket, "\x81\x01z", 3, NULL), MW_OK);
    assert_true(mw_websocket_send_text(websocket, "w", 1));
    assert_string_equal(text_of(&heard.log), "text:y;text:z;");
    drop(websocket, &heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_text_and_binary),
        cmocka_unit_test(joins_fragments_with_control_frames_between),
        cmocka_unit_test(refuses_masked_frames),
        cmocka_unit_test(refuses_reserved_bits),
        cmocka_unit_test(refuses_reserved_opcodes),
        cmocka_unit_test(refuses_control_frames_in_pieces_or_too_long),
        cmocka_unit_test(answers_pings_of_up_to_125_bytes_with_their_payload),
        cmocka_unit_test(refuses_a_continuation_of_nothing),
        cmocka_unit_test(refuses_a_new_message_inside_a_fragmented_one),
        cmocka_unit_test(refuses_lengths_not_in_their_shortest_form),
        cmocka_unit_test(answers_a_close_frame_and_hears_nothing_after_it),
        cmocka_unit_test(refuses_a_close_payload_of_one_byte),
        cmocka_unit_test(holds_close_codes_to_the_registry),
        cmocka_unit_test(refuses_close_reasons_that_are_not_utf8),
        cmocka_unit_test(holds_messages_to_their_limit),
        cmocka_unit_test(holds_joined_fragments_to_the_same_limit),
        cmocka_unit_test(refuses_a_frame_too_long_by_its_header),
        cmocka_unit_test(does_not_check_text_for_utf8),
        cmocka_unit_test(any_split_gives_the_same_messages),
        cmocka_unit_test(sends_masked_frames_of_every_length),
        cmocka_unit_test(sends_pings_pongs_and_one_close),
        cmocka_unit_test(sends_nothing_where_there_is_no_room),
        cmocka_unit_test(begins_again_after_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
