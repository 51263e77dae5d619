/* event.c - the bounded queue of events. */
#include "script/event.h"

#include <string.h>

#include "base/check.h"

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

void mw_event_queue_deinit(struct mw_event_queue *queue)
{
    struct mw_event event;
    while (mw_event_queue_take(queue, &event))
        mw_event_deinit(&event);
    mw_free(queue->events);
    queue->events = NULL;
    pthread_mutex_destroy(&queue->lock);
}

void mw_event_queue_put(struct mw_event_queue *queue, const struct mw_event *event)
{
    struct mw_event copy = *event;
    copy.text = event->text != NULL ? mw_strdup(event->text) : NULL;
    copy.json = event->json != NULL ? mw_strdup(event->json) : NULL;
    struct mw_event dropped = {.text = NULL};

    pthread_mutex_lock(&queue->lock);
    if (queue->events == NULL)
        queue->events = mw_alloc(MW_EVENTS_MAX * sizeof(*queue->events));
    if (queue->count == MW_EVENTS_MAX) {
        dropped = queue->events[queue->first];
        queue->first = (queue->first + 1) % MW_EVENTS_MAX;
        queue->count--;
        queue->dropped_count++;
    }
    queue->events[(queue->first + queue->count) % MW_EVENTS_MAX] = copy;
    queue->count++;
    pthread_mutex_unlock(&queue->lock);

    mw_event_deinit(&dropped);
    if (queue->wake != NULL)
        mw_wake_raise(queue->wake);
}

bool mw_event_queue_take(struct mw_event_queue *queue, struct mw_event *event)
{
    pthread_mutex_lock(&queue->lock);
    bool taken = queue->count > 0;
    if (taken) {
        *event = queue->events[queue->first];
        queue->first = (queue->first + 1) % MW_EVENTS_MAX;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}
