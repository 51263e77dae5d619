/* store_file.c - a folder, a file, and candles of odd values. */
#include "store_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"

enum { PATH_ROOM = 64 };

int store_file_setup(void **state)
{
    char folder[] = "/tmp/mw-store-XXXXXX";
    if (mkdtemp(folder) == NULL)
        return 1;
    char *path = mw_alloc(PATH_ROOM);
    snprintf(path, PATH_ROOM, "%s/candles.db", folder);
    *state = path;
    return 0;
}

int store_file_teardown(void **state)
{
    static const char *const ends[] = {"",      "-wal",      "-shm",     "-journal",
                                       ".copy", ".copy-wal", ".copy-shm"};
    char *path = *state, other[PATH_ROOM + 16];
    for (size_t i = 0; i < MW_COUNT(ends); i++) {
        snprintf(other, sizeof(other), "%s%s", path, ends[i]);
        remove(other);
    }
    *strrchr(path, '/') = '\0';
    int status = rmdir(path);
    mw_free(path);
    return status;
}

struct mw_store *store_file_open(const char *path)
{
    struct mw_store *store = NULL;
    struct mw_error err;
    struct mw_store_options options = {.path = path};
    if (mw_store_open(&options, &store, &err) != MW_OK)
        fail_msg("%s", err.message);
    return store;
}

/* Any positive double, of any size: a price of a coin that is worth nothing, or all there is. */
static double random_price(struct mw_random *random)
{
    double value = ldexp(1 + mw_random_unit(random), (int)(mw_random_next(random) % 2000) - 1060);
    return value > 0 ? value : 4.9e-324;
}

struct mw_candle store_random_candle(struct mw_random *random, int64_t open_ms)
{
    static const double volumes[] = {0, -0.0, 1, 4.9e-324, 1e300, 0.1};
    static const double turnovers[] = {0, -0.0, 123456789, 1e22};
    double low = random_price(random), middle = low * (1 + mw_random_unit(random));
    double high = middle * (1 + mw_random_unit(random));
    uint64_t dice = mw_random_next(random);
    return (struct mw_candle){
        .open_ms = open_ms,
        .open = dice & 1 ? low : middle,
        .high = high,
        .low = low,
        .close = dice & 2 ? middle : high,
        .volume = dice & 4 ? mw_random_unit(random) : volumes[(dice >> 8) % MW_COUNT(volumes)],
        .turnover = dice & 8    ? (double)NAN
                    : dice & 16 ? mw_random_unit(random) * 1e9
                                : turnovers[(dice >> 16) % MW_COUNT(turnovers)],
        .trades = dice & 32 ? UINT32_MAX : (uint32_t)(dice >> 32),
        .state = MW_CANDLE_CLOSED,
        .closed_by = MW_CLOSED_BY_EXCHANGE,
        .source = MW_SOURCE_LIVE,
        .flags = dice & 64 ? MW_CANDLE_FLAGGED : 0,
    };
}

static uint64_t bits(double value)
{
    uint64_t copy;
    memcpy(&copy, &value, sizeof(copy));
    return copy;
}

static void assert_double(double a, double b)
{
    if (isnan(a) && isnan(b))
        return;
    if (bits(a) != bits(b))
        fail_msg("%a is not %a", a, b);
}

void store_assert_same(const struct mw_candle *a, const struct mw_candle *b)
{
    assert_int_equal(a->open_ms, b->open_ms);
    assert_double(a->open, b->open);
    assert_double(a->high, b->high);
    assert_double(a->low, b->low);
    assert_double(a->close, b->close);
    assert_double(a->volume, b->volume);
    assert_double(a->turnover, b->turnover);
    assert_int_equal(a->trades, b->trades);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->closed_by, b->closed_by);
    assert_int_equal(a->flags, b->flags);
}
