/* faulty.h - what tests of faults share: a simulator with a plan, and what one without would say.
 *
 * Every function fails the cmocka test that runs when things are not as they should be.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_FAULTY_H
#define MW_SUPPORT_FAULTY_H

#include "simulated.h"

/* A fault once, after `after` occasions. */
struct mw_sabotage faulty_fault(mw_sabotage_kind kind, uint32_t after);

/* Starts a simulator of simulated_options at this speed, with one fault. */
struct mw_simulator *faulty_start(const char *protocol, double speed,
                                  const struct mw_sabotage *sabotage);

/* Connects and subscribes BTCUSDT in 1m; the confirmation was read. */
struct raw_ws *faulty_join(const struct mw_simulator *simulator);

/* The next messages are those that a simulator without faults sends at these places, from 0, ended
 * by -1. Four of five are updates of a bar, the fifth closes it. */
void faulty_expect(struct raw_ws *ws, const int *places);

/* How often a fault was done. */
uint64_t faulty_count(const struct mw_simulator *simulator, mw_sabotage_kind kind);

#endif
