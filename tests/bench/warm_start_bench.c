/* warm_start_bench.c - how long an engine takes to have again what its store has, and to answer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "bench.h"
#include "bind/bind_moonwick.h"
#include "engine.h"
#include "history/prices.h"

enum {
    SERIES = 100,
    BARS = 1000,
    COUNT = 5000,       /* of bars that are asked for: past the ring */
    LONG = 2000000,     /* rows of the series that is asked: close to four years of minutes */
    LONG_QUICK = 10000, /* the same for a moment's run */
    CHUNK = 50000,
    RUNS = 11,
    PATH_BYTES = 64,
};

struct state {
    char folder[32], store[PATH_BYTES], config[PATH_BYTES];
    int64_t end_ms; /* open time of the newest bar */
    struct mw_candle rows[CHUNK];
    /* Of get_price: */
    struct mw_prices *prices;
    struct mw_series *series;
    struct mw_price_buffer buffer; /* owns */
    struct mw_candle out[COUNT];
};

static void write_series(struct state *state, struct mw_store *store, int number, int64_t count)
{
    struct mw_series_key key = {.feed = "venue", .timeframe = {1, 'm'}};
    struct mw_error err;
    snprintf(key.symbol, sizeof(key.symbol), "COIN%dUSDT", number);
    for (int64_t left = count; left > 0;) {
        int64_t rows = left < CHUNK ? left : (int64_t)CHUNK;
        for (int64_t i = 0; i < rows; i++)
            state->rows[i] =
                (struct mw_candle){.open_ms = state->end_ms - (left - 1 - i) * MW_MS_PER_MINUTE,
                                   .open = 64000 + number,
                                   .high = 64100 + number,
                                   .low = 63000,
                                   .close = 63500.25 + (double)(i % 97),
                                   .volume = 1.5 + (double)(i % 13),
                                   .turnover = 95250.375,
                                   .trades = 17,
                                   .state = MW_CANDLE_CLOSED,
                                   .closed_by = MW_CLOSED_BY_EXCHANGE};
        const struct mw_store_part part = {.key = &key,
                                           .from_ms = state->rows[0].open_ms,
                                           .to_ms = state->rows[rows - 1].open_ms,
                                           .rows = state->rows,
                                           .row_count = (uint32_t)rows};
        bench_require(mw_store_write(store, &part, 1, NULL, &err), &err);
        left -= rows;
    }
}

static void write_store(struct state *state)
{
    const struct mw_store_options options = {.path = state->store};
    struct mw_store *store;
    struct mw_error err;
    state->end_ms = mw_timeframe_floor((struct mw_timeframe){1, 'm'},
                                       mw_clock_wall_ms() - 2 * (int64_t)MW_MS_PER_MINUTE);
    bench_require(mw_store_open(&options, &store, &err), &err);
    write_series(state, store, 0, bench_is_quick() ? LONG_QUICK : LONG);
    for (int i = 1; i < SERIES; i++)
        write_series(state, store, i, BARS);
    mw_store_close(store);
}

/* A feed with all of them, of a venue that is not there. */
static void write_config(const struct state *state)
{
    FILE *file = fopen(state->config, "w");
    MW_CHECK(file != NULL);
    fprintf(file,
            "local symbols = {}\n"
            "for i = 0, %d do symbols[#symbols + 1] = ('COIN%%dUSDT'):format(i) end\n"
            "return { log = { level = 'off' }, cache = { bars = %d },\n"
            "  history = { store = '%s' }, feeds = { { name = 'venue', protocol = 'wealthdata',\n"
            "    endpoint = 'ws://127.0.0.1:1/market_data', backfill = false,\n"
            "    symbols = symbols, timeframes = { '1m' } } } }\n",
            SERIES - 1, BARS, state->store);
    MW_CHECK(fclose(file) == 0);
}

/* Milliseconds from opening the engine until it is started with full rings. */
static double start_engine(const struct state *state)
{
    struct mw_settings *settings;
    struct mw_engine *engine;
    struct mw_error err;
    bench_require(mw_settings_load_file(state->config, &settings, &err), &err);
    int64_t began_ns = mw_clock_monotonic_ns();
    bench_require(mw_engine_open(settings, &mw_lua_bindings, &engine, &err), &err);
    bench_require(mw_engine_start(engine, &err), &err);
    double ms = (double)(mw_clock_monotonic_ns() - began_ns) / 1e6;
    struct mw_cache *cache = mw_engine_cache(engine);
    MW_CHECK(mw_cache_series_count(cache) == SERIES);
    for (uint32_t i = 0; i < SERIES; i++)
        MW_CHECK(mw_series_count(mw_cache_series_get(cache, i)) == BARS);
    mw_engine_free(engine);
    return ms;
}

static struct mw_candle *rows_of(void *user, uint32_t count)
{
    struct state *state = user;
    MW_CHECK(count <= COUNT);
    return state->out;
}

static struct mw_price_buffer *buffer_of(void *user)
{
    struct state *state = user;
    return &state->buffer;
}

static void ask(void *user, uint64_t count)
{
    struct state *state = user;
    const struct mw_price_query query = {
        .count = COUNT, .start_ms = INT64_MIN, .finish_ms = INT64_MAX, .now_ms = INT64_MAX};
    const struct mw_price_room room = {.rows = rows_of, .buffer = buffer_of, .user = state};
    for (uint64_t i = 0; i < count; i++) {
        struct mw_price_answer answer;
        mw_prices_answer(state->prices, state->series, mw_series_key(state->series), &query, &room,
                         &answer);
        MW_CHECK(answer.count == COUNT);
    }
}

static double time_prices(struct state *state)
{
    struct mw_settings *settings;
    struct mw_engine *engine;
    struct mw_error err;
    bench_require(mw_settings_load_file(state->config, &settings, &err), &err);
    bench_require(mw_engine_open(settings, &mw_lua_bindings, &engine, &err), &err);
    state->prices = mw_engine_prices(engine);
    state->series = mw_cache_series_get(mw_engine_cache(engine), 0);
    double us = bench_time(ask, state) / 1e3;
    mw_engine_free(engine);
    mw_price_buffer_deinit(&state->buffer);
    return us;
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    static struct state state = {.folder = "/tmp/mw-bench-XXXXXX"};
    double ms[RUNS];
    size_t runs = bench_is_quick() ? 1 : RUNS;
    MW_CHECK(mkdtemp(state.folder) != NULL);
    snprintf(state.store, sizeof(state.store), "%s/bench.db", state.folder);
    snprintf(state.config, sizeof(state.config), "%s/config.lua", state.folder);
    write_store(&state);
    write_config(&state);
    for (size_t i = 0; i < runs; i++)
        ms[i] = start_engine(&state);
    bench_print("warm_start_100x1000", bench_median(ms, runs), "ms");
    bench_print("get_price_store_5000", time_prices(&state), "us");
    remove(state.store);
    remove(state.config);
    rmdir(state.folder);
    return 0;
}
