/* replay_report.h - what a replayed capture came to, as text for people or JSON for programs.
 *
 *     capture  1234 records, 345678 bytes, 2026-11-22T18:15:00.123Z to 2026-11-22T18:16:00Z
 *     feed     demo  wealthdata  1 connection, 1200 messages, 1150 candles, 0 late, ...
 *     series   demo  BTCUSDT 1m  100 bars, 99 closed, 0 holes, 2026-10-23T00:00:00Z to ...
 *
 * JSON is one object a line, with the same words as keys. Nothing here depends on when or how fast
 * it runs: the same capture gives the same bytes.
 *
 * Threads: the caller's.
 */
#ifndef MW_CLI_REPLAY_REPORT_H
#define MW_CLI_REPLAY_REPORT_H

#include <stdbool.h>

#include "base/str.h"
#include "history/replay.h"
#include "script/event.h"

/* The longest line: a feed with a protocol's path, each byte of which may become six. */
enum { MW_REPLAY_LINE_BYTES_MAX = 64 << 10 };

/* Each adds one line, or more. */
void mw_replay_report_capture(struct mw_str *out, const struct mw_replay *replay, bool json);
void mw_replay_report_feed(struct mw_str *out, const struct mw_replay_feed *feed, bool json);
void mw_replay_report_series(struct mw_str *out, struct mw_series *series, bool json);
void mw_replay_report_gap(struct mw_str *out, const struct mw_series_key *key,
                          const struct mw_gap *gap, bool json);
/* JSON only: an event of a series (mw_event_kind_is_of_series). */
void mw_replay_report_event(struct mw_str *out, const struct mw_event *event);

#endif
