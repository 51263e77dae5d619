/* follow_test.c - what the followers of a series hear of. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "market/series.h"

static const int64_t now = 4000000000000;

static struct mw_series *minutes(uint32_t capacity)
{
    struct mw_series_key key = {.feed = "demo", .symbol = "X", .timeframe = {1, 'm'}};
    return mw_series_new(&key, capacity);
}

static int64_t at(int64_t index)
{
    return index * MW_MS_PER_MINUTE;
}

static void put(struct mw_series *series, int64_t index, bool closed, double volume)
{
    struct mw_candle candle = {.open_ms = at(index),
                               .open = 100,
                               .high = 200,
                               .low = 50,
                               .close = 150,
                               .volume = volume,
                               .turnover = (double)NAN,
                               .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                               .closed_by = closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
    assert_true(mw_series_put(series, &candle, now, NULL) <= MW_PUT_SAME);
}

static void expect(struct mw_follower *follower, int64_t from, int64_t to)
{
    struct mw_range range;
    assert_true(mw_follower_is_behind(follower));
    assert_true(mw_follower_take(follower, &range));
    assert_int_equal(range.from_ms, at(from));
    assert_int_equal(range.to_ms, at(to));
}

static void expect_nothing(struct mw_follower *follower)
{
    struct mw_range range = {.from_ms = 1, .to_ms = 2};
    assert_false(mw_follower_is_behind(follower));
    assert_false(mw_follower_take(follower, &range));
    assert_int_equal(range.from_ms, 1);
}

static void hears_of_bars_when_they_close(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    struct mw_follower *follower = mw_series_follow(series);
    expect_nothing(follower);
    put(series, 1, false, 1);
    put(series, 1, false, 2);
    expect_nothing(follower);
    put(series, 1, true, 3);
    expect(follower, 1, 1);
    put(series, 2, true, 1);
    put(series, 3, false, 1);
    put(series, 4, false, 1); /* its successor closes 3 */
    expect(follower, 2, 3);
    assert_true(mw_series_close_newest(series, at(4)));
    expect(follower, 4, 4);
    expect_nothing(follower);
    mw_series_free(series);
}

static void hears_of_holes_and_what_fills_them(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    struct mw_follower *follower = mw_series_follow(series);
    put(series, 1, true, 1);
    put(series, 6, true, 1);
    expect(follower, 1, 6);
    put(series, 3, true, 1);
    expect(follower, 3, 3);
    mw_series_give_up(series, at(2), at(2));
    expect(follower, 2, 2);
    mw_series_prove(series, at(1), at(6)); /* 2, 4 and 5 were holes */
    struct mw_range range;
    assert_true(mw_follower_take(follower, &range));
    assert_true(range.from_ms <= at(2));
    while (range.to_ms < at(5))
        assert_true(mw_follower_take(follower, &range));
    expect_nothing(follower);
    mw_series_free(series);
}

static void hears_of_revisions(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    put(series, 1, true, 1);
    put(series, 2, true, 1);
    put(series, 3, true, 1);
    struct mw_follower *follower = mw_series_follow(series);
    expect(follower, 1, 3); /* what was there before it came */
    put(series, 2, true, 5);
    expect(follower, 2, 2);
    put(series, 2, true, 5); /* the same again */
    expect_nothing(follower);
    mw_series_free(series);
}

static void takes_back_what_could_not_be_done(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    struct mw_follower *follower = mw_series_follow(series);
    put(series, 1, true, 1);
    put(series, 2, true, 1);
    struct mw_range range;
    assert_true(mw_follower_take(follower, &range));
    expect_nothing(follower);
    put(series, 3, true, 1);
    mw_follower_return(follower, &range);
    expect(follower, 1, 3);
    mw_series_free(series);
}

static void followers_are_apart_and_can_leave(void **state)
{
    (void)state;
    struct mw_series *series = minutes(10);
    struct mw_follower *first = mw_series_follow(series), *second = mw_series_follow(series);
    put(series, 1, true, 1);
    expect(first, 1, 1);
    expect(second, 1, 1);
    mw_series_unfollow(first);
    mw_series_unfollow(NULL);
    put(series, 2, true, 1);
    expect(second, 2, 2);
    mw_series_free(series); /* and the one that is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_of_bars_when_they_close),
        cmocka_unit_test(hears_of_holes_and_what_fills_them),
        cmocka_unit_test(hears_of_revisions),
        cmocka_unit_test(takes_back_what_could_not_be_done),
        cmocka_unit_test(followers_are_apart_and_can_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
