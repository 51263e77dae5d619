/* download_test.c - a venue's past into a store, over HTTP that goes wrong in every way. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "history/download.h"
#include "history/store.h"

#include "history_server.h"
#include "store_file.h"

enum { LAST = 400, ROWS = 50, RATE = 1000, ATTEMPTS = 5, BARS_MAX = 4096 };

struct bench {
    struct mw_history_server server;
    void *path; /* of the store; text */
    struct mw_store *store;
    struct mw_protocol *protocol;
    struct mw_download *download;
    struct mw_series_key key;
    struct mw_download_result result;
    struct mw_error err;
    int stop_after; /* answers; 0 for never */
};

static void open_download(struct bench *bench)
{
    const struct mw_download_source source = {.protocol = bench->protocol,
                                              .base = bench->server.base,
                                              .attempts = ATTEMPTS,
                                              .base_s = 0.001,
                                              .cap_s = 0.005,
                                              .timeout_ms = 5000};
    mw_status status = mw_download_new(&source, bench->store, &bench->download, &bench->err);
    assert_int_equal(status, MW_OK);
}

static void begin(struct bench *bench, int last, int row_count_max)
{
    memset(bench, 0, sizeof(*bench));
    assert_int_equal(store_file_setup(&bench->path), 0);
    mw_history_server_start(&bench->server, last);
    bench->protocol = mw_history_protocol(row_count_max, RATE);
    bench->key = (struct mw_series_key){.feed = "made", .symbol = "X", .timeframe = {1, 'm'}};
    bench->store = store_file_open(bench->path);
    open_download(bench);
}

static void end(struct bench *bench)
{
    mw_download_free(bench->download);
    mw_store_close(bench->store);
    mw_protocol_free(bench->protocol);
    mw_history_server_stop(&bench->server);
    assert_int_equal(store_file_teardown(&bench->path), 0);
}

static void on_tell(void *user, const struct mw_download_progress *progress)
{
    struct bench *bench = user;
    assert_true(progress->bucket_done <= progress->bucket_count);
    if (bench->stop_after > 0 && mw_history_server_count(&bench->server) >= bench->stop_after)
        mw_download_stop(bench->download);
}

/* Minutes from..to - 1. */
static mw_status run(struct bench *bench, int from, int to)
{
    const struct mw_download_span span = {bench->key, mw_history_open_ms(from),
                                          mw_history_open_ms(to)};
    return mw_download_run(bench->download, &span, on_tell, bench, &bench->result, &bench->err);
}

static void succeed(struct bench *bench, int from, int to)
{
    if (run(bench, from, to) != MW_OK)
        fail_msg("%s", bench->err.message);
}

static struct mw_store_query everything(const struct bench *bench, uint32_t count)
{
    return (struct mw_store_query){&bench->key, INT64_MIN, INT64_MAX, count, false};
}

static uint32_t hole_count(struct bench *bench)
{
    struct mw_gaps holes = {0};
    struct mw_store_query all = everything(bench, 0);
    assert_int_equal(mw_store_read_holes(bench->store, &all, &holes, &bench->err), MW_OK);
    uint32_t count = holes.count;
    mw_gaps_deinit(&holes);
    return count;
}

/* Exactly the venue's bars of these minutes are stored, with its values, and no hole. */
static void expect(struct bench *bench, int first, int last)
{
    static struct mw_candle bars[BARS_MAX];
    struct mw_store_series series;
    uint32_t count, at = 0;
    bool found;
    assert_int_equal(mw_store_find(bench->store, &bench->key, &series, &found, &bench->err), MW_OK);
    assert_true(found && series.first_ms == mw_history_open_ms(first) &&
                series.last_ms == mw_history_open_ms(last));
    const struct mw_store_query query = everything(bench, BARS_MAX);
    assert_int_equal(mw_store_read_rows(bench->store, &query, bars, &count, &bench->err), MW_OK);
    for (int minute = first; minute <= last; minute++) {
        if (bench->server.quiet[minute])
            continue;
        struct mw_candle want = mw_history_bar(minute);
        assert_true(at < count);
        assert_true(bars[at].open_ms == want.open_ms && bars[at].open == want.open &&
                    bars[at].high == want.high && bars[at].low == want.low &&
                    bars[at].close == want.close && bars[at].volume == want.volume &&
                    bars[at].turnover == want.turnover && bars[at].trades == want.trades);
        assert_int_equal(bars[at].closed_by, MW_CLOSED_BY_EXCHANGE);
        at++;
    }
    assert_int_equal(at, count);
    assert_int_equal(hole_count(bench), 0);
}

static void make_quiet(struct bench *bench, int first, int last)
{
    for (int minute = first; minute <= last; minute++)
        bench->server.quiet[minute] = true;
}

/* Quiet minutes here and there. */
static void sprinkle(struct bench *bench, uint64_t seed)
{
    struct mw_random random = {.state = seed};
    for (int minute = 1; minute < LAST; minute++)
        bench->server.quiet[minute] = mw_random_next(&random) % 9 == 0;
    bench->server.quiet[LAST - 1] = false;
}

static void stores_every_final_bar_and_asks_for_none_again(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    succeed(&bench, 0, LAST + 100);
    expect(&bench, 0, LAST - 1);
    assert_int_equal(bench.result.rows, LAST);
    assert_true(bench.result.forming && bench.result.forming_ms == mw_history_open_ms(LAST));
    assert_int_equal(bench.result.left, 0);
    /* The newest, and 400 bars of which each answer has 49 new ones. */
    assert_int_equal(bench.result.requests, 1 + 9);
    succeed(&bench, 0, LAST + 100);
    assert_int_equal(bench.result.requests, 1);
    assert_int_equal(bench.result.rows + bench.result.replaced, 0);
    mw_history_server_set_last(&bench.server, LAST + 10);
    succeed(&bench, 0, LAST + 100);
    expect(&bench, 0, LAST + 9);
    assert_int_equal(bench.result.requests, 2);
    end(&bench);
}

static void stores_only_what_was_asked_for(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    succeed(&bench, 120, 260);
    expect(&bench, 120, 259);
    assert_false(bench.result.begins || bench.result.forming);
    end(&bench);
}

static void believes_that_a_minute_was_quiet_when_two_answers_say_so(void **state)
{
    struct bench bench;
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        begin(&bench, LAST, ROWS);
        sprinkle(&bench, seed);
        succeed(&bench, 0, LAST);
        expect(&bench, 0, LAST - 1);
        end(&bench);
    }
    begin(&bench, LAST, ROWS);
    bench.server.without = 380;
    mw_history_server_set(&bench.server, MW_HISTORY_WITHOUT, 2); /* the newest, and one more */
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    end(&bench);
}

static void jumps_over_a_hole_in_the_middle(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    make_quiet(&bench, 60, 340);
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    assert_in_range(bench.result.requests, 4, 8);
    end(&bench);
}

static void finds_where_the_history_begins(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    succeed(&bench, -5000000, LAST); /* ten years of minutes */
    expect(&bench, 0, LAST - 1);
    assert_true(bench.result.begins && bench.result.begins_ms == mw_history_open_ms(0));
    assert_int_equal(bench.result.left, 0);
    assert_in_range(bench.result.requests, 10, 60);
    end(&bench);
}

static void says_when_a_venue_has_nothing(void **state)
{
    struct bench bench;
    struct mw_store_series series;
    bool found;
    (void)state;
    begin(&bench, LAST, ROWS);
    bench.server.first = LAST + 1;
    succeed(&bench, 0, LAST);
    assert_true(bench.result.empty);
    assert_int_equal(bench.result.requests, 2);
    assert_int_equal(mw_store_find(bench.store, &bench.key, &series, &found, NULL), MW_OK);
    assert_false(found);
    bench.server.first = 0;
    succeed(&bench, -100, -50); /* a venue that has nothing so old */
    assert_int_equal(bench.result.rows, 0);
    assert_true(bench.result.begins);
    end(&bench);
}

static void takes_rows_newest_first(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    sprinkle(&bench, 3);
    mw_history_server_set(&bench.server, MW_HISTORY_BACKWARDS, 0);
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    end(&bench);
}

static void takes_fewer_rows_than_it_wants(void **state)
{
    static const int gives[] = {2, 3, 7, 49};
    struct bench bench;
    (void)state;
    for (size_t i = 0; i < MW_COUNT(gives); i++) {
        begin(&bench, LAST, ROWS);
        sprinkle(&bench, i);
        bench.server.gives = gives[i];
        succeed(&bench, 250, LAST);
        expect(&bench, 250, LAST - 1);
        end(&bench);
    }
}

static void lives_with_venues_of_few_rows(void **state)
{
    struct bench bench;
    (void)state;
    for (int rows = 1; rows <= 4; rows++) {
        begin(&bench, LAST, rows);
        sprinkle(&bench, 11);
        succeed(&bench, 340, LAST);
        expect(&bench, 340, LAST - 1);
        end(&bench);
    }
}

/* Whatever goes wrong for a while, the store ends up with the venue's bars. */
static void outlasts_what_goes_wrong_for_a_while(void **state)
{
    static const char twice[] = "[[1600003020000,1,1,1,1,1,1,1],[1600003020000,1,1,1,1,1,1,1]]";
    static const char off_grid[] = "[[1600003020001,1,1,1,1,1,1,1]]";
    static const char impossible[] = "[[1600003020000,1,1,2,1,1,1,1]]";
    static const struct {
        int mode, code;
        const char *body;
    } troubles[] = {
        {MW_HISTORY_CUT, 0, NULL},        {MW_HISTORY_STATUS, 500, NULL},
        {MW_HISTORY_STATUS, 429, NULL},   {MW_HISTORY_STATUS, 418, NULL},
        {MW_HISTORY_STATUS, 403, NULL},   {MW_HISTORY_BODY, 0, "<html>"},
        {MW_HISTORY_BODY, 0, twice},      {MW_HISTORY_BODY, 0, off_grid},
        {MW_HISTORY_BODY, 0, impossible}, {MW_HISTORY_BODY, 0, "{\"msg\":\"busy\",\"code\":7}"},
        {MW_HISTORY_BODY, 0, "[]"},
    };
    struct bench bench;
    (void)state;
    for (size_t i = 0; i < MW_COUNT(troubles); i++) {
        begin(&bench, LAST, ROWS);
        bench.stop_after = 3;
        succeed(&bench, 0, LAST); /* some are stored */
        assert_true(bench.result.stopped && bench.result.left > 0);
        mw_download_free(bench.download);
        open_download(&bench);
        bench.stop_after = 0;
        pthread_mutex_lock(&bench.server.lock);
        bench.server.code = troubles[i].code;
        bench.server.body = troubles[i].body;
        pthread_mutex_unlock(&bench.server.lock);
        mw_history_server_set(&bench.server, troubles[i].mode, ATTEMPTS - 1);
        succeed(&bench, 0, LAST);
        expect(&bench, 0, LAST - 1);
        assert_true(bench.result.failures >= 2);
        end(&bench);
    }
}

static void waits_as_long_as_it_is_told_to(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    bench.server.code = 429;
    bench.server.retry_after_s = 1;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 1);
    succeed(&bench, 380, LAST);
    expect(&bench, 380, LAST - 1);
    assert_int_equal(bench.result.failures, 1);
    assert_true(bench.server.request_ms[1] - bench.server.request_ms[0] >= 990);
    end(&bench);
}

static void keeps_to_the_rate_of_the_venue(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    mw_download_free(bench.download);
    mw_protocol_free(bench.protocol);
    bench.protocol = mw_history_protocol(ROWS, 20);
    open_download(&bench);
    succeed(&bench, 200, LAST);
    int last = mw_history_server_count(&bench.server) - 1;
    int64_t took_ms = bench.server.request_ms[last] - bench.server.request_ms[0];
    assert_true(last >= 4 && took_ms >= last * 50 / 2); /* the first may have come late */
    end(&bench);
}

static void gives_up_after_some_attempts_and_keeps_what_it_has(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    bench.stop_after = 4;
    succeed(&bench, 0, LAST);
    uint64_t rows = bench.result.rows;
    assert_true(rows >= ROWS);
    mw_download_free(bench.download);
    open_download(&bench);
    bench.stop_after = 0;
    bench.server.code = 502;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 0);
    assert_int_equal(run(&bench, 0, LAST), MW_EHISTORY);
    assert_string_equal(bench.err.message, "the venue answers with status 502");
    assert_int_equal(bench.result.failures, ATTEMPTS);
    mw_history_server_set(&bench.server, MW_HISTORY_GOOD, 0);
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    assert_int_equal(bench.result.rows, LAST - rows);
    end(&bench);
}

static void believes_a_refusal_at_once(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    bench.server.code = 400;
    bench.server.body = "{\"msg\":\"no such symbol\",\"code\":-1121}";
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, 0);
    assert_int_equal(run(&bench, 0, LAST), MW_EHISTORY);
    assert_string_equal(bench.err.message,
                        "status 400: the venue refuses with code -1121: no such symbol");
    assert_int_equal(bench.result.requests, 1);
    end(&bench);
}

static void asks_again_where_the_bar_after_is_missing(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    succeed(&bench, 300, LAST);
    bench.server.without = 300;
    mw_history_server_set(&bench.server, MW_HISTORY_WITHOUT, 3);
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    assert_int_equal(bench.result.failures, 2);
    end(&bench);
}

static void put(struct bench *bench, int first, int last)
{
    struct mw_candle rows[LAST];
    uint32_t count = 0;
    for (int minute = first; minute <= last; minute++)
        rows[count++] = mw_history_bar(minute);
    const struct mw_store_part part = {.key = &bench->key,
                                       .from_ms = mw_history_open_ms(first),
                                       .to_ms = mw_history_open_ms(last),
                                       .rows = rows,
                                       .row_count = count};
    assert_int_equal(mw_store_write(bench->store, &part, 1, NULL, &bench->err), MW_OK);
}

static void asks_only_for_holes_and_what_lies_outside(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    put(&bench, 20, 100);
    put(&bench, 103, 105);
    put(&bench, 108, 380);
    assert_int_equal(hole_count(&bench), 2);
    succeed(&bench, 0, LAST);
    expect(&bench, 0, LAST - 1);
    assert_int_equal(bench.result.rows, 20 + 4 + 19);
    assert_int_equal(bench.result.requests, 4); /* the newest, after, both holes at once, before */
    end(&bench);
}

static void goes_on_beside_bars_that_the_venue_does_not_have(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    put(&bench, 200, 210);
    make_quiet(&bench, 195, 215);
    succeed(&bench, 100, LAST);
    memset(bench.server.quiet + 200, false, 11); /* as far as the store is concerned */
    expect(&bench, 100, LAST - 1);
    end(&bench);
}

static void goes_on_after_any_interruption_with_the_rest(void **state)
{
    struct bench bench;
    struct mw_random random = {.state = 5};
    int runs = 0, sum;
    (void)state;
    begin(&bench, LAST, ROWS);
    sprinkle(&bench, 5);
    do {
        mw_download_free(bench.download);
        open_download(&bench);
        sum = mw_history_server_count(&bench.server);
        bench.stop_after = sum + 1 + (int)(mw_random_next(&random) % 6);
        succeed(&bench, 0, LAST);
        runs++;
    } while (bench.result.stopped && runs < 100);
    assert_false(bench.result.stopped);
    expect(&bench, 0, LAST - 1);
    /* One to begin with, and one for the answer that another had to agree with. */
    assert_true(mw_history_server_count(&bench.server) <= 2 * 10 + 2 * runs);
    assert_in_range(runs, 3, 60);
    end(&bench);
}

static void stops_at_once_while_it_waits(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    mw_history_server_set(&bench.server, MW_HISTORY_SILENT, 0);
    bench.stop_after = 1;
    int64_t since_ms = mw_clock_monotonic_ms();
    succeed(&bench, 0, LAST);
    assert_true(bench.result.stopped);
    assert_true(mw_clock_monotonic_ms() - since_ms < 4000);
    end(&bench);
}

/* How many are stored of three bars in a row of which the newest begins so long ago. */
static uint64_t stored_of_three(int64_t age_ms)
{
    static char body[512];
    struct bench bench;
    begin(&bench, LAST, ROWS);
    int64_t newest_ms = mw_timeframe_floor(bench.key.timeframe, mw_clock_wall_ms() - age_ms);
    int64_t first_ms = newest_ms - INT64_C(2) * MW_MS_PER_MINUTE;
    snprintf(body, sizeof(body), "[[%lld,1,1,1,1,1,1,1],[%lld,1,1,1,1,1,1,1],[%lld,1,1,1,1,1,1,1]]",
             (long long)first_ms, (long long)(newest_ms - MW_MS_PER_MINUTE), (long long)newest_ms);
    pthread_mutex_lock(&bench.server.lock);
    bench.server.body = body;
    pthread_mutex_unlock(&bench.server.lock);
    mw_history_server_set(&bench.server, MW_HISTORY_BODY, 0);
    const struct mw_download_span span = {
        .key = bench.key, .from_ms = first_ms, .to_ms = mw_clock_wall_ms()};
    if (mw_download_run(bench.download, &span, NULL, NULL, &bench.result, &bench.err) != MW_OK)
        fail_msg("%s", bench.err.message);
    uint64_t rows = bench.result.rows;
    assert_true(bench.result.forming == (rows == 2));
    end(&bench);
    return rows;
}

static void believes_the_clock_that_the_newest_bar_is_over_unless_it_is_old(void **state)
{
    (void)state;
    assert_int_equal(stored_of_three(0), 2); /* it forms */
    assert_int_equal(stored_of_three(INT64_C(2) * MW_MS_PER_MINUTE), 3);
    assert_int_equal(stored_of_three(MW_DOWNLOAD_RECENT_MS - MW_MS_PER_MINUTE), 3);
    assert_int_equal(stored_of_three(MW_DOWNLOAD_RECENT_MS + 3 * MW_MS_PER_MINUTE), 2);
}

static void gives_up_after_eight_attempts_by_default(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, LAST, ROWS);
    mw_download_free(bench.download);
    const struct mw_download_source source = {
        .protocol = bench.protocol, .base = bench.server.base, .base_s = 0.001, .cap_s = 0.002};
    assert_int_equal(mw_download_new(&source, bench.store, &bench.download, NULL), MW_OK);
    bench.server.code = 500;
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, MW_DOWNLOAD_ATTEMPTS_MAX - 1);
    succeed(&bench, 390, LAST);
    assert_int_equal(bench.result.failures, MW_DOWNLOAD_ATTEMPTS_MAX - 1);
    mw_history_server_set(&bench.server, MW_HISTORY_STATUS, MW_DOWNLOAD_ATTEMPTS_MAX);
    assert_int_equal(run(&bench, 0, LAST), MW_EHISTORY);
    assert_int_equal(bench.result.failures, MW_DOWNLOAD_ATTEMPTS_MAX);
    end(&bench);
}

static void refuses_what_it_cannot_ask(void **state)
{
    struct bench bench;
    struct mw_download *download = NULL;
    (void)state;
    begin(&bench, LAST, ROWS);
    struct mw_download_source source = {.protocol = bench.protocol, .base = "ws://127.0.0.1"};
    assert_int_equal(mw_download_new(&source, bench.store, &download, &bench.err), MW_EPARSE);
    assert_null(download);
    bench.protocol->history.known = false;
    source.base = bench.server.base;
    assert_int_equal(mw_download_new(&source, bench.store, &download, &bench.err), MW_EINVAL);
    bench.protocol->history.known = true;
    end(&bench);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_every_final_bar_and_asks_for_none_again),
        cmocka_unit_test(stores_only_what_was_asked_for),
        cmocka_unit_test(believes_that_a_minute_was_quiet_when_two_answers_say_so),
        cmocka_unit_test(jumps_over_a_hole_in_the_middle),
        cmocka_unit_test(finds_where_the_history_begins),
        cmocka_unit_test(says_when_a_venue_has_nothing),
        cmocka_unit_test(takes_rows_newest_first),
        cmocka_unit_test(takes_fewer_rows_than_it_wants),
        cmocka_unit_test(lives_with_venues_of_few_rows),
        cmocka_unit_test(outlasts_what_goes_wrong_for_a_while),
        cmocka_unit_test(waits_as_long_as_it_is_told_to),
        cmocka_unit_test(keeps_to_the_rate_of_the_venue),
        cmocka_unit_test(gives_up_after_some_attempts_and_keeps_what_it_has),
        cmocka_unit_test(believes_a_refusal_at_once),
        cmocka_unit_test(asks_again_where_the_bar_after_is_missing),
        cmocka_unit_test(asks_only_for_holes_and_what_lies_outside),
        cmocka_unit_test(goes_on_beside_bars_that_the_venue_does_not_have),
        cmocka_unit_test(goes_on_after_any_interruption_with_the_rest),
        cmocka_unit_test(stops_at_once_while_it_waits),
        cmocka_unit_test(believes_the_clock_that_the_newest_bar_is_over_unless_it_is_old),
        cmocka_unit_test(gives_up_after_eight_attempts_by_default),
        cmocka_unit_test(refuses_what_it_cannot_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
