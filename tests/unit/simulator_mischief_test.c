/* simulator_mischief_test.c - each fault of the venue and of its REST as a client sees it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "faulty.h"
#include "server/document.h"

#define ADD_BTC "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_1m\"],\"id\":1}"

/* What follows `key`, which must be there. */
static const char *after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return at + strlen(key);
}

static int64_t open_of(const char *text)
{
    return strtoll(after(text, "\"open_time\":"), NULL, 10);
}

static bool is_json(const char *text)
{
    struct mw_document *json = NULL;
    bool good = mw_document_read(text, strlen(text), &json, NULL) == MW_OK;
    mw_document_free(json);
    return good;
}

/* Runs one fault that moves messages about, or leaves some out. */
static void expect_order(struct mw_sabotage sabotage, const int *places)
{
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, places);
    assert_int_equal(faulty_count(simulator, sabotage.kind), sabotage.times);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void sends_a_message_twice(void **state)
{
    (void)state;
    expect_order(faulty_fault(MW_SABOTAGE_DUPLICATE, 4), (const int[]){0, 1, 2, 3, 4, 4, 5, 6, -1});
}

static void sends_a_message_after_the_next(void **state)
{
    (void)state;
    expect_order(faulty_fault(MW_SABOTAGE_REORDER, 1), (const int[]){0, 2, 1, 3, 4, 5, -1});
    expect_order(faulty_fault(MW_SABOTAGE_REORDER, 4), (const int[]){0, 1, 2, 3, 5, 4, 6, -1});
}

static void closes_a_bar_after_the_next_has_begun(void **state)
{
    (void)state;
    expect_order(faulty_fault(MW_SABOTAGE_LATE_CLOSE, 1),
                 (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 9, 11, -1});
}

static void does_not_close_a_bar(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_LOST_CLOSE, 0);
    sabotage.times = 2;
    expect_order(sabotage, (const int[]){0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14, -1});
}

static void leaves_out_bars_of_a_series(void **state)
{
    (void)state;
    expect_order(faulty_fault(MW_SABOTAGE_MISSING_UPDATES, 1), (const int[]){0, 10, 11, -1});
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_MISSING_UPDATES, 4);
    sabotage.count = 1; /* the message that closes a bar is all of it that is missing */
    expect_order(sabotage, (const int[]){0, 1, 2, 3, 5, 6, -1});
}

static void silences_one_series_until_it_is_subscribed_anew(void **state)
{
    (void)state;
    static const char connect[] =
        "{\"type\":\"CONNECT\",\"symbols\":[\"BTCUSDT\",\"ETHUSDT\"],\"resolutions\":[\"1m\"]}";
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_SILENT_STREAM, 2);
    snprintf(sabotage.symbol, sizeof(sabotage.symbol), "BTCUSDT");
    struct mw_simulator *simulator = faulty_start("wealthdata", 6000, &sabotage);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, connect);
    int before = 0, later = 0;
    while (faulty_count(simulator, MW_SABOTAGE_SILENT_STREAM) == 0)
        before += strstr(simulated_read(ws), "\"BTCUSDT\"") != NULL;
    for (int i = 0; i < 50; i++)
        later += strstr(simulated_read(ws), "\"BTCUSDT\"") != NULL;
    assert_int_equal(before + later, 2);
    simulated_send(ws, connect);
    while (strstr(simulated_read(ws), "\"BTCUSDT\"") == NULL)
        ;
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void puts_garbage_before_a_message(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_GARBAGE, 0);
    sabotage.times = 20;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    for (int i = 0; i < 20; i++) {
        assert_false(is_json(simulated_read(ws)));
        assert_true(is_json(simulated_read(ws)));
    }
    faulty_expect(ws, (const int[]){20, 21, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void puts_a_binary_message_before_a_message(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_BINARY, 1);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, -1});
    struct raw_frame frame = raw_ws_read(ws);
    assert_int_equal(frame.opcode, RAW_BINARY);
    assert_int_equal(frame.length, 4);
    faulty_expect(ws, (const int[]){1, 2, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void closes_a_bar_wrongly_and_then_rightly(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REVISED, 0);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, 3, -1});
    const char *wrong = simulated_read(ws);
    assert_memory_equal(wrong, "{\"type\":\"BAR\",", 14);
    assert_int_equal(open_of(wrong), simulated_start_ms);
    faulty_expect(ws, (const int[]){5, 4, 6, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

/* A connection that breaks in between does not leave the wrong values for good. */
static void corrects_a_bar_on_the_next_connection(void **state)
{
    (void)state;
    struct mw_fault_plan plan = MW_FAULT_PLAN_INIT;
    struct mw_sabotage revised = faulty_fault(MW_SABOTAGE_REVISED, 0),
                       reset = faulty_fault(MW_SABOTAGE_RESET, 4);
    assert_int_equal(mw_fault_plan_add(&plan, &revised, NULL), MW_OK);
    assert_int_equal(mw_fault_plan_add(&plan, &reset, NULL), MW_OK);
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.faults = &plan;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = faulty_join(simulator);
    for (int i = 0; i < 5; i++)
        simulated_read(ws);
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    raw_ws_close(ws);
    ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){4, 0, 1, 2, 3, 4, 5, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
    mw_fault_plan_deinit(&plan);
}

static void jumps_ahead_and_back_without_a_clock(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_CLOCK_JUMP, 1);
    sabotage.duration_ms = 5LL * MW_MS_PER_MINUTE;
    expect_order(sabotage, (const int[]){0, 1, 26, 27, 28, 29, -1});
    sabotage.after = 11;
    sabotage.duration_ms = -2LL * MW_MS_PER_MINUTE;
    expect_order(sabotage, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2, 3, 4, -1});
}

static void jumps_with_the_clock_of_every_session(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_CLOCK_JUMP, 10);
    sabotage.duration_ms = MW_MS_PER_HOUR;
    struct mw_simulator *simulator = faulty_start("wealthdata", 600, &sabotage);
    struct raw_ws *clients[] = {faulty_join(simulator), faulty_join(simulator)};
    for (size_t i = 0; i < MW_COUNT(clients); i++) {
        int64_t last_ms = simulated_start_ms, open_ms = last_ms;
        while (open_ms < simulated_start_ms + MW_MS_PER_HOUR) {
            last_ms = open_ms;
            open_ms = open_of(simulated_read(clients[i]));
        }
        assert_true(open_ms - last_ms >= 59LL * MW_MS_PER_MINUTE); /* none between was sent */
    }
    /* They are in the past all the same. */
    struct raw_ws *http = raw_ws_connect(mw_simulator_port(simulator), NULL);
    static const char request[] = "GET /history?symbol=BTCUSDT&resolution=1m&from=1784073600000 "
                                  "HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_true(raw_ws_write(http, request, sizeof(request) - 1));
    const char *answer = raw_ws_read_all(http);
    int rows = 0;
    while ((answer = strstr(answer, "open_time")) != NULL) {
        answer++;
        rows++;
    }
    assert_true(rows > 60);
    raw_ws_close(http);
    raw_ws_close(clients[1]);
    raw_ws_close(clients[0]);
    mw_simulator_stop(simulator);
}

static void confirms_another_request(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_WRONG_CONFIRMATION, 0);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":987654321}");
    faulty_expect(ws, (const int[]){0, 1, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
    simulator = faulty_start("binance", 1e-6, &sabotage);
    ws = simulated_join(simulator, "/ws");
    simulated_send(ws, ADD_BTC);
    simulated_expect(ws, "{\"result\":null,\"id\":987654321}");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void confirms_after_candles(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_LATE_CONFIRMATION, 0);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    faulty_expect(ws, (const int[]){3, 4, -1});
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void gives_notice_and_closes(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_NOTICE, 0);
    sabotage.duration_ms = 100;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    int64_t from_ms = mw_clock_monotonic_ms();
    struct raw_ws *ws = faulty_join(simulator);
    simulated_expect(ws, "{\"type\":\"SHUTDOWN\",\"time\":1784073600000}");
    faulty_expect(ws, (const int[]){0, 1, -1});
    simulated_expect_close(ws, 1001);
    assert_true(mw_clock_monotonic_ms() - from_ms >= 100);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);

    static const char *const paths[] = {"/stream", "/ws"};
    static const char *const notices[] = {
        "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1784073600000}}",
        "{\"e\":\"serverShutdown\",\"E\":1784073600000}",
    };
    for (size_t i = 0; i < MW_COUNT(paths); i++) {
        simulator = faulty_start("binance", 1e-6, &sabotage); /* nothing else comes */
        ws = simulated_join(simulator, paths[i]);
        simulated_send(ws, ADD_BTC);
        simulated_expect(ws, "{\"result\":null,\"id\":1}");
        simulated_expect(ws, notices[i]);
        simulated_expect_close(ws, 1001);
        raw_ws_close(ws);
        mw_simulator_stop(simulator);
    }
}

/* Asks for the four bars before the start. The answer, whatever it is, until the client is
 * closed. */
static const char *ask(const struct mw_simulator *simulator, struct raw_ws **http)
{
    static const char request[] =
        "GET /history?symbol=BTCUSDT&resolution=1m&from=1784073360000&to=1784073540000 "
        "HTTP/1.1\r\nHost: localhost\r\n\r\n";
    *http = raw_ws_connect(mw_simulator_port(simulator), NULL);
    assert_non_null(*http);
    assert_true(raw_ws_write(*http, request, sizeof(request) - 1));
    return raw_ws_read_all(*http);
}

static int rows_of(const char *answer)
{
    int count = 0;
    for (; (answer = strstr(answer, "open_time")) != NULL; answer++)
        count++;
    return count;
}

/* The body is whole, or ends early as the length that was told shows. */
static const char *body_of(const char *answer, bool whole)
{
    const char *body = after(answer, "\r\n\r\n");
    size_t length = strtoul(after(answer, "content-length: "), NULL, 10);
    if (whole)
        assert_int_equal(strlen(body), length);
    else
        assert_true(strlen(body) < length);
    return body;
}

/* Once more, and it is right. */
static void expect_whole(const struct mw_simulator *simulator)
{
    struct raw_ws *http;
    const char *answer = ask(simulator, &http);
    assert_true(is_json(body_of(answer, true)));
    assert_int_equal(rows_of(answer), 4);
    raw_ws_close(http);
}

static void does_not_answer_a_request(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REST_TIMEOUT, 0);
    sabotage.duration_ms = 150;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *http;
    int64_t from_ms = mw_clock_monotonic_ms();
    assert_string_equal(ask(simulator, &http), "");
    assert_true(mw_clock_monotonic_ms() - from_ms >= 150);
    raw_ws_close(http);
    expect_whole(simulator);
    mw_simulator_stop(simulator);
}

static void answers_a_request_with_a_status(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REST_STATUS, 0);
    sabotage.code = 503;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *http;
    assert_string_equal(ask(simulator, &http),
                        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
                        "content-length: 0\r\nconnection: close\r\n\r\n");
    raw_ws_close(http);
    expect_whole(simulator);
    mw_simulator_stop(simulator);
    sabotage.code = 429;
    sabotage.duration_ms = 1500;
    simulator = faulty_start("wealthdata", 0, &sabotage);
    for (int i = 0; i < 2; i++) {
        const char *answer = ask(simulator, &http);
        assert_memory_equal(answer, "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\n", 48);
        raw_ws_close(http);
    }
    mw_simulator_stop(simulator);
}

static void leaves_out_the_newest_rows(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 3, 4, 200};
    for (size_t i = 0; i < MW_COUNT(counts); i++) {
        struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REST_PARTIAL, 0);
        sabotage.count = counts[i];
        struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
        struct raw_ws *http;
        const char *answer = ask(simulator, &http);
        assert_true(is_json(body_of(answer, true)));
        int left = counts[i] < 4 ? 4 - (int)counts[i] : 0;
        assert_int_equal(rows_of(answer), left);
        if (left > 0)
            assert_int_equal(open_of(answer), 1784073360000);
        raw_ws_close(http);
        expect_whole(simulator);
        mw_simulator_stop(simulator);
    }
}

static void ends_an_answer_in_the_middle(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REST_CUT, 0);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *http;
    const char *answer = ask(simulator, &http);
    assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
    assert_false(is_json(body_of(answer, false)));
    raw_ws_close(http);
    expect_whole(simulator);
    mw_simulator_stop(simulator);
}

/* Whether the four rows of an answer cannot be: off the grid, one twice, a high below the low. */
static bool is_absurd(const char *body)
{
    int64_t before_ms = 0;
    for (const char *at = body; (at = strstr(at, "\"open_time\":")) != NULL; at++) {
        int64_t open_ms = open_of(at);
        double high = strtod(after(at, "\"high\":\""), NULL);
        double low = strtod(after(at, "\"low\":\""), NULL);
        if (open_ms % MW_MS_PER_MINUTE != 0 || open_ms <= before_ms || high < low)
            return true;
        before_ms = open_ms;
    }
    return false;
}

static void answers_nonsense(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REST_WRONG, 0);
    sabotage.times = 20;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    int broken = 0, absurd = 0;
    for (int i = 0; i < 20; i++) {
        struct raw_ws *http;
        const char *body = body_of(ask(simulator, &http), true);
        if (is_json(body))
            absurd += is_absurd(body);
        else
            broken++;
        raw_ws_close(http);
    }
    assert_int_equal(broken + absurd, 20);
    assert_true(broken > 0 && absurd > 0);
    expect_whole(simulator);
    mw_simulator_stop(simulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_a_message_twice),
        cmocka_unit_test(sends_a_message_after_the_next),
        cmocka_unit_test(closes_a_bar_after_the_next_has_begun),
        cmocka_unit_test(does_not_close_a_bar),
        cmocka_unit_test(leaves_out_bars_of_a_series),
        cmocka_unit_test(silences_one_series_until_it_is_subscribed_anew),
        cmocka_unit_test(puts_garbage_before_a_message),
        cmocka_unit_test(puts_a_binary_message_before_a_message),
        cmocka_unit_test(closes_a_bar_wrongly_and_then_rightly),
        cmocka_unit_test(corrects_a_bar_on_the_next_connection),
        cmocka_unit_test(jumps_ahead_and_back_without_a_clock),
        cmocka_unit_test(jumps_with_the_clock_of_every_session),
        cmocka_unit_test(confirms_another_request),
        cmocka_unit_test(confirms_after_candles),
        cmocka_unit_test(gives_notice_and_closes),
        cmocka_unit_test(does_not_answer_a_request),
        cmocka_unit_test(answers_a_request_with_a_status),
        cmocka_unit_test(leaves_out_the_newest_rows),
        cmocka_unit_test(ends_an_answer_in_the_middle),
        cmocka_unit_test(answers_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
