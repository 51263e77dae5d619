/* intake_test.c - from messages to the cache, without a socket or a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/log.h"
#include "feed/intake.h"
#include "net/client.h"

#include "protocol_file.h"

static const int64_t minute = 60000, stall_ms = 10000;

struct bench {
    struct mw_protocol *protocol;
    struct mw_cache *cache;
    struct mw_intake intake;
    struct mw_series *series;
    uint32_t closed_count, gap_count;
};

static void on_gap(void *user, struct mw_series *series)
{
    struct bench *bench = user;
    assert_ptr_equal(series, bench->series);
    bench->gap_count++;
}

static void begin(struct bench *bench, const char *change)
{
    *bench = (struct bench){.protocol = mw_protocol_file_get(change), .cache = mw_cache_new(16)};
    mw_cache_on_gap(bench->cache, on_gap, bench);
    mw_intake_init(&bench->intake, "demo", bench->protocol, bench->cache);
    bench->intake.stall_ms = stall_ms;
    const struct mw_series_key key = {
        .feed = "demo", .symbol = "BTC", .timeframe = {.count = 1, .unit = 'm'}};
    assert_int_equal(mw_cache_add(bench->cache, &key, &bench->series, NULL), MW_OK);
    mw_intake_subscribe(&bench->intake, "BTC", "1m", bench->series);
}

static void end(struct bench *bench)
{
    mw_intake_deinit(&bench->intake);
    mw_protocol_free(bench->protocol);
    mw_cache_free(bench->cache);
}

static mw_decoded_kind message(struct bench *bench, int64_t now_ms, const char *text)
{
    static char padded[1024 + MW_MESSAGE_PADDING];
    struct mw_decoded decoded;
    snprintf(padded, sizeof(padded), "%s", text);
    mw_intake_set_time(&bench->intake, now_ms, now_ms);
    mw_intake_message(&bench->intake, true, padded, strlen(text), &decoded);
    return decoded.kind;
}

/* A bar of the minute that begins at `open_ms`; `more` may hold its flag. */
static void bar(struct bench *bench, int64_t now_ms, int64_t open_ms, int close, const char *more)
{
    char text[192];
    snprintf(text, sizeof(text),
             "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":%lld,\"o\":1,\"h\":99,\"l\":1,\"c\":%d,"
             "\"v\":1%s}",
             (long long)open_ms, close, more);
    assert_int_equal(message(bench, now_ms, text), MW_DECODED_CANDLES);
}

static struct mw_candle newest(const struct bench *bench)
{
    struct mw_candle candle;
    assert_int_equal(mw_series_read_last(bench->series, INT64_MAX, 1, true, &candle), 1);
    return candle;
}

static void on_close(void *user, const struct mw_subscription *subscription, int64_t open_ms)
{
    struct bench *bench = user;
    assert_string_equal(subscription->symbol, "BTC");
    assert_int_equal(open_ms, newest(bench).open_ms);
    bench->closed_count++;
}

static int64_t clock_at(struct bench *bench, int64_t now_ms)
{
    return mw_intake_clock(&bench->intake, now_ms, 2000, on_close, bench);
}

/* --- the clock -------------------------------------------------------------------------------- */

static void a_bar_is_closed_when_its_grace_is_over(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    assert_true(clock_at(&bench, 0) == INT64_MAX);
    bar(&bench, 10, 0, 1, "");
    assert_int_equal(bench.intake.ends_ms, minute);
    assert_int_equal(clock_at(&bench, minute + 1999), minute + 2000);
    assert_int_equal(newest(&bench).state, MW_CANDLE_FORMING);
    assert_true(clock_at(&bench, minute + 2000) == INT64_MAX);
    assert_int_equal(newest(&bench).closed_by, MW_CLOSED_BY_CLOCK);
    assert_int_equal(bench.closed_count, 1);
    assert_int_equal(bench.gap_count, 0); /* nobody else would say so */
    clock_at(&bench, INT64_MAX);
    assert_int_equal(bench.closed_count, 1);
    end(&bench);
}

static void a_hole_is_told_where_the_clock_is_not_good_enough(void **state)
{
    (void)state;
    for (int interrupted = 0; interrupted < 2; interrupted++) {
        struct bench bench;
        begin(&bench, "");
        bar(&bench, 10, 0, 1, interrupted != 0 ? "" : ",\"x\":false");
        if (interrupted != 0)
            mw_intake_interrupt(&bench.intake);
        clock_at(&bench, minute + 2000);
        assert_int_equal(bench.closed_count, 1);
        assert_int_equal(bench.gap_count, 1);
        assert_true(mw_series_find_gap(bench.series, 0, 0, NULL));
        end(&bench);
    }
}

static void bars_of_another_time_are_not_the_clocks(void **state)
{
    (void)state;
    static const int64_t now_ms = INT64_C(1699999980000);
    struct bench bench;
    begin(&bench, "");
    for (int64_t open_ms = 0; open_ms < 5 * minute; open_ms += minute) {
        bar(&bench, now_ms, open_ms, 1, "");
        assert_true(clock_at(&bench, now_ms + 10 * minute) == INT64_MAX);
    }
    bar(&bench, now_ms, now_ms - minute, 1, ""); /* it has just ended: was it seen before? */
    assert_true(clock_at(&bench, now_ms + 10 * minute) == INT64_MAX);
    assert_int_equal(bench.closed_count, 0);
    assert_int_equal(newest(&bench).state, MW_CANDLE_FORMING);
    end(&bench);
}

static void whoever_closes_a_bar_before_spares_the_clock(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    bar(&bench, 10, 0, 1, "");
    bar(&bench, minute, 0, 2, ",\"x\":true");
    bar(&bench, minute + 5, minute, 1, "");
    bar(&bench, 2 * minute + 5, 2 * minute, 1, "");
    bar(&bench, 2 * minute + 6, minute, 1, ""); /* late; the newest stays the one that forms */
    assert_int_equal(clock_at(&bench, 3 * minute), 3 * minute + 2000);
    assert_int_equal(bench.closed_count, 0);
    clock_at(&bench, 3 * minute + 2000);
    assert_int_equal(bench.closed_count, 1);
    end(&bench);
}

static void a_bar_that_another_connection_brought_is_taken_over(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    bar(&bench, 10, 0, 1, "");
    struct mw_intake second;
    mw_intake_init(&second, "demo", bench.protocol, bench.cache);
    mw_intake_set_time(&second, 20, 20);
    mw_intake_subscribe(&second, "BTC", "1m", bench.series);
    assert_int_equal(second.ends_ms, minute);
    mw_intake_clock(&second, minute + 2000, 2000, on_close, &bench);
    assert_int_equal(bench.closed_count, 1);
    clock_at(&bench, minute + 2000); /* once is enough */
    assert_int_equal(bench.closed_count, 1);
    mw_intake_deinit(&second);
    end(&bench);
}

/* --- the first row ---------------------------------------------------------------------------- */

/* Whether the first minute is closed, and by its successor. */
static bool first_is_doubtful(const struct bench *bench)
{
    struct mw_candle bar;
    assert_int_equal(mw_series_read_from(bench->series, 0, 0, 1, false, &bar), 1);
    assert_int_equal(bar.closed_by, MW_CLOSED_BY_SUCCESSOR);
    bool doubtful = (bar.flags & MW_CANDLE_UNPROVEN) != 0;
    assert_int_equal(mw_series_find_gap(bench->series, 0, 0, NULL), doubtful);
    assert_int_equal(bench->gap_count, doubtful);
    return doubtful;
}

static void a_connection_that_begins_with_the_next_bar_leaves_the_one_before_in_doubt(void **state)
{
    (void)state;
    for (int heard = 0; heard < 2; heard++) {
        struct bench bench;
        begin(&bench, "");
        bar(&bench, 10, 0, 1, "");
        struct mw_intake first = bench.intake; /* and another connection takes its place */
        mw_intake_init(&bench.intake, "demo", bench.protocol, bench.cache);
        mw_intake_subscribe(&bench.intake, "BTC", "1m", bench.series);
        if (heard != 0)
            bar(&bench, 20, 0, 2, "");
        bar(&bench, minute, minute, 1, "");
        assert_int_equal(first_is_doubtful(&bench), heard == 0);
        bar(&bench, 2 * minute, 2 * minute, 1, ""); /* from then on it sees what there is */
        assert_false(mw_series_find_gap(bench.series, minute, INT64_MAX, NULL));
        mw_intake_deinit(&first);
        end(&bench);
    }
}

static void a_new_socket_hears_each_series_for_the_first_time(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) {
        struct bench bench;
        begin(&bench, "");
        bar(&bench, 10, 0, 1, "");
        if (again != 0) /* another one carried the series, so that nothing was interrupted */
            mw_subscriptions_forget_requests(&bench.intake.subscriptions);
        bar(&bench, minute, minute, 1, "");
        assert_int_equal(first_is_doubtful(&bench), again != 0);
        end(&bench);
    }
}

static void a_subscription_that_begins_with_the_next_bar_leaves_a_hole(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    struct mw_candle forming = {.open_ms = 0,
                                .open = 1,
                                .high = 1,
                                .low = 1,
                                .close = 1,
                                .volume = 1,
                                .state = MW_CANDLE_FORMING,
                                .source = MW_SOURCE_LIVE};
    mw_cache_put(bench.cache, bench.series, &forming, 10, NULL);
    bar(&bench, minute, minute, 1, ",\"x\":true");
    assert_true(first_is_doubtful(&bench));
    end(&bench);
}

/* --- health ----------------------------------------------------------------------------------- */

static void health_follows_candles_interruptions_and_subscriptions(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    bar(&bench, 10, 0, 1, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_LIVE);
    mw_intake_interrupt(&bench.intake);
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    assert_true(newest(&bench).flags & MW_CANDLE_UNPROVEN);
    bar(&bench, 20, 0, 1, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_LIVE);
    assert_false(newest(&bench).flags & MW_CANDLE_UNPROVEN);
    assert_false(mw_intake_unsubscribe(&bench.intake, "BTC", "1m", false)); /* nobody had asked */
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_IDLE);
    assert_true(newest(&bench).flags & MW_CANDLE_UNPROVEN);
    assert_false(mw_intake_unsubscribe(&bench.intake, "BTC", "1m", false));
    bar(&bench, 30, 0, 5, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_IDLE);
    assert_int_equal(bench.intake.unsubscribed, 1);
    mw_intake_subscribe(&bench.intake, "BTC", "1m", bench.series);
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    bar(&bench, 40, 0, 1, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_LIVE);
    mw_intake_unsubscribe(&bench.intake, "BTC", "1m", true); /* it is never seen idle */
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_STALE);
    assert_true(newest(&bench).flags & MW_CANDLE_UNPROVEN);
    end(&bench);
}

static void what_comes_after_its_end_does_not_make_a_series_live_again(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    bar(&bench, 10, 0, 1, "");
    mw_series_set_health(bench.series, MW_SERIES_IDLE); /* by another thread, just now */
    bar(&bench, 20, 0, 2, "");
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_IDLE);
    mw_intake_interrupt(&bench.intake);
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_IDLE);
    mw_intake_set_health(&bench.intake, bench.series, MW_SERIES_STALE);
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_IDLE);
    end(&bench);
}

static void revisions_are_counted_late_ones_too(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    bar(&bench, 10, 0, 1, ",\"x\":true");
    bar(&bench, 20, 0, 2, ",\"x\":true");
    assert_int_equal(bench.intake.revised, 1);
    bar(&bench, minute, minute, 1, "");
    bar(&bench, minute, 2 * minute, 1, "");
    bar(&bench, minute, minute, 2, ""); /* after the successor closed it */
    assert_int_equal(bench.intake.revised, 2);
    bar(&bench, minute, 0, 3, ""); /* after the exchange did */
    assert_int_equal(bench.intake.revised, 2);
    assert_int_equal(bench.intake.late, 1);
    assert_int_equal(bench.intake.candles, 6);
    end(&bench);
}

static void the_rows_of_a_snapshot_are_history(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "p.candles.rows = 'rows' p.candles.snapshot = { when = { snap = true } }\n"
                  "p.candles.closed = nil");
    static const char snapshot[] = "{\"k\":7,\"snap\":true,\"s\":\"BTC\",\"f\":\"1m\",\"rows\":["
                                   "{\"t\":0,\"o\":1,\"h\":9,\"l\":1,\"c\":1,\"v\":1},"
                                   "{\"t\":60000,\"o\":1,\"h\":9,\"l\":1,\"c\":2,\"v\":1},"
                                   "{\"t\":120000,\"o\":1,\"h\":9,\"l\":1,\"c\":3,\"v\":1}]}";
    assert_int_equal(message(&bench, 130000, snapshot), MW_DECODED_SNAPSHOT);
    struct mw_candle rows[4];
    assert_int_equal(mw_series_read_last(bench.series, INT64_MAX, 4, true, rows), 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].closed_by, MW_CLOSED_BY_EXCHANGE);
        assert_int_equal(rows[i].source, MW_SOURCE_BACKFILL);
    }
    assert_int_equal(rows[2].state, MW_CANDLE_FORMING);
    assert_int_equal(mw_series_first_live_ms(bench.series), 120000); /* no close before it */
    assert_int_equal(mw_series_get_health(bench.series), MW_SERIES_LIVE);
    struct mw_subscription *subscription =
        mw_subscriptions_find_named(&bench.intake.subscriptions, "BTC", "1m");
    assert_false(subscription->flows); /* it shows how things are, not that more will come */
    end(&bench);
}

/* --- cadence ---------------------------------------------------------------------------------- */

static void a_cadence_is_learnt_and_a_stall_is_not(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, "");
    struct mw_subscription *subscription =
        mw_subscriptions_find_named(&bench.intake.subscriptions, "BTC", "1m");
    int64_t now_ms = 1000;
    for (int i = 0; i < 50; i++, now_ms += 1000) { /* one each second, in three pieces */
        bar(&bench, now_ms, 0, 1, "");
        bar(&bench, now_ms, 0, 2, "");
        bar(&bench, now_ms + 20, 0, 3, "");
    }
    assert_in_range(subscription->cadence_ms, 950, 1050);
    assert_int_equal(mw_intake_patience(&bench.intake, subscription->cadence_ms), stall_ms);
    now_ms += 3600000;
    bar(&bench, now_ms, 0, 1, "");
    assert_in_range(subscription->cadence_ms, 1000, 3000);
    for (int i = 0; i < 60; i++) { /* a slow one now */
        now_ms += 60000;
        bar(&bench, now_ms, 0, 1 + i % 2, "");
    }
    assert_in_range(subscription->cadence_ms, 55000, 60000);
    assert_true(mw_intake_patience(&bench.intake, subscription->cadence_ms) >= 440000);
    end(&bench);
}

int main(void)
{
    mw_log_set_level(MW_LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_is_closed_when_its_grace_is_over),
        cmocka_unit_test(a_hole_is_told_where_the_clock_is_not_good_enough),
        cmocka_unit_test(bars_of_another_time_are_not_the_clocks),
        cmocka_unit_test(whoever_closes_a_bar_before_spares_the_clock),
        cmocka_unit_test(a_bar_that_another_connection_brought_is_taken_over),
        cmocka_unit_test(a_connection_that_begins_with_the_next_bar_leaves_the_one_before_in_doubt),
        cmocka_unit_test(a_new_socket_hears_each_series_for_the_first_time),
        cmocka_unit_test(a_subscription_that_begins_with_the_next_bar_leaves_a_hole),
        cmocka_unit_test(health_follows_candles_interruptions_and_subscriptions),
        cmocka_unit_test(what_comes_after_its_end_does_not_make_a_series_live_again),
        cmocka_unit_test(revisions_are_counted_late_ones_too),
        cmocka_unit_test(the_rows_of_a_snapshot_are_history),
        cmocka_unit_test(a_cadence_is_learnt_and_a_stall_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
