/* simulated.h - what tests of the simulator share: starting one, talking to it, what it should say.
 *
 * Every function fails the cmocka test that runs when things are not as they should be.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_SIMULATED_H
#define MW_SUPPORT_SIMULATED_H

#include <stdint.h>

#include "base/str.h"
#include "market/candle.h"
#include "raw_ws.h"
#include "server/simulator.h"

enum { SIMULATED_SEED = 7 };

/* What simulated_options names. */
extern const char *const simulated_symbols[2];            /* BTCUSDT, ETHUSDT */
extern const struct mw_timeframe simulated_timeframes[2]; /* 1m, 5m */
extern const int64_t simulated_start_ms;                  /* 2026-07-15T00:00:00Z */

#define CONNECT_BTC                                                                                \
    "{\"type\":\"CONNECT\",\"request_id\":\"1\",\"symbols\":[\"BTCUSDT\"],\"resolutions\":["       \
    "\"1m\"]}"

/* Two symbols in two timeframes, speed "max". */
struct mw_simulator_options simulated_options(const char *protocol);
struct mw_simulator *simulated_start(const struct mw_simulator_options *options);
/* Starting must fail, with this status and a message that has `message` in it. */
void simulated_refuses(const struct mw_simulator_options *options, mw_status status,
                       const char *message);

/* A client that has upgraded. */
struct raw_ws *simulated_join(const struct mw_simulator *simulator, const char *path);
void simulated_send(struct raw_ws *ws, const char *text);
/* The next frame, which is text; borrowed until the next read. */
const char *simulated_read(struct raw_ws *ws);
void simulated_expect(struct raw_ws *ws, const char *text);
/* Reads on until something else than text comes: a close, with this code. */
void simulated_expect_close(struct raw_ws *ws, int code);

/* Writes the message that wealthdata has for a candle. */
void simulated_format(const struct mw_candle *candle, const char *symbol, const char *timeframe,
                      int64_t end_ms, struct mw_str *out);

#endif
