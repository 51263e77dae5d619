/* history_download.c - `moonwick history download`: a venue's past into a store. */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/series_choice.h"
#include "cli/signals.h"
#include "history/download.h"
#include "history/request.h"
#include "history/store.h"
#include "script/settings.h"
#include "script/settings_check.h"

#define COMMAND "history download"

enum {
    NOTE_BYTES = 192,
};

struct download_options {
    const char *config, *feed, *protocol, *rest, *ca_file, *market_type, *store;
    struct mw_text_list symbols, timeframes;
    struct mw_timeframe *lengths; /* owns; of `timeframes` */
    int64_t from_ms, to_ms;       /* INT64_MIN where not given */
    int64_t every_ms;
};

static const struct mw_option download_option_list[] = {
    {"protocol", "NAME", "the venue: binance, wealthdata, or a file that ends in .lua",
     mw_option_read_text, offsetof(struct download_options, protocol)},
    {"symbol", "LIST", "which symbols, with commas between", mw_option_read_list,
     offsetof(struct download_options, symbols)},
    {"timeframe", "LIST", "in which bars (default 1m)", mw_option_read_list,
     offsetof(struct download_options, timeframes)},
    {"symbols", "LIST", "the same as --symbol", mw_option_read_list,
     offsetof(struct download_options, symbols)},
    {"timeframes", "LIST", "the same as --timeframe", mw_option_read_list,
     offsetof(struct download_options, timeframes)},
    {"from", "TIME",
     "bars that begin then or later: 2024-01-01, 2024-01-01T12:00Z, ms, or 30d ago as 30d",
     mw_option_read_when, offsetof(struct download_options, from_ms)},
    {"to", "TIME", "bars that begin then or earlier (default: now)", mw_option_read_when,
     offsetof(struct download_options, to_ms)},
    {"store", "FILE", "where to (default: the configuration's, or " MW_HISTORY_STORE_DEFAULT ")",
     mw_option_read_text, offsetof(struct download_options, store)},
    {"feed", "NAME", "under which name (default: the protocol's); with --config, which feed",
     mw_option_read_text, offsetof(struct download_options, feed)},
    {"config", "FILE", "take the venue, and symbols and bars if not given, from a feed of it",
     mw_option_read_text, offsetof(struct download_options, config)},
    {"rest", "URL", "ask there, instead of where the protocol says", mw_option_read_text,
     offsetof(struct download_options, rest)},
    {"market-type", "TEXT", "for protocols that want one: spot, linear", mw_option_read_text,
     offsetof(struct download_options, market_type)},
    {"ca-file", "FILE", "certificates trusted besides the system's, PEM", mw_option_read_text,
     offsetof(struct download_options, ca_file)},
    {"every", "DURATION", "between two lines, where there is no terminal (default 5s)",
     mw_option_read_duration, offsetof(struct download_options, every_ms)},
};

static const char *const download_examples[] = {
    "moonwick history download --protocol binance --symbol BTCUSDT,ETHUSDT --timeframe 1m,1h \\\n"
    "      --from 2024-01-01 --to 2024-12-31T23:59 --store moonwick.db",
    "moonwick history download --protocol binance --symbol BTCUSDT --from 30d",
    "moonwick history download --config config.lua --feed binance --from 2017-08-17",
    NULL,
};

static const struct mw_option_set download_option_set = {
    .name = COMMAND,
    .summary = "Download the past of a venue into a store; run it again to go on",
    .options = download_option_list,
    .option_count = MW_COUNT(download_option_list),
    .examples = download_examples,
};

/* --- what to download, from where ------------------------------------------------------------- */

static int wrong_usage(const char *message)
{
    return mw_cli_fail(COMMAND, MW_EXIT_USAGE, "%s\ntry 'moonwick " COMMAND " --help'", message);
}

/* The feed of the configuration that is meant, or NULL with a message. */
static const struct mw_feed_settings *choose_feed(const struct mw_settings *settings,
                                                  const char *name)
{
    for (uint32_t i = 0; i < settings->feed_count; i++)
        if (name == NULL ? settings->feed_count == 1 : strcmp(settings->feeds[i].name, name) == 0)
            return &settings->feeds[i];
    if (name == NULL)
        mw_cli_fail(COMMAND, MW_EXIT_USAGE, "%s has %u feeds: want --feed NAME", settings->path,
                    settings->feed_count);
    else
        mw_cli_fail(COMMAND, MW_EXIT_USAGE, "%s has no feed '%.60s'", settings->path, name);
    return NULL;
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/* Fills what was not given from the feed. */
static void take_feed(struct download_options *options, const struct mw_feed_settings *feed)
{
    options->feed = feed->name;
    options->protocol = or_else(options->protocol, feed->protocol);
    options->rest = or_else(options->rest, feed->rest);
    options->ca_file = or_else(options->ca_file, feed->ca_file);
    options->market_type = or_else(options->market_type, feed->market_type);
    bool symbols = options->symbols.count == 0, timeframes = options->timeframes.count == 0;
    mw_status status = MW_OK;
    for (uint32_t i = 0; symbols && status == MW_OK && i < feed->symbol_count; i++)
        status = mw_option_read_list(feed->symbols[i], &options->symbols, NULL);
    for (uint32_t i = 0; timeframes && status == MW_OK && i < feed->timeframe_count; i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        status = mw_option_read_list(mw_timeframe_format(feed->timeframes[i], text),
                                     &options->timeframes, NULL);
    }
    MW_CHECK(status == MW_OK);
}

/* Says what is missing or makes no sense. */
static int complete(struct download_options *options)
{
    struct mw_error err;
    if (options->protocol == NULL)
        return wrong_usage("--protocol is missing: want binance, wealthdata or a file");
    if (options->feed != NULL && !mw_name_is_valid(options->feed, MW_FEED_NAME_BYTES_MAX))
        return wrong_usage("--feed: want at most 32 letters, digits, '_', '-' and '.'");
    if (options->symbols.count == 0)
        return wrong_usage("--symbol is missing: want one or several, with commas between");
    if (options->from_ms == INT64_MIN)
        return wrong_usage("--from is missing: want a date, or an age like 30d");
    options->store = or_else(options->store, MW_HISTORY_STORE_DEFAULT);
    if (options->to_ms == INT64_MIN)
        options->to_ms = mw_clock_wall_ms();
    if (options->from_ms > options->to_ms)
        return wrong_usage("--from is after --to, which is now unless given");
    if (options->timeframes.count == 0 &&
        mw_option_read_list("1m", &options->timeframes, &err) != MW_OK)
        return mw_cli_fail(COMMAND, MW_EXIT_USAGE, "--timeframe: %s", err.message);
    uint32_t count = options->timeframes.count;
    options->lengths = mw_realloc_array(NULL, count, sizeof(*options->lengths));
    for (uint32_t i = 0; i < count; i++)
        if (mw_timeframe_parse(options->timeframes.items[i], &options->lengths[i], &err) != MW_OK)
            return mw_cli_fail(COMMAND, MW_EXIT_USAGE, "--timeframe: %s", err.message);
    for (uint32_t i = 0; i < options->symbols.count; i++)
        if (strlen(options->symbols.items[i]) > MW_SYMBOL_BYTES_MAX)
            return mw_cli_fail(COMMAND, MW_EXIT_USAGE, "--symbol: '%.80s': longer than %d bytes",
                               options->symbols.items[i], MW_SYMBOL_BYTES_MAX);
    return MW_EXIT_OK;
}

/* --- watching --------------------------------------------------------------------------------- */

struct watch {
    struct mw_progress progress;
    char name[MW_SERIES_TEXT_BYTES];
    bool told; /* of the failure that lasts, where there is no bar */
};

static void on_progress(void *user, const struct mw_download_progress *progress)
{
    struct watch *watch = user;
    char note[NOTE_BYTES];
    const struct mw_progress_state state = {.name = watch->name,
                                            .done = progress->bucket_done,
                                            .total = progress->bucket_count,
                                            .rows = progress->rows,
                                            .note = progress->failure != NULL ? note : NULL};
    if (progress->failure != NULL)
        snprintf(note, sizeof(note), "again in %" PRId64 "s: %.150s",
                 (progress->wait_ms + MW_MS_PER_SECOND - 1) / MW_MS_PER_SECOND,
                 progress->failure->message);
    int64_t now_ms = mw_clock_monotonic_ms();
    if (!watch->progress.bar && progress->failure != NULL && !watch->told)
        watch->progress.next_ms = now_ms;
    watch->told = progress->failure != NULL;
    mw_progress_show(&watch->progress, &state, now_ms);
}

static void stop_download(void *user)
{
    mw_download_stop(user);
}

/* "2024-01-01T00:00Z". */
static const char *format_minute(int64_t time_ms, char text[MW_TIME_TEXT_BYTES])
{
    mw_time_format(time_ms, text);
    if (time_ms % MW_MS_PER_MINUTE == 0)
        snprintf(text + strlen("2024-01-01T00:00"), 2, "Z");
    return text;
}

/* What is in the store now, and what is not. */
static int report(struct mw_store *store, const struct mw_series_key *key, const char *name,
                  const struct mw_download_result *result)
{
    struct mw_store_counts counts;
    struct mw_store_series series;
    struct mw_error err;
    bool found;
    char first[MW_TIME_TEXT_BYTES], last[MW_TIME_TEXT_BYTES];
    if (mw_store_find(store, key, &series, &found, &err) != MW_OK ||
        (found && mw_store_count(store, key, &counts, &err) != MW_OK))
        return mw_cli_fail(COMMAND, MW_EXIT_FAILED, "%s", err.message);
    if (!found) {
        printf("%s: nothing%s\n", name,
               result->empty ? ", the venue has no bars of it"
                             : (result->forming ? ", no bar is final" : ""));
        return MW_EXIT_OK;
    }
    printf("%s: %" PRIu64 " row%s, %" PRIu64 " hole%s, %s .. %s; %" PRIu64 " new", name,
           counts.rows, mw_plural(counts.rows), counts.holes, mw_plural(counts.holes),
           format_minute(series.first_ms, first), format_minute(series.last_ms, last),
           result->rows);
    if (result->replaced > 0)
        printf(", %" PRIu64 " replaced", result->replaced);
    if (result->begins)
        printf(", the venue has none before %s", format_minute(result->begins_ms, first));
    if (result->left > 0)
        printf(", %" PRIu64 " bar%s still to be asked for", result->left, mw_plural(result->left));
    printf("\n");
    fflush(stdout);
    return MW_EXIT_OK;
}

/* --- downloading ------------------------------------------------------------------------------ */

struct job {
    const struct download_options *options;
    struct mw_protocol *protocol; /* owns */
    char *base;                   /* owns */
    struct mw_store *store;       /* owns */
    struct mw_download *download; /* owns */
};

static int download_one(const struct job *job, struct watch *watch, const char *symbol,
                        struct mw_timeframe timeframe)
{
    const struct download_options *options = job->options;
    struct mw_download_span span = {.from_ms = options->from_ms, .to_ms = options->to_ms + 1};
    const char *feed = or_else(options->feed, job->protocol->name);
    snprintf(span.key.feed, sizeof(span.key.feed), "%s", feed);
    snprintf(span.key.symbol, sizeof(span.key.symbol), "%s", symbol);
    span.key.timeframe = timeframe;
    char text[MW_TIMEFRAME_BYTES_MAX], name[MW_SERIES_TEXT_BYTES];
    mw_timeframe_format(timeframe, text);
    mw_series_text(&span.key, name);
    snprintf(watch->name, sizeof(watch->name), "%s %s", symbol, text);
    mw_progress_begin(&watch->progress, mw_clock_monotonic_ms());
    struct mw_download_result result;
    struct mw_error err;
    mw_status status = mw_download_run(job->download, &span, on_progress, watch, &result, &err);
    mw_progress_clear(&watch->progress);
    int code = status == MW_OK ? MW_EXIT_OK
                               : mw_cli_fail(COMMAND, MW_EXIT_FAILED, "%s: %s", name, err.message);
    int reported = report(job->store, &span.key, name, &result);
    return code != MW_EXIT_OK ? code : reported;
}

/* Goes on with the next series after one that failed. */
static int download_all(const struct job *job)
{
    const struct download_options *options = job->options;
    struct watch watch = {.told = false};
    mw_progress_init(&watch.progress, stderr, options->every_ms);
    int code = MW_EXIT_OK;
    mw_signals_catch(stop_download, job->download);
    for (uint32_t i = 0; i < options->symbols.count; i++)
        for (uint32_t j = 0; j < options->timeframes.count && !mw_signals_stopping(); j++) {
            int one = download_one(job, &watch, options->symbols.items[i], options->lengths[j]);
            code = one != MW_EXIT_OK ? one : code;
        }
    mw_signals_release();
    if (mw_signals_stopping())
        return mw_cli_fail(COMMAND, MW_EXIT_FAILED, "stopped; run it again to go on");
    return code;
}

static int check_timeframes(const struct job *job)
{
    char code[MW_TIMEFRAME_BYTES_MAX];
    for (uint32_t i = 0; i < job->options->timeframes.count; i++)
        if (!mw_protocol_timeframe_code(job->protocol, job->options->lengths[i], code))
            return mw_cli_fail(COMMAND, MW_EXIT_USAGE, "%s does not offer the timeframe %s",
                               job->protocol->name, job->options->timeframes.items[i]);
    return MW_EXIT_OK;
}

static mw_status open_job(struct job *job, char *const *endpoints, uint32_t endpoint_count,
                          struct mw_error *err)
{
    const struct download_options *options = job->options;
    mw_status status = MW_OK;
    job->base = mw_text_copy(options->rest);
    if (job->base == NULL)
        status = mw_history_find_base(job->protocol, endpoints, endpoint_count, &job->base, err);
    if (status == MW_OK && job->base == NULL)
        return mw_fail(err, MW_EINVAL, "where %s has its history is not known: want --rest URL",
                       job->protocol->name);
    if (status == MW_OK)
        status =
            mw_store_open(&(struct mw_store_options){.path = options->store}, &job->store, err);
    if (status == MW_OK)
        status = mw_download_new(&(struct mw_download_source){.protocol = job->protocol,
                                                              .base = job->base,
                                                              .ca_file = options->ca_file,
                                                              .market_type = options->market_type},
                                 job->store, &job->download, err);
    return status;
}

static int download(struct download_options *options, const struct mw_feed_settings *feed)
{
    struct job job = {.options = options};
    struct mw_error err;
    bool own = feed != NULL && !mw_feed_settings_simulates(feed);
    int code = complete(options);
    if (code != MW_EXIT_OK)
        return code;
    if (mw_protocol_load(options->protocol, &job.protocol, &err) != MW_OK)
        return mw_cli_fail(COMMAND, MW_EXIT_CONFIG, "%s", err.message);
    code = check_timeframes(&job);
    if (code == MW_EXIT_OK) {
        mw_status status =
            open_job(&job, own ? feed->endpoints : NULL, own ? feed->endpoint_count : 0, &err);
        if (status == MW_OK)
            code = download_all(&job);
        else
            code = mw_cli_fail(COMMAND,
                               status == MW_EPARSE || status == MW_EINVAL ? MW_EXIT_USAGE
                                                                          : MW_EXIT_FAILED,
                               "%s", err.message);
    }
    mw_download_free(job.download);
    mw_store_close(job.store);
    mw_free(job.base);
    mw_protocol_free(job.protocol);
    return code;
}

static int download_configured(struct download_options *options)
{
    struct mw_settings *settings;
    struct mw_error err;
    if (mw_settings_load_file(options->config, &settings, &err) != MW_OK)
        return mw_cli_fail(COMMAND, MW_EXIT_CONFIG, "%s", err.message);
    const struct mw_feed_settings *feed = choose_feed(settings, options->feed);
    int code = MW_EXIT_USAGE;
    if (feed != NULL) {
        options->store = or_else(options->store, settings->history.store);
        take_feed(options, feed);
        code = download(options, feed);
    }
    mw_settings_free(settings);
    return code;
}

static int download_command(int argc, char **argv)
{
    struct download_options options = {.from_ms = INT64_MIN, .to_ms = INT64_MIN};
    int code;
    if (mw_cli_parse(&download_option_set, argc, argv, &options, &code))
        code = options.config != NULL ? download_configured(&options) : download(&options, NULL);
    mw_free(options.lengths);
    mw_text_list_deinit(&options.symbols);
    mw_text_list_deinit(&options.timeframes);
    return code;
}

const struct mw_command mw_command_history_download = {&download_option_set, download_command};
