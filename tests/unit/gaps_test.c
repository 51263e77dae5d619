/* gaps_test.c - ranges of buckets that are missing, against an array with one entry a bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "market/gaps.h"

enum { BUCKETS = 300, ROUNDS = 40, OPERATIONS = 300 };

/* Days whose last bucket is short, leap years, the turn of the epoch: each falls into the range. */
static const struct {
    const char *step, *start;
} cases[] = {
    {"1m", "2018-04-04T22:30Z"}, {"7m", "2018-04-04T12:00Z"}, {"90m", "1969-12-20"},
    {"1w", "2018-04-02"},        {"1M", "2010-01-01"},        {"5d", "1969-11-02"},
};

/* What the model knows of a bucket. */
enum { NONE, OPEN, GIVEN_UP };

struct bench {
    struct mw_timeframe timeframe;
    int64_t opens[BUCKETS + 1];
    uint8_t model[BUCKETS];
    struct mw_gaps gaps;
};

static void set_up(struct bench *bench, const char *step, const char *start)
{
    int64_t start_ms;
    *bench = (struct bench){0};
    assert_int_equal(mw_timeframe_parse(step, &bench->timeframe, NULL), MW_OK);
    assert_int_equal(mw_time_parse(start, &start_ms, NULL), MW_OK);
    bench->opens[0] = mw_timeframe_floor(bench->timeframe, start_ms);
    for (int i = 0; i < BUCKETS; i++)
        bench->opens[i + 1] = mw_timeframe_next(bench->timeframe, bench->opens[i]);
}

/* The list is the runs of the model, no more and no less. */
static void check_list(const struct bench *bench)
{
    uint32_t at = 0;
    for (int i = 0; i < BUCKETS; i++) {
        if (bench->model[i] == NONE || (i > 0 && bench->model[i] == bench->model[i - 1]))
            continue;
        int last = i;
        while (last + 1 < BUCKETS && bench->model[last + 1] == bench->model[i])
            last++;
        assert_true(at < bench->gaps.count);
        const struct mw_gap *gap = &bench->gaps.list[at++];
        assert_int_equal(gap->from_ms, bench->opens[i]);
        assert_int_equal(gap->to_ms, bench->opens[last]);
        assert_int_equal(gap->given_up, bench->model[i] == GIVEN_UP);
    }
    assert_int_equal(at, bench->gaps.count);
}

static void check_find(const struct bench *bench, int from, int to)
{
    int first = from;
    while (first <= to && bench->model[first] == NONE)
        first++;
    const struct mw_gap *found = mw_gaps_find(&bench->gaps, bench->opens[from], bench->opens[to]);
    assert_int_equal(found != NULL, first <= to);
    if (found != NULL)
        assert_true(found->from_ms <= bench->opens[first] && found->to_ms >= bench->opens[first]);
}

static void operate(struct bench *bench, uint64_t dice)
{
    int from = (int)(dice >> 8 & 0xffff) % BUCKETS;
    int to = from + (int)(dice >> 24 & 0xff) % (dice >> 32 & 1 ? 4 : 40);
    to = to < BUCKETS ? to : BUCKETS - 1;
    int64_t from_ms = bench->opens[from], to_ms = bench->opens[to];
    bool wanted = false, changed;
    for (int i = from; i <= to; i++) {
        uint8_t old = bench->model[i];
        if (dice % 3 == 0)
            bench->model[i] = OPEN;
        else if (dice % 3 == 1)
            bench->model[i] = NONE;
        else if (old == OPEN)
            bench->model[i] = GIVEN_UP;
        wanted |= bench->model[i] != old;
    }
    if (dice % 3 == 0)
        changed = mw_gaps_add(&bench->gaps, bench->timeframe, from_ms, to_ms);
    else if (dice % 3 == 1)
        changed = mw_gaps_remove(&bench->gaps, bench->timeframe, from_ms, to_ms);
    else
        changed = mw_gaps_give_up(&bench->gaps, bench->timeframe, from_ms, to_ms);
    assert_int_equal(changed, wanted);
}

static void random_operations_give_what_a_plain_array_gives(void **state)
{
    (void)state;
    struct mw_random random = {7};
    for (size_t c = 0; c < MW_COUNT(cases); c++) {
        for (int round = 0; round < ROUNDS; round++) {
            struct bench bench;
            set_up(&bench, cases[c].step, cases[c].start);
            for (int i = 0; i < OPERATIONS; i++) {
                operate(&bench, mw_random_next(&random));
                check_list(&bench);
                uint64_t dice = mw_random_next(&random);
                int from = (int)(dice % BUCKETS), to = from + (int)(dice >> 32 & 15);
                check_find(&bench, from, to < BUCKETS ? to : BUCKETS - 1);
            }
            mw_gaps_deinit(&bench.gaps);
        }
    }
}

static void opens_what_was_given_up_only_where_it_is_asked_to(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, "1m", "2018-04-04");
    const int64_t *opens = bench.opens;
    assert_true(mw_gaps_add(&bench.gaps, bench.timeframe, opens[10], opens[20]));
    assert_true(mw_gaps_give_up(&bench.gaps, bench.timeframe, opens[0], opens[299]));
    assert_false(mw_gaps_give_up(&bench.gaps, bench.timeframe, opens[0], opens[299]));
    assert_true(mw_gaps_add(&bench.gaps, bench.timeframe, opens[21], opens[21]));
    assert_int_equal(bench.gaps.count, 2);
    assert_true(bench.gaps.list[0].given_up);
    assert_false(bench.gaps.list[1].given_up);
    assert_true(mw_gaps_add(&bench.gaps, bench.timeframe, opens[15], opens[15]));
    assert_int_equal(bench.gaps.count, 4);
    assert_false(bench.gaps.list[1].given_up);
    mw_gaps_deinit(&bench.gaps);
}

static void an_empty_list_finds_and_changes_nothing(void **state)
{
    (void)state;
    struct mw_gaps gaps = {0};
    struct mw_timeframe minute = {1, 'm'};
    assert_null(mw_gaps_find(&gaps, INT64_MIN, INT64_MAX));
    assert_false(mw_gaps_remove(&gaps, minute, 0, MW_MS_PER_MINUTE));
    assert_false(mw_gaps_give_up(&gaps, minute, 0, MW_MS_PER_MINUTE));
    mw_gaps_deinit(&gaps);
    mw_gaps_deinit(&gaps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_give_what_a_plain_array_gives),
        cmocka_unit_test(opens_what_was_given_up_only_where_it_is_asked_to),
        cmocka_unit_test(an_empty_list_finds_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
