/* prices_test.c - answers from cache, store and contexts: who is asked, what is whole, and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "history/prices.h"
#include "market/derive.h"
#include "store_file.h"

enum { RING = 20, TWICE = 2 * RING, RACE_MS = 600, STARVED_MS = 8000 };

static const int64_t begin_ms = 1577836800000; /* 2020-01-01 */
static const struct mw_timeframe minute = {1, 'm'};
static const struct mw_series_key key = {"demo", "BTC", {1, 'm'}};

struct bench {
    struct mw_cache *cache;
    struct mw_store *store;
    struct mw_prices *prices;
    struct mw_series *series;
    struct mw_candle *rows; /* owns; of the last answer */
    struct mw_price_buffer buffer;
    struct mw_price_answer answer;
    jmp_buf *raise; /* leave here instead of making room */
};

static int64_t ms_of(int64_t at)
{
    return begin_ms + at * MW_MS_PER_MINUTE;
}

static struct mw_candle bar(int64_t at, double price)
{
    return (struct mw_candle){.open_ms = ms_of(at),
                              .open = price,
                              .high = price,
                              .low = price,
                              .close = price,
                              .volume = 1,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static void begin(struct bench *bench, const char *path)
{
    *bench = (struct bench){.cache = mw_cache_new(RING)};
    bench->prices = mw_prices_new(bench->cache);
    if (path != NULL)
        bench->store = store_file_open(path);
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

static void put(struct bench *bench, int64_t at, bool closed)
{
    struct mw_candle candle = bar(at, 100);
    if (!closed) {
        candle.state = MW_CANDLE_FORMING;
        candle.closed_by = MW_CLOSED_BY_NOBODY;
    }
    mw_series_put(bench->series, &candle, ms_of(1 << 20), NULL);
}

static void store(struct bench *bench, const struct mw_series_key *of, int64_t from, int64_t to)
{
    struct mw_candle rows[400];
    struct mw_error err;
    struct mw_store_part part = {.key = of, .rows = rows, .row_count = (uint32_t)(to - from + 1)};
    assert_true(part.row_count <= MW_COUNT(rows));
    for (int64_t at = from; at <= to; at++)
        rows[at - from] = bar(at, 200);
    part.from_ms = ms_of(from);
    part.to_ms = ms_of(to);
    if (mw_store_write(bench->store, &part, 1, NULL, &err) != MW_OK)
        fail_msg("%s", err.message);
}

static mw_status hand_in(struct bench *bench, const struct mw_series_key *of, int64_t from,
                         int64_t to, int64_t but, bool whole)
{
    struct mw_candle *rows = mw_alloc((size_t)(to - from + 1) * sizeof(*rows));
    uint32_t count = 0;
    for (int64_t at = from; at <= to; at++)
        if (at != but)
            rows[count++] = bar(at, 300);
    return mw_prices_add_context(bench->prices, of, rows, count, whole, NULL);
}

static struct mw_candle *make_room(void *user, uint32_t count)
{
    struct bench *bench = user;
    mw_free(bench->rows);
    bench->rows = NULL;
    if (bench->raise != NULL)
        longjmp(*bench->raise, 1);
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

static struct mw_price_query window(int64_t from, int64_t to)
{
    struct mw_price_query query = query_of(0);
    query.has_start = query.is_past = true;
    query.start_ms = ms_of(from);
    query.finish_ms = ms_of(to);
    return query;
}

static void ask(struct bench *bench, struct mw_series *series, const struct mw_series_key *of,
                const struct mw_price_query *query)
{
    const struct mw_price_room room = {make_room, get_buffer, bench};
    mw_prices_answer(bench->prices, series, of, query, &room, &bench->answer);
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
    ask(bench, bench->series, &key, &query);
    check_answer(bench, wanted);
}

static void expect_key(struct bench *bench, struct mw_series_key of, struct mw_price_query query,
                       const char *wanted)
{
    ask(bench, NULL, &of, &query);
    check_answer(bench, wanted);
}

static void check_row(const struct bench *bench, uint32_t index, int64_t at, uint8_t source)
{
    assert_true(index < bench->answer.count);
    assert_int_equal(bench->rows[index].open_ms, ms_of(at));
    assert_int_equal(bench->rows[index].source, source);
}

/* --- where rows come from --------------------------------------------------------------------- */

static void reads_on_in_the_store_and_then_in_the_context(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 100; at < 130; at++) /* the ring holds the last 20 */
        put(&bench, at, true);
    store(&bench, &key, 50, 115);
    assert_int_equal(hand_in(&bench, &key, 0, 60, -1, false), MW_OK);
    expect(&bench, query_of(20), "20 complete");
    check_row(&bench, 0, 110, MW_SOURCE_LIVE);
    expect(&bench, query_of(130), "130 complete");
    check_row(&bench, 0, 0, MW_SOURCE_CONTEXT);
    check_row(&bench, 49, 49, MW_SOURCE_CONTEXT);
    check_row(&bench, 50, 50, MW_SOURCE_STORE);
    check_row(&bench, 109, 109, MW_SOURCE_STORE);
    check_row(&bench, 110, 110, MW_SOURCE_LIVE);
    expect(&bench, query_of(131), "130 short");
    expect(&bench, window(0, 129), "130 complete");
    expect(&bench, window(-1, 129), "130 short");
    expect(&bench, window(30, 70), "41 complete");
    expect(&bench, window(105, 112), "8 complete");
    expect(&bench, query_of(0), "20 complete"); /* what the cache holds */
    struct mw_price_query query = query_of(10);
    query.finish_ms = ms_of(55);
    query.is_past = true;
    expect(&bench, query, "10 complete");
    check_row(&bench, 0, 46, MW_SOURCE_CONTEXT);
    end(&bench);
}

static void what_neither_store_nor_ring_knows_is_a_gap(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 100; at < 120; at++)
        put(&bench, at, true);
    store(&bench, &key, 50, 98);
    expect(&bench, query_of(20), "20 complete");
    expect(&bench, query_of(21), "21 gap");
    check_row(&bench, 0, 98, MW_SOURCE_STORE);
    expect(&bench, window(99, 99), "0 gap");
    expect(&bench, window(60, 98), "39 complete");
    store(&bench, &key, 99, 99);
    expect(&bench, query_of(21), "21 complete");
    expect(&bench, query_of(70), "70 complete");
    expect(&bench, query_of(71), "70 short");
    struct mw_price_query unbounded = query_of(0);
    unbounded.has_start = unbounded.is_past = true;
    expect(&bench, unbounded, "70 short");
    unbounded.start_ms = INT64_MAX;
    expect(&bench, unbounded, "0 short");
    end(&bench);
}

static void absent_bars_of_a_context_are_holes_unless_it_is_whole(void **state)
{
    (void)state;
    struct mw_series_key other = {"", "ETH", minute};
    struct bench bench;
    begin(&bench, NULL);
    assert_int_equal(hand_in(&bench, &key, 0, 50, 20, false), MW_OK);
    assert_int_equal(hand_in(&bench, &other, 0, 50, 20, true), MW_OK);
    expect_key(&bench, key, window(0, 50), "50 gap");
    expect_key(&bench, key, window(21, 50), "30 complete");
    expect_key(&bench, key, window(20, 20), "0 gap");
    expect_key(&bench, other, window(0, 50), "50 complete");
    expect_key(&bench, other, window(20, 20), "0 complete");
    snprintf(other.feed, sizeof(other.feed), "any");
    expect_key(&bench, other, window(0, 50), "50 complete");
    end(&bench);
}

static void a_closed_bar_is_taken_before_one_that_forms(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 100; at < 110; at++)
        put(&bench, at, true);
    put(&bench, 110, false);
    struct mw_price_query query = query_of(3);
    expect(&bench, query, "3 complete");
    check_row(&bench, 2, 109, MW_SOURCE_LIVE);
    put(&bench, 111, false);
    store(&bench, &key, 100, 111);
    expect(&bench, query, "3 complete");
    check_row(&bench, 2, 111, MW_SOURCE_STORE);
    query.forming = true;
    expect(&bench, query, "3 complete");
    check_row(&bench, 2, 111, MW_SOURCE_STORE);
    query.now_ms = ms_of(112) - 1; /* it closes in a moment */
    expect(&bench, query, "3 complete");
    check_row(&bench, 2, 111, MW_SOURCE_LIVE);
    assert_int_equal(bench.rows[2].state, MW_CANDLE_FORMING);
    end(&bench);
}

/* --- how long it holds ------------------------------------------------------------------------ */

static void what_nobody_subscribed_is_whole_only_where_it_ends_in_the_past(void **state)
{
    struct mw_series_key other = {"demo", "ETH", minute};
    struct bench bench;
    begin(&bench, *state);
    expect_key(&bench, other, query_of(5), "0 unsubscribed");
    store(&bench, &other, 0, 99);
    expect_key(&bench, other, query_of(5), "5 unsubscribed");
    expect_key(&bench, other, window(90, 99), "10 complete");
    expect_key(&bench, other, window(90, 100), "10 unsubscribed");
    expect_key(&bench, other, window(-1, 99), "100 short");
    struct mw_price_query query = query_of(5);
    query.now_ms = ms_of(50); /* as in a back-test */
    expect_key(&bench, other, query, "5 complete");
    check_row(&bench, 4, 49, MW_SOURCE_STORE);
    query.now_ms = ms_of(101); /* and the bar of minute 100? */
    expect_key(&bench, other, query, "5 unsubscribed");
    mw_series_set_health(bench.series, MW_SERIES_IDLE);
    put(&bench, 5, true);
    put(&bench, 6, true);
    expect(&bench, query_of(1), "1 unsubscribed");
    expect(&bench, window(5, 6), "2 complete");
    expect(&bench, window(5, 7), "2 unsubscribed");
    end(&bench);
}

/* Days, so that no bucket ends while this runs (but once a day). */
static void nothing_newer_is_missing_before_the_next_bar_could_have_closed(void **state)
{
    struct mw_series_key days = {"demo", "BTC", {1, 'd'}};
    struct bench bench;
    begin(&bench, *state);
    struct mw_series *series;
    assert_int_equal(mw_cache_add(bench.cache, &days, &series, NULL), MW_OK);
    int64_t today_ms = mw_timeframe_floor(days.timeframe, mw_clock_wall_ms());
    struct mw_price_query query = query_of(1);
    for (int behind = 1; behind <= 2; behind++) {
        struct mw_candle candle = bar(0, 100);
        candle.open_ms = today_ms - (3 - behind) * (int64_t)MW_MS_PER_DAY;
        mw_series_put(series, &candle, today_ms, NULL);
        mw_series_set_health(series, MW_SERIES_STALE);
        query.forming = false;
        ask(&bench, series, &days, &query);
        check_answer(&bench, behind == 1 ? "1 stale" : "1 complete");
        query.forming = true;
        ask(&bench, series, &days, &query);
        check_answer(&bench, "1 stale");
        query.forming = false;
        mw_series_set_health(series, MW_SERIES_IDLE);
        ask(&bench, series, &days, &query);
        check_answer(&bench, "1 unsubscribed");
    }
    end(&bench);
}

static void a_subscribed_series_without_bars_is_stale_behind_the_store(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    store(&bench, &key, 0, 99);
    expect(&bench, query_of(5), "5 stale");
    expect(&bench, query_of(101), "100 warming");
    expect(&bench, window(0, 99), "100 complete");
    expect(&bench, query_of(0), "20 stale"); /* as many as the ring will hold */
    end(&bench);
}

/* --- finer ones ------------------------------------------------------------------------------- */

static void bars_are_made_of_the_coarsest_finer_ones(void **state)
{
    struct mw_series_key fives = {"demo", "BTC", {5, 'm'}}, hours = {"demo", "BTC", {1, 'h'}};
    struct bench bench;
    begin(&bench, *state);
    store(&bench, &key, 0, 239);
    expect_key(&bench, hours, window(0, 239), "4 complete");
    check_row(&bench, 3, 180, MW_SOURCE_RESAMPLED);
    assert_int_equal(bench.rows[3].volume, 60);
    expect_key(&bench, hours, window(0, 240), "4 unsubscribed");
    struct mw_price_query query = query_of(2);
    query.now_ms = ms_of(180) - 1;
    expect_key(&bench, hours, query, "2 complete");
    check_row(&bench, 1, 60, MW_SOURCE_RESAMPLED);
    /* Of fives there are fewer, but they are coarser. */
    struct mw_candle *rows = mw_alloc(12 * sizeof(*rows));
    for (int64_t i = 0; i < 12; i++)
        rows[i] = bar(i * 5, 300);
    assert_int_equal(mw_prices_add_context(bench.prices, &fives, rows, 12, false, NULL), MW_OK);
    expect_key(&bench, hours, window(0, 0), "1 complete");
    assert_int_equal(bench.rows[0].volume, 12);
    end(&bench);
}

static void a_bucket_with_a_hole_in_it_is_in_doubt(void **state)
{
    struct mw_series_key hours = {"", "BTC", {1, 'h'}};
    struct bench bench;
    begin(&bench, *state);
    assert_int_equal(
        hand_in(&bench, &(struct mw_series_key){"", "BTC", {1, 'm'}}, 30, 239, 100, false), MW_OK);
    expect_key(&bench, hours, window(0, 180), "4 gap");
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(bench.rows[i].flags & MW_CANDLE_UNPROVEN, i < 2 ? MW_CANDLE_UNPROVEN : 0);
    expect_key(&bench, hours, window(120, 180), "2 complete");
    expect_key(&bench, hours, window(60, 180), "3 gap");
    expect_key(&bench, hours, window(-60, 180), "4 short");
    end(&bench);
}

static void what_takes_too_many_finer_bars_is_short(void **state)
{
    (void)state;
    struct mw_series_key seconds = {"", "BTC", {1, 's'}}, hours = {"", "BTC", {1, 'h'}};
    uint32_t count = MW_PRICE_ROWS_MAX + 3 * 3600 - MW_PRICE_ROWS_MAX % 3600;
    struct bench bench;
    begin(&bench, NULL);
    struct mw_candle *rows = mw_alloc(count * sizeof(*rows));
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = bar(0, 100);
        rows[i].open_ms = begin_ms + (int64_t)i * MW_MS_PER_SECOND;
    }
    assert_int_equal(mw_prices_add_context(bench.prices, &seconds, rows, count, true, NULL), MW_OK);
    struct mw_price_query query = window(0, count / 60 - 1);
    ask(&bench, NULL, &hours, &query);
    assert_non_null(bench.answer.reason);
    assert_string_equal(bench.answer.reason, "short");
    assert_true(bench.answer.count > 250 && bench.answer.count < count / 3600);
    check_row(&bench, bench.answer.count - 1, count / 60 - 60, MW_SOURCE_RESAMPLED);
    /* The seconds themselves: the newest that fit. */
    ask(&bench, NULL, &seconds, &query);
    assert_non_null(bench.answer.reason);
    assert_string_equal(bench.answer.reason, "short");
    assert_int_equal(bench.answer.count, MW_PRICE_ROWS_MAX);
    end(&bench);
}

/* The ring of minutes begins within an hour: the store has its other part. */
static void a_derived_series_reads_on_in_the_minutes_of_the_store(void **state)
{
    const struct mw_timeframe ten = {10, 'm'};
    struct mw_series *derived;
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 105; at < 125; at++) {
        const struct mw_candle candle = bar(at, 100);
        mw_cache_put(bench.cache, bench.series, &candle, ms_of(1 << 20), NULL);
    }
    assert_int_equal(mw_derive(bench.cache, bench.series, ten, &derived, NULL), MW_OK);
    struct mw_price_query query = query_of(2);
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "2 gap"); /* nobody has what was before 105 */
    store(&bench, &key, 50, 115);
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "2 complete");
    check_row(&bench, 0, 100, MW_SOURCE_RESAMPLED);
    assert_int_equal(bench.rows[0].volume, 10);
    assert_true(bench.rows[0].open == 200 && bench.rows[0].close == 100); /* of both */
    query.count = 7;
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "7 complete");
    check_row(&bench, 0, 50, MW_SOURCE_RESAMPLED);
    check_row(&bench, 6, 110, MW_SOURCE_RESAMPLED);
    query.forming = true;
    ask(&bench, derived, &key, &query);
    check_row(&bench, 6, 120, MW_SOURCE_RESAMPLED);
    assert_int_equal(bench.rows[6].state, MW_CANDLE_FORMING);
    query.now_ms = ms_of(110) - 1; /* of the bar before only its beginning has been */
    query.forming = false;
    query.count = 5;
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "5 complete");
    check_row(&bench, 4, 90, MW_SOURCE_RESAMPLED);
    query = window(95, 119);
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "2 complete");
    query = window(40, 119);
    ask(&bench, derived, &key, &query);
    check_answer(&bench, "7 short");
    end(&bench);
}

/* --- contexts and names ----------------------------------------------------------------------- */

static void contexts_are_checked(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_error err;
    begin(&bench, NULL);
    struct mw_candle *rows = mw_alloc(2 * sizeof(*rows));
    rows[0] = rows[1] = bar(1, 100);
    assert_int_equal(mw_prices_add_context(bench.prices, &key, rows, 2, true, &err), MW_EHISTORY);
    assert_string_equal(err.message, "BTC: candle 2 is not later than the one before");
    rows = mw_alloc(sizeof(*rows));
    rows[0] = bar(1, 100);
    rows[0].open_ms++;
    assert_int_equal(mw_prices_add_context(bench.prices, &key, rows, 1, true, &err), MW_EHISTORY);
    assert_string_equal(err.message, "BTC: candle 1 is none: off_grid");
    assert_int_equal(mw_prices_add_context(bench.prices, &key, NULL, 0, true, &err), MW_EHISTORY);
    assert_int_equal(hand_in(&bench, &key, 0, 5, -1, true), MW_OK);
    assert_int_equal(hand_in(&bench, &key, 0, 5, -1, true), MW_EINVAL);
    struct mw_series_key many = key;
    for (int i = 1; i < MW_CONTEXTS_MAX; i++) {
        snprintf(many.symbol, sizeof(many.symbol), "S%d", i);
        assert_int_equal(hand_in(&bench, &many, 0, 0, -1, true), MW_OK);
    }
    snprintf(many.symbol, sizeof(many.symbol), "one more");
    assert_int_equal(hand_in(&bench, &many, 0, 0, -1, true), MW_ELIMIT);
    end(&bench);
}

static void finds_what_is_not_in_the_cache(void **state)
{
    struct mw_series_key stored = {"a", "ETH", minute}, found;
    const struct mw_timeframe hour = {1, 'h'}, second = {1, 's'};
    struct bench bench;
    begin(&bench, *state);
    store(&bench, &stored, 0, 5);
    assert_int_equal(mw_prices_find(bench.prices, NULL, "ETH", minute, &found), 1);
    assert_string_equal(found.feed, "a");
    assert_int_equal(mw_prices_find(bench.prices, NULL, "ETH", hour, &found), 1);
    assert_true(mw_timeframe_equal(found.timeframe, hour));
    assert_int_equal(mw_prices_find(bench.prices, NULL, "ETH", second, &found), 0);
    assert_int_equal(mw_prices_find(bench.prices, "b", "ETH", minute, &found), 0);
    end(&bench);
    begin(&bench, *state);
    snprintf(stored.feed, sizeof(stored.feed), "b");
    store(&bench, &stored, 0, 5);
    assert_true(mw_prices_find(bench.prices, NULL, "ETH", minute, &found) > 1);
    assert_int_equal(mw_prices_find(bench.prices, "b", "ETH", minute, &found), 1);
    end(&bench);
}

/* --- memory and threads ----------------------------------------------------------------------- */

static void room_that_cannot_be_made_leaks_nothing(void **state)
{
    struct bench bench;
    jmp_buf place;
    begin(&bench, *state);
    store(&bench, &key, 0, 99);
    const struct mw_price_query query = query_of(50);
    bench.raise = &place;
    if (setjmp(place) == 0) {
        ask(&bench, bench.series, &key, &query);
        fail();
    }
    bench.raise = NULL;
    expect(&bench, query, "50 stale");
    end(&bench);
}

struct writer {
    struct bench *bench;
    struct mw_thread thread;
    _Atomic bool stop;
};

/* Puts bars without a hole, and stores them behind the ring's newest: a little late. */
static void write_on(void *user)
{
    struct writer *writer = user;
    struct mw_random random = {.state = 3};
    int64_t stored = TWICE, newest = stored;
    while (!atomic_load_explicit(&writer->stop, memory_order_relaxed)) {
        for (uint64_t i = mw_random_next(&random) % RING + 1; i > 0; i--)
            put(writer->bench, ++newest, true);
        if (newest - stored < RING + (int64_t)(mw_random_next(&random) % 4))
            continue; /* sometimes the ring has dropped bars by then */
        store(writer->bench, &key, stored + 1, newest);
        stored = newest;
    }
}

static void no_answer_lacks_bars_between_the_store_and_a_ring_that_moves(void **state)
{
    struct bench bench;
    begin(&bench, *state);
    for (int64_t at = 0; at <= TWICE; at++)
        put(&bench, at, true);
    store(&bench, &key, 0, TWICE);
    struct writer writer = {.bench = &bench};
    assert_int_equal(
        mw_thread_start(&writer.thread, "writer", &mw_feed_thread, write_on, &writer, NULL), MW_OK);
    uint32_t complete = 0, lies = 0;
    const struct mw_price_query query = query_of(TWICE);
    int64_t until_ms = mw_clock_monotonic_ms() + RACE_MS;
    while (mw_clock_monotonic_ms() < until_ms + (complete <= 10 ? STARVED_MS : 0)) {
        ask(&bench, bench.series, &key, &query);
        complete += bench.answer.reason == NULL;
        for (uint32_t i = 1; bench.answer.reason == NULL && i < bench.answer.count; i++)
            lies += bench.rows[i].open_ms != bench.rows[i - 1].open_ms + MW_MS_PER_MINUTE;
    }
    atomic_store(&writer.stop, true);
    mw_thread_join(&writer.thread);
    print_message("%u complete\n", complete);
    assert_int_equal(lies, 0);
    assert_true(complete > 10);
    end(&bench);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, store_file_setup, store_file_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(reads_on_in_the_store_and_then_in_the_context),
        WITH_STORE(what_neither_store_nor_ring_knows_is_a_gap),
        cmocka_unit_test(absent_bars_of_a_context_are_holes_unless_it_is_whole),
        WITH_STORE(a_closed_bar_is_taken_before_one_that_forms),
        WITH_STORE(what_nobody_subscribed_is_whole_only_where_it_ends_in_the_past),
        WITH_STORE(nothing_newer_is_missing_before_the_next_bar_could_have_closed),
        WITH_STORE(a_subscribed_series_without_bars_is_stale_behind_the_store),
        WITH_STORE(bars_are_made_of_the_coarsest_finer_ones),
        WITH_STORE(a_bucket_with_a_hole_in_it_is_in_doubt),
        WITH_STORE(a_derived_series_reads_on_in_the_minutes_of_the_store),
        cmocka_unit_test(what_takes_too_many_finer_bars_is_short),
        cmocka_unit_test(contexts_are_checked),
        WITH_STORE(finds_what_is_not_in_the_cache),
        WITH_STORE(room_that_cannot_be_made_leaks_nothing),
        WITH_STORE(no_answer_lacks_bars_between_the_store_and_a_ring_that_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
