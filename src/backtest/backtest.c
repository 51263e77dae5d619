/* backtest.c - a run from its options to its result. */
#include "backtest/backtest.h"

#include <stdio.h>
#include <string.h>

#include "backtest/backtest_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

enum { PROGRESS_MOMENTS = 16 }; /* between two words of progress, and looks at Ctrl-C */

/* --- what the strategy says ------------------------------------------------------------------- */

static void keep_signal(struct mw_play *play, const struct mw_event *event)
{
    struct mw_backtest_result *result = play->result;
    result->signals_total++;
    if (result->signal_count == MW_BACKTEST_SIGNALS_MAX)
        return;
    if (result->signal_count == play->signal_capacity) {
        play->signal_capacity = play->signal_capacity * 2 + 64;
        result->signals =
            mw_realloc_array(result->signals, play->signal_capacity, sizeof(*result->signals));
    }
    result->signals[result->signal_count++] =
        (struct mw_backtest_signal){.time_ms = play->now_ms,
                                    .text = mw_text_copy(event->text),
                                    .json = mw_text_copy(event->json)};
}

static void on_event(void *user, const struct mw_event *event)
{
    struct mw_play *play = user;
    if (event->kind == MW_EVENT_SIGNAL)
        keep_signal(play, event);
    if (event->kind != MW_EVENT_ERROR || play->failed)
        return;
    play->failed = true;
    play->error = event->error;
    char now[MW_TIME_TEXT_BYTES], open[MW_TIME_TEXT_BYTES], timeframe[MW_TIMEFRAME_BYTES_MAX];
    mw_time_format(play->now_ms, now);
    if (play->bar == NULL)
        mw_fail_within(&play->error, MW_ESTRATEGY, "strategy %s at %s", play->name, now);
    else
        mw_fail_within(&play->error, MW_ESTRATEGY, "strategy %s at %s, bar %s %s of %s", play->name,
                       now, play->bar_key->symbol,
                       mw_timeframe_format(play->bar_key->timeframe, timeframe),
                       mw_time_format(play->bar->open_ms, open));
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The file's name without folder and ending. */
static void name_play(struct mw_play *play)
{
    const struct mw_backtest_options *options = play->options;
    if (options->name != NULL) {
        snprintf(play->name, sizeof(play->name), "%s", options->name);
        return;
    }
    const char *slash = strrchr(options->file, '/');
    const char *stem = slash != NULL ? slash + 1 : options->file;
    const char *dot = strrchr(stem, '.');
    size_t length = dot != NULL && dot > stem ? (size_t)(dot - stem) : strlen(stem);
    if (length > MW_STRATEGY_NAME_BYTES_MAX)
        length = MW_STRATEGY_NAME_BYTES_MAX;
    snprintf(play->name, sizeof(play->name), "%.*s", (int)length, stem);
}

/* Engine time while the script is loaded, when it is not known yet what it wants to see. */
static int64_t find_clock(const struct mw_backtest_options *options)
{
    int64_t first_ms = INT64_MAX;
    for (uint32_t i = 0; i < mw_dataset_count(options->data); i++) {
        const struct mw_dataset_series *series = mw_dataset_series(options->data, i);
        if (series->rows[0].open_ms < first_ms)
            first_ms = series->rows[0].open_ms;
    }
    if (options->from_ms > first_ms)
        first_ms = options->from_ms;
    return first_ms != 0 ? first_ms : 1; /* 0 is no time */
}

static mw_status load(struct mw_play *play, struct mw_error *err)
{
    const struct mw_backtest_options *options = play->options;
    struct mw_account_options account = options->account;
    account.history = 0; /* all trades and fills are told */
    const struct mw_strategy_options strategy = {.name = play->name,
                                                 .file = options->file,
                                                 .params_from = options->params_from,
                                                 .params_ref = options->params_ref,
                                                 .params_are_texts = options->params_are_texts,
                                                 .seeded = true,
                                                 .seed = options->seed,
                                                 .clock_ms = find_clock(options),
                                                 .account = &account,
                                                 .runs_free = true,
                                                 .bindings = options->bindings,
                                                 .market = &play->market,
                                                 .on_event = on_event,
                                                 .user = play};
    mw_status status = mw_strategy_load(&strategy, &play->strategy, err);
    if (status == MW_OK)
        play->account = mw_strategy_account(play->strategy);
    return status;
}

/* What answers reach back to beyond the rings. */
static mw_status lend_rows(struct mw_play *play, struct mw_error *err)
{
    for (uint32_t i = 0; i < play->lane_count; i++) {
        const struct mw_dataset_series *data = play->lanes[i].data;
        const struct mw_price_context_rows rows = {.rows = data->rows,
                                                   .count = data->count,
                                                   .holes = data->holes,
                                                   .hole_count = data->hole_count};
        mw_status status = mw_prices_lend_context(play->prices, &play->lanes[i].key, &rows, err);
        if (status != MW_OK)
            return status;
    }
    return MW_OK;
}

static mw_status open_play(struct mw_play *play, struct mw_error *err)
{
    const struct mw_backtest_options *options = play->options;
    if (options->cache_bars > MW_SERIES_CANDLES_MAX)
        return mw_fail(err, MW_ELIMIT, "cache_bars: %u, at most %d", options->cache_bars,
                       MW_SERIES_CANDLES_MAX);
    if (options->from_ms > options->to_ms)
        return mw_fail(err, MW_EINVAL, "the test ends before it begins");
    mw_status status = mw_account_check_options(&options->account, err);
    if (status != MW_OK)
        return status;
    play->cache =
        mw_cache_new(options->cache_bars > 0 ? options->cache_bars : MW_SERIES_CANDLES_DEFAULT);
    play->prices = mw_prices_new(play->cache);
    play->market = (struct mw_market){play->prices, mw_play_find_series, play};
    mw_play_open_lanes(play);
    status = load(play, err);
    if (status == MW_OK)
        status = mw_play_open_watches(play, err);
    if (status == MW_OK)
        status = lend_rows(play, err);
    return status;
}

static void close_play(struct mw_play *play)
{
    mw_strategy_free(play->strategy);
    mw_play_close_watches(play);
    mw_play_close_lanes(play);
    mw_prices_free(play->prices);
    mw_cache_free(play->cache);
    mw_backtest_result_free(play->result);
}

/* --- running ---------------------------------------------------------------------------------- */

/* What buying each symbol at its first open with the same share of the cash has come to. */
static double find_hold(struct mw_play *play)
{
    double share = play->options->account.cash / play->instrument_count, sum = 0;
    for (uint32_t i = 0; i < play->instrument_count; i++) {
        const struct mw_play_hold *hold = &play->holds[i];
        sum += hold->first > 0 ? share * (hold->last / hold->first) : share;
    }
    return sum;
}

static void note_equity(struct mw_play *play)
{
    struct mw_backtest_result *result = play->result;
    if (result->point_count == play->point_capacity) {
        play->point_capacity = play->point_capacity * 2 + 1024;
        result->points =
            mw_realloc_array(result->points, play->point_capacity, sizeof(*result->points));
    }
    result->points[result->point_count++] =
        (struct mw_equity_point){.time_ms = play->now_ms,
                                 .equity = mw_account_equity(play->account),
                                 .exposure = mw_account_exposure(play->account),
                                 .hold = find_hold(play)};
}

/* Tells the account of all prices of this moment. */
static void take_prices(struct mw_play *play)
{
    bool counts = false;
    for (uint32_t i = 0; i < play->closed_count && !play->failed; i++) {
        const struct mw_play_lane *lane = play->closed[i];
        counts = counts || lane->counted;
        if (!lane->priced)
            continue;
        const struct mw_candle *row = &lane->data->rows[lane->at - 1];
        struct mw_play_hold *hold = &play->holds[lane->instrument];
        if (hold->first == 0 && row->open_ms >= play->options->from_ms)
            hold->first = row->open;
        hold->last = row->close;
        mw_strategy_take_price(play->strategy, lane->instrument, row, play->now_ms);
    }
    if (counts)
        note_equity(play);
}

static mw_status run_moments(struct mw_play *play, struct mw_error *err)
{
    const struct mw_backtest_options *options = play->options;
    uint32_t moments = 0;
    struct mw_turn *turn;
    while (!play->failed && (turn = mw_schedule_first(&play->schedule)) != NULL &&
           turn->due_ms <= play->last_ms) {
        mw_play_advance(play);
        take_prices(play);
        mw_play_tell(play);
        if (++moments % PROGRESS_MOMENTS == 0 && options->on_progress != NULL &&
            !options->on_progress(options->user, play->done, play->total))
            return mw_fail(err, MW_ECANCELLED, "the back-test of %s was cancelled", play->name);
    }
    return MW_OK;
}

static mw_status run(struct mw_play *play, struct mw_error *err)
{
    const struct mw_backtest_options *options = play->options;
    mw_strategy_set_clock(play->strategy, play->start_ms != 0 ? play->start_ms : 1);
    mw_strategy_init(play->strategy);
    mw_status status = run_moments(play, err);
    if (status == MW_OK && !play->failed)
        mw_strategy_stop(play->strategy);
    if (status == MW_OK && play->failed) {
        status = MW_ESTRATEGY;
        if (err != NULL)
            *err = play->error;
    }
    if (status == MW_OK && options->on_progress != NULL &&
        !options->on_progress(options->user, play->total, play->total))
        return mw_fail(err, MW_ECANCELLED, "the back-test of %s was cancelled", play->name);
    return status;
}

/* --- the result ------------------------------------------------------------------------------- */

static void fill_series(const struct mw_play *play, struct mw_backtest_result *result)
{
    result->series = mw_alloc_zero((play->watch_count + 1) * sizeof(*result->series));
    for (uint32_t i = 0; i < play->watch_count; i++) {
        const struct mw_play_watch *watch = &play->watches[i];
        result->series[result->series_count++] =
            (struct mw_backtest_series){.key = *mw_series_key(watch->series),
                                        .bars = watch->bars,
                                        .absent_count = watch->absent_count,
                                        .absent = watch->absent,
                                        .with_holes = watch->lane->data->hole_count > 0};
        result->bars += watch->bars;
    }
}

static void *copy_array(const void *items, size_t count, size_t size)
{
    void *copy = mw_realloc_array(NULL, count + 1, size);
    if (count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

static void fill_account(const struct mw_play *play, struct mw_backtest_result *result)
{
    const struct mw_account *account = play->account;
    result->account = *mw_account_options(account);
    result->cash = mw_account_cash(account);
    result->equity = mw_account_equity(account);
    mw_account_get_totals(account, &result->totals);
    result->symbol_count = play->instrument_count;
    result->symbols = mw_alloc_zero((play->instrument_count + 1) * sizeof(*result->symbols));
    result->positions = mw_alloc_zero((play->instrument_count + 1) * sizeof(*result->positions));
    for (uint32_t i = 0; i < play->instrument_count; i++) {
        snprintf(result->symbols[i], sizeof(result->symbols[i]), "%s",
                 mw_account_symbol(account, i));
        result->positions[i] = mw_account_position(account, i);
    }
    const struct mw_trade *trades = mw_account_trades(account, &result->trade_count);
    result->trades = copy_array(trades, result->trade_count, sizeof(*trades));
    const struct mw_fill *fills = mw_account_fills(account, &result->fill_count);
    result->fills = copy_array(fills, result->fill_count, sizeof(*fills));
}

static void fill_result(const struct mw_play *play)
{
    struct mw_backtest_result *result = play->result;
    result->name = mw_strdup(play->name);
    result->file = mw_strdup(play->options->file);
    result->params = mw_strdup(mw_strategy_params(play->strategy));
    result->seed = play->options->seed;
    result->from_ms = play->start_ms;
    result->to_ms = play->last_ms;
    result->data = mw_dataset_ref(play->options->data);
    fill_series(play, result);
    fill_account(play, result);
    mw_backtest_result_judge(result);
}

mw_status mw_backtest_run(const struct mw_backtest_options *options,
                          struct mw_backtest_result **out, struct mw_error *err)
{
    struct mw_play play = {.options = options};
    play.result = mw_alloc_zero(sizeof(*play.result));
    name_play(&play);
    mw_status status = open_play(&play, err);
    if (status == MW_OK)
        status = run(&play, err);
    if (status == MW_OK) {
        fill_result(&play);
        *out = play.result;
        play.result = NULL;
    }
    close_play(&play);
    return status;
}
