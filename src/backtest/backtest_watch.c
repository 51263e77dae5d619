/* backtest_watch.c - which series a script is told of, in which order, and telling it.
 *
 * Rows of a lane without holes are told as they come. All else is told by cursors, as to live
 * strategies: what is made of others, and series with holes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backtest/backtest_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"

enum { LIST_BYTES_MAX = 400 }; /* of what there is, for a message */

/* --- what was asked for ----------------------------------------------------------------------- */

/* "BTCUSDT 1m, binance:ETHUSDT 5m" as far as it fits. */
static void list_data(const struct mw_play *play, struct mw_str *list)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    for (uint32_t i = 0; i < play->lane_count; i++) {
        const struct mw_series_key *key = &play->lanes[i].data->key;
        if (!mw_str_addf(list, "%s%s%s%s %s", i > 0 ? ", " : "", key->feed,
                         key->feed[0] != '\0' ? ":" : "", key->symbol,
                         mw_timeframe_format(key->timeframe, timeframe)))
            break;
    }
}

static mw_status fail_interest(const struct mw_play *play, const struct mw_interest *interest,
                               const char *why, struct mw_error *err)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    struct mw_str list = MW_STR_INIT(LIST_BYTES_MAX);
    list_data(play, &list);
    mw_status status =
        mw_fail(err, MW_EINVAL, "strategy %s wants %s%s%s %s: %s; there are %s", play->name,
                interest->feed, interest->feed[0] != '\0' ? ":" : "", interest->symbol,
                mw_timeframe_format(interest->timeframe, timeframe), why,
                list.length > 0 ? list.data : "no series at all");
    mw_str_deinit(&list);
    return status;
}

/* Data that does not name its feed is of the one that the script names. */
static mw_status name_feed(struct mw_play *play, const struct mw_interest *interest,
                           struct mw_play_lane *found, struct mw_error *err)
{
    if (interest->feed[0] == '\0' || strcmp(found->key.feed, interest->feed) == 0)
        return MW_OK;
    if (found->key.feed[0] != '\0')
        return fail_interest(play, interest, "the data does not name its feed, and one only is it",
                             err);
    for (uint32_t i = 0; i < play->lane_count; i++) {
        struct mw_play_lane *lane = &play->lanes[i];
        if (strcmp(lane->key.symbol, interest->symbol) == 0 && lane->key.feed[0] == '\0')
            snprintf(lane->key.feed, sizeof(lane->key.feed), "%s", interest->feed);
    }
    return MW_OK;
}

/* Finds the lane that an interest is of, or made of. */
static mw_status find_lane(struct mw_play *play, const struct mw_interest *interest,
                           struct mw_play_lane **lane, struct mw_error *err)
{
    uint32_t count =
        mw_play_find_lane(play, interest->feed, interest->symbol, interest->timeframe, false, lane);
    if (count == 0)
        count = mw_play_find_lane(play, interest->feed, interest->symbol, interest->timeframe, true,
                                  lane);
    if (count == 0)
        return fail_interest(play, interest, "the data does not have it, nor what it is made of",
                             err);
    if (count > 1)
        return fail_interest(play, interest, "several feeds have it, name one as in feed:SYMBOL",
                             err);
    return name_feed(play, interest, *lane, err);
}

/* --- watches ---------------------------------------------------------------------------------- */

/* A series that is going to be watched. */
struct wish {
    struct mw_play_lane *lane;
    struct mw_timeframe timeframe;
};

/* Finer ones first, then in the data's order. */
static int compare_wishes(const void *left, const void *right)
{
    const struct wish *a = left, *b = right;
    int64_t a_ms = mw_timeframe_ms(a->timeframe), b_ms = mw_timeframe_ms(b->timeframe);
    if (a_ms != b_ms)
        return a_ms < b_ms ? -1 : 1;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    return a->timeframe.unit - b->timeframe.unit; /* "30d" and "1M" */
}

/* What the script asked for, each once, in the order of telling. */
static mw_status find_wishes(struct mw_play *play, struct wish **out, uint32_t *count,
                             struct mw_error *err)
{
    uint32_t interest_count;
    const struct mw_interest *interests = mw_strategy_interests(play->strategy, &interest_count);
    uint32_t wanted = interest_count > 0 ? interest_count : play->lane_count;
    struct wish *wishes = mw_alloc_zero((wanted + 1) * sizeof(*wishes));
    for (uint32_t i = 0; i < wanted; i++) {
        if (interest_count == 0) {
            wishes[i] = (struct wish){&play->lanes[i], play->lanes[i].key.timeframe};
            continue;
        }
        wishes[i].timeframe = interests[i].timeframe;
        mw_status status = find_lane(play, &interests[i], &wishes[i].lane, err);
        if (status != MW_OK) {
            mw_free(wishes);
            return status;
        }
    }
    qsort(wishes, wanted, sizeof(*wishes), compare_wishes);
    *count = 0;
    for (uint32_t i = 0; i < wanted; i++)
        if (i == 0 || compare_wishes(&wishes[i], &wishes[*count - 1]) != 0)
            wishes[(*count)++] = wishes[i];
    *out = wishes;
    return MW_OK;
}

/* The lane with the finest bars of the same feed and symbol: what the account follows. */
static struct mw_play_lane *find_finest(struct mw_play *play, const struct mw_play_lane *lane)
{
    struct mw_play_lane *finest = NULL;
    for (uint32_t i = 0; i < play->lane_count; i++) {
        struct mw_play_lane *one = &play->lanes[i];
        if (strcmp(one->key.symbol, lane->key.symbol) == 0 &&
            strcmp(one->key.feed, lane->key.feed) == 0 &&
            (finest == NULL ||
             mw_timeframe_ms(one->key.timeframe) < mw_timeframe_ms(finest->key.timeframe)))
            finest = one;
    }
    return finest;
}

/* Has the account follow each symbol that is told of, in the data's order, and finds when the test
 * begins. */
static mw_status count_lanes(struct mw_play *play, const struct wish *wishes, uint32_t count,
                             struct mw_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        wishes[i].lane->counted = true;
        find_finest(play, wishes[i].lane)->priced = true;
    }
    play->holds = mw_alloc_zero((play->lane_count + 1) * sizeof(*play->holds));
    play->start_ms = INT64_MAX;
    for (uint32_t i = 0; i < play->lane_count; i++) {
        struct mw_play_lane *lane = &play->lanes[i];
        const struct mw_dataset_series *data = lane->data;
        if (lane->priced) {
            mw_status status = mw_account_add(play->account, lane->key.feed, lane->key.symbol,
                                              &lane->instrument, err);
            if (status != MW_OK)
                return status;
            lane->counted = true;
        }
        if (!lane->counted)
            continue;
        int64_t from_ms = play->options->from_ms;
        uint32_t first = from_ms > INT64_MIN ? mw_play_count_until(data, from_ms - 1) : 0;
        uint32_t end = mw_play_count_until(data, play->options->to_ms);
        if (first >= end)
            continue;
        play->total += end - first;
        if (data->rows[first].open_ms < play->start_ms)
            play->start_ms = data->rows[first].open_ms;
        int64_t close_ms = mw_timeframe_next(lane->key.timeframe, data->rows[end - 1].open_ms);
        if (close_ms > play->last_ms)
            play->last_ms = close_ms;
    }
    play->instrument_count = mw_account_instrument_count(play->account);
    return MW_OK;
}

static mw_status fail_empty(const struct mw_play *play, struct mw_error *err)
{
    const struct mw_dataset *data = play->options->data;
    int64_t first_ms = INT64_MAX, last_ms = INT64_MIN;
    char from[MW_TIME_TEXT_BYTES], to[MW_TIME_TEXT_BYTES];
    for (uint32_t i = 0; i < mw_dataset_count(data); i++) {
        const struct mw_dataset_series *series = mw_dataset_series(data, i);
        if (series->rows[0].open_ms < first_ms)
            first_ms = series->rows[0].open_ms;
        if (series->rows[series->count - 1].open_ms > last_ms)
            last_ms = series->rows[series->count - 1].open_ms;
    }
    if (mw_dataset_count(data) == 0)
        return mw_fail(err, MW_EINVAL, "there are no data to run over");
    return mw_fail(err, MW_EINVAL,
                   "no bar of what strategy %s is told of opens in that time; the data are from %s "
                   "to %s",
                   play->name, mw_time_format(first_ms, from), mw_time_format(last_ms, to));
}

static mw_status open_watch(struct mw_play *play, const struct wish *wish,
                            struct mw_play_watch *watch, struct mw_error *err)
{
    struct mw_play_made *made;
    watch->lane = wish->lane;
    if (mw_timeframe_equal(wish->timeframe, wish->lane->key.timeframe)) {
        watch->series = wish->lane->series;
        wish->lane->watch = watch;
        if (wish->lane->data->hole_count == 0)
            return MW_OK;
    } else {
        mw_status status = mw_play_make(play, wish->lane, wish->timeframe, &made, err);
        if (status != MW_OK)
            return status;
        made->watch = watch;
        watch->series = made->series;
    }
    watch->cursor = mw_cursor_new(watch->series, true);
    return MW_OK;
}

static mw_status open_all(struct mw_play *play, const struct wish *wishes, uint32_t count,
                          struct mw_error *err)
{
    play->watches = mw_alloc_zero((count + 1) * sizeof(*play->watches));
    play->watch_count = count;
    play->due_words = (count + 63) / 64;
    play->due = mw_alloc_zero((play->due_words + 1) * sizeof(*play->due));
    for (uint32_t i = 0; i < play->lane_count; i++) {
        if (!play->lanes[i].counted)
            continue;
        mw_status status = mw_play_begin(play, &play->lanes[i], err);
        if (status != MW_OK)
            return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        play->watches[i].rank = i;
        mw_status status = open_watch(play, &wishes[i], &play->watches[i], err);
        if (status != MW_OK)
            return status;
    }
    memset(play->due, 0, play->due_words * sizeof(*play->due)); /* nothing of the past is told */
    return MW_OK;
}

mw_status mw_play_open_watches(struct mw_play *play, struct mw_error *err)
{
    struct wish *wishes;
    uint32_t count;
    mw_status status = find_wishes(play, &wishes, &count, err);
    if (status != MW_OK)
        return status;
    play->last_ms = INT64_MIN;
    status = count_lanes(play, wishes, count, err);
    if (status == MW_OK && play->start_ms == INT64_MAX)
        status = fail_empty(play, err);
    play->now_ms = play->start_ms;
    if (status == MW_OK)
        status = open_all(play, wishes, count, err);
    mw_free(wishes);
    return status;
}

void mw_play_close_watches(struct mw_play *play)
{
    for (uint32_t i = 0; i < play->watch_count; i++)
        mw_cursor_free(play->watches[i].cursor);
    mw_free(play->watches);
    mw_free(play->due);
    mw_free(play->holds);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_bar(struct mw_play *play, struct mw_play_watch *watch,
                     const struct mw_candle *candle, int64_t close_ms)
{
    const struct mw_series_key *key = mw_series_key(watch->series);
    if (candle->open_ms < play->options->from_ms)
        return;
    if (watch->bars > 0 && candle->open_ms != watch->next_ms) {
        watch->absent_count++;
        watch->absent +=
            mw_timeframe_buckets(key->timeframe, watch->next_ms,
                                 mw_timeframe_floor(key->timeframe, candle->open_ms - 1));
    }
    watch->next_ms = close_ms;
    watch->bars++;
    play->bar = candle;
    play->bar_key = key;
    mw_strategy_handle_bar(play->strategy, candle, key);
    play->bar = NULL;
}

static void tell_news(struct mw_play *play, const struct mw_cursor_news *news,
                      const struct mw_series_key *key)
{
    struct mw_event event = mw_event_of_news(news, key);
    event.time_ms = play->now_ms;
    snprintf(event.strategy, sizeof(event.strategy), "%s", mw_strategy_name(play->strategy));
    if (news->kind == MW_CURSOR_LAGGED)
        mw_strategy_count_lost(play->strategy, news->count);
    mw_strategy_handle_state(play->strategy, &event);
}

static void tell_by_cursor(struct mw_play *play, struct mw_play_watch *watch)
{
    const struct mw_series_key *key = mw_series_key(watch->series);
    struct mw_cursor_news news;
    while (!play->failed) {
        mw_cursor_kind kind = mw_cursor_next(watch->cursor, 0, &news);
        if (kind == MW_CURSOR_NOTHING || kind == MW_CURSOR_HELD)
            return;
        if (kind == MW_CURSOR_BAR)
            tell_bar(play, watch, &news.candle,
                     mw_timeframe_next(key->timeframe, news.candle.open_ms));
        else if (news.kind == MW_CURSOR_LAGGED || news.kind == MW_CURSOR_REVISED ||
                 news.to_ms >= play->options->from_ms)
            tell_news(play, &news, key);
    }
}

void mw_play_tell(struct mw_play *play)
{
    for (uint32_t word = 0; word < play->due_words; word++) {
        while (play->due[word] != 0 && !play->failed) {
            uint32_t bit = (uint32_t)__builtin_ctzll(play->due[word]);
            play->due[word] &= play->due[word] - 1;
            struct mw_play_watch *watch = &play->watches[word * 64 + bit];
            if (watch->cursor != NULL)
                tell_by_cursor(play, watch);
            else
                tell_bar(play, watch, &watch->lane->data->rows[watch->lane->at - 1], play->now_ms);
        }
    }
}
