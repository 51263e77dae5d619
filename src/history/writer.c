/* writer.c - series that are stored, and the thread that writes and erases. */
#include "history/writer_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"

enum {
    RANGES_MAX = 256, /* of one series at each look, so that others have their turn */
    FINDS_MAX = 256,  /* series that are looked up for rows that are too old, at each look */
};

#define BACKOFF_CAP_S  10.0
#define BACKOFF_JITTER 0.3

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
    struct mw_writer_entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    while (entry != NULL) {
        struct mw_writer_entry *next = entry->next;
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
        struct mw_writer_entry *entry = mw_alloc_zero(sizeof(*entry));
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

/* What waits is counted first, so that whoever finds that nothing does finds all of it counted. */
void mw_writer_get_status(struct mw_writer *writer, struct mw_writer_status *status)
{
    uint32_t waiting = 0;
    const struct mw_writer_entry *entry =
        atomic_load_explicit(&writer->entries, memory_order_acquire);
    for (; entry != NULL; entry = entry->next)
        waiting += mw_follower_is_behind(entry->follower);
    /* After the followers: what one does not have any more is being written, or is. */
    if (waiting == 0 && atomic_load_explicit(&writer->writing, memory_order_acquire))
        waiting = 1;
    pthread_mutex_lock(&writer->lock);
    *status = writer->status;
    pthread_mutex_unlock(&writer->lock);
    status->waiting = waiting;
}

/* --- failures --------------------------------------------------------------------------------- */

/* To whoever is told it is trouble with history, not with a connection or the configuration. */
static void fail(struct mw_writer *writer, struct mw_error *err) MW_ON(mw_store_thread)
{
    err->status = MW_EHISTORY;
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

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes the batch and empties it. What could not be written is taken again. */
static mw_status write_batch(struct mw_writer *writer, struct mw_error *err) MW_ON(mw_store_thread)
{
    struct mw_batch *batch = &writer->batch;
    uint32_t count = batch->stretch_count;
    uint64_t row_count = 0;
    batch->stretch_count = batch->row_count = batch->hole_count = 0;
    if (count == 0)
        return MW_OK;
    for (uint32_t i = 0; i < count; i++) {
        const struct mw_stretch *stretch = &batch->stretches[i];
        for (uint32_t j = 0; j < stretch->row_count; j++)
            row_count += batch->rows[stretch->row_at + j].source != MW_SOURCE_STORE;
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
            mw_writer_give_back(batch->stretches[i].entry, batch->parts[i].from_ms,
                                batch->parts[i].to_ms);
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
    struct mw_writer_entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
    for (; entry != NULL && status == MW_OK; entry = entry->next) {
        bool more = mw_follower_is_behind(entry->follower);
        if (more)
            atomic_store_explicit(&writer->writing, true, memory_order_release);
        for (int i = 0; more && i < RANGES_MAX && status == MW_OK; i++) {
            status = mw_writer_collect(writer, entry, &more, &err);
            if (status == MW_OK && writer->batch.row_count >= MW_STORE_ROWS_MAX / 2)
                status = write_batch(writer, &err);
        }
        if (until_ms != INT64_MAX && mw_clock_monotonic_ms() >= until_ms)
            break;
    }
    struct mw_error first = err; /* what was collected before a failure is worth a try */
    mw_status rest = write_batch(writer, &err);
    atomic_store_explicit(&writer->writing, false, memory_order_release);
    if (status != MW_OK)
        fail(writer, &first);
    else if (rest != MW_OK)
        fail(writer, &err);
    return status == MW_OK && rest == MW_OK;
}

/* --- rows that are too old -------------------------------------------------------------------- */

/* Deletes some rows of one series. Returns through `erased` how many. */
static mw_status erase(struct mw_writer *writer, struct mw_writer_entry *entry, uint32_t *erased,
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
    struct mw_writer_entry *entry = atomic_load_explicit(&writer->entries, memory_order_acquire);
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
    if (!atomic_exchange_explicit(&writer->stopping, true, memory_order_acq_rel))
        mw_store_wait_until(writer->options.store, mw_clock_monotonic_ms() + MW_STORE_STOP_MS);
    mw_wake_raise(&writer->wake);
    mw_thread_join(&writer->thread);
    mw_store_wait_until(writer->options.store, INT64_MAX);
}
