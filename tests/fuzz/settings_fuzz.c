/* settings_fuzz.c - any table is read or refused with a message; JSON stands in for Lua. */
#include <lauxlib.h>
#include <lua-cjson.h>

#include "base/check.h"
#include "fuzz.h"
#include "script/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lua_State *L = luaL_newstate();
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    lua_getfield(L, -1, "decode");
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
        struct mw_settings *settings = NULL;
        struct mw_error err = {.message = ""};
        if (mw_settings_load_table(L, -1, &settings, &err) != MW_OK)
            MW_CHECK(settings == NULL && err.status == MW_ECONFIG && err.message[0] == 'c');
        else
            for (uint32_t i = 0; i < settings->feed_count; i++)
                MW_CHECK(settings->feeds[i].name[0] != '\0' && settings->feeds[i].protocol != NULL);
        MW_CHECK(lua_gettop(L) == 2);
        mw_settings_free(settings);
    }
    lua_close(L);
    return 0;
}
