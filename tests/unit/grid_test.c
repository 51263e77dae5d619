/* grid_test.c - values of parameters at their limits, and runs in order on any number of threads.
 *
 * The runs are stand-ins: the linker puts them in the place of back-tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "backtest/grid.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/str.h"

enum { JOINED_BYTES_MAX = 1 << 20 };

/* --- axes ------------------------------------------------------------------------------------- */

/* The values with '|' between, or the status and the message of what is refused. */
static char *read_joined(const char *text)
{
    struct mw_grid_axis axis = {.name = NULL};
    struct mw_str joined = MW_STR_INIT(JOINED_BYTES_MAX);
    struct mw_error err;
    if (mw_grid_axis_read(text, &axis, &err) != MW_OK) {
        assert_null(axis.name); /* untouched */
        mw_str_addf(&joined, "%s: %s", mw_status_name(err.status), err.message);
        return joined.data;
    }
    mw_str_addf(&joined, "%s:", axis.name);
    for (uint32_t i = 0; i < axis.count; i++)
        mw_str_addf(&joined, "%s%s", i > 0 ? "|" : "", axis.values[i]);
    mw_grid_axis_deinit(&axis);
    return joined.data;
}

static void expect_axis(const char *text, const char *want)
{
    char *got = read_joined(text);
    if (strncmp(got, want, strlen(want)) != 0 || (want[0] != 'E' && strcmp(got, want) != 0))
        fail_msg("%s: got %s, want %s", text, got, want);
    mw_free(got);
}

static void axes_are_values_lists_and_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"fast=5", "fast:5"},
        {"side=long,short", "side:long|short"},
        {"fast=3..10", "fast:3|4|5|6|7|8|9|10"},
        {"slow=20..60:10", "slow:20|30|40|50|60"},
        {"slow=20..60:15", "slow:20|35|50"}, /* the end is not jumped over */
        {"x=7..7", "x:7"},
        {"x=-3..1", "x:-3|-2|-1|0|1"},
        {"x=-0.5..0.5:0.5", "x:-0.5|0|0.5"},
        /* In doubles 0.1 + 0.1 + 0.1 is 0.30000000000000004, and 0.1 * 3 as well. */
        {"x=0.1..0.5:0.1", "x:0.1|0.2|0.3|0.4|0.5"},
        {"x=0.7..1:0.1", "x:0.7|0.8|0.9|1"},
        {"x=1..2:0.25", "x:1|1.25|1.5|1.75|2"},
        {"x=0.00000001..0.00000003:0.00000001", "x:0.00000001|0.00000002|0.00000003"},
        {"x=1..3,10,20..30:5", "x:1|2|3|10|20|25|30"},
        {"x=03..05", "x:3|4|5"},
        {"x=03", "x:03"}, /* a text stays as it is */
        {"file=../data/x.csv", "file:../data/x.csv"},
        {"file=a..b", "file:a..b"},
        {"x=1e3", "x:1e3"},
        {"time=2024-01-01T00:00:00Z", "time:2024-01-01T00:00:00Z"},
        {"a=b=c", "a:b=c"},
        {"_a9=\xe2\x82\xac", "_a9:\xe2\x82\xac"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        expect_axis(cases[i].text, cases[i].want);
}

static void what_is_no_axis_is_refused_with_what_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "EINVAL: '': want NAME=VALUE"},
        {"fast", "EINVAL: 'fast': want NAME=VALUE"},
        {"=5", "EINVAL: '=5': want NAME=VALUE"},
        {"9a=5", "EINVAL: '9a=5'"},
        {"a b=5", "EINVAL: 'a b=5'"},
        {"fast=", "EINVAL: parameter 'fast': want a value"},
        {"fast=1,,2", "EINVAL: parameter 'fast': want a value"},
        {"fast=1,", "EINVAL: parameter 'fast': want a value"},
        {"fast=3..", "EINVAL: parameter 'fast': '3..': want FROM..TO"},
        {"fast=3..x", "EINVAL: parameter 'fast': '3..x': want FROM..TO"},
        {"fast=3...5", "EINVAL: parameter 'fast': '3...5': want FROM..TO"},
        {"fast=3..5:", "EINVAL: parameter 'fast': '3..5:': want FROM..TO"},
        {"fast=3..5:1:1", "EINVAL: parameter 'fast': '3..5:1:1': want FROM..TO"},
        {"fast=3..5:0", "EINVAL: parameter 'fast': '3..5:0': want a step above 0"},
        {"fast=3..5:-1", "EINVAL: parameter 'fast': '3..5:-1': want a step above 0"},
        {"fast=5..3", "EINVAL: parameter 'fast': '5..3': want a step above 0, from the smaller"},
        {"fast=0.1..0.5", "EINVAL: parameter 'fast': '0.1..0.5': want a step with it"},
        {"fast=1..9999999999999999", "EINVAL: parameter 'fast': '1..9999999999999999': want"},
        {"fast=1..999999999999999:0.1", "EINVAL: parameter 'fast': '1..999999999999999:0.1': more"},
        {"fast=1..2:1e0", "EINVAL: parameter 'fast': '1..2:1e0': want FROM..TO"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        expect_axis(cases[i].text, cases[i].want);
}

static void axes_are_held_to_their_limits(void **state)
{
    (void)state;
    struct mw_grid_axis axis;
    struct mw_error err;
    char text[MW_GRID_VALUE_BYTES_MAX + 64];
    snprintf(text, sizeof(text), "x=1..%d", MW_GRID_VALUES_MAX);
    assert_int_equal(mw_grid_axis_read(text, &axis, &err), MW_OK);
    assert_int_equal(axis.count, MW_GRID_VALUES_MAX);
    mw_grid_axis_deinit(&axis);
    snprintf(text, sizeof(text), "x=0..%d", MW_GRID_VALUES_MAX);
    assert_int_equal(mw_grid_axis_read(text, &axis, &err), MW_ELIMIT);
    snprintf(text, sizeof(text), "x=1..%d,again", MW_GRID_VALUES_MAX);
    assert_int_equal(mw_grid_axis_read(text, &axis, &err), MW_ELIMIT);
    for (int past = 0; past < 2; past++) {
        memset(text, 'n', sizeof(text));
        snprintf(text + MW_GRID_NAME_BYTES_MAX + past, 8, "=1");
        assert_int_equal(mw_grid_axis_read(text, &axis, &err), past ? MW_ELIMIT : MW_OK);
        if (!past)
            mw_grid_axis_deinit(&axis);
        memset(text, 'v', sizeof(text));
        memcpy(text, "x=", 2);
        text[2 + MW_GRID_VALUE_BYTES_MAX + past] = '\0';
        assert_int_equal(mw_grid_axis_read(text, &axis, &err), past ? MW_ELIMIT : MW_OK);
        if (!past)
            mw_grid_axis_deinit(&axis);
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

/* What the stand-in does with runs whose value of "fast" is this. */
enum { FAILING = 5, BARS = 1000, MEMBERS = 3 };

static _Atomic int datasets, under_way, most_under_way;
static _Atomic bool endless; /* runs end only when they are cancelled */

/* The cores may be fewer than the threads: some work that another can overtake. */
static void spin(unsigned rounds)
{
    for (volatile unsigned i = 0; i < rounds; i = i + 1)
        ;
}

/* The linker's --wrap sends calls of the two here. */
void wrap_unref(struct mw_dataset *dataset) __asm__("__wrap_mw_dataset_unref");
mw_status wrap_run(const struct mw_backtest_options *options, struct mw_backtest_result **out,
                   struct mw_error *err) __asm__("__wrap_mw_backtest_run");

void wrap_unref(struct mw_dataset *dataset)
{
    datasets -= dataset != NULL;
}

/* A parameter as a number, and 0 for none. */
static int parameter(const struct mw_backtest_options *options, const char *name)
{
    lua_State *L = options->params_from;
    int64_t value = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, options->params_ref);
    if (lua_getfield(L, -1, name) == LUA_TSTRING)
        MW_CHECK(mw_integer_parse(lua_tostring(L, -1), strlen(lua_tostring(L, -1)), &value));
    lua_pop(L, 2);
    return (int)value;
}

mw_status wrap_run(const struct mw_backtest_options *options, struct mw_backtest_result **out,
                   struct mw_error *err)
{
    int fast = parameter(options, "fast"), slow = parameter(options, "slow");
    int now = ++under_way, most = most_under_way;
    while (now > most && !atomic_compare_exchange_weak(&most_under_way, &most, now))
        ;
    spin((unsigned)(fast * 7919 % 13) * 2000);
    bool goes_on = options->on_progress(options->user, BARS / 2, BARS);
    while (endless && goes_on)
        goes_on = options->on_progress(options->user, BARS / 2, BARS);
    under_way--;
    if (!goes_on)
        return mw_fail(err, MW_ECANCELLED, "cancelled");
    if (fast == FAILING)
        return mw_fail(err, MW_ESTRATEGY, "fast %d slow %d", fast, slow);
    struct mw_backtest_result *result = mw_alloc_zero(sizeof(*result));
    result->bars = BARS;
    result->equity = fast * 1000 + slow;
    result->point_count = result->trade_count = result->fill_count = MEMBERS;
    result->points = mw_realloc_array(NULL, MEMBERS, sizeof(*result->points));
    result->trades = mw_realloc_array(NULL, MEMBERS, sizeof(*result->trades));
    result->fills = mw_realloc_array(NULL, MEMBERS, sizeof(*result->fills));
    result->signals = mw_alloc_zero(MEMBERS * sizeof(*result->signals));
    result->signal_count = MEMBERS;
    for (int i = 0; i < MEMBERS; i++)
        result->signals[i].text = mw_strdup("buy");
    result->data = (struct mw_dataset *)(void *)result;
    datasets++;
    *out = result;
    return MW_OK;
}

struct watched {
    uint64_t runs_done, bars, calls;
    uint64_t stop_at; /* runs; 0: never */
    bool stop_now;
};

static bool watch(void *user, uint64_t runs_done, uint64_t runs, uint64_t bars)
{
    struct watched *watched = user;
    assert_true(runs_done <= runs && runs_done >= watched->runs_done && bars >= watched->bars);
    watched->runs_done = runs_done;
    watched->bars = bars;
    watched->calls++;
    return !watched->stop_now && (watched->stop_at == 0 || runs_done < watched->stop_at);
}

/* fast=1..12, slow=20..60:10 */
static void read_axes(struct mw_grid_axis axes[2])
{
    assert_int_equal(mw_grid_axis_read("fast=1..12", &axes[0], NULL), MW_OK);
    assert_int_equal(mw_grid_axis_read("slow=20..60:10", &axes[1], NULL), MW_OK);
}

static void runs_come_in_order_whatever_the_number_of_threads(void **state)
{
    (void)state;
    struct mw_grid_axis axes[2];
    read_axes(axes);
    for (uint32_t jobs = 1; jobs <= MW_GRID_JOBS_MAX; jobs *= 4) {
        struct watched watched = {.runs_done = 0};
        const struct mw_grid grid = {
            .axes = axes, .axis_count = 2, .jobs = jobs, .on_progress = watch, .user = &watched};
        struct mw_grid_run *runs;
        uint32_t count;
        most_under_way = 0;
        assert_int_equal(mw_grid_run(&grid, &runs, &count, NULL), MW_OK);
        assert_int_equal(count, 12 * 5);
        assert_true(most_under_way <= (int)jobs);
        for (uint32_t i = 0; i < count; i++) {
            int fast = (int)i / 5 + 1, slow = (int)i % 5 * 10 + 20;
            char text[16], want[32];
            snprintf(text, sizeof(text), "%d", fast);
            assert_string_equal(runs[i].values[0], text);
            snprintf(text, sizeof(text), "%d", slow);
            assert_string_equal(runs[i].values[1], text);
            snprintf(want, sizeof(want), "fast %d slow %d", FAILING, slow);
            if (fast == FAILING) {
                assert_null(runs[i].result);
                assert_string_equal(runs[i].error->message, want);
                continue;
            }
            const struct mw_backtest_result *result = runs[i].result;
            assert_null(runs[i].error);
            assert_true(result->equity == fast * 1000 + slow);
            assert_true(result->points == NULL && result->trades == NULL && result->fills == NULL);
            assert_true(result->signals == NULL && result->data == NULL);
            assert_true(result->signal_count + result->point_count + result->fill_count == 0);
        }
        assert_int_equal(datasets, 0);
        assert_int_equal(watched.runs_done, 60);
        /* Those that failed were half-way. */
        assert_int_equal(watched.bars, 55 * BARS + 5 * BARS / 2);
        mw_grid_runs_free(runs, count);
    }
    mw_grid_axis_deinit(&axes[0]);
    mw_grid_axis_deinit(&axes[1]);
}

static void without_parameters_there_is_one_run(void **state)
{
    (void)state;
    const struct mw_grid grid = {.jobs = 4};
    struct mw_grid_run *runs;
    uint32_t count;
    assert_int_equal(mw_grid_run(&grid, &runs, &count, NULL), MW_OK);
    assert_int_equal(count, 1);
    assert_true(runs[0].result->equity == 0);
    mw_grid_runs_free(runs, count);
}

static void whoever_watches_can_end_it(void **state)
{
    (void)state;
    struct mw_grid_axis axes[2];
    read_axes(axes);
    struct mw_grid_run *runs = NULL;
    uint32_t count = 42;
    struct mw_error err;
    struct watched some = {.stop_at = 3}, none = {.stop_now = true};
    struct mw_grid grid = {
        .axes = axes, .axis_count = 2, .jobs = 3, .on_progress = watch, .user = &some};
    for (endless = false;; endless = true) {
        assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_ECANCELLED);
        assert_true(runs == NULL && count == 42); /* untouched */
        assert_int_equal(datasets, 0);
        if (endless) /* a run that is under way ends, too */
            break;
        grid.user = &none;
    }
    assert_int_equal(none.calls, 1);
    endless = false;
    mw_grid_axis_deinit(&axes[0]);
    mw_grid_axis_deinit(&axes[1]);
}

static void grids_are_held_to_their_limits(void **state)
{
    (void)state;
    struct mw_grid_axis axes[MW_GRID_AXES_MAX + 1];
    struct mw_grid_run *runs;
    uint32_t count;
    struct mw_error err;
    for (int i = 0; i <= MW_GRID_AXES_MAX; i++) {
        char text[16];
        snprintf(text, sizeof(text), "p%d=1", i);
        assert_int_equal(mw_grid_axis_read(text, &axes[i], NULL), MW_OK);
    }
    struct mw_grid grid = {.axes = axes, .axis_count = MW_GRID_AXES_MAX, .jobs = 1};
    assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_OK);
    mw_grid_runs_free(runs, count);
    grid.axis_count++;
    assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_ELIMIT);
    grid.axis_count = 1;
    const uint32_t jobs[] = {0, MW_GRID_JOBS_MAX + 1};
    for (size_t i = 0; i < MW_COUNT(jobs); i++) {
        grid.jobs = jobs[i];
        assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_ELIMIT);
    }
    for (int i = 0; i <= MW_GRID_AXES_MAX; i++)
        mw_grid_axis_deinit(&axes[i]);

    /* 2^20 runs are too many to make here; one more is refused before any is. */
    assert_int_equal(mw_grid_axis_read("a=1..65536", &axes[0], NULL), MW_OK);
    assert_int_equal(mw_grid_axis_read("b=1..17", &axes[1], NULL), MW_OK);
    grid = (struct mw_grid){.axes = axes, .axis_count = 2, .jobs = 1};
    assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_ELIMIT);
    assert_string_equal(err.message, "the parameters make more than 1048576 runs");
    mw_grid_axis_deinit(&axes[1]);
    assert_int_equal(mw_grid_axis_read("a=7", &axes[1], NULL), MW_OK);
    assert_int_equal(mw_grid_run(&grid, &runs, &count, &err), MW_EINVAL);
    assert_string_equal(err.message, "parameter 'a' is given twice");
    mw_grid_axis_deinit(&axes[0]);
    mw_grid_axis_deinit(&axes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_are_values_lists_and_ranges),
        cmocka_unit_test(what_is_no_axis_is_refused_with_what_is_wanted),
        cmocka_unit_test(axes_are_held_to_their_limits),
        cmocka_unit_test(runs_come_in_order_whatever_the_number_of_threads),
        cmocka_unit_test(without_parameters_there_is_one_run),
        cmocka_unit_test(whoever_watches_can_end_it),
        cmocka_unit_test(grids_are_held_to_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
