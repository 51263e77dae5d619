/* simulator_options_test.c - options that make no sense, and replays of files. */
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
#include "simulated.h"

static void refuses_options_that_make_no_sense(void **state)
{
    (void)state;
    struct mw_simulator_options options = simulated_options("kraken");
    simulated_refuses(&options, MW_EINVAL, "protocol 'kraken': want wealthdata or binance");
    options = simulated_options("binance");
    options.symbol_count = 0;
    simulated_refuses(&options, MW_EINVAL, "symbols: want at least one");
    options.symbol_count = MW_FEED_SYMBOLS_MAX + 1;
    simulated_refuses(&options, MW_ELIMIT, "symbols: 4097, at most 4096");
    options = simulated_options("binance");
    options.timeframe_count = 0;
    simulated_refuses(&options, MW_EINVAL, "timeframes: want at least one");
    options.timeframe_count = MW_FEED_TIMEFRAMES_MAX + 1;
    simulated_refuses(&options, MW_ELIMIT, "timeframes: 33, at most 32");
    options = simulated_options("binance");
    options.speed = -1;
    simulated_refuses(&options, MW_EINVAL, "speed: -1");
    options = simulated_options("binance");
    options.start_ms = mw_clock_wall_ms() + MW_MS_PER_HOUR;
    simulated_refuses(&options, MW_EINVAL, "is not between 1970 and now");
    static const char *const twice[] = {"BTC", "btc"}, *const quoted[] = {"B\"C"},
                             *const none[] = {""};
    options = simulated_options("binance");
    options.symbols = twice;
    simulated_refuses(&options, MW_EINVAL, "symbol 'btc' is named twice");
    options.symbols = quoted;
    options.symbol_count = 1;
    simulated_refuses(&options, MW_EINVAL, "want visible ASCII");
    options.symbols = none;
    simulated_refuses(&options, MW_EINVAL, "want a name");
    char longest[MW_SYMBOL_BYTES_MAX + 2];
    memset(longest, 'X', sizeof(longest));
    longest[MW_SYMBOL_BYTES_MAX + 1] = '\0';
    const char *const one_past[] = {longest}, *const at_bound[] = {longest + 1};
    options.symbols = one_past;
    simulated_refuses(&options, MW_ELIMIT, "65 bytes, at most 64");
    options.symbols = at_bound;
    mw_simulator_stop(simulated_start(&options));
    options = simulated_options("binance");
    options.certificate_file = "a.pem";
    simulated_refuses(&options, MW_EINVAL, "want both or neither");
    options.key_file = "b.pem";
    simulated_refuses(&options, MW_EINVAL, "of no use without TLS");
    options.tls = true;
    simulated_refuses(&options, MW_ETLS, "a.pem: ");
    options = simulated_options("binance");
    options.replay_file = "no/such.csv";
    simulated_refuses(&options, MW_EIO, "no/such.csv: ");
    mw_simulator_stop(NULL);
}

static char replay_path[64];

static int make_replay(void **state)
{
    (void)state;
    snprintf(replay_path, sizeof(replay_path), "simulator_test_XXXXXX");
    int fd = mkstemp(replay_path);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_replay(void **state)
{
    (void)state;
    return unlink(replay_path);
}

static void write_replay(const char *rows)
{
    FILE *file = fopen(replay_path, "wb");
    assert_non_null(file);
    fprintf(file, "open_time,open,high,low,close,volume\n%s", rows);
    assert_int_equal(fclose(file), 0);
}

/* The number after `key` in a message. */
static double number_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void expect_replayed_bar(struct raw_ws *ws, const struct mw_candle *row,
                                struct mw_str *wanted)
{
    double high = 0, low = 1e9, volume = 0;
    for (int i = 0; i < 4; i++) {
        const char *text = simulated_read(ws);
        double now_high = number_of(text, "\"high\":\""), now_low = number_of(text, "\"low\":\"");
        double now_volume = number_of(text, "\"volume\":\"");
        assert_memory_equal(text, "{\"type\":\"KLINE\",", 16);
        assert_true(number_of(text, "\"open\":\"") == row->open);
        if (i == 0)
            assert_true(now_high == row->open && now_low == row->open && now_volume == 0 &&
                        number_of(text, "\"close\":\"") == row->open);
        assert_true(now_high >= high && now_high <= row->high);
        assert_true(now_low <= low && now_low >= row->low);
        assert_true(now_volume >= volume && now_volume <= row->volume);
        high = now_high;
        low = now_low;
        volume = now_volume;
    }
    simulated_format(row, "BTCUSDT", "1m", row->open_ms + MW_MS_PER_MINUTE, wanted);
    simulated_expect(ws, wanted->data);
}

static void replays_a_file_to_its_last_digit_and_falls_silent(void **state)
{
    (void)state;
    write_replay("1522800000000,7424.91,7424.91,7422,7422,7.14319709\n"
                 "1522800060000,7420,7422,7405,7405,13.35069752\n"
                 "1522800240000,7405.01,7411.123456789012,7405,7411,0.1\n");
    static const struct mw_candle rows[] = {
        {1522800000000, 7424.91, 7424.91, 7422, 7422, 7.14319709, 0, 0, MW_CANDLE_CLOSED, 0, 0, 0},
        {1522800060000, 7420, 7422, 7405, 7405, 13.35069752, 0, 0, MW_CANDLE_CLOSED, 0, 0, 0},
        {1522800240000, 7405.01, 7411.123456789012, 7405, 7411, 0.1, 0, 0, MW_CANDLE_CLOSED, 0, 0,
         0},
    };
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.replay_file = replay_path;
    options.start_ms = 0;
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    struct mw_str wanted = MW_STR_INIT(1024);
    for (size_t i = 0; i < MW_COUNT(rows); i++)
        expect_replayed_bar(ws, &rows[i], &wanted);
    mw_str_deinit(&wanted);
    /* Nothing comes after the end but answers. */
    simulated_send(ws, "{\"type\":\"CONNECT\",\"symbols\":[\"BTCUSDT\"],\"resolutions\":[\"5m\"]}");
    simulated_expect(ws, "{\"type\":\"ERROR\",\"request_id\":null,\"message\":\"unknown resolution "
                         "'5m'\"}");
    simulated_send(ws, "{\"type\":\"CONNECT\",\"symbols\":[\"ETHUSDT\"],\"resolutions\":[\"1m\"]}");
    simulated_expect(ws, "{\"type\":\"ERROR\",\"request_id\":null,\"message\":\"unknown symbol "
                         "'ETHUSDT'\"}");
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void replays_from_a_start_at_a_speed(void **state)
{
    (void)state;
    write_replay("0,1,1,1,1,1\n60000,2,2,2,2,1\n120000,3,3,3,3,1\n");
    struct mw_simulator_options options = simulated_options("binance");
    options.replay_file = replay_path;
    options.start_ms = 1;
    options.timeframe_count = 0;
    options.speed = 6000; /* a minute in 10 ms */
    struct mw_simulator *simulator = simulated_start(&options);
    struct raw_ws *ws = simulated_join(simulator, "/ws");
    simulated_send(ws, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_1m\"],\"id\":1}");
    simulated_expect(ws, "{\"result\":null,\"id\":1}");
    assert_non_null(strstr(simulated_read(ws), "\"t\":60000,"));
    const char *text;
    do
        text = simulated_read(ws);
    while (strstr(text, "\"x\":true") == NULL || strstr(text, "\"t\":120000,") == NULL);
    assert_non_null(strstr(text, "\"f\":-1,\"L\":-1,\"o\":\"3.00000000\""));
    assert_non_null(strstr(text, "\"q\":\"3.00000000\""));
    raw_ws_close(ws);
    mw_simulator_stop(simulator);
}

static void refuses_replays_that_are_none(void **state)
{
    (void)state;
    static const struct mw_timeframe hour[] = {{1, 'h'}};
    struct mw_simulator_options options = simulated_options("wealthdata");
    options.replay_file = replay_path;
    write_replay("");
    simulated_refuses(&options, MW_EHISTORY, "no rows to replay");
    write_replay("0,1,1,1,1,1\n");
    simulated_refuses(&options, MW_EHISTORY, "one row does not tell its timeframe");
    write_replay("0,1,1,1,1,1\n60000,1,1,x,1,1\n");
    simulated_refuses(&options, MW_EHISTORY, ":3: column low: 'x'");
    write_replay("0,1,1,1,1,1\n1500,1,1,1,1,1\n");
    simulated_refuses(&options, MW_EHISTORY, "rows are 1500 ms apart");
    write_replay("0,1,1,1,1,1\n60000,1,1,1,1,1\n150000,1,1,1,1,1\n");
    simulated_refuses(&options, MW_EHISTORY, ":4: 150000 is not the start of a bar of 1m");
    write_replay("0,1,1,1,1,1\n60000,1,1,1,1,1\n");
    simulated_refuses(&options, MW_EINVAL, "ends before it");
    options.start_ms = 0;
    options.timeframes = hour;
    options.timeframe_count = 1;
    simulated_refuses(&options, MW_EINVAL, "has bars of 1m, which is not among them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_options_that_make_no_sense),
        cmocka_unit_test(replays_a_file_to_its_last_digit_and_falls_silent),
        cmocka_unit_test(replays_from_a_start_at_a_speed),
        cmocka_unit_test(refuses_replays_that_are_none),
    };
    return cmocka_run_group_tests(tests, make_replay, remove_replay);
}
