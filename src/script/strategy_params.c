/* strategy_params.c - a script's parameters: its own, what is configured over them, their text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/json_text.h"
#include "base/str.h"
#include "script/strategy_setup.h"
#include "script/vm.h"

enum { NAMES_MAX = 64 }; /* among which the nearest is looked for */

/* --- configured over the script's own --------------------------------------------------------- */

/* Raises: the script has no parameter `name`. */
static int refuse_name(lua_State *L, int params, const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    lua_pushnil(L);
    while (count < NAMES_MAX && lua_next(L, params) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING)
            names[count++] = lua_tostring(L, -2); /* the table keeps it */
        lua_pop(L, 1);
    }
    const char *near = mw_nearest_name(name, names, count);
    return luaL_error(L, "params.%s: the script has no such parameter%s%s%s", name,
                      near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                      near != NULL ? "?" : "");
}

/* The text at the top becomes a number; one that is whole where the default is. */
static bool read_number(lua_State *L, bool has_default, int params, const char *name)
{
    int whole;
    if (lua_stringtonumber(L, lua_tostring(L, -1)) == 0)
        return false;
    lua_remove(L, -2);
    if (!has_default)
        return true;
    lua_getfield(L, params, name);
    bool integer = lua_isinteger(L, -1);
    lua_pop(L, 1);
    lua_Integer value = lua_tointegerx(L, -1, &whole);
    if (integer && whole) {
        lua_pop(L, 1);
        lua_pushinteger(L, value);
    } else if (!integer) {
        lua_pushnumber(L, lua_tonumber(L, -1));
        lua_remove(L, -2);
    }
    return true;
}

static bool read_boolean(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return false;
    lua_pop(L, 1);
    lua_pushboolean(L, yes);
    return true;
}

/* Turns the text at the top into what the default of type `wanted` is; without one into what it
 * looks like. */
static void read_text(lua_State *L, int params, const char *name, int wanted)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "params.%s: want a text, got a %s", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    if (wanted == LUA_TSTRING)
        return;
    if (wanted == LUA_TNIL) {
        if (!read_number(L, false, params, name))
            read_boolean(L);
    } else if (wanted == LUA_TNUMBER) {
        if (!read_number(L, true, params, name))
            luaL_error(L, "params.%s: want a number, got '%s'", name, text);
    } else if (wanted == LUA_TBOOLEAN) {
        if (!read_boolean(L))
            luaL_error(L, "params.%s: want true or false, got '%s'", name, text);
    } else {
        luaL_error(L, "params.%s: a %s cannot be given as text", name, lua_typename(L, wanted));
    }
}

/* Copies the configured parameters over those below them; both are at the top of the stack. */
static void overlay_params(lua_State *L, bool has_defaults, bool are_texts)
{
    int params = lua_gettop(L) - 1, configured = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, configured) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "params: want names as keys, got a %s", luaL_typename(L, -2));
        const char *name = lua_tostring(L, -2);
        int wanted = lua_getfield(L, params, name);
        lua_pop(L, 1);
        if (has_defaults && wanted == LUA_TNIL)
            refuse_name(L, params, name);
        if (are_texts)
            read_text(L, params, name, wanted);
        else if (wanted != LUA_TNIL && wanted != lua_type(L, -1))
            luaL_error(L, "params.%s: want a %s, got a %s", name, lua_typename(L, wanted),
                       luaL_typename(L, -1));
        lua_setfield(L, params, name);
    }
}

void mw_strategy_setup_params(lua_State *L, int hooks, const struct mw_strategy_options *options)
{
    lua_State *from = options->params_from;
    int type = lua_getfield(L, hooks, "params");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "params: want a table, got a %s", lua_typename(L, type));
    struct mw_error err;
    if (type == LUA_TNIL)
        lua_newtable(L);
    else if (mw_vm_copy_value(L, -1, L, &err) != MW_OK) /* the script's own table stays as it is */
        luaL_error(L, "params: %s", err.message);
    lua_remove(L, -2);
    if (from == NULL || options->params_ref == LUA_NOREF)
        return;
    lua_rawgeti(from, LUA_REGISTRYINDEX, options->params_ref);
    mw_status status = mw_vm_copy_value(from, -1, L, &err);
    lua_pop(from, 1);
    if (status != MW_OK)
        luaL_error(L, "params: %s", err.message);
    overlay_params(L, type != LUA_TNIL, options->params_are_texts);
    lua_pop(L, 1);
}

/* --- as text ---------------------------------------------------------------------------------- */

static void add_table(lua_State *L, int index, struct mw_str *out, int depth);

/* Nothing in here raises, so that the string does not leak. */
static void add_value(lua_State *L, int index, struct mw_str *out, int depth)
{
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            mw_str_addf(out, "%" PRId64, (int64_t)lua_tointeger(L, index));
        else
            mw_json_add_number(out, lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN:
        mw_str_adds(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TSTRING:
        mw_str_adds(out, lua_tostring(L, index));
        break;
    default:
        add_table(L, index, out, depth);
    }
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Adds "name=value" of all names, in order, with blanks between. */
static void add_named(lua_State *L, int index, struct mw_str *out, int depth)
{
    size_t count = 0, at = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        count += lua_type(L, -2) == LUA_TSTRING;
    const char **names = mw_realloc_array(NULL, count + 1, sizeof(*names));
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING)
            names[at++] = lua_tostring(L, -2); /* the table keeps it */
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mw_str_adds(out, " ");
        mw_str_addf(out, "%s=", names[i]);
        lua_pushstring(L, names[i]);
        lua_rawget(L, index);
        add_value(L, lua_gettop(L), out, depth);
        lua_pop(L, 1);
    }
    mw_free(names);
}

static void add_table(lua_State *L, int index, struct mw_str *out, int depth)
{
    if (depth >= MW_VALUE_DEPTH_MAX || !lua_checkstack(L, 8))
        return;
    mw_str_adds(out, "{");
    size_t length = lua_rawlen(L, index);
    for (size_t i = 1; i <= length; i++) {
        if (i > 1)
            mw_str_adds(out, " ");
        lua_rawgeti(L, index, (lua_Integer)i);
        add_value(L, lua_gettop(L), out, depth + 1);
        lua_pop(L, 1);
    }
    if (length > 0 && out->length > 0)
        mw_str_adds(out, " ");
    add_named(L, index, out, depth + 1);
    if (out->length > 0 && out->data[out->length - 1] == ' ')
        out->data[--out->length] = '\0';
    mw_str_adds(out, "}");
}

char *mw_strategy_setup_describe(lua_State *L, int params)
{
    struct mw_str out = MW_STR_INIT(MW_PARAMS_TEXT_BYTES_MAX);
    if (lua_checkstack(L, 8))
        add_named(L, params, &out, 0);
    char *text = mw_strdup(out.length > 0 ? out.data : "");
    mw_str_deinit(&out);
    return text;
}
