/* backtest_data.c - the data of a back-test: from files, from stores, by what a strategy wants. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "bind/bind_moonwick.h"
#include "cli/backtest.h"
#include "cli/series_choice.h"
#include "cli/signals.h"
#include "script/vm.h"

enum {
    STEM_BYTES = MW_SYMBOL_BYTES_MAX, /* of a file that gives its name to a series */
    LOOKS_MAX = 256,                  /* loads of the script to hear what it wants */
};

/* What a strategy wants to see, over all parameters; `all`: every series. */
struct wants {
    struct mw_interest *items; /* owns; no duplicates */
    uint32_t count;
    bool all;
};

/* Data while it is read. */
struct reading {
    const struct mw_backtest_command *command;
    struct mw_dataset *data;
    struct wants wants;
    bool known; /* the strategy was asked */
};

/* --- what the strategy wants ------------------------------------------------------------------ */

static void add_want(struct wants *wants, const struct mw_interest *interest)
{
    for (uint32_t i = 0; i < wants->count; i++)
        if (strcmp(wants->items[i].feed, interest->feed) == 0 &&
            strcmp(wants->items[i].symbol, interest->symbol) == 0 &&
            mw_timeframe_equal(wants->items[i].timeframe, interest->timeframe))
            return;
    wants->items = mw_realloc_array(wants->items, wants->count + 1, sizeof(*wants->items));
    wants->items[wants->count++] = *interest;
}

/* Loads the script with the parameters at the top of L, which are taken off, and notes what it
 * subscribes to. */
static mw_status look(struct reading *reading, lua_State *L, struct mw_error *err)
{
    const struct mw_backtest_options options = {
        .name = MW_BACKTEST_NAME,
        .file = reading->command->strategy,
        .params_from = L,
        .params_ref = luaL_ref(L, LUA_REGISTRYINDEX),
        .params_are_texts = true,
        .seed = reading->command->seed,
        .bindings = &mw_lua_bindings,
    };
    struct mw_interest *interests;
    uint32_t count;
    mw_status status = mw_backtest_ask(&options, &interests, &count, err);
    luaL_unref(L, LUA_REGISTRYINDEX, options.params_ref);
    if (status != MW_OK)
        return status;
    reading->wants.all = reading->wants.all || count == 0;
    for (uint32_t i = 0; i < count; i++)
        add_want(&reading->wants, &interests[i]);
    mw_free(interests);
    return MW_OK;
}

void mw_backtest_command_push_params(const struct mw_backtest_command *command, lua_State *L,
                                     uint32_t varied, uint32_t index)
{
    lua_createtable(L, 0, (int)command->axis_count);
    for (uint32_t i = 0; i < command->axis_count; i++) {
        lua_pushstring(L, command->axes[i].values[i == varied ? index : 0]);
        lua_setfield(L, -2, command->axes[i].name);
    }
}

/* Numbers do not change what a strategy subscribes to; names may. */
static bool is_of_names(const struct mw_grid_axis *axis)
{
    return axis->count > 1 && strspn(axis->values[1], "-.0123456789") != strlen(axis->values[1]);
}

static mw_status ask_strategy(struct reading *reading, struct mw_error *err)
{
    const struct mw_backtest_command *command = reading->command;
    const struct mw_vm_options options = {.bytes_max = MW_LUA_BYTES_DEFAULT};
    struct mw_vm *vm;
    if (reading->known)
        return MW_OK;
    mw_status status = mw_vm_new(&options, &vm, err);
    if (status != MW_OK)
        return status;
    lua_State *L = mw_vm_state(vm);
    mw_backtest_command_push_params(command, L, 0, 0);
    status = look(reading, L, err);
    int looks = 1;
    for (uint32_t i = 0; i < command->axis_count && status == MW_OK; i++)
        for (uint32_t j = 1; is_of_names(&command->axes[i]) && j < command->axes[i].count &&
                             looks < LOOKS_MAX && status == MW_OK;
             j++, looks++) {
            mw_backtest_command_push_params(command, L, i, j);
            status = look(reading, L, err);
        }
    mw_vm_free(vm);
    reading->known = status == MW_OK;
    return status;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Copies a name of `length` bytes. False for one that is none. */
static bool copy_name(const char *from, size_t length, size_t bytes_max, char *name)
{
    if (length == 0 || length > bytes_max)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)from[i] <= ' ' || from[i] == '\x7f')
            return false;
    memcpy(name, from, length);
    name[length] = '\0';
    return true;
}

/* Reads "SYMBOL", "SYMBOL:TIMEFRAME" or "FEED:SYMBOL:TIMEFRAME" of `length` bytes. */
static mw_status read_key(const char *text, size_t length, struct mw_series_key *key,
                          struct mw_error *err)
{
    const char *parts[3] = {text};
    size_t count = 1, lengths[3];
    for (size_t i = 0; i < length && count <= 3; i++)
        if (text[i] == ':') {
            if (count < 3)
                parts[count] = text + i + 1;
            count++;
        }
    for (size_t i = 0; i < count && count <= 3; i++)
        lengths[i] = (size_t)((i + 1 < count ? parts[i + 1] - 1 : text + length) - parts[i]);
    bool good = count <= 3;
    size_t symbol = count == 3;
    if (good && count == 3)
        good = copy_name(parts[0], lengths[0], MW_FEED_NAME_BYTES_MAX, key->feed);
    if (good)
        good = copy_name(parts[symbol], lengths[symbol], MW_SYMBOL_BYTES_MAX, key->symbol);
    if (!good)
        return mw_fail(err, MW_ECONFIG,
                       "--data: '%.*s': want SYMBOL, SYMBOL:TIMEFRAME or FEED:SYMBOL:TIMEFRAME "
                       "before the '='",
                       (int)(length < 120 ? length : 120), text);
    if (count == 1)
        return MW_OK;
    char timeframe[MW_TIMEFRAME_BYTES_MAX + 1];
    if (!copy_name(parts[count - 1], lengths[count - 1], MW_TIMEFRAME_BYTES_MAX, timeframe))
        timeframe[0] = '\0';
    if (mw_timeframe_parse(timeframe, &key->timeframe, err) != MW_OK)
        return mw_fail(err, MW_ECONFIG,
                       "--data: timeframe '%s': want a count and one of s m h d w M", timeframe);
    return MW_OK;
}

/* The symbol of a file that none was told for: the only one that the strategy wants; or else the
 * file's name, for a strategy that takes every series. */
static mw_status choose_symbol(struct reading *reading, const char *path, struct mw_series_key *key,
                               struct mw_error *err)
{
    mw_status status = ask_strategy(reading, err);
    if (status != MW_OK)
        return status;
    const struct wants *wants = &reading->wants;
    for (uint32_t i = 1; i < wants->count; i++)
        if (strcmp(wants->items[i].symbol, wants->items[0].symbol) != 0)
            return mw_fail(err, MW_ECONFIG,
                           "--data: whose is %s? the strategy wants %s and %s: want "
                           "SYMBOL:TIMEFRAME=%s",
                           path, wants->items[0].symbol, wants->items[i].symbol, path);
    if (wants->count > 0) {
        memcpy(key->symbol, wants->items[0].symbol, sizeof(key->symbol));
        return MW_OK;
    }
    const char *slash = strrchr(path, '/'), *stem = slash != NULL ? slash + 1 : path;
    size_t length = strcspn(stem, ".");
    if (!copy_name(stem, length < STEM_BYTES ? length : STEM_BYTES, STEM_BYTES, key->symbol))
        return mw_fail(err, MW_ECONFIG, "--data: %s: want SYMBOL=%s", path, path);
    return MW_OK;
}

static mw_status add_csv(struct reading *reading, const char *path, struct mw_series_key *key,
                         struct mw_error *err)
{
    const struct mw_backtest_command *command = reading->command;
    const struct mw_csv_options csv = {.time = MW_CSV_TIME_AUTO};
    mw_status status = MW_OK;
    if (key->symbol[0] == '\0' && command->symbols.count == 1) {
        if (!copy_name(command->symbols.items[0], strlen(command->symbols.items[0]),
                       MW_SYMBOL_BYTES_MAX, key->symbol))
            return mw_fail(err, MW_ECONFIG, "--symbol: '%.70s' is no name",
                           command->symbols.items[0]);
    } else if (key->symbol[0] == '\0') {
        status = choose_symbol(reading, path, key, err);
    }
    if (status == MW_OK && key->timeframe.count == 0 && command->timeframes.count == 1)
        status = mw_timeframe_parse(command->timeframes.items[0], &key->timeframe, err);
    if (status == MW_OK)
        status = mw_dataset_add_csv(reading->data, path, &csv, key, command->holes, err);
    return status;
}

/* --- stores ----------------------------------------------------------------------------------- */

static mw_status add_choice(struct reading *reading, const char *path,
                            const struct mw_series_key *key, struct mw_error *err)
{
    const struct mw_dataset_choice choice = {
        .key = *key, .from_ms = INT64_MIN, .to_ms = reading->command->to_ms};
    return mw_dataset_add_store(reading->data, path, &choice, err);
}

/* Whether a store has a series that fits: of a feed, unless it is empty. */
static bool has_series(const struct mw_series_list *list, const struct mw_interest *want)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct mw_series_key *key = &list->items[i].key;
        if (strcmp(key->symbol, want->symbol) == 0 &&
            mw_timeframe_equal(key->timeframe, want->timeframe) &&
            (want->feed[0] == '\0' || strcmp(key->feed, want->feed) == 0))
            return true;
    }
    return false;
}

static bool is_of_same_symbol(const struct mw_interest *a, const struct mw_interest *b)
{
    return strcmp(a->symbol, b->symbol) == 0 && strcmp(a->feed, b->feed) == 0;
}

/* What the strategy wants of the symbol of want `index`, unless an earlier want has seen to it: the
 * timeframes that it names; or where the store lacks one all that it has, for bars are made of
 * finer ones. */
static mw_status add_wanted_symbol(struct reading *reading, const char *path, uint32_t index,
                                   const struct mw_series_list *list, struct mw_error *err)
{
    const struct wants *wants = &reading->wants;
    const struct mw_interest *want = &wants->items[index];
    bool has_all = true;
    for (uint32_t i = 0; i < index; i++)
        if (is_of_same_symbol(&wants->items[i], want))
            return MW_OK;
    for (uint32_t i = index; i < wants->count; i++)
        if (is_of_same_symbol(&wants->items[i], want) && !has_series(list, &wants->items[i]))
            has_all = false;
    mw_status status = MW_OK;
    for (uint32_t i = index; i < wants->count && status == MW_OK; i++) {
        struct mw_series_key key = {.feed = ""};
        if (!is_of_same_symbol(&wants->items[i], want))
            continue;
        memcpy(key.feed, want->feed, sizeof(key.feed));
        memcpy(key.symbol, want->symbol, sizeof(key.symbol));
        if (has_all)
            key.timeframe = wants->items[i].timeframe;
        status = add_choice(reading, path, &key, err);
        if (!has_all)
            break;
    }
    return status;
}

static mw_status add_wanted(struct reading *reading, const char *path, struct mw_error *err)
{
    mw_status status = ask_strategy(reading, err);
    if (status != MW_OK)
        return status;
    if (reading->wants.all)
        return add_choice(reading, path, &(struct mw_series_key){.feed = ""}, err);
    const struct mw_store_options options = {.path = path, .read_only = true, .must_exist = true};
    struct mw_store *store;
    struct mw_series_list list = {0};
    status = mw_store_open(&options, &store, err);
    if (status != MW_OK)
        return status;
    status = mw_series_list_read(store, &list, err);
    mw_store_close(store);
    for (uint32_t i = 0; i < reading->wants.count && status == MW_OK; i++)
        status = add_wanted_symbol(reading, path, i, &list, err);
    mw_series_list_deinit(&list);
    return status;
}

/* What --symbol and --timeframe say: each of the ones with each of the others. */
static mw_status add_asked(struct reading *reading, const char *path, struct mw_error *err)
{
    const struct mw_backtest_command *command = reading->command;
    uint32_t symbols = command->symbols.count, timeframes = command->timeframes.count;
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < symbols || i == 0; i++)
        for (uint32_t j = 0; (j < timeframes || j == 0) && status == MW_OK; j++) {
            struct mw_series_key key = {.feed = ""};
            const char *name = symbols > 0 ? command->symbols.items[i] : "";
            const char *symbol = mw_cache_split_name(name, key.feed);
            symbol = symbol != NULL ? symbol : name;
            if (symbols > 0 && !copy_name(symbol, strlen(symbol), MW_SYMBOL_BYTES_MAX, key.symbol))
                return mw_fail(err, MW_ECONFIG, "--symbol: '%.70s' is no name", name);
            if (timeframes > 0)
                status = mw_timeframe_parse(command->timeframes.items[j], &key.timeframe, err);
            if (status == MW_OK)
                status = add_choice(reading, path, &key, err);
        }
    return status;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* "[KEY=]FILE"; what names a file that is there is a file, '=' and all. */
static mw_status add_data(struct reading *reading, const char *text, struct mw_error *err)
{
    struct mw_series_key key = {.feed = ""};
    const char *equals = strchr(text, '='), *path = text;
    if (equals != NULL && access(text, F_OK) != 0 &&
        memchr(text, '/', (size_t)(equals - text)) == NULL) {
        path = equals + 1;
        mw_status status = read_key(text, (size_t)(equals - text), &key, err);
        if (status != MW_OK)
            return status;
    }
    if (!mw_path_is_store(path))
        return add_csv(reading, path, &key, err);
    const struct mw_backtest_command *command = reading->command;
    if (path != text)
        return add_choice(reading, path, &key, err);
    if (command->symbols.count > 0 || command->timeframes.count > 0)
        return add_asked(reading, path, err);
    return add_wanted(reading, path, err);
}

mw_status mw_backtest_command_read_data(const struct mw_backtest_command *command,
                                        struct mw_dataset **data, struct mw_error *err)
{
    struct reading reading = {.command = command, .data = mw_dataset_new()};
    mw_status status = MW_OK;
    if (command->data.count == 0 && access(MW_HISTORY_STORE_DEFAULT, F_OK) != 0)
        status =
            mw_fail(err, MW_ECONFIG,
                    "want --data FILE: a CSV file or a store; there is no " MW_HISTORY_STORE_DEFAULT
                    " here");
    else if (command->data.count == 0)
        status = add_data(&reading, MW_HISTORY_STORE_DEFAULT, err);
    for (uint32_t i = 0; i < command->data.count && status == MW_OK && !mw_signals_stopping(); i++)
        status = add_data(&reading, command->data.items[i], err);
    mw_free(reading.wants.items);
    if (status != MW_OK) {
        mw_dataset_unref(reading.data);
        return status;
    }
    *data = reading.data;
    return MW_OK;
}
