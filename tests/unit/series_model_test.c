/* series_model_test.c - what may replace what, and what is known of each bucket, against a model.
 *
 * The model has a cell for each bucket of a stretch of time: whether a bar is there, which, and
 * whether something may be missing. Its rules are written as plainly as they can be. Random puts
 * and the rest of what can happen to a series go to both; after each the rows, holes and revisions
 * have to be the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "market/series.h"

enum { BUCKETS = 500, CAPACITY_MAX = 24, ROUNDS = 30, OPERATIONS = 600 };

static const int64_t now = 4000000000000;

/* The last "7m" bucket of a day has 5 minutes. */
static const struct {
    const char *step, *start;
} cases[] = {
    {"1m", "2018-04-04T22:30Z"}, {"7m", "2018-04-04T12:00Z"}, {"90m", "1969-12-20"},
    {"1w", "2018-04-02"},        {"1M", "1990-01-01"},
};

enum { CERTAIN, OPEN, GIVEN_UP };

struct cell {
    bool present;
    uint8_t doubt; /* CERTAIN, OPEN: it is in a hole, GIVEN_UP */
    struct mw_candle candle;
};

struct model {
    struct cell cells[BUCKETS];
    int oldest, newest; /* -1 while it is empty */
    uint32_t count, capacity;
    int64_t first_live_ms, dropped_ms;
    uint64_t revision_count;
    int revised; /* the last one */
};

struct bench {
    struct mw_timeframe timeframe;
    int64_t opens[BUCKETS];
    struct model model;
    struct mw_series *series;
    struct mw_random random;
    int at; /* where the market is */
};

/* --- the model ------------------------------------------------------------------------------- */

static bool values_differ(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->close != b->close || a->volume != b->volume || a->high != b->high;
}

static bool goes_on(const struct mw_candle *from, const struct mw_candle *to)
{
    return to->volume >= from->volume && to->high >= from->high;
}

/* Writes a bar down; one that is closed without a good word is in a hole. */
static void model_set(struct model *model, int index, struct mw_candle candle)
{
    struct cell *cell = &model->cells[index];
    if (candle.state == MW_CANDLE_CLOSED) {
        bool doubt = candle.closed_by != MW_CLOSED_BY_EXCHANGE && candle.flags & ~MW_CANDLE_REVISED;
        cell->doubt = doubt ? OPEN : CERTAIN;
        if (doubt)
            candle.flags |= MW_CANDLE_UNPROVEN;
    }
    cell->present = true;
    cell->candle = candle;
}

static void model_close(struct model *model, int index, uint8_t closed_by)
{
    struct mw_candle candle = model->cells[index].candle;
    if (candle.state == MW_CANDLE_CLOSED)
        return;
    candle.state = MW_CANDLE_CLOSED;
    candle.closed_by = closed_by;
    model_set(model, index, candle);
}

static void model_drop(struct model *model)
{
    model->dropped_ms = model->cells[model->oldest].candle.open_ms;
    model->cells[model->oldest].present = false;
    for (int i = 0; i <= model->oldest; i++)
        model->cells[i].doubt = CERTAIN;
    while (!model->cells[++model->oldest].present)
        if (model->cells[model->oldest].doubt == OPEN)
            model->cells[model->oldest].doubt = GIVEN_UP;
    model->count--;
}

static void model_add(struct model *model, int index, struct mw_candle candle)
{
    int from = index + 1, to = model->oldest - 1; /* what is not known, if it is the oldest */
    if (index > model->newest) {
        if (model->count > 0)
            model_close(model, model->newest, MW_CLOSED_BY_SUCCESSOR);
        from = model->newest + 1, to = model->count > 0 ? index - 1 : -1;
        model->newest = index;
    } else if (candle.state == MW_CANDLE_FORMING) {
        candle.state = MW_CANDLE_CLOSED;
        candle.closed_by = MW_CLOSED_BY_SUCCESSOR;
        candle.flags |= MW_CANDLE_UNPROVEN;
    }
    if (model->count > 0 && index > model->oldest && index < model->newest &&
        model->cells[index].doubt == CERTAIN) { /* it was quiet */
        model->revision_count++;
        model->revised = index;
    }
    for (; from <= to; from++)
        model->cells[from].doubt = OPEN;
    model_set(model, index, candle);
    if (model->count == 0 || index < model->oldest)
        model->oldest = index;
    if (++model->count > model->capacity)
        model_drop(model);
}

static void model_revise(struct model *model, int index, struct mw_candle candle)
{
    struct mw_candle old = model->cells[index].candle;
    bool certain = old.closed_by == MW_CLOSED_BY_EXCHANGE, differ = values_differ(&old, &candle);
    if (candle.state == MW_CANDLE_FORMING) {
        if (certain || !differ || old.flags & MW_CANDLE_FLAGGED || !goes_on(&old, &candle))
            return;
        candle.state = MW_CANDLE_CLOSED;
        candle.closed_by = old.closed_by;
        candle.flags |= old.flags & MW_CANDLE_UNPROVEN;
    } else if (certain && (!differ || candle.source == MW_SOURCE_BACKFILL)) {
        return;
    }
    if (differ) {
        candle.flags |= MW_CANDLE_REVISED;
        model->revision_count++;
        model->revised = index;
    } else {
        candle = old;
        candle.closed_by = MW_CLOSED_BY_EXCHANGE;
        candle.flags &= (uint8_t)~MW_CANDLE_UNPROVEN;
    }
    model_set(model, index, candle);
}

static void model_put(struct model *model, int index, struct mw_candle candle)
{
    if (model->count == model->capacity && index < model->oldest)
        return;
    if (candle.source == MW_SOURCE_LIVE && model->first_live_ms == INT64_MAX)
        model->first_live_ms = candle.open_ms;
    struct cell *cell = &model->cells[index];
    if (!cell->present) {
        model_add(model, index, candle);
    } else if (cell->candle.state == MW_CANDLE_CLOSED) {
        model_revise(model, index, candle);
    } else {
        candle.flags |= cell->candle.flags & MW_CANDLE_FLAGGED;
        if (candle.state == MW_CANDLE_FORMING && !goes_on(&cell->candle, &candle))
            candle.flags |= MW_CANDLE_UNPROVEN;
        bool same = !values_differ(&cell->candle, &candle) && candle.state == MW_CANDLE_FORMING &&
                    candle.flags == cell->candle.flags;
        if (!same)
            model_set(model, index, candle);
    }
}

static void model_prove(struct model *model, int from, int to)
{
    for (int i = from; i <= to; i++) {
        struct cell *cell = &model->cells[i];
        cell->doubt = CERTAIN;
        if (cell->present && cell->candle.state == MW_CANDLE_CLOSED)
            cell->candle.flags &= (uint8_t)~MW_CANDLE_UNPROVEN;
    }
}

/* --- both ------------------------------------------------------------------------------------ */

static void check_rows(const struct bench *bench)
{
    struct mw_candle rows[CAPACITY_MAX];
    uint32_t count = mw_series_read_last(bench->series, INT64_MAX, CAPACITY_MAX, true, rows),
             at = 0;
    assert_int_equal(count, bench->model.count);
    for (int i = 0; i < BUCKETS; i++) {
        if (bench->model.cells[i].present)
            assert_memory_equal(&rows[at++], &bench->model.cells[i].candle, sizeof(rows[0]));
    }
    assert_int_equal(at, count);
}

/* The holes are the runs of cells in doubt; returns their number. */
static uint32_t check_gaps(const struct bench *bench)
{
    struct mw_gap gaps[BUCKETS];
    uint32_t count = mw_series_copy_gaps(bench->series, gaps, BUCKETS), at = 0;
    const struct cell *cells = bench->model.cells;
    for (int i = 0; i < BUCKETS; i++) {
        if (cells[i].doubt == CERTAIN || (i > 0 && cells[i].doubt == cells[i - 1].doubt))
            continue;
        int last = i;
        while (last + 1 < BUCKETS && cells[last + 1].doubt == cells[i].doubt)
            last++;
        assert_true(at < count);
        assert_int_equal(gaps[at].from_ms, bench->opens[i]);
        assert_int_equal(gaps[at].to_ms, bench->opens[last]);
        assert_int_equal(gaps[at].given_up, cells[i].doubt == GIVEN_UP);
        struct mw_gap found;
        assert_true(mw_series_find_gap(bench->series, gaps[at].to_ms, INT64_MAX, &found));
        assert_memory_equal(&found.from_ms, &gaps[at].from_ms, 2 * sizeof(int64_t));
        at++;
    }
    assert_int_equal(at, count);
    return count;
}

static void check(const struct bench *bench)
{
    const struct model *model = &bench->model;
    check_rows(bench);
    check_gaps(bench);
    assert_int_equal(mw_series_first_live_ms(bench->series), model->first_live_ms);
    assert_int_equal(mw_series_dropped_ms(bench->series), model->dropped_ms);
    assert_int_equal(mw_series_revision_count(bench->series), model->revision_count);
    struct mw_revision revision;
    if (model->revision_count > 0) {
        assert_int_equal(
            mw_series_read_revisions(bench->series, model->revision_count - 1, 1, &revision), 1);
        assert_int_equal(revision.open_ms, bench->opens[model->revised]);
    }
}

static void put_random(struct bench *bench)
{
    uint64_t dice = mw_random_next(&bench->random);
    if (dice % 4 == 0 && bench->at < BUCKETS - 8)
        bench->at += dice >> 8 & 1 ? 1 : (int)(dice >> 9 & 7);
    int index = bench->at;
    if (dice >> 16 & 1)
        index -= (int)((dice >> 17 & 31) % ((uint64_t)2 * bench->model.capacity));
    if (index < 0)
        return;
    struct mw_candle candle = {.open_ms = bench->opens[index],
                               .open = 100,
                               .high = 150 + (double)(dice >> 24 & 1),
                               .low = 50,
                               .close = 100 + (double)(dice >> 25 & 1),
                               .volume = (double)(dice >> 26 & 3),
                               .turnover = (double)NAN};
    bool flagged = dice >> 28 & 1;
    candle.flags = flagged ? MW_CANDLE_FLAGGED : 0;
    if (dice >> 29 & 1) {
        candle.state = MW_CANDLE_CLOSED;
        candle.closed_by = MW_CLOSED_BY_EXCHANGE;
        if (dice >> 30 & 1) {
            candle.source = MW_SOURCE_BACKFILL;
            candle.flags = 0;
        }
    }
    mw_series_put(bench->series, &candle, now, NULL);
    model_put(&bench->model, index, candle);
}

/* Everything but a put. Ranges begin at any bucket and may reach beyond what is there. */
static void do_else(struct bench *bench)
{
    struct model *model = &bench->model;
    uint64_t dice = mw_random_next(&bench->random);
    int from = bench->at - (int)(dice >> 8 & 63), to;
    from = from > 0 ? from : 0;
    to = from + (int)(dice >> 16 & 15);
    to = to < BUCKETS ? to : BUCKETS - 1;
    switch (dice % 4) {
    case 0:
        mw_series_interrupt(bench->series);
        if (model->count > 0 && model->cells[model->newest].candle.state == MW_CANDLE_FORMING)
            model->cells[model->newest].candle.flags |= MW_CANDLE_UNPROVEN;
        break;
    case 1:
        mw_series_prove(bench->series, bench->opens[from], bench->opens[to]);
        model_prove(model, from, to);
        break;
    case 2:
        mw_series_give_up(bench->series, bench->opens[from] - (from > 0), bench->opens[to] + 1);
        for (int i = from; i <= to; i++)
            model->cells[i].doubt = model->cells[i].doubt == CERTAIN ? CERTAIN : GIVEN_UP;
        break;
    default: {
        bool can_close =
            bench->at == model->newest && model->cells[bench->at].candle.state == MW_CANDLE_FORMING;
        bool did_close = mw_series_close_newest(bench->series, bench->opens[bench->at]);
        assert_int_equal(did_close, can_close);
        if (can_close)
            model_close(model, bench->at, MW_CLOSED_BY_CLOCK);
    }
    }
}

static void run_round(size_t number, uint64_t seed)
{
    static struct bench bench;
    int64_t start_ms;
    bench = (struct bench){.random = {seed}, .at = 40};
    bench.model = (struct model){.oldest = -1,
                                 .newest = -1,
                                 .capacity = 1 + (uint32_t)seed % CAPACITY_MAX,
                                 .first_live_ms = INT64_MAX,
                                 .dropped_ms = INT64_MIN};
    assert_int_equal(mw_timeframe_parse(cases[number].step, &bench.timeframe, NULL), MW_OK);
    assert_int_equal(mw_time_parse(cases[number].start, &start_ms, NULL), MW_OK);
    bench.opens[0] = mw_timeframe_floor(bench.timeframe, start_ms);
    for (int i = 1; i < BUCKETS; i++)
        bench.opens[i] = mw_timeframe_next(bench.timeframe, bench.opens[i - 1]);
    struct mw_series_key key = {.symbol = "X", .timeframe = bench.timeframe};
    bench.series = mw_series_new(&key, bench.model.capacity);
    for (int i = 0; i < OPERATIONS; i++) {
        uint64_t version = mw_series_gap_version(bench.series);
        struct mw_gap before[BUCKETS], after[BUCKETS];
        uint32_t count = mw_series_copy_gaps(bench.series, before, BUCKETS);
        if (mw_random_next(&bench.random) % 4 > 0)
            put_random(&bench);
        else
            do_else(&bench);
        check(&bench);
        bool changed = mw_series_copy_gaps(bench.series, after, BUCKETS) != count;
        for (uint32_t g = 0; g < count && !changed; g++)
            changed = before[g].from_ms != after[g].from_ms || before[g].to_ms != after[g].to_ms ||
                      before[g].given_up != after[g].given_up;
        assert_true(mw_series_gap_version(bench.series) != version || !changed);
    }
    mw_series_free(bench.series);
}

static void random_life_gives_what_a_plain_model_gives(void **state)
{
    (void)state;
    for (size_t number = 0; number < MW_COUNT(cases); number++) {
        for (uint64_t seed = 1; seed <= ROUNDS; seed++)
            run_round(number, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_life_gives_what_a_plain_model_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
