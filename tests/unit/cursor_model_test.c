/* cursor_model_test.c - random lives of a series, and whether a reader was told all of it.
 *
 * Each run does thousands of random things to a series: bars that form, close, jump, are lost, come
 * late, are filled in, proven, given up, revised, dropped by the ring. Between them a cursor is
 * read, and what it says is checked against a plain model of buckets: every closed bar once and in
 * order, every missing bucket in a gap that was told or in what lagged, no gap where nothing was
 * missing, each revision of a delivered bar once, each told gap closed once, and nothing held
 * longer than it may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "script/cursor.h"

enum {
    BUCKETS = 6000,
    OPERATIONS = 4000,
    RUNS = 42,
    GAPS_MAX = 4096,
    WAIT_MS = 50,
    TOLD_MAX = 4096
};

struct bucket {
    bool present, closed; /* as the series has it now */
    bool proven_quiet;    /* the venue's history was asked and had nothing */
    bool hole, given_up;  /* as the series has it now */
    bool delivered, told; /* as a bar; in a gap */
    bool revised;         /* delivered, and changed since */
    double close;         /* as delivered or told last */
};

struct told {
    int64_t from, to;
    bool open;
};

struct model {
    struct mw_series *series;
    struct mw_cursor *cursor;
    struct mw_random random;
    struct bucket buckets[BUCKETS];
    struct mw_gap gaps[GAPS_MAX];
    struct mw_candle rows[BUCKETS];
    struct told told[TOLD_MAX];
    uint32_t told_count, capacity;
    int64_t oldest, newest, begin, after; /* buckets */
    int64_t first_hole;                   /* no bucket before it is in one */
    uint32_t revised_count;               /* buckets that are revised */
    uint32_t first_told;                  /* all before it have closed */
    int64_t doubted, doubted_to;          /* -1 for none */
    int64_t dropped;                      /* bucket; -1 */
    uint64_t lost, inserted; /* dropped and not delivered; late ones since the last look */
    int64_t now_ms, wait_ms, next_price;
    int64_t seen_ms[BUCKETS]; /* of closed bars: the look at which something as new was there */
    int64_t seen_to;
    uint32_t sightings; /* looks that saw something newer, while held */
    uint32_t counts[MW_CURSOR_BAR + 1];
    uint64_t seed;
    int operation;
};

static void check(const struct model *model, bool ok, const char *what, int64_t bucket)
{
    if (ok)
        return;
    print_error("seed %d, operation %d, bucket %d: %s\n", (int)model->seed, model->operation,
                (int)bucket, what);
    fail();
}

static uint64_t dice(struct model *model, uint64_t sides)
{
    return mw_random_next(&model->random) % sides;
}

static int64_t ms_of(int64_t bucket)
{
    return bucket * MW_MS_PER_MINUTE;
}

static int64_t bucket_of(int64_t open_ms)
{
    return open_ms / MW_MS_PER_MINUTE;
}

/* --- what the series has ---------------------------------------------------------------------- */

static void look_at_rows(struct model *model)
{
    uint32_t rows =
        mw_series_read_last(model->series, INT64_MAX, model->capacity, true, model->rows);
    for (uint32_t i = 0; i < rows; i++) {
        int64_t at = bucket_of(model->rows[i].open_ms);
        if (i == 0) {
            for (int64_t b = model->oldest; b >= 0 && b < at; b++) {
                struct bucket *gone = &model->buckets[b];
                model->revised_count -= gone->revised;
                gone->present = gone->closed = gone->revised = false;
            }
            model->oldest = at;
        }
        model->buckets[at].present = true;
        model->buckets[at].closed = model->rows[i].state == MW_CANDLE_CLOSED;
        model->newest = at;
    }
}

static void look_at_gaps(struct model *model)
{
    for (int64_t b = model->first_hole; b <= model->newest; b++)
        model->buckets[b].hole = model->buckets[b].given_up = false;
    uint32_t count = mw_series_copy_gaps(model->series, model->gaps, GAPS_MAX);
    model->first_hole = count > 0 ? bucket_of(model->gaps[0].from_ms) : model->newest;
    assert_true(count <= GAPS_MAX && count == mw_series_gap_count(model->series));
    for (uint32_t i = 0; i < count; i++) {
        for (int64_t b = bucket_of(model->gaps[i].from_ms); b <= bucket_of(model->gaps[i].to_ms);
             b++) {
            model->buckets[b].hole = true;
            model->buckets[b].given_up = model->gaps[i].given_up;
        }
    }
}

/* Counts what was dropped before it was delivered. */
static void look_at_drops(struct model *model)
{
    int64_t dropped_ms = mw_series_dropped_ms(model->series);
    if (dropped_ms == INT64_MIN)
        return;
    for (int64_t b = model->dropped + 1; b <= bucket_of(dropped_ms); b++)
        model->lost += model->buckets[b].present && b > model->after;
    model->dropped = bucket_of(dropped_ms);
}

/* After every operation: drops first, while what was there is still known. */
static void look_at_series(struct model *model)
{
    look_at_drops(model);
    look_at_rows(model);
    look_at_gaps(model);
    for (int64_t b = model->oldest; b >= 0 && b <= model->newest; b++) {
        const struct bucket *bucket = &model->buckets[b];
        check(model, bucket->present || bucket->hole || bucket->proven_quiet,
              "absent, and in no hole", b);
        check(model, bucket->present || !bucket->hole || !bucket->proven_quiet,
              "proven, and in a hole", b);
    }
}

/* --- what happens to it ----------------------------------------------------------------------- */

static mw_put put(struct model *model, int64_t bucket, bool closed, uint8_t flags, uint8_t source)
{
    double close = (double)++model->next_price;
    const struct mw_candle candle = {.open_ms = ms_of(bucket),
                                     .open = 1,
                                     .high = close,
                                     .low = 1,
                                     .close = close,
                                     .volume = close,
                                     .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                                     .closed_by =
                                         closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY,
                                     .source = source,
                                     .flags = flags};
    bool was_quiet = bucket > model->oldest && bucket < model->newest &&
                     !model->buckets[bucket].present && !model->buckets[bucket].hole;
    mw_put put = mw_series_put(model->series, &candle, INT64_MAX / 2, NULL);
    struct bucket *at = &model->buckets[bucket];
    if ((put == MW_PUT_REVISED && at->delivered) ||
        (put == MW_PUT_INSERTED && was_quiet && bucket <= model->after && bucket > model->begin &&
         !at->told)) {
        model->revised_count += !at->revised;
        at->revised = at->delivered = true;
    }
    model->inserted += put == MW_PUT_INSERTED;
    return put;
}

/* A random bucket of a hole, or -1. */
static int64_t any_hole(struct model *model)
{
    uint32_t count = mw_series_copy_gaps(model->series, model->gaps, GAPS_MAX);
    if (count == 0)
        return -1;
    const struct mw_gap *gap = &model->gaps[dice(model, count)];
    int64_t from = bucket_of(gap->from_ms);
    return from + (int64_t)dice(model, (uint64_t)(bucket_of(gap->to_ms) - from) + 1);
}

static void prove(struct model *model)
{
    int64_t from = any_hole(model);
    if (from < 0)
        return;
    int64_t to = from + (int64_t)dice(model, 6);
    from -= (int64_t)dice(model, 6);
    mw_series_prove(model->series, ms_of(from), ms_of(to));
    for (int64_t b = from > model->oldest ? from : model->oldest; b <= to && b < model->newest; b++)
        model->buckets[b].proven_quiet = true; /* means something where nothing is */
}

static void live(struct model *model)
{
    uint8_t flags = dice(model, 2) ? MW_CANDLE_FLAGGED : 0;
    int64_t jump = dice(model, 8) == 0 ? (int64_t)dice(model, 6) : 0;
    switch (dice(model, 6)) {
    case 0:
    case 1: /* the next one begins */
        put(model, model->newest + 1 + jump, false, flags, MW_SOURCE_LIVE);
        break;
    case 2: /* and is closed at once */
        put(model, model->newest + 1 + jump, true, flags, MW_SOURCE_LIVE);
        break;
    case 3: /* the newest goes on, or is revised if it has closed */
        put(model, model->newest, false, flags, MW_SOURCE_LIVE);
        break;
    default:
        put(model, model->newest, true, flags, MW_SOURCE_LIVE);
        break;
    }
}

static void operate(struct model *model)
{
    int64_t back = model->newest - (int64_t)dice(model, 12), hole = any_hole(model);
    switch (dice(model, 16)) {
    case 0:
    case 1:
    case 2: /* history has it */
        if (hole > model->begin)
            put(model, hole, true, 0, MW_SOURCE_BACKFILL);
        break;
    case 3: /* an update out of order */
        if (hole > model->begin)
            put(model, hole, false, 0, MW_SOURCE_LIVE);
        break;
    case 4: /* revised, or there although it was quiet */
        put(model, back, true, 0, MW_SOURCE_LIVE);
        break;
    case 5:
    case 6:
        prove(model);
        break;
    case 7:
        if (hole >= 0 && dice(model, 3) == 0)
            mw_series_give_up(model->series, ms_of(hole), ms_of(hole + (int64_t)dice(model, 5)));
        break;
    case 8:
        mw_series_interrupt(model->series);
        break;
    case 9:
        mw_series_close_newest(model->series, ms_of(model->newest));
        break;
    case 10:
        model->wait_ms = dice(model, 5) == 0 ? 0 : WAIT_MS;
        atomic_store(&mw_series_note(model->series)->gap_wait_ms, model->wait_ms);
        break;
    default:
        live(model);
        break;
    }
    model->now_ms += (int64_t)dice(model, 12);
    look_at_series(model);
}

/* --- what the reader is told ------------------------------------------------------------------ */

/* The next closed bar, or -1. */
static int64_t next_closed(const struct model *model)
{
    for (int64_t b = model->after + 1; b <= model->newest; b++)
        if (model->buckets[b].present && model->buckets[b].closed)
            return b;
    return -1;
}

static bool has_hole(const struct model *model, int64_t from, int64_t to)
{
    for (int64_t b = from; b <= to; b++)
        if (model->buckets[b].hole)
            return true;
    return false;
}

/* Whatever comes before bars has been said. */
static void check_nothing_is_left_out(struct model *model)
{
    check(model, model->lost == 0, "lost bars were not told", model->after);
    check(model, model->revised_count == 0, "a revision was not told", model->after);
    while (model->first_told < model->told_count && !model->told[model->first_told].open)
        model->first_told++;
    for (uint32_t i = model->first_told; i < model->told_count; i++) {
        struct told *told = &model->told[i];
        if (told->open && model->dropped >= 0 && told->from < model->oldest)
            told->open = false; /* out of reach */
        check(model, !told->open || has_hole(model, told->from, told->to),
              "a gap has closed and it was not told", told->from);
    }
}

static void take_bar(struct model *model, const struct mw_cursor_news *news)
{
    int64_t bar = bucket_of(news->candle.open_ms);
    struct bucket *bucket = &model->buckets[bar];
    check_nothing_is_left_out(model);
    check(model, bar == next_closed(model), "not the next bar", bar);
    check(model, !bucket->delivered, "delivered twice", bar);
    check(model, !bucket->told || bar == model->doubted, "told as a gap, and delivered", bar);
    check(model, !bucket->hole || bar == model->doubted, "in doubt, and not told", bar);
    for (int64_t b = model->after + 1; b < bar; b++)
        check(model, !model->buckets[b].present && !model->buckets[b].hole, "passed over", b);
    bucket->delivered = true;
    bucket->close = news->candle.close;
    model->after = bar == model->doubted ? model->doubted_to : bar;
    model->doubted = -1;
}

static void take_gap(struct model *model, const struct mw_cursor_news *news)
{
    int64_t from = bucket_of(news->from_ms), to = bucket_of(news->to_ms), next = next_closed(model);
    check_nothing_is_left_out(model);
    check(model, from > model->after && from <= to, "not a gap before the next bar", from);
    check(model, next >= from, "a gap that holds nothing back", from);
    check(model, news->count == (uint64_t)(to - from) + 1, "wrong count of buckets", from);
    uint32_t behind = 0;
    for (int64_t b = model->begin + 1; b <= model->after; b++)
        behind += model->buckets[b].present;
    bool pressed = model->dropped >= 0 && behind <= model->capacity / 4;
    for (int64_t b = from; b <= to; b++) {
        struct bucket *bucket = &model->buckets[b];
        check(model, bucket->hole && !bucket->told, "told, and nothing is missing", b);
        check(model, b == next || !bucket->present, "told with a bar after the next", b);
        check(model,
              bucket->given_up || model->wait_ms == 0 || pressed || model->sightings > 6 ||
                  model->now_ms - model->seen_ms[from] >= model->wait_ms,
              "told too early", b);
        bucket->told = true;
    }
    if (next <= to) {
        model->after = next - 1;
        model->doubted = next;
        model->doubted_to = to;
    } else {
        model->after = to;
    }
    assert_true(model->told_count < TOLD_MAX);
    model->told[model->told_count++] = (struct told){from, to, true};
}

static void take_backfilled(struct model *model, const struct mw_cursor_news *news)
{
    int64_t from = bucket_of(news->from_ms), to = bucket_of(news->to_ms);
    uint64_t there = 0;
    for (int64_t b = from; b <= to; b++)
        there += model->buckets[b].present;
    check(model, !has_hole(model, from, to), "backfilled, and still open", from);
    check(model, news->count == there, "wrong count of bars", from);
    for (uint32_t i = model->first_told; i < model->told_count; i++) {
        if (model->told[i].open && model->told[i].from == from && model->told[i].to == to) {
            model->told[i].open = false;
            return;
        }
    }
    check(model, false, "backfilled, and not a gap that was told", from);
}

static void take_lagged(struct model *model, const struct mw_cursor_news *news)
{
    check(model, model->lost > 0, "lagged, and nothing was lost", model->after);
    check(model, news->count >= 1 && news->count <= model->lost, "too many lost", model->after);
    check(model, news->count == model->lost || model->inserted > 0, "too few lost", model->after);
    model->lost = 0;
    model->after = model->dropped > model->doubted_to || model->doubted < 0 ? model->dropped
                                                                            : model->doubted_to;
    model->doubted = -1;
}

static void take_revised(struct model *model, const struct mw_cursor_news *news)
{
    int64_t bar = bucket_of(news->candle.open_ms);
    struct mw_candle now;
    check(model, model->buckets[bar].revised, "told as revised, and was not", bar);
    assert_int_equal(mw_series_read_from(model->series, news->candle.open_ms, news->candle.open_ms,
                                         1, true, &now),
                     1);
    check(model, now.close == news->candle.close, "revised, with other values", bar);
    model->buckets[bar].revised = false;
    model->revised_count--;
    model->buckets[bar].close = now.close;
}

/* Everything that was delivered is known as it is, unless it is gone. */
static void check_values(struct model *model)
{
    uint32_t rows =
        mw_series_read_last(model->series, INT64_MAX, model->capacity, false, model->rows);
    for (uint32_t i = 0; i < rows; i++) {
        const struct bucket *bucket = &model->buckets[bucket_of(model->rows[i].open_ms)];
        check(model, !bucket->delivered || bucket->close == model->rows[i].close,
              "a delivered bar has other values", bucket_of(model->rows[i].open_ms));
    }
}

static void take_held(struct model *model, const struct mw_cursor_news *news)
{
    int64_t next = next_closed(model), hole = model->after + 1;
    while (hole <= next && !model->buckets[hole].hole)
        hole++;
    check(model, next >= 0 && hole <= next && model->wait_ms > 0, "held by nothing", hole);
    check(model, !model->buckets[hole].given_up, "held by what nobody fills", hole);
    check(model, news->until_ms > model->now_ms, "held, and the time is over", hole);
    check(model, news->until_ms - model->wait_ms <= model->seen_ms[hole], "held too long", hole);
}

/* Notes at which look a closed bar at or after each bucket was first there. */
static void see(struct model *model)
{
    int64_t newest = model->newest;
    while (newest >= 0 && !(model->buckets[newest].present && model->buckets[newest].closed))
        newest--;
    model->sightings += newest > model->seen_to;
    for (; model->seen_to < newest; model->seen_to++)
        model->seen_ms[model->seen_to + 1] = model->now_ms;
}

static void read_all(struct model *model)
{
    see(model);
    struct mw_cursor_news news;
    mw_cursor_kind kind;
    do {
        kind = mw_cursor_next(model->cursor, model->now_ms, &news);
        model->counts[kind]++;
        switch (kind) {
        case MW_CURSOR_BAR:
            take_bar(model, &news);
            break;
        case MW_CURSOR_GAP:
            take_gap(model, &news);
            break;
        case MW_CURSOR_BACKFILLED:
            take_backfilled(model, &news);
            break;
        case MW_CURSOR_LAGGED:
            take_lagged(model, &news);
            break;
        case MW_CURSOR_REVISED:
            take_revised(model, &news);
            break;
        case MW_CURSOR_HELD:
            take_held(model, &news);
            break;
        default:
            check(model, next_closed(model) < 0, "a bar is there, and not told", model->after + 1);
            model->sightings = 0;
            break;
        }
    } while (kind != MW_CURSOR_NOTHING && kind != MW_CURSOR_HELD);
    check_nothing_is_left_out(model);
    check_values(model);
    model->inserted = 0;
}

static void run(struct model *model, uint64_t seed, uint32_t capacity)
{
    static const struct mw_series_key key = {.symbol = "BTC", .timeframe = {1, 'm'}};
    uint32_t counts[MW_COUNT(model->counts)];
    memcpy(counts, model->counts, sizeof(counts));
    *model = (struct model){.series = mw_series_new(&key, capacity),
                            .random = {.state = seed},
                            .capacity = capacity,
                            .oldest = -1,
                            .newest = 9,
                            .begin = 9,
                            .after = 9,
                            .doubted = -1,
                            .dropped = -1,
                            .seen_to = 9,
                            .wait_ms = WAIT_MS,
                            .seed = seed};
    memcpy(model->counts, counts, sizeof(counts));
    atomic_store(&mw_series_note(model->series)->gap_wait_ms, model->wait_ms);
    model->cursor = mw_cursor_new(model->series, seed % 2 == 0);
    put(model, 10, true, 0, MW_SOURCE_LIVE);
    look_at_series(model);
    for (; model->operation < OPERATIONS && model->newest + 16 < BUCKETS; model->operation++) {
        operate(model);
        if (dice(model, 4) != 0)
            read_all(model);
    }
    atomic_store(&mw_series_note(model->series)->gap_wait_ms, 0);
    model->wait_ms = 0;
    read_all(model);
    mw_cursor_free(model->cursor);
    mw_series_free(model->series);
}

static void a_reader_is_told_everything_once(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 2, 3, 8, 30, 100, 300};
    struct model *model = mw_alloc_zero(sizeof(*model));
    for (uint64_t seed = 0; seed < RUNS; seed++)
        run(model, seed + 1, capacities[seed % MW_COUNT(capacities)]);
    static const char *const kinds[] = {"nothing",    "held", "lagged", "revised",
                                        "backfilled", "gap",  "bar"};
    for (size_t i = 0; i < MW_COUNT(kinds); i++) {
        print_message("%s %u\n", kinds[i], model->counts[i]);
        assert_true(model->counts[i] > 100);
    }
    mw_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_is_told_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
