/* bind_stream.c - methods of moonwick.indicator, and the module moonwick.indicators. */
#include "bind/bind_stream.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "bind/bind_bar.h"
#include "bind/bind_indicator.h"
#include "bind/class.h"

/* The userdata. */
struct stream {
    struct mw_bound_indicator bound;
    lua_Integer count; /* rows since the start or the last reset */
    double params[MW_INDICATOR_PARAMS_MAX];
    double out[MW_INDICATOR_COLUMNS_MAX]; /* of the last row; NaN before the first */
    double state[];
};

static void reset(struct stream *stream)
{
    stream->count = 0;
    for (int i = 0; i < MW_INDICATOR_COLUMNS_MAX; i++)
        stream->out[i] = (double)NAN;
    stream->bound.indicator->init(stream->state, stream->params);
}

static int push_outputs(lua_State *L, const struct stream *stream)
{
    for (uint32_t i = 0; i < stream->bound.output_count; i++)
        lua_pushnumber(L, stream->out[i]);
    return stream->bound.output_count;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Of a bar, an indicator of one column sees the close, as it does of a frame. */
static char input_letter(const struct mw_bound_indicator *bound, uint32_t input)
{
    return bound->takes_bars ? bound->indicator->inputs[input + 1] : 'c';
}

static double bar_input(const struct mw_candle *candle, char letter)
{
    switch (letter) {
    case 'o':
        return candle->open;
    case 'h':
        return candle->high;
    case 'l':
        return candle->low;
    case 'c':
        return candle->close;
    case 'v':
        return candle->volume;
    default:
        return (double)candle->open_ms;
    }
}

/* What argument `input` of push is, for messages. */
static const char *input_name(const struct mw_bound_indicator *bound, uint32_t input)
{
    if (bound->takes_bars)
        return mw_indicator_input_name(bound->indicator->inputs[input + 1]);
    return input == 0 ? "value" : "other";
}

static int refuse_row(lua_State *L, const struct mw_bound_indicator *bound, const char *given)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, bound->indicator->name);
    if (bound->takes_bars) {
        luaL_addstring(&text, ":push takes a bar, or numbers:");
        for (uint32_t i = 0; i < bound->input_count; i++) {
            luaL_addstring(&text, i > 0 ? ", " : " ");
            luaL_addstring(&text, input_name(bound, i));
        }
    } else {
        luaL_addstring(&text, bound->takes_pair ? ":push takes two numbers"
                                                : ":push takes a number, or a bar");
    }
    luaL_addstring(&text, "; got ");
    luaL_addstring(&text, given);
    luaL_pushresult(&text);
    return luaL_argerror(L, 2, lua_tostring(L, -1));
}

/* A table of a bar's fields at index 2. */
static void read_table(lua_State *L, const struct mw_bound_indicator *bound, double *in)
{
    for (uint32_t i = 0; i < bound->input_count; i++) {
        const char *name = mw_indicator_input_name(input_letter(bound, i));
        lua_pushstring(L, name);
        if (lua_rawget(L, 2) != LUA_TNUMBER)
            refuse_row(L, bound,
                       lua_pushfstring(L, "a table in which %s is %s", name, luaL_typename(L, -1)));
        in[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
}

/* The numbers from index 2 on. */
static void read_numbers(lua_State *L, const struct mw_bound_indicator *bound, double *in)
{
    int given = lua_gettop(L) - 1;
    if (given != bound->input_count)
        refuse_row(L, bound, lua_pushfstring(L, "%d value%s", given, given == 1 ? "" : "s"));
    for (uint32_t i = 0; i < bound->input_count; i++) {
        int index = (int)i + 2;
        if (lua_type(L, index) != LUA_TNUMBER)
            refuse_row(L, bound, luaL_typename(L, index));
        in[i] = lua_tonumber(L, index);
    }
}

static void read_row(lua_State *L, const struct mw_bound_indicator *bound, double *in)
{
    const struct mw_bar *bar = NULL;
    if (lua_type(L, 2) == LUA_TNUMBER || bound->takes_pair)
        read_numbers(L, bound, in);
    else if (lua_type(L, 2) == LUA_TTABLE)
        read_table(L, bound, in);
    else if ((bar = mw_bar_find(L, 2)) == NULL)
        read_numbers(L, bound, in);
    for (uint32_t i = 0; bar != NULL && i < bound->input_count; i++)
        in[i] = bar_input(&bar->candle, input_letter(bound, i));
}

/* --- methods ---------------------------------------------------------------------------------- */

/* indicator:count() -> integer */
static int stream_count(lua_State *L)
{
    const struct stream *stream = mw_class_check(L, 1);
    lua_pushinteger(L, stream->count);
    return 1;
}

/* indicator:firsts() -> integer ...; the number of the first row with a value, one per output */
static int stream_firsts(lua_State *L)
{
    const struct stream *stream = mw_class_check(L, 1);
    for (uint32_t i = 0; i < stream->bound.output_count; i++)
        lua_pushinteger(L, (lua_Integer)stream->bound.indicator->first(stream->params, i) + 1);
    return stream->bound.output_count;
}

/* indicator:push(value | bar | table | numbers) -> number ... */
static int stream_push(lua_State *L)
{
    struct stream *stream = mw_class_check(L, 1);
    double in[MW_INDICATOR_COLUMNS_MAX];
    read_row(L, &stream->bound, in);
    stream->bound.indicator->step(stream->state, in, stream->out);
    stream->count++;
    return push_outputs(L, stream);
}

/* indicator:reset() */
static int stream_reset(lua_State *L)
{
    reset(mw_class_check(L, 1));
    return 0;
}

/* indicator:value() -> number ... */
static int stream_value(lua_State *L)
{
    return push_outputs(L, mw_class_check(L, 1));
}

static const char *const stream_fields[] = {NULL}; /* methods only */

/* indicator.name -> method */
static int stream_index(lua_State *L)
{
    mw_class_find(L, stream_fields, 0);
    return 1;
}

static int stream_newindex(lua_State *L)
{
    return luaL_error(L, "an indicator is read-only");
}

/* tostring(indicator) -> "macd(fast = 12, slow = 26, signal = 9), 40 rows: 1.5, 1.25, 0.25" */
static int stream_tostring(lua_State *L)
{
    const struct stream *stream = mw_class_check(L, 1);
    const struct mw_indicator *indicator = stream->bound.indicator;
    char number[MW_DECIMAL_TEXT_BYTES];
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, indicator->name);
    luaL_addstring(&text, "(");
    for (uint32_t i = 0; i < stream->bound.param_count; i++) {
        luaL_addstring(&text, i > 0 ? ", " : "");
        luaL_addstring(&text, indicator->params[i].name);
        luaL_addstring(&text, " = ");
        luaL_addstring(&text, mw_decimal_format(stream->params[i], number));
    }
    luaL_addstring(&text, "), ");
    lua_pushinteger(L, stream->count);
    luaL_addvalue(&text);
    luaL_addstring(&text, stream->count == 1 ? " row" : " rows");
    for (uint32_t i = 0; i < stream->bound.output_count; i++) {
        luaL_addstring(&text, i > 0 ? ", " : ": ");
        luaL_addstring(&text, mw_decimal_format(stream->out[i], number));
    }
    luaL_pushresult(&text);
    return 1;
}

static const luaL_Reg stream_methods[] = {
    {"count", stream_count}, {"firsts", stream_firsts}, {"push", stream_push},
    {"reset", stream_reset}, {"value", stream_value},   {NULL, NULL},
};

static const luaL_Reg stream_metamethods[] = {
    {"__index", stream_index},
    {"__newindex", stream_newindex},
    {"__tostring", stream_tostring},
    {NULL, NULL},
};

static const struct mw_class stream_class = {MW_STREAM_TYPE, "indicator", stream_fields,
                                             stream_methods, stream_metamethods};

void mw_stream_register(lua_State *L)
{
    mw_class_register(L, &stream_class);
}

/* --- the module ------------------------------------------------------------------------------- */

/* indicators.NAME(...) -> indicator. Upvalue: the bound indicator */
static int make_stream(lua_State *L)
{
    const struct mw_bound_indicator *bound = lua_touserdata(L, lua_upvalueindex(1));
    double params[MW_INDICATOR_PARAMS_MAX] = {0};
    mw_bound_indicator_params(L, bound, 1, params);
    size_t bytes = mw_indicator_bytes(bound->indicator, params);
    struct stream *stream = lua_newuserdatauv(L, sizeof(*stream) + bytes, 0);
    stream->bound = *bound;
    memcpy(stream->params, params, sizeof(params));
    reset(stream);
    mw_class_set(L, &stream_class);
    return 1;
}

/* Stack: [-0, +1, m] */
static void push_param(lua_State *L, const struct mw_indicator_param *param)
{
    lua_createtable(L, 0, 5);
    lua_pushstring(L, param->name);
    lua_setfield(L, -2, "name");
    if (!isnan(param->usual)) {
        if (param->whole)
            lua_pushinteger(L, (lua_Integer)param->usual);
        else
            lua_pushnumber(L, param->usual);
        lua_setfield(L, -2, "default");
    }
    lua_pushnumber(L, param->least);
    lua_setfield(L, -2, "least");
    lua_pushnumber(L, param->most);
    lua_setfield(L, -2, "most");
    lua_pushboolean(L, param->whole);
    lua_setfield(L, -2, "whole");
}

/* Sets `firsts` of the table on top, unless a parameter has no default. Stack: [-0, +0, m] */
static void set_firsts(lua_State *L, const struct mw_bound_indicator *bound)
{
    double params[MW_INDICATOR_PARAMS_MAX] = {0};
    for (uint32_t i = 0; i < bound->param_count; i++) {
        params[i] = bound->indicator->params[i].usual;
        if (isnan(params[i]))
            return;
    }
    lua_createtable(L, bound->output_count, 0);
    for (uint32_t i = 0; i < bound->output_count; i++) {
        lua_pushinteger(L, (lua_Integer)bound->indicator->first(params, i) + 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "firsts");
}

/* Stack: [-0, +1, m] */
static void push_entry(lua_State *L, const struct mw_indicator *indicator)
{
    const struct mw_bound_indicator bound = *mw_bound_indicator_push(L, indicator);
    lua_pop(L, 1);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, indicator->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, bound.takes_bars ? "bars" : bound.takes_pair ? "pair" : "column");
    lua_setfield(L, -2, "takes");
    lua_createtable(L, bound.param_count, 0);
    for (uint32_t i = 0; i < bound.param_count; i++) {
        push_param(L, &indicator->params[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "params");
    lua_createtable(L, bound.input_count, 0);
    for (uint32_t i = 0; i < bound.input_count; i++) {
        lua_pushstring(L, input_name(&bound, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "inputs");
    lua_createtable(L, bound.output_count, 0);
    for (uint32_t i = 0; i < bound.output_count; i++) {
        char name[MW_INDICATOR_NAME_BYTES];
        lua_pushstring(L, mw_indicator_output_name(indicator, i, name));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "outputs");
    set_firsts(L, &bound);
}

/* indicators.list() -> list of tables: name, takes, params, inputs, outputs, firsts */
static int list_indicators(lua_State *L)
{
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        push_entry(L, all[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg indicators_functions[] = {{"list", list_indicators}, {NULL, NULL}};

void mw_indicators_push(lua_State *L)
{
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    lua_createtable(L, 0, (int)count + 1);
    luaL_setfuncs(L, indicators_functions, 0);
    for (uint32_t i = 0; i < count; i++) {
        mw_bound_indicator_push(L, all[i]);
        lua_pushcclosure(L, make_stream, 1);
        lua_setfield(L, -2, all[i]->name);
    }
}
