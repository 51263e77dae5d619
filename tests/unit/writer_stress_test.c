/* writer_stress_test.c - a store that is written while its series changes at full speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "writer_bench.h"

enum { RING = 500, MINUTES = 4000 }; /* no more than the bench reads */

/* What a venue sends, and what was sent of it. */
struct feeder {
    struct mw_writer_bench *bench;
    struct mw_random random;
    double volumes[MINUTES]; /* of the bar as it was put last; 0 for none */
    struct mw_thread thread;
};

static void put(struct feeder *feeder, int minute)
{
    double volume = 1 + (double)(mw_random_next(&feeder->random) % 1000);
    mw_put done = mw_writer_bench_put(feeder->bench, minute, true, volume);
    if (done == MW_PUT_APPENDED || done == MW_PUT_INSERTED || done == MW_PUT_REVISED)
        feeder->volumes[minute] = volume;
}

/* Bars in order, some left out, some of these put later, some revised, stretches proven. */
static void feed(void *user)
{
    struct feeder *feeder = user;
    for (int minute = 0; minute < MINUTES; minute++) {
        uint64_t dice = mw_random_next(&feeder->random) % 16;
        int back = minute - 1 - (int)(mw_random_next(&feeder->random) % 50);
        mw_writer_bench_put(feeder->bench, minute, false, 0.5);
        if (dice > 0)
            put(feeder, minute);
        if (dice == 1 && back > 0)
            put(feeder, back);
        if (dice == 2 && back > 20)
            mw_series_prove(feeder->bench->series, mw_writer_bench_at(back - 20),
                            mw_writer_bench_at(back));
        if (dice == 3)
            mw_series_give_up(feeder->bench->series, INT64_MIN, INT64_MAX);
    }
}

/* What the ring has is in the store, to the last bit; what was put ever is there or in a hole. */
static void compare(struct feeder *feeder)
{
    struct mw_writer_bench *bench = feeder->bench;
    static struct mw_candle ring[RING];
    struct mw_gaps holes = {0};
    const struct mw_candle *rows;
    uint32_t row_count = mw_writer_bench_rows(bench, &rows), at = 0;
    const struct mw_store_query query = {
        .key = mw_series_key(bench->series), .from_ms = INT64_MIN, .until_ms = INT64_MAX};
    assert_int_equal(mw_store_read_holes(bench->store, &query, &holes, NULL), MW_OK);
    uint32_t ring_count = mw_series_read_last(bench->series, INT64_MAX, RING, false, ring);
    assert_true(ring_count >= RING - 1 && row_count >= ring_count);
    const struct mw_candle *newest = rows + row_count - ring_count;
    for (uint32_t i = 0; i < ring_count; i++) {
        ring[i].source = newest[i].source;
        assert_memory_equal(&ring[i], &newest[i], sizeof(ring[i]));
        assert_int_equal(mw_gaps_find(&holes, ring[i].open_ms, ring[i].open_ms) != NULL,
                         mw_series_find_gap(bench->series, ring[i].open_ms, ring[i].open_ms, NULL));
    }
    for (int minute = 0; minute < MINUTES; minute++) {
        int64_t open_ms = mw_writer_bench_at(minute);
        while (at < row_count && rows[at].open_ms < open_ms)
            at++;
        bool there = at < row_count && rows[at].open_ms == open_ms;
        if (feeder->volumes[minute] > 0 && !there && row_count > 0 && open_ms > rows[0].open_ms)
            assert_non_null(mw_gaps_find(&holes, open_ms, open_ms));
    }
    mw_gaps_deinit(&holes);
}

static void the_store_is_what_the_ring_was(void **state)
{
    (void)state;
    static struct feeder feeder;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct mw_writer_bench bench;
        mw_writer_bench_begin(&bench, RING);
        feeder = (struct feeder){.bench = &bench};
        feeder.random.state = seed;
        mw_writer_bench_add(&bench, 1, 0);
        mw_writer_bench_start(&bench);
        assert_int_equal(
            mw_thread_start(&feeder.thread, "feeder", &mw_feed_thread, feed, &feeder, NULL), MW_OK);
        mw_thread_join(&feeder.thread);
        mw_writer_stop(bench.writer);
        assert_int_equal(mw_writer_bench_status(&bench).failures, 0);
        assert_int_equal(mw_writer_bench_status(&bench).waiting, 0);
        compare(&feeder);
        mw_writer_bench_end(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_is_what_the_ring_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
