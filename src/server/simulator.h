/* simulator.h - a feed server with made-up or replayed prices, for demos, tests and trials.
 *
 * It speaks the client's side of a venue's WebSocket protocol: "wealthdata" at /market_data and
 * "binance" (combined streams) at /stream and /ws. Prices are a pure function of seed, symbol and
 * time, so that the same seed gives the same candles on every run and connection; or they come from
 * a CSV file. A bar unfolds as a few forming updates and one closed.
 *
 *     simulated time = start + speed * (real time since the first subscription)
 *
 * It never passes the wall clock: once there, it goes on at the wall clock's speed. At speed "max"
 * each session gets everything from the start as fast as its socket takes it.
 *
 * Threads: start, stop and the getters from one owner; the server runs on a thread of its own.
 */
#ifndef MW_SERVER_SIMULATOR_H
#define MW_SERVER_SIMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "market/timeframe.h"
#include "server/fault.h"

struct mw_simulator; /* opaque */

/* Something that went wrong on purpose. */
struct mw_fault_event {
    int64_t at_ms; /* real time after the first connection */
    mw_sabotage_kind kind;
    uint64_t session;               /* the client, numbered from 1 by upgrade; 0 for none */
    const char *symbol, *timeframe; /* the series; NULL for none; borrowed for the call */
};

/* Called on the server thread; must return soon. */
typedef void (*mw_fault_fn)(void *user, const struct mw_fault_event *event);

struct mw_simulator_options {
    const char *protocol; /* "wealthdata" or "binance" */
    const char *host;     /* address to listen on; NULL for 127.0.0.1 */
    uint16_t port;        /* 0 for any free one */
    const char *const
        *symbols; /* what may be subscribed; others are refused in the venue's words */
    uint32_t symbol_count;
    const struct mw_timeframe *timeframes;
    uint32_t timeframe_count;
    uint64_t seed;
    double speed;     /* simulated seconds per second; 0 for as fast as sockets take it */
    int64_t start_ms; /* simulated time at the start; 0 for the default (see simulator.c) */
    const char
        *replay_file; /* CSV to unfold instead of made-up prices, under symbols[0]; NULL for none */
    bool tls;         /* wss; with the two below, or a certificate made on the spot */
    const char *certificate_file, *key_file; /* PEM; both or neither */
    const struct mw_fault_plan *faults;      /* what goes wrong on purpose, copied; NULL: nothing */
    mw_fault_fn on_fault;                    /* told of each, with `user`; NULL for nobody */
    void *user;
};

/* Starts listening and returns at once. Errors: MW_EINVAL for options that contradict each other,
 * MW_ELIMIT, MW_ECONNECT when the port is in use or the address is not ours, MW_ETLS, and those of
 * the replay file (MW_EIO, MW_EHISTORY with the line). */
MW_MUST_USE mw_status mw_simulator_start(const struct mw_simulator_options *options,
                                         struct mw_simulator **out, struct mw_error *err);

/* The timeframe of a file's bars: the only one that a simulator sends which replays it. Errors:
 * those of the replay file, MW_EHISTORY with less than two rows. */
MW_MUST_USE mw_status mw_simulator_find_step(const char *path, struct mw_timeframe *step,
                                             struct mw_error *err);

/* Closes every session (1001) and the listener, joins the thread, frees. NULL is fine. */
void mw_simulator_stop(struct mw_simulator *simulator);

/* The port it listens on, and the URL that a client connects to
 * ("ws://127.0.0.1:18000/market_data"), borrowed until stop. */
uint16_t mw_simulator_port(const struct mw_simulator *simulator);
const char *mw_simulator_url(const struct mw_simulator *simulator);

/* The certificate made on the spot, PEM, for clients to trust; NULL when there is none. Borrowed
 * until stop. */
const char *mw_simulator_certificate(const struct mw_simulator *simulator);

/* How often each kind of fault was done. Any thread, until stop. */
void mw_simulator_fault_counts(const struct mw_simulator *simulator,
                               uint64_t counts[MW_SABOTAGE_KIND_COUNT]);

#endif
