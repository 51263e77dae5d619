/* replay.c - `moonwick replay`: a capture through the decoder and the cache again. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/event_line.h"
#include "cli/replay_report.h"
#include "cli/signals.h"
#include "history/replay.h"
#include "script/cursor.h"

enum { NAME_WIDTH = 8 };

#define NEVER INT64_MAX /* a time that does not come */

struct replay_options {
    const char *file;
    double speed; /* 0: as fast as possible */
    bool bars, gaps, json;
    struct mw_series_filter {
        bool given;
        struct mw_series_key key;
    } series;
};

/* A capture that is being replayed and shown. */
struct show {
    const struct replay_options *options;
    struct mw_replay *replay;
    struct mw_watcher *watcher; /* NULL unless bars are shown */
    uint32_t watched;           /* series that it watches: the first ones of the cache */
    struct mw_cursor **cursors; /* owns; by the series' number */
    int64_t held_until_ms;      /* when one of them has more to tell; or NEVER */
    struct mw_wake wake;        /* raised by a signal */
    int64_t began_ns;
    struct mw_str line;
    int output_errno; /* why standard output takes no more; 0 while it does */
};

/* "demo:BTCUSDT:1m" */
static mw_status read_series(const char *text, void *target, struct mw_error *err)
{
    struct mw_series_filter *filter = target;
    const char *feed_end = strchr(text, ':'), *symbol_end = strrchr(text, ':');
    if (feed_end == NULL || feed_end == symbol_end)
        return mw_fail(err, MW_EINVAL, "'%.120s': want FEED:SYMBOL:TIMEFRAME", text);
    int feed_length = (int)(feed_end - text), symbol_length = (int)(symbol_end - feed_end - 1);
    if (feed_length > MW_FEED_NAME_BYTES_MAX || symbol_length > MW_SYMBOL_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "'%.120s': too long for a feed or symbol", text);
    snprintf(filter->key.feed, sizeof(filter->key.feed), "%.*s", feed_length, text);
    snprintf(filter->key.symbol, sizeof(filter->key.symbol), "%.*s", symbol_length, feed_end + 1);
    filter->given = true;
    return mw_timeframe_parse(symbol_end + 1, &filter->key.timeframe, err);
}

static const struct mw_option replay_option_list[] = {
    {NULL, "FILE", "the capture, made by moonwick record", mw_option_read_text,
     offsetof(struct replay_options, file)},
    {"speed", "SPEED", "1x, 60x: times the speed of the recording (default max)",
     mw_option_read_speed, offsetof(struct replay_options, speed)},
    {"bars", NULL, "print closed bars and gaps, as strategies are told of them", NULL,
     offsetof(struct replay_options, bars)},
    {"gaps", NULL, "print the holes that are left in each series", NULL,
     offsetof(struct replay_options, gaps)},
    {"series", "FEED:SYMBOL:TIMEFRAME", "show this series alone", read_series,
     offsetof(struct replay_options, series)},
    {"json", NULL, "print one JSON object a line", NULL, offsetof(struct replay_options, json)},
};

static const char *const replay_examples[] = {
    "moonwick replay today.mwcap",
    "moonwick replay today.mwcap --bars --series demo:BTCUSDT:1m",
    "moonwick replay today.mwcap --bars --speed 60x",
    "moonwick replay today.mwcap --json --gaps | jq 'select(.kind == \"hole\")'",
    NULL,
};

static const struct mw_option_set replay_option_set = {
    .name = "replay",
    .summary = "Run a recorded capture through the decoder and the cache again",
    .options = replay_option_list,
    .option_count = MW_COUNT(replay_option_list),
    .examples = replay_examples,
};

/* --- output ----------------------------------------------------------------------------------- */

/* Prints what was added to `line`. */
static void print_line(struct show *show)
{
    if (show->output_errno == 0 &&
        fwrite(show->line.data, 1, show->line.length, stdout) != show->line.length)
        show->output_errno = errno;
    mw_str_clear(&show->line);
}

static bool is_shown(const struct show *show, const struct mw_series *series)
{
    const struct mw_series_key *key = mw_series_key(series);
    const struct mw_series_filter *filter = &show->options->series;
    return !filter->given || (strcmp(key->feed, filter->key.feed) == 0 &&
                              strcmp(key->symbol, filter->key.symbol) == 0 &&
                              mw_timeframe_equal(key->timeframe, filter->key.timeframe));
}

static void print_news(struct show *show, const struct mw_series *series,
                       const struct mw_cursor_news *news, int64_t time_ms)
{
    struct mw_event event = mw_event_of_news(news, mw_series_key(series));
    event.time_ms = time_ms;
    if (show->options->json) {
        mw_replay_report_event(&show->line, &event);
    } else {
        const struct mw_event_line_options options = {.colours = mw_cli_wants_colours(stdout),
                                                      .name_width = NAME_WIDTH};
        mw_event_line_add(&show->line, &event, &options);
    }
    print_line(show);
}

static void print_series(struct show *show, struct mw_series *series)
{
    bool json = show->options->json;
    mw_replay_report_series(&show->line, series, json);
    print_line(show);
    if (!show->options->gaps)
        return;
    uint32_t count = mw_series_copy_gaps(series, NULL, 0);
    struct mw_gap *gaps = mw_realloc_array(NULL, count + 1, sizeof(*gaps));
    count = mw_series_copy_gaps(series, gaps, count);
    for (uint32_t i = 0; i < count; i++) {
        mw_replay_report_gap(&show->line, mw_series_key(series), &gaps[i], json);
        print_line(show);
    }
    mw_free(gaps);
}

/* What it came to, at the end. Returns how many series were shown. */
static uint32_t print_report(struct show *show)
{
    struct mw_cache *cache = mw_replay_cache(show->replay);
    bool json = show->options->json;
    uint32_t shown = 0;
    mw_replay_report_capture(&show->line, show->replay, json);
    print_line(show);
    for (uint32_t i = 0; i < mw_replay_feed_count(show->replay); i++) {
        struct mw_replay_feed feed;
        mw_replay_get_feed(show->replay, i, &feed);
        mw_replay_report_feed(&show->line, &feed, json);
        print_line(show);
    }
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        if (is_shown(show, series)) {
            print_series(show, series);
            shown++;
        }
    }
    return shown;
}

/* --- bars ------------------------------------------------------------------------------------- */

static void wake_nobody(void *user)
{
    (void)user;
}

/* Watches the series that were added since. */
static void watch_new(struct show *show)
{
    struct mw_cache *cache = mw_replay_cache(show->replay);
    uint32_t count = mw_cache_series_count(cache);
    if (count == show->watched)
        return;
    show->cursors = mw_realloc_array(show->cursors, count, sizeof(*show->cursors));
    for (; show->watched < count; show->watched++) {
        struct mw_series *series = mw_cache_series_get(cache, show->watched);
        show->cursors[show->watched] = mw_cursor_new(series, true);
        if (is_shown(show, series))
            mw_watcher_watch(show->watcher, series);
    }
}

/* Prints what there is to tell of one series. The time of the capture is the cursor's clock. */
static void show_series(struct show *show, struct mw_series *series, int64_t time_ms,
                        int64_t now_ms)
{
    struct mw_cursor_news news;
    struct mw_cursor *cursor = show->cursors[mw_series_note(series)->id];
    while (mw_cursor_next(cursor, now_ms, &news) != MW_CURSOR_NOTHING) {
        if (news.kind == MW_CURSOR_HELD) {
            if (news.until_ms < show->held_until_ms)
                show->held_until_ms = news.until_ms;
            return;
        }
        print_news(show, series, &news, time_ms);
    }
}

/* Looks at all series: somebody has waited long enough for a hole to be filled. */
static void show_held(struct show *show, int64_t time_ms, int64_t now_ms)
{
    show->held_until_ms = NEVER;
    for (uint32_t i = 0; i < show->watched; i++) {
        struct mw_series *series = mw_cursor_series(show->cursors[i]);
        if (is_shown(show, series))
            show_series(show, series, time_ms, now_ms);
    }
}

/* Prints what follows from the last record. */
static void show_news(struct show *show, int64_t time_ms)
{
    watch_new(show);
    if (time_ms >= show->held_until_ms)
        show_held(show, time_ms, time_ms);
    uint32_t at = 0;
    struct mw_series *series;
    while ((series = mw_watcher_take(show->watcher, &at)) != NULL)
        show_series(show, series, time_ms, time_ms);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void raise_wake(void *wake)
{
    mw_wake_raise(wake);
}

/* Waits until it is time for what was recorded `after_ms` after the first record. */
static void keep_pace(struct show *show, int64_t after_ms)
{
    double due_ms = (double)after_ms / show->options->speed;
    double gone_ms = (double)(mw_clock_monotonic_ns() - show->began_ns) / 1e6;
    if (due_ms - gone_ms < 1)
        return;
    if (fflush(stdout) != 0 && show->output_errno == 0)
        show->output_errno = errno;
    while (!mw_signals_stopping() && due_ms - gone_ms >= 1) {
        double left_ms = due_ms - gone_ms;
        mw_wake_wait(&show->wake, left_ms < MW_MS_PER_HOUR ? (int64_t)left_ms : MW_MS_PER_HOUR);
        gone_ms = (double)(mw_clock_monotonic_ns() - show->began_ns) / 1e6;
    }
}

static mw_status run(struct show *show, struct mw_error *err)
{
    show->began_ns = mw_clock_monotonic_ns();
    struct mw_replay_step step = {.is_record = true};
    mw_status status = MW_OK;
    while (status == MW_OK && step.is_record && !mw_signals_stopping() && show->output_errno == 0) {
        status = mw_replay_next(show->replay, &step, err);
        if (status != MW_OK || !step.is_record)
            break;
        struct mw_replay_counts counts;
        mw_replay_get_counts(show->replay, &counts);
        if (show->options->speed > 0)
            keep_pace(show, step.time_ms - counts.first_ms);
        if (show->watcher != NULL)
            show_news(show, step.time_ms);
    }
    /* What waits for a hole that nobody fills any more is told now. */
    struct mw_replay_counts counts;
    mw_replay_get_counts(show->replay, &counts);
    if (show->watcher != NULL && status == MW_OK)
        show_held(show, counts.last_ms, NEVER / 2);
    return status;
}

/* What went wrong, if anything; the exit code. */
static int finish(struct show *show, mw_status status, const struct mw_error *err)
{
    const char *file = show->options->file;
    struct mw_replay_counts counts;
    uint32_t shown = print_report(show);
    mw_replay_get_counts(show->replay, &counts);
    double seconds = (double)(mw_clock_monotonic_ns() - show->began_ns) / 1e9;
    if (show->output_errno == 0 && fflush(stdout) != 0)
        show->output_errno = errno;
    if (show->output_errno == EPIPE)
        return MW_EXIT_OK;
    if (show->output_errno != 0)
        return mw_cli_fail("replay", MW_EXIT_FAILED, "standard output: %s",
                           strerror(show->output_errno));
    if (status != MW_OK)
        return mw_cli_fail("replay", MW_EXIT_FAILED, "%s", err->message);
    fprintf(stderr, "moonwick replay: %" PRIu64 " messages in %.3f s, %.0f a second\n",
            counts.messages, seconds, (double)counts.messages / (seconds > 0 ? seconds : 1));
    if (counts.tail.io.status != MW_OK)
        return mw_cli_fail("replay", MW_EXIT_FAILED, "%s: %s", file, counts.tail.io.message);
    if (counts.tail.is_damage)
        return mw_cli_fail("replay", MW_EXIT_FAILED,
                           "%s: damaged at byte %" PRIu64 ": %" PRIu64 " bytes were not read", file,
                           counts.bytes, counts.tail.bytes);
    if (counts.tail.bytes > 0)
        mw_cli_fail("replay", 0, "%s: a torn tail of %" PRIu64 " bytes was left out", file,
                    counts.tail.bytes);
    if (shown == 0 && show->options->series.given)
        return mw_cli_fail("replay", MW_EXIT_FAILED, "%s: there is no such series", file);
    return MW_EXIT_OK;
}

static int replay_command(int argc, char **argv)
{
    struct replay_options options = {.speed = 0};
    int code;
    if (!mw_cli_parse(&replay_option_set, argc, argv, &options, &code))
        return code;
    if (options.file == NULL)
        return mw_cli_fail("replay", MW_EXIT_USAGE,
                           "want a file to replay\ntry 'moonwick replay --help'");
    struct mw_error err;
    struct show show = {
        .options = &options, .held_until_ms = NEVER, .line = MW_STR_INIT(MW_REPLAY_LINE_BYTES_MAX)};
    if (mw_replay_open(options.file, &show.replay, &err) != MW_OK)
        return mw_cli_fail("replay", MW_EXIT_FAILED, "%s", err.message);
    if (options.bars)
        show.watcher = mw_cache_attach(mw_replay_cache(show.replay), wake_nobody, NULL);
    mw_wake_init(&show.wake);
    mw_signals_catch(raise_wake, &show.wake);
    mw_status status = run(&show, &err);
    code = finish(&show, status, &err);
    mw_signals_release();
    mw_wake_deinit(&show.wake);
    for (uint32_t i = 0; i < show.watched; i++)
        mw_cursor_free(show.cursors[i]);
    mw_free(show.cursors);
    mw_replay_close(show.replay);
    mw_str_deinit(&show.line);
    return code;
}

const struct mw_command mw_command_replay = {&replay_option_set, replay_command};
