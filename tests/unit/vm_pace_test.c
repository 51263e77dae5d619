/* vm_pace_test.c - running free of interrupts, and how far a heap grows between collections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "script/call.h"
#include "script/vm.h"

static struct mw_vm *new_vm(size_t bytes_max)
{
    struct mw_vm_options options = {.bytes_max = bytes_max};
    struct mw_vm *vm = NULL;
    struct mw_error err = {0};
    if (mw_vm_new(&options, &vm, &err) != MW_OK)
        fail_msg("%s", err.message);
    return vm;
}

/* Runs `code`, which returns one value. */
static mw_status run(lua_State *L, const char *code, struct mw_error *err)
{
    assert_int_equal(luaL_loadbufferx(L, code, strlen(code), "=test", "t"), LUA_OK);
    return mw_call(L, 0, 1, MW_ESTRATEGY, err);
}

static void assert_runs(lua_State *L, const char *code)
{
    struct mw_error err = {0};
    if (run(L, code, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_true(lua_toboolean(L, -1));
    lua_pop(L, 1);
}

static void an_interrupt_ends_what_does_not_run_free(void **state)
{
    (void)state;
    static const char code[] = "for _ = 1, 100000 do end return true";
    struct mw_error err = {0};
    struct mw_vm *vm = new_vm(1 << 20);
    mw_vm_interrupt(vm);
    assert_int_equal(run(mw_vm_state(vm), code, &err), MW_ESTRATEGY);
    assert_non_null(strstr(err.message, "interrupted"));
    mw_vm_free(vm);

    vm = new_vm(1 << 20);
    mw_vm_run_free(vm);
    mw_vm_interrupt(vm);
    assert_runs(mw_vm_state(vm), code);
    mw_vm_free(vm);
}

static int get_pause(struct mw_vm *vm)
{
    int pause = lua_gc(mw_vm_state(vm), LUA_GCSETPAUSE, 0);
    lua_gc(mw_vm_state(vm), LUA_GCSETPAUSE, pause);
    return pause;
}

static void a_large_heap_grows_more_slowly_than_a_small_one(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(64 << 20);
    int usual = get_pause(vm);
    mw_vm_pace(vm);
    int small = get_pause(vm);
    assert_true(small > usual);
    assert_runs(mw_vm_state(vm), "kept = ('x'):rep(3 << 20) return true");
    assert_int_equal(get_pause(vm), small);
    mw_vm_pace(vm);
    assert_int_equal(get_pause(vm), usual);
    assert_runs(mw_vm_state(vm), "kept = nil collectgarbage() return true");
    mw_vm_pace(vm);
    assert_int_equal(get_pause(vm), small);
    mw_vm_free(vm);
}

/* A script that drops something for each of its calls stays small for ever. */
static void garbage_of_many_calls_stays_within_the_pace(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(64 << 20);
    size_t most = 0;
    for (int i = 0; i < 2000; i++) {
        assert_runs(mw_vm_state(vm), "local kept = ('x'):rep(10000) return #kept == 10000");
        mw_vm_pace(vm);
        most = mw_vm_bytes(vm) > most ? mw_vm_bytes(vm) : most;
    }
    assert_true(most < 3 << 20); /* of 20 MB in all */
    mw_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupt_ends_what_does_not_run_free),
        cmocka_unit_test(a_large_heap_grows_more_slowly_than_a_small_one),
        cmocka_unit_test(garbage_of_many_calls_stays_within_the_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
