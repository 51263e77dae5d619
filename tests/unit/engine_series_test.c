/* engine_series_test.c - series that are found, made and subscribed by several threads at once. */
#include <math.h>
#include <pthread.h>
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
#include "base/random.h"
#include "bind/bind_moonwick.h"
#include "engine.h"
#include "market/derive.h"

enum { SYMBOLS = 100, BARS = 700 };

static const struct mw_timeframe one = {1, 'm'}, five = {5, 'm'}, seven = {7, 'm'},
                                 fourteen = {14, 'm'};

/* An engine that is not started: its series are put into by hand. */
static struct mw_engine *engine_new(const char *feeds)
{
    char config[] = "/tmp/moonwick_config_XXXXXX.lua";
    int fd = mkstemps(config, 4);
    assert_true(fd >= 0 &&
                dprintf(fd, "return { log = { level = 'off' }, feeds = { %s } }\n", feeds) > 0);
    close(fd);
    struct mw_settings *settings = NULL;
    struct mw_engine *engine = NULL;
    struct mw_error err = {.message = ""};
    mw_status status = mw_settings_load_file(config, &settings, &err);
    unlink(config);
    if (status == MW_OK)
        status = mw_engine_open(settings, &mw_lua_bindings, &engine, &err);
    if (status != MW_OK)
        fail_msg("%s", err.message);
    return engine;
}

static const char demo[] = "{ name = 'demo', protocol = 'binance', endpoint = 'simulator', "
                           "simulator = { speed = 1 } },";
static const char other[] = "{ name = 'other', protocol = 'binance', endpoint = 'simulator', "
                            "simulator = { speed = 1 } },";

static const char *symbol_of(uint32_t index, char text[16])
{
    snprintf(text, 16, "S%uUSDT", index);
    return text;
}

/* One of minutes, of a day and on. Nobody keeps it up to date. */
static struct mw_series *add_minutes(struct mw_engine *engine, const char *feed, const char *symbol)
{
    struct mw_series_key key = {.timeframe = one};
    struct mw_series *series;
    snprintf(key.feed, sizeof(key.feed), "%s", feed);
    snprintf(key.symbol, sizeof(key.symbol), "%s", symbol);
    assert_int_equal(mw_cache_add(mw_engine_cache(engine), &key, &series, NULL), MW_OK);
    for (int64_t i = 0; i < BARS; i++) {
        const struct mw_candle candle = {.open_ms = MW_MS_PER_DAY + i * MW_MS_PER_MINUTE,
                                         .open = 1,
                                         .high = 1,
                                         .low = 1,
                                         .close = 1,
                                         .volume = 1,
                                         .turnover = (double)NAN,
                                         .state = MW_CANDLE_CLOSED,
                                         .closed_by = MW_CLOSED_BY_EXCHANGE};
        assert_int_equal(
            mw_cache_put(mw_engine_cache(engine), series, &candle, INT64_MAX / 2, NULL),
            MW_PUT_APPENDED);
    }
    return series;
}

/* --- several threads -------------------------------------------------------------------------- */

struct race {
    struct mw_engine *engine;
    pthread_barrier_t begin;
    struct mw_timeframe timeframe; /* that the other thread looks for */
    uint32_t wrong_count;          /* of its answers */
};

/* The engine with minutes of each symbol, and a thread that looks for bars made of them. */
static pthread_t begin_race(struct race *race, struct mw_timeframe timeframe,
                            void *(*look)(void *user))
{
    char symbol[16];
    pthread_t thread;
    *race = (struct race){.engine = engine_new(demo), .timeframe = timeframe};
    for (uint32_t i = 0; i < SYMBOLS; i++)
        add_minutes(race->engine, "demo", symbol_of(i, symbol));
    pthread_barrier_init(&race->begin, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, look, race), 0);
    return thread;
}

static void end_race(struct race *race)
{
    pthread_barrier_destroy(&race->begin);
    mw_engine_free(race->engine);
}

/* Whether one is found, whole, and made of minutes. */
static bool find_whole(struct race *race, uint32_t index, struct mw_timeframe timeframe)
{
    char symbol[16];
    struct mw_series *series = NULL;
    pthread_barrier_wait(&race->begin);
    uint32_t found =
        mw_engine_find_series(race->engine, NULL, symbol_of(index, symbol), timeframe, &series);
    return found == 1 && mw_series_count(series) == BARS / timeframe.count &&
           mw_derive_source(series) != NULL &&
           mw_series_key(mw_derive_source(series))->timeframe.count == 1;
}

static void *look_for_whole(void *user)
{
    struct race *race = user;
    for (uint32_t i = 0; i < SYMBOLS; i++)
        race->wrong_count += !find_whole(race, i, race->timeframe);
    return NULL;
}

static void *look(void *user)
{
    struct race *race = user;
    char symbol[16];
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        struct mw_series *series;
        pthread_barrier_wait(&race->begin);
        mw_engine_find_series(race->engine, NULL, symbol_of(i, symbol), race->timeframe, &series);
    }
    return NULL;
}

static void check_race(struct mw_timeframe mine, struct mw_timeframe theirs)
{
    struct race race;
    uint32_t wrong_count = 0;
    pthread_t thread = begin_race(&race, theirs, look_for_whole);
    for (uint32_t i = 0; i < SYMBOLS; i++)
        wrong_count += !find_whole(&race, i, mine);
    pthread_join(thread, NULL);
    assert_int_equal(wrong_count + race.wrong_count, 0);
    end_race(&race);
}

static void what_another_thread_is_making_is_seen_when_it_is_whole(void **state)
{
    (void)state;
    check_race(seven, seven);
}

static void nothing_is_made_of_what_is_being_made(void **state)
{
    (void)state;
    check_race(fourteen, seven);
}

static void what_the_venue_sends_is_made_by_nobody_else(void **state)
{
    (void)state;
    struct race race;
    char symbol[16];
    uint32_t made_count = 0;
    pthread_t thread = begin_race(&race, five, look);
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        struct mw_series *series;
        pthread_barrier_wait(&race.begin);
        symbol_of(i, symbol);
        assert_int_equal(mw_engine_subscribe(race.engine, "demo", symbol, five, NULL), MW_OK);
        assert_int_equal(mw_cache_find(mw_engine_cache(race.engine), "demo", symbol, five, &series),
                         1);
        made_count +=
            mw_derive_source(series) != NULL || mw_series_get_health(series) == MW_SERIES_IDLE;
    }
    pthread_join(thread, NULL);
    assert_int_equal(made_count, 0);
    end_race(&race);
}

/* --- several feeds, and too many -------------------------------------------------------------- */

static void a_symbol_of_several_feeds_has_to_be_named_whatever_was_read_before(void **state)
{
    (void)state;
    char feeds[512];
    snprintf(feeds, sizeof(feeds), "%s%s", demo, other);
    struct mw_engine *engine = engine_new(feeds);
    struct mw_series *series = NULL, *found = NULL;
    add_minutes(engine, "demo", "X");
    assert_int_equal(mw_engine_find_series(engine, NULL, "X", seven, &series), 1);
    add_minutes(engine, "other", "X");
    assert_int_equal(mw_engine_find_series(engine, NULL, "X", seven, &found), 2);
    assert_int_equal(mw_engine_find_series(engine, NULL, "X", fourteen, &found), 2);
    assert_int_equal(mw_engine_find_series(engine, "demo", "X", seven, &found), 1);
    assert_true(found == series);
    /* Asked for in one of them, it is that. */
    assert_int_equal(mw_engine_subscribe(engine, "demo", "X", seven, NULL), MW_OK);
    assert_int_equal(mw_engine_find_series(engine, NULL, "X", seven, &found), 1);
    assert_true(found == series);
    mw_engine_free(engine);
}

static void more_timeframes_than_there_may_be_are_not_found(void **state)
{
    (void)state;
    struct mw_engine *engine = engine_new(demo);
    struct mw_series *series = NULL;
    add_minutes(engine, "demo", "X");
    for (uint32_t i = 2; i < MW_DERIVED_MAX + 2; i++) {
        struct mw_timeframe timeframe = {.count = i, .unit = 'd'};
        assert_int_equal(mw_engine_find_series(engine, NULL, "X", timeframe, &series), 1);
    }
    series = NULL;
    assert_int_equal(mw_engine_find_series(engine, NULL, "X", seven, &series), 0);
    assert_null(series);
    mw_engine_free(engine);
}

/* --- wanted and not wanted any more ----------------------------------------------------------- */

/* What is wanted, and what has to be sent for it. */
static const struct {
    struct mw_timeframe wanted, sent;
} lengths[] = {{{1, 'm'}, {1, 'm'}},  {{5, 'm'}, {5, 'm'}}, {{7, 'm'}, {1, 'm'}},
               {{10, 'm'}, {5, 'm'}}, {{6, 'm'}, {3, 'm'}}, {{90, 'm'}, {30, 'm'}},
               {{20, 'm'}, {5, 'm'}}};

static void check_subscribed(struct mw_engine *engine, const bool *asked)
{
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        bool needed = false;
        struct mw_series *series;
        for (size_t j = 0; j < MW_COUNT(lengths); j++)
            needed |= asked[j] && mw_timeframe_equal(lengths[j].sent, lengths[i].sent);
        if (mw_cache_find(mw_engine_cache(engine), "demo", "X", lengths[i].sent, &series) > 0)
            assert_int_equal(mw_series_get_health(series) != MW_SERIES_IDLE, needed);
        else
            assert_false(needed);
        if (!asked[i])
            continue;
        assert_int_equal(
            mw_cache_find(mw_engine_cache(engine), "demo", "X", lengths[i].wanted, &series), 1);
        assert_int_not_equal(mw_series_get_health(series), MW_SERIES_IDLE);
        bool is_sent = mw_timeframe_equal(lengths[i].sent, lengths[i].wanted);
        assert_int_equal(mw_derive_source(series) == NULL, is_sent);
    }
}

static void the_venue_is_asked_for_what_is_needed_in_whatever_order(void **state)
{
    (void)state;
    struct mw_engine *engine = engine_new(demo);
    struct mw_random random = {.state = 5};
    bool asked[MW_COUNT(lengths)] = {false};
    for (int step = 0; step < 3000; step++) {
        size_t at = mw_random_next(&random) % MW_COUNT(lengths);
        struct mw_series *series;
        struct mw_timeframe timeframe = lengths[at].wanted;
        uint64_t what = mw_random_next(&random) % 5;
        if (what < 2) {
            assert_int_equal(mw_engine_subscribe(engine, "demo", "X", timeframe, NULL), MW_OK);
            asked[at] = true;
        } else if (what < 4) {
            mw_status status = mw_engine_unsubscribe(engine, "demo", "X", timeframe, NULL);
            assert_int_equal(status, asked[at] ? MW_OK : MW_EINVAL);
            asked[at] = false;
        } else if (asked[at]) { /* what nobody asked for may be made of whatever there is */
            assert_int_equal(mw_engine_find_series(engine, NULL, "X", timeframe, &series), 1);
        }
        check_subscribed(engine, asked);
    }
    mw_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_thread_is_making_is_seen_when_it_is_whole),
        cmocka_unit_test(nothing_is_made_of_what_is_being_made),
        cmocka_unit_test(what_the_venue_sends_is_made_by_nobody_else),
        cmocka_unit_test(a_symbol_of_several_feeds_has_to_be_named_whatever_was_read_before),
        cmocka_unit_test(the_venue_is_asked_for_what_is_needed_in_whatever_order),
        cmocka_unit_test(more_timeframes_than_there_may_be_are_not_found),
    };
    mw_log_set_level(MW_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
