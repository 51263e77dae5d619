/* bind_account.c - the context's methods for trading on the strategy's paper account. */
#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "bind/bind.h"
#include "bind/bind_context.h"
#include "bind/bind_options.h"
#include "bind/bind_table.h"
#include "bind/class.h"
#include "script/account.h"

static struct mw_account *check_account(lua_State *L)
{
    const struct mw_context_box *box = mw_class_check(L, 1);
    return mw_strategy_account(box->native);
}

static int64_t now_ms(lua_State *L)
{
    const struct mw_context_box *box = lua_touserdata(L, 1);
    int64_t now_ms = mw_strategy_order_time(box->native);
    return now_ms != 0 ? now_ms : mw_clock_wall_ms();
}

/* The instrument that the text at `index` names; raises where there is none. */
static uint32_t check_instrument(lua_State *L, const struct mw_account *account, int index)
{
    struct mw_error err;
    uint32_t instrument = 0;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_typeerror(L, index, "symbol");
    if (mw_account_find(account, lua_tostring(L, index), &instrument, &err) != MW_OK)
        luaL_argerror(L, index, err.message);
    return instrument;
}

/* Places an order; `name` is of a number in it that is none, or NULL. -> id | nil, err */
static int submit(lua_State *L, const struct mw_order_request *request, const char *name)
{
    struct mw_account *account = check_account(L);
    struct mw_error err;
    if (name != NULL) {
        mw_fail(&err, MW_EORDER, "%s %s: %s nan: want a number", mw_side_text(request->side),
                mw_account_symbol(account, request->instrument), name);
        return mw_bind_fail(L, &err);
    }
    uint64_t id;
    if (mw_account_submit(account, request, now_ms(L), &id, &err) != MW_OK)
        return mw_bind_fail(L, &err);
    lua_pushinteger(L, (lua_Integer)id);
    return 1;
}

static struct mw_order_request request_of(uint32_t instrument, mw_side side)
{
    return (struct mw_order_request){.instrument = instrument,
                                     .side = side,
                                     .type = MW_ORDER_MARKET,
                                     .amount = (double)NAN,
                                     .value = (double)NAN,
                                     .price = (double)NAN};
}

static int trade(lua_State *L, mw_side side)
{
    const struct mw_account *account = check_account(L);
    struct mw_order_request request = request_of(check_instrument(L, account, 2), side);
    luaL_checktype(L, 3, LUA_TNUMBER);
    request.amount = lua_tonumber(L, 3);
    return submit(L, &request, isnan(request.amount) ? "amount" : NULL);
}

/* context:buy(symbol, amount) -> id | nil, err */
int mw_context_buy(lua_State *L)
{
    return trade(L, MW_SIDE_BUY);
}

/* context:sell(symbol, amount) -> id | nil, err */
int mw_context_sell(lua_State *L)
{
    return trade(L, MW_SIDE_SELL);
}

/* context:close(symbol) -> id | nil, err: all of the position, at the market. */
int mw_context_close(lua_State *L)
{
    const struct mw_account *account = check_account(L);
    uint32_t instrument = check_instrument(L, account, 2);
    double amount = mw_account_position(account, instrument).amount;
    if (amount == 0) {
        struct mw_error err;
        mw_fail(&err, MW_EORDER, "close %s: there is no position",
                mw_account_symbol(account, instrument));
        return mw_bind_fail(L, &err);
    }
    struct mw_order_request request =
        request_of(instrument, amount > 0 ? MW_SIDE_SELL : MW_SIDE_BUY);
    request.amount = fabs(amount);
    request.reduce = true;
    return submit(L, &request, NULL);
}

#define ORDER "order" /* in messages */

static const char *const option_names[] = {"symbol", "side",  "type",   "amount",
                                           "value",  "price", "reduce", "tag"};

static uint32_t read_instrument(lua_State *L, const struct mw_account *account)
{
    struct mw_error err;
    uint32_t instrument = 0;
    if (lua_getfield(L, 2, "symbol") != LUA_TSTRING)
        mw_options_fail(L, ORDER, "symbol", "a text");
    if (mw_account_find(account, lua_tostring(L, -1), &instrument, &err) != MW_OK)
        luaL_error(L, ORDER ": symbol: %s", err.message);
    lua_pop(L, 1);
    return instrument;
}

/* NaN where it is not given; `bad` becomes the name of one that is NaN itself. */
static double read_number(lua_State *L, const char *name, const char **bad)
{
    double value = mw_options_number(L, 2, ORDER, name, (double)NAN);
    if (isnan(value) && lua_getfield(L, 2, name) != LUA_TNIL)
        *bad = name;
    lua_settop(L, 2);
    return value;
}

static mw_side read_side(lua_State *L)
{
    lua_getfield(L, 2, "side");
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    mw_side side = MW_SIDE_BUY;
    if (strcmp(text, mw_side_text(MW_SIDE_SELL)) == 0)
        side = MW_SIDE_SELL;
    else if (strcmp(text, mw_side_text(MW_SIDE_BUY)) != 0)
        mw_options_fail(L, ORDER, "side", "\"buy\" or \"sell\"");
    lua_pop(L, 1);
    return side;
}

static mw_order_type read_type(lua_State *L)
{
    int kind = lua_getfield(L, 2, "type");
    const char *text = kind == LUA_TSTRING ? lua_tostring(L, -1) : "";
    mw_order_type type = MW_ORDER_MARKET;
    while (kind != LUA_TNIL && strcmp(text, mw_order_type_text(type)) != 0)
        if (type++ == MW_ORDER_STOP)
            mw_options_fail(L, ORDER, "type", "\"market\", \"limit\" or \"stop\"");
    lua_pop(L, 1);
    return type;
}

static void read_tag(lua_State *L, struct mw_order_request *request)
{
    int type = lua_getfield(L, 2, "tag");
    size_t length = 0;
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "";
    if ((type != LUA_TNIL && type != LUA_TSTRING) || length > MW_ORDER_TAG_BYTES_MAX ||
        strlen(text) != length) {
        const char *wanted =
            lua_pushfstring(L, "a text of at most %d bytes", MW_ORDER_TAG_BYTES_MAX);
        lua_insert(L, -2);
        mw_options_fail(L, ORDER, "tag", wanted);
    }
    memcpy(request->tag, text, length + 1);
    lua_pop(L, 1);
}

/* context:order(options) -> id | nil, err */
int mw_context_order(lua_State *L)
{
    const struct mw_account *account = check_account(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    mw_options_check(L, 2, ORDER, option_names, MW_COUNT(option_names));
    const char *bad = NULL;
    uint32_t instrument = read_instrument(L, account);
    struct mw_order_request request = request_of(instrument, read_side(L));
    request.type = read_type(L);
    request.amount = read_number(L, "amount", &bad);
    request.value = read_number(L, "value", &bad);
    request.price = read_number(L, "price", &bad);
    request.reduce = mw_options_boolean(L, 2, ORDER, "reduce");
    read_tag(L, &request);
    return submit(L, &request, bad);
}

/* context:cancel(id) -> true | nil, err; context:cancel(symbol), context:cancel() -> count */
int mw_context_cancel(lua_State *L)
{
    struct mw_account *account = check_account(L);
    if (lua_type(L, 2) == LUA_TNUMBER) {
        struct mw_error err;
        lua_Integer id = luaL_checkinteger(L, 2);
        if (mw_account_cancel(account, (uint64_t)id, now_ms(L), &err) != MW_OK)
            return mw_bind_fail(L, &err);
        lua_pushboolean(L, true);
        return 1;
    }
    uint32_t cancelled = 0, first = 0, end = mw_account_instrument_count(account);
    if (!lua_isnoneornil(L, 2)) {
        first = check_instrument(L, account, 2);
        end = first + 1;
    }
    for (uint32_t i = first; i < end; i++)
        cancelled += mw_account_cancel_all(account, i, now_ms(L));
    lua_pushinteger(L, cancelled);
    return 1;
}

/* context:position(symbol) -> amount, price | nil */
int mw_context_position(lua_State *L)
{
    const struct mw_account *account = check_account(L);
    struct mw_position position = mw_account_position(account, check_instrument(L, account, 2));
    lua_pushnumber(L, position.amount);
    if (position.amount == 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, position.price);
    return 2;
}

static void set_instrument(lua_State *L, const struct mw_account *account, uint32_t instrument)
{
    mw_table_set_given(L, "symbol", mw_account_symbol(account, instrument));
    mw_table_set_given(L, "feed", mw_account_feed(account, instrument));
}

/* context:orders() -> list of the open ones, oldest first */
int mw_context_orders(lua_State *L)
{
    const struct mw_account *account = check_account(L);
    uint32_t count;
    const struct mw_order *orders = mw_account_orders(account, &count);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct mw_order_request *request = &orders[i].request;
        lua_createtable(L, 0, 10);
        mw_table_set_integer(L, "id", (int64_t)orders[i].id);
        set_instrument(L, account, request->instrument);
        mw_table_set_given(L, "side", mw_side_text(request->side));
        mw_table_set_given(L, "type", mw_order_type_text(request->type));
        mw_table_set_known(L, "amount", request->amount);
        mw_table_set_known(L, "value", request->value);
        mw_table_set_known(L, "price", request->price);
        lua_pushboolean(L, request->reduce);
        lua_setfield(L, -2, "reduce");
        mw_table_set_given(L, "tag", request->tag);
        mw_table_set_integer(L, "time", orders[i].placed_ms);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static void push_trade(lua_State *L, const struct mw_account *account, const struct mw_trade *trade)
{
    lua_createtable(L, 0, 11);
    set_instrument(L, account, trade->instrument);
    mw_table_set_trade(L, trade);
}

/* context:trades(count = all) -> list of the newest ones, oldest first */
int mw_context_trades(lua_State *L)
{
    const struct mw_account *account = check_account(L);
    uint32_t count;
    const struct mw_trade *trades = mw_account_trades(account, &count);
    lua_Integer wanted = luaL_optinteger(L, 2, count);
    luaL_argcheck(L, wanted >= 0, 2, "want a count of 0 or more");
    uint32_t skipped = wanted < (lua_Integer)count ? count - (uint32_t)wanted : 0;
    lua_createtable(L, (int)(count - skipped), 0);
    for (uint32_t i = skipped; i < count; i++) {
        push_trade(L, account, &trades[i]);
        lua_rawseti(L, -2, (lua_Integer)(i - skipped) + 1);
    }
    return 1;
}
