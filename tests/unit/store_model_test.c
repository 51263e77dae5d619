/* store_model_test.c - random parts, held against a list of buckets after each write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "store_file.h"

enum { BUCKETS = 60, SERIES = 3, ROUNDS = 1500 };

/* What a store knows of one bucket. */
enum knowledge { UNKNOWN, KNOWN, OPEN_HOLE, GIVEN_UP };

struct bucket {
    enum knowledge what;
    bool has_row;
    struct mw_candle row;
};

struct model {
    struct mw_series_key key;
    int64_t opens[BUCKETS + 1]; /* the one after the last too */
    struct bucket buckets[BUCKETS];
};

/* Lengths that cut days and months unevenly. */
static const struct mw_series_key keys[SERIES] = {
    {"demo", "BTC-USD", {1, 'm'}}, {"demo", "BTC-USD", {7, 'h'}}, {"other", "BTC-USD", {1, 'M'}}};

static uint32_t below(struct mw_random *random, uint32_t count)
{
    return (uint32_t)(mw_random_next(random) % count);
}

static void make_model(struct model *model, const struct mw_series_key *key)
{
    *model = (struct model){.key = *key};
    model->opens[0] = mw_timeframe_floor(key->timeframe, 951700000000); /* February 2000 */
    for (uint32_t i = 0; i < BUCKETS; i++)
        model->opens[i + 1] = mw_timeframe_next(key->timeframe, model->opens[i]);
}

/* --- writing --------------------------------------------------------------------------------- */

struct made_part {
    struct mw_store_part part;
    struct mw_candle rows[BUCKETS];
    struct mw_gap holes[BUCKETS];
    uint32_t from, to; /* indexes of buckets */
};

static void make_part(struct mw_random *random, const struct model *model, struct made_part *made)
{
    made->from = below(random, BUCKETS);
    made->to = made->from + below(random, below(random, 4) == 0 ? BUCKETS : 6);
    if (made->to >= BUCKETS)
        made->to = BUCKETS - 1;
    made->part = (struct mw_store_part){.key = &model->key,
                                        .from_ms = model->opens[made->from],
                                        .to_ms = model->opens[made->to],
                                        .rows = made->rows,
                                        .holes = made->holes,
                                        .keep = below(random, 4) == 0};
    for (uint32_t i = made->from; i <= made->to; i++) {
        const struct bucket *bucket = &model->buckets[i];
        if (below(random, 3) != 0)
            made->rows[made->part.row_count++] = bucket->has_row && below(random, 2) == 0
                                                     ? bucket->row
                                                     : store_random_candle(random, model->opens[i]);
    }
    for (uint32_t i = made->from; i <= made->to; i++) {
        if (below(random, 4) != 0)
            continue;
        uint32_t end = i + below(random, 3);
        end = end > made->to ? made->to : end;
        made->holes[made->part.hole_count++] =
            (struct mw_gap){model->opens[i], model->opens[end], below(random, 3) == 0};
        i = end;
    }
}

static bool is_known(const struct model *model, uint32_t i)
{
    return model->buckets[i].what != UNKNOWN;
}

static void apply(struct model *model, const struct made_part *made, struct mw_stored *stored)
{
    for (uint32_t i = made->from; i <= made->to; i++)
        model->buckets[i].what = KNOWN;
    uint32_t hole = 0;
    for (uint32_t i = made->from; i <= made->to && hole < made->part.hole_count; i++) {
        const struct mw_gap *gap = &made->holes[hole];
        if (model->opens[i] >= gap->from_ms)
            model->buckets[i].what = gap->given_up ? GIVEN_UP : OPEN_HOLE;
        hole += model->opens[i] == gap->to_ms;
    }
    uint32_t row = 0;
    for (uint32_t i = made->from; i <= made->to && row < made->part.row_count; i++) {
        struct bucket *bucket = &model->buckets[i];
        const struct mw_candle *given = &made->rows[row];
        if (given->open_ms != model->opens[i])
            continue;
        row++;
        if (!bucket->has_row)
            stored->rows++;
        else if (given->close == bucket->row.close)
            continue;
        else if (made->part.keep)
            stored->differing++;
        else
            stored->replaced++;
        if (!bucket->has_row || !made->part.keep)
            bucket->row = *given;
        bucket->has_row = true;
    }
    /* What lies between two stretches that are known is a hole. */
    uint32_t first = 0, last = BUCKETS - 1;
    while (!is_known(model, first))
        first++;
    while (!is_known(model, last))
        last--;
    for (uint32_t i = first; i <= last; i++)
        if (!is_known(model, i))
            model->buckets[i].what = OPEN_HOLE;
}

/* --- erasing --------------------------------------------------------------------------------- */

static void erase(struct mw_random *random, struct mw_store *store, struct model *model)
{
    uint32_t before = below(random, BUCKETS), count_max = 1 + below(random, 20), count = 0,
             want = 0;
    int64_t before_ms = model->opens[before] + (below(random, 2) == 0 ? 0 : 1);
    for (uint32_t i = 0; i < BUCKETS && model->opens[i] < before_ms && want < count_max; i++) {
        want += model->buckets[i].has_row;
        model->buckets[i] = (struct bucket){0};
    }
    struct mw_error err;
    if (mw_store_erase_before(store, &model->key, before_ms, count_max, &count, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(count, want);
}

/* --- comparing ------------------------------------------------------------------------------- */

static void compare_rows(struct mw_random *random, struct mw_store *store,
                         const struct model *model)
{
    uint32_t from = below(random, BUCKETS), until = from + below(random, BUCKETS - from);
    uint32_t count = below(random, BUCKETS + 5), got = 99, seen = 0, have = 0;
    bool newest = below(random, 2) == 0;
    struct mw_candle out[BUCKETS + 5];
    struct mw_error err;
    struct mw_store_query query = {.key = &model->key,
                                   .from_ms = model->opens[from],
                                   .until_ms = model->opens[until],
                                   .count = count,
                                   .newest = newest};
    mw_status status = mw_store_read_rows(store, &query, out, &got, &err);
    if (status != MW_OK)
        fail_msg("%s", err.message);
    for (uint32_t i = from; i <= until; i++)
        have += model->buckets[i].has_row;
    uint32_t skip = newest && have > count ? have - count : 0;
    for (uint32_t i = from; i <= until && seen < got; i++) {
        if (!model->buckets[i].has_row)
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        store_assert_same(&out[seen], &model->buckets[i].row);
        assert_int_equal(out[seen].source, MW_SOURCE_STORE);
        seen++;
    }
    assert_int_equal(got, have < count ? have : count);
    assert_int_equal(seen, got);
}

static void compare_holes(struct mw_store *store, const struct model *model, uint64_t *missing)
{
    struct mw_gap want[BUCKETS];
    struct mw_gaps got = {0};
    uint32_t want_count = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        enum knowledge what = model->buckets[i].what;
        if (what != OPEN_HOLE && what != GIVEN_UP)
            continue;
        ++*missing;
        if (i == 0 || model->buckets[i - 1].what != what)
            want[want_count++] = (struct mw_gap){model->opens[i], 0, what == GIVEN_UP};
        want[want_count - 1].to_ms = model->opens[i];
    }
    struct mw_error err;
    if (mw_store_read_holes(store,
                            &(struct mw_store_query){
                                .key = &model->key, .from_ms = INT64_MIN, .until_ms = INT64_MAX},
                            &got, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(got.count, want_count);
    for (uint32_t i = 0; i < want_count; i++) {
        assert_int_equal(got.list[i].from_ms, want[i].from_ms);
        assert_int_equal(got.list[i].to_ms, want[i].to_ms);
        assert_int_equal(got.list[i].given_up, want[i].given_up);
    }
    mw_gaps_deinit(&got);
}

static void compare(struct mw_random *random, struct mw_store *store, const struct model *model)
{
    struct mw_store_series series;
    struct mw_error err;
    bool found, known = false;
    assert_int_equal(mw_store_find(store, &model->key, &series, &found, &err), MW_OK);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        if (!is_known(model, i))
            continue;
        if (!known)
            assert_int_equal(series.first_ms, model->opens[i]);
        known = true;
        if (i == BUCKETS - 1 || !is_known(model, i + 1))
            assert_int_equal(series.last_ms, model->opens[i]);
    }
    assert_int_equal(found, known);
    compare_rows(random, store, model);
    uint64_t missing = 0, rows = 0;
    compare_holes(store, model, &missing);
    for (uint32_t i = 0; i < BUCKETS; i++)
        rows += model->buckets[i].has_row;
    struct mw_store_counts counts;
    assert_int_equal(mw_store_count(store, &model->key, &counts, &err), MW_OK);
    assert_int_equal(counts.rows, rows);
    assert_int_equal(counts.missing, missing);
    assert_int_equal(counts.by_source[MW_SOURCE_LIVE], rows);
}

/* --- the test -------------------------------------------------------------------------------- */

static void write_parts(struct mw_random *random, struct mw_store *store, struct model *models)
{
    struct made_part made[3];
    struct mw_store_part parts[3];
    uint32_t count = 1 + below(random, 3);
    struct mw_stored want = {0}, got = {99, 99, 99};
    for (uint32_t i = 0; i < count; i++) {
        struct model *model = &models[below(random, SERIES)];
        make_part(random, model, &made[i]);
        parts[i] = made[i].part;
        apply(model, &made[i], &want);
    }
    struct mw_error err;
    if (mw_store_write(store, parts, count, &got, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(got.rows, want.rows);
    assert_int_equal(got.replaced, want.replaced);
    assert_int_equal(got.differing, want.differing);
}

static void a_store_is_what_was_written_to_it(void **state)
{
    static struct model models[SERIES];
    for (uint32_t i = 0; i < SERIES; i++)
        make_model(&models[i], &keys[i]);
    struct mw_random random = {4};
    struct mw_store *store = store_file_open(*state);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (below(&random, 5) == 0)
            erase(&random, store, &models[below(&random, SERIES)]);
        else
            write_parts(&random, store, models);
        for (uint32_t i = 0; i < SERIES; i++)
            compare(&random, store, &models[i]);
        if (below(&random, 100) == 0) {
            struct mw_error err;
            if (mw_store_check(store, &err) != MW_OK)
                fail_msg("%s", err.message);
            mw_store_close(store);
            store = store_file_open(*state);
        }
    }
    mw_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_store_is_what_was_written_to_it, store_file_setup,
                                        store_file_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
