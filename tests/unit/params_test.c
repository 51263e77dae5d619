/* params_test.c - parameters over a script's own, as values and as texts, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "backtest_bench.h"

static const char script[] =
    "return { params = { count = 5, part = 0.5, on = true, name = 'x', list = { 1, 'b' },\n"
    "    more = { b = 2, a = 1.5 } },\n"
    "  init = function(context)\n"
    "    local p = context.params\n"
    "    context:signal(math.type(p.count) .. ' ' .. math.type(p.part))\n"
    "  end }\n";

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    return L;
}

/* Runs with the table that a Lua expression gives. */
static bool run_with(struct backtest_bench *bench, lua_State *L, const char *table)
{
    char chunk[512];
    snprintf(chunk, sizeof(chunk), "return %s", table);
    assert_int_equal(luaL_dostring(L, chunk), LUA_OK);
    bench->options.params_from = L;
    bench->options.params_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    bool done = backtest_run(bench);
    luaL_unref(L, LUA_REGISTRYINDEX, bench->options.params_ref);
    assert_int_equal(lua_gettop(L), 0);
    return done;
}

static void expect_params(struct backtest_bench *bench, lua_State *L, const char *table,
                          const char *wanted, const char *types)
{
    if (!run_with(bench, L, table))
        fail_msg("%s: %s", table, bench->err.message);
    assert_string_equal(bench->result->params, wanted);
    assert_string_equal(bench->result->signals[0].text, types);
}

static void expect_refusal(struct backtest_bench *bench, lua_State *L, const char *table,
                           const char *words)
{
    assert_false(run_with(bench, L, table));
    assert_int_equal(bench->err.status, MW_ESTRATEGY);
    if (strstr(bench->err.message, words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", table, bench->err.message, words);
}

static void texts_are_read_as_what_the_defaults_are(void **state)
{
    (void)state;
    struct backtest_bench bench;
    lua_State *L = new_state();
    backtest_begin(&bench, script);
    backtest_add(&bench, "BTC", "1m", 0, 1, NULL);
    bench.options.params_are_texts = true;
    expect_params(&bench, L, "{}", "count=5 list={1 b} more={a=1.5 b=2} name=x on=true part=0.5",
                  "integer float");
    expect_params(&bench, L, "{ count = '7', part = '1', on = 'false', name = '12' }",
                  "count=7 list={1 b} more={a=1.5 b=2} name=12 on=false part=1", "integer float");
    expect_params(&bench, L, "{ count = '7.0', part = '1e-3' }",
                  "count=7 list={1 b} more={a=1.5 b=2} name=x on=true part=0.001", "integer float");
    expect_params(&bench, L, "{ count = '7.5' }",
                  "count=7.5 list={1 b} more={a=1.5 b=2} name=x on=true part=0.5", "float float");
    expect_refusal(&bench, L, "{ count = 'many' }", "params.count: want a number, got 'many'");
    expect_refusal(&bench, L, "{ count = '' }", "params.count: want a number, got ''");
    expect_refusal(&bench, L, "{ on = 'yes' }", "params.on: want true or false, got 'yes'");
    expect_refusal(&bench, L, "{ list = 'a' }", "params.list: a table cannot be given as text");
    expect_refusal(&bench, L, "{ conut = '1' }",
                   "params.conut: the script has no such parameter, did you mean count?");
    expect_refusal(&bench, L, "{ nothing_like_it = '1' }",
                   "params.nothing_like_it: the script has no such parameter");
    expect_refusal(&bench, L, "{ count = 5 }", "params.count: want a text, got a number");
    backtest_end(&bench);
    lua_close(L);
}

static void values_keep_the_type_of_the_default(void **state)
{
    (void)state;
    struct backtest_bench bench;
    lua_State *L = new_state();
    backtest_begin(&bench, script);
    backtest_add(&bench, "BTC", "1m", 0, 1, NULL);
    expect_params(&bench, L, "{ count = 9, list = {} }",
                  "count=9 list={} more={a=1.5 b=2} name=x on=true part=0.5", "integer float");
    expect_refusal(&bench, L, "{ count = '9' }", "params.count: want a number, got a string");
    backtest_end(&bench);
    lua_close(L);
}

static void a_script_without_parameters_takes_what_texts_look_like(void **state)
{
    (void)state;
    struct backtest_bench bench;
    lua_State *L = new_state();
    backtest_begin(&bench, "return { init = function(context) local p = context.params\n"
                           "  context:signal(type(p.a) .. type(p.b) .. type(p.c)) end }\n");
    backtest_add(&bench, "BTC", "1m", 0, 1, NULL);
    bench.options.params_are_texts = true;
    expect_params(&bench, L, "{ a = '5', b = 'true', c = 'x' }", "a=5 b=true c=x",
                  "numberbooleanstring");
    backtest_end(&bench);
    lua_close(L);
}

static void a_long_text_of_parameters_is_cut(void **state)
{
    (void)state;
    struct backtest_bench bench;
    lua_State *L = new_state();
    backtest_begin(&bench, "return { params = { a = '', b = 1 } }\n");
    backtest_add(&bench, "BTC", "1m", 0, 1, NULL);
    assert_true(run_with(&bench, L, "{ a = ('x'):rep(4094) }"));
    assert_int_equal(strlen(bench.result->params), MW_PARAMS_TEXT_BYTES_MAX);
    assert_true(run_with(&bench, L, "{ a = ('x'):rep(4095) }"));
    assert_string_equal(bench.result->params, "a= b=1");
    assert_true(run_with(&bench, L, "{ a = '' }"));
    assert_string_equal(bench.result->params, "a= b=1");
    backtest_end(&bench);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_what_the_defaults_are),
        cmocka_unit_test(values_keep_the_type_of_the_default),
        cmocka_unit_test(a_script_without_parameters_takes_what_texts_look_like),
        cmocka_unit_test(a_long_text_of_parameters_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
