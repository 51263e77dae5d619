/* dataset.c - series from memory and from CSV files, and what is absent between their rows. */
#include "backtest/dataset_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "history/prices.h"

enum { KEY_TEXT_BYTES = MW_FEED_NAME_BYTES_MAX + MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 3 };

struct mw_dataset *mw_dataset_new(void)
{
    struct mw_dataset *dataset = mw_alloc_zero(sizeof(*dataset));
    atomic_init(&dataset->users, 1);
    return dataset;
}

void mw_dataset_cut(struct mw_dataset *dataset, uint32_t count)
{
    while (dataset->count > count) {
        struct mw_dataset_series *series = &dataset->series[--dataset->count];
        mw_free(series->rows);
        mw_free(series->holes);
    }
}

struct mw_dataset *mw_dataset_ref(struct mw_dataset *dataset)
{
    atomic_fetch_add_explicit(&dataset->users, 1, memory_order_relaxed);
    return dataset;
}

void mw_dataset_unref(struct mw_dataset *dataset)
{
    if (dataset == NULL || atomic_fetch_sub_explicit(&dataset->users, 1, memory_order_acq_rel) > 1)
        return;
    mw_dataset_cut(dataset, 0);
    mw_free(dataset->series);
    mw_free(dataset);
}

uint32_t mw_dataset_count(const struct mw_dataset *dataset)
{
    return dataset->count;
}

const struct mw_dataset_series *mw_dataset_series(const struct mw_dataset *dataset, uint32_t index)
{
    MW_CHECK(index < dataset->count);
    return &dataset->series[index];
}

/* --- adding ----------------------------------------------------------------------------------- */

/* "binance:BTCUSDT 1m" */
static const char *name_of(const struct mw_series_key *key, char text[KEY_TEXT_BYTES])
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    snprintf(text, KEY_TEXT_BYTES, "%s%s%s %s", key->feed, key->feed[0] != '\0' ? ":" : "",
             key->symbol, mw_timeframe_format(key->timeframe, timeframe));
    return text;
}

static mw_status check_series(const struct mw_dataset *dataset, const struct mw_series_key *key,
                              size_t count, struct mw_error *err)
{
    char name[KEY_TEXT_BYTES];
    name_of(key, name);
    if (key->symbol[0] == '\0')
        return mw_fail(err, MW_EINVAL, "a series needs a symbol");
    if (count > MW_DATASET_ROWS_MAX)
        return mw_fail(err, MW_ELIMIT, "%s: more than %d rows", name, MW_DATASET_ROWS_MAX);
    for (uint32_t i = 0; i < dataset->count; i++) {
        const struct mw_series_key *known = &dataset->series[i].key;
        if (strcmp(known->feed, key->feed) == 0 && strcmp(known->symbol, key->symbol) == 0 &&
            mw_timeframe_equal(known->timeframe, key->timeframe))
            return mw_fail(err, MW_EINVAL, "%s is there twice", name);
    }
    if (dataset->count == MW_DATASET_SERIES_MAX)
        return mw_fail(err, MW_ELIMIT, "%s: more than %d series", name, MW_DATASET_SERIES_MAX);
    return MW_OK;
}

/* Counts the buckets without a row, and with `holes` (may be NULL) lists them. */
static void find_absent(struct mw_dataset_series *series, struct mw_gaps *holes)
{
    struct mw_timeframe timeframe = series->key.timeframe;
    for (uint32_t i = 1; i < series->count; i++) {
        int64_t from_ms = mw_timeframe_next(timeframe, series->rows[i - 1].open_ms);
        int64_t open_ms = series->rows[i].open_ms;
        if (from_ms == open_ms)
            continue;
        int64_t to_ms = mw_timeframe_floor(timeframe, open_ms - 1);
        series->absent_count++;
        series->absent += mw_timeframe_buckets(timeframe, from_ms, to_ms);
        if (holes != NULL)
            mw_gaps_add(holes, timeframe, from_ms, to_ms);
    }
}

mw_status mw_dataset_add_known(struct mw_dataset *dataset, const struct mw_series_key *key,
                               struct mw_candle *rows, size_t count, struct mw_gaps *holes,
                               struct mw_error *err)
{
    mw_status status = check_series(dataset, key, count, err);
    if (status == MW_OK)
        status = mw_prices_check_rows(key, rows, count, err);
    if (status != MW_OK) {
        mw_free(rows);
        mw_gaps_deinit(holes);
        return status;
    }
    dataset->series =
        mw_realloc_array(dataset->series, dataset->count + 1, sizeof(*dataset->series));
    struct mw_dataset_series *series = &dataset->series[dataset->count++];
    *series = (struct mw_dataset_series){.key = *key, .rows = rows, .count = (uint32_t)count};
    find_absent(series, NULL);
    series->holes = holes->list;
    series->hole_count = holes->count;
    for (uint32_t i = 0; i < series->hole_count; i++)
        series->holes[i].given_up = true;
    return MW_OK;
}

mw_status mw_dataset_add(struct mw_dataset *dataset, const struct mw_series_key *key,
                         struct mw_candle *rows, size_t count, bool with_holes,
                         struct mw_error *err)
{
    struct mw_gaps holes = {.list = NULL};
    mw_status status = mw_dataset_add_known(dataset, key, rows, count, &holes, err);
    if (status != MW_OK || !with_holes)
        return status;
    struct mw_dataset_series *series = &dataset->series[dataset->count - 1];
    series->absent_count = 0;
    series->absent = 0;
    find_absent(series, &holes);
    mw_gaps_give_up(&holes, key->timeframe, series->rows[0].open_ms,
                    series->rows[series->count - 1].open_ms);
    series->holes = holes.list;
    series->hole_count = holes.count;
    return MW_OK;
}

/* --- CSV -------------------------------------------------------------------------------------- */

static bool fits(struct mw_timeframe timeframe, const struct mw_candle *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mw_timeframe_floor(timeframe, rows[i].open_ms) != rows[i].open_ms)
            return false;
    return true;
}

/* Weeks that do not begin on Mondays are steps of seven days. */
static mw_status find_timeframe(const char *path, const struct mw_candle *rows, size_t count,
                                struct mw_timeframe *timeframe, struct mw_error *err)
{
    int64_t least_ms = INT64_MAX;
    if (count < 2)
        return mw_fail(err, MW_EHISTORY, "%s: too few rows to tell their timeframe: name it", path);
    for (size_t i = 1; i < count; i++) {
        int64_t apart_ms = rows[i].open_ms - rows[i - 1].open_ms;
        least_ms = apart_ms < least_ms ? apart_ms : least_ms;
    }
    if (!mw_timeframe_from_distance(least_ms, timeframe))
        return mw_fail(err, MW_EHISTORY, "%s: rows are %" PRId64 " ms apart, which is no timeframe",
                       path, least_ms);
    if (timeframe->unit == 'w' && !fits(*timeframe, rows, count))
        *timeframe = (struct mw_timeframe){.count = 7, .unit = 'd'};
    return MW_OK;
}

mw_status mw_dataset_add_csv(struct mw_dataset *dataset, const char *path,
                             const struct mw_csv_options *options, const struct mw_series_key *key,
                             bool with_holes, struct mw_error *err)
{
    struct mw_csv_options csv = *options;
    struct mw_series_key full = *key;
    struct mw_csv_table table;
    csv.timeframe = key->timeframe;
    csv.source = MW_SOURCE_CONTEXT;
    if (csv.rows_max == 0 || csv.rows_max > MW_DATASET_ROWS_MAX)
        csv.rows_max = MW_DATASET_ROWS_MAX;
    mw_status status = mw_csv_read(path, &csv, &table, err);
    if (status != MW_OK)
        return status;
    if (table.count == 0)
        status = mw_fail(err, MW_EHISTORY, "%s: no rows", path);
    if (status == MW_OK && full.timeframe.count == 0)
        status = find_timeframe(path, table.rows, table.count, &full.timeframe, err);
    if (status != MW_OK) {
        mw_free(table.rows);
        return status;
    }
    status = mw_dataset_add(dataset, &full, table.rows, table.count, with_holes, err);
    return status == MW_OK ? MW_OK : mw_fail_within(err, status, "%s", path);
}
