/* simulated.c - the helpers behind tests of the simulator. */
#include "simulated.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/decimal.h"

const char *const simulated_symbols[2] = {"BTCUSDT", "ETHUSDT"};
const struct mw_timeframe simulated_timeframes[2] = {{1, 'm'}, {5, 'm'}};
const int64_t simulated_start_ms = 1784073600000;

struct mw_simulator_options simulated_options(const char *protocol)
{
    return (struct mw_simulator_options){.protocol = protocol,
                                         .symbols = simulated_symbols,
                                         .symbol_count = MW_COUNT(simulated_symbols),
                                         .timeframes = simulated_timeframes,
                                         .timeframe_count = MW_COUNT(simulated_timeframes),
                                         .seed = SIMULATED_SEED,
                                         .start_ms = simulated_start_ms};
}

struct mw_simulator *simulated_start(const struct mw_simulator_options *options)
{
    struct mw_simulator *simulator = NULL;
    struct mw_error err;
    if (mw_simulator_start(options, &simulator, &err) != MW_OK)
        fail_msg("%s", err.message);
    return simulator;
}

struct raw_ws *simulated_join(const struct mw_simulator *simulator, const char *path)
{
    struct raw_ws *ws =
        raw_ws_open(mw_simulator_port(simulator), path, mw_simulator_certificate(simulator));
    assert_non_null(ws);
    assert_int_equal(raw_ws_status(ws), 101);
    return ws;
}

void simulated_send(struct raw_ws *ws, const char *text)
{
    assert_true(raw_ws_send_text(ws, text));
}

const char *simulated_read(struct raw_ws *ws)
{
    struct raw_frame frame = raw_ws_read(ws);
    assert_int_equal(frame.opcode, RAW_TEXT);
    return frame.data;
}

void simulated_expect(struct raw_ws *ws, const char *text)
{
    assert_string_equal(simulated_read(ws), text);
}

void simulated_expect_close(struct raw_ws *ws, int code)
{
    struct raw_frame frame;
    do
        frame = raw_ws_read(ws);
    while (frame.opcode == RAW_TEXT);
    assert_int_equal(frame.opcode, RAW_CLOSE);
    assert_true(frame.length >= 2);
    assert_int_equal((unsigned char)frame.data[0] << 8 | (unsigned char)frame.data[1], code);
}

void simulated_format(const struct mw_candle *candle, const char *symbol, const char *timeframe,
                      int64_t end_ms, struct mw_str *out)
{
    bool closed = candle->state == MW_CANDLE_CLOSED;
    const double values[] = {candle->open, candle->high, candle->low, candle->close,
                             candle->volume};
    char texts[MW_COUNT(values)][MW_DECIMAL_TEXT_BYTES];
    for (size_t i = 0; i < MW_COUNT(values); i++)
        mw_decimal_format(values[i], texts[i]);
    mw_str_clear(out);
    mw_str_addf(
        out,
        "{\"type\":\"%s\",\"symbol\":\"%s\",\"timeframe\":\"%s\",\"open_time\":%lld,"
        "\"close_time\":%lld,\"open\":\"%s\",\"high\":\"%s\",\"low\":\"%s\",\"close\":\"%s\","
        "\"volume\":\"%s\",\"closed\":%s}",
        closed ? "BAR" : "KLINE", symbol, timeframe, (long long)candle->open_ms,
        (long long)end_ms - 1, texts[0], texts[1], texts[2], texts[3], texts[4],
        closed ? "true" : "false");
}

void simulated_refuses(const struct mw_simulator_options *options, mw_status status,
                       const char *message)
{
    struct mw_simulator *simulator = NULL;
    struct mw_error err;
    assert_int_equal(mw_simulator_start(options, &simulator, &err), status);
    assert_null(simulator);
    if (strstr(err.message, message) == NULL)
        fail_msg("got '%s', want '%s'", err.message, message);
}
