/* bar_reader.c - dirty series to one bar after the other. */
#include "script/bar_reader.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "script/cursor.h"

enum { BATCH = 64 };

struct mw_bar_reader {
    struct mw_cache *cache;
    struct mw_watcher *watcher;
    struct mw_cursor **cursors; /* owns; by the series' number, NULL until the series is dirty */
    uint32_t cursor_count;
    struct mw_cursor *current; /* being read, or NULL */
    struct mw_candle bars[BATCH];
    uint32_t bar_at, bar_count;
    uint32_t take_at;
};

static void raise_wake(void *user)
{
    mw_wake_raise(user);
}

/* The cursor of a series; made when the series is first seen. */
static struct mw_cursor *cursor_get(struct mw_bar_reader *reader, struct mw_series *series,
                                    bool from_oldest)
{
    uint32_t id = mw_series_note(series)->id;
    if (id >= reader->cursor_count) {
        uint32_t places = id + 64;
        reader->cursors = mw_realloc_array(reader->cursors, places, sizeof(*reader->cursors));
        for (uint32_t i = reader->cursor_count; i < places; i++)
            reader->cursors[i] = NULL;
        reader->cursor_count = places;
    }
    if (reader->cursors[id] == NULL) {
        reader->cursors[id] = mw_alloc(sizeof(struct mw_cursor));
        mw_cursor_init(reader->cursors[id], series, from_oldest);
    }
    return reader->cursors[id];
}

struct mw_bar_reader *mw_bar_reader_new(struct mw_cache *cache, struct mw_wake *wake)
{
    struct mw_bar_reader *reader = mw_alloc_zero(sizeof(*reader));
    reader->cache = cache;
    reader->watcher = mw_cache_attach(cache, raise_wake, wake);
    MW_CHECK(reader->watcher != NULL); /* workers leave room: MW_WORKERS_MAX < MW_WATCHERS_MAX */
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        cursor_get(reader, series, false);
        mw_watcher_watch(reader->watcher, series);
    }
    return reader;
}

void mw_bar_reader_free(struct mw_bar_reader *reader)
{
    if (reader == NULL)
        return;
    mw_cache_detach(reader->cache, reader->watcher);
    for (uint32_t i = 0; i < reader->cursor_count; i++)
        mw_free(reader->cursors[i]);
    mw_free(reader->cursors);
    mw_free(reader);
}

void mw_bar_reader_watch(struct mw_bar_reader *reader, struct mw_series *series)
{
    mw_watcher_watch(reader->watcher, series);
}

static struct mw_event event_of(const struct mw_cursor *cursor, mw_event_kind kind)
{
    struct mw_event event = {
        .kind = kind, .time_ms = mw_clock_wall_ms(), .key = *mw_series_key(cursor->series)};
    memcpy(event.feed, event.key.feed, sizeof(event.feed));
    return event;
}

bool mw_bar_reader_take(struct mw_bar_reader *reader, struct mw_event *event)
{
    while (reader->bar_at == reader->bar_count) {
        if (reader->current == NULL) {
            struct mw_series *series = mw_watcher_take(reader->watcher, &reader->take_at);
            if (series == NULL) {
                reader->take_at = 0; /* marks behind it have raised the wake */
                return false;
            }
            reader->current = cursor_get(reader, series, true);
        }
        struct mw_cursor *cursor = reader->current;
        uint64_t lost;
        reader->bar_at = 0;
        reader->bar_count = mw_cursor_read(cursor, BATCH, reader->bars, &lost);
        if (reader->bar_count == 0)
            reader->current = NULL;
        if (lost > 0) {
            *event = event_of(cursor, MW_EVENT_LAGGED);
            event->count = lost;
            return true;
        }
    }
    MW_CHECK(reader->current != NULL); /* bars are left of it */
    *event = event_of(reader->current, MW_EVENT_BAR);
    event->candle = reader->bars[reader->bar_at++];
    return true;
}
