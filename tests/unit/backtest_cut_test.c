/* backtest_cut_test.c - a run over the first part of the data says what the whole one says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backtest_bench.h"

enum { MINUTES = 120 };

static const char script[] =
    "local function tell(context, bar)\n"
    "  local words = { bar.symbol, bar.frequency, bar.time, bar.close, bar.volume }\n"
    "  for _, symbol in ipairs { 'A', 'B' } do\n"
    "    for _, frequency in ipairs { '1m', '3m', '7m', '30m' } do\n"
    "      local bars = get_price(symbol, { count = 5, frequency = frequency })\n"
    "      words[#words + 1] = #bars .. tostring(bars.reason)\n"
    "      words[#words + 1] = #bars > 0 and bars.volume:sum() or 0\n"
    "    end\n"
    "  end\n"
    "  if bar.time // 60000 % 11 == 3 then context:buy(bar.symbol, 1) end\n"
    "  if bar.time // 60000 % 13 == 5 then context:close(bar.symbol) end\n"
    "  words[#words + 1] = context.equity\n"
    "  context:signal(table.concat(words, ' '))\n"
    "end\n"
    "return { subscriptions = function() return { { symbol = 'A', frequency = '1m' },\n"
    "  { symbol = 'B', frequency = '1m' }, { symbol = 'A', frequency = '7m' },\n"
    "  { symbol = 'B', frequency = '30m' } } end, handle_bar = tell,\n"
    "  handle_state = function(context, event)\n"
    "    context:signal(event.kind .. ' ' .. (event.from or ''))\n"
    "  end }\n";

/* The signals of `bench` have to be the first of `whole`: all that came until `until_ms`. */
static void expect_same(const struct backtest_bench *whole, const struct backtest_bench *bench,
                        int64_t until_ms)
{
    const struct mw_backtest_result *all = whole->result, *part = bench->result;
    uint32_t count = 0;
    while (count < all->signal_count && all->signals[count].time_ms <= until_ms)
        count++;
    assert_true(count > 0);
    assert_int_equal(part->signal_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(part->signals[i].time_ms, all->signals[i].time_ms);
        assert_string_equal(part->signals[i].text, all->signals[i].text);
    }
    for (uint32_t i = 0; i < part->point_count; i++)
        assert_memory_equal(&part->points[i].equity, &all->points[i].equity, sizeof(double));
}

static void run_part(const char *pattern_a, const char *pattern_b, bool holes)
{
    struct backtest_bench whole;
    backtest_begin(&whole, script);
    void (*add)(struct backtest_bench *, const char *, const char *, int64_t, uint32_t,
                const char *) = holes ? backtest_add_holes : backtest_add;
    add(&whole, "A", "1m", 0, MINUTES, pattern_a);
    add(&whole, "B", "1m", 5, MINUTES, pattern_b);
    if (!backtest_run(&whole))
        fail_msg("%s", whole.err.message);
    assert_true(whole.result->signal_count > MINUTES);
    for (int k = 6; k < MINUTES; k += 3) {
        struct backtest_bench bench;
        backtest_begin(&bench, script);
        mw_dataset_unref(bench.data);
        bench.data = bench.options.data = mw_dataset_ref(whole.data);
        bench.options.to_ms = backtest_ms(k - 1);
        bench.options.name = whole.options.name;
        if (!backtest_run(&bench))
            fail_msg("%s", bench.err.message);
        expect_same(&whole, &bench, bench.result->to_ms);
        backtest_end(&bench);
        if (holes) /* what lies after the last row is not in the first rows */
            continue;
        backtest_begin(&bench, script);
        backtest_add(&bench, "A", "1m", 0, (uint32_t)k, pattern_a);
        backtest_add(&bench, "B", "1m", 5, (uint32_t)(k - 5), pattern_b);
        if (!backtest_run(&bench))
            fail_msg("%s", bench.err.message);
        expect_same(&whole, &bench, bench.result->to_ms);
        backtest_end(&bench);
    }
    backtest_end(&whole);
}

static void a_part_of_dense_data_says_the_same(void **state)
{
    (void)state;
    run_part(NULL, NULL, false);
}

static void a_part_of_data_with_silence_says_the_same(void **state)
{
    (void)state;
    run_part("xxxx..x.xx.......x", "x.xxxxxxx...x", false);
}

static void a_part_of_data_with_holes_says_the_same(void **state)
{
    (void)state;
    run_part("xxxx..x.xx.......x", "x.xxxxxxx...x", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_dense_data_says_the_same),
        cmocka_unit_test(a_part_of_data_with_silence_says_the_same),
        cmocka_unit_test(a_part_of_data_with_holes_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
