/* history_verify.c - `moonwick history verify`: whether what is stored, or in a file, can be so. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/series_choice.h"
#include "cli/signals.h"

#define NAME "history verify"

enum { BATCH_ROWS = 16384 };

struct verify_options {
    struct mw_text_list files;
    const char *columns;
    struct mw_timeframe timeframe;
    mw_csv_time time;
    char delimiter;
    bool no_header, strict;
};

static const struct mw_option verify_option_list[] = {
    {NULL, "FILE...", "stores or CSV files (default " MW_HISTORY_STORE_DEFAULT ")",
     mw_option_read_each, offsetof(struct verify_options, files)},
    {"store", "FILE", "the same", mw_option_read_each, offsetof(struct verify_options, files)},
    {"strict", NULL, "holes, and bars that a file lacks, are wrong too", NULL,
     offsetof(struct verify_options, strict)},
    {"timeframe", "LENGTH", "of the bars in CSV files, which do not tell", mw_option_read_timeframe,
     offsetof(struct verify_options, timeframe)},
    {"columns", "LIST", "of CSV files, as for import", mw_option_read_text,
     offsetof(struct verify_options, columns)},
    {"no-header", NULL, "the first line is a row", NULL,
     offsetof(struct verify_options, no_header)},
    {"time", "WAY", "how times are written, as for import", mw_option_read_csv_time,
     offsetof(struct verify_options, time)},
    {"delimiter", "CHARACTER", "',', ';', '|' or tab (default: what the first line has)",
     mw_option_read_delimiter, offsetof(struct verify_options, delimiter)},
};

static const char *const verify_examples[] = {
    "moonwick history verify",
    "moonwick history verify btc.csv.gz --timeframe 1m --strict",
    NULL,
};

static const struct mw_option_set verify_option_set = {
    .name = NAME,
    .summary = "Check stores and CSV files: order, gaps, impossible candles",
    .options = verify_option_list,
    .option_count = MW_COUNT(verify_option_list),
    .examples = verify_examples,
};

/* What was found of one series. */
struct findings {
    uint64_t rows, quiet, holes, missing;
    int64_t first_ms, last_ms;
    struct mw_error wrong; /* status MW_OK when nothing is */
};

static void print_span(const struct findings *found)
{
    char first[MW_TIME_TEXT_BYTES], last[MW_TIME_TEXT_BYTES];
    printf("%s to %s, %" PRIu64 " row%s", mw_time_format(found->first_ms, first),
           mw_time_format(found->last_ms, last), found->rows, mw_plural(found->rows));
}

/* --- stores ----------------------------------------------------------------------------------- */

/* Where a row lies that is in a hole, too. */
static mw_status check_holes(const struct mw_series_key *key, const struct mw_gaps *holes,
                             const struct mw_candle *rows, uint32_t count, struct mw_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (mw_gaps_find(holes, rows[i].open_ms, rows[i].open_ms) != NULL) {
            char time[MW_TIME_TEXT_BYTES], name[MW_SERIES_TEXT_BYTES];
            return mw_fail(err, MW_EHISTORY, "%s: the bar of %s lies in a hole",
                           mw_series_text(key, name), mw_time_format(rows[i].open_ms, time));
        }
    }
    return MW_OK;
}

/* Reads all of a series; the store itself refuses rows that are no candles, off the grid or out of
 * order. Fills found->wrong. */
static void look_at_series(struct mw_store *store, const struct mw_store_series *series,
                           struct mw_candle *rows, struct findings *found)
{
    const struct mw_series_key *key = &series->key;
    struct mw_error *err = &found->wrong;
    struct mw_gaps holes = {0};
    uint32_t got = BATCH_ROWS;
    const struct mw_store_query whole = {.key = key, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
    mw_status status = mw_store_read_holes(store, &whole, &holes, err);
    for (int64_t from_ms = series->first_ms; status == MW_OK && got == BATCH_ROWS;) {
        status = mw_store_read_rows(
            store,
            &(struct mw_store_query){
                .key = key, .from_ms = from_ms, .until_ms = series->last_ms, .count = BATCH_ROWS},
            rows, &got, err);
        if (status != MW_OK || got == 0)
            break;
        status = check_holes(key, &holes, rows, got, err);
        from_ms = rows[got - 1].open_ms + 1;
        found->rows += got;
    }
    for (uint32_t i = 0; i < holes.count; i++)
        found->missing +=
            mw_timeframe_buckets(key->timeframe, holes.list[i].from_ms, holes.list[i].to_ms);
    found->holes = holes.count;
    uint64_t all = mw_timeframe_buckets(key->timeframe, series->first_ms, series->last_ms);
    found->quiet = all > found->rows + found->missing ? all - found->rows - found->missing : 0;
    mw_gaps_deinit(&holes);
}

static bool verify_series(const struct verify_options *options, struct mw_store *store,
                          const struct mw_store_series *series, struct mw_candle *rows)
{
    struct findings found = {.first_ms = series->first_ms, .last_ms = series->last_ms};
    char name[MW_SERIES_TEXT_BYTES];
    look_at_series(store, series, rows, &found);
    if (found.wrong.status != MW_OK) { /* not by somebody who wrote between two looks at it? */
        found = (struct findings){.first_ms = series->first_ms, .last_ms = series->last_ms};
        look_at_series(store, series, rows, &found);
    }
    printf("%s: ", mw_series_text(&series->key, name));
    if (found.wrong.status != MW_OK) {
        printf("WRONG: %s\n", found.wrong.message);
        return false;
    }
    print_span(&found);
    if (found.quiet > 0)
        printf(", %" PRIu64 " quiet", found.quiet);
    if (found.holes > 0)
        printf(", %" PRIu64 " hole%s with %" PRIu64 " missing", found.holes, mw_plural(found.holes),
               found.missing);
    bool good = !options->strict || found.holes == 0;
    printf(": %s\n", good ? "ok" : "WRONG: there are holes");
    return good;
}

static int verify_store(const struct verify_options *options, const char *path)
{
    const struct mw_store_options how = {.path = path, .read_only = true, .must_exist = true};
    struct mw_error err;
    struct mw_store *store;
    if (mw_store_open(&how, &store, &err) != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    struct mw_series_list list = {0};
    struct mw_candle *rows = mw_realloc_array(NULL, BATCH_ROWS, sizeof(*rows));
    bool good = true;
    mw_status status = mw_series_list_read(store, &list, &err);
    for (uint32_t i = 0; i < list.count && !mw_signals_stopping(); i++)
        good = verify_series(options, store, &list.items[i], rows) && good;
    if (status == MW_OK && !mw_signals_stopping())
        status = mw_store_check(store, &err);
    if (status == MW_OK && good)
        printf("%s: %u series: ok\n", path, list.count);
    mw_free(rows);
    mw_series_list_deinit(&list);
    mw_store_close(store);
    if (status != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    return good ? MW_EXIT_OK : MW_EXIT_FAILED;
}

/* --- files ------------------------------------------------------------------------------------ */

static void tell_bad(void *user, mw_csv_fault fault, const struct mw_error *err)
{
    uint64_t *count = user;
    (void)fault;
    if ((*count)++ < MW_CSV_BAD_SHOWN_MAX)
        mw_cli_fail(NAME, 0, "%s", err->message);
}

static int print_file(const struct verify_options *options, const char *path,
                      const struct mw_csv_table *table, uint64_t bad)
{
    struct findings found = {.rows = table->count};
    struct mw_timeframe timeframe = options->timeframe;
    for (size_t i = 0; i + 1 < table->count; i++) {
        int64_t from_ms = mw_timeframe_next(timeframe, table->rows[i].open_ms);
        if (from_ms == table->rows[i + 1].open_ms)
            continue;
        found.holes++;
        found.missing += mw_timeframe_buckets(timeframe, from_ms, table->rows[i + 1].open_ms) - 1;
    }
    printf("%s: ", path);
    if (table->count > 0) {
        found.first_ms = table->rows[0].open_ms;
        found.last_ms = table->rows[table->count - 1].open_ms;
        print_span(&found);
        printf(", times in %s", mw_csv_time_text(table->time));
    } else {
        printf("no rows");
    }
    if (found.holes > 0)
        printf(", %" PRIu64 " gap%s with %" PRIu64 " missing", found.holes, mw_plural(found.holes),
               found.missing);
    const char *before = ": WRONG: ";
    for (int i = 0; i < MW_CSV_FAULT_COUNT; i++) {
        if (table->bad[i] == 0)
            continue;
        printf("%s%" PRIu64 " %s", before, table->bad[i], mw_csv_fault_text((mw_csv_fault)i));
        before = ", ";
    }
    bool good = bad == 0 && table->count > 0 && !(options->strict && found.holes > 0);
    if (bad == 0)
        printf(": %s", good ? "ok" : found.holes > 0 ? "WRONG: there are gaps" : "WRONG: empty");
    printf("\n");
    return good ? MW_EXIT_OK : MW_EXIT_FAILED;
}

static int verify_file(const struct verify_options *options, const char *path)
{
    uint64_t bad = 0;
    const struct mw_csv_options csv = {
        .timeframe = options->timeframe,
        .columns = options->columns,
        .no_header = options->no_header,
        .delimiter = options->delimiter,
        .time = options->time,
        .now_ms = mw_clock_wall_ms(),
        .skip_bad = true,
        .on_bad = tell_bad,
        .user = &bad,
        .rows_max = MW_CSV_ROWS_MAX,
    };
    struct mw_csv_table table;
    struct mw_error err;
    if (mw_csv_read(path, &csv, &table, &err) != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    int code = print_file(options, path, &table, bad);
    mw_free(table.rows);
    return code;
}

/* --- the run ---------------------------------------------------------------------------------- */

static int verify_one(const struct verify_options *options, const char *path, bool is_default)
{
    if (is_default || mw_path_is_store(path))
        return verify_store(options, path);
    if (strcmp(path, "-") != 0 && access(path, R_OK) != 0)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s: %s", path, strerror(errno));
    if (options->timeframe.count == 0)
        return mw_cli_fail(NAME, MW_EXIT_USAGE,
                           "%s is no store; for a CSV file want --timeframe LENGTH, like 1m", path);
    return verify_file(options, path);
}

static int verify_command(int argc, char **argv)
{
    struct verify_options options = {0};
    int code;
    if (mw_cli_parse(&verify_option_set, argc, argv, &options, &code)) {
        mw_signals_catch(NULL, NULL);
        code = MW_EXIT_OK;
        if (options.files.count == 0)
            code = verify_one(&options, MW_HISTORY_STORE_DEFAULT, true);
        for (uint32_t i = 0; i < options.files.count && !mw_signals_stopping(); i++) {
            int one = verify_one(&options, options.files.items[i], false);
            code = one > code ? one : code;
        }
        if (mw_signals_stopping())
            code = mw_cli_fail(NAME, MW_EXIT_FAILED, "interrupted");
    }
    mw_text_list_deinit(&options.files);
    return code;
}

const struct mw_command mw_command_history_verify = {&verify_option_set, verify_command};
