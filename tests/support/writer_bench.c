/* writer_bench.c - bars, and what is found in the store. */
#include "writer_bench.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"

#include "store_file.h"

static const struct mw_timeframe minute_frame = {1, 'm'};
static struct mw_candle found_rows[MW_WRITER_BENCH_ROWS];

static void add_cache(struct mw_writer_bench *bench, uint32_t bars)
{
    const struct mw_series_key key = {.feed = "made", .symbol = "X", .timeframe = minute_frame};
    bench->cache = mw_cache_new(bars);
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
}

void mw_writer_bench_begin(struct mw_writer_bench *bench, uint32_t bars)
{
    memset(bench, 0, sizeof(*bench));
    mw_log_set_level(MW_LOG_OFF);
    assert_int_equal(store_file_setup(&bench->path), 0);
    bench->store = store_file_open(bench->path);
    mw_wake_init(&bench->wake);
    pthread_mutex_init(&bench->lock, NULL);
    bench->stored_to_ms = INT64_MIN;
    add_cache(bench, bars);
}

static void on_stored(void *user, const struct mw_store_part *part)
{
    struct mw_writer_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    if (part->to_ms > bench->stored_to_ms)
        bench->stored_to_ms = part->to_ms;
    pthread_mutex_unlock(&bench->lock);
    mw_wake_raise(&bench->wake);
}

static void on_store(void *user, const struct mw_error *err)
{
    struct mw_writer_bench *bench = user;
    pthread_mutex_lock(&bench->lock);
    strncat(bench->told, err != NULL ? "fails;" : "works;", 16);
    pthread_mutex_unlock(&bench->lock);
    mw_wake_raise(&bench->wake);
}

void mw_writer_bench_add(struct mw_writer_bench *bench, int64_t batch_ms, int64_t keep_ms)
{
    const struct mw_retention retention = {.timeframe = minute_frame, .keep_ms = keep_ms};
    bench->writer = mw_writer_new(&(struct mw_writer_options){.store = bench->store,
                                                              .retentions = &retention,
                                                              .retention_count = keep_ms > 0,
                                                              .batch_ms = batch_ms,
                                                              .on_stored = on_stored,
                                                              .on_store = on_store,
                                                              .user = bench});
    assert_true(mw_writer_add(bench->writer, bench->series));
    assert_false(mw_writer_add(bench->writer, bench->series)); /* is known */
}

void mw_writer_bench_start(struct mw_writer_bench *bench)
{
    assert_int_equal(mw_writer_start(bench->writer, NULL), MW_OK);
}

void mw_writer_bench_stop(struct mw_writer_bench *bench)
{
    mw_writer_stop(bench->writer);
    mw_writer_free(bench->writer);
    bench->writer = NULL;
}

void mw_writer_bench_forget(struct mw_writer_bench *bench, uint32_t bars)
{
    assert_null(bench->writer);
    mw_cache_free(bench->cache);
    add_cache(bench, bars);
}

void mw_writer_bench_end(struct mw_writer_bench *bench)
{
    mw_writer_free(bench->writer);
    struct mw_error err = {.message = ""};
    if (mw_store_check(bench->store, &err) != MW_OK)
        fail_msg("%s", err.message);
    mw_store_close(bench->store);
    mw_cache_free(bench->cache);
    mw_wake_deinit(&bench->wake);
    pthread_mutex_destroy(&bench->lock);
    assert_int_equal(store_file_teardown(&bench->path), 0);
    mw_log_set_level(MW_LOG_WARN);
}

int64_t mw_writer_bench_at(int64_t minute)
{
    return minute * MW_MS_PER_MINUTE;
}

struct mw_candle mw_writer_bench_bar(int64_t minute, double volume)
{
    double price = 100 + (double)(minute % 50);
    return (struct mw_candle){.open_ms = mw_writer_bench_at(minute),
                              .open = price,
                              .high = price + 2,
                              .low = price - 2,
                              .close = price + 1,
                              .volume = volume,
                              .turnover = (double)NAN,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

mw_put mw_writer_bench_put(struct mw_writer_bench *bench, int64_t minute, bool closed,
                           double volume)
{
    struct mw_candle bar = mw_writer_bench_bar(minute, volume);
    if (!closed) {
        bar.state = MW_CANDLE_FORMING;
        bar.closed_by = MW_CLOSED_BY_NOBODY;
    }
    return mw_cache_put(bench->cache, bench->series, &bar, mw_clock_wall_ms(), NULL);
}

struct mw_writer_status mw_writer_bench_status(struct mw_writer_bench *bench)
{
    struct mw_writer_status status;
    mw_writer_get_status(bench->writer, &status);
    return status;
}

uint32_t mw_writer_bench_rows(struct mw_writer_bench *bench, const struct mw_candle **rows)
{
    uint32_t got = 0;
    const struct mw_store_query query = {.key = mw_series_key(bench->series),
                                         .from_ms = INT64_MIN,
                                         .until_ms = INT64_MAX,
                                         .count = MW_WRITER_BENCH_ROWS,
                                         .newest = true};
    assert_int_equal(mw_store_read_rows(bench->store, &query, found_rows, &got, NULL), MW_OK);
    *rows = found_rows;
    return got;
}

void mw_writer_bench_expect_rows(struct mw_writer_bench *bench, const int64_t *minutes)
{
    const struct mw_candle *rows;
    uint32_t count = mw_writer_bench_rows(bench, &rows), i = 0;
    for (; minutes[i] != -1; i++) {
        assert_true(i < count);
        assert_int_equal(rows[i].open_ms, mw_writer_bench_at(minutes[i]));
    }
    assert_int_equal(i, count);
}

void mw_writer_bench_expect_holes(struct mw_writer_bench *bench, const int64_t *pairs,
                                  uint32_t given_up)
{
    struct mw_gaps gaps = {0};
    uint32_t i = 0;
    const struct mw_store_query query = {
        .key = mw_series_key(bench->series), .from_ms = INT64_MIN, .until_ms = INT64_MAX};
    assert_int_equal(mw_store_read_holes(bench->store, &query, &gaps, NULL), MW_OK);
    const struct mw_gap *holes = gaps.list;
    for (; pairs[2 * (size_t)i] != -1; i++) {
        assert_true(i < gaps.count);
        assert_int_equal(holes[i].from_ms, mw_writer_bench_at(pairs[2 * (size_t)i]));
        assert_int_equal(holes[i].to_ms, mw_writer_bench_at(pairs[2 * (size_t)i + 1]));
        assert_int_equal(holes[i].given_up, i < given_up);
    }
    assert_int_equal(i, gaps.count);
    mw_gaps_deinit(&gaps);
}
