/* settings_test.c - every key of the configuration good, mistyped and out of range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/check.h"
#include "script/settings.h"
#include "settings_load.h"

struct refusal {
    const char *code, *message;
};

static void assert_all_refused(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(cases[i].code, cases[i].message);
}

static void an_empty_table_gives_the_defaults(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads("return {}");
    assert_string_equal(settings->path, "config");
    assert_string_equal(settings->folder, ".");
    assert_int_equal(settings->feed_count, 0);
    assert_int_equal(settings->strategy_count, 0);
    assert_int_equal(settings->reconnect.attempts, 3);
    assert_true(settings->reconnect.base_s == 1 && settings->reconnect.cap_s == 60);
    assert_true(settings->reconnect.jitter == 0.2);
    assert_int_equal(settings->cache_bars, MW_SERIES_CANDLES_DEFAULT);
    assert_int_equal(settings->worker_count, 0);
    assert_int_equal(settings->log_level, MW_LOG_INFO);
    assert_null(settings->history.store);
    assert_int_equal(settings->history.retention_count, 0);
    assert_non_null(settings->L);
    mw_settings_free(settings);
    mw_settings_free(NULL);
}

static void a_short_feed_gets_the_defaults(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads("return { feeds = { { protocol = 'binance' }, "
                                                "{ protocol = 'venues/my.lua' } } }");
    const struct mw_feed_settings *feed = &settings->feeds[0];
    assert_string_equal(feed->name, "binance");
    assert_string_equal(feed->protocol, "binance");
    assert_int_equal(feed->endpoint_count, 0);
    assert_int_equal(feed->symbol_count, 0);
    assert_int_equal(feed->timeframe_count, 1);
    assert_int_equal(feed->timeframes[0].count, 1);
    assert_int_equal(feed->timeframes[0].unit, 'm');
    assert_null(feed->ca_file);
    assert_null(feed->csrf_token);
    assert_null(feed->market_type);
    assert_int_equal(feed->connect_ms, MW_PHASE_MS_DEFAULT);
    assert_int_equal(feed->confirm_ms, MW_PHASE_MS_DEFAULT);
    assert_int_equal(feed->frame_bytes_max, MW_FRAME_BYTES_DEFAULT);
    assert_true(feed->simulator.speed == 1);
    assert_string_equal(settings->feeds[1].name, "my");
    assert_string_equal(settings->feeds[1].protocol, "venues/my.lua");
    mw_settings_free(settings);
}

static void reads_every_key_of_a_feed(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads(every_feed_key);
    const struct mw_feed_settings *feed = &settings->feeds[0];
    assert_int_equal(settings->feed_count, 2);
    assert_string_equal(feed->name, "a-b_c.9");
    assert_string_equal(feed->endpoints[0], "simulator");
    assert_int_equal(feed->symbol_count, 2);
    assert_string_equal(feed->symbols[1], "ETH-USD:1");
    assert_int_equal(feed->timeframe_count, 3);
    assert_int_equal(feed->timeframes[2].unit, 'M');
    assert_string_equal(feed->ca_file, "/etc/ca.pem");
    assert_string_equal(feed->csrf_token, "s3cret");
    assert_string_equal(feed->market_type, "spot");
    assert_int_equal(feed->connect_ms, 1000);
    assert_int_equal(feed->tls_ms, 250);
    assert_int_equal(feed->upgrade_ms, 1);
    assert_int_equal(feed->confirm_ms, MW_PHASE_MS_MAX);
    assert_int_equal(feed->frame_bytes_max, 65536);
    assert_int_equal(feed->simulator.seed, 42);
    assert_true(feed->simulator.speed == 60);
    assert_int_equal(feed->simulator.start_ms, 1522800000000);
    assert_string_equal(feed->simulator.replay_file, "bars.csv");
    assert_int_equal(settings->feeds[1].endpoint_count, 2);
    assert_string_equal(settings->feeds[1].endpoints[1], "ws://b");
    mw_settings_free(settings);
}

static void reads_every_other_key(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads(
        "return { reconnect = { attempts = math.huge, base = '250ms', cap = 2.5, jitter = 0 }, "
        "cache = { bars = 7 }, workers = 32, log = { level = 'debug' }, "
        "strategies = { 'strategies/sma.lua', { file = '/x/own.lua', name = 'mine', "
        "params = { fast = 5, list = { 1, 2 } } } } }");
    assert_int_equal(settings->reconnect.attempts, MW_ATTEMPTS_FOREVER);
    assert_true(settings->reconnect.base_s == 0.25 && settings->reconnect.cap_s == 2.5);
    assert_true(settings->reconnect.jitter == 0);
    assert_int_equal(settings->cache_bars, 7);
    assert_int_equal(settings->worker_count, 32);
    assert_int_equal(settings->log_level, MW_LOG_DEBUG);
    assert_int_equal(settings->strategy_count, 2);
    assert_string_equal(settings->strategies[0].name, "sma");
    assert_string_equal(settings->strategies[0].file, "strategies/sma.lua");
    assert_int_equal(settings->strategies[0].params, LUA_NOREF);
    assert_string_equal(settings->strategies[1].name, "mine");
    assert_string_equal(settings->strategies[1].file, "/x/own.lua");
    lua_State *L = settings->L;
    assert_int_equal(lua_rawgeti(L, LUA_REGISTRYINDEX, settings->strategies[1].params), LUA_TTABLE);
    lua_getfield(L, -1, "fast");
    assert_int_equal(lua_tointeger(L, -1), 5);
    mw_settings_free(settings);
}

static void reads_the_spellings_of_a_speed_and_a_start(void **state)
{
    (void)state;
    static const struct {
        const char *speed, *start;
        double read_speed;
        int64_t read_start;
    } cases[] = {
        {"'max'", "1", 0, 1},
        {"'0.5x'", "1522800000000", 0.5, 1522800000000},
        {"60", "'2018-04-04'", 60, 1522800000000},
        {"0.001", "253402300799999", 0.001, 253402300799999},
        {"'1000000x'", "'9999-12-31'", 1e6, 253402214400000},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char code[256];
        snprintf(code, sizeof(code),
                 "return { feeds = { { protocol = 'p', endpoints = { 'simulator' }, "
                 "simulator = { speed = %s, start = %s } } } }",
                 cases[i].speed, cases[i].start);
        struct mw_settings *settings = assert_loads(code);
        assert_true(settings->feeds[0].simulator.speed == cases[i].read_speed);
        assert_int_equal(settings->feeds[0].simulator.start_ms, cases[i].read_start);
        mw_settings_free(settings);
    }
}

static void refuses_wrong_types(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"return nil", "config: want a table, got nil"},
        {"return 5", "config = 5: want a table"},
        {"return { feeds = true }", "config: feeds = true: want a list"},
        {"return { feeds = { 'x' } }", "config: feeds[1] = \"x\": want a table"},
        {"return { reconnect = print }", "config: reconnect: want a table, got a function"},
        {"return { cache = { bars = '7' } }",
         "config: cache.bars = \"7\": want a whole number from 1 to 1048576"},
        {"return { cache = { bars = 1.5 } }",
         "config: cache.bars = 1.5: want a whole number from 1 to 1048576"},
        {"return { workers = {} }",
         "config: workers: want a whole number from 0 to 32, got a table"},
        {"return { log = 'info' }", "config: log = \"info\": want a table"},
        {"return { log = { level = 3 } }", "config: log.level = 3: want \"debug\", \"info\", "
                                           "\"warn\", \"error\" or \"off\""},
        {"return { strategies = { 1 } }",
         "config: strategies[1] = 1: want a file or { file = ... }"},
        {"return { strategies = { {} } }", "config: strategies[1]: want a file"},
        {"return { strategies = { { file = 'a', params = 1 } } }",
         "config: strategies[1].params = 1: want a table"},
        {"return { strategies = { { file = 'a', params = { f = print } } } }",
         "config: strategies[1].params: field 'f': a function cannot be copied, only nil, "
         "booleans, numbers, strings and tables"},
        {"return { reconnect = { jitter = '0.2' } }",
         "config: reconnect.jitter = \"0.2\": want a number from 0 to 1"},
        {"return { reconnect = { attempts = 'ever' } }",
         "config: reconnect.attempts = \"ever\": want a whole number from 1 to 4294967294, or "
         "math.huge"},
        {"return { [1] = 2 }", "config: want keys that are names, got a number as a key"},
        {"return { strategies = { '"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n"
         "' } }",
         "config: strategies[1] = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": want no control "
         "characters"},
    };
    assert_all_refused(cases, MW_COUNT(cases));
}

/* One key of a feed with a value, and the rest of the message behind its place. */
static void refuses_wrong_values_in_a_feed(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"name", "5", " = 5: want a text"},
        {"name", "''", " = \"\": want 1 to 32 bytes"},
        {"name", "('x'):rep(33)", " = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": want 1 to 32 bytes"},
        {"name", "'a b'", " = \"a b\": want letters, digits, '_', '-' and '.'"},
        {"protocol", "'my venue'",
         " = \"my venue\": want the name of a shipped protocol or the path of a .lua file"},
        {"protocol", "7", " = 7: want a text"},
        {"endpoint", "''", " = \"\": want 1 to 2048 bytes"},
        {"endpoint", "'http://a/b?token=x'",
         " = \"http://a/b...\": want ws://..., wss://... or \"simulator\""},
        {"endpoint", "'http://me:pw@a/b'",
         " = \"http://...\": want ws://..., wss://... or \"simulator\""},
        {"endpoint", "'wss://' .. ('x'):rep(2043)",
         " = \"wss://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\": want 1 to 2048 bytes"},
        {"endpoint", "{ 'ws://a' }", ": want a text, got a table"},
        {"endpoints", "'ws://a'", " = \"ws://a\": want a list"},
        {"endpoints", "{}", ": want a list of 1 to 16 entries, got 0"},
        {"endpoints", "{ 'ws://a', 'simulator' }",
         "[2] = \"simulator\": want it to be the only endpoint"},
        {"symbols", "'BTCUSDT'", " = \"BTCUSDT\": want a list"},
        {"symbols", "{ '' }", "[1] = \"\": want 1 to 64 bytes"},
        {"symbols", "{ 'A B' }", "[1] = \"A B\": want printable ASCII without blanks"},
        {"symbols", "{ 'A\\0' }", "[1] = \"A\": want no control characters"},
        {"symbols", "{ 'A', 'B', 'A' }", "[3] = \"A\": want no symbol twice, [1] is the same"},
        {"symbols", "{ 'A', nil, 'B' }", ": want a list without holes, got 2 entries up to [3]"},
        {"symbols", "{ x = 'A' }", ": want a list, got the key \"x\" in it"},
        {"symbols", "{ [0] = 'A' }", ": want a list, got the key 0 in it"},
        {"symbols", "{ [1.5] = 'A' }", ": want a list, got the key 1.5 in it"},
        {"timeframes", "{}", ": want a list of 1 to 32 entries, got 0"},
        {"timeframes", "{ '0m' }",
         "[1] = \"0m\": want a whole count and one of s m h d w M, like 1m, 90m or 1d"},
        {"timeframes", "{ '1h', '60m' }",
         "[2] = \"60m\": want no timeframe twice, [1] is the same"},
        {"timeframes", "{ 60 }", "[1] = 60: want a text"},
        {"ca_file", "''", " = \"\": want 1 to 4096 bytes"},
        {"ca_file", "false", " = false: want a text"},
        {"market_type", "1", " = 1: want a text"},
        {"market_type", "('x'):rep(65)",
         " = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\": want 1 to 64 bytes"},
        {"csrf_token", "17", " = (hidden): want a text"},
        {"csrf_token", "''", " = (hidden): want 1 to 4096 bytes"},
        {"timeouts", "{ connect = 0 }",
         ".connect = 0: want seconds from 0.001 to 3600, or a "
         "duration like \"250ms\""},
        {"timeouts", "{ tls = '2h' }",
         ".tls = \"2h\": want seconds from 0.001 to 3600, or a duration like \"250ms\""},
        {"timeouts", "{ upgrade = 0/0 }",
         ".upgrade = nan: want seconds from 0.001 to 3600, or a "
         "duration like \"250ms\""},
        {"timeouts", "{ confirm = {} }",
         ".confirm: want seconds from 0.001 to 3600, or a "
         "duration like \"250ms\", got a table"},
        {"frame_bytes_max", "0", " = 0: want a whole number from 1024 to 67108864"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char code[256], message[MW_ERROR_MESSAGE_BYTES];
        bool protocol = strcmp(cases[i].key, "protocol") == 0;
        snprintf(code, sizeof(code), "return { feeds = { { %s %s = %s } } }",
                 protocol ? "" : "protocol = 'p',", cases[i].key, cases[i].value);
        snprintf(message, sizeof(message), "config: feeds[1].%s%s", cases[i].key, cases[i].message);
        assert_refused(code, message);
    }
}

static void refuses_wrong_values_of_a_simulator(void **state)
{
    (void)state;
    static const char *const speeds[] = {"0",    "-1",     "0.0009", "1000001", "'60'",
                                         "'x'",  "'1ex'",  "'MAX'",  "0/0",     "math.huge",
                                         "true", "' 60x'", "'60 x'", "'-5x'",   "''"};
    static const char *const starts[] = {"0", "-1", "1.5", "253402300800000", "'today'", "{}"};
    static const char *const seeds[] = {"-1", "1.5", "'7'", "2^53 + 2"};
    const struct {
        const char *key;
        const char *const *values;
        size_t count;
    } cases[] = {{"speed", speeds, MW_COUNT(speeds)},
                 {"start", starts, MW_COUNT(starts)},
                 {"seed", seeds, MW_COUNT(seeds)}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        for (size_t j = 0; j < cases[i].count; j++) {
            char code[256], place[64];
            snprintf(code, sizeof(code),
                     "return { feeds = { { protocol = 'p', endpoint = 'simulator', "
                     "simulator = { %s = %s } } } }",
                     cases[i].key, cases[i].values[j]);
            snprintf(place, sizeof(place), "config: feeds[1].simulator.%s", cases[i].key);
            struct mw_settings *settings = NULL;
            struct mw_error err = {0};
            assert_int_equal(load_settings(code, &settings, &err), MW_ECONFIG);
            assert_memory_equal(err.message, place, strlen(place));
        }
    }
}

static void refuses_keys_that_contradict_each_other(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"return { feeds = { {} } }", "config: feeds[1]: want a protocol"},
        {"return { feeds = { { protocol = 'p', endpoint = 'ws://a', endpoints = { 'ws://a' } } } }",
         "config: feeds[1]: want endpoint or endpoints, not both"},
        {"return { feeds = { { protocol = 'p', simulator = {} } } }",
         "config: feeds[1]: simulator is only for endpoint = \"simulator\""},
        {"return { feeds = { { protocol = 'p', endpoint = 'ws://a', simulator = {} } } }",
         "config: feeds[1]: simulator is only for endpoint = \"simulator\""},
        {"return { feeds = { { protocol = 'p' }, { protocol = 'q', name = 'p' } } }",
         "config: feeds[2]: want another name, feeds[1] is \"p\" already"},
        {"return { feeds = { { protocol = 'a venue.lua' } } }",
         "config: feeds[1]: want a name, the protocol's 'a venue' cannot be one"},
        {"return { reconnect = { base = 61 } }",
         "config: reconnect: want cap of at least base, got 60 and 61 seconds"},
        {"return { strategies = { { file = 'a', name = 'n' }, { file = 'b', name = 'n' } } }",
         "config: strategies[2]: want another name, strategies[1] is \"n\" already"},
        {"return { strategies = { { file = 'a', name = 'n m' } } }",
         "config: strategies[1].name = \"n m\": want letters, digits, '_', '-' and '.'"},
    };
    assert_all_refused(cases, MW_COUNT(cases));
}

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"return { feeds = { { protocol = 'p', symbol = 'BTCUSDT' } } }",
         "config: feeds[1].symbol = \"BTCUSDT\": no such key, did you mean symbols?"},
        {"return { feed = {} }", "config: feed: no such key, did you mean feeds?"},
        {"return { reconect = 1 }", "config: reconect = 1: no such key, did you mean reconnect?"},
        {"return { backtest = { from = 1 } }", "config: backtest: no such key"},
        {"return { on_tick = print }", "config: on_tick: no such key"},
        {"return { cache = { bar = 1 } }",
         "config: cache.bar = 1: no such key, did you mean bars?"},
        {"return { feeds = { { protocol = 'p', timeouts = { conect = 1 } } } }",
         "config: feeds[1].timeouts.conect = 1: no such key, did you mean connect?"},
        {"return { feeds = { { protocol = 'p', ca = 'x' } } }", "config: feeds[1].ca: no such key"},
        {"return { ['a\\nb'] = 1 }", "config: a?b: no such key"},
    };
    assert_all_refused(cases, MW_COUNT(cases));
}

/* Fills a list of `count` distinct entries into `pattern`. */
static mw_status load_many(const char *pattern, int count)
{
    char code[512];
    struct mw_settings *settings = NULL;
    snprintf(code, sizeof(code), "local list = {} for i = 1, %d do %s end", count, pattern);
    mw_status status = load_settings(code, &settings, NULL);
    mw_settings_free(settings);
    return status;
}

static void lists_end_at_their_limit(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        int most;
    } cases[] = {
        {"list[i] = { protocol = 'p', name = 'n' .. i } end do return { feeds = list }",
         MW_FEEDS_MAX},
        {"list[i] = 'S' .. i end do return { feeds = { { protocol = 'p', symbols = list } } }",
         MW_FEED_SYMBOLS_MAX},
        {"list[i] = i .. 'd' end do return { feeds = { { protocol = 'p', timeframes = list } } }",
         MW_FEED_TIMEFRAMES_MAX},
        {"list[i] = 'ws://' .. i end do return { feeds = { { protocol = 'p', endpoints = list } } "
         "}",
         MW_FEED_ENDPOINTS_MAX},
        {"list[i] = 'same.lua' end do return { strategies = list }", MW_STRATEGIES_MAX},
        {"list[i] = 'S' end do return { feeds = { { protocol = 'p', symbols = { "
         "table.concat(list) } } } }",
         MW_SYMBOL_BYTES_MAX},
        {"list[i] = 'T' end do return { feeds = { { protocol = 'p', csrf_token = "
         "table.concat(list) } } }",
         MW_TOKEN_BYTES_MAX},
        {"list[i] = 'x' end do return { strategies = { { file = 'f', name = table.concat(list) } } "
         "}",
         MW_STRATEGY_NAME_BYTES_MAX},
        {"list[i] = 'x' end do return { strategies = { table.concat(list) } }", MW_PATH_BYTES_MAX},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        assert_int_equal(load_many(cases[i].pattern, cases[i].most), MW_OK);
        assert_int_equal(load_many(cases[i].pattern, cases[i].most + 1), MW_ECONFIG);
    }
    assert_int_equal(load_many(cases[0].pattern, 0), MW_OK);
    assert_int_equal(load_many(cases[1].pattern, 0), MW_OK);
    assert_int_equal(load_many(cases[2].pattern, 0), MW_ECONFIG);
    assert_int_equal(load_many(cases[4].pattern, 0), MW_OK);
    assert_int_equal(load_many(cases[5].pattern, 0), MW_ECONFIG);
}

static void numbers_end_at_their_limit(void **state)
{
    (void)state;
    static const struct {
        const char *key, *least, *most, *below, *above;
    } cases[] = {
        {"cache = { bars = ", "1", "1048576", "0", "1048577"},
        {"reconnect = { attempts = ", "1", "4294967294", "0", "4294967295"},
        {"reconnect = { cap = 3600, base = ", "0.001", "3600", "0.0009", "3600.1"},
        {"reconnect = { base = 0.001, cap = ", "0.001", "3600", "0", "3601"},
        {"reconnect = { jitter = ", "0", "1", "-0.001", "1.001"},
        {"feeds = { { protocol = 'p', frame_bytes_max = ", "1024 }", "67108864 }", "1023 }",
         "67108865 }"},
        {"feeds = { { protocol = 'p', timeouts = { connect = ", "0.001 } }", "'1h' } }", "0 } }",
         "3600.01 } }"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const char *values[] = {cases[i].least, cases[i].most, cases[i].below, cases[i].above};
        for (size_t j = 0; j < MW_COUNT(values); j++) {
            char code[256];
            struct mw_settings *settings = NULL;
            snprintf(code, sizeof(code), "return { %s%s } }", cases[i].key, values[j]);
            assert_int_equal(load_settings(code, &settings, NULL), j < 2 ? MW_OK : MW_ECONFIG);
            mw_settings_free(settings);
        }
    }
    mw_settings_free(assert_loads("return { workers = 0 }"));
    mw_settings_free(assert_loads("return { workers = 32 }"));
    assert_refused("return { workers = -1 }",
                   "config: workers = -1: want a whole number from 0 to 32");
    assert_refused("return { workers = 33 }",
                   "config: workers = 33: want a whole number from 0 to 32");
}

static void numbers_strategies_of_the_same_file(void **state)
{
    (void)state;
    struct mw_settings *settings =
        assert_loads("return { strategies = { 'a/sma.lua', 'a/sma.lua', { file = 'x.lua', "
                     "name = 'sma-2' }, 'b/sma.lua', { file = 'noend' }, '.lua' } }");
    static const char *const names[] = {"sma", "sma-3", "sma-2", "sma-4", "noend", ".lua"};
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        assert_string_equal(settings->strategies[i].name, names[i]);
    mw_settings_free(settings);
}

static void values_come_without_metamethods(void **state)
{
    (void)state;
    struct mw_settings *settings = assert_loads(
        "local trap = { __index = error, __pairs = error, __len = error, __tostring = error } "
        "return setmetatable({ feeds = setmetatable({ setmetatable({ protocol = 'p', "
        "symbols = setmetatable({ 'A' }, trap) }, trap) }, trap) }, trap)");
    assert_int_equal(settings->feeds[0].symbol_count, 1);
    mw_settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_gives_the_defaults),
        cmocka_unit_test(a_short_feed_gets_the_defaults),
        cmocka_unit_test(reads_every_key_of_a_feed),
        cmocka_unit_test(reads_every_other_key),
        cmocka_unit_test(reads_the_spellings_of_a_speed_and_a_start),
        cmocka_unit_test(refuses_wrong_types),
        cmocka_unit_test(refuses_wrong_values_in_a_feed),
        cmocka_unit_test(refuses_wrong_values_of_a_simulator),
        cmocka_unit_test(refuses_keys_that_contradict_each_other),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(lists_end_at_their_limit),
        cmocka_unit_test(numbers_end_at_their_limit),
        cmocka_unit_test(numbers_strategies_of_the_same_file),
        cmocka_unit_test(values_come_without_metamethods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
