/* history_export.c - `moonwick history export`: a series of a store as CSV. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/series_choice.h"
#include "cli/signals.h"
#include "history/text_file.h"

#define NAME "history export"

enum {
    BATCH_ROWS = 16384,
    TEXT_BYTES = BATCH_ROWS * MW_CSV_ROW_BYTES_MAX, /* of one batch, at most */
};

struct export_options {
    const char *store, *feed, *symbol, *output;
    struct mw_timeframe timeframe;
    int64_t from_ms, to_ms;
    mw_csv_time time;
    bool gzip;
};

static const struct mw_option export_option_list[] = {
    {"store", "FILE", "the store (default " MW_HISTORY_STORE_DEFAULT ")", mw_option_read_text,
     offsetof(struct export_options, store)},
    {"symbol", "SYMBOL", "what is traded", mw_option_read_text,
     offsetof(struct export_options, symbol)},
    {"timeframe", "LENGTH", "of a bar: 1m, 1h, 1d", mw_option_read_timeframe,
     offsetof(struct export_options, timeframe)},
    {"feed", "NAME", "the feed's name (default: the only one that has such a series)",
     mw_option_read_text, offsetof(struct export_options, feed)},
    {"from", "TIME",
     "bars that begin then or later: 2024-01-01, 2024-01-01T12:00Z, ms, or 30d ago as 30d",
     mw_option_read_when, offsetof(struct export_options, from_ms)},
    {"to", "TIME", "bars that begin then or earlier", mw_option_read_when,
     offsetof(struct export_options, to_ms)},
    {"output", "FILE", "where to; it is there when it is whole (default - : standard output)",
     mw_option_read_text, offsetof(struct export_options, output)},
    {"gzip", NULL, "compress it (default: when the name ends in .gz)", NULL,
     offsetof(struct export_options, gzip)},
    {"time", "WAY", "how to write times: ms, s, us, ns, iso (default ms)", mw_option_read_csv_time,
     offsetof(struct export_options, time)},
};

static const char *const export_examples[] = {
    "moonwick history export --symbol BTCUSDT --timeframe 1m > btc.csv",
    "moonwick history export --symbol BTCUSDT --timeframe 1m --from 2024-01-01 --output btc.csv.gz",
    NULL,
};

static const struct mw_option_set export_option_set = {
    .name = NAME,
    .summary = "Write a series of a store as CSV",
    .options = export_option_list,
    .option_count = MW_COUNT(export_option_list),
    .examples = export_examples,
};

/* An export while it runs. */
struct job {
    const struct export_options *options;
    struct mw_series_key key;
    struct mw_store *store;
    struct mw_candle *rows; /* owns BATCH_ROWS */
    struct mw_csv_format format;
    struct mw_text_writer *writer;
    struct mw_str text;
    uint64_t count;
};

/* Calls `each` with batches of the rows that were asked for, until it fails or is done. */
static mw_status each_batch(struct job *job,
                            mw_status (*each)(struct job *job, uint32_t count, bool *done,
                                              struct mw_error *err),
                            struct mw_error *err)
{
    int64_t from_ms = job->options->from_ms;
    uint32_t got = BATCH_ROWS;
    bool done = false;
    mw_status status = MW_OK;
    while (status == MW_OK && !done && got == BATCH_ROWS && !mw_signals_stopping()) {
        status = mw_store_read_rows(job->store,
                                    &(struct mw_store_query){.key = &job->key,
                                                             .from_ms = from_ms,
                                                             .until_ms = job->options->to_ms,
                                                             .count = BATCH_ROWS},
                                    job->rows, &got, err);
        if (status == MW_OK && got > 0) {
            from_ms = job->rows[got - 1].open_ms + 1;
            status = each(job, got, &done, err);
        }
    }
    return status;
}

/* Whether any row has a turnover or a number of trades: only then there are such columns. */
static mw_status look(struct job *job, uint32_t count, bool *done, struct mw_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        job->format.turnover |= !isnan(job->rows[i].turnover);
        job->format.trades |= job->rows[i].trades > 0;
    }
    *done = job->format.turnover && job->format.trades;
    return MW_OK;
}

static mw_status write_batch(struct job *job, uint32_t count, bool *done, struct mw_error *err)
{
    *done = false;
    for (uint32_t i = 0; i < count; i++)
        MW_CHECK(mw_csv_add_row(&job->text, &job->format, &job->rows[i]));
    mw_status status = mw_text_writer_write(job->writer, job->text.data, job->text.length, err);
    mw_str_clear(&job->text);
    job->count += count;
    return status;
}

static mw_status write_all(struct job *job, struct mw_error *err)
{
    const char *output = job->options->output;
    const char *dot = strrchr(output, '.');
    bool gzip = job->options->gzip || (dot != NULL && strcmp(dot, ".gz") == 0);
    job->format.time = job->options->time;
    mw_status status = each_batch(job, look, err);
    if (status == MW_OK)
        status = mw_text_writer_open(output, gzip, &job->writer, err);
    if (status != MW_OK)
        return status;
    MW_CHECK(mw_csv_add_header(&job->text, &job->format));
    status = each_batch(job, write_batch, err);
    if (status == MW_OK && job->text.length > 0) /* there was no row */
        status = mw_text_writer_write(job->writer, job->text.data, job->text.length, err);
    if (status == MW_OK && !mw_signals_stopping())
        status = mw_text_writer_finish(job->writer, err);
    return status;
}

static int run(struct job *job)
{
    struct mw_error err;
    int64_t start_ns = mw_clock_monotonic_ns();
    mw_status status = write_all(job, &err);
    mw_text_writer_close(job->writer);
    if (status == MW_ECLOSED) /* "| head" has what it wants */
        return MW_EXIT_OK;
    if (status != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (mw_signals_stopping())
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "interrupted");
    char series[MW_SERIES_TEXT_BYTES];
    double seconds = (double)(mw_clock_monotonic_ns() - start_ns) / 1e9;
    fprintf(stderr, "moonwick " NAME ": %s: %" PRIu64 " row%s in %.*f s: %.0f rows/s\n",
            mw_series_text(&job->key, series), job->count, mw_plural(job->count),
            mw_seconds_digits(seconds), seconds, (double)job->count / (seconds > 0 ? seconds : 1));
    return MW_EXIT_OK;
}

static int export_command(int argc, char **argv)
{
    struct export_options options = {.store = MW_HISTORY_STORE_DEFAULT,
                                     .output = "-",
                                     .from_ms = INT64_MIN,
                                     .to_ms = INT64_MAX,
                                     .time = MW_CSV_TIME_MS};
    struct job job = {.options = &options, .text = MW_STR_INIT(TEXT_BYTES)};
    struct mw_error err;
    int code;
    if (!mw_cli_parse(&export_option_set, argc, argv, &options, &code))
        return code;
    if (mw_series_choice_read(options.symbol, options.timeframe, &job.key, &err) != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_USAGE, "%s\ntry 'moonwick " NAME " --help'", err.message);
    if (options.from_ms > options.to_ms)
        return mw_cli_fail(NAME, MW_EXIT_USAGE, "--from is after --to");
    const struct mw_store_options store = {
        .path = options.store, .read_only = true, .must_exist = true};
    if (mw_store_open(&store, &job.store, &err) != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (mw_series_choice_find(job.store, options.feed, true, &job.key, &err) == MW_OK) {
        job.rows = mw_realloc_array(NULL, BATCH_ROWS, sizeof(*job.rows));
        mw_signals_catch(NULL, NULL);
        code = run(&job);
    } else {
        code = mw_cli_fail(NAME, MW_EXIT_FAILED, "%s: %s", options.store, err.message);
    }
    mw_store_close(job.store);
    mw_str_deinit(&job.text);
    mw_free(job.rows);
    return code;
}

const struct mw_command mw_command_history_export = {&export_option_set, export_command};
