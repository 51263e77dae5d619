/* vm_test.c - memory caps, loading, require, tracebacks and copies between lua_States. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/check.h"
#include "base/embedded.h"
#include "base/limits.h"
#include "script/call.h"
#include "script/vm.h"

#define FILE_OF(path, text)                                                                        \
    {                                                                                              \
        path, text, sizeof(text) - 1                                                               \
    }

/* Takes the place of the table in the core library. */
const struct mw_embedded_file mw_embedded_files[] = {
    FILE_OF("shipped.lua", "return { from = 'built in', chunk = debug.getinfo(1).source }"),
    FILE_OF("deep/protocols/one.lua", "return { name = ... }"),
    FILE_OF("deep/init.lua", "return 'init'"),
    FILE_OF("broken.lua", "return +"),
    FILE_OF("bytecode.lua", "\x1bLua"),
    {NULL, NULL, 0},
};

static struct mw_vm *new_vm(size_t bytes_max)
{
    struct mw_vm_options options = {.bytes_max = bytes_max};
    struct mw_vm *vm = NULL;
    struct mw_error err = {0};
    if (mw_vm_new(&options, &vm, &err) != MW_OK)
        fail_msg("%s", err.message);
    return vm;
}

/* Runs `code`, which returns one value, as chunk "=test". */
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
    assert_int_equal(lua_gettop(L), 0);
}

static void assert_fails(lua_State *L, const char *code, const char *beginning)
{
    struct mw_error err = {0};
    assert_int_equal(run(L, code, &err), MW_ESTRATEGY);
    assert_int_equal(err.status, MW_ESTRATEGY);
    if (strncmp(err.message, beginning, strlen(beginning)) != 0)
        fail_msg("want %s, got %s", beginning, err.message);
    assert_int_equal(lua_gettop(L), 0);
}

struct folder {
    char path[64], file[128];
};

static void make_folder(struct folder *folder)
{
    snprintf(folder->path, sizeof(folder->path), "/tmp/mw_vm_test_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof(folder->file), "%s/script.lua", folder->path);
}

static void write_file(const struct folder *folder, const char *bytes, size_t length)
{
    FILE *file = fopen(folder->file, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void remove_folder(const struct folder *folder)
{
    unlink(folder->file);
    rmdir(folder->path);
}

static void passing_the_cap_is_a_lua_error_and_the_vm_goes_on(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    for (int i = 0; i < 10; i++) {
        assert_fails(L, "local t = {} while true do t[#t + 1] = {} end", "not enough memory");
        assert_fails(L, "return ('x'):rep(2000000)", "not enough memory");
        assert_true(mw_vm_bytes(vm) <= 1 << 20);
        assert_runs(L, "return not pcall(string.rep, 'x', 2000000)");
        assert_runs(L, "return #('x'):rep(1000) == 1000");
    }
    lua_gc(L, LUA_GCCOLLECT);
    assert_true(mw_vm_bytes(vm) < 200000);
    mw_vm_free(vm);
}

static void open_table(lua_State *L, void *user)
{
    (void)user;
    lua_newtable(L);
    for (int i = 1; i <= 5000; i++) {
        lua_pushfstring(L, "entry %d", i);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "opened");
}

static void open_with_error(lua_State *L, void *user)
{
    luaL_error(L, "%s", (const char *)user);
}

static void grows_out_of_every_cap_that_is_too_small(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (size_t cap = 0;; cap += 1997) {
        assert_true(cap < 2 << 20);
        struct mw_vm_options options = {.bytes_max = cap, .open = open_table};
        struct mw_vm *vm = NULL;
        struct mw_error err = {0};
        if (mw_vm_new(&options, &vm, &err) == MW_OK) {
            assert_int_equal(lua_getglobal(mw_vm_state(vm), "opened"), LUA_TTABLE);
            assert_int_equal(lua_rawlen(mw_vm_state(vm), -1), 5000);
            mw_vm_free(vm);
            break;
        }
        assert_null(vm);
        assert_int_equal(err.status, MW_ESTRATEGY);
        assert_non_null(strstr(err.message, "not enough memory"));
        failures++;
    }
    assert_true(failures > 100);
}

static void a_script_grows_out_of_every_cap(void **state)
{
    (void)state;
    static const char code[] =
        "local rows = {} for i = 1, 30000 do rows[i] = { open = i, text = 'row ' .. i } end "
        "local ok, e = pcall(error, setmetatable({}, { __tostring = function() return 'x' end })) "
        "return rows[30000].open == 30000 and tostring(e) == 'x'";
    unsigned failures = 0;
    for (size_t cap = 1 << 20;; cap += 262147) {
        assert_true(cap < 32 << 20);
        struct mw_vm *vm = new_vm(cap);
        struct mw_error err = {0};
        mw_status status = run(mw_vm_state(vm), code, &err);
        if (status == MW_OK)
            assert_true(lua_toboolean(mw_vm_state(vm), -1));
        else
            assert_string_equal(err.message, "not enough memory");
        mw_vm_free(vm);
        if (status == MW_OK)
            break;
        failures++;
    }
    assert_true(failures > 10);
}

static void what_open_raises_is_the_error(void **state)
{
    (void)state;
    char text[] = "no such thing";
    struct mw_vm_options options = {.bytes_max = 1 << 20, .open = open_with_error, .user = text};
    struct mw_vm *vm = NULL;
    struct mw_error err = {0};
    assert_int_equal(mw_vm_new(&options, &vm, &err), MW_ESTRATEGY);
    assert_non_null(strstr(err.message, "no such thing"));
    assert_int_equal(mw_vm_new(&options, &vm, NULL), MW_ESTRATEGY);
    assert_null(vm);
    mw_vm_free(NULL);
}

static void has_json_and_the_standard_libraries(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    assert_runs(L, "return require 'json' == json and require 'cjson' == json and cjson == nil");
    assert_runs(L, "return json.decode('{\"a\":[1,2.5]}').a[2] == 2.5");
    assert_runs(L, "return math.pi and string.rep and coroutine.wrap and utf8.char and os.time");
    mw_vm_free(vm);
}

static void requires_shipped_files_before_the_folder(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder);
    write_file(&folder, "return 'folder'", 15);
    setenv("LUA_PATH", "/nowhere/?.lua", 1);
    struct mw_vm_options options = {.bytes_max = 1 << 20, .folder = folder.path};
    struct mw_vm *vm = NULL;
    assert_int_equal(mw_vm_new(&options, &vm, NULL), MW_OK);
    unsetenv("LUA_PATH");
    lua_State *L = mw_vm_state(vm);
    assert_runs(L, "local m, where = require 'shipped' "
                   "return m.from == 'built in' and m.chunk == '@shipped.lua' and "
                   "where == 'shipped.lua'");
    assert_runs(L, "return require('deep.protocols.one').name == 'deep.protocols.one'");
    assert_runs(L, "return require 'deep' == 'init'");
    assert_runs(L, "return require 'script' == 'folder' and package.cpath == ''");
    assert_fails(
        L, "return require 'broken'",
        "error loading module 'broken' from the built-in file 'broken.lua':\n\tbroken.lua:1:");
    assert_fails(L, "return require 'bytecode'", "error loading module 'bytecode'");
    assert_fails(L, "return require 'nothing.there'",
                 "test:1: module 'nothing.there' not found:\n\tno field "
                 "package.preload['nothing.there']\n\tno built-in file 'nothing/there.lua'\n\tno "
                 "built-in file 'nothing/there/init.lua'");
    mw_vm_free(vm);
    options.folder = "a;b";
    assert_int_equal(mw_vm_new(&options, &vm, NULL), MW_ESTRATEGY);
    remove_folder(&folder);
}

static void a_stock_state_finds_shipped_files_last(void **state)
{
    (void)state;
    lua_State *L = luaL_newstate();
    luaL_requiref(L, "_G", luaopen_base, 1);
    luaL_requiref(L, "package", luaopen_package, 1);
    luaL_requiref(L, "debug", luaopen_debug, 1);
    lua_settop(L, 0);
    mw_vm_add_searcher(L);
    assert_int_equal(lua_gettop(L), 0);
    assert_runs(L, "return #package.searchers == 5 and require('shipped').from == 'built in'");
    lua_close(L);
}

static void loads_text_and_says_file_and_line_when_it_cannot(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder);
    struct mw_vm *vm = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    struct mw_error err = {0};
    static const struct {
        const char *text;
        size_t length;
        int line; /* that the chunk returns, or 0 */
    } good[] = {
        {"", 0, 0},
        {"#!/usr/bin/lua", 14, 0},
        {"\xEF\xBB\xBF", 3, 0},
        {"\xEF\xBB\xBFreturn debug.getinfo(1).currentline", 38, 1},
        {"#!/usr/bin/env lua\nreturn debug.getinfo(1).currentline", 54, 2},
        {"\xEF\xBB\xBF#!lua\n\nreturn debug.getinfo(1).currentline", 45, 3},
    };
    for (size_t i = 0; i < MW_COUNT(good); i++) {
        write_file(&folder, good[i].text, good[i].length);
        assert_int_equal(mw_vm_load_file(L, folder.file, MW_ECONFIG, NULL), MW_OK);
        assert_int_equal(mw_call(L, 0, 1, MW_ECONFIG, NULL), MW_OK);
        assert_int_equal(lua_tointeger(L, -1), good[i].line);
        lua_pop(L, 1);
    }
    write_file(&folder, "local x\nx = = 1", 15);
    assert_int_equal(mw_vm_load_file(L, folder.file, MW_ECONFIG, &err), MW_ECONFIG);
    assert_non_null(strstr(err.message, "script.lua:2: unexpected symbol near '='"));
    unlink(folder.file);
    assert_int_equal(mw_vm_load_file(L, folder.file, MW_ECONFIG, &err), MW_EIO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(mw_vm_load_file(L, folder.path, MW_ECONFIG, &err), MW_EIO);
    assert_int_equal(lua_gettop(L), 0);
    mw_vm_free(vm);
    remove_folder(&folder);
}

static int write_dump(lua_State *L, const void *bytes, size_t length, void *user)
{
    (void)L;
    return fwrite(bytes, 1, length, user) == length ? 0 : 1;
}

static void refuses_byte_code(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder);
    struct mw_vm *vm = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    assert_int_equal(luaL_loadstring(L, "return 1"), LUA_OK);
    for (int shebang = 0; shebang < 2; shebang++) {
        FILE *file = fopen(folder.file, "wb");
        if (shebang)
            fputs("#!lua\n", file);
        assert_int_equal(lua_dump(L, write_dump, file, 0), 0);
        fclose(file);
        struct mw_error err = {0};
        assert_int_equal(mw_vm_load_file(L, folder.file, MW_ESTRATEGY, &err), MW_ESTRATEGY);
    }
    assert_int_equal(lua_gettop(L), 1);
    mw_vm_free(vm);
    remove_folder(&folder);
}

static void refuses_a_file_one_byte_past_the_limit(void **state)
{
    (void)state;
    struct folder folder;
    make_folder(&folder);
    struct mw_vm *vm = new_vm(64 << 20);
    char *text = mw_alloc(MW_SCRIPT_BYTES_MAX + 1);
    memset(text, ' ', MW_SCRIPT_BYTES_MAX + 1);
    write_file(&folder, text, MW_SCRIPT_BYTES_MAX);
    assert_int_equal(mw_vm_load_file(mw_vm_state(vm), folder.file, MW_ECONFIG, NULL), MW_OK);
    write_file(&folder, text, MW_SCRIPT_BYTES_MAX + 1);
    assert_int_equal(mw_vm_load_file(mw_vm_state(vm), folder.file, MW_ECONFIG, NULL), MW_ELIMIT);
    assert_int_equal(lua_gettop(mw_vm_state(vm)), 1);
    mw_free(text);
    mw_vm_free(vm);
    remove_folder(&folder);
}

static void a_traceback_has_file_and_line(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(1 << 20);
    assert_fails(mw_vm_state(vm), "local function deep()\n  error('boom')\nend\ndeep()\nreturn 1",
                 "test:2: boom\nstack traceback:\n\t[C]: in function 'error'\n\ttest:2: in local "
                 "'deep'\n\ttest:4: in");
    mw_vm_free(vm);
}

static void shows_error_values_of_every_type(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(4 << 20);
    lua_State *L = mw_vm_state(vm);
    assert_fails(L, "error({ kind = 'X', message = 'told' })", "told\nstack traceback:");
    assert_fails(L, "error({})", "(the error is a table without a message)\n");
    assert_fails(L, "error({ message = 1 })", "(the error is a table without a message)\n");
    assert_fails(L,
                 "error(setmetatable({ message = 'no' }, { __tostring = function() return 'own' "
                 "end }))",
                 "own\n");
    assert_fails(L, "error(setmetatable({}, { __tostring = function() return {} end }))",
                 "'__tostring' must return a string");
    assert_fails(L, "error()", "nil\n");
    assert_fails(L, "error(12)", "12\n");
    assert_fails(L, "error(false)", "false\n");
    assert_fails(L, "error(print)", "function: ");
    assert_runs(L, "return true");
    mw_vm_free(vm);
}

static void survives_errors_in_showing_an_error(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(128 << 20);
    lua_State *L = mw_vm_state(vm);
    assert_fails(
        L, "local m = {} m.__tostring = function(e) error(e) end error(setmetatable({}, m))", "");
    assert_fails(L,
                 "error(setmetatable({}, { __tostring = function() return ('x'):rep(200000000) "
                 "end }))",
                 "not enough memory");
    assert_fails(L, "local function f() return 1 + f() end return f()", "test:1: stack overflow");
    assert_fails(L, "error(('x'):rep(1000000))", "test:1: xxxxxxxx");
    assert_runs(L, "return true");
    mw_vm_free(vm);
}

static int push_three(lua_State *L, void *user)
{
    for (int i = 0; i < 3; i++)
        lua_pushinteger(L, *(int *)user + i);
    return 3;
}

static int raise_error(lua_State *L, void *user)
{
    (void)user;
    lua_newtable(L);
    return luaL_error(L, "raised");
}

static void a_protected_call_leaves_what_it_returned(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    lua_pushliteral(L, "below");
    int first = 7;
    struct mw_error err = {0};
    assert_int_equal(mw_call_protected(L, push_three, &first, MW_ECONFIG, &err), MW_OK);
    assert_int_equal(lua_gettop(L), 4);
    assert_int_equal(lua_tointeger(L, 4), 9);
    assert_int_equal(mw_call_protected(L, raise_error, NULL, MW_ECONFIG, &err), MW_ECONFIG);
    assert_string_equal(err.message, "raised");
    assert_int_equal(lua_gettop(L), 4);
    mw_vm_free(vm);
}

/* Copies what `code` returns from one vm to another and within one, and compares with json. */
static void copies_plain_values_to_any_state(void **state)
{
    (void)state;
    static const char check[] =
        "local v = ... return v.i == 1 and math.type(v.i) == 'integer' and "
        "math.type(v.f) == 'float' and v.yes == true and v.no == false and v.s == 'a\\0b' and "
        "v[1] == 'x' and v[2][1][1] == 2 and v[2.5] == 'half' and v[true] == 'true' and "
        "v.huge == math.huge and v.twice[1].n == 1 and v.twice[2].n == 1 and getmetatable(v) == "
        "nil";
    static const char make[] =
        "local one = { n = 1 } return setmetatable({ i = 1, f = 1.0, yes = true, no = false, "
        "s = 'a\\0b', 'x', { { 2 } }, [2.5] = 'half', [true] = 'true', huge = math.huge, "
        "twice = { one, one } }, { __index = error, __pairs = error })";
    struct mw_vm *from = new_vm(1 << 20), *to = new_vm(1 << 20);
    lua_State *from_state = mw_vm_state(from);
    lua_State *states[] = {mw_vm_state(to), from_state};
    for (size_t i = 0; i < MW_COUNT(states); i++) {
        assert_int_equal(run(from_state, make, NULL), MW_OK);
        int top = lua_gettop(from_state);
        assert_int_equal(luaL_loadstring(states[i], check), LUA_OK);
        assert_int_equal(mw_vm_copy_value(from_state, top, states[i], NULL), MW_OK);
        assert_int_equal(mw_call(states[i], 1, 1, MW_ESTRATEGY, NULL), MW_OK);
        assert_true(lua_toboolean(states[i], -1));
        lua_pop(states[i], 1);
        assert_int_equal(lua_gettop(from_state), top);
        lua_settop(from_state, 0);
    }
    lua_pushnil(from_state);
    assert_int_equal(mw_vm_copy_value(from_state, -1, states[0], NULL), MW_OK);
    assert_true(lua_isnil(states[0], -1));
    mw_vm_free(from);
    mw_vm_free(to);
}

static void refuses_to_copy_what_is_not_plain(void **state)
{
    (void)state;
    static const struct {
        const char *code, *message;
    } cases[] = {
        {"return print", "a function cannot be copied"},
        {"return { a = { fn = print } }", "field 'fn': a function cannot be copied"},
        {"return { io.stdout }", "an item: a userdata cannot be copied"},
        {"return { coroutine.create(print) }", "an item: a thread cannot be copied"},
        {"return { [print] = 1 }", "a key: a function cannot be copied"},
        {"return { [{}] = 1 }", "a table as a key cannot be copied"},
        {"return json.null", "a userdata cannot be copied"},
        {"local t = {} t.t = t return t", "a table that contains itself cannot be copied"},
        {"local t = {} t[1] = {{{t}}} return t", "a table that contains itself cannot be copied"},
        {"local t = {} for i = 1, 32 do t = { t } end return t", "tables nested more than 32 deep"},
        {"local t = {} for i = 1, 31 do t = { t, t } end return t",
         "more than 1048576 values cannot be copied"},
    };
    struct mw_vm *from = new_vm(4 << 20), *to = new_vm(256 << 20);
    lua_State *from_state = mw_vm_state(from), *to_state = mw_vm_state(to);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_error err = {0};
        assert_int_equal(run(from_state, cases[i].code, &err), MW_OK);
        assert_int_equal(mw_vm_copy_value(from_state, -1, to_state, &err), MW_EINVAL);
        assert_memory_equal(err.message, cases[i].message, strlen(cases[i].message));
        assert_int_equal(mw_vm_copy_value(from_state, 1, from_state, NULL), MW_EINVAL);
        assert_int_equal(lua_gettop(from_state), 1);
        assert_int_equal(lua_gettop(to_state), 0);
        lua_settop(from_state, 0);
    }
    mw_vm_free(from);
    mw_vm_free(to);
}

static void copies_to_the_depth_limit(void **state)
{
    (void)state;
    struct mw_vm *vm = new_vm(1 << 20), *to = new_vm(1 << 20);
    lua_State *L = mw_vm_state(vm);
    assert_int_equal(run(L, "local t = {} for i = 1, 31 do t = { t } end return t", NULL), MW_OK);
    assert_int_equal(mw_vm_copy_value(L, -1, mw_vm_state(to), NULL), MW_OK);
    assert_int_equal(mw_vm_copy_value(L, -1, L, NULL), MW_OK);
    mw_vm_free(vm);
    mw_vm_free(to);
}

static void a_copy_that_does_not_fit_fails_clean(void **state)
{
    (void)state;
    struct mw_vm *from = new_vm(128 << 20);
    lua_State *from_state = mw_vm_state(from);
    assert_int_equal(run(from_state,
                         "local t = {} for i = 1, 20000 do t[i] = { 'row ' .. i } end return t",
                         NULL),
                     MW_OK);
    unsigned failures = 0;
    for (size_t cap = 1 << 20;; cap += 262147) {
        struct mw_vm *to = new_vm(cap);
        struct mw_error err = {0};
        mw_status status = mw_vm_copy_value(from_state, 1, mw_vm_state(to), &err);
        assert_int_equal(lua_gettop(from_state), 1);
        assert_int_equal(lua_gettop(mw_vm_state(to)), status == MW_OK);
        mw_vm_free(to);
        if (status == MW_OK)
            break;
        assert_string_equal(err.message, "not enough memory");
        failures++;
    }
    assert_true(failures > 3);
    mw_vm_free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passing_the_cap_is_a_lua_error_and_the_vm_goes_on),
        cmocka_unit_test(grows_out_of_every_cap_that_is_too_small),
        cmocka_unit_test(a_script_grows_out_of_every_cap),
        cmocka_unit_test(what_open_raises_is_the_error),
        cmocka_unit_test(has_json_and_the_standard_libraries),
        cmocka_unit_test(requires_shipped_files_before_the_folder),
        cmocka_unit_test(a_stock_state_finds_shipped_files_last),
        cmocka_unit_test(loads_text_and_says_file_and_line_when_it_cannot),
        cmocka_unit_test(refuses_byte_code),
        cmocka_unit_test(refuses_a_file_one_byte_past_the_limit),
        cmocka_unit_test(a_traceback_has_file_and_line),
        cmocka_unit_test(shows_error_values_of_every_type),
        cmocka_unit_test(survives_errors_in_showing_an_error),
        cmocka_unit_test(a_protected_call_leaves_what_it_returned),
        cmocka_unit_test(copies_plain_values_to_any_state),
        cmocka_unit_test(refuses_to_copy_what_is_not_plain),
        cmocka_unit_test(copies_to_the_depth_limit),
        cmocka_unit_test(a_copy_that_does_not_fit_fails_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
