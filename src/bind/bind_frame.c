/* bind_frame.c - rows, columns and text of moonwick.frame. */
#include "bind/bind_frame.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "bind/bind_bar.h"
#include "bind/bind_column.h"
#include "bind/bind_indicator.h"
#include "bind/class.h"

/* The columns come first: column number c is kept in user value c + 1. */
enum frame_field {
    FRAME_TIME,
    FRAME_OPEN,
    FRAME_HIGH,
    FRAME_LOW,
    FRAME_CLOSE,
    FRAME_VOLUME,
    FRAME_TURNOVER,
    FRAME_TRADES,
    FRAME_COLUMN_COUNT,
    FRAME_COMPLETE = FRAME_COLUMN_COUNT,
    FRAME_REASON,
    FRAME_SYMBOL,
    FRAME_FREQUENCY,
    FRAME_FEED,
    FRAME_FIELD_COUNT,
};

static const char *const frame_fields[] = {
    "time",   "open",     "high",   "low",    "close",     "volume", "turnover",
    "trades", "complete", "reason", "symbol", "frequency", "feed",   NULL,
};

static double candle_value(const struct mw_candle *candle, int column)
{
    switch (column) {
    case FRAME_TIME:
        return (double)candle->open_ms;
    case FRAME_OPEN:
        return candle->open;
    case FRAME_HIGH:
        return candle->high;
    case FRAME_LOW:
        return candle->low;
    case FRAME_CLOSE:
        return candle->close;
    case FRAME_VOLUME:
        return candle->volume;
    case FRAME_TURNOVER:
        return candle->turnover;
    default:
        return candle->trades;
    }
}

int mw_frame_column(const char *name)
{
    for (int column = 0; column < FRAME_COLUMN_COUNT; column++)
        if (strcmp(frame_fields[column], name) == 0)
            return column;
    return -1;
}

bool mw_frame_has_column(const struct mw_frame *frame, int column)
{
    return frame->fields == 0 || (frame->fields >> column & 1) != 0;
}

/* Without a choice for each row where a column is a field of doubles. */
static void fill_column(const struct mw_frame *frame, int column, double *values)
{
    static const size_t offsets[FRAME_COLUMN_COUNT] = {
        [FRAME_OPEN] = offsetof(struct mw_candle, open),
        [FRAME_HIGH] = offsetof(struct mw_candle, high),
        [FRAME_LOW] = offsetof(struct mw_candle, low),
        [FRAME_CLOSE] = offsetof(struct mw_candle, close),
        [FRAME_VOLUME] = offsetof(struct mw_candle, volume),
        [FRAME_TURNOVER] = offsetof(struct mw_candle, turnover),
    };
    uint32_t count = frame->count;
    const unsigned char *at = (const unsigned char *)frame->rows + offsets[column];
    if (offsets[column] == 0) {
        for (uint32_t i = 0; i < count; i++)
            values[i] = candle_value(&frame->rows[i], column);
        return;
    }
    for (uint32_t i = 0; i < count; i++, at += sizeof(frame->rows[0]))
        memcpy(&values[i], at, sizeof(values[i]));
}

const double *mw_frame_push_column(lua_State *L, const struct mw_frame *frame, int column)
{
    if (lua_getiuservalue(L, 1, column + 1) != LUA_TNIL) {
        const struct mw_column *made = lua_touserdata(L, -1);
        return made->values;
    }
    lua_pop(L, 1);
    double *values = mw_column_new(L, frame->count);
    fill_column(frame, column, values);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, column + 1);
    return values;
}

/* The same, of a frame that may not have it. Stack: [-0, +1, e] */
static void push_column(lua_State *L, const struct mw_frame *frame, int column)
{
    if (!mw_frame_has_column(frame, column))
        luaL_error(L, "the column \"%s\" is not among the fields that were asked for",
                   frame_fields[column]);
    mw_frame_push_column(L, frame, column);
}

/* Stack: [-0, +1, m] */
static void push_bar(lua_State *L, const struct mw_frame *frame, lua_Integer index)
{
    uint32_t at;
    if (mw_class_at(index, frame->count, &at))
        mw_bar_push(L, &frame->rows[at], &frame->key);
    else
        lua_pushnil(L);
}

static void push_frequency(lua_State *L, const struct mw_frame *frame)
{
    char text[MW_TIMEFRAME_BYTES_MAX];
    lua_pushstring(L, mw_timeframe_format(frame->key.timeframe, text));
}

/* Stack: [-0, +1, m] */
static void push_field(lua_State *L, const struct mw_frame *frame, int field)
{
    switch (field) {
    case FRAME_COMPLETE:
        lua_pushboolean(L, frame->complete);
        break;
    case FRAME_REASON:
        lua_pushstring(L, frame->reason); /* nil for NULL */
        break;
    case FRAME_SYMBOL:
        lua_pushstring(L, frame->key.symbol);
        break;
    case FRAME_FREQUENCY:
        push_frequency(L, frame);
        break;
    case FRAME_FEED:
        lua_pushstring(L, frame->key.feed);
        break;
    default:
        push_column(L, frame, field);
        break;
    }
}

/* frame:last() -> bar | nil */
static int frame_last(lua_State *L)
{
    const struct mw_frame *frame = mw_class_check(L, 1);
    push_bar(L, frame, -1);
    return 1;
}

/* frame:slice(i, j = -1) -> frame */
static int frame_slice(lua_State *L)
{
    const struct mw_frame *frame = mw_class_check(L, 1);
    uint32_t first, length;
    mw_class_check_slice(L, frame->count, &first, &length);
    struct mw_frame *slice = mw_frame_new(L, length);
    slice->count = length;
    slice->complete = frame->complete;
    slice->reason = frame->reason;
    slice->fields = frame->fields;
    slice->key = frame->key;
    memcpy(slice->rows, frame->rows + first, length * sizeof(*slice->rows));
    return 1;
}

/* frame[i] -> bar | nil; frame.name -> column, value or method */
static int frame_index(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TNUMBER) {
        const struct mw_frame *frame = mw_class_check(L, 1);
        push_bar(L, frame, lua_tointeger(L, 2)); /* 0, which is no place, for a fraction */
        return 1;
    }
    int field = mw_class_find(L, frame_fields, FRAME_FIELD_COUNT);
    if (field >= 0)
        push_field(L, lua_touserdata(L, 1), field);
    return 1;
}

/* #frame -> integer */
static int frame_len(lua_State *L)
{
    const struct mw_frame *frame = mw_class_check(L, 1);
    lua_pushinteger(L, frame->count);
    return 1;
}

static int frame_newindex(lua_State *L)
{
    return luaL_error(L, "a frame is read-only");
}

/* The table that tostring prints. A long frame shows its ends:
 *
 *     BTCUSDT 1m · 20 bars · complete
 *     time                     open     high  ...
 *     2018-04-04T00:00:00Z  7424.91  7430.00  ...
 *     ...
 *
 * Numbers of one column have as many decimals as the one that needs most. */
enum {
    TEXT_ROWS_MAX = 12, /* rows shown before some are left out */
    TEXT_ROWS_END = 5,  /* rows shown of each end when some are */
    TEXT_COLUMNS = 6,   /* time open high low close volume; the state has no width */
    TEXT_CELL_BYTES = 40,
    TEXT_DIGITS = 12, /* significant digits shown: hides what rounding adds to a sum */
    TEXT_DECIMALS_MAX = 12,
};

struct text {
    uint32_t rows[TEXT_ROWS_MAX]; /* places of the rows shown */
    uint32_t count;
    bool elided; /* some are left out after the first TEXT_ROWS_END */
    char cells[TEXT_ROWS_MAX + 1][TEXT_COLUMNS][TEXT_CELL_BYTES]; /* names first, then the rows */
    int widths[TEXT_COLUMNS];
};

static void choose_rows(struct text *text, uint32_t count)
{
    text->elided = count > TEXT_ROWS_MAX;
    text->count = text->elided ? 2 * TEXT_ROWS_END : count;
    for (uint32_t i = 0; i < text->count; i++)
        text->rows[i] = text->elided && i >= TEXT_ROWS_END ? count - text->count + i : i;
}

/* How many decimals the shortest plain form of `value` has: 2 for 7424.91, 8 for 7.12e-06. */
static int decimals_of(double value)
{
    char text[TEXT_CELL_BYTES];
    snprintf(text, sizeof(text), "%.*g", TEXT_DIGITS, value);
    const char *point = strchr(text, '.'), *exponent = strchr(text, 'e');
    int decimals = point != NULL ? (int)strspn(point + 1, "0123456789") : 0;
    if (exponent != NULL)
        decimals -= (int)strtol(exponent + 1, NULL, 10);
    decimals = decimals < 0 ? 0 : decimals;
    return decimals < TEXT_DECIMALS_MAX ? decimals : TEXT_DECIMALS_MAX;
}

static void fill_number_cells(struct text *text, const struct mw_frame *frame, int column)
{
    int decimals = 0;
    for (uint32_t i = 0; i < text->count; i++) {
        int wanted = decimals_of(candle_value(&frame->rows[text->rows[i]], column));
        decimals = wanted > decimals ? wanted : decimals;
    }
    for (uint32_t i = 0; i < text->count; i++) {
        double value = candle_value(&frame->rows[text->rows[i]], column);
        bool plain = fabs(value) < 1e15 || !isfinite(value);
        snprintf(text->cells[i + 1][column], TEXT_CELL_BYTES, plain ? "%.*f" : "%.*g",
                 plain ? decimals : TEXT_DIGITS, value);
    }
}

static void fill_cells(struct text *text, const struct mw_frame *frame)
{
    for (int column = 0; column < TEXT_COLUMNS; column++)
        snprintf(text->cells[0][column], TEXT_CELL_BYTES, "%s", frame_fields[column]);
    for (uint32_t i = 0; i < text->count; i++)
        mw_time_format(frame->rows[text->rows[i]].open_ms, text->cells[i + 1][FRAME_TIME]);
    for (int column = FRAME_OPEN; column < TEXT_COLUMNS; column++)
        fill_number_cells(text, frame, column);
    for (int column = 0; column < TEXT_COLUMNS; column++) {
        int widest = 0;
        for (uint32_t line = 0; line <= text->count; line++) {
            int width = (int)strlen(text->cells[line][column]);
            widest = width > widest ? width : widest;
        }
        text->widths[column] = widest;
    }
}

static void add_line(luaL_Buffer *buffer, const struct mw_frame *frame, const struct text *text,
                     uint32_t line, const char *state)
{
    char cell[TEXT_CELL_BYTES + 3];
    snprintf(cell, sizeof(cell), "\n%-*s", text->widths[FRAME_TIME], text->cells[line][FRAME_TIME]);
    luaL_addstring(buffer, cell);
    for (int column = FRAME_OPEN; column < TEXT_COLUMNS; column++) {
        if (!mw_frame_has_column(frame, column))
            continue;
        snprintf(cell, sizeof(cell), "  %*s", text->widths[column], text->cells[line][column]);
        luaL_addstring(buffer, cell);
    }
    luaL_addstring(buffer, "  ");
    luaL_addstring(buffer, state);
}

static const char *state_text(const struct mw_candle *candle)
{
    if (candle->state != MW_CANDLE_CLOSED)
        return "forming";
    return candle->flags & MW_CANDLE_REVISED ? "revised" : "closed";
}

/* Pushes the first line and returns it, borrowed from the stack. Stack: [-0, +1, m] */
static const char *push_title(lua_State *L, const struct mw_frame *frame)
{
    char frequency[MW_TIMEFRAME_BYTES_MAX];
    const char *reason = frame->complete ? NULL : frame->reason;
    return lua_pushfstring(L, "%s %s · %d bar%s · %s%s%s", frame->key.symbol,
                           mw_timeframe_format(frame->key.timeframe, frequency), (int)frame->count,
                           frame->count == 1 ? "" : "s",
                           frame->complete ? "complete" : "incomplete", reason != NULL ? ": " : "",
                           reason != NULL ? reason : "");
}

/* tostring(frame) -> the table above */
static int frame_tostring(lua_State *L)
{
    const struct mw_frame *frame = mw_class_check(L, 1);
    const char *title = push_title(L, frame);
    if (frame->count == 0)
        return 1;
    struct text text;
    choose_rows(&text, frame->count);
    fill_cells(&text, frame);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, title);
    add_line(&buffer, frame, &text, 0, "state");
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.elided && i == TEXT_ROWS_END)
            luaL_addstring(&buffer, "\n...");
        add_line(&buffer, frame, &text, i + 1, state_text(&frame->rows[text.rows[i]]));
    }
    luaL_pushresult(&buffer);
    return 1;
}

static const luaL_Reg frame_methods[] = {
    {"last", frame_last},
    {"slice", frame_slice},
    {NULL, NULL},
};

static const luaL_Reg frame_metamethods[] = {
    {"__index", frame_index},    {"__len", frame_len},           {"__newindex", frame_newindex},
    {"__pairs", mw_class_pairs}, {"__tostring", frame_tostring}, {NULL, NULL},
};

static const struct mw_class frame_class = {MW_FRAME_TYPE, "frame", frame_fields, frame_methods,
                                            frame_metamethods};

struct mw_frame *mw_frame_new(lua_State *L, uint32_t capacity)
{
    size_t bytes = sizeof(struct mw_frame) + capacity * sizeof(struct mw_candle);
    struct mw_frame *frame = lua_newuserdatauv(L, bytes, FRAME_COLUMN_COUNT);
    memset(frame, 0, sizeof(*frame));
    frame->capacity = capacity;
    mw_class_set(L, &frame_class);
    return frame;
}

void mw_frame_register(lua_State *L)
{
    mw_class_register(L, &frame_class);
    mw_indicator_add_frame_methods(L, &frame_class);
}
