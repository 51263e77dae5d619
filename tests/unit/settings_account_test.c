/* settings_account_test.c - options of paper accounts, and on_signal. */
#include <math.h>
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
#include "settings_load.h"

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_account(const struct mw_account_options *account,
                           const struct mw_account_options *wanted)
{
    assert_true(same(account->cash, wanted->cash));
    assert_true(same(account->fee, wanted->fee));
    assert_true(same(account->maker_fee, wanted->maker_fee));
    assert_true(same(account->fixed_fee, wanted->fixed_fee));
    assert_true(same(account->slippage, wanted->slippage));
    assert_true(same(account->leverage, wanted->leverage));
    assert_int_equal(account->history, MW_ACCOUNT_HISTORY_DEFAULT);
}

static void strategies_have_the_defaults_of_accounts(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads("return { strategies = { 'a', { file = 'b' } } }");
    struct mw_account_options wanted = mw_account_defaults();
    for (uint32_t i = 0; i < 2; i++)
        assert_account(&settings->strategies[i].account, &wanted);
    mw_settings_free(settings);
}

static void an_account_goes_over_the_defaults_key_by_key(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads(
        "return { strategies = { 'a', { file = 'b', account = { cash = 5, maker_fee = 0 } } }, "
        "account = { cash = 1000.5, fee = 0.002, fixed_fee = 1, slippage = 0.0005, leverage = 3 } "
        "}");
    struct mw_account_options wanted = mw_account_defaults();
    wanted.cash = 1000.5;
    wanted.fee = 0.002;
    wanted.fixed_fee = 1;
    wanted.slippage = 0.0005;
    wanted.leverage = 3;
    assert_account(&settings->strategies[0].account, &wanted);
    wanted.cash = 5;
    wanted.maker_fee = 0;
    assert_account(&settings->strategies[1].account, &wanted);
    mw_settings_free(settings);
}

static void assert_refusal_begins(const char *code, const char *begin)
{
    struct mw_settings *settings = NULL;
    struct mw_error err = {.status = MW_OK};
    assert_int_equal(load_settings(code, &settings, &err), MW_ECONFIG);
    assert_null(settings);
    if (strncmp(err.message, begin, strlen(begin)) != 0)
        fail_msg("%s: %s", code, err.message);
}

static void refuses_options_with_their_place(void **state)
{
    (void)state;
    assert_refused("return { account = 5 }", "config: account = 5: want a table");
    assert_refused("return { account = { cash = 'much' } }",
                   "config: account.cash = \"much\": want a number");
    assert_refused("return { account = { fee = 0/0 } }",
                   "config: account.fee = nan: want a number");
    assert_refused("return { account = { fees = 0.1 } }",
                   "config: account.fees = 0.1: no such key, did you mean fee?");
    assert_refused("return { strategies = { { file = 'a', account = { slipage = 1 } } } }",
                   "config: strategies[1].account.slipage = 1: no such key, did you mean "
                   "slippage?");
    assert_refused("return { acount = {} }", "config: acount: no such key, did you mean account?");
    /* What else is wrong the account says, naming the option. */
    static const char *const wrong[][2] = {
        {"cash", "-1"},      {"cash", "math.huge"}, {"fee", "1.5"},       {"fee", "-2"},
        {"fixed_fee", "-1"}, {"slippage", "1"},     {"slippage", "-0.1"}, {"leverage", "0"}};
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        char code[128], begin[64];
        snprintf(code, sizeof(code), "return { account = { %s = %s } }", wrong[i][0], wrong[i][1]);
        snprintf(begin, sizeof(begin), "config: account.%s", wrong[i][0]);
        assert_refusal_begins(code, begin);
    }
    assert_refusal_begins(
        "return { strategies = { 'a', { file = 'b', account = { cash = -1 } } } }",
        "config: strategies[2].account.cash");
}

/* --- on_signal -------------------------------------------------------------------------------- */

static void refuses_functions_of_another_state_and_says_what_to_do(void **state)
{
    (void)state;
    assert_refused("return { on_signal = true }", "config: on_signal = true: want a function");
    assert_refused("return { on_signal = print }",
                   "config: on_signal: a function cannot be taken from a table that is handed "
                   "over: use engine:on(\"signal\", ...), or a configuration in a file");
    assert_refused("return { on_singal = 1 }",
                   "config: on_singal = 1: no such key, did you mean on_signal?");
}

static struct mw_settings *load_file(const char *code)
{
    char path[] = "/tmp/moonwick_config_XXXXXX.lua";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && dprintf(fd, "%s", code) > 0);
    close(fd);
    struct mw_settings *settings = NULL;
    struct mw_error err = {.status = MW_OK};
    if (mw_settings_load_file(path, &settings, &err) != MW_OK)
        fail_msg("%s", err.message);
    unlink(path);
    return settings;
}

static void push_number(lua_State *L, const void *user)
{
    lua_pushinteger(L, *(const int *)user);
}

/* What the configuration's global `seen` is. */
static lua_Integer seen(const struct mw_settings *settings)
{
    lua_getglobal(settings->L, "seen");
    lua_Integer value = lua_tointeger(settings->L, -1);
    lua_pop(settings->L, 1);
    return value;
}

static void calls_the_function_of_a_file_with_what_is_pushed(void **state)
{
    (void)state;
    struct mw_settings *settings =
        load_file("return { on_signal = function(value) seen = value end }");
    assert_true(mw_settings_has_on_signal(settings));
    int top = lua_gettop(settings->L);
    for (int value = 7; value < 9; value++) {
        assert_int_equal(mw_settings_call_on_signal(settings, push_number, &value, 1000, NULL),
                         MW_OK);
        assert_int_equal(seen(settings), value);
    }
    assert_int_equal(lua_gettop(settings->L), top);
    mw_settings_free(settings);
}

static void without_a_function_nothing_is_called(void **state)
{
    (void)state;
    struct mw_settings *settings = load_file("return {}");
    assert_false(mw_settings_has_on_signal(settings));
    assert_int_equal(mw_settings_call_on_signal(settings, NULL, NULL, 1000, NULL), MW_OK);
    mw_settings_free(settings);
}

static void an_error_comes_with_its_traceback_and_the_next_call_is_as_ever(void **state)
{
    (void)state;
    struct mw_settings *settings = load_file("return { on_signal = function(value)\n"
                                             "  if value == 1 then error('boom') end\n"
                                             "  seen = value\nend }");
    struct mw_error err = {.status = MW_OK};
    int value = 1;
    assert_int_equal(mw_settings_call_on_signal(settings, push_number, &value, 1000, &err),
                     MW_ECONFIG);
    assert_non_null(strstr(err.message, ":2: boom\nstack traceback:"));
    value = 2;
    assert_int_equal(mw_settings_call_on_signal(settings, push_number, &value, 1000, NULL), MW_OK);
    assert_int_equal(seen(settings), 2);
    mw_settings_free(settings);
}

/* Also one that catches its errors, and one in a coroutine; afterwards it is as before. */
static void what_does_not_come_back_is_ended_at_its_limit(void **state)
{
    (void)state;
    enum { LIMIT_MS = 50, LATE_MS = 5000 };
    struct mw_settings *settings =
        load_file("local function spin() while true do end end\n"
                  "return { on_signal = function(value)\n"
                  "  if value == 1 then spin() end\n"
                  "  if value == 2 then while true do pcall(spin) end end\n"
                  "  if value == 3 then coroutine.wrap(spin)() end\n"
                  "  for i = 1, 1e5 do seen = value end\nend }");
    for (int value = 1; value <= 4; value++) {
        struct mw_error err = {.message = ""};
        int64_t began_ms = mw_clock_monotonic_ms();
        mw_status status = mw_settings_call_on_signal(settings, push_number, &value,
                                                      value == 4 ? INT64_C(60000) : LIMIT_MS, &err);
        assert_int_equal(status, value == 4 ? MW_OK : MW_ECONFIG);
        assert_true(value == 4 || strstr(err.message, "it takes too long") != NULL);
        assert_in_range(mw_clock_monotonic_ms() - began_ms, value == 4 ? 0 : LIMIT_MS, LATE_MS);
    }
    assert_int_equal(seen(settings), 4);
    mw_settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strategies_have_the_defaults_of_accounts),
        cmocka_unit_test(an_account_goes_over_the_defaults_key_by_key),
        cmocka_unit_test(refuses_options_with_their_place),
        cmocka_unit_test(refuses_functions_of_another_state_and_says_what_to_do),
        cmocka_unit_test(calls_the_function_of_a_file_with_what_is_pushed),
        cmocka_unit_test(without_a_function_nothing_is_called),
        cmocka_unit_test(an_error_comes_with_its_traceback_and_the_next_call_is_as_ever),
        cmocka_unit_test(what_does_not_come_back_is_ended_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
