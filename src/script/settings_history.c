/* settings_history.c - the keys of `history`: the store, and how long it keeps what. */
#include "script/settings_history.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

static const double keep_ms_max = 3650.0 * MW_MS_PER_DAY;

/* A path, or false for no store. */
static mw_status read_store(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    struct mw_history_settings *history = target;
    if (lua_isboolean(reader->L, -1) && !lua_toboolean(reader->L, -1)) {
        mw_free(history->store);
        history->store = NULL;
        return MW_OK;
    }
    if (lua_type(reader->L, -1) != LUA_TSTRING)
        return mw_reader_refuse(reader, err, "want the path of a file, or false");
    return mw_setting_path(reader, key, target, err);
}

/* The span on top, for the timeframe called `name`. */
static mw_status add_retention(struct mw_reader *reader, const char *name,
                               struct mw_history_settings *history, struct mw_error *err)
{
    static const struct mw_key span = {
        .offset = offsetof(struct mw_retention, keep_ms), .least = 1, .most = keep_ms_max};
    struct mw_retention *retention = &history->retentions[history->retention_count];
    if (mw_timeframe_parse(name, &retention->timeframe, NULL) != MW_OK)
        return mw_reader_fail(reader, err,
                              "want timeframes as keys, a whole count and one of s m h d w M");
    for (uint32_t i = 0; i < history->retention_count; i++)
        if (mw_timeframe_equal(history->retentions[i].timeframe, retention->timeframe))
            return mw_reader_fail(reader, err, "want no timeframe twice");
    mw_status status = mw_setting_ms(reader, &span, retention, err);
    history->retention_count += status == MW_OK;
    return status;
}

static mw_status read_retention(struct mw_reader *reader, const struct mw_key *key, void *target,
                                struct mw_error *err)
{
    (void)key;
    struct mw_history_settings *history = target;
    lua_State *L = reader->L;
    if (!lua_istable(L, -1))
        return mw_reader_refuse(reader, err, "want a table of timeframes and spans");
    mw_free(history->retentions);
    history->retentions = mw_alloc_zero(MW_RETENTIONS_MAX * sizeof(*history->retentions));
    history->retention_count = 0;
    mw_status status = MW_OK;
    lua_pushnil(L);
    while (status == MW_OK && lua_next(L, -2) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            status = mw_reader_fail(reader, err, "want timeframes as keys, like \"1m\"");
        } else if (history->retention_count == MW_RETENTIONS_MAX) {
            status = mw_reader_fail(reader, err, "want at most %d timeframes", MW_RETENTIONS_MAX);
        } else {
            const char *name = lua_tostring(L, -2);
            size_t mark = mw_reader_extend(reader, name);
            status = add_retention(reader, name, history, err);
            mw_reader_restore(reader, mark);
        }
        lua_pop(L, status == MW_OK ? 1 : 2);
    }
    return status;
}

static const struct mw_key history_keys[] = {
    {"store", read_store, offsetof(struct mw_history_settings, store), 1, MW_PATH_BYTES_MAX, NULL,
     MW_SHOW_VALUE},
    {"retention", read_retention, 0, 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

mw_status mw_setting_history(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    (void)key;
    struct mw_history_settings *history = &((struct mw_settings *)target)->history;
    return mw_reader_keys(reader, history_keys, history, err);
}

void mw_history_settings_deinit(struct mw_history_settings *history)
{
    mw_free(history->store);
    mw_free(history->retentions);
}
