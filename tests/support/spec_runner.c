/* spec_runner.c - a Lua interpreter with our module built in, which runs busted over spec files.
 *
 *     spec_runner [--gc] SPEC_FILE [busted's own arguments]
 *
 * The module is linked in, not loaded, because the sanitizers' runtimes cannot come in with dlopen.
 * --gc lets the collector run without pause, so that what is collected too early is found.
 *
 * Threads: main.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "bind/bind_moonwick.h"
#include "spec_native.h"

static void preload(lua_State *L, const char *name, lua_CFunction open)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* Puts our own Lua files in front of package.path. */
static void set_path(lua_State *L)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s/tests/spec/support/?.lua;%s",
                    MW_SOURCE_DIR, MW_SOURCE_DIR, MW_SOURCE_DIR, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

/* The arg table that busted reads: options that all runs share, then those of this one. */
static void set_arg(lua_State *L, int count, char **arguments)
{
    static const char *const shared[] = {
        "--helper=" MW_SOURCE_DIR "/tests/spec/support/helper.lua",
        "--output=" MW_SPEC_OUTPUT,
    };
    lua_newtable(L);
    lua_Integer n = 0;
    lua_pushliteral(L, "spec_runner");
    lua_rawseti(L, -2, n++);
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        lua_pushstring(L, shared[i]);
        lua_rawseti(L, -2, n++);
    }
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, arguments[i]);
        lua_rawseti(L, -2, n++);
    }
    lua_setglobal(L, "arg");
}

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

int main(int argc, char **argv)
{
    int first = 1;
    int collect = argc > first && strcmp(argv[first], "--gc") == 0;
    first += collect;
    if (argc <= first) {
        fputs("usage: spec_runner [--gc] SPEC_FILE [busted's arguments]\n", stderr);
        return EXIT_FAILURE;
    }
    setlocale(LC_ALL, "C.UTF-8");

    lua_State *L = luaL_newstate();
    if (L == NULL)
        return EXIT_FAILURE;
    luaL_openlibs(L);
    preload(L, "spec_native", luaopen_spec_native);
    preload(L, "moonwick.core", luaopen_moonwick_core);
    set_path(L);
    set_arg(L, argc - first, argv + first);
    if (collect) {
        lua_gc(L, LUA_GCSETPAUSE, 0);
        lua_gc(L, LUA_GCSETSTEPMUL, 1000);
    }

    lua_pushcfunction(L, traceback);
    /* os.exit(code, true) closes the state, so that leaks in finalisers show; busted passes `false`
     * unless it is told to exit itself, hence standalone = false and the exit code from here. */
    int failed = luaL_loadstring(L, "require('busted.runner')({ standalone = false })") != LUA_OK ||
                 lua_pcall(L, 0, 0, -2) != LUA_OK;
    if (failed)
        fprintf(stderr, "spec_runner: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
