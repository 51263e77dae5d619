/* event.c - the bounded queue of events. */
#include "script/event.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"

const char *mw_event_kind_text(mw_event_kind kind)
{
    static const char *const texts[] = {
#define MW_EVENT_TEXT(name, text) text,
        MW_EVENT_LIST(MW_EVENT_TEXT)
#undef MW_EVENT_TEXT
    };
    MW_CHECK((unsigned)kind < MW_EVENT_KIND_COUNT);
    return texts[kind];
}

bool mw_event_kind_is_of_series(mw_event_kind kind)
{
    return kind == MW_EVENT_LAGGED || kind == MW_EVENT_GAP || kind == MW_EVENT_BACKFILLED ||
           kind == MW_EVENT_REVISED || kind == MW_EVENT_BAR;
}

struct mw_event mw_event_of_news(const struct mw_cursor_news *news, const struct mw_series_key *key)
{
    static const mw_event_kind kinds[] = {[MW_CURSOR_LAGGED] = MW_EVENT_LAGGED,
                                          [MW_CURSOR_REVISED] = MW_EVENT_REVISED,
                                          [MW_CURSOR_BACKFILLED] = MW_EVENT_BACKFILLED,
                                          [MW_CURSOR_GAP] = MW_EVENT_GAP,
                                          [MW_CURSOR_BAR] = MW_EVENT_BAR};
    MW_CHECK(news->kind >= MW_CURSOR_LAGGED && news->kind <= MW_CURSOR_BAR);
    struct mw_event event = {.kind = kinds[news->kind], .time_ms = mw_clock_wall_ms(), .key = *key};
    memcpy(event.feed, key->feed, sizeof(event.feed));
    if (news->kind == MW_CURSOR_BAR || news->kind == MW_CURSOR_REVISED) {
        event.candle = news->candle;
        return event;
    }
    event.count = news->count;
    if (news->kind != MW_CURSOR_LAGGED) {
        event.from_ms = news->from_ms;
        event.to_ms = news->to_ms;
    }
    return event;
}

void mw_event_deinit(struct mw_event *event)
{
    mw_free(event->text);
    mw_free(event->json);
    event->text = event->json = NULL;
}

void mw_event_queue_init(struct mw_event_queue *queue, struct mw_wake *wake)
{
    *queue = (struct mw_event_queue){.wake = wake};
    pthread_mutex_init(&queue->lock, NULL);
}

static void event_free(struct mw_event *event)
{
    if (event == NULL)
        return;
    mw_event_deinit(event);
    mw_free(event);
}

void mw_event_queue_deinit(struct mw_event_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        event_free(queue->events[(queue->first + i) % MW_EVENTS_MAX]);
    queue->count = 0;
    pthread_mutex_destroy(&queue->lock);
}

/* Removes the oldest, or returns NULL. */
static struct mw_event *take_locked(struct mw_event_queue *queue)
{
    if (queue->count == 0)
        return NULL;
    struct mw_event *oldest = queue->events[queue->first];
    queue->first = (queue->first + 1) % MW_EVENTS_MAX;
    queue->count--;
    return oldest;
}

void mw_event_queue_put(struct mw_event_queue *queue, const struct mw_event *event)
{
    struct mw_event *copy = mw_alloc(sizeof(*copy));
    *copy = *event;
    copy->text = mw_text_copy(event->text);
    copy->json = mw_text_copy(event->json);

    struct mw_event *dropped = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->count == MW_EVENTS_MAX) {
        dropped = take_locked(queue);
        queue->dropped_count++;
    }
    queue->events[(queue->first + queue->count) % MW_EVENTS_MAX] = copy;
    queue->count++;
    pthread_mutex_unlock(&queue->lock);

    event_free(dropped);
    if (queue->wake != NULL)
        mw_wake_raise(queue->wake);
}

uint64_t mw_event_queue_dropped(struct mw_event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t dropped_count = queue->dropped_count;
    pthread_mutex_unlock(&queue->lock);
    return dropped_count;
}

bool mw_event_queue_take(struct mw_event_queue *queue, struct mw_event *event)
{
    pthread_mutex_lock(&queue->lock);
    struct mw_event *oldest = take_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    if (oldest == NULL)
        return false;
    *event = *oldest; /* its texts go along */
    mw_free(oldest);
    return true;
}
