/* settings_account.c - options of paper accounts, and values that stay in the lua_State. */
#include "script/settings_account.h"

#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "script/account.h"
#include "script/call.h"

#define ACCOUNT(field) offsetof(struct mw_account_options, field)

/* One option. What it may be the account knows: all others are good already. */
static mw_status read_option(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    struct mw_account_options *account = target;
    double value = (double)NAN;
    if (lua_type(reader->L, -1) == LUA_TNUMBER)
        value = lua_tonumber(reader->L, -1);
    if (isnan(value))
        return mw_reader_refuse(reader, err, "want a number");
    struct mw_account_options changed = *account;
    *(double *)((char *)&changed + key->offset) = value;
    struct mw_error inner;
    if (mw_account_check_options(&changed, &inner) != MW_OK) {
        const char *want = strstr(inner.message, "want "); /* behind the name and the value */
        return mw_reader_refuse(reader, err, "%s", want != NULL ? want : inner.message);
    }
    *account = changed;
    return MW_OK;
}

static const struct mw_key account_keys[] = {
    {"cash", read_option, ACCOUNT(cash), 0, 0, NULL, MW_SHOW_VALUE},
    {"fee", read_option, ACCOUNT(fee), 0, 0, NULL, MW_SHOW_VALUE},
    {"maker_fee", read_option, ACCOUNT(maker_fee), 0, 0, NULL, MW_SHOW_VALUE},
    {"fixed_fee", read_option, ACCOUNT(fixed_fee), 0, 0, NULL, MW_SHOW_VALUE},
    {"slippage", read_option, ACCOUNT(slippage), 0, 0, NULL, MW_SHOW_VALUE},
    {"leverage", read_option, ACCOUNT(leverage), 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

mw_status mw_setting_account(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    return mw_reader_keys(reader, account_keys, (char *)target + key->offset, err);
}

/* (value) -> reference */
static int ref_value(lua_State *L)
{
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

mw_status mw_reader_keep(struct mw_reader *reader, int *reference, struct mw_error *err)
{
    lua_State *home = reader->home;
    struct mw_error inner;
    if (!lua_checkstack(home, 1)) {
        lua_pop(home, 1);
        return mw_reader_fail(reader, err, "not enough memory");
    }
    lua_pushcfunction(home, ref_value);
    lua_insert(home, -2);
    if (mw_call(home, 1, 1, MW_ECONFIG, &inner) != MW_OK)
        return mw_reader_fail(reader, err, "%s", inner.message);
    *reference = (int)lua_tointeger(home, -1);
    lua_pop(home, 1);
    return MW_OK;
}

mw_status mw_setting_function(struct mw_reader *reader, const struct mw_key *key, void *target,
                              struct mw_error *err)
{
    if (!lua_isfunction(reader->L, -1))
        return mw_reader_refuse(reader, err, "want a function");
    if (reader->L != reader->home)
        return mw_reader_fail(reader, err,
                              "a function cannot be taken from a table that is handed over: use "
                              "engine:on(\"signal\", ...), or a configuration in a file");
    lua_pushvalue(reader->L, -1);
    return mw_reader_keep(reader, (int *)((char *)target + key->offset), err);
}
