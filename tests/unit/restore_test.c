/* restore_test.c - a ring after a restart knows what it knew before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "history/restore.h"
#include "writer_bench.h"

enum { NEVER_MS = 3600000 };

static int64_t at(int64_t minute)
{
    return mw_writer_bench_at(minute);
}

/* Stores what the ring has. */
static void keep(struct mw_writer_bench *bench)
{
    mw_writer_bench_add(bench, NEVER_MS, 0);
    mw_writer_bench_start(bench);
    mw_writer_bench_stop(bench);
}

static struct mw_restored restore(struct mw_writer_bench *bench)
{
    struct mw_restored restored = {.bars = 77};
    struct mw_error err = {.message = ""};
    if (mw_restore(bench->cache, bench->store, bench->series, &restored, &err) != MW_OK)
        fail_msg("%s", err.message);
    return restored;
}

static void expect_gaps(struct mw_writer_bench *bench, const int64_t *pairs, uint32_t given_up)
{
    struct mw_gap gaps[16];
    uint32_t count = mw_series_copy_gaps(bench->series, gaps, MW_COUNT(gaps)), i = 0;
    for (; pairs[2 * (size_t)i] != -1; i++) {
        assert_true(i < count);
        assert_int_equal(gaps[i].from_ms, at(pairs[2 * (size_t)i]));
        assert_int_equal(gaps[i].to_ms, at(pairs[2 * (size_t)i + 1]));
        assert_int_equal(gaps[i].given_up, i < given_up);
    }
    assert_int_equal(i, count);
}

static void put_doubtful(struct mw_writer_bench *bench, int64_t minute)
{
    struct mw_candle bar = mw_writer_bench_bar(minute, 1);
    bar.state = MW_CANDLE_FORMING;
    bar.closed_by = MW_CLOSED_BY_NOBODY;
    bar.flags = MW_CANDLE_FLAGGED;
    mw_series_put(bench->series, &bar, mw_clock_wall_ms(), NULL);
    mw_writer_bench_put(bench, minute + 1, true, 1); /* which is its only close */
}

static void bars_quiet_buckets_and_holes_come_back(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    mw_writer_bench_put(&bench, 1, true, 1);
    mw_writer_bench_put(&bench, 4, true, 1); /* 2 and 3 are given up */
    mw_series_give_up(bench.series, at(2), at(3));
    mw_writer_bench_put(&bench, 8, true, 1); /* 5 to 7 were quiet */
    mw_series_prove(bench.series, at(5), at(7));
    mw_writer_bench_put(&bench, 10, true, 1); /* 9 is missing */
    put_doubtful(&bench, 11);
    put_doubtful(&bench, 13);
    mw_series_prove(bench.series, at(13), at(13));
    keep(&bench);
    struct mw_candle was[20], is[20];
    uint32_t count = mw_series_read_last(bench.series, INT64_MAX, 20, true, was);
    assert_int_equal(count, 8);
    expect_gaps(&bench, (int64_t[]){2, 3, 9, 9, 11, 11, -1}, 1);

    mw_writer_bench_forget(&bench, 100);
    struct mw_restored restored = restore(&bench);
    assert_int_equal(restored.bars, 8);
    assert_int_equal(restored.refused, 0);
    assert_int_equal(mw_series_read_last(bench.series, INT64_MAX, 20, true, is), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(is[i].source, MW_SOURCE_STORE);
        is[i].source = was[i].source;
        assert_memory_equal(&is[i], &was[i], sizeof(is[i]));
    }
    expect_gaps(&bench, (int64_t[]){2, 3, 9, 9, 11, 11, -1}, 1);
    assert_int_equal(mw_series_first_live_ms(bench.series), INT64_MAX);
    assert_int_equal(mw_series_revision_count(bench.series), 0);
    keep(&bench); /* nothing of it is news */
    mw_writer_bench_expect_holes(&bench, (int64_t[]){2, 3, 9, 9, 11, 11, -1}, 1);
    struct mw_store_counts counts;
    assert_int_equal(mw_store_count(bench.store, mw_series_key(bench.series), &counts, NULL),
                     MW_OK);
    assert_int_equal(counts.by_source[MW_SOURCE_LIVE], 8);
    mw_writer_bench_end(&bench);
}

static void no_more_than_the_ring_holds(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    for (int minute = 1; minute <= 50; minute++)
        mw_writer_bench_put(&bench, minute, true, 1);
    keep(&bench);
    mw_writer_bench_forget(&bench, 7);
    assert_int_equal(restore(&bench).bars, 7);
    struct mw_candle oldest;
    assert_int_equal(mw_series_read_from(bench.series, INT64_MIN, INT64_MAX, 1, true, &oldest), 1);
    assert_int_equal(oldest.open_ms, at(44));
    assert_int_equal(mw_series_dropped_ms(bench.series), INT64_MIN);
    mw_writer_bench_end(&bench);
}

static void an_empty_store_is_no_error(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 7);
    assert_int_equal(restore(&bench).bars, 0);
    assert_int_equal(mw_series_count(bench.series), 0);
    mw_writer_bench_end(&bench);
}

static void what_is_there_stays_and_nothing_newer_comes(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    for (int minute = 1; minute <= 20; minute++)
        if (minute != 5)
            mw_writer_bench_put(&bench, minute, true, 1);
    mw_series_prove(bench.series, at(5), at(5));
    keep(&bench);
    mw_writer_bench_forget(&bench, 100);
    put_doubtful(&bench, 11); /* 11 and 12; of 11 another process knew more */
    mw_writer_bench_put(&bench, 15, false, 0.5);
    assert_int_equal(restore(&bench).bars, 4 + 5 + 2);
    struct mw_candle rows[20];
    assert_int_equal(mw_series_read_last(bench.series, INT64_MAX, 20, true, rows), 14);
    assert_int_equal(rows[13].open_ms, at(15));
    assert_int_equal(rows[13].state, MW_CANDLE_FORMING);
    assert_true(rows[13].volume == 0.5);
    assert_int_equal(rows[9].open_ms, at(11));
    assert_int_equal(rows[9].source, MW_SOURCE_LIVE);
    assert_int_equal(rows[12].source, MW_SOURCE_STORE);
    expect_gaps(&bench, (int64_t[]){11, 11, -1}, 0); /* 5 was quiet, 13 and 14 came */
    mw_writer_bench_end(&bench);
}

static void bars_ahead_of_the_clock_are_refused_and_nothing_is_quiet_then(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    int64_t ahead = mw_clock_wall_ms() / MW_MS_PER_MINUTE + 1000;
    const struct mw_candle rows[] = {mw_writer_bench_bar(1, 1), mw_writer_bench_bar(3, 1),
                                     mw_writer_bench_bar(ahead, 1)};
    const struct mw_store_part part = {.key = mw_series_key(bench.series),
                                       .from_ms = at(1),
                                       .to_ms = at(ahead),
                                       .rows = rows,
                                       .row_count = 3};
    assert_int_equal(mw_store_write(bench.store, &part, 1, NULL, NULL), MW_OK);
    struct mw_restored restored = restore(&bench);
    assert_int_equal(restored.bars, 2);
    assert_int_equal(restored.refused, 1);
    expect_gaps(&bench, (int64_t[]){2, 2, -1}, 0);
    mw_writer_bench_end(&bench);
}

static void more_holes_than_fit_at_first(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 1000);
    for (int minute = 0; minute < 600; minute += 3)
        mw_writer_bench_put(&bench, minute, true, 1);
    keep(&bench);
    mw_writer_bench_forget(&bench, 1000);
    assert_int_equal(restore(&bench).bars, 200);
    assert_int_equal(mw_series_gap_count(bench.series), 199);
    mw_writer_bench_end(&bench);
}

/* --- another process ------------------------------------------------------------------------- */

enum { PAIRS = 3000 };

struct filler {
    struct mw_writer_bench *bench;
    bool failed;
    _Atomic bool done;
};

static void *fill_every_second_minute(void *user)
{
    struct filler *filler = user;
    for (int minute = 2 * PAIRS - 1; minute > 0 && !filler->failed; minute -= 2) {
        struct mw_candle row = mw_writer_bench_bar(minute, 1);
        const struct mw_store_part part = {.key = mw_series_key(filler->bench->series),
                                           .from_ms = at(minute),
                                           .to_ms = at(minute),
                                           .rows = &row,
                                           .row_count = 1};
        struct mw_error err;
        filler->failed = mw_store_write(filler->bench->store, &part, 1, NULL, &err) != MW_OK;
    }
    atomic_store(&filler->done, true);
    return NULL;
}

/* How many buckets without a bar are in no hole. */
static uint32_t count_quiet(struct mw_series *series)
{
    static struct mw_candle rows[2 * PAIRS + 1];
    uint32_t count = mw_series_read_last(series, INT64_MAX, (uint32_t)MW_COUNT(rows), true, rows);
    uint32_t quiet = 0;
    for (uint32_t i = 1; i < count; i++) {
        int64_t between_ms = rows[i - 1].open_ms + MW_MS_PER_MINUTE;
        quiet += between_ms < rows[i].open_ms &&
                 !mw_series_find_gap(series, between_ms, rows[i].open_ms - 1, NULL);
    }
    return quiet;
}

static void holes_that_are_filled_meanwhile_do_not_become_quiet(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 2 * PAIRS + 1);
    for (int minute = 0; minute <= 2 * PAIRS; minute += 2)
        mw_writer_bench_put(&bench, minute, true, 1);
    keep(&bench);
    struct filler filler = {.bench = &bench};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fill_every_second_minute, &filler), 0);
    uint32_t quiet = 0;
    bool restored = true, last;
    do {
        last = atomic_load(&filler.done);
        struct mw_cache *cache = mw_cache_new(2 * PAIRS + 1);
        struct mw_series *series;
        restored = mw_cache_add(cache, mw_series_key(bench.series), &series, NULL) == MW_OK &&
                   mw_restore(cache, bench.store, series, NULL, NULL) == MW_OK;
        quiet = count_quiet(series);
        mw_cache_free(cache);
    } while (restored && quiet == 0 && !last);
    pthread_join(thread, NULL);
    assert_true(restored);
    assert_false(filler.failed);
    assert_int_equal(quiet, 0);
    mw_writer_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_quiet_buckets_and_holes_come_back),
        cmocka_unit_test(no_more_than_the_ring_holds),
        cmocka_unit_test(an_empty_store_is_no_error),
        cmocka_unit_test(what_is_there_stays_and_nothing_newer_comes),
        cmocka_unit_test(bars_ahead_of_the_clock_are_refused_and_nothing_is_quiet_then),
        cmocka_unit_test(more_holes_than_fit_at_first),
        cmocka_unit_test(holes_that_are_filled_meanwhile_do_not_become_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
