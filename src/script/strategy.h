/* strategy.h - one strategy: a script in its own lua_State, its hooks and what it wants to see.
 *
 *     load (owner's thread)            subscriptions are known, nothing has run but the chunk
 *     init, deliver, stop (worker)     hooks
 *     free (owner's thread)            after the worker is done
 *
 * A script returns a table of hooks, or defines them as globals and returns nothing. What it sees
 * of the engine comes through mw_bindings, so that this folder knows nothing of the bindings.
 *
 * Threads: one at a time, as above; counters are atomics, and what is told of the account is under
 * a lock.
 */
#ifndef MW_SCRIPT_STRATEGY_H
#define MW_SCRIPT_STRATEGY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "history/prices.h"
#include "script/event.h"

struct mw_strategy; /* opaque */

/* What the bindings give to strategies; every function is called protected. */
struct mw_bindings {
    /* Opens modules and globals in a new lua_State. */
    void (*open)(lua_State *L, struct mw_strategy *strategy);
    /* Pushes the context object of `strategy`; `params` is the stack index of its parameters. */
    void (*push_context)(lua_State *L, struct mw_strategy *strategy, int params);
    void (*push_bar)(lua_State *L, const struct mw_candle *candle, const struct mw_series_key *key);
    void (*push_event)(lua_State *L, const struct mw_event *event);
};

/* A series that the strategy asked for. */
struct mw_interest {
    char feed[MW_FEED_NAME_BYTES_MAX + 1]; /* empty: whichever feed has the symbol */
    char symbol[MW_SYMBOL_BYTES_MAX + 1];
    struct mw_timeframe timeframe;
};

struct mw_strategy_options {
    const char *name, *file;
    lua_State *params_from; /* where the configured parameters are, or NULL for none */
    int params_ref;         /* in its registry */
    bool params_are_texts;  /* values are texts, read as what the script's defaults are */
    bool seeded;            /* nothing depends on the machine, see simulated.h */
    uint64_t seed;
    int64_t clock_ms; /* engine time from the beginning; 0: the wall clock */
    const struct mw_account_options *account; /* of its paper account; NULL: the defaults */
    bool runs_free; /* nobody calls mw_strategy_interrupt: its hooks run a sixth faster */
    const struct mw_bindings *bindings;                         /* borrows */
    const struct mw_market *market;                             /* borrows; where get_price asks */
    void (*on_event)(void *user, const struct mw_event *event); /* signals and errors */
    void *user;
};

/* Loads the script: runs its chunk, merges the configured parameters over its own, asks its
 * `subscriptions(params)`. Without that hook `params.symbol` and `params.frequency` are the one
 * series; without a symbol it gets every series. Errors: MW_ESTRATEGY with file, line and
 * traceback. */
MW_MUST_USE mw_status mw_strategy_load(const struct mw_strategy_options *options,
                                       struct mw_strategy **out, struct mw_error *err);
void mw_strategy_free(struct mw_strategy *strategy);

const char *mw_strategy_name(const struct mw_strategy *strategy);

/* What it asked for; NULL with count 0 when it takes every series. Borrowed. */
const struct mw_interest *mw_strategy_interests(const struct mw_strategy *strategy,
                                                uint32_t *count);

/* Its parameters as text, by name: "fast=5 slow=20 symbol=BTCUSDT". Borrowed. */
const char *mw_strategy_params(const struct mw_strategy *strategy);

/* Whether it has the hook; what it has not is not read for it. */
bool mw_strategy_wants_ticks(const struct mw_strategy *strategy);

/* Call the hooks. An error is told as an event and counted; the strategy goes on with the next
 * call. */
void mw_strategy_init(struct mw_strategy *strategy);
void mw_strategy_handle_bar(struct mw_strategy *strategy, const struct mw_candle *candle,
                            const struct mw_series_key *key);
void mw_strategy_handle_tick(struct mw_strategy *strategy, const struct mw_candle *candle,
                             const struct mw_series_key *key);
void mw_strategy_handle_state(struct mw_strategy *strategy, const struct mw_event *event);
void mw_strategy_stop(struct mw_strategy *strategy);

/* Ends the hook that is running, if any, with an error, and every later one too: for a script that
 * does not come back. Any thread. */
void mw_strategy_interrupt(struct mw_strategy *strategy);
/* Whether a hook is running. Any thread. */
bool mw_strategy_is_busy(const struct mw_strategy *strategy);

/* Engine time: while a bar is being handled, or an order that it closed with is told of, when that
 * bar closed; else that of the clock which was
 * set; 0 where it is the wall clock's. What a hook asks for must not lie after it, however far the
 * feed is ahead. Worker only. */
int64_t mw_strategy_time(const struct mw_strategy *strategy);
/* When an order is placed now: engine time, but not before the clock that was set. A bar that is
 * told late, behind a hole, says what lies behind it too. Worker only. */
int64_t mw_strategy_order_time(const struct mw_strategy *strategy);
/* Sets engine time for all hooks from now on: a back-test's. Worker only. */
void mw_strategy_set_clock(struct mw_strategy *strategy, int64_t now_ms);
/* Where its questions for prices go. */
const struct mw_market *mw_strategy_market(const struct mw_strategy *strategy);

/* Sends a signal of this strategy to whoever listens. Copies. */
void mw_strategy_signal(struct mw_strategy *strategy, const char *text, const char *json);

/* Its paper account, borrowed. Instruments are added by whoever delivers bars, before init: one for
 * each feed and symbol that it sees. Worker only. */
struct mw_account *mw_strategy_account(struct mw_strategy *strategy);
/* Tells the account of a bar of one instrument, before any hook hears of the bar; for each order
 * that is done then handle_state is called and an MW_EVENT_ORDER sent. Worker only. */
void mw_strategy_take_price(struct mw_strategy *strategy, uint32_t instrument,
                            const struct mw_candle *candle, int64_t now_ms);

/* Makes what mw_strategy_get_status says of the account true as of now: by whoever delivers bars,
 * when others may look. Worker only. */
void mw_strategy_publish_account(struct mw_strategy *strategy);

/* Its account when it was published last; what it began with before that. */
struct mw_account_status {
    double cash, equity;
    uint32_t positions, orders; /* open now */
    struct mw_account_totals totals;
};

struct mw_strategy_status {
    bool loaded; /* it runs, or ran until the engine stopped */
    char name[MW_STRATEGY_NAME_BYTES_MAX + 1];
    uint64_t bars, ticks, signals, errors;
    uint64_t lost;       /* bars the ring dropped before delivery */
    size_t memory_bytes; /* of its lua_State, as of the last callback */
    struct mw_account_status account;
};

/* Any thread. */
void mw_strategy_get_status(struct mw_strategy *strategy, struct mw_strategy_status *status);
/* Worker only. */
void mw_strategy_count_lost(struct mw_strategy *strategy, uint64_t lost);

#endif
