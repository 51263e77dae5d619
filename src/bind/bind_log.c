/* bind_log.c - the `log` table: debug, info, warn, error. */
#include <lauxlib.h>

#include "base/log.h"
#include "bind/bind.h"

/* Writes the arguments as print would, with blanks between. Upvalue 1: who is speaking. */
static int write_line(lua_State *L, mw_log_level level)
{
    if (level < mw_log_get_level())
        return 0;
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&buffer, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    mw_log(level, "%s: %s", lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, -1));
    return 0;
}

/* log.debug(...) */
static int log_debug(lua_State *L)
{
    return write_line(L, MW_LOG_DEBUG);
}

/* log.error(...) */
static int log_error(lua_State *L)
{
    return write_line(L, MW_LOG_ERROR);
}

/* log.info(...) */
static int log_info(lua_State *L)
{
    return write_line(L, MW_LOG_INFO);
}

/* log.warn(...) */
static int log_warn(lua_State *L)
{
    return write_line(L, MW_LOG_WARN);
}

static const luaL_Reg log_functions[] = {{"debug", log_debug},
                                         {"error", log_error},
                                         {"info", log_info},
                                         {"warn", log_warn},
                                         {NULL, NULL}};

void mw_bind_push_log(lua_State *L, const char *who)
{
    luaL_newlibtable(L, log_functions);
    lua_pushstring(L, who);
    luaL_setfuncs(L, log_functions, 1);
}
