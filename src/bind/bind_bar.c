/* bind_bar.c - fields and text of moonwick.bar. */
#include "bind/bind_bar.h"

#include <lauxlib.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "bind/class.h"

/* In the order of pairs(). X(NAME, name) */
#define BAR_FIELDS(X)                                                                              \
    X(TIME, time)                                                                                  \
    X(CLOSE_TIME, close_time)                                                                      \
    X(OPEN, open)                                                                                  \
    X(HIGH, high)                                                                                  \
    X(LOW, low)                                                                                    \
    X(CLOSE, close)                                                                                \
    X(VOLUME, volume)                                                                              \
    X(TURNOVER, turnover)                                                                          \
    X(TRADES, trades)                                                                              \
    X(CLOSED, closed)                                                                              \
    X(CLOSED_BY, closed_by)                                                                        \
    X(SOURCE, source)                                                                              \
    X(REVISED, revised)                                                                            \
    X(PROVEN, proven)                                                                              \
    X(SYMBOL, symbol)                                                                              \
    X(FREQUENCY, frequency)                                                                        \
    X(FEED, feed)

enum bar_field {
#define BAR_ENUM(NAME, name) BAR_##NAME,
    BAR_FIELDS(BAR_ENUM)
#undef BAR_ENUM
        BAR_FIELD_COUNT
};

static const char *const bar_fields[] = {
#define BAR_NAME(NAME, name) #name,
    BAR_FIELDS(BAR_NAME)
#undef BAR_NAME
        NULL};

static bool bar_is_closed(const struct mw_bar *bar)
{
    return bar->candle.state == MW_CANDLE_CLOSED;
}

/* The last millisecond of the bucket. */
static int64_t bar_close_ms(const struct mw_bar *bar)
{
    return mw_timeframe_next(bar->key.timeframe, bar->candle.open_ms) - 1;
}

static void push_closed_by(lua_State *L, const struct mw_bar *bar)
{
    if (bar_is_closed(bar) && bar->candle.closed_by != MW_CLOSED_BY_NOBODY)
        lua_pushstring(L, mw_candle_closed_by_text(bar->candle.closed_by));
    else
        lua_pushnil(L);
}

static void push_frequency(lua_State *L, const struct mw_bar *bar)
{
    char text[MW_TIMEFRAME_BYTES_MAX];
    lua_pushstring(L, mw_timeframe_format(bar->key.timeframe, text));
}

/* Stack: [-0, +1, m] */
static void push_field(lua_State *L, const struct mw_bar *bar, int field)
{
    const struct mw_candle *candle = &bar->candle;
    switch (field) {
    case BAR_TIME:
        lua_pushinteger(L, candle->open_ms);
        break;
    case BAR_CLOSE_TIME:
        lua_pushinteger(L, bar_close_ms(bar));
        break;
    case BAR_OPEN:
        lua_pushnumber(L, candle->open);
        break;
    case BAR_HIGH:
        lua_pushnumber(L, candle->high);
        break;
    case BAR_LOW:
        lua_pushnumber(L, candle->low);
        break;
    case BAR_CLOSE:
        lua_pushnumber(L, candle->close);
        break;
    case BAR_VOLUME:
        lua_pushnumber(L, candle->volume);
        break;
    case BAR_TURNOVER:
        lua_pushnumber(L, candle->turnover);
        break;
    case BAR_TRADES:
        lua_pushinteger(L, candle->trades);
        break;
    case BAR_CLOSED:
        lua_pushboolean(L, bar_is_closed(bar));
        break;
    case BAR_CLOSED_BY:
        push_closed_by(L, bar);
        break;
    case BAR_SOURCE:
        lua_pushstring(L, mw_candle_source_text(candle->source));
        break;
    case BAR_REVISED:
        lua_pushboolean(L, (candle->flags & MW_CANDLE_REVISED) != 0);
        break;
    case BAR_PROVEN:
        lua_pushboolean(L, (candle->flags & MW_CANDLE_UNPROVEN) == 0);
        break;
    case BAR_SYMBOL:
        lua_pushstring(L, bar->key.symbol);
        break;
    case BAR_FREQUENCY:
        push_frequency(L, bar);
        break;
    default:
        lua_pushstring(L, bar->key.feed);
        break;
    }
}

/* bar:table() -> table */
static int bar_table(lua_State *L)
{
    const struct mw_bar *bar = mw_class_check(L, 1);
    lua_createtable(L, 0, BAR_FIELD_COUNT);
    for (int field = 0; field < BAR_FIELD_COUNT; field++) {
        push_field(L, bar, field);
        lua_setfield(L, -2, bar_fields[field]);
    }
    return 1;
}

/* bar.name -> value */
static int bar_index(lua_State *L)
{
    int field = mw_class_find(L, bar_fields, BAR_FIELD_COUNT);
    if (field >= 0)
        push_field(L, lua_touserdata(L, 1), field);
    return 1;
}

static int bar_newindex(lua_State *L)
{
    return luaL_error(L, "a bar is read-only");
}

/* Steps from the field named at index 2 to the next one that is not nil. */
static int bar_next(lua_State *L)
{
    const struct mw_bar *bar = mw_class_check(L, 1);
    int field = lua_isnil(L, 2) ? -1 : mw_class_find(L, bar_fields, BAR_FIELD_COUNT);
    while (++field < BAR_FIELD_COUNT) {
        lua_settop(L, 2);
        lua_pushstring(L, bar_fields[field]);
        push_field(L, bar, field);
        if (!lua_isnil(L, -1))
            return 2;
    }
    lua_pushnil(L);
    return 1;
}

/* pairs(bar) -> name, value, in the order of the fields above */
static int bar_pairs(lua_State *L)
{
    mw_class_check(L, 1);
    mw_class_push_function(L, bar_next);
    lua_pushvalue(L, 1);
    return 2;
}

static void add_price(luaL_Buffer *text, const char *name, double value)
{
    char number[MW_DECIMAL_TEXT_BYTES];
    luaL_addstring(text, name);
    luaL_addstring(text, mw_decimal_format(value, number));
}

/* tostring(bar) -> "BTCUSDT 1m 2018-04-04T00:00:00Z open 7424.91 ... volume 12.5 forming" */
static int bar_tostring(lua_State *L)
{
    const struct mw_bar *bar = mw_class_check(L, 1);
    char frequency[MW_TIMEFRAME_BYTES_MAX], time[MW_TIME_TEXT_BYTES];
    const char *name = lua_pushfstring(L, "%s %s %s", bar->key.symbol,
                                       mw_timeframe_format(bar->key.timeframe, frequency),
                                       mw_time_format(bar->candle.open_ms, time));
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, name);
    add_price(&text, " open ", bar->candle.open);
    add_price(&text, " high ", bar->candle.high);
    add_price(&text, " low ", bar->candle.low);
    add_price(&text, " close ", bar->candle.close);
    add_price(&text, " volume ", bar->candle.volume);
    luaL_addstring(&text, bar_is_closed(bar) ? " closed by " : " forming");
    if (bar_is_closed(bar))
        luaL_addstring(&text, mw_candle_closed_by_text(bar->candle.closed_by));
    if (bar->candle.flags & MW_CANDLE_REVISED)
        luaL_addstring(&text, ", revised");
    if (bar->candle.flags & MW_CANDLE_UNPROVEN)
        luaL_addstring(&text, ", unproven");
    luaL_pushresult(&text);
    return 1;
}

static const luaL_Reg bar_methods[] = {
    {"table", bar_table},
    {NULL, NULL},
};

static const luaL_Reg bar_metamethods[] = {
    {"__index", bar_index}, {"__newindex", bar_newindex},
    {"__pairs", bar_pairs}, {"__tostring", bar_tostring},
    {NULL, NULL},
};

static const struct mw_class bar_class = {MW_BAR_TYPE, "bar", bar_fields, bar_methods,
                                          bar_metamethods};

void mw_bar_push(lua_State *L, const struct mw_candle *candle, const struct mw_series_key *key)
{
    struct mw_bar *bar = lua_newuserdatauv(L, sizeof(*bar), 0);
    bar->candle = *candle;
    bar->key = *key;
    mw_class_set(L, &bar_class);
}

const struct mw_bar *mw_bar_find(lua_State *L, int index)
{
    return mw_class_find_object(L, index, &bar_class);
}

void mw_bar_register(lua_State *L)
{
    mw_class_register(L, &bar_class);
}
