/* simulator_history_test.c - the simulator's REST: the past as it was pushed, queries refused. */
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
#include "server/history.h"
#include "server/price.h"
#include "simulated.h"

#define HISTORY_BTC "/history?symbol=BTCUSDT&resolution=1m"
#define KLINES_BTC  "/api/v3/klines?symbol=BTCUSDT&interval=1m"

/* What follows `key`, which must be there. */
static const char *after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return at + strlen(key);
}

/* Asks and compares the status. Returns the body, owned. */
static char *ask(const struct mw_simulator *simulator, int status, const char *target)
{
    struct raw_ws *http =
        raw_ws_connect(mw_simulator_port(simulator), mw_simulator_certificate(simulator));
    assert_non_null(http);
    struct mw_str request = MW_STR_INIT(16384);
    mw_str_addf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    assert_true(raw_ws_write(http, request.data, request.length));
    const char *answer = raw_ws_read_all(http);
    char first[32];
    snprintf(first, sizeof(first), "HTTP/1.1 %d ", status);
    if (strncmp(answer, first, strlen(first)) != 0)
        fail_msg("%s: got '%.100s', want %s", target, answer, first);
    char *body = mw_strdup(after(answer, "\r\n\r\n"));
    assert_int_equal(strtoul(after(answer, "content-length: "), NULL, 10), strlen(body));
    mw_str_deinit(&request);
    raw_ws_close(http);
    return body;
}

static void expect(const struct mw_simulator *simulator, int status, const char *target,
                   const char *wanted)
{
    char *body = ask(simulator, status, target);
    assert_string_equal(body, wanted);
    mw_free(body);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static int64_t integer_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtoll(at + strlen(key), NULL, 10);
}

/* Makes of a pushed bar the row that history has for it. */
static void row_of(const char *pushed, struct mw_str *row)
{
    const char *open = strstr(pushed, ",\"open\":"), *closed = strstr(pushed, ",\"closed\":");
    assert_true(open != NULL && closed != NULL);
    mw_str_clear(row);
    mw_str_addf(row, "{\"open_time\":%lld%.*s}", (long long)integer_after(pushed, "\"open_time\":"),
                (int)(closed - open), open);
}

static void has_the_bars_that_were_pushed_digit_by_digit(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    enum { BARS = 200 };
    char *rows[BARS];
    struct mw_str row = MW_STR_INIT(1024);
    for (size_t i = 0; i < BARS;) {
        const char *text = simulated_read(ws);
        if (strstr(text, "\"BAR\"") == NULL)
            continue;
        row_of(text, &row);
        rows[i++] = mw_strdup(row.data);
    }
    char target[160];
    snprintf(target, sizeof(target), HISTORY_BTC "&from=%lld&to=%lld",
             (long long)simulated_start_ms,
             (long long)simulated_start_ms + (BARS - 1LL) * MW_MS_PER_MINUTE);
    char *body = ask(simulator, 200, target);
    static const char head[] =
        "{\"type\":\"HISTORY\",\"symbol\":\"BTCUSDT\",\"resolution\":\"1m\",\"bars\":[";
    assert_memory_equal(body, head, sizeof(head) - 1);
    const char *at = body + sizeof(head) - 1;
    for (size_t i = 0; i < BARS; i++) {
        assert_memory_equal(at, rows[i], strlen(rows[i]));
        at += strlen(rows[i]);
        assert_int_equal(*at, i + 1 < BARS ? ',' : ']');
        at++;
        mw_free(rows[i]);
    }
    assert_string_equal(at, "}");
    mw_free(body);
    mw_str_deinit(&row);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

/* Without a clock the past reaches as far as the session that is furthest. */
static void ends_where_the_furthest_client_is(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    expect(simulator, 200, "/history?symbol=BTCUSDT&resolution=1m&from=1784073660000",
           "{\"type\":\"HISTORY\",\"symbol\":\"BTCUSDT\",\"resolution\":\"1m\",\"bars\":[]}");
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    int64_t open_ms = 0;
    for (int i = 0; i < 1000; i++) {
        const char *text = simulated_read(ws);
        open_ms = strstr(text, "open_time") != NULL ? integer_after(text, "\"open_time\":") : 0;
    }
    char *body = ask(simulator, 200, HISTORY_BTC "&limit=1");
    assert_true(integer_after(body, "\"open_time\":") >= open_ms);
    assert_int_equal(count_of(body, "open_time"), 1);
    mw_free(body);
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void has_klines_as_binance_has_them(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("binance");
    options.tls = true;
    struct mw_simulator *simulator = simulated_start(&options);
    struct mw_price_model model;
    struct mw_candle candle;
    mw_price_model_init(&model, SIMULATED_SEED, "BTCUSDT");
    int64_t open_ms = simulated_start_ms - MW_MS_PER_MINUTE;
    mw_price_candle(&model, simulated_timeframes[0], open_ms, &candle);
    char target[160], wanted[512];
    snprintf(target, sizeof(target), KLINES_BTC "&startTime=%lld&endTime=%lld", (long long)open_ms,
             (long long)open_ms + 59999);
    snprintf(wanted, sizeof(wanted),
             "[[%lld,\"%.8f\",\"%.8f\",\"%.8f\",\"%.8f\",\"%.8f\",%lld,\"%.8f\",%u,\"%.8f\","
             "\"%.8f\",\"0\"]]",
             (long long)open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume,
             (long long)open_ms + 59999, candle.turnover, candle.trades, candle.volume / 2,
             candle.turnover / 2);
    expect(simulator, 200, target, wanted);
    char *body = ask(simulator, 200, KLINES_BTC);
    assert_int_equal(count_of(body, ",\"0\"]"), 500);
    mw_free(body);
    mw_simulator_stop(simulator);
}

static void includes_both_ends_of_a_range_and_keeps_to_the_limit(void **state)
{
    (void)state;
    const struct {
        const char *query;
        int64_t first, last; /* minutes before the start; the bar of the start forms */
    } cases[] = {
        {"&limit=1", 0, 0},
        {"&limit=3", 2, 0},
        {"", 999, 0},
        {"&to=1784073480000&limit=2", 3, 2}, /* 2 minutes before */
        {"&to=1784073479999&limit=2", 4, 3},
        {"&from=1784073480000", 2, 0},
        {"&from=1784073480001", 1, 0},
        {"&from=1784073300000&limit=2", 5, 4},
        {"&from=1784073300000&to=1784073420000", 5, 3},
        {"&from=1784073300000&to=1784073300000", 5, 5},
        {"&from=0&limit=1", 29734560, 29734560}, /* 1970 */
    };
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char target[160];
        snprintf(target, sizeof(target), HISTORY_BTC "%s", cases[i].query);
        char *body = ask(simulator, 200, target);
        int64_t first_ms = simulated_start_ms - cases[i].first * MW_MS_PER_MINUTE;
        assert_int_equal(integer_after(body, "\"open_time\":"), first_ms);
        assert_int_equal(count_of(body, "open_time"), cases[i].first - cases[i].last + 1);
        const char *at = body;
        for (int64_t ms = first_ms; ms <= simulated_start_ms - cases[i].last * MW_MS_PER_MINUTE;
             ms += MW_MS_PER_MINUTE) {
            assert_int_equal(integer_after(at, "\"open_time\":"), ms);
            at = strstr(at, "open_time") + 1;
        }
        mw_free(body);
    }
    mw_simulator_stop(simulator);
}

static void refuses_queries_in_the_words_of_wealthdata(void **state)
{
    (void)state;
    static const struct {
        const char *target, *message;
    } cases[] = {
        {"/history", "want symbol and resolution"},
        {"/history?symbol=BTCUSDT", "want symbol and resolution"},
        {"/history?symbol=XRP&resolution=1m", "unknown symbol 'XRP'"},
        {"/history?symbol=&resolution=1m", "unknown symbol ''"},
        {"/history?symbol=BTCUSDT&resolution=7m", "unknown resolution '7m'"},
        {HISTORY_BTC "&form=1", "parameter unknown or given twice: 'form'"},
        {HISTORY_BTC "&from=1&from=2", "parameter unknown or given twice: 'from'"},
        {HISTORY_BTC "&from=-1", "from and to: want milliseconds since 1970"},
        {HISTORY_BTC "&to=1.5", "from and to: want milliseconds since 1970"},
        {HISTORY_BTC "&to=221845392000001", "from and to: want milliseconds since 1970"},
        {HISTORY_BTC "&to=99999999999999999999", "from and to: want milliseconds since 1970"},
        {HISTORY_BTC "&from=2&to=1", "from is after to"},
        {HISTORY_BTC "&limit=0", "limit: want 1 to 1000"},
        {HISTORY_BTC "&limit=1001", "limit: want 1 to 1000"},
        {HISTORY_BTC "&a=1&b=2&c=3&d=4&e=5&f=6", "parameter unknown or given twice: 'a'"},
        {HISTORY_BTC "&a=1&b=2&c=3&d=4&e=5&f=6&g=7", "want symbol and resolution"},
        {HISTORY_BTC "&nameofsixteenbyt=", "parameter unknown or given twice: 'nameofsixteenbyt'"},
        {HISTORY_BTC "&nameofseventeenby=", "want symbol and resolution"},
        {"/history?symbol=4444444444444444444444444444444444444444444444444444444444444444"
         "&resolution=1m",
         "unknown symbol '4444444444444444444444444444444444444444444444444444444444444444'"},
        {"/history?symbol=54444444444444444444444444444444444444444444444444444444444444444"
         "&resolution=1m",
         "want symbol and resolution"},
        {"/history?symbol=%22%5C%3Cb%3E&resolution=1m", "unknown symbol '\\\"\\\\<b>'"},
    };
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char wanted[256];
        snprintf(wanted, sizeof(wanted), "{\"type\":\"ERROR\",\"message\":\"%s\"}",
                 cases[i].message);
        expect(simulator, 400, cases[i].target, wanted);
    }
    mw_free(ask(simulator, 200, "/history?symbol=%42TC%55SDT&resolution=1%6D&limit=1"));
    mw_free(ask(simulator, 200, HISTORY_BTC "&to=221845392000000&limit=1000"));
    mw_free(ask(simulator, 404, "/historian"));
    mw_free(ask(simulator, 426, "/market_data"));
    mw_simulator_stop(simulator);
}

static void refuses_queries_in_the_words_of_binance(void **state)
{
    (void)state;
    static const struct {
        const char *target, *body;
    } cases[] = {
        {"/api/v3/klines?interval=1m",
         "{\"code\":-1102,\"msg\":\"Mandatory parameter was not sent: symbol\"}"},
        {"/api/v3/klines?symbol=BTCUSDT",
         "{\"code\":-1102,\"msg\":\"Mandatory parameter was not sent: interval\"}"},
        {"/api/v3/klines?symbol=XRP&interval=1m", "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"},
        {"/api/v3/klines?symbol=BTCUSDT&interval=7m",
         "{\"code\":-1120,\"msg\":\"Invalid interval.\"}"},
        {KLINES_BTC "&startTime=x",
         "{\"code\":-1130,\"msg\":\"Data sent for parameter is not valid: startTime\"}"},
        {KLINES_BTC "&endTime=",
         "{\"code\":-1130,\"msg\":\"Data sent for parameter is not valid: endTime\"}"},
        {KLINES_BTC "&limit=1001",
         "{\"code\":-1130,\"msg\":\"Data sent for parameter is not valid: limit\"}"},
        {KLINES_BTC "&from=1",
         "{\"code\":-1104,\"msg\":\"Not all sent parameters were read; not from\"}"},
    };
    struct mw_simulator_options options = simulated_options("binance");
    struct mw_simulator *simulator = simulated_start(&options);
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        expect(simulator, 400, cases[i].target, cases[i].body);
    mw_simulator_stop(simulator);
}

static char replay_path[64];

static int remove_replay(void **state)
{
    (void)state;
    return unlink(replay_path);
}

static int make_replay(void **state)
{
    (void)state;
    snprintf(replay_path, sizeof(replay_path), "simulator_history_test_XXXXXX");
    int fd = mkstemp(replay_path);
    if (fd < 0)
        return -1;
    dprintf(fd, "open_time,open,high,low,close,volume\n"
                "0,10,12,9,11,1\n60000,11,11,11,11,0\n240000,20,24,18,22,2\n"
                "300000,30,36,27,33,3\n420000,40,48,36,44,4\n");
    return close(fd);
}

#define HEAD "{\"type\":\"HISTORY\",\"symbol\":\"BTCUSDT\",\"resolution\":\"1m\",\"bars\":["
#define ROW(t, o, h, l, c, v)                                                                      \
    "{\"open_time\":" #t ",\"open\":\"" #o "\",\"high\":\"" #h "\",\"low\":\"" #l                  \
    "\",\"close\":\"" #c "\",\"volume\":\"" #v "\"}"
#define FIRST   ROW(0, 10, 12, 9, 11, 1)
#define SECOND  ROW(60000, 11, 11, 11, 11, 0)
#define THIRD   ROW(240000, 20, 24, 18, 22, 2)
#define FORMING ROW(300000, 30, 30, 30, 30, 0)

/* Rows 2, 3 and 6 are not there: nothing was traded, or nobody knows. */
static void leaves_absent_rows_of_a_replay_absent(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.replay_file = replay_path;
    options.start_ms = 300000;
    options.speed = 1e-6;
    struct mw_simulator *simulator = simulated_start(&options);
    expect(simulator, 200, HISTORY_BTC, HEAD FIRST "," SECOND "," THIRD "," FORMING "]}");
    expect(simulator, 200, HISTORY_BTC "&from=1", HEAD SECOND "," THIRD "," FORMING "]}");
    expect(simulator, 200, HISTORY_BTC "&from=0&to=239999", HEAD FIRST "," SECOND "]}");
    expect(simulator, 200, HISTORY_BTC "&from=120000&to=180000", HEAD "]}");
    expect(simulator, 200, HISTORY_BTC "&to=240000&limit=2", HEAD SECOND "," THIRD "]}");
    expect(simulator, 200, HISTORY_BTC "&from=300001", HEAD "]}");
    mw_simulator_stop(simulator);
}

static void reads_requests_in_pieces_and_answers_large_ones(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *http = raw_ws_connect(mw_simulator_port(simulator), NULL);
    static const char request[] = "GET " HISTORY_BTC " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        assert_true(raw_ws_write(http, request + i, 1));
    assert_int_equal(count_of(raw_ws_read_all(http), "open_time"), MW_SERVED_ROWS_MAX);
    raw_ws_close(http);
    /* A request that does not end is ended. */
    http = raw_ws_connect(mw_simulator_port(simulator), NULL);
    char *endless = mw_alloc(64 << 10);
    memset(endless, 'x', 64 << 10);
    assert_true(raw_ws_write(http, "GET /history?symbol=", 20));
    raw_ws_write(http, endless, 64 << 10);
    assert_null(strstr(raw_ws_read_all(http), "200 OK"));
    raw_ws_close(http);
    mw_free(endless);
    mw_free(ask(simulator, 200, HISTORY_BTC));
    mw_simulator_stop(simulator);
}

static void bounds_the_work_of_one_answer(void **state)
{
    (void)state;
    static const struct mw_timeframe timeframes[] = {{1, 'h'}, {1, 'd'}, {1, 'M'}, {10, 'M'}};
    static const uint32_t wanted[] = {1000, 578, 19, 1};
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.timeframes = timeframes;
    options.timeframe_count = MW_COUNT(timeframes);
    struct mw_stage stage;
    assert_int_equal(mw_stage_init(&stage, &options, NULL), MW_OK);
    for (uint32_t i = 0; i < MW_COUNT(timeframes); i++) {
        struct mw_history history;
        mw_history_init(
            &history, &stage,
            &(struct mw_history_range){.timeframe = i, .to_ms = INT64_MAX, .limit = 1000},
            simulated_start_ms);
        assert_int_equal(history.left, wanted[i]);
    }
    mw_stage_deinit(&stage);
}

static void answers_pings_and_takes_pongs(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, "{\"type\":\"PONG\",\"time\":1}");
    simulated_send(ws, "{\"type\":\"PING\",\"time\":1784073600123}");
    simulated_expect(ws, "{\"type\":\"PONG\",\"time\":1784073600123}");
    simulated_send(ws, "{\"type\":\"PING\"}");
    simulated_expect(ws, "{\"type\":\"PONG\"}");
    simulated_send(ws, "{\"type\":\"PING\",\"time\":\"now\"}");
    simulated_expect(
        ws, "{\"type\":\"ERROR\",\"request_id\":null,\"message\":\"time: want an integer\"}");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_bars_that_were_pushed_digit_by_digit),
        cmocka_unit_test(ends_where_the_furthest_client_is),
        cmocka_unit_test(has_klines_as_binance_has_them),
        cmocka_unit_test(includes_both_ends_of_a_range_and_keeps_to_the_limit),
        cmocka_unit_test(refuses_queries_in_the_words_of_wealthdata),
        cmocka_unit_test(refuses_queries_in_the_words_of_binance),
        cmocka_unit_test_setup_teardown(leaves_absent_rows_of_a_replay_absent, make_replay,
                                        remove_replay),
        cmocka_unit_test(reads_requests_in_pieces_and_answers_large_ones),
        cmocka_unit_test(bounds_the_work_of_one_answer),
        cmocka_unit_test(answers_pings_and_takes_pongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
