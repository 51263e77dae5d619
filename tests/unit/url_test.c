/* url_test.c - URLs that are taken, refused, and shown without their secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "net/url.h"

static struct mw_url parse(const char *text)
{
    struct mw_url url;
    struct mw_error err;
    if (mw_url_parse(text, &url, &err) != MW_OK)
        fail_msg("%s: %s", text, err.message);
    return url;
}

static void takes_apart_what_it_knows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *path;
        bool tls, websocket;
        uint16_t port;
    } cases[] = {
        {"ws://localhost", "localhost", "/", false, true, 80},
        {"wss://stream.binance.com:9443/stream?streams=a", "stream.binance.com",
         "/stream?streams=a", true, true, 9443},
        {"http://a.b/c", "a.b", "/c", false, false, 80},
        {"https://a.b?q=1", "a.b", "/?q=1", true, false, 443},
        {"WSS://Example.COM.:1/", "Example.COM", "/", true, true, 1},
        {"ws://127.0.0.1:65535/x", "127.0.0.1", "/x", false, true, 65535},
        {"wss://[::1]:18000/market_data", "::1", "/market_data", true, true, 18000},
        {"ws://[2001:db8::7]", "2001:db8::7", "/", false, true, 80},
        {"ws://h/a@b:c?d=@/", "h", "/a@b:c?d=@/", false, true, 80},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_url url = parse(cases[i].text);
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.path, cases[i].path);
        assert_int_equal(url.tls, cases[i].tls);
        assert_int_equal(url.websocket, cases[i].websocket);
        assert_int_equal(url.port, cases[i].port);
    }
}

static void refuses_the_rest_and_leaves_output_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ws:",
        "ws://",
        "ws:///x",
        "//host",
        "host",
        "ftp://host",
        "wsx://host",
        "ws://:80",
        "ws://host:",
        "ws://host:0",
        "ws://host:65536",
        "ws://host:123456",
        "ws://host:8x",
        "ws://host:-1",
        "ws://user@host",
        "ws://user:pass@host/",
        "ws://a b",
        "ws://a/b c",
        "ws://a/\x01",
        "ws://a/\t",
        "ws://a/\x7f",
        "ws://a/\xc3\xa9",
        "ws://h\xc3\xa9",
        "ws://a..b",
        "ws://.a",
        "ws://.",
        "ws://a%41",
        "ws://[::1",
        "ws://[::1]x",
        "ws://[::1]:",
        "ws://[]",
        "ws://[127.0.0.1]",
        "ws://[::1%25lo]",
        "ws://::1",
        "ws://a/#x",
        "ws://a#x",
        " ws://a",
        "ws://a\n",
    };
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        struct mw_url url, before;
        memset(&url, 0x5a, sizeof(url));
        before = url;
        struct mw_error err;
        if (mw_url_parse(bad[i], &url, &err) != MW_EPARSE)
            fail_msg("taken: '%s'", bad[i]);
        assert_memory_equal(&url, &before, sizeof(url));
        assert_true(err.message[0] != '\0');
        assert_int_equal(mw_url_parse(bad[i], &url, NULL), MW_EPARSE);
    }
}

static void holds_urls_to_their_limit(void **state)
{
    (void)state;
    char text[MW_URL_BYTES_MAX + 2];
    memset(text, 'p', sizeof(text));
    memcpy(text, "ws://h/", 7);
    text[MW_URL_BYTES_MAX] = '\0';
    struct mw_url url = parse(text);
    assert_int_equal(strlen(url.path), MW_URL_BYTES_MAX - 6);
    text[MW_URL_BYTES_MAX] = 'p';
    text[MW_URL_BYTES_MAX + 1] = '\0';
    assert_int_equal(mw_url_parse(text, &url, NULL), MW_ELIMIT);
}

static void holds_host_names_to_their_limits(void **state)
{
    (void)state;
    char text[400], host[300];
    memset(host, 'a', sizeof(host));
    for (size_t i = 63; i < sizeof(host); i += 64)
        host[i] = '.';
    host[MW_HOST_BYTES_MAX] = '\0'; /* 63 + 1 + 63 + 1 + 63 + 1 + 61 */
    snprintf(text, sizeof(text), "ws://%s", host);
    assert_int_equal(strlen(parse(text).host), MW_HOST_BYTES_MAX);
    snprintf(text, sizeof(text), "ws://%sa", host);
    assert_int_equal(mw_url_parse(text, &(struct mw_url){0}, NULL), MW_EPARSE);

    memset(host, 'a', sizeof(host));
    host[63] = '\0';
    snprintf(text, sizeof(text), "ws://%s", host);
    parse(text);
    snprintf(text, sizeof(text), "ws://%sa", host);
    assert_int_equal(mw_url_parse(text, &(struct mw_url){0}, NULL), MW_EPARSE);
}

static void shows_urls_without_their_query(void **state)
{
    (void)state;
    char text[128];
    struct mw_url url = parse("wss://a.b/c/d?token=secret");
    assert_string_equal(mw_url_format_public(&url, text, sizeof(text)), "wss://a.b:443/c/d");
    url = parse("http://[::1]?x=1");
    assert_string_equal(mw_url_format_public(&url, text, sizeof(text)), "http://[::1]:80/");
    assert_string_equal(mw_url_format_public(&url, text, 8), "http://");
}

static void never_shows_secrets_in_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"ws://a:0/x?token=secret", "ws://user:secret@host/x",
                                      "ftp://user:secret@host", "ws://a b?secret"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        struct mw_error err;
        assert_int_equal(mw_url_parse(bad[i], &(struct mw_url){0}, &err), MW_EPARSE);
        assert_null(strstr(err.message, "secret"));
    }
}

static void knows_this_machine(void **state)
{
    (void)state;
    static const char *const here[] = {"ws://localhost",   "ws://LocalHost.", "ws://127.0.0.1",
                                       "ws://127.255.0.9", "ws://[::1]",      "ws://[0:0::1]"};
    static const char *const there[] = {"ws://localhost.example", "ws://128.0.0.1", "ws://[::2]",
                                        "ws://127.example.com", "ws://10.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(here); i++) {
        struct mw_url url = parse(here[i]);
        assert_true(mw_url_is_loopback(&url));
    }
    for (size_t i = 0; i < MW_COUNT(there); i++) {
        struct mw_url url = parse(there[i]);
        assert_false(mw_url_is_loopback(&url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_apart_what_it_knows),
        cmocka_unit_test(refuses_the_rest_and_leaves_output_alone),
        cmocka_unit_test(holds_urls_to_their_limit),
        cmocka_unit_test(holds_host_names_to_their_limits),
        cmocka_unit_test(shows_urls_without_their_query),
        cmocka_unit_test(never_shows_secrets_in_errors),
        cmocka_unit_test(knows_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
