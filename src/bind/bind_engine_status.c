/* bind_engine_status.c - counters and states as a table. */
#include "bind/bind_engine_status.h"

#include <string.h>

#include <lauxlib.h>

#include "bind/bind.h"
#include "bind/bind_bar.h"
#include "bind/bind_table.h"
#include "market/derive.h"

static void set_count(lua_State *L, const char *key, uint64_t count)
{
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, key);
}

/* Only kinds that occurred, so that an empty table means that all is well. */
static void set_rejects(lua_State *L, const uint64_t *rejects)
{
    lua_newtable(L);
    uint64_t total = 0;
    for (int i = 0; i < MW_REJECT_COUNT; i++) {
        total += rejects[i];
        if (rejects[i] > 0)
            set_count(L, mw_reject_text((mw_reject)i), rejects[i]);
    }
    lua_setfield(L, -2, "rejects");
    set_count(L, "rejected", total);
}

static void push_history(lua_State *L, const struct mw_backfill_status *status)
{
    lua_createtable(L, 0, 5);
    set_count(L, "requests", status->requests);
    set_count(L, "failures", status->failures);
    set_count(L, "bars", status->bars);
    set_count(L, "waiting", status->waiting);
    if (status->has_error) {
        mw_bind_push_error(L, &status->error);
        lua_setfield(L, -2, "error");
    }
}

/* The gaps of what is made of other bars are theirs. */
static uint64_t count_gaps(const struct mw_cache *cache, const char *feed)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        if (mw_derive_source(series) == NULL && strcmp(mw_series_key(series)->feed, feed) == 0)
            count += mw_series_gap_count(series);
    }
    return count;
}

static void push_feed(lua_State *L, struct mw_engine *engine, struct mw_feed *feed)
{
    struct mw_connection_status status;
    mw_feed_get_status(feed, &status);
    lua_createtable(L, 0, 19);
    mw_table_set_text(L, "state", mw_connection_state_text(status.state));
    mw_table_set_text(L, "endpoint", status.endpoint);
    set_count(L, "connections", mw_feed_connection_count(feed));
    set_count(L, "subscriptions", status.subscription_count);
    set_count(L, "frames", status.frames);
    set_count(L, "bytes", status.bytes);
    set_count(L, "candles", status.candles);
    set_count(L, "late", status.late);
    set_count(L, "revised", status.revised);
    set_count(L, "other", status.other);
    set_count(L, "unsubscribed", status.unsubscribed);
    set_count(L, "reconnects", status.reconnects);
    set_count(L, "resubscribes", status.resubscribes);
    set_count(L, "gaps", count_gaps(mw_engine_cache(engine), mw_feed_name(feed)));
    set_rejects(L, status.rejects);
    struct mw_backfill_status history;
    if (mw_engine_get_history_status(engine, mw_feed_name(feed), &history)) {
        push_history(L, &history);
        lua_setfield(L, -2, "history");
    }
    if (status.has_error) {
        mw_bind_push_error(L, &status.error);
        lua_setfield(L, -2, "error");
    }
}

static void set_key(lua_State *L, const struct mw_series_key *key)
{
    char frequency[MW_TIMEFRAME_BYTES_MAX];
    mw_table_set_text(L, "feed", key->feed);
    mw_table_set_text(L, "symbol", key->symbol);
    mw_table_set_text(L, "frequency", mw_timeframe_format(key->timeframe, frequency));
}

static void push_series(lua_State *L, const struct mw_series *series)
{
    const struct mw_series_key *key = mw_series_key(series);
    struct mw_candle newest;
    lua_createtable(L, 0, 7);
    set_key(L, key);
    const struct mw_series *source = mw_derive_source(series);
    char from[MW_TIMEFRAME_BYTES_MAX];
    if (source != NULL)
        mw_table_set_text(L, "from", mw_timeframe_format(mw_series_key(source)->timeframe, from));
    set_count(L, "bars", mw_series_count(series));
    set_count(L, "bytes", mw_series_bytes(series));
    if (mw_series_read_last(series, INT64_MAX, 1, true, &newest) == 1) {
        mw_bar_push(L, &newest, key);
        lua_setfield(L, -2, "last");
    }
}

static void push_account(lua_State *L, const struct mw_account_status *status)
{
    lua_createtable(L, 0, 9);
    mw_table_set_number(L, "cash", status->cash);
    mw_table_set_number(L, "equity", status->equity);
    mw_table_set_number(L, "fees", status->totals.fees);
    set_count(L, "positions", status->positions);
    set_count(L, "orders", status->orders);
    set_count(L, "fills", status->totals.fills);
    set_count(L, "trades", status->totals.trades);
    set_count(L, "cancelled", status->totals.cancelled);
    set_count(L, "rejected", status->totals.rejected);
}

static void push_strategy(lua_State *L, struct mw_engine *engine, uint32_t index)
{
    struct mw_strategy_status status;
    struct mw_error err;
    bool running = mw_engine_get_strategy_status(engine, index, &status, &err);
    lua_createtable(L, 0, 9);
    lua_pushboolean(L, running);
    lua_setfield(L, -2, "running");
    if (!running) {
        mw_bind_push_error(L, &err);
        lua_setfield(L, -2, "error");
    }
    set_count(L, "bars", status.bars);
    set_count(L, "ticks", status.ticks);
    set_count(L, "signals", status.signals);
    set_count(L, "errors", status.errors);
    set_count(L, "lost", status.lost);
    set_count(L, "memory_bytes", status.memory_bytes);
    if (status.loaded) {
        push_account(L, &status.account);
        lua_setfield(L, -2, "account");
    }
    lua_pushstring(L, status.name);
    lua_insert(L, -2);
}

static void push_store(lua_State *L, const struct mw_engine_store_status *status)
{
    const struct mw_writer_status *writer = &status->writer;
    lua_createtable(L, 0, 9);
    mw_table_set_text(L, "path", status->path);
    set_count(L, "bytes", status->bytes);
    set_count(L, "rows", writer->rows);
    set_count(L, "writes", writer->writes);
    set_count(L, "failures", writer->failures);
    set_count(L, "lost", writer->lost);
    set_count(L, "erased", writer->erased);
    set_count(L, "waiting", writer->waiting);
    if (writer->has_error) {
        mw_bind_push_error(L, &writer->error);
        lua_setfield(L, -2, "error");
    }
}

void mw_bind_push_status(lua_State *L, struct mw_engine *engine)
{
    const struct mw_cache *cache = mw_engine_cache(engine);
    lua_createtable(L, 0, 7);
    lua_pushboolean(L, mw_engine_is_running(engine));
    lua_setfield(L, -2, "running");

    struct mw_engine_store_status store;
    if (mw_engine_get_store_status(engine, &store)) {
        push_store(L, &store);
        lua_setfield(L, -2, "store");
    }

    struct mw_engine_signal_status signals;
    mw_engine_get_signal_status(engine, &signals);
    set_count(L, "events_dropped", signals.events_dropped);
    if (mw_settings_has_on_signal(mw_engine_settings(engine))) {
        lua_createtable(L, 0, 3);
        set_count(L, "calls", signals.calls);
        set_count(L, "errors", signals.errors);
        set_count(L, "dropped", signals.dropped);
        lua_setfield(L, -2, "on_signal");
    }

    lua_newtable(L);
    for (uint32_t i = 0; i < mw_engine_feed_count(engine); i++) {
        struct mw_feed *feed = mw_engine_feed(engine, i);
        push_feed(L, engine, feed);
        lua_setfield(L, -2, mw_feed_name(feed));
    }
    lua_setfield(L, -2, "feeds");

    lua_newtable(L);
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        push_series(L, mw_cache_series_get(cache, i));
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "series");

    lua_newtable(L);
    for (uint32_t i = 0; i < mw_engine_strategy_count(engine); i++) {
        push_strategy(L, engine, i); /* name, table */
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "strategies");
}

/* Appends the gaps of one series to the list at the top. */
static void add_gaps(lua_State *L, struct mw_series *series)
{
    uint32_t count = mw_series_gap_count(series), room;
    struct mw_gap *gaps;
    do { /* more may come meanwhile */
        room = count;
        gaps = lua_newuserdatauv(L, (room + 1) * sizeof(*gaps), 0);
        lua_replace(L, -3); /* buffer, list */
        count = mw_series_copy_gaps(series, gaps, room);
    } while (count > room);
    const struct mw_series_key *key = mw_series_key(series);
    for (uint32_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 7);
        set_key(L, key);
        lua_pushinteger(L, gaps[i].from_ms);
        lua_setfield(L, -2, "from");
        lua_pushinteger(L, gaps[i].to_ms);
        lua_setfield(L, -2, "to");
        set_count(L, "buckets",
                  mw_timeframe_buckets(key->timeframe, gaps[i].from_ms, gaps[i].to_ms));
        lua_pushboolean(L, gaps[i].given_up);
        lua_setfield(L, -2, "given_up");
        lua_seti(L, -2, luaL_len(L, -2) + 1);
    }
}

void mw_bind_push_gaps(lua_State *L, struct mw_engine *engine)
{
    const struct mw_cache *cache = mw_engine_cache(engine);
    lua_pushnil(L); /* for a buffer */
    lua_newtable(L);
    for (uint32_t i = 0; i < mw_cache_series_count(cache); i++) {
        struct mw_series *series = mw_cache_series_get(cache, i);
        if (mw_series_gap_count(series) > 0 && mw_derive_source(series) == NULL)
            add_gaps(L, series);
    }
    lua_remove(L, -2);
}
