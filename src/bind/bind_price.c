/* bind_price.c - get_price: options, the series they mean, and the frame for the answer.
 *
 * What a symbol and a frequency mean is looked up once per lua_State and kept in a memo table
 * (symbol to frequency to series): series live as long as the engine, so the hot path is two table
 * look-ups and a copy of rows. The memo also keeps the buffer for answers that are put together.
 */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "bind/bind.h"
#include "bind/bind_frame.h"
#include "history/prices.h"

/* What was asked for. */
struct query {
    struct mw_price_query price;
    uint32_t fields; /* columns asked for, a bit each; 0 for all */
};

/* The answer, while it is made. */
struct answer {
    lua_State *L;
    int memo, top;            /* the frame is put above `top` */
    struct mw_series_key key; /* what it is of */
    struct mw_frame *frame;   /* on the stack */
};

/* Raises with the option's name; its value is at the top. */
static int option_error(lua_State *L, const char *name, const char *wanted)
{
    return luaL_error(L, "get_price: %s: want %s, got %s", name, wanted,
                      luaL_tolstring(L, -1, NULL));
}

static uint32_t read_count(lua_State *L)
{
    int whole;
    lua_Integer count = lua_tointegerx(L, -1, &whole);
    if (!whole || lua_type(L, -1) != LUA_TNUMBER || count < 1 || count > MW_BARS_COUNT_MAX)
        option_error(L, "count", "a whole number from 1 to 1048576");
    return (uint32_t)count;
}

static int64_t read_time(lua_State *L, const char *name)
{
    int whole;
    lua_Integer ms = lua_tointegerx(L, -1, &whole);
    if (lua_type(L, -1) == LUA_TNUMBER && whole)
        return ms;
    int64_t parsed;
    if (lua_type(L, -1) != LUA_TSTRING ||
        mw_time_parse(lua_tostring(L, -1), &parsed, NULL) != MW_OK)
        return option_error(L, name, "milliseconds or an ISO 8601 time in UTC");
    return parsed;
}

static uint32_t read_fields(lua_State *L)
{
    if (!lua_istable(L, -1) || luaL_len(L, -1) == 0)
        option_error(L, "fields", "a list of column names");
    uint32_t mask = 0;
    lua_Integer count = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        int column = lua_geti(L, -1, i) == LUA_TSTRING ? mw_frame_column(lua_tostring(L, -1)) : -1;
        if (column < 0)
            return (uint32_t)option_error(L, "fields",
                                          "time open high low close volume turnover or trades");
        mask |= 1u << column;
        lua_pop(L, 1);
    }
    return mask;
}

static int unknown_option(lua_State *L, const char *name)
{
    static const char *const names[] = {"count",     "start",   "finish",
                                        "frequency", "forming", "fields"};
    const char *near = mw_nearest_name(name, names, MW_COUNT(names));
    return luaL_error(L, "get_price: no such option '%s'%s%s%s", name,
                      near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                      near != NULL ? "?" : "");
}

/* One option; its name is below its value, which is at the top. A frequency is copied to the index
 * `frequency`. */
static void read_option(lua_State *L, int frequency, struct query *query)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "get_price: want named options, got a %s", luaL_typename(L, -2));
    const char *name = lua_tostring(L, -2);
    if (strcmp(name, "count") == 0) {
        query->price.count = read_count(L);
    } else if (strcmp(name, "frequency") == 0) {
        if (lua_type(L, -1) != LUA_TSTRING)
            option_error(L, "frequency", "text like \"1m\"");
        lua_copy(L, -1, frequency);
    } else if (strcmp(name, "forming") == 0) {
        if (!lua_isboolean(L, -1))
            option_error(L, "forming", "true or false");
        query->price.forming = lua_toboolean(L, -1);
    } else if (strcmp(name, "start") == 0) {
        query->price.start_ms = read_time(L, "start");
        query->price.has_start = query->price.is_past = true;
    } else if (strcmp(name, "finish") == 0) {
        query->price.finish_ms = read_time(L, "finish");
        query->price.is_past = true;
    } else if (strcmp(name, "fields") == 0) {
        query->fields = read_fields(L);
    } else {
        unknown_option(L, name);
    }
}

/* Reads the options at `index` and pushes the frequency. Stack: [-0, +1, e] */
static struct query read_query(lua_State *L, int index)
{
    struct query query = {.price = {.finish_ms = INT64_MAX, .start_ms = INT64_MIN}};
    bool given = !lua_isnoneornil(L, index);
    lua_pushnil(L);
    int frequency = lua_gettop(L);
    if (given) {
        luaL_checktype(L, index, LUA_TTABLE);
        lua_pushnil(L);
        while (lua_next(L, index) != 0) {
            read_option(L, frequency, &query);
            lua_pop(L, 1);
        }
    }
    if (query.price.has_start && query.price.count > 0)
        luaL_error(L, "get_price: want count or start, not both");
    if (lua_isnil(L, frequency)) {
        lua_pushliteral(L, "1m");
        lua_replace(L, frequency);
    }
    return query;
}

static void refuse_several(lua_State *L, const char *symbol, const char *feed)
{
    luaL_error(L, "get_price: several feeds have %s: name one, as in \"%s:%s\"", symbol, feed,
               symbol);
}

/* Finds "SYMBOL" or "feed:SYMBOL", or makes it of finer bars. NULL when there is no such series. */
static struct mw_series *find_series(lua_State *L, const struct mw_market *market,
                                     const char *symbol, struct mw_timeframe timeframe)
{
    struct mw_series *series = NULL;
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    uint32_t found = market->find_series(market->user, NULL, symbol, timeframe, &series);
    const char *name = found == 0 ? mw_cache_split_name(symbol, feed) : NULL;
    if (name != NULL)
        found = market->find_series(market->user, feed, name, timeframe, &series);
    if (found > 1)
        refuse_several(L, symbol, mw_series_key(series)->feed);
    return series;
}

/* The same for what only the store and the contexts have. */
static bool find_past(lua_State *L, struct mw_prices *prices, const char *symbol,
                      struct mw_timeframe timeframe, struct mw_series_key *key)
{
    char feed[MW_FEED_NAME_BYTES_MAX + 1];
    uint32_t found = strlen(symbol) <= MW_SYMBOL_BYTES_MAX
                         ? mw_prices_find(prices, NULL, symbol, timeframe, key)
                         : 0;
    const char *name = found == 0 ? mw_cache_split_name(symbol, feed) : NULL;
    if (name != NULL && strlen(name) <= MW_SYMBOL_BYTES_MAX)
        found = mw_prices_find(prices, feed, name, timeframe, key);
    if (found > 1)
        refuse_several(L, symbol, key->feed);
    return found == 1;
}

/* Looks the pair up the long way and remembers what was found. The frequency is at the top. */
static struct mw_series *resolve_series(lua_State *L, const struct mw_market *market, int memo,
                                        int symbol, struct mw_timeframe *timeframe)
{
    struct mw_error err;
    if (mw_timeframe_parse(lua_tostring(L, -1), timeframe, &err) != MW_OK)
        luaL_error(L, "get_price: frequency: %s", err.message);
    struct mw_series *series = find_series(L, market, lua_tostring(L, symbol), *timeframe);
    if (series == NULL)
        return NULL;
    lua_pushvalue(L, symbol);
    if (lua_rawget(L, memo) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, symbol);
        lua_pushvalue(L, -2);
        lua_rawset(L, memo);
    }
    lua_pushvalue(L, -2); /* frequency, series by frequency, frequency */
    lua_pushlightuserdata(L, series);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return series;
}

/* The series of the symbol at `symbol` and the frequency at the top, or NULL. */
static struct mw_series *get_series(lua_State *L, const struct mw_market *market, int memo,
                                    int symbol, struct mw_timeframe *timeframe)
{
    struct mw_series *series = NULL;
    lua_pushvalue(L, symbol);
    if (lua_rawget(L, memo) == LUA_TTABLE) {
        lua_pushvalue(L, -2);
        lua_rawget(L, -2);
        series = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (series == NULL)
        return resolve_series(L, market, memo, symbol, timeframe);
    *timeframe = mw_series_key(series)->timeframe;
    return series;
}

/* --- the answer ------------------------------------------------------------------------------- */

static struct mw_candle *make_room(void *user, uint32_t count)
{
    struct answer *answer = user;
    lua_settop(answer->L, answer->top);
    answer->frame = mw_frame_new(answer->L, count);
    answer->frame->key = answer->key;
    return answer->frame->rows;
}

static int free_buffer(lua_State *L)
{
    mw_price_buffer_deinit(lua_touserdata(L, 1));
    return 0;
}

/* The buffer of this lua_State, in a box that the memo keeps: an answer that runs out of memory
 * leaks nothing. */
static struct mw_price_buffer *get_buffer(void *user)
{
    static const char buffer_slot;
    const struct answer *answer = user;
    lua_State *L = answer->L;
    if (lua_rawgetp(L, answer->memo, &buffer_slot) == LUA_TNIL) {
        struct mw_price_buffer *made = lua_newuserdatauv(L, sizeof(*made), 0);
        *made = (struct mw_price_buffer){.rows = NULL};
        if (luaL_newmetatable(L, "moonwick.price_buffer")) {
            lua_pushcfunction(L, free_buffer);
            lua_setfield(L, -2, "__gc");
        }
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, answer->memo, &buffer_slot);
    }
    struct mw_price_buffer *buffer = lua_touserdata(L, -1);
    lua_settop(L, answer->top);
    return buffer;
}

/* Answers the query; the symbol is at `symbol`, its frequency at the top. Stack: [-0, +1, e] */
static int push_answer(lua_State *L, const struct mw_market *market, int memo, int symbol,
                       const struct query *query)
{
    struct mw_timeframe timeframe;
    struct mw_series *series = get_series(L, market, memo, symbol, &timeframe);
    struct mw_prices *prices = market->prices;
    struct answer answer = {.L = L, .memo = memo, .top = lua_gettop(L)};
    struct mw_price_answer answered = {.reason = "unsubscribed"};
    const struct mw_price_room room = {make_room, get_buffer, &answer};
    if (series != NULL)
        answer.key = *mw_series_key(series);
    if (series != NULL || find_past(L, prices, lua_tostring(L, symbol), timeframe, &answer.key)) {
        mw_prices_answer(prices, series, &answer.key, &query->price, &room, &answered);
    } else {
        answer.key.timeframe = timeframe;
        snprintf(answer.key.symbol, sizeof(answer.key.symbol), "%s", lua_tostring(L, symbol));
        make_room(&answer, 0);
    }
    answer.frame->count = answered.count;
    answer.frame->reason = answered.reason;
    answer.frame->complete = answered.reason == NULL;
    answer.frame->fields = query->fields;
    return 1;
}

static void check_symbol(lua_State *L, int index)
{
    size_t length;
    luaL_checktype(L, index, LUA_TSTRING);
    lua_tolstring(L, index, &length);
    luaL_argcheck(L, length >= 1 && length <= MW_SYMBOL_BYTES_MAX + MW_FEED_NAME_BYTES_MAX + 1,
                  index, "want a symbol");
}

int mw_bind_get_price(lua_State *L, const struct mw_market *market, int memo, int first,
                      int64_t now_ms)
{
    check_symbol(L, first);
    struct query query = read_query(L, first + 1);
    query.price.now_ms = now_ms;
    return push_answer(L, market, memo, first, &query);
}

int mw_bind_get_history(lua_State *L, const struct mw_market *market, int memo, int first,
                        int64_t now_ms)
{
    struct query query = {
        .price = {.finish_ms = INT64_MAX, .start_ms = INT64_MIN, .now_ms = now_ms}};
    int whole;
    check_symbol(L, first);
    lua_Integer count = lua_tointegerx(L, first + 1, &whole);
    luaL_argcheck(L,
                  lua_type(L, first + 1) == LUA_TNUMBER && whole && count >= 1 &&
                      count <= MW_BARS_COUNT_MAX,
                  first + 1, "count: want a whole number from 1 to 1048576");
    query.price.count = (uint32_t)count;
    if (lua_isnoneornil(L, first + 2)) {
        lua_pushliteral(L, "1m");
    } else {
        luaL_argcheck(L, lua_type(L, first + 2) == LUA_TSTRING, first + 2,
                      "frequency: want text like \"1m\"");
        lua_pushvalue(L, first + 2);
    }
    return push_answer(L, market, memo, first, &query);
}
