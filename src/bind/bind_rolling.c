/* bind_rolling.c - methods of moonwick.rolling. */
#include "bind/bind_rolling.h"

#include "base/check.h"
#include "bind/bind_column.h"
#include "bind/bind_indicator.h"
#include "bind/class.h"

/* The userdata; its user value is the column. */
struct rolling {
    double n;
};

/* Pushes what the indicator makes of each n values. Stack: [-0, +1 (and more below it), m] */
static int push_rolled(lua_State *L, const char *name)
{
    const struct rolling *rolling = mw_class_check(L, 1);
    const struct mw_indicator *indicator = mw_indicator_find(name);
    MW_CHECK(indicator != NULL);
    const struct mw_bound_indicator *bound = mw_bound_indicator_push(L, indicator);
    MW_CHECK(bound->param_count == 1 && bound->output_count == 1);
    lua_getiuservalue(L, 1, 1);
    const struct mw_column *column = lua_touserdata(L, -1);
    const double *in[] = {column->values};
    mw_bound_indicator_run(L, bound, &rolling->n, in, column->count);
    return 1;
}

/* rolling:max() -> column */
static int rolling_max(lua_State *L)
{
    return push_rolled(L, "highest");
}

/* rolling:mean() -> column */
static int rolling_mean(lua_State *L)
{
    return push_rolled(L, "sma");
}

/* rolling:min() -> column */
static int rolling_min(lua_State *L)
{
    return push_rolled(L, "lowest");
}

/* rolling:std() -> column */
static int rolling_std(lua_State *L)
{
    return push_rolled(L, "stddev");
}

/* rolling:sum() -> column */
static int rolling_sum(lua_State *L)
{
    return push_rolled(L, "rolling_sum");
}

static const char *const rolling_fields[] = {NULL}; /* methods only */

/* rolling.name -> method */
static int rolling_index(lua_State *L)
{
    mw_class_find(L, rolling_fields, 0);
    return 1;
}

static int rolling_newindex(lua_State *L)
{
    return luaL_error(L, "a rolling is read-only");
}

/* tostring(rolling) -> "each 20 of column of 500: ..." */
static int rolling_tostring(lua_State *L)
{
    const struct rolling *rolling = mw_class_check(L, 1);
    lua_getiuservalue(L, 1, 1);
    lua_pushfstring(L, "each %I of %s", (LUAI_UACINT)rolling->n, luaL_tolstring(L, -1, NULL));
    return 1;
}

static const luaL_Reg rolling_methods[] = {
    {"max", rolling_max}, {"mean", rolling_mean}, {"min", rolling_min},
    {"std", rolling_std}, {"sum", rolling_sum},   {NULL, NULL},
};

static const luaL_Reg rolling_metamethods[] = {
    {"__index", rolling_index},
    {"__newindex", rolling_newindex},
    {"__tostring", rolling_tostring},
    {NULL, NULL},
};

static const struct mw_class rolling_class = {MW_ROLLING_TYPE, "rolling", rolling_fields,
                                              rolling_methods, rolling_metamethods};

int mw_rolling_of(lua_State *L)
{
    mw_class_check(L, 1);
    double params[MW_INDICATOR_PARAMS_MAX];
    const struct mw_indicator *sma = mw_indicator_find("sma");
    MW_CHECK(sma != NULL);
    struct mw_indicator named = *sma; /* what is misused is `rolling` */
    named.name = "rolling";
    lua_settop(L, 3);
    mw_bound_indicator_params(L, mw_bound_indicator_push(L, &named), 2, params);
    struct rolling *rolling = lua_newuserdatauv(L, sizeof(*rolling), 1);
    rolling->n = params[0];
    mw_class_set(L, &rolling_class);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

void mw_rolling_register(lua_State *L)
{
    mw_class_register(L, &rolling_class);
}
