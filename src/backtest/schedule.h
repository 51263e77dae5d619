/* schedule.h - what is due next, of many: a heap by time.
 *
 * A turn is part of whatever has one. Those of one time come by rank, so that the order never
 * depends on how they got there.
 *
 * Threads: the owner's.
 */
#ifndef MW_BACKTEST_SCHEDULE_H
#define MW_BACKTEST_SCHEDULE_H

#include <stdint.h>

/* Zero-initialise, but for the rank. */
struct mw_turn {
    int64_t due_ms;
    uint32_t rank;  /* unlike that of any other turn */
    uint32_t place; /* 1 + where it is in the heap; 0: nowhere */
};

/* Zero-initialise. */
struct mw_schedule {
    struct mw_turn **heap; /* owns the array, borrows the turns */
    uint32_t count, capacity;
};

void mw_schedule_deinit(struct mw_schedule *schedule);

/* Puts a turn in, or moves it; INT64_MAX takes it out. */
void mw_schedule_set(struct mw_schedule *schedule, struct mw_turn *turn, int64_t due_ms);

/* The turn that is due first; NULL when there is none. */
static inline struct mw_turn *mw_schedule_first(const struct mw_schedule *schedule)
{
    return schedule->count > 0 ? schedule->heap[0] : (struct mw_turn *)0;
}

#endif
