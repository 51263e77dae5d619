/* backfill_test.c - the history thread against a venue on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "history/backfill.h"

#include "history_server.h"

enum { BARS = 100, DEADLINE_MS = 20000, RATE = 1000 };

/* What is told by the history thread, in the order in which it came. */
struct told {
    pthread_mutex_t lock;
    char text[512];   /* guarded by lock */
    uint32_t answers; /* guarded by lock */
};

struct bench {
    struct mw_history_server server;
    struct mw_cache *cache;
    struct mw_backfill *backfill;
    struct mw_series *series;
    struct mw_watcher *watcher;
    struct mw_wake wake;
    struct told told;
    int last_live; /* of the thread that puts live bars */
};

static void on_probe(void *user, struct mw_series *series, bool missed)
{
    struct bench *bench = user;
    MW_CHECK(series == bench->series);
    pthread_mutex_lock(&bench->told.lock);
    strncat(bench->told.text, missed ? "missed;" : "quiet;", 20);
    pthread_mutex_unlock(&bench->told.lock);
    mw_wake_raise(&bench->wake);
}

static void on_history(void *user, const char *feed, const struct mw_error *err)
{
    struct bench *bench = user;
    MW_CHECK(strcmp(feed, "made") == 0);
    pthread_mutex_lock(&bench->told.lock);
    strncat(bench->told.text, err != NULL ? "failed;" : "works;", 20);
    pthread_mutex_unlock(&bench->told.lock);
    mw_wake_raise(&bench->wake);
}

static void on_answer(void *user, struct mw_series *series, int64_t from_ms, int64_t to_ms,
                      const char *body, size_t length)
{
    struct bench *bench = user;
    MW_CHECK(series == bench->series && from_ms < to_ms);
    pthread_mutex_lock(&bench->told.lock);
    bench->told.answers += body[length] == '\0';
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

static struct mw_backfill_source source_of(struct bench *bench, int row_count_max, int rate)
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
static void prepare(struct bench *bench, int last)
{
    memset(bench, 0, sizeof(*bench));
    mw_log_set_level(MW_LOG_OFF);
    mw_history_server_start(&bench->server, last);
    pthread_mutex_init(&bench->told.lock, NULL);
    mw_wake_init(&bench->wake);
    bench->cache = mw_cache_new(BARS);
    struct mw_series_key key = {.feed = "made", .symbol = "X", .timeframe = {1, 'm'}};
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
    bench->watcher = mw_cache_attach(bench->cache, wake_bench, &bench->wake);
    mw_watcher_watch(bench->watcher, bench->series);
    bench->backfill = mw_backfill_new(bench->cache);
    mw_cache_on_gap(bench->cache, on_gap, bench->backfill);
}

static void begin_with(struct bench *bench, int last, const struct mw_backfill_source *source)
{
    assert_int_equal(mw_backfill_add(bench->backfill, source, NULL), MW_OK);
    assert_int_equal(mw_backfill_start(bench->backfill, NULL), MW_OK);
    mw_history_server_set_last(&bench->server, last);
}

static void begin(struct bench *bench, int last, int row_count_max)
{
    prepare(bench, last);
    struct mw_backfill_source source = source_of(bench, row_count_max, RATE);
    begin_with(bench, last, &source);
}

static void end(struct bench *bench)
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

static void put_live(struct bench *bench, int minute, bool closed)
{
    struct mw_candle bar = mw_history_bar(minute);
    if (!closed) {
        bar.state = MW_CANDLE_FORMING;
        bar.closed_by = MW_CLOSED_BY_NOBODY;
    }
    mw_cache_put(bench->cache, bench->series, &bar, bar.open_ms, NULL);
    mw_cache_flush(bench->cache);
}

static bool has_gap(struct bench *bench, bool given_up)
{
    struct mw_gap gaps[BARS];
    uint32_t count = mw_series_copy_gaps(bench->series, gaps, BARS);
    for (uint32_t i = 0; i < count; i++)
        if (gaps[i].given_up == given_up)
            return true;
    return false;
}

/* Waits for what the history thread does to show. */
#define WAIT_UNTIL(bench, condition)                                                               \
    for (int64_t until = mw_clock_monotonic_ms() + DEADLINE_MS; !(condition);) {                   \
        assert_true(mw_clock_monotonic_ms() < until);                                              \
        mw_wake_wait(&(bench)->wake, 20);                                                          \
    }

/* The bars first..last are there, with the venue's values, and nothing else but one that forms. */
static void expect_bars(struct bench *bench, int first, int last)
{
    struct mw_candle bars[BARS];
    uint32_t count = mw_series_read_last(bench->series, INT64_MAX, BARS, false, bars), at = 0;
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

static bool has_told(struct bench *bench, const char *text)
{
    pthread_mutex_lock(&bench->told.lock);
    bool same = strcmp(bench->told.text, text) == 0;
    pthread_mutex_unlock(&bench->told.lock);
    return same;
}

static bool is_idle(struct bench *bench)
{
    struct mw_backfill_status status;
    mw_backfill_get_status(bench->backfill, "made", &status);
    return status.waiting == 0;
}

static void expect_request(struct bench *bench, int index, const char *text)
{
    assert_in_range(index, 0, mw_history_server_count(&bench->server) - 1); /* takes its lock */
    assert_string_equal(bench->server.requests[index], text);
}

/* --- rings ------------------------------------------------------------------------------------ */

static void fills_the_ring_in_chunks_newest_first(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 200, 40);
    mw_backfill_want(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, mw_series_count(bench.series) == BARS && is_idle(&bench));
    expect_bars(&bench, 100, 199);
    assert_false(has_gap(&bench, false));
    expect_request(&bench, 0, ".. 40");
    expect_request(&bench, 1, "..161 40");
    expect_request(&bench, 2, "..122 23");
    assert_int_equal(mw_history_server_count(&bench.server), 3);
    assert_int_equal(bench.told.answers, 3);
    assert_int_equal(mw_series_note(bench.series)->gap_wait_ms, 1234);
    mw_backfill_want(bench.backfill, bench.series); /* is known */
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_true(status.has_history && !status.has_error);
    assert_int_equal(status.requests, 3);
    assert_int_equal(status.bars, BARS);
    assert_int_equal(status.failures, 0);
    end(&bench);
    assert_int_equal(bench.server.request_count, 3);
}

static void a_venue_without_more_ends_the_filling(void **state)
{
    (void)state;
    struct bench bench;
    prepare(&bench, 30);
    for (int minute = 0; minute <= 30; minute++)
        bench.server.quiet[minute] = minute % 4 == 1;
    struct mw_backfill_source source = source_of(&bench, 40, RATE);
    put_live(&bench, 30, false); /* a live bar was faster */
    begin_with(&bench, 30, &source);
    mw_backfill_want(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, mw_series_count(bench.series) == 23 && is_idle(&bench));
    expect_bars(&bench, 0, 29);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    end(&bench);
}

/* --- holes ------------------------------------------------------------------------------------ */

static void fills_a_hole_with_the_bars_beside_it(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 9, 40);
    put_live(&bench, 0, true);
    put_live(&bench, 9, false);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    expect_bars(&bench, 0, 8);
    expect_request(&bench, 0, "0..9 10");
    end(&bench);
}

static void long_holes_are_filled_in_chunks_newest_first(void **state)
{
    (void)state;
    struct bench bench;
    prepare(&bench, 90);
    struct mw_backfill_source source = source_of(&bench, 40, RATE);
    for (int minute = 20; minute < 80; minute++) /* longer than an answer */
        bench.server.quiet[minute] = true;
    begin_with(&bench, 90, &source);
    put_live(&bench, 0, true);
    put_live(&bench, 90, false);
    WAIT_UNTIL(&bench, !has_gap(&bench, false) && is_idle(&bench));
    expect_bars(&bench, 0, 89);
    expect_request(&bench, 0, "52..90 39");
    end(&bench);
}

static void put_live_bars(void *user)
{
    struct bench *bench = user;
    for (int minute = 12; minute <= bench->last_live; minute++) {
        mw_history_server_set_last(&bench->server, minute);
        put_live(bench, minute, false);
        if (minute % 3 != 0) /* the next one closes the others */
            put_live(bench, minute, true);
    }
}

static void fills_holes_while_live_bars_come(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 11, 7);
    put_live(&bench, 0, true);
    bench.last_live = 60;
    struct mw_thread thread = {.running = false};
    assert_int_equal(mw_thread_start(&thread, "live", &mw_feed_thread, put_live_bars, &bench, NULL),
                     MW_OK);
    WAIT_UNTIL(&bench, !has_gap(&bench, false) && mw_series_count(bench.series) == 61);
    mw_thread_join(&thread);
    expect_bars(&bench, 0, 59);
    end(&bench);
}

static void a_history_that_lags_is_asked_again(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 2, 40);
    mw_history_server_set_last(&bench.server, 2);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    mw_history_server_wait(&bench.server, 3);
    struct mw_candle bars[BARS];
    uint32_t count = mw_series_read_last(bench.series, INT64_MAX, BARS, true, bars);
    for (uint32_t i = 0; i < count; i++) /* row 2 may form */
        assert_true(bars[i].open_ms != mw_history_open_ms(2));
    struct mw_gap gap;
    assert_true(
        mw_series_find_gap(bench.series, mw_history_open_ms(2), mw_history_open_ms(3), &gap));
    mw_history_server_set_last(&bench.server, 4);
    WAIT_UNTIL(&bench, !has_gap(&bench, false) && !has_gap(&bench, true));
    expect_bars(&bench, 0, 3);
    end(&bench);
}

static void an_answer_that_leaves_rows_out_makes_nothing_quiet(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 9, 40);
    bench.server.without = 5;
    mw_history_server_set(&bench.server, MW_HISTORY_WITHOUT, 1);
    put_live(&bench, 0, true);
    put_live(&bench, 9, false);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    expect_bars(&bench, 0, 8);
    assert_int_equal(mw_history_server_count(&bench.server), 2);
    end(&bench);
}

static void the_clocks_last_bar_is_confirmed_or_corrected(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 3, 40);
    put_live(&bench, 2, true);
    struct mw_candle bar = mw_history_bar(3);
    bar.state = MW_CANDLE_FORMING;
    bar.closed_by = MW_CLOSED_BY_NOBODY;
    bar.high = bar.close = bar.open; /* updates are missing */
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    mw_series_interrupt(bench.series);
    assert_true(mw_series_close_newest(bench.series, bar.open_ms));
    mw_backfill_check(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    expect_bars(&bench, 2, 3);
    expect_request(&bench, 0, "2..4 3");
    end(&bench);
}

/* --- failures --------------------------------------------------------------------------------- */

static void wrong_answers_leave_the_series_and_are_asked_again(void **state)
{
    (void)state;
    static const struct {
        int mode, code;
        const char *body;
    } cases[] = {
        {MW_HISTORY_BODY, 200, "<html>Bad gateway</html>"},
        {MW_HISTORY_BODY, 200, "[[1600000080001,1,2,1,1,1,1,1]]"},
        {MW_HISTORY_BODY, 200, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"},
        {MW_HISTORY_STATUS, 400, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"},
        {MW_HISTORY_STATUS, 500, NULL},
        {MW_HISTORY_STATUS, 302, NULL},
        {MW_HISTORY_CUT, 200, NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct bench bench;
        begin(&bench, 9, 40);
        bench.server.body = cases[i].body;
        bench.server.code = cases[i].code;
        mw_history_server_set(&bench.server, cases[i].mode, 2);
        put_live(&bench, 0, true);
        put_live(&bench, 9, false);
        mw_history_server_wait(&bench.server, 2); /* the first was read, and changed nothing */
        assert_int_equal(mw_series_count(bench.series), 2);
        WAIT_UNTIL(&bench, !has_gap(&bench, false));
        expect_bars(&bench, 0, 8);
        struct mw_backfill_status status;
        mw_backfill_get_status(bench.backfill, "made", &status);
        assert_int_equal(status.failures, 2);
        assert_int_equal(status.requests, 1);
        assert_false(status.has_error);
        end(&bench);
    }
}

/* `mode` for long, then not any more. */
static void expect_given_up(int mode, int code, const char *message)
{
    struct bench bench;
    begin(&bench, 9, 40);
    bench.server.code = code;
    mw_history_server_set(&bench.server, mode, 0);
    put_live(&bench, 0, true);
    put_live(&bench, 9, false);
    WAIT_UNTIL(&bench, has_told(&bench, "failed;"));
    assert_true(has_gap(&bench, true));
    assert_false(has_gap(&bench, false));
    assert_true(mw_history_server_count(&bench.server) >= MW_BACKFILL_ATTEMPTS_MAX);
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_true(status.has_error);
    assert_non_null(strstr(status.error.message, message));
    mw_history_server_wait(&bench.server, MW_BACKFILL_ATTEMPTS_MAX + 2); /* slowly, for ever */
    assert_true(has_gap(&bench, true));
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    WAIT_UNTIL(&bench, has_told(&bench, "failed;works;"));
    WAIT_UNTIL(&bench, !has_gap(&bench, true));
    expect_bars(&bench, 0, 8);
    end(&bench);
}

static void gives_a_hole_up_and_comes_back_to_it(void **state)
{
    (void)state;
    expect_given_up(MW_HISTORY_STATUS, 400, "history of X 1m: the venue answers with status 400");
    expect_given_up(MW_HISTORY_STATUS, 503, "history of X 1m: the venue answers with status 503");
    expect_given_up(MW_HISTORY_CUT, 200, "history of X 1m: http://127.0.0.1:");
}

static void stays_away_for_as_long_as_it_is_asked_to(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 9, 40);
    bench.server.code = 429;
    bench.server.retry_after_s = 1;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 1);
    put_live(&bench, 0, true);
    put_live(&bench, 9, false);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    assert_int_equal(mw_history_server_count(&bench.server), 2);
    assert_in_range(bench.server.request_ms[1] - bench.server.request_ms[0], 990, DEADLINE_MS);
    end(&bench);
}

static void keeps_to_the_rate(void **state)
{
    (void)state;
    struct bench bench;
    prepare(&bench, 100);
    struct mw_backfill_source source = source_of(&bench, 12, 20);
    begin_with(&bench, 100, &source);
    mw_backfill_want(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, mw_series_count(bench.series) == BARS && is_idle(&bench));
    int count = mw_history_server_count(&bench.server);
    assert_int_equal(count, 10); /* 11 new bars each */
    assert_in_range(bench.server.request_ms[count - 1] - bench.server.request_ms[0],
                    (count - 1) * 50 - 10, DEADLINE_MS);
    end(&bench);
}

static void stops_at_once_with_a_request_under_way(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 9, 40);
    mw_history_server_set(&bench.server, MW_HISTORY_SILENT, 0);
    mw_backfill_want(bench.backfill, bench.series);
    mw_history_server_wait(&bench.server, 1);
    int64_t begun_ms = mw_clock_monotonic_ms();
    mw_backfill_stop(bench.backfill);
    mw_backfill_stop(bench.backfill);
    assert_in_range(mw_clock_monotonic_ms() - begun_ms, 0, 199);
    mw_backfill_check(bench.backfill, bench.series); /* nobody listens */
    end(&bench);
}

/* One schedule: bars come live or are missed, answers are of any kind, buckets are quiet. */
static void run_schedule(uint64_t seed)
{
    enum { MINUTES = 60 };
    static const int modes[] = {MW_HISTORY_GOOD,    MW_HISTORY_CUT,       MW_HISTORY_STATUS,
                                MW_HISTORY_WITHOUT, MW_HISTORY_BACKWARDS, MW_HISTORY_BODY};
    struct mw_random random = {.state = seed};
    struct bench bench;
    prepare(&bench, 0);
    for (int minute = 1; minute < MINUTES; minute++)
        bench.server.quiet[minute] = mw_random_next(&random) % 5 == 0;
    bench.server.code = mw_random_next(&random) % 2 ? 503 : 404;
    bench.server.body = "[[1,2,3]]";
    struct mw_backfill_source source = source_of(&bench, 5 + (int)(seed % 30), RATE);
    begin_with(&bench, 0, &source);
    put_live(&bench, 0, true);
    for (int minute = 1; minute <= MINUTES; minute++) {
        pthread_mutex_lock(&bench.server.lock);
        bench.server.last = minute - (int)(mw_random_next(&random) % 2); /* it may lag */
        bench.server.mode = modes[mw_random_next(&random) % MW_COUNT(modes)];
        bench.server.mode_count = 1;
        bench.server.without = minute - 1; /* never the same one twice */
        pthread_mutex_unlock(&bench.server.lock);
        if (mw_random_next(&random) % 4 == 0)
            mw_series_interrupt(bench.series);
        if (mw_random_next(&random) % 3 == 0 || bench.server.quiet[minute])
            continue;
        put_live(&bench, minute, false);
        if (mw_random_next(&random) % 2)
            put_live(&bench, minute, true);
        mw_wake_wait(&bench.wake, (int64_t)(mw_random_next(&random) % 3));
    }
    put_live(&bench, MINUTES, false);
    put_live(&bench, MINUTES, true);
    mw_history_server_set_last(&bench.server, MINUTES + 1);
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    WAIT_UNTIL(&bench, !has_gap(&bench, false) && !has_gap(&bench, true));
    expect_bars(&bench, 0, MINUTES);
    end(&bench);
}

static void whatever_goes_wrong_the_series_is_right_in_the_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_schedule(seed);
}

/* --- probes ----------------------------------------------------------------------------------- */

static void a_probe_that_finds_nothing_newer_calls_the_series_live(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 5, 40);
    put_live(&bench, 5, false);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_probe(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, has_told(&bench, "quiet;"));
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_LIVE);
    expect_request(&bench, 0, "5.. 40");
    end(&bench);
}

static void a_probe_puts_what_was_missed(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8, 40);
    bench.server.quiet[6] = true;
    put_live(&bench, 5, false);
    mw_series_interrupt(bench.series);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_probe(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, has_told(&bench, "missed;"));
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    WAIT_UNTIL(&bench, !has_gap(&bench, false));
    expect_bars(&bench, 5, 7);
    end(&bench);
}

static void a_series_that_nobody_wants_any_more_is_dropped(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 9, 40);
    bench.server.code = 400;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 0);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    mw_history_server_wait(&bench.server, 2);
    mw_series_set_health(bench.series, MW_SERIES_IDLE);
    WAIT_UNTIL(&bench, is_idle(&bench));
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    mw_backfill_want(bench.backfill, bench.series);
    WAIT_UNTIL(&bench, mw_series_count(bench.series) == 9);
    end(&bench);
}

/* --- sources ---------------------------------------------------------------------------------- */

static void knows_where_to_ask(void **state)
{
    (void)state;
    struct bench bench;
    prepare(&bench, 9);
    struct mw_error err;
    static const char *const bad[] = {"", "ws://127.0.0.1", "http://127.0.0.1/", "127.0.0.1"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        struct mw_backfill_source source = source_of(&bench, 40, RATE);
        source.base = bad[i];
        assert_int_equal(mw_backfill_add(bench.backfill, &source, &err), MW_EPARSE);
    }
    struct mw_backfill_source source = source_of(&bench, 40, RATE);
    source.base = NULL;
    assert_int_equal(mw_backfill_add(bench.backfill, &source, &err), MW_OK);
    struct mw_backfill_status status;
    mw_backfill_get_status(bench.backfill, "made", &status);
    assert_false(status.has_history);
    mw_backfill_get_status(bench.backfill, "other", &status);
    assert_false(status.has_history);
    mw_backfill_want(bench.backfill, bench.series); /* goes nowhere yet */
    assert_int_equal(mw_series_note(bench.series)->gap_wait_ms, 0);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "made", "ftp://x", &err), MW_EPARSE);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "other", bench.server.base, &err),
                     MW_EINVAL);
    assert_int_equal(mw_backfill_set_base(bench.backfill, "made", bench.server.base, &err), MW_OK);
    mw_backfill_want(bench.backfill, bench.series);
    assert_int_equal(mw_backfill_start(bench.backfill, &err), MW_OK);
    WAIT_UNTIL(&bench, mw_series_count(bench.series) == 9);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_the_ring_in_chunks_newest_first),
        cmocka_unit_test(a_venue_without_more_ends_the_filling),
        cmocka_unit_test(fills_a_hole_with_the_bars_beside_it),
        cmocka_unit_test(long_holes_are_filled_in_chunks_newest_first),
        cmocka_unit_test(fills_holes_while_live_bars_come),
        cmocka_unit_test(a_history_that_lags_is_asked_again),
        cmocka_unit_test(an_answer_that_leaves_rows_out_makes_nothing_quiet),
        cmocka_unit_test(the_clocks_last_bar_is_confirmed_or_corrected),
        cmocka_unit_test(wrong_answers_leave_the_series_and_are_asked_again),
        cmocka_unit_test(gives_a_hole_up_and_comes_back_to_it),
        cmocka_unit_test(stays_away_for_as_long_as_it_is_asked_to),
        cmocka_unit_test(keeps_to_the_rate),
        cmocka_unit_test(stops_at_once_with_a_request_under_way),
        cmocka_unit_test(whatever_goes_wrong_the_series_is_right_in_the_end),
        cmocka_unit_test(a_probe_that_finds_nothing_newer_calls_the_series_live),
        cmocka_unit_test(a_probe_puts_what_was_missed),
        cmocka_unit_test(a_series_that_nobody_wants_any_more_is_dropped),
        cmocka_unit_test(knows_where_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
