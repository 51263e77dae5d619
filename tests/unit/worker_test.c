/* worker_test.c - series to hooks: once, in order, losses told, and back from every loop. */
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
#include "base/clock.h"
#include "base/log.h"
#include "bind/bind_moonwick.h"
#include "script/worker.h"

enum { WAIT_MS = 20000, STOP_MS_MAX = 900, ATTEMPTS = 5 };

/* A worker with strategies from temporary files, and what they said. */
struct bench {
    struct mw_cache *cache;
    struct mw_worker *worker;
    struct mw_strategy *strategies[4];
    uint32_t strategy_count;
    struct mw_wake wake;
    struct mw_event_queue events;
};

static void on_event(void *user, const struct mw_event *event)
{
    struct bench *bench = user;
    mw_event_queue_put(&bench->events, event);
}

static void begin(struct bench *bench, uint32_t bars)
{
    *bench = (struct bench){.cache = mw_cache_new(bars)};
    mw_wake_init(&bench->wake);
    mw_event_queue_init(&bench->events, &bench->wake);
    assert_int_equal(mw_worker_new(bench->cache, &bench->worker, NULL), MW_OK);
}

static void end(struct bench *bench)
{
    mw_worker_free(bench->worker);
    for (uint32_t i = 0; i < bench->strategy_count; i++)
        mw_strategy_free(bench->strategies[i]);
    mw_cache_free(bench->cache);
    mw_event_queue_deinit(&bench->events);
    mw_wake_deinit(&bench->wake);
}

static struct mw_strategy *load(struct bench *bench, const char *code)
{
    char path[] = "/tmp/moonwick_strategy_XXXXXX.lua";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s", code) > 0);
    close(fd);
    /* Nothing here asks the engine. */
    const struct mw_strategy_options options = {.name = "tested",
                                                .file = path,
                                                .bindings = &mw_lua_bindings,
                                                .on_event = on_event,
                                                .user = bench};
    struct mw_error err = {.message = ""};
    struct mw_strategy *strategy = NULL;
    if (mw_strategy_load(&options, &strategy, &err) != MW_OK)
        print_error("%s\n", err.message);
    unlink(path);
    assert_non_null(strategy);
    assert_true(bench->strategy_count < MW_COUNT(bench->strategies));
    bench->strategies[bench->strategy_count++] = strategy;
    mw_worker_add(bench->worker, strategy);
    return strategy;
}

static struct mw_series *add_series(struct bench *bench, const char *symbol)
{
    struct mw_series_key key = {.feed = "demo", .timeframe = {1, 'm'}};
    snprintf(key.symbol, sizeof(key.symbol), "%s", symbol);
    struct mw_series *series;
    assert_int_equal(mw_cache_add(bench->cache, &key, &series, NULL), MW_OK);
    return series;
}

static void put(struct bench *bench, struct mw_series *series, int64_t minute, bool closed)
{
    const struct mw_candle candle = {.open_ms = minute * MW_MS_PER_MINUTE,
                                     .open = 1,
                                     .high = 1,
                                     .low = 1,
                                     .close = 1,
                                     .volume = (double)minute,
                                     .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                                     .closed_by =
                                         closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
    mw_cache_put(bench->cache, series, &candle, INT64_MAX / 2, NULL);
}

static void put_closed(struct bench *bench, struct mw_series *series, int64_t first, int64_t last)
{
    for (int64_t minute = first; minute <= last; minute++) {
        put(bench, series, minute, true);
        if (minute % 7 == 0 || minute == last)
            mw_cache_flush(bench->cache);
    }
}

static void start(struct bench *bench)
{
    assert_int_equal(mw_worker_start(bench->worker, 0, NULL), MW_OK);
}

/* The next event is a signal with this text. */
static void expect_signal(struct bench *bench, const char *text)
{
    struct mw_event event;
    while (!mw_event_queue_take(&bench->events, &event))
        assert_true(mw_wake_wait(&bench->wake, WAIT_MS));
    if (event.kind == MW_EVENT_ERROR)
        print_error("%s\n", event.error.message);
    assert_int_equal(event.kind, MW_EVENT_SIGNAL);
    assert_string_equal(event.strategy, "tested");
    assert_string_equal(event.text, text);
    mw_event_deinit(&event);
}

static void expect_error(struct bench *bench, const char *part)
{
    struct mw_event event;
    while (!mw_event_queue_take(&bench->events, &event))
        assert_true(mw_wake_wait(&bench->wake, WAIT_MS));
    assert_int_equal(event.kind, MW_EVENT_ERROR);
    assert_true(event.has_error);
    if (strstr(event.error.message, part) == NULL)
        print_error("%s\n", event.error.message);
    assert_non_null(strstr(event.error.message, part));
    mw_event_deinit(&event);
}

static void gets_each_bar_once_and_in_order_at_full_speed(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct bench bench;
    begin(&bench, COUNT);
    struct mw_strategy *strategy = load(
        &bench, "local s, next, bad = {}, { A = 1, B = 1 }, 0\n"
                "function s.handle_bar(context, bar)\n"
                "  if bar.volume ~= next[bar.symbol] then bad = bad + 1 end\n"
                "  next[bar.symbol] = next[bar.symbol] + 1\n"
                "  if next.A == 50001 and next.B == 50001 then context:signal('bad ' .. bad) end\n"
                "end\n"
                "return s\n");
    struct mw_series *first = add_series(&bench, "A"), *second = add_series(&bench, "B");
    mw_worker_watch(bench.worker, strategy, first);
    mw_worker_watch(bench.worker, strategy, second);
    mw_worker_watch(bench.worker, strategy, second); /* once is enough */
    start(&bench);
    for (int64_t minute = 1; minute <= COUNT; minute++) {
        put_closed(&bench, first, minute, minute);
        put_closed(&bench, second, minute, minute);
    }
    expect_signal(&bench, "bad 0");
    mw_worker_stop(bench.worker);
    struct mw_strategy_status status;
    mw_strategy_get_status(strategy, &status);
    assert_int_equal(status.bars, 2 * COUNT);
    assert_int_equal(status.lost, 0);
    assert_int_equal(status.errors, 0);
    assert_int_equal(status.signals, 1);
    end(&bench);
}

static void tells_of_what_the_ring_lost_before_what_is_left(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8);
    struct mw_strategy *strategy =
        load(&bench,
             "local s = {}\n"
             "function s.handle_state(context, event)\n"
             "  context:signal(event.kind .. ' ' .. event.symbol .. ' ' .. event.count)\n"
             "end\n"
             "function s.handle_bar(context, bar) context:signal(('%d'):format(bar.volume)) end\n"
             "return s\n");
    struct mw_series *series = add_series(&bench, "A");
    mw_worker_watch(bench.worker, strategy, series);
    put_closed(&bench, series, 1, 10);
    start(&bench);
    expect_signal(&bench, "lagged A 2");
    for (int minute = 3; minute <= 10; minute++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", minute);
        expect_signal(&bench, text);
    }
    struct mw_strategy_status status;
    mw_worker_stop(bench.worker);
    mw_strategy_get_status(strategy, &status);
    assert_int_equal(status.lost, 2);
    end(&bench);
}

/* Says each event and each bar as one text. */
static const char teller[] =
    "local s = {}\n"
    "function s.handle_state(context, e)\n"
    "  local range = e.from and (' %d-%d'):format(e.from // 60000, e.to // 60000) or ''\n"
    "  local value = e.bar and (' %d=%g'):format(e.bar.time // 60000, e.bar.volume) or ''\n"
    "  context:signal(('%s %s %s %s%s%s %s'):format(e.kind, e.feed, e.symbol, e.frequency, range,\n"
    "    value, e.count or e.strategy))\n"
    "end\n"
    "function s.handle_bar(context, bar)\n"
    "  assert(context.now == bar.close_time + 1)\n"
    "  context:signal(('%d%s'):format(bar.time // 60000, bar.proven and '' or ' in doubt'))\n"
    "end\n"
    "return s\n";

static void put_changed(struct bench *bench, struct mw_series *series, int64_t minute)
{
    const struct mw_candle candle = {.open_ms = minute * MW_MS_PER_MINUTE,
                                     .open = 1,
                                     .high = 1,
                                     .low = 1,
                                     .close = 1,
                                     .volume = 77,
                                     .state = MW_CANDLE_CLOSED,
                                     .closed_by = MW_CLOSED_BY_EXCHANGE};
    mw_cache_put(bench->cache, series, &candle, INT64_MAX / 2, NULL);
    mw_cache_flush(bench->cache);
}

static void holds_bars_back_and_tells_of_what_never_came(void **state)
{
    (void)state;
    enum { HOLD_MS = 80 };
    struct bench bench;
    begin(&bench, 50);
    struct mw_strategy *strategy = load(&bench, teller);
    struct mw_series *series = add_series(&bench, "A"), *other = add_series(&bench, "B");
    atomic_store(&mw_series_note(series)->gap_wait_ms, HOLD_MS);
    mw_worker_watch(bench.worker, strategy, series);
    mw_worker_watch(bench.worker, strategy, other);
    start(&bench);
    put_closed(&bench, series, 1, 1);
    expect_signal(&bench, "1");
    int64_t began_ms = mw_clock_monotonic_ms();
    put_closed(&bench, series, 4, 5);
    put_closed(&bench, other, 9, 9); /* nothing of B waits */
    expect_signal(&bench, "9");
    expect_signal(&bench, "gap demo A 1m 2-3 2"); /* nobody woke the worker */
    assert_true(mw_clock_monotonic_ms() - began_ms >= HOLD_MS);
    expect_signal(&bench, "4");
    expect_signal(&bench, "5");
    put(&bench, series, 3, true);
    mw_series_prove(series, INT64_C(2) * MW_MS_PER_MINUTE, INT64_C(2) * MW_MS_PER_MINUTE);
    mw_cache_touch(bench.cache, series);
    mw_cache_flush(bench.cache);
    expect_signal(&bench, "backfilled demo A 1m 2-3 1");
    put_changed(&bench, series, 4);
    expect_signal(&bench, "revised demo A 1m 4=77 tested");
    end(&bench);
}

static void goes_on_at_once_when_a_hole_is_filled_or_given_up(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 50);
    struct mw_strategy *strategy = load(&bench, teller);
    struct mw_series *series = add_series(&bench, "A");
    atomic_store(&mw_series_note(series)->gap_wait_ms, INT64_C(100) * WAIT_MS);
    mw_worker_watch(bench.worker, strategy, series);
    start(&bench);
    put_closed(&bench, series, 1, 1);
    put_closed(&bench, series, 4, 4);
    expect_signal(&bench, "1");
    put_closed(&bench, series, 2, 3);
    expect_signal(&bench, "2");
    expect_signal(&bench, "3");
    expect_signal(&bench, "4");
    put(&bench, series, 5, false);
    mw_series_interrupt(series);
    put_closed(&bench, series, 7, 7);
    mw_series_give_up(series, INT64_C(5) * MW_MS_PER_MINUTE, INT64_C(6) * MW_MS_PER_MINUTE);
    mw_cache_touch(bench.cache, series);
    mw_cache_flush(bench.cache);
    expect_signal(&bench, "gap demo A 1m 5-6 2");
    expect_signal(&bench, "5 in doubt");
    expect_signal(&bench, "7");
    end(&bench);
}

static void stops_while_bars_are_held(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 50);
    struct mw_strategy *strategy = load(&bench, teller);
    struct mw_series *series = add_series(&bench, "A");
    atomic_store(&mw_series_note(series)->gap_wait_ms, INT64_C(100) * WAIT_MS);
    mw_worker_watch(bench.worker, strategy, series);
    start(&bench);
    put_closed(&bench, series, 1, 1);
    put_closed(&bench, series, 4, 4);
    expect_signal(&bench, "1");
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_worker_stop(bench.worker);
    assert_in_range(mw_clock_monotonic_ms() - began_ms, 0, STOP_MS_MAX);
    end(&bench);
}

static void sees_closed_bars_before_the_forming_one(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8);
    struct mw_strategy *strategy = load(
        &bench,
        "local s = {}\n"
        "function s.handle_bar(context, bar) context:signal(('bar %d'):format(bar.volume)) end\n"
        "function s.handle_tick(context, bar) context:signal(('tick %d'):format(bar.volume)) end\n"
        "return s\n");
    struct mw_series *series = add_series(&bench, "A");
    mw_worker_watch(bench.worker, strategy, series);
    put(&bench, series, 1, false);
    put(&bench, series, 2, false);
    mw_cache_flush(bench.cache);
    start(&bench);
    expect_signal(&bench, "bar 1");
    expect_signal(&bench, "tick 2");
    put(&bench, series, 2, false); /* nothing new */
    put(&bench, series, 3, true);
    mw_cache_flush(bench.cache);
    expect_signal(&bench, "bar 2");
    expect_signal(&bench, "bar 3");
    end(&bench);
}

static void gives_new_series_to_those_who_want_all(void **state)
{
    (void)state;
    static const char code[] = "return { handle_bar = function(context, bar)\n"
                               "  context:signal(bar.symbol .. (' %d'):format(bar.volume))\n"
                               "end }\n";
    struct bench bench;
    begin(&bench, 8);
    load(&bench, code);
    load(&bench, "return { params = { symbol = 'A' },\n"
                 "  handle_bar = function(context) context:signal('never') end }\n");
    struct mw_series *series = add_series(&bench, "NEW");
    put_closed(&bench, series, 1, 2); /* before anybody could look */
    mw_worker_offer(bench.worker, series);
    start(&bench);
    expect_signal(&bench, "NEW 1");
    expect_signal(&bench, "NEW 2");
    struct mw_series *later = add_series(&bench, "LATER");
    put_closed(&bench, later, 1, 1);
    mw_worker_offer(bench.worker, later);
    mw_worker_offer(bench.worker, later);
    expect_signal(&bench, "LATER 1");
    put_closed(&bench, later, 2, 2);
    expect_signal(&bench, "LATER 2");
    end(&bench);
}

static void passes_events_on_and_goes_on_after_errors(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8);
    struct mw_strategy *strategy =
        load(&bench, "local s = {}\n"
                     "function s.init() error('not ready') end\n"
                     "function s.handle_state(context, event)\n"
                     "  context:signal(event.kind .. ' ' .. event.state .. ' ' .. event.feed)\n"
                     "end\n"
                     "function s.handle_bar(context, bar) error({ message = 'a table' }) end\n"
                     "function s.stop(context) context:signal('bye') end\n"
                     "return s\n");
    struct mw_series *series = add_series(&bench, "A");
    mw_worker_watch(bench.worker, strategy, series);
    start(&bench);
    expect_error(&bench, "not ready");
    struct mw_event event = {.kind = MW_EVENT_STATE, .feed = "demo"};
    event.state = MW_CONNECTION_CONFIRMED;
    mw_worker_post(bench.worker, &event);
    expect_signal(&bench, "state confirmed demo");
    put_closed(&bench, series, 1, 2);
    expect_error(&bench, "a table");
    expect_error(&bench, "a table");
    mw_worker_stop(bench.worker);
    mw_worker_stop(bench.worker); /* idempotent */
    expect_signal(&bench, "bye");
    struct mw_strategy_status status;
    mw_strategy_get_status(strategy, &status);
    assert_int_equal(status.errors, 3);
    assert_int_equal(status.bars, 2);
    end(&bench);
}

/* Whether a scene stops in time. A busy machine may let it be late; what is wrong is always
 * late. */
static bool is_prompt(int64_t (*play)(const char *code), const char *code)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++)
        if (play(code) <= STOP_MS_MAX)
            return true;
    return false;
}

/* Returns how long it takes to stop a worker whose strategy loops. */
static int64_t stop_one(const char *code)
{
    struct bench bench;
    begin(&bench, 8);
    load(&bench, code);
    start(&bench);
    expect_signal(&bench, "in");
    int64_t began_ms = mw_clock_monotonic_ms();
    mw_worker_stop(bench.worker);
    int64_t took_ms = mw_clock_monotonic_ms() - began_ms;
    expect_error(&bench, "interrupted by the engine");
    end(&bench);
    return took_ms;
}

static void comes_back_from_every_loop(void **state)
{
    (void)state;
    static const char *const loops[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function again() return pcall(again) and again() end while true do again() end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        ("local t = setmetatable({}, { __index = function(t) while true do end end }) "
         "while true do pcall(function() return t.x end) end"),
        "table.sort({ 1, 2, 3 }, function() while true do end end)",
        "while true do ('x'):rep(100):gsub('.', function() while true do end end) end",
    };
    for (size_t i = 0; i < MW_COUNT(loops); i++) {
        char code[512];
        snprintf(code, sizeof(code),
                 "return { init = function(context) context:signal('in') %s end,\n"
                 "  stop = function() while true do end end }\n",
                 loops[i]);
        if (!is_prompt(stop_one, code))
            fail_msg("%s", loops[i]);
    }
}

static void a_stuck_strategy_does_not_cost_others_their_stop_hook(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 8);
    load(&bench, "return { stop = function(context) context:signal('first') end }\n");
    load(&bench, "return { init = function(context) context:signal('in')\n"
                 "  while true do pcall(function() while true do end end) end end }\n");
    load(&bench, "return { stop = function(context) context:signal('last') end }\n");
    start(&bench);
    expect_signal(&bench, "in");
    mw_worker_stop(bench.worker);
    expect_error(&bench, "interrupted by the engine");
    expect_signal(&bench, "first");
    expect_signal(&bench, "last");
    end(&bench);
}

static int64_t stop_five(const char *code)
{
    struct bench benches[5];
    for (size_t i = 0; i < MW_COUNT(benches); i++) {
        begin(&benches[i], 8);
        load(&benches[i], code);
        start(&benches[i]);
        expect_signal(&benches[i], "in");
    }
    int64_t began_ms = mw_clock_monotonic_ms();
    for (size_t i = 0; i < MW_COUNT(benches); i++)
        mw_worker_stop_begin(benches[i].worker);
    for (size_t i = 0; i < MW_COUNT(benches); i++)
        mw_worker_stop(benches[i].worker);
    int64_t took_ms = mw_clock_monotonic_ms() - began_ms;
    for (size_t i = 0; i < MW_COUNT(benches); i++)
        end(&benches[i]);
    return took_ms;
}

static void stuck_workers_stop_together(void **state)
{
    (void)state;
    assert_true(is_prompt(stop_five, "return { init = function(context) context:signal('in')\n"
                                     "  while true do end end }\n"));
}

static int be_quiet(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_OFF);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_each_bar_once_and_in_order_at_full_speed),
        cmocka_unit_test(tells_of_what_the_ring_lost_before_what_is_left),
        cmocka_unit_test(holds_bars_back_and_tells_of_what_never_came),
        cmocka_unit_test(goes_on_at_once_when_a_hole_is_filled_or_given_up),
        cmocka_unit_test(stops_while_bars_are_held),
        cmocka_unit_test(sees_closed_bars_before_the_forming_one),
        cmocka_unit_test(gives_new_series_to_those_who_want_all),
        cmocka_unit_test(passes_events_on_and_goes_on_after_errors),
        cmocka_unit_test(comes_back_from_every_loop),
        cmocka_unit_test(a_stuck_strategy_does_not_cost_others_their_stop_hook),
        cmocka_unit_test(stuck_workers_stop_together),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
