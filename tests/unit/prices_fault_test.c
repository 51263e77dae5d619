/* prices_fault_test.c - answers while a store breaks, is written by others, or clocks go wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "history/prices_parts.h"
#include "market/derive.h"
#include "store_file.h"

enum {
    PAGE = 4096,
    RING = 20,
    STORED = 4000,
    KEPT = 300,
    DAYS = 40,
    QUESTIONS = 50,
    PAUSE_US = 100
};

static const int64_t begin_ms = 1577836800000; /* 2020-01-01 */
static const struct mw_series_key key = {"demo", "BTC", {1, 'm'}};

struct bench {
    struct mw_cache *cache;
    struct mw_store *store;
    struct mw_prices *prices;
    struct mw_series *series;
    struct mw_candle *rows; /* owns; of the last answer */
    struct mw_price_buffer buffer;
    struct mw_price_answer answer;
};

static int64_t ms_of(int64_t at)
{
    return begin_ms + at * MW_MS_PER_MINUTE;
}

static struct mw_candle bar(int64_t at)
{
    return (struct mw_candle){.open_ms = ms_of(at),
                              .open = 100,
                              .high = 100,
                              .low = 100,
                              .close = 100,
                              .volume = 1,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static void begin(struct bench *bench, const char *path)
{
    *bench = (struct bench){.cache = mw_cache_new(RING), .store = store_file_open(path)};
    bench->prices = mw_prices_new(bench->cache);
    mw_prices_set_store(bench->prices, bench->store);
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
    mw_series_set_health(bench->series, MW_SERIES_LIVE);
}

static void end(struct bench *bench)
{
    mw_prices_free(bench->prices);
    mw_store_close(bench->store);
    mw_cache_free(bench->cache);
    mw_free(bench->rows);
    mw_price_buffer_deinit(&bench->buffer);
}

static void put(struct bench *bench, int64_t at)
{
    const struct mw_candle candle = bar(at);
    mw_cache_put(bench->cache, bench->series, &candle, ms_of(1 << 24), NULL);
}

/* Stores minutes, with a hole of the last `holes` of them. */
static void store(struct bench *bench, int64_t from, int64_t to, int64_t holes)
{
    struct mw_error err;
    const struct mw_gap hole = {.from_ms = ms_of(to - holes + 1), .to_ms = ms_of(to)};
    struct mw_candle *rows = mw_alloc((size_t)(to - from + 1) * sizeof(*rows));
    const struct mw_store_part part = {.key = &key,
                                       .from_ms = ms_of(from),
                                       .to_ms = ms_of(to),
                                       .rows = rows,
                                       .row_count = (uint32_t)(to - from + 1),
                                       .holes = &hole,
                                       .hole_count = holes > 0};
    for (int64_t at = from; at <= to; at++)
        rows[at - from] = bar(at);
    if (mw_store_write(bench->store, &part, 1, NULL, &err) != MW_OK)
        fail_msg("%s", err.message);
    mw_free(rows);
}

static struct mw_candle *make_room(void *user, uint32_t count)
{
    struct bench *bench = user;
    mw_free(bench->rows);
    bench->rows = mw_alloc(count * sizeof(*bench->rows));
    return bench->rows;
}

static struct mw_price_buffer *get_buffer(void *user)
{
    return &((struct bench *)user)->buffer;
}

static struct mw_price_query query_of(uint32_t count)
{
    return (struct mw_price_query){
        .count = count, .start_ms = INT64_MIN, .finish_ms = INT64_MAX, .now_ms = INT64_MAX};
}

static void ask(struct bench *bench, struct mw_series *series, struct mw_price_query query)
{
    const struct mw_price_room room = {make_room, get_buffer, bench};
    mw_prices_answer(bench->prices, series, mw_series_key(series), &query, &room, &bench->answer);
}

static void ask_key(struct bench *bench, const struct mw_series_key *of,
                    struct mw_price_query query)
{
    const struct mw_price_room room = {make_room, get_buffer, bench};
    mw_prices_answer(bench->prices, NULL, of, &query, &room, &bench->answer);
}

/* "12 gap": how many bars, and the reason or "complete". */
static void check_answer(const struct bench *bench, const char *wanted)
{
    char said[64];
    snprintf(said, sizeof(said), "%u %s", bench->answer.count,
             bench->answer.reason == NULL ? "complete" : bench->answer.reason);
    assert_string_equal(said, wanted);
}

static void expect(struct bench *bench, struct mw_price_query query, const char *wanted)
{
    ask(bench, bench->series, query);
    check_answer(bench, wanted);
}

static void expect_key(struct bench *bench, const struct mw_series_key *of,
                       struct mw_price_query query, const char *wanted)
{
    ask_key(bench, of, query);
    check_answer(bench, wanted);
}

/* --- a store that breaks ---------------------------------------------------------------------- */

static void count_line(void *user, mw_log_level level, const char *line)
{
    assert_int_equal(level, MW_LOG_WARN);
    assert_non_null(strstr(line, "the store cannot be read: "));
    ++*(int *)user;
}

static void break_file(const char *path, bool truncated)
{
    unsigned char noise[PAGE];
    struct stat file = {0};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &file) == 0);
    memset(noise, 0xa5, sizeof(noise));
    if (truncated)
        assert_int_equal(ftruncate(fd, 3 * PAGE + 17), 0);
    for (off_t at = PAGE; !truncated && at < file.st_size; at += PAGE)
        assert_int_equal(pwrite(fd, noise, PAGE, at), PAGE);
    close(fd);
}

/* What is in the ring goes on; nothing crashes; and somebody is told, once a second. */
static void check_broken(const char *path, bool truncated)
{
    struct bench bench;
    int lines = 0;
    begin(&bench, path);
    store(&bench, 0, STORED - 1, 0);
    mw_store_close(bench.store); /* the log goes into the file */
    bench.store = store_file_open(path);
    mw_prices_set_store(bench.prices, bench.store);
    for (int64_t at = STORED - 5; at < STORED + RING; at++)
        put(&bench, at);
    expect(&bench, query_of(50), "50 complete");
    break_file(path, truncated);
    mw_log_set_sink(count_line, &lines);
    int64_t begun_ms = mw_clock_monotonic_ms();
    for (int i = 0; i < QUESTIONS; i++) {
        expect(&bench, query_of(RING), "20 complete");
        ask(&bench, bench.series, query_of(2000));
        assert_string_equal(bench.answer.reason, "gap");
        assert_true(bench.answer.count >= RING);
    }
    int64_t seconds = (mw_clock_monotonic_ms() - begun_ms) / MW_LOG_GATE_MS;
    mw_log_set_sink(NULL, NULL);
    assert_true(lines >= 1 && lines <= seconds + 1);
    end(&bench);
}

static void an_answer_has_a_gap_when_the_store_is_truncated(void **state)
{
    check_broken(*state, true);
}

static void an_answer_has_a_gap_when_the_store_is_damaged(void **state)
{
    check_broken(*state, false);
}

/* --- a store that others write ---------------------------------------------------------------- */

static void what_is_added_before_the_beginning_while_rows_are_read_is_not_known(void **state)
{
    struct bench bench;
    struct mw_past past;
    struct mw_stretches unknown = {.list = NULL};
    const struct mw_past_range range = {
        .from_ms = ms_of(0), .end_ms = ms_of(200), .count = 200, .is_window = true};
    begin(&bench, *state);
    store(&bench, 100, 199, 0);
    mw_past_find(bench.prices, &key, &past);
    store(&bench, 0, 99, 0);
    uint32_t count = mw_past_read(bench.prices, &past, &range, &bench.buffer, &unknown);
    assert_int_equal(count, 100);
    assert_int_equal(unknown.count, 1);
    assert_int_equal(unknown.list[0].from_ms, ms_of(0));
    assert_int_equal(unknown.list[0].end_ms, ms_of(100));
    mw_stretches_deinit(&unknown);
    end(&bench);
}

static void a_bar_in_doubt_in_place_of_one_that_forms_is_a_gap(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 100; at < 110; at++)
        put(&bench, at);
    struct mw_candle candle = bar(110);
    candle.state = MW_CANDLE_FORMING;
    candle.closed_by = MW_CLOSED_BY_NOBODY;
    mw_series_put(bench.series, &candle, ms_of(1 << 24), NULL);
    store(&bench, 50, 110, 1);
    expect(&bench, query_of(3), "3 gap");
    assert_int_equal(bench.rows[2].open_ms, ms_of(110));
    store(&bench, 110, 110, 0);
    expect(&bench, query_of(3), "3 complete");
    end(&bench);
}

struct eraser {
    struct mw_store *store;
    struct mw_thread thread;
    _Atomic int64_t before; /* minutes before this one are gone, or going */
};

static void erase_all(void *user)
{
    struct eraser *eraser = user;
    struct mw_error err;
    for (int64_t before = 0; before < STORED; before += 7) {
        uint32_t erased;
        atomic_store(&eraser->before, before);
        if (mw_store_erase_before(eraser->store, &key, ms_of(before), STORED, &erased, &err) !=
            MW_OK)
            fail_msg("%s", err.message);
    }
    atomic_store(&eraser->before, STORED);
}

/* Retention goes on while rows are read: a whole answer has all of them. */
static void what_is_erased_while_it_is_read_is_missed(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    store(&bench, 0, STORED - 1, 0);
    for (int64_t at = STORED; at < STORED + RING; at++)
        put(&bench, at);
    struct eraser eraser = {.store = bench.store};
    assert_int_equal(
        mw_thread_start(&eraser.thread, "eraser", &mw_feed_thread, erase_all, &eraser, NULL),
        MW_OK);
    uint32_t complete = 0, lies = 0;
    int64_t before;
    while ((before = atomic_load(&eraser.before)) < STORED - 2 * KEPT) {
        struct mw_price_query query = query_of(0);
        query.has_start = query.is_past = true;
        query.start_ms = ms_of(before + KEPT);
        query.finish_ms = ms_of(STORED + 1);
        ask(&bench, bench.series, query);
        complete += bench.answer.reason == NULL;
        lies += bench.answer.reason == NULL && bench.answer.count != STORED + 2 - before - KEPT;
        ask(&bench, bench.series, query_of((uint32_t)(STORED + RING - before - KEPT)));
        lies += bench.answer.reason == NULL && bench.rows[0].open_ms != ms_of(before + KEPT);
    }
    mw_thread_join(&eraser.thread);
    assert_int_equal(lies, 0);
    assert_true(complete > 0);
    end(&bench);
}

/* --- rings that move -------------------------------------------------------------------------- */

struct feed {
    struct bench *bench;
    struct mw_thread thread;
    int64_t newest;
    _Atomic bool stop;
};

static void feed_on(void *user)
{
    struct feed *feed = user;
    while (!atomic_load_explicit(&feed->stop, memory_order_relaxed)) {
        put(feed->bench, ++feed->newest);
        usleep(PAUSE_US);
    }
}

/* The bars asked for are older than the ring of minutes, which moves on all the time. */
static void hours_of_the_store_are_whole_although_minutes_keep_coming(void **state)
{
    const struct mw_series_key hours = {"demo", "BTC", {1, 'h'}};
    struct bench bench;
    begin(&bench, *state);
    store(&bench, 0, STORED - 1, 0);
    for (int64_t at = STORED - RING; at < STORED + RING; at++)
        put(&bench, at);
    struct feed feed = {.bench = &bench, .newest = STORED + RING};
    assert_int_equal(mw_thread_start(&feed.thread, "feed", &mw_feed_thread, feed_on, &feed, NULL),
                     MW_OK);
    struct mw_price_query query = query_of(0);
    query.has_start = query.is_past = true;
    query.start_ms = ms_of(0);
    query.finish_ms = ms_of(STORED - 61);
    uint32_t incomplete = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        ask_key(&bench, &hours, query);
        incomplete += bench.answer.reason != NULL || bench.answer.count != STORED / 60;
    }
    atomic_store(&feed.stop, true);
    mw_thread_join(&feed.thread);
    assert_int_equal(incomplete, 0);
    end(&bench);
}

/* --- clocks ----------------------------------------------------------------------------------- */

/* A bar of today that has closed: the clock was set back since. */
static void a_clock_that_was_set_back_does_not_make_old_bars_new(void **state)
{
    struct mw_series_key days = {"demo", "BTC", {1, 'd'}};
    struct mw_series *series;
    struct bench bench;
    begin(&bench, *state);
    assert_int_equal(mw_cache_add(bench.cache, &days, &series, NULL), MW_OK);
    mw_series_set_health(series, MW_SERIES_STALE);
    int64_t today_ms = mw_timeframe_floor(days.timeframe, mw_clock_wall_ms());
    for (int64_t ahead = -1; ahead <= 2; ahead++) {
        struct mw_candle candle = bar(0);
        candle.open_ms = today_ms + ahead * MW_MS_PER_DAY;
        mw_series_put(series, &candle, today_ms + 9 * (int64_t)MW_MS_PER_DAY, NULL);
        ask(&bench, series, query_of(1));
        if (ahead < 0)
            assert_null(bench.answer.reason);
        else if (ahead > 0) /* today's last minute is close enough */
            assert_true(bench.answer.reason != NULL);
    }
    end(&bench);
}

/* Days of a file that go on after today. */
static void what_lies_ahead_of_the_clock_is_neither_given_nor_called_whole(void **state)
{
    const struct mw_series_key days = {"", "BTC", {1, 'd'}};
    struct bench bench;
    begin(&bench, *state);
    int64_t today_ms = mw_timeframe_floor(days.timeframe, mw_clock_wall_ms());
    struct mw_candle *rows = mw_alloc(DAYS * sizeof(*rows));
    for (int64_t i = 0; i < DAYS; i++) {
        rows[i] = bar(0);
        rows[i].open_ms = today_ms + (i - DAYS / 2) * MW_MS_PER_DAY;
    }
    assert_int_equal(mw_prices_add_context(bench.prices, &days, rows, DAYS, true, NULL), MW_OK);
    struct mw_price_query query = query_of(0);
    query.has_start = query.is_past = true;
    query.start_ms = rows[0].open_ms;
    query.finish_ms = rows[DAYS - 2].open_ms;
    expect_key(&bench, &days, query, "20 unsubscribed");
    query.start_ms = rows[DAYS / 2 + 1].open_ms;
    expect_key(&bench, &days, query, "0 unsubscribed");
    query.now_ms = rows[DAYS - 1].open_ms; /* whose clock is right is not asked there */
    query.start_ms = rows[0].open_ms;
    expect_key(&bench, &days, query, "39 complete");
    end(&bench);
}

/* The store has an earlier run of a simulator, which begins anew. */
static void what_an_earlier_run_stored_lies_ahead_of_a_time_that_begins_anew(void **state)
{
    const struct mw_timeframe hour = {1, 'h'};
    const struct mw_series_key hours = {"demo", "BTC", hour};
    struct mw_series *derived;
    struct bench bench;
    begin(&bench, *state);
    atomic_store(&mw_series_note(bench.series)->has_own_time, true);
    store(&bench, 0, 599, 0);
    expect(&bench, query_of(5), "0 warming");
    expect_key(&bench, &hours, query_of(5), "0 unsubscribed");
    for (int64_t at = 120; at < 130; at++)
        put(&bench, at);
    struct mw_candle candle = bar(130);
    candle.state = MW_CANDLE_FORMING;
    candle.closed_by = MW_CLOSED_BY_NOBODY;
    mw_series_put(bench.series, &candle, ms_of(1 << 24), NULL);
    expect(&bench, query_of(15), "15 complete");
    assert_int_equal(bench.rows[14].open_ms, ms_of(129));
    struct mw_price_query query = query_of(15);
    query.forming = true;
    expect(&bench, query, "15 complete");
    assert_int_equal(bench.rows[14].state, MW_CANDLE_FORMING);
    expect_key(&bench, &hours, query_of(5), "2 unsubscribed");
    assert_int_equal(mw_derive(bench.cache, bench.series, hour, &derived, NULL), MW_OK);
    ask(&bench, derived, query_of(5));
    check_answer(&bench, "2 warming");
    end(&bench);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, store_file_setup, store_file_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(an_answer_has_a_gap_when_the_store_is_truncated),
        WITH_STORE(an_answer_has_a_gap_when_the_store_is_damaged),
        WITH_STORE(what_is_added_before_the_beginning_while_rows_are_read_is_not_known),
        WITH_STORE(what_is_erased_while_it_is_read_is_missed),
        WITH_STORE(a_bar_in_doubt_in_place_of_one_that_forms_is_a_gap),
        WITH_STORE(hours_of_the_store_are_whole_although_minutes_keep_coming),
        WITH_STORE(a_clock_that_was_set_back_does_not_make_old_bars_new),
        WITH_STORE(what_lies_ahead_of_the_clock_is_neither_given_nor_called_whole),
        WITH_STORE(what_an_earlier_run_stored_lies_ahead_of_a_time_that_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
