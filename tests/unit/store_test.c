/* store_test.c - what is written to a store is what is read from it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "history/store.h"

static const struct mw_series_key key = {"demo", "BTC-USD", {1, 'm'}};

static struct mw_candle candle(int64_t minute, double price)
{
    return (struct mw_candle){.open_ms = minute * 60000,
                              .open = price,
                              .high = price + 2,
                              .low = price - 2,
                              .close = price + 1,
                              .volume = 3.25,
                              .turnover = (double)NAN,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static int make_folder(void **state)
{
    char *path = mw_strdup("/tmp/mw-store-XXXXXX");
    if (mkdtemp(path) == NULL)
        return 1;
    char *file = mw_alloc(64);
    snprintf(file, 64, "%s/a.db", path);
    mw_free(path);
    *state = file;
    return 0;
}

static int remove_folder(void **state)
{
    char *file = *state, other[80];
    remove(file);
    snprintf(other, sizeof(other), "%s-wal", file);
    remove(other);
    snprintf(other, sizeof(other), "%s-shm", file);
    remove(other);
    *strrchr(file, '/') = '\0';
    int status = rmdir(file);
    mw_free(file);
    return status;
}

static void what_was_written_is_read_again(void **state)
{
    struct mw_store *store;
    struct mw_error err;
    struct mw_store_options options = {.path = *state};
    assert_int_equal(mw_store_open(&options, &store, &err), MW_OK);
    struct mw_candle rows[10], out[20];
    for (int i = 0; i < 10; i++)
        rows[i] = candle(100 + i * 2, 50 + i);
    struct mw_store_part part = {.key = &key,
                                 .from_ms = rows[0].open_ms,
                                 .to_ms = rows[9].open_ms,
                                 .rows = rows,
                                 .row_count = 10};
    struct mw_stored stored;
    assert_int_equal(mw_store_write(store, &part, 1, &stored, &err), MW_OK);
    assert_int_equal(stored.rows, 10);
    uint32_t got;
    assert_int_equal(mw_store_read_last(store, &key, INT64_MIN, INT64_MAX, 20, out, &got, &err),
                     MW_OK);
    assert_int_equal(got, 10);
    assert_int_equal(mw_store_check(store, &err), MW_OK);
    mw_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_again, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
