/* bind_made.c - columns and frames that a script makes of numbers of its own. */
#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/bind.h"
#include "bind/bind_bar.h"
#include "bind/bind_column.h"
#include "bind/bind_frame.h"

/* The length of the list at `index`, at most `most`. */
static uint32_t check_list(lua_State *L, int index, uint32_t most, const char *of)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, index);
    if (count > most)
        luaL_argerror(
            L, index,
            lua_pushfstring(L, "at most %d %s, got %I", (int)most, of, (LUAI_UACINT)count));
    return (uint32_t)count;
}

/* moonwick.column(values) -> column */
int mw_bind_make_column(lua_State *L)
{
    uint32_t count = check_list(L, 1, MW_COLUMN_VALUES_MAX, "values");
    double *values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TNUMBER)
            return luaL_argerror(L, 1,
                                 lua_pushfstring(L, "value %d must be a number, got %s", (int)i + 1,
                                                 luaL_typename(L, -1)));
        values[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return 1;
}

/* --- frames ----------------------------------------------------------------------------------- */

static int refuse_bar(lua_State *L, uint32_t row, const char *what)
{
    return luaL_argerror(L, 1, lua_pushfstring(L, "bar %d: %s", (int)row + 1, what));
}

/* A field of the table on top of the stack; `otherwise` where that is not NULL and it is nil. */
static double read_number(lua_State *L, uint32_t row, const char *name, const double *otherwise)
{
    lua_pushstring(L, name);
    int type = lua_rawget(L, -2);
    double value = type == LUA_TNIL && otherwise != NULL ? *otherwise : lua_tonumber(L, -1);
    if (type != LUA_TNUMBER && (type != LUA_TNIL || otherwise == NULL))
        refuse_bar(L, row,
                   lua_pushfstring(L, "%s must be a number, got %s", name, luaL_typename(L, -1)));
    lua_pop(L, 1);
    return value;
}

static int64_t read_time(lua_State *L, uint32_t row)
{
    int whole;
    lua_pushliteral(L, "time");
    lua_rawget(L, -2);
    lua_Integer ms = lua_tointegerx(L, -1, &whole);
    if (lua_type(L, -1) != LUA_TNUMBER || !whole)
        refuse_bar(L, row, "time must be an integer, ms since 1970 UTC");
    lua_pop(L, 1);
    return ms;
}

/* The bar, or the table of a bar's fields, on top of the stack. */
static struct mw_candle read_candle(lua_State *L, uint32_t row)
{
    static const double nothing = 0;
    const double unknown = (double)NAN;
    const struct mw_bar *bar = mw_bar_find(L, -1);
    if (bar != NULL)
        return bar->candle;
    if (!lua_istable(L, -1))
        refuse_bar(L, row,
                   lua_pushfstring(L, "want a bar or a table of its fields, got %s",
                                   luaL_typename(L, -1)));
    struct mw_candle candle = {.open_ms = read_time(L, row),
                               .open = read_number(L, row, "open", NULL),
                               .high = read_number(L, row, "high", NULL),
                               .low = read_number(L, row, "low", NULL),
                               .close = read_number(L, row, "close", NULL),
                               .volume = read_number(L, row, "volume", &nothing),
                               .turnover = read_number(L, row, "turnover", &unknown),
                               .state = MW_CANDLE_CLOSED,
                               .closed_by = MW_CLOSED_BY_EXCHANGE,
                               .source = MW_SOURCE_CONTEXT};
    double trades = read_number(L, row, "trades", &nothing);
    if (!(trades >= 0 && trades <= UINT32_MAX))
        refuse_bar(L, row, "trades must be a count");
    candle.trades = (uint32_t)trades;
    return candle;
}

static void add_row(lua_State *L, struct mw_frame *frame)
{
    uint32_t row = frame->count;
    struct mw_candle candle = read_candle(L, row);
    mw_fault fault = mw_candle_check(&candle, frame->key.timeframe, MW_CANDLE_OPEN_MS_MAX);
    if (fault != MW_FAULT_NONE)
        refuse_bar(L, row, lua_pushfstring(L, "it is no candle: %s", mw_fault_text(fault)));
    if (row > 0 && candle.open_ms <= frame->rows[row - 1].open_ms)
        refuse_bar(L, row, "its time is not later than that of the bar before");
    frame->rows[frame->count++] = candle;
}

/* The option of text called `name`, at most `bytes_max` long, into `text`; `usual` where it is not
 * given. */
static void read_text(lua_State *L, const char *name, const char *usual, size_t bytes_max,
                      char *text)
{
    size_t length = strlen(usual);
    const char *given = usual;
    if (!lua_isnoneornil(L, 2) && lua_getfield(L, 2, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_argerror(
                L, 2, lua_pushfstring(L, "%s must be text, got %s", name, luaL_typename(L, -1)));
        given = lua_tolstring(L, -1, &length);
    }
    if (length > bytes_max || strlen(given) != length)
        luaL_argerror(
            L, 2, lua_pushfstring(L, "%s must be text of at most %d bytes", name, (int)bytes_max));
    memcpy(text, given, length + 1);
    lua_settop(L, 2);
}

/* moonwick.frame(bars, options) -> frame */
int mw_bind_make_frame(lua_State *L)
{
    uint32_t count = check_list(L, 1, MW_COLUMN_VALUES_MAX, "bars");
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    struct mw_series_key key = {.timeframe = {1, 'm'}};
    char frequency[MW_TIMEFRAME_BYTES_MAX + 1];
    struct mw_error err;
    read_text(L, "symbol", "", MW_SYMBOL_BYTES_MAX, key.symbol);
    read_text(L, "feed", "", MW_FEED_NAME_BYTES_MAX, key.feed);
    read_text(L, "frequency", "1m", MW_TIMEFRAME_BYTES_MAX, frequency);
    if (mw_timeframe_parse(frequency, &key.timeframe, &err) != MW_OK)
        return luaL_argerror(L, 2, lua_pushfstring(L, "frequency: %s", err.message));
    struct mw_frame *frame = mw_frame_new(L, count);
    frame->key = key;
    frame->complete = true;
    while (frame->count < count) {
        lua_rawgeti(L, 1, (lua_Integer)frame->count + 1);
        add_row(L, frame);
        lua_pop(L, 1);
    }
    return 1;
}
