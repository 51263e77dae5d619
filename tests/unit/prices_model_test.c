/* prices_model_test.c - answers of random sources at random times, held against a naive merge.
 *
 * The model knows of each minute which source has a bar there and whether its absence is known, and
 * goes through them one by one. Prices tell the source: a bar of minute m is worth m and 10000
 * times the number of its source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "history/prices.h"
#include "store_file.h"

enum { MINUTES = 300, RING = 40, ROUNDS = 150, QUESTIONS = 120, STEP = 5, ROWS = 4096 };
enum { RING_WORTH = 10000, STORE_WORTH = 20000, CONTEXT_WORTH = 30000 };

static const int64_t begin_ms = 1577836800000; /* 2020-01-01 */
static const struct mw_timeframe minute = {1, 'm'}, five = {STEP, 'm'};

/* What one minute is to one source. */
struct place {
    bool has, hole, doubted;
};

struct world {
    struct mw_random random;
    struct mw_series_key key; /* of the minutes */
    int rarity;               /* of holes and bars that are absent */
    struct mw_cache *cache;
    struct mw_series *series; /* NULL for none */
    struct mw_store *store;   /* NULL for none */
    struct mw_prices *prices;
    struct place ring[MINUTES], store_at[MINUTES], context[MINUTES];
    struct mw_candle ring_rows[MINUTES];
    int ring_from, ring_end;   /* oldest bar, after the newest closed; MINUTES, -1 for none */
    bool forms;                /* ring_rows[ring_end] or later is forming: */
    int forming;               /* its minute; -1 for none */
    int store_from, store_end; /* known; equal for none */
    int context_from, context_end;
    bool whole;
};

static int64_t ms_of(int64_t at)
{
    return begin_ms + at * MW_MS_PER_MINUTE;
}

static int pick(struct world *world, int count)
{
    return count <= 0 ? 0 : (int)(mw_random_next(&world->random) % (uint64_t)count);
}

static struct mw_candle bar(int at, double worth)
{
    double price = worth + at + 1;
    return (struct mw_candle){.open_ms = ms_of(at),
                              .open = price,
                              .high = price + 0.5,
                              .low = price - 0.5,
                              .close = price + 0.25,
                              .volume = 1 + at % 7,
                              .turnover = price,
                              .trades = 3,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

/* --- making a world --------------------------------------------------------------------------- */

static void fill_ring(struct world *world)
{
    const struct mw_series_key key = world->key;
    world->ring_from = MINUTES;
    world->ring_end = world->forming = -1;
    if (pick(world, 6) == 0)
        return;
    assert_int_equal(mw_cache_add(world->cache, &key, &world->series, NULL), MW_OK);
    mw_series_set_health(world->series, (mw_series_health)pick(world, 3));
    int from = pick(world, MINUTES), to = from + pick(world, MINUTES - from);
    for (int at = from; at < to; at++) {
        struct mw_candle candle = bar(at, RING_WORTH);
        if (pick(world, 10 * world->rarity) == 0)
            continue;
        if (pick(world, 12 * world->rarity) == 0) { /* closed without the venue's word */
            candle.state = MW_CANDLE_FORMING;
            candle.closed_by = MW_CLOSED_BY_NOBODY;
            candle.flags = MW_CANDLE_FLAGGED;
        }
        mw_series_put(world->series, &candle, ms_of(MINUTES), NULL);
        if (pick(world, 40 * world->rarity) == 0)
            mw_series_interrupt(world->series);
        if (pick(world, 20) == 0)
            mw_series_prove(world->series, ms_of(at - pick(world, 10)), ms_of(at));
    }
    struct mw_candle rows[RING];
    uint32_t count = mw_series_read_last(world->series, INT64_MAX, RING, true, rows);
    for (uint32_t i = 0; i < count; i++) {
        int at = (int)((rows[i].open_ms - begin_ms) / MW_MS_PER_MINUTE);
        world->ring_rows[at] = rows[i];
        world->ring[at].has = true;
        world->ring[at].doubted = (rows[i].flags & MW_CANDLE_UNPROVEN) != 0;
        world->ring_from = at < world->ring_from ? at : world->ring_from;
        if (rows[i].state == MW_CANDLE_FORMING)
            world->forming = at;
        else
            world->ring_end = at + 1;
    }
    for (int at = 0; at < MINUTES; at++)
        world->ring[at].hole = mw_series_find_gap(world->series, ms_of(at), ms_of(at), NULL);
}

static void fill_store(struct world *world)
{
    static struct mw_candle rows[MINUTES];
    static struct mw_gap holes[MINUTES];
    const struct mw_series_key key = world->key;
    struct mw_store_part part = {.key = &key, .rows = rows, .holes = holes};
    world->store_from = world->store_end = 0;
    if (pick(world, 5) == 0)
        return;
    world->store_from = pick(world, MINUTES);
    world->store_end = world->store_from + 1 + pick(world, MINUTES - world->store_from);
    for (int at = world->store_from; at < world->store_end; at++) {
        struct place *place = &world->store_at[at];
        place->has = pick(world, 8 * world->rarity) != 0;
        place->hole = pick(world, 15 * world->rarity) == 0;
        if (place->has) {
            rows[part.row_count] = bar(at, STORE_WORTH);
            place->doubted = place->hole;
            if (place->hole)
                rows[part.row_count].flags = MW_CANDLE_UNPROVEN;
            part.row_count++;
        }
        if (place->hole && part.hole_count > 0 && holes[part.hole_count - 1].to_ms == ms_of(at - 1))
            holes[part.hole_count - 1].to_ms = ms_of(at);
        else if (place->hole)
            holes[part.hole_count++] = (struct mw_gap){ms_of(at), ms_of(at), false};
    }
    part.from_ms = ms_of(world->store_from);
    part.to_ms = ms_of(world->store_end - 1);
    struct mw_error err;
    if (mw_store_write(world->store, &part, 1, NULL, &err) != MW_OK)
        fail_msg("%s", err.message);
    mw_prices_set_store(world->prices, world->store);
}

static void fill_context(struct world *world)
{
    struct mw_series_key key = world->key;
    key.feed[0] = '\0';
    world->context_from = world->context_end = 0;
    if (pick(world, 3) == 0)
        return;
    if (pick(world, 2) == 0)
        snprintf(key.feed, sizeof(key.feed), "demo");
    struct mw_candle *rows = mw_alloc(MINUTES * sizeof(*rows));
    uint32_t count = 0;
    world->whole = pick(world, 2) == 0;
    int from = pick(world, MINUTES), to = from + 1 + pick(world, MINUTES - from);
    for (int at = from; at < to; at++) {
        if (at > from && pick(world, 6 * world->rarity) == 0)
            continue;
        world->context[at].has = true;
        world->context_end = at + 1;
        rows[count++] = bar(at, CONTEXT_WORTH);
    }
    world->context_from = from;
    assert_int_equal(mw_prices_add_context(world->prices, &key, rows, count, world->whole, NULL),
                     MW_OK);
}

static void begin(struct world *world, uint64_t seed, struct mw_store *store)
{
    *world = (struct world){.random = {.state = seed}, .key = {"demo", "", minute}};
    snprintf(world->key.symbol, sizeof(world->key.symbol), "BTC%u", (unsigned)seed);
    world->rarity = pick(world, 2) == 0 ? 1 : 20;
    world->cache = mw_cache_new(RING);
    world->prices = mw_prices_new(world->cache);
    world->store = store;
    fill_ring(world);
    fill_store(world);
    fill_context(world);
}

static void end(struct world *world)
{
    mw_prices_free(world->prices);
    mw_cache_free(world->cache);
}

/* --- the model -------------------------------------------------------------------------------- */

struct model {
    struct mw_candle rows[MINUTES];
    int count;
    const char *reason;
};

/* The newest minute of any kind, plus one; what is after it is nothing to anybody. */
static int past_end(const struct world *world)
{
    return world->context_end > world->store_end ? world->context_end : world->store_end;
}

static int past_begin(const struct world *world)
{
    int begin = MINUTES;
    if (world->store_end > world->store_from)
        begin = world->store_from;
    if (world->context_end > world->context_from && world->context_from < begin)
        begin = world->context_from;
    return begin;
}

/* The bar of store or context, or NULL. */
static bool past_bar(const struct world *world, int at, struct mw_candle *row)
{
    if (world->store_at[at].has) {
        *row = bar(at, STORE_WORTH);
        row->source = MW_SOURCE_STORE;
        row->flags = world->store_at[at].hole ? MW_CANDLE_UNPROVEN : 0;
    } else if (world->context[at].has) {
        *row = bar(at, CONTEXT_WORTH);
        row->source = MW_SOURCE_CONTEXT;
    } else {
        return false;
    }
    return true;
}

static bool past_knows(const struct world *world, int at)
{
    bool stored = at >= world->store_from && at < world->store_end && !world->store_at[at].hole;
    bool handed = at >= world->context_from && at < world->context_end &&
                  (world->whole || world->context[at].has);
    return stored || (handed && !world->store_at[at].doubted);
}

static int floor_minute(int64_t time_ms)
{
    int64_t at = mw_timeframe_floor(minute, time_ms) - begin_ms;
    at /= MW_MS_PER_MINUTE;
    return at < -1 ? -1 : at > MINUTES ? MINUTES : (int)at;
}

/* What is true of one minute, for questions in minutes. */
static bool model_row(const struct world *world, const struct mw_price_query *query, int at,
                      struct mw_candle *row)
{
    bool live = query->now_ms == INT64_MAX;
    int now = live ? MINUTES : floor_minute(query->now_ms); /* the bucket that has begun */
    if (at < world->ring_from)
        return at < now && past_bar(world, at, row);
    if (!world->ring[at].has)
        return false;
    *row = world->ring_rows[at];
    if (at != world->forming)
        return live || at < now;
    if (at < now && past_bar(world, at, row))
        return true;
    return query->forming && (live || at <= now);
}

static int limit_of(const struct mw_price_query *query)
{
    return query->count > 0 ? (int)query->count : query->has_start ? MINUTES : RING;
}

static void answer_minutes(const struct world *world, const struct mw_price_query *query,
                           struct model *model)
{
    bool live = query->now_ms == INT64_MAX, closed_elsewhere = false;
    int now = live ? MINUTES : floor_minute(query->now_ms);
    int64_t finish_ms = query->finish_ms;
    int64_t last_ms = live ? INT64_MAX : ms_of(now) - !query->forming;
    if (!live && last_ms < finish_ms)
        finish_ms = last_ms;
    if (!live && query->forming && finish_ms == ms_of(now) && now < MINUTES && now >= 0 &&
        world->ring[now].has && now != world->forming)
        finish_ms = ms_of(now) - 1; /* closed meanwhile */
    struct mw_candle rows[MINUTES];
    int count = 0;
    for (int at = 0; at < MINUTES; at++)
        if (ms_of(at) <= finish_ms && (!query->has_start || ms_of(at) >= query->start_ms) &&
            model_row(world, query, at, &rows[count]))
            count++;
    int limit = limit_of(query), skip = count > limit ? count - limit : 0;
    if (query->count == 0 && !query->has_start && count > 0 && world->series != NULL &&
        mw_series_count(world->series) == RING &&
        rows[count - 1].open_ms >= ms_of(world->ring_from))
        while (rows[skip].open_ms < ms_of(world->ring_from))
            skip++; /* what a full ring has is enough */
    model->count = count - skip;
    memcpy(model->rows, rows + skip, (size_t)model->count * sizeof(*rows));

    struct mw_candle joined;
    if (world->forming >= 0 && world->forming < now && ms_of(world->forming) <= finish_ms)
        closed_elsewhere = past_bar(world, world->forming, &joined);
    int known_end = world->ring_end >= 0 ? world->ring_end : past_end(world);
    if (closed_elsewhere)
        known_end = world->forming + 1;
    int known_begin = world->ring_from < past_begin(world) ? world->ring_from : past_begin(world);
    bool kept = world->series != NULL && mw_series_get_health(world->series) != MW_SERIES_IDLE;
    bool nothing = known_begin == MINUTES;
    bool over = !nothing && finish_ms != INT64_MAX && ms_of(known_end) > finish_ms;
    int64_t first = query->has_start
                        ? (query->start_ms - begin_ms + MW_MS_PER_MINUTE - 1) / MW_MS_PER_MINUTE
                        : -1;
    bool reaches = query->count > 0 ? model->count == (int)query->count
                   : !query->has_start
                       ? model->count > 0
                       : !nothing && known_begin <= first &&
                             (model->count > 0 || (query->start_ms <= finish_ms && over));
    if (!kept && !over) {
        model->reason = "unsubscribed";
        return;
    }
    if (!reaches) {
        bool full = kept && mw_series_count(world->series) == RING;
        model->reason = full || query->is_past || !kept ? "short" : "warming";
        return;
    }
    int from = query->has_start ? (int)first : floor_minute(model->rows[0].open_ms);
    model->reason = NULL;
    for (int at = from; at < MINUTES && ms_of(at) <= finish_ms; at++) {
        if (at < world->ring_from ? at < now && (world->ring_from < MINUTES || at < known_end) &&
                                        !past_knows(world, at)
                                  : world->ring[at].hole)
            model->reason = "gap";
    }
    const struct mw_candle *newest = model->count > 0 ? &model->rows[model->count - 1] : NULL;
    if (newest != NULL && (newest->flags & MW_CANDLE_UNPROVEN) != 0 &&
        floor_minute(newest->open_ms) >= world->ring_from)
        model->reason = "gap";
    if (model->reason != NULL || over)
        return;
    bool doubted = world->forming >= 0 && world->ring[world->forming].doubted;
    if (mw_series_get_health(world->series) != MW_SERIES_LIVE || world->ring_from == MINUTES ||
        doubted)
        model->reason = "stale";
}

/* Where the five minutes of minute `at` begin. */
static int64_t five_of(int at)
{
    return ms_of((int64_t)(at / STEP) * STEP);
}

/* Bars of five minutes, which nobody has: of whatever the minutes are. */
static void answer_fives(const struct world *world, const struct mw_price_query *query,
                         struct model *model)
{
    bool live = query->now_ms == INT64_MAX;
    bool any_past = past_end(world) > past_begin(world);
    int now = live ? MINUTES : floor_minute(query->now_ms);
    int ring_from = world->ring_end >= 0 ? world->ring_from : MINUTES;
    int known_end = world->ring_end >= 0 ? world->ring_end : past_end(world);
    int known_begin = past_begin(world) < ring_from ? past_begin(world) : ring_from;
    int64_t finish_ms = query->finish_ms;
    int64_t begun_ms = live ? INT64_MAX : mw_timeframe_floor(five, query->now_ms);
    if (!live && finish_ms > (query->forming ? begun_ms : begun_ms - 1))
        finish_ms = query->forming ? begun_ms : begun_ms - 1;
    int count = 0, unknown_end = -1;
    struct mw_candle rows[MINUTES];
    for (int at = 0; any_past && at + STEP <= known_end && at + STEP <= now; at += STEP) {
        if (ms_of(at) > finish_ms || (query->has_start && ms_of(at) < query->start_ms))
            continue;
        struct mw_candle *row = &rows[count], one;
        bool any = false, whole = true;
        for (int i = at; i < at + STEP; i++) {
            bool in_ring = i >= ring_from;
            bool has =
                in_ring ? world->ring[i].has && i != world->forming : past_bar(world, i, &one);
            if (has && in_ring)
                one = world->ring_rows[i];
            whole = whole && (in_ring ? !world->ring[i].hole : past_knows(world, i));
            if (!has)
                continue;
            if (!any)
                *row = one;
            any = true;
            row->high = one.high > row->high ? one.high : row->high;
            row->low = one.low < row->low ? one.low : row->low;
            row->close = one.close;
            row->volume += row->open_ms != one.open_ms ? one.volume : 0;
        }
        if (any) {
            row->open_ms = ms_of(at);
            row->source = MW_SOURCE_RESAMPLED;
            row->flags = whole ? 0 : MW_CANDLE_UNPROVEN;
            count++;
        }
        if (!whole && at + STEP > known_begin)
            unknown_end = at + STEP;
    }
    int limit = limit_of(query), skip = count > limit ? count - limit : 0;
    model->count = count - skip;
    memcpy(model->rows, rows + skip, (size_t)model->count * sizeof(*rows));

    bool over = any_past && finish_ms != INT64_MAX && five_of(known_end) > finish_ms;
    if (!over) {
        model->reason = "unsubscribed";
        return;
    }
    int64_t first_ms =
        query->has_start
            ? mw_timeframe_floor(five, query->start_ms + (int64_t)STEP * MW_MS_PER_MINUTE - 1)
            : 0;
    bool reaches = query->count > 0    ? model->count == (int)query->count
                   : !query->has_start ? model->count > 0
                                       : five_of(known_begin) <= first_ms &&
                                             (model->count > 0 || query->start_ms <= finish_ms);
    int64_t from_ms = query->has_start ? first_ms : model->count > 0 ? model->rows[0].open_ms : 0;
    model->reason = !reaches                                           ? "short"
                    : unknown_end >= 0 && ms_of(unknown_end) > from_ms ? "gap"
                                                                       : NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

struct asked {
    struct mw_candle *rows; /* owns */
    struct mw_price_buffer buffer;
};

static struct mw_candle *make_room(void *user, uint32_t count)
{
    struct asked *asked = user;
    mw_free(asked->rows);
    asked->rows = mw_alloc(count * sizeof(*asked->rows));
    return asked->rows;
}

static struct mw_price_buffer *get_buffer(void *user)
{
    return &((struct asked *)user)->buffer;
}

/* Nothing, or less than a minute. */
static int64_t some_ms(struct world *world)
{
    return pick(world, 2) == 0 ? 0 : pick(world, 59999);
}

static struct mw_price_query question(struct world *world)
{
    struct mw_price_query query = {
        .start_ms = INT64_MIN, .finish_ms = INT64_MAX, .now_ms = INT64_MAX};
    int kind = pick(world, 8);
    if (kind < 4) {
        query.count = 1 + (uint32_t)pick(world, pick(world, 2) == 0 ? 20 : MINUTES);
    } else if (kind < 7) {
        query.has_start = query.is_past = true;
        query.start_ms = ms_of(pick(world, MINUTES)) - some_ms(world);
    }
    if (pick(world, 2) == 0) {
        query.is_past = true;
        query.finish_ms = ms_of(pick(world, MINUTES)) + some_ms(world);
    }
    query.forming = pick(world, 3) == 0;
    if (pick(world, 2) == 0)
        query.now_ms = ms_of(pick(world, MINUTES)) + some_ms(world);
    return query;
}

static bool same_rows(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->open_ms == b->open_ms && a->open == b->open && a->high == b->high &&
           a->low == b->low && a->close == b->close && a->volume == b->volume &&
           a->state == b->state && a->source == b->source &&
           ((a->flags ^ b->flags) & MW_CANDLE_UNPROVEN) == 0;
}

static void complain(const struct world *world, const struct mw_price_query *query,
                     const struct mw_price_answer *answer, const struct model *model,
                     const struct asked *asked)
{
    print_error("ring %d..%d forming %d, store %d..%d, context %d..%d %d\n", world->ring_from,
                world->ring_end, world->forming, world->store_from, world->store_end,
                world->context_from, world->context_end, world->whole);
    print_error("count %u start %g finish %g now %g forming %d health %d\n", query->count,
                ((double)query->start_ms - (double)begin_ms) / 60000,
                ((double)query->finish_ms - (double)begin_ms) / 60000,
                ((double)query->now_ms - (double)begin_ms) / 60000, query->forming,
                world->series != NULL ? (int)mw_series_get_health(world->series) : -1);
    print_error("%u %s, model %d %s\n", answer->count, answer->reason, model->count, model->reason);
    for (uint32_t i = 0; i < answer->count && (int)i < model->count; i++)
        if (!same_rows(&asked->rows[i], &model->rows[i])) {
            print_error("row %u: minute %d %g flags %d, model %d %g flags %d\n", i,
                        floor_minute(asked->rows[i].open_ms), asked->rows[i].open,
                        asked->rows[i].flags, floor_minute(model->rows[i].open_ms),
                        model->rows[i].open, model->rows[i].flags);
            break;
        }
}

/* Nothing has closed after engine time, and only the bucket of that time forms. */
static void check_time(const struct mw_price_query *query, struct mw_timeframe timeframe,
                       const struct mw_price_answer *answer, const struct asked *asked)
{
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct mw_candle *row = &asked->rows[i];
        assert_true(i == 0 || row->open_ms > asked->rows[i - 1].open_ms);
        assert_true(row->state == MW_CANDLE_CLOSED || query->forming);
        assert_true((row->state == MW_CANDLE_CLOSED ? mw_timeframe_next(timeframe, row->open_ms)
                                                    : row->open_ms) <= query->now_ms);
    }
}

static void ask(struct world *world, struct asked *asked, struct mw_timeframe timeframe,
                uint32_t seen[2])
{
    static struct model model;
    const struct mw_price_query query = question(world);
    const struct mw_price_room room = {make_room, get_buffer, asked};
    bool minutes = timeframe.count == 1;
    struct mw_series_key key = world->key;
    key.timeframe = timeframe;
    struct mw_price_answer answer = {.count = 0};
    mw_prices_answer(world->prices, minutes ? world->series : NULL, &key, &query, &room, &answer);
    if (minutes)
        answer_minutes(world, &query, &model);
    else
        answer_fives(world, &query, &model);
    bool same = (int)answer.count == model.count &&
                (answer.reason == NULL) == (model.reason == NULL) &&
                (answer.reason == NULL || strcmp(answer.reason, model.reason) == 0);
    for (uint32_t i = 0; same && i < answer.count; i++)
        same = same_rows(&asked->rows[i], &model.rows[i]);
    if (!same)
        complain(world, &query, &answer, &model, asked);
    assert_true(same);
    check_time(&query, timeframe, &answer, asked);
    seen[answer.reason == NULL]++;
}

static void compare(void **state, struct mw_timeframe timeframe)
{
    struct world world;
    struct asked asked = {.rows = NULL};
    struct mw_store *store = store_file_open(*state);
    uint32_t seen[2] = {0};
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        begin(&world, round, store);
        for (int i = 0; i < QUESTIONS; i++)
            ask(&world, &asked, timeframe, seen);
        end(&world);
    }
    print_message("%u complete, %u not\n", seen[1], seen[0]);
    assert_true(seen[0] > 200 && seen[1] > 200);
    mw_store_close(store);
    mw_free(asked.rows);
    mw_price_buffer_deinit(&asked.buffer);
}

static void answers_are_those_of_a_naive_merge(void **state)
{
    compare(state, minute);
}

static void bars_of_finer_ones_are_those_of_a_naive_merge(void **state)
{
    compare(state, five);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_those_of_a_naive_merge, store_file_setup,
                                        store_file_teardown),
        cmocka_unit_test_setup_teardown(bars_of_finer_ones_are_those_of_a_naive_merge,
                                        store_file_setup, store_file_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
