/* market_bench.c - what a put into a series and a read from it cost in C. */
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "bench.h"
#include "market/cache.h"
#include "market/derive.h"

enum { BARS = 1000, UPDATES = 4096 };

static const int64_t first_open_ms = 1577836800000; /* 2020-01-01 */

struct state {
    struct mw_cache *cache;
    struct mw_series *series;
    struct mw_candle candle; /* the newest one put */
    int64_t now_ms;
    double prices[UPDATES]; /* within low and high */
    struct mw_candle rows[BARS];
    uint32_t row_count; /* to be read */
};

static void put(struct state *state)
{
    mw_put put = mw_cache_put(state->cache, state->series, &state->candle, state->now_ms, NULL);
    MW_CHECK(put == MW_PUT_APPENDED || put == MW_PUT_UPDATED);
}

/* The newest bar forms, as nine of ten frames make it. */
static void put_updates(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t i = 0; i < count; i++) {
        state->candle.close = state->prices[i % UPDATES];
        state->candle.trades++;
        put(state);
    }
}

/* Each bar is new, and the oldest drops out. */
static void put_bars(void *user, uint64_t count)
{
    struct state *state = user;
    state->candle.state = MW_CANDLE_CLOSED;
    state->candle.closed_by = MW_CLOSED_BY_EXCHANGE;
    for (uint64_t i = 0; i < count; i++) {
        state->candle.open_ms += MW_MS_PER_MINUTE;
        put(state);
    }
}

static void read_rows(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t rows =
            mw_series_read_last(state->series, INT64_MAX, state->row_count, false, state->rows);
        MW_CHECK(rows == state->row_count);
        bench_keep(state->rows);
    }
}

static void make_cache(struct state *state)
{
    struct mw_series_key key = {
        .feed = "bench", .symbol = "BTCUSDT", .timeframe = {.count = 1, .unit = 'm'}};
    struct mw_error err;
    state->cache = mw_cache_new(BARS);
    bench_require(mw_cache_add(state->cache, &key, &state->series, &err), &err);
    state->candle = (struct mw_candle){.open_ms = first_open_ms,
                                       .open = 64117.67,
                                       .high = 64200,
                                       .low = 64000,
                                       .close = 64117.67,
                                       .volume = 0.38518,
                                       .turnover = 24696.8811643};
    /* A thousand years ahead: batches of new bars run through centuries. */
    state->now_ms = first_open_ms + (int64_t)1000 * 365 * MW_MS_PER_DAY;
    struct mw_random random = {BENCH_SEED};
    for (size_t i = 0; i < UPDATES; i++)
        state->prices[i] = 64000 + 200 * mw_random_unit(&random);
}

static void wake(void *user)
{
    (void)user;
}

/* What a put costs when bars of an hour are made of the minutes. */
static void bench_derived(void)
{
    static struct state state;
    struct mw_series *hours;
    struct mw_error err;
    make_cache(&state);
    bench_require(mw_derive(state.cache, state.series,
                            (struct mw_timeframe){.count = 1, .unit = 'h'}, &hours, &err),
                  &err);
    put(&state);
    bench_print("cache_put_update_derived", bench_time(put_updates, &state), "ns");
    bench_print("cache_put_bar_derived", bench_time(put_bars, &state), "ns");
    while (mw_series_count(hours) < 2) /* in a quick or a slow run */
        put_bars(&state, 1);
    mw_cache_free(state.cache);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    static struct state state;
    make_cache(&state);
    put(&state);
    bench_print("cache_put_update", bench_time(put_updates, &state), "ns");
    bench_print("cache_put_bar", bench_time(put_bars, &state), "ns");

    while (mw_series_count(state.series) < BARS)
        put_bars(&state, 1);
    state.row_count = 20;
    bench_print("series_read_20", bench_time(read_rows, &state), "ns");
    state.row_count = BARS;
    bench_print("series_read_1000", bench_time(read_rows, &state), "ns");

    struct mw_watcher *watcher = mw_cache_attach(state.cache, wake, NULL);
    mw_watcher_watch(watcher, state.series);
    state.candle.open_ms += MW_MS_PER_MINUTE;
    state.candle.state = MW_CANDLE_FORMING;
    state.candle.closed_by = MW_CLOSED_BY_NOBODY;
    bench_print("cache_put_update_watched", bench_time(put_updates, &state), "ns");
    mw_cache_free(state.cache);
    bench_derived();
    return 0;
}
