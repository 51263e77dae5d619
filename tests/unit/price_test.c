/* price_test.c - made-up prices are a pure function; numbers as text; bars unfold in order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/random.h"
#include "server/number.h"
#include "server/playback.h"
#include "server/price.h"

static const int64_t some_day_ms = 1784073600000; /* 2026-07-15T00:00:00Z */
static const int64_t minute_ms = MW_MS_PER_MINUTE;
static const struct mw_timeframe one_minute = {1, 'm'}, five_minutes = {5, 'm'},
                                 one_hour = {1, 'h'};

static bool same(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->open_ms == b->open_ms && a->open == b->open && a->high == b->high &&
           a->low == b->low && a->close == b->close && a->volume == b->volume &&
           a->turnover == b->turnover && a->trades == b->trades && a->state == b->state;
}

static void gives_the_same_candles_for_the_same_seed_only(void **state)
{
    (void)state;
    struct mw_price_model a, b, other_seed, other_symbol;
    mw_price_model_init(&a, 7, "BTCUSDT");
    mw_price_model_init(&b, 7, "BTCUSDT");
    mw_price_model_init(&other_seed, 8, "BTCUSDT");
    mw_price_model_init(&other_symbol, 7, "BTCUSDC");
    for (int64_t i = 0; i < 100; i++) {
        struct mw_candle first, second;
        mw_price_candle(&a, one_minute, some_day_ms + i * MW_MS_PER_MINUTE, &first);
        mw_price_candle(&b, one_minute, some_day_ms + i * MW_MS_PER_MINUTE, &second);
        assert_true(same(&first, &second));
        mw_price_candle(&other_seed, one_minute, some_day_ms + i * MW_MS_PER_MINUTE, &second);
        assert_false(same(&first, &second));
        mw_price_candle(&other_symbol, one_minute, some_day_ms + i * MW_MS_PER_MINUTE, &second);
        assert_false(same(&first, &second));
    }
}

/* Prices and volumes are whole numbers of small steps; compared as such, sums are exact. */
static int64_t steps_of(double value)
{
    return llround(value * MW_PRICE_VOLUME_SCALE);
}

static void makes_a_five_minute_bar_of_five_one_minute_bars(void **state)
{
    (void)state;
    static const char *const symbols[] = {"BTCUSDT", "ETHUSDT", "DOGEUSDT", "anything else"};
    for (size_t s = 0; s < MW_COUNT(symbols); s++) {
        struct mw_price_model model;
        mw_price_model_init(&model, 1, symbols[s]);
        for (int64_t i = 0; i < 24; i++) {
            int64_t open_ms = some_day_ms + i * 5 * MW_MS_PER_MINUTE;
            struct mw_candle five, one[5];
            mw_price_candle(&model, five_minutes, open_ms, &five);
            double high = 0, low = (double)INFINITY;
            int64_t volume = 0, turnover = 0, trades = 0;
            for (int64_t j = 0; j < 5; j++) {
                mw_price_candle(&model, one_minute, open_ms + j * MW_MS_PER_MINUTE, &one[j]);
                high = fmax(high, one[j].high);
                low = fmin(low, one[j].low);
                volume += steps_of(one[j].volume);
                turnover += steps_of(one[j].turnover);
                trades += one[j].trades;
            }
            assert_true(five.open == one[0].open && five.close == one[4].close);
            assert_true(five.high == high && five.low == low);
            assert_int_equal(steps_of(five.volume), volume);
            assert_int_equal(steps_of(five.turnover), turnover);
            assert_int_equal(five.trades, trades);
        }
    }
}

static void makes_candles_that_are_sane_and_move_like_a_market(void **state)
{
    (void)state;
    enum { BARS = 2000 };
    struct mw_price_model model;
    mw_price_model_init(&model, 3, "BTCUSDT");
    double squares = 0;
    for (int64_t i = 0; i < BARS; i++) {
        struct mw_candle candle;
        mw_price_candle(&model, one_minute, some_day_ms + i * MW_MS_PER_MINUTE, &candle);
        assert_int_equal(mw_candle_check(&candle, one_minute, candle.open_ms), MW_FAULT_NONE);
        assert_true(candle.volume > 0 && candle.turnover > 0 && candle.trades >= 60);
        assert_true(candle.low > 30000 && candle.high < 90000);
        squares += pow(candle.close / candle.open - 1, 2);
    }
    double deviation = sqrt(squares / BARS);
    assert_true(deviation > 0.0005 && deviation < 0.001);
}

static void gives_in_sequence_what_it_gives_at_random(void **state)
{
    (void)state;
    struct mw_price_model model;
    struct mw_price_walk walk = {0};
    mw_price_model_init(&model, 5, "ETHUSDT");
    /* Across the end of a month, of a day, and backwards at the end. */
    for (int64_t i = 0; i < 400; i++) {
        int64_t open_ms = some_day_ms + (i < 300 ? i : 500 - i) * MW_MS_PER_HOUR;
        struct mw_candle alone, walked;
        struct mw_price_bar bar;
        int64_t budget = INT64_MAX;
        mw_price_candle(&model, one_minute, open_ms, &alone);
        mw_price_bar_begin(&bar, open_ms);
        assert_true(
            mw_price_bar_extend(&bar, &model, &walk, open_ms + MW_MS_PER_MINUTE - 1, &budget));
        mw_price_bar_candle(&bar, &model, &walked);
        assert_int_equal(walked.state, MW_CANDLE_FORMING);
        walked.state = MW_CANDLE_CLOSED;
        assert_true(same(&alone, &walked));
    }
}

static void stops_within_a_budget_and_goes_on(void **state)
{
    (void)state;
    struct mw_price_model model;
    struct mw_price_walk walk = {0};
    struct mw_price_bar bar;
    mw_price_model_init(&model, 5, "ETHUSDT");
    mw_price_bar_begin(&bar, some_day_ms);
    int rounds = 0;
    bool all = false;
    while (!all) {
        int64_t budget = 1000;
        all = mw_price_bar_extend(&bar, &model, &walk, some_day_ms + MW_MS_PER_HOUR - 1, &budget);
        rounds++;
    }
    assert_int_equal(rounds, 4); /* 3,600 ticks */
    struct mw_candle whole, parts;
    mw_price_candle(&model, one_hour, some_day_ms, &whole);
    mw_price_bar_candle(&bar, &model, &parts);
    assert_true(whole.close == parts.close && whole.volume == parts.volume);
}

static void writes_numbers_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *shortest, *fixed;
    } cases[] = {
        {64117.67, "64117.67", "64117.67000000"},
        {0.38518, "0.38518", "0.38518000"},
        {24696.8811643, "24696.8811643", "24696.88116430"},
        {0.00000638, "0.00000638", "0.00000638"},
        {0, "0", "0.00000000"},
        {96708880, "96708880", "96708880.00000000"},
        {940099726.8286185, "940099726.8286185", "940099726.82861850"},
        {170000000.12345, "170000000.12345", "170000000.12345000"},
        {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
        {1e300, "1e+300", "1e+300"},
        {-1.5, "-1.5", "-1.50000000"},
        {1e-9, "1e-09", "1e-09"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[MW_NUMBER_TEXT_BYTES + 1];
        text[mw_number_shortest(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].shortest);
        text[mw_number_fixed(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].fixed);
    }
    char text[MW_NUMBER_TEXT_BYTES + 1];
    text[mw_number_integer(INT64_MIN, text)] = '\0';
    assert_string_equal(text, "-9223372036854775808");

    struct mw_random random = {.state = 1};
    for (int i = 0; i < 20000; i++) {
        double value = mw_random_unit(&random) * pow(10, (double)(mw_random_next(&random) % 16));
        if (i % 2 == 0)
            value = round(value * 100) / 100;
        double again;
        size_t length = mw_number_shortest(value, text);
        assert_true(mw_decimal_parse(text, length, &again) && again == value);
        length = mw_number_fixed(value, text);
        assert_true(mw_decimal_parse(text, length, &again) && again == value);
    }
}

static void make_stage(struct mw_stage *stage, double speed, int64_t start_ms)
{
    static const char *const symbols[] = {"BTCUSDT", "ETHUSDT"};
    const struct mw_timeframe timeframes[] = {one_minute, five_minutes};
    const struct mw_simulator_options options = {.protocol = "wealthdata",
                                                 .symbols = symbols,
                                                 .symbol_count = 2,
                                                 .timeframes = timeframes,
                                                 .timeframe_count = 2,
                                                 .seed = 1,
                                                 .speed = speed,
                                                 .start_ms = start_ms};
    assert_int_equal(mw_stage_init(stage, &options, NULL), MW_OK);
}

static void tells_events_of_all_series_in_time_order(void **state)
{
    (void)state;
    struct mw_stage stage;
    make_stage(&stage, 0, some_day_ms);
    struct mw_playback *playback = mw_playback_new(&stage);
    for (uint32_t i = 0; i < 4; i++)
        mw_playback_add(playback, i / 2, i % 2, some_day_ms);
    assert_int_equal(mw_playback_count(playback), 4);

    int64_t before_ms = 0, budget = INT64_MAX, open_ms[4] = {0};
    int forming[4] = {0}, closed_count = 0;
    bool forming_at_this_time = false;
    struct mw_playback_event event;
    while (mw_playback_next(playback, some_day_ms + MW_MS_PER_HOUR, &budget, &event) ==
           MW_PLAYBACK_EVENT) {
        uint32_t series = event.symbol * 2 + event.timeframe;
        bool closed = event.candle.state == MW_CANDLE_CLOSED;
        assert_true(event.time_ms >= before_ms);
        if (event.time_ms > before_ms)
            forming_at_this_time = false;
        assert_false(closed && forming_at_this_time);
        forming_at_this_time = forming_at_this_time || !closed;
        before_ms = event.time_ms;
        if (closed) {
            struct mw_candle whole;
            mw_price_candle(&stage.symbols[event.symbol].model,
                            stage.timeframes[event.timeframe].timeframe, event.candle.open_ms,
                            &whole);
            assert_true(same(&whole, &event.candle));
            assert_true(forming[series] >= 3 && open_ms[series] == event.candle.open_ms);
            assert_int_equal(event.time_ms, event.end_ms);
            forming[series] = 0;
            closed_count++;
        } else {
            forming[series]++;
            open_ms[series] = event.candle.open_ms;
        }
    }
    assert_int_equal(closed_count, 2 * (60 + 12));
    assert_true(mw_playback_remove(playback, 0, 0));
    assert_false(mw_playback_remove(playback, 0, 0));
    mw_playback_free(playback);
    mw_stage_deinit(&stage);
}

static void starts_a_late_series_with_the_bar_that_forms(void **state)
{
    (void)state;
    struct mw_stage stage;
    make_stage(&stage, 1, some_day_ms);
    struct mw_playback *playback = mw_playback_new(&stage);
    int64_t now_ms = some_day_ms + 2 * minute_ms + 59500, budget = INT64_MAX;
    mw_playback_add(playback, 0, 0, now_ms);
    mw_playback_add(playback, 0, 0, now_ms); /* again changes nothing */
    struct mw_playback_event event;
    assert_int_equal(mw_playback_next(playback, now_ms, &budget, &event), MW_PLAYBACK_EVENT);
    assert_int_equal(event.candle.state, MW_CANDLE_FORMING);
    assert_int_equal(event.candle.open_ms, some_day_ms + 2 * minute_ms);
    assert_int_equal(event.time_ms, some_day_ms + 2 * minute_ms + 59000);
    assert_int_equal(mw_playback_next(playback, now_ms, &budget, &event), MW_PLAYBACK_LATER);
    assert_int_equal(mw_playback_due_ms(playback), some_day_ms + 3 * minute_ms);
    budget = 0;
    mw_playback_add(playback, 0, 1, now_ms);
    assert_int_equal(mw_playback_next(playback, INT64_MAX, &budget, &event), MW_PLAYBACK_BUSY);
    mw_playback_free(playback);
    mw_stage_deinit(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_candles_for_the_same_seed_only),
        cmocka_unit_test(makes_a_five_minute_bar_of_five_one_minute_bars),
        cmocka_unit_test(makes_candles_that_are_sane_and_move_like_a_market),
        cmocka_unit_test(gives_in_sequence_what_it_gives_at_random),
        cmocka_unit_test(stops_within_a_budget_and_goes_on),
        cmocka_unit_test(writes_numbers_that_read_back),
        cmocka_unit_test(tells_events_of_all_series_in_time_order),
        cmocka_unit_test(starts_a_late_series_with_the_bar_that_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
