/* rows.h - the rows of an answer of a venue's history: decoded, checked, in order of time.
 *
 * For whoever asks a venue for its past. An answer is wrong as a whole when one of its rows is off
 * the grid, out of the range asked for, out of order, twice, of another series, or of no shape that
 * is a candle. What a good one proves is up to the caller.
 *
 * Threads: the decoder's.
 */
#ifndef MW_HISTORY_ROWS_H
#define MW_HISTORY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "feed/decoder.h"
#include "feed/protocol.h"
#include "market/series.h"

/* An answer of fewer rows has not been cut: no venue gives so few at once. */
enum { MW_ROWS_CUT_MIN = 3 };

/* An answer, and what it answers. */
struct mw_rows_answer {
    const struct mw_series_key *key; /* the symbol and the timeframe that were asked for */
    int64_t from_ms, to_ms; /* open times, inclusive; INT64_MIN and INT64_MAX for no bound */
    int64_t sent_ms;        /* wall clock when it was asked for */
    const char *body;       /* MW_MESSAGE_PADDING readable bytes follow */
    size_t length;
};

struct mw_rows {
    const struct mw_decoded_row *list; /* borrowed until the decoder decodes again */
    uint32_t count;
    bool newest_first; /* in `list` */
};

/* Row `i`, counted from the oldest, whichever way round they came. */
const struct mw_candle *mw_rows_at(const struct mw_rows *rows, uint32_t i);

/* Whether the venue itself says that the bar forms. */
bool mw_rows_is_flagged(const struct mw_candle *row);

/* Decodes and checks. Errors: MW_EHISTORY; `rows` may be anything then. */
MW_MUST_USE mw_status mw_rows_read(struct mw_decoder *decoder, const struct mw_protocol *protocol,
                                   const struct mw_rows_answer *answer, struct mw_rows *rows,
                                   struct mw_error *err);

/* Fills `err` with what the venue says in the body of a refusal. False when it says nothing that
 * the protocol describes. */
bool mw_rows_explain(struct mw_decoder *decoder, const char *body, size_t length,
                     struct mw_error *err);

#endif
