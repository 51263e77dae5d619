/* settings_load_test.c - files, the environment, secrets and little memory. */
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
#include "script/settings.h"
#include "settings_load.h"

struct folder {
    char path[64], file[128];
};

static void write_config(struct folder *folder, const char *text)
{
    snprintf(folder->path, sizeof(folder->path), "/tmp/mw_settings_test_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof(folder->file), "%s/config.lua", folder->path);
    FILE *file = fopen(folder->file, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static mw_status load_file(const char *text, struct mw_settings **out, struct mw_error *err)
{
    struct folder folder;
    write_config(&folder, text);
    mw_status status = mw_settings_load_file(folder.file, out, err);
    unlink(folder.file);
    rmdir(folder.path);
    return status;
}

/* The message has to contain "config.lua" and `message`. */
static void assert_file_refused(const char *text, const char *message)
{
    struct mw_settings *settings = NULL;
    struct mw_error err = {0};
    assert_int_equal(load_file(text, &settings, &err), MW_ECONFIG);
    assert_null(settings);
    if (strstr(err.message, message) == NULL)
        fail_msg("want %s, got %s", message, err.message);
}

static void paths_are_seen_from_the_folder_of_the_file(void **state)
{
    (void)state;
    struct folder folder;
    write_config(&folder, "#!lua\nlocal file = 'strategies/a.lua'\n"
                          "return { strategies = { file, '/b.lua' }, feeds = { { "
                          "protocol = 'p.lua', ca_file = 'ca.pem', endpoint = 'simulator', "
                          "simulator = { replay = '../bars.csv' } } }, "
                          "history = { store = 'data/kept.db' } }");
    struct mw_settings *settings = NULL;
    assert_int_equal(mw_settings_load_file(folder.file, &settings, NULL), MW_OK);
    assert_string_equal(settings->path, folder.file);
    assert_string_equal(settings->folder, folder.path);
    const char *const paths[] = {settings->strategies[0].file, settings->feeds[0].protocol,
                                 settings->feeds[0].ca_file,
                                 settings->feeds[0].simulator.replay_file, settings->history.store};
    static const char *const ends[] = {"/strategies/a.lua", "/p.lua", "/ca.pem", "/../bars.csv",
                                       "/data/kept.db"};
    for (size_t i = 0; i < MW_COUNT(paths); i++) {
        assert_memory_equal(paths[i], folder.path, strlen(folder.path));
        assert_string_equal(paths[i] + strlen(folder.path), ends[i]);
    }
    assert_string_equal(settings->strategies[1].file, "/b.lua");
    mw_settings_free(settings);
    unlink(folder.file);
    rmdir(folder.path);
}

static void says_what_is_wrong_with_a_file(void **state)
{
    (void)state;
    assert_file_refused("return {\n  feeds = = 1\n}", "config.lua:2: unexpected symbol near '='");
    assert_file_refused("local function f()\n  error('no luck')\nend\nf()",
                        "config.lua:2: no luck\nstack traceback:\n\t[C]: in function 'error'");
    assert_file_refused("", "config.lua: want a table returned, got nil");
    assert_file_refused("return 'x'", "config.lua: want a table returned, got string");
    assert_file_refused("return { cache = { bars = 0 } }",
                        "config.lua: cache.bars = 0: want a whole number from 1 to 1048576");
    assert_file_refused("local t = {} while true do t[#t + 1] = {} end", "not enough memory");
    struct mw_settings *settings = NULL;
    struct mw_error err = {0};
    assert_int_equal(mw_settings_load_file("no/such/config.lua", &settings, &err), MW_EIO);
    assert_string_equal(err.message, "no/such/config.lua: No such file or directory");
    assert_null(settings);
}

static void reads_the_environment_with_env(void **state)
{
    (void)state;
    setenv("MW_TEST_NAME", "from outside", 1);
    unsetenv("MW_TEST_UNSET");
    struct mw_settings *settings = NULL;
    assert_int_equal(load_file("return { feeds = { { protocol = 'p', csrf_token = env "
                               "\"MW_TEST_NAME\", market_type = env('MW_TEST_UNSET', 'spot'), "
                               "ca_file = env('MW_TEST_UNSET', nil) } } }",
                               &settings, NULL),
                     MW_OK);
    assert_string_equal(settings->feeds[0].csrf_token, "from outside");
    assert_string_equal(settings->feeds[0].market_type, "spot");
    assert_null(settings->feeds[0].ca_file);
    mw_settings_free(settings);
    assert_file_refused("local x\nreturn { workers = env \"MW_TEST_UNSET\" }",
                        "config.lua:2: env \"MW_TEST_UNSET\": not set\nstack traceback:");
    assert_file_refused("return env()", "bad argument #1 to 'env' (string expected, got no value)");
    unsetenv("MW_TEST_NAME");
}

static const char *const variables[] = {"WEBSOCKET_ENDPOINT", "WEBSOCKET_CSRF_TOKEN",
                                        "WEBSOCKET_MARKET_TYPE", "WEBSOCKET_SYMBOLS",
                                        "WEBSOCKET_RESOLUTIONS"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

static void the_environment_goes_over_the_first_feed(void **state)
{
    (void)state;
    setenv("WEBSOCKET_ENDPOINT", "wss://example.org/market_data", 1);
    setenv("WEBSOCKET_CSRF_TOKEN", "t0ken", 1);
    setenv("WEBSOCKET_MARKET_TYPE", "futures", 1);
    setenv("WEBSOCKET_SYMBOLS", " BTCUSDT,\tETHUSDT ,XRP", 1);
    setenv("WEBSOCKET_RESOLUTIONS", "5m,1h", 1);
    struct mw_settings *settings = assert_loads(every_feed_key);
    const struct mw_feed_settings *feed = &settings->feeds[0];
    assert_int_equal(feed->endpoint_count, 1);
    assert_string_equal(feed->endpoints[0], "wss://example.org/market_data");
    assert_string_equal(feed->csrf_token, "t0ken");
    assert_string_equal(feed->market_type, "futures");
    assert_int_equal(feed->symbol_count, 3);
    assert_string_equal(feed->symbols[0], "BTCUSDT");
    assert_string_equal(feed->symbols[1], "ETHUSDT");
    assert_string_equal(feed->symbols[2], "XRP");
    assert_int_equal(feed->timeframe_count, 2);
    assert_int_equal(feed->timeframes[1].unit, 'h');
    assert_true(feed->simulator.speed == 1 && feed->simulator.seed == 1);
    assert_null(feed->simulator.replay_file);
    assert_string_equal(feed->name, "a-b_c.9");
    assert_string_equal(settings->feeds[1].endpoints[0], "wss://a/x");
    assert_int_equal(settings->feeds[1].symbol_count, 0);
    mw_settings_free(settings);
}

static void an_empty_variable_is_not_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(variables); i++)
        setenv(variables[i], "", 1);
    struct mw_settings *settings = assert_loads(every_feed_key);
    assert_string_equal(settings->feeds[0].endpoints[0], "simulator");
    assert_int_equal(settings->feeds[0].symbol_count, 2);
    assert_true(settings->feeds[0].simulator.speed == 60);
    mw_settings_free(settings);
    settings = assert_loads("return {}");
    assert_int_equal(settings->feed_count, 0);
    mw_settings_free(settings);
}

static void an_endpoint_in_the_environment_makes_a_feed(void **state)
{
    (void)state;
    setenv("WEBSOCKET_SYMBOLS", "A,B", 1);
    struct mw_settings *settings = assert_loads("return {}");
    assert_int_equal(settings->feed_count, 0);
    mw_settings_free(settings);
    setenv("WEBSOCKET_ENDPOINT", "ws://127.0.0.1:18000/market_data", 1);
    settings = assert_loads("return { feeds = {} }");
    assert_int_equal(settings->feed_count, 1);
    assert_string_equal(settings->feeds[0].name, "wealthdata");
    assert_string_equal(settings->feeds[0].protocol, "wealthdata");
    assert_string_equal(settings->feeds[0].endpoints[0], "ws://127.0.0.1:18000/market_data");
    assert_int_equal(settings->feeds[0].symbol_count, 2);
    assert_int_equal(settings->feeds[0].timeframe_count, 1);
    mw_settings_free(settings);
}

static void errors_of_the_environment_name_the_variable(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *message;
    } cases[] = {
        {"WEBSOCKET_ENDPOINT", "http://a?k=1",
         "WEBSOCKET_ENDPOINT = \"http://a...\": want ws://..., wss://... or \"simulator\""},
        {"WEBSOCKET_SYMBOLS", "A,,B", "WEBSOCKET_SYMBOLS[2] = \"\": want 1 to 64 bytes"},
        {"WEBSOCKET_SYMBOLS", "A,B,", "WEBSOCKET_SYMBOLS[3] = \"\": want 1 to 64 bytes"},
        {"WEBSOCKET_SYMBOLS", " ", "WEBSOCKET_SYMBOLS[1] = \"\": want 1 to 64 bytes"},
        {"WEBSOCKET_SYMBOLS", "A,A",
         "WEBSOCKET_SYMBOLS[2] = \"A\": want no symbol twice, [1] is the same"},
        {"WEBSOCKET_RESOLUTIONS", "1m,1x",
         "WEBSOCKET_RESOLUTIONS[2] = \"1x\": want a whole count and one of s m h d w M, like 1m, "
         "90m or 1d"},
        {"WEBSOCKET_CSRF_TOKEN", "s3cret\n",
         "WEBSOCKET_CSRF_TOKEN = (hidden): want no control characters"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        assert_refused(every_feed_key, cases[i].message);
        unsetenv(cases[i].name);
    }
}

static void secrets_are_in_no_message(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "return { feeds = { { protocol = 'p', csrf_token = { 's3cret' } } } }",
        "return { feeds = { { protocol = 'p', csrf_token = 's3cret\\n' } } }",
        "return { feeds = { { protocol = 'p', csrf_tokn = 's3cret' } } }",
        "return { feeds = { { protocol = 'p', csrf = 's3cret' } } }",
        "return { feeds = { { protocol = 'p', password = 's3cret' } } }",
        "return { csrf_token = 's3cret' }",
        "return { feeds = { { protocol = 'p', csrf_token = 's3cret', name = 5 } } }",
        "return { feeds = { { protocol = 'p', csrf_token = 's3cret', simulator = {} } } }",
        "return { feeds = { { protocol = 'p', endpoint = 'https://h/x?key=s3cret' } } }",
        "return { feeds = { { protocol = 'p', endpoint = 'https://me:s3cret@h/x' } } }",
        "return { feeds = { { protocol = 'p', endpoints = { 'me:s3cret@h' } } } }",
        "return { feeds = { { protocol = 'p', csrf_token = 's3cret } } }",
        "return { feeds = { { protocol = 'p', csrf_token 's3cret' } } }",
        "return { feeds = { { protocol = 'p', csrf_token = [[s3cret } } }",
        "return { feeds = { { protocol = 'p', csrf_token = 's3cret' \"s3cret\" } } }",
        "local token = 's3cret' return { feeds = { { csrf_token = token .. nil } } }",
        "local token = 's3cret' return { feeds = { { csrf_token = token() } } }",
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        struct mw_settings *settings = NULL;
        struct mw_error err = {0};
        assert_int_equal(load_file(cases[i], &settings, &err), MW_ECONFIG);
        if (strstr(err.message, "s3cret") != NULL)
            fail_msg("%s", err.message);
    }
}

/* What the state of a caller with little memory may use. */
struct budget {
    size_t used, most;
};

static void *allocate(void *user, void *block, size_t old_size, size_t size)
{
    struct budget *budget = user;
    if (block == NULL)
        old_size = 0;
    if (size > old_size && budget->used - old_size + size > budget->most)
        return NULL;
    budget->used = budget->used - old_size + size;
    if (size > 0)
        return realloc(block, size);
    free(block);
    return NULL;
}

static void a_table_loads_from_a_state_without_memory_to_spare(void **state)
{
    (void)state;
    struct budget budget = {.used = 0, .most = 8 << 20};
    lua_State *L = lua_newstate(allocate, &budget);
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, every_feed_key), LUA_OK);
    for (size_t spare = 0; spare < 4096; spare += 64) {
        budget.most = budget.used + spare;
        struct mw_settings *settings = NULL;
        struct mw_error err = {0};
        mw_status status = mw_settings_load_table(L, -1, &settings, &err);
        if (status == MW_OK)
            assert_string_equal(settings->feeds[0].csrf_token, "s3cret");
        else
            assert_string_equal(err.message, "config: not enough memory");
        mw_settings_free(settings);
        assert_int_equal(lua_gettop(L), 1);
        if (spare == 4096 - 64)
            assert_int_equal(status, MW_OK);
    }
    lua_close(L);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    clear_environment(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_seen_from_the_folder_of_the_file),
        cmocka_unit_test(says_what_is_wrong_with_a_file),
        cmocka_unit_test(reads_the_environment_with_env),
        cmocka_unit_test_teardown(the_environment_goes_over_the_first_feed, clear_environment),
        cmocka_unit_test_teardown(an_empty_variable_is_not_set, clear_environment),
        cmocka_unit_test_teardown(an_endpoint_in_the_environment_makes_a_feed, clear_environment),
        cmocka_unit_test_teardown(errors_of_the_environment_name_the_variable, clear_environment),
        cmocka_unit_test(secrets_are_in_no_message),
        cmocka_unit_test(a_table_loads_from_a_state_without_memory_to_spare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
