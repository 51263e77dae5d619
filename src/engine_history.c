/* engine_history.c - an engine's store (opening it, filling rings from it) and files of candles. */
#include "engine_parts.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "history/csv.h"
#include "history/restore.h"
#include "market/derive.h"

static void on_store(void *user, const struct mw_error *err)
{
    struct mw_engine *engine = user;
    struct mw_event event = {.kind = MW_EVENT_STORE, .time_ms = mw_clock_wall_ms()};
    if (err != NULL) {
        event.has_error = true;
        event.error = *err;
    }
    mw_engine_tell(engine, &event);
}

mw_status mw_engine_open_store(struct mw_engine *engine, struct mw_error *err)
{
    const struct mw_history_settings *history = &engine->settings->history;
    if (history->store == NULL)
        return MW_OK;
    const struct mw_store_options options = {.path = history->store};
    mw_status status = mw_store_open(&options, &engine->store, err);
    if (status != MW_OK)
        return mw_fail_within(err, status, "history.store");
    mw_prices_set_store(engine->prices, engine->store);
    engine->writer =
        mw_writer_new(&(struct mw_writer_options){.store = engine->store,
                                                  .retentions = history->retentions,
                                                  .retention_count = history->retention_count,
                                                  .on_store = on_store,
                                                  .user = engine});
    return MW_OK;
}

void mw_engine_close_store(struct mw_engine *engine)
{
    mw_writer_free(engine->writer);
    engine->writer = NULL;
    mw_store_close(engine->store);
    engine->store = NULL;
}

mw_status mw_engine_read_files(struct mw_engine *engine, struct mw_error *err)
{
    const struct mw_history_settings *history = &engine->settings->history;
    for (uint32_t i = 0; i < history->file_count; i++) {
        const struct mw_candle_file *file = &history->files[i];
        struct mw_candle *rows = NULL;
        size_t count = 0;
        mw_status status = mw_csv_read_file(file->path, MW_CONTEXT_ROWS_MAX, &rows, &count, err);
        if (status == MW_OK) {
            status = mw_prices_add_context(engine->prices, &file->key, rows, (uint32_t)count,
                                           file->whole, err);
            if (status != MW_OK)
                mw_fail_within(err, status, "%s", file->path);
        }
        if (status != MW_OK)
            return mw_fail_within(err, status, "history.files[%u]", i + 1);
    }
    return MW_OK;
}

static const struct mw_feed_settings *settings_of(const struct mw_engine *engine, const char *feed)
{
    for (uint32_t i = 0; i < engine->settings->feed_count; i++)
        if (strcmp(engine->settings->feeds[i].name, feed) == 0)
            return &engine->settings->feeds[i];
    return NULL;
}

static void restore(struct mw_engine *engine, struct mw_series *series)
{
    struct mw_restored restored;
    struct mw_error err;
    uint64_t held;
    if (mw_restore(engine->cache, engine->store, series, &restored, &err) != MW_OK) {
        if (mw_log_gate_pass(&engine->restore_gate, mw_clock_monotonic_ms(), &held))
            mw_log(MW_LOG_WARN, "store: %s; the engine goes on without what it has", err.message);
        return;
    }
    atomic_fetch_add_explicit(&engine->restored_bars, restored.bars, memory_order_relaxed);
    if (restored.refused > 0 &&
        mw_log_gate_pass(&engine->restore_gate, mw_clock_monotonic_ms(), &held))
        mw_log(MW_LOG_WARN,
               "store: %" PRIu32 " bars of %s lie ahead of this machine's clock and are left out",
               restored.refused, mw_series_key(series)->symbol);
}

void mw_engine_keep_series(struct mw_engine *engine, struct mw_series *series)
{
    if (engine->writer == NULL || mw_derive_source(series) != NULL) /* whose source is kept */
        return;
    const struct mw_feed_settings *feed = settings_of(engine, mw_series_key(series)->feed);
    if (feed != NULL && mw_feed_settings_has_own_time(feed))
        atomic_store(&mw_series_note(series)->has_own_time, true);
    if (feed == NULL || !mw_feed_settings_stores(feed) || !mw_writer_add(engine->writer, series))
        return;
    /* Where time begins anew, what was stored lies in the future of what comes. And what is
     * recorded has to begin with nothing, as its replay does. */
    if (!mw_feed_settings_has_own_time(feed) && engine->settings->capture == NULL)
        restore(engine, series);
}

mw_status mw_engine_start_store(struct mw_engine *engine, struct mw_error *err)
{
    if (engine->writer == NULL)
        return MW_OK;
    uint64_t bars = atomic_exchange_explicit(&engine->restored_bars, 0, memory_order_relaxed);
    if (bars > 0)
        mw_log(MW_LOG_INFO, "store: %" PRIu64 " bars are there again", bars);
    return mw_writer_start(engine->writer, err);
}

void mw_engine_stop_store(struct mw_engine *engine)
{
    if (engine->writer != NULL)
        mw_writer_stop(engine->writer);
}

bool mw_engine_get_store_status(struct mw_engine *engine, struct mw_engine_store_status *status)
{
    if (engine->store == NULL)
        return false;
    status->path = mw_store_path(engine->store);
    status->bytes = mw_store_bytes(engine->store);
    mw_writer_get_status(engine->writer, &status->writer);
    return true;
}
