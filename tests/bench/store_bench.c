/* store_bench.c - what writing candles to disk and reading them costs. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "bench.h"
#include "history/store.h"

enum {
    ROWS = 2000000, /* close to four years of minutes */
    ROWS_QUICK = 20000,
    LAST = 5000,
    SERIES = 100, /* of a warm start */
    BARS = 1000,
    RUNS = 5 /* of what takes long; the figure is the median */
};

static const int64_t first_open_ms = 1577836800000; /* 2020-01-01 */

struct state {
    char folder[32], path[64];
    struct mw_store *store;
    struct mw_random random;
    struct mw_candle *rows; /* owns */
    uint32_t row_count;
    int64_t open_ms; /* of the next row that is made */
    double price;
    struct mw_candle out[LAST];
};

static void require(mw_status status, const struct mw_error *err)
{
    bench_require(status, err);
}

/* The next minutes of a random walk in steps of cents. */
static void make_rows(struct state *state, struct mw_candle *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        double cents = (double)(mw_random_next(&state->random) % 2001) - 1000;
        double close = state->price + cents / 100;
        double high = (close > state->price ? close : state->price) + 0.37;
        double low = (close < state->price ? close : state->price) - 0.41;
        rows[i] = (struct mw_candle){.open_ms = state->open_ms,
                                     .open = state->price,
                                     .high = high,
                                     .low = low,
                                     .close = close,
                                     .volume = mw_random_unit(&state->random) * 10,
                                     .turnover = close * 5,
                                     .trades = 100,
                                     .state = MW_CANDLE_CLOSED,
                                     .closed_by = MW_CLOSED_BY_EXCHANGE};
        state->open_ms += MW_MS_PER_MINUTE;
        state->price = close < 1000 ? 60000 : close;
    }
}

/* Rows of one series; there is at least one. */
static struct mw_store_part part_of(const struct mw_series_key *key, const struct mw_candle *rows,
                                    uint32_t count)
{
    MW_CHECK(rows != NULL && count > 0);
    return (struct mw_store_part){.key = key,
                                  .from_ms = rows[0].open_ms,
                                  .to_ms = rows[count - 1].open_ms,
                                  .rows = rows,
                                  .row_count = count};
}

static void open_store(struct state *state)
{
    struct mw_error err;
    struct mw_store_options options = {.path = state->path};
    require(mw_store_open(&options, &state->store, &err), &err);
}

static void remove_store(struct state *state)
{
    mw_store_close(state->store);
    state->store = NULL;
    remove(state->path);
}

static const struct mw_series_key long_key = {"bench", "BTCUSDT", {1, 'm'}};

/* Rows a second into an empty store, the closing of it included. */
static double write_long(struct state *state)
{
    open_store(state);
    int64_t began_ns = mw_clock_monotonic_ns();
    for (uint32_t at = 0; at < state->row_count; at += MW_STORE_ROWS_MAX) {
        uint32_t count = state->row_count - at;
        if (count > MW_STORE_ROWS_MAX)
            count = MW_STORE_ROWS_MAX;
        struct mw_store_part part = part_of(&long_key, state->rows + at, count);
        struct mw_error err;
        require(mw_store_write(state->store, &part, 1, NULL, &err), &err);
    }
    mw_store_close(state->store);
    double s = (double)(mw_clock_monotonic_ns() - began_ns) / 1e9;
    open_store(state);
    return (double)state->row_count / s;
}

static void read_last(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t got;
        struct mw_error err;
        require(mw_store_read_rows(state->store,
                                   &(struct mw_store_query){.key = &long_key,
                                                            .from_ms = INT64_MIN,
                                                            .until_ms = INT64_MAX,
                                                            .count = LAST,
                                                            .newest = true},
                                   state->out, &got, &err),
                &err);
        MW_CHECK(got == LAST);
        bench_keep(state->out);
    }
}

static struct mw_series_key key_of(uint32_t index)
{
    struct mw_series_key key = {.feed = "bench", .timeframe = {1, 'm'}};
    snprintf(key.symbol, sizeof(key.symbol), "COIN%03uUSDT", index);
    return key;
}

static void write_many(struct state *state)
{
    for (uint32_t i = 0; i < SERIES; i++) {
        struct mw_series_key key = key_of(i);
        state->open_ms = first_open_ms;
        make_rows(state, state->rows, BARS);
        struct mw_store_part part = part_of(&key, state->rows, BARS);
        struct mw_error err;
        require(mw_store_write(state->store, &part, 1, NULL, &err), &err);
    }
}

/* What a start has to read; the file is opened anew. */
static double read_many(struct state *state)
{
    mw_store_close(state->store);
    int64_t began_ns = mw_clock_monotonic_ns();
    open_store(state);
    for (uint32_t i = 0; i < SERIES; i++) {
        struct mw_series_key key = key_of(i);
        uint32_t got;
        struct mw_error err;
        require(mw_store_read_rows(state->store,
                                   &(struct mw_store_query){.key = &key,
                                                            .from_ms = INT64_MIN,
                                                            .until_ms = INT64_MAX,
                                                            .count = BARS,
                                                            .newest = true},
                                   state->out, &got, &err),
                &err);
        MW_CHECK(got == BARS);
        bench_keep(state->out);
    }
    return (double)(mw_clock_monotonic_ns() - began_ns) / 1e6;
}

/* A bar of each series closes: one transaction. */
static void write_minutes(void *user, uint64_t count)
{
    struct state *state = user;
    for (uint64_t n = 0; n < count; n++) {
        struct mw_series_key keys[SERIES];
        struct mw_store_part parts[SERIES];
        int64_t open_ms = state->open_ms;
        for (uint32_t i = 0; i < SERIES; i++) {
            keys[i] = key_of(i);
            state->open_ms = open_ms;
            make_rows(state, &state->rows[i], 1);
            parts[i] = part_of(&keys[i], &state->rows[i], 1);
        }
        struct mw_error err;
        require(mw_store_write(state->store, parts, SERIES, NULL, &err), &err);
    }
}

static double median_of(double (*measure)(struct state *state), struct state *state,
                        void (*between)(struct state *state))
{
    double values[RUNS];
    uint32_t runs = bench_is_quick() ? 1 : RUNS;
    for (uint32_t i = 0; i < runs; i++) {
        if (i > 0 && between != NULL)
            between(state);
        values[i] = measure(state);
    }
    return bench_median(values, runs);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    static struct state state = {.folder = "/tmp/mw-bench-XXXXXX", .price = 60000};
    state.random.state = BENCH_SEED;
    if (mkdtemp(state.folder) == NULL)
        return 1;
    snprintf(state.path, sizeof(state.path), "%s/bench.db", state.folder);
    state.row_count = bench_is_quick() ? ROWS_QUICK : ROWS;
    state.rows = mw_alloc(state.row_count * sizeof(*state.rows));
    state.open_ms = first_open_ms;
    make_rows(&state, state.rows, state.row_count);

    bench_print("store_write", median_of(write_long, &state, remove_store), "rows/s");
    bench_print("store_bytes", (double)mw_store_bytes(state.store) / state.row_count, "bytes/row");
    bench_print("store_read_last_5000", bench_time(read_last, &state) / 1e3, "us");
    write_many(&state);
    bench_print("store_read_100x1000", median_of(read_many, &state, NULL), "ms");
    bench_print("store_write_100x1", bench_time(write_minutes, &state) / 1e3, "us");

    remove_store(&state);
    rmdir(state.folder);
    mw_free(state.rows);
    return 0;
}
