/* backfill_bench.c - what the history thread tells, and what its venue was asked. */
#include "backfill_bench.h"

#include <string.h>

#include "base/check.h"
#include "base/log.h"

static void on_probe(void *user, struct mw_series *series, bool missed)
{
    struct mw_history_bench *bench = user;
    MW_CHECK(series == bench->series);
    pthread_mutex_lock(&bench->told.lock);
    strncat(bench->told.text, missed ? "missed;" : "quiet;", 20);
    pthread_mutex_unlock(&bench->told.lock);
    mw_wake_raise(&bench->wake);
}

static void on_history(void *user, const char *feed, const struct mw_error *err)
{
    struct mw_history_bench *bench = user;
    MW_CHECK(strcmp(feed, "made") == 0);
    pthread_mutex_lock(&bench->told.lock);
    strncat(bench->told.text, err != NULL ? "failed;" : "works;", 20);
    pthread_mutex_unlock(&bench->told.lock);
    mw_wake_raise(&bench->wake);
}

static void on_answer(void *user, const struct mw_answer *answer)
{
    struct mw_history_bench *bench = user;
    MW_CHECK(answer->series == bench->series && answer->from_ms < answer->to_ms);
    MW_CHECK(answer->sent_ms > 0);
    pthread_mutex_lock(&bench->told.lock);
    bench->told.answers += answer->body[answer->length] == '\0';
    pthread_mutex_unlock(&bench->told.lock);
}

static void wake_bench(void *user)
{
    mw_wake_raise(user);
}

static void on_gap(void *user, struct mw_series *series)
{
    mw_backfill_check(user, series);
}

struct mw_backfill_source mw_history_bench_source_of(struct mw_history_bench *bench,
                                                     int row_count_max, int rate)
{
    return (struct mw_backfill_source){.feed = "made",
                                       .protocol = mw_history_protocol(row_count_max, rate),
                                       .base = bench->server.base,
                                       .gap_wait_ms = 1234,
                                       .retry_s = 0.05,
                                       .base_s = 0.002,
                                       .cap_s = 0.01,
                                       .settle_ms = 1,
                                       .timeout_ms = 5000,
                                       .on_probe = on_probe,
                                       .on_history = on_history,
                                       .on_answer = on_answer,
                                       .user = bench};
}

/* Everything but the source. */
void mw_history_bench_prepare(struct mw_history_bench *bench, int last)
{
    memset(bench, 0, sizeof(*bench));
    mw_log_set_level(MW_LOG_OFF);
    mw_history_server_start(&bench->server, last);
    pthread_mutex_init(&bench->told.lock, NULL);
    mw_wake_init(&bench->wake);
    bench->cache = mw_cache_new(MW_HISTORY_BENCH_BARS);
    struct mw_series_key key = {.feed = "made", .symbol = "X", .timeframe = {1, 'm'}};
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
    bench->watcher = mw_cache_attach(bench->cache, wake_bench, &bench->wake);
    mw_watcher_watch(bench->watcher, bench->series);
    bench->backfill = mw_backfill_new(bench->cache);
    mw_cache_on_gap(bench->cache, on_gap, bench->backfill);
}

void mw_history_bench_begin_with(struct mw_history_bench *bench, int last,
                                 const struct mw_backfill_source *source)
{
    assert_int_equal(mw_backfill_add(bench->backfill, source, NULL), MW_OK);
    assert_int_equal(mw_backfill_start(bench->backfill, NULL), MW_OK);
    mw_history_server_set_last(&bench->server, last);
}

void mw_history_bench_begin(struct mw_history_bench *bench, int last, int row_count_max)
{
    mw_history_bench_prepare(bench, last);
    struct mw_backfill_source source =
        mw_history_bench_source_of(bench, row_count_max, MW_HISTORY_BENCH_RATE);
    mw_history_bench_begin_with(bench, last, &source);
}

void mw_history_bench_end(struct mw_history_bench *bench)
{
    mw_backfill_stop(bench->backfill);
    mw_backfill_free(bench->backfill);
    mw_cache_detach(bench->cache, bench->watcher);
    mw_cache_free(bench->cache);
    mw_history_server_stop(&bench->server);
    mw_wake_deinit(&bench->wake);
    pthread_mutex_destroy(&bench->told.lock);
    mw_log_set_level(MW_LOG_WARN);
}

void mw_history_bench_put_live(struct mw_history_bench *bench, int minute, bool closed)
{
    struct mw_candle bar = mw_history_bar(minute);
    if (!closed) {
        bar.state = MW_CANDLE_FORMING;
        bar.closed_by = MW_CLOSED_BY_NOBODY;
    }
    mw_cache_put(bench->cache, bench->series, &bar, bar.open_ms, NULL);
    mw_cache_flush(bench->cache);
}

bool mw_history_bench_has_gap(struct mw_history_bench *bench, bool given_up)
{
    struct mw_gap gaps[MW_HISTORY_BENCH_BARS];
    uint32_t count = mw_series_copy_gaps(bench->series, gaps, MW_HISTORY_BENCH_BARS);
    for (uint32_t i = 0; i < count; i++)
        if (gaps[i].given_up == given_up)
            return true;
    return false;
}

/* The bars first..last are there, with the venue's values, and nothing else but one that forms. */
void mw_history_bench_expect_bars(struct mw_history_bench *bench, int first, int last)
{
    struct mw_candle bars[MW_HISTORY_BENCH_BARS];
    uint32_t count =
                 mw_series_read_last(bench->series, INT64_MAX, MW_HISTORY_BENCH_BARS, false, bars),
             at = 0;
    for (int minute = first; minute <= last; minute++) {
        if (bench->server.quiet[minute])
            continue;
        struct mw_candle want = mw_history_bar(minute);
        assert_true(at < count);
        assert_true(bars[at].open_ms == want.open_ms && bars[at].open == want.open &&
                    bars[at].high == want.high && bars[at].low == want.low &&
                    bars[at].close == want.close && bars[at].volume == want.volume);
        assert_int_equal(bars[at].state, MW_CANDLE_CLOSED);
        assert_int_equal(bars[at].flags & MW_CANDLE_UNPROVEN, 0);
        at++;
    }
    assert_int_equal(at, count);
}

bool mw_history_bench_has_told(struct mw_history_bench *bench, const char *text)
{
    pthread_mutex_lock(&bench->told.lock);
    bool same = strcmp(bench->told.text, text) == 0;
    pthread_mutex_unlock(&bench->told.lock);
    return same;
}

bool mw_history_bench_is_idle(struct mw_history_bench *bench)
{
    struct mw_backfill_status status;
    mw_backfill_get_status(bench->backfill, "made", &status);
    return status.waiting == 0;
}

void mw_history_bench_expect_request(struct mw_history_bench *bench, int index, const char *text)
{
    assert_in_range(index, 0, mw_history_server_count(&bench->server) - 1); /* takes its lock */
    assert_string_equal(bench->server.requests[index], text);
}
