/* csv_bench.c - a million rows of CSV read, written and stored, and a bare scan of the bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "bench.h"
#include "history/csv.h"
#include "history/store.h"

enum { ROWS = 1000000, QUICK_ROWS = 1000, RUNS = 7, FILE_BYTES_MAX = 256 << 20 };

static const int64_t first_open_ms = 1483228800000; /* 2017-01-01 */

static char folder[] = "/tmp/csv_bench_XXXXXX";
static char path[64], store_path[64];

static double rounded(double value, double steps)
{
    return (double)(int64_t)(value * steps) / steps;
}

/* Prices with two digits after the point and volumes with eight, as venues have them. */
static void make_rows(struct mw_candle *rows, size_t count)
{
    struct mw_random random = {BENCH_SEED};
    double price = 7424.91;
    for (size_t i = 0; i < count; i++) {
        double close = rounded(price + 8 * (mw_random_unit(&random) - 0.5), 100);
        double above = price > close ? price : close, below = price > close ? close : price;
        rows[i] = (struct mw_candle){
            .open_ms = first_open_ms + (int64_t)i * MW_MS_PER_MINUTE,
            .open = price,
            .high = rounded(above + 3 * mw_random_unit(&random) + 0.01, 100),
            .low = rounded(below - 3 * mw_random_unit(&random), 100),
            .close = close,
            .volume = rounded(30 * mw_random_unit(&random), 1e8),
            .turnover = __builtin_nan(""),
            .state = MW_CANDLE_CLOSED,
            .closed_by = MW_CLOSED_BY_EXCHANGE,
        };
        price = close > 1000 && close < 100000 ? close : 7424.91;
    }
}

static void format_rows(struct mw_str *text, const struct mw_candle *rows, size_t count)
{
    const struct mw_csv_format format = {.time = MW_CSV_TIME_MS};
    MW_CHECK(mw_csv_add_header(text, &format));
    for (size_t i = 0; i < count; i++)
        MW_CHECK(mw_csv_add_row(text, &format, &rows[i]));
}

static double seconds_since(int64_t start_ns)
{
    return (double)(mw_clock_monotonic_ns() - start_ns) / 1e9;
}

static void print_rate(const char *name, double *seconds, size_t runs, size_t count)
{
    bench_print(name, (double)count / bench_median(seconds, runs), "rows/s");
}

/* What any reader has to do at least: look at each byte once, for the ends of lines. */
static double scan(const struct mw_str *text, size_t lines)
{
    int64_t start_ns = mw_clock_monotonic_ns();
    size_t found = 0;
    const char *at = text->data, *end = text->data + text->length;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        found++;
        at++;
    }
    MW_CHECK(found == lines);
    return seconds_since(start_ns);
}

static double read_file(size_t count)
{
    const struct mw_csv_options options = {.timeframe = {.count = 1, .unit = 'm'},
                                           .rows_max = MW_CSV_ROWS_MAX};
    struct mw_csv_table table;
    struct mw_error err;
    int64_t start_ns = mw_clock_monotonic_ns();
    bench_require(mw_csv_read(path, &options, &table, &err), &err);
    double seconds = seconds_since(start_ns);
    MW_CHECK(table.count == count);
    mw_free(table.rows);
    return seconds;
}

/* All that an import does: a file is read, then written in batches to a store that is new. */
static double import_file(size_t count)
{
    static const struct mw_series_key key = {"bench", "BTCUSDT", {1, 'm'}};
    const struct mw_csv_options options = {
        .timeframe = key.timeframe, .source = MW_SOURCE_IMPORT, .rows_max = MW_CSV_ROWS_MAX};
    struct mw_csv_table table;
    struct mw_store *store;
    struct mw_error err;
    int64_t start_ns = mw_clock_monotonic_ns();
    bench_require(mw_csv_read(path, &options, &table, &err), &err);
    bench_require(mw_store_open(&(struct mw_store_options){.path = store_path}, &store, &err),
                  &err);
    for (size_t at = 0; at < count; at += MW_STORE_ROWS_MAX) {
        size_t left = count - at;
        uint32_t rows = left < MW_STORE_ROWS_MAX ? (uint32_t)left : MW_STORE_ROWS_MAX;
        const struct mw_store_part part = {.key = &key,
                                           .from_ms = table.rows[at].open_ms,
                                           .to_ms = table.rows[at + rows - 1].open_ms,
                                           .rows = &table.rows[at],
                                           .row_count = rows,
                                           .keep = true};
        bench_require(mw_store_write(store, &part, 1, NULL, &err), &err);
    }
    mw_store_close(store);
    mw_free(table.rows);
    double seconds = seconds_since(start_ns);
    unlink(store_path);
    return seconds;
}

static void write_file(const struct mw_str *text)
{
    MW_CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/a.csv", folder);
    snprintf(store_path, sizeof(store_path), "%s/a.db", folder);
    FILE *file = fopen(path, "wb");
    MW_CHECK(file != NULL && fwrite(text->data, 1, text->length, file) == text->length);
    MW_CHECK(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    size_t count = bench_is_quick() ? QUICK_ROWS : ROWS, runs = bench_is_quick() ? 1 : RUNS;
    struct mw_candle *rows = mw_realloc_array(NULL, count, sizeof(*rows));
    make_rows(rows, count);
    struct mw_str text = MW_STR_INIT(FILE_BYTES_MAX);
    format_rows(&text, rows, count);
    write_file(&text);

    double scans[RUNS], reads[RUNS], writes[RUNS], imports[RUNS];
    for (size_t i = 0; i < runs; i++) {
        scans[i] = scan(&text, count + 1);
        reads[i] = read_file(count);
        mw_str_clear(&text);
        int64_t start_ns = mw_clock_monotonic_ns();
        format_rows(&text, rows, count);
        writes[i] = seconds_since(start_ns);
        imports[i] = import_file(count);
    }
    print_rate("csv_scan", scans, runs, count);
    print_rate("csv_parse", reads, runs, count);
    print_rate("csv_format", writes, runs, count);
    print_rate("csv_import", imports, runs, count);
    unlink(path);
    rmdir(folder);
    mw_str_deinit(&text);
    mw_free(rows);
    return 0;
}
