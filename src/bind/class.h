/* class.h - what the classes that scripts see have in common: how one is made, checked and indexed.
 *
 * A class is a struct of names and functions. Registering it makes a metatable that holds, besides
 * the metamethods, all that `object.name` can answer: a method as itself, a field as the address of
 * its name in the class's array. No other metatable has that address, so one lookup both finds the
 * field and proves that the object is of the class: 37 ns for `bar.close` where the two steps one
 * after the other take 48.
 *
 * Each of the class's functions gets two upvalues:
 *
 *     1  metatable  what the metatable of an argument is compared with; no search by name
 *     2  the class  for messages
 *
 * The functions below that say "own" read them, so only the class's own functions may call those.
 *
 * Methods that are one function for many names, as those of the indicators, are added to a class
 * that is registered; the third upvalue tells the function which of them it is.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_BIND_CLASS_H
#define MW_BIND_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lua.h>

enum { MW_CLASS_UPVALUES = 2, MW_CLASS_MEMBERS_MAX = 128 };

/* One class; static and constant. */
struct mw_class {
    const char *type;            /* "moonwick.frame", which becomes __name */
    const char *noun;            /* "frame", for messages */
    const char *const *fields;   /* names, NULL at the end; a field's number is its place here */
    const luaL_Reg *methods;     /* what object:name() calls */
    const luaL_Reg *metamethods; /* __index calls mw_class_find */
};

/* Makes the metatable, unless the lua_State has it already. Stack: [-0, +0, m] */
void mw_class_register(lua_State *L, const struct mw_class *class);

/* Adds the method `name`, unless the class has it: `function` with the value on top of the stack as
 * upvalue MW_CLASS_UPVALUES + 1. Stack: [-1, +0, m] */
void mw_class_add_method(lua_State *L, const struct mw_class *class, const char *name,
                         lua_CFunction function);

/* Makes the userdata on top of the stack an object of `class`. Stack: [-0, +0, -] */
void mw_class_set(lua_State *L, const struct mw_class *class);

/* The object at `index` when it is of `class`, else NULL. For functions of other classes: a look-up
 * more than mw_class_test. Stack: [-0, +0, -] */
void *mw_class_find_object(lua_State *L, int index, const struct mw_class *class);

/* Own: the object at `index`, or NULL when it is of another type. Stack: [-0, +0, -] */
void *mw_class_test(lua_State *L, int index);
/* Own: the object at `index`; anything else is an argument error. Stack: [-0, +0, v] */
void *mw_class_check(lua_State *L, int index);

/* Own: resolves the name at index 2 in the object at index 1, for __index. `fields` are the
 * class's. Returns the number of a field, and then index 1 is an object of the class; or -1 for a
 * method, which is on top of the stack. Raises for an unknown name, with the nearest known one.
 * Stack: [-0, +2, v] */
int mw_class_find(lua_State *L, const char *const *fields, size_t field_count);

/* Own: pushes `function` with the upvalues of the running function. Stack: [-0, +1, m] */
void mw_class_push_function(lua_State *L, lua_CFunction function);

/* Whether `index` (1 is the first, -1 the last) is one of `count` places; `at` gets it counted from
 * 0, and is untouched otherwise. */
bool mw_class_at(lua_Integer index, uint32_t count, uint32_t *at);

/* Reads the arguments i and j (default -1) at indices 2 and 3 as string.sub does, for an object of
 * `count` places: `first` is counted from 0. Stack: [-0, +0, v] */
void mw_class_check_slice(lua_State *L, uint32_t count, uint32_t *first, uint32_t *length);

/* __pairs of what has places: steps through 1, 2, ... until one is nil. */
int mw_class_pairs(lua_State *L);

#endif
