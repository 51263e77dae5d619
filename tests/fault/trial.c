/* trial.c - schedules made from seeds, and run. */
#include "trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "bind/bind_moonwick.h"
#include "engine.h"
#include "feed/feed.h"
#include "ledger.h"
#include "server/simulator.h"
#include "truth.h"

enum {
    LOOK_MS = 20,         /* between two looks at whether all is whole */
    WHOLE_MS_MAX = 30000, /* from the end of the last fault */
    TOLD_MS_MAX = 10000,  /* until the strategy has been told what the cache has */
    FAULT_MS_MAX = 600,   /* how long one fault lasts; the settings wait less */
    JUMP_MS_MAX = 3000,
    LONE_AT_MS = 400,
    LONE_MS_MAX = 1200,
    RATE_MAX = 8, /* faults a second */
    CONFIG_BYTES_MAX = 8192,
};

static void set_folder(struct trial *trial, const char *folder)
{
    snprintf(trial->folder, sizeof(trial->folder), "%s", folder);
}

/* Long faults make no difference, and the run longer. At speed 1 it takes as long as a clock has
 * jumped back until there is something new. */
static void shorten(struct trial *trial, int64_t fault_ms_max)
{
    int64_t jump_ms_max = trial->speed > 1 ? INT64_MAX : (int64_t)JUMP_MS_MAX;
    for (uint32_t i = 0; i < trial->plan.count; i++) {
        struct mw_sabotage *sabotage = &trial->plan.list[i];
        bool jumps = sabotage->kind == MW_SABOTAGE_CLOCK_JUMP;
        int64_t longest = jumps ? jump_ms_max : fault_ms_max;
        if (sabotage->duration_ms > longest)
            sabotage->duration_ms = longest;
        if (sabotage->duration_ms < -longest)
            sabotage->duration_ms = -longest;
    }
}

void trial_of_seed(struct trial *trial, uint64_t seed, const char *folder)
{
    struct mw_random random = {mw_random_mix(seed)};
    uint64_t dice = mw_random_next(&random);
    bool slow = dice % 6 == 0;
    *trial = (struct trial){
        .seed = seed,
        .protocol = seed % 2 == 0 ? "wealthdata" : "binance",
        .tls = dice >> 8 & 1 && dice >> 9 & 1,
        .symbol_count = 1 + (uint32_t)(dice >> 16) % TRUTH_SYMBOLS_MAX,
        .timeframe_count = slow ? 1 : 1 + (uint32_t)(dice >> 24 & 1),
        .timeframes = {slow ? (struct mw_timeframe){1, 's'} : (struct mw_timeframe){1, 'm'},
                       {5, 'm'}},
        .speed = slow ? 1 : 600 + (double)((dice >> 32) % 600),
        .cache_bars = 60 + (uint32_t)(dice >> 40) % 200,
        .patience_ms = slow ? 400 : 150, /* slow: updates come every 250 ms, or later */
        .faults_ms = slow ? 3000 : 600 + (int64_t)(dice >> 48) % 900};
    set_folder(trial, folder);
    double rate = 1 + mw_random_unit(&random) * (slow ? RATE_MAX / 4 : RATE_MAX);
    mw_fault_plan_random(&trial->plan, seed, trial->faults_ms, rate, NULL);
    shorten(trial, FAULT_MS_MAX);
}

static void add_fault(struct trial *trial, mw_sabotage_kind kind)
{
    struct mw_sabotage sabotage;
    mw_sabotage_init(&sabotage, kind);
    sabotage.at_ms = LONE_AT_MS;
    MW_CHECK(mw_fault_plan_add(&trial->plan, &sabotage, NULL) == MW_OK);
}

void trial_of_kind(struct trial *trial, mw_sabotage_kind kind, const char *folder)
{
    *trial = (struct trial){.seed = 1,
                            .protocol = "wealthdata",
                            .symbol_count = 2,
                            .timeframe_count = 1,
                            .timeframes = {{1, 'm'}},
                            .speed = 600,
                            .cache_bars = 100,
                            .patience_ms = 300, /* what is not wrong must not seem so */
                            .faults_ms = 1000};
    set_folder(trial, folder);
    mw_occasion occasion = mw_sabotage_occasion(kind);
    if (occasion == MW_OCCASION_REQUEST)
        add_fault(trial, MW_SABOTAGE_LOST_CLOSE);
    else if (occasion != MW_OCCASION_MESSAGE && occasion != MW_OCCASION_CLOSING)
        add_fault(trial, MW_SABOTAGE_FIN);
    add_fault(trial, kind);
    shorten(trial, LONE_MS_MAX);
}

void trial_deinit(struct trial *trial)
{
    mw_fault_plan_deinit(&trial->plan);
}

void trial_print(const struct trial *trial)
{
    printf("  %s%s, %u symbols, speed %g, ring of %u", trial->protocol,
           trial->tls ? " over TLS" : "", trial->symbol_count, trial->speed, trial->cache_bars);
    for (uint32_t i = 0; i < trial->timeframe_count; i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        printf(", %s", mw_timeframe_format(trial->timeframes[i], text));
    }
    printf("\n");
    for (uint32_t i = 0; i < trial->plan.count; i++) {
        const struct mw_sabotage *sabotage = &trial->plan.list[i];
        unsigned fields = mw_sabotage_fields(sabotage->kind);
        printf("  at %5" PRId64 " ms %s", sabotage->at_ms, mw_sabotage_text(sabotage->kind));
        if (fields & MW_SABOTAGE_HAS_DURATION)
            printf(", duration %" PRId64 " ms", sabotage->duration_ms);
        if (fields & MW_SABOTAGE_HAS_COUNT)
            printf(", count %u", sabotage->count);
        if (fields & MW_SABOTAGE_HAS_CODE)
            printf(", code %u", sabotage->code);
        printf("\n");
    }
}

/* --- running ---------------------------------------------------------------------------------- */

/* A trial while it runs. */
struct bench {
    const struct trial *trial;
    struct truth truth;
    struct mw_simulator *simulator;
    struct mw_engine *engine;
    _Atomic int64_t last_fault_ms; /* when the last one is over, monotonic */
    char path[TRIAL_PATH_BYTES + 16];
};

static const char *path_of(struct bench *bench, const char *name)
{
    snprintf(bench->path, sizeof(bench->path), "%s/%s", bench->trial->folder, name);
    return bench->path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    MW_CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The longest that a fault of this kind lasts in the plan. */
static int64_t longest_ms(const struct mw_fault_plan *plan, mw_sabotage_kind kind)
{
    int64_t longest = 0;
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->list[i].kind == kind && kind != MW_SABOTAGE_CLOCK_JUMP &&
            plan->list[i].duration_ms > longest)
            longest = plan->list[i].duration_ms;
    return longest;
}

static void on_fault(void *user, const struct mw_fault_event *event)
{
    struct bench *bench = user;
    atomic_store(&bench->last_fault_ms,
                 mw_clock_monotonic_ms() + longest_ms(&bench->trial->plan, event->kind));
    mw_log(MW_LOG_INFO, "--- fault: %s %s", mw_sabotage_text(event->kind),
           event->symbol != NULL ? event->symbol : "");
}

static bool start_simulator(struct bench *bench, struct mw_error *err)
{
    const struct trial *trial = bench->trial;
    const struct mw_simulator_options options = {.protocol = trial->protocol,
                                                 .symbols = truth_symbols,
                                                 .symbol_count = trial->symbol_count,
                                                 .timeframes = trial->timeframes,
                                                 .timeframe_count = trial->timeframe_count,
                                                 .seed = trial->seed,
                                                 .speed = trial->speed,
                                                 .tls = trial->tls,
                                                 .faults = &trial->plan,
                                                 .on_fault = on_fault,
                                                 .user = bench};
    if (mw_simulator_start(&options, &bench->simulator, err) != MW_OK)
        return false;
    if (trial->tls)
        write_file(path_of(bench, "ca.pem"), mw_simulator_certificate(bench->simulator));
    return true;
}

static void add_config(struct bench *bench, struct mw_str *code)
{
    const struct trial *trial = bench->trial;
    uint32_t patience_ms = (uint32_t)trial->patience_ms;
    MW_CHECK(trial->symbol_count <= TRUTH_SYMBOLS_MAX);
    MW_CHECK(trial->timeframe_count <= TRIAL_TIMEFRAMES_MAX);
    mw_str_addf(code,
                "return { log = { level = 'info' }, workers = 2, cache = { bars = %u },\n"
                "  reconnect = { attempts = math.huge, base = 0.02, cap = 0.2, settle = 0.1 },\n"
                "  feeds = { { name = 'venue', protocol = '%s', endpoint = '%s',\n"
                "    rest = '%s://127.0.0.1:%u',\n"
                "    timeouts = { connect = '500ms', tls = '1s', upgrade = '300ms',\n"
                "      confirm = '300ms' },\n"
                "    liveness = { ping = '%ums', pong = '%ums', stall = '%ums' },\n"
                "    grace = '200ms', gap_wait = '500ms',\n    symbols = {",
                trial->cache_bars, trial->protocol, mw_simulator_url(bench->simulator),
                trial->tls ? "https" : "http", mw_simulator_port(bench->simulator), patience_ms,
                patience_ms, 2 * patience_ms);
    for (uint32_t i = 0; i < trial->symbol_count; i++)
        mw_str_addf(code, " '%s',", truth_symbols[i]);
    mw_str_adds(code, " },\n    timeframes = {");
    for (uint32_t i = 0; i < trial->timeframe_count; i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        mw_str_addf(code, " '%s',", mw_timeframe_format(trial->timeframes[i], text));
    }
    mw_str_addf(code,
                " },%s } },\n"
                "  strategies = { { file = '" MW_FAULT_FOLDER "/recorder.lua',\n"
                "    params = { trace = '%s' } } } }\n",
                trial->tls ? " ca_file = 'ca.pem'" : "", path_of(bench, "trace.txt"));
}

static bool start_engine(struct bench *bench, struct mw_error *err)
{
    struct mw_str code = MW_STR_INIT(CONFIG_BYTES_MAX);
    struct mw_settings *settings;
    add_config(bench, &code);
    write_file(path_of(bench, "config.lua"), code.data);
    mw_str_deinit(&code);
    return mw_settings_load_file(path_of(bench, "config.lua"), &settings, err) == MW_OK &&
           mw_engine_open(settings, &mw_lua_bindings, &bench->engine, err) == MW_OK &&
           mw_engine_start(bench->engine, err) == MW_OK;
}

static void sleep_ms(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Bars that were appended to the series so far, over all of them the least. */
static uint64_t least_total(struct mw_cache *cache)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        uint64_t total = mw_series_total(mw_cache_series_get(cache, i));
        least = total < least ? total : least;
    }
    return least;
}

/* Waits until the faults are over, and then until all is whole, and bars flow. */
static void wait_for_repair(struct bench *bench, struct trial_result *result)
{
    struct mw_cache *cache = mw_engine_cache(bench->engine);
    int64_t over_ms = mw_clock_monotonic_ms() + bench->trial->faults_ms, now_ms, since_ms = 0;
    uint64_t total = 0;
    for (;;) {
        now_ms = mw_clock_monotonic_ms();
        int64_t last_ms = atomic_load(&bench->last_fault_ms);
        over_ms = last_ms > over_ms ? last_ms : over_ms;
        if (now_ms <= over_ms) {
            total = least_total(cache);
        } else if (least_total(cache) <= total) {
            snprintf(result->failure, sizeof(result->failure), "no bar has come since the faults");
        } else if (truth_is_whole(&bench->truth, cache, result->failure, sizeof(result->failure))) {
            result->failure[0] = '\0';
            break;
        }
        since_ms = now_ms - over_ms;
        if (since_ms > WHOLE_MS_MAX)
            return;
        sleep_ms(LOOK_MS);
    }
    result->repair_ms = now_ms - over_ms;
}

static bool is_well_told(struct bench *bench, struct ledger *ledger)
{
    struct trial_result so_far = {.failure = ""};
    ledger_judge(ledger, &bench->truth, mw_engine_cache(bench->engine), &so_far);
    return so_far.failure[0] == '\0';
}

/* Waits until the strategy was told of everything up to the bars that are there now. */
static void wait_for_strategy(struct bench *bench, struct trial_result *result)
{
    struct mw_cache *cache = mw_engine_cache(bench->engine);
    uint32_t count = mw_cache_series_count(cache), done = 0;
    int64_t until_ms = mw_clock_monotonic_ms() + TOLD_MS_MAX;
    struct mw_candle newest[TRUTH_SYMBOLS_MAX * TRIAL_TIMEFRAMES_MAX];
    MW_CHECK(count <= MW_COUNT(newest));
    for (uint32_t i = 0; i < count; i++)
        MW_CHECK(mw_series_read_last(mw_cache_series_get(cache, i), INT64_MAX, 1, false,
                                     &newest[i]) == 1);
    while (done < count) {
        struct ledger *ledger = ledger_read(path_of(bench, "trace.txt"));
        for (done = 0; ledger != NULL && done < count; done++)
            if (ledger_reached_ms(ledger, mw_series_key(mw_cache_series_get(cache, done))) <
                newest[done].open_ms)
                break;
        bool late = mw_clock_monotonic_ms() > until_ms;
        /* What was filled or revised behind those bars is told after it has happened. */
        if (done == count && !late && !is_well_told(bench, ledger))
            done = 0;
        ledger_free(ledger);
        if (done < count && late) {
            snprintf(result->failure, sizeof(result->failure),
                     "the cache is whole, and the strategy still not told of all of it");
            return;
        }
        if (done < count)
            sleep_ms(LOOK_MS);
    }
}

/* Counts what happened to the cache and to the feed. */
static void count(struct bench *bench, struct trial_result *result)
{
    struct mw_cache *cache = mw_engine_cache(bench->engine);
    struct mw_candle *rows = mw_alloc(bench->trial->cache_bars * sizeof(*rows));
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        result->revisions += mw_series_revision_count(series);
        uint32_t bars = mw_series_read_from(series, mw_series_first_live_ms(series), INT64_MAX,
                                            bench->trial->cache_bars, false, rows);
        for (uint32_t row = 0; row < bars; row++)
            result->repaired += rows[row].source == MW_SOURCE_BACKFILL;
    }
    mw_free(rows);
    struct mw_connection_status status;
    mw_feed_get_status(mw_engine_feed(bench->engine, 0), &status);
    result->reconnects = status.reconnects;
    result->resubscribes = status.resubscribes;
}

static void judge(struct bench *bench, struct trial_result *result)
{
    struct mw_strategy_status status;
    struct mw_error err = {.message = ""};
    if (!mw_engine_get_strategy_status(bench->engine, 0, &status, &err))
        snprintf(result->failure, sizeof(result->failure), "%s", err.message);
    else if (status.errors > 0)
        snprintf(result->failure, sizeof(result->failure), "the strategy raised an error");
    count(bench, result);
    mw_engine_stop(bench->engine);
    mw_simulator_fault_counts(bench->simulator, result->faults);
    struct ledger *ledger = ledger_read(path_of(bench, "trace.txt"));
    if (ledger != NULL)
        ledger_judge(ledger, &bench->truth, mw_engine_cache(bench->engine), result);
    ledger_free(ledger);
}

void trial_run(const struct trial *trial, struct trial_result *result)
{
    struct bench bench = {.trial = trial};
    struct mw_error err = {.message = ""};
    *result = (struct trial_result){.done = true};
    truth_init(&bench.truth, trial->seed);
    if (start_simulator(&bench, &err) && start_engine(&bench, &err)) {
        wait_for_repair(&bench, result);
        if (result->failure[0] == '\0')
            wait_for_strategy(&bench, result);
        judge(&bench, result);
    } else {
        snprintf(result->failure, sizeof(result->failure), "does not start: %s", err.message);
    }
    mw_engine_free(bench.engine);
    mw_simulator_stop(bench.simulator);
}
