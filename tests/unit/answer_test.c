/* answer_test.c - why an answer of get_price is not complete, and that it never lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "bind/bind.h"
#include "bind/bind_frame.h"
#include "bind/bind_moonwick.h"
#include "script/vm.h"

enum { RING = 200, RUN_MS = 1200, STARVED_MS = 8000, WINDOW = 60 };

static const char settings_source[] =
    "return { feeds = { { name = 'made', protocol = 'wealthdata', symbols = { 'BTCUSDT' },"
    " endpoint = 'ws://127.0.0.1:9/' } }, cache = { bars = 200 } }";

/* An engine that never starts, whose cache is filled by hand. */
struct bench {
    struct mw_vm *vm;
    lua_State *L;
    struct mw_engine *engine;
    struct mw_cache *cache;
    struct mw_series *series;
    int64_t now_ms; /* engine time of what is asked */
};

/* get_price(symbol, options) -> frame. Upvalues: bench, memo */
static int get_price(lua_State *L)
{
    const struct bench *bench = lua_touserdata(L, lua_upvalueindex(1));
    return mw_bind_get_price(L, mw_engine_market(bench->engine), lua_upvalueindex(2), 1,
                             bench->now_ms);
}

static void open_core(lua_State *L, void *user)
{
    (void)user;
    luaL_requiref(L, "moonwick.core", luaopen_moonwick_core, 0);
    lua_pop(L, 1);
}

static void begin(struct bench *bench)
{
    const struct mw_vm_options options = {.bytes_max = MW_LUA_BYTES_DEFAULT, .open = open_core};
    struct mw_settings *settings;
    *bench = (struct bench){.now_ms = INT64_MAX};
    assert_int_equal(mw_vm_new(&options, &bench->vm, NULL), MW_OK);
    bench->L = mw_vm_state(bench->vm);
    assert_int_equal(luaL_dostring(bench->L, settings_source), LUA_OK);
    assert_int_equal(mw_settings_load_table(bench->L, -1, &settings, NULL), MW_OK);
    assert_int_equal(mw_engine_open(settings, &mw_lua_bindings, &bench->engine, NULL), MW_OK);
    bench->cache = mw_engine_cache(bench->engine);
    assert_int_equal(mw_cache_find(bench->cache, "made", "BTCUSDT", (struct mw_timeframe){1, 'm'},
                                   &bench->series),
                     1);
    mw_series_set_health(bench->series, MW_SERIES_LIVE);
    lua_settop(bench->L, 0);
    lua_pushlightuserdata(bench->L, bench);
    lua_newtable(bench->L);
    lua_pushcclosure(bench->L, get_price, 2);
    lua_setglobal(bench->L, "get_price");
}

static void end(struct bench *bench)
{
    mw_vm_free(bench->vm);
    mw_engine_free(bench->engine);
}

static int64_t ms_of(int64_t minute)
{
    return minute * MW_MS_PER_MINUTE;
}

/* The right values of a bar, or with `lacking` those before its last update. */
static struct mw_candle candle_at(int64_t minute, bool closed, bool lacking)
{
    double close = 100 + (double)(minute % 50);
    return (struct mw_candle){.open_ms = ms_of(minute),
                              .open = close,
                              .high = close,
                              .low = close,
                              .close = close,
                              .volume = lacking ? 1 : 2,
                              .state = closed ? MW_CANDLE_CLOSED : MW_CANDLE_FORMING,
                              .closed_by = closed ? MW_CLOSED_BY_EXCHANGE : MW_CLOSED_BY_NOBODY};
}

static void put(struct bench *bench, int64_t minute, bool closed)
{
    const struct mw_candle candle = candle_at(minute, closed, false);
    mw_series_put(bench->series, &candle, INT64_MAX / 2, NULL);
}

/* Of a venue that says itself when a bar closes. */
static void put_flagged(struct bench *bench, int64_t minute)
{
    struct mw_candle candle = candle_at(minute, false, true);
    candle.flags = MW_CANDLE_FLAGGED;
    mw_series_put(bench->series, &candle, INT64_MAX / 2, NULL);
}

/* "3 gap": how many bars, and the reason or "complete". */
static void expect(struct bench *bench, const char *options, const char *wanted)
{
    char code[256], said[64];
    snprintf(code, sizeof(code),
             "local function at(minute) return minute * 60000 end "
             "return get_price('BTCUSDT', { %s })",
             options);
    if (luaL_dostring(bench->L, code) != LUA_OK)
        print_error("%s\n", lua_tostring(bench->L, -1));
    const struct mw_frame *frame = luaL_testudata(bench->L, -1, MW_FRAME_TYPE);
    assert_non_null(frame);
    assert_int_equal(frame->complete, frame->reason == NULL);
    snprintf(said, sizeof(said), "%u %s", frame->count,
             frame->complete ? "complete" : frame->reason);
    if (strcmp(said, wanted) != 0)
        print_error("%s\n", options);
    assert_string_equal(said, wanted);
    lua_settop(bench->L, 0);
}

static void too_few_bars_are_warming_or_short(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "", "0 warming");
    expect(&bench, "count = 1", "0 warming");
    put(&bench, 1000, true);
    put(&bench, 1001, true);
    put(&bench, 1002, false);
    expect(&bench, "", "2 complete");
    expect(&bench, "count = 2", "2 complete");
    expect(&bench, "count = 3", "2 warming");
    expect(&bench, "count = 3, forming = true", "3 complete");
    expect(&bench, "start = at(1000)", "2 complete");
    expect(&bench, "start = at(1000) - 59999", "2 complete");
    expect(&bench, "start = at(999)", "2 short");
    expect(&bench, "count = 2, finish = at(1000)", "1 short");
    for (int64_t minute = 1002; minute < 1300; minute++)
        put(&bench, minute, true);
    expect(&bench, "count = 201", "200 short");
    expect(&bench, "start = at(1099)", "200 short");
    expect(&bench, "start = at(1100)", "200 complete");
    expect(&bench, "start = at(1100), finish = at(1100)", "1 complete");
    end(&bench);
}

static void what_nobody_keeps_up_to_date_is_unsubscribed(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put(&bench, 1, true);
    mw_series_set_health(bench.series, MW_SERIES_IDLE);
    expect(&bench, "count = 1", "1 unsubscribed");
    expect(&bench, "count = 1, frequency = '7m'", "0 unsubscribed");
    end(&bench);
}

static void a_hole_anywhere_in_the_window_is_a_gap(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int64_t minute = 1; minute <= 20; minute++)
        if (minute != 8 && minute != 9)
            put(&bench, minute, true);
    expect(&bench, "count = 11", "11 complete");
    expect(&bench, "count = 12", "12 gap");
    expect(&bench, "start = at(10)", "11 complete");
    expect(&bench, "start = at(9)", "11 gap"); /* before the first row */
    expect(&bench, "start = at(3), finish = at(7)", "5 complete");
    expect(&bench, "start = at(3), finish = at(8)", "5 gap"); /* after the last */
    expect(&bench, "count = 2, finish = at(9)", "2 gap");
    expect(&bench, "start = at(8), finish = at(9)", "0 gap");
    mw_series_give_up(bench.series, ms_of(8), ms_of(9));
    expect(&bench, "count = 12", "12 gap");
    mw_series_prove(bench.series, ms_of(8), ms_of(8));
    expect(&bench, "start = at(8), finish = at(8)", "0 complete"); /* it was quiet */
    expect(&bench, "count = 12", "12 gap");
    put(&bench, 9, true);
    expect(&bench, "count = 12", "12 complete");
    expect(&bench, "", "19 complete");
    expect(&bench, "start = at(8)", "12 complete");
    expect(&bench, "start = at(30), finish = at(31)", "0 short"); /* to come */
    expect(&bench, "start = at(9), finish = at(8)", "0 short");
    end(&bench);
}

static void a_bar_that_may_lack_updates_is_a_gap(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put(&bench, 1, true);
    put_flagged(&bench, 2);
    put_flagged(&bench, 3);
    expect(&bench, "count = 2", "2 gap");
    expect(&bench, "count = 1, finish = at(1)", "1 complete");
    put(&bench, 2, true);
    expect(&bench, "count = 2", "2 complete");
    expect(&bench, "count = 3, forming = true", "3 complete");
    mw_series_interrupt(bench.series);
    expect(&bench, "count = 3, forming = true", "3 gap");
    expect(&bench, "count = 2", "2 stale"); /* what forms may have closed */
    put(&bench, 3, false);
    expect(&bench, "count = 3, forming = true", "3 complete");
    end(&bench);
}

static void an_interrupted_series_is_stale_but_not_its_past(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int64_t minute = 1; minute <= 10; minute++)
        put(&bench, minute, true);
    mw_series_set_health(bench.series, MW_SERIES_STALE);
    expect(&bench, "count = 5", "5 stale");
    expect(&bench, "start = at(5)", "6 stale");
    expect(&bench, "start = at(5), finish = at(11)", "6 stale");
    expect(&bench, "start = at(5), finish = at(10)", "6 complete");
    expect(&bench, "count = 5, finish = at(10)", "5 complete");
    bench.now_ms = ms_of(8); /* bar 7 has just closed */
    expect(&bench, "count = 5", "5 complete");
    bench.now_ms = ms_of(11);
    expect(&bench, "count = 5", "5 complete");
    bench.now_ms = ms_of(12); /* and bar 11? */
    expect(&bench, "count = 5", "5 stale");
    mw_series_set_health(bench.series, MW_SERIES_LIVE);
    expect(&bench, "count = 5", "5 complete");
    end(&bench);
}

static void what_lies_ahead_of_engine_time_is_no_gap(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put(&bench, 1, true);
    put(&bench, 2, true);
    put(&bench, 5, true);
    bench.now_ms = ms_of(3);
    expect(&bench, "count = 2", "2 complete");
    bench.now_ms = ms_of(4);
    expect(&bench, "count = 2", "2 gap");
    end(&bench);
}

/* --- while holes come and go ------------------------------------------------------------------ */

struct writer {
    struct bench *bench;
    struct mw_thread thread;
    _Atomic bool stop;
};

static void rest(struct mw_random *random)
{
    static _Atomic uint32_t sink;
    for (uint64_t i = mw_random_next(random) % 4000; i > 0; i--)
        atomic_store_explicit(&sink, (uint32_t)i, memory_order_relaxed);
}

/* Every bucket has a bar, so that a complete answer has one for each. Some come late, some have
 * wrong values until the venue's history has the right ones. */
static void write_on(void *user)
{
    struct writer *writer = user;
    struct mw_series *series = writer->bench->series;
    struct mw_random random = {.state = 7};
    int64_t newest = RING;
    while (!atomic_load_explicit(&writer->stop, memory_order_relaxed)) {
        int64_t to = newest + 1 + (int64_t)(mw_random_next(&random) % 4);
        put(writer->bench, newest + 1, false);
        if (mw_random_next(&random) % 2 == 0)
            put_flagged(writer->bench,
                        newest + 1); /* closed by its successor, with half its volume */
        put(writer->bench, to + 1, true);
        rest(&random);
        for (int64_t minute = newest + 1; minute <= to; minute++) {
            struct mw_candle candle = candle_at(minute, true, false);
            candle.source = MW_SOURCE_BACKFILL;
            mw_series_put(series, &candle, INT64_MAX / 2, NULL);
        }
        mw_series_prove(series, ms_of(newest + 1), ms_of(to));
        newest = to + 1;
        rest(&random);
    }
}

static bool is_whole(const struct mw_frame *frame)
{
    for (uint32_t i = 0; i < frame->count; i++)
        if (frame->rows[i].volume != 2 || (frame->rows[i].flags & MW_CANDLE_UNPROVEN) != 0 ||
            (i > 0 && frame->rows[i].open_ms != frame->rows[i - 1].open_ms + MW_MS_PER_MINUTE))
            return false;
    return true;
}

static void no_answer_with_a_hole_is_ever_complete(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int64_t minute = 1; minute <= RING; minute++)
        put(&bench, minute, true);
    struct writer writer = {.bench = &bench};
    assert_int_equal(
        mw_thread_start(&writer.thread, "writer", &mw_feed_thread, write_on, &writer, NULL), MW_OK);
    uint64_t complete = 0, gaps = 0, lies = 0;
    lua_State *L = bench.L;
    int64_t until_ms = mw_clock_monotonic_ms() + RUN_MS;
    while (mw_clock_monotonic_ms() < until_ms + ((complete <= 50 || gaps <= 50) ? STARVED_MS : 0)) {
        lua_getglobal(L, "get_price");
        lua_pushliteral(L, "BTCUSDT");
        lua_createtable(L, 0, 1);
        lua_pushinteger(L, WINDOW);
        lua_setfield(L, -2, "count");
        lua_call(L, 2, 1);
        const struct mw_frame *frame = lua_touserdata(L, -1);
        complete += frame->complete;
        gaps += frame->reason != NULL && strcmp(frame->reason, "gap") == 0;
        lies += frame->complete && !is_whole(frame);
        lua_settop(L, 0);
    }
    atomic_store(&writer.stop, true);
    mw_thread_join(&writer.thread);
    print_message("%u complete, %u with a gap\n", (unsigned)complete, (unsigned)gaps);
    assert_int_equal(lies, 0);
    assert_true(complete > 50 && gaps > 50);
    end(&bench);
}

/* An allocator that has memory for so many more blocks. */
struct scarce {
    lua_Alloc alloc;
    void *user;
    int left;
};

static void *alloc_scarce(void *user, void *block, size_t old_bytes, size_t bytes)
{
    struct scarce *scarce = user;
    bool grows = bytes > 0 && (block == NULL || bytes > old_bytes);
    if (grows && scarce->left-- <= 0)
        return NULL;
    return scarce->alloc(scarce->user, block, old_bytes, bytes);
}

/* Wherever memory runs out while an answer is put together, it is an error that a script can catch,
 * the next answer is whole, and the buffer goes with the lua_State. */
static void memory_that_runs_out_anywhere_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_series_key key = {"made", "BTCUSDT", {1, 'm'}};
    begin(&bench);
    struct mw_candle *rows = mw_alloc(WINDOW * sizeof(*rows));
    for (int i = 0; i < WINDOW; i++)
        rows[i] = candle_at(i, true, false);
    assert_int_equal(
        mw_prices_add_context(mw_engine_prices(bench.engine), &key, rows, WINDOW, true, NULL),
        MW_OK);
    lua_State *L = bench.L;
    struct scarce scarce = {.left = 0};
    int failed = 0;
    assert_int_equal(luaL_loadstring(L, "return #get_price('BTCUSDT', { count = 10 })"), LUA_OK);
    for (;; failed++) {
        lua_pushvalue(L, -1);
        scarce.left = failed;
        scarce.alloc = lua_getallocf(L, &scarce.user);
        lua_setallocf(L, alloc_scarce, &scarce);
        int status = lua_pcall(L, 0, 1, 0);
        lua_setallocf(L, scarce.alloc, scarce.user);
        if (status == LUA_OK)
            break;
        assert_int_equal(status, LUA_ERRMEM);
        lua_pop(L, 1);
    }
    assert_int_equal(lua_tointeger(L, -1), 10);
    assert_true(failed > 3);
    luaL_getmetatable(L, "moonwick.price_buffer");
    lua_getfield(L, -1, "__gc");
    assert_int_equal(lua_type(L, -1), LUA_TFUNCTION);
    end(&bench);
}

static void more_bars_than_a_script_has_memory_for_are_an_error(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_series_key key = {"made", "BTCUSDT", {1, 'm'}};
    begin(&bench);
    struct mw_candle *rows = mw_alloc(MW_BARS_COUNT_MAX * sizeof(*rows));
    for (int i = 0; i < MW_BARS_COUNT_MAX; i++)
        rows[i] = candle_at(i, true, false);
    assert_int_equal(mw_prices_add_context(mw_engine_prices(bench.engine), &key, rows,
                                           MW_BARS_COUNT_MAX, true, NULL),
                     MW_OK);
    assert_int_equal(luaL_loadstring(bench.L, "get_price('BTCUSDT', { count = 1048576 })"), LUA_OK);
    assert_int_equal(lua_pcall(bench.L, 0, 0, 0), LUA_ERRMEM);
    assert_non_null(strstr(lua_tostring(bench.L, -1), "not enough memory"));
    lua_settop(bench.L, 0);
    expect(&bench, "count = 500000", "500000 stale");
    expect(&bench, "count = 10", "10 stale");
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_bars_are_warming_or_short),
        cmocka_unit_test(what_nobody_keeps_up_to_date_is_unsubscribed),
        cmocka_unit_test(a_hole_anywhere_in_the_window_is_a_gap),
        cmocka_unit_test(a_bar_that_may_lack_updates_is_a_gap),
        cmocka_unit_test(an_interrupted_series_is_stale_but_not_its_past),
        cmocka_unit_test(what_lies_ahead_of_engine_time_is_no_gap),
        cmocka_unit_test(no_answer_with_a_hole_is_ever_complete),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_an_error_and_leaks_nothing),
        cmocka_unit_test(more_bars_than_a_script_has_memory_for_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
