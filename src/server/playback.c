/* playback.c - cursors over series and the heap of them. */
#include "server/playback.h"

#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "server/replay.h"

/* One series at its next event. */
struct cursor {
    uint32_t symbol, timeframe;
    int64_t open_ms, end_ms, step_ms; /* of the bar that it is in */
    int64_t due_ms;                   /* INT64_MAX when the replay is over */
    size_t place;                     /* in the heap */
    size_t row;                       /* replay: the bar */
    struct mw_price_walk walk;        /* made up: where ticks are taken */
    struct mw_price_bar bar;          /* made up: those before the next event */
};

struct mw_playback {
    const struct mw_stage *stage; /* borrows */
    struct cursor **heap;         /* owns, with what it points to */
    size_t count, capacity;
    struct mw_map by_series; /* of (symbol, timeframe) to the cursors */
};

static bool before(const struct cursor *a, const struct cursor *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    bool a_closes = a->due_ms == a->end_ms, b_closes = b->due_ms == b->end_ms;
    if (a_closes != b_closes)
        return a_closes;
    return a->symbol != b->symbol ? a->symbol < b->symbol : a->timeframe < b->timeframe;
}

static void put(struct mw_playback *playback, size_t place, struct cursor *cursor)
{
    playback->heap[place] = cursor;
    cursor->place = place;
}

static void sift_up(struct mw_playback *playback, struct cursor *cursor)
{
    size_t place = cursor->place;
    while (place > 0 && before(cursor, playback->heap[(place - 1) / 2])) {
        put(playback, place, playback->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(playback, place, cursor);
}

static void sift_down(struct mw_playback *playback, struct cursor *cursor)
{
    size_t place = cursor->place;
    for (;;) {
        size_t child = place * 2 + 1;
        if (child + 1 < playback->count && before(playback->heap[child + 1], playback->heap[child]))
            child++;
        if (child >= playback->count || !before(playback->heap[child], cursor))
            break;
        put(playback, place, playback->heap[child]);
        place = child;
    }
    put(playback, place, cursor);
}

static struct mw_timeframe timeframe_of(const struct mw_stage *stage, const struct cursor *cursor)
{
    return stage->timeframes[cursor->timeframe].timeframe;
}

/* Enters the bar that starts at `open_ms`, before its first update. */
static void enter_bar(const struct mw_stage *stage, struct cursor *cursor, int64_t open_ms)
{
    cursor->open_ms = cursor->due_ms = open_ms;
    cursor->end_ms = mw_timeframe_next(timeframe_of(stage, cursor), open_ms);
    double usual_ms = fmax(1, stage->speed) * MW_MS_PER_SECOND;
    int64_t quarter_ms = (cursor->end_ms - open_ms) / 4;
    bool wide = stage->speed <= 0 || usual_ms >= (double)quarter_ms;
    cursor->step_ms = wide ? quarter_ms : (int64_t)usual_ms;
    mw_price_bar_begin(&cursor->bar, open_ms);
}

/* Enters the replayed bar `row`, or the end. */
static void enter_row(const struct mw_stage *stage, struct cursor *cursor, size_t row)
{
    cursor->row = row;
    if (row < stage->row_count)
        enter_bar(stage, cursor, stage->rows[row].open_ms);
    else
        cursor->due_ms = INT64_MAX;
}

static void enter_now(const struct mw_stage *stage, struct cursor *cursor, int64_t now_ms)
{
    struct mw_timeframe timeframe = timeframe_of(stage, cursor);
    if (stage->rows != NULL)
        enter_row(stage, cursor, mw_replay_find(stage, timeframe, now_ms));
    else
        enter_bar(stage, cursor, mw_timeframe_floor(timeframe, now_ms));
    if (cursor->due_ms < now_ms)
        cursor->due_ms += (now_ms - cursor->due_ms) / cursor->step_ms * cursor->step_ms;
}

/* Moves on to the event after this one. */
static void advance(const struct mw_stage *stage, struct cursor *cursor)
{
    if (cursor->due_ms < cursor->end_ms) {
        cursor->due_ms += cursor->step_ms;
        if (cursor->due_ms > cursor->end_ms)
            cursor->due_ms = cursor->end_ms;
    } else if (stage->rows != NULL) {
        enter_row(stage, cursor, cursor->row + 1);
    } else {
        enter_bar(stage, cursor, cursor->end_ms);
    }
}

struct mw_playback *mw_playback_new(const struct mw_stage *stage)
{
    struct mw_playback *playback = mw_alloc_zero(sizeof(*playback));
    playback->stage = stage;
    return playback;
}

void mw_playback_free(struct mw_playback *playback)
{
    if (playback == NULL)
        return;
    for (size_t i = 0; i < playback->count; i++)
        mw_free(playback->heap[i]);
    mw_free(playback->heap);
    mw_map_deinit(&playback->by_series);
    mw_free(playback);
}

void mw_playback_add(struct mw_playback *playback, uint32_t symbol, uint32_t timeframe,
                     int64_t now_ms)
{
    const uint32_t key[] = {symbol, timeframe};
    if (mw_map_find(&playback->by_series, key, sizeof(key)) != NULL)
        return;
    struct cursor *cursor = mw_alloc_zero(sizeof(*cursor));
    cursor->symbol = symbol;
    cursor->timeframe = timeframe;
    enter_now(playback->stage, cursor, now_ms);

    if (playback->count == playback->capacity) {
        playback->capacity = playback->capacity == 0 ? 16 : playback->capacity * 2;
        playback->heap =
            mw_realloc_array(playback->heap, playback->capacity, sizeof(struct cursor *));
    }
    mw_map_set(&playback->by_series, key, sizeof(key), cursor);
    put(playback, playback->count++, cursor);
    sift_up(playback, cursor);
}

void mw_playback_enter(struct mw_playback *playback, int64_t now_ms)
{
    size_t count = playback->count;
    playback->count = 0;
    for (size_t i = 0; i < count; i++) { /* sifting up reaches only those that were entered */
        struct cursor *cursor = playback->heap[i];
        enter_now(playback->stage, cursor, now_ms);
        put(playback, playback->count++, cursor);
        sift_up(playback, cursor);
    }
}

bool mw_playback_remove(struct mw_playback *playback, uint32_t symbol, uint32_t timeframe)
{
    const uint32_t key[] = {symbol, timeframe};
    struct cursor *cursor = mw_map_remove(&playback->by_series, key, sizeof(key));
    if (cursor == NULL)
        return false;
    struct cursor *last = playback->heap[--playback->count];
    if (last != cursor) {
        put(playback, cursor->place, last);
        sift_up(playback, last);
        sift_down(playback, last);
    }
    mw_free(cursor);
    return true;
}

void mw_playback_each(const struct mw_playback *playback,
                      void (*visit)(void *user, uint32_t symbol, uint32_t timeframe), void *user)
{
    for (size_t i = 0; i < playback->count; i++)
        visit(user, playback->heap[i]->symbol, playback->heap[i]->timeframe);
}

size_t mw_playback_count(const struct mw_playback *playback)
{
    return playback->count;
}

static bool made_up(const struct mw_stage *stage, struct cursor *cursor, int64_t *budget,
                    struct mw_candle *candle)
{
    const struct mw_price_model *model = &stage->symbols[cursor->symbol].model;
    bool closes = cursor->due_ms == cursor->end_ms;
    int64_t until_ms = closes ? cursor->end_ms - 1 : cursor->due_ms;
    if (!mw_price_bar_extend(&cursor->bar, model, &cursor->walk, until_ms, budget))
        return false;
    mw_price_bar_candle(&cursor->bar, model, candle);
    if (closes) {
        candle->state = MW_CANDLE_CLOSED;
        candle->closed_by = MW_CLOSED_BY_EXCHANGE;
    }
    return true;
}

mw_playback_step mw_playback_next(struct mw_playback *playback, int64_t until_ms, int64_t *budget,
                                  struct mw_playback_event *event)
{
    const struct mw_stage *stage = playback->stage;
    if (mw_playback_due_ms(playback) > until_ms || mw_playback_due_ms(playback) == INT64_MAX)
        return MW_PLAYBACK_LATER;
    struct cursor *cursor = playback->heap[0];
    struct mw_candle candle;
    if (stage->rows != NULL)
        mw_replay_candle(stage, cursor->row, cursor->end_ms, cursor->due_ms, &candle);
    else if (!made_up(stage, cursor, budget, &candle))
        return MW_PLAYBACK_BUSY;
    *event = (struct mw_playback_event){.symbol = cursor->symbol,
                                        .timeframe = cursor->timeframe,
                                        .time_ms = cursor->due_ms,
                                        .end_ms = cursor->end_ms,
                                        .candle = candle};
    advance(stage, cursor);
    sift_down(playback, cursor);
    return MW_PLAYBACK_EVENT;
}

int64_t mw_playback_due_ms(const struct mw_playback *playback)
{
    return playback->count > 0 ? playback->heap[0]->due_ms : INT64_MAX;
}
