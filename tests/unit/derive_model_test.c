/* derive_model_test.c - random changes of a source, and derived series against plain sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "market/derive.h"

/* Sanitized builds are slower, and play fewer rounds. */
#ifndef MW_MODEL_SEEDS
#define MW_MODEL_SEEDS 4
#endif

enum { SEEDS = MW_MODEL_SEEDS };
enum { STEPS = 1200, BIG = 60000, ROWS_MAX = 4096, GAPS_MAX = 4096, TIMEFRAMES = 4 };

static const int64_t now = 4000000000000;
static const int64_t begin_ms = INT64_C(1709164800000) - 5400000; /* before a leap day */
static const char *const timeframes[TIMEFRAMES] = {"5m", "7m", "90m", "1d"};

/* What a series holds. */
struct picture {
    struct mw_candle rows[ROWS_MAX];
    uint32_t row_count;
    struct mw_gap gaps[GAPS_MAX];
    uint32_t gap_count;
};

struct model {
    struct mw_random random;
    struct mw_cache *cache;
    struct mw_series *source, *big, *derived[TIMEFRAMES];
    struct picture now, *made[TIMEFRAMES], *before[TIMEFRAMES];
    uint64_t revisions[TIMEFRAMES];
    int64_t newest_ms;
    bool full, in_parts; /* several changes before what is made of them follows */
    uint32_t capacity, compared, frozen, revised, holes;
};

static uint32_t upto(struct model *model, uint32_t limit)
{
    return (uint32_t)(mw_random_next(&model->random) % limit);
}

static void look(struct mw_series *series, struct picture *picture)
{
    picture->row_count =
        mw_series_read_from(series, INT64_MIN, INT64_MAX, ROWS_MAX, true, picture->rows);
    picture->gap_count = mw_series_copy_gaps(series, picture->gaps, GAPS_MAX);
    assert_true(picture->row_count < ROWS_MAX && picture->gap_count < GAPS_MAX);
}

static mw_hole hole_between(const struct picture *picture, int64_t from_ms, int64_t to_ms)
{
    mw_hole worst = MW_HOLE_NONE;
    for (uint32_t i = 0; i < picture->gap_count; i++) {
        const struct mw_gap *gap = &picture->gaps[i];
        if (gap->from_ms > to_ms || gap->to_ms < from_ms)
            continue;
        if (!gap->given_up)
            return MW_HOLE_OPEN;
        worst = MW_HOLE_GIVEN_UP;
    }
    return worst;
}

/* The first row at or after `open_ms`. */
static uint32_t lower_bound(const struct mw_candle *rows, uint32_t count, int64_t open_ms)
{
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (rows[middle].open_ms < open_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static const struct mw_candle *row_at(const struct picture *picture, int64_t open_ms)
{
    uint32_t at = lower_bound(picture->rows, picture->row_count, open_ms);
    return at < picture->row_count && picture->rows[at].open_ms == open_ms ? &picture->rows[at]
                                                                           : NULL;
}

/* --- changes ---------------------------------------------------------------------------------- */

static struct mw_candle random_candle(struct model *model, int64_t open_ms)
{
    double a = 100 + upto(model, 1000), b = 100 + upto(model, 1000);
    uint32_t kind = upto(model, 4);
    struct mw_candle candle = {.open_ms = open_ms,
                               .open = a,
                               .high = a > b ? a + 1 : b + 1,
                               .low = a < b ? a - 1 : b - 1,
                               .close = b,
                               .volume = upto(model, 1000) / 10.0,
                               .turnover = upto(model, 50) == 0 ? (double)NAN : 1 + upto(model, 9),
                               .trades = 1 + upto(model, 9)};
    if (kind > 0) {
        candle.state = MW_CANDLE_CLOSED;
        candle.closed_by = kind == 1   ? MW_CLOSED_BY_SUCCESSOR
                           : kind == 2 ? MW_CLOSED_BY_CLOCK
                                       : MW_CLOSED_BY_EXCHANGE;
    }
    if (upto(model, 3) == 0)
        candle.source = MW_SOURCE_BACKFILL;
    if (upto(model, 5) == 0)
        candle.flags = MW_CANDLE_FLAGGED;
    return candle;
}

static int64_t minutes(uint32_t count)
{
    return count * (int64_t)MW_MS_PER_MINUTE;
}

static int64_t some_minute(struct model *model)
{
    uint32_t back = upto(model, upto(model, 3) == 0 ? model->capacity + 20 : 30);
    return model->newest_ms - minutes(back);
}

static void change(struct model *model)
{
    int64_t from_ms = some_minute(model);
    int64_t to_ms = from_ms + minutes(upto(model, 20));
    struct mw_candle candle;
    uint32_t what = upto(model, 100);
    if (what < 75) { /* mostly on in time, with some steps left out, and now and then far */
        int64_t open_ms = what < 50   ? model->newest_ms + minutes(upto(model, 2))
                          : what < 56 ? model->newest_ms + minutes(upto(model, 40))
                                      : from_ms;
        if (what == 50 && upto(model, 4) == 0)
            open_ms += minutes(upto(model, 2000));
        candle = random_candle(model, open_ms);
        mw_put put = (model->in_parts ? mw_cache_put_part : mw_cache_put)(
            model->cache, model->source, &candle, now, NULL);
        if (put != MW_PUT_LATE)
            mw_series_put(model->big, &candle, now, NULL);
        if (open_ms > model->newest_ms)
            model->newest_ms = open_ms;
    } else if (what < 80) {
        mw_cache_close_newest(model->cache, model->source, model->newest_ms);
        mw_series_close_newest(model->big, model->newest_ms);
    } else if (what < 85) {
        mw_series_interrupt(model->source);
        mw_series_interrupt(model->big);
        mw_cache_touch(model->cache, model->source);
    } else if (what < 95) {
        mw_series_prove(model->source, from_ms, to_ms);
        mw_cache_touch(model->cache, model->source);
    } else {
        mw_series_give_up(model->source, from_ms, to_ms);
        mw_cache_touch(model->cache, model->source);
    }
}

/* --- what has to come out --------------------------------------------------------------------- */

/* The bar of from_ms..to_ms in plain sums. False when there is none. */
static bool plain_bar(const struct mw_candle *rows, uint32_t count, int64_t from_ms,
                      int64_t next_ms, struct mw_candle *bar)
{
    bool any = false;
    uint32_t past = lower_bound(rows, count, next_ms);
    for (uint32_t i = lower_bound(rows, count, from_ms); i < past; i++) {
        const struct mw_candle *row = &rows[i];
        if (!any) {
            *bar = *row;
            bar->open_ms = from_ms;
        } else {
            bar->high = fmax(bar->high, row->high);
            bar->low = fmin(bar->low, row->low);
            bar->close = row->close;
            bar->volume += row->volume;
            bar->turnover += row->turnover;
            bar->trades += row->trades;
            bar->flags |= row->flags;
        }
        bar->state = row->state;
        bar->closed_by = row->closed_by;
        if (row->open_ms + MW_MS_PER_MINUTE < next_ms) {
            bar->state = MW_CANDLE_FORMING;
            bar->closed_by = MW_CLOSED_BY_NOBODY;
        }
        any = true;
    }
    if (any && rows[count - 1].open_ms >= next_ms && bar->state == MW_CANDLE_FORMING) {
        bar->state = MW_CANDLE_CLOSED;
        bar->closed_by = MW_CLOSED_BY_SUCCESSOR;
    }
    return any;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (fabs(a) + fabs(b)) || (isnan(a) && isnan(b));
}

static void assert_values(const struct mw_candle *got, const struct mw_candle *want)
{
    assert_true(got->open == want->open && got->high == want->high);
    assert_true(got->low == want->low && got->close == want->close);
    assert_true(near(got->volume, want->volume) && near(got->turnover, want->turnover));
    assert_int_equal(got->trades, want->trades);
    assert_int_equal(got->state, want->state);
    assert_int_equal(got->closed_by, want->closed_by);
}

/* A bucket whose beginning the ring has dropped: whole and right, or given up. */
static void check_frozen(struct model *model, const struct picture *made, int64_t bucket_ms,
                         int64_t next_ms)
{
    mw_hole hole = hole_between(made, bucket_ms, next_ms - 1);
    assert_int_not_equal(hole, MW_HOLE_OPEN);
    const struct mw_candle *got = row_at(made, bucket_ms);
    if (hole != MW_HOLE_NONE || got == NULL) {
        assert_true(got == NULL || (got->flags & MW_CANDLE_UNPROVEN));
        return;
    }
    static struct mw_candle rows[BIG];
    uint32_t count = mw_series_read_from(model->big, bucket_ms, INT64_MAX, BIG, true, rows);
    struct mw_candle want = {0};
    assert_true(count < BIG && plain_bar(rows, count, bucket_ms, next_ms, &want));
    assert_values(got, &want);
    model->frozen++;
}

static void check_bucket(struct model *model, const struct picture *made, int64_t bucket_ms,
                         int64_t next_ms)
{
    const struct picture *source = &model->now;
    const struct mw_candle *got = row_at(made, bucket_ms);
    if (bucket_ms < source->rows[0].open_ms && source->row_count == model->capacity) {
        check_frozen(model, made, bucket_ms, next_ms);
        return;
    }
    struct mw_candle want = {0};
    mw_hole hole = hole_between(source, bucket_ms, next_ms - 1);
    if (bucket_ms < source->rows[0].open_ms)
        hole = MW_HOLE_OPEN;
    assert_int_equal(hole_between(made, bucket_ms, next_ms - 1), hole);
    bool any = plain_bar(source->rows, source->row_count, bucket_ms, next_ms, &want);
    assert_int_equal(got != NULL, any);
    model->compared++;
    model->holes += hole != MW_HOLE_NONE;
    if (!any)
        return;
    bool doubted = hole != MW_HOLE_NONE || (want.flags & MW_CANDLE_UNPROVEN);
    assert_int_equal((got->flags & MW_CANDLE_UNPROVEN) != 0, doubted);
    assert_int_equal(got->source, MW_SOURCE_RESAMPLED);
    bool patient = mw_series_gap_wait_ms(model->source) > 0;
    if (!(patient && hole == MW_HOLE_OPEN && got->state == MW_CANDLE_CLOSED))
        assert_values(got, &want);
}

static bool is_revised(struct mw_series *series, uint64_t after, int64_t open_ms)
{
    struct mw_revision list[MW_SERIES_REVISIONS_MAX];
    uint32_t count = mw_series_read_revisions(series, after, MW_SERIES_REVISIONS_MAX, list);
    for (uint32_t i = 0; i < count; i++)
        if (list[i].open_ms == open_ms)
            return true;
    return false;
}

/* What was closed before and is different now, or was quiet before, is told as revised. */
static void check_revisions(struct model *model, uint32_t index)
{
    const struct picture *before = model->before[index], *after = model->made[index];
    for (uint32_t i = 0; i < after->row_count && before->row_count > 0; i++) {
        const struct mw_candle *got = &after->rows[i], *old = row_at(before, got->open_ms);
        bool told = is_revised(model->derived[index], model->revisions[index], got->open_ms);
        if (old != NULL && old->state == MW_CANDLE_CLOSED) {
            assert_int_equal(got->state, MW_CANDLE_CLOSED);
            bool same = got->open == old->open && got->high == old->high && got->low == old->low &&
                        got->close == old->close && got->volume == old->volume;
            assert_true(same || told);
            assert_true(same || (got->flags & MW_CANDLE_REVISED));
            model->revised += told;
        } else if (old == NULL && got->open_ms > before->rows[0].open_ms &&
                   got->open_ms < before->rows[before->row_count - 1].open_ms) {
            bool quiet = hole_between(before, got->open_ms, got->open_ms) == MW_HOLE_NONE;
            assert_true(told || !quiet);
            assert_true(told == quiet || model->in_parts); /* may be revised after it came */
        }
    }
    model->revisions[index] = mw_series_revision_count(model->derived[index]);
}

static void check(struct model *model)
{
    look(model->source, &model->now);
    if (model->now.row_count == 0)
        return;
    int64_t newest_ms = model->now.rows[model->now.row_count - 1].open_ms;
    for (uint32_t i = 0; i < TIMEFRAMES; i++) {
        struct mw_timeframe timeframe = mw_series_key(model->derived[i])->timeframe;
        struct picture *made = model->before[i];
        model->before[i] = model->made[i];
        model->made[i] = made;
        look(model->derived[i], made);
        int64_t at_ms = mw_timeframe_floor(timeframe, model->now.rows[0].open_ms);
        for (uint32_t row = 0; row + 1 < made->row_count; row++)
            assert_int_equal(made->rows[row].state, MW_CANDLE_CLOSED);
        while (at_ms <= newest_ms) {
            int64_t next_ms = mw_timeframe_next(timeframe, at_ms);
            check_bucket(model, made, at_ms, next_ms);
            at_ms = next_ms;
        }
        check_revisions(model, i);
    }
}

static void derive_all(struct model *model)
{
    for (uint32_t i = 0; i < TIMEFRAMES; i++) {
        struct mw_timeframe timeframe;
        assert_int_equal(mw_timeframe_parse(timeframes[i], &timeframe, NULL), MW_OK);
        assert_int_equal(
            mw_derive(model->cache, model->source, timeframe, &model->derived[i], NULL), MW_OK);
    }
}

static struct model *model_new(uint64_t seed, uint32_t capacity, int64_t gap_wait_ms)
{
    struct model *model = mw_alloc_zero(sizeof(*model));
    const struct mw_series_key key = {.feed = "f", .symbol = "X", .timeframe = {1, 'm'}};
    model->random.state = seed;
    model->capacity = capacity;
    model->newest_ms = begin_ms;
    model->cache = mw_cache_new(capacity);
    for (uint32_t i = 0; i < TIMEFRAMES; i++) {
        model->made[i] = mw_alloc_zero(sizeof(struct picture));
        model->before[i] = mw_alloc_zero(sizeof(struct picture));
    }
    model->big = mw_series_new(&key, BIG);
    assert_int_equal(mw_cache_add(model->cache, &key, &model->source, NULL), MW_OK);
    atomic_store(&mw_series_note(model->source)->gap_wait_ms, gap_wait_ms);
    return model;
}

static void model_free(struct model *model)
{
    for (uint32_t i = 0; i < TIMEFRAMES; i++) {
        mw_free(model->made[i]);
        mw_free(model->before[i]);
    }
    mw_series_free(model->big);
    mw_cache_free(model->cache);
    mw_free(model);
}

static void run_with(uint64_t seed, uint32_t capacity, int64_t gap_wait_ms, bool in_parts)
{
    struct model *model = model_new(seed, capacity, gap_wait_ms);
    model->in_parts = in_parts;
    uint32_t late = seed % 3 == 0 ? 300 : 0; /* some are made of what is there already */
    for (uint32_t step = 0; step < STEPS; step++) {
        if (step == late)
            derive_all(model);
        change(model);
        if (in_parts && upto(model, 6) != 0)
            continue;
        if (in_parts)
            mw_derive_update(model->cache, model->source);
        if (step >= late)
            check(model);
    }
    if (capacity > 10)
        assert_true(model->compared > STEPS && model->holes > 100);
    if (capacity > 10 && capacity < 500)
        assert_true(model->frozen > 10 && model->revised > 10);
    model_free(model);
}

static void run(uint64_t seed, uint32_t capacity, int64_t gap_wait_ms)
{
    run_with(seed, capacity, gap_wait_ms, false);
}

static void derived_bars_are_plain_sums_of_what_the_ring_has(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, 300, 0);
}

static void so_they_are_when_holes_are_being_filled(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 10 + SEEDS; seed++)
        run(seed, 300, 1000);
}

static void so_they_are_in_rings_shorter_than_a_bucket(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 20 + 2 * SEEDS; seed++)
        run(seed, 3 + (uint32_t)seed, 0);
}

static void so_they_are_when_they_follow_several_changes_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed <= 38; seed++)
        run_with(seed, 300, seed % 2 == 0 ? 0 : 1000, true);
    for (uint64_t seed = 41; seed <= 48; seed++) /* bars are dropped that nobody has seen */
        run_with(seed, 2 + (uint32_t)seed % 4, 0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derived_bars_are_plain_sums_of_what_the_ring_has),
        cmocka_unit_test(so_they_are_when_holes_are_being_filled),
        cmocka_unit_test(so_they_are_when_they_follow_several_changes_at_once),
        cmocka_unit_test(so_they_are_in_rings_shorter_than_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
