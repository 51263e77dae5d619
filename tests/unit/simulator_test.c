/* simulator_test.c - the simulator as its clients see it, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "server/price.h"
#include "simulated.h"

enum { STOP_MS_MAX = 400 }; /* twice what is promised, for slow machines */

static void pushes_forming_and_closed_candles_of_what_was_asked(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    char url[64];
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u/market_data", mw_simulator_port(simulator));
    assert_string_equal(mw_simulator_url(simulator), url);
    assert_null(mw_simulator_certificate(simulator));

    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    struct mw_price_model model;
    mw_price_model_init(&model, SIMULATED_SEED, "BTCUSDT");
    struct mw_str wanted = MW_STR_INIT(1024);
    for (int64_t i = 0; i < 500; i++) {
        struct mw_candle candle;
        int64_t open_ms = simulated_start_ms + i * MW_MS_PER_MINUTE;
        mw_price_candle(&model, simulated_timeframes[0], open_ms, &candle);
        simulated_format(&candle, "BTCUSDT", "1m", open_ms + MW_MS_PER_MINUTE, &wanted);
        char open_time[40];
        snprintf(open_time, sizeof(open_time), "\"open_time\":%lld,", (long long)open_ms);
        for (int j = 0; j < 4; j++) {
            const char *text = simulated_read(ws);
            assert_memory_equal(text, "{\"type\":\"KLINE\",", 16);
            assert_non_null(strstr(text, open_time));
            assert_non_null(strstr(text, "\"closed\":false}"));
        }
        simulated_expect(ws, wanted.data);
    }
    mw_str_deinit(&wanted);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void refuses_bad_requests_in_the_words_of_wealthdata(void **state)
{
    (void)state;
    static const struct {
        const char *request, *reply;
    } cases[] = {
        {"", "null,\"message\":\"not JSON: "},
        {"{\"type\"", "null,\"message\":\"not JSON: "},
        {"[1]", "null,\"message\":\"want a JSON object\"}"},
        {"{\"request_id\":5}", "5,\"message\":\"type is missing: want CONNECT\"}"},
        {"{\"type\":7}", "null,\"message\":\"type is missing: want CONNECT\"}"},
        {"{\"type\":\"HELLO\"}", "null,\"message\":\"unknown type 'HELLO'\"}"},
        {"{\"type\":\"CONNECT\",\"request_id\":\"a\\\"b\",\"symbols\":[\"XRP\"],"
         "\"resolutions\":[\"1m\"]}",
         "\"a\\\"b\",\"message\":\"unknown symbol 'XRP'\"}"},
        {"{\"type\":\"CONNECT\",\"symbols\":[\"BTCUSDT\"],\"resolutions\":[\"7m\"]}",
         "null,\"message\":\"unknown resolution '7m'\"}"},
        {"{\"type\":\"CONNECT\",\"symbols\":[\"BTCUSDT\"],\"resolutions\":{}}",
         "null,\"message\":\"resolutions: want an array\"}"},
        {"{\"type\":\"CONNECT\",\"symbols\":\"BTCUSDT\"}",
         "null,\"message\":\"symbols: want an array\"}"},
        {"{\"type\":\"CONNECT\",\"symbols\":[1]}", "null,\"message\":\"symbols: want strings\"}"},
    };
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char wanted[256];
        snprintf(wanted, sizeof(wanted), "{\"type\":\"ERROR\",\"request_id\":%s", cases[i].reply);
        simulated_send(ws, cases[i].request);
        const char *text = simulated_read(ws);
        if (strncmp(text, wanted, strlen(wanted)) != 0)
            fail_msg("got '%s', want '%s'", text, wanted);
    }
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void replaces_a_subscription_and_keeps_the_place_of_what_stays(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.speed = 1;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    assert_non_null(strstr(simulated_read(ws), "\"BTCUSDT\",\"timeframe\":\"1m\""));
    simulated_send(ws,
                   "{\"type\":\"CONNECT\",\"request_id\":2,\"symbols\":[\"BTCUSDT\",\"ETHUSDT\","
                   "\"ETHUSDT\"],\"resolutions\":[\"1m\"]}");
    const char *text = simulated_read(ws);
    while (strstr(text, "\"BTCUSDT\"") != NULL) /* an update may have come between */
        text = simulated_read(ws);
    assert_string_equal(text, "{\"type\":\"CONNECTED\",\"request_id\":2}");
    assert_non_null(strstr(simulated_read(ws), "\"ETHUSDT\",\"timeframe\":\"1m\""));
    /* Nothing at all may be followed, too. */
    simulated_send(ws, "{\"type\":\"CONNECT\",\"symbols\":[],\"resolutions\":[]}");
    do
        text = simulated_read(ws);
    while (strstr(text, "\"KLINE\"") != NULL);
    assert_string_equal(text, "{\"type\":\"CONNECTED\",\"request_id\":null}");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void speaks_binance_in_combined_and_raw_form(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("binance");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *combined = simulated_join(simulator, "/stream"),
                  *raw = simulated_join(simulator, "/ws");
    simulated_send(combined,
                   "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_5m\"],\"id\":7}");
    simulated_expect(combined, "{\"result\":null,\"id\":7}");
    simulated_send(raw,
                   "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_5m\"],\"id\":\"x\"}");
    simulated_expect(raw, "{\"result\":null,\"id\":\"x\"}");

    struct mw_price_model model;
    struct mw_candle candle;
    mw_price_model_init(&model, SIMULATED_SEED, "BTCUSDT");
    mw_price_candle(&model, simulated_timeframes[1], simulated_start_ms, &candle);
    long long first = simulated_start_ms / 1000 * 8;
    char payload[768], wanted[1024];
    snprintf(payload, sizeof(payload),
             "{\"e\":\"kline\",\"E\":%lld,\"s\":\"BTCUSDT\",\"k\":{\"t\":%lld,\"T\":%lld,\"s\":"
             "\"BTCUSDT\",\"i\":\"5m\",\"f\":%lld,\"L\":%lld,\"o\":\"%.8f\",\"c\":\"%.8f\","
             "\"h\":\"%.8f\",\"l\":\"%.8f\",\"v\":\"%.8f\",\"n\":%u,\"x\":true,\"q\":\"%.8f\","
             "\"V\":\"%.8f\",\"Q\":\"%.8f\",\"B\":\"0\"}}",
             (long long)simulated_start_ms + 300000, (long long)simulated_start_ms,
             (long long)simulated_start_ms + 299999, first, first + candle.trades - 1, candle.open,
             candle.close, candle.high, candle.low, candle.volume, candle.trades, candle.turnover,
             candle.volume / 2, candle.turnover / 2);
    snprintf(wanted, sizeof(wanted), "{\"stream\":\"btcusdt@kline_5m\",\"data\":%s}", payload);
    for (int i = 0; i < 4; i++) {
        assert_non_null(strstr(simulated_read(combined), "\"x\":false"));
        assert_non_null(strstr(simulated_read(raw), "\"x\":false"));
    }
    simulated_expect(combined, wanted);
    simulated_expect(raw, payload);
    raw_ws_close(raw);
    raw_ws_close(combined);
    mw_simulator_stop(simulator);
}

static void answers_binance_requests_and_refuses_bad_ones(void **state)
{
    (void)state;
    static const struct {
        const char *request, *reply;
    } cases[] = {
        {"{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}", "{\"result\":[],\"id\":1}"},
        {"{\"method\":\"SUBSCRIBE\",\"params\":[\"xrpusdt@kline_1m\"],\"id\":2}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream xrpusdt@kline_1m\"},"
         "\"id\":2}"},
        {"{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_1h\"],\"id\":3}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream btcusdt@kline_1h\"},"
         "\"id\":3}"},
        {"{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":3}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream btcusdt@trade\"},"
         "\"id\":3}"},
        {"{\"method\":\"SUBSCRIBE\",\"id\":4}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: params must be an array of streams\"},"
         "\"id\":4}"},
        {"{\"method\":\"DANCE\",\"id\":5}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: unknown method DANCE\"},\"id\":5}"},
        {"{\"method\":\"SUBSCRIBE\",\"id\":1.5}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: request ID must be an unsigned "
         "integer\"},\"id\":null}"},
        {"{\"method\":\"SUBSCRIBE\",\"id\":\"1234567890123456789012345678901234567\"}",
         "{\"error\":{\"code\":2,\"msg\":\"Invalid request: request ID must be an unsigned "
         "integer\"},\"id\":null}"},
        {"nonsense", "{\"error\":{\"code\":2,\"msg\":\"Invalid JSON\"},\"id\":null}"},
        {"{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@kline_1m\"],\"id\":6}",
         "{\"result\":null,\"id\":6}"},
    };
    struct mw_simulator_options options = simulated_options("binance");
    options.speed = 1e-6; /* nothing comes between */
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/stream");
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        simulated_send(ws, cases[i].request);
        simulated_expect(ws, cases[i].reply);
    }
    simulated_send(ws, "{\"method\":\"SUBSCRIBE\",\"params\":[\"ethusdt@kline_1m\"],\"id\":7}");
    simulated_expect(ws, "{\"result\":null,\"id\":7}");
    assert_memory_equal(simulated_read(ws), "{\"stream\":\"ethusdt@kline_1m\"", 28);
    simulated_send(ws, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":8}");
    simulated_expect(ws, "{\"result\":[\"ethusdt@kline_1m\"],\"id\":8}");
    simulated_send(ws, "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"ethusdt@kline_1m\"],\"id\":9}");
    simulated_expect(ws, "{\"result\":null,\"id\":9}");
    simulated_send(ws, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":10}");
    simulated_expect(ws, "{\"result\":[],\"id\":10}");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void answers_404_elsewhere_and_503_when_full(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    static const char *const elsewhere[] = {"/", "/stream", "/market_data/", "/market_dat"};
    for (size_t i = 0; i < MW_COUNT(elsewhere); i++) {
        struct raw_ws *ws = raw_ws_open(mw_simulator_port(simulator), elsewhere[i], NULL);
        assert_non_null(ws);
        assert_int_equal(raw_ws_status(ws), 404);
        raw_ws_close(ws);
    }
    struct raw_ws *clients[MW_SIMULATOR_SESSIONS_MAX];
    for (size_t i = 0; i < MW_COUNT(clients); i++)
        clients[i] = simulated_join(simulator, "/market_data");
    struct raw_ws *late = raw_ws_open(mw_simulator_port(simulator), "/market_data", NULL);
    assert_non_null(late);
    assert_int_equal(raw_ws_status(late), 503);
    raw_ws_close(late);
    /* The last that was let in is served. */
    simulated_send(clients[MW_COUNT(clients) - 1], CONNECT_BTC);
    simulated_expect(clients[MW_COUNT(clients) - 1],
                     "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    for (size_t i = 0; i < MW_COUNT(clients); i++)
        raw_ws_close(clients[i]);
    mw_simulator_stop(simulator);
}

static void joins_fragments_and_bounds_messages(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    assert_true(raw_ws_send(ws, RAW_TEXT, "{\"type\":\"HEL", 12));
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_PING, "marco", 5));
    assert_true(raw_ws_send(ws, RAW_FIN, "LO\"}", 4));
    struct raw_frame frame = raw_ws_read(ws);
    assert_int_equal(frame.opcode, RAW_PONG);
    assert_string_equal(frame.data, "marco");
    assert_non_null(strstr(simulated_read(ws), "unknown type 'HELLO'"));

    char *big = mw_alloc(MW_SIMULATOR_MESSAGE_BYTES_MAX + 1);
    memset(big, ' ', MW_SIMULATOR_MESSAGE_BYTES_MAX + 1);
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_TEXT, big, MW_SIMULATOR_MESSAGE_BYTES_MAX));
    assert_non_null(strstr(simulated_read(ws), "not JSON"));
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_TEXT, big, MW_SIMULATOR_MESSAGE_BYTES_MAX + 1));
    simulated_expect_close(ws, 1009);
    mw_free(big);
    raw_ws_close(ws);

    ws = simulated_join(simulator, "/market_data");
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_BINARY, "{}", 2));
    simulated_expect_close(ws, 1003);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void says_that_the_port_is_in_use(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options), *second = NULL;
    options.port = mw_simulator_port(simulator);
    struct mw_error err;
    assert_int_equal(mw_simulator_start(&options, &second, &err), MW_ECONNECT);
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "cannot listen on 127.0.0.1 port %u: address already in use",
             options.port);
    assert_string_equal(err.message, wanted);
    assert_null(second);
    mw_simulator_stop(simulator);
    /* Once it is free it can be had. */
    simulator = simulated_start(&options);
    assert_int_equal(mw_simulator_port(simulator), options.port);
    mw_simulator_stop(simulator);

    options.port = 0;
    options.host = "192.0.2.1"; /* reserved for documentation: RFC 5737 */
    assert_int_equal(mw_simulator_start(&options, &second, &err), MW_ECONNECT);
    assert_string_equal(err.message,
                        "cannot listen on 192.0.2.1 port 0: not an address of this machine");
}

static void serves_tls_with_a_certificate_of_its_own(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.tls = true;
    struct mw_simulator *simulator = simulated_start(&options);
    assert_memory_equal(mw_simulator_url(simulator), "wss://127.0.0.1:", 16);
    assert_non_null(strstr(mw_simulator_certificate(simulator), "BEGIN CERTIFICATE"));
    assert_null(strstr(mw_simulator_certificate(simulator), "PRIVATE"));
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    for (int i = 0; i < 5000; i++) /* many of the pieces in which it is sent */
        assert_non_null(strstr(simulated_read(ws), "\"BTCUSDT\""));
    raw_ws_close(ws);
    /* What is not TLS gets nowhere. */
    ws = raw_ws_open(mw_simulator_port(simulator), "/market_data", NULL);
    assert_non_null(ws);
    assert_int_equal(raw_ws_status(ws), 0);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void tells_all_sessions_the_same(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options), *twin = simulated_start(&options);
    struct raw_ws *clients[] = {simulated_join(simulator, "/market_data"),
                                simulated_join(simulator, "/market_data"),
                                simulated_join(twin, "/market_data")};
    for (size_t i = 0; i < MW_COUNT(clients); i++)
        simulated_send(clients[i], "{\"type\":\"CONNECT\",\"symbols\":[\"ETHUSDT\",\"BTCUSDT\"],"
                                   "\"resolutions\":[\"5m\",\"1m\"]}");
    for (int i = 0; i < 2000; i++) {
        char *text = mw_strdup(simulated_read(clients[0]));
        simulated_expect(clients[1], text);
        simulated_expect(clients[2], text);
        mw_free(text);
    }
    for (size_t i = 0; i < MW_COUNT(clients); i++)
        raw_ws_close(clients[i]);
    mw_simulator_stop(twin);
    mw_simulator_stop(simulator);
}

static void never_passes_the_wall_clock(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.start_ms = (mw_clock_wall_ms() / MW_MS_PER_MINUTE - 3) * MW_MS_PER_MINUTE;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_read(ws);
    int closed = 0;
    while (closed < 3) { /* three minutes have ended */
        const char *text = simulated_read(ws), *at = strstr(text, "\"open_time\":");
        assert_non_null(at);
        int64_t open_ms = strtoll(at + 12, NULL, 10);
        bool is_closed = strstr(text, "\"BAR\"") != NULL;
        assert_true(open_ms + (is_closed ? MW_MS_PER_MINUTE : 0) <= mw_clock_wall_ms());
        closed += is_closed;
    }
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void stops_at_once_while_it_streams(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *slow = simulated_join(simulator, "/market_data"),
                  *idle = simulated_join(simulator, "/market_data");
    simulated_send(slow, CONNECT_BTC);
    simulated_expect(slow, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    int64_t from_ms = mw_clock_monotonic_ms();
    mw_simulator_stop(simulator);
    assert_true(mw_clock_monotonic_ms() - from_ms < STOP_MS_MAX);
    simulated_expect_close(idle, 1001);
    raw_ws_close(idle);
    raw_ws_close(slow);
}

static void closes_when_the_client_does_while_it_streams(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_read(ws);
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_CLOSE, "\x03\xe8", 2));
    simulated_expect_close(ws, 1000);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_forming_and_closed_candles_of_what_was_asked),
        cmocka_unit_test(refuses_bad_requests_in_the_words_of_wealthdata),
        cmocka_unit_test(replaces_a_subscription_and_keeps_the_place_of_what_stays),
        cmocka_unit_test(speaks_binance_in_combined_and_raw_form),
        cmocka_unit_test(answers_binance_requests_and_refuses_bad_ones),
        cmocka_unit_test(answers_404_elsewhere_and_503_when_full),
        cmocka_unit_test(joins_fragments_and_bounds_messages),
        cmocka_unit_test(says_that_the_port_is_in_use),
        cmocka_unit_test(serves_tls_with_a_certificate_of_its_own),
        cmocka_unit_test(tells_all_sessions_the_same),
        cmocka_unit_test(never_passes_the_wall_clock),
        cmocka_unit_test(stops_at_once_while_it_streams),
        cmocka_unit_test(closes_when_the_client_does_while_it_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
