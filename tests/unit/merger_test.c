/* merger_test.c - what an answer of a venue's history proves, and what it does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/merger.h"
#include "market/derive.h"
#include "net/client.h"

#include "history_server.h"

enum { BARS = 100, ROWS_MAX = 50, SETTLE_MS = 1000 };

struct bench {
    struct mw_cache *cache;
    struct mw_series *series;
    struct mw_protocol *protocol;
    struct mw_merger *merger;
    struct mw_merged merged;
    struct mw_error err;
};

static void begin(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    bench->cache = mw_cache_new(BARS);
    struct mw_series_key key = {.feed = "made", .symbol = "X", .timeframe = {1, 'm'}};
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
    bench->protocol = mw_history_protocol(ROWS_MAX, 1000);
    bench->merger = mw_merger_new(bench->cache, bench->protocol, SETTLE_MS);
}

static void end(struct bench *bench)
{
    mw_merger_free(bench->merger);
    mw_protocol_free(bench->protocol);
    mw_cache_free(bench->cache);
}

static void put_live(struct bench *bench, int minute, bool closed)
{
    struct mw_candle bar = mw_history_bar(minute);
    if (!closed) {
        bar.state = MW_CANDLE_FORMING;
        bar.closed_by = MW_CLOSED_BY_NOBODY;
    }
    mw_cache_put(bench->cache, bench->series, &bar, bar.open_ms, NULL);
}

static int64_t bound(int minute)
{
    return minute == INT32_MIN   ? INT64_MIN
           : minute == INT32_MAX ? INT64_MAX
                                 : mw_history_open_ms(minute);
}

static mw_status merge_text(struct bench *bench, int from, int to, const char *text,
                            int64_t sent_ms)
{
    size_t size = strlen(text) + MW_MESSAGE_PADDING;
    char *body = mw_alloc_zero(size);
    snprintf(body, size, "%s", text);
    const struct mw_answer answer = {.series = bench->series,
                                     .from_ms = bound(from),
                                     .to_ms = bound(to),
                                     .sent_ms = sent_ms,
                                     .body = body,
                                     .length = strlen(text)};
    mw_status status = mw_merger_merge(bench->merger, &answer, &bench->merged, &bench->err);
    mw_free(body);
    return status;
}

/* An answer with the rows first..last but those of `quiet`, which ends with -1. */
static mw_status merge(struct bench *bench, int from, int to, int first, int last)
{
    char text[8192];
    mw_history_write(text, sizeof(text), first, last, NULL);
    return merge_text(bench, from, to, text, bound(last)); /* while the last one forms */
}

static mw_status merge_quiet(struct bench *bench, int from, int to, const int *rows, int count)
{
    char text[8192] = "[";
    for (int i = 0; i < count; i++) {
        char one[256];
        size_t length = mw_history_write(one, sizeof(one), rows[i], rows[i], NULL);
        one[length - 1] = '\0';
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "," : "", one + 1);
    }
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, "]");
    return merge_text(bench, from, to, text,
                      bound(rows[count - 1] > rows[0] ? rows[count - 1] : rows[0]));
}

/* "0 1 [2 3] 4f!": minutes of the bars, holes in brackets, `f` forming, `!` unproven. */
static const char *shown(struct bench *bench)
{
    static char text[1024];
    struct mw_candle bars[BARS];
    struct mw_gap gaps[BARS];
    uint32_t count = mw_series_read_last(bench->series, INT64_MAX, BARS, true, bars);
    uint32_t gap_count = mw_series_copy_gaps(bench->series, gaps, BARS), gap = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i <= count; i++) {
        for (; gap < gap_count && (i == count || gaps[gap].from_ms <= bars[i].open_ms); gap++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof(text) - used, "[%lld-%lld] ",
                     (long long)((gaps[gap].from_ms - MW_HISTORY_EPOCH_MS) / 60000),
                     (long long)((gaps[gap].to_ms - MW_HISTORY_EPOCH_MS) / 60000));
        }
        if (i == count)
            break;
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%lld%s%s ",
                 (long long)((bars[i].open_ms - MW_HISTORY_EPOCH_MS) / 60000),
                 bars[i].state == MW_CANDLE_FORMING ? "f" : "",
                 bars[i].flags & MW_CANDLE_UNPROVEN ? "!" : "");
    }
    return text;
}

/* --- what is final ---------------------------------------------------------------------------- */

static void fills_a_hole_and_leaves_the_newest_row_alone(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    assert_string_equal(shown(&bench), "0 [1-3] 4f ");
    assert_int_equal(merge(&bench, 0, 4, 0, 4), MW_OK);
    assert_string_equal(shown(&bench), "0 1 2 3 4f ");
    assert_int_equal(bench.merged.put, 3);
    assert_int_equal(bench.merged.rows, 5);
    struct mw_candle bar, want = mw_history_bar(2);
    assert_int_equal(mw_series_read_from(bench.series, want.open_ms, want.open_ms, 1, false, &bar),
                     1);
    assert_int_equal(bar.source, MW_SOURCE_BACKFILL);
    assert_int_equal(bar.closed_by, MW_CLOSED_BY_EXCHANGE);
    assert_true(bar.close == want.close && bar.volume == want.volume &&
                bar.turnover == want.turnover && bar.trades == want.trades);
    end(&bench);
}

static void takes_rows_newest_first_too(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    assert_int_equal(merge_quiet(&bench, 0, 4, (int[]){4, 3, 2, 1, 0}, 5), MW_OK);
    assert_string_equal(shown(&bench), "0 1 2 3 4f ");
    end(&bench);
}

static void a_history_that_lags_calls_nothing_quiet(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    for (int i = 0; i < 3; i++) /* row 2 may form, as far as the venue's history is */
        assert_int_equal(merge(&bench, 0, 4, 0, 2), MW_OK);
    assert_string_equal(shown(&bench), "0 1 [2-3] 4f ");
    for (int i = 0; i < 3; i++)
        assert_int_equal(merge(&bench, 2, 4, 2, 1), MW_OK); /* no rows at all */
    assert_string_equal(shown(&bench), "0 1 [2-3] 4f ");
    end(&bench);
}

static void two_answers_make_a_bucket_quiet(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 5, false);
    assert_int_equal(merge_quiet(&bench, 0, 5, (int[]){0, 2, 5}, 3), MW_OK);
    assert_true(bench.merged.doubt);
    assert_string_equal(shown(&bench), "0 [1-1] 2 [3-4] 5f ");
    assert_int_equal(merge_quiet(&bench, 0, 5, (int[]){0, 1, 2, 5}, 4), MW_OK); /* 1 was missing */
    assert_string_equal(shown(&bench), "0 1 2 5f ");
    assert_false(bench.merged.doubt);
    end(&bench);
}

static void an_answer_that_lacks_a_bar_of_the_series_is_wrong(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    assert_int_equal(merge(&bench, 0, 4, 2, 4), MW_EHISTORY);
    assert_non_null(strstr(bench.err.message, "lacks the bar of 2020-09-13T12:27:00Z"));
    assert_string_equal(shown(&bench), "0 [1-3] 4f ");
    end(&bench);
}

static void the_row_of_a_bar_that_the_clock_closed_counts_after_a_while(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 1, false);
    mw_series_interrupt(bench.series);
    assert_true(mw_series_close_newest(bench.series, bound(1)));
    assert_string_equal(shown(&bench), "0 [1-1] 1! ");
    char text[256];
    mw_history_write(text, sizeof(text), 0, 1, NULL);
    assert_int_equal(merge_text(&bench, 0, 2, text, bound(2) + SETTLE_MS - 1), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-1] 1! ");
    assert_int_equal(merge_text(&bench, 0, 2, text, bound(2) + SETTLE_MS), MW_OK);
    assert_string_equal(shown(&bench), "0 1 ");
    end(&bench);
}

static void a_row_that_may_form_is_not_put_because_it_was_seen_before(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(merge(&bench, 0, 2, 0, 2), MW_OK);
    assert_string_equal(shown(&bench), "0 1 ");
    end(&bench);
}

static void the_clock_says_nothing_of_a_bar_that_it_did_not_close(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, false);
    mw_series_interrupt(bench.series);
    char text[256];
    mw_history_write(text, sizeof(text), 0, 0, NULL);
    assert_int_equal(merge_text(&bench, 0, INT32_MAX, text, mw_clock_wall_ms()), MW_OK);
    assert_string_equal(shown(&bench), "0f! ");
    assert_int_equal(merge(&bench, 0, INT32_MAX, 0, 1), MW_OK); /* a later row closes it */
    assert_string_equal(shown(&bench), "0 ");
    end(&bench);
}

static void fills_an_empty_ring_without_holes(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    assert_int_equal(merge(&bench, INT32_MIN, INT32_MAX, 10, 15), MW_OK);
    assert_string_equal(shown(&bench), "10 11 12 13 14 ");
    assert_int_equal(bench.merged.oldest_ms, bound(10));
    assert_int_equal(bench.merged.newest_ms, bound(15));
    put_live(&bench, 15, false);
    assert_int_equal(merge(&bench, INT32_MIN, 10, 6, 10), MW_OK);
    assert_string_equal(shown(&bench), "6 7 8 9 10 11 12 13 14 15f ");
    assert_int_equal(merge(&bench, 15, INT32_MAX, 15, 19), MW_OK); /* as a probe does */
    assert_string_equal(shown(&bench), "6 7 8 9 10 11 12 13 14 15 16 17 18 ");
    end(&bench);
}

static void a_full_answer_says_nothing_of_what_it_leaves_out(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    for (int i = 0; i < 2; i++) /* the newest 50 of more */
        assert_int_equal(merge(&bench, 0, INT32_MAX, 11, 60), MW_OK);
    struct mw_gap gap;
    assert_true(mw_series_find_gap(bench.series, bound(1), bound(60), &gap));
    assert_int_equal(gap.from_ms, bound(1));
    assert_int_equal(gap.to_ms, bound(10));
    end(&bench);
}

static void a_quiet_time_longer_than_an_answer_is_proven_in_parts(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 100, false);
    assert_string_equal(shown(&bench), "0 [1-99] 100f ");
    for (int i = 0; i < 2; i++) /* nobody has seen row 100 yet */
        assert_int_equal(merge(&bench, 20, 50, 1, 0), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-99] 100f ");
    for (int i = 0; i < 2; i++)
        assert_int_equal(merge(&bench, 51, 100, 100, 100), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-50] 100f ");
    for (int i = 0; i < 2; i++)
        assert_int_equal(merge(&bench, 3, 51, 1, 0), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-2] 100f ");
    for (int i = 0; i < 2; i++)
        assert_int_equal(merge(&bench, 0, 3, 0, 0), MW_OK);
    assert_string_equal(shown(&bench), "0 100f ");
    end(&bench);
}

/* A venue gives five rows at most, whatever the protocol says and however often it is asked. */
static void rows_that_a_venue_leaves_out_at_the_edges_are_not_quiet(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 30, false);
    for (int i = 0; i < 3; i++) /* the newest five */
        assert_int_equal(merge(&bench, 10, 30, 26, 30), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-25] 26 27 28 29 30f ");
    for (int i = 0; i < 3; i++) /* the oldest five, where no bar ends the range */
        assert_int_equal(merge(&bench, 10, 20, 10, 14), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-9] 10 11 12 13 14 [15-25] 26 27 28 29 30f ");
    assert_false(bench.merged.doubt);
    end(&bench);
}

static void a_row_with_less_than_was_seen_live_is_not_final(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    struct mw_candle bar = mw_history_bar(1), got;
    bar.state = MW_CANDLE_FORMING;
    bar.closed_by = MW_CLOSED_BY_NOBODY;
    bar.volume += 1; /* the venue's history is older */
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    mw_series_interrupt(bench.series);
    assert_true(mw_series_close_newest(bench.series, bar.open_ms));
    assert_int_equal(merge(&bench, 0, 2, 0, 1), MW_OK);
    assert_string_equal(shown(&bench), "0 [1-1] 1! ");
    assert_int_equal(mw_series_read_last(bench.series, INT64_MAX, 1, true, &got), 1);
    assert_true(got.volume == bar.volume);
    assert_int_equal(merge(&bench, 0, 2, 0, 2), MW_OK); /* a later row: that is all there is */
    assert_string_equal(shown(&bench), "0 1 ");
    end(&bench);
}

static void trades_missing_from_the_bar_that_forms_are_told_and_put(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mw_candle bar = mw_history_bar(1), got;
    bar.state = MW_CANDLE_FORMING;
    bar.closed_by = MW_CLOSED_BY_NOBODY;
    bar.volume /= 2;
    put_live(&bench, 0, true);
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    assert_int_equal(merge(&bench, 0, 1, 0, 1), MW_OK); /* not asked for as the newest */
    assert_false(bench.merged.caught_up);
    assert_int_equal(merge(&bench, 1, INT32_MAX, 1, 1), MW_OK);
    assert_true(bench.merged.caught_up);
    assert_string_equal(shown(&bench), "0 1f! ");
    assert_int_equal(mw_series_read_last(bench.series, INT64_MAX, 1, true, &got), 1);
    assert_true(got.volume == mw_history_bar(1).volume);
    assert_int_equal(merge(&bench, 1, INT32_MAX, 1, 1), MW_OK);
    assert_false(bench.merged.caught_up);
    bar.volume = mw_history_bar(1).volume + 1; /* the next update */
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    assert_string_equal(shown(&bench), "0 1f ");
    assert_int_equal(merge(&bench, 1, INT32_MAX, 1, 1), MW_OK); /* and a history that lags */
    assert_false(bench.merged.caught_up);
    assert_string_equal(shown(&bench), "0 1f ");
    end(&bench);
}

/* --- wrong answers ---------------------------------------------------------------------------- */

static const char unsorted[] = "[[1600000080000,1,2,1,1,1,1,1],[1600000200000,1,2,1,1,1,1,1],"
                               "[1600000140000,1,2,1,1,1,1,1]]";

static void wrong_answers_change_nothing(void **state)
{
    (void)state;
    /* Minute 1 is 1600000080000, minute 2 1600000140000; asked for are the minutes 0 to 4. */
    static const char *const answers[] = {
        "",
        "<html>Bad gateway</html>",
        "{}",
        "[",
        "null",
        "[[1600000080000,1,2,1,1,1,1,1]",
        "{\"code\":-1,\"msg\":\"no such symbol\"}",
        "[[1600000080000,1,2,1]]",
        "[[\"x\",1,2,1,1,1,1,1]]",
        "[[1600000080000,1,2,1,\"NaN\",1,1,1]]",
        "[[1600000080000,1,0.5,1,1,1,1,1],[1600000140000,1,2,1,1,1,1,1]]", /* high < low */
        "[[1600000080000,1,2,1,1,-1,1,1],[1600000140000,1,2,1,1,1,1,1]]",  /* volume */
        "[[1600000080000,0,2,0,1,1,1,1],[1600000140000,1,2,1,1,1,1,1]]",   /* a price of 0 */
        "[[1600000080001,1,2,1,1,1,1,1],[1600000140000,1,2,1,1,1,1,1]]",   /* off the grid */
        "[[1600000080000,1,2,1,1,1,1,1],[1600000080000,1,2,1,1,1,1,1]]",   /* twice */
        unsorted,
        "[[1600000080000,1,2,1,1,1,1,1],[1600000320000,1,2,1,1,1,1,1]]", /* minute 5 */
        "[[1599999960000,1,2,1,1,1,1,1],[1600000080000,1,2,1,1,1,1,1]]", /* minute -1 */
        "[[9600000060000,1,2,1,1,1,1,1]]",                               /* far ahead */
        "[[-9600000060000000,1,2,1,1,1,1,1]]",
    };
    struct bench bench;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 4, false);
    for (size_t i = 0; i < MW_COUNT(answers); i++) {
        bench.err.message[0] = '\0';
        bench.merged.rows = 77;
        uint64_t version = mw_series_gap_version(bench.series);
        mw_status status = merge_text(&bench, 0, 4, answers[i], 0);
        if (status != MW_EHISTORY)
            print_message("%s\n", answers[i]);
        assert_int_equal(status, MW_EHISTORY);
        assert_true(strlen(bench.err.message) > 10);
        assert_int_equal(bench.merged.rows, 77);
        assert_true(mw_series_gap_version(bench.series) == version);
        assert_string_equal(shown(&bench), "0 [1-3] 4f ");
    }
    assert_true(mw_merger_explain(bench.merger,
                                  "{\"code\":-7,\"msg\":\"no\"}" /* padded: */
                                  "                                             "
                                  "                                             ",
                                  22, &bench.err));
    assert_string_equal(bench.err.message, "the venue refuses with code -7: no");
    assert_int_equal(bench.err.code, -7);
    end(&bench);
}

static void keeps_what_came_live(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mw_candle bar = mw_history_bar(1);
    put_live(&bench, 0, true);
    bar.close = bar.high; /* the venue's stream and its history differ */
    mw_cache_put(bench.cache, bench.series, &bar, bar.open_ms, NULL);
    put_live(&bench, 3, false);
    assert_int_equal(merge(&bench, 1, 3, 1, 3), MW_OK);
    struct mw_candle got;
    assert_int_equal(mw_series_read_from(bench.series, bar.open_ms, bar.open_ms, 1, false, &got),
                     1);
    assert_true(got.close == bar.close);
    assert_int_equal(got.source, MW_SOURCE_LIVE);
    assert_string_equal(shown(&bench), "0 1 2 3f ");
    end(&bench);
}

static void what_is_made_of_it_follows_once(void **state)
{
    (void)state;
    struct bench bench;
    struct mw_series *days;
    struct mw_candle day;
    begin(&bench);
    put_live(&bench, 0, true);
    put_live(&bench, 10, true);
    put_live(&bench, 1440, true); /* of the next day */
    assert_int_equal(
        mw_derive(bench.cache, bench.series, (struct mw_timeframe){1, 'd'}, &days, NULL), MW_OK);
    assert_int_equal(merge(&bench, 0, 10, 0, 10), MW_OK);
    assert_int_equal(bench.merged.put, 9);
    assert_int_equal(mw_series_revision_count(days), 1);
    assert_int_equal(mw_series_read_from(days, INT64_MIN, INT64_MAX, 1, true, &day), 1);
    double volume = 0;
    for (int minute = 0; minute <= 10; minute++)
        volume += mw_history_bar(minute).volume;
    assert_true(fabs(day.volume - volume) < 1e-9 * volume);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_a_hole_and_leaves_the_newest_row_alone),
        cmocka_unit_test(takes_rows_newest_first_too),
        cmocka_unit_test(a_history_that_lags_calls_nothing_quiet),
        cmocka_unit_test(two_answers_make_a_bucket_quiet),
        cmocka_unit_test(an_answer_that_lacks_a_bar_of_the_series_is_wrong),
        cmocka_unit_test(the_row_of_a_bar_that_the_clock_closed_counts_after_a_while),
        cmocka_unit_test(a_row_that_may_form_is_not_put_because_it_was_seen_before),
        cmocka_unit_test(the_clock_says_nothing_of_a_bar_that_it_did_not_close),
        cmocka_unit_test(fills_an_empty_ring_without_holes),
        cmocka_unit_test(a_full_answer_says_nothing_of_what_it_leaves_out),
        cmocka_unit_test(a_quiet_time_longer_than_an_answer_is_proven_in_parts),
        cmocka_unit_test(rows_that_a_venue_leaves_out_at_the_edges_are_not_quiet),
        cmocka_unit_test(a_row_with_less_than_was_seen_live_is_not_final),
        cmocka_unit_test(trades_missing_from_the_bar_that_forms_are_told_and_put),
        cmocka_unit_test(wrong_answers_change_nothing),
        cmocka_unit_test(keeps_what_came_live),
        cmocka_unit_test(what_is_made_of_it_follows_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
