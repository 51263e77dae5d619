/* strategy.c - loading a script, and calling its hooks.
 *
 * Pushing an argument can run out of the script's memory, so a hook is called from inside one
 * protected C function that pushes everything itself.
 */
#include "script/strategy.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "script/call.h"
#include "script/simulated.h"
#include "script/strategy_setup.h"
#include "script/vm.h"

struct mw_strategy {
    char name[MW_STRATEGY_NAME_BYTES_MAX + 1];
    const struct mw_bindings *bindings; /* borrows */
    const struct mw_market *market;     /* borrows */
    void (*on_event)(void *user, const struct mw_event *event);
    void *user;
    struct mw_vm *vm; /* owns */
    lua_State *L;     /* its main state */
    struct mw_strategy_setup setup;
    struct mw_account *account; /* owns */
    int64_t bar_time_ms;        /* when the bar closed that is being handled; 0 for none */
    int64_t clock_ms;           /* engine time at all other times; 0: the wall clock */
    _Atomic bool busy;          /* a hook is running */
    _Atomic uint64_t bars, ticks, signals, errors, lost;
    _Atomic size_t memory_bytes;
    pthread_mutex_t lock; /* covers the one below */
    struct mw_account_status published;
};

static void open_bindings(lua_State *L, void *user)
{
    struct mw_strategy *strategy = user;
    strategy->bindings->open(L, strategy);
}

/* What the protected setup works on. */
struct setup_call {
    struct mw_strategy *strategy;
    const struct mw_strategy_options *options;
    mw_status load_status; /* of reading and compiling; `load_error` has the words */
    struct mw_error load_error;
};

/* Runs the chunk and everything that follows from what it returns. */
static int setup_protected(lua_State *L, void *user)
{
    struct setup_call *call = user;
    struct mw_strategy *strategy = call->strategy;
    if (call->options->seeded)
        mw_simulated_open(L, strategy, call->options->seed);
    call->load_status = mw_vm_load_file(L, call->options->file, MW_ESTRATEGY, &call->load_error);
    if (call->load_status != MW_OK)
        return 0;
    lua_call(L, 0, 1);
    bool returned = !lua_isnil(L, -1);
    if (!returned)
        lua_pushglobaltable(L);
    else if (!lua_istable(L, -1))
        return luaL_error(L, "%s: want a table of hooks returned, or nothing, got %s",
                          call->options->file, luaL_typename(L, -1));
    int hooks = lua_gettop(L);
    mw_strategy_setup_params(L, hooks, call->options);
    int params = lua_gettop(L);
    strategy->setup.params = mw_strategy_setup_describe(L, params);
    mw_strategy_setup_hooks(L, hooks, returned, strategy->name, &strategy->setup);
    mw_strategy_setup_interests(L, params, &strategy->setup);
    strategy->bindings->push_context(L, strategy, params);
    strategy->setup.context = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static mw_status set_up(struct mw_strategy *strategy, const struct mw_strategy_options *options,
                        struct mw_error *err)
{
    struct setup_call call = {.strategy = strategy, .options = options};
    mw_vm_limit_time(strategy->vm, MW_LOAD_MS_MAX);
    mw_status status = mw_call_protected(strategy->L, setup_protected, &call, MW_ESTRATEGY, err);
    mw_vm_limit_time(strategy->vm, 0);
    if (status == MW_OK && call.load_status != MW_OK) {
        status = call.load_status;
        if (err != NULL)
            *err = call.load_error;
    }
    return status;
}

static struct mw_account *new_account(const struct mw_account_options *options)
{
    if (options != NULL)
        return mw_account_new(options);
    struct mw_account_options defaults = mw_account_defaults();
    defaults.history = MW_ACCOUNT_HISTORY_DEFAULT;
    return mw_account_new(&defaults);
}

static void publish(struct mw_strategy *strategy)
{
    const struct mw_account *account = strategy->account;
    struct mw_account_status status = {.cash = mw_account_cash(account),
                                       .equity = mw_account_equity(account),
                                       .positions = mw_account_position_count(account)};
    mw_account_orders(account, &status.orders);
    mw_account_get_totals(account, &status.totals);
    pthread_mutex_lock(&strategy->lock);
    strategy->published = status;
    pthread_mutex_unlock(&strategy->lock);
}

mw_status mw_strategy_load(const struct mw_strategy_options *options, struct mw_strategy **out,
                           struct mw_error *err)
{
    struct mw_strategy *strategy = mw_alloc_zero(sizeof(*strategy));
    snprintf(strategy->name, sizeof(strategy->name), "%s", options->name);
    strategy->bindings = options->bindings;
    strategy->market = options->market;
    strategy->on_event = options->on_event;
    strategy->user = options->user;
    strategy->clock_ms = options->clock_ms;
    mw_strategy_setup_init(&strategy->setup);
    strategy->account = new_account(options->account);
    pthread_mutex_init(&strategy->lock, NULL);
    publish(strategy);

    char folder[MW_PATH_BYTES_MAX];
    const char *slash = strrchr(options->file, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - options->file) : 1,
             slash != NULL ? options->file : ".");
    const struct mw_vm_options vm = {.bytes_max = MW_LUA_BYTES_DEFAULT,
                                     .folder = folder,
                                     .open = open_bindings,
                                     .user = strategy};
    mw_status status = mw_vm_new(&vm, &strategy->vm, err);
    if (status == MW_OK) {
        strategy->L = mw_vm_state(strategy->vm);
        status = set_up(strategy, options, err);
    }
    if (status != MW_OK) {
        mw_strategy_free(strategy);
        return status;
    }
    if (options->runs_free)
        mw_vm_run_free(strategy->vm);
    atomic_store_explicit(&strategy->memory_bytes, mw_vm_bytes(strategy->vm), memory_order_relaxed);
    *out = strategy;
    return MW_OK;
}

void mw_strategy_free(struct mw_strategy *strategy)
{
    if (strategy == NULL)
        return;
    mw_vm_free(strategy->vm);
    mw_strategy_setup_deinit(&strategy->setup);
    mw_account_free(strategy->account);
    pthread_mutex_destroy(&strategy->lock);
    mw_free(strategy);
}

const char *mw_strategy_name(const struct mw_strategy *strategy)
{
    return strategy->name;
}

const struct mw_interest *mw_strategy_interests(const struct mw_strategy *strategy, uint32_t *count)
{
    *count = strategy->setup.interest_count;
    return strategy->setup.interests;
}

const char *mw_strategy_params(const struct mw_strategy *strategy)
{
    return strategy->setup.params;
}

bool mw_strategy_wants_ticks(const struct mw_strategy *strategy)
{
    return strategy->setup.hooks[MW_HOOK_TICK] != LUA_NOREF;
}

/* One thread at a time counts: no locked instruction is needed. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* What is said happens in engine time. */
static int64_t time_ms(const struct mw_strategy *strategy)
{
    return strategy->clock_ms != 0 ? strategy->clock_ms : mw_clock_wall_ms();
}

static struct mw_event event_of(const struct mw_strategy *strategy, mw_event_kind kind)
{
    struct mw_event event = {.kind = kind, .time_ms = time_ms(strategy)};
    memcpy(event.strategy, strategy->name, sizeof(event.strategy));
    return event;
}

/* One call of a hook: its arguments are whichever of these are set. */
struct invocation {
    struct mw_strategy *strategy;
    mw_hook hook;
    const struct mw_candle *candle;
    const struct mw_series_key *key;
    const struct mw_event *event;
};

static int invoke_protected(lua_State *L, void *user)
{
    const struct invocation *call = user;
    const struct mw_strategy *strategy = call->strategy;
    int arguments = 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, strategy->setup.hooks[call->hook]);
    lua_rawgeti(L, LUA_REGISTRYINDEX, strategy->setup.context);
    if (call->candle != NULL) {
        strategy->bindings->push_bar(L, call->candle, call->key);
        arguments++;
    } else if (call->event != NULL) {
        strategy->bindings->push_event(L, call->event);
        arguments++;
    }
    lua_call(L, arguments, 0);
    return 0;
}

static void tell_error(struct mw_strategy *strategy, const struct mw_error *err)
{
    struct mw_event event = event_of(strategy, MW_EVENT_ERROR);
    event.has_error = true;
    event.error = *err;
    count(&strategy->errors, 1);
    strategy->on_event(strategy->user, &event);
}

/* Calls a hook if the script has it. */
static void invoke(const struct invocation *call)
{
    struct mw_strategy *strategy = call->strategy;
    if (strategy->setup.hooks[call->hook] == LUA_NOREF)
        return;
    struct mw_error err;
    atomic_store_explicit(&strategy->busy, true, memory_order_relaxed);
    mw_status status = mw_call_protected(strategy->L, invoke_protected, (void *)(uintptr_t)call,
                                         MW_ESTRATEGY, &err);
    atomic_store_explicit(&strategy->busy, false, memory_order_relaxed);
    atomic_store_explicit(&strategy->memory_bytes, mw_vm_bytes(strategy->vm), memory_order_relaxed);
    mw_vm_pace(strategy->vm);
    if (status != MW_OK)
        tell_error(strategy, &err);
}

void mw_strategy_init(struct mw_strategy *strategy)
{
    invoke(&(struct invocation){.strategy = strategy, .hook = MW_HOOK_INIT});
}

void mw_strategy_handle_bar(struct mw_strategy *strategy, const struct mw_candle *candle,
                            const struct mw_series_key *key)
{
    count(&strategy->bars, 1);
    strategy->bar_time_ms = mw_timeframe_next(key->timeframe, candle->open_ms);
    invoke(&(struct invocation){
        .strategy = strategy, .hook = MW_HOOK_BAR, .candle = candle, .key = key});
    strategy->bar_time_ms = 0;
}

void mw_strategy_handle_tick(struct mw_strategy *strategy, const struct mw_candle *candle,
                             const struct mw_series_key *key)
{
    count(&strategy->ticks, 1);
    invoke(&(struct invocation){
        .strategy = strategy, .hook = MW_HOOK_TICK, .candle = candle, .key = key});
}

void mw_strategy_handle_state(struct mw_strategy *strategy, const struct mw_event *event)
{
    invoke(&(struct invocation){.strategy = strategy, .hook = MW_HOOK_STATE, .event = event});
}

void mw_strategy_stop(struct mw_strategy *strategy)
{
    invoke(&(struct invocation){.strategy = strategy, .hook = MW_HOOK_STOP});
}

bool mw_strategy_is_busy(const struct mw_strategy *strategy)
{
    return atomic_load_explicit(&strategy->busy, memory_order_relaxed);
}

void mw_strategy_interrupt(struct mw_strategy *strategy)
{
    mw_vm_interrupt(strategy->vm);
}

int64_t mw_strategy_time(const struct mw_strategy *strategy)
{
    return strategy->bar_time_ms != 0 ? strategy->bar_time_ms : strategy->clock_ms;
}

int64_t mw_strategy_order_time(const struct mw_strategy *strategy)
{
    int64_t bar_ms = strategy->bar_time_ms, clock_ms = strategy->clock_ms;
    return bar_ms == 0 || (clock_ms != 0 && clock_ms > bar_ms) ? clock_ms : bar_ms;
}

void mw_strategy_set_clock(struct mw_strategy *strategy, int64_t now_ms)
{
    strategy->clock_ms = now_ms;
}

const struct mw_market *mw_strategy_market(const struct mw_strategy *strategy)
{
    return strategy->market;
}

void mw_strategy_signal(struct mw_strategy *strategy, const char *text, const char *json)
{
    count(&strategy->signals, 1);
    struct mw_event event = event_of(strategy, MW_EVENT_SIGNAL);
    event.text = (char *)(uintptr_t)text; /* the queue copies */
    event.json = (char *)(uintptr_t)json;
    strategy->on_event(strategy->user, &event);
}

struct mw_account *mw_strategy_account(struct mw_strategy *strategy)
{
    return strategy->account;
}

static void tell_of_order(struct mw_strategy *strategy, const struct mw_order *order)
{
    struct mw_event event = event_of(strategy, MW_EVENT_ORDER);
    uint32_t instrument = order->request.instrument;
    event.time_ms = order->done_ms;
    event.order = *order;
    snprintf(event.feed, sizeof(event.feed), "%s", mw_account_feed(strategy->account, instrument));
    memcpy(event.key.feed, event.feed, sizeof(event.key.feed));
    snprintf(event.key.symbol, sizeof(event.key.symbol), "%s",
             mw_account_symbol(strategy->account, instrument));
    mw_strategy_handle_state(strategy, &event);
    strategy->on_event(strategy->user, &event);
}

void mw_strategy_take_price(struct mw_strategy *strategy, uint32_t instrument,
                            const struct mw_candle *candle, int64_t now_ms)
{
    if (!mw_account_take(strategy->account, instrument, candle, now_ms))
        return;
    /* It is the moment in which handle_bar will be called of this bar. */
    if (candle->state == MW_CANDLE_CLOSED)
        strategy->bar_time_ms = now_ms;
    /* What the hook itself cancels meanwhile is told with the next price: no loop without end. */
    struct mw_order order;
    for (uint32_t count = mw_account_done_count(strategy->account); count > 0; count--)
        if (mw_account_next_done(strategy->account, &order))
            tell_of_order(strategy, &order);
    strategy->bar_time_ms = 0;
}

void mw_strategy_publish_account(struct mw_strategy *strategy)
{
    if (mw_account_is_used(strategy->account))
        publish(strategy);
}

void mw_strategy_count_lost(struct mw_strategy *strategy, uint64_t lost)
{
    count(&strategy->lost, lost);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mw_strategy_get_status(struct mw_strategy *strategy, struct mw_strategy_status *status)
{
    *status = (struct mw_strategy_status){
        .loaded = true,
        .bars = counted(&strategy->bars),
        .ticks = counted(&strategy->ticks),
        .signals = counted(&strategy->signals),
        .errors = counted(&strategy->errors),
        .lost = counted(&strategy->lost),
        .memory_bytes = atomic_load_explicit(&strategy->memory_bytes, memory_order_relaxed)};
    memcpy(status->name, strategy->name, sizeof(status->name));
    pthread_mutex_lock(&strategy->lock);
    status->account = strategy->published;
    pthread_mutex_unlock(&strategy->lock);
}
