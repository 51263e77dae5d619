/* event_line.h - an event as a line of text: time, kind, who, and the rest in columns.
 *
 *     18:15:00.123 state   demo       confirmed     ws://127.0.0.1:40123/market_data
 *     18:15:01.200 bar     demo       BTCUSDT    1m   2026-10-23 00:01  o 64117 h 64118 ... v 0.4
 *     18:15:02.000 signal  sma_cross  buy BTCUSDT price=64117.5
 *     18:15:02.100 order   sma_cross  bought 0.1 BTCUSDT at 64117.5, fee 6.41
 *     18:15:02.000 error   sma_cross  strategies/x.lua:12: attempt to index a nil value
 *                  stack traceback:
 *                  ...
 *
 * Times are UTC. Control characters, which a server or a script could write to the terminal, are
 * shown as '?'.
 *
 * Threads: the caller's.
 */
#ifndef MW_CLI_EVENT_LINE_H
#define MW_CLI_EVENT_LINE_H

#include <stdbool.h>

#include "base/str.h"
#include "script/event.h"

struct mw_event_line_options {
    bool colours;         /* with ANSI escapes */
    int name_width;       /* of the column of feeds and strategies */
    const char *endpoint; /* of the feed, for states that tell it; NULL for none */
};

/* A signal of MW_SIGNAL_BYTES_MAX newlines, each of which becomes 14 bytes, and the columns. */
enum { MW_EVENT_LINE_BYTES_MAX = 64 << 10 };

/* Adds the line or lines of `event`, each closed by a newline. What `line` cannot take is cut. */
void mw_event_line_add(struct mw_str *line, const struct mw_event *event,
                       const struct mw_event_line_options *options);

#endif
