/* event_line_test.c - every kind of event as a line, with and without colours. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/event_line.h"

static const int64_t time_ms_shown = 1792692900123; /* 2026-10-22T18:15:00.123Z */

/* The line of `event`, valid until the next call. */
static const char *line_of(const struct mw_event *event, const char *endpoint, bool colours)
{
    static char text[2048];
    struct mw_str line = MW_STR_INIT(MW_EVENT_LINE_BYTES_MAX);
    const struct mw_event_line_options options = {
        .colours = colours, .name_width = 9, .endpoint = endpoint};
    mw_event_line_add(&line, event, &options);
    snprintf(text, sizeof(text), "%s", line.data);
    mw_str_deinit(&line);
    return text;
}

static struct mw_event bar_event(void)
{
    return (struct mw_event){.kind = MW_EVENT_BAR,
                             .time_ms = time_ms_shown,
                             .key = {.feed = "demo", .symbol = "BTCUSDT", .timeframe = {1, 'm'}},
                             .candle = {.open_ms = 1792692840000,
                                        .open = 64117,
                                        .high = 64118.5,
                                        .low = 64116,
                                        .close = 64117.99,
                                        .volume = 0.40567}};
}

static void shows_states_with_their_endpoint_or_reason(void **state)
{
    (void)state;
    struct mw_event event = {.kind = MW_EVENT_STATE,
                             .time_ms = time_ms_shown,
                             .feed = "demo",
                             .state = MW_CONNECTION_CONFIRMED};
    assert_string_equal(line_of(&event, "ws://127.0.0.1:1/x", false),
                        "18:15:00.123 state   demo       confirmed     ws://127.0.0.1:1/x\n");
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 state   demo       confirmed\n");

    event.state = MW_CONNECTION_RECONNECTING;
    event.has_error = true;
    event.error.attempts = 1;
    snprintf(event.error.message, sizeof(event.error.message), "connection refused");
    assert_string_equal(
        line_of(&event, NULL, false),
        "18:15:00.123 state   demo       reconnecting  after 1 attempt: connection refused\n");
    event.error.attempts = 2;
    assert_non_null(strstr(line_of(&event, NULL, false), "after 2 attempts: "));
}

static void shows_bars_in_columns(void **state)
{
    (void)state;
    struct mw_event event = bar_event();
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 bar     demo       BTCUSDT    1m   2026-10-22 18:14  "
                        "o 64117 h 64118.5 l 64116 c 64117.99 v 0.40567\n");
    event.key.timeframe = (struct mw_timeframe){5, 's'};
    event.candle.source = MW_SOURCE_BACKFILL;
    event.candle.flags = MW_CANDLE_REVISED;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 bar     demo       BTCUSDT    5s   2026-10-22 18:14:00  "
                        "o 64117 h 64118.5 l 64116 c 64117.99 v 0.40567  backfill  revised\n");
}

static void shows_what_strategies_say(void **state)
{
    (void)state;
    char text[] = "buy BTCUSDT price=64117.5";
    struct mw_event event = {
        .kind = MW_EVENT_SIGNAL, .time_ms = 5, .strategy = "sma_cross", .text = text};
    assert_string_equal(line_of(&event, NULL, false),
                        "00:00:00.005 signal  sma_cross  buy BTCUSDT price=64117.5\n");
    event = (struct mw_event){.kind = MW_EVENT_ERROR, .strategy = "bad", .has_error = true};
    snprintf(event.error.message, sizeof(event.error.message),
             "x.lua:1: boom\nstack traceback:\n\tin ?\n");
    assert_string_equal(line_of(&event, NULL, false),
                        "00:00:00.000 error   bad        x.lua:1: boom\n"
                        "             stack traceback:\n"
                        "             \tin ?\n");
}

static void shows_lag_of_strategies_and_of_the_reader(void **state)
{
    (void)state;
    struct mw_event event = bar_event();
    event.kind = MW_EVENT_LAGGED;
    event.count = 1;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 lagged  demo       BTCUSDT    1m   1 bar lost\n");
    snprintf(event.strategy, sizeof(event.strategy), "slow");
    event.count = 20;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 lagged  slow       BTCUSDT    1m   20 bars lost\n");
}

static void shows_gaps_and_what_became_of_them(void **state)
{
    (void)state;
    struct mw_event event = bar_event();
    event.kind = MW_EVENT_GAP;
    event.from_ms = event.candle.open_ms;
    event.to_ms = event.from_ms + (int64_t)2 * 60000;
    event.count = 3;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 gap     demo       BTCUSDT    1m   2026-10-22 18:14 to "
                        "2026-10-22 18:16  3 bars missing or in doubt\n");
    event.to_ms = event.from_ms;
    event.count = 1;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 gap     demo       BTCUSDT    1m   2026-10-22 18:14  "
                        "1 bar missing or in doubt\n");
    event.kind = MW_EVENT_BACKFILLED;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 backfilled demo       BTCUSDT    1m   2026-10-22 18:14  "
                        "1 bar there now\n");
    event.count = 0;
    assert_non_null(strstr(line_of(&event, NULL, false), "  nothing was traded\n"));
    event.kind = MW_EVENT_REVISED;
    event.candle.flags = MW_CANDLE_REVISED | MW_CANDLE_UNPROVEN;
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 revised demo       BTCUSDT    1m   2026-10-22 18:14  o 64117 "
                        "h 64118.5 l 64116 c 64117.99 v 0.40567  revised  unproven\n");
}

static void shows_what_becomes_of_the_store(void **state)
{
    (void)state;
    struct mw_event event = {.kind = MW_EVENT_STORE, .has_error = true};
    snprintf(event.error.message, sizeof(event.error.message), "a.db: disk full");
    assert_string_equal(line_of(&event, NULL, false),
                        "00:00:00.000 store              a.db: disk full\n");
    event.has_error = false;
    assert_string_equal(line_of(&event, NULL, false),
                        "00:00:00.000 store              works again\n");
}

static void masks_controls_from_outside(void **state)
{
    (void)state;
    struct mw_event event = {.kind = MW_EVENT_REFUSED, .feed = "demo", .has_error = true};
    snprintf(event.error.message, sizeof(event.error.message), "no \033[2J\a\r such \x7f");
    assert_string_equal(line_of(&event, NULL, false),
                        "00:00:00.000 refused demo       no ?[2J?? such ?\n");
}

static void colours_by_urgency(void **state)
{
    (void)state;
    struct mw_event event = {.kind = MW_EVENT_STATE, .feed = "demo", .state = MW_CONNECTION_FAILED};
    assert_string_equal(line_of(&event, NULL, true), "\033[2m00:00:00.000\033[0m \033[31mstate   "
                                                     "demo       failed\033[0m\n");
    event.state = MW_CONNECTION_CONNECTING;
    assert_string_equal(line_of(&event, NULL, true),
                        "\033[2m00:00:00.000\033[0m state   demo       connecting\n");
}

static void holds_the_longest_signal(void **state)
{
    (void)state;
    char text[MW_SIGNAL_BYTES_MAX + 1];
    memset(text, '\n', sizeof(text));
    text[0] = text[MW_SIGNAL_BYTES_MAX - 1] = 'x';
    text[MW_SIGNAL_BYTES_MAX] = '\0';
    struct mw_event event = {.kind = MW_EVENT_SIGNAL, .strategy = "long", .text = text};
    struct mw_str line = MW_STR_INIT(MW_EVENT_LINE_BYTES_MAX);
    const struct mw_event_line_options options = {.colours = true, .name_width = 9};
    mw_event_line_add(&line, &event, &options);
    assert_string_equal(line.data + line.length - 6, "x\033[0m\n");
    mw_str_deinit(&line);
}

static struct mw_event order_event(mw_order_state state)
{
    return (struct mw_event){.kind = MW_EVENT_ORDER,
                             .time_ms = time_ms_shown,
                             .strategy = "sma_cross",
                             .key = {.feed = "demo", .symbol = "BTCUSDT"},
                             .order = {.request = {.side = MW_SIDE_BUY,
                                                   .amount = 0.1,
                                                   .value = (double)NAN,
                                                   .price = (double)NAN},
                                       .state = state,
                                       .amount = 0.1,
                                       .price = 54549.46,
                                       .fee = 5.454946}};
}

static void shows_orders_that_were_filled_and_those_that_were_not(void **state)
{
    (void)state;
    struct mw_event event = order_event(MW_ORDER_FILLED);
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 order   sma_cross  bought 0.1 BTCUSDT at 54549.46, fee "
                        "5.45\n");
    event.order.request.side = MW_SIDE_SELL;
    event.order.request.type = MW_ORDER_STOP;
    event.order.fee = 0.00123;
    snprintf(event.order.request.tag, sizeof(event.order.request.tag), "ex\nit");
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 order   sma_cross  sold 0.1 BTCUSDT at 54549.46, fee 0.0012 "
                        "(stop), ex\n             it\n");
    event = order_event(MW_ORDER_REJECTED);
    event.order.request.amount = (double)NAN;
    event.order.request.value = 20000;
    snprintf(event.order.reason, sizeof(event.order.reason), "too dear");
    assert_string_equal(line_of(&event, NULL, false),
                        "18:15:00.123 order   sma_cross  rejected: buy 20000 worth of BTCUSDT: "
                        "too dear\n");
    event = order_event(MW_ORDER_CANCELLED);
    event.order.request.type = MW_ORDER_LIMIT;
    event.order.request.price = 50000;
    assert_string_equal(line_of(&event, NULL, true),
                        "\033[2m18:15:00.123\033[0m \033[33morder   sma_cross  cancelled: buy 0.1 "
                        "BTCUSDT at 50000 (limit)\033[0m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_states_with_their_endpoint_or_reason),
        cmocka_unit_test(shows_bars_in_columns),
        cmocka_unit_test(shows_what_strategies_say),
        cmocka_unit_test(shows_lag_of_strategies_and_of_the_reader),
        cmocka_unit_test(shows_gaps_and_what_became_of_them),
        cmocka_unit_test(shows_what_becomes_of_the_store),
        cmocka_unit_test(masks_controls_from_outside),
        cmocka_unit_test(colours_by_urgency),
        cmocka_unit_test(holds_the_longest_signal),
        cmocka_unit_test(shows_orders_that_were_filled_and_those_that_were_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
