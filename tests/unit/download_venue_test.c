/* download_venue_test.c - the shipped protocols against the simulator: its truth, bar by bar. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/download.h"
#include "history/store.h"
#include "server/price.h"

#include "simulated.h"
#include "store_file.h"

enum { BARS = 2500, RUNS_MAX = 30 };

struct bench {
    struct mw_simulator *simulator;
    char base[48];
    void *path; /* of the store; text */
    struct mw_protocol *protocol;
    struct mw_store *store;
    struct mw_download *download;
    struct mw_error err;
};

static void begin(struct bench *bench, const struct mw_simulator_options *options)
{
    memset(bench, 0, sizeof(*bench));
    bench->simulator = simulated_start(options);
    snprintf(bench->base, sizeof(bench->base), "http://127.0.0.1:%u",
             mw_simulator_port(bench->simulator));
    assert_int_equal(store_file_setup(&bench->path), 0);
    assert_int_equal(mw_protocol_load(options->protocol, &bench->protocol, &bench->err), MW_OK);
    bench->protocol->history.requests_per_second = 1000; /* nobody else asks */
    bench->store = store_file_open(bench->path);
    const struct mw_download_source source = {
        .protocol = bench->protocol, .base = bench->base, .base_s = 0.001, .cap_s = 0.01};
    assert_int_equal(mw_download_new(&source, bench->store, &bench->download, &bench->err), MW_OK);
}

static void end(struct bench *bench)
{
    mw_download_free(bench->download);
    mw_store_close(bench->store);
    mw_protocol_free(bench->protocol);
    mw_simulator_stop(bench->simulator);
    assert_int_equal(store_file_teardown(&bench->path), 0);
}

static struct mw_download_span span_of(const char *symbol, size_t timeframe)
{
    struct mw_download_span span = {.to_ms = INT64_MAX};
    snprintf(span.key.feed, sizeof(span.key.feed), "venue");
    snprintf(span.key.symbol, sizeof(span.key.symbol), "%s", symbol);
    span.key.timeframe = simulated_timeframes[timeframe];
    int64_t length_ms = mw_timeframe_ms(span.key.timeframe);
    span.from_ms = simulated_start_ms - BARS * length_ms;
    span.to_ms = simulated_start_ms;
    return span;
}

/* Every bucket of the span has the simulator's bar, to the last digit. */
static void expect_truth(struct bench *bench, const struct mw_download_span *span)
{
    static struct mw_candle bars[BARS + 1];
    struct mw_price_model model;
    struct mw_gaps holes = {0};
    uint32_t count;
    mw_price_model_init(&model, SIMULATED_SEED, span->key.symbol);
    assert_int_equal(mw_store_read_rows(bench->store,
                                        &(struct mw_store_query){.key = &span->key,
                                                                 .from_ms = INT64_MIN,
                                                                 .until_ms = INT64_MAX,
                                                                 .count = BARS + 1},
                                        bars, &count, &bench->err),
                     MW_OK);
    assert_int_equal(count, BARS);
    int64_t open_ms = span->from_ms;
    for (uint32_t i = 0; i < count; i++) {
        struct mw_candle truth;
        mw_price_candle(&model, span->key.timeframe, open_ms, &truth);
        assert_true(bars[i].open_ms == truth.open_ms && bars[i].open == truth.open &&
                    bars[i].high == truth.high && bars[i].low == truth.low &&
                    bars[i].close == truth.close && bars[i].volume == truth.volume);
        assert_true(isnan(bars[i].turnover) || bars[i].turnover == truth.turnover);
        assert_int_equal(bars[i].state, MW_CANDLE_CLOSED);
        open_ms = mw_timeframe_next(span->key.timeframe, open_ms);
    }
    assert_int_equal(mw_store_read_holes(bench->store,
                                         &(struct mw_store_query){.key = &span->key,
                                                                  .from_ms = INT64_MIN,
                                                                  .until_ms = INT64_MAX},
                                         &holes, &bench->err),
                     MW_OK);
    assert_int_equal(holes.count, 0);
    assert_int_equal(mw_store_check(bench->store, &bench->err), MW_OK);
}

static void download_all(const char *protocol)
{
    struct bench bench;
    struct mw_simulator_options options = simulated_options(protocol);
    begin(&bench, &options);
    for (size_t i = 0; i < 2; i++) {
        const struct mw_download_span span = span_of(simulated_symbols[i], i);
        struct mw_download_result result;
        if (mw_download_run(bench.download, &span, NULL, NULL, &result, &bench.err) != MW_OK)
            fail_msg("%s", bench.err.message);
        assert_int_equal(result.rows, BARS);
        assert_int_equal(result.failures, 0);
        expect_truth(&bench, &span);
    }
    end(&bench);
}

static void stores_the_truth_of_wealthdata(void **state)
{
    (void)state;
    download_all("wealthdata");
}

static void stores_the_truth_of_binance(void **state)
{
    (void)state;
    download_all("binance");
}

static void stores_the_truth_also_when_answers_are_cut_late_and_wrong(void **state)
{
    static const mw_sabotage_kind kinds[] = {MW_SABOTAGE_REST_TIMEOUT, MW_SABOTAGE_REST_STATUS,
                                             MW_SABOTAGE_REST_PARTIAL, MW_SABOTAGE_REST_CUT,
                                             MW_SABOTAGE_REST_WRONG};
    struct bench bench;
    struct mw_simulator_options options = simulated_options("binance");
    struct mw_fault_plan plan = MW_FAULT_PLAN_INIT;
    (void)state;
    plan.seed = 3;
    for (size_t i = 0; i < MW_COUNT(kinds); i++) {
        struct mw_sabotage fault;
        mw_sabotage_init(&fault, kinds[i]);
        fault.chance = 0.12;
        fault.times = 0;
        fault.duration_ms = kinds[i] == MW_SABOTAGE_REST_TIMEOUT ? 5 : 0;
        assert_int_equal(mw_fault_plan_add(&plan, &fault, NULL), MW_OK);
    }
    options.faults = &plan;
    begin(&bench, &options);
    bench.protocol->history.row_count_max = 40; /* many answers */
    const struct mw_download_span span = span_of("BTCUSDT", 0);
    struct mw_download_result result;
    uint64_t rows = 0, failures = 0;
    /* Where the newest bars are left out of the first answer, they come with the next run. */
    for (int runs = 0; rows < BARS && runs < RUNS_MAX; runs++) {
        (void)!mw_download_run(bench.download, &span, NULL, NULL, &result, &bench.err);
        rows += result.rows;
        failures += result.failures;
    }
    assert_true(failures > 5);
    expect_truth(&bench, &span);
    end(&bench);
    mw_fault_plan_deinit(&plan);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_the_truth_of_wealthdata),
        cmocka_unit_test(stores_the_truth_of_binance),
        cmocka_unit_test(stores_the_truth_also_when_answers_are_cut_late_and_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
