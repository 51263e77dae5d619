/* bind_dataset.c - class moonwick.dataset: from files, from stores. */
#include "bind/bind_dataset.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "bind/bind.h"
#include "bind/bind_options.h"
#include "bind/bind_table.h"
#include "bind/class.h"

#define DATASET_TYPE "moonwick.dataset"

struct dataset_box {
    struct mw_dataset *native; /* a user of it; NULL when closed */
};

static struct mw_dataset *check_dataset(lua_State *L)
{
    struct dataset_box *box = mw_class_check(L, 1);
    if (box->native == NULL)
        luaL_error(L, "attempt to use a closed dataset");
    return box->native;
}

/* dataset:close(). Lets go of the candles; back-tests that ran keep theirs. Idempotent. */
static int dataset_close(lua_State *L)
{
    struct dataset_box *box = mw_class_check(L, 1);
    struct mw_dataset *dataset = box->native;
    box->native = NULL;
    mw_dataset_unref(dataset);
    return 0;
}

/* dataset:series() -> list of { feed, symbol, frequency, bars, first, last, absent, holes } */
static int dataset_series(lua_State *L)
{
    struct mw_dataset *dataset = check_dataset(L);
    uint32_t count = mw_dataset_count(dataset);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct mw_dataset_series *series = mw_dataset_series(dataset, i);
        char timeframe[MW_TIMEFRAME_BYTES_MAX];
        lua_createtable(L, 0, 8);
        mw_table_set_text(L, "feed", series->key.feed);
        mw_table_set_text(L, "symbol", series->key.symbol);
        mw_table_set_text(L, "frequency", mw_timeframe_format(series->key.timeframe, timeframe));
        mw_table_set_integer(L, "bars", series->count);
        mw_table_set_integer(L, "first", series->rows[0].open_ms);
        mw_table_set_integer(L, "last", series->rows[series->count - 1].open_ms);
        mw_table_set_integer(L, "absent", (int64_t)series->absent);
        mw_table_set_integer(L, "holes", series->hole_count);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg dataset_methods[] = {
    {"close", dataset_close}, {"series", dataset_series}, {NULL, NULL}};

static const char *const dataset_fields[] = {NULL};

static int dataset_index(lua_State *L)
{
    mw_class_find(L, dataset_fields, 0);
    return 1;
}

/* #dataset: how many series it has */
static int dataset_len(lua_State *L)
{
    lua_pushinteger(L, mw_dataset_count(check_dataset(L)));
    return 1;
}

static int dataset_tostring(lua_State *L)
{
    const struct dataset_box *box = mw_class_check(L, 1);
    if (box->native == NULL) {
        lua_pushliteral(L, "dataset (closed)");
        return 1;
    }
    uint64_t rows = 0;
    uint32_t count = mw_dataset_count(box->native);
    for (uint32_t i = 0; i < count; i++)
        rows += mw_dataset_series(box->native, i)->count;
    lua_pushfstring(L, "dataset of %d series, %I bars", (int)count, (lua_Integer)rows);
    return 1;
}

static const luaL_Reg dataset_metamethods[] = {
    {"__close", dataset_close}, {"__gc", dataset_close},          {"__index", dataset_index},
    {"__len", dataset_len},     {"__tostring", dataset_tostring}, {NULL, NULL}};

static const struct mw_class dataset_class = {DATASET_TYPE, "dataset", dataset_fields,
                                              dataset_methods, dataset_metamethods};

struct mw_dataset *mw_dataset_test(lua_State *L, int index)
{
    struct dataset_box *box = luaL_testudata(L, index, DATASET_TYPE);
    if (box == NULL)
        return NULL;
    if (box->native == NULL)
        luaL_error(L, "attempt to use a closed dataset");
    return box->native;
}

/* --- sources ---------------------------------------------------------------------------------- */

/* A file whose symbol nobody says is named like it: "data/BTCUSDT.csv.gz". */
static void name_by_file(const char *path, char symbol[MW_SYMBOL_BYTES_MAX + 1])
{
    const char *slash = strrchr(path, '/');
    const char *stem = slash != NULL ? slash + 1 : path;
    size_t length = strcspn(stem, ".");
    snprintf(symbol, MW_SYMBOL_BYTES_MAX + 1, "%.*s", (int)length, stem);
}

static mw_status add_file(struct mw_dataset *dataset, const char *path,
                          const struct mw_bind_source *source, struct mw_error *err)
{
    const struct mw_csv_options csv = {.rows_max = MW_DATASET_ROWS_MAX};
    struct mw_series_key key = source->key;
    if (key.symbol[0] == '\0')
        name_by_file(path, key.symbol);
    return mw_dataset_add_csv(dataset, path, &csv, &key, source->holes, err);
}

static mw_status add_store(struct mw_dataset *dataset, const char *path,
                           const struct mw_bind_source *source, struct mw_error *err)
{
    const struct mw_dataset_choice choice = {
        .key = source->key, .from_ms = source->from_ms, .to_ms = source->to_ms};
    return mw_dataset_add_store(dataset, path, &choice, err);
}

/* Adds what the table at `index` names. */
static mw_status add_table(lua_State *L, int index, const char *what,
                           const struct mw_bind_source *otherwise, struct mw_dataset *dataset,
                           struct mw_error *err)
{
    static const char *const names[] = {"file",      "store", "feed", "symbol",
                                        "timeframe", "from",  "to",   "holes"};
    struct mw_bind_source source = *otherwise;
    mw_options_check(L, index, what, names, MW_COUNT(names));
    const char *file = mw_options_text(L, index, what, "file", MW_PATH_BYTES_MAX);
    const char *store = mw_options_text(L, index, what, "store", MW_PATH_BYTES_MAX);
    const char *feed = mw_options_text(L, index, what, "feed", MW_FEED_NAME_BYTES_MAX);
    const char *symbol = mw_options_text(L, index, what, "symbol", MW_SYMBOL_BYTES_MAX);
    struct mw_timeframe timeframe = mw_options_timeframe(L, index, what, "timeframe");
    if ((file == NULL) == (store == NULL))
        luaL_error(L, "%s: want a file or a store", what);
    if (feed != NULL)
        snprintf(source.key.feed, sizeof(source.key.feed), "%s", feed);
    if (symbol != NULL)
        snprintf(source.key.symbol, sizeof(source.key.symbol), "%s", symbol);
    if (timeframe.count > 0)
        source.key.timeframe = timeframe;
    source.from_ms = mw_options_time(L, index, what, "from", source.from_ms);
    source.to_ms = mw_options_time(L, index, what, "to", source.to_ms);
    source.holes = mw_options_boolean(L, index, what, "holes") || source.holes;
    return file != NULL ? add_file(dataset, file, &source, err)
                        : add_store(dataset, store, &source, err);
}

static mw_status add_source(lua_State *L, int index, const char *what,
                            const struct mw_bind_source *otherwise, struct mw_dataset *dataset,
                            struct mw_error *err)
{
    if (lua_type(L, index) == LUA_TSTRING)
        return add_file(dataset, lua_tostring(L, index), otherwise, err);
    if (!lua_istable(L, index))
        luaL_error(L,
                   "%s: want the path of a CSV file, a table that names a file or a store, or a "
                   "list of these, got %s",
                   what, luaL_tolstring(L, index, NULL));
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    if (count == 0)
        return add_table(L, index, what, otherwise, dataset, err);
    for (lua_Integer i = 1; i <= count; i++) {
        mw_status status;
        int top = lua_gettop(L) + 1;
        const char *place = lua_pushfstring(L, "%s[%I]", what, i);
        if (lua_rawgeti(L, index, i) == LUA_TSTRING)
            status = add_file(dataset, lua_tostring(L, -1), otherwise, err);
        else if (lua_istable(L, -1))
            status = add_table(L, top + 1, place, otherwise, dataset, err);
        else
            return (mw_status)luaL_error(L, "%s: want a path or a table, got %s", place,
                                         luaL_tolstring(L, -1, NULL));
        lua_settop(L, top - 1);
        if (status != MW_OK)
            return status;
    }
    return MW_OK;
}

bool mw_dataset_push(lua_State *L, int index, const char *what,
                     const struct mw_bind_source *otherwise, struct mw_error *err)
{
    index = lua_absindex(L, index);
    struct dataset_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
    box->native = NULL; /* closed: __gc is safe from here on */
    mw_class_set(L, &dataset_class);
    box->native = mw_dataset_new();
    if (add_source(L, index, what, otherwise, box->native, err) == MW_OK)
        return true;
    mw_dataset_unref(box->native);
    box->native = NULL;
    lua_pop(L, 1);
    return false;
}

int mw_bind_dataset(lua_State *L)
{
    const struct mw_bind_source otherwise = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct mw_error err;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    return mw_dataset_push(L, 1, "dataset", &otherwise, &err) ? 1 : mw_bind_fail(L, &err);
}

void mw_bind_dataset_register(lua_State *L)
{
    mw_class_register(L, &dataset_class);
}
