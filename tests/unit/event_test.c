/* event_test.c - the bounded queue of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "script/event.h"

static void gives_back_what_was_put_in_order(void **state)
{
    (void)state;
    struct mw_wake wake;
    mw_wake_init(&wake);
    struct mw_event_queue queue;
    mw_event_queue_init(&queue, &wake);
    struct mw_event event = {.kind = MW_EVENT_ERROR};
    assert_false(mw_event_queue_take(&queue, &event));
    assert_int_equal(event.kind, MW_EVENT_ERROR);
    assert_false(mw_wake_wait(&wake, 0));

    char text[] = "buy", json[] = "{}";
    struct mw_event signal = {.kind = MW_EVENT_SIGNAL, .text = text, .json = json};
    mw_event_queue_put(&queue, &signal);
    text[0] = 'x'; /* it has texts of its own */
    mw_event_queue_put(&queue, &(struct mw_event){.kind = MW_EVENT_LAGGED, .count = 3});
    assert_true(mw_wake_wait(&wake, 0));

    assert_true(mw_event_queue_take(&queue, &event));
    assert_int_equal(event.kind, MW_EVENT_SIGNAL);
    assert_string_equal(event.text, "buy");
    assert_string_equal(event.json, "{}");
    mw_event_deinit(&event);
    mw_event_deinit(&event); /* idempotent */
    assert_true(mw_event_queue_take(&queue, &event));
    assert_int_equal(event.count, 3);
    assert_null(event.text);
    assert_false(mw_event_queue_take(&queue, &event));
    mw_event_queue_deinit(&queue);
    mw_wake_deinit(&wake);
}

static void drops_the_oldest_when_full_and_counts(void **state)
{
    (void)state;
    struct mw_event_queue queue;
    mw_event_queue_init(&queue, NULL);
    char text[] = "text";
    uint64_t number = 0;
    for (; number < MW_EVENTS_MAX; number++)
        mw_event_queue_put(&queue, &(struct mw_event){.count = number, .text = text});
    assert_int_equal(queue.dropped_count, 0);
    mw_event_queue_put(&queue, &(struct mw_event){.count = number++, .text = text});
    assert_int_equal(queue.dropped_count, 1);
    mw_event_queue_put(&queue, &(struct mw_event){.count = number++, .text = text});
    assert_int_equal(queue.dropped_count, 2);
    struct mw_event event;
    for (uint64_t expected = 2; expected < number - 5; expected++) {
        assert_true(mw_event_queue_take(&queue, &event));
        assert_int_equal(event.count, expected);
        mw_event_deinit(&event);
    }
    mw_event_queue_deinit(&queue); /* frees the five that are left */
}

static void kinds_have_texts(void **state)
{
    (void)state;
    assert_string_equal(mw_event_kind_text(MW_EVENT_STATE), "state");
    assert_string_equal(mw_event_kind_text(MW_EVENT_GAP), "gap");
    assert_string_equal(mw_event_kind_text(MW_EVENT_BACKFILLED), "backfilled");
    assert_string_equal(mw_event_kind_text(MW_EVENT_REVISED), "revised");
    assert_string_equal(mw_event_kind_text(MW_EVENT_BAR), "bar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put_in_order),
        cmocka_unit_test(drops_the_oldest_when_full_and_counts),
        cmocka_unit_test(kinds_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
