/* series_stress_test.c - one writer, several readers: nothing is torn, and no hole stays unseen.
 *
 * Every value of a candle is derived from its open time and a version, so that a reader can tell a
 * candle that mixes two writes. The writer appends and updates at full speed on a small ring, and
 * now and then repairs an old candle or inserts one that it left out, while readers take everything
 * or a window by time. Readers count what they saw; the test fails if a reader saw nothing new.
 *
 * In the second test the writer jumps and fills what it left out, and readers ask about holes as
 * everybody has to: version, rows, holes, version. A bucket that is missing in between, or a bar in
 * doubt, and no hole there is a lie.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "market/series.h"

enum {
    READERS = 3,
    CAPACITY = 100,
    RUN_MS = 900,
    SEEN_MIN = 11,      /* what each reader has to see of each kind before its count says much */
    STARVED_MS = 10000, /* the longest that the writer goes on for readers that got no core */
};

static const int64_t now = 4000000000000;

struct stress {
    struct mw_series *series;
    bool fills_all;
    _Atomic bool stop;
    _Atomic uint32_t done_count; /* readers that have seen enough */
};

struct reader {
    struct stress *stress;
    struct mw_thread thread;
    uint64_t seed;
    uint64_t torn_count, disorder_count, read_count, change_count;
    uint64_t lie_count, hole_count, whole_count; /* windows: hole unseen, seen, none */
    bool done;
};

static void note_done(struct reader *reader, bool done)
{
    if (done && !reader->done)
        atomic_fetch_add(&reader->stress->done_count, 1);
    reader->done |= done;
}

/* Whether the writer writes on: for a time, and longer while readers have seen too little. */
static bool goes_on(const struct stress *stress, uint64_t round, int64_t begin_ms)
{
    if (round % 256 != 0)
        return true;
    int64_t passed_ms = mw_clock_monotonic_ms() - begin_ms;
    return passed_ms < RUN_MS ||
           (passed_ms < STARVED_MS && atomic_load(&stress->done_count) < READERS);
}

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
        note_done(reader, reader->change_count >= SEEN_MIN);
    }
}

static void write_on(struct stress *stress)
{
    struct mw_random random = {1};
    int64_t index = 1000, begin_ms = mw_clock_monotonic_ms();
    uint32_t version = 0;
    for (uint64_t round = 0; goes_on(stress, round, begin_ms); round++) {
        uint64_t dice = mw_random_next(&random);
        struct mw_candle candle = made(index, ++version, dice % 5 == 0);
        if (dice % 64 == 1) /* a closed one far back, new or revised */
            candle = made(index - 2 - (int64_t)(dice >> 8) % 60, version, true);
        else if (dice % 5 == 0)
            index += 1 + (int64_t)(dice >> 8 & 1); /* leaves holes for later */
        mw_series_put(stress->series, &candle, now, NULL);
    }
}

/* Leaves out up to two buckets, or a closing message, and makes up for that at once: for some of it
 * in a ring that always has a hole somewhere, for all in one that has none most of the time. */
static void jump_and_fill(struct stress *stress)
{
    struct mw_random random = {1};
    int64_t index = 1000, begin_ms = mw_clock_monotonic_ms();
    for (uint64_t round = 0; goes_on(stress, round, begin_ms); round++) {
        uint64_t dice = mw_random_next(&random);
        int64_t from = index + 1;
        bool closes = dice >> 10 & 3;
        index += 1 + (dice % 8 < 2 ? (int64_t)(dice >> 8 & 1) + 1 : 0);
        struct mw_candle candle = made(index, 1, closes);
        candle.flags = MW_CANDLE_FLAGGED;
        mw_series_put(stress->series, &candle, now, NULL);
        if (!closes && dice >> 16 & 1)
            mw_series_close_newest(stress->series, candle.open_ms);
        for (int64_t missing = from - 3; missing < index; missing++) {
            candle = made(missing, 1, true);
            if (stress->fills_all || dice >> 24 & 3)
                mw_series_put(stress->series, &candle, now, NULL);
        }
    }
}

static bool has_hole(const struct mw_candle *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool doubt = rows[i].state == MW_CANDLE_CLOSED && rows[i].flags & MW_CANDLE_UNPROVEN;
        if (doubt || (i > 0 && rows[i].open_ms != rows[i - 1].open_ms + MW_MS_PER_MINUTE))
            return true;
    }
    return false;
}

static void ask_on(void *user)
{
    struct reader *reader = user;
    struct mw_series *series = reader->stress->series;
    struct mw_random random = {reader->seed};
    struct mw_candle rows[CAPACITY];
    while (!atomic_load(&reader->stress->stop)) {
        uint32_t wanted = 1 + (uint32_t)(mw_random_next(&random) % CAPACITY);
        uint64_t version = mw_series_gap_version(series);
        uint32_t count = mw_series_read_last(series, INT64_MAX, wanted, false, rows);
        bool found =
            count > 0 && mw_series_find_gap(series, rows[0].open_ms, rows[count - 1].open_ms, NULL);
        reader->read_count++;
        if (mw_series_gap_version(series) != version)
            continue;
        bool hole = has_hole(rows, count);
        reader->lie_count += hole && !found;
        reader->hole_count += found;
        reader->whole_count += !found && count > 1;
        note_done(reader, reader->hole_count >= SEEN_MIN && reader->whole_count >= SEEN_MIN);
    }
}

static void run(struct stress *stress, struct reader *readers, void (*read)(void *user),
                void (*write)(struct stress *stress), uint32_t capacity)
{
    struct mw_series_key key = {.feed = "demo", .symbol = "X", .timeframe = {1, 'm'}};
    stress->series = mw_series_new(&key, capacity);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.stress = stress, .seed = (uint64_t)i + 10};
        assert_int_equal(mw_thread_start(&readers[i].thread, "reader", &mw_worker_thread, read,
                                         &readers[i], NULL),
                         MW_OK);
    }
    write(stress);
    atomic_store(&stress->stop, true);
    for (int i = 0; i < READERS; i++)
        mw_thread_join(&readers[i].thread);
    mw_series_free(stress->series);
}

static void readers_never_see_a_torn_candle_or_disorder(void **state)
{
    (void)state;
    struct stress stress = {.series = NULL};
    struct reader readers[READERS];
    run(&stress, readers, read_on, write_on, CAPACITY);
    for (int i = 0; i < READERS; i++) {
        print_message("reader %d: %llu reads, %llu saw a newer bar\n", i,
                      (unsigned long long)readers[i].read_count,
                      (unsigned long long)readers[i].change_count);
        assert_int_equal(readers[i].torn_count, 0);
        assert_int_equal(readers[i].disorder_count, 0);
        assert_true(readers[i].change_count >= SEEN_MIN);
    }
}

static void a_window_with_something_missing_always_has_a_hole(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {CAPACITY, 5, 5}; /* 5: most windows see what drops out */
    for (size_t c = 0; c < MW_COUNT(capacities); c++) {
        struct stress stress = {.fills_all = c == 2};
        struct reader readers[READERS];
        run(&stress, readers, ask_on, jump_and_fill, capacities[c]);
        for (int i = 0; i < READERS; i++) {
            print_message("reader %d: %llu reads, %llu with a hole, %llu without\n", i,
                          (unsigned long long)readers[i].read_count,
                          (unsigned long long)readers[i].hole_count,
                          (unsigned long long)readers[i].whole_count);
            assert_int_equal(readers[i].lie_count, 0);
            assert_true(readers[i].hole_count >= SEEN_MIN);
            assert_true(readers[i].whole_count >= SEEN_MIN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_never_see_a_torn_candle_or_disorder),
        cmocka_unit_test(a_window_with_something_missing_always_has_a_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
