/* writer_test.c - what changes in a ring reaches the store, and what cannot is told. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/limits.h"
#include "history/restore.h"
#include "history/sqlite.h"
#include "writer_bench.h"

enum {
    SOON_MS = 1,
    NEVER_MS = 3600000,
    MANY = MW_STORE_ERASE_ROWS_MAX + 1000, /* more than are erased at once */
};

static int64_t at(int64_t minute)
{
    return mw_writer_bench_at(minute);
}

static bool is_stored_to(struct mw_writer_bench *bench, int64_t minute)
{
    pthread_mutex_lock(&bench->lock);
    bool stored = bench->stored_to_ms >= at(minute);
    pthread_mutex_unlock(&bench->lock);
    return stored && mw_writer_bench_status(bench).waiting == 0;
}

static bool has_told(struct mw_writer_bench *bench, const char *text)
{
    pthread_mutex_lock(&bench->lock);
    bool same = strcmp(bench->told, text) == 0;
    pthread_mutex_unlock(&bench->lock);
    return same;
}

/* What is put by `puts` is written when the writer stops. */
static void write_at_the_end(struct mw_writer_bench *bench, void (*puts)(struct mw_writer_bench *))
{
    mw_writer_bench_add(bench, NEVER_MS, 0);
    puts(bench);
    mw_writer_bench_start(bench);
    mw_writer_bench_stop(bench);
}

/* --- what is written -------------------------------------------------------------------------- */

static void bars_are_written_when_they_close(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    mw_writer_bench_put(&bench, 1, true, 10); /* what is there already is written too */
    mw_writer_bench_add(&bench, SOON_MS, 0);
    mw_writer_bench_start(&bench);
    mw_writer_bench_put(&bench, 2, true, 20);
    mw_writer_bench_put(&bench, 3, false, 5);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 2));
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 2, -1}); /* not the one that forms */
    mw_writer_bench_put(&bench, 3, false, 6);
    mw_writer_bench_put(&bench, 3, true, 7);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 3));
    const struct mw_candle *rows;
    assert_int_equal(mw_writer_bench_rows(&bench, &rows), 3);
    assert_true(rows[2].volume == 7);
    struct mw_store_counts counts;
    assert_int_equal(mw_store_count(bench.store, mw_series_key(bench.series), &counts, NULL),
                     MW_OK);
    assert_int_equal(counts.by_source[MW_SOURCE_LIVE], 3); /* their provenance stays */
    struct mw_writer_status status = mw_writer_bench_status(&bench);
    assert_int_equal(status.rows, 3);
    assert_true(status.writes >= 2 && status.failures == 0 && status.lost == 0);
    assert_false(status.has_error);
    mw_writer_bench_end(&bench);
}

static void put_around_holes(struct mw_writer_bench *bench)
{
    mw_writer_bench_put(bench, 1, true, 1);
    mw_writer_bench_put(bench, 5, true, 1);
    mw_series_give_up(bench->series, at(2), at(2));
    struct mw_candle doubtful = mw_writer_bench_bar(6, 1);
    doubtful.state = MW_CANDLE_FORMING;
    doubtful.closed_by = MW_CLOSED_BY_NOBODY;
    doubtful.flags = MW_CANDLE_FLAGGED;
    mw_series_put(bench->series, &doubtful, mw_clock_wall_ms(), NULL);
    mw_writer_bench_put(bench, 7, false, 1); /* closes 6, on its own word */
}

static void holes_and_doubts_are_written_and_go_when_they_are_filled(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    write_at_the_end(&bench, put_around_holes);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 5, 6, -1});
    mw_writer_bench_expect_holes(&bench, (int64_t[]){2, 2, 3, 4, 6, 6, -1}, 1);
    const struct mw_candle *rows;
    mw_writer_bench_rows(&bench, &rows);
    assert_true(rows[2].flags & MW_CANDLE_UNPROVEN);
    mw_writer_bench_add(&bench, SOON_MS, 0);
    mw_writer_bench_start(&bench);
    mw_writer_bench_put(&bench, 3, true, 1);
    mw_writer_bench_put(&bench, 6, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 6));
    mw_writer_bench_expect_holes(&bench, (int64_t[]){2, 2, 4, 4, -1}, 1);
    mw_series_prove(bench.series, at(1), at(7));
    mw_writer_bench_stop(&bench);
    mw_writer_bench_expect_holes(&bench, (int64_t[]){-1}, 0);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 3, 5, 6, -1});
    mw_writer_bench_rows(&bench, &rows);
    assert_int_equal(rows[3].flags & MW_CANDLE_UNPROVEN, 0);
    mw_writer_bench_end(&bench);
}

static void revisions_are_written(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    mw_writer_bench_add(&bench, SOON_MS, 0);
    mw_writer_bench_start(&bench);
    for (int minute = 1; minute <= 9; minute++)
        mw_writer_bench_put(&bench, minute, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 9));
    assert_int_equal(mw_writer_bench_put(&bench, 4, true, 2), MW_PUT_REVISED);
    mw_writer_bench_stop(&bench);
    const struct mw_candle *rows;
    assert_int_equal(mw_writer_bench_rows(&bench, &rows), 9);
    assert_true(rows[3].volume == 2 && rows[4].volume == 1);
    assert_int_equal(rows[3].flags, MW_CANDLE_REVISED);
    mw_writer_bench_end(&bench);
}

static void put_of_other_sources(struct mw_writer_bench *bench)
{
    static const uint8_t sources[] = {MW_SOURCE_LIVE, MW_SOURCE_RESAMPLED, MW_SOURCE_STORE,
                                      MW_SOURCE_BACKFILL};
    for (int i = 0; i < 4; i++) {
        struct mw_candle bar = mw_writer_bench_bar(i + 1, 1);
        bar.source = sources[i];
        mw_series_put(bench->series, &bar, mw_clock_wall_ms(), NULL);
    }
}

static void bars_made_of_others_are_holes_and_those_of_the_store_are_there(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    struct mw_candle kept = mw_writer_bench_bar(3, 1);
    const struct mw_store_part part = {.key = mw_series_key(bench.series),
                                       .from_ms = at(3),
                                       .to_ms = at(3),
                                       .rows = &kept,
                                       .row_count = 1};
    assert_int_equal(mw_store_write(bench.store, &part, 1, NULL, NULL), MW_OK);
    write_at_the_end(&bench, put_of_other_sources);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 3, 4, -1});
    mw_writer_bench_expect_holes(&bench, (int64_t[]){2, 2, -1}, 0);
    struct mw_store_counts counts;
    assert_int_equal(mw_store_count(bench.store, part.key, &counts, NULL), MW_OK);
    assert_int_equal(counts.by_source[MW_SOURCE_STORE], 0);
    assert_int_equal(counts.by_source[MW_SOURCE_LIVE], 2);
    mw_writer_bench_end(&bench);
}

static void put_many(struct mw_writer_bench *bench)
{
    for (int minute = 0; minute < MANY; minute++)
        mw_writer_bench_put(bench, minute, true, 1);
}

static void stopping_writes_what_is_left(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, MANY);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    mw_writer_bench_start(&bench);
    put_many(&bench);
    int64_t before_ms = mw_clock_monotonic_ms();
    mw_writer_stop(bench.writer);
    assert_true(mw_clock_monotonic_ms() - before_ms < MW_WRITER_BENCH_MS);
    assert_int_equal(mw_writer_bench_status(&bench).rows, MANY);
    assert_int_equal(mw_writer_bench_status(&bench).waiting, 0);
    mw_writer_bench_put(&bench, MANY, true, 1); /* while nobody writes */
    assert_int_equal(mw_writer_bench_status(&bench).waiting, 1);
    mw_writer_bench_start(&bench);
    mw_writer_bench_stop(&bench);
    const struct mw_candle *rows;
    assert_int_equal(mw_writer_bench_rows(&bench, &rows), MANY + 1);
    mw_writer_bench_end(&bench);
}

static void put_more_than_a_transaction(struct mw_writer_bench *bench)
{
    for (int minute = 0; minute <= MW_STORE_ROWS_MAX; minute++)
        mw_writer_bench_put(bench, minute, true, 1);
}

static void a_transaction_has_a_limited_number_of_rows(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, MW_STORE_ROWS_MAX + 1);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    put_more_than_a_transaction(&bench);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    struct mw_store_counts counts;
    assert_int_equal(mw_store_count(bench.store, mw_series_key(bench.series), &counts, NULL),
                     MW_OK);
    assert_int_equal(counts.rows, MW_STORE_ROWS_MAX + 1);
    assert_int_equal(counts.holes, 0);
    assert_int_equal(mw_writer_bench_status(&bench).writes, 2);
    mw_writer_bench_end(&bench);
}

/* --- what cannot be written ------------------------------------------------------------------- */

static void put_twenty(struct mw_writer_bench *bench)
{
    for (int minute = 1; minute <= 20; minute++)
        mw_writer_bench_put(bench, minute, true, 1);
}

static void bars_dropped_before_they_were_written_are_counted_and_a_hole(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 4);
    write_at_the_end(&bench, put_twenty);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){17, 18, 19, 20, -1});
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    for (int minute = 21; minute <= 30; minute++)
        mw_writer_bench_put(&bench, minute, true, 1);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    assert_int_equal(mw_writer_bench_status(&bench).lost, 6);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){17, 18, 19, 20, 27, 28, 29, 30, -1});
    mw_writer_bench_expect_holes(&bench, (int64_t[]){21, 26, -1}, 0);
    mw_writer_bench_end(&bench);
}

static void bars_dropped_after_they_were_written_are_not_lost(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 4);
    for (int minute = 1; minute <= 4; minute++)
        mw_writer_bench_put(&bench, minute, true, 1);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    mw_writer_bench_start(&bench);
    mw_writer_bench_stop(&bench);
    mw_writer_bench_add(&bench, NEVER_MS, 0); /* to which all of the ring is news */
    mw_writer_bench_put(&bench, 5, true, 1);  /* drops 1 */
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    assert_int_equal(mw_writer_bench_status(&bench).lost, 0);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 2, 3, 4, 5, -1});
    mw_writer_bench_expect_holes(&bench, (int64_t[]){-1}, 0);
    mw_writer_bench_end(&bench);
}

static void what_lies_before_a_full_ring_is_not_taken_for_quiet(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 4);
    mw_writer_bench_add(&bench, SOON_MS, 0);
    mw_writer_bench_start(&bench);
    mw_writer_bench_put(&bench, 1, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 1));
    mw_writer_bench_put(&bench, 20, true, 1);
    for (int minute = 21; minute <= 23; minute++) /* the last drops 1, and 2..19 are given up */
        mw_writer_bench_put(&bench, minute, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 23));
    mw_series_prove(bench.series, at(10), at(19)); /* says who asked about it much later */
    mw_writer_bench_put(&bench, 24, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 24));
    mw_writer_bench_expect_holes(&bench, (int64_t[]){2, 19, -1}, 0);
    mw_writer_bench_end(&bench);
}

static void what_a_full_ring_refused_is_not_taken_for_quiet(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 4);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    for (int minute = 10; minute <= 14; minute++)
        if (minute != 12)
            mw_writer_bench_put(&bench, minute, true, 1);
    assert_int_equal(mw_writer_bench_put(&bench, 9, true, 1), MW_PUT_LATE); /* nothing is dropped */
    mw_series_prove(bench.series, at(8), at(13)); /* 8 and 12 were quiet, but there is a 9 */
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    struct mw_store_series known;
    bool found;
    assert_int_equal(mw_store_find(bench.store, mw_series_key(bench.series), &known, &found, NULL),
                     MW_OK);
    assert_true(found);
    assert_int_equal(known.first_ms, at(10));
    assert_int_equal(mw_writer_bench_status(&bench).lost, 0);
    mw_writer_bench_expect_holes(&bench, (int64_t[]){-1}, 0);
    mw_writer_bench_end(&bench);
}

/* Lets no file of this process grow. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_is_full_is_told_once_and_tried_again(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    signal(SIGXFSZ, SIG_IGN);
    mw_writer_bench_add(&bench, SOON_MS, 0);
    mw_writer_bench_start(&bench);
    mw_writer_bench_put(&bench, 1, true, 1);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 1));
    limit_files(512);
    mw_writer_bench_put(&bench, 2, true, 1);
    MW_WRITER_UNTIL(&bench, mw_writer_bench_status(&bench).failures >= 3);
    mw_writer_bench_put(&bench, 3, true, 1); /* live goes on */
    struct mw_writer_status status = mw_writer_bench_status(&bench);
    assert_true(status.has_error && status.waiting == 1);
    assert_non_null(strstr(status.error.message, bench.path));
    assert_true(has_told(&bench, "fails;"));
    limit_files(RLIM_INFINITY);
    MW_WRITER_UNTIL(&bench, is_stored_to(&bench, 3));
    MW_WRITER_UNTIL(&bench, has_told(&bench, "fails;works;"));
    status = mw_writer_bench_status(&bench);
    assert_false(status.has_error);
    assert_int_equal(status.lost, 0);
    mw_writer_bench_stop(&bench);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, 2, 3, -1});
    mw_writer_bench_end(&bench);
}

static void a_disk_that_stays_full_does_not_keep_a_stop(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    signal(SIGXFSZ, SIG_IGN);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    mw_writer_bench_put(&bench, 1, true, 1);
    limit_files(512);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    limit_files(RLIM_INFINITY);
    assert_int_equal(mw_writer_bench_status(&bench).waiting, 1);
    assert_true(mw_writer_bench_status(&bench).failures >= 1);
    mw_writer_bench_end(&bench);
}

static void a_locked_store_does_not_keep_a_stop(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    mw_writer_bench_put(&bench, 1, true, 1);
    struct mw_sqlite *other;
    assert_int_equal(mw_sqlite_open(bench.path, MW_SQLITE_WRITE, 0, &other, NULL), MW_OK);
    assert_int_equal(mw_sqlite_run(other, "BEGIN IMMEDIATE", NULL), MW_OK);
    mw_writer_bench_start(&bench); /* its first look waits */
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_writer_stop(bench.writer);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, MW_STORE_BUSY_MS - 1);
    assert_int_equal(mw_writer_bench_status(&bench).waiting, 1);
    assert_int_equal(mw_sqlite_run(other, "COMMIT", NULL), MW_OK);
    mw_sqlite_close(other);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    mw_writer_bench_expect_rows(&bench, (int64_t[]){1, -1});
    mw_writer_bench_end(&bench);
}

/* --- how long it is kept ---------------------------------------------------------------------- */

static void put_two_hundred(struct mw_writer_bench *bench)
{
    for (int minute = 1; minute <= 200; minute++)
        mw_writer_bench_put(bench, minute, true, 1);
}

static void old_rows_are_erased_in_steps_counted_from_the_newest(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, MANY);
    write_at_the_end(&bench, put_many);
    mw_writer_bench_add(&bench, SOON_MS, MW_MS_PER_HOUR);
    mw_writer_bench_start(&bench);
    MW_WRITER_UNTIL(&bench, mw_writer_bench_status(&bench).erased == MANY - 61);
    mw_writer_bench_stop(&bench);
    const struct mw_candle *rows;
    assert_int_equal(mw_writer_bench_rows(&bench, &rows), 61);
    assert_int_equal(rows[0].open_ms, at(MANY - 61));
    mw_writer_bench_expect_holes(&bench, (int64_t[]){-1}, 0);
    mw_writer_bench_end(&bench);
}

static void what_another_process_erased_meanwhile_is_not_taken_for_quiet(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 100);
    write_at_the_end(&bench, put_twenty);
    mw_writer_bench_forget(&bench, 100);
    assert_int_equal(mw_restore(bench.cache, bench.store, bench.series, NULL, NULL), MW_OK);
    uint32_t erased = 0;
    assert_int_equal(
        mw_store_erase_before(bench.store, mw_series_key(bench.series), at(18), 100, &erased, NULL),
        MW_OK);
    assert_int_equal(erased, 17);
    mw_writer_bench_add(&bench, NEVER_MS, 0);
    mw_writer_bench_put(&bench, 21, true, 1);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    assert_int_equal(mw_writer_bench_status(&bench).rows, 1); /* the others are not news */
    const struct mw_candle *rows;
    assert_int_equal(mw_writer_bench_rows(&bench, &rows), 21); /* they are there again */
    mw_writer_bench_expect_holes(&bench, (int64_t[]){-1}, 0);
    mw_writer_bench_end(&bench);
}

static void what_is_too_old_is_not_written_at_all(void **state)
{
    (void)state;
    struct mw_writer_bench bench;
    mw_writer_bench_begin(&bench, 200);
    put_two_hundred(&bench);
    mw_writer_bench_add(&bench, NEVER_MS, MW_MS_PER_HOUR);
    mw_writer_bench_start(&bench);
    mw_writer_stop(bench.writer);
    assert_int_equal(mw_writer_bench_status(&bench).rows, 61);
    assert_int_equal(mw_writer_bench_status(&bench).erased, 0);
    mw_writer_bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_are_written_when_they_close),
        cmocka_unit_test(holes_and_doubts_are_written_and_go_when_they_are_filled),
        cmocka_unit_test(revisions_are_written),
        cmocka_unit_test(bars_made_of_others_are_holes_and_those_of_the_store_are_there),
        cmocka_unit_test(stopping_writes_what_is_left),
        cmocka_unit_test(a_transaction_has_a_limited_number_of_rows),
        cmocka_unit_test(bars_dropped_before_they_were_written_are_counted_and_a_hole),
        cmocka_unit_test(bars_dropped_after_they_were_written_are_not_lost),
        cmocka_unit_test(what_lies_before_a_full_ring_is_not_taken_for_quiet),
        cmocka_unit_test(what_a_full_ring_refused_is_not_taken_for_quiet),
        cmocka_unit_test(a_disk_that_is_full_is_told_once_and_tried_again),
        cmocka_unit_test(a_disk_that_stays_full_does_not_keep_a_stop),
        cmocka_unit_test(a_locked_store_does_not_keep_a_stop),
        cmocka_unit_test(old_rows_are_erased_in_steps_counted_from_the_newest),
        cmocka_unit_test(what_another_process_erased_meanwhile_is_not_taken_for_quiet),
        cmocka_unit_test(what_is_too_old_is_not_written_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
