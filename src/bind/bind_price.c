/* bind_price.c - get_price: options, the series they mean, rows, and how complete they are.
 *
 * What a symbol and a frequency mean is looked up once per lua_State and kept in a memo table
 * (symbol to frequency to series): series live as long as the engine, so the hot path is two table
 * look-ups and a copy of rows.
 */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "bind/bind.h"
#include "bind/bind_frame.h"

enum { TRIES_MAX = 8 }; /* to read rows while holes come and go, before an answer has a gap */

/* What was asked for. */
struct query {
    uint32_t count; /* 0: all there are */
    bool has_start;
    int64_t start_ms, finish_ms; /* open times, both inclusive */
    bool forming;
    uint32_t fields; /* columns asked for, a bit each; 0 for all */
    bool has_frequency;
    bool is_past; /* start or finish was given: it asks for a window, not for the newest */
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

/* One option; its name is below its value, which is at the top. */
static void read_option(lua_State *L, struct query *query)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "get_price: want named options, got a %s", luaL_typename(L, -2));
    const char *name = lua_tostring(L, -2);
    if (strcmp(name, "count") == 0) {
        query->count = read_count(L);
    } else if (strcmp(name, "frequency") == 0) {
        if (lua_type(L, -1) != LUA_TSTRING)
            option_error(L, "frequency", "text like \"1m\"");
        query->has_frequency = true;
    } else if (strcmp(name, "forming") == 0) {
        if (!lua_isboolean(L, -1))
            option_error(L, "forming", "true or false");
        query->forming = lua_toboolean(L, -1);
    } else if (strcmp(name, "start") == 0) {
        query->start_ms = read_time(L, "start");
        query->has_start = query->is_past = true;
    } else if (strcmp(name, "finish") == 0) {
        query->finish_ms = read_time(L, "finish");
        query->is_past = true;
    } else if (strcmp(name, "fields") == 0) {
        query->fields = read_fields(L);
    } else {
        unknown_option(L, name);
    }
}

/* Reads the options at `index` and pushes the frequency. Stack: [-0, +1, e] */
static struct query read_query(lua_State *L, int index)
{
    struct query query = {.finish_ms = INT64_MAX, .start_ms = INT64_MIN};
    if (!lua_isnoneornil(L, index)) {
        luaL_checktype(L, index, LUA_TTABLE);
        lua_pushnil(L);
        while (lua_next(L, index) != 0) {
            read_option(L, &query);
            lua_pop(L, 1);
        }
    }
    if (query.has_start && query.count > 0)
        luaL_error(L, "get_price: want count or start, not both");
    if (query.has_frequency)
        lua_getfield(L, index, "frequency");
    else
        lua_pushliteral(L, "1m");
    return query;
}

/* Finds "SYMBOL" or "feed:SYMBOL", or makes it of finer bars. NULL when there is no such series. */
static struct mw_series *find_series(lua_State *L, struct mw_engine *engine, const char *symbol,
                                     struct mw_timeframe timeframe)
{
    struct mw_series *series = NULL;
    uint32_t found = mw_engine_find_series(engine, NULL, symbol, timeframe, &series);
    const char *colon = strchr(symbol, ':');
    if (found == 0 && colon != NULL && colon - symbol <= MW_FEED_NAME_BYTES_MAX) {
        char feed[MW_FEED_NAME_BYTES_MAX + 1];
        snprintf(feed, sizeof(feed), "%.*s", (int)(colon - symbol), symbol);
        found = mw_engine_find_series(engine, feed, colon + 1, timeframe, &series);
    }
    if (found > 1)
        luaL_error(L, "get_price: several feeds have %s: name one, as in \"%s:%s\"", symbol,
                   mw_series_key(series)->feed, symbol);
    return series;
}

/* Looks the pair up the long way and remembers what was found. The frequency is at the top. */
static struct mw_series *resolve_series(lua_State *L, struct mw_engine *engine, int memo,
                                        int symbol, struct mw_timeframe *timeframe)
{
    struct mw_error err;
    if (mw_timeframe_parse(lua_tostring(L, -1), timeframe, &err) != MW_OK)
        luaL_error(L, "get_price: frequency: %s", err.message);
    struct mw_series *series = find_series(L, engine, lua_tostring(L, symbol), *timeframe);
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
static struct mw_series *get_series(lua_State *L, struct mw_engine *engine, int memo, int symbol,
                                    struct mw_timeframe *timeframe)
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
        return resolve_series(L, engine, memo, symbol, timeframe);
    *timeframe = mw_series_key(series)->timeframe;
    return series;
}

/* Whether all of the window lies in buckets that have closed: what comes now does not change it. */
static bool is_over(const struct query *query, const struct mw_series *series)
{
    struct mw_candle newest;
    return query->finish_ms != INT64_MAX &&
           mw_series_read_last(series, INT64_MAX, 1, false, &newest) == 1 &&
           mw_timeframe_next(mw_series_key(series)->timeframe, newest.open_ms) > query->finish_ms;
}

/* Whether the series knows of everything from where the query begins. */
static bool reaches_back(const struct query *query, const struct mw_frame *frame,
                         const struct mw_series *series)
{
    if (query->count > 0)
        return frame->count == query->count;
    if (!query->has_start)
        return frame->count > 0;
    struct mw_timeframe timeframe = frame->key.timeframe;
    int64_t first_ms = query->start_ms;
    if (first_ms >= MW_CANDLE_OPEN_MS_MIN && first_ms < INT64_MAX / 2) {
        first_ms = mw_timeframe_floor(timeframe, query->start_ms);
        if (first_ms < query->start_ms)
            first_ms = mw_timeframe_next(timeframe, first_ms);
    }
    if (frame->count > 0 && frame->rows[0].open_ms <= first_ms)
        return true;
    /* Where an older bar is there, and no hole between, nothing was traded. */
    struct mw_candle oldest;
    return (frame->count > 0 || (query->start_ms <= query->finish_ms && is_over(query, series))) &&
           mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1 &&
           oldest.open_ms <= first_ms;
}

/* Whether something is missing from where the answer begins to where the query ends, or in doubt.
 * A bar in doubt that has closed is in a hole. */
static bool has_hole(const struct query *query, const struct mw_frame *frame,
                     struct mw_series *series)
{
    if (frame->count > 0 && (frame->rows[frame->count - 1].flags & MW_CANDLE_UNPROVEN) != 0)
        return true;
    return mw_series_find_gap(series, query->has_start ? query->start_ms : frame->rows[0].open_ms,
                              query->finish_ms, NULL);
}

/* Whether the feed was interrupted while the newest bar formed and nothing has come of it since: it
 * may have closed meanwhile. */
static bool is_newest_doubted(const struct mw_series *series)
{
    struct mw_candle newest;
    return mw_series_read_last(series, INT64_MAX, 1, true, &newest) == 1 &&
           newest.state == MW_CANDLE_FORMING && (newest.flags & MW_CANDLE_UNPROVEN) != 0;
}

/* What was known before the rows were read. */
struct moment {
    mw_series_health health;
    uint64_t gap_version;
};

/* Why the answer is not complete, or NULL. Sets `changed` when the rows and the holes may be of
 * different moments, so that the answer says too much. */
static const char *find_reason(struct mw_engine *engine, const struct query *query,
                               const struct mw_frame *frame, struct mw_series *series,
                               const struct moment *before, bool *changed)
{
    *changed = false;
    if (before->health == MW_SERIES_IDLE)
        return "unsubscribed";
    if (!reaches_back(query, frame, series)) {
        /* What lies before the oldest bar does not come by waiting. */
        bool full = mw_series_count(series) == mw_cache_bars(mw_engine_cache(engine));
        return full || query->is_past ? "short" : "warming";
    }
    if (has_hole(query, frame, series))
        return "gap";
    *changed = mw_series_gap_version(series) != before->gap_version;
    if (*changed)
        return "gap";
    return is_over(query, series) ||
                   (before->health == MW_SERIES_LIVE && !is_newest_doubted(series))
               ? NULL
               : "stale";
}

static int answer_nothing(lua_State *L, const char *symbol, struct mw_timeframe timeframe)
{
    struct mw_frame *frame = mw_frame_new(L, 0);
    frame->reason = "unsubscribed";
    frame->key.timeframe = timeframe;
    snprintf(frame->key.symbol, sizeof(frame->key.symbol), "%s", symbol);
    return 1;
}

/* Fills the frame with what the query selects. */
static void read_bars(const struct mw_series *series, const struct query *query,
                      struct mw_frame *frame)
{
    frame->count = query->has_start
                       ? mw_series_read_from(series, query->start_ms, query->finish_ms,
                                             frame->capacity, query->forming, frame->rows)
                       : mw_series_read_last(series, query->finish_ms, frame->capacity,
                                             query->forming, frame->rows);
}

/* The same, as it was at `now_ms`: closed bars that had closed by then, and the bucket that had
 * begun only while it is still forming; closed meanwhile, it is the future. */
static void read_bars_until(const struct mw_series *series, struct query *query, int64_t now_ms,
                            struct mw_frame *frame)
{
    int64_t begun_ms = mw_timeframe_floor(frame->key.timeframe, now_ms);
    int64_t last_ms = query->forming ? begun_ms : begun_ms - 1;
    if (query->finish_ms > last_ms)
        query->finish_ms = last_ms;
    read_bars(series, query, frame);
    if (frame->count == 0)
        return;
    const struct mw_candle *newest = &frame->rows[frame->count - 1];
    if (newest->open_ms == begun_ms && newest->state == MW_CANDLE_CLOSED) {
        query->finish_ms = begun_ms - 1;
        read_bars(series, query, frame);
    }
}

/* Pushes a frame with the rows that the query selects; its finish is clamped to `now_ms`. */
static struct mw_frame *push_rows(lua_State *L, const struct mw_series *series, struct query *query,
                                  int64_t now_ms)
{
    struct mw_frame *frame;
    uint32_t count = mw_series_count(series), room;
    int top = lua_gettop(L);
    do { /* bars may come between counting and reading: then there is not enough room */
        lua_settop(L, top);
        room = query->count > 0 && query->count < count ? query->count : count;
        frame = mw_frame_new(L, room);
        frame->key = *mw_series_key(series);
        if (now_ms == INT64_MAX)
            read_bars(series, query, frame);
        else
            read_bars_until(series, query, now_ms, frame);
        count = mw_series_count(series);
    } while (frame->count == room && room != query->count && room < count);
    return frame;
}

int mw_bind_get_price(lua_State *L, struct mw_engine *engine, int memo, int first, int64_t now_ms)
{
    luaL_checktype(L, first, LUA_TSTRING);
    size_t length;
    const char *symbol = lua_tolstring(L, first, &length);
    luaL_argcheck(L, length >= 1 && length <= MW_SYMBOL_BYTES_MAX + MW_FEED_NAME_BYTES_MAX + 1,
                  first, "want a symbol");
    const struct query query = read_query(L, first + 1);
    struct mw_timeframe timeframe;
    struct mw_series *series = get_series(L, engine, memo, first, &timeframe);
    if (series == NULL)
        return answer_nothing(L, symbol, timeframe);

    struct mw_frame *frame;
    bool changed;
    int top = lua_gettop(L), tries = 0;
    do {
        lua_settop(L, top);
        struct query clamped = query;
        const struct moment before = {.health = mw_series_get_health(series),
                                      .gap_version = mw_series_gap_version(series)};
        frame = push_rows(L, series, &clamped, now_ms);
        frame->reason = find_reason(engine, &clamped, frame, series, &before, &changed);
    } while (changed && ++tries < TRIES_MAX);
    frame->fields = query.fields;
    frame->complete = frame->reason == NULL;
    return 1;
}
