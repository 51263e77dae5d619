/* bar_reader.c - dirty series to one bar after the other. */
#include "script/bar_reader.h"

#include "base/check.h"
#include "base/clock.h"
#include "script/cursor.h"

/* One series. */
struct place {
    struct mw_cursor *cursor; /* owns */
    int64_t due_ms;           /* bars are held back until then, monotonic; INT64_MAX for none */
    struct place *next_held;  /* of those that have a time or had one at the last look */
    bool listed;
};

struct mw_bar_reader {
    struct mw_cache *cache;
    struct mw_watcher *watcher;
    struct place **places; /* owns; by the series' number, NULL until the series is dirty */
    uint32_t place_count;
    struct place *current; /* being read, or NULL */
    struct place *held;    /* a list */
    int64_t due_ms;        /* the least of theirs */
    int64_t now_ms;        /* monotonic, as of when `current` was begun */
    uint32_t take_at;
};

static void raise_wake(void *user)
{
    mw_wake_raise(user);
}

/* The place of a series; made when the series is first seen. */
static struct place *place_get(struct mw_bar_reader *reader, struct mw_series *series,
                               bool from_oldest)
{
    uint32_t id = mw_series_note(series)->id;
    if (id >= reader->place_count) {
        uint32_t places = id + 64;
        reader->places = mw_realloc_array(reader->places, places, sizeof(*reader->places));
        for (uint32_t i = reader->place_count; i < places; i++)
            reader->places[i] = NULL;
        reader->place_count = places;
    }
    if (reader->places[id] == NULL) {
        struct place *place = mw_alloc_zero(sizeof(*place));
        place->cursor = mw_cursor_new(series, from_oldest);
        place->due_ms = INT64_MAX;
        reader->places[id] = place;
    }
    return reader->places[id];
}

struct mw_bar_reader *mw_bar_reader_new(struct mw_cache *cache, struct mw_series *const *series,
                                        uint32_t count, struct mw_wake *wake)
{
    struct mw_bar_reader *reader = mw_alloc_zero(sizeof(*reader));
    reader->cache = cache;
    reader->due_ms = INT64_MAX;
    reader->watcher = mw_cache_attach(cache, raise_wake, wake);
    MW_CHECK(reader->watcher != NULL); /* workers leave room: MW_WORKERS_MAX < MW_WATCHERS_MAX */
    for (uint32_t i = 0; i < count; i++) {
        place_get(reader, series[i], false);
        mw_watcher_watch(reader->watcher, series[i]);
    }
    return reader;
}

void mw_bar_reader_free(struct mw_bar_reader *reader)
{
    if (reader == NULL)
        return;
    mw_cache_detach(reader->cache, reader->watcher);
    for (uint32_t i = 0; i < reader->place_count; i++) {
        if (reader->places[i] != NULL)
            mw_cursor_free(reader->places[i]->cursor);
        mw_free(reader->places[i]);
    }
    mw_free(reader->places);
    mw_free(reader);
}

void mw_bar_reader_watch(struct mw_bar_reader *reader, struct mw_series *series)
{
    mw_watcher_watch(reader->watcher, series);
}

/* Notes how long a series is held back, INT64_MAX for not at all. */
static void hold(struct mw_bar_reader *reader, struct place *place, int64_t due_ms)
{
    place->due_ms = due_ms;
    if (due_ms == INT64_MAX)
        return;
    if (!place->listed) {
        place->listed = true;
        place->next_held = reader->held;
        reader->held = place;
    }
    if (due_ms < reader->due_ms)
        reader->due_ms = due_ms;
}

/* Takes a series whose time is over out of the list, along with those that are not held any more.
 * NULL when there is none. */
static struct place *take_due(struct mw_bar_reader *reader)
{
    if (reader->held == NULL || mw_clock_monotonic_ms() < reader->due_ms)
        return NULL;
    int64_t now_ms = mw_clock_monotonic_ms();
    struct place *due = NULL;
    reader->due_ms = INT64_MAX;
    for (struct place **at = &reader->held; *at != NULL;) {
        struct place *place = *at;
        bool is_due = due == NULL && place->due_ms <= now_ms;
        if (is_due || place->due_ms == INT64_MAX) {
            *at = place->next_held;
            place->listed = false;
            due = is_due ? place : due;
            continue;
        }
        reader->due_ms = place->due_ms < reader->due_ms ? place->due_ms : reader->due_ms;
        at = &place->next_held;
    }
    return due;
}

/* The next series that may have news, or NULL. */
static struct place *take_place(struct mw_bar_reader *reader)
{
    struct mw_series *series = mw_watcher_take(reader->watcher, &reader->take_at);
    if (series != NULL)
        return place_get(reader, series, true);
    reader->take_at = 0; /* marks behind it have raised the wake */
    return take_due(reader);
}

bool mw_bar_reader_take(struct mw_bar_reader *reader, struct mw_event *event)
{
    for (;;) {
        if (reader->current == NULL) {
            reader->current = take_place(reader);
            if (reader->current == NULL)
                return false;
            reader->now_ms = mw_clock_monotonic_ms();
        }
        struct place *place = reader->current;
        struct mw_cursor_news news;
        mw_cursor_kind kind = mw_cursor_next(place->cursor, reader->now_ms, &news);
        if (kind != MW_CURSOR_NOTHING && kind != MW_CURSOR_HELD) {
            *event = mw_event_of_news(&news, mw_series_key(mw_cursor_series(place->cursor)));
            return true;
        }
        hold(reader, place, kind == MW_CURSOR_HELD ? news.until_ms : INT64_MAX);
        reader->current = NULL;
    }
}

int64_t mw_bar_reader_due_ms(const struct mw_bar_reader *reader)
{
    return reader->due_ms;
}
