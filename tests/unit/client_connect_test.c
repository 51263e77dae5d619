/* client_connect_test.c - the client on its way to a server: names, TLS, proxies, giving up. */
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "net/client.h"

#include "certificate.h"
#include "client_bench.h"

enum { SHORT_MS = 150 }; /* a time-out that is expected */

struct authorities {
    char directory[64], good_file[96], other_file[96], bad_file[96];
    struct mw_certificate *good, *other;
};

static struct authorities authorities;

static int make_authorities(void **state)
{
    (void)state;
    struct authorities *made = &authorities;
    snprintf(made->directory, sizeof(made->directory), "/tmp/moonwick-test-XXXXXX");
    MW_CHECK(mkdtemp(made->directory) != NULL);
    snprintf(made->good_file, sizeof(made->good_file), "%s/good.pem", made->directory);
    snprintf(made->other_file, sizeof(made->other_file), "%s/other.pem", made->directory);
    snprintf(made->bad_file, sizeof(made->bad_file), "%s/bad.pem", made->directory);
    made->good = mw_certificate_new_authority("good");
    made->other = mw_certificate_new_authority("other");
    mw_certificate_write(made->good, made->good_file);
    mw_certificate_write(made->other, made->other_file);
    FILE *bad = fopen(made->bad_file, "w");
    MW_CHECK(bad != NULL && fputs("not a certificate\n", bad) >= 0 && fclose(bad) == 0);
    mw_log_set_level(MW_LOG_OFF); /* libwebsockets says what went wrong; here it is expected */
    return 0;
}

static int drop_authorities(void **state)
{
    (void)state;
    unlink(authorities.good_file);
    unlink(authorities.other_file);
    unlink(authorities.bad_file);
    rmdir(authorities.directory);
    mw_certificate_free(authorities.good);
    mw_certificate_free(authorities.other);
    return 0;
}

/* One wss connection to a server with a certificate for `names`. */
static void run_tls(struct mw_heard *heard, const char *names, long until_s, const char *ca_file,
                    const char *host)
{
    struct mw_certificate *certificate =
        mw_certificate_new(authorities.good, names, -1000, until_s);
    struct mw_str stream = MW_STR_INIT(100);
    mw_str_add(&stream, "\x81\x02hi\x88\x02\x03\xe8", 8);
    struct mw_raw_server_options server = {
        .serve = mw_heard_serve_bytes, .user = &stream, .certificate = certificate};
    struct mw_client_options options = mw_heard_options();
    options.ca_file = ca_file;
    char url[100];
    snprintf(url, sizeof(url), "wss://%s", host);
    mw_heard_run(heard, &server, &options, url);
    mw_certificate_free(certificate);
    mw_str_deinit(&stream);
}

static void trusts_a_private_authority_by_name_and_by_address(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(hosts); i++) {
        struct mw_heard heard = {0};
        run_tls(&heard, "DNS:localhost,IP:127.0.0.1", 1000, authorities.good_file, hosts[i]);
        mw_heard_expect(&heard, MW_ECLOSED, 1000, "code 1000");
        assert_string_equal(heard.messages, "hi;");
        assert_int_equal(heard.message_count, 1);
    }
}

static void refuses_bad_certificates_with_words(void **state)
{
    (void)state;
    const struct {
        const char *names;
        long until_s;
        const char *ca_file, *host, *words;
    } cases[] = {
        {"DNS:localhost", -10, authorities.good_file, "localhost", "certificate has expired"},
        {"DNS:example.com", 1000, authorities.good_file, "localhost", "host name mismatch"},
        {"DNS:localhost", 1000, authorities.good_file, "127.0.0.1", "host name mismatch"},
        {"DNS:127.0.0.1,IP:127.0.0.2", 1000, authorities.good_file, "127.0.0.1",
         "host name mismatch"},
        {"DNS:localhost", 1000, authorities.other_file, "localhost",
         "unable to get local issuer certificate"},
        {"DNS:localhost", 1000, NULL, "localhost", "unable to get local issuer certificate"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_heard heard = {0};
        run_tls(&heard, cases[i].names, cases[i].until_s, cases[i].ca_file, cases[i].host);
        assert_int_equal(heard.opens, 0);
        mw_heard_expect(&heard, MW_ETLS, 0, cases[i].words);
    }
}

static void tells_when_the_server_does_not_speak_tls(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    struct mw_raw_server_options server = {.serve = mw_heard_serve_garbage};
    mw_heard_run(&heard, &server, NULL, "wss://127.0.0.1");
    mw_heard_expect(&heard, MW_ETLS, 0, "wrong version number");
}

static void refuses_ca_files_that_hold_no_certificate(void **state)
{
    (void)state;
    mw_role_enter(&mw_feed_thread);
    mw_role_assert(&mw_feed_thread);
    const char *files[] = {"/nonexistent/ca.pem", authorities.bad_file};
    const struct mw_client_handler handler = mw_heard_handler(NULL);
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        struct mw_client_options options = mw_heard_options();
        options.ca_file = files[i];
        struct mw_client *client = NULL;
        struct mw_error err;
        assert_int_equal(mw_client_new(&options, &handler, &client, &err), MW_ETLS);
        assert_non_null(strstr(err.message, files[i]));
        assert_null(client);
    }
}

/* ---- names, addresses and proxies ---- */

static void tells_unknown_names_from_refused_ports(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    mw_heard_begin(&heard, NULL);
    mw_heard_connect(&heard, "ws://nothing.invalid/x");
    mw_heard_until(&heard, &heard.closes, 1);
    mw_heard_expect(&heard, MW_ERESOLVE, 0, "nothing.invalid");
    assert_string_equal(heard.err.endpoint, "ws://nothing.invalid:80/x");
    mw_heard_connect(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
    mw_heard_until(&heard, &heard.closes, 2);
    mw_heard_expect(&heard, MW_ECONNECT, 0, "127.0.0.1");
    mw_heard_connect(&heard, "wss://localhost:%u", mw_raw_refusing_port());
    mw_heard_until(&heard, &heard.closes, 3);
    mw_heard_expect(&heard, MW_ECONNECT, 0, "localhost");
    mw_heard_end(&heard);
}

/* The linker's --wrap sends calls of getaddrinfo to the second; the first is the real one. */
int real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list) __asm__("__real_getaddrinfo");
int wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list) __asm__("__wrap_getaddrinfo");

static sem_t stuck_go, stuck_gone; /* the resolver may go on; it has ended */

/* Stands in for the resolver where resolve.c calls it. "several.test" has two addresses that refuse
 * and one that does not; "stuck.test" is asked of a resolver that does not answer. Nobody asks for
 * "localhost": where there is no /etc/hosts no resolver knows it. */
int wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list)
{
    static const char *const several[] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
    MW_CHECK(strcmp(host, "localhost") != 0);
    if (strcmp(host, "stuck.test") == 0) {
        sem_wait(&stuck_go);
        sem_post(&stuck_gone);
        return EAI_AGAIN;
    }
    if (strcmp(host, "several.test") != 0)
        return real_getaddrinfo(host, service, hints, list);
    for (size_t i = 0; i < MW_COUNT(several); i++) {
        assert_int_equal(real_getaddrinfo(several[i], service, hints, list), 0);
        list = &(*list)->ai_next;
    }
    return 0;
}

static void tries_every_address_of_a_name(void **state)
{
    (void)state;
    struct mw_heard heard = {.on_open_close = true};
    struct mw_heard_frame seen = {.bytes = "", .answer = true};
    struct mw_raw_server_options server = {.serve = mw_heard_serve_and_note, .user = &seen};
    mw_heard_run(&heard, &server, NULL, "ws://several.test");
    mw_heard_expect(&heard, MW_ECLOSED, 4000, "enough");

    struct mw_heard refused = {0};
    mw_heard_begin(&refused, NULL);
    mw_role_assert(&mw_feed_thread);
    mw_heard_connect(&refused, "ws://several.test:%u", mw_raw_refusing_port());
    mw_heard_until(&refused, &refused.closes, 1);
    mw_heard_expect(&refused, MW_ECONNECT, 0, "any of the 3 addresses");
    mw_heard_end(&refused);
}

static void a_stuck_resolver_holds_nothing_up(void **state)
{
    (void)state;
    sem_init(&stuck_go, 0, 0);
    sem_init(&stuck_gone, 0, 0);
    struct mw_heard heard = {0};
    struct mw_client_options options = mw_heard_options();
    options.connect_ms = SHORT_MS;
    mw_heard_begin(&heard, &options);
    mw_role_assert(&mw_feed_thread);
    mw_heard_connect(&heard, "ws://stuck.test");
    mw_heard_until(&heard, &heard.closes, 1);
    mw_heard_expect(&heard, MW_ETIMEOUT, 0, "not resolved within 150 ms");
    mw_heard_connect(&heard, "ws://stuck.test");
    mw_client_close(heard.client, 1000, NULL);
    mw_heard_until(&heard, &heard.closes, 2);
    mw_heard_connect(&heard, "ws://stuck.test");
    mw_heard_end(&heard); /* does not wait */
    for (int i = 0; i < 3; i++)
        sem_post(&stuck_go);
    for (int i = 0; i < 3; i++)
        sem_wait(&stuck_gone);
}

static void refuses_bad_urls_before_anything_is_started(void **state)
{
    (void)state;
    struct mw_heard heard = {0};
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    struct mw_error err;
    assert_int_equal(mw_client_connect(heard.client, "localhost", &err), MW_EPARSE);
    assert_int_equal(mw_client_connect(heard.client, "http://localhost", &err), MW_EPARSE);
    char url[MW_URL_BYTES_MAX + 1];
    memset(url, 'p', sizeof(url));
    memcpy(url, "ws://h/", 7);
    url[2006] = '\0'; /* a path of 2,000 bytes */
    assert_int_equal(mw_client_connect(heard.client, url, &err), MW_OK);
    mw_client_close(heard.client, 1000, NULL);
    mw_heard_until(&heard, &heard.closes, 1);
    url[2006] = 'p';
    url[2007] = '\0';
    assert_int_equal(mw_client_connect(heard.client, url, &err), MW_ELIMIT);
    mw_heard_end(&heard);
    assert_int_equal(heard.closes, 1);
}

static void serve_proxy(struct mw_raw_peer *peer, void *user)
{
    char *request = user;
    if (mw_raw_read_request(peer, request, 4096) &&
        mw_raw_write(peer, "HTTP/1.1 200 OK\r\n\r\n", 19) &&
        mw_raw_upgrade(peer, "\x88\x02\x03\xe8", 4))
        mw_raw_wait_end(peer);
}

static void goes_through_a_proxy_but_never_for_loopback(void **state)
{
    (void)state;
    char request[4096] = "", proxy[64];
    struct mw_raw_server_options options = {.serve = serve_proxy, .user = request};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", mw_raw_server_port(server));
    setenv("http_proxy", proxy, 1);
    struct mw_heard heard = {0};
    mw_heard_begin(&heard, NULL);
    unsetenv("http_proxy");
    mw_heard_connect(&heard, "ws://nothing.invalid:81/x");
    mw_heard_until(&heard, &heard.closes, 1);
    mw_heard_expect(&heard, MW_ECLOSED, 1000, "");
    mw_heard_connect(&heard, "ws://127.0.0.1:%u", mw_raw_refusing_port());
    mw_heard_until(&heard, &heard.closes, 2);
    mw_heard_expect(&heard, MW_ECONNECT, 0, "");
    mw_heard_end(&heard);
    mw_raw_server_stop(server); /* its thread has ended: the request is ours to read */
    assert_non_null(strstr(request, "CONNECT nothing.invalid:81 "));
}

static void may_be_freed_at_any_time(void **state)
{
    (void)state;
    mw_role_assert(&mw_feed_thread);
    struct mw_raw_server_options options = {.serve = mw_heard_serve_nothing};
    static const char *const hosts[] = {"ws://nothing.invalid", "ws://localhost", "ws://127.0.0.1",
                                        "wss://127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(hosts); i++) {
        for (int rounds = 0; rounds < 6; rounds++) {
            struct mw_raw_server *server = mw_raw_server_start(&options);
            struct mw_heard heard = {0};
            mw_heard_begin(&heard, NULL);
            mw_heard_connect(&heard, "%s:%u", hosts[i], mw_raw_server_port(server));
            for (int round = 0; round < rounds; round++) {
                mw_client_wake(heard.client);
                mw_client_service(heard.client);
            }
            int closes = heard.closes;
            mw_heard_end(&heard);
            assert_int_equal(heard.closes, closes);
            mw_raw_server_stop(server);
        }
    }
}

static void closing_while_connecting_stops_that(void **state)
{
    (void)state;
    struct mw_raw_server_options options = {.serve = mw_heard_serve_nothing};
    struct mw_raw_server *server = mw_raw_server_start(&options);
    struct mw_heard heard = {0};
    mw_heard_begin(&heard, NULL);
    mw_role_assert(&mw_feed_thread);
    for (int rounds = 0; rounds < 5; rounds++) {
        mw_heard_connect(&heard, "%s://localhost:%u", rounds % 2 ? "wss" : "ws",
                         mw_raw_server_port(server));
        for (int round = 0; round < rounds; round++) {
            mw_client_wake(heard.client);
            mw_client_service(heard.client);
        }
        mw_client_close(heard.client, 1000, "stop");
        mw_client_close(heard.client, 1001, "again"); /* nothing more happens */
        assert_int_equal(heard.closes, rounds);       /* not before service */
        mw_heard_until(&heard, &heard.closes, rounds + 1);
        mw_heard_expect(&heard, MW_ECLOSED, 1000, "stop");
    }
    mw_client_close(heard.client, 1000, NULL); /* there is nothing to close */
    mw_heard_end(&heard);
    assert_int_equal(heard.opens, 0);
    mw_raw_server_stop(server);
}

struct crowd {
    const struct mw_certificate *certificate;
    struct mw_thread thread;
    struct mw_heard heard;
};

static void run_in_crowd(void *user)
{
    struct crowd *crowd = user;
    for (int i = 0; i < 5; i++) {
        struct mw_str stream = MW_STR_INIT(100);
        mw_str_add(&stream, "\x81\x02hi\x88\x02\x03\xe8", 8);
        struct mw_raw_server_options server = {
            .serve = mw_heard_serve_bytes, .user = &stream, .certificate = crowd->certificate};
        struct mw_client_options options = mw_heard_options();
        options.ca_file = authorities.good_file;
        crowd->heard = (struct mw_heard){0};
        mw_heard_run(&crowd->heard, &server, &options, "wss://localhost");
        mw_str_deinit(&stream);
    }
}

static void many_clients_live_in_one_process(void **state)
{
    (void)state;
    struct mw_certificate *certificate =
        mw_certificate_new(authorities.good, "DNS:localhost", -1000, 1000);
    struct crowd crowds[4];
    for (size_t i = 0; i < MW_COUNT(crowds); i++) {
        struct mw_error err;
        crowds[i] = (struct crowd){.certificate = certificate};
        assert_int_equal(mw_thread_start(&crowds[i].thread, "crowd", &mw_feed_thread, run_in_crowd,
                                         &crowds[i], &err),
                         MW_OK);
    }
    for (size_t i = 0; i < MW_COUNT(crowds); i++) {
        mw_thread_join(&crowds[i].thread);
        assert_int_equal(crowds[i].heard.message_count, 1);
        mw_heard_expect(&crowds[i].heard, MW_ECLOSED, 1000, "");
    }
    mw_certificate_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trusts_a_private_authority_by_name_and_by_address),
        cmocka_unit_test(refuses_bad_certificates_with_words),
        cmocka_unit_test(tells_when_the_server_does_not_speak_tls),
        cmocka_unit_test(refuses_ca_files_that_hold_no_certificate),
        cmocka_unit_test(tells_unknown_names_from_refused_ports),
        cmocka_unit_test(tries_every_address_of_a_name),
        cmocka_unit_test(a_stuck_resolver_holds_nothing_up),
        cmocka_unit_test(refuses_bad_urls_before_anything_is_started),
        cmocka_unit_test(goes_through_a_proxy_but_never_for_loopback),
        cmocka_unit_test(may_be_freed_at_any_time),
        cmocka_unit_test(closing_while_connecting_stops_that),
        cmocka_unit_test(many_clients_live_in_one_process),
    };
    return cmocka_run_group_tests(tests, make_authorities, drop_authorities);
}
