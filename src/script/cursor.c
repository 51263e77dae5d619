/* cursor.c - reading on from where one was, and what to say of the way.
 *
 * Rows are copied in batches. A batch is good as long as neither the series' count of revisions nor
 * the version of its holes has changed since before it was read, which is all that a bar costs
 * besides its copy; otherwise it is thrown away and everything is looked at again. So a bar that is
 * delivered has the values that go with `revision`, and a later number in the log is news.
 */
#include "script/cursor.h"

#include <sched.h>
#include <string.h>

#include "base/check.h"

enum {
    SIGHTINGS_MAX = 8,
    WHOLE_TRIES_MAX = 8, /* then one row at a time, which is read between two changes */
    LAG_TRIES_MAX = 100,
};

/* When the newest closed bar of that moment was first seen while bars were held. */
struct sighting {
    int64_t open_ms, at_ms;
};

struct told_gap {
    int64_t from_ms, to_ms;
};

struct mw_cursor {
    struct mw_series *series; /* borrows from the cache */
    bool begun;               /* false before there is a live bar */
    bool held;                /* that is what was said last */
    int64_t begin_ms;         /* what opened then or earlier was never this reader's */
    int64_t after_ms;         /* all up to here is delivered, told or quiet */
    uint64_t revision;        /* number of the last revision that was looked at */

    /* Bars that are copied. They begin with the bar that follows after_ms. */
    uint32_t row_at, row_count;
    uint64_t first_number; /* of rows[0] */
    uint64_t version;      /* of the holes, for the rows and `hole` */
    bool has_more;         /* there may be rows after these */
    bool has_hole;
    struct mw_gap hole; /* the first that reaches into what lies before or in the rows */

    /* A bar that is delivered next because the hole that it is in was told, and the end of what was
     * told; INT64_MIN for none. */
    int64_t doubted_ms, doubted_to_ms;

    struct sighting sightings[SIGHTINGS_MAX]; /* rising in both */
    uint32_t sighting_count;

    struct told_gap told[MW_CURSOR_SKIPPED_MAX]; /* oldest first */
    uint32_t told_count;
    uint64_t told_version;  /* of the holes when these were looked at last */
    struct mw_gaps skipped; /* owns; what was told and not delivered */

    struct mw_candle forming; /* the forming bar delivered last; open_ms 0 for none */
    struct mw_candle rows[MW_CURSOR_BATCH];
};

static struct mw_timeframe timeframe_of(const struct mw_cursor *cursor)
{
    return mw_series_key(cursor->series)->timeframe;
}

/* The first bucket that opens after `time_ms`, and the last that opens before it. */
static int64_t bucket_after(const struct mw_cursor *cursor, int64_t time_ms)
{
    struct mw_timeframe timeframe = timeframe_of(cursor);
    return mw_timeframe_next(timeframe, mw_timeframe_floor(timeframe, time_ms));
}

static int64_t bucket_before(const struct mw_cursor *cursor, int64_t time_ms)
{
    return mw_timeframe_floor(timeframe_of(cursor), time_ms - 1);
}

static void drop_rows(struct mw_cursor *cursor)
{
    cursor->first_number += cursor->row_at;
    cursor->row_at = cursor->row_count = 0;
}

static void begin_at(struct mw_cursor *cursor, int64_t after_ms)
{
    cursor->begun = true;
    cursor->begin_ms = cursor->after_ms = after_ms;
}

struct mw_cursor *mw_cursor_new(struct mw_series *series, bool from_oldest)
{
    struct mw_cursor *cursor = mw_alloc_zero(sizeof(*cursor));
    cursor->series = series;
    cursor->doubted_ms = cursor->doubted_to_ms = INT64_MIN;
    cursor->revision = mw_series_revision_count(series);
    int64_t first_ms = mw_series_first_live_ms(series), after_ms = INT64_MAX;
    if (first_ms != INT64_MAX) {
        struct mw_candle newest;
        int64_t dropped_ms = mw_series_dropped_ms(series);
        after_ms = dropped_ms >= first_ms ? dropped_ms : first_ms - 1;
        if (!from_oldest && mw_series_read_last(series, INT64_MAX, 1, false, &newest) == 1 &&
            newest.open_ms > after_ms)
            after_ms = newest.open_ms;
        begin_at(cursor, after_ms);
    }
    mw_series_read_after(series, after_ms, 0, NULL, &cursor->first_number);
    return cursor;
}

void mw_cursor_free(struct mw_cursor *cursor)
{
    if (cursor == NULL)
        return;
    mw_gaps_deinit(&cursor->skipped);
    mw_free(cursor);
}

struct mw_series *mw_cursor_series(const struct mw_cursor *cursor)
{
    return cursor->series;
}

/* --- LAGGED, REVISED, BACKFILLED ------------------------------------------------------------- */

static bool tell_lagged(struct mw_cursor *cursor, struct mw_cursor_news *news)
{
    int64_t dropped_ms = mw_series_dropped_ms(cursor->series);
    if (dropped_ms <= cursor->after_ms)
        return false;
    drop_rows(cursor);
    uint64_t number = 0;
    for (int tries = 0; tries < LAG_TRIES_MAX; tries++) { /* until the two belong together */
        int64_t before_ms = dropped_ms;
        mw_series_read_after(cursor->series, cursor->after_ms, 0, NULL, &number);
        dropped_ms = mw_series_dropped_ms(cursor->series);
        if (dropped_ms == before_ms)
            break;
    }
    /* Bars that were inserted before they were dropped have moved the numbers; at the beginning the
     * number of the first live bar was not known. */
    uint64_t buckets = mw_timeframe_buckets(timeframe_of(cursor),
                                            bucket_after(cursor, cursor->after_ms), dropped_ms);
    uint64_t lost = number > cursor->first_number ? number - cursor->first_number : 1;
    news->count = lost < buckets ? lost : buckets;
    cursor->first_number = number;
    cursor->after_ms = dropped_ms > cursor->doubted_to_ms ? dropped_ms : cursor->doubted_to_ms;
    cursor->doubted_ms = cursor->doubted_to_ms = INT64_MIN;
    return true;
}

/* Whether the reader has had a bar of that bucket, or been left in the belief that there is
 * none. */
static bool is_behind(const struct mw_cursor *cursor, int64_t open_ms)
{
    return open_ms > cursor->begin_ms && open_ms <= cursor->after_ms &&
           mw_gaps_find(&cursor->skipped, open_ms, open_ms) == NULL;
}

static bool is_superseded(const struct mw_revision *list, uint32_t at, uint32_t count)
{
    for (uint32_t later = at + 1; later < count; later++)
        if (list[later].open_ms == list[at].open_ms)
            return true;
    return false;
}

static bool tell_revised(struct mw_cursor *cursor, struct mw_cursor_news *news)
{
    while (mw_series_revision_count(cursor->series) != cursor->revision) {
        struct mw_revision list[MW_SERIES_REVISIONS_MAX];
        drop_rows(cursor);
        uint32_t count = mw_series_read_revisions(cursor->series, cursor->revision,
                                                  MW_SERIES_REVISIONS_MAX, list);
        uint32_t at = 0;
        while (at < count &&
               (!is_behind(cursor, list[at].open_ms) || is_superseded(list, at, count)))
            at++;
        if (at == count) {
            cursor->revision = list[count - 1].number;
            continue;
        }
        bool there = mw_series_read_from(cursor->series, list[at].open_ms, list[at].open_ms, 1,
                                         false, &news->candle) == 1;
        if (mw_series_revision_count(cursor->series) != list[count - 1].number)
            continue; /* it may have changed once more */
        cursor->revision = list[at].number;
        if (there)
            return true;
    }
    return false;
}

static void forget_told(struct mw_cursor *cursor, uint32_t at)
{
    cursor->told_count--;
    memmove(&cursor->told[at], &cursor->told[at + 1],
            (cursor->told_count - at) * sizeof(cursor->told[0]));
}

/* Whether the ring still takes what belongs there. */
static bool is_reached(const struct mw_cursor *cursor, int64_t open_ms)
{
    struct mw_candle oldest;
    return mw_series_dropped_ms(cursor->series) == INT64_MIN ||
           (mw_series_read_from(cursor->series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1 &&
            oldest.open_ms <= open_ms);
}

static bool tell_backfilled(struct mw_cursor *cursor, struct mw_cursor_news *news)
{
    uint64_t version = mw_series_gap_version(cursor->series);
    if (cursor->told_count == 0 || version == cursor->told_version)
        return false;
    for (uint32_t i = 0; i < cursor->told_count;) {
        struct told_gap gap = cursor->told[i];
        if (mw_series_find_gap(cursor->series, gap.from_ms, gap.to_ms, NULL)) {
            i++;
            continue;
        }
        news->from_ms = gap.from_ms;
        news->to_ms = gap.to_ms;
        news->count = mw_series_count_between(cursor->series, gap.from_ms, gap.to_ms);
        forget_told(cursor, i);
        if (is_reached(cursor, gap.from_ms)) /* after counting: what was counted is all */
            return true;
    }
    cursor->told_version = version;
    return false;
}

/* --- rows and what lies between them ---------------------------------------------------------- */

static bool is_changed(const struct mw_cursor *cursor)
{
    return mw_series_revision_count(cursor->series) != cursor->revision ||
           mw_series_gap_version(cursor->series) != cursor->version;
}

/* Copies rows, and finds the first hole before or in them. False when something has changed
 * meanwhile, so that they may not belong together. */
static bool read_rows(struct mw_cursor *cursor, uint32_t count)
{
    drop_rows(cursor);
    bool doubted = cursor->doubted_ms != INT64_MIN;
    cursor->version = mw_series_gap_version(cursor->series);
    uint64_t number;
    uint32_t rows = mw_series_read_after(cursor->series, cursor->after_ms, doubted ? 1 : count,
                                         cursor->rows, &number);
    /* Its hole was told, and what comes after it is looked at when it has been delivered. */
    cursor->has_hole = rows > 0 && !doubted &&
                       mw_series_find_gap(cursor->series, cursor->after_ms + 1,
                                          cursor->rows[rows - 1].open_ms, &cursor->hole);
    if (is_changed(cursor) || mw_series_dropped_ms(cursor->series) > cursor->after_ms)
        return false;
    cursor->first_number = number;
    cursor->row_count = rows;
    cursor->has_more = rows == count;
    return true;
}

/* Gets what is new. Returns what is to be told before any bar, or MW_CURSOR_NOTHING. */
static mw_cursor_kind look(struct mw_cursor *cursor, struct mw_cursor_news *news)
{
    for (unsigned tries = 0;; tries++) {
        if (tell_lagged(cursor, news))
            return MW_CURSOR_LAGGED;
        if (tell_revised(cursor, news))
            return MW_CURSOR_REVISED;
        if (tell_backfilled(cursor, news))
            return MW_CURSOR_BACKFILLED;
        if (read_rows(cursor, tries < WHOLE_TRIES_MAX ? MW_CURSOR_BATCH : 1))
            return MW_CURSOR_NOTHING;
        if (tries >= WHOLE_TRIES_MAX)
            sched_yield();
    }
}

/* Since when a closed bar is there that is held back by a hole which begins at `from_ms`. */
static int64_t held_since(struct mw_cursor *cursor, int64_t from_ms, int64_t now_ms)
{
    uint32_t past = 0;
    while (past < cursor->sighting_count && cursor->sightings[past].open_ms < from_ms)
        past++;
    cursor->sighting_count -= past;
    memmove(cursor->sightings, cursor->sightings + past,
            cursor->sighting_count * sizeof(cursor->sightings[0]));
    struct mw_candle newest = cursor->rows[cursor->row_count - 1];
    mw_series_read_last(cursor->series, INT64_MAX, 1, false, &newest);
    uint32_t count = cursor->sighting_count;
    if (count == 0 || cursor->sightings[count - 1].open_ms < newest.open_ms) {
        if (count == SIGHTINGS_MAX) /* seen earlier than it was: nothing is held for too long */
            cursor->sightings[count - 1].open_ms = newest.open_ms;
        else
            cursor->sightings[cursor->sighting_count++] =
                (struct sighting){.open_ms = newest.open_ms, .at_ms = now_ms};
    }
    return cursor->sightings[0].at_ms;
}

/* Whether so few bars that were delivered are left in a full ring that waiting may cost some that
 * were not. */
static bool is_pressed(const struct mw_cursor *cursor)
{
    return mw_series_dropped_ms(cursor->series) != INT64_MIN &&
           mw_series_count_between(cursor->series, MW_CANDLE_OPEN_MS_MIN, cursor->after_ms) <=
               mw_series_count(cursor->series) / 4;
}

static void remember_told(struct mw_cursor *cursor, int64_t from_ms, int64_t to_ms)
{
    if (cursor->told_count == MW_CURSOR_SKIPPED_MAX)
        forget_told(cursor, 0);
    cursor->told[cursor->told_count++] = (struct told_gap){.from_ms = from_ms, .to_ms = to_ms};
    while (cursor->skipped.count >= MW_CURSOR_SKIPPED_MAX) /* delivering a doubted bar splits one */
        mw_gaps_remove(&cursor->skipped, timeframe_of(cursor), cursor->skipped.list[0].from_ms,
                       cursor->skipped.list[0].to_ms);
    mw_gaps_add(&cursor->skipped, timeframe_of(cursor), from_ms, to_ms);
}

/* A hole of a series that is made of others may reach into the bar that forms, which is told when
 * it has closed. */
static int64_t before_forming(const struct mw_cursor *cursor, int64_t next_ms, int64_t to_ms)
{
    struct mw_candle newest;
    if (mw_series_read_last(cursor->series, INT64_MAX, 1, true, &newest) == 0 ||
        newest.open_ms <= next_ms || newest.open_ms > to_ms)
        return to_ms;
    return bucket_before(cursor, newest.open_ms);
}

/* The hole reaches before or into the next row: tells it, or waits. */
static mw_cursor_kind meet_hole(struct mw_cursor *cursor, int64_t now_ms,
                                struct mw_cursor_news *news)
{
    const struct mw_gap *hole = &cursor->hole;
    int64_t next_ms = cursor->rows[cursor->row_at].open_ms;
    int64_t from_ms =
        hole->from_ms > cursor->after_ms ? hole->from_ms : bucket_after(cursor, cursor->after_ms);
    int64_t wait_ms = mw_series_gap_wait_ms(cursor->series);
    if (!hole->given_up && wait_ms > 0) {
        news->until_ms = held_since(cursor, from_ms, now_ms) + wait_ms;
        if (now_ms < news->until_ms && !is_pressed(cursor)) {
            cursor->held = true;
            return MW_CURSOR_HELD;
        }
    }
    int64_t to_ms = hole->to_ms;
    if (next_ms > to_ms) {
        cursor->after_ms = to_ms;
    } else { /* the bar is there, in doubt: it is told up to the one after it */
        if (cursor->row_at + 1 < cursor->row_count) {
            int64_t last_ms = bucket_before(cursor, cursor->rows[cursor->row_at + 1].open_ms);
            to_ms = to_ms < last_ms ? to_ms : last_ms;
        } else if (cursor->has_more) {
            to_ms = next_ms; /* what follows is not known */
        } else {
            to_ms = before_forming(cursor, next_ms, to_ms);
        }
        int64_t before_ms = bucket_before(cursor, next_ms);
        if (before_ms > cursor->after_ms)
            cursor->after_ms = before_ms;
        cursor->doubted_ms = next_ms;
        cursor->doubted_to_ms = to_ms;
    }
    remember_told(cursor, from_ms, to_ms);
    drop_rows(cursor);
    news->from_ms = from_ms;
    news->to_ms = to_ms;
    news->count = mw_timeframe_buckets(timeframe_of(cursor), from_ms, to_ms);
    return MW_CURSOR_GAP;
}

static void deliver(struct mw_cursor *cursor, struct mw_cursor_news *news)
{
    news->candle = cursor->rows[cursor->row_at++];
    cursor->after_ms = news->candle.open_ms;
    if (cursor->doubted_ms == INT64_MIN)
        return;
    mw_gaps_remove(&cursor->skipped, timeframe_of(cursor), cursor->doubted_ms, cursor->doubted_ms);
    cursor->after_ms = cursor->doubted_to_ms;
    cursor->doubted_ms = cursor->doubted_to_ms = INT64_MIN;
}

static mw_cursor_kind next(struct mw_cursor *cursor, int64_t now_ms, struct mw_cursor_news *news)
{
    if (!cursor->begun) {
        int64_t first_ms = mw_series_first_live_ms(cursor->series);
        if (first_ms == INT64_MAX)
            return MW_CURSOR_NOTHING;
        begin_at(cursor, first_ms - 1);
    }
    if (cursor->row_at == cursor->row_count || is_changed(cursor)) {
        mw_cursor_kind kind = look(cursor, news);
        if (kind != MW_CURSOR_NOTHING || cursor->row_count == 0)
            return kind;
    }
    if (cursor->has_hole && cursor->hole.from_ms <= cursor->rows[cursor->row_at].open_ms)
        return meet_hole(cursor, now_ms, news);
    deliver(cursor, news);
    return MW_CURSOR_BAR;
}

mw_cursor_kind mw_cursor_next(struct mw_cursor *cursor, int64_t now_ms, struct mw_cursor_news *news)
{
    cursor->held = false;
    news->kind = next(cursor, now_ms, news);
    return news->kind;
}

/* Whether nothing of a bar has changed that changes while it forms. */
static bool same_bar(const struct mw_candle *a, const struct mw_candle *b)
{
    return a->open_ms == b->open_ms && a->open == b->open && a->high == b->high &&
           a->low == b->low && a->close == b->close && a->volume == b->volume &&
           a->trades == b->trades;
}

bool mw_cursor_read_forming(struct mw_cursor *cursor, struct mw_candle *out)
{
    struct mw_candle newest;
    if (cursor->held || mw_series_read_last(cursor->series, INT64_MAX, 1, true, &newest) == 0 ||
        newest.state != MW_CANDLE_FORMING || same_bar(&newest, &cursor->forming))
        return false;
    cursor->forming = *out = newest;
    return true;
}
