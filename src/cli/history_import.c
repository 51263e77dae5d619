/* history_import.c - `moonwick history import`: candles from CSV files into a store. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/series_choice.h"
#include "cli/signals.h"

#define NAME "history import"

struct import_options {
    struct mw_text_list files;
    const char *store, *feed, *symbol, *columns;
    struct mw_timeframe timeframe;
    mw_csv_time time;
    char delimiter;
    bool no_header, skip_bad, replace, whole;
};

static const struct mw_option import_option_list[] = {
    {NULL, "FILE...", "CSV, gzipped or not, oldest or newest row first; - is standard input",
     mw_option_read_each, offsetof(struct import_options, files)},
    {"store", "FILE", "the store; made if it is not there (default " MW_HISTORY_STORE_DEFAULT ")",
     mw_option_read_text, offsetof(struct import_options, store)},
    {"symbol", "SYMBOL", "what is traded", mw_option_read_text,
     offsetof(struct import_options, symbol)},
    {"timeframe", "LENGTH", "of a bar: 1m, 1h, 1d", mw_option_read_timeframe,
     offsetof(struct import_options, timeframe)},
    {"feed", "NAME",
     "the feed's name in the configuration, under which get_price finds the bars\n"
     "                        (default: the only one that the store has)",
     mw_option_read_text, offsetof(struct import_options, feed)},
    {"columns", "LIST",
     "by position: time,open,high,low,close,volume,turnover,trades, - to ignore\n"
     "                        one (default: by their names in the header; Binance's need none)",
     mw_option_read_text, offsetof(struct import_options, columns)},
    {"no-header", NULL, "the first line is a row", NULL,
     offsetof(struct import_options, no_header)},
    {"time", "WAY", "how times are written: ms, s, us, ns, iso (default auto, by the first row)",
     mw_option_read_csv_time, offsetof(struct import_options, time)},
    {"delimiter", "CHARACTER", "',', ';', '|' or tab (default: what the first line has)",
     mw_option_read_delimiter, offsetof(struct import_options, delimiter)},
    {"skip-bad", NULL, "leave bad rows out and count them (default: nothing is imported)", NULL,
     offsetof(struct import_options, skip_bad)},
    {"replace", NULL, "bars that are there give way (default: they are kept)", NULL,
     offsetof(struct import_options, replace)},
    {"whole", NULL, "in bars that a file lacks nothing was traded (default: they are holes)", NULL,
     offsetof(struct import_options, whole)},
};

static const char *const import_examples[] = {
    "moonwick history import btc.csv --symbol BTCUSDT --timeframe 1m --feed demo",
    "moonwick history import BTCUSDT-1m-2024-*.csv --symbol BTCUSDT --timeframe 1m --feed binance",
    "unzip -p BTCUSDT-1m-2024-01.zip | moonwick history import - --symbol BTCUSDT \\\n"
    "      --timeframe 1m --feed binance",
    "moonwick history import btc.txt --delimiter ';' --no-header \\\n"
    "      --columns time,open,high,low,close,-,volume --symbol BTCUSDT --timeframe 1h",
    NULL,
};

static const struct mw_option_set import_option_set = {
    .name = NAME,
    .summary = "Bring candles from CSV files into a store",
    .options = import_option_list,
    .option_count = MW_COUNT(import_option_list),
    .examples = import_examples,
};

/* An import while it runs. */
struct import {
    const struct import_options *options;
    struct mw_series_key key;
    struct mw_store *store;
    int64_t now_ms;
    double parse_s;
    uint64_t rows; /* read */
    uint64_t bad[MW_CSV_FAULT_COUNT], bad_count;
    uint64_t forming;        /* left out: their bars have not ended */
    uint64_t holes, missing; /* of the series, when all is written */
    struct mw_stored stored;
};

static double seconds_since(int64_t start_ns)
{
    return (double)(mw_clock_monotonic_ns() - start_ns) / 1e9;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void tell_bad(void *user, mw_csv_fault fault, const struct mw_error *err)
{
    struct import *import = user;
    (void)fault;
    if (import->bad_count++ < MW_CSV_BAD_SHOWN_MAX)
        mw_cli_fail(NAME, 0, "left out: %s", err->message);
}

/* The newest bar of a file that was made just now may still form. */
static void drop_forming(struct import *import, struct mw_csv_table *table)
{
    while (table->count > 0 &&
           mw_timeframe_next(import->key.timeframe, table->rows[table->count - 1].open_ms) >
               import->now_ms) {
        table->count--;
        import->forming++;
    }
}

/* Reads one file; `quiet` when it was read before. */
static mw_status read_table(struct import *import, const char *file, bool quiet,
                            struct mw_csv_table *table, struct mw_error *err)
{
    const struct import_options *options = import->options;
    const struct mw_csv_options csv = {
        .timeframe = import->key.timeframe,
        .columns = options->columns,
        .no_header = options->no_header,
        .delimiter = options->delimiter,
        .time = options->time,
        .now_ms = import->now_ms,
        .source = MW_SOURCE_IMPORT,
        .skip_bad = options->skip_bad,
        .on_bad = quiet ? NULL : tell_bad,
        .user = import,
        .rows_max = MW_CSV_ROWS_MAX,
    };
    int64_t start_ns = mw_clock_monotonic_ns();
    mw_status status = mw_csv_read(file, &csv, table, err);
    import->parse_s += seconds_since(start_ns);
    if (status != MW_OK)
        return status;
    if (!quiet)
        for (int i = 0; i < MW_CSV_FAULT_COUNT; i++)
            import->bad[i] += table->bad[i];
    if (table->count > 0)
        return MW_OK;
    mw_free(table->rows);
    return mw_fail(err, MW_EHISTORY, "%s: there is no row in it", file);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Adds what of from_ms..to_ms nobody knows: what lies outside of what the store knows, and its
 * holes. The rest is known to be quiet, or has bars. */
static mw_status add_unknown(struct import *import, const struct mw_store_series *known,
                             int64_t from_ms, int64_t to_ms, struct mw_gaps *gaps,
                             struct mw_error *err)
{
    struct mw_timeframe timeframe = import->key.timeframe;
    int64_t before_ms = mw_timeframe_floor(timeframe, known->first_ms - 1);
    int64_t after_ms = mw_timeframe_next(timeframe, known->last_ms);
    if (from_ms < known->first_ms)
        mw_gaps_add(gaps, timeframe, from_ms, to_ms < before_ms ? to_ms : before_ms);
    if (to_ms > known->last_ms)
        mw_gaps_add(gaps, timeframe, from_ms > after_ms ? from_ms : after_ms, to_ms);
    struct mw_gaps holes = {0};
    const struct mw_store_query query = {
        .key = &import->key, .from_ms = from_ms, .until_ms = to_ms};
    mw_status status = mw_store_read_holes(import->store, &query, &holes, err);
    for (uint32_t i = 0; i < holes.count; i++) {
        const struct mw_gap *hole = &holes.list[i];
        int64_t first_ms = hole->from_ms > from_ms ? hole->from_ms : from_ms;
        int64_t last_ms = hole->to_ms < to_ms ? hole->to_ms : to_ms;
        mw_gaps_add(gaps, timeframe, first_ms, last_ms);
        if (hole->given_up)
            mw_gaps_give_up(gaps, timeframe, first_ms, last_ms);
    }
    mw_gaps_deinit(&holes);
    return status;
}

/* Finds the holes among `count` rows and up to part->to_ms. */
static mw_status find_holes(struct import *import, const struct mw_store_part *part,
                            struct mw_gaps *gaps, struct mw_error *err)
{
    struct mw_timeframe timeframe = import->key.timeframe;
    struct mw_store_series known;
    bool found;
    mw_status status = mw_store_find(import->store, &import->key, &known, &found, err);
    for (uint32_t i = 0; i < part->row_count && status == MW_OK; i++) {
        bool is_last = i + 1 == part->row_count;
        int64_t from_ms = mw_timeframe_next(timeframe, part->rows[i].open_ms);
        int64_t to_ms = is_last ? part->to_ms : part->rows[i + 1].open_ms;
        if (from_ms == to_ms && !is_last)
            continue;
        if (!is_last)
            to_ms = mw_timeframe_floor(timeframe, to_ms - 1);
        if (from_ms > to_ms)
            continue;
        if (found)
            status = add_unknown(import, &known, from_ms, to_ms, gaps, err);
        else
            mw_gaps_add(gaps, timeframe, from_ms, to_ms);
    }
    return status;
}

/* Writes rows at..at+count-1 of a table, and what is known up to the row after them. */
static mw_status write_batch(struct import *import, const struct mw_csv_table *table, size_t at,
                             uint32_t count, struct mw_error *err)
{
    const struct mw_candle *rows = &table->rows[at];
    bool is_last = at + count == table->count;
    struct mw_timeframe timeframe = import->key.timeframe;
    struct mw_store_part part = {
        .key = &import->key,
        .from_ms = rows[0].open_ms,
        .to_ms = is_last ? rows[count - 1].open_ms
                         : mw_timeframe_floor(timeframe, rows[count].open_ms - 1),
        .rows = rows,
        .row_count = count,
        .keep = !import->options->replace,
    };
    struct mw_gaps gaps = {0};
    struct mw_stored stored;
    mw_status status = import->options->whole ? MW_OK : find_holes(import, &part, &gaps, err);
    part.holes = gaps.list;
    part.hole_count = gaps.count;
    if (status == MW_OK)
        status = mw_store_write(import->store, &part, 1, &stored, err);
    if (status == MW_OK) {
        import->rows += count;
        import->stored.rows += stored.rows;
        import->stored.replaced += stored.replaced;
        import->stored.differing += stored.differing;
    }
    mw_gaps_deinit(&gaps);
    return status;
}

static mw_status write_table(struct import *import, const struct mw_csv_table *table,
                             struct mw_error *err)
{
    mw_status status = MW_OK;
    for (size_t at = 0; at < table->count && status == MW_OK && !mw_signals_stopping();) {
        size_t left = table->count - at;
        uint32_t count = left < MW_STORE_ROWS_MAX ? (uint32_t)left : MW_STORE_ROWS_MAX;
        status = write_batch(import, table, at, count, err);
        at += count;
    }
    return status;
}

/* What is missing now: in the files, between them, and in what was there. */
static mw_status count_holes(struct import *import, struct mw_error *err)
{
    const struct mw_store_query query = {
        .key = &import->key, .from_ms = MW_CANDLE_OPEN_MS_MIN, .until_ms = INT64_MAX};
    struct mw_gaps holes = {0};
    mw_status status = mw_store_read_holes(import->store, &query, &holes, err);
    import->holes = holes.count;
    for (uint32_t i = 0; i < holes.count; i++)
        import->missing +=
            mw_timeframe_buckets(import->key.timeframe, holes.list[i].from_ms, holes.list[i].to_ms);
    mw_gaps_deinit(&holes);
    return status;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* Nothing is written before all files were found good. One file is read once and kept; several are
 * read twice, so that no more than one of them is in memory. */
static mw_status check_files(struct import *import, struct mw_csv_table *only, struct mw_error *err)
{
    const struct mw_text_list *files = &import->options->files;
    for (uint32_t i = 0; i < files->count && !mw_signals_stopping(); i++) {
        struct mw_csv_table table;
        mw_status status = read_table(import, files->items[i], false, &table, err);
        if (status != MW_OK)
            return status;
        if (files->count == 1)
            *only = table;
        else
            mw_free(table.rows);
    }
    return MW_OK;
}

static mw_status write_files(struct import *import, struct mw_csv_table *only, struct mw_error *err)
{
    const struct mw_text_list *files = &import->options->files;
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < files->count && status == MW_OK && !mw_signals_stopping(); i++) {
        struct mw_csv_table table = {0};
        if (files->count == 1)
            table = *only;
        else
            status = read_table(import, files->items[i], true, &table, err);
        if (status != MW_OK)
            break;
        drop_forming(import, &table);
        status = write_table(import, &table, err);
        mw_free(table.rows);
        only->rows = NULL;
    }
    mw_free(only->rows);
    return status;
}

static void print_bad(const struct import *import)
{
    if (import->bad_count == 0)
        return;
    printf("  %" PRIu64 " bad row%s left out:", import->bad_count, mw_plural(import->bad_count));
    const char *comma = "";
    for (int i = 0; i < MW_CSV_FAULT_COUNT; i++) {
        if (import->bad[i] == 0)
            continue;
        printf("%s %" PRIu64 " %s", comma, import->bad[i], mw_csv_fault_text((mw_csv_fault)i));
        comma = ",";
    }
    printf("\n");
}

static void print_result(const struct import *import, double seconds)
{
    char series[MW_SERIES_TEXT_BYTES];
    const struct mw_stored *stored = &import->stored;
    printf("%s: %" PRIu64 " row%s in %.*f s: %.0f rows/s (parsing %.*f s)\n",
           mw_series_text(&import->key, series), import->rows, mw_plural(import->rows),
           mw_seconds_digits(seconds), seconds, (double)import->rows / (seconds > 0 ? seconds : 1),
           mw_seconds_digits(import->parse_s), import->parse_s);
    printf("  %" PRIu64 " new, %" PRIu64 " were there", stored->rows, import->rows - stored->rows);
    if (stored->replaced > 0)
        printf(", %" PRIu64 " replaced", stored->replaced);
    if (stored->differing > 0)
        printf(", %" PRIu64 " with other values, which were kept (--replace takes these)",
               stored->differing);
    printf("\n");
    if (import->holes > 0)
        printf("  %" PRIu64 " hole%s, %" PRIu64 " bar%s missing in the series now%s\n",
               import->holes, mw_plural(import->holes), import->missing, mw_plural(import->missing),
               import->options->whole ? "" : " (--whole: what a file lacks is quiet)");
    if (import->forming > 0)
        printf("  %" PRIu64 " row%s left out: the bar has not ended\n", import->forming,
               mw_plural(import->forming));
    print_bad(import);
}

static int run(struct import *import)
{
    struct mw_error err;
    int64_t start_ns = mw_clock_monotonic_ns();
    struct mw_csv_table only = {0};
    mw_status status = check_files(import, &only, &err);
    if (status != MW_OK)
        return mw_cli_fail(NAME, status == MW_EINVAL ? MW_EXIT_USAGE : MW_EXIT_FAILED,
                           "%s\nnothing was imported", err.message);
    const struct mw_store_options options = {.path = import->options->store};
    if (import->store == NULL && mw_store_open(&options, &import->store, &err) != MW_OK) {
        mw_free(only.rows);
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    }
    status = write_files(import, &only, &err);
    if (status == MW_OK)
        status = count_holes(import, &err);
    if (status != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED,
                           "%s\n%" PRIu64 " rows were imported; the same command imports the rest",
                           err.message, import->rows);
    print_result(import, seconds_since(start_ns));
    if (mw_signals_stopping())
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "interrupted; the same command imports the rest");
    return MW_EXIT_OK;
}

/* The feed that is meant; the store is opened for that alone if none was told. */
static mw_status choose(struct import *import, struct mw_error *err)
{
    const struct import_options *options = import->options;
    mw_status status =
        mw_series_choice_read(options->symbol, options->timeframe, &import->key, err);
    if (status != MW_OK)
        return status;
    const struct mw_store_options store = {
        .path = options->store, .read_only = true, .must_exist = true};
    struct mw_store *look = NULL;
    if (options->feed == NULL && mw_store_open(&store, &look, NULL) != MW_OK)
        look = NULL; /* there is none yet, and no feed in it */
    status = mw_series_choice_find(look, options->feed, false, &import->key, err);
    mw_store_close(look);
    return status;
}

static mw_status check_options(const struct import_options *options, struct mw_error *err)
{
    if (options->files.count == 0)
        return mw_fail(err, MW_EINVAL, "want a file to import");
    for (uint32_t i = 0; i < options->files.count && options->files.count > 1; i++)
        if (strcmp(options->files.items[i], "-") == 0)
            return mw_fail(err, MW_EINVAL, "standard input is read alone");
    return MW_OK;
}

static int import_command(int argc, char **argv)
{
    struct import_options options = {.store = MW_HISTORY_STORE_DEFAULT};
    struct import import = {.options = &options, .now_ms = mw_clock_wall_ms()};
    struct mw_error err;
    int code;
    if (mw_cli_parse(&import_option_set, argc, argv, &options, &code)) {
        mw_signals_catch(NULL, NULL);
        if (check_options(&options, &err) == MW_OK && choose(&import, &err) == MW_OK)
            code = run(&import);
        else
            code =
                mw_cli_fail(NAME, MW_EXIT_USAGE, "%s\ntry 'moonwick " NAME " --help'", err.message);
    }
    mw_store_close(import.store);
    mw_text_list_deinit(&options.files);
    return code;
}

const struct mw_command mw_command_history_import = {&import_option_set, import_command};
