/* csv_fuzz.c - an accepted row reads back the same; rows of accepted files are in order. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/decimal.h"
#include "fuzz.h"
#include "history/csv.h"

enum { ROWS_MAX = 64 };

static void check_row(const struct mw_candle *row)
{
    const double values[] = {row->open, row->high, row->low, row->close, row->volume};
    char line[256];
    int length = snprintf(line, sizeof(line), "%lld", (long long)row->open_ms);
    for (size_t i = 0; i < MW_COUNT(values); i++) {
        char number[MW_DECIMAL_TEXT_BYTES];
        length += snprintf(line + length, sizeof(line) - (size_t)length, ",%s",
                           mw_decimal_format(values[i], number));
    }
    struct mw_candle again = {.open_ms = 0};
    MW_CHECK(mw_csv_parse_row(line, (size_t)length, &again, NULL) == MW_OK);
    MW_CHECK(again.open_ms == row->open_ms && again.open == row->open && again.high == row->high);
    MW_CHECK(again.low == row->low && again.close == row->close && again.volume == row->volume);
    MW_CHECK(isnan(row->turnover) && row->state == MW_CANDLE_CLOSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[32];
    if (fd < 0) {
        fd = memfd_create("csv", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    struct mw_candle row, *rows = NULL;
    if (mw_csv_parse_row((const char *)data, size, &row, NULL) == MW_OK)
        check_row(&row);
    MW_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    size_t count = 0;
    struct mw_error err = {.message = ""};
    if (mw_csv_read_file(path, ROWS_MAX, &rows, &count, &err) != MW_OK) {
        MW_CHECK(rows == NULL && count == 0 && err.message[0] != '\0');
        return 0;
    }
    MW_CHECK(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        MW_CHECK(i == 0 || rows[i - 1].open_ms < rows[i].open_ms);
        MW_CHECK(rows[i].low <= rows[i].open && rows[i].close <= rows[i].high && rows[i].low > 0);
        check_row(&rows[i]);
    }
    mw_free(rows);
    return 0;
}
