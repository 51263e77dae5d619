/* subscription_test.c - the set of series that a connection wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "feed/subscription.h"

static struct mw_series *series; /* any will do */

static int make_series(void **state)
{
    (void)state;
    series = mw_series_new(&(struct mw_series_key){.timeframe = {1, 'm'}}, 1);
    return 0;
}

static int free_series(void **state)
{
    (void)state;
    mw_series_free(series);
    return 0;
}

static struct mw_subscription *find(const struct mw_subscriptions *set, const char *symbol,
                                    const char *code)
{
    const struct mw_decoded_row row = {.symbol = {symbol, strlen(symbol)},
                                       .timeframe_code = {code, strlen(code)}};
    return mw_subscriptions_find(set, &row);
}

static void finds_what_was_added_and_nothing_else(void **state)
{
    (void)state;
    struct mw_subscriptions set;
    mw_subscriptions_init(&set);
    mw_subscriptions_add(&set, "BTC", "1m", series);
    struct mw_subscription *added = find(&set, "BTC", "1m");
    assert_non_null(added);
    assert_string_equal(added->symbol, "BTC");
    assert_string_equal(added->timeframe_code, "1m");
    assert_false(added->requested || added->confirmed);
    added->requested = true;
    mw_subscriptions_add(&set, "BTC", "1m", series); /* changes nothing */
    assert_ptr_equal(find(&set, "BTC", "1m"), added);
    assert_true(added->requested);
    assert_null(find(&set, "BTC", "5m"));
    assert_null(find(&set, "BT", "C1m"));
    assert_null(find(&set, "", ""));
    /* Bytes of a frame that only look alike. */
    const struct mw_decoded_row row = {.symbol = {"BTC\0", 4}, .timeframe_code = {"1m", 2}};
    assert_null(mw_subscriptions_find(&set, &row));
    mw_subscriptions_deinit(&set);
}

static void names_stand_at_their_limits(void **state)
{
    (void)state;
    struct mw_subscriptions set;
    mw_subscriptions_init(&set);
    char symbol[MW_SYMBOL_BYTES_MAX + 2], code[MW_TIMEFRAME_BYTES_MAX + 1];
    memset(symbol, 'S', sizeof(symbol));
    memset(code, 'c', sizeof(code));
    symbol[MW_SYMBOL_BYTES_MAX + 1] = '\0';
    assert_null(find(&set, symbol, "1m"));
    symbol[MW_SYMBOL_BYTES_MAX] = '\0';
    code[MW_TIMEFRAME_BYTES_MAX] = '\0';
    assert_null(find(&set, symbol, code));
    code[MW_TIMEFRAME_BYTES_MAX - 1] = '\0';
    mw_subscriptions_add(&set, symbol, code, series);
    assert_non_null(find(&set, symbol, code));
    mw_subscriptions_deinit(&set);
}

static void removing_tells_whether_it_was_requested(void **state)
{
    (void)state;
    struct mw_subscriptions set;
    mw_subscriptions_init(&set);
    mw_subscriptions_add(&set, "BTC", "1m", series);
    assert_false(mw_subscriptions_remove(&set, "ETH", "1m"));
    assert_false(mw_subscriptions_remove(&set, "BTC", "1m"));
    mw_subscriptions_add(&set, "BTC", "1m", series);
    find(&set, "BTC", "1m")->requested = true;
    assert_true(mw_subscriptions_remove(&set, "BTC", "1m"));
    assert_null(find(&set, "BTC", "1m"));
    /* What the venue goes on to send of it for a while is not unknown. */
    assert_true(mw_subscriptions_has_symbol(&set, (struct mw_text){"BTC", 3}));
    assert_false(mw_subscriptions_has_symbol(&set, (struct mw_text){"ETH", 3}));
    mw_subscriptions_add(&set, "BTC", "1m", series); /* anew */
    assert_false(find(&set, "BTC", "1m")->requested);
    mw_subscriptions_deinit(&set);
}

static void lists_in_the_order_of_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"ETH", "5m"}, {"BTC", "5m"}, {"ETH", "1m"}, {"BTC", "1m"}, {"ADA", "1h"}};
    static const char *const expected[][2] = {
        {"ADA", "1h"}, {"BTC", "1m"}, {"BTC", "5m"}, {"ETH", "1m"}, {"ETH", "5m"}};
    struct mw_subscriptions set;
    mw_subscriptions_init(&set);
    for (size_t i = 0; i < MW_COUNT(names); i++)
        mw_subscriptions_add(&set, names[i][0], names[i][1], series);
    uint32_t count;
    struct mw_subscription **list = mw_subscriptions_list(&set, false, &count);
    assert_int_equal(count, MW_COUNT(expected));
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal(list[i]->symbol, expected[i][0]);
        assert_string_equal(list[i]->timeframe_code, expected[i][1]);
        list[i]->requested = i % 2 == 0;
    }
    mw_free(list);
    list = mw_subscriptions_list(&set, false, &count);
    assert_int_equal(count, 2);
    assert_string_equal(list[0]->symbol, "BTC");
    mw_free(list);
    list = mw_subscriptions_list(&set, true, &count);
    assert_int_equal(count, 5);
    mw_free(list);
    mw_subscriptions_forget_requests(&set);
    list = mw_subscriptions_list(&set, false, &count);
    assert_int_equal(count, 5);
    mw_free(list);
    mw_subscriptions_deinit(&set);
}

static void an_answer_confirms_what_its_request_asked_for(void **state)
{
    (void)state;
    struct mw_subscriptions set;
    mw_subscriptions_init(&set);
    static const char *const symbols[] = {"A", "B", "C"};
    for (size_t i = 0; i < MW_COUNT(symbols); i++) {
        mw_subscriptions_add(&set, symbols[i], "1m", series);
        find(&set, symbols[i], "1m")->requested = i != 2;
        find(&set, symbols[i], "1m")->request_id = (int64_t)i;
    }
    const int64_t first = 0, third = 2;
    mw_subscriptions_confirm(&set, &first);
    mw_subscriptions_confirm(&set, &third); /* an id of another connection */
    assert_true(find(&set, "A", "1m")->confirmed);
    assert_false(find(&set, "B", "1m")->confirmed || find(&set, "C", "1m")->confirmed);
    mw_subscriptions_confirm(&set, NULL);
    assert_true(find(&set, "B", "1m")->confirmed);
    assert_false(find(&set, "C", "1m")->confirmed);
    mw_subscriptions_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added_and_nothing_else),
        cmocka_unit_test(names_stand_at_their_limits),
        cmocka_unit_test(removing_tells_whether_it_was_requested),
        cmocka_unit_test(lists_in_the_order_of_names),
        cmocka_unit_test(an_answer_confirms_what_its_request_asked_for),
    };
    return cmocka_run_group_tests(tests, make_series, free_series);
}
