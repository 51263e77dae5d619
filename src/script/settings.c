/* settings.c - defaults, the keys at the top, running config.lua and freeing. */
#include "script/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "script/call.h"
#include "script/settings_account.h"
#include "script/settings_check.h"
#include "script/settings_feed.h"
#include "script/settings_history.h"
#include "script/vm.h"

/* env(name[, default]) -> text */
static int config_env(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const char *text = getenv(name);
    if (text != NULL)
        lua_pushstring(L, text);
    else if (lua_gettop(L) >= 2)
        lua_settop(L, 2);
    else
        return luaL_error(L, "env \"%s\": not set", name);
    return 1;
}

static void open_config(lua_State *L, void *user)
{
    (void)user;
    lua_register(L, "env", config_env);
}

/* How many attempts, or math.huge. */
static mw_status read_attempts(struct mw_reader *reader, const struct mw_key *key, void *target,
                               struct mw_error *err)
{
    struct mw_backoff_options *reconnect = target;
    bool number = lua_type(reader->L, -1) == LUA_TNUMBER;
    double value = number ? lua_tonumber(reader->L, -1) : 0;
    if (value == HUGE_VAL)
        reconnect->attempts = MW_ATTEMPTS_FOREVER;
    else if (value >= key->least && value <= key->most && floor(value) == value)
        reconnect->attempts = (uint32_t)value;
    else
        return mw_reader_refuse(reader, err, "want a whole number from %.0f to %.0f, or math.huge",
                                key->least, key->most);
    return MW_OK;
}

static mw_status read_level(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    (void)key;
    struct mw_settings *settings = target;
    if (lua_type(reader->L, -1) != LUA_TSTRING ||
        mw_log_level_parse(lua_tostring(reader->L, -1), &settings->log_level, NULL) != MW_OK)
        return mw_reader_refuse(reader, err,
                                "want \"debug\", \"info\", \"warn\", \"error\" or \"off\"");
    return MW_OK;
}

#define RECONNECT(field) offsetof(struct mw_backoff_options, field)
#define SETTINGS(field)  offsetof(struct mw_settings, field)

static const struct mw_key reconnect_keys[] = {
    {"attempts", read_attempts, 0, 1, MW_ATTEMPTS_FOREVER - 1.0, NULL, MW_SHOW_VALUE},
    {"base", mw_setting_seconds, RECONNECT(base_s), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"cap", mw_setting_seconds, RECONNECT(cap_s), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"jitter", mw_setting_double, RECONNECT(jitter), 0, 1, NULL, MW_SHOW_VALUE},
    {"settle", mw_setting_seconds, RECONNECT(settle_s), 0, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static mw_status read_reconnect(struct mw_reader *reader, const struct mw_key *key, void *target,
                                struct mw_error *err)
{
    struct mw_backoff_options *reconnect = &((struct mw_settings *)target)->reconnect;
    mw_status status = mw_reader_keys(reader, key->keys, reconnect, err);
    if (status == MW_OK && reconnect->cap_s < reconnect->base_s)
        return mw_reader_fail(reader, err, "want cap of at least base, got %g and %g seconds",
                              reconnect->cap_s, reconnect->base_s);
    return status;
}

static const struct mw_key cache_keys[] = {
    {"bars", mw_setting_uint32, SETTINGS(cache_bars), 1, MW_SERIES_CANDLES_MAX, NULL,
     MW_SHOW_VALUE},
    MW_KEYS_END,
};

static const struct mw_key log_keys[] = {
    {"level", read_level, 0, 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static const struct mw_key settings_keys[] = {
    {"account", mw_setting_account, SETTINGS(account), 0, 0, NULL, MW_SHOW_VALUE}, /* strategies' */
    {"feeds", mw_setting_feeds, 0, 0, MW_FEEDS_MAX, NULL, MW_SHOW_VALUE},
    {"reconnect", read_reconnect, 0, 0, 0, reconnect_keys, MW_SHOW_VALUE},
    {"cache", mw_setting_table, 0, 0, 0, cache_keys, MW_SHOW_VALUE},
    {"history", mw_setting_history, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"strategies", mw_setting_strategies, 0, 0, MW_STRATEGIES_MAX, NULL, MW_SHOW_VALUE},
    {"workers", mw_setting_uint32, SETTINGS(worker_count), 0, MW_WORKERS_MAX, NULL, MW_SHOW_VALUE},
    {"log", mw_setting_table, 0, 0, 0, log_keys, MW_SHOW_VALUE},
    {"on_signal", mw_setting_function, SETTINGS(on_signal), 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

/* The folder of `path`. Returns owned. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return mw_strdup(".");
    return mw_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static mw_status settings_new(const char *path, struct mw_settings **out, struct mw_error *err)
{
    struct mw_settings *settings = mw_alloc_zero(sizeof(*settings));
    *settings = (struct mw_settings){
        .path = mw_strdup(path),
        .folder = folder_of(path),
        .reconnect = {.attempts = 3,
                      .base_s = 1,
                      .cap_s = 60,
                      .jitter = 0.2,
                      .settle_s = (double)MW_SETTLE_MS_DEFAULT / MW_MS_PER_SECOND},
        .account = mw_account_defaults(),
        .cache_bars = MW_SERIES_CANDLES_DEFAULT,
        .log_level = MW_LOG_INFO,
        .on_signal = LUA_NOREF,
    };
    settings->account.history = MW_ACCOUNT_HISTORY_DEFAULT;
    struct mw_vm_options options = {
        .bytes_max = MW_LUA_BYTES_DEFAULT, .folder = settings->folder, .open = open_config};
    mw_status status = mw_vm_new(&options, &settings->vm, err);
    if (status != MW_OK) {
        mw_settings_free(settings);
        return status;
    }
    settings->L = mw_vm_state(settings->vm);
    *out = settings;
    return MW_OK;
}

void mw_settings_free(struct mw_settings *settings)
{
    if (settings == NULL)
        return;
    for (uint32_t i = 0; i < settings->feed_count; i++)
        mw_feed_settings_deinit(&settings->feeds[i]);
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        mw_strategy_settings_deinit(&settings->strategies[i]);
    mw_history_settings_deinit(&settings->history);
    mw_free(settings->feeds);
    mw_free(settings->strategies);
    mw_free(settings->path);
    mw_free(settings->folder);
    mw_vm_free(settings->vm);
    mw_free(settings);
}

/* Reads the value at `index` of `L`, then the environment. Stack: [-0, +0] */
static mw_status read_value(struct mw_settings *settings, lua_State *L, int index,
                            struct mw_error *err)
{
    if (!lua_checkstack(L, MW_READER_SLOTS))
        return mw_fail(err, MW_ECONFIG, "%s: not enough memory", settings->path);
    char place[MW_ERROR_MESSAGE_BYTES];
    snprintf(place, sizeof(place), "%.256s: ", settings->path);
    struct mw_reader reader;
    mw_reader_init(&reader, L, settings->L, settings->folder, place);
    lua_pushvalue(L, index);
    mw_status status = mw_reader_keys(&reader, settings_keys, settings, err);
    lua_pop(L, 1);
    return status == MW_OK ? mw_settings_read_environment(settings, err) : status;
}

/* Lua shows the token that it stopped at. One that is text may be half of a secret. */
static void hide_token(struct mw_error *err)
{
    static const char near[] = " near '";
    char *at = err != NULL ? strstr(err->message, near) : NULL;
    if (at != NULL && strchr("\"'[", at[strlen(near)]) != NULL)
        snprintf(at, sizeof(err->message) - (size_t)(at - err->message), " near a text");
}

/* Runs the file and reads what it returns. */
static mw_status run_file(struct mw_settings *settings, struct mw_error *err)
{
    lua_State *L = settings->L;
    mw_status status = mw_vm_load_file(L, settings->path, MW_ECONFIG, err);
    if (status != MW_OK) {
        hide_token(err);
        return status;
    }
    mw_vm_limit_time(settings->vm, MW_LOAD_MS_MAX);
    status = mw_call(L, 0, 1, MW_ECONFIG, err);
    mw_vm_limit_time(settings->vm, 0);
    if (status != MW_OK)
        return status;
    if (lua_istable(L, -1))
        status = read_value(settings, L, -1, err);
    else
        status = mw_fail(err, MW_ECONFIG, "%s: want a table returned, got %s", settings->path,
                         luaL_typename(L, -1));
    lua_pop(L, 1);
    return status;
}

/* Hands out what was made, or frees it. What a vm or a large file fails with is the configuration's
 * fault to those outside. */
static mw_status finish(struct mw_settings *settings, mw_status status, struct mw_settings **out,
                        struct mw_error *err)
{
    if (status == MW_OK) {
        *out = settings;
        return MW_OK;
    }
    mw_settings_free(settings);
    status = status == MW_EIO ? MW_EIO : MW_ECONFIG;
    if (err != NULL)
        err->status = status;
    return status;
}

mw_status mw_settings_load_file(const char *path, struct mw_settings **out, struct mw_error *err)
{
    struct mw_settings *settings = NULL;
    mw_status status = settings_new(path, &settings, err);
    if (status == MW_OK)
        status = run_file(settings, err);
    return finish(settings, status, out, err);
}

mw_status mw_settings_load_table(lua_State *L, int index, struct mw_settings **out,
                                 struct mw_error *err)
{
    struct mw_settings *settings = NULL;
    mw_status status = settings_new("config", &settings, err);
    if (status == MW_OK)
        status = read_value(settings, L, index, err);
    return finish(settings, status, out, err);
}

bool mw_settings_has_on_signal(const struct mw_settings *settings)
{
    return settings->on_signal != LUA_NOREF;
}

/* One call of on_signal. */
struct signal_call {
    int function;
    void (*push)(lua_State *L, const void *user);
    const void *user;
};

static int call_protected(lua_State *L, void *user)
{
    const struct signal_call *call = user;
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->function);
    call->push(L, call->user);
    lua_call(L, 1, 0);
    return 0;
}

mw_status mw_settings_call_on_signal(struct mw_settings *settings,
                                     void (*push)(lua_State *L, const void *user), const void *user,
                                     int64_t limit_ms, struct mw_error *err)
{
    if (!mw_settings_has_on_signal(settings))
        return MW_OK;
    struct signal_call call = {.function = settings->on_signal, .push = push, .user = user};
    mw_vm_limit_time(settings->vm, limit_ms);
    mw_status status = mw_call_protected(settings->L, call_protected, &call, MW_ECONFIG, err);
    mw_vm_limit_time(settings->vm, 0);
    return status;
}
