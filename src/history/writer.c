/* writer.c - takes what has changed, reads it from the rings, writes it in batches. */
#include "history/writer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/thread.h"
#include "net/backoff.h"

enum {
    TRIES_MAX = 4,    /* to read rows and holes that belong together, before the next look */
    RANGES_MAX = 256, /* of one series at each look, so that others have their turn */
    FINDS_MAX = 256,  /* series that are looked up for rows that are too old, at each look */
    ROOM = 64,        /* of holes and stretches, at first */
    HURRY_PART = 8,   /* who brings this part of a ring at once is looked at again at once */
};

#define BACKOFF_CAP_S  10.0
#define BACKOFF_JITTER 0.3

/* A series that is stored. Fields without a word are the store thread's. */
struct entry {
    struct mw_series *series;     /* immutable */
    struct mw_follower *follower; /* immutable; the series owns it */
    struct entry *next;           /* immutable once it is published */
    int64_t keep_ms;              /* immutable; 0 for all */
    bool erasing;                 /* may have rows that are too old */
};

/* What of one series goes into the batch under way; its rows and holes stand in those of the batch,
 * from these places on. */
struct stretch {
    struct entry *entry;
    struct mw_range range;
    size_t row_at;
    size_t hole_at;
    uint32_t row_count, hole_count;
};

struct batch {
    struct mw_candle *rows; /* owns; grows up to MW_STORE_ROWS_MAX */
    uint32_t row_count, row_room;
    struct mw_gap *holes; /* owns */
    uint32_t hole_count, hole_room;
    struct stretch *stretches;   /* owns */
    struct mw_store_part *parts; /* owns; room for as many */
    uint32_t stretch_count, stretch_room;
};

struct mw_writer {
    struct mw_writer_options options; /* `retentions` is owned */
    struct mw_thread thread;          /* the owner's */
    _Atomic bool stopping;
    struct mw_wake wake;
    _Atomic(struct entry *) entries; /* owns; only grows, at the front */

    pthread_mutex_t lock; /* covers the two below */
    struct mw_map added;  /* the address of a series to its entry */
    struct mw_writer_status status;

    /* The store thread's, and nobody's while there is none. */
    struct batch batch;
    struct mw_backoff backoff;
    int64_t retry_ms; /* after a failure, not before; 0 after a success */
    int64_t erase_ms; /* when to look for old rows again */
    bool hurry;       /* a ring is turning over */
    bool told;        /* on_store has heard of a failure */
    struct mw_log_gate failed_gate, lost_gate;
};

/* --- making it, adding series ----------------------------------------------------------------- */

struct mw_writer *mw_writer_new(const struct mw_writer_options *options)
{
    MW_CHECK(options->store != NULL);
    struct mw_writer *writer = mw_alloc_zero(sizeof(*writer));
    writer->options = *options;
    size_t bytes = options->retention_count * sizeof(*options->retentions);
    struct mw_retention *retentions = mw_alloc(bytes + 1);
    if (bytes > 0)
        memcpy(retentions, options->retentions, bytes);
    writer->options.retentions = retentions;
    if (options->batch_ms <= 0)
        writer->options.batch_ms = MW_STORE_BATCH_MS;
    uint64_t seed;
    mw_random_bytes(&seed, sizeof(seed));
    mw_backoff_init(
        &writer->backoff,
        &(struct mw_backoff_options){.attempts = MW_ATTEMPTS_FOREVER,
                                     .base_s = (double)writer->options.batch_ms / MW_MS_PER_SECOND,
                                     .cap_s = BACKOFF_CAP_S,
                                     .jitter = BACKOFF_JITTER},
        seed);
    pthread_mutex_init(&writer->lock, NULL);
    mw_wake_init(&writer->wake);
    return writer;
}

void mw_writer_free(struct mw_writer *writer)
{
    if (writer == NULL)
        return;
    mw_writer_stop(writer);
    struct entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    while (entry != NULL) {
        struct entry *next = entry->next;
        mw_series_unfollow(entry->follower);
        mw_free(entry);
        entry = next;
    }
    mw_map_deinit(&writer->added);
    mw_wake_deinit(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
    mw_free((struct mw_retention *)(uintptr_t)writer->options.retentions);
    mw_free(writer->batch.rows);
    mw_free(writer->batch.holes);
    mw_free(writer->batch.stretches);
    mw_free(writer->batch.parts);
    mw_free(writer);
}

static int64_t keep_ms_of(const struct mw_writer *writer, struct mw_timeframe timeframe)
{
    for (uint32_t i = 0; i < writer->options.retention_count; i++)
        if (mw_timeframe_equal(writer->options.retentions[i].timeframe, timeframe))
            return writer->options.retentions[i].keep_ms;
    return 0;
}

bool mw_writer_add(struct mw_writer *writer, struct mw_series *series)
{
    pthread_mutex_lock(&writer->lock);
    bool added = mw_map_find(&writer->added, &series, sizeof(series)) == NULL;
    if (added) {
        struct entry *entry = mw_alloc_zero(sizeof(*entry));
        entry->series = series;
        entry->follower = mw_series_follow(series);
        entry->keep_ms = keep_ms_of(writer, mw_series_key(series)->timeframe);
        entry->erasing = entry->keep_ms > 0;
        entry->next = atomic_load_explicit(&writer->entries, memory_order_relaxed);
        mw_map_set(&writer->added, &series, sizeof(series), entry);
        atomic_store_explicit(&writer->entries, entry, memory_order_release);
    }
    pthread_mutex_unlock(&writer->lock);
    return added;
}

void mw_writer_get_status(struct mw_writer *writer, struct mw_writer_status *status)
{
    pthread_mutex_lock(&writer->lock);
    *status = writer->status;
    pthread_mutex_unlock(&writer->lock);
    status->waiting = 0;
    const struct entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    for (; entry != NULL; entry = entry->next)
        status->waiting += mw_follower_is_behind(entry->follower);
}

/* --- failures --------------------------------------------------------------------------------- */

static void fail(struct mw_writer *writer, const struct mw_error *err) MW_ON(mw_store_thread)
{
    pthread_mutex_lock(&writer->lock);
    writer->status.failures++;
    writer->status.has_error = true;
    writer->status.error = *err;
    pthread_mutex_unlock(&writer->lock);
    int64_t now_ms = mw_clock_monotonic_ms();
    writer->retry_ms = now_ms + mw_backoff_next_ms(&writer->backoff);
    uint64_t held;
    if (mw_log_gate_pass(&writer->failed_gate, now_ms, &held))
        mw_log(MW_LOG_WARN, "store: %s; it is tried again", err->message);
    if (!writer->told && writer->options.on_store != NULL)
        writer->options.on_store(writer->options.user, err);
    writer->told = true;
}

static void succeed(struct mw_writer *writer, uint64_t row_count) MW_ON(mw_store_thread)
{
    pthread_mutex_lock(&writer->lock);
    writer->status.writes++;
    writer->status.rows += row_count;
    writer->status.has_error = false;
    pthread_mutex_unlock(&writer->lock);
    writer->retry_ms = 0;
    mw_backoff_reset(&writer->backoff);
    if (!writer->told)
        return;
    writer->told = false;
    mw_log(MW_LOG_INFO, "store: works again");
    if (writer->options.on_store != NULL)
        writer->options.on_store(writer->options.user, NULL);
}

/* --- reading what has changed ----------------------------------------------------------------- */

static int64_t before(const struct mw_series *series, int64_t open_ms)
{
    return mw_timeframe_floor(mw_series_key(series)->timeframe, open_ms - 1);
}

/* The part of a range that is over, and is to be kept. False when there is none: the bar that forms
 * is told of when it closes. */
static bool clip(const struct entry *entry, struct mw_range *range)
{
    struct mw_candle newest;
    if (mw_series_read_last(entry->series, INT64_MAX, 1, true, &newest) == 0)
        return false;
    int64_t last_ms = newest.open_ms;
    if (newest.state == MW_CANDLE_FORMING)
        last_ms = before(entry->series, last_ms);
    if (range->to_ms > last_ms)
        range->to_ms = last_ms;
    if (entry->keep_ms > 0) {
        int64_t first_ms = mw_timeframe_floor(mw_series_key(entry->series)->timeframe,
                                              newest.open_ms - entry->keep_ms);
        if (range->from_ms < first_ms)
            range->from_ms = first_ms;
    }
    return range->from_ms <= range->to_ms;
}

static void reserve_rows(struct batch *batch, uint32_t count)
{
    if (batch->row_room >= count)
        return;
    batch->row_room = count < MW_STORE_ROWS_MAX / 2 ? count * 2 : MW_STORE_ROWS_MAX;
    batch->rows = mw_realloc_array(batch->rows, batch->row_room, sizeof(*batch->rows));
}

static void add_hole(struct batch *batch, struct mw_gap hole)
{
    if (batch->hole_count == batch->hole_room) {
        batch->hole_room = batch->hole_room == 0 ? ROOM : batch->hole_room * 2;
        batch->holes = mw_realloc_array(batch->holes, batch->hole_room, sizeof(*batch->holes));
    }
    batch->holes[batch->hole_count++] = hole;
}

/* Adds the holes of a series within `range`, cut to it. */
static void read_holes(struct batch *batch, struct mw_series *series, const struct mw_range *range)
{
    int64_t at_ms = range->from_ms;
    struct mw_gap hole;
    while (at_ms <= range->to_ms && mw_series_find_gap(series, at_ms, range->to_ms, &hole)) {
        int64_t next_ms = mw_timeframe_next(mw_series_key(series)->timeframe, hole.to_ms);
        if (hole.from_ms < at_ms)
            hole.from_ms = at_ms;
        if (hole.to_ms > range->to_ms)
            hole.to_ms = range->to_ms;
        add_hole(batch, hole);
        at_ms = next_ms;
    }
}

/* Reads rows and holes of `stretch->range` that belong together, as many as there is room for; the
 * range then ends with the last of them. False when they changed each time. */
static bool read_ring(struct batch *batch, struct stretch *stretch)
{
    struct mw_series *series = stretch->entry->series;
    uint32_t room = MW_STORE_ROWS_MAX - batch->row_count, hole_count = batch->hole_count;
    uint32_t there = mw_series_count(series) + ROOM;
    room = room < there ? room : there;
    reserve_rows(batch, batch->row_count + room);
    for (int i = 0; i < TRIES_MAX; i++) {
        struct mw_range range = stretch->range;
        uint64_t version = mw_series_gap_version(series);
        struct mw_candle *rows = batch->rows + batch->row_count;
        uint32_t count = mw_series_read_from(series, range.from_ms, range.to_ms, room, false, rows);
        if (count == room)
            range.to_ms = rows[count - 1].open_ms;
        batch->hole_count = hole_count;
        read_holes(batch, series, &range);
        if (mw_series_gap_version(series) != version)
            continue;
        stretch->range = range;
        stretch->row_at = batch->row_count;
        stretch->row_count = count;
        stretch->hole_at = hole_count;
        stretch->hole_count = batch->hole_count - hole_count;
        return true;
    }
    batch->hole_count = hole_count;
    return false;
}

static void count_lost(struct mw_writer *writer, const struct mw_series *series, int64_t from_ms,
                       int64_t to_ms) MW_ON(mw_store_thread)
{
    int64_t live_ms = mw_series_first_live_ms(series);
    if (from_ms < live_ms)
        from_ms = live_ms; /* what is older is history, at the end of the ring */
    if (from_ms > to_ms)
        return;
    const struct mw_series_key *key = mw_series_key(series);
    uint64_t count = mw_timeframe_buckets(key->timeframe, from_ms, to_ms), held;
    pthread_mutex_lock(&writer->lock);
    writer->status.lost += count;
    pthread_mutex_unlock(&writer->lock);
    char timeframe[MW_TIMEFRAME_BYTES_MAX], from[MW_TIME_TEXT_BYTES];
    if (mw_log_gate_pass(&writer->lost_gate, mw_clock_monotonic_ms(), &held))
        mw_log(
            MW_LOG_WARN,
            "store: %llu bars of %s %s from %s on were dropped before they could be written: the "
            "disk is too slow, or cache.bars too small",
            (unsigned long long)count, key->symbol, mw_timeframe_format(key->timeframe, timeframe),
            mw_time_format(from_ms, from));
}

/* What lies before the oldest bar of a ring that has dropped some is left out, unless it was read:
 * the ring knows nothing of it. The store keeps what it knows of that time; what it does not know
 * becomes a hole there. `*any` is false when nothing is left. */
static mw_status leave_out_dropped(struct mw_writer *writer, struct stretch *stretch, bool *any,
                                   struct mw_error *err) MW_ON(mw_store_thread)
{
    struct mw_series *series = stretch->entry->series;
    struct mw_candle oldest;
    *any = true;
    if (mw_series_dropped_ms(series) == INT64_MIN ||
        mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 0)
        return MW_OK;
    int64_t first_ms = oldest.open_ms;
    if (stretch->row_count > 0 && writer->batch.rows[stretch->row_at].open_ms < first_ms)
        first_ms = writer->batch.rows[stretch->row_at].open_ms; /* it was dropped since */
    int64_t lost_ms = before(series, first_ms);
    if (lost_ms > stretch->range.to_ms)
        lost_ms = stretch->range.to_ms;
    if (lost_ms < stretch->range.from_ms)
        return MW_OK;
    struct mw_store_series stored = {.last_ms = INT64_MIN};
    bool found;
    mw_status status =
        mw_store_find(writer->options.store, mw_series_key(series), &stored, &found, err);
    if (status != MW_OK)
        return status;
    int64_t from_ms = stretch->range.from_ms;
    if (found && stored.last_ms >= from_ms)
        from_ms = mw_timeframe_next(mw_series_key(series)->timeframe, stored.last_ms);
    count_lost(writer, series, from_ms, lost_ms);
    stretch->range.from_ms = mw_timeframe_next(mw_series_key(series)->timeframe, lost_ms);
    struct batch *batch = &writer->batch;
    while (stretch->hole_count > 0 &&
           batch->holes[stretch->hole_at].to_ms < stretch->range.from_ms) {
        stretch->hole_at++;
        stretch->hole_count--;
    }
    if (stretch->hole_count > 0 && batch->holes[stretch->hole_at].from_ms < stretch->range.from_ms)
        batch->holes[stretch->hole_at].from_ms = stretch->range.from_ms;
    *any = stretch->range.from_ms <= stretch->range.to_ms;
    return MW_OK;
}

/* Keeps the rows of `stretch` that are to be written. Those of the store are there already; where
 * one was made of finer bars there is a hole. */
static void choose_rows(struct batch *batch, struct stretch *stretch)
{
    struct mw_gaps made = {.count = 0};
    struct mw_timeframe timeframe = mw_series_key(stretch->entry->series)->timeframe;
    struct mw_candle *rows = batch->rows + stretch->row_at;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stretch->row_count; i++) {
        if (rows[i].source == MW_SOURCE_RESAMPLED)
            mw_gaps_add(&made, timeframe, rows[i].open_ms, rows[i].open_ms);
        else if (rows[i].source != MW_SOURCE_STORE)
            rows[kept++] = rows[i];
    }
    stretch->row_count = kept;
    if (made.count > 0) {
        for (uint32_t i = 0; i < stretch->hole_count; i++) {
            struct mw_gap hole = batch->holes[stretch->hole_at + i];
            mw_gaps_add(&made, timeframe, hole.from_ms, hole.to_ms);
            if (hole.given_up)
                mw_gaps_give_up(&made, timeframe, hole.from_ms, hole.to_ms);
        }
        batch->hole_count = (uint32_t)stretch->hole_at;
        for (uint32_t i = 0; i < made.count; i++)
            add_hole(batch, made.list[i]);
        stretch->hole_count = made.count;
    }
    mw_gaps_deinit(&made);
}

static void give_back(struct entry *entry, int64_t from_ms, int64_t to_ms)
{
    const struct mw_range range = {.from_ms = from_ms, .to_ms = to_ms};
    if (from_ms <= to_ms)
        mw_follower_return(entry->follower, &range);
}

static void add_stretch(struct batch *batch, const struct stretch *stretch)
{
    if (batch->stretch_count == batch->stretch_room) {
        uint32_t room = batch->stretch_room == 0 ? ROOM : batch->stretch_room * 2;
        batch->stretches = mw_realloc_array(batch->stretches, room, sizeof(*batch->stretches));
        batch->parts = mw_realloc_array(batch->parts, room, sizeof(*batch->parts));
        batch->stretch_room = room;
    }
    batch->stretches[batch->stretch_count++] = *stretch;
    batch->row_count = (uint32_t)stretch->row_at + stretch->row_count;
    batch->hole_count = (uint32_t)stretch->hole_at + stretch->hole_count;
}

/* Takes the oldest range of a series and adds it to the batch. `*more` is false when there is none,
 * or when it is better left for the next look. Errors: the store cannot be asked. */
static mw_status collect(struct mw_writer *writer, struct entry *entry, bool *more,
                         struct mw_error *err) MW_ON(mw_store_thread)
{
    struct batch *batch = &writer->batch;
    struct mw_range taken;
    *more = mw_follower_take(entry->follower, &taken);
    struct stretch stretch = {.entry = entry, .range = taken};
    if (!*more || !clip(entry, &stretch.range))
        return MW_OK;
    taken = stretch.range;
    if (!read_ring(batch, &stretch)) {
        give_back(entry, taken.from_ms, taken.to_ms);
        *more = false;
        return MW_OK;
    }
    if (stretch.row_count > mw_series_count(entry->series) / HURRY_PART)
        writer->hurry = true;
    bool any = true;
    mw_status status = leave_out_dropped(writer, &stretch, &any, err);
    if (status != MW_OK) {
        give_back(entry, taken.from_ms, taken.to_ms);
        batch->hole_count = (uint32_t)stretch.hole_at;
        return status;
    }
    give_back(entry,
              mw_timeframe_next(mw_series_key(entry->series)->timeframe, stretch.range.to_ms),
              taken.to_ms);
    if (any) {
        choose_rows(batch, &stretch);
        add_stretch(batch, &stretch);
    }
    return MW_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes the batch and empties it. What could not be written is taken again. */
static mw_status write_batch(struct mw_writer *writer, struct mw_error *err) MW_ON(mw_store_thread)
{
    struct batch *batch = &writer->batch;
    uint32_t count = batch->stretch_count, row_count = batch->row_count;
    batch->stretch_count = batch->row_count = batch->hole_count = 0;
    if (count == 0)
        return MW_OK;
    for (uint32_t i = 0; i < count; i++) {
        const struct stretch *stretch = &batch->stretches[i];
        batch->parts[i] = (struct mw_store_part){.key = mw_series_key(stretch->entry->series),
                                                 .from_ms = stretch->range.from_ms,
                                                 .to_ms = stretch->range.to_ms,
                                                 .rows = batch->rows + stretch->row_at,
                                                 .row_count = stretch->row_count,
                                                 .holes = batch->holes + stretch->hole_at,
                                                 .hole_count = stretch->hole_count};
    }
    mw_status status = mw_store_write(writer->options.store, batch->parts, count, NULL, err);
    if (status != MW_OK) {
        for (uint32_t i = 0; i < count; i++)
            give_back(batch->stretches[i].entry, batch->parts[i].from_ms, batch->parts[i].to_ms);
        return status;
    }
    succeed(writer, row_count);
    for (uint32_t i = 0; i < count && writer->options.on_stored != NULL; i++)
        writer->options.on_stored(writer->options.user, &batch->parts[i]);
    return MW_OK;
}

/* Writes what has changed, up to until_ms (monotonic). False after a failure. */
static bool write_changes(struct mw_writer *writer, int64_t until_ms) MW_ON(mw_store_thread)
{
    struct mw_error err = {.status = MW_OK};
    mw_status status = MW_OK;
    writer->hurry = false;
    struct entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    for (; entry != NULL && status == MW_OK; entry = entry->next) {
        bool more = mw_follower_is_behind(entry->follower);
        for (int i = 0; more && i < RANGES_MAX && status == MW_OK; i++) {
            status = collect(writer, entry, &more, &err);
            if (status == MW_OK && writer->batch.row_count >= MW_STORE_ROWS_MAX / 2)
                status = write_batch(writer, &err);
        }
        if (until_ms != INT64_MAX && mw_clock_monotonic_ms() >= until_ms)
            break;
    }
    struct mw_error first = err; /* what was collected before a failure is worth a try */
    mw_status rest = write_batch(writer, &err);
    if (status != MW_OK)
        fail(writer, &first);
    else if (rest != MW_OK)
        fail(writer, &err);
    return status == MW_OK && rest == MW_OK;
}

/* --- rows that are too old -------------------------------------------------------------------- */

/* Deletes some rows of one series. Returns through `erased` how many. */
static mw_status erase(struct mw_writer *writer, struct entry *entry, uint32_t *erased,
                       struct mw_error *err) MW_ON(mw_store_thread)
{
    const struct mw_series_key *key = mw_series_key(entry->series);
    struct mw_store *store = writer->options.store;
    struct mw_store_series stored;
    bool found = false;
    mw_status status = mw_store_find(store, key, &stored, &found, err);
    if (status != MW_OK)
        return status;
    int64_t before_ms = found ? stored.last_ms - entry->keep_ms : INT64_MIN;
    if (!found || stored.first_ms >= before_ms) {
        entry->erasing = false;
        return MW_OK;
    }
    status = mw_store_erase_before(store, key, before_ms, MW_STORE_ERASE_ROWS_MAX, erased, err);
    if (status == MW_OK && *erased < MW_STORE_ERASE_ROWS_MAX)
        entry->erasing = false;
    return status;
}

/* One step: so many rows at most, so many series looked at. */
static void erase_some(struct mw_writer *writer) MW_ON(mw_store_thread)
{
    int64_t now_ms = mw_clock_monotonic_ms();
    bool due = now_ms >= writer->erase_ms;
    if (due)
        writer->erase_ms = now_ms + MW_STORE_RETENTION_MS;
    uint32_t erased = 0, finds = 0;
    mw_status status = MW_OK;
    struct mw_error err;
    struct entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    for (; entry != NULL && status == MW_OK; entry = entry->next) {
        entry->erasing = entry->erasing || (due && entry->keep_ms > 0);
        if (!entry->erasing || erased > 0 || finds++ >= FINDS_MAX)
            continue;
        status = erase(writer, entry, &erased, &err);
    }
    if (status != MW_OK)
        fail(writer, &err);
    pthread_mutex_lock(&writer->lock);
    writer->status.erased += erased;
    pthread_mutex_unlock(&writer->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* What is left is written, once more also when the last write failed. */
static void finish(struct mw_writer *writer) MW_ON(mw_store_thread)
{
    int64_t until_ms = mw_clock_monotonic_ms() + MW_STORE_STOP_MS;
    struct mw_writer_status status;
    do {
        if (!write_changes(writer, until_ms))
            break;
        mw_writer_get_status(writer, &status);
    } while (status.waiting > 0 && mw_clock_monotonic_ms() < until_ms);
    mw_writer_get_status(writer, &status);
    if (status.waiting > 0)
        mw_log(MW_LOG_WARN, "store: the last bars of %u series could not be written",
               status.waiting);
}

static void run(void *user)
{
    mw_role_assert(&mw_store_thread);
    struct mw_writer *writer = user;
    while (!atomic_load_explicit(&writer->stopping, memory_order_acquire)) {
        int64_t now_ms = mw_clock_monotonic_ms(), wait_ms = writer->options.batch_ms;
        if (now_ms >= writer->retry_ms && write_changes(writer, INT64_MAX))
            erase_some(writer);
        if (writer->retry_ms > now_ms)
            wait_ms = writer->retry_ms - now_ms;
        else if (writer->hurry)
            wait_ms = 0;
        if (wait_ms > 0)
            mw_wake_wait(&writer->wake, wait_ms);
    }
    finish(writer);
}

mw_status mw_writer_start(struct mw_writer *writer, struct mw_error *err)
{
    atomic_store_explicit(&writer->stopping, false, memory_order_release);
    writer->retry_ms = writer->erase_ms = 0;
    return mw_thread_start(&writer->thread, "store", &mw_store_thread, run, writer, err);
}

void mw_writer_stop(struct mw_writer *writer)
{
    atomic_store_explicit(&writer->stopping, true, memory_order_release);
    mw_wake_raise(&writer->wake);
    mw_thread_join(&writer->thread);
}
