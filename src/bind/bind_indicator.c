/* bind_indicator.c - arguments of indicators, and their methods of columns and frames. */
#include "bind/bind_indicator.h"

#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "base/decimal.h"
#include "base/str.h"
#include "bind/bind_column.h"
#include "bind/bind_frame.h"

enum {
    UPVALUE_BOUND = MW_CLASS_UPVALUES + 1,
    STATE_DOUBLES = 512, /* a state of 4 KiB is on the C stack: any n up to about 250 */
};

/* --- parameters ------------------------------------------------------------------------------- */

/* Pushes how an error shows the value at `index`. Stack: [-0, +1, m] */
static const char *push_given(lua_State *L, int index)
{
    if (lua_isnone(L, index))
        return lua_pushliteral(L, "no value");
    if (lua_type(L, index) == LUA_TSTRING)
        return lua_pushfstring(L, "\"%s\"", lua_tostring(L, index)); /* "2" is not 2 */
    if (lua_type(L, index) != LUA_TUSERDATA)
        return luaL_tolstring(L, index, NULL);
    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
        return lua_tostring(L, -1);
    return lua_pushliteral(L, "userdata");
}

/* "fast must be an integer from 1 to 1048576, got x" for the value at `given`, an argument error of
 * argument `arg`. */
static int refuse_value(lua_State *L, const struct mw_indicator_param *param, int arg, int given)
{
    char least[MW_DECIMAL_TEXT_BYTES], most[MW_DECIMAL_TEXT_BYTES];
    const char *shown = push_given(L, given);
    mw_decimal_format(param->least, least);
    const char *kind = param->whole ? "an integer" : "a number";
    if (isfinite(param->most))
        shown = lua_pushfstring(L, "%s must be %s from %s to %s, got %s", param->name, kind, least,
                                mw_decimal_format(param->most, most), shown);
    else
        shown = lua_pushfstring(L, "%s must be %s of %s or more, got %s", param->name, kind, least,
                                shown);
    return luaL_argerror(L, arg, shown);
}

static bool is_fine(const struct mw_indicator_param *param, double value)
{
    return value >= param->least && value <= param->most &&
           (!param->whole || value == floor(value));
}

/* The value at `given`, for argument `arg`; its default for nil. */
static double check_param(lua_State *L, const struct mw_indicator_param *param, int arg, int given)
{
    double value = param->usual;
    if (lua_type(L, given) == LUA_TNUMBER)
        value = lua_tonumber(L, given);
    else if (!lua_isnoneornil(L, given))
        refuse_value(L, param, arg, given);
    if (!is_fine(param, value))
        refuse_value(L, param, arg, given);
    return value;
}

static int refuse_name(lua_State *L, const struct mw_bound_indicator *bound, int index)
{
    const struct mw_indicator *indicator = bound->indicator;
    const char *names[MW_INDICATOR_PARAMS_MAX];
    if (lua_type(L, -2) != LUA_TSTRING)
        return luaL_argerror(L, index,
                             lua_pushfstring(L, "%s takes named parameters, got a %s as name",
                                             indicator->name, luaL_typename(L, -2)));
    for (uint32_t i = 0; i < bound->param_count; i++)
        names[i] = indicator->params[i].name;
    const char *name = lua_tostring(L, -2);
    const char *near = mw_nearest_name(name, names, bound->param_count);
    return luaL_argerror(L, index,
                         lua_pushfstring(L,
                                         near != NULL
                                             ? "%s has no parameter \"%s\", did you mean \"%s\"?"
                                             : "%s has no parameter \"%s\"",
                                         indicator->name, name, near));
}

static bool has_param(const struct mw_bound_indicator *bound, const char *name)
{
    for (uint32_t i = 0; i < bound->param_count; i++)
        if (strcmp(name, bound->indicator->params[i].name) == 0)
            return true;
    return false;
}

/* Parameters by name, from the table at `index`. */
static void read_named(lua_State *L, const struct mw_bound_indicator *bound, int index,
                       double *params)
{
    const struct mw_indicator *indicator = bound->indicator;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TSTRING || !has_param(bound, lua_tostring(L, -2)))
            refuse_name(L, bound, index);
    for (uint32_t i = 0; i < bound->param_count; i++) {
        lua_pushstring(L, indicator->params[i].name);
        lua_rawget(L, index);
        params[i] = check_param(L, &indicator->params[i], index, lua_gettop(L));
        lua_pop(L, 1);
    }
}

static int refuse_count(lua_State *L, const struct mw_bound_indicator *bound, int first)
{
    const struct mw_indicator *indicator = bound->indicator;
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, "too many arguments: ");
    luaL_addstring(&text, indicator->name);
    luaL_addstring(&text, bound->param_count > 0 ? " takes " : " takes none");
    for (uint32_t i = 0; i < bound->param_count; i++) {
        luaL_addstring(&text, i > 0 ? ", " : "");
        luaL_addstring(&text, indicator->params[i].name);
    }
    luaL_pushresult(&text);
    return luaL_argerror(L, first + bound->param_count, lua_tostring(L, -1));
}

void mw_bound_indicator_params(lua_State *L, const struct mw_bound_indicator *bound, int first,
                               double *params)
{
    const struct mw_indicator *indicator = bound->indicator;
    if (lua_type(L, first) == LUA_TTABLE) {
        if (!lua_isnoneornil(L, first + 1))
            refuse_count(L, bound, first + 1 - bound->param_count);
        read_named(L, bound, first, params);
    } else {
        if (!lua_isnoneornil(L, first + bound->param_count))
            refuse_count(L, bound, first);
        for (int i = 0; i < bound->param_count; i++)
            params[i] = check_param(L, &indicator->params[i], first + i, first + i);
    }
    if (indicator->check != NULL) {
        struct mw_error err;
        if (indicator->check(params, &err) != MW_OK)
            luaL_argerror(L, first, lua_pushstring(L, err.message));
    }
}

/* --- whole columns ---------------------------------------------------------------------------- */

struct mw_bound_indicator *mw_bound_indicator_push(lua_State *L,
                                                   const struct mw_indicator *indicator)
{
    struct mw_bound_indicator *bound = lua_newuserdatauv(L, sizeof(*bound), 0);
    *bound = (struct mw_bound_indicator){
        .indicator = indicator,
        .param_count = (uint8_t)mw_indicator_param_count(indicator),
        .input_count = (uint8_t)mw_indicator_input_count(indicator),
        .output_count = (uint8_t)mw_indicator_output_count(indicator),
        .takes_bars = indicator->inputs[0] == 'B',
        .takes_pair = strcmp(indicator->inputs, "vw") == 0,
    };
    return bound;
}

void mw_bound_indicator_run(lua_State *L, const struct mw_bound_indicator *bound,
                            const double *params, const double *const *in, uint32_t count)
{
    double small[STATE_DOUBLES];
    double *out[MW_INDICATOR_COLUMNS_MAX];
    struct mw_indicator_call call = {params, in, out, count, small};
    size_t bytes = mw_indicator_bytes(bound->indicator, params);
    if (bytes > sizeof(small))
        call.state = lua_newuserdatauv(L, bytes, 0);
    for (uint32_t i = 0; i < bound->output_count; i++)
        out[i] = mw_column_new(L, count);
    mw_indicator_run(bound->indicator, &call);
}

/* The second of a pair, at index 2: a column of `count` values, or a number for all of them.
 * Stack: [-0, +0..1, v] */
static const double *check_other(lua_State *L, uint32_t count, const struct mw_column *other)
{
    if (other != NULL) {
        if (other->count != count)
            luaL_error(L, "columns differ in length: %d and %d", (int)count, (int)other->count);
        return other->values;
    }
    if (lua_type(L, 2) != LUA_TNUMBER) {
        const char *given = lua_isuserdata(L, 2) ? push_given(L, 2) : luaL_typename(L, 2);
        luaL_argerror(L, 2, lua_pushfstring(L, "want a column or a number, got %s", given));
    }
    double number = lua_tonumber(L, 2);
    double *values = mw_column_new(L, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = number;
    return values;
}

/* column:NAME(...) -> column ... */
static int column_indicator(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    const struct mw_bound_indicator *bound = lua_touserdata(L, lua_upvalueindex(UPVALUE_BOUND));
    const double *in[MW_INDICATOR_COLUMNS_MAX] = {column->values};
    double params[MW_INDICATOR_PARAMS_MAX];
    mw_bound_indicator_params(L, bound, bound->takes_pair ? 3 : 2, params);
    if (bound->takes_pair)
        in[1] = check_other(L, column->count, mw_class_test(L, 2));
    mw_bound_indicator_run(L, bound, params, in, column->count);
    return bound->output_count;
}

const char *mw_indicator_input_name(char letter)
{
    switch (letter) {
    case 'o':
        return "open";
    case 'h':
        return "high";
    case 'l':
        return "low";
    case 'c':
        return "close";
    case 'v':
        return "volume";
    default:
        return "time";
    }
}

/* Pushes the column of the frame at index 1 that `letter` means. Stack: [-0, +1, v] */
static const double *push_input(lua_State *L, const struct mw_frame *frame, const char *who,
                                char letter)
{
    const char *name = mw_indicator_input_name(letter);
    int column = mw_frame_column(name);
    if (!mw_frame_has_column(frame, column))
        luaL_error(L,
                   "%s needs the column \"%s\", which is not among the fields that were asked for",
                   who, name);
    return mw_frame_push_column(L, frame, column);
}

/* frame:NAME(...) -> column ...; of the closes, where it takes one column */
static int frame_indicator(lua_State *L)
{
    const struct mw_frame *frame = mw_class_check(L, 1);
    const struct mw_bound_indicator *bound = lua_touserdata(L, lua_upvalueindex(UPVALUE_BOUND));
    const struct mw_indicator *indicator = bound->indicator;
    const double *in[MW_INDICATOR_COLUMNS_MAX];
    double params[MW_INDICATOR_PARAMS_MAX];
    mw_bound_indicator_params(L, bound, bound->takes_pair ? 3 : 2, params);
    if (bound->takes_bars) {
        for (uint32_t i = 0; i < bound->input_count; i++)
            in[i] = push_input(L, frame, indicator->name, indicator->inputs[i + 1]);
    } else {
        in[0] = push_input(L, frame, indicator->name, 'c');
        if (bound->takes_pair)
            in[1] = check_other(L, frame->count, mw_column_find(L, 2));
    }
    mw_bound_indicator_run(L, bound, params, in, frame->count);
    return bound->output_count;
}

static void add_methods(lua_State *L, const struct mw_class *class, bool takes_bars,
                        lua_CFunction function)
{
    uint32_t count;
    const struct mw_indicator *const *all = mw_indicators(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (!mw_bound_indicator_push(L, all[i])->takes_bars || takes_bars)
            mw_class_add_method(L, class, all[i]->name, function);
        else
            lua_pop(L, 1);
    }
}

void mw_indicator_add_column_methods(lua_State *L, const struct mw_class *class)
{
    add_methods(L, class, false, column_indicator);
}

void mw_indicator_add_frame_methods(lua_State *L, const struct mw_class *class)
{
    add_methods(L, class, true, frame_indicator);
}
