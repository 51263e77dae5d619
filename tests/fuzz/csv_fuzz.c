/* csv_fuzz.c - rows that are taken are rising, valid candles, and survive being written. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "fuzz.h"
#include "history/csv.h"

enum { ROWS_MAX = 64 };

static int new_file(const char *name, char *path)
{
    int fd = memfd_create(name, 0);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_rows(const struct mw_csv_table *table, struct mw_timeframe timeframe)
{
    MW_CHECK(table->count <= ROWS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        const struct mw_candle *row = &table->rows[i];
        MW_CHECK(i == 0 || row[-1].open_ms < row->open_ms);
        MW_CHECK(row->state == MW_CANDLE_CLOSED && row->source == MW_SOURCE_IMPORT);
        mw_fault fault = mw_candle_check(row, timeframe, row->open_ms);
        MW_CHECK(fault == MW_FAULT_NONE);
    }
}

/* Writes what was read, with all columns, and reads that. */
static void check_written(const struct mw_csv_table *table, mw_csv_time time)
{
    static int fd = -1;
    static char path[32];
    if (fd < 0)
        fd = new_file("again", path);
    const struct mw_csv_format format = {.turnover = true, .trades = true, .time = time};
    struct mw_str text = MW_STR_INIT(1 << 20);
    MW_CHECK(mw_csv_add_header(&text, &format));
    for (size_t i = 0; i < table->count; i++)
        MW_CHECK(mw_csv_add_row(&text, &format, &table->rows[i]));
    MW_CHECK(ftruncate(fd, 0) == 0);
    MW_CHECK(pwrite(fd, text.data, text.length, 0) == (ssize_t)text.length);
    mw_str_deinit(&text);

    struct mw_csv_table again;
    struct mw_error err;
    const struct mw_csv_options options = {.time = time, .rows_max = ROWS_MAX};
    mw_status status = mw_csv_read(path, &options, &again, &err);
    MW_CHECK(status == MW_OK && again.count == table->count);
    for (size_t i = 0; i < again.count; i++) {
        const struct mw_candle *a = &table->rows[i], *b = &again.rows[i];
        MW_CHECK(a->open_ms == b->open_ms && a->open == b->open && a->high == b->high);
        MW_CHECK(a->low == b->low && a->close == b->close && a->volume == b->volume);
        MW_CHECK(same(a->turnover, b->turnover) && a->trades == b->trades);
    }
    mw_free(again.rows);
}

/* The first bytes choose the options, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const columns[] = {NULL, NULL, "time,open,high,low,close,volume",
                                          "-,t,o,h,l,c,v,turnover,n", "v,c,l,h,o,time,-,-,trades"};
    static const char delimiters[] = {0, ',', ';', '\t'};
    static int fd = -1;
    static char path[32];
    if (fd < 0)
        fd = new_file("csv", path);
    if (size < 2)
        return 0;
    struct mw_csv_options options = {
        .columns = columns[data[0] % MW_COUNT(columns)],
        .delimiter = delimiters[data[0] / 8 % MW_COUNT(delimiters)],
        .no_header = data[0] & 0x40,
        .skip_bad = data[0] & 0x80,
        .time = (mw_csv_time)(data[1] % MW_CSV_TIME_COUNT),
        .timeframe = {.count = 1 + data[1] / 16 % 4, .unit = "smhdwM"[data[1] / 32 % 6]},
        .source = MW_SOURCE_IMPORT,
        .rows_max = ROWS_MAX,
    };
    MW_CHECK(ftruncate(fd, 0) == 0);
    MW_CHECK(pwrite(fd, data + 2, size - 2, 0) == (ssize_t)size - 2);
    struct mw_csv_table table = {0};
    struct mw_error err = {.message = ""};
    if (mw_csv_read(path, &options, &table, &err) != MW_OK) {
        MW_CHECK(table.rows == NULL && table.count == 0 && err.message[0] != '\0');
        return 0;
    }
    check_rows(&table, options.timeframe);
    check_written(&table, data[1] % 2 ? MW_CSV_TIME_ISO : MW_CSV_TIME_MS);
    mw_free(table.rows);
    return 0;
}
