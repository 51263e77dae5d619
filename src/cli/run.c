/* run.c - `moonwick run`: feeds and strategies of a configuration, one line per event. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "bind/bind_moonwick.h"
#include "cli/cli.h"
#include "cli/event_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "engine.h"
#include "feed/capture.h"

enum { NAME_WIDTH_MIN = 4, NAME_WIDTH_MAX = 16 }; /* of the column with feeds and strategies */

struct run {
    struct mw_engine *engine;
    const struct mw_run_options *options;
    struct mw_capture *capture; /* borrows; NULL unless something is recorded */
    int64_t flush_at;           /* monotonic, when what is recorded is written next */
    struct mw_event_line_options line_options;
    struct mw_str line;
    int output_errno; /* why standard output takes no more; 0 while it does */
    bool failed;      /* every feed is in state failed */
};

mw_status mw_run_read_log_level(const char *text, void *target, struct mw_error *err)
{
    struct mw_run_options *options = MW_CONTAINER(target, struct mw_run_options, log);
    mw_status status = mw_log_level_parse(text, &options->log.level, err);
    options->log.given = status == MW_OK;
    return status;
}

static const struct mw_option run_option_list[] = {
    {NULL, "CONFIG", "the configuration (default config.lua)", mw_option_read_text,
     offsetof(struct mw_run_options, config)},
    {"for", "DURATION", "stop after this time: 500ms, 10s, 5m, 1h (default: never)",
     mw_option_read_duration, offsetof(struct mw_run_options, for_ms)},
    {"log-level", "LEVEL", "debug, info, warn, error or off (default: the configuration's)",
     mw_run_read_log_level, offsetof(struct mw_run_options, log)},
    {"quiet", NULL, "print no events; errors go to the log", NULL,
     offsetof(struct mw_run_options, quiet)},
    {"no-bars", NULL, "print no bars, only the other events", NULL,
     offsetof(struct mw_run_options, no_bars)},
};

static const char *const run_examples[] = {
    "moonwick run",
    "moonwick run --for 10s demo.lua",
    "moonwick run --no-bars | grep ' signal '",
    NULL,
};

static const struct mw_option_set run_option_set = {
    .name = "run",
    .summary = "Run the feeds and strategies of a configuration and print what happens",
    .options = run_option_list,
    .option_count = MW_COUNT(run_option_list),
    .examples = run_examples,
};

static void widen(int *width, const char *name)
{
    int length = (int)strlen(name);
    if (length > *width)
        *width = length < NAME_WIDTH_MAX ? length : NAME_WIDTH_MAX;
}

static int name_width(const struct mw_settings *settings)
{
    int width = NAME_WIDTH_MIN;
    for (uint32_t i = 0; i < settings->feed_count; i++)
        widen(&width, settings->feeds[i].name);
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        widen(&width, settings->strategies[i].name);
    return width;
}

static void wake_engine(void *engine)
{
    mw_engine_wake(engine);
}

/* A failed feed never comes back by itself; when all have failed nothing more will come. */
static bool all_feeds_failed(const struct mw_engine *engine)
{
    uint32_t count = mw_engine_feed_count(engine);
    for (uint32_t i = 0; i < count; i++)
        if (mw_feed_get_state(mw_engine_feed(engine, i)) != MW_CONNECTION_FAILED)
            return false;
    return count > 0;
}

/* What --quiet leaves: errors, in the log. */
static void log_event(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_ERROR)
        mw_log(MW_LOG_ERROR, "strategy %s: %s", event->strategy, event->error.message);
    else if (event->kind == MW_EVENT_HISTORY && event->has_error)
        mw_log(MW_LOG_WARN, "feed %s history: %s", event->feed, event->error.message);
    else if (event->has_error && event->kind != MW_EVENT_STORE) /* whose thread logs */
        mw_log(MW_LOG_WARN, "feed %s %s: %s", event->feed, mw_connection_state_text(event->state),
               event->error.message);
}

static void print_event(struct run *run, const struct mw_event *event)
{
    if (run->output_errno != 0 || (run->options->no_bars && event->kind == MW_EVENT_BAR))
        return;
    struct mw_event_line_options line_options = run->line_options;
    struct mw_connection_status status;
    struct mw_feed *feed = NULL;
    if (event->kind == MW_EVENT_STATE &&
        (event->state == MW_CONNECTION_CONNECTED || event->state == MW_CONNECTION_CONFIRMED))
        feed = mw_engine_find_feed(run->engine, event->feed);
    if (feed != NULL) {
        mw_feed_get_status(feed, &status);
        line_options.endpoint = status.endpoint;
    }
    mw_str_clear(&run->line);
    mw_event_line_add(&run->line, event, &line_options);
    if (fwrite(run->line.data, 1, run->line.length, stdout) != run->line.length)
        run->output_errno = errno;
}

static void take_event(struct run *run, struct mw_event *event)
{
    if (event->kind == MW_EVENT_ORDER) /* lines follow the wall clock, fills that of the market */
        event->time_ms = mw_clock_wall_ms();
    if (run->options->quiet)
        log_event(event);
    else
        print_event(run, event);
    if (event->kind == MW_EVENT_STATE && event->state == MW_CONNECTION_FAILED)
        run->failed = all_feeds_failed(run->engine);
    mw_event_deinit(event);
}

static void flush(struct run *run)
{
    if (run->output_errno == 0 && fflush(stdout) != 0)
        run->output_errno = errno;
}

static bool is_over(const struct run *run, int64_t until_ms)
{
    return mw_signals_stopping() || run->failed || run->output_errno != 0 ||
           mw_clock_monotonic_ms() >= until_ms;
}

/* How long a poll may wait: negative for ever. */
static int64_t left_ms(const struct run *run, int64_t until_ms)
{
    if (run->capture != NULL && run->flush_at < until_ms)
        until_ms = run->flush_at;
    if (until_ms == INT64_MAX)
        return -1;
    int64_t left = until_ms - mw_clock_monotonic_ms();
    return left > 0 ? left : 0;
}

/* A crash costs a recording its last second at most. */
static void flush_capture(struct run *run)
{
    int64_t now_ms = mw_clock_monotonic_ms();
    if (now_ms < run->flush_at)
        return;
    mw_capture_flush(run->capture);
    run->flush_at = now_ms + MW_MS_PER_SECOND;
}

/* Prints events until a signal, the end of --for, the end of all feeds or that of the reader. */
static void watch(struct run *run)
{
    int64_t until_ms = INT64_MAX;
    if (run->options->for_ms > 0)
        until_ms = mw_clock_monotonic_ms() + run->options->for_ms;
    while (!is_over(run, until_ms)) {
        struct mw_event event;
        flush_capture(run);
        if (mw_engine_poll(run->engine, 0, &event)) {
            take_event(run, &event);
            continue;
        }
        flush(run); /* nothing more is waiting, so this batch is complete */
        /* That poll may have used up the wake of a signal. */
        if (!is_over(run, until_ms) && mw_engine_poll(run->engine, left_ms(run, until_ms), &event))
            take_event(run, &event);
    }
}

/* Stops, and prints what the stop hooks had to say. */
static void stop(struct run *run)
{
    struct mw_event event;
    mw_engine_stop(run->engine);
    while (mw_engine_poll(run->engine, 0, &event))
        take_event(run, &event);
    flush(run);
}

static void log_summary(const struct mw_engine *engine)
{
    for (uint32_t i = 0; i < mw_engine_feed_count(engine); i++) {
        struct mw_feed *feed = mw_engine_feed(engine, i);
        struct mw_connection_status status;
        mw_feed_get_status(feed, &status);
        uint64_t rejects = 0;
        for (size_t reject = 0; reject < MW_REJECT_COUNT; reject++)
            rejects += status.rejects[reject];
        mw_log(MW_LOG_INFO,
               "feed %s: %" PRIu64 " frames, %" PRIu64 " candles, %" PRIu64 " rejects, %" PRIu64
               " reconnects",
               mw_feed_name(feed), status.frames, status.candles, rejects, status.reconnects);
    }
}

/* What came of those that traded, and of on_signal. */
static void log_trading(struct mw_engine *engine)
{
    for (uint32_t i = 0; i < mw_engine_strategy_count(engine); i++) {
        struct mw_strategy_status status;
        mw_engine_get_strategy_status(engine, i, &status, NULL);
        const struct mw_account_status *account = &status.account;
        if (account->totals.orders + account->totals.rejected == 0)
            continue;
        mw_log(MW_LOG_INFO,
               "strategy %s: equity %.2f, cash %.2f, %" PRIu32 " position%s, %" PRIu64
               " trade%s, %" PRIu64 " fill%s, fees %.2f, %" PRIu64 " rejected",
               status.name, account->equity, account->cash, account->positions,
               mw_plural(account->positions), account->totals.trades,
               mw_plural(account->totals.trades), account->totals.fills,
               mw_plural(account->totals.fills), account->totals.fees, account->totals.rejected);
    }
    struct mw_engine_signal_status signals;
    mw_engine_get_signal_status(engine, &signals);
    if (signals.errors + signals.dropped + signals.events_dropped > 0)
        mw_log(MW_LOG_WARN,
               "on_signal: %" PRIu64 " call%s, %" PRIu64 " failed, %" PRIu64
               " signals not handed on, %" PRIu64 " events dropped",
               signals.calls, mw_plural(signals.calls), signals.errors, signals.dropped,
               signals.events_dropped);
}

static int fail_feeds(const char *command, const struct mw_engine *engine)
{
    struct mw_connection_status status;
    uint32_t count = mw_engine_feed_count(engine);
    mw_feed_get_status(mw_engine_feed(engine, count - 1), &status);
    return mw_cli_fail(command, MW_EXIT_FAILED, "%s: %s",
                       count == 1 ? "the feed has failed" : "all feeds have failed, the last one",
                       status.has_error ? status.error.message : "no reason is known");
}

static int run_engine(struct run *run)
{
    const char *command = run->options->command;
    struct mw_error err;
    mw_signals_catch(wake_engine, run->engine);
    int code = MW_EXIT_OK;
    if (mw_engine_start(run->engine, &err) != MW_OK) {
        code = mw_cli_fail(command, MW_EXIT_FAILED, "%s", err.message);
    } else {
        watch(run);
        if (run->failed)
            code = fail_feeds(command, run->engine);
        stop(run);
        log_summary(run->engine);
        log_trading(run->engine);
    }
    if (run->output_errno != 0 && run->output_errno != EPIPE)
        code = mw_cli_fail(command, MW_EXIT_FAILED, "standard output: %s",
                           strerror(run->output_errno));
    mw_signals_release();
    return code;
}

int mw_run_load(const struct mw_run_options *options, struct mw_settings **settings)
{
    struct mw_error err;
    if (mw_settings_load_file(options->config, settings, &err) != MW_OK)
        return mw_cli_fail(options->command, MW_EXIT_CONFIG, "%s", err.message);
    if (options->log.given)
        (*settings)->log_level = options->log.level;
    return MW_EXIT_OK;
}

int mw_run(const struct mw_run_options *options, struct mw_settings *settings)
{
    struct mw_error err;
    struct run run = {
        .options = options,
        .capture = settings->capture,
        .line_options = {.colours = mw_cli_wants_colours(stdout),
                         .name_width = name_width(settings)},
        .line = MW_STR_INIT(MW_EVENT_LINE_BYTES_MAX),
    };
    if (mw_engine_open(settings, &mw_lua_bindings, &run.engine, &err) != MW_OK)
        return mw_cli_fail(options->command, MW_EXIT_CONFIG, "%s", err.message);
    mw_engine_listen(run.engine);
    if (!options->quiet) /* what is missing is told along with the bars */
        mw_engine_want_bars(run.engine);
    int code = run_engine(&run);
    mw_engine_free(run.engine);
    mw_str_deinit(&run.line);
    return code;
}

static int run_command(int argc, char **argv)
{
    struct mw_run_options options = {.command = "run", .config = "config.lua"};
    int code;
    if (!mw_cli_parse(&run_option_set, argc, argv, &options, &code))
        return code;
    struct mw_settings *settings;
    code = mw_run_load(&options, &settings);
    return code == MW_EXIT_OK ? mw_run(&options, settings) : code;
}

const struct mw_command mw_command_run = {&run_option_set, run_command};
