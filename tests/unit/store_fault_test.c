/* store_fault_test.c - damaged files, full disks, other processes, many threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "history/sqlite.h"
#include "store_file.h"

enum {
    MINUTE = 60000,
    ROWS = 400,         /* of each series of a file that is damaged */
    DAMAGES = 400,      /* files */
    BLOCK = 50,         /* rows that are written together */
    WRITES = 150,       /* of a block */
    READERS = 4,        /* threads */
    CROWD = 70,         /* threads, more than there are connections */
    FULL_ROWS = 20000,  /* more than there is room for */
    ROOM_BYTES = 65536, /* there is */
    PROCESSES = 4,
    PROCESS_WRITES = 25
};

enum { NOBODY = 65534 }; /* a user and a group who own nothing */

static_assert((int)CROWD > (int)MW_STORE_READERS_MAX, "some of a crowd wait");

static const struct mw_series_key keys[] = {
    {"demo", "BTC-USD", {1, 'm'}}, {"demo", "ETH-USD", {1, 'm'}}, {"venue", "BTC-USD", {1, 'd'}}};

static struct mw_candle bar(int64_t open_ms, double price)
{
    return (struct mw_candle){.open_ms = open_ms,
                              .open = price,
                              .high = price,
                              .low = price,
                              .close = price,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

/* Writes `count` minutes of `price` from minute 0 on. */
static mw_status write_minutes(struct mw_store *store, const struct mw_series_key *key,
                               uint32_t count, double price, struct mw_error *err)
{
    struct mw_candle *rows = mw_alloc(count * sizeof(*rows));
    for (uint32_t i = 0; i < count; i++)
        rows[i] = bar((int64_t)i * MINUTE, price);
    struct mw_store_part part = {
        .key = key, .to_ms = (int64_t)(count - 1) * MINUTE, .rows = rows, .row_count = count};
    mw_status status = mw_store_write(store, &part, 1, NULL, err);
    mw_free(rows);
    return status;
}

static uint64_t count_rows(struct mw_store *store, const struct mw_series_key *key)
{
    struct mw_store_counts counts = {0};
    struct mw_error err;
    if (mw_store_count(store, key, &counts, &err) != MW_OK)
        fail_msg("%s", err.message);
    return counts.rows;
}

/* --- damage ---------------------------------------------------------------------------------- */

static void fill(const char *path)
{
    struct mw_store *store = store_file_open(path);
    struct mw_random random = {1};
    static struct mw_candle rows[ROWS];
    for (size_t k = 0; k < MW_COUNT(keys); k++) {
        int64_t open_ms = 0;
        uint32_t count = 0;
        struct mw_gap holes[ROWS / 8];
        uint32_t hole_count = 0;
        for (uint32_t i = 0; i < ROWS; i++) {
            if (i % 10 == 5)
                holes[hole_count++] = (struct mw_gap){open_ms, open_ms, i % 20 == 5};
            else
                rows[count++] = store_random_candle(&random, open_ms);
            open_ms = mw_timeframe_next(keys[k].timeframe, open_ms);
        }
        struct mw_store_part part = {.key = &keys[k],
                                     .to_ms = rows[count - 1].open_ms,
                                     .rows = rows,
                                     .row_count = count,
                                     .holes = holes,
                                     .hole_count = hole_count};
        struct mw_error err;
        if (mw_store_write(store, &part, 1, NULL, &err) != MW_OK)
            fail_msg("%s", err.message);
    }
    mw_store_close(store);
}

/* Flips bits, or whole stretches, or cuts the end off. */
static void damage(struct mw_random *random, char *bytes, size_t *length)
{
    uint64_t kind = mw_random_next(random) % 8, at = mw_random_next(random) % *length;
    if (kind == 0) {
        *length = at;
    } else if (kind == 1) {
        size_t count = *length - at < 512 ? *length - at : 512;
        memset(bytes + at, (int)(mw_random_next(random) & 0xff), count);
    } else {
        size_t within = kind < 5 ? *length : 4096; /* the first page has the tables' SQL */
        for (uint64_t i = 0; i <= kind; i++)
            bytes[mw_random_next(random) % within] = (char)mw_random_next(random);
    }
}

static void write_bytes(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static bool count_one(void *user, const struct mw_store_series *series)
{
    uint32_t *count = user;
    assert_true(strlen(series->key.symbol) > 0);
    ++*count;
    return true;
}

static void note(mw_status status, const struct mw_error *err, uint32_t *failures)
{
    if (status == MW_OK)
        return;
    ++*failures;
    assert_int_equal(err->status, status);
    assert_true(status == MW_EHISTORY || status == MW_EIO || status == MW_ETIMEOUT);
    assert_non_null(strstr(err->message, ".copy"));
}

static uint32_t try_series(struct mw_store *store, const struct mw_series_key *key, bool read_only)
{
    static struct mw_candle out[ROWS];
    uint32_t failures = 0, got = 0, erased;
    struct mw_error err;
    struct mw_gaps holes = {0};
    mw_status status = mw_store_read_rows(
        store,
        &(struct mw_store_query){
            .key = key, .from_ms = INT64_MIN, .until_ms = INT64_MAX, .count = ROWS, .newest = true},
        out, &got, &err);
    note(status, &err, &failures);
    for (uint32_t i = 0; status == MW_OK && i < got; i++) {
        assert_int_equal(mw_candle_check(&out[i], key->timeframe, INT64_MAX / 2), MW_FAULT_NONE);
        assert_true(i == 0 || out[i - 1].open_ms < out[i].open_ms);
    }
    note(mw_store_read_rows(store,
                            &(struct mw_store_query){
                                .key = key, .from_ms = 60000, .until_ms = INT64_MAX, .count = 30},
                            out, &got, &err),
         &err, &failures);
    note(mw_store_read_holes(
             store,
             &(struct mw_store_query){.key = key, .from_ms = INT64_MIN, .until_ms = INT64_MAX},
             &holes, &err),
         &err, &failures);
    mw_gaps_deinit(&holes);
    struct mw_store_counts counts;
    note(mw_store_count(store, key, &counts, &err), &err, &failures);
    if (read_only)
        return failures;
    struct mw_candle row = bar(mw_timeframe_next(key->timeframe, (int64_t)86400000 * 90), 7);
    struct mw_store_part part = {
        .key = key, .to_ms = row.open_ms, .rows = &row, .row_count = 1, .keep = true};
    note(mw_store_write(store, &part, 1, NULL, &err), &err, &failures);
    note(mw_store_erase_before(store, key, row.open_ms, 100, &erased, &err), &err, &failures);
    return failures;
}

static uint32_t try_everything(const char *path, bool read_only)
{
    uint32_t failures = 0, count = 0;
    struct mw_store *store = NULL;
    struct mw_error err;
    struct mw_store_options options = {.path = path, .read_only = read_only, .must_exist = true};
    note(mw_store_open(&options, &store, &err), &err, &failures);
    if (store == NULL)
        return failures;
    note(mw_store_each(store, count_one, &count, &err), &err, &failures);
    note(mw_store_check(store, &err), &err, &failures);
    for (size_t k = 0; k < MW_COUNT(keys); k++)
        failures += try_series(store, &keys[k], read_only);
    mw_store_close(store);
    return failures;
}

static void a_damaged_file_is_an_error_and_nothing_worse(void **state)
{
    fill(*state);
    struct mw_str whole = MW_STR_INIT(8 << 20);
    assert_int_equal(mw_str_read_file(&whole, *state, NULL), MW_OK);
    char path[96], *bytes = mw_alloc(whole.length);
    snprintf(path, sizeof(path), "%s.copy", (const char *)*state);
    struct mw_random random = {99};
    uint32_t damaged = 0;
    for (uint32_t i = 0; i < DAMAGES; i++) {
        size_t length = whole.length;
        memcpy(bytes, whole.data, length);
        if (i > 0)
            damage(&random, bytes, &length);
        write_bytes(path, bytes, length);
        uint32_t failures = try_everything(path, i % 3 == 0);
        assert_true(i > 0 || failures == 0);
        damaged += failures > 0;
        char other[112];
        snprintf(other, sizeof(other), "%s-wal", path);
        remove(other);
        snprintf(other, sizeof(other), "%s-shm", path);
        remove(other);
    }
    assert_true(damaged > DAMAGES / 4);
    mw_free(bytes);
    mw_str_deinit(&whole);
}

static void a_value_that_makes_no_sense_is_named(void **state)
{
    static const struct {
        const char *sql, *what;
    } cases[] = {
        {"UPDATE candles SET high = 0 WHERE key = 611891410688", "1970-01-01T00:00:00Z"},
        {"UPDATE candles SET close = 'much' WHERE key = 611891410748", "not_finite"},
        {"UPDATE candles SET key = key + 1 WHERE key = 611891410688", "off_grid"},
        {"UPDATE candles SET source = 99 WHERE key = 611891410688", "provenance"},
        {"UPDATE candles SET closed_by = 0 WHERE key = 611891410688", "provenance"},
        {"UPDATE candles SET trades = -1 WHERE key = 611891410688", "provenance"},
        {"UPDATE candles SET key = key + (76 << 39) WHERE key = 611891410688", "no series"},
        {"UPDATE series SET last_ms = first_ms WHERE id = 1", "outside of what is known"},
        {"UPDATE series SET last_ms = 1 WHERE id = 1", "begins or ends"},
        {"UPDATE series SET symbol = '' WHERE id = 1", "without a name"},
        {"UPDATE series SET timeframe = '60s' WHERE id = 1", "without a name"},
        {"UPDATE holes SET to_ms = 0 WHERE series = 1", "a hole"},
        {"UPDATE holes SET to_ms = to_ms + 6000000 WHERE series = 1 AND to_ms > 1000000", "a hole"},
        {"INSERT INTO holes VALUES (1, 60000000, 60000000, 0)", "a hole outside"},
        {"DROP TABLE holes", "no such table"},
    };
    fill(*state);
    struct mw_str whole = MW_STR_INIT(8 << 20);
    assert_int_equal(mw_str_read_file(&whole, *state, NULL), MW_OK);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        write_bytes(*state, whole.data, whole.length);
        struct mw_sqlite *db;
        struct mw_error err;
        assert_int_equal(mw_sqlite_open(*state, MW_SQLITE_WRITE, 100, &db, &err), MW_OK);
        if (mw_sqlite_run(db, cases[i].sql, &err) != MW_OK)
            fail_msg("%s", err.message);
        mw_sqlite_close(db);
        struct mw_store *store = store_file_open(*state);
        assert_int_equal(mw_store_check(store, &err), MW_EHISTORY);
        if (strstr(err.message, cases[i].what) == NULL)
            fail_msg("%s: %s", cases[i].sql, err.message);
        mw_store_close(store);
    }
    mw_str_deinit(&whole);
}

/* --- disks ----------------------------------------------------------------------------------- */

static void set_room(const char *path, bool is_full)
{
    struct stat file;
    char log[96];
    snprintf(log, sizeof(log), "%s-wal", path);
    assert_int_equal(stat(log, &file), 0);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = is_full ? (rlim_t)file.st_size + ROOM_BYTES : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_an_error_until_there_is_room(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    struct mw_store *store = store_file_open(*state);
    struct mw_error err;
    assert_int_equal(write_minutes(store, &keys[0], 100, 5, &err), MW_OK);
    set_room(*state, true);
    mw_status first = write_minutes(store, &keys[0], FULL_ROWS, 6, &err);
    mw_status second = write_minutes(store, &keys[1], FULL_ROWS, 6, NULL);
    uint64_t rows = count_rows(store, &keys[0]), others = count_rows(store, &keys[1]);
    mw_status small = write_minutes(store, &keys[2], 1, 7, NULL); /* there is room for little */
    set_room(*state, false);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(first, MW_EIO);
    assert_non_null(strstr(err.message, *state));
    assert_int_equal(second, MW_EIO);
    assert_int_equal(rows, 100);
    assert_int_equal(others, 0);
    assert_int_equal(small, MW_OK);
    assert_int_equal(write_minutes(store, &keys[0], FULL_ROWS, 6, &err), MW_OK);
    assert_int_equal(count_rows(store, &keys[0]), FULL_ROWS);
    assert_int_equal(mw_store_check(store, &err), MW_OK);
    mw_store_close(store);
    store = store_file_open(*state);
    assert_int_equal(count_rows(store, &keys[0]), FULL_ROWS);
    mw_store_close(store);
}

/* --- others ---------------------------------------------------------------------------------- */

static void who_waits_too_long_for_another_writer_is_told_so(void **state)
{
    struct mw_store *store = store_file_open(*state);
    struct mw_error err;
    assert_int_equal(write_minutes(store, &keys[0], 10, 5, &err), MW_OK);
    struct mw_sqlite *other;
    assert_int_equal(mw_sqlite_open(*state, MW_SQLITE_WRITE, 0, &other, &err), MW_OK);
    assert_int_equal(mw_sqlite_run(other, "BEGIN IMMEDIATE", &err), MW_OK);
    int64_t began_ms = mw_clock_monotonic_ms();
    assert_int_equal(write_minutes(store, &keys[0], 20, 5, &err), MW_ETIMEOUT);
    int64_t took_ms = mw_clock_monotonic_ms() - began_ms;
    assert_true(took_ms >= MW_STORE_BUSY_MS - 100 && took_ms < MW_STORE_BUSY_MS + 2000);
    assert_int_equal(count_rows(store, &keys[0]), 10); /* readers wait for nobody */
    assert_int_equal(mw_sqlite_run(other, "COMMIT", &err), MW_OK);
    mw_sqlite_close(other);
    assert_int_equal(write_minutes(store, &keys[0], 20, 5, &err), MW_OK);
    assert_int_equal(count_rows(store, &keys[0]), 20);
    mw_store_close(store);
}

/* Another process: makes the file if it is the first, and writes a series of its own and one that
 * all write. */
static int run_process(const char *path, int number)
{
    struct mw_store *store;
    struct mw_error err;
    struct mw_store_options options = {.path = path};
    struct mw_series_key own = {"process", "", {1, 'm'}};
    snprintf(own.symbol, sizeof(own.symbol), "P%d", number);
    mw_status status = mw_store_open(&options, &store, &err);
    for (uint32_t i = 1; status == MW_OK && i <= PROCESS_WRITES; i++) {
        status = write_minutes(store, &own, i, 5, &err);
        if (status == MW_OK)
            status = write_minutes(store, &keys[0], i, number + 1, &err);
    }
    if (status != MW_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    mw_store_close(store);
    return 0;
}

static void several_processes_make_and_write_one_file(void **state)
{
    pid_t processes[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = fork();
        assert_true(processes[i] >= 0);
        if (processes[i] == 0)
            _exit(run_process(*state, i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int how = -1;
        assert_int_equal(waitpid(processes[i], &how, 0), processes[i]);
        assert_int_equal(how, 0);
    }
    struct mw_store *store = store_file_open(*state);
    for (int i = 0; i < PROCESSES; i++) {
        struct mw_series_key own = {"process", "", {1, 'm'}};
        snprintf(own.symbol, sizeof(own.symbol), "P%d", i);
        assert_int_equal(count_rows(store, &own), PROCESS_WRITES);
    }
    assert_int_equal(count_rows(store, &keys[0]), PROCESS_WRITES);
    struct mw_error err;
    assert_int_equal(mw_store_check(store, &err), MW_OK);
    mw_store_close(store);
}

/* --- threads --------------------------------------------------------------------------------- */

struct scene {
    struct mw_store *store;
    _Atomic bool done;
    _Atomic uint32_t reads, wrong;
};

/* What is written together is read together: all rows have one price. */
static void read_once(struct scene *scene)
{
    struct mw_candle out[BLOCK + 1];
    uint32_t got = 0;
    struct mw_error err;
    bool right = mw_store_read_rows(scene->store,
                                    &(struct mw_store_query){.key = &keys[0],
                                                             .from_ms = INT64_MIN,
                                                             .until_ms = INT64_MAX,
                                                             .count = BLOCK + 1,
                                                             .newest = true},
                                    out, &got, &err) == MW_OK &&
                 got == BLOCK;
    for (uint32_t i = 0; right && i < got; i++)
        right = out[i].close == out[0].close;
    atomic_fetch_add(&scene->reads, 1);
    atomic_fetch_add(&scene->wrong, !right);
}

static void *read_on(void *user)
{
    struct scene *scene = user;
    while (!atomic_load(&scene->done))
        read_once(scene);
    return NULL;
}

static void *read_one(void *user)
{
    read_once(user);
    return NULL;
}

static void readers_see_whole_writes(void **state)
{
    struct scene scene = {.store = store_file_open(*state)};
    struct mw_error err;
    assert_int_equal(write_minutes(scene.store, &keys[0], BLOCK, 1, &err), MW_OK);
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &scene), 0);
    mw_status status = MW_OK;
    for (uint32_t i = 2; i < WRITES && status == MW_OK; i++)
        status = write_minutes(scene.store, &keys[0], BLOCK, i, &err);
    int64_t until_ms = mw_clock_monotonic_ms() + 20000; /* until each has surely read some */
    while (atomic_load(&scene.reads) < READERS * 4 && mw_clock_monotonic_ms() < until_ms)
        sched_yield();
    atomic_store(&scene.done, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(status, MW_OK);
    assert_true(scene.reads >= READERS * 4);
    assert_int_equal(scene.wrong, 0);
    mw_store_close(scene.store);
}

static void more_threads_than_connections_read(void **state)
{
    struct scene scene = {.store = store_file_open(*state)};
    struct mw_error err;
    assert_int_equal(write_minutes(scene.store, &keys[0], BLOCK, 1, &err), MW_OK);
    pthread_t threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_one, &scene), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(scene.reads, CROWD);
    assert_int_equal(scene.wrong, 0);
    mw_store_close(scene.store);
}

/* The log lies beside the file, not beside the link. */
static void what_another_process_writes_is_seen_through_a_link(void **state)
{
    char link[96];
    snprintf(link, sizeof(link), "%s.link", (const char *)*state);
    struct mw_store *writer, *reader;
    const struct mw_store_options options = {.path = *state};
    const struct mw_store_options through = {.path = link, .read_only = true, .must_exist = true};
    assert_int_equal(symlink(*state, link), 0);
    assert_int_equal(mw_store_open(&options, &writer, NULL), MW_OK);
    assert_int_equal(write_minutes(writer, &keys[0], 10, 7, NULL), MW_OK);
    assert_int_equal(mw_store_open(&through, &reader, NULL), MW_OK);
    assert_int_equal(count_rows(reader, &keys[0]), 10);
    assert_int_equal(write_minutes(writer, &keys[0], 20, 7, NULL), MW_OK);
    assert_int_equal(count_rows(reader, &keys[0]), 20);
    assert_true(mw_store_bytes(reader) == mw_store_bytes(writer));
    mw_store_close(reader);
    mw_store_close(writer);
    assert_int_equal(unlink(link), 0);
}

static void looking_at_a_file_makes_and_changes_nothing(void **state)
{
    char other[112];
    struct mw_error err;
    struct stat found;
    assert_int_equal(mw_store_look(*state, &err), MW_OK);
    assert_int_not_equal(stat(*state, &found), 0);
    fill(*state);
    assert_int_equal(mw_store_look(*state, &err), MW_OK);
    snprintf(other, sizeof(other), "%s-wal", (const char *)*state);
    assert_int_not_equal(stat(other, &found), 0);
    snprintf(other, sizeof(other), "%s/store.db", (const char *)*state);
    assert_int_equal(mw_store_look(other, &err), MW_EIO); /* a file is no folder */
    assert_non_null(strstr(err.message, "Not a directory"));
    assert_int_equal(mw_store_look("/", &err), MW_EIO);
    write_bytes(*state, "no database, but long enough for one of its pages to be read here", 64);
    assert_int_equal(mw_store_look(*state, &err), MW_EHISTORY);
}

/* What opening it for writing says as a user who may not; in a process of its own. */
static void expect_denied(const char *path)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct mw_store *store;
        struct mw_error err = {.message = ""};
        const struct mw_store_options options = {.path = path};
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(2);
        bool denied = mw_store_open(&options, &store, &err) == MW_EIO &&
                      strstr(err.message, "Permission denied") != NULL;
        _exit(denied ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void who_may_not_write_is_told_when_it_is_opened(void **state)
{
    char other[112], *folder = mw_strdup(*state);
    *strrchr(folder, '/') = '\0';
    snprintf(other, sizeof(other), "%s.other", (const char *)*state);
    struct mw_store *store = store_file_open(*state); /* which is in use besides */
    assert_int_equal(write_minutes(store, &keys[0], 10, 5, NULL), MW_OK);
    assert_int_equal(chmod(*state, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    expect_denied(*state);
    expect_denied(other);
    assert_int_equal(chmod(folder, 0700), 0);
    mw_store_close(store);
    mw_free(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_file_setup, store_file_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_file_is_an_error_and_nothing_worse),
        TEST(a_value_that_makes_no_sense_is_named),
        TEST(a_full_disk_is_an_error_until_there_is_room),
        TEST(who_waits_too_long_for_another_writer_is_told_so),
        TEST(several_processes_make_and_write_one_file),
        TEST(readers_see_whole_writes),
        TEST(more_threads_than_connections_read),
        TEST(what_another_process_writes_is_seen_through_a_link),
        TEST(looking_at_a_file_makes_and_changes_nothing),
        TEST(who_may_not_write_is_told_when_it_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
