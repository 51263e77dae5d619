/* settings.h - the configuration: a Lua table, checked key by key into a struct.
 *
 * Sources, later ones over earlier ones: the defaults here, config.lua (or a table handed in), the
 * environment (WEBSOCKET_ENDPOINT, _CSRF_TOKEN, _MARKET_TYPE, _SYMBOLS, _RESOLUTIONS, for the first
 * feed), the command line. A key that is not known, or whose value is of the wrong type or out of
 * its range, is refused with its path, the value, what was wanted and the nearest known name:
 *
 *     config.lua: feeds[1].symbol = "BTCUSDT": no such key, did you mean symbols?
 *
 * Inside config.lua `env "NAME"` is the value of an environment variable (an error when it is not
 * set and no default was given), so that secrets stay out of the file. Secrets are never printed.
 *
 * A function in it, `on_signal`, runs in the lua_State of the configuration whenever a strategy
 * says something: how users hand signals on. Tables that are handed in have none, because functions
 * cannot be copied from one lua_State to another.
 *
 * Threads: immutable after loading, but `L`, which belongs to the thread that loaded it.
 */
#ifndef MW_SCRIPT_SETTINGS_H
#define MW_SCRIPT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/status.h"
#include "history/writer.h"
#include "market/timeframe.h"
#include "net/backoff.h"
#include "script/account.h"

struct mw_capture;
struct mw_vm;

/* How an in-process simulator makes its prices (endpoint = "simulator"). */
struct mw_simulator_settings {
    uint64_t seed;     /* 1 by default */
    double speed;      /* simulated seconds per second, 1 by default; 0 for "max" */
    int64_t start_ms;  /* 0 for the simulator's default */
    char *replay_file; /* owns; resolved against the configuration's folder; NULL for none */
    char
        *faults_file; /* owns; resolved; what goes wrong and when (server/fault.h); NULL for none */
};

struct mw_feed_settings {
    char name[MW_FEED_NAME_BYTES_MAX +
              1];     /* letters, digits, '_', '-', '.'; the protocol's by default */
    char *protocol;   /* owns; a shipped name, or the path of a .lua file, resolved */
    char **endpoints; /* owns; empty: the protocol's own; or one "simulator" */
    uint32_t endpoint_count;
    char **symbols; /* owns; as the venue spells them; no duplicates */
    uint32_t symbol_count;
    struct mw_timeframe *timeframes; /* owns; { "1m" } by default; no duplicates */
    uint32_t timeframe_count;
    char *ca_file;                                      /* owns; resolved; NULL for none */
    char *csrf_token;                                   /* owns; secret; NULL for none */
    char *market_type;                                  /* owns; NULL for none */
    int64_t connect_ms, tls_ms, upgrade_ms, confirm_ms; /* MW_PHASE_MS_DEFAULT each */
    size_t frame_bytes_max;                             /* MW_FRAME_BYTES_DEFAULT */
    int64_t ping_ms, pong_ms; /* silence before a ping, and before its answer is missed */
    int64_t stall_ms;         /* silence of one series before it is looked into, at least */
    int64_t grace_ms;         /* after a bucket's end before the clock closes its bar */
    int64_t gap_wait_ms;      /* that newer bars wait for a hole to be filled; 0 for not at all */
    bool backfill;            /* ask the venue's history for what is missing */
    char *rest;               /* owns; where that is, instead of the protocol's; NULL for its own */
    bool store;               /* keep its bars, if there is a store: see mw_feed_settings_stores */
    bool store_given;         /* somebody said so */
    struct mw_simulator_settings simulator;
};

struct mw_strategy_settings {
    char *name; /* owns; the file's stem by default; unique */
    char *file; /* owns; resolved against the configuration's folder */
    int params; /* reference in the registry of mw_settings.L to a table, or LUA_NOREF */
    struct mw_account_options account; /* those of the settings, with its own over them */
};

/* Candles that a file has. */
struct mw_candle_file {
    char *path;               /* owns; resolved */
    struct mw_series_key key; /* the feed may be empty: of whichever has the symbol */
    bool whole;               /* a bucket that is absent had no trades */
};

/* What is kept of the past. */
struct mw_history_settings {
    struct mw_candle_file *files; /* owns */
    uint32_t file_count;
    char *store;                     /* owns; the file, resolved; NULL for none */
    struct mw_retention *retentions; /* owns; timeframes that are not named are kept */
    uint32_t retention_count;
};

struct mw_settings {
    char *path;                     /* owns; the file it came from; "config" for a table */
    char *folder;                   /* owns; what relative paths are relative to */
    struct mw_feed_settings *feeds; /* owns */
    uint32_t feed_count;
    struct mw_strategy_settings *strategies; /* owns */
    uint32_t strategy_count;
    struct mw_backoff_options reconnect; /* 3 attempts, 1 s doubling to 60 s, jitter 0.2 */
    struct mw_history_settings history;
    struct mw_account_options account; /* of strategies that say nothing else */
    uint32_t cache_bars;               /* MW_SERIES_CANDLES_DEFAULT */
    uint32_t worker_count;             /* 0: as many as there are cores */
    mw_log_level log_level;            /* MW_LOG_INFO */
    struct mw_capture *capture; /* borrows; where feeds record to; NULL, or the command line's */
    struct mw_vm *vm;           /* owns */
    lua_State *L;               /* its state; holds the params tables and on_signal */
    int on_signal;              /* reference in its registry to a function, or LUA_NOREF */
};

/* Runs the file and checks what it returns, then applies the environment. Errors: MW_EIO,
 * MW_ECONFIG. `*out` is owned by the caller. */
MW_MUST_USE mw_status mw_settings_load_file(const char *path, struct mw_settings **out,
                                            struct mw_error *err);

/* The same for the table at `index` of `L`, with paths relative to the working folder. The table is
 * copied. */
MW_MUST_USE mw_status mw_settings_load_table(lua_State *L, int index, struct mw_settings **out,
                                             struct mw_error *err);

void mw_settings_free(struct mw_settings *settings);

bool mw_settings_has_on_signal(const struct mw_settings *settings);
/* Calls on_signal, if there is one, with what `push` pushes for `user`, one value; it and `push`
 * are run protected. What takes longer than `limit_ms` is ended with an error. Errors: MW_ECONFIG
 * with the message and a traceback. The thread that loaded the settings only. */
MW_MUST_USE mw_status mw_settings_call_on_signal(struct mw_settings *settings,
                                                 void (*push)(lua_State *L, const void *user),
                                                 const void *user, int64_t limit_ms,
                                                 struct mw_error *err);

/* Whether the feed's endpoint is the simulator in this process. */
bool mw_feed_settings_simulates(const struct mw_feed_settings *feed);

/* Whether that has a time of its own, which begins anew with each start. */
bool mw_feed_settings_has_own_time(const struct mw_feed_settings *feed);

/* Whether the feed's bars are kept where there is a store: unless somebody says otherwise, those
 * whose time goes on from one start to the next. */
bool mw_feed_settings_stores(const struct mw_feed_settings *feed);

#endif
