/* stage.c - checking of options, reading of replays, the simulated clock. */
#include "server/stage.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/csv.h"

enum {
    DEFAULT_DAYS = 30, /* how far back a simulation faster than real time starts */
    WAIT_MS_MAX = MW_MS_PER_HOUR,
    SCALE_DIGITS_MAX = 8,
};

static mw_status add_symbol(struct mw_stage *stage, const char *name, uint64_t seed,
                            struct mw_error *err)
{
    size_t length = strlen(name);
    if (length == 0)
        return mw_fail(err, MW_EINVAL, "symbol '': want a name");
    if (length > MW_SYMBOL_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "symbol '%.40s...': %zu bytes, at most %d", name, length,
                       MW_SYMBOL_BYTES_MAX);
    struct mw_stage_symbol *symbol = &stage->symbols[stage->symbol_count];
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\')
            return mw_fail(err, MW_EINVAL,
                           "symbol '%s': want visible ASCII without quotes and backslashes", name);
        symbol->lower[i] = (char)tolower((unsigned char)name[i]);
    }
    memcpy(symbol->name, name, length);
    mw_price_model_init(&symbol->model, seed, name);
    if (mw_map_set(&stage->by_name, name, length, symbol) != NULL ||
        mw_map_set(&stage->by_lower, symbol->lower, length, symbol) != NULL)
        return mw_fail(err, MW_EINVAL, "symbol '%s' is named twice", name);
    stage->symbol_count++;
    return MW_OK;
}

static mw_status add_symbols(struct mw_stage *stage, const struct mw_simulator_options *options,
                             struct mw_error *err)
{
    if (options->symbol_count == 0)
        return mw_fail(err, MW_EINVAL, "symbols: want at least one");
    if (options->symbol_count > MW_FEED_SYMBOLS_MAX)
        return mw_fail(err, MW_ELIMIT, "symbols: %u, at most %d", options->symbol_count,
                       MW_FEED_SYMBOLS_MAX);
    stage->symbols = mw_alloc_zero(options->symbol_count * sizeof(*stage->symbols));
    /* A replay is under its first symbol; there is nothing to tell of others. */
    uint32_t count = options->replay_file != NULL ? 1 : options->symbol_count;
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < count && status == MW_OK; i++)
        status = add_symbol(stage, options->symbols[i], options->seed, err);
    return status;
}

static void add_timeframe(struct mw_stage *stage, struct mw_timeframe timeframe)
{
    struct mw_stage_timeframe *entry = &stage->timeframes[stage->timeframe_count++];
    entry->timeframe = timeframe;
    mw_timeframe_format(timeframe, entry->text);
}

static mw_status check_timeframes(const struct mw_simulator_options *options, struct mw_error *err)
{
    if (options->timeframe_count > MW_FEED_TIMEFRAMES_MAX)
        return mw_fail(err, MW_ELIMIT, "timeframes: %u, at most %d", options->timeframe_count,
                       MW_FEED_TIMEFRAMES_MAX);
    if (options->timeframe_count == 0 && options->replay_file == NULL)
        return mw_fail(err, MW_EINVAL, "timeframes: want at least one");
    return MW_OK;
}

/* The step of a replay: the smallest distance of two rows as a timeframe. */
static mw_status find_step(const char *path, const struct mw_candle *rows, size_t count,
                           struct mw_timeframe *step, struct mw_error *err)
{
    int64_t least_ms = INT64_MAX;
    for (size_t i = 1; i < count; i++) {
        int64_t apart_ms = rows[i].open_ms - rows[i - 1].open_ms;
        least_ms = apart_ms < least_ms ? apart_ms : least_ms;
    }
    if (!mw_timeframe_from_distance(least_ms, step))
        return mw_fail(err, MW_EHISTORY, "%s: rows are %lld ms apart, which is no timeframe", path,
                       (long long)least_ms);
    return MW_OK;
}

mw_status mw_simulator_find_step(const char *path, struct mw_timeframe *step, struct mw_error *err)
{
    struct mw_candle *rows = NULL;
    size_t count = 0;
    mw_status status = mw_csv_read_file(path, MW_SIMULATOR_REPLAY_ROWS_MAX, &rows, &count, err);
    if (status == MW_OK && count < 2)
        status = mw_fail(err, MW_EHISTORY, "%s: too few rows to tell their timeframe", path);
    if (status == MW_OK)
        status = find_step(path, rows, count, step, err);
    mw_free(rows);
    return status;
}

/* What a single row does not tell is what was asked for. */
static mw_status tell_step(const struct mw_stage *stage, const struct mw_simulator_options *options,
                           struct mw_timeframe *step, struct mw_error *err)
{
    const char *path = options->replay_file;
    if (stage->row_count == 0)
        return mw_fail(err, MW_EHISTORY, "%s: no rows to replay", path);
    if (stage->row_count > 1)
        return find_step(path, stage->rows, stage->row_count, step, err);
    if (options->timeframe_count != 1)
        return mw_fail(err, MW_EHISTORY, "%s: one row does not tell its timeframe: want one", path);
    *step = options->timeframes[0];
    return MW_OK;
}

static mw_status check_grid(const struct mw_stage *stage, const char *path,
                            struct mw_timeframe step, struct mw_error *err)
{
    char text[MW_TIMEFRAME_BYTES_MAX];
    for (size_t i = 0; i < stage->row_count; i++) {
        int64_t open_ms = stage->rows[i].open_ms;
        if (mw_timeframe_floor(step, open_ms) != open_ms)
            return mw_fail(err, MW_EHISTORY, "%s:%zu: %lld is not the start of a bar of %s", path,
                           i + 2, (long long)open_ms, mw_timeframe_format(step, text));
    }
    return MW_OK;
}

static mw_status choose_step(struct mw_stage *stage, const struct mw_simulator_options *options,
                             struct mw_error *err)
{
    struct mw_timeframe step = {0};
    mw_status status = tell_step(stage, options, &step, err);
    if (status == MW_OK)
        status = check_grid(stage, options->replay_file, step, err);
    if (status != MW_OK)
        return status;
    bool wanted = options->timeframe_count == 0;
    for (uint32_t i = 0; i < options->timeframe_count; i++)
        wanted = wanted || mw_timeframe_equal(options->timeframes[i], step);
    char text[MW_TIMEFRAME_BYTES_MAX];
    if (!wanted)
        return mw_fail(err, MW_EINVAL, "timeframes: %s has bars of %s, which is not among them",
                       options->replay_file, mw_timeframe_format(step, text));
    add_timeframe(stage, step);
    return MW_OK;
}

/* The power of ten of which all prices are multiples, so that prices in between look like them. */
static double scale_of(const struct mw_candle *rows, size_t count)
{
    double scale = 1;
    int digits = 0;
    for (size_t i = 0; i < count; i++) {
        const double prices[] = {rows[i].open, rows[i].high, rows[i].low, rows[i].close};
        for (size_t j = 0; j < MW_COUNT(prices); j++)
            for (; digits < SCALE_DIGITS_MAX && round(prices[j] * scale) / scale != prices[j];
                 digits++)
                scale *= 10;
    }
    return scale;
}

/* Reads the replay. What lies before the start that was asked for is its past: told when asked. */
static mw_status load_rows(struct mw_stage *stage, const struct mw_simulator_options *options,
                           struct mw_error *err)
{
    const char *path = options->replay_file;
    mw_status status =
        mw_csv_read_file(path, MW_SIMULATOR_REPLAY_ROWS_MAX, &stage->rows, &stage->row_count, err);
    if (status == MW_OK)
        status = choose_step(stage, options, err);
    if (status != MW_OK)
        return status;
    stage->row_scale = scale_of(stage->rows, stage->row_count);
    size_t skipped = 0;
    while (options->start_ms != 0 && skipped < stage->row_count &&
           stage->rows[skipped].open_ms < options->start_ms)
        skipped++;
    if (skipped == stage->row_count)
        return mw_fail(err, MW_EINVAL, "start: %s ends before it", path);
    stage->start_ms = stage->rows[skipped].open_ms;
    return MW_OK;
}

static mw_status choose_start(struct mw_stage *stage, const struct mw_simulator_options *options,
                              struct mw_error *err)
{
    int64_t wall_ms = mw_clock_wall_ms();
    if (options->start_ms < 0 || options->start_ms > wall_ms)
        return mw_fail(err, MW_EINVAL, "start: %lld is not between 1970 and now",
                       (long long)options->start_ms);
    if (options->start_ms != 0)
        stage->start_ms = options->start_ms;
    else if (options->speed > 0 && options->speed <= 1)
        stage->start_ms = wall_ms;
    else
        stage->start_ms = (wall_ms / MW_MS_PER_DAY - DEFAULT_DAYS) * MW_MS_PER_DAY;
    return MW_OK;
}

mw_status mw_stage_init(struct mw_stage *stage, const struct mw_simulator_options *options,
                        struct mw_error *err)
{
    *stage = (struct mw_stage){.speed = options->speed};
    if (!isfinite(options->speed) || options->speed < 0)
        return mw_fail(err, MW_EINVAL, "speed: %g: want a factor, or 0 for as fast as it goes",
                       options->speed);
    mw_status status = check_timeframes(options, err);
    if (status != MW_OK)
        return status;
    stage->timeframes = mw_alloc_zero((options->timeframe_count + 1) * sizeof(*stage->timeframes));
    status = add_symbols(stage, options, err);
    if (status != MW_OK)
        goto fail;
    if (options->replay_file != NULL) {
        status = load_rows(stage, options, err);
    } else {
        for (uint32_t i = 0; i < options->timeframe_count; i++)
            add_timeframe(stage, options->timeframes[i]);
        status = choose_start(stage, options, err);
    }
    if (status != MW_OK)
        goto fail;
    return MW_OK;

fail:
    mw_stage_deinit(stage);
    return status;
}

void mw_stage_deinit(struct mw_stage *stage)
{
    mw_map_deinit(&stage->by_lower);
    mw_map_deinit(&stage->by_name);
    mw_free(stage->rows);
    mw_free(stage->timeframes);
    mw_free(stage->symbols);
    *stage = (struct mw_stage){0};
}

static int64_t index_of(const struct mw_stage *stage, const struct mw_stage_symbol *symbol)
{
    return symbol != NULL ? symbol - stage->symbols : -1;
}

int64_t mw_stage_find_symbol(const struct mw_stage *stage, const char *name, size_t length)
{
    return index_of(stage, mw_map_find(&stage->by_name, name, length));
}

int64_t mw_stage_find_lower(const struct mw_stage *stage, const char *lower, size_t length)
{
    return index_of(stage, mw_map_find(&stage->by_lower, lower, length));
}

int64_t mw_stage_find_timeframe(const struct mw_stage *stage, const char *text, size_t length)
{
    char copy[MW_TIMEFRAME_BYTES_MAX];
    struct mw_timeframe timeframe;
    if (length >= sizeof(copy))
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (mw_timeframe_parse(copy, &timeframe, NULL) != MW_OK)
        return -1;
    for (uint32_t i = 0; i < stage->timeframe_count; i++)
        if (mw_timeframe_equal(stage->timeframes[i].timeframe, timeframe))
            return i;
    return -1;
}

void mw_stage_run_clock(struct mw_stage *stage)
{
    if (stage->clock_running)
        return;
    stage->clock_running = true;
    stage->clock_started_ns = mw_clock_monotonic_ns();
}

/* The latest time that prices reach now, whatever the speed. */
static int64_t end_ms(const struct mw_stage *stage)
{
    return stage->rows != NULL ? INT64_MAX : mw_clock_wall_ms();
}

int64_t mw_stage_limit_ms(const struct mw_stage *stage, int64_t time_ms)
{
    int64_t latest_ms = end_ms(stage), limited_ms = time_ms < latest_ms ? time_ms : latest_ms;
    return limited_ms > 0 ? limited_ms : 0;
}

int64_t mw_stage_now_ms(const struct mw_stage *stage)
{
    MW_CHECK(stage->clock_running);
    int64_t latest_ms = end_ms(stage);
    if (stage->speed <= 0)
        return latest_ms;
    double real_ms = (double)(mw_clock_monotonic_ns() - stage->clock_started_ns) / 1e6;
    double now_ms = (double)(stage->start_ms + stage->jumped_ms) + stage->speed * real_ms;
    return now_ms < (double)latest_ms ? (int64_t)now_ms : latest_ms;
}

void mw_stage_jump(struct mw_stage *stage, int64_t by_ms)
{
    int64_t now_ms = mw_stage_now_ms(stage);
    stage->jumped_ms += mw_stage_limit_ms(stage, now_ms + by_ms) - now_ms;
    stage->jumps++;
}

void mw_stage_reach(struct mw_stage *stage, int64_t time_ms)
{
    if (time_ms > stage->reached_ms)
        stage->reached_ms = time_ms;
}

int64_t mw_stage_past_ms(struct mw_stage *stage)
{
    if (stage->clock_running && stage->speed > 0)
        mw_stage_reach(stage, mw_stage_now_ms(stage));
    return stage->reached_ms > stage->start_ms ? stage->reached_ms : stage->start_ms;
}

int64_t mw_stage_wait_ms(const struct mw_stage *stage, int64_t due_ms)
{
    double wait_ms = 0;
    if (stage->speed > 0) {
        double real_ms = (double)(mw_clock_monotonic_ns() - stage->clock_started_ns) / 1e6;
        wait_ms = (double)(due_ms - stage->start_ms - stage->jumped_ms) / stage->speed - real_ms;
    }
    if (stage->rows == NULL)
        wait_ms = fmax(wait_ms, (double)(due_ms - mw_clock_wall_ms()));
    return (int64_t)fmin(fmax(ceil(wait_ms), 1), WAIT_MS_MAX);
}
