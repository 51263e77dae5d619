/* bind_column.c - places, arithmetic and methods of moonwick.column. */
#include "bind/bind_column.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "bind/bind_indicator.h"
#include "bind/bind_rolling.h"
#include "market/maths.h"

enum {
    SHOWN_IN_FULL_MAX = 5, /* values of a column that tostring shows without leaving some out */
    SHOWN_AT_FRONT = 2,
};

static const struct mw_class column_class;

/* The column at `index`, or NULL. What it begins with says so at half the price of its metatable,
 * which counts for `column[i]`. What is smaller may be anything, also no full userdata. */
static const struct mw_column *test_column(lua_State *L, int index)
{
    const struct mw_column *column = lua_touserdata(L, index);
    return column != NULL && lua_rawlen(L, index) >= sizeof(*column) &&
                   column->class == &column_class
               ? column
               : NULL;
}

/* column:first() -> number | nil */
static int method_first(lua_State *L)
{
    mw_class_check(L, 1);
    lua_geti(L, 1, 1);
    return 1;
}

/* column:last() -> number | nil */
static int method_last(lua_State *L)
{
    mw_class_check(L, 1);
    lua_geti(L, 1, -1);
    return 1;
}

/* column:max() -> number */
static int method_max(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushnumber(L, mw_maths_max(column->values, column->count));
    return 1;
}

/* column:mean() -> number */
static int method_mean(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushnumber(L, mw_maths_mean(column->values, column->count));
    return 1;
}

/* column:min() -> number */
static int method_min(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushnumber(L, mw_maths_min(column->values, column->count));
    return 1;
}

/* column:slice(i, j = -1) -> column */
static int method_slice(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    uint32_t first, length;
    mw_class_check_slice(L, column->count, &first, &length);
    double *out = mw_column_new(L, length);
    memcpy(out, column->values + first, length * sizeof(*out));
    return 1;
}

/* column:std() -> number */
static int method_std(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushnumber(L, mw_maths_std(column->values, column->count));
    return 1;
}

/* column:sum() -> number */
static int method_sum(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushnumber(L, mw_maths_sum(column->values, column->count));
    return 1;
}

/* column:table() -> table */
static int method_table(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_createtable(L, (int)column->count, 0);
    for (uint32_t i = 0; i < column->count; i++) {
        lua_pushnumber(L, column->values[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* One side of an operator: a column, or a number that stands for as many as are wanted. */
struct operand {
    const double *values;
    size_t step; /* 0 for a number */
    uint32_t count;
    double number;
};

/* Reads the side at `index` into `operand`, which must stay where it is. */
static void check_operand(lua_State *L, int index, struct operand *operand)
{
    const struct mw_column *column = mw_class_test(L, index);
    if (column != NULL) {
        *operand = (struct operand){column->values, 1, column->count, 0};
        return;
    }
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "column arithmetic takes a column or a number, got %s",
                   luaL_typename(L, index));
    *operand = (struct operand){&operand->number, 0, 0, lua_tonumber(L, index)};
}

/* Inlined with a known operator, so that the loop has no call in it. */
static inline int calculate(lua_State *L, double (*operator)(double a, double b))
{
    struct operand a, b;
    check_operand(L, 1, &a);
    check_operand(L, 2, &b);
    if (a.step == 1 && b.step == 1 && a.count != b.count)
        return luaL_error(L, "columns differ in length: %d and %d", (int)a.count, (int)b.count);
    uint32_t count = a.step == 1 ? a.count : b.count;
    double *out = mw_column_new(L, count);
    for (size_t i = 0; i < count; i++)
        out[i] = operator(a.values[i * a.step], b.values[i * b.step]);
    return 1;
}

static double sum_of(double a, double b)
{
    return a + b;
}

static double difference_of(double a, double b)
{
    return a - b;
}

static double product_of(double a, double b)
{
    return a * b;
}

static double quotient_of(double a, double b)
{
    return a / b;
}

/* As Lua's % on floats: the result has the sign of b. */
static double remainder_of(double a, double b)
{
    double remainder = fmod(a, b);
    bool opposite = remainder > 0 ? b < 0 : remainder < 0 && b > 0;
    return opposite ? remainder + b : remainder;
}

static double negative_of(double a, double unused)
{
    (void)unused;
    return -a;
}

/* column + column | number -> column */
static int column_add(lua_State *L)
{
    return calculate(L, sum_of);
}

/* column / column | number -> column */
static int column_div(lua_State *L)
{
    return calculate(L, quotient_of);
}

static const char *const column_fields[] = {NULL}; /* methods only */

/* column[i] -> number | nil; column.name -> method */
static int column_index(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TNUMBER) {
        mw_class_find(L, column_fields, 0);
        return 1;
    }
    const struct mw_column *column = test_column(L, 1);
    if (column == NULL)
        column = mw_class_check(L, 1);
    uint32_t at;
    if (mw_class_at(lua_tointeger(L, 2), column->count, &at))
        lua_pushnumber(L, column->values[at]);
    else
        lua_pushnil(L);
    return 1;
}

/* #column -> integer */
static int column_len(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    lua_pushinteger(L, column->count);
    return 1;
}

/* column % column | number -> column */
static int column_mod(lua_State *L)
{
    return calculate(L, remainder_of);
}

/* column * column | number -> column */
static int column_mul(lua_State *L)
{
    return calculate(L, product_of);
}

static int column_newindex(lua_State *L)
{
    return luaL_error(L, "a column is read-only");
}

/* column ^ column | number -> column */
static int column_pow(lua_State *L)
{
    return calculate(L, pow);
}

/* column - column | number -> column */
static int column_sub(lua_State *L)
{
    return calculate(L, difference_of);
}

static void add_value(luaL_Buffer *text, const char *before, double value)
{
    char number[MW_DECIMAL_TEXT_BYTES];
    luaL_addstring(text, before);
    luaL_addstring(text, mw_decimal_format(value, number));
}

/* tostring(column) -> "column of 21: 7424.91, 7422, ... 6789.5" */
static int column_tostring(lua_State *L)
{
    const struct mw_column *column = mw_class_check(L, 1);
    bool all = column->count <= SHOWN_IN_FULL_MAX;
    uint32_t shown = all ? column->count : SHOWN_AT_FRONT;
    const char *name = lua_pushfstring(L, "column of %d", (int)column->count);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, name);
    for (uint32_t i = 0; i < shown; i++)
        add_value(&text, i == 0 ? ": " : ", ", column->values[i]);
    if (!all)
        add_value(&text, ", ... ", column->values[column->count - 1]);
    luaL_pushresult(&text);
    return 1;
}

/* -column -> column; Lua hands the operand over twice */
static int column_unm(lua_State *L)
{
    return calculate(L, negative_of);
}

static const luaL_Reg column_methods[] = {
    {"first", method_first}, {"last", method_last}, {"max", method_max},
    {"mean", method_mean},   {"min", method_min},   {"rolling", mw_rolling_of},
    {"slice", method_slice}, {"std", method_std},   {"sum", method_sum},
    {"table", method_table}, {NULL, NULL},
};

static const luaL_Reg column_metamethods[] = {
    {"__add", column_add},
    {"__div", column_div},
    {"__index", column_index},
    {"__len", column_len},
    {"__mod", column_mod},
    {"__mul", column_mul},
    {"__newindex", column_newindex},
    {"__pairs", mw_class_pairs},
    {"__pow", column_pow},
    {"__sub", column_sub},
    {"__tostring", column_tostring},
    {"__unm", column_unm},
    {NULL, NULL},
};

static const struct mw_class column_class = {MW_COLUMN_TYPE, "column", column_fields,
                                             column_methods, column_metamethods};

double *mw_column_new(lua_State *L, uint32_t count)
{
    size_t bytes = sizeof(struct mw_column) + count * sizeof(double);
    struct mw_column *column = lua_newuserdatauv(L, bytes, 0);
    column->class = &column_class;
    column->count = count;
    mw_class_set(L, &column_class);
    return column->values;
}

const struct mw_column *mw_column_find(lua_State *L, int index)
{
    return test_column(L, index);
}

void mw_column_register(lua_State *L)
{
    mw_class_register(L, &column_class);
    mw_indicator_add_column_methods(L, &column_class);
    mw_rolling_register(L);
}
