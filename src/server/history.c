/* history.c - ranges made into buckets or rows, and those into bars. */
#include "server/history.h"

#include "base/check.h"
#include "base/clock.h"
#include "server/replay.h"

static struct mw_timeframe timeframe_of(const struct mw_history *history)
{
    return history->stage->timeframes[history->range.timeframe].timeframe;
}

/* How many bars one answer may have. */
static uint32_t rows_max(const struct mw_history *history)
{
    int64_t ticks = mw_timeframe_ms(timeframe_of(history)) / MW_MS_PER_SECOND;
    int64_t most = MW_HISTORY_TICKS_MAX / ticks;
    if (history->stage->rows != NULL || most > history->range.limit)
        return history->range.limit;
    return most > 0 ? (uint32_t)most : 1;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void find_rows(struct mw_history *history)
{
    const struct mw_stage *stage = history->stage;
    struct mw_timeframe timeframe = timeframe_of(history);
    int64_t last_ms = least(history->range.to_ms, history->past_ms);
    history->row = 0;
    if (!history->range.newest) {
        history->row = mw_replay_find(stage, timeframe, history->range.from_ms);
        while (history->row < stage->row_count &&
               stage->rows[history->row].open_ms < history->range.from_ms)
            history->row++;
    }
    history->row_end = mw_replay_find(stage, timeframe, last_ms);
    while (history->row_end < stage->row_count && stage->rows[history->row_end].open_ms <= last_ms)
        history->row_end++;
    if (history->range.newest && history->row_end > history->left)
        history->row = history->row_end - history->left;
}

static void find_buckets(struct mw_history *history)
{
    struct mw_timeframe timeframe = timeframe_of(history);
    history->last_ms = mw_timeframe_floor(timeframe, least(history->range.to_ms, history->past_ms));
    if (history->range.newest) {
        history->open_ms = history->last_ms;
        for (uint32_t i = 1; i < history->left && history->open_ms > 0; i++)
            history->open_ms = mw_timeframe_floor(timeframe, history->open_ms - 1);
    } else {
        history->open_ms = mw_timeframe_floor(timeframe, history->range.from_ms);
        if (history->open_ms < history->range.from_ms)
            history->open_ms = mw_timeframe_next(timeframe, history->open_ms);
    }
    mw_price_bar_begin(&history->bar, history->open_ms);
}

void mw_history_init(struct mw_history *history, const struct mw_stage *stage,
                     const struct mw_history_range *range, int64_t past_ms)
{
    MW_CHECK(range->limit >= 1 && range->limit <= MW_SERVED_ROWS_MAX);
    *history = (struct mw_history){.stage = stage, .range = *range, .past_ms = past_ms};
    history->left = rows_max(history);
    if (stage->rows != NULL)
        find_rows(history);
    else
        find_buckets(history);
}

static void next_row(struct mw_history *history, struct mw_playback_event *event)
{
    const struct mw_stage *stage = history->stage;
    int64_t end_ms = mw_timeframe_next(timeframe_of(history), stage->rows[history->row].open_ms);
    event->end_ms = end_ms;
    event->time_ms = least(end_ms, history->past_ms);
    mw_replay_candle(stage, history->row, end_ms, event->time_ms, &event->candle);
    history->row++;
}

/* False when the budget is used up. */
static bool next_bucket(struct mw_history *history, int64_t *budget,
                        struct mw_playback_event *event)
{
    const struct mw_price_model *model = &history->stage->symbols[history->range.symbol].model;
    int64_t end_ms = mw_timeframe_next(timeframe_of(history), history->open_ms);
    bool closed = end_ms <= history->past_ms;
    if (!mw_price_bar_extend(&history->bar, model, &history->walk,
                             closed ? end_ms - 1 : history->past_ms, budget))
        return false;
    mw_price_bar_candle(&history->bar, model, &event->candle);
    if (closed) {
        event->candle.state = MW_CANDLE_CLOSED;
        event->candle.closed_by = MW_CLOSED_BY_EXCHANGE;
    }
    event->end_ms = end_ms;
    event->time_ms = least(end_ms, history->past_ms);
    history->open_ms = end_ms;
    mw_price_bar_begin(&history->bar, end_ms);
    return true;
}

mw_history_step mw_history_next(struct mw_history *history, int64_t *budget,
                                struct mw_playback_event *event)
{
    bool replayed = history->stage->rows != NULL;
    if (history->left == 0 ||
        (replayed ? history->row >= history->row_end : history->open_ms > history->last_ms))
        return MW_HISTORY_END;
    struct mw_playback_event made = {.symbol = history->range.symbol,
                                     .timeframe = history->range.timeframe};
    if (replayed)
        next_row(history, &made);
    else if (!next_bucket(history, budget, &made))
        return MW_HISTORY_BUSY;
    history->left--;
    *event = made;
    return MW_HISTORY_BAR;
}
