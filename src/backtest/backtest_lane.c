/* backtest_lane.c - from rows of the data to series of the cache, at the moment when they close.
 *
 * What lies between two rows is known when the later of them comes: a hole of the data is one of
 * the series, given up, and everything else is proven to have been quiet. A hole that lasts until
 * now makes the series stale as soon as its first bucket is over, not before.
 */
#include <string.h>

#include "backtest/backtest_parts.h"
#include "base/check.h"
#include "market/derive.h"
#include "market/resample.h"

void mw_play_open_lanes(struct mw_play *play)
{
    const struct mw_dataset *data = play->options->data;
    play->lane_count = mw_dataset_count(data);
    play->lanes = mw_alloc_zero((play->lane_count + 1) * sizeof(*play->lanes));
    play->closed = mw_alloc_zero((play->lane_count + 1) * sizeof(struct mw_play_lane *));
    for (uint32_t i = 0; i < play->lane_count; i++) {
        struct mw_play_lane *lane = &play->lanes[i];
        lane->turn.rank = i;
        lane->data = mw_dataset_series(data, i);
        lane->key = lane->data->key;
    }
}

void mw_play_close_lanes(struct mw_play *play)
{
    for (uint32_t i = 0; i < play->lane_count; i++) {
        for (struct mw_play_made *made = play->lanes[i].made, *next; made != NULL; made = next) {
            next = made->next;
            mw_free(made);
        }
    }
    mw_free(play->lanes);
    mw_free(play->closed);
    mw_schedule_deinit(&play->schedule);
}

/* --- what lies between rows ------------------------------------------------------------------- */

/* The first hole that reaches into from_ms or later; NULL for none. */
static const struct mw_gap *next_hole(struct mw_play_lane *lane, int64_t from_ms)
{
    const struct mw_dataset_series *data = lane->data;
    while (lane->hole < data->hole_count && data->holes[lane->hole].to_ms < from_ms)
        lane->hole++;
    return lane->hole < data->hole_count ? &data->holes[lane->hole] : NULL;
}

static bool is_in_hole(const struct mw_play_lane *lane, int64_t open_ms)
{
    const struct mw_dataset_series *data = lane->data;
    uint32_t i = lane->hole;
    while (i < data->hole_count && data->holes[i].to_ms < open_ms)
        i++;
    return i < data->hole_count && data->holes[i].from_ms <= open_ms;
}

/* Says what is known of the buckets from_ms..to_ms, the last of which has a row. */
static void settle(struct mw_play_lane *lane, int64_t from_ms, int64_t to_ms)
{
    const struct mw_dataset_series *data = lane->data;
    next_hole(lane, from_ms);
    for (uint32_t i = lane->hole; i < data->hole_count && data->holes[i].from_ms <= to_ms; i++) {
        const struct mw_gap *hole = &data->holes[i];
        if (hole->from_ms > from_ms)
            mw_series_prove(lane->series, from_ms, hole->from_ms - 1);
        mw_series_give_up(lane->series, hole->from_ms > from_ms ? hole->from_ms : from_ms,
                          hole->to_ms < to_ms ? hole->to_ms : to_ms);
        from_ms = mw_timeframe_next(lane->key.timeframe, hole->to_ms);
    }
    if (from_ms <= to_ms)
        mw_series_prove(lane->series, from_ms, to_ms);
}

/* Puts the next row, which closes at close_ms. What is made of it does not follow yet where
 * something lies before it: true is returned then. */
static bool put_row(struct mw_play *play, struct mw_play_lane *lane, int64_t close_ms, bool first)
{
    struct mw_candle row = lane->data->rows[lane->at++];
    bool is_next = first || row.open_ms == lane->next_ms;
    bool in_doubt = lane->data->hole_count > 0 && is_in_hole(lane, row.open_ms);
    if (in_doubt)
        row.flags |= MW_CANDLE_UNPROVEN;
    mw_put put;
    if (is_next && !in_doubt)
        put = mw_cache_put(play->cache, lane->series, &row, close_ms, NULL);
    else
        put = mw_cache_put_part(play->cache, lane->series, &row, close_ms, NULL);
    MW_CHECK(put == MW_PUT_APPENDED);
    if (!is_next || in_doubt)
        settle(lane, first ? row.open_ms : lane->next_ms, row.open_ms);
    lane->next_ms = close_ms;
    return !is_next || in_doubt;
}

/* --- what is made of them --------------------------------------------------------------------- */

/* The newest row of the lane is `row`, which closed now. */
static void follow(struct mw_play *play, struct mw_play_lane *lane, struct mw_play_made *made,
                   const struct mw_candle *row)
{
    struct mw_timeframe timeframe = mw_series_key(made->series)->timeframe;
    bool is_due = false;
    if (row->open_ms >= made->end_ms) {
        is_due = true; /* the bucket before may have been in a hole until now */
        made->open_ms = mw_timeframe_floor(timeframe, row->open_ms);
        made->end_ms = mw_timeframe_next(timeframe, made->open_ms);
    }
    int64_t close_ms = INT64_MAX;
    if (lane->next_ms >= made->end_ms) {
        is_due = true;
    } else if (lane->at == lane->data->count ||
               lane->data->rows[lane->at].open_ms >= made->end_ms) {
        const struct mw_gap *hole = next_hole(lane, lane->next_ms);
        if (hole == NULL || hole->from_ms >= made->end_ms)
            close_ms = made->end_ms; /* quiet until the end */
    }
    if (close_ms != made->turn.due_ms)
        mw_schedule_set(&play->schedule, &made->turn, close_ms);
    if (is_due && made->watch != NULL)
        mw_play_set_due(play, made->watch);
}

static void follow_all(struct mw_play *play, struct mw_play_lane *lane, const struct mw_candle *row)
{
    for (struct mw_play_made *made = lane->made; made != NULL; made = made->next)
        follow(play, lane, made, row);
}

static void take_made(struct mw_play *play, struct mw_play_made *made)
{
    mw_schedule_set(&play->schedule, &made->turn, INT64_MAX);
    mw_cache_close_newest(play->cache, made->series, made->open_ms);
    if (made->watch != NULL)
        mw_play_set_due(play, made->watch);
}

mw_status mw_play_make(struct mw_play *play, struct mw_play_lane *lane,
                       struct mw_timeframe timeframe, struct mw_play_made **out,
                       struct mw_error *err)
{
    struct mw_series *series;
    mw_status status = mw_play_begin(play, lane, err);
    if (status == MW_OK)
        status = mw_derive(play->cache, lane->series, timeframe, &series, err);
    if (status != MW_OK)
        return status;
    struct mw_play_made *made = lane->made;
    while (made != NULL && made->series != series)
        made = made->next;
    if (made == NULL) {
        made = mw_alloc_zero(sizeof(*made));
        made->turn.rank = play->lane_count + play->made_count++;
        made->turn.due_ms = INT64_MAX;
        made->series = series;
        made->end_ms = INT64_MIN;
        made->next = lane->made;
        lane->made = made;
        if (lane->at > 0)
            follow(play, lane, made, &lane->data->rows[lane->at - 1]);
        if (made->turn.due_ms <= play->now_ms)
            take_made(play, made); /* it ended in silence, before anybody asked */
    }
    *out = made;
    return MW_OK;
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* Finds the turn of a lane: its next row, or the end of the first bucket of a hole before that. */
static void plan(struct mw_play *play, struct mw_play_lane *lane)
{
    const struct mw_dataset_series *data = lane->data;
    int64_t due_ms = INT64_MAX;
    if (lane->at < lane->end)
        due_ms = mw_timeframe_next(lane->key.timeframe, data->rows[lane->at].open_ms);
    if (data->hole_count > 0 && !lane->stale && lane->at > 0 && lane->at < data->count) {
        const struct mw_gap *hole = next_hole(lane, lane->next_ms);
        if (hole != NULL && hole->from_ms < data->rows[lane->at].open_ms) {
            int64_t from_ms = hole->from_ms > lane->next_ms ? hole->from_ms : lane->next_ms;
            int64_t stale_ms = mw_timeframe_next(lane->key.timeframe, from_ms);
            due_ms = stale_ms < due_ms ? stale_ms : due_ms;
        }
    }
    mw_schedule_set(&play->schedule, &lane->turn, due_ms);
}

uint32_t mw_play_count_until(const struct mw_dataset_series *data, int64_t open_ms)
{
    uint32_t from = 0, to = data->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (data->rows[middle].open_ms <= open_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void set_live(struct mw_play_lane *lane, bool live)
{
    lane->stale = !live;
    mw_series_set_health(lane->series, live ? MW_SERIES_LIVE : MW_SERIES_STALE);
}

/* Puts as many of the newest rows that have closed by now as the ring holds. */
static void put_past(struct mw_play *play, struct mw_play_lane *lane)
{
    const struct mw_dataset_series *data = lane->data;
    struct mw_timeframe timeframe = lane->key.timeframe;
    uint32_t past = mw_play_count_until(data, mw_timeframe_floor(timeframe, play->now_ms) - 1);
    uint32_t bars = mw_cache_bars(play->cache);
    past = past < lane->end ? past : lane->end;
    lane->at = past > bars ? past - bars : 0;
    for (bool first = true; lane->at < past; first = false)
        put_row(play, lane, mw_timeframe_next(timeframe, data->rows[lane->at].open_ms), first);
    for (;;) { /* a hole that lasts until now */
        plan(play, lane);
        if (lane->turn.due_ms > play->now_ms)
            return;
        set_live(lane, false);
    }
}

mw_status mw_play_begin(struct mw_play *play, struct mw_play_lane *lane, struct mw_error *err)
{
    if (lane->series != NULL)
        return MW_OK;
    struct mw_series *series;
    mw_status status = mw_cache_add(play->cache, &lane->key, &series, err);
    if (status != MW_OK)
        return status;
    lane->series = series;
    lane->end = mw_play_count_until(lane->data, play->options->to_ms);
    atomic_store(&mw_series_note(series)->has_own_time, true);
    set_live(lane, true);
    put_past(play, lane);
    if (lane->at < lane->end) /* what is there is history */
        mw_series_set_first_live(series, lane->data->rows[lane->at].open_ms);
    return MW_OK;
}

static bool is_of(const struct mw_play_lane *lane, const char *feed, const char *symbol)
{
    const char *own = lane->key.feed;
    return strcmp(lane->key.symbol, symbol) == 0 &&
           (feed == NULL || feed[0] == '\0' || own[0] == '\0' || strcmp(own, feed) == 0);
}

uint32_t mw_play_find_lane(struct mw_play *play, const char *feed, const char *symbol,
                           struct mw_timeframe timeframe, bool finer, struct mw_play_lane **lane)
{
    struct mw_play_lane *best = NULL;
    uint32_t feeds = 0;
    for (uint32_t i = 0; i < play->lane_count; i++) {
        struct mw_play_lane *one = &play->lanes[i];
        if (!is_of(one, feed, symbol) ||
            (finer ? !mw_timeframe_divides(one->key.timeframe, timeframe)
                   : !mw_timeframe_equal(one->key.timeframe, timeframe)))
            continue;
        bool is_named = feed != NULL && feed[0] != '\0'; /* by name before one without */
        if (best == NULL || (is_named && best->key.feed[0] == '\0' && one->key.feed[0] != '\0')) {
            feeds = 1;
            best = one;
        } else if (is_named && one->key.feed[0] == '\0' && best->key.feed[0] != '\0') {
            continue;
        } else if (strcmp(one->key.feed, best->key.feed) != 0) {
            feeds++;
        } else if (mw_timeframe_ms(one->key.timeframe) > mw_timeframe_ms(best->key.timeframe)) {
            best = one;
        }
    }
    if (best != NULL)
        *lane = best;
    return feeds;
}

uint32_t mw_play_find_series(void *user, const char *feed, const char *symbol,
                             struct mw_timeframe timeframe, struct mw_series **series)
{
    struct mw_play *play = user;
    struct mw_play_lane *lane;
    struct mw_play_made *made;
    if (play->strategy == NULL)
        return 0; /* it is being loaded: there is no moment yet up to which a lane has a past */
    uint32_t count = mw_play_find_lane(play, feed, symbol, timeframe, false, &lane);
    bool is_made = count == 0;
    if (is_made)
        count = mw_play_find_lane(play, feed, symbol, timeframe, true, &lane);
    if (count == 0)
        return 0;
    mw_status status = is_made && count == 1 ? mw_play_make(play, lane, timeframe, &made, NULL)
                                             : mw_play_begin(play, lane, NULL);
    if (status != MW_OK)
        return 0;
    *series = is_made && count == 1 ? made->series : lane->series;
    return count;
}

/* --- moments ---------------------------------------------------------------------------------- */

static void take_lane(struct mw_play *play, struct mw_play_lane *lane)
{
    const struct mw_candle *row = &lane->data->rows[lane->at];
    if (lane->at == lane->end ||
        mw_timeframe_next(lane->key.timeframe, row->open_ms) != play->now_ms) {
        set_live(lane, false);
        plan(play, lane);
        return;
    }
    if (put_row(play, lane, play->now_ms, lane->at == 0))
        mw_cache_touch(play->cache, lane->series);
    if (lane->stale)
        set_live(lane, true);
    if (lane->made != NULL)
        follow_all(play, lane, row);
    if (lane->watch != NULL)
        mw_play_set_due(play, lane->watch);
    plan(play, lane);
    play->closed[play->closed_count++] = lane;
    play->done += lane->counted;
}

void mw_play_advance(struct mw_play *play)
{
    struct mw_turn *turn = mw_schedule_first(&play->schedule);
    play->now_ms = turn->due_ms;
    play->closed_count = 0;
    for (; turn != NULL && turn->due_ms == play->now_ms;
         turn = mw_schedule_first(&play->schedule)) {
        if (turn->rank < play->lane_count)
            take_lane(play, MW_CONTAINER(turn, struct mw_play_lane, turn));
        else
            take_made(play, MW_CONTAINER(turn, struct mw_play_made, turn));
    }
    mw_strategy_set_clock(play->strategy, play->now_ms != 0 ? play->now_ms : 1); /* 0 is no time */
}
