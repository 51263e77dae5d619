/* settings_load.c - loads settings from Lua code and holds messages against what was expected. */
#include "settings_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

const char every_feed_key[] =
    "return { feeds = { { name = 'a-b_c.9', protocol = 'wealthdata', endpoint = 'simulator', "
    "symbols = { 'BTCUSDT', 'ETH-USD:1' }, timeframes = { '1m', '90m', '1M' }, "
    "ca_file = '/etc/ca.pem', csrf_token = 's3cret', market_type = 'spot', "
    "timeouts = { connect = 1, tls = '250ms', upgrade = 0.001, confirm = 3600 }, "
    "frame_bytes_max = 65536.0, simulator = { seed = 42, speed = '60x', "
    "start = '2018-04-04T00:00:00Z', replay = 'bars.csv' } }, "
    "{ protocol = 'binance', endpoints = { 'wss://a/x', 'ws://b' } } } }";

mw_status load_settings(const char *code, struct mw_settings **out, struct mw_error *err)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dostring(L, code) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    int top = lua_gettop(L);
    mw_status status = mw_settings_load_table(L, -1, out, err);
    assert_int_equal(lua_gettop(L), top);
    lua_close(L);
    return status;
}

struct mw_settings *assert_loads(const char *code)
{
    struct mw_settings *settings = NULL;
    struct mw_error err = {0};
    if (load_settings(code, &settings, &err) != MW_OK)
        fail_msg("%s: %s", code, err.message);
    return settings;
}

void assert_refused(const char *code, const char *message)
{
    struct mw_settings *settings = NULL;
    struct mw_error err = {0};
    assert_int_equal(load_settings(code, &settings, &err), MW_ECONFIG);
    assert_null(settings);
    assert_int_equal(err.status, MW_ECONFIG);
    assert_string_equal(err.message, message);
    assert_int_equal(load_settings(code, &settings, NULL), MW_ECONFIG);
}
