/* protocol_upkeep_test.c - heartbeats, pings, notices and lifetimes, and functions without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "feed/decoder.h"
#include "net/client.h"

#include "protocol_file.h"

static struct mw_protocol *shipped(const char *name)
{
    struct mw_protocol *protocol = NULL;
    assert_int_equal(mw_protocol_load(name, &protocol, NULL), MW_OK);
    return protocol;
}

/* Collects messages, one a line. */
static void add(void *user, const char *text, size_t length)
{
    assert_true(mw_str_add(user, text, length));
    assert_true(mw_str_adds(user, "\n"));
}

static void expect_heartbeat(struct mw_protocol *protocol, const char *expected)
{
    struct mw_str messages = MW_STR_INIT(4096);
    assert_int_equal(mw_protocol_build_heartbeat(protocol, add, &messages, NULL), MW_OK);
    assert_string_equal(messages.length > 0 ? messages.data : "", expected);
    mw_str_deinit(&messages);
}

static void expect_answer(struct mw_protocol *protocol, uint32_t index, const char *ping,
                          const char *expected)
{
    struct mw_str messages = MW_STR_INIT(4096);
    const struct mw_text text = {ping, strlen(ping)};
    assert_int_equal(mw_protocol_build_answer(protocol, index, text, add, &messages, NULL), MW_OK);
    assert_string_equal(messages.data, expected);
    mw_str_deinit(&messages);
}

/* Decodes one message with a decoder of its own. Texts of the result are gone. */
static struct mw_decoded decode(struct mw_protocol *protocol, const char *text)
{
    static const char padding[MW_MESSAGE_PADDING];
    struct mw_str message = MW_STR_INIT(1 << 16);
    struct mw_decoder *decoder = mw_decoder_new(protocol);
    struct mw_decoded decoded;
    mw_str_adds(&message, text);
    size_t length = message.length;
    mw_str_add(&message, padding, sizeof(padding));
    mw_decoder_decode(decoder, message.data, length, &decoded);
    mw_decoder_free(decoder);
    mw_str_deinit(&message);
    return decoded;
}

static void expect_kind(struct mw_protocol *protocol, const char *text, mw_decoded_kind kind)
{
    if (decode(protocol, text).kind != kind)
        print_error("%s\n", text);
    assert_int_equal(decode(protocol, text).kind, kind);
}

static void binance_gives_notice_and_ends_after_a_day(void **state)
{
    (void)state;
    struct mw_protocol *protocol = shipped("binance");
    assert_true(protocol->lifetime_ms == MW_MS_PER_DAY);
    assert_int_equal(protocol->heartbeat.every_ms, 0);
    expect_heartbeat(protocol, ""); /* WebSocket pings are enough */
    expect_kind(protocol, "{\"e\":\"serverShutdown\",\"E\":1786539494037}", MW_DECODED_NOTICE);
    expect_kind(protocol,
                "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1}}",
                MW_DECODED_NOTICE);
    expect_kind(protocol, "{\"data\":{\"e\":\"trade\"}}", MW_DECODED_OTHER);
    mw_protocol_free(protocol);
}

static void wealthdata_answers_pings_and_heeds_notices(void **state)
{
    (void)state;
    struct mw_protocol *protocol = shipped("wealthdata");
    assert_true(protocol->lifetime_ms == 0);
    expect_heartbeat(protocol, ""); /* a server need not know PING */
    expect_kind(protocol, "{\"type\":\"PONG\",\"time\":1}", MW_DECODED_PONG);
    expect_kind(protocol, "{\"type\":\"SHUTDOWN\"}", MW_DECODED_NOTICE);
    struct mw_decoded decoded = decode(protocol, "{\"type\":\"PING\",\"time\":1786539494037}");
    assert_int_equal(decoded.kind, MW_DECODED_PING);
    assert_int_equal(decoded.ping_index, 0);
    struct mw_str messages = MW_STR_INIT(4096);
    static const char ping[] = "{\"type\":\"PING\",\"time\":1786539494037}";
    assert_int_equal(mw_protocol_build_answer(protocol, 0, (struct mw_text){ping, strlen(ping)},
                                              add, &messages, NULL),
                     MW_OK);
    assert_non_null(strstr(messages.data, "\"type\":\"PONG\""));
    assert_non_null(strstr(messages.data, "\"time\":1786539494037"));
    assert_int_equal(messages.length, strlen(ping) + 1); /* so nothing but the type differs */
    mw_str_deinit(&messages);
    mw_protocol_free(protocol);
}

static void texts_are_told_before_json(void **state)
{
    (void)state;
    struct mw_protocol *protocol = mw_protocol_file_get(
        "p.heartbeat = { every = '20s', send = 'ping', reply = 'pong' } "
        "p.pings = { { when = { op = 'ping' }, answer = { op = 'pong' } }, "
        "  { text = 'PING', answer = function(message, text) return message .. text end }, "
        "  { text = '1', answer = 'one' } }");
    assert_int_equal(protocol->heartbeat.every_ms, 20000);
    expect_heartbeat(protocol, "ping\n");
    expect_kind(protocol, "pong", MW_DECODED_PONG);
    expect_kind(protocol, "pon", MW_DECODED_REJECTED);
    expect_kind(protocol, "pong ", MW_DECODED_REJECTED);
    expect_kind(protocol, "\"pong\"", MW_DECODED_OTHER);
    expect_kind(protocol, "", MW_DECODED_REJECTED);
    expect_kind(protocol, "2", MW_DECODED_OTHER);
    assert_int_equal(decode(protocol, "{\"op\":\"ping\"}").ping_index, 0);
    assert_int_equal(decode(protocol, "PING").ping_index, 1);
    assert_int_equal(decode(protocol, "1").ping_index, 2); /* which is JSON, too */
    expect_kind(protocol, "PING", MW_DECODED_PING);
    expect_kind(protocol, "{\"ok\":true,\"id\":1}", MW_DECODED_OK);
    expect_answer(protocol, 0, "{\"op\":\"ping\"}", "{\"op\":\"pong\"}\n");
    expect_answer(protocol, 1, "PING", "PINGPING\n");
    expect_answer(protocol, 2, "1", "one\n");
    mw_protocol_free(protocol);
}

static void functions_say_what_is_sent(void **state)
{
    (void)state;
    struct mw_protocol *protocol = mw_protocol_file_get(
        "p.heartbeat = { send = function(now_ms) return math.type(now_ms) end, "
        "  reply = { when = { e = 'pong' } } } "
        "p.pings = { { when = { ping = ANY }, "
        "  answer = function(message, text) return { pong = { message.ping, text } } end } }");
    expect_heartbeat(protocol, "integer\n");
    expect_kind(protocol, "{\"e\":\"pong\"}", MW_DECODED_PONG);
    expect_answer(protocol, 0, "{\"ping\":7}", "{\"pong\":[7,\"{\\\"ping\\\":7}\"]}\n");
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get("p.heartbeat = { send = { op = 'ping' } }");
    expect_heartbeat(protocol, "{\"op\":\"ping\"}\n");
    mw_protocol_free(protocol);
    protocol = mw_protocol_file_get("p.heartbeat = { every = '1h' }");
    assert_int_equal(protocol->heartbeat.every_ms, MW_MS_PER_HOUR);
    expect_heartbeat(protocol, "");
    mw_protocol_free(protocol);
}

static void candles_and_replies_come_before_pings_and_notices(void **state)
{
    (void)state;
    struct mw_protocol *protocol =
        mw_protocol_file_get("p.heartbeat = { send = 'x', reply = { when = { b = 1 } } } "
                             "p.pings = { { when = { a = 1 }, answer = 'x' } } "
                             "p.notices = { { when = { z = 1 } }, { when = { c = 1 } } }");
    expect_kind(protocol, "{\"a\":1,\"b\":1,\"c\":1,\"ok\":true}", MW_DECODED_OK);
    expect_kind(protocol, "{\"a\":1,\"b\":1,\"c\":1}", MW_DECODED_PING);
    expect_kind(protocol, "{\"b\":1,\"c\":1}", MW_DECODED_PONG);
    expect_kind(protocol, "{\"c\":1}", MW_DECODED_NOTICE);
    expect_kind(protocol, "{\"d\":1}", MW_DECODED_OTHER);
    expect_kind(protocol, "{\"a\":1,\"k\":\"bar\"}", MW_DECODED_REJECTED); /* a bad candle */
    mw_protocol_free(protocol);
}

static void bad_upkeep_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct mw_protocol_bad cases[] = {
        {"p.limits.lifetime = 24", "limits.lifetime: want a string, got number"},
        {"p.limits.lifetime = '24'", "limits.lifetime: duration '24': want a positive number and"},
        {"p.limits.lifetime = '169h'", "limits.lifetime: '169h': want at most 604800 s"},
        {"p.heartbeat = 'ping'", "protocol.heartbeat: want a table, got string"},
        {"p.heartbeat = { evry = '1s' }", "heartbeat: no such key 'evry', did you mean every?"},
        {"p.heartbeat = { every = 20 }", "heartbeat.every: want a string, got number"},
        {"p.heartbeat = { every = '61m' }", "heartbeat.every: '61m': want at most 3600 s"},
        {"p.heartbeat = { send = true }",
         "heartbeat.send: want text, a table or a function, got boolean"},
        {"p.heartbeat = { send = '' }", "heartbeat.send: want 1 to 1024 bytes"},
        {"p.heartbeat = { send = ('x'):rep(1025) }", "heartbeat.send: want 1 to 1024 bytes"},
        {"p.heartbeat = { send = { math.sin } }", "heartbeat.send: "},
        {"p.heartbeat = { send = 'x', reply = 7 }",
         "heartbeat.reply: want text or a table with when, got number"},
        {"p.heartbeat = { send = 'x', reply = '' }",
         "heartbeat.reply: want text of 1 to 1024 bytes"},
        {"p.heartbeat = { send = 'x', reply = ('x'):rep(1025) }", "want text of 1 to 1024 bytes"},
        {"p.heartbeat = { send = 'x', reply = 'a\\0b' }", "want text of 1 to 1024 bytes"},
        {"p.heartbeat = { send = 'x', reply = {} }", "heartbeat.reply.when: want a table, got nil"},
        {"p.heartbeat = { send = 'x', reply = { whn = 1 } }", "heartbeat.reply: no such key 'whn'"},
        {"p.pings = {}", "pings: want a list of 1 to 8 patterns"},
        {"p.pings = 'ping'", "pings: want a table, got string"},
        {"p.pings = { 'ping' }", "pings[1]: want a table, got string"},
        {"p.pings = { { text = 'ping' } }",
         "pings[1].answer: want text, a table or a function, got nil"},
        {"p.pings = { { answer = 'pong' } }", "pings[1].when: want a table, got nil"},
        {"p.pings = { { text = '', answer = 'x' } }", "pings[1].text: want text of 1 to 1024"},
        {"p.pings = { { text = 'a', when = { a = 1 }, answer = 'x' } }",
         "pings[1]: want when or text, not both"},
        {"p.pings = {} for i = 1, 9 do p.pings[i] = { text = 'a', answer = 'x' } end",
         "pings: want a list of 1 to 8 patterns"},
        {"p.notices = { { when = { a = 1 } }, { when = {} } }",
         "notices[2].when: want at least one condition"},
        {"p.notices = { { when = { a = 1 }, id = 'x' } }", "notices[1]: no such key 'id'"},
        {"p.notices = {} for i = 1, 9 do p.notices[i] = { when = { a = 1 } } end",
         "notices: want a list of 1 to 8 patterns"},
    };
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
    struct mw_protocol *protocol = mw_protocol_file_get(
        "p.limits.lifetime = '7d' "
        "p.heartbeat = { every = '1ms', send = ('x'):rep(1024), reply = ('y'):rep(1024) } "
        "p.pings, p.notices = {}, {} "
        "for i = 1, 8 do p.pings[i] = { text = 'a' .. i, answer = 'x' } "
        "p.notices[i] = { when = { a = i } } end");
    assert_int_equal(protocol->heartbeat.ping_count, 8);
    assert_int_equal(protocol->notice_count, 8);
    assert_true(protocol->lifetime_ms == MW_LIFETIME_MS_MAX);
    mw_protocol_free(protocol);
}

static void functions_that_fail_are_told_with_their_name(void **state)
{
    (void)state;
    struct mw_protocol *protocol =
        mw_protocol_file_get("p.heartbeat = { send = function() return nil end } "
                             "p.pings = { { when = { a = 1 }, answer = 'x' }, "
                             "  { text = 'p', answer = function() error('no way') end } }");
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_protocol_build_heartbeat(protocol, add, NULL, &err), MW_ECONFIG);
    assert_string_equal(err.message,
                        "protocol made: heartbeat.send: want a table or text, got nil");
    assert_int_equal(
        mw_protocol_build_answer(protocol, 1, (struct mw_text){"p", 1}, add, NULL, &err),
        MW_ECONFIG);
    assert_non_null(strstr(err.message, "protocol made: pings[2].answer: "));
    assert_non_null(strstr(err.message, "no way"));
    mw_protocol_free(protocol);
}

/* One that never ends is stopped, also when it catches its errors, and the next one runs. */
static void functions_have_a_limit_of_time(void **state)
{
    (void)state;
    struct mw_protocol *protocol = mw_protocol_file_get(
        "local forever = true p.heartbeat = { send = function() "
        "  while forever do pcall(function() forever = 1 while true do end end) end end } "
        "p.pings = { { text = 'p', answer = function() return 'q' end } }");
    struct mw_error err = {.message = ""};
    int64_t started = mw_clock_monotonic_ms();
    assert_int_equal(mw_protocol_build_heartbeat(protocol, add, NULL, &err), MW_ECONFIG);
    assert_true(mw_clock_monotonic_ms() - started >= MW_PROTOCOL_MS_MAX);
    assert_non_null(strstr(err.message, "protocol made: heartbeat.send: "));
    assert_non_null(strstr(err.message, "it takes too long"));
    expect_answer(protocol, 0, "p", "q\n");
    mw_protocol_free(protocol);
}

static void functions_have_a_limit_of_memory(void **state)
{
    (void)state;
    struct mw_protocol *protocol =
        mw_protocol_file_get("p.heartbeat = { send = function() return ('x'):rep(1 << 26) end } "
                             "p.pings = { { text = 'p', answer = function() return 'q' end } }");
    struct mw_error err = {.message = ""};
    assert_int_equal(mw_protocol_build_heartbeat(protocol, add, NULL, &err), MW_ECONFIG);
    assert_string_equal(err.message, "protocol made: heartbeat.send: not enough memory");
    expect_answer(protocol, 0, "p", "q\n");
    mw_protocol_free(protocol);
    static const struct mw_protocol_bad cases[] = {
        {"p.name = ('x'):rep(1 << 26)", ": not enough memory"}};
    assert_true(mw_protocol_file_refuses(cases, MW_COUNT(cases)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binance_gives_notice_and_ends_after_a_day),
        cmocka_unit_test(wealthdata_answers_pings_and_heeds_notices),
        cmocka_unit_test(texts_are_told_before_json),
        cmocka_unit_test(functions_say_what_is_sent),
        cmocka_unit_test(candles_and_replies_come_before_pings_and_notices),
        cmocka_unit_test(bad_upkeep_is_refused_with_its_place),
        cmocka_unit_test(functions_that_fail_are_told_with_their_name),
        cmocka_unit_test(functions_have_a_limit_of_time),
        cmocka_unit_test(functions_have_a_limit_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
