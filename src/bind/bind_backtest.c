/* bind_backtest.c - moonwick.backtest: options of a run, and the run. */
#include "bind/bind_backtest.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "backtest/backtest.h"
#include "base/check.h"
#include "base/limits.h"
#include "bind/bind.h"
#include "bind/bind_dataset.h"
#include "bind/bind_moonwick.h"
#include "bind/bind_options.h"

#define NAME "backtest"

static const char *const option_names[] = {
    "strategy", "name",     "data",   "store", "feed", "symbol",    "timeframe",
    "from",     "to",       "params", "cash",  "fee",  "maker_fee", "fixed_fee",
    "slippage", "leverage", "seed",   "bars",  "holes"};

static struct mw_account_options read_account(lua_State *L)
{
    struct mw_account_options account = mw_account_defaults();
    account.cash = mw_options_number(L, 1, NAME, "cash", account.cash);
    account.fee = mw_options_number(L, 1, NAME, "fee", account.fee);
    account.maker_fee = mw_options_number(L, 1, NAME, "maker_fee", account.maker_fee);
    account.fixed_fee = mw_options_number(L, 1, NAME, "fixed_fee", account.fixed_fee);
    account.slippage = mw_options_number(L, 1, NAME, "slippage", account.slippage);
    account.leverage = mw_options_number(L, 1, NAME, "leverage", account.leverage);
    struct mw_error err;
    if (mw_account_check_options(&account, &err) != MW_OK)
        luaL_error(L, NAME ": %s", err.message);
    return account;
}

static void read_options(lua_State *L, struct mw_backtest_options *options)
{
    options->file = mw_options_text(L, 1, NAME, "strategy", MW_PATH_BYTES_MAX);
    if (options->file == NULL)
        luaL_error(L, NAME ": strategy: want the path of a script");
    options->name = mw_options_text(L, 1, NAME, "name", MW_STRATEGY_NAME_BYTES_MAX);
    options->from_ms = mw_options_time(L, 1, NAME, "from", INT64_MIN);
    options->to_ms = mw_options_time(L, 1, NAME, "to", INT64_MAX);
    options->account = read_account(L);
    options->seed = (uint64_t)mw_options_integer(L, 1, NAME, "seed", 1);
    int64_t bars = mw_options_integer(L, 1, NAME, "bars", MW_SERIES_CANDLES_DEFAULT);
    if (bars < 1 || bars > MW_SERIES_CANDLES_MAX)
        luaL_error(L, NAME ": bars: want 1 to %d", MW_SERIES_CANDLES_MAX);
    options->cache_bars = (uint32_t)bars;
    options->bindings = &mw_lua_bindings;
}

/* A reference to the parameters, LUA_NOREF for none. */
static int ref_params(lua_State *L)
{
    int type = lua_getfield(L, 1, "params");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, NAME ": params: want a table, got %s", luaL_tolstring(L, -1, NULL));
    if (type == LUA_TTABLE)
        return luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
    return LUA_NOREF;
}

/* --- what the strategy wants ------------------------------------------------------------------ */

/* Asks the strategy which symbol it is for. None when it wants several, or all there are. */
static mw_status ask_symbol(const struct mw_backtest_options *options, struct mw_series_key *key,
                            struct mw_error *err)
{
    struct mw_backtest_options asked = *options;
    struct mw_interest *interests;
    uint32_t count;
    asked.name = NAME;
    mw_status status = mw_backtest_ask(&asked, &interests, &count, err);
    if (status != MW_OK)
        return status;
    bool one = count > 0;
    for (uint32_t i = 1; i < count; i++)
        one = one && strcmp(interests[i].symbol, interests[0].symbol) == 0;
    if (one)
        snprintf(key->symbol, sizeof(key->symbol), "%s", interests[0].symbol);
    mw_free(interests);
    return MW_OK;
}

/* --- data ------------------------------------------------------------------------------------- */

/* Pushes the data to run over. A file that says no symbol is of the one that the strategy wants. */
static bool push_data(lua_State *L, struct mw_backtest_options *options, struct mw_error *err)
{
    struct mw_bind_source source = {.from_ms = INT64_MIN, .to_ms = options->to_ms};
    const char *store = mw_options_text(L, 1, NAME, "store", MW_PATH_BYTES_MAX);
    const char *feed = mw_options_text(L, 1, NAME, "feed", MW_FEED_NAME_BYTES_MAX);
    const char *symbol = mw_options_text(L, 1, NAME, "symbol", MW_SYMBOL_BYTES_MAX);
    source.key.timeframe = mw_options_timeframe(L, 1, NAME, "timeframe");
    source.holes = mw_options_boolean(L, 1, NAME, "holes");
    if (feed != NULL)
        snprintf(source.key.feed, sizeof(source.key.feed), "%s", feed);
    if (symbol != NULL)
        snprintf(source.key.symbol, sizeof(source.key.symbol), "%s", symbol);
    int type = lua_getfield(L, 1, "data");
    if ((type == LUA_TNIL) == (store == NULL))
        luaL_error(L, NAME ": want data or a store");
    if (type == LUA_TNIL) {
        lua_createtable(L, 0, 1);
        lua_getfield(L, 1, "store");
        lua_setfield(L, -2, "store");
    }
    options->data = mw_dataset_test(L, -1);
    if (options->data != NULL) {
        if (feed != NULL || symbol != NULL || source.key.timeframe.count > 0 || source.holes)
            luaL_error(L, NAME ": feed, symbol, timeframe and holes are a dataset's own");
        return true;
    }
    if (symbol == NULL && store == NULL && ask_symbol(options, &source.key, err) != MW_OK)
        return false;
    if (!mw_dataset_push(L, -1, type == LUA_TNIL ? NAME : NAME ".data", &source, err))
        return false;
    options->data = mw_dataset_test(L, -1);
    return true;
}

int mw_bind_backtest(lua_State *L)
{
    struct mw_error err;
    struct mw_backtest_options options = {.params_from = L};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    mw_options_check(L, 1, NAME, option_names, MW_COUNT(option_names));
    read_options(L, &options);
    struct mw_report_box *box = mw_bind_push_report(L); /* options, report */
    box->params_ref = options.params_ref = ref_params(L);
    mw_status status = MW_OK;
    if (!push_data(L, &options, &err))
        status = err.status;
    if (status == MW_OK)
        status = mw_backtest_run(&options, &box->native, &err);
    luaL_unref(L, LUA_REGISTRYINDEX, box->params_ref);
    box->params_ref = LUA_NOREF;
    if (status != MW_OK)
        return mw_bind_fail(L, &err);
    mw_bind_push_result(L, 2);
    return 1;
}
