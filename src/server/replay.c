/* replay.c - bars unfolded from rows, and rows found by time. */
#include "server/replay.h"

#include <math.h>

static const double volume_scale = 1e8; /* venues give up to eight decimals */

/* The point at `part` (0..1) of the way from `from` to `to`, rounded like the rows' prices. */
static double between(double from, double to, double part, double scale)
{
    if (part <= 0)
        return from;
    double point = round((from + (to - from) * part) * scale) / scale;
    return fmin(fmax(point, fmin(from, to)), fmax(from, to));
}

/* What a row is at `part` (0..1) of its time: three legs of one length each. */
static void unfold(const struct mw_candle *row, double part, double scale, struct mw_candle *candle)
{
    bool rises = row->close >= row->open;
    const double corners[] = {row->open, rises ? row->low : row->high, rises ? row->high : row->low,
                              row->close};
    double way = part * 3;
    int leg = way < 1 ? 0 : way < 2 ? 1 : 2;
    *candle = *row;
    candle->close = between(corners[leg], corners[leg + 1], way - leg, scale);
    candle->high = candle->low = row->open;
    for (int i = 1; i <= leg; i++) {
        candle->high = fmax(candle->high, corners[i]);
        candle->low = fmin(candle->low, corners[i]);
    }
    candle->high = fmax(candle->high, candle->close);
    candle->low = fmin(candle->low, candle->close);
    double volume = floor(row->volume * part * volume_scale) / volume_scale;
    candle->volume = fmin(volume, row->volume);
    candle->state = MW_CANDLE_FORMING;
    candle->closed_by = MW_CLOSED_BY_NOBODY;
}

void mw_replay_candle(const struct mw_stage *stage, size_t row, int64_t end_ms, int64_t at_ms,
                      struct mw_candle *candle)
{
    const struct mw_candle *whole = &stage->rows[row];
    *candle = *whole;
    if (at_ms < end_ms)
        unfold(whole, (double)(at_ms - whole->open_ms) / (double)(end_ms - whole->open_ms),
               stage->row_scale, candle);
    double price = (candle->open + candle->high + candle->low + candle->close) / 4;
    candle->turnover = round(candle->volume * price * volume_scale) / volume_scale;
    candle->source = MW_SOURCE_LIVE;
}

size_t mw_replay_find(const struct mw_stage *stage, struct mw_timeframe timeframe, int64_t time_ms)
{
    size_t low = 0, high = stage->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mw_timeframe_next(timeframe, stage->rows[middle].open_ms) <= time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
