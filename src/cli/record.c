/* record.c - `moonwick record`: as `moonwick run`, with what goes over the wire kept in a file. */
#include <inttypes.h>
#include <stddef.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "feed/capture.h"

struct record_options {
    struct mw_run_options run;
    const char *out;
    bool bars;
};

static const struct mw_option record_option_list[] = {
    {NULL, "CONFIG", "the configuration (default config.lua)", mw_option_read_text,
     offsetof(struct record_options, run.config)},
    {"out", "FILE", "where to record; one that is there is appended to", mw_option_read_text,
     offsetof(struct record_options, out)},
    {"for", "DURATION", "stop after this time: 500ms, 10s, 5m, 1h (default: never)",
     mw_option_read_duration, offsetof(struct record_options, run.for_ms)},
    {"log-level", "LEVEL", "debug, info, warn, error or off (default: the configuration's)",
     mw_run_read_log_level, offsetof(struct record_options, run.log)},
    {"bars", NULL, "print bars too, as moonwick run does", NULL,
     offsetof(struct record_options, bars)},
    {"quiet", NULL, "print no events; errors go to the log", NULL,
     offsetof(struct record_options, run.quiet)},
};

static const char *const record_examples[] = {
    "moonwick record --out today.mwcap",
    "moonwick record binance.lua --out binance.mwcap --for 1h --quiet",
    NULL,
};

static const struct mw_option_set record_option_set = {
    .name = "record",
    .summary = "Run a configuration and record every message, for replay",
    .options = record_option_list,
    .option_count = MW_COUNT(record_option_list),
    .examples = record_examples,
};

/* Says what is in the file now, or why it is not. */
static int finish(struct mw_capture *capture, const char *path, int code)
{
    struct mw_capture_status status;
    struct mw_error err;
    mw_capture_flush(capture);
    mw_capture_get_status(capture, &status);
    if (mw_capture_close(capture, &err) != MW_OK)
        return mw_cli_fail("record", MW_EXIT_FAILED,
                           "%s; %" PRIu64 " records are there, %" PRIu64 " are lost", err.message,
                           status.records, status.lost);
    if (code == MW_EXIT_CONFIG)
        return code;
    printf("recorded %" PRIu64 " records, %" PRIu64 " bytes to %s\n", status.records, status.bytes,
           path);
    return code;
}

static int record_command(int argc, char **argv)
{
    struct record_options options = {.run = {.command = "record", .config = "config.lua"}};
    int code;
    if (!mw_cli_parse(&record_option_set, argc, argv, &options, &code))
        return code;
    if (options.out == NULL)
        return mw_cli_fail("record", MW_EXIT_USAGE,
                           "--out is missing: want a file to record to\n"
                           "try 'moonwick record --help'");
    struct mw_settings *settings;
    code = mw_run_load(&options.run, &settings);
    if (code != MW_EXIT_OK)
        return code;
    struct mw_error err;
    uint64_t cut;
    if (mw_capture_open(options.out, &settings->capture, &cut, &err) != MW_OK) {
        mw_settings_free(settings);
        return mw_cli_fail("record", MW_EXIT_FAILED, "%s", err.message);
    }
    if (cut > 0)
        mw_log(MW_LOG_WARN, "capture %s: a torn tail of %" PRIu64 " bytes was cut", options.out,
               cut);
    options.run.no_bars = !options.bars;
    struct mw_capture *capture = settings->capture;
    code = mw_run(&options.run, settings);
    return finish(capture, options.out, code);
}

const struct mw_command mw_command_record = {&record_option_set, record_command};
