/* settings_history.c - the keys of `history`: the store, how long it keeps what, and files. */
#include "script/settings_history.h"

#include <stdio.h>
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

/* --- files ------------------------------------------------------------------------------------ */

static mw_status read_symbol(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    (void)key;
    struct mw_candle_file *file = target;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, 1, MW_SYMBOL_BYTES_MAX, &text, err);
    if (status == MW_OK)
        snprintf(file->key.symbol, sizeof(file->key.symbol), "%s", text);
    return status;
}

static mw_status read_feed(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    (void)key;
    struct mw_candle_file *file = target;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, 1, MW_FEED_NAME_BYTES_MAX, &text, err);
    if (status != MW_OK)
        return status;
    if (!mw_name_is_valid(text, MW_FEED_NAME_BYTES_MAX))
        return mw_reader_refuse(reader, err, "want letters, digits, '_', '-' and '.'");
    snprintf(file->key.feed, sizeof(file->key.feed), "%s", text);
    return MW_OK;
}

static mw_status read_frequency(struct mw_reader *reader, const struct mw_key *key, void *target,
                                struct mw_error *err)
{
    (void)key;
    struct mw_candle_file *file = target;
    if (lua_type(reader->L, -1) != LUA_TSTRING ||
        mw_timeframe_parse(lua_tostring(reader->L, -1), &file->key.timeframe, NULL) != MW_OK)
        return mw_reader_refuse(reader, err,
                                "want a timeframe, a whole count and one of s m h d w M");
    return MW_OK;
}

static const struct mw_key file_keys[] = {
    {"symbol", read_symbol, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"frequency", read_frequency, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"file", mw_setting_path, offsetof(struct mw_candle_file, path), 1, MW_PATH_BYTES_MAX, NULL,
     MW_SHOW_VALUE},
    {"feed", read_feed, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"whole", mw_setting_bool, offsetof(struct mw_candle_file, whole), 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static mw_status read_file(struct mw_reader *reader, void *user, struct mw_error *err)
{
    struct mw_history_settings *history = user;
    struct mw_candle_file *file = &history->files[history->file_count++];
    file->key.timeframe = (struct mw_timeframe){1, 'm'};
    mw_status status = mw_reader_keys(reader, file_keys, file, err);
    if (status == MW_OK && file->key.symbol[0] == '\0')
        status = mw_reader_fail(reader, err, "want a symbol");
    if (status == MW_OK && file->path == NULL)
        status = mw_reader_fail(reader, err, "want a file");
    return status;
}

static void free_files(struct mw_history_settings *history)
{
    for (uint32_t i = 0; i < history->file_count; i++)
        mw_free(history->files[i].path);
    mw_free(history->files);
    history->files = NULL;
    history->file_count = 0;
}

static mw_status read_files(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    struct mw_history_settings *history = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    free_files(history);
    history->files = mw_alloc_zero((count + 1) * sizeof(*history->files));
    return mw_reader_each(reader, count, read_file, history, err);
}

static const struct mw_key history_keys[] = {
    {"store", read_store, offsetof(struct mw_history_settings, store), 1, MW_PATH_BYTES_MAX, NULL,
     MW_SHOW_VALUE},
    {"retention", read_retention, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"files", read_files, 0, 0, MW_CONTEXTS_MAX, NULL, MW_SHOW_VALUE},
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
    free_files(history);
    mw_free(history->store);
    mw_free(history->retentions);
}
