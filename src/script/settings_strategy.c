/* settings_strategy.c - the list of strategies, their names and their parameters. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/map.h"
#include "script/settings_account.h"
#include "script/settings_feed.h"
#include "script/vm.h"

enum { NUMBER_BYTES = 8 }; /* "-1024" and its NUL */

static mw_status read_name(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    mw_status status = mw_setting_text(reader, key, target, err);
    if (status != MW_OK)
        return status;
    const struct mw_strategy_settings *strategy = target;
    if (!mw_name_is_valid(strategy->name, MW_STRATEGY_NAME_BYTES_MAX))
        return mw_reader_refuse(reader, err, "want letters, digits, '_', '-' and '.'");
    return MW_OK;
}

/* Keeps a copy, so that what the script does to its table later has no effect. */
static mw_status read_params(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    (void)key;
    struct mw_strategy_settings *strategy = target;
    lua_State *home = reader->home;
    if (!lua_istable(reader->L, -1))
        return mw_reader_refuse(reader, err, "want a table");
    struct mw_error inner;
    if (mw_vm_copy_value(reader->L, -1, home, &inner) != MW_OK)
        return mw_reader_fail(reader, err, "%s", inner.message);
    return mw_reader_keep(reader, &strategy->params, err);
}

#define STRATEGY(field) offsetof(struct mw_strategy_settings, field)

static const struct mw_key strategy_keys[] = {
    {"file", mw_setting_path, STRATEGY(file), 0, 0, NULL, MW_SHOW_VALUE},
    {"name", read_name, STRATEGY(name), 1, MW_STRATEGY_NAME_BYTES_MAX, NULL, MW_SHOW_VALUE},
    {"params", read_params, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"account", mw_setting_account, STRATEGY(account), 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

/* The list that is being read. */
struct list {
    struct mw_settings *settings;
    struct mw_map names; /* those that were given, to their strategy */
};

/* Reads the strategy on top: a file, or a table. */
static mw_status read_strategy(struct mw_reader *reader, void *user, struct mw_error *err)
{
    struct list *list = user;
    struct mw_settings *settings = list->settings;
    struct mw_map *names = &list->names;
    struct mw_strategy_settings *strategy = &settings->strategies[settings->strategy_count++];
    strategy->params = LUA_NOREF;
    strategy->account = settings->account;
    if (lua_type(reader->L, -1) == LUA_TSTRING)
        return mw_setting_path(reader, &strategy_keys[0], strategy, err);
    if (!lua_istable(reader->L, -1))
        return mw_reader_refuse(reader, err, "want a file or { file = ... }");
    mw_status status = mw_reader_keys(reader, strategy_keys, strategy, err);
    if (status != MW_OK)
        return status;
    if (strategy->file == NULL)
        return mw_reader_fail(reader, err, "want a file");
    if (strategy->name == NULL)
        return MW_OK;
    const struct mw_strategy_settings *before =
        mw_map_find(names, strategy->name, strlen(strategy->name));
    if (before != NULL)
        return mw_reader_fail(reader, err, "want another name, strategies[%d] is \"%s\" already",
                              (int)(before - settings->strategies) + 1, strategy->name);
    mw_map_set(names, strategy->name, strlen(strategy->name), strategy);
    return MW_OK;
}

/* The file's stem, with "-2", "-3" and so on where that is taken. */
static void default_name(struct mw_strategy_settings *strategy, struct mw_map *names)
{
    char *stem = mw_path_stem(strategy->file);
    if (strlen(stem) > MW_STRATEGY_NAME_BYTES_MAX - NUMBER_BYTES)
        stem[MW_STRATEGY_NAME_BYTES_MAX - NUMBER_BYTES] = '\0';
    size_t size = strlen(stem) + NUMBER_BYTES;
    char *name = mw_alloc(size);
    snprintf(name, size, "%s", stem);
    for (unsigned number = 2; mw_map_find(names, name, strlen(name)) != NULL; number++)
        snprintf(name, size, "%s-%u", stem, number);
    mw_map_set(names, name, strlen(name), strategy);
    strategy->name = name;
    mw_free(stem);
}

mw_status mw_setting_strategies(struct mw_reader *reader, const struct mw_key *key, void *target,
                                struct mw_error *err)
{
    struct mw_settings *settings = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    struct list list = {.settings = settings};
    settings->strategies = mw_alloc_zero(count * sizeof(*settings->strategies));
    status = mw_reader_each(reader, count, read_strategy, &list, err);
    /* Names that were given come first; the others keep clear of them. */
    for (uint32_t i = 0; status == MW_OK && i < count; i++)
        if (settings->strategies[i].name == NULL)
            default_name(&settings->strategies[i], &list.names);
    mw_map_deinit(&list.names);
    return status;
}

void mw_strategy_settings_deinit(struct mw_strategy_settings *strategy)
{
    mw_free(strategy->name);
    mw_free(strategy->file);
}
