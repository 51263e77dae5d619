/* settings_history_test.c - what is to be kept of the past, and of which feeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "script/settings.h"
#include "settings_load.h"

static const struct mw_retention *find(const struct mw_settings *settings,
                                       struct mw_timeframe timeframe)
{
    for (uint32_t i = 0; i < settings->history.retention_count; i++)
        if (mw_timeframe_equal(settings->history.retentions[i].timeframe, timeframe))
            return &settings->history.retentions[i];
    fail_msg("no such timeframe");
    return NULL;
}

static void reads_the_store_and_how_long_it_keeps_what(void **state)
{
    (void)state;
    struct mw_settings *settings =
        assert_loads("return { history = { store = '/data/kept.db', retention = { ['1s'] = '7d', "
                     "['1m'] = '2y', ['90m'] = 60, ['1d'] = '10y', ['1w'] = '4w' } } }");
    assert_string_equal(settings->history.store, "/data/kept.db");
    assert_int_equal(settings->history.retention_count, 5);
    static const int64_t day = MW_MS_PER_DAY;
    assert_int_equal(find(settings, (struct mw_timeframe){1, 's'})->keep_ms, 7 * day);
    assert_int_equal(find(settings, (struct mw_timeframe){1, 'm'})->keep_ms, 730 * day);
    assert_int_equal(find(settings, (struct mw_timeframe){90, 'm'})->keep_ms, 60000);
    assert_int_equal(find(settings, (struct mw_timeframe){1, 'd'})->keep_ms, 3650 * day);
    assert_int_equal(find(settings, (struct mw_timeframe){1, 'w'})->keep_ms, 28 * day);
    mw_settings_free(settings);
}

static void nothing_is_kept_unless_a_file_is_named(void **state)
{
    (void)state;
    static const char *const codes[] = {"return {}", "return { history = {} }",
                                        "return { history = { store = false } }",
                                        "return { history = { retention = { ['1m'] = '1d' } } }"};
    for (size_t i = 0; i < MW_COUNT(codes); i++) {
        struct mw_settings *settings = assert_loads(codes[i]);
        assert_null(settings->history.store);
        mw_settings_free(settings);
    }
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *code, *message;
    } cases[] = {
        {"return { history = true }", "config: history = true: want a table"},
        {"return { history = { store = true } }",
         "config: history.store = true: want the path of a file, or false"},
        {"return { history = { store = 7 } }",
         "config: history.store = 7: want the path of a file, or false"},
        {"return { history = { store = '' } }",
         "config: history.store = \"\": want 1 to 4096 bytes"},
        {"return { history = { stores = 'a' } }",
         "config: history.stores = \"a\": no such key, did you mean store?"},
        {"return { history = { retain = {} } }", "config: history.retain: no such key"},
        {"return { history = { retention = '7d' } }",
         "config: history.retention = \"7d\": want a table of timeframes and spans"},
        {"return { history = { retention = { '7d' } } }",
         "config: history.retention: want timeframes as keys, like \"1m\""},
        {"return { history = { retention = { minute = '7d' } } }",
         "config: history.retention.minute: want timeframes as keys, a whole count and one of "
         "s m h d w M"},
        {"return { history = { retention = { ['1m'] = 'always' } } }",
         "config: history.retention.1m = \"always\": want seconds from 0.001 to 3.1536e+08, or a "
         "duration like \"250ms\""},
        {"return { history = { retention = { ['1m'] = 0 } } }",
         "config: history.retention.1m = 0: want seconds from 0.001 to 3.1536e+08, or a duration "
         "like \"250ms\""},
        {"return { history = { retention = { ['1m'] = '11y' } } }",
         "config: history.retention.1m = \"11y\": want seconds from 0.001 to 3.1536e+08, or a "
         "duration like \"250ms\""},
        {"return { history = { retention = { ['60s'] = 1, ['060s'] = 1 } } }", NULL},
        {"return { feeds = { { protocol = 'p', store = 'x' } } }",
         "config: feeds[1].store = \"x\": want true or false"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        if (cases[i].message != NULL) {
            assert_refused(cases[i].code, cases[i].message);
            continue;
        }
        struct mw_settings *settings = NULL;
        assert_int_equal(load_settings(cases[i].code, &settings, NULL), MW_ECONFIG);
    }
}

/* Loads `code`, which finds `count` in n. */
static mw_status load_many(const char *code, int count)
{
    char text[256];
    struct mw_settings *settings = NULL;
    snprintf(text, sizeof(text), "local n = %d %s", count, code);
    mw_status status = load_settings(text, &settings, NULL);
    mw_settings_free(settings);
    return status;
}

static void lists_and_texts_end_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int least, most;
    } cases[] = {
        {"local list = {} for i = 1, n do list[i .. 's'] = 1 end "
         "return { history = { retention = list } }",
         0, MW_RETENTIONS_MAX},
        {"local list = {} for i = 1, n do list[i] = { symbol = 'S', file = 'f' } end "
         "return { history = { files = list } }",
         0, MW_CONTEXTS_MAX},
        {"return { history = { store = ('a'):rep(n) } }", 1, MW_PATH_BYTES_MAX},
        {"return { history = { files = { { symbol = 'S', file = ('a'):rep(n) } } } }", 1,
         MW_PATH_BYTES_MAX},
        {"return { history = { files = { { symbol = ('a'):rep(n), file = 'f' } } } }", 1,
         MW_SYMBOL_BYTES_MAX},
        {"return { history = { files = { { feed = ('a'):rep(n), symbol = 'S', file = 'f' } } } }",
         1, MW_FEED_NAME_BYTES_MAX},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        if (cases[i].least > 0)
            assert_int_equal(load_many(cases[i].code, cases[i].least - 1), MW_ECONFIG);
        assert_int_equal(load_many(cases[i].code, cases[i].least), MW_OK);
        assert_int_equal(load_many(cases[i].code, cases[i].most), MW_OK);
        assert_int_equal(load_many(cases[i].code, cases[i].most + 1), MW_ECONFIG);
    }
}

static void feeds_whose_time_goes_on_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *feed;
        bool own_time, stores;
    } cases[] = {
        {"protocol = 'p'", false, true},
        {"protocol = 'p', store = false", false, false},
        {"protocol = 'p', endpoint = 'ws://localhost:1'", false, true},
        {"protocol = 'p', endpoint = 'simulator'", false, true},
        {"protocol = 'p', endpoint = 'simulator', simulator = { speed = 0.5 }", false, true},
        {"protocol = 'p', endpoint = 'simulator', simulator = { speed = 2 }", true, false},
        {"protocol = 'p', endpoint = 'simulator', simulator = { speed = 'max' }", true, false},
        {"protocol = 'p', endpoint = 'simulator', simulator = { start = 1 }", true, false},
        {"protocol = 'p', endpoint = 'simulator', simulator = { replay = 'a' }", true, false},
        {"protocol = 'p', endpoint = 'simulator', simulator = { speed = 2 }, store = true", true,
         true},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char code[256];
        snprintf(code, sizeof(code), "return { feeds = { { %s } } }", cases[i].feed);
        struct mw_settings *settings = assert_loads(code);
        assert_int_equal(mw_feed_settings_has_own_time(&settings->feeds[0]), cases[i].own_time);
        assert_int_equal(mw_feed_settings_stores(&settings->feeds[0]), cases[i].stores);
        mw_settings_free(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_store_and_how_long_it_keeps_what),
        cmocka_unit_test(nothing_is_kept_unless_a_file_is_named),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(lists_and_texts_end_at_their_limits),
        cmocka_unit_test(feeds_whose_time_goes_on_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
