/* memory_bench.c - what a cached candle takes: by the series' own account, and by the system's.
 *
 * The second counts the pages that a cache with 100 full series makes resident, allocator and maps
 * included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "bench.h"
#include "market/cache.h"

enum { SERIES = 100, BARS = 1000 };

static const int64_t first_open_ms = 1577836800000; /* 2020-01-01 */

/* The second number of statm: pages. */
static double resident_bytes(void)
{
    char text[128];
    FILE *file = fopen("/proc/self/statm", "r");
    MW_CHECK(file != NULL && fgets(text, sizeof(text), file) != NULL);
    fclose(file);
    const char *pages = strchr(text, ' ');
    MW_CHECK(pages != NULL);
    return (double)strtol(pages, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static struct mw_series *fill(struct mw_cache *cache, int number)
{
    struct mw_series_key key = {.feed = "bench", .timeframe = {.count = 1, .unit = 'm'}};
    snprintf(key.symbol, sizeof(key.symbol), "SYMBOL%d", number);
    struct mw_series *series;
    struct mw_error err;
    bench_require(mw_cache_add(cache, &key, &series, &err), &err);
    for (int64_t i = 0; i < BARS; i++) {
        const struct mw_candle candle = {.open_ms = first_open_ms + i * MW_MS_PER_MINUTE,
                                         .open = 100,
                                         .high = 102,
                                         .low = 99,
                                         .close = 101,
                                         .volume = 10,
                                         .state = MW_CANDLE_CLOSED,
                                         .closed_by = MW_CLOSED_BY_EXCHANGE};
        MW_CHECK(mw_cache_put(cache, series, &candle, mw_clock_wall_ms(), NULL) == MW_PUT_APPENDED);
    }
    return series;
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    struct mw_cache *cache = mw_cache_new(BARS);
    struct mw_series *first = fill(cache, 0); /* and whatever is only paid once */
    double before = resident_bytes();
    for (int i = 1; i <= SERIES; i++)
        fill(cache, i);
    double growth = resident_bytes() - before;
    bench_print("memory_series_per_candle", (double)mw_series_bytes(first) / BARS, "bytes");
    bench_print("memory_resident_per_candle", growth / SERIES / BARS, "bytes");
    mw_cache_free(cache);
    return 0;
}
