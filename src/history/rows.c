/* rows.c - from the body of an answer to rows that can be. */
#include "history/rows.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"

const struct mw_candle *mw_rows_at(const struct mw_rows *rows, uint32_t i)
{
    MW_CHECK(i < rows->count);
    return &rows->list[rows->newest_first ? rows->count - 1 - i : i].candle;
}

bool mw_rows_is_flagged(const struct mw_candle *row)
{
    return row->state == MW_CANDLE_FORMING && (row->flags & MW_CANDLE_FLAGGED) != 0;
}

static mw_status refuse_row(const struct mw_rows *rows, uint32_t i, const char *why,
                            struct mw_error *err)
{
    char text[MW_TIME_TEXT_BYTES];
    int64_t open_ms = mw_rows_at(rows, i)->open_ms;
    bool plausible = open_ms >= MW_CANDLE_OPEN_MS_MIN && open_ms <= MW_CANDLE_OPEN_MS_MAX;
    return mw_fail(err, MW_EHISTORY, "the answer is wrong: row %u of %u, of %s: %s", i + 1,
                   rows->count, plausible ? mw_time_format(open_ms, text) : "no time", why);
}

static bool names(struct mw_text said, const char *asked)
{
    return said.length == 0 ||
           (said.length == strlen(asked) && memcmp(said.data, asked, said.length) == 0);
}

/* Whether the rows are of the series that was asked for, where they say of which they are. */
static bool is_of_series(const struct mw_protocol *protocol, const struct mw_rows *rows,
                         const struct mw_series_key *key)
{
    char code[MW_TIMEFRAME_BYTES_MAX] = "";
    (void)mw_protocol_timeframe_code(protocol, key->timeframe, code);
    for (uint32_t i = 0; i < rows->count; i++)
        if (!names(rows->list[i].symbol, key->symbol) || !names(rows->list[i].timeframe_code, code))
            return false;
    return true;
}

static mw_status check_rows(const struct mw_rows *rows, const struct mw_rows_answer *answer,
                            struct mw_error *err)
{
    int64_t before_ms = INT64_MIN;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct mw_candle *row = mw_rows_at(rows, i);
        mw_fault fault = mw_candle_check(row, answer->key->timeframe, answer->sent_ms);
        if (fault != MW_FAULT_NONE)
            return refuse_row(rows, i, mw_fault_text(fault), err);
        if (i > 0 && row->open_ms == before_ms)
            return refuse_row(rows, i, "it is there twice", err);
        if (i > 0 && row->open_ms < before_ms)
            return refuse_row(rows, i, "out of order", err);
        if (row->open_ms < answer->from_ms || row->open_ms > answer->to_ms)
            return refuse_row(rows, i, "nobody asked for that time", err);
        before_ms = row->open_ms;
    }
    return MW_OK;
}

bool mw_rows_explain(struct mw_decoder *decoder, const char *body, size_t length,
                     struct mw_error *err)
{
    struct mw_decoded decoded;
    mw_decoder_decode_history(decoder, body, length, &decoded);
    if (decoded.kind != MW_DECODED_ERROR)
        return false;
    size_t shown = decoded.message.length;
    if (shown > MW_ERROR_ENDPOINT_BYTES)
        shown = MW_ERROR_ENDPOINT_BYTES;
    mw_fail_code(err, MW_EHISTORY, decoded.code, "the venue refuses with code %d%s%.*s",
                 decoded.code, shown > 0 ? ": " : "", (int)shown, decoded.message.data);
    return true;
}

mw_status mw_rows_read(struct mw_decoder *decoder, const struct mw_protocol *protocol,
                       const struct mw_rows_answer *answer, struct mw_rows *rows,
                       struct mw_error *err)
{
    struct mw_decoded decoded;
    mw_decoder_decode_history(decoder, answer->body, answer->length, &decoded);
    if (decoded.kind == MW_DECODED_REJECTED)
        return mw_fail(err, MW_EHISTORY, "the answer is wrong: %s", mw_reject_text(decoded.reject));
    if (decoded.kind == MW_DECODED_ERROR) {
        mw_rows_explain(decoder, answer->body, answer->length, err);
        return MW_EHISTORY;
    }
    rows->list = decoded.rows;
    rows->count = decoded.row_count;
    if (!is_of_series(protocol, rows, answer->key))
        return mw_fail(err, MW_EHISTORY, "the answer is wrong: it is of another series");
    rows->newest_first =
        rows->count > 1 && rows->list[0].candle.open_ms > rows->list[1].candle.open_ms;
    return check_rows(rows, answer, err);
}
