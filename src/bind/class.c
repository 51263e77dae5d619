/* class.c - metatables, members and places of the classes that scripts see. */
#include "bind/class.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

enum { UPVALUE_METATABLE = 1, UPVALUE_CLASS };

/* Lua has no constant light userdata; what is pushed here is only ever read. Stack: [-0, +1, -] */
static void push_address(lua_State *L, const void *address)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)address);
}

/* Adds `functions` to the table on top of the stack. Stack: [-0, +0, m] */
static void set_functions(lua_State *L, const struct mw_class *class, const luaL_Reg *functions)
{
    lua_pushvalue(L, -1);
    push_address(L, class);
    luaL_setfuncs(L, functions, MW_CLASS_UPVALUES);
}

void mw_class_register(lua_State *L, const struct mw_class *class)
{
    luaL_checkstack(L, 2 * MW_CLASS_UPVALUES + 2, class->type);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, class) == LUA_TNIL) {
        luaL_newmetatable(L, class->type);
        set_functions(L, class, class->methods);
        set_functions(L, class, class->metamethods);
        for (const char *const *field = class->fields; *field != NULL; field++) {
            push_address(L, field);
            lua_setfield(L, -2, *field);
        }
        lua_pushliteral(L, "protected");
        lua_setfield(L, -2, "__metatable");
        lua_rawsetp(L, LUA_REGISTRYINDEX, class); /* last, so that what is found is whole */
    }
    lua_pop(L, 1);
}

void mw_class_add_method(lua_State *L, const struct mw_class *class, const char *name,
                         lua_CFunction function)
{
    luaL_checkstack(L, MW_CLASS_UPVALUES + 2, class->type);
    lua_rawgetp(L, LUA_REGISTRYINDEX, class); /* item, metatable */
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        push_address(L, class);
        lua_pushvalue(L, -4);
        lua_pushcclosure(L, function, MW_CLASS_UPVALUES + 1);
        lua_setfield(L, -2, name);
        lua_pop(L, 2);
    } else {
        lua_pop(L, 3);
    }
}

void *mw_class_find_object(lua_State *L, int index, const struct mw_class *class)
{
    void *object = lua_touserdata(L, index);
    if (object == NULL || !lua_getmetatable(L, index))
        return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, class);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? object : NULL;
}

static const struct mw_class *own_class(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(UPVALUE_CLASS));
}

/* What makes objects of a class is mostly one of its own functions, which have the metatable.
 * Others find it by address: no name to look up among the strings. */
void mw_class_set(lua_State *L, const struct mw_class *class)
{
    if (own_class(L) == class)
        lua_pushvalue(L, lua_upvalueindex(UPVALUE_METATABLE));
    else
        lua_rawgetp(L, LUA_REGISTRYINDEX, class);
    lua_setmetatable(L, -2);
}

void *mw_class_test(lua_State *L, int index)
{
    void *object = lua_touserdata(L, index);
    if (object == NULL || !lua_getmetatable(L, index))
        return NULL;
    bool same = lua_topointer(L, -1) == lua_topointer(L, lua_upvalueindex(UPVALUE_METATABLE));
    lua_pop(L, 1);
    return same ? object : NULL;
}

void *mw_class_check(lua_State *L, int index)
{
    void *object = mw_class_test(L, index);
    if (object == NULL)
        luaL_typeerror(L, index, own_class(L)->type);
    return object;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Members are fields and methods: what the metatable has under names that are not Lua's own.
 * Sorted, because of two that are equally near the first is taken. The names are those of the
 * metatable. */
static const char *nearest_member(lua_State *L, const char *name)
{
    const char *names[MW_CLASS_MEMBERS_MAX];
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, lua_upvalueindex(UPVALUE_METATABLE)) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || *lua_tostring(L, -2) == '_')
            continue;
        MW_CHECK(count < MW_COUNT(names));
        names[count++] = lua_tostring(L, -2);
    }
    qsort(names, count, sizeof(*names), compare_names);
    return mw_nearest_name(name, names, count);
}

static int raise_unknown(lua_State *L)
{
    const struct mw_class *class = own_class(L);
    const char *member = class->fields[0] == NULL ? "method" : "field";
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "%s has no %s %s", class->noun, member, luaL_tolstring(L, 2, NULL));
    const char *name = lua_tostring(L, 2), *near = nearest_member(L, name);
    if (near == NULL)
        return luaL_error(L, "%s has no %s \"%s\"", class->noun, member, name);
    return luaL_error(L, "%s has no %s \"%s\", did you mean \"%s\"?", class->noun, member, name,
                      near);
}

/* Names that begin with an underscore are Lua's own: metamethods, not methods. */
static bool is_method(lua_State *L, int type)
{
    return type == LUA_TFUNCTION && lua_type(L, 2) == LUA_TSTRING && *lua_tostring(L, 2) != '_';
}

int mw_class_find(lua_State *L, const char *const *fields, size_t field_count)
{
    if (!lua_getmetatable(L, 1))
        return luaL_typeerror(L, 1, own_class(L)->type);
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, -2);
    if (type == LUA_TLIGHTUSERDATA) {
        uintptr_t offset = (uintptr_t)lua_touserdata(L, -1) - (uintptr_t)fields;
        if (offset < field_count * sizeof(*fields))
            return (int)(offset / sizeof(*fields));
    }
    return is_method(L, type) ? -1 : raise_unknown(L);
}

void mw_class_push_function(lua_State *L, lua_CFunction function)
{
    for (int i = 1; i <= MW_CLASS_UPVALUES; i++)
        lua_pushvalue(L, lua_upvalueindex(i));
    lua_pushcclosure(L, function, MW_CLASS_UPVALUES);
}

bool mw_class_at(lua_Integer index, uint32_t count, uint32_t *at)
{
    if (index < 0)
        index += (lua_Integer)count + 1;
    if (index < 1 || index > (lua_Integer)count)
        return false;
    *at = (uint32_t)(index - 1);
    return true;
}

void mw_class_check_slice(lua_State *L, uint32_t count, uint32_t *first, uint32_t *length)
{
    lua_Integer i = luaL_checkinteger(L, 2), j = luaL_optinteger(L, 3, -1);
    lua_Integer places = (lua_Integer)count;
    i = i < 0 ? i + places + 1 : i;
    j = j < 0 ? j + places + 1 : j;
    i = i < 1 ? 1 : i;
    j = j > places ? places : j;
    *first = i <= j ? (uint32_t)(i - 1) : 0;
    *length = i <= j ? (uint32_t)(j - i + 1) : 0;
}

static int next_place(lua_State *L)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 0 && i < LUA_MAXINTEGER, 2, "no place of an iteration");
    lua_settop(L, 1);
    lua_pushinteger(L, i + 1);
    return lua_geti(L, 1, i + 1) == LUA_TNIL ? 1 : 2;
}

int mw_class_pairs(lua_State *L)
{
    mw_class_check(L, 1);
    lua_pushcfunction(L, next_place);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}
