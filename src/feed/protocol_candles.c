/* protocol_candles.c - where candles are: in the messages of a stream, in the answers of a history.
 */
#include "feed/protocol_compile.h"

#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "feed/protocol_read.h"

enum { REQUESTS_PER_SECOND_MAX = 1000 };

/* In the order of MW_FIELD_. */
#define FIELD_NAMES                                                                                \
    "symbol", "timeframe", "open_time", "open", "high", "low", "close", "volume", "turnover",      \
        "trades", "closed"

static double read_unit(lua_State *L, const char *place, const char *unit)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"us", 1e-3}, {"ns", 1e-6}};
    for (size_t i = 0; i < MW_COUNT(units); i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ms;
    luaL_error(L, "%s.unit: '%s': want ms, s, us or ns", place, unit);
    return 0;
}

/* `rows`: a path, or "" for the whole message. False where there is none. */
static bool read_rows(lua_State *L, int table, const char *place, struct mw_path *rows)
{
    if (!mw_protocol_get_field(L, table, place, "rows", LUA_TSTRING, false))
        return false;
    if (lua_rawlen(L, -1) > 0) {
        const char *full = lua_pushfstring(L, "%s.rows", place);
        mw_protocol_read_path(L, full, lua_tostring(L, -2), rows);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return true;
}

/* The places of fields from `first_required` on are required as MW_FIELD_REQUIRED_COUNT says. */
static void read_fields(lua_State *L, int table, const char *place, int first_required,
                        struct mw_candle_pattern *candles)
{
    static const char *const names[] = {FIELD_NAMES};
    for (int field = 0; field < MW_FIELD_COUNT; field++) {
        unsigned flags = candles->has_rows ? MW_PLACE_ELEMENT : 0;
        if (field >= first_required && field < MW_FIELD_REQUIRED_COUNT)
            flags |= MW_PLACE_REQUIRED;
        if (field == MW_FIELD_OPEN_TIME)
            flags |= MW_PLACE_UNIT;
        mw_protocol_read_place(L, table, place, names[field], flags, &candles->fields[field]);
    }
    candles->open_time_ms = 1;
    const char *open_time = lua_pushfstring(L, "%s.open_time", place);
    if (lua_getfield(L, table, "open_time") == LUA_TTABLE &&
        mw_protocol_get_field(L, -1, open_time, "unit", LUA_TSTRING, false)) {
        candles->open_time_ms = read_unit(L, open_time, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

void mw_protocol_compile_candles(lua_State *L, int index, struct mw_candle_pattern *candles)
{
    static const char *const names[] = {FIELD_NAMES, "when", "rows", "snapshot"};
    static const char *const snapshot_names[] = {"when"};
    mw_protocol_get_field(L, index, "protocol", "candles", LUA_TTABLE, true);
    int table = lua_absindex(L, -1);
    mw_protocol_check_keys(L, table, "candles", names, MW_COUNT(names));
    mw_protocol_read_when(L, table, "candles", &candles->when);
    candles->has_rows = read_rows(L, table, "candles", &candles->rows);
    read_fields(L, table, "candles", 0, candles);
    if (mw_protocol_get_field(L, table, "candles", "snapshot", LUA_TTABLE, false)) {
        int snapshot = lua_absindex(L, -1);
        mw_protocol_check_keys(L, snapshot, "candles.snapshot", snapshot_names,
                               MW_COUNT(snapshot_names));
        mw_protocol_read_when(L, snapshot, "candles.snapshot", &candles->snapshot);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_base(lua_State *L, int table, struct mw_history_pattern *history)
{
    if (!mw_protocol_get_field(L, table, "history", "base", LUA_TSTRING, false))
        return;
    const char *base = lua_tostring(L, -1);
    size_t length = lua_rawlen(L, -1);
    bool http = strncmp(base, "https://", 8) == 0 || strncmp(base, "http://", 7) == 0;
    if (!http || length > MW_URL_BYTES_MAX || strlen(base) != length || base[length - 1] == '/')
        luaL_error(L,
                   "history.base: want \"https://host\" of at most %d bytes and without a slash at "
                   "its end, got '%s'",
                   MW_URL_BYTES_MAX, base);
    history->base = mw_strdup(base);
    lua_pop(L, 1);
}

static void read_pace(lua_State *L, int table, struct mw_history_pattern *history)
{
    history->row_count_max =
        mw_protocol_get_count(L, table, "history", "count", MW_CANDLE_ROWS_MAX);
    if (history->row_count_max == 0)
        luaL_error(L, "history.count: missing");
    history->requests_per_second = 1; /* no venue minds */
    if (!mw_protocol_get_field(L, table, "history", "requests_per_second", LUA_TNUMBER, false))
        return;
    history->requests_per_second = lua_tonumber(L, -1);
    if (!(history->requests_per_second > 0 &&
          history->requests_per_second <= REQUESTS_PER_SECOND_MAX))
        luaL_error(L, "history.requests_per_second: want a number above 0, at most %d",
                   REQUESTS_PER_SECOND_MAX);
    lua_pop(L, 1);
}

void mw_protocol_compile_history(lua_State *L, int index, struct mw_history_pattern *history)
{
    static const char *const names[] = {
        FIELD_NAMES, "when", "rows", "base", "request", "count", "requests_per_second", "error"};
    if (!mw_protocol_get_field(L, index, "protocol", "history", LUA_TTABLE, false))
        return;
    int table = lua_absindex(L, -1);
    mw_protocol_check_keys(L, table, "history", names, MW_COUNT(names));
    read_base(L, table, history);
    mw_protocol_get_field(L, table, "history", "request", LUA_TFUNCTION, true);
    history->request = luaL_ref(L, LUA_REGISTRYINDEX);
    read_pace(L, table, history);
    read_rows(L, table, "history", &history->rows.rows);
    history->rows.has_rows = true;
    read_fields(L, table, "history", MW_FIELD_OPEN_TIME, &history->rows);
    if (mw_protocol_get_field(L, table, "history", "when", LUA_TTABLE, false)) {
        lua_pop(L, 1);
        mw_protocol_read_when(L, table, "history", &history->rows.when);
    }
    mw_protocol_read_replies(L, table, "history", "error", history->error, &history->error_count);
    history->known = true;
    lua_pop(L, 1);
}
