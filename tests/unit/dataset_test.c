/* dataset_test.c - candles for back-tests: from memory, from CSV files, from stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backtest/dataset.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "history/store.h"
#include "store_file.h"

static const int64_t begin_ms = 1577836800000; /* 2020-01-01, a Wednesday */
static const struct mw_series_key minutes = {"demo", "BTC", {1, 'm'}};

static int64_t ms_of(int64_t at)
{
    return begin_ms + at * MW_MS_PER_MINUTE;
}

static struct mw_candle bar(int64_t at)
{
    return (struct mw_candle){.open_ms = ms_of(at),
                              .open = 1,
                              .high = 1,
                              .low = 1,
                              .close = 1,
                              .volume = 1,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

/* Adds minutes, one for each 'x' of `pattern`. */
static mw_status add(struct mw_dataset *dataset, const struct mw_series_key *key,
                     const char *pattern, bool holes, struct mw_error *err)
{
    struct mw_candle *rows = mw_alloc((strlen(pattern) + 1) * sizeof(*rows));
    size_t count = 0;
    for (size_t i = 0; pattern[i] != '\0'; i++)
        if (pattern[i] == 'x')
            rows[count++] = bar((int64_t)i);
    return mw_dataset_add(dataset, key, rows, count, holes, err);
}

static void expect_hole(const struct mw_dataset_series *series, uint32_t index, int64_t from,
                        int64_t to)
{
    assert_true(index < series->hole_count);
    assert_int_equal(series->holes[index].from_ms, ms_of(from));
    assert_int_equal(series->holes[index].to_ms, ms_of(to));
    assert_true(series->holes[index].given_up);
}

static void what_is_absent_was_quiet_or_is_a_hole(void **state)
{
    (void)state;
    struct mw_dataset *dataset = mw_dataset_new();
    const struct mw_series_key other = {"", "ETH", {1, 'm'}};
    assert_int_equal(add(dataset, &minutes, "xx..x.xx", false, NULL), MW_OK);
    assert_int_equal(add(dataset, &other, "xx..x.xx", true, NULL), MW_OK);
    assert_int_equal(mw_dataset_count(dataset), 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct mw_dataset_series *series = mw_dataset_series(dataset, i);
        assert_int_equal(series->count, 5);
        assert_int_equal(series->absent_count, 2);
        assert_int_equal(series->absent, 3);
        assert_int_equal(series->hole_count, i == 0 ? 0 : 2);
        assert_int_equal(series->rows[0].source, MW_SOURCE_CONTEXT);
    }
    expect_hole(mw_dataset_series(dataset, 1), 0, 2, 3);
    expect_hole(mw_dataset_series(dataset, 1), 1, 5, 5);
    mw_dataset_unref(mw_dataset_ref(dataset));
    assert_int_equal(mw_dataset_count(dataset), 2);
    mw_dataset_unref(dataset);
}

static void refuses_rows_that_are_no_series(void **state)
{
    (void)state;
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    assert_int_equal(add(dataset, &minutes, "", false, &err), MW_EHISTORY);
    struct mw_candle *rows = mw_alloc(3 * sizeof(*rows));
    for (int i = 0; i < 3; i++)
        rows[i] = bar(2 - i);
    assert_int_equal(mw_dataset_add(dataset, &minutes, rows, 3, true, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "candle 2 is not later"));
    rows = mw_alloc(3 * sizeof(*rows));
    for (int i = 0; i < 3; i++)
        rows[i] = bar(i);
    rows[2].low = 2;
    assert_int_equal(mw_dataset_add(dataset, &minutes, rows, 3, true, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "candle 3 is none"));
    const struct mw_series_key nameless = {"", "", {1, 'm'}};
    assert_int_equal(add(dataset, &nameless, "x", false, &err), MW_EINVAL);
    assert_int_equal(mw_dataset_count(dataset), 0);
    assert_int_equal(add(dataset, &minutes, "x", false, &err), MW_OK);
    assert_int_equal(add(dataset, &minutes, "x", false, &err), MW_EINVAL);
    assert_string_equal(err.message, "demo:BTC 1m is there twice");
    mw_dataset_unref(dataset);
}

static void has_so_many_series_and_rows_and_no_more(void **state)
{
    (void)state;
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    struct mw_series_key key = minutes;
    for (int i = 0; i < MW_DATASET_SERIES_MAX; i++) {
        snprintf(key.symbol, sizeof(key.symbol), "S%d", i);
        assert_int_equal(add(dataset, &key, "x", false, NULL), MW_OK);
    }
    assert_int_equal(add(dataset, &minutes, "x", false, &err), MW_ELIMIT);
    assert_int_equal(mw_dataset_count(dataset), MW_DATASET_SERIES_MAX);
    mw_dataset_unref(dataset);

    dataset = mw_dataset_new(); /* what is too much is not looked at */
    struct mw_candle *rows = mw_alloc(sizeof(*rows));
    assert_int_equal(
        mw_dataset_add(dataset, &minutes, rows, (size_t)MW_DATASET_ROWS_MAX + 1, false, &err),
        MW_ELIMIT);
    mw_dataset_unref(dataset);
}

/* --- files ------------------------------------------------------------------------------------ */

static mw_status add_text(struct mw_dataset *dataset, const char *text,
                          const struct mw_series_key *key, bool holes, struct mw_error *err)
{
    char path[] = "/tmp/mw_dataset_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    const struct mw_csv_options csv = {.rows_max = MW_DATASET_ROWS_MAX};
    mw_status status = mw_dataset_add_csv(dataset, path, &csv, key, holes, err);
    unlink(path);
    return status;
}

static void a_file_tells_its_timeframe_by_its_rows(void **state)
{
    (void)state;
    static const struct {
        const char *times[4];
        const char *timeframe;
    } files[] = {
        {{"2020-01-01T00:00:00Z", "2020-01-01T00:03:00Z", "2020-01-01T00:04:00Z"}, "1m"},
        {{"2020-01-01", "2020-01-02", "2020-01-05"}, "1d"},
        {{"2020-01-06", "2020-01-13", "2020-01-27"}, "1w"}, /* Mondays */
        {{"2020-01-02", "2020-01-09", "2020-01-16"}, "7d"}, /* Thursdays, as 1970-01-01 */
        {{"2020-01-01", "2020-02-01", "2020-03-01"}, "1M"},
        {{"2020-01-01T00:00:00Z", "2020-01-01T04:00:00Z"}, "4h"},
    };
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        char text[512] = "time,open,high,low,close,volume\n", timeframe[MW_TIMEFRAME_BYTES_MAX];
        size_t length = strlen(text);
        for (int j = 0; j < 4 && files[i].times[j] != NULL; j++)
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s,1,1,1,1,1\n",
                                       files[i].times[j]);
        struct mw_error err;
        struct mw_dataset *dataset = mw_dataset_new();
        const struct mw_series_key key = {.symbol = "BTC"};
        if (add_text(dataset, text, &key, false, &err) != MW_OK)
            fail_msg("%s: %s", files[i].timeframe, err.message);
        const struct mw_dataset_series *series = mw_dataset_series(dataset, 0);
        assert_string_equal(mw_timeframe_format(series->key.timeframe, timeframe),
                            files[i].timeframe);
        mw_dataset_unref(dataset);
    }
}

static void a_file_is_refused_with_its_name(void **state)
{
    (void)state;
    static const char header[] = "time,open,high,low,close,volume\n";
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    const struct mw_series_key key = {.symbol = "BTC"}, hours = {"", "BTC", {1, 'h'}};
    char text[256];
    assert_int_equal(add_text(dataset, header, &key, false, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "/tmp/mw_dataset_"));
    snprintf(text, sizeof(text), "%s2020-01-01T00:00:00Z,1,1,1,1,1\n", header);
    assert_int_equal(add_text(dataset, text, &key, false, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "too few rows to tell their timeframe"));
    assert_int_equal(add_text(dataset, text, &hours, false, &err), MW_OK);
    assert_int_equal(add_text(dataset, text, &hours, false, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "BTC 1h is there twice"));
    snprintf(text, sizeof(text),
             "%s2020-01-01T00:00:00.5Z,1,1,1,1,1\n2020-01-01T00:00:01Z,1,1,1,1,1\n", header);
    assert_int_equal(add_text(dataset, text, &key, false, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "500 ms apart"));
    snprintf(text, sizeof(text),
             "%s2020-01-01T00:00:00Z,1,1,1,1,1\n2020-01-01T00:30:00Z,1,1,1,1,1\n", header);
    assert_int_equal(add_text(dataset, text, &hours, false, &err), MW_EHISTORY);
    assert_int_equal(mw_dataset_count(dataset), 1);
    mw_dataset_unref(dataset);
}

/* --- stores ----------------------------------------------------------------------------------- */

/* Rows of 0..9 but 3 and 6; a hole at 2..3 that a row is in, another at 8..9. */
static void fill(const char *path)
{
    struct mw_store *store = store_file_open(path);
    struct mw_candle rows[10];
    uint32_t count = 0;
    for (int i = 0; i < 10; i++)
        if (i != 3 && i != 6)
            rows[count++] = bar(i);
    rows[2].closed_by = MW_CLOSED_BY_SUCCESSOR; /* in doubt; what is at 8 and 9 is not */
    const struct mw_gap holes[] = {{ms_of(2), ms_of(3), false}, {ms_of(8), ms_of(9), true}};
    const struct mw_series_key hours = {"demo", "BTC", {1, 'h'}};
    const struct mw_candle hour = bar(0);
    const struct mw_store_part parts[] = {
        {.key = &minutes,
         .from_ms = ms_of(0),
         .to_ms = ms_of(9),
         .rows = rows,
         .row_count = count,
         .holes = holes,
         .hole_count = 2},
        {.key = &hours, .from_ms = ms_of(0), .to_ms = ms_of(0), .rows = &hour, .row_count = 1}};
    struct mw_error err;
    if (mw_store_write(store, parts, 2, NULL, &err) != MW_OK)
        fail_msg("%s", err.message);
    mw_store_close(store);
}

static void a_store_gives_rows_and_the_holes_that_it_knows(void **state)
{
    const char *path = *state;
    fill(path);
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    struct mw_dataset_choice choice = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    if (mw_dataset_add_store(dataset, path, &choice, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mw_dataset_count(dataset), 2);
    const struct mw_dataset_series *series = mw_dataset_series(dataset, 0);
    assert_int_equal(series->key.timeframe.unit, 'm');
    assert_int_equal(series->count, 8);
    assert_int_equal(series->absent, 2);
    assert_int_equal(series->hole_count, 1); /* certain rows are in none */
    expect_hole(series, 0, 2, 3);
    mw_dataset_unref(dataset);

    dataset = mw_dataset_new();
    choice = (struct mw_dataset_choice){
        .key = {"", "BTC", {1, 'm'}}, .from_ms = ms_of(4), .to_ms = ms_of(7)};
    assert_int_equal(mw_dataset_add_store(dataset, path, &choice, &err), MW_OK);
    series = mw_dataset_series(dataset, 0);
    assert_int_equal(series->count, 3);
    assert_int_equal(series->rows[0].open_ms, ms_of(4));
    assert_int_equal(series->hole_count, 0);
    mw_dataset_unref(dataset);
}

static void a_store_without_what_is_wanted_says_what_it_has(void **state)
{
    const char *path = *state;
    fill(path);
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    struct mw_dataset_choice choice = {
        .key = {"", "ETH", {1, 'm'}}, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    assert_int_equal(mw_dataset_add_store(dataset, path, &choice, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "no series of ETH in 1m; there are demo:BTC 1m, "
                                        "demo:BTC 1h"));
    choice = (struct mw_dataset_choice){.from_ms = ms_of(3), .to_ms = ms_of(3)};
    assert_int_equal(mw_dataset_add_store(dataset, path, &choice, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "no rows in that time"));
    assert_int_equal(mw_dataset_add_store(dataset, "/nowhere.db", &choice, &err), MW_EIO);
    assert_int_equal(mw_dataset_count(dataset), 0);
    mw_dataset_unref(dataset);
}

static void what_a_store_adds_is_all_or_nothing(void **state)
{
    const char *path = *state;
    fill(path);
    struct mw_error err;
    struct mw_dataset *dataset = mw_dataset_new();
    const struct mw_series_key hours = {"demo", "BTC", {1, 'h'}}; /* comes after the minutes */
    const struct mw_dataset_choice choice = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct mw_candle *row = mw_alloc(sizeof(*row));
    *row = bar(0);
    assert_int_equal(mw_dataset_add(dataset, &hours, row, 1, false, NULL), MW_OK);
    assert_int_equal(mw_dataset_add_store(dataset, path, &choice, &err), MW_EINVAL);
    assert_non_null(strstr(err.message, "demo:BTC 1h is there twice"));
    assert_int_equal(mw_dataset_count(dataset), 1);
    mw_dataset_unref(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent_was_quiet_or_is_a_hole),
        cmocka_unit_test(refuses_rows_that_are_no_series),
        cmocka_unit_test(has_so_many_series_and_rows_and_no_more),
        cmocka_unit_test(a_file_tells_its_timeframe_by_its_rows),
        cmocka_unit_test(a_file_is_refused_with_its_name),
        cmocka_unit_test_setup_teardown(a_store_gives_rows_and_the_holes_that_it_knows,
                                        store_file_setup, store_file_teardown),
        cmocka_unit_test_setup_teardown(a_store_without_what_is_wanted_says_what_it_has,
                                        store_file_setup, store_file_teardown),
        cmocka_unit_test_setup_teardown(what_a_store_adds_is_all_or_nothing, store_file_setup,
                                        store_file_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
