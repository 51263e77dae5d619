/* cursor.c - reading on from where one was. */
#include "script/cursor.h"

#include <string.h>

void mw_cursor_init(struct mw_cursor *cursor, struct mw_series *series, bool from_oldest)
{
    *cursor = (struct mw_cursor){.series = series, .after_ms = INT64_MIN};
    struct mw_candle newest;
    if (!from_oldest && mw_series_read_last(series, INT64_MAX, 1, false, &newest) == 1)
        cursor->after_ms = newest.open_ms;
    mw_series_read_after(series, cursor->after_ms, 0, NULL, &cursor->next_number);
}

uint32_t mw_cursor_read(struct mw_cursor *cursor, uint32_t count, struct mw_candle *out,
                        uint64_t *lost)
{
    uint64_t first;
    uint32_t rows = mw_series_read_after(cursor->series, cursor->after_ms, count, out, &first);
    *lost = first > cursor->next_number ? first - cursor->next_number : 0;
    cursor->next_number = first + rows;
    if (rows > 0)
        cursor->after_ms = out[rows - 1].open_ms;
    return rows;
}

bool mw_cursor_read_forming(struct mw_cursor *cursor, struct mw_candle *out)
{
    struct mw_candle newest;
    if (mw_series_read_last(cursor->series, INT64_MAX, 1, true, &newest) == 0 ||
        newest.state != MW_CANDLE_FORMING)
        return false;
    /* Every bit counts.
     * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    if (memcmp(&newest, &cursor->forming, sizeof(newest)) == 0)
        return false;
    cursor->forming = *out = newest;
    return true;
}
