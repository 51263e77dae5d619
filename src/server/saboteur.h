/* saboteur.h - decides at each occasion whether something goes wrong now, and keeps the count.
 *
 * It also remembers the bars that were closed with wrong values: the right ones are owed to every
 * client, and stay owed for a while after they were sent, because a connection that breaks takes
 * along what was under way. A new subscription is told them again.
 *
 * Ownership: the simulator owns it, sessions borrow it.
 * Threads: server thread; mw_saboteur_counts any thread.
 */
#ifndef MW_SERVER_SABOTEUR_H
#define MW_SERVER_SABOTEUR_H

#include "base/thread.h"
#include "server/fault.h"
#include "server/playback.h"
#include "server/simulator.h"

struct mw_saboteur; /* opaque */

/* Copies the plan. */
struct mw_saboteur *mw_saboteur_new(const struct mw_fault_plan *plan, mw_fault_fn on_fault,
                                    void *user);
void mw_saboteur_free(struct mw_saboteur *saboteur);

/* The first client is there: times count from now. Only the first call counts. */
void mw_saboteur_begin(struct mw_saboteur *saboteur) MW_ON(mw_server_thread);

/* Who and what an occasion concerns. */
struct mw_occasion_facts {
    uint64_t session;      /* number, from 1; 0 for none */
    const char *symbol;    /* NULL where no series is concerned */
    const char *timeframe; /* NULL where no series is concerned */
};

/* What goes wrong now, borrowed until the next call; NULL for nothing. It counts as done. */
const struct mw_sabotage *mw_saboteur_strike(struct mw_saboteur *saboteur, mw_occasion occasion,
                                             const struct mw_occasion_facts *facts)
    MW_ON(mw_server_thread);

/* How long until a connection is to be refused by time alone; -1 for never. Then an occasion of
 * MW_OCCASION_GONE has come. */
int64_t mw_saboteur_wait_ms(const struct mw_saboteur *saboteur) MW_ON(mw_server_thread);

/* A number for who has several ways to do wrong. */
uint64_t mw_saboteur_pick(struct mw_saboteur *saboteur) MW_ON(mw_server_thread);

/* `event` is about to be told wrongly. False when too much is owed already: do not. */
bool mw_saboteur_owe(struct mw_saboteur *saboteur, const struct mw_playback_event *event)
    MW_ON(mw_server_thread);
/* It was told rightly. */
void mw_saboteur_repay(struct mw_saboteur *saboteur, const struct mw_playback_event *event)
    MW_ON(mw_server_thread);
/* Calls `visit` for what is owed of a series, oldest first. */
void mw_saboteur_each_owed(struct mw_saboteur *saboteur, uint32_t symbol, uint32_t timeframe,
                           void (*visit)(void *user, const struct mw_playback_event *event),
                           void *user) MW_ON(mw_server_thread);

/* How often each kind was done. */
void mw_saboteur_counts(const struct mw_saboteur *saboteur,
                        uint64_t counts[MW_SABOTAGE_KIND_COUNT]);

#endif
