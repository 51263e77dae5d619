/* series_stress_test.c - one writer, several readers: no torn candle, no series out of order.
 *
 * Every value of a candle is derived from its open time and a version, so that a reader can tell a
 * candle that mixes two writes. The writer appends and updates at full speed on a small ring, and
 * now and then repairs an old candle or inserts one that it left out, while readers take everything
 * or a window by time. Readers count what they saw; the test fails if a reader saw nothing new.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "market/series.h"

enum { READERS = 3, CAPACITY = 100, RUN_MS = 1500 };

static const int64_t now = 4000000000000;

struct stress {
    struct mw_series *series;
    _Atomic bool stop;
};

struct reader {
    struct stress *stress;
    struct mw_thread thread;
    uint64_t seed;
    uint64_t torn_count, disorder_count, read_count, change_count;
};

static struct mw_candle made(int64_t index, uint32_t version, bool closed)
{
    double base = 100 + (double)(index % 1000) + version * 0.25;
    return (struct mw_candle){.open_ms = index * MW_MS_PER_MINUTE,
                              .open = base,
                              .high = base + 2,
                              .low = base - 2,
                              .close = base + 1,
                              .volume = base * 3,
                              .turnover = base * 7,
                              .trades = version,
                              .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                              .closed_by = closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
}

static bool is_whole(const struct mw_candle *candle)
{
    struct mw_candle wanted = made(candle->open_ms / MW_MS_PER_MINUTE, candle->trades, false);
    return candle->open_ms == wanted.open_ms && candle->open == wanted.open &&
           candle->high == wanted.high && candle->low == wanted.low &&
           candle->close == wanted.close && candle->volume == wanted.volume &&
           candle->turnover == wanted.turnover &&
           (candle->state == MW_CANDLE_CLOSED) == (candle->closed_by != MW_CLOSED_BY_NOBODY);
}

static void check_rows(struct reader *reader, const struct mw_candle *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        reader->torn_count += !is_whole(&rows[i]);
        bool newest = i + 1 == count;
        if (!newest &&
            (rows[i].open_ms >= rows[i + 1].open_ms || rows[i].state != MW_CANDLE_CLOSED))
            reader->disorder_count++;
    }
}

static void read_on(void *user)
{
    struct reader *reader = user;
    struct mw_random random = {reader->seed};
    struct mw_candle rows[CAPACITY];
    int64_t newest_ms = 0;
    while (!atomic_load(&reader->stress->stop)) {
        uint64_t dice = mw_random_next(&random);
        uint32_t count;
        if (dice % 4 == 0) {
            int64_t from = newest_ms - (int64_t)(dice >> 8 & 63) * MW_MS_PER_MINUTE;
            int64_t until = from + (int64_t)20 * MW_MS_PER_MINUTE;
            count = mw_series_read_from(reader->stress->series, from, until, CAPACITY, true, rows);
            if (count > 0 && (rows[0].open_ms < from || rows[count - 1].open_ms > until))
                reader->disorder_count++;
        } else {
            uint32_t wanted = dice % 4 == 1 ? 1 + (uint32_t)(dice >> 8) % CAPACITY : CAPACITY;
            count =
                mw_series_read_last(reader->stress->series, INT64_MAX, wanted, dice % 8 < 4, rows);
            if (count > 0) {
                reader->change_count += rows[count - 1].open_ms > newest_ms;
                newest_ms =
                    rows[count - 1].open_ms > newest_ms ? rows[count - 1].open_ms : newest_ms;
            }
        }
        check_rows(reader, rows, count);
        reader->read_count++;
    }
}

static void write_on(struct stress *stress)
{
    struct mw_random random = {1};
    int64_t index = 1000, end_ms = mw_clock_monotonic_ms() + RUN_MS;
    uint32_t version = 0;
    for (uint64_t round = 0; round % 256 != 0 || mw_clock_monotonic_ms() < end_ms; round++) {
        uint64_t dice = mw_random_next(&random);
        struct mw_candle candle = made(index, ++version, dice % 5 == 0);
        if (dice % 64 == 1) /* a closed one far back, new or revised */
            candle = made(index - 2 - (int64_t)(dice >> 8) % 60, version, true);
        else if (dice % 5 == 0)
            index += 1 + (int64_t)(dice >> 8 & 1); /* leaves holes for later */
        mw_series_put(stress->series, &candle, now, NULL);
    }
}

static void readers_never_see_a_torn_candle_or_disorder(void **state)
{
    (void)state;
    struct mw_series_key key = {.feed = "demo", .symbol = "X", .timeframe = {1, 'm'}};
    struct stress stress = {.series = mw_series_new(&key, CAPACITY)};
    struct reader readers[READERS] = {0};
    for (int i = 0; i < READERS; i++) {
        readers[i].stress = &stress;
        readers[i].seed = (uint64_t)i + 10;
        assert_int_equal(mw_thread_start(&readers[i].thread, "reader", &mw_worker_thread, read_on,
                                         &readers[i], NULL),
                         MW_OK);
    }
    write_on(&stress);
    atomic_store(&stress.stop, true);
    for (int i = 0; i < READERS; i++) {
        mw_thread_join(&readers[i].thread);
        print_message("reader %d: %llu reads, %llu saw a newer bar\n", i,
                      (unsigned long long)readers[i].read_count,
                      (unsigned long long)readers[i].change_count);
        assert_int_equal(readers[i].torn_count, 0);
        assert_int_equal(readers[i].disorder_count, 0);
        assert_true(readers[i].change_count > 10);
    }
    mw_series_free(stress.series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_never_see_a_torn_candle_or_disorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
