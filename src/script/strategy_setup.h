/* strategy_setup.h - what a loaded script says about itself: parameters, hooks, subscriptions.
 *
 * The functions raise Lua errors that name what was wrong; what they filled in stays with the
 * struct.
 *
 * Threads: the thread that loads the strategy.
 */
#ifndef MW_SCRIPT_STRATEGY_SETUP_H
#define MW_SCRIPT_STRATEGY_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "script/strategy.h"

/* X(name, the function's name in a script). The first is asked while loading. */
#define MW_HOOK_LIST(X)                                                                            \
    X(SUBSCRIPTIONS, "subscriptions")                                                              \
    X(INIT, "init")                                                                                \
    X(BAR, "handle_bar")                                                                           \
    X(TICK, "handle_tick")                                                                         \
    X(STATE, "handle_state")                                                                       \
    X(STOP, "stop")

typedef enum mw_hook {
#define MW_HOOK_ENUM(name, text) MW_HOOK_##name,
    MW_HOOK_LIST(MW_HOOK_ENUM)
#undef MW_HOOK_ENUM
        MW_HOOK_COUNT
} mw_hook;

struct mw_strategy_setup {
    int hooks[MW_HOOK_COUNT];      /* references in the registry, LUA_NOREF for those it has not */
    int context;                   /* the same, of the context object */
    struct mw_interest *interests; /* owns; NULL for every series */
    uint32_t interest_count;
    char *params; /* owns; as text */
};

void mw_strategy_setup_init(struct mw_strategy_setup *setup);
/* Frees what it owns; references go with their lua_State. */
void mw_strategy_setup_deinit(struct mw_strategy_setup *setup);

/* Pushes a table with the script's `params` and over them those that the options name. A configured
 * name that the script does not have, or of another type than its default, is refused; texts are
 * read as that type. Stack: [-0, +1, e] */
void mw_strategy_setup_params(lua_State *L, int hooks, const struct mw_strategy_options *options);

/* Returns owned: "fast=5 slow=20 symbol=BTCUSDT", by name, of the table at `params`; cut at
 * MW_PARAMS_TEXT_BYTES_MAX. Stack: [-0, +0, -] */
char *mw_strategy_setup_describe(lua_State *L, int params);

/* Takes references to the hooks. Warns in the log, with `name`, of a function that is nearly called
 * like a hook, when the script `returned` its table. Stack: [-0, +0, e] */
void mw_strategy_setup_hooks(lua_State *L, int hooks, bool returned, const char *name,
                             struct mw_strategy_setup *setup);

/* Asks what it wants to see. Stack: [-0, +0, e] */
void mw_strategy_setup_interests(lua_State *L, int params, struct mw_strategy_setup *setup);

#endif
