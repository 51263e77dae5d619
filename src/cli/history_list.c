/* history_list.c - `moonwick history list`: what a store has, a line for each series. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/series_choice.h"

#define NAME "history list"

enum { LINE_BYTES_MAX = 4096 };

struct list_options {
    const char *store, *feed, *symbol;
    struct mw_timeframe timeframe;
    bool json;
};

static const struct mw_option list_option_list[] = {
    {NULL, "STORE", "the store (default " MW_HISTORY_STORE_DEFAULT ")", mw_option_read_text,
     offsetof(struct list_options, store)},
    {"store", "FILE", "the same", mw_option_read_text, offsetof(struct list_options, store)},
    {"feed", "NAME", "series of this feed alone", mw_option_read_text,
     offsetof(struct list_options, feed)},
    {"symbol", "SYMBOL", "series of this symbol alone", mw_option_read_text,
     offsetof(struct list_options, symbol)},
    {"timeframe", "LENGTH", "series of bars of this length alone", mw_option_read_timeframe,
     offsetof(struct list_options, timeframe)},
    {"json", NULL, "print one JSON object a line", NULL, offsetof(struct list_options, json)},
};

static const char *const list_examples[] = {
    "moonwick history list",
    "moonwick history list --json | jq 'select(.missing > 0)'",
    NULL,
};

static const struct mw_option_set list_option_set = {
    .name = NAME,
    .summary = "List the series of a store",
    .options = list_option_list,
    .option_count = MW_COUNT(list_option_list),
    .examples = list_examples,
};

static bool is_wanted(const struct list_options *options, const struct mw_series_key *key)
{
    return (options->feed == NULL || strcmp(options->feed, key->feed) == 0) &&
           (options->symbol == NULL || strcmp(options->symbol, key->symbol) == 0) &&
           (options->timeframe.count == 0 ||
            mw_timeframe_equal(options->timeframe, key->timeframe));
}

static void print_json(const struct mw_store_series *series, const struct mw_store_counts *counts)
{
    struct mw_str line = MW_STR_INIT(LINE_BYTES_MAX);
    mw_str_adds(&line, "{\"kind\":\"series\"");
    mw_json_add_key(&line, &series->key);
    mw_str_addf(&line,
                ",\"first_time\":%" PRId64 ",\"last_time\":%" PRId64 ",\"rows\":%" PRIu64
                ",\"holes\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"sources\":{",
                series->first_ms, series->last_ms, counts->rows, counts->holes, counts->missing);
    const char *comma = "";
    for (int i = 0; i < MW_SOURCE_COUNT; i++) {
        if (counts->by_source[i] == 0)
            continue;
        mw_str_addf(&line, "%s\"%s\":%" PRIu64, comma, mw_candle_source_text((uint8_t)i),
                    counts->by_source[i]);
        comma = ",";
    }
    mw_str_adds(&line, "}}\n");
    fputs(line.data, stdout);
    mw_str_deinit(&line);
}

static void print_text(const struct mw_store_series *series, const struct mw_store_counts *counts,
                       int width)
{
    char name[MW_SERIES_TEXT_BYTES], first[MW_TIME_TEXT_BYTES], last[MW_TIME_TEXT_BYTES];
    printf("%-*s  %s  %s  %10" PRIu64 " row%s", width, mw_series_text(&series->key, name),
           mw_time_format(series->first_ms, first), mw_time_format(series->last_ms, last),
           counts->rows, mw_plural(counts->rows));
    if (counts->holes > 0)
        printf(", %" PRIu64 " hole%s with %" PRIu64 " missing", counts->holes,
               mw_plural(counts->holes), counts->missing);
    printf("\n");
}

static void print_total(struct mw_store *store, uint64_t series, uint64_t rows)
{
    double bytes = (double)mw_store_bytes(store);
    bool is_large = bytes >= 1 << 20;
    printf("%" PRIu64 " series, %" PRIu64 " row%s, %.1f %s on disk\n", series, rows,
           mw_plural(rows), bytes / (is_large ? 1 << 20 : 1 << 10), is_large ? "MiB" : "KiB");
}

static mw_status print_list(const struct list_options *options, struct mw_store *store,
                            const struct mw_series_list *list, struct mw_error *err)
{
    uint64_t rows = 0, shown = 0;
    int width = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        char name[MW_SERIES_TEXT_BYTES];
        int length = (int)strlen(mw_series_text(&list->items[i].key, name));
        if (is_wanted(options, &list->items[i].key) && length > width)
            width = length;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct mw_store_series *series = &list->items[i];
        struct mw_store_counts counts;
        if (!is_wanted(options, &series->key))
            continue;
        mw_status status = mw_store_count(store, &series->key, &counts, err);
        if (status != MW_OK)
            return status;
        if (options->json)
            print_json(series, &counts);
        else
            print_text(series, &counts, width);
        rows += counts.rows;
        shown++;
    }
    if (options->json)
        printf("{\"kind\":\"store\",\"series\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
               "}\n",
               shown, rows, mw_store_bytes(store));
    else
        print_total(store, shown, rows);
    return MW_OK;
}

static int list_command(int argc, char **argv)
{
    struct list_options options = {.store = MW_HISTORY_STORE_DEFAULT};
    struct mw_error err;
    int code;
    if (!mw_cli_parse(&list_option_set, argc, argv, &options, &code))
        return code;
    const struct mw_store_options how = {
        .path = options.store, .read_only = true, .must_exist = true};
    struct mw_store *store = NULL;
    struct mw_series_list list = {0};
    mw_status status = mw_store_open(&how, &store, &err);
    if (status == MW_OK)
        status = mw_series_list_read(store, &list, &err);
    if (status == MW_OK)
        status = print_list(&options, store, &list, &err);
    mw_series_list_deinit(&list);
    mw_store_close(store);
    return status == MW_OK ? MW_EXIT_OK : mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
}

const struct mw_command mw_command_history_list = {&list_option_set, list_command};
