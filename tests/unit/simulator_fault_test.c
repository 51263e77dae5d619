/* simulator_fault_test.c - plans of faults, and each fault of the wire as a client sees it. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "faulty.h"

enum { DEADLINE_MS = 10000 };

static void expect_silence(struct raw_ws *ws, int ms)
{
    raw_ws_set_patience(ws, ms);
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    assert_int_equal(raw_ws_errno(ws), EAGAIN);
    raw_ws_set_patience(ws, DEADLINE_MS);
}

static void cuts_with_a_reset(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_RESET, 3);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    assert_int_equal(raw_ws_errno(ws), ECONNRESET);
    raw_ws_close(ws);
    ws = faulty_join(simulator); /* once was enough */
    faulty_expect(ws, (const int[]){0, 1, 2, 3, 4, -1});
    raw_ws_close(ws);
    assert_int_equal(faulty_count(simulator, MW_SABOTAGE_RESET), 1);
    mw_simulator_stop(simulator);
}

static void cuts_with_a_reset_under_tls(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_fault_plan plan = MW_FAULT_PLAN_INIT;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_RESET, 3);
    assert_int_equal(mw_fault_plan_add(&plan, &sabotage, NULL), MW_OK);
    options.tls = true;
    options.faults = &plan;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    assert_int_equal(raw_ws_errno(ws), ECONNRESET);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
    mw_fault_plan_deinit(&plan);
}

static void ends_without_a_close_frame(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_FIN, 3);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    assert_int_equal(raw_ws_errno(ws), 0);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void closes_with_a_code(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_CLOSE, 3);
    sabotage.code = 4001;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    simulated_expect_close(ws, 4001);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void stalls_candles_but_answers_pings_and_requests(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_STALL, 2);
    sabotage.duration_ms = 400;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    int64_t from_ms = mw_clock_monotonic_ms();
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_PING, "there?", 6));
    assert_int_equal(raw_ws_read(ws).opcode, RAW_PONG);
    simulated_send(ws, "{\"type\":\"PING\"}");
    simulated_expect(ws, "{\"type\":\"PONG\"}");
    expect_silence(ws, 50);
    faulty_expect(ws, (const int[]){3, 4, 5, -1}); /* nothing is lost */
    assert_true(mw_clock_monotonic_ms() - from_ms >= 400);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void stays_half_open(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_HALF_OPEN, 2);
    sabotage.duration_ms = 300;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    int64_t from_ms = mw_clock_monotonic_ms();
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, -1});
    assert_true(raw_ws_send(ws, RAW_FIN | RAW_PING, "there?", 6));
    simulated_send(ws, "{\"type\":\"PING\"}");
    expect_silence(ws, 100);
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    assert_int_equal(raw_ws_errno(ws), ECONNRESET);
    assert_true(mw_clock_monotonic_ms() - from_ms >= 300);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

/* A stop does not wait for a connection that is half open. */
static void stops_while_a_connection_is_half_open(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_HALF_OPEN, 2);
    struct mw_simulator *simulator = faulty_start("binance", 0, &sabotage);
    struct raw_ws *ws = simulated_join(simulator, "/ws");
    simulated_send(ws, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_1m\"],\"id\":1}");
    for (int i = 0; i < 3; i++)
        simulated_read(ws);
    expect_silence(ws, 50);
    int64_t from_ms = mw_clock_monotonic_ms();
    mw_simulator_stop(simulator);
    assert_true(mw_clock_monotonic_ms() - from_ms < 400);
    raw_ws_close(ws);
}

static void answers_a_handshake_late(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_SLOW_HANDSHAKE, 1);
    sabotage.duration_ms = 200;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *first = faulty_join(simulator);
    int64_t from_ms = mw_clock_monotonic_ms();
    struct raw_ws *second = faulty_join(simulator);
    assert_true(mw_clock_monotonic_ms() - from_ms >= 200);
    assert_int_equal(faulty_count(simulator, MW_SABOTAGE_SLOW_HANDSHAKE), 1);
    raw_ws_close(second);
    raw_ws_close(first);
    mw_simulator_stop(simulator);

    sabotage.after = 0; /* one that is stopped before it is answered, and one that goes before */
    sabotage.times = 2;
    sabotage.duration_ms = 60000;
    simulator = faulty_start("wealthdata", 0, &sabotage);
    first = raw_ws_connect(mw_simulator_port(simulator), NULL);
    second = raw_ws_connect(mw_simulator_port(simulator), NULL);
    assert_true(first != NULL && second != NULL);
    raw_ws_close(first);
    while (faulty_count(simulator, MW_SABOTAGE_SLOW_HANDSHAKE) < 2)
        raw_ws_close(faulty_join(simulator));
    mw_simulator_stop(simulator);
    assert_int_equal(raw_ws_read(second).opcode, -1);
    raw_ws_close(second);
}

/* Tries to connect until it can or cannot, one at a time: clients that nobody waits for would fill
 * the queue of those to accept, and the next would not get through for a second. */
static void wait_until_connects(uint16_t port, bool can)
{
    int64_t until_ms = mw_clock_monotonic_ms() + DEADLINE_MS;
    bool could = !can;
    while (could != can && mw_clock_monotonic_ms() < until_ms) {
        struct raw_ws *ws = raw_ws_open(port, "/nowhere", NULL);
        could = ws != NULL && raw_ws_status(ws) == 404;
        raw_ws_close(ws);
    }
    assert_int_equal(could, can);
}

/* Waits until a fault was done so often, reading on meanwhile, unless `ws` is NULL. */
static void wait_until_counted(const struct mw_simulator *simulator, mw_sabotage_kind kind,
                               uint64_t times, struct raw_ws *ws)
{
    int64_t until_ms = mw_clock_monotonic_ms() + DEADLINE_MS;
    while (faulty_count(simulator, kind) < times) {
        assert_true(mw_clock_monotonic_ms() < until_ms);
        if (ws != NULL)
            simulated_read(ws);
        else
            sched_yield();
    }
}

static void refuses_to_connect_for_a_while(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_REFUSE_CONNECT, 0);
    sabotage.at_ms = 50;
    sabotage.duration_ms = 500; /* long enough for a machine that is busy */
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    uint16_t port = mw_simulator_port(simulator);
    struct raw_ws *ws = faulty_join(simulator); /* stays connected all the time */
    wait_until_counted(simulator, MW_SABOTAGE_REFUSE_CONNECT, 1, ws);
    wait_until_connects(port, false);
    int64_t from_ms = mw_clock_monotonic_ms();
    simulated_read(ws);
    wait_until_connects(port, true);
    assert_true(mw_clock_monotonic_ms() - from_ms >= 100);
    assert_int_equal(faulty_count(simulator, MW_SABOTAGE_REFUSE_CONNECT), 1);
    raw_ws_close(faulty_join(simulator));
    raw_ws_close(ws);
    mw_simulator_stop(simulator);

    sabotage.at_ms = 0; /* after the end of a session, by chance */
    sabotage.chance = 1;
    sabotage.times = 0;
    simulator = faulty_start("wealthdata", 0, &sabotage);
    port = mw_simulator_port(simulator);
    for (uint64_t i = 1; i <= 2; i++) {
        raw_ws_close(faulty_join(simulator));
        wait_until_counted(simulator, MW_SABOTAGE_REFUSE_CONNECT, i, NULL);
        wait_until_connects(port, false);
        if (i < 2)
            wait_until_connects(port, true);
    }
    mw_simulator_stop(simulator); /* while nobody listens */
}

static void answers_an_upgrade_with_a_status(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_STATUS, 1);
    sabotage.code = 429;
    sabotage.duration_ms = 60000;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    raw_ws_close(simulated_join(simulator, "/market_data"));
    for (int i = 0; i < 3; i++) {
        struct raw_ws *ws = raw_ws_open(mw_simulator_port(simulator), "/market_data", NULL);
        assert_int_equal(raw_ws_status(ws), 429);
        raw_ws_close(ws);
    }
    assert_int_equal(faulty_count(simulator, MW_SABOTAGE_STATUS), 3);
    struct raw_ws *ws = raw_ws_connect(mw_simulator_port(simulator), NULL);
    static const char request[] = "GET /market_data HTTP/1.1\r\nHost: localhost\r\nUpgrade: "
                                  "websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                                  "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_true(raw_ws_write(ws, request, sizeof(request) - 1));
    assert_string_equal(raw_ws_read_all(ws), "HTTP/1.1 429 Too Many Requests\r\nretry-after: 60\r\n"
                                             "content-length: 0\r\nconnection: close\r\n\r\n");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void sends_half_a_frame_and_ends(void **state)
{
    (void)state;
    const struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_TRUNCATED, 3);
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    faulty_expect(ws, (const int[]){0, 1, 2, -1});
    assert_int_equal(raw_ws_read(ws).opcode, -1);
    const char *rest = raw_ws_read_all(ws);
    assert_memory_equal(rest, "\x81\x7e", 2);
    size_t length = (size_t)(unsigned char)rest[2] << 8 | (unsigned char)rest[3];
    assert_int_equal(strlen(rest + 4), length / 2);
    assert_memory_equal(rest + 4, "{\"type\":\"KLINE\"", 15);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

/* A message that is shorter than that has as many as it has bytes. */
static void sends_a_message_in_fragments(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_FRAGMENTED, 0);
    const uint32_t counts[] = {1, 2, 7, MW_SABOTAGE_COUNT_MAX};
    for (size_t i = 0; i < MW_COUNT(counts); i++) {
        sabotage.count = counts[i];
        struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
        struct raw_ws *ws = faulty_join(simulator);
        struct mw_str whole = MW_STR_INIT(1024);
        uint32_t frames = 0;
        struct raw_frame frame = {.fin = false};
        while (!frame.fin) {
            frame = raw_ws_read(ws);
            assert_int_equal(frame.opcode, frames++ == 0 ? RAW_TEXT : 0);
            assert_true(mw_str_add(&whole, frame.data, frame.length));
        }
        assert_int_equal(frames, whole.length < counts[i] ? whole.length : counts[i]);
        faulty_expect(ws, (const int[]){1, 2, -1});
        raw_ws_close(ws);
        ws = faulty_join(simulator); /* the same in one piece */
        simulated_expect(ws, whole.data);
        mw_str_deinit(&whole);
        raw_ws_close(ws);
        mw_simulator_stop(simulator);
    }
}

static void makes_the_same_plan_of_the_same_seed(void **state)
{
    (void)state;
    bool kinds[MW_SABOTAGE_KIND_COUNT] = {false};
    kinds[MW_SABOTAGE_RESET] = kinds[MW_SABOTAGE_REST_WRONG] = true;
    struct mw_fault_plan plan, twin, other;
    mw_fault_plan_random(&plan, 7, 10000, 20, kinds);
    mw_fault_plan_random(&twin, 7, 10000, 20, kinds);
    mw_fault_plan_random(&other, 8, 10000, 20, kinds);
    assert_true(plan.count > 100 && plan.count < 400);
    assert_int_equal(plan.count, twin.count);
    assert_memory_equal(plan.list, twin.list, plan.count * sizeof(*plan.list));
    assert_true(plan.list[0].at_ms != other.list[0].at_ms);
    for (uint32_t i = 0; i < plan.count; i++) {
        assert_true(kinds[plan.list[i].kind]);
        assert_true(plan.list[i].at_ms >= 0 && plan.list[i].at_ms < 10000);
        assert_true(i == 0 || plan.list[i].at_ms >= plan.list[i - 1].at_ms);
    }
    mw_fault_plan_deinit(&other);
    mw_fault_plan_deinit(&twin);
    mw_fault_plan_deinit(&plan);
    mw_fault_plan_random(&plan, 7, 1000000, 1000, NULL);
    assert_int_equal(plan.count, MW_SABOTAGES_MAX);
    struct mw_error err;
    assert_int_equal(mw_fault_plan_add(&plan, &plan.list[0], &err), MW_ELIMIT);
    assert_string_equal(err.message, "more than 1024 faults");
    mw_fault_plan_deinit(&plan);
    mw_fault_plan_random(&plan, 7, 0, 1000, NULL);
    assert_int_equal(plan.count, 0);
    mw_fault_plan_deinit(&plan);
}

/* In the guide, too, in the same words. */
static void names_each_kind(void **state)
{
    (void)state;
    struct mw_str guide = MW_STR_INIT(1 << 20);
    assert_int_equal(mw_str_read_file(&guide, MW_GUIDE, NULL), MW_OK);
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++) {
        assert_int_equal(mw_sabotage_find(mw_sabotage_text((mw_sabotage_kind)i)), i);
        char row[256];
        snprintf(row, sizeof(row), "\n| `%s` | %s | ", mw_sabotage_text((mw_sabotage_kind)i),
                 mw_sabotage_describe((mw_sabotage_kind)i));
        if (strstr(guide.data, row) == NULL)
            fail_msg("docs/guide.md has no '%s'", row + 1);
        assert_true(mw_sabotage_occasion((mw_sabotage_kind)i) < MW_OCCASION_COUNT);
    }
    assert_int_equal(mw_sabotage_find("earthquake"), -1);
    mw_str_deinit(&guide);
}

struct told {
    uint32_t count;
    struct mw_fault_event last;
    char symbol[16], timeframe[16];
};

static void remember(void *user, const struct mw_fault_event *event)
{
    struct told *told = user;
    told->count++;
    told->last = *event;
    snprintf(told->symbol, sizeof(told->symbol), "%s", event->symbol);
    snprintf(told->timeframe, sizeof(told->timeframe), "%s", event->timeframe);
}

static void tells_what_it_does_to_which_series(void **state)
{
    (void)state;
    struct mw_fault_plan plan = MW_FAULT_PLAN_INIT;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_DUPLICATE, 2);
    snprintf(sabotage.symbol, sizeof(sabotage.symbol), "ETHUSDT");
    sabotage.at_ms = 50;
    assert_int_equal(mw_fault_plan_add(&plan, &sabotage, NULL), MW_OK);
    struct told told = {.count = 0};
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.speed = 600;
    options.faults = &plan;
    options.on_fault = remember;
    options.user = &told;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, "{\"type\":\"CONNECT\",\"symbols\":[\"BTCUSDT\",\"ETHUSDT\"],"
                       "\"resolutions\":[\"5m\"]}");
    char last[1024] = "";
    const char *text = "-";
    while (strcmp(text, last) != 0) {
        snprintf(last, sizeof(last), "%s", text);
        text = simulated_read(ws);
    }
    assert_non_null(strstr(last, "\"ETHUSDT\""));
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
    mw_fault_plan_deinit(&plan);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, MW_SABOTAGE_DUPLICATE);
    assert_int_equal(told.last.session, 1);
    assert_true(told.last.at_ms >= 50);
    assert_string_equal(told.symbol, "ETHUSDT");
    assert_string_equal(told.timeframe, "5m");
}

/* The share that chance has is that of coins, and a rate that of a clock. */
static void strikes_by_chance_and_at_a_rate(void **state)
{
    (void)state;
    struct mw_sabotage sabotage = faulty_fault(MW_SABOTAGE_DUPLICATE, 0);
    sabotage.chance = 0.25;
    sabotage.times = 0;
    struct mw_simulator *simulator = faulty_start("wealthdata", 0, &sabotage);
    struct raw_ws *ws = faulty_join(simulator);
    char last[1024] = "";
    int twice = 0;
    for (int i = 0; i < 4000; i++) {
        const char *text = simulated_read(ws);
        twice += strcmp(text, last) == 0;
        snprintf(last, sizeof(last), "%s", text);
    }
    assert_in_range(twice, 600, 1000); /* 800, and ten standard deviations */
    raw_ws_close(ws);
    mw_simulator_stop(simulator);

    struct mw_fault_plan plan = {.seed = 1, .rate = 200};
    plan.at_random[MW_SABOTAGE_DUPLICATE] = plan.at_random[MW_SABOTAGE_GARBAGE] = true;
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.speed = 6000;
    options.faults = &plan;
    simulator = simulated_start(&options);
    ws = faulty_join(simulator);
    wait_until_counted(simulator, MW_SABOTAGE_DUPLICATE, 3, ws);
    wait_until_counted(simulator, MW_SABOTAGE_GARBAGE, 3, ws);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_with_a_reset),
        cmocka_unit_test(cuts_with_a_reset_under_tls),
        cmocka_unit_test(ends_without_a_close_frame),
        cmocka_unit_test(closes_with_a_code),
        cmocka_unit_test(stalls_candles_but_answers_pings_and_requests),
        cmocka_unit_test(stays_half_open),
        cmocka_unit_test(stops_while_a_connection_is_half_open),
        cmocka_unit_test(answers_a_handshake_late),
        cmocka_unit_test(refuses_to_connect_for_a_while),
        cmocka_unit_test(answers_an_upgrade_with_a_status),
        cmocka_unit_test(sends_half_a_frame_and_ends),
        cmocka_unit_test(sends_a_message_in_fragments),
        cmocka_unit_test(makes_the_same_plan_of_the_same_seed),
        cmocka_unit_test(names_each_kind),
        cmocka_unit_test(tells_what_it_does_to_which_series),
        cmocka_unit_test(strikes_by_chance_and_at_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
